/* SPDX-License-Identifier: MIT */
/* Holds each hot path to its budget of instructions (budget.txt).
 *
 * A path is run under ptrace twice as long as before, and the difference is what the further operations cost.  It is
 * the same in each run, to the instruction; that too is tested.  Where the processor or the system does not let a process
 * step another, or there are no budgets for its processor and compiler, the tests say so and are skipped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "paths.h"

#define TEXT_(number) #number
#define TEXT(number) TEXT_(number)
#if defined(__clang__)
#define COMPILER "clang-" TEXT(__clang_major__)
#elif defined(__GNUC__)
#define COMPILER "gcc-" TEXT(__GNUC__)
#else
#define COMPILER "other"
#endif
#if defined(__x86_64__)
#define BUILD "x86-64/" COMPILER
#elif defined(__aarch64__)
#define BUILD "aarch64/" COMPILER
#else
#define BUILD "other/" COMPILER
#endif

enum { TIMES = 16 };

static const char *budget_file;

/* Instructions per operation that budget.txt grants, or 0 where it has no line for this build. */
static long budget_of(const char *name) {
    char line[200], build[30], path[120];
    long granted = 0, instructions;
    FILE *file = fopen(budget_file, "r");
    if (file == NULL) fail_msg("no budget file %s", budget_file);
    while (fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "%29s %ld %119[^\n]", build, &instructions, path) != 3) continue;
        if (strcmp(build, BUILD) == 0 && strcmp(path, name) == 0) granted = instructions;
    }
    fclose(file);
    return granted;
}

static void held_to_budget(void **state) {
    const struct path *path = *state;
    long granted = budget_of(path->name);
    long once = count_instructions(path, TIMES);
    if (once == COUNT_REFUSED) {
        print_message("[  NOTE    ] a process may not step another here\n");
        skip();
    }
    assert_true(once > 0);
    assert_int_equal(count_instructions(path, TIMES), once);
    long twice = count_instructions(path, 2 * TIMES);
    assert_true(twice > once);
    long each = (twice - once + TIMES - 1) / TIMES;
    print_message("[  COUNT   ] %-30s %4ld instructions, at most %ld\n", path->name, each, granted);
    if (granted == 0) {
        print_message("[  NOTE    ] no budget for this build (%s)\n", BUILD);
        skip();
    }
    assert_in_range(each, 1, granted);
}

int main(int argc, char **argv) {
    enum { MOST = 32 };
    static struct CMUnitTest tests[MOST];
    size_t count = 0;
    budget_file = argc > 1 ? argv[1] : "budget.txt";
    for (const struct path *path = path_list; path->name != NULL && count < MOST; path++) {
        tests[count++] = (struct CMUnitTest){path->name, held_to_budget, NULL, NULL, (void *)(uintptr_t)path};
    }
    return _cmocka_run_group_tests("instructions", tests, count, NULL, NULL);
}
