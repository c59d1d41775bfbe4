/* SPDX-License-Identifier: MIT */
/* Where the system has limits that a program seldom meets: on the number of mappings, and on what may be locked. */
#define _GNU_SOURCE
#include "measure.h"

#include <sys/mman.h>
#include <sys/resource.h>

/* --- mappings ----------------------------------------------------------------------------------------------------- */

static size_t most_mappings(void) {
    unsigned long most = 0;
    FILE *file = fopen("/proc/sys/vm/max_map_count", "r");
    if (file == NULL) return 0;
    if (fscanf(file, "%lu", &most) != 1) most = 0;
    (void)fclose(file);
    return most;
}

/* Takes mappings until only so many are left: pages side by side, of which every second one cannot be read. */
static void leave_mappings(size_t left) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t most = most_mappings();
    const size_t now = measure_now().mappings;
    child_check(most > now + left);
    const size_t pages = most - now - left;
    char *start = mmap(NULL, pages * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    child_check(start != MAP_FAILED);
    for (size_t i = 1; i < pages; i += 2) child_check(mprotect(start + i * page, page, PROT_READ) == 0);
}

enum { ARENAS = 600, ARENA_BYTES = 256 << 10, LEFT = 100 };

/* Arenas that lie side by side are one mapping; to take one out of the middle makes two, which may be one too many. */
static void destroy_every_second(void *user) {
    static struct arena *arenas[ARENAS];
    leave_mappings(LEFT);
    struct measure before = measure_now();
    for (int turn = 0; turn < 3; turn++) {
        for (int i = 0; i < ARENAS; i++) {
            if (turn > 0 && i % 2 == 0) continue; /* it is there still */
            child_check(arena_create(ARENA_TYPE(char), ARENA_BYTES, &arenas[i]) == ARENA_OK);
            memset(arena_alloc_slab(arenas[i], ARENA_BYTES), 'x', ARENA_BYTES);
        }
        struct measure full = measure_now();
        child_check(full.resident_bytes - before.resident_bytes >= (size_t)ARENAS * ARENA_BYTES);
        child_check(full.mapped_bytes - before.mapped_bytes <= (size_t)ARENAS * ARENA_BYTES * 3 / 2);
        for (int i = 1; i < ARENAS; i += 2) arena_destroy(arenas[i]);
        child_check(measure_grown(&before) <= (size_t)ARENAS * ARENA_BYTES * 5 / 8);
    }
    for (int i = 0; i < ARENAS; i += 2) arena_destroy(arenas[i]);
    child_check(measure_grown(&before) <= (size_t)ARENAS * ARENA_BYTES / 8);
    /* Each that goes makes room for one that could not: no addresses wait for ever. */
    child_check(measure_now().mapped_bytes - before.mapped_bytes <= (size_t)ARENAS * ARENA_BYTES / 8);
}

TEST(memory_goes_back_at_the_limit_of_mappings) {
    size_t most = most_mappings();
    if (most == 0 || most > 200000) skip(); /* there are too many to take */
    assert_child_succeeds(destroy_every_second, NULL);
}

/* --- locked memory ------------------------------------------------------------------------------------------------- */

enum { LOCKED_BYTES = 4 << 20, TOUCHED_BYTES = 1 << 20 };

/* A program that locks what it will have: memory still follows use, and goes back.  The first turn brings in pages of the
 * C library's file, too. */
static void use_locked_memory(void *user) {
    if (mlockall(MCL_FUTURE) != 0) _exit(77);
    for (int turn = 0; turn < 3; turn++) {
        struct measure before = measure_now();
        struct arena *arena;
        child_check(arena_create(ARENA_TYPE(char), LOCKED_BYTES, &arena) == ARENA_OK);
        child_check(turn == 0 || measure_grown(&before) < LOCKED_BYTES / 4);
        memset(arena_alloc_slab(arena, TOUCHED_BYTES), 'x', TOUCHED_BYTES);
        child_check(measure_grown(&before) >= TOUCHED_BYTES);
        child_check(turn == 0 || measure_grown(&before) < LOCKED_BYTES / 2);
        arena_reset(arena);
        arena_trim(arena);
        child_check(turn == 0 || measure_grown(&before) < TOUCHED_BYTES / 2);
        const char *slab = arena_alloc_slab(arena, LOCKED_BYTES);
        for (size_t at = 0; at < LOCKED_BYTES; at += 4096) child_check(slab[at] == 0);
        arena_destroy(arena);
    }
}

TEST(locked_memory_follows_use) {
    static struct child child;
    child_run(&child, use_locked_memory, NULL);
    if (child_exited(&child, 77)) skip(); /* this program may lock nothing */
    if (!child_exited(&child, 0)) fail_msg("wait status %#x: %s", (unsigned)child.wait_status, child.output);
}

int main(void) {
    if (!measure_start()) return 77;
    return support_run("limits");
}
