/* SPDX-License-Identifier: MIT */
/* The gate of the concurrent arena without waiting, without a thread, and without panics: try_acquire, permits, the checked
 * spellings, and mixed values under a context. */
#define _GNU_SOURCE

#include "support.h"

#include <arena/arena.h>

#define BOTH_KINDS(flags) for (uint32_t flags = 0; flags <= ARENA_GATE_ONLY; flags += ARENA_GATE_ONLY)

static struct arena_concurrent *make_of(const struct arena_type *type, size_t capacity, uint32_t flags) {
    struct arena_options options = OPTIONS(ARENA_CLEAR_ON_RESET, flags);
    GIVEN(arena_concurrent, arena, arena_concurrent_create_with(type, capacity, &options, &arena));
    return arena;
}

static struct arena_concurrent *make(size_t capacity, uint32_t flags) {
    return make_of(ARENA_TYPE(int64_t), capacity, flags);
}

static void do_alloc(void *arena) { arena_concurrent_alloc(arena, NULL); }
static void do_release(void *arena) { arena_concurrent_release(arena); }
static void do_destroy(void *arena) { arena_concurrent_destroy(arena); }

/* What another thread is told. */
struct asked {
    struct arena_concurrent *arena;
    int try_acquire, try_permit, release;
};

static void ask_elsewhere(struct worker *self) {
    struct asked *asked = self->user;
    struct arena *held = (struct arena *)(void *)asked;
    struct arena_permit permit = {held, 7};
    asked->try_acquire = arena_concurrent_try_acquire(asked->arena, &held);
    if ((held != NULL) != (asked->try_acquire == ARENA_OK)) self->status = 1;
    if (held != NULL) arena_concurrent_release(asked->arena);
    asked->try_permit = arena_concurrent_try_acquire_permit(asked->arena, &permit);
    if ((permit.arena != NULL) != (asked->try_permit == ARENA_OK)) self->status = 2;
    if (permit.arena == NULL && permit.ticket != 0) self->status = 3;
    if (permit.arena != NULL && arena_concurrent_release_permit(asked->arena, &permit) != ARENA_OK) self->status = 4;
    asked->release = arena_concurrent_release_checked(asked->arena);
}

static struct asked ask(struct arena_concurrent *arena) {
    struct asked asked = {arena, 1, 1, 1};
    struct worker worker = worker_run(ask_elsewhere, &asked, 0);
    assert_int_equal(worker.status, 0);
    return asked;
}

TEST(who_tries_does_not_wait) {
    BOTH_KINDS(flags) {
        struct arena_concurrent *arena = make(100, flags);
        GIVEN(arena, held, arena_concurrent_try_acquire(arena, &held));
        assert_non_null(arena_try_alloc_slab(held, 100));
        struct asked asked = ask(arena);
        assert_int_equal(asked.try_acquire, ARENA_EBUSY);
        assert_int_equal(asked.try_permit, ARENA_EBUSY);
        assert_int_equal(asked.release, ARENA_EINVAL);
        struct arena *again = held;
        assert_int_equal(arena_concurrent_try_acquire(arena, &again), ARENA_EBUSY);
        assert_null(again);
        assert_int_equal(arena_concurrent_trim_checked(arena), ARENA_EBUSY);
        assert_int_equal(arena_concurrent_destroy_checked(arena), ARENA_EBUSY);
        assert_int_equal(arena_used(held), 100);
        assert_int_equal(arena_concurrent_release_checked(arena), ARENA_OK);
        assert_int_equal(arena_concurrent_release_checked(arena), ARENA_EINVAL);
        assert_null(arena_try_alloc(held, NULL));
        asked = ask(arena);
        assert_true(asked.try_acquire == ARENA_OK && asked.try_permit == ARENA_OK);
        assert_int_equal(arena_concurrent_trim_checked(arena), ARENA_OK);
        assert_int_equal(arena_concurrent_used(arena), 100);
        assert_int_equal(arena_concurrent_destroy_checked(arena), ARENA_OK);
    }
    assert_int_equal(arena_concurrent_destroy_checked(NULL), ARENA_OK);
    assert_int_equal(arena_concurrent_trim_checked(NULL), ARENA_EINVAL);
    assert_int_equal(arena_concurrent_release_checked(NULL), ARENA_EINVAL);
}

