/* SPDX-License-Identifier: MIT */
/* The calls on a pool, and its steady state.  See pool.h. */
#include "api/pool.h"

#include "api/context.h"
#include "base/poison.h"
#include "base/race.h"
#include "core/type.h"
#include "runtime/panic.h"

/* Not NULL, and not a pool of another copy of the library: for those, calls return ARENA_EINVAL. */
static inline bool usable(const struct arena_pool *pool) { return pool != NULL && copy_is_here(&pool->stamp); }

/* --- taking and putting back -------------------------------------------------------------------------------------- */

/* The steady state, with no call: takes an arena off the thread's list.  NULL: the caller goes on with
 * pool_take_slow. */
HOT_INLINE struct pool_arena *take_fast(struct arena_pool *pool, struct thread_state *state) {
    locals_enter(state);
    struct local *local = locals_find(state, &pool->keeper);
    if (UNLIKELY(local == NULL)) return NULL;
    struct pool_arena *arena = local->items;
    if (UNLIKELY(arena == NULL)) return NULL;
    local->items = arena->next;
    local->room += arena->weight;
    pool_open(arena);
    locals_exit(state);
    return arena;
}

/* Takes a place under the limit, if the pool has one.  Returns the status of a checkout that does not wait. */
static inline int admit(struct arena_pool *pool) {
    if (!pool->limited || gate_try_enter(&pool->gate)) return ARENA_OK;
    (void)atomic_u64_add(&pool->refusals, 1, relaxed);
    return ARENA_EFULL;
}

/* The same, waiting until the context ends; with one that has ended it fails in any case. */
static int admit_waiting(struct arena_pool *pool, struct arena_context *context) {
    if (!context_usable(context)) return ARENA_EINVAL;
    struct cancel_node *node = context_node(context);
    int status = cancel_status(node);
    if (status != ARENA_OK || !pool->limited) return status;
    if (gate_try_enter(&pool->gate)) {
        status = cancel_status(node); /* a context that ended before the place was free ends the call */
        if (status != ARENA_OK) gate_leave(&pool->gate);
        return status;
    }
    (void)atomic_u64_add(&pool->waits, 1, relaxed);
    status = gate_enter(&pool->gate, node);
    if (status != ARENA_OK) (void)atomic_u64_add(&pool->refusals, 1, relaxed);
    return status;
}

/* For one that was admitted. */
static int take_admitted(struct arena_pool *pool, struct thread_state *state, struct pool_arena **out) {
    *out = take_fast(pool, state);
    if (*out == NULL) *out = pool_take_slow(pool, state);
    if (*out != NULL) return ARENA_OK;
    if (pool->limited) gate_leave(&pool->gate);
    return ARENA_ENOMEM;
}

static NOINLINE int take_slow(struct arena_pool *pool, struct thread_state *state, struct pool_arena **out) {
    locals_exit(state);
    if (!usable(pool)) return ARENA_EINVAL;
    int status = admit(pool);
    return status == ARENA_OK ? take_admitted(pool, state, out) : status;
}

/* Puts an arena that was reset into the thread's list, with no call.  false: nothing was done. */
HOT_INLINE bool put_fast(struct pool_arena *arena, struct thread_state *state, struct local *local) {
    uint32_t weight = arena->weight;
    uint32_t room = local->room;
    if (UNLIKELY(room < weight) || UNLIKELY(--local->ticks == 0)) return false;
    local->room = room - weight;
    arena->next = local->items;
    local->items = arena;
    arena->slots.closed = CLOSED_IN_POOL; /* the only reason, or the reset had not been quick */
    pool_set_idle(arena, 1);
    locals_exit(state);
    return true;
}

/* Has an arena that was just reset touched more than it weighs? */
static inline bool is_heavier(const struct pool_arena *arena) {
    return slots_touched_bytes(&arena->slots) > arena->weight * POOL_UNIT_BYTES;
}

