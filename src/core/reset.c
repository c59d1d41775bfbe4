/* SPDX-License-Identifier: MIT */
/* A reset that has more to do than to clear a little (arena.reset_work): drops, free slots between live ones, a peak to
 * give back.  The quick one is in take.h; that of byte arenas in bytes.c.
 */
#include "core/slots.h"

#include "core/bytes.h"
#include "runtime/thread.h"

/* Drops the live elements down to `from`, down the addresses.  The arena is sealed meanwhile: a drop must not touch it.
 * Cancellation does not end a drop, though it may close files and print. */
void slots_drop_down_to(struct arena *arena, char *from) {
    void (*drop)(void *, void *) = arena->type->drop;
    struct thread_state *state = thread_state();
    bool was_dropping = state->dropping;
    uint8_t was_closed = arena->closed;
    slots_sort_runs(arena);
    const struct run *run = arena->runs;
    int cancel = thread_hold_cancel();
    slots_close(arena, CLOSED_DROPPING);
    state->dropping = true; /* a panic from here on aborts */
    for (char *slot = arena->head.cursor; slot > from;) {
        while (run != NULL && (run->from == run->to || run->to > slot)) run = run->next;
        if (run != NULL && run->to == slot) {
            slot = run->from;
            continue;
        }
        slot -= arena->stride;
        drop(slot, arena->drop_user);
    }
    state->dropping = was_dropping;
    arena->closed = was_closed;
    thread_release_cancel(cancel);
}

void slots_reset_slow(struct arena *arena) {
    slots_settle(arena);
    if (arena->bytes) {
        bytes_take_all(arena);
        return;
    }
    char *cursor = arena->head.cursor;
    if (UNLIKELY(arena->type->drop != NULL)) slots_drop_down_to(arena, arena->base);
    slots_note_high(arena);
    arena->used_end = slots_touched_end(arena);
    slots_take_back(arena, arena->base, cursor);
    if (arena->gap_bytes != 0) slots_forget_runs(arena);
    arena->head.cursor = arena->base;
    slots_end_generation(arena, arena->high_bytes, true);
    arena->resets++;
    arena->mark_depth = 0;
    arena->head.floor = arena->floor = arena->base;
    slots_refresh(arena);
}
