/* SPDX-License-Identifier: MIT */
/* libarena: struct arena, the single-owner arena of fixed capacity: equal slots of one element type.
 *
 * Thread safety: one thread at a time.  An arena may move between threads that synchronise.  After fork the child may
 * use the arenas of the forking thread if the process had no other thread; else it may only exec.
 *
 * NULL for an arena: allocation and reset panic (try_: NULL), counts are 0, destroy does nothing.
 */
#ifndef ARENA_SINGLE_H
#define ARENA_SINGLE_H

#include <arena/type.h>

#include <string.h>

ARENA_BEGIN_DECLS

struct arena;

/* When memory is cleared (arena_options.clear). */
enum arena_clear {
    ARENA_CLEAR_ON_RESET = 0, /* reset clears the used part, O(used); a pointer from before then reads zero */
    ARENA_CLEAR_ON_HANDOUT =
        1,                /* reset is O(1) (with a drop O(used)); memory is cleared as it is handed out.  Padding inside
                           * a value that inline code copies in: zero with gcc, elsewhere it may stay as it was */
    ARENA_CLEAR_NEVER = 2 /* slabs are whatever was there; a NULL value still gives zero.  Not with a drop */
};

/* Bits of arena_options.flags. */
enum arena_flag {
    ARENA_HUGE_PAGES = 1, /* ask the system for huge pages; ignored where it has none */
    ARENA_PREFAULT = 2,   /* touch all memory at creation, so that no later access faults */
    ARENA_GATE_ONLY = 4   /* concurrent arenas: no chunks per thread, every operation takes the gate */
};

/* Begins with its own size; fields that are 0 are the defaults.  What is not understood is ARENA_EINVAL. */
struct arena_options {
    size_t struct_size;  /* sizeof(struct arena_options) */
    uint32_t clear;      /* enum arena_clear */
    uint32_t flags;      /* enum arena_flag, or-ed */
    size_t retain_bytes; /* touched memory beyond this is given back once some generations in a row did not
                            need it; 0: 1 MiB, or all where the source has no `give`, or is arena_bytes_source's.
                            ARENA_RETAIN_ALL, ARENA_RETAIN_NONE */
    size_t block_bytes;  /* byte arenas: the first block; 0: a few KiB.  Ignored elsewhere */
    const struct arena_source *source; /* where all memory of the arena comes from; NULL: the system.  Copied */
    const char *label;                 /* shown in messages; NULL: none.  Copied */
    void *drop_user;                   /* what drop functions are given; not owned */
};

/* sizeof(struct arena_options) in bytes, for bindings that check their own declaration. */
ARENA_API size_t arena_options_size(void);

#define ARENA_RETAIN_ALL SIZE_MAX     /* nothing is given back before destroy or trim */
#define ARENA_RETAIN_NONE ((size_t)1) /* all but what is in use */

/* Where memory comes from.  `take` may return NULL, and memory whose contents are anything; `give` (NULL: nothing is
 * given back) gets exactly what one take returned.  A pool's and a concurrent arena's are called from any thread.
 * Neither throws, panics or ends the thread. */
struct arena_source {
    void *(*take)(size_t bytes, size_t align, void *user);
    void (*give)(void *memory, size_t bytes, size_t align, void *user);
    void *user;
};

/* sizeof(struct arena_source) in bytes, for bindings that check their own declaration. */
ARENA_API size_t arena_source_size(void);

/* Makes an arena of `capacity` elements; 0 is legal.  Memory is reserved, and used as it is touched.  The caller owns
 * *out, and ends it with arena_destroy.
 * ARENA_EINVAL: out, type or its name is NULL, size is 0, align is no power of two, or the type's flags or reserved are
 * not 0.  ARENA_ENOMEM: no memory, or too large.  *out is NULL after a failure. */
ARENA_API ARENA_NODISCARD int arena_create(const struct arena_type *type, size_t capacity, struct arena **out);
/* As arena_create, with options; NULL: the defaults.  What is not understood of them is ARENA_EINVAL. */
ARENA_API ARENA_NODISCARD int arena_create_with(const struct arena_type *type, size_t capacity,
                                                const struct arena_options *options, struct arena **out);

