/* SPDX-License-Identifier: MIT */
/* The thread's state itself, and its end.  The model checker of tests/model has its own. */
#include "runtime/thread.h"

#include "platform/exit.h"

_Thread_local struct thread_state thread_state_tls THREAD_TLS_MODEL;

static void end(void *state) { thread_exit_hook(state); }

bool thread_exit_arm(struct thread_state *state) {
    if (!state->armed) state->armed = exit_arm(state, end);
    return state->armed;
}
