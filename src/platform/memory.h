/* SPDX-License-Identifier: MIT */
/* Where memory comes from: blocks from the heap, pages from the system.
 *
 * Contract
 *   heap     memory_alloc gives zeroed bytes aligned to max_align_t, or NULL.  Freed by memory_free; NULL is legal.
 *   pages    pages_reserve gives a page-aligned range of zero bytes that costs memory only as it is touched, or NULL.
 *            size > 0.  pages_release takes the same start and size.
 *   discard  pages_discard gives whole pages back: they read zero afterwards.  start and size are multiples of the
 *            page size, inside one reservation.  false: not done, the contents are as they were.
 *   advice   pages_huge asks for huge pages, as far as the system has any.
 *   prefault pages_prefault touches all pages of a fresh range.  false: there is not that much memory.
 * Tests make the calls below these fail (linker --wrap).
 */
#ifndef PLATFORM_MEMORY_H
#define PLATFORM_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

void *memory_alloc(size_t size_bytes);
void memory_free(void *block);

size_t pages_size(void);
void *pages_reserve(size_t size_bytes);
void pages_release(void *start, size_t size_bytes);
bool pages_discard(void *start, size_t size_bytes);
void pages_huge(void *start, size_t size_bytes);
bool pages_prefault(void *start, size_t size_bytes);

/* Bytes of a huge page, what pages_huge wants a start aligned to. */
#define PAGES_HUGE_BYTES ((size_t)2 << 20)

#endif
