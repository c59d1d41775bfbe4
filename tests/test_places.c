/* SPDX-License-Identifier: MIT */
/* Where the library is called from: every handle inside each callback, in thread-local destructors up to the last round,
 * and in the child of a fork that was called in the middle of something. */
#define _GNU_SOURCE

#include "support.h"

#include <arena/arena.h>

static int checks_failed; /* atomic */

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                            \
            flag_add(&checks_failed, 1);                                                                               \
        }                                                                                                              \
    } while (0)

/* --- every handle --------------------------------------------------------------------------------------------------- */

static void use_single(void) {
    struct arena *arena = NULL;
    CHECK(arena_create(ARENA_TYPE(int), 8, &arena) == ARENA_OK);
    int value = 3;
    CHECK(*(int *)arena_alloc(arena, &value) == 3);
    CHECK(arena_try_alloc_slab(arena, 8) == NULL);
    struct arena_burst burst;
    arena_burst_begin(arena, &burst);
    CHECK(arena_burst_put(&burst, &value) != NULL);
    arena_burst_end(arena, &burst);
    CHECK(arena_used(arena) == 2);
    arena_reset(arena);
    arena_trim(arena);
    CHECK(all_zero(arena_alloc_slab(arena, 8), 8 * sizeof(int)));
    arena_destroy(arena);
    CHECK(arena_create(arena_type_any(), 2, &arena) == ARENA_OK);
    struct arena_any *slot = arena_alloc_any(arena, ARENA_TYPE(int), &value);
    CHECK(*(int *)arena_any_get(slot, ARENA_TYPE(int)) == 3);
    arena_destroy(arena);
}

static void use_context(void) {
    struct arena *arena = NULL;
    struct arena *found = NULL;
    struct arena_context *parent = NULL;
    struct arena_context *context = NULL;
    struct arena_context *carrying = NULL;
    CHECK(arena_create(ARENA_TYPE(int), 8, &arena) == ARENA_OK);
    CHECK(arena_context_with_cancel(NULL, &parent) == ARENA_OK);
    CHECK(arena_context_with_timeout(parent, INT64_MAX, &context) == ARENA_OK);
    CHECK(arena_inject(context, arena, &carrying) == ARENA_OK);
    arena_context_cancel(parent);
    CHECK(arena_context_status(carrying) == ARENA_ECANCELED);
    CHECK(arena_extract(carrying, ARENA_TYPE(int), &found) == ARENA_OK && found == arena);
    arena_context_release(arena_context_retain(carrying));
    arena_context_release(carrying);
    arena_context_release(context);
    arena_context_release(parent);
    arena_destroy(arena);
}

static void use_bytes_concurrent(void) {
    struct arena_bytes_concurrent *arena = arena_bytes_concurrent_create(1000);
    CHECK(arena != NULL);
    char *first = arena_bytes_concurrent_try_alloc(arena, 100, 8);
    char *second = arena_bytes_concurrent_try_alloc(arena, 800, 8);
    CHECK(first != NULL && all_zero(first, 100) && second != NULL && all_zero(second, 800));
    CHECK(arena_bytes_concurrent_try_alloc(arena, 101, 1) == NULL);
    CHECK(arena_bytes_concurrent_used(arena) >= 900 && arena_bytes_concurrent_used(arena) <= 904);
    arena_bytes_concurrent_reset(arena);
    CHECK(arena_bytes_concurrent_try_alloc(arena, 1000, 64) != NULL);
    arena_bytes_concurrent_destroy(arena);
}

