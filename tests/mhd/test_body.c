/* SPDX-License-Identifier: MIT */
/* The collected body: limits, growth, and what is thrown away. */
#include "../support.h"

#include "mhd/body.h"

static char source[1 << 16];

static void fill_source(void) {
    for (size_t i = 0; i < sizeof source; i++) source[i] = (char)(i * 7 + i / 251);
}

TEST(an_empty_body_reads_as_an_empty_string) {
    struct body body;
    body_begin(&body, 10, NULL);
    assert_int_equal(body.state, BODY_KEPT);
    assert_int_equal(body.length, 0);
    assert_string_equal(body_data(&body), "");
    assert_true(body_take(&body, source, 0));
    assert_string_equal(body_data(&body), "");
    body_end(&body);
}

TEST(pieces_of_any_size_are_put_together) {
    fill_source();
    static const size_t pieces[] = {1, 2, 3, 7, 4093, 4096, 4097, 65536};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        struct body body;
        body_begin(&body, sizeof source, NULL);
        for (size_t at = 0; at < sizeof source; at += pieces[i]) {
            size_t size = pieces[i] < sizeof source - at ? pieces[i] : sizeof source - at;
            assert_true(body_take(&body, source + at, size));
            assert_int_equal(((const char *)body_data(&body))[at + size], '\0');
            assert_true(body.capacity <= 2 * (at + size) || body.capacity <= 4096);
        }
        assert_int_equal(body.state, BODY_KEPT);
        assert_int_equal(body.length, sizeof source);
        assert_memory_equal(body_data(&body), source, sizeof source);
        body_end(&body);
    }
}

/* Beyond the default limit, too. */
TEST(a_long_body_is_put_together) {
    fill_source();
    enum { PIECES = 50 };
    const size_t piece = sizeof source - 1; /* 3 MiB in all, which repeat with no power of two */
    struct body body;
    body_begin(&body, PIECES * piece, NULL);
    for (size_t i = 0; i < PIECES; i++) assert_true(body_take(&body, source, piece));
    assert_int_equal(body.state, BODY_KEPT);
    assert_int_equal(body.length, PIECES * piece);
    for (size_t i = 0; i < PIECES; i++) {
        assert_memory_equal((const char *)body_data(&body) + i * piece, source, piece);
    }
    body_end(&body);
}

TEST(the_limit_is_exact) {
    fill_source();
    static const size_t limits[] = {1, 2, 4095, 4096, 4097, 10000};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        struct body body;
        body_begin(&body, limits[i], NULL);
        assert_true(body_take(&body, source, limits[i] - 1));
        assert_true(body_take(&body, source + limits[i] - 1, 1));
        assert_int_equal(body.state, BODY_KEPT);
        assert_int_equal(body.capacity, limits[i] < 4096 ? limits[i] : body.capacity);
        assert_memory_equal(body_data(&body), source, limits[i]);
        assert_true(body_take(&body, source, 1));
        assert_int_equal(body.state, BODY_TOO_LONG);
        assert_int_equal(body.length, 0);
        assert_int_equal(body.capacity, 0);
        assert_null(body.data); /* nothing is kept of a body that is refused */
        assert_string_equal(body_data(&body), "");
        body_end(&body);
    }
}

/* Or each of the first small pieces would cost an allocation. */
TEST(the_first_block_has_room_for_more) {
    static const size_t limits[] = {4096, 4097, 1000000};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        struct body body;
        body_begin(&body, limits[i], NULL);
        assert_true(body_take(&body, source, 1));
        assert_int_equal(body.capacity, 4096);
        body_end(&body);
    }
}

TEST(a_refused_body_is_drained_so_far_and_no_further) {
    struct body body;
    body_begin(&body, 1, NULL);
    for (size_t drained = 0; drained < BODY_DRAIN_BYTES; drained += sizeof source) {
        assert_true(body_take(&body, source, sizeof source));
        assert_int_equal(body.state, BODY_TOO_LONG);
    }
    assert_true(body_take(&body, source, 1)); /* one byte of all was within the limit */
    assert_true(body_take(&body, source, 0));
    for (int i = 0; i < 2; i++) assert_false(body_take(&body, source, 1));
    body_end(&body);
}

TEST(what_was_kept_does_not_count_as_drained) {
    struct body body;
    body_begin(&body, 1000, NULL);
    assert_true(body_take(&body, source, 1000));
    for (size_t drained = 0; drained < BODY_DRAIN_BYTES; drained += sizeof source) {
        assert_true(body_take(&body, source, sizeof source));
    }
    assert_false(body_take(&body, source, 1));
    body_end(&body);
}

/* Or a body that comes byte by byte would be copied with each.  What is beyond half the limit gets all of it at once. */
TEST(the_block_doubles) {
    static const size_t limits[] = {sizeof source, 40 << 10};
    for (size_t limit = 0; limit < sizeof limits / sizeof *limits; limit++) {
        struct body body;
        int moves = 0;
        body_begin(&body, limits[limit], NULL);
        for (size_t i = 0, before = 0; i < limits[limit]; i++, before = body.capacity) {
            assert_true(body_take(&body, source + i, 1));
            moves += body.capacity != before;
        }
        assert_int_equal(moves, 5); /* 4, 8, 16, 32, 64 or 40 KiB */
        body_end(&body);
    }
}

