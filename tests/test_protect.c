/* SPDX-License-Identifier: MIT */
/* Protected actions: what they say of the panic that ended them, and what is left of them where a longjmp of the
 * program's own went past. */
#include "support.h"

#include <arena/arena.h>

#include <signal.h>

/* --- why ---------------------------------------------------------------------------------------------------------- */

static void panic_with_text(void *text) { arena_panic(text); }
static void panic_as_full(void *text) { arena_panic_with(ARENA_EFULL, text); }
static void panic_as_success(void *text) { arena_panic_with(ARENA_OK, text); }
static void panic_as_unknown(void *text) { arena_panic_with(ARENA_EPANIC - 1, text); }
static void alloc_one(void *arena) { (void)arena_alloc(arena, NULL); }
static void destroy(void *arena) { arena_destroy(arena); }
static void do_nothing(void *user) {}

static void expect(void (*action)(void *user), void *user, int status, const char *text) {
    struct arena_panic_info info;
    memset(&info, 0xa5, sizeof info);
    panics_record();
    int result = arena_protect_with(action, user, &info);
    arena_set_panic_handler(NULL, NULL);
    assert_int_equal(result, ARENA_EPANIC);
    assert_int_equal(info.status, status);
    assert_string_equal(info.message, panic_message());
    assert_non_null(strstr(info.message, text));
}

