/* SPDX-License-Identifier: MIT */
/* Puts values into slots with their descriptors, and drops them.  See any.h. */
#include "core/any.h"

#include "core/slots.h"
#include "core/type.h"
#include "core/type_set.h"
#include "runtime/panic.h"

static void drop_value(void *element, void *user) {
    struct arena_any *slot = element;
    if (slot->type != NULL && slot->type->drop != NULL) slot->type->drop(slot->value, user);
}

const struct arena_type any_type = {"any", sizeof(struct arena_any), alignof(struct arena_any), drop_value, 0, 0};

const char *any_refusal(const struct arena *arena, const struct arena_type *type) {
    if (arena == NULL) return "arena is NULL";
    if (!type_same(arena->type, &any_type)) return "the arena is not one of mixed values";
    if (!type_valid(type)) return "the type is not valid";
    if (type->size > ARENA_ANY_MAX) return "the value is larger than ARENA_ANY_MAX";
    if (type->align > alignof(max_align_t)) return "the value's alignment is above max_align_t";
    return NULL;
}

/* Free ones below a mark that lives are not used. */
static bool has_slot(const struct arena *arena) {
    return arena->head.cursor != arena->bound || (arena->gap_bytes != 0 && slots_floor(arena) == arena->base);
}

struct arena_any *any_take(struct arena *arena, const struct arena_type *type, const void *value) {
    if (slots_sealed(arena) || !has_slot(arena)) return NULL;
    const struct arena_type *kept = type_set_keep(&arena->kinds, type, &arena->source);
    if (kept == NULL) return NULL;
    struct arena_any *slot = slots_take_slow(arena, NULL);
    slot->type = kept;
    if (value != NULL) memcpy(slot->value, value, kept->size);
    return slot;
}

int any_none_status(const struct arena *arena, const struct arena_type *type) {
    if (any_refusal(arena, type) != NULL) return ARENA_EINVAL;
    return !slots_sealed(arena) && has_slot(arena) ? ARENA_ENOMEM : slots_none_status(arena);
}

_Noreturn void any_panic(const struct arena *arena, const struct arena_type *type, const char *function) {
    const char *refusal = any_refusal(arena, type);
    if (refusal != NULL) panic(ARENA_EINVAL, "%s: %s", function, refusal);
    if (any_none_status(arena, type) == ARENA_ENOMEM)
        panic(ARENA_ENOMEM, "%s: no memory for the descriptor of %s", function, type->name);
    slots_panic_full(arena, function, 1);
}
