/* SPDX-License-Identifier: MIT */
/* The one place where nanoseconds become a timespec. */
#ifndef PLATFORM_POSIX_TIMESPEC_H
#define PLATFORM_POSIX_TIMESPEC_H

#include <stdint.h>
#include <time.h>

/* A time or duration below 0 becomes 0; one that time_t cannot hold becomes the latest that it can. */
struct timespec sync_timespec(int64_t time_ns);

#endif
