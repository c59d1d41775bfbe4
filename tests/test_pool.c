/* SPDX-License-Identifier: MIT */
/* The pool: creation, execute and checkout, what comes back and how, misuse, statistics.  test_pool_limits.c has pools
 * at their limit, test_pool_threads.c what threads keep and what a trim frees; ways_out and scope have the scopes. */
#define _GNU_SOURCE

#include "pool.h"

/* --- creation ----------------------------------------------------------------------------------------------------- */

TEST(creation_follows_the_single_owner_arena) {
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

TEST(options_that_are_not_understood_are_invalid) {
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
TEST(shorter_options_are_understood) {
    struct arena_options arena_options = {sizeof arena_options, 3, 0}; /* which would be refused */
    struct arena_pool_options options = {
        .struct_size = sizeof options.struct_size, .max_arenas = 1, .arena_options = &arena_options};
    struct arena *arenas[2];
    GIVEN(arena_pool, pool, arena_pool_create_with(ARENA_TYPE(int), 4, &options, &pool));
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
TEST(arenas_are_made_when_they_are_wanted) {
    if (support_slow()) skip();
    enum { BYTES = 16 << 20 };
    struct arena_options arena_options = {sizeof arena_options, 0, ARENA_PREFAULT};
    for (size_t limit = 0; limit < 2; limit++) {
        struct arena_pool_options options = {
            .struct_size = sizeof options, .max_arenas = limit, .arena_options = &arena_options};
        size_t before = support_resident_bytes();
        GIVEN(arena_pool, pool, arena_pool_create_with(ARENA_TYPE(char), BYTES, &options, &pool));
        assert_true(support_resident_bytes() < before + BYTES / 2);
        arena_pool_return(pool, check_out(pool));
        assert_true(support_resident_bytes() >= before + BYTES / 2);
        assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
    }
}

TEST(null_is_invalid) {
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
    GIVEN(arena_context, ended, arena_context_with_timeout(NULL, 0, &ended));
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

TEST(capacity_zero_is_legal) {
    struct arena_pool *pool = make(ARENA_TYPE(int), 0);
    struct arena *arena = check_out(pool);
    assert_null(arena_try_alloc(arena, NULL));
    arena_pool_return(pool, arena);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

/* --- execute and checkout ----------------------------------------------------------------------------------------- */

TEST(execute_runs_the_action_on_an_empty_arena) {
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

TEST(arenas_are_made_with_the_pools_options) {
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

TEST(values_are_dropped_when_the_action_returns) {
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
TEST(arenas_come_out_clean_after_a_burst_that_was_left) {
    enum { CAPACITY = 100 };
    const int64_t value = -1;
    for (uint32_t clear = ARENA_CLEAR_ON_RESET; clear <= ARENA_CLEAR_ON_HANDOUT; clear++) {
        struct arena_options arena_options = {sizeof arena_options, clear, 0};
        struct arena_pool_options options = {.struct_size = sizeof options, .arena_options = &arena_options};
        GIVEN(arena_pool, pool, arena_pool_create_with(ARENA_TYPE(int64_t), CAPACITY, &options, &pool));
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

TEST(arenas_that_are_out_are_distinct) {
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

TEST(nesting_gets_another_arena) {
    struct nesting nesting = {.pool = make(ARENA_TYPE(int), 4)};
    assert_int_equal(arena_pool_execute(nesting.pool, nest, &nesting), ARENA_OK);
    assert_int_equal(nesting.depth, 50);
    assert_int_equal(nesting.wrong, 0);
    assert_int_equal(arena_pool_destroy(nesting.pool), ARENA_OK);
}

/* --- destroy, and return ------------------------------------------------------------------------------------------ */

static void destroy_inside(struct arena *arena, void *user) {
    struct nesting *nesting = user;
    nesting->wrong += arena_pool_destroy(nesting->pool) != ARENA_EBUSY;
    nesting->wrong += arena_try_alloc(arena, NULL) == NULL;
    nesting->depth++;
}

TEST(destroy_is_refused_while_arenas_are_out) {
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
TEST(destroy_is_refused_in_a_scope_beside_many_idle_arenas) {
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

TEST(what_is_not_out_of_this_pool_is_not_returned) {
    struct arena_pool *pool = make(ARENA_TYPE(int), 4);
    struct arena_pool *other = make(ARENA_TYPE(int), 4);
    assert_int_equal(arena_pool_return_checked(pool, NULL), ARENA_OK);
    assert_int_equal(arena_pool_return_checked(NULL, NULL), ARENA_OK);
    GIVEN(arena, arena, arena_create(ARENA_TYPE(int), 4, &arena));
    assert_not_returned(pool, arena, "arena_pool_return"); /* of no pool */
    assert_null(arena_pool_of(arena));
    arena_destroy(arena);
    GIVEN(arena_concurrent, concurrent, arena_concurrent_create(ARENA_TYPE(int), 4, &concurrent));
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

/* --- drops, and claims -------------------------------------------------------------------------------------------- */

struct handoff {
    struct arena_pool *pool;
    struct arena *arena;
};

static void return_from_drop(void *element, void *user) {
    (void)element;
    struct handoff *handoff = user;
    flag_set(&log_count, arena_pool_return_checked(handoff->pool, handoff->arena));
}

static void return_as_claimed(void *arena) { arena_pool_return_claimed(arena); }

TEST(an_arena_of_no_pool_is_of_none) {
    assert_null(arena_pool_of(NULL));
    GIVEN(arena, arena, arena_create(ARENA_TYPE(int), 4, &arena));
    assert_null(arena_pool_of(arena));
    assert_panics(return_as_claimed, arena, "the arena was not claimed");
    arena_pool_return_claimed(NULL);
    arena_destroy(arena);
}

/* More than a cache can count. */
TEST(idle_arenas_may_hold_everything) {
    const struct arena_pool_options options = {.struct_size = sizeof options, .idle_bytes = SIZE_MAX};
    GIVEN(arena_pool, pool, arena_pool_create_with(ARENA_TYPE(int), 4, &options, &pool));
    struct arena *arenas[100];
    for (int i = 0; i < 100; i++) assert_int_equal(arena_pool_checkout(pool, &arenas[i]), ARENA_OK);
    for (int i = 0; i < 100; i++) arena_pool_return(pool, arenas[i]);
    struct arena_pool_stats stats = {.struct_size = sizeof stats};
    assert_int_equal(arena_pool_get_stats(pool, &stats), ARENA_OK);
    assert_int_equal(stats.idle, 100);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

TEST(an_arena_that_drops_is_not_returned) {
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

static void *take_of_budget(size_t bytes, size_t align, void *user) {
    size_t *left = user;
    void *memory = NULL;
    if (bytes > *left || posix_memalign(&memory, align, bytes) != 0) return NULL;
    memset(memory, 0x5a, bytes);
    *left -= bytes;
    return memory;
}
static void give_to_budget(void *memory, size_t bytes, size_t align, void *user) {
    (void)align;
    *(size_t *)user += bytes;
    free(memory);
}

/* The handle, too. */
TEST(a_pool_comes_from_its_arenas_source) {
    enum { ENOUGH = 100000 };
    size_t left = 100;
    struct arena_source source = {take_of_budget, give_to_budget, &left};
    struct arena_options of_arenas = OPTIONS(ARENA_CLEAR_ON_RESET, 0);
    of_arenas.source = &source;
    struct arena_pool_options options = {sizeof options, 0, 0, &of_arenas};
    struct arena_pool *pool = NULL;
    assert_int_equal(arena_pool_create_with(ARENA_TYPE(int), 10, &options, &pool), ARENA_ENOMEM);
    assert_null(pool);
    left = ENOUGH;
    assert_int_equal(arena_pool_create_with(ARENA_TYPE(int), 10, &options, &pool), ARENA_OK);
    size_t taken = ENOUGH - left;
    assert_true(taken > 100);
    ARENA_POOL_SCOPE(pool, arena) {
        assert_non_null(arena_alloc(arena, NULL));
        assert_true(ENOUGH - left > taken);
    }
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
    assert_int_equal(left, ENOUGH);
}

/* What one user does to the limit is no other's. */
TEST(a_byte_arena_comes_with_the_capacity_of_the_pool) {
    enum { CAPACITY = 5000 };
    GIVEN(arena_pool, pool, arena_pool_create(arena_type_bytes(), CAPACITY, &pool));
    static const size_t changes[] = {100, SIZE_MAX, CAPACITY, 2};
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        GIVEN(arena, arena, arena_pool_checkout(pool, &arena));
        struct arena_bytes *out = arena_bytes_from_raw(arena);
        assert_int_equal(arena_bytes_cap(out), CAPACITY);
        assert_true(arena_bytes_set_cap(out, changes[i]));
        arena_bytes_reset(out);
        assert_int_equal(arena_bytes_cap(out), changes[i]);
        arena_pool_return(pool, arena);
        ARENA_POOL_SCOPE(pool, scoped) {
            struct arena_bytes *in_scope = arena_bytes_from_raw(scoped);
            assert_int_equal(arena_bytes_cap(in_scope), CAPACITY);
            assert_non_null(arena_bytes_try_alloc(in_scope, CAPACITY, 1));
            assert_null(arena_bytes_try_alloc(in_scope, 1, 1));
            arena_bytes_reset(in_scope);
            assert_true(arena_bytes_set_cap(in_scope, changes[i]));
        }
    }
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

static void return_claimed(void *arena) { arena_pool_return_claimed(arena); }
static void return_plainly(void *arena) { arena_pool_return(arena_pool_of(arena), arena); }

static void reset_and_return(void *user) {
    static struct arena_pool *pool;
    struct arena *arena;
    (void)user;
    if (arena_pool_create(arena_type_bytes(), 100, &pool) != ARENA_OK) return;
    if (arena_pool_checkout(pool, &arena) != ARENA_OK || arena_pool_claim(arena) != ARENA_OK) return;
    (void)arena_bytes_defer(arena_bytes_from_raw(arena), return_claimed, arena);
    arena_reset(arena);
}

/* Half reset it would be in its pool, and open. */
TEST(a_claimed_arena_does_not_return_itself) { assert_aborts(reset_and_return, NULL, "dropping"); }

/* Whoever claimed it returns it, and nobody else. */
TEST(a_claimed_arena_is_returned_by_who_claimed_it) {
    struct arena *arena;
    GIVEN(arena_pool, pool, arena_pool_create(ARENA_TYPE(int), 4, &pool));
    GIVEN(arena, alone, arena_create(ARENA_TYPE(int), 4, &alone));
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

TEST(statistics_count_arenas) {
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

TEST(statistics_fill_as_much_as_they_are_given) {
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

int main(void) { return support_run("pool"); }
