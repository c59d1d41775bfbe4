/* SPDX-License-Identifier: MIT */
/* The gate of a concurrent arena: acquire and release, contexts before and during the wait, who may release, what a
 * cancelled or killed waiter leaves behind, and that an operation is whole.
 *
 * Most tests run twice: as created by default, and with ARENA_GATE_ONLY. */
#define _GNU_SOURCE
#include "concurrent.h"

/* --- acquire and release ------------------------------------------------------------------------------------------ */

TEST(acquire_hands_out_the_arena_behind) {
    BOTH_KINDS(flags) {
        struct arena_concurrent *arena = make(5, flags);
        int64_t value = 3;
        int64_t *before = arena_concurrent_alloc(arena, &value);
        struct arena *held = hold(arena);
        assert_int_equal(arena_used(held), 1);
        assert_int_equal(arena_remaining(held), 4);
        assert_int_equal(arena_cap(held), 5);
        assert_true(arena_type_equal(arena_type_of(held), ARENA_TYPE(int64_t)));
        assert_non_null(arena_alloc(held, &value));
        int64_t *slab = arena_alloc_slab(held, 2);
        slab[0] = 8;
        assert_true(*before == 3);
        arena_concurrent_release(arena);
        assert_int_equal(arena_concurrent_used(arena), 4);
        assert_non_null(arena_concurrent_try_alloc(arena, NULL));
        assert_null(arena_concurrent_try_alloc(arena, NULL));
        held = hold(arena);
        arena_reset(held);
        assert_non_null(arena_alloc(held, NULL));
        arena_trim(held);
        arena_concurrent_release(arena);
        assert_int_equal(arena_concurrent_used(arena), 1);
        assert_int_equal(arena_concurrent_remaining(arena), 4);
        arena_concurrent_destroy(arena);
    }
}

TEST(holder_gets_ebusy_or_a_panic) {
    BOTH_KINDS(flags) {
        struct request request = {make(4, flags), 1};
        struct arena_concurrent *arena = request.arena;
        for (int times = 0; times < 2; times++) {
            struct arena *held = hold(arena);
            assert_non_null(arena_alloc(held, NULL));
            void *out = &request;
            struct arena *again = held;
            assert_int_equal(arena_concurrent_alloc_context(arena, NULL, NULL, &out), ARENA_EBUSY);
            assert_null(out);
            out = &request;
            assert_int_equal(arena_concurrent_alloc_slab_context(arena, NULL, 1, &out), ARENA_EBUSY);
            assert_null(out);
            out = &request;
            assert_int_equal(arena_concurrent_alloc_slab_with_context(arena, NULL, NULL, 1, &out), ARENA_EBUSY);
            assert_null(out);
            assert_int_equal(arena_concurrent_reset_context(arena, NULL), ARENA_EBUSY);
            assert_int_equal(arena_concurrent_acquire(arena, NULL, &again), ARENA_EBUSY);
            assert_null(again);
            assert_panics(do_alloc, &request, "arena_concurrent_alloc");
            assert_panics(do_try_alloc, &request, "arena_concurrent_try_alloc");
            assert_panics(do_slab, &request, "arena_concurrent_alloc_slab");
            assert_panics(do_try_slab, &request, "arena_concurrent_try_alloc_slab");
            assert_panics(do_slab_with, &request, "arena_concurrent_alloc_slab_with");
            assert_panics(do_try_slab_with, &request, "arena_concurrent_try_alloc_slab_with");
            assert_panics(do_reset, &request, "arena_concurrent_reset");
            assert_panics(do_trim, &request, "arena_concurrent_trim");
            assert_panics(do_destroy, &request, "arena_concurrent_destroy");
            assert_int_equal(arena_concurrent_cap(arena), 4); /* counts work */
            assert_int_equal(arena_concurrent_used(arena), (size_t)times + 1);
            assert_int_equal(arena_concurrent_remaining(arena), 3 - (size_t)times);
            assert_ptr_equal(arena_concurrent_type_of(arena), arena_type_of(held));
            assert_int_equal(arena_used(held), (size_t)times + 1);
            arena_concurrent_release(arena);
            assert_int_equal(arena_concurrent_used(arena), (size_t)times + 1);
        }
        arena_concurrent_destroy(arena);
    }
}