/* What was handed out before is there, and what lies in the chunks of threads counts as free. */
static void take_one_and_stay(struct worker *self) {
    self->pointer = arena_concurrent_try_alloc(self->user, &(int64_t){9});
    flag_set(&self->reached, 1);
    (void)flag_wait(&self->go, 1);
}

TEST(tries_take_chunks_back) {
    enum { CAPACITY = 5000, THREADS = 3 };
    BOTH_KINDS(flags) {
        struct arena_concurrent *arena = make(CAPACITY, flags);
        struct worker workers[THREADS];
        for (unsigned i = 0; i < THREADS; i++) worker_start(&workers[i], take_one_and_stay, arena, i);
        for (unsigned i = 0; i < THREADS; i++) AWAIT(flag_get(&workers[i].reached));
        struct arena_permit permit;
        assert_int_equal(arena_concurrent_try_acquire_permit(arena, &permit), ARENA_OK);
        assert_int_equal(arena_remaining(permit.arena), CAPACITY - THREADS);
        for (size_t i = THREADS; i < CAPACITY; i++) assert_non_null(arena_try_alloc(permit.arena, NULL));
        assert_null(arena_try_alloc(permit.arena, NULL));
        assert_int_equal(arena_concurrent_release_permit(arena, &permit), ARENA_OK);
        assert_null(arena_concurrent_try_alloc(arena, NULL));
        for (unsigned i = 0; i < THREADS; i++) flag_set(&workers[i].go, 1);
        workers_join(workers, THREADS);
        for (unsigned i = 0; i < THREADS; i++) assert_true(*(int64_t *)workers[i].pointer == 9);
        arena_concurrent_destroy(arena);
    }
}

/* --- permits -------------------------------------------------------------------------------------------------------- */

static void alloc_there(struct worker *self) {
    self->pointer = arena_concurrent_try_alloc(self->user, NULL);
    flag_set(&self->reached, 1);
}

struct handed {
    struct arena_concurrent *arena;
    struct arena_permit permit;
};

static void use_and_release(struct worker *self) {
    struct handed *handed = self->user;
    self->pointer = arena_try_alloc(handed->permit.arena, &(int64_t){11});
    self->status = arena_concurrent_release_permit(handed->arena, &handed->permit);
}

TEST(a_permit_belongs_to_no_thread) {
    BOTH_KINDS(flags) {
        struct handed handed = {make(100, flags), {NULL, 0}};
        struct arena_concurrent *arena = handed.arena;
        assert_non_null(arena_concurrent_try_alloc(arena, NULL));
        assert_int_equal(arena_concurrent_acquire_permit(arena, NULL, &handed.permit), ARENA_OK);
        assert_true(handed.permit.ticket != 0);
        /* All wait, the thread that took it too, as far as it can. */
        struct asked asked = ask(arena);
        assert_true(asked.try_acquire == ARENA_EBUSY && asked.try_permit == ARENA_EBUSY &&
                    asked.release == ARENA_EINVAL);
        GIVEN(arena_context, timed, arena_context_with_timeout(NULL, 5000000, &timed));
        void *out = NULL;
        struct arena_permit second;
        assert_int_equal(arena_concurrent_alloc_context(arena, timed, NULL, &out), ARENA_ETIMEDOUT);
        assert_int_equal(arena_concurrent_reset_context(arena, timed), ARENA_ETIMEDOUT);
        assert_int_equal(arena_concurrent_acquire_permit(arena, timed, &second), ARENA_ETIMEDOUT);
        assert_true(second.arena == NULL && second.ticket == 0);
        arena_context_release(timed);
        struct worker waiter;
        worker_start(&waiter, alloc_there, arena, 0);
        assert_true(worker_asleep(&waiter));
        assert_int_equal(arena_concurrent_cap(arena), 100);
        assert_int_equal(arena_concurrent_used(arena), 1);
        assert_panics(do_release, arena, "the calling thread does not hold the gate");
        assert_panics(do_destroy, arena, "the gate is held or waited for");
        assert_int_equal(arena_concurrent_destroy_checked(arena), ARENA_EBUSY);
        struct worker other = worker_run(use_and_release, &handed, 0);
        assert_int_equal(other.status, ARENA_OK);
        worker_join(&waiter);
        assert_non_null(waiter.pointer);
        assert_true(*(int64_t *)other.pointer == 11);
        assert_int_equal(arena_concurrent_used(arena), 3);
        arena_concurrent_destroy(arena);
    }
}

