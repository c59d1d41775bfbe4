/* SPDX-License-Identifier: MIT */
/* Panics: what ends the process whatever the caller protects, what unwinds, and what the messages say. */
#include "platform/sync.h"
#include "runtime/panic.h"
#include "runtime/scope.h"
#include "runtime/thread.h"

#include "../support.h"

#include <arena/arena.h>

#include <wchar.h>

static void find_damage_when_cancelled(void *user) {
    (void)pthread_cancel(pthread_self());
    panic_fatal(user);
}

/* The thread does not get away with it by a cancellation while the handler writes. */
TEST(what_is_fatal_ends_the_process_when_cancelled) {
    static char message[] = "damaged";
    assert_aborts(find_damage_when_cancelled, message, message);
}

static void find_damage(void *user) { panic_fatal(user); }
static void protect_what_finds_damage(void *user) { (void)!arena_protect(find_damage, user); }

TEST(what_is_fatal_ends_the_process_when_protected) {
    static char message[] = "damaged";
    assert_aborts(protect_what_finds_damage, message, message);
}

static void end_by_a_panic(struct scope *scope) {
    scope_pop(thread_state(), scope);
    arena_panic("from the end of a scope");
}

static struct scope ending = {.leave = end_by_a_panic};

static void begin_and_panic(void *user) {
    scope_push(thread_state(), &ending);
    arena_panic(user);
}

static void protect_what_ends_by_a_panic(void *user) { (void)!arena_protect(begin_and_panic, user); }

TEST(a_panic_from_the_end_of_a_scope_aborts) {
    static char message[] = "first";
    assert_aborts(protect_what_ends_by_a_panic, message, "from the end of a scope");
}

static void end_by_finding_damage(struct scope *scope) {
    scope_pop(thread_state(), scope);
    panic_fatal("found while another one unwinds");
}

static void protect_what_ends_by_finding_damage(void *user) {
    ending.leave = end_by_finding_damage;
    (void)!arena_protect(begin_and_panic, user);
}

TEST(what_is_fatal_is_told_while_a_panic_unwinds) {
    static char message[] = "first";
    assert_aborts(protect_what_ends_by_finding_damage, message, "found while another one unwinds");
}

struct two_scopes {
    struct arena_pool *pool;
    struct arena_pool_scope outer;
    struct arena_pool_scope inner;
};

static void enter_and_panic(void *user) {
    struct two_scopes *scopes = user;
    (void)!arena_pool_scope_enter(scopes->pool, &scopes->inner);
    arena_panic("inside");
}

/* However many actions a thread has protected: a panic leaves the scopes begun inside, and no others. */
TEST(eras_count_with_all_their_bits) {
    static const unsigned bits[] = {0, 1, 8, 16, 31, 32, 48, 63};
    struct two_scopes scopes;
    uint64_t before = thread_state()->era;
    assert_int_equal(arena_pool_create(ARENA_TYPE(int), 4, &scopes.pool), ARENA_OK);
    panics_record();
    for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++) {
        thread_state()->era = ((uint64_t)1 << bits[i]) - 1; /* the next one has another bit */
        assert_int_equal(arena_pool_scope_enter(scopes.pool, &scopes.outer), ARENA_OK);
        (void)arena_alloc(scopes.outer.arena, NULL);
        assert_int_equal(arena_protect(enter_and_panic, &scopes), ARENA_EPANIC);
        assert_int_equal(arena_used(scopes.outer.arena), 1);
        assert_null(arena_try_alloc(scopes.inner.arena, NULL)); /* back in its pool */
        arena_pool_scope_leave(&scopes.outer);
    }
    arena_set_panic_handler(NULL, NULL);
    thread_state()->era = before;
    assert_int_equal(arena_pool_destroy(scopes.pool), ARENA_OK);
}

/* --- what panics say ---------------------------------------------------------------------------------------------- */

static char said[256];

