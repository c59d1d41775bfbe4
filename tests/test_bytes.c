/* SPDX-License-Identifier: MIT */
/* Byte arenas: blocks, sizes and alignments, growth, capacity, changing sizes, text, values and vectors, buffers,
 * cleanups, memory of the caller's, sources, pools. */
#include "support.h"

#include <arena/arena.h>

#include <sys/mman.h>
#include <wchar.h>
#ifdef __GLIBC__
#include <printf.h>
#endif

#pragma GCC diagnostic ignored "-Wpedantic" /* flexible arrays and compound literals, in C++ */

#define EACH_POLICY(clear) for (uint32_t clear = ARENA_CLEAR_ON_RESET; clear <= ARENA_CLEAR_NEVER; clear++)

static bool aligned(const void *pointer, size_t align) { return ((uintptr_t)pointer & (align - 1)) == 0; }

static struct arena_bytes *make(size_t capacity) {
    struct arena_bytes *arena = arena_bytes_create(capacity);
    assert_non_null(arena);
    return arena;
}

static struct arena_bytes *make_clearing(size_t capacity, uint32_t clear) {
    struct arena_options options = OPTIONS(clear, 0);
    struct arena_bytes *arena = arena_bytes_create_with(capacity, &options);
    assert_non_null(arena);
    return arena;
}

/* The status with which a call panics. */
struct call {
    struct arena_bytes *arena;
    void *block;
    size_t size;
    size_t align;
};
static int panic_status(void (*body)(void *user), struct call call) {
    struct arena_panic_info info;
    int status = arena_protect_with(body, &call, &info);
    return status == ARENA_OK ? ARENA_OK : info.status;
}
static void do_alloc(void *user) {
    struct call *call = (struct call *)user;
    (void)arena_bytes_alloc(call->arena, call->size, call->align);
}
static void do_alloc_constant(void *user) { (void)arena_bytes_alloc(((struct call *)user)->arena, 8, 3); }
static void do_alloc_raw(void *user) {
    struct call *call = (struct call *)user;
    (void)arena_bytes_alloc_raw(call->arena, call->size, call->align);
}
static void do_memdup(void *user) {
    struct call *call = (struct call *)user;
    (void)arena_bytes_memdup(call->arena, NULL, call->size, call->align);
}
static void do_realloc(void *user) {
    struct call *call = (struct call *)user;
    (void)arena_bytes_realloc(call->arena, NULL, 0, call->size, call->align);
}
static void do_strdup(void *user) { (void)arena_bytes_strdup(((struct call *)user)->arena, "0123456789"); }
static void do_strndup(void *user) { (void)arena_bytes_strndup(((struct call *)user)->arena, "0123456789", 9); }
static void do_printf(void *user) { (void)arena_bytes_printf(((struct call *)user)->arena, "%s", "0123456789"); }
static void do_printf_unknown(void *user) {
    static const wchar_t unknown[] = {0x7fffffff, 0};
    (void)arena_bytes_printf(((struct call *)user)->arena, "%ls", unknown);
}
static void do_buffer_printf_unknown(void *user) {
    static const wchar_t unknown[] = {0x7fffffff, 0};
    arena_buffer_printf((struct arena_buffer *)((struct call *)user)->block, "%ls", unknown);
}
static void do_defer(void *user) { (void)arena_bytes_defer(((struct call *)user)->arena, NULL, NULL); }

/* --- blocks ------------------------------------------------------------------------------------------------------- */

TEST(blocks_are_aligned_apart_and_zero) {
    EACH_POLICY(clear) {
        struct arena_bytes *arena = make_clearing(SIZE_MAX, clear);
        for (int round = 0; round < 3; round++) {
            unsigned char *before = NULL;
            size_t before_size = 0;
            for (size_t align = 1; align <= 65536; align *= 2) {
                size_t size = align % 7 + 1;
                unsigned char *block = (unsigned char *)arena_bytes_alloc(arena, size, align);
                assert_true(aligned(block, align));
                if (clear != ARENA_CLEAR_NEVER) assert_true(all_zero(block, size));
                for (size_t i = 0; i < before_size; i++) assert_int_equal(before[i], 0xa5);
                memset(block, 0xa5, size);
                before = block;
                before_size = size;
            }
            assert_true(aligned(arena_bytes_alloc(arena, 1, 0), ARENA_ALIGNOF(max_align_t)));
            arena_bytes_reset(arena);
        }
        arena_bytes_destroy(arena);
    }
}

TEST(an_alignment_is_a_power_of_two) {
    struct arena_bytes *arena = make(1000);
    static const size_t bad[] = {3, 6, 4097, SIZE_MAX};
    void *anything = arena;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        for (size_t size = 0; size < 9; size += 8) {
            struct call call = {arena, NULL, size, bad[i]};
            assert_int_equal(panic_status(do_alloc, call), ARENA_EINVAL);
            assert_int_equal(panic_status(do_alloc_raw, call), ARENA_EINVAL);
            assert_int_equal(panic_status(do_memdup, call), ARENA_EINVAL);
            assert_int_equal(panic_status(do_realloc, call), ARENA_EINVAL);
            assert_null(arena_bytes_try_alloc(arena, size, bad[i]));
            assert_null(arena_bytes_try_alloc_raw(arena, size, bad[i]));
            assert_null(arena_bytes_try_memdup(arena, NULL, size, bad[i]));
            assert_null(arena_bytes_try_realloc(arena, NULL, 0, size, bad[i]));
            void *out = anything;
            assert_int_equal(arena_bytes_alloc_checked(arena, size, bad[i], &out), ARENA_EINVAL);
            assert_null(out);
        }
    }
    /* What the compiler knows is looked at, too. */
    struct call call = {arena, NULL, 0, 0};
    assert_int_equal(panic_status(do_alloc_constant, call), ARENA_EINVAL);
    assert_null(arena_bytes_try_alloc(arena, 8, 3));
    assert_null(arena_bytes_try_alloc(arena, 8, 24));
    assert_int_equal(arena_bytes_used(arena), 0);
    arena_bytes_destroy(arena);
}

TEST(size_0_takes_nothing) {
    struct arena_bytes *arena = make(10);
    for (int full = 0; full < 2; full++) {
        size_t used = arena_bytes_used(arena);
        for (size_t align = 1; align <= 65536; align *= 4) {
            char *block = (char *)arena_bytes_alloc(arena, 0, align);
            assert_non_null(block);
            assert_true(aligned(block, align));
            assert_non_null(arena_bytes_try_alloc_raw(arena, 0, align));
            assert_non_null(arena_bytes_memdup(arena, NULL, 0, align));
            assert_false(arena_bytes_resize(arena, block, 0, 1));
        }
        assert_int_equal(arena_bytes_used(arena), used);
        if (full == 0) (void)arena_bytes_alloc(arena, 10, 1);
    }
    arena_bytes_destroy(arena);
}

TEST(nothing_too_large_is_handed_out) {
    static const size_t capacities[] = {1000, SIZE_MAX};
    for (size_t c = 0; c < 2; c++) {
        struct arena_bytes *arena = make(capacities[c]);
        (void)arena_bytes_alloc(arena, 3, 1);
        for (size_t align = 1; align <= 4096; align *= 64) {
            for (size_t less = 0; less < 4200; less += 41) {
                struct call call = {arena, NULL, SIZE_MAX - less, align};
                assert_int_equal(panic_status(do_alloc, call), ARENA_EFULL);
                assert_null(arena_bytes_try_alloc_raw(arena, call.size, align));
                assert_null(arena_bytes_try_memdup(arena, NULL, call.size, align));
                assert_null(arena_bytes_try_realloc(arena, NULL, 0, call.size, align));
                void *out;
                assert_int_equal(arena_bytes_alloc_checked(arena, call.size, align, &out), ARENA_EFULL);
            }
        }
        void *out;
        assert_int_equal(arena_bytes_alloc_checked(arena, 1, SIZE_MAX / 2 + 1, &out), ARENA_EFULL);
        assert_int_equal(arena_bytes_used(arena), 3);
        arena_bytes_destroy(arena);
    }
}

