/* SPDX-License-Identifier: MIT */
/* The record of a thread that waits: one signal ends one wait, and records of ended threads are used again. */
#include "platform/sync.h"
#include "runtime/thread.h"
#include "runtime/waiter.h"

#include "../support.h"

#include <arena/arena.h>

TEST(a_signal_ends_one_wait) {
    struct waiter *waiter = waiter_mine(thread_state());
    assert_non_null(waiter);
    assert_ptr_equal(waiter_mine(thread_state()), waiter);
    waiter_prepare(waiter);
    waiter_wait(waiter, clock_now() - 1); /* a deadline that has passed */
    assert_false(waiter->signalled);
    waiter_signal(waiter);
    assert_true(waiter->signalled);
    waiter_wait(waiter, INT64_MAX); /* or it would wait for ever */
    assert_false(waiter->signalled);
    waiter_signal(waiter);
    waiter_prepare(waiter);
    assert_false(waiter->signalled);
}

static void *wait_once(void *argument) {
    struct waiter **mine = argument;
    *mine = waiter_mine(thread_state());
    return NULL;
}

/* A thread that ends leaves its record to the next one. */
TEST(records_are_recycled) {
    struct waiter *first = NULL;
    struct waiter *second = NULL;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, wait_once, &first), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(pthread_create(&thread, NULL, wait_once, &second), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(first != NULL && first == second);
    struct waiter *mine = waiter_mine(thread_state());
    assert_true(first != mine);
    waiter_recycle(thread_state());
    assert_null(thread_state()->waiter); /* another thread may have it by now */
    assert_ptr_equal(waiter_mine(thread_state()), mine);
    waiter_recycle(thread_state());
    waiter_recycle(thread_state()); /* without one: nothing */
}

/* Each record of a thread that ended serves one that comes, not the one that was given back last alone. */
TEST(records_of_several_threads_are_recycled) {
    enum { COUNT = 5 };
    struct waiter *before[COUNT];
    for (int turn = 0; turn < 2; turn++) {
        struct thread_state threads[COUNT] = {0};
        for (int i = 0; i < COUNT; i++) {
            threads[i].armed = true; /* its end is below */
            struct waiter *mine = waiter_mine(&threads[i]);
            assert_non_null(mine);
            bool known = false;
            for (int j = 0; turn == 1 && j < COUNT; j++) known |= mine == before[j];
            assert_int_equal(known, turn == 1);
        }
        for (int i = 0; i < COUNT; i++) {
            before[i] = threads[i].waiter;
            waiter_recycle(&threads[i]);
        }
    }
}

int main(void) { return support_run("waiter"); }
