/* SPDX-License-Identifier: MIT */
/* api/pool.c with runtime/locals.c: an arena belongs to one at a time and comes back empty; what a thread keeps is taken
 * back exactly once, by the end of the thread or by the end of the pool; a limit loses no place. */
#include "engine.h"
#include "platform/sync.h"
#include "runtime/thread.h"

#include <arena/arena.h>

/* What a cache has room for: meson.build. */
#define POOL_CACHE_MOST 3

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct arena_type number_type = {"number", sizeof(unsigned), _Alignof(unsigned), NULL};
static struct arena_pool *pool;
static struct arena *held[32];
static struct arena_context *context;
static struct atomic_u32 done;
static int status[MODEL_THREADS + 1];
static struct atomic_ptr handed;

static void make(size_t most, struct arena_pool **out) {
    struct arena_pool_options options = {.struct_size = sizeof options, .max_arenas = most};
    model_check(arena_pool_create_with(&number_type, 4, &options, out) == ARENA_OK);
}
static void setup(void) { make(0, &pool); }
static void setup_limited(void) { make(1, &pool); }
static void end_pool(void) { model_check(arena_pool_destroy(pool) == ARENA_OK); }

/* More than a cache holds: a batch of it goes to the store, from where the others take it. */
static void setup_overflow(void) {
    setup();
    for (unsigned i = 0; i <= POOL_CACHE_MOST; i++) model_check(arena_pool_checkout(pool, &held[i]) == ARENA_OK);
}
static void return_all(void) {
    for (unsigned i = 0; i <= POOL_CACHE_MOST; i++) arena_pool_return(pool, held[i]);
}
static void setup_stored(void) {
    setup_overflow();
    return_all();
}

/* Whoever has an arena finds it empty and zero, and alone writes it. */
static void work(struct arena *arena) {
    model_check(arena_used(arena) == 0);
    unsigned *zero = arena_try_alloc(arena, NULL);
    model_check(zero != NULL && *zero == 0);
    *zero = model_thread() + 1;
    model_check(*zero == model_thread() + 1);
}
static void action(struct arena *arena, void *user) {
    (void)user;
    work(arena);
}
static void execute(void) { model_check(arena_pool_execute(pool, action, NULL) == ARENA_OK); }
static void action_nested(struct arena *arena, void *user) {
    struct arena **outer = user;
    model_check(arena != *outer);
    work(arena);
}
static void action_outer(struct arena *arena, void *user) {
    (void)user;
    work(arena);
    model_check(arena_pool_execute(pool, action_nested, &arena) == ARENA_OK);
}
static void execute_nested(void) { model_check(arena_pool_execute(pool, action_outer, NULL) == ARENA_OK); }
static void execute_done(void) {
    execute();
    atomic_u32_store(&done, 1, release);
}
static void await_done(void) {
    while (!atomic_u32_load(&done, acquire)) thread_spin();
}

/* The thread that used the pool ends beside its destruction. */
static void await_destroy(void) {
    await_done();
    model_check(arena_pool_destroy(pool) == ARENA_OK);
    pool = NULL;
}
/* Its cache goes to the shared store beside a trim or another user. */
static void trim(void) { arena_pool_trim(pool); }
static void await_execute(void) {
    await_done();
    execute();
}
static void await_trim(void) {
    await_done();
    trim();
}
static void execute_trim(void) {
    execute();
    trim();
}

/* --- a trim gets at the caches of threads that live on ------------------------------------------------------------------ */

/* The second time they find what they need in the cache, by the steady state, or find that it was taken. */
static void execute_twice(void) {
    execute();
    execute();
}
static void borrow(void) {
    struct arena *arena;
    model_check(arena_pool_checkout(pool, &arena) == ARENA_OK);
    work(arena);
    arena_pool_return(pool, arena);
}
static void borrow_twice(void) {
    borrow();
    borrow();
}
static size_t idle_arenas(void) {
    struct arena_pool_stats stats = {.struct_size = sizeof stats};
    model_check(arena_pool_get_stats(pool, &stats) == ARENA_OK);
    model_check(stats.idle + stats.out <= stats.made);
    return stats.idle;
}
static struct atomic_u32 trimmed;
static void execute_stay(void) {
    execute_done();
    while (!atomic_u32_load(&trimmed, acquire)) thread_spin();
    execute();
}
static void await_trim_all(void) {
    await_done();
    model_check(idle_arenas() == 1);
    trim();
    model_check(idle_arenas() == 0);
    atomic_u32_store(&trimmed, 1, release);
}

