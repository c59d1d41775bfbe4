/* SPDX-License-Identifier: MIT */
/* See bytes.h, and slots.h for the invariants. */
#include "core/bytes.h"

#include "base/arith.h"
#include "base/poison.h"
#include "platform/memory.h"
#include "platform/sync.h"
#include "runtime/thread.h"

#define ZONE_ALIGN ((size_t)8)
#define ZONE_TIMES ((size_t)32)
#define ZONE_EXTRA_BYTES ((size_t)128 << 10)
/* What a shrink clears, rather than let the window close. */
#define CLEAR_TAIL_BYTES ((size_t)4 << 10)
/* Behind a block up to this size that a program fills, some is cleared ahead. */
#define AHEAD_RAW_BYTES ((size_t)1 << 10)

const struct arena_type bytes_type = {"arena bytes", 1, 1, NULL, 0, 0};

/* --- life --------------------------------------------------------------------------------------------------------- */

/* A block of one byte, and what it is aligned to, come to no more than ZONE_TIMES. */
bool bytes_zoned(size_t bytes, size_t *zoned_bytes) {
    return arith_mul(bytes, ZONE_TIMES, zoned_bytes) && arith_add(*zoned_bytes, ZONE_EXTRA_BYTES, zoned_bytes);
}

bool bytes_set_cap(struct arena *arena, size_t capacity) {
    if (capacity < slots_used_bytes(arena)) return false;
    if (!arena->grows && capacity > (size_t)(arena->end - arena->base)) return false;
    arena->capacity = capacity;
    if (arena->part_of == PART_OF_POOL) arena->reset_work |= WORK_CAPACITY;
    blocks_set_bound(arena);
    slots_refresh(arena);
    return true;
}

/* --- handing out -------------------------------------------------------------------------------------------------- */

/* How far behind the cursor a block would begin, and by how much the used bytes would grow before it.  Of addresses
 * only those that are in the block of memory are made: far alignments would lead beyond the last one. */
static size_t skip_for(const struct arena *arena, size_t align, size_t *padding) {
    uintptr_t cursor = (uintptr_t)arena->head.cursor;
    if (!arena->watched) return *padding = slots_padding(cursor, align);
    size_t offset = (size_t)(arena->head.cursor - arena->base) - arena->zone_bytes;
    size_t skip =
        BLOCKS_ZONE_BYTES + slots_padding(cursor + BLOCKS_ZONE_BYTES, align < ZONE_ALIGN ? ZONE_ALIGN : align);
    bool counted = !arena->grows && arena->part_of != PART_OF_CONCURRENT;
    *padding = counted ? skip : slots_padding((uintptr_t)arena->base + offset, align);
    return skip;
}

/* Is there an object that large? */
static bool possible(size_t size, size_t align) {
    size_t extra = BLOCKS_HEADER_BYTES + SLOTS_CLEAR_STEP + POISON_REDZONE_BYTES;
    return align <= ARITH_MAX_BYTES - extra && size <= ARITH_MAX_BYTES - extra - align;
}

enum place { PLACE_HERE, PLACE_NEW_BLOCK, PLACE_NONE };

/* Where a block can be.  PLACE_NONE: the capacity refuses.  A block of memory is not opened merely to save padding. */
static enum place place_for(const struct arena *arena, size_t size, size_t align, size_t *skip, size_t *padding) {
    size_t left = arena->capacity - slots_used_bytes(arena);
    size_t room = (size_t)(arena->end - arena->head.cursor);
    *skip = skip_for(arena, align, padding);
    bool within = size <= left && *padding <= left - size;
    if (*skip <= room && size <= room - *skip) return within ? PLACE_HERE : PLACE_NONE;
    if (!arena->grows || size > left || !possible(size, align)) return PLACE_NONE;
    return within || size > room ? PLACE_NEW_BLOCK : PLACE_NONE;
}

/* The block that begins `skip` behind the cursor is handed out; there is room for it. */
static char *take_at(struct arena *arena, size_t skip, size_t size, size_t padding) {
    char *at = arena->head.cursor + skip;
    arena->zone_bytes += skip - padding;
    arena->head.cursor = at + size;
    if (arena->head.cursor > arena->head.limit) arena->head.limit = arena->head.cursor;
    if (arena->watched) {
        arena->head.limit = arena->head.cursor;
        slots_show(arena, at, at + size);
        slots_show_to_leak_checker(arena, at + size);
    }
    return at;
}

