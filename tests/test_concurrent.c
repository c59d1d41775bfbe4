/* SPDX-License-Identifier: MIT */
/* The concurrent arena: what it hands out and keeps, and exact capacity with all threads racing.  test_gate.c has acquire and
 * all that waits.
 *
 * Most tests run twice: as created by default, and with ARENA_GATE_ONLY. */
#define _GNU_SOURCE
#include "concurrent.h"

/* --- one thread --------------------------------------------------------------------------------------------------- */

TEST(creation_follows_the_single_owner_arena) {
    int anything = 0;
    struct arena_concurrent *arena = (struct arena_concurrent *)(void *)&anything;
    assert_int_equal(arena_concurrent_create(NULL, 4, &arena), ARENA_EINVAL);
    assert_null(arena);
    assert_int_equal(arena_concurrent_create(ARENA_TYPE(int), 4, NULL), ARENA_EINVAL);
    struct arena_options options = {sizeof options, 3, 0};
    arena = (struct arena_concurrent *)(void *)&anything;
    assert_int_equal(arena_concurrent_create_with(ARENA_TYPE(int), 4, &options, &arena), ARENA_EINVAL);
    assert_null(arena);
    options = (struct arena_options){sizeof options, 0, 8};
    assert_int_equal(arena_concurrent_create_with(ARENA_TYPE(int), 4, &options, &arena), ARENA_EINVAL);
    options = (struct arena_options){0, 0, 0};
    assert_int_equal(arena_concurrent_create_with(ARENA_TYPE(int), 4, &options, &arena), ARENA_EINVAL);
    assert_int_equal(arena_concurrent_create(ARENA_TYPE(int), SIZE_MAX, &arena), ARENA_ENOMEM);
    assert_null(arena);
    assert_int_equal(arena_concurrent_create(ARENA_TYPE(int), 4, &arena), ARENA_OK);
    assert_int_equal(arena_concurrent_cap(arena), 4);
    assert_string_equal(arena_concurrent_type_of(arena)->name, "int");
    arena_concurrent_destroy(arena);
    arena_concurrent_destroy(NULL);
}

TEST(one_thread_uses_it_like_a_single_owner_arena) {
    static const int64_t values[] = {1, 2, 3};
    BOTH_KINDS(flags) {
        struct arena_concurrent *arena = make(10, flags);
        int64_t *first = arena_concurrent_alloc(arena, &values[0]);
        int64_t *second = arena_concurrent_try_alloc(arena, &values[1]);
        assert_true(*first == 1 && *second == 2);
        int64_t *slab = arena_concurrent_alloc_slab(arena, 2);
        assert_true(all_zero(slab, 2 * sizeof *slab));
        slab[1] = 9;
        int64_t *copies = arena_concurrent_alloc_slab_with(arena, values, 3);
        assert_memory_equal(copies, values, sizeof values);
        assert_non_null(arena_concurrent_try_alloc_slab(arena, 1));
        assert_int_equal(arena_concurrent_used(arena), 8);
        assert_int_equal(arena_concurrent_remaining(arena), 2);
        assert_null(arena_concurrent_try_alloc_slab(arena, 3));
        assert_null(arena_concurrent_try_alloc_slab_with(arena, values, 3));
        assert_int_equal(arena_concurrent_used(arena), 8);
        assert_non_null(arena_concurrent_try_alloc_slab_with(arena, values, 2));
        assert_null(arena_concurrent_try_alloc(arena, values));
        assert_non_null(arena_concurrent_try_alloc_slab(arena, 0)); /* even when full */
        assert_non_null(arena_concurrent_alloc_slab_with(arena, values, 0));
        arena_concurrent_reset(arena);
        assert_int_equal(arena_concurrent_used(arena), 0);
        assert_int_equal(arena_concurrent_remaining(arena), 10);
        assert_ptr_equal(arena_concurrent_alloc(arena, NULL), first); /* the first slot again */
        assert_true(*first == 0);
        arena_concurrent_trim(arena);
        slab = arena_concurrent_alloc_slab_with(arena, NULL, 9);
        assert_true(all_zero(slab, 9 * sizeof *slab));
        arena_concurrent_destroy(arena);
    }
}

