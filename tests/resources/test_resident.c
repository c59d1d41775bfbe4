/* SPDX-License-Identifier: MIT */
/* Memory follows use: what was not touched stays untouched, and what is not needed any more goes back. */
#include "measure.h"

/* --- what was not touched ----------------------------------------------------------------------------------------- */

enum { CAPACITY = 256 << 20 };

/* Two pages are touched, and the lists and tables for it. */
#define FEW ((size_t)8 * MIB)

static void touch_both_ends(char *slab, size_t size_bytes) {
    assert_non_null(slab);
    assert_int_equal(slab[0], 0);
    assert_int_equal(slab[size_bytes - 1], 0);
    slab[0] = slab[size_bytes - 1] = 'x';
}

/* Each: a generation that hands out all of it, touches its ends, and takes it back. */
static void in_an_arena(void *handle) {
    touch_both_ends(arena_alloc_slab(handle, CAPACITY), CAPACITY);
    arena_reset(handle);
}
static void above_a_mark(void *handle) {
    struct arena_mark mark;
    assert_non_null(arena_alloc(handle, NULL));
    arena_get_mark(handle, &mark);
    for (int i = 0; i < 2; i++) {
        touch_both_ends(arena_alloc_slab(handle, CAPACITY - 1), CAPACITY - 1);
        arena_rewind(handle, &mark);
    }
    arena_reset(handle);
}
static void behind_a_gate(void *handle) {
    touch_both_ends(arena_concurrent_alloc_slab(handle, CAPACITY), CAPACITY);
    arena_concurrent_reset(handle);
}
static void by_a_holder(void *handle) {
    GIVEN(arena, held, arena_concurrent_acquire(handle, NULL, &held));
    touch_both_ends(arena_alloc_slab(held, CAPACITY), CAPACITY);
    arena_reset(held);
    arena_concurrent_release(handle);
}
static void by_a_return(void *handle) {
    GIVEN(arena, arena, arena_pool_checkout(handle, &arena));
    touch_both_ends(arena_alloc_slab(arena, CAPACITY), CAPACITY);
    arena_pool_return(handle, arena);
}
static void touch_it(struct arena *arena, void *user) { touch_both_ends(arena_alloc_slab(arena, CAPACITY), CAPACITY); }
static void by_execute(void *handle) { assert_int_equal(arena_pool_execute(handle, touch_it, NULL), ARENA_OK); }

static void make_arena(const struct arena_options *options, void **out) {
    GIVEN(arena, arena, arena_create_with(ARENA_TYPE(char), CAPACITY, options, &arena));
    *out = arena;
}
static void make_concurrent(const struct arena_options *options, void **out) {
    GIVEN(arena_concurrent, arena, arena_concurrent_create_with(ARENA_TYPE(char), CAPACITY, options, &arena));
    *out = arena;
}
static void make_pool(const struct arena_options *options, void **out) {
    const struct arena_pool_options pool_options = {.struct_size = sizeof pool_options, .arena_options = options};
    GIVEN(arena_pool, pool, arena_pool_create_with(ARENA_TYPE(char), CAPACITY, &pool_options, &pool));
    *out = pool;
}

static void end_arena(void *handle) { arena_destroy(handle); }
static void end_concurrent(void *handle) { arena_concurrent_destroy(handle); }
static void end_pool(void *handle) { assert_int_equal(arena_pool_destroy(handle), ARENA_OK); }

static const struct way {
    const char *name;
    void (*make)(const struct arena_options *options, void **out);
    void (*generation)(void *handle);
    void (*end)(void *handle);
} ways[] = {
    {"reset", make_arena, in_an_arena, end_arena},
    {"rewind", make_arena, above_a_mark, end_arena},
    {"concurrent reset", make_concurrent, behind_a_gate, end_concurrent},
    {"reset by a holder", make_concurrent, by_a_holder, end_concurrent},
    {"return", make_pool, by_a_return, end_pool},
    {"execute", make_pool, by_execute, end_pool},
};
enum { WAYS = sizeof ways / sizeof ways[0] };

