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

static const struct refusal not_open = {ARENA_EINVAL, "the burst is not open"};

/* Is this the end of what an open burst of the arena holds? */
static bool burst_ends_at(const struct arena *arena, const char *cursor) {
    return arena != NULL && arena->burst_limit != NULL && arena->burst_limit == cursor;
}

/* Lends the next piece: [cursor, the result).  What seals an arena has ended its burst. */
static char *burst_refill(struct arena *arena, char *cursor) {
    size_t room = (size_t)(arena->end - cursor);
    size_t piece = PIECE_BYTES - PIECE_BYTES % arena->stride;
    if (piece == 0 || arena->watched) piece = arena->stride; /* a checker sees each slot as it is handed out */
    if (piece > room) piece = room;
    arena->burst_limit = cursor + piece;
    if (arena->watched && piece != 0) poison_clear(cursor, piece);
    return arena->burst_limit;
}

static struct refusal begin(struct arena *arena, struct arena_burst *out) {
    if (out == NULL) return (struct refusal){ARENA_EINVAL, "out is NULL"};
    poison_written(out, sizeof *out);
    struct refusal refusal = slots_refusal(arena);
    if (refusal.status != ARENA_OK) return refusal;
    if (arena->bytes) return (struct refusal){ARENA_EINVAL, "an arena of bytes has no elements"};
    slots_settle(arena);
    arena->burst_limit = arena->head.cursor;
    slots_refresh(arena); /* closed */
    out->arena = arena;
    out->cursor = arena->head.cursor;
    out->limit = arena->head.cursor; /* empty: the first put lends a piece, and a burst of nothing costs nothing */
    return refusal;
}

void arena_burst_begin(struct arena *arena, struct arena_burst *out) {
    struct refusal refusal = begin(arena, out);
    if (refusal.status != ARENA_OK) panic_for("arena_burst_begin", refusal);
}

int arena_burst_begin_checked(struct arena *arena, struct arena_burst *out) {
    int status = begin(arena, out).status;
    if (status != ARENA_OK && out != NULL) *out = (struct arena_burst){NULL, NULL, NULL};
    return status;
}

char *arena_burst_more(struct arena *arena, char *cursor, char **limit) {
    if (!burst_ends_at(arena, cursor)) panic_for("arena_burst_put", not_open);
    poison_written(limit, sizeof *limit);
    *limit = burst_refill(arena, cursor);
    return cursor;
}

/* One element in *slot; NULL: nothing is left. */
static struct refusal put(struct arena_burst *burst, const void *value, void **slot) {
    *slot = NULL;
    if (burst == NULL || burst->arena == NULL) return not_open;
    struct arena *arena = burst->arena;
    if (burst->cursor == burst->limit) {
        if (!burst_ends_at(arena, burst->cursor)) return not_open;
        burst->limit = burst_refill(arena, burst->cursor);
        if (burst->cursor == burst->limit) return (struct refusal){ARENA_OK, NULL};
    }
    *slot = burst->cursor;
    burst->cursor += arena->stride;
    if (value != NULL) {
        slots_copy_one(arena, *slot, value);
    } else {
        slots_zero_slot(arena, *slot);
    }
    return (struct refusal){ARENA_OK, NULL};
}

void *arena_burst_put(struct arena_burst *burst, const void *value) {
    void *slot;
    struct refusal refusal = put(burst, value, &slot);
    if (UNLIKELY(refusal.status != ARENA_OK)) panic_for("arena_burst_put", refusal);
    return slot;
}

int arena_burst_put_checked(struct arena_burst *burst, const void *value, void **out) {
    if (out == NULL) return ARENA_EINVAL;
    int status = put(burst, value, out).status;
    return status == ARENA_OK && *out == NULL ? ARENA_EFULL : status;
}

static struct refusal end(struct arena *arena, struct arena_burst *burst) {
    /* The limit alone does not tell whose burst it is: one mapping may begin where another ends. */
    if (burst == NULL || burst->arena != arena || !burst_ends_at(arena, burst->limit))
        return (struct refusal){ARENA_EINVAL, "the burst is not the arena's open one"};
    arena->head.cursor = burst->cursor;
    if (arena->watched) poison_set(burst->cursor, (size_t)(burst->limit - burst->cursor));
    arena->burst_limit = NULL;
    slots_refresh(arena);
    burst->cursor = burst->limit = NULL;
    return (struct refusal){ARENA_OK, NULL};
}

void arena_burst_end(struct arena *arena, struct arena_burst *burst) {
    struct refusal refusal = end(arena, burst);
    if (refusal.status != ARENA_OK) panic_for("arena_burst_end", refusal);
}

int arena_burst_end_checked(struct arena *arena, struct arena_burst *burst) { return end(arena, burst).status; }