/* Sizes and counts beyond 2^32 are not cut, wherever the slab comes from. */
TEST(slabs_beyond_four_gigabytes_count_whole) {
    if (sizeof(size_t) < 8 || support_slow()) skip();
    const size_t count = (size_t)(UINT64_C(1) << 32) + 5;
    BOTH_KINDS(flags) {
        for (int with = 0; with < 2; with++) {
            struct arena_concurrent *arena = make_of(ARENA_TYPE(char), 4 * count, ARENA_CLEAR_ON_RESET, flags);
            for (size_t i = 0; i < 2000; i++)
                assert_non_null(arena_concurrent_try_alloc(arena, "x")); /* a chunk, too */
            char *slab =
                with ? arena_concurrent_alloc_slab_with(arena, NULL, count) : arena_concurrent_alloc_slab(arena, count);
            char *after = arena_concurrent_alloc(arena, "y");
            assert_true(after < slab || after >= slab + count);
            slab[count - 1] = 'z';
            assert_true(*after == 'y' && slab[0] == 0);
            assert_int_equal(arena_concurrent_used(arena), count + 2001);
            assert_int_equal(arena_concurrent_remaining(arena), 3 * count - 2001);
            struct arena *held = hold(arena);
            assert_int_equal(arena_concurrent_used(arena), count + 2001);
            assert_int_equal(arena_used(held), count + 2001);
            arena_concurrent_release(arena);
            arena_concurrent_destroy(arena);
        }
    }
}

TEST(full_and_overflowing_requests_change_nothing) {
    BOTH_KINDS(flags) {
        struct request request = {make(3, flags), 0};
        int64_t value = 77;
        int64_t *slot = arena_concurrent_alloc(request.arena, &value);
        static const size_t counts[] = {3,       4, (size_t)1 << 31, SIZE_MAX / 8, SIZE_MAX / 8 + 1, SIZE_MAX / 2 + 1,
                                        SIZE_MAX};
        for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
            void *out = slot;
            request.count = counts[i];
            assert_null(arena_concurrent_try_alloc_slab(request.arena, counts[i]));
            assert_null(arena_concurrent_try_alloc_slab_with(request.arena, NULL, counts[i]));
            assert_panics(do_slab, &request, "arena_concurrent_alloc_slab");
            assert_panics(do_slab_with, &request, "arena_concurrent_alloc_slab_with");
            assert_int_equal(arena_concurrent_alloc_slab_context(request.arena, NULL, counts[i], &out), ARENA_EFULL);
            assert_null(out);
            out = slot;
            assert_int_equal(arena_concurrent_alloc_slab_with_context(request.arena, NULL, NULL, counts[i], &out),
                             ARENA_EFULL);
            assert_null(out);
            assert_int_equal(arena_concurrent_used(request.arena), 1);
            assert_true(*slot == 77);
        }
        assert_non_null(arena_concurrent_try_alloc_slab(request.arena, 2));
        void *out = slot;
        assert_int_equal(arena_concurrent_alloc_context(request.arena, NULL, NULL, &out), ARENA_EFULL);
        assert_null(out);
        assert_panics(do_alloc, &request, "arena_concurrent_alloc");
        arena_concurrent_destroy(request.arena);
    }
}

TEST(null_is_diagnosed) {
    struct request request = {NULL, 1};
    void *out = &request;
    struct arena *held = (struct arena *)(void *)&request;
    assert_panics(do_alloc, &request, "arena_concurrent_alloc");
    assert_panics(do_slab, &request, "arena_concurrent_alloc_slab");
    assert_panics(do_slab_with, &request, "arena_concurrent_alloc_slab_with");
    assert_panics(do_reset, &request, "arena_concurrent_reset");
    assert_panics(do_trim, &request, "arena_concurrent_trim");
    assert_panics(do_release, &request, "arena_concurrent_release");
    assert_null(arena_concurrent_try_alloc(NULL, NULL));
    assert_null(arena_concurrent_try_alloc_slab(NULL, 1));
    assert_null(arena_concurrent_try_alloc_slab_with(NULL, NULL, 1));
    assert_int_equal(arena_concurrent_used(NULL), 0);
    assert_int_equal(arena_concurrent_remaining(NULL), 0);
    assert_int_equal(arena_concurrent_cap(NULL), 0);
    assert_int_equal(arena_concurrent_alloc_context(NULL, NULL, NULL, &out), ARENA_EINVAL);
    assert_null(out);
    assert_int_equal(arena_concurrent_alloc_slab_context(NULL, NULL, 1, &out), ARENA_EINVAL);
    assert_int_equal(arena_concurrent_alloc_slab_with_context(NULL, NULL, NULL, 1, &out), ARENA_EINVAL);
    assert_int_equal(arena_concurrent_reset_context(NULL, NULL), ARENA_EINVAL);
    assert_int_equal(arena_concurrent_acquire(NULL, NULL, &held), ARENA_EINVAL);
    assert_null(held);
    struct arena_concurrent *arena = make(1, 0);
    assert_int_equal(arena_concurrent_alloc_context(arena, NULL, NULL, NULL), ARENA_EINVAL);
    assert_int_equal(arena_concurrent_alloc_slab_context(arena, NULL, 1, NULL), ARENA_EINVAL);
    assert_int_equal(arena_concurrent_alloc_slab_with_context(arena, NULL, NULL, 1, NULL), ARENA_EINVAL);
    assert_int_equal(arena_concurrent_acquire(arena, NULL, NULL), ARENA_EINVAL);
    assert_int_equal(arena_concurrent_used(arena), 0);
    assert_non_null(arena_concurrent_try_alloc(arena, NULL)); /* the gate is free */
    arena_concurrent_destroy(arena);
}

