/* SPDX-License-Identifier: MIT */
/* Status codes, version, and panics: who sees them, what they end, and what they must not end. */
#include "support.h"

#include <arena/arena.h>

/* --- status and version ------------------------------------------------------------------------------------------- */

TEST(statuses_have_their_published_values) {
    assert_int_equal(ARENA_OK, 0);
    assert_int_equal(ARENA_EINVAL, -1);
    assert_int_equal(ARENA_ENOMEM, -2);
    assert_int_equal(ARENA_EFULL, -3);
    assert_int_equal(ARENA_ECANCELED, -4);
    assert_int_equal(ARENA_ETIMEDOUT, -5);
    assert_int_equal(ARENA_ENOARENA, -6);
    assert_int_equal(ARENA_EBUSY, -7);
    assert_int_equal(ARENA_EPANIC, -8);
}

/* Each text is that of its status: README.md shows two, and programs print them. */
TEST(strerror_says_what_the_status_means) {
    static const struct {
        int status;
        const char *text;
    } texts[] = {
        {ARENA_OK, "success"},
        {ARENA_EINVAL, "invalid argument"},
        {ARENA_ENOMEM, "out of memory"},
        {ARENA_EFULL, "full"},
        {ARENA_ECANCELED, "canceled"},
        {ARENA_ETIMEDOUT, "deadline exceeded"},
        {ARENA_ENOARENA, "no arena of that type in the context"},
        {ARENA_EBUSY, "busy"},
        {ARENA_EPANIC, "ended by a panic"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_string_equal(arena_strerror(texts[i].status), texts[i].text);
    }
}

TEST(strerror_answers_for_numbers_that_are_no_status) {
    static const int numbers[] = {1, 2, 8, -9, -10, -1000, INT_MIN, INT_MIN + 1, INT_MAX};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        const char *text = arena_strerror(numbers[i]);
        assert_non_null(text);
        assert_true(strlen(text) > 1);
        for (int status = ARENA_EPANIC; status <= ARENA_OK; status++) {
            assert_string_not_equal(text, arena_strerror(status));
        }
    }
}

TEST(version_is_packed_and_is_the_header_s) {
    assert_int_equal(arena_version(), ARENA_VERSION);
    assert_int_equal(arena_version() >> 16, ARENA_VERSION_MAJOR);
    assert_int_equal((arena_version() >> 8) & 0xff, ARENA_VERSION_MINOR);
    assert_int_equal(arena_version() & 0xff, ARENA_VERSION_PATCH);
    char text[64];
    snprintf(text, sizeof text, "%d.%d.%d", ARENA_VERSION_MAJOR, ARENA_VERSION_MINOR, ARENA_VERSION_PATCH);
    assert_string_equal(text, ARENA_VERSION_STRING);
}

/* --- the handler -------------------------------------------------------------------------------------------------- */

static void panic_plain(void *user) { arena_panic(user); }

TEST(unprotected_panic_writes_one_line_and_aborts) {
    static struct child child;
    static char message[] = "the sky fell";
    child_run(&child, panic_plain, message);
    assert_true(child_aborted(&child));
    assert_non_null(strstr(child.output, message));
    char *newline = strchr(child.output, '\n');
    assert_non_null(newline);
    assert_true(newline[1] == '\0');
}

static void survive_three(void *message) {
    for (int i = 0; i < 3; i++) child_check(arena_protect(panic_plain, message) == ARENA_EPANIC);
}

static void survive_three_and_panic(void *message) {
    survive_three(message);
    arena_panic("it pours");
}

/* Who is reached by what others send must not write a line for each. */
TEST(default_handler_leaves_alone_what_is_caught) {
    static struct child child;
    static char message[] = "it rains";
    child_run(&child, survive_three, message);
    assert_true(child_exited(&child, 0));
    assert_string_equal(child.output, "");
    child_run(&child, survive_three_and_panic, message);
    assert_true(child_aborted(&child));
    assert_string_equal(child.output, "libarena: panic: it pours\n");
}

TEST(default_handler_prints_the_message_as_it_is) {
    static char message[] = "100%s of %n and %%";
    assert_aborts(panic_plain, message, message);
}

