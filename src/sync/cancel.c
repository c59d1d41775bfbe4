/* SPDX-License-Identifier: MIT */
/* See cancel.h.
 *
 * cancel_trigger takes the guard only where the node may have children or waiters.  The node's word decides: a thread
 * that links a child or a waiter marks the word, a thread that cancels puts the cause into it, and whichever comes
 * second sees the other.  So what is linked later is born ended, and what was linked before is looked for.  Where there
 * is something to look for, the cause is put in under the guard, and all below gets its cause under the same hold: a
 * thread that finds the cause and then gets the guard has nothing left to do.  Nor has a thread that finds that the
 * cause was a deadline: nothing below has a later one.  A root with a fan is ended branch by branch: each branch says
 * whether that was done, and the thread that comes second does what is left.  So after any cancel_trigger all below has
 * ended.
 *
 * Under a guard it works in two rounds.  First it walks the nodes below, gives each its cause and gathers their waiters
 * into one list; a child that is added meanwhile waits for the lock, and then finds its parent ended.  Then it takes
 * the waiters off that list one at a time and signals each with the lock released; a waiter that leaves in between
 * unlinks itself from the same list.
 */
#include "sync/cancel.h"

#include <arena/base.h>

#include "base/locking.h"
#include "base/race.h"
#include "platform/memory.h"

static uint32_t cause_in(uint32_t word) { return word & ~CANCEL_LINKED; }

/* Gives the node its cause, unless it has one.  Returns the word as it was. */
static uint32_t settle_cause(struct cancel_node *node, int status) {
    uint32_t word = atomic_u32_load(&node->word, relaxed);
    /* release: a thread that reads the cause (acquire, in cancel_status) sees what came before the cancellation. */
    while (cause_in(word) == 0 && !atomic_u32_cas(&node->word, &word, word | (uint32_t)-status, release)) {}
    return word;
}

int cancel_status(struct cancel_node *node) {
    if (node == NULL) return ARENA_OK;
    uint32_t cause = cause_in(atomic_u32_load(&node->word, acquire)); /* partner: settle_cause */
    if (cause == 0) {
        if (node->deadline_ns == INT64_MAX || clock_now() < node->deadline_ns) return ARENA_OK;
        (void)settle_cause(node, ARENA_ETIMEDOUT); /* a cancellation that comes now is too late */
        cause = cause_in(atomic_u32_load(&node->word, acquire));
    }
    race_acquire(node);
    return -(int)cause;
}

/* Marks the node as one with children or waiters.  Called before the caller looks whether the node has ended: a thread
 * that sees the mark also sees a cause that was put in before it. */
static void mark_linked(struct cancel_node *node) {
    if ((atomic_u32_load(&node->word, relaxed) & CANCEL_LINKED) == 0) {
        (void)atomic_u32_or(&node->word, CANCEL_LINKED, relaxed); /* partner: cancel_trigger */
    }
}

/* --- life, and the fan -------------------------------------------------------------------------------------------- */

/* Gives the root a fan, once enough children come from other threads than made it; with its own mutex held.  Without
 * memory it does without. */
static void consider_fan(struct cancel_node *root) {
    if (root->maker == thread_state() || ++root->made_elsewhere != CANCEL_FAN_AFTER) return;
    struct cancel_branch *fan = memory_alloc(CANCEL_BRANCHES * sizeof *fan);
    if (fan == NULL) return;
    for (unsigned made = 0; made < CANCEL_BRANCHES; made++) {
        if (mutex_init(&fan[made].mutex)) continue;
        while (made-- > 0) mutex_destroy(&fan[made].mutex);
        memory_free(fan);
        return;
    }
    race_release(&root->fan);
    atomic_ptr_store(&root->fan, fan, release); /* partner: branch_of */
}

/* Where the calling thread puts a child of the root; NULL: among the root's own. */
static struct cancel_branch *branch_of(struct cancel_node *root) {
    struct cancel_branch *fan = atomic_ptr_load(&root->fan, acquire); /* partner: consider_fan; the mutexes are made */
    if (fan == NULL) return NULL;
    race_acquire(&root->fan);
    uint64_t mixed = (uint64_t)(uintptr_t)thread_state() * UINT64_C(0x9e3779b97f4a7c15);
    return &fan[(mixed >> 32) % CANCEL_BRANCHES];
}

