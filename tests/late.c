/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE

#include "late.h"
#include "support.h"

#include <signal.h>
#include <sys/mman.h>
#include <time.h>

_Thread_local sigjmp_buf *late_way_out;

static struct {
    char *page;
    size_t page_bytes;
    int stands;  /* atomic: somebody stands before it */
    int arrived; /* atomic */
} late;

static void on_fault(int signal_number, siginfo_t *info, void *context) {
    const char *address = info->si_addr;
    if (late.page == NULL || address < late.page || address >= late.page + late.page_bytes) {
        (void)signal(signal_number, SIG_DFL); /* another mistake: it shows when the access is tried again */
        return;
    }
    if (late_way_out != NULL) siglongjmp(*late_way_out, 1);
    flag_set(&late.stands, 1);
    for (int waited_ms = 0; flag_get(&late.arrived) == 0 && waited_ms < LATE_GIVES_UP_MS; waited_ms++) {
        struct timespec millisecond = {0, 1000000};
        (void)nanosleep(&millisecond, NULL);
    }
    (void)mprotect(late.page, late.page_bytes, PROT_READ | PROT_WRITE);
    flag_set(&late.stands, 0);
}

/* The handler is set each time: CMocka sets its own for each test. */
void late_begin(void *page) {
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
    (void)sigemptyset(&action.sa_mask);
    late.page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    late.page = page;
    late.stands = late.arrived = 0;
    assert_true(sigaction(SIGSEGV, &action, NULL) == 0 && sigaction(SIGBUS, &action, NULL) == 0);
    assert_int_equal(mprotect(page, late.page_bytes, PROT_NONE), 0);
}

void late_await(void) { AWAIT(flag_get(&late.stands) != 0); }

bool late_stands(void) { return flag_get(&late.stands) != 0; }

void late_end(void) {
    flag_set(&late.arrived, 1);
    AWAIT(flag_get(&late.stands) == 0);
    (void)signal(SIGSEGV, SIG_DFL);
    (void)signal(SIGBUS, SIG_DFL);
    assert_int_equal(mprotect(late.page, late.page_bytes, PROT_READ | PROT_WRITE), 0);
    late.page = NULL;
}
