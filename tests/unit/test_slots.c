/* SPDX-License-Identifier: MIT */
/* The insides of slots, and for now of much around them: what a mutant of the source shows that no behaviour test does. */
#include "api/context.h"
#include "api/share.h"
#include "base/arith.h"
#include "base/poison.h"
#include "base/race.h"
#include "core/slots.h"
#include "core/type.h"
#include "platform/memory.h"
#include "runtime/panic.h"
#include "runtime/scope.h"
#include "platform/sync.h"
#include "runtime/thread.h"
#include "sync/gate.h"
#include "sync/stack.h"

#include "../support.h"

#include <arena/arena.h>

#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

/* --- base ----------------------------------------------------------------------------------------------------------- */

/* tests/proof proves it for all numbers, where its tools are there; here are the small ones, and the ends. */
static void arithmetic_is_what_it_says(void **state) {
    (void)state;
    static const size_t ends[] = {0, 1, 2, 3, 7, SIZE_MAX / 2, SIZE_MAX / 2 + 1, SIZE_MAX - 1, SIZE_MAX};
    enum { ENDS = sizeof ends / sizeof ends[0] };
    for (size_t i = 0; i < ENDS; i++) {
        for (size_t k = 0; k < ENDS; k++) {
            size_t a = ends[i];
            size_t b = ends[k];
            size_t result = 77;
            assert_int_equal(arith_add(a, b, &result), a + b >= a);
            assert_true(result == (a + b >= a ? a + b : 77));
            bool fits = a == 0 || a * b / a == b;
            result = 77;
            assert_int_equal(arith_mul(a, b, &result), fits);
            assert_true(result == (fits ? a * b : 77));
            if (b != 0) assert_int_equal(arith_fits(a, b, SIZE_MAX), fits);
        }
    }
    for (size_t align = 1; align <= 64; align *= 2) {
        for (size_t value = 0; value < 200; value++) {
            size_t wanted = value;
            while (wanted % align != 0) wanted++;
            size_t rounded = 77;
            assert_true(arith_round_up(value, align, &rounded) && rounded == wanted);
            assert_int_equal(arith_padding(value, align), wanted - value);
            rounded = 77;
            size_t large = SIZE_MAX - value;
            bool fits = large % align == 0 || SIZE_MAX - large >= align - large % align;
            assert_int_equal(arith_round_up(large, align, &rounded), fits);
            assert_true(fits ? rounded >= large && rounded - large < align && rounded % align == 0 : rounded == 77);
        }
    }
    for (size_t count = 0; count < 12; count++) {
        for (size_t stride = 1; stride < 12; stride++) {
            for (size_t room = 0; room < 150; room++) assert_int_equal(arith_fits(count, stride, room), count * stride <= room);
            size_t slots_stride;
            size_t bytes;
            assert_true(arith_slots(stride, 4, count, &slots_stride, &bytes));
            assert_true(slots_stride == (stride + 3) / 4 * 4 && bytes == count * slots_stride);
        }
    }
    size_t stride;
    size_t bytes;
    assert_true(arith_slots(1, 1, PTRDIFF_MAX, &stride, &bytes) && bytes == PTRDIFF_MAX);
    assert_false(arith_slots(1, 1, (size_t)PTRDIFF_MAX + 1, &stride, &bytes));
    assert_false(arith_slots(16, 1, SIZE_MAX / 16 + 1, &stride, &bytes));
    assert_false(arith_slots(SIZE_MAX, 2, 1, &stride, &bytes));
    static const int64_t times[] = {INT64_MIN, INT64_MIN + 1, -1, 0, 1, INT64_MAX - 1, INT64_MAX};
    for (size_t i = 0; i < 7; i++) {
        for (size_t k = 0; k < 7; k++) {
            double exact = (double)times[i] + (double)times[k];
            int64_t sum = arith_time_add(times[i], times[k]);
            if (exact >= 18e18) assert_true(sum == INT64_MAX);
            if (exact <= -18e18) assert_true(sum == INT64_MIN);
            if (times[i] == 0) assert_true(sum == times[k]);
            if (times[i] == -1 && times[k] != INT64_MIN) assert_true(sum == times[k] - 1);
            if (times[i] == 1 && times[k] != INT64_MAX) assert_true(sum == times[k] + 1);
        }
    }
    assert_true(arith_time_add(INT64_MAX, 1) == INT64_MAX && arith_time_add(1, INT64_MAX) == INT64_MAX);
    assert_true(arith_time_add(INT64_MIN, -1) == INT64_MIN && arith_time_add(-1, INT64_MIN) == INT64_MIN);
}

/* This program is built as the library is: with a checker both are, or neither is. */
static void checkers_watch_where_they_are(void **state) {
    (void)state;
    assert_false(race_watched());
    assert_int_equal(poison_active(), support_checked());
}

/* --- platform ------------------------------------------------------------------------------------------------------- */

static void find_damage_when_cancelled(void *user) {
    (void)pthread_cancel(pthread_self());
    panic_fatal(user);
}

/* The thread does not get away with it by a cancellation while the handler writes. */
static void what_is_fatal_ends_the_process_when_cancelled(void **state) {
    (void)state;
    static char message[] = "damaged";
    assert_aborts(find_damage_when_cancelled, message, message);
}

static void find_damage(void *user) { panic_fatal(user); }
static void protect_what_finds_damage(void *user) { (void)arena_protect(find_damage, user); }

static void what_is_fatal_ends_the_process_when_protected(void **state) {
    (void)state;
    static char message[] = "damaged";
    assert_aborts(protect_what_finds_damage, message, message);
}

static void end_by_a_panic(struct scope *scope) {
    (void)scope_pop(thread_state(), scope);
    arena_panic("from the end of a scope");
}

static struct scope ending = {.leave = end_by_a_panic};

static void begin_and_panic(void *user) {
    scope_push(thread_state(), &ending);
    arena_panic(user);
}

static void protect_what_ends_by_a_panic(void *user) { (void)arena_protect(begin_and_panic, user); }

static void a_panic_from_the_end_of_a_scope_aborts(void **state) {
    (void)state;
    static char message[] = "first";
    assert_aborts(protect_what_ends_by_a_panic, message, "from the end of a scope");
}

static void end_by_finding_damage(struct scope *scope) {
    (void)scope_pop(thread_state(), scope);
    panic_fatal("found while another one unwinds");
}

static void protect_what_ends_by_finding_damage(void *user) {
    ending.leave = end_by_finding_damage;
    (void)arena_protect(begin_and_panic, user);
}

static void what_is_fatal_is_told_while_a_panic_unwinds(void **state) {
    (void)state;
    static char message[] = "first";
    assert_aborts(protect_what_ends_by_finding_damage, message, "found while another one unwinds");
}

/* Every page of the range, and nothing behind it. */
static void prefault_stays_in_the_range(void **state) {
    (void)state;
    const size_t page = pages_size();
    char *start = pages_reserve(4 * page);
    assert_non_null(start);
    assert_int_equal(mprotect(start + 3 * page, page, PROT_NONE), 0);
    assert_true(pages_prefault(start, 3 * page));
    for (size_t i = 0; i < 3 * page; i++) assert_int_equal(start[i], 0);
    pages_release(start, 4 * page);
}

static void what_is_discarded_reads_zero(void **state) {
    (void)state;
    const size_t page = pages_size();
    char *start = pages_reserve(4 * page);
    assert_non_null(start);
    memset(start, 1, 4 * page);
    assert_true(pages_discard(start + page, 2 * page));
    for (size_t i = 0; i < 4 * page; i++) assert_int_equal(start[i], i < page || i >= 3 * page);
    start[page] = 2;
    assert_int_equal(start[page], 2);
    pages_release(start, 4 * page);
}

/* What a child writes or gives back is its own. */
static void pages_are_not_shared_with_a_child(void **state) {
    (void)state;
    const size_t page = pages_size();
    char *start = pages_reserve(2 * page);
    assert_non_null(start);
    memset(start, 1, 2 * page);
    assert_true(pages_discard(start + page, page));
    start[page] = 1;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        bool inherited = start[0] == 1 && start[page] == 1;
        start[0] = start[page] = 2;
        _exit(inherited && pages_discard(start, page) ? 0 : 1);
    }
    int wait_status = -1;
    assert_int_equal(waitpid(child, &wait_status, 0), child);
    assert_int_equal(wait_status, 0);
    assert_int_equal(start[0], 1);
    assert_int_equal(start[page], 1);
    pages_release(start, 2 * page);
}

/* Where there is none nobody may ask for it. */
static void a_barrier_that_is_there_can_be_had(void **state) {
    (void)state;
    if (barrier_available()) barrier_heavy();
}

/* --- core --------------------------------------------------------------------------------------------------------- */

/* The key of a type is a hash, and a poor one would still be right: but extract would compare names, and the set of
 * mixed types would be a list. */
static void keys_tell_types_apart(void **state) {
    (void)state;
    for (size_t length = 1; length <= 20; length++) {
        char name[21] = {0};
        memset(name, 'a', length);
        const struct arena_type type = {name, 8, 8, NULL};
        char moved[24] = {0};
        memcpy(moved + 3, name, length);
        const struct arena_type same = {moved + 3, 8, 8, NULL};
        uint64_t key = type_key(&type);
        assert_true(type_key(&same) == key);
        for (size_t at = 0; at < length; at++) {
            name[at] = 'b';
            assert_true(type_key(&type) != key);
            name[at] = 'a';
        }
        const struct arena_type larger = {name, 16, 8, NULL};
        const struct arena_type aligned = {name, 8, 16, NULL};
        assert_true(type_key(&larger) != key && type_key(&aligned) != key);
        assert_true(type_key(&larger) != type_key(&aligned));
    }
    /* As spread as numbers drawn by chance: of 1024 types, few share the lower 12 bits of their key. */
    static unsigned char taken[4096];
    unsigned shared = 0;
    for (unsigned i = 0; i < 1024; i++) {
        char name[5] = {'t', (char)('a' + i % 26), (char)('a' + i / 26 % 26), (char)('a' + i / 676), '\0'};
        const struct arena_type type = {name, 1 + i % 3, 1, NULL};
        shared += taken[type_key(&type) & 4095]++ != 0;
    }
    assert_true(shared < 256);
}

static void drop_nothing(void *element, void *user) { (void)element, (void)user; }

static void copies_of_types_are_whole_in_any_memory(void **state) {
    (void)state;
    static const struct arena_type type = {"name", 3, 1, drop_nothing};
    char *block = malloc(type_copy_bytes(&type) + 1);
    assert_non_null(block);
    memset(block, 'x', type_copy_bytes(&type) + 1);
    const struct arena_type *copy = type_copy(block, &type);
    assert_string_equal(copy->name, "name");
    assert_true(copy->name != type.name && type_same(copy, &type) && copy->drop == drop_nothing);
    assert_int_equal(block[type_copy_bytes(&type)], 'x');
    free(block);
}

