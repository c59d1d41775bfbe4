/* SPDX-License-Identifier: MIT */
/* struct arena: equal slots of one type in one block of memory.
 *
 * Invariants (all pointers are slot boundaries: base + i x stride)
 *   base <= head.cursor <= head.limit <= end
 *   [base, head.cursor)        live but for the runs, unless a burst is open and left: see below
 *   [head.cursor, head.limit)  the window: what inline code may take.  Empty (closed) while
 *                                a memory checker is watching: then every slot is marked as it is handed out;
 *                                the arena is sealed: idle in its pool, or behind a gate that is not held;
 *                                a burst is open: it holds the window [head.cursor, burst_limit) itself.
 *                              Else it reaches to end.
 *   [head.cursor, end)         zero, with ARENA_CLEAR_ON_RESET and no burst open
 *   [dirty, end)               zero, with the other policies and no burst open; dirty >= what earlier generations used
 *   [head.cursor, ready)       handed out in slabs as it is: it is zero, or (ARENA_CLEAR_NEVER) may be anything.
 *                              ready is end with the other policies; with ARENA_CLEAR_ON_HANDOUT it may be below the
 *                              cursor, where nothing is known.  In the arenas behind a gate it is base from the first
 *                              reset on.
 *   runs                       free slots below the cursor: each a range [from, to), disjoint, none ending at the
 *                              cursor. They read as free slots above it do.  gap_bytes is their sum.  Only the arenas
 *                              behind a gate have any.
 *   burst_limit                end of the open burst's window, NULL when none is open.  Any other call ends the burst:
 *                              what it wrote is not live and is cleared.
 *
 * Who locks what: nothing here locks.  One owner at a time.
 */
#ifndef CORE_SLOTS_H
#define CORE_SLOTS_H

#include <arena/single.h>

#include "base/compiler.h"
#include "core/clear.h"
#include "platform/sync.h"
#include "runtime/panic.h"

#include <string.h>

struct type_set;

/* A range of free slots below the cursor; empty when from == to. */
struct run {
    char *from;
    char *to;
    struct run *next;
};

/* Whose arena it is, which decides who may destroy it and what a sealed one says. */
enum slots_owner { SLOTS_OWNER_USER, SLOTS_OWNER_POOL, SLOTS_OWNER_GATE };

struct arena {
    struct arena_head head; /* frozen: the public header's inline code reads and writes it */
    size_t stride;          /* bytes from slot to slot */
    size_t capacity;        /* slots */
    uint8_t words;          /* an element is this many words of 8 bytes; or SLOTS_INT; 0: see pieces */
    uint8_t pieces; /* small ones of other sizes: this many pieces of 4 bytes, or (SLOTS_BYTES) of 1; else 0: memcpy */
    bool packed;    /* no gaps between elements */
    uint8_t clear;  /* enum arena_clear */
    uint8_t owner;  /* enum slots_owner */
    bool sealed;    /* nothing may be handed out: idle in a pool, behind a gate, or dropping */
    bool watched;   /* a memory checker is watching */
    bool plain;     /* reset is nothing but clearing: no drop, no checker, ARENA_CLEAR_ON_RESET, never any runs */
    bool quick;     /* plain, and no burst is open */
    bool mapped;    /* the slots are pages of their own, at `memory`; else they lie behind this struct */
    struct atomic_u8 idle; /* api/pool.h: 1: in a cache or in the store.  Read by others, so an atomic one */
    char *base;
    char *fresh_limit; /* what head.limit is in an empty arena that is not sealed */
    char *end;
    char *dirty;
    char *ready;
    char *burst_limit;
    char *poison_end; /* nothing at or after it was ever poisoned */
    struct run *runs; /* the owner's, linked in any order */
    size_t gap_bytes;
    const struct arena_type *type; /* a copy, in this block or the owner's */
    struct type_set *kinds;        /* the descriptors of mixed values, or NULL */
    void *memory;                  /* the mapping */
    size_t memory_bytes;           /* of the mapping */
    void *drop_user;               /* what drop functions are given */
};

/* How an arena is to be made: checked and completed options. */
struct slots_plan {
    uint32_t clear;
    uint32_t flags;
    size_t stride;
    size_t bytes; /* of all slots */
    void *drop_user;
};

/* ARENA_OK, ARENA_EINVAL or ARENA_ENOMEM, as arena_create_with returns them. */
int slots_plan(const struct arena_type *type, size_t capacity, const struct arena_options *options,
               struct slots_plan *plan);

/* Is there address space for such an arena?  For owners that make arenas later. */
bool slots_possible(const struct slots_plan *plan);

/* Copies caller's options of any known size into `known` (known_size bytes).  false: struct_size is too small, or
 * something beyond what is known is not 0. */
bool slots_options_read(const void *options, void *known, size_t known_size);

/* Makes an arena at the start of a block of header_bytes (>= sizeof(struct arena), the rest zeroed and the caller's).
 * `type` is kept, not copied.  NULL: no memory. */
