/* SPDX-License-Identifier: MIT */
/* See bytes.h, and slots.h for the invariants. */
#include "core/bytes.h"

#include "base/arith.h"
#include "base/poison.h"
#include "platform/memory.h"
#include "platform/sync.h"
#include "runtime/thread.h"

/* Blocks double up to this size. */
#define GROW_MOST ((size_t)4 << 20)
#define HEADER_BYTES ((sizeof(struct block) + BYTES_BLOCK_ALIGN - 1) / BYTES_BLOCK_ALIGN * BYTES_BLOCK_ALIGN)
/* What a checker sees before each block. */
#define ZONE_BYTES ((size_t)16)
#define ZONE_ALIGN ((size_t)8)
#define ZONE_TIMES ((size_t)32)
#define ZONE_EXTRA_BYTES ((size_t)128 << 10)
/* What a shrink clears, rather than let the window close. */
#define CLEAR_TAIL_BYTES ((size_t)4 << 10)
/* Behind a block up to this size that a program fills, some is cleared ahead. */
#define AHEAD_RAW_BYTES ((size_t)1 << 10)

const struct arena_type bytes_type = {"arena bytes", 1, 1, NULL, 0, 0};

static size_t body_of(const struct block *block) { return (size_t)(block->end - block->base); }

/* --- blocks of memory --------------------------------------------------------------------------------------------- */

static void save(struct arena *arena) {
    struct block *block = arena->block;
    slots_note_high(arena);
    block->base = arena->base;
    block->end = arena->end;
    block->cursor = arena->head.cursor;
    block->floor = slots_floor(arena);
    block->ready = arena->ready;
    block->dirty = arena->dirty;
    block->touched = arena->touched;
    block->used_end = slots_touched_end(arena);
    block->poison_end = arena->poison_end;
    block->prior_bytes = arena->prior_bytes;
    block->zone_bytes = arena->zone_bytes;
}

static void load(struct arena *arena, struct block *block) {
    arena->block = block;
    arena->base = block->base;
    arena->end = block->end;
    arena->head.cursor = arena->head.peak = arena->head.limit = block->cursor;
    arena->floor = block->floor;
    arena->head.floor = SLOTS_NO_FLOOR; /* until slots_refresh knows better */
    arena->ready = block->ready;
    arena->dirty = block->dirty;
    arena->touched = block->touched;
    arena->used_end = block->used_end;
    arena->poison_end = block->poison_end;
    arena->prior_bytes = block->prior_bytes;
    arena->zone_bytes = block->zone_bytes;
    bytes_set_bound(arena);
}

/* A saved block has nothing in it any more. */
static void empty(const struct arena *arena, struct block *block) {
    if (block->cursor > block->dirty) block->dirty = block->cursor;
    if (arena->watched) poison_set(block->base, (size_t)(block->cursor - block->base));
    block->cursor = block->floor = block->base;
    block->ready = arena->clear == ARENA_CLEAR_NEVER ? block->end : block->base;
    block->prior_bytes = block->zone_bytes = 0;
}

/* Frees a saved block that is not home.  `ends`: with the arena, so that another one like it may want the memory; one that
 * goes on has a larger block, and nobody waits for this one. */
static void free_block(struct arena *arena, struct block *block, bool ends) {
    struct block copy = *block;
    if (arena->watched) {
        poison_clear(copy.memory, copy.memory_bytes);
        if (copy.backing == BACKING_PAGES) poison_unroot(copy.memory, copy.end);
    }
    if (copy.backing == BACKING_PAGES) {
        struct span span = {copy.memory, copy.memory_bytes, 0};
        char *touched = copy.used_end > copy.dirty && copy.dirty != copy.end ? copy.used_end : copy.dirty;
        backing_unmap(&span, (size_t)(touched - copy.memory), ends && !arena->watched);
    } else {
        backing_give(&arena->source, copy.memory, copy.memory_bytes, copy.memory_align);
    }
}

static void drop_spare(struct arena *arena, bool ends) {
    struct block *spare = arena->spare;
    arena->spare = NULL;
    if (spare != NULL) free_block(arena, spare, ends);
}
void bytes_drop_spare(struct arena *arena) { drop_spare(arena, false); }

/* Keeps the larger of two free blocks for the next growth. */
static void keep_spare(struct arena *arena, struct block *block) {
    struct block *other = arena->spare;
    arena->spare = block;
    if (other == NULL) return;
    if (body_of(other) > body_of(block)) {
        arena->spare = other;
        other = block;
    }
    free_block(arena, other, false);
}

