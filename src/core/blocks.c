/* SPDX-License-Identifier: MIT */
/* See blocks.h. */
#include "core/blocks.h"

#include "base/arith.h"
#include "base/poison.h"
#include "platform/memory.h"

/* From here on blocks are pages of their own, as they would be in the heap. */
#define PAGES_FROM ((size_t)128 << 10)
/* Blocks double up to this size. */
#define GROW_MOST ((size_t)4 << 20)
/* A block that is to hold what a generation needs is larger by this part of it: padding differs from one to the
 * next. */
#define WANT_PART ((size_t)64)
#define GROW_TIMES ((size_t)8)
#define GROW_LEAST ((size_t)16 << 20)
/* A large block is one of many where those before it are so many times what the next block of memory would hold. */
#define GROW_SHARE ((size_t)8)

static size_t body_of(const struct block *block) { return (size_t)(block->end - block->base); }

void blocks_save(struct arena *arena) {
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

void blocks_load(struct arena *arena, struct block *block) {
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
    blocks_set_bound(arena);
}

/* A saved block has nothing in it any more. */
void blocks_empty(const struct arena *arena, struct block *block) {
    if (block->cursor > block->dirty) block->dirty = block->cursor;
    if (arena->watched) poison_set(block->base, (size_t)(block->cursor - block->base));
    block->cursor = block->floor = block->base;
    block->ready = arena->clear == ARENA_CLEAR_NEVER ? block->end : block->base;
    block->prior_bytes = block->zone_bytes = 0;
}

/* The whole pages of a block of the heap leave the process's memory. */
static void discard(const struct block *block) {
    size_t page = pages_size();
    char *from = block->base + slots_padding((uintptr_t)block->base, page);
    char *to = block->end - (uintptr_t)block->end % page;
    if (from < to) (void)pages_discard(from, (size_t)(to - from));
}

/* Frees a saved block that is not home.  `ends`: with the arena, so that another one like it may want the memory; one
 * that goes on has a larger block, and nobody waits for this one. */
static void free_block(struct arena *arena, struct block *block, bool ends) {
    struct block copy = *block;
    if (arena->watched) {
        poison_clear(copy.memory, copy.memory_bytes);
        if (copy.backing == BACKING_PAGES) poison_unroot(copy.memory, copy.end);
    }
    if (copy.backing == BACKING_PAGES) {
        struct span span = {copy.memory, copy.memory_bytes, 0};
        char *touched = copy.used_end > copy.dirty ? copy.used_end : copy.dirty;
        backing_unmap(&span, (size_t)(touched - copy.memory), ends && !arena->watched ? BACKING_KEEP_MOST : 0);
    } else {
        if (copy.backing == BACKING_HEAP && !ends && arena->want_bytes >= PAGES_FROM) discard(&copy);
        backing_give(&arena->source, copy.memory, copy.memory_bytes, copy.memory_align);
    }
}

static void drop_spare(struct arena *arena, bool ends) {
    struct block *spare = arena->spare;
    arena->spare = NULL;
    if (spare != NULL) free_block(arena, spare, ends);
}
void blocks_drop_spare(struct arena *arena) { drop_spare(arena, false); }

/* Keeps the larger of two free blocks for the next growth. */
void blocks_keep_spare(struct arena *arena, struct block *block) {
    struct block *other = arena->spare;
    arena->spare = block;
    if (other == NULL) return;
    if (body_of(other) > body_of(block)) {
        arena->spare = other;
        other = block;
    }
    free_block(arena, other, false);
}

void blocks_note_taken(struct arena *arena, size_t bytes) {
    if (arena->spare != NULL && bytes > body_of(arena->spare)) arena->want_bytes = bytes;
}

/* A block with room for `body` bytes at `align`; NULL: no memory. */
static struct block *make_block(struct arena *arena, size_t body, size_t align) {
    size_t bytes;
    size_t extra = BLOCKS_HEADER_BYTES + align + SLOTS_CLEAR_STEP + (arena->watched ? POISON_REDZONE_BYTES : 0);
    if (!arith_add(body, extra, &bytes) || bytes > ARITH_MAX_BYTES) return NULL;
    enum backing backing = arena->source.take != NULL ? BACKING_SOURCE : BACKING_HEAP;
    if (backing == BACKING_SOURCE) bytes += slots_padding(bytes, BLOCKS_ALIGN);
    struct span span = {NULL, bytes, bytes};
    if (backing == BACKING_HEAP && bytes >= PAGES_FROM) {
        size_t dirty_bytes = arena->watched ? 0 : BACKING_KEEP_MOST;
        bytes += slots_padding(bytes, pages_size());
        if (!backing_map(bytes, dirty_bytes, &span, NULL)) return NULL;
        backing = BACKING_PAGES;
    } else {
        span.memory = backing_take(&arena->source, bytes, BLOCKS_ALIGN);
        if (span.memory == NULL) return NULL;
    }
    struct block *block = (struct block *)(void *)span.memory;
    char *after = span.memory + BLOCKS_HEADER_BYTES + (arena->watched ? POISON_REDZONE_BYTES : 0);
    char *base = after + slots_padding((uintptr_t)after, align);
    char *behind = span.memory + bytes;
    char *dirty = span.memory + span.dirty_bytes;
    *block = (struct block){
        .memory = span.memory,
        .memory_bytes = bytes,
        .memory_align = BLOCKS_ALIGN,
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
        size_t hidden = (size_t)(behind - (span.memory + BLOCKS_HEADER_BYTES));
        poison_set(span.memory + BLOCKS_HEADER_BYTES, hidden < POISON_BOUND_BYTES ? hidden : POISON_BOUND_BYTES);
        poison_set(block->end, SLOTS_CLEAR_STEP);
        if (backing == BACKING_PAGES) poison_root(span.memory, block->end); /* its header leads to the older ones */
    }
    return block;
}

/* A block for a large vector has room for it to double thrice in place, and up to GROW_LEAST, where that is address
 * space, which costs nothing until it is touched.  One that was grown one by one is moved for an eighth of what it
 * would be else, and leaves as little behind.  false: the block is of memory, or address space is scarce. */
static bool room_to_grow(const struct arena *arena, size_t size, size_t *body) {
    if (sizeof(void *) < 8 || size < BACKING_PAGES_FROM || arena->source.take != NULL) return false;
    if (arena->watched || pages_limited() || !arith_mul(size, GROW_TIMES, body)) return false;
    if (*body < GROW_LEAST) *body = GROW_LEAST;
    return true;
}

/* Makes a block with room for `size` bytes the newest.  false: no memory. */
bool blocks_open(struct arena *arena, size_t size, size_t align, bool grows) {
    if (align < BLOCKS_ALIGN) align = BLOCKS_ALIGN;
    struct block *block = arena->spare;
    size_t zone = arena->watched ? BLOCKS_ZONE_BYTES + align : 0;
    if (block != NULL &&
        (((uintptr_t)block->base & (align - 1)) != 0 || body_of(block) < size || body_of(block) - size < zone)) {
        block = NULL;
    }
    if (block != NULL) {
        arena->spare = NULL;
    } else {
        size_t body = arena->want_bytes + arena->want_bytes / WANT_PART;
        if (body < arena->grow_bytes) body = arena->grow_bytes;
        size_t left = arena->capacity - slots_used_bytes(arena);
        bool large = size > body / 2;
        if (large && !(grows && room_to_grow(arena, size, &body)) && !arith_add(body, size, &body)) body = size;
        if (arena->watched && (!arith_add(body, body, &body) || body < zone || body - zone < size)) body = size + zone;
        if (!arena->watched && body > left) body = left;
        if (arena->source.take != NULL) blocks_drop_spare(arena);
        block = make_block(arena, body, align);
        if (block == NULL) {
            body = size + zone; /* there is an object that large, and a zone of its alignment */
            block = make_block(arena, body, align);
            if (block == NULL && arena->spare != NULL) {
                blocks_drop_spare(arena);
                block = make_block(arena, body, align);
            }
            if (block != NULL) { /* memory is short: what comes next asks for less, and gets it in one attempt */
                arena->grow_bytes = BLOCKS_GROW_FIRST;
                arena->want_bytes = 0;
            }
        }
        if (block == NULL) return false;
        bool one_of_many = !large || slots_used_bytes(arena) / GROW_SHARE >= arena->grow_bytes;
        if (one_of_many && arena->grow_bytes < GROW_MOST) arena->grow_bytes *= 2;
        blocks_drop_spare(arena);
    }
    blocks_save(arena);
    block->prior_bytes = slots_used_bytes(arena);
    block->marks_before = arena->mark_serial;
    block->older = arena->block; /* also where that has nothing in it: a mark may live there */
    blocks_load(arena, block);
    arena->reset_work |= WORK_BLOCKS;
    if (arena->keeps == KEEPS_BYTES) arena->keeps = KEEPS_GROWN;
    return true;
}

bool blocks_has(const struct arena *arena, const struct block *block) {
    const struct block *at = arena->block;
    while (at != NULL && at != block) at = at->older;
    return at != NULL;
}

/* The largest of the blocks and the spare one; home, where that is one of the heap and too small. */
struct block *blocks_to_keep(struct arena *arena, size_t high_bytes) {
    struct block *best = &arena->home;
    for (struct block *at = arena->block; at != NULL; at = at->older) {
        if (body_of(at) > body_of(best)) best = at;
    }
    if (arena->spare != NULL && body_of(arena->spare) > body_of(best)) best = arena->spare;
    if (high_bytes <= body_of(best)) return best;
    arena->want_bytes = high_bytes;
    if (best->backing != BACKING_HEAP) return best;
    arena->grow_bytes = BLOCKS_GROW_FIRST; /* the next block holds all that is wanted */
    return &arena->home;
}

/* Goes on with `kept` alone, empty; the newest block is saved. */
void blocks_go_on_with(struct arena *arena, struct block *kept, bool ends) {
    if (arena->spare == kept) arena->spare = NULL;
    drop_spare(arena, ends);
    for (struct block *at = arena->block, *older; at != NULL; at = older) {
        older = at->older;
        blocks_empty(arena, at);
        if (at != kept && at != &arena->home) free_block(arena, at, ends);
    }
    if (kept != &arena->home) kept->older = &arena->home;
    blocks_load(arena, kept);
}

/* What a block would give back: address space that nothing has touched is none. */
static size_t held_bytes(const struct block *block, const char *base, const char *end, const char *used_end) {
    return (size_t)((block->backing == BACKING_PAGES ? used_end : end) - base);
}

void blocks_give_back(struct arena *arena, size_t need_bytes, bool all) {
    const struct block *spare = arena->spare;
    arena->want_bytes = need_bytes;
    if (spare != NULL && held_bytes(spare, spare->base, spare->end, spare->used_end) / 2 >= need_bytes)
        blocks_drop_spare(arena);
    size_t held = held_bytes(arena->block, arena->base, arena->end, slots_touched_end(arena));
    if (!all || arena->block == &arena->home || need_bytes > held / 2) return;
    blocks_save(arena);
    blocks_go_on_with(arena, &arena->home, false);
}
