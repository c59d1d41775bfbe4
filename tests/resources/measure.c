/* SPDX-License-Identifier: MIT */
/* See measure.h. */
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
