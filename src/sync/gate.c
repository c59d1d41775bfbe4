/* SPDX-License-Identifier: MIT */
/* See gate.h for the word, the invariants and the locking discipline. */
#include "sync/gate.h"

#include <arena/base.h>

#include "base/compiler.h"
#include "base/locking.h"

/* How often a newcomer looks again before it sleeps.  It pauses twice as long before each look: a look
 * takes the word's cache line from the holder, and a thread that looked all the time would slow every operation
 * down. */
#define LOOKS 8
/* Between two looks of a thread that has no memory to wait with. */
#define POLL_NS ((int64_t)50000)

bool gate_init(struct gate *gate, uint32_t permits) {
    *gate = (struct gate){.permits = permits};
    atomic_u32_init(&gate->word, permits * GATE_PERMIT);
    return mutex_init(&gate->mutex);
}

/* The holder is known by a number, not by an address: the system reuses a thread's memory, and a gate may outlive the
 * thread that held it. */
void gate_set_holder(struct gate *gate) {
    static struct atomic_u32 numbers = ATOMIC_INIT(0);
    struct thread_state *state = thread_state();
    while (state->number == 0) state->number = atomic_u32_add(&numbers, 1, relaxed) + 1; /* relaxed: only to differ */
    atomic_u32_store(&gate->holder, state->number, relaxed);
}

void gate_finish(struct gate *gate) { mutex_destroy(&gate->mutex); }

bool gate_idle(const struct gate *gate) {
    return atomic_u32_load(&gate->word, acquire) == gate->permits * GATE_PERMIT; /* partner: gate_leave */
}

/* --- the word ----------------------------------------------------------------------------------------------------- */

/* Takes a free permit; else, in the same step, changes the marks: sets `set` and clears `clear`. */
static bool take_or_mark(struct gate *gate, uint32_t set, uint32_t clear) {
    uint32_t word = atomic_u32_load(&gate->word, relaxed);
    for (;;) {
        bool free = word >= GATE_PERMIT;
        uint32_t next = free ? word - GATE_PERMIT : (word | set) & ~clear;
        if (atomic_u32_cas(&gate->word, &word, next, acquire)) return free; /* partner: gate_leave */
    }
}

/* --- the queue, under the mutex ----------------------------------------------------------------------------------- */

static void queue_add(struct gate *gate, struct waiter *waiter) REQUIRES(&gate->mutex) {
    waiter->gate_next = NULL;
    waiter->gate_previous = gate->last;
    if (gate->last != NULL) {
        gate->last->gate_next = waiter;
    } else {
        gate->first = waiter;
    }
    gate->last = waiter;
    waiter->gate_queued = true;
}

static void queue_remove(struct gate *gate, struct waiter *waiter) REQUIRES(&gate->mutex) {
    if (waiter->gate_previous != NULL) {
        waiter->gate_previous->gate_next = waiter->gate_next;
    } else {
        gate->first = waiter->gate_next;
    }
    if (waiter->gate_next != NULL) {
        waiter->gate_next->gate_previous = waiter->gate_previous;
    } else {
        gate->last = waiter->gate_previous;
    }
    waiter->gate_queued = false;
    if (gate->first == NULL) (void)atomic_u32_and(&gate->word, ~GATE_WAITERS, relaxed);
}

/* --- leaving ------------------------------------------------------------------------------------------------------ */

/* Puts a permit back where the queue may not be empty: grants it to a head that has waited long, else frees it and
 * wakes the head, unless a woken waiter is on its way already.  Returns the waiter to signal, or NULL.  The mutex is
 * held. */
static struct waiter *put_back(struct gate *gate) REQUIRES(&gate->mutex) {
    struct waiter *head = gate->first;
    uint32_t word = atomic_u32_load(&gate->word, relaxed);
    if (head == NULL || (word & GATE_WOKEN) != 0) {
        (void)atomic_u32_add(&gate->word, GATE_PERMIT, release); /* partner: the thread that takes it */
        return NULL;
    }
    if (clock_now() - head->gate_since_ns >= GATE_HANDOFF_NS) {
        queue_remove(gate, head);
        head->gate_granted = true; /* what we did is seen through the mutex */
        return head;
    }
    head->gate_woken = true;
    (void)atomic_u32_add(&gate->word, GATE_PERMIT + GATE_WOKEN, release); /* partner: the thread that takes it */
    return head;
}

/* Returns the head of the queue, to be signalled, where a permit is free and no woken waiter is on its way for it; else
 * NULL.  Called by a waiter that was woken and has looked: the mutex is held, WOKEN is clear. */
static struct waiter *wake_next(struct gate *gate) REQUIRES(&gate->mutex) {
    struct waiter *head = gate->first;
    if (head == NULL || atomic_u32_load(&gate->word, relaxed) < GATE_PERMIT) return NULL;
    head->gate_woken = true;
    (void)atomic_u32_or(&gate->word, GATE_WOKEN, relaxed);
    return head;
}