TEST(a_protected_panic_says_why) {
    static char text[] = "out of luck";
    expect(panic_with_text, text, ARENA_EPANIC, text);
    expect(panic_with_text, NULL, ARENA_EPANIC, "panic");
    expect(panic_as_full, text, ARENA_EFULL, text);
    expect(panic_as_success, text, ARENA_EPANIC, text);
    expect(panic_as_unknown, text, ARENA_EPANIC, text);

    GIVEN(arena, arena, arena_create(ARENA_TYPE(int), 0, &arena));
    expect(alloc_one, arena, ARENA_EFULL, "arena_alloc: ");
    expect(alloc_one, NULL, ARENA_EINVAL, "arena is NULL");
    arena_destroy(arena);

    GIVEN(arena_pool, pool, arena_pool_create(ARENA_TYPE(int), 1, &pool));
    assert_int_equal(arena_pool_checkout(pool, &arena), ARENA_OK);
    expect(destroy, arena, ARENA_EBUSY, "arena_destroy: ");
    arena_pool_return(pool, arena);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

TEST(without_a_panic_there_is_no_reason) {
    struct arena_panic_info info = {ARENA_EFULL, "from before"};
    assert_int_equal(arena_protect_with(do_nothing, NULL, &info), ARENA_OK);
    assert_int_equal(info.status, ARENA_OK);
    assert_string_equal(info.message, "");
    info = (struct arena_panic_info){ARENA_EFULL, "from before"};
    assert_int_equal(arena_protect_with(NULL, NULL, &info), ARENA_EINVAL);
    assert_int_equal(info.status, ARENA_OK);
    assert_string_equal(info.message, "");
    assert_int_equal(arena_protect_with(do_nothing, NULL, NULL), ARENA_OK);
    assert_int_equal(arena_protect_with(panic_with_text, NULL, NULL), ARENA_EPANIC);
}

TEST(a_long_reason_is_cut) {
    static char text[1000];
    memset(text, 'm', sizeof text - 1);
    struct arena_panic_info info;
    assert_int_equal(arena_protect_with(panic_with_text, text, &info), ARENA_EPANIC);
    assert_int_equal(strlen(info.message), sizeof info.message - 1);
    assert_memory_equal(info.message, text, sizeof info.message - 1);
}

/* The innermost action is the one that ends, and the one that is told. */
static void panic_inside_and_outside(void *user) {
    struct arena_panic_info *inner = user;
    (void)!arena_protect_with(panic_as_full, (void *)(uintptr_t) "inside", inner);
    arena_panic("outside");
}

TEST(each_action_has_its_own_reason) {
    struct arena_panic_info inner;
    struct arena_panic_info outer;
    assert_int_equal(arena_protect_with(panic_inside_and_outside, &inner, &outer), ARENA_EPANIC);
    assert_int_equal(inner.status, ARENA_EFULL);
    assert_string_equal(inner.message, "inside");
    assert_int_equal(outer.status, ARENA_EPANIC);
    assert_string_equal(outer.message, "outside");
}

static void panic_with_an_arena_s_text(struct arena *arena, void *user) {
    arena_panic(strcpy(arena_alloc_slab(arena, 32), "kept in the arena"));
}

static void execute(void *pool) { (void)!arena_pool_execute(pool, panic_with_an_arena_s_text, NULL); }

TEST(the_reason_outlives_the_scope_that_held_it) {
    struct arena_panic_info info;
    GIVEN(arena_pool, pool, arena_pool_create(ARENA_TYPE(char), 32, &pool));
    assert_int_equal(arena_protect_with(execute, pool, &info), ARENA_EPANIC);
    assert_string_equal(info.message, "kept in the arena");
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

/* --- the handler that was there before ----------------------------------------------------------------------------- */

static void count(const char *message, void *user) { ++*(int *)user; }

TEST(a_handler_can_be_put_back) {
    int theirs = 0;
    int ours = 0;
    arena_set_panic_handler(count, &theirs);
    struct arena_panic_handler handler = {count, &ours};
    arena_swap_panic_handler(&handler);
    assert_true(handler.handler == count && handler.user == &theirs);
    assert_int_equal(arena_protect(panic_with_text, NULL), ARENA_EPANIC);
    arena_swap_panic_handler(&handler);
    assert_true(handler.handler == count && handler.user == &ours);
    assert_int_equal(arena_protect(panic_with_text, NULL), ARENA_EPANIC);
    assert_int_equal(theirs, 1);
    assert_int_equal(ours, 1);

    handler = (struct arena_panic_handler){NULL, &ours}; /* the default, which has no user */
    arena_swap_panic_handler(&handler);
    assert_ptr_equal(handler.user, &theirs);
    arena_swap_panic_handler(NULL);
    arena_swap_panic_handler(&handler);
    assert_true(handler.handler == NULL && handler.user == NULL);
    arena_set_panic_handler(NULL, NULL);
}

TEST(sizes_are_those_of_the_structs) {
    assert_int_equal(arena_panic_info_size(), sizeof(struct arena_panic_info));
    assert_int_equal(arena_panic_info_size(), 256);
    assert_int_equal(arena_panic_handler_size(), sizeof(struct arena_panic_handler));
    assert_int_equal(arena_fiber_size(), 2 * sizeof(void *));
}

/* --- jumps past arena_protect --------------------------------------------------------------------------------------- */

#define APART __attribute__((noinline))

static jmp_buf ways[2];
static void jump_out(void *way) { longjmp(*(jmp_buf *)way, 1); }

/* Leaves a frame of arena_protect behind, `depth` bytes below the caller. */
static APART void leave_behind(size_t depth) {
    volatile char room[64 + 1024];
    room[0] = (char)depth;
    if (depth > 0) {
        leave_behind(depth > sizeof room ? depth - sizeof room : 0);
        room[1] = room[0];
        return;
    }
    if (setjmp(ways[0]) == 0) (void)!arena_protect(jump_out, &ways[0]);
    room[1] = room[0];
}

/* Writes over what lies below the caller. */
static APART void write_over(int with) {
    volatile char room[8192];
    for (size_t i = 0; i < sizeof room; i++) room[i] = (char)with;
}

/* Runs the action with the stack below the caller as it was: a hole in which everything that lay there still lies. */
static APART void call_from_below(void (*action)(void *user), void *user) {
    volatile char hole[4096];
    hole[0] = 0;
    hole[sizeof hole - 1] = 0;
    action(user);
    hole[1] = hole[0];
}

enum { AS_IT_WAS = -1 };

struct jump {
    size_t depth;
    int over; /* a byte to write over the stack with, or AS_IT_WAS */
    bool below;
};

static const struct jump jumps[] = {
    {0, AS_IT_WAS, false},    {0, 0, false},    {0, 0xff, false},    {0, AS_IT_WAS, true},    {0, 0, true},
    {3000, AS_IT_WAS, false}, {3000, 0, false}, {3000, 0xff, false}, {3000, AS_IT_WAS, true}, {3000, 0x5a, true},
};
enum { JUMPS = sizeof jumps / sizeof jumps[0] };

static APART void jump_past_and(const struct jump *jump, void (*action)(void *user), void *user) {
    leave_behind(jump->depth);
    if (jump->over != AS_IT_WAS) write_over(jump->over);
    if (jump->below) {
        call_from_below(action, user);
    } else {
        action(user);
    }
}

static void jump_past_and_panic(void *jump) {
    static char text[] = "after the jump";
    jump_past_and(jump, panic_with_text, text);
}

static void jump_past_and_overfill(void *jump) {
    struct arena *arena = NULL;
    if (arena_create(ARENA_TYPE(int), 0, &arena) == ARENA_OK) jump_past_and(jump, alloc_one, arena);
}

/* There is nothing left to end: the process does, by a diagnosis. */
TEST(a_panic_after_a_jump_aborts) {
    for (size_t i = 0; i < JUMPS; i++) {
        static struct child child;
        struct jump jump = jumps[i];
        child_run(&child, jump_past_and_panic, &jump);
        assert_true(child_aborted(&child));
        assert_non_null(strstr(child.output, "libarena: panic: after the jump\n"));
        child_run(&child, jump_past_and_overfill, &jump);
        assert_true(child_aborted(&child));
        assert_non_null(strstr(child.output, "is full"));
    }
}

/* At the place of the jump, where nothing can be mistaken for the frame, the diagnosis says what became of it. */
TEST(the_diagnosis_names_the_jump) {
    static struct child child;
    struct jump jump = {3000, AS_IT_WAS, false};
    child_run(&child, jump_past_and_panic, &jump);
    assert_true(child_aborted(&child));
    assert_non_null(strstr(child.output, "a longjmp left it"));
}

TEST(an_outer_action_ends_after_a_jump) {
    for (size_t i = 0; i < JUMPS; i++) {
        struct jump jump = jumps[i];
        struct arena_panic_info info;
        assert_int_equal(arena_protect_with(jump_past_and_panic, &jump, &info), ARENA_EPANIC);
        assert_string_equal(info.message, "after the jump");
    }
}

static void protect_and_panic(void *user) {
    int *caught = user;
    *caught += arena_protect(panic_with_text, NULL) == ARENA_EPANIC;
}

static void jump_past_and_protect(void *user) {
    static char text[] = "outside again";
    int caught = 0;
    for (size_t i = 0; i < JUMPS; i++) {
        jump_past_and(&jumps[i], protect_and_panic, &caught);
        jump_past_and(&jumps[i], protect_and_panic, &caught);
    }
    *(int *)user = caught;
    arena_panic(text);
}

TEST(actions_begun_after_a_jump_are_protected) {
    int caught = 0;
    struct arena_panic_info info;
    assert_int_equal(arena_protect_with(jump_past_and_protect, &caught, &info), ARENA_EPANIC);
    assert_int_equal(caught, 2 * JUMPS);
    assert_string_equal(info.message, "outside again");
}

/* So many small frames below the caller. */
static APART void protect_below(int frames, int *caught) {
    volatile char room = 0;
    if (frames == 0) {
        protect_and_panic(caught);
    } else {
        protect_below(frames - 1, caught);
    }
    room++;
}

/* At every distance from a frame that was left: also over parts of it. */
TEST(actions_begun_over_what_a_jump_left) {
    for (int frames = 0; frames < 100; frames++) {
        int caught = 0;
        leave_behind(0);
        protect_below(frames, &caught);
        assert_int_equal(caught, 1);
    }
}

/* Past two actions at once, and between two. */
static void protect_the_jump(void *way) { (void)!arena_protect(jump_out, way); }

static APART void jump_past_two(void *user) {
    if (setjmp(ways[0]) == 0) (void)!arena_protect(protect_the_jump, &ways[0]);
    arena_panic(user);
}

static APART void jump_inside(void *user) {
    if (setjmp(ways[1]) == 0) (void)!arena_protect(jump_out, &ways[1]);
    arena_panic(user);
}

static void protect_jump_inside(void *user) {
    struct arena_panic_info inner;
    if (arena_protect_with(jump_inside, user, &inner) == ARENA_EPANIC) arena_panic(inner.message);
}

TEST(jumps_past_some_of_several_actions) {
    static char text[] = "behind";
    struct arena_panic_info info;
    assert_int_equal(arena_protect_with(jump_past_two, text, &info), ARENA_EPANIC);
    assert_string_equal(info.message, text);
    assert_int_equal(arena_protect_with(protect_jump_inside, text, &info), ARENA_EPANIC);
    assert_string_equal(info.message, text);
}

/* Scopes that were left so are those of the action outside. */
static void enter_and_jump(void *pool) {
    ARENA_POOL_SCOPE(pool, arena) {
        (void)arena_alloc(arena, NULL);
        longjmp(ways[0], 1);
    }
}

static APART void jump_out_of_a_scope_and_panic(void *pool) {
    if (setjmp(ways[0]) == 0) (void)!arena_protect(enter_and_jump, pool);
    if (arena_pool_destroy(pool) == ARENA_EBUSY) arena_panic("it is still out");
}

TEST(a_panic_leaves_the_scopes_that_a_jump_left) {
    struct arena_panic_info info;
    GIVEN(arena_pool, pool, arena_pool_create(ARENA_TYPE(int), 1, &pool));
    assert_int_equal(arena_protect_with(jump_out_of_a_scope_and_panic, pool, &info), ARENA_EPANIC);
    assert_string_equal(info.message, "it is still out");
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

/* A loop that jumps out each time, as an interpreter does. */
static APART void jump_once(void) {
    if (setjmp(ways[0]) == 0) (void)!arena_protect(jump_out, &ways[0]);
}

static void jump_often(void *user) {
    for (int i = 0; i < 10000; i++) {
        jump_once();
        if (i % 1000 == 0) protect_and_panic(user);
    }
    arena_panic("enough");
}

TEST(jumps_can_be_many) {
    int caught = 0;
    struct arena_panic_info info;
    assert_int_equal(arena_protect_with(jump_often, &caught, &info), ARENA_EPANIC);
    assert_int_equal(caught, 10);
    assert_string_equal(info.message, "enough");
}

/* A panic from deep inside finds its way. */
static APART void go_down(int levels, struct arena *arena) {
    volatile char room[300];
    room[0] = (char)levels;
    if (levels > 0) {
        go_down(levels - 1, arena);
    } else {
        alloc_one(arena);
    }
    room[1] = room[0];
}

static void go_deep(void *arena) { go_down(1000, arena); }

TEST(panics_from_deep_inside) {
    struct arena_panic_info info;
    GIVEN(arena, arena, arena_create(ARENA_TYPE(int), 0, &arena));
    assert_int_equal(arena_protect_with(go_deep, arena, &info), ARENA_EPANIC);
    assert_int_equal(info.status, ARENA_EFULL);
    arena_destroy(arena);
}

static void go_very_deep(void *user) {
    static char text[] = "behind";
    protect_below(12000, user);
    arena_panic(text);
}

/* So deep that nobody looks all the way down: what lies there lives. */
TEST(actions_begun_very_deep_inside) {
    int caught = 0;
    assert_int_equal(arena_protect(go_very_deep, &caught), ARENA_EPANIC);
    assert_int_equal(caught, 1);
}

static int caught_in_handler;
static void protect_in_handler(int number) { protect_and_panic(&caught_in_handler); }

static void jump_and_be_interrupted(struct worker *self) {
    stack_t stack = {.ss_sp = self->user, .ss_size = 1 << 17};
    struct sigaction action = {.sa_handler = protect_in_handler, .sa_flags = SA_ONSTACK};
    self->status = sigaltstack(&stack, NULL) != 0 || sigaction(SIGUSR1, &action, NULL) != 0;
    leave_behind(0);
    (void)raise(SIGUSR1);
    protect_and_panic(&caught_in_handler);
    stack.ss_flags = SS_DISABLE;
    (void)sigaltstack(&stack, NULL);
}

/* Whose stack, here in that of the main thread, lies above that of the thread that it interrupts. */
TEST(a_signal_handler_protects_beside_a_jump) {
    char stack[1 << 17];
    if (support_checked()) skip(); /* Valgrind takes a stack inside of another one for that */
    struct worker worker = worker_run(jump_and_be_interrupted, stack, 0);
    assert_int_equal(worker.status, 0);
    assert_int_equal(caught_in_handler, 2);
    (void)signal(SIGUSR1, SIG_DFL);
}

int main(void) { return support_run("protected actions"); }
