/* SPDX-License-Identifier: MIT */
/* A program that has AddressSanitizer's functions, and keeps its marks itself: what is marked is compared with what was
 * handed out, byte by byte, after each step, and nothing stays marked behind an arena's end.  The programs that real checkers
 * watch show single accesses alone. */
#include "base/poison.h"
#include "core/slots.h"

#include "../support.h"

#include <arena/arena.h>

/* --- the marks ------------------------------------------------------------------------------------------------------ */

enum { PIECE = 4096, PIECES = 1 << 16 };

static struct piece {
    uintptr_t number; /* address divided by PIECE */
    unsigned char marked[PIECE];
} * pieces[PIECES];

static struct piece *piece_of(uintptr_t address) {
    uintptr_t number = address / PIECE;
    size_t at = (size_t)(number * 0x9e3779b1u) % PIECES;
    while (pieces[at] != NULL && pieces[at]->number != number) at = (at + 1) % PIECES;
    if (pieces[at] == NULL) {
        pieces[at] = calloc(1, sizeof *pieces[at]);
        if (pieces[at] == NULL) abort();
        pieces[at]->number = number;
    }
    return pieces[at];
}

static void mark(const volatile void *start, size_t size_bytes, int value) {
    uintptr_t at = (uintptr_t)start;
    while (size_bytes != 0) {
        size_t here = PIECE - (size_t)(at % PIECE);
        if (here > size_bytes) here = size_bytes;
        memset(piece_of(at)->marked + at % PIECE, value, here);
        at += here;
        size_bytes -= here;
    }
}

void __asan_poison_memory_region(const volatile void *start, size_t size_bytes);
void __asan_poison_memory_region(const volatile void *start, size_t size_bytes) { mark(start, size_bytes, 1); }
void __asan_unpoison_memory_region(const volatile void *start, size_t size_bytes);
void __asan_unpoison_memory_region(const volatile void *start, size_t size_bytes) { mark(start, size_bytes, 0); }

/* MemorySanitizer's function, too: of the last calls, what was said to be written. */
static struct written {
    const volatile void *start;
    size_t bytes;
} written[16];
static size_t writes;
void __msan_unpoison(const volatile void *start, size_t size_bytes);
void __msan_unpoison(const volatile void *start, size_t size_bytes) {
    written[writes++ % 16] = (struct written){start, size_bytes};
}

static bool is_written(const volatile void *start, size_t bytes) {
    for (size_t i = 0; i < 16; i++) {
        if (written[i].start == start && written[i].bytes == bytes) return true;
    }
    return false;
}

/* Is each byte of [from, to) marked, or is none? */
static bool all_are(const char *from, const char *to, int value) {
    for (uintptr_t at = (uintptr_t)from; at < (uintptr_t)to;) {
        const struct piece *piece = piece_of(at);
        size_t first = (size_t)(at % PIECE);
        for (size_t i = first; i < PIECE && at < (uintptr_t)to; i++, at++) {
            if (piece->marked[i] != value) return false;
        }
    }
    return true;
}

/* --- an arena and its marks ----------------------------------------------------------------------------------------- */

static void check(const struct arena *arena, size_t used) {
    assert_int_equal(slots_used(arena), used);
    const char *past = arena->base + used * arena->stride;
    const char *bound =
        (size_t)(arena->end - arena->base) > POISON_BOUND_BYTES ? arena->base + POISON_BOUND_BYTES : arena->end;
    assert_true(all_are(arena->base, past, 0));
    assert_true(all_are(past, bound, 1));
    if (arena->home.backing == BACKING_PAGES) {
        assert_true((char *)arena->home.memory + arena->home.memory_bytes > arena->end);
        assert_true(all_are(arena->end, (char *)arena->home.memory + arena->home.memory_bytes, 1));
    } else {
        assert_true(all_are(arena->base - POISON_REDZONE_BYTES, arena->base, 1));
        assert_true(all_are(arena->end, arena->end + SLOTS_CLEAR_STEP, 1));
    }
    assert_ptr_equal(arena->head.limit, arena->head.cursor);
}

