/* SPDX-License-Identifier: MIT */
/* Where memory comes from: blocks from the heap, pages from the system.
 *
 * Contract
 *   heap     memory_take gives bytes whose contents are anything, memory_alloc zeroed ones, aligned to max_align_t, or
 *            NULL.  Both are freed by memory_free; NULL is legal.
 *   pages    pages_reserve gives a page-aligned range of zero bytes that costs memory only as it is touched, also where
 *            the program has locked its memory (mlockall), or NULL.  size > 0.  pages_release takes the same start and
 *            size; false: the system would not take it (too many mappings), and the range is the caller's still.
 *   discard  pages_discard gives whole pages back: they read zero afterwards.  start and size are multiples of the
 *            page size, inside one reservation.  false: not done, the contents are as they were.
 *   touched  pages_touched tells which whole pages are in memory: bit 0 of a byte for each.  Another page
 *            may still have contents: it may be swapped out.  false: not known.
 *   limited  Is address space short by order (RLIMIT_AS)?
 *   advice   pages_huge asks for huge pages, as far as the system has any.
 *   prefault pages_prefault touches all pages of a fresh range.  false: there is not that much memory.
 * Tests make the calls below these fail (linker --wrap).
 */
#ifndef PLATFORM_MEMORY_H
#define PLATFORM_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

void *memory_take(size_t size_bytes);
void *memory_alloc(size_t size_bytes);
void memory_free(void *block);

size_t pages_size(void);
void *pages_reserve(size_t size_bytes);
bool pages_release(void *start, size_t size_bytes);
bool pages_discard(void *start, size_t size_bytes);
bool pages_touched(void *start, size_t size_bytes, unsigned char *touched);
bool pages_limited(void);
void pages_huge(void *start, size_t size_bytes);
bool pages_prefault(void *start, size_t size_bytes);

/* Bytes of a huge page, what pages_huge wants a start aligned to. */
#define PAGES_HUGE_BYTES ((size_t)2 << 20)

#endif