/* The bytes between an element and the next slot are the slot's: not copied into, so zero. */
TEST(gap_behind_a_value_is_zero_too) {
    static const struct arena_type type = {"five of eight", 5, 8, NULL};
    static const char values[] = "12345abcde";
    BOTH_KINDS(flags) {
        for (uint32_t clear = ARENA_CLEAR_ON_RESET; clear <= ARENA_CLEAR_ON_HANDOUT; clear++) {
            struct arena_concurrent *arena = make_of(&type, 1000, clear, flags);
            for (int round = 0; round < 3; round++) {
                for (int i = 0; i < 50; i++) {
                    char *slots[] = {
                        arena_concurrent_alloc(arena, NULL),
                        arena_concurrent_alloc_slab(arena, 2),
                        arena_concurrent_alloc_slab_with(arena, NULL, 3),
                        arena_concurrent_alloc(arena, values),
                        arena_concurrent_alloc_slab_with(arena, values, 2),
                    };
                    for (size_t at = 0; at < 3; at++) assert_true(all_zero(slots[at], (at + 1) * 8));
                    assert_memory_equal(slots[3], "12345\0\0\0", 8);
                    assert_memory_equal(slots[4], "12345\0\0\0abcde\0\0\0", 16);
                    for (size_t at = 0; at < 5; at++) memset(slots[at], 0xee, (at < 3 ? at + 1 : at - 2) * 8);
                }
                arena_concurrent_reset(arena);
            }
            arena_concurrent_destroy(arena);
        }
    }
}

/* A slab of values that are NULL is zero whatever the policy, and however long. */
TEST(slabs_of_no_values_are_zero) {
    static const size_t counts[] = {1, 2, 100, 5000, 40000};
    enum { CAPACITY = 50000 };
    BOTH_KINDS(flags) {
        for (uint32_t clear = ARENA_CLEAR_ON_RESET; clear <= ARENA_CLEAR_NEVER; clear++) {
            struct arena_concurrent *arena = make_of(ARENA_TYPE(int64_t), CAPACITY, clear, flags);
            for (int round = 0; round < 3; round++) {
                for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
                    void *slab = NULL;
                    if (round < 2) {
                        slab = arena_concurrent_alloc_slab_with(arena, NULL, counts[i]);
                    } else {
                        assert_int_equal(arena_concurrent_alloc_slab_with_context(arena, NULL, NULL, counts[i], &slab),
                                         ARENA_OK);
                    }
                    assert_true(all_zero(slab, counts[i] * sizeof(int64_t)));
                    memset(slab, 0xff, counts[i] * sizeof(int64_t));
                }
                arena_concurrent_reset(arena);
            }
            arena_concurrent_destroy(arena);
        }
    }
}

/* Each way of clearing: nothing is left of an earlier generation, and what was handed out before stays. */
TEST(slabs_of_every_length_are_cleared_and_nothing_else) {
    static const struct arena_type types[] = {{"char", 1, 1, NULL},
                                              {"int", 4, 4, NULL},
                                              {"long", 8, 8, NULL},
                                              {"three", 24, 8, NULL},
                                              {"line", 64, 64, NULL}};
    enum { LONGEST = 300 };
    for (size_t t = 0; t < sizeof types / sizeof types[0]; t++) {
        for (uint32_t clear = ARENA_CLEAR_ON_RESET; clear <= ARENA_CLEAR_ON_HANDOUT; clear++) {
            size_t size = types[t].size, capacity = LONGEST * (LONGEST + 1) / 2;
            struct arena_concurrent *arena = make_of(&types[t], capacity, clear, 0);
            for (int round = 0; round < 2; round++) {
                char *first = NULL;
                for (size_t count = 1; count <= LONGEST; count++) {
                    char *slab = count % 2 == 0 ? arena_concurrent_alloc_slab(arena, count)
                                                : arena_concurrent_try_alloc_slab(arena, count);
                    assert_non_null(slab);
                    assert_true(all_zero(slab, count * size));
                    memset(slab, 0xff, count * size);
                    if (first == NULL || slab < first) first = slab;
                }
                assert_int_equal(arena_concurrent_remaining(arena), 0);
                for (size_t i = 0; i < capacity * size; i++) assert_int_equal((unsigned char)first[i], 0xff);
                arena_concurrent_reset(arena);
            }
            arena_concurrent_destroy(arena);
        }
    }
}

/* All that arena_create_with takes. */
TEST(arenas_are_made_with_their_options) {
    if (support_slow()) skip(); /* memory is counted */
    enum { BYTES = 16 << 20 };
    BOTH_KINDS(flags) {
        size_t before = support_resident_bytes();
        struct arena_concurrent *arena = make_of(ARENA_TYPE(char), BYTES, ARENA_CLEAR_ON_RESET, flags | ARENA_PREFAULT);
        assert_true(support_resident_bytes() >= before + BYTES / 2);
        arena_concurrent_destroy(arena);
    }
}

