/* SPDX-License-Identifier: MIT */
/* struct arena_pool: arenas on loan.
 *
 * Shape
 *   Every arena of a pool hangs on a numbered node (sync/stack.h) for life.  Idle arenas are either in a thread's
 *   cache, its entry for this pool (runtime/locals.h), or in the shared store, a lock-free stack of nodes.  Nodes that
 *   lost their arena to trim wait in `spare`.
 *   A cache is a list through `next`, and one arena apart from it, the hot one, for scopes alone: the thread's
 *   outermost scope of this pool takes it, and it stays where it is meanwhile.  Whether it is idle is said by a flag.
 *   checkout takes from the list; else a batch from the store; else makes a new arena.  return resets and puts into
 *   the list; what is too much there goes to the store in a batch.  So in the steady state a thread touches its own
 *   memory alone, and arenas that one thread checks out and another returns flow back through the store.
 *
 *   The hot arena is there because a list is slow: to take from it and put back is a chain of loads, each waiting for
 *   the store of the scope before.  The hot arena's address never changes, and the flag is only looked at by branches,
 *   which the processor foresees: scopes overlap.  Measured: 15 % of a scope.
 *
 * Invariants
 *   an arena is in exactly one of: a cache, the store, out; a hot one that is not idle is out
 *   nodes in the table = nodes in spare + nodes in the store + arenas in caches + arenas out, the hot ones counted with
 *   the caches; so nobody has to count what is out, and destroy finds it by taking away, and by looking at the hot ones
 *   idle arenas are empty, cleared and sealed.  (Not the other way: an arena that drops its elements is sealed and not
 *   idle, and a drop may use the pool that its arena goes back to.)  `idle` is written by calls on the pool alone, so
 *   that destroy may look at it beside whoever works with an arena that is out.
 *   with a limit: free permits of the gate + arenas out = the limit, but for calls under way; no thread has a cache,
 *   so that what one returns is there for all
 *
 * Who locks what
 *   make_mutex   guards the growth of the node table
 *   the entry of a thread is its own; idle, scoped, scope and next of an arena belong to whoever has the arena, or the
 *                cache it lies in
 *   destroy runs alone (contract), but for threads that end: locals_leave decides between them
 */
#include <arena/pool.h>

#include "api/context.h"
#include "base/race.h"
#include "core/slots.h"
#include "core/type.h"
#include "platform/memory.h"
#include "runtime/locals.h"
#include "runtime/panic.h"
#include "runtime/scope.h"
#include "sync/gate.h"
#include "sync/stack.h"

/* Idle arenas a thread keeps of one pool, and how many travel at a time.  The model checker has smaller ones, so that
 * it comes to the end of every scenario. */
#ifndef POOL_CACHE_MOST
#define POOL_CACHE_MOST 16
#define POOL_BATCH 8
#endif

struct pool_arena {
    struct arena slots; /* first: its address is the public handle */
    struct scope scope;
    bool hot;    /* it is the hot arena of some thread's cache */
    bool scoped; /* while it is out: it belongs to a scope.  A hot one always does */
    struct arena_pool *pool;
    struct stack_node *node;
    struct pool_arena *next; /* in a cache */
};

struct arena_pool {
    struct local_owner owner;
    bool limited;
    struct slots_plan plan;
    size_t capacity;
    struct arena_type *type; /* behind this struct; the arenas share it */
    struct stack store;
    struct stack spare;
    struct stack_table table;
    struct mutex make_mutex;
    struct gate gate; /* of a limited pool */
};

static struct pool_arena *pool_arena_of(struct arena *arena) { return (struct pool_arena *)(void *)arena; }

static void leave_scope(struct scope *scope);
static void park_scope(struct scope *scope, struct thread_state *state);

/* --- making and freeing arenas ------------------------------------------------------------------------------------ */

static struct stack_node *take_node(struct arena_pool *pool) {
    struct stack_node *node;
    if (stack_pop(&pool->spare, &pool->table, &node, 1) == 1) return node;
    mutex_lock(&pool->make_mutex);
    node = stack_table_add(&pool->table);
    mutex_unlock(&pool->make_mutex);
    return node;
}

