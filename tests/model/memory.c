/* SPDX-License-Identifier: MIT */
/* Plain memory under the model checker: what is live, which accesses race, the program's heap, and the calls that
 * -fsanitize=thread puts in for plain accesses. */
#include "internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

extern char __data_start[], _end[];

/* --- plain memory: lifetime and races ----------------------------------------------------------------------------- */

struct granule *granule_find(uintptr_t address, bool make) {
    uintptr_t key = address >> 3;
    uint32_t slot = (uint32_t)((key * UINT64_C(0x9E3779B97F4A7C15)) >> 40) & (GRANULES - 1);
    for (;; slot = (slot + 1) & (GRANULES - 1)) {
        struct granule *granule = &engine->granules[slot];
        if (granule->generation != engine->generation) {
            if (!make) return NULL;
            if (engine->granule_count > GRANULES * 3 / 4) engine_limit("plain memory");
            memset(granule, 0, sizeof *granule);
            granule->generation = engine->generation;
            granule->key = key;
            engine->granule_used[engine->granule_count++] = slot;
            return granule;
        }
        if (granule->key == key) return granule;
    }
}

static bool in_heap(uintptr_t address) {
    return address >= (uintptr_t)engine->heap && address < (uintptr_t)engine->heap + HEAP_BYTES;
}

static struct block *block_of(uintptr_t address) {
    uint32_t block = engine->heap_map[(address - (uintptr_t)engine->heap) / HEAP_GRAIN];
    return block ? &engine->blocks[block - 1] : NULL;
}

static const char *const access_names[] = {"plain read", "plain write", "atomic read", "atomic write"};

void memory_check(uintptr_t address, size_t size, enum access access, const char *site) {
    if (address < 65536) model_fail("%s through a null pointer: %s", access_names[access], site ? site : "");
    if (in_heap(address)) {
        struct block *block = block_of(address);
        if (!block || address < block->start || address + size > block->start + block->size)
            model_fail("%s of %zu bytes outside any block: %s", access_names[access], size, site ? site : "");
        if (!block->live)
            model_fail("%s of %zu bytes in freed memory (offset %zu in a block of %zu): %s", access_names[access], size,
                       (size_t)(address - block->start), block->size, site ? site : "");
        return;
    }
    uintptr_t stacks = (uintptr_t)engine->stacks;
    if (address >= stacks && address < stacks + THREADS * (size_t)STACK_BYTES) {
        struct thread *owner = &engine->threads[(address - stacks) / STACK_BYTES];
        if (owner == engine->current) return;
        if (owner->finished)
            model_fail("%s on the stack of T%u, which has ended: %s", access_names[access],
                       (unsigned)(owner - engine->threads), site ? site : "");
        if (address < owner->stack_low)
            model_fail("%s in a frame of T%u that has returned: %s", access_names[access],
                       (unsigned)(owner - engine->threads), site ? site : "");
    }
}

static void race(const struct granule *granule, unsigned byte, unsigned other, enum access before, enum access now,
                 const char *site) {
    uintptr_t address = (granule->key << 3) + byte;
    char where[64] = "";
    if (in_heap(address)) {
        struct block *block = block_of(address);
        if (block)
            snprintf(where, sizeof where, " (offset %zu in a block of %zu)", (size_t)(address - block->start),
                     block->size);
    }
    model_fail("data race: %s by T%u%s and %s by T%u before are not ordered: %s", access_names[now],
               (unsigned)(engine->current - engine->threads), where, access_names[before], other, site ? site : "");
}

