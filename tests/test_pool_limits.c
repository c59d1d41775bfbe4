/* SPDX-License-Identifier: MIT */
/* Pools with a limit: what counts, who waits for a place, and how a wait ends. */
#include "pool.h"

struct limited {
    struct arena_pool *pool;
    struct arena_context *context;
};

static void execute_at_the_limit(struct arena *arena, void *user) {
    struct nesting *nesting = user;
    (void)arena;
    struct arena *other = NULL;
    nesting->depth++;
    if (arena_pool_execute(nesting->pool, do_nothing, NULL) != ARENA_EFULL) nesting->wrong++;
    if (arena_pool_checkout(nesting->pool, &other) != ARENA_EFULL || other != NULL) nesting->wrong++;
}

TEST(limit_counts_what_is_checked_out) {
    struct arena_pool *pool = make_limited(3);
    struct arena *arenas[3];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 3; i++) arenas[i] = check_out(pool);
        struct arena *more = arenas[0];
        int calls = 0;
        assert_int_equal(arena_pool_checkout(pool, &more), ARENA_EFULL);
        assert_null(more);
        assert_int_equal(arena_pool_execute(pool, do_nothing, &calls), ARENA_EFULL);
        assert_int_equal(arena_pool_execute(pool, NULL, &calls),
                         ARENA_EINVAL); /* what is wrong comes before what is full */
        assert_int_equal(calls, 0);
        arena_pool_return(pool, arenas[1]);
        assert_int_equal(arena_pool_destroy(pool), ARENA_EBUSY); /* which costs no place */
        assert_int_equal(arena_pool_execute(pool, do_nothing, &calls), ARENA_OK);
        arenas[1] = check_out(pool);
        assert_int_equal(arena_pool_checkout(pool, &more), ARENA_EFULL);
        for (int i = 0; i < 3; i++) arena_pool_return(pool, arenas[i]);
    }
    arena_pool_trim(pool);
    struct nesting nesting = {.pool = pool};
    arenas[0] = check_out(pool);
    arenas[1] = check_out(pool);
    assert_int_equal(arena_pool_execute(pool, execute_at_the_limit, &nesting), ARENA_OK);
    assert_int_equal(nesting.depth, 1);
    assert_int_equal(nesting.wrong, 0);
    arena_pool_return(pool, arenas[0]);
    arena_pool_return(pool, arenas[1]);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

/* Beyond 2^16, too: to the last arena, all of them out at once. */
TEST(large_limits_are_exact) {
    size_t limit = support_rounds(((size_t)1 << 16) + 1, 1000);
    struct arena_pool *pool = make_limited(limit);
    struct arena **arenas = calloc(limit, sizeof *arenas);
    assert_non_null(arenas);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < limit; i++) {
            arenas[i] = check_out(pool);
            *(int *)arena_alloc(arenas[i], NULL) = (int)i;
        }
        struct arena *more;
        assert_int_equal(arena_pool_checkout(pool, &more), ARENA_EFULL);
        for (size_t i = 0; i < limit; i++) assert_int_equal(arena_used(arenas[i]), 1); /* none was given out twice */
        for (size_t i = 0; i < limit; i++) arena_pool_return(pool, arenas[i]);
    }
    free(arenas);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

/* More than any pool can have: no number of it is lost on the way to a smaller one. */
TEST(limits_that_no_pool_meets_are_none) {
    const size_t word = (size_t)UINT32_MAX;
    const size_t limits[] = {SIZE_MAX,     SIZE_MAX / 2 + 2, SIZE_MAX / 4 + 2, word,
                             word / 2 + 2, word / 4 + 2,     word / 8 + 1};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        struct arena_pool_options options = {.struct_size = sizeof options, .max_arenas = limits[i]};
        struct arena *arenas[4];
        GIVEN(arena_pool, pool, arena_pool_create_with(ARENA_TYPE(int), 1, &options, &pool));
        for (int j = 0; j < 4; j++) assert_int_equal(arena_pool_checkout(pool, &arenas[j]), ARENA_OK);
        for (int j = 0; j < 4; j++) arena_pool_return(pool, arenas[j]);
        assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
    }
}

static void check_out_and_wait(struct worker *self) {
    struct limited *limited = self->user;
    struct arena *arena = (struct arena *)(void *)self;
    flag_set(&self->reached, 1);
    self->status = arena_pool_checkout_context(limited->pool, limited->context, &arena);
    self->pointer = arena;
    if (self->status == ARENA_OK && self->index == 1) arena_pool_return(limited->pool, arena);
}

