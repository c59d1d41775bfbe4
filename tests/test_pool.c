/* SPDX-License-Identifier: MIT */
/* The pool: isolation, reset, threads that come and go, limits, misuse. */
#define _GNU_SOURCE

#include "support.h"

#include <sched.h>

#include <arena/arena.h>

static struct arena_pool *make(const struct arena_type *type, size_t capacity) {
    struct arena_pool *pool = NULL;
    assert_int_equal(arena_pool_create(type, capacity, &pool), ARENA_OK);
    assert_non_null(pool);
    return pool;
}

static struct arena_pool *make_limited(size_t max_arenas) {
    struct arena_pool_options options = {.struct_size = sizeof options, .max_arenas = max_arenas};
    struct arena_pool *pool = NULL;
    assert_int_equal(arena_pool_create_with(ARENA_TYPE(int), 4, &options, &pool), ARENA_OK);
    return pool;
}

static struct arena *check_out(struct arena_pool *pool) {
    struct arena *arena = NULL;
    assert_int_equal(arena_pool_checkout(pool, &arena), ARENA_OK);
    assert_non_null(arena);
    return arena;
}

/* Elements are ints; their drop writes them down.  One thread at a time drops, and is joined before the log is read. */
enum { LOG_SIZE = 64 };
static int log_entries[LOG_SIZE];
static int log_count; /* atomic */

static void note_drop(void *element, void *user) {
    int place = flag_add(&log_count, 1) - 1;
    if (place < LOG_SIZE) log_entries[place] = *(int *)element;
}

static const struct arena_type noted = {"noted", sizeof(int), _Alignof(int), note_drop};

static void log_clear(void) { flag_set(&log_count, 0); }

/* --- creation ----------------------------------------------------------------------------------------------------- */

static void creation_follows_the_single_owner_arena(void **state) {
    int anything = 0;
    const struct arena_type bad = {"t", 4, 3, NULL};
    struct arena_pool *pool = (struct arena_pool *)(void *)&anything;
    assert_int_equal(arena_pool_create(NULL, 4, &pool), ARENA_EINVAL);
    assert_null(pool);
    pool = (struct arena_pool *)(void *)&anything;
    assert_int_equal(arena_pool_create(&bad, 4, &pool), ARENA_EINVAL);
    assert_null(pool);
    assert_int_equal(arena_pool_create(ARENA_TYPE(int), 4, NULL), ARENA_EINVAL);
    pool = (struct arena_pool *)(void *)&anything;
    assert_int_equal(arena_pool_create(ARENA_TYPE(int), SIZE_MAX, &pool), ARENA_ENOMEM);
    assert_null(pool);
    pool = make(ARENA_TYPE(int), 7);
    assert_int_equal(arena_pool_arena_cap(pool), 7);
    assert_string_equal(arena_pool_type_of(pool)->name, "int");
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
    assert_int_equal(arena_pool_destroy(NULL), ARENA_OK);
}

static void options_that_are_not_understood_are_invalid(void **state) {
    struct {
        struct arena_pool_options known;
        size_t unknown;
    } longer = {{.struct_size = sizeof longer}, 0};
    struct arena_options arena_options = {sizeof arena_options, 3, 0};
    struct arena_pool_options options = {.struct_size = 0};
    struct arena_pool *pool = NULL;
    assert_int_equal(arena_pool_create_with(ARENA_TYPE(int), 4, &options, &pool), ARENA_EINVAL);
    options.struct_size = sizeof options;
    options.arena_options = &arena_options;
    assert_int_equal(arena_pool_create_with(ARENA_TYPE(int), 4, &options, &pool), ARENA_EINVAL);
    assert_null(pool);
    arena_options.clear = 0;
    arena_options.flags = 1U << 31;
    assert_int_equal(arena_pool_create_with(ARENA_TYPE(int), 4, &options, &pool), ARENA_EINVAL);
    arena_options.flags = 0;
    assert_int_equal(arena_pool_create_with(ARENA_TYPE(int), 4, &options, &pool), ARENA_OK);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
    assert_int_equal(arena_pool_create_with(ARENA_TYPE(int), 4, &longer.known, &pool), ARENA_OK);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
    arena_options.struct_size = 0;
    assert_int_equal(arena_pool_create_with(ARENA_TYPE(int), 4, &options, &pool), ARENA_EINVAL);
    longer.unknown = 1;
    assert_int_equal(arena_pool_create_with(ARENA_TYPE(int), 4, &longer.known, &pool), ARENA_EINVAL);
    assert_null(pool);
}