static void granule_access(struct granule *granule, unsigned from, unsigned to, enum access access, const char *site) {
    unsigned self = (unsigned)(engine->current - engine->threads);
    const uint32_t *clock = engine->current->view->clock;
    for (unsigned t = 0; t < engine->thread_count; t++) {
        if (t == self) continue;
        for (unsigned b = from; b < to; b++) {
            if (granule->plain_write[t][b] > clock[t]) race(granule, b, t, PLAIN_WRITE, access, site);
            if ((access == PLAIN_WRITE || access == ATOMIC_WRITE) && granule->plain_read[t][b] > clock[t])
                race(granule, b, t, PLAIN_READ, access, site);
            if (access <= PLAIN_WRITE && granule->atomic_write[t][b] > clock[t])
                race(granule, b, t, ATOMIC_WRITE, access, site);
            if (access == PLAIN_WRITE && granule->atomic_read[t][b] > clock[t])
                race(granule, b, t, ATOMIC_READ, access, site);
        }
    }
    uint16_t(*record)[8] = access == PLAIN_READ    ? granule->plain_read
                           : access == PLAIN_WRITE ? granule->plain_write
                           : access == ATOMIC_READ ? granule->atomic_read
                                                   : granule->atomic_write;
    /* Clocks start at 1, so that 0 is: never. */
    for (unsigned b = from; b < to; b++) record[self][b] = (uint16_t)clock[self];
    if (access == PLAIN_WRITE) {
        if (from < 4) granule->object[0] = 0;
        if (to > 4) granule->object[1] = 0;
    }
}

void memory_access(uintptr_t address, size_t size, enum access access, const char *site) {
    if (size == 0) return;
    memory_check(address, size, access, site);
    for (uintptr_t at = address; at < address + size;) {
        uintptr_t end = (at | 7) + 1;
        if (end > address + size) end = address + size;
        granule_access(granule_find(at, true), (unsigned)(at & 7), (unsigned)((end - 1) & 7) + 1, access, site);
        at = end;
    }
}

/* A plain access of the program.  Its own frames are left alone while only the main thread exists. */
static void plain_access(const void *address, size_t size, enum access access, const char *site, void *caller) {
    if (!engine || !engine->running) return;
    engine->running = false;
    engine->plain_at = (uintptr_t)caller;
    memory_access((uintptr_t)address, size, access, site);
    engine->plain_at = 0;
    engine->running = true;
}

void model_plain_read(const void *address, size_t size_bytes) {
    plain_access(address, size_bytes, PLAIN_READ, NULL, __builtin_return_address(0));
}
void model_plain_write(const void *address, size_t size_bytes) {
    plain_access(address, size_bytes, PLAIN_WRITE, NULL, __builtin_return_address(0));
}

/* --- the heap of the program -------------------------------------------------------------------------------------- */

static void *heap_take(size_t size, size_t align, const char *what) {
    if (engine->current->fail_allocation && --engine->current->fail_allocation == 0) {
        engine_trace("%s of %zu bytes fails", what, size);
        return NULL;
    }
    if (align < HEAP_GRAIN) align = HEAP_GRAIN;
    /* A free grain between blocks shows an access just past one. */
    size_t offset = (engine->heap_used + HEAP_GRAIN + align - 1) & ~(align - 1);
    size_t grains = (size + HEAP_GRAIN - 1) / HEAP_GRAIN;
    if (size > HEAP_BYTES / 2 || offset + grains * HEAP_GRAIN + HEAP_GRAIN > HEAP_BYTES) return NULL;
    if (engine->block_count == BLOCKS) engine_limit("allocations");
    struct block *block = &engine->blocks[engine->block_count++];
    *block = (struct block){.start = (uintptr_t)engine->heap + offset, .size = size, .live = true};
    for (size_t i = 0; i < grains; i++) engine->heap_map[offset / HEAP_GRAIN + i] = engine->block_count;
    engine->heap_used = offset + grains * HEAP_GRAIN;
    return engine->heap + offset;
}

static void *heap_allocate(size_t size, size_t align, int fill, const char *what) {
    if (!engine || !engine->running) return NULL;
    engine->running = false;
    char *memory = heap_take(size, align, what);
    if (memory && fill >= 0) memset(memory, fill, size);
    if (memory && fill == 0 && size <= 4096) memory_access((uintptr_t)memory, size, PLAIN_WRITE, what);
    engine->running = true;
    return memory;
}

