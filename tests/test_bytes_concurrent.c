/* SPDX-License-Identifier: MIT */
/* Byte arenas that threads share: what they hand out fits, is aligned, and is nobody else's; and what the gate's holder does
 * with the arena behind it. */
#define _GNU_SOURCE

#include "support.h"

#include <arena/arena.h>

enum { THREADS = 4 };

/* The tests run twice: with chunks lent to threads, and without. */
static uint32_t gate_only;

static struct arena_bytes_concurrent *make_with(size_t capacity, uint32_t clear) {
    struct arena_options options = OPTIONS(clear, gate_only);
    struct arena_bytes_concurrent *arena = arena_bytes_concurrent_create_with(capacity, &options);
    assert_non_null(arena);
    return arena;
}

static struct arena_bytes_concurrent *make(size_t capacity) { return make_with(capacity, ARENA_CLEAR_ON_RESET); }

static struct arena_bytes *hold(struct arena_bytes_concurrent *arena) {
    GIVEN(arena_bytes, held, arena_bytes_concurrent_acquire(arena, NULL, &held));
    assert_non_null(held);
    return held;
}

/* Each of these threads takes single bytes until there are none. */
static void take_bytes(struct worker *self) {
    unsigned char *byte;
    while ((byte = arena_bytes_concurrent_try_alloc(self->user, 1, 1)) != NULL) {
        if (*byte != 0) self->status = 1; /* or somebody else has it */
        *byte = (unsigned char)(self->index + 1);
        self->count++;
    }
}

TEST(threads_fill_it_to_the_last_byte) {
    size_t capacity = support_rounds(10007, 1009);
    struct arena_bytes_concurrent *arena = make(capacity);
    for (int round = 0; round < 2; round++) {
        struct worker workers[THREADS];
        for (unsigned i = 0; i < THREADS; i++) worker_start(&workers[i], take_bytes, arena, i);
        workers_join(workers, THREADS);
        size_t count = 0;
        for (unsigned i = 0; i < THREADS; i++) {
            assert_int_equal(workers[i].status, 0);
            count += workers[i].count;
        }
        assert_int_equal(count, capacity);
        assert_int_equal(arena_bytes_concurrent_used(arena), capacity);
        assert_int_equal(arena_bytes_concurrent_remaining(arena), 0);
        arena_bytes_concurrent_reset(arena);
        assert_int_equal(arena_bytes_concurrent_used(arena), 0);
    }
    arena_bytes_concurrent_destroy(arena);
}

/* Blocks of many sizes and alignments, some as large as what threads are lent at a time. */
struct block {
    unsigned char *at;
    size_t size;
};
enum { BLOCKS = 400 };
struct mixer {
    struct arena_bytes_concurrent *arena;
    struct block blocks[BLOCKS];
};

static void take_blocks(struct worker *self) {
    struct mixer *mixer = self->user;
    uint32_t random = self->index * 7919 + 1;
    for (; self->count < BLOCKS; self->count++) {
        random = random * 1664525 + 1013904223;
        size_t size = random % 50 == 0 ? 65500 + random % 97 : 1 + (random >> 8) % 300;
        size_t align = (size_t)1 << (random >> 20) % 13;
        void *block = NULL;
        int status = arena_bytes_concurrent_alloc_context(mixer->arena, NULL, size, align, &block);
        if ((block == NULL) != (status != ARENA_OK) || (status != ARENA_OK && status != ARENA_EFULL)) self->status = 1;
        if (block == NULL) break;
        if (((uintptr_t)block & (align - 1)) != 0) self->status = 2;
        if (!all_zero(block, size)) self->status = 3;
        memset(block, (int)self->index + 1, size);
        mixer->blocks[self->count] = (struct block){block, size};
    }
}

TEST(blocks_are_aligned_and_apart) {
    static const uint32_t policies[] = {ARENA_CLEAR_ON_RESET, ARENA_CLEAR_ON_HANDOUT};
    static struct mixer mixers[THREADS];
    for (size_t p = 0; p < 2; p++) {
        struct arena_bytes_concurrent *arena = make_with((size_t)2 << 20, policies[p]);
        for (int round = 0; round < 2; round++) {
            struct worker workers[THREADS];
            for (unsigned i = 0; i < THREADS; i++) {
                mixers[i].arena = arena;
                worker_start(&workers[i], take_blocks, &mixers[i], i);
            }
            workers_join(workers, THREADS);
            size_t sum = 0;
            for (unsigned i = 0; i < THREADS; i++) {
                assert_int_equal(workers[i].status, 0);
                for (size_t b = 0; b < workers[i].count; b++) {
                    const struct block *block = &mixers[i].blocks[b];
                    for (size_t at = 0; at < block->size; at++) assert_int_equal(block->at[at], i + 1);
                    sum += block->size;
                }
            }
            assert_true(sum != 0 && sum <= arena_bytes_concurrent_used(arena));
            assert_true(arena_bytes_concurrent_used(arena) <= arena_bytes_concurrent_cap(arena));
            arena_bytes_concurrent_reset(arena);
        }
        arena_bytes_concurrent_destroy(arena);
    }
}