/* So does a slab of any length; and so it does where the thread has a chunk from before it took the gate. */
TEST(slab_of_zero_needs_the_gate_too) {
    BOTH_KINDS(flags) {
        struct request request = {make(4, flags), 0};
        assert_non_null(arena_concurrent_try_alloc(request.arena, NULL));
        (void)hold(request.arena);
        void *out = &request;
        assert_int_equal(arena_concurrent_alloc_slab_context(request.arena, NULL, 0, &out), ARENA_EBUSY);
        assert_null(out);
        assert_panics(do_try_slab, &request, "arena_concurrent_try_alloc_slab");
        arena_concurrent_release(request.arena);
        assert_non_null(arena_concurrent_try_alloc_slab(request.arena, 0));
        arena_concurrent_destroy(request.arena);
    }
}

TEST(burst_left_under_the_gate_is_cleared) {
    enum { CAPACITY = 10000, PUT = 5000 };
    BOTH_KINDS(flags) {
        for (int variant = 0; variant < 6; variant++) {
            uint32_t clear = ARENA_CLEAR_ON_RESET + (uint32_t)variant / 2;
            struct arena_concurrent *arena = make_of(ARENA_TYPE(int64_t), CAPACITY, clear, flags);
            struct arena_burst burst;
            arena_burst_begin(hold(arena), &burst);
            int64_t value = 5;
            for (int i = 0; i < PUT; i++) assert_non_null(arena_burst_put(&burst, &value));
            arena_concurrent_release(arena);
            assert_int_equal(arena_concurrent_used(arena), 0);
            for (int i = 0; variant % 2 == 0 && i < PUT; i++) {
                assert_int_equal(*(int64_t *)arena_concurrent_alloc(arena, NULL), 0);
            }
            assert_true(all_zero(arena_concurrent_alloc_slab_with(arena, NULL, PUT), PUT * sizeof value));
            arena_concurrent_destroy(arena);
        }
    }
}

static void wait_for_gate(struct worker *self) {
    struct request *request = self->user;
    struct arena *held = NULL;
    self->status = arena_concurrent_acquire(request->arena, NULL, &held);
    if (self->status == ARENA_OK) arena_concurrent_release(request->arena);
}

static void panic_on_thread(struct worker *self) {
    self->status = panics_with(do_release, self->user, "arena_concurrent_release") ? 0 : 1;
}

TEST(only_the_holder_releases) {
    BOTH_KINDS(flags) {
        struct request request = {make(4, flags), 1};
        assert_panics(do_release, &request, "arena_concurrent_release"); /* nobody holds it */
        struct arena *held = hold(request.arena);
        struct worker worker = worker_run(panic_on_thread, &request, 0);
        assert_int_equal(worker.status, 0);
        struct worker waiter;
        worker_start(&waiter, wait_for_gate, &request, 0);
        assert_true(worker_asleep(&waiter));
        worker_start(&worker, panic_on_thread, &request, 0); /* also where somebody waits for it */
        worker_join(&worker);
        assert_int_equal(worker.status, 0);
        assert_non_null(arena_try_alloc(held, NULL));
        void *out = NULL;
        assert_int_equal(arena_concurrent_alloc_context(request.arena, NULL, NULL, &out), ARENA_EBUSY); /* still held */
        arena_concurrent_release(request.arena);
        worker_join(&waiter);
        assert_int_equal(waiter.status, ARENA_OK);
        assert_panics(do_release, &request, "arena_concurrent_release"); /* twice */
        arena_concurrent_destroy(request.arena);
    }
}

static void destroy_on_thread(struct worker *self) {
    self->status = panics_with(do_destroy, self->user, "arena_concurrent_destroy") ? 0 : 1;
}

TEST(destroy_while_held_or_waited_for_panics) {
    BOTH_KINDS(flags) {
        struct request request = {make(4, flags), 1};
        struct worker other;
        struct worker waiter;
        hold(request.arena);
        other = worker_run(destroy_on_thread, &request, 0);
        assert_int_equal(other.status, 0);
        worker_start(&waiter, wait_for_gate, &request, 0);
        assert_true(worker_asleep(&waiter));
        other = worker_run(destroy_on_thread, &request, 0);
        assert_int_equal(other.status, 0);
        arena_concurrent_release(request.arena);
        worker_join(&waiter);
        assert_int_equal(waiter.status, ARENA_OK);
        arena_concurrent_destroy(request.arena);
    }
}

