/* SPDX-License-Identifier: MIT */
/* sync/gate.c, with sync/cancel.c and runtime/waiter.c below it: mutual exclusion, no permit lost or made, and each way a
 * wait can end against each way a permit can come. */
#include "engine.h"
#include "platform/sync.h"
#include "runtime/thread.h"
#include "runtime/waiter.h"
#include "sync/cancel.h"
#include "sync/gate.h"

#include <arena/base.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

void thread_exit_hook(struct thread_state *state) { waiter_recycle(state); } /* the library's is in src/api */

static struct gate gate;
static struct cancel_node node, other;
static uint32_t inside; /* plain: two inside at once are a data race */
static int status[MODEL_THREADS + 1];

static void setup_permits(uint32_t permits) {
    model_check(gate_init(&gate, permits));
    model_check(cancel_start(&node, NULL, INT64_MAX));
    model_check(cancel_start(&other, NULL, INT64_MAX));
}
static void setup(void) { setup_permits(1); }
static void setup_two(void) { setup_permits(2); }
static void setup_two_held(void) {
    setup_two();
    model_check(gate_enter(&gate, NULL) == ARENA_OK && gate_enter(&gate, NULL) == ARENA_OK);
}
static void setup_held(void) {
    setup();
    model_check(gate_enter(&gate, NULL) == ARENA_OK);
}

/* All permits are back, nobody is queued, and no record is in a list. */
static void check_whole(void) {
    model_check(gate_idle(&gate));
    model_check(gate.first == NULL && gate.last == NULL);
    model_check(node.waiters == NULL && other.waiters == NULL);
    gate_finish(&gate);
    cancel_finish(&node);
    cancel_finish(&other);
}

static void use_under(struct cancel_node *under) {
    int got = gate_enter(&gate, under);
    status[model_thread()] = got;
    if (got != ARENA_OK) return;
    inside++;
    gate_leave(&gate);
}

static void use(void) { use_under(NULL); }
static void use_node(void) { use_under(&node); }
static void use_twice(void) {
    use();
    use();
}
static void use_shared(void) {
    int got = gate_enter(&gate, NULL);
    model_check(got == ARENA_OK);
    gate_leave(&gate);
}
static void keep(void) { model_check(gate_enter(&gate, NULL) == ARENA_OK); }
static void leave_twice(void) {
    gate_leave(&gate);
    gate_leave(&gate);
}
static void try_use(void) {
    if (!gate_try_enter(&gate)) return;
    status[model_thread()] = 1;
    inside++;
    gate_leave(&gate);
}
static void cancel(void) { cancel_trigger(&node); }
static void leave(void) { gate_leave(&gate); }
static void cancel_then_leave(void) {
    cancel_trigger(&node);
    gate_leave(&gate);
}
static void cancel_thread_2(void) { model_cancel(2); }
static void nothing(void) {}

static void finish_two(void) {
    model_check(inside == 2 && status[1] == ARENA_OK && status[2] == ARENA_OK);
    check_whole();
}
/* Two came to a gate of two permits that were held, and keep them. */
static void finish_kept(void) {
    model_check(!gate_try_enter(&gate));
    leave_twice();
    check_whole();
}
static void finish_three(void) {
    model_check(inside == 3);
    check_whole();
}
static void finish_try(void) {
    model_check(status[1] == ARENA_OK && inside == 1 + (uint32_t)status[2]);
    model_outcome("%u", inside);
    check_whole();
}
static const char *const outcomes_try[] = {"1", "2", NULL};

/* T2 waited under the node. */
static void finish_cancelled(void) {
    model_check(status[2] == ARENA_OK || status[2] == ARENA_ECANCELED);
    model_outcome("%d", status[2]);
    check_whole();
}
static const char *const outcomes_cancelled[] = {"0", "-4", NULL};
static const char *const outcomes_only_cancelled[] = {"-4", NULL};
static void finish_cancelled_held(void) {
    model_check(status[2] == ARENA_ECANCELED);
    model_check(!gate_idle(&gate));
    gate_leave(&gate);
    check_whole();
}

/* T1 waits under the node and T2 without one, behind or before it; the holder leaves once. */
static void finish_next(void) {
    model_check(status[2] == ARENA_OK);
    model_outcome("%d", status[1]);
    check_whole();
}