/* Where addresses have 32 bits, a stack may be the last of them, so that a constant size leads past their end. */
TEST(no_block_wraps_around_the_addresses) {
    const size_t bytes = 0x2000;
    if (sizeof(void *) > 4) skip();
    void *last = (void *)(uintptr_t)0xffffb000;
    void *memory = mmap(last, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(memory != MAP_FAILED);
    struct arena_bytes *arena = arena_bytes_create_in(memory, bytes, NULL);
    assert_non_null(arena);
    assert_null(arena_bytes_try_alloc(arena, 65536, 1));
    assert_null(arena_bytes_try_alloc(arena, 8, 65536));
    assert_int_equal(arena_bytes_used(arena), 0);
    arena_bytes_destroy(arena);
    assert_int_equal(munmap(memory, bytes), 0);
    if (memory != last) skip(); /* the system keeps it to itself */
}

TEST(the_checked_spelling_says_why) {
    struct arena_bytes *arena = make(16);
    void *out = NULL;
    assert_int_equal(arena_bytes_alloc_checked(arena, 16, 1, &out), ARENA_OK);
    assert_non_null(out);
    assert_int_equal(arena_bytes_alloc_checked(arena, 1, 1, &out), ARENA_EFULL);
    assert_null(out);
    assert_int_equal(arena_bytes_alloc_checked(arena, 1, 1, NULL), ARENA_EINVAL);
    out = arena;
    assert_int_equal(arena_bytes_alloc_checked(NULL, 1, 1, &out), ARENA_EINVAL);
    assert_null(out);
    arena_bytes_destroy(arena);
    /* More than any machine has, and no limit: memory, not the capacity. */
    arena = make(SIZE_MAX);
    if (sizeof(size_t) == 8 && !support_slow()) {
        assert_int_equal(arena_bytes_alloc_checked(arena, (size_t)(UINT64_C(1) << 47), 1, &out), ARENA_ENOMEM);
        assert_int_equal(arena_bytes_used(arena), 0);
    }
    assert_non_null(arena_bytes_alloc(arena, 1, 1));
    arena_bytes_destroy(arena);
}

/* --- capacity and growth ------------------------------------------------------------------------------------------- */

TEST(the_last_byte_can_be_had) {
    static const size_t capacities[] = {0, 1, 24, 100, 1000, 3300, 5000, 70000};
    EACH_POLICY(clear) {
        for (size_t i = 0; i < sizeof capacities / sizeof capacities[0]; i++) {
            size_t capacity = capacities[i];
            struct arena_bytes *arena = make_clearing(capacity, clear);
            for (int round = 0; round < 3; round++) {
                for (size_t at = 0; at < capacity; at++) {
                    char *byte = (char *)arena_bytes_try_alloc(arena, 1, 1);
                    assert_non_null(byte);
                    *byte = 1;
                    if (capacity > 3000) { /* in larger steps */
                        size_t step = capacity - at - 1 < 99 ? capacity - at - 1 : 99;
                        memset(arena_bytes_alloc(arena, step, 1), 1, step);
                        at += step;
                    }
                }
                assert_int_equal(arena_bytes_used(arena), capacity);
                assert_int_equal(arena_bytes_remaining(arena), 0);
                assert_null(arena_bytes_try_alloc(arena, 1, 1));
                assert_null(arena_bytes_try_alloc_raw(arena, 1, 1));
                arena_bytes_reset(arena);
                assert_null(arena_bytes_try_alloc(arena, capacity + 1, 1));
                char *all = (char *)arena_bytes_try_alloc(arena, capacity, 64); /* no padding at first */
                assert_non_null(all);
                memset(all, 1, capacity);
                assert_null(arena_bytes_try_alloc(arena, 1, 1));
                arena_bytes_reset(arena);
            }
            arena_bytes_destroy(arena);
        }
    }
}

TEST(padding_counts_and_opens_no_block) {
    struct arena_bytes *arena = make(1000);
    (void)arena_bytes_alloc(arena, 990, 1);
    void *out;
    assert_int_equal(arena_bytes_alloc_checked(arena, 8, 64, &out), ARENA_EFULL);
    assert_int_equal(arena_bytes_used(arena), 990);
    assert_non_null(arena_bytes_try_alloc(arena, 8, 1));
    arena_bytes_reset(arena);
    (void)arena_bytes_alloc(arena, 1, 1);
    (void)arena_bytes_alloc(arena, 1, 64);
    assert_int_equal(arena_bytes_used(arena), 65);
    arena_bytes_destroy(arena);
    arena = make(100000);
    (void)arena_bytes_alloc(arena, 99990, 64);
    assert_int_equal(arena_bytes_alloc_checked(arena, 8, 64, &out), ARENA_EFULL);
    assert_non_null(arena_bytes_try_alloc(arena, 8, 1));
    arena_bytes_destroy(arena);
}

TEST(nothing_moves_as_it_grows) {
    EACH_POLICY(clear) {
        struct arena_bytes *arena = make_clearing(SIZE_MAX, clear);
        enum { COUNT = 600 };
        static uint32_t *blocks[COUNT];
        uint64_t resets = 0;
        for (int round = 0; round < 4; round++) {
            for (size_t i = 0; i < COUNT; i++) {
                size_t size = 4 + i * 4 % 900 + (i == 300 ? 200000 : 0);
                blocks[i] = (uint32_t *)arena_bytes_alloc(arena, size, 4);
                if (clear != ARENA_CLEAR_NEVER) assert_true(all_zero(blocks[i], size));
                memset(blocks[i], 0x5a, size);
                *blocks[i] = (uint32_t)i;
            }
            for (size_t i = 0; i < COUNT; i++) {
                assert_int_equal(*blocks[i], i);
                assert_true(arena_bytes_owns(arena, blocks[i]));
            }
            arena_bytes_reset(arena);
            assert_false(arena_bytes_owns(arena, blocks[5]));
            struct arena_stats stats = {sizeof stats, 0, 0, 0, 0, 0, 0};
            assert_int_equal(arena_bytes_get_stats(arena, &stats), ARENA_OK);
            assert_int_equal(stats.blocks, 1); /* at most one is kept */
            assert_int_equal(stats.resets, resets + 1);
            /* Now small ones: the quick ways over what is kept. */
            for (int small = 0; small < 3; small++) {
                char *block = (char *)arena_bytes_alloc(arena, 40, 8);
                if (clear != ARENA_CLEAR_NEVER) assert_true(all_zero(block, 40));
                memset(block, 0x5a, 40);
                assert_true(arena_bytes_owns(arena, block));
                arena_bytes_reset(arena);
            }
            resets = stats.resets + 3;
            arena_bytes_trim(arena);
        }
        arena_bytes_destroy(arena);
    }
}

/* A source whose pieces lie side by side, upwards or downwards, and whose takes are counted. */
struct pieces {
    char *low, *high;
    bool down;
    int takes;
};
static void *take_piece(size_t bytes, size_t align, void *user) {
    struct pieces *pieces = (struct pieces *)user;
    uintptr_t at = pieces->down ? ((uintptr_t)pieces->high - bytes) & ~(uintptr_t)(align - 1)
                                : ((uintptr_t)pieces->low + align - 1) & ~(uintptr_t)(align - 1);
    pieces->takes++;
    if (at < (uintptr_t)pieces->low || at + bytes > (uintptr_t)pieces->high) return NULL;
    *(pieces->down ? &pieces->high : &pieces->low) = (char *)at + (pieces->down ? 0 : bytes);
    return memset((void *)at, 0x77, bytes); /* dirty */
}

/* Blocks of memory that are neighbours by chance are not one: a block of one does not grow into the next, and a mark at the
 * end of one is not one at the beginning of the other. */
TEST(neighbouring_memory_is_not_one_block) {
    static char memory[400000];
    EACH_POLICY(clear) {
        for (int down = 0; down < 2; down++) {
            struct pieces pieces = {memory, memory + sizeof memory, down != 0, 0};
            struct arena_source source = {take_piece, NULL, &pieces};
            struct arena_options options = OPTIONS(clear, 0);
            options.source = &source;
            struct arena_bytes *arena = arena_bytes_create_with(SIZE_MAX, &options);
            assert_non_null(arena);
            enum { COUNT = 60, SIZE = 401 };
            char *blocks[COUNT];
            struct arena_mark marks[COUNT];
            for (int i = 0; i < COUNT; i++) { /* some marks lie at the end of a block of memory */
                blocks[i] = (char *)memset(arena_bytes_alloc(arena, SIZE, 1), i + 1, SIZE);
                marks[i] = arena_bytes_mark(arena);
                if (i > 0) assert_false(arena_bytes_resize(arena, blocks[i - 1], SIZE, SIZE + 1));
            }
            assert_true(pieces.takes > 2);
            for (int i = COUNT - 1; i >= 0; i--) {
                arena_bytes_rewind(arena, marks[i]);
                assert_int_equal(arena_bytes_used(arena), (size_t)(i + 1) * SIZE);
                assert_true(arena_bytes_owns(arena, blocks[i] + SIZE - 1));
                if (i < COUNT - 1) assert_false(arena_bytes_owns(arena, blocks[i + 1]));
                for (int at = 0; at < SIZE; at++) assert_int_equal(blocks[i][at], i + 1);
                char *next = (char *)arena_bytes_alloc(arena, SIZE, 1);
                if (clear != ARENA_CLEAR_NEVER) assert_true(all_zero(next, SIZE));
                memset(next, 0xff, SIZE);
                for (int at = 0; at < SIZE; at++) assert_int_equal(blocks[i][at], i + 1);
                arena_bytes_rewind_end(arena, marks[i]);
            }
            arena_bytes_destroy(arena);
        }
    }
}

static void fill_blocks(struct arena_bytes *arena, size_t size) {
    for (int i = 0; i < 10; i++) (void)arena_bytes_try_alloc(arena, size, 8);
}

/* Whatever a loop does above a mark: once it has the memory, it takes no more. */
TEST(a_rewind_keeps_what_is_needed_next) {
    static const size_t sizes[] = {2000, 81000};
    static char memory[6000000];
    for (int kind = 0; kind < 4; kind++) {
        size_t size = sizes[kind / 2];
        struct pieces pieces = {memory, memory + sizeof memory, false, 0};
        struct arena_source source = {take_piece, NULL, &pieces};
        struct arena_options options = OPTIONS(0, 0);
        options.source = &source;
        struct arena_bytes *arena = arena_bytes_create_with(SIZE_MAX, &options);
        assert_non_null(arena);
        (void)arena_bytes_alloc(arena, 3000, 1); /* what stays */
        struct arena_mark mark = arena_bytes_mark(arena);
        int takes = 0;
        for (int round = 0; round < 30; round++) {
            if (round == 10) takes = pieces.takes;
            if (kind % 2 == 0) {
                fill_blocks(arena, size);
                arena_bytes_rewind(arena, mark);
                continue;
            }
            ARENA_SCRATCH(arena_bytes, arena) {
                fill_blocks(arena, size);
            }
        }
        if (!support_checked()) assert_int_equal(pieces.takes, takes);
        arena_bytes_destroy(arena);
    }
}

/* After some generations one block serves a whole one. */
TEST(one_block_serves_a_generation) {
    struct arena_bytes *arena = make(SIZE_MAX);
    size_t blocks = 0;
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < 500; i++) memset(arena_bytes_alloc(arena, 200, 8), 1, 200);
        struct arena_stats stats = {sizeof stats, 0, 0, 0, 0, 0, 0};
        assert_int_equal(arena_bytes_get_stats(arena, &stats), ARENA_OK);
        assert_int_equal(stats.used_bytes, 100000);
        assert_int_equal(stats.peak_bytes, 100000); /* zones left out */
        blocks = stats.blocks;
        arena_bytes_reset(arena);
    }
    if (!support_checked()) assert_int_equal(blocks, 1);
    arena_bytes_destroy(arena);
}

/* Whatever gives memory back meanwhile. */
TEST(a_peak_is_the_most_since_creation) {
    EACH_POLICY(clear) {
        struct arena_bytes *arena = make_clearing(SIZE_MAX, clear);
        struct arena_stats stats = {sizeof stats, 0, 0, 0, 0, 0, 0};
        (void)arena_bytes_alloc(arena, 100, 1);
        ARENA_SCRATCH(arena_bytes, arena) {
            (void)arena_bytes_alloc(arena, 200, 1);
        }
        arena_bytes_trim(arena);
        assert_int_equal(arena_bytes_get_stats(arena, &stats), ARENA_OK);
        assert_int_equal(stats.peak_bytes, 300);
        char *block = (char *)arena_bytes_alloc(arena, 400, 1);
        assert_true(arena_bytes_resize(arena, block, 400, 1));
        for (int i = 0; i < 40; i++) { /* under a checker with zones, which were not there at the peak */
            (void)arena_bytes_alloc(arena, 1, 1);
            assert_int_equal(arena_bytes_get_stats(arena, &stats), ARENA_OK);
            assert_int_equal(stats.peak_bytes, 500);
        }
        arena_bytes_destroy(arena);
    }
}

TEST(a_large_block_does_not_double_what_follows) {
    struct arena_bytes *arena = make(SIZE_MAX);
    (void)arena_bytes_alloc(arena, 4000, 8);
    (void)arena_bytes_alloc(arena, (size_t)16 << 20, 8);
    for (int i = 0; i < 100; i++) (void)arena_bytes_alloc(arena, 1000, 8);
    struct arena_stats stats = {sizeof stats, 0, 0, 0, 0, 0, 0};
    assert_int_equal(arena_bytes_get_stats(arena, &stats), ARENA_OK);
    if (!support_checked()) assert_true(stats.reserved_bytes < (size_t)17 << 20);
    arena_bytes_destroy(arena);
}

/* Blocks that are each larger than the arena's memory comes in at first are many, and share their memory nevertheless. */
TEST(many_large_blocks_do_not_come_one_by_one) {
    static const size_t sizes[] = {5000, 10000, 100000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct arena_bytes *arena = make(SIZE_MAX);
        for (size_t sum = 0; sum < (size_t)32 << 20; sum += sizes[i]) {
            assert_non_null(arena_bytes_try_alloc_raw(arena, sizes[i], 8));
        }
        struct arena_stats stats = {sizeof stats, 0, 0, 0, 0, 0, 0};
        assert_int_equal(arena_bytes_get_stats(arena, &stats), ARENA_OK);
        if (!support_checked()) {
            assert_true(stats.blocks < 50);
            assert_true(stats.reserved_bytes < stats.used_bytes / 4 * 5);
        }
        arena_bytes_destroy(arena);
    }
}