/* A scope that a longjmp left behind ends with its thread. */
static void leave_scope_behind(void) {
    struct arena_pool_scope scope;
    model_check(arena_pool_scope_enter(pool, &scope) == ARENA_OK);
    work(scope.arena);
    atomic_u32_store(&done, 1, release);
}
static void await_try_destroy(void) {
    await_done();
    int got = arena_pool_destroy(pool);
    model_outcome("%d", got);
    if (got == ARENA_OK)
        pool = NULL;
    else
        model_check(got == ARENA_EBUSY);
}
static void finish_maybe(void) {
    if (pool != NULL) end_pool();
}
static const char *const outcomes_try_destroy[] = {"0", "-7", NULL};

/* Out in one thread, back in another. */
static void checkout_hand(void) {
    struct arena *arena;
    model_check(arena_pool_checkout(pool, &arena) == ARENA_OK);
    work(arena);
    atomic_ptr_store(&handed, arena, release);
}
static void return_handed(void) {
    struct arena *arena;
    while ((arena = atomic_ptr_load(&handed, acquire)) == NULL) thread_spin();
    model_check(arena_used(arena) == 1);
    arena_pool_return(pool, arena);
    execute();
}
static void return_handed_destroy(void) {
    struct arena *arena;
    while ((arena = atomic_ptr_load(&handed, acquire)) == NULL) thread_spin();
    arena_pool_return(pool, arena);
    model_check(arena_pool_destroy(pool) == ARENA_OK);
    pool = NULL;
}

/* --- a limit of one --------------------------------------------------------------------------------------------------- */

/* A place is free once its arena can be had: no second one is made. */
static void work_limited(struct arena *arena) {
    static struct arena *only;
    model_check(only == NULL || only == arena);
    only = arena;
    work(arena);
}
static void action_limited(struct arena *arena, void *user) {
    (void)user;
    work_limited(arena);
}
static void execute_limited(void) {
    int got = arena_pool_execute(pool, action_limited, NULL);
    model_check(got == ARENA_OK || got == ARENA_EFULL);
    status[model_thread()] = got;
}
static void checkout_wait(void) {
    struct arena *arena;
    int got = arena_pool_checkout_context(pool, context, &arena);
    status[model_thread()] = got;
    if (got != ARENA_OK) {
        model_check(arena == NULL);
        return;
    }
    work_limited(arena);
    arena_pool_return(pool, arena);
}
/* What is out will come back with the end of the other thread. */
static void await_checkout(void) {
    await_done();
    checkout_wait();
    model_check(status[model_thread()] == ARENA_OK);
}
static void setup_limited_out(void) {
    setup_limited();
    model_check(arena_pool_checkout(pool, &held[0]) == ARENA_OK);
}
static void setup_limited_context(void) {
    setup_limited_out();
    model_check(arena_context_with_cancel(NULL, &context) == ARENA_OK);
}
static void return_held(void) { arena_pool_return(pool, held[0]); }
static void cancel(void) { arena_context_cancel(context); }
static void cancel_return(void) {
    cancel();
    return_held();
}
/* The one place is free again. */
static void finish_limited(void) {
    model_check(arena_pool_checkout(pool, &held[0]) == ARENA_OK);
    model_check(arena_pool_checkout(pool, &held[1]) == ARENA_EFULL);
    model_check(arena_pool_destroy(pool) == ARENA_EBUSY);
    arena_pool_return(pool, held[0]);
    end_pool();
    arena_context_release(context);
}
static void finish_limited_cancelled(void) {
    model_check(status[2] == ARENA_ECANCELED);
    finish_limited();
}
static void finish_limited_held(void) {
    model_check(status[2] == ARENA_ECANCELED);
    return_held();
    finish_limited();
}

