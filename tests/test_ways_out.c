/* SPDX-License-Identifier: MIT */
/* Every way out of a scope, as a table: what leaves it × one to three scopes deep × what the scopes are made with × on
 * the same pool, on others, and on one with a limit × the place where a panic, a jump or an exception is caught × with and
 * without thread-local destructors that use the pool again until the last round.
 *
 * Each scope holds one value, its level, and its drop writes that down: so the log tells which scopes were reset, how
 * often, and in what order.  left_at_once() says what is promised.
 *
 * Compiled as C, as C with -fexceptions, and as C++, which adds exceptions. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "support.h"

#include <sched.h>

#include <arena/arena.h>

enum { DEPTH = 3, LATE = 100 /* what destructors put, instead of a level */ };

enum { LOG_SIZE = 64 };
static int log_entries[LOG_SIZE];
static int log_count; /* atomic */

static void note_drop(void *element, void *user) {
    int place = flag_add(&log_count, 1) - 1;
    if (place < LOG_SIZE) log_entries[place] = *(int *)element;
}

static const struct arena_type noted = {"noted", sizeof(int), sizeof(int), note_drop, 0, 0};

/* --- the table ---------------------------------------------------------------------------------------------------- */

enum way {
    RETURN,
    PANIC,
    THREAD_EXIT,
    CANCEL,        /* deferred, by the action itself */
    CANCEL_ABROAD, /* deferred, by another thread */
    ASYNC,         /* asynchronous in the action's own code, by itself */
    ASYNC_ABROAD,  /* asynchronous, by another thread, while the action computes */
    ASYNC_BEFORE,  /* asynchronous for a while; deferred again when the cancellation comes */
    JUMP,
    THROW
};

static bool cancels(int way) { return way >= CANCEL && way <= ASYNC_BEFORE; }
static bool ends_thread(int way) { return way == THREAD_EXIT || cancels(way); }

/* What a scope is made with: arena_pool_execute, ARENA_POOL_SCOPE, or the functions for bindings. */
enum kind { EXECUTE, BLOCK, FUNCTIONS };

static const enum kind kinds[][DEPTH] = {
    {EXECUTE, EXECUTE, EXECUTE}, {BLOCK, BLOCK, BLOCK},       {FUNCTIONS, FUNCTIONS, FUNCTIONS},
    {EXECUTE, BLOCK, FUNCTIONS}, {FUNCTIONS, EXECUTE, BLOCK}, {BLOCK, FUNCTIONS, EXECUTE},
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

enum pools { SAME, OTHERS, LIMITED, POOLS };

struct walk {
    int way;
    const enum kind *kinds; /* by level */
    int depth;
    int stop; /* the level in which the way out is caught, if it can be: 0 is the code around all scopes */
    bool late;
    struct arena_pool *pools[DEPTH]; /* by level */
    struct worker *worker;
    int level;       /* scopes begun */
    int after;       /* pieces of code behind a scope that ran */
    int status;      /* of arena_protect in the level `stop` */
    int cleanup_saw; /* drops that had run when the thread's own clean-up handler did */
    int late_calls;  /* of destructors */
    int late_puts;
    int wrong;
    jmp_buf jump;
};

/* The promise.  What is not left at once is left when the thread ends. */
static bool left_at_once(const struct walk *walk, int level) {
    enum kind kind = walk->kinds[level - 1];
    if (walk->way == RETURN || walk->way == PANIC) return true;
    if (walk->way == JUMP) return level <= walk->stop;
    if (walk->way == THROW) return level <= walk->stop || kind != FUNCTIONS;
#ifndef __GLIBC__ /* elsewhere nothing unwinds the frames of a thread that ends */
    return false;
#elif defined(__EXCEPTIONS)
    return kind != FUNCTIONS;
#else /* nor, in C, this file's frames */
    return kind == EXECUTE;
#endif
}

/* --- on the way in ------------------------------------------------------------------------------------------------ */

static void enter(struct walk *walk);

static void compute_until_cancelled(void) {
    for (;;) __asm__ volatile("" ::: "memory");
}

static void leave_now(struct walk *walk) {
    int before;
    switch (walk->way) {
    case PANIC:
        arena_panic("leaving");
        break;
    case THREAD_EXIT:
        pthread_exit(walk);
        break;
    case CANCEL:
        pthread_cancel(pthread_self());
        pthread_testcancel();
        break;
    case CANCEL_ABROAD:
        flag_set(&walk->worker->reached, 1);
        for (;
             ;) { /* not asleep: ThreadSanitizer loses its way when a thread is cancelled inside one of its functions */
            pthread_testcancel();
            sched_yield();
        }
        break;
    case ASYNC:
        pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &before);
        pthread_cancel(pthread_self());
        compute_until_cancelled();
        break;
    case ASYNC_ABROAD:
        flag_set(&walk->worker->reached, 1);
        pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &before);
        compute_until_cancelled();
        break;
    case ASYNC_BEFORE:
        pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &before);
        for (int i = 0; i < 1000; i++) __asm__ volatile("" ::: "memory");
        pthread_setcanceltype(before, &before);
        pthread_cancel(pthread_self());
        (void)arena_pool_arena_cap(walk->pools[0]); /* not a cancellation point */
        walk->wrong--;
        pthread_testcancel();
        break;
    case JUMP:
        longjmp(walk->jump, 1);
        break;