/* --- exact capacity ----------------------------------------------------------------------------------------------- */

enum { TEN = 10, FILLS = 5 };

struct filler {
    struct arena_concurrent *arena;
    int64_t **slots; /* what this thread got, room for the whole capacity */
    unsigned mode;   /* which spelling */
};

static void fill_until_full(struct worker *self) {
    struct filler *filler = self->user;
    flag_wait(&self->go, 1);
    for (;;) {
        int64_t value = stamp_of(self->index, self->count);
        void *slot = NULL;
        if (filler->mode == 0) {
            slot = arena_concurrent_try_alloc(filler->arena, &value);
        } else if (filler->mode == 1) {
            int status = arena_concurrent_alloc_context(filler->arena, NULL, &value, &slot);
            if (status != (slot == NULL ? ARENA_EFULL : ARENA_OK)) self->status = 1;
        } else if (filler->mode == 2) {
            slot = arena_concurrent_try_alloc_slab_with(filler->arena, &value, 1);
        } else if (filler->mode == 3) {
            int64_t values[] = {value, stamp_of(self->index, self->count + 1), stamp_of(self->index, self->count + 2)};
            int64_t *slab = arena_concurrent_try_alloc_slab_with(filler->arena, values, 3);
            if (slab != NULL) {
                for (size_t i = 0; i < 3; i++) filler->slots[self->count++] = slab + i;
                continue;
            }
            slot = arena_concurrent_try_alloc(filler->arena, &value); /* three in a row may be missing */
        } else {
            struct arena *held = NULL;
            if (arena_concurrent_acquire(filler->arena, NULL, &held) != ARENA_OK) {
                self->status = 3;
                break;
            }
            slot = arena_try_alloc(held, &value);
            arena_concurrent_release(filler->arena);
        }
        if (slot == NULL) break;
        filler->slots[self->count++] = slot;
    }
    if (arena_concurrent_try_alloc(filler->arena, NULL) != NULL) self->status = 2; /* full stays full */
}

static int compare_pointers(const void *left, const void *right) {
    uintptr_t a = (uintptr_t) * (int64_t *const *)left;
    uintptr_t b = (uintptr_t) * (int64_t *const *)right;
    return (a > b) - (a < b);
}

/* All pointers of all fillers are distinct slots of one range, and hold what their owner wrote. */
static void check_fill(const struct worker *workers, const struct filler *fillers, size_t threads, size_t capacity) {
    int64_t **all = calloc(capacity + 1, sizeof *all);
    assert_non_null(all);
    size_t total = 0;
    for (size_t t = 0; t < threads; t++) {
        assert_int_equal(workers[t].status, 0);
        for (size_t i = 0; i < workers[t].count; i++) {
            assert_true(*fillers[t].slots[i] == stamp_of((unsigned)t, i));
            assert_true(total < capacity);
            all[total++] = fillers[t].slots[i];
        }
    }
    assert_int_equal(total, capacity); /* exactly, whoever got them */
    qsort(all, total, sizeof *all, compare_pointers);
    for (size_t i = 1; i < total; i++) assert_ptr_equal(all[i], all[i - 1] + 1);
    free(all);
}

TEST(ten_threads_fill_exactly_to_capacity) {
    static const size_t capacities[] = {1, 2, 9, 10, 64, 1000, 4097, 20000};
    BOTH_KINDS(flags) {
        for (size_t c = 0; c < sizeof capacities / sizeof capacities[0]; c++) {
            size_t capacity = capacities[c];
            struct arena_concurrent *arena = make(capacity, flags);
            struct worker workers[TEN];
            struct filler fillers[TEN];
            for (unsigned round = 0; round < 3; round++) {
                for (unsigned t = 0; t < TEN; t++) {
                    fillers[t] = (struct filler){arena, calloc(capacity + 1, sizeof(int64_t *)), (t + round) % FILLS};
                    assert_non_null(fillers[t].slots);
                    worker_start(&workers[t], fill_until_full, &fillers[t], t);
                }
                for (unsigned t = 0; t < TEN; t++) flag_set(&workers[t].go, 1);
                workers_join(workers, TEN);
                check_fill(workers, fillers, TEN, capacity);
                assert_int_equal(arena_concurrent_used(arena), capacity);
                assert_int_equal(arena_concurrent_remaining(arena), 0);
                assert_null(arena_concurrent_try_alloc(arena, NULL));
                arena_concurrent_reset(arena);
                assert_int_equal(arena_concurrent_used(arena), 0);
                for (unsigned t = 0; t < TEN; t++) free(fillers[t].slots);
            }
            arena_concurrent_destroy(arena);
        }
    }
}

static void take_one(struct worker *self) {
    self->pointer = arena_concurrent_try_alloc(self->user, NULL);
    if (self->pointer != NULL) *(int64_t *)self->pointer = -1;
}