/* Drops what is live, gives all memory back and ends the handle; the thread may keep one arena that was made with the
 * defaults, and of which no more than 4 KiB was used, for the next of its type and capacity that it makes, until it
 * ends.  NULL is legal. Panics, and changes nothing, for an arena of a pool, one behind a gate, and one that is
 * dropping its elements. */
ARENA_API void arena_destroy(struct arena *arena);

/* Hands out one element, copied from `value`; NULL: a zeroed one.  It is valid until the next reset.  Never NULL:
 * panics, and changes nothing, where the arena is full. */
ARENA_API ARENA_NONNULL ARENA_NO_PLT void *arena_alloc(struct arena *arena, const void *value);
/* As arena_alloc; NULL, and nothing has changed, where the arena is full. */
ARENA_API ARENA_NO_PLT void *arena_try_alloc(struct arena *arena, const void *value);

/* Hands out `count` contiguous elements, zeroed; 0 takes nothing and returns a pointer that is not NULL, also in a full
 * arena.  Panics, and changes nothing, where fewer remain. */
ARENA_API ARENA_NONNULL ARENA_NO_PLT void *arena_alloc_slab(struct arena *arena, size_t count);
/* As arena_alloc_slab; NULL, and nothing has changed, where fewer remain. */
ARENA_API ARENA_NO_PLT void *arena_try_alloc_slab(struct arena *arena, size_t count);

/* Hands out `count` contiguous elements, copied from values[0 .. count), which lie `size` bytes apart; NULL: zeroed
 * ones. Panics, and changes nothing, where fewer remain. */
ARENA_API ARENA_NONNULL ARENA_NO_PLT void *arena_alloc_slab_with(struct arena *arena, const void *values, size_t count);
/* As arena_alloc_slab_with; NULL, and nothing has changed, where fewer remain. */
ARENA_API ARENA_NO_PLT void *arena_try_alloc_slab_with(struct arena *arena, const void *values, size_t count);

/* Takes every element back: drops, clears the used part, and starts again at the first slot.  Idempotent. */
ARENA_API ARENA_NO_PLT void arena_reset(struct arena *arena);

/* Gives memory that was touched and is not in use back to the system.  What is handed out stays as it is. */
ARENA_API void arena_trim(struct arena *arena);

/* How many elements are handed out.  Those of an open burst count once it has ended. */
ARENA_API size_t arena_used(const struct arena *arena);
/* How many elements can still be handed out. */
ARENA_API size_t arena_remaining(const struct arena *arena);
/* How many elements the arena holds in all. */
ARENA_API size_t arena_cap(const struct arena *arena);

/* The arena's own copy of its type; valid until the arena is destroyed.  NULL for NULL. */
ARENA_API const struct arena_type *arena_type_of(const struct arena *arena);

/* --- Checked spellings -----------------------------------------------------------------------------------------------
 *
 * For bindings, finalizers and whoever must not panic: each does what its namesake does, or returns a status and has
 * changed nothing.  ARENA_OK: it is done.  ARENA_EINVAL: arena or out is NULL, or the arena is not the caller's now: it
 * is back in its pool, or it comes from arena_concurrent_acquire and the gate is not held.  ARENA_EBUSY: the arena is
 * dropping its elements, also where the caller is the drop.
 */

/* Does what arena_destroy does; NULL is legal.  ARENA_EBUSY: the arena belongs to a pool or a concurrent arena, or is
 * dropping its elements. */
ARENA_API ARENA_NODISCARD int arena_destroy_checked(struct arena *arena);
/* Does what arena_reset does, or returns ARENA_EINVAL or ARENA_EBUSY, as above. */
ARENA_API ARENA_NODISCARD int arena_reset_checked(struct arena *arena);
/* Does what arena_trim does, or returns ARENA_EINVAL or ARENA_EBUSY, as above. */
ARENA_API ARENA_NODISCARD int arena_trim_checked(struct arena *arena);

/* Puts one element into *out, copied from `value`; NULL: a zeroed one.  ARENA_EFULL: no room; ARENA_EINVAL,
 * ARENA_EBUSY: as above.  *out is NULL after a failure. */
