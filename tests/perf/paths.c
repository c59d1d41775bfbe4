/* SPDX-License-Identifier: MIT */
/* The hot paths.  Each function here is what a user's loop compiles to; the loop's own instructions are part of its
 * count.
 */
#include "paths.h"

#include <pthread.h>
#include <stdlib.h>

#include <arena/arena.h>

struct item32 {
    int64_t a, b, c, d;
};

ARENA_DEFINE(perf_i64, int64_t)
ARENA_DEFINE(perf_item, struct item32)

/* The compiler takes it that the pointer is used. */
#define keep(pointer) __asm__ volatile("" : : "r"(pointer) : "memory")

static void require(bool right) {
    if (!right) abort();
}

static struct perf_i64 *typed;
static struct arena *raw8, *raw32;
static struct perf_i64_pool *pool;
static struct perf_i64_concurrent *chunked, *gated;
static struct arena_bytes *bytes;
static struct arena_context *deep, *live;

static void prepare_arenas(void) {
    typed = perf_i64_create(PATHS_MOST * 8);
    require(typed != NULL);
    raw8 = perf_i64_raw(perf_i64_create(PATHS_MOST));
    raw32 = perf_item_raw(perf_item_create(PATHS_MOST));
    require(raw8 != NULL && raw32 != NULL);
}

static void typed_alloc(size_t times) {
    struct perf_i64 *arena = typed;
    for (size_t i = 0; i < times; i++) keep(perf_i64_alloc(arena, (int64_t)i));
}

static void typed_reset(size_t times) {
    struct perf_i64 *arena = typed;
    for (size_t i = 0; i < times; i++) {
        keep(perf_i64_alloc(arena, (int64_t)i));
        perf_i64_reset(arena);
    }
}

static void typed_slab(size_t times) {
    struct perf_i64 *arena = typed;
    for (size_t i = 0; i < times; i++) keep(perf_i64_alloc_slab(arena, 4).data);
}

/* begin and end are not part of it: the counts are differences between two lengths. */
static void burst_put(size_t times) {
    struct perf_i64_burst burst = perf_i64_burst_begin(typed);
    for (size_t i = 0; i < times; i++) keep(perf_i64_burst_put(&burst, (int64_t)i));
    perf_i64_burst_end(typed, &burst);
}

static void exported_alloc8(size_t times) {
    struct arena *arena = raw8;
    for (size_t i = 0; i < times; i++) {
        int64_t value = (int64_t)i;
        keep(arena_alloc(arena, &value));
    }
}

static void exported_alloc32(size_t times) {
    struct arena *arena = raw32;
    for (size_t i = 0; i < times; i++) {
        int64_t n = (int64_t)i;
        struct item32 value = {n, n + 1, n + 2, n + 3};
        keep(arena_alloc(arena, &value));
    }
}

static void exported_slab(size_t times) {
    struct arena *arena = raw8;
    for (size_t i = 0; i < times; i++) keep(arena_alloc_slab(arena, 1));
}

static void exported_slab_with(size_t times) {
    static const int64_t values[4] = {1, 2, 3, 4};
    struct arena *arena = perf_i64_raw(typed);
    for (size_t i = 0; i < times; i++) keep(arena_alloc_slab_with(arena, values, 4));
}

/* Dirty slots, and enough of them used already that a good piece behind them is cleared ahead. */
static void prepare_cleared_ahead(void) {
    const struct arena_options options = {sizeof options, ARENA_CLEAR_ON_HANDOUT, 0};
    struct perf_i64 *arena = perf_i64_create_with(1 << 13, &options);
    require(arena != NULL);
    raw8 = perf_i64_raw(arena);
    keep(arena_alloc_slab(raw8, 1 << 13));
    arena_reset(raw8);
    keep(arena_alloc_slab(raw8, 1 << 12));
    keep(arena_alloc_slab(raw8, 1));
}

static void prepare_pool(void) {
    pool = perf_i64_pool_create(64);
    require(pool != NULL);
    if (live == NULL) require(arena_context_with_timeout(NULL, INT64_MAX / 2, &live) == ARENA_OK);
}

static void fill_scope(struct perf_i64 *scratch, int64_t value) {
    keep(perf_i64_alloc(scratch, value));
    int64_t *slab = perf_i64_alloc_slab(scratch, 4).data;
    for (int64_t i = 0; i < 4; i++) slab[i] = value + i;
    keep(slab);
}

static void pool_scope(size_t times) {
    struct perf_i64_pool *from = pool;
    for (size_t i = 0; i < times; i++) {
        ARENA_POOL_SCOPE_OF(perf_i64, from, scratch) {
            fill_scope(scratch, (int64_t)i);
        }
    }
}

