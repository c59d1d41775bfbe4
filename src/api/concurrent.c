/* SPDX-License-Identifier: MIT */
/* struct arena_concurrent: an arena behind a gate (sync/gate.h), with chunks of it lent to threads (api/share.h).
 *
 * An operation takes the gate's one permit, does its work on the arena inside, copying included, and puts the permit
 * back; single elements come out of the calling thread's chunk without it, most of the time.  acquire keeps the permit,
 * revokes all chunks, opens the arena's window for inline code, and notes the holder; release undoes it.
 *
 * Invariants
 *   the arena inside is sealed, but while an operation works on it or the gate is acquired
 *   used_bytes is what the arena inside used (chunks count whole) when the last operation ended, or, in one that ends
 *   all chunks (acquire, reset, trim), when they had ended
 *
 * Who locks what: the gate's permit guards `slots` and what share.h says.  used_bytes is written by who holds the
 * permit, read by anyone.
 */
#include <arena/concurrent.h>

#include "api/context.h"
#include "api/share.h"
#include "core/any.h"
#include "core/slots.h"
#include "core/type.h"
#include "platform/memory.h"
#include "runtime/panic.h"
#include "sync/gate.h"

struct arena_concurrent {
    struct arena slots; /* first: its block holds the slots of small arenas */
    struct gate gate;
    struct atomic_u64 used_bytes;
    bool keeps;    /* ARENA_CLEAR_NEVER: slabs are whatever was there */
    char line[64]; /* what every allocation reads does not share a cache line with what slow ones write */
    struct shares shares;
};

/* --- in and out of the gate --------------------------------------------------------------------------------------- */

/* 0 with the permit taken, or a status with nothing taken. */
static inline int enter(struct arena_concurrent *arena, struct arena_context *context) {
    if (UNLIKELY(gate_held_by_me(&arena->gate))) return ARENA_EBUSY;
    return gate_enter(&arena->gate, context_node(context));
}

static inline void note_used(struct arena_concurrent *arena) {
    atomic_u64_store(&arena->used_bytes, slots_used_bytes(&arena->slots), relaxed); /* a count, which orders nothing */
}

static inline void leave(struct arena_concurrent *arena) {
    note_used(arena);
    gate_leave(&arena->gate);
}

static COLD _Noreturn void panic_refused(const struct arena_concurrent *arena, const char *function) {
    if (arena == NULL) panic(ARENA_EINVAL, "%s: arena is NULL", function);
    panic(ARENA_EBUSY, "%s: the calling thread holds the gate", function);
}

/* enter for the calls that have no status: they panic where the caller holds the gate. */
static inline void enter_or_panic(struct arena_concurrent *arena, const char *function) {
    if (UNLIKELY(arena == NULL) || UNLIKELY(enter(arena, NULL) != ARENA_OK)) panic_refused(arena, function);
}

/* --- one operation on the arena inside, under the permit -----------------------------------------------------------
 */

enum step_kind { STEP_ONE, STEP_SLAB, STEP_SLAB_WITH };

/* What is to be handed out. */
struct step {
    enum step_kind kind;
    const void *values;
    size_t count;
};

static void *run_once(struct arena *slots, const struct step *step) {
    slots->sealed = false;
    void *result = step->kind == STEP_ONE    ? slots_take_slow(slots, step->values)
                   : step->kind == STEP_SLAB ? slots_take_slab(slots, step->count)
                                             : slots_take_slab_with(slots, step->values, step->count);
    slots_seal(slots);
    return result;
}

static inline void *run(struct arena_concurrent *arena, const struct step *step) {
    /* A slab of nothing takes nothing, whoever has what. */
    if (!shares_enabled(&arena->shares) || step->count == 0) return run_once(&arena->slots, step);
    return shares_refill(&arena->shares, step->values, step->count, step->kind == STEP_SLAB && arena->keeps);
}

/* What the calling thread's chunk has, without the gate; NULL: take the gate. */
static inline void *run_lent(struct arena_concurrent *arena, const struct step *step) {
    if (step->count == 0) return NULL; /* it waits for the gate like any other */
    return shares_take_any(&arena->shares, step->values, step->count, step->kind == STEP_SLAB && arena->keeps);
}

