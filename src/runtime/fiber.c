/* SPDX-License-Identifier: MIT */
/* Fibers; see the header.
 *
 * Locking: none.  A fiber that does not run is data of the program, which passes it on from thread to thread as any
 * other.
 */
#include "runtime/fiber.h"

#include <arena/base.h>

#include "platform/sync.h"
#include "runtime/protect.h"
#include "runtime/scope.h"
#include "runtime/thread.h"

/* What the words of a fiber hold: two chains while it does not run, else this mark and the thread's state. */
static char mark;
#define RUNS ((void *)&mark)

static void park(const struct thread_state *state, void **words) {
    words[0] = state->scopes;
    words[1] = state->frames;
}

/* A fiber's scopes may be left on another thread. */
static void untie(struct thread_state *state) {
    for (struct scope *scope = state->scopes; scope != NULL; scope = scope->outer) scope->park(scope, state);
}

static void take_up(struct thread_state *state, void **words) {
    state->scopes = words[0];
    state->frames = words[1];
}

/* A thread that leaves its own stack may give itself a name, which it then returns by. */
static bool can_be_left(const struct thread_state *state, const struct arena_fiber *from) {
    if (from == state->fiber) return true;
    return state->fiber == NULL && from->words[0] == NULL && from->words[1] == NULL;
}

static void raise_era(struct thread_state *state) {
    uint64_t era = protect_last_era(state->frames);
    if (state->scopes != NULL && state->scopes->number > era) era = state->scopes->number;
    if (state->era < era) state->era = era;
}

const char *fiber_switch(struct thread_state *state, struct arena_fiber *from, struct arena_fiber *to) {
    if (state->handling || state->unwinding || state->dropping)
        return "a drop function or a panic's handler is running";
    if (from == NULL ? state->fiber != NULL : !can_be_left(state, from)) return "the fiber to be left does not run";
    if (from == to) return NULL;
    if (to != NULL && to->words[0] == RUNS) return "the fiber to go on with runs already";
    if (to != NULL) (void)thread_exit_arm(state); /* where a thread ends in a fiber, its own scopes are left, too */

    if (from != NULL) untie(state);
    park(state, from == NULL ? state->own : from->words);
    void **words = to == NULL ? state->own : to->words;
    take_up(state, words);
    words[0] = to == NULL ? NULL : RUNS;
    words[1] = to == NULL ? NULL : state;
    state->fiber = to;
    raise_era(state);
    return NULL;
}

static void leave_chain(struct thread_state *state, void **words) {
    take_up(state, words);
    words[0] = words[1] = NULL;
    scope_unwind(state, 0);
}

const char *fiber_end(struct thread_state *state, struct arena_fiber *fiber) {
    if (fiber->words[0] == RUNS) return "the fiber runs";
    void *running[2];
    int cancel = thread_hold_cancel();
    park(state, running);
    leave_chain(state, fiber->words);
    take_up(state, running);
    thread_release_cancel(cancel);
    return NULL;
}

void fiber_leave_thread(struct thread_state *state) {
    scope_unwind(state, 0);
    if (state->fiber == NULL) return;
    state->fiber->words[0] = state->fiber->words[1] = NULL;
    state->fiber = NULL;
    leave_chain(state, state->own);
}
