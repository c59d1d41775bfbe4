/* SPDX-License-Identifier: MIT */
/* struct arena_concurrent: an arena behind a gate (sync/gate.h), with chunks of it lent to threads (api/share.h).
 *
 * An operation takes the gate's one permit, works on the arena inside (it copies the value in, too), and puts the
 * permit back.  Most single elements need no permit: they come out of the calling thread's chunk.  acquire and the
 * permits of api/acquire.c keep the gate's permit until they are released.  A thread reads its values before it takes
 * anything: one that waits for a page of its value keeps no other thread waiting.
 *
 * The way of a value from arena_concurrent_alloc to its slot.  Each step is for what the one before had no room for, or
 * cannot copy:
 *   shares_take (share.h)           out of the calling thread's chunk, an element copied as words: no lock, no call
 *   shares_take_parts (share.h)     the same for small elements of other sizes, from here on by try_alloc_slow
 *   shares_take_any (share.c)       the same for any, by try_step and run_lent
 *   shares_refill (share.c)         with the gate's permit, by run: a new chunk for the thread, or a slot of the arena
 *   shares_revoke (share.c)         by concurrent_take_back: every chunk is ended, and shares_refill tries once more
 * An arena without chunks (ARENA_GATE_ONLY, no membarrier, a memory checker) has two steps: take_gated, where the gate
 * is free; else run_once, with the permit, which calls slots_take_slow (core/take.c).
 *
 * Invariants
 *   the arena inside is sealed, but while an operation works on it or the gate is acquired
 *   used_bytes is what the arena inside used (chunks count whole) when the last operation ended, or, in one that ends
 *   all chunks (acquire, reset, trim), when they had ended
 *
 * Who locks what: the gate's permit guards `slots` and what share.h says.  used_bytes is written by the
 * thread that holds the permit, and read by any.
 */
#include "api/concurrent.h"

#include <arena/bytes.h>

#include "api/context.h"
#include "base/poison.h"
#include "core/any.h"
#include "core/bytes.h"
#include "core/type.h"
#include "platform/memory.h"

static const char function_try_alloc[] = "arena_concurrent_try_alloc";

/* concurrent_enter for the calls that have no status: they panic where the caller holds the gate. */
static inline void enter_or_panic(struct arena_concurrent *arena, const char *function) {
    if (UNLIKELY(arena == NULL) || UNLIKELY(concurrent_enter(arena, NULL) != ARENA_OK)) {
        panic_for(function, concurrent_refusal(arena));
    }
}

/* For calls that do not ask the gate first: panics where another copy of the library made the arena. */
static inline void look_at_copy(const struct arena_concurrent *arena, const char *function) {
    if (UNLIKELY(!copy_is_here(&arena->stamp))) copy_panic(function);
}

/* A cancelled thread puts the permit back. */
static void leave_cancelled(void *arena) { concurrent_leave(arena); }

int concurrent_take_back(struct arena_concurrent *arena, struct cancel_node *node) {
    if (!shares_enabled(&arena->shares)) return ARENA_OK;
    int status;
    CLEANUP_PUSH(leave_cancelled, arena);
    status = shares_revoke(&arena->shares, node);
    CLEANUP_POP(0);
    if (status == ARENA_OK) {
        concurrent_note_used(arena);
    } else {
        concurrent_leave(arena);
    }
    return status;
}

/* --- one operation on the arena inside, under the permit ---------------------------------------------------------- */

enum step_kind { STEP_ONE, STEP_SLAB, STEP_SLAB_WITH, STEP_BLOCK };

/* What is to be handed out. */
struct step {
    enum step_kind kind;
    const void *values;
    size_t count; /* of a block: bytes */
    size_t align; /* of a block: a power of two */
};

static void *take_block(struct arena *slots, size_t size, size_t align) {
    return size == 0 ? bytes_take_nothing(slots, align) : bytes_take_zeroed(slots, size, align);
}

static void *run_once(struct arena *slots, const struct step *step) {
    slots_enter(slots);
    void *result = step->kind == STEP_ONE     ? slots_take_slow(slots, step->values)
                   : step->kind == STEP_SLAB  ? slots_take_slab(slots, step->count)
                   : step->kind == STEP_BLOCK ? take_block(slots, step->count, step->align)
                                              : slots_take_slab_with(slots, step->values, step->count);
    slots_leave(slots);
    return result;
}