bool cancel_start(struct cancel_node *node, struct cancel_node *parent, int64_t deadline_ns) {
    *node = (struct cancel_node){.parent = parent, .guard = &node->mutex, .deadline_ns = deadline_ns};
    if (parent == NULL) {
        node->maker = thread_state();
        return mutex_init(&node->mutex);
    }
    if (parent->deadline_ns < deadline_ns) node->deadline_ns = parent->deadline_ns;
    struct cancel_branch *branch = parent->parent == NULL ? branch_of(parent) : NULL;
    node->guard = branch == NULL ? parent->guard : &branch->mutex;
    node->link = branch == NULL ? &parent->first_child : &branch->first_child;
    mark_linked(parent);
    mutex_lock(node->guard);
    int status = cancel_status(parent);
    if (status != ARENA_OK) (void)settle_cause(node, status);
    node->next = *node->link;
    if (node->next != NULL) node->next->link = &node->next;
    *node->link = node;
    if (branch == NULL && parent->parent == NULL) consider_fan(parent);
    mutex_unlock(node->guard);
    return true;
}

void cancel_finish(struct cancel_node *node) {
    if (node->parent == NULL) {
        struct cancel_branch *fan = atomic_ptr_load(&node->fan, relaxed); /* the last user */
        for (unsigned i = 0; fan != NULL && i < CANCEL_BRANCHES; i++) mutex_destroy(&fan[i].mutex);
        memory_free(fan);
        mutex_destroy(&node->mutex);
        return;
    }
    mutex_lock(node->guard);
    *node->link = node->next;
    if (node->next != NULL) node->next->link = node->link;
    mutex_unlock(node->guard);
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
    mark_linked(node);
    mutex_lock(node->guard);
    int status = cancel_status(node);
    if (status == ARENA_OK) list_add(&node->waiters, waiter);
    mutex_unlock(node->guard);
    return status;
}

void cancel_unregister(struct cancel_node *node, struct waiter *waiter) {
    if (node == NULL) return;
    mutex_lock(node->guard);
    list_remove(waiter);
    mutex_unlock(node->guard);
}

/* --- cancelling --------------------------------------------------------------------------------------------------- */

/* The node after `node` in the walk of what lies below `top`, parents first; NULL at its end. */
static struct cancel_node *next_below(struct cancel_node *node, const struct cancel_node *top) {
    if (node->first_child != NULL) return node->first_child;
    while (node != top && node->next == NULL) node = node->parent;
    return node == top ? NULL : node->next;
}

/* Gives `top` and each node below it its cause, and gathers their waiters.  Their guard is held. */
static void end_subtree(struct cancel_node *top, int64_t now, struct waiter **woken) {
    for (struct cancel_node *at = top; at != NULL; at = next_below(at, top)) {
        race_release(at);
        (void)settle_cause(at, at->deadline_ns <= now ? ARENA_ETIMEDOUT : ARENA_ECANCELED);
        while (at->waiters != NULL) {
            struct waiter *waiter = at->waiters;
            list_remove(waiter);
            list_add(woken, waiter);
        }
    }
}

/* Signals the waiters.  Called with the guard held, and releases it meanwhile. */
static void signal_all(struct waiter **woken, struct mutex *guard) REQUIRES(guard) {
    while (*woken != NULL) {
        struct waiter *waiter = *woken;
        list_remove(waiter);
        mutex_unlock(guard);
        waiter_signal(waiter);
        mutex_lock(guard);
    }
}

static void sweep(struct cancel_branch *branch, int64_t now) {
    struct waiter *woken = NULL;
    mutex_lock(&branch->mutex);
    if (!branch->swept) {
        for (struct cancel_node *at = branch->first_child; at != NULL; at = at->next) end_subtree(at, now, &woken);
        branch->swept = true;
    }
    signal_all(&woken, &branch->mutex);
    mutex_unlock(&branch->mutex);
}

void cancel_trigger(struct cancel_node *node) {
    if (node == NULL) return;
    int64_t now = clock_now();
    int status = node->deadline_ns <= now ? ARENA_ETIMEDOUT : ARENA_ECANCELED;
    race_release(node);
    uint32_t word = 0;
    if (atomic_u32_cas(&node->word, &word, (uint32_t)-status, release))
        return; /* partner: mark_linked, cancel_status */
    if ((word & CANCEL_LINKED) == 0 || cause_in(word) == (uint32_t)-ARENA_ETIMEDOUT)
        return; /* all below is late, too */
    bool is_root = node->parent == NULL;
    struct waiter *woken = NULL;
    mutex_lock(node->guard);
    /* Under the guard: a thread that finds the cause and then gets the guard finds the work done. */
    bool ended = cause_in(settle_cause(node, status)) != 0;
    if (is_root ? !node->swept : !ended) end_subtree(node, now, &woken);
    node->swept = true;
    signal_all(&woken, node->guard);
    /* A branch made later does not matter: a thread that links something there finds the cause. */
    struct cancel_branch *fan = is_root ? atomic_ptr_load(&node->fan, relaxed) : NULL;
    mutex_unlock(node->guard);
    for (unsigned i = 0; fan != NULL && i < CANCEL_BRANCHES; i++) sweep(&fan[i], now);
}