/* Puts back an arena that used more than a little, or cannot go into the list as it is. */
static NOINLINE void put_other(struct pool_arena *arena, struct thread_state *state, bool reset) {
    locals_exit(state);
    struct arena_pool *pool = arena->pool;
    bool due = false;
    if (UNLIKELY(!copy_is_here(&pool->stamp))) copy_panic("arena_pool_return");
    if (!reset && LIKELY(arena->slots.reset_work == 0)) { /* else it may run the program's code */
        slots_reset(&arena->slots);
        reset = true;
    }
    if (reset && LIKELY(!is_heavier(arena))) {
        slots_close(&arena->slots, CLOSED_IN_POOL);
        locals_enter(state);
        struct local *local = locals_find(state, &pool->keeper);
        if (local != NULL && local->ticks != 0 && put_fast(arena, state, local)) return;
        due = local != NULL && local->ticks == 0;
    }
    pool_put_slow(arena, state, reset, due ? POOL_TICKS : 1);
}

/* Takes an arena back that is not standing. */
HOT_INLINE void put(struct pool_arena *arena, struct thread_state *state) {
    locals_enter(state);
    struct local *local = locals_find(state, &arena->pool->keeper);
    bool reset = LIKELY(local != NULL) && LIKELY(slots_reset_quick(&arena->slots, true));
    if (LIKELY(reset) && LIKELY(put_fast(arena, state, local))) return;
    put_other(arena, state, reset);
}

/* --- scopes ------------------------------------------------------------------------------------------------------- */

/* The steady state, in which nothing is called, so that the callers need no frame: the thread's standing arena.  NULL:
 * the caller goes on with scope_begin. */
HOT_INLINE struct arena *scope_begin_fast(struct arena_pool *pool, const struct arena_pool_scope *place) {
    if (UNLIKELY(pool == NULL)) return NULL;
    struct thread_state *state = thread_state();
    locals_enter(state);
    const struct local *local = locals_find(state, &pool->keeper);
    if (UNLIKELY(local == NULL)) return NULL;
    struct pool_arena *arena = local->at_hand;
    if (UNLIKELY(atomic_u8_mine(&arena->slots.idle) == 0)) return NULL;
    pool_open(arena);
    arena->place = place;
    scope_push(state, &arena->scope);
    locals_exit(state);
    return &arena->slots;
}

/* Begins a scope with an arena that was taken.  A thread's first one makes its arena the standing one; others beside it
 * use the list. */
static void scope_start(struct pool_arena *arena, struct thread_state *state, const struct arena_pool_scope *place,
                        struct arena **out) {
    arena->scoped = true;
    arena->place = place;
    arena->trims = atomic_u32_load(&arena->pool->trims, relaxed); /* a trim beside it came before or after */
    pool_warm(arena, state);
    (void)thread_exit_arm(state); /* the thread's end is where a scope ends that a longjmp leaves behind */
    scope_push(state, &arena->scope);
    *out = &arena->slots;
}

static NOINLINE int scope_begin(struct arena_pool *pool, const struct arena_pool_scope *place, struct arena **out) {
    struct thread_state *state = thread_state();
    struct pool_arena *arena;
    locals_exit(state);
    if (UNLIKELY(!usable(pool))) return ARENA_EINVAL;
    int status = admit(pool);
    if (LIKELY(status == ARENA_OK)) status = take_admitted(pool, state, &arena);
    if (LIKELY(status == ARENA_OK)) scope_start(arena, state, place, out);
    return status;
}

/* At the limit, waits. */
static NOINLINE int scope_begin_context(struct arena_pool *pool, struct arena_context *context,
                                        const struct arena_pool_scope *place, struct arena **out) {
    struct thread_state *state = thread_state();
    struct pool_arena *arena;
    if (!usable(pool)) return ARENA_EINVAL;
    int status = admit_waiting(pool, context);
    if (status == ARENA_OK) status = take_admitted(pool, state, &arena);
    if (status == ARENA_OK) scope_start(arena, state, place, out);
    return status;
}

/* Why this thread cannot leave the scope of an arena. */
static struct refusal scope_refusal(const struct pool_arena *arena, const struct thread_state *state,
                                    const struct arena_pool_scope *scope) {
    if (!copy_is_here(&arena->pool->stamp)) return (struct refusal){ARENA_EINVAL, COPY_REFUSAL};
    if (atomic_u8_mine(&arena->slots.idle) != 0 || !arena->scoped)
        return (struct refusal){ARENA_EINVAL, "the scope was left already"};
    if (!scope_is_in(state, &arena->scope)) return (struct refusal){ARENA_EINVAL, "another thread entered the scope"};
    if (arena->place != scope) return (struct refusal){ARENA_EINVAL, "it is a copy of the scope"};
    return slots_refusal(&arena->slots);
}