/* Whatever is asked for as a block of memory, one that cannot be had is not needed. */
TEST(blocks_of_memory_larger_than_there_is) {
    static const size_t sizes[] = {SIZE_MAX, PTRDIFF_MAX, SIZE_MAX / 4 * 3, (size_t)1 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct arena_options options = OPTIONS(ARENA_CLEAR_ON_RESET, 0);
        options.block_bytes = sizes[i];
        struct arena_bytes *arena = arena_bytes_create_with(SIZE_MAX, &options);
        assert_non_null(arena);
        for (int round = 0; round < 2; round++) {
            for (size_t size = 1000; size <= 300000; size += 100000) {
                void *block = arena_bytes_alloc(arena, size, 8);
                assert_true(all_zero(block, size));
                memset(block, 1, size);
            }
            size_t used = arena_bytes_used(arena);
            if (sizeof(void *) >= 8) { /* where addresses have 32 bits, there may be as much */
                void *out;
                struct arena_buffer buffer = {NULL, 0, 0, arena};
                assert_int_equal(arena_bytes_alloc_checked(arena, PTRDIFF_MAX - 100000, 8, &out), ARENA_ENOMEM);
                assert_false(arena_buffer_try_reserve(&buffer, SIZE_MAX / 8 + 2));
            }
            assert_int_equal(arena_bytes_used(arena), used);
            arena_bytes_reset(arena);
        }
        arena_bytes_destroy(arena);
    }
}

/* The block that a loop has kept for its next round may lie at the wrong place, or be smaller than another one. */
TEST(a_spare_block_is_taken_where_it_fits) {
    struct arena_bytes *arena = make(SIZE_MAX);
    memset(arena_bytes_alloc(arena, 1000, 8), 1, 1000);
    struct arena_mark mark = arena_bytes_mark(arena);
    (void)arena_bytes_alloc(arena, 5000, 8);
    arena_bytes_rewind_end(arena, mark);
    for (size_t align = 4096; align <= 65536; align *= 2) {
        char *block = (char *)arena_bytes_alloc(arena, 100, align);
        assert_true(aligned(block, align) && all_zero(block, 100));
        memset(block, 1, 100);
    }
    arena_bytes_reset(arena);
    char *large = (char *)memset(arena_bytes_alloc(arena, 500000, 8), 1, 500000);
    while (arena_bytes_resize(arena, arena_bytes_alloc(arena, 1, 1), 1, 500)) {} /* to the end of that block */
    mark = arena_bytes_mark(arena);
    (void)arena_bytes_alloc(arena, 3000, 8);
    arena_bytes_rewind_end(arena, mark);
    for (size_t i = 0; i < 500000; i++) assert_int_equal(large[i], 1);
    arena_bytes_reset(arena);
    assert_true(all_zero(arena_bytes_alloc(arena, 500000, 8), 500000));
    arena_bytes_destroy(arena);
}

/* Of an arena that never needed a second block the memory of a peak goes back as well. */
TEST(a_peak_in_the_first_block_goes_back) {
    if (support_checked()) skip();
    struct arena_options options = OPTIONS(ARENA_CLEAR_ON_RESET, 0);
    options.block_bytes = 65536;
    options.retain_bytes = ARENA_RETAIN_NONE;
    struct arena_bytes *arena = arena_bytes_create_with(SIZE_MAX, &options);
    assert_non_null(arena);
    struct arena_stats stats = {sizeof stats, 0, 0, 0, 0, 0, 0};
    memset(arena_bytes_alloc(arena, 60000, 8), 1, 60000);
    assert_int_equal(arena_bytes_get_stats(arena, &stats), ARENA_OK);
    size_t peak = stats.touched_bytes;
    for (int round = 0; round < 64; round++) {
        arena_bytes_reset(arena);
        memset(arena_bytes_alloc(arena, 100, 8), 1, 100);
    }
    assert_int_equal(arena_bytes_get_stats(arena, &stats), ARENA_OK);
    assert_true(peak >= 60000 && stats.touched_bytes <= peak - 30000);
    arena_bytes_reset(arena);
    assert_true(all_zero(arena_bytes_alloc(arena, 60000, 8), 60000));
    arena_bytes_destroy(arena);
}

/* Many small blocks live below the mark to which a loop comes back: what goes back when a peak is over lies above them,
 * however much a checker has put between them. */
TEST(a_peak_above_many_small_blocks_goes_back) {
    enum { BLOCKS = 20000, PEAK = 8 << 20 };
    struct arena_options options = OPTIONS(ARENA_CLEAR_ON_RESET, 0);
    options.block_bytes = (size_t)16 << 20;
    options.retain_bytes = ARENA_RETAIN_NONE;
    struct arena_bytes *arena = arena_bytes_create_with(SIZE_MAX, &options);
    assert_non_null(arena);
    static unsigned char *blocks[BLOCKS];
    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] = (unsigned char *)arena_bytes_alloc(arena, 8, 1);
        memset(blocks[i], i % 251, 8);
    }
    for (int round = 0; round < 64; round++) {
        struct arena_mark mark = arena_bytes_mark(arena);
        size_t size = round == 0 ? PEAK : 200000;
        char *block = (char *)arena_bytes_alloc(arena, size, 1);
        assert_true(all_zero(block, size));
        memset(block, 1, size);
        arena_bytes_rewind_end(arena, mark);
    }
    for (int i = 0; i < BLOCKS; i++) {
        for (int at = 0; at < 8; at++) assert_int_equal(blocks[i][at], i % 251);
    }
    arena_bytes_destroy(arena);
}

/* A source that is short of memory: it has none in large pieces. */
struct short_source {
    size_t asked;
    size_t refused;
};
static void *take_little(size_t bytes, size_t align, void *user) {
    struct short_source *source = (struct short_source *)user;
    source->asked++;
    void *memory = NULL;
    if (bytes <= 20000 && posix_memalign(&memory, align, bytes) == 0) return memory;
    source->refused++;
    return NULL;
}
static void give_little(void *memory, size_t bytes, size_t align, void *user) { free(memory); }

/* Where memory is short an arena asks for less, rather than for each block in vain first. */
TEST(an_arena_goes_on_in_small_pieces_where_memory_is_short) {
    enum { COUNT = 20000, SIZE = 100 };
    struct short_source counted = {0, 0};
    struct arena_source source = {take_little, give_little, &counted};
    struct arena_options options = OPTIONS(ARENA_CLEAR_ON_RESET, 0);
    options.source = &source;
    struct arena_bytes *arena = arena_bytes_create_with(SIZE_MAX, &options);
    assert_non_null(arena);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < COUNT; i++) assert_non_null(arena_bytes_try_alloc(arena, SIZE, 4));
        if (!support_checked()) assert_true(counted.asked < COUNT / 20);
        assert_true(counted.refused > 0);
        counted.asked = counted.refused = 0;
        arena_bytes_reset(arena);
    }
    arena_bytes_destroy(arena);
}

/* A source with so much memory in all. */
static void *take_of_budget(size_t bytes, size_t align, void *user) {
    size_t *left = (size_t *)user;
    void *memory = NULL;
    if (bytes > *left || posix_memalign(&memory, align, bytes) != 0) return NULL;
    *left -= bytes;
    return memory;
}
static void give_to_budget(void *memory, size_t bytes, size_t align, void *user) {
    *(size_t *)user += bytes;
    free(memory);
}

/* Where nothing would come of what is given back, a peak every now and then costs its memory once. */
TEST(what_cannot_be_given_back_is_kept) {
    enum { PEAK = 2 << 20, SIZE = 10000, ROUNDS = 60, PEAKS = 6 };
    static char memory[8 * PEAK];
    for (int kind = 0; kind < 4; kind++) {
        bool child = kind % 2 == 0;
        struct arena_bytes *parent = make(SIZE_MAX);
        struct pieces pieces = {memory, memory + sizeof memory, false, 0};
        struct arena_source source = {take_piece, NULL, &pieces};
        if (child) source = arena_bytes_source(parent);
        struct arena_options options = OPTIONS(ARENA_CLEAR_ON_RESET, 0);
        options.source = &source;
        struct arena_bytes *arena = arena_bytes_create_with(SIZE_MAX, &options);
        assert_non_null(arena);
        size_t taken = 0;
        for (int peak = 0; peak < PEAKS; peak++) {
            for (int round = 0; round < ROUNDS; round++) {
                struct arena_mark mark = arena_bytes_mark(arena);
                for (int left = round == 0 ? PEAK : SIZE; left > 0; left -= SIZE) {
                    (void)arena_bytes_try_alloc(arena, SIZE, 8);
                }
                if (kind < 2) {
                    arena_bytes_rewind_end(arena, mark);
                } else {
                    arena_bytes_reset(arena);
                }
            }
            size_t now = child ? arena_bytes_used(parent) : (size_t)(pieces.low - memory);
            if (peak == 2) taken = now;
            if (peak > 2) assert_int_equal(now, taken);
        }
        arena_bytes_destroy(arena);
        arena_bytes_destroy(parent);
    }
}

/* Unless the program says otherwise. */
TEST(what_cannot_be_given_back_goes_where_that_is_asked) {
    enum { PEAK = 1 << 20, PEAKS = 4 };
    static char memory[16 * PEAK];
    struct pieces pieces = {memory, memory + sizeof memory, false, 0};
    struct arena_source source = {take_piece, NULL, &pieces};
    struct arena_options options = OPTIONS(ARENA_CLEAR_ON_RESET, 0);
    options.source = &source;
    options.retain_bytes = ARENA_RETAIN_NONE;
    struct arena_bytes *arena = arena_bytes_create_with(SIZE_MAX, &options);
    assert_non_null(arena);
    for (int peak = 0; peak < PEAKS; peak++) {
        const char *before = pieces.low;
        (void)arena_bytes_alloc(arena, PEAK, 8);
        assert_true(pieces.low - before >= PEAK);
        for (int round = 0; round < 64; round++) {
            arena_bytes_reset(arena);
            (void)arena_bytes_alloc(arena, 100, 8);
        }
    }
    arena_bytes_destroy(arena);
}

/* What a loop keeps for its next round does not stand in the way of that round. */
TEST(a_spare_block_that_is_too_small_makes_room) {
    size_t left = 1000000;
    struct arena_source source = {take_of_budget, give_to_budget, &left};
    struct arena_options options = OPTIONS(ARENA_CLEAR_ON_RESET, 0);
    options.source = &source;
    struct arena_bytes *arena = arena_bytes_create_with(SIZE_MAX, &options);
    assert_non_null(arena);
    for (size_t size = 10000; size <= 900000; size += 10000) {
        ARENA_SCRATCH(arena_bytes, arena) {
            assert_non_null(arena_bytes_try_alloc(arena, size, 8));
        }
    }
    arena_bytes_destroy(arena);
    assert_int_equal(left, 1000000);
}

