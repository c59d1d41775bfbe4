/* SPDX-License-Identifier: MIT */
/* Calls of what the program gave: each one guarded against panics, and known to be under way on its thread. */
#ifndef MHD_CALLBACK_H
#define MHD_CALLBACK_H

#include <stdbool.h>

struct arena_mhd;

/* Runs action(user) inside arena_protect.  false: a panic ended it. */
bool callback_run(const struct arena_mhd *mhd, void (*action)(void *user), void *user);

/* Is this thread inside a callback of that binding? */
bool callback_inside(const struct arena_mhd *mhd);

#endif