static struct pool_arena *make_arena(struct arena_pool *pool) {
    struct stack_node *node = take_node(pool);
    if (node == NULL) return NULL;
    struct arena *arena = slots_create(&pool->plan, pool->type, SLOTS_OWNER_POOL, sizeof(struct pool_arena), NULL);
    if (arena == NULL) {
        stack_push(&pool->spare, node);
        return NULL;
    }
    struct pool_arena *made = pool_arena_of(arena);
    made->pool = pool;
    made->node = node;
    made->scope.leave = leave_scope;
    made->scope.park = park_scope;
    node->item = made;
    slots_seal(arena);
    return made;
}

static void free_arena(struct arena_pool *pool, struct pool_arena *arena) {
    struct stack_node *node = arena->node;
    node->item = NULL;
    slots_destroy(&arena->slots);
    stack_push(&pool->spare, node);
}

/* --- the shared store --------------------------------------------------------------------------------------------- */

static void store_put(struct arena_pool *pool, struct pool_arena *arena) {
    race_release(arena);
    stack_push(&pool->store, arena->node);
}

/* Up to `most` arenas out of the store; how many. */
static size_t store_take(struct arena_pool *pool, struct pool_arena **arenas, size_t most) {
    struct stack_node *nodes[POOL_BATCH];
    size_t count = stack_pop(&pool->store, &pool->table, nodes, most);
    for (size_t i = 0; i < count; i++) {
        arenas[i] = nodes[i]->item;
        race_acquire(arenas[i]);
    }
    return count;
}

/* --- a thread's cache --------------------------------------------------------------------------------------------- */

static inline void cache_put(struct local *local, struct pool_arena *arena) {
    arena->next = local->items;
    local->items = arena;
    local->count++;
}

/* The hot arena, as one like the others; NULL: there is none that is idle. */
static COLD struct pool_arena *cache_take_hot(struct local *local) {
    struct pool_arena *arena = local->hot;
    if (arena == NULL || !arena->slots.idle) return NULL;
    arena->hot = false;
    local->hot = NULL;
    local->count--;
    return arena;
}

static inline struct pool_arena *cache_take(struct local *local) {
    struct pool_arena *arena = local->items;
    if (UNLIKELY(arena == NULL)) return cache_take_hot(local);
    local->items = arena->next;
    local->count--;
    return arena;
}

static COLD void cache_shrink(struct arena_pool *pool, struct local *local, uint32_t keep) {
    while (local->count > keep) {
        struct pool_arena *arena = cache_take(local);
        if (arena == NULL) break; /* never: what is cached can be taken.  Static analysis does not see that */
        store_put(pool, arena);
    }
}

/* A thread ends: for locals.h. */
static void flush(struct local_owner *owner, struct local *local) {
    cache_shrink(CONTAINER_OF(owner, struct arena_pool, owner), local, 0);
}

/* --- checkout and return ------------------------------------------------------------------------------------------ */

/* An arena for a thread whose cache is empty, or that has none. */
static COLD struct pool_arena *take_slow(struct arena_pool *pool, struct thread_state *state, struct local *local) {
    if (local == NULL && !pool->limited) local = locals_make(state, &pool->owner);
    struct pool_arena *arenas[POOL_BATCH];
    size_t count = store_take(pool, arenas, local == NULL ? 1 : POOL_BATCH);
    if (count == 0) {
        arenas[0] = make_arena(pool);
        if (arenas[0] == NULL) return NULL;
        count = 1;
    }
    while (local != NULL && count > 1) cache_put(local, arenas[--count]);
    return arenas[0];
}

/* Takes an arena out, whatever the limit says.  NULL: no memory. */
static inline struct pool_arena *take(struct arena_pool *pool, struct thread_state *state) {
    struct local *local = locals_find(state, &pool->owner);
    struct pool_arena *arena = LIKELY(local != NULL) ? cache_take(local) : NULL;
    if (UNLIKELY(arena == NULL)) {
        arena = take_slow(pool, state, local);
        if (arena == NULL) return NULL;
    }
    arena->slots.idle = false;
    slots_unseal(&arena->slots);
    return arena;
}

static COLD void put_slow(struct arena_pool *pool, struct thread_state *state, struct pool_arena *arena) {
    struct local *local = pool->limited ? NULL : locals_make(state, &pool->owner);
    if (local != NULL) {
        cache_put(local, arena);
    } else {
        store_put(pool, arena);
    }
}

/* An ending thread gives back what a longjmp left out.  The pool may be destroyed beside it: once it sees the arena
 * idle, and not before. */
static COLD void put_exiting(struct arena_pool *pool, struct pool_arena *arena) {
    slots_seal(&arena->slots);
    locals_lock();
    arena->slots.idle = true;
    if (!arena->hot) store_put(pool, arena);
    if (pool->limited) gate_leave(&pool->gate);
    locals_unlock();
}