static void hear(const char *message, void *user) { (void)snprintf(said, sizeof said, "%s", message); }

static void alloc_one(void *arena) { (void)arena_alloc(arena, NULL); }
static void alloc_slab(void *arena) { (void)arena_alloc_slab(arena, 5); }
static void alloc_slab_with(void *arena) { (void)arena_alloc_slab_with(arena, NULL, 6); }
static void concurrent_release(void *arena) { arena_concurrent_release(arena); }
static void reset(void *arena) { arena_reset(arena); }
static void trim(void *arena) { arena_trim(arena); }
static void destroy(void *arena) { arena_destroy(arena); }
static void concurrent_one(void *arena) { (void)arena_concurrent_alloc(arena, NULL); }
static void concurrent_slab(void *arena) { (void)arena_concurrent_alloc_slab(arena, 5); }
static void concurrent_slab_with(void *arena) { (void)arena_concurrent_alloc_slab_with(arena, NULL, 6); }
static void concurrent_reset(void *arena) { arena_concurrent_reset(arena); }
static void alloc_any(void *arena) { (void)arena_alloc_any(arena, ARENA_TYPE(int), NULL); }
static void concurrent_any(void *arena) { (void)arena_concurrent_alloc_any(arena, ARENA_TYPE(int), NULL); }

static void expect(void (*action)(void *arena), void *arena, const char *message) {
    said[0] = '\0';
    assert_int_equal(arena_protect(action, arena), ARENA_EPANIC);
    assert_string_equal(said, message);
}

static void say_what_no_text_holds(void *user) { panic(ARENA_EINVAL, "%ls: not to be had", (const wchar_t *)user); }

/* What cannot be put into the message is left as it stands in the format. */
TEST(messages_that_cannot_be_made) {
    static wchar_t none[] = {WCHAR_MAX, 0};
    arena_set_panic_handler(hear, NULL);
    assert_int_equal(arena_protect(say_what_no_text_holds, none), ARENA_EPANIC);
    arena_set_panic_handler(NULL, NULL);
    assert_string_equal(said, "%ls: not to be had");
}

TEST(panics_say_what_was_wanted_and_what_is_free) {
    arena_set_panic_handler(hear, NULL);
    struct arena *arena;
    assert_int_equal(arena_create(ARENA_TYPE(int), 4, &arena), ARENA_OK);
    GIVEN(arena, mixed, arena_create(arena_type_any(), 1, &mixed));
    GIVEN(arena_concurrent, concurrent, arena_concurrent_create(ARENA_TYPE(int), 4, &concurrent));
    GIVEN(arena_concurrent, concurrent_mixed, arena_concurrent_create(arena_type_any(), 1, &concurrent_mixed));
    assert_non_null(arena_alloc_slab(arena, 3));
    assert_non_null(arena_concurrent_alloc_slab(concurrent, 3));
    expect(alloc_slab, arena, "arena_alloc_slab: arena of int is full: 5 wanted, 1 of 4 free");
    expect(alloc_slab_with, arena, "arena_alloc_slab_with: arena of int is full: 6 wanted, 1 of 4 free");
    expect(concurrent_slab, concurrent, "arena_concurrent_alloc_slab: arena of int is full: 5 wanted, 1 of 4 free");
    expect(concurrent_slab_with, concurrent,
           "arena_concurrent_alloc_slab_with: arena of int is full: 6 wanted, 1 of 4 free");
    assert_non_null(arena_alloc(arena, NULL));
    assert_non_null(arena_concurrent_alloc(concurrent, NULL));
    assert_non_null(arena_alloc_any(mixed, ARENA_TYPE(int), NULL));
    assert_non_null(arena_concurrent_alloc_any(concurrent_mixed, ARENA_TYPE(int), NULL));
    expect(alloc_one, arena, "arena_alloc: arena of int is full: 1 wanted, 0 of 4 free");
    expect(concurrent_one, concurrent, "arena_concurrent_alloc: arena of int is full: 1 wanted, 0 of 4 free");
    expect(alloc_any, mixed, "arena_alloc_any: arena of any is full: 1 wanted, 0 of 1 free");
    expect(concurrent_any, concurrent_mixed, "arena_concurrent_alloc_any: arena of any is full: 1 wanted, 0 of 1 free");
    expect(alloc_any, arena, "arena_alloc_any: the arena is not one of mixed values");
    expect(concurrent_any, concurrent, "arena_concurrent_alloc_any: the arena is not one of mixed values");
    expect(alloc_one, NULL, "arena_alloc: arena is NULL");
    expect(alloc_slab, NULL, "arena_alloc_slab: arena is NULL");
    expect(reset, NULL, "arena_reset: arena is NULL");
    expect(trim, NULL, "arena_trim: arena is NULL");
    expect(concurrent_one, NULL, "arena_concurrent_alloc: arena is NULL");
    expect(concurrent_reset, NULL, "arena_concurrent_reset: arena is NULL");
    expect(concurrent_release, NULL, "arena_concurrent_release: arena is NULL");
    arena_destroy(arena);
    arena_destroy(mixed);
    arena_concurrent_destroy(concurrent);
    arena_concurrent_destroy(concurrent_mixed);
}

