/* SPDX-License-Identifier: MIT */
/* sync/cancel.c and the context on it: the first cause stays and is the same for all, a child that is added while its
 * parent is cancelled misses nothing, nobody who waits is forgotten, and the last reference frees once. */
#include "engine.h"
#include "platform/sync.h"
#include "runtime/thread.h"
#include "runtime/waiter.h"
#include "sync/cancel.h"

#include <arena/base.h>
#include <arena/context.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

void thread_exit_hook(struct thread_state *state) { waiter_recycle(state); } /* the library's is in src/api */

static struct cancel_node root, child, late;
static int status[MODEL_THREADS + 1];
static unsigned data; /* plain: written before the cancellation, read after it was seen */
static struct arena_context *parent, *made[MODEL_THREADS + 1];

static void setup(void) {
    model_check(cancel_start(&root, NULL, INT64_MAX));
    model_check(cancel_start(&child, &root, INT64_MAX));
}
static void finish_nodes(void) {
    model_check(root.waiters == NULL && child.waiters == NULL);
    cancel_finish(&child);
    cancel_finish(&root);
}

/* Waits as the gate does, for nothing but the end of the node. */
static void wait_under(struct cancel_node *node) {
    struct waiter *mine = waiter_mine(thread_state());
    model_check(mine != NULL);
    waiter_prepare(mine);
    int got = cancel_register(node, mine);
    if (got == ARENA_OK) {
        while ((got = cancel_status(node)) == ARENA_OK) waiter_wait(mine, cancel_deadline(node));
        cancel_unregister(node, mine);
    }
    status[model_thread()] = got;
}

static void cancel_root(void) {
    data = 1;
    cancel_trigger(&root);
}
static void cancel_child(void) { cancel_trigger(&child); }
static void wait_child(void) {
    wait_under(&child);
    model_check(data == 1);
}
static void wait_child_any(void) { wait_under(&child); }
static void wait_root(void) { wait_under(&root); }
static void look_child(void) {
    if (cancel_status(&child) != ARENA_OK) model_check(data == 1);
}
static void look_twice(void) {
    int first = cancel_status(&child);
    int second = cancel_status(&child);
    model_check(first == ARENA_OK || first == second);
    status[model_thread()] = second;
}
static void nothing(void) {}

/* Who was woken may wait again at once, somewhere else, while its waker has not gone on yet. */
static struct cancel_node other;
static void setup_two_trees(void) {
    setup();
    model_check(cancel_start(&other, NULL, INT64_MAX));
}
static void cancel_both(void) {
    cancel_root();
    cancel_trigger(&other);
}
static void wait_both(void) {
    wait_under(&root);
    wait_under(&other);
}
static void finish_two_trees(void) {
    model_check(status[2] == ARENA_ECANCELED && other.waiters == NULL);
    cancel_finish(&other);
    finish_nodes();
}

static void finish_cancelled(void) {
    for (unsigned t = 1; t <= MODEL_THREADS; t++) model_check(status[t] == ARENA_OK || status[t] == ARENA_ECANCELED);
    model_check(cancel_status(&root) == ARENA_ECANCELED && cancel_status(&child) == ARENA_ECANCELED);
    finish_nodes();
}
static void finish_child_only(void) {
    model_check(cancel_status(&root) == ARENA_OK && cancel_status(&child) == ARENA_ECANCELED);
    model_check(status[2] == ARENA_ECANCELED);
    finish_nodes();
}

/* --- a child that is added meanwhile --------------------------------------------------------------------------------- */

static void add_child(void) {
    model_check(cancel_start(&late, &root, INT64_MAX));
    status[2] = cancel_status(&late);
}
static void add_grandchild(void) {
    model_check(cancel_start(&late, &child, INT64_MAX));
    status[2] = cancel_status(&late);
}
static void add_child_wait(void) {
    model_check(cancel_start(&late, &root, INT64_MAX));
    wait_under(&late);
    model_check(status[2] == ARENA_ECANCELED && data == 1);
}
static void add_remove_child(void) {
    model_check(cancel_start(&late, &root, INT64_MAX));
    cancel_finish(&late);
}
static void remove_child(void) { cancel_finish(&child); }
static void finish_late(void) {
    model_check(cancel_status(&late) == ARENA_ECANCELED);
    cancel_finish(&late);
    finish_nodes();
}
static void finish_removed(void) {
    model_check(root.first_child == NULL && cancel_status(&root) == ARENA_ECANCELED);
    cancel_finish(&root);
}

/* --- a root with a fan, and more than one who cancels ------------------------------------------------------------------ */