static void use_concurrent(struct arena_concurrent *shared) {
    struct arena_concurrent *own = NULL;
    struct arena *inside = NULL;
    void *slot = NULL;
    CHECK(arena_concurrent_create(ARENA_TYPE(int), 8, &own) == ARENA_OK);
    struct arena_concurrent *arenas[] = {own, shared};
    for (int i = 0; i < 2; i++) {
        CHECK(*(int *)arena_concurrent_alloc(arenas[i], NULL) == 0);
        CHECK(arena_concurrent_alloc_slab_context(arenas[i], NULL, 2, &slot) == ARENA_OK && slot != NULL);
        CHECK(arena_concurrent_acquire(arenas[i], NULL, &inside) == ARENA_OK);
        CHECK(arena_try_alloc(inside, NULL) != NULL);
        CHECK(arena_concurrent_reset_context(arenas[i], NULL) == ARENA_EBUSY);
        arena_concurrent_release(arenas[i]);
        arena_concurrent_reset(arenas[i]);
        CHECK(arena_concurrent_used(arenas[i]) == 0);
    }
    arena_concurrent_destroy(own);
}

static void put(struct arena *arena, void *user) {
    CHECK(arena_used(arena) == 0);
    CHECK(arena_try_alloc(arena, NULL) != NULL);
}

static void use_pool(struct arena_pool *shared) {
    struct arena_pool *own = NULL;
    CHECK(arena_pool_create(ARENA_TYPE(int), 8, &own) == ARENA_OK);
    struct arena_pool *pools[] = {own, shared};
    for (int i = 0; i < 2; i++) {
        struct arena *arena = NULL;
        CHECK(arena_pool_execute(pools[i], put, NULL) == ARENA_OK);
        CHECK(arena_pool_checkout(pools[i], &arena) == ARENA_OK);
        ARENA_POOL_SCOPE(pools[i], scratch) {
            CHECK(scratch != arena);
            put(scratch, NULL);
            arena_pool_trim(pools[i]); /* leaves alone what is out */
            CHECK(arena_used(scratch) == 1);
        }
        put(arena, NULL);
        arena_pool_return(pools[i], arena);
        arena_pool_trim(pools[i]);
    }
    CHECK(arena_pool_destroy(own) == ARENA_OK);
}

static struct arena_concurrent *shared_concurrent; /* of int, 64 */
static struct arena_pool *shared_pool;             /* of int, 8 */

static void share_begin(void) {
    assert_int_equal(arena_concurrent_create(ARENA_TYPE(int), 64, &shared_concurrent), ARENA_OK);
    assert_int_equal(arena_pool_create(ARENA_TYPE(int), 8, &shared_pool), ARENA_OK);
    flag_set(&checks_failed, 0);
}

static void share_end(void) {
    assert_int_equal(flag_get(&checks_failed), 0);
    arena_concurrent_destroy(shared_concurrent);
    assert_int_equal(arena_pool_destroy(shared_pool), ARENA_OK);
}

/* Everything but a panic. */
static void use_all(void) {
    use_single();
    use_context();
    use_concurrent(shared_concurrent);
    use_bytes_concurrent();
    use_pool(shared_pool);
}

static void put_and_panic(struct arena *arena, void *user) {
    put(arena, user);
    arena_panic("asked for");
}

static void execute_and_panic(void *user) { (void)!arena_pool_execute(shared_pool, put_and_panic, NULL); }

static void use_all_and_panic(void) {
    use_all();
    CHECK(panics_with(execute_and_panic, NULL, "asked for"));
}

/* --- fork in the middle, before there are other threads -------------------------------------------------------------- */

struct forked {
    pid_t pid;
    bool panics;
    struct arena *inside;
};

static void fork_in_action(struct arena *arena, void *user) {
    struct forked *forked = user;
    put(arena, NULL);
    forked->pid = fork();
    CHECK(arena_used(arena) == 1);
    CHECK(arena_try_alloc(arena, NULL) != NULL);
    if (forked->pid == 0) use_all();
    if (forked->panics) arena_panic("after fork");
}

static void execute_and_fork(void *user) { (void)!arena_pool_execute(shared_pool, fork_in_action, user); }

