/* SPDX-License-Identifier: MIT */
/* The mhd/lock.h of the model checker: same names and contract as src/mhd/lock.h, on the checker's mutex. */
#ifndef MHD_LOCK_H
#define MHD_LOCK_H

#include "platform/sync.h"

struct lock {
    struct mutex handle;
};

static inline bool lock_init(struct lock *lock) { return mutex_init(&lock->handle); }
static inline void lock_destroy(struct lock *lock) { mutex_destroy(&lock->handle); }
static inline void lock_enter(struct lock *lock) { mutex_lock(&lock->handle); }
static inline void lock_leave(struct lock *lock) { mutex_unlock(&lock->handle); }

#endif
