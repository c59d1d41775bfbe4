/* SPDX-License-Identifier: MIT */
/* libarena: struct arena_pool: isolated arenas, checked out per scope, without locks.
 *
 * Thread safety: every function may be called from any thread, beside any other, but for destroy: no other call on the
 * pool may run beside it (threads may end beside it).  An arena that is out belongs to the caller that checked it out.
 *
 * In the steady state nothing here takes a lock, allocates, or makes a system call (but for clearing very large
 * arenas).  Each thread keeps a cache, bounded in arenas and in bytes; the excess, and the cache of a thread that ends,
 * go to a shared store.  A pool with a limit may use atomics and locks.
 *
 * Memory follows what is out at a time, not the number of threads that ever asked: an arena is made only when all
 * others are out or in a cache, and all caches together hold no more than idle_bytes.  What idle arenas hold beyond
 * that is given back to the system once a number of returns in a row did not need it.
 *
 * A pool belongs to the copy of the library that made it.  Where a process has two (a static one in a plugin beside the
 * shared one), a pool that is handed to the other is ARENA_EINVAL in every function that returns a status, and a panic
 * in the others.
 */
#ifndef ARENA_POOL_H
#define ARENA_POOL_H

#include <arena/context.h>

ARENA_BEGIN_DECLS

struct arena_pool;

/* Begins with its own size; fields that are 0 are the defaults.  What is not understood is ARENA_EINVAL. */
struct arena_pool_options {
    size_t struct_size;                        /* sizeof(struct arena_pool_options) */
    size_t max_arenas;                         /* checked out at a time; 0: no limit */
    size_t idle_bytes;                         /* what idle arenas may hold touched in all; 0: 16 MiB */
    const struct arena_options *arena_options; /* for its arenas; NULL: the defaults.  Copied */
};

/* sizeof(struct arena_pool_options) in bytes, for bindings that check their own declaration. */
ARENA_API size_t arena_pool_options_size(void);

/* Makes a pool whose arenas hold `arena_capacity` elements each.  The caller owns *out, and ends it with
 * arena_pool_destroy.  Statuses as for arena_create; no arena is made yet, but a capacity that can never be had is
 * ARENA_ENOMEM here. */
ARENA_API ARENA_NODISCARD int arena_pool_create(const struct arena_type *type, size_t arena_capacity,
                                                struct arena_pool **out);
/* As arena_pool_create, with options; NULL: the defaults.  What is not understood of them is ARENA_EINVAL. */
ARENA_API ARENA_NODISCARD int arena_pool_create_with(const struct arena_type *type, size_t arena_capacity,
                                                     const struct arena_pool_options *options, struct arena_pool **out);

/* Ends the pool and its arenas.  ARENA_EBUSY, and nothing changed, while arenas are out.  NULL is legal.  No other call
 * on the pool may run beside it. */
ARENA_API ARENA_NODISCARD int arena_pool_destroy(struct arena_pool *pool);

/* Checks out an arena that no one else can see, runs action(arena, user), resets the arena and puts it back: also when
 * the action ends by panic, pthread_exit, cancellation or a C++ exception, which then goes on to the caller.  Nesting
 * on the same pool gets another arena.  ARENA_OK, or why the action was not run: ARENA_EINVAL, ARENA_ENOMEM,
 * ARENA_EFULL.  After a longjmp past it the arena stays out until the thread ends.  So it does after pthread_exit and
 * cancellation with a C library that unwinds no frames for them (musl).
 * Bindings for other languages check out and return instead, in the language's own `finally`: what leaves a callback of
 * another language (an exception, a throw, a goroutine's panic) leaves the arena out here, or ends the process. */
ARENA_API ARENA_NODISCARD ARENA_NO_PLT int
arena_pool_execute(struct arena_pool *pool, void (*action)(struct arena *arena, void *user), void *user);

/* As arena_pool_execute, but at the limit it waits for a return until the context ends (ARENA_ECANCELED,
 * ARENA_ETIMEDOUT; a context that has ended already fails it in any case). */
ARENA_API ARENA_NODISCARD int arena_pool_execute_context(struct arena_pool *pool, struct arena_context *context,
                                                         void (*action)(struct arena *arena, void *user), void *user);