/* Parent and child go on alike: each leaves the scope and the protection, and releases the gate it has taken. */
static void fork_in_the_middle(bool panics) {
    share_begin();
    struct forked forked = {-1, panics, NULL};
    GIVEN(arena_concurrent, held, arena_concurrent_create(ARENA_TYPE(int), 4, &held));
    assert_int_equal(arena_concurrent_acquire(held, NULL, &forked.inside), ARENA_OK);
    arena_alloc(forked.inside, NULL);
    panics_record();
    fflush(NULL);
    int status = arena_protect(execute_and_fork, &forked);
    arena_set_panic_handler(NULL, NULL);
    CHECK(status == (panics ? ARENA_EPANIC : ARENA_OK));
    CHECK(arena_try_alloc(forked.inside, NULL) != NULL);
    arena_concurrent_release(held);
    CHECK(arena_concurrent_used(held) == 2);
    arena_concurrent_destroy(held);
    if (forked.pid == 0) { /* the child has no CMocka to fail */
        arena_concurrent_destroy(shared_concurrent);
        CHECK(arena_pool_destroy(shared_pool) == ARENA_OK);
        _exit(flag_get(&checks_failed) == 0 ? 0 : 1);
    }
    assert_true(forked.pid > 0);
    int ended;
    assert_int_equal(waitpid(forked.pid, &ended, 0), forked.pid);
    assert_true(WIFEXITED(ended));
    assert_int_equal(WEXITSTATUS(ended), 0);
    share_end();
}

TEST(scopes_and_gates_go_on_in_the_child) {
    fork_in_the_middle(false);
    fork_in_the_middle(true);
}

/* --- callbacks ------------------------------------------------------------------------------------------------------ */

static void use_all_in_action(struct arena *arena, void *user) {
    put(arena, user);
    use_all_and_panic();
    CHECK(arena_used(arena) == 1);
}

static void use_all_in_protected(void *user) {
    use_all_and_panic();
    panics_record();
    arena_panic("the outer one");
}

TEST(actions_may_use_every_handle) {
    share_begin();
    assert_int_equal(arena_pool_execute(shared_pool, use_all_in_action, NULL), ARENA_OK);
    ARENA_POOL_SCOPE(shared_pool, scratch) use_all_in_action(scratch, NULL);
    assert_int_equal(arena_protect(use_all_in_protected, NULL), ARENA_EPANIC);
    arena_set_panic_handler(NULL, NULL);
    share_end();
}

TEST(holders_may_use_every_other_handle) {
    share_begin();
    GIVEN(arena_concurrent, held, arena_concurrent_create(ARENA_TYPE(int), 4, &held));
    GIVEN(arena, inside, arena_concurrent_acquire(held, NULL, &inside));
    use_all_in_action(inside, NULL);
    arena_concurrent_release(held);
    assert_int_equal(arena_concurrent_used(held), 1);
    arena_concurrent_destroy(held);
    share_end();
}

static int drops;

static void drop_uses_all(void *element, void *user) {
    drops++;
    use_all();
}

static const struct arena_type dropping = {"dropping", sizeof(int), sizeof(int), drop_uses_all};

/* The pool that the arena goes back to, too. */
TEST(drops_may_use_every_other_handle) {
    share_begin();
    drops = 0;
    GIVEN(arena, arena, arena_create(&dropping, 4, &arena));
    arena_alloc_slab(arena, 3);
    arena_reset(arena);
    arena_alloc(arena, NULL);
    arena_destroy(arena);
    assert_int_equal(drops, 4);
    GIVEN(arena_concurrent, concurrent, arena_concurrent_create(&dropping, 4, &concurrent));
    arena_concurrent_alloc(concurrent, NULL);
    arena_concurrent_reset(concurrent);
    assert_int_equal(drops, 5);
    arena_concurrent_destroy(concurrent);

    struct arena_pool *pool = shared_pool;
    assert_int_equal(arena_pool_create(&dropping, 8, &shared_pool), ARENA_OK);
    /* Scopes of this pool would drop in turn: so only once. */
    assert_int_equal(arena_pool_checkout(shared_pool, &arena), ARENA_OK);
    arena_alloc(arena, NULL);
    struct arena_pool *own = shared_pool;
    shared_pool = pool;
    arena_pool_return(own, arena);
    assert_int_equal(drops, 6);
    assert_int_equal(arena_pool_destroy(own), ARENA_OK);
    share_end();
}