static void *try_step(struct arena_concurrent *arena, const char *function, const struct step *step) {
    if (arena == NULL) return NULL;
    void *result = run_lent(arena, step);
    if (result != NULL) return result;
    enter_or_panic(arena, function);
    result = run(arena, step);
    leave(arena);
    return result;
}

static COLD _Noreturn void panic_full(const struct arena_concurrent *arena, const char *function, size_t count) {
    if (arena == NULL) panic(ARENA_EINVAL, "%s: arena is NULL", function);
    panic(ARENA_EFULL, "%s: arena of %s is full: %zu wanted, %zu of %zu free", function, arena->slots.type->name, count,
          arena_concurrent_remaining(arena), slots_capacity(&arena->slots));
}

static inline void *step_or_panic(struct arena_concurrent *arena, const char *function, const struct step *step) {
    void *result = try_step(arena, function, step);
    if (UNLIKELY(result == NULL)) panic_full(arena, function, step->count);
    return result;
}

static int step_context(struct arena_concurrent *arena, struct arena_context *context, const struct step *step,
                        void **out) {
    if (out == NULL) return ARENA_EINVAL;
    *out = NULL;
    if (arena == NULL) return ARENA_EINVAL;
    if (cancel_status(context_node(context)) == ARENA_OK) {
        *out = run_lent(arena, step);
        if (*out != NULL) return ARENA_OK;
    }
    int status = enter(arena, context);
    if (status != ARENA_OK) return status;
    *out = run(arena, step);
    leave(arena);
    return *out == NULL ? ARENA_EFULL : ARENA_OK;
}

/* --- allocation --------------------------------------------------------------------------------------------------- */

static SLOW void *try_alloc_slow(struct arena_concurrent *arena, const char *function, const void *value) {
    void *slot = arena != NULL ? shares_take_pieces(&arena->shares, value) : NULL;
    if (LIKELY(slot != NULL)) return slot;
    return try_step(arena, function, &(struct step){STEP_ONE, value, 1});
}

static SLOW void *alloc_slow(struct arena_concurrent *arena, const void *value) {
    static const char function[] = "arena_concurrent_alloc";
    void *slot = try_alloc_slow(arena, function, value);
    if (UNLIKELY(slot == NULL)) panic_full(arena, function, 1);
    return slot;
}

HOT void *arena_concurrent_alloc(struct arena_concurrent *arena, const void *value) {
    void *slot = LIKELY(arena != NULL) ? shares_take(&arena->shares, value) : NULL;
    return LIKELY(slot != NULL) ? slot : alloc_slow(arena, value);
}

HOT void *arena_concurrent_try_alloc(struct arena_concurrent *arena, const void *value) {
    void *slot = LIKELY(arena != NULL) ? shares_take(&arena->shares, value) : NULL;
    return LIKELY(slot != NULL) ? slot : try_alloc_slow(arena, "arena_concurrent_try_alloc", value);
}

static SLOW void *try_slab_slow(struct arena_concurrent *arena, size_t count) {
    return try_step(arena, "arena_concurrent_try_alloc_slab", &(struct step){STEP_SLAB, NULL, count});
}

static SLOW void *slab_slow(struct arena_concurrent *arena, size_t count) {
    return step_or_panic(arena, "arena_concurrent_alloc_slab", &(struct step){STEP_SLAB, NULL, count});
}

HOT void *arena_concurrent_alloc_slab(struct arena_concurrent *arena, size_t count) {
    void *slab = LIKELY(arena != NULL) ? shares_take_slab(&arena->shares, count) : NULL;
    return LIKELY(slab != NULL) ? slab : slab_slow(arena, count);
}

HOT void *arena_concurrent_try_alloc_slab(struct arena_concurrent *arena, size_t count) {
    void *slab = LIKELY(arena != NULL) ? shares_take_slab(&arena->shares, count) : NULL;
    return LIKELY(slab != NULL) ? slab : try_slab_slow(arena, count);
}

