/* SPDX-License-Identifier: MIT */
/* The public functions of struct arena: arguments checked, then core/slots.h. */
#include "core/create.h"

#include <arena/typed.h>

#include "base/arith.h"
#include "base/poison.h"
#include "core/bytes.h"
#include "core/mark.h"
#include "core/type.h"
#include "runtime/panic.h"

bool arena_type_equal(const struct arena_type *left, const struct arena_type *right) {
    return type_valid(left) && type_valid(right) && type_same(left, right);
}

/* The descriptor of byte arenas is the library's, and needs no copy. */
static size_t copy_bytes(const struct arena_type *type) { return type == &bytes_type ? 0 : type_copy_bytes(type); }

static size_t header_bytes(size_t copied_bytes) {
    size_t align = _Alignof(max_align_t);
    return (sizeof(struct arena) + copied_bytes + align - 1) / align * align;
}

/* `place` comes with options. */
static int create(const struct arena_type *type, size_t capacity, const struct arena_options *options,
                  const struct slots_place *place, struct arena **out) {
    if (out == NULL) return ARENA_EINVAL;
    poison_written(out, sizeof *out);
    *out = NULL;
    if (type == &bytes_type && options == NULL) {
        *out = slots_create_bytes(capacity);
        return LIKELY(*out != NULL) ? ARENA_OK : ARENA_ENOMEM;
    }
    if (options == NULL) {
        *out = slots_create_kept(type, capacity);
        if (LIKELY(*out != NULL)) return ARENA_OK;
    }
    struct slots_plan plan;
    int status = slots_plan(type, capacity, options, &plan);
    if (status != ARENA_OK) return status;
    size_t copied_bytes = copy_bytes(type);
    struct arena *arena = slots_create(&plan, type, PART_OF_NOTHING, header_bytes(copied_bytes), place);
    if (arena == NULL) return ARENA_ENOMEM;
    if (copied_bytes != 0) arena->type = type_copy_of(arena + 1, type, copied_bytes);
    *out = arena;
    return ARENA_OK;
}

static NOINLINE int create_slow(const struct arena_type *type, size_t capacity, const struct arena_options *options,
                                struct arena **out) {
    return create(type, capacity, options, NULL, out);
}

/* A byte arena that the thread kept: a leaf, and a tail call for all else. */
HOT_INLINE int create_quick(const struct arena_type *type, size_t capacity, const struct arena_options *options,
                            struct arena **out) {
    if (LIKELY(type == &bytes_type) && LIKELY(options == NULL) && LIKELY(out != NULL) && !poison_hears_of_writes()) {
        struct arena *arena = slots_renew_bytes(capacity);
        if (LIKELY(arena != NULL)) {
            *out = arena;
            return ARENA_OK;
        }
    }
    return create_slow(type, capacity, options, out);
}

int arena_create(const struct arena_type *type, size_t capacity, struct arena **out) {
    return create_quick(type, capacity, NULL, out);
}

OWN_LINE int arena_create_with(const struct arena_type *type, size_t capacity, const struct arena_options *options,
                               struct arena **out) {
    return create_quick(type, capacity, options, out);
}

/* No object has more. */
static size_t object_bytes(size_t size_bytes) { return size_bytes < ARITH_MAX_BYTES ? size_bytes : ARITH_MAX_BYTES; }

/* The part of the caller's memory in which a struct may lie.  false: there is none. */
static bool aligned_place(void *memory, size_t size_bytes, struct slots_place *place) {
    size_t skipped = arith_padding((uintptr_t)memory, _Alignof(max_align_t));
    if (skipped >= size_bytes) return false;
    place->memory = (char *)memory + skipped;
    place->bytes = size_bytes - skipped;
    return true;
}