ARENA_API ARENA_NODISCARD int arena_alloc_checked(struct arena *arena, const void *value, void **out);
/* Puts `count` contiguous elements into *out, zeroed; 0 takes nothing.  Statuses as arena_alloc_checked. */
ARENA_API ARENA_NODISCARD int arena_alloc_slab_checked(struct arena *arena, size_t count, void **out);
/* Puts `count` contiguous elements into *out, copied from values[0 .. count); NULL: zeroed ones.  Statuses as
 * arena_alloc_checked. */
ARENA_API ARENA_NODISCARD int arena_alloc_slab_with_checked(struct arena *arena, const void *values, size_t count,
                                                            void **out);

/* --- What an arena says of itself --------------------------------------------------------------------------------- */

/* Slot `index` of those that are handed out (below the cursor); NULL: there is none, the arena is NULL, or one of
 * bytes. */
ARENA_API void *arena_at(const struct arena *arena, size_t index);

/* Does `address` lie in memory that the arena has handed out and not taken back?  false for NULL. */
ARENA_API bool arena_owns(const struct arena *arena, const void *address);

/* Filled as far as struct_size says; what a longer struct has behind is left alone. */
struct arena_stats {
    size_t struct_size;    /* the caller's: sizeof(struct arena_stats) */
    size_t used_bytes;     /* handed out now */
    size_t peak_bytes;     /* the most that was handed out at a time since creation */
    size_t touched_bytes;  /* at most this much of its memory is resident */
    size_t reserved_bytes; /* taken from the system or the source */
    size_t blocks;         /* of memory; 1 but for byte arenas */
    uint64_t resets;
};

/* ARENA_OK; ARENA_EINVAL: arena or out is NULL, or struct_size has no room for itself.  O(blocks). */
ARENA_API ARENA_NODISCARD int arena_get_stats(const struct arena *arena, struct arena_stats *out);

/* --- Memory of the caller's --------------------------------------------------------------------------------------- */

/* Makes an arena in [memory, memory + size_bytes), its handle included: static memory, or on the stack.  It takes
 * nothing from anywhere, only stores inside, and holds what fits (arena_cap; under a memory checker that may be less).
 * The source, the retention and the page flags of options are ignored.  arena_destroy drops what is live and leaves the
 * memory to the caller, contents unspecified.
 * ARENA_EINVAL as for arena_create_with, or memory is NULL, or the type is arena_type_any's (whose descriptors have no
 * place there).  ARENA_ENOMEM: not even the handle fits. */
ARENA_API ARENA_NODISCARD int arena_create_in(const struct arena_type *type, void *memory, size_t size_bytes,
                                              const struct arena_options *options, struct arena **out);

/* Makes a byte arena that begins in the caller's memory, as arena_create_in does, and takes more where that is used up,
 * up to `capacity` bytes in all.  ARENA_EINVAL also where the type is not arena_type_bytes's. */
ARENA_API ARENA_NODISCARD int arena_create_on(const struct arena_type *type, void *memory, size_t size_bytes,
                                              size_t capacity, const struct arena_options *options, struct arena **out);

/* What arena_create_in takes for `count` elements, wherever the memory lies (but for a memory checker), in bytes.  Of a
 * byte arena: for one allocation of `count` bytes.  SIZE_MAX: it cannot be, or the type or the options are not
 * valid. */
ARENA_API size_t arena_in_bytes(const struct arena_type *type, size_t count, const struct arena_options *options);

/* ARENA_IN_BYTES(size, align, count): a constant that is always enough, as arena_in_bytes says, for elements of that
 * size and alignment, without a label and with a name of up to 64 bytes. */
#define ARENA_IN_BYTES(size, align, count)                                                                             \
    ((size_t)1024 + 2 * (size_t)(align) +                                                                              \
     ((size_t)(size) + (size_t)(align)-1) / (size_t)(align) * (size_t)(align) * (size_t)(count))

