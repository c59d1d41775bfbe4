/* SPDX-License-Identifier: MIT */
/* See measure.h.  The late page cannot be touched; the handler of the fault waits, then gives the page its rights back and
 * returns, and who stood there goes on as if nothing had been. */
#define _GNU_SOURCE

#include "measure.h"

#include <dirent.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>

/* --- what a process takes ----------------------------------------------------------------------------------------- */

/* A number of KiB behind `key` in a file of such lines. */
static size_t read_kib(const char *path, const char *key) {
    char line[256];
    size_t kib = 0;
    FILE *file = fopen(path, "r");
    if (file == NULL) return 0;
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, key, strlen(key)) == 0) kib = strtoul(line + strlen(key), NULL, 10);
    }
    (void)fclose(file);
    return kib;
}

static size_t count_entries(const char *path) {
    size_t count = 0;
    DIR *directory = opendir(path);
    if (directory == NULL) return 0;
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) count += entry->d_name[0] != '.';
    (void)closedir(directory);
    return count;
}

static size_t count_lines(const char *path) {
    size_t count = 0;
    FILE *file = fopen(path, "r");
    if (file == NULL) return 0;
    for (int byte; (byte = getc(file)) != EOF;) count += byte == '\n';
    (void)fclose(file);
    return count;
}

bool measure_start(void) {
#ifdef __GLIBC__
    (void)mallopt(M_PERTURB, 0);   /* Meson has malloc fill what it gives, which touches it */
    (void)mallopt(M_ARENA_MAX, 1); /* else each thread may reserve 64 MiB */
#endif
    (void)prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
    return read_kib("/proc/self/smaps_rollup", "Rss:") != 0;
}

struct measure measure_now(void) {
    return (struct measure){
        .resident_bytes =
            read_kib("/proc/self/smaps_rollup", "Rss:") * KIB, /* exact: statm is off by what threads batch */
        .mapped_bytes = read_kib("/proc/self/status", "VmSize:") * KIB,
        .mappings = count_lines("/proc/self/maps"),
        .descriptors = count_entries("/proc/self/fd"),
        .threads = count_entries("/proc/self/task"),
    };
}

size_t measure_grown(const struct measure *before) {
    size_t now = measure_now().resident_bytes;
    return now > before->resident_bytes ? now - before->resident_bytes : 0;
}

size_t measure_faults(void) {
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (size_t)usage.ru_minflt : 0;
}

/* --- a page that arrives late ------------------------------------------------------------------------------------- */

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
    flag_set(&late.stands, 1);
    for (int waited_ms = 0; flag_get(&late.arrived) == 0 && waited_ms < LATE_GIVES_UP_MS; waited_ms++) {
        struct timespec millisecond = {0, 1000000};
        (void)nanosleep(&millisecond, NULL);
    }
    (void)mprotect(late.page, late.page_bytes, PROT_READ | PROT_WRITE);
    flag_set(&late.stands, 0);
}

void late_begin(void *page) {
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    (void)sigemptyset(&action.sa_mask);
    late.page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    late.page = page;
    late.stands = late.arrived = 0;
    assert_int_equal(sigaction(SIGSEGV, &action, NULL), 0);
    assert_int_equal(mprotect(page, late.page_bytes, PROT_NONE), 0);
}

void late_await(void) { AWAIT(flag_get(&late.stands) != 0); }

bool late_stands(void) { return flag_get(&late.stands) != 0; }

void late_end(void) {
    flag_set(&late.arrived, 1);
    AWAIT(flag_get(&late.stands) == 0);
    (void)signal(SIGSEGV, SIG_DFL);
    assert_int_equal(mprotect(late.page, late.page_bytes, PROT_READ | PROT_WRITE), 0);
}
