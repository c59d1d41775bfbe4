/* SPDX-License-Identifier: MIT */
/* What a thread keeps of a pool: the slow half of taking from it and putting into it, and how it is taken back.  See
 * pool.h; the bracket is that of locals.h. */
#include "api/pool.h"

#include "base/race.h"
#include "core/bytes.h"

struct pool_arena pool_no_arena;

static struct arena_pool *pool_of(struct local_keeper *keeper) {
    return CONTAINER_OF(keeper, struct arena_pool, keeper);
}

/* --- inside of the bracket ---------------------------------------------------------------------------------------- */

static struct pool_arena *standing_of(const struct local *local) {
    return local->at_hand == &pool_no_arena ? NULL : (struct pool_arena *)local->at_hand;
}

/* Makes the thread's standing arena one like the others.  Where it goes from its place, if it is idle, is the caller's
 * to say. */
static void stand_down(struct local *local, struct pool_arena *arena) {
    arena->standing = false;
    arena->ticks = 0;
    local->at_hand = &pool_no_arena;
    local->room += arena->weight;
}

/* Takes an idle arena out of a cache, the standing one last; NULL: none is idle. */
static struct pool_arena *cache_take(struct local *local) {
    struct pool_arena *arena = local->items;
    if (arena != NULL) {
        local->items = arena->next;
        local->room += arena->weight;
        return arena;
    }
    arena = standing_of(local);
    if (arena == NULL || atomic_u8_load(&arena->slots.idle, acquire) == 0) return NULL; /* partner: pool_set_idle */
    stand_down(local, arena);
    return arena;
}

/* Draws credit for at least `units` more; a cache that has more than that already draws as much again, so that it asks
 * seldom.  false: there is not so much. */
static bool get_credit(struct arena_pool *pool, struct local *local, uint32_t units) {
    if (units > pool->cache_units - local->credit) return false;
    uint32_t wanted = units > local->credit ? units : local->credit;
    if (wanted > pool->cache_units - local->credit) wanted = pool->cache_units - local->credit;
    uint64_t most = units <= POOL_SMALL_UNITS ? pool->idle_bytes : pool->idle_bytes / 2;
    uint64_t credited = atomic_u64_load(&pool->credited, relaxed); /* a count, which orders nothing */
    for (;;) {
        uint64_t left = credited < most ? (most - credited) / POOL_UNIT_BYTES : 0;
        if (left < units) return false;
        uint32_t granted = left < wanted ? (uint32_t)left : wanted;
        if (atomic_u64_cas(&pool->credited, &credited, credited + granted * POOL_UNIT_BYTES, relaxed)) {
            local->credit += granted;
            local->room += granted;
            return true;
        }
    }
}

/* Takes an arena's weight out of the cache's room, for which it may draw credit.  false: there is no room. */
static bool take_room(struct arena_pool *pool, struct local *local, uint32_t weight) {
    if (local->room < weight && !get_credit(pool, local, weight - local->room)) return false;
    local->room -= weight;
    return true;
}

/* Gives back the credit of a cache without idle arenas: all but the weight of a standing arena that is out. */
static void give_credit_back(struct arena_pool *pool, struct local *local) {
    uint32_t left = standing_of(local) == NULL ? 0 : standing_of(local)->weight;
    (void)atomic_u64_add(&pool->credited, 0 - (uint64_t)(local->credit - left) * POOL_UNIT_BYTES, relaxed);
    local->credit = left;
    local->room = 0;
}

/* --- taking ------------------------------------------------------------------------------------------------------- */

/* As locals_close; a thread that answered a trim inside of the bracket frees what it gave up. */
static void close_pass(struct arena_pool *pool, struct thread_state *state, const struct locals_pass *pass) {
    locals_close(state, pass);
    if (pass->answered) pool_store_drain(pool);
}

struct pool_arena *pool_take_slow(struct arena_pool *pool, struct thread_state *state) {
    locals_exit(state);
    struct locals_pass pass = locals_open(state, &pool->keeper);
    struct pool_arena *arena = pass.local == NULL ? NULL : cache_take(pass.local);
    close_pass(pool, state, &pass);
    if (arena == NULL) arena = pool_store_take(pool);
    if (arena == NULL) return pool_make_or_take(pool);
    pool_open(arena);
    return arena;
}

/* As locals_open, but makes an entry for a thread that has none, and winds its ticks up. */
static struct locals_pass open_made(struct arena_pool *pool, struct thread_state *state) {
    struct locals_pass pass = locals_open(state, &pool->keeper);
    if (UNLIKELY(pass.local == NULL) && locals_joined(&pool->keeper)) {
        locals_close(state, &pass);
        (void)locals_make(state, &pool->keeper);
        pass = locals_open(state, &pool->keeper);
    }
    if (LIKELY(pass.local != NULL) && pass.local->ticks == 0) pass.local->ticks = POOL_TICKS;
    return pass;
}