/* The only waiter withdraws as the permit comes back: whoever takes it next sees what was done under it. */
static void count_leave(void) {
    inside++;
    gate_leave(&gate);
}
static void cancel_use(void) {
    cancel_trigger(&node);
    use();
}
static void finish_withdrawn(void) {
    model_check(inside == 2 + (status[2] == ARENA_OK ? 1u : 0u));
    check_whole();
}

/* --- deadlines: of the node, at 5 ms --------------------------------------------------------------------------------- */

static const int64_t times_deadline[] = {1000, 5000000, 0};
static void setup_deadline(void) {
    model_check(gate_init(&gate, 1));
    model_check(cancel_start(&node, NULL, 5000000));
    model_check(cancel_start(&other, NULL, INT64_MAX));
    model_check(gate_enter(&gate, NULL) == ARENA_OK);
}
/* The node is a child that ends before its root. */
static void setup_deadline_below(void) {
    model_check(gate_init(&gate, 1));
    model_check(cancel_start(&other, NULL, INT64_MAX));
    model_check(cancel_start(&node, &other, 5000000));
    model_check(gate_enter(&gate, NULL) == ARENA_OK);
}
static void finish_deadline_held(void) {
    model_check(status[2] == ARENA_ETIMEDOUT);
    gate_leave(&gate);
    check_whole();
}
static void finish_deadline(void) {
    model_check(status[2] == ARENA_OK || status[2] == ARENA_ETIMEDOUT);
    model_outcome("%d", status[2]);
    check_whole();
}
static const char *const outcomes_deadline[] = {"0", "-5", NULL};
/* The permit comes when the deadline has passed, though nobody has looked yet: too late. */
static void leave_late(void) {
    if (clock_now() < node.deadline_ns) model_skip();
    gate_leave(&gate);
}
static const char *const outcomes_only_late[] = {"-5", NULL};
/* The clock does not come to the deadline: the waiter must not need it to. */
static void finish_deadline_far(void) {
    model_check(status[2] == ARENA_OK);
    check_whole();
}
static void finish_deadline_cancel(void) {
    model_check(status[2] == ARENA_ECANCELED || status[2] == ARENA_ETIMEDOUT);
    model_check(cancel_status(&node) == status[2]);
    model_outcome("%d", status[2]);
    gate_leave(&gate);
    check_whole();
}
static const char *const outcomes_deadline_cancel[] = {"-4", "-5", NULL};

/* --- hand-over after 1 ms -------------------------------------------------------------------------------------------- */

enum { DUE_NS = 1000000 }; /* as documented; not what gate.h has */
static const int64_t times_handoff[] = {1000, 1000 + DUE_NS, 0};

/* A permit granted to a waiter that is cancelled goes on to the next. */
static void finish_granted(void) {
    model_check(status[2] == ARENA_OK || status[2] == ARENA_ECANCELED);
    model_check(inside == (status[2] == ARENA_OK ? 1u : 0u));
    check_whole();
}

/* Whoever leaves and comes back at once passes the waiter it has woken, and may do so again; but once the waiter has been
 * queued for 1 ms, however often it was woken in vain, the permit is its. */
static void leave_and_return(void) {
    if ((atomic_u32_load(&gate.word, relaxed) & GATE_WAITERS) == 0) model_skip();
    int64_t seen_ns = clock_now();
    for (int passed = 0; passed < 2; passed++) {
        bool sleeps = (atomic_u32_load(&gate.word, relaxed) & (GATE_WAITERS | GATE_WOKEN)) == GATE_WAITERS;
        bool due = clock_now() - seen_ns >= DUE_NS && sleeps;
        gate_leave(&gate);
        bool passes = gate_try_enter(&gate);
        model_outcome("passed %d, %s, %s", passed, due ? "due" : "not due", passes ? "passes" : "kept out");
        model_check(!due || !passes);
        if (!passes) return;
    }
    gate_leave(&gate);
}
/* The same for who waits under a context, below another one. */
static void setup_held_below(void) {
    model_check(gate_init(&gate, 1));
    model_check(cancel_start(&other, NULL, INT64_MAX));
    model_check(cancel_start(&node, &other, INT64_MAX));
    model_check(gate_enter(&gate, NULL) == ARENA_OK);
}
static void keep_node(void) { model_check(gate_enter(&gate, &node) == ARENA_OK); }
static const char *const outcomes_leave_and_return[] = {
    "passed 0, not due, passes",
    "passed 0, not due, kept out",
    "passed 0, due, kept out",
    "passed 1, not due, passes",
    "passed 1, not due, kept out",
    "passed 1, due, kept out",
    NULL,
};
static void finish_taken(void) {
    model_check(!gate_idle(&gate) && !gate_try_enter(&gate));
    gate_leave(&gate);
    check_whole();
}