static void drop_at_a_cancellation_point(void *element, void *user) {
    drops++;
    pthread_testcancel();
}

static void reset_when_cancelled(struct worker *self) {
    pthread_cancel(pthread_self());
    arena_reset(self->user);
    self->status = drops;
    pthread_testcancel();
    self->status = -1;
}

TEST(cancellation_waits_for_the_drops) {
    if (!support_cancellable()) skip();
    const struct arena_type type = {"point", sizeof(int), sizeof(int), drop_at_a_cancellation_point};
    GIVEN(arena, arena, arena_create(&type, 4, &arena));
    arena_alloc_slab(arena, 3);
    drops = 0;
    struct worker worker = worker_run(reset_when_cancelled, arena, 0);
    assert_true(worker.cancelled);
    assert_int_equal(worker.status, 3);
    assert_int_equal(arena_used(arena), 0);
    arena_destroy(arena);
}

static int depth;

static void drop_uses_its_pool(void *element, void *user) {
    struct arena_pool *own = *(struct arena_pool **)element;
    drops++;
    if (++depth < 4) {
        ARENA_POOL_SCOPE(own, scratch) arena_alloc(scratch, element);
        arena_pool_trim(own);
        CHECK(arena_pool_destroy(own) == ARENA_EBUSY);
    }
    depth--;
}