static int create_at(const struct arena_type *type, void *memory, size_t size_bytes, size_t capacity, bool grows,
                     const struct arena_options *options, struct arena **out) {
    if (out == NULL) return ARENA_EINVAL;
    poison_written(out, sizeof *out);
    *out = NULL;
    if (memory == NULL || !type_valid(type) || type_same(type, arena_type_any())) return ARENA_EINVAL;
    struct slots_place place = {.grows = grows};
    if (!aligned_place(memory, object_bytes(size_bytes), &place)) return ARENA_ENOMEM;
    struct arena_options known;
    if (!slots_options_read(options, &known, sizeof known)) return ARENA_EINVAL;
    known.struct_size = sizeof known;
    known.flags &= ~(uint32_t)(ARENA_HUGE_PAGES | ARENA_PREFAULT);
    if (!grows) known.source = NULL;
    return create(type, capacity, &known, &place, out);
}

int arena_create_in(const struct arena_type *type, void *memory, size_t size_bytes, const struct arena_options *options,
                    struct arena **out) {
    size_t stride; /* where it overflows, the type is refused whatever the capacity */
    bool known = type_valid(type) && arith_round_up(type->size, type->align, &stride);
    size_t capacity = known ? object_bytes(size_bytes) / stride : 0;
    return create_at(type, memory, size_bytes, capacity, false, options, out);
}

int arena_create_on(const struct arena_type *type, void *memory, size_t size_bytes, size_t capacity,
                    const struct arena_options *options, struct arena **out) {
    if (out != NULL) *out = NULL;
    if (!type_valid(type) || !type_same(type, &bytes_type)) return ARENA_EINVAL;
    return create_at(type, memory, size_bytes, capacity, true, options, out);
}

size_t arena_in_bytes(const struct arena_type *type, size_t count, const struct arena_options *options) {
    struct slots_plan plan;
    size_t bytes;
    if (slots_plan(type, count, options, &plan) != ARENA_OK || type_same(type, arena_type_any())) return SIZE_MAX;
    return slots_in_bytes(&plan, type, header_bytes(copy_bytes(type)), &bytes) ? bytes : SIZE_MAX;
}

/* Each plain spelling that may panic and its checked one do what one static function does, which also decides. */

static struct refusal destroy(struct arena *arena) {
    if (arena == NULL) return (struct refusal){ARENA_OK, NULL};
    if (arena->part_of == PART_OF_POOL) return (struct refusal){ARENA_EBUSY, "the arena belongs to a pool"};
    if (arena->part_of == PART_OF_CONCURRENT)
        return (struct refusal){ARENA_EBUSY, "the arena belongs to a concurrent arena"};
    if (UNLIKELY(slots_sealed(arena))) return slots_refusal(arena);
    slots_destroy(arena);
    return (struct refusal){ARENA_OK, NULL};
}

static NOINLINE void destroy_slow(struct arena *arena) {
    struct refusal refusal = destroy(arena);
    if (refusal.status != ARENA_OK) panic_for("arena_destroy", refusal);
}

OWN_LINE void arena_destroy(struct arena *arena) {
    if (LIKELY(arena != NULL) && LIKELY(slots_keep_bytes(arena))) return;
    destroy_slow(arena);
}

int arena_destroy_checked(struct arena *arena) { return destroy(arena).status; }

/* The hot functions come in two parts: what the window can give, in a leaf without a frame, and a tail call for the
 * rest.  Measured: a frame alone costs as much as the allocation. */

static NOINLINE void *try_alloc_slow(struct arena *arena, const void *value) {
    void *slot = slots_take_parts(arena, value);
    if (LIKELY(slot != NULL)) return slot;
    return arena == NULL ? NULL : slots_take_slow(arena, value);
}

static NOINLINE void *alloc_slow(struct arena *arena, const void *value) {
    void *slot = slots_take_parts(arena, value);
    if (LIKELY(slot != NULL)) return slot;
    slot = arena == NULL ? NULL : slots_take_slow(arena, value);
    if (UNLIKELY(slot == NULL)) slots_panic_full(arena, "arena_alloc", 1);
    return slot;
}

static inline void *take(struct arena *arena, const void *value) {
    void *slot = slots_take(arena, value);
    return LIKELY(slot != NULL) ? slot : try_alloc_slow(arena, value);
}