/* Two are queued: the one that came first goes first. */
static const struct waiter *first;
static bool first_is_due;
static const struct waiter *entered[2];
static unsigned entries;
static void leave_to_first(void) {
    mutex_lock(&gate.mutex);
    first = gate.first;
    bool both = first != NULL && first != gate.last && (atomic_u32_load(&gate.word, relaxed) & GATE_WAITERS) != 0;
    mutex_unlock(&gate.mutex);
    if (!both) model_skip();
    int64_t seen_ns = clock_now();
    first_is_due = clock_now() - seen_ns >= DUE_NS;
    gate_leave(&gate);
}
static void use_noting(void) {
    model_check(gate_enter(&gate, NULL) == ARENA_OK);
    entered[entries++] = thread_state()->waiter;
    gate_leave(&gate);
}
static void finish_first(void) {
    model_check(entries == 2);
    if (first_is_due) model_check(entered[0] == first);
    model_outcome("%s", first_is_due ? "due" : "not yet");
    check_whole();
}
static const char *const outcomes_first[] = {"due", "not yet", NULL};

/* --- the holder's mark ------------------------------------------------------------------------------------------------ */

static void use_marked(void) {
    model_check(!gate_held_by_me(&gate));
    model_check(gate_enter(&gate, NULL) == ARENA_OK);
    gate_set_holder(&gate);
    model_check(gate_held_by_me(&gate));
    inside++;
    gate_clear_holder(&gate);
    gate_leave(&gate);
    model_check(!gate_held_by_me(&gate));
}
static void look_marked(void) {
    model_check(!gate_held_by_me(&gate));
    model_check(!gate_held_by_me(&gate));
}
static void finish_marked(void) {
    model_check(inside == 2);
    check_whole();
}
static void finish_whole(void) { check_whole(); }

/* Who finds the gate idle sees what was done under it. */
static void leave_counted(void) {
    inside = 1;
    gate_leave(&gate);
}
static void look_idle(void) {
    if (gate_idle(&gate)) model_outcome("%u", inside);
}
static const char *const outcomes_one[] = {"1", NULL};

/* --- no memory for a record: the waiter polls ------------------------------------------------------------------------ */

static void use_without_memory(void) {
    model_fail_allocation(1);
    use();
}
static void use_node_without_memory(void) {
    model_fail_allocation(1);
    use_node();
}

/* Cancelled threads never come back from gate_enter. */
static void finish_thread_cancelled(void) {
    model_check(status[2] == 99 || status[2] == ARENA_OK);
    model_check(inside == (status[2] == ARENA_OK ? 1u : 0u));
    model_outcome("%d", status[2]);
    check_whole();
}
static const char *const outcomes_thread_cancelled[] = {"99", "0", NULL};
static void finish_thread_cancelled_held(void) {
    model_check(status[2] == 99);
    gate_leave(&gate);
    check_whole();
}
static void setup_cancelled_waiter(void) {
    setup_held();
    status[2] = 99;
}

