/* SPDX-License-Identifier: MIT */
/* Each thread's table: indices are used again, and end. */
#include "runtime/locals.h"
#include "runtime/thread.h"

#include "../support.h"

#include <arena/arena.h>

static void flush_nothing(struct local_keeper *keeper, struct local *local) {
    (void)keeper;
    (void)local;
}

static bool is_long; /* the program has an argument: then one case alone, which wants all indices */

/* Else the tables of long-lived threads would grow with every pool that comes and goes. */
TEST(indices_of_ended_keepers_are_used_again) {
    if (is_long) skip();
    struct local_keeper keepers[40];
    for (int i = 0; i < 40; i++) assert_true(locals_join(&keepers[i], flush_nothing));
    for (int i = 0; i < 40; i++) {
        for (int j = 0; j < i; j++) assert_true(keepers[i].home != keepers[j].home);
    }
    uint32_t first = keepers[7].home;
    uint32_t second = keepers[31].home;
    assert_true(locals_leave(&keepers[7], NULL));
    assert_true(locals_leave(&keepers[31], NULL));
    assert_true(locals_join(&keepers[7], flush_nothing));
    assert_true(locals_join(&keepers[31], flush_nothing));
    assert_int_equal(keepers[31].home, first);
    assert_int_equal(keepers[7].home, second);
    for (int i = 0; i < 40; i++) assert_true(locals_leave(&keepers[i], NULL));
}

/* Keepers of a table's entries, as many as there can be. */
TEST(indices_run_out) {
    if (!is_long) skip();
    struct local_keeper keepers[2]; /* the last one, and one that none was left for */
    uint64_t count = 0;
    while (locals_join(&keepers[count % 2], NULL)) count++;
    assert_int_equal(count, UINT32_MAX / 2 / sizeof(struct local));
    struct local_keeper *last = &keepers[(count - 1) % 2];
    assert_true(locals_leave(last, NULL));
    assert_true(locals_join(last, NULL));
    assert_false(locals_join(&keepers[count % 2], NULL));
    struct arena_pool *pool;
    assert_int_equal(arena_pool_create(ARENA_TYPE(int), 1, &pool), ARENA_ENOMEM);
    assert_null(pool);
    const struct arena_pool_options limited = {.struct_size = sizeof limited, .max_arenas = 1}; /* needs none */
    assert_int_equal(arena_pool_create_with(ARENA_TYPE(int), 1, &limited, &pool), ARENA_OK);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
    assert_true(locals_leave(last, NULL));
    assert_int_equal(arena_pool_create(ARENA_TYPE(int), 1, &pool), ARENA_OK);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

int main(int argument_count, char **arguments) {
    (void)arguments;
    is_long = argument_count > 1;
    return support_run("locals");
}