/* Takes an arena back. */
static inline void put(struct pool_arena *arena, struct thread_state *state) {
    struct arena_pool *pool = arena->pool;
    slots_reset(&arena->slots);
    if (UNLIKELY(state->exiting)) {
        put_exiting(pool, arena);
        return;
    }
    slots_seal(&arena->slots);
    arena->slots.idle = true;
    if (arena->hot) return; /* it never left its cache */
    struct local *local = locals_find(state, &pool->owner);
    if (LIKELY(local != NULL)) {
        if (UNLIKELY(local->count >= POOL_CACHE_MOST)) cache_shrink(pool, local, POOL_CACHE_MOST - POOL_BATCH);
        cache_put(local, arena);
    } else {
        put_slow(pool, state, arena);
    }
    if (UNLIKELY(pool->limited)) gate_leave(&pool->gate);
}

/* As take, within the limit; the status of a checkout that does not wait. */
static inline int take_limited(struct arena_pool *pool, struct thread_state *state, struct pool_arena **out) {
    if (UNLIKELY(pool->limited) && !gate_try_enter(&pool->gate)) return ARENA_EFULL;
    *out = take(pool, state);
    if (LIKELY(*out != NULL)) return ARENA_OK;
    if (pool->limited) gate_leave(&pool->gate);
    return ARENA_ENOMEM;
}

/* --- scopes ------------------------------------------------------------------------------------------------------- */

/* The steady state, in which nothing is called, so that the callers need no frame: the thread's hot arena.  NULL:
 * scope_begin knows more. */
HOT_INLINE struct arena *scope_begin_fast(struct arena_pool *pool) {
    if (UNLIKELY(pool == NULL)) return NULL;
    struct thread_state *state = thread_state();
    struct pool_arena *arena = locals_hot(state, &pool->owner);
    if (UNLIKELY(arena == NULL) || UNLIKELY(!arena->slots.idle)) return NULL;
    arena->slots.sealed = false;
    arena->slots.idle = false;
    arena->slots.head.limit = arena->slots.fresh_limit;
    scope_push(state, &arena->scope);
    return &arena->slots;
}

/* A thread's first scope makes its arena the hot one, others beside it use the list. */
static SLOW int scope_begin(struct arena_pool *pool, struct arena_pool_scope *out) {
    if (UNLIKELY(pool == NULL)) return ARENA_EINVAL;
    struct thread_state *state = thread_state();
    struct pool_arena *arena;
    int status = take_limited(pool, state, &arena);
    if (UNLIKELY(status != ARENA_OK)) return status;
    struct local *local = locals_find(state, &pool->owner);
    if (UNLIKELY(local == NULL)) {
        (void)thread_exit_arm(state); /* the thread's end is where a scope ends that a longjmp leaves behind */
    } else if (UNLIKELY(local->hot == NULL)) {
        arena->hot = true;
        local->hot = arena;
        local->count++;
    }
    arena->scoped = true;
    scope_push(state, &arena->scope);
    out->arena = &arena->slots;
    return ARENA_OK;
}

/* For runtime/scope.h, and from scope_end. */
static SLOW void leave_scope(struct scope *scope) {
    struct pool_arena *arena = CONTAINER_OF(scope, struct pool_arena, scope);
    struct thread_state *state = thread_state();
    if (UNLIKELY(arena->slots.idle || !arena->scoped))
        panic(ARENA_EINVAL, "arena_pool_scope_leave: the scope was left already");
    if (UNLIKELY(!scope_pop(state, scope)))
        panic(ARENA_EINVAL, "arena_pool_scope_leave: another thread entered the scope");
    put(arena, state);
}

/* For runtime/fiber.h: it may be left on another thread, which must not touch this one's cache. */
static void park_scope(struct scope *scope, struct thread_state *state) {
    struct pool_arena *arena = CONTAINER_OF(scope, struct pool_arena, scope);
    if (!arena->hot) return;
    struct local *local = locals_find(state, &arena->pool->owner);
    arena->hot = false;
    local->hot = NULL;
    local->count--;
}

/* The steady state of leaving: the innermost scope, with the hot arena, which used little.  false: nothing was done. */
HOT_INLINE bool scope_end_fast(struct pool_arena *arena) {
    struct thread_state *state = thread_state();
    if (UNLIKELY(state->scopes != &arena->scope) || UNLIKELY(!arena->hot)) return false;
    if (UNLIKELY(!slots_reset_quick(&arena->slots, true))) return false;
    arena->slots.sealed = true;
    arena->slots.idle = true;
    state->scopes = arena->scope.outer;
    return true;
}

