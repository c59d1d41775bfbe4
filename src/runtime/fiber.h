/* SPDX-License-Identifier: MIT */
/* Fibers: what a thread keeps of scopes and protected actions belongs to the stack that runs.
 *
 * A thread's state has the scopes and frames of what runs.  Those of a fiber that does not run are in its struct
 * arena_fiber, those of the thread itself, while it is away from its own stack, in the state's `own`.  The struct of a
 * fiber that runs says on which thread it does.
 *
 * Scopes of a fiber are untied from the thread (scope.h, park) whenever it stops running, since it may go on elsewhere.
 *
 * Eras (runtime/scope.h) are the thread's, and only grow, so the numbers in each chain stay in order whatever fibers do
 * meanwhile.  Where a fiber goes on on another thread, that thread's era is raised to the last one in the fiber.
 */
#ifndef RUNTIME_FIBER_H
#define RUNTIME_FIBER_H

struct arena_fiber;
struct thread_state;

/* What runs from now on is `to`; `from` ran.  NULL: the thread itself.  NULL, or what the program has done wrong, and
 * nothing has changed. */
const char *fiber_switch(struct thread_state *state, struct arena_fiber *from, struct arena_fiber *to);

/* Leaves the scopes of a fiber that will not run again, and forgets its frames.  NULL, or what is wrong. */
const char *fiber_end(struct thread_state *state, struct arena_fiber *fiber);

/* The thread ends: leaves the scopes of what runs, and then the thread's own. */
void fiber_leave_thread(struct thread_state *state);

#endif