/* Reset clears under one policy alone: under the others it costs the same however much was used. */
static void reset_clears_by_policy(void **state) {
    (void)state;
    if (support_checked()) return; /* then nobody may look */
    static const size_t sizes[] = {16, 200, 1000, 100000, (size_t)40 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (uint32_t clear = ARENA_CLEAR_ON_RESET; clear <= ARENA_CLEAR_NEVER; clear++) {
            struct arena_options options = {sizeof options, clear, 0};
            struct arena *arena;
            assert_int_equal(arena_create_with(ARENA_TYPE(char), sizes[i], &options, &arena), ARENA_OK);
            char *slab = arena_alloc_slab(arena, sizes[i]);
            memset(slab, 'x', sizes[i]);
            arena_reset(arena);
            char left = clear == ARENA_CLEAR_ON_RESET ? 0 : 'x';
            assert_true(slab[0] == left && memcmp(slab, slab + 1, sizes[i] - 1) == 0);
            assert_ptr_equal(arena_alloc_slab(arena, sizes[i]), slab);
            left = clear == ARENA_CLEAR_NEVER ? 'x' : 0;
            assert_true(slab[0] == left && memcmp(slab, slab + 1, sizes[i] - 1) == 0);
            arena_destroy(arena);
        }
    }
}

/* All of it and nothing else, whatever the size, which decides the way, and wherever it begins and ends. */
static void clears_exactly_what_is_asked(void **state) {
    (void)state;
    enum { ROOM = 128 };
    static const size_t sizes[] = {0, 1, 63, CLEAR_NEAR_BYTES, CLEAR_NEAR_BYTES + 1, (size_t)1 << 20, (size_t)32 << 20};
    static const size_t odd[] = {0, 1, 8, 24, 56, 63, 64};
    enum { SIZES = sizeof sizes / sizeof sizes[0], ODD = sizeof odd / sizeof odd[0] };
    size_t most = sizes[SIZES - 1] + 2 * ROOM + ROOM;
    unsigned char *memory = aligned_alloc(64, most);
    assert_non_null(memory);
    memset(memory, 'x', most);
    for (size_t s = 0; s < SIZES; s++) {
        for (size_t o = 0; o < ODD; o++) {
            unsigned char *start = memory + ROOM + odd[o];
            size_t size = sizes[s] + odd[ODD - 1 - o] / 3;
            clear_bytes(start, size);
            assert_int_equal(start[-1], 'x');
            assert_int_equal(start[size], 'x');
            assert_true(memcmp(memory, memory + 1, ROOM - 1) == 0 && memcmp(start + size, start + size + 1, ROOM / 2) == 0);
            assert_true(all_zero(start, size));
            memset(start, 'x', size);
        }
    }
    free(memory);
}

/* A value may be the last thing before what must not be touched. */
static void nothing_behind_a_value_is_read(void **state) {
    (void)state;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(pages != MAP_FAILED);
    assert_int_equal(mprotect(pages + page, page, PROT_NONE), 0);
    memset(pages, 'v', page);
    for (size_t size = 1; size <= 80; size++) {
        for (size_t align = 1; align <= 16; align *= 16) {
            const struct arena_type type = {"value", size, align, NULL};
            struct arena *arena;
            assert_int_equal(arena_create(&type, 6, &arena), ARENA_OK);
            const char *value = pages + page - size;
            const char *three = pages + page - 3 * size;
            struct arena_burst burst;
            const char *slots[6];
            slots[0] = arena_alloc(arena, value);
            slots[1] = arena_alloc_slab_with(arena, value, 1);
            slots[2] = arena_alloc_slab_with(arena, three, 3);
            slots[3] = slots[2] + 2 * arena->stride;
            arena_burst_begin(arena, &burst);
            slots[4] = arena_burst_put(&burst, value);
            arena_burst_end(arena, &burst);
            assert_int_equal(arena_used(arena), 6);
            struct arena *mixed;
            assert_int_equal(arena_create(arena_type_any(), 1, &mixed), ARENA_OK);
            bool fits = size <= ARENA_ANY_MAX && align <= _Alignof(max_align_t);
            slots[5] = fits ? arena_any_get(arena_alloc_any(mixed, &type, value), &type) : slots[4];
            for (int i = 0; i < 6; i++) assert_memory_equal(slots[i], value, size);
            arena_destroy(mixed);
            arena_destroy(arena);
        }
    }
    assert_int_equal(munmap(pages, 2 * page), 0);
}

/* A quick reset clears in steps, and the last one may run past the last slot: into the arena's own block. */
static void the_last_step_of_clearing_stays_in_the_block(void **state) {
    (void)state;
#ifdef __GLIBC__
    for (size_t capacity = 0; capacity <= 700; capacity++) {
        struct arena *arena;
        assert_int_equal(arena_create(ARENA_TYPE(char), capacity, &arena), ARENA_OK);
        size_t cleared = (capacity + SLOTS_CLEAR_STEP - 1) / SLOTS_CLEAR_STEP * SLOTS_CLEAR_STEP;
        assert_true((size_t)(arena->base - (char *)arena) + cleared <= malloc_usable_size(arena));
        arena_destroy(arena);
    }
#else
    skip();
#endif
}

/* Small slabs that are cleared as they are handed out fit up to the last byte, and nothing is written behind it. */
static void small_slabs_fit_up_to_the_end(void **state) {
    (void)state;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t pages = ((size_t)128 << 10) / page;
    const struct arena_options options = {sizeof options, ARENA_CLEAR_ON_HANDOUT, 0};
    struct arena *arena;
    assert_int_equal(arena_create_with(ARENA_TYPE(char), pages * page, &options, &arena), ARENA_OK);
    if (arena->watched) {
        arena_destroy(arena);
        skip(); /* the window is closed then */
    }
    char *end = arena->end;
    assert_int_equal(mprotect(end - page, page, PROT_NONE), 0); /* from here on it is a page shorter */
    arena->end = arena->fresh_limit = arena->head.limit = end - page;
    size_t size = arena->capacity = (size_t)(arena->end - arena->base);
    memset(arena_alloc_slab(arena, size), 'x', size);
    for (size_t room = 0; room <= 80; room++) {
        for (size_t count = 1; count <= 96; count++) {
            arena_reset(arena);
            arena->head.cursor += size - room;
            memset(arena->head.cursor, 'x', room);
            char *slab = arena_try_alloc_slab(arena, count);
            assert_true((slab != NULL) == (count <= room));
            assert_true(slab == NULL || all_zero(slab, count));
            assert_int_equal(arena->head.cursor - arena->base, size - room + (slab != NULL ? count : 0));
        }
    }
    assert_int_equal(mprotect(arena->end, page, PROT_READ | PROT_WRITE), 0);
    arena->end = end;
    arena->head.limit = end;
    arena->capacity = pages * page;
    arena_destroy(arena);
}

/* Three ranges that are returned in each order, into runs that are linked in each order: the cursor goes down to the
 * lowest free slot that nothing live lies above. */
static void returned_ranges_join_in_any_order(void **state) {
    (void)state;
    static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (int order = 0; order < 6; order++) {
        for (int links = 0; links < 6; links++) {
            struct arena *arena;
            assert_int_equal(arena_create(ARENA_TYPE(int64_t), 30, &arena), ARENA_OK);
            arena->plain = arena->quick = false;
            struct run runs[3] = {{NULL, NULL, NULL}};
            for (int i = 0; i < 3; i++) {
                struct run *run = &runs[orders[links][i]];
                run->next = arena->runs;
                arena->runs = run;
            }
            char *from[3];
            char *to[3];
            for (int i = 0; i < 3; i++) {
                assert_true(slots_lend(arena, 10, &from[i], &to[i]) && to[i] == from[i] + 80);
                assert_ptr_equal(arena->head.limit, arena->head.cursor); /* or inline code takes what is lent */
            }
            char *none;
            assert_false(slots_lend_any(arena, 10, &none, &none));
            assert_int_equal(slots_remaining(arena), 0);
            for (int i = 0; i < 3; i++) {
                int range = orders[order][i];
                slots_return(arena, from[range], to[range], &runs[range]);
                assert_int_equal(slots_remaining(arena), 10 * (i + 1));
                assert_int_equal(slots_used(arena), 20 - 10 * i);
            }
            assert_ptr_equal(arena->head.cursor, arena->base);
            assert_int_equal(arena->gap_bytes, 0);
            slots_unseal(arena);
            assert_ptr_equal(slots_take_slab(arena, 30), from[0]);
            arena_destroy(arena);
        }
    }
}

/* A run gives what is asked for from its low end, and the rest later; the next one gives what it is too short for. */
static void runs_are_used_up(void **state) {
    (void)state;
    struct arena *arena;
    assert_int_equal(arena_create(ARENA_TYPE(int64_t), 30, &arena), ARENA_OK);
    arena->plain = arena->quick = false;
    struct run low = {NULL, NULL, NULL};
    struct run high = {NULL, NULL, &low};
    arena->runs = &high;
    char *all = slots_take_slab(arena, 30);
    assert_non_null(all);
    slots_return(arena, all + 8 * 2, all + 8 * 9, &low);
    slots_return(arena, all + 8 * 10, all + 8 * 20, &high);
    assert_int_equal(slots_remaining(arena), 17);
    assert_null(slots_take_slab(arena, 11));
    assert_ptr_equal(slots_take_slab(arena, 7), all + 8 * 10);
    assert_ptr_equal(slots_take_slab(arena, 4), all + 8 * 2); /* what is left of the first is too short */
    assert_ptr_equal(slots_take_slab(arena, 3), all + 8 * 17);
    assert_ptr_equal(slots_take_slab(arena, 2), all + 8 * 6);
    assert_int_equal(slots_remaining(arena), 1);
    char *from;
    char *to;
    assert_true(slots_lend_any(arena, 5, &from, &to) && from == all + 8 * 8 && to == from + 8);
    assert_int_equal(slots_remaining(arena), 0);
    assert_null(slots_take_slow(arena, NULL));
    arena_destroy(arena);
}

/* What is live on both sides of free slots: nothing of it is in what the next generation is given. */
static void resets_clear_beyond_runs(void **state) {
    (void)state;
    for (uint32_t clear = ARENA_CLEAR_ON_RESET; clear <= ARENA_CLEAR_ON_HANDOUT; clear++) {
        struct arena_options options = {sizeof options, clear, 0};
        struct arena *arena;
        assert_int_equal(arena_create_with(ARENA_TYPE(int64_t), 30, &options, &arena), ARENA_OK);
        arena->plain = arena->quick = false;
        arena->owner = SLOTS_OWNER_GATE;
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
        arena->owner = SLOTS_OWNER_USER;
        arena_destroy(arena);
    }
}

