/* SPDX-License-Identifier: MIT */
/* The record with which a thread waits: a flag and a condition of its own, and its places in the lists it waits in.
 *
 * Records are per thread, recycled through a list, and never unmapped: to signal one that has stopped waiting, or
 * belongs to another thread by now, is a spurious wake-up and nothing worse.  So a thread that signals one need
 * not keep it alive by a lock.
 *
 * Locking discipline
 *   waiter->mutex     guards signalled.  A leaf: nothing is locked while it is held.
 *   gate->mutex       guards the gate_ fields (sync/gate.h)
 *   node's guard      guards the cancel_ fields (sync/cancel.h)
 *   The order is guard, then gate, then waiter.
 */
#ifndef RUNTIME_WAITER_H
#define RUNTIME_WAITER_H

#include "platform/sync.h"
#include "runtime/thread.h"

struct waiter {
    struct mutex mutex;
    struct condition condition;
    bool signalled;

    struct waiter *gate_next; /* towards later arrivals */
    struct waiter *gate_previous;
    int64_t gate_since_ns; /* when it joined the queue */
    bool gate_queued;
    bool gate_granted; /* it was given a permit */
    bool gate_woken;   /* it is the one that is on its way to look for a permit */

    struct waiter *cancel_next;
    struct waiter **cancel_link; /* what points to it; NULL: in no list */

    struct waiter *idle_next; /* of the recycling list */
};

/* This thread's record; NULL where there is no memory for one. */
struct waiter *waiter_mine(struct thread_state *state);

/* Forgets signals of earlier waits. */
void waiter_prepare(struct waiter *waiter);

/* Waits for a signal or the deadline; may return early.  A cancellation point; holds nothing when it is cancelled. */
void waiter_wait(struct waiter *waiter, int64_t deadline_ns);

void waiter_signal(struct waiter *waiter);

/* At a thread's end: its record goes back to the list. */
void waiter_recycle(struct thread_state *state);

#endif