TEST(a_large_vector_of_a_source) {
    size_t left = (size_t)16 << 20;
    struct arena_source source = {take_of_budget, give_to_budget, &left};
    struct arena_options options = OPTIONS(ARENA_CLEAR_ON_RESET, 0);
    options.source = &source;
    struct arena_bytes *arena = arena_bytes_create_with(SIZE_MAX, &options);
    assert_non_null(arena);
    struct {
        int *data;
        size_t len, cap;
    } vector = {NULL, 0, 0};
    for (int i = 0; i < 200000; i++) *ARENA_PUSH(arena, &vector) = i;
    for (int i = 0; i < 200000; i++) assert_int_equal(vector.data[i], i);
    arena_bytes_destroy(arena);
    assert_int_equal(left, (size_t)16 << 20);
}

/* A vector that is pushed to one by one moves seldom: its block is address space for more. */
TEST(a_large_vector_grows_in_place) {
    (void)state;
    if (support_checked() || sizeof(void *) < 8) skip();
    struct arena_bytes *arena = make(SIZE_MAX);
    struct {
        int *data;
        size_t len, cap;
    } vector = {NULL, 0, 0};
    for (int i = 0; i < 1000000; i++) *ARENA_PUSH(arena, &vector) = i;
    for (int i = 0; i < 1000000; i++) assert_int_equal(vector.data[i], i);
    struct arena_stats stats = {sizeof stats, 0, 0, 0, 0, 0, 0};
    assert_int_equal(arena_bytes_get_stats(arena, &stats), ARENA_OK);
    assert_true(stats.touched_bytes < 11 * sizeof *vector.data * vector.len / 10);
    arena_bytes_destroy(arena);
    arena = make(SIZE_MAX);
    struct arena_buffer buffer = {NULL, 0, 0, arena}; /* the larger it is where it moves, the more room it has */
    arena_buffer_reserve(&buffer, (size_t)3 << 20);
    const char *data = buffer.data;
    for (size_t size = (size_t)3 << 20; size <= (size_t)20 << 20; size += (size_t)1 << 20) {
        buffer.len = buffer.cap;
        if (buffer.cap < size) arena_buffer_reserve(&buffer, size - buffer.cap);
    }
    assert_ptr_equal(buffer.data, data);
    arena_bytes_destroy(arena);
}

/* Whatever was in the memory of an arena that ended, the next one's is zero. */
TEST(what_ended_shows_nowhere) {
    enum { LARGE = 300000, ROUNDS = 3 };
    EACH_POLICY(clear) {
        if (clear == ARENA_CLEAR_NEVER) continue;
        for (int round = 0; round < ROUNDS; round++) {
            struct arena_bytes *arena = make_clearing(SIZE_MAX, clear);
            void *vector = NULL;
            size_t cap = 0;
            for (size_t len = 0; cap < LARGE; len = cap) {
                vector = arena_bytes_grow(arena, vector, len, &cap, 1, 1);
                memset((char *)vector + len, 'x', cap - len);
            }
            for (int i = 0; i < 4; i++) {
                for (size_t size = 100; size < LARGE; size *= 3) {
                    void *block = arena_bytes_alloc(arena, size, 8);
                    assert_true(all_zero(block, size));
                    memset(block, 'x', size);
                }
                if (i % 2 != 0) arena_bytes_reset(arena);
            }
            (void)arena_bytes_alloc(arena, LARGE, 8);
            arena_bytes_destroy(arena);
        }
    }
}

TEST(the_capacity_can_be_changed) {
    EACH_POLICY(clear) {
        struct arena_bytes *arena = make_clearing(1000, clear);
        (void)arena_bytes_alloc(arena, 100, 1);
        assert_false(arena_bytes_set_cap(arena, 99));
        assert_int_equal(arena_bytes_cap(arena), 1000);
        assert_true(arena_bytes_set_cap(arena, 100));
        assert_int_equal(arena_bytes_remaining(arena), 0);
        assert_null(arena_bytes_try_alloc(arena, 1, 1));
        arena_bytes_reset(arena);
        for (int round = 0; round < 2; round++) { /* the limit outlives a quick reset */
            assert_non_null(arena_bytes_try_alloc(arena, 100, 1));
            assert_null(arena_bytes_try_alloc(arena, 1, 1));
            arena_bytes_reset(arena);
        }
        assert_true(arena_bytes_set_cap(arena, 5000));
        assert_non_null(arena_bytes_try_alloc(arena, 5000, 1));
        assert_true(arena_bytes_set_cap(arena, SIZE_MAX));
        assert_non_null(arena_bytes_try_alloc(arena, 50000, 1));
        arena_bytes_destroy(arena);
    }
    assert_false(arena_bytes_set_cap(NULL, 1));
    static char memory[2000];
    struct arena_bytes *arena = arena_bytes_create_in(memory, sizeof memory, NULL);
    size_t capacity = arena_bytes_cap(arena);
    assert_false(arena_bytes_set_cap(arena, capacity + 1));
    assert_true(arena_bytes_set_cap(arena, capacity / 2));
    assert_null(arena_bytes_try_alloc(arena, capacity / 2 + 1, 1));
    assert_true(arena_bytes_set_cap(arena, capacity));
    arena_bytes_destroy(arena);
}

TEST(a_trim_keeps_what_is_used) {
    EACH_POLICY(clear) {
        struct arena_bytes *arena = make_clearing(SIZE_MAX, clear);
        for (int round = 0; round < 3; round++) {
            char *low = (char *)arena_bytes_alloc(arena, 300000, 8);
            memset(low, 1, 300000);
            struct arena_mark mark = arena_bytes_mark(arena);
            memset(arena_bytes_alloc(arena, 3000000, 8), 2, 3000000);
            arena_bytes_rewind_end(arena, mark);
            arena_bytes_trim(arena);
            for (size_t i = 0; i < 300000; i++) assert_true(low[i] == 1);
            char *again = (char *)arena_bytes_alloc(arena, 3000000, 8);
            if (clear != ARENA_CLEAR_NEVER) assert_true(all_zero(again, 3000000));
            arena_bytes_reset(arena);
            arena_bytes_trim(arena);
        }
        arena_bytes_destroy(arena);
    }
}

/* --- changing sizes ------------------------------------------------------------------------------------------------ */

TEST(the_newest_block_grows_and_shrinks_in_place) {
    EACH_POLICY(clear) {
        struct arena_bytes *arena = make_clearing(1000, clear);
        char *block = (char *)arena_bytes_alloc(arena, 100, 8);
        memset(block, 1, 100);
        assert_true(arena_bytes_resize(arena, block, 100, 200));
        assert_true(all_zero(block + 100, 100));
        assert_int_equal(arena_bytes_used(arena), 200);
        memset(block, 1, 200);
        assert_true(arena_bytes_resize(arena, block, 200, 40));
        assert_int_equal(arena_bytes_used(arena), 40);
        assert_true(arena_bytes_resize(arena, block, 40, 200)); /* shrink, then grow: zero, under every policy */
        assert_true(all_zero(block + 40, 160));
        for (int i = 0; i < 40; i++) assert_int_equal(block[i], 1);
        assert_false(arena_bytes_resize(arena, block, 200, 1001));
        assert_true(arena_bytes_resize(arena, block, 200, 1000));
        assert_int_equal(arena_bytes_remaining(arena), 0);
        assert_true(arena_bytes_resize(arena, block, 1000, 0));
        assert_int_equal(arena_bytes_used(arena), 0);
        assert_false(arena_bytes_resize(arena, block, 0, 1)); /* an empty block never grows in place */
        assert_false(arena_bytes_resize(arena, NULL, 0, 1));
        assert_false(arena_bytes_resize(NULL, block, 0, 1));
        arena_bytes_destroy(arena);
    }
}

TEST(an_inner_block_shrinks_and_gains_nothing) {
    struct arena_bytes *arena = make(1000);
    char *inner = (char *)arena_bytes_alloc(arena, 100, 1);
    memset(inner, 1, 100);
    char *outer = (char *)arena_bytes_alloc(arena, 10, 1);
    memset(outer, 2, 10);
    assert_true(arena_bytes_resize(arena, inner, 100, 50));
    assert_int_equal(arena_bytes_used(arena), 110);
    assert_false(arena_bytes_resize(arena, inner, 50, 51));
    char *moved = (char *)arena_bytes_realloc(arena, inner, 50, 100, 1);
    assert_ptr_not_equal(moved, inner);
    for (int i = 0; i < 50; i++) assert_int_equal(moved[i], 1);
    assert_true(all_zero(moved + 50, 50));
    for (int i = 0; i < 10; i++) assert_int_equal(outer[i], 2);
    arena_bytes_destroy(arena);
}

TEST(realloc_moves_where_it_has_to) {
    EACH_POLICY(clear) {
        struct arena_bytes *arena = make_clearing(1000, clear);
        char *fresh = (char *)arena_bytes_realloc(arena, NULL, 0, 20, 1); /* NULL: alloc */
        assert_non_null(fresh);
        memset(fresh, 1, 20);
        char *grown = (char *)arena_bytes_realloc(arena, fresh, 20, 40, 1);
        assert_ptr_equal(grown, fresh);
        assert_true(all_zero(grown + 20, 20));
        (void)arena_bytes_alloc(arena, 1, 1);
        char *wide = (char *)arena_bytes_realloc(arena, grown, 40, 60, 256); /* a larger alignment */
        assert_true(aligned(wide, 256));
        assert_ptr_not_equal(wide, grown);
        for (int i = 0; i < 20; i++) assert_int_equal(wide[i], 1);
        assert_true(all_zero(wide + 20, 40));
        for (int i = 0; i < 20; i++) assert_int_equal(grown[i], 1); /* stays as it was */
        char *shorter = (char *)arena_bytes_realloc(arena, wide, 60, 10, 1);
        assert_ptr_equal(shorter, wide);
        size_t used = arena_bytes_used(arena);
        char *empty = (char *)arena_bytes_realloc(arena, wide, 10, 0, 8);
        assert_non_null(empty);
        assert_true(aligned(empty, 8));
        assert_true(arena_bytes_used(arena) <= used);
        used = arena_bytes_used(arena);
        memset(wide, 3, 10);
        assert_null(arena_bytes_try_realloc(arena, fresh, 20, 2000, 1));
        assert_int_equal(arena_bytes_used(arena), used);
        for (int i = 0; i < 20; i++) assert_int_equal(fresh[i], 1);
        arena_bytes_destroy(arena);
    }
}

/* Two arenas in one piece of memory, and the blocks of one arena. */
TEST(a_block_does_not_grow_into_what_follows) {
    static char memory[8192];
    struct arena_bytes *low = arena_bytes_create_in(memory, 4096, NULL);
    struct arena_bytes *high = arena_bytes_create_in(memory + 4096, 4096, NULL);
    size_t capacity = arena_bytes_remaining(low);
    char *all = NULL;
    for (; all == NULL; capacity--) all = (char *)arena_bytes_try_alloc(low, capacity, 1);
    capacity++;
    assert_false(arena_bytes_resize(low, all, capacity, capacity + 100));
    assert_true(arena_bytes_resize(low, all, capacity, capacity - 1));
    assert_true(arena_bytes_resize(low, all, capacity - 1, capacity));
    memset(all, 0xff, capacity);
    assert_int_equal(arena_bytes_used(high), 0);
    assert_true(all_zero(arena_bytes_alloc(high, 100, 1), 100));
    arena_bytes_destroy(high);
    arena_bytes_destroy(low);

    /* The last block of memory, an older one, and back. */
    struct arena_bytes *arena = make(SIZE_MAX);
    char *older = (char *)arena_bytes_alloc(arena, 2000, 1);
    memset(older, 1, 2000);
    char *newer = (char *)arena_bytes_alloc(arena, 100000, 1);
    assert_false(arena_bytes_resize(arena, older, 2000, 2001));
    assert_true(arena_bytes_resize(arena, newer, 100000, 0));
    assert_false(arena_bytes_resize(arena, older, 2000, 2001));
    char *moved = (char *)arena_bytes_realloc(arena, older, 2000, 3000, 1);
    for (int i = 0; i < 2000; i++) assert_int_equal(moved[i], 1);
    assert_true(all_zero(moved + 2000, 1000));
    arena_bytes_destroy(arena);
}

