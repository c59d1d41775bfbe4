/* SPDX-License-Identifier: MIT */
/* ARENA_POOL_SCOPE: every way to leave the block gives the arena back, reset; and the functions behind it. */
#define _GNU_SOURCE

#include "support.h"

#include <arena/arena.h>

static int log_entries[64];
static int log_count; /* atomic */

static void note_drop(void *element, void *user) {
    int place = flag_add(&log_count, 1) - 1;
    if (place < 64) log_entries[place] = *(int *)element;
}

static const struct arena_type noted = {"noted", sizeof(int), _Alignof(int), note_drop};

static struct arena_pool *make(size_t max_arenas) {
    struct arena_pool_options options = {.struct_size = sizeof options, .max_arenas = max_arenas};
    GIVEN(arena_pool, pool, arena_pool_create_with(&noted, 4, &options, &pool));
    flag_set(&log_count, 0);
    return pool;
}

static void put(struct arena *arena, int value) { arena_alloc(arena, &value); }

/* --- the block ---------------------------------------------------------------------------------------------------- */

TEST(block_runs_once_on_an_empty_arena) {
    struct arena_pool *pool = make(0);
    for (int i = 1; i <= 5; i++) {
        int runs = 0;
        ARENA_POOL_SCOPE(pool, scratch) {
            runs++;
            assert_int_equal(arena_used(scratch), 0);
            assert_int_equal(arena_cap(scratch), 4);
            put(scratch, i);
            assert_int_equal(log_count, i - 1);
        }
        assert_int_equal(runs, 1);
        assert_int_equal(log_count, i);
    }
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

TEST(block_may_be_a_single_statement) {
    struct arena_pool *pool = make(0);
    size_t capacity = 0;
    if (pool != NULL)
        ARENA_POOL_SCOPE(pool, scratch) capacity = arena_cap(scratch);
    assert_int_equal(capacity, 4);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

static int calls;

static struct arena_pool *evaluated(struct arena_pool *pool) {
    calls++;
    return pool;
}

TEST(pool_expression_is_evaluated_once) {
    struct arena_pool *pool = make(0);
    calls = 0;
    ARENA_POOL_SCOPE(evaluated(pool), scratch) {
        put(scratch, 1);
    }
    assert_int_equal(calls, 1);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

TEST(break_leaves_the_block) {
    struct arena_pool *pool = make(0);
    int outer = 0;
    for (int i = 0; i < 3; i++) {
        ARENA_POOL_SCOPE(pool, scratch) {
            put(scratch, i);
            if (i == 1) break; /* leaves the block, not the loop */
            outer += 10;
        }
        outer++;
    }
    assert_int_equal(outer, 23);
    assert_int_equal(log_count, 3);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

TEST(continue_leaves_the_block) {
    struct arena_pool *pool = make(0);
    int outer = 0;
    for (int i = 0; i < 3; i++) {
        ARENA_POOL_SCOPE(pool, scratch) {
            put(scratch, i);
            if (i == 1) continue;
            outer += 10;
        }
        outer++;
    }
    assert_int_equal(outer, 23);
    assert_int_equal(log_count, 3);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

static int return_from_inside(struct arena_pool *pool, int depth) {
    ARENA_POOL_SCOPE(pool, scratch) {
        put(scratch, depth);
        if (depth == 3) return flag_get(&log_count);
        return return_from_inside(pool, depth + 1);
    }
    return -1;
}

TEST(return_leaves_every_block_innermost_first) {
    struct arena_pool *pool = make(0);
    assert_int_equal(return_from_inside(pool, 1), 0);
    assert_int_equal(log_count, 3);
    for (int i = 0; i < 3; i++) assert_int_equal(log_entries[i], 3 - i);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

TEST(goto_leaves_the_block) {
    struct arena_pool *pool = make(0);
    ARENA_POOL_SCOPE(pool, scratch) {
        put(scratch, 1);
        goto out;
    }
    fail();
out:
    assert_int_equal(log_count, 1);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

TEST(nested_blocks_have_arenas_of_their_own) {
    struct arena_pool *pool = make(0);
    struct arena_pool *other = make(0);
    ARENA_POOL_SCOPE(pool, first) {
        put(first, 1);
        ARENA_POOL_SCOPE(other, second) {
            put(second, 2);
            ARENA_POOL_SCOPE(pool, third) {
                put(third, 3);
                assert_ptr_not_equal(first, third);
                assert_int_equal(arena_used(third), 1);
            }
            assert_int_equal(log_count, 1);
        }
        assert_int_equal(log_count, 2);
        assert_int_equal(arena_used(first), 1);
        ARENA_POOL_SCOPE(pool, again) {
            assert_ptr_not_equal(first, again);
            assert_int_equal(arena_used(again), 0);
        }
    }
    assert_int_equal(log_count, 3);
    for (int i = 0; i < 3; i++) assert_int_equal(log_entries[i], 3 - i);
    /* In one line: what they are made of has names of its own, too. */
    ARENA_POOL_SCOPE(pool, first)
        ARENA_POOL_SCOPE(pool, second) assert_ptr_not_equal(first, second);
    assert_int_equal(arena_pool_destroy(other), ARENA_OK);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

/* --- panics and threads ------------------------------------------------------------------------------------------- */

static struct arena_pool_scope kept_scope;

static void enter_and_keep(void *user) {
    assert_int_equal(arena_pool_scope_enter(user, &kept_scope), ARENA_OK);
    put(kept_scope.arena, 1);
}
static void panic_at_once(void *user) { arena_panic("in the next action"); }

/* Such a scope was begun inside a protected action, but not inside the one that panics. */
TEST(panic_leaves_what_an_earlier_action_kept) {
    struct arena_pool *pool = make(0);
    assert_int_equal(arena_protect(enter_and_keep, pool), ARENA_OK);
    assert_panics(panic_at_once, NULL, "in the next action");
    assert_int_equal(log_count, 0);
    assert_int_equal(arena_used(kept_scope.arena), 1);
    arena_pool_scope_leave(&kept_scope);
    assert_int_equal(log_count, 1);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

static void keep_beside_a_panic(void *user) {
    enter_and_keep(user);
    assert_int_equal(arena_protect(panic_at_once, NULL), ARENA_EPANIC);
    assert_int_equal(log_count, 0);
    assert_int_equal(arena_used(kept_scope.arena), 1);
    arena_pool_scope_leave(&kept_scope);
}

static void enter_and_end(void *user) {
    ARENA_POOL_SCOPE(user, scratch) put(scratch, 1);
}

static void enter_and_leave_in_actions(struct worker *worker) {
    for (int i = 0; i < 50; i++) (void)!arena_protect(enter_and_end, worker->user);
}

static void keep_an_arena_from_elsewhere(struct worker *worker) {
    struct arena_pool_scope scope;
    if (arena_pool_scope_enter(worker->user, &scope) != ARENA_OK) return;
    put(scope.arena, 1);
    worker->status = arena_protect(panic_at_once, NULL);
    worker->count = arena_used(scope.arena);
    arena_pool_scope_leave(&scope);
}

static void keep_from_an_inner_action_and_panic(void *user) {
    assert_int_equal(arena_protect(enter_and_keep, user), ARENA_OK);
    arena_panic("in the outer action");
}

/* What an inner action kept was begun inside the outer one, too. */
TEST(panic_leaves_what_an_inner_action_kept) {
    struct arena_pool *pool = make(0);
    assert_panics(keep_from_an_inner_action_and_panic, pool, "in the outer action");
    assert_int_equal(log_count, 1);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

/* How many actions another thread has protected says nothing about the scopes of this one. */
TEST(panic_leaves_the_scope_of_an_arena_from_elsewhere) {
    struct arena_pool *pool = make(0);
    panics_record();
    struct worker worker = worker_run(enter_and_leave_in_actions, pool, 0);
    worker = worker_run(keep_an_arena_from_elsewhere, pool, 0);
    arena_set_panic_handler(NULL, NULL);
    assert_int_equal(worker.status, ARENA_EPANIC);
    assert_int_equal(worker.count, 1);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

/* Nor inside the inner one of two. */
TEST(panic_leaves_what_the_outer_action_has) {
    struct arena_pool *pool = make(0);
    panics_record();
    assert_int_equal(arena_protect(keep_beside_a_panic, pool), ARENA_OK);
    assert_int_equal(panic_count(), 1);
    arena_set_panic_handler(NULL, NULL);
    assert_int_equal(log_count, 1);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

static void enter_at_the_limit(void *user) {
    int *runs = user;
    ARENA_POOL_SCOPE(*(struct arena_pool **)(void *)(runs + 2), scratch) {
        put(scratch, 1);
        ++*runs;
    }
}

TEST(no_arena_to_be_had_panics) {
    struct {
        int runs[2];
        struct arena_pool *pool;
    } request = {{0, 0}, make(1)};
    GIVEN(arena, only, arena_pool_checkout(request.pool, &only));
    assert_panics(enter_at_the_limit, request.runs, "ARENA_POOL_SCOPE: no arena to be had: full");
    assert_int_equal(request.runs[0], 0);
    arena_pool_return(request.pool, only);
    enter_at_the_limit(request.runs);
    assert_int_equal(request.runs[0], 1);
    assert_int_equal(arena_pool_destroy(request.pool), ARENA_OK);
    request.pool = NULL;
    assert_panics(enter_at_the_limit, request.runs, "ARENA_POOL_SCOPE: no arena to be had: invalid argument");
}

/* --- the functions behind it, for bindings ------------------------------------------------------------------------ */

TEST(enter_and_leave) {
    struct arena_pool *pool = make(2);
    struct arena_pool_scope outer = {NULL};
    struct arena_pool_scope inner = {NULL};
    struct arena_pool_scope third = {(struct arena *)(void *)pool};
    assert_int_equal(arena_pool_scope_enter(pool, &outer), ARENA_OK);
    assert_int_equal(arena_pool_scope_enter(pool, &inner), ARENA_OK);
    put(outer.arena, 1);
    put(inner.arena, 2);
    assert_int_equal(arena_pool_scope_enter(pool, &third), ARENA_EFULL);
    assert_null(third.arena);
    third.arena = (struct arena *)(void *)pool;
    assert_int_equal(arena_pool_scope_enter(NULL, &third), ARENA_EINVAL);
    assert_null(third.arena);
    assert_int_equal(arena_pool_scope_enter(pool, NULL), ARENA_EINVAL);
    arena_pool_scope_leave(&inner);
    assert_null(inner.arena);
    assert_int_equal(log_count, 1);
    arena_pool_scope_leave(&inner); /* once is enough */
    assert_int_equal(log_count, 1);
    assert_int_equal(arena_pool_scope_enter(pool, &inner), ARENA_OK);
    arena_pool_scope_leave(&inner);
    arena_pool_scope_leave(&outer);
    assert_null(outer.arena);
    assert_int_equal(log_count, 2);
    arena_pool_scope_leave(&outer);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

static void panic_in_scopes(void *user) {
    struct arena_pool_scope first;
    struct arena_pool_scope second;
    assert_int_equal(arena_pool_scope_enter(user, &first), ARENA_OK);
    assert_int_equal(arena_pool_scope_enter(user, &second), ARENA_OK);
    arena_pool_scope_leave(&first);
    arena_panic("in the inner one");
}

/* Nothing is to be dropped: that is where leaving is quick. */
TEST(scopes_may_be_left_in_any_order) {
    struct arena_pool_scope scopes[3];
    GIVEN(arena_pool, pool, arena_pool_create(ARENA_TYPE(int), 4, &pool));
    static const int orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        for (int k = 0; k < 3; k++) assert_int_equal(arena_pool_scope_enter(pool, &scopes[k]), ARENA_OK);
        for (int k = 0; k < 3; k++) arena_pool_scope_leave(&scopes[orders[i][k]]);
        assert_panics(panic_in_scopes, pool, "in the inner one");
    }
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK); /* all are back */
}

/* --- drops and destroy --------------------------------------------------------------------------------------------- */

static int dropping, may_go_on; /* atomic */

static void drop_slowly(void *element, void *user) {
    if (*(int *)element != 1) return;
    flag_set(&dropping, 1);
    (void)flag_wait(&may_go_on, 1);
}

static const struct arena_type slow_type = {"slow", sizeof(int), _Alignof(int), drop_slowly};

static void reset_in_scope(struct worker *self) {
    struct arena_pool_scope scope;
    self->status = arena_pool_scope_enter(self->user, &scope);
    put(scope.arena, 1);
    arena_reset(scope.arena);
    arena_pool_scope_leave(&scope);
}
static void leave_scope_slowly(struct worker *self) {
    struct arena_pool_scope scope;
    self->status = arena_pool_scope_enter(self->user, &scope);
    put(scope.arena, 1);
    arena_pool_scope_leave(&scope);
}
static void end_in_scope_slowly(struct worker *self) {
    struct arena_pool_scope scope;
    self->status = arena_pool_scope_enter(self->user, &scope);
    put(scope.arena, 1);
}

/* An arena whose elements are being dropped is sealed, and out all the same. */
TEST(a_pool_whose_arena_is_dropping_is_busy) {
    void (*const ways[])(struct worker *) = {reset_in_scope, leave_scope_slowly, end_in_scope_slowly};
    for (size_t way = 0; way < sizeof ways / sizeof ways[0]; way++) {
        struct worker worker;
        flag_set(&dropping, 0);
        flag_set(&may_go_on, 0);
        GIVEN(arena_pool, pool, arena_pool_create(&slow_type, 4, &pool));
        worker_start(&worker, ways[way], pool, 0);
        (void)flag_wait(&dropping, 1);
        int status = arena_pool_destroy(pool);
        flag_set(&may_go_on, 1);
        worker_join(&worker);
        assert_int_equal(status, ARENA_EBUSY);
        assert_int_equal(worker.status, ARENA_OK);
        assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
    }
}

static struct arena_pool *reentered;
static struct arena *outer_arena;
static bool got_another;
static int nested_drops;

static void drop_in_scope(void *element, void *user) {
    nested_drops++;
    if (*(int *)element != 1) return;
    ARENA_POOL_SCOPE(reentered, inner) {
        got_another = inner != outer_arena && arena_used(inner) == 0;
        put(inner, 2);
    }
}

TEST(a_drop_that_enters_a_scope_gets_another_arena) {
    static const struct arena_type type = {"nested", sizeof(int), _Alignof(int), drop_in_scope};
    assert_int_equal(arena_pool_create(&type, 4, &reentered), ARENA_OK);
    for (int round = 0; round < 2; round++) {
        got_another = false;
        nested_drops = 0;
        ARENA_POOL_SCOPE(reentered, scratch) {
            outer_arena = scratch;
            put(scratch, 1);
        }
        assert_true(got_another);
        assert_int_equal(nested_drops, 2);
    }
    assert_int_equal(arena_pool_destroy(reentered), ARENA_OK);
}

static void leave_checked_elsewhere(struct worker *self) { self->status = arena_pool_scope_leave_checked(self->user); }

TEST(checked_leave_says_what_the_plain_one_panics_with) {
    struct arena_pool *pool = make(0);
    struct arena_pool_scope scope;
    struct worker worker;
    assert_int_equal(arena_pool_scope_leave_checked(NULL), ARENA_OK);
    assert_int_equal(arena_pool_scope_enter(pool, &scope), ARENA_OK);
    struct arena_pool_scope copy = scope;
    worker = worker_run(leave_checked_elsewhere, &scope, 0);
    assert_int_equal(worker.status, ARENA_EINVAL);
    assert_non_null(scope.arena);
    put(scope.arena, 1);
    assert_int_equal(arena_pool_scope_leave_checked(&scope), ARENA_OK);
    assert_int_equal(log_count, 1);
    assert_null(scope.arena);
    assert_int_equal(arena_pool_scope_leave_checked(&scope), ARENA_OK);
    assert_int_equal(arena_pool_scope_leave_checked(&copy), ARENA_EINVAL);
    assert_int_equal(log_count, 1);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

int main(void) { return support_run("pool scopes"); }