OWN_LINE void *arena_try_alloc(struct arena *arena, const void *value) { return take(arena, value); }

OWN_LINE void *arena_alloc(struct arena *arena, const void *value) {
    void *slot = slots_take(arena, value);
    return LIKELY(slot != NULL) ? slot : alloc_slow(arena, value);
}

static NOINLINE void *try_alloc_slab_slow(struct arena *arena, size_t count) {
    return arena == NULL ? NULL : slots_take_slab(arena, count);
}

static NOINLINE void *alloc_slab_slow(struct arena *arena, size_t count) {
    void *slab = try_alloc_slab_slow(arena, count);
    if (UNLIKELY(slab == NULL)) slots_panic_full(arena, "arena_alloc_slab", count);
    return slab;
}

static inline void *take_slab(struct arena *arena, size_t count) {
    void *slab = slots_take_window(arena, count);
    return LIKELY(slab != NULL) ? slab : try_alloc_slab_slow(arena, count);
}

OWN_LINE void *arena_try_alloc_slab(struct arena *arena, size_t count) { return take_slab(arena, count); }

OWN_LINE void *arena_alloc_slab(struct arena *arena, size_t count) {
    void *slab = slots_take_window(arena, count);
    return LIKELY(slab != NULL) ? slab : alloc_slab_slow(arena, count);
}

static NOINLINE void *try_alloc_slab_with_slow(struct arena *arena, const void *values, size_t count) {
    return arena == NULL ? NULL : slots_take_slab_with(arena, values, count);
}

static NOINLINE void *alloc_slab_with_slow(struct arena *arena, const void *values, size_t count) {
    void *slab = try_alloc_slab_with_slow(arena, values, count);
    if (UNLIKELY(slab == NULL)) slots_panic_full(arena, "arena_alloc_slab_with", count);
    return slab;
}

static inline void *take_slab_with(struct arena *arena, const void *values, size_t count) {
    void *slab = slots_take_window_with(arena, values, count);
    return LIKELY(slab != NULL) ? slab : try_alloc_slab_with_slow(arena, values, count);
}

OWN_LINE void *arena_alloc_slab_with(struct arena *arena, const void *values, size_t count) {
    void *slab = slots_take_window_with(arena, values, count);
    return LIKELY(slab != NULL) ? slab : alloc_slab_with_slow(arena, values, count);
}

OWN_LINE void *arena_try_alloc_slab_with(struct arena *arena, const void *values, size_t count) {
    return take_slab_with(arena, values, count);
}

/* What a checked allocation returns: the reason is looked for only where there is nothing to hand out. */
static inline int handed_out(const struct arena *arena, void *slot, void **out) {
    poison_written(out, sizeof *out);
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
    if (UNLIKELY(arena == NULL || slots_sealed(arena))) return slots_refusal(arena);
    slots_reset(arena);
    return (struct refusal){ARENA_OK, NULL};
}

static NOINLINE void reset_slow(struct arena *arena) {
    struct refusal refusal = reset(arena);
    if (UNLIKELY(refusal.status != ARENA_OK)) panic_for("arena_reset", refusal);
}

static inline bool reset_quick(struct arena *arena) {
    /* What is closed is either sealed or not quick. */
    return LIKELY(arena != NULL) && LIKELY(arena->closed == 0) && LIKELY(slots_reset_quick(arena, false));
}