/* What an older program's struct does not have yet is a default. */
static void shorter_options_are_understood(void **state) {
    struct arena_options arena_options = {sizeof arena_options, 3, 0}; /* which would be refused */
    struct arena_pool_options options = {
        .struct_size = sizeof options.struct_size, .max_arenas = 1, .arena_options = &arena_options};
    struct arena_pool *pool = NULL;
    struct arena *arenas[2];
    assert_int_equal(arena_pool_create_with(ARENA_TYPE(int), 4, &options, &pool), ARENA_OK);
    for (int i = 0; i < 2; i++) arenas[i] = check_out(pool); /* no limit */
    for (int i = 0; i < 2; i++) arena_pool_return(pool, arenas[i]);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
    options.struct_size = offsetof(struct arena_pool_options, arena_options);
    assert_int_equal(arena_pool_create_with(ARENA_TYPE(int), 4, &options, &pool), ARENA_OK);
    arenas[0] = check_out(pool);
    assert_int_equal(arena_pool_checkout(pool, &arenas[1]), ARENA_EFULL);
    arena_pool_return(pool, arenas[0]);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

/* Memory is what shows when an arena is made: with the first one that is wanted, with all that was asked for. */
static void arenas_are_made_when_they_are_wanted(void **state) {
    if (support_slow()) skip();
    enum { BYTES = 16 << 20 };
    struct arena_options arena_options = {sizeof arena_options, 0, ARENA_PREFAULT};
    for (size_t limit = 0; limit < 2; limit++) {
        struct arena_pool_options options = {
            .struct_size = sizeof options, .max_arenas = limit, .arena_options = &arena_options};
        struct arena_pool *pool = NULL;
        size_t before = support_resident_bytes();
        assert_int_equal(arena_pool_create_with(ARENA_TYPE(char), BYTES, &options, &pool), ARENA_OK);
        assert_true(support_resident_bytes() < before + BYTES / 2);
        arena_pool_return(pool, check_out(pool));
        assert_true(support_resident_bytes() >= before + BYTES / 2);
        assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
    }
}

static void do_nothing(struct arena *arena, void *user) {
    (void)arena;
    if (user != NULL) ++*(int *)user;
}

static void null_is_invalid(void **state) {
    struct arena_pool *pool = make(ARENA_TYPE(int), 4);
    struct arena *arena = (struct arena *)(void *)pool;
    int calls = 0;
    assert_int_equal(arena_pool_execute(NULL, do_nothing, &calls), ARENA_EINVAL);
    assert_int_equal(arena_pool_execute(pool, NULL, &calls), ARENA_EINVAL);
    assert_int_equal(arena_pool_checkout(NULL, &arena), ARENA_EINVAL);
    assert_null(arena);
    assert_int_equal(arena_pool_checkout(pool, NULL), ARENA_EINVAL);
    arena = (struct arena *)(void *)pool;
    assert_int_equal(arena_pool_checkout_context(NULL, NULL, &arena), ARENA_EINVAL);
    assert_null(arena);
    assert_int_equal(arena_pool_checkout_context(pool, NULL, NULL), ARENA_EINVAL);
    struct arena_pool *limited = make_limited(1);
    struct arena_context *ended = NULL;
    assert_int_equal(arena_context_with_timeout(NULL, 0, &ended), ARENA_OK);
    assert_int_equal(arena_pool_checkout_context(limited, ended, NULL), ARENA_EINVAL); /* that comes first */
    arena_context_release(ended);
    assert_int_equal(arena_pool_destroy(limited), ARENA_OK);
    arena_pool_return(pool, NULL);
    arena_pool_trim(NULL);
    arena_pool_scope_leave(NULL);
    assert_int_equal(calls, 0);
    assert_int_equal(arena_pool_arena_cap(NULL), 0);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK); /* nothing was taken */
}

static void capacity_zero_is_legal(void **state) {
    struct arena_pool *pool = make(ARENA_TYPE(int), 0);
    struct arena *arena = check_out(pool);
    assert_null(arena_try_alloc(arena, NULL));
    arena_pool_return(pool, arena);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

/* --- execute and checkout ----------------------------------------------------------------------------------------- */

struct visit {
    struct arena_pool *pool;
    struct arena *seen;
    size_t used;
    size_t capacity;
    bool zero;
    int calls;
};

static void visit(struct arena *arena, void *user) {
    struct visit *visit = user;
    visit->calls++;
    visit->seen = arena;
    visit->used = arena_used(arena);
    visit->capacity = arena_cap(arena);
    char *slab = arena_alloc_slab(arena, visit->capacity);
    visit->zero = all_zero(slab, visit->capacity * arena_type_of(arena)->size);
    memset(slab, 0xff, visit->capacity * arena_type_of(arena)->size);
}

static void execute_runs_the_action_on_an_empty_arena(void **state) {
    struct visit seen = {.pool = make(ARENA_TYPE(int64_t), 500)};
    for (int i = 1; i <= 5; i++) {
        assert_int_equal(arena_pool_execute(seen.pool, visit, &seen), ARENA_OK);
        assert_int_equal(seen.calls, i);
        assert_int_equal(seen.used, 0);
        assert_int_equal(seen.capacity, 500);
        assert_true(seen.zero); /* reset on reuse */
    }
    assert_int_equal(arena_pool_destroy(seen.pool), ARENA_OK);
}

static void arenas_are_made_with_the_pools_options(void **state) {
    struct arena_options arena_options = {sizeof arena_options, ARENA_CLEAR_ON_HANDOUT, 0};
    struct arena_pool_options options = {.struct_size = sizeof options, .arena_options = &arena_options};
    struct visit seen = {.pool = NULL};
    assert_int_equal(arena_pool_create_with(ARENA_TYPE(int), 5000, &options, &seen.pool), ARENA_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(arena_pool_execute(seen.pool, visit, &seen), ARENA_OK);
        assert_true(seen.zero);
        struct arena *arena = check_out(seen.pool);
        char *slab = arena_alloc_slab(arena, 5000);
        assert_true(all_zero(slab, 5000 * sizeof(int)));
        memset(slab, 0x77, 5000 * sizeof(int));
        arena_pool_return(seen.pool, arena);
    }
    assert_int_equal(arena_pool_destroy(seen.pool), ARENA_OK);
}

static void values_are_dropped_when_the_action_returns(void **state) {
    struct arena_pool *pool = make(&noted, 4);
    log_clear();
    struct arena *arena = check_out(pool);
    for (int i = 1; i <= 3; i++) arena_alloc(arena, &i);
    assert_int_equal(log_count, 0);
    arena_pool_return(pool, arena);
    assert_int_equal(log_count, 3);
    assert_int_equal(log_entries[0], 3);
    assert_int_equal(log_entries[2], 1);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
    assert_int_equal(log_count, 3);
}

/* What an open burst wrote counts as nothing, and is cleared all the same: also where nothing else was taken. */
static void arenas_come_out_clean_after_a_burst_that_was_left(void **state) {
    enum { CAPACITY = 100 };
    const int64_t value = -1;
    for (uint32_t clear = ARENA_CLEAR_ON_RESET; clear <= ARENA_CLEAR_ON_HANDOUT; clear++) {
        struct arena_options arena_options = {sizeof arena_options, clear, 0};
        struct arena_pool_options options = {.struct_size = sizeof options, .arena_options = &arena_options};
        struct arena_pool *pool = NULL;
        assert_int_equal(arena_pool_create_with(ARENA_TYPE(int64_t), CAPACITY, &options, &pool), ARENA_OK);
        for (int round = 0; round < 6; round++) {
            struct arena_pool_scope scope = {NULL};
            if (round % 2 != 0) assert_int_equal(arena_pool_scope_enter(pool, &scope), ARENA_OK);
            struct arena *arena = scope.arena != NULL ? scope.arena : check_out(pool);
            assert_int_equal(arena_used(arena), 0);
            int64_t *slab = arena_alloc_slab(arena, CAPACITY);
            assert_true(all_zero(slab, CAPACITY * sizeof *slab));
            arena_reset(arena);
            struct arena_burst burst;
            arena_burst_begin(arena, &burst);
            for (int i = 0; i < CAPACITY / 2; i++) assert_non_null(arena_burst_put(&burst, &value));
            if (scope.arena != NULL) {
                arena_pool_scope_leave(&scope);
            } else {
                arena_pool_return(pool, arena);
            }
        }
        assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
    }
}

static void arenas_that_are_out_are_distinct(void **state) {
    enum { COUNT = 300 };
    static struct arena *arenas[COUNT];
    struct arena_pool *pool = make(ARENA_TYPE(int), 2);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < COUNT; i++) {
            arenas[i] = check_out(pool);
            int *slot = arena_alloc(arenas[i], &i);
            assert_int_equal(*slot, i);
            assert_int_equal(*(int *)arena_alloc(arenas[i], NULL), 0);
        }
        for (int i = 0; i < COUNT; i++) {
            for (int k = 0; k < i; k++) assert_ptr_not_equal(arenas[i], arenas[k]);
            assert_int_equal(arena_used(arenas[i]), 2);
        }
        for (int i = 0; i < COUNT; i++) arena_pool_return(pool, arenas[(i * 7) % COUNT]);
    }
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