TEST(default_handler_cuts_a_long_message) {
    static char message[5000];
    memset(message, 'm', sizeof message - 1);
    static struct child child;
    child_run(&child, panic_plain, message);
    assert_true(child_aborted(&child));
    char *newline = strchr(child.output, '\n');
    assert_non_null(newline);
    assert_true(newline[1] == '\0');
    message[255] = '\0'; /* what a panic of the library may say is there to its end */
    assert_non_null(strstr(child.output, message));
    assert_true(child.length < 1000);
}

TEST(null_message_reads_panic) {
    panics_record();
    assert_int_equal(arena_protect(panic_plain, NULL), ARENA_EPANIC);
    assert_string_equal(panic_message(), "panic");
    arena_set_panic_handler(NULL, NULL);
    assert_aborts(panic_plain, NULL, "panic");
}

struct seen {
    char message[64];
    void *user;
    int calls;
    int order; /* of the handler, among the events below */
};

static int events;

static void see(const char *message, void *user) {
    struct seen *seen = user;
    snprintf(seen->message, sizeof seen->message, "%s", message);
    seen->user = user;
    seen->calls++;
    seen->order = ++events;
}

static void *noted_user = &events;

static void note_user(const char *message, void *user) {
    (void)message;
    noted_user = user;
}

TEST(handler_gets_the_message_and_its_user) {
    struct seen seen = {.calls = 0};
    static char message[] = "exactly this";
    arena_set_panic_handler(see, &seen);
    assert_int_equal(arena_protect(panic_plain, message), ARENA_EPANIC);
    assert_string_equal(seen.message, message);
    assert_ptr_equal(seen.user, &seen);
    assert_int_equal(seen.calls, 1);
    arena_set_panic_handler(note_user, NULL); /* its own user, not that of the one before */
    assert_int_equal(arena_protect(panic_plain, message), ARENA_EPANIC);
    arena_set_panic_handler(NULL, NULL);
    assert_null(noted_user);
}

static void note_message(const char *message, void *user) { *(char **)user = strdup(message); }

/* Also one of nothing, and one that is longer than what the library itself has to say. */
TEST(handler_gets_every_message_whole) {
    static char message[100001];
    memset(message, 'm', sizeof message - 1);
    static const size_t lengths[] = {0, 1, 254, 255, 256, 319, 320, 5000, 100000};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        char *noted = NULL;
        message[lengths[i]] = '\0';
        arena_set_panic_handler(note_message, &noted);
        assert_int_equal(arena_protect(panic_plain, message), ARENA_EPANIC);
        arena_set_panic_handler(NULL, NULL);
        assert_non_null(noted);
        assert_string_equal(noted, message);
        free(noted);
        message[lengths[i]] = 'm';
    }
}

static void add_one(void *user) { ++*(int *)user; }

static void protect_in_handler(const char *message, void *user) {
    (void)message;
    if (arena_protect(add_one, user) != ARENA_OK) *(int *)user = -100;
}

TEST(handler_may_protect_an_action) {
    int calls = 0;
    arena_set_panic_handler(protect_in_handler, &calls);
    for (int i = 0; i < 2; i++) assert_int_equal(arena_protect(panic_plain, NULL), ARENA_EPANIC);
    arena_set_panic_handler(NULL, NULL);
    assert_int_equal(calls, 2);
}

static int dropped_order;

static void note_drop(void *element, void *user) { dropped_order = ++events; }

static void alloc_and_panic(struct arena *arena, void *user) {
    arena_alloc(arena, NULL);
    arena_panic("inside");
}

struct execution {
    struct arena_pool *pool;
    void (*action)(struct arena *arena, void *user);
    void *user;
    int status;
};

static void execute(void *user) {
    struct execution *execution = user;
    execution->status = arena_pool_execute(execution->pool, execution->action, execution->user);
}

TEST(handler_runs_before_anything_is_unwound) {
    const struct arena_type type = {"noted", 8, 8, note_drop};
    struct execution execution = {.action = alloc_and_panic};
    assert_int_equal(arena_pool_create(&type, 4, &execution.pool), ARENA_OK);
    struct seen seen = {.calls = 0};
    events = 0;
    arena_set_panic_handler(see, &seen);
    assert_int_equal(arena_protect(execute, &execution), ARENA_EPANIC);
    arena_set_panic_handler(NULL, NULL);
    assert_int_equal(seen.order, 1);
    assert_int_equal(dropped_order, 2);
    assert_int_equal(events, 2);
    assert_int_equal(arena_pool_destroy(execution.pool), ARENA_OK);
}