void *arena_concurrent_alloc_slab_with(struct arena_concurrent *arena, const void *values, size_t count) {
    return step_or_panic(arena, "arena_concurrent_alloc_slab_with", &(struct step){STEP_SLAB_WITH, values, count});
}

void *arena_concurrent_try_alloc_slab_with(struct arena_concurrent *arena, const void *values, size_t count) {
    return try_step(arena, "arena_concurrent_try_alloc_slab_with", &(struct step){STEP_SLAB_WITH, values, count});
}

int arena_concurrent_alloc_context(struct arena_concurrent *arena, struct arena_context *context, const void *value,
                                   void **out) {
    return step_context(arena, context, &(struct step){STEP_ONE, value, 1}, out);
}

int arena_concurrent_alloc_slab_context(struct arena_concurrent *arena, struct arena_context *context, size_t count,
                                        void **out) {
    return step_context(arena, context, &(struct step){STEP_SLAB, NULL, count}, out);
}

int arena_concurrent_alloc_slab_with_context(struct arena_concurrent *arena, struct arena_context *context,
                                             const void *values, size_t count, void **out) {
    return step_context(arena, context, &(struct step){STEP_SLAB_WITH, values, count}, out);
}

static struct arena_any *any_once(struct arena *slots, const struct arena_type *type, const void *value) {
    slots->sealed = false;
    struct arena_any *slot = any_take(slots, type, value);
    slots_seal(slots);
    return slot;
}

static struct arena_any *try_any(struct arena_concurrent *arena, const char *function, const struct arena_type *type,
                                 const void *value) {
    if (arena == NULL || any_refusal(&arena->slots, type) != NULL) return NULL;
    enter_or_panic(arena, function);
    shares_retire_mine(&arena->shares);
    struct arena_any *slot = any_once(&arena->slots, type, value);
    if (slot == NULL && shares_revoke(&arena->shares)) slot = any_once(&arena->slots, type, value);
    leave(arena);
    return slot;
}

struct arena_any *arena_concurrent_try_alloc_any(struct arena_concurrent *arena, const struct arena_type *type,
                                                 const void *value) {
    return try_any(arena, "arena_concurrent_try_alloc_any", type, value);
}

struct arena_any *arena_concurrent_alloc_any(struct arena_concurrent *arena, const struct arena_type *type,
                                             const void *value) {
    static const char function[] = "arena_concurrent_alloc_any";
    struct arena_any *slot = try_any(arena, function, type, value);
    if (slot != NULL) return slot;
    const char *refusal = any_refusal(arena == NULL ? NULL : &arena->slots, type);
    if (refusal != NULL) panic(ARENA_EINVAL, "%s: %s", function, refusal);
    if (arena_concurrent_remaining(arena) != 0)
        panic(ARENA_ENOMEM, "%s: no memory for the descriptor of %s", function, type->name);
    panic_full(arena, function, 1);
}

/* --- reset, trim, counts ------------------------------------------------------------------------------------------ */

/* Ends every chunk for a while: what they had left is not in use, and who counts meanwhile is told so. */
static void take_back(struct arena_concurrent *arena) {
    (void)shares_revoke(&arena->shares);
    note_used(arena);
}

/* A drop that comes back to its arena is told so, and does not wait for itself. */
static inline void note_drops(struct arena_concurrent *arena) {
    if (arena->slots.type->drop != NULL) gate_set_holder(&arena->gate);
}

static void reset_inside(struct arena_concurrent *arena) {
    take_back(arena);
    note_drops(arena);
    slots_reset(&arena->slots);
    gate_clear_holder(&arena->gate);
    leave(arena);
}

void arena_concurrent_reset(struct arena_concurrent *arena) {
    enter_or_panic(arena, "arena_concurrent_reset");
    reset_inside(arena);
}

int arena_concurrent_reset_context(struct arena_concurrent *arena, struct arena_context *context) {
    if (arena == NULL) return ARENA_EINVAL;
    int status = enter(arena, context);
    if (status == ARENA_OK) reset_inside(arena);
    return status;
}

