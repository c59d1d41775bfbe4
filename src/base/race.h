/* SPDX-License-Identifier: MIT */
/* Telling ThreadSanitizer of a hand-over, when the program was built with it and the library was not: its functions are
 * looked up weakly.  What was written before race_release(object) is seen after race_acquire(object). */
#ifndef BASE_RACE_H
#define BASE_RACE_H

#include <stdbool.h>
#include <stddef.h>

void __tsan_acquire(void *object) __attribute__((weak));
void __tsan_release(void *object) __attribute__((weak));

/* Would a race detector watch the program and not the library?  It then sees hand-overs of data only where the two
 * functions below tell it of them. */
static inline bool race_watched(void) {
#if defined(__SANITIZE_THREAD__)
    return false;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
    return false;
#else
    return __tsan_acquire != NULL;
#endif
#else
    return __tsan_acquire != NULL;
#endif
}

static inline void race_acquire(void *object) {
    if (__tsan_acquire != NULL) __tsan_acquire(object);
}

static inline void race_release(void *object) {
    if (__tsan_release != NULL) __tsan_release(object);
}

#endif