/* --- waiting ------------------------------------------------------------------------------------------------------ */

enum operation {
    ALLOC,
    SLAB,
    SLAB_WITH,
    RESET,
    ACQUIRE,
    SLAB_OF_ZERO,
    OPERATIONS,
    PLAIN_ALLOC = OPERATIONS,
    PLAIN_SLAB,
    PLAIN_SLAB_WITH,
    PLAIN_SLAB_OF_ZERO,
    TRY_ALLOC,
    TRY_SLAB,
    TRY_SLAB_WITH,
    PLAIN_RESET,
    PLAIN_TRIM,
    ALL_OPERATIONS
};

static bool hands_out(int operation) {
    return operation != RESET && operation != PLAIN_RESET && operation != PLAIN_TRIM;
}

struct call {
    struct arena_concurrent *arena;
    struct arena_context *context;
    enum operation operation;
};

static int operate(const struct call *call, void **out) {
    static const int64_t values[] = {5, 6};
    struct arena *held = NULL;
    switch (call->operation) {
    case ALLOC:
        return arena_concurrent_alloc_context(call->arena, call->context, values, out);
    case SLAB:
        return arena_concurrent_alloc_slab_context(call->arena, call->context, 2, out);
    case SLAB_WITH:
        return arena_concurrent_alloc_slab_with_context(call->arena, call->context, values, 2, out);
    case SLAB_OF_ZERO:
        return arena_concurrent_alloc_slab_context(call->arena, call->context, 0, out);
    case RESET:
        return arena_concurrent_reset_context(call->arena, call->context);
    case PLAIN_ALLOC:
        *out = arena_concurrent_alloc(call->arena, values);
        return ARENA_OK;
    case PLAIN_SLAB:
        *out = arena_concurrent_alloc_slab(call->arena, 2);
        return ARENA_OK;
    case PLAIN_SLAB_WITH:
        *out = arena_concurrent_alloc_slab_with(call->arena, values, 2);
        return ARENA_OK;
    case PLAIN_SLAB_OF_ZERO:
        *out = arena_concurrent_alloc_slab(call->arena, 0);
        return ARENA_OK;
    case TRY_ALLOC:
        *out = arena_concurrent_try_alloc(call->arena, values);
        return ARENA_OK;
    case TRY_SLAB:
        *out = arena_concurrent_try_alloc_slab(call->arena, 2);
        return ARENA_OK;
    case TRY_SLAB_WITH:
        *out = arena_concurrent_try_alloc_slab_with(call->arena, values, 2);
        return ARENA_OK;
    case PLAIN_RESET:
        arena_concurrent_reset(call->arena);
        return ARENA_OK;
    case PLAIN_TRIM:
        arena_concurrent_trim(call->arena);
        return ARENA_OK;
    case ACQUIRE:
    default:
        break;
    }
    int status = arena_concurrent_acquire(call->arena, call->context, &held);
    *out = held;
    if (status == ARENA_OK) arena_concurrent_release(call->arena);
    return status;
}

static void operate_on_thread(struct worker *self) {
    struct call *call = self->user;
    self->pointer = self; /* must become NULL after a failure */
    if (call->operation == RESET) self->pointer = NULL;
    flag_set(&self->reached, 1);
    self->status = operate(call, &self->pointer);
}