/* Hands out an arena of the pool, empty and zeroed; it is the caller's until arena_pool_return.  ARENA_EINVAL: pool or
 * out is NULL.  ARENA_ENOMEM: no memory for another arena.  ARENA_EFULL: the pool is at its limit.  *out is NULL after
 * a failure.  Never waits. */
ARENA_API ARENA_NODISCARD ARENA_NO_PLT int arena_pool_checkout(struct arena_pool *pool, struct arena **out);
/* As arena_pool_checkout, but at the limit it waits for a return until the context ends (ARENA_ECANCELED,
 * ARENA_ETIMEDOUT; a context that has ended already fails it in any case). */
ARENA_API ARENA_NODISCARD int arena_pool_checkout_context(struct arena_pool *pool, struct arena_context *context,
                                                          struct arena **out);

/* Resets the arena and puts it back; from any thread.  NULL is legal for the arena, and then for the pool.  Panics
 * where the arena is not one of this pool's that is checked out. */
ARENA_API ARENA_NO_PLT void arena_pool_return(struct arena_pool *pool, struct arena *arena);
/* As arena_pool_return, but never panics.  ARENA_OK; else nothing has changed: ARENA_EINVAL where the arena is not one
 * of this pool's, is not checked out, or belongs to a scope, ARENA_EBUSY from a drop function that its reset runs. */
ARENA_API ARENA_NODISCARD int arena_pool_return_checked(struct arena_pool *pool, struct arena *arena);

/* Claims the arena: from here on only arena_pool_return_claimed returns it, for a caller that ties it to something of
 * its own, as libarena-mhd ties one to each request.  ARENA_EINVAL: arena is NULL, not out of a pool, a scope's, or
 * claimed already; ARENA_EBUSY from a drop function that its reset runs. */
ARENA_API ARENA_NODISCARD int arena_pool_claim(struct arena *arena);
/* Resets the arena and puts it back into its pool; from any thread.  NULL is legal.  Panics where it was not claimed,
 * or is dropping its elements. */
ARENA_API void arena_pool_return_claimed(struct arena *arena);

/* Frees what is idle in the shared store and in every thread's cache.  Where a thread is in the middle of a call on the
 * pool, the call frees what the thread has before it ends; and the end of a scope, or of execute, frees what its arena
 * has, where that is more than a little.  Waits for other threads no longer than a few instructions of theirs take, and
 * for a fraction of a second at most.  NULL: nothing. */
ARENA_API void arena_pool_trim(struct arena_pool *pool);

/* The pool that the arena belongs to, out or not; NULL where it belongs to none. */
ARENA_API struct arena_pool *arena_pool_of(const struct arena *arena);

/* What a pool has and has had.  The steady state counts nothing, so figures are taken when they are asked for; calls
 * under way are in them or not yet. */
struct arena_pool_stats {
    size_t struct_size; /* to be set by the caller: sizeof(struct arena_pool_stats) */
    size_t made;        /* arenas, since the pool was created.  Exact */
    size_t out;         /* checked out now, scopes included.  Exact */
    size_t idle;        /* the others that there are now.  Exact */
    size_t idle_bytes;  /* what those have touched, at most, as it was when they came back */
    /* The most that were out at a time.  Looked at when an arena is made and when statistics are asked for: exact with
     * one thread.  With several it misses a peak for which no arena had to be made, because their caches had enough;
     * and with more than 256 arenas it counts those in caches as out. */
    size_t peak_out;
    uint64_t waits;    /* begun, for a place under the limit */
    uint64_t refusals; /* ARENA_EFULL, and waits in vain */
};

/* sizeof(struct arena_pool_stats) in bytes, for bindings that check their own declaration. */
ARENA_API size_t arena_pool_stats_size(void);

/* Fills *out as far as out->struct_size goes; what a longer struct has behind is left alone.  ARENA_EINVAL: pool or out
 * is NULL, or struct_size does not reach to its own end.  Takes time in proportion to the arenas there are, and makes
 * calls that need a new arena wait meanwhile. */