/* May a slab or block that is asked for as zeroed be handed out as it lies?  With ARENA_CLEAR_NEVER. */
static inline bool is_raw(const struct arena_concurrent *arena, const struct step *step) {
    return arena->keeps && (step->kind == STEP_SLAB || step->kind == STEP_BLOCK);
}

static void *refill(struct arena_concurrent *arena, const struct step *step) {
    struct share_set *shares = &arena->shares;
    bool raw = is_raw(arena, step);
    return step->kind == STEP_BLOCK ? shares_refill_block(shares, step->count, step->align, raw)
                                    : shares_refill(shares, step->values, step->count, raw);
}

static bool could_fit(struct share_set *shares, const struct step *step) {
    return step->kind == STEP_BLOCK ? shares_could_fit_block(shares, step->count, step->align)
                                    : shares_could_fit(shares, step->count);
}

/* Runs the step and puts the permit back.  ARENA_OK, ARENA_EFULL, or why the context ended. */
static int run(struct arena_concurrent *arena, struct cancel_node *node, const struct step *step, void **out) {
    struct share_set *shares = &arena->shares;
    if (!shares_enabled(shares) || step->count == 0) { /* an empty slab takes no slot, so it needs no chunk back */
        *out = run_once(&arena->slots, step);
    } else {
        while ((*out = refill(arena, step)) == NULL && could_fit(shares, step)) {
            int status = concurrent_take_back(arena, node);
            if (status != ARENA_OK) return status;
        }
    }
    concurrent_leave(arena);
    return *out == NULL ? ARENA_EFULL : ARENA_OK;
}

/* Takes it out of the calling thread's chunk, without the gate.  NULL: the caller has to take the gate. */
static inline void *run_lent(struct arena_concurrent *arena, const struct step *step) {
    if (!shares_enabled(&arena->shares) || step->count == 0) return NULL; /* count 0: by the gate, too */
    bool raw = is_raw(arena, step);
    if (step->kind == STEP_BLOCK) return shares_take_block(&arena->shares, step->count, step->align, raw);
    return shares_take_any(&arena->shares, step->values, step->count, raw);
}

/* Reads values that may come late from their pages. */
static inline void touch_values(const struct arena_concurrent *arena, const struct step *step) {
    if (step->values == NULL || step->count - 1 >= arena->slots.capacity) return; /* so the product cannot overflow */
    share_touch(step->values, step->count * arena->slots.type->size);
}

static void *try_step(struct arena_concurrent *arena, const char *function, const struct step *step) {
    if (arena == NULL) return NULL;
    touch_values(arena, step);
    void *result = run_lent(arena, step);
    if (result != NULL) return result;
    enter_or_panic(arena, function);
    (void)run(arena, NULL, step, &result);
    return result;
}

static COLD _Noreturn void panic_full(const struct arena_concurrent *arena, const char *function, size_t count) {
    if (arena == NULL) panic(ARENA_EINVAL, "%s: arena is NULL", function);
    slots_panic_no_room(&arena->slots, function, count, arena_concurrent_remaining(arena));
}

static inline void *step_or_panic(struct arena_concurrent *arena, const char *function, const struct step *step) {
    void *result = try_step(arena, function, step);
    if (UNLIKELY(result == NULL)) panic_full(arena, function, step->count);
    return result;
}

static int step_context(struct arena_concurrent *arena, struct arena_context *context, const struct step *step,
                        void **out) {
    if (out == NULL) return ARENA_EINVAL;
    poison_written(out, sizeof *out);
    *out = NULL;
    if (arena == NULL || !context_usable(context)) return ARENA_EINVAL;
    touch_values(arena, step);
    struct cancel_node *node = context_node(context);
    if (cancel_status(node) == ARENA_OK) {
        *out = run_lent(arena, step);
        if (*out != NULL) return ARENA_OK;
    }
    int status = concurrent_enter(arena, node);
    return status == ARENA_OK ? run(arena, node, step, out) : status;
}

/* --- allocation --------------------------------------------------------------------------------------------------- */

/* One element of an arena without chunks, where the gate is free: what try_step does, in a few instructions.  NULL:
 * nothing was done. */
