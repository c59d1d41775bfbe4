-- SPDX-License-Identifier: MIT
-- The generated declarations as LuaJIT reads them, and each handle used through them.
--
--     luajit test_luajit.lua CDEF LIBARENA

local ffi = require("ffi")

local file = assert(io.open(arg[1]))
local cdef = file:read("*a")
file:close()
-- Twice, in the way that the file's head says.
local known = assert(cdef:match('if not pcall%(ffi%.sizeof, "(struct [%w_]+)"%) then ffi%.cdef%(text%) end'))
for _ = 1, 2 do
    if not pcall(ffi.sizeof, known) then ffi.cdef(cdef) end
end
local lib = ffi.load(arg[2])

local checks = 0
local function check(condition, text)
    checks = checks + 1
    if not condition then error(text or "check " .. checks, 2) end
end

local count = 0
for name in cdef:gsub("/%*.-%*/", ""):gmatch("\n[^{}\n(]-(arena_[%w_]+)%(") do
    check(lib[name] ~= nil, name)
    count = count + 1
end
check(count > 50, "only " .. count .. " functions declared")

check(ffi.sizeof("struct arena_type") == tonumber(lib.arena_type_size()), "struct arena_type")
check(lib.ARENA_VERSION == lib.arena_version() and lib.ARENA_RETAIN_NONE == 1)
check(lib.ARENA_EPANIC == -8 and lib.ARENA_GATE_ONLY == 4)
check(ffi.string(lib.arena_strerror(lib.ARENA_EFULL)) ~= ffi.string(lib.arena_strerror(lib.ARENA_OK)))

local function made(kind, create, ...)
    local out = ffi.new(kind .. " *[1]")
    local arguments, last = { ... }, select("#", ...) + 1
    arguments[last] = out
    check(create(unpack(arguments, 1, last)) == lib.ARENA_OK)
    return out[0]
end

local int_type = ffi.new("struct arena_type", { "int", ffi.sizeof("int"), ffi.alignof("int"), nil })
local function put(arena, number) return ffi.cast("int *", lib.arena_try_alloc(arena, ffi.new("int[1]", number))) end

-- single-owner
local arena = made("struct arena", lib.arena_create, int_type, 4)
local first, second = put(arena, 10), put(arena, 20)
check(first[0] == 10 and second[0] == 20 and second == first + 1)
local slab = ffi.cast("int *", lib.arena_try_alloc_slab(arena, 2))
check(slab[0] == 0 and slab[1] == 0)
check(put(arena, 50) == nil and lib.arena_used(arena) == 4)
lib.arena_reset(arena)
check(put(arena, 30) == first and first[0] == 30)

-- mixed values
local mixed = made("struct arena", lib.arena_create, lib.arena_type_any(), 2)
local slot = lib.arena_try_alloc_any(mixed, int_type, ffi.new("int[1]", 123))
check(ffi.cast("int *", lib.arena_any_get(slot, int_type))[0] == 123)
lib.arena_destroy(mixed)

-- burst
local burst = ffi.new("struct arena_burst[1]")
lib.arena_reset(arena)
lib.arena_burst_begin(arena, burst)
for i = 1, 4 do check(ffi.cast("int *", lib.arena_burst_put(burst, ffi.new("int[1]", i)))[0] == i) end
check(lib.arena_burst_put(burst, nil) == nil)
lib.arena_burst_end(arena, burst)
check(lib.arena_used(arena) == 4)

-- context
local context = made("struct arena_context", lib.arena_inject, nil, arena)
check(made("struct arena", lib.arena_extract, context, int_type) == arena)
local late = made("struct arena_context", lib.arena_context_with_timeout, context, ffi.new("int64_t", 0))
check(lib.arena_context_status(late) == lib.ARENA_ETIMEDOUT)
lib.arena_context_release(late)
lib.arena_context_release(context)
lib.arena_destroy(arena)

-- concurrent
local shared = made("struct arena_concurrent", lib.arena_concurrent_create, int_type, 4)
local taken = ffi.new("void *[1]")
check(lib.arena_concurrent_alloc_context(shared, nil, ffi.new("int[1]", 42), taken) == lib.ARENA_OK)
check(ffi.cast("int *", taken[0])[0] == 42)
local held = made("struct arena", lib.arena_concurrent_acquire, shared, nil)
check(lib.arena_remaining(held) == 3)
check(lib.arena_concurrent_reset_context(shared, nil) == lib.ARENA_EBUSY)
lib.arena_concurrent_release(shared)
lib.arena_concurrent_destroy(shared)

-- pool
local pool = made("struct arena_pool", lib.arena_pool_create, int_type, 8)
local out = made("struct arena", lib.arena_pool_checkout, pool)
check(put(out, 1)[0] == 1)
check(lib.arena_pool_destroy(pool) == lib.ARENA_EBUSY)
lib.arena_pool_return(pool, out)
local scope = ffi.new("struct arena_pool_scope[1]")
check(lib.arena_pool_scope_enter(pool, scope) == lib.ARENA_OK)
check(lib.arena_used(scope[0].arena) == 0)
lib.arena_pool_scope_leave(scope)
check(scope[0].arena == nil)
check(lib.arena_pool_destroy(pool) == lib.ARENA_OK)

print(checks .. " checks, " .. count .. " functions")