static void heap_free(void *memory, const char *what) {
    if (!memory || !engine || !engine->running) return;
    engine->running = false;
    struct block *block = in_heap((uintptr_t)memory) ? block_of((uintptr_t)memory) : NULL;
    if (!block || block->start != (uintptr_t)memory) model_fail("%s of what is no block", what);
    if (!block->live) model_fail("%s of a block that is free already", what);
    uintptr_t end = block->start + block->size;
    if (block->size <= 4096) {
        memory_access(block->start, block->size, PLAIN_WRITE, what);
    } else {
        for (unsigned i = 0; i < engine->granule_count; i++) {
            struct granule *granule = &engine->granules[engine->granule_used[i]];
            uintptr_t address = granule->key << 3;
            if (address >= block->start && address < end) granule_access(granule, 0, 8, PLAIN_WRITE, what);
        }
    }
    block->live = false;
    engine->running = true;
}

void *model_malloc(size_t size) { return heap_allocate(size ? size : 1, 1, 0xA5, "malloc"); }
void *model_calloc(size_t count, size_t size) {
    if (size && count > SIZE_MAX / size) return NULL;
    return heap_allocate(count > 0 && size > 0 ? count * size : 1, 1, 0, "calloc");
}
void *model_realloc(void *block, size_t size) {
    if (!block) return model_malloc(size);
    size_t before = block_of((uintptr_t)block)->size;
    void *moved = model_malloc(size);
    if (!moved) return NULL;
    model_memcpy(moved, block, before < size ? before : size);
    heap_free(block, "realloc");
    return moved;
}
void *model_aligned_alloc(size_t align, size_t size) { return heap_allocate(size, align, 0xA5, "aligned_alloc"); }
int model_posix_memalign(void **out, size_t align, size_t size) {
    *out = heap_allocate(size, align, 0xA5, "posix_memalign");
    return *out ? 0 : ENOMEM;
}
void model_free(void *block) { heap_free(block, "free"); }

void *model_mmap(void *address, size_t size, int protection, int flags, int file, long offset) {
    (void)address, (void)protection, (void)flags, (void)file, (void)offset;
    void *memory = heap_allocate(size, 4096, -1, "mmap");
    if (!memory) return MAP_FAILED;
    memset(memory, 0, size);
    return memory;
}
int model_munmap(void *address, size_t size) {
    struct block *block = block_of((uintptr_t)address);
    if (block && (block->start != (uintptr_t)address || block->size != size)) {
        model_fail("munmap of a part of a mapping");
    }
    heap_free(address, "munmap");
    return 0;
}
int model_mprotect(void *address, size_t size, int protection) {
    (void)address, (void)size, (void)protection;
    return 0;
}
int model_madvise(void *address, size_t size, int advice) {
    if (advice == MADV_DONTNEED) model_memset(address, 0, size);
    return 0;
}

void *model_memcpy(void *to, const void *from, size_t size) {
    plain_access(from, size, PLAIN_READ, "memcpy", __builtin_return_address(0));
    plain_access(to, size, PLAIN_WRITE, "memcpy", __builtin_return_address(0));
    return memcpy(to, from, size);
}
void *model_memmove(void *to, const void *from, size_t size) {
    plain_access(from, size, PLAIN_READ, "memmove", __builtin_return_address(0));
    plain_access(to, size, PLAIN_WRITE, "memmove", __builtin_return_address(0));
    return memmove(to, from, size);
}
void *model_memset(void *to, int byte, size_t size) {
    plain_access(to, size, PLAIN_WRITE, "memset", __builtin_return_address(0));
    return memset(to, byte, size);
}
int model_memcmp(const void *a, const void *b, size_t size) {
    plain_access(a, size, PLAIN_READ, "memcmp", __builtin_return_address(0));
    plain_access(b, size, PLAIN_READ, "memcmp", __builtin_return_address(0));
    return memcmp(a, b, size);
}

_Noreturn void model_abort(void) { model_fail("abort was called"); }
_Noreturn void model_assert_fail(const char *expression, const char *file, unsigned line, const char *function) {
    model_fail("%s:%u: %s: assertion failed: %s", file, line, function, expression);
}

void model_fail_allocation(unsigned n) { engine->current->fail_allocation = n; }