static inline void *take_gated(struct arena_concurrent *arena, const void *value) {
    struct arena *slots = &arena->slots;
    enum copy_way way = (enum copy_way)slots->copy;
    size_t stride = slots->stride;
    if (UNLIKELY(!slots_copies_words(way)) || UNLIKELY(value == NULL) || UNLIKELY(slots->watched)) return NULL;
    (void)*(const volatile char *)value; /* as touch_values */
    (void)((const volatile char *)value)[stride - 1];
    if (UNLIKELY(!copy_is_here(&arena->stamp)) || UNLIKELY(gate_held_by_me(&arena->gate))) return NULL;
    if (UNLIKELY(!gate_try_enter(&arena->gate))) return NULL;
    char *slot = slots->head.cursor;
    if (LIKELY((size_t)(slots->bound - slot) >= stride)) {
        slots->head.cursor = slot + stride;
        slots->head.limit = slot + stride;
        slots_copy_words(slot, value, way, stride);
        uint64_t used_bytes = atomic_u64_load(&arena->used_bytes, relaxed) + stride;
        atomic_u64_store(&arena->used_bytes, used_bytes, relaxed);
    } else {
        slot = NULL;
    }
    gate_leave(&arena->gate);
    return slot;
}

static NOINLINE void *try_alloc_slow(struct arena_concurrent *arena, const char *function, const void *value) {
    void *slot = arena != NULL ? shares_take_parts(&arena->shares, value) : NULL;
    if (LIKELY(slot != NULL)) return slot;
    return try_step(arena, function, &(struct step){STEP_ONE, value, 1, 0});
}

static NOINLINE void *alloc_slow(struct arena_concurrent *arena, const void *value) {
    static const char function[] = "arena_concurrent_alloc";
    void *slot = try_alloc_slow(arena, function, value);
    if (UNLIKELY(slot == NULL)) panic_full(arena, function, 1);
    return slot;
}

static NOINLINE void *alloc_gated(struct arena_concurrent *arena, const void *value) {
    void *slot = take_gated(arena, value);
    return LIKELY(slot != NULL) ? slot : alloc_slow(arena, value);
}

static NOINLINE void *try_alloc_gated(struct arena_concurrent *arena, const void *value) {
    void *slot = take_gated(arena, value);
    return LIKELY(slot != NULL) ? slot : try_alloc_slow(arena, function_try_alloc, value);
}

OWN_LINE void *arena_concurrent_alloc(struct arena_concurrent *arena, const void *value) {
    if (UNLIKELY(arena == NULL)) return alloc_slow(arena, value);
    void *slot = shares_take(&arena->shares, value);
    if (LIKELY(slot != NULL)) return slot;
    return shares_enabled(&arena->shares) ? alloc_slow(arena, value) : alloc_gated(arena, value);
}

OWN_LINE void *arena_concurrent_try_alloc(struct arena_concurrent *arena, const void *value) {
    if (UNLIKELY(arena == NULL)) return NULL;
    void *slot = shares_take(&arena->shares, value);
    if (LIKELY(slot != NULL)) return slot;
    return shares_enabled(&arena->shares) ? try_alloc_slow(arena, function_try_alloc, value)
                                          : try_alloc_gated(arena, value);
}

static NOINLINE void *try_slab_slow(struct arena_concurrent *arena, size_t count) {
    return try_step(arena, "arena_concurrent_try_alloc_slab", &(struct step){STEP_SLAB, NULL, count, 0});
}

static NOINLINE void *slab_slow(struct arena_concurrent *arena, size_t count) {
    return step_or_panic(arena, "arena_concurrent_alloc_slab", &(struct step){STEP_SLAB, NULL, count, 0});
}

OWN_LINE void *arena_concurrent_alloc_slab(struct arena_concurrent *arena, size_t count) {
    void *slab = LIKELY(arena != NULL) ? shares_take_slab(&arena->shares, count) : NULL;
    return LIKELY(slab != NULL) ? slab : slab_slow(arena, count);
}

OWN_LINE void *arena_concurrent_try_alloc_slab(struct arena_concurrent *arena, size_t count) {
    void *slab = LIKELY(arena != NULL) ? shares_take_slab(&arena->shares, count) : NULL;
    return LIKELY(slab != NULL) ? slab : try_slab_slow(arena, count);
}

void *arena_concurrent_alloc_slab_with(struct arena_concurrent *arena, const void *values, size_t count) {
    return step_or_panic(arena, "arena_concurrent_alloc_slab_with", &(struct step){STEP_SLAB_WITH, values, count, 0});
}

