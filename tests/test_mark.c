/* SPDX-License-Identifier: MIT */
/* Marks and scratch scopes: what a rewind takes back, what it leaves, which marks are valid, and what may grow meanwhile. */
#include "support.h"

#include <arena/arena.h>

ARENA_DEFINE(ints, int)

#define EACH_POLICY(clear) for (uint32_t clear = ARENA_CLEAR_ON_RESET; clear <= ARENA_CLEAR_NEVER; clear++)

static struct arena_bytes *make(size_t capacity, uint32_t clear) {
    struct arena_options options = OPTIONS(clear, 0);
    struct arena_bytes *arena = arena_bytes_create_with(capacity, &options);
    assert_non_null(arena);
    return arena;
}

/* A block that has to be zero, unless nothing is cleared; written over. */
static char *take(struct arena_bytes *arena, size_t size, uint32_t clear) {
    char *block = (char *)arena_bytes_alloc(arena, size, 1);
    if (clear != ARENA_CLEAR_NEVER) assert_true(all_zero(block, size));
    memset(block, 0x5a, size);
    return block;
}
static void assert_kept(const char *block, size_t size) {
    for (size_t i = 0; i < size; i++) assert_int_equal(block[i], 0x5a);
}

/* --- what a rewind does -------------------------------------------------------------------------------------------- */

TEST(a_rewind_takes_back_what_came_since) {
    static const size_t capacities[] = {1000, 100000, SIZE_MAX};
    EACH_POLICY(clear) {
        for (size_t c = 0; c < 3; c++) {
            size_t all = capacities[c] == SIZE_MAX ? 1000000 : capacities[c];
            struct arena_bytes *arena = make(capacities[c], clear);
            char *low = take(arena, all / 10, clear);
            struct arena_mark mark = arena_bytes_mark(arena);
            for (int round = 0; round < 40; round++) { /* to one mark again and again */
                size_t part = all / 10 * 7 / (round % 5 == 0 ? 1 : 70);
                for (int i = 0; i < 7; i++) (void)take(arena, part / 7, clear);
                arena_bytes_rewind(arena, mark);
                assert_int_equal(arena_bytes_used(arena), all / 10);
                assert_kept(low, all / 10);
                assert_true(arena_bytes_owns(arena, low));
            }
            (void)take(arena, all - all / 10, clear);
            if (capacities[c] != SIZE_MAX) assert_null(arena_bytes_try_alloc(arena, 1, 1));
            arena_bytes_rewind_end(arena, mark);
            assert_int_equal(arena_bytes_rewind_checked(arena, mark), ARENA_EINVAL); /* it has ended */
            (void)take(arena, all / 2, clear);
            assert_kept(low, all / 10);
            arena_bytes_reset(arena);
            (void)take(arena, all, clear);
            arena_bytes_destroy(arena);
        }
    }
}

/* A mark in an arena that has nothing in it, the first block of memory of which is too small for what comes. */
TEST(a_mark_at_the_start_outlives_growth) {
    EACH_POLICY(clear) {
        struct arena_bytes *arena = make(SIZE_MAX, clear);
        for (int generation = 0; generation < 4; generation++) {
            struct arena_mark mark = arena_bytes_mark(arena);
            for (size_t size = 100; size < 1000000; size *= 7) {
                (void)take(arena, size, clear);
                assert_int_equal(arena_bytes_rewind_checked(arena, mark), ARENA_OK);
                assert_int_equal(arena_bytes_used(arena), 0);
                (void)take(arena, size, clear);
                (void)take(arena, size, clear);
                assert_int_equal(arena_bytes_rewind_checked(arena, mark), ARENA_OK);
            }
            for (int calm = 0; calm < 80; calm++) { /* so many that what is not needed goes */
                (void)take(arena, 10, clear);
                assert_int_equal(arena_bytes_rewind_checked(arena, mark), ARENA_OK);
                assert_int_equal(arena_bytes_used(arena), 0);
            }
            arena_bytes_reset(arena);
            ARENA_SCRATCH(arena_bytes, arena) {
                (void)take(arena, (size_t)500000 << generation, clear);
            }
            assert_int_equal(arena_bytes_used(arena), 0);
            (void)take(arena, (size_t)5000 << generation, clear);
            arena_bytes_reset(arena);
        }
        arena_bytes_destroy(arena);
    }
}