TEST(permits_that_are_none_release_nothing) {
    BOTH_KINDS(flags) {
        struct arena_concurrent *arena = make(10, flags);
        struct arena_concurrent *other = make(10, flags);
        struct arena_permit none = {NULL, 0}, permit, of_other;
        assert_int_equal(arena_concurrent_release_permit(arena, &none), ARENA_EINVAL);
        assert_int_equal(arena_concurrent_acquire_permit(arena, NULL, &permit), ARENA_OK);
        assert_int_equal(arena_concurrent_acquire_permit(other, NULL, &of_other), ARENA_OK);
        assert_int_not_equal(permit.ticket, of_other.ticket);
        const struct arena_permit copy = permit;
        const struct arena_permit wrong[] = {{permit.arena, 0},
                                             {permit.arena, permit.ticket + 2},
                                             {NULL, permit.ticket},
                                             of_other,
                                             none,
                                             {permit.arena, of_other.ticket}};
        for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
            assert_int_equal(arena_concurrent_release_permit(arena, &wrong[i]), ARENA_EINVAL);
        }
        assert_int_equal(arena_concurrent_release_permit(arena, NULL), ARENA_EINVAL);
        assert_int_equal(arena_concurrent_release_permit(NULL, &permit), ARENA_EINVAL);
        assert_int_equal(ask(arena).try_acquire, ARENA_EBUSY); /* it is still out */
        assert_int_equal(arena_concurrent_release_permit(arena, &copy), ARENA_OK);
        assert_int_equal(arena_concurrent_release_permit(arena, &permit), ARENA_EINVAL);
        assert_int_equal(arena_concurrent_acquire_permit(arena, NULL, &permit), ARENA_OK);
        assert_int_equal(arena_concurrent_release_permit(arena, &copy), ARENA_EINVAL); /* a stale one */
        assert_int_equal(arena_concurrent_release_permit(arena, &permit), ARENA_OK);
        assert_int_equal(arena_concurrent_release_permit(other, &of_other), ARENA_OK);

        struct arena *held = NULL; /* who holds the gate by acquire has no permit, and gets none */
        assert_int_equal(arena_concurrent_acquire(arena, NULL, &held), ARENA_OK);
        assert_int_equal(arena_concurrent_acquire_permit(arena, NULL, &permit), ARENA_EBUSY);
        assert_null(permit.arena);
        assert_int_equal(arena_concurrent_try_acquire_permit(arena, &permit), ARENA_EBUSY);
        assert_int_equal(arena_concurrent_release_permit(arena, &(struct arena_permit){held, 0}), ARENA_EINVAL);
        assert_int_equal(arena_concurrent_release_permit(arena, &(struct arena_permit){held, copy.ticket}),
                         ARENA_EINVAL);
        assert_panics(do_alloc, arena, "the calling thread holds the gate");
        arena_concurrent_release(arena);
        arena_concurrent_destroy(arena);
        arena_concurrent_destroy(other);
    }
    struct arena *held = NULL;
    struct arena_permit permit;
    assert_int_equal(arena_concurrent_try_acquire(NULL, &held), ARENA_EINVAL);
    assert_int_equal(arena_concurrent_acquire_permit(NULL, NULL, &permit), ARENA_EINVAL);
    assert_int_equal(arena_concurrent_try_acquire_permit(NULL, &permit), ARENA_EINVAL);
    struct arena_concurrent *arena = make(1, 0);
    assert_int_equal(arena_concurrent_try_acquire(arena, NULL), ARENA_EINVAL);
    assert_int_equal(arena_concurrent_acquire_permit(arena, NULL, NULL), ARENA_EINVAL);
    assert_int_equal(arena_concurrent_try_acquire_permit(arena, NULL), ARENA_EINVAL);
    assert_int_equal(ask(arena).try_acquire, ARENA_OK);
    arena_concurrent_destroy(arena);
    assert_int_equal(arena_permit_size(), sizeof(struct arena_permit));
}

/* --- inside a drop --------------------------------------------------------------------------------------------------- */

static struct arena_concurrent *dropping;
static struct arena_permit dropping_permit;
static int answers[4];

static void ask_while_dropped(void *element, void *user) {
    (void)element;
    (void)user;
    answers[0] = dropping_permit.arena != NULL ? arena_concurrent_release_permit(dropping, &dropping_permit)
                                               : arena_concurrent_release_checked(dropping);
    answers[1] = arena_concurrent_destroy_checked(dropping);
    struct arena *held = NULL;
    answers[2] = arena_concurrent_try_acquire(dropping, &held);
    answers[3] =
        dropping_permit.arena != NULL ? ARENA_EBUSY : arena_concurrent_trim_checked(dropping); /* which would wait */
}

