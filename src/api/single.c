/* SPDX-License-Identifier: MIT */
/* The public functions of struct arena: arguments checked, then core/slots.h. */
#include "core/slots.h"

#include <arena/typed.h>

#include "core/type.h"
#include "runtime/panic.h"

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

/* Each plain spelling that may panic and its checked one do what one static function does, which also decides. */

static struct refusal destroy(struct arena *arena) {
    if (arena == NULL) return (struct refusal){ARENA_OK, NULL};
    if (arena->owner == SLOTS_OWNER_POOL) return (struct refusal){ARENA_EBUSY, "the arena belongs to a pool"};
    if (arena->owner == SLOTS_OWNER_GATE)
        return (struct refusal){ARENA_EBUSY, "the arena belongs to a concurrent arena"};
    struct refusal refusal = slots_refusal(arena);
    if (refusal.status == ARENA_OK) slots_destroy(arena);
    return refusal;
}

void arena_destroy(struct arena *arena) {
    struct refusal refusal = destroy(arena);
    if (refusal.status != ARENA_OK) panic_for("arena_destroy", refusal);
}

int arena_destroy_checked(struct arena *arena) { return destroy(arena).status; }

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

static inline void *take(struct arena *arena, const void *value) {
    void *slot = slots_take(arena, value);
    return LIKELY(slot != NULL) ? slot : try_alloc_slow(arena, value);
}

HOT void *arena_try_alloc(struct arena *arena, const void *value) { return take(arena, value); }

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

static inline void *take_slab(struct arena *arena, size_t count) {
    void *slab = slots_take_window(arena, count);
    return LIKELY(slab != NULL) ? slab : try_alloc_slab_slow(arena, count);
}

HOT void *arena_try_alloc_slab(struct arena *arena, size_t count) { return take_slab(arena, count); }

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

static inline void *take_slab_with(struct arena *arena, const void *values, size_t count) {
    void *slab = slots_take_window_with(arena, values, count);
    return LIKELY(slab != NULL) ? slab : try_alloc_slab_with_slow(arena, values, count);
}

HOT void *arena_alloc_slab_with(struct arena *arena, const void *values, size_t count) {
    void *slab = slots_take_window_with(arena, values, count);
    return LIKELY(slab != NULL) ? slab : alloc_slab_with_slow(arena, values, count);
}

HOT void *arena_try_alloc_slab_with(struct arena *arena, const void *values, size_t count) {
    return take_slab_with(arena, values, count);
}

/* What a checked allocation returns: the reason is looked for only where there is nothing to hand out. */
static inline int handed_out(const struct arena *arena, void *slot, void **out) {
    *out = slot;
    return LIKELY(slot != NULL) ? ARENA_OK : slots_none_status(arena);
}

int arena_alloc_checked(struct arena *arena, const void *value, void **out) {
    return out == NULL ? ARENA_EINVAL : handed_out(arena, take(arena, value), out);
}

int arena_alloc_slab_checked(struct arena *arena, size_t count, void **out) {
    return out == NULL ? ARENA_EINVAL : handed_out(arena, take_slab(arena, count), out);
}

int arena_alloc_slab_with_checked(struct arena *arena, const void *values, size_t count, void **out) {
    return out == NULL ? ARENA_EINVAL : handed_out(arena, take_slab_with(arena, values, count), out);
}

static struct refusal reset(struct arena *arena) {
    if (UNLIKELY(arena == NULL || arena->sealed)) return slots_refusal(arena);
    slots_reset(arena);
    return (struct refusal){ARENA_OK, NULL};
}

static SLOW void reset_slow(struct arena *arena) {
    struct refusal refusal = reset(arena);
    if (UNLIKELY(refusal.status != ARENA_OK)) panic_for("arena_reset", refusal);
}

static inline bool reset_quick(struct arena *arena) {
    /* The window of an arena that is quick and not sealed reaches to its end. */
    return LIKELY(arena != NULL) && LIKELY(!arena->sealed) && LIKELY(slots_reset_quick(arena, false));
}

HOT void arena_reset(struct arena *arena) {
    if (!reset_quick(arena)) reset_slow(arena);
}

int arena_reset_checked(struct arena *arena) { return reset_quick(arena) ? ARENA_OK : reset(arena).status; }

static struct refusal trim(struct arena *arena) {
    struct refusal refusal = slots_refusal(arena);
    if (refusal.status == ARENA_OK) slots_trim(arena);
    return refusal;
}

void arena_trim(struct arena *arena) {
    struct refusal refusal = trim(arena);
    if (refusal.status != ARENA_OK) panic_for("arena_trim", refusal);
}

int arena_trim_checked(struct arena *arena) { return trim(arena).status; }

size_t arena_used(const struct arena *arena) { return arena == NULL ? 0 : slots_used(arena); }
size_t arena_remaining(const struct arena *arena) { return arena == NULL ? 0 : slots_remaining(arena); }
size_t arena_cap(const struct arena *arena) { return arena == NULL ? 0 : slots_capacity(arena); }
const struct arena_type *arena_type_of(const struct arena *arena) { return arena == NULL ? NULL : arena->type; }

void arena_panic_slab_bounds(size_t index, size_t len) {
    panic(ARENA_EINVAL, "slab index %zu is past its length %zu", index, len);
}

void arena_panic_type(const char *expected, const struct arena_type *found) {
    panic(ARENA_EINVAL, "a handle of %s was given where one of %s is wanted", found == NULL ? "no type" : found->name,
          expected);
}