static int64_t dropped[16];
static size_t drops;
static bool cancelled_inside;

static void note(void *element, void *user) {
    (void)user;
    int64_t value;
    memcpy(&value, element, sizeof value);
    dropped[drops++ % 16] = value;
    pthread_testcancel();
}

static const struct arena_type noted = {"noted", sizeof(int64_t), sizeof(int64_t), note};

static struct arena *make_noted(void) {
    struct arena *arena;
    assert_int_equal(arena_create(&noted, 10, &arena), ARENA_OK);
    arena->plain = arena->quick = false;
    for (int64_t i = 0; i < 10; i++) assert_non_null(arena_alloc(arena, &i));
    drops = 0;
    return arena;
}

/* Live elements alone, down the addresses, whatever the order of the runs; after that there are none. */
static void drops_pass_over_runs(void **state) {
    (void)state;
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

static void *cancel_and_reset(void *argument) {
    struct arena *arena = argument;
    (void)pthread_cancel(pthread_self());
    arena_reset(arena);
    cancelled_inside = false;
    pthread_testcancel();
    return argument;
}

static void drops_are_not_left_by_cancellation(void **state) {
    (void)state;
    if (!support_cancellable()) return;
    struct arena *arena = make_noted();
    cancelled_inside = true;
    pthread_t thread;
    void *result;
    assert_int_equal(pthread_create(&thread, NULL, cancel_and_reset, arena), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_false(cancelled_inside);
    assert_ptr_equal(result, PTHREAD_CANCELED); /* but put off */
    assert_int_equal(drops, 10);
    assert_int_equal(arena_used(arena), 0);
    arena_destroy(arena);
}

/* A drop that ends another arena: what holds during drops holds on after it. */
static struct arena *inner;
static bool was_refused;

static void end_inner(void *element, void *user) {
    (void)user;
    (void)element;
    if (inner == NULL) return;
    arena_destroy(inner);
    inner = NULL;
    was_refused = thread_state()->dropping;
}

static void drops_may_nest(void **state) {
    (void)state;
    static const struct arena_type type = {"outer", 1, 1, end_inner};
    struct arena *outer;
    assert_int_equal(arena_create(&type, 2, &outer), ARENA_OK);
    assert_non_null(arena_alloc_slab(outer, 2));
    inner = make_noted();
    was_refused = false;
    arena_reset(outer);
    assert_int_equal(drops, 10);
    assert_true(was_refused);
    assert_false(thread_state()->dropping || outer->sealed);
    assert_non_null(arena_alloc(outer, NULL));
    arena_destroy(outer);
}

/* Pages of their own: for what is large, for large alignments, and where the flags want it. */
static void slots_are_mapped_where_it_pays(void **state) {
    (void)state;
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
        struct arena *arena;
        assert_int_equal(arena_create_with(&type, cases[i].capacity, &options, &arena), ARENA_OK);
        assert_int_equal(arena->mapped, cases[i].mapped);
        arena_destroy(arena);
    }
}

/* After a burst, ended or left, a reset takes the short way again.  It is right without, and so nothing else would notice. */
static void resets_are_quick_again_after_a_burst(void **state) {
    (void)state;
    struct arena *arena;
    assert_int_equal(arena_create(ARENA_TYPE(int), 10, &arena), ARENA_OK);
    assert_int_equal(arena->quick, arena->plain);
    assert_int_equal(arena->plain, !arena->watched);
    struct arena_burst burst;
    arena_burst_begin(arena, &burst);
    assert_false(arena->quick);
    arena_burst_end(arena, &burst);
    assert_int_equal(arena->quick, arena->plain);
    arena_burst_begin(arena, &burst);
    assert_non_null(arena_burst_put(&burst, NULL));
    slots_settle(arena);
    assert_int_equal(arena->quick, arena->plain);
    arena_destroy(arena);
}

/* Or an arena that is full would grow with each new type that it is asked for. */
static void a_full_arena_keeps_no_descriptor_of_what_it_refuses(void **state) {
    (void)state;
    struct arena *arena;
    assert_int_equal(arena_create(arena_type_any(), 0, &arena), ARENA_OK);
    assert_null(arena_try_alloc_any(arena, ARENA_TYPE(int), NULL));
    assert_null(arena->kinds);
    arena_destroy(arena);
}

/* --- sync --------------------------------------------------------------------------------------------------------- */

static void a_signal_ends_one_wait(void **state) {
    (void)state;
    struct waiter *waiter = waiter_mine(thread_state());
    assert_non_null(waiter);
    assert_ptr_equal(waiter_mine(thread_state()), waiter);
    waiter_prepare(waiter);
    waiter_wait(waiter, clock_now() - 1); /* a deadline that has passed */
    assert_false(waiter->signalled);
    waiter_signal(waiter);
    assert_true(waiter->signalled);
    waiter_wait(waiter, INT64_MAX); /* or it would wait for ever */
    assert_false(waiter->signalled);
    waiter_signal(waiter);
    waiter_prepare(waiter);
    assert_false(waiter->signalled);
}

static void *wait_once(void *argument) {
    struct waiter **mine = argument;
    *mine = waiter_mine(thread_state());
    return NULL;
}

static void *pause_when_cancelled(void *reached) {
    (void)pthread_cancel(pthread_self());
    thread_pause();
    *(bool *)reached = true;
    pthread_testcancel();
    return NULL;
}

/* Whoever pauses holds permits, and waits for others. */
static void a_pause_is_no_cancellation_point(void **state) {
    (void)state;
    bool reached = false;
    pthread_t thread;
    void *result = NULL;
    assert_int_equal(pthread_create(&thread, NULL, pause_when_cancelled, &reached), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_true(reached);
    assert_ptr_equal(result, PTHREAD_CANCELED);
}

/* A thread that ends leaves its record to the next one. */
static void records_are_recycled(void **state) {
    (void)state;
    struct waiter *first = NULL;
    struct waiter *second = NULL;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, wait_once, &first), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(pthread_create(&thread, NULL, wait_once, &second), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(first != NULL && first == second);
    struct waiter *mine = waiter_mine(thread_state());
    assert_true(first != mine);
    waiter_recycle(thread_state());
    assert_null(thread_state()->waiter); /* another thread may have it by now */
    assert_ptr_equal(waiter_mine(thread_state()), mine);
}

/* Each record of a thread that ended serves one that comes, not the one that was given back last alone. */
static void records_of_several_threads_are_recycled(void **state) {
    (void)state;
    enum { COUNT = 5 };
    struct waiter *before[COUNT];
    for (int turn = 0; turn < 2; turn++) {
        struct thread_state threads[COUNT] = {0};
        for (int i = 0; i < COUNT; i++) {
            threads[i].armed = true; /* its end is below */
            struct waiter *mine = waiter_mine(&threads[i]);
            assert_non_null(mine);
            bool known = false;
            for (int j = 0; turn == 1 && j < COUNT; j++) known |= mine == before[j];
            assert_int_equal(known, turn == 1);
        }
        for (int i = 0; i < COUNT; i++) {
            before[i] = threads[i].waiter;
            waiter_recycle(&threads[i]);
        }
    }
}

/* As many nodes as a pool may want, each in a place of its own that never moves. */
static void tables_of_nodes_grow(void **state) {
    (void)state;
    enum { COUNT = 20000 };
    static struct stack_node *nodes[COUNT + 1];
    struct stack_table *table = calloc(1, sizeof *table);
    assert_non_null(table);
    for (uint32_t i = 1; i <= COUNT; i++) {
        nodes[i] = stack_table_add(table);
        assert_true(nodes[i] != NULL && nodes[i]->index == i && nodes[i]->item == NULL);
        nodes[i]->item = nodes[i];
    }
    for (uint32_t i = 1; i <= COUNT; i++) {
        assert_ptr_equal(stack_table_at(table, i), nodes[i]);
        assert_true(nodes[i]->index == i && nodes[i]->item == nodes[i]);
    }
    static struct stack stack;
    for (uint32_t i = 1; i <= COUNT; i++) stack_push(&stack, nodes[i]);
    assert_int_equal(stack_count(&stack, table), COUNT);
    struct stack_node *popped[8];
    for (uint32_t top = COUNT; top > 0; top -= 8) {
        assert_int_equal(stack_pop(&stack, table, popped, 8), 8);
        for (uint32_t i = 0; i < 8; i++) assert_ptr_equal(popped[i], nodes[top - i]);
    }
    assert_int_equal(stack_pop(&stack, table, popped, 8), 0);
    assert_int_equal(stack_count(&stack, table), 0);
    stack_push(&stack, nodes[3]);
    stack_push(&stack, nodes[5]);
    assert_int_equal(stack_pop(&stack, table, popped, 8), 2);
    stack_table_finish(table);
    free(table);
}

/* A head that a thread read 2^39 removals ago is no new one: none of the tag's bits is left out, and none spills over. */
static void tags_of_stacks_count_to_the_end(void **state) {
    (void)state;
    struct stack_table *table = calloc(1, sizeof *table);
    assert_non_null(table);
    struct stack_node *node = stack_table_add(table);
    assert_non_null(node);
    for (unsigned bit = 0; bit <= 64 - STACK_INDEX_BITS; bit++) {
        struct stack stack;
        uint64_t tag = ((uint64_t)1 << bit) - 1;
        atomic_u64_init(&stack.head, tag << STACK_INDEX_BITS);
        stack_push(&stack, node);
        struct stack_node *popped = NULL;
        assert_int_equal(stack_pop(&stack, table, &popped, 1), 1);
        assert_ptr_equal(popped, node);
        assert_true(atomic_u64_load(&stack.head, relaxed) == (tag + 1) << STACK_INDEX_BITS);
    }
    stack_table_finish(table);
    free(table);
}

/* The last segment is used to its end, and freed. */
static void tables_of_nodes_are_full_when_every_segment_is(void **state) {
    (void)state;
    struct stack_table *table = calloc(1, sizeof *table);
    assert_non_null(table);
    table->count = STACK_FIRST_SEGMENT * ((1u << (STACK_SEGMENTS - 1)) - 1); /* as if the others were full */
    uint32_t last = STACK_FIRST_SEGMENT * ((1u << STACK_SEGMENTS) - 1);
    struct stack_node *first = stack_table_add(table);
    assert_non_null(first);
    table->count = last - 1;
    struct stack_node *node = stack_table_add(table);
    assert_true(node != NULL && node->index == last && node - first == (long)(last - first->index));
    assert_null(stack_table_add(table));
    assert_int_equal(table->count, last);
    stack_table_finish(table);
    free(table);
}

/* Who gives up leaves the mark of another one that is on its way. */
static void who_gives_up_leaves_others_marks(void **state) {
    (void)state;
    struct gate gate;
    assert_true(gate_init(&gate, 1));
    assert_true(gate_try_enter(&gate));
    static struct waiter other;
    static struct waiter last;
    other.gate_queued = other.gate_woken = last.gate_queued = true;
    other.gate_next = &last;
    last.gate_previous = &other;
    gate.first = &other;
    gate.last = &last;
    (void)atomic_u32_or(&gate.word, GATE_WAITERS | GATE_WOKEN, relaxed);
    struct cancel_node node;
    assert_true(cancel_start(&node, NULL, clock_now() + 1000000));
    assert_int_equal(gate_enter(&gate, &node), ARENA_ETIMEDOUT);
    assert_int_equal(atomic_u32_load(&gate.word, relaxed), GATE_WAITERS | GATE_WOKEN);
    assert_true(gate.first == &other && other.gate_next == &last && other.gate_woken);
    assert_true(gate.last == &last && last.gate_next == NULL && last.gate_previous == &other);
    cancel_finish(&node);
    gate_finish(&gate);
}

/* Two that leave at the same time both come to the queue.  The first one wakes its head; the second leaves that alone,
 * however long it has waited: granted a permit on its way, it would never take the mark of who is on the way down. */
static void who_is_on_the_way_is_granted_nothing(void **state) {
    (void)state;
    struct gate gate;
    assert_true(gate_init(&gate, 2));
    assert_true(gate_try_enter(&gate) && gate_try_enter(&gate));
    struct waiter *woken = waiter_mine(thread_state());
    waiter_prepare(woken);
    woken->gate_granted = false;
    woken->gate_queued = woken->gate_woken = true;
    woken->gate_next = woken->gate_previous = NULL;
    woken->gate_since_ns = clock_now() - 2 * GATE_HANDOFF_NS;
    gate.first = gate.last = woken;
    (void)atomic_u32_add(&gate.word, GATE_WAITERS + GATE_WOKEN + GATE_PERMIT, relaxed);
    gate_leave_waking(&gate);
    assert_true(woken->gate_queued && woken->gate_woken && !woken->gate_granted && !woken->signalled);
    assert_int_equal(atomic_u32_load(&gate.word, relaxed), GATE_WAITERS + GATE_WOKEN + 2 * GATE_PERMIT);
    woken->gate_queued = woken->gate_woken = false;
    gate_finish(&gate);
}

static void *enter_gate(void *gate) { return gate_enter(gate, NULL) == ARENA_OK ? gate : NULL; }

/* Who was woken while more than one permit came free wakes the next one, who would sleep beside a free permit else. */
static void who_was_woken_wakes_the_next(void **state) {
    (void)state;
    for (int round = 0; round < 4; round++) {
        int permits = 1 + round % 2;
        static struct waiter last; /* behind the next one, in the later rounds */
        struct gate gate;
        assert_true(gate_init(&gate, 2));
        assert_true(gate_try_enter(&gate) && gate_try_enter(&gate));
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, enter_gate, &gate), 0);
        bool waits = false;
        while (!waits) {
            mutex_lock(&gate.mutex);
            waits = gate.first != NULL && (atomic_u32_load(&gate.word, relaxed) & GATE_WAITERS) != 0;
            mutex_unlock(&gate.mutex);
            sleep_ms(1);
        }
        struct waiter *next = waiter_mine(thread_state());
        waiter_prepare(next);
        /* As put_back leaves them, called once for each permit. */
        mutex_lock(&gate.mutex);
        struct waiter *first = gate.first;
        first->gate_woken = next->gate_queued = true;
        next->gate_woken = next->gate_granted = false;
        next->gate_previous = first;
        next->gate_next = round < 2 ? NULL : &last;
        last.gate_previous = next;
        first->gate_next = next;
        gate.last = round < 2 ? next : &last;
        (void)atomic_u32_add(&gate.word, (uint32_t)permits * GATE_PERMIT + GATE_WOKEN, relaxed);
        mutex_unlock(&gate.mutex);
        waiter_signal(first);
        void *entered;
        assert_int_equal(pthread_join(thread, &entered), 0);
        assert_ptr_equal(entered, &gate);
        bool wakes = permits == 2;
        assert_int_equal(next->signalled, wakes);
        assert_int_equal(next->gate_woken, wakes);
        assert_int_equal(atomic_u32_load(&gate.word, relaxed), GATE_WAITERS + (wakes ? GATE_PERMIT + GATE_WOKEN : 0));
        assert_true(gate.first == next && gate.last == (round < 2 ? next : &last) && next->gate_previous == NULL);
        assert_false(last.gate_woken || last.signalled);
        next->gate_queued = next->gate_woken = false;
        gate_finish(&gate);
    }
}