void pool_warm(struct pool_arena *arena, struct thread_state *state) {
    struct arena_pool *pool = arena->pool;
    struct locals_pass pass = open_made(pool, state);
    struct local *local = pass.local;
    if (local != NULL && standing_of(local) == NULL && take_room(pool, local, arena->weight)) {
        arena->standing = true;
        arena->ticks = POOL_TICKS;
        local->at_hand = arena;
    }
    close_pass(pool, state, &pass);
}

/* --- putting back ------------------------------------------------------------------------------------------------- */

/* A thread that ends returns an arena that a longjmp left out.  Another thread may be about to destroy the pool, which
 * it may once it sees the arena idle: the lock keeps it waiting until this one has done with the pool. */
static void put_exiting(struct pool_arena *arena) {
    struct arena_pool *pool = arena->pool;
    locals_lock();
    pool_set_idle(arena, 1);
    if (!arena->standing) pool_store_put(arena);
    if (pool->limited) gate_leave(&pool->gate);
    locals_unlock();
}

/* Puts the arena into the thread's cache.  false: the thread has none, or it has no room. */
static bool keep(struct pool_arena *arena, struct thread_state *state, bool standing) {
    struct arena_pool *pool = arena->pool;
    struct locals_pass pass = open_made(pool, state);
    struct local *local = pass.local;
    bool kept = local != NULL && take_room(pool, local, arena->weight);
    if (kept && standing && standing_of(local) == NULL) {
        arena->standing = true;
        arena->ticks = POOL_TICKS;
        local->at_hand = arena;
    } else if (kept) {
        arena->next = local->items;
        local->items = arena;
    }
    close_pass(pool, state, &pass);
    return kept;
}

/* Takes the thread's standing arena out of its place. */
static void leave_standing(struct pool_arena *arena, struct thread_state *state) {
    struct locals_pass pass = locals_open(state, &arena->pool->keeper);
    if (standing_of(pass.local) == arena) stand_down(pass.local, arena); /* else a trim was answered just now */
    close_pass(arena->pool, state, &pass);
}

/* For runtime/fiber.h: the scope may be left on another thread, which must not touch this one's cache. */
void pool_park_scope(struct scope *scope, struct thread_state *state) {
    struct pool_arena *arena = CONTAINER_OF(scope, struct pool_arena, scope);
    if (arena->standing) leave_standing(arena, state);
}

void pool_put_slow(struct pool_arena *arena, struct thread_state *state, bool reset, uint32_t returns) {
    struct arena_pool *pool = arena->pool;
    locals_exit(state);
    bool standing = arena->standing;
    /* Its weight may change, and its reset may run the program's code, which may open a scope. */
    if (standing && !state->exiting) leave_standing(arena, state);
    if (!reset) slots_reset(&arena->slots);
    if ((arena->slots.reset_work & WORK_CAPACITY) != 0) { /* the next one who has it has what the pool says */
        (void)bytes_set_cap(&arena->slots, pool->capacity);
        arena->slots.reset_work &= (uint8_t)~WORK_CAPACITY;
    }
    slots_close(&arena->slots, CLOSED_IN_POOL);
    pool_weigh(arena);
    if (state->exiting) {
        put_exiting(arena);
        return;
    }
    /* A trim frees what is idle, and what is out when it comes back here.  A standing arena that comes back by the fast
     * path does not look, and is freed the next time that it comes here. */
    bool trimmed = arena->scoped && arena->trims != atomic_u32_load(&pool->trims, relaxed);
    pool_set_idle(arena, 1);
    if (trimmed) {
        pool_free(arena);
    } else if (!keep(arena, state, standing)) {
        pool_store_put(arena);
    }
    if (pool->limited) gate_leave(&pool->gate);
    pool_age(pool, returns);
}

/* --- taking back -------------------------------------------------------------------------------------------------- */

/* For locals.h: a thread that ends, or that answers a trim, gives up what it keeps. */
void pool_flush(struct local_keeper *keeper, struct local *local) {
    struct pool_arena *arena;
    while ((arena = cache_take(local)) != NULL) pool_store_put(arena);
    arena = standing_of(local);
    if (arena != NULL) stand_down(local, arena);
    give_credit_back(pool_of(keeper), local);
}

/* Moves what is idle to the chain that `user` points to; a standing arena that is out stays standing. */
static void take_idle(struct local_keeper *keeper, struct local *local, void *user) {
    struct pool_arena **chain = user;
    struct pool_arena *arena;
    while ((arena = cache_take(local)) != NULL) {
        arena->next = *chain;
        *chain = arena;
    }
    give_credit_back(pool_of(keeper), local);
}

void pool_trim_caches(struct arena_pool *pool) {
    struct pool_arena *chain = NULL;
    locals_visit(&pool->keeper, take_idle, &chain);
    while (chain != NULL) {
        struct pool_arena *arena = chain;
        chain = arena->next;
        pool_free(arena);
    }
}
