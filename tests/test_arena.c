/* SPDX-License-Identifier: MIT */
/* The single-owner arena: creation, slots and slabs, capacity and overflow, clearing, drops, options, misuse. */
#define _GNU_SOURCE

#include "support.h"

#include <arena/arena.h>

static struct arena *make(const struct arena_type *type, size_t capacity) {
    GIVEN(arena, arena, arena_create(type, capacity, &arena));
    assert_non_null(arena);
    return arena;
}

static struct arena *make_with(const struct arena_type *type, size_t capacity, uint32_t clear, uint32_t flags) {
    struct arena_options options = {sizeof options, clear, flags};
    GIVEN(arena, arena, arena_create_with(type, capacity, &options, &arena));
    assert_non_null(arena);
    return arena;
}

static size_t round_up(size_t size, size_t align) { return (size + align - 1) / align * align; }

static size_t stride_of(const struct arena_type *type) { return round_up(type->size, type->align); }

static bool aligned(const void *pointer, size_t align) { return ((uintptr_t)pointer & (align - 1)) == 0; }

static void fill_bytes(void *memory, int value, size_t size_bytes) { memset(memory, value, size_bytes); }

/* --- creation ----------------------------------------------------------------------------------------------------- */

TEST(create_refuses_what_is_invalid) {
    const struct arena_type good = {"t", 4, 4, NULL};
    const struct arena_type no_name = {NULL, 4, 4, NULL};
    const struct arena_type no_size = {"t", 0, 4, NULL};
    const struct arena_type *const bad[] = {
        NULL,
        &no_name,
        &no_size,
        &(const struct arena_type){"t", 4, 0, NULL},
        &(const struct arena_type){"t", 4, 3, NULL},
        &(const struct arena_type){"t", 4, 6, NULL},
        &(const struct arena_type){"t", 4, 4097, NULL},
        &(const struct arena_type){"t", 4, SIZE_MAX, NULL},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int anything = 0;
        struct arena *arena = (struct arena *)(void *)&anything;
        assert_int_equal(arena_create(bad[i], 4, &arena), ARENA_EINVAL);
        assert_null(arena);
        arena = (struct arena *)(void *)&anything;
        assert_int_equal(arena_create_with(bad[i], 4, NULL, &arena), ARENA_EINVAL);
        assert_null(arena);
    }
    assert_int_equal(arena_create(&good, 4, NULL), ARENA_EINVAL);
    assert_int_equal(arena_create_with(&good, 4, NULL, NULL), ARENA_EINVAL);
    assert_int_equal(arena_create(NULL, 4, NULL), ARENA_EINVAL);
}

/* Above 4096 either there is no memory for it, or it is kept. */
TEST(larger_alignments_are_kept_or_refused) {
    size_t largest = support_slow() ? (size_t)1 << 26 : SIZE_MAX / 2 + 1;
    for (size_t align = 8192; align != 0 && align <= largest; align *= 2) {
        const struct arena_type type = {"wide", 1, align, NULL};
        struct arena *arena = NULL;
        int status = arena_create(&type, 2, &arena);
        if (status == ARENA_OK) {
            assert_true(aligned(arena_alloc(arena, NULL), align));
            assert_true(aligned(arena_alloc(arena, NULL), align));
            assert_null(arena_try_alloc(arena, NULL));
            arena_destroy(arena);
        } else {
            assert_int_equal(status, ARENA_ENOMEM);
            assert_null(arena);
        }
    }
}

/* Strides that are no multiple of a word, in all their boundary cases around the capacity. */
TEST(exactly_capacity_elements_fit_at_every_alignment) {
    static const size_t capacities[] = {0, 1, 2, 3, 7, 64, 100};
    for (size_t align = 1; align <= 4096; align *= 2) {
        const size_t sizes[] = {1, align - 1, align, align + 1, align * 3 / 2 + 1, align * 2 - 1, 5};
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
            if (sizes[s] == 0) continue;
            const struct arena_type type = {"boundary", sizes[s], align, NULL};
            size_t stride = stride_of(&type);
            for (size_t c = 0; c < sizeof capacities / sizeof capacities[0]; c++) {
                size_t capacity = capacities[c];
                struct arena *arena = make(&type, capacity);
                char *base = arena_alloc_slab(arena, 0);
                assert_true(aligned(base, align));
                for (size_t i = 0; i < capacity; i++) {
                    assert_int_equal(arena_remaining(arena), capacity - i);
                    assert_ptr_equal(arena_try_alloc(arena, NULL), base + i * stride);
                }
                assert_null(arena_try_alloc(arena, NULL));
                assert_null(arena_try_alloc_slab(arena, 1));
                assert_int_equal(arena_used(arena), capacity);
                arena_reset(arena);
                assert_null(arena_try_alloc_slab(arena, capacity + 1));
                if (capacity > 0) {
                    assert_ptr_equal(arena_try_alloc_slab(arena, capacity - 1), base);
                    assert_null(arena_try_alloc_slab(arena, 2));
                    assert_ptr_equal(arena_try_alloc_slab(arena, 1), base + (capacity - 1) * stride);
                    arena_reset(arena);
                    char *slab = arena_try_alloc_slab(arena, capacity);
                    assert_ptr_equal(slab, base);
                    fill_bytes(slab, 0x5a, capacity * stride); /* all of it is ours */
                }
                assert_int_equal(arena_remaining(arena), 0);
                arena_destroy(arena);
            }
        }
    }
}

/* --- slots -------------------------------------------------------------------------------------------------------- */

TEST(null_value_is_a_zeroed_slot) {
    for (uint32_t clear = ARENA_CLEAR_ON_RESET; clear <= ARENA_CLEAR_NEVER; clear++) {
        struct arena *arena = make_with(ARENA_TYPE(int64_t), 4, clear, 0);
        for (int round = 0; round < 3; round++) {
            for (int i = 0; i < 4; i++) {
                int64_t *slot = i % 2 ? arena_alloc(arena, NULL) : arena_try_alloc(arena, NULL);
                assert_non_null(slot);
                assert_true(*slot == 0);
                *slot = -1;
            }
            arena_reset(arena);
            int64_t *slab = arena_alloc_slab_with(arena, NULL, 4);
            assert_true(all_zero(slab, 4 * sizeof *slab));
            fill_bytes(slab, 0xff, 4 * sizeof *slab);
            arena_reset(arena);
            slab = arena_try_alloc_slab_with(arena, NULL, 4);
            assert_true(all_zero(slab, 4 * sizeof *slab));
            fill_bytes(slab, 0xff, 4 * sizeof *slab);
            arena_reset(arena);
        }
        arena_destroy(arena);
    }
}

/* Every size takes its own way of copying; sources are not aligned; neighbours must stay as they are. */
TEST(values_of_every_size_arrive_whole) {
    enum { COUNT = 5, LARGEST = 300 };
    static unsigned char source[COUNT * LARGEST + 16];
    for (size_t i = 0; i < sizeof source; i++) source[i] = (unsigned char)(i * 7 + 1);
    for (size_t align = 1; align <= 16; align *= 2) {
        for (size_t size = 1; size <= LARGEST; size++) {
            const struct arena_type type = {"bytes", size, align, NULL};
            size_t stride = stride_of(&type);
            struct arena *arena = make(&type, COUNT);
            for (size_t i = 0; i < COUNT; i++) {
                assert_non_null(i % 2 ? arena_alloc(arena, source + 1 + i) : arena_try_alloc(arena, source + 1 + i));
            }
            assert_null(arena_try_alloc(arena, source));
            arena_reset(arena);
            char *base = arena_alloc_slab(arena, 0);
            for (size_t i = 0; i < COUNT; i++) arena_alloc(arena, source + 1 + i);
            for (size_t i = 0; i < COUNT; i++) {
                assert_memory_equal(base + i * stride, source + 1 + i, size);
                assert_true(all_zero(base + i * stride + size, stride - size));
            }
            arena_reset(arena);
            assert_ptr_equal(arena_alloc_slab_with(arena, source + 1, COUNT), base);
            for (size_t i = 0; i < COUNT; i++) {
                assert_memory_equal(base + i * stride, source + 1 + i * size, size); /* the source's stride is size */
                assert_true(all_zero(base + i * stride + size, stride - size));
            }
            arena_destroy(arena);
        }
    }
}