/* A block with room for `body` bytes at `align`; NULL: no memory. */
static struct block *make_block(struct arena *arena, size_t body, size_t align) {
    size_t bytes;
    size_t extra = HEADER_BYTES + align + SLOTS_CLEAR_STEP + (arena->watched ? POISON_REDZONE_BYTES : 0);
    if (!arith_add(body, extra, &bytes) || bytes > ARITH_MAX_BYTES) return NULL;
    struct span span = {NULL, bytes, bytes};
    enum backing backing = arena->source.take != NULL ? BACKING_SOURCE : BACKING_HEAP;
    if (backing == BACKING_HEAP && bytes >= BACKING_PAGES_FROM) {
        if (!arith_round_up(bytes, pages_size(), &bytes) || !backing_map(bytes, arena->watched, &span)) return NULL;
        backing = BACKING_PAGES;
    } else {
        span.memory = backing_take(&arena->source, bytes, BYTES_BLOCK_ALIGN);
        if (span.memory == NULL) return NULL;
    }
    struct block *block = (struct block *)(void *)span.memory;
    char *after = span.memory + HEADER_BYTES + (arena->watched ? POISON_REDZONE_BYTES : 0);
    char *base = after + slots_padding((uintptr_t)after, align);
    char *behind = span.memory + bytes;
    char *dirty = span.memory + span.dirty_bytes;
    *block = (struct block){
        .memory = span.memory,
        .memory_bytes = bytes,
        .memory_align = BYTES_BLOCK_ALIGN,
        .backing = backing,
        .base = base,
        .end = behind - SLOTS_CLEAR_STEP,
        .cursor = base,
        .floor = base,
        .touched = base,
        .used_end = base,
        .poison_end = base,
    };
    block->dirty = dirty < base ? base : dirty < block->end ? dirty : block->end;
    if (backing == BACKING_PAGES) block->used_end = block->dirty;
    block->ready = block->dirty == base || arena->clear == ARENA_CLEAR_NEVER ? block->end : base;
    if (arena->watched) {
        size_t hidden = (size_t)(behind - (span.memory + HEADER_BYTES));
        poison_set(span.memory + HEADER_BYTES, hidden < POISON_BOUND_BYTES ? hidden : POISON_BOUND_BYTES);
        poison_set(block->end, SLOTS_CLEAR_STEP);
        if (backing == BACKING_PAGES) poison_root(span.memory, block->end); /* its header leads to the older ones */
    }
    return block;
}

/* Makes a block with room for `size` bytes the newest.  false: no memory. */
static bool open_block(struct arena *arena, size_t size, size_t align) {
    if (align < BYTES_BLOCK_ALIGN) align = BYTES_BLOCK_ALIGN;
    struct block *block = arena->spare;
    size_t zone = arena->watched ? ZONE_BYTES + align : 0;
    if (block != NULL &&
        (((uintptr_t)block->base & (align - 1)) != 0 || body_of(block) < size || body_of(block) - size < zone)) {
        block = NULL;
    }
    if (block != NULL) {
        arena->spare = NULL;
    } else {
        size_t body = arena->grow_bytes > arena->want_bytes ? arena->grow_bytes : arena->want_bytes;
        size_t left = arena->capacity - slots_used_bytes(arena);
        bool large = size > body / 2;
        if (large && !arith_add(body, size, &body)) body = size;
        if (arena->watched && (!arith_add(body, body, &body) || body < zone || body - zone < size)) {
            if (!arith_add(size, zone, &body)) return false;
        }
        if (!arena->watched && body > left) body = left;
        block = make_block(arena, body, align);
        if (block == NULL && arith_add(size, zone, &body)) block = make_block(arena, body, align);
        if (block == NULL) return false;
        if (!large && arena->grow_bytes < GROW_MOST) arena->grow_bytes *= 2;
        bytes_drop_spare(arena);
    }
    save(arena);
    block->prior_bytes = slots_used_bytes(arena);
    block->older = arena->block; /* also where that has nothing in it: a mark may live there */
    load(arena, block);
    arena->reset_work |= WORK_BLOCKS;
    return true;
}

/* --- life --------------------------------------------------------------------------------------------------------- */

/* A block of one byte, and what it is aligned to, come to no more than ZONE_TIMES. */
bool bytes_zoned(size_t bytes, size_t *zoned_bytes) {
    return arith_mul(bytes, ZONE_TIMES, zoned_bytes) && arith_add(*zoned_bytes, ZONE_EXTRA_BYTES, zoned_bytes);
}

