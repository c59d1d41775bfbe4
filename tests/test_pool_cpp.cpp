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

void exception_goes_on_to_the_caller_of_execute(void **) {
    noted_pool *pool = make();
    for (int i = 1; i <= 20; i++) {
        int caught = 0;
        int drops_when_caught = -1;
        try {
            (void)!noted_pool_execute(pool, put_and_throw, nullptr);
        } catch (const error &thrown) {
            caught = thrown.number;
            drops_when_caught = log_count;
        }
        assert_int_equal(caught, 42);
        assert_int_equal(drops_when_caught, i); // before the caller saw it
    }
    assert_int_equal(noted_pool_destroy(pool), ARENA_OK);
}

struct levels {
    noted_pool *pool;
    int depth;
    int destroyed;
};

struct guard {
    int *destroyed;
    ~guard() { ++*destroyed; }
};

void next_level(struct noted *arena, void *user) {
    levels *nested = static_cast<levels *>(user);
    guard counts = {&nested->destroyed};
    noted_alloc(arena, ++nested->depth);
    if (nested->depth == 3) throw std::string("from level 3");
    (void)!noted_pool_execute(nested->pool, next_level, nested);
}

void nested_scopes_are_left_innermost_first(void **) {
    levels nested = {make(), 0, 0};
    std::string caught;
    try {
        (void)!noted_pool_execute(nested.pool, next_level, &nested);
    } catch (const std::string &text) {
        caught = text;
    }
    assert_string_equal(caught.c_str(), "from level 3");
    assert_int_equal(nested.destroyed, 3);
    assert_int_equal(log_count, 3);
    for (int i = 0; i < 3; i++) assert_int_equal(log_entries[i], 3 - i);
    assert_int_equal(noted_pool_destroy(nested.pool), ARENA_OK);
}

void exception_leaves_the_block(void **) {
    noted_pool *pool = make();
    for (int i = 1; i <= 20; i++) {
        bool caught = false;
        try {
            ARENA_POOL_SCOPE_OF(noted, pool, outer) {
                noted_alloc(outer, 1);
                ARENA_POOL_SCOPE_OF(noted, pool, inner) {
                    noted_alloc(inner, 2);
                    throw error(1);
                }
            }
        } catch (const error &) {
            caught = log_count == 2 * i && log_entries[(2 * i - 2) % 64] == 2 && log_entries[(2 * i - 1) % 64] == 1;
        }
        assert_true(caught);
    }
    assert_int_equal(noted_pool_destroy(pool), ARENA_OK);
}

void catch_inside(struct noted *arena, void *user) {
    noted_alloc(arena, 7);
    try {
        (void)!noted_pool_execute(static_cast<noted_pool *>(user), put_and_throw, nullptr);
    } catch (const error &) {
        noted_alloc(arena, 8);
    }
}

void exception_caught_between_leaves_the_outer_scope_alone(void **) {
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
void exception_goes_through_protect(void **) {
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
void panic_behind_an_exception(void **) {
    noted_pool *pool = make();
    assert_panics(panic_after_exception, pool, "later");
    assert_int_equal(log_count, 11);
    assert_int_equal(noted_pool_destroy(pool), ARENA_OK);
}

void throw_on_thread(struct worker *self) {
    noted_pool *pool = static_cast<noted_pool *>(self->user);
    for (int i = 0; i < 200; i++) {
        try {
            ARENA_POOL_SCOPE_OF(noted, pool, scratch) {
                if (noted_used(scratch) != 0) self->status = 1;
                (void)!noted_pool_execute(
                    pool, [](noted *, void *) { throw error(3); }, nullptr);
            }
            self->status = 2;
        } catch (const error &) {
            self->count++;
        }
    }
}

void exceptions_on_many_threads(void **) {
    noted_pool *pool = make();
    struct worker workers[8];
    for (unsigned i = 0; i < 8; i++) worker_start(&workers[i], throw_on_thread, pool, i);
    workers_join(workers, 8);
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(workers[i].status, 0);
        assert_int_equal(workers[i].count, 200);
    }
    assert_int_equal(noted_pool_destroy(pool), ARENA_OK);
}

void exit_in_block(struct worker *self) {
    noted_pool *pool = static_cast<noted_pool *>(self->user);
    ARENA_POOL_SCOPE_OF(noted, pool, scratch) {
        noted_alloc(scratch, 1);
        if (self->index == 0) pthread_exit(nullptr);
        pthread_cancel(pthread_self());
        pthread_testcancel();
    }
}

void thread_exit_and_cancellation_leave_the_block(void **) {
    for (unsigned way = 0; way < (support_cancellable() ? 2 : 1); way++) {
        noted_pool *pool = make();
        struct worker worker;
        worker_start(&worker, exit_in_block, pool, way);
        worker_join(&worker);
        assert_int_equal(log_count, 1);
        assert_int_equal(noted_pool_destroy(pool), ARENA_OK);
    }
}

} // namespace

int main() {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exception_goes_on_to_the_caller_of_execute),
        cmocka_unit_test(nested_scopes_are_left_innermost_first),
        cmocka_unit_test(exception_leaves_the_block),
        cmocka_unit_test(exception_caught_between_leaves_the_outer_scope_alone),
        cmocka_unit_test(exception_goes_through_protect),
        cmocka_unit_test(panic_behind_an_exception),
        cmocka_unit_test(exceptions_on_many_threads),
        cmocka_unit_test(thread_exit_and_cancellation_leave_the_block),
    };
    return support_run("pool in C++", tests);
}
