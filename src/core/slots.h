/* SPDX-License-Identifier: MIT */
/* struct arena: slots of one type in one block of memory, or (byte arenas) blocks of any size in several.
 *
 * Invariants (base, end and what lies between them are those of the newest block; in typed arenas there is one, and all
 * pointers are slot boundaries: base + i x stride)
 *   base <= head.cursor <= head.limit <= bound <= end
 *   [base, head.cursor)        live but for the runs, unless a burst is open and left: see below
 *   [head.cursor, head.limit)  the window: what inline code may take.  Empty (closed) while there is a reason (enum
 *                              closed_for).  Else it reaches to bound, or, where what is handed out has to be zero as
 *                              it lies (`zeroes`), to ready if that comes first.
 *   bound                      end, or where a byte arena's capacity ends before that
 *   [head.cursor, ready)       zero, or (ARENA_CLEAR_NEVER, where ready is end) may be anything.  ready may be below
 *                              the cursor: then nothing is known.  In the arenas behind a gate it is base from the
 *                              first reset on.
 *   [dirty, end)               zero, where it is free
 *                              In an arena behind a gate with ARENA_CLEAR_ON_RESET all that is free is zero.
 *   [base, touched)            in memory: cleared before as a whole, so to clear it again brings nothing in
 *   [used_end, end)            not in memory; what a program may have touched lies below used_end, or below the cursor,
 *                              or below head.peak
 *   runs                       free slots below the cursor: each a range [from, to), disjoint, none ending at the
 *                              cursor.  They read as free slots above it do.  gap_bytes is their sum.  Only the arenas
 *                              behind a gate have any.
 *   burst_limit                end of the open burst's window [head.cursor, burst_limit), NULL when none is open.  Any
 *                              other call ends the burst: what it wrote is not live and is cleared.
 *   SLOTS_CLEAR_STEP bytes behind end are the arena's too: wide stores may run over.
 *
 * Marks (core/mark.c).  The floor is the position of the innermost living mark, or base where it has none in this
 * block; what lies below it neither moves nor grows.  head.floor is the floor, and says that inline code may take back
 * down to it; or it is SLOTS_NO_FLOOR while taking back is more than to clear, and then `floor` is the floor.
 *
 * Who locks what: nothing here locks.  One thread at a time.
 */
#ifndef CORE_SLOTS_H
#define CORE_SLOTS_H

#include <arena/single.h>

#include "base/compiler.h"
#include "core/backing.h"
#include "core/clear.h"
#include "platform/sync.h"
#include "runtime/panic.h"
#include "runtime/thread.h"

#include <string.h>

struct type_set;

/* A range of free slots below the cursor; empty when from == to. */
struct run {
    char *from;
    char *to;
    struct run *next;
};

/* What an arena is part of, which decides who may destroy it and what a sealed one says. */
enum part_of { PART_OF_NOTHING, PART_OF_POOL, PART_OF_CONCURRENT };

/* How an element is copied into its slot (arena.copy): each part no wider than it may have been stored just before,
 * since a wide load would wait for narrow stores.  Measured with arena_alloc, in ns, and by memcpy: 4 bytes 3.6, 7.9;
 * 12 bytes 4.4, 7.7; 32 bytes 3.8 (in a loop 5.7), 40 bytes 6.9, 10.1. */
enum copy_way {
    COPY_WORD,    /* one word of 8 bytes */
    COPY_4_WORDS, /* 32 bytes */
    COPY_WORDS,   /* others, up to 8 */
    COPY_HALVES,  /* parts of 4 bytes, up to 15 */
    COPY_BYTES,   /* up to 7 */
    COPY_WHOLE,   /* by memcpy */
    COPY_PADDED,  /* by memcpy; the slot has a gap behind the element, which is cleared */
};

/* Why the window is closed (arena.closed); a debugger shows it by `print (enum closed_for)arena->closed`, and a call
 * that was refused by its status and text (slots_refusal).  Set by slots_close in the file named here, and cleared by
 * slots_open or slots_enter.  Where it is 0 and inline code finds no room all the same, the window is at its end: that
 * of the capacity or of the block (`bound`), or what follows is not known to be zero (`ready`). */
enum closed_for {
    CLOSED_FOR_CHECKER = 1, /* a memory checker is watching, and each block is marked as it is handed out: create.c */
    CLOSED_FOR_BURST = 2,   /* a burst is open, and holds the window: window.h */
    CLOSED_IN_POOL = 4,     /* idle in its pool: api/pool.c and its parts */
    CLOSED_BEHIND_GATE = 8, /* of a concurrent arena that no thread has acquired: api/acquire.c */
    CLOSED_DROPPING = 16,   /* drop functions or cleanups are running: reset.c, cleanup.c */
};
/* With any of these no call hands out anything either: the arena is sealed. */
#define CLOSED_TO_ALL (CLOSED_IN_POOL | CLOSED_BEHIND_GATE | CLOSED_DROPPING)