static void say_and_return(const char *message, void *user) {
    fprintf(stderr, "handler %s: %s\n", (char *)user, message);
}

static void panic_under_own_handler(void *user) {
    static char name[] = "mine";
    arena_set_panic_handler(say_and_return, name);
    arena_panic("over");
}

TEST(unprotected_panic_aborts_after_the_handler_returned) {
    static struct child child;
    child_run(&child, panic_under_own_handler, NULL);
    assert_true(child_aborted(&child));
    assert_string_equal(child.output, "handler mine: over\n"); /* the default's line is not written */
}

static void panic_after_restoring(void *user) {
    static char name[] = "gone";
    arena_set_panic_handler(say_and_return, name);
    arena_set_panic_handler(NULL, user);
    arena_panic("default again");
}

TEST(null_restores_the_default_handler) {
    static struct child child;
    child_run(&child, panic_after_restoring, NULL);
    assert_true(child_aborted(&child));
    assert_non_null(strstr(child.output, "default again"));
    assert_null(strstr(child.output, "gone"));
}

static void panic_handler_itself(const char *message, void *user) {
    (void)message;
    arena_panic("second, from the handler");
}

static void panic_protected_with_panicking_handler(void *user) {
    arena_set_panic_handler(panic_handler_itself, NULL);
    (void)!arena_protect(panic_plain, user);
}

TEST(panic_from_the_handler_aborts_even_when_protected) {
    static struct child child;
    static char message[] = "first";
    child_run(&child, panic_protected_with_panicking_handler, message);
    assert_true(child_aborted(&child));
    assert_non_null(strstr(child.output, "second, from the handler")); /* which no handler saw */
}

/* Two handlers, each with its own user: a handler must never be seen with the other's. */
struct pair {
    int mixed; /* atomic */
    int stop;  /* atomic */
    int first; /* what `user` points to */
    int second;
};
static struct pair pair;

static void first_handler(const char *message, void *user) {
    (void)message;
    if (user != &pair.first) flag_set(&pair.mixed, 1);
}

static void second_handler(const char *message, void *user) {
    (void)message;
    if (user != &pair.second) flag_set(&pair.mixed, 1);
}

static void keep_panicking(struct worker *self) {
    while (!flag_get(&pair.stop)) {
        if (arena_protect(panic_plain, NULL) != ARENA_EPANIC) self->status = 1;
        self->count++;
        flag_set(&self->reached, self->count > 100 ? 100 : (int)self->count);
    }
}

TEST(handler_and_user_change_together) {
    struct worker workers[2];
    memset(&pair, 0, sizeof pair);
    arena_set_panic_handler(first_handler, &pair.first);
    for (unsigned i = 0; i < 2; i++) worker_start(&workers[i], keep_panicking, NULL, i);
    size_t rounds = support_rounds(20000, 500);
    for (size_t i = 0; i < rounds; i++) {
        arena_set_panic_handler(second_handler, &pair.second);
        arena_set_panic_handler(first_handler, &pair.first);
    }
    AWAIT(flag_get(&workers[0].reached) >= 100 && flag_get(&workers[1].reached) >= 100);
    flag_set(&pair.stop, 1);
    workers_join(workers, 2);
    arena_set_panic_handler(NULL, NULL);
    assert_int_equal(pair.mixed, 0);
    assert_int_equal(workers[0].status + workers[1].status, 0);
}

static struct {
    int first_inside; /* flags */
    int second_over;
    bool kept;
} beside;

static void look_again_later(const char *message, void *user) {
    if (strstr(message, "arena of first ") == NULL) return;
    flag_set(&beside.first_inside, 1);
    flag_wait(&beside.second_over, 1);
    beside.kept = strstr(message, "arena of first ") != NULL;
}

static void take_from_full(void *user) { (void)arena_alloc(user, NULL); }
static void overfill_first(struct worker *self) { self->status = arena_protect(take_from_full, self->user); }

