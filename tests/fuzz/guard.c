/* SPDX-License-Identifier: MIT */
/* platform/memory.h with a page that must not be touched behind each block and mapping, for harnesses that run without
 * poisoning: there the library's own marks cannot hide its mistakes.  What is freed is unmapped, so that it must not be
 * touched either.
 *
 * A block ends at its guard page but for the padding to max_align_t; a mapping ends right there.
 */
#include "platform/memory.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define NOTE_BYTES ((size_t)32) /* before each block: where its mapping is */

size_t pages_size(void) { return (size_t)sysconf(_SC_PAGESIZE); }

static size_t whole_pages(size_t size_bytes) { return (size_bytes + pages_size() - 1) / pages_size() * pages_size(); }

void *pages_reserve(size_t size_bytes) {
    size_t page = pages_size();
    if (size_bytes > PTRDIFF_MAX - 2 * page) return NULL;
    size_t whole = whole_pages(size_bytes);
    char *start = mmap(NULL, whole + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (start == MAP_FAILED) return NULL;
    if (mprotect(start + whole, page, PROT_NONE) != 0) abort();
    return start;
}

bool pages_release(void *start, size_t size_bytes) {
    if (munmap(start, whole_pages(size_bytes) + pages_size()) != 0) abort();
    return true;
}

bool pages_limited(void) { return true; } /* so that what is given back is unmapped, and not kept */

bool pages_touched(void *start, size_t size_bytes, unsigned char *touched) {
    return mincore(start, size_bytes, touched) == 0;
}

bool pages_discard(void *start, size_t size_bytes) {
    if ((uintptr_t)start % pages_size() != 0 || size_bytes % pages_size() != 0) abort(); /* the contract */
    return madvise(start, size_bytes, MADV_DONTNEED) == 0;
}

void pages_huge(void *start, size_t size_bytes) { (void)madvise(start, size_bytes, MADV_HUGEPAGE); }

bool pages_prefault(void *start, size_t size_bytes) {
    for (size_t offset = 0; offset < size_bytes; offset += pages_size()) ((volatile char *)start)[offset] = 0;
    return true;
}

void *memory_alloc(size_t size_bytes) {
    if (size_bytes > PTRDIFF_MAX / 2) return NULL;
    size_t padded = (size_bytes + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);
    size_t whole = whole_pages(padded + NOTE_BYTES);
    char *start = pages_reserve(whole);
    if (start == NULL) return NULL;
    char *block = start + whole - padded;
    memcpy(block - NOTE_BYTES, &start, sizeof start);
    memcpy(block - NOTE_BYTES + sizeof start, &whole, sizeof whole);
    return block;
}

void *memory_take(size_t size_bytes) {
    void *block = memory_alloc(size_bytes);
    if (block != NULL) memset(block, 0xa5, size_bytes); /* whoever takes it for zero is found out */
    return block;
}

void memory_free(void *block) {
    if (block == NULL) return;
    char *start;
    size_t whole;
    memcpy(&start, (char *)block - NOTE_BYTES, sizeof start);
    memcpy(&whole, (char *)block - NOTE_BYTES + sizeof start, sizeof whole);
    pages_release(start, whole);
}