static void scope_action(struct perf_i64 *scratch, void *user) { fill_scope(scratch, *(int64_t *)user); }

static void pool_execute(size_t times) {
    struct perf_i64_pool *from = pool;
    for (size_t i = 0; i < times; i++) {
        int64_t value = (int64_t)i;
        (void)!perf_i64_pool_execute(from, scope_action, &value);
    }
}

static void pool_checkout(size_t times) {
    struct perf_i64_pool *from = pool;
    for (size_t i = 0; i < times; i++) {
        struct perf_i64 *scratch;
        require(perf_i64_pool_checkout(from, &scratch) == ARENA_OK);
        fill_scope(scratch, (int64_t)i);
        perf_i64_pool_return(from, scratch);
    }
}

static void pool_checkout_context(size_t times) {
    struct perf_i64_pool *from = pool;
    for (size_t i = 0; i < times; i++) {
        struct perf_i64 *scratch;
        require(perf_i64_pool_checkout_context(from, i % 2 == 0 ? live : NULL, &scratch) == ARENA_OK);
        fill_scope(scratch, (int64_t)i);
        perf_i64_pool_return(from, scratch);
    }
}

static void prepare_bytes(void) {
    bytes = arena_bytes_create(PATHS_MOST * 8);
    require(bytes != NULL);
}

static inline void fill_blocks(struct arena_bytes *arena, size_t value) {
    size_t *one = (size_t *)arena_bytes_alloc(arena, sizeof(size_t), sizeof(size_t));
    size_t *four = (size_t *)arena_bytes_alloc(arena, 4 * sizeof(size_t), sizeof(size_t));
    *one = value;
    for (size_t i = 0; i < 4; i++) four[i] = value + i;
    keep(one);
    keep(four);
}

static void bytes_scratch(size_t times) {
    struct arena_bytes *arena = bytes;
    for (size_t i = 0; i < times; i++) {
        ARENA_SCRATCH(arena_bytes, arena) {
            fill_blocks(arena, i);
        }
    }
}

static void bytes_nested(size_t times) {
    struct arena_bytes *arena = bytes;
    for (size_t i = 0; i < times; i++) {
        ARENA_SCRATCH(arena_bytes, arena) {
            fill_blocks(arena, i);
            ARENA_SCRATCH(arena_bytes, arena) {
                fill_blocks(arena, i);
            }
        }
    }
}

static void bytes_mark(size_t times) {
    struct arena_bytes *arena = bytes;
    for (size_t i = 0; i < times; i++) {
        struct arena_mark mark = arena_bytes_mark(arena);
        fill_blocks(arena, i);
        arena_bytes_rewind_end(arena, mark);
    }
}

static void bytes_reset(size_t times) {
    struct arena_bytes *arena = bytes;
    for (size_t i = 0; i < times; i++) {
        fill_blocks(arena, i);
        arena_bytes_reset(arena);
    }
}

/* A whole life, on a thread that keeps the arena which ended before. */
static void bytes_life(size_t times) {
    for (size_t i = 0; i < times; i++) {
        struct arena_bytes *arena = arena_bytes_create(SIZE_MAX);
        keep(arena_bytes_alloc(arena, 900, 8));
        arena_bytes_destroy(arena);
    }
}
static void prepare_bytes_life(void) { bytes_life(1); }

static void typed_life(size_t times) {
    for (size_t i = 0; i < times; i++) {
        struct perf_i64 *arena = perf_i64_create((size_t)1 << 16);
        keep(perf_i64_alloc_slab(arena, 100).data);
        perf_i64_destroy(arena);
    }
}
static void prepare_typed_life(void) { typed_life(1); }

/* Large enough for a whole chunk: 4 KiB hold 512 values. */
static void prepare_chunked(void) {
    chunked = perf_i64_concurrent_create(1 << 20);
    require(chunked != NULL);
}

static void chunked_alloc(size_t times) {
    struct perf_i64_concurrent *arena = chunked;
    for (size_t i = 0; i < times; i++) keep(perf_i64_concurrent_alloc(arena, (int64_t)i));
}

static void chunked_slab(size_t times) {
    struct arena_concurrent *arena = perf_i64_concurrent_raw(chunked);
    for (size_t i = 0; i < times; i++) keep(arena_concurrent_alloc_slab(arena, 4));
}

static struct arena_bytes *blocks;

static void prepare_blocks(void) {
    blocks = arena_bytes_create(SIZE_MAX);
    require(blocks != NULL);
    arena_bytes_reset(blocks);
}

