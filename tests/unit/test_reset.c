/* SPDX-License-Identifier: MIT */
/* Resets that have more to do than to clear a little: policies, runs, drops. */
#include "core/create.h"
#include "core/slots.h"
#include "runtime/thread.h"

#include "../support.h"

#include <arena/arena.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

/* Reset clears much under one policy alone: under the others it costs the same however much was used.  A little is cleared
 * whatever the policy: to note what is to be cleared takes longer. */
TEST(reset_clears_by_policy) {
    if (support_checked()) return; /* then nobody may look */
    static const size_t sizes[] = {16, 200, 1000, 100000, (size_t)40 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (uint32_t clear = ARENA_CLEAR_ON_RESET; clear <= ARENA_CLEAR_NEVER; clear++) {
            struct arena_options options = {sizeof options, clear, 0};
            GIVEN(arena, arena, arena_create_with(ARENA_TYPE(char), sizes[i], &options, &arena));
            char *slab = arena_alloc_slab(arena, sizes[i]);
            memset(slab, 'x', sizes[i]);
            arena_reset(arena);
            bool little = sizes[i] <= CLEAR_INLINE_BYTES;
            char left = clear == ARENA_CLEAR_ON_RESET || little ? 0 : 'x';
            assert_true(slab[0] == left && memcmp(slab, slab + 1, sizes[i] - 1) == 0);
            assert_ptr_equal(arena_alloc_slab(arena, sizes[i]), slab);
            left = clear == ARENA_CLEAR_NEVER && !little ? 'x' : 0;
            assert_true(slab[0] == left && memcmp(slab, slab + 1, sizes[i] - 1) == 0);
            arena_destroy(arena);
        }
    }
}

/* What is cleared ahead lies in pages that are in use, or were. */
TEST(clearing_ahead_brings_in_no_page) {
    enum { ROOM = 40000, SIZE = 104, PAGE = 4096 };
    if (support_checked()) return; /* then nothing is cleared ahead */
    struct arena_options options = {sizeof options, ARENA_CLEAR_ON_HANDOUT, 0};
    GIVEN(arena, arena, arena_create_with(ARENA_TYPE(char), ROOM, &options, &arena));
    bool crossed = false;
    for (int generation = 0; generation < 2; generation++) {
        for (int used = 0; used + SIZE <= ROOM / 2; used += SIZE) {
            (void)arena_alloc_slab(arena, SIZE);
            bool here = arena->ready <= arena->head.cursor + (-(uintptr_t)arena->head.cursor & (PAGE - 1));
            if (generation == 0) assert_true(here);
            crossed = crossed || !here;
        }
        arena_reset(arena);
    }
    assert_true(crossed);
    arena_destroy(arena);
}

/* A quick reset clears in steps, and the last one may run past the last slot: into the arena's own block. */
TEST(the_last_step_of_clearing_stays_in_the_block) {
#ifdef __GLIBC__
    for (size_t capacity = 0; capacity <= 700; capacity++) {
        GIVEN(arena, arena, arena_create(ARENA_TYPE(char), capacity, &arena));
        size_t cleared = (capacity + SLOTS_CLEAR_STEP - 1) / SLOTS_CLEAR_STEP * SLOTS_CLEAR_STEP;
        assert_true((size_t)(arena->base - (char *)arena) + cleared <= malloc_usable_size(arena));
        arena_destroy(arena);
    }
#else
    skip();
#endif
}

/* What is live on both sides of free slots: nothing of it is in what the next generation is given. */
TEST(resets_clear_beyond_runs) {
    for (uint32_t clear = ARENA_CLEAR_ON_RESET; clear <= ARENA_CLEAR_ON_HANDOUT; clear++) {
        const struct slots_plan plan = {.stride = sizeof(int64_t), .bytes = 30 * sizeof(int64_t), .clear = clear};
        struct arena *arena = slots_create(&plan, ARENA_TYPE(int64_t), PART_OF_CONCURRENT, sizeof *arena, NULL);
        assert_non_null(arena);
        arena->reset_work |= WORK_RUNS;
        struct run run = {NULL, NULL, NULL};
        arena->runs = &run;
        for (int round = 0; round < 2; round++) {
            int64_t *all = slots_take_slab(arena, 30);
            assert_non_null(all);
            assert_true(all_zero(all, 30 * sizeof *all));
            memset(all, 'x', 2 * sizeof *all);
            memset(all + 9, 'x', 21 * sizeof *all);
            slots_return(arena, (char *)(all + 2), (char *)(all + 9), &run);
            slots_reset(arena);
            assert_int_equal(slots_used(arena), 0);
            assert_int_equal(slots_remaining(arena), 30);
        }
        slots_destroy(arena);
    }
}

static int64_t dropped[16];
static size_t drops;

static void note(void *element, void *user) {
    int64_t value;
    memcpy(&value, element, sizeof value);
    dropped[drops++ % 16] = value;
    pthread_testcancel();
}

static const struct arena_type noted = {"noted", sizeof(int64_t), sizeof(int64_t), note};

static struct arena *make_noted(void) {
    GIVEN(arena, arena, arena_create(&noted, 10, &arena));
    arena->reset_work |= WORK_RUNS;
    for (int64_t i = 0; i < 10; i++) assert_non_null(arena_alloc(arena, &i));
    drops = 0;
    return arena;
}

/* Live elements alone, down the addresses, whatever the order of the runs; after that there are none. */
TEST(drops_pass_over_runs) {
    static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    static const int64_t expected[] = {9, 8, 7, 5, 4, 1, 0};
    for (int links = 0; links < 6; links++) {
        struct arena *arena = make_noted();
        struct run runs[3] = {{NULL, NULL, NULL}}; /* the third one stays empty */
        for (int i = 0; i < 3; i++) {
            struct run *run = &runs[orders[links][i]];
            run->next = arena->runs;
            arena->runs = run;
        }
        slots_return(arena, arena->base + 8 * 2, arena->base + 8 * 4, &runs[0]);
        slots_return(arena, arena->base + 8 * 6, arena->base + 8 * 7, &runs[1]);
        assert_int_equal(arena_used(arena), 7);
        arena_reset(arena);
        assert_int_equal(drops, 7);
        assert_memory_equal(dropped, expected, sizeof expected);
        assert_int_equal(arena_remaining(arena), 10);
        for (int i = 0; i < 3; i++) assert_true(runs[i].from == runs[i].to);
        assert_non_null(arena_alloc_slab(arena, 10));
        drops = 0;
        arena_destroy(arena);
        assert_int_equal(drops, 10);
    }
}

/* A drop that ends another arena: what holds during drops holds on after it. */
static struct arena *inner;
static bool was_refused;

static void end_inner(void *element, void *user) {
    if (inner == NULL) return;
    arena_destroy(inner);
    inner = NULL;
    was_refused = thread_state()->dropping;
}

TEST(drops_may_nest) {
    static const struct arena_type type = {"outer", 1, 1, end_inner};
    GIVEN(arena, outer, arena_create(&type, 2, &outer));
    assert_non_null(arena_alloc_slab(outer, 2));
    inner = make_noted();
    was_refused = false;
    arena_reset(outer);
    assert_int_equal(drops, 10);
    assert_true(was_refused);
    assert_false(thread_state()->dropping || slots_sealed(outer));
    assert_non_null(arena_alloc(outer, NULL));
    arena_destroy(outer);
}

int main(void) { return support_run("reset"); }
