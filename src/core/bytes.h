/* SPDX-License-Identifier: MIT */
/* Byte arenas: blocks of any size, handed out of blocks of memory that come as they are needed.
 *
 * The newest block of memory (struct block) is the arena's own base to end; older ones keep their state.  `home` lies behind
 * the struct, so that a small use is one allocation.  A reset keeps the largest block; one that has to hold what a generation
 * needs is taken when the next block is opened, so after two generations one block serves a whole one.
 *
 * The window reaches to `ready`: memory is cleared a few KiB ahead of the cursor, so inline code finds it zero whatever the
 * policy; and never beyond the capacity.
 *
 * A memory checker sees a zone before each block that is handed out.  zone_bytes is what these take, so that the counts are
 * as without it; where the room for them is not the arena's own (create_in) they count as used.
 */
#ifndef CORE_BYTES_H
#define CORE_BYTES_H

#include "core/slots.h"

/* The type of byte arenas: elements of one byte. */
extern const struct arena_type bytes_type;

/* A cleanup, in the arena. */
struct cleanup {
    void (*run)(void *user); /* these two are what the program sees */
    void *user;
    struct cleanup *older;
};

/* Bytes for blocks behind a header of that size. */
size_t bytes_first_block(const struct slots_plan *plan, size_t header_bytes);
/* Room for so many bytes with zones, in an arena that does not grow; false: too much. */
bool bytes_zoned(size_t bytes, size_t *zoned_bytes);
void bytes_start(struct arena *arena, const struct slots_plan *plan, const struct slots_place *place);
/* Runs the cleanups, and frees every block but home, which is the newest afterwards. */
void bytes_finish(struct arena *arena);

/* Takes a block of size > 0, whose contents are those of before.  NULL: bytes_refusal says why. */
void *bytes_take(struct arena *arena, size_t size, size_t align);
/* The same, zeroed but with ARENA_CLEAR_NEVER. */
void *bytes_take_zeroed(struct arena *arena, size_t size, size_t align);
/* A block of no bytes: any aligned address. */
void *bytes_take_nothing(const struct arena *arena, size_t align);
/* Why there was no block: ARENA_EFULL or ARENA_ENOMEM. */
int bytes_refusal(const struct arena *arena, size_t size, size_t align);

/* Changes the size of a block in place; what it grows by is zero, if it is to be (`zeroed`).  false: nothing has changed. */
bool bytes_resize(struct arena *arena, char *block, size_t old_size, size_t new_size, bool zeroed);

/* What is free behind the cursor and may be written to before it is taken; 0 bytes under a checker.  What was written there and
 * is not taken has to be forgotten: [cursor, cursor + size_bytes) is then as it was to everybody. */
char *bytes_free_room(const struct arena *arena, size_t *size_bytes);
void bytes_forget_room(struct arena *arena, size_t size_bytes);

bool bytes_set_cap(struct arena *arena, size_t capacity);

/* Registers a cleanup; NULL: no room. */
struct cleanup *bytes_defer(struct arena *arena, void (*run)(void *user), void *user);
/* Does it lie in the newest block, at `place` or after it? */
bool bytes_is_above(const struct arena *arena, const struct cleanup *cleanup, const char *place);

/* Takes everything back; the policy says how. */
void bytes_take_all(struct arena *arena);
/* The same down to a place in one of the blocks. */
void bytes_take_down_to(struct arena *arena, struct block *block, char *place, size_t zone_bytes);
/* Is it one of the arena's? */
bool bytes_has_block(const struct arena *arena, const struct block *block);

/* What is left of the excess when generations need no more than need_bytes.  `all`: all was taken back, and no mark lives. */
void bytes_give_back(struct arena *arena, size_t need_bytes, bool all);
/* A block that is kept for the next growth goes. */
void bytes_drop_spare(struct arena *arena);

#endif
