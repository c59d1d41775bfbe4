/* SPDX-License-Identifier: MIT */
/* How much memory an arena keeps that it does not use.
 *
 * What was used beyond retain_bytes goes back to the system after CALM_RESETS generations that did not need it, so that
 * a peak every few generations costs no more than keeping it; a trim gives it back at once.  used_end bounds what may
 * be resident: code that gives back pages moves it down, with dirty and touched, and no other code does.
 */
#include "core/slots.h"

#include "core/blocks.h"
#include "platform/memory.h"

/* The memory of a peak goes back after this many generations without one, and after twice as many at the latest: they
 * are counted in lots. */
#define CALM_RESETS 12

/* Gives pages back from `keep` on, but for what is in use. */
static void give_back_from(struct arena *arena, char *keep) {
    size_t page = pages_size();
    if (keep < arena->head.cursor) keep = arena->head.cursor; /* a checker's zones are no part of what was needed */
    keep += slots_padding((uintptr_t)keep, page);
    char *to = arena->used_end;
    if (arena->block->backing == BACKING_PAGES) {
        to += slots_padding((uintptr_t)to, page);
    } else {
        to -= (uintptr_t)to % page; /* the rest of the last page is not this arena's */
    }
    if (keep >= to || !pages_discard(keep, (size_t)(to - keep))) return;
    arena->used_end = keep;
    if (arena->touched > keep) arena->touched = keep;
    if (arena->dirty > keep && to >= arena->dirty) arena->dirty = keep;
}

/* What may be in memory and could go, blocks as a whole included. */
static size_t excess_bytes(const struct arena *arena) {
    size_t bytes = arena->block->backing == BACKING_CALLER ? 0 : (size_t)(arena->used_end - arena->base);
    return arena->spare == NULL ? bytes : bytes + (size_t)(arena->spare->used_end - arena->spare->base);
}

/* Is there more in memory than is to be retained? */
static bool note_excess(struct arena *arena) {
    arena->reset_work &= (uint8_t)~WORK_EXCESS;
    if (excess_bytes(arena) <= arena->retain_bytes) return false;
    arena->reset_work |= WORK_EXCESS;
    return true;
}

void slots_end_generation(struct arena *arena, size_t used_bytes, bool all) {
    if (used_bytes > arena->need_bytes) arena->need_bytes = used_bytes;
    arena->high_bytes = 0;
    arena->head.peak = arena->head.cursor;
    if (arena->retain_bytes == SIZE_MAX || (!arena->grows && !slots_gives_pages(arena))) return;
    if (!note_excess(arena) || ++arena->calm < CALM_RESETS) return;
    if (arena->bytes) blocks_give_back(arena, arena->need_bytes, all);
    size_t keep_bytes = arena->need_bytes > arena->retain_bytes ? arena->need_bytes : arena->retain_bytes;
    if (slots_gives_pages(arena) && keep_bytes < (size_t)(arena->used_end - arena->base)) {
        give_back_from(arena, arena->base + keep_bytes);
    }
    (void)note_excess(arena);
    arena->calm = 0;
    arena->need_bytes = 0;
}

void slots_trim(struct arena *arena) {
    slots_settle(arena);
    if (arena->bytes) blocks_drop_spare(arena);
    if (!slots_gives_pages(arena)) return;
    slots_note_high(arena);
    arena->used_end = slots_touched_end(arena);
    give_back_from(arena, arena->head.cursor);
    arena->head.peak = arena->head.cursor;
    arena->reset_work &= (uint8_t)~WORK_EXCESS;
    slots_refresh(arena);
}

/* What may be resident of a block. */
static size_t resident_bytes(const struct block *block, const char *used_end) {
    return block->backing == BACKING_CALLER ? 0 : (size_t)(used_end - block->memory);
}

size_t slots_touched_bytes(const struct arena *arena) {
    size_t bytes = resident_bytes(arena->block, slots_touched_end(arena));
    for (const struct block *at = arena->block->older; at != NULL; at = at->older)
        bytes += resident_bytes(at, at->used_end);
    if (arena->spare != NULL) bytes += resident_bytes(arena->spare, arena->spare->used_end);
    return bytes;
}
