/* SPDX-License-Identifier: MIT */
/* The page part of platform/memory.h on Linux.
 *
 * Locked memory.  After mlockall(MCL_FUTURE) the kernel makes each new mapping resident as a whole, and refuses to
 * discard pages of it.  Here such a range is mapped without access first, which nothing populates, and then locked page
 * by page as it is touched (MLOCK_ONFAULT): so memory still follows use, and what is in use stays locked.
 */
#include "platform/memory.h"

#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* since Linux 5.14; headers may be older than the kernel */
#endif
#ifndef MLOCK_ONFAULT
#define MLOCK_ONFAULT 1 /* since Linux 4.4 */
#endif

size_t pages_size(void) { return (size_t)sysconf(_SC_PAGESIZE); }

static void *map(size_t size_bytes, int protection) {
    void *start = mmap(NULL, size_bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return start == MAP_FAILED ? NULL : start;
}

/* Does a new mapping come with all its pages?  Asked of one page. */
static bool future_is_locked(void) {
    unsigned char touched = 0;
    void *page = map(pages_size(), PROT_READ | PROT_WRITE);
    if (page == NULL) return false;
    (void)pages_touched(page, pages_size(), &touched);
    (void)munmap(page, pages_size());
    return (touched & 1) != 0;
}

static void lock_on_fault(void *start, size_t size_bytes) {
#ifdef SYS_mlock2
    (void)syscall(SYS_mlock2, start, size_bytes, MLOCK_ONFAULT);
#else
    (void)start, (void)size_bytes;
#endif
}

void *pages_reserve(size_t size_bytes) {
    if (!future_is_locked()) return map(size_bytes, PROT_READ | PROT_WRITE);
    void *start = map(size_bytes, PROT_NONE);
    if (start == NULL) return NULL;
    (void)munlock(start, size_bytes);
    if (mprotect(start, size_bytes, PROT_READ | PROT_WRITE) != 0) {
        (void)munmap(start, size_bytes);
        return NULL;
    }
    lock_on_fault(start, size_bytes);
    return start;
}

bool pages_release(void *start, size_t size_bytes) { return munmap(start, size_bytes) == 0; }

bool pages_discard(void *start, size_t size_bytes) {
    if (madvise(start, size_bytes, MADV_DONTNEED) == 0) return true;
    if (errno != EINVAL || munlock(start, size_bytes) != 0) return false;
    bool done = madvise(start, size_bytes, MADV_DONTNEED) == 0; /* it was locked */
    lock_on_fault(start, size_bytes);
    return done;
}

bool pages_touched(void *start, size_t size_bytes, unsigned char *touched) {
    return mincore(start, size_bytes, touched) == 0;
}

bool pages_limited(void) {
    struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
    (void)getrlimit(RLIMIT_AS, &limit);
    return limit.rlim_cur != RLIM_INFINITY;
}

void pages_huge(void *start, size_t size_bytes) { (void)madvise(start, size_bytes, MADV_HUGEPAGE); }

bool pages_prefault(void *start, size_t size_bytes) {
    if (madvise(start, size_bytes, MADV_POPULATE_WRITE) == 0) return true;
    if (errno != EINVAL) return false;
    size_t page = pages_size(); /* an older kernel */
    for (size_t offset = 0; offset < size_bytes; offset += page) ((volatile char *)start)[offset] = 0;
    return true;
}
