/* SPDX-License-Identifier: MIT */
/* Tests of json.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>

#include "json.h"

enum { CAPACITY_BYTES = 1024 };

static int setup(void **state) {
    json_setup();
    *state = arena_bytes_create(CAPACITY_BYTES);
    return *state == NULL;
}

static int teardown(void **state) {
    arena_bytes_destroy(*state);
    return 0;
}

static void json_takes_its_memory_from_the_arena_between_begin_and_end(void **state) {
    struct arena_bytes *arena = *state;
    size_t used = arena_bytes_used(arena);
    assert_null(json_string("outside"));
    json_begin(arena);
    json_t *string = json_string("inside");
    json_end();
    assert_non_null(string);
    assert_true(arena_bytes_used(arena) > used);
    assert_null(json_string("outside"));
    json_begin(arena);
    json_decref(string); /* frees nothing, and does no harm */
    json_end();
}

static void json_in_a_full_arena_fails(void **state) {
    struct arena_bytes *arena = *state;
    json_begin(arena);
    json_t *array = json_array();
    json_t *last = array;
    size_t made = 0;
    while (last != NULL && made <= CAPACITY_BYTES) {
        last = json_integer(1);
        made++;
    }
    json_end();
    assert_non_null(array);
    assert_null(last);
    assert_true(made > 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(json_takes_its_memory_from_the_arena_between_begin_and_end, setup, teardown),
        cmocka_unit_test_setup_teardown(json_in_a_full_arena_fails, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