/* A message is valid until its handler returns, also where another thread panics meanwhile. */
TEST(each_panic_has_a_message_of_its_own) {
    GIVEN(arena, first, arena_create(&(const struct arena_type){"first", 1, 1, NULL}, 0, &first));
    GIVEN(arena, second, arena_create(&(const struct arena_type){"second", 1, 1, NULL}, 0, &second));
    memset(&beside, 0, sizeof beside);
    struct worker worker;
    arena_set_panic_handler(look_again_later, NULL);
    worker_start(&worker, overfill_first, first, 0);
    bool inside = flag_wait(&beside.first_inside, 1);
    int status = arena_protect(take_from_full, second);
    flag_set(&beside.second_over, 1);
    worker_join(&worker);
    arena_set_panic_handler(NULL, NULL);
    assert_true(inside && beside.kept);
    assert_int_equal(status, ARENA_EPANIC);
    assert_int_equal(worker.status, ARENA_EPANIC);
    arena_destroy(first);
    arena_destroy(second);
}

static void replace_itself(const char *message, void *user) {
    (void)message;
    ++*(int *)user;
    arena_set_panic_handler(NULL, NULL);
}

/* The library holds no lock while a handler runs; and the next panic is told to the one that was set. */
TEST(handler_may_replace_itself) {
    int calls = 0;
    arena_set_panic_handler(replace_itself, &calls);
    assert_int_equal(arena_protect(panic_plain, NULL), ARENA_EPANIC);
    assert_int_equal(calls, 1);
    assert_int_equal(arena_protect(panic_plain, NULL), ARENA_EPANIC);
    assert_int_equal(calls, 1);
}

static int cancel_state(int wanted) {
    int before = -1;
    assert_int_equal(pthread_setcancelstate(wanted, &before), 0);
    return before;
}

static void drop_nothing(void *element, void *user) { (void)element, (void)user; }

/* Handlers and drops run with cancellation held back, and only they do. */
TEST(panics_and_drops_leave_the_cancel_state_as_it_was) {
    static const int states[] = {PTHREAD_CANCEL_DISABLE, PTHREAD_CANCEL_ENABLE};
    const struct arena_type type = {"dropped", sizeof(int), _Alignof(int), drop_nothing};
    struct arena_pool_scope scope = {NULL};
    int calls = 0;
    GIVEN(arena, arena, arena_create(&type, 1, &arena));
    GIVEN(arena_pool, pool, arena_pool_create(&type, 1, &pool));
    for (int i = 0; i < 4; i++) {
        if (i == 2) assert_int_equal(arena_pool_scope_enter(pool, &scope), ARENA_OK); /* around what panics */
        (void)cancel_state(states[i % 2]);
        arena_set_panic_handler(replace_itself, &calls);
        assert_int_equal(arena_protect(panic_plain, NULL), ARENA_EPANIC);
        assert_int_equal(cancel_state(states[i % 2]), states[i % 2]);
        (void)arena_alloc(arena, NULL);
        arena_reset(arena);
        assert_int_equal(cancel_state(states[i % 2]), states[i % 2]);
    }
    arena_pool_scope_leave(&scope);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
    arena_destroy(arena);
}

static void stop_here(const char *message, void *user) {
    (void)message;
    pthread_testcancel();
    flag_add(user, 1);
}

static void panic_while_cancelled(struct worker *self) {
    (void)pthread_cancel(pthread_self());
    self->status = arena_protect(panic_plain, NULL);
    pthread_testcancel();
    self->count = 1;
}

/* The handler prints, as a rule, which would end the thread in the middle of the panic. */
TEST(cancellation_waits_for_the_handler) {
    if (!support_cancellable()) skip();
    int calls = 0;
    arena_set_panic_handler(stop_here, &calls);
    struct worker worker = worker_run(panic_while_cancelled, NULL, 0);
    arena_set_panic_handler(NULL, NULL);
    assert_int_equal(calls, 1);
    assert_int_equal(worker.status, ARENA_EPANIC);
    assert_true(worker.cancelled && worker.count == 0); /* but put off */
}

/* --- arena_protect ------------------------------------------------------------------------------------------------ */

static void count_call(void *user) { ++*(int *)user; }

TEST(protect_without_action_is_invalid) { assert_int_equal(arena_protect(NULL, NULL), ARENA_EINVAL); }

struct nest {
    int inner_status;
    bool after_inner;
    bool panic_again;
};