/* Also handed out again, and again: the second time it is not fresh. */
TEST(what_was_not_touched_stays_untouched) {
    for (uint32_t clear = ARENA_CLEAR_ON_RESET; clear <= ARENA_CLEAR_ON_HANDOUT; clear++) {
        for (int i = 0; i < WAYS; i++) {
            const struct arena_options options = {.struct_size = sizeof options, .clear = clear};
            struct measure before = measure_now();
            void *handle;
            ways[i].make(&options, &handle);
            for (int generation = 0; generation < 3; generation++) {
                ways[i].generation(handle);
                size_t grown = measure_grown(&before);
                if (grown > FEW)
                    print_error("%s, clear %u, generation %d\n", ways[i].name, (unsigned)clear, generation);
                assert_at_most(grown, FEW);
            }
            ways[i].end(handle);
        }
    }
}

/* Elements from end to end of it, of which one in each 64 KiB was written: a page for each. */
TEST(what_was_touched_here_and_there_stays_so) {
    enum { EVERY = 64 << 10, PAGE = 4096 };
    struct measure before = measure_now();
    GIVEN(arena, arena, arena_create(ARENA_TYPE(char), CAPACITY, &arena));
    for (int generation = 0; generation < 3; generation++) {
        char *slab = arena_alloc_slab(arena, CAPACITY);
        for (size_t at = 0; at < CAPACITY; at += EVERY) {
            assert_int_equal(slab[at], 0);
            slab[at] = 'x';
        }
        arena_reset(arena);
        assert_at_most(measure_grown(&before), CAPACITY / EVERY * PAGE * 2 + FEW);
    }
    arena_destroy(arena);
}

TEST(capacity_is_only_reserved) {
    enum { COUNT = 64 };
    struct arena *arenas[COUNT];
    struct measure before = measure_now();
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(arena_create(ARENA_TYPE(char), (size_t)1 << (sizeof(size_t) == 8 ? 30 : 24), &arenas[i]),
                         ARENA_OK);
        assert_non_null(arena_alloc(arenas[i], NULL));
    }
    assert_at_most(measure_grown(&before), COUNT * 32 * KIB);
    for (int i = 0; i < COUNT; i++) arena_destroy(arenas[i]);
}

/* --- small arenas ------------------------------------------------------------------------------------------------- */

/* A hundred elements of it are used: two pages or three for each arena, whatever the capacity. */
TEST(small_arenas_cost_what_they_use) {
    enum { COUNT = 500, USED = 100 };
    static struct arena *arenas[COUNT];
    static const size_t capacities[] = {10000, 20000, 60000, 100000, 200000};
    for (size_t k = 0; k < sizeof capacities / sizeof capacities[0]; k++) {
        struct measure before = measure_now();
        for (int i = 0; i < COUNT; i++) {
            assert_int_equal(arena_create(ARENA_TYPE(char), capacities[k], &arenas[i]), ARENA_OK);
            for (int j = 0; j < USED; j++) assert_non_null(arena_alloc(arenas[i], "x"));
        }
        assert_at_most(measure_grown(&before), COUNT * 12 * KIB);
        for (int i = 0; i < COUNT; i++) arena_destroy(arenas[i]);
    }
}

/* --- what is not needed any more ---------------------------------------------------------------------------------- */

enum { PEAK = 64 << 20, USUAL = 1000, PATIENCE = 64 };

static void use(struct arena *arena, size_t size_bytes) {
    char *slab = arena_alloc_slab(arena, size_bytes);
    memset(slab, 'x', size_bytes);
    arena_reset(arena);
}

static struct arena *make_retaining(size_t retain_bytes, uint32_t clear) {
    const struct arena_options options = {.struct_size = sizeof options, .clear = clear, .retain_bytes = retain_bytes};
    GIVEN(arena, arena, arena_create_with(ARENA_TYPE(char), CAPACITY, &options, &arena));
    return arena;
}

TEST(a_single_peak_goes_back) {
    for (uint32_t clear = ARENA_CLEAR_ON_RESET; clear <= ARENA_CLEAR_NEVER; clear++) {
        struct measure before = measure_now();
        struct arena *arena = make_retaining(0, clear);
        use(arena, PEAK);
        for (int i = 0; i < PATIENCE; i++) use(arena, USUAL);
        assert_at_most(measure_grown(&before), PEAK / 8);
        use(arena, PEAK); /* it can be had again, and again goes back */
        for (int i = 0; i < PATIENCE; i++) use(arena, USUAL);
        assert_at_most(measure_grown(&before), PEAK / 8);
        arena_destroy(arena);
    }
}

