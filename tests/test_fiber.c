/* SPDX-License-Identifier: MIT */
/* Coroutines: scopes and protected actions that belong to the stack that runs. */
#include "support.h"

#include <ucontext.h>

#include <arena/arena.h>

/* --- coroutines ----------------------------------------------------------------------------------------------------- */

/* ThreadSanitizer has to be told of each switch: what it keeps of calls and of setjmp is one stack's. */
#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN 1
#endif
#endif
#ifdef UNDER_TSAN
#include <sanitizer/tsan_interface.h>
static void *record_create(void) { return __tsan_create_fiber(0); }
static void record_destroy(void *record) { __tsan_destroy_fiber(record); }
static void *record_current(void) { return __tsan_get_current_fiber(); }
/* Inlined, or it would be entered on one record of calls and left on another. */
static inline __attribute__((always_inline)) void record_switch(void *to) {
    if (to != NULL) __tsan_switch_to_fiber(to, 0);
}
#else
static void *record_create(void) { return NULL; }
static void record_destroy(void *record) { (void)record; }
static void *record_current(void) { return NULL; }
static void record_switch(void *to) { (void)to; }
#endif

/* Valgrind has to know a stack to see that another one runs. */
#ifdef HAVE_VALGRIND
#include <valgrind/valgrind.h>
#else
#define VALGRIND_STACK_REGISTER(from, to) 0
#define VALGRIND_STACK_DEREGISTER(id) ((void)(id))
#endif

enum { STACK_SIZE = 256 << 10 };

struct coroutine {
    struct arena_fiber fiber;
    ucontext_t context;
    ucontext_t *back; /* of whoever resumed it */
    struct arena_fiber *back_fiber;
    char *stack;
    unsigned stack_id;
    void *record;
    void *back_record;
    void (*run)(struct coroutine *self);
    void *user;
    bool untold; /* the library does not hear of its switches */
    bool over;
    int status;
    struct arena_panic_info info;
};

static _Thread_local struct coroutine *started;

static void suspend(struct coroutine *self) {
    if (!self->untold) arena_fiber_switch(&self->fiber, self->back_fiber);
    record_switch(self->back_record);
    if (swapcontext(&self->context, self->back) != 0) abort();
}

static void coroutine_main(void) {
    struct coroutine *self = started;
    self->run(self);
    self->over = true;
    suspend(self);
}

/* Runs it until it suspends itself. */
static void resume(struct coroutine *coroutine, struct coroutine *by) {
    ucontext_t here;
    coroutine->back = by == NULL ? &here : &by->context;
    coroutine->back_fiber = by == NULL ? NULL : &by->fiber;
    started = coroutine;
    if (!coroutine->untold) arena_fiber_switch(coroutine->back_fiber, &coroutine->fiber);
    coroutine->back_record = record_current();
    record_switch(coroutine->record);
    if (swapcontext(coroutine->back, &coroutine->context) != 0) abort();
}

static void coroutine_make(struct coroutine *coroutine, void (*run)(struct coroutine *self), void *user) {
    *coroutine = (struct coroutine){.run = run, .user = user, .stack = malloc(STACK_SIZE), .record = record_create()};
    if (coroutine->stack == NULL || getcontext(&coroutine->context) != 0) abort();
    coroutine->stack_id = VALGRIND_STACK_REGISTER(coroutine->stack, coroutine->stack + STACK_SIZE);
    coroutine->context.uc_stack.ss_sp = coroutine->stack;
    coroutine->context.uc_stack.ss_size = STACK_SIZE;
    makecontext(&coroutine->context, coroutine_main, 0);
}

static void coroutine_free(struct coroutine *coroutine) {
    record_destroy(coroutine->record);
    VALGRIND_STACK_DEREGISTER(coroutine->stack_id);
    free(coroutine->stack);
}

/* --- protected actions ---------------------------------------------------------------------------------------------- */

static void suspend_and_panic(void *user) {
    struct coroutine *self = user;
    suspend(self);
    arena_panic(self->user);
}

static void protect(struct coroutine *self) { self->status = arena_protect_with(suspend_and_panic, self, &self->info); }