/* What threads that have ended did not use is not lost. */
TEST(ended_threads_leave_no_slot_behind) {
    BOTH_KINDS(flags) {
        enum { CAPACITY = 150 };
        struct arena_concurrent *arena = make(CAPACITY, flags);
        for (int round = 0; round < 2; round++) {
            for (unsigned t = 0; t < CAPACITY; t++) {
                struct worker worker = worker_run(take_one, arena, t);
                assert_non_null(worker.pointer);
                assert_int_equal(arena_concurrent_used(arena), t + 1);
            }
            assert_null(arena_concurrent_try_alloc(arena, NULL));
            arena_concurrent_reset(arena);
            worker_run(take_one, arena, 0);
            for (unsigned t = 1; t < CAPACITY; t++) {
                int64_t *slot = arena_concurrent_try_alloc(arena, NULL);
                assert_non_null(slot);
                assert_true(*slot == 0);
                *slot = -1;
            }
            assert_null(arena_concurrent_try_alloc(arena, NULL));
            arena_concurrent_reset(arena);
        }
        arena_concurrent_destroy(arena);
    }
}

static void take_one_and_stay(struct worker *self) {
    self->pointer = arena_concurrent_try_alloc(self->user, NULL);
    if (self->pointer != NULL) *(int64_t *)self->pointer = stamp_of(self->index, 0);
    flag_set(&self->reached, 1);
    if (!flag_wait(&self->go, 1)) self->status = 1;
}

/* Threads that sit on partly used chunks, and do nothing any more, cannot keep others from the last slot; neither
 * through the gate nor through an acquired handle. */
TEST(idle_threads_keep_no_slot_from_others) {
    BOTH_KINDS(flags) {
        for (int acquired = 0; acquired < 2; acquired++) {
            enum { CAPACITY = 5000, THREADS = 6 };
            struct arena_concurrent *arena = make(CAPACITY, flags);
            struct worker workers[THREADS];
            for (unsigned t = 0; t < THREADS; t++) worker_start(&workers[t], take_one_and_stay, arena, t);
            for (unsigned t = 0; t < THREADS; t++) AWAIT(flag_get(&workers[t].reached));
            assert_int_equal(arena_concurrent_used(arena), THREADS);
            struct arena *held = acquired ? hold(arena) : NULL;
            if (acquired) {
                assert_int_equal(arena_used(held), THREADS);
                assert_int_equal(arena_remaining(held), CAPACITY - THREADS);
                assert_int_equal(arena_cap(held), CAPACITY);
            }
            for (size_t i = THREADS; i < CAPACITY; i++) {
                int64_t *slot = acquired ? arena_try_alloc(held, NULL) : arena_concurrent_try_alloc(arena, NULL);
                assert_non_null(slot);
                assert_true(*slot == 0);
                *slot = -1;
            }
            if (acquired) {
                assert_null(arena_try_alloc(held, NULL));
                assert_null(arena_try_alloc_slab(held, 1));
                assert_int_equal(arena_remaining(held), 0);
                assert_int_equal(arena_used(held), CAPACITY);
                arena_concurrent_release(arena);
            }
            assert_null(arena_concurrent_try_alloc(arena, NULL));
            assert_int_equal(arena_concurrent_used(arena), CAPACITY);
            for (unsigned t = 0; t < THREADS; t++) flag_set(&workers[t].go, 1);
            workers_join(workers, THREADS);
            for (unsigned t = 0; t < THREADS; t++) assert_true(*(int64_t *)workers[t].pointer == stamp_of(t, 0));
            arena_concurrent_destroy(arena);
        }
    }
}

/* Free slots between live ones are as good as those behind the last, through an acquired handle too: each run of them holds a
 * slab as long as it is, they are zero whatever was there in an earlier life, and a trim leaves alone what lives above. */
static void fill_around_live_slots(struct arena *held, size_t runs, bool by_slabs) {
    while (!by_slabs && arena_remaining(held) != 0) {
        int64_t *slot = arena_try_alloc(held, NULL);
        assert_true(slot != NULL && *slot == 0);
        *slot = -1;
    }
    size_t slabs = 0;
    for (size_t count = arena_remaining(held); count != 0; slabs++) {
        int64_t *slab = NULL;
        while ((slab = arena_try_alloc_slab(held, count)) == NULL) count--;
        assert_true(all_zero(slab, count * sizeof *slab));
        memset(slab, 0xff, count * sizeof *slab);
        if (count > arena_remaining(held)) count = arena_remaining(held);
    }
    assert_true(slabs <= runs); /* the longest first */
    assert_null(arena_try_alloc(held, NULL));
}

