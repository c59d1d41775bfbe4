/* SPDX-License-Identifier: MIT */
/* The gate: a counting semaphore whose waits can be cancelled, and under which nobody starves.  With one permit it is
 * also a lock that knows its holder.
 *
 * The word holds the free permits and two marks:
 *   WAITERS  the queue is not empty.  Set and cleared under the mutex.
 *   WOKEN    one waiter has been woken and is on its way to look for a permit; until it has looked, nobody needs to
 *            wake another.
 * Invariants
 *   free permits + permits held + grants under way = permits of the gate
 *   a waiter that sleeps is in the queue, WAITERS is set, and the word had no permit when the waiter last looked; a
 *   thread that puts a permit back while WAITERS is set and WOKEN is not takes the mutex, and finds the waiter.
 *
 * Hand-over.  A permit that is put back is free for anyone, newcomers first: that keeps the gate fast, because a woken
 * thread takes microseconds to arrive.  But once the head of the queue has waited HANDOFF_NS, the permit is granted to
 * it directly, so hand-over is first come, first served from there on.  (The scheme is that of Go's sync.Mutex.)
 *
 * Locking discipline: gate->mutex guards the queue and the gate_ fields of the waiters in it.  Order: guard (cancel.h),
 * then gate, then waiter.  No waiter is signalled with the mutex held.  A thread holds it for a few
 * instructions, and never while it works under a permit, so a wait can end whatever the holder of the permit does.
 */
#ifndef SYNC_GATE_H
#define SYNC_GATE_H

#include "base/race.h"
#include "sync/cancel.h"

struct gate {
    struct atomic_u32 word;
    struct atomic_u32 holder; /* number of the thread that holds the only permit; 0: not noted */
    uint32_t permits;
    struct mutex mutex;
    struct waiter *first;
    struct waiter *last;
};

#define GATE_WAITERS 1u
#define GATE_WOKEN 2u
#define GATE_PERMIT 4u /* one free permit */
#define GATE_MAX_PERMITS (UINT32_MAX / GATE_PERMIT / 2)
#define GATE_HANDOFF_NS ((int64_t)1000000)

bool gate_init(struct gate *gate, uint32_t permits); /* false: no resources.  1 <= permits <= GATE_MAX_PERMITS */
void gate_finish(struct gate *gate);

/* Is every permit free, and nobody waiting? */
bool gate_idle(const struct gate *gate);

/* Takes a permit if one is free. */
static inline bool gate_try_enter(struct gate *gate) {
    uint32_t word = atomic_u32_load(&gate->word, relaxed);
    while (word >= GATE_PERMIT) {
        /* acquire: sees what the last holder did, put back by gate_leave with release. */
        if (atomic_u32_cas(&gate->word, &word, word - GATE_PERMIT, acquire)) {
            race_acquire(gate);
            return true;
        }
    }
    return false;
}

/* Takes a permit, waiting for one until the node ends.  ARENA_OK, or, with no permit taken, cancel_status(node): also
 * when a permit was free or was granted.  A cancellation point where it waits. */
int gate_enter(struct gate *gate, struct cancel_node *node);

/* Puts a permit back.  Any thread. */
void gate_leave_waking(struct gate *gate);
static inline void gate_leave(struct gate *gate) {
    race_release(gate);
    uint32_t word = atomic_u32_load(&gate->word, relaxed);
    while ((word & (GATE_WAITERS | GATE_WOKEN)) != GATE_WAITERS) {
        if (atomic_u32_cas(&gate->word, &word, word + GATE_PERMIT, release)) return; /* partner: who takes it */
    }
    gate_leave_waking(gate);
}

/* For gates of one permit: which thread is inside. */
void gate_set_holder(struct gate *gate);
static inline void gate_clear_holder(struct gate *gate) { atomic_u32_store(&gate->holder, 0, relaxed); }
/* relaxed: the thread that holds the gate reads the number that it wrote; any other thread reads a number that is not
 * its own, whichever. */
static inline bool gate_held_by_me(const struct gate *gate) {
    uint32_t holder = atomic_u32_load(&gate->holder, relaxed);
    return holder != 0 && holder == thread_state()->number;
}

#endif
