/* SPDX-License-Identifier: MIT */
/* Free slots below the cursor: what the chunks of threads had left (api/share.c), of an arena behind a gate.
 *
 * The memory of each run is of the share whose chunk it was left of.  Runs are linked in any order from arena.runs, and
 * one that has nothing is empty; gap_bytes is their sum.  A run that ends at the cursor is no run: the cursor goes down
 * over it.
 */
#include "core/slots.h"

#include "base/arith.h"

/* Puts the runs in order, the highest first.  There are at most as many as threads. */
void slots_sort_runs(struct arena *arena) {
    struct run *sorted = NULL;
    while (arena->runs != NULL) {
        struct run *run = arena->runs;
        arena->runs = run->next;
        struct run **link = &sorted;
        while (*link != NULL && (*link)->from > run->from) link = &(*link)->next;
        run->next = *link;
        *link = run;
    }
    arena->runs = sorted;
}

void slots_forget_runs(struct arena *arena) {
    for (struct run *run = arena->runs; run != NULL; run = run->next) run->from = run->to = NULL;
    arena->gap_bytes = 0;
}

char *slots_take_run(struct arena *arena, size_t bytes, size_t align) {
    if (arena->gap_bytes == 0 || slots_floor(arena) != arena->base) return NULL;
    for (struct run *run = arena->runs; run != NULL; run = run->next) {
        if (run->from == run->to || !slots_fits(run->from, run->to, bytes, align)) continue;
        char *slab = run->from + slots_padding((uintptr_t)run->from, align);
        arena->gap_bytes -= (size_t)(slab + bytes - run->from);
        run->from = slab + bytes;
        return slab;
    }
    return NULL;
}

bool slots_lend_run(struct arena *arena, struct run *run, char **from, char **to) {
    if (run->from == run->to) return false;
    *from = run->from;
    *to = run->to;
    arena->gap_bytes -= (size_t)(run->to - run->from);
    run->from = run->to = NULL;
    return true;
}

bool slots_lend(struct arena *arena, size_t count, char **from, char **to) {
    if (!arith_fits(count, arena->stride, (size_t)(arena->end - arena->head.cursor))) return false;
    *from = arena->head.cursor;
    *to = *from + count * arena->stride;
    arena->head.cursor = arena->head.limit = *to;
    return true;
}

bool slots_lend_any(struct arena *arena, size_t count, char **from, char **to) {
    if (slots_lend(arena, count, from, to)) return true;
    if (arena->gap_bytes == 0) return false;
    struct run *run = arena->runs;
    while (!slots_lend_run(arena, run, from, to)) run = run->next;
    return true;
}

void slots_absorb_runs(struct arena *arena) {
    for (struct run *at = arena->runs; at != NULL && arena->gap_bytes != 0;) {
        if (at->from != at->to && at->to == arena->head.cursor) {
            char *lower;
            char *upper;
            (void)slots_lend_run(arena, at, &lower, &upper);
            arena->head.cursor = lower;
            at = arena->runs;
        } else {
            at = at->next;
        }
    }
}

void slots_return(struct arena *arena, char *from, char *to, struct run *run) {
    if (from == to) return;
    if (to != arena->head.cursor) {
        run->from = from;
        run->to = to;
        arena->gap_bytes += (size_t)(to - from);
        return;
    }
    if (to > arena->head.peak) arena->head.peak = to;
    arena->head.cursor = from;
    slots_absorb_runs(arena);
    arena->head.limit = arena->head.cursor;
}