/* Leaves the scope of an arena, which this thread may. */
static NOINLINE void leave(struct pool_arena *arena, struct thread_state *state) {
    struct arena_pool *pool = arena->pool;
    scope_pop(state, &arena->scope);
    bool trimmed = arena->trims != atomic_u32_load(&pool->trims, relaxed); /* a trim beside it comes before or after */
    if (!arena->standing) {
        arena->ticks = 0;
        if (UNLIKELY(state->exiting) || UNLIKELY(trimmed)) {
            pool_put_slow(arena, state, false, 1);
        } else {
            put(arena, state);
        }
        return;
    }
    bool reset = false;
    bool due = arena->ticks < 0;
    if (LIKELY(arena->slots.reset_work == 0) && !state->exiting &&
        !trimmed) { /* else its reset may run the program's code */
        slots_reset(&arena->slots);
        reset = true;
        if (LIKELY(!due) && LIKELY(!is_heavier(arena))) {
            slots_close(&arena->slots, CLOSED_IN_POOL);
            pool_set_idle(arena, 1);
            return;
        }
    }
    pool_put_slow(arena, state, reset, due ? POOL_TICKS : 1);
}

void pool_leave_scope(struct scope *scope) { leave(CONTAINER_OF(scope, struct pool_arena, scope), thread_state()); }

/* The steady state of leaving: the innermost scope, with the standing arena, which used little.  false: nothing was
 * done but that ticks may have gone down. */
HOT_INLINE bool scope_end_fast(struct pool_arena *arena, const struct arena_pool_scope *scope) {
    struct thread_state *state = thread_state();
    if (UNLIKELY(state->scopes != &arena->scope) || UNLIKELY(arena->place != scope) || UNLIKELY(--arena->ticks < 0))
        return false;
    if (UNLIKELY(!slots_reset_quick(&arena->slots, true))) return false;
    arena->slots.closed = CLOSED_IN_POOL; /* the only reason, or the reset had not been quick */
    state->scopes = arena->scope.outer;
    pool_set_idle(arena, 1); /* last: from here on a trim may free it */
    return true;
}

/* A scope that is not this thread's to leave stays as it is. */
static NOINLINE void scope_end_slow(struct arena_pool_scope *scope) {
    struct pool_arena *arena = pool_arena_of(scope->arena);
    struct thread_state *state = thread_state();
    struct refusal refusal = scope_refusal(arena, state, scope);
    if (refusal.status != ARENA_OK) panic_for("arena_pool_scope_leave", refusal);
    leave(arena, state);
    scope->arena = NULL;
}

/* Idempotent. */
static inline void scope_end(struct arena_pool_scope *scope) {
    struct arena *arena = scope->arena;
    if (arena == NULL) return;
    if (LIKELY(scope_end_fast(pool_arena_of(arena), scope))) {
        scope->arena = NULL;
    } else {
        scope_end_slow(scope);
    }
}

/* For execute: a call, so that it needs to save fewer registers across the action. */
OWN_LINE NOINLINE static void scope_attribute(struct arena_pool_scope *scope) { scope_end(scope); }

OWN_LINE int arena_pool_scope_enter(struct arena_pool *pool, struct arena_pool_scope *out) {
    if (UNLIKELY(out == NULL)) return ARENA_EINVAL;
    poison_written(out, sizeof *out);
    out->arena = scope_begin_fast(pool, out);
    return LIKELY(out->arena != NULL) ? ARENA_OK : scope_begin(pool, out, &out->arena);
}

int arena_pool_scope_enter_context(struct arena_pool *pool, struct arena_context *context,
                                   struct arena_pool_scope *out) {
    if (out == NULL) return ARENA_EINVAL;
    poison_written(out, sizeof *out);
    out->arena = NULL;
    return scope_begin_context(pool, context, out, &out->arena);
}

OWN_LINE void arena_pool_scope_leave(struct arena_pool_scope *scope) {
    if (scope != NULL) scope_end(scope);
}