OWN_LINE void arena_reset(struct arena *arena) {
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
const struct arena_type *arena_type_bytes(void) { return &bytes_type; }
const struct arena_type *arena_type_of(const struct arena *arena) { return arena == NULL ? NULL : arena->type; }

void arena_panic_slab_bounds(size_t index, size_t len) {
    panic(ARENA_EINVAL, "slab index %zu is past its length %zu", index, len);
}

void arena_panic_type(const char *expected, const struct arena_type *found) {
    panic(ARENA_EINVAL, "a handle of %s was given where one of %s is wanted", found == NULL ? "no type" : found->name,
          expected);
}

/* --- what an arena says of itself --------------------------------------------------------------------------------- */

void *arena_at(const struct arena *arena, size_t index) {
    if (arena == NULL || arena->bytes) return NULL;
    size_t below = (size_t)(arena->head.cursor - arena->base) / arena->stride;
    return index < below ? arena->base + index * arena->stride : NULL;
}

bool arena_owns(const struct arena *arena, const void *address) { return arena != NULL && slots_owns(arena, address); }

int arena_get_stats(const struct arena *arena, struct arena_stats *out) {
    size_t size = out == NULL ? 0 : out->struct_size;
    if (arena == NULL || size < sizeof size) return ARENA_EINVAL;
    struct arena_stats stats = {.struct_size = size};
    slots_stats(arena, &stats);
    size_t filled = size < sizeof stats ? size : sizeof stats;
    poison_copy_out(out, &stats, filled);
    return ARENA_OK;
}

/* --- marks -------------------------------------------------------------------------------------------------------- */

static struct refusal get_mark(struct arena *arena, struct arena_mark *out) {
    if (out == NULL) return (struct refusal){ARENA_EINVAL, "out is NULL"};
    poison_written(out, sizeof *out);
    struct refusal refusal = slots_refusal(arena);
    if (refusal.status == ARENA_OK) mark_take(arena, out);
    return refusal;
}

void arena_get_mark(struct arena *arena, struct arena_mark *out) {
    if (LIKELY(arena != NULL && out != NULL) && LIKELY(mark_take_quick(arena, out))) {
        poison_written(out, sizeof *out);
        return;
    }
    struct refusal refusal = get_mark(arena, out);
    if (refusal.status != ARENA_OK) panic_for("arena_get_mark", refusal);
}

int arena_get_mark_checked(struct arena *arena, struct arena_mark *out) {
    int status = get_mark(arena, out).status;
    if (status != ARENA_OK && out != NULL) memset(out, 0, sizeof *out);
    return status;
}

static struct refusal rewind_to(struct arena *arena, const struct arena_mark *mark, bool ends) {
    struct refusal refusal = slots_refusal(arena);
    if (refusal.status != ARENA_OK) return refusal;
    if (mark == NULL || !mark_valid(arena, mark)) {
        return (struct refusal){ARENA_EINVAL, "the mark is not one of this arena's that still lives"};
    }
    mark_rewind(arena, mark, ends);
    return refusal;
}

static inline bool rewind_quick(struct arena *arena, const struct arena_mark *mark, bool ends) {
    return LIKELY(arena != NULL && mark != NULL) && LIKELY(mark_rewind_quick(arena, mark, ends));
}

void arena_rewind(struct arena *arena, const struct arena_mark *mark) {
    if (rewind_quick(arena, mark, false)) return;
    struct refusal refusal = rewind_to(arena, mark, false);
    if (refusal.status != ARENA_OK) panic_for("arena_rewind", refusal);
}

void arena_rewind_end(struct arena *arena, const struct arena_mark *mark) {
    if (rewind_quick(arena, mark, true)) return;
    struct refusal refusal = rewind_to(arena, mark, true);
    if (refusal.status != ARENA_OK) panic_for("arena_rewind_end", refusal);
}

int arena_rewind_checked(struct arena *arena, const struct arena_mark *mark) {
    return rewind_to(arena, mark, false).status;
}

int arena_rewind_end_checked(struct arena *arena, const struct arena_mark *mark) {
    return rewind_to(arena, mark, true).status;
}

void arena_scratch_enter_slow(struct arena *arena, struct arena_scratch *out) {
    struct refusal refusal = slots_refusal(arena);
    if (refusal.status != ARENA_OK) panic_for("ARENA_SCRATCH", refusal);
    *out = mark_enter_scratch(arena);
}

void arena_scratch_leave_slow(struct arena *arena, char *cursor, char *floor, char *place, size_t zones) {
    const struct arena_scratch scratch = {cursor, floor, arena, place, zones};
    mark_leave_scratch(arena, &scratch);
}
