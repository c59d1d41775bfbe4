/* SPDX-License-Identifier: MIT */
/* Trees of things that can be cancelled, each with a deadline; and who waits under them.
 *
 * A node ends by cancellation of itself or of one above it, or by its deadline, which is never later than its parent's.
 * The first cause stays.  A NULL node never ends.
 *
 * Locking discipline
 *   The mutex of a tree lies in its root and guards every link in the tree: parent-child lists and waiter lists.
 *   cause is written once, by compare and swap, and read without the lock.
 *   deadline_ns, parent and root never change.
 *   Order: tree, then gate, then waiter.  No waiter is signalled while a tree is locked.
 *   A node stays valid until cancel_finish has unlinked it under the lock; its parent outlives it, by its owner's care.
 *
 * Everything is iterative: a tree may be a million deep.
 */
#ifndef SYNC_CANCEL_H
#define SYNC_CANCEL_H

#include "runtime/waiter.h"

struct cancel_node {
    struct cancel_node *root;
    struct cancel_node *parent;
    struct cancel_node *first_child;
    struct cancel_node *next; /* sibling */
    struct cancel_node *previous;
    struct waiter *waiters;
    int64_t deadline_ns;     /* INT64_MAX: never */
    struct atomic_u32 cause; /* 0 or minus the status */
    struct mutex mutex;      /* of the tree; used in the root alone */
};

/* Starts a node below `parent`; NULL: the root of a tree of its own.  false: no resources.  Born ended where the parent
 * has ended. */
bool cancel_start(struct cancel_node *node, struct cancel_node *parent, int64_t deadline_ns);

/* Unlinks a node that has no children and no waiters left. */
void cancel_finish(struct cancel_node *node);

/* Ends the node and all below it, and signals everyone who waits under them. */
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
