/* SPDX-License-Identifier: MIT */
/* Where the slots of an arena lie, sizes that cannot be, and the arena that a thread keeps. */
#include "base/poison.h"
#include "core/create.h"
#include "core/slots.h"
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

/* slots_plan lets no such size through: what maps memory does not rely on it. */
TEST(sizes_that_no_plan_has) {
    static const struct arena_type byte = {"byte", 1, 1, NULL};
    static const struct arena_type far = {"far", 1, (size_t)1 << 20, NULL};
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    struct slots_plan plan = {.stride = 1, .bytes = SIZE_MAX}; /* no whole pages */
    assert_null(slots_create(&plan, &byte, SLOTS_OWNER_USER, sizeof(struct arena), NULL));
    plan.bytes = SIZE_MAX - page + 1; /* whole pages; with a checker one more */
    assert_null(slots_create(&plan, &byte, SLOTS_OWNER_USER, sizeof(struct arena), NULL));
    assert_null(slots_create(&plan, &far, SLOTS_OWNER_USER, sizeof(struct arena), NULL));
    plan.bytes = 1;
    const size_t header = SIZE_MAX - 8 - (poison_active() ? POISON_REDZONE_BYTES : 0);
    assert_null(slots_create(&plan, &byte, SLOTS_OWNER_USER, header, NULL));
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
    memset(arena_bytes_alloc(first, 2000, 1), 'x', 2000);
    arena_bytes_reset(first);
    memset(arena_bytes_alloc(first, 2000, 1), 'x', 2000);
    thread_state()->arena = NULL;
    arena_bytes_destroy(small); /* not of the usual size */
    assert_null(thread_state()->arena);
    arena_bytes_destroy(arena_bytes_create_with(SIZE_MAX, &(struct arena_options){sizeof(struct arena_options)}));
    assert_null(thread_state()->arena); /* nor with options */
    arena_bytes_destroy(first);
    arena_bytes_destroy(third);
    assert_ptr_equal(thread_state()->arena, first);
    first = arena_bytes_create(2500);
    assert_null(thread_state()->arena);
    struct arena_stats stats = {sizeof stats, 0, 0, 0, 0, 0, 0};
    assert_int_equal(arena_bytes_get_stats(first, &stats), ARENA_OK);
    assert_true(stats.used_bytes == 0 && stats.peak_bytes == 0 && stats.resets == 0 && stats.blocks == 1);
    assert_int_equal(arena_bytes_cap(first), 2500);
    const char *block = arena_bytes_alloc(first, 2500, 1);
    for (int i = 0; i < 2500; i++) assert_int_equal(block[i], 0);
    assert_null(arena_bytes_try_alloc(first, 1, 1));
    memset(arena_bytes_alloc_raw(second, 3000, 1), 'x', 3000); /* further than what is known to be zero */
    arena_bytes_destroy(second);
    second = arena_bytes_create(SIZE_MAX);
    block = arena_bytes_alloc(second, 3200, 1);
    for (int i = 0; i < 3200; i++) assert_int_equal(block[i], 0);
    arena_bytes_destroy(second);
    free(thread_state()->arena);
    thread_state()->arena = NULL;
    arena_bytes_reset(first);
    struct arena_cleanup *cleanup = arena_bytes_defer(first, NULL, NULL);
    assert_non_null(cleanup);
    arena_bytes_destroy(first); /* with more to do than to free */
    assert_null(thread_state()->arena);
    first = arena_bytes_create(70000);
    arena_bytes_destroy(first);
    assert_non_null(thread_state()->arena);
    thread_exit_hook(thread_state());
    assert_null(thread_state()->arena);
    arena_bytes_destroy(arena_bytes_create(70000)); /* after the thread's end nothing is kept */
    assert_null(thread_state()->arena);
    thread_state()->exited = false;
}

int main(void) { return support_run("create"); }