/* What a reset has to do beside clearing (arena.reset_work); nothing: it is quick. */
enum reset_work {
    WORK_DROP = 1,       /* elements have a drop */
    WORK_CHECKER = 2,    /* a memory checker is told */
    WORK_RUNS = 4,       /* there may be free slots below the cursor */
    WORK_BURST = 8,      /* a burst is open */
    WORK_CLEANUPS = 16,  /* cleanups wait */
    WORK_BLOCKS = 32,    /* there is more than one block */
    WORK_EXCESS = 64,    /* more is in memory than is to be retained: resets count, until it goes back */
    WORK_CAPACITY = 128, /* of a pool's arena: its user changed the capacity, for as long as it is out */
};
/* What a rewind has to do as well, wherever it goes. */
#define WORK_OF_REWIND (WORK_DROP | WORK_CHECKER | WORK_RUNS | WORK_BURST | WORK_EXCESS)

/* What a thread does with an arena that ends (arena.keeps; core/create.c). */
enum keeps {
    KEEPS_NOT,      /* frees it */
    KEEPS_ELEMENTS, /* it is of elements and made with the defaults: may keep it for the next of its type and capacity */
    KEEPS_BYTES,    /* it is of bytes, made with the defaults, and has had nothing but its first block: may keep it */
    KEEPS_GROWN,    /* the same, but has had more blocks: may keep one with a first block that would have done */
};

/* A block of memory.  That of a typed arena, and the first one of a byte arena, is `home`; others lie at the start of
 * their own memory.  What follows `end` is saved here while a newer block is in use. */
struct block {
    struct block *older;
    char *memory;
    size_t memory_bytes;
    uint32_t memory_align;
    enum backing backing;
    uint64_t marks_before; /* the number of the last mark before it was opened: those up to it are not in it */
    char *base;
    char *end;
    char *cursor;
    char *floor;
    char *ready;
    char *dirty;
    char *touched;
    char *used_end;
    char *poison_end;
    size_t prior_bytes;
    size_t zone_bytes;
};

/* Numbers of marks (core/mark.h). */
struct mark_range {
    uint64_t low, high;
};
#define MARK_RANGES 3

/* What is used together lies together: the first line of 64 bytes is what handing out one element and a quick reset
 * need. */
struct arena {
    struct arena_head head; /* frozen: the public header's inline code reads and writes it */
    char *base;
    char *fresh_limit;     /* what head.limit is in an empty arena that is not closed */
    size_t stride;         /* bytes from slot to slot */
    uint8_t copy;          /* enum copy_way */
    uint8_t closed;        /* enum closed_for, or-ed */
    uint8_t reset_work;    /* enum reset_work, or-ed */
    struct atomic_u8 idle; /* api/pool.h: 1: in a cache or in the store.  Read by others, so an atomic one */
    uint8_t keeps;         /* enum keeps */

    /* what it is; these do not change */
    uint8_t part_of; /* enum part_of */
    uint8_t clear;   /* enum arena_clear */
    bool bytes;      /* blocks of any size: no elements */
    bool watched;    /* a memory checker is watching */
    bool grows;      /* more blocks come as they are needed */
    bool zeroes;     /* inline code hands out what it finds, so the window must be zero */
    bool advised;    /* its pages are as the program asked for */
    bool held;       /* its pages count as address space that threads keep (core/backing.h) */

    /* what it went through: all of it 0 in a new one (slots_forget_past) */
    uint8_t calm;                 /* core/retain.c: resets in a row that did not need the excess */
    uint8_t void_count;           /* see voids */
    uint64_t resets;              /* generations so far */
    size_t high_bytes;            /* core/retain.c: the most that this generation used, as far as it was noted */
    size_t need_bytes;            /* core/retain.c: the most that any of the calm generations used */
    size_t peak_bytes;            /* the most that was used, up to the last reset or rewind by a call */
    size_t want_bytes;            /* core/blocks.c: what one generation needs: the next first block is to hold it */
    uint64_t mark_serial;         /* core/mark.c: of the last mark that was taken */
    uint64_t mark_depth;          /* marks that live, of those that were taken by a call */
    uint64_t void_low, void_high; /* marks with these numbers are void; 0 and 0: none */

    size_t capacity; /* slots; it may change in byte arenas */
    /* the newest block, see above */
    char *bound;
    char *end;
    char *ready;
    char *dirty;
    char *touched;
    char *used_end;
    char *floor;
    char *burst_limit;        /* api/burst.c */
    struct block *block;      /* the newest */
    struct cleanup *cleanups; /* core/cleanup.c: newest first */

