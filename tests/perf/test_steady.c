/* SPDX-License-Identifier: MIT */
/* The steady state of the pool and of the concurrent arena makes no system call and no allocation, and takes no lock.
 *
 * System calls are counted by a tracer, of every thread, while it says that it is in its steady state; allocations and
 * locks by functions of the test's own that take the place of the C library's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "paths.h"

enum { TIMES = 20 };

static void no_system_call(void **state) {
    const struct path *path = *state;
    long last = -1;
    long calls = count_system_calls(path, TIMES, &last);
    if (calls == COUNT_REFUSED) {
        print_message("[  NOTE    ] a process may not trace another here\n");
        skip();
    }
    if (calls > 0) print_message("[  COUNT   ] %ld calls, the last number %ld\n", calls, last);
    assert_int_equal(calls, 0);
}

static void no_allocation(void **state) {
    const struct path *path = *state;
    long before = count_allocations();
    path->prepare();
    path->run(TIMES);
    assert_int_equal(count_allocations() - before, 0);
}

static void no_lock(void **state) {
    const struct path *path = *state;
    long before = count_locks();
    path->prepare();
    path->run(TIMES);
    assert_int_equal(count_locks() - before, 0);
}

/* The counters count: a steady state that does what it must not is seen. */
static void call_and_allocate(size_t times) {
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    steady_begin();
    for (size_t i = 0; i < times; i++) {
        void *volatile memory = malloc(10);
        free(memory);
        (void)getppid();
        (void)pthread_mutex_lock(&mutex);
        (void)pthread_mutex_unlock(&mutex);
    }
    steady_end();
}
static void prepare_nothing(void) {}
static const struct path guilty = {"guilty", prepare_nothing, call_and_allocate};

static void counters_count(void **state) {
    (void)state;
    long last = -1;
    long calls = count_system_calls(&guilty, TIMES, &last);
    if (calls == COUNT_REFUSED) skip();
    assert_int_equal(calls, TIMES);
    long before = count_allocations();
    long locks_before = count_locks();
    guilty.run(TIMES);
    if (before == count_allocations()) skip(); /* a C library whose malloc cannot be wrapped */
    assert_int_equal(count_allocations() - before, TIMES);
    assert_int_equal(count_locks() - locks_before, TIMES);
}

int main(void) {
    enum { MOST = 32 };
    static struct CMUnitTest tests[MOST];
    size_t count = 0;
    tests[count++] = (struct CMUnitTest){"counters_count", counters_count, NULL, NULL, NULL};
    for (const struct path *path = steady_list; path->name != NULL && count + 3 <= MOST; path++) {
        void *state = (void *)(uintptr_t)path;
        tests[count++] = (struct CMUnitTest){path->name, no_system_call, NULL, NULL, state};
        tests[count++] = (struct CMUnitTest){path->name, no_allocation, NULL, NULL, state};
        tests[count++] = (struct CMUnitTest){path->name, no_lock, NULL, NULL, state};
    }
    return _cmocka_run_group_tests("steady state", tests, count, NULL, NULL);
}
