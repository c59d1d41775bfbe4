/* SPDX-License-Identifier: MIT */
/* The part of CMocka that the tests use, for machines that Debian has no CMocka for (other processors under emulation,
 * musl).  Same names, same meaning; the first failure ends a test, and the next one begins.
 */
#ifndef TESTS_CROSS_CMOCKA_H
#define TESTS_CROSS_CMOCKA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct CMUnitTest {
    const char *name;
    void (*function)(void **state);
    int (*setup)(void **state), (*teardown)(void **state); /* NULL */
    void *given;
};

enum cmocka_result { CMOCKA_PASSED, CMOCKA_FAILED, CMOCKA_SKIPPED }; /* PASSED: what setjmp returns first */

/* Where the running test is left.  One program, one runner: a tentative definition in the file with main, weak in others. */
__attribute__((weak)) jmp_buf cmocka_left;

#define cmocka_unit_test(function)                                                                                     \
    { #function, function, NULL, NULL, NULL }
#define print_error(...) ((void)fprintf(stderr, __VA_ARGS__))
#define print_message(...) ((void)printf(__VA_ARGS__))

__attribute__((noreturn, unused)) static void _fail(const char *file, int line) {
    fprintf(stderr, "%s:%d: error: Failure!\n", file, line);
    longjmp(cmocka_left, CMOCKA_FAILED);
}

#define fail() _fail(__FILE__, __LINE__)
#define fail_msg(...) (print_error(__VA_ARGS__), print_error("\n"), _fail(__FILE__, __LINE__))
#define skip() longjmp(cmocka_left, CMOCKA_SKIPPED)

#define cmocka_check(condition, ...)                                                                                   \
    do {                                                                                                               \
        if (!(condition)) fail_msg(__VA_ARGS__);                                                                       \
    } while (0)

/* Integers of any type and sign, as CMocka compares them: by their bits. */
__attribute__((unused)) static void cmocka_equal(uintmax_t left, uintmax_t right, const char *text, const char *file,
                                                 int line) {
    if (left == right) return;
    print_error("%s: %#jx != %#jx\n", text, left, right);
    _fail(file, line);
}
#define assert_int_equal(left, right)                                                                                  \
    cmocka_equal((uintmax_t)(left), (uintmax_t)(right), #left " == " #right, __FILE__, __LINE__)
#define assert_int_not_equal(left, right)                                                                              \
    cmocka_check((uintmax_t)(left) != (uintmax_t)(right), "%s == %s", #left, #right)
__attribute__((unused)) static void cmocka_in_range(uintmax_t value, uintmax_t least, uintmax_t most, const char *text,
                                                    const char *file, int line) {
    if (value >= least && value <= most) return;
    print_error("%s: %ju is not within %ju-%ju\n", text, value, least, most);
    _fail(file, line);
}
#define assert_in_range(value, least, most)                                                                            \
    cmocka_in_range((uintmax_t)(value), (uintmax_t)(least), (uintmax_t)(most), #value, __FILE__, __LINE__)
#define assert_true(condition) cmocka_check(condition, "%s", #condition)
#define assert_false(condition) cmocka_check(!(condition), "not %s", #condition)
#define assert_null(pointer) cmocka_check((pointer) == NULL, "%s is not NULL", #pointer)
#define assert_non_null(pointer) cmocka_check((pointer) != NULL, "%s is NULL", #pointer)
#define assert_ptr_equal(left, right)                                                                                  \
    cmocka_check((const void *)(left) == (const void *)(right), "%s == %s", #left, #right)
#define assert_ptr_not_equal(left, right)                                                                              \
    cmocka_check((const void *)(left) != (const void *)(right), "%s != %s", #left, #right)
#define assert_string_equal(left, right)                                                                               \
    cmocka_check(strcmp((left), (right)) == 0, "\"%s\" != \"%s\"", (const char *)(left), (const char *)(right))
#define assert_string_not_equal(left, right)                                                                           \
    cmocka_check(strcmp((left), (right)) != 0, "both \"%s\"", (const char *)(left))
#define assert_memory_equal(left, right, size)                                                                         \
    cmocka_check(memcmp((left), (right), (size)) == 0, "%s and %s differ", #left, #right)

#define cmocka_run_group_tests_name(name, tests, setup, teardown)                                                      \
    _cmocka_run_group_tests((name), (tests), sizeof(tests) / sizeof((tests)[0]), (setup), (teardown))

/* The number of tests that failed; one more when what goes before or after all of them did. */
__attribute__((unused)) static int _cmocka_run_group_tests(const char *group, const struct CMUnitTest *tests,
                                                           size_t count, int (*setup)(void **state),
                                                           int (*teardown)(void **state)) {
    volatile int failed = 0;
    volatile int skipped = 0;
    void *group_state = NULL;
    if (setup != NULL && setup(&group_state) != 0) {
        printf("%s: the setup failed\n", group);
        return 1;
    }
    for (volatile size_t i = 0; i < count; i++) {
        printf("[ RUN      ] %s\n", tests[i].name);
        fflush(stdout);
        void *state = tests[i].given != NULL ? tests[i].given : group_state;
        int result = setjmp(cmocka_left);
        if (result == CMOCKA_PASSED) tests[i].function(&state);
        printf("[ %s ] %s\n",
               result == CMOCKA_PASSED   ? "      OK"
               : result == CMOCKA_FAILED ? " FAILED "
                                         : "SKIPPED ",
               tests[i].name);
        if (result == CMOCKA_FAILED) failed++;
        if (result == CMOCKA_SKIPPED) skipped++;
    }
    if (teardown != NULL && teardown(&group_state) != 0) failed++;
    printf("%s: %d of %zu failed, %d skipped\n", group, failed, count, skipped);
    return failed;
}

#endif
