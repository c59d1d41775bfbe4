/* SPDX-License-Identifier: MIT */
/* What each thread keeps of each pool and concurrent arena, found in a few instructions however many there are.
 *
 * A keeper (a pool, a concurrent arena) has a small number, its index, reused after its end.  A thread has a table of
 * locals by index.  An entry names its keeper: an object that another copy of the library made (runtime/copy.h) has an
 * index too, but no entry here.
 *
 * Locking discipline
 *   registry mutex  guards the list of threads that have a table, the free indices, and every growth, claiming and
 *                   clearing of table entries.
 *   The thread itself reads and writes its entries' contents without it: nobody else touches them while it lives, but
 *   for locals_leave, whose caller sees to it (no call on the keeper runs beside it), and locals_visit.
 *   At its end a thread hands its entries back under the mutex; a keeper that ends clears them under the mutex: so each
 *   entry is claimed by exactly one of the two.
 *   Order: registry first, then gate, then waiter.
 *
 * Visits.  Now and then somebody else needs a thread's entry: arena_pool_trim frees what all threads have cached.  For
 * that a keeper's threads look at the entry inside of a bracket, and the visitor keeps them out:
 *     thread                                      visitor, with the registry locked
 *     busy = 1                                    offset = LOCAL_NONE
 *     barrier_light                               barrier_heavy
 *     offset, or, where it is NONE, the mutex     wait until busy (acquire) == 0
 *     what is to be done, a few instructions      look at the entry
 *     busy = 0 (release)                          offset = what it was (release)
 * The barriers leave two cases: the thread saw that the keeper is closed, and touches nothing, or the visitor sees it
 * busy and waits.  The thread reads offset with acquire, so it sees what the last visitor did; the visitor sees by busy
 * what the thread did.  Nothing slow, and nothing of the program's, runs inside of a bracket.  All of it costs a thread
 * two plain stores.  (Keepers that nobody visits, concurrent arenas, do without.)
 *
 * The wait is bounded all the same: a thread may be stopped there, or a signal handler may have left the bracket by
 * longjmp.  Such a thread is asked instead, and answers with its next call, when it finds the keeper closed; so the
 * keeper stays closed until all have answered: its threads then take the mutex, one at a time, and go on.  Where the
 * barrier is refused, all are asked.
 */
#ifndef RUNTIME_LOCALS_H
#define RUNTIME_LOCALS_H

#include "base/compiler.h"
#include "base/locking.h"
#include "platform/sync.h"
#include "runtime/thread.h"

#include <stddef.h>

struct local;

struct local_keeper {
    struct atomic_u32 offset; /* of its entry in every table, in bytes; LOCAL_NONE: it has none, or is closed */
    uint32_t home;            /* the same, closed or not */
    uint32_t asked;           /* entries whose thread is to answer; under the mutex */
    void *blank;              /* what is `at_hand` in an entry just made; NULL: the keeper sees to it at once */
    /* A thread ends, or answers: takes back what it has. */
    void (*flush)(struct local_keeper *keeper, struct local *local);
};

#define LOCAL_NONE UINT32_MAX

/* All zero: blank. */
struct local {
    void *at_hand; /* the keeper's: what its fast path finds at once; never NULL in an entry that has a keeper */
    void *items;   /* the keeper's */
    struct local_keeper *keeper; /* NULL: blank */
    uint32_t room;               /* the keeper's: how much more the thread may keep, */
    uint32_t credit;             /* and how much in all */
    uint32_t ticks;              /* the keeper's: how many more times it does without what is due now and then */
    bool asked;                  /* under the mutex: the thread is to answer */
};

/* A keeper without entries. */
void locals_none(struct local_keeper *keeper);
static inline bool locals_joined(const struct local_keeper *keeper) { return keeper->home != LOCAL_NONE; }

/* false: no memory; then as after locals_none. */
bool locals_join(struct local_keeper *keeper, void (*flush)(struct local_keeper *keeper, struct local *local));

/* Ends the keeper's share in every thread, if may_leave agrees; it is called once, with the registry locked, so that no
 * thread ends meanwhile.  NULL agrees.  false: it did not, and nothing has changed. */
bool locals_leave(struct local_keeper *keeper, bool (*may_leave)(struct local_keeper *keeper));

/* For what an ending thread gives back outside of flush: it may do so beside the keeper's end, so both are locked out
 * of each other's way. */
void locals_lock(void);
void locals_unlock(void);

/* Makes this thread's entry.  NULL: no memory, or the thread is at its end or past it. */
struct local *locals_make(struct thread_state *state, struct local_keeper *keeper) COLD;

/* Calls visit for every thread's entry of the keeper, each with its thread kept out.  The registry is locked
 * meanwhile. */
void locals_visit(struct local_keeper *keeper,
                  void (*visit)(struct local_keeper *keeper, struct local *local, void *user), void *user);

/* The entry at an offset that lies in the table. */
HOT_INLINE struct local *locals_at(const struct thread_state *state, uint32_t offset) {
    return (struct local *)(void *)((char *)state->locals + offset);
}

/* The `at_hand` of the keeper's entry in this thread's table; NULL: there is none.  For keepers that are not
 * visited. */
HOT_INLINE void *locals_at_hand(const struct thread_state *state, const struct local_keeper *keeper) {
    uint32_t offset = atomic_u32_load(&keeper->offset, relaxed); /* it never changes */
    if (UNLIKELY(offset >= state->local_bytes)) return NULL;
    const struct local *local = locals_at(state, offset);
    if (UNLIKELY(local->keeper != keeper)) return NULL;
    if (local->at_hand == NULL) __builtin_unreachable();
    return local->at_hand;
}

/* This thread's entry, if the keeper's threads are not kept out; NULL: it has none. */
HOT_INLINE struct local *locals_find(const struct thread_state *state, const struct local_keeper *keeper) {
    uint32_t offset = atomic_u32_load(&keeper->offset, acquire); /* partner: locals_visit, whose changes are seen */
    if (UNLIKELY(offset >= state->local_bytes)) return NULL;
    struct local *local = locals_at(state, offset);
    /* cppcheck-suppress nullPointerRedundantCheck ; it is not a question, see below */
    if (UNLIKELY(local->keeper != keeper)) return NULL;
    if (local == NULL) __builtin_unreachable(); /* or compilers ask twice */
    return local;
}

/* The bracket.  Nothing but locals_find between the two may fail into slow code; that code begins with locals_exit. */
HOT_INLINE void locals_enter(struct thread_state *state) {
    atomic_u8_store(&state->busy, 1, relaxed); /* partner: is_out, through the barriers */
    barrier_light();
}
HOT_INLINE void locals_exit(struct thread_state *state) {
    atomic_u8_store(&state->busy, 0, release); /* partner: is_out, which sees what was done inside */
}

/* The bracket of slow paths: inside of it too where the keeper is closed, then by the mutex. */
struct locals_pass {
    struct local *local; /* this thread's entry; NULL: it has none */
    bool locked;
    bool answered; /* flush was called, because somebody had asked */
};
struct locals_pass locals_open(struct thread_state *state, struct local_keeper *keeper);
void locals_close(struct thread_state *state, const struct locals_pass *pass);

#endif
