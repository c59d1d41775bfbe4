/* SPDX-License-Identifier: MIT */
/* What is zero, and who pays for it.
 *
 * A reset clears what was used (ARENA_CLEAR_ON_RESET), or the next generation clears what it is handed (ON_HANDOUT); a
 * block of the heap holds anything at first, and is cleared as it is handed out whatever the policy, so that a large
 * capacity costs nothing until it is used.  Three marks say how far that went: ready, dirty and touched (see slots.h).
 * Code that leaves free memory behind that is not zero moves ready down to it, and dirty up to its end.
 *
 * A slab may be handed out and never touched, and the library does not learn of it.  So code that takes memory back
 * clears what is known to be resident (below `touched`), and asks the system about the rest (clear_touched): what was
 * not touched stays out. Of memory that was handed in the library does not know what an untouched page reads, so it
 * clears all of it.
 */
#include "core/slots.h"

#include "base/poison.h"
#include "core/clear.h"

/* Clearing on hand-out: how far ahead, and behind slabs up to which size. */
#define AHEAD_BYTES ((size_t)8 << 10)
#define AHEAD_SLAB_BYTES ((size_t)1 << 10)
/* The smallest there are. */
#define PAGE_BYTES ((size_t)4 << 10)

/* Zeroes memory that a program has had: what it did not touch stays as it was. */
static void clear_used(struct arena *arena, char *from, char *to) {
    char *known = arena->touched < to ? arena->touched : to;
    if (from < known) clear_bytes(from, (size_t)(known - from));
    if (known < from) known = from;
    if (known == to) return;
    char *present = to;
    if (slots_gives_pages(arena)) {
        present = clear_touched(known, (size_t)(to - known));
    } else {
        clear_bytes(known, (size_t)(to - known));
    }
    if (known <= arena->touched) arena->touched = present;
}

/* Behind a small slab as much again is cleared as this generation used, up to AHEAD_BYTES, so that the next ones find
 * it done: to clear each by itself takes longer than all the rest of handing it out, and its length is a branch that
 * nothing foresees.  It brings in no page for that. */
void slots_clear_for_handout(struct arena *arena, char *from, char *to) {
    /* What nobody has touched is zero as it is; the checker was told that it is whatever was there. */
    if (UNLIKELY(arena->watched) && arena->clear == ARENA_CLEAR_NEVER) poison_clear(from, (size_t)(to - from));
    if (arena->part_of == PART_OF_CONCURRENT) {
        if (arena->clear != ARENA_CLEAR_ON_RESET && from < arena->dirty) {
            clear_used(arena, from, to < arena->dirty ? to : arena->dirty);
        }
        return;
    }
    if (arena->clear == ARENA_CLEAR_NEVER) {
        if (from < arena->dirty) clear_used(arena, from, to < arena->dirty ? to : arena->dirty);
        return;
    }
    if (to <= arena->ready) return;
    size_t ahead = (size_t)(to - arena->base);
    if (ahead > AHEAD_BYTES) ahead = AHEAD_BYTES;
    if (to >= slots_touched_end(arena)) {
        size_t of_page = slots_padding((uintptr_t)to, PAGE_BYTES);
        if (ahead > of_page) ahead = of_page;
    }
    if (arena->watched || (size_t)(to - from) > AHEAD_SLAB_BYTES) ahead = 0;
    if (from < arena->ready) from = arena->ready;
    if (to < arena->dirty && ahead < (size_t)(arena->dirty - to)) {
        arena->ready = to + ahead;
        clear_used(arena, from, arena->ready);
    } else {
        arena->ready = arena->end;
        if (from < arena->dirty) clear_used(arena, from, arena->dirty);
    }
}

void slots_take_back(struct arena *arena, char *from, char *to) {
    if (arena->watched && arena->bytes) poison_clear(from, (size_t)(to - from)); /* the zones between the blocks */
    if (arena->clear == ARENA_CLEAR_ON_RESET) {
        if (from < to) clear_used(arena, from, to);
        /* Behind a gate it is at the end, and stays there. */
        if (arena->ready < to) arena->ready = arena->ready < from ? arena->ready : to;
        if (arena->dirty <= to && arena->ready >= arena->dirty) arena->ready = arena->end;
    } else {
        if (to > arena->dirty) arena->dirty = to;
        if (arena->clear == ARENA_CLEAR_ON_HANDOUT && arena->ready > from) arena->ready = from;
    }
    if (arena->watched) slots_hide(arena, from, to);
}