struct timed_entry {
    struct gate gate;
    int64_t deadline_ns;
};

static void *enter_in_time(void *argument) {
    struct timed_entry *entry = argument;
    struct cancel_node node;
    if (!cancel_start(&node, NULL, entry->deadline_ns)) return entry;
    int status = gate_enter(&entry->gate, &node);
    cancel_finish(&node);
    return status == ARENA_ETIMEDOUT ? NULL : entry;
}

/* Who was woken for nothing waits on, and no longer than it was told to. */
static void who_is_woken_in_vain_keeps_its_deadline(void **state) {
    (void)state;
    struct timed_entry entry;
    pthread_t thread;
    assert_true(gate_init(&entry.gate, 1));
    assert_true(gate_try_enter(&entry.gate));
    entry.deadline_ns = clock_now() + 300000000;
    assert_int_equal(pthread_create(&thread, NULL, enter_in_time, &entry), 0);
    for (int times = 0; times < 5 && clock_now() < entry.deadline_ns; sleep_ms(1)) {
        mutex_lock(&entry.gate.mutex);
        struct waiter *first = entry.gate.first;
        mutex_unlock(&entry.gate.mutex);
        if (first == NULL) continue;
        waiter_signal(first); /* its record outlives its wait */
        times++;
    }
    void *wrong;
    assert_int_equal(pthread_join(thread, &wrong), 0);
    assert_null(wrong);
    assert_null(entry.gate.first);
    gate_leave(&entry.gate);
    assert_true(gate_idle(&entry.gate));
    gate_finish(&entry.gate);
}

struct two_scopes {
    struct arena_pool *pool;
    struct arena_pool_scope outer;
    struct arena_pool_scope inner;
};

static void enter_and_panic(void *user) {
    struct two_scopes *scopes = user;
    (void)arena_pool_scope_enter(scopes->pool, &scopes->inner);
    arena_panic("inside");
}

/* However many actions a thread has protected: a panic leaves the scopes begun inside, and no others. */
static void eras_count_with_all_their_bits(void **state) {
    (void)state;
    static const unsigned bits[] = {0, 1, 8, 16, 31, 32, 48, 63};
    struct two_scopes scopes;
    uint64_t before = thread_state()->era;
    assert_int_equal(arena_pool_create(ARENA_TYPE(int), 4, &scopes.pool), ARENA_OK);
    panics_record();
    for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++) {
        thread_state()->era = ((uint64_t)1 << bits[i]) - 1; /* the next one has another bit */
        assert_int_equal(arena_pool_scope_enter(scopes.pool, &scopes.outer), ARENA_OK);
        (void)arena_alloc(scopes.outer.arena, NULL);
        assert_int_equal(arena_protect(enter_and_panic, &scopes), ARENA_EPANIC);
        assert_int_equal(arena_used(scopes.outer.arena), 1);
        assert_null(arena_try_alloc(scopes.inner.arena, NULL)); /* back in its pool */
        arena_pool_scope_leave(&scopes.outer);
    }
    arena_set_panic_handler(NULL, NULL);
    thread_state()->era = before;
    assert_int_equal(arena_pool_destroy(scopes.pool), ARENA_OK);
}

/* A cancellation signals everyone under the node and below it, and nobody else. */
static void cancelling_wakes_everyone_below(void **state) {
    (void)state;
    enum { NODES = 4, EACH = 3 };
    static struct cancel_node nodes[NODES]; /* 0 above 1 above 2; 3 beside 1 */
    static struct waiter waiters[NODES][EACH];
    for (int top = 0; top < NODES; top++) {
        for (int i = 0; i < NODES; i++) {
            struct cancel_node *parent = i == 0 ? NULL : i == 2 ? &nodes[1] : &nodes[0];
            assert_true(cancel_start(&nodes[i], parent, INT64_MAX));
            for (int k = 0; k < EACH; k++) {
                waiters[i][k] = (struct waiter){.signalled = false};
                assert_true(mutex_init(&waiters[i][k].mutex) && condition_init(&waiters[i][k].condition));
                assert_int_equal(cancel_register(&nodes[i], &waiters[i][k]), ARENA_OK);
            }
        }
        cancel_trigger(&nodes[top]);
        for (int i = 0; i < NODES; i++) {
            bool below = top == 0 || i == top || (top == 1 && i == 2);
            assert_int_equal(cancel_status(&nodes[i]), below ? ARENA_ECANCELED : ARENA_OK);
            for (int k = 0; k < EACH; k++) {
                assert_int_equal(waiters[i][k].signalled, below);
                assert_int_equal(waiters[i][k].cancel_link == NULL, below);
                cancel_unregister(&nodes[i], &waiters[i][k]);
                assert_null(waiters[i][k].cancel_link);
                condition_destroy(&waiters[i][k].condition);
                mutex_destroy(&waiters[i][k].mutex);
            }
            assert_null(nodes[i].waiters);
            static struct waiter late;
            assert_int_equal(cancel_register(&nodes[i], &late), below ? ARENA_ECANCELED : ARENA_OK);
            cancel_unregister(&nodes[i], &late);
        }
        cancel_finish(&nodes[2]);
        cancel_finish(&nodes[3]);
        cancel_finish(&nodes[1]);
        assert_null(nodes[0].first_child);
        cancel_finish(&nodes[0]);
    }
}

/* Whose lock is the tree's, however deep it is. */
static void every_node_of_a_tree_has_its_root(void **state) {
    (void)state;
    enum { DEEP = 6 };
    struct cancel_node nodes[DEEP];
    for (int i = 0; i < DEEP; i++) {
        assert_true(cancel_start(&nodes[i], i == 0 ? NULL : &nodes[i - 1], INT64_MAX));
        assert_ptr_equal(nodes[i].root, &nodes[0]);
    }
    for (int i = DEEP; i-- > 0;) cancel_finish(&nodes[i]);
}

