/* What each thread keeps of each pool and concurrent arena, found in a few instructions however many there are.
 *
 * An owner (a pool, a concurrent arena) has a small number, its index, reused after its end, and a serial number that is
 * never reused.  A thread has a table of locals by index; the entry is the thread's share of the owner when the
 * serials agree, and a leftover otherwise.
 *
 * Locking discipline
 *   registry mutex  guards the list of threads that have a table, the free indices, and every growth, claiming and
 *                   clearing of table entries.
 *   The thread itself reads and writes its entries' contents without it: nobody else touches them while it lives, but
 *   for locals_leave, whose caller sees to it (no call on the owner runs beside it).
 *   At its end a thread hands its entries back under the mutex; an owner that ends clears them under the mutex: so each
 *   entry is claimed by exactly one of the two.
 *   Order: registry first, then gate, then waiter.
 */
#ifndef API_LOCALS_H
#define API_LOCALS_H

#include "base/compiler.h"
#include "platform/thread.h"

#include <stddef.h>

struct local;

struct local_owner {
    uint64_t serial; /* > 0, unique in the process */
    uint32_t index;
    void (*flush)(struct local_owner *owner, struct local *local); /* a thread ends: take its share back */
};

struct local {
    uint64_t serial; /* of the owner; 0: none */
    struct local_owner *owner;
    void *items;     /* the owner's: what the thread keeps */
    uint32_t count;  /* of items */
};

/* false: no memory. */
bool locals_join(struct local_owner *owner, void (*flush)(struct local_owner *owner, struct local *local));

/* Ends the owner's share in every thread (an owner that never joined has index UINT32_MAX, and none), if may_leave, told how many items the threads keep, agrees; it is called once,
 * with the registry locked, so that no thread ends meanwhile.  NULL agrees.  false: it did not, and nothing has changed. */
bool locals_leave(struct local_owner *owner, bool (*may_leave)(struct local_owner *owner, uint64_t kept));

/* For what an ending thread gives back outside of flush: it may do so beside the owner's end, so both are locked out of
 * each other's way. */
void locals_lock(void);
void locals_unlock(void);

/* Makes this thread's entry.  NULL: no memory, or the thread is past its end. */
struct local *locals_make(struct thread_state *state, struct local_owner *owner) COLD;

HOT_INLINE struct local *locals_find(struct thread_state *state, const struct local_owner *owner) {
    if (UNLIKELY(owner->index >= state->local_count)) return NULL;
    struct local *local = &state->locals[owner->index];
    return LIKELY(local->serial == owner->serial) ? local : NULL;
}

#endif
