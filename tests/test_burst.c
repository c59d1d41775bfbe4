/* SPDX-License-Identifier: MIT */
/* Bursts: the window in the caller's registers, what it commits, and what becomes of one that is left open. */
#include "support.h"

#include <arena/arena.h>

static size_t dropped_count;
static int64_t dropped_sum;

static void note_drop(int64_t *element) {
    dropped_count++;
    dropped_sum += *element;
}

ARENA_DEFINE(long_arena, int64_t)
ARENA_DEFINE_DROP(noted_arena, int64_t, note_drop)

struct triple {
    int64_t first, second, third;
};
ARENA_DEFINE(triple_arena, struct triple)

/* Smaller and larger than any window the library may hand out at once. */
static const size_t capacities[] = {1, 2, 5, 100, 4096, 100000, 1000000};

TEST(burst_writes_what_single_allocations_would) {
    for (size_t c = 0; c < sizeof capacities / sizeof capacities[0]; c++) {
        for (uint32_t clear = ARENA_CLEAR_ON_RESET; clear <= ARENA_CLEAR_NEVER; clear++) {
            size_t capacity = capacities[c];
            struct arena_options options = {sizeof options, clear, 0};
            struct long_arena *arena = long_arena_create_with(capacity, &options);
            int64_t *base = long_arena_alloc_slab(arena, 0).data;
            for (int round = 0; round < 2; round++) {
                struct long_arena_burst burst = long_arena_burst_begin(arena);
                for (size_t i = 0; i < capacity; i++) {
                    if (long_arena_burst_put(&burst, (int64_t)i + round) != base + i) fail();
                }
                assert_null(long_arena_burst_put(&burst, -1));
                assert_null(long_arena_burst_put(&burst, -1));
                long_arena_burst_end(arena, &burst);
                assert_int_equal(long_arena_used(arena), capacity);
                for (size_t i = 0; i < capacity; i++) {
                    if (base[i] != (int64_t)i + round) fail();
                }
                long_arena_reset(arena);
                int64_t *slab = arena_alloc_slab_with(long_arena_raw(arena), NULL, capacity);
                assert_ptr_equal(slab, base);
                assert_true(all_zero(slab, capacity * sizeof *slab));
                long_arena_reset(arena);
            }
            long_arena_destroy(arena);
        }
    }
}

/* Whatever is lent at once, it is whole slots: also of elements that no round number of bytes holds, and of those that
 * are larger than what is lent as a rule. */
TEST(bursts_of_any_stride_reach_the_last_slot) {
    static const size_t sizes[] = {3, 24, 100, 5000, 40000, 65536, 70000};
    static const char value[70000] = "first";
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        const struct arena_type type = {"odd", sizes[s], 1, NULL};
        size_t capacity = 200000 / sizes[s] + 3;
        GIVEN(arena, arena, arena_create(&type, capacity, &arena));
        char *base = arena_alloc_slab(arena, 0);
        struct arena_burst burst;
        arena_burst_begin(arena, &burst);
        for (size_t i = 0; i < capacity; i++) {
            if (arena_burst_put(&burst, value) != base + i * sizes[s]) fail();
        }
        assert_null(arena_burst_put(&burst, value));
        arena_burst_end(arena, &burst);
        assert_int_equal(arena_used(arena), capacity);
        for (size_t i = 0; i < capacity; i++) assert_memory_equal(base + i * sizes[s], value, sizes[s]);
        arena_destroy(arena);
    }
    struct triple_arena *arena = triple_arena_create(10000);
    const struct triple *base = triple_arena_alloc_slab(arena, 0).data;
    struct triple_arena_burst burst = triple_arena_burst_begin(arena);
    for (int64_t i = 0; i < 10000; i++) {
        if (triple_arena_burst_put(&burst, (struct triple){i, -i, 1}) != base + i) fail();
    }
    assert_null(triple_arena_burst_put(&burst, (struct triple){1, 1, 1}));
    triple_arena_burst_end(arena, &burst);
    for (int64_t i = 0; i < 10000; i++) assert_true(base[i].first == i && base[i].second == -i && base[i].third == 1);
    triple_arena_destroy(arena);
}

