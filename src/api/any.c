/* SPDX-License-Identifier: MIT */
/* The public functions of mixed values in a single-owner arena: core/any.h says how they lie. */
#include "core/any.h"

#include "base/poison.h"
#include "core/type.h"

#include <arena/any.h>

const struct arena_type *arena_type_any(void) { return &any_type; }
size_t arena_any_max(void) { return ARENA_ANY_MAX; }
size_t arena_any_slot_size(void) { return sizeof(struct arena_any); }

static struct arena_any *try_alloc(struct arena *arena, const struct arena_type *type, const void *value) {
    return any_refusal(arena, type) != NULL ? NULL : any_take(arena, type, value);
}

struct arena_any *arena_try_alloc_any(struct arena *arena, const struct arena_type *type, const void *value) {
    return try_alloc(arena, type, value);
}

struct arena_any *arena_alloc_any(struct arena *arena, const struct arena_type *type, const void *value) {
    struct arena_any *slot = try_alloc(arena, type, value);
    if (slot == NULL) any_panic(arena, type, "arena_alloc_any");
    return slot;
}

int arena_alloc_any_checked(struct arena *arena, const struct arena_type *type, const void *value,
                            struct arena_any **out) {
    if (out == NULL) return ARENA_EINVAL;
    poison_written(out, sizeof *out);
    *out = try_alloc(arena, type, value);
    return *out != NULL ? ARENA_OK : any_none_status(arena, type);
}

void *arena_any_get(struct arena_any *slot, const struct arena_type *type) {
    if (slot == NULL || slot->type == NULL || !type_valid(type) || !type_same(slot->type, type)) return NULL;
    return slot->value;
}

const struct arena_type *arena_any_type(const struct arena_any *slot) { return slot == NULL ? NULL : slot->type; }