struct nesting {
    struct arena_pool *pool;
    struct arena *outer;
    int depth;
    int wrong;
};

static void nest(struct arena *arena, void *user) {
    struct nesting *nesting = user;
    struct arena *outer = nesting->outer;
    int depth = ++nesting->depth;
    int *slot = arena_alloc(arena, &depth);
    if (arena == outer) nesting->wrong++;
    nesting->outer = arena;
    if (depth < 50 && arena_pool_execute(nesting->pool, nest, nesting) != ARENA_OK) nesting->wrong++;
    if (*slot != depth || arena_used(arena) != 1) nesting->wrong++; /* inner scopes did not touch it */
}

static void nesting_gets_another_arena(void **state) {
    struct nesting nesting = {.pool = make(ARENA_TYPE(int), 4)};
    assert_int_equal(arena_pool_execute(nesting.pool, nest, &nesting), ARENA_OK);
    assert_int_equal(nesting.depth, 50);
    assert_int_equal(nesting.wrong, 0);
    assert_int_equal(arena_pool_destroy(nesting.pool), ARENA_OK);
}

/* --- isolation over threads --------------------------------------------------------------------------------------- */

enum { FIFTY = 50 };

static void mark_and_check(struct arena *arena, void *user) {
    struct worker *self = user;
    int64_t mark = (int64_t)self->index + 1;
    if (arena_used(arena) != 0) self->status = 1;
    int64_t *slab = arena_alloc_slab(arena, 100);
    if (!all_zero(slab, 100 * sizeof *slab)) self->status = 2;
    for (int i = 0; i < 100; i++) slab[i] = mark;
    if (self->count % 16 == 0) sleep_ms(0); /* let others in */
    for (int i = 0; i < 100; i++) {
        if (slab[i] != mark) self->status = 3;
    }
    self->count++;
}

static void execute_often(struct worker *self) {
    size_t rounds = support_rounds(400, 60);
    for (size_t i = 0; i < rounds; i++) {
        if (i % 2 == 0) {
            if (arena_pool_execute(self->user, mark_and_check, self) != ARENA_OK) self->status = 4;
        } else {
            struct arena *arena = NULL;
            if (arena_pool_checkout_context(self->user, NULL, &arena) != ARENA_OK) self->status = 5;
            mark_and_check(arena, self);
            arena_pool_return(self->user, arena);
        }
    }
}

static void fifty_threads_are_isolated(void **state) {
    for (size_t limit = 0; limit <= FIFTY; limit += FIFTY) {
        struct arena_pool_options options = {.struct_size = sizeof options, .max_arenas = limit};
        struct arena_pool *pool = NULL;
        struct worker workers[FIFTY];
        assert_int_equal(arena_pool_create_with(ARENA_TYPE(int64_t), 100, &options, &pool), ARENA_OK);
        for (unsigned i = 0; i < FIFTY; i++) worker_start(&workers[i], execute_often, pool, i);
        workers_join(workers, FIFTY);
        for (unsigned i = 0; i < FIFTY; i++) assert_int_equal(workers[i].status, 0);
        assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
    }
}

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