TEST(marks_nest) {
    EACH_POLICY(clear) {
        struct arena_bytes *arena = make(SIZE_MAX, clear);
        enum { DEEP = 20 };
        struct arena_mark marks[DEEP];
        size_t used[DEEP];
        for (int i = 0; i < DEEP; i++) {
            marks[i] = arena_bytes_mark(arena);
            used[i] = arena_bytes_used(arena);
            (void)take(arena, 700, clear); /* over several blocks of memory */
        }
        for (int i = DEEP - 1; i >= 10; i--) {
            arena_bytes_rewind(arena, marks[i]);
            assert_int_equal(arena_bytes_used(arena), used[i]);
            (void)take(arena, 30, clear);
        }
        arena_bytes_rewind(arena, marks[3]);
        assert_int_equal(arena_bytes_used(arena), used[3]);
        for (int i = 4; i < DEEP; i++) assert_int_equal(arena_bytes_rewind_checked(arena, marks[i]), ARENA_EINVAL);
        for (int i = 4; i < DEEP; i++) (void)take(arena, 700, clear);
        for (int i = 4; i < DEEP; i++) { /* the cursor has passed them again */
            assert_int_equal(arena_bytes_rewind_checked(arena, marks[i]), ARENA_EINVAL);
        }
        for (int i = 3; i >= 0; i--) {
            arena_bytes_rewind_end(arena, marks[i]);
            assert_int_equal(arena_bytes_used(arena), used[i]);
        }
        assert_int_equal(arena_bytes_used(arena), 0);
        arena_bytes_destroy(arena);
    }
}

struct call {
    struct arena_bytes *arena;
    struct arena_mark mark;
};
static void do_rewind(void *user) { arena_bytes_rewind(((struct call *)user)->arena, ((struct call *)user)->mark); }
static void do_rewind_end(void *user) {
    arena_bytes_rewind_end(((struct call *)user)->arena, ((struct call *)user)->mark);
}
static void do_rewind_null(void *user) { arena_rewind(arena_bytes_raw(((struct call *)user)->arena), NULL); }
static void do_mark(void *user) { ((struct call *)user)->mark = arena_bytes_mark(((struct call *)user)->arena); }

static void assert_refused(struct arena_bytes *arena, struct arena_mark mark) {
    struct call call = {arena, mark};
    struct arena_panic_info info;
    size_t used = arena_bytes_used(arena);
    assert_int_equal(arena_protect_with(do_rewind, &call, &info), ARENA_EPANIC);
    assert_int_equal(info.status, ARENA_EINVAL);
    assert_int_equal(arena_protect_with(do_rewind_end, &call, &info), ARENA_EPANIC);
    assert_int_equal(info.status, ARENA_EINVAL);
    assert_int_equal(arena_bytes_rewind_checked(arena, mark), ARENA_EINVAL);
    assert_int_equal(arena_bytes_rewind_end_checked(arena, mark), ARENA_EINVAL);
    assert_int_equal(arena_bytes_used(arena), used);
}

TEST(marks_that_are_none_are_refused) {
    panics_record();
    struct arena_bytes *arena = make(SIZE_MAX, 0);
    struct arena_bytes *other = make(SIZE_MAX, 0);
    struct arena_mark zero;
    memset(&zero, 0, sizeof zero);
    assert_int_equal(sizeof zero, 64);
    assert_int_equal(arena_mark_size(), 64);
    assert_refused(arena, zero);
    (void)arena_bytes_alloc(arena, 50, 1);
    assert_refused(other, arena_bytes_mark(arena));
    struct arena_mark before = arena_bytes_mark(arena);
    arena_bytes_reset(arena);
    assert_refused(arena, before);
    (void)arena_bytes_alloc(arena, 100, 1);
    assert_refused(arena, before);
    struct arena_mark low = arena_bytes_mark(arena);
    (void)arena_bytes_alloc(arena, 100, 1);
    struct arena_mark high = arena_bytes_mark(arena);
    arena_bytes_rewind(arena, low);
    assert_refused(arena, high); /* above the cursor */
    (void)arena_bytes_alloc(arena, 300, 1);
    assert_refused(arena, high); /* void */
    for (int i = 0; i < 10; i++) {
        arena_bytes_rewind(arena, low);
        struct arena_mark inner = arena_bytes_mark(arena);
        (void)arena_bytes_alloc(arena, 100, 1);
        if (i % 2 == 0) arena_bytes_rewind_end(arena, inner);
    }
    arena_bytes_rewind(arena, low);
    assert_int_equal(arena_bytes_used(arena), 100);
    struct call call = {NULL, low};
    struct arena_panic_info info;
    assert_int_equal(arena_protect_with(do_mark, &call, &info), ARENA_EPANIC);
    assert_int_equal(info.status, ARENA_EINVAL);
    assert_int_equal(arena_protect_with(do_rewind, &call, &info), ARENA_EPANIC);
    assert_int_equal(info.status, ARENA_EINVAL);
    call.arena = arena;
    assert_int_equal(arena_protect_with(do_rewind_null, &call, &info), ARENA_EPANIC);
    assert_int_equal(info.status, ARENA_EINVAL);
    arena_bytes_destroy(other);
    arena_bytes_destroy(arena);
}