void gate_leave_waking(struct gate *gate) {
    mutex_lock(&gate->mutex);
    struct waiter *waiter = put_back(gate);
    mutex_unlock(&gate->mutex);
    if (waiter != NULL) waiter_signal(waiter);
}

/* --- entering ----------------------------------------------------------------------------------------------------- */

static bool spin_for_permit(struct gate *gate) {
    if (thread_processors() == 1) return false;
    for (int look = 0; look < LOOKS; look++) {
        for (int i = 0; i < 1 << look; i++) thread_spin();
        if (gate_try_enter(gate)) return true;
    }
    return false;
}

/* A thread that has no memory for a record has no place in the queue: it looks again and again. */
static int enter_polling(struct gate *gate, struct cancel_node *node) {
    int status = ARENA_OK;
    while (!gate_try_enter(gate)) {
        status = cancel_status(node);
        if (status != ARENA_OK) return status;
        thread_sleep(POLL_NS);
    }
    return status;
}

struct gate_wait {
    struct gate *gate;
    struct cancel_node *node;
    struct waiter *waiter;
};

/* Gives the wait up, whatever its state.  Passes on a permit that this waiter was granted, and a wake-up that it got,
 * since no other waiter is on its way for the permit that was put back. */
static void withdraw(const struct gate_wait *wait) {
    struct gate *gate = wait->gate;
    struct waiter *waiter = wait->waiter;
    struct waiter *next = NULL;
    mutex_lock(&gate->mutex);
    if (waiter->gate_queued) queue_remove(gate, waiter);
    if (waiter->gate_woken) {
        waiter->gate_woken = false;
        (void)atomic_u32_and(&gate->word, ~GATE_WOKEN, relaxed);
        next = wake_next(gate);
    }
    bool granted = waiter->gate_granted;
    waiter->gate_granted = false;
    mutex_unlock(&gate->mutex);
    if (next != NULL) waiter_signal(next);
    if (granted) gate_leave(gate);
}

/* The thread was cancelled while it waited. */
static void abandon(void *argument) {
    const struct gate_wait *wait = argument;
    withdraw(wait);
    cancel_unregister(wait->node, wait->waiter);
}

/* Tries for a permit from the queue.  Where there is none, the next put_back finds this waiter. */
static bool try_take(const struct gate_wait *wait) {
    struct gate *gate = wait->gate;
    struct waiter *waiter = wait->waiter;
    struct waiter *next = NULL;
    mutex_lock(&gate->mutex);
    bool got = waiter->gate_granted;
    if (!got) {
        got = take_or_mark(gate, GATE_WAITERS, waiter->gate_woken ? GATE_WOKEN : 0);
        if (got) {
            queue_remove(gate, waiter);
            if (waiter->gate_woken) {
                (void)atomic_u32_and(&gate->word, ~GATE_WOKEN, relaxed);
                next = wake_next(gate); /* while we were on the way, other permits were put back for us */
            }
        }
        waiter->gate_woken = false;
    }
    waiter->gate_granted = false;
    mutex_unlock(&gate->mutex);
    if (next != NULL) waiter_signal(next);
    return got;
}

static int enter_waiting(struct gate *gate, struct cancel_node *node, struct waiter *waiter) {
    struct gate_wait wait = {gate, node, waiter};
    waiter_prepare(waiter);
    int status = cancel_register(node, waiter);
    if (status != ARENA_OK) return status;
    int64_t deadline_ns = cancel_deadline(node);

    waiter->gate_granted = false;
    waiter->gate_woken = false;
    waiter->gate_since_ns = clock_now();
    mutex_lock(&gate->mutex);
    queue_add(gate, waiter);
    mutex_unlock(&gate->mutex);

    CLEANUP_PUSH(abandon, &wait);
    while (!try_take(&wait)) {
        status = cancel_status(node);
        if (status != ARENA_OK) {
            withdraw(&wait);
            break;
        }
        waiter_wait(waiter, deadline_ns);
    }
    CLEANUP_POP(0);
    cancel_unregister(node, waiter);
    return status;
}

int gate_enter(struct gate *gate, struct cancel_node *node) {
    int status = cancel_status(node);
    if (status != ARENA_OK) return status;
    bool entered = gate_try_enter(gate);
    if (LIKELY(entered && node == NULL)) return ARENA_OK;
    if (!entered && !spin_for_permit(gate)) {
        struct waiter *waiter = waiter_mine(thread_state());
        status = waiter == NULL ? enter_polling(gate, node) : enter_waiting(gate, node, waiter);
        if (status != ARENA_OK) return status;
        race_acquire(gate);
    }
    status = cancel_status(node); /* the context may have ended by the time of the grant */
    if (UNLIKELY(status != ARENA_OK)) gate_leave(gate);
    return status;
}
