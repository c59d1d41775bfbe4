/* SPDX-License-Identifier: MIT */
/* Tests of text.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>

#include "text.h"

enum { CAPACITY_BYTES = 1024 };

static int setup(void **state) {
    text_json_setup();
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
    text_json_begin(arena);
    json_t *string = json_string("inside");
    text_json_end();
    assert_non_null(string);
    assert_true(arena_bytes_used(arena) > used);
    assert_null(json_string("outside"));
    text_json_begin(arena);
    json_decref(string); /* frees nothing, and does no harm */
    text_json_end();
}

static void json_in_a_full_arena_fails(void **state) {
    struct arena_bytes *arena = *state;
    text_json_begin(arena);
    json_t *array = json_array();
    json_t *last = array;
    size_t made = 0;
    while (last != NULL && made <= CAPACITY_BYTES) {
        last = json_integer(1);
        made++;
    }
    text_json_end();
    assert_non_null(array);
    assert_null(last);
    assert_true(made > 1);
}

static void text_number_takes_whole_numbers(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t number;
    } cases[] = {
        {"0", 0},
        {"10", 10},
        {"-10", -10},
        {"+10", 10},
        {"007", 7},
        {"-0", 0},
        {"9223372036854775807", INT64_MAX},
        {"-9223372036854775808", INT64_MIN},
        {"00000000000000000000000000001", 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t number = 99;
        assert_int_equal(text_number(cases[i].text, &number), TEXT_NUMBER);
        assert_true(number == cases[i].number);
    }
}

static void text_number_refuses_everything_else(void **state) {
    (void)state;
    static const char *const cases[] = {"",    " ",   "-",   "+",    "x",   "1x",  " 1",  "1 ", "\t1",     "--1",
                                        "+-1", "1.5", "1e3", "0x10", "1,0", "1_0", "inf", "-x", "\xd9\xa1"};
    int64_t number = 99;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(text_number(cases[i], &number), TEXT_NO_NUMBER);
    assert_int_equal(text_number("9223372036854775808", &number), TEXT_TOO_LARGE);
    assert_int_equal(text_number("-9223372036854775809", &number), TEXT_TOO_LARGE);
    assert_int_equal(text_number("99999999999999999999999", &number), TEXT_TOO_LARGE);
    assert_true(number == 99);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(json_takes_its_memory_from_the_arena_between_begin_and_end, setup, teardown),
        cmocka_unit_test_setup_teardown(json_in_a_full_arena_fails, setup, teardown),
        cmocka_unit_test(text_number_takes_whole_numbers),
        cmocka_unit_test(text_number_refuses_everything_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
