/* SPDX-License-Identifier: MIT */
/* struct arena_pool: arenas on loan.  pool.c has the calls, the scopes and the steady state; pool_cache.c what a thread
 * keeps; pool_store.c what all share, and how memory is given back.
 *
 * Shape
 *   Every arena of a pool hangs on a numbered node (sync/stack.h) for life.  Idle arenas are either in a thread's
 *   cache, its entry for this pool (runtime/locals.h), or in the shared store: two lock-free stacks of nodes, one of
 *   warm arenas and one of those that were trimmed.  Nodes that lost their arena wait in `spare`.
 *   A cache is a list through `next`, and one arena apart from it, the standing one, for scopes alone: the thread's
 *   outermost scope of this pool takes it, and it stays where it is meanwhile.  A flag says whether it is idle.
 *   checkout takes from the list; else one arena from the store; else makes a new one.  return resets and puts into the
 *   list, or, where that has no room, into the store.  So in the steady state a thread touches its own memory alone,
 *   and arenas that one thread checks out and another returns flow back through the store.
 *
 *   The standing arena is there because a list is slow: to take from it and put back is a chain of loads, each waiting
 *   for the store of the scope before.  The standing arena's address never changes, and the flag is only looked at by
 *   branches, which the processor foresees: scopes overlap.  Measured: 15 % of a scope.
 *
 * Memory
 *   What lies in the store is there for everybody, so an arena is made only when all others are out or in a cache.
 *   What is in a cache is there for one thread, so all caches together are bounded, in bytes: a cache has room for what
 *   it has credit for, and credit comes out of the pool's idle_bytes, in growing steps.  Larger arenas get no more than
 *   half of them.  An arena weighs what it may have touched, and no less than POOL_LEAST_UNITS, which bounds their
 *   number.  So
 *     arenas there are <= most that were out at a time + idle_bytes / weight
 *   and in the steady state nobody counts: credit is a thread's own.  Arenas too large for a cache go through the store
 *   every time; two exchanges of a word are nothing beside the work of so much memory.
 *   Beyond idle_bytes, what the store holds is trimmed, with patience: the least that it held over a period of returns
 *   is what nobody needed.  Returns are counted where the store is touched, and elsewhere once in POOL_TICKS.
 *
 * Invariants
 *   an arena is in exactly one of: a cache, the store, out; a standing one that is not idle is out
 *   idle arenas are empty, cleared and sealed.  (Not the other way: an arena that drops its elements is sealed and not
 *   idle, and a drop may use the pool that its arena goes back to.)  `idle` is written by calls on the pool alone, so
 *   that destroy may look at it while another thread works with an arena that is out.
 *   in an entry: credit - room = the weights of what is in the cache, the standing one counted also while it is out
 *   the credit of all entries = credited, and the touched bytes of what is warm in the store = stored, but for calls
 *   under way
 *   with a limit: free permits of the gate + arenas out = the limit, but for calls under way; no thread has a cache,
 *   so that what one returns is there for all.  No thread has one, either, where there is no asymmetric barrier, since
 *   a trim could not reach it, or where a race detector watches the program alone, which would not see how a trim is
 *   ordered.
 *
 * Who locks what
 *   make_mutex   guards the growth of the node table, which arena a node has, and what is counted of them
 *   the entry of a thread is its own, inside of the bracket of locals.h; a trim, and the thread's end, come from
 *   outside scoped, claimed, place, weight, ticks, trims, scope and next of an arena belong to the thread that has the
 *   arena, or to the cache it lies in
 *   destroy runs alone (contract), but for threads that end: locals_leave decides between them
 *   Order: the registry of locals.h, then make_mutex.  Neither is held while an arena is made or freed, since that may
 *   call the program's source.
 */
#ifndef API_POOL_H
#define API_POOL_H

#include <arena/pool.h>

#include "core/create.h"
#include "runtime/copy.h"
#include "runtime/locals.h"
#include "runtime/scope.h"
#include "sync/gate.h"
#include "sync/stack.h"

/* Weights are in units of 1 KiB, at least so many each.  The model checker has other figures, so that it comes to the
 * end of every scenario. */
#define POOL_UNIT_BYTES ((size_t)1 << 10)
#define POOL_LEAST_UNITS 8u
#ifndef POOL_IDLE_BYTES
#define POOL_IDLE_BYTES ((size_t)16 << 20) /* where the options say nothing */
#define POOL_CACHE_PART 16                 /* one cache has at most this part of it */
#define POOL_TICKS 32                      /* returns between two looks at what is due */
#endif
/* Up to here all of idle_bytes is for caches, beyond it half. */
#define POOL_SMALL_UNITS 16u

