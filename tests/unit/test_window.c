/* SPDX-License-Identifier: MIT */
/* What may be handed out, and what is quick; damage, which debug builds find. */
#include "base/poison.h"
#include "base/race.h"
#include "core/create.h"
#include "core/slots.h"

#include "../support.h"

#include <arena/arena.h>

#include <signal.h>

/* This program is built as the library is: with a checker both are, or neither is. */
TEST(checkers_watch_where_they_are) {
    assert_false(race_watched());
    assert_int_equal(poison_active(), support_checked());
}

/* After a burst, ended or left, a reset takes the short way again.  It is right without, and so nothing else would notice. */
TEST(resets_are_quick_again_after_a_burst) {
    GIVEN(arena, arena, arena_create(ARENA_TYPE(int), 10, &arena));
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
static void bound_above(struct arena *arena) { arena->bound = arena->end + arena->stride; }
static void floor_below(struct arena *arena) { arena->head.floor = arena->base - arena->stride; }
static void floor_above(struct arena *arena) { arena->head.floor = arena->head.cursor + arena->stride; }
static void no_floor(struct arena *arena) { arena->head.floor = SLOTS_NO_FLOOR; }
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

TEST(damage_is_found) {
    static void (*const sound[])(struct arena * arena) = {nothing, limit_at_cursor, burst_open, no_floor};
    static void (*const damages[])(struct arena * arena) = {
        cursor_below,   cursor_above, cursor_inside_a_slot, limit_below, limit_above, no_stride,   other_capacity,
        gaps_too_large, burst_below,  burst_above,          bound_above, floor_below, floor_above,
    };
    for (size_t i = 0; i < sizeof sound / sizeof sound[0]; i++) assert_false(found(sound[i]));
#ifdef NDEBUG
    (void)damages;
#else
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) assert_true(found(damages[i]));
#endif
}

int main(void) { return support_run("window"); }
