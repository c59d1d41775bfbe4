/* SPDX-License-Identifier: MIT */
/* Byte arenas: blocks of any size, handed out of blocks of memory that come as they are needed (blocks.h), and given
 * back by growing, shrinking, rewinding and resetting.
 *
 * The window reaches to `ready`: memory is cleared a few KiB ahead of the cursor, so inline code finds it zero whatever
 * the policy; and never beyond the capacity.
 *
 * A memory checker sees a zone before each block that is handed out.  zone_bytes is what these take, so that the counts
 * are as without it; where the room for them is not the arena's own (create_in) they count as used.
 */
#ifndef CORE_BYTES_H
#define CORE_BYTES_H

#include "core/blocks.h"
#include "core/create.h"

/* The type of byte arenas: elements of one byte. */
extern const struct arena_type bytes_type;

/* A cleanup, in the arena. */
struct cleanup {
    void (*run)(void *user); /* these two are what the program sees */
    void *user;
    struct cleanup *older;
};

/* What the first block and the struct take together, less what the heap adds.  A page would be more than many small
 * lives use, and all of it comes to be resident. */
#define BYTES_FIRST_BYTES ((size_t)2560 - 32)
#define BYTES_FIRST_LEAST ((size_t)1024)
/* A first block that is asked for lies behind the struct up to this size. */
#define BYTES_HOME_MOST ((size_t)64 << 10)

#define BYTES_AROUND_FIRST (BLOCKS_ALIGN + SLOTS_CLEAR_STEP)

/* Bytes for blocks behind a header of that size. */
HOT_INLINE size_t bytes_first_block(const struct slots_plan *plan, size_t header_bytes, bool watched) {
    size_t around = header_bytes + BYTES_AROUND_FIRST;
    size_t bytes = around + BYTES_FIRST_LEAST > BYTES_FIRST_BYTES ? BYTES_FIRST_LEAST : BYTES_FIRST_BYTES - around;
    if (plan->block_bytes != 0) bytes = plan->block_bytes < BYTES_HOME_MOST ? plan->block_bytes : BYTES_HOME_MOST;
    if (bytes > plan->bytes) bytes = plan->bytes;
    if (LIKELY(!watched)) return bytes;
    /* Zones are not to end what grows before the capacity does. */
    return bytes + (bytes < BYTES_FIRST_LEAST ? 3 * bytes : 3 * BYTES_FIRST_LEAST) + BYTES_FIRST_LEAST;
}

/* What a byte arena has beside its memory, which is there. */
HOT_INLINE void bytes_start(struct arena *arena, const struct slots_plan *plan, const struct slots_place *place) {
    size_t room = (size_t)(arena->end - arena->base);
    arena->grows = arena->part_of != PART_OF_CONCURRENT && (place == NULL || place->grows);
    arena->capacity = arena->grows || place == NULL ? plan->bytes : room;
    arena->grow_bytes = plan->block_bytes > BLOCKS_GROW_FIRST ? plan->block_bytes : BLOCKS_GROW_FIRST;
    blocks_set_bound(arena);
}

/* Room for so many bytes with zones, in an arena that does not grow; false: too much. */
bool bytes_zoned(size_t bytes, size_t *zoned_bytes);
/* Runs the cleanups, and frees every block but home, which is the newest afterwards; peak_bytes is right. */
void bytes_finish(struct arena *arena);

/* Takes a block of size > 0 of an arena that is not sealed, whose contents are those of before.  NULL: bytes_refusal
 * says why. */
void *bytes_take(struct arena *arena, size_t size, size_t align);
/* The same, for a block that the program fills: the window is open behind it, where it is small. */
void *bytes_take_raw(struct arena *arena, size_t size, size_t align);
/* The same, for a vector, which is likely to grow. */
void *bytes_take_vector(struct arena *arena, size_t size, size_t align);
/* The same, zeroed but with ARENA_CLEAR_NEVER. */
void *bytes_take_zeroed(struct arena *arena, size_t size, size_t align);
/* A block of no bytes: any aligned address. */
void *bytes_take_nothing(const struct arena *arena, size_t align);
/* Why there was no block: ARENA_EFULL or ARENA_ENOMEM. */
int bytes_refusal(const struct arena *arena, size_t size, size_t align);

/* Is that block the newest, and may it change where it lies: does it not lie below a mark? */
bool bytes_newest(const struct arena *arena, const char *block, size_t size);
/* Changes the size of a block in place; what it grows by is zero, if it is to be (`zeroed`).  false: nothing has
 * changed. */
bool bytes_resize(struct arena *arena, char *block, size_t old_size, size_t new_size, bool zeroed);

/* The `give` of a source that is an arena (`parent`), which mostly gets nothing back by it. */
void bytes_give_to_parent(void *memory, size_t size, size_t align, void *parent);

/* What is free behind the cursor and may be written to before it is taken; 0 bytes under a checker.  What was written
 * there and is not taken has to be forgotten: [cursor, cursor + size_bytes) is then as it was to everybody. */
char *bytes_free_room(const struct arena *arena, size_t *size_bytes);
/* Takes [cursor, cursor + size_bytes) of it as it is. */
void bytes_take_room(struct arena *arena, size_t size_bytes);
void bytes_forget_room(struct arena *arena, size_t size_bytes);

bool bytes_set_cap(struct arena *arena, size_t capacity);

/* Registers a cleanup (cleanup.c); NULL: no room. */
struct cleanup *bytes_defer(struct arena *arena, void (*run)(void *user), void *user);
/* Runs those above `place` in `block`, one of the arena's, newest first; the newest block is saved. */
void bytes_run_cleanups(struct arena *arena, const struct block *block, const char *place);

/* Takes everything back; the policy says how. */
void bytes_take_all(struct arena *arena);
/* The same down to a place in one of the blocks. */
void bytes_take_down_to(struct arena *arena, struct block *block, char *place, size_t zone_bytes);

#endif
