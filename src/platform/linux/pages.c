/* SPDX-License-Identifier: MIT */
/* The page part of platform/memory.h on Linux. */
#include "platform/memory.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* since Linux 5.14; headers may be older than the kernel */
#endif

size_t pages_size(void) { return (size_t)sysconf(_SC_PAGESIZE); }

void *pages_reserve(size_t size_bytes) {
    void *start = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return start == MAP_FAILED ? NULL : start;
}

void pages_release(void *start, size_t size_bytes) { (void)munmap(start, size_bytes); }

bool pages_discard(void *start, size_t size_bytes) { return madvise(start, size_bytes, MADV_DONTNEED) == 0; }

void pages_huge(void *start, size_t size_bytes) { (void)madvise(start, size_bytes, MADV_HUGEPAGE); }

bool pages_prefault(void *start, size_t size_bytes) {
    if (madvise(start, size_bytes, MADV_POPULATE_WRITE) == 0) return true;
    if (errno != EINVAL) return false;
    size_t page = pages_size(); /* an older kernel */
    for (size_t offset = 0; offset < size_bytes; offset += page) ((volatile char *)start)[offset] = 0;
    return true;
}
