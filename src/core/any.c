/* SPDX-License-Identifier: MIT */
/* Mixed values: slots that hold a descriptor beside the value.
 *
 * The arena interns descriptors in an open-addressed set, so that a slot is one pointer and the value, and the caller's
 * descriptor need not live on.  Two descriptors are distinct when anything in them differs, the destructor included.
 * A zeroed slot has no descriptor: it holds no value.
 */
#include "core/any.h"

#include <arena/any.h>

#include "core/slots.h"
#include "core/type.h"
#include "platform/memory.h"
#include "runtime/panic.h"

#include <stdalign.h>

struct arena_any {
    const struct arena_type *type; /* interned by the arena; NULL: no value */
    alignas(max_align_t) unsigned char value[ARENA_ANY_MAX];
};

struct type_set {
    size_t count;
    size_t size; /* entries, a power of two, more than count */
    const struct arena_type **entries;
};

#define FIRST_SIZE ((size_t)8)

static void drop_value(void *element, void *user) {
    struct arena_any *slot = element;
    if (slot->type != NULL && slot->type->drop != NULL) slot->type->drop(slot->value, user);
}

static const struct arena_type any_type = {"any", sizeof(struct arena_any), alignof(struct arena_any), drop_value, 0,
                                           0};

const struct arena_type *arena_type_any(void) { return &any_type; }
size_t arena_any_max(void) { return ARENA_ANY_MAX; }
size_t arena_any_slot_size(void) { return sizeof(struct arena_any); }

static bool identical(const struct arena_type *left, const struct arena_type *right) {
    return left->drop == right->drop && type_same(left, right);
}

/* The entry that holds `type`, or the free one where it belongs. */
static const struct arena_type **entry_for(const struct type_set *set, const struct arena_type *type) {
    size_t at = (size_t)type_key(type) & (set->size - 1);
    while (set->entries[at] != NULL && !identical(set->entries[at], type)) at = (at + 1) & (set->size - 1);
    return &set->entries[at];
}

/* Keeps the set at most half full.  false: no memory, and nothing has changed. */
static bool make_room(struct type_set *set) {
    if (set->count * 2 < set->size) return true;
    struct type_set larger = {set->count, set->size == 0 ? FIRST_SIZE : set->size * 2, NULL};
    larger.entries = memory_alloc(larger.size * sizeof *larger.entries);
    if (larger.entries == NULL) return false;
    for (size_t i = 0; i < set->size; i++) {
        if (set->entries[i] != NULL) *entry_for(&larger, set->entries[i]) = set->entries[i];
    }
    memory_free(set->entries);
    *set = larger;
    return true;
}

static const struct arena_type *intern(struct arena *arena, const struct arena_type *type) {
    if (arena->kinds == NULL) arena->kinds = memory_alloc(sizeof *arena->kinds);
    struct type_set *set = arena->kinds;
    if (set == NULL || !make_room(set)) return NULL;
    const struct arena_type **entry = entry_for(set, type);
    if (*entry == NULL) {
        void *block = memory_alloc(type_copy_bytes(type));
        if (block == NULL) return NULL;
        *entry = type_copy(block, type);
        set->count++;
    }
    return *entry;
}

void any_forget(struct arena *arena) {
    struct type_set *set = arena->kinds;
    if (set == NULL) return;
    for (size_t i = 0; i < set->size; i++) memory_free((void *)(uintptr_t)set->entries[i]);
    memory_free(set->entries);
    memory_free(set);
    arena->kinds = NULL;
}

const char *any_refusal(const struct arena *arena, const struct arena_type *type) {
    if (arena == NULL) return "arena is NULL";
    if (!type_same(arena->type, &any_type)) return "the arena is not one of mixed values";
    if (!type_valid(type)) return "the type is not valid";
    if (type->size > ARENA_ANY_MAX) return "the value is larger than ARENA_ANY_MAX";
    if (type->align > alignof(max_align_t)) return "the value's alignment is above max_align_t";
    return NULL;
}

struct arena_any *any_take(struct arena *arena, const struct arena_type *type, const void *value) {
    if (arena->sealed || slots_remaining(arena) == 0) return NULL;
    const struct arena_type *kept = intern(arena, type);
    if (kept == NULL) return NULL;
    struct arena_any *slot = slots_take_slow(arena, NULL);
    slot->type = kept;
    if (value != NULL) memcpy(slot->value, value, kept->size);
    return slot;
}

int any_none_status(const struct arena *arena, const struct arena_type *type) {
    if (any_refusal(arena, type) != NULL) return ARENA_EINVAL;
    return !arena->sealed && slots_remaining(arena) != 0 ? ARENA_ENOMEM : slots_none_status(arena);
}

_Noreturn void any_panic(const struct arena *arena, const struct arena_type *type, const char *function) {
    const char *refusal = any_refusal(arena, type);
    if (refusal != NULL) panic(ARENA_EINVAL, "%s: %s", function, refusal);
    if (any_none_status(arena, type) == ARENA_ENOMEM)
        panic(ARENA_ENOMEM, "%s: no memory for the descriptor of %s", function, type->name);
    slots_panic_full(arena, function, 1);
}

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
    *out = try_alloc(arena, type, value);
    return *out != NULL ? ARENA_OK : any_none_status(arena, type);
}

void *arena_any_get(struct arena_any *slot, const struct arena_type *type) {
    if (slot == NULL || slot->type == NULL || !type_valid(type) || !type_same(slot->type, type)) return NULL;
    return slot->value;
}

const struct arena_type *arena_any_type(const struct arena_any *slot) { return slot == NULL ? NULL : slot->type; }