/* Chunks that end leave runs between blocks of others: those are found again, whatever was wanted meanwhile. */
struct turns {
    struct arena_bytes_concurrent *arena;
    int turn;
    bool holds; /* the gate, now and then */
};

static void take_turns(struct worker *self) {
    struct turns *turns = self->user;
    for (int round = 0; round < 40; round++) {
        if (!flag_wait(&turns->turn, 2 * round + (int)self->index)) self->status = 1;
        /* Its own chunk is too short for the next, each time, and the other thread's lies above it. */
        size_t size = round % 2 == 0 ? 900 : 15000;
        void *block = arena_bytes_concurrent_try_alloc(turns->arena, size, 1);
        if (block == NULL || !all_zero(block, size)) self->status = 2;
        if (block != NULL) memset(block, 1, size);
        self->count += size;
        struct arena_bytes *held = turns->holds && round % 5 == 4 ? hold(turns->arena) : NULL;
        if (held != NULL) arena_bytes_concurrent_release(turns->arena);
        flag_add(&turns->turn, 1);
    }
}

TEST(what_chunks_leave_is_found_again) {
    size_t capacity = (size_t)1 << 20;
    struct turns turns = {make(capacity), 0, false};
    for (int generation = 0; generation < 3; generation++) {
        struct worker workers[2];
        flag_set(&turns.turn, 0);
        turns.holds = generation == 1;
        for (unsigned i = 0; i < 2; i++) worker_start(&workers[i], take_turns, &turns, i);
        workers_join(workers, 2);
        size_t used = 0;
        for (unsigned i = 0; i < 2; i++) {
            assert_int_equal(workers[i].status, 0);
            used += workers[i].count;
        }
        assert_int_equal(arena_bytes_concurrent_used(turns.arena), used);
        if (generation != 0) { /* the first time a reset has to find them */
            struct arena_bytes *held = generation == 1 ? NULL : hold(turns.arena);
            const unsigned char *byte;
            while ((byte = held == NULL ? arena_bytes_concurrent_try_alloc(turns.arena, 1, 1)
                                        : arena_bytes_try_alloc(held, 1, 1)) != NULL) {
                assert_int_equal(*byte, 0);
                used++;
            }
            assert_int_equal(used, capacity);
            if (held != NULL) arena_bytes_concurrent_release(turns.arena);
        }
        arena_bytes_concurrent_reset(turns.arena);
        assert_int_equal(arena_bytes_concurrent_used(turns.arena), 0);
    }
    assert_non_null(arena_bytes_concurrent_alloc(turns.arena, capacity, 1));
    arena_bytes_concurrent_destroy(turns.arena);
}

TEST(what_is_left_decides_alignment_included) {
    struct arena_bytes_concurrent *arena = make(100);
    assert_non_null(arena_bytes_concurrent_alloc(arena, 1, 1));
    assert_null(arena_bytes_concurrent_try_alloc(arena, 37, 64)); /* 63 bytes are before it */
    assert_null(arena_bytes_concurrent_try_alloc(arena, 1, (size_t)1 << (sizeof(size_t) * 8 - 1)));
    assert_null(arena_bytes_concurrent_try_alloc(arena, SIZE_MAX, 1));
    assert_null(arena_bytes_concurrent_try_alloc(arena, SIZE_MAX - 62, 64));
    assert_int_equal(arena_bytes_concurrent_used(arena), 1);
    unsigned char *block = arena_bytes_concurrent_try_alloc(arena, 36, 64);
    assert_non_null(block);
    assert_int_equal((uintptr_t)block % 64, 0);
    assert_int_equal(arena_bytes_concurrent_remaining(arena), 0);
    void *none = arena;
    assert_int_equal(arena_bytes_concurrent_alloc_context(arena, NULL, 1, 1, &none), ARENA_EFULL);
    assert_null(none);
    for (size_t align = 1; align <= 65536; align *= 2) {
        void *nothing = arena_bytes_concurrent_alloc(arena, 0, align);
        assert_non_null(nothing);
        assert_int_equal((uintptr_t)nothing % align, 0);
    }
    arena_bytes_concurrent_reset(arena);
    assert_non_null(arena_bytes_concurrent_alloc(arena, 100, 64));
    arena_bytes_concurrent_destroy(arena);
    assert_null(arena_bytes_concurrent_create(SIZE_MAX)); /* it is a reservation */
}