TEST(value_may_lie_in_the_arena_itself) {
    struct arena *arena = make(ARENA_TYPE(int), 6);
    int values[] = {1, 2};
    int *slab = arena_alloc_slab_with(arena, values, 2);
    int *copy = arena_alloc(arena, slab + 1);
    assert_int_equal(*copy, 2);
    int *again = arena_alloc_slab_with(arena, slab, 3);
    assert_int_equal(again[0], 1);
    assert_int_equal(again[1], 2);
    assert_int_equal(again[2], 2);
    arena_destroy(arena);
}

/* --- slabs -------------------------------------------------------------------------------------------------------- */

TEST(slab_of_zero_takes_nothing_even_when_full) {
    static const int value = 5;
    struct arena *arena = make(ARENA_TYPE(int), 2);
    for (int filled = 0; filled <= 2; filled++) {
        assert_non_null(arena_alloc_slab(arena, 0));
        assert_non_null(arena_try_alloc_slab(arena, 0));
        assert_non_null(arena_alloc_slab_with(arena, &value, 0));
        assert_non_null(arena_try_alloc_slab_with(arena, &value, 0));
        assert_non_null(arena_alloc_slab_with(arena, NULL, 0));
        assert_non_null(arena_try_alloc_slab_with(arena, NULL, 0));
        assert_int_equal(arena_used(arena), filled);
        if (filled < 2) assert_int_equal(*(int *)arena_alloc(arena, &value), 5);
    }
    arena_destroy(arena);
}

/* --- failures ----------------------------------------------------------------------------------------------------- */

struct request {
    struct arena *arena;
    const void *values;
    size_t count;
};

static void do_alloc(void *user) {
    struct request *request = user;
    arena_alloc(request->arena, request->values);
}
static void do_alloc_slab(void *user) {
    struct request *request = user;
    arena_alloc_slab(request->arena, request->count);
}
static void do_alloc_slab_with(void *user) {
    struct request *request = user;
    arena_alloc_slab_with(request->arena, request->values, request->count);
}

TEST(full_arena_panics_and_try_returns_null) {
    struct arena *arena = make(ARENA_TYPE(int), 2);
    static const int values[] = {1, 2, 3};
    struct request request = {arena, values, 1};
    arena_alloc_slab_with(arena, values, 2);
    assert_panics(do_alloc, &request, "arena_alloc");
    assert_panics(do_alloc_slab, &request, "arena_alloc_slab");
    assert_panics(do_alloc_slab_with, &request, "arena_alloc_slab_with");
    assert_null(arena_try_alloc(arena, values));
    assert_null(arena_try_alloc_slab(arena, 1));
    assert_null(arena_try_alloc_slab_with(arena, values, 1));
    assert_int_equal(arena_used(arena), 2);
    arena_destroy(arena);
}

/* A name is text, whatever it looks like and however long it is: the message is cut, not the program. */
TEST(panics_name_the_type_as_it_is) {
    static char long_name[5000];
    static const char *const names[] = {"100%s of %n and %%", "%", "", long_name};
    memset(long_name, 'n', sizeof long_name - 1);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct arena_type type = {names[i], 4, 4, NULL};
        struct request request = {make(&type, 0), NULL, 1};
        char text[64];
        snprintf(text, sizeof text, "arena_alloc: arena of %.20s%s", names[i],
                 names[i] == long_name ? "nnn" : " is full");
        assert_panics(do_alloc, &request, text);
        arena_destroy(request.arena);
    }
}

/* count x stride over the boundary table: each count that is too large fails, and nothing changes. */
static void fill_concurrent(void *user) {
    for (;;) (void)arena_concurrent_alloc(user, NULL);
}
static void fill_single(void *user) {
    for (;;) (void)arena_alloc(user, NULL);
}

/* A label is the arena's own copy, and stands in what is said of it, whatever the handle. */
TEST(panics_show_the_label) {
    char label[] = "frames";
    const struct arena_options options = {.struct_size = sizeof options, .label = label};
    const struct arena_pool_options pool_options = {.struct_size = sizeof pool_options, .arena_options = &options};
    GIVEN(arena, arena, arena_create_with(ARENA_TYPE(int), 4, &options, &arena));
    GIVEN(arena_concurrent, concurrent, arena_concurrent_create_with(ARENA_TYPE(int), 4, &options, &concurrent));
    GIVEN(arena_pool, pool, arena_pool_create_with(ARENA_TYPE(int), 4, &pool_options, &pool));
    static _Alignas(16) char memory[2048];
    GIVEN(arena, placed, arena_create_in(ARENA_TYPE(int), memory, sizeof memory, &options, &placed));
    const size_t with = arena_in_bytes(ARENA_TYPE(int), 4, &options);
    memset(label, 'x', sizeof label - 1);
    assert_panics(fill_single, arena, "arena of int frames is full: 1 wanted, 0 of 4 free");
    assert_panics(fill_single, placed, "arena of int frames is full: 1 wanted, 0 of ");
    assert_panics(fill_concurrent, concurrent, "arena of int frames is full: 1 wanted, 0 of 4 free");
    GIVEN(arena, pooled, arena_pool_checkout(pool, &pooled));
    assert_panics(fill_single, pooled, "arena of int frames is full: 1 wanted, 0 of 4 free");
    arena_pool_return(pool, pooled);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
    static char long_label[6000]; /* longer than a byte arena's first memory */
    memset(long_label, 'x', sizeof long_label - 1);
    const struct arena_options long_options = {.struct_size = sizeof long_options, .label = long_label};
    struct arena_bytes *bytes = arena_bytes_create_with(10000, &long_options);
    assert_non_null(bytes);
    assert_true(all_zero(arena_bytes_alloc(bytes, 10000, 8), 10000));
    assert_panics(fill_single, arena_bytes_raw(bytes), "arena of arena bytes xxx");
    arena_bytes_destroy(bytes);
    arena_concurrent_destroy(concurrent);
    arena_destroy(placed);
    arena_destroy(arena);
    assert_true(with >= arena_in_bytes(ARENA_TYPE(int), 4, NULL) + sizeof label);
}

