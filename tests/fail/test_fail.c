/* SPDX-License-Identifier: MIT */
/* Every call that can fail for want of resources is made to fail, once and from then on, at every place of a walk over
 * the whole API (scenario.c).
 *
 * Each round is a process of its own, because some calls come once in the life of a process: it runs the walk with the
 * failure, then again without.  After the second walk it holds what a process without any failure holds: the records of
 * waiters and the like that the library keeps for later threads.  More would be a leak.  Under AddressSanitizer the leak
 * checker has its say at the end of each process too.
 */
#include "inject.h"
#include "scenario.h"

#include <arena/arena.h>

#include "runtime/thread.h"
#include "sync/cancel.h"

#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* A walk waits more than it computes, so several rounds run at a time. */
enum { ROUND_ENDS_S = 120, AT_A_TIME = 8 };

/* What a process tells its parent, in memory they share. */
struct report {
    unsigned calls;
    unsigned failures;
    char first[32];
    struct inject_live live;
    unsigned mapped; /* mappings made */
};

static struct report *reports;  /* one for each round that runs */
static struct inject_live kept; /* by a process in which nothing failed */

static bool more(struct inject_live left, struct inject_live right) {
    return left.blocks > right.blocks || left.mappings > right.mappings || left.mutexes > right.mutexes ||
           left.conditions > right.conditions;
}

static void print_live(const char *when, struct inject_live live) {
    (void)fprintf(stderr, "%s: %ld blocks, %ld mappings, %ld mutexes, %ld conditions\n", when, live.blocks,
                  live.mappings, live.mutexes, live.conditions);
}

/* Both walks, in the child. */
static int two_walks(struct report *report, enum inject_mode mode, unsigned at, bool old_kernel) {
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    for (size_t i = 0; i < sizeof crashes / sizeof crashes[0]; i++)
        (void)signal(crashes[i], SIG_DFL); /* not CMocka's */
    (void)alarm(ROUND_ENDS_S);
    inject_old_kernel(old_kernel);
    inject_arm(mode, at);
    scenario_run();
    report->calls = inject_calls();
    report->failures = inject_failures();
    report->mapped = inject_mapped();
    if (inject_first() != NULL) (void)snprintf(report->first, sizeof report->first, "%s", inject_first());
    inject_arm(INJECT_NEVER, 0);
    scenario_run();
    report->live = inject_live();
    scenario_run();
    struct inject_live again = inject_live();
    if (!more(again, report->live)) return 0;
    print_live("after the second walk", report->live);
    print_live("after the third", again);
    return 1;
}

struct round {
    enum inject_mode mode;
    unsigned at;
    struct report *report;
    pid_t child;
};

static void begin(struct round *round, bool old_kernel) {
    memset(round->report, 0, sizeof *round->report);
    (void)fflush(NULL);
    round->child = fork();
    /* exit, not _exit: so that leaks are looked for */
    if (round->child == 0) exit(two_walks(round->report, round->mode, round->at, old_kernel));
    assert_true(round->child > 0);
}

/* How many calls failed in it. */
static unsigned end(const struct round *round) {
    const struct report *report = round->report;
    const char *mode = round->mode == INJECT_ONCE ? "once" : "from then on";
    int status;
    assert_int_equal(waitpid(round->child, &status, 0), round->child);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        print_error("failure %u (%s, %s): the process ended with %#x\n", round->at, report->first, mode,
                    (unsigned)status);
        fail();
    }
    if (round->mode != INJECT_NEVER && more(report->live, kept)) {
        print_error("failure %u (%s, %s)\n", round->at, report->first, mode);
        print_live("without a failure", kept);
        print_live("after it", report->live);
        fail();
    }
    return report->failures;
}

static unsigned without_failure(bool old_kernel) {
    struct round round = {.mode = INJECT_NEVER, .report = reports};
    begin(&round, old_kernel);
    return end(&round);
}

