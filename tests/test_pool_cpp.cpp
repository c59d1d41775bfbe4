/* SPDX-License-Identifier: MIT */
// C++ exceptions through execute and through ARENA_POOL_SCOPE: they go on to the caller, and the arena is back first.
#include "support.h"

#include <arena/arena.h>

#include <stdexcept>
#include <string>

namespace {

int log_entries[64];
int log_count;

void note_drop(int *element) {
    if (log_count < 64) log_entries[log_count] = *element;
    log_count++;
}

ARENA_DEFINE_DROP(noted, int, note_drop)

struct noted_pool *make() {
    log_count = 0;
    return noted_pool_create(4);
}

struct error : std::runtime_error {
    int number;
    explicit error(int value) : std::runtime_error("thrown"), number(value) {}
};

void put_and_throw(struct noted *arena, void *) {
    noted_alloc(arena, 1);
    throw error(42);
}

void catch_inside(struct noted *arena, void *user) {
    noted_alloc(arena, 7);
    try {
        (void)!noted_pool_execute(static_cast<noted_pool *>(user), put_and_throw, nullptr);
    } catch (const error &) {
        noted_alloc(arena, 8);
    }
}

TEST(exception_caught_between_leaves_the_outer_scope_alone) {
    noted_pool *pool = make();
    assert_int_equal(noted_pool_execute(pool, catch_inside, pool), ARENA_OK);
    assert_int_equal(log_count, 3);
    assert_int_equal(log_entries[0], 1);
    assert_int_equal(log_entries[1], 8);
    assert_int_equal(log_entries[2], 7);
    assert_int_equal(noted_pool_destroy(pool), ARENA_OK);
}

void throw_now(void *) { throw error(5); }

void panic_now(void *) { arena_panic("nobody protects"); }

void throw_through_protect_and_panic(void *) {
    try {
        (void)!arena_protect(throw_now, nullptr);
    } catch (const error &) {
        panic_now(nullptr);
    }
}

// An exception that goes through arena_protect ends the protection.
TEST(exception_goes_through_protect) {
    int caught = 0;
    try {
        (void)!arena_protect(throw_now, nullptr);
    } catch (const error &thrown) {
        caught = thrown.number;
    }
    assert_int_equal(caught, 5);
    assert_panics(panic_now, nullptr, "nobody protects");
    assert_aborts(throw_through_protect_and_panic, nullptr, "nobody protects");
}

void panic_after_exception(void *user) {
    noted_pool *pool = static_cast<noted_pool *>(user);
    try {
        (void)!noted_pool_execute(pool, put_and_throw, nullptr);
    } catch (const error &) {
        log_count += 10;
    }
    arena_panic("later");
}

// A scope left by an exception is not unwound a second time by a panic behind it.
TEST(panic_behind_an_exception) {
    noted_pool *pool = make();
    assert_panics(panic_after_exception, pool, "later");
    assert_int_equal(log_count, 11);
    assert_int_equal(noted_pool_destroy(pool), ARENA_OK);
}

} // namespace

int main() { return support_run("pool in C++"); }
