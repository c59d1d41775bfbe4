/* SPDX-License-Identifier: MIT */
/* Marks: places to rewind to.  See slots.h for the floor.
 *
 * A mark that a call took (struct arena_mark) has a number.  A rewind to it makes the numbers after it void.  Marks that
 * live lie between the ranges of numbers that are void, so there is at most one range more than there are of these; the
 * arena remembers the last few.  A block of memory knows which marks are older than its use, and a mark that lives does
 * not lie above the floor of its block.  So of marks that are used though they are void, those are always found that lie
 *   above the cursor, or above all marks and scopes that live
 *   in a range that is remembered: where no more than MARK_RANGES marks live, all that a rewind made void
 *   in a block that was free in between, or lies where one did
 * What is not: a mark that was taken in a scratch scope, which was left, where another one now lives at or above its
 * place.  To know which marks those are, each scope would have to note a number as it is entered: one load and one store
 * more for inline code, which is why it does not.
 *
 * A scratch scope that inline code entered says no more than where it began, and what the floor was: that is enough,
 * because its block of memory is found by address.
 */
#ifndef CORE_MARK_H
#define CORE_MARK_H

#include "core/slots.h"

void mark_take(struct arena *arena, struct arena_mark *mark);
/* Is it one that the arena can be taken back to? */
bool mark_valid(const struct arena *arena, const struct arena_mark *mark);
/* Takes back what was handed out since.  `ends`: the mark too. */
void mark_rewind(struct arena *arena, const struct arena_mark *mark, bool ends);

/* No mark that was taken so far can be used any more. */
void mark_end_all(struct arena *arena);

/* Is it in one of the older ranges? */
HOT_INLINE bool mark_in_older_range(const struct arena *arena, uint64_t serial) {
    for (unsigned i = arena->void_count; i != 0; i--) {
        const struct mark_range *range = &arena->voids[i - 1];
        if (serial > range->high) return false;
        if (serial >= range->low) return true;
    }
    return false;
}
/* A range that begins at `low`, behind a mark that lives, is the last one now. */
void mark_begin_range(struct arena *arena, uint64_t low);

/* Is it none of the numbers that were given, or void? */
HOT_INLINE bool mark_is_void(const struct arena *arena, uint64_t serial) {
    if (UNLIKELY(serial - 1 >= arena->mark_serial)) return true;
    if (LIKELY(serial > arena->void_high)) return false;
    return serial >= arena->void_low || mark_in_older_range(arena, serial);
}

/* Marks from this number on are void. */
HOT_INLINE void mark_make_void(struct arena *arena, uint64_t low) {
    uint64_t high = arena->mark_serial;
    if (low > high) return;
    if (low > arena->void_high + 1) {
        mark_begin_range(arena, low);
    } else {
        if (low < arena->void_low) arena->void_low = low;
        arena->void_high = high;
    }
}

HOT_INLINE void mark_fill(struct arena *arena, struct arena_mark *mark, char *floor) {
    *mark = (struct arena_mark){
        .floor = floor,
        .arena = arena,
        .block = arena->block,
        .place = arena->head.cursor,
        .zones = arena->zone_bytes,
        .resets = arena->resets,
        .serial = ++arena->mark_serial,
        .depth = ++arena->mark_depth,
    };
}

/* The quick forms, for a mark in the newest block with little above it, in an arena whose floor is within reach of
 * inline code.  false: nothing was done, and the others look what there is to do, or to refuse. */
HOT_INLINE bool mark_take_quick(struct arena *arena, struct arena_mark *mark) {
    char *cursor = arena->head.cursor;
    if (UNLIKELY(arena->closed != 0 || arena->head.floor > cursor)) return false;
    mark_fill(arena, mark, arena->head.floor);
    arena->head.floor = cursor;
    return true;
}

/* Only where no other mark lives above, so that there is no cleanup to run. */
HOT_INLINE bool mark_rewind_quick(struct arena *arena, const struct arena_mark *mark, bool ends) {
    char *place = mark->place;
    char *cursor = arena->head.cursor;
    uint64_t serial = mark->serial;
    if (UNLIKELY(mark->arena != arena || arena->closed != 0 || arena->head.floor != place)) return false;
    if (UNLIKELY(mark->resets != arena->resets || mark->depth > arena->mark_depth)) return false;
    /* Else it is in the newest block, as the floor is; but maybe of an earlier life of its memory. */
    if (UNLIKELY(mark_is_void(arena, serial) || serial <= arena->block->marks_before)) return false;
    if (ends && UNLIKELY(slots_has_cleanup_above(arena, mark->floor))) return false;
    if (UNLIKELY(!slots_clear_little(place, cursor))) return false;
    if (UNLIKELY(cursor > arena->head.peak)) arena->head.peak = cursor;
    arena->head.cursor = place;
    if (ends) arena->head.floor = mark->floor;
    arena->mark_depth = ends ? mark->depth - 1 : mark->depth;
    mark_make_void(arena, ends ? serial : serial + 1);
    return true;
}

struct arena_scratch mark_enter_scratch(struct arena *arena);
void mark_leave_scratch(struct arena *arena, const struct arena_scratch *scratch);

#endif