    /* counts (core/slots.h, core/stats.c) */
    size_t prior_bytes; /* used in older blocks */
    size_t zone_bytes;  /* in this block: what a checker takes below the cursor, which does not count as used */
    size_t gap_bytes;   /* core/runs.c: in runs */
    struct run *runs;   /* in shares; linked in any order */

    /* elements */
    const struct arena_type *type; /* a copy, in this block or in the pool's */
    void *drop_user;               /* what drop functions are given */
    struct type_set *kinds;        /* core/any.c: the descriptors of mixed values, or NULL */

    /* marks (core/mark.c) */
    struct mark_range voids[MARK_RANGES]; /* the first void_count are void, too: lower, ascending, apart */

    /* blocks of memory (core/blocks.c, core/retain.c) */
    size_t retain_bytes;
    size_t grow_bytes;          /* the next block's, if nothing larger is wanted */
    struct block *spare;        /* kept for the next growth, or NULL */
    struct arena_source source; /* take is NULL: the system */
    size_t header_bytes;        /* of the block that this struct begins */
    struct block home;
    struct thread_kept kept; /* core/create.c: while a thread keeps it */

    /* memory checkers (core/checker.c) and messages */
    char *poison_end;  /* nothing at or after it was ever poisoned */
    char *rooted;      /* a leak checker was told of [base, rooted) */
    const char *label; /* a copy behind the header; NULL: none */
};

#define SLOTS_NO_FLOOR ((char *)UINTPTR_MAX)

/* --- take.c: handing out by a call -------------------------------------------------------------------------------- */

/* Hands out what arena_try_alloc and its kin promise; NULL when there is no room or the arena is sealed. */
void *slots_take_slow(struct arena *arena, const void *value);
void *slots_take_slab(struct arena *arena, size_t count);
void *slots_take_slab_with(struct arena *arena, const void *values, size_t count);

/* Fills slots that were taken out of memory whose contents are still those of before: with values[0 .. count), or,
 * where that is NULL, with zeros where `clears` says there may be something else. */
void slots_fill(const struct arena *arena, char *slab, const void *values, size_t count, bool clears);

/* --- window.c: what may be handed out now, and why not ------------------------------------------------------------ */

/* Works out what inline code may do, from all the rest: how far the window reaches, and what is quick. */
void slots_refresh(struct arena *arena);
/* Ends an open burst that was left, so that the other functions see the arena as it is. */
void slots_settle(struct arena *arena);
/* May the arena's caller change it now?  Not where it is NULL, or sealed. */
struct refusal slots_refusal(const struct arena *arena);
/* What is wrong when an allocation found nothing: as a status, and as a panic, which ends the caller. */
int slots_none_status(const struct arena *arena) COLD;
_Noreturn void slots_panic_full(const struct arena *arena, const char *function, size_t count) COLD;
/* The second half of it. */
_Noreturn void slots_panic_no_room(const struct arena *arena, const char *function, size_t count, size_t free) COLD;

/* --- zero.c: what is zero ----------------------------------------------------------------------------------------- */

/* Makes [from, to) zero, which is about to be handed out, and some more behind it. */
void slots_clear_for_handout(struct arena *arena, char *from, char *to);
/* Makes [from, to), the end of what is handed out, free memory again, by the policy; the cursor is the caller's to
 * move. */
void slots_take_back(struct arena *arena, char *from, char *to);

/* Makes one slot zero, which is being handed out. */
static inline void slots_zero_slot(struct arena *arena, char *slot) {
    if (LIKELY(arena->stride <= CLEAR_INLINE_BYTES)) {
        memset(slot, 0, arena->stride);
    } else {
        slots_clear_for_handout(arena, slot, slot + arena->stride);
    }
}

/* --- reset.c ------------------------------------------------------------------------------------------------------ */

void slots_reset_slow(struct arena *arena);
/* Drops the elements in [from, head.cursor), last to first. */
void slots_drop_down_to(struct arena *arena, char *from);

/* --- retain.c: memory that is not used ---------------------------------------------------------------------------- */

/* A generation ends, or much of it was taken back; `used_bytes` was the most that it used.  Gives back what a number of
 * generations in a row did not need.  The arena uses no more than up to its cursor now.  `all`: it was a reset. */
void slots_end_generation(struct arena *arena, size_t used_bytes, bool all);
void slots_trim(struct arena *arena);
/* At most so much of its memory is resident. */
size_t slots_touched_bytes(const struct arena *arena);

/* --- checker.c ---------------------------------------------------------------------------------------------------- */

/* Marks what is handed out, and what is free, for the checker that is watching. */
void slots_show(const struct arena *arena, char *from, char *to);
void slots_hide(struct arena *arena, char *from, char *to);
/* The same for all of a new arena and what lies around it, and of one that ends. */
void slots_hide_all(struct arena *arena);
void slots_show_all(struct arena *arena);
/* Tells a leak checker that [base, to) is in use. */
void slots_show_to_leak_checker(struct arena *arena, char *to);

