/* SPDX-License-Identifier: MIT */
/* Misuse that the library can see: the rows of docs/misuse.md that belong to no single function and so to no other test
 * file.  Nothing that is undefined is tried here. */
#define _GNU_SOURCE

#include "support.h"

#include <arena/arena.h>

ARENA_DEFINE(int_arena, int)

/* --- handles that were given back --------------------------------------------------------------------------------- */

static void alloc_one(void *user) { arena_alloc(user, NULL); }
static void alloc_two(void *user) { arena_alloc_slab(user, 2); }
static void reset_it(void *user) { arena_reset(user); }
static void trim_it(void *user) { arena_trim(user); }
static void begin_burst(void *user) { arena_burst_begin(user, &(struct arena_burst){NULL, NULL, NULL}); }

/* `arena` is not the caller's any more; panics name `why`. */
static void assert_hands_out_nothing(struct arena *arena, const char *why) {
    int value = 1;
    assert_null(arena_try_alloc(arena, &value));
    assert_null(arena_try_alloc(arena, NULL));
    assert_null(arena_try_alloc_slab(arena, 2));
    assert_null(arena_try_alloc_slab_with(arena, &value, 1));
    assert_null(int_arena_try_alloc(int_arena_from_raw(arena), 1)); /* the inline path */
    assert_null(int_arena_try_alloc_zero(int_arena_from_raw(arena)));
    assert_panics(alloc_one, arena, why);
    assert_panics(alloc_two, arena, why);
    assert_panics(reset_it, arena, why);
    assert_panics(trim_it, arena, why);
    assert_panics(begin_burst, arena, why);
}