static struct arena_bytes_concurrent *asked_arena;
static size_t asked_size, asked_align;
static void do_alloc(void *user) { arena_bytes_concurrent_alloc(asked_arena, asked_size, asked_align); }
static void do_try(void *user) { arena_bytes_concurrent_try_alloc(asked_arena, asked_size, asked_align); }
static void do_from_raw(void *raw) { (void)arena_bytes_concurrent_from_raw(raw); }

TEST(what_cannot_be_is_told) {
    panics_record();
    struct arena_bytes_concurrent *arena = make(100);
    void *out = arena;
    asked_arena = NULL;
    asked_size = 1;
    asked_align = 1;
    assert_panics(do_alloc, NULL, "arena is NULL");
    assert_null(arena_bytes_concurrent_try_alloc(NULL, 1, 1));
    assert_int_equal(arena_bytes_concurrent_alloc_context(NULL, NULL, 1, 1, &out), ARENA_EINVAL);
    assert_null(out);
    asked_arena = arena;
    asked_size = 101;
    assert_panics(do_alloc, NULL, "101 wanted, 100 of 100 free");
    asked_size = 1;
    asked_align = 48;
    assert_panics(do_alloc, NULL, "no power of two");
    assert_null(arena_bytes_concurrent_try_alloc(arena, 0, 48));
    out = arena;
    assert_int_equal(arena_bytes_concurrent_alloc_context(arena, NULL, 1, 48, &out), ARENA_EINVAL);
    assert_null(out);
    assert_int_equal(arena_bytes_concurrent_alloc_context(arena, NULL, 1, 48, NULL), ARENA_EINVAL);
    assert_int_equal(arena_bytes_concurrent_alloc_context(arena, NULL, 1, 1, NULL), ARENA_EINVAL);

    GIVEN(arena_context, ended, arena_context_with_cancel(NULL, &ended));
    arena_context_cancel(ended);
    for (size_t size = 0; size < 2; size++) {
        assert_int_equal(arena_bytes_concurrent_alloc_context(arena, ended, size, 1, &out), ARENA_ECANCELED);
    }
    asked_align = 1;
    (void)hold(arena);
    assert_panics(do_alloc, NULL, "holds the gate");
    assert_panics(do_try, NULL, "holds the gate");
    assert_int_equal(arena_bytes_concurrent_alloc_context(arena, ended, 1, 1, &out), ARENA_EBUSY);
    arena_bytes_concurrent_release(arena);
    arena_context_release(ended);

    GIVEN(arena_concurrent, others, arena_concurrent_create(ARENA_TYPE(int64_t), 1, &others));
    assert_panics(do_from_raw, others, "int64_t");
    arena_concurrent_destroy(others);
    assert_ptr_equal(arena_bytes_concurrent_from_raw(arena_bytes_concurrent_raw(arena)), arena);
    assert_int_equal(arena_bytes_concurrent_used(arena), 0);
    arena_bytes_concurrent_destroy(arena);
}

/* --- the arena behind the gate ------------------------------------------------------------------------------------ */

static struct arena_bytes_concurrent *cleaned;
static int cleanups;
static void clean(void *user) {
    void *out = NULL;
    /* Whoever resets may not come back from inside; and is told, instead of waiting for itself. */
    assert_int_equal(arena_bytes_concurrent_alloc_context(cleaned, NULL, 1, 1, &out), ARENA_EBUSY);
    cleanups += *(int *)user;
}