struct pool_arena {
    struct arena slots; /* first: its address is the public handle */
    struct scope scope;
    bool standing;                        /* it is the standing arena of some thread's cache */
    bool scoped;                          /* while it is out: it belongs to a scope.  A standing one always does */
    bool claimed;                         /* while it is out: by arena_pool_claim; then it counts as scoped, too */
    const struct arena_pool_scope *place; /* while a scope has it: the variable, of which a copy is no scope */
    int32_t ticks;                        /* of a standing one: scopes until something is due, below 0 then; else 0 */
    uint32_t weight;
    uint32_t trims;            /* of the pool, when its scope began, or the first one it was standing for */
    struct atomic_u64 touched; /* bytes, when it came back */
    struct arena_pool *pool;
    struct stack_node *node;
    struct pool_arena *next; /* in a cache, or in a chain that is to be freed */
};

struct arena_pool {
    struct local_keeper keeper;
    struct copy_stamp stamp;
    bool limited;
    size_t bytes; /* of this struct and what lies behind it */
    struct slots_plan plan;
    size_t capacity;
    struct arena_type *type; /* behind this struct; the arenas share it */
    uint64_t idle_bytes;
    uint32_t cache_units; /* the most that one cache has */
    struct gate gate;     /* of a limited pool */
    struct mutex make_mutex;
    /* under make_mutex */
    struct stack_table table;
    uint64_t made;
    size_t peak_out;
    char line[64]; /* what every call reads does not share a cache line with what is written */
    struct stack warm;
    struct stack cold;
    struct stack spare;
    struct atomic_u64 stored;   /* bytes touched by what is warm */
    struct atomic_u64 lowest;   /* of stored, in this period */
    struct atomic_u64 credited; /* bytes that caches have credit for */
    struct atomic_u32 returns;  /* in this period */
    struct atomic_u32 live;     /* arenas there are */
    struct atomic_u32 trims;
    struct atomic_u64 waits;
    struct atomic_u64 refusals;
};

static inline struct pool_arena *pool_arena_of(struct arena *arena) { return (struct pool_arena *)(void *)arena; }

/* Writes what others read; the rest of an arena that changes hands is ordered by what it goes through. */
static inline void pool_set_idle(struct pool_arena *arena, uint8_t idle) {
    atomic_u8_store(&arena->slots.idle, idle, release); /* partner: threads that look for a standing arena */
}

/* Opens the window of an arena that leaves a cache or the store. */
static inline void pool_open(struct pool_arena *arena) {
    pool_set_idle(arena, 0);
    arena->slots.closed &= (uint8_t)~CLOSED_IN_POOL;
    arena->slots.head.limit = arena->slots.fresh_limit;
}

/* For runtime/scope.h: in pool.c, and in pool_cache.c. */
void pool_leave_scope(struct scope *scope);
void pool_park_scope(struct scope *scope, struct thread_state *state);

/* --- pool_store.c ------------------------------------------------------------------------------------------------- */

/* A new arena, out, or one that came back while it was made; NULL: no memory. */
struct pool_arena *pool_make_or_take(struct arena_pool *pool) COLD;
/* Frees an arena that is in no cache and not in the store. */
void pool_free(struct pool_arena *arena) COLD;

/* Notes what an arena that comes back has touched. */
void pool_weigh(struct pool_arena *arena);
/* Puts an arena into the store, and takes one out of it; NULL: there is none. */
void pool_store_put(struct pool_arena *arena);
struct pool_arena *pool_store_take(struct arena_pool *pool);
/* Frees what the store has. */
void pool_store_drain(struct arena_pool *pool);
/* `returns` arenas have come back: is something idle that nobody needs? */
void pool_age(struct arena_pool *pool, uint32_t returns);

bool pool_all_idle(struct arena_pool *pool);
void pool_count(struct arena_pool *pool, struct arena_pool_stats *out);
void pool_finish_store(struct arena_pool *pool);

/* --- pool_cache.c ------------------------------------------------------------------------------------------------- */

/* What is `at_hand` where there is no standing arena: one that is never idle. */
extern struct pool_arena pool_no_arena __attribute__((visibility("hidden")));

void pool_flush(struct local_keeper *keeper, struct local *local);

/* An arena for a thread whose cache has none to give, or that has none, or whose bracket could not be entered.  It is
 * out.  NULL: no memory. */
struct pool_arena *pool_take_slow(struct arena_pool *pool, struct thread_state *state) NOINLINE;
/* Puts back an arena for which the steady state's few instructions do not do.  `reset`: it is reset already.
 * `returns`: how many arenas have come back since the last call that said so. */
void pool_put_slow(struct pool_arena *arena, struct thread_state *state, bool reset, uint32_t returns) NOINLINE;
/* Makes an arena that was taken for a scope the thread's standing one, if it has none. */
void pool_warm(struct pool_arena *arena, struct thread_state *state);
/* Frees what is idle in every thread's cache. */
void pool_trim_caches(struct arena_pool *pool);

#endif