TEST(memdup_copies_or_zeroes) {
    EACH_POLICY(clear) {
        struct arena_bytes *arena = make_clearing(SIZE_MAX, clear);
        for (int round = 0; round < 3; round++) {
            for (size_t size = 1; size < 20000; size *= 3) {
                char *zero = (char *)arena_bytes_memdup(arena, NULL, size, 8); /* under every policy */
                assert_true(all_zero(zero, size));
                memset(zero, 7, size);
                char *copy = (char *)arena_bytes_try_memdup(arena, zero, size, 16);
                assert_memory_equal(copy, zero, size);
                assert_true(aligned(copy, 16));
            }
            arena_bytes_reset(arena);
        }
        arena_bytes_destroy(arena);
    }
}

/* --- text ---------------------------------------------------------------------------------------------------------- */

TEST(texts_are_copied) {
    struct arena_bytes *arena = make(20);
    assert_null(arena_bytes_strdup(arena, NULL));
    assert_null(arena_bytes_strndup(arena, NULL, 3));
    assert_null(arena_bytes_try_strdup(arena, NULL));
    assert_null(arena_bytes_try_strndup(arena, NULL, 3));
    assert_string_equal(arena_bytes_strdup(arena, "abc"), "abc");
    assert_string_equal(arena_bytes_strndup(arena, "abcdef", 2), "ab");
    assert_string_equal(arena_bytes_try_strndup(arena, "ab", SIZE_MAX), "ab");
    static const char unterminated[3] = {'x', 'y', 'z'};
    assert_string_equal(arena_bytes_try_strndup(arena, unterminated, 3), "xyz");
    assert_string_equal(arena_bytes_strdup(arena, ""), "");
    assert_string_equal(arena_bytes_printf(arena, "%d", 1234), "1234");
    assert_int_equal(arena_bytes_remaining(arena), 0);
    assert_null(arena_bytes_try_strdup(arena, ""));
    assert_null(arena_bytes_try_strndup(arena, "abc", 0));
    assert_null(arena_bytes_try_printf(arena, "%s", ""));
    struct call call = {arena, NULL, 1, 1};
    assert_int_equal(panic_status(do_strdup, call), ARENA_EFULL);
    assert_int_equal(panic_status(do_strndup, call), ARENA_EFULL);
    assert_int_equal(panic_status(do_printf, call), ARENA_EFULL);
    assert_int_equal(panic_status(do_defer, call), ARENA_EFULL);
    assert_null(arena_bytes_try_defer(arena, NULL, NULL));
    arena_bytes_destroy(arena);
}

/* A text whose arguments lie in the arena, and which does not fit where the window is. */
TEST(printf_reads_from_the_arena) {
    EACH_POLICY(clear) {
        struct arena_bytes *arena = make_clearing(SIZE_MAX, clear);
        const char *text = "x";
        for (int i = 0; i < 12; i++) text = arena_bytes_printf(arena, "%s%s", text, text);
        assert_int_equal(strlen(text), 4096);
        assert_int_equal(strspn(text, "x"), 4096);
        arena_bytes_destroy(arena);

        arena = make_clearing(300, clear);
        text = arena_bytes_printf(arena, "%0100d", 7);
        size_t used = arena_bytes_used(arena);
        assert_int_equal(used, 101);
        for (int round = 0; round < 2; round++) { /* too long: nothing changed, and what is free still reads zero */
            assert_null(arena_bytes_try_printf(arena, "%s%s%s", text, text, text));
            assert_int_equal(arena_bytes_used(arena), used);
            char *block = (char *)arena_bytes_alloc(arena, 199, 1);
            if (clear != ARENA_CLEAR_NEVER) assert_true(all_zero(block, 199));
            memset(block, 9, 199);
            assert_null(arena_bytes_try_printf(arena, "%s", text));
            assert_true(arena_bytes_resize(arena, block, 199, 1));
            assert_true(arena_bytes_resize(arena, block, 1, 199));
            assert_true(all_zero(block + 1, 198));
            assert_true(arena_bytes_resize(arena, block, 199, 0));
        }
        arena_bytes_destroy(arena);
    }
}

__attribute__((format(printf, 3, 4))) static char *list_printf(struct arena_bytes *arena, bool tries,
                                                               const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char *text =
        tries ? arena_bytes_try_vprintf(arena, format, arguments) : arena_bytes_vprintf(arena, format, arguments);
    va_end(arguments);
    return text;
}

__attribute__((format(printf, 3, 4))) static bool list_append(struct arena_buffer *buffer, bool tries,
                                                              const char *format, ...) {
    va_list arguments;
    bool fits = true;
    va_start(arguments, format);
    if (tries) fits = arena_buffer_try_vprintf(buffer, format, arguments);
    if (!tries) arena_buffer_vprintf(buffer, format, arguments);
    va_end(arguments);
    return fits;
}

TEST(arguments_may_come_in_a_list) {
    struct arena_bytes *arena = arena_bytes_create(100);
    struct arena_buffer buffer = {NULL, 0, 0, arena};
    for (int tries = 0; tries < 2; tries++) {
        assert_string_equal(list_printf(arena, tries, "%d %s", 7, "texts"), "7 texts");
        assert_true(list_append(&buffer, tries, "%c%d", 'n', tries));
    }
    assert_string_equal(arena_buffer_text(&buffer), "n0n1");
    size_t used = arena_bytes_used(arena);
    assert_null(list_printf(arena, true, "%0200d", 7));
    assert_false(list_append(&buffer, true, "%0200d", 7));
    assert_int_equal(arena_bytes_used(arena), used);
    assert_int_equal(buffer.len, 4);
    arena_bytes_destroy(arena);
}

/* What was written of it before it failed is not to be seen. */
TEST(a_text_that_cannot_be_formatted_is_refused) {
    static const wchar_t unknown[] = {0x7fffffff, 0};
    EACH_POLICY(clear) {
        struct arena_bytes *arena = make_clearing(400, clear);
        struct arena_buffer buffer = {NULL, 0, 0, arena};
        arena_buffer_append_text(&buffer, "abc");
        arena_buffer_reserve(&buffer, 100);
        struct arena_buffer was = buffer;
        assert_false(arena_buffer_try_printf(&buffer, "%050d%ls", 7, unknown));
        struct call call = {arena, &buffer, 0, 0};
        assert_int_equal(panic_status(do_buffer_printf_unknown, call), ARENA_EINVAL);
        assert_memory_equal(&was, &buffer, sizeof was);
        assert_string_equal(arena_buffer_text(&buffer), "abc");
        size_t used = arena_bytes_used(arena);
        assert_null(arena_bytes_try_printf(arena, "%050d%ls", 7, unknown));
        assert_int_equal(panic_status(do_printf_unknown, call), ARENA_EINVAL);
        assert_int_equal(arena_bytes_used(arena), used);
        char *block = (char *)arena_bytes_alloc(arena, 200, 1);
        if (clear != ARENA_CLEAR_NEVER) assert_true(all_zero(block, 200));
        arena_bytes_destroy(arena);
    }
}

/* More room than a formatting function can be told of. */
TEST(texts_are_formatted_into_gigabytes) {
    const size_t bytes = (size_t)(UINT64_C(3) << 30);
    if (sizeof(void *) < 8 || support_slow()) skip();
    char *memory =
        (char *)mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == (char *)MAP_FAILED) skip();
    struct arena_bytes *arena = arena_bytes_create_in(memory, bytes, NULL);
    assert_string_equal(arena_bytes_printf(arena, "%s %d", "text", 7), "text 7");
    struct arena_buffer buffer = {NULL, 0, 0, arena};
    arena_buffer_reserve(&buffer, (size_t)INT_MAX + 100);
    arena_buffer_printf(&buffer, "%d", 1234);
    assert_string_equal(arena_buffer_text(&buffer), "1234");
    arena_bytes_destroy(arena);
    assert_int_equal(munmap(memory, bytes), 0);
}

/* --- values and vectors -------------------------------------------------------------------------------------------- */

struct point {
    int x, y;
};
struct flexible {
    size_t count;
    uint16_t member[];
};
struct huge {
    char bytes[5000];
};

TEST(new_values_are_zero) {
    EACH_POLICY(clear) {
        struct arena_bytes *arena = make_clearing(SIZE_MAX, clear);
        for (int round = 0; round < 3; round++) {
            struct point *point = ARENA_NEW(arena, struct point);
            assert_true(all_zero(point, sizeof *point));
            memset(point, 1, sizeof *point);
            struct huge *huge = ARENA_TRY_NEW(arena, struct huge);
            assert_true(all_zero(huge, sizeof *huge));
            memset(huge, 1, sizeof *huge);
            uint64_t *numbers = ARENA_NEW_ARRAY(arena, uint64_t, 33);
            assert_true(aligned(numbers, sizeof(uint64_t)) && all_zero(numbers, 33 * sizeof *numbers));
            memset(numbers, 1, 33 * sizeof *numbers);
            struct flexible *flexible = ARENA_NEW_FLEX(arena, struct flexible, member, 100);
            assert_true(all_zero(flexible, sizeof *flexible + 200));
            memset(flexible, 1, sizeof *flexible + 200);
            assert_non_null(ARENA_NEW_ARRAY(arena, int, 0));
            arena_bytes_reset(arena);
        }
        arena_bytes_destroy(arena);
    }
    struct arena_bytes *arena = make(SIZE_MAX);
    assert_null(ARENA_TRY_NEW_ARRAY(arena, uint64_t, SIZE_MAX / 8 + 1));
    assert_null(ARENA_TRY_NEW_ARRAY(arena, uint64_t, SIZE_MAX));
    assert_null(ARENA_TRY_NEW_FLEX(arena, struct flexible, member, SIZE_MAX / 2));
    assert_null(ARENA_TRY_NEW_FLEX(arena, struct flexible, member, SIZE_MAX));
    assert_int_equal(arena_bytes_used(arena), 0);
    arena_bytes_destroy(arena);
}

struct numbers {
    int *data;
    size_t len, cap;
};

