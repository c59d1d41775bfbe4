/* SPDX-License-Identifier: MIT */
/* A pool's memory follows what is out at a time, not the threads that ever asked. */
#include "measure.h"

static struct arena_pool *make(size_t arena_bytes) {
    GIVEN(arena_pool, pool, arena_pool_create(ARENA_TYPE(char), arena_bytes, &pool));
    return pool;
}

static void end(struct arena_pool *pool) { assert_int_equal(arena_pool_destroy(pool), ARENA_OK); }

static void fill(struct arena *arena, void *user) {
    size_t size_bytes = arena_cap(arena);
    memset(arena_alloc_slab(arena, size_bytes), 'x', size_bytes);
}

static void fill_a_little(struct arena *arena, void *user) { memset(arena_alloc_slab(arena, 1000), 'x', 1000); }

/* What is out at a time: as many as there are threads, at the most. */
static void fill_and_stay(struct arena *arena, void *user) {
    fill(arena, user);
    sleep_ms(1);
}

struct round {
    struct arena_pool *pool;
    int go; /* atomic: how many rounds have begun */
    int number;
};

static void execute_once(struct worker *self) {
    struct round *round = self->user;
    (void)flag_wait(&round->go, round->number);
    self->status = arena_pool_execute(round->pool, fill_and_stay, NULL);
}

/* For stacks, the C library's memory of each thread, and what threads out of step have out besides. */
enum { THREAD_BYTES = 64 << 10 };

TEST(short_lived_threads_share_what_there_is) {
    enum { THREADS = 64, ROUNDS = 15, BYTES = 256 << 10 };
    static struct worker workers[THREADS];
    struct round round = {make(BYTES), 0, 0};
    struct measure before = measure_now();
    while (round.number++ < ROUNDS) {
        for (unsigned i = 0; i < THREADS; i++) worker_start(&workers[i], execute_once, &round, i);
        flag_set(&round.go, round.number);
        workers_join(workers, THREADS);
        for (int i = 0; i < THREADS; i++) assert_int_equal(workers[i].status, ARENA_OK);
        assert_at_most(measure_grown(&before), (size_t)THREADS * BYTES * 3 / 2 + THREADS * THREAD_BYTES);
    }
    end(round.pool);
}

/* Threads that live on, and each had its turn: what one of them needs is enough for all. */
struct turns {
    struct arena_pool *pool;
    int over; /* atomic: for all to end */
};

enum { TURN_ARENAS = 16 };

static void take_and_return_many(struct worker *self) {
    struct turns *turns = self->user;
    struct arena *arenas[TURN_ARENAS];
    for (int i = 0; i < TURN_ARENAS; i++) {
        self->status |= arena_pool_checkout(turns->pool, &arenas[i]);
        fill(arenas[i], NULL);
    }
    for (int i = 0; i < TURN_ARENAS; i++) arena_pool_return(turns->pool, arenas[i]);
    flag_set(&self->reached, 1);
    (void)flag_wait(&turns->over, 1);
}

TEST(threads_that_take_turns_need_what_one_needs) {
    enum { THREADS = 64 };
    static struct worker workers[THREADS];
    struct turns turns = {make(MIB), 0};
    struct measure before = measure_now();
    for (unsigned i = 0; i < THREADS; i++) {
        worker_start(&workers[i], take_and_return_many, &turns, i);
        AWAIT(flag_get(&workers[i].reached) != 0);
    }
    size_t grown = measure_grown(&before);
    flag_set(&turns.over, 1);
    workers_join(workers, THREADS);
    for (int i = 0; i < THREADS; i++) assert_int_equal(workers[i].status, ARENA_OK);
    assert_at_most(grown, 4 * TURN_ARENAS * MIB + THREADS * THREAD_BYTES);
    end(turns.pool);
}

/* A thread for each connection: all of a wave are there at once, and then gone. */
struct wave {
    struct arena_pool *pool;
    int out; /* atomic: arenas */
    int all; /* how many there are when the wave is complete */
};

static void serve(struct worker *self) {
    struct wave *wave = self->user;
    struct arena *arena;
    self->status = arena_pool_checkout(wave->pool, &arena);
    if (self->status != ARENA_OK) return;
    fill(arena, NULL);
    (void)flag_add(&wave->out, 1);
    (void)flag_wait(&wave->out, wave->all);
    arena_pool_return(wave->pool, arena);
}

TEST(waves_of_threads_need_what_one_wave_needs) {
    enum { THREADS = 24, WAVES = 6, BYTES = 8 << 20 };
    static struct worker workers[THREADS];
    struct wave wave = {make(BYTES), 0, 0};
    struct measure before = measure_now();
    for (int i = 0; i < WAVES; i++) {
        wave.all += THREADS;
        for (unsigned k = 0; k < THREADS; k++) worker_start(&workers[k], serve, &wave, k);
        workers_join(workers, THREADS);
        for (int k = 0; k < THREADS; k++) assert_int_equal(workers[k].status, ARENA_OK);
        assert_at_most(measure_grown(&before), (size_t)THREADS * BYTES * 5 / 4 + THREADS * THREAD_BYTES);
    }
    end(wave.pool);
}

/* --- trims and peaks ---------------------------------------------------------------------------------------------- */

static void keep_one_cached(struct worker *self) {
    struct turns *turns = self->user;
    self->status = arena_pool_execute(turns->pool, fill_and_stay, NULL);
    flag_set(&self->reached, 1);
    (void)flag_wait(&turns->over, 1);
}

/* By a supervisor, who has nothing cached itself; the threads sleep elsewhere. */
TEST(a_trim_reaches_what_other_threads_have_cached) {
    enum { THREADS = 32 };
    static const size_t sizes[] = {256 << 10, 1 << 20};
    static struct worker workers[THREADS];
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        struct turns turns = {make(sizes[k]), 0};
        struct measure before = measure_now();
        for (unsigned i = 0; i < THREADS; i++) worker_start(&workers[i], keep_one_cached, &turns, i);
        for (int i = 0; i < THREADS; i++) AWAIT(flag_get(&workers[i].reached) != 0);
        arena_pool_trim(turns.pool);
        size_t grown = measure_grown(&before);
        flag_set(&turns.over, 1);
        workers_join(workers, THREADS);
        for (int i = 0; i < THREADS; i++) assert_int_equal(workers[i].status, ARENA_OK);
        assert_at_most(grown, THREADS * THREAD_BYTES);
        end(turns.pool);
    }
}

TEST(one_large_request_does_not_stay_for_ever) {
    enum { BYTES = 100 << 20, SMALL = 1000 };
    struct arena_pool *pool = make(BYTES);
    struct measure before = measure_now();
    assert_int_equal(arena_pool_execute(pool, fill, NULL), ARENA_OK);
    for (int i = 0; i < SMALL; i++) assert_int_equal(arena_pool_execute(pool, fill_a_little, NULL), ARENA_OK);
    assert_at_most(measure_grown(&before), BYTES / 8);
    end(pool);
}

int main(void) {
    if (!measure_start()) return 77;
    return support_run("pools");
}
