/* SPDX-License-Identifier: MIT */
/* The pool and its threads: isolation, what a thread keeps and leaves behind, what is idle, and what a trim frees. */
#define _GNU_SOURCE

#include "pool.h"

#include <sched.h>

/* --- isolation over threads --------------------------------------------------------------------------------------- */

enum { FIFTY = 50 };

/* --- return from another thread ----------------------------------------------------------------------------------- */

struct handoff {
    struct arena_pool *pool;
    struct arena *arena;
};

static void return_it(struct worker *self) {
    struct handoff *handoff = self->user;
    arena_pool_return(handoff->pool, handoff->arena);
}

static void check_it_out(struct worker *self) {
    struct handoff *handoff = self->user;
    self->status = arena_pool_checkout(handoff->pool, &handoff->arena);
    int value = 9;
    arena_try_alloc(handoff->arena, &value);
}

TEST(arenas_may_be_returned_by_another_thread) {
    struct handoff handoff = {make(&noted, 4), NULL};
    struct worker worker;
    log_clear();
    for (int i = 0; i < 20; i++) {
        worker = worker_run(check_it_out, &handoff, 0);
        assert_int_equal(worker.status, ARENA_OK);
        assert_int_equal(arena_pool_destroy(handoff.pool), ARENA_EBUSY); /* its thread has ended, yet it is out */
        assert_int_equal(arena_used(handoff.arena), 1);
        if (i % 2 == 0) {
            arena_pool_return(handoff.pool, handoff.arena);
        } else {
            worker = worker_run(return_it, &handoff, 0);
        }
        assert_int_equal(log_count, i + 1);
        handoff.arena = check_out(handoff.pool);
        assert_int_equal(arena_used(handoff.arena), 0);
        worker = worker_run(return_it, &handoff, 0);
    }
    assert_int_equal(arena_pool_destroy(handoff.pool), ARENA_OK);
    assert_int_equal(log_count, 20);
}

/* --- longjmp ------------------------------------------------------------------------------------------------------ */

struct jumper {
    struct arena_pool *pool;
    jmp_buf jump;
    struct arena *left;  /* jumped past */
    struct arena *later; /* of scopes after the jump */
    int wrong;
    bool by_exit;
};

static void put_and_jump(struct arena *arena, void *user) {
    struct jumper *jumper = user;
    int value = 1;
    jumper->left = arena;
    arena_alloc(arena, &value);
    longjmp(jumper->jump, 1);
}

static void put_and_return(struct arena *arena, void *user) {
    struct jumper *jumper = user;
    int value = 2;
    if (arena == jumper->left || arena_used(arena) != 0) jumper->wrong++;
    arena_alloc(arena, &value);
}

enum { LATE_POOLS = 20 }; /* more than a thread's first table has room for */

static struct {
    struct arena_pool *pools[LATE_POOLS];
    int failed;
} late_pools;

static void drop_into_many_pools(void *element, void *user) {
    int calls = 0;
    for (int i = 0; i < LATE_POOLS; i++) {
        if (arena_pool_execute(late_pools.pools[i], do_nothing, &calls) != ARENA_OK) late_pools.failed++;
    }
}

static void jump_and_end(struct worker *self) {
    struct jumper *jumper = self->user;
    if (setjmp(jumper->jump) == 0) (void)!arena_pool_execute(jumper->pool, put_and_jump, jumper);
}

/* What the thread's end drops may use pools that the thread never saw: they get back what it keeps of them. */
TEST(drops_at_a_threads_end_leave_nothing_in_other_pools) {
    const struct arena_type type = {"late", sizeof(int), _Alignof(int), drop_into_many_pools};
    struct jumper jumper = {.pool = make(&type, 4)};
    for (int i = 0; i < LATE_POOLS; i++) late_pools.pools[i] = make(ARENA_TYPE(int), 4);
    worker_run(jump_and_end, &jumper, 0);
    assert_int_equal(late_pools.failed, 0);
    for (int i = 0; i < LATE_POOLS; i++) assert_int_equal(arena_pool_destroy(late_pools.pools[i]), ARENA_OK);
    assert_int_equal(arena_pool_destroy(jumper.pool), ARENA_OK);
}

