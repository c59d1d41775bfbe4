/* SPDX-License-Identifier: MIT */
/* Where the memory of an arena comes from, and goes back to.
 *
 *   heap      blocks of malloc: for what is small.  Their contents are anything.
 *   pages     ranges of address space, which cost memory as they are touched: for what is large
 *   source    the program's own (struct arena_source): contents are anything, each give is one whole take, no advice
 *   caller    memory that the program handed in (arena_create_in): only stored to, never given to anybody
 *
 * A few ranges of pages that arenas gave back are kept for the next arena of their size, with what they have touched
 * near their start: to map and unmap, and to fault the first pages in again, takes longer than all that a small use
 * does.  The block that a byte arena has grown to keeps some MiB, as malloc's heap does: to fill them takes a fifth of
 * what their faults do.
 *
 * Who locks what: the kept ranges have a mutex, a leaf.  A span belongs to its arena.
 */
#ifndef CORE_BACKING_H
#define CORE_BACKING_H

#include <arena/single.h>

enum backing { BACKING_HEAP, BACKING_PAGES, BACKING_SOURCE, BACKING_CALLER };

struct span {
    char *memory;
    size_t bytes;
    size_t dirty_bytes; /* the first so many may hold anything, the rest is zero */
};

/* From here on the heap's blocks are pages of their own. */
#define BACKING_PAGES_FROM ((size_t)64 << 10)

/* A block of a source (`take` not NULL) or of the heap, aligned to max_align_t at least; NULL: no memory. */
void *backing_take(const struct arena_source *source, size_t bytes, size_t align);
void backing_give(const struct arena_source *source, void *memory, size_t bytes, size_t align);
/* The same for what an arena needs beside its elements: zeroed, and aligned to max_align_t.  NULL is legal. */
void *backing_take_zeroed(const struct arena_source *source, size_t bytes);
void backing_give_zeroed(const struct arena_source *source, void *memory, size_t bytes);

/* How much of a kept range may be in memory: of one that is cleared as it is made, and of the block of a byte arena. */
#define BACKING_KEEP_FEW ((size_t)64 << 10)
#define BACKING_KEEP_MOST ((size_t)4 << 20)

/* A range of pages; false: no memory.  It may be a kept one, whose first dirty_bytes at the most may hold anything; 0:
 * all of it is zero.  *scarce (may be NULL): address space is limited, so nothing is to be kept. */
bool backing_map(size_t bytes, size_t dirty_bytes, struct span *out, bool *scarce);
/* Gives it back: what lies beyond the first touched_bytes was never touched.  It may be kept, with keep_bytes in memory
 * at the most; 0: it may not. */
void backing_unmap(const struct span *span, size_t touched_bytes, size_t keep_bytes);

/* For ranges that threads keep, however many threads there are: all of them together hold an eighth of the address
 * space at the most.  false: this one would be too much.  A range is held until the matching let_go, in use or not. */
bool backing_hold(const char *memory, size_t bytes);
void backing_let_go(size_t bytes);

#endif