/* --- memory runs out -------------------------------------------------------------------------------------------------- */

static void execute_without_memory(void) {
    model_fail_allocation(1 + model_choose(8));
    int got = arena_pool_execute(pool, action, NULL);
    model_fail_allocation(0);
    model_check(got == ARENA_OK || got == ARENA_ENOMEM);
    execute();
}

/* --- several pools: indices and thread tables are reused -------------------------------------------------------------- */

static void create_use_destroy(void) {
    struct arena_pool *mine;
    make(0, &mine);
    model_check(arena_pool_execute(mine, action, NULL) == ARENA_OK);
    model_check(arena_pool_destroy(mine) == ARENA_OK);
}
static void use_destroyed_index(void) {
    execute();
    create_use_destroy();
}

/* A scenario is a line or two. */
/* clang-format off */
static const struct model_scenario scenarios[] = {
    {"pool.execute", setup, {execute, execute}, end_pool},
    {"pool.execute.nested", setup, {execute_nested, execute}, end_pool},
    {"pool.exit-store", setup, {execute_done, await_execute}, end_pool},
    {"pool.exit-trim", setup, {execute_done, await_trim}, end_pool},
    {"pool.trim-make", setup, {execute_trim, execute}, end_pool},
    {"pool.trim.standing", setup, {execute_twice, trim}, end_pool},
    {"pool.trim.list", setup, {borrow_twice, trim}, end_pool},
    {"pool.trim.all", setup, {execute_stay, await_trim_all}, end_pool},
    {"pool.trim.two", setup, {execute_twice, trim, trim}, end_pool, .slow = true},
    {"pool.exit-destroy", setup, {execute_done, await_destroy}},
    {"pool.exit-destroy.three", setup, {execute_done, await_destroy, create_use_destroy}, .slow = true},
    {"pool.exit-scope-destroy", setup, {leave_scope_behind, await_try_destroy}, finish_maybe,
     .outcomes = outcomes_try_destroy},
    {"pool.exit-scope-destroy.limited", setup_limited, {leave_scope_behind, await_try_destroy}, finish_maybe,
     .outcomes = outcomes_try_destroy},
    {"pool.exit-scope.limited", setup_limited, {leave_scope_behind, await_checkout}, finish_limited},
    {"pool.return-elsewhere", setup, {checkout_hand, return_handed}, end_pool},
    {"pool.return-elsewhere-destroy", setup, {checkout_hand, return_handed_destroy}},
    {"pool.store", setup_stored, {execute, execute}, end_pool},
    {"pool.store.trim", setup_stored, {execute_trim, trim}, end_pool},
    {"pool.store.three", setup_stored, {execute, trim, trim}, end_pool, .slow = true},
    {"pool.overflow", setup_overflow, {return_all, execute}, end_pool},
    {"pool.overflow.trim", setup_overflow, {return_all, execute_trim}, end_pool},
    {"pool.three", setup, {execute, execute, execute_trim}, end_pool, .slow = true},
    {"pool.limit", setup_limited, {execute_limited, execute_limited}, finish_limited},
    {"pool.limit.wait", setup_limited_out, {return_held, checkout_wait}, finish_limited},
    {"pool.limit.wait.cancel", setup_limited_context, {cancel_return, checkout_wait}, finish_limited_cancelled},
    {"pool.limit.held.cancel", setup_limited_context, {cancel, checkout_wait}, finish_limited_held},
    {"pool.limit.wait.three", setup_limited_context, {return_held, checkout_wait, cancel}, finish_limited,
     .slow = true},
    {"pool.no-memory", setup, {execute_without_memory, execute}, end_pool},
    {"pool.several", NULL, {create_use_destroy, create_use_destroy}},
    {"pool.several.index", setup, {use_destroyed_index, create_use_destroy}, end_pool},
};
/* clang-format on */

int main(int argc, char **argv) { return model_main(argc, argv, scenarios, COUNT(scenarios)); }