#ifdef __cplusplus
    case THROW:
        throw walk->level;
#endif
    default:
        break;
    }
}

static void enter_protected(void *user) { enter((struct walk *)user); }

#ifdef __cplusplus
static void enter_and_catch(struct walk *walk) {
    try {
        enter(walk);
    } catch (int level) {
        if (level != walk->depth) walk->wrong++;
    }
}
#else
static void enter_and_catch(struct walk *walk) { enter(walk); }
#endif

/* Into the next scope, from the level `stop` by way of what catches. */
static void go_on(struct walk *walk) {
    if (walk->level != walk->stop) {
        enter(walk);
    } else if (walk->way == JUMP) {
        if (setjmp(walk->jump) == 0) enter(walk);
    } else if (walk->way == THROW) {
        enter_and_catch(walk);
    } else {
        walk->status = arena_protect(enter_protected, walk);
    }
}

static void inside(struct arena *arena, void *user) {
    struct walk *walk = (struct walk *)user;
    int level = ++walk->level;
    if (arena_used(arena) != 0) walk->wrong++;
    const int *slot = (const int *)arena_alloc(arena, &level);
    if (level < walk->depth) {
        go_on(walk);
    } else {
        leave_now(walk);
    }
    if (*slot != level || arena_used(arena) != 1) walk->wrong++; /* scopes further in did not touch it */
}

static void enter(struct walk *walk) {
    struct arena_pool *pool = walk->pools[walk->level];
    struct arena_pool_scope scope;
    switch (walk->kinds[walk->level]) {
    case EXECUTE:
        if (arena_pool_execute(pool, inside, walk) != ARENA_OK) walk->wrong++;
        break;
    case BLOCK:
        ARENA_POOL_SCOPE(pool, arena) inside(arena, walk);
        break;
    case FUNCTIONS:
        if (arena_pool_scope_enter(pool, &scope) != ARENA_OK) {
            walk->wrong++;
            break;
        }
        inside(scope.arena, walk);
        arena_pool_scope_leave(&scope);
        break;
    }
    walk->after++;
}

/* --- thread-local destructors that use the pool again ------------------------------------------------------------- */

/* ThreadSanitizer's own destructor ends its work in the last round: no code that it instruments may run after that, and
 * the library's destructor runs in the round after each use. */
#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN 1
#endif
#endif
#ifndef UNDER_TSAN
#define UNDER_TSAN 0
#endif
enum { ROUNDS = PTHREAD_DESTRUCTOR_ITERATIONS - 2 * UNDER_TSAN };

/* One key older than the library's own, and one younger. */
static pthread_key_t key_before;
static pthread_key_t key_after;

static void put_late(struct arena *arena, void *user) {
    struct walk *walk = (struct walk *)user;
    int value = LATE;
    if (arena_used(arena) != 0) walk->wrong++;
    arena_alloc(arena, &value);
    walk->late_puts++;
}

