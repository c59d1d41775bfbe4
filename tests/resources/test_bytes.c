/* SPDX-License-Identifier: MIT */
/* What byte arenas take: their capacity is no reservation, they are as cheap as a malloc, one block of memory serves a
 * generation, and what was not touched or is not needed any more is not in memory. */
#define _GNU_SOURCE
#include "measure.h"

#include <sys/resource.h>

/* KEPT: what arenas that ended before may have left in memory for the next one, so that it is no growth. */
enum { KEPT = 5 << 20, PEAK = 64 << 20, USUAL = 4096, PATIENCE = 32, PAGE = 4096 };

static struct arena_bytes *make(size_t capacity, uint32_t clear, size_t retain_bytes) {
    const struct arena_options options = {.struct_size = sizeof options, .clear = clear, .retain_bytes = retain_bytes};
    struct arena_bytes *arena = arena_bytes_create_with(capacity, &options);
    assert_non_null(arena);
    return arena;
}

/* Blocks of a page, all written. */
static void fill(struct arena_bytes *arena, size_t size_bytes) {
    for (size_t at = 0; at < size_bytes; at += USUAL) memset(arena_bytes_alloc(arena, USUAL, 16), 'x', USUAL);
}
static void use(struct arena_bytes *arena, size_t size_bytes) {
    fill(arena, size_bytes);
    arena_bytes_reset(arena);
}

/* --- capacity is a limit ------------------------------------------------------------------------------------------- */

static void use_under_a_limit(void *user) {
    const struct rlimit limit = {(rlim_t)600000 * 1024, (rlim_t)600000 * 1024}; /* ulimit -v 600000 */
    child_check(setrlimit(RLIMIT_AS, &limit) == 0);
    static const uint64_t capacities[] = {(uint64_t)16 << 30, UINT64_MAX};
    for (size_t i = 0; i < sizeof capacities / sizeof capacities[0]; i++) {
        struct arena_bytes *arenas[8];
        for (int k = 0; k < 8; k++) {
            arenas[k] = arena_bytes_create(capacities[i] < SIZE_MAX ? (size_t)capacities[i] : SIZE_MAX);
            child_check(arenas[k] != NULL);
            fill(arenas[k], 8 * MIB);
        }
        size_t used = arena_bytes_used(arenas[0]);
        void *block;
        child_check(arena_bytes_alloc_checked(arenas[0], 1024 * MIB, 1, &block) == ARENA_ENOMEM && block == NULL);
        child_check(arena_bytes_used(arenas[0]) == used);
        fill(arenas[0], 100 * MIB);
        for (int k = 0; k < 8; k++) arena_bytes_destroy(arenas[k]);
    }
}

TEST(a_limit_of_16_gib_fits_where_nothing_large_does) { assert_child_succeeds(use_under_a_limit, NULL); }

/* They cost what malloc of a page does, no mapping each, and all of it goes back. */
TEST(a_hundred_thousand_live_together) {
    enum { COUNT = 100000, USED = 900 };
    static struct arena_bytes *arenas[COUNT];
    struct measure before = measure_now();
    for (int i = 0; i < COUNT; i++) {
        arenas[i] = arena_bytes_create(i % 2 == 0 ? 60000 : SIZE_MAX);
        assert_non_null(arenas[i]);
        memset(arena_bytes_alloc(arenas[i], USED, 8), 'x', USED);
    }
    struct measure full = measure_now();
    assert_at_most(measure_grown(&before), (size_t)COUNT * 5 * KIB);
    assert_true(full.mappings <= before.mappings + 1000);
    assert_int_equal(full.descriptors, before.descriptors);
    for (int i = 0; i < COUNT; i++) arena_bytes_destroy(arenas[i]);
    assert_at_most(measure_grown(&before), (size_t)COUNT * KIB / 2);
}

/* --- what serves a generation ---------------------------------------------------------------------------------------- */

