/* What no program reaches through the public functions in a test's time, but code inside the library could: the ends of
 * the arithmetic, the clock's conversion, lists and queues with more in them than a test has threads. */
#include "api/context.h"
#include "base/arith.h"
#include "core/slots.h"
#include "core/type.h"
#include "platform/panic.h"
#include "platform/posix/timespec.h"
#include "sync/gate.h"
#include "sync/stack.h"

#include <arena/arena.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void quiet(const char *message, void *user) {
    (void)message;
    (void)user;
}

static bool panics(void (*body)(void *user), void *user) { return arena_protect(body, user) == ARENA_EPANIC; }

/* --- base and platform ---------------------------------------------------------------------------------------------- */

static void arithmetic_holds_at_its_ends(void **state) {
    (void)state;
    size_t result = 7;
    assert_true(arith_mul(SIZE_MAX, 0, &result) && result == 0);
    assert_true(arith_mul(SIZE_MAX, 1, &result) && result == SIZE_MAX);
    assert_false(arith_mul(SIZE_MAX / 2 + 1, 2, &result));
    assert_int_equal(result, SIZE_MAX);
    assert_true(arith_add(SIZE_MAX - 1, 1, &result) && result == SIZE_MAX);
    assert_false(arith_add(SIZE_MAX, 1, &result));
    assert_false(arith_round_up(SIZE_MAX, 2, &result));
    assert_true(arith_time_add(INT64_MAX, 1) == INT64_MAX);
    assert_true(arith_time_add(INT64_MIN, -1) == INT64_MIN);
    assert_true(arith_time_add(INT64_MAX, -1) == INT64_MAX - 1);
    assert_true(arith_time_add(INT64_MIN, 1) == INT64_MIN + 1);
    assert_true(arith_time_add(5, 0) == 5);
}

static void times_become_timespecs(void **state) {
    (void)state;
    struct timespec time = sync_timespec(-1);
    assert_true(time.tv_sec == 0 && time.tv_nsec == 0);
    time = sync_timespec(0);
    assert_true(time.tv_sec == 0 && time.tv_nsec == 0);
    time = sync_timespec(999999999);
    assert_true(time.tv_sec == 0 && time.tv_nsec == 999999999);
    time = sync_timespec(1000000000);
    assert_true(time.tv_sec == 1 && time.tv_nsec == 0);
    time = sync_timespec(INT64_MAX);
    assert_true(time.tv_sec > 0 && time.tv_nsec < 1000000000);
}

/* --- core ----------------------------------------------------------------------------------------------------------- */

static void arenas_that_no_address_space_holds(void **state) {
    (void)state;
    static const struct arena_type type = {"aligned", 1, SIZE_MAX / 2 + 1, NULL};
    struct arena *arena = (struct arena *)(void *)&arena;
    assert_int_equal(arena_create(&type, 0, &arena), ARENA_ENOMEM);
    assert_null(arena);
    /* Bytes that fit, until they are rounded up to whole pages. */
    static const struct arena_type bytes = {"byte", 1, 1, NULL};
    assert_int_equal(arena_create(&bytes, PTRDIFF_MAX, &arena), ARENA_ENOMEM);
    assert_null(arena);
    /* Half of all addresses for the sake of the alignment: 2 GiB, which may be there, or 2^63. */
    static const struct arena_type page = {"page", 4096, SIZE_MAX / 4 + 1, NULL};
    int status = arena_create(&page, 1, &arena);
    assert_int_equal(status, sizeof(size_t) == 4 && status == ARENA_OK ? ARENA_OK : ARENA_ENOMEM);
    assert_int_equal(arena == NULL, status != ARENA_OK);
    arena_destroy(arena);
}

struct bad_burst {
    struct arena *arena;
    struct arena_burst *burst;
};
static void begin(void *user) {
    const struct bad_burst *bad = user;
    arena_burst_begin(bad->arena, bad->burst);
}
static void end(void *user) {
    const struct bad_burst *bad = user;
    arena_burst_end(bad->arena, bad->burst);
}
static void put(void *user) { (void)arena_burst_put(((const struct bad_burst *)user)->burst, NULL); }
static void more(void *user) {
    const struct bad_burst *bad = user;
    char *limit;
    (void)arena_burst_more(bad->arena, NULL, &limit);
}