/* What was marked of it, whatever the arena was used for. */
static void destroy(struct arena *arena) {
    const char *from = arena->home.backing == BACKING_PAGES ? arena->home.memory : (const char *)(arena + 1);
    const char *to = arena->home.backing == BACKING_PAGES ? (char *)arena->home.memory + arena->home.memory_bytes
                                                          : arena->end + SLOTS_CLEAR_STEP;
    if (arena->home.backing == BACKING_PAGES && (size_t)(arena->end - arena->base) > POISON_BOUND_BYTES) {
        const char *tail = arena->end;
        arena_destroy(arena);
        assert_true(all_are(from, from + POISON_BOUND_BYTES, 0));
        assert_true(all_are(tail, to, 0));
        return;
    }
    arena_destroy(arena);
    assert_true(all_are(from, to, 0));
}

static unsigned random_state = 1;

static size_t below(size_t bound) {
    random_state = random_state * 1103515245u + 12345u;
    return (random_state >> 16) % bound;
}

/* One step; how many are used afterwards. */
static size_t step(struct arena *arena, size_t used, const void *values) {
    struct arena_burst burst;
    size_t free_slots = arena_cap(arena) - used;
    size_t count = below(below(4) == 0 ? free_slots + 1 : (free_slots < 5 ? free_slots : 5) + 1);
    switch (below(9)) {
    case 0:
        return used + (arena_try_alloc(arena, NULL) != NULL);
    case 1:
        return used + (arena_try_alloc(arena, values) != NULL);
    case 2:
        return used + (arena_try_alloc_slab(arena, count) != NULL ? count : 0);
    case 3:
        return used + (arena_try_alloc_slab_with(arena, values, count) != NULL ? count : 0);
    case 4:
        return used + (arena_try_alloc_slab_with(arena, NULL, count) != NULL ? count : 0);
    case 5:
    case 6:
        arena_burst_begin(arena, &burst);
        for (size_t i = 0; i < count; i++) assert_non_null(arena_burst_put(&burst, i % 2 ? values : NULL));
        if (below(2) == 0) {
            arena_burst_end(arena, &burst);
            return used + count;
        }
        /* Left: what it wrote is free again, whatever comes next. */
        if (below(3) == 0) return used + (arena_try_alloc(arena, NULL) != NULL);
        if (below(2) == 0) {
            arena_trim(arena);
        } else {
            assert_null(arena_try_alloc_slab(arena, arena_cap(arena) + 1));
        }
        return used;
    case 7:
        arena_trim(arena);
        return used;
    default:
        arena_reset(arena);
        return 0;
    }
}

static void note_nothing(void *element, void *user) { (void)element, (void)user; }

TEST(what_is_marked_is_what_is_not_handed_out) {
    static const struct {
        struct arena_type type;
        size_t capacity;
        int steps;
    } shapes[] = {
        {{"none", 8, 8, NULL}, 0, 10},
        {{"byte", 1, 1, NULL}, 77, 300},
        {{"three", 3, 1, note_nothing}, 50, 300},
        {{"gap", 12, 8, NULL}, 40, 300},
        {{"line", 40, 64, NULL}, 20, 300},
        {{"page", 5000, 4096, note_nothing}, 12, 100},
        {{"word", 8, 8, NULL}, 9000, 100},
        {{"huge", 8, 8, NULL}, 3000000, 3},
        {{"wide", 1 << 16, 1 << 17, NULL}, 3, 40},
    };
    static const char values[1 << 20];
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        for (uint32_t clear = ARENA_CLEAR_ON_RESET; clear <= ARENA_CLEAR_NEVER; clear++) {
            for (uint32_t flags = 0; flags <= (ARENA_HUGE_PAGES | ARENA_PREFAULT); flags++) {
                if (clear == ARENA_CLEAR_NEVER && shapes[i].type.drop != NULL) continue;
                if (shapes[i].steps < 10 && flags != 0) continue;
                struct arena_options options = {sizeof options, clear, flags};
                GIVEN(arena, arena, arena_create_with(&shapes[i].type, shapes[i].capacity, &options, &arena));
                check(arena, 0);
                size_t used = 0;
                for (int s = 0; s < shapes[i].steps; s++) {
                    used = step(arena, used, shapes[i].type.size * shapes[i].capacity <= sizeof values ? values : NULL);
                    check(arena, used);
                }
                destroy(arena);
            }
        }
    }
}

