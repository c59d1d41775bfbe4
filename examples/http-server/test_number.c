/* SPDX-License-Identifier: MIT */
/* Tests of number.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "number.h"

static void number_read_takes_whole_numbers(void **state) {
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
        assert_int_equal(number_read(cases[i].text, &number), NUMBER);
        assert_true(number == cases[i].number);
    }
}

static void number_read_refuses_everything_else(void **state) {
    (void)state;
    static const char *const cases[] = {"",    " ",   "-",   "+",    "x",   "1x",  " 1",  "1 ", "\t1",     "--1",
                                        "+-1", "1.5", "1e3", "0x10", "1,0", "1_0", "inf", "-x", "\xd9\xa1"};
    int64_t number = 99;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(number_read(cases[i], &number), NUMBER_NONE);
    assert_int_equal(number_read("9223372036854775808", &number), NUMBER_TOO_LARGE);
    assert_int_equal(number_read("-9223372036854775809", &number), NUMBER_TOO_LARGE);
    assert_int_equal(number_read("99999999999999999999999", &number), NUMBER_TOO_LARGE);
    assert_true(number == 99);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(number_read_takes_whole_numbers),
        cmocka_unit_test(number_read_refuses_everything_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