TEST(the_holder_has_a_byte_arena) {
    struct arena_bytes_concurrent *arena = cleaned = make(1000);
    cleanups = 0;
    struct arena_bytes *held = hold(arena);
    int one = 1;
    assert_string_equal(arena_bytes_printf(held, "%d and %s", 7, arena_bytes_strdup(held, "text")), "7 and text");
    arena_bytes_defer(held, clean, &one);
    assert_false(arena_bytes_set_cap(held, 10));
    assert_int_equal(arena_destroy_checked(arena_bytes_raw(held)), ARENA_EBUSY);
    size_t used = arena_bytes_used(held);
    assert_int_equal(arena_bytes_concurrent_used(arena), used);
    arena_bytes_concurrent_release(arena);
    assert_int_equal(arena_bytes_concurrent_used(arena), used);
    assert_int_equal(cleanups, 0);
    arena_bytes_concurrent_reset(arena);
    assert_int_equal(cleanups, 1);

    arena_bytes_defer(hold(arena), clean, &one);
    arena_bytes_concurrent_release(arena);
    arena_bytes_concurrent_destroy(arena);
    assert_int_equal(cleanups, 2);
}

/* What a text that did not fit left behind is not what somebody else is handed as zeros. */
/* What a thread's chunk has left below is free again where the last block goes back to it. */
static void take_some(struct worker *self) { self->pointer = arena_bytes_concurrent_try_alloc(self->user, 96, 8); }

TEST(what_the_holder_gives_back_joins_what_is_free) {
    struct arena_bytes_concurrent *arena = make(100000);
    struct worker worker = worker_run(take_some, arena, 0);
    assert_non_null(worker.pointer);
    assert_non_null(arena_bytes_concurrent_try_alloc(arena, 96, 8)); /* above the other thread's chunk */
    struct arena_bytes *held = hold(arena);
    assert_int_equal(arena_bytes_used(held), 192);
    char *block = arena_bytes_alloc_raw(held, 30000, 1);
    memset(block, 1, 30000);
    assert_true(arena_bytes_resize(held, block, 30000, 10));
    assert_int_equal(arena_bytes_used(held), 202);
    struct {
        int *data;
        size_t len, cap;
    } vector = {NULL, 0, 0};
    for (int i = 0; i < 1000; i++) *ARENA_PUSH(held, &vector) = i;
    for (int i = 0; i < 1000; i++) assert_int_equal(vector.data[i], i);
    while (arena_bytes_remaining(held) > 10) (void)arena_bytes_try_alloc(held, 1, 1);
    arena_bytes_concurrent_release(arena);
    assert_null(arena_bytes_concurrent_try_alloc(arena, 1, 4096)); /* its padding alone is more than is left */
    held = hold(arena);
    while (arena_bytes_remaining(held) != 0) {
        const char *byte = arena_bytes_try_alloc(held, 1, 1);
        assert_true(byte != NULL && *byte == 0);
    }
    arena_bytes_concurrent_release(arena);
    arena_bytes_concurrent_destroy(arena);
}

/* Sizes that no machine has, with and without what a memory checker wants beside them. */
TEST(capacities_that_no_memory_holds) {
    static const size_t capacities[] = {SIZE_MAX, SIZE_MAX / 32, PTRDIFF_MAX, PTRDIFF_MAX / 2};
    if (sizeof(size_t) < 8) skip();
    for (size_t i = 0; i < sizeof capacities / sizeof capacities[0]; i++) {
        struct arena_options options = OPTIONS(ARENA_CLEAR_ON_RESET, gate_only);
        assert_null(arena_bytes_concurrent_create_with(capacities[i], &options));
    }
    struct arena_options options = OPTIONS(ARENA_CLEAR_ON_RESET, gate_only);
    struct arena_bytes_concurrent *arena =
        arena_bytes_concurrent_create_with((size_t)(UINT64_C(1) << 43), &options); /* times 32 it is too much */
    if (arena == NULL) return;                                                     /* or that already */
    assert_true(all_zero(arena_bytes_concurrent_alloc(arena, 1000, 8), 1000));
    arena_bytes_concurrent_destroy(arena);
}

TEST(a_text_without_room_leaves_nothing) {
    static const uint32_t policies[] = {ARENA_CLEAR_ON_RESET, ARENA_CLEAR_ON_HANDOUT};
    for (size_t p = 0; p < 2; p++) {
        struct arena_bytes_concurrent *arena = make_with(64, policies[p]);
        struct arena_bytes *held = hold(arena);
        assert_null(arena_bytes_try_printf(held, "%0100d", 5));
        assert_int_equal(arena_bytes_used(held), 0);
        arena_bytes_concurrent_release(arena);
        assert_true(all_zero(arena_bytes_concurrent_alloc(arena, 64, 1), 64));
        arena_bytes_concurrent_destroy(arena);
    }
}