TEST(at_the_limit_checkout_context_waits_for_a_return) {
    enum { WAITERS = 4 };
    struct limited limited = {make_limited(2), NULL};
    assert_int_equal(arena_context_with_cancel(NULL, &limited.context), ARENA_OK);
    for (int with_context = 0; with_context < 2; with_context++) {
        struct limited used = {limited.pool, with_context ? limited.context : NULL};
        struct arena *first = check_out(limited.pool);
        struct arena *second = check_out(limited.pool);
        struct worker workers[WAITERS];
        for (unsigned i = 0; i < WAITERS; i++) worker_start(&workers[i], check_out_and_wait, &used, 1);
        assert_true(workers_asleep(workers, WAITERS));
        arena_pool_return(limited.pool, first);
        workers_join(workers, WAITERS); /* one place is enough for all, one after the other */
        for (unsigned i = 0; i < WAITERS; i++) {
            assert_int_equal(workers[i].status, ARENA_OK);
            assert_non_null(workers[i].pointer);
        }
        arena_pool_return(limited.pool, second);
    }
    arena_context_release(limited.context);
    assert_int_equal(arena_pool_destroy(limited.pool), ARENA_OK);
}

enum end { ACTION_RETURNS, ACTION_PANICS, BLOCK_ENDS, FUNCTIONS_LEAVE, THREAD_EXITS, THREAD_ENDS_INSIDE, ENDS };

struct occupant {
    struct arena_pool *pool;
    struct worker *worker;
    enum end end;
};

static void occupy(struct arena *arena, void *user) {
    struct occupant *occupant = user;
    arena_alloc(arena, NULL);
    flag_set(&occupant->worker->reached, 1);
    if (!flag_wait(&occupant->worker->go, 1)) occupant->worker->status = 1;
    if (occupant->end == ACTION_PANICS) arena_panic("in the last place");
    if (occupant->end == THREAD_EXITS) pthread_exit(NULL);
}

static void occupy_protected(void *user) { (void)!arena_pool_execute(((struct occupant *)user)->pool, occupy, user); }

static void occupy_the_last_place(struct worker *self) {
    struct occupant *occupant = self->user;
    struct arena_pool_scope scope;
    occupant->worker = self;
    switch (occupant->end) {
    case BLOCK_ENDS:
        ARENA_POOL_SCOPE(occupant->pool, scratch) occupy(scratch, occupant);
        break;
    case FUNCTIONS_LEAVE:
    case THREAD_ENDS_INSIDE:
        if (arena_pool_scope_enter(occupant->pool, &scope) != ARENA_OK) self->status = 2;
        occupy(scope.arena, occupant);
        if (occupant->end == FUNCTIONS_LEAVE) arena_pool_scope_leave(&scope);
        break;
    default:
        (void)!arena_protect(occupy_protected, occupant);
        break;
    }
}

/* Whatever the arena was out for, and however it comes back: who waits for its place is woken. */
TEST(at_the_limit_checkout_context_waits_for_the_end_of_a_scope) {
    panics_record();
    for (int end = 0; end < ENDS; end++) {
        struct occupant occupant = {make_limited(1), NULL, (enum end)end};
        struct limited limited = {occupant.pool, arena_context_background()};
        struct worker worker;
        struct worker waiter;
        worker_start(&worker, occupy_the_last_place, &occupant, 0);
        AWAIT(flag_get(&worker.reached));
        worker_start(&waiter, check_out_and_wait, &limited, 1);
        assert_true(worker_asleep(&waiter));
        flag_set(&worker.go, 1);
        worker_join(&worker);
        worker_join(&waiter);
        assert_int_equal(worker.status, 0);
        assert_int_equal(waiter.status, ARENA_OK);
        assert_int_equal(arena_pool_destroy(occupant.pool), ARENA_OK);
    }
    arena_set_panic_handler(NULL, NULL);
}

TEST(killed_waiter_loses_no_place) {
    if (!support_cancellable()) skip();
    struct limited limited = {make_limited(1), NULL};
    struct arena *only = check_out(limited.pool);
    struct worker killed;
    struct worker behind;
    worker_start(&killed, check_out_and_wait, &limited, 1);
    assert_true(worker_asleep(&killed));
    worker_start(&behind, check_out_and_wait, &limited, 1);
    assert_true(worker_asleep(&behind));
    pthread_cancel(killed.thread);
    worker_join(&killed);
    assert_true(killed.cancelled);
    arena_pool_return(limited.pool, only);
    worker_join(&behind);
    assert_int_equal(behind.status, ARENA_OK);
    arena_pool_return(limited.pool, check_out(limited.pool));
    assert_int_equal(arena_pool_destroy(limited.pool), ARENA_OK);
}

static int out_now; /* atomic */

static void check_out_under_limit(struct worker *self) {
    struct limited *limited = self->user;
    size_t rounds = support_rounds(2000, 100);
    for (size_t i = 0; i < rounds; i++) {
        struct arena *arena = NULL;
        if (arena_pool_checkout_context(limited->pool, NULL, &arena) != ARENA_OK) self->status = 1;
        int out = flag_add(&out_now, 1);
        if (out > 3) self->status = 2;
        if (arena_used(arena) != 0) self->status = 3;
        arena_try_alloc(arena, NULL);
        flag_add(&out_now, -1);
        arena_pool_return(limited->pool, arena);
    }
}