TEST(counts_that_do_not_fit_change_nothing) {
    static const size_t sizes[] = {1, 2, 3, 4, 7, 8, 12, 24, 1000, 4096};
    static const unsigned char values[2 * 4096] = {1};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        size_t n = sizes[s];
        const size_t counts[] = {
            4,
            5,
            (size_t)1 << 31,
            ((size_t)1 << 31) + 1,
            (size_t)UINT32_MAX,
            (size_t)UINT32_MAX + (sizeof(size_t) > 4 ? 1 : 0),
            (size_t)UINT32_MAX + (sizeof(size_t) > 4 ? 2 : 0),
            SIZE_MAX / n - 1,
            SIZE_MAX / n,
            SIZE_MAX / n + (n > 1 ? 1 : 0),
            SIZE_MAX / 2,
            SIZE_MAX / 2 + 1,
            SIZE_MAX - 1,
            SIZE_MAX,
        };
        const struct arena_type type = {"n bytes", n, 1, NULL};
        struct arena *arena = make(&type, 6);
        char *first = arena_alloc_slab_with(arena, values, 2);
        fill_bytes(first + n, 0x77, n);
        static char before[2 * 4096];
        memcpy(before, first, 2 * n);
        struct request request = {arena, values, 0};
        for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
            request.count = counts[c];
            if (counts[c] == 4) continue; /* would fit: see below */
            assert_null(arena_try_alloc_slab(arena, counts[c]));
            assert_null(arena_try_alloc_slab_with(arena, values, counts[c]));
            assert_null(arena_try_alloc_slab_with(arena, NULL, counts[c]));
            assert_panics(do_alloc_slab, &request, "arena_alloc_slab");
            assert_panics(do_alloc_slab_with, &request, "arena_alloc_slab_with");
            assert_int_equal(arena_used(arena), 2);
            assert_int_equal(arena_remaining(arena), 4);
            assert_int_equal(arena_cap(arena), 6);
            assert_memory_equal(first, before, 2 * n);
        }
        char *rest = arena_try_alloc_slab(arena, 4);
        assert_ptr_equal(rest, first + 2 * n);
        assert_true(all_zero(rest, 4 * n));
        arena_destroy(arena);
    }
}

/* size x capacity over the boundary table: what overflows or cannot be addressed is ENOMEM, never a small arena. */
TEST(capacities_that_do_not_fit_are_enomem) {
    const size_t word = sizeof(size_t) > 4 ? (size_t)UINT32_MAX + 1 : 0;
    const size_t sizes[] = {1,
                            2,
                            3,
                            7,
                            8,
                            24,
                            4096,
                            (size_t)1 << 31,
                            word == 0 ? 9 : word,
                            word == 0 ? 10 : word + 1,
                            SIZE_MAX / 3,
                            SIZE_MAX / 2,
                            SIZE_MAX / 2 + 1,
                            SIZE_MAX - 1,
                            SIZE_MAX};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        size_t n = sizes[s];
        const size_t capacities[] = {
            (size_t)1 << 31, word, word + 1, SIZE_MAX / n - 1, SIZE_MAX / n, SIZE_MAX / n + (n > 1 ? 1 : 0), SIZE_MAX};
        for (size_t align = 1; align <= 4096; align *= 64) {
            for (size_t c = 0; c < sizeof capacities / sizeof capacities[0]; c++) {
                size_t capacity = capacities[c];
                if (capacity == 0) continue;
                const struct arena_type type = {"huge", n, align, NULL};
                struct arena *arena = (struct arena *)(void *)&s;
                int status = arena_create(&type, capacity, &arena);
                /* 2^47 bytes are all that a process of a 64-bit machine has, at most. */
                bool impossible = n > SIZE_MAX - (align - 1) || stride_of(&type) > (SIZE_MAX >> 1) / capacity ||
                                  (sizeof(size_t) > 4 && stride_of(&type) * capacity > SIZE_MAX >> 8);
                if (status == ARENA_OK) {
                    assert_false(impossible);
                    assert_int_equal(arena_cap(arena), capacity);
                    assert_int_equal(arena_remaining(arena), capacity);
                    arena_destroy(arena);
                } else {
                    assert_int_equal(status, ARENA_ENOMEM);
                    assert_null(arena);
                }
            }
        }
    }
}

TEST(the_same_holds_for_the_other_handles) {
    const struct arena_type type = {"huge", 24, 8, NULL};
    const size_t capacities[] = {SIZE_MAX / 24, SIZE_MAX / 24 + 1, SIZE_MAX / 8, SIZE_MAX};
    for (size_t c = 0; c < sizeof capacities / sizeof capacities[0]; c++) {
        struct arena_concurrent *concurrent = (struct arena_concurrent *)(void *)&c;
        assert_int_equal(arena_concurrent_create(&type, capacities[c], &concurrent), ARENA_ENOMEM);
        assert_null(concurrent);
        struct arena_pool *pool = (struct arena_pool *)(void *)&c;
        assert_int_equal(arena_pool_create(&type, capacities[c], &pool), ARENA_ENOMEM);
        assert_null(pool);
    }
}

/* --- capacity is reserved, not used ------------------------------------------------------------------------------- */

enum { MIB = 1 << 20 };

TEST(huge_arenas_cost_nothing_until_filled) {
    if (sizeof(size_t) < 8) skip();
    static const size_t capacities[] = {(size_t)1 << 30, (size_t)(UINT64_C(1) << 33), (size_t)(UINT64_C(1) << 37)};
    for (size_t c = 0; c < sizeof capacities / sizeof capacities[0]; c++) {
        size_t before = support_resident_bytes();
        struct arena *arena = NULL;
        int status = arena_create(ARENA_TYPE(int64_t), capacities[c], &arena);
        if (support_slow() && status == ARENA_ENOMEM) continue; /* the checker's own address space */
        assert_int_equal(status, ARENA_OK);                     /* up to 2^40 bytes */
        assert_int_equal(arena_cap(arena), capacities[c]);
        int64_t value = 5;
        int64_t *first = arena_alloc(arena, &value);
        int64_t *slab = arena_alloc_slab(arena, 1000);
        assert_ptr_equal(slab, first + 1);
        assert_true(all_zero(slab, 1000 * sizeof *slab));
        if (!support_slow()) assert_true(support_resident_bytes() < before + 4 * MIB);
        assert_int_equal(arena_remaining(arena), capacities[c] - 1001);
        arena_reset(arena);
        assert_ptr_equal(arena_alloc(arena, NULL), first);
        arena_destroy(arena);
        if (!support_slow()) assert_true(support_resident_bytes() < before + 4 * MIB);
    }
}

/* Under every policy, behind a gate too: what nobody has written to is not cleared before it is handed out. */
TEST(fresh_slabs_cost_nothing_until_touched) {
    if (sizeof(size_t) < 8 || support_slow()) skip();
    const size_t capacity = (size_t)(UINT64_C(1) << 34);
    const size_t count = (size_t)(UINT64_C(1) << 32);
    for (uint32_t clear = ARENA_CLEAR_ON_RESET; clear <= ARENA_CLEAR_NEVER; clear++) {
        struct arena *arena = make_with(ARENA_TYPE(char), capacity, clear, 0);
        size_t before = support_resident_bytes();
        char *slab = arena_alloc_slab(arena, count);
        slab[0] = 1;
        slab[count - 1] = 2;
        assert_int_equal(slab[(size_t)1 << 31], 0);
        const char *zeroed = arena_alloc_slab_with(arena, NULL, count);
        assert_int_equal(zeroed[count - 1], 0);
        assert_true(support_resident_bytes() < before + 32 * MIB);
        assert_int_equal(arena_used(arena), 2 * count);
        arena_destroy(arena);

        struct arena_options options = {sizeof options, clear, 0};
        GIVEN(arena_concurrent, concurrent,
              arena_concurrent_create_with(ARENA_TYPE(char), capacity, &options, &concurrent));
        before = support_resident_bytes();
        slab = arena_concurrent_alloc_slab(concurrent, count);
        zeroed = arena_concurrent_alloc_slab_with(concurrent, NULL, count);
        slab[count - 1] = 2;
        assert_int_equal(zeroed[count - 1], 0);
        assert_true(support_resident_bytes() < before + 32 * MIB);
        arena_concurrent_destroy(concurrent);
    }
}

