/* SPDX-License-Identifier: MIT */
/* The descriptors that an arena of mixed values keeps: one copy of each distinct one.  Two are distinct when anything
 * in them differs, the destructor included.
 *
 * Who locks what: nothing here locks.  A set belongs to its arena. */
#ifndef CORE_TYPE_SET_H
#define CORE_TYPE_SET_H

#include <arena/single.h>

struct type_set;

/* The set's own copy of `type`; *set is made at the first.  All of it comes from `source`.  NULL: no memory, and nothing
 * has changed. */
const struct arena_type *type_set_keep(struct type_set **set, const struct arena_type *type,
                                       const struct arena_source *source);

/* Frees the set and its copies.  NULL is legal. */
void type_set_destroy(struct type_set *set, const struct arena_source *source);

#endif