/* Whatever was begun in between by others: each coroutine's panic ends its own action. */
TEST(a_panic_ends_the_action_of_its_coroutine) {
    static char names[3][8] = {"first", "second", "third"};
    static const int orders[][3] = {{0, 1, 2}, {2, 1, 0}, {1, 0, 2}, {0, 2, 1}};
    for (size_t order = 0; order < sizeof orders / sizeof orders[0]; order++) {
        struct coroutine coroutines[3];
        for (int i = 0; i < 3; i++) {
            coroutine_make(&coroutines[i], protect, names[i]);
            resume(&coroutines[i], NULL);
        }
        for (int i = 0; i < 3; i++) {
            struct coroutine *next = &coroutines[orders[order][i]];
            resume(next, NULL);
            assert_true(next->over);
            assert_int_equal(next->status, ARENA_EPANIC);
            assert_string_equal(next->info.message, next->user);
        }
        for (int i = 0; i < 3; i++) coroutine_free(&coroutines[i]);
    }
}

/* The thread's own actions are not those of its coroutines, and the other way round. */
struct mixed {
    struct coroutine inside;
    struct coroutine other;
};

static void resume_and_panic(void *user) {
    struct mixed *mixed = user;
    resume(&mixed->inside, NULL); /* it is inside of its own action now */
    resume(&mixed->other, NULL);
    arena_panic("of the thread");
}

static void suspend_once(void *user) { suspend(user); }
static void protect_a_suspension(struct coroutine *self) { self->status = arena_protect(suspend_once, self); }
static void panic_with_name(void *name) { arena_panic(name); }

/* Inside an action of the thread's, or of none. */
static void end_in_each_order(void *name) {
    static const int orders[][3] = {{0, 1, 2}, {2, 1, 0}, {1, 0, 2}, {0, 2, 1}, {1, 2, 0}, {2, 0, 1}};
    for (size_t order = 0; order < sizeof orders / sizeof orders[0]; order++) {
        struct coroutine coroutines[3];
        for (int i = 0; i < 3; i++) {
            coroutine_make(&coroutines[i], protect_a_suspension, NULL);
            coroutines[i].untold = true;
            coroutines[i].status = ARENA_EBUSY;
            resume(&coroutines[i], NULL);
        }
        for (int i = 0; i < 3; i++) {
            struct coroutine *next = &coroutines[orders[order][i]];
            resume(next, NULL);
            assert_true(next->over);
            assert_int_equal(next->status, ARENA_OK);
            memset(next->stack, 0x5a, STACK_SIZE); /* nothing of it is needed any more, nor written to */
        }
        for (int i = 0; i < 3; i++) {
            for (int at = 0; at < STACK_SIZE; at++) assert_int_equal(coroutines[i].stack[at], 0x5a);
            coroutine_free(&coroutines[i]);
        }
        assert_int_equal(arena_protect(panic_with_name, name), ARENA_EPANIC);
    }
}

static void end_in_each_order_and_panic(void *name) {
    end_in_each_order(name);
    arena_panic(name);
}

/* Of coroutines that nobody tells the library of, actions may at least return in any order. */
TEST(actions_of_unknown_coroutines_may_return_in_any_order) {
    static char name[] = "of the thread";
    struct arena_panic_info info;
    if (support_checked()) skip(); /* it looks at stacks that have been left */
    end_in_each_order(name);
    assert_int_equal(arena_protect_with(end_in_each_order_and_panic, name, &info), ARENA_EPANIC);
    assert_string_equal(info.message, name);
}

TEST(a_panic_of_the_thread_is_its_own) {
    static char name[] = "of the coroutine";
    struct mixed mixed;
    struct arena_panic_info info;
    coroutine_make(&mixed.inside, protect, name);
    coroutine_make(&mixed.other, protect, name);
    assert_int_equal(arena_protect_with(resume_and_panic, &mixed, &info), ARENA_EPANIC);
    assert_string_equal(info.message, "of the thread");
    resume(&mixed.inside, NULL);
    assert_int_equal(mixed.inside.status, ARENA_EPANIC);
    assert_string_equal(mixed.inside.info.message, name);
    coroutine_free(&mixed.inside);
    coroutine_free(&mixed.other); /* never resumed: outside of scopes that is all */
}

static void panic_at_once(struct coroutine *self) { arena_panic(self->user); }