static void the_first_cause_stays(void **state) {
    (void)state;
    struct cancel_node node;
    struct cancel_node child;
    int64_t deadline_ns = clock_now() + 50000000;
    assert_true(cancel_start(&node, NULL, deadline_ns));
    assert_true(cancel_start(&child, &node, INT64_MAX));
    assert_true(cancel_deadline(&child) == deadline_ns);
    cancel_trigger(&node);
    int first = cancel_status(&node);
    if (clock_now() < deadline_ns) assert_int_equal(first, ARENA_ECANCELED);
    while (clock_now() <= deadline_ns) sleep_ms(1);
    assert_int_equal(cancel_status(&node), first);
    cancel_trigger(&node);
    assert_int_equal(cancel_status(&node), first);
    assert_int_equal(cancel_status(&child), first);
    cancel_finish(&child);
    assert_true(cancel_start(&child, &node, INT64_MAX)); /* what is born late has its parent's cause */
    assert_int_equal(cancel_status(&child), first);
    cancel_finish(&child);
    cancel_finish(&node);
    assert_true(cancel_start(&node, NULL, deadline_ns));
    cancel_trigger(&node); /* too late */
    assert_int_equal(cancel_status(&node), ARENA_ETIMEDOUT);
    cancel_finish(&node);
}

static void gates_know_when_they_are_idle(void **state) {
    (void)state;
    struct gate gate;
    assert_true(gate_init(&gate, GATE_MAX_PERMITS));
    assert_true(gate_idle(&gate) && gate_try_enter(&gate) && !gate_idle(&gate));
    assert_int_equal(atomic_u32_load(&gate.word, relaxed), (GATE_MAX_PERMITS - 1) * GATE_PERMIT);
    gate_finish(&gate);
    assert_true(gate_init(&gate, 3));
    assert_true(gate_idle(&gate));
    for (int i = 0; i < 3; i++) assert_int_equal(gate_enter(&gate, NULL), ARENA_OK);
    assert_false(gate_try_enter(&gate));
    assert_false(gate_idle(&gate));
    struct cancel_node node;
    assert_true(cancel_start(&node, NULL, clock_now() + 1000000));
    assert_int_equal(gate_enter(&gate, &node), ARENA_ETIMEDOUT); /* waits, and leaves nothing behind */
    assert_true(gate.first == NULL && gate.last == NULL && node.waiters == NULL);
    for (int i = 0; i < 3; i++) {
        assert_false(gate_idle(&gate));
        gate_leave(&gate);
    }
    assert_true(gate_idle(&gate));
    assert_int_equal(gate_enter(&gate, &node), ARENA_ETIMEDOUT);
    assert_true(gate_idle(&gate));
    (void)atomic_u32_or(&gate.word, GATE_WAITERS, relaxed); /* every permit is free, for one that has yet to wake up */
    assert_false(gate_idle(&gate));
    (void)atomic_u32_and(&gate.word, ~GATE_WAITERS, relaxed);
    cancel_finish(&node);
    assert_false(gate_held_by_me(&gate));
    gate_set_holder(&gate);
    assert_true(gate_held_by_me(&gate));
    gate_clear_holder(&gate);
    assert_false(gate_held_by_me(&gate));
    gate_finish(&gate);
}

static void destroy_concurrent(void *arena) { arena_concurrent_destroy(arena); }

/* Every permit is free, for one that was woken and has yet to come: it is waited for all the same. */
static void a_gate_that_is_waited_for_is_not_destroyed(void **state) {
    (void)state;
    struct arena_concurrent *arena;
    assert_int_equal(arena_concurrent_create(ARENA_TYPE(int), 4, &arena), ARENA_OK);
    /* The gate follows the arena inside: see api/concurrent.c. */
    struct {
        struct arena slots;
        struct gate gate;
    } *begins = (void *)arena;
    assert_true(gate_idle(&begins->gate));
    static const uint32_t marks[] = {GATE_WAITERS, GATE_WAITERS | GATE_WOKEN};
    panics_record();
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        (void)atomic_u32_or(&begins->gate.word, marks[i], relaxed);
        assert_int_equal(arena_protect(destroy_concurrent, arena), ARENA_EPANIC);
        (void)atomic_u32_and(&begins->gate.word, ~marks[i], relaxed);
        assert_true(gate_idle(&begins->gate));
        assert_non_null(arena_concurrent_try_alloc(arena, NULL));
    }
    arena_set_panic_handler(NULL, NULL);
    arena_concurrent_destroy(arena);
}

/* More threads than 16 bits count: none is taken for one that holds a gate, whatever came of it. */
static void numbers_of_holders_do_not_come_again(void **state) {
    (void)state;
    struct gate held;
    struct gate other;
    uint32_t mine = thread_state()->number;
    assert_true(gate_init(&held, 1) && gate_init(&other, 1));
    thread_state()->number = 0;
    gate_set_holder(&held);
    for (int i = 0; i < 1 << 17; i++) {
        thread_state()->number = 0; /* as another thread */
        gate_set_holder(&other);
        assert_false(gate_held_by_me(&held));
    }
    thread_state()->number = mine;
    gate_finish(&held);
    gate_finish(&other);
}

static void *enter_and_leave(void *gate) {
    if (gate_enter(gate, NULL) == ARENA_OK) gate_leave(gate);
    return NULL;
}

/* A waiter's time begins when it comes, whatever its thread has waited for before. */
static void waiting_begins_with_the_wait(void **state) {
    (void)state;
    struct gate gate;
    pthread_t thread;
    assert_true(gate_init(&gate, 1));
    assert_true(gate_try_enter(&gate));
    int64_t before_ns = clock_now();
    assert_int_equal(pthread_create(&thread, NULL, enter_and_leave, &gate), 0);
    int64_t since_ns = -1;
    while (since_ns < 0) {
        sleep_ms(1);
        mutex_lock(&gate.mutex);
        if (gate.first != NULL) {
            assert_true(gate.first->gate_queued);
            since_ns = gate.first->gate_since_ns;
        }
        mutex_unlock(&gate.mutex);
    }
    assert_true(before_ns <= since_ns && since_ns <= clock_now());
    gate_leave(&gate);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(gate_idle(&gate));
    gate_finish(&gate);
}

static void who_comes_first_is_first_in_line(void **state) {
    (void)state;
    enum { WAITERS = 3 };
    struct gate gate;
    pthread_t threads[WAITERS];
    const struct waiter *came[WAITERS];
    assert_true(gate_init(&gate, 1));
    assert_true(gate_try_enter(&gate));
    for (size_t i = 0; i < WAITERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, enter_and_leave, &gate), 0);
        for (size_t count = 0; count <= i; sleep_ms(1)) {
            count = 0;
            mutex_lock(&gate.mutex);
            for (const struct waiter *at = gate.first; at != NULL; at = at->gate_next) {
                bool is_new = true;
                for (size_t k = 0; k < i; k++) is_new = is_new && at != came[k];
                if (is_new) came[i] = at;
                count++;
            }
            mutex_unlock(&gate.mutex);
        }
    }
    mutex_lock(&gate.mutex);
    const struct waiter *at = gate.first;
    for (size_t i = 0; i < WAITERS; i++, at = at->gate_next) assert_ptr_equal(at, came[i]);
    assert_ptr_equal(gate.last, came[WAITERS - 1]);
    mutex_unlock(&gate.mutex);
    gate_leave(&gate);
    for (size_t i = 0; i < WAITERS; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_true(gate_idle(&gate));
    gate_finish(&gate);
}

/* A thread past its end has no record and so no place in the queue: it looks again and again, and at its context, too. */
static void who_polls_beside_a_queue_sees_its_end(void **state) {
    (void)state;
    struct gate gate;
    pthread_t thread;
    assert_true(gate_init(&gate, 1));
    assert_true(gate_try_enter(&gate));
    assert_int_equal(pthread_create(&thread, NULL, enter_and_leave, &gate), 0);
    for (bool waits = false; !waits; sleep_ms(1)) {
        mutex_lock(&gate.mutex);
        waits = gate.first != NULL;
        mutex_unlock(&gate.mutex);
    }
    struct thread_state *mine = thread_state();
    struct waiter *record = mine->waiter;
    struct cancel_node node;
    assert_true(cancel_start(&node, NULL, clock_now() + 1000000));
    mine->waiter = NULL;
    mine->exited = true;
    assert_null(waiter_mine(mine)); /* it might be lost with the thread */
    assert_int_equal(gate_enter(&gate, &node), ARENA_ETIMEDOUT);
    mine->exited = false;
    mine->waiter = record;
    cancel_finish(&node);
    gate_leave(&gate);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(gate_idle(&gate));
    gate_finish(&gate);
}

static void *poll_for_ever(void *gate) {
    thread_state()->exited = true;
    (void)gate_enter(gate, NULL);
    return gate;
}

/* That way, too, the wait is a cancellation point. */
static void who_polls_can_be_cancelled(void **state) {
    (void)state;
    if (!support_cancellable()) skip();
    struct gate gate;
    pthread_t thread;
    void *result;
    assert_true(gate_init(&gate, 1));
    assert_true(gate_try_enter(&gate));
    assert_int_equal(pthread_create(&thread, NULL, poll_for_ever, &gate), 0);
    sleep_ms(5); /* it may look already, or not */
    assert_int_equal(pthread_cancel(thread), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_ptr_equal(result, PTHREAD_CANCELED);
    gate_leave(&gate);
    assert_true(gate_idle(&gate));
    gate_finish(&gate);
}

/* Who has waited long is given the permit itself; who has not is woken to look for it, and once only. */
static void permits_go_to_who_has_waited_long(void **state) {
    (void)state;
    struct gate gate;
    struct waiter *waiters[2] = {waiter_mine(thread_state()), NULL};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, wait_once, &waiters[1]), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    for (int late = 0; late < 2; late++) {
        assert_true(gate_init(&gate, 2));
        assert_true(gate_try_enter(&gate) && gate_try_enter(&gate));
        /* As enter_waiting leaves them. */
        for (int i = 0; i < 2; i++) {
            waiter_prepare(waiters[i]);
            waiters[i]->gate_granted = waiters[i]->gate_woken = false;
            waiters[i]->gate_since_ns = clock_now() + (late ? -GATE_HANDOFF_NS : INT64_MAX / 2);
            waiters[i]->gate_queued = true;
        }
        gate.first = waiters[0];
        gate.last = waiters[1];
        waiters[0]->gate_previous = waiters[1]->gate_next = NULL;
        waiters[0]->gate_next = waiters[1];
        waiters[1]->gate_previous = waiters[0];
        (void)atomic_u32_or(&gate.word, GATE_WAITERS, relaxed);
        gate_leave(&gate);
        uint32_t word = atomic_u32_load(&gate.word, relaxed);
        assert_true(waiters[0]->signalled && !waiters[1]->signalled);
        assert_int_equal(waiters[0]->gate_granted, late);
        assert_int_equal(waiters[0]->gate_queued, !late);
        assert_int_equal(waiters[0]->gate_woken, !late);
        assert_int_equal(word, late ? GATE_WAITERS : GATE_WAITERS + GATE_WOKEN + GATE_PERMIT);
        assert_ptr_equal(gate.first, waiters[late]);
        gate_leave(&gate);
        word = atomic_u32_load(&gate.word, relaxed);
        assert_int_equal(waiters[1]->signalled, late);
        assert_int_equal(waiters[1]->gate_granted, late);
        assert_int_equal(word, late ? 0 : GATE_WAITERS + GATE_WOKEN + 2 * GATE_PERMIT);
        assert_true(late ? gate.first == NULL && gate.last == NULL
                         : gate.first == waiters[0] && gate.last == waiters[1]);
        gate_finish(&gate);
        for (int i = 0; i < 2; i++) {
            waiters[i]->gate_queued = waiters[i]->gate_granted = waiters[i]->gate_woken = false;
            waiter_prepare(waiters[i]);
        }
    }
}

