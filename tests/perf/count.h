/* SPDX-License-Identifier: MIT */
/* Counts what a path executes, exactly, by running it in a child under ptrace: instructions, one step at a time, or
 * system calls.  Timing has no part in it, so the counts are the same in each run and on a busy machine.
 *
 * Unlike callgrind this sees the library as it is in production: under Valgrind it would take other paths.
 */
#ifndef PERF_COUNT_H
#define PERF_COUNT_H

#include <stdbool.h>
#include <stddef.h>

/* One path: prepare() once, then run(times) as often as wanted.  All in the child. */
struct path {
    const char *name;
    void (*prepare)(void);
    void (*run)(size_t times);
};

enum {
    COUNT_REFUSED = -1, /* this system does not let a process trace its child */
    COUNT_BROKEN = -2   /* the child ended by a signal or otherwise than it should */
};

/* Instructions that run(times) executes, and a constant for the marks at both ends; or COUNT_... */
long count_instructions(const struct path *path, size_t times);

/* System calls between steady_begin and steady_end, of all threads that called them while run(times) ran in the child;
 * `*last` is the number of the last one. */
long count_system_calls(const struct path *path, size_t times, long *last);

/* Bracket the steady state of the calling thread, at most COUNT_THREADS of them. */
enum { COUNT_THREADS = 16 };
void steady_begin(void);
void steady_end(void);

/* Allocations from the heap, and mutexes locked, between steady_begin and steady_end in this process, by any thread that
 * called them. */
long count_allocations(void);
long count_locks(void);

#endif
