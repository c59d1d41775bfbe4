/* SPDX-License-Identifier: MIT */
/* Bursts: the window of an arena, lent to its user's registers one piece at a time.
 *
 * An open burst holds [head.cursor, burst_limit); the arena's own window is closed meanwhile.  A refill moves the limit
 * on by a piece; the cursor stays until the end commits all at once.  So a burst that is left costs what it wrote and
 * at most one piece more to clear, however large the arena.
 */
#include "core/slots.h"

#include "base/poison.h"
#include "runtime/panic.h"

#define PIECE_BYTES ((size_t)64 << 10)

/* Lends the next piece: [cursor, the result). */
static char *burst_refill(struct arena *arena, char *cursor) {
    if (arena == NULL || arena->burst_limit == NULL || arena->burst_limit != cursor)
        panic("arena_burst_put: the burst is not open");
    size_t room = arena->sealed ? 0 : (size_t)(arena->end - cursor);
    size_t piece = PIECE_BYTES - PIECE_BYTES % arena->stride;
    if (piece == 0 || arena->watched) piece = arena->stride; /* a checker sees each slot as it is handed out */
    if (piece > room) piece = room;
    arena->burst_limit = cursor + piece;
    if (arena->watched && piece != 0) poison_clear(cursor, piece);
    return arena->burst_limit;
}

void arena_burst_begin(struct arena *arena, struct arena_burst *out) {
    if (arena == NULL || out == NULL) panic("arena_burst_begin: arena or out is NULL");
    slots_settle(arena);
    arena->head.limit = arena->head.cursor;
    arena->burst_limit = arena->head.cursor;
    arena->quick = false;
    out->arena = arena;
    out->cursor = arena->head.cursor;
    out->limit = arena->head.cursor; /* empty: the first put lends a piece, and a burst of nothing costs nothing */
}

char *arena_burst_more(struct arena *arena, char *cursor, char **limit) {
    *limit = burst_refill(arena, cursor);
    return cursor;
}

void *arena_burst_put(struct arena_burst *burst, const void *value) {
    if (burst == NULL || burst->arena == NULL) panic("arena_burst_put: the burst is not open");
    struct arena *arena = burst->arena;
    if (burst->cursor == burst->limit) {
        burst->limit = burst_refill(arena, burst->cursor);
        if (burst->cursor == burst->limit) return NULL;
    }
    char *slot = burst->cursor;
    burst->cursor = slot + arena->stride;
    if (value != NULL) {
        slots_copy_one(arena, slot, value);
    } else if (arena->clear != ARENA_CLEAR_ON_RESET) {
        memset(slot, 0, arena->stride);
    }
    return slot;
}

void arena_burst_end(struct arena *arena, struct arena_burst *burst) {
    /* The limit alone does not tell whose burst it is: one mapping may begin where another ends. */
    if (arena == NULL || burst == NULL || burst->arena != arena || arena->burst_limit == NULL ||
        arena->burst_limit != burst->limit) {
        panic("arena_burst_end: the burst is not the arena's open one");
    }
    arena->head.cursor = burst->cursor;
    if (arena->watched) poison_set(burst->cursor, (size_t)(burst->limit - burst->cursor));
    arena->burst_limit = NULL;
    arena->quick = arena->plain;
    arena->head.limit = arena->sealed || arena->watched ? arena->head.cursor : arena->end;
    burst->cursor = burst->limit = NULL;
}