TEST(what_is_retained_is_what_was_asked_for) {
    static const struct {
        size_t retain_bytes;
        size_t least;
        size_t most;
    } cases[] = {
        {ARENA_RETAIN_ALL, PEAK - MIB, PEAK + FEW},
        {ARENA_RETAIN_NONE, 0, PEAK / 16},
        {PEAK / 2, PEAK / 4, PEAK / 2 + PEAK / 8},
        {2 * (size_t)PEAK, PEAK - MIB, PEAK + FEW},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct measure before = measure_now();
        struct arena *arena = make_retaining(cases[i].retain_bytes, ARENA_CLEAR_ON_RESET);
        use(arena, PEAK);
        for (int k = 0; k < PATIENCE; k++) use(arena, USUAL);
        assert_at_least(measure_grown(&before), cases[i].least);
        assert_at_most(measure_grown(&before), cases[i].most);
        arena_destroy(arena);
    }
}

/* A peak that comes again and again does not cost its page faults each time. */
TEST(regular_peaks_stay) {
    enum { EVERY = 3, PEAKS = 20, PAGE = 4096 };
    struct arena *arena = make_retaining(0, ARENA_CLEAR_ON_RESET);
    for (int i = 0; i < PATIENCE; i++) use(arena, i % EVERY == 0 ? PEAK / 4 : USUAL);
    size_t before = measure_faults();
    for (int i = 0; i < PEAKS * EVERY; i++) use(arena, i % EVERY == 0 ? PEAK / 4 : USUAL);
    size_t faults = measure_faults() - before;
    if (faults > 4 * (PEAK / 4 / PAGE)) print_error("%zu faults in %d peaks\n", faults, (int)PEAKS);
    assert_true(faults <= 4 * (PEAK / 4 / PAGE));
    arena_destroy(arena);
}

TEST(a_peak_behind_a_gate_goes_back) {
    struct measure before = measure_now();
    GIVEN(arena_concurrent, arena, arena_concurrent_create(ARENA_TYPE(char), CAPACITY, &arena));
    memset(arena_concurrent_alloc_slab(arena, PEAK), 'x', PEAK);
    arena_concurrent_reset(arena);
    for (int i = 0; i < PATIENCE; i++) {
        assert_non_null(arena_concurrent_alloc_slab(arena, USUAL));
        arena_concurrent_reset(arena);
    }
    assert_at_most(measure_grown(&before), PEAK / 8);
    arena_concurrent_destroy(arena);
}

/* --- nothing is left ---------------------------------------------------------------------------------------------- */

static void use_everything(void) {
    struct arena *arena = make_retaining(0, ARENA_CLEAR_ON_RESET);
    use(arena, 4 * MIB);
    GIVEN(arena_context, root, arena_context_with_timeout(NULL, INT64_MAX / 2, &root));
    GIVEN(arena_context, context, arena_inject(root, arena, &context));
    for (int i = 0; i < WAYS; i++) {
        void *handle;
        ways[i].make(NULL, &handle);
        ways[i].generation(handle);
        ways[i].end(handle);
    }
    arena_context_release(context);
    arena_context_release(root);
    arena_destroy(arena);
}

static void use_everything_there(struct worker *self) { use_everything(); }

TEST(nothing_is_left_of_handles_and_threads) {
    enum { ROUNDS = 20, THREADS = 4 };
    struct worker workers[THREADS];
    struct measure before = {0};
    for (int round = 0; round < ROUNDS; round++) {
        if (round == 2) before = measure_now(); /* what is made once is there by then */
        use_everything();
        for (unsigned i = 0; i < THREADS; i++) worker_start(&workers[i], use_everything_there, NULL, i);
        workers_join(workers, THREADS);
    }
    struct measure after = measure_now();
    assert_int_equal(after.descriptors, before.descriptors);
    assert_int_equal(after.threads, before.threads);
    assert_true(after.mappings <= before.mappings + ROUNDS / 2); /* the C library's own come and go */
    assert_at_most(measure_grown(&before), FEW);
    assert_at_most(after.mapped_bytes, before.mapped_bytes + CAPACITY / 2);
}

int main(void) {
    if (!measure_start()) return 77;
    return support_run("resident");
}