struct arena *slots_create(const struct slots_plan *plan, const struct arena_type *type, enum slots_owner owner,
                           size_t header_bytes);
/* Drops what is live and frees the block. */
void slots_destroy(struct arena *arena);

/* Hands out what arena_try_alloc and its kin promise; NULL when there is no room or the arena is sealed. */
void *slots_take_slow(struct arena *arena, const void *value);
void *slots_take_slab(struct arena *arena, size_t count);
void *slots_take_slab_with(struct arena *arena, const void *values, size_t count);

void slots_reset_slow(struct arena *arena);
void slots_trim(struct arena *arena);

/* At most this much of what the slots lie in is resident. */
size_t slots_touched_bytes(const struct arena *arena);

/* Fills slots that were taken out of memory whose contents are still those of before: with values[0 .. count), or,
 * where that is NULL, with zeros where `clears` says there may be something else. */
void slots_fill(const struct arena *arena, char *slab, const void *values, size_t count, bool clears);

/* Ends an open burst that was left, so that the other functions see the arena as it is. */
void slots_settle(struct arena *arena);

/* May the arena's caller change it now?  Not where it is NULL, or sealed. */
struct refusal slots_refusal(const struct arena *arena);

/* What is wrong when an allocation found nothing: as a status, and as a panic, which ends the caller. */
int slots_none_status(const struct arena *arena) COLD;
_Noreturn void slots_panic_full(const struct arena *arena, const char *function, size_t count) COLD;

/* For an owner that lends ranges of slots (api/share.c).  slots_lend takes up to `most` contiguous slots off the
 * cursor, and slots_lend_any, where none are left there, a whole run; false: there are none.  They count as used.
 * slots_return makes [from, to) free again: above the cursor where it ends there, else as `run`, an empty one of this
 * arena's. */
bool slots_lend(struct arena *arena, size_t most, char **from, char **to);
bool slots_lend_any(struct arena *arena, size_t most, char **from, char **to);
bool slots_lend_run(struct arena *arena, struct run *run, char **from, char **to);
void slots_return(struct arena *arena, char *from, char *to, struct run *run);

/* Counts, in slots. */
static inline size_t slots_used_bytes(const struct arena *arena) {
    return (size_t)(arena->head.cursor - arena->base) - arena->gap_bytes;
}
static inline size_t slots_used(const struct arena *arena) { return slots_used_bytes(arena) / arena->stride; }
static inline size_t slots_capacity(const struct arena *arena) { return arena->capacity; }
static inline size_t slots_remaining(const struct arena *arena) {
    return ((size_t)(arena->end - arena->head.cursor) + arena->gap_bytes) / arena->stride;
}

/* Every block of slots starts at a multiple of the one, and has as much room behind its end as rounding up to the other
 * takes: two wide stores, which is what a processor retires at a time. */
#define SLOTS_BLOCK_ALIGN ((size_t)16)
#define SLOTS_CLEAR_STEP ((size_t)32)

/* Takes every element back where that is quick: what a small scope used is cleared here, in wide stores that may run
 * past the cursor (what lies there is zero anyway).  head.limit stays as it is, or (`closes`) the window is closed.
 * false: nothing was done. */
HOT_INLINE bool slots_reset_quick(struct arena *arena, bool closes) {
    char *cursor = arena->head.cursor;
    char *base = arena->base;
    if (UNLIKELY(!arena->quick || (size_t)(cursor - base) > CLEAR_INLINE_BYTES)) return false;
    for (char *at = base; at < cursor; at += SLOTS_CLEAR_STEP) memset(at, 0, SLOTS_CLEAR_STEP);
    arena->head.cursor = base;
    if (closes) arena->head.limit = base;
    return true;
}

static inline void slots_reset(struct arena *arena) {
    char *base = arena->base;
    char *limit = UNLIKELY(arena->sealed) ? base : arena->fresh_limit;
    size_t used_bytes = (size_t)(arena->head.cursor - base);
    if (LIKELY(slots_reset_quick(arena, false))) {
        arena->head.limit = limit;
    } else if (LIKELY(arena->quick && used_bytes <= CLEAR_NEAR_BYTES)) {
        arena->head.cursor = base;
        arena->head.limit = limit;
        memset(base, 0, used_bytes); /* last, so that it is jumped to: no frame */
    } else {
        slots_reset_slow(arena);
    }
}

/* Closes the window for good, and opens it again. */
static inline void slots_seal(struct arena *arena) {
    arena->sealed = true;
    arena->head.limit = arena->head.cursor;
}
static inline void slots_unseal(struct arena *arena) {
    arena->sealed = false;
    if (LIKELY(!arena->watched)) arena->head.limit = arena->end;
}

/* Copies one element into a slot; what the slot has behind the element is cleared. */
void slots_copy_general(const struct arena *arena, char *slot, const void *value);

#define SLOTS_INT 255   /* of arena.words: an element is 4 bytes */
#define SLOTS_BYTES 128 /* in arena.pieces: single bytes */