TEST(drops_may_use_the_pool_of_their_arena) {
    const struct arena_type type = {"pointer", sizeof(void *), sizeof(void *), drop_uses_its_pool};
    GIVEN(arena_pool, pool, arena_pool_create(&type, 4, &pool));
    flag_set(&checks_failed, 0);
    for (int round = 1; round <= 3; round++) {
        drops = 0;
        ARENA_POOL_SCOPE(pool, scratch) arena_alloc(scratch, &pool);
        assert_int_equal(drops, 4);
        assert_int_equal(depth, 0);
        GIVEN(arena, arena, arena_pool_checkout(pool, &arena));
        arena_alloc(arena, &pool);
        arena_pool_return(pool, arena);
        assert_int_equal(drops, 8);
    }
    assert_int_equal(flag_get(&checks_failed), 0);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

static int handled;

static void handler_uses_all(const char *message, void *user) {
    CHECK(strcmp(message, "once") == 0);
    handled++;
    use_all();
}

static void panic_once(void *user) { arena_panic("once"); }

TEST(handlers_may_use_every_handle) {
    share_begin();
    handled = 0;
    arena_set_panic_handler(handler_uses_all, NULL);
    assert_int_equal(arena_protect(panic_once, NULL), ARENA_EPANIC);
    arena_set_panic_handler(NULL, NULL);
    assert_int_equal(handled, 1);
    share_end();
}

/* --- thread-local destructors --------------------------------------------------------------------------------------- */

static pthread_key_t key_before; /* older than the library's */
static pthread_key_t key_after;

struct late {
    int rounds[2];
    bool waits; /* for the gate */
    struct worker *worker;
};

static void use_late(struct late *late, int which, pthread_key_t key) {
    late->rounds[which]++;
    use_all_and_panic();
    if (late->rounds[which] < support_destructor_rounds()) pthread_setspecific(key, late);
}
static void use_before(void *late) { use_late(late, 0, key_before); }

/* Past the library's own destructor the thread has no record to wait with, and looks again and again. */
static void wait_late(struct late *late) {
    struct arena_context *context = NULL;
    struct arena *inside = NULL;
    CHECK(arena_context_with_timeout(NULL, 1000000, &context) == ARENA_OK);
    CHECK(arena_concurrent_acquire(shared_concurrent, context, &inside) == ARENA_ETIMEDOUT);
    arena_context_release(context);
    flag_set(&late->worker->reached, 1);
    CHECK(arena_concurrent_acquire(shared_concurrent, NULL, &inside) == ARENA_OK);
    arena_concurrent_release(shared_concurrent);
}

static void use_after(void *user) {
    struct late *late = user;
    if (late->waits) {
        if (late->rounds[1]++ == 1) wait_late(late);
        if (late->rounds[1] < support_destructor_rounds()) pthread_setspecific(key_after, late);
        return;
    }
    use_late(late, 1, key_after);
}

static void leave_late_work(struct worker *self) {
    struct late *late = self->user;
    late->worker = self;
    if (!late->waits) pthread_setspecific(key_before, late);
    pthread_setspecific(key_after, late);
    if (self->index == 1 && !late->waits) use_all(); /* else the thread's first use is past its end */
    if (self->index == 1) pthread_exit(NULL);
}

TEST(destructors_may_use_every_handle) {
    for (unsigned variant = 0; variant < 2; variant++) {
        share_begin();
        struct late late = {{0, 0}, false, NULL};
        worker_run(leave_late_work, &late, variant);
        for (int i = 0; i < 2; i++) assert_int_equal(late.rounds[i], support_destructor_rounds());
        share_end();
    }
}

TEST(destructors_may_wait_for_a_gate) {
    for (unsigned variant = 0; variant < 2; variant++) {
        share_begin();
        struct late late = {{0, 0}, true, NULL};
        GIVEN(arena, inside, arena_concurrent_acquire(shared_concurrent, NULL, &inside));
        struct worker worker;
        worker_start(&worker, leave_late_work, &late, variant);
        AWAIT(flag_get(&worker.reached));
        arena_concurrent_release(shared_concurrent);
        worker_join(&worker);
        share_end();
    }
}

static void panic_late(void *user) { arena_panic("in a destructor"); }

static void end_with_panic(struct worker *self) {
    static pthread_key_t key;
    if (pthread_key_create(&key, panic_late) != 0 || pthread_setspecific(key, self) != 0) _exit(1);
}

static void end_a_thread_with_panic(void *user) { worker_run(end_with_panic, user, 0); }

TEST(panic_in_a_destructor_aborts) { assert_aborts(end_a_thread_with_panic, NULL, "in a destructor"); }

/* --- scopes and gates in between ------------------------------------------------------------------------------------ */

static void return_acquired(void *user) { arena_pool_return(shared_pool, user); }

static void alloc_for_another(struct worker *self) {
    int value = 7;
    self->pointer = arena_try_alloc(self->user, &value);
}

/* It is a single-owner arena meanwhile: threads that synchronise may hand it on. */
TEST(acquired_arenas_are_single_owner_arenas) {
    share_begin();
    GIVEN(arena, inside, arena_concurrent_acquire(shared_concurrent, NULL, &inside));
    assert_panics(return_acquired, inside, "arena_pool_return: the arena is not one of this pool's");
    struct worker worker = worker_run(alloc_for_another, inside, 0);
    assert_non_null(worker.pointer);
    assert_int_equal(*(int *)worker.pointer, 7);
    assert_int_equal(arena_used(inside), 1);
    arena_concurrent_release(shared_concurrent);
    assert_int_equal(arena_concurrent_used(shared_concurrent), 1);
    share_end();
}

int main(void) {
    if (pthread_key_create(&key_before, use_before) != 0) return 1;
    struct arena_pool *pool;
    if (arena_pool_create(ARENA_TYPE(int), 1, &pool) != ARENA_OK) return 1;
    ARENA_POOL_SCOPE(pool, scratch) (void)scratch; /* makes the library's key */
    if (arena_pool_destroy(pool) != ARENA_OK) return 1;
    if (pthread_key_create(&key_after, use_after) != 0) return 1;
    return support_run("places");
}
