/* SPDX-License-Identifier: MIT */
/* The gate: who is woken, who is handed the permit, what a waiter that ends leaves behind. */
#include "platform/sync.h"
#include "runtime/thread.h"
#include "sync/cancel.h"
#include "sync/gate.h"

#include "../support.h"

#include <arena/arena.h>

/* Who gives up leaves the mark of another one that is on its way. */
TEST(who_gives_up_leaves_others_marks) {
    struct gate gate;
    assert_true(gate_init(&gate, 1));
    assert_true(gate_try_enter(&gate));
    static struct waiter other;
    static struct waiter last;
    other.gate_queued = other.gate_woken = last.gate_queued = true;
    other.gate_next = &last;
    last.gate_previous = &other;
    gate.first = &other;
    gate.last = &last;
    (void)atomic_u32_or(&gate.word, GATE_WAITERS | GATE_WOKEN, relaxed);
    struct cancel_node node;
    assert_true(cancel_start(&node, NULL, clock_now() + 1000000));
    assert_int_equal(gate_enter(&gate, &node), ARENA_ETIMEDOUT);
    assert_int_equal(atomic_u32_load(&gate.word, relaxed), GATE_WAITERS | GATE_WOKEN);
    assert_true(gate.first == &other && other.gate_next == &last && other.gate_woken);
    assert_true(gate.last == &last && last.gate_next == NULL && last.gate_previous == &other);
    cancel_finish(&node);
    gate_finish(&gate);
}

/* Two that leave at the same time both come to the queue.  The first one wakes its head; the second leaves that alone,
 * however long it has waited: granted a permit on its way, it would never take the mark of who is on the way down. */
TEST(who_is_on_the_way_is_granted_nothing) {
    struct gate gate;
    assert_true(gate_init(&gate, 2));
    assert_true(gate_try_enter(&gate) && gate_try_enter(&gate));
    struct waiter *woken = waiter_mine(thread_state());
    waiter_prepare(woken);
    woken->gate_granted = false;
    woken->gate_queued = woken->gate_woken = true;
    woken->gate_next = woken->gate_previous = NULL;
    woken->gate_since_ns = clock_now() - 2 * GATE_HANDOFF_NS;
    gate.first = gate.last = woken;
    (void)atomic_u32_add(&gate.word, GATE_WAITERS + GATE_WOKEN + GATE_PERMIT, relaxed);
    gate_leave_waking(&gate);
    assert_true(woken->gate_queued && woken->gate_woken && !woken->gate_granted && !woken->signalled);
    assert_int_equal(atomic_u32_load(&gate.word, relaxed), GATE_WAITERS + GATE_WOKEN + 2 * GATE_PERMIT);
    woken->gate_queued = woken->gate_woken = false;
    gate_finish(&gate);
}

static void *enter_gate(void *gate) { return gate_enter(gate, NULL) == ARENA_OK ? gate : NULL; }

/* Who was woken while more than one permit came free wakes the next one, who would sleep beside a free permit else. */
TEST(who_was_woken_wakes_the_next) {
    for (int round = 0; round < 4; round++) {
        int permits = 1 + round % 2;
        static struct waiter last; /* behind the next one, in the later rounds */
        struct gate gate;
        assert_true(gate_init(&gate, 2));
        assert_true(gate_try_enter(&gate) && gate_try_enter(&gate));
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, enter_gate, &gate), 0);
        bool waits = false;
        while (!waits) {
            mutex_lock(&gate.mutex);
            waits = gate.first != NULL && (atomic_u32_load(&gate.word, relaxed) & GATE_WAITERS) != 0;
            mutex_unlock(&gate.mutex);
            sleep_ms(1);
        }
        struct waiter *next = waiter_mine(thread_state());
        waiter_prepare(next);
        /* As put_back leaves them, called once for each permit. */
        mutex_lock(&gate.mutex);
        struct waiter *first = gate.first;
        first->gate_woken = next->gate_queued = true;
        next->gate_woken = next->gate_granted = false;
        next->gate_previous = first;
        next->gate_next = round < 2 ? NULL : &last;
        last.gate_previous = next;
        first->gate_next = next;
        gate.last = round < 2 ? next : &last;
        (void)atomic_u32_add(&gate.word, (uint32_t)permits * GATE_PERMIT + GATE_WOKEN, relaxed);
        mutex_unlock(&gate.mutex);
        waiter_signal(first);
        void *entered;
        assert_int_equal(pthread_join(thread, &entered), 0);
        assert_ptr_equal(entered, &gate);
        bool wakes = permits == 2;
        assert_int_equal(next->signalled, wakes);
        assert_int_equal(next->gate_woken, wakes);
        assert_int_equal(atomic_u32_load(&gate.word, relaxed), GATE_WAITERS + (wakes ? GATE_PERMIT + GATE_WOKEN : 0));
        assert_true(gate.first == next && gate.last == (round < 2 ? next : &last) && next->gate_previous == NULL);
        assert_false(last.gate_woken || last.signalled);
        next->gate_queued = next->gate_woken = false;
        gate_finish(&gate);
    }
}