TEST(empty_burst_takes_nothing) {
    struct long_arena *arena = long_arena_create(3);
    for (size_t used = 0; used <= 3; used++) {
        struct long_arena_burst burst = long_arena_burst_begin(arena);
        long_arena_burst_end(arena, &burst);
        assert_int_equal(long_arena_used(arena), used);
        if (used < 3) long_arena_alloc(arena, 1);
    }
    long_arena_destroy(arena);
    arena = long_arena_create(0);
    struct long_arena_burst burst = long_arena_burst_begin(arena);
    assert_null(long_arena_burst_put(&burst, 1));
    long_arena_burst_end(arena, &burst);
    long_arena_destroy(arena);
}

/* What is lent and left has to be cleared: it is one piece, and not the rest of the arena. */
TEST(a_burst_that_is_left_touches_little) {
    if (sizeof(size_t) < 8 || support_slow()) skip();
    for (uint32_t clear = ARENA_CLEAR_ON_RESET; clear <= ARENA_CLEAR_NEVER; clear++) {
        struct arena_options options = {sizeof options, clear, 0};
        size_t before = support_resident_bytes();
        struct long_arena *arena = long_arena_create_with((size_t)1 << 26, &options);
        struct long_arena_burst burst = long_arena_burst_begin(arena);
        assert_non_null(long_arena_burst_put(&burst, 1));
        long_arena_reset(arena);
        assert_non_null(long_arena_alloc_slab(arena, 100).data);
        assert_true(support_resident_bytes() < before + ((size_t)16 << 20));
        long_arena_destroy(arena);
    }
}

/* --- a burst left open -------------------------------------------------------------------------------------------- */

/* For each size: the arena holds three values, a burst writes, and is left.  The next call of any kind finds three
 * values and zeroed memory behind them. */
static void leave_burst(struct noted_arena *arena, size_t puts) {
    for (int64_t i = 1; i <= 3; i++) noted_arena_alloc(arena, i);
    struct noted_arena_burst burst = noted_arena_burst_begin(arena);
    for (size_t i = 0; i < puts; i++) {
        if (noted_arena_burst_put(&burst, -1) == NULL) fail();
    }
    dropped_count = 0;
    dropped_sum = 0;
}

TEST(what_an_open_burst_wrote_is_not_live_and_is_cleared) {
    for (uint32_t clear = ARENA_CLEAR_ON_RESET; clear <= ARENA_CLEAR_ON_HANDOUT; clear++) {
        for (size_t c = 2; c < sizeof capacities / sizeof capacities[0]; c++) {
            size_t capacity = capacities[c];
            size_t puts = capacity - 3;
            struct arena_options options = {sizeof options, clear, 0};
            struct noted_arena *arena = noted_arena_create_with(capacity, &options);
            int64_t *base = noted_arena_alloc_slab(arena, 0).data;
            leave_burst(arena, puts);
            assert_int_equal(noted_arena_used(arena), 3);
            assert_int_equal(noted_arena_remaining(arena), puts);
            int64_t *next = noted_arena_alloc_zero(arena);
            assert_ptr_equal(next, base + 3);
            assert_true(*next == 0);
            struct noted_arena_slab rest = noted_arena_alloc_slab(arena, puts - 1);
            assert_ptr_equal(rest.data, base + 4);
            assert_true(all_zero(rest.data, rest.len * sizeof *rest.data));
            noted_arena_reset(arena);
            assert_int_equal(dropped_count, capacity);
            assert_int_equal(dropped_sum, 1 + 2 + 3);

            leave_burst(arena, puts);
            noted_arena_reset(arena); /* at once */
            assert_int_equal(dropped_count, 3);
            assert_int_equal(dropped_sum, 1 + 2 + 3);
            rest = noted_arena_alloc_slab(arena, capacity);
            assert_true(all_zero(rest.data, rest.len * sizeof *rest.data));
            noted_arena_reset(arena);

            leave_burst(arena, puts);
            struct noted_arena_burst burst = noted_arena_burst_begin(arena); /* another burst */
            assert_ptr_equal(noted_arena_burst_put(&burst, 4), base + 3);
            noted_arena_burst_end(arena, &burst);
            assert_int_equal(noted_arena_used(arena), 4);
            noted_arena_trim(arena);
            rest = noted_arena_alloc_slab(arena, capacity - 4);
            assert_true(all_zero(rest.data, rest.len * sizeof *rest.data));
            noted_arena_reset(arena);
            assert_int_equal(dropped_sum, 1 + 2 + 3 + 4);

            leave_burst(arena, puts);
            noted_arena_destroy(arena);
            assert_int_equal(dropped_count, 3);
            assert_int_equal(dropped_sum, 1 + 2 + 3);
        }
    }
}

