/* What the platform layer asks of the system, which the model checker replaces and other tests see the effect of by chance:
 * the barrier on all processors, the clock of conditions, the time of a wait.  The calls come here (linker --wrap). */
#include "platform/memory.h"
#include "platform/sync.h"
#include "platform/thread.h"

#include "../support.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* --- the calls ------------------------------------------------------------------------------------------------------ */

static int barriers;         /* membarriers asked for */
static int barriers_refused; /* how many of the next ones fail */
static long last_command;

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...) {
    va_list arguments;
    va_start(arguments, number);
    long words[5];
    for (int i = 0; i < 5; i++) words[i] = va_arg(arguments, long);
    va_end(arguments);
    if (number == SYS_membarrier) {
        barriers++;
        last_command = (int)words[0];
        if (barriers_refused > 0) {
            barriers_refused--;
            errno = ENOMEM;
            return -1;
        }
    }
    return __real_syscall(number, words[0], words[1], words[2], words[3], words[4]);
}

static int last_clock = -1;
int __real_pthread_condattr_setclock(pthread_condattr_t *attributes, clockid_t clock);
int __wrap_pthread_condattr_setclock(pthread_condattr_t *attributes, clockid_t clock);
int __wrap_pthread_condattr_setclock(pthread_condattr_t *attributes, clockid_t clock) {
    last_clock = (int)clock;
    return __real_pthread_condattr_setclock(attributes, clock);
}

static int waits;
static int timed_waits;
static struct timespec last_until;
int __wrap_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex);
int __wrap_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex) {
    (void)condition;
    (void)mutex;
    waits++;
    return 0; /* a spurious wake-up */
}
int __wrap_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until);
int __wrap_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until) {
    (void)condition;
    (void)mutex;
    timed_waits++;
    last_until = *until;
    return 0;
}

static int sleeps;
static struct timespec last_sleep;
int __wrap_nanosleep(const struct timespec *duration, struct timespec *rest);
int __wrap_nanosleep(const struct timespec *duration, struct timespec *rest) {
    (void)rest;
    sleeps++;
    last_sleep = *duration;
    return 0;
}

static int specifics;
int __real_pthread_setspecific(pthread_key_t key, const void *value);
int __wrap_pthread_setspecific(pthread_key_t key, const void *value);
int __wrap_pthread_setspecific(pthread_key_t key, const void *value) {
    specifics++;
    return __real_pthread_setspecific(key, value);
}

/* --- the tests ------------------------------------------------------------------------------------------------------ */

static void the_heavy_barrier_asks_the_kernel(void **state) {
    (void)state;
    if (!barrier_available()) return;
    assert_true(barrier_available());
    barriers = 0;
    barrier_heavy();
    assert_int_equal(barriers, 1);
    assert_int_equal(last_command, MEMBARRIER_CMD_PRIVATE_EXPEDITED);
    barriers = 0;
    barriers_refused = 2; /* short of memory */
    barrier_heavy();
    assert_int_equal(barriers, 3);
    assert_int_equal(last_command, MEMBARRIER_CMD_PRIVATE_EXPEDITED);
}

static void conditions_go_by_the_clock_of_deadlines(void **state) {
    (void)state;
    struct condition condition;
    struct mutex mutex;
    assert_true(condition_init(&condition) && mutex_init(&mutex));
    assert_int_equal(last_clock, CLOCK_MONOTONIC);
    mutex_lock(&mutex);
    condition_wait_until(&condition, &mutex, INT64_C(1234567890123));
    assert_true(timed_waits == 1 && waits == 0);
    assert_true(last_until.tv_sec == 1234 && last_until.tv_nsec == 567890123);
    condition_wait_until(&condition, &mutex, INT64_MAX);
    assert_true(timed_waits == 1 && waits == 1);
    condition_wait(&condition, &mutex);
    assert_true(timed_waits == 1 && waits == 2);
    mutex_unlock(&mutex);
    condition_destroy(&condition);
    mutex_destroy(&mutex);

    struct timespec before;
    struct timespec after;
    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &before), 0);
    int64_t now = clock_now();
    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &after), 0);
    assert_true((int64_t)before.tv_sec * 1000000000 + before.tv_nsec <= now);
    assert_true(now <= (int64_t)after.tv_sec * 1000000000 + after.tv_nsec);
}

static void sleeps_are_as_long_as_asked(void **state) {
    (void)state;
    sleeps = 0;
    thread_sleep(INT64_C(2000000001));
    assert_true(sleeps == 1 && last_sleep.tv_sec == 2 && last_sleep.tv_nsec == 1);
    thread_pause();
    assert_true(sleeps == 2 && last_sleep.tv_sec == 0 && last_sleep.tv_nsec > 0);
}

static void cancellation_is_as_it_was(void **state) {
    (void)state;
    int was = -1;
    int outer = thread_hold_cancel();
    assert_int_equal(outer, PTHREAD_CANCEL_ENABLE);
    int inner = thread_hold_cancel();
    assert_int_equal(inner, PTHREAD_CANCEL_DISABLE);
    thread_release_cancel(inner);
    assert_int_equal(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &was), 0);
    assert_int_equal(was, PTHREAD_CANCEL_DISABLE);
    thread_pause();
    assert_int_equal(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &was), 0);
    assert_int_equal(was, PTHREAD_CANCEL_DISABLE);
    thread_release_cancel(outer);
    assert_int_equal(pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &was), 0);
    assert_int_equal(was, PTHREAD_CANCEL_ENABLE);
}

static void threads_are_armed_once(void **state) {
    (void)state;
    specifics = 0;
    assert_true(thread_exit_arm(thread_state()));
    assert_true(thread_state()->armed);
    assert_int_equal(specifics, 1);
    assert_true(thread_exit_arm(thread_state()));
    assert_int_equal(specifics, 1);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_heavy_barrier_asks_the_kernel),
        cmocka_unit_test(conditions_go_by_the_clock_of_deadlines),
        cmocka_unit_test(sleeps_are_as_long_as_asked),
        cmocka_unit_test(cancellation_is_as_it_was),
        cmocka_unit_test(threads_are_armed_once),
    };
    return cmocka_run_group_tests_name("calls", tests, NULL, NULL);
}