/* A scope that is not this thread's to leave stays as it is. */
static SLOW void scope_end_slow(struct arena_pool_scope *scope) {
    leave_scope(&pool_arena_of(scope->arena)->scope);
    scope->arena = NULL;
}

/* Idempotent. */
static inline void scope_end(struct arena_pool_scope *scope) {
    struct arena *arena = scope->arena;
    if (arena == NULL) return;
    if (LIKELY(scope_end_fast(pool_arena_of(arena)))) {
        scope->arena = NULL;
    } else {
        scope_end_slow(scope);
    }
}

/* For execute: a call, so that it needs to save fewer registers across the action. */
HOT SLOW static void scope_attribute(struct arena_pool_scope *scope) { scope_end(scope); }

HOT int arena_pool_scope_enter(struct arena_pool *pool, struct arena_pool_scope *out) {
    if (UNLIKELY(out == NULL)) return ARENA_EINVAL;
    out->arena = scope_begin_fast(pool);
    return LIKELY(out->arena != NULL) ? ARENA_OK : scope_begin(pool, out);
}

HOT void arena_pool_scope_leave(struct arena_pool_scope *scope) {
    if (scope != NULL) scope_end(scope);
}

static COLD struct arena *scope_arena_slow(struct arena_pool *pool) {
    struct arena_pool_scope scope;
    int status = scope_begin(pool, &scope);
    if (status != ARENA_OK) panic(status, "ARENA_POOL_SCOPE: no arena to be had: %s", arena_strerror(status));
    return scope.arena;
}

HOT struct arena *arena_pool_scope_arena(struct arena_pool *pool) {
    struct arena *arena = scope_begin_fast(pool);
    return LIKELY(arena != NULL) ? arena : scope_arena_slow(pool);
}

/* Exceptions unwind the frame, and with glibc so do a thread's exit and its cancellation.  Where they do not (musl),
 * the scope is left by the thread's end.  No clean-up handler: a longjmp past this frame would leave it behind. */
static SLOW int execute_slow(struct arena_pool *pool, void (*action)(struct arena *arena, void *user), void *user) {
    CLEANUP(scope_attribute) struct arena_pool_scope scope = {NULL};
    int status = action == NULL ? ARENA_EINVAL : scope_begin(pool, &scope);
    if (status == ARENA_OK) action(scope.arena, user);
    return status;
}

HOT int arena_pool_execute(struct arena_pool *pool, void (*action)(struct arena *arena, void *user), void *user) {
    struct arena *arena = LIKELY(action != NULL) ? scope_begin_fast(pool) : NULL;
    if (UNLIKELY(arena == NULL)) return execute_slow(pool, action, user);
    CLEANUP(scope_attribute) struct arena_pool_scope scope = {arena};
    action(arena, user);
    return ARENA_OK;
}

/* --- the public rest ---------------------------------------------------------------------------------------------- */

int arena_pool_checkout(struct arena_pool *pool, struct arena **out) {
    if (out == NULL) return ARENA_EINVAL;
    *out = NULL;
    if (pool == NULL) return ARENA_EINVAL;
    struct pool_arena *arena;
    int status = take_limited(pool, thread_state(), &arena);
    if (status != ARENA_OK) return status;
    arena->scoped = false;
    *out = &arena->slots;
    return ARENA_OK;
}

int arena_pool_checkout_context(struct arena_pool *pool, struct arena_context *context, struct arena **out) {
    if (out == NULL) return ARENA_EINVAL;
    *out = NULL;
    if (pool == NULL) return ARENA_EINVAL;
    struct cancel_node *node = context_node(context);
    int status = pool->limited ? gate_enter(&pool->gate, node) : cancel_status(node);
    if (status != ARENA_OK) return status;
    struct pool_arena *arena = take(pool, thread_state());
    if (arena == NULL) {
        if (pool->limited) gate_leave(&pool->gate);
        return ARENA_ENOMEM;
    }
    arena->scoped = false;
    *out = &arena->slots;
    return ARENA_OK;
}