TEST(vectors_grow) {
    EACH_POLICY(clear) {
        struct arena_bytes *arena = make_clearing(SIZE_MAX, clear);
        for (int round = 0; round < 3; round++) {
            struct numbers left = {NULL, 0, 0};
            struct numbers right = {NULL, 0, 0};
            for (int i = 0; i < 5000; i++) {
                struct numbers *next = &left;
                int *element = ARENA_PUSH(arena, next++); /* evaluated once */
                assert_ptr_equal(next, &left + 1);
                assert_int_equal(*element, 0);
                *element = i;
                if (i % 3 != 0) continue;
                element = ARENA_TRY_PUSH(arena, &right);
                assert_int_equal(*element, 0);
                *element = -i;
            }
            assert_int_equal(left.len, 5000);
            for (int i = 0; i < 5000; i++) assert_int_equal(left.data[i], i);
            for (size_t i = 0; i < right.len; i++) assert_int_equal(right.data[i], -3 * (int)i);
            arena_bytes_reset(arena);
        }
        arena_bytes_destroy(arena);
    }
}

static void do_push(void *user) {
    (void)ARENA_PUSH(((struct call *)user)->arena, (struct numbers *)((struct call *)user)->block);
}

/* Elements of more than a line, and as many as no arena has. */
TEST(vectors_of_any_size) {
    struct arena_bytes *arena = make(SIZE_MAX);
    struct {
        struct {
            char bytes[100];
        } * data;
        size_t len, cap;
    } wide = {NULL, 0, 0};
    for (int i = 0; i < 100; i++) {
        assert_true(all_zero(ARENA_PUSH(arena, &wide), 100));
        memset(&wide.data[i], i, 100);
    }
    for (int i = 0; i < 100; i++) assert_int_equal(wide.data[i].bytes[99], i);
    size_t used = arena_bytes_used(arena);
    size_t cap = 0;
    assert_null(arena_bytes_try_grow(arena, NULL, SIZE_MAX / 8, &cap, 8, 8));
    assert_null(arena_bytes_try_grow(arena, NULL, 0, &cap, 0, 1)); /* a compiler's extension */
    assert_int_equal(cap, 0);
    assert_int_equal(arena_bytes_used(arena), used);
    arena_bytes_destroy(arena);
}

TEST(vectors_take_what_still_fits) {
    static const size_t capacities[] = {400, 1000, 1023, 60000};
    for (size_t i = 0; i < sizeof capacities / sizeof capacities[0]; i++) {
        struct arena_bytes *arena = make(capacities[i]);
        struct numbers numbers = {NULL, 0, 0};
        size_t grown = 0;
        for (size_t cap = 0;; cap = numbers.cap) {
            if (ARENA_TRY_PUSH(arena, &numbers) == NULL) break;
            if (numbers.cap != cap) grown++;
        }
        struct numbers was = numbers;
        assert_true(support_checked() || grown < 20);      /* not by one at a time */
        if (capacities[i] <= 1023 && !support_checked()) { /* in one block of memory: all of it */
            assert_true(numbers.len == numbers.cap && arena_bytes_remaining(arena) < sizeof(int));
        }
        struct call call = {arena, &numbers, 0, 0};
        assert_int_equal(panic_status(do_push, call), ARENA_EFULL);
        assert_memory_equal(&was, &numbers, sizeof was);
        arena_bytes_destroy(arena);
    }
}

/* --- buffers ------------------------------------------------------------------------------------------------------- */

TEST(buffers_collect_text) {
    EACH_POLICY(clear) {
        struct arena_bytes *arena = make_clearing(SIZE_MAX, clear);
        struct arena_buffer buffer = {NULL, 0, 0, arena};
        assert_string_equal(arena_buffer_text(&buffer), "");
        assert_int_equal(buffer.len, 0);
        arena_buffer_append_text(&buffer, NULL);
        arena_buffer_append(&buffer, NULL, 0);
        arena_buffer_append_text(&buffer, "one");
        arena_buffer_append_byte(&buffer, ',');
        arena_buffer_append(&buffer, "two!", 3);
        arena_buffer_printf(&buffer, ",%d", 3);
        assert_string_equal(arena_buffer_text(&buffer), "one,two,3");
        assert_int_equal(buffer.len, 9);
        assert_true(arena_buffer_try_append_text(&buffer, "..."));
        assert_true(arena_buffer_try_append_byte(&buffer, 0xff));
        assert_true(arena_buffer_try_printf(&buffer, "%s", "end"));
        assert_string_equal(arena_buffer_try_text(&buffer), "one,two,3...\xff"
                                                            "end");
        arena_buffer_reserve(&buffer, 5000);
        assert_true(buffer.cap - buffer.len >= 5000);
        char *data = buffer.data;
        for (int i = 0; i < 5000; i++) arena_buffer_append_byte(&buffer, 'x');
        assert_ptr_equal(buffer.data, data);
        arena_buffer_clear(&buffer);
        assert_int_equal(buffer.len, 0);
        assert_true(buffer.cap >= 5000);
        assert_string_equal(arena_buffer_text(&buffer), "");
        arena_bytes_destroy(arena);
    }
}

TEST(a_buffer_is_appended_to_itself) {
    struct arena_bytes *arena = make(SIZE_MAX);
    for (int moves = 0; moves < 2; moves++) {
        struct arena_buffer buffer = {NULL, 0, 0, arena};
        arena_buffer_append_text(&buffer, "ab");
        for (int i = 0; i < 11; i++) {
            if (moves) (void)arena_bytes_alloc(arena, 1, 1);
            arena_buffer_append(&buffer, buffer.data, buffer.len);
        }
        assert_int_equal(buffer.len, 4096);
        for (size_t i = 0; i < buffer.len; i++) assert_int_equal(buffer.data[i], i % 2 == 0 ? 'a' : 'b');
        arena_buffer_append(&buffer, buffer.data + 1, 3);
        assert_memory_equal(buffer.data + 4096, "bab", 3);

        /* Its own text, as an argument. */
        struct arena_buffer text = {NULL, 0, 0, arena};
        arena_buffer_append_text(&text, "ab");
        for (int i = 0; i < 9; i++) {
            if (moves) (void)arena_bytes_alloc(arena, 1, 1);
            arena_buffer_printf(&text, "%s", arena_buffer_text(&text));
        }
        assert_int_equal(text.len, 1024);
        assert_int_equal(strspn(arena_buffer_text(&text), "ab"), 1024);
    }
    arena_bytes_destroy(arena);
}

static void do_append(void *user) {
    arena_buffer_append((struct arena_buffer *)((struct call *)user)->block, "0123456789", 10);
}
static void do_buffer_text(void *user) { (void)arena_buffer_text((struct arena_buffer *)((struct call *)user)->block); }
static void do_buffer_printf(void *user) {
    arena_buffer_printf((struct arena_buffer *)((struct call *)user)->block, "%s", "0123456789");
}
static void do_reserve(void *user) {
    arena_buffer_reserve((struct arena_buffer *)((struct call *)user)->block, ((struct call *)user)->size);
}

/* All that was printed is there, nothing else, and a buffer that is the newest block does not move. */
TEST(a_buffer_prints_into_the_room_behind_it) {
    EACH_POLICY(clear) {
        struct arena_bytes *arena = make_clearing(3000, clear);
        for (int round = 0; round < 4; round++) {
            struct arena_buffer buffer = {NULL, 0, 0, arena};
            char wanted[2000] = "";
            const char *data = NULL;
            for (int i = 0; i < 12; i++) { /* of 1 to 100 bytes: within what the buffer has, and beyond it */
                arena_buffer_printf(&buffer, "%0*d", i * 9 + 1, i);
                (void)snprintf(wanted + strlen(wanted), 110, "%0*d", i * 9 + 1, i);
                if (i == 0) data = buffer.data;
                assert_true(buffer.len <= buffer.cap);
            }
            assert_ptr_equal(buffer.data, data);
            assert_string_equal(arena_buffer_text(&buffer), wanted);
            struct arena_buffer was = buffer;
            assert_false(arena_buffer_try_printf(&buffer, "%03000d", 1)); /* nothing of it stays */
            assert_memory_equal(&was, &buffer, sizeof was);
            assert_string_equal(buffer.data, wanted);
            size_t rest = arena_bytes_remaining(arena);
            unsigned char *free_bytes = (unsigned char *)arena_bytes_alloc(arena, rest, 1);
            if (clear != ARENA_CLEAR_NEVER) assert_true(all_zero(free_bytes, rest));
            memset(free_bytes, 0x55, rest);
            arena_buffer_clear(&buffer); /* it is not the newest block any more, and moves when it has to */
            assert_false(arena_buffer_try_printf(&buffer, "%03000d", 1));
            arena_bytes_reset(arena);
        }
        /* Below a mark it does not grow where it is. */
        struct arena_buffer below = {NULL, 0, 0, arena};
        arena_buffer_printf(&below, "%s", "below");
        const char *stays = below.data;
        struct arena_mark mark = arena_bytes_mark(arena);
        struct arena_buffer moved = below;
        arena_buffer_printf(&moved, "%0200d", 1);
        assert_ptr_not_equal(moved.data, stays);
        arena_bytes_rewind_end(arena, mark);
        assert_memory_equal(stays, "below", 5);
        arena_bytes_destroy(arena);
    }
}

#ifdef __GLIBC__
/* %Y: an x, and how often it was asked for. */
static int printed;
static int print_counted(FILE *stream, const struct printf_info *info, const void *const *arguments) {
    printed++;
    return fputc('x', stream) == EOF ? -1 : 1;
}
static int counted_arguments(const struct printf_info *info, size_t count, int *types, int *sizes) { return 0; }
__attribute__((format_arg(1))) static const char *any_format(const char *standard) { return "%Y%d"; }

/* What fits behind a buffer is formatted once, also where it is a buffer's first text. */
TEST(a_buffer_formats_once) {
    if (support_checked()) return; /* the room is hidden then */
    assert_int_equal(register_printf_specifier('Y', print_counted, counted_arguments), 0);
    struct arena_bytes *arena = make(SIZE_MAX);
    struct arena_buffer buffer = {NULL, 0, 0, arena};
    for (int i = 1; i <= 30; i++) {
        assert_true(list_append(&buffer, i % 2 == 0, any_format("%d"), i));
        assert_int_equal(printed, i);
    }
    assert_int_equal(strspn(arena_buffer_text(&buffer), "x0123456789"), buffer.len);
    arena_bytes_destroy(arena);
}
#endif