void *bytes_take_nothing(const struct arena *arena, size_t align) {
    uintptr_t cursor = (uintptr_t)arena->head.cursor;
    uintptr_t at = cursor + slots_padding(cursor, align);
    return (void *)(at != 0 ? at : align); /* 0: there is no higher multiple */
}

/* `grows`: a vector, see blocks_open. */
static void *take(struct arena *arena, size_t size, size_t align, bool grows) {
    size_t skip;
    size_t padding;
    enum place place = place_for(arena, size, align, &skip, &padding);
    if (place == PLACE_NEW_BLOCK) {
        if (!blocks_open(arena, size, align, grows)) return NULL;
        skip = skip_for(arena, align, &padding);
    }
    if (place == PLACE_NONE) return slots_take_run(arena, size, align);
    return take_at(arena, skip, size, padding);
}

void *bytes_take(struct arena *arena, size_t size, size_t align) { return take(arena, size, align, false); }

int bytes_refusal(const struct arena *arena, size_t size, size_t align) {
    size_t skip;
    size_t padding;
    return place_for(arena, size, align, &skip, &padding) == PLACE_NONE ? ARENA_EFULL : ARENA_ENOMEM;
}

/* Behind `size_bytes` that were taken as they are the window is closed, since nothing there is known to be zero.  Where
 * it is little, some of it is cleared ahead, as behind zeroed blocks: what comes next is as likely small, and then
 * comes out of the window. */
static void open_behind(struct arena *arena, size_t size_bytes) {
    char *cursor = arena->head.cursor;
    if (!arena->zeroes || arena->watched || arena->part_of == PART_OF_CONCURRENT) return;
    if (arena->ready <= cursor && size_bytes <= AHEAD_RAW_BYTES) slots_clear_for_handout(arena, cursor, cursor);
    slots_refresh(arena);
}

void *bytes_take_raw(struct arena *arena, size_t size, size_t align) {
    void *at = bytes_take(arena, size, align);
    if (at != NULL) open_behind(arena, size);
    return at;
}

void *bytes_take_vector(struct arena *arena, size_t size, size_t align) {
    void *at = take(arena, size, align, true);
    if (at != NULL) open_behind(arena, size);
    return at;
}

void *bytes_take_zeroed(struct arena *arena, size_t size, size_t align) {
    char *at = bytes_take(arena, size, align);
    if (at == NULL) return NULL;
    if (arena->clear != ARENA_CLEAR_NEVER) slots_clear_for_handout(arena, at, at + size);
    if (!arena->watched) slots_refresh(arena);
    return at;
}

char *bytes_free_room(const struct arena *arena, size_t *size_bytes) {
    *size_bytes = arena->watched ? 0 : (size_t)(arena->bound - arena->head.cursor);
    return arena->head.cursor;
}

void bytes_take_room(struct arena *arena, size_t size_bytes) {
    (void)take_at(arena, 0, size_bytes, 0);
    open_behind(arena, size_bytes);
    slots_refresh(arena);
}

void bytes_forget_room(struct arena *arena, size_t size_bytes) {
    if (size_bytes == 0) return;
    char *from = arena->head.cursor;
    char *to = from + size_bytes;
    if (arena->part_of == PART_OF_CONCURRENT && arena->clear == ARENA_CLEAR_ON_RESET) {
        slots_take_back(arena, from, to); /* all that is free is zero there, and most of it was not written to */
    } else {
        if (to > arena->dirty) arena->dirty = to;
        if (arena->ready > from && arena->clear != ARENA_CLEAR_NEVER) arena->ready = from;
    }
    if (to > arena->used_end) arena->used_end = to;
    slots_refresh(arena);
}

/* --- changing the size of a block --------------------------------------------------------------------------------- */

/* [from, cursor) is free again. */
static void give_tail(struct arena *arena, char *from) {
    char *to = arena->head.cursor;
    if (arena->watched) { /* what the zones take changes: the peak is what it is now */
        slots_note_high(arena);
        if (to > arena->used_end) arena->used_end = to;
    } else if (to > arena->head.peak) {
        arena->head.peak = to;
    }
    if (arena->clear == ARENA_CLEAR_ON_HANDOUT && (size_t)(to - from) <= CLEAR_TAIL_BYTES) {
        memset(from, 0, (size_t)(to - from));
        if (arena->watched) slots_hide(arena, from, to);
    } else {
        slots_take_back(arena, from, to);
    }
    arena->head.cursor = from;
    if (arena->gap_bytes != 0) slots_absorb_runs(arena);
    if (arena->watched) arena->head.limit = from;
}

