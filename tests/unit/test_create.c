/* SPDX-License-Identifier: MIT */
/* Where the slots of an arena lie, sizes that cannot be, and the arena that a thread keeps. */
#include "base/poison.h"
#include "core/bytes.h"
#include "core/create.h"
#include "core/slots.h"
#include "platform/memory.h"
#include "runtime/thread.h"

#include "../support.h"

#include <arena/arena.h>

/* Pages of their own: for what is large, for large alignments, and where the flags want it. */
TEST(slots_are_mapped_where_it_pays) {
    static const struct {
        size_t capacity;
        size_t align;
        uint32_t flags;
        bool mapped;
    } cases[] = {
        {100, 1, 0, false},
        {(64 << 10) - 1, 1, 0, false},
        {64 << 10, 1, 0, true},
        {0, 64 << 10, 0, false},
        {0, 128 << 10, 0, true},
        {100, 1, ARENA_PREFAULT, true},
        {100, 1, ARENA_HUGE_PAGES, true},
        {0, 1, ARENA_PREFAULT | ARENA_HUGE_PAGES, true},
        {100, 1, ARENA_GATE_ONLY, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena_options options = {sizeof options, 0, cases[i].flags};
        const struct arena_type type = {"slot", 1, cases[i].align, NULL};
        GIVEN(arena, arena, arena_create_with(&type, cases[i].capacity, &options, &arena));
        assert_int_equal(arena->home.backing == BACKING_PAGES, cases[i].mapped);
        arena_destroy(arena);
    }
}

TEST(arenas_that_no_address_space_holds) {
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

static void *take_nothing(size_t bytes, size_t align, void *user) {
    assert_true(bytes <= PTRDIFF_MAX);
    return NULL;
}

/* A thread that ends keeps nothing any more, nor does one that has kept nothing begin. */
TEST(a_thread_that_ends_keeps_nothing) {
    struct thread_state *mine = thread_state();
    struct arena_bytes *bytes = arena_bytes_create(1000);
    assert_non_null(bytes);
    thread_end_kept(mine);
    mine->keeps = THREAD_KEEPS_NOTHING;
    mine->exiting = true;
    arena_bytes_destroy(bytes);
    mine->exiting = false;
    for (int kind = 0; kind < KEPT_KINDS; kind++) assert_null(mine->kept[kind]);
}

/* slots_plan lets no such size through: what maps memory does not rely on it. */
TEST(sizes_that_no_plan_has) {
    static const struct arena_type byte = {"byte", 1, 1, NULL};
    static const struct arena_type far = {"far", 1, (size_t)1 << 20, NULL};
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    struct slots_plan plan = {.stride = 1, .bytes = SIZE_MAX}; /* no whole pages */
    assert_null(slots_create(&plan, &byte, PART_OF_NOTHING, sizeof(struct arena), NULL));
    plan.bytes = SIZE_MAX - page + 1; /* whole pages; with a checker one more */
    assert_null(slots_create(&plan, &byte, PART_OF_NOTHING, sizeof(struct arena), NULL));
    assert_null(slots_create(&plan, &far, PART_OF_NOTHING, sizeof(struct arena), NULL));
    plan.source = (struct arena_source){take_nothing, NULL, NULL}; /* beside the struct */
    plan.bytes = SIZE_MAX;
    assert_null(slots_create(&plan, &byte, PART_OF_NOTHING, sizeof(struct arena), NULL));
    plan.bytes = PTRDIFF_MAX;
    assert_null(slots_create(&plan, &byte, PART_OF_NOTHING, sizeof(struct arena), NULL));
}

static struct thread_kept *kept_of(void *arena) { return &((struct arena *)arena)->kept; }
static struct thread_kept *kept_bytes(void) { return thread_state()->kept[KEPT_BYTES]; }
static struct thread_kept *kept_elements(void) { return thread_state()->kept[KEPT_ELEMENTS]; }
static void assert_new(void *arena) {
    struct arena_stats stats = {sizeof stats, 0, 0, 0, 0, 0, 0};
    assert_int_equal(arena_get_stats(arena, &stats), ARENA_OK);
    assert_true(stats.used_bytes == 0 && stats.peak_bytes == 0 && stats.resets == 0 && stats.blocks == 1);
}
static void assert_zero(const char *block, size_t size) {
    for (size_t i = 0; i < size; i++) assert_int_equal(block[i], 0);
}
static size_t blocks_of(struct arena_bytes *arena) {
    struct arena_stats stats = {sizeof stats, 0, 0, 0, 0, 0, 0};
    assert_int_equal(arena_bytes_get_stats(arena, &stats), ARENA_OK);
    return stats.blocks;
}

/* A byte arena that ends is the next one on that thread, as good as new; one alone, and it ends with the thread. */
TEST(a_thread_keeps_one_arena) {
    (void)state;
    if (support_checked()) skip(); /* a checker has to see every use after the end */
    struct arena_bytes *first = arena_bytes_create(SIZE_MAX);
    struct arena_bytes *second = arena_bytes_create(1000000);
    struct arena_bytes *third = arena_bytes_create(1000000);
    struct arena_bytes *small = arena_bytes_create(10);
    assert_true(first != NULL && second != NULL && third != NULL && small != NULL);
    thread_end_kept(thread_state());
    arena_bytes_destroy(small); /* not of the usual size */
    assert_null(kept_bytes());
    arena_bytes_destroy(arena_bytes_create_with(SIZE_MAX, &(struct arena_options){sizeof(struct arena_options)}));
    assert_null(kept_bytes()); /* nor with options */
    for (int round = 0; round < 3; round++) {
        memset(arena_bytes_alloc(first, 1500, 1), 'x', 1500);
        struct arena_mark mark = arena_bytes_mark(first);
        if (round == 1) arena_bytes_reset(first);
        memset(arena_bytes_alloc(first, 200, 1), 'x', 200);
        if (round == 2) arena_bytes_rewind(first, mark); /* the mark lives */
        struct arena_bytes *before = first;
        arena_bytes_destroy(first);
        assert_ptr_equal(kept_bytes(), kept_of(before));
        assert_ptr_equal(first = arena_bytes_create(1600), before);
        assert_null(kept_bytes());
        assert_new(first);
        assert_int_equal(arena_bytes_cap(first), 1600);
        assert_zero(arena_bytes_alloc(first, 1600, 1), 1600);
        assert_null(arena_bytes_try_alloc(first, 1, 1));
        arena_bytes_destroy(first);
        assert_ptr_equal(first = arena_bytes_create(SIZE_MAX), before);
    }
    arena_bytes_destroy(first);
    arena_bytes_destroy(third);
    assert_ptr_equal(kept_bytes(), kept_of(first));
    thread_end_kept(thread_state());
    memset(arena_bytes_alloc_raw(second, 1800, 1), 'x', 1800); /* further than what is known to be zero */
    arena_bytes_destroy(second);
    second = arena_bytes_create(SIZE_MAX);
    assert_zero(arena_bytes_alloc(second, 1800, 1), 1800);
    arena_bytes_destroy(second);
    thread_exit_hook(thread_state());
    assert_null(kept_bytes());
    for (size_t used = 0; used < 10000; used += 5000) { /* after the thread's end nothing is kept */
        first = arena_bytes_create(70000);
        assert_non_null(arena_bytes_alloc(first, used, 1));
        arena_bytes_destroy(first);
        assert_null(kept_bytes());
    }
    thread_state()->exited = false;
}

static int cleaned;
static void clean(void *user) { cleaned += user == NULL; }

/* With cleanups, too; and one that grew is not kept as it is: its blocks go, and the next one has a first block that is as large
 * as it needed, up to a bound. */
TEST(what_an_arena_needed_is_kept_for_the_next) {
    static const size_t needs[] = {1500, 3000, 7000, 15000, 100000, 15000, 1500};
    if (support_checked()) skip();
    thread_end_kept(thread_state());
    cleaned = 0;
    for (int round = 0; round < 3; round++) {
        struct arena_bytes *arena = arena_bytes_create(SIZE_MAX);
        assert_zero(arena_bytes_alloc(arena, 100, 1), 100);
        memset(arena_bytes_alloc(arena, 1000, 1), 'x', 1000);
        assert_non_null(arena_bytes_defer(arena, clean, NULL));
        arena_bytes_destroy(arena);
        assert_int_equal(cleaned, round + 1);
        assert_ptr_equal(kept_bytes(), kept_of(arena));
    }
    for (size_t i = 0; i < sizeof needs / sizeof needs[0]; i++) {
        for (int round = 0; round < 3; round++) {
            struct arena_bytes *arena = arena_bytes_create(SIZE_MAX);
            assert_new(arena);
            for (size_t used = 0; used < needs[i]; used += 500) {
                char *block = arena_bytes_alloc(arena, 500, 1);
                assert_zero(block, 500);
                memset(block, 'x', 500);
            }
            if (round != 0 && needs[i] <= 15000) assert_int_equal(blocks_of(arena), 1);
            if (round == 0 && i != 0 && i < 5) assert_in_range(blocks_of(arena), 2, 20);
            if (round == 0 && i >= 5)
                assert_int_equal(blocks_of(arena), 1); /* a life that was large has changed nothing */
            if (round == 2 && needs[i] > 15000) arena_bytes_reset(arena);
            arena_bytes_destroy(arena);
            assert_non_null(kept_bytes());
            const struct arena *kept = slots_of_kept(kept_bytes());
            assert_true(kept->block == &kept->home && kept->spare == NULL && kept->reset_work == 0);
            assert_in_range(kept->home.memory_bytes, BYTES_FIRST_BYTES, 16 << 10);
        }
    }
    thread_end_kept(thread_state());
}

/* Of several at a time it keeps one; the others begin as large as the last of them needed, where that is little. */
TEST(what_an_arena_needed_is_known_of_several) {
    static const struct {
        size_t needed, home_bytes;
    } rounds[] = {{100, BYTES_FIRST_BYTES},  {3000, BYTES_FIRST_BYTES}, {3000, 4096 - 32},
                  {3000, 4096 - 32},         {100, 4096 - 32},          {100, BYTES_FIRST_BYTES},
                  {9000, BYTES_FIRST_BYTES}, {100, BYTES_FIRST_BYTES}};
    if (support_checked()) skip();
    thread_end_kept(thread_state());
    for (size_t i = 0; i < sizeof rounds / sizeof rounds[0]; i++) {
        struct arena_bytes *kept = arena_bytes_create(SIZE_MAX);
        struct arena_bytes *other = arena_bytes_create(SIZE_MAX);
        assert_true(kept != NULL && other != NULL);
        const struct block *home = &((struct arena *)(void *)other)->home;
        assert_int_equal(home->memory_bytes, rounds[i].home_bytes);
        for (size_t used = 0; used < rounds[i].needed; used += 100) {
            char *block = arena_bytes_alloc(other, 100, 1);
            assert_zero(block, 100);
            memset(block, 'x', 100);
        }
        assert_int_equal(blocks_of(other) == 1, rounds[i].needed + 1000 <= home->memory_bytes);
        arena_bytes_destroy(kept);
        arena_bytes_destroy(other);
        assert_ptr_equal(kept_bytes(), kept_of(kept));
    }
    thread_exit_hook(thread_state()); /* of which nothing is left at its end */
    thread_state()->exited = false;
    struct arena_bytes *arena = arena_bytes_create(SIZE_MAX);
    assert_int_equal(((struct arena *)(void *)arena)->home.memory_bytes, BYTES_FIRST_BYTES);
    arena_bytes_destroy(arena);
    thread_end_kept(thread_state());
}

static const struct arena_type word = {"word", 8, 8, NULL};
static void drop_nothing(void *element, void *user) { (void)element, (void)user; }

static struct arena *make_words(const struct arena_type *type, size_t capacity) {
    struct arena *arena;
    assert_int_equal(arena_create(type, capacity, &arena), ARENA_OK);
    return arena;
}

/* So does one of elements, where the next is of the same type and capacity, and little was used. */
TEST(a_thread_keeps_one_arena_of_elements) {
    static const size_t capacities[] = {10, 1000, 100000}; /* of the heap, and pages */
    static const uint64_t ones[200] = {[0] = 1, [99] = 1, [199] = 1};
    if (support_checked()) skip();
    thread_end_kept(thread_state());
    for (size_t i = 0; i < sizeof capacities / sizeof capacities[0]; i++) {
        const size_t capacity = capacities[i];
        const size_t count = capacity < 200 ? capacity : 200;
        struct arena *arena = make_words(&word, capacity);
        if (arena->home.backing == BACKING_PAGES && sizeof(void *) < 8) {
            arena_destroy(arena);
            assert_null(kept_elements()); /* there is no address space to spare */
            continue;
        }
        for (int round = 0; round < 3; round++) {
            const uint64_t *slab = arena_alloc_slab(arena, count);
            for (size_t at = 0; at < count; at++) assert_int_equal(slab[at], 0);
            arena_reset(arena);
            struct arena_mark mark;
            arena_get_mark(arena, &mark);
            (void)arena_alloc_slab_with(arena, ones, count);
            if (round == 1) arena_rewind(arena, &mark); /* used all the same */
            struct arena *before = arena;
            arena_destroy(arena);
            assert_ptr_equal(kept_elements(), kept_of(before));
            assert_ptr_equal(arena = make_words(&word, capacity), before);
            assert_null(kept_elements());
            assert_new(arena);
            assert_int_equal(arena_cap(arena), capacity);
        }
        assert_non_null(arena_try_alloc_slab(arena, capacity));
        assert_null(arena_try_alloc(arena, NULL));
        arena_destroy(arena);
        assert_int_equal(kept_elements() != NULL, capacity == 10); /* much was handed out */
        thread_end_kept(thread_state());
    }
}

/* All threads together keep no more than a part of the address space, and what ends is given back to it. */
TEST(threads_keep_a_part_of_the_address_space) {
    enum { ROUNDS = 5 };
    char *here = pages_reserve(1);
    size_t held = 0;
    size_t part = 1 << 20;
    const size_t most = (size_t)((uint64_t)1 << 34);
    if (support_checked() || sizeof(void *) < 8 || here == NULL) skip();
    thread_end_kept(thread_state());
    while (part <= (uintptr_t)here / 64 && part < most) part *= 2; /* an emulator may have little */
    const size_t capacity = part / sizeof(uint64_t);
    while (backing_hold(here, part)) held += part;
    assert_in_range(held, (uintptr_t)here / 32, (uintptr_t)here / 4);
    struct arena *arena = make_words(&word, capacity);
    arena_destroy(arena);
    assert_null(kept_elements());
    arena = make_words(&word, 100); /* of the heap */
    arena_destroy(arena);
    assert_ptr_equal(kept_elements(), kept_of(arena));
    backing_let_go(2 * part);
    for (int round = 0; round < ROUNDS;
         round++) { /* each time as before: a life of an arena counts once, until it is freed */
        for (int life = 0; life < ROUNDS; life++) {
            arena = make_words(&word, capacity);
            arena_destroy(arena);
            assert_ptr_equal(kept_elements(), kept_of(arena));
        }
        assert_false(backing_hold(here, part));
        thread_end_kept(thread_state());
        assert_true(backing_hold(here, part));
        backing_let_go(part);
    }
    backing_let_go(held - 2 * part);
    assert_true(pages_release(here, 1));
}

TEST(what_a_thread_keeps_is_taken_for_nothing_else) {
    static const struct arena_type other = {"other", 8, 8, NULL};
    static const struct arena_type wide = {"word", 8, 16, NULL};
    static const struct arena_type dropped = {"word", 8, 8, drop_nothing};
    static const struct arena_type none = {NULL, 8, 8, NULL};
    if (support_checked()) skip();
    thread_end_kept(thread_state());
    arena_destroy(make_words(&dropped, 100));
    assert_null(kept_elements());
    struct arena *arena = make_words(&word, 100);
    arena_destroy(arena);
    assert_ptr_equal(kept_elements(), kept_of(arena));
    struct arena *others[] = {make_words(&other, 100), make_words(&wide, 100), make_words(&dropped, 100),
                              make_words(&word, 101)};
    struct arena *with = NULL;
    const struct arena_options options = {sizeof options};
    assert_int_equal(arena_create_with(&word, 100, &options, &with), ARENA_OK);
    struct arena *failed;
    assert_int_equal(arena_create(&none, 100, &failed), ARENA_EINVAL);
    assert_int_equal(arena_create(NULL, 100, &failed), ARENA_EINVAL);
    assert_ptr_equal(kept_elements(), kept_of(arena));
    arena_destroy(with);
    arena_destroy(others[2]);
    assert_ptr_equal(kept_elements(), kept_of(arena));
    arena_destroy(others[0]); /* the last one stays */
    assert_ptr_equal(kept_elements(), kept_of(others[0]));
    arena_destroy(others[1]);
    arena_destroy(others[3]);
    assert_ptr_equal(kept_elements(), kept_of(others[3]));
    /* Beside it one of bytes, in whatever order they come and go. */
    struct arena_bytes *bytes = arena_bytes_create(1000000);
    arena_bytes_destroy(arena_bytes_create(SIZE_MAX));
    struct thread_kept *first = kept_bytes();
    assert_non_null(first);
    assert_ptr_equal(kept_elements(), kept_of(others[3]));
    assert_ptr_equal(make_words(&word, 101), others[3]);
    assert_null(kept_elements());
    assert_ptr_equal(kept_bytes(), first);
    arena_destroy(others[3]);
    struct arena_bytes *again = arena_bytes_create(SIZE_MAX);
    assert_ptr_equal(first, kept_of(again));
    assert_null(kept_bytes());
    assert_ptr_equal(kept_elements(), kept_of(others[3]));
    arena_bytes_destroy(again);
    arena_bytes_destroy(bytes);
    assert_ptr_equal(kept_bytes(), kept_of(again));
    thread_exit_hook(thread_state());
    assert_true(kept_bytes() == NULL && kept_elements() == NULL);
    arena_destroy(make_words(&word, 100)); /* after the thread's end nothing is kept */
    assert_null(kept_elements());
    thread_state()->exited = false;
}

/* A range that waits for an arena of its size goes from one to the next with what it has in memory, also through one whose end
 * comes before that. */
TEST(what_a_range_has_behind_an_arena_is_not_handed_out) {
    enum { RANGE_BYTES = 256 << 10, DIRTY_BYTES = 64 << 10 };
    static const struct arena_type far = {"far", 1, RANGE_BYTES, NULL};
    static const struct arena_type near = {"near", 1, RANGE_BYTES / 2, NULL};
    char *reserved = pages_reserve(2 * (size_t)RANGE_BYTES);
    assert_non_null(reserved);
    size_t before = slots_padding((uintptr_t)reserved, RANGE_BYTES);
    struct span span = {reserved + before, RANGE_BYTES, 0};
    if (before != 0) assert_true(pages_release(reserved, before));
    assert_true(pages_release(span.memory + RANGE_BYTES, RANGE_BYTES - before));
    memset(span.memory, 'x', DIRTY_BYTES);
    backing_unmap(&span, DIRTY_BYTES, BACKING_KEEP_FEW);
    arena_destroy(make_words(&far, 0));
    thread_end_kept(thread_state());
    struct arena *arena = make_words(&near, 1);
    const char *slot = arena_alloc_slab(arena, 1);
    for (size_t at = 0; at < DIRTY_BYTES; at++) assert_int_equal(slot[at], 0);
    arena_destroy(arena);
}

int main(void) { return support_run("create"); }