bool bytes_set_cap(struct arena *arena, size_t capacity) {
    if (capacity < slots_used_bytes(arena)) return false;
    if (!arena->grows && capacity > (size_t)(arena->end - arena->base)) return false;
    arena->capacity = capacity;
    bytes_set_bound(arena);
    slots_refresh(arena);
    return true;
}

/* --- cleanups ----------------------------------------------------------------------------------------------------- */

struct cleanup *bytes_defer(struct arena *arena, void (*run)(void *user), void *user) {
    struct cleanup *cleanup = bytes_take(arena, sizeof *cleanup, _Alignof(struct cleanup));
    if (cleanup == NULL) return NULL;
    *cleanup = (struct cleanup){run, user, arena->cleanups};
    arena->cleanups = cleanup;
    slots_refresh(arena);
    return cleanup;
}

/* Runs the cleanups in [from, to), newest first, as slots_drop_down_to runs drops. */
static void run_cleanups(struct arena *arena, const char *from, const char *to) {
    struct thread_state *state = thread_state();
    bool was_dropping = state->dropping;
    uint8_t was_closed = arena->closed;
    int cancel = thread_hold_cancel();
    slots_close(arena, CLOSED_DROPPING);
    state->dropping = true;
    for (struct cleanup *at = arena->cleanups; at != NULL; at = arena->cleanups) {
        if ((const char *)at < from || (const char *)at >= to) break;
        arena->cleanups = at->older;
        if (at->run != NULL) at->run(at->user);
    }
    state->dropping = was_dropping;
    arena->closed = was_closed;
    thread_release_cancel(cancel);
}

/* Those above `place` in `block`, one of the arena's; the newest block is saved. */
static void run_cleanups_down_to(struct arena *arena, const struct block *block, const char *place) {
    if (arena->cleanups == NULL) return;
    for (const struct block *at = arena->block; at != block; at = at->older) run_cleanups(arena, at->base, at->cursor);
    run_cleanups(arena, place, block->cursor);
}

/* --- handing out -------------------------------------------------------------------------------------------------- */

/* How far behind the cursor a block would begin, and by how much the used bytes would grow before it.  Of addresses only
 * those that are in the block of memory are made: far alignments would lead beyond the last one. */
static size_t skip_for(const struct arena *arena, size_t align, size_t *padding) {
    uintptr_t cursor = (uintptr_t)arena->head.cursor;
    if (!arena->watched) return *padding = slots_padding(cursor, align);
    size_t offset = (size_t)(arena->head.cursor - arena->base) - arena->zone_bytes;
    size_t skip = ZONE_BYTES + slots_padding(cursor + ZONE_BYTES, align < ZONE_ALIGN ? ZONE_ALIGN : align);
    bool counted = !arena->grows && arena->owner != SLOTS_OWNER_GATE;
    *padding = counted ? skip : slots_padding((uintptr_t)arena->base + offset, align);
    return skip;
}