/* Nothing is mapped anew, and no page comes twice, once it is known what a generation needs. */
TEST(one_block_of_memory_serves_a_generation) {
    static const size_t sizes[] = {20 * KIB, 100 * KIB, 300 * KIB, 5 * MIB};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct measure before = measure_now();
        struct arena_bytes *arena = make(SIZE_MAX, ARENA_CLEAR_ON_RESET, 0);
        for (int generation = 0; generation < 8; generation++) use(arena, sizes[i]);
        size_t faults = measure_faults();
        struct arena_stats stats = {.struct_size = sizeof stats};
        for (int generation = 0; generation < 20; generation++) {
            fill(arena, sizes[i]);
            assert_int_equal(arena_bytes_get_stats(arena, &stats), ARENA_OK);
            assert_int_equal(stats.blocks, 1);
            arena_bytes_reset(arena);
        }
        assert_at_most(stats.reserved_bytes, 3 * sizes[i]);
        assert_at_most(measure_grown(&before), sizes[i] + sizes[i] / 16 + 64 * KIB); /* of the growth nothing is left */
        assert_true(measure_faults() - faults <= 20 + sizes[i] / PAGE);
        arena_bytes_destroy(arena);
    }
}

/* --- what is not needed ----------------------------------------------------------------------------------------------- */

TEST(a_peak_goes_back) {
    for (uint32_t clear = ARENA_CLEAR_ON_RESET; clear <= ARENA_CLEAR_NEVER; clear++) {
        for (int rewinds = 0; rewinds < 2; rewinds++) {
            struct measure before = measure_now();
            struct arena_bytes *arena = make(SIZE_MAX, clear, 0);
            for (int peak = 0; peak < 2; peak++) {
                use(arena, PEAK);
                struct arena_mark mark = arena_bytes_mark(arena);
                for (int i = 0; i < PATIENCE; i++) {
                    if (rewinds == 0) {
                        use(arena, USUAL);
                        continue;
                    }
                    fill(arena, USUAL); /* a rewind of most of it is a generation, too */
                    arena_bytes_rewind(arena, mark);
                }
                assert_at_most(measure_grown(&before), 5 * MIB);
                arena_bytes_reset(arena);
            }
            arena_bytes_destroy(arena);
        }
    }
}

TEST(what_is_retained_is_what_was_asked_for) {
    struct measure before = measure_now();
    struct arena_bytes *arena = make(SIZE_MAX, ARENA_CLEAR_ON_RESET, ARENA_RETAIN_ALL);
    for (int i = 0; i < 3; i++) use(arena, PEAK); /* so that one block holds it */
    for (int i = 0; i < 2 * PATIENCE; i++) use(arena, USUAL);
    assert_at_least(measure_grown(&before), PEAK - KEPT - MIB);
    arena_bytes_trim(arena);
    assert_at_most(measure_grown(&before), PEAK / 16);
    arena_bytes_destroy(arena);
}

/* A peak in every fifth generation keeps its pages. */
TEST(a_regular_peak_stays) {
    enum { EVERY = 5, PEAKS = 12 };
    struct arena_bytes *arena = make(SIZE_MAX, ARENA_CLEAR_ON_RESET, 0);
    for (int i = 0; i < 4 * EVERY; i++) use(arena, i % EVERY == 0 ? PEAK / 4 : USUAL);
    size_t before = measure_faults();
    for (int i = 0; i < PEAKS * EVERY; i++) use(arena, i % EVERY == 0 ? PEAK / 4 : USUAL);
    assert_true(measure_faults() - before <= PEAKS / 4 * (PEAK / 4 / PAGE));
    arena_bytes_destroy(arena);
}

