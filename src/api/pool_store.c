/* SPDX-License-Identifier: MIT */
/* The pool's arenas as a whole: making and freeing, the shared store, and what is given back of it.  See pool.h. */
#include "api/pool.h"

#include "base/race.h"

/* A period has so many returns, and one more for each arena there is: then it has seen every arena of a rotation
 * out. */
#define PATIENCE 32u
/* Arenas that one return trims at most: the rest is for the next ones. */
#define SHED_MOST 16
/* What an arena may keep that was trimmed. */
#define TRIMMED_BYTES ((size_t)16 << 10)
/* Up to so many arenas are looked at one by one when the most that was out is noted. */
#define PEAK_EXACT 256u

/* --- making and freeing ------------------------------------------------------------------------------------------- */

/* How many of the arenas are out.  The mutex is held, so that none is freed meanwhile. */
static size_t count_out(struct arena_pool *pool) REQUIRES(&pool->make_mutex) {
    size_t out = 0;
    for (uint32_t index = 1; index <= pool->table.count; index++) {
        const struct pool_arena *arena = stack_table_at(&pool->table, index)->item;
        /* relaxed: a count of what goes on beside it */
        if (arena != NULL && atomic_u8_load(&arena->slots.idle, relaxed) == 0) out++;
    }
    return out;
}

static void note_peak(struct arena_pool *pool, size_t out) REQUIRES(&pool->make_mutex) {
    if (out > pool->peak_out) pool->peak_out = out;
}

static struct stack_node *take_node(struct arena_pool *pool) {
    struct stack_node *node;
    if (stack_pop(&pool->spare, &pool->table, &node, 1) == 1) return node;
    mutex_lock(&pool->make_mutex);
    node = stack_table_add(&pool->table);
    mutex_unlock(&pool->make_mutex);
    return node;
}

static struct pool_arena *make(struct arena_pool *pool) {
    struct stack_node *node = take_node(pool);
    if (node == NULL) return NULL;
    struct arena *arena = slots_create(&pool->plan, pool->type, PART_OF_POOL, sizeof(struct pool_arena), NULL);
    if (arena == NULL) {
        stack_push(&pool->spare, node);
        return NULL;
    }
    struct pool_arena *made = pool_arena_of(arena);
    made->pool = pool;
    made->node = node;
    made->scope.leave = pool_leave_scope;
    made->scope.park = pool_park_scope;
    made->weight = POOL_LEAST_UNITS;
    mutex_lock(&pool->make_mutex);
    node->item = made;
    pool->made++;
    uint32_t live = atomic_u32_add(&pool->live, 1, relaxed) + 1; /* a count, which orders nothing */
    note_peak(pool, live <= PEAK_EXACT ? count_out(pool) : live);
    mutex_unlock(&pool->make_mutex);
    return made;
}

void pool_free(struct pool_arena *arena) {
    struct arena_pool *pool = arena->pool;
    struct stack_node *node = arena->node;
    mutex_lock(&pool->make_mutex);
    node->item = NULL;
    (void)atomic_u32_sub(&pool->live, 1, relaxed);
    mutex_unlock(&pool->make_mutex);
    slots_destroy(&arena->slots);
    stack_push(&pool->spare, node);
}

/* --- the store ---------------------------------------------------------------------------------------------------- */

void pool_weigh(struct pool_arena *arena) {
    size_t touched = slots_touched_bytes(&arena->slots);
    size_t units = touched / POOL_UNIT_BYTES + (touched % POOL_UNIT_BYTES != 0);
    atomic_u64_store(&arena->touched, touched, relaxed); /* for statistics */
    arena->weight = units < POOL_LEAST_UNITS ? POOL_LEAST_UNITS : units < UINT32_MAX ? (uint32_t)units : UINT32_MAX;
}

/* All counts here are relaxed: what they lead to is memory given back a little sooner or later. */
void pool_store_put(struct pool_arena *arena) {
    struct arena_pool *pool = arena->pool;
    (void)atomic_u64_add(&pool->stored, atomic_u64_load(&arena->touched, relaxed), relaxed);
    race_release(arena);
    stack_push(&pool->warm, arena->node);
}

static struct pool_arena *take_warm(struct arena_pool *pool) {
    struct stack_node *node;
    if (stack_pop(&pool->warm, &pool->table, &node, 1) == 0) return NULL;
    struct pool_arena *arena = node->item;
    race_acquire(arena);
    uint64_t touched = atomic_u64_load(&arena->touched, relaxed);
    uint64_t left = atomic_u64_add(&pool->stored, 0 - touched, relaxed) - touched;
    if (left < atomic_u64_load(&pool->lowest, relaxed)) atomic_u64_store(&pool->lowest, left, relaxed);
    return arena;
}

static void put_cold(struct pool_arena *arena) {
    race_release(arena);
    stack_push(&arena->pool->cold, arena->node);
}

