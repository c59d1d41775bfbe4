/* SPDX-License-Identifier: MIT */
/* Failures on demand: the n-th call that can fail for want of resources fails, once or from then on.
 *
 * The program is linked with --wrap for each of these functions (see meson.build), so that every call of the library and
 * of the test goes through inject.c.  What the C library calls inside itself does not.
 */
#ifndef TESTS_FAIL_INJECT_H
#define TESTS_FAIL_INJECT_H

#include <stdbool.h>

enum inject_mode {
    INJECT_NEVER,
    INJECT_ONCE,   /* call number `at` fails */
    INJECT_ONWARDS /* call number `at` and all after it fail */
};

/* Counts calls from here on, and lets them fail: those of threads that have called inject_thread.  The runtime of a
 * sanitizer that is linked statically goes through the same wrappers before and after what a thread runs. */
void inject_thread(void);
void inject_arm(enum inject_mode mode, unsigned at);
/* Calls between pause and resume neither fail nor count. */
void inject_pause(void);
void inject_resume(void);

unsigned inject_calls(void);    /* counted since inject_arm */
unsigned inject_failures(void); /* of these, how many failed */
unsigned inject_mapped(void);   /* mappings made so far */
const char *inject_first(void); /* the function that failed first; NULL: none did */

/* madvise knows none of the advice that came after Linux 5.13. */
void inject_old_kernel(bool old);

/* What is held: blocks of the heap, mappings, mutexes and conditions that were made and not ended. */
struct inject_live {
    long blocks;
    long mappings;
    long mutexes;
    long conditions;
};
struct inject_live inject_live(void);

#endif