static bool grow_last(struct arena *arena, size_t by, bool zeroed) {
    char *from = arena->head.cursor;
    if (by > (size_t)(arena->end - from) || by > arena->capacity - slots_used_bytes(arena)) return false;
    (void)take_at(arena, 0, by, 0);
    if (!zeroed) {
        open_behind(arena, by);
        return true;
    }
    slots_clear_for_handout(arena, from, from + by);
    if (arena->watched) poison_clear(from, by); /* zeros count as written, whatever the policy */
    return true;
}

bool bytes_newest(const struct arena *arena, const char *block, size_t size) {
    bool movable = block >= slots_floor(arena) && block <= arena->head.cursor;
    return movable && size != 0 && size == (size_t)(arena->head.cursor - block);
}

bool bytes_resize(struct arena *arena, char *block, size_t old_size, size_t new_size, bool zeroed) {
    if (slots_sealed(arena)) return false;
    if (new_size == old_size) return true;
    bool last = bytes_newest(arena, block, old_size);
    bool done = true;
    if (new_size < old_size) {
        if (last) {
            give_tail(arena, block + new_size);
        } else if (arena->watched) {
            poison_set(block + new_size, old_size - new_size);
        }
    } else {
        done = last && grow_last(arena, new_size - old_size, zeroed);
    }
    if (last) slots_refresh(arena);
    return done;
}

void bytes_give_to_parent(void *memory, size_t size, size_t align, void *parent) {
    struct arena *arena = parent;
    (void)align;
    slots_settle(arena);
    (void)bytes_resize(arena, memory, size, 0, true);
}

/* --- taking back -------------------------------------------------------------------------------------------------- */

void bytes_take_down_to(struct arena *arena, struct block *block, char *place, size_t zone_bytes) {
    blocks_save(arena);
    bytes_run_cleanups(arena, block, place);
    while (arena->block != block) {
        struct block *newest = arena->block;
        arena->block = newest->older;
        blocks_empty(arena, newest);
        blocks_keep_spare(arena, newest);
    }
    blocks_load(arena, block);
    char *cursor = arena->head.cursor;
    arena->zone_bytes = zone_bytes;
    if (arena->zeroes && (size_t)(cursor - place) <= CLEAR_TAIL_BYTES && !arena->watched) {
        memset(place, 0, (size_t)(cursor - place));
    } else {
        slots_take_back(arena, place, cursor);
    }
    arena->head.cursor = arena->head.peak = arena->head.limit = place;
}

void bytes_take_all(struct arena *arena) {
    slots_note_high(arena);
    size_t high_bytes = arena->high_bytes;
    char *cursor = arena->head.cursor;
    if (arena->cleanups != NULL) {
        blocks_save(arena);
        bytes_run_cleanups(arena, &arena->home, arena->home.base);
    }
    bool one = arena->spare == NULL &&
               (arena->block == &arena->home || (arena->prior_bytes == 0 && arena->block->older == &arena->home));
    if (one) {
        arena->used_end = slots_touched_end(arena);
        slots_take_back(arena, arena->base, cursor);
        arena->head.cursor = arena->head.limit = arena->base;
        arena->zone_bytes = 0;
        if (arena->gap_bytes != 0) slots_forget_runs(arena);
    } else {
        blocks_save(arena);
        blocks_go_on_with(arena, blocks_to_keep(arena, high_bytes), false);
    }
    if (high_bytes > (size_t)(arena->end - arena->base)) arena->want_bytes = high_bytes;
    slots_end_generation(arena, high_bytes, true);
    arena->resets++;
    arena->mark_depth = 0;
    arena->head.floor = arena->floor = arena->base;
    slots_refresh(arena);
}

void bytes_finish(struct arena *arena) {
    blocks_save(arena);
    bytes_run_cleanups(arena, &arena->home, arena->home.base);
    if (arena->block != &arena->home || arena->spare != NULL) blocks_go_on_with(arena, &arena->home, true);
    slots_refresh(arena);
}