size_t model_live_blocks(void) {
    size_t live = 0;
    for (unsigned i = 0; i < engine->block_count; i++) live += engine->blocks[i].live;
    return live;
}

/* Marks what the words of [from, to) point at, and what that points at. */
static void leak_mark(uintptr_t from, uintptr_t to) {
    for (from = (from + sizeof(void *) - 1) & ~(sizeof(void *) - 1); from + sizeof(void *) <= to;
         from += sizeof(void *)) {
        uintptr_t word = *(uintptr_t *)from;
        if (!in_heap(word)) continue;
        struct block *block = block_of(word);
        if (block && block->live && !block->reached) {
            block->reached = true;
            leak_mark(block->start, block->start + block->size);
        }
    }
}

void leak_check(void) {
    leak_mark((uintptr_t)__data_start, (uintptr_t)_end);
    for (unsigned i = 0; i < engine->block_count; i++)
        if (engine->blocks[i].live && !engine->blocks[i].reached)
            model_fail("leak: block %u, of %zu bytes, cannot be reached at the end", i, engine->blocks[i].size);
}

/* --- what -fsanitize=thread makes of plain accesses --------------------------------------------------------------- */

#define TSAN_CALLBACK(size)                                                                                            \
    void __tsan_read##size(void *address);                                                                             \
    void __tsan_read##size(void *address) {                                                                            \
        plain_access(address, size, PLAIN_READ, NULL, __builtin_return_address(0));                                    \
    }                                                                                                                  \
    void __tsan_write##size(void *address);                                                                            \
    void __tsan_write##size(void *address) {                                                                           \
        plain_access(address, size, PLAIN_WRITE, NULL, __builtin_return_address(0));                                   \
    }                                                                                                                  \
    void __tsan_unaligned_read##size(void *address);                                                                   \
    void __tsan_unaligned_read##size(void *address) {                                                                  \
        plain_access(address, size, PLAIN_READ, NULL, __builtin_return_address(0));                                    \
    }                                                                                                                  \
    void __tsan_unaligned_write##size(void *address);                                                                  \
    void __tsan_unaligned_write##size(void *address) {                                                                 \
        plain_access(address, size, PLAIN_WRITE, NULL, __builtin_return_address(0));                                   \
    }                                                                                                                  \
    void __tsan_volatile_read##size(void *address);                                                                    \
    void __tsan_volatile_read##size(void *address) {                                                                   \
        plain_access(address, size, PLAIN_READ, NULL, __builtin_return_address(0));                                    \
    }                                                                                                                  \
    void __tsan_volatile_write##size(void *address);                                                                   \
    void __tsan_volatile_write##size(void *address) {                                                                  \
        plain_access(address, size, PLAIN_WRITE, NULL, __builtin_return_address(0));                                   \
    }
TSAN_CALLBACK(1)
TSAN_CALLBACK(2)
TSAN_CALLBACK(4)
TSAN_CALLBACK(8)
TSAN_CALLBACK(16)

void __tsan_read_range(void *address, unsigned long size);
void __tsan_read_range(void *address, unsigned long size) {
    plain_access(address, size, PLAIN_READ, NULL, __builtin_return_address(0));
}
void __tsan_write_range(void *address, unsigned long size);
void __tsan_write_range(void *address, unsigned long size) {
    plain_access(address, size, PLAIN_WRITE, NULL, __builtin_return_address(0));
}
void *__tsan_memcpy(void *to, const void *from, size_t size);
void *__tsan_memcpy(void *to, const void *from, size_t size) { return model_memcpy(to, from, size); }
void *__tsan_memmove(void *to, const void *from, size_t size);
void *__tsan_memmove(void *to, const void *from, size_t size) { return model_memmove(to, from, size); }
void *__tsan_memset(void *to, int byte, size_t size);
void *__tsan_memset(void *to, int byte, size_t size) { return model_memset(to, byte, size); }
void __tsan_init(void);
void __tsan_init(void) {}
void __tsan_func_entry(void *caller);
void __tsan_func_entry(void *caller) { (void)caller; }
void __tsan_func_exit(void);
void __tsan_func_exit(void) {}