void *arena_concurrent_try_alloc_slab_with(struct arena_concurrent *arena, const void *values, size_t count) {
    return try_step(arena, "arena_concurrent_try_alloc_slab_with", &(struct step){STEP_SLAB_WITH, values, count, 0});
}

int arena_concurrent_alloc_context(struct arena_concurrent *arena, struct arena_context *context, const void *value,
                                   void **out) {
    return step_context(arena, context, &(struct step){STEP_ONE, value, 1, 0}, out);
}

int arena_concurrent_alloc_slab_context(struct arena_concurrent *arena, struct arena_context *context, size_t count,
                                        void **out) {
    return step_context(arena, context, &(struct step){STEP_SLAB, NULL, count, 0}, out);
}

int arena_concurrent_alloc_slab_with_context(struct arena_concurrent *arena, struct arena_context *context,
                                             const void *values, size_t count, void **out) {
    return step_context(arena, context, &(struct step){STEP_SLAB_WITH, values, count, 0}, out);
}

/* --- blocks of a byte arena --------------------------------------------------------------------------------------- */

static struct arena_concurrent *bytes_raw(struct arena_bytes_concurrent *arena) {
    return (struct arena_concurrent *)(void *)arena;
}

static bool block_step(size_t size, size_t align, struct step *step) {
    if (align == 0) align = _Alignof(max_align_t);
    *step = (struct step){STEP_BLOCK, NULL, size, align};
    return (align & (align - 1)) == 0;
}

void *arena_bytes_concurrent_alloc(struct arena_bytes_concurrent *arena, size_t size, size_t align) {
    static const char function[] = "arena_bytes_concurrent_alloc";
    struct step step;
    if (!block_step(size, align, &step)) panic(ARENA_EINVAL, "%s: the alignment is no power of two", function);
    return step_or_panic(bytes_raw(arena), function, &step);
}

void *arena_bytes_concurrent_try_alloc(struct arena_bytes_concurrent *arena, size_t size, size_t align) {
    struct step step;
    if (!block_step(size, align, &step)) return NULL;
    return try_step(bytes_raw(arena), "arena_bytes_concurrent_try_alloc", &step);
}

int arena_bytes_concurrent_alloc_context(struct arena_bytes_concurrent *arena, struct arena_context *context,
                                         size_t size, size_t align, void **out) {
    struct step step;
    if (!block_step(size, align, &step)) {
        if (out == NULL) return ARENA_EINVAL;
        poison_written(out, sizeof *out);
        *out = NULL;
        return ARENA_EINVAL;
    }
    return step_context(bytes_raw(arena), context, &step, out);
}

/* --- mixed values ------------------------------------------------------------------------------------------------- */

static struct arena_any *any_once(struct arena *slots, const struct arena_type *type, const void *value) {
    slots_enter(slots);
    struct arena_any *slot = any_take(slots, type, value);
    slots_leave(slots);
    return slot;
}

/* Takes the permit, and a slot that holds the value.  A status as for arena_concurrent_alloc_any_context, the type
 * being right for the arena. */
static int take_any(struct arena_concurrent *arena, struct cancel_node *node, const struct arena_type *type,
                    const void *value, struct arena_any **out) {
    struct share_set *shares = &arena->shares;
    if (value != NULL) share_touch(value, type->size);
    int status = concurrent_enter(arena, node);
    if (status != ARENA_OK) return status;
    shares_retire_mine(shares);
    /* What is missing may be memory for the descriptor: then to end chunks does not help. */
    while ((*out = any_once(&arena->slots, type, value)) == NULL && slots_remaining(&arena->slots) == 0 &&
           shares_could_fit(shares, 1)) {
        status = concurrent_take_back(arena, node);
        if (status != ARENA_OK) return status;
    }
    if (*out == NULL) status = slots_remaining(&arena->slots) == 0 ? ARENA_EFULL : ARENA_ENOMEM;
    concurrent_leave(arena);
    return status;
}

struct arena_any *arena_concurrent_try_alloc_any(struct arena_concurrent *arena, const struct arena_type *type,
                                                 const void *value) {
    if (arena == NULL) return NULL;
    look_at_copy(arena, "arena_concurrent_try_alloc_any"); /* another copy's mixed type is not ours */
    if (any_refusal(&arena->slots, type) != NULL) return NULL;
    struct arena_any *slot = NULL;
    int status = take_any(arena, NULL, type, value, &slot);
    if (status == ARENA_EBUSY) panic_for("arena_concurrent_try_alloc_any", concurrent_refusal(arena));
    return slot;
}