/* Where the innermost mark that lives lies, so that the place says nothing. */
TEST(marks_at_the_place_of_one_that_lives_are_refused) {
    panics_record();
    EACH_POLICY(clear) {
        struct arena_bytes *arena = make(SIZE_MAX, clear);
        struct arena_mark before = arena_bytes_mark(arena);
        (void)take(arena, 10, clear);
        arena_bytes_reset(arena);
        assert_refused(arena, before); /* of another generation */
        struct arena_mark first = arena_bytes_mark(arena);
        struct arena_mark inner = arena_bytes_mark(arena);
        (void)take(arena, 10, clear);
        arena_bytes_rewind(arena, first);
        assert_refused(arena, inner);
        struct arena_mark next = arena_bytes_mark(arena); /* as deep as that one was */
        (void)take(arena, 10, clear);
        assert_refused(arena, inner);
        arena_bytes_rewind_end(arena, next);
        arena_bytes_rewind_end(arena, first);
        (void)take(arena, 10, clear);
        assert_refused(arena, first);
        assert_refused(arena, inner);
        assert_int_equal(arena_bytes_used(arena), 10);
        arena_bytes_destroy(arena);
    }
    /* Of an arena that ended, and lay where this one does. */
    struct arena_bytes *arena = arena_bytes_create(1000);
    struct arena_mark last = arena_bytes_mark(arena);
    for (int i = 0; i < 3; i++) {
        arena_bytes_rewind_end(arena, last);
        last = arena_bytes_mark(arena);
    }
    arena_bytes_destroy(arena);
    struct arena_bytes *again = arena_bytes_create(1000);
    struct arena_mark mine = arena_bytes_mark(again);
    (void)arena_bytes_alloc(again, 10, 1);
    assert_refused(again, last);
    arena_bytes_rewind_end(again, mine);
    assert_int_equal(arena_bytes_used(again), 0);
    arena_bytes_destroy(again);
}

/* A scope whose block of memory a reset inside gave back has nothing to end. */
TEST(a_scope_whose_memory_is_gone_takes_nothing_back) {
    EACH_POLICY(clear) {
        struct arena_bytes *arena = make(SIZE_MAX, clear);
        for (int round = 0; round < 4; round++) {
            (void)take(arena, 900, clear);
            (void)take(arena, 20000, clear);
            ARENA_SCRATCH(arena_bytes, arena) {
                (void)take(arena, 40000, clear);
                ARENA_SCRATCH(arena_bytes, arena) {
                    (void)take(arena, 10, clear);
                    arena_bytes_reset(arena);
                    for (int i = 0; i < round; i++) (void)take(arena, 300, clear);
                }
            }
            assert_int_equal(arena_bytes_used(arena), (size_t)round * 300);
            struct arena_mark mark = arena_bytes_mark(arena);
            (void)take(arena, 100, clear);
            arena_bytes_rewind_end(arena, mark);
            assert_int_equal(arena_bytes_used(arena), (size_t)round * 300);
            arena_bytes_reset(arena);
        }
        arena_bytes_destroy(arena);
    }
}

/* The library still knows it when other marks have come and gone, and the cursor has passed it. */
TEST(marks_that_a_rewind_made_void_are_refused_later) {
    EACH_POLICY(clear) {
        enum { NESTED = 3 };
        struct arena_bytes *arena = make(SIZE_MAX, clear);
        for (int round = 0; round < 3; round++) {
            struct arena_mark marks[NESTED];
            struct arena_mark gone[NESTED];
            for (int i = 0; i < NESTED; i++) {
                marks[i] = arena_bytes_mark(arena);
                (void)take(arena, 10, clear);
                gone[i] = arena_bytes_mark(arena);
                (void)take(arena, 10, clear);
                arena_bytes_rewind(arena, marks[i]);
                (void)take(arena, 100, clear);
                for (int k = 0; k <= i; k++) assert_refused(arena, gone[k]);
            }
            size_t used = arena_bytes_used(arena);
            for (int i = NESTED; i-- > 0;) {
                arena_bytes_rewind(arena, marks[i]);
                (void)take(arena, used, clear);
                for (int k = 0; k < NESTED; k++) assert_refused(arena, gone[k]);
                for (int k = i + 1; k < NESTED; k++) assert_refused(arena, marks[k]);
                if (round != 1) arena_bytes_rewind_end(arena, marks[i]);
            }
            if (round == 1) arena_bytes_rewind_end(arena, marks[0]);
            assert_int_equal(arena_bytes_used(arena), 0);
        }
        arena_bytes_destroy(arena);
    }
}

/* Also one that was taken in a scratch scope. */
TEST(a_mark_above_all_that_live_is_refused) {
    EACH_POLICY(clear) {
        struct arena_bytes *arena = make(SIZE_MAX, clear);
        struct arena_mark inner;
        struct arena_mark outer = arena_bytes_mark(arena);
        ARENA_SCRATCH(arena_bytes, arena) {
            (void)take(arena, 10, clear);
            inner = arena_bytes_mark(arena);
            (void)take(arena, 10, clear);
        }
        assert_refused(arena, inner);
        (void)take(arena, 100, clear);
        assert_refused(arena, inner);
        arena_bytes_rewind_end(arena, outer);
        arena_bytes_destroy(arena);
    }
}

