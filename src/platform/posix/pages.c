/* SPDX-License-Identifier: MIT */
/* The page part of platform/memory.h on any POSIX system with anonymous mappings. */
#include "platform/memory.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

size_t pages_size(void) { return (size_t)sysconf(_SC_PAGESIZE); }

void *pages_reserve(size_t size_bytes) {
    void *start = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);
    return start == MAP_FAILED ? NULL : start;
}

bool pages_release(void *start, size_t size_bytes) { return munmap(start, size_bytes) == 0; }

bool pages_discard(void *start, size_t size_bytes) {
    /* A new mapping in place of the old one: fresh zero pages at the same address. */
    return mmap(start, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON | MAP_FIXED, -1, 0) != MAP_FAILED;
}

/* POSIX has no way to ask. */
bool pages_touched(void *start, size_t size_bytes, unsigned char *touched) {
    (void)start;
    (void)size_bytes;
    (void)touched;
    return false;
}

bool pages_limited(void) {
    struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
    (void)getrlimit(RLIMIT_AS, &limit);
    return limit.rlim_cur != RLIM_INFINITY;
}

void pages_huge(void *start, size_t size_bytes) {
    (void)start;
    (void)size_bytes;
}

bool pages_prefault(void *start, size_t size_bytes) {
    size_t page = pages_size();
    for (size_t offset = 0; offset < size_bytes; offset += page) ((volatile char *)start)[offset] = 0;
    return true;
}
