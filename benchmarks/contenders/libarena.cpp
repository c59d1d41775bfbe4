/* SPDX-License-Identifier: MIT */
/* libarena, from its shared library, in each of its faces.
 *
 *   typed      ARENA_DEFINE's inline alloc and slabs       burst      the window in registers
 *   exported   arena_alloc and arena_alloc_slab by pointer, as a binding for another language calls them
 *   -handout, -never    options.clear; else memory is cleared at reset
 *   concurrent, gate-only    struct arena_concurrent with chunks per thread, and without (ARENA_GATE_ONLY)
 *   pool-scope, pool-execute    ARENA_POOL_SCOPE_OF, arena_pool_execute
 *   own        W7 with an arena of the thread's own, as most peers' scopes are: nothing to get, nothing to give back
 */
#include "../harness/contend.hpp"
#include "../harness/mixed.hpp"
#include "../harness/scope.hpp"
#include "../harness/single.hpp"

#include <arena/arena.h>

ARENA_DEFINE(bench_i64, int64_t)
ARENA_DEFINE(bench_item, item32)

namespace {

arena_options options_of(arena_clear clear, uint32_t flags = 0) {
    arena_options options{};
    options.struct_size = sizeof options;
    options.clear = clear;
    options.flags = flags;
    return options;
}

/* The typed face, by element type. */
template <class T> struct face;
template <> struct face<int64_t> {
    using arena = struct bench_i64;
    using burst = struct bench_i64_burst;
    static arena *make(size_t n, const arena_options *o) { return must(bench_i64_create_with(n, o), "no arena"); }
    static BENCH_INLINE int64_t *alloc(arena *a, int64_t v) { return bench_i64_alloc(a, v); }
    static BENCH_INLINE int64_t *slab(arena *a, size_t n) { return bench_i64_alloc_slab(a, n).data; }
    static BENCH_INLINE void reset(arena *a) { bench_i64_reset(a); }
    static BENCH_INLINE burst begin(arena *a) { return bench_i64_burst_begin(a); }
    static BENCH_INLINE int64_t *put(burst &b, int64_t v) { return bench_i64_burst_put(&b, v); }
    static BENCH_INLINE void end(arena *a, burst &b) { bench_i64_burst_end(a, &b); }
    static void destroy(arena *a) { bench_i64_destroy(a); }
};
template <> struct face<item32> {
    using arena = struct bench_item;
    using burst = struct bench_item_burst;
    static arena *make(size_t n, const arena_options *o) { return must(bench_item_create_with(n, o), "no arena"); }
    static BENCH_INLINE item32 *alloc(arena *a, item32 v) { return bench_item_alloc(a, v); }
    static BENCH_INLINE item32 *slab(arena *a, size_t n) { return bench_item_alloc_slab(a, n).data; }
    static BENCH_INLINE void reset(arena *a) { bench_item_reset(a); }
    static BENCH_INLINE burst begin(arena *a) { return bench_item_burst_begin(a); }
    static BENCH_INLINE item32 *put(burst &b, item32 v) { return bench_item_burst_put(&b, v); }
    static BENCH_INLINE void end(arena *a, burst &b) { bench_item_burst_end(a, &b); }
    static void destroy(arena *a) { bench_item_destroy(a); }
};

template <class T, arena_clear Clear> struct typed : plain_session<typename face<T>::arena *> {
    using F = face<T>;
    using arena = typename F::arena;
    static arena *make(size_t count, size_t) {
        auto options = options_of(Clear);
        return F::make(count, &options);
    }
    static BENCH_INLINE T *put(arena *a, size_t, const T &value) { return F::alloc(a, value); }
    static BENCH_INLINE T *slab(arena *a, size_t, size_t count) { return F::slab(a, count); }
    static BENCH_INLINE void reset(arena *a, size_t) { F::reset(a); }
    static void drop(arena *a) { F::destroy(a); }
};
template <class T> using typed_reset = typed<T, ARENA_CLEAR_ON_RESET>;
template <class T> using typed_handout = typed<T, ARENA_CLEAR_ON_HANDOUT>;
template <class T> using typed_never = typed<T, ARENA_CLEAR_NEVER>;

template <class T, arena_clear Clear> struct bursts : typed<T, Clear> {
    using F = face<T>;
    using arena = typename F::arena;
    static BENCH_INLINE auto begin(arena *a) { return F::begin(a); }
    static BENCH_INLINE void end(arena *a, typename F::burst &b) { F::end(a, b); }
    static BENCH_INLINE T *put(typename F::burst &b, size_t, const T &value) {
        return must(F::put(b, value), "the burst is full");
    }
};
template <class T> using bursts_reset = bursts<T, ARENA_CLEAR_ON_RESET>;
template <class T> using bursts_handout = bursts<T, ARENA_CLEAR_ON_HANDOUT>;

template <class T, arena_clear Clear> struct exported : plain_session<struct arena *> {
    static struct arena *make(size_t count, size_t) {
        auto options = options_of(Clear);
        arena_type type = {"exported", sizeof(T), alignof(T), nullptr};
        struct arena *made;
        if (arena_create_with(&type, count, &options, &made) != ARENA_OK) bench_die("no arena");
        return made;
    }
    static BENCH_INLINE T *put(struct arena *a, size_t, T value) { return static_cast<T *>(arena_alloc(a, &value)); }
    static BENCH_INLINE T *slab(struct arena *a, size_t, size_t count) {
        return static_cast<T *>(arena_alloc_slab(a, count));
    }
    static BENCH_INLINE void reset(struct arena *a, size_t) { arena_reset(a); }
    static void drop(struct arena *a) { arena_destroy(a); }
};
template <class T> using exported_reset = exported<T, ARENA_CLEAR_ON_RESET>;
template <class T> using exported_handout = exported<T, ARENA_CLEAR_ON_HANDOUT>;

/* --- concurrent ------------------------------------------------------------------------------------------------- */

template <uint32_t Flags, arena_clear Clear> struct concurrent {
    using shared = struct bench_i64_concurrent;
    using local = shared *;
    static constexpr bool own_reset = false;
    static shared *make(size_t count) {
        auto options = options_of(Clear, Flags);
        return must(bench_i64_concurrent_create_with(count, &options), "no concurrent arena");
    }
    static void drop(shared *a) { bench_i64_concurrent_destroy(a); }
    static local begin(shared *a, unsigned, size_t) { return a; }
    static void end(local) {}
    static BENCH_INLINE int64_t *put(local a, size_t, int64_t v) { return bench_i64_concurrent_alloc(a, v); }
    static BENCH_INLINE int64_t *slab(local a, size_t, size_t count) {
        return bench_i64_concurrent_alloc_slab(a, count).data;
    }
    static void reset_own(local, size_t) {}
    static void reset_all(shared *a) { bench_i64_concurrent_reset(a); }
};

/* --- pool ------------------------------------------------------------------------------------------------------- */

struct pool_shared {
    using shared = struct bench_i64_pool;
    using local = shared *;
    static shared *make() { return must(bench_i64_pool_create(256), "no pool"); }
    static void drop(shared *pool) {
        if (bench_i64_pool_destroy(pool) != ARENA_OK) bench_die("arenas of the pool are still out");
    }
    static local begin(shared *pool) { return pool; }
    static void end(local) {}
};

struct pool_scope : pool_shared {
    template <class Use> static BENCH_INLINE void scope(local pool, int64_t v) {
        ARENA_POOL_SCOPE_OF(bench_i64, pool, scratch) {
            int64_t *value = bench_i64_alloc(scratch, v);
            scope_fill<Use>(value, bench_i64_alloc_slab(scratch, 4).data, v);
        }
    }
};

template <class Use> void pool_action(struct bench_i64 *scratch, void *user) {
    int64_t v = *static_cast<int64_t *>(user);
    int64_t *value = bench_i64_alloc(scratch, v);
    scope_fill<Use>(value, bench_i64_alloc_slab(scratch, 4).data, v);
}
struct pool_execute : pool_shared {
    template <class Use> static BENCH_INLINE void scope(local pool, int64_t v) {
        if (bench_i64_pool_execute(pool, pool_action<Use>, &v) != ARENA_OK) bench_die("no arena in the pool");
    }
};
struct pool_checkout : pool_shared {
    template <class Use> static BENCH_INLINE void scope(local pool, int64_t v) {
        struct bench_i64 *scratch;
        if (bench_i64_pool_checkout(pool, &scratch) != ARENA_OK) bench_die("no arena in the pool");
        int64_t *value = bench_i64_alloc(scratch, v);
        scope_fill<Use>(value, bench_i64_alloc_slab(scratch, 4).data, v);
        bench_i64_pool_return(pool, scratch);
    }
};

struct own : scope_unshared {
    using local = struct bench_i64 *;
    static local begin(shared *) { return must(bench_i64_create(256), "no arena"); }
    static void end(local arena) { bench_i64_destroy(arena); }
    template <class Use> static BENCH_INLINE void scope(local arena, int64_t v) {
        int64_t *value = bench_i64_alloc(arena, v);
        scope_fill<Use>(value, bench_i64_alloc_slab(arena, 4).data, v);
        bench_i64_reset(arena);
    }
};

/* Many pools in turn: one scope in each. */
template <class Scope> void run_pools(benchmark::State &state, size_t pools) {
    std::vector<typename Scope::shared *> list(pools);
    bool right = true;
    for (auto &pool : list) {
        pool = Scope::make();
        right = right && scope_right<Scope>(pool);
    }
    int64_t v = 1;
    for (auto _ : state)
        for (auto *pool : list) Scope::template scope<scope_use>(pool, v++);
    state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * static_cast<int64_t>(pools));
    bench_verify(state, right);
    for (auto *pool : list) Scope::drop(pool);
}