/* So much is marked ahead of the cursor; what was handed out beyond it is marked when it is taken back, all the same. */
TEST(what_is_taken_back_is_marked_however_far) {
    enum { CAPACITY = 3000000, MOST = 2500000, PUTS = 10 };
    for (uint32_t clear = ARENA_CLEAR_ON_RESET; clear <= ARENA_CLEAR_NEVER; clear++) {
        struct arena_options options = {sizeof options, clear, 0};
        GIVEN(arena, arena, arena_create_with(ARENA_TYPE(int64_t), CAPACITY, &options, &arena));
        const char *from = arena->base;
        const char *past = from + MOST * sizeof(int64_t);
        assert_true(past > from + POISON_BOUND_BYTES);
        assert_non_null(arena_alloc_slab(arena, MOST));
        check(arena, MOST);
        struct arena_burst burst;
        arena_burst_begin(arena, &burst);
        for (int i = 0; i < PUTS; i++) assert_non_null(arena_burst_put(&burst, NULL));
        arena_reset(arena); /* which takes the burst back, too */
        check(arena, 0);
        assert_true(all_are(from, past + PUTS * sizeof(int64_t), 1));
        arena_destroy(arena);
        assert_true(all_are(from, from + CAPACITY * sizeof(int64_t), 0));
    }
}

/* So much before the first slot, too, wherever what lies before it ends: alignment alone does not always leave as much. */
TEST(marks_before_the_first_slot_of_any_alignment) {
    char name[260];
    memset(name, 'n', sizeof name);
    for (size_t align = 1; align <= 1024; align *= 4) {
        for (size_t length = 0; length < sizeof name; length += 4) {
            name[length] = '\0';
            const struct arena_type type = {name, 24, align, NULL};
            GIVEN(arena, arena, arena_create(&type, 9, &arena));
            check(arena, 0);
            destroy(arena);
            name[length] = 'n';
        }
    }
}

/* Nor does an open burst open more than what it has handed out. */
TEST(marks_of_an_open_burst) {
    static const size_t capacities[] = {5, 30000};
    for (size_t c = 0; c < sizeof capacities / sizeof capacities[0]; c++) {
        GIVEN(arena, arena, arena_create(ARENA_TYPE(int64_t), capacities[c], &arena));
        assert_non_null(arena_alloc(arena, NULL));
        struct arena_burst burst;
        arena_burst_begin(arena, &burst);
        for (size_t used = 1; used <= 5; used++) {
            const char *past = arena->base + used * sizeof(int64_t);
            assert_true(all_are(arena->base, past, 0));
            assert_true(all_are(past, arena->end, 1));
            assert_true((arena_burst_put(&burst, NULL) != NULL) == (used < capacities[c]));
        }
        arena_burst_end(arena, &burst);
        check(arena, capacities[c] < 6 ? capacities[c] : 6);
        destroy(arena);
    }
}

ARENA_DEFINE(int_arena, int)

/* An arena that was lent is as if nothing had been handed out, and again when it is back. */
TEST(marks_of_a_pool) {
    struct int_arena_pool *pool = int_arena_pool_create(100);
    struct arena *last = NULL;
    for (int round = 0; round < 4; round++) {
        GIVEN(int_arena, arena, int_arena_pool_checkout(pool, &arena));
        last = int_arena_raw(arena);
        check(last, 0);
        int_arena_alloc(arena, 1);
        check(last, 1);
        (void)int_arena_alloc_slab(arena, 50);
        check(last, 51);
        int_arena_pool_return(pool, arena);
        check(last, 0);
        ARENA_POOL_SCOPE_OF(int_arena, pool, scratch) {
            last = int_arena_raw(scratch);
            check(last, 0);
            int_arena_alloc(scratch, 1);
            check(last, 1);
        }
        check(last, 0);
    }
    const char *from = last->base - POISON_REDZONE_BYTES;
    const char *to = last->end + SLOTS_CLEAR_STEP;
    assert_int_equal(int_arena_pool_destroy(pool), ARENA_OK);
    assert_true(all_are(from, to, 0));
}