static void put_late_and_panic(struct arena *arena, void *user) {
    put_late(arena, user);
    arena_panic("late");
}

static void execute_late_panic(void *user) {
    (void)!arena_pool_execute(((struct walk *)user)->pools[0], put_late_and_panic, user);
}

/* For as many rounds as there are. */
static void use_again(struct walk *walk, pthread_key_t key) {
    walk->late_calls++;
    if (arena_pool_execute(walk->pools[0], put_late, walk) != ARENA_OK) walk->wrong++;
    ARENA_POOL_SCOPE(walk->pools[0], scratch) put_late(scratch, walk);
    if (arena_protect(execute_late_panic, walk) != ARENA_EPANIC) walk->wrong++;
    struct arena *arena;
    if (arena_pool_checkout(walk->pools[0], &arena) != ARENA_OK) walk->wrong++;
    put_late(arena, walk);
    arena_pool_return(walk->pools[0], arena);
    if (walk->late_calls <= 2 * (ROUNDS - 1)) pthread_setspecific(key, walk);
}

static void use_again_before(void *walk) { use_again((struct walk *)walk, key_before); }
static void use_again_after(void *walk) { use_again((struct walk *)walk, key_after); }

/* --- the walk ----------------------------------------------------------------------------------------------------- */

static void look_at_the_log(void *user) { ((struct walk *)user)->cleanup_saw = flag_get(&log_count); }

static void walk_on_thread(struct worker *self) {
    struct walk *walk = (struct walk *)self->user;
    walk->worker = self;
    if (walk->late) {
        pthread_setspecific(key_before, walk);
        pthread_setspecific(key_after, walk);
    }
    pthread_cleanup_push(look_at_the_log, walk);
    go_on(walk);
    pthread_cleanup_pop(1);
}

static void make_pools(struct walk *walk, int pools) {
    struct arena_pool_options options = {sizeof options, (size_t)walk->depth + 1, 0, NULL};
    for (int i = 0; i < DEPTH; i++) {
        walk->pools[i] = walk->pools[0];
        if (i > 0 && pools != OTHERS) continue;
        assert_int_equal(arena_pool_create_with(&noted, 4, pools == LIMITED ? &options : NULL, &walk->pools[i]),
                         ARENA_OK);
    }
}