/* --- Marks ----------------------------------------------------------------------------------------------------------
 *
 * A mark is a place in an arena to rewind to.  Marks nest.  A rewind takes back what was handed out since: drops run
 * last to first, cleanups newest first, memory is cleared by the arena's policy, and a memory checker reports later
 * access.  It makes the marks taken since void, and leaves its own valid, for a loop that rewinds to one mark again and
 * again.  A mark lives until arena_rewind_end, or until a reset, which makes all void; one that was taken inside an
 * ARENA_SCRATCH until that is left, at the latest.
 *
 * While a mark lives, **what lies below it does not grow in place**: vectors and buffers begun before it move when they
 * grow, what they moved from stays as it was, and what moved above the mark goes with the next rewind to it.
 *
 * An open burst is ended, as by any other call.  On a handle from arena_concurrent_acquire marks work too, and end at
 * release; while one lives, free slots below it are not used.
 */

/* Its contents are the library's.  Zero is no mark. */
struct arena_mark {
    uint64_t resets;
    uint64_t serial;
    uint64_t depth;
    char *floor;
    struct arena *arena;
    void *block;
    char *place;
    size_t zones;
#if UINTPTR_MAX <= UINT32_MAX
    uint32_t unused[5];
#endif
};

/* Marks the place that the arena is at.  Panics where arena or out is NULL, or nothing may be handed out by it. */
ARENA_API void arena_get_mark(struct arena *arena, struct arena_mark *out);
/* Takes back what was handed out since the mark.  Panics, and changes nothing, where the mark is zero, another arena's,
 * from before a reset or return, or above the cursor; or void, as far as the library can see it. */
ARENA_API void arena_rewind(struct arena *arena, const struct arena_mark *mark);
/* As arena_rewind, and the mark ends. */
ARENA_API void arena_rewind_end(struct arena *arena, const struct arena_mark *mark);
/* arena_get_mark with a status: ARENA_OK; ARENA_EINVAL: arena or out is NULL, or the arena is not the caller's now;
 * ARENA_EBUSY: it is dropping.  *out is zero, and no mark, after a failure. */
ARENA_API ARENA_NODISCARD int arena_get_mark_checked(struct arena *arena, struct arena_mark *out);
/* As arena_rewind, but a status instead of a panic: ARENA_OK; ARENA_EINVAL: arena is NULL, or the mark is not valid;
 * ARENA_EBUSY: the arena drops its elements. */
ARENA_API ARENA_NODISCARD int arena_rewind_checked(struct arena *arena, const struct arena_mark *mark);
/* As arena_rewind_checked, and after ARENA_OK the mark ends. */
ARENA_API ARENA_NODISCARD int arena_rewind_end_checked(struct arena *arena, const struct arena_mark *mark);

/* sizeof(struct arena_stats) in bytes, for bindings that check their own declaration. */
ARENA_API size_t arena_stats_size(void);
/* sizeof(struct arena_mark) in bytes, for the same. */
ARENA_API size_t arena_mark_size(void);
/* sizeof(struct arena_scratch) in bytes, for the same. */
ARENA_API size_t arena_scratch_size(void);

/* What ARENA_SCRATCH keeps; its contents are the library's.  Frozen, as inline code fills it. */
struct arena_scratch {
    char *cursor;
    char *floor;
    struct arena *arena;
    char *place;
    size_t zones;
};

/* Begins an ARENA_SCRATCH where the inline form below cannot, and fills *out.  Panics where the arena is NULL or drops
 * its elements. */
ARENA_API ARENA_NOTHROW void arena_scratch_enter_slow(struct arena *arena, struct arena_scratch *out);
/* Ends an ARENA_SCRATCH where there is more to do than to clear a little.  Takes the fields of the scope one by one, so
 * that it need not lie in memory. */
ARENA_API ARENA_NOTHROW void arena_scratch_leave_slow(struct arena *arena, char *cursor, char *floor, char *place,
                                                      size_t zones);

/* The byte arenas' type (<arena/bytes.h>): any create of this type makes one.  It has no elements, and no drop function
 * (ARENA_EINVAL).  Static. */
ARENA_API ARENA_CONST ARENA_NO_PLT const struct arena_type *arena_type_bytes(void);

