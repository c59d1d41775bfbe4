/* SPDX-License-Identifier: MIT */
/* Cleanups of a byte arena: calls of the program's that wait for the memory they lie in to be taken back.
 *
 * A cleanup lies in the arena like any block, newest first in a list.  Code that takes memory back runs the cleanups in
 * it before anything else happens to it; the arena is closed meanwhile, as for drops.
 */
#include "core/bytes.h"

#include "platform/sync.h"
#include "runtime/thread.h"

struct cleanup *bytes_defer(struct arena *arena, void (*run)(void *user), void *user) {
    struct cleanup *cleanup = bytes_take(arena, sizeof *cleanup, _Alignof(struct cleanup));
    if (cleanup == NULL) return NULL;
    *cleanup = (struct cleanup){run, user, arena->cleanups};
    arena->cleanups = cleanup;
    slots_refresh(arena);
    return cleanup;
}

/* Runs the cleanups in [from, to), newest first, as slots_drop_down_to runs drops. */
static void run_cleanups(struct arena *arena, const char *from, const char *to) {
    struct thread_state *state = thread_state();
    bool was_dropping = state->dropping;
    uint8_t was_closed = arena->closed;
    int cancel = thread_hold_cancel();
    slots_close(arena, CLOSED_DROPPING);
    state->dropping = true;
    for (struct cleanup *at = arena->cleanups; at != NULL; at = arena->cleanups) {
        if ((const char *)(at + 1) <= from || (const char *)at >= to) break;
        arena->cleanups = at->older;
        if (at->run != NULL) at->run(at->user);
    }
    state->dropping = was_dropping;
    arena->closed = was_closed;
    thread_release_cancel(cancel);
}

/* Those above `place` in `block`, one of the arena's; the newest block is saved. */
void bytes_run_cleanups(struct arena *arena, const struct block *block, const char *place) {
    if (arena->cleanups == NULL) return;
    for (const struct block *at = arena->block; at != block; at = at->older) run_cleanups(arena, at->base, at->cursor);
    run_cleanups(arena, place, block->cursor);
}