static void bursts_that_are_not_open(void **state) {
    (void)state;
    struct arena *arena;
    assert_int_equal(arena_create(ARENA_TYPE(int), 8, &arena), ARENA_OK);
    struct arena_burst burst;
    struct bad_burst no_arena = {NULL, &burst};
    struct bad_burst no_burst = {arena, NULL};
    struct bad_burst both = {arena, &burst};
    assert_true(panics(begin, &no_arena));
    assert_true(panics(begin, &no_burst));
    assert_true(panics(put, &no_burst));
    assert_true(panics(more, &no_arena));
    assert_true(panics(more, &both));
    assert_true(panics(end, &no_burst));
    arena_burst_begin(arena, &burst);
    assert_true(panics(end, &no_arena));
    assert_true(panics(more, &both)); /* at another place than where it is */
    assert_non_null(arena_burst_put(&burst, NULL));
    struct arena_burst stale = burst;
    stale.limit = NULL;
    struct bad_burst wrong_limit = {arena, &stale};
    assert_true(panics(end, &wrong_limit));
    arena_burst_end(arena, &burst);
    assert_true(panics(put, &both));
    assert_true(panics(end, &both));
    arena_burst_begin(arena, &burst);
    struct arena_burst early = burst;
    arena_reset(arena); /* ends it */
    struct bad_burst too_late = {arena, &early};
    assert_true(panics(put, &too_late));
    assert_true(panics(end, &too_late));
    arena_destroy(arena);
}

static void from_another_type(void *user) {
    (void)user;
    arena_panic_type("int", NULL);
}

static void put_any_nowhere(void *user) { (void)arena_concurrent_alloc_any(user, ARENA_TYPE(int), NULL); }
static void release_nothing(void *user) {
    (void)user;
    arena_concurrent_release(NULL);
}

static void handles_that_are_null_or_others(void **state) {
    (void)state;
    struct arena_concurrent *ints;
    struct arena_concurrent *mixed;
    assert_int_equal(arena_concurrent_create(ARENA_TYPE(int), 1, &ints), ARENA_OK);
    assert_int_equal(arena_concurrent_create(arena_type_any(), 1, &mixed), ARENA_OK);
    assert_true(panics(from_another_type, NULL));
    assert_true(panics(release_nothing, NULL));
    assert_null(arena_concurrent_try_alloc_any(NULL, ARENA_TYPE(int), NULL));
    assert_null(arena_concurrent_try_alloc_any(ints, ARENA_TYPE(int), NULL));
    assert_true(panics(put_any_nowhere, NULL));
    assert_true(panics(put_any_nowhere, ints));
    assert_non_null(arena_concurrent_alloc_any(mixed, ARENA_TYPE(int), NULL));
    assert_true(panics(put_any_nowhere, mixed)); /* full */
    arena_pool_trim(NULL);
    arena_pool_scope_leave(NULL);
    arena_concurrent_destroy(ints);
    arena_concurrent_destroy(mixed);
}

static void put_any_sealed(void *user) { (void)arena_alloc_any(user, ARENA_TYPE(int), NULL); }

static void mixed_values_of_sealed_arenas(void **state) {
    (void)state;
    struct arena_pool *pool;
    struct arena *arena;
    assert_int_equal(arena_pool_create(arena_type_any(), 4, &pool), ARENA_OK);
    assert_int_equal(arena_pool_checkout(pool, &arena), ARENA_OK);
    arena_pool_return(pool, arena);
    assert_null(arena_try_alloc_any(arena, ARENA_TYPE(int), NULL));
    assert_true(panics(put_any_sealed, arena));
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

/* --- sync ----------------------------------------------------------------------------------------------------------- */

static void node_numbers_run_out(void **state) {
    (void)state;
    struct stack_table *table = calloc(1, sizeof *table);
    assert_non_null(table);
    for (unsigned i = 0; i < STACK_SEGMENTS; i++) table->count += STACK_FIRST_SEGMENT << i; /* as if all were made */
    assert_null(stack_table_add(table));
    free(table);
}

/* Several waiters under one context, of which the middle one leaves. */
static void waiters_leave_in_any_order(void **state) {
    (void)state;
    struct cancel_node node;
    static struct waiter waiters[4];
    assert_true(cancel_start(&node, NULL, INT64_MAX));
    static const int orders[][4] = {{0, 1, 2, 3}, {3, 2, 1, 0}, {1, 3, 0, 2}};
    for (size_t i = 0; i < 3; i++) {
        for (int j = 0; j < 4; j++) assert_int_equal(cancel_register(&node, &waiters[j]), ARENA_OK);
        for (int j = 0; j < 4; j++) {
            cancel_unregister(&node, &waiters[orders[i][j]]);
            cancel_unregister(&node, &waiters[orders[i][j]]); /* again: nothing */
        }
        assert_null(node.waiters);
    }
    cancel_trigger(NULL);
    assert_int_equal(cancel_register(NULL, &waiters[0]), ARENA_OK);
    cancel_unregister(NULL, &waiters[0]);
    cancel_finish(&node);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(arithmetic_holds_at_its_ends),
        cmocka_unit_test(times_become_timespecs),
        cmocka_unit_test(arenas_that_no_address_space_holds),
        cmocka_unit_test(bursts_that_are_not_open),
        cmocka_unit_test(handles_that_are_null_or_others),
        cmocka_unit_test(mixed_values_of_sealed_arenas),
        cmocka_unit_test(node_numbers_run_out),
        cmocka_unit_test(waiters_leave_in_any_order),
    };
    arena_set_panic_handler(quiet, NULL);
    return cmocka_run_group_tests_name("inside", tests, NULL, NULL);
}
