/* SPDX-License-Identifier: MIT */
/* Cancellation: whom it wakes, which cause stays, and waiters that leave. */
#include "platform/sync.h"
#include "runtime/waiter.h"
#include "sync/cancel.h"

#include "../support.h"

#include <arena/arena.h>

/* A cancellation signals everyone under the node and below it, and nobody else. */
TEST(cancelling_wakes_everyone_below) {
    enum { NODES = 4, EACH = 3 };
    static struct cancel_node nodes[NODES]; /* 0 above 1 above 2; 3 beside 1 */
    static struct waiter waiters[NODES][EACH];
    for (int top = 0; top < NODES; top++) {
        for (int i = 0; i < NODES; i++) {
            struct cancel_node *parent = i == 0 ? NULL : i == 2 ? &nodes[1] : &nodes[0];
            assert_true(cancel_start(&nodes[i], parent, INT64_MAX));
            for (int k = 0; k < EACH; k++) {
                waiters[i][k] = (struct waiter){.signalled = false};
                assert_true(mutex_init(&waiters[i][k].mutex) && condition_init(&waiters[i][k].condition));
                assert_int_equal(cancel_register(&nodes[i], &waiters[i][k]), ARENA_OK);
            }
        }
        cancel_trigger(&nodes[top]);
        for (int i = 0; i < NODES; i++) {
            bool below = top == 0 || i == top || (top == 1 && i == 2);
            assert_int_equal(cancel_status(&nodes[i]), below ? ARENA_ECANCELED : ARENA_OK);
            for (int k = 0; k < EACH; k++) {
                assert_int_equal(waiters[i][k].signalled, below);
                assert_int_equal(waiters[i][k].cancel_link == NULL, below);
                cancel_unregister(&nodes[i], &waiters[i][k]);
                assert_null(waiters[i][k].cancel_link);
                condition_destroy(&waiters[i][k].condition);
                mutex_destroy(&waiters[i][k].mutex);
            }
            assert_null(nodes[i].waiters);
            static struct waiter late;
            assert_int_equal(cancel_register(&nodes[i], &late), below ? ARENA_ECANCELED : ARENA_OK);
            cancel_unregister(&nodes[i], &late);
        }
        cancel_finish(&nodes[2]);
        cancel_finish(&nodes[3]);
        cancel_finish(&nodes[1]);
        assert_null(nodes[0].first_child);
        cancel_finish(&nodes[0]);
    }
}

/* Whose lock is the tree's, however deep it is. */
TEST(every_node_of_a_tree_has_its_root_s_lock) {
    enum { DEEP = 6 };
    struct cancel_node nodes[DEEP];
    for (int i = 0; i < DEEP; i++) {
        assert_true(cancel_start(&nodes[i], i == 0 ? NULL : &nodes[i - 1], INT64_MAX));
        assert_ptr_equal(nodes[i].guard, &nodes[0].mutex);
    }
    for (int i = DEEP; i-- > 0;) cancel_finish(&nodes[i]);
}

/* --- a fan ----------------------------------------------------------------------------------------------------------- */

enum { MAKERS = 8, CHILDREN = CANCEL_FAN_AFTER + 20 };

struct made {
    struct cancel_node *root;
    struct cancel_node children[CHILDREN];
    struct cancel_node below;
};

static void make_children(struct worker *self) {
    struct made *made = self->user;
    for (int i = 0; i < CHILDREN; i++) {
        if (!cancel_start(&made->children[i], made->root, INT64_MAX)) self->status = 1;
    }
    if (!cancel_start(&made->below, &made->children[CHILDREN - 1], INT64_MAX)) self->status = 1;
}

/* Threads that make many children of a root which another one made do not all take one lock; the maker by itself does, and
 * what is below a child lies under the child's.  All ends with the root. */
TEST(roots_that_many_use_get_a_fan) {
    struct cancel_node root;
    static struct made made[MAKERS];
    static struct cancel_node mine[CHILDREN];
    struct worker workers[MAKERS];
    assert_true(cancel_start(&root, NULL, INT64_MAX));
    for (int i = 0; i < CHILDREN; i++) assert_true(cancel_start(&mine[i], &root, INT64_MAX));
    assert_null(atomic_ptr_load(&root.fan, relaxed));
    for (unsigned i = 0; i < MAKERS; i++) {
        made[i].root = &root;
        worker_start(&workers[i], make_children, &made[i], i);
    }
    workers_join(workers, MAKERS);
    const struct mutex *seen[MAKERS];
    size_t different = 0;
    for (unsigned i = 0; i < MAKERS; i++) {
        assert_int_equal(workers[i].status, 0);
        const struct mutex *guard = made[i].children[CHILDREN - 1].guard;
        assert_ptr_not_equal(guard, root.guard);
        assert_ptr_equal(made[i].below.guard, guard);
        size_t k = 0;
        while (k < different && seen[k] != guard) k++;
        if (k == different) seen[different++] = guard;
    }
    assert_true(different > 1);
    cancel_trigger(&root);
    cancel_trigger(&root); /* again: nothing is left to do */
    for (unsigned i = 0; i < MAKERS; i++) {
        assert_int_equal(cancel_status(&made[i].below), ARENA_ECANCELED);
        for (int k = 0; k < CHILDREN; k++) assert_int_equal(cancel_status(&made[i].children[k]), ARENA_ECANCELED);
        cancel_finish(&made[i].below);
        for (int k = 0; k < CHILDREN; k++) cancel_finish(&made[i].children[k]);
    }
    for (int i = 0; i < CHILDREN; i++) {
        assert_int_equal(cancel_status(&mine[i]), ARENA_ECANCELED);
        cancel_finish(&mine[i]);
    }
    assert_null(root.first_child);
    cancel_finish(&root);
}