static void nest_protect(void *user) {
    struct nest *nest = user;
    nest->inner_status = arena_protect(panic_plain, NULL);
    nest->after_inner = true;
    if (nest->panic_again) arena_panic("outer");
}

TEST(protect_nests_and_the_innermost_ends) {
    panics_record();
    struct nest nest = {.panic_again = false};
    assert_int_equal(arena_protect(nest_protect, &nest), ARENA_OK);
    assert_int_equal(nest.inner_status, ARENA_EPANIC);
    assert_true(nest.after_inner);
    nest.panic_again = true;
    assert_int_equal(arena_protect(nest_protect, &nest), ARENA_EPANIC);
    assert_int_equal(panic_count(), 3);
    assert_string_equal(panic_message(), "outer");
    arena_set_panic_handler(NULL, NULL);
}

static void panic_after_protect(void *user) {
    int calls = 0;
    (void)!arena_protect(count_call, &calls);
    arena_panic("no longer protected");
}

TEST(protection_ends_with_the_action) { assert_aborts(panic_after_protect, NULL, "no longer protected"); }

static void panic_own_message(struct worker *self) {
    char text[32];
    for (unsigned i = 0; i < 200; i++) {
        snprintf(text, sizeof text, "thread %u panic %u", self->index, i);
        if (arena_protect(panic_plain, text) != ARENA_EPANIC || strcmp(panic_message(), text) != 0) self->status = 1;
    }
}

TEST(each_thread_has_its_own_protection) {
    panics_record();
    struct worker workers[8];
    for (unsigned i = 0; i < 8; i++) worker_start(&workers[i], panic_own_message, NULL, i);
    workers_join(workers, 8);
    arena_set_panic_handler(NULL, NULL);
    assert_int_equal(panic_count(), 8 * 200);
    for (unsigned i = 0; i < 8; i++) assert_int_equal(workers[i].status, 0);
}

static void panic_in_thread(struct worker *self) { arena_panic("on a thread of its own"); }

static void start_panicking_thread(void *user) { worker_run(panic_in_thread, NULL, 0); }

static void protect_here_and_panic_elsewhere(void *user) { (void)!arena_protect(start_panicking_thread, NULL); }

TEST(protection_of_one_thread_does_not_cover_another) {
    assert_aborts(protect_here_and_panic_elsewhere, NULL, "on a thread of its own");
}

/* --- unwinding of scopes ------------------------------------------------------------------------------------------ */

/* Elements are levels; the drop writes them down. */
static int drops[16];
static size_t drop_count;

static void note_level(void *element, void *user) {
    if (drop_count < 16) drops[drop_count] = *(int *)element;
    drop_count++;
}

static struct arena_pool *level_pool(void) {
    const struct arena_type type = {"level", sizeof(int), _Alignof(int), note_level};
    GIVEN(arena_pool, pool, arena_pool_create(&type, 4, &pool));
    drop_count = 0;
    return pool;
}

static void panic_between_pools(struct arena *arena, void *user) {
    struct arena_pool **pools = user;
    int level = 1;
    arena_alloc(arena, &level);
    struct arena *other = NULL;
    if (arena_pool_checkout(pools[1], &other) != ARENA_OK) return;
    pools[2] = (struct arena_pool *)(void *)other;
    arena_panic("with a plain checkout open");
}

static void execute_two_pools(void *user) {
    struct arena_pool **pools = user;
    (void)!arena_pool_execute(pools[0], panic_between_pools, pools);
}

TEST(plain_checkouts_stay_the_callers_after_a_panic) {
    struct arena_pool *pools[3] = {level_pool(), level_pool(), NULL};
    assert_panics(execute_two_pools, pools, "with a plain checkout open");
    assert_int_equal(arena_pool_destroy(pools[0]), ARENA_OK);
    assert_int_equal(arena_pool_destroy(pools[1]), ARENA_EBUSY);
    arena_pool_return(pools[1], (struct arena *)(void *)pools[2]);
    assert_int_equal(arena_pool_destroy(pools[1]), ARENA_OK);
}

/* --- panics that cannot be caught --------------------------------------------------------------------------------- */

static void panic_in_drop(void *element, void *user) { arena_panic("from drop"); }

static struct arena *arena_with_panicking_drop(void) {
    const struct arena_type type = {"explosive", 8, 8, panic_in_drop};
    struct arena *arena = NULL;
    if (arena_create(&type, 2, &arena) != ARENA_OK) _exit(2);
    arena_alloc(arena, NULL);
    return arena;
}