TEST(returned_arenas_hand_out_nothing) {
    GIVEN(arena_pool, pool, arena_pool_create(ARENA_TYPE(int), 4, &pool));
    GIVEN(arena, arena, arena_pool_checkout(pool, &arena));
    arena_alloc(arena, NULL);
    arena_pool_return(pool, arena);
    assert_hands_out_nothing(arena, "back in its pool");
    GIVEN(arena, again, arena_pool_checkout(pool, &again));
    assert_int_equal(arena_used(again), 0);
    for (int i = 0; i < 4; i++) assert_non_null(arena_try_alloc(again, &i));
    arena_pool_return(pool, again);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

/* A thread's first scope is not left as those after it are, nor one that used much as one that used little. */
/* Ends inside a scope, which its end leaves. */
static void enter_and_end(struct worker *self) {
    struct arena_pool_scope scope;
    self->status = arena_pool_scope_enter(self->user, &scope);
    self->pointer = scope.arena;
    arena_alloc(scope.arena, NULL);
}

TEST(arenas_of_left_scopes_hand_out_nothing) {
    static const size_t used[] = {1, 1, 2000, 1, 2000};
    GIVEN(arena_pool, pool, arena_pool_create(ARENA_TYPE(int), 4000, &pool));
    for (size_t i = 0; i < sizeof used / sizeof used[0]; i++) {
        struct arena_pool_scope scope;
        assert_int_equal(arena_pool_scope_enter(pool, &scope), ARENA_OK);
        struct arena *arena = scope.arena;
        arena_alloc_slab(arena, used[i]);
        arena_pool_scope_leave(&scope);
        assert_hands_out_nothing(arena, "back in its pool");
    }
    struct worker worker = worker_run(enter_and_end, pool, 0);
    assert_int_equal(worker.status, ARENA_OK);
    assert_hands_out_nothing(worker.pointer, "back in its pool");
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

TEST(released_arenas_hand_out_nothing) {
    GIVEN(arena_concurrent, concurrent, arena_concurrent_create(ARENA_TYPE(int), 4, &concurrent));
    GIVEN(arena, inside, arena_concurrent_acquire(concurrent, NULL, &inside));
    arena_alloc(inside, NULL);
    arena_concurrent_release(concurrent);
    assert_hands_out_nothing(inside, "the gate is not held");
    for (int i = 0; i < 3; i++) assert_non_null(arena_concurrent_try_alloc(concurrent, &i));
    assert_null(arena_concurrent_try_alloc(concurrent, NULL));
    arena_concurrent_destroy(concurrent);
}

static void drop_nothing(void *element, void *user) { (void)element, (void)user; }

/* Drops seal an arena while they run, and leave it as they found it. */
TEST(arenas_reset_behind_their_gate_hand_out_nothing) {
    void (*const drops[])(void *, void *) = {NULL, drop_nothing};
    for (int i = 0; i < 2; i++) {
        const struct arena_type type = {"int", sizeof(int), _Alignof(int), drops[i]};
        GIVEN(arena_concurrent, concurrent, arena_concurrent_create(&type, 4, &concurrent));
        GIVEN(arena, inside, arena_concurrent_acquire(concurrent, NULL, &inside));
        arena_alloc(inside, NULL);
        arena_concurrent_release(concurrent);
        arena_concurrent_reset(concurrent);
        assert_hands_out_nothing(inside, "the gate is not held");
        for (int j = 0; j < 4; j++) assert_non_null(arena_concurrent_try_alloc(concurrent, &j));
        arena_concurrent_destroy(concurrent);
    }
}

/* --- scopes ------------------------------------------------------------------------------------------------------- */

static void leave_it(void *user) { arena_pool_scope_leave(user); }

TEST(copy_of_a_scope_is_no_scope) {
    GIVEN(arena_pool, pool, arena_pool_create(ARENA_TYPE(int), 4, &pool));
    struct arena_pool_scope scope;
    assert_int_equal(arena_pool_scope_enter(pool, &scope), ARENA_OK);
    struct arena_pool_scope copy = scope;
    struct arena_pool_scope later_copy = scope;
    arena_alloc(scope.arena, NULL);
    assert_panics(leave_it, &copy, "arena_pool_scope_leave: it is a copy of the scope");
    assert_int_equal(arena_pool_scope_leave_checked(&copy), ARENA_EINVAL);
    assert_int_equal(arena_used(scope.arena), 1); /* it goes on */
    arena_pool_scope_leave(&scope);
    ARENA_POOL_SCOPE(pool, again) {
        assert_ptr_equal(again, copy.arena);
        arena_alloc(again, NULL);
        assert_true(arena_pool_scope_leave_checked(&copy) == ARENA_EINVAL && arena_used(again) == 1);
    }
    assert_int_equal(arena_pool_scope_enter(pool, &scope), ARENA_OK);
    assert_int_equal(arena_pool_scope_leave_checked(&copy), ARENA_EINVAL);
    arena_pool_scope_leave(&scope);
    assert_panics(leave_it, &copy, "arena_pool_scope_leave: the scope was left already");
    GIVEN(arena, first, arena_pool_checkout(pool, &first));
    GIVEN(arena, second, arena_pool_checkout(pool, &second));
    assert_ptr_not_equal(first, second);
    assert_true(later_copy.arena == first || later_copy.arena == second);
    arena_alloc(later_copy.arena, NULL);
    struct arena *lent = later_copy.arena;
    assert_panics(
        leave_it, &later_copy,
        "arena_pool_scope_leave: the scope was left already"); /* though its arena is out, for another purpose */
    assert_int_equal(arena_used(lent), 1);
    arena_pool_return(pool, first);
    arena_pool_return(pool, second);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

static void leave_elsewhere(struct worker *self) {
    self->status = panics_with(leave_it, self->user, "arena_pool_scope_leave");
}

TEST(scope_is_left_by_the_thread_that_entered) {
    GIVEN(arena_pool, pool, arena_pool_create(ARENA_TYPE(int), 4, &pool));
    struct arena_pool_scope scope;
    assert_int_equal(arena_pool_scope_enter(pool, &scope), ARENA_OK);
    arena_alloc(scope.arena, NULL);
    struct arena_pool_scope copy = scope;
    struct worker worker = worker_run(leave_elsewhere, &copy, 0);
    assert_true(worker.status);
    assert_int_equal(arena_used(scope.arena), 1); /* the refused call changed nothing */
    assert_int_equal(arena_pool_destroy(pool), ARENA_EBUSY);
    arena_pool_scope_leave(&scope);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

/* --- a drop that touches its arena -------------------------------------------------------------------------------- */

static struct arena *dropping;
static int drops;
static int handed_out;

static void drop_allocates(void *element, void *user) {
    static const int value = 7;
    drops++;
    if (arena_try_alloc(dropping, &value) != NULL) handed_out++;
    if (arena_try_alloc_slab(dropping, 2) != NULL) handed_out++;
}

static void drop_resets(void *element, void *user) { arena_reset(dropping); }

static void drop_destroys(void *element, void *user) { arena_destroy(dropping); }

static void make_dropping(void (*drop)(void *, void *)) {
    const struct arena_type type = {"dropping", sizeof(int), sizeof(int), drop};
    if (arena_create(&type, 8, &dropping) != ARENA_OK) abort();
    for (int i = 1; i <= 3; i++) arena_alloc(dropping, &i);
}

TEST(arena_hands_out_nothing_while_it_drops) {
    make_dropping(drop_allocates);
    drops = 0;
    handed_out = 0;
    arena_reset(dropping);
    assert_int_equal(drops, 3);
    assert_int_equal(handed_out, 0);
    assert_int_equal(arena_used(dropping), 0);
    assert_true(all_zero(arena_alloc_slab(dropping, 8), 8 * sizeof(int)));
    arena_destroy(dropping);
    assert_int_equal(drops, 3 + 8);
    assert_int_equal(handed_out, 0);
}

static void drop_insists(void *element, void *user) { arena_alloc(dropping, NULL); }

static void insist_in_drop(void *user) {
    make_dropping(drop_insists);
    arena_reset(dropping);
}

static void reset_in_drop(void *user) {
    make_dropping(drop_resets);
    arena_reset(dropping);
}

static void destroy_in_drop(void *user) {
    make_dropping(drop_destroys);
    arena_reset(dropping);
}

TEST(ending_the_arena_while_it_drops_aborts) {
    assert_aborts(insist_in_drop, NULL, "arena_alloc: the arena is dropping its elements");
    assert_aborts(reset_in_drop, NULL, "arena_reset");
    assert_aborts(destroy_in_drop, NULL, "arena_destroy");
}

static void drop_ends_another(void *element, void *user) {
    arena_destroy(dropping); /* which drops what it holds */
    arena_panic("after the inner drops");
}

static void panic_behind_inner_drops(void *user) {
    make_dropping(drop_nothing);
    const struct arena_type type = {"outer", sizeof(int), _Alignof(int), drop_ends_another};
    struct arena *outer;
    if (arena_create(&type, 1, &outer) != ARENA_OK) exit(1);
    arena_alloc(outer, NULL);
    arena_reset(outer);
}

static void protect_inner_drops(void *user) { (void)!arena_protect(panic_behind_inner_drops, user); }

TEST(drops_inside_drops_leave_the_outer_ones_unleavable) {
    assert_aborts(protect_inner_drops, NULL, "after the inner drops");
}

/* --- a drop that touches its concurrent arena ----------------------------------------------------------------------- */

enum touch { ALLOC, TRY_ALLOC, SLAB, RESET, TRIM, ACQUIRE_AND_COUNT, RELEASE, DESTROY };

static struct {
    struct arena_concurrent *arena;
    enum touch touch;
    int end; /* by reset, reset of the acquired arena, destroy */
    bool mixed;
    bool wrong;
} touched;

static struct arena_pool *dropping_pool;

static void drop_returns(void *element, void *user) { arena_pool_return(dropping_pool, dropping); }

static void reset_what_returns_itself(void *user) {
    const struct arena_type type = {"returning", sizeof(int), sizeof(int), drop_returns};
    child_check(arena_pool_create(&type, 4, &dropping_pool) == ARENA_OK);
    child_check(arena_pool_checkout(dropping_pool, &dropping) == ARENA_OK);
    arena_alloc(dropping, NULL);
    arena_reset(dropping);
}

TEST(drop_does_not_return_its_arena) { assert_aborts(reset_what_returns_itself, NULL, "arena_pool_return"); }

static void drop_touches(void *element, void *user) {
    struct arena *inside = NULL;
    void *slot = NULL;
    switch (touched.touch) {
    case ALLOC:
        (void)arena_concurrent_alloc(touched.arena, NULL);
        break;
    case TRY_ALLOC:
        (void)arena_concurrent_try_alloc(touched.arena, NULL);
        break;
    case SLAB:
        (void)arena_concurrent_alloc_slab(touched.arena, 2);
        break;
    case RESET:
        arena_concurrent_reset(touched.arena);
        break;
    case TRIM:
        arena_concurrent_trim(touched.arena);
        break;
    case ACQUIRE_AND_COUNT:
        touched.wrong |= arena_concurrent_acquire(touched.arena, NULL, &inside) != ARENA_EBUSY || inside != NULL;
        touched.wrong |=
            arena_concurrent_alloc_context(touched.arena, NULL, NULL, &slot) != ARENA_EBUSY || slot != NULL;
        touched.wrong |= arena_concurrent_reset_context(touched.arena, NULL) != ARENA_EBUSY;
        touched.wrong |= arena_concurrent_used(touched.arena) > arena_concurrent_cap(touched.arena);
        break;
    case RELEASE:
        arena_concurrent_release(touched.arena);
        break;
    case DESTROY:
        arena_concurrent_destroy(touched.arena);
        break;
    }
}

/* With `touched` filled in but for the arena. */
static void drop_concurrent(void *user) {
    const struct arena_type type = {"touching", sizeof(int), sizeof(int), drop_touches};
    if (arena_concurrent_create(touched.mixed ? arena_type_any() : &type, 8, &touched.arena) != ARENA_OK) abort();
    for (int i = 0; i < 3; i++) {
        if (touched.mixed) {
            arena_concurrent_alloc_any(touched.arena, &type, &i);
        } else {
            arena_concurrent_alloc(touched.arena, &i);
        }
    }
    struct arena *inside;
    if (touched.end == 0) arena_concurrent_reset(touched.arena);
    if (touched.end == 1) {
        if (arena_concurrent_acquire(touched.arena, NULL, &inside) != ARENA_OK) abort();
        arena_reset(inside);
        arena_concurrent_release(touched.arena);
    }
    arena_concurrent_destroy(touched.arena);
}

/* Told, where it would wait for itself for ever. */
TEST(gate_is_taken_while_its_arena_drops) {
    static const struct {
        enum touch touch;
        const char *message;
    } rows[] = {
        {ALLOC, "arena_concurrent_alloc: the calling thread holds the gate"},
        {TRY_ALLOC, "arena_concurrent_try_alloc: the calling thread holds the gate"},
        {SLAB, "arena_concurrent_alloc_slab: the calling thread holds the gate"},
        {RESET, "arena_concurrent_reset: the calling thread holds the gate"},
        {TRIM, "arena_concurrent_trim: the calling thread holds the gate"},
        {RELEASE, "arena_concurrent_release: the arena is dropping its elements"},
        {DESTROY, "arena_concurrent_destroy"},
    };
    for (int round = 0; round < 6; round++) {
        touched.end = round / 2;
        touched.mixed = round % 2 != 0; /* the arena's own drop calls that of each value */
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            touched.touch = rows[i].touch;
            assert_aborts(drop_concurrent, NULL, rows[i].message);
        }
        touched.touch = ACQUIRE_AND_COUNT;
        touched.wrong = false;
        drop_concurrent(NULL);
        assert_false(touched.wrong);
    }
}

/* --- bursts ------------------------------------------------------------------------------------------------------- */

static void put_typed(void *user) { int_arena_burst_put(user, 1); }
static void put_exported(void *user) { arena_burst_put(user, NULL); }

TEST(burst_takes_nothing_after_its_end) {
    struct int_arena *arena = int_arena_create(8);
    struct int_arena_burst typed = int_arena_burst_begin(arena);
    int_arena_burst_put(&typed, 1);
    int_arena_burst_end(arena, &typed);
    assert_panics(put_typed, &typed, "arena_burst_put");
    struct arena_burst exported;
    arena_burst_begin(int_arena_raw(arena), &exported);
    arena_burst_put(&exported, NULL);
    arena_burst_end(int_arena_raw(arena), &exported);
    assert_panics(put_exported, &exported, "arena_burst_put");
    struct arena_burst never_begun = {NULL, NULL, NULL};
    assert_panics(put_exported, &never_begun, "arena_burst_put");
    assert_int_equal(int_arena_used(arena), 2);
    int_arena_destroy(arena);
}

/* --- a thread that ends while it holds a gate ---------------------------------------------------------------------- */

static void acquire_and_end(struct worker *self) {
    struct arena *inside;
    self->status = arena_concurrent_acquire(self->user, NULL, &inside);
}

static void release_it(void *user) { arena_concurrent_release(user); }

static struct arena_concurrent *another;

/* By a thread that may have been given the ended one's thread-local storage, and has held a gate itself. */
static void try_after_it(struct worker *self) {
    struct arena_context *soon = NULL;
    struct arena *inside;
    if (arena_concurrent_acquire(another, NULL, &inside) != ARENA_OK) return;
    arena_concurrent_release(another);
    if (arena_context_with_timeout(NULL, 1000000, &soon) != ARENA_OK) return;
    self->status = arena_concurrent_acquire(self->user, soon, &inside);
    arena_context_release(soon);
    self->count = panics_with(release_it, self->user, "arena_concurrent_release");
}

static void destroy_concurrent(void *user) { arena_concurrent_destroy(user); }

/* In a child: what the ended thread held can never be given back. */
static void lose_a_gate(void *user) {
    static struct arena_concurrent *concurrent; /* for ever: it cannot be destroyed */
    child_check(arena_concurrent_create(ARENA_TYPE(int), 4, &concurrent) == ARENA_OK);
    child_check(arena_concurrent_create(ARENA_TYPE(int), 4, &another) == ARENA_OK);
    struct worker holder = worker_run(acquire_and_end, concurrent, 0);
    child_check(holder.status == ARENA_OK);
    for (unsigned i = 0; i < 8; i++) {
        struct worker worker = worker_run(try_after_it, concurrent, i);
        child_check(worker.status == ARENA_ETIMEDOUT);
        child_check(worker.count == 1);
    }
    child_check(arena_concurrent_used(concurrent) == 0);
    child_check(panics_with(destroy_concurrent, concurrent, "arena_concurrent_destroy"));
    arena_concurrent_destroy(another);
}

TEST(gate_of_an_ended_thread_stays_taken) { assert_child_succeeds(lose_a_gate, NULL); }

int main(void) { return support_run("misuse"); }