struct timed_entry {
    struct gate gate;
    int64_t deadline_ns;
};

static void *enter_in_time(void *argument) {
    struct timed_entry *entry = argument;
    struct cancel_node node;
    if (!cancel_start(&node, NULL, entry->deadline_ns)) return entry;
    int status = gate_enter(&entry->gate, &node);
    cancel_finish(&node);
    return status == ARENA_ETIMEDOUT ? NULL : entry;
}

/* Who was woken for nothing waits on, and no longer than it was told to. */
TEST(who_is_woken_in_vain_keeps_its_deadline) {
    struct timed_entry entry;
    pthread_t thread;
    assert_true(gate_init(&entry.gate, 1));
    assert_true(gate_try_enter(&entry.gate));
    entry.deadline_ns = clock_now() + 300000000;
    assert_int_equal(pthread_create(&thread, NULL, enter_in_time, &entry), 0);
    for (int times = 0; times < 5 && clock_now() < entry.deadline_ns; sleep_ms(1)) {
        mutex_lock(&entry.gate.mutex);
        struct waiter *first = entry.gate.first;
        mutex_unlock(&entry.gate.mutex);
        if (first == NULL) continue;
        waiter_signal(first); /* its record outlives its wait */
        times++;
    }
    void *wrong;
    assert_int_equal(pthread_join(thread, &wrong), 0);
    assert_null(wrong);
    assert_null(entry.gate.first);
    gate_leave(&entry.gate);
    assert_true(gate_idle(&entry.gate));
    gate_finish(&entry.gate);
}

TEST(gates_know_when_they_are_idle) {
    struct gate gate;
    assert_true(gate_init(&gate, GATE_MAX_PERMITS));
    assert_true(gate_idle(&gate) && gate_try_enter(&gate) && !gate_idle(&gate));
    assert_int_equal(atomic_u32_load(&gate.word, relaxed), (GATE_MAX_PERMITS - 1) * GATE_PERMIT);
    gate_finish(&gate);
    assert_true(gate_init(&gate, 3));
    assert_true(gate_idle(&gate));
    for (int i = 0; i < 3; i++) assert_int_equal(gate_enter(&gate, NULL), ARENA_OK);
    assert_false(gate_try_enter(&gate));
    assert_false(gate_idle(&gate));
    struct cancel_node node;
    assert_true(cancel_start(&node, NULL, clock_now() + 1000000));
    assert_int_equal(gate_enter(&gate, &node), ARENA_ETIMEDOUT); /* waits, and leaves nothing behind */
    assert_true(gate.first == NULL && gate.last == NULL && node.waiters == NULL);
    for (int i = 0; i < 3; i++) {
        assert_false(gate_idle(&gate));
        gate_leave(&gate);
    }
    assert_true(gate_idle(&gate));
    assert_int_equal(gate_enter(&gate, &node), ARENA_ETIMEDOUT);
    assert_true(gate_idle(&gate));
    (void)atomic_u32_or(&gate.word, GATE_WAITERS, relaxed); /* every permit is free, for one that has yet to wake up */
    assert_false(gate_idle(&gate));
    (void)atomic_u32_and(&gate.word, ~GATE_WAITERS, relaxed);
    cancel_finish(&node);
    assert_false(gate_held_by_me(&gate));
    gate_set_holder(&gate);
    assert_true(gate_held_by_me(&gate));
    gate_clear_holder(&gate);
    assert_false(gate_held_by_me(&gate));
    gate_finish(&gate);
}

/* More threads than 16 bits count: none is taken for one that holds a gate, whatever came of it. */
TEST(numbers_of_holders_do_not_come_again) {
    struct gate held;
    struct gate other;
    uint32_t mine = thread_state()->number;
    assert_true(gate_init(&held, 1) && gate_init(&other, 1));
    thread_state()->number = 0;
    gate_set_holder(&held);
    for (int i = 0; i < 1 << 17; i++) {
        thread_state()->number = 0; /* as another thread */
        gate_set_holder(&other);
        assert_false(gate_held_by_me(&held));
    }
    thread_state()->number = mine;
    gate_finish(&held);
    gate_finish(&other);
}

static void *enter_and_leave(void *gate) {
    if (gate_enter(gate, NULL) == ARENA_OK) gate_leave(gate);
    return NULL;
}