static struct cancel_node branched, below;
static void start_fan(void) {
    model_check(cancel_start(&root, NULL, INT64_MAX));
    root.maker = NULL; /* another thread made it */
    model_check(cancel_start(&child, &root, INT64_MAX));
    model_check(atomic_ptr_load(&root.fan, relaxed) != NULL);
}
static void setup_fan(void) {
    start_fan();
    model_check(cancel_start(&branched, &root, INT64_MAX));
    model_check(cancel_start(&below, &branched, INT64_MAX));
    model_check(branched.guard != root.guard && below.guard == branched.guard);
}
static void setup_deep(void) {
    setup();
    model_check(cancel_start(&below, &child, INT64_MAX));
}
/* Whoever comes back from a cancellation finds all that was there ended, also where somebody else is still at it. */
static void cancel_root_and_look(void) {
    cancel_trigger(&root);
    model_check(cancel_status(&child) == ARENA_ECANCELED && cancel_status(&below) == ARENA_ECANCELED);
}
static void cancel_child_and_look(void) {
    cancel_trigger(&child);
    model_check(cancel_status(&below) == ARENA_ECANCELED);
}
static void wait_below(void) { wait_under(&below); }
static void add_to_fan(void) {
    model_check(cancel_start(&late, &root, INT64_MAX));
    status[2] = cancel_status(&late);
}
static void add_two_to_root(void) {
    model_check(cancel_start(&late, &root, INT64_MAX));
    model_check(cancel_start(&branched, &root, INT64_MAX));
}
static void finish_fan(void) {
    model_check(cancel_status(&below) == ARENA_ECANCELED && below.waiters == NULL);
    cancel_finish(&below);
    cancel_finish(&branched);
    finish_nodes();
}
static void finish_fan_late(void) {
    model_check(cancel_status(&late) == ARENA_ECANCELED);
    cancel_finish(&late);
    finish_fan();
}
static void finish_two_added(void) {
    model_check(cancel_status(&late) == ARENA_ECANCELED && cancel_status(&branched) == ARENA_ECANCELED);
    cancel_finish(&branched);
    cancel_finish(&late);
    finish_nodes();
}
/* Nothing is below it, and nobody waits: it is cancelled without its lock. */
static void setup_alone(void) { model_check(cancel_start(&root, NULL, INT64_MAX)); }
static void look_root(void) {
    if (cancel_status(&root) != ARENA_OK) model_check(data == 1);
}
static void finish_alone(void) {
    model_check(cancel_status(&root) == ARENA_ECANCELED);
    cancel_finish(&root);
}
static void add_late(void) { model_check(cancel_start(&late, &root, INT64_MAX)); }
static void add_branched(void) { model_check(cancel_start(&branched, &root, INT64_MAX)); }
static void finish_adders(void) {
    cancel_trigger(&root);
    model_check(cancel_status(&late) == ARENA_ECANCELED && cancel_status(&branched) == ARENA_ECANCELED);
    cancel_finish(&branched);
    cancel_finish(&late);
    cancel_finish(&root);
}
static void finish_deep(void) {
    model_check(cancel_status(&below) == ARENA_ECANCELED);
    cancel_finish(&below);
    finish_nodes();
}

/* --- deadlines ------------------------------------------------------------------------------------------------------- */

static const int64_t times[] = {1000, 2000, 3000, 0};
static void setup_deadline(void) {
    model_check(cancel_start(&root, NULL, 3000));
    model_check(cancel_start(&child, &root, 2000));
}
static void finish_deadline(void) {
    int now = cancel_status(&child);
    model_check(now == ARENA_ECANCELED || now == ARENA_ETIMEDOUT);
    for (unsigned t = 1; t <= MODEL_THREADS; t++) model_check(status[t] == ARENA_OK || status[t] == now);
    model_outcome("%d", now);
    finish_nodes();
}
static const char *const outcomes_deadline[] = {"-4", "-5", NULL};
/* Who learns of a cancellation on the way to giving the deadline as the cause sees what came before it too. */
static void look_deadline(void) {
    if (cancel_status(&child) == ARENA_ECANCELED) model_check(data == 1);
}
static void finish_late_deadline(void) {
    model_check(cancel_status(&child) == ARENA_ETIMEDOUT && status[1] == ARENA_ETIMEDOUT);
    finish_nodes();
}
/* Whoever asks agrees with whoever asked before, and time that has passed comes before a cancellation. */
static void late_cancel(void) {
    bool passed = clock_now() >= 2000;
    cancel_trigger(&root);
    if (passed) model_check(cancel_status(&child) == ARENA_ETIMEDOUT);
}

/* --- contexts: reference counts --------------------------------------------------------------------------------------- */