static void arenas_may_be_returned_by_another_thread(void **state) {
    struct handoff handoff = {make(&noted, 4), NULL};
    struct worker worker;
    log_clear();
    for (int i = 0; i < 20; i++) {
        worker_start(&worker, check_it_out, &handoff, 0);
        worker_join(&worker);
        assert_int_equal(worker.status, ARENA_OK);
        assert_int_equal(arena_pool_destroy(handoff.pool), ARENA_EBUSY); /* its thread has ended, yet it is out */
        assert_int_equal(arena_used(handoff.arena), 1);
        if (i % 2 == 0) {
            arena_pool_return(handoff.pool, handoff.arena);
        } else {
            worker_start(&worker, return_it, &handoff, 0);
            worker_join(&worker);
        }
        assert_int_equal(log_count, i + 1);
        handoff.arena = check_out(handoff.pool);
        assert_int_equal(arena_used(handoff.arena), 0);
        worker_start(&worker, return_it, &handoff, 0);
        worker_join(&worker);
    }
    assert_int_equal(arena_pool_destroy(handoff.pool), ARENA_OK);
    assert_int_equal(log_count, 20);
}

enum { RING = 64 };

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
static void drops_at_a_threads_end_leave_nothing_in_other_pools(void **state) {
    const struct arena_type type = {"late", sizeof(int), _Alignof(int), drop_into_many_pools};
    struct jumper jumper = {.pool = make(&type, 4)};
    for (int i = 0; i < LATE_POOLS; i++) late_pools.pools[i] = make(ARENA_TYPE(int), 4);
    struct worker worker;
    worker_start(&worker, jump_and_end, &jumper, 0);
    worker_join(&worker);
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

static void arena_jumped_past_on_the_main_thread_stays_out(void **state) {
    struct jumper jumper = {.pool = make(&noted, 4)};
    assert_child_succeeds(jump_on_the_main_thread, &jumper);
    assert_int_equal(arena_pool_destroy(jumper.pool), ARENA_OK);
}

/* --- limits ------------------------------------------------------------------------------------------------------- */

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

static void limit_counts_what_is_checked_out(void **state) {
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
static void large_limits_are_exact(void **state) {
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
static void limits_that_no_pool_meets_are_none(void **state) {
    const size_t word = (size_t)UINT32_MAX;
    const size_t limits[] = {SIZE_MAX,     SIZE_MAX / 2 + 2, SIZE_MAX / 4 + 2, word,
                             word / 2 + 2, word / 4 + 2,     word / 8 + 1};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        struct arena_pool_options options = {.struct_size = sizeof options, .max_arenas = limits[i]};
        struct arena_pool *pool = NULL;
        struct arena *arenas[4];
        assert_int_equal(arena_pool_create_with(ARENA_TYPE(int), 1, &options, &pool), ARENA_OK);
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

static void at_the_limit_checkout_context_waits_for_a_return(void **state) {
    enum { WAITERS = 4 };
    struct limited limited = {make_limited(2), NULL};
    assert_int_equal(arena_context_with_cancel(NULL, &limited.context), ARENA_OK);
    for (int with_context = 0; with_context < 2; with_context++) {
        struct limited used = {limited.pool, with_context ? limited.context : NULL};
        struct arena *first = check_out(limited.pool);
        struct arena *second = check_out(limited.pool);
        struct worker workers[WAITERS];
        for (unsigned i = 0; i < WAITERS; i++) worker_start(&workers[i], check_out_and_wait, &used, 1);
        for (unsigned i = 0; i < WAITERS; i++) assert_true(worker_asleep(&workers[i]));
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
static void at_the_limit_checkout_context_waits_for_the_end_of_a_scope(void **state) {
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

static void killed_waiter_loses_no_place(void **state) {
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

static void never_more_than_the_limit_are_out(void **state) {
    enum { THREADS = 8 };
    struct limited limited = {make_limited(3), NULL};
    struct worker workers[THREADS];
    flag_set(&out_now, 0);
    for (unsigned i = 0; i < THREADS; i++) worker_start(&workers[i], check_out_under_limit, &limited, i);
    workers_join(workers, THREADS);
    for (unsigned i = 0; i < THREADS; i++) assert_int_equal(workers[i].status, 0);
    assert_int_equal(arena_pool_destroy(limited.pool), ARENA_OK);
}

/* --- destroy, trim, misuse ---------------------------------------------------------------------------------------- */

static void destroy_inside(struct arena *arena, void *user) {
    struct nesting *nesting = user;
    nesting->wrong += arena_pool_destroy(nesting->pool) != ARENA_EBUSY;
    nesting->wrong += arena_try_alloc(arena, NULL) == NULL;
    nesting->depth++;
}

static void destroy_is_refused_while_arenas_are_out(void **state) {
    struct arena_pool *pool = make(ARENA_TYPE(int), 4);
    int value = 5;
    struct arena *arena = check_out(pool);
    int *slot = arena_alloc(arena, &value);
    for (int i = 0; i < 3; i++) assert_int_equal(arena_pool_destroy(pool), ARENA_EBUSY);
    assert_int_equal(*slot, 5); /* and nothing changed */
    struct arena *second = check_out(pool);
    arena_pool_return(pool, arena);
    assert_int_equal(arena_pool_destroy(pool), ARENA_EBUSY);
    arena_pool_return(pool, second);
    struct nesting nesting = {.pool = pool};
    assert_int_equal(arena_pool_execute(pool, destroy_inside, &nesting), ARENA_OK);
    assert_int_equal(nesting.depth, 1);
    assert_int_equal(nesting.wrong, 0);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

/* A thread's own arena that a scope has is out, whichever of many it is. */
static void destroy_is_refused_in_a_scope_beside_many_idle_arenas(void **state) {
    enum { MANY = 12 };
    struct arena *arenas[MANY];
    struct arena_pool *pool = make(ARENA_TYPE(int), 4);
    for (int i = 0; i < MANY; i++) arenas[i] = check_out(pool);
    struct arena_pool_scope scope;
    assert_int_equal(arena_pool_scope_enter(pool, &scope), ARENA_OK); /* with the last one that was made */
    for (int i = 0; i < MANY; i++) arena_pool_return(pool, arenas[i]);
    assert_int_equal(arena_pool_destroy(pool), ARENA_EBUSY);
    arena_pool_scope_leave(&scope);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

static void trim_frees_what_is_idle(void **state) {
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
static void a_refused_destroy_frees_nothing(void **state) {
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
    struct arena_pool *pool = NULL;
    assert_int_equal(arena_pool_create_with(ARENA_TYPE(char), LEFT_BYTES, &options, &pool), ARENA_OK);
    return pool;
}

static void touch_all(struct arena *arena, void *user) { memset(arena_alloc_slab(arena, LEFT_BYTES), 1, LEFT_BYTES); }

/* The one that a thread keeps for its scopes, too; and with a limit, where all that is idle is in the store. */
static void trim_frees_what_scopes_left(void **state) {
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
static void trim_frees_what_ended_threads_left(void **state) {
    struct arena_pool *pool = make(ARENA_TYPE(char), LEFT_BYTES);
    struct worker worker;
    worker_start(&worker, leave_large_arenas, pool, 0);
    worker_join(&worker);
    size_t before = support_resident_bytes();
    worker_start(&worker, trim_it, pool, 0);
    worker_join(&worker);
    if (!support_slow()) assert_true(support_resident_bytes() + (LEFT - 2) * LEFT_BYTES < before);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

/* An open scope keeps its own arena, and nothing else. */
static void trim_inside_a_scope_frees_the_store(void **state) {
    struct arena_pool *pool = make(ARENA_TYPE(char), LEFT_BYTES);
    struct arena_pool_scope scope;
    struct worker worker;
    int64_t mark = 0x1122334455667788;
    assert_int_equal(arena_pool_scope_enter(pool, &scope), ARENA_OK);
    char *kept = arena_alloc_slab_with(scope.arena, &mark, 8);
    worker_start(&worker, leave_large_arenas, pool, 0);
    worker_join(&worker);
    size_t before = support_resident_bytes();
    arena_pool_trim(pool);
    if (!support_slow()) assert_true(support_resident_bytes() + (LEFT - 2) * LEFT_BYTES < before);
    assert_memory_equal(kept, &mark, 8);
    arena_pool_scope_leave(&scope);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

/* What the pool remembers of an arena that was freed serves the next one. */
static void trimming_again_and_again_costs_nothing(void **state) {
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

struct returning {
    struct arena_pool *pool;
    struct arena *arena;
};

static void return_arena(void *user) {
    struct returning *returning = user;
    arena_pool_return(returning->pool, returning->arena);
}

static void assert_not_returned(struct arena_pool *pool, struct arena *arena, const char *text) {
    struct returning returning = {pool, arena};
    assert_panics(return_arena, &returning, text);
    assert_int_equal(arena_pool_return_checked(pool, arena), ARENA_EINVAL);
}

static void assert_scope_keeps(struct arena *arena, void *pool) {
    assert_not_returned(pool, arena, "arena_pool_return: the arena belongs to a scope");
    assert_non_null(arena_try_alloc(arena, NULL));
}

static void what_is_not_out_of_this_pool_is_not_returned(void **state) {
    struct arena_pool *pool = make(ARENA_TYPE(int), 4);
    struct arena_pool *other = make(ARENA_TYPE(int), 4);
    struct arena_concurrent *concurrent = NULL;
    struct arena *arena = NULL;
    assert_int_equal(arena_pool_return_checked(pool, NULL), ARENA_OK);
    assert_int_equal(arena_pool_return_checked(NULL, NULL), ARENA_OK);
    assert_int_equal(arena_create(ARENA_TYPE(int), 4, &arena), ARENA_OK);
    assert_not_returned(pool, arena, "arena_pool_return"); /* of no pool */
    assert_null(arena_pool_of(arena));
    arena_destroy(arena);
    assert_int_equal(arena_concurrent_create(ARENA_TYPE(int), 4, &concurrent), ARENA_OK);
    assert_int_equal(arena_concurrent_acquire(concurrent, NULL, &arena), ARENA_OK);
    assert_not_returned(pool, arena, "arena_pool_return"); /* behind a gate */
    arena_concurrent_release(concurrent);
    arena_concurrent_destroy(concurrent);

    arena = check_out(other);
    assert_not_returned(pool, arena, "arena_pool_return"); /* of another pool */
    assert_not_returned(NULL, arena, "arena_pool_return");
    assert_non_null(arena_try_alloc(arena, NULL));
    assert_ptr_equal(arena_pool_of(arena), other);
    assert_int_equal(arena_pool_return_checked(other, arena), ARENA_OK);
    assert_not_returned(other, arena, "arena_pool_return"); /* it rests in this thread's cache */
    struct arena *again = check_out(other);
    struct arena *second = check_out(other);
    assert_ptr_not_equal(again, second); /* it is in the pool once */
    arena_pool_return(other, again);
    arena_pool_return(other, second);
    for (int round = 0; round < 2; round++) { /* the second time it is the thread's own */
        struct arena_pool_scope scope;
        assert_int_equal(arena_pool_execute(pool, assert_scope_keeps, pool), ARENA_OK);
        assert_int_equal(arena_pool_scope_enter(pool, &scope), ARENA_OK);
        assert_scope_keeps(scope.arena, pool);
        arena_pool_scope_leave(&scope);
    }
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
    assert_int_equal(arena_pool_destroy(other), ARENA_OK);
}

/* --- threads that come and go ------------------------------------------------------------------------------------- */

static void execute_once(struct worker *self) {
    struct visit seen = {.calls = 0};
    self->status = arena_pool_execute(self->user, visit, &seen);
    if (!seen.zero || seen.used != 0) self->status = 1;
    self->pointer = seen.seen;
}

static void arenas_of_ended_threads_go_back(void **state) {
    enum { THREADS = 200 };
    struct arena_pool *pool = make(ARENA_TYPE(int), 100);
    void *distinct[THREADS];
    size_t count = 0;
    for (unsigned i = 0; i < THREADS; i++) {
        struct worker worker;
        worker_start(&worker, execute_once, pool, i);
        worker_join(&worker);
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

static void the_excess_of_a_cache_is_shared(void **state) {
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

struct nested_scopes {
    struct arena_pool *pool;
    struct arena *arenas[NESTED];
    int count;
};

static void nest_and_note(struct arena *arena, void *user) {
    struct nested_scopes *nested = user;
    nested->arenas[nested->count++] = arena;
    if (nested->count < NESTED) (void)!arena_pool_execute(nested->pool, nest_and_note, nested);
}

static void nest_and_stay(struct worker *self) {
    struct nested_scopes *nested = self->user;
    self->status = arena_pool_execute(nested->pool, nest_and_note, nested);
    flag_set(&self->reached, 1);
    if (!flag_wait(&self->go, 1)) self->status = 2;
}

/* What scopes leave behind, too. */
static void the_excess_of_nested_scopes_is_shared(void **state) {
    static struct nested_scopes nested;
    memset(&nested, 0, sizeof nested);
    nested.pool = make(ARENA_TYPE(int), 4);
    struct worker worker;
    worker_start(&worker, nest_and_stay, &nested, 0);
    AWAIT(flag_get(&worker.reached));
    struct arena *ours[NESTED];
    size_t common = 0;
    for (size_t i = 0; i < NESTED; i++) {
        ours[i] = check_out(nested.pool);
        for (size_t k = 0; k < NESTED; k++) common += nested.arenas[k] == ours[i];
    }
    assert_true(common >= NESTED / 2);
    for (size_t i = 0; i < NESTED; i++) arena_pool_return(nested.pool, ours[i]);
    flag_set(&worker.go, 1);
    worker_join(&worker);
    assert_int_equal(worker.status, ARENA_OK);
    assert_int_equal(nested.count, NESTED);
    assert_int_equal(arena_pool_destroy(nested.pool), ARENA_OK);
}

static void use_first_pools(struct worker *self) {
    struct arena_pool **pools = self->user;
    for (unsigned i = 0; i < self->index; i++) {
        struct visit seen = {.calls = 0};
        if (arena_pool_execute(pools[i], visit, &seen) != ARENA_OK) self->status = 1;
    }
}

/* However many pools a thread used: among these numbers are those that fill its table to the last place (for which the
 * pools before must have been few). */
static void ended_threads_leave_nothing_in_any_pool(void **state) {
    enum { MOST = 70 };
    struct arena_pool *pools[MOST];
    for (int i = 0; i < MOST; i++) pools[i] = make(ARENA_TYPE(int), 4);
    for (unsigned count = 1; count <= MOST; count++) {
        struct worker worker;
        worker_start(&worker, use_first_pools, pools, count);
        worker_join(&worker);
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

static void two_thousand_pools_live_at_once(void **state) {
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
static void long_lived_threads_see_pools_come_and_go(void **state) {
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

static void threads_may_end_beside_destroy(void **state) {
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

/* --- other thread-local destructors ------------------------------------------------------------------------------- */

struct late {
    struct arena_pool *pool;
    struct arena_pool *fresh; /* that the thread did not use before */
    int left;                 /* iterations of destructors to go */
    int calls;
    int wrong;
};

/* --- statuses instead of panics ----------------------------------------------------------------------------------- */

static void return_from_drop(void *element, void *user) {
    (void)element;
    struct handoff *handoff = user;
    flag_set(&log_count, arena_pool_return_checked(handoff->pool, handoff->arena));
}

static void an_arena_that_drops_is_not_returned(void **state) {
    struct handoff handoff;
    const struct arena_type type = {.name = "back", .size = 1, .align = 1, .drop = return_from_drop};
    struct arena_options arena_options = {.struct_size = sizeof arena_options, .drop_user = &handoff};
    struct arena_pool_options options = {.struct_size = sizeof options, .arena_options = &arena_options};
    assert_int_equal(arena_pool_create_with(&type, 1, &options, &handoff.pool), ARENA_OK);
    handoff.arena = check_out(handoff.pool);
    arena_alloc(handoff.arena, NULL);
    log_clear();
    assert_int_equal(arena_pool_return_checked(handoff.pool, handoff.arena), ARENA_OK);
    assert_int_equal(flag_get(&log_count), ARENA_EBUSY);
    assert_int_equal(arena_pool_destroy(handoff.pool), ARENA_OK);
}

static void return_claimed(void *arena) { arena_pool_return_claimed(arena); }
static void return_plainly(void *arena) { arena_pool_return(arena_pool_of(arena), arena); }

/* Whoever claimed it returns it, and nobody else. */
static void a_claimed_arena_is_returned_by_who_claimed_it(void **state) {
    struct arena_pool *pool;
    struct arena *arena;
    struct arena *alone;
    assert_int_equal(arena_pool_create(ARENA_TYPE(int), 4, &pool), ARENA_OK);
    assert_int_equal(arena_create(ARENA_TYPE(int), 4, &alone), ARENA_OK);
    assert_int_equal(arena_pool_claim(NULL), ARENA_EINVAL);
    assert_int_equal(arena_pool_claim(alone), ARENA_EINVAL);
    arena_pool_return_claimed(NULL);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(arena_pool_checkout(pool, &arena), ARENA_OK);
        assert_panics(return_claimed, arena, "not claimed");
        assert_int_equal(arena_pool_claim(arena), ARENA_OK);
        assert_int_equal(arena_pool_claim(arena), ARENA_EINVAL);
        assert_int_equal(arena_pool_return_checked(pool, arena), ARENA_EINVAL);
        assert_panics(return_plainly, arena, "claimed");
        assert_non_null(arena_alloc(arena, NULL));
        assert_int_equal(arena_pool_destroy(pool), ARENA_EBUSY);
        arena_pool_return_claimed(arena);
        assert_int_equal(arena_pool_claim(arena), ARENA_EINVAL); /* it is back */
    }
    ARENA_POOL_SCOPE(pool, scoped) {
        assert_int_equal(arena_pool_claim(scoped), ARENA_EINVAL);
    }
    arena_destroy(alone);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

/* --- statistics --------------------------------------------------------------------------------------------------- */

static struct arena_pool_stats stats_of(const struct arena_pool *pool) {
    struct arena_pool_stats stats = {.struct_size = sizeof stats};
    assert_int_equal(arena_pool_get_stats(pool, &stats), ARENA_OK);
    return stats;
}

static void statistics_count_arenas(void **state) {
    enum { COUNT = 5 };
    struct arena_pool *pool = make(ARENA_TYPE(int64_t), 100);
    struct arena *arenas[COUNT];
    struct arena_pool_stats stats = stats_of(pool);
    assert_int_equal(stats.made + stats.out + stats.idle + stats.idle_bytes + stats.peak_out, 0);
    assert_int_equal(stats.waits + stats.refusals, 0);
    for (int i = 0; i < COUNT; i++) arenas[i] = check_out(pool);
    stats = stats_of(pool);
    assert_int_equal(stats.made, COUNT);
    assert_int_equal(stats.out, COUNT);
    assert_int_equal(stats.idle, 0);
    assert_int_equal(stats.peak_out, COUNT);
    for (int i = 0; i < 3; i++) {
        arena_alloc_slab(arenas[i], 100);
        arena_pool_return(pool, arenas[i]);
    }
    ARENA_POOL_SCOPE(pool, scratch) {
        arena_alloc(scratch, NULL);
        stats = stats_of(pool);
        assert_int_equal(stats.out, COUNT - 2);
    }
    stats = stats_of(pool);
    assert_int_equal(stats.made, COUNT);
    assert_int_equal(stats.out, COUNT - 3);
    assert_int_equal(stats.idle, 3);
    assert_in_range(stats.idle_bytes, 3 * 100 * sizeof(int64_t), 1 << 16);
    assert_int_equal(stats.peak_out, COUNT);
    arena_pool_trim(pool);
    stats = stats_of(pool);
    assert_int_equal(stats.made, COUNT);
    assert_int_equal(stats.idle + stats.idle_bytes, 0);
    for (int i = 3; i < COUNT; i++) arena_pool_return(pool, arenas[i]);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

static void statistics_fill_as_much_as_they_are_given(void **state) {
    struct {
        struct arena_pool_stats known;
        size_t unknown;
    } longer = {{.struct_size = sizeof longer}, 77};
    struct arena_pool *pool = make(ARENA_TYPE(int), 4);
    struct arena_pool_stats stats = {.struct_size = offsetof(struct arena_pool_stats, out), .out = 77};
    struct arena *arena = check_out(pool);
    assert_int_equal(arena_pool_get_stats(pool, &stats), ARENA_OK);
    assert_int_equal(stats.struct_size, offsetof(struct arena_pool_stats, out));
    assert_int_equal(stats.made, 1);
    assert_int_equal(stats.out, 77);
    assert_int_equal(arena_pool_get_stats(pool, &longer.known), ARENA_OK);
    assert_int_equal(longer.known.struct_size, sizeof longer);
    assert_int_equal(longer.known.out, 1);
    assert_int_equal(longer.unknown, 77);
    stats.struct_size = 0;
    assert_int_equal(arena_pool_get_stats(pool, &stats), ARENA_EINVAL);
    assert_int_equal(arena_pool_get_stats(pool, NULL), ARENA_EINVAL);
    assert_int_equal(arena_pool_get_stats(NULL, &longer.known), ARENA_EINVAL);
    assert_int_equal(arena_pool_stats_size(), sizeof stats);
    arena_pool_return(pool, arena);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
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
static void waits_at_the_limit_end_by_a_return_or_the_context(void **state) {
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

static void an_ended_context_fails_in_any_case(void **state) {
    struct arena_context *ended = NULL;
    struct arena_pool_scope scope = {(struct arena *)(void *)&scope};
    int count = 0;
    assert_int_equal(arena_context_with_timeout(NULL, 0, &ended), ARENA_OK);
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

/* --- idle memory -------------------------------------------------------------------------------------------------- */

static void fill_all(struct arena *arena, void *user) {
    (void)user;
    size_t count = arena_cap(arena);
    memset(arena_alloc_slab(arena, count), 'x', count);
}

/* What a burst needed goes back once many returns did not; what is in rotation stays. */
static void idle_arenas_hold_no_more_than_they_may(void **state) {
    enum { COUNT = 8, CALM = 200 };
    const size_t BYTES = (size_t)1 << 20;
    struct arena_pool_options options = {.struct_size = sizeof options, .idle_bytes = 2 * BYTES};
    struct arena_pool *pool = NULL;
    struct arena *arenas[COUNT];
    assert_int_equal(arena_pool_create_with(ARENA_TYPE(char), BYTES, &options, &pool), ARENA_OK);
    for (int round = 0; round < CALM; round++) {
        for (int i = 0; i < COUNT; i++) arenas[i] = check_out(pool);
        for (int i = 0; i < COUNT; i++) fill_all(arenas[i], NULL);
        for (int i = 0; i < COUNT; i++) arena_pool_return(pool, arenas[i]);
        struct arena_pool_stats stats = stats_of(pool);
        assert_in_range(stats.idle_bytes, COUNT * BYTES, 2 * COUNT * BYTES);
    }
    for (int i = 0; i < CALM; i++) assert_int_equal(arena_pool_execute(pool, do_nothing, NULL), ARENA_OK);
    struct arena_pool_stats stats = stats_of(pool);
    assert_true(stats.idle_bytes <= options.idle_bytes + BYTES);
    assert_int_equal(stats.made, COUNT);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

/* Whatever little idle arenas may hold, everything works, by the store. */
static void idle_arenas_may_hold_nothing(void **state) {
    enum { COUNT = 200 };
    struct arena_pool_options options = {.struct_size = sizeof options, .idle_bytes = 1};
    struct arena_pool *pool = NULL;
    struct arena *arenas[COUNT];
    assert_int_equal(arena_pool_create_with(ARENA_TYPE(char), 100, &options, &pool), ARENA_OK);
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

static void trim_reaches_the_caches_of_all_threads(void **state) {
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

static void trim_reaches_what_is_in_use_when_that_ends(void **state) {
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

/* Whatever a thread is in the middle of. */
static void trims_may_run_beside_everything(void **state) {
    enum { THREADS = 4 };
    struct arena_pool *pool = make(ARENA_TYPE(int64_t), 100);
    struct worker workers[THREADS];
    for (unsigned i = 0; i < THREADS; i++) worker_start(&workers[i], execute_often, pool, i);
    for (size_t i = 0; i < support_rounds(300, 50); i++) {
        arena_pool_trim(pool);
        assert_true(stats_of(pool).out <= THREADS);
    }
    workers_join(workers, THREADS);
    for (unsigned i = 0; i < THREADS; i++) assert_int_equal(workers[i].status, 0);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_claimed_arena_is_returned_by_who_claimed_it),
        cmocka_unit_test(creation_follows_the_single_owner_arena),
        cmocka_unit_test(options_that_are_not_understood_are_invalid),
        cmocka_unit_test(shorter_options_are_understood),
        cmocka_unit_test(arenas_are_made_when_they_are_wanted),
        cmocka_unit_test(null_is_invalid),
        cmocka_unit_test(capacity_zero_is_legal),
        cmocka_unit_test(execute_runs_the_action_on_an_empty_arena),
        cmocka_unit_test(arenas_are_made_with_the_pools_options),
        cmocka_unit_test(values_are_dropped_when_the_action_returns),
        cmocka_unit_test(arenas_come_out_clean_after_a_burst_that_was_left),
        cmocka_unit_test(arenas_that_are_out_are_distinct),
        cmocka_unit_test(nesting_gets_another_arena),
        cmocka_unit_test(fifty_threads_are_isolated),
        cmocka_unit_test(arenas_may_be_returned_by_another_thread),
        cmocka_unit_test(drops_at_a_threads_end_leave_nothing_in_other_pools),
        cmocka_unit_test(arena_jumped_past_on_the_main_thread_stays_out),
        cmocka_unit_test(limit_counts_what_is_checked_out),
        cmocka_unit_test(large_limits_are_exact),
        cmocka_unit_test(limits_that_no_pool_meets_are_none),
        cmocka_unit_test(at_the_limit_checkout_context_waits_for_a_return),
        cmocka_unit_test(at_the_limit_checkout_context_waits_for_the_end_of_a_scope),
        cmocka_unit_test(killed_waiter_loses_no_place),
        cmocka_unit_test(never_more_than_the_limit_are_out),
        cmocka_unit_test(destroy_is_refused_while_arenas_are_out),
        cmocka_unit_test(destroy_is_refused_in_a_scope_beside_many_idle_arenas),
        cmocka_unit_test(trim_frees_what_is_idle),
        cmocka_unit_test(a_refused_destroy_frees_nothing),
        cmocka_unit_test(trim_frees_what_scopes_left),
        cmocka_unit_test(trim_frees_what_ended_threads_left),
        cmocka_unit_test(trim_inside_a_scope_frees_the_store),
        cmocka_unit_test(trimming_again_and_again_costs_nothing),
        cmocka_unit_test(what_is_not_out_of_this_pool_is_not_returned),
        cmocka_unit_test(arenas_of_ended_threads_go_back),
        cmocka_unit_test(the_excess_of_a_cache_is_shared),
        cmocka_unit_test(the_excess_of_nested_scopes_is_shared),
        cmocka_unit_test(ended_threads_leave_nothing_in_any_pool),
        cmocka_unit_test(two_thousand_pools_live_at_once),
        cmocka_unit_test(long_lived_threads_see_pools_come_and_go),
        cmocka_unit_test(threads_may_end_beside_destroy),
        cmocka_unit_test(an_arena_that_drops_is_not_returned),
        cmocka_unit_test(statistics_count_arenas),
        cmocka_unit_test(statistics_fill_as_much_as_they_are_given),
        cmocka_unit_test(waits_at_the_limit_end_by_a_return_or_the_context),
        cmocka_unit_test(an_ended_context_fails_in_any_case),
        cmocka_unit_test(idle_arenas_hold_no_more_than_they_may),
        cmocka_unit_test(idle_arenas_may_hold_nothing),
        cmocka_unit_test(trim_reaches_the_caches_of_all_threads),
        cmocka_unit_test(trim_reaches_what_is_in_use_when_that_ends),
        cmocka_unit_test(trims_may_run_beside_everything),
    };
    return support_run("pool", tests);
}