/* As much as was used, behind a gate and in a pool too. */
TEST(resets_touch_nothing_beyond_what_was_used) {
    if (support_slow()) skip();
    enum { CAPACITY = 256 * MIB, USED = 100000 };
    struct arena *arena = make(ARENA_TYPE(char), CAPACITY);
    struct arena *lent = NULL;
    GIVEN(arena_concurrent, concurrent, arena_concurrent_create(ARENA_TYPE(char), CAPACITY, &concurrent));
    GIVEN(arena_pool, pool, arena_pool_create(ARENA_TYPE(char), CAPACITY, &pool));
    size_t before = support_resident_bytes();
    for (int round = 0; round < 2; round++) {
        fill_bytes(arena_alloc_slab(arena, USED), 1, USED);
        arena_reset(arena);
        assert_true(support_resident_bytes() < before + 16 * MIB);
        fill_bytes(arena_concurrent_alloc_slab(concurrent, USED), 1, USED);
        arena_concurrent_reset(concurrent);
        assert_true(support_resident_bytes() < before + 16 * MIB);
        assert_int_equal(arena_pool_checkout(pool, &lent), ARENA_OK);
        fill_bytes(arena_alloc_slab(lent, USED), 1, USED);
        arena_pool_return(pool, lent);
        assert_true(support_resident_bytes() < before + 16 * MIB);
    }
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
    arena_concurrent_destroy(concurrent);
    arena_destroy(arena);
}

TEST(trim_gives_unused_memory_back_and_keeps_what_lives) {
    for (uint32_t clear = ARENA_CLEAR_ON_RESET; clear <= ARENA_CLEAR_NEVER; clear++) {
        struct arena *arena = make_with(ARENA_TYPE(char), 64 * MIB, clear, 0);
        fill_bytes(arena_alloc_slab(arena, 64 * MIB), 1, 64 * MIB);
        size_t full = support_resident_bytes();
        arena_reset(arena);
        char *live = arena_alloc_slab(arena, 5001);
        fill_bytes(live, 7, 5001);
        arena_trim(arena);
        if (!support_slow()) assert_true(support_resident_bytes() + 48 * MIB < full);
        assert_int_equal(arena_used(arena), 5001);
        assert_int_equal(arena_cap(arena), 64 * MIB);
        for (int i = 0; i < 5001; i++) assert_int_equal(live[i], 7);
        char *next = arena_alloc_slab_with(arena, NULL, MIB);
        assert_ptr_equal(next, live + 5001);
        assert_true(all_zero(next, MIB));
        arena_trim(arena);
        fill_bytes(next, 9, MIB);
        arena_trim(arena);
        for (int i = 0; i < 5001; i++) assert_int_equal(live[i], 7);
        assert_int_equal(next[0], 9);
        assert_int_equal(next[MIB - 1], 9);
        char *rest = arena_try_alloc_slab_with(arena, NULL, arena_remaining(arena));
        assert_true(all_zero(rest, 64 * MIB - MIB - 5001));
        arena_trim(arena);
        arena_destroy(arena);
    }
}

/* Where the C library would abort at the second free, the arena is kept meanwhile, and says so. */
static void do_destroy(void *user) { arena_destroy(user); }
TEST(destroying_twice_panics) {
    static const struct arena_type word = {"word", 8, 8, NULL};
    if (support_checked()) skip(); /* the checker reports it */
    GIVEN(arena, arena, arena_create(&word, 100, &arena));
    arena_destroy(arena);
    assert_panics(do_destroy, arena, "destroyed already");
    struct arena *stale = arena;
    assert_int_equal(arena_create(&word, 100, &arena), ARENA_OK);
    assert_ptr_equal(arena, stale);
    assert_int_equal(arena_used(arena), 0);
    arena_destroy(arena);
}

/* --- reset and zero ----------------------------------------------------------------------------------------------- */

/* How the library clears may depend on how much there is to clear. */
static const size_t clear_sizes[] = {1,       7,       8,           63,       64,       65,      4095,
                                     4096,    4097,    16384,       65536,    65537,    262144,  1048576,
                                     1048577, 4194304, 4194304 + 5, 20000000, 33554432, 40000001};

TEST(stale_pointers_read_zero_by_default) {
    if (support_checked()) skip(); /* the read is reported there */
    struct arena *arena = make(ARENA_TYPE(char), 40000001);
    for (size_t s = 0; s < sizeof clear_sizes / sizeof clear_sizes[0]; s++) {
        volatile char *slab = arena_alloc_slab(arena, clear_sizes[s]);
        fill_bytes((char *)(uintptr_t)slab, 0xa5, clear_sizes[s]);
        arena_reset(arena);
        assert_true(all_zero((const void *)(uintptr_t)slab, clear_sizes[s]));
    }
    arena_destroy(arena);
}

TEST(handed_out_memory_is_zero_under_every_clearing_policy) {
    for (uint32_t clear = ARENA_CLEAR_ON_RESET; clear <= ARENA_CLEAR_ON_HANDOUT; clear++) {
        for (uint32_t flags = 0; flags <= 3; flags++) {
            struct arena *arena = make_with(ARENA_TYPE(char), 40000001, clear, flags);
            for (size_t s = 0; s < sizeof clear_sizes / sizeof clear_sizes[0]; s++) {
                char *slab = arena_alloc_slab(arena, clear_sizes[s]);
                assert_true(all_zero(slab, clear_sizes[s]));
                fill_bytes(slab, 0xa5, clear_sizes[s]);
                if (s % 3 == 0) { /* a part, a value, and the rest in pieces */
                    arena_reset(arena);
                    char *piece = arena_alloc_slab(arena, clear_sizes[s] / 2);
                    assert_true(all_zero(piece, clear_sizes[s] / 2));
                    fill_bytes(piece, 0x11, clear_sizes[s] / 2);
                    char *slot = arena_alloc(arena, NULL);
                    assert_int_equal(*slot, 0);
                    *slot = 1;
                    piece = arena_alloc_slab(arena, clear_sizes[s] - clear_sizes[s] / 2);
                    assert_true(all_zero(piece, clear_sizes[s] - clear_sizes[s] / 2));
                    fill_bytes(piece, 0x22, clear_sizes[s] - clear_sizes[s] / 2);
                }
                if (s % 4 == 1) arena_trim(arena);
                arena_reset(arena);
                if (s % 4 == 2) arena_trim(arena);
            }
            arena_destroy(arena);
        }
    }
}

/* What a burst wrote that was never ended is not in the arena, and not seen by what comes after it. */
static void leave_a_burst(struct arena *arena, int value) {
    struct arena_burst burst;
    arena_burst_begin(arena, &burst);
    for (int i = 0; i < 20; i++) {
        void *slot = arena_burst_put(&burst, NULL);
        if (slot != NULL) fill_bytes(slot, value, 12);
    }
}

/* Generations of different lengths: what an older, longer generation left must not shine through.  And what is cleared
 * ahead of the slabs must not be what was handed out meanwhile. */
TEST(zero_survives_generations_of_resets) {
    enum { CAPACITY = 5000 };
    for (uint32_t clear = ARENA_CLEAR_ON_RESET; clear <= ARENA_CLEAR_ON_HANDOUT; clear++) {
        const struct arena_type type = {"twelve of sixteen", 12, 16, NULL};
        struct arena *arena = make_with(&type, CAPACITY, clear, 0);
        char *base = arena_alloc_slab(arena, 0);
        uint32_t random = 12345;
        size_t rounds = support_rounds(2000, 200);
        for (size_t round = 0; round < rounds; round++) {
            random = random * 1664525 + 1013904223;
            size_t wanted = random % (CAPACITY + 1);
            while (arena_used(arena) < wanted) {
                random = random * 1664525 + 1013904223;
                size_t count = (random >> 16) % (round % 3 == 0 ? 200 : 5);
                if (count > wanted - arena_used(arena)) count = wanted - arena_used(arena);
                char *slab = count == 1 ? arena_alloc(arena, NULL) : arena_alloc_slab(arena, count);
                assert_true(all_zero(slab, count * 16));
                fill_bytes(slab, 0xff, count * 16);
                if ((random >> 24) % 16 == 0) leave_a_burst(arena, 0xff);
            }
            for (size_t i = 0; i < wanted * 16; i++) assert_int_equal((unsigned char)base[i], 0xff);
            arena_reset(arena);
        }
        assert_ptr_equal(arena_alloc_slab(arena, 0), base);
        arena_destroy(arena);
    }
}