/* A waiter's time begins when it comes, whatever its thread has waited for before. */
TEST(waiting_begins_with_the_wait) {
    struct gate gate;
    pthread_t thread;
    assert_true(gate_init(&gate, 1));
    assert_true(gate_try_enter(&gate));
    int64_t before_ns = clock_now();
    assert_int_equal(pthread_create(&thread, NULL, enter_and_leave, &gate), 0);
    int64_t since_ns = -1;
    while (since_ns < 0) {
        sleep_ms(1);
        mutex_lock(&gate.mutex);
        if (gate.first != NULL) {
            assert_true(gate.first->gate_queued);
            since_ns = gate.first->gate_since_ns;
        }
        mutex_unlock(&gate.mutex);
    }
    assert_true(before_ns <= since_ns && since_ns <= clock_now());
    gate_leave(&gate);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(gate_idle(&gate));
    gate_finish(&gate);
}

TEST(who_comes_first_is_first_in_line) {
    enum { WAITERS = 3 };
    struct gate gate;
    pthread_t threads[WAITERS];
    const struct waiter *came[WAITERS];
    assert_true(gate_init(&gate, 1));
    assert_true(gate_try_enter(&gate));
    for (size_t i = 0; i < WAITERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, enter_and_leave, &gate), 0);
        for (size_t count = 0; count <= i; sleep_ms(1)) {
            count = 0;
            mutex_lock(&gate.mutex);
            for (const struct waiter *at = gate.first; at != NULL; at = at->gate_next) {
                bool is_new = true;
                for (size_t k = 0; k < i; k++) is_new = is_new && at != came[k];
                if (is_new) came[i] = at;
                count++;
            }
            mutex_unlock(&gate.mutex);
        }
    }
    mutex_lock(&gate.mutex);
    const struct waiter *at = gate.first;
    for (size_t i = 0; i < WAITERS; i++, at = at->gate_next) assert_ptr_equal(at, came[i]);
    assert_ptr_equal(gate.last, came[WAITERS - 1]);
    mutex_unlock(&gate.mutex);
    gate_leave(&gate);
    for (size_t i = 0; i < WAITERS; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_true(gate_idle(&gate));
    gate_finish(&gate);
}

/* A thread past its end has no record and so no place in the queue: it looks again and again, and at its context, too. */
TEST(who_polls_beside_a_queue_sees_its_end) {
    struct gate gate;
    pthread_t thread;
    assert_true(gate_init(&gate, 1));
    assert_true(gate_try_enter(&gate));
    assert_int_equal(pthread_create(&thread, NULL, enter_and_leave, &gate), 0);
    for (bool waits = false; !waits; sleep_ms(1)) {
        mutex_lock(&gate.mutex);
        waits = gate.first != NULL;
        mutex_unlock(&gate.mutex);
    }
    struct thread_state *mine = thread_state();
    struct waiter *record = mine->waiter;
    struct cancel_node node;
    assert_true(cancel_start(&node, NULL, clock_now() + 1000000));
    mine->waiter = NULL;
    mine->exited = true;
    assert_null(waiter_mine(mine)); /* it might be lost with the thread */
    assert_int_equal(gate_enter(&gate, &node), ARENA_ETIMEDOUT);
    mine->exited = false;
    mine->waiter = record;
    cancel_finish(&node);
    gate_leave(&gate);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(gate_idle(&gate));
    gate_finish(&gate);
}

static void *poll_for_ever(void *gate) {
    thread_state()->exited = true;
    (void)gate_enter(gate, NULL);
    return gate;
}