/* How long the last one has waited says nothing. */
static void permits_go_to_who_has_waited_long_before_newcomers(void **state) {
    (void)state;
    struct gate gate;
    static struct waiter newcomer;
    struct waiter *head = waiter_mine(thread_state());
    assert_true(gate_init(&gate, 1));
    assert_true(gate_try_enter(&gate));
    waiter_prepare(head);
    head->gate_granted = head->gate_woken = false;
    head->gate_queued = newcomer.gate_queued = true;
    head->gate_since_ns = clock_now() - GATE_HANDOFF_NS;
    newcomer.gate_since_ns = clock_now() + INT64_MAX / 2;
    gate.first = newcomer.gate_previous = head;
    gate.last = head->gate_next = &newcomer;
    head->gate_previous = newcomer.gate_next = NULL;
    (void)atomic_u32_or(&gate.word, GATE_WAITERS, relaxed);
    gate_leave(&gate);
    assert_true(head->gate_granted && head->signalled && !head->gate_queued);
    assert_true(gate.first == &newcomer && gate.last == &newcomer && !newcomer.gate_granted);
    assert_int_equal(atomic_u32_load(&gate.word, relaxed), GATE_WAITERS);
    head->gate_granted = false;
    gate_finish(&gate);
}

/* A permit that was granted to who is cancelled meanwhile goes to the next one, who sleeps. */
static void who_is_cancelled_hands_a_grant_on(void **state) {
    (void)state;
    if (!support_cancellable()) skip();
    struct gate gate;
    assert_true(gate_init(&gate, 1));
    assert_true(gate_try_enter(&gate));
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, enter_and_leave, &gate), 0);
    bool waits = false;
    while (!waits) {
        mutex_lock(&gate.mutex);
        waits = gate.first != NULL && (atomic_u32_load(&gate.word, relaxed) & GATE_WAITERS) != 0;
        mutex_unlock(&gate.mutex);
        sleep_ms(2); /* it sleeps by now; where it does not, it leaves as anyone would */
    }
    struct waiter *next = waiter_mine(thread_state());
    waiter_prepare(next);
    mutex_lock(&gate.mutex);
    assert_int_equal(pthread_cancel(thread), 0);
    gate.first->gate_queued = false;
    gate.first->gate_granted = true;
    gate.first = gate.last = next;
    next->gate_previous = next->gate_next = NULL;
    next->gate_granted = next->gate_woken = false;
    next->gate_queued = true;
    next->gate_since_ns = clock_now() - GATE_HANDOFF_NS;
    mutex_unlock(&gate.mutex);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(next->gate_granted && next->signalled && !next->gate_queued);
    assert_int_equal(atomic_u32_load(&gate.word, relaxed), 0);
    next->gate_granted = false;
    gate_finish(&gate);
}

/* --- api ---------------------------------------------------------------------------------------------------------- */

/* test_saturation.c counts all the way; here the count, which follows the node, is put just below the end. */
static void references_saturate(void **state) {
    (void)state;
    struct arena_context *context;
    assert_int_equal(arena_context_with_cancel(NULL, &context), ARENA_OK);
    struct atomic_u32 *references = (struct atomic_u32 *)(void *)(context_node(context) + 1);
    assert_int_equal(atomic_u32_load(references, relaxed), 1);
    assert_ptr_equal(arena_context_retain(context), context);
    assert_int_equal(atomic_u32_load(references, relaxed), 2);
    arena_context_release(context);
    assert_int_equal(atomic_u32_load(references, relaxed), 1);
    const uint32_t stuck = (uint32_t)1 << 31;
    atomic_u32_store(references, stuck - 1, relaxed);
    for (int i = 0; i < 3; i++) {
        (void)arena_context_retain(context);
        assert_int_equal(atomic_u32_load(references, relaxed), stuck);
    }
    arena_context_release(context);
    assert_int_equal(atomic_u32_load(references, relaxed), stuck);
    atomic_u32_store(references, stuck - 1, relaxed);
    arena_context_release(context);
    assert_int_equal(atomic_u32_load(references, relaxed), stuck - 2);
    atomic_u32_store(references, 1, relaxed);
    arena_context_release(context);
}

/* --- api: what threads are lent ------------------------------------------------------------------------------------- */

/* Numbers of 8 bytes, with shares of them; NULL: a memory checker is watching, and nobody is lent anything. */
static struct arena *make_shared(struct shares *shares, size_t capacity, bool alone) {
    static const struct arena_type type = {"number", 8, 8, NULL};
    const struct slots_plan plan = {.stride = 8, .bytes = 8 * capacity};
    struct arena *arena = slots_create(&plan, &type, SLOTS_OWNER_GATE, sizeof *arena);
    assert_non_null(arena);
    slots_seal(arena);
    memset(shares, 0, sizeof *shares);
    assert_true(shares_start(shares, arena, alone));
    if (shares_enabled(shares)) return arena;
    slots_destroy(arena);
    return NULL;
}

static void end_shared(struct shares *shares) {
    struct share *left = shares_finish(shares);
    slots_destroy(shares->slots);
    shares_free(left);
}

/* A slab by the slow path, and how many slots the calling thread was lent for it, its own among them. */
static size_t lent_with(struct shares *shares, size_t count) {
    size_t before = slots_remaining(shares->slots) + shares_unused_bytes(shares) / 8;
    assert_non_null(shares_refill(shares, NULL, count, false));
    assert_int_equal(slots_remaining(shares->slots) + shares_unused_bytes(shares) / 8, before - count);
    const struct share *mine = shares_mine(shares);
    assert_non_null(mine);
    const char *commit = atomic_ptr_load(&mine->commit, relaxed);
    const char *limit = atomic_ptr_load(&mine->limit, relaxed);
    return mine->active ? (size_t)(limit - commit) / 8 + count : 0;
}

struct lending {
    struct shares *shares;
    size_t count;
    size_t lent;
};

static void *lend_there(void *argument) {
    struct lending *lending = argument;
    lending->lent = lent_with(lending->shares, lending->count);
    return NULL;
}

static size_t lent_elsewhere(struct shares *shares, size_t count) {
    struct lending lending = {shares, count, 0};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, lend_there, &lending), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    return lending.lent;
}

/* Threads that come one after the other use one share: there are as many as there were threads at one time. */
static void shares_of_ended_threads_are_used_again(void **state) {
    (void)state;
    for (int alone = 0; alone < 2; alone++) {
        struct shares shares;
        if (make_shared(&shares, 100000, alone != 0) == NULL) skip();
        for (int i = 0; i < 5; i++) (void)lent_elsewhere(&shares, 1);
        assert_int_equal(shares.count, 1);
        (void)lent_with(&shares, 1);
        (void)lent_elsewhere(&shares, 1);
        assert_int_equal(shares.count, 2);
        end_shared(&shares);
    }
}

/* A chunk holds a whole number of what was wanted, as often as it goes into 64 KiB and into the thread's part of a quarter
 * of what is free. */
static void chunks_hold_what_is_wanted_many_times(void **state) {
    (void)state;
    struct shares shares;
    for (size_t count = 1; count <= 9; count++) {
        if (make_shared(&shares, 100000, false) == NULL) skip();
        assert_int_equal(lent_with(&shares, count), 8192 - 8192 % count);
        end_shared(&shares);
        (void)make_shared(&shares, 10000, false);
        size_t first = lent_with(&shares, count);
        assert_int_equal(first, 2500 - 2500 % count);
        size_t part = (10000 - first) / 4 / 2;
        assert_int_equal(lent_elsewhere(&shares, count), part - part % count);
        end_shared(&shares);
    }
}

/* With ARENA_GATE_ONLY threads that take turns are lent nothing.  One that comes many times in a row gets all that is left,
 * until another one comes. */
static void behind_the_gate_one_thread_is_lent_all_or_nothing(void **state) {
    (void)state;
    enum { CAPACITY = 40000, TURNS = 700, FEW = 100, MANY = 5000 };
    for (size_t count = 1; count <= 2; count++) {
        struct shares shares;
        struct arena *arena = make_shared(&shares, CAPACITY, true);
        if (arena == NULL) skip();
        for (int i = 0; i < TURNS; i++) {
            assert_int_equal(lent_with(&shares, count), 0);
            assert_int_equal(lent_elsewhere(&shares, count), 0);
        }
        size_t free = CAPACITY - 2 * TURNS * count;
        int times = 0;
        for (size_t lent = 0; lent == 0; times++, free -= count) {
            assert_true(times < MANY);
            lent = lent_with(&shares, count);
            assert_int_equal(lent, lent == 0 ? 0 : free);
        }
        assert_true(times >= FEW);
        assert_int_equal(slots_remaining(arena), 0);
        assert_int_equal(lent_elsewhere(&shares, count), 0);
        free -= count;
        assert_int_equal(shares_unused_bytes(&shares), 0);
        assert_int_equal(slots_remaining(arena), free);
        assert_non_null(shares_refill(&shares, NULL, free, false)); /* in one piece */
        end_shared(&shares);
    }
}

/* Also after revocations, which move the epoch on. */
static void a_chunk_is_handed_out_to_its_end_without_the_gate(void **state) {
    (void)state;
    struct shares shares;
    struct arena *arena = make_shared(&shares, 10000, false);
    if (arena == NULL) skip();
    for (int round = 0; round < 3; round++) {
        size_t lent = lent_with(&shares, 1);
        assert_true(lent > 1);
        for (size_t i = 1; i < lent; i++) assert_non_null(shares_take_any(&shares, NULL, 1, false));
        assert_null(shares_take_any(&shares, NULL, 1, false));
        assert_true(lent_elsewhere(&shares, 1) > 1);
        assert_true(shares_revoke(&shares));
    }
    assert_null(shares_refill(&shares, NULL, 10000, false));
    assert_true(arena->sealed); /* whoever had the arena before has it no more */
    end_shared(&shares);
}

