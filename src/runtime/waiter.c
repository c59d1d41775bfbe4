/* SPDX-License-Identifier: MIT */
/* See waiter.h.  The recycling list is a plain list under a mutex: a thread comes here once in its life. */
#include "runtime/waiter.h"

#include "base/locking.h"
#include "platform/memory.h"

static struct mutex idle_mutex = MUTEX_INIT; /* guards idle and its idle_next links; a leaf */
static struct waiter *idle;

static struct waiter *make(void) {
    struct waiter *waiter = memory_alloc(sizeof *waiter);
    if (waiter == NULL) return NULL;
    if (!mutex_init(&waiter->mutex)) {
        memory_free(waiter);
        return NULL;
    }
    if (!condition_init(&waiter->condition)) {
        mutex_destroy(&waiter->mutex);
        memory_free(waiter);
        return NULL;
    }
    return waiter;
}

struct waiter *waiter_mine(struct thread_state *state) {
    if (state->waiter != NULL) return state->waiter;
    /* Without the hook at the thread's end the record would be lost with the thread. */
    if (state->exited || !thread_exit_arm(state)) return NULL;
    mutex_lock(&idle_mutex);
    struct waiter *waiter = idle;
    if (waiter != NULL) idle = waiter->idle_next;
    mutex_unlock(&idle_mutex);
    if (waiter == NULL) waiter = make();
    state->waiter = waiter;
    return waiter;
}

void waiter_recycle(struct thread_state *state) {
    struct waiter *waiter = state->waiter;
    if (waiter == NULL) return;
    state->waiter = NULL;
    mutex_lock(&idle_mutex);
    waiter->idle_next = idle;
    idle = waiter;
    mutex_unlock(&idle_mutex);
}

void waiter_prepare(struct waiter *waiter) {
    mutex_lock(&waiter->mutex);
    waiter->signalled = false;
    mutex_unlock(&waiter->mutex);
}

/* The clean-up is called through a pointer, which the analysis of locking does not follow. */
static void unlock(void *mutex) UNCHECKED_LOCKING { mutex_unlock(mutex); }

void waiter_wait(struct waiter *waiter, int64_t deadline_ns) UNCHECKED_LOCKING {
    mutex_lock(&waiter->mutex);
    CLEANUP_PUSH(unlock, &waiter->mutex);
    while (!waiter->signalled && (deadline_ns == INT64_MAX || clock_now() < deadline_ns)) {
        condition_wait_until(&waiter->condition, &waiter->mutex, deadline_ns);
    }
    waiter->signalled = false;
    CLEANUP_POP(1);
}

void waiter_signal(struct waiter *waiter) {
    mutex_lock(&waiter->mutex);
    waiter->signalled = true;
    condition_signal(&waiter->condition);
    mutex_unlock(&waiter->mutex);
}
