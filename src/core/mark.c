/* SPDX-License-Identifier: MIT */
/* See mark.h. */
#include "core/mark.h"

#include "core/bytes.h"

static char *cursor_in(const struct arena *arena, const struct block *block) {
    return block == arena->block ? arena->head.cursor : block->cursor;
}
static char *base_of(const struct arena *arena, const struct block *block) {
    return block == arena->block ? arena->base : block->base;
}

static char *floor_of(const struct arena *arena, const struct block *block) {
    return block == arena->block ? slots_floor(arena) : block->floor;
}

static bool holds(const struct arena *arena, const struct block *block, const char *place) {
    return place >= base_of(arena, block) && place <= cursor_in(arena, block);
}

void mark_begin_range(struct arena *arena, uint64_t low) {
    unsigned count = arena->void_count;
    uint64_t last = arena->void_low;
    if (arena->void_high != 0) { /* it may have come to overlap with older ones */
        for (; count != 0 && arena->voids[count - 1].high + 1 >= last; count--) {
            if (arena->voids[count - 1].low < last) last = arena->voids[count - 1].low;
        }
        if (UNLIKELY(count == MARK_RANGES)) memmove(arena->voids, arena->voids + 1, --count * sizeof *arena->voids);
        arena->voids[count] = (struct mark_range){last, arena->void_high};
        arena->void_count = (uint8_t)(count + 1);
    }
    arena->void_low = low;
    arena->void_high = arena->mark_serial;
}

static void set_floor(struct arena *arena, char *floor) {
    arena->floor = arena->head.floor = floor;
    slots_refresh(arena);
}

/* Takes back down to `place` in `block`.  Much of it taken back ends a generation. */
static void take_down_to(struct arena *arena, struct block *block, char *place, size_t zones) {
    slots_note_high(arena);
    size_t before = slots_used_bytes(arena);
    if (arena->bytes) {
        bytes_take_down_to(arena, block, place, zones);
    } else {
        if (arena->type->drop != NULL) slots_drop_down_to(arena, place);
        arena->used_end = slots_touched_end(arena);
        slots_take_back(arena, place, arena->head.cursor);
        arena->head.cursor = arena->head.peak = arena->head.limit = place;
    }
    size_t taken_bytes = before - slots_used_bytes(arena);
    if (arena->bytes) blocks_note_taken(arena, taken_bytes);
    if (taken_bytes >= arena->high_bytes - arena->high_bytes / 2) {
        slots_end_generation(arena, arena->high_bytes, false);
    }
}

void mark_take(struct arena *arena, struct arena_mark *mark) {
    slots_settle(arena);
    mark_fill(arena, mark, slots_floor(arena));
    set_floor(arena, arena->head.cursor);
}

bool mark_valid(const struct arena *arena, const struct arena_mark *mark) {
    if (mark->arena != arena || mark->resets != arena->resets) return false;
    if (mark->depth > arena->mark_depth || mark_is_void(arena, mark->serial)) return false;
    const struct block *block = mark->block;
    return blocks_has(arena, block) && mark->serial > block->marks_before && holds(arena, block, mark->place) &&
           mark->place <= floor_of(arena, block);
}

void mark_rewind(struct arena *arena, const struct arena_mark *mark, bool ends) {
    slots_settle(arena);
    take_down_to(arena, mark->block, mark->place, mark->zones);
    mark_make_void(arena, ends ? mark->serial : mark->serial + 1);
    arena->mark_depth = ends ? mark->depth - 1 : mark->depth;
    set_floor(arena, ends ? mark->floor : mark->place);
}

void mark_end_all(struct arena *arena) {
    if (arena->mark_serial != 0) mark_make_void(arena, 1);
    arena->mark_depth = 0;
    if (slots_floor(arena) != arena->base) set_floor(arena, arena->base);
}

struct arena_scratch mark_enter_scratch(struct arena *arena) {
    slots_settle(arena);
    struct arena_scratch scratch = {
        .cursor = NULL, /* inline code does not leave it */
        .floor = slots_floor(arena),
        .arena = arena,
        .place = arena->head.cursor,
        .zones = arena->zone_bytes,
    };
    set_floor(arena, arena->head.cursor);
    return scratch;
}

/* A scope whose place is gone, by an outer rewind or a reset, has nothing left to take back: what is there now, if
 * anything, is of that mark, to which the floor went down, and may begin below the place.  One that keeps all that came
 * (the C++ face) gives the cursor as its place. */
void mark_leave_scratch(struct arena *arena, const struct arena_scratch *scratch) {
    slots_settle(arena);
    bool counted = scratch->cursor == NULL;
    char *place = counted ? scratch->place : scratch->cursor;
    struct block *block = arena->block;
    while (block != NULL && !holds(arena, block, place)) block = block->older;
    if (block == NULL) return;
    if (floor_of(arena, block) < place && place != arena->head.cursor) return;
    take_down_to(arena, block, place, counted ? scratch->zones : 0);
    char *floor = scratch->floor;
    if (floor < arena->base) floor = arena->base; /* of another block, in whose place this one has come to lie */
    char *now = slots_floor(arena);
    set_floor(arena, floor < now ? floor : now);
}