static size_t block_count(const struct arena_bytes *arena) {
    struct arena_stats stats;
    memset(&stats, 0, sizeof stats);
    stats.struct_size = sizeof stats;
    assert_int_equal(arena_bytes_get_stats(arena, &stats), ARENA_OK);
    return stats.blocks;
}

/* The block of memory that it was in came back, and is filled beyond it; but fewer bytes are in use than there were. */
TEST(a_mark_is_of_one_life_of_its_block) {
    EACH_POLICY(clear) {
        struct arena_bytes *arena = make(SIZE_MAX, clear);
        struct arena_mark outer = arena_bytes_mark(arena);
        char *block = NULL;
        while (block_count(arena) == 1) block = take(arena, 64, clear);
        struct arena_mark earlier = arena_bytes_mark(arena);
        size_t used = arena_bytes_used(arena);
        (void)take(arena, 1, clear);
        arena_bytes_rewind(arena, outer);
        struct arena_mark inner = arena_bytes_mark(arena);
        (void)arena_bytes_mark(arena);
        arena_bytes_rewind(arena, inner); /* the last one that made marks void */
        char *again = NULL;
        while (block_count(arena) == 1) again = take(arena, 64, clear);
        if (!support_checked()) assert_ptr_equal(again, block);
        struct arena_mark later = arena_bytes_mark(arena); /* where the earlier one was */
        assert_refused(arena, earlier);
        arena_bytes_rewind(arena, later);
        arena_bytes_rewind(arena, inner);
        (void)arena_bytes_mark(arena);
        arena_bytes_rewind(arena, inner);
        again = take(arena, used - 1, clear);
        if (!support_checked()) assert_ptr_equal(again, block);
        assert_refused(arena, earlier);
        (void)take(arena, 1000, clear);
        assert_refused(arena, earlier);
        arena_bytes_rewind(arena, inner);
        arena_bytes_rewind(arena, outer);
        arena_bytes_destroy(arena);
    }
}

/* --- what grows while a mark lives ---------------------------------------------------------------------------------- */

TEST(nothing_below_a_mark_grows_in_place) {
    EACH_POLICY(clear) {
        struct arena_bytes *arena = make(SIZE_MAX, clear);
        for (int scratch = 0; scratch < 2; scratch++) {
            char *block = take(arena, 100, clear);
            size_t used = arena_bytes_used(arena);
            struct arena_mark mark = arena_bytes_mark(arena);
            assert_false(arena_bytes_resize(arena, block, 100, 101));
            assert_true(arena_bytes_resize(arena, block, 100, 60)); /* gains nothing */
            assert_int_equal(arena_bytes_used(arena), used);
            assert_false(arena_bytes_resize(arena, block, 60, 61));
            (void)take(arena, 10, clear);
            char *moved = (char *)arena_bytes_realloc(arena, block, 60, 200, 1);
            assert_ptr_not_equal(moved, block);
            assert_kept(moved, 60);
            assert_true(all_zero(moved + 60, 140));
            char *above = take(arena, 10, clear);
            assert_true(arena_bytes_resize(arena, above, 10, 20)); /* what begins above it does */
            assert_true(all_zero(above + 10, 10));
            arena_bytes_rewind(arena, mark);
            assert_kept(block, 60);
            assert_int_equal(arena_bytes_used(arena), used);
            (void)take(arena, 300, clear);
            assert_kept(block, 60);
            arena_bytes_rewind_end(arena, mark);
            if (scratch == 0) { /* without the mark it may again */
                (void)take(arena, 5, clear);
            } else {
                ARENA_SCRATCH(arena_bytes, arena) {
                    assert_false(arena_bytes_resize(arena, block, 60, 61));
                }
            }
            assert_kept(block, 60);
        }
        char *last = take(arena, 50, clear);
        struct arena_mark mark = arena_bytes_mark(arena);
        assert_false(arena_bytes_resize(arena, last, 50, 51));
        arena_bytes_rewind_end(arena, mark);
        assert_true(arena_bytes_resize(arena, last, 50, 51));
        arena_bytes_destroy(arena);
    }
}

struct vector {
    int *data;
    size_t len, cap;
};

TEST(vectors_and_buffers_move_from_below_a_mark) {
    EACH_POLICY(clear) {
        struct arena_bytes *arena = make(SIZE_MAX, clear);
        struct vector vector = {NULL, 0, 0};
        struct arena_buffer buffer = {NULL, 0, 0, arena};
        for (int i = 0; i < 16; i++) *ARENA_PUSH(arena, &vector) = i;
        arena_buffer_append_text(&buffer, "0123456789");
        size_t used = arena_bytes_used(arena);
        struct arena_mark mark = arena_bytes_mark(arena);
        for (int round = 0; round < 5; round++) {
            struct vector longer = vector;
            struct arena_buffer more = buffer;
            char *between = take(arena, 40, clear);
            for (int i = 16; i < 500; i++) *ARENA_PUSH(arena, &longer) = i;
            for (int i = 0; i < 500; i++) arena_buffer_append_byte(&more, 'x');
            for (int i = 0; i < 500; i++) assert_int_equal(longer.data[i], i);
            assert_int_equal(strspn(arena_buffer_text(&more) + 10, "x"), 500);
            assert_kept(between, 40);
            arena_bytes_rewind(arena, mark);
            assert_int_equal(arena_bytes_used(arena), used);
            for (int i = 0; i < 16; i++) assert_int_equal(vector.data[i], i);
            assert_memory_equal(buffer.data, "0123456789", 10);
        }
        arena_bytes_destroy(arena);
    }
}

