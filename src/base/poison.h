/* SPDX-License-Identifier: MIT */
/* Telling a memory checker what may be touched, without a special build.
 *
 * AddressSanitizer's functions are looked up weakly: they are there when the program was built with it.  Valgrind is
 * asked through its client requests, where its header was found at build time.  Without either poison_active() is
 * false, and nothing else here is ever called.
 */
#ifndef BASE_POISON_H
#define BASE_POISON_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Poison at most this much memory ahead of the cursor: an arena may be as large as the address space. */
#define POISON_BOUND_BYTES ((size_t)1 << 24)
/* Bytes kept poisoned before the first slot of an arena. */
#define POISON_REDZONE_BYTES ((size_t)64)

/* Is a checker watching that wants to know what is handed out?  AddressSanitizer, MemorySanitizer, LeakSanitizer,
 * Valgrind. */
bool poison_active(void);
void poison_set(const void *start, size_t size_bytes);   /* any access is an error */
void poison_clear(const void *start, size_t size_bytes); /* may be touched; the contents count as written */
/* It may be touched; to Valgrind, reading first is an error. */
void poison_clear_undefined(const void *start, size_t size_bytes);

/* What the library writes into a variable of its caller's counts as written: MemorySanitizer sees nothing of what it
 * does that was compiled without it. */
void __msan_unpoison(const volatile void *start, size_t size_bytes) __attribute__((weak));
static inline bool poison_hears_of_writes(void) { return UNLIKELY(__msan_unpoison != NULL); }
static inline void poison_written(const void *out, size_t size_bytes) {
    if (poison_hears_of_writes()) __msan_unpoison(out, size_bytes);
}
/* Copies into one.  In this order: the copy brings along what MemorySanitizer thinks of the library's own variable. */
static inline void poison_copy_out(void *out, const void *from, size_t size_bytes) {
    memcpy(out, from, size_bytes);
    poison_written(out, size_bytes);
}

/* Tells a leak checker to look for pointers in [start, end), which the system gave and not the heap; and no longer. */
void poison_root(const void *start, const void *end);
void poison_unroot(const void *start, const void *end);

#endif
