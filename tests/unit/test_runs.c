/* SPDX-License-Identifier: MIT */
/* Free slots below the cursor: lent, returned, joined, used up. */
#include "core/create.h"
#include "core/slots.h"

#include "../support.h"

#include <arena/arena.h>

/* Three ranges that are returned in each order, into runs that are linked in each order: the cursor goes down to the
 * lowest free slot that nothing live lies above. */
TEST(returned_ranges_join_in_any_order) {
    static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (int order = 0; order < 6; order++) {
        for (int links = 0; links < 6; links++) {
            GIVEN(arena, arena, arena_create(ARENA_TYPE(int64_t), 30, &arena));
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
TEST(runs_are_used_up) {
    GIVEN(arena, arena, arena_create(ARENA_TYPE(int64_t), 30, &arena));
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

/* What share.h lends goes back in any order; what is free at the end of the used part is not a run. */
TEST(lent_ranges_come_back_in_any_order) {
    static const struct arena_type type = {"word", 8, 8, NULL};
    const struct slots_plan plan = {.stride = 8, .bytes = 80};
    struct arena *arena = slots_create(&plan, &type, PART_OF_CONCURRENT, sizeof *arena, NULL);
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

int main(void) { return support_run("runs"); }