static void burst_and_panic(struct noted_arena *arena, void *user) {
    noted_arena_alloc(arena, 7);
    struct noted_arena_burst burst = noted_arena_burst_begin(arena);
    for (size_t i = 0; i < 50; i++) noted_arena_burst_put(&burst, -1);
    arena_panic("in a burst");
}

static void execute_burst(void *user) {
    int status = noted_arena_pool_execute(user, burst_and_panic, NULL);
    (void)status;
}

TEST(panic_in_a_burst_leaves_a_clean_arena_in_the_pool) {
    struct noted_arena_pool *pool = noted_arena_pool_create(100);
    dropped_count = 0;
    dropped_sum = 0;
    assert_panics(execute_burst, pool, "in a burst");
    assert_int_equal(dropped_count, 1);
    assert_int_equal(dropped_sum, 7);
    GIVEN(noted_arena, arena, noted_arena_pool_checkout(pool, &arena));
    assert_int_equal(noted_arena_used(arena), 0);
    struct noted_arena_slab slab = noted_arena_alloc_slab(arena, 100);
    assert_true(all_zero(slab.data, slab.len * sizeof *slab.data));
    noted_arena_pool_return(pool, arena);
    assert_int_equal(noted_arena_pool_destroy(pool), ARENA_OK);
}

/* Where a return does nothing but clear, too. */
TEST(burst_left_before_the_return_leaves_a_clean_arena) {
    static const size_t puts[] = {1, 30, 5000, 20000};
    for (uint32_t clear = ARENA_CLEAR_ON_RESET; clear <= ARENA_CLEAR_ON_HANDOUT; clear++) {
        struct arena_options slots = {sizeof slots, clear, 0};
        struct arena_pool_options options = {.struct_size = sizeof options, .arena_options = &slots};
        struct long_arena_pool *pool = long_arena_pool_create_with(20000, &options);
        for (size_t i = 0; i < sizeof puts / sizeof puts[0]; i++) {
            GIVEN(long_arena, arena, long_arena_pool_checkout(pool, &arena));
            struct long_arena_burst burst = long_arena_burst_begin(arena);
            for (size_t j = 0; j < puts[i]; j++) assert_non_null(long_arena_burst_put(&burst, -1));
            long_arena_pool_return(pool, arena);
            assert_int_equal(long_arena_pool_checkout(pool, &arena), ARENA_OK);
            assert_int_equal(long_arena_used(arena), 0);
            struct long_arena_slab slab = long_arena_alloc_slab(arena, 20000);
            assert_true(all_zero(slab.data, slab.len * sizeof *slab.data));
            long_arena_pool_return(pool, arena);
        }
        assert_int_equal(long_arena_pool_destroy(pool), ARENA_OK);
    }
}

/* --- the exported twins ------------------------------------------------------------------------------------------- */

TEST(exported_burst) {
    const struct arena_type type = {"five of eight", 5, 8, NULL};
    for (uint32_t clear = ARENA_CLEAR_ON_RESET; clear <= ARENA_CLEAR_NEVER; clear++) {
        struct arena_options options = {sizeof options, clear, 0};
        GIVEN(arena, arena, arena_create_with(&type, 3000, &options, &arena));
        char *base = arena_alloc_slab(arena, 0);
        for (int round = 0; round < 2; round++) {
            struct arena_burst burst;
            arena_burst_begin(arena, &burst);
            for (size_t i = 0; i < 3000; i++) {
                char *slot = arena_burst_put(&burst, i % 2 ? "abcde" : NULL);
                assert_ptr_equal(slot, base + i * 8);
                assert_memory_equal(slot, i % 2 ? "abcde\0\0" : "\0\0\0\0\0\0\0", 8); /* the gap, too */
                memset(slot, 'x', 8);
            }
            assert_null(arena_burst_put(&burst, "abcde"));
            arena_burst_end(arena, &burst);
            assert_int_equal(arena_used(arena), 3000);
            arena_reset(arena);
        }
        arena_destroy(arena);
    }
}

static void begin_on_nothing(void *user) {
    struct arena_burst burst;
    arena_burst_begin(user, &burst);
}