TEST(acquired_handles_find_what_is_free_between_live_slots) {
    enum { CAPACITY = 60000, THREADS = 3 };
    BOTH_KINDS(flags) {
        for (int variant = 0; variant < 4; variant++) {
            uint32_t clear = variant % 2 == 0 ? ARENA_CLEAR_ON_RESET : ARENA_CLEAR_ON_HANDOUT;
            struct arena_concurrent *arena = make_of(ARENA_TYPE(int64_t), CAPACITY, clear, flags);
            memset(arena_concurrent_alloc_slab(arena, CAPACITY), 0xff, CAPACITY * sizeof(int64_t));
            arena_concurrent_reset(arena);
            struct worker workers[THREADS];
            for (unsigned t = 0; t < THREADS; t++) {
                worker_start(&workers[t], take_one_and_stay, arena, t);
                AWAIT(flag_get(&workers[t].reached));
            }
            struct arena *held = hold(arena);
            arena_trim(held);
            int64_t *first = workers[0].pointer;
            size_t owned = 0; /* what is free between them is not handed out */
            for (size_t i = 0; i < CAPACITY; i++) owned += arena_owns(held, first + i);
            assert_int_equal(owned, THREADS);
            for (unsigned t = 0; t < THREADS; t++) assert_true(arena_owns(held, workers[t].pointer));
            for (unsigned t = 0; t < THREADS; t++) assert_true(*(int64_t *)workers[t].pointer == stamp_of(t, 0));
            fill_around_live_slots(held, THREADS + 1, variant / 2 == 0);
            assert_int_equal(arena_used(held), CAPACITY);
            arena_concurrent_release(arena);
            for (unsigned t = 0; t < THREADS; t++) flag_set(&workers[t].go, 1);
            workers_join(workers, THREADS);
            for (unsigned t = 0; t < THREADS; t++) assert_true(*(int64_t *)workers[t].pointer == stamp_of(t, 0));
            arena_concurrent_destroy(arena);
        }
    }
}

/* So many at once that their number is none of 8 bits. */
TEST(a_crowd_of_idle_threads_keeps_no_slot_from_others) {
    enum { CAPACITY = 100000, MOST = 256 };
    static struct worker workers[MOST];
    unsigned threads = sizeof(void *) < 8 ? 20 : (unsigned)support_rounds(MOST, 20); /* stacks take address space */
    struct arena_concurrent *arena = make(CAPACITY, 0);
    for (unsigned t = 0; t < threads; t++) {
        worker_start(&workers[t], take_one_and_stay, arena, t);
        AWAIT(flag_get(&workers[t].reached));
    }
    assert_int_equal(arena_concurrent_used(arena), threads);
    struct arena *held = hold(arena);
    assert_int_equal(arena_used(held), threads);
    assert_int_equal(arena_remaining(held), CAPACITY - threads);
    for (size_t i = threads; i < CAPACITY; i++) assert_non_null(arena_try_alloc(held, NULL));
    assert_null(arena_try_alloc(held, NULL));
    arena_concurrent_release(arena);
    for (unsigned t = 0; t < threads; t++) flag_set(&workers[t].go, 1);
    workers_join(workers, threads);
    for (unsigned t = 0; t < threads; t++) assert_true(*(int64_t *)workers[t].pointer == stamp_of(t, 0));
    arena_concurrent_destroy(arena);
}

/* The rest of a chunk lies below memory that nobody has touched, and holds what an earlier generation left. */
TEST(rests_of_chunks_are_cleared_on_handout) {
    enum { CAPACITY = 1 << 17 };
    struct arena_concurrent *arena = make_of(ARENA_TYPE(int64_t), CAPACITY, ARENA_CLEAR_ON_HANDOUT, 0);
    int64_t *slab = arena_concurrent_alloc_slab(arena, CAPACITY / 2);
    memset(slab, 0xff, CAPACITY / 2 * sizeof *slab);
    arena_concurrent_reset(arena);
    struct worker worker;
    worker_start(&worker, take_one_and_stay, arena, 0);
    AWAIT(flag_get(&worker.reached));
    bool has_chunk = arena_concurrent_alloc_slab(arena, CAPACITY / 4 * 3) != slab + 1; /* beside it, not out of it */
    bool from_the_chunk = false;
    for (size_t count; (count = arena_concurrent_remaining(arena)) != 0;) {
        if (count > 7) count = 7;
        const int64_t *piece = arena_concurrent_try_alloc_slab(arena, count);
        if (piece == NULL) piece = arena_concurrent_alloc_slab(arena, count = 1);
        assert_true(all_zero(piece, count * sizeof *piece));
        from_the_chunk |= piece < slab + CAPACITY / 4;
    }
    assert_int_equal(from_the_chunk, has_chunk); /* under a checker it has none */
    flag_set(&worker.go, 1);
    worker_join(&worker);
    assert_int_equal(worker.status, 0);
    arena_concurrent_destroy(arena);
}