/* That way, too, the wait is a cancellation point. */
TEST(who_polls_can_be_cancelled) {
    if (!support_cancellable()) skip();
    struct gate gate;
    pthread_t thread;
    void *result;
    assert_true(gate_init(&gate, 1));
    assert_true(gate_try_enter(&gate));
    assert_int_equal(pthread_create(&thread, NULL, poll_for_ever, &gate), 0);
    sleep_ms(5); /* it may look already, or not */
    assert_int_equal(pthread_cancel(thread), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_ptr_equal(result, PTHREAD_CANCELED);
    gate_leave(&gate);
    assert_true(gate_idle(&gate));
    gate_finish(&gate);
}

static void *wait_once(void *argument) {
    struct waiter **mine = argument;
    *mine = waiter_mine(thread_state());
    return NULL;
}

/* Who has waited long is given the permit itself; who has not is woken to look for it, and once only. */
TEST(permits_go_to_who_has_waited_long) {
    struct gate gate;
    struct waiter *waiters[2] = {waiter_mine(thread_state()), NULL};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, wait_once, &waiters[1]), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    for (int late = 0; late < 2; late++) {
        assert_true(gate_init(&gate, 2));
        assert_true(gate_try_enter(&gate) && gate_try_enter(&gate));
        /* As enter_waiting leaves them. */
        for (int i = 0; i < 2; i++) {
            waiter_prepare(waiters[i]);
            waiters[i]->gate_granted = waiters[i]->gate_woken = false;
            waiters[i]->gate_since_ns = clock_now() + (late ? -GATE_HANDOFF_NS : INT64_MAX / 2);
            waiters[i]->gate_queued = true;
        }
        gate.first = waiters[0];
        gate.last = waiters[1];
        waiters[0]->gate_previous = waiters[1]->gate_next = NULL;
        waiters[0]->gate_next = waiters[1];
        waiters[1]->gate_previous = waiters[0];
        (void)atomic_u32_or(&gate.word, GATE_WAITERS, relaxed);
        gate_leave(&gate);
        uint32_t word = atomic_u32_load(&gate.word, relaxed);
        assert_true(waiters[0]->signalled && !waiters[1]->signalled);
        assert_int_equal(waiters[0]->gate_granted, late);
        assert_int_equal(waiters[0]->gate_queued, !late);
        assert_int_equal(waiters[0]->gate_woken, !late);
        assert_int_equal(word, late ? GATE_WAITERS : GATE_WAITERS + GATE_WOKEN + GATE_PERMIT);
        assert_ptr_equal(gate.first, waiters[late]);
        gate_leave(&gate);
        word = atomic_u32_load(&gate.word, relaxed);
        assert_int_equal(waiters[1]->signalled, late);
        assert_int_equal(waiters[1]->gate_granted, late);
        assert_int_equal(word, late ? 0 : GATE_WAITERS + GATE_WOKEN + 2 * GATE_PERMIT);
        assert_true(late ? gate.first == NULL && gate.last == NULL
                         : gate.first == waiters[0] && gate.last == waiters[1]);
        gate_finish(&gate);
        for (int i = 0; i < 2; i++) {
            waiters[i]->gate_queued = waiters[i]->gate_granted = waiters[i]->gate_woken = false;
            waiter_prepare(waiters[i]);
        }
    }
}

/* How long the last one has waited says nothing. */
TEST(permits_go_to_who_has_waited_long_before_newcomers) {
    struct gate gate;
    static struct waiter newcomer;
    struct waiter *head = waiter_mine(thread_state());
    assert_true(gate_init(&gate, 1));
    assert_true(gate_try_enter(&gate));
    waiter_prepare(head);
    head->gate_granted = head->gate_woken = false;
    head->gate_queued = newcomer.gate_queued = true;
    head->gate_since_ns = clock_now() - GATE_HANDOFF_NS;
    newcomer.gate_since_ns = clock_now() + INT64_MAX / 2;
    gate.first = newcomer.gate_previous = head;
    gate.last = head->gate_next = &newcomer;
    head->gate_previous = newcomer.gate_next = NULL;
    (void)atomic_u32_or(&gate.word, GATE_WAITERS, relaxed);
    gate_leave(&gate);
    assert_true(head->gate_granted && head->signalled && !head->gate_queued);
    assert_true(gate.first == &newcomer && gate.last == &newcomer && !newcomer.gate_granted);
    assert_int_equal(atomic_u32_load(&gate.word, relaxed), GATE_WAITERS);
    head->gate_granted = false;
    gate_finish(&gate);
}

/* A permit that was granted to who is cancelled meanwhile goes to the next one, who sleeps. */
TEST(who_is_cancelled_hands_a_grant_on) {
    if (!support_cancellable()) skip();
    struct gate gate;
    assert_true(gate_init(&gate, 1));
    assert_true(gate_try_enter(&gate));
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, enter_and_leave, &gate), 0);
    bool waits = false;
    while (!waits) {
        mutex_lock(&gate.mutex);
        waits = gate.first != NULL && (atomic_u32_load(&gate.word, relaxed) & GATE_WAITERS) != 0;
        mutex_unlock(&gate.mutex);
        sleep_ms(2); /* it sleeps by now; where it does not, it leaves as anyone would */
    }
    struct waiter *next = waiter_mine(thread_state());
    waiter_prepare(next);
    mutex_lock(&gate.mutex);
    assert_int_equal(pthread_cancel(thread), 0);
    gate.first->gate_queued = false;
    gate.first->gate_granted = true;
    gate.first = gate.last = next;
    next->gate_previous = next->gate_next = NULL;
    next->gate_granted = next->gate_woken = false;
    next->gate_queued = true;
    next->gate_since_ns = clock_now() - GATE_HANDOFF_NS;
    mutex_unlock(&gate.mutex);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(next->gate_granted && next->signalled && !next->gate_queued);
    assert_int_equal(atomic_u32_load(&gate.word, relaxed), 0);
    next->gate_granted = false;
    gate_finish(&gate);
}

enum { HAMMERS = 2, BLOWS = 200000, WAITS = 5000 };

int main(void) { return support_run("gate"); }
