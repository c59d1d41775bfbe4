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

#include "core/slots.h"

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

#endif