TEST(ended_context_fails_even_on_a_free_gate) {
    struct arena_context *cancelled = cancellable(NULL);
    arena_context_cancel(cancelled);
    GIVEN(arena_context, expired, arena_context_with_timeout(NULL, 0, &expired));
    BOTH_KINDS(flags) {
        struct arena_concurrent *arena = make(8, flags);
        int64_t value = 42;
        int64_t *kept = arena_concurrent_alloc(arena, &value);
        for (int operation = 0; operation < OPERATIONS; operation++) {
            struct call call = {arena, cancelled, (enum operation)operation};
            void *out = operation == RESET ? NULL : &call;
            assert_int_equal(operate(&call, &out), ARENA_ECANCELED);
            assert_null(out);
            call.context = expired;
            out = operation == RESET ? NULL : &call;
            assert_int_equal(operate(&call, &out), ARENA_ETIMEDOUT);
            assert_null(out);
            assert_int_equal(arena_concurrent_used(arena), 1);
            assert_true(*kept == 42); /* a failed reset leaves values */
        }
        void *full = arena_concurrent_alloc_slab(arena, 7);
        assert_int_equal(arena_concurrent_alloc_context(arena, cancelled, NULL, &full),
                         ARENA_ECANCELED); /* not EFULL */
        assert_null(full);
        arena_concurrent_reset(arena);
        for (int operation = 0; operation < OPERATIONS; operation++) {
            struct call call = {arena, NULL, (enum operation)operation};
            void *out = NULL;
            assert_int_equal(operate(&call, &out), ARENA_OK); /* no permit is lost */
            if (operation != RESET) assert_non_null(out);
        }
        arena_concurrent_destroy(arena);
    }
    arena_context_release(expired);
    arena_context_release(cancelled);
}

TEST(who_holds_the_gate_is_told_that_first) {
    struct arena_context *cancelled = cancellable(NULL);
    arena_context_cancel(cancelled);
    BOTH_KINDS(flags) {
        struct arena_concurrent *arena = make(8, flags);
        struct arena *held = hold(arena);
        for (int operation = 0; operation < OPERATIONS; operation++) {
            struct call call = {arena, cancelled, (enum operation)operation};
            void *out = operation == RESET ? NULL : &call;
            assert_int_equal(operate(&call, &out), ARENA_EBUSY);
            assert_null(out);
        }
        void *out = held;
        assert_int_equal(arena_concurrent_alloc_slab_context(arena, NULL, 9, &out),
                         ARENA_EBUSY); /* not that it is full */
        assert_null(out);
        assert_int_equal(arena_used(held), 0);
        arena_concurrent_release(arena);
        arena_concurrent_destroy(arena);
    }
    arena_context_release(cancelled);
}

/* The holder never releases: only the context can end the wait. */
TEST(cancel_ends_the_wait_for_a_held_gate) {
    BOTH_KINDS(flags) {
        struct arena_concurrent *arena = make(8, flags);
        int64_t value = 42;
        int64_t *kept = arena_concurrent_alloc(arena, &value);
        struct arena *held = hold(arena);
        for (int from_parent = 0; from_parent < 2; from_parent++) {
            struct worker workers[OPERATIONS];
            struct call calls[OPERATIONS];
            struct arena_context *parents[OPERATIONS];
            for (int operation = 0; operation < OPERATIONS; operation++) {
                parents[operation] = cancellable(NULL);
                calls[operation] = (struct call){arena, cancellable(parents[operation]), (enum operation)operation};
                worker_start(&workers[operation], operate_on_thread, &calls[operation], 0);
            }
            assert_true(workers_asleep(workers, OPERATIONS));
            for (int operation = 0; operation < OPERATIONS; operation++) {
                arena_context_cancel(from_parent ? parents[operation] : calls[operation].context);
                worker_join(&workers[operation]); /* while the gate is held */
                assert_int_equal(workers[operation].status, ARENA_ECANCELED);
                assert_null(workers[operation].pointer);
                assert_int_equal(arena_used(held), 1);
                assert_true(*kept == 42);
                arena_context_release(calls[operation].context);
                arena_context_release(parents[operation]);
            }
        }
        arena_concurrent_release(arena);
        void *out = NULL;
        assert_int_equal(arena_concurrent_alloc_context(arena, NULL, NULL, &out), ARENA_OK); /* no permit is lost */
        assert_int_equal(arena_concurrent_used(arena), 2);
        assert_true(*kept == 42);
        arena_concurrent_destroy(arena);
    }
}

TEST(deadline_ends_the_wait_for_a_held_gate) {
    BOTH_KINDS(flags) {
        struct arena_concurrent *arena = make(8, flags);
        struct arena *held = hold(arena);
        for (int operation = 0; operation < OPERATIONS; operation++) {
            int64_t deadline = arena_clock_now() + 3000000;
            GIVEN(arena_context, context, arena_context_with_deadline(NULL, deadline, &context));
            struct arena_context *child = cancellable(context);
            struct call call = {arena, operation % 2 ? child : context, (enum operation)operation};
            struct worker worker = worker_run(operate_on_thread, &call, 0);
            assert_int_equal(worker.status, ARENA_ETIMEDOUT);
            assert_true(arena_clock_now() >= deadline);
            assert_null(worker.pointer);
            assert_int_equal(arena_used(held), 0);
            arena_context_release(child);
            arena_context_release(context);
        }
        arena_concurrent_release(arena);
        assert_non_null(arena_concurrent_try_alloc(arena, NULL));
        arena_concurrent_destroy(arena);
    }
}

