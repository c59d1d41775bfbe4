/* SPDX-License-Identifier: MIT */
/* Tests of form.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "form.h"

/* Writes the pairs of a form one after the other, as "key>value;".  The form is on the heap, exactly as long as it
 * is, so that a memory checker sees a read past its end. */
static void describe(const char *form, char *out, size_t out_size) {
    size_t size = strlen(form);
    char *copy = malloc(size == 0 ? 1 : size);
    assert_non_null(copy);
    memcpy(copy, form, size);
    const char *cursor = copy;
    struct form_pair pair;
    out[0] = '\0';
    while (form_next(&cursor, copy + size, &pair)) {
        assert_true(strlen(out) + pair.key_size_bytes + pair.value_size_bytes + 3 <= out_size);
        strncat(out, pair.key, pair.key_size_bytes);
        strcat(out, ">");
        strncat(out, pair.value, pair.value_size_bytes);
        strcat(out, ";");
    }
    assert_ptr_equal(cursor, copy + size);
    assert_false(form_next(&cursor, copy + size, &pair));
    free(copy);
}

static void form_next_finds_each_pair_and_skips_empty_parts(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"", ""},
        {"&", ""},
        {"&&&", ""},
        {"a=1", "a>1;"},
        {"a=1&b=2", "a>1;b>2;"},
        {"&a=1&&b=2&", "a>1;b>2;"},
        {"a", "a>;"},
        {"a=", "a>;"},
        {"=v", ">v;"},
        {"=", ">;"},
        {"a=b=c", "a>b=c;"},
        {"a&b=1", "a>;b>1;"},
        {"a=1&a=2", "a>1;a>2;"},
        {"a%26b=%3D", "a%26b>%3D;"},
        {"a;b=1;2", "a;b>1;2;"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char found[64];
        describe(cases[i][0], found, sizeof(found));
        assert_string_equal(found, cases[i][1]);
    }
}

/* Unescapes a copy on the heap of exactly that size; the text it becomes, in `out`. */
static enum form_status unescape(const char *text, size_t size, char *out, size_t *out_size) {
    char *copy = malloc(size == 0 ? 1 : size);
    assert_non_null(copy);
    memcpy(copy, text, size);
    *out_size = size;
    enum form_status status = form_unescape(copy, out_size);
    assert_true(*out_size <= size);
    memcpy(out, copy, *out_size);
    free(copy);
    return status;
}

static void form_unescape_decodes(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"", ""},           {"plain", "plain"},     {"a+b", "a b"},          {"+", " "},
        {"%41", "A"},       {"%4a%4A", "JJ"},       {"%2B%25%26", "+%&"},    {"%e2%82%AC", "\xe2\x82\xac"},
        {"%fF", "\xff"},    {"%2541", "%41"},       {"x%20y+z", "x y z"},    {"%01", "\x01"},
        {"a%3Db", "a=b"},   {"%C3%A9t%C3%A9", "\xc3\xa9t\xc3\xa9"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[32];
        size_t size;
        assert_int_equal(unescape(cases[i][0], strlen(cases[i][0]), text, &size), FORM_OK);
        assert_int_equal(size, strlen(cases[i][1]));
        assert_memory_equal(text, cases[i][1], size);
    }
}

static void form_unescape_decodes_every_byte_but_zero(void **state) {
    (void)state;
    static const char upper[] = "0123456789ABCDEF";
    static const char lower[] = "0123456789abcdef";
    for (int byte = 1; byte < 256; byte++) {
        char escaped[] = {'%', upper[byte >> 4], lower[byte & 15]};
        char text[3];
        size_t size;
        assert_int_equal(unescape(escaped, sizeof(escaped), text, &size), FORM_OK);
        assert_int_equal(size, 1);
        assert_int_equal((unsigned char)text[0], byte);
    }
}

static void form_unescape_refuses_malformed_percent_escapes(void **state) {
    (void)state;
    static const char *const cases[] = {"%",   "%4",   "a%",  "a%4",  "%zz", "%4z", "%z4", "%%41",
                                        "%-1", "% 41", "%4 ", "%41%", "%+4", "%0x", "%g0", "%0G"};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[32];
        size_t size;
        assert_int_equal(unescape(cases[i], strlen(cases[i]), text, &size), FORM_PERCENT);
    }
}

static void form_unescape_refuses_zero_bytes(void **state) {
    (void)state;
    char text[32];
    size_t size;
    assert_int_equal(unescape("%00", 3, text, &size), FORM_ZERO);
    assert_int_equal(unescape("a%00b", 5, text, &size), FORM_ZERO);
    assert_int_equal(unescape("a\0b", 3, text, &size), FORM_ZERO);
}

static void form_number_takes_whole_numbers(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t number;
    } cases[] = {
        {"0", 0},     {"10", 10},   {"-10", -10}, {"+10", 10},
        {"007", 7},   {"-0", 0},    {"9223372036854775807", INT64_MAX},
        {"-9223372036854775808", INT64_MIN},      {"00000000000000000000000000001", 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t number = 99;
        assert_int_equal(form_number(cases[i].text, &number), FORM_OK);
        assert_true(number == cases[i].number);
    }
}

static void form_number_refuses_everything_else(void **state) {
    (void)state;
    static const char *const cases[] = {"",    " ",   "-",   "+",    "x",    "1x",  " 1",  "1 ",  "\t1",
                                        "--1", "+-1", "1.5", "1e3",  "0x10", "1,0", "1_0", "inf", "-x",
                                        "\xd9\xa1"};
    int64_t number = 99;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(form_number(cases[i], &number), FORM_NUMBER);
    assert_int_equal(form_number("9223372036854775808", &number), FORM_TOO_LARGE);
    assert_int_equal(form_number("-9223372036854775809", &number), FORM_TOO_LARGE);
    assert_int_equal(form_number("99999999999999999999999", &number), FORM_TOO_LARGE);
    assert_true(number == 99);
}

static void form_strerror_has_a_text_for_every_status(void **state) {
    (void)state;
    for (int status = FORM_OK; status <= FORM_TOO_LARGE; status++)
        for (int other = FORM_OK; other < status; other++)
            assert_string_not_equal(form_strerror((enum form_status)status), form_strerror((enum form_status)other));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(form_next_finds_each_pair_and_skips_empty_parts),
        cmocka_unit_test(form_unescape_decodes),
        cmocka_unit_test(form_unescape_decodes_every_byte_but_zero),
        cmocka_unit_test(form_unescape_refuses_malformed_percent_escapes),
        cmocka_unit_test(form_unescape_refuses_zero_bytes),
        cmocka_unit_test(form_number_takes_whole_numbers),
        cmocka_unit_test(form_number_refuses_everything_else),
        cmocka_unit_test(form_strerror_has_a_text_for_every_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