struct arena_any *arena_concurrent_alloc_any(struct arena_concurrent *arena, const struct arena_type *type,
                                             const void *value) {
    static const char function[] = "arena_concurrent_alloc_any";
    if (arena == NULL) panic(ARENA_EINVAL, "%s: arena is NULL", function);
    look_at_copy(arena, function);
    const char *refusal = any_refusal(&arena->slots, type);
    if (refusal != NULL) panic(ARENA_EINVAL, "%s: %s", function, refusal);
    struct arena_any *slot = NULL;
    int status = take_any(arena, NULL, type, value, &slot);
    if (LIKELY(status == ARENA_OK)) return slot;
    if (status == ARENA_ENOMEM) panic(ARENA_ENOMEM, "%s: no memory for the descriptor of %s", function, type->name);
    if (status == ARENA_EBUSY) panic_for(function, concurrent_refusal(arena));
    panic_full(arena, function, 1);
}

int arena_concurrent_alloc_any_context(struct arena_concurrent *arena, struct arena_context *context,
                                       const struct arena_type *type, const void *value, struct arena_any **out) {
    if (out == NULL) return ARENA_EINVAL;
    poison_written(out, sizeof *out);
    *out = NULL;
    if (arena == NULL || !context_usable(context)) return ARENA_EINVAL;
    if (any_refusal(&arena->slots, type) != NULL) return ARENA_EINVAL;
    return take_any(arena, context_node(context), type, value, out);
}

/* --- reset, trim, counts ------------------------------------------------------------------------------------------ */

/* Notes this thread as the gate's holder where drops or cleanups are to run: if one calls the arena again, the call is
 * refused, and does not wait for itself. */
static inline void hold_for_drops(struct arena_concurrent *arena) {
    if (arena->slots.type->drop != NULL || arena->slots.cleanups != NULL) gate_set_holder(&arena->gate);
}

/* The caller has taken the permit; this puts it back. */
static int reset(struct arena_concurrent *arena, struct cancel_node *node) {
    int status = concurrent_take_back(arena, node);
    if (status != ARENA_OK) return status;
    hold_for_drops(arena);
    slots_reset(&arena->slots);
    shares_note_freed(&arena->shares);
    gate_clear_holder(&arena->gate);
    concurrent_leave(arena);
    return ARENA_OK;
}

void arena_concurrent_reset(struct arena_concurrent *arena) {
    enter_or_panic(arena, "arena_concurrent_reset");
    (void)reset(arena, NULL);
}

int arena_concurrent_reset_context(struct arena_concurrent *arena, struct arena_context *context) {
    if (arena == NULL || !context_usable(context)) return ARENA_EINVAL;
    struct cancel_node *node = context_node(context);
    int status = concurrent_enter(arena, node);
    return status == ARENA_OK ? reset(arena, node) : status;
}

/* The caller has taken the permit; this puts it back. */
static void trim(struct arena_concurrent *arena) {
    (void)concurrent_take_back(arena, NULL); /* chunks are free memory too */
    slots_trim(&arena->slots);
    concurrent_leave(arena);
}

void arena_concurrent_trim(struct arena_concurrent *arena) {
    enter_or_panic(arena, "arena_concurrent_trim");
    trim(arena);
}

int arena_concurrent_trim_checked(struct arena_concurrent *arena) {
    if (arena == NULL) return ARENA_EINVAL;
    int status = concurrent_enter(arena, NULL);
    if (status == ARENA_OK) trim(arena);
    return status;
}

static size_t count_used(const struct arena_concurrent *arena) {
    if (gate_held_by_me(&arena->gate)) return slots_used(&arena->slots);
    size_t used_bytes = (size_t)atomic_u64_load(&arena->used_bytes, relaxed);
    size_t unused_bytes = shares_unused_bytes(&arena->shares);
    return unused_bytes > used_bytes ? 0 : (used_bytes - unused_bytes) / arena->slots.stride;
}

size_t arena_concurrent_cap(const struct arena_concurrent *arena) {
    if (arena == NULL) return 0;
    look_at_copy(arena, "arena_concurrent_cap");
    return slots_capacity(&arena->slots);
}

size_t arena_concurrent_used(const struct arena_concurrent *arena) {
    if (arena == NULL) return 0;
    look_at_copy(arena, "arena_concurrent_used");
    return count_used(arena);
}