/* --- runs.c: free slots below the cursor -------------------------------------------------------------------------- */

/* For api/share.c, which lends ranges of slots to threads.  slots_lend takes `count` contiguous slots off the
 * cursor, and slots_lend_any, where there are not so many, a whole run; false: there are none.  They count as used.
 * slots_return makes [from, to) free again: above the cursor where it ends there, else as `run`, an empty one of this
 * arena's. */
bool slots_lend(struct arena *arena, size_t count, char **from, char **to);
bool slots_lend_any(struct arena *arena, size_t count, char **from, char **to);
bool slots_lend_run(struct arena *arena, struct run *run, char **from, char **to);
void slots_return(struct arena *arena, char *from, char *to, struct run *run);
/* Takes `bytes` at a multiple of `align` out of a run; the padding goes with them.  NULL: none fits, or a mark lives,
 * which has to take back all that came after it. */
char *slots_take_run(struct arena *arena, size_t bytes, size_t align);
/* Puts the runs in order, the highest first. */
void slots_sort_runs(struct arena *arena);
/* All slots are free: there are no gaps between live ones. */
void slots_forget_runs(struct arena *arena);
/* The cursor has gone down, and takes with it the runs that end there now. */
void slots_absorb_runs(struct arena *arena);

/* --- stats.c ------------------------------------------------------------------------------------------------------ */

void slots_stats(const struct arena *arena, struct arena_stats *stats);
/* Does the address lie in what is handed out? */
bool slots_owns(const struct arena *arena, const char *address);

/* --- addresses and counts ----------------------------------------------------------------------------------------- */

/* What is between an address and the next multiple of `align`, a power of two: arith_padding without its division. */
static inline size_t slots_padding(uintptr_t address, size_t align) { return (size_t)-address & (align - 1); }

/* Do `bytes` fit into [from, to) at a multiple of `align`? */
static inline bool slots_fits(const char *from, const char *to, size_t bytes, size_t align) {
    size_t room = (size_t)(to - from);
    size_t padding = slots_padding((uintptr_t)from, align);
    return padding <= room && bytes <= room - padding;
}

/* Counts, in slots. */
static inline size_t slots_used_bytes(const struct arena *arena) {
    return arena->prior_bytes + (size_t)(arena->head.cursor - arena->base) - arena->gap_bytes - arena->zone_bytes;
}
static inline size_t slots_used(const struct arena *arena) { return slots_used_bytes(arena) / arena->stride; }
static inline size_t slots_capacity(const struct arena *arena) { return arena->capacity; }
static inline size_t slots_remaining(const struct arena *arena) { return arena->capacity - slots_used(arena); }

/* The floor, wherever it is kept. */
static inline char *slots_floor(const struct arena *arena) {
    return arena->head.floor != SLOTS_NO_FLOOR ? arena->head.floor : arena->floor;
}

/* Does the newest cleanup lie in the newest block, at `place` or after it? */
static inline bool slots_has_cleanup_above(const struct arena *arena, const char *place) {
    const char *at = (const char *)arena->cleanups;
    return at >= place && at < arena->head.cursor;
}

/* The highest address that this generation has reached in the newest block. */
static inline char *slots_highest(const struct arena *arena) {
    return arena->head.peak > arena->head.cursor ? arena->head.peak : arena->head.cursor;
}

/* May pages of the newest block be discarded, and read zero then?  Not those that a caller or a source handed in: they
 * may be of a file. */
static inline bool slots_gives_pages(const struct arena *arena) {
    return arena->block->backing != BACKING_CALLER && arena->block->backing != BACKING_SOURCE;
}

/* Nothing of the newest block was ever touched from here on. */
static inline char *slots_touched_end(const struct arena *arena) {
    char *highest = slots_highest(arena);
    return arena->used_end > highest ? arena->used_end : highest;
}

/* Keeps in mind how much was in use, before the cursor goes down by a call. */
static inline void slots_note_high(struct arena *arena) {
    size_t bytes = arena->prior_bytes + (size_t)(slots_highest(arena) - arena->base) - arena->zone_bytes;
    if (bytes > arena->high_bytes) arena->high_bytes = bytes;
    if (bytes > arena->peak_bytes) arena->peak_bytes = bytes;
}

/* Every block of slots starts at a multiple of the one, and has as much room behind its end as the other.  What is
 * within a step is cleared without looking how much it is: one more store costs less than a branch that is not
 * foreseen. */
#define SLOTS_BLOCK_ALIGN ((size_t)16)
#define SLOTS_CLEAR_STEP ((size_t)ARENA_SCRATCH_STEP_)

#include "core/take.h"
#include "core/window.h"

#endif