static void reset_it(void *user) { arena_reset(user); }

static void destroy_it(void *user) { arena_destroy(user); }

static void reset_explosive_protected(void *user) { (void)!arena_protect(reset_it, arena_with_panicking_drop()); }

static void destroy_explosive_protected(void *user) { (void)!arena_protect(destroy_it, arena_with_panicking_drop()); }

static void reset_explosive_under_own_handler(void *user) {
    static char name[] = "mine";
    arena_set_panic_handler(say_and_return, name);
    reset_explosive_protected(user);
}

TEST(panic_from_drop_aborts_even_when_protected) {
    assert_aborts(reset_explosive_protected, NULL, "drop");
    assert_aborts(destroy_explosive_protected, NULL, "drop");
    assert_aborts(reset_explosive_under_own_handler, NULL, "handler mine: from drop"); /* which sees every panic */
}

/* Each place in which elements are dropped, in each kind of arena. */
enum dropping {
    RETURN,
    LEAVE,
    EXECUTE,
    RESET,
    RESET_UNDER_CONTEXT,
    RESET_HELD,
    DESTROY,
    ANY_RESET,
    ANY_DESTROY,
    DROPPINGS
};

static void alloc_and_end(struct arena *arena, void *user) { arena_alloc(arena, NULL); }

static void drop_somewhere(void *user) {
    const enum dropping place = *(const enum dropping *)user;
    const struct arena_type type = {"explosive", 8, 8, panic_in_drop};
    struct arena_pool *pool = NULL;
    struct arena_pool_scope scope;
    struct arena_concurrent *concurrent = NULL;
    struct arena *arena = NULL;
    const bool any = place == ANY_RESET || place == ANY_DESTROY;
    child_check(arena_pool_create(&type, 2, &pool) == ARENA_OK);
    child_check(arena_concurrent_create(&type, 2, &concurrent) == ARENA_OK);
    if (any) child_check(arena_create(arena_type_any(), 2, &arena) == ARENA_OK);
    if (any) arena_alloc_any(arena, &type, NULL);
    if (!any) arena_concurrent_alloc(concurrent, NULL);
    switch (place) {
    case RETURN:
        child_check(arena_pool_checkout(pool, &arena) == ARENA_OK);
        arena_alloc(arena, NULL);
        arena_pool_return(pool, arena);
        break;
    case LEAVE:
        child_check(arena_pool_scope_enter(pool, &scope) == ARENA_OK);
        arena_alloc(scope.arena, NULL);
        arena_pool_scope_leave(&scope);
        break;
    case EXECUTE:
        (void)!arena_pool_execute(pool, alloc_and_end, NULL);
        break;
    case RESET:
        arena_concurrent_reset(concurrent);
        break;
    case RESET_UNDER_CONTEXT:
        (void)!arena_concurrent_reset_context(concurrent, NULL);
        break;
    case RESET_HELD:
        child_check(arena_concurrent_acquire(concurrent, NULL, &arena) == ARENA_OK);
        arena_reset(arena);
        break;
    case DESTROY:
        arena_concurrent_destroy(concurrent);
        break;
    case ANY_RESET:
        arena_reset(arena);
        break;
    case ANY_DESTROY:
    default:
        arena_destroy(arena);
        break;
    }
}

static void drop_somewhere_protected(void *user) { (void)!arena_protect(drop_somewhere, user); }

TEST(panic_from_any_drop_aborts_even_when_protected) {
    for (int place = 0; place < DROPPINGS; place++) {
        enum dropping dropping = (enum dropping)place;
        assert_aborts(drop_somewhere_protected, &dropping, "from drop");
    }
}

static void unwind_into_panicking_drop(void *user) {
    const struct arena_type type = {"explosive", 8, 8, panic_in_drop};
    struct execution execution = {.action = alloc_and_panic};
    if (arena_pool_create(&type, 2, &execution.pool) != ARENA_OK) _exit(2);
    (void)!arena_protect(execute, &execution);
}

static void unwind_into_panicking_drop_under_own_handler(void *user) {
    static char name[] = "mine";
    arena_set_panic_handler(say_and_return, name);
    unwind_into_panicking_drop(user);
}