/* In a forked child ThreadSanitizer does not look at the thread that forked any more, but at other records it would. */
static void resume_in_child(void *user) {
    struct coroutine *coroutine = user;
    coroutine->record = NULL;
    resume(coroutine, NULL);
}

static void protect_the_resuming(void *user) { (void)!arena_protect(resume_in_child, user); }

/* Where the thread protects an action, and a coroutine that it resumes does not: the stack of the one is none of the
 * other's. */
TEST(a_coroutine_without_an_action_is_not_protected) {
    static char name[] = "nobody's";
    struct coroutine coroutine;
    coroutine_make(&coroutine, panic_at_once, name);
    assert_aborts(protect_the_resuming, &coroutine, name);
    coroutine_free(&coroutine);
}

static jmp_buf way;
static void jump_out(void *user) { longjmp(way, 1); }

static __attribute__((noinline)) void jump_past(void) {
    if (setjmp(way) == 0) (void)!arena_protect(jump_out, NULL);
}

static void jump_and_panic(void *user) {
    struct coroutine *self = user;
    jump_past();
    suspend(self);
    arena_panic(self->user);
}

static void protect_a_jump(struct coroutine *self) {
    self->status = arena_protect_with(jump_and_panic, self, &self->info);
    jump_past();
    suspend(self);
    self->status += arena_protect_with(suspend_and_panic, self, &self->info);
}

/* What test_protect.c shows of a thread's stack. */
TEST(jumps_past_actions_of_a_coroutine) {
    static char name[] = "after a jump";
    struct coroutine coroutine;
    coroutine_make(&coroutine, protect_a_jump, name);
    while (!coroutine.over) resume(&coroutine, NULL);
    assert_int_equal(coroutine.status, 2 * ARENA_EPANIC);
    assert_string_equal(coroutine.info.message, name);
    coroutine_free(&coroutine);
}

/* Deeper than the panic will reach. */
static __attribute__((noinline)) void jump_past_below(void) {
    volatile char room[32 << 10];
    room[0] = 0;
    jump_past();
    room[1] = room[0];
}

static void jump_past_all(struct coroutine *self) {
    jump_past_below();
    arena_panic(self->user);
}

TEST(a_panic_after_a_jump_in_a_coroutine_aborts) {
    static char name[] = "after the jump";
    struct coroutine coroutine;
    coroutine_make(&coroutine, jump_past_all, name);
    assert_aborts(resume_in_child, &coroutine, "a longjmp left it");
    coroutine_free(&coroutine);
}

/* --- scopes --------------------------------------------------------------------------------------------------------- */

static int dropped[16];
static int drops;

static void note_drop(void *element, void *user) {
    if (drops < 16) dropped[drops] = *(int *)element;
    drops++;
}

static const struct arena_type noted = {"noted", sizeof(int), sizeof(int), note_drop, 0, 0};

struct scoped {
    struct coroutine coroutine;
    struct arena_pool *pool;
    int number;
    bool panics;
};

/* Two scopes with a suspension in each: an execute around a scope of its own. */
static void inner(struct arena *arena, void *user) {
    struct scoped *self = user;
    int number = self->number;
    arena_alloc(arena, &number);
    suspend(&self->coroutine);
    struct arena_pool_scope scope;
    child_check(arena_pool_scope_enter(self->pool, &scope) == ARENA_OK);
    number++;
    arena_alloc(scope.arena, &number);
    suspend(&self->coroutine);
    if (self->panics) arena_panic("inside");
    arena_pool_scope_leave(&scope);
}

static void run_scopes(void *user) {
    struct scoped *self = user;
    (void)!arena_pool_execute(self->pool, inner, self);
}

static void protect_scopes(struct coroutine *coroutine) {
    struct scoped *self = coroutine->user;
    coroutine->status = arena_protect(run_scopes, self);
}

static void make_scoped(struct scoped *scoped, struct arena_pool *pool, int number, bool panics) {
    scoped->pool = pool;
    scoped->number = number;
    scoped->panics = panics;
    coroutine_make(&scoped->coroutine, protect_scopes, scoped);
    drops = 0;
}

static void expect_drops(int first, int second) {
    assert_int_equal(drops, 2);
    assert_int_equal(dropped[0], first);
    assert_int_equal(dropped[1], second);
    drops = 0;
}

