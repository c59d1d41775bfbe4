/* SPDX-License-Identifier: MIT */
/* Mixed values, for the arenas that have one inside. */
#ifndef CORE_ANY_H
#define CORE_ANY_H

#include <arena/any.h>

#include "base/compiler.h"

/* Why this cannot be put into that arena, whatever room it has; NULL: it can. */
const char *any_refusal(const struct arena *arena, const struct arena_type *type);

/* One value, where any_refusal had nothing against it; NULL: no room, or no memory for the descriptor. */
struct arena_any *any_take(struct arena *arena, const struct arena_type *type, const void *value);

/* Why there was no slot: as a status, and as a panic, which ends the caller. */
int any_none_status(const struct arena *arena, const struct arena_type *type) COLD;
_Noreturn void any_panic(const struct arena *arena, const struct arena_type *type, const char *function) COLD;

/* Frees the descriptors an arena keeps. */
void any_forget(struct arena *arena);

#endif