/* A body whose length is not known fills most of its arena, which is nobody else's yet, and leaves the rest. */
TEST(a_body_of_unknown_length_fills_its_arena) {
    fill_source();
    static const size_t capacities[] = {60000, 300000, 2000000};
    for (size_t i = 0; i < 3; i++) {
        for (int round = 0; round < 3; round++) { /* a new arena, and one that had a body before */
            struct arena_bytes *arena = arena_bytes_create(capacities[i]);
            assert_non_null(arena);
            for (int times = 0; times < 1 + round; times++) {
                struct body body;
                arena_bytes_reset(arena);
                body_begin(&body, (size_t)16 << 20, NULL);
                body_use_arena(&body, arena);
                size_t wanted = times < round ? capacities[i] / 5 : capacities[i] / 5 * 4;
                for (size_t at = 0; at < wanted; at += 1000) {
                    size_t size = wanted - at < 1000 ? wanted - at : 1000;
                    assert_true(body_take(&body, source + at % 60000, size));
                    assert_int_equal(body.state, BODY_KEPT);
                }
                body_close(&body);
                assert_int_equal(body.length, wanted);
                for (size_t at = 0; at < wanted; at += 1000) {
                    size_t size = wanted - at < 1000 ? wanted - at : 1000;
                    assert_memory_equal((const char *)body_data(&body) + at, source + at % 60000, size);
                }
                assert_int_equal(((const char *)body_data(&body))[wanted], '\0');
                body_end(&body);
            }
            arena_bytes_destroy(arena);
        }
    }
}

static void *take_little(size_t bytes, size_t align, void *user) {
    void *memory = NULL;
    return bytes <= *(size_t *)user && posix_memalign(&memory, align, bytes) == 0 ? memory : NULL;
}
static void give_little(void *memory, size_t bytes, size_t align, void *user) { free(memory); }

/* Memory that is short ends it sooner than the arena's capacity, and no sooner than it has to. */
TEST(where_memory_is_short_a_body_has_what_it_needs) {
    fill_source();
    size_t most = 40000;
    const struct arena_source little = {take_little, give_little, &most};
    const struct arena_options options = {.struct_size = sizeof options, .source = &little};
    static const size_t capacities[] = {1 << 20, 120000}; /* more than the body may come to, and less */
    for (size_t i = 0; i < 2; i++) {
        struct arena_bytes *arena = arena_bytes_create_with(capacities[i], &options);
        assert_non_null(arena);
        struct body body;
        body_begin(&body, (size_t)1 << 19, NULL);
        body_use_arena(&body, arena);
        for (size_t at = 0; at < 20000; at += 1000) assert_true(body_take(&body, source + at, 1000));
        assert_int_equal(body.state, BODY_KEPT);
        assert_memory_equal(body_data(&body), source, 20000);
        assert_true(body_take(&body, source, 30000));
        assert_int_equal(body.state, BODY_TOO_LONG);
        body_end(&body);
        arena_bytes_destroy(arena);
    }
}

TEST(what_a_body_has_too_much_of_goes_back) {
    fill_source();
    struct arena_bytes *arena = arena_bytes_create((size_t)4 << 20);
    assert_non_null(arena);
    struct body body;
    body_begin(&body, (size_t)1 << 20, NULL);
    body_use_arena(&body, arena);
    for (size_t at = 0; at < 60000; at += 5000) assert_true(body_take(&body, source + at, 5000));
    /* It has moved to where all of it would have room. */
    if (!support_checked()) assert_true(arena_bytes_used(arena) > (size_t)1 << 20);
    body_close(&body);
    assert_true(arena_bytes_used(arena) < (size_t)1 << 18);
    assert_memory_equal(body_data(&body), source, 60000);
    body_close(&body);
    body_end(&body);
    arena_bytes_destroy(arena);
}

TEST(sizes_at_the_ends_of_the_range_do_not_overflow) {
    struct body body;
    body_begin(&body, SIZE_MAX, NULL);
    assert_true(body_take(&body, source, 10));
    assert_int_equal(body.length, 10);
    body_end(&body);
    /* The longest body and its NUL are the largest block there can be. */
    static const size_t limits[] = {SIZE_MAX, (size_t)PTRDIFF_MAX + 1, PTRDIFF_MAX, PTRDIFF_MAX - 1};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        body_begin(&body, limits[i], NULL);
        assert_int_equal(body.limit, PTRDIFF_MAX - 1);
        body_end(&body);
    }
    body_begin(&body, 5, NULL);
    assert_false(body_take(&body, source, SIZE_MAX));
    assert_int_equal(body.state, BODY_TOO_LONG);
    assert_false(body_take(&body, source, SIZE_MAX));
    body_end(&body);
}

TEST(a_body_is_hopeless_when_it_is_not_worth_draining) {
    assert_false(body_hopeless(0, 1));
    assert_false(body_hopeless(1, 1));
    assert_false(body_hopeless(1 + BODY_DRAIN_BYTES, 1));
    assert_true(body_hopeless(2 + BODY_DRAIN_BYTES, 1));
    assert_true(body_hopeless(UINT64_MAX, 1000));
    for (int bit = 25; bit < 64; bit++) assert_true(body_hopeless((UINT64_C(1) << bit) + 1, 1));
    assert_false(body_hopeless(UINT64_MAX, SIZE_MAX));
}

int main(void) { return support_run("mhd body"); }
