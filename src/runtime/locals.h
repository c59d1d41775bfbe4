/* SPDX-License-Identifier: MIT */
/* What each thread keeps of each pool and concurrent arena, found in a few instructions however many there are.
 *
 * An owner (a pool, a concurrent arena) has a small number, its index, reused after its end.  A thread has a table of
 * locals by index.  An owner that ends clears its entry in every table, so an entry is either its present owner's or
 * blank, and nobody has to ask whose it is.
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
#ifndef RUNTIME_LOCALS_H
#define RUNTIME_LOCALS_H

#include "base/compiler.h"
#include "runtime/thread.h"

#include <stddef.h>

struct local;

struct local_owner {
    uint32_t offset; /* of its entry in every table, in bytes; LOCAL_NONE: it has none */
    void (*flush)(struct local_owner *owner, struct local *local); /* a thread ends: take its share back */
};

#define LOCAL_NONE UINT32_MAX /* an owner that never joined */

/* All zero: blank. */
struct local {
    void *hot;                 /* the owner's: what its fast path looks for; NULL in a blank entry */
    void *items;               /* the owner's */
    struct local_owner *owner; /* NULL: blank */
    uint32_t count;            /* the owner's: how many things the thread keeps */
};

/* false: no memory. */
bool locals_join(struct local_owner *owner, void (*flush)(struct local_owner *owner, struct local *local));

/* Ends the owner's share in every thread, if may_leave, told how many things the threads keep, agrees; it is called
 * once, with the registry locked, so that no thread ends meanwhile.  NULL agrees.  false: it did not, and nothing has
 * changed. */
bool locals_leave(struct local_owner *owner, bool (*may_leave)(struct local_owner *owner, uint64_t kept));

/* For what an ending thread gives back outside of flush: it may do so beside the owner's end, so both are locked out of
 * each other's way. */
void locals_lock(void);
void locals_unlock(void);

/* Makes this thread's entry.  NULL: no memory, or the thread is past its end. */
struct local *locals_make(struct thread_state *state, struct local_owner *owner) COLD;

/* The entry at an offset that lies in the table. */
HOT_INLINE struct local *locals_at(const struct thread_state *state, uint32_t offset) {
    return (struct local *)(void *)((char *)state->locals + offset);
}

/* The `hot` of the owner's entry in this thread's table; NULL: there is none.  In one step: of an entry that may be
 * NULL compilers ask twice whether there is one. */
HOT_INLINE void *locals_hot(const struct thread_state *state, const struct local_owner *owner) {
    uint32_t offset = owner->offset;
    if (UNLIKELY(offset >= state->local_bytes)) return NULL;
    return locals_at(state, offset)->hot;
}

/* This thread's entry; NULL: it has none. */
static inline struct local *locals_find(const struct thread_state *state, const struct local_owner *owner) {
    uint32_t offset = owner->offset;
    if (UNLIKELY(offset >= state->local_bytes)) return NULL;
    struct local *local = locals_at(state, offset);
    return local->owner != NULL ? local : NULL;
}

#endif