TEST(all_is_busy_from_inside_a_drop) {
    const struct arena_type type = {"asking", 8, 8, ask_while_dropped, 0, 0};
    BOTH_KINDS(flags) {
        dropping = make_of(&type, 10, flags);
        struct arena *held = NULL;
        for (int way = 0; way < 3; way++) {
            assert_non_null(arena_concurrent_try_alloc(dropping, &(int64_t){1}));
            memset(answers, 0, sizeof answers);
            dropping_permit = (struct arena_permit){NULL, 0};
            if (way == 0) {
                arena_concurrent_reset(dropping);
            } else if (way == 1) {
                assert_int_equal(arena_concurrent_acquire(dropping, NULL, &held), ARENA_OK);
                arena_reset(held);
                arena_concurrent_release(dropping);
            } else {
                assert_int_equal(arena_concurrent_acquire_permit(dropping, NULL, &dropping_permit), ARENA_OK);
                arena_reset(dropping_permit.arena);
                assert_int_equal(arena_concurrent_release_permit(dropping, &dropping_permit), ARENA_OK);
            }
            for (size_t i = 0; i < 4; i++) assert_int_equal(answers[i], ARENA_EBUSY);
            assert_int_equal(arena_concurrent_used(dropping), 0);
        }
        arena_concurrent_destroy(dropping);
    }
}

/* --- mixed values under a context -------------------------------------------------------------------------------------- */

TEST(mixed_values_under_a_context) {
    static const char large[ARENA_ANY_MAX + 1] = {0};
    const struct arena_type too_large = {"large", sizeof large, 1, NULL, 0, 0};
    GIVEN(arena_context, ended, arena_context_with_timeout(NULL, 0, &ended));
    BOTH_KINDS(flags) {
        struct arena_concurrent *arena = make_of(arena_type_any(), 3, flags);
        const int number = 42;
        GIVEN(arena_any, slot, arena_concurrent_alloc_any_context(arena, NULL, ARENA_TYPE(int), &number, &slot));
        assert_int_equal(*(int *)arena_any_get(slot, ARENA_TYPE(int)), 42);
        struct arena_any *const first = slot;
        assert_int_equal(arena_concurrent_alloc_any_context(arena, ended, ARENA_TYPE(int), &number, &slot),
                         ARENA_ETIMEDOUT);
        assert_null(slot);
        slot = first;
        assert_int_equal(arena_concurrent_alloc_any_context(arena, NULL, &too_large, large, &slot), ARENA_EINVAL);
        assert_null(slot);
        assert_int_equal(arena_concurrent_alloc_any_context(arena, NULL, NULL, &number, &slot), ARENA_EINVAL);
        assert_int_equal(arena_concurrent_alloc_any_context(NULL, NULL, ARENA_TYPE(int), &number, &slot), ARENA_EINVAL);
        assert_int_equal(arena_concurrent_alloc_any_context(arena, NULL, ARENA_TYPE(int), &number, NULL), ARENA_EINVAL);
        GIVEN(arena, held, arena_concurrent_acquire(arena, NULL, &held));
        assert_int_equal(arena_concurrent_alloc_any_context(arena, ended, ARENA_TYPE(int), &number, &slot),
                         ARENA_EBUSY);
        arena_concurrent_release(arena);
        assert_int_equal(arena_concurrent_used(arena), 1);
        assert_int_equal(arena_concurrent_alloc_any_context(arena, NULL, ARENA_TYPE(char), NULL, &slot), ARENA_OK);
        assert_int_equal(*(char *)arena_any_get(slot, ARENA_TYPE(char)), 0);
        assert_int_equal(arena_concurrent_alloc_any_context(arena, NULL, ARENA_TYPE(int), &number, &slot), ARENA_OK);
        assert_int_equal(arena_concurrent_alloc_any_context(arena, NULL, ARENA_TYPE(int), &number, &slot), ARENA_EFULL);
        assert_null(slot);
        arena_concurrent_destroy(arena);
        arena = make(1, flags);
        assert_int_equal(arena_concurrent_alloc_any_context(arena, NULL, ARENA_TYPE(int), &number, &slot),
                         ARENA_EINVAL);
        arena_concurrent_destroy(arena);
    }
    arena_context_release(ended);
}

int main(void) { return support_run("permit"); }