TEST(never_more_than_the_limit_are_out) {
    enum { THREADS = 8 };
    struct limited limited = {make_limited(3), NULL};
    struct worker workers[THREADS];
    flag_set(&out_now, 0);
    for (unsigned i = 0; i < THREADS; i++) worker_start(&workers[i], check_out_under_limit, &limited, i);
    workers_join(workers, THREADS);
    for (unsigned i = 0; i < THREADS; i++) assert_int_equal(workers[i].status, 0);
    assert_int_equal(arena_pool_destroy(limited.pool), ARENA_OK);
}

static void execute_and_wait(struct worker *self) {
    struct limited *limited = self->user;
    flag_set(&self->reached, 1);
    int calls = 0;
    self->status = arena_pool_execute_context(limited->pool, limited->context, do_nothing, &calls);
    self->count = (size_t)calls;
}

static void enter_and_wait(struct worker *self) {
    struct limited *limited = self->user;
    struct arena_pool_scope scope;
    flag_set(&self->reached, 1);
    self->status = arena_pool_scope_enter_context(limited->pool, limited->context, &scope);
    self->count = scope.arena != NULL;
    arena_pool_scope_leave(&scope);
}

static void check_out_wait_and_return(struct worker *self) {
    struct limited *limited = self->user;
    struct arena *arena = (struct arena *)(void *)self;
    flag_set(&self->reached, 1);
    self->status = arena_pool_checkout_context(limited->pool, limited->context, &arena);
    self->count = arena != NULL;
    arena_pool_return(limited->pool, arena);
}

/* Whatever is asked for; and each wait and each refusal is counted. */
TEST(waits_at_the_limit_end_by_a_return_or_the_context) {
    void (*const bodies[])(struct worker * self) = {execute_and_wait, enter_and_wait, check_out_wait_and_return};
    struct limited limited = {make_limited(1), NULL};
    struct arena *arena = check_out(limited.pool);
    struct arena *none = NULL;
    struct worker worker;
    uint64_t waits = 0;
    uint64_t refusals = 0;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(arena_pool_checkout(limited.pool, &none), ARENA_EFULL);
        assert_int_equal(arena_pool_execute(limited.pool, do_nothing, NULL), ARENA_EFULL);
        refusals += 2;
        for (int ends = 0; ends < 2; ends++) {
            assert_int_equal(arena_context_with_cancel(NULL, &limited.context), ARENA_OK);
            worker_start(&worker, bodies[i], &limited, 0);
            assert_true(worker_asleep(&worker));
            assert_int_equal(stats_of(limited.pool).waits, ++waits);
            if (ends) {
                arena_context_cancel(limited.context);
                refusals++;
            } else {
                arena_pool_return(limited.pool, arena);
            }
            worker_join(&worker);
            assert_int_equal(worker.status, ends ? ARENA_ECANCELED : ARENA_OK);
            assert_int_equal(worker.count, !ends);
            if (!ends) arena = check_out(limited.pool);
            assert_int_equal(stats_of(limited.pool).refusals, refusals);
            arena_context_release(limited.context);
        }
    }
    arena_pool_return(limited.pool, arena);
    assert_int_equal(stats_of(limited.pool).waits, waits);
    assert_int_equal(arena_pool_destroy(limited.pool), ARENA_OK);
}

TEST(an_ended_context_fails_in_any_case) {
    struct arena_pool_scope scope = {(struct arena *)(void *)&scope};
    int count = 0;
    GIVEN(arena_context, ended, arena_context_with_timeout(NULL, 0, &ended));
    for (size_t limit = 0; limit < 2; limit++) {
        struct arena_pool *pool = make_limited(limit);
        assert_int_equal(arena_pool_execute_context(pool, ended, do_nothing, &count), ARENA_ETIMEDOUT);
        assert_int_equal(arena_pool_scope_enter_context(pool, ended, &scope), ARENA_ETIMEDOUT);
        assert_null(scope.arena);
        struct arena *arena = scope.arena = (struct arena *)(void *)pool;
        assert_int_equal(arena_pool_checkout_context(pool, ended, &arena), ARENA_ETIMEDOUT);
        assert_null(arena);
        assert_int_equal(count, 0);
        assert_int_equal(stats_of(pool).waits + stats_of(pool).refusals, 0);
        assert_int_equal(arena_pool_execute_context(pool, NULL, do_nothing, &count), ARENA_OK);
        assert_int_equal(count--, 1);
        assert_int_equal(arena_pool_execute_context(pool, NULL, NULL, NULL), ARENA_EINVAL);
        assert_int_equal(arena_pool_scope_enter_context(pool, NULL, NULL), ARENA_EINVAL);
        assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
    }
    assert_int_equal(arena_pool_execute_context(NULL, NULL, do_nothing, NULL), ARENA_EINVAL);
    assert_int_equal(arena_pool_scope_enter_context(NULL, NULL, &scope), ARENA_EINVAL);
    arena_context_release(ended);
}

int main(void) { return support_run("pool limits"); }