/* An element as long as a word of the processor, in a slot that is longer. */
TEST(gap_behind_an_aligned_word_is_zero_too) {
    static const size_t sizes[] = {4, 8, 24, 32};
    static const char value[32] = "abcdefghijklmnopqrstuvwxyzabcdef";
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0] * 4; s++) {
        const size_t size = sizes[s / 4];
        const struct arena_type type = {"word in a wide slot", size, (size_t)8 << s % 4, NULL};
        const size_t stride = stride_of(&type);
        for (uint32_t clear = ARENA_CLEAR_ON_RESET; clear <= ARENA_CLEAR_ON_HANDOUT; clear++) {
            struct arena *arena = make_with(&type, 4, clear, 0);
            for (int round = 0; round < 2; round++) {
                for (int i = 0; i < 4; i++) {
                    char *slot = arena_alloc(arena, value);
                    assert_memory_equal(slot, value, size);
                    assert_true(all_zero(slot + size, stride - size));
                    fill_bytes(slot, 0xee, stride);
                }
                arena_reset(arena);
            }
            arena_destroy(arena);
        }
    }
}

/* --- drop --------------------------------------------------------------------------------------------------------- */

static int dropped[64];
static size_t dropped_count;
static void *dropped_last;

static void note_drop(void *element, void *user) {
    if (dropped_count < 64) dropped[dropped_count] = *(int *)element;
    dropped_count++;
    dropped_last = element;
}

static const struct arena_type noted = {"noted", sizeof(int), _Alignof(int), note_drop};

TEST(drops_run_last_to_first_once_before_clearing) {
    for (uint32_t clear = ARENA_CLEAR_ON_RESET; clear <= ARENA_CLEAR_ON_HANDOUT; clear++) {
        struct arena *arena = make_with(&noted, 10, clear, 0);
        static const int values[] = {1, 2, 3};
        dropped_count = 0;
        int *first = arena_alloc(arena, &values[0]);
        arena_alloc_slab_with(arena, &values[1], 2);
        int *slab = arena_alloc_slab(arena, 2);
        slab[0] = 4; /* a zeroed slot is live too, and dropped as it is by then */
        arena_alloc(arena, NULL);
        arena_alloc_slab(arena, 0);
        assert_int_equal(dropped_count, 0);
        arena_reset(arena);
        static const int expected[] = {0, 0, 4, 3, 2, 1};
        assert_int_equal(dropped_count, 6);
        assert_memory_equal(dropped, expected, sizeof expected);
        assert_ptr_equal(dropped_last, first);
        arena_reset(arena);
        assert_int_equal(dropped_count, 6);
        assert_ptr_equal(arena_alloc(arena, &values[1]), first);
        assert_null(arena_try_alloc_slab(arena, 10)); /* a failed call drops nothing, and adds nothing */
        arena_destroy(arena);
        assert_int_equal(dropped_count, 7);
        assert_int_equal(dropped[6], 2);
    }
}

static size_t seen_size_errors;
static char *expected_next;
static size_t expected_stride;

static void check_address(void *element, void *user) {
    if ((char *)element != expected_next) seen_size_errors++;
    expected_next -= expected_stride;
    dropped_count++;
}

TEST(drops_go_stride_by_stride) {
    for (size_t align = 1; align <= 4096; align *= 4) {
        const struct arena_type type = {"strided", align + 1, align, check_address};
        struct arena *arena = make(&type, 30);
        char *base = arena_alloc_slab(arena, 10);
        arena_alloc(arena, NULL);
        arena_alloc_slab(arena, 9);
        expected_stride = stride_of(&type);
        expected_next = base + 19 * expected_stride;
        dropped_count = 0;
        seen_size_errors = 0;
        arena_reset(arena);
        assert_int_equal(dropped_count, 20);
        assert_int_equal(seen_size_errors, 0);
        arena_destroy(arena);
    }
}

/* --- options ------------------------------------------------------------------------------------------------------ */

struct longer_options {
    struct arena_options known;
    uint64_t unknown;
};

static int create_with(const struct arena_options *options) {
    struct arena *arena = (struct arena *)(void *)(uintptr_t)options;
    int status = arena_create_with(ARENA_TYPE(int), 4, options, &arena);
    if (status == ARENA_OK) {
        assert_int_equal(*(int *)arena_alloc(arena, NULL), 0);
        assert_int_equal(arena_cap(arena), 4);
        arena_destroy(arena);
    } else {
        assert_null(arena);
    }
    return status;
}

TEST(zero_options_are_the_defaults) {
    struct arena_options options = {.struct_size = sizeof options};
    assert_int_equal(create_with(&options), ARENA_OK);
    assert_int_equal(create_with(NULL), ARENA_OK);
}

TEST(options_of_other_versions) {
    struct longer_options longer;
    memset(&longer, 0, sizeof longer);
    longer.known.struct_size = sizeof longer;
    assert_int_equal(create_with(&longer.known), ARENA_OK); /* a newer program that asks for nothing new */
    longer.unknown = 1;
    assert_int_equal(create_with(&longer.known), ARENA_EINVAL);
    longer.unknown = (uint64_t)1 << 63;
    assert_int_equal(create_with(&longer.known), ARENA_EINVAL);
    /* So large that it is no size, but something that was never set. */
    static struct {
        struct arena_options known;
        char none[1 << 16];
    } largest;
    largest.known.struct_size = 4096;
    assert_int_equal(create_with(&largest.known), ARENA_OK);
    largest.none[4095 - sizeof largest.known] = 1; /* its last byte */
    assert_int_equal(create_with(&largest.known), ARENA_EINVAL);
    largest.none[4095 - sizeof largest.known] = 0;
    largest.known.struct_size = 4097;
    assert_int_equal(create_with(&largest.known), ARENA_EINVAL);
    largest.known.struct_size = sizeof largest;
    assert_int_equal(create_with(&largest.known), ARENA_EINVAL);
    /* An older program, whose struct ended earlier: the rest is not looked at. */
    longer.known.clear = 77;
    longer.known.flags = 77;
    longer.known.struct_size = offsetof(struct arena_options, clear);
    assert_int_equal(create_with(&longer.known), ARENA_OK);
    longer.known.clear = ARENA_CLEAR_ON_HANDOUT;
    longer.known.struct_size = offsetof(struct arena_options, flags);
    assert_int_equal(create_with(&longer.known), ARENA_OK);
}

TEST(options_without_size_are_invalid) {
    struct arena_options options = {0, 0, 0};
    assert_int_equal(create_with(&options), ARENA_EINVAL);
    options.struct_size = sizeof(size_t) - 1;
    assert_int_equal(create_with(&options), ARENA_EINVAL);
    options.struct_size = SIZE_MAX; /* never set: nothing is read by it */
    assert_int_equal(create_with(&options), ARENA_EINVAL);
}

