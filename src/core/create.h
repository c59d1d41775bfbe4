/* SPDX-License-Identifier: MIT */
/* How an arena comes to be, and how it ends.
 *
 * Options are read into a plan once; any number of arenas can be made of it (a pool does).  Where the slots lie, and
 * how many bytes that takes, is worked out before anything is taken (struct layout in create.c).  Small arenas are one
 * block of the heap, the slots behind the struct; large ones have their slots in pages of their own, which cost memory
 * as they are touched.
 *
 * A new option: CONTRIBUTING.md has the list ("To add").  plan_defaults sets each field of a plan by name, and two
 * plans for byte arenas are written out in create.c.
 */
#ifndef CORE_CREATE_H
#define CORE_CREATE_H

#include "core/blocks.h"

/* What an arena is to be: options that are checked and complete. */
struct slots_plan {
    bool usual; /* all of it is as it is by default, and nothing is dropped */
    uint32_t clear;
    uint32_t flags;
    size_t stride;
    size_t bytes; /* of all slots; a byte arena's capacity */
    bool of_bytes;
    void *drop_user;
    size_t retain_bytes;
    size_t block_bytes;
    struct arena_source source;
    const char *label; /* the caller's */
};

/* ARENA_OK, ARENA_EINVAL or ARENA_ENOMEM, as arena_create_with returns them. */
int slots_plan(const struct arena_type *type, size_t capacity, const struct arena_options *options,
               struct slots_plan *plan);

/* Is there address space for such an arena?  For owners that make arenas later. */
bool slots_possible(const struct slots_plan *plan);

/* Copies caller's options of any known size into `known` (known_size bytes).  false: struct_size is too small, or
 * something beyond what is known is not 0. */
bool slots_options_read(const void *options, void *known, size_t known_size);

/* Memory that a caller hands in: an arena lies in it as a whole, or (`grows`) begins in it. */
struct slots_place {
    char *memory;
    size_t bytes;
    bool grows;
};

/* Makes an arena at the start of a block of header_bytes (>= sizeof(struct arena), the rest zeroed and the caller's).
 * `type` is kept, not copied.  `place` may be NULL.  NULL: no memory. */
struct arena *slots_create(const struct slots_plan *plan, const struct arena_type *type, enum part_of part_of,
                           size_t header_bytes, const struct slots_place *place);
/* The same for a byte arena of the user's with the default options, of which the compiler knows most. */
struct arena *slots_create_bytes(size_t capacity);
/* One that this thread kept, of elements and with no options; NULL: it has none that is the same. */
struct arena *slots_create_kept(const struct arena_type *type, size_t capacity);
/* What slots_create takes for such an arena, wherever its memory lies and with no checker; false: it cannot be. */
bool slots_in_bytes(const struct slots_plan *plan, const struct arena_type *type, size_t header_bytes, size_t *bytes);
/* Drops what is live and frees the block. */
void slots_destroy(struct arena *arena);

/* --- the life of a small byte arena ------------------------------------------------------------------------------- */

/* What a thread keeps was cleared as far as it was used, when it ended. */
HOT_INLINE struct arena *slots_of_kept(struct thread_kept *kept) { return CONTAINER_OF(kept, struct arena, kept); }
void slots_end_kept(struct thread_kept *kept);
/* Its end is this copy's of the library: the one that made the arena may be gone by then. */
HOT_INLINE void slots_keep(struct thread_state *state, int kind, struct arena *arena) {
    arena->kept.end = slots_end_kept;
    state->kept[kind] = &arena->kept;
}
HOT_INLINE void slots_clear_ended(struct arena *arena) {
    char *base = arena->base;
    char *cursor = arena->head.cursor;
    if (arena->ready < cursor) arena->ready = cursor;
    memset(base, 0, (size_t)(cursor - base));
}

/* An empty arena has no past.  The base alone is loaded: the field beside it was just written. */
HOT_INLINE void slots_forget_past(struct arena *arena) {
    char *base = arena->base;
    OPAQUE(base);
    arena->head.cursor = arena->head.floor = arena->head.peak = base;
    arena->floor = base;
    arena->touched = arena->used_end = base;
    arena->calm = arena->void_count = 0;
    arena->resets = 0;
    arena->high_bytes = arena->need_bytes = arena->peak_bytes = arena->want_bytes = 0;
    arena->mark_serial = arena->mark_depth = arena->void_low = arena->void_high = 0;
}

/* One with the default options; NULL: this thread keeps none.  It and the next are all that most lives of a small arena
 * take, so they call nothing, and need no frame. */
HOT_INLINE struct arena *slots_renew_bytes(size_t capacity) {
    struct thread_state *state = thread_state();
    struct thread_kept *kept = state->kept[KEPT_BYTES];
    if (UNLIKELY(kept == NULL)) return NULL;
    state->kept[KEPT_BYTES] = NULL;
    struct arena *arena = slots_of_kept(kept);
    slots_forget_past(arena);
    arena->capacity = capacity;
    arena->grow_bytes = BLOCKS_GROW_FIRST;
    char *bound = capacity < (size_t)(arena->end - arena->base) ? arena->base + capacity : arena->end;
    arena->bound = bound;
    arena->head.limit = arena->fresh_limit = arena->ready < bound ? arena->ready : bound;
    return arena;
}

/* Ends one that the thread can keep as it is; false: nothing was done, and slots_destroy is to be called.  While
 * cleanups run, for which alone such an arena is sealed, reset_work says that there are some. */
HOT_INLINE bool slots_keep_bytes(struct arena *arena) {
    if (UNLIKELY(arena->keeps != KEEPS_BYTES) || UNLIKELY(arena->reset_work != 0)) return false;
    struct thread_state *state = thread_state();
    if (UNLIKELY(state->keeps == THREAD_KEEPS_NOTHING || state->kept[KEPT_BYTES] != NULL)) return false;
    slots_keep(state, KEPT_BYTES, arena);
    slots_clear_ended(arena);
    return true;
}

#endif
