/* SPDX-License-Identifier: MIT */
/* An open-addressed table, at most half full, of copies that each are a block of their own: a slot of mixed values
 * points to its type, so that a copy must not move. */
#include "core/type_set.h"

#include "core/backing.h"
#include "core/type.h"

struct type_set {
    size_t count;
    size_t size; /* entries, a power of two, more than count */
    const struct arena_type **entries;
};

#define FIRST_SIZE ((size_t)8)

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
static bool make_room(struct type_set *set, const struct arena_source *source) {
    if (set->count * 2 < set->size) return true;
    struct type_set larger = {set->count, set->size == 0 ? FIRST_SIZE : set->size * 2, NULL};
    larger.entries = backing_take_zeroed(source, larger.size * sizeof *larger.entries);
    if (larger.entries == NULL) return false;
    for (size_t i = 0; i < set->size; i++) {
        if (set->entries[i] != NULL) *entry_for(&larger, set->entries[i]) = set->entries[i];
    }
    backing_give_zeroed(source, set->entries, set->size * sizeof *set->entries);
    *set = larger;
    return true;
}

const struct arena_type *type_set_keep(struct type_set **set, const struct arena_type *type,
                                       const struct arena_source *source) {
    if (*set == NULL) *set = backing_take_zeroed(source, sizeof **set);
    if (*set == NULL || !make_room(*set, source)) return NULL;
    const struct arena_type **entry = entry_for(*set, type);
    if (*entry == NULL) {
        void *block = backing_take_zeroed(source, type_copy_bytes(type));
        if (block == NULL) return NULL;
        *entry = type_copy(block, type);
        (*set)->count++;
    }
    return *entry;
}

void type_set_destroy(struct type_set *set, const struct arena_source *source) {
    if (set == NULL) return;
    for (size_t i = 0; i < set->size; i++) {
        const struct arena_type *copy = set->entries[i];
        if (copy != NULL) backing_give_zeroed(source, (void *)(uintptr_t)copy, type_copy_bytes(copy));
    }
    backing_give_zeroed(source, set->entries, set->size * sizeof *set->entries);
    backing_give_zeroed(source, set, sizeof *set);
}