static void take_one_when_told(struct worker *self) {
    for (int step = 1; step <= 2; step++) {
        if (!flag_wait(&self->go, step) || arena_concurrent_try_alloc(self->user, NULL) == NULL) self->status = 1;
        flag_set(&self->reached, step);
    }
    (void)flag_wait(&self->go, 3);
}

/* What the chunks of two threads had left, twice over: each time with a live element of the other thread behind. */
TEST(remainders_of_several_chunks_are_all_free) {
    enum { CAPACITY = 10000 };
    BOTH_KINDS(flags) {
        struct arena_concurrent *arena = make(CAPACITY, flags);
        struct worker worker;
        worker_start(&worker, take_one_when_told, arena, 0);
        size_t used = 0;
        for (int step = 1; step <= 2; step++) {
            assert_non_null(step == 1 ? arena_concurrent_try_alloc(arena, NULL)
                                      : arena_concurrent_try_alloc_slab(arena, 2));
            used += (size_t)step + 1;
            flag_set(&worker.go, step);
            AWAIT(flag_get(&worker.reached) == step);
            assert_int_equal(arena_used(hold(arena)), used); /* ends all chunks */
            arena_concurrent_release(arena);
        }
        for (; used < CAPACITY; used++) assert_non_null(arena_concurrent_try_alloc(arena, NULL));
        assert_null(arena_concurrent_try_alloc(arena, NULL));
        flag_set(&worker.go, 3);
        worker_join(&worker);
        assert_int_equal(worker.status, 0);
        arena_concurrent_destroy(arena);
    }
}

/* Whatever else is asked for. */
TEST(gate_only_fits_every_slab_that_remains) {
    static const uint32_t others[] = {0, ARENA_PREFAULT, ARENA_HUGE_PAGES};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct arena_concurrent *arena = make(1000, ARENA_GATE_ONLY | others[i]);
        struct worker workers[5];
        for (unsigned t = 0; t < 5; t++) worker_start(&workers[t], take_one_and_stay, arena, t);
        for (unsigned t = 0; t < 5; t++) AWAIT(flag_get(&workers[t].reached));
        int64_t *slab = arena_concurrent_try_alloc_slab(arena, 995);
        assert_non_null(slab);
        assert_true(all_zero(slab, 995 * sizeof *slab));
        for (unsigned t = 0; t < 5; t++) flag_set(&workers[t].go, 1);
        workers_join(workers, 5);
        arena_concurrent_destroy(arena);
    }
}

/* However often one thread has come with nobody between, the others get the rest. */
TEST(a_thread_that_is_alone_for_long_leaves_the_rest) {
    enum { CAPACITY = 20000, SLABS = 4000 };
    struct arena_concurrent *arena = make(CAPACITY, ARENA_GATE_ONLY);
    const int64_t *base = arena_concurrent_alloc_slab(arena, 0);
    for (int i = 0; i < SLABS; i++) {
        int64_t *slab = arena_concurrent_alloc_slab(arena, 2);
        if (slab != base + 2 * i || slab[0] != 0 || slab[1] != 0) fail();
        slab[0] = slab[1] = -1;
    }
    assert_int_equal(arena_concurrent_used(arena), 2 * SLABS);
    struct worker worker;
    worker_start(&worker, take_one_and_stay, arena, 0);
    AWAIT(flag_get(&worker.reached));
    assert_int_equal(arena_concurrent_remaining(arena), CAPACITY - 2 * SLABS - 1);
    assert_non_null(arena_concurrent_try_alloc_slab(arena, CAPACITY - 2 * SLABS - 1));
    assert_null(arena_concurrent_try_alloc_slab(arena, 1));
    flag_set(&worker.go, 1);
    worker_join(&worker);
    arena_concurrent_destroy(arena);
}

/* --- drops -------------------------------------------------------------------------------------------------------- */

static char *dropped_before;
static size_t dropped_count;
static size_t dropped_wrong;
static int64_t dropped_sum;

static void note_drop(void *element, void *user) {
    if (dropped_count > 0 && (char *)element >= dropped_before) dropped_wrong++;
    dropped_before = element;
    dropped_count++;
    dropped_sum += *(int64_t *)element;
}

static void take_some_and_stay(struct worker *self) {
    for (size_t i = 0; i < 10 + self->index; i++) {
        int64_t value = 1;
        if (arena_concurrent_try_alloc(self->user, &value) == NULL) self->status = 1;
    }
    flag_set(&self->reached, 1);
    flag_wait(&self->go, 1);
}

