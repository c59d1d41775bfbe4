/* SPDX-License-Identifier: MIT */
/* The call at a thread's end.
 *
 * Contract
 *   exit_arm(state)  Has exit_hook(state) run when this thread ends (by return, pthread_exit or cancellation), after
 * its frames are gone.  false: no resources; nothing is armed.  One pthread_key serves the whole process, whatever the
 * number of threads.  A thread that arms again in a destructor has the hook run once more, unless no round of
 * destructors is left. exit_hook        The one thing that this layer asks of the one above, which defines it
 * (runtime/thread.c).
 */
#ifndef PLATFORM_EXIT_H
#define PLATFORM_EXIT_H

#include <stdbool.h>

bool exit_arm(void *state);
void exit_hook(void *state);

#endif