static void jump_on_the_main_thread(void *user) {
    struct jumper *jumper = user;
    if (setjmp(jumper->jump) == 0) (void)!arena_pool_execute(jumper->pool, put_and_jump, jumper);
    child_check(arena_pool_destroy(jumper->pool) == ARENA_EBUSY);
    child_check(arena_pool_execute(jumper->pool, put_and_return, jumper) == ARENA_OK);
    child_check(jumper->wrong == 0);
    child_check(arena_pool_destroy(jumper->pool) == ARENA_EBUSY);
}

TEST(arena_jumped_past_on_the_main_thread_stays_out) {
    struct jumper jumper = {.pool = make(&noted, 4)};
    assert_child_succeeds(jump_on_the_main_thread, &jumper);
    assert_int_equal(arena_pool_destroy(jumper.pool), ARENA_OK);
}

/* --- trims ------------------------------------------------------------------------------------------------------ */

TEST(trim_frees_what_is_idle) {
    enum { COUNT = 16, MIB = 1 << 20 };
    struct arena *arenas[COUNT];
    struct arena_pool *pool = make(ARENA_TYPE(char), 4 * MIB);
    for (int round = 0; round < 2; round++) {
        struct arena *out = check_out(pool);
        int64_t mark = 0x1122334455667788;
        char *kept = arena_alloc_slab_with(out, &mark, 8);
        for (int i = 0; i < COUNT; i++) {
            arenas[i] = check_out(pool);
            memset(arena_alloc_slab(arenas[i], 4 * MIB), 1, 4 * MIB);
        }
        for (int i = 0; i < COUNT; i++) arena_pool_return(pool, arenas[i]);
        size_t before = support_resident_bytes();
        arena_pool_trim(pool);
        if (!support_slow()) assert_true(support_resident_bytes() + 40 * MIB < before);
        assert_memory_equal(kept, &mark, 8); /* what is out stays */
        arena_pool_trim(pool);
        arena_pool_return(pool, out);
    }
    struct visit seen = {.pool = pool};
    assert_int_equal(arena_pool_execute(pool, visit, &seen), ARENA_OK);
    assert_true(seen.zero);
    arena_pool_trim(pool);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

enum { LEFT = 8, LEFT_BYTES = 4 << 20 };

static void leave_large_arenas(struct worker *self) {
    struct arena *arenas[LEFT];
    for (int i = 0; i < LEFT; i++) {
        if (arena_pool_checkout(self->user, &arenas[i]) != ARENA_OK) return;
        memset(arena_alloc_slab(arenas[i], LEFT_BYTES), 1, LEFT_BYTES);
    }
    for (int i = 0; i < LEFT; i++) arena_pool_return(self->user, arenas[i]);
}

/* Nothing has changed: what is idle stays, too. */
TEST(a_refused_destroy_frees_nothing) {
    struct worker self = {.user = make(ARENA_TYPE(char), LEFT_BYTES)};
    struct arena *out = check_out(self.user);
    leave_large_arenas(&self);
    size_t before = support_resident_bytes();
    assert_int_equal(arena_pool_destroy(self.user), ARENA_EBUSY);
    if (!support_slow()) assert_true(support_resident_bytes() + LEFT_BYTES > before);
    arena_pool_return(self.user, out);
    assert_int_equal(arena_pool_destroy(self.user), ARENA_OK);
}

/* A pool of arenas of LEFT_BYTES whose memory stays where it is when they come back. */
static struct arena_pool *make_keeping(size_t max_arenas) {
    struct arena_options arena_options = {sizeof arena_options, ARENA_CLEAR_ON_HANDOUT, 0};
    struct arena_pool_options options = {
        .struct_size = sizeof options, .max_arenas = max_arenas, .arena_options = &arena_options};
    GIVEN(arena_pool, pool, arena_pool_create_with(ARENA_TYPE(char), LEFT_BYTES, &options, &pool));
    return pool;
}

static void touch_all(struct arena *arena, void *user) { memset(arena_alloc_slab(arena, LEFT_BYTES), 1, LEFT_BYTES); }

/* The one that a thread keeps for its scopes, too; and with a limit, where all that is idle is in the store. */
TEST(trim_frees_what_scopes_left) {
    if (support_slow()) skip(); /* memory is counted */
    for (size_t limit = 0; limit < 2; limit++) {
        struct arena_pool *pool = make_keeping(limit);
        for (int round = 0; round < 2; round++) {
            assert_int_equal(arena_pool_execute(pool, touch_all, NULL), ARENA_OK);
            size_t before = support_resident_bytes();
            arena_pool_trim(pool);
            assert_true(support_resident_bytes() + LEFT_BYTES / 2 < before);
        }
        assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
    }
}

static void trim_it(struct worker *self) { arena_pool_trim(self->user); }

/* The store is every thread's, also of one that has nothing of the pool. */
TEST(trim_frees_what_ended_threads_left) {
    struct arena_pool *pool = make(ARENA_TYPE(char), LEFT_BYTES);
    worker_run(leave_large_arenas, pool, 0);
    size_t before = support_resident_bytes();
    worker_run(trim_it, pool, 0);
    if (!support_slow()) assert_true(support_resident_bytes() + (LEFT - 2) * LEFT_BYTES < before);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

/* An open scope keeps its own arena, and nothing else. */
TEST(trim_inside_a_scope_frees_the_store) {
    struct arena_pool *pool = make(ARENA_TYPE(char), LEFT_BYTES);
    struct arena_pool_scope scope;
    int64_t mark = 0x1122334455667788;
    assert_int_equal(arena_pool_scope_enter(pool, &scope), ARENA_OK);
    char *kept = arena_alloc_slab_with(scope.arena, &mark, 8);
    worker_run(leave_large_arenas, pool, 0);
    size_t before = support_resident_bytes();
    arena_pool_trim(pool);
    if (!support_slow()) assert_true(support_resident_bytes() + (LEFT - 2) * LEFT_BYTES < before);
    assert_memory_equal(kept, &mark, 8);
    arena_pool_scope_leave(&scope);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

/* What the pool remembers of an arena that was freed serves the next one. */
TEST(trimming_again_and_again_costs_nothing) {
    if (support_slow()) skip();
    struct arena_pool *pool = make(ARENA_TYPE(int), 4);
    int calls = 0;
    for (int round = 0; round < 2; round++) {
        size_t before = support_resident_bytes();
        for (int i = 0; i < 300000; i++) {
            assert_int_equal(arena_pool_execute(pool, do_nothing, &calls), ARENA_OK);
            arena_pool_trim(pool);
        }
        assert_true(support_resident_bytes() < before + ((size_t)2 << 20));
    }
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

/* --- threads that come and go ------------------------------------------------------------------------------------- */

static void execute_once(struct worker *self) {
    struct visit seen = {.calls = 0};
    self->status = arena_pool_execute(self->user, visit, &seen);
    if (!seen.zero || seen.used != 0) self->status = 1;
    self->pointer = seen.seen;
}

TEST(arenas_of_ended_threads_go_back) {
    enum { THREADS = 200 };
    struct arena_pool *pool = make(ARENA_TYPE(int), 100);
    void *distinct[THREADS];
    size_t count = 0;
    for (unsigned i = 0; i < THREADS; i++) {
        struct worker worker = worker_run(execute_once, pool, i);
        assert_int_equal(worker.status, ARENA_OK);
        size_t k = 0;
        while (k < count && distinct[k] != worker.pointer) k++;
        if (k == count) distinct[count++] = worker.pointer;
    }
    assert_true(count <= 4); /* one after the other, they use the same */
    struct visit seen = {.calls = 0};
    assert_int_equal(arena_pool_execute(pool, visit, &seen), ARENA_OK);
    size_t k = 0;
    while (k < count && distinct[k] != seen.seen) k++;
    assert_true(k < count);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

static void take_and_return_many(struct worker *self) {
    struct arena_pool *pool = self->user;
    size_t count = self->count = 500;
    struct arena **arenas = calloc(count, sizeof(struct arena *));
    self->pointer = arenas;
    for (size_t i = 0; i < count; i++) {
        if (arena_pool_checkout(pool, &arenas[i]) != ARENA_OK) self->status = 1;
    }
    for (size_t i = 0; i < count; i++) arena_pool_return(pool, arenas[i]);
    flag_set(&self->reached, 1);
    if (!flag_wait(&self->go, 1)) self->status = 2;
}

TEST(the_excess_of_a_cache_is_shared) {
    enum { COUNT = 500 };
    struct arena_pool *pool = make(ARENA_TYPE(int), 4);
    struct worker worker;
    worker_start(&worker, take_and_return_many, pool, 0);
    AWAIT(flag_get(&worker.reached));
    struct arena *const *theirs = worker.pointer;
    static struct arena *ours[COUNT];
    size_t common = 0;
    for (size_t i = 0; i < COUNT; i++) {
        ours[i] = check_out(pool);
        for (size_t k = 0; k < COUNT; k++) common += theirs[k] == ours[i];
    }
    assert_true(common >= COUNT / 2); /* while that thread lives: its cache is bounded */
    for (size_t i = 0; i < COUNT; i++) arena_pool_return(pool, ours[i]);
    flag_set(&worker.go, 1);
    worker_join(&worker);
    assert_int_equal(worker.status, 0);
    free(worker.pointer);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

enum { NESTED = 400 }; /* more than a cache has room for */

static void use_first_pools(struct worker *self) {
    struct arena_pool **pools = self->user;
    for (unsigned i = 0; i < self->index; i++) {
        struct visit seen = {.calls = 0};
        if (arena_pool_execute(pools[i], visit, &seen) != ARENA_OK) self->status = 1;
    }
}

/* However many pools a thread used: among these numbers are those that fill its table to the last place (for which the
 * pools before must have been few). */
TEST(ended_threads_leave_nothing_in_any_pool) {
    enum { MOST = 70 };
    struct arena_pool *pools[MOST];
    for (int i = 0; i < MOST; i++) pools[i] = make(ARENA_TYPE(int), 4);
    for (unsigned count = 1; count <= MOST; count++) {
        struct worker worker = worker_run(use_first_pools, pools, count);
        assert_int_equal(worker.status, 0);
    }
    for (int i = 0; i < MOST; i++) assert_int_equal(arena_pool_destroy(pools[i]), ARENA_OK);
}

static size_t pools_made;

static void use_all_pools(struct worker *self) {
    struct arena_pool **pools = self->user;
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < pools_made; i++) {
            struct visit seen = {.calls = 0};
            if (arena_pool_execute(pools[i], visit, &seen) != ARENA_OK || !seen.zero || seen.calls != 1)
                self->status = 1;
            if (seen.capacity != i % 10) self->status = 2;
        }
    }
}

TEST(two_thousand_pools_live_at_once) {
    pools_made =
        support_rounds(2100, 1200); /* more than there are keys of pthreads; a thread's table gets longer than 64 KiB */
    struct arena_pool **pools = calloc(pools_made, sizeof(struct arena_pool *));
    assert_non_null(pools);
    for (size_t i = 0; i < pools_made; i++) pools[i] = make(ARENA_TYPE(int), i % 10);
    struct worker workers[4];
    for (unsigned i = 0; i < 4; i++) worker_start(&workers[i], use_all_pools, pools, i);
    workers_join(workers, 4);
    struct worker self = {.user = pools};
    use_all_pools(&self);
    assert_int_equal(self.status, 0);
    for (unsigned i = 0; i < 4; i++) assert_int_equal(workers[i].status, 0);
    for (size_t i = 0; i < pools_made; i++) assert_int_equal(arena_pool_destroy(pools[i]), ARENA_OK);
    free(pools);
}

struct relay {
    struct arena_pool *pool;
};

static void use_each_pool(struct worker *self) {
    struct relay *relay = self->user;
    for (int round = 1;; round++) {
        if (!flag_wait(&self->go, round)) self->status = 1;
        if (self->status != 0 || relay->pool == NULL) return;
        struct visit seen = {.calls = 0};
        if (arena_pool_execute(relay->pool, visit, &seen) != ARENA_OK) self->status = 2;
        if (seen.capacity != (size_t)round % 7 || !seen.zero) self->status = 3;
        flag_set(&self->reached, round);
    }
}

/* A thread must not use what it keeps of a pool for the next one at the same address. */
TEST(long_lived_threads_see_pools_come_and_go) {
    enum { THREADS = 3 };
    struct worker workers[THREADS];
    struct relay relay = {NULL};
    for (unsigned t = 0; t < THREADS; t++) worker_start(&workers[t], use_each_pool, &relay, t);
    int rounds = (int)support_rounds(600, 60);
    for (int round = 1; round <= rounds; round++) {
        relay.pool = make(ARENA_TYPE(int), (size_t)round % 7);
        for (unsigned t = 0; t < THREADS; t++) flag_set(&workers[t].go, round);
        for (unsigned t = 0; t < THREADS; t++) assert_true(flag_wait(&workers[t].reached, round));
        assert_int_equal(arena_pool_destroy(relay.pool), ARENA_OK);
    }
    relay.pool = NULL;
    for (unsigned t = 0; t < THREADS; t++) flag_set(&workers[t].go, rounds + 1);
    workers_join(workers, THREADS);
    for (unsigned t = 0; t < THREADS; t++) assert_int_equal(workers[t].status, 0);
}

static void execute_and_end(struct worker *self) {
    struct visit seen = {.calls = 0};
    self->status = arena_pool_execute(self->user, visit, &seen);
    flag_set(&self->reached, 1);
}

TEST(threads_may_end_beside_destroy) {
    enum { THREADS = 4 };
    size_t rounds = support_rounds(500, 50);
    for (size_t round = 0; round < rounds; round++) {
        struct arena_pool *pool = make(ARENA_TYPE(int), 10);
        struct worker workers[THREADS];
        for (unsigned t = 0; t < THREADS; t++) worker_start(&workers[t], execute_and_end, pool, t);
        for (unsigned t = 0; t < THREADS; t++) {
            while (!flag_get(&workers[t].reached)) sched_yield();
        }
        assert_int_equal(arena_pool_destroy(pool), ARENA_OK); /* while they end */
        workers_join(workers, THREADS);
        for (unsigned t = 0; t < THREADS; t++) assert_int_equal(workers[t].status, ARENA_OK);
    }
}

/* --- idle memory -------------------------------------------------------------------------------------------------- */

static void fill_all(struct arena *arena, void *user) {
    (void)user;
    size_t count = arena_cap(arena);
    memset(arena_alloc_slab(arena, count), 'x', count);
}

static void take_fill_and_return(struct arena_pool *pool, int count) {
    struct arena *arenas[8];
    for (int i = 0; i < count; i++) arenas[i] = check_out(pool);
    for (int i = 0; i < count; i++) fill_all(arenas[i], NULL);
    for (int i = 0; i < count; i++) arena_pool_return(pool, arenas[i]);
}

/* Half of eight are in rotation, wherever in a round the pool comes to give memory back. */
TEST(idle_arenas_in_rotation_stay) {
    const size_t BYTES = (size_t)1 << 20;
    for (int before = 0; before < 4; before++) {
        struct arena_pool_options options = {.struct_size = sizeof options, .idle_bytes = 2 * BYTES};
        GIVEN(arena_pool, pool, arena_pool_create_with(ARENA_TYPE(char), BYTES, &options, &pool));
        take_fill_and_return(pool, 8);
        for (int i = 0; i < before; i++) take_fill_and_return(pool, 1);
        for (int round = 0; round < 50; round++) {
            take_fill_and_return(pool, 4);
            assert_true(stats_of(pool).idle_bytes >= 4 * BYTES);
        }
        assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
    }
}

/* What a burst needed goes back once many returns did not; what is in rotation stays. */
TEST(idle_arenas_hold_no_more_than_they_may) {
    enum { COUNT = 8, CALM = 200 };
    const size_t BYTES = (size_t)1 << 20;
    struct arena_pool_options options = {.struct_size = sizeof options, .idle_bytes = 2 * BYTES};
    GIVEN(arena_pool, pool, arena_pool_create_with(ARENA_TYPE(char), BYTES, &options, &pool));
    for (int round = 0; round < CALM; round++) {
        take_fill_and_return(pool, COUNT);
        struct arena_pool_stats stats = stats_of(pool);
        assert_in_range(stats.idle_bytes, COUNT * BYTES, 2 * COUNT * BYTES);
    }
    for (int i = 0; i < CALM; i++) assert_int_equal(arena_pool_execute(pool, do_nothing, NULL), ARENA_OK);
    struct arena_pool_stats stats = stats_of(pool);
    assert_true(stats.idle_bytes <= options.idle_bytes + BYTES);
    assert_int_equal(stats.made, COUNT);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

static void *take_counted(size_t bytes, size_t align, void *user) {
    void *memory = aligned_alloc(align, (bytes + align - 1) / align * align);
    if (memory != NULL) *(size_t *)user += bytes;
    return memory;
}
static void give_counted(void *memory, size_t bytes, size_t align, void *user) {
    *(size_t *)user -= bytes;
    free(memory);
}

/* Memory of the program's own, which no trim gives back in part, goes back with its arena. */
TEST(idle_arenas_of_a_source_go_back_to_it) {
    enum { COUNT = 8, CALM = 300 };
    const size_t BYTES = (size_t)1 << 20;
    size_t taken = 0;
    struct arena_source source = {take_counted, give_counted, &taken};
    struct arena_options arena_options = {.struct_size = sizeof arena_options, .source = &source};
    struct arena_pool_options options = {
        .struct_size = sizeof options, .idle_bytes = 2 * BYTES, .arena_options = &arena_options};
    GIVEN(arena_pool, pool, arena_pool_create_with(ARENA_TYPE(char), BYTES, &options, &pool));
    take_fill_and_return(pool, COUNT);
    assert_true(taken >= COUNT * BYTES);
    for (int i = 0; i < CALM; i++) assert_int_equal(arena_pool_execute(pool, do_nothing, NULL), ARENA_OK);
    assert_true(taken <= options.idle_bytes + 2 * BYTES);
    assert_true(stats_of(pool).idle_bytes <= options.idle_bytes + BYTES);
    take_fill_and_return(pool, COUNT);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
    assert_int_equal(taken, 0);
}

/* Whatever little idle arenas may hold, everything works, by the store. */
TEST(idle_arenas_may_hold_nothing) {
    enum { COUNT = 200 };
    struct arena_pool_options options = {.struct_size = sizeof options, .idle_bytes = 1};
    struct arena *arenas[COUNT];
    GIVEN(arena_pool, pool, arena_pool_create_with(ARENA_TYPE(char), 100, &options, &pool));
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < COUNT; i++) arenas[i] = check_out(pool);
        for (int i = 0; i < COUNT; i++) arena_pool_return(pool, arenas[i]);
        for (int i = 0; i < COUNT; i++) assert_int_equal(arena_pool_execute(pool, fill_all, NULL), ARENA_OK);
    }
    assert_true(stats_of(pool).idle <= COUNT);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

/* --- trims from outside ------------------------------------------------------------------------------------------- */

struct cached {
    struct arena_pool *pool;
    int inside; /* atomic: an execute is under way */
    int leave;  /* atomic */
};

static void execute_inside(struct arena *arena, void *user) {
    struct cached *cached = user;
    assert_int_equal(arena_pool_execute(cached->pool, do_nothing, NULL), ARENA_OK);
    (void)arena;
}

static void cache_two_and_stay(struct worker *self) {
    struct cached *cached = self->user;
    self->status = arena_pool_execute(cached->pool, execute_inside, cached);
    flag_set(&self->reached, 1);
    (void)flag_wait(&self->go, 1);
    self->status |= arena_pool_execute(cached->pool, execute_inside, cached);
}

/* A source that takes long: meanwhile an arena comes back. */
struct slow_source {
    struct arena_pool *pool;
    struct arena *comes_back;
    bool fails;
};

static void *take_slowly(size_t bytes, size_t align, void *user) {
    struct slow_source *source = user;
    arena_pool_return(source->pool, source->comes_back); /* NULL: nothing */
    source->comes_back = NULL;
    return source->fails ? NULL : aligned_alloc(align, (bytes + align - 1) / align * align);
}

static void give_to_the_heap(void *memory, size_t bytes, size_t align, void *user) { free(memory); }

/* Threads that make arenas at once wait for each other in the system. */
TEST(what_comes_back_while_one_is_made_is_used_again) {
    struct slow_source slow = {NULL, NULL, false};
    struct arena_source source = {take_slowly, give_to_the_heap, &slow};
    struct arena_options arena_options = {.struct_size = sizeof arena_options, .source = &source};
    struct arena_pool_options options = {
        .struct_size = sizeof options, .max_arenas = 2, .arena_options = &arena_options};
    assert_int_equal(arena_pool_create_with(ARENA_TYPE(int), 100, &options, &slow.pool), ARENA_OK);
    struct arena *first = check_out(slow.pool);
    slow.comes_back = first;
    assert_ptr_equal(check_out(slow.pool), first);
    struct arena *second = check_out(slow.pool); /* the one that was made, and has waited */
    assert_ptr_not_equal(second, first);
    assert_int_equal(arena_used(first) + arena_used(second), 0);
    struct arena_pool_stats stats = {.struct_size = sizeof stats};
    assert_int_equal(arena_pool_get_stats(slow.pool, &stats), ARENA_OK);
    assert_true(stats.made == 2 && stats.out == 2 && stats.idle == 0);
    assert_non_null(arena_try_alloc(second, NULL));
    arena_pool_return(slow.pool, second);
    arena_pool_trim(slow.pool);
    slow.comes_back = first;
    slow.fails = true;
    assert_ptr_equal(check_out(slow.pool), first); /* also where none can be made */
    arena_pool_return(slow.pool, first);
    assert_int_equal(arena_pool_destroy(slow.pool), ARENA_OK);
}

TEST(trim_reaches_the_caches_of_all_threads) {
    enum { THREADS = 5 };
    struct cached cached = {make(ARENA_TYPE(int), 100), 0, 0};
    struct worker workers[THREADS];
    for (unsigned i = 0; i < THREADS; i++) worker_start(&workers[i], cache_two_and_stay, &cached, i);
    for (int i = 0; i < THREADS; i++) AWAIT(flag_get(&workers[i].reached) != 0);
    assert_in_range(stats_of(cached.pool).idle, 2, 2 * THREADS);
    arena_pool_trim(cached.pool);
    assert_int_equal(stats_of(cached.pool).idle, 0);
    for (int i = 0; i < THREADS; i++) flag_set(&workers[i].go, 1);
    workers_join(workers, THREADS);
    for (int i = 0; i < THREADS; i++) assert_int_equal(workers[i].status, ARENA_OK);
    assert_int_equal(arena_pool_destroy(cached.pool), ARENA_OK);
}

static void fill_and_wait(struct arena *arena, void *user) {
    struct cached *cached = user;
    fill_all(arena, NULL);
    (void)flag_add(&cached->inside, 1);
    (void)flag_wait(&cached->leave, 1);
}

static void execute_and_stay(struct worker *self) {
    struct cached *cached = self->user;
    self->status = arena_pool_execute(cached->pool, fill_and_wait, cached);
    flag_set(&self->reached, 1);
    (void)flag_wait(&self->go, 1);
}

TEST(trim_reaches_what_is_in_use_when_that_ends) {
    enum { THREADS = 3, BYTES = 100 << 10 };
    struct cached cached = {make(ARENA_TYPE(char), BYTES), 0, 0};
    struct worker workers[THREADS];
    for (unsigned i = 0; i < THREADS; i++) worker_start(&workers[i], execute_and_stay, &cached, i);
    AWAIT(flag_get(&cached.inside) == THREADS);
    arena_pool_trim(cached.pool);
    assert_int_equal(stats_of(cached.pool).out, THREADS);
    flag_set(&cached.leave, 1);
    for (int i = 0; i < THREADS; i++) AWAIT(flag_get(&workers[i].reached) != 0);
    assert_int_equal(stats_of(cached.pool).idle, 0);
    for (int i = 0; i < THREADS; i++) flag_set(&workers[i].go, 1);
    workers_join(workers, THREADS);
    for (int i = 0; i < THREADS; i++) assert_int_equal(workers[i].status, ARENA_OK);
    assert_int_equal(arena_pool_destroy(cached.pool), ARENA_OK);
}

/* A trim while arenas were checked out says nothing of the scopes that have them next.  They are so many that the later
 * ones come back to a cache that has room, which does not look closely. */
TEST(trim_of_an_earlier_checkout_spares_a_scope) {
    enum { COUNT = 8 };
    struct arena_pool *pool = make(ARENA_TYPE(char), 100 << 10);
    struct arena *arenas[COUNT];
    for (int i = 0; i < COUNT; i++) arenas[i] = check_out(pool);
    arena_pool_trim(pool);
    for (int i = 0; i < COUNT; i++) arena_pool_return(pool, arenas[i]);
    assert_int_equal(arena_pool_execute(pool, fill_all, NULL), ARENA_OK);
    assert_int_equal(stats_of(pool).idle, COUNT);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
    (void)state;
}

int main(void) { return support_run("pool and threads"); }
