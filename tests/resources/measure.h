/* SPDX-License-Identifier: MIT */
/* What a process takes: resident memory, mappings, descriptors, threads.
 *
 * The tests of this folder measure, and compare what they measure with what was asked for, as a ratio with wide room: a
 * promise about memory is off by the number of threads, of rounds or of pages when it is broken, not by a third.
 */
#ifndef TESTS_RESOURCES_MEASURE_H
#define TESTS_RESOURCES_MEASURE_H

#include "../support.h"

#include <arena/arena.h>

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)

struct measure {
    size_t resident_bytes;
    size_t mapped_bytes; /* of address space */
    size_t mappings;
    size_t descriptors;
    size_t threads;
};

/* To be called first in main: a page that is touched is a page that is counted, and no other is, whatever the machine's
 * huge pages and the build system's wishes.
 * False where the system does not say what a process takes. */
bool measure_start(void);

struct measure measure_now(void);

/* Resident bytes that came since `before`; 0 when there are fewer. */
size_t measure_grown(const struct measure *before);

/* The faults that this process has had for pages that were not there. */
size_t measure_faults(void);

#define assert_at_most(measured, bound)                                                                                \
    do {                                                                                                               \
        size_t measured_ = (measured);                                                                                 \
        size_t bound_ = (bound);                                                                                       \
        if (measured_ > bound_) {                                                                                      \
            print_error("%s: %zu KiB, more than %zu KiB\n", #measured, measured_ / KIB, bound_ / KIB);                 \
            _fail(__FILE__, __LINE__);                                                                                 \
        }                                                                                                              \
    } while (0)

#define assert_at_least(measured, bound)                                                                               \
    do {                                                                                                               \
        size_t measured_ = (measured);                                                                                 \
        size_t bound_ = (bound);                                                                                       \
        if (measured_ < bound_) {                                                                                      \
            print_error("%s: %zu KiB, less than %zu KiB\n", #measured, measured_ / KIB, bound_ / KIB);                 \
            _fail(__FILE__, __LINE__);                                                                                 \
        }                                                                                                              \
    } while (0)

#endif