/* --- The inline path -----------------------------------------------------------------------------------------------
 *
 * The first four words of struct arena, frozen: the only layout a program may depend on.
 *
 * [cursor, limit) is a window of free, whole slots, not the rest of the arena: the library may close it
 * (limit == cursor) between calls.  Inline code that finds room takes a slot by advancing cursor by one stride, and
 * must fill all of it.  Inline code that finds none calls arena_try_alloc, which tries again.
 */
struct arena_head {
    char *cursor;
    char *limit;
    char *floor; /* inline code may take back down to here by clearing alone; out of reach where it may not */
    char *peak;  /* the highest cursor that was taken back */
};

/* --- Scratch scopes --------------------------------------------------------------------------------------------------
 *
 * ARENA_SCRATCH(prefix, arena) { ... } (gcc, clang): what the block allocates is taken back when it is left, also by
 * break, continue, goto, return and C++ exceptions.  **break and continue leave the block, not a loop around it.**
 * A panic, longjmp or the thread's end leave it to the outer rewind or reset.
 */

/* What is taken back by inline code, in steps that may run over the cursor. */
#define ARENA_SCRATCH_BYTES_ 256
#define ARENA_SCRATCH_STEP_ 64

#ifdef __cplusplus
#define ARENA_HEAD_(arena) static_cast<struct arena_head *>(static_cast<void *>(arena))
#else
#define ARENA_HEAD_(arena) ((struct arena_head *)(void *)(arena))
#endif

/* Begins a scope where the head's cursor and floor were just read.  false: the floor is out of reach, and the library
 * has to. It is stores that a small scope waits for, so the floor is written where it changes: not by a scope that
 * begins there, as the outermost one does in an arena that holds nothing else.  When a scope ends, that comes before
 * clearing: stores to the floor by its end and the next one's begin, close together, took AMD Zen 4 a fifth more time.
 */
ARENA_INLINE bool arena_scratch_begin_(struct arena *arena, char *cursor, char *floor) {
    if (!ARENA_LIKELY(floor <= cursor)) return false;
    if (floor != cursor) ARENA_HEAD_(arena)->floor = cursor;
    return true;
}

/* Ends one that began so, and clears what it used: up to a step without looking how much.  false: the library has
 * to. */
ARENA_INLINE bool arena_scratch_end_(struct arena *arena, char *from, char *floor) {
    struct arena_head *head = ARENA_HEAD_(arena);
    char *cursor = head->cursor;
    if (!ARENA_LIKELY(head->floor == from)) return false;
    if (ARENA_LIKELY(cursor - from <= ARENA_SCRATCH_STEP_)) {
        if (floor != from) head->floor = floor;
        memset(from, 0, ARENA_SCRATCH_STEP_);
    } else {
        if (cursor - from > ARENA_SCRATCH_BYTES_) return false;
        head->floor = floor;
        for (char *at = from; at < cursor; at += ARENA_SCRATCH_STEP_) memset(at, 0, ARENA_SCRATCH_STEP_);
    }
    if (cursor > head->peak) head->peak = cursor;
    head->cursor = from;
    return true;
}

/* What an ARENA_SCRATCH that inline code begins needs to know, kept apart from what the library fills, so that it need
 * not lie in memory. */
struct arena_private_scratch {
    char *cursor; /* NULL: the library began it */
    char *floor;
    struct arena *arena;
    struct arena_scratch *slow;
};

ARENA_INLINE struct arena_private_scratch *arena_scratch_enter_(struct arena_private_scratch *scratch) {
    if (!arena_scratch_begin_(scratch->arena, scratch->cursor, scratch->floor)) {
        arena_scratch_enter_slow(scratch->arena, scratch->slow);
        scratch->cursor = NULL;
    }
    return scratch;
}

ARENA_INLINE void arena_scratch_leave_(struct arena_private_scratch *scratch) {
    if (ARENA_LIKELY(arena_scratch_end_(scratch->arena, scratch->cursor, scratch->floor))) return;
    const struct arena_scratch *slow = scratch->slow;
    if (scratch->cursor != NULL) {
        arena_scratch_leave_slow(scratch->arena, scratch->cursor, scratch->floor, NULL, 0);
    } else {
        arena_scratch_leave_slow(scratch->arena, NULL, slow->floor, slow->place, slow->zones);
    }
}