/* --- byte arenas ---------------------------------------------------------------------------------------------------- */

template <arena_clear Clear> struct blocks : blocks_and_reset<blocks<Clear>, arena_bytes *> {
    using handle = arena_bytes *;
    using string = arena_buffer;
    static handle make(size_t size_bytes) {
        auto options = options_of(Clear);
        return must(arena_bytes_create_with(size_bytes, &options), "no arena");
    }
    static BENCH_INLINE void *take(handle a, size_t size, size_t align) { return arena_bytes_alloc(a, size, align); }
    static BENCH_INLINE char *text(handle a, const char *from) { return arena_bytes_strdup(a, from); }
    static BENCH_INLINE void reset(handle a) { arena_bytes_reset(a); }
    static void drop(handle a) { arena_bytes_destroy(a); }
    static BENCH_INLINE string begin(handle a) { return {nullptr, 0, 0, a}; }
    static BENCH_INLINE void append(handle, string &s, const char *from, size_t length) {
        arena_buffer_append(&s, from, length);
    }
    static BENCH_INLINE char *end(handle, string &s) { return arena_buffer_text(&s); }
    template <class Use> static BENCH_INLINE void scope(handle a, int64_t v) {
        ARENA_SCRATCH(arena_bytes, a) {
            scope_blocks<Use>(
                [&](size_t size) __attribute__((always_inline)) { return arena_bytes_alloc(a, size, 8); }, v);
        }
    }
    template <class Use> static BENCH_INLINE void nested(handle a, int64_t v) {
        ARENA_SCRATCH(arena_bytes, a) {
            scope_blocks<Use>(
                [&](size_t size) __attribute__((always_inline)) { return arena_bytes_alloc(a, size, 8); }, v);
            scope<Use>(a, v);
        }
    }
};
/* The same scopes by arena_bytes_mark and arena_bytes_rewind_end, which are calls. */
struct marked_blocks : blocks<ARENA_CLEAR_ON_RESET> {
    template <class Use> static BENCH_INLINE void scope(handle a, int64_t v) {
        arena_mark mark = arena_bytes_mark(a);
        scope_blocks<Use>([&](size_t size) { return arena_bytes_alloc(a, size, 8); }, v);
        arena_bytes_rewind_end(a, mark);
    }
    template <class Use> static BENCH_INLINE void nested(handle a, int64_t v) {
        arena_mark mark = arena_bytes_mark(a);
        scope_blocks<Use>([&](size_t size) { return arena_bytes_alloc(a, size, 8); }, v);
        scope<Use>(a, v);
        arena_bytes_rewind_end(a, mark);
    }
};
void bytes_life(size_t capacity, size_t size) {
    arena_bytes *arena = must(arena_bytes_create(capacity), "no arena");
    life_use(arena_bytes_alloc(arena, size, 8), size);
    arena_bytes_destroy(arena);
}
void typed_life(size_t capacity, size_t size) {
    bench_i64 *arena = must(bench_i64_create(capacity), "no arena");
    life_use(bench_i64_alloc_slab(arena, size / sizeof(int64_t)).data, size / sizeof(int64_t) * sizeof(int64_t));
    bench_i64_destroy(arena);
}
int64_t push_into(arena_bytes *arena, int64_t count) {
    struct {
        int *data;
        size_t len, cap;
    } vector = {nullptr, 0, 0};
    for (int64_t i = 0; i < count; i++) {
        *ARENA_PUSH(arena, &vector) = static_cast<int>(i);
        keep(vector.data);
    }
    return vector.data[vector.len - 1] + static_cast<int64_t>(vector.len);
}
int64_t bytes_push(int64_t count) {
    arena_bytes *arena = must(arena_bytes_create(SIZE_MAX), "no arena");
    int64_t sum = push_into(arena, count);
    arena_bytes_destroy(arena);
    return sum;
}
/* The arena stays, as malloc's heap does, and is reset. */
int64_t bytes_push_again(int64_t count) {
    static arena_bytes *const arena = must(arena_bytes_create(SIZE_MAX), "no arena");
    int64_t sum = push_into(arena, count);
    arena_bytes_reset(arena);
    return sum;
}
template <arena_clear Clear> void add_blocks(const std::string &name) {
    add_mixed<blocks<Clear>>(name);
    add_marks<blocks<Clear>>(name);
    add_resets<blocks<Clear>>(name);
}

