/* SPDX-License-Identifier: MIT */
/* What a pool counts: the credit of its caches, and what its store gives back, also beside another thread that is in the
 * middle. */
#include "api/pool.h"

#include "../support.h"

#include <arena/arena.h>

#include <sched.h>

#define KIB ((size_t)1 << 10)

static struct arena_pool *make_holding(const struct arena_type *type, size_t capacity, size_t idle_bytes) {
    const struct arena_pool_options options = {.struct_size = sizeof options, .idle_bytes = idle_bytes};
    GIVEN(arena_pool, pool, arena_pool_create_with(type, capacity, &options, &pool));
    return pool;
}

static uint64_t credited(struct arena_pool *pool) { return atomic_u64_load(&pool->credited, relaxed); }

/* --- credit --------------------------------------------------------------------------------------------------------- */

static void keep_some_and_stay(struct worker *self) {
    struct arena *arenas[5];
    for (int i = 0; i < 5; i++) self->status |= arena_pool_checkout(self->user, &arenas[i]);
    for (int i = 0; i < 5; i++) arena_pool_return(self->user, arenas[i]);
    flag_set(&self->reached, 1);
    (void)flag_wait(&self->go, 1);
}

/* A cache asks for more each time, and gets what is left where that is enough: all there is, and no more. */
TEST(caches_draw_what_is_left) {
    enum { THREADS = 17, CACHE = 32, LEFT = 24 };
    struct arena_pool *pool = make_holding(ARENA_TYPE(int), 4, (15 * CACHE + LEFT) * KIB);
    if (!locals_joined(&pool->keeper)) {
        assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
        skip();
    }
    struct worker workers[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        worker_start(&workers[i], keep_some_and_stay, pool, i);
        AWAIT(flag_get(&workers[i].reached) != 0);
        assert_int_equal(workers[i].status, ARENA_OK);
        assert_int_equal(credited(pool), (i < 15 ? (i + 1) * CACHE : 15 * CACHE + LEFT) * KIB);
    }
    for (unsigned i = 0; i < THREADS; i++) flag_set(&workers[i].go, 1);
    workers_join(workers, THREADS);
    assert_int_equal(credited(pool), 0);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

struct drawing {
    struct arena_pool *pool;
    struct atomic_u32 arrived; /* twice in each round, counted on */
    struct atomic_u32 step;    /* twice the rounds that are over; and one while they draw */
    uint32_t rounds;
};

/* Until so many have come. */
static void await_all(struct atomic_u32 *arrived, uint32_t count) {
    while (atomic_u32_load(arrived, acquire) < count) (void)sched_yield();
}

static void draw_with_others(struct worker *self) {
    struct drawing *drawing = self->user;
    for (uint32_t round = 1; round <= drawing->rounds; round++) {
        struct arena *arena;
        self->status |= arena_pool_checkout(drawing->pool, &arena);
        (void)atomic_u32_add(&drawing->arrived, 1, acq_rel);
        for (int looks = 0; atomic_u32_load(&drawing->step, acquire) < 2 * round - 1; looks++) {
            if (looks > 200) (void)sched_yield();
        }
        arena_pool_return(drawing->pool, arena);
        (void)atomic_u32_add(&drawing->arrived, 1, acq_rel);
        while (atomic_u32_load(&drawing->step, acquire) < 2 * round) (void)sched_yield();
    }
}

/* Several at once draw as much as one after the other. */
TEST(caches_draw_at_once) {
    enum { THREADS = 2 };
    struct drawing drawing = {.pool = make_holding(ARENA_TYPE(int), 4, 0)};
    drawing.rounds = (uint32_t)support_rounds(500, 50);
    if (!locals_joined(&drawing.pool->keeper)) drawing.rounds = 0;
    struct worker workers[THREADS];
    for (unsigned i = 0; i < THREADS; i++) worker_start(&workers[i], draw_with_others, &drawing, i);
    for (uint32_t round = 1; round <= drawing.rounds; round++) {
        await_all(&drawing.arrived, (2 * round - 1) * THREADS);
        atomic_u32_store(&drawing.step, 2 * round - 1, release);
        await_all(&drawing.arrived, 2 * round * THREADS);
        assert_int_equal(credited(drawing.pool), THREADS * POOL_LEAST_UNITS * KIB);
        arena_pool_trim(drawing.pool);
        assert_int_equal(credited(drawing.pool), 0);
        atomic_u32_store(&drawing.step, 2 * round, release);
    }
    workers_join(workers, THREADS);
    for (unsigned i = 0; i < THREADS; i++) assert_int_equal(workers[i].status, ARENA_OK);
    assert_int_equal(arena_pool_destroy(drawing.pool), ARENA_OK);
}

/* --- weights and the store ------------------------------------------------------------------------------------------ */

TEST(no_arena_weighs_more_than_can_be_counted) {
    if (sizeof(size_t) < 8) skip();
    struct arena_pool *pool = make_holding(ARENA_TYPE(int), 4, 0);
    GIVEN(arena, arena, arena_pool_checkout(pool, &arena));
    struct pool_arena *weighed = pool_arena_of(arena);
    char *used_end = arena->used_end;
    arena->used_end =
        (char *)((uintptr_t)arena->home.memory + (uintptr_t)(UINT64_C(5) << 40)); /* as if it had that much */
    pool_weigh(weighed);
    assert_int_equal(weighed->weight, UINT32_MAX);
    arena->used_end = used_end;
    pool_weigh(weighed);
    assert_int_equal(weighed->weight, POOL_LEAST_UNITS);
    arena_pool_return(pool, arena);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

/* An arena of a MiB, all touched, waits in the store of a pool that may hold a few KiB. */
static struct arena_pool *store_a_large_one(void) {
    const size_t bytes = KIB * KIB;
    struct arena_pool *pool = make_holding(ARENA_TYPE(char), bytes, KIB);
    GIVEN(arena, arena, arena_pool_checkout(pool, &arena));
    memset(arena_alloc_slab(arena, bytes), 1, bytes);
    arena_pool_return(pool, arena);
    assert_true(atomic_u64_load(&pool->stored, relaxed) >= bytes);
    return pool;
}

static uint64_t stored(struct arena_pool *pool) { return atomic_u64_load(&pool->stored, relaxed); }

/* What lowest and returns are when a period is over in which nobody needed what is stored. */
static void end_period(struct arena_pool *pool, uint32_t returns) {
    atomic_u64_store(&pool->lowest, stored(pool), relaxed);
    uint32_t period = 0; /* found where it is kept to: one less is too early */
    for (uint64_t before = stored(pool); stored(pool) == before && period < 1000; period++) {
        atomic_u32_store(&pool->returns, period, relaxed);
        pool_age(pool, returns);
    }
    assert_true(period < 1000);
}

TEST(the_store_gives_back_what_nobody_needed) {
    struct arena_pool *pool = store_a_large_one();
    atomic_u32_store(&pool->returns, 1000,
                     relaxed); /* another thread has come to the end of the period, and is at it */
    uint64_t before = stored(pool);
    pool_age(pool, 1);
    assert_int_equal(stored(pool), before);
    end_period(pool, 1);
    assert_int_equal(stored(pool), 0);
    GIVEN(arena, arena, arena_pool_checkout(pool, &arena)); /* it was trimmed, and is there */
    struct arena_pool_stats stats = {.struct_size = sizeof stats};
    assert_int_equal(arena_pool_get_stats(pool, &stats), ARENA_OK);
    assert_true(stats.made == 1 && stats.idle == 0);
    arena_pool_return(pool, arena);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

/* Another thread has taken an arena out of the store, and not yet said so. */
TEST(the_store_may_have_less_than_it_counts) {
    struct arena_pool *pool = store_a_large_one();
    uint64_t taken = stored(pool);
    (void)atomic_u64_add(&pool->stored, taken, relaxed);
    end_period(pool, 1);
    assert_int_equal(stored(pool), taken);
    (void)atomic_u64_add(&pool->stored, 0 - taken, relaxed);
    struct arena_pool_stats stats = {.struct_size = sizeof stats};
    assert_int_equal(arena_pool_get_stats(pool, &stats), ARENA_OK);
    assert_true(stats.made == 1 && stats.idle == 1);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

int main(void) { return support_run("pool"); }