void arena_concurrent_trim(struct arena_concurrent *arena) {
    enter_or_panic(arena, "arena_concurrent_trim");
    take_back(arena); /* chunks are free memory too */
    slots_trim(&arena->slots);
    leave(arena);
}

size_t arena_concurrent_cap(const struct arena_concurrent *arena) {
    return arena == NULL ? 0 : slots_capacity(&arena->slots);
}

size_t arena_concurrent_used(const struct arena_concurrent *arena) {
    if (arena == NULL) return 0;
    if (gate_held_by_me(&arena->gate)) return slots_used(&arena->slots);
    size_t used_bytes = (size_t)atomic_u64_load(&arena->used_bytes, relaxed);
    size_t unused_bytes = shares_unused_bytes(&arena->shares);
    return unused_bytes > used_bytes ? 0 : (used_bytes - unused_bytes) / arena->slots.stride;
}

size_t arena_concurrent_remaining(const struct arena_concurrent *arena) {
    return arena_concurrent_cap(arena) - arena_concurrent_used(arena);
}

const struct arena_type *arena_concurrent_type_of(const struct arena_concurrent *arena) {
    return arena == NULL ? NULL : arena->slots.type;
}

/* --- the whole arena ---------------------------------------------------------------------------------------------- */

int arena_concurrent_acquire(struct arena_concurrent *arena, struct arena_context *context, struct arena **out) {
    if (out == NULL) return ARENA_EINVAL;
    *out = NULL;
    if (arena == NULL) return ARENA_EINVAL;
    int status = enter(arena, context);
    if (status != ARENA_OK) return status;
    gate_set_holder(&arena->gate);
    take_back(arena);
    slots_unseal(&arena->slots);
    *out = &arena->slots;
    return ARENA_OK;
}

void arena_concurrent_release(struct arena_concurrent *arena) {
    if (arena == NULL) panic(ARENA_EINVAL, "arena_concurrent_release: arena is NULL");
    if (!gate_held_by_me(&arena->gate))
        panic(ARENA_EINVAL, "arena_concurrent_release: the calling thread does not hold the gate");
    if (arena->slots.sealed) panic(ARENA_EBUSY, "arena_concurrent_release: the arena is dropping its elements");
    slots_settle(&arena->slots);
    slots_seal(&arena->slots);
    gate_clear_holder(&arena->gate);
    leave(arena);
}

/* --- life --------------------------------------------------------------------------------------------------------- */

static int create(const struct arena_type *type, size_t capacity, const struct arena_options *options,
                  struct arena_concurrent **out) {
    if (out == NULL) return ARENA_EINVAL;
    *out = NULL;
    struct slots_plan plan;
    int status = slots_plan(type, capacity, options, &plan);
    if (status != ARENA_OK) return status;
    struct arena *slots =
        slots_create(&plan, type, SLOTS_OWNER_GATE, sizeof(struct arena_concurrent) + type_copy_bytes(type));
    if (slots == NULL) return ARENA_ENOMEM;
    struct arena_concurrent *arena = (struct arena_concurrent *)(void *)slots;
    bool gated = gate_init(&arena->gate, 1);
    if (!gated || !shares_start(&arena->shares, slots, (plan.flags & ARENA_GATE_ONLY) != 0)) {
        if (gated) gate_finish(&arena->gate);
        slots_destroy(slots);
        return ARENA_ENOMEM;
    }
    slots->type = type_copy(arena + 1, type);
    arena->keeps = plan.clear == ARENA_CLEAR_NEVER;
    slots_seal(slots);
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

void arena_concurrent_destroy(struct arena_concurrent *arena) {
    if (arena == NULL) return;
    if (!gate_idle(&arena->gate) || gate_held_by_me(&arena->gate)) {
        panic(ARENA_EBUSY, "arena_concurrent_destroy: the gate is held or waited for");
    }
    struct share *shares = shares_finish(&arena->shares);
    note_drops(arena);
    gate_finish(&arena->gate);
    slots_destroy(&arena->slots);
    shares_free(shares); /* after the slots, whose free runs they hold */
}