void add() {
    add_puts<typed_reset>("libarena-typed");
    add_puts<typed_handout>("libarena-typed-handout");
    add_puts<typed_never>("libarena-typed-never");
    add_puts<bursts_reset>("libarena-burst");
    add_puts<bursts_handout>("libarena-burst-handout");
    add_puts<exported_reset>("libarena-exported");
    add_puts<exported_handout>("libarena-exported-handout");
    add_slabs<typed_reset>("libarena-typed");
    add_slabs<typed_handout>("libarena-typed-handout");
    add_slabs<typed_never>("libarena-typed-never");
    add_batches<typed_reset>("libarena-typed");
    add_batches<typed_handout>("libarena-typed-handout");
    add_scopes<own>("libarena-own");
    add_scopes<pool_scope>("libarena-pool-scope");
    add_scopes<pool_execute>("libarena-pool-execute");
    add_scopes<pool_checkout>("libarena-pool-checkout");
    add_contended<concurrent<0, ARENA_CLEAR_ON_RESET>>("libarena-concurrent");
    add_contended<concurrent<0, ARENA_CLEAR_ON_HANDOUT>>("libarena-concurrent-handout");
    add_contended<concurrent<ARENA_GATE_ONLY, ARENA_CLEAR_ON_RESET>>("libarena-gate-only");
    for (size_t pools : {size_t{1}, size_t{10}, size_t{100}, size_t{1000}}) {
        auto suffix = std::to_string(pools);
        bench_add("pools/libarena-pool-scope/" + suffix,
                  [pools](benchmark::State &s) { run_pools<pool_scope>(s, pools); });
        bench_add("pools/libarena-pool-execute/" + suffix,
                  [pools](benchmark::State &s) { run_pools<pool_execute>(s, pools); });
    }
    add_blocks<ARENA_CLEAR_ON_RESET>("libarena-bytes");
    add_blocks<ARENA_CLEAR_ON_HANDOUT>("libarena-bytes-handout");
    add_blocks<ARENA_CLEAR_NEVER>("libarena-bytes-never");
    add_marks<marked_blocks>("libarena-bytes-rewind");
    const struct {
        const char *name;
        size_t bytes;
    } capacities[] = {{"60000", 60000}, {"16GiB", size_t{16} << 30}};
    for (auto &capacity : capacities) {
        const size_t bytes = capacity.bytes;
        add_life(std::string("libarena-bytes-") + capacity.name, [bytes](size_t size) { bytes_life(bytes, size); });
        add_life(std::string("libarena-typed-") + capacity.name, [bytes](size_t size) { typed_life(bytes / 8, size); });
    }
    add_push("libarena-bytes", bytes_push);
    add_push("libarena-bytes-reset", bytes_push_again);
}
BENCH_REGISTER(add);

} // namespace