TEST(options_that_are_not_understood_are_invalid) {
    struct arena_options options = {sizeof options, 0, 0};
    for (uint32_t clear = 3; clear != 0; clear = clear < 5 ? clear + 1 : clear << 1) {
        options.clear = clear;
        assert_int_equal(create_with(&options), ARENA_EINVAL);
    }
    options.clear = 0;
    for (uint32_t bit = 8; bit != 0; bit <<= 1) {
        options.flags = bit;
        assert_int_equal(create_with(&options), ARENA_EINVAL);
        options.flags = bit | ARENA_PREFAULT;
        assert_int_equal(create_with(&options), ARENA_EINVAL);
    }
    for (uint32_t flags = 0; flags < 8; flags++) {
        options.flags = flags;
        assert_int_equal(create_with(&options), ARENA_OK);
    }
    const struct arena_source nothing = {NULL, NULL, NULL};
    options = (struct arena_options){.struct_size = sizeof options, .source = &nothing};
    assert_int_equal(create_with(&options), ARENA_EINVAL);
}

/* What is wrong comes before what cannot be had. */
TEST(options_are_looked_at_before_memory) {
    const struct arena_type huge = {"huge", SIZE_MAX, 1, NULL};
    struct arena_options options = {sizeof options, 3, 0};
    struct arena *arena = NULL;
    assert_int_equal(arena_create_with(&huge, 4, &options, &arena), ARENA_EINVAL);
    options.clear = 0;
    assert_int_equal(arena_create_with(&huge, 4, &options, &arena), ARENA_ENOMEM);
}

TEST(never_clearing_with_a_drop_is_invalid) {
    struct arena_options options = {sizeof options, ARENA_CLEAR_NEVER, 0};
    struct arena *arena = NULL;
    struct arena_concurrent *concurrent = NULL;
    struct arena_pool *pool = NULL;
    struct arena_pool_options pool_options = {.struct_size = sizeof pool_options, .arena_options = &options};
    assert_int_equal(arena_create_with(&noted, 4, &options, &arena), ARENA_EINVAL);
    assert_int_equal(arena_create_with(&noted, 0, &options, &arena),
                     ARENA_EINVAL); /* also where there is nothing to drop */
    assert_int_equal(arena_concurrent_create_with(&noted, 4, &options, &concurrent), ARENA_EINVAL);
    assert_int_equal(arena_pool_create_with(&noted, 4, &pool_options, &pool), ARENA_EINVAL);
}

TEST(prefault_touches_all_memory_at_creation) {
    if (support_slow()) skip();
    size_t before = support_resident_bytes();
    struct arena *arena = make_with(ARENA_TYPE(char), 64 * MIB, 0, ARENA_PREFAULT);
    assert_true(support_resident_bytes() >= before + 60 * MIB);
    assert_true(all_zero(arena_alloc_slab(arena, 64 * MIB), 64 * MIB));
    arena_destroy(arena);
}

/* --- the head ----------------------------------------------------------------------------------------------------- */

TEST(head_is_four_words_and_bounds_a_window_of_whole_slots) {
    assert_int_equal(sizeof(struct arena_head), 4 * sizeof(char *));
    assert_int_equal(offsetof(struct arena_head, cursor), 0);
    assert_int_equal(offsetof(struct arena_head, limit), sizeof(char *));
    const struct arena_type type = {"window", 24, 8, NULL};
    struct arena *arena = make(&type, 1000);
    const struct arena_head *head = (const struct arena_head *)(const void *)arena;
    char *base = arena_alloc_slab(arena, 0);
    for (size_t used = 0; used < 1000; used++) {
        assert_true(head->limit >= head->cursor);
        assert_true((head->limit - head->cursor) % 24 == 0);
        if (head->limit != head->cursor) {
            assert_ptr_equal(head->cursor, base + used * 24);
            assert_true(head->limit <= base + 1000 * 24);
        }
        if (support_checked()) assert_ptr_equal(head->limit, head->cursor); /* the library marks each slot */
        assert_ptr_equal(arena_alloc(arena, NULL), base + used * 24);
    }
    assert_ptr_equal(head->limit, head->cursor);
    arena_destroy(arena);
}

/* Inline code of a program advances the cursor itself; counts, slabs, reset and trim must follow. */
TEST(slots_taken_through_the_head_count) {
    struct arena *arena = make(ARENA_TYPE(int64_t), 100);
    struct arena_head *head = (struct arena_head *)(void *)arena;
    int64_t *first = arena_alloc(arena, NULL);
    size_t taken = 1;
    for (int i = 0; i < 9 && head->cursor != head->limit; i++) {
        int64_t *slot = (int64_t *)(void *)head->cursor;
        head->cursor += sizeof *slot;
        *slot = 100 + (int64_t)taken;
        assert_ptr_equal(slot, first + taken);
        taken++;
        assert_int_equal(arena_used(arena), taken);
        assert_int_equal(arena_remaining(arena), 100 - taken);
    }
    arena_trim(arena);
    assert_ptr_equal(arena_alloc_slab(arena, 2), first + taken);
    for (size_t i = 1; i < taken; i++) assert_true(first[i] == 100 + (int64_t)i);
    arena_reset(arena);
    int64_t *slab = arena_alloc_slab(arena, 100);
    assert_ptr_equal(slab, first);
    assert_true(all_zero(slab, 100 * sizeof *slab));
    arena_destroy(arena);
}

/* --- misuse ------------------------------------------------------------------------------------------------------- */

static void reset_null(void *user) { arena_reset(user); }

TEST(null_arena_is_diagnosed) {
    struct request request = {NULL, NULL, 1};
    assert_panics(do_alloc, &request, "arena_alloc");
    assert_panics(do_alloc_slab, &request, "arena_alloc_slab");
    assert_panics(do_alloc_slab_with, &request, "arena_alloc_slab_with");
    assert_panics(reset_null, NULL, "arena_reset");
    assert_null(arena_try_alloc(NULL, NULL));
    assert_null(arena_try_alloc(NULL, &(int){1}));
    assert_null(arena_try_alloc_slab(NULL, 1));
    assert_null(arena_try_alloc_slab_with(NULL, NULL, 1));
    assert_int_equal(arena_used(NULL), 0);
    assert_int_equal(arena_remaining(NULL), 0);
    assert_int_equal(arena_cap(NULL), 0);
    assert_null(arena_at(NULL, 0));
    assert_false(arena_owns(NULL, &request));
    arena_destroy(NULL);
}

/* As much as the caller's struct has room for, and not a byte behind it. */
TEST(statistics_fill_as_much_as_they_are_given) {
    GIVEN(arena, arena, arena_create(ARENA_TYPE(int64_t), 10, &arena));
    (void)arena_alloc_slab(arena, 3);
    struct {
        struct arena_stats stats;
        unsigned char behind[64];
    } wide;
    const size_t sizes[] = {sizeof(size_t), offsetof(struct arena_stats, peak_bytes), sizeof(struct arena_stats),
                            sizeof wide};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        memset(&wide, 0x5a, sizeof wide);
        wide.stats.struct_size = sizes[i];
        assert_int_equal(arena_get_stats(arena, &wide.stats), ARENA_OK);
        assert_int_equal(wide.stats.struct_size, sizes[i]);
        const size_t known = sizes[i] < sizeof wide.stats ? sizes[i] : sizeof wide.stats;
        for (size_t at = known; at < sizeof wide; at++) assert_int_equal(((unsigned char *)&wide)[at], 0x5a);
        if (i > 0) assert_int_equal(wide.stats.used_bytes, 24);
    }
    wide.stats = (struct arena_stats){.struct_size = sizeof(size_t) - 1, .used_bytes = 7};
    assert_int_equal(arena_get_stats(arena, &wide.stats), ARENA_EINVAL);
    assert_int_equal(wide.stats.used_bytes, 7);
    wide.stats.struct_size = sizeof wide.stats;
    assert_int_equal(arena_get_stats(NULL, &wide.stats), ARENA_EINVAL);
    assert_int_equal(arena_get_stats(arena, NULL), ARENA_EINVAL);
    arena_destroy(arena);
}