static int prepare(void **state) {
    (void)state;
    reports = mmap(NULL, AT_A_TIME * sizeof *reports, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (reports == MAP_FAILED) return -1;
    inject_arm(INJECT_NEVER, 0);
    return 0;
}

static void nothing_fails(void **state) {
    (void)state;
    assert_int_equal(without_failure(false), 0);
    kept = reports[0].live;
    /* Had the wrappers missed the calls of one kind, nothing of that kind would fail. */
    assert_true(kept.blocks > 0 && kept.mappings >= 0 && kept.mutexes > 0 && kept.conditions > 0);
    assert_true(reports[0].mapped != 0);
    print_live("kept", kept);
}

static void every_call(enum inject_mode mode) {
    struct round rounds[AT_A_TIME];
    unsigned begun = 0;
    unsigned places = 0;
    unsigned before;
    do {
        before = places;
        for (unsigned i = 0; i < AT_A_TIME; i++) {
            rounds[i] = (struct round){.mode = mode, .at = ++begun, .report = &reports[i]};
            begin(&rounds[i], false);
        }
        for (unsigned i = 0; i < AT_A_TIME; i++) places += end(&rounds[i]) != 0;
    } while (places !=
             before); /* how many calls a walk makes is a matter of who waits: none of a whole lot gets there */
    print_message("[          ] %u places\n", places);
    assert_true(places > 100); /* the walk did take place */
}

static void each_call_fails_once(void **state) {
    (void)state;
    every_call(INJECT_ONCE);
}

static void each_call_fails_from_then_on(void **state) {
    (void)state;
    every_call(INJECT_ONWARDS);
}

static void old_kernel(void **state) {
    (void)state;
    assert_int_equal(without_failure(true), 0);
}

/* Idle arenas, of the caller's cache and of the store, are all that trim frees, and it frees all of them. */
static bool trim_frees_all(void) {
    enum { ARENAS = 100 };
    struct arena_pool *pool;
    struct arena *arenas[ARENAS];
    struct arena *out;
    if (arena_pool_create(ARENA_TYPE(int), 4, &pool) != ARENA_OK || arena_pool_checkout(pool, &out) != ARENA_OK)
        return false;
    for (int i = 0; i < ARENAS; i++) {
        if (arena_pool_checkout(pool, &arenas[i]) != ARENA_OK) return false;
    }
    struct arena_pool_scope scope; /* whose arena the thread keeps apart from the others */
    if (arena_pool_scope_enter(pool, &scope) != ARENA_OK) return false;
    arena_pool_scope_leave(&scope);
    for (int i = 0; i < ARENAS; i++) arena_pool_return(pool, arenas[i]);
    long before = inject_live().blocks;
    arena_pool_trim(pool);
    if (before - inject_live().blocks != ARENAS + 1) return false;
    arena_pool_return(pool, out);
    arena_pool_trim(pool);
    return before - inject_live().blocks == ARENAS + 2 && arena_pool_destroy(pool) == ARENA_OK;
}

static void trim_frees_what_is_idle(void **state) {
    (void)state;
    pid_t child = fork(); /* what a thread keeps is not to be there in the rounds */
    if (child == 0) exit(trim_frees_all() ? 0 : 1);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* --- making: whatever is missing, it is said, and there is no handle ------------------------------------------------ */

/* With options: of those a thread keeps none. */
static int make_with(size_t capacity, void **out) {
    const struct arena_options options = {.struct_size = sizeof options};
    return arena_create_with(ARENA_TYPE(int), capacity, &options, (struct arena **)(void *)out);
}
static int make_arena(void **out) { return make_with(4, out); }
static int make_bytes(void **out) {
    thread_end_kept(thread_state()); /* or that one would be it */
    return arena_create(arena_type_bytes(), 100, (struct arena **)(void *)out);
}
static int make_mapped(void **out) { return make_with(1 << 20, out); }
static int make_concurrent(void **out) {
    return arena_concurrent_create(ARENA_TYPE(int), 4, (struct arena_concurrent **)(void *)out);
}
static int make_pool(void **out) { return arena_pool_create(ARENA_TYPE(int), 4, (struct arena_pool **)(void *)out); }
static int make_limited(void **out) {
    const struct arena_pool_options options = {.struct_size = sizeof options, .max_arenas = 2};
    return arena_pool_create_with(ARENA_TYPE(int), 4, &options, (struct arena_pool **)(void *)out);
}
static int make_context(void **out) { return arena_context_with_cancel(NULL, (struct arena_context **)(void *)out); }

static void end_arena(void *arena) { arena_destroy(arena); }
static void end_concurrent(void *arena) { arena_concurrent_destroy(arena); }
static void end_pool(void *pool) { (void)!arena_pool_destroy(pool); }
static void end_context(void *context) { arena_context_release(context); }

/* What could not be kept is not counted either: else an arena would grow with each value that it refuses. */
static void descriptors_that_are_not_kept_take_no_room(void **state) {
    (void)state;
    inject_thread();
    struct arena *arena;
    assert_int_equal(arena_create(arena_type_any(), 9, &arena), ARENA_OK);
    assert_non_null(arena_try_alloc_any(arena, ARENA_TYPE(int), NULL));
    for (int i = 0; i < 100; i++) {
        inject_arm(INJECT_ONCE, 1);
        assert_null(arena_try_alloc_any(arena, ARENA_TYPE(char), NULL));
    }
    inject_arm(INJECT_ONCE, UINT_MAX); /* counts alone */
    assert_non_null(arena_try_alloc_any(arena, ARENA_TYPE(char), NULL));
    assert_int_equal(inject_calls(), 1); /* the descriptor's copy */
    inject_arm(INJECT_NEVER, 0);
    arena_destroy(arena);
}

static void makers_report_each_failure(void **state) {
    (void)state;
    static const struct {
        int (*make)(void **out);
        void (*end)(void *made);
        unsigned calls; /* at least */
    } makers[] = {{make_arena, end_arena, 1},           {make_bytes, end_arena, 1}, {make_mapped, end_arena, 2},
                  {make_concurrent, end_concurrent, 2}, {make_pool, end_pool, 2},   {make_limited, end_pool, 3},
                  {make_context, end_context, 2}};
    inject_thread();
    for (size_t i = 0; i < sizeof makers / sizeof makers[0]; i++) {
        void *made = NULL;
        assert_int_equal(makers[i].make(&made), ARENA_OK); /* what is made once in a process is there */
        makers[i].end(made);
        inject_arm(INJECT_ONCE, UINT_MAX); /* counts alone */
        assert_int_equal(makers[i].make(&made), ARENA_OK);
        unsigned calls = inject_calls();
        makers[i].end(made);
        assert_true(calls >= makers[i].calls);
        struct inject_live before = inject_live();
        unsigned refused = 0;
        for (unsigned at = 1; at <= calls; at++) {
            inject_arm(INJECT_ONCE, at);
            made = &made;
            int status = makers[i].make(&made);
            if (status == ARENA_OK) { /* a question to the system that may go unanswered */
                makers[i].end(made);
                continue;
            }
            refused++;
            assert_int_equal(status, ARENA_ENOMEM);
            assert_null(made);
            assert_false(more(inject_live(), before));
        }
        assert_true(refused >= 1); /* a mapping that could not be had is asked for again */
        inject_arm(INJECT_NEVER, 0);
    }
}

/* Of many arenas alive some need a longer table of indices: that may fail, too. */
static void makers_beside_many_others_report_each_failure(void **state) {
    (void)state;
    enum { MANY = 40 };
    void *made[MANY];
    unsigned least = UINT_MAX, most = 0;
    inject_thread();
    assert_int_equal(make_concurrent(&made[0]), ARENA_OK); /* what is made once in a process is there */
    for (size_t i = 1; i < MANY; i++) {
        int status;
        unsigned at = 0;
        do {
            inject_arm(INJECT_ONCE, ++at);
            status = make_concurrent(&made[i]);
            assert_int_equal(status, inject_calls() < at ? ARENA_OK : ARENA_ENOMEM);
        } while (status != ARENA_OK);
        assert_int_equal(inject_calls(), at - 1); /* a longer table that was not to be had is asked for again */
        if (at < least) least = at;
        if (at > most) most = at;
    }
    inject_arm(INJECT_NEVER, 0);
    assert_true(most > least);
    for (size_t i = 0; i < MANY; i++) end_concurrent(made[i]);
}

struct fan {
    struct cancel_node root;
    struct cancel_node children[CANCEL_FAN_AFTER];
    unsigned fails_at;
    bool made;
};

static void *make_children(void *user) {
    struct fan *fan = user;
    fan->made = true;
    inject_thread();
    for (unsigned i = 0; i < CANCEL_FAN_AFTER; i++) {
        if (i == CANCEL_FAN_AFTER - 1) inject_arm(INJECT_ONCE, fan->fails_at);
        fan->made &= cancel_start(&fan->children[i], &fan->root, INT64_MAX);
    }
    return NULL;
}

/* A context that many threads use goes on without its fan of locks, and nothing of one is left. */
static void contexts_do_without_a_fan(void **state) {
    (void)state;
    static struct fan fan;
    unsigned failed = 0;
    for (bool there = false; !there; failed++) {
        pthread_t thread;
        struct inject_live before = inject_live();
        fan.fails_at = failed + 1;
        assert_true(cancel_start(&fan.root, NULL, INT64_MAX));
        assert_int_equal(pthread_create(&thread, NULL, make_children, &fan), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_true(fan.made);
        there = atomic_ptr_load(&fan.root.fan, relaxed) != NULL;
        assert_int_equal(there, inject_failures() == 0);
        inject_arm(INJECT_NEVER, 0);
        struct inject_live after = inject_live();
        if (!there) assert_true(after.blocks == before.blocks && after.mutexes == before.mutexes + 1);
        cancel_trigger(&fan.root);
        for (unsigned i = 0; i < CANCEL_FAN_AFTER; i++) {
            assert_int_equal(cancel_status(&fan.children[i]), ARENA_ECANCELED);
            cancel_finish(&fan.children[i]);
        }
        cancel_finish(&fan.root);
    }
    assert_int_equal(failed, 1 + CANCEL_BRANCHES + 1); /* the fan, each of its locks, and none */
}

/* With the argument "once", without the longer half. */
int main(int argc, char **argv) {
    (void)argv;
    /* With a limit on address space, whatever it is, no mapping is kept for the next arena. */
    const struct rlimit limit = {(rlim_t)1 << (sizeof(rlim_t) * 8 - 2), RLIM_INFINITY};
    if (setrlimit(RLIMIT_AS, &limit) != 0) return 1;
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_fails),
        cmocka_unit_test(old_kernel),
        cmocka_unit_test(trim_frees_what_is_idle),
        cmocka_unit_test(each_call_fails_once),
    };
    static const struct CMUnitTest rest[] = {
        cmocka_unit_test(nothing_fails),
        cmocka_unit_test(each_call_fails_from_then_on),
    };
    static const struct CMUnitTest making[] = {
        cmocka_unit_test(descriptors_that_are_not_kept_take_no_room), cmocka_unit_test(contexts_do_without_a_fan),
        cmocka_unit_test(makers_beside_many_others_report_each_failure),
        cmocka_unit_test(makers_report_each_failure), /* last: the process keeps something of each */
    };
    int failed = cmocka_run_group_tests_name("fail", tests, prepare, NULL);
    if (argc > 1) failed += cmocka_run_group_tests_name("fail, making", making, NULL, NULL);
    return argc > 1 ? failed : failed + cmocka_run_group_tests_name("fail, from then on", rest, prepare, NULL);
}