int arena_pool_scope_leave_checked(struct arena_pool_scope *scope) {
    if (scope == NULL || scope->arena == NULL) return ARENA_OK;
    struct pool_arena *arena = pool_arena_of(scope->arena);
    struct thread_state *state = thread_state();
    struct refusal refusal = scope_refusal(arena, state, scope);
    if (refusal.status != ARENA_OK) return refusal.status;
    leave(arena, state);
    scope->arena = NULL;
    return ARENA_OK;
}

static COLD struct arena *scope_arena_slow(struct arena_pool *pool, const struct arena_pool_scope *place) {
    struct arena *arena;
    if (pool != NULL && !copy_is_here(&pool->stamp)) copy_panic("ARENA_POOL_SCOPE");
    int status = scope_begin(pool, place, &arena);
    if (status != ARENA_OK) panic(status, "ARENA_POOL_SCOPE: no arena to be had: %s", arena_strerror(status));
    return arena;
}

OWN_LINE struct arena *arena_pool_scope_arena(struct arena_pool *pool, struct arena_pool_scope *place) {
    struct arena *arena = scope_begin_fast(pool, place);
    return LIKELY(arena != NULL) ? arena : scope_arena_slow(pool, place);
}

/* Exceptions unwind the frame, and with glibc so do a thread's exit and its cancellation.  Where they do not (musl),
 * the scope is left by the thread's end.  No clean-up handler: a longjmp past this frame would leave it behind. */
static NOINLINE int execute_slow(struct arena_pool *pool, void (*action)(struct arena *arena, void *user), void *user) {
    CLEANUP(scope_attribute) struct arena_pool_scope scope = {NULL};
    int status = action == NULL ? ARENA_EINVAL : scope_begin(pool, &scope, &scope.arena);
    if (status == ARENA_OK) action(scope.arena, user);
    return status;
}

OWN_LINE int arena_pool_execute(struct arena_pool *pool, void (*action)(struct arena *arena, void *user), void *user) {
    CLEANUP(scope_attribute) struct arena_pool_scope scope = {NULL}; /* whose address goes to scope_begin_fast */
    scope.arena = LIKELY(action != NULL) ? scope_begin_fast(pool, &scope) : NULL;
    if (UNLIKELY(scope.arena == NULL)) return execute_slow(pool, action, user);
    action(scope.arena, user);
    return ARENA_OK;
}

int arena_pool_execute_context(struct arena_pool *pool, struct arena_context *context,
                               void (*action)(struct arena *arena, void *user), void *user) {
    CLEANUP(scope_attribute) struct arena_pool_scope scope = {NULL};
    int status = action == NULL ? ARENA_EINVAL : scope_begin_context(pool, context, &scope, &scope.arena);
    if (status == ARENA_OK) action(scope.arena, user);
    return status;
}

/* --- the public rest ---------------------------------------------------------------------------------------------- */

int arena_pool_checkout(struct arena_pool *pool, struct arena **out) {
    if (out == NULL) return ARENA_EINVAL;
    poison_written(out, sizeof *out);
    *out = NULL;
    if (pool == NULL) return ARENA_EINVAL;
    struct thread_state *state = thread_state();
    struct pool_arena *arena = take_fast(pool, state);
    if (UNLIKELY(arena == NULL)) {
        int status = take_slow(pool, state, &arena);
        if (status != ARENA_OK) return status;
    }
    arena->scoped = false;
    *out = &arena->slots;
    return ARENA_OK;
}

int arena_pool_checkout_context(struct arena_pool *pool, struct arena_context *context, struct arena **out) {
    if (out == NULL) return ARENA_EINVAL;
    poison_written(out, sizeof *out);
    *out = NULL;
    if (!usable(pool)) return ARENA_EINVAL;
    struct pool_arena *arena;
    int status = admit_waiting(pool, context);
    if (status == ARENA_OK) status = take_admitted(pool, thread_state(), &arena);
    if (status != ARENA_OK) return status;
    arena->scoped = false;
    *out = &arena->slots;
    return ARENA_OK;
}

