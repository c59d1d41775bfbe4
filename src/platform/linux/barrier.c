/* SPDX-License-Identifier: MIT */
/* The asymmetric barrier by membarrier(2): the kernel runs a full barrier on every processor that runs a thread of this
 * process.  Registered once for the process; the answer never changes. */
#include "platform/sync.h"

#include <linux/membarrier.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool available;

static void probe(void) {
    long supported = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);
    available = supported > 0 && (supported & MEMBARRIER_CMD_PRIVATE_EXPEDITED) != 0 &&
                syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
}

bool barrier_available(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (pthread_once(&once, probe) != 0) abort();
    return available;
}

/* The kernel may be short of memory for a list of processors; then there is nothing to do but to try again. */
void barrier_heavy(void) {
    while (syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) != 0) thread_pause();
}