struct settling {
    struct cancel_node nodes[300];
    struct atomic_u32 round;
    struct atomic_u32 arrived;
};

static void look_at_each(struct worker *self) {
    struct settling *settling = self->user;
    for (uint32_t i = 0; i < 300; i++) {
        (void)atomic_u32_add(&settling->arrived, 1, acq_rel);
        for (int looks = 0; atomic_u32_load(&settling->round, acquire) <= i; looks++) {
            if (looks > 200) sleep_ms(0);
        }
        if (cancel_status(&settling->nodes[i]) != ARENA_ETIMEDOUT) self->status = 1;
    }
}

/* Several threads at once are the first to see that a deadline has passed. */
TEST(deadlines_that_many_see_first) {
    enum { THREADS = 2, NODES = 300 };
    static struct settling settling;
    struct worker workers[THREADS];
    for (int i = 0; i < NODES; i++) assert_true(cancel_start(&settling.nodes[i], NULL, 1));
    for (unsigned i = 0; i < THREADS; i++) worker_start(&workers[i], look_at_each, &settling, i);
    for (uint32_t round = 1; round <= NODES; round++) {
        while (atomic_u32_load(&settling.arrived, acquire) < THREADS * round) sleep_ms(0);
        atomic_u32_store(&settling.round, round, release);
    }
    workers_join(workers, THREADS);
    for (unsigned i = 0; i < THREADS; i++) assert_int_equal(workers[i].status, 0);
    for (int i = 0; i < NODES; i++) cancel_finish(&settling.nodes[i]);
}

/* To cancel what has ended does not look at what is below, however much that is: nobody waits for it to be done. */
TEST(cancelling_what_has_ended_looks_at_nothing) {
    for (int how = 0; how < 3; how++) { /* the root was cancelled, the node itself, its deadline has passed */
        struct cancel_node root;
        struct cancel_node node;
        struct cancel_node child;
        assert_true(cancel_start(&root, NULL, how == 2 ? 1 : INT64_MAX));
        assert_true(cancel_start(&node, &root, INT64_MAX));
        assert_true(cancel_start(&child, &node, INT64_MAX));
        if (how != 2) cancel_trigger(how == 0 ? &root : &node);
        int ended = how == 2 ? ARENA_ETIMEDOUT : ARENA_ECANCELED;
        assert_int_equal(cancel_status(&node), ended);
        assert_int_equal(cancel_status(&child), ended);
        atomic_u32_store(&child.word, 0, relaxed); /* seen, were it looked at */
        child.deadline_ns = INT64_MAX;
        cancel_trigger(&node);
        if (how != 1) cancel_trigger(&root);
        assert_int_equal(cancel_status(&child), ARENA_OK);
        assert_int_equal(cancel_status(&node), ended);
        cancel_finish(&child);
        cancel_finish(&node);
        cancel_finish(&root);
    }
}

TEST(the_first_cause_stays) {
    struct cancel_node node;
    struct cancel_node child;
    int64_t deadline_ns = clock_now() + 50000000;
    assert_true(cancel_start(&node, NULL, deadline_ns));
    assert_true(cancel_start(&child, &node, INT64_MAX));
    assert_true(cancel_deadline(&child) == deadline_ns);
    cancel_trigger(&node);
    int first = cancel_status(&node);
    if (clock_now() < deadline_ns) assert_int_equal(first, ARENA_ECANCELED);
    while (clock_now() <= deadline_ns) sleep_ms(1);
    assert_int_equal(cancel_status(&node), first);
    cancel_trigger(&node);
    assert_int_equal(cancel_status(&node), first);
    assert_int_equal(cancel_status(&child), first);
    cancel_finish(&child);
    assert_true(cancel_start(&child, &node, INT64_MAX)); /* what is born late has its parent's cause */
    assert_int_equal(cancel_status(&child), first);
    cancel_finish(&child);
    cancel_finish(&node);
    assert_true(cancel_start(&node, NULL, deadline_ns));
    cancel_trigger(&node); /* too late */
    assert_int_equal(cancel_status(&node), ARENA_ETIMEDOUT);
    cancel_finish(&node);
}

/* Several waiters under one context, of which the middle one leaves. */
TEST(waiters_leave_in_any_order) {
    struct cancel_node node;
    static struct waiter waiters[4];
    assert_true(cancel_start(&node, NULL, INT64_MAX));
    static const int orders[][4] = {{0, 1, 2, 3}, {3, 2, 1, 0}, {1, 3, 0, 2}};
    for (size_t i = 0; i < 3; i++) {
        for (int j = 0; j < 4; j++) assert_int_equal(cancel_register(&node, &waiters[j]), ARENA_OK);
        for (int j = 0; j < 4; j++) {
            cancel_unregister(&node, &waiters[orders[i][j]]);
            cancel_unregister(&node, &waiters[orders[i][j]]); /* again: nothing */
        }
        assert_null(node.waiters);
    }
    cancel_trigger(NULL);
    assert_int_equal(cancel_register(NULL, &waiters[0]), ARENA_OK);
    cancel_unregister(NULL, &waiters[0]);
    cancel_finish(&node);
}

int main(void) { return support_run("cancel"); }
