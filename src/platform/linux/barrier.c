/* SPDX-License-Identifier: MIT */
/* The asymmetric barrier by membarrier(2): the kernel runs a full barrier on every processor that runs a thread of this
 * process.  Registered once for the process.
 *
 * A system may come to refuse the call later: a filter that is installed once a daemon is up, a checkpoint that is
 * restored elsewhere.  By then threads rely on it.  On x86 there is another way: a page that was written to becomes
 * read-only, so that the kernel has to have every processor that runs a thread of this process forget its old right to
 * write.  It interrupts them, and an interrupt is a full barrier; a thread that does not run meanwhile passes one when
 * it is scheduled.  (userspace-rcu's and Folly's fallback.)  Processors that are told of such changes without an
 * interrupt give no barrier by it: other architectures, and x86 with INVLPGB.
 *
 * Locking: `flip_mutex` guards the page's protection: of two flips at once the second would find nothing to change.
 */
#include "platform/sync.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool available;

static long membarrier(int command) { return syscall(SYS_membarrier, command, 0, 0); }

/* --- by a change of protection ------------------------------------------------------------------------------------ */

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>

static struct mutex flip_mutex = MUTEX_INIT;
static volatile char *page; /* NULL: there is none */
static size_t page_bytes;

/* Are other processors interrupted when a right is taken away? */
static bool flips_interrupt(void) {
    const unsigned extended = 0x80000008;
    const unsigned invlpgb = 1U << 3;
    unsigned eax;
    unsigned ebx = 0; /* a processor that does not answer does not have it */
    unsigned ecx;
    unsigned edx;
    (void)__get_cpuid(extended, &eax, &ebx, &ecx, &edx);
    return (ebx & invlpgb) == 0;
}

/* While the system still grants everything. */
static void flip_prepare(void) {
    page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    void *mapped = mmap(NULL, page_bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) return;
    (void)mlock(mapped, page_bytes); /* a page that is away has nothing to be forgotten; it is written just before */
    if (flips_interrupt()) page = mapped;
}

static bool flip(void) {
    if (page == NULL) return false;
    mutex_lock(&flip_mutex);
    bool flipped = mprotect((void *)(uintptr_t)page, page_bytes, PROT_READ | PROT_WRITE) == 0;
    if (flipped) {
        *page = 1;
        flipped = mprotect((void *)(uintptr_t)page, page_bytes, PROT_READ) == 0;
    }
    mutex_unlock(&flip_mutex);
    return flipped;
}
#else
static void flip_prepare(void) {}
static bool flip(void) { return false; }
#endif

/* --- the barrier -------------------------------------------------------------------------------------------------- */

static void probe(void) {
    long supported = membarrier(MEMBARRIER_CMD_QUERY);
    available = supported > 0 && (supported & MEMBARRIER_CMD_PRIVATE_EXPEDITED) != 0 &&
                membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0;
    if (available) flip_prepare();
}

bool barrier_available(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (pthread_once(&once, probe) != 0) abort();
    return available;
}

/* The kernel may be short of memory for a list of processors: then it may do better a moment later. */
bool barrier_heavy(void) {
    for (;;) {
        if (membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0) return true;
        int error = errno;
        if (flip()) return true;
        if (error != ENOMEM) return false;
        thread_pause();
    }
}