static struct pool_arena *take_cold(struct arena_pool *pool) {
    struct stack_node *node;
    if (stack_pop(&pool->cold, &pool->table, &node, 1) == 0) return NULL;
    race_acquire(node->item);
    return node->item;
}

struct pool_arena *pool_store_take(struct arena_pool *pool) {
    struct pool_arena *arena = take_warm(pool);
    return arena != NULL ? arena : take_cold(pool);
}

/* Making takes long where many threads do it at once, and touch memory beside: what has come back by then is used
 * again, and the new one waits untouched. */
struct pool_arena *pool_make_or_take(struct arena_pool *pool) {
    struct pool_arena *made = make(pool);
    struct pool_arena *arena = take_warm(pool);
    if (arena == NULL) return made;
    if (made != NULL) {
        slots_close(&made->slots, CLOSED_IN_POOL);
        pool_set_idle(made, 1);
        put_cold(made);
    }
    pool_open(arena);
    return arena;
}

void pool_store_drain(struct arena_pool *pool) {
    struct pool_arena *arena;
    while ((arena = pool_store_take(pool)) != NULL) pool_free(arena);
}

/* --- giving back -------------------------------------------------------------------------------------------------- */

/* Trims what nobody needed, up to so many bytes.  What was given back. */
static uint64_t shed(struct arena_pool *pool, uint64_t bytes) {
    uint64_t gone = 0;
    for (int i = 0; i < SHED_MOST && gone < bytes; i++) {
        struct pool_arena *arena = take_warm(pool);
        if (arena == NULL) break;
        gone += atomic_u64_load(&arena->touched, relaxed);
        slots_trim(&arena->slots);
        pool_weigh(arena);
        if (atomic_u64_load(&arena->touched, relaxed) > TRIMMED_BYTES) {
            pool_free(arena); /* one whose memory is of a kind that a trim cannot give back */
        } else {
            put_cold(arena);
        }
    }
    return gone;
}

void pool_age(struct arena_pool *pool, uint32_t returns) {
    uint64_t stored = atomic_u64_load(&pool->stored, relaxed);
    uint64_t idle = stored + atomic_u64_load(&pool->credited, relaxed);
    if (LIKELY(idle <= pool->idle_bytes)) {
        if (atomic_u32_load(&pool->returns, relaxed) != 0) atomic_u32_store(&pool->returns, 0, relaxed);
        return;
    }
    uint32_t before = atomic_u32_add(&pool->returns, returns, relaxed);
    uint32_t period = PATIENCE + atomic_u32_load(&pool->live, relaxed);
    if (before == 0) atomic_u64_store(&pool->lowest, stored, relaxed);
    if (before >= period || before + returns < period) return; /* another thread is at it, or it is too early */
    uint64_t excess = idle - pool->idle_bytes;
    uint64_t lowest = atomic_u64_load(&pool->lowest, relaxed);
    uint64_t unneeded = lowest < excess ? lowest : excess;
    uint64_t gone = shed(pool, unneeded);
    bool done = gone >= unneeded;
    /* shed has made a new low, though nobody needed what it took. */
    atomic_u64_store(&pool->lowest, done ? atomic_u64_load(&pool->stored, relaxed) : unneeded - gone, relaxed);
    atomic_u32_store(&pool->returns, done ? 0 : period - 1, relaxed); /* the next return goes on */
}

/* --- the pool as a whole ------------------------------------------------------------------------------------------ */

/* The registry is locked, and no call runs beside it. */
bool pool_all_idle(struct arena_pool *pool) {
    for (uint32_t index = 1; index <= pool->table.count; index++) {
        const struct pool_arena *arena = stack_table_at(&pool->table, index)->item;
        /* relaxed: a thread that ends sets it under the registry's mutex, which is held here */
        if (arena != NULL && atomic_u8_load(&arena->slots.idle, relaxed) == 0) return false;
    }
    return true;
}

void pool_finish_store(struct arena_pool *pool) {
    for (uint32_t index = 1; index <= pool->table.count; index++) {
        struct pool_arena *arena = stack_table_at(&pool->table, index)->item;
        if (arena == NULL) continue;
        race_acquire(arena);
        slots_destroy(&arena->slots);
    }
    stack_table_finish(&pool->table);
}

void pool_count(struct arena_pool *pool, struct arena_pool_stats *out) {
    mutex_lock(&pool->make_mutex);
    out->out = count_out(pool);
    note_peak(pool, out->out);
    for (uint32_t index = 1; index <= pool->table.count; index++) {
        const struct pool_arena *arena = stack_table_at(&pool->table, index)->item;
        if (arena == NULL || atomic_u8_load(&arena->slots.idle, relaxed) == 0) continue;
        out->idle++;
        out->idle_bytes += (size_t)atomic_u64_load(&arena->touched, relaxed);
    }
    out->made = (size_t)pool->made;
    out->peak_out = pool->peak_out;
    mutex_unlock(&pool->make_mutex);
    out->waits = atomic_u64_load(&pool->waits, relaxed);
    out->refusals = atomic_u64_load(&pool->refusals, relaxed);
}
