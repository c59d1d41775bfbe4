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

enum { BLOCKS = 64 };

static int setup(void **state) {
    text_json_setup();
    *state = text_arena_create(BLOCKS);
    return *state == NULL;
}

static int teardown(void **state) {
    text_arena_destroy(*state);
    return 0;
}

static void text_alloc_takes_the_blocks_that_hold_the_bytes(void **state) {
    struct text_arena *arena = *state;
    const size_t block = sizeof(struct text_block);
    const size_t sizes[] = {0, 1, block - 1, block, block + 1, 3 * block};
    const size_t blocks[] = {1, 1, 1, 1, 2, 3};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t used = text_arena_used(arena);
        void *memory = text_alloc(arena, sizes[i]);
        assert_non_null(memory);
        assert_int_equal((uintptr_t)memory % _Alignof(max_align_t), 0);
        memset(memory, 0xff, sizes[i]);
        assert_int_equal(text_arena_used(arena) - used, blocks[i]);
    }
}

static void text_alloc_in_a_full_arena_gives_null_and_takes_nothing(void **state) {
    struct text_arena *arena = *state;
    assert_non_null(text_alloc(arena, (BLOCKS - 1) * sizeof(struct text_block)));
    assert_null(text_alloc(arena, sizeof(struct text_block) + 1));
    assert_null(text_alloc(arena, SIZE_MAX));
    assert_int_equal(text_arena_remaining(arena), 1);
    assert_non_null(text_alloc(arena, sizeof(struct text_block)));
    assert_null(text_alloc(arena, 0));
    assert_null(text_format(arena, "%d", 1));
}

static void text_format_formats(void **state) {
    struct text_arena *arena = *state;
    assert_string_equal(text_format(arena, "%s %d", "field", 7), "field 7");
    assert_string_equal(text_format(arena, "%s", ""), "");
}

static void json_takes_its_memory_from_the_arena_between_begin_and_end(void **state) {
    struct text_arena *arena = *state;
    size_t used = text_arena_used(arena);
    assert_null(json_string("outside"));
    text_json_begin(arena);
    json_t *string = json_string("inside");
    text_json_end();
    assert_non_null(string);
    assert_true(text_arena_used(arena) > used);
    assert_null(json_string("outside"));
    text_json_begin(arena);
    json_decref(string); /* frees nothing, and does no harm */
    text_json_end();
}

static void json_in_a_full_arena_fails(void **state) {
    struct text_arena *arena = *state;
    text_json_begin(arena);
    json_t *array = json_array();
    json_t *last = array;
    size_t made = 0;
    while (last != NULL && made <= BLOCKS) {
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
        cmocka_unit_test_setup_teardown(text_alloc_takes_the_blocks_that_hold_the_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(text_alloc_in_a_full_arena_gives_null_and_takes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(text_format_formats, setup, teardown),
        cmocka_unit_test_setup_teardown(json_takes_its_memory_from_the_arena_between_begin_and_end, setup, teardown),
        cmocka_unit_test_setup_teardown(json_in_a_full_arena_fails, setup, teardown),
        cmocka_unit_test(text_number_takes_whole_numbers),
        cmocka_unit_test(text_number_refuses_everything_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