TEST(a_full_buffer_stays_as_it_is) {
    struct arena_bytes *arena = make(100);
    struct arena_buffer buffer = {NULL, 0, 0, arena};
    while (arena_buffer_try_append_byte(&buffer, 'x')) {}
    assert_int_equal(buffer.len, 100);
    struct arena_buffer was = buffer;
    assert_false(arena_buffer_try_append(&buffer, "y", 1));
    assert_false(arena_buffer_try_append_text(&buffer, "y"));
    assert_false(arena_buffer_try_printf(&buffer, "%d", 1));
    assert_false(arena_buffer_try_reserve(&buffer, 1));
    assert_false(arena_buffer_try_reserve(&buffer, SIZE_MAX));
    assert_null(arena_buffer_try_text(&buffer));
    struct call call = {arena, &buffer, SIZE_MAX, 1};
    assert_int_equal(panic_status(do_append, call), ARENA_EFULL);
    assert_int_equal(panic_status(do_buffer_printf, call), ARENA_EFULL);
    assert_int_equal(panic_status(do_buffer_text, call), ARENA_EFULL);
    assert_int_equal(panic_status(do_reserve, call), ARENA_EFULL);
    assert_memory_equal(&was, &buffer, sizeof was);
    for (int i = 0; i < 100; i++) assert_int_equal(buffer.data[i], 'x');
    arena_bytes_destroy(arena);

    /* A text that fits with its NUL, and no more. */
    arena = make(11);
    struct arena_buffer exact = {NULL, 0, 0, arena};
    arena_buffer_printf(&exact, "%s", "0123456789");
    assert_string_equal(arena_buffer_text(&exact), "0123456789");
    arena_bytes_destroy(arena);

    /* An empty text needs no room. */
    arena = make(0);
    struct arena_buffer empty = {NULL, 0, 0, arena};
    was = empty;
    assert_string_equal(arena_buffer_text(&empty), "");
    assert_string_equal(arena_buffer_try_text(&empty), "");
    assert_memory_equal(&was, &empty, sizeof was);
    arena_bytes_destroy(arena);
    struct arena_buffer lost = {NULL, 0, 0, NULL};
    assert_null(arena_buffer_try_text(&lost));
    assert_null(arena_buffer_try_text(NULL));
    assert_false(arena_buffer_try_append_byte(&lost, 'x'));
    call = (struct call){NULL, &lost, 1, 1};
    assert_int_equal(panic_status(do_append, call), ARENA_EINVAL);
    char letters[] = "ab";
    lost = (struct arena_buffer){letters, 2, 2, NULL};
    assert_int_equal(panic_status(do_append, call), ARENA_EINVAL);
    assert_true(lost.data == letters && lost.len == 2 && lost.cap == 2);
}

TEST(no_arena_and_no_buffer_are_diagnosed) {
    struct call call = {NULL, NULL, 8, 8};
    void (*const of_arena[])(void *) = {do_alloc_raw, do_memdup, do_realloc, do_strndup, do_printf, do_defer};
    void (*const of_buffer[])(void *) = {do_buffer_printf, do_reserve};
    for (size_t i = 0; i < sizeof of_arena / sizeof of_arena[0]; i++) {
        assert_int_equal(panic_status(of_arena[i], call), ARENA_EINVAL);
    }
    for (size_t i = 0; i < sizeof of_buffer / sizeof of_buffer[0]; i++) {
        assert_int_equal(panic_status(of_buffer[i], call), ARENA_EINVAL);
    }
    assert_null(arena_bytes_try_alloc_raw(NULL, 8, 8));
    assert_null(arena_bytes_try_memdup(NULL, NULL, 8, 8));
    assert_null(arena_bytes_try_realloc(NULL, NULL, 0, 8, 8));
    assert_null(arena_bytes_try_strdup(NULL, "text"));
    assert_null(arena_bytes_try_strndup(NULL, "text", 2));
    assert_null(arena_bytes_try_printf(NULL, "%s", "text"));
    assert_null(arena_bytes_try_defer(NULL, NULL, NULL));
    assert_false(arena_buffer_try_append(NULL, "a", 1));
    assert_false(arena_buffer_try_append_byte(NULL, 'a'));
    assert_false(arena_buffer_try_append_text(NULL, "a"));
    assert_false(arena_buffer_try_append_text(NULL, NULL));
    assert_false(arena_buffer_try_printf(NULL, "%s", "a"));
    assert_false(arena_buffer_try_reserve(NULL, 1));
    assert_null(arena_buffer_try_text(NULL));
    arena_buffer_clear(NULL);
}

/* --- cleanups ------------------------------------------------------------------------------------------------------ */

static char ran[64];
static void note(void *user) {
    size_t length = strlen(ran);
    ran[length] = *(const char *)user;
    ran[length + 1] = 0;
}
static char names[] = "abcdefgh";

TEST(cleanups_run_newest_first) {
    EACH_POLICY(clear) {
        struct arena_bytes *arena = make_clearing(SIZE_MAX, clear);
        for (int round = 0; round < 3; round++) {
            ran[0] = 0;
            for (int i = 0; i < 5; i++) {
                char *text = (char *)arena_bytes_alloc(arena, round == 1 ? 3000 : 2, 1); /* over several blocks */
                text[0] = names[i];                                                      /* memory is as it was */
                struct arena_cleanup *cleanup = arena_bytes_defer(arena, i == 1 ? NULL : note, text);
                if (i == 1) cleanup->run = note; /* set later */
                if (i == 3) cleanup->run = NULL; /* cancelled */
                if (i == 2) cleanup->user = names + 7;
            }
            if (round == 2) break;
            arena_bytes_reset(arena);
            assert_string_equal(ran, "ehba");
            assert_int_equal(arena_bytes_used(arena), 0);
            arena_bytes_reset(arena);
            assert_string_equal(ran, "ehba");
        }
        arena_bytes_destroy(arena);
        assert_string_equal(ran, "ehba");
    }
}

TEST(a_cleanup_ends_growth_of_what_lies_before) {
    struct arena_bytes *arena = make(1000);
    ran[0] = 0;
    char *block = (char *)arena_bytes_alloc(arena, 16, 8);
    struct arena_cleanup *cleanup = arena_bytes_try_defer(arena, note, names);
    assert_false(arena_bytes_resize(arena, block, 16, 17));
    assert_int_equal(arena_bytes_used(arena), 16 + sizeof *cleanup + sizeof(void *));
    arena_bytes_destroy(arena);
    assert_string_equal(ran, "a");
}

static struct arena_bytes *cleaned;
static void allocate_plainly(void *user) { (void)arena_bytes_alloc(cleaned, 8, 8); }
static void allocate_quietly(void *user) {
    void *out;
    if (arena_bytes_try_alloc(cleaned, 8, 8) == NULL && arena_bytes_alloc_checked(cleaned, 8, 8, &out) == ARENA_EBUSY &&
        arena_reset_checked(arena_bytes_raw(cleaned)) == ARENA_EBUSY && !arena_bytes_resize(cleaned, user, 8, 9) &&
        !arena_bytes_set_cap(cleaned, 5000)) {
        note(names);
    }
}
static void reset_with_allocating_cleanup(void *user) {
    cleaned = arena_bytes_create(1000);
    (void)arena_bytes_defer(cleaned, allocate_plainly, NULL);
    arena_bytes_reset(cleaned);
}

static void destroy_plainly(void *user) {
    (void)user;
    arena_bytes_destroy(cleaned);
}
/* `user`: a reset runs it, else the end.  The thread could keep the arena. */
static void end_with_destroying_cleanup(void *user) {
    arena_bytes_destroy(arena_bytes_create(100000));
    cleaned = arena_bytes_create(100000);
    (void)arena_bytes_defer(cleaned, destroy_plainly, NULL);
    if (user != NULL) {
        arena_bytes_reset(cleaned);
    } else {
        arena_bytes_destroy(cleaned);
    }
}

TEST(a_cleanup_must_not_allocate) {
    assert_aborts(reset_with_allocating_cleanup, NULL, "arena");
    assert_aborts(end_with_destroying_cleanup, NULL, "arena_destroy");
    assert_aborts(end_with_destroying_cleanup, ran, "arena_destroy");
    ran[0] = 0;
    cleaned = make(1000);
    void *block = arena_bytes_alloc(cleaned, 8, 8);
    (void)arena_bytes_defer(cleaned, allocate_quietly, block);
    arena_bytes_reset(cleaned);
    assert_string_equal(ran, "a");
    assert_non_null(arena_bytes_alloc(cleaned, 8, 8));
    arena_bytes_destroy(cleaned);
}

static void use_and_panic(struct arena_bytes *arena, void *user) {
    (void)arena_bytes_defer(arena, note, names);
    if (user != NULL) arena_panic("on purpose");
}
static void run_in_pool(void *user) {
    struct arena_bytes_pool *pool = (struct arena_bytes_pool *)user;
    assert_int_equal(arena_bytes_pool_execute(pool, use_and_panic, pool), ARENA_EPANIC); /* does not return */
}
static void return_it(struct worker *self) {
    struct call *call = (struct call *)self->user;
    arena_bytes_pool_return((struct arena_bytes_pool *)call->block, call->arena);
}

static void leave_thread(struct worker *self) {
    ARENA_POOL_SCOPE_OF(arena_bytes, (struct arena_bytes_pool *)self->user, scoped) {
        (void)arena_bytes_defer(scoped, note, names + 3);
        (void)arena_bytes_alloc(scoped, 900, 1);
        pthread_exit(NULL);
    }
}

TEST(cleanups_run_whoever_gives_the_arena_back) {
    struct arena_bytes_pool *pool = arena_bytes_pool_create(1000);
    assert_non_null(pool);
    ran[0] = 0;
    assert_int_equal(arena_bytes_pool_execute(pool, use_and_panic, NULL), ARENA_OK);
    assert_string_equal(ran, "a");
    panics_record();
    assert_int_equal(arena_protect(run_in_pool, pool), ARENA_EPANIC);
    assert_string_equal(ran, "aa");
    GIVEN(arena_bytes, arena, arena_bytes_pool_checkout(pool, &arena));
    struct arena_mark mark = arena_bytes_mark(arena);
    (void)arena_bytes_defer(arena, note, names + 1);
    struct call call = {arena, pool, 0, 0};
    struct worker worker = worker_run(return_it, &call, 0);
    assert_string_equal(ran, "aab");
    void *out;
    assert_int_equal(arena_bytes_alloc_checked(arena, 1, 1, &out), ARENA_EINVAL); /* it is back */
    assert_null(arena_bytes_try_alloc(arena, 1, 1));
    assert_int_equal(arena_bytes_rewind_checked(arena, mark), ARENA_EINVAL);
    ARENA_POOL_SCOPE_OF(arena_bytes, pool, scoped) {
        (void)arena_bytes_defer(scoped, note, names + 2);
        (void)arena_bytes_alloc(scoped, 900, 1);
        assert_int_equal(arena_destroy_checked(arena_bytes_raw(scoped)), ARENA_EBUSY);
        break;
    }
    assert_string_equal(ran, "aabc");
    worker_start(&worker, leave_thread, pool, 0); /* the end of a thread does */
    worker_join(&worker);
    assert_string_equal(ran, "aabcd");
    assert_int_equal(arena_bytes_pool_destroy(pool), ARENA_OK);
}

/* --- memory of the caller's, sources ------------------------------------------------------------------------------- */

/* Where the C library would abort at the second free, the arena is kept meanwhile, and says so. */
static void do_destroy(void *user) { arena_bytes_destroy((struct arena_bytes *)user); }
TEST(destroying_twice_panics) {
    if (support_checked()) skip(); /* the checker reports it */
    struct arena_bytes *other = make(1000000);
    struct arena_bytes *arena = make(1000000);
    arena_bytes_destroy(arena);
    assert_panics(do_destroy, arena, "destroyed already");
    assert_int_equal(arena_bytes_used(arena = make(1000000)), 0);
    arena_bytes_destroy(other);
    arena_bytes_destroy(arena);
}