/* A burst makes an arena quick again, but none that may have free runs. */
static void a_burst_behind_the_gate_hides_no_runs(void **state) {
    (void)state;
    enum { CAPACITY = 24 };
    for (int left = 0; left < 2; left++) {
        struct shares shares;
        struct arena *arena = make_shared(&shares, CAPACITY, false);
        if (arena == NULL) skip();
        assert_true(lent_with(&shares, 1) > 1);
        (void)lent_elsewhere(&shares, 1);
        (void)shares_revoke(&shares);
        assert_true(arena->gap_bytes != 0);
        slots_unseal(arena);
        struct arena_burst burst;
        arena_burst_begin(arena, &burst);
        if (left == 0) arena_burst_end(arena, &burst);
        arena_reset(arena);
        assert_int_equal(slots_used(arena), 0);
        assert_int_equal(slots_remaining(arena), CAPACITY);
        slots_seal(arena);
        end_shared(&shares);
    }
}

/* --- what panics say ---------------------------------------------------------------------------------------------- */

static char said[256];

static void hear(const char *message, void *user) {
    (void)user;
    (void)snprintf(said, sizeof said, "%s", message);
}

static void alloc_one(void *arena) { (void)arena_alloc(arena, NULL); }
static void alloc_slab(void *arena) { (void)arena_alloc_slab(arena, 5); }
static void alloc_slab_with(void *arena) { (void)arena_alloc_slab_with(arena, NULL, 6); }
static void reset(void *arena) { arena_reset(arena); }
static void trim(void *arena) { arena_trim(arena); }
static void destroy(void *arena) { arena_destroy(arena); }
static void concurrent_one(void *arena) { (void)arena_concurrent_alloc(arena, NULL); }
static void concurrent_slab(void *arena) { (void)arena_concurrent_alloc_slab(arena, 5); }
static void concurrent_slab_with(void *arena) { (void)arena_concurrent_alloc_slab_with(arena, NULL, 6); }
static void concurrent_reset(void *arena) { arena_concurrent_reset(arena); }
static void alloc_any(void *arena) { (void)arena_alloc_any(arena, ARENA_TYPE(int), NULL); }
static void concurrent_any(void *arena) { (void)arena_concurrent_alloc_any(arena, ARENA_TYPE(int), NULL); }

static void expect(void (*action)(void *arena), void *arena, const char *message) {
    said[0] = '\0';
    assert_int_equal(arena_protect(action, arena), ARENA_EPANIC);
    assert_string_equal(said, message);
}

static void panics_say_what_was_wanted_and_what_is_free(void **state) {
    (void)state;
    arena_set_panic_handler(hear, NULL);
    struct arena *arena;
    struct arena *mixed;
    struct arena_concurrent *concurrent;
    struct arena_concurrent *concurrent_mixed;
    assert_int_equal(arena_create(ARENA_TYPE(int), 4, &arena), ARENA_OK);
    assert_int_equal(arena_create(arena_type_any(), 1, &mixed), ARENA_OK);
    assert_int_equal(arena_concurrent_create(ARENA_TYPE(int), 4, &concurrent), ARENA_OK);
    assert_int_equal(arena_concurrent_create(arena_type_any(), 1, &concurrent_mixed), ARENA_OK);
    assert_non_null(arena_alloc_slab(arena, 3));
    assert_non_null(arena_concurrent_alloc_slab(concurrent, 3));
    expect(alloc_slab, arena, "arena_alloc_slab: arena of int is full: 5 wanted, 1 of 4 free");
    expect(alloc_slab_with, arena, "arena_alloc_slab_with: arena of int is full: 6 wanted, 1 of 4 free");
    expect(concurrent_slab, concurrent, "arena_concurrent_alloc_slab: arena of int is full: 5 wanted, 1 of 4 free");
    expect(concurrent_slab_with, concurrent,
           "arena_concurrent_alloc_slab_with: arena of int is full: 6 wanted, 1 of 4 free");
    assert_non_null(arena_alloc(arena, NULL));
    assert_non_null(arena_concurrent_alloc(concurrent, NULL));
    assert_non_null(arena_alloc_any(mixed, ARENA_TYPE(int), NULL));
    assert_non_null(arena_concurrent_alloc_any(concurrent_mixed, ARENA_TYPE(int), NULL));
    expect(alloc_one, arena, "arena_alloc: arena of int is full: 1 wanted, 0 of 4 free");
    expect(concurrent_one, concurrent, "arena_concurrent_alloc: arena of int is full: 1 wanted, 0 of 4 free");
    expect(alloc_any, mixed, "arena_alloc_any: arena of any is full: 1 wanted, 0 of 1 free");
    expect(concurrent_any, concurrent_mixed, "arena_concurrent_alloc_any: arena of any is full: 1 wanted, 0 of 1 free");
    expect(alloc_any, arena, "arena_alloc_any: the arena is not one of mixed values");
    expect(concurrent_any, concurrent, "arena_concurrent_alloc_any: the arena is not one of mixed values");
    expect(alloc_one, NULL, "arena_alloc: arena is NULL");
    expect(alloc_slab, NULL, "arena_alloc_slab: arena is NULL");
    expect(reset, NULL, "arena_reset: arena is NULL");
    expect(trim, NULL, "arena_trim: arena is NULL");
    expect(concurrent_one, NULL, "arena_concurrent_alloc: arena is NULL");
    expect(concurrent_reset, NULL, "arena_concurrent_reset: arena is NULL");
    arena_destroy(arena);
    arena_destroy(mixed);
    arena_concurrent_destroy(concurrent);
    arena_concurrent_destroy(concurrent_mixed);
}

/* 255 bytes of it. */
static void panics_tell_a_long_name(void **state) {
    (void)state;
    char name[400];
    char message[256];
    struct arena *arena;
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    arena_set_panic_handler(hear, NULL);
    for (size_t length = 100; length < sizeof name; length += 299) {
        const struct arena_type type = {name + sizeof name - 1 - length, 1, 1, NULL};
        assert_int_equal(arena_create(&type, 0, &arena), ARENA_OK);
        (void)snprintf(message, sizeof message, "arena_alloc: arena of %.*s is full: 1 wanted, 0 of 0 free", (int)length, name);
        expect(alloc_one, arena, message);
        arena_destroy(arena);
    }
}

static void say(void *text) { panic("%s", (const char *)text); }

static void panics_may_say_nothing(void **state) {
    (void)state;
    char nothing[] = "";
    arena_set_panic_handler(hear, NULL);
    said[0] = '-';
    assert_int_equal(arena_protect(say, nothing), ARENA_EPANIC);
    arena_set_panic_handler(NULL, NULL);
    assert_string_equal(said, nothing);
}

static void panics_say_whose_arena_it_is(void **state) {
    (void)state;
    arena_set_panic_handler(hear, NULL);
    struct arena_pool *pool;
    struct arena_concurrent *concurrent;
    struct arena *pooled;
    struct arena *held;
    assert_int_equal(arena_pool_create(ARENA_TYPE(int), 4, &pool), ARENA_OK);
    assert_int_equal(arena_pool_checkout(pool, &pooled), ARENA_OK);
    expect(destroy, pooled, "arena_destroy: the arena belongs to a pool");
    arena_pool_return(pool, pooled);
    expect(alloc_one, pooled, "arena_alloc: the arena is back in its pool");
    expect(reset, pooled, "arena_reset: the arena is back in its pool");
    expect(trim, pooled, "arena_trim: the arena is back in its pool");
    assert_int_equal(arena_concurrent_create(ARENA_TYPE(int), 4, &concurrent), ARENA_OK);
    assert_int_equal(arena_concurrent_acquire(concurrent, NULL, &held), ARENA_OK);
    expect(destroy, held, "arena_destroy: the arena belongs to a concurrent arena");
    expect(concurrent_one, concurrent, "arena_concurrent_alloc: the calling thread holds the gate");
    expect(concurrent_reset, concurrent, "arena_concurrent_reset: the calling thread holds the gate");
    arena_concurrent_release(concurrent);
    expect(alloc_slab, held, "arena_alloc_slab: the gate is not held");
    expect(reset, held, "arena_reset: the gate is not held");
    arena_concurrent_destroy(concurrent);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

/* --- pages -------------------------------------------------------------------------------------------------------- */

#define MIB ((size_t)1 << 20)

static struct arena *make(size_t bytes, uint32_t clear, uint32_t flags) {
    struct arena_options options = {sizeof options, clear, flags};
    struct arena *arena;
    assert_int_equal(arena_create_with(ARENA_TYPE(char), bytes, &options, &arena), ARENA_OK);
    return arena;
}

/* How many pages of [start, start + bytes) are in memory.  start lies on a page. */
static size_t pages_in_memory(void *start, size_t bytes) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    unsigned char *in_memory = malloc(bytes / page);
    assert_non_null(in_memory);
    assert_int_equal(mincore(start, bytes, in_memory), 0);
    size_t count = 0;
    for (size_t i = 0; i < bytes / page; i++) count += in_memory[i] & 1;
    free(in_memory);
    return count;
}

/* More than the address space, less than what arithmetic refuses. */
static void sizes_that_only_the_system_refuses(void **state) {
    (void)state;
    if (sizeof(size_t) == 4) return; /* there the system may have that much */
    size_t bytes = (size_t)PTRDIFF_MAX / 2 + 1;
    struct arena *arena = (struct arena *)(void *)&arena;
    struct arena_concurrent *concurrent = (struct arena_concurrent *)(void *)&concurrent;
    struct arena_pool *pool = (struct arena_pool *)(void *)&pool;
    assert_int_equal(arena_create(ARENA_TYPE(char), bytes, &arena), ARENA_ENOMEM);
    assert_int_equal(arena_concurrent_create(ARENA_TYPE(char), bytes, &concurrent), ARENA_ENOMEM);
    assert_int_equal(arena_pool_create(ARENA_TYPE(char), bytes, &pool), ARENA_ENOMEM);
    assert_true(arena == NULL && concurrent == NULL && pool == NULL);
}

/* Emulators keep advice about pages from the kernel. */
static bool advice_arrives(void) { return getenv("ARENA_TESTS_EMULATED") == NULL; }

static void prefault_takes_every_page(void **state) {
    (void)state;
    if (!advice_arrives()) skip();
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t sizes[] = {1, page, page + 1, 10 * page};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct arena *arena = make(sizes[i], 0, ARENA_PREFAULT);
        size_t pages = (sizes[i] + page - 1) / page;
        assert_int_equal(pages_in_memory(arena->base, pages * page), pages);
        arena_destroy(arena);
    }
}