/* A scenario is a line or two. */
/* clang-format off */
static const struct model_scenario scenarios[] = {
    {"gate.exclusion", setup, {use, use}, finish_two, .spurious = 1},
    {"gate.exclusion.spinning", setup, {use, use}, finish_two, .processors = 2},
    {"gate.exclusion.again", setup, {use_twice, use}, finish_three},
    {"gate.exclusion.three", setup, {use, use, use}, finish_three, .slow = true},
    {"gate.two-permits", setup_two, {use_shared, use_shared, use_shared}, finish_whole},
    {"gate.two-permits.kept", setup_two_held, {leave_twice, keep, keep}, finish_kept},
    {"gate.try", setup, {use, try_use}, finish_try, .outcomes = outcomes_try},
    {"gate.idle", setup_held, {leave_counted, look_idle}, finish_whole, .outcomes = outcomes_one},
    {"gate.mark", setup, {use_marked, use_marked}, finish_marked},
    {"gate.mark.stranger", setup, {use_marked, look_marked}, finish_whole},
    {"gate.cancel.held", setup_held, {cancel, use_node}, finish_cancelled_held, .spurious = 1},
    {"gate.cancel.grant", setup_held, {cancel_then_leave, use_node}, finish_cancelled,
     .outcomes = outcomes_only_cancelled},
    {"gate.cancel.grant.spinning", setup_held, {cancel_then_leave, use_node}, finish_cancelled,
     .outcomes = outcomes_only_cancelled, .processors = 2},
    {"gate.cancel.grant.three", setup_held, {leave, use_node, cancel}, finish_cancelled,
     .outcomes = outcomes_cancelled},
    {"gate.cancel.next", setup_held, {use_node, use, cancel_then_leave}, finish_next, .slow = true},
    {"gate.cancel.withdrawn", setup_held, {count_leave, use_node, cancel_use}, finish_withdrawn},
    {"gate.deadline.held", setup_deadline, {nothing, use_node}, finish_deadline_held, .times = times_deadline,
     .spurious = 1},
    {"gate.deadline.below", setup_deadline_below, {nothing, use_node}, finish_deadline_held, .times = times_deadline},
    {"gate.deadline.grant", setup_deadline, {leave, use_node}, finish_deadline, .times = times_deadline,
     .outcomes = outcomes_deadline},
    {"gate.deadline.grant.late", setup_deadline, {leave_late, use_node}, finish_deadline, .times = times_deadline,
     .outcomes = outcomes_only_late},
    {"gate.deadline.grant.late.spinning", setup_deadline, {leave_late, use_node}, finish_deadline,
     .times = times_deadline, .outcomes = outcomes_only_late, .processors = 2},
    {"gate.deadline.far", setup_deadline, {leave, use_node}, finish_deadline_far, .patient = true},
    {"gate.deadline.cancel", setup_deadline, {cancel, use_node}, finish_deadline_cancel, .times = times_deadline,
     .outcomes = outcomes_deadline_cancel},
    {"gate.hand-over", setup_held, {leave, use}, finish_whole, .times = times_handoff, .spurious = 1},
    {"gate.hand-over.newcomer", setup, {use_twice, use}, finish_three, .times = times_handoff},
    {"gate.hand-over.late", setup_held, {leave_and_return, keep}, finish_taken, .times = times_handoff,
     .outcomes = outcomes_leave_and_return, .spurious = 1},
    {"gate.hand-over.late.context", setup_held_below, {leave_and_return, keep_node}, finish_taken,
     .times = times_handoff, .outcomes = outcomes_leave_and_return, .spurious = 1},
    {"gate.hand-over.order", setup_held, {leave_to_first, use_noting, use_noting}, finish_first,
     .times = times_handoff, .outcomes = outcomes_first},
    {"gate.hand-over.cancel", setup_held, {leave, use_node, cancel}, finish_granted, .times = times_handoff,
     .slow = true},
    {"gate.thread-cancel", setup_cancelled_waiter, {leave, use_node, cancel_thread_2}, finish_thread_cancelled,
     .times = times_handoff, .outcomes = outcomes_thread_cancelled},
    {"gate.thread-cancel.held", setup_cancelled_waiter, {cancel_thread_2, use_node}, finish_thread_cancelled_held},
    {"gate.no-memory", setup, {use, use_without_memory}, finish_two},
    {"gate.no-memory.thread-cancel", setup_cancelled_waiter, {leave, use_node_without_memory, cancel_thread_2},
     finish_thread_cancelled, .outcomes = outcomes_thread_cancelled},
    {"gate.no-memory.cancel", setup_held, {cancel, use_node_without_memory}, finish_cancelled_held},
    {"gate.no-memory.cancel.grant", setup_held, {cancel_then_leave, use_node_without_memory}, finish_cancelled,
     .outcomes = outcomes_only_cancelled},
};
/* clang-format on */

int main(int argc, char **argv) { return model_main(argc, argv, scenarios, COUNT(scenarios)); }
