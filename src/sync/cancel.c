/* SPDX-License-Identifier: MIT */
/* See cancel.h.
 *
 * cancel_trigger works under the lock of the tree in two rounds.  First it walks the nodes below, gives each its cause
 * and gathers their waiters into one list; a child that is added meanwhile waits for the lock, and then finds its
 * parent ended.  Then it takes the waiters off that list one at a time and signals each with the lock released; a
 * waiter that leaves in between unlinks itself from the same list.
 */
#include "sync/cancel.h"

#include <arena/base.h>

#include "base/race.h"

/* Gives the node its cause, unless it has one. */
static void settle_cause(struct cancel_node *node, int status) {
    uint32_t none = 0;
    /* release: whoever reads the cause (acquire, in cancel_status) sees what came before the cancellation. */
    (void)atomic_u32_cas(&node->cause, &none, (uint32_t)-status, release);
}

int cancel_status(struct cancel_node *node) {
    if (node == NULL) return ARENA_OK;
    uint32_t cause = atomic_u32_load(&node->cause, acquire); /* partner: settle_cause */
    if (cause == 0) {
        if (node->deadline_ns == INT64_MAX || clock_now() < node->deadline_ns) return ARENA_OK;
        settle_cause(node, ARENA_ETIMEDOUT); /* a cancellation that comes now is too late */
        cause = atomic_u32_load(&node->cause, acquire);
    }
    race_acquire(node);
    return -(int)cause;
}

bool cancel_start(struct cancel_node *node, struct cancel_node *parent, int64_t deadline_ns) {
    *node = (struct cancel_node){.parent = parent, .root = node, .deadline_ns = deadline_ns};
    if (parent == NULL) {
        if (!mutex_init(&node->mutex)) return false;
    } else {
        if (parent->deadline_ns < deadline_ns) node->deadline_ns = parent->deadline_ns;
        node->root = parent->root;
        mutex_lock(&node->root->mutex);
        int status = cancel_status(parent);
        if (status != ARENA_OK) settle_cause(node, status);
        node->next = parent->first_child;
        if (node->next != NULL) node->next->previous = node;
        parent->first_child = node;
        mutex_unlock(&node->root->mutex);
    }
    return true;
}

void cancel_finish(struct cancel_node *node) {
    if (node->parent == NULL) {
        mutex_destroy(&node->mutex);
        return;
    }
    mutex_lock(&node->root->mutex);
    if (node->previous != NULL) {
        node->previous->next = node->next;
    } else {
        node->parent->first_child = node->next;
    }
    if (node->next != NULL) node->next->previous = node->previous;
    mutex_unlock(&node->root->mutex);
}

/* --- lists of waiters: doubly linked through what points to each, so that one may leave whatever list it is in -----
 */

static void list_add(struct waiter **list, struct waiter *waiter) {
    waiter->cancel_next = *list;
    if (waiter->cancel_next != NULL) waiter->cancel_next->cancel_link = &waiter->cancel_next;
    waiter->cancel_link = list;
    *list = waiter;
}

static void list_remove(struct waiter *waiter) {
    if (waiter->cancel_link == NULL) return;
    *waiter->cancel_link = waiter->cancel_next;
    if (waiter->cancel_next != NULL) waiter->cancel_next->cancel_link = waiter->cancel_link;
    waiter->cancel_link = NULL;
}

int cancel_register(struct cancel_node *node, struct waiter *waiter) {
    if (node == NULL) return ARENA_OK;
    mutex_lock(&node->root->mutex);
    int status = cancel_status(node);
    if (status == ARENA_OK) list_add(&node->waiters, waiter);
    mutex_unlock(&node->root->mutex);
    return status;
}

void cancel_unregister(struct cancel_node *node, struct waiter *waiter) {
    if (node == NULL) return;
    mutex_lock(&node->root->mutex);
    list_remove(waiter);
    mutex_unlock(&node->root->mutex);
}

/* --- cancelling --------------------------------------------------------------------------------------------------- */

/* The node after `node` in the walk of what lies below `top`, parents first; NULL at its end. */
static struct cancel_node *next_below(struct cancel_node *node, const struct cancel_node *top) {
    if (node->first_child != NULL) return node->first_child;
    while (node != top && node->next == NULL) node = node->parent;
    return node == top ? NULL : node->next;
}

void cancel_trigger(struct cancel_node *node) {
    if (node == NULL) return;
    struct mutex *mutex = &node->root->mutex;
    struct waiter *woken = NULL;
    mutex_lock(mutex);
    int64_t now = clock_now();
    for (struct cancel_node *at = node; at != NULL; at = next_below(at, node)) {
        race_release(at);
        settle_cause(at, at->deadline_ns <= now ? ARENA_ETIMEDOUT : ARENA_ECANCELED);
        while (at->waiters != NULL) {
            struct waiter *waiter = at->waiters;
            list_remove(waiter);
            list_add(&woken, waiter);
        }
    }
    while (woken != NULL) {
        struct waiter *waiter = woken;
        list_remove(waiter);
        mutex_unlock(mutex);
        waiter_signal(waiter);
        mutex_lock(mutex);
    }
    mutex_unlock(mutex);
}