/* Everything is back, once, and clean. */
static void check_pool(const struct walk *walk, struct arena_pool *pool, bool limited) {
    struct arena *arenas[DEPTH + 1];
    int count = walk->depth + 1;
    for (int i = 0; i < count; i++) {
        assert_int_equal(arena_pool_checkout(pool, &arenas[i]), ARENA_OK);
        for (int k = 0; k < i; k++) assert_ptr_not_equal(arenas[k], arenas[i]);
        assert_int_equal(arena_used(arenas[i]), 0);
        assert_int_equal(*(int *)arena_alloc(arenas[i], NULL), 0);
    }
    struct arena *more;
    if (limited) assert_int_equal(arena_pool_checkout(pool, &more), ARENA_EFULL);
    for (int i = 0; i < count; i++) arena_pool_return(pool, arenas[i]);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

/* Each scope was reset once: first, innermost first, what is left at once; then, the same way, the rest. */
static void check_log(const struct walk *walk) {
    int expected[DEPTH];
    int count = 0;
    for (int level = walk->depth; level > 0; level--) {
        if (left_at_once(walk, level)) expected[count++] = level;
    }
    assert_int_equal(walk->cleanup_saw, count);
    for (int level = walk->depth; level > 0; level--) {
        if (!left_at_once(walk, level)) expected[count++] = level;
    }
    int levels = 0;
    int late = 0;
    assert_true(flag_get(&log_count) <= LOG_SIZE);
    for (int i = 0; i < flag_get(&log_count); i++) {
        if (log_entries[i] == LATE) {
            late++;
            continue;
        }
        assert_true(levels < count);
        assert_int_equal(log_entries[i], expected[levels]);
        levels++;
    }
    assert_int_equal(levels, count);
    assert_int_equal(late, walk->late_puts);
}

static void check_walk(struct walk *walk, int pools) {
    make_pools(walk, pools);
    walk->status = 1;
    walk->cleanup_saw = -1;
    walk->wrong = walk->way == ASYNC_BEFORE ? 1 : 0; /* until it gets where it sets the type back */
    flag_set(&log_count, 0);
    panics_record();
    struct worker worker;
    worker_start(&worker, walk_on_thread, walk, 0);
    if (walk->way == CANCEL_ABROAD || walk->way == ASYNC_ABROAD) {
        AWAIT(flag_get(&worker.reached));
        pthread_cancel(worker.thread);
    }
    worker_join(&worker);
    arena_set_panic_handler(NULL, NULL);

    assert_int_equal(walk->level, walk->depth);
    assert_int_equal(walk->wrong, 0);
    assert_int_equal(worker.cancelled, cancels(walk->way));
    assert_int_equal(walk->after, walk->way == RETURN ? walk->depth : ends_thread(walk->way) ? 0 : walk->stop);
    if (walk->way == RETURN) assert_int_equal(walk->status, ARENA_OK);
    if (walk->way == PANIC) assert_int_equal(walk->status, ARENA_EPANIC);
    assert_int_equal(walk->late_calls, walk->late ? 2 * ROUNDS : 0);
    assert_int_equal(walk->late_puts, 4 * walk->late_calls);
    check_log(walk);
    for (int i = 0; i < (pools == OTHERS ? DEPTH : 1); i++) check_pool(walk, walk->pools[i], pools == LIMITED);
}

static void check_way(int way) {
    if (cancels(way) && !support_cancellable()) skip();
#ifndef __GLIBC__ /* musl goes on, from the signal, with the stack as it was: vector instructions of any destructor fault */
    if (way == ASYNC_ABROAD) skip();
#endif
    for (int kind = 0; kind < KINDS; kind++) {
        for (int pools = 0; pools < POOLS; pools++) {
            for (int depth = 1; depth <= DEPTH; depth++) {
                for (int stop = 0; stop < depth; stop++) {
                    for (int late = 0; late < 2; late++) {
                        struct walk walk;
                        memset(&walk, 0, sizeof walk);
                        walk.way = way;
                        walk.kinds = kinds[kind];
                        walk.depth = depth;
                        walk.stop = stop;
                        walk.late = late != 0;
                        check_walk(&walk, pools);
                    }
                }
            }
        }
    }
}

#define WAY_TEST(name, way)                                                                                            \
    TEST(name) { check_way(way); }
WAY_TEST(left_by_return, RETURN)
WAY_TEST(left_by_panic, PANIC)
WAY_TEST(left_by_pthread_exit, THREAD_EXIT)
WAY_TEST(left_by_deferred_cancellation, CANCEL)
WAY_TEST(left_by_deferred_cancellation_from_outside, CANCEL_ABROAD)
WAY_TEST(left_by_asynchronous_cancellation, ASYNC)
WAY_TEST(left_by_asynchronous_cancellation_from_outside, ASYNC_ABROAD)
WAY_TEST(left_by_cancellation_after_an_asynchronous_stretch, ASYNC_BEFORE)
WAY_TEST(jumped_past_and_left_at_thread_exit, JUMP)
#ifdef __cplusplus
WAY_TEST(left_by_exception, THROW)
#endif

/* --- jumps in thread-local destructors ---------------------------------------------------------------------------- */

static pthread_key_t key_jump_before; /* older than the library's */
static pthread_key_t key_jump_after;

struct late_jumps {
    struct arena_pool *pool;
    int rounds_before;
    int rounds_after;
    int last; /* the last round in which the younger destructor jumps */
    int puts;
    jmp_buf jump;
};

static void put_and_jump(struct arena *arena, void *user) {
    struct late_jumps *jumps = (struct late_jumps *)user;
    arena_alloc(arena, &jumps->puts);
    jumps->puts++;
    longjmp(jumps->jump, 1);
}

static void put_and_go_on(struct arena *arena, void *user) {
    struct late_jumps *jumps = (struct late_jumps *)user;
    arena_alloc(arena, &jumps->puts);
    jumps->puts++;
    ARENA_POOL_SCOPE(jumps->pool, inner) put_and_jump(inner, user);
}

static void jump_past_two(struct late_jumps *jumps) {
    if (setjmp(jumps->jump) == 0) (void)!arena_pool_execute(jumps->pool, put_and_go_on, jumps);
}

static void jump_before(void *user) {
    struct late_jumps *jumps = (struct late_jumps *)user;
    jumps->rounds_before++;
    jump_past_two(jumps);
    pthread_setspecific(key_jump_before, jumps);
}

static void jump_after(void *user) {
    struct late_jumps *jumps = (struct late_jumps *)user;
    if (++jumps->rounds_after <= jumps->last) jump_past_two(jumps);
    pthread_setspecific(key_jump_after, jumps);
}

static void end_with_jumps(struct worker *self) {
    pthread_setspecific(key_jump_before, self->user);
    pthread_setspecific(key_jump_after, self->user);
    if (self->index == 1) jump_past_two((struct late_jumps *)self->user); /* arms the thread before its end */
}

static void run_late_jumps(struct late_jumps *jumps, unsigned variant, int last) {
    memset(jumps, 0, sizeof *jumps);
    jumps->last = last;
    if (arena_pool_create(&noted, 4, &jumps->pool) != ARENA_OK) abort();
    flag_set(&log_count, 0);
    worker_run(end_with_jumps, jumps, variant);
}

/* The library has its own destructor run once more where a later one leaves something behind. */
TEST(jumped_past_in_a_destructor_and_left_at_thread_exit) {
    if (UNDER_TSAN) skip(); /* in the last round there is code that it instruments */
    for (unsigned variant = 0; variant < 2; variant++) {
        static struct late_jumps jumps;
        run_late_jumps(&jumps, variant, PTHREAD_DESTRUCTOR_ITERATIONS - 1);
        assert_int_equal(jumps.rounds_before, PTHREAD_DESTRUCTOR_ITERATIONS);
        assert_int_equal(jumps.rounds_after, PTHREAD_DESTRUCTOR_ITERATIONS);
        assert_int_equal(jumps.puts, 2 * (2 * PTHREAD_DESTRUCTOR_ITERATIONS - 1 + (int)variant));
        assert_int_equal(flag_get(&log_count), jumps.puts);
        for (int value = 0; value < jumps.puts; value++) { /* each once */
            int times = 0;
            for (int i = 0; i < jumps.puts; i++) times += log_entries[i] == value;
            assert_int_equal(times, 1);
        }
        assert_int_equal(arena_pool_destroy(jumps.pool), ARENA_OK);
    }
}

static void lose_in_the_last_round(void *user) {
    static struct late_jumps jumps; /* for ever: the pool cannot be destroyed */
    run_late_jumps(&jumps, 1, PTHREAD_DESTRUCTOR_ITERATIONS);
    child_check(jumps.puts == 2 * (2 * PTHREAD_DESTRUCTOR_ITERATIONS + 1));
    child_check(flag_get(&log_count) == jumps.puts - 2);
    child_check(arena_pool_destroy(jumps.pool) == ARENA_EBUSY);
    ARENA_POOL_SCOPE(jumps.pool, scratch) child_check(arena_used(scratch) == 0);
}

/* After the library's last turn there is nothing at which a scope could still be left. */
TEST(jumped_past_in_the_last_round_stays_out) {
    if (UNDER_TSAN) skip(); /* in the last round there is code that it instruments */
    assert_child_succeeds(lose_in_the_last_round, NULL);
}

int main(void) {
    if (pthread_key_create(&key_before, use_again_before) != 0) return 1;
    if (pthread_key_create(&key_jump_before, jump_before) != 0) return 1;
    struct arena_pool *pool;
    if (arena_pool_create(&noted, 1, &pool) != ARENA_OK) return 1;
    ARENA_POOL_SCOPE(pool, scratch) (void)scratch; /* makes the library's key */
    if (arena_pool_destroy(pool) != ARENA_OK) return 1;
    if (pthread_key_create(&key_after, use_again_after) != 0) return 1;
    if (pthread_key_create(&key_jump_after, jump_after) != 0) return 1;
    return support_run("ways out");
}