/* --- cleanups and drops -------------------------------------------------------------------------------------------- */

static char ran[64];
static void note(void *user) {
    size_t length = strlen(ran);
    ran[length] = *(const char *)user;
    ran[length + 1] = 0;
}
static char names[] = "abcdefgh";

TEST(cleanups_of_an_inner_scope_alone) {
    EACH_POLICY(clear) {
        struct arena_bytes *arena = make(SIZE_MAX, clear);
        ran[0] = 0;
        (void)arena_bytes_defer(arena, note, names);
        struct arena_mark mark = arena_bytes_mark(arena);
        (void)arena_bytes_defer(arena, note, names + 1);
        (void)take(arena, 9000, clear);
        struct arena_cleanup *cancelled = arena_bytes_defer(arena, note, names + 7);
        (void)arena_bytes_defer(arena, note, names + 2);
        cancelled->run = NULL;
        ARENA_SCRATCH(arena_bytes, arena) {
            (void)arena_bytes_defer(arena, note, names + 3);
            (void)take(arena, 100, clear);
            ARENA_SCRATCH(arena_bytes, arena) {
                (void)take(arena, 20000, clear);
                (void)arena_bytes_defer(arena, note, names + 4);
            }
            assert_string_equal(ran, "e");
        }
        assert_string_equal(ran, "ed");
        arena_bytes_rewind(arena, mark);
        assert_string_equal(ran, "edcb");
        arena_bytes_rewind_end(arena, mark);
        assert_string_equal(ran, "edcb");
        (void)take(arena, 300, clear);
        arena_bytes_reset(arena);
        assert_string_equal(ran, "edcba");
        (void)take(arena, 300, clear);
        arena_bytes_destroy(arena);
        assert_string_equal(ran, "edcba");
    }
}

/* Where only a little comes after a mark, a rewind need not look for cleanups, unless there is one. */
TEST(a_rewind_over_little_runs_cleanups) {
    EACH_POLICY(clear) {
        struct arena_bytes *arena = make(SIZE_MAX, clear);
        struct arena_mark first = arena_bytes_mark(arena);
        struct arena_mark second = arena_bytes_mark(arena);
        arena_bytes_rewind_end(arena, first);
        assert_int_equal(arena_bytes_rewind_checked(arena, second), ARENA_EINVAL); /* though all are at the start */
        first = arena_bytes_mark(arena);
        arena_bytes_reset(arena);
        second = arena_bytes_mark(arena);
        assert_int_equal(arena_bytes_rewind_checked(arena, first), ARENA_EINVAL);
        arena_bytes_rewind_end(arena, second);
        ran[0] = 0;
        struct arena_mark outer = arena_bytes_mark(arena);
        for (int way = 0; way < 4; way++) {
            (void)arena_bytes_defer(arena, note, names + way);
            struct arena_mark inner = arena_bytes_mark(arena);
            (void)take(arena, 10, clear);
            if (way % 2 != 0) arena_bytes_rewind(arena, inner);
            arena_bytes_rewind_end(arena, inner);
            assert_int_equal(arena_bytes_rewind_checked(arena, inner), ARENA_EINVAL);
            if (way >= 2) {
                ARENA_SCRATCH(arena_bytes, arena) {
                    (void)take(arena, 20, clear);
                }
            }
            assert_int_equal(strlen(ran), way);
            arena_bytes_rewind(arena, outer);
            assert_int_equal(strlen(ran), way + 1);
            assert_int_equal(arena_bytes_used(arena), 0);
        }
        assert_string_equal(ran, "abcd");
        arena_bytes_rewind_end(arena, outer);
        (void)take(arena, 400, clear);
        arena_bytes_destroy(arena);
    }
}

static int dropped[64];
static size_t drops;
static void note_drop(int *element, void *user) {
    assert_ptr_equal(user, dropped);
    dropped[drops++] = *element;
}
ARENA_DEFINE_DROP_WITH(counted, int, note_drop)

