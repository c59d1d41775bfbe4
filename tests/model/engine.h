/* SPDX-License-Identifier: MIT */
/* A stateless model checker for the concurrent sources of libarena.  See README.md for what it explores and what it
 * does not.
 *
 * A scenario is a setup, up to four threads, and a final check.  model_main runs it once for every behaviour that the
 * C11 memory model allows, each time from the same initial memory: static variables of the program are put back, the
 * heap is empty, and each thread has a zero thread_state.  Nothing a scenario keeps in a variable survives an execution
 * but what it hands to model_outcome.
 *
 * A failure ends the search: the schedule that led to it is printed, operation by operation.  A failure is: a check or
 * assertion of the program, abort, a data race, an access outside live memory, a deadlock, a livelock, misuse of a
 * mutex or condition, a leak at the end.
 */
#ifndef MODEL_ENGINE_H
#define MODEL_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MODEL_THREADS = 4 }; /* without the main one, which runs setup and finish */

/* Tables give the first four by their places, the others by their names. */
struct model_scenario {
    const char *name;
    void (*setup)(void);                  /* by the main thread, before the others start; NULL: none */
    void (*threads[MODEL_THREADS])(void); /* as many as are not NULL */
    void (*finish)(void);                 /* by the main thread, after it joined the others; NULL: none */
    const int64_t *times;                 /* what the clock can read, ascending, 0 at the end; NULL: 1000 for ever */
    const char *const *outcomes;          /* exactly what model_outcome may record and must, NULL at the end */
    const char *expect;                   /* part of the failure that must be found; NULL: none may be */
    unsigned spurious;                    /* wake-ups without a signal, per execution */
    unsigned processors;                  /* thread_processors; 0: 1 */
    int bound;                            /* preemptions at most; 0: no bound.  With a bound: not exhaustive */
    bool no_barrier;                      /* barrier_available is false */
    bool patient;                         /* a deadline that no listed time reaches never fires: waiting for it with
                                             nothing else to run is a deadlock */
    bool slow;                            /* runs only with --slow */
};

/* Runs scenarios as the arguments say (--help) and returns the exit status. */
int model_main(int argc, char **argv, const struct model_scenario *scenarios, size_t count);

/* For scenarios.  A check that fails ends the search with the trace. */
void model_check_at(bool condition, const char *text, const char *file, int line);
#define model_check(condition) model_check_at((condition), #condition, __FILE__, __LINE__)
_Noreturn void model_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Any of 0 … count - 1: all are explored. */
unsigned model_choose(unsigned count);

/* Ends this execution without a verdict: what it would show is of no interest. */
_Noreturn void model_skip(void);

/* Records what this execution came to. */
void model_outcome(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* 0: main, else 1 + the index in threads. */
unsigned model_thread(void);

/* Cancels a thread, as pthread_cancel does: it unwinds at the next wait on a condition. */
void model_cancel(unsigned thread);

/* Marks the plain memory [address, address + size_bytes) as read or written by the running thread.  What is compiled
 * with -fsanitize=thread, as the library and the scenarios are, does so by itself. */
void model_plain_read(const void *address, size_t size_bytes);
void model_plain_write(const void *address, size_t size_bytes);

/* The running thread's n-th allocation from now (1: the next one) fails; 0: none. */
void model_fail_allocation(unsigned n);

/* Blocks that are live now, as a number to compare. */
size_t model_live_blocks(void);

#endif