/* The clock that a wait goes by is that of the deadline: else it would be over at once, again and again. */
TEST(waiter_with_a_deadline_sleeps) {
    struct arena_concurrent *arena = make(8, 0);
    (void)hold(arena);
    GIVEN(arena_context, context, arena_context_with_timeout(NULL, INT64_C(3600) * 1000000000, &context));
    struct call call = {arena, context, ALLOC};
    struct worker worker;
    worker_start(&worker, operate_on_thread, &call, 0);
    assert_true(worker_asleep(&worker));
    arena_concurrent_release(arena);
    worker_join(&worker);
    assert_int_equal(worker.status, ARENA_OK);
    arena_context_release(context);
    arena_concurrent_destroy(arena);
}

/* Each operation, the allocations that try among them, under each kind of context: it waits, and then does its work. */
static void wait_and_go_on(struct arena_concurrent *arena, struct arena_context *const contexts[3], int shift) {
    struct worker workers[ALL_OPERATIONS];
    struct call calls[ALL_OPERATIONS];
    hold(arena);
    for (int operation = 0; operation < ALL_OPERATIONS; operation++) {
        calls[operation] = (struct call){arena, contexts[(operation + shift) % 3], (enum operation)operation};
        worker_start(&workers[operation], operate_on_thread, &calls[operation], 0);
    }
    assert_true(workers_asleep(workers, ALL_OPERATIONS));
    arena_concurrent_release(arena);
    workers_join(workers, ALL_OPERATIONS);
    for (int operation = 0; operation < ALL_OPERATIONS; operation++) {
        assert_int_equal(workers[operation].status, ARENA_OK);
        if (hands_out(operation)) assert_non_null(workers[operation].pointer);
    }
}

TEST(waiters_go_on_when_the_holder_releases) {
    BOTH_KINDS(flags) {
        struct arena_concurrent *arena = make(64, flags);
        struct arena_context *context = cancellable(NULL);
        struct arena_context *const contexts[] = {NULL, context, arena_context_background()};
        for (int shift = 0; shift < 3; shift++) {
            wait_and_go_on(arena, contexts, shift);
            arena_concurrent_reset(arena);
        }
        arena_context_release(context);
        arena_concurrent_destroy(arena);
    }
}

/* The context ended before the grant: the call fails, and the gate goes to the next. */
TEST(context_that_ended_before_the_grant_passes_the_gate_on) {
    BOTH_KINDS(flags) {
        size_t rounds = support_rounds(300, 30);
        for (size_t round = 0; round < rounds; round++) {
            struct arena_concurrent *arena = make(8, flags);
            struct arena_context *context = cancellable(NULL);
            struct call call = {arena, context, (enum operation)(round % OPERATIONS)};
            struct call next = {arena, NULL, (enum operation)((round / 3) % OPERATIONS)};
            struct worker first;
            struct worker second;
            hold(arena);
            worker_start(&first, operate_on_thread, &call, 0);
            AWAIT(flag_get(&first.reached));
            worker_start(&second, operate_on_thread, &next, 1);
            AWAIT(flag_get(&second.reached));
            if (round % 10 == 0) {
                assert_true(worker_asleep(&first));
                assert_true(worker_asleep(&second));
            }
            arena_context_cancel(context);
            arena_concurrent_release(arena);
            worker_join(&first);
            worker_join(&second);
            assert_int_equal(first.status, ARENA_ECANCELED);
            assert_null(first.pointer);
            assert_int_equal(second.status, ARENA_OK);
            void *out = NULL;
            assert_int_equal(arena_concurrent_alloc_context(arena, NULL, NULL, &out), ARENA_OK);
            arena_concurrent_destroy(arena);
            arena_context_release(context);
        }
    }
}

