/* SPDX-License-Identifier: MIT */
/* Tests of census.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "census.h"

enum { THREADS = 4, EACH = 1000 };

static struct census census;
static char places[CENSUS_MAX + 1];

static int setup(void **state) {
    (void)state;
    for (size_t i = 0; i < CENSUS_MAX; i++) atomic_store(&census.seen[i], 0);
    atomic_store(&census.count, 0);
    return 0;
}

static void an_address_counts_once(void **state) {
    (void)state;
    assert_int_equal(census_count(&census), 0);
    census_note(&census, &places[0]);
    census_note(&census, &places[1]);
    census_note(&census, &places[0]);
    assert_int_equal(census_count(&census), 2);
}

static void a_full_census_stays_as_it_is(void **state) {
    (void)state;
    for (size_t i = 0; i <= CENSUS_MAX; i++) census_note(&census, &places[i]);
    assert_int_equal(census_count(&census), CENSUS_MAX);
    census_note(&census, &places[0]);
    assert_int_equal(census_count(&census), CENSUS_MAX);
}

/* Thread k notes the addresses k*EACH/2 up to k*EACH/2 + EACH: each but the ends is noted by two threads. */
static void *note_some(void *user) {
    const char *first = user;
    for (size_t i = 0; i < EACH; i++) census_note(&census, first + i);
    return NULL;
}

static void threads_count_each_address_once(void **state) {
    (void)state;
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, note_some, &places[i * EACH / 2]), 0);
    for (size_t i = 0; i < THREADS; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(census_count(&census), (THREADS + 1) * EACH / 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_address_counts_once, setup),
        cmocka_unit_test_setup(a_full_census_stays_as_it_is, setup),
        cmocka_unit_test_setup(threads_count_each_address_once, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
