/* SPDX-License-Identifier: MIT */
/* Trees of things that can be cancelled, each with a deadline; and their waiters.
 *
 * A node ends by cancellation of itself or of one above it, or by its deadline, which is never later than its parent's.
 * The first cause stays.  A NULL node never ends.
 *
 * A tree has one lock, until other threads than the root's maker have made CANCEL_FAN_AFTER children of the root.  Then
 * the root gets a fan of branches, each with a lock and a list of its own, and a thread's further children of the root
 * go to the branch that its identity falls on: the threads of a server with one root and a child per request do not all
 * wait for one mutex.
 *
 * Locking discipline
 *   A node's guard is its parent's, the root's own mutex at first, or, for a child that a root has in its fan, that
 *   branch's.  It guards the node's place among its siblings, its list of children (the lists in a fan: each branch's
 *   mutex) and its waiters.
 *   A fan is made under the root's own mutex, and stays.
 *   word is changed by read-modify-write and read without a lock.  deadline_ns, parent and guard never change.
 *   Order: guard, then gate, then waiter; no thread holds two guards.  No waiter is signalled while one is held.
 *   A node stays valid until cancel_finish has unlinked it under the lock; its parent outlives it, by the caller's
 *   care.  Everything is iterative: a tree may be a million deep.
 */
#ifndef SYNC_CANCEL_H
#define SYNC_CANCEL_H

#include "runtime/waiter.h"

#ifndef CANCEL_FAN_AFTER /* the model checker has a smaller fan, earlier */
#define CANCEL_FAN_AFTER 64u
#define CANCEL_BRANCHES 16u /* a power of two */
#endif

struct cancel_branch {
    struct mutex mutex;
    struct cancel_node *first_child; /* of the root */
    bool swept;                      /* the root was cancelled, and all in this branch has its cause */
    char line[72];                   /* no two branches share a pair of cache lines */
};

struct cancel_node {
    struct mutex *guard; /* of its branch */
    struct cancel_node *parent;
    struct cancel_node *first_child;
    struct cancel_node *next;  /* sibling */
    struct cancel_node **link; /* what points to it */
    struct waiter *waiters;
    int64_t deadline_ns;    /* INT64_MAX: never */
    struct atomic_u32 word; /* the cause, 0 or minus the status; and CANCEL_LINKED */
    bool swept;             /* as a branch's, of what is not in the fan */
    /* the root's alone */
    uint32_t made_elsewhere;          /* children, by other threads than the maker */
    const struct thread_state *maker; /* compared, never followed */
    struct atomic_ptr fan;            /* CANCEL_BRANCHES of them; NULL: there is none */
    struct mutex mutex;
};

/* The node has, or had, children or waiters: cancel_trigger has to look for them. */
#define CANCEL_LINKED ((uint32_t)1 << 31)

/* Starts a node below `parent`; NULL: the root of a tree of its own.  false: no resources.  Born ended where the parent
 * has ended. */
bool cancel_start(struct cancel_node *node, struct cancel_node *parent, int64_t deadline_ns);

/* Unlinks a node that has no children and no waiters left. */
void cancel_finish(struct cancel_node *node);

/* Ends the node and all below it, and signals their waiters.  One that has ended stays as it is, and the
 * call does not look at what is below. */
void cancel_trigger(struct cancel_node *node);

/* ARENA_OK, ARENA_ECANCELED or ARENA_ETIMEDOUT. */
int cancel_status(struct cancel_node *node);

/* Has `waiter` signalled when the node is cancelled (deadlines the waiter sees to itself).  What it returns is
 * cancel_status: when that is not ARENA_OK, nothing was registered. */
int cancel_register(struct cancel_node *node, struct waiter *waiter);
void cancel_unregister(struct cancel_node *node, struct waiter *waiter);

static inline int64_t cancel_deadline(const struct cancel_node *node) {
    return node == NULL ? INT64_MAX : node->deadline_ns;
}

#endif