TEST(drops_go_down_the_addresses_of_live_slots_once) {
    const struct arena_type type = {"noted", sizeof(int64_t), _Alignof(int64_t), note_drop};
    BOTH_KINDS(flags) {
        struct arena_concurrent *arena = make_of(&type, 100000, 0, flags);
        for (int destroyed = 0; destroyed < 2; destroyed++) {
            struct worker workers[5];
            for (unsigned t = 0; t < 5; t++) worker_start(&workers[t], take_some_and_stay, arena, t);
            for (unsigned t = 0; t < 5; t++) AWAIT(flag_get(&workers[t].reached));
            dropped_count = dropped_wrong = 0;
            dropped_sum = 0;
            if (!destroyed) arena_concurrent_reset(arena);
            for (unsigned t = 0; t < 5; t++) flag_set(&workers[t].go, 1);
            workers_join(workers, 5);
            if (destroyed) arena_concurrent_destroy(arena);
            assert_int_equal(dropped_count, 60);
            assert_int_equal(dropped_sum, 60);
            assert_int_equal(dropped_wrong, 0);
            if (!destroyed) {
                arena_concurrent_reset(arena);
                assert_int_equal(dropped_count, 60);
            }
        }
    }
}

/* --- many arenas, long-lived threads ------------------------------------------------------------------------------ */

struct relay {
    struct arena_concurrent *arena; /* handed over through go and reached */
};

static void use_each_arena(struct worker *self) {
    struct relay *relay = self->user;
    for (int round = 1;; round++) {
        if (!flag_wait(&self->go, round)) self->status = 1;
        if (self->status != 0 || relay->arena == NULL) return;
        for (int i = 0; i < 3; i++) {
            int64_t *slot = arena_concurrent_try_alloc(relay->arena, NULL);
            if (slot == NULL || *slot != 0) {
                self->status = 2;
            } else {
                *slot = -1;
            }
        }
        flag_set(&self->reached, round);
    }
}

/* A thread that keeps something of an arena must not use it for the next one at the same address. */
TEST(long_lived_threads_see_arenas_come_and_go) {
    enum { THREADS = 3 };
    struct worker workers[THREADS];
    struct relay relay = {NULL};
    for (unsigned t = 0; t < THREADS; t++) worker_start(&workers[t], use_each_arena, &relay, t);
    int rounds = (int)support_rounds(400, 60);
    for (int round = 1; round <= rounds; round++) {
        relay.arena = make(THREADS * 3 + 1, round % 3 == 0 ? ARENA_GATE_ONLY : 0);
        for (unsigned t = 0; t < THREADS; t++) flag_set(&workers[t].go, round);
        for (unsigned t = 0; t < THREADS; t++) {
            while (!flag_wait(&workers[t].reached, round)) fail();
        }
        assert_int_equal(arena_concurrent_used(relay.arena), THREADS * 3);
        assert_int_equal(arena_concurrent_remaining(relay.arena), 1);
        assert_non_null(arena_concurrent_try_alloc(relay.arena, NULL));
        assert_null(arena_concurrent_try_alloc(relay.arena, NULL));
        arena_concurrent_destroy(relay.arena);
    }
    relay.arena = NULL;
    for (unsigned t = 0; t < THREADS; t++) flag_set(&workers[t].go, rounds + 1);
    workers_join(workers, THREADS);
    for (unsigned t = 0; t < THREADS; t++) assert_int_equal(workers[t].status, 0);
}

/* A source that counts what is out, and refuses beyond `most`. */
struct counted_source {
    int out;
    int most;
};
static void *take_counted(size_t bytes, size_t align, void *user) {
    struct counted_source *source = user;
    void *memory = NULL;
    if (source->out == source->most || posix_memalign(&memory, align, bytes) != 0) return NULL;
    memset(memory, 0x5a, bytes);
    source->out++;
    return memory;
}
static void give_counted(void *memory, size_t bytes, size_t align, void *user) {
    (void)align;
    memset(memory, 0x5a, bytes);
    ((struct counted_source *)user)->out--;
    free(memory);
}

/* And where that has nothing for it, the thread does without. */
TEST(what_a_thread_is_lent_by_comes_from_the_source) {
    for (int most = 1; most <= 2; most++) {
        struct counted_source counted = {0, most};
        struct arena_source source = {take_counted, give_counted, &counted};
        struct arena_options options = OPTIONS(ARENA_CLEAR_ON_RESET, 0);
        options.source = &source;
        GIVEN(arena_concurrent, arena, arena_concurrent_create_with(ARENA_TYPE(int), 1000, &options, &arena));
        assert_int_equal(counted.out, 1);
        assert_non_null(arena_concurrent_try_alloc(arena, NULL));
        struct arena_stats stats = {sizeof stats, 0, 0, 0, 0, 0, 0};
        assert_int_equal(arena_concurrent_get_stats(arena, &stats), ARENA_OK);
        bool lent = stats.peak_bytes > sizeof(int); /* not everywhere */
        assert_int_equal(counted.out, lent ? 2 : 1);
        assert_true(counted.out <= most);
        for (int i = 1; i < 1000; i++) assert_int_equal(*(int *)arena_concurrent_alloc(arena, NULL), 0);
        assert_null(arena_concurrent_try_alloc(arena, NULL));
        arena_concurrent_destroy(arena);
        assert_int_equal(counted.out, 0);
    }
}

int main(void) { return support_run("concurrent arena"); }