/* Is there an object that large? */
static bool possible(size_t size, size_t align) {
    size_t extra = HEADER_BYTES + SLOTS_CLEAR_STEP + POISON_REDZONE_BYTES;
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

void *bytes_take(struct arena *arena, size_t size, size_t align) {
    if (slots_sealed(arena)) return NULL;
    size_t skip;
    size_t padding;
    enum place place = place_for(arena, size, align, &skip, &padding);
    if (place == PLACE_NEW_BLOCK) {
        if (!open_block(arena, size, align)) return NULL;
        skip = skip_for(arena, align, &padding);
    }
    if (place == PLACE_NONE) return slots_take_run(arena, size, align);
    return take_at(arena, skip, size, padding);
}

int bytes_refusal(const struct arena *arena, size_t size, size_t align) {
    size_t skip;
    size_t padding;
    return place_for(arena, size, align, &skip, &padding) == PLACE_NONE ? ARENA_EFULL : ARENA_ENOMEM;
}

/* Behind `size_bytes` that were taken as they are the window is closed, since nothing there is known to be zero.  Where it is
 * little, some of it is cleared ahead, as behind zeroed blocks: what comes next is as likely small, and then comes out of
 * the window. */
static void open_behind(struct arena *arena, size_t size_bytes) {
    char *cursor = arena->head.cursor;
    if (!arena->zeroes || arena->watched || arena->owner == SLOTS_OWNER_GATE) return;
    if (arena->ready <= cursor && size_bytes <= AHEAD_RAW_BYTES) slots_clear_for_handout(arena, cursor, cursor);
    slots_refresh(arena);
}

void *bytes_take_raw(struct arena *arena, size_t size, size_t align) {
    void *at = bytes_take(arena, size, align);
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

void bytes_forget_room(struct arena *arena, size_t size_bytes) {
    char *from = arena->head.cursor;
    char *to = from + size_bytes;
    if (size_bytes == 0) return;
    if (arena->owner == SLOTS_OWNER_GATE && arena->clear == ARENA_CLEAR_ON_RESET) {
        memset(from, 0, size_bytes); /* all that is free is zero there */
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
    if (to > arena->head.peak) arena->head.peak = to;
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

bool bytes_resize(struct arena *arena, char *block, size_t old_size, size_t new_size, bool zeroed) {
    if (slots_sealed(arena)) return false;
    if (new_size == old_size) return true;
    bool movable = block >= slots_floor(arena) && block >= arena->base && block <= arena->head.cursor;
    bool last = movable && old_size != 0 && old_size == (size_t)(arena->head.cursor - block);
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

/* --- taking back -------------------------------------------------------------------------------------------------- */

bool bytes_has_block(const struct arena *arena, const struct block *block) {
    const struct block *at = arena->block;
    while (at != NULL && at != block) at = at->older;
    return at != NULL;
}

void bytes_take_down_to(struct arena *arena, struct block *block, char *place, size_t zone_bytes) {
    save(arena);
    run_cleanups_down_to(arena, block, place);
    while (arena->block != block) {
        struct block *newest = arena->block;
        arena->block = newest->older;
        if (newest == &arena->home) continue;
        empty(arena, newest);
        keep_spare(arena, newest);
    }
    load(arena, block);
    char *cursor = arena->head.cursor;
    arena->zone_bytes = zone_bytes;
    if (arena->used_end < cursor) arena->used_end = cursor;
    if (arena->zeroes && (size_t)(cursor - place) <= CLEAR_TAIL_BYTES && !arena->watched) {
        memset(place, 0, (size_t)(cursor - place));
    } else {
        slots_take_back(arena, place, cursor);
    }
    arena->head.cursor = arena->head.peak = arena->head.limit = place;
}

/* The largest of the blocks, and the spare one. */
static struct block *largest(struct arena *arena) {
    struct block *best = &arena->home;
    for (struct block *at = arena->block; at != NULL; at = at->older) {
        if (body_of(at) > body_of(best)) best = at;
    }
    if (arena->spare != NULL && body_of(arena->spare) > body_of(best)) best = arena->spare;
    return best;
}

/* Goes on with `kept` alone, empty; the newest block is saved. */
static void go_on_with(struct arena *arena, struct block *kept, bool ends) {
    for (struct block *at = arena->block, *older; at != NULL; at = older) {
        older = at->older;
        empty(arena, at);
        if (at != kept && at != &arena->home) free_block(arena, at, ends);
    }
    if (arena->spare == kept) arena->spare = NULL;
    drop_spare(arena, ends);
    if (kept != &arena->home) kept->older = &arena->home;
    load(arena, kept);
}

void bytes_take_all(struct arena *arena) {
    slots_note_high(arena);
    size_t high_bytes = arena->high_bytes;
    char *cursor = arena->head.cursor;
    if (arena->cleanups != NULL) {
        save(arena);
        run_cleanups_down_to(arena, &arena->home, arena->home.base);
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
        save(arena);
        go_on_with(arena, largest(arena), false);
    }
    if (high_bytes > (size_t)(arena->end - arena->base)) arena->want_bytes = high_bytes;
    slots_end_generation(arena, high_bytes, true);
    arena->resets++;
    arena->mark_depth = 0;
    arena->head.floor = arena->floor = arena->base;
    slots_refresh(arena);
}

void bytes_give_back(struct arena *arena, size_t need_bytes, bool all) {
    arena->want_bytes = need_bytes;
    if (arena->spare != NULL && body_of(arena->spare) / 2 >= need_bytes) bytes_drop_spare(arena);
    if (!all || arena->block == &arena->home || need_bytes > (size_t)(arena->end - arena->base) / 2) return;
    save(arena);
    go_on_with(arena, &arena->home, false);
}

void bytes_finish(struct arena *arena) {
    if (arena->block == &arena->home && arena->cleanups == NULL && arena->spare == NULL) return;
    save(arena);
    run_cleanups_down_to(arena, &arena->home, arena->home.base);
    go_on_with(arena, &arena->home, true);
}
