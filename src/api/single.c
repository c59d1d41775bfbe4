/* SPDX-License-Identifier: MIT */
/* The public functions of struct arena: arguments checked, then core/slots.h. */
#include "core/slots.h"

#include <arena/typed.h>

#include "core/type.h"
#include "runtime/panic.h"

size_t arena_type_size(void) { return sizeof(struct arena_type); }
size_t arena_type_align(void) { return _Alignof(struct arena_type); }

bool arena_type_equal(const struct arena_type *left, const struct arena_type *right) {
    return type_valid(left) && type_valid(right) && type_same(left, right);
}

static int create(const struct arena_type *type, size_t capacity, const struct arena_options *options,
                  struct arena **out) {
    if (out == NULL) return ARENA_EINVAL;
    *out = NULL;
    struct slots_plan plan;
    int status = slots_plan(type, capacity, options, &plan);
    if (status != ARENA_OK) return status;
    struct arena *arena = slots_create(&plan, type, SLOTS_OWNER_USER, sizeof(struct arena) + type_copy_bytes(type));
    if (arena == NULL) return ARENA_ENOMEM;
    arena->type = type_copy(arena + 1, type);
    *out = arena;
    return ARENA_OK;
}

int arena_create(const struct arena_type *type, size_t capacity, struct arena **out) {
    return create(type, capacity, NULL, out);
}

int arena_create_with(const struct arena_type *type, size_t capacity, const struct arena_options *options,
                      struct arena **out) {
    return create(type, capacity, options, out);
}

void arena_destroy(struct arena *arena) {
    if (arena == NULL) return;
    if (arena->owner == SLOTS_OWNER_POOL) panic("arena_destroy: the arena belongs to a pool");
    if (arena->owner == SLOTS_OWNER_GATE) panic("arena_destroy: the arena belongs to a concurrent arena");
    if (arena->sealed) panic("arena_destroy: the arena is dropping its elements");
    slots_destroy(arena);
}

/* The hot functions come in two parts: what the window can give, in a leaf without a frame, and a tail call for the
 * rest.  Measured: a frame alone costs as much as the allocation. */

static SLOW void *try_alloc_slow(struct arena *arena, const void *value) {
    void *slot = slots_take_pieces(arena, value);
    if (LIKELY(slot != NULL)) return slot;
    return arena == NULL ? NULL : slots_take_slow(arena, value);
}

static SLOW void *alloc_slow(struct arena *arena, const void *value) {
    void *slot = slots_take_pieces(arena, value);
    if (LIKELY(slot != NULL)) return slot;
    slot = arena == NULL ? NULL : slots_take_slow(arena, value);
    if (UNLIKELY(slot == NULL)) slots_panic_full(arena, "arena_alloc", 1);
    return slot;
}

HOT void *arena_try_alloc(struct arena *arena, const void *value) {
    void *slot = slots_take(arena, value);
    return LIKELY(slot != NULL) ? slot : try_alloc_slow(arena, value);
}

HOT void *arena_alloc(struct arena *arena, const void *value) {
    void *slot = slots_take(arena, value);
    return LIKELY(slot != NULL) ? slot : alloc_slow(arena, value);
}

static SLOW void *try_alloc_slab_slow(struct arena *arena, size_t count) {
    return arena == NULL ? NULL : slots_take_slab(arena, count);
}

static SLOW void *alloc_slab_slow(struct arena *arena, size_t count) {
    void *slab = try_alloc_slab_slow(arena, count);
    if (UNLIKELY(slab == NULL)) slots_panic_full(arena, "arena_alloc_slab", count);
    return slab;
}

HOT void *arena_try_alloc_slab(struct arena *arena, size_t count) {
    void *slab = slots_take_window(arena, count);
    return LIKELY(slab != NULL) ? slab : try_alloc_slab_slow(arena, count);
}

HOT void *arena_alloc_slab(struct arena *arena, size_t count) {
    void *slab = slots_take_window(arena, count);
    return LIKELY(slab != NULL) ? slab : alloc_slab_slow(arena, count);
}

static SLOW void *try_alloc_slab_with_slow(struct arena *arena, const void *values, size_t count) {
    return arena == NULL ? NULL : slots_take_slab_with(arena, values, count);
}

static SLOW void *alloc_slab_with_slow(struct arena *arena, const void *values, size_t count) {
    void *slab = try_alloc_slab_with_slow(arena, values, count);
    if (UNLIKELY(slab == NULL)) slots_panic_full(arena, "arena_alloc_slab_with", count);
    return slab;
}

HOT void *arena_alloc_slab_with(struct arena *arena, const void *values, size_t count) {
    void *slab = slots_take_window_with(arena, values, count);
    return LIKELY(slab != NULL) ? slab : alloc_slab_with_slow(arena, values, count);
}

HOT void *arena_try_alloc_slab_with(struct arena *arena, const void *values, size_t count) {
    void *slab = slots_take_window_with(arena, values, count);
    return LIKELY(slab != NULL) ? slab : try_alloc_slab_with_slow(arena, values, count);
}

/* A sealed arena is not the caller's to change. */
static void check_open(const struct arena *arena, const char *function) {
    if (UNLIKELY(arena == NULL || arena->sealed)) slots_panic_full(arena, function, 0);
}

static SLOW void reset_slow(struct arena *arena) {
    check_open(arena, "arena_reset");
    slots_reset(arena);
}

HOT void arena_reset(struct arena *arena) {
    /* The window of an arena that is quick and not sealed reaches to its end. */
    if (LIKELY(arena != NULL) && LIKELY(!arena->sealed) && LIKELY(slots_reset_quick(arena, false))) return;
    reset_slow(arena);
}

void arena_trim(struct arena *arena) {
    check_open(arena, "arena_trim");
    slots_trim(arena);
}

size_t arena_used(const struct arena *arena) { return arena == NULL ? 0 : slots_used(arena); }
size_t arena_remaining(const struct arena *arena) { return arena == NULL ? 0 : slots_remaining(arena); }
size_t arena_cap(const struct arena *arena) { return arena == NULL ? 0 : slots_capacity(arena); }
const struct arena_type *arena_type_of(const struct arena *arena) { return arena == NULL ? NULL : arena->type; }

void arena_panic_slab_bounds(size_t index, size_t len) { panic("slab index %zu is past its length %zu", index, len); }

void arena_panic_type(const char *expected, const struct arena_type *found) {
    panic("a handle of %s was given where one of %s is wanted", found == NULL ? "no type" : found->name, expected);
}