TEST(drops_run_last_to_first) {
    for (uint32_t clear = ARENA_CLEAR_ON_RESET; clear < ARENA_CLEAR_NEVER; clear++) {
        struct arena_options options = OPTIONS(clear, 0);
        options.drop_user = dropped;
        struct counted *arena = counted_create_with(20, &options);
        assert_non_null(arena);
        drops = 0;
        for (int i = 0; i < 3; i++) (void)counted_alloc(arena, i);
        struct arena_mark outer = counted_mark(arena);
        (void)counted_alloc(arena, 3);
        ARENA_SCRATCH(counted, arena) {
            (void)counted_alloc(arena, 4);
            (void)counted_alloc(arena, 5);
        }
        assert_int_equal(drops, 2);
        (void)counted_alloc(arena, 6);
        counted_rewind_end(arena, outer);
        counted_destroy(arena);
        static const int expected[] = {5, 4, 6, 3, 2, 1, 0};
        assert_int_equal(drops, 7);
        assert_memory_equal(dropped, expected, sizeof expected);
    }
}

/* --- typed arenas, bursts ------------------------------------------------------------------------------------------- */

TEST(typed_arenas_rewind) {
    EACH_POLICY(clear) {
        struct arena_options options = OPTIONS(clear, 0);
        struct ints *arena = ints_create_with(50000, &options);
        assert_non_null(arena);
        for (int round = 0; round < 3; round++) {
            memset(arena_alloc_slab(ints_raw(arena), 5000), 1, 5000 * sizeof(int));
            struct arena_mark mark = ints_mark(arena);
            memset(arena_alloc_slab(ints_raw(arena), 35000), 1, 35000 * sizeof(int));
            int *high = (int *)arena_at(ints_raw(arena), 39999);
            assert_non_null(high);
            ints_rewind(arena, mark);
            assert_null(arena_at(ints_raw(arena), 5000));
            assert_false(arena_owns(ints_raw(arena), high));
            int *slab = (int *)arena_alloc_slab(ints_raw(arena), 45000);
            if (clear != ARENA_CLEAR_NEVER) assert_true(all_zero(slab, 45000 * sizeof(int)));
            assert_null(ints_try_alloc(arena, 1));
            ints_rewind_end(arena, mark);
            assert_int_equal(ints_used(arena), 5000);
            for (size_t i = 0; i < 5000; i++) assert_int_equal(*(int *)arena_at(ints_raw(arena), i), 0x01010101);
            ints_reset(arena);
        }
        ints_destroy(arena);
    }
}

TEST(a_mark_ends_an_open_burst) {
    EACH_POLICY(clear) {
        struct arena_options options = OPTIONS(clear, 0);
        struct ints *arena = ints_create_with(100, &options);
        (void)ints_alloc(arena, 1);
        struct arena_burst burst;
        arena_burst_begin(ints_raw(arena), &burst);
        int value = 7;
        assert_non_null(arena_burst_put(&burst, &value));
        struct arena_mark mark = ints_mark(arena);
        assert_int_equal(ints_used(arena), 1); /* what it wrote is not live */
        assert_int_equal(arena_burst_end_checked(ints_raw(arena), &burst), ARENA_EINVAL);
        arena_burst_begin(ints_raw(arena), &burst);
        assert_non_null(arena_burst_put(&burst, &value));
        ints_rewind(arena, mark);
        assert_int_equal(ints_used(arena), 1);
        int *slab = (int *)arena_alloc_slab(ints_raw(arena), 99);
        if (clear != ARENA_CLEAR_NEVER) assert_true(all_zero(slab, 99 * sizeof *slab));
        ints_destroy(arena);
    }
}

/* --- scratch scopes -------------------------------------------------------------------------------------------------- */

static int leave_by_return(struct arena_bytes *arena, int value) {
    ARENA_SCRATCH(arena_bytes, arena) {
        memset(arena_bytes_alloc(arena, 100, 1), value, 100);
        if (value != 0) return value;
    }
    return -1;
}

TEST(a_scratch_scope_ends_however_it_is_left) {
    EACH_POLICY(clear) {
        struct arena_bytes *arena = make(SIZE_MAX, clear);
        for (int kept = 0; kept < 2; kept++) {
            size_t used = arena_bytes_used(arena);
            assert_int_equal(leave_by_return(arena, 3), 3);
            assert_int_equal(leave_by_return(arena, 0), -1);
            for (int i = 0; i < 10; i++) {
                ARENA_SCRATCH(arena_bytes, arena) {
                    (void)take(arena, (size_t)i * 50 + 1, clear);
                    if (i == 2) break;
                    if (i == 3) continue;
                    ARENA_SCRATCH(arena_bytes, arena) {
                        (void)take(arena, (size_t)i * 3000 + 1, clear);
                        if (i == 4) goto out;
                    }
                }
            out:
                assert_int_equal(arena_bytes_used(arena), used);
            }
            (void)take(arena, 100, clear);
        }
        /* What is quick and what is not, one in the other. */
        char *low = take(arena, 30, clear);
        size_t used = arena_bytes_used(arena);
        for (int i = 0; i < 100; i++) {
            ARENA_SCRATCH(arena_bytes, arena) {
                (void)take(arena, (size_t)i % 11 * 30 + 1, clear);
                ARENA_SCRATCH(arena_bytes, arena) {
                    struct arena_mark mark = arena_bytes_mark(arena);
                    (void)take(arena, (size_t)i % 7 * 50 + 1, clear);
                    arena_bytes_rewind(arena, mark);
                    (void)take(arena, (size_t)i % 3 * 5 + 1, clear);
                    if (i % 2 == 0) arena_bytes_rewind_end(arena, mark);
                }
                assert_false(arena_bytes_resize(arena, low, 30, 31));
            }
            assert_int_equal(arena_bytes_used(arena), used);
        }
        assert_true(arena_bytes_resize(arena, low, 30, 31));
        arena_bytes_destroy(arena);
    }
}