/* Why an arena cannot be returned. */
static COLD struct refusal return_refusal(const struct arena_pool *pool, struct arena *arena) {
    const struct pool_arena *returned = pool_arena_of(arena);
    if (pool != NULL && !copy_is_here(&pool->stamp)) return (struct refusal){ARENA_EINVAL, COPY_REFUSAL};
    if (arena->part_of != PART_OF_POOL || returned->pool != pool)
        return (struct refusal){ARENA_EINVAL, "the arena is not one of this pool's"};
    if (atomic_u8_mine(&arena->idle) != 0) return (struct refusal){ARENA_EINVAL, "the arena is not checked out"};
    if (returned->claimed) return (struct refusal){ARENA_EINVAL, "the arena was claimed, by who returns it"};
    if (returned->scoped) return (struct refusal){ARENA_EINVAL, "the arena belongs to a scope, which returns it"};
    return slots_refusal(arena);
}

static inline bool may_return(const struct arena_pool *pool, struct arena *arena) {
    const struct pool_arena *returned = pool_arena_of(arena);
    return LIKELY(arena->part_of == PART_OF_POOL) && LIKELY(returned->pool == pool) &&
           LIKELY(atomic_u8_mine(&arena->idle) == 0) && LIKELY(!slots_sealed(arena)) && LIKELY(!returned->scoped);
}

void arena_pool_return(struct arena_pool *pool, struct arena *arena) {
    if (arena == NULL) return;
    if (UNLIKELY(!may_return(pool, arena))) panic_for("arena_pool_return", return_refusal(pool, arena));
    put(pool_arena_of(arena), thread_state());
}

int arena_pool_return_checked(struct arena_pool *pool, struct arena *arena) {
    if (arena == NULL) return ARENA_OK;
    struct refusal refusal = return_refusal(pool, arena);
    if (refusal.status != ARENA_OK) return refusal.status;
    put(pool_arena_of(arena), thread_state());
    return ARENA_OK;
}

int arena_pool_claim(struct arena *arena) {
    if (arena == NULL || arena->part_of != PART_OF_POOL) return ARENA_EINVAL;
    struct pool_arena *claimed = pool_arena_of(arena);
    struct refusal refusal = return_refusal(claimed->pool, arena);
    if (refusal.status != ARENA_OK) return refusal.status;
    claimed->scoped = true;
    claimed->claimed = true;
    return ARENA_OK;
}

void arena_pool_return_claimed(struct arena *arena) {
    if (arena == NULL) return;
    struct pool_arena *claimed = pool_arena_of(arena);
    if (arena->part_of != PART_OF_POOL || !claimed->claimed)
        panic_for("arena_pool_return_claimed", (struct refusal){ARENA_EINVAL, "the arena was not claimed"});
    if (UNLIKELY(slots_sealed(arena)))
        panic_for("arena_pool_return_claimed", slots_refusal(arena)); /* by its own drop */
    claimed->scoped = false;
    claimed->claimed = false;
    put(claimed, thread_state());
}

struct arena_pool *arena_pool_of(const struct arena *arena) {
    if (arena == NULL || arena->part_of != PART_OF_POOL) return NULL;
    return ((const struct pool_arena *)(const void *)arena)->pool;
}

void arena_pool_trim(struct arena_pool *pool) {
    if (pool == NULL) return;
    if (!copy_is_here(&pool->stamp)) copy_panic("arena_pool_trim");
    (void)atomic_u32_add(&pool->trims, 1, relaxed); /* threads that leave a scope read it, sooner or later */
    pool_trim_caches(pool);
    pool_store_drain(pool);
}

int arena_pool_get_stats(const struct arena_pool *pool, struct arena_pool_stats *out) {
    struct arena_pool_stats stats = {0};
    if (!usable(pool) || out == NULL || out->struct_size < sizeof out->struct_size) return ARENA_EINVAL;
    pool_count((struct arena_pool *)(uintptr_t)pool, &stats); /* notes the peak, and takes a lock */
    size_t size = out->struct_size < sizeof stats ? out->struct_size : sizeof stats;
    stats.struct_size = out->struct_size;
    poison_copy_out(out, &stats, size);
    return ARENA_OK;
}

size_t arena_pool_arena_cap(const struct arena_pool *pool) {
    if (pool == NULL) return 0;
    if (!copy_is_here(&pool->stamp)) copy_panic("arena_pool_arena_cap");
    return pool->capacity;
}

const struct arena_type *arena_pool_type_of(const struct arena_pool *pool) {
    if (pool == NULL) return NULL;
    if (!copy_is_here(&pool->stamp)) copy_panic("arena_pool_type_of");
    return pool->type;
}