/* Without chunks the slots that the waiters get lie in the order of their arrival. */
TEST(after_a_millisecond_allocations_are_served_in_order) {
    enum { WAITERS = 7 };
    struct arena_concurrent *arena = make(64, ARENA_GATE_ONLY);
    struct worker workers[WAITERS];
    struct call calls[WAITERS];
    hold(arena);
    for (unsigned i = 0; i < WAITERS; i++) {
        calls[i] = (struct call){arena, NULL, i == 4 ? SLAB_WITH : i % 3 == 1 ? PLAIN_ALLOC : ALLOC};
        worker_start(&workers[i], operate_on_thread, &calls[i], i);
        assert_true(worker_asleep(&workers[i])); /* some 20 ms */
    }
    arena_concurrent_release(arena);
    workers_join(workers, WAITERS);
    for (unsigned i = 1; i < WAITERS; i++) {
        assert_true((uintptr_t)workers[i].pointer > (uintptr_t)workers[i - 1].pointer);
    }
    arena_concurrent_destroy(arena);
}

TEST(killed_waiters_leave_the_gate_usable) {
    if (!support_cancellable()) skip();
    BOTH_KINDS(flags) {
        struct worker killed[ALL_OPERATIONS];
        struct worker behind[ALL_OPERATIONS];
        struct call calls[ALL_OPERATIONS];
        struct call next[ALL_OPERATIONS];
        struct arena_context *context = cancellable(NULL);
        for (int i = 0; i < ALL_OPERATIONS; i++) { /* each at a gate of its own */
            struct arena_concurrent *arena = make(8, flags);
            calls[i] = (struct call){arena, i % 2 ? context : NULL, (enum operation)i};
            next[i] = (struct call){arena, NULL, ALLOC};
            hold(arena);
            worker_start(&killed[i], operate_on_thread, &calls[i], 0);
        }
        assert_true(workers_asleep(killed, ALL_OPERATIONS));
        for (int i = 0; i < ALL_OPERATIONS; i++) worker_start(&behind[i], operate_on_thread, &next[i], 1);
        assert_true(workers_asleep(behind, ALL_OPERATIONS));
        for (int i = 0; i < ALL_OPERATIONS; i++) {
            struct arena_concurrent *arena = calls[i].arena;
            assert_int_equal(pthread_cancel(killed[i].thread), 0);
            worker_join(&killed[i]); /* while the gate is held */
            assert_true(killed[i].cancelled);
            arena_concurrent_release(arena);
            worker_join(&behind[i]);
            assert_int_equal(behind[i].status, ARENA_OK);
            assert_int_equal(arena_concurrent_used(arena), 1);
            assert_non_null(arena_concurrent_try_alloc(arena, NULL));
        }
        arena_context_cancel(context); /* no waiter is left behind in it */
        arena_context_release(context);
        for (int i = 0; i < ALL_OPERATIONS; i++) arena_concurrent_destroy(calls[i].arena);
    }
}

static void hold_and_stay(struct worker *self) {
    struct arena *held;
    self->status = arena_concurrent_acquire(self->user, NULL, &held);
    flag_set(&self->reached, 1);
    if (!flag_wait(&self->go, 1)) self->status = 1;
    arena_concurrent_release(self->user);
}

static void count_used(struct worker *self) {
    self->count = arena_concurrent_used(self->user);
    size_t remaining = arena_concurrent_remaining(self->user);
    self->status = remaining == arena_concurrent_cap(self->user) - self->count ? 0 : 1;
}

/* Chunks end when the whole arena is taken: what they had left is not in use, for those who count from outside either. */
TEST(counts_of_a_held_arena_are_those_of_before) {
    enum { TURNS = 1500, CAPACITY = 4 * TURNS }; /* with ARENA_GATE_ONLY too a thread has all that is free by then */
    BOTH_KINDS(flags) {
        struct arena_concurrent *arena = make(CAPACITY, flags);
        for (size_t own = 0; own < 2; own++) {
            for (size_t i = 0; i < TURNS; i++) arena_concurrent_alloc(arena, NULL);
            struct worker holder;
            if (own) {
                (void)hold(arena);
            } else {
                worker_start(&holder, hold_and_stay, arena, 0);
                AWAIT(flag_get(&holder.reached));
            }
            struct worker counter = worker_run(count_used, arena, 1);
            assert_int_equal(counter.count, (own + 1) * TURNS);
            assert_int_equal(counter.status, 0);
            if (own) {
                arena_concurrent_release(arena);
            } else {
                flag_set(&holder.go, 1);
                worker_join(&holder);
                assert_int_equal(holder.status, ARENA_OK);
            }
        }
        arena_concurrent_destroy(arena);
    }
}