/* Each size that is cleared in another way, at the end of the arena too, where the stores run over. */
TEST(a_scratch_scope_of_any_size_leaves_all_as_it_was) {
    if (support_checked()) skip(); /* a checker's zones count as used in this memory */
    EACH_POLICY(clear) {
        enum { ROOM = 2500, GUARD = 100, LARGEST = 300 };
        static char memory[ROOM + GUARD];
        struct arena_options options = OPTIONS(clear, 0);
        memset(memory, 0x5a, sizeof memory);
        struct arena_bytes *arena = arena_bytes_create_in(memory, ROOM, &options);
        assert_non_null(arena);
        for (size_t size = 0; size <= LARGEST; size++) {
            size_t cap = arena_bytes_cap(arena);
            assert_in_range(cap, LARGEST + 1, ROOM);
            size_t below = size % 2 == 0 ? cap - size : cap / 2;
            size_t kept = below - arena_bytes_used(arena);
            char *low = take(arena, kept, clear);
            ARENA_SCRATCH(arena_bytes, arena) {
                if (size != 0) (void)take(arena, size, clear);
                ARENA_SCRATCH(arena_bytes, arena) {}
                assert_int_equal(arena_bytes_remaining(arena), cap - below - size);
            }
            assert_int_equal(arena_bytes_used(arena), below);
            ARENA_SCRATCH(arena_bytes, arena) {
                (void)take(arena, cap - below, clear); /* zero, all of it */
            }
            assert_kept(low, kept);
            assert_kept(memory + ROOM, GUARD);
            arena_bytes_reset(arena);
        }
        arena_bytes_destroy(arena);
    }
}

static void panic_inside(void *user) {
    struct arena_bytes *arena = (struct arena_bytes *)user;
    ARENA_SCRATCH(arena_bytes, arena) {
        (void)arena_bytes_alloc(arena, 10, 1);
        (void)arena_bytes_defer(arena, note, names);
        arena_panic("on purpose");
    }
}

TEST(a_panic_leaves_a_scope_to_the_outer_rewind) {
    panics_record();
    struct arena_bytes *arena = make(SIZE_MAX, 0);
    (void)take(arena, 10, 0);
    struct arena_mark mark = arena_bytes_mark(arena);
    ran[0] = 0;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(arena_protect(panic_inside, arena), ARENA_EPANIC);
        arena_bytes_rewind(arena, mark);
        assert_int_equal(arena_bytes_used(arena), 10);
    }
    assert_string_equal(ran, "aaa");
    (void)take(arena, 400, 0);
    arena_bytes_destroy(arena);
}

static void drop_nothing(int *element) { (void)element; }
ARENA_DEFINE_DROP(dropped, int, drop_nothing)

static void begin_scratch(void *user) {
    ARENA_SCRATCH(dropped, (struct dropped *)user) {}
}

/* Where inline code cannot begin it, the library looks. */
TEST(a_scratch_scope_needs_an_arena_that_is_out) {
    struct dropped_pool *pool = dropped_pool_create(10);
    GIVEN(dropped, arena, dropped_pool_checkout(pool, &arena));
    begin_scratch(arena);
    dropped_pool_return(pool, arena);
    panics_record();
    assert_panics(begin_scratch, arena, "ARENA_SCRATCH: the arena is back in its pool");
    assert_int_equal(dropped_pool_destroy(pool), ARENA_OK);
}

/* On a handle from acquire: capacity is exact, but for free slots below the mark. */
TEST(marks_work_behind_a_gate) {
    EACH_POLICY(clear) {
        struct arena_options options = OPTIONS(clear, 0);
        struct arena *inside = NULL;
        GIVEN(arena_concurrent, concurrent, arena_concurrent_create_with(ARENA_TYPE(int), 1000, &options, &concurrent));
        assert_non_null(arena_concurrent_try_alloc(concurrent, NULL));
        struct arena_mark mark;
        for (int round = 0; round < 3; round++) {
            assert_int_equal(arena_concurrent_acquire(concurrent, NULL, &inside), ARENA_OK);
            size_t used = arena_used(inside);
            if (round > 0) assert_int_equal(arena_rewind_checked(inside, &mark), ARENA_EINVAL); /* ended at release */
            arena_get_mark(inside, &mark);
            size_t filled = 0;
            while (arena_try_alloc(inside, NULL) != NULL) filled++;
            assert_true(used + filled > 900 && used + filled <= 1000);
            arena_rewind(inside, &mark);
            assert_int_equal(arena_used(inside), used);
            arena_rewind_end(inside, &mark);
            filled = 0;
            for (; filled < 200; filled++) assert_non_null(arena_try_alloc(inside, NULL));
            arena_get_mark(inside, &mark);
            arena_concurrent_release(concurrent);
            assert_int_equal(arena_concurrent_used(concurrent), used + 200);
        }
        while (arena_concurrent_try_alloc(concurrent, NULL) != NULL) {}
        assert_int_equal(arena_concurrent_used(concurrent), 1000);
        arena_concurrent_destroy(concurrent);
    }
}