/* The window stays closed however often the gate is taken, so that inline code passes by no mark. */
TEST(marks_behind_a_gate) {
    struct int_arena_concurrent *shared = int_arena_concurrent_create(100);
    struct arena *last = NULL;
    for (int round = 0; round < 3; round++) {
        for (size_t used = 0; used < 90; used += 6) {
            int_arena_concurrent_alloc(shared, 1);
            (void)int_arena_concurrent_alloc_slab(shared, 2);
            GIVEN(int_arena, arena, int_arena_concurrent_acquire(shared, NULL, &arena));
            last = int_arena_raw(arena);
            check(last, used + 3);
            int_arena_alloc(arena, 1);
            int_arena_alloc_zero(arena);
            (void)ARENA_SLAB_WITH(int_arena, arena, 5);
            check(last, used + 6);
            int_arena_concurrent_release(shared);
            check(last, used + 6);
        }
        int_arena_concurrent_reset(shared);
        check(last, 0);
    }
    const char *from = last->base - POISON_REDZONE_BYTES;
    const char *to = last->end + SLOTS_CLEAR_STEP;
    int_arena_concurrent_destroy(shared);
    assert_true(all_are(from, to, 0));
}

/* --- pages ---------------------------------------------------------------------------------------------------------- */

static struct {
    bool refuses; /* there is no memory for any advice */
    char *asked;  /* of the last advice */
    size_t asked_bytes;
    char *released; /* of the last mapping that ended */
    size_t released_bytes;
} pages;

int __real_madvise(void *start, size_t size_bytes, int advice);
int __wrap_madvise(void *start, size_t size_bytes, int advice);
int __wrap_madvise(void *start, size_t size_bytes, int advice) {
    pages.asked = start;
    pages.asked_bytes = size_bytes;
    if (!pages.refuses) return __real_madvise(start, size_bytes, advice);
    errno = ENOMEM;
    return -1;
}

int __real_munmap(void *start, size_t size_bytes);
int __wrap_munmap(void *start, size_t size_bytes);
int __wrap_munmap(void *start, size_t size_bytes) {
    pages.released = start;
    pages.released_bytes = size_bytes;
    return __real_munmap(start, size_bytes);
}

/* What a checker shall see behind the end is part of the mapping: it is touched and given back with the rest. */
TEST(an_arena_that_cannot_be_touched_keeps_no_page) {
    struct arena_options options = {sizeof options, ARENA_CLEAR_ON_RESET, ARENA_PREFAULT};
    struct arena *arena;
    memset(&pages, 0, sizeof pages);
    pages.refuses = true;
    assert_int_equal(arena_create_with(ARENA_TYPE(char), 100000, &options, &arena), ARENA_ENOMEM);
    pages.refuses = false;
    if (pages.asked == NULL) skip(); /* this system touches them by hand */
    assert_ptr_equal(pages.released, pages.asked);
    assert_int_equal(pages.released_bytes, pages.asked_bytes);
    assert_true(all_are(pages.released, pages.released + pages.released_bytes, 0));
}

/* A library that was compiled without the sanitizer says itself which variables of its caller's it writes. */
TEST(variables_that_are_filled_count_as_written) {
    struct arena_stats stats = {.struct_size = sizeof stats};
    struct arena_mark mark;
    struct arena_permit permit;
    void *out;
    GIVEN(arena, arena, arena_create(ARENA_TYPE(int), 4, &arena));
    assert_true(is_written(&arena, sizeof arena));
    assert_int_equal(arena_alloc_checked(arena, NULL, &out), ARENA_OK);
    assert_true(is_written(&out, sizeof out));
    assert_int_equal(arena_get_stats(arena, &stats), ARENA_OK);
    assert_true(is_written(&stats, sizeof stats));
    assert_int_equal(arena_get_mark_checked(arena, &mark), ARENA_OK);
    assert_true(is_written(&mark, sizeof mark));
    arena_destroy(arena);
    GIVEN(arena_concurrent, shared, arena_concurrent_create(ARENA_TYPE(int), 4, &shared));
    assert_int_equal(arena_concurrent_acquire_permit(shared, NULL, &permit), ARENA_OK);
    assert_true(is_written(&permit, sizeof permit));
    assert_int_equal(arena_concurrent_release_permit(shared, &permit), ARENA_OK);
    arena_concurrent_destroy(shared);
}

int main(void) { return support_run("poison"); }