/* 255 bytes of it. */
TEST(panics_tell_a_long_name) {
    char name[400];
    char message[256];
    struct arena *arena;
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    arena_set_panic_handler(hear, NULL);
    for (size_t length = 100; length < sizeof name; length += 299) {
        const struct arena_type type = {name + sizeof name - 1 - length, 1, 1, NULL};
        assert_int_equal(arena_create(&type, 0, &arena), ARENA_OK);
        (void)snprintf(message, sizeof message, "arena_alloc: arena of %.*s is full: 1 wanted, 0 of 0 free",
                       (int)length, name);
        expect(alloc_one, arena, message);
        arena_destroy(arena);
    }
}

static void say(void *text) { panic(ARENA_EINVAL, "%s", (const char *)text); }

TEST(panics_may_say_nothing) {
    char nothing[] = "";
    arena_set_panic_handler(hear, NULL);
    said[0] = '-';
    assert_int_equal(arena_protect(say, nothing), ARENA_EPANIC);
    arena_set_panic_handler(NULL, NULL);
    assert_string_equal(said, nothing);
}

static void from_another_type(void *type) { arena_panic_type("int", type); }

TEST(panics_say_whose_arena_it_is) {
    arena_set_panic_handler(hear, NULL);
    GIVEN(arena_pool, pool, arena_pool_create(ARENA_TYPE(int), 4, &pool));
    GIVEN(arena, pooled, arena_pool_checkout(pool, &pooled));
    expect(destroy, pooled, "arena_destroy: the arena belongs to a pool");
    arena_pool_return(pool, pooled);
    expect(alloc_one, pooled, "arena_alloc: the arena is back in its pool");
    expect(reset, pooled, "arena_reset: the arena is back in its pool");
    expect(trim, pooled, "arena_trim: the arena is back in its pool");
    GIVEN(arena_concurrent, concurrent, arena_concurrent_create(ARENA_TYPE(int), 4, &concurrent));
    GIVEN(arena, held, arena_concurrent_acquire(concurrent, NULL, &held));
    expect(destroy, held, "arena_destroy: the arena belongs to a concurrent arena");
    expect(concurrent_one, concurrent, "arena_concurrent_alloc: the calling thread holds the gate");
    expect(concurrent_reset, concurrent, "arena_concurrent_reset: the calling thread holds the gate");
    arena_concurrent_release(concurrent);
    expect(alloc_slab, held, "arena_alloc_slab: the gate is not held");
    expect(reset, held, "arena_reset: the gate is not held");
    arena_concurrent_destroy(concurrent);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
    expect(from_another_type, NULL, "a handle of no type was given where one of int is wanted");
}

int main(void) { return support_run("panic"); }