static struct {
    struct arena_concurrent *arena;
    size_t most; /* counted by another thread meanwhile */
} counted_drops;

static void drop_counted(void *element, void *user) {
    struct worker counter = worker_run(count_used, counted_drops.arena, 0);
    if (counter.count > counted_drops.most) counted_drops.most = counter.count;
}

TEST(counts_during_a_reset_are_those_of_before) {
    const struct arena_type type = {"counted", sizeof(int64_t), _Alignof(int64_t), drop_counted};
    struct arena_concurrent *arena = counted_drops.arena = make_of(&type, 4000, 0, 0);
    for (int i = 0; i < 3; i++) arena_concurrent_alloc(arena, NULL);
    arena_concurrent_reset(arena);
    assert_int_equal(counted_drops.most, 3);
    assert_int_equal(arena_concurrent_used(arena), 0);
    arena_concurrent_destroy(arena);
}

TEST(counts_never_wait) {
    BOTH_KINDS(flags) {
        struct arena_concurrent *arena = make(8, flags);
        arena_concurrent_alloc(arena, NULL);
        struct arena *held = hold(arena);
        struct request request = {arena, 1};
        struct worker waiter;
        worker_start(&waiter, wait_for_gate, &request, 0);
        assert_true(worker_asleep(&waiter));
        arena_alloc(held, NULL);
        assert_int_equal(arena_concurrent_cap(arena), 8);
        size_t used = arena_concurrent_used(arena); /* may lag behind the holder */
        assert_true(used == 1 || used == 2);
        assert_int_equal(arena_concurrent_remaining(arena), 8 - used);
        arena_concurrent_release(arena);
        worker_join(&waiter);
        assert_int_equal(arena_concurrent_used(arena), 2);
        arena_concurrent_destroy(arena);
    }
}

/* --- the operation is atomic -------------------------------------------------------------------------------------- */

struct wide {
    int64_t words[16];
};

struct traffic {
    struct arena_concurrent *arena;
    int stop;          /* atomic */
    struct wide *base; /* first slot */
    size_t capacity;
};

static void write_wide_values(struct worker *self) {
    struct traffic *traffic = self->user;
    int64_t stamp = stamp_of(self->index, 0);
    while (!flag_get(&traffic->stop)) {
        struct wide value;
        for (int i = 0; i < 16; i++) value.words[i] = stamp;
        if (arena_concurrent_try_alloc(traffic->arena, &value) != NULL) {
            self->count++;
            stamp++;
        } else if (self->count % 3 == 0) {
            arena_concurrent_reset(traffic->arena);
        }
        flag_set(&self->reached, 1);
    }
}

static bool torn(const struct wide *value) {
    for (int i = 1; i < 16; i++) {
        if (value->words[i] != value->words[0]) return true;
    }
    return false;
}

/* Under an acquired gate every slot is either free, and zero, or holds one whole value. */
TEST(acquire_sees_no_slot_half_written) {
    if (support_checked()) skip(); /* it looks at slots that nobody has */
    BOTH_KINDS(flags) {
        enum { THREADS = 4, CAPACITY = 300 };
        struct traffic traffic = {make_of(ARENA_TYPE(struct wide), CAPACITY, 0, flags), 0, NULL, CAPACITY};
        traffic.base = arena_concurrent_alloc(traffic.arena, NULL);
        arena_concurrent_reset(traffic.arena);
        struct worker workers[THREADS];
        for (unsigned t = 0; t < THREADS; t++) worker_start(&workers[t], write_wide_values, &traffic, t);
        for (unsigned t = 0; t < THREADS; t++) AWAIT(flag_get(&workers[t].reached));
        size_t rounds = support_rounds(3000, 300);
        for (size_t round = 0; round < rounds; round++) {
            struct arena *held = hold(traffic.arena);
            size_t live = 0;
            for (size_t i = 0; i < CAPACITY; i++) {
                assert_false(torn(&traffic.base[i]));
                if (traffic.base[i].words[0] != 0) live++;
            }
            assert_int_equal(live, arena_used(held));
            if (round % 7 == 0) {
                arena_reset(held);
                assert_true(all_zero(traffic.base, CAPACITY * sizeof(struct wide)));
            }
            arena_concurrent_release(traffic.arena);
        }
        flag_set(&traffic.stop, 1);
        workers_join(workers, THREADS);
        arena_concurrent_destroy(traffic.arena);
    }
}