struct closing {
    struct arena *arena;
    struct arena_burst burst;
};

static void close_burst(void *user) {
    struct closing *closing = user;
    arena_burst_end(closing->arena, &closing->burst);
}

TEST(misuse_of_bursts_is_diagnosed) {
    assert_panics(begin_on_nothing, NULL, "arena_burst_begin");
    struct closing closing = {NULL, {NULL, NULL, NULL}};
    assert_int_equal(arena_create(ARENA_TYPE(int), 10, &closing.arena), ARENA_OK);
    GIVEN(arena, other, arena_create(ARENA_TYPE(int), 10, &other));
    arena_burst_begin(other, &closing.burst);
    assert_panics(close_burst, &closing, "arena_burst_end"); /* another arena's */
    struct arena *own = closing.arena;
    closing.arena = other;
    close_burst(&closing);
    assert_panics(close_burst, &closing, "arena_burst_end"); /* closed already */
    closing.arena = own;
    struct arena_burst others;
    arena_burst_begin(own, &closing.burst);
    arena_burst_begin(other, &others);
    closing.arena = other;
    assert_panics(close_burst, &closing, "arena_burst_end"); /* while the other has one open, too */
    closing.arena = NULL;
    assert_panics(close_burst, &closing, "arena_burst_end");
    arena_burst_end(other, &others);
    closing.arena = own;
    arena_burst_put(&closing.burst, NULL);
    arena_reset(own);
    assert_panics(close_burst, &closing, "arena_burst_end"); /* taken back by the reset */
    assert_int_equal(arena_used(own), 0);
    assert_non_null(arena_try_alloc_slab(own, 10));
    arena_destroy(own);
    arena_destroy(other);
}

struct bad_burst {
    struct arena *arena;
    struct arena_burst *burst;
};
static void begin_burst(void *user) {
    const struct bad_burst *bad = user;
    arena_burst_begin(bad->arena, bad->burst);
}
static void end_burst(void *user) {
    const struct bad_burst *bad = user;
    arena_burst_end(bad->arena, bad->burst);
}
static void put_into_burst(void *user) { (void)arena_burst_put(((const struct bad_burst *)user)->burst, NULL); }
static void want_more(void *user) {
    const struct bad_burst *bad = user;
    char *limit;
    (void)arena_burst_more(bad->arena, NULL, &limit);
}

TEST(bursts_that_are_not_open) {
    GIVEN(arena, arena, arena_create(ARENA_TYPE(int), 8, &arena));
    struct arena_burst burst;
    struct bad_burst no_arena = {NULL, &burst};
    struct bad_burst no_burst = {arena, NULL};
    struct bad_burst both = {arena, &burst};
    assert_panics(begin_burst, &no_arena, "arena_burst_begin: arena is NULL");
    assert_panics(begin_burst, &no_burst, "arena_burst_begin: out is NULL");
    assert_panics(put_into_burst, &no_burst, "arena_burst_put: the burst is not open");
    assert_panics(want_more, &no_arena, "arena_burst_put: the burst is not open");
    assert_panics(want_more, &both, "arena_burst_put: the burst is not open");
    assert_panics(end_burst, &no_burst, "arena_burst_end: the burst is not the arena's open one");
    arena_burst_begin(arena, &burst);
    assert_panics(end_burst, &no_arena, "arena_burst_end: the burst is not the arena's open one");
    assert_panics(want_more, &both, "arena_burst_put: the burst is not open"); /* at another place than where it is */
    assert_non_null(arena_burst_put(&burst, NULL));
    struct arena_burst stale = burst;
    stale.limit = NULL;
    struct bad_burst wrong_limit = {arena, &stale};
    assert_panics(end_burst, &wrong_limit, "arena_burst_end: the burst is not the arena's open one");
    struct arena_burst others = burst; /* that of an arena whose memory begins where this one's ends, say */
    others.arena = NULL;
    struct bad_burst wrong_arena = {arena, &others};
    assert_panics(end_burst, &wrong_arena, "arena_burst_end: the burst is not the arena's open one");
    arena_burst_end(arena, &burst);
    assert_panics(put_into_burst, &both, "arena_burst_put: the burst is not open");
    assert_panics(end_burst, &both, "arena_burst_end: the burst is not the arena's open one");
    arena_burst_begin(arena, &burst);
    struct arena_burst early = burst;
    arena_reset(arena); /* ends it */
    struct bad_burst too_late = {arena, &early};
    assert_panics(put_into_burst, &too_late, "arena_burst_put: the burst is not open");
    assert_panics(end_burst, &too_late, "arena_burst_end: the burst is not the arena's open one");
    arena_burst_begin(arena, &burst);
    early = burst;
    arena_trim(arena); /* ends it too: what it wrote would be discarded */
    assert_panics(put_into_burst, &too_late, "arena_burst_put: the burst is not open");
    assert_panics(end_burst, &too_late, "arena_burst_end: the burst is not the arena's open one");
    arena_destroy(arena);
}

