/* SPDX-License-Identifier: MIT */
/* Scopes of a thread: what the library leaves when a panic, or the thread's end, takes away the frames that would have.
 *
 * A scope lives in the object that was borrowed, never in a frame: a frame can be gone by longjmp before the scope is.
 * The chain runs from the innermost outwards.  One thread only.
 *
 * A scope bears the number of the era it was begun in.  A protected action begins an era, so the scopes begun inside it
 * are those with its number or a higher one, whatever was left out of order meanwhile.  (A number for each scope would
 * do too, and make every scope wait for the store of the one before.)
 */
#ifndef RUNTIME_SCOPE_H
#define RUNTIME_SCOPE_H

#include "base/compiler.h"
#include "runtime/thread.h"

#include <stddef.h>
#include <stdint.h>

struct scope {
    struct scope *outer;
    uint64_t number;
    void (*leave)(struct scope *scope); /* ends what was borrowed; calls scope_pop */
    /* Unties it from the thread, for the time until a fiber goes on, on this thread or another. */
    void (*park)(struct scope *scope, struct thread_state *state);
};

/* A scope that is entered again and again mostly has the right values in it already; comparing them costs less than
 * storing them. */
static inline void scope_push(struct thread_state *state, struct scope *scope) {
    if (UNLIKELY(scope->outer != state->scopes)) scope->outer = state->scopes;
    if (UNLIKELY(scope->number != state->era)) scope->number = state->era;
    state->scopes = scope;
}

/* The scope is one of this thread's.  Scopes between the top and `scope` stay: a longjmp left them behind, or they
 * belong to a coroutine that lives. */
static inline void scope_pop(struct thread_state *state, struct scope *scope) {
    struct scope **link = &state->scopes;
    while (*link != scope) link = &(*link)->outer;
    *link = scope->outer;
}

/* Is the scope one of this thread's? */
static inline bool scope_is_in(const struct thread_state *state, const struct scope *scope) {
    const struct scope *at = state->scopes;
    while (at != scope && at != NULL) at = at->outer;
    return at == scope;
}

/* Leaves every scope begun in the era `first` or later, innermost first. */
static inline void scope_unwind(struct thread_state *state, uint64_t first) {
    while (state->scopes != NULL && state->scopes->number >= first) state->scopes->leave(state->scopes);
}

#endif
