/* SPDX-License-Identifier: MIT */
/* The blocks of memory of a byte arena, which come as they are needed.
 *
 * The newest one is the arena's own base to end; older ones keep their state in struct block meanwhile (saved), and are
 * linked from the newest down to `home`, which lies behind struct arena and is never freed before it.  One free block
 * may wait for the next growth (spare).  A reset keeps the largest, or home alone; one that has to hold what a
 * generation needs is taken when the next block is opened, so after two generations one block serves a whole one.
 *
 * What is free in the heap stays in the process's memory, so the block that holds a generation is to lie where the
 * smaller ones lay: these go first, all of them.  Where it will have pages of its own, their pages go to the system.
 *
 * Where the source is an arena, it gets memory back that is its newest.  So blocks of a source take multiples of what
 * they are aligned to: then nothing lies between them; and the newest go first.
 *
 * Between blocks_save and blocks_load the saved state is the truth, and the arena's own fields are stale.
 */
#ifndef CORE_BLOCKS_H
#define CORE_BLOCKS_H

#include "core/slots.h"

#define BLOCKS_ALIGN ((size_t)64)
#define BLOCKS_HEADER_BYTES ((sizeof(struct block) + BLOCKS_ALIGN - 1) / BLOCKS_ALIGN * BLOCKS_ALIGN)
/* The second block, at least: with it an arena has twice as much. */
#define BLOCKS_GROW_FIRST ((size_t)4 << 10)
/* What a memory checker sees before each block that is handed out. */
#define BLOCKS_ZONE_BYTES ((size_t)16)

/* How far the capacity lets the newest block be used.  Under a checker the zones lie between, so each block is
 * counted. */
HOT_INLINE void blocks_set_bound(struct arena *arena) {
    size_t room = (size_t)(arena->end - arena->base);
    size_t left = arena->capacity - arena->prior_bytes;
    arena->bound = arena->watched || left > room ? arena->end : arena->base + left;
}

/* Puts the state of the newest block away, and makes a saved one the newest; slots_refresh is the caller's. */
void blocks_save(struct arena *arena);
void blocks_load(struct arena *arena, struct block *block);
/* A saved block has nothing in it any more. */
void blocks_empty(const struct arena *arena, struct block *block);

/* Makes a block with room for `size` bytes the newest; `grows`: for what is likely to grow in place.  false: no memory,
 * and nothing has changed. */
bool blocks_open(struct arena *arena, size_t size, size_t align, bool grows);
/* Is it one of the arena's? */
bool blocks_has(const struct arena *arena, const struct block *block);
/* The block that a reset keeps, after a generation that used high_bytes. */
struct block *blocks_to_keep(struct arena *arena, size_t high_bytes);
/* Goes on with `kept` alone, empty; the newest block is saved.  `ends`: with the arena, so that its memory may be kept
 * for another one. */
void blocks_go_on_with(struct arena *arena, struct block *kept, bool ends);

/* Keeps the larger of two free blocks for the next growth; and lets the one that is kept go. */
void blocks_keep_spare(struct arena *arena, struct block *block);
void blocks_drop_spare(struct arena *arena);
/* A rewind has taken so many bytes back: where the spare block would not hold them, the next one that is opened
 * does. */
void blocks_note_taken(struct arena *arena, size_t bytes);
/* What is left of the excess when generations need no more than need_bytes.  `all`: all was taken back, and no mark
 * lives. */
void blocks_give_back(struct arena *arena, size_t need_bytes, bool all);

#endif
