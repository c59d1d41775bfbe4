/* SPDX-License-Identifier: MIT */
/* A mutex for the binding.  libarena's own lock functions are private to libarena, which is another library; this is
 * the one place of libarena-mhd that knows pthreads.
 *
 * lock_enter and lock_leave cannot fail for a lock that lock_init made: POSIX lets them fail for misuse alone. */
#ifndef MHD_LOCK_H
#define MHD_LOCK_H

#include "base/locking.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

struct IS_A_MUTEX lock {
    pthread_mutex_t handle;
};

static inline bool lock_init(struct lock *lock) { return pthread_mutex_init(&lock->handle, NULL) == 0; }

static inline void lock_destroy(struct lock *lock) {
    if (pthread_mutex_destroy(&lock->handle) != 0) abort();
}

static inline void lock_enter(struct lock *lock) ACQUIRES(lock) UNCHECKED_LOCKING {
    if (pthread_mutex_lock(&lock->handle) != 0) abort();
}

static inline void lock_leave(struct lock *lock) RELEASES(lock) UNCHECKED_LOCKING {
    if (pthread_mutex_unlock(&lock->handle) != 0) abort();
}

#endif
