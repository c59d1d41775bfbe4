/* SPDX-License-Identifier: MIT */
/* platform/sync.h on pthreads and POSIX clocks. */
#include "platform/sync.h"

#include "platform/posix/timespec.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { NS_PER_S = 1000000000, PAUSE_NS = 20000 };

/* POSIX lets these fail for misuse alone, which would be a defect of the library. */
static void must(int error) {
    if (error != 0) abort();
}

struct timespec sync_timespec(int64_t time_ns) {
    struct timespec result = {0, 0};
    if (time_ns <= 0) return result;
    int64_t seconds = time_ns / NS_PER_S;
    if (sizeof(time_t) < sizeof(int64_t) && seconds > INT32_MAX) seconds = INT32_MAX;
    result.tv_sec = (time_t)seconds;
    result.tv_nsec = (long)(time_ns % NS_PER_S);
    return result;
}

bool mutex_init(struct mutex *mutex) { return pthread_mutex_init(&mutex->handle, NULL) == 0; }
void mutex_destroy(struct mutex *mutex) { must(pthread_mutex_destroy(&mutex->handle)); }
/* To the analysis of locking these two are what takes and gives. */
void mutex_lock(struct mutex *mutex) UNCHECKED_LOCKING { must(pthread_mutex_lock(&mutex->handle)); }
void mutex_unlock(struct mutex *mutex) UNCHECKED_LOCKING { must(pthread_mutex_unlock(&mutex->handle)); }

bool condition_init(struct condition *condition) {
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0) return false;
    bool made = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
                pthread_cond_init(&condition->handle, &attributes) == 0;
    (void)pthread_condattr_destroy(&attributes);
    return made;
}

void condition_destroy(struct condition *condition) { must(pthread_cond_destroy(&condition->handle)); }
void condition_signal(struct condition *condition) { must(pthread_cond_signal(&condition->handle)); }

void condition_wait(struct condition *condition, struct mutex *mutex) {
    must(pthread_cond_wait(&condition->handle, &mutex->handle));
}

void condition_wait_until(struct condition *condition, struct mutex *mutex, int64_t deadline_ns) {
    if (deadline_ns == INT64_MAX) {
        condition_wait(condition, mutex);
        return;
    }
    struct timespec until = sync_timespec(deadline_ns);
    (void)pthread_cond_timedwait(&condition->handle, &mutex->handle, &until); /* the caller looks at the clock */
}

int64_t clock_now(void) {
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) abort();
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

void thread_sleep(int64_t duration_ns) {
    struct timespec duration = sync_timespec(duration_ns);
    (void)nanosleep(&duration, NULL);
}

int thread_hold_cancel(void) {
    int before;
    must(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before));
    return before;
}

void thread_release_cancel(int before) { must(pthread_setcancelstate(before, NULL)); }

void thread_pause(void) {
    int before = thread_hold_cancel();
    thread_sleep(PAUSE_NS);
    thread_release_cancel(before);
}

unsigned thread_processors(void) {
    static struct atomic_u32 known = ATOMIC_INIT(0); /* relaxed: each thread would find the same number */
    uint32_t count = atomic_u32_load(&known, relaxed);
    if (count == 0) {
        long online = sysconf(_SC_NPROCESSORS_ONLN);
        count = online < 1 ? 1 : (uint32_t)online;
        atomic_u32_store(&known, count, relaxed);
    }
    return count;
}