static void what_trim_gave_back_is_not_cleared_again(void **state) {
    (void)state;
    for (uint32_t clear = ARENA_CLEAR_ON_HANDOUT; clear <= ARENA_CLEAR_NEVER; clear++) {
        struct arena *arena = make(8 * MIB, clear, 0);
        char *slab = arena_alloc_slab(arena, 8 * MIB);
        memset(slab, 1, 8 * MIB);
        assert_true(pages_in_memory(slab, 8 * MIB) > 0);
        arena_reset(arena);
        arena_trim(arena);
        assert_int_equal(pages_in_memory(slab, 8 * MIB), 0);
        assert_ptr_equal(arena_alloc_slab_with(arena, NULL, 8 * MIB), slab);
        assert_int_equal(pages_in_memory(slab, 8 * MIB), 0);
        assert_int_equal(slab[0] | slab[8 * MIB - 1], 0);
        arena_destroy(arena);
    }
}

/* Nobody wrote to it, but it was touched, and is not used. */
static void trim_gives_back_what_was_touched_at_creation(void **state) {
    (void)state;
    if (!advice_arrives()) skip();
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (uint32_t clear = ARENA_CLEAR_ON_RESET; clear <= ARENA_CLEAR_NEVER; clear++) {
        struct arena *arena = make(MIB, clear, ARENA_PREFAULT);
        assert_int_equal(pages_in_memory(arena->base, MIB), MIB / page);
        (void)arena_alloc(arena, NULL);
        arena_trim(arena);
        assert_int_equal(pages_in_memory(arena->base, MIB), 1);
        arena_destroy(arena);
    }
}

/* What a thread was lent and has not used is free memory, too. */
static void trim_gives_back_chunks(void **state) {
    (void)state;
    if (!advice_arrives()) skip();
    enum { CAPACITY = 1 << 17 };
    struct arena_concurrent *arena;
    assert_int_equal(arena_concurrent_create(ARENA_TYPE(int64_t), CAPACITY, &arena), ARENA_OK);
    int64_t *slab = arena_concurrent_alloc_slab(arena, CAPACITY);
    memset(slab, 1, MIB);
    arena_concurrent_reset(arena);
    assert_ptr_equal(arena_concurrent_alloc(arena, NULL), slab);
    assert_true(pages_in_memory(slab, MIB) > 1);
    arena_concurrent_trim(arena);
    assert_int_equal(pages_in_memory(slab, MIB), 1);
    assert_int_equal(arena_concurrent_used(arena), 1);
    assert_ptr_equal(arena_concurrent_alloc(arena, NULL), slab + 1);
    arena_concurrent_destroy(arena);
}

#if defined(__linux__) && !defined(ELSEWHERE) /* without the files for Linux nobody asks for them */
/* Do the kernel's flags of the mapping that holds `address` have this one?  -1: it does not say. */
static int has_flag(const void *address, const char *flag) {
    FILE *file = fopen("/proc/self/smaps", "r");
    if (file == NULL) return -1;
    char line[512];
    bool inside = false;
    int found = -1;
    while (found < 0 && fgets(line, sizeof line, file) != NULL) {
        uintptr_t from;
        uintptr_t to;
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &from, &to) == 2) {
            inside = from <= (uintptr_t)address && (uintptr_t)address < to;
        } else if (inside && strncmp(line, "VmFlags:", 8) == 0) {
            found = strstr(line, flag) != NULL;
        }
    }
    (void)fclose(file);
    return found;
}

/* At both ends of more than a 32-bit number of bytes.  Here, as Linux alone reserves what it does not have. */
static void trim_reaches_to_the_end_of_a_huge_arena(void **state) {
    (void)state;
    if (sizeof(size_t) < 8 || support_slow()) skip();
    const size_t bytes = (size_t)(UINT64_C(6) << 30);
    struct arena *arena = make(bytes, ARENA_CLEAR_ON_HANDOUT, 0);
    char *slab = arena_alloc_slab(arena, bytes);
    memset(slab, 1, MIB);
    memset(slab + bytes - MIB, 1, MIB);
    arena_reset(arena);
    arena_trim(arena);
    assert_int_equal(pages_in_memory(slab, MIB), 0);
    assert_int_equal(pages_in_memory(slab + bytes - MIB, MIB), 0);
    arena_destroy(arena);
}

static void huge_pages_are_asked_for_and_can_be_had(void **state) {
    (void)state;
    if (!advice_arrives()) skip();
    struct arena *arena = make(16 * MIB, 0, ARENA_HUGE_PAGES);
    struct arena *plain = make(16 * MIB, 0, 0);
    struct arena *exact = make(2 * MIB, 0, ARENA_HUGE_PAGES);
    struct arena *ragged = make(5 * MIB + 1, ARENA_CLEAR_ON_HANDOUT, ARENA_HUGE_PAGES);
    char *slab = arena_alloc_slab(arena, 16 * MIB);
    assert_int_equal((uintptr_t)slab % (2 * MIB), 0);
    assert_int_equal((uintptr_t)arena_alloc_slab(exact, 1) % (2 * MIB), 0);
    assert_int_equal((uintptr_t)arena_alloc_slab(ragged, 1) % (2 * MIB), 0);
    /* Where the kernel has none, it takes no such advice. */
    if (access("/sys/kernel/mm/transparent_hugepage/enabled", R_OK) == 0 && has_flag(slab, " ") == 1) {
        assert_int_equal(has_flag(slab, " hg"), 1);
        assert_int_equal(has_flag(slab + 16 * MIB - 1, " hg"), 1);
        assert_int_equal(has_flag(arena_alloc_slab(plain, 1), " hg"), 0);
    }
    arena_destroy(arena);
    arena_destroy(plain);
    arena_destroy(exact);
    arena_destroy(ragged);
}
#endif

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(arithmetic_is_what_it_says),
        cmocka_unit_test(checkers_watch_where_they_are),
        cmocka_unit_test(what_is_fatal_ends_the_process_when_cancelled),
        cmocka_unit_test(what_is_fatal_ends_the_process_when_protected),
        cmocka_unit_test(a_panic_from_the_end_of_a_scope_aborts),
        cmocka_unit_test(what_is_fatal_is_told_while_a_panic_unwinds),
        cmocka_unit_test(prefault_stays_in_the_range),
        cmocka_unit_test(what_is_discarded_reads_zero),
        cmocka_unit_test(pages_are_not_shared_with_a_child),
        cmocka_unit_test(a_barrier_that_is_there_can_be_had),
        cmocka_unit_test(keys_tell_types_apart),
        cmocka_unit_test(copies_of_types_are_whole_in_any_memory),
        cmocka_unit_test(reset_clears_by_policy),
        cmocka_unit_test(clears_exactly_what_is_asked),
        cmocka_unit_test(nothing_behind_a_value_is_read),
        cmocka_unit_test(the_last_step_of_clearing_stays_in_the_block),
        cmocka_unit_test(small_slabs_fit_up_to_the_end),
        cmocka_unit_test(returned_ranges_join_in_any_order),
        cmocka_unit_test(runs_are_used_up),
        cmocka_unit_test(resets_clear_beyond_runs),
        cmocka_unit_test(drops_pass_over_runs),
        cmocka_unit_test(drops_are_not_left_by_cancellation),
        cmocka_unit_test(drops_may_nest),
        cmocka_unit_test(slots_are_mapped_where_it_pays),
        cmocka_unit_test(resets_are_quick_again_after_a_burst),
        cmocka_unit_test(a_full_arena_keeps_no_descriptor_of_what_it_refuses),
        cmocka_unit_test(a_signal_ends_one_wait),
        cmocka_unit_test(a_pause_is_no_cancellation_point),
        cmocka_unit_test(records_are_recycled),
        cmocka_unit_test(records_of_several_threads_are_recycled),
        cmocka_unit_test(tables_of_nodes_grow),
        cmocka_unit_test(tags_of_stacks_count_to_the_end),
        cmocka_unit_test(tables_of_nodes_are_full_when_every_segment_is),
        cmocka_unit_test(who_gives_up_leaves_others_marks),
        cmocka_unit_test(who_is_on_the_way_is_granted_nothing),
        cmocka_unit_test(who_was_woken_wakes_the_next),
        cmocka_unit_test(who_is_woken_in_vain_keeps_its_deadline),
        cmocka_unit_test(eras_count_with_all_their_bits),
        cmocka_unit_test(cancelling_wakes_everyone_below),
        cmocka_unit_test(every_node_of_a_tree_has_its_root),
        cmocka_unit_test(the_first_cause_stays),
        cmocka_unit_test(gates_know_when_they_are_idle),
        cmocka_unit_test(a_gate_that_is_waited_for_is_not_destroyed),
        cmocka_unit_test(numbers_of_holders_do_not_come_again),
        cmocka_unit_test(waiting_begins_with_the_wait),
        cmocka_unit_test(who_comes_first_is_first_in_line),
        cmocka_unit_test(who_polls_beside_a_queue_sees_its_end),
        cmocka_unit_test(who_polls_can_be_cancelled),
        cmocka_unit_test(permits_go_to_who_has_waited_long),
        cmocka_unit_test(permits_go_to_who_has_waited_long_before_newcomers),
        cmocka_unit_test(who_is_cancelled_hands_a_grant_on),
        cmocka_unit_test(references_saturate),
        cmocka_unit_test(shares_of_ended_threads_are_used_again),
        cmocka_unit_test(chunks_hold_what_is_wanted_many_times),
        cmocka_unit_test(behind_the_gate_one_thread_is_lent_all_or_nothing),
        cmocka_unit_test(a_chunk_is_handed_out_to_its_end_without_the_gate),
        cmocka_unit_test(a_burst_behind_the_gate_hides_no_runs),
        cmocka_unit_test(panics_say_what_was_wanted_and_what_is_free),
        cmocka_unit_test(panics_tell_a_long_name),
        cmocka_unit_test(panics_may_say_nothing),
        cmocka_unit_test(panics_say_whose_arena_it_is),
        cmocka_unit_test(sizes_that_only_the_system_refuses),
        cmocka_unit_test(prefault_takes_every_page),
        cmocka_unit_test(what_trim_gave_back_is_not_cleared_again),
        cmocka_unit_test(trim_gives_back_what_was_touched_at_creation),
        cmocka_unit_test(trim_gives_back_chunks),
#if defined(__linux__) && !defined(ELSEWHERE)
        cmocka_unit_test(trim_reaches_to_the_end_of_a_huge_arena),
        cmocka_unit_test(huge_pages_are_asked_for_and_can_be_had),
#endif
    };
    return support_run("slots", tests);
}