void arena_pool_return(struct arena_pool *pool, struct arena *arena) {
    if (arena == NULL) return;
    struct pool_arena *returned = pool_arena_of(arena);
    if (UNLIKELY(arena->owner != SLOTS_OWNER_POOL || returned->pool != pool)) {
        panic(ARENA_EINVAL, "arena_pool_return: the arena is not one of this pool's");
    }
    if (UNLIKELY(returned->slots.idle || arena->sealed))
        panic(ARENA_EINVAL, "arena_pool_return: the arena is not checked out");
    if (UNLIKELY(returned->scoped))
        panic(ARENA_EINVAL, "arena_pool_return: the arena belongs to a scope, which returns it");
    put(returned, thread_state());
}

void arena_pool_trim(struct arena_pool *pool) {
    if (pool == NULL) return;
    struct local *local = locals_find(thread_state(), &pool->owner);
    struct pool_arena *arena;
    while (local != NULL && (arena = cache_take(local)) != NULL) free_arena(pool, arena);
    while (store_take(pool, &arena, 1) == 1) free_arena(pool, arena);
}

size_t arena_pool_arena_cap(const struct arena_pool *pool) { return pool == NULL ? 0 : pool->capacity; }
const struct arena_type *arena_pool_type_of(const struct arena_pool *pool) { return pool == NULL ? NULL : pool->type; }

static int create(const struct arena_type *type, size_t arena_capacity, const struct arena_pool_options *options,
                  struct arena_pool **out) {
    if (out == NULL) return ARENA_EINVAL;
    *out = NULL;
    struct arena_pool_options known;
    struct slots_plan plan;
    if (!slots_options_read(options, &known, sizeof known)) return ARENA_EINVAL;
    int status = slots_plan(type, arena_capacity, known.arena_options, &plan);
    if (status != ARENA_OK) return status;
    if (!slots_possible(&plan)) return ARENA_ENOMEM;

    struct arena_pool *pool = memory_alloc(sizeof *pool + type_copy_bytes(type));
    if (pool == NULL) return ARENA_ENOMEM;
    pool->plan = plan;
    pool->capacity = arena_capacity;
    pool->type = type_copy(pool + 1, type);
    /* No pool has more arenas than nodes, so a larger limit is none. */
    pool->limited = known.max_arenas != 0 && known.max_arenas < GATE_MAX_PERMITS;
    if (!mutex_init(&pool->make_mutex)) goto no_mutex;
    if (pool->limited && !gate_init(&pool->gate, (uint32_t)known.max_arenas)) goto no_gate;
    pool->owner.offset = LOCAL_NONE;
    if (!pool->limited && !locals_join(&pool->owner, flush)) goto no_gate;
    *out = pool;
    return ARENA_OK;

no_gate: /* nor is there one where a thread's entry cannot be had: pools with a limit have none */
    mutex_destroy(&pool->make_mutex);
no_mutex:
    memory_free(pool);
    return ARENA_ENOMEM;
}

int arena_pool_create(const struct arena_type *type, size_t arena_capacity, struct arena_pool **out) {
    return create(type, arena_capacity, NULL, out);
}

int arena_pool_create_with(const struct arena_type *type, size_t arena_capacity,
                           const struct arena_pool_options *options, struct arena_pool **out) {
    return create(type, arena_capacity, options, out);
}

/* Is every arena that is not in a cache in the store, and no hot one out? */
static bool all_idle(struct local_owner *owner, uint64_t kept) {
    struct arena_pool *pool = CONTAINER_OF(owner, struct arena_pool, owner);
    size_t stored = stack_count(&pool->store, &pool->table) + stack_count(&pool->spare, &pool->table);
    if (stored + kept != pool->table.count) return false;
    for (uint32_t index = 1; index <= pool->table.count; index++) {
        const struct pool_arena *arena = stack_table_at(&pool->table, index)->item;
        if (arena != NULL && !arena->slots.idle) return false;
    }
    return true;
}

int arena_pool_destroy(struct arena_pool *pool) {
    if (pool == NULL) return ARENA_OK;
    if (!locals_leave(&pool->owner, all_idle)) return ARENA_EBUSY;
    for (uint32_t index = 1; index <= pool->table.count; index++) {
        struct pool_arena *arena = stack_table_at(&pool->table, index)->item;
        if (arena == NULL) continue;
        race_acquire(arena);
        slots_destroy(&arena->slots);
    }
    stack_table_finish(&pool->table);
    if (pool->limited) gate_finish(&pool->gate);
    mutex_destroy(&pool->make_mutex);
    memory_free(pool);
    return ARENA_OK;
}