ARENA_API ARENA_NODISCARD int arena_pool_get_stats(const struct arena_pool *pool, struct arena_pool_stats *out);

/* How many elements each arena of the pool holds. */
ARENA_API size_t arena_pool_arena_cap(const struct arena_pool *pool);
/* The pool's own copy of the type; valid until the pool is destroyed.  NULL for NULL. */
ARENA_API const struct arena_type *arena_pool_type_of(const struct arena_pool *pool);

/* --- Scopes --------------------------------------------------------------------------------------------------------
 *
 * ARENA_POOL_SCOPE(pool, name) { ... } runs the block with `struct arena *name` (gcc, clang).  To panics and thread
 * exit it is what execute is.  break, continue and return leave the block and give the arena back.  Exceptions and
 * cancellation do so at once where the caller is compiled with -fexceptions, else when the thread ends.  No arena to be
 * had: panics.
 *
 * For bindings: enter, and leave on every way out, by the same variable: a copy of it, or one that was moved, is no
 * scope. Leave is idempotent.
 */
struct arena_pool_scope {
    struct arena *arena; /* NULL once left */
};

/* sizeof(struct arena_pool_scope) in bytes, for bindings that check their own declaration. */
ARENA_API size_t arena_pool_scope_size(void);

/* Begins a scope on this thread.  Statuses as for checkout; out->arena is NULL after a failure. */
ARENA_API ARENA_NODISCARD int arena_pool_scope_enter(struct arena_pool *pool, struct arena_pool_scope *out);
/* As arena_pool_scope_enter, but at the limit it waits for a return until the context ends (ARENA_ECANCELED,
 * ARENA_ETIMEDOUT; a context that has ended already fails it in any case). */
ARENA_API ARENA_NODISCARD int arena_pool_scope_enter_context(struct arena_pool *pool, struct arena_context *context,
                                                             struct arena_pool_scope *out);
/* Ends a scope: resets its arena and puts it back.  On the thread that entered, by the variable that it entered with,
 * else it panics.  A scope that was left already, or NULL: nothing happens. */
ARENA_API ARENA_NO_PLT void arena_pool_scope_leave(struct arena_pool_scope *scope);
/* As arena_pool_scope_leave, but never panics.  ARENA_OK, also for NULL and for a scope that was left; else nothing has
 * changed: ARENA_EINVAL for another thread's scope, and for a copy of one, ARENA_EBUSY from a drop function that
 * leaving it runs. */
ARENA_API ARENA_NODISCARD int arena_pool_scope_leave_checked(struct arena_pool_scope *scope);
/* Begins a scope or panics; what ARENA_POOL_SCOPE calls.  The arena, which the caller puts into *place. */
ARENA_API ARENA_NONNULL ARENA_NO_PLT struct arena *arena_pool_scope_arena(struct arena_pool *pool,
                                                                          struct arena_pool_scope *place);

ARENA_END_DECLS

#if defined(__GNUC__)
#ifdef __cplusplus
#define ARENA_POOL_SCOPE_CAST_(tag, arena) static_cast<tag *>(static_cast<void *>(arena))
#else
#define ARENA_POOL_SCOPE_CAST_(tag, arena) ((tag *)(arena))
#endif
#define ARENA_POOL_SCOPE_AS_(pool, tag, name, scope)                                                                   \
    for (struct arena_pool_scope scope                                                                                 \
         __attribute__((cleanup(arena_pool_scope_leave))) = {arena_pool_scope_arena(pool, &scope)},                    \
         *ARENA_CONCAT(scope, _once) = &scope;                                                                         \
         ARENA_CONCAT(scope, _once); ARENA_CONCAT(scope, _once) = NULL)                                                \
        for (tag *name = ARENA_POOL_SCOPE_CAST_(tag, scope.arena); name; name = NULL)
/* ARENA_POOL_SCOPE(pool, name) { ... }: the block runs with an arena of the pool, as said above. */
#define ARENA_POOL_SCOPE(pool, name)                                                                                   \
    ARENA_POOL_SCOPE_AS_(pool, ARENA_ARENA_, name, ARENA_CONCAT(arena_scope_, __COUNTER__))
#endif

#endif
