/* SPDX-License-Identifier: MIT */
/* The arena of slots: what it lends and takes back, runs, resets, drops, and damage, which debug builds find. */
#include "base/poison.h"
#include "base/race.h"
#include "core/create.h"
#include "core/slots.h"
#include "core/type.h"
#include "runtime/thread.h"

#include "../support.h"

#include <arena/arena.h>

#include <signal.h>
#include <sys/mman.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

/* This program is built as the library is: with a checker both are, or neither is. */
static void checkers_watch_where_they_are(void **state) {
    assert_false(race_watched());
    assert_int_equal(poison_active(), support_checked());
}

/* Reset clears much under one policy alone: under the others it costs the same however much was used.  A little is cleared
 * whatever the policy: to note what is to be cleared takes longer. */
static void reset_clears_by_policy(void **state) {
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

/* A value may be the last thing before what must not be touched. */
static void nothing_behind_a_value_is_read(void **state) {
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
    arena->end = arena->bound = arena->fresh_limit = arena->head.limit = end - page;
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
    arena->end = arena->bound = arena->fresh_limit = arena->head.limit = end;
    arena->capacity = pages * page;
    arena_destroy(arena);
}

/* Three ranges that are returned in each order, into runs that are linked in each order: the cursor goes down to the
 * lowest free slot that nothing live lies above. */
static void returned_ranges_join_in_any_order(void **state) {
    static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (int order = 0; order < 6; order++) {
        for (int links = 0; links < 6; links++) {
            struct arena *arena;
            assert_int_equal(arena_create(ARENA_TYPE(int64_t), 30, &arena), ARENA_OK);
            arena->reset_work |= WORK_RUNS;
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
            slots_open(arena, CLOSED_BEHIND_GATE);
            assert_ptr_equal(slots_take_slab(arena, 30), from[0]);
            arena_destroy(arena);
        }
    }
}

/* A run gives what is asked for from its low end, and the rest later; the next one gives what it is too short for. */
static void runs_are_used_up(void **state) {
    struct arena *arena;
    assert_int_equal(arena_create(ARENA_TYPE(int64_t), 30, &arena), ARENA_OK);
    arena->reset_work |= WORK_RUNS;
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
    for (uint32_t clear = ARENA_CLEAR_ON_RESET; clear <= ARENA_CLEAR_ON_HANDOUT; clear++) {
        const struct slots_plan plan = {.stride = sizeof(int64_t), .bytes = 30 * sizeof(int64_t), .clear = clear};
        struct arena *arena = slots_create(&plan, ARENA_TYPE(int64_t), SLOTS_OWNER_GATE, sizeof *arena, NULL);
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
    struct arena *arena;
    assert_int_equal(arena_create(&noted, 10, &arena), ARENA_OK);
    arena->reset_work |= WORK_RUNS;
    for (int64_t i = 0; i < 10; i++) assert_non_null(arena_alloc(arena, &i));
    drops = 0;
    return arena;
}

/* Live elements alone, down the addresses, whatever the order of the runs; after that there are none. */
static void drops_pass_over_runs(void **state) {
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

static void drops_may_nest(void **state) {
    static const struct arena_type type = {"outer", 1, 1, end_inner};
    struct arena *outer;
    assert_int_equal(arena_create(&type, 2, &outer), ARENA_OK);
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

/* Pages of their own: for what is large, for large alignments, and where the flags want it. */
static void slots_are_mapped_where_it_pays(void **state) {
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
        assert_int_equal(arena->home.backing == BACKING_PAGES, cases[i].mapped);
        arena_destroy(arena);
    }
}

/* After a burst, ended or left, a reset takes the short way again.  It is right without, and so nothing else would notice. */
static void resets_are_quick_again_after_a_burst(void **state) {
    struct arena *arena;
    assert_int_equal(arena_create(ARENA_TYPE(int), 10, &arena), ARENA_OK);
    unsigned work = arena->watched ? WORK_CHECKER : 0;
    assert_int_equal(arena->reset_work, work);
    struct arena_burst burst;
    arena_burst_begin(arena, &burst);
    assert_int_equal(arena->reset_work, work | WORK_BURST);
    arena_burst_end(arena, &burst);
    assert_int_equal(arena->reset_work, work);
    arena_burst_begin(arena, &burst);
    assert_non_null(arena_burst_put(&burst, NULL));
    slots_settle(arena);
    assert_int_equal(arena->reset_work, work);
    arena_destroy(arena);
}

/* Or an arena that is full would grow with each new type that it is asked for. */
static void a_full_arena_keeps_no_descriptor_of_what_it_refuses(void **state) {
    struct arena *arena;
    assert_int_equal(arena_create(arena_type_any(), 0, &arena), ARENA_OK);
    assert_null(arena_try_alloc_any(arena, ARENA_TYPE(int), NULL));
    assert_null(arena->kinds);
    arena_destroy(arena);
}

static void arenas_that_no_address_space_holds(void **state) {
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
static void sizes_that_no_plan_has(void **state) {
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

/* What share.h lends goes back in any order; what is free at the end of the used part is not a run. */
static void lent_ranges_come_back_in_any_order(void **state) {
    static const struct arena_type type = {"word", 8, 8, NULL};
    const struct slots_plan plan = {.stride = 8, .bytes = 80};
    struct arena *arena = slots_create(&plan, &type, SLOTS_OWNER_GATE, sizeof *arena, NULL);
    assert_non_null(arena);
    slots_close(arena, CLOSED_BEHIND_GATE);
    char *from[3];
    char *to[3];
    struct run runs[4] = {{0}};
    for (int i = 0; i < 3; i++) {
        runs[i].next = &runs[i + 1];
        assert_true(slots_lend(arena, 3, &from[i], &to[i]));
    }
    arena->runs = &runs[0];
    assert_int_equal(slots_remaining(arena), 1);
    slots_return(arena, from[1], from[1], &runs[1]); /* nothing */
    assert_int_equal(slots_remaining(arena), 1);
    slots_return(arena, from[0], to[0], &runs[0]);
    slots_return(arena, from[1] + 8, to[1], &runs[1]);
    assert_int_equal(slots_remaining(arena), 6);
    assert_ptr_equal(arena->head.cursor, to[2]);
    slots_return(arena, from[2], to[2], &runs[2]); /* and with it the run below */
    assert_int_equal(slots_remaining(arena), 9);
    assert_ptr_equal(arena->head.cursor, from[1] + 8);
    assert_ptr_equal(arena->head.limit, arena->head.cursor); /* it stays sealed */
    slots_return(arena, from[1], from[1] + 8, &runs[1]);     /* and the one below that */
    assert_int_equal(slots_remaining(arena), 10);
    assert_ptr_equal(arena->head.cursor, arena->base);
    assert_int_equal(arena->gap_bytes, 0);
    assert_false(slots_lend_run(arena, &runs[0], &from[0], &to[0]));
    slots_destroy(arena);
}

/* --- damage, which debug builds find -------------------------------------------------------------------------------- */

static void nothing(struct arena *arena) { (void)arena; }
static void cursor_below(struct arena *arena) { arena->head.cursor = arena->base - arena->stride; }
static void cursor_above(struct arena *arena) { arena->head.cursor = arena->end + arena->stride; }
static void cursor_inside_a_slot(struct arena *arena) { arena->head.cursor++; }
static void limit_below(struct arena *arena) { arena->head.limit = arena->head.cursor - arena->stride; }
static void limit_above(struct arena *arena) { arena->head.limit = arena->bound + arena->stride; }
static void limit_at_cursor(struct arena *arena) { arena->head.limit = arena->head.cursor; }
static void no_stride(struct arena *arena) { arena->stride = 0; }
static void other_capacity(struct arena *arena) { arena->capacity++; }
static void gaps_too_large(struct arena *arena) { arena->gap_bytes = (size_t)(arena->head.cursor - arena->base) + 1; }
static void burst_below(struct arena *arena) { arena->burst_limit = arena->base; }
static void burst_above(struct arena *arena) { arena->burst_limit = arena->end + 1; }
static void burst_open(struct arena *arena) { arena->burst_limit = arena->head.limit = arena->head.cursor; }

/* Does a process that damages an arena so find out at the next call? */
static bool found(void (*damage)(struct arena *arena)) {
    pid_t child = fork();
    if (child == 0) {
        struct arena *arena;
        if (arena_create(ARENA_TYPE(int), 8, &arena) != ARENA_OK) exit(1);
        (void)arena_alloc_slab(arena, 3);
        damage(arena);
        slots_settle(arena);
        exit(0);
    }
    int status = -1;
    assert_true(child > 0 && waitpid(child, &status, 0) == child);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT) return true;
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return false;
}

static void damage_is_found(void **state) {
    static void (*const sound[])(struct arena * arena) = {nothing, limit_at_cursor, burst_open};
    static void (*const damages[])(struct arena * arena) = {
        cursor_below, cursor_above,   cursor_inside_a_slot, limit_below, limit_above,
        no_stride,    other_capacity, gaps_too_large,       burst_below, burst_above,
    };
    for (size_t i = 0; i < sizeof sound / sizeof sound[0]; i++) assert_false(found(sound[i]));
#ifdef NDEBUG
    (void)damages;
#else
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) assert_true(found(damages[i]));
#endif
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(checkers_watch_where_they_are),
        cmocka_unit_test(reset_clears_by_policy),
        cmocka_unit_test(nothing_behind_a_value_is_read),
        cmocka_unit_test(the_last_step_of_clearing_stays_in_the_block),
        cmocka_unit_test(small_slabs_fit_up_to_the_end),
        cmocka_unit_test(returned_ranges_join_in_any_order),
        cmocka_unit_test(runs_are_used_up),
        cmocka_unit_test(resets_clear_beyond_runs),
        cmocka_unit_test(drops_pass_over_runs),
        cmocka_unit_test(drops_may_nest),
        cmocka_unit_test(slots_are_mapped_where_it_pays),
        cmocka_unit_test(resets_are_quick_again_after_a_burst),
        cmocka_unit_test(a_full_arena_keeps_no_descriptor_of_what_it_refuses),
        cmocka_unit_test(arenas_that_no_address_space_holds),
        cmocka_unit_test(sizes_that_no_plan_has),
        cmocka_unit_test(lent_ranges_come_back_in_any_order),
        cmocka_unit_test(damage_is_found),
    };
    return support_run("slots", tests);
}