TEST(an_arena_lies_in_dirty_memory) {
    enum { ROOM = 3000, AROUND = 64 };
    static unsigned char memory[AROUND + ROOM + AROUND];
    EACH_POLICY(clear) {
        struct arena_options options = OPTIONS(clear, 0);
        for (size_t shift = 0; shift < 20; shift++) {
            memset(memory, 0xa5, sizeof memory);
            struct arena_bytes *arena = arena_bytes_create_in(memory + AROUND + shift, ROOM - shift, &options);
            assert_non_null(arena);
            size_t capacity = arena_bytes_cap(arena);
            assert_true(capacity > 1000 && capacity < ROOM);
            for (int round = 0; round < 3; round++) {
                size_t taken = 0;
                for (;;) {
                    char *block = (char *)arena_bytes_try_alloc(arena, 10, 1);
                    if (block == NULL) break;
                    if (clear != ARENA_CLEAR_NEVER) assert_true(all_zero(block, 10));
                    memset(block, 0xff, 10);
                    taken += 10;
                }
                if (!support_checked()) assert_true(capacity - taken < 10);
                arena_bytes_reset(arena);
            }
            assert_null(arena_bytes_try_alloc(arena, capacity + 1, 1)); /* it does not grow */
            arena_bytes_destroy(arena);
            for (size_t i = 0; i < AROUND + shift; i++) assert_int_equal(memory[i], 0xa5);
            for (size_t i = AROUND + ROOM; i < sizeof memory; i++) assert_int_equal(memory[i], 0xa5);
        }
        assert_null(arena_bytes_create_in(memory, 40, &options));
        assert_null(arena_bytes_create_in(memory, 0, &options));
        assert_null(arena_bytes_create_in(NULL, 4000, &options));
        size_t bytes = arena_bytes_in_bytes(500, &options);
        if (!support_checked()) {
            static unsigned char enough[3000];
            assert_true(bytes < sizeof enough - 16);
            struct arena_bytes *arena = arena_bytes_create_in(enough + 1, bytes, &options);
            assert_non_null(arena_bytes_try_alloc(arena, 500, 1));
            arena_bytes_destroy(arena);
        }
        assert_true(bytes <= ARENA_IN_BYTES(1, 1, 500));
    }
}

TEST(an_arena_begins_in_the_callers_memory) {
    static unsigned char memory[2000];
    memset(memory, 0xa5, sizeof memory);
    struct arena_bytes *arena = arena_bytes_create_on(memory, sizeof memory, 20000, NULL);
    assert_non_null(arena);
    assert_int_equal(arena_bytes_cap(arena), 20000);
    for (int round = 0; round < 3; round++) {
        char *first = (char *)arena_bytes_alloc(arena, 100, 1);
        if (round == 0) assert_true((unsigned char *)first > memory && (unsigned char *)first < memory + sizeof memory);
        memset(first, 1, 100);
        char *more = (char *)arena_bytes_alloc(arena, 19900, 1);
        assert_true(all_zero(more, 19900));
        memset(more, 1, 19900);
        assert_null(arena_bytes_try_alloc(arena, 1, 1));
        arena_bytes_reset(arena);
    }
    arena_bytes_destroy(arena);
    struct arena *typed = NULL;
    assert_int_equal(arena_create_on(ARENA_TYPE(int), memory, sizeof memory, 10, NULL, &typed), ARENA_EINVAL);
    assert_null(typed);
}

static void drop_byte(void *element, void *user) {
    (void)element;
    (void)user;
}

TEST(bytes_are_not_dropped) {
    static unsigned char memory[1000];
    struct arena_type dropped = *arena_type_bytes();
    dropped.drop = drop_byte;
    struct arena *arena = NULL;
    assert_int_equal(arena_create(&dropped, 100, &arena), ARENA_EINVAL);
    assert_int_equal(arena_create_in(&dropped, memory, sizeof memory, NULL, &arena), ARENA_EINVAL);
    assert_int_equal(arena_create_on(&dropped, memory, sizeof memory, 100, NULL, &arena), ARENA_EINVAL);
    assert_null(arena);
    assert_true(arena_in_bytes(&dropped, 100, NULL) == SIZE_MAX);
    struct arena_concurrent *concurrent = NULL;
    assert_int_equal(arena_concurrent_create(&dropped, 100, &concurrent), ARENA_EINVAL);
    struct arena_pool *pool = NULL;
    assert_int_equal(arena_pool_create(&dropped, 100, &pool), ARENA_EINVAL);
}

/* Also where that leaves no byte of the arena. */
TEST(a_buffer_s_own_text_is_an_argument) {
    for (size_t length = 1; length < 2000; length = length * 5 + 1) {
        char *own = (char *)malloc(length + 1);
        memset(own, 'x', length);
        own[length] = 0;
        size_t expected = length + length + 2;
        for (size_t more = 0; more < 3; more++) { /* than all of it takes, but for the NUL */
            struct arena_bytes *arena = make(expected + more);
            struct arena_buffer buffer = {NULL, 0, 0, arena};
            arena_buffer_append(&buffer, own, length);
            assert_string_equal(arena_buffer_text(&buffer), own);
            assert_int_equal(arena_buffer_try_printf(&buffer, "<%s>", buffer.data), more != 0);
            assert_int_equal(buffer.len, more == 0 ? length : expected);
            assert_memory_equal(buffer.data, own, length);
            if (more != 0) {
                assert_int_equal(buffer.data[length], '<');
                assert_memory_equal(buffer.data + length + 1, own, length);
                assert_string_equal(buffer.data + expected - 1, ">");
            }
            arena_bytes_destroy(arena);
        }
        free(own);
    }
}

/* Where the parent's memory is in one piece, whatever the child grew to. */
TEST(a_child_that_ends_leaves_its_parent_as_it_was) {
    if (support_checked()) skip(); /* zones lie between its blocks */
    enum { ROOM = 4 << 20 };
    char *memory = (char *)malloc(ROOM);
    struct arena_bytes *parent = arena_bytes_create_in(memory, ROOM, NULL);
    assert_non_null(parent);
    struct arena_source source = arena_bytes_source(parent);
    struct arena_options options = OPTIONS(0, 0);
    options.source = &source;
    (void)arena_bytes_alloc(parent, 10, 1);
    size_t before = 64; /* what aligns the first one stays */
    for (size_t size = 1; size < 20000; size = size * 3 + 1) {
        struct arena_bytes *child = arena_bytes_create_with(SIZE_MAX, &options);
        assert_non_null(child);
        for (int i = 0; i < 7; i++) (void)arena_bytes_alloc(child, size, 1);
        ARENA_SCRATCH(arena_bytes, child) {
            (void)arena_bytes_alloc(child, size * 7 + 3000, 1);
        }
        arena_bytes_destroy(child);
        assert_true(arena_bytes_used(parent) <= before);
        before = arena_bytes_used(parent);
    }
    arena_bytes_destroy(parent);
    free(memory);
}

TEST(a_child_lives_in_its_parent) {
    struct arena_bytes *parent = make(SIZE_MAX);
    (void)arena_bytes_alloc(parent, 10, 1);
    size_t before = arena_bytes_used(parent);
    struct arena_source source = arena_bytes_source(parent);
    struct arena_options options = OPTIONS(0, 0);
    options.source = &source;
    struct arena_bytes *child = arena_bytes_create_with(50000, &options);
    assert_non_null(child);
    char *block = (char *)arena_bytes_alloc(child, 1000, 8);
    assert_true(arena_bytes_owns(parent, block) && all_zero(block, 1000));
    assert_true(all_zero(arena_bytes_alloc(child, 40000, 8), 40000));
    ran[0] = 0;
    (void)arena_bytes_defer(child, note, names);
    arena_bytes_destroy(child); /* from the newest on */
    assert_string_equal(ran, "a");
    assert_true(arena_bytes_used(parent) < before + 20000);
    struct arena_mark mark = arena_bytes_mark(parent);
    child = arena_bytes_create_with(50000, &options);
    (void)arena_bytes_defer(child, note, names);
    (void)arena_bytes_alloc(child, 40000, 8);
    arena_bytes_rewind(parent, mark); /* takes the child's memory and runs nothing of it */
    assert_string_equal(ran, "a");
    arena_bytes_destroy(parent);

    parent = make(30000); /* a source that ends */
    source = arena_bytes_source(parent);
    child = arena_bytes_create_with(50000, &options);
    assert_non_null(child);
    void *out;
    assert_int_equal(arena_bytes_alloc_checked(child, 40000, 8, &out), ARENA_ENOMEM);
    assert_int_equal(arena_bytes_used(child), 0);
    assert_non_null(arena_bytes_try_alloc(child, 100, 8));
    arena_bytes_destroy(child);
    arena_bytes_destroy(parent);
}

/* --- as a struct arena --------------------------------------------------------------------------------------------- */

static void begin_burst(void *user) {
    struct arena_burst burst;
    arena_burst_begin(arena_bytes_raw(((struct call *)user)->arena), &burst);
}

TEST(it_is_an_arena_of_single_bytes) {
    GIVEN(arena, arena, arena_create(arena_type_bytes(), 100, &arena));
    struct arena_bytes *bytes = arena_bytes_from_raw(arena);
    assert_ptr_equal(arena_bytes_raw(bytes), arena);
    assert_int_equal(arena_type_of(arena)->size, 1);
    char *one = (char *)arena_alloc(arena, "x");
    assert_int_equal(*one, 'x');
    assert_int_equal(*(char *)arena_alloc(arena, NULL), 0);
    assert_true(all_zero(arena_alloc_slab(arena, 50), 50));
    assert_memory_equal(arena_alloc_slab_with(arena, "abcdef", 6), "abcdef", 6);
    assert_int_equal(arena_used(arena), 58);
    assert_int_equal(arena_remaining(arena), 42);
    assert_null(arena_try_alloc_slab(arena, 43));
    assert_non_null(arena_try_alloc_slab(arena, 42));
    assert_null(arena_try_alloc(arena, "x"));
    assert_null(arena_at(arena, 0));
    assert_true(arena_owns(arena, one));
    arena_reset(arena);
    (void)arena_bytes_alloc_raw(bytes, 50, 1);
    assert_non_null(arena_try_alloc_slab(arena, 0));
    assert_int_equal(arena_used(arena), 50);
    struct call call = {bytes, NULL, 0, 0};
    assert_int_equal(panic_status(begin_burst, call), ARENA_EINVAL);
    struct arena_burst burst;
    assert_int_equal(arena_burst_begin_checked(arena, &burst), ARENA_EINVAL);
    arena_destroy(arena);
    assert_int_equal(arena_cleanup_size(), sizeof(struct arena_cleanup));
    assert_int_equal(arena_buffer_size(), sizeof(struct arena_buffer));
    struct arena_options options = OPTIONS(ARENA_CLEAR_ON_RESET, 0);
    assert_int_equal(arena_create(arena_type_bytes(), 100, NULL), ARENA_EINVAL);
    assert_int_equal(arena_create_with(arena_type_bytes(), 100, &options, &arena), ARENA_OK);
    assert_int_equal(arena_cap(arena), 100);
    arena_destroy(arena);
    bytes = make(10);
    GIVEN(arena_context, context, arena_bytes_inject(NULL, bytes, &context));
    GIVEN(arena_bytes, found, arena_bytes_extract(context, &found));
    assert_ptr_equal(found, bytes);
    arena_context_release(context);
    arena_bytes_destroy(bytes);
}

int main(void) { return support_run("bytes"); }