/* It was not written to all that is free. */
TEST(a_text_that_cannot_be_formatted_brings_in_no_memory) {
    static const wchar_t unknown[] = {0x7fffffff, 0};
    enum { MIB = 1 << 20 };
    if (support_checked()) skip(); /* a checker's shadow is memory, too */
    struct arena_bytes_concurrent *arena = make((size_t)512 * MIB);
    struct arena_bytes *held = hold(arena);
    struct arena_buffer buffer = {NULL, 0, 0, held};
    size_t before = support_resident_bytes();
    assert_null(arena_bytes_try_printf(held, "%ls", unknown));
    assert_false(arena_buffer_try_printf(&buffer, "%ls", unknown));
    assert_true(support_resident_bytes() < before + 16 * MIB);
    arena_bytes_concurrent_release(arena);
    assert_true(all_zero(arena_bytes_concurrent_alloc(arena, 1000, 1), 1000));
    arena_bytes_concurrent_destroy(arena);
}

TEST(marks_end_with_the_gate) {
    for (int permits = 0; permits < 2; permits++) {
        struct arena_bytes_concurrent *arena = make(1000);
        struct arena_permit permit = {NULL, 0};
        struct arena_bytes *held;
        if (permits) {
            assert_int_equal(arena_bytes_concurrent_acquire_permit(arena, NULL, &permit), ARENA_OK);
            held = arena_bytes_from_raw(permit.arena);
        } else {
            held = hold(arena);
        }
        struct arena *raw = arena_bytes_raw(held);
        arena_bytes_alloc(held, 10, 1);
        struct arena_mark outer = arena_bytes_mark(held);
        arena_bytes_alloc(held, 10, 1);
        struct arena_mark inner = arena_bytes_mark(held);
        arena_bytes_alloc(held, 10, 1);
        assert_int_equal(arena_rewind_checked(raw, &inner), ARENA_OK);
        assert_int_equal(arena_bytes_used(held), 20);
        if (permits) {
            assert_int_equal(arena_bytes_concurrent_release_permit(arena, &permit), ARENA_OK);
        } else {
            arena_bytes_concurrent_release(arena);
        }
        arena_bytes_concurrent_alloc(arena, 5, 1); /* somebody else's by now */
        assert_ptr_equal(arena_bytes_raw(hold(arena)), raw);
        assert_int_equal(arena_rewind_checked(raw, &outer), ARENA_EINVAL);
        assert_int_equal(arena_rewind_checked(raw, &inner), ARENA_EINVAL);
        struct arena_mark mark = arena_bytes_mark(held);
        arena_bytes_alloc(held, 10, 1);
        assert_int_equal(arena_rewind_checked(raw, &outer), ARENA_EINVAL);
        assert_int_equal(arena_rewind_end_checked(raw, &mark), ARENA_OK);
        assert_int_equal(arena_bytes_used(held), 25);
        arena_bytes_concurrent_release(arena);
        arena_bytes_concurrent_destroy(arena);
    }
}

TEST(marks_end_with_the_gate_of_elements) {
    GIVEN(arena_concurrent, arena, arena_concurrent_create(ARENA_TYPE(int64_t), 10, &arena));
    struct arena_mark mark;
    GIVEN(arena, held, arena_concurrent_acquire(arena, NULL, &held));
    assert_int_equal(arena_get_mark_checked(held, &mark), ARENA_OK);
    arena_concurrent_release(arena);
    arena_concurrent_alloc(arena, NULL);
    assert_int_equal(arena_concurrent_acquire(arena, NULL, &held), ARENA_OK);
    assert_int_equal(arena_rewind_checked(held, &mark), ARENA_EINVAL);
    assert_int_equal(arena_used(held), 1);
    arena_concurrent_release(arena);
    arena_concurrent_destroy(arena);
}