size_t arena_concurrent_remaining(const struct arena_concurrent *arena) {
    if (arena == NULL) return 0;
    look_at_copy(arena, "arena_concurrent_remaining");
    return slots_capacity(&arena->slots) - count_used(arena);
}

int arena_concurrent_get_stats(const struct arena_concurrent *arena, struct arena_stats *out) {
    size_t size = out == NULL ? 0 : out->struct_size;
    if (arena == NULL || size < sizeof size) return ARENA_EINVAL;
    struct arena_concurrent *entered = (struct arena_concurrent *)(uintptr_t)arena;
    int status = concurrent_enter(entered, NULL);
    if (status != ARENA_OK) return status;
    struct arena_stats stats = {.struct_size = size};
    slots_stats(&entered->slots, &stats);
    stats.used_bytes -= shares_unused_bytes(&entered->shares); /* no more than is lent, while the permit is held */
    concurrent_leave(entered);
    size_t filled = size < sizeof stats ? size : sizeof stats;
    poison_copy_out(out, &stats, filled);
    return ARENA_OK;
}

const struct arena_type *arena_concurrent_type_of(const struct arena_concurrent *arena) {
    if (arena == NULL) return NULL;
    look_at_copy(arena, "arena_concurrent_type_of");
    return arena->slots.type;
}

/* --- life --------------------------------------------------------------------------------------------------------- */

static int create(const struct arena_type *type, size_t capacity, const struct arena_options *options,
                  struct arena_concurrent **out) {
    if (out == NULL) return ARENA_EINVAL;
    poison_written(out, sizeof *out);
    *out = NULL;
    struct slots_plan plan;
    int status = slots_plan(type, capacity, options, &plan);
    if (status != ARENA_OK) return status;
    struct arena *slots =
        slots_create(&plan, type, PART_OF_CONCURRENT, sizeof(struct arena_concurrent) + type_copy_bytes(type), NULL);
    if (slots == NULL) return ARENA_ENOMEM;
    struct arena_concurrent *arena = (struct arena_concurrent *)(void *)slots;
    copy_stamp(&arena->stamp);
    bool gated = gate_init(&arena->gate, 1);
    bool gate_only = (plan.flags & ARENA_GATE_ONLY) != 0;
    if (!gated || !shares_start(&arena->shares, slots, gate_only)) {
        if (gated) gate_finish(&arena->gate);
        slots_destroy(slots);
        return ARENA_ENOMEM;
    }
    slots->type = type_copy(arena + 1, type);
    arena->keeps = plan.clear == ARENA_CLEAR_NEVER;
    slots_close(slots, CLOSED_BEHIND_GATE);
    *out = arena;
    return ARENA_OK;
}

int arena_concurrent_create(const struct arena_type *type, size_t capacity, struct arena_concurrent **out) {
    return create(type, capacity, NULL, out);
}

int arena_concurrent_create_with(const struct arena_type *type, size_t capacity, const struct arena_options *options,
                                 struct arena_concurrent **out) {
    return create(type, capacity, options, out);
}

static struct refusal destroy_refusal(const struct arena_concurrent *arena) {
    if (arena != NULL && !copy_is_here(&arena->stamp)) return (struct refusal){ARENA_EINVAL, COPY_REFUSAL};
    if (arena == NULL || (gate_idle(&arena->gate) && !gate_held_by_me(&arena->gate))) {
        return (struct refusal){ARENA_OK, NULL};
    }
    return (struct refusal){ARENA_EBUSY, "the gate is held or waited for"};
}

static void destroy(struct arena_concurrent *arena) {
    if (arena == NULL) return;
    struct share *shares = shares_finish(&arena->shares);
    hold_for_drops(arena);
    gate_finish(&arena->gate);
    slots_destroy(&arena->slots);
    shares_free(shares);
}

void arena_concurrent_destroy(struct arena_concurrent *arena) {
    struct refusal refusal = destroy_refusal(arena);
    if (UNLIKELY(refusal.status != ARENA_OK)) panic_for("arena_concurrent_destroy", refusal);
    destroy(arena);
}

int arena_concurrent_destroy_checked(struct arena_concurrent *arena) {
    struct refusal refusal = destroy_refusal(arena);
    if (refusal.status == ARENA_OK) destroy(arena);
    return refusal.status;
}