/* The status that arena_panic_info has for what panics; ARENA_OK where it did not. */
static int panic_status(void (*body)(void *user), void *user) {
    struct arena_panic_info info;
    (void)!arena_protect_with(body, user, &info);
    return info.status;
}

static void destroy_plainly(void *user) { arena_destroy(user); }
static void reset_plainly(void *user) { arena_reset(user); }
static void trim_plainly(void *user) { arena_trim(user); }
static void begin_plainly(void *user) { arena_burst_begin(user, &(struct arena_burst){NULL, NULL, NULL}); }
static void mark_plainly(void *user) {
    struct arena_mark mark;
    arena_get_mark(user, &mark);
}

static void mark_nowhere(void *user) { arena_get_mark(user, NULL); }

/* The plain spellings panic with the status that the checked ones return. */
static void assert_panic_statuses(struct arena *arena, int status, int destroy_status) {
    struct request request = {arena, NULL, 1};
    assert_int_equal(panic_status(do_alloc, &request), status);
    assert_int_equal(panic_status(do_alloc_slab, &request), status);
    assert_int_equal(panic_status(do_alloc_slab_with, &request), status);
    assert_int_equal(panic_status(reset_plainly, arena), status);
    assert_int_equal(panic_status(trim_plainly, arena), status);
    assert_int_equal(panic_status(begin_plainly, arena), status);
    assert_int_equal(panic_status(mark_plainly, arena), status);
    assert_int_equal(panic_status(destroy_plainly, arena), destroy_status);
}

/* Each checked spelling of an arena that is not the caller's to use: they all give `status`, and leave *out NULL. */
static void assert_refused(struct arena *arena, int status, int destroy_status) {
    struct arena_burst burst;
    void *out = &burst;
    int *value = &(int){1};
    assert_int_equal(arena_alloc_checked(arena, value, &out), status);
    assert_null(out);
    assert_int_equal(arena_alloc_slab_checked(arena, 1, &out), status);
    assert_null(out);
    assert_int_equal(arena_alloc_slab_with_checked(arena, value, 1, &out), status);
    assert_null(out);
    assert_int_equal(arena_reset_checked(arena), status);
    assert_int_equal(arena_trim_checked(arena), status);
    assert_int_equal(arena_burst_begin_checked(arena, &burst), status);
    struct arena_mark mark;
    memset(&mark, 1, sizeof mark);
    assert_int_equal(arena_get_mark_checked(arena, &mark), status);
    assert_true(all_zero(&mark, sizeof mark));
    assert_int_equal(arena_rewind_checked(arena, &mark), status);
    assert_int_equal(arena_rewind_end_checked(arena, &mark), status);
    assert_int_equal(arena_destroy_checked(arena), destroy_status);
}

TEST(checked_spellings_do_what_the_plain_ones_do) {
    void *out = NULL;
    GIVEN(arena, arena, arena_create(ARENA_TYPE(int), 4, &arena));
    assert_int_equal(arena_alloc_checked(arena, &(int){10}, &out), ARENA_OK);
    assert_int_equal(*(int *)out, 10);
    assert_int_equal(arena_alloc_slab_with_checked(arena, (int[]){20, 30}, 2, &out), ARENA_OK);
    assert_int_equal(((int *)out)[1], 30);
    assert_int_equal(arena_alloc_slab_checked(arena, 2, &out), ARENA_EFULL);
    assert_null(out);
    assert_int_equal(arena_alloc_slab_checked(arena, 1, &out), ARENA_OK);
    assert_int_equal(*(int *)out, 0);
    out = arena;
    assert_int_equal(arena_alloc_checked(arena, NULL, &out), ARENA_EFULL);
    assert_null(out);
    assert_int_equal(arena_alloc_slab_with_checked(arena, NULL, 1, &out), ARENA_EFULL);
    assert_int_equal(arena_alloc_slab_checked(arena, 0, &out), ARENA_OK);
    assert_non_null(out);
    assert_int_equal(arena_used(arena), 4);
    assert_int_equal(arena_reset_checked(arena), ARENA_OK);
    assert_int_equal(arena_used(arena), 0);
    assert_int_equal(arena_trim_checked(arena), ARENA_OK);
    struct arena_mark mark;
    assert_int_equal(arena_get_mark_checked(arena, NULL), ARENA_EINVAL);
    assert_int_equal(panic_status(mark_nowhere, arena), ARENA_EINVAL);
    assert_int_equal(arena_get_mark_checked(arena, &mark), ARENA_OK);
    assert_int_equal(arena_alloc_checked(arena, &(int){10}, &out), ARENA_OK);
    assert_int_equal(arena_rewind_checked(arena, NULL), ARENA_EINVAL);
    assert_int_equal(arena_used(arena), 1);
    assert_int_equal(arena_rewind_end_checked(arena, &mark), ARENA_OK);
    assert_int_equal(arena_used(arena), 0);
    assert_int_equal(arena_rewind_checked(arena, &mark), ARENA_EINVAL); /* it has ended */
    assert_int_equal(arena_alloc_checked(arena, NULL, NULL), ARENA_EINVAL);
    assert_int_equal(arena_alloc_slab_checked(arena, 1, NULL), ARENA_EINVAL);
    assert_int_equal(arena_alloc_slab_with_checked(arena, NULL, 1, NULL), ARENA_EINVAL);
    assert_int_equal(arena_used(arena), 0); /* without an out nothing is taken */
    assert_int_equal(arena_destroy_checked(arena), ARENA_OK);
    assert_refused(NULL, ARENA_EINVAL, ARENA_OK);
    assert_panic_statuses(NULL, ARENA_EINVAL, ARENA_OK);
}

TEST(checked_spellings_refuse_what_belongs_to_others) {
    GIVEN(arena_pool, pool, arena_pool_create(ARENA_TYPE(int), 4, &pool));
    GIVEN(arena, arena, arena_pool_checkout(pool, &arena));
    arena_alloc(arena, &(int){1});
    assert_int_equal(arena_destroy_checked(arena), ARENA_EBUSY);
    assert_int_equal(arena_used(arena), 1);
    arena_pool_return(pool, arena);
    assert_refused(arena, ARENA_EINVAL, ARENA_EBUSY);
    assert_panic_statuses(arena, ARENA_EINVAL, ARENA_EBUSY);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);

    GIVEN(arena_concurrent, concurrent, arena_concurrent_create(ARENA_TYPE(int), 4, &concurrent));
    assert_int_equal(arena_concurrent_acquire(concurrent, NULL, &arena), ARENA_OK);
    arena_alloc(arena, &(int){1});
    assert_int_equal(arena_destroy_checked(arena), ARENA_EBUSY);
    assert_int_equal(arena_reset_checked(arena), ARENA_OK);
    arena_concurrent_release(concurrent);
    assert_refused(arena, ARENA_EINVAL, ARENA_EBUSY);
    assert_panic_statuses(arena, ARENA_EINVAL, ARENA_EBUSY);
    arena_concurrent_destroy(concurrent);
}

static void ask_for_itself(void *element, void *user) {
    struct arena *arena = *(struct arena **)user;
    if (arena != NULL) assert_refused(arena, ARENA_EBUSY, ARENA_EBUSY);
}

