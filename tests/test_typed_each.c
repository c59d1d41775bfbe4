/* SPDX-License-Identifier: MIT */
/* Every function of the typed face for elements of many sizes and alignments, with a destructor and without, in C and in
 * C++: each is code of its own in the program.  typed_each.h has what holds for all of them.  EACH_TEMPLATE: made by
 * arena/template.h instead of ARENA_DEFINE.  EACH_FEW: for one element of each kind, where the same code is compiled
 * another way. */
#include "support.h"

#include <arena/arena.h>

#include <stdalign.h>

enum { EACH_CAPACITY = 17 };

static size_t each_dropped; /* elements, of whatever type */
static void *each_dropped_last;

struct three {
    unsigned char bytes[3];
};
struct five {
    unsigned char bytes[5];
};
struct twelve {
    int32_t words[3];
};
struct pair {
    int64_t first, second; /* what fits into registers, as a rule */
};
struct triple {
    int64_t words[3];
};
struct line {
    alignas(64) unsigned char bytes[64];
};
struct large {
    int64_t words[15];
};
struct page {
    alignas(4096) unsigned char bytes[4096];
};

struct other {
    char bytes[7];
};
ARENA_DEFINE(others, struct other)

/* The macros paste their first argument: here it is looked up before. */
#define EACH_TEST(name) TEST(name)
#define EACH_DEFINE(...) ARENA_DEFINE(__VA_ARGS__)
#define EACH_DEFINE_DROP(...) ARENA_DEFINE_DROP(__VA_ARGS__)
#define EACH_SCRATCH_IN(arena) EACH_SCRATCH(PREFIX, arena)
#define EACH_SCRATCH(...) ARENA_SCRATCH(__VA_ARGS__)
#define EACH_SLAB_WITH(...) ARENA_SLAB_WITH(__VA_ARGS__)
#define EACH_TRY_SLAB_WITH(...) ARENA_TRY_SLAB_WITH(__VA_ARGS__)
#define EACH_SLAB_WITH_CONTEXT(...) ARENA_SLAB_WITH_CONTEXT(__VA_ARGS__)

#define PREFIX bytes
#define ELEMENT unsigned char
#include "typed_each.h"

#define PREFIX pairs
#define ELEMENT struct pair
#include "typed_each.h"

#define PREFIX lines
#define ELEMENT struct line
#include "typed_each.h"

#define PREFIX dropped_fives
#define DROPS
#define ELEMENT struct five
#include "typed_each.h"

#ifndef EACH_FEW
#define PREFIX threes
#define ELEMENT struct three
#include "typed_each.h"

#define PREFIX ints
#define ELEMENT int
#include "typed_each.h"

#define PREFIX twelves
#define ELEMENT struct twelve
#include "typed_each.h"

#define PREFIX triples
#define ELEMENT struct triple
#include "typed_each.h"

#define PREFIX larges
#define ELEMENT struct large
#include "typed_each.h"

#define PREFIX pages
#define ELEMENT struct page
#include "typed_each.h"

#define PREFIX dropped_bytes
#define DROPS
#define ELEMENT unsigned char
#include "typed_each.h"

#define PREFIX dropped_pairs
#define DROPS
#define ELEMENT struct pair
#include "typed_each.h"

#define PREFIX dropped_lines
#define DROPS
#define ELEMENT struct line
#include "typed_each.h"

#define PREFIX dropped_larges
#define DROPS
#define ELEMENT struct large
#include "typed_each.h"
#endif

/* --- what one type is enough for ---------------------------------------------------------------------------------- */

TEST(slabs_are_longer_than_32_bits_count) {
    if (sizeof(size_t) < 8 || support_slow()) skip();
    const size_t count = (size_t)(UINT64_C(1) << 32) + 10;
    struct bytes *arena = bytes_create(2 * count);
    struct bytes_slab slab = bytes_alloc_slab(arena, count);
    assert_int_equal(slab.len, count);
    *bytes_slab_at(slab, 5) = 5;
    *bytes_slab_at(slab, count - 5) = 6; /* the first one's number and 2^32 */
    assert_int_equal(*bytes_slab_at(slab, 5), 5);
    assert_ptr_equal(bytes_slab_at(slab, count - 5), slab.data + count - 5);
    assert_true(bytes_try_alloc_slab(arena, count, &slab));
    assert_int_equal(slab.len, count);
    bytes_destroy(arena);
}

enum { MIB = 1 << 20, TOUCHED = 64 * MIB };

