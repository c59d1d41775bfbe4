/* SPDX-License-Identifier: MIT */
/* Clearing memory that is about to be reused: the way is chosen by size. */
#ifndef CORE_CLEAR_H
#define CORE_CLEAR_H

#include <stddef.h>

/* Zeroes [start, start + size_bytes).  start is aligned to 8 bytes at least when size_bytes is a multiple of 8. */
void clear_bytes(void *start, size_t size_bytes);

/* The same without bringing in pages that hold nothing, for memory of which nobody knows what was touched.  Afterwards
 * all of it reads zero.  The end of what is in memory as a whole from the start on: for that clear_bytes will do the
 * next time. */
char *clear_touched(char *start, size_t size_bytes);

/* From so many bytes on it is cheaper to ask. */
#define CLEAR_ASK_BYTES ((size_t)64 << 10)

/* Blocks up to this size are cleared in place by the caller's own loop: a call would cost as much again. */
#define CLEAR_INLINE_BYTES ((size_t)256)
/* Blocks up to this size clear_bytes hands to memset as they are. */
#define CLEAR_NEAR_BYTES ((size_t)16 << 10)

#endif