TEST(checked_bursts_say_what_the_plain_ones_panic_with) {
    struct arena_burst burst;
    void *slot = &burst;
    GIVEN(arena, arena, arena_create(ARENA_TYPE(int), 2, &arena));
    assert_int_equal(arena_burst_begin_checked(arena, NULL), ARENA_EINVAL);
    assert_int_equal(arena_burst_begin_checked(NULL, &burst), ARENA_EINVAL);
    assert_null(burst.arena);
    assert_int_equal(arena_burst_put_checked(&burst, NULL, &slot), ARENA_EINVAL); /* never begun */
    assert_null(slot);
    assert_int_equal(arena_burst_begin_checked(arena, &burst), ARENA_OK);
    assert_int_equal(arena_burst_put_checked(&burst, &(int){1}, NULL), ARENA_EINVAL);
    for (int value = 1; value <= 2; value++) {
        assert_int_equal(arena_burst_put_checked(&burst, &value, &slot), ARENA_OK);
        assert_int_equal(*(int *)slot, value);
    }
    assert_int_equal(arena_burst_put_checked(&burst, NULL, &slot), ARENA_EFULL);
    assert_null(slot);
    assert_int_equal(arena_burst_end_checked(NULL, &burst), ARENA_EINVAL);
    assert_int_equal(arena_burst_end_checked(arena, NULL), ARENA_EINVAL);
    assert_int_equal(arena_burst_end_checked(arena, &burst), ARENA_OK);
    assert_int_equal(arena_used(arena), 2);
    assert_int_equal(arena_burst_end_checked(arena, &burst), ARENA_EINVAL);
    assert_int_equal(arena_burst_put_checked(&burst, NULL, &slot), ARENA_EINVAL);
    assert_int_equal(arena_burst_put_checked(NULL, NULL, &slot), ARENA_EINVAL);
    arena_destroy(arena);
}

/* What it was lent is no peak. */
TEST(a_burst_that_was_left_was_not_in_use) {
    GIVEN(arena, arena, arena_create(ARENA_TYPE(int), 100000, &arena));
    struct arena_stats stats = {sizeof stats, 0, 0, 0, 0, 0, 0};
    assert_non_null(arena_alloc(arena, NULL));
    struct arena_burst burst;
    arena_burst_begin(arena, &burst);
    assert_non_null(arena_burst_put(&burst, NULL));
    assert_non_null(arena_alloc(arena, NULL));
    assert_int_equal(arena_get_stats(arena, &stats), ARENA_OK);
    assert_int_equal(stats.peak_bytes, 2 * sizeof(int));
    arena_destroy(arena);
}

/* Its owner lost it: a burst gets no more than a single allocation does. */
TEST(an_arena_that_is_back_in_its_pool_lends_nothing) {
    GIVEN(arena_pool, pool, arena_pool_create(ARENA_TYPE(int), 10, &pool));
    GIVEN(arena, arena, arena_pool_checkout(pool, &arena));
    arena_pool_return(pool, arena);
    assert_panics(begin_on_nothing, arena, "arena_burst_begin: the arena is back in its pool");
    struct arena_burst burst;
    assert_int_equal(arena_burst_begin_checked(arena, &burst), ARENA_EINVAL);
    assert_null(arena_try_alloc(arena, &(int){1}));
    assert_null(arena_try_alloc_slab(arena, 1));
    GIVEN(arena, again, arena_pool_checkout(pool, &again));
    assert_int_equal(arena_used(again), 0);
    const int *slab = arena_try_alloc_slab(again, 10);
    assert_non_null(slab);
    assert_true(all_zero(slab, 10 * sizeof *slab));
    arena_pool_return(pool, again);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

int main(void) { return support_run("bursts"); }
