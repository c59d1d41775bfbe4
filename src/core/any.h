/* SPDX-License-Identifier: MIT */
/* Mixed values: slots that hold a descriptor beside the value.
 *
 * The arena keeps one copy of each distinct descriptor (type_set.h), so that a slot is one pointer and the value, and
 * the caller's descriptor need not live on.  A zeroed slot has no descriptor: it holds no value. */
#ifndef CORE_ANY_H
#define CORE_ANY_H

#include <arena/any.h>

#include "base/compiler.h"

#include <stdalign.h>

struct arena_any {
    const struct arena_type *type; /* the arena's copy; NULL: no value */
    alignas(max_align_t) unsigned char value[ARENA_ANY_MAX];
};

/* The type of an arena of such slots. */
extern const struct arena_type any_type;

/* Why this cannot be put into that arena, whatever room it has; NULL: it can. */
const char *any_refusal(const struct arena *arena, const struct arena_type *type);

/* One value, where any_refusal had nothing against it; NULL: no room, or no memory for the descriptor. */
struct arena_any *any_take(struct arena *arena, const struct arena_type *type, const void *value);

/* Why there was no slot: as a status, and as a panic, which ends the caller. */
int any_none_status(const struct arena *arena, const struct arena_type *type) COLD;
_Noreturn void any_panic(const struct arena *arena, const struct arena_type *type, const char *function) COLD;

#endif