static void setup_context(void) { model_check(arena_context_with_cancel(NULL, &parent) == ARENA_OK); }
static void setup_shared(void) {
    setup_context();
    for (unsigned t = 1; t <= 2; t++) made[t] = arena_context_retain(parent);
    arena_context_release(parent);
}
static void drop(void) { arena_context_release(made[model_thread()]); }
static void use_and_drop(void) {
    (void)!arena_context_status(made[model_thread()]);
    arena_context_release(made[model_thread()]);
}
static void cancel_and_drop(void) {
    arena_context_cancel(made[model_thread()]);
    arena_context_release(made[model_thread()]);
}
static void retain_and_drop(void) {
    struct arena_context *again = arena_context_retain(made[model_thread()]);
    arena_context_release(made[model_thread()]);
    arena_context_release(again);
}
static void make_child_and_drop(void) {
    struct arena_context *mine = made[model_thread()], *lower;
    model_check(arena_context_with_cancel(mine, &lower) == ARENA_OK);
    arena_context_release(mine);
    (void)!arena_context_status(lower);
    arena_context_release(lower);
}
static void setup_siblings(void) {
    setup_context();
    for (unsigned t = 1; t <= 2; t++) model_check(arena_context_with_cancel(parent, &made[t]) == ARENA_OK);
    arena_context_release(parent);
}
static void finish_all_freed(void) { model_check(model_live_blocks() == 0); }
static void setup_parent_child(void) {
    setup_context();
    made[1] = parent;
    model_check(arena_context_with_cancel(parent, &made[2]) == ARENA_OK);
}
/* The end of a child in one thread while another cancels its parent. */
static void wait_child_cancelled(void) {
    while (arena_context_status(made[2]) == ARENA_OK) thread_spin();
    arena_context_release(made[2]);
}

/* A scenario is a line or two. */
/* clang-format off */
static const struct model_scenario scenarios[] = {
    {"cancel.wait", setup, {cancel_root, wait_child}, finish_cancelled, .spurious = 1},
    {"cancel.look", setup, {cancel_root, look_child}, finish_cancelled},
    {"cancel.look.alone", setup_alone, {cancel_root, look_root}, finish_alone},
    {"cancel.twice", setup, {cancel_root, cancel_child, look_twice}, finish_cancelled},
    {"cancel.upwards", setup, {cancel_child, wait_child_any}, finish_child_only},
    {"cancel.two-waiters", setup, {cancel_root, wait_child_any, wait_root}, finish_cancelled},
    {"cancel.two-waiters.one-node", setup, {cancel_root, wait_root, wait_root}, finish_cancelled},
    {"cancel.two-cancels-one-waiter", setup, {cancel_root, wait_child_any, cancel_child}, finish_cancelled},
    {"cancel.wait.again", setup_two_trees, {cancel_both, wait_both}, finish_two_trees},
    {"cancel.add", setup, {cancel_root, add_child}, finish_late},
    {"cancel.add.below", setup, {cancel_root, add_grandchild}, finish_late},
    {"cancel.add.wait", setup, {cancel_root, add_child_wait}, finish_late},
    {"cancel.add.add", setup, {cancel_root, add_remove_child, remove_child}, finish_removed},
    {"cancel.both", setup_deep, {cancel_root_and_look, cancel_root_and_look}, finish_deep},
    {"cancel.both.child", setup_deep, {cancel_child_and_look, cancel_child_and_look}, finish_deep},
    {"cancel.both.above", setup_deep, {cancel_root_and_look, cancel_child_and_look}, finish_deep},
    {"cancel.fan.both", setup_fan, {cancel_root_and_look, cancel_root_and_look}, finish_fan},
    {"cancel.fan.wait", setup_fan, {cancel_root, wait_below}, finish_fan},
    {"cancel.fan.add", setup_fan, {cancel_root, add_to_fan}, finish_fan_late},
    {"cancel.fan.adders", setup_alone, {add_late, add_branched}, finish_adders},
    {"cancel.fan.open", setup, {cancel_root, add_two_to_root}, finish_two_added},
    {"cancel.deadline", setup_deadline, {cancel_root, look_twice}, finish_deadline, .times = times,
     .outcomes = outcomes_deadline},
    {"cancel.deadline.look", setup_deadline, {cancel_root, look_deadline}, finish_deadline, .times = times,
     .outcomes = outcomes_deadline},
    {"cancel.deadline.late", setup_deadline, {late_cancel, look_twice}, finish_deadline, .times = times,
     .outcomes = outcomes_deadline},
    {"cancel.deadline.wait", setup_deadline, {wait_child_any, nothing}, finish_late_deadline, .times = times,
     .spurious = 1},
    {"cancel.deadline.race", setup_deadline, {cancel_root, wait_child_any, look_twice}, finish_deadline,
     .times = times, .outcomes = outcomes_deadline, .slow = true},
    {"context.last-release", setup_shared, {use_and_drop, use_and_drop}, finish_all_freed},
    {"context.release-cancel", setup_shared, {drop, cancel_and_drop}, finish_all_freed},
    {"context.retain", setup_shared, {retain_and_drop, use_and_drop}, finish_all_freed},
    {"context.child", setup_shared, {make_child_and_drop, cancel_and_drop}, finish_all_freed},
    {"context.siblings", setup_siblings, {use_and_drop, cancel_and_drop}, finish_all_freed},
    {"context.siblings.children", setup_siblings, {make_child_and_drop, make_child_and_drop}, finish_all_freed},
    {"context.parent-child", setup_parent_child, {cancel_and_drop, wait_child_cancelled}, finish_all_freed},
};
/* clang-format on */

int main(int argc, char **argv) { return model_main(argc, argv, scenarios, COUNT(scenarios)); }