/* What is asked for as it lies comes as it lies, out of a chunk, as a new one, and past all chunks. */
TEST(what_is_never_cleared_comes_as_it_lies) {
    static const size_t sizes[] = {100, 200, 70000};
    struct arena_options options = OPTIONS(ARENA_CLEAR_NEVER, gate_only);
    struct arena_bytes_concurrent *arena = make_with(1 << 20, ARENA_CLEAR_NEVER);
    GIVEN(arena_concurrent, words, arena_concurrent_create_with(ARENA_TYPE(uint64_t), 1000, &options, &words));
    unsigned char *blocks[3] = {NULL, NULL, NULL};
    uint64_t *slabs[2] = {NULL, NULL};
    for (int generation = 0; generation < 3; generation++) {
        for (int i = 0; i < 3; i++) {
            unsigned char *block = arena_bytes_concurrent_alloc(arena, sizes[i], 8);
            if (generation != 0 && !support_checked()) {
                assert_ptr_equal(block, blocks[i]);
                for (size_t at = 0; at < sizes[i]; at++) assert_int_equal(block[at], i + 1);
            }
            blocks[i] = memset(block, i + 1, sizes[i]);
        }
        for (int i = 0; i < 2; i++) {
            void *out = NULL;
            assert_int_equal(arena_concurrent_alloc_slab_context(words, NULL, 7, &out), ARENA_OK);
            uint64_t *slab = out;
            if (generation != 0 && !support_checked() && gate_only == 0) { /* else the reset has cleared so little */
                assert_ptr_equal(slab, slabs[i]);
                for (int at = 0; at < 7; at++) assert_int_equal(slab[at], i + 1);
            }
            slabs[i] = slab;
            for (int at = 0; at < 7; at++) slab[at] = (uint64_t)i + 1;
        }
        arena_bytes_concurrent_reset(arena);
        arena_concurrent_reset(words);
    }
    arena_bytes_concurrent_destroy(arena);
    arena_concurrent_destroy(words);
}

/* --- statistics --------------------------------------------------------------------------------------------------- */

TEST(statistics_count_what_threads_were_handed_out) {
    for (uint32_t flags = 0; flags <= ARENA_GATE_ONLY; flags += ARENA_GATE_ONLY) {
        struct arena_options options = OPTIONS(ARENA_CLEAR_ON_RESET, flags);
        GIVEN(arena_concurrent, arena, arena_concurrent_create_with(ARENA_TYPE(int64_t), 1000, &options, &arena));
        struct arena_stats stats = {.struct_size = sizeof stats};
        for (int i = 0; i < 5; i++) arena_concurrent_alloc(arena, NULL);
        assert_int_equal(arena_concurrent_get_stats(arena, &stats), ARENA_OK);
        assert_int_equal(stats.struct_size, sizeof stats);
        assert_int_equal(stats.used_bytes, 5 * sizeof(int64_t));
        assert_true(stats.peak_bytes >= stats.used_bytes && stats.peak_bytes <= 1000 * sizeof(int64_t));
        assert_true(stats.reserved_bytes >= 1000 * sizeof(int64_t));
        assert_int_equal(stats.blocks, 1);
        assert_int_equal(stats.resets, 0);
        arena_concurrent_reset(arena);
        assert_int_equal(arena_concurrent_get_stats(arena, &stats), ARENA_OK);
        assert_int_equal(stats.used_bytes, 0);
        assert_int_equal(stats.resets, 1);
        GIVEN(arena, held, arena_concurrent_acquire(arena, NULL, &held));
        assert_int_equal(arena_concurrent_get_stats(arena, &stats), ARENA_EBUSY);
        arena_concurrent_release(arena);
        assert_int_equal(arena_concurrent_get_stats(NULL, &stats), ARENA_EINVAL);
        assert_int_equal(arena_concurrent_get_stats(arena, NULL), ARENA_EINVAL);
        stats.struct_size = sizeof(size_t) - 1;
        assert_int_equal(arena_concurrent_get_stats(arena, &stats), ARENA_EINVAL);
        struct {
            size_t struct_size, used_bytes, behind;
        } shorter = {2 * sizeof(size_t), 7, 7};
        arena_concurrent_alloc(arena, NULL);
        assert_int_equal(arena_concurrent_get_stats(arena, (struct arena_stats *)(void *)&shorter), ARENA_OK);
        assert_int_equal(shorter.used_bytes, sizeof(int64_t));
        assert_int_equal(shorter.behind, 7);
        arena_concurrent_destroy(arena);
    }
    struct arena_bytes_concurrent *bytes = make(1000);
    struct arena_stats stats = {.struct_size = sizeof stats};
    arena_bytes_concurrent_alloc(bytes, 10, 1);
    assert_int_equal(arena_bytes_concurrent_get_stats(bytes, &stats), ARENA_OK);
    assert_int_equal(stats.used_bytes, 10);
    assert_true(stats.peak_bytes >= 10 && stats.peak_bytes <= 1000);
    arena_bytes_concurrent_trim(bytes);
    arena_bytes_concurrent_destroy(bytes);
}

int main(void) {
    int failed = support_run("bytes_concurrent");
    gate_only = ARENA_GATE_ONLY;
    return failed + support_run("bytes_concurrent, gate only");
}