#if defined(__GNUC__)
#define ARENA_SCRATCH(prefix, arena) ARENA_SCRATCH_AS_(prefix##_raw(arena), ARENA_CONCAT(arena_scratch_, __COUNTER__))
#define ARENA_SCRATCH_AS_(handle, scratch)                                                                             \
    for (ARENA_ARENA_ * ARENA_CONCAT(scratch, _in) = (handle),                                                         \
                                              **ARENA_CONCAT(scratch, _in_once) = &ARENA_CONCAT(scratch, _in);         \
         ARENA_CONCAT(scratch, _in_once); ARENA_CONCAT(scratch, _in_once) = NULL)                                      \
        for (struct arena_scratch ARENA_CONCAT(scratch, _slow) ARENA_WRITTEN_BY_LIBRARY_,                              \
             *ARENA_CONCAT(scratch, _slow_once) = &ARENA_CONCAT(scratch, _slow);                                       \
             ARENA_CONCAT(scratch, _slow_once); ARENA_CONCAT(scratch, _slow_once) = NULL)                              \
            for (struct arena_private_scratch scratch __attribute__((                                                  \
                     cleanup(arena_scratch_leave_))) = {ARENA_HEAD_(ARENA_CONCAT(scratch, _in))->cursor,               \
                                                        ARENA_HEAD_(ARENA_CONCAT(scratch, _in))->floor,                \
                                                        ARENA_CONCAT(scratch, _in), &ARENA_CONCAT(scratch, _slow)},    \
      *ARENA_CONCAT(scratch, _once) = arena_scratch_enter_(&scratch);                                                  \
                 ARENA_CONCAT(scratch, _once); ARENA_CONCAT(scratch, _once) = NULL)
#endif

/* A burst: the window held in the caller's registers.  Between begin and end only the burst allocates from the arena.
 * What it wrote counts as live, and in arena_used, once end has committed it.  A burst left without end is taken back
 * by the arena's next allocation or reset, and what it wrote is cleared. */
struct arena_burst {
    char *cursor;
    char *limit;
    struct arena *arena;
};

/* sizeof(struct arena_burst) in bytes, for bindings that check their own declaration. */
ARENA_API size_t arena_burst_size(void);

/* Opens a burst and fills *out.  An open burst of the same arena is taken back.  Panics, and changes nothing, where
 * arena or out is NULL, and where the arena is not the caller's now ("Checked spellings"). */
ARENA_API void arena_burst_begin(struct arena *arena, struct arena_burst *out);
/* Hands out one element of the burst's window, as arena_try_alloc does it; NULL when nothing is left behind the last
 * element (an arena from arena_concurrent_acquire may then still have slots between live ones). */
ARENA_API void *arena_burst_put(struct arena_burst *burst, const void *value);
/* Closes the burst: what it wrote is live.  Panics where the burst is not the arena's open one. */
ARENA_API void arena_burst_end(struct arena *arena, struct arena_burst *burst);

/* Opens a burst as arena_burst_begin does, or returns what arena_reset_checked would; *out is zero after a failure. */
ARENA_API ARENA_NODISCARD int arena_burst_begin_checked(struct arena *arena, struct arena_burst *out);
/* Puts one element into *out as arena_burst_put does it.  ARENA_EFULL: nothing is left.  ARENA_EINVAL: out is NULL, or
 * the burst is not open.  *out is NULL after a failure. */
ARENA_API ARENA_NODISCARD int arena_burst_put_checked(struct arena_burst *burst, const void *value, void **out);
/* Closes the burst as arena_burst_end does.  ARENA_EINVAL: it is not the arena's open one. */
ARENA_API ARENA_NODISCARD int arena_burst_end_checked(struct arena *arena, struct arena_burst *burst);

/* For the inline forms of the typed face: opens the next window, at `cursor`.  The cursor again, and the limit in
 * *limit; both equal when nothing is left. */
ARENA_API ARENA_COLD char *arena_burst_more(struct arena *arena, char *cursor, char **limit);

ARENA_END_DECLS

#endif
