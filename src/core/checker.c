/* SPDX-License-Identifier: MIT */
/* What memory checkers are told of an arena: AddressSanitizer, MemorySanitizer, LeakSanitizer, Valgrind.
 *
 * Nothing here runs in a program without one (arena.watched).  Under one the window is closed, each slot or block is
 * marked as it is handed out, and everything that is free is hidden, up to poison_end.
 */
#include "core/slots.h"

#include "base/poison.h"

void slots_show(const struct arena *arena, char *from, char *to) {
    if (arena->clear == ARENA_CLEAR_NEVER) {
        poison_clear_undefined(from, (size_t)(to - from));
    } else {
        poison_clear(from, (size_t)(to - from));
    }
}

void slots_hide(struct arena *arena, char *from, char *to) {
    poison_set(from, (size_t)(to - from));
    if (to > arena->poison_end) arena->poison_end = to;
}

/* A leak checker looks at what it is told of, all of it: so it is told of as much as is in use, or twice that.
 * Of the blocks of a byte arena it is told as they come. */
void slots_show_to_leak_checker(struct arena *arena, char *to) {
    if (to <= arena->rooted || arena->home.backing != BACKING_PAGES) return;
    size_t bytes = (size_t)(to - arena->base) * 2;
    if (bytes > (size_t)(arena->end - arena->base)) bytes = (size_t)(arena->end - arena->base);
    if (arena->rooted != arena->base) poison_unroot(arena->base, arena->rooted);
    arena->rooted = arena->base + bytes;
    poison_root(arena->base, arena->rooted);
}

/* Marks what is free, and what lies around it. */
void slots_hide_all(struct arena *arena) {
    char *behind = arena->home.memory + arena->home.memory_bytes;
    if (arena->home.backing == BACKING_PAGES) {
        poison_set(arena->end, (size_t)(behind - arena->end));
        slots_hide(arena, arena->base,
                   (size_t)(arena->end - arena->base) < POISON_BOUND_BYTES ? arena->end
                                                                           : arena->base + POISON_BOUND_BYTES);
    } else {
        char *after = (char *)arena + arena->header_bytes;
        poison_set(after, (size_t)(arena->base - after));
        slots_hide(arena, arena->base, behind);
    }
}

/* Makes what comes next at these addresses free to be touched. */
void slots_show_all(struct arena *arena) {
    char *from = arena->base;
    char *to = arena->home.memory + arena->home.memory_bytes;
    if (arena->home.backing != BACKING_PAGES) {
        from = (char *)arena + arena->header_bytes; /* what aligns the slots is marked too */
    } else {
        poison_clear(arena->end, (size_t)(to - arena->end));
        to = arena->poison_end;
    }
    poison_clear(from, (size_t)(to - from));
    if (arena->rooted != arena->base) poison_unroot(arena->base, arena->rooted);
}