/* Where a trim could not reach what threads have cached, they have no caches; nor with a limit, so that what one
 * returns is there for all; nor where a race detector watches the program alone, which sees no bracket. */
static bool has_caches(const struct arena_pool *pool) {
    return !pool->limited && pool->cache_units >= POOL_LEAST_UNITS && barrier_available() && !race_watched();
}

static void set_idle_bytes(struct arena_pool *pool, size_t idle_bytes) {
    pool->idle_bytes = idle_bytes == 0 ? POOL_IDLE_BYTES : idle_bytes;
    uint64_t units = pool->idle_bytes / POOL_CACHE_PART / POOL_UNIT_BYTES;
    units += units / 16; /* what is retained of an arena, and a few small ones beside it */
    pool->cache_units = units > UINT32_MAX / 4 ? UINT32_MAX / 4 : (uint32_t)units;
}

static void free_pool(struct arena_pool *pool) {
    struct arena_source source = pool->plan.source;
    backing_give_zeroed(&source, pool, pool->bytes);
}

static int create(const struct arena_type *type, size_t arena_capacity, const struct arena_pool_options *options,
                  struct arena_pool **out) {
    if (out == NULL) return ARENA_EINVAL;
    poison_written(out, sizeof *out);
    *out = NULL;
    struct arena_pool_options known;
    struct slots_plan plan;
    if (!slots_options_read(options, &known, sizeof known)) return ARENA_EINVAL;
    int status = slots_plan(type, arena_capacity, known.arena_options, &plan);
    if (status != ARENA_OK) return status;
    if (!slots_possible(&plan)) return ARENA_ENOMEM;

    size_t label_bytes = plan.label == NULL ? 0 : strlen(plan.label) + 1;
    size_t bytes = sizeof **out + type_copy_bytes(type) + label_bytes;
    struct arena_pool *pool = backing_take_zeroed(&plan.source, bytes);
    if (pool == NULL) return ARENA_ENOMEM;
    copy_stamp(&pool->stamp);
    pool->bytes = bytes;
    pool->plan = plan;
    pool->capacity = arena_capacity;
    pool->type = type_copy(pool + 1, type);
    if (label_bytes != 0)
        pool->plan.label = memcpy((char *)(pool + 1) + type_copy_bytes(type), plan.label, label_bytes);
    set_idle_bytes(pool, known.idle_bytes);
    /* No pool has more arenas than nodes, so a larger limit is none. */
    pool->limited = known.max_arenas != 0 && known.max_arenas < GATE_MAX_PERMITS;
    if (!mutex_init(&pool->make_mutex)) goto no_mutex;
    if (pool->limited && !gate_init(&pool->gate, (uint32_t)known.max_arenas)) goto no_gate;
    locals_none(&pool->keeper);
    if (has_caches(pool) && !locals_join(&pool->keeper, pool_flush)) goto no_gate;
    pool->keeper.blank = &pool_no_arena;
    *out = pool;
    return ARENA_OK;

no_gate: /* nor is there one where a thread's entry cannot be had: pools with a limit have none */
    mutex_destroy(&pool->make_mutex);
no_mutex:
    free_pool(pool);
    return ARENA_ENOMEM;
}

int arena_pool_create(const struct arena_type *type, size_t arena_capacity, struct arena_pool **out) {
    return create(type, arena_capacity, NULL, out);
}

int arena_pool_create_with(const struct arena_type *type, size_t arena_capacity,
                           const struct arena_pool_options *options, struct arena_pool **out) {
    return create(type, arena_capacity, options, out);
}

static bool all_idle(struct local_keeper *keeper) {
    return pool_all_idle(CONTAINER_OF(keeper, struct arena_pool, keeper));
}

int arena_pool_destroy(struct arena_pool *pool) {
    if (pool == NULL) return ARENA_OK;
    if (!copy_is_here(&pool->stamp)) return ARENA_EINVAL;
    if (!locals_leave(&pool->keeper, all_idle)) return ARENA_EBUSY;
    pool_finish_store(pool);
    if (pool->limited) gate_finish(&pool->gate);
    mutex_destroy(&pool->make_mutex);
    free_pool(pool);
    return ARENA_OK;
}