static void touch_all(struct bytes *arena, void *user) { memset(bytes_alloc_slab(arena, TOUCHED).data, 1, TOUCHED); }

/* Of each kind of handle; and a destroy that is refused gives nothing back. */
TEST(trims_give_memory_back) {
    if (support_slow()) skip(); /* memory is counted */
    struct bytes *arena = bytes_create(TOUCHED);
    struct bytes_concurrent *concurrent = bytes_concurrent_create(TOUCHED);
    struct bytes_pool *pool = bytes_pool_create(TOUCHED);
    touch_all(arena, NULL);
    bytes_reset(arena);
    size_t full = support_resident_bytes();
    bytes_trim(arena);
    assert_true(support_resident_bytes() + 48 * MIB < full);

    memset(bytes_concurrent_alloc_slab(concurrent, TOUCHED).data, 1, TOUCHED);
    bytes_concurrent_reset(concurrent);
    full = support_resident_bytes();
    bytes_concurrent_trim(concurrent);
    assert_true(support_resident_bytes() + 48 * MIB < full);

    assert_int_equal(bytes_pool_execute(pool, touch_all, NULL), ARENA_OK);
    full = support_resident_bytes();
    GIVEN(bytes, touched, bytes_pool_checkout(pool, &touched));
    GIVEN(bytes, other, bytes_pool_checkout(pool, &other));
    bytes_pool_return(pool, touched);
    assert_int_equal(bytes_pool_destroy(pool), ARENA_EBUSY);
    bytes_pool_return(pool, other);
    assert_true(support_resident_bytes() + 48 * MIB > full);
    bytes_pool_trim(pool);
    assert_true(support_resident_bytes() + 48 * MIB < full);
    assert_int_equal(bytes_pool_destroy(pool), ARENA_OK);
    bytes_concurrent_destroy(concurrent);
    bytes_destroy(arena);
}

struct gap {
    char tag; /* with padding behind it, and behind the last member */
    double number;
    char end;
};
struct wide_gap {
    char tag;
    double numbers[9];
    char end;
};
ARENA_DEFINE(gaps, struct gap)
ARENA_DEFINE(wide_gaps, struct wide_gap)

enum { EARLIER = 0xee }; /* no byte of the values below */

static bool nothing_is_left(const void *memory, size_t size_bytes) {
    return memchr(memory, EARLIER, size_bytes) == NULL;
}

/* Where memory is cleared as it is handed out, what inline code copies in covers all of an earlier life. */
TEST(padding_is_not_of_an_earlier_life) {
    if (!PADDING_IS_CLEARED) skip();
    struct arena_options options = OPTIONS(ARENA_CLEAR_ON_HANDOUT, 0);
    struct gaps *arena = gaps_create_with(5, &options);
    struct wide_gaps *wide_arena = wide_gaps_create_with(3, &options);
    for (int round = 0; round < 2; round++) {
        struct gap value;
        value.tag = value.end = (char)round;
        value.number = 0;
        struct gap *slots = gaps_alloc(arena, value);
        assert_ptr_equal(gaps_try_alloc(arena, value), slots + 1);
        assert_ptr_equal(ARENA_SLAB_WITH(gaps, arena, value, value).data, slots + 2); /* as many as the compiler sees */
        struct gaps_burst burst = gaps_burst_begin(arena);
        assert_ptr_equal(gaps_burst_put(&burst, value), slots + 4);
        gaps_burst_end(arena, &burst);
        assert_true(nothing_is_left(slots, 5 * sizeof *slots));
        memset(slots, EARLIER, 5 * sizeof *slots);
        gaps_reset(arena);

        struct wide_gap wide;
        wide.tag = wide.end = (char)round;
        for (int i = 0; i < 9; i++) wide.numbers[i] = 0;
        struct wide_gap *wide_slots = wide_gaps_alloc(wide_arena, wide);
        assert_ptr_equal(wide_gaps_try_alloc(wide_arena, wide), wide_slots + 1);
        struct wide_gaps_burst wide_burst = wide_gaps_burst_begin(wide_arena);
        assert_ptr_equal(wide_gaps_burst_put(&wide_burst, wide), wide_slots + 2);
        wide_gaps_burst_end(wide_arena, &wide_burst);
        assert_true(nothing_is_left(wide_slots, 3 * sizeof *wide_slots));
        memset(wide_slots, EARLIER, 3 * sizeof *wide_slots);
        wide_gaps_reset(wide_arena);
    }
    wide_gaps_destroy(wide_arena);
    gaps_destroy(arena);
}

int main(void) { return support_run("typed face, each type"); }