/* A buffer of the frame: the compiler keeps it in registers. */
static void buffer_append(size_t times) {
    struct arena_buffer buffer = {NULL, 0, 0, blocks};
    for (size_t i = 0; i < times; i++) {
        arena_buffer_append(&buffer, "12345678", 8);
        keep(buffer.data);
    }
}

/* As adapters do: the window first. */
static void blocks_realloc(size_t times) {
    for (size_t i = 0; i < times; i++) keep(arena_bytes_try_realloc(blocks, NULL, 0, 40, 8));
}

static void prepare_gated(void) {
    struct arena_options options = {sizeof options, ARENA_CLEAR_ON_RESET, ARENA_GATE_ONLY};
    gated = perf_i64_concurrent_create_with(1 << 20, &options);
    require(gated != NULL);
}

static void gated_alloc(size_t times) {
    struct perf_i64_concurrent *arena = gated;
    for (size_t i = 0; i < times; i++) keep(perf_i64_concurrent_alloc(arena, (int64_t)i));
}

/* 16 arenas of other types lie above the one looked for. */
static void prepare_deep(void) {
    static const char *const names[16] = {"t0", "t1", "t2",  "t3",  "t4",  "t5",  "t6",  "t7",
                                          "t8", "t9", "t10", "t11", "t12", "t13", "t14", "t15"};
    prepare_arenas();
    require(perf_i64_inject(NULL, typed, &deep) == ARENA_OK);
    for (size_t i = 0; i < 16; i++) {
        const struct arena_type type = {names[i], 8, 8, NULL};
        struct arena *arena;
        struct arena_context *child;
        require(arena_create(&type, 1, &arena) == ARENA_OK);
        require(arena_inject(deep, arena, &child) == ARENA_OK);
        arena_context_release(deep);
        deep = child;
    }
}

static void deep_extract(size_t times) {
    struct arena_context *context = deep;
    for (size_t i = 0; i < times; i++) {
        struct perf_i64 *found;
        (void)!perf_i64_extract(context, &found);
        keep(found);
    }
}

const struct path path_list[] = {
    {"typed alloc", prepare_arenas, typed_alloc},
    {"typed alloc and reset", prepare_arenas, typed_reset},
    {"typed slab of 4", prepare_arenas, typed_slab},
    {"burst put", prepare_arenas, burst_put},
    {"exported alloc, 8 bytes", prepare_arenas, exported_alloc8},
    {"exported alloc, 32 bytes", prepare_arenas, exported_alloc32},
    {"exported slab", prepare_arenas, exported_slab},
    {"exported slab with values", prepare_arenas, exported_slab_with},
    {"exported slab, cleared ahead", prepare_cleared_ahead, exported_slab},
    {"pool scope", prepare_pool, pool_scope},
    {"pool execute", prepare_pool, pool_execute},
    {"pool checkout and return", prepare_pool, pool_checkout},
    {"two blocks in a scratch scope", prepare_bytes, bytes_scratch},
    {"two blocks in each of nested ones", prepare_bytes, bytes_nested},
    {"two blocks, mark and rewind", prepare_bytes, bytes_mark},
    {"two blocks and reset", prepare_bytes, bytes_reset},
    {"life of a byte arena", prepare_bytes_life, bytes_life},
    {"life of an arena of elements", prepare_typed_life, typed_life},
    {"concurrent alloc, in chunks", prepare_chunked, chunked_alloc},
    {"concurrent slab, in chunks", prepare_chunked, chunked_slab},
    {"concurrent alloc, gate only", prepare_gated, gated_alloc},
    {"buffer append, 8 bytes", prepare_blocks, buffer_append},
    {"a block by realloc", prepare_blocks, blocks_realloc},
    {"extract, 16 injections deep", prepare_deep, deep_extract},
    {NULL, NULL, NULL},
};

/* --- steady states ---------------------------------------------------------------------------------------------- */

enum { STEADY_THREADS = 4 };

static void prepare_nothing(void) {}

static size_t steady_times;
static pthread_barrier_t steady_ready;

static void *pool_thread(void *unused) {
    (void)unused;
    pool_scope(8);
    pool_execute(8);
    pool_checkout(8);
    pthread_barrier_wait(&steady_ready);
    steady_begin();
    pool_scope(steady_times);
    pool_execute(steady_times);
    pool_checkout(steady_times);
    pool_checkout_context(steady_times);
    /* Nested: two arenas of the cache at a time. */
    for (size_t i = 0; i < steady_times; i++) {
        ARENA_POOL_SCOPE_OF(perf_i64, pool, outer) {
            keep(outer);
            ARENA_POOL_SCOPE_OF(perf_i64, pool, inner) {
                keep(inner);
            }
        }
    }
    steady_end();
    return NULL;
}