/* Handed out, one byte at each end written, and taken back: two pages, whichever way. */
TEST(what_was_not_touched_stays_untouched) {
    enum { LARGE = 256 << 20 };
    for (uint32_t clear = ARENA_CLEAR_ON_RESET; clear <= ARENA_CLEAR_ON_HANDOUT; clear++) {
        struct measure before = measure_now();
        struct arena_bytes *arena = make(SIZE_MAX, clear, ARENA_RETAIN_ALL);
        for (int generation = 0; generation < 4; generation++) {
            struct arena_mark mark = arena_bytes_mark(arena);
            char *block = arena_bytes_alloc(arena, LARGE, 1);
            assert_true(block[0] == 0 && block[LARGE - 1] == 0);
            block[0] = block[LARGE - 1] = 'x';
            assert_at_most(measure_grown(&before), 8 * MIB);
            if (generation % 2 == 0) {
                arena_bytes_rewind_end(arena, mark);
            } else {
                arena_bytes_reset(arena);
            }
            assert_at_most(measure_grown(&before), 8 * MIB);
        }
        arena_bytes_destroy(arena);
    }
}

/* A generation of blocks that are each larger than the arena's memory comes in at first: they were a malloc each, whose
 * memory stayed with the C library. */
TEST(a_peak_of_larger_blocks_goes_back) {
    enum { LARGER = 10000 };
    struct measure before = measure_now();
    struct arena_bytes *arena = make(SIZE_MAX, ARENA_CLEAR_ON_RESET, 0);
    for (size_t at = 0; at < PEAK; at += LARGER) memset(arena_bytes_alloc(arena, LARGER, 16), 'x', LARGER);
    assert_at_most(measure_grown(&before), PEAK + PEAK / 8);
    arena_bytes_reset(arena);
    for (int i = 0; i < PATIENCE; i++) use(arena, USUAL);
    assert_at_most(measure_grown(&before), 5 * MIB);
    arena_bytes_destroy(arena);
}

static size_t faults_of_a_vector(int count) {
    struct {
        int *data;
        size_t len, cap;
    } vector = {NULL, 0, 0};
    struct arena_bytes *arena = arena_bytes_create(SIZE_MAX);
    assert_non_null(arena);
    size_t before = measure_faults();
    for (int i = 0; i < count; i++) *ARENA_PUSH(arena, &vector) = i;
    size_t faults = measure_faults() - before;
    arena_bytes_destroy(arena);
    return faults;
}

/* A vector in an arena of its own finds the pages of the one before, and takes no more than realloc would. */
TEST(a_vector_is_pushed_to_where_one_was) {
    enum { COUNT = 1000000 };
    (void)faults_of_a_vector(COUNT);
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY && sizeof(void *) == 8)
        assert_true(faults_of_a_vector(COUNT) <= COUNT * sizeof(int) / PAGE / 16);
}

/* Each of a size of its own, so that none takes what another left. */
TEST(what_ended_leaves_little_behind) {
    struct measure before = measure_now();
    for (size_t i = 1; i <= 24; i++) {
        struct arena_bytes *arena = make(SIZE_MAX, ARENA_CLEAR_ON_RESET, 0);
        size_t size = i * MIB / 2 + i * 32 * KIB;
        memset(arena_bytes_alloc(arena, size, 8), 'x', size);
        arena_bytes_destroy(arena);
    }
    assert_at_most(measure_grown(&before), KEPT + MIB);
}

/* Of a pool: a large request does not stay in memory for ever, and what is in rotation does. */
TEST(a_pool_forgets_a_large_request) {
    struct measure before = measure_now();
    struct arena_bytes_pool *pool = arena_bytes_pool_create(SIZE_MAX);
    assert_non_null(pool);
    for (int i = 0; i < 3 * PATIENCE; i++) {
        GIVEN(arena_bytes, arena, arena_bytes_pool_checkout(pool, &arena));
        fill(arena, i == 0 ? PEAK : USUAL);
        arena_bytes_pool_return(pool, arena);
    }
    assert_at_most(measure_grown(&before), 5 * MIB);
    assert_int_equal(arena_bytes_pool_destroy(pool), ARENA_OK);
}

int main(void) {
    if (!measure_start()) return 77;
    return support_run("bytes");
}