/* Scopes are left in the order of their coroutine, however the coroutines take turns; a panic leaves those of its own. */
TEST(scopes_belong_to_their_coroutine) {
    GIVEN(arena_pool, pool, arena_pool_create(&noted, 2, &pool));
    for (int panics = 0; panics < 4; panics++) {
        struct scoped a;
        struct scoped b;
        make_scoped(&a, pool, 10, (panics & 1) != 0);
        make_scoped(&b, pool, 20, (panics & 2) != 0);
        for (int turn = 0; turn < 2; turn++) {
            resume(&a.coroutine, NULL);
            resume(&b.coroutine, NULL);
        }
        assert_int_equal(arena_pool_destroy(pool), ARENA_EBUSY);
        resume(&a.coroutine, NULL);
        expect_drops(11, 10);
        resume(&b.coroutine, NULL);
        expect_drops(21, 20);
        assert_int_equal(a.coroutine.status, a.panics ? ARENA_EPANIC : ARENA_OK);
        assert_int_equal(b.coroutine.status, b.panics ? ARENA_EPANIC : ARENA_OK);
        coroutine_free(&a.coroutine);
        coroutine_free(&b.coroutine);
    }
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

/* One that resumes another from inside its own scopes. */
static void resume_the_other(struct coroutine *self) {
    struct scoped *other = self->user;
    for (int i = 0; i < 3; i++) resume(&other->coroutine, self);
}

TEST(coroutines_switch_among_themselves) {
    struct coroutine outer;
    struct scoped scoped;
    GIVEN(arena_pool, pool, arena_pool_create(&noted, 2, &pool));
    make_scoped(&scoped, pool, 30, true);
    coroutine_make(&outer, resume_the_other, &scoped);
    resume(&outer, NULL);
    assert_true(outer.over && scoped.coroutine.over);
    assert_int_equal(scoped.coroutine.status, ARENA_EPANIC);
    expect_drops(31, 30);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
    coroutine_free(&outer);
    coroutine_free(&scoped.coroutine);
}

TEST(a_coroutine_can_be_thrown_away) {
    struct scoped scoped;
    GIVEN(arena_pool, pool, arena_pool_create(&noted, 2, &pool));
    GIVEN(arena, out, arena_pool_checkout(pool, &out));
    make_scoped(&scoped, pool, 40, false);
    resume(&scoped.coroutine, NULL);
    resume(&scoped.coroutine, NULL);
    coroutine_free(&scoped.coroutine); /* its frames are gone, its scopes are not */
    assert_int_equal(drops, 0);
    arena_fiber_end(&scoped.coroutine.fiber);
    expect_drops(41, 40);
    arena_fiber_end(&scoped.coroutine.fiber); /* which is zero, and nothing is left to do */
    arena_fiber_end(NULL);
    assert_int_equal(drops, 0);
    assert_int_equal(arena_pool_destroy(pool), ARENA_EBUSY); /* what was checked out stays out */
    arena_pool_return(pool, out);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

/* --- threads -------------------------------------------------------------------------------------------------------- */

static void go_on(struct worker *self) {
    struct scoped *scoped = self->user;
    /* So many actions on another thread: the numbers of this one's do not count there. */
    while (!scoped->coroutine.over) resume(&scoped->coroutine, NULL);
}

static void do_nothing(void *user) {}

TEST(a_coroutine_may_go_on_on_another_thread) {
    GIVEN(arena_pool, pool, arena_pool_create(&noted, 2, &pool));
    for (int i = 0; i < 100; i++) assert_int_equal(arena_protect(do_nothing, NULL), ARENA_OK);
    for (int turns = 0; turns < 3; turns++) {
        struct scoped scoped;
        make_scoped(&scoped, pool, 50, true);
        for (int turn = 0; turn < turns; turn++) resume(&scoped.coroutine, NULL);
        worker_run(go_on, &scoped, 0);
        assert_int_equal(scoped.coroutine.status, ARENA_EPANIC);
        expect_drops(51, 50);
        coroutine_free(&scoped.coroutine);
    }
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

struct ending {
    struct scoped scoped;
    struct arena_pool *pool;
    struct arena_pool_scope own;
};

/* The thread begins a scope, and ends inside of a coroutine that has two more. */
static void end_inside(struct worker *self) {
    struct ending *ending = self->user;
    int number = 60;
    self->status = arena_pool_scope_enter(ending->pool, &ending->own);
    arena_alloc(ending->own.arena, &number);
    resume(&ending->scoped.coroutine, NULL);
    resume(&ending->scoped.coroutine, NULL);
    arena_fiber_switch(NULL, &ending->scoped.coroutine.fiber); /* as if it ran */
}

TEST(a_thread_that_ends_leaves_what_runs_and_its_own) {
    struct ending ending;
    struct worker worker;
    assert_int_equal(arena_pool_create(&noted, 2, &ending.pool), ARENA_OK);
    make_scoped(&ending.scoped, ending.pool, 70, false);
    worker = worker_run(end_inside, &ending, 0);
    assert_int_equal(worker.status, ARENA_OK);
    assert_int_equal(drops, 3);
    assert_int_equal(dropped[0], 71);
    assert_int_equal(dropped[1], 70);
    assert_int_equal(dropped[2], 60);
    arena_fiber_end(&ending.scoped.coroutine.fiber); /* nothing runs it, and nothing is left */
    assert_int_equal(arena_pool_destroy(ending.pool), ARENA_OK);
    coroutine_free(&ending.scoped.coroutine);
}

static void suspend_inside(struct worker *self) {
    struct scoped *scoped = self->user;
    resume(&scoped->coroutine, NULL);
    resume(&scoped->coroutine, NULL);
}

TEST(a_suspended_coroutine_outlives_its_thread) {
    struct scoped scoped;
    GIVEN(arena_pool, pool, arena_pool_create(&noted, 2, &pool));
    make_scoped(&scoped, pool, 80, false);
    worker_run(suspend_inside, &scoped, 0);
    assert_int_equal(drops, 0);
    assert_int_equal(arena_pool_destroy(pool), ARENA_EBUSY);
    resume(&scoped.coroutine, NULL);
    assert_true(scoped.coroutine.over);
    expect_drops(81, 80);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
    coroutine_free(&scoped.coroutine);
}

/* --- names and mistakes --------------------------------------------------------------------------------------------- */

/* A thread that calls itself by an arena_fiber of its own. */
TEST(a_thread_may_have_a_name) {
    struct arena_pool_scope scope;
    struct arena_fiber self = {{NULL, NULL}};
    struct arena_fiber other = {{NULL, NULL}};
    GIVEN(arena_pool, pool, arena_pool_create(&noted, 2, &pool));
    assert_int_equal(arena_pool_scope_enter(pool, &scope), ARENA_OK);
    arena_fiber_switch(&self, &other);
    arena_fiber_switch(&other, &self);
    arena_fiber_switch(&self, &self);
    arena_pool_scope_leave(&scope);
    arena_fiber_switch(&self, NULL);
    arena_fiber_switch(NULL, NULL);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

struct mistake {
    struct arena_fiber *from;
    struct arena_fiber *to;
};

static void switch_wrongly(void *user) {
    struct mistake *mistake = user;
    arena_fiber_switch(mistake->from, mistake->to);
}

static void end(void *fiber) { arena_fiber_end(fiber); }

static void switch_in_the_handler(const char *message, void *user) { arena_fiber_switch(NULL, user); }

static void panic_and_switch(void *fiber) {
    arena_set_panic_handler(switch_in_the_handler, fiber);
    arena_panic("first");
}

static void drop_and_switch(void *element, void *fiber) { arena_fiber_switch(NULL, fiber); }
static const struct arena_type switching = {"switching", sizeof(int), sizeof(int), drop_and_switch, 0, 0};

static void drop_at_a_reset(void *fiber) {
    const struct arena_options options = {.struct_size = sizeof options, .drop_user = fiber};
    struct arena *arena;
    child_check(arena_create_with(&switching, 1, &options, &arena) == ARENA_OK);
    (void)arena_alloc(arena, NULL);
    arena_reset(arena);
}

static void alloc_and_panic(struct arena *arena, void *user) {
    (void)arena_alloc(arena, NULL);
    arena_panic("first");
}
static void execute_and_panic(void *pool) { (void)!arena_pool_execute(pool, alloc_and_panic, NULL); }

static void drop_as_a_panic_unwinds(void *fiber) {
    const struct arena_options options = {.struct_size = sizeof options, .drop_user = fiber};
    const struct arena_pool_options pool_options = {.struct_size = sizeof pool_options, .arena_options = &options};
    struct arena_pool *pool;
    child_check(arena_pool_create_with(&switching, 1, &pool_options, &pool) == ARENA_OK);
    (void)!arena_protect(execute_and_panic, pool);
}

/* Where the thread cannot go on with something else. */
TEST(switches_from_inside_a_drop) {
    struct arena_fiber idle = {{NULL, NULL}};
    assert_aborts(drop_at_a_reset, &idle, "arena_fiber_switch: a drop function or a panic's handler is running");
    assert_aborts(drop_as_a_panic_unwinds, &idle,
                  "arena_fiber_switch: a drop function or a panic's handler is running");
}

/* What is suspended is not what runs, whether scopes or actions wait in it. */
TEST(switches_from_what_is_suspended) {
    struct coroutine inside;
    struct arena_fiber scoped = {{NULL, NULL}};
    struct arena_pool_scope scope;
    GIVEN(arena_pool, pool, arena_pool_create(ARENA_TYPE(int), 1, &pool));
    arena_fiber_switch(NULL, &scoped);
    assert_int_equal(arena_pool_scope_enter(pool, &scope), ARENA_OK);
    arena_fiber_switch(&scoped, NULL);
    coroutine_make(&inside, protect_a_suspension, NULL);
    resume(&inside, NULL);
    struct mistake mistakes[] = {{&scoped, NULL}, {&inside.fiber, NULL}};
    for (int i = 0; i < 2; i++) {
        assert_panics(switch_wrongly, &mistakes[i], "arena_fiber_switch: the fiber to be left does not run");
    }
    resume(&inside, NULL);
    assert_int_equal(inside.status, ARENA_OK);
    coroutine_free(&inside);
    arena_fiber_end(&scoped);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

TEST(switches_that_are_wrong) {
    struct arena_fiber running = {{NULL, NULL}};
    struct arena_fiber idle = {{NULL, NULL}};
    struct mistake not_there = {&idle, NULL};
    struct mistake not_the_thread = {NULL, &idle};
    struct mistake twice = {NULL, &running};
    assert_aborts(panic_and_switch, &idle, "arena_fiber_switch: a drop function or a panic's handler is running");

    arena_fiber_switch(NULL, &running);
    assert_panics(switch_wrongly, &not_there, "arena_fiber_switch: the fiber to be left does not run");
    assert_panics(switch_wrongly, &not_the_thread, "arena_fiber_switch: the fiber to be left does not run");
    assert_panics(end, &running, "arena_fiber_end: the fiber runs");
    struct arena_panic_info info;
    assert_int_equal(arena_protect_with(end, &running, &info), ARENA_EPANIC);
    assert_int_equal(info.status, ARENA_EINVAL);

    struct arena_fiber name = {{NULL, NULL}};
    arena_fiber_switch(&running, NULL);
    arena_fiber_switch(&name, &running);
    twice.from = &running;
    twice.to = &running;
    switch_wrongly(&twice); /* to itself: nothing */
    arena_fiber_switch(&running, &name);
    arena_fiber_switch(&name, NULL);
}

struct other_thread {
    struct arena_fiber *fiber;
    char message[256];
};

static void go_on_with_what_runs(struct worker *self) {
    struct other_thread *other = self->user;
    struct mistake mistake = {NULL, other->fiber};
    struct arena_panic_info info;
    self->status = arena_protect_with(switch_wrongly, &mistake, &info);
    snprintf(other->message, sizeof other->message, "%s", info.message);
}

TEST(a_fiber_runs_on_one_thread) {
    struct arena_fiber running = {{NULL, NULL}};
    struct other_thread other = {&running, ""};
    struct worker worker;
    arena_fiber_switch(NULL, &running);
    worker = worker_run(go_on_with_what_runs, &other, 0);
    arena_fiber_switch(&running, NULL);
    assert_int_equal(worker.status, ARENA_EPANIC);
    assert_string_equal(other.message, "arena_fiber_switch: the fiber to go on with runs already");
}

int main(void) { return support_run("coroutines"); }