TEST(checked_spellings_inside_a_drop_are_busy) {
    struct arena *arena = NULL;
    const struct arena_type type = {"int", sizeof(int), _Alignof(int), ask_for_itself, 0, 0};
    const struct arena_options options = {.struct_size = sizeof options, .drop_user = &arena};
    assert_int_equal(arena_create_with(&type, 4, &options, &arena), ARENA_OK);
    arena_alloc(arena, &(int){1});
    arena_reset(arena);
    assert_int_equal(arena_used(arena), 0);
    arena_alloc(arena, &(int){1});
    arena_destroy(arena);

    struct arena_pool *pool = NULL;
    assert_int_equal(
        arena_pool_create_with(
            &type, 4,
            &(struct arena_pool_options){.struct_size = sizeof(struct arena_pool_options), .arena_options = &options},
            &pool),
        ARENA_OK);
    assert_int_equal(arena_pool_checkout(pool, &arena), ARENA_OK);
    arena_alloc(arena, &(int){1});
    arena_pool_return(pool, arena);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);

    arena = NULL;
    GIVEN(arena_concurrent, concurrent, arena_concurrent_create_with(&type, 4, &options, &concurrent));
    assert_int_equal(arena_concurrent_acquire(concurrent, NULL, &arena), ARENA_OK);
    arena_alloc(arena, &(int){1});
    assert_int_equal(arena_reset_checked(arena), ARENA_OK);
    arena_concurrent_release(concurrent);
    arena_concurrent_destroy(concurrent);
}

/* --- threads and processes ---------------------------------------------------------------------------------------- */

static void use_on_thread(struct worker *self) {
    struct arena *arena = self->user;
    int64_t value = 2;
    self->pointer = arena_try_alloc(arena, &value);
    self->count = arena_used(arena);
    arena_reset(arena);
    value = 3;
    arena_try_alloc(arena, &value);
}

TEST(arena_moves_between_threads) {
    struct arena *arena = make(ARENA_TYPE(int64_t), 4);
    int64_t value = 1;
    int64_t *first = arena_alloc(arena, &value);
    struct worker worker = worker_run(use_on_thread, arena, 0);
    assert_ptr_equal(worker.pointer, first + 1);
    assert_int_equal(worker.count, 2);
    assert_int_equal(*first, 3);
    assert_int_equal(arena_used(arena), 1);
    assert_ptr_equal(arena_alloc(arena, NULL), first + 1);
    arena_destroy(arena);
}

TEST(memory_of_the_callers_may_be_refused) {
    static _Alignas(16) char memory[4096];
    const struct arena_type no_name = {NULL, 4, 4, NULL, 0, 0};
    const struct arena_type unknown = {"t", 4, 4, NULL, 1, 0};
    const struct arena_type reserved = {"t", 4, 4, NULL, 0, 1};
    const struct arena_type far = {"far", SIZE_MAX - 1, 16, NULL, 0, 0};
    const struct arena_options unset = {0};
    const struct {
        const struct arena_type *type;
        void *memory;
        const struct arena_options *options;
        int status;
    } refused[] = {
        {NULL, memory, NULL, ARENA_EINVAL},
        {&no_name, memory, NULL, ARENA_EINVAL},
        {&unknown, memory, NULL, ARENA_EINVAL},
        {&reserved, memory, NULL, ARENA_EINVAL},
        {arena_type_any(), memory, NULL, ARENA_EINVAL},
        {ARENA_TYPE(int), NULL, NULL, ARENA_EINVAL},
        {ARENA_TYPE(int), memory, &unset, ARENA_EINVAL},
        {&far, memory, NULL, ARENA_ENOMEM},
    };
    memset(memory, 0x5a, sizeof memory);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct arena *arena = (struct arena *)(void *)memory;
        assert_int_equal(arena_create_in(refused[i].type, refused[i].memory, sizeof memory, refused[i].options, &arena),
                         refused[i].status);
        assert_null(arena);
        arena = (struct arena *)(void *)memory;
        if (i < 5) assert_int_equal(arena_create_on(refused[i].type, memory, 4096, 9, NULL, &arena), ARENA_EINVAL);
        if (i < 5) assert_null(arena);
    }
    assert_int_equal(arena_create_in(ARENA_TYPE(int), memory, sizeof memory, NULL, NULL), ARENA_EINVAL);
    assert_int_equal(arena_create_on(arena_type_bytes(), memory, sizeof memory, 9, NULL, NULL), ARENA_EINVAL);
    for (size_t i = 0; i < sizeof memory; i++) assert_int_equal(memory[i], 0x5a);

    /* More than one fits beside what an arena takes itself; and none where the alignment is half of all addresses. */
    const struct arena_type large = {"large", 3000, 8, NULL, 0, 0};
    const struct arena_type apart = {"apart", 1, SIZE_MAX / 2 + 1, NULL, 0, 0};
    struct arena *in = NULL;
    assert_int_equal(arena_create_in(&apart, memory, sizeof memory, NULL, &in), ARENA_ENOMEM);
    assert_int_equal(arena_create_in(&large, memory, sizeof memory, NULL, &in), ARENA_OK);
    if (!support_checked()) assert_int_equal(arena_cap(in), 1);
    arena_destroy(in);

    assert_int_equal(arena_in_bytes(NULL, 1, NULL), SIZE_MAX);
    assert_int_equal(arena_in_bytes(arena_type_any(), 1, NULL), SIZE_MAX); /* as arena_create_in refuses it */
    assert_int_equal(arena_in_bytes(ARENA_TYPE(int), SIZE_MAX, NULL), SIZE_MAX);
    assert_int_equal(arena_in_bytes(ARENA_TYPE(char), PTRDIFF_MAX, NULL), SIZE_MAX); /* with what lies before them */

    /* Nothing has more bytes than a difference of pointers counts, whatever is said. */
    if (support_checked()) return;
    GIVEN(arena, arena, arena_create_in(ARENA_TYPE(char), memory, SIZE_MAX, NULL, &arena));
    assert_true(arena_cap(arena) > 1000 && arena_cap(arena) < PTRDIFF_MAX);
    assert_int_equal(*(char *)arena_alloc(arena, "x"), 'x');
    arena_destroy(arena);
}

/* Also where the slots are much larger than what lies in them: as many would be beyond all addresses, or 32 bits of them. */
TEST(memory_of_the_callers_holds_what_was_asked) {
    static _Alignas(16) char memory[(size_t)600 << 10];
    for (size_t align = 1; align <= 8192; align *= 2) {
        for (size_t shift = 0; shift < 3; shift++) {
            const struct arena_type type = {"slot", 1 + shift, align, NULL, 0, 0};
            size_t bytes = arena_in_bytes(&type, 40, NULL);
            assert_true(bytes <= ARENA_IN_BYTES(type.size, align, 40));
            if (support_checked()) bytes += 64; /* its zones take more than 40 bytes */
            assert_true(bytes + shift <= sizeof memory);
            memset(memory, 0x5a, sizeof memory);
            GIVEN(arena, arena, arena_create_in(&type, memory + shift, bytes, NULL, &arena));
            const size_t count = arena_cap(arena);
            if (!support_checked()) assert_true(count >= 40);
            for (size_t i = 0; i < count; i++) {
                const char *slot = arena_try_alloc(arena, NULL);
                assert_true(slot != NULL && aligned(slot, align) && all_zero(slot, type.size));
            }
            assert_null(arena_try_alloc(arena, NULL));
            arena_destroy(arena);
            assert_int_equal(memory[shift + bytes], 0x5a);
        }
    }
}

int main(void) { return support_run("single-owner arena"); }