/* The steady state has both arenas of the nested scopes in the cache: one more round warms them. */
static void *pool_thread_warm(void *unused) {
    ARENA_POOL_SCOPE_OF(perf_i64, pool, outer) {
        keep(outer);
        ARENA_POOL_SCOPE_OF(perf_i64, pool, inner) {
            keep(inner);
        }
    }
    return pool_thread(unused);
}

/* More than a cache holds, so that batches go to the shared store and come from it.  What a thread has in its cache and out
 * is never more than it had at once before: nothing is made any more. */
enum { STORE_BEFORE = 320, STORE_OUT = 200 };

static void store_checkout(struct perf_i64 **arenas, size_t count) {
    for (size_t i = 0; i < count; i++) require(perf_i64_pool_checkout(pool, &arenas[i]) == ARENA_OK);
}

static void store_return(struct perf_i64 **arenas, size_t count) {
    for (size_t i = 0; i < count; i++) perf_i64_pool_return(pool, arenas[i]);
}

static void *store_thread(void *unused) {
    (void)unused;
    struct perf_i64 *arenas[STORE_BEFORE];
    store_checkout(arenas, STORE_BEFORE);
    pthread_barrier_wait(&steady_ready); /* each thread has as many */
    store_return(arenas, STORE_BEFORE);
    pthread_barrier_wait(&steady_ready);
    steady_begin();
    for (size_t i = 0; i < steady_times; i++) {
        store_checkout(arenas, STORE_OUT);
        store_return(arenas, STORE_OUT);
    }
    steady_end();
    return NULL;
}

/* One thread and an arena of many chunks: chunks are taken, given back by reset, and taken again. */
static void *concurrent_alone(void *unused) {
    (void)unused;
    for (int warm = 0; warm < 2; warm++) {
        /* As much as follows: a reset asks the system what was touched of memory that was never cleared before. */
        for (size_t i = 0; i < steady_times; i++) chunked_alloc(2000);
        perf_i64_concurrent_reset(chunked);
    }
    gated_alloc(10);
    perf_i64_concurrent_reset(gated);
    pthread_barrier_wait(&steady_ready);
    steady_begin();
    for (size_t i = 0; i < steady_times; i++) {
        chunked_alloc(2000);
        gated_alloc(100);
        perf_i64_concurrent_reset(gated);
    }
    perf_i64_concurrent_reset(chunked);
    steady_end();
    return NULL;
}

/* Several threads in one arena, each in a chunk of its own. */
static void *concurrent_beside(void *unused) {
    (void)unused;
    chunked_alloc(1);
    pthread_barrier_wait(&steady_ready);
    steady_begin();
    chunked_alloc(400);
    steady_end();
    return NULL;
}

static void run_threads(void *(*body)(void *), unsigned count, size_t times) {
    pthread_t threads[STEADY_THREADS];
    steady_times = times;
    require(pthread_barrier_init(&steady_ready, NULL, count) == 0);
    for (unsigned i = 0; i < count; i++) require(pthread_create(&threads[i], NULL, body, NULL) == 0);
    for (unsigned i = 0; i < count; i++) pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&steady_ready);
}

static void steady_pool(size_t times) {
    prepare_pool();
    run_threads(pool_thread_warm, STEADY_THREADS, times);
    require(perf_i64_pool_destroy(pool) == ARENA_OK);
}

static void steady_store(size_t times) {
    prepare_pool();
    run_threads(store_thread, STEADY_THREADS, times);
    require(perf_i64_pool_destroy(pool) == ARENA_OK);
}

static void steady_concurrent_alone(size_t times) {
    prepare_chunked();
    prepare_gated();
    run_threads(concurrent_alone, 1, times);
    perf_i64_concurrent_destroy(chunked);
    perf_i64_concurrent_destroy(gated);
}

static void steady_concurrent_beside(size_t times) {
    prepare_chunked();
    run_threads(concurrent_beside, STEADY_THREADS, times);
    perf_i64_concurrent_destroy(chunked);
}

const struct path steady_list[] = {
    {"pool, four threads", prepare_nothing, steady_pool},
    {"pool, four threads through the shared store", prepare_nothing, steady_store},
    {"concurrent arena, one thread through many chunks", prepare_nothing, steady_concurrent_alone},
    {"concurrent arena, four threads in their chunks", prepare_nothing, steady_concurrent_beside},
    {NULL, NULL, NULL},
};
