/* SPDX-License-Identifier: MIT */
/* The hot paths, as a program takes them: through the installed headers and the shared library. */
#ifndef PERF_PATHS_H
#define PERF_PATHS_H

#include "count.h"

enum { PATHS_MOST = 400 }; /* the largest sum of times a path may be run: arenas are that large */

extern const struct path path_list[]; /* ends with a NULL name */

/* Steady states, for counting system calls and allocations: several threads, many refills and resets. */
extern const struct path steady_list[];

#endif