/* --- waiting past a thread's end ---------------------------------------------------------------------------------- */

static pthread_key_t late_key;

struct late {
    struct arena_concurrent *arena;
    struct arena_concurrent *other;
    int calls;
    int waits; /* atomic: one has ended */
    int status;
    const int64_t *slot;
};

/* The second time the library is done with this thread, and keeps nothing for it. */
static void wait_late(void *user) {
    static const int64_t value = 5;
    struct late *late = user;
    struct arena_context *timed = NULL;
    void *nothing = NULL;
    if (++late->calls == 1) {
        (void)pthread_setspecific(late_key, late);
        return;
    }
    if (arena_context_with_timeout(NULL, 5000000, &timed) != ARENA_OK) return;
    late->status = arena_concurrent_alloc_context(late->arena, timed, NULL, &nothing);
    arena_context_release(timed);
    flag_set(&late->waits, 1);
    late->slot = arena_concurrent_try_alloc(late->arena, &value);
}

static void end_with_a_late_wait(struct worker *self) {
    struct late *late = self->user;
    self->pointer = arena_concurrent_try_alloc(late->other, NULL);
    self->status = pthread_setspecific(late_key, late);
}

TEST(destructors_wait_at_the_gate) {
    assert_int_equal(pthread_key_create(&late_key, wait_late), 0);
    BOTH_KINDS(flags) {
        struct late late = {make(2, flags), make(2, flags), 0, 0, ARENA_OK, NULL};
        hold(late.arena);
        struct worker worker;
        worker_start(&worker, end_with_a_late_wait, &late, 0);
        AWAIT(flag_get(&late.waits));
        arena_concurrent_release(late.arena);
        worker_join(&worker);
        assert_true(worker.pointer != NULL && worker.status == 0);
        assert_int_equal(late.calls, 2);
        assert_int_equal(late.status, ARENA_ETIMEDOUT);
        assert_true(late.slot != NULL && *late.slot == 5);
        assert_int_equal(arena_concurrent_used(late.arena), 1);
        arena_concurrent_destroy(late.arena);
        arena_concurrent_destroy(late.other);
    }
    assert_int_equal(pthread_key_delete(late_key), 0);
}

/* Past the library's end of the thread, which it remembers as the holder all the same. */
static void release_late(void *user) {
    struct late *late = user;
    if (++late->calls == 1) {
        (void)pthread_setspecific(late_key, late);
    } else {
        late->status = arena_concurrent_alloc_context(late->arena, NULL, NULL, &(void *){NULL});
        arena_concurrent_release(late->arena);
    }
}

static void end_as_holder(struct worker *self) {
    struct late *late = self->user;
    struct arena *held;
    self->pointer = arena_concurrent_try_alloc(late->other, NULL);
    self->status =
        arena_concurrent_acquire(late->arena, NULL, &held) != ARENA_OK || pthread_setspecific(late_key, late);
}

TEST(destructors_release_the_gate) {
    assert_int_equal(pthread_key_create(&late_key, release_late), 0);
    BOTH_KINDS(flags) {
        struct late late = {make(2, flags), make(2, flags), 0, 0, ARENA_OK, NULL};
        struct worker worker = worker_run(end_as_holder, &late, 0);
        assert_true(worker.pointer != NULL && worker.status == 0);
        assert_int_equal(late.calls, 2);
        assert_int_equal(late.status, ARENA_EBUSY);
        assert_non_null(arena_concurrent_try_alloc(late.arena, NULL));
        arena_concurrent_destroy(late.arena);
        arena_concurrent_destroy(late.other);
    }
    assert_int_equal(pthread_key_delete(late_key), 0);
}

int main(void) { return support_run("gate"); }