static void run_nothing(void *user) { (void)user; }

/* Also where the library has to begin the scope. */
TEST(a_rewind_from_inside_a_scope_leaves_its_mark_valid) {
    for (int by_library = 0; by_library < 2; by_library++) {
        struct arena_bytes *arena = make(SIZE_MAX, 0);
        (void)take(arena, 10, 0);
        struct arena_mark mark = arena_bytes_mark(arena);
        if (by_library) (void)arena_bytes_defer(arena, run_nothing, NULL);
        (void)take(arena, 5, 0);
        ARENA_SCRATCH(arena_bytes, arena) {
            (void)take(arena, 20, 0);
            arena_bytes_rewind(arena, mark);
            (void)take(arena, 300, 0);
        }
        arena_bytes_rewind(arena, mark);
        assert_int_equal(arena_bytes_used(arena), 10);
        arena_bytes_rewind_end(arena, mark);
        arena_bytes_destroy(arena);
    }
}

static void count_run(void *user) { ++*(int *)user; }

/* What a program takes after that is the mark's, wherever the scope began: here in the middle of a cleanup. */
TEST(a_scope_that_a_rewind_ended_takes_nothing_back) {
    EACH_POLICY(clear) {
        for (int by_library = 0; by_library < 2; by_library++) {
            struct arena_bytes *arena = make(SIZE_MAX, clear);
            int runs = 0;
            (void)arena_bytes_alloc(arena, 16, 16);
            struct arena_mark mark = arena_bytes_mark(arena);
            if (by_library) (void)arena_bytes_defer(arena, count_run, &runs);
            (void)arena_bytes_alloc(arena, 8, 8);
            ARENA_SCRATCH(arena_bytes, arena) {
                (void)take(arena, 100, clear);
                arena_bytes_rewind(arena, mark);
                if (by_library) (void)arena_bytes_alloc(arena, 16, 8);
                (void)arena_bytes_defer(arena, count_run, &runs);
                (void)take(arena, 50, clear);
            }
            size_t used = 16 + (by_library ? 16U : 0U) + sizeof(struct arena_cleanup) + sizeof(void *) + 50;
            assert_int_equal(arena_bytes_used(arena), used);
            assert_int_equal(runs, by_library);
            (void)take(arena, 1000, clear);
            arena_bytes_rewind_end(arena, mark);
            assert_int_equal(runs, by_library + 1);
            assert_int_equal(arena_bytes_used(arena), 16);
            arena_bytes_destroy(arena);
        }
    }
}

static void take_one_slot(struct worker *worker) {
    (void)!arena_concurrent_try_alloc((struct arena_concurrent *)worker->user, NULL);
}

static void panic_in_scope(void *user) {
    struct ints *inside = (struct ints *)user;
    ARENA_SCRATCH(ints, inside) {
        (void)ints_alloc(inside, 1);
        arena_panic("left");
    }
}

/* What a thread has left of its slots, below those of another, is used again when no mark lives. */
TEST(a_scope_behind_a_gate_ends_its_marks) {
    GIVEN(arena_concurrent, concurrent, arena_concurrent_create(ARENA_TYPE(int), 1000, &concurrent));
    assert_non_null(arena_concurrent_try_alloc(concurrent, NULL));
    (void)worker_run(take_one_slot, concurrent, 0);
    struct arena *inside;
    assert_int_equal(arena_concurrent_acquire(concurrent, NULL, &inside), ARENA_OK);
    struct ints *slots = ints_from_raw(inside);
    assert_int_equal(arena_protect(panic_in_scope, slots), ARENA_EPANIC);
    arena_concurrent_release(concurrent);
    assert_int_equal(arena_concurrent_acquire(concurrent, NULL, &inside), ARENA_OK);
    size_t used = ints_used(slots);
    ARENA_SCRATCH(ints, slots) {
        (void)ints_mark(slots);
        (void)ints_alloc(slots, 1);
    }
    assert_int_equal(ints_used(slots), used);
    for (; used < 1000; used++) assert_non_null(ints_try_alloc(slots, 1));
    assert_null(ints_try_alloc(slots, 1));
    arena_concurrent_release(concurrent);
    arena_concurrent_destroy(concurrent);
}

int main(void) { return support_run("mark"); }