/* Word by word: a wide load from what the caller has just stored in narrower pieces would stall for the store buffer,
 * so the compiler must not make wide loads of these. */
HOT_INLINE void slots_copy_word(char *slot, const void *value, size_t at) {
    uint64_t word;
    memcpy(&word, (const char *)value + 8 * at, sizeof word);
    OPAQUE(word);
    memcpy(slot + 8 * at, &word, sizeof word);
}

HOT_INLINE void slots_copy_4_words(char *slot, const void *value) {
    slots_copy_word(slot, value, 0);
    slots_copy_word(slot, value, 1);
    slots_copy_word(slot, value, 2);
    slots_copy_word(slot, value, 3);
}

/* One element of an arena whose `words` is not 0; the common sizes first, each without a loop.  Calls nothing. */
HOT_INLINE void slots_copy_fast(char *slot, const void *value, unsigned words) {
    if (LIKELY(words == 1)) {
        slots_copy_word(slot, value, 0);
    } else if (words == 4) {
        slots_copy_4_words(slot, value);
    } else if (words == SLOTS_INT) {
        memcpy(slot, value, 4);
    } else {
        for (size_t at = 0; at < words; at++) slots_copy_word(slot, value, at);
    }
}

static inline void slots_copy_one(const struct arena *arena, char *slot, const void *value) {
    if (LIKELY(arena->words != 0)) {
        slots_copy_fast(slot, value, arena->words);
    } else {
        slots_copy_general(arena, slot, value);
    }
}

/* One element out of the window, for values copied as words.  NULL: take the slow path, which knows the reason. Nothing
 * here calls a function, so that the callers need no frame. */
HOT_INLINE void *slots_take(struct arena *arena, const void *value) {
    if (UNLIKELY(arena == NULL)) return NULL;
    char *slot = arena->head.cursor;
    unsigned words = arena->words;
    if (UNLIKELY(slot == arena->head.limit) || UNLIKELY(value == NULL)) return NULL;
    if (LIKELY(words == 1)) {
        arena->head.cursor = slot + 8;
        slots_copy_word(slot, value, 0);
        return slot;
    }
    if (LIKELY(words == 4)) {
        arena->head.cursor = slot + 32;
        slots_copy_4_words(slot, value);
        return slot;
    }
    if (UNLIKELY(words == 0)) return NULL;
    arena->head.cursor = slot + arena->stride;
    slots_copy_fast(slot, value, words);
    return slot;
}

/* Each piece as narrow as it may have been stored, as for words. */
static inline void slots_copy_pieces(char *slot, const char *value, unsigned pieces) {
    if (pieces < SLOTS_BYTES) {
        for (size_t at = 0; at < pieces; at++) {
            uint32_t piece;
            memcpy(&piece, value + 4 * at, sizeof piece);
            OPAQUE(piece);
            memcpy(slot + 4 * at, &piece, sizeof piece);
        }
    } else {
        for (size_t at = 0; at < pieces - SLOTS_BYTES; at++) {
            unsigned piece = (unsigned char)value[at];
            OPAQUE(piece); /* or the loop becomes a call */
            slot[at] = (char)piece;
        }
    }
}

/* As slots_take, for small elements that are no words: the first thing that its slow path tries. */
static inline void *slots_take_pieces(struct arena *arena, const void *value) {
    if (arena == NULL || value == NULL || arena->pieces == 0) return NULL;
    char *slot = arena->head.cursor;
    if (slot == arena->head.limit) return NULL;
    arena->head.cursor = slot + arena->stride;
    slots_copy_pieces(slot, value, arena->pieces);
    return slot;
}

/* Where the window would begin after `count` slots; false: take the slow path. */
HOT_INLINE bool slots_in_window(const struct arena *arena, size_t count, char **past) {
    if (UNLIKELY(arena == NULL)) return false;
    if (UNLIKELY(count > arena->capacity)) return false; /* so the product cannot overflow */
    size_t bytes = count * arena->stride;
    if (UNLIKELY(bytes > (size_t)(arena->head.limit - arena->head.cursor))) return false;
    *past = arena->head.cursor + bytes;
    return true;
}

/* A slab out of the window, where it needs no clearing; NULL: take the slow path. */
HOT_INLINE void *slots_take_window(struct arena *arena, size_t count) {
    char *past;
    if (UNLIKELY(!slots_in_window(arena, count, &past)) || UNLIKELY(past > arena->ready)) return NULL;
    char *slab = arena->head.cursor;
    arena->head.cursor = past;
    return slab;
}

/* The same for one that is written over whole. */
HOT_INLINE void *slots_take_window_with(struct arena *arena, const void *values, size_t count) {
    char *past;
    if (UNLIKELY(!slots_in_window(arena, count, &past)) || UNLIKELY(values == NULL)) return NULL;
    if (UNLIKELY(!arena->packed)) return NULL;
    char *slab = arena->head.cursor;
    arena->head.cursor = past;
    return memcpy(slab, values, (size_t)(past - slab));
}

#endif
