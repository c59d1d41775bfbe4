/* SPDX-License-Identifier: MIT */
/* What the code asks of the compiler, under one name each. */
#ifndef BASE_COMPILER_H
#define BASE_COMPILER_H

#include <stddef.h>

#define LIKELY(condition) __builtin_expect(!!(condition), 1)
#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)
/* For the parts of hot functions that must not become calls, and for the rest, which must not be inlined. */
#define HOT_INLINE static inline __attribute__((always_inline))
/* For a function of the hot paths: it begins a cache line, so that it takes as few of them as it can. */
#define OWN_LINE __attribute__((aligned(64)))
#define NOINLINE __attribute__((noinline))
#define COLD __attribute__((cold, noinline))
#define CLEANUP(function) __attribute__((cleanup(function), unused))
/* For what looks at memory of frames that may be gone: a checker takes it for a mistake. */
#if defined(__clang__)
#define UNWATCHED __attribute__((noinline, no_sanitize("address", "memory", "thread")))
#else
#define UNWATCHED __attribute__((noinline, no_sanitize("address", "thread")))
#endif
#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))

/* The structure that holds `member` at `pointer`. */
#define CONTAINER_OF(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/* Hides where a value comes from, so that the compiler does not fuse several narrow copies into a wide one. */
#define OPAQUE(value) __asm__("" : "+r"(value))

#endif