TEST(panic_while_another_unwinds_aborts) {
    assert_aborts(unwind_into_panicking_drop, NULL, "drop");
    assert_aborts(unwind_into_panicking_drop_under_own_handler, NULL,
                  "handler mine: from drop"); /* which sees every panic */
}

static void protected_panic(void *element, void *user) {
    int *status = *(int **)element;
    *status = arena_protect(panic_plain, NULL);
}

static void protect_inside_drop(void *user) {
    const struct arena_type type = {"careful", sizeof(int *), _Alignof(int *), protected_panic};
    struct arena *arena = NULL;
    if (arena_create(&type, 2, &arena) != ARENA_OK) _exit(2);
    int status = 1;
    int *pointer = &status;
    arena_alloc(arena, &pointer);
    arena_reset(arena);
    _exit(3); /* the panic went no further than the protection inside drop */
}

static void protect_inside_and_around_drop(void *user) { (void)!arena_protect(protect_inside_drop, user); }

TEST(panic_inside_drop_aborts_even_when_protected_there) {
    assert_aborts(protect_inside_drop, NULL, "panic");
    assert_aborts(protect_inside_and_around_drop, NULL, "panic");
}

/* --- panics and gates --------------------------------------------------------------------------------------------- */

struct gate {
    struct arena_concurrent *arena;
    struct arena *held;
};

static void overfill(void *user) {
    struct gate *gate = user;
    arena_concurrent_alloc(gate->arena, NULL);
}

static void try_on_thread(struct worker *self) {
    struct gate *gate = self->user;
    self->pointer = arena_concurrent_try_alloc(gate->arena, NULL);
    struct arena *held = NULL;
    self->status = arena_concurrent_acquire(gate->arena, NULL, &held);
    if (self->status == ARENA_OK) arena_concurrent_release(gate->arena);
}

TEST(panicking_concurrent_call_has_released_the_gate) {
    for (uint32_t flags = 0; flags <= ARENA_GATE_ONLY; flags += ARENA_GATE_ONLY) {
        struct arena_options options = {sizeof options, 0, flags};
        struct gate gate = {.held = NULL};
        assert_int_equal(arena_concurrent_create_with(ARENA_TYPE(int), 1, &options, &gate.arena), ARENA_OK);
        assert_non_null(arena_concurrent_alloc(gate.arena, NULL));
        assert_panics(overfill, &gate, "arena_concurrent_alloc");
        struct worker worker = worker_run(try_on_thread, &gate, 0);
        assert_null(worker.pointer);
        assert_int_equal(worker.status, ARENA_OK);
        arena_concurrent_destroy(gate.arena);
    }
}

static void acquire_and_panic(void *user) {
    struct gate *gate = user;
    if (arena_concurrent_acquire(gate->arena, NULL, &gate->held) == ARENA_OK) arena_panic("holding the gate");
}

TEST(gate_taken_by_acquire_stays_the_callers) {
    struct gate gate = {.held = NULL};
    assert_int_equal(arena_concurrent_create(ARENA_TYPE(int), 2, &gate.arena), ARENA_OK);
    assert_panics(acquire_and_panic, &gate, "holding the gate");
    void *slot = &gate;
    assert_int_equal(arena_concurrent_alloc_context(gate.arena, NULL, NULL, &slot), ARENA_EBUSY);
    assert_null(slot);
    assert_non_null(arena_try_alloc(gate.held, NULL));
    arena_concurrent_release(gate.arena);
    assert_int_equal(arena_concurrent_alloc_context(gate.arena, NULL, NULL, &slot), ARENA_OK);
    assert_int_equal(arena_concurrent_used(gate.arena), 2);
    arena_concurrent_destroy(gate.arena);
}

/* --- failures leave errno and other channels alone ---------------------------------------------------------------- */

TEST(statuses_do_not_travel_in_errno) {
    GIVEN(arena, arena, arena_create(ARENA_TYPE(int), 1, &arena));
    arena_alloc(arena, NULL);
    errno = 0;
    assert_null(arena_try_alloc(arena, NULL));
    assert_null(arena_try_alloc_slab(arena, SIZE_MAX));
    assert_int_equal(errno, 0);
    arena_destroy(arena);
}

int main(void) { return support_run("status and panics"); }
