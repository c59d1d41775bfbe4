/* SPDX-License-Identifier: MIT */
/* Clearing memory that is about to be reused: the way is chosen by size. */
#ifndef CORE_CLEAR_H
#define CORE_CLEAR_H

#include <stddef.h>

/* Zeroes [start, start + size_bytes).  start is aligned to 8 bytes at least when size_bytes is a multiple of 8. */
void clear_bytes(void *start, size_t size_bytes);

/* Blocks up to this size are cleared in place by the caller's own loop: a call would cost as much again. */
#define CLEAR_INLINE_BYTES ((size_t)256)
/* Blocks up to this size clear_bytes hands to memset as they are. */
#define CLEAR_NEAR_BYTES ((size_t)16 << 10)

#endif
