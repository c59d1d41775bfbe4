/* SPDX-License-Identifier: MIT */
/* The call at a thread's end.
 *
 * Contract
 *   exit_arm(state, hook)  Has hook(state) run when this thread ends (by return, pthread_exit or cancellation), after
 *   its
 *                          frames are gone.  The hook is the same each time.  false: no resources; nothing is armed.
 *                          One pthread_key serves the whole process, whatever the number of threads.  A thread that
 *                          arms again in a destructor has the hook run once more, unless no round of destructors is
 *                          left.
 */
#ifndef PLATFORM_EXIT_H
#define PLATFORM_EXIT_H

#include <stdbool.h>

bool exit_arm(void *state, void (*hook)(void *state));

#endif
