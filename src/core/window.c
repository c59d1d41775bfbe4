/* SPDX-License-Identifier: MIT */
/* What may be handed out now, and why not.
 *
 * Inline code asks nothing: it takes what lies in the window [head.cursor, head.limit), and takes back down to
 * head.floor.  So code that changes what the window depends on (a reason in arena.closed, bound, ready, burst_limit,
 * cleanups, blocks, the floor) calls slots_refresh afterwards, which works all of it out anew; nothing else opens the
 * window but slots_open, of an empty arena, and the quick reset.  A call that finds the window shut comes here for the
 * reason: slots_refusal.
 */
#include "core/slots.h"

#include "base/poison.h"
#include "core/clear.h"
#include "platform/sync.h"
#include "runtime/panic.h"
#include "runtime/thread.h"

#ifndef NDEBUG
/* The invariants of slots.h, which a program breaks when it writes past the head it may see, uses an arena from two
 * threads at once, or after its end. */
static void check_invariants(const struct arena *arena) {
    const char *cursor = arena->head.cursor;
    bool sound =
        arena->base <= cursor && cursor <= arena->bound && arena->bound <= arena->end && arena->stride != 0 &&
        (arena->bytes || (size_t)(arena->end - arena->base) == arena->capacity * arena->stride) &&
        (size_t)(cursor - arena->base) % arena->stride == 0 && cursor <= arena->head.limit &&
        arena->head.limit <= arena->bound &&
        (arena->head.floor == SLOTS_NO_FLOOR || (arena->base <= arena->head.floor && arena->head.floor <= cursor)) &&
        arena->gap_bytes <= (size_t)(cursor - arena->base) &&
        (arena->burst_limit == NULL || (cursor <= arena->burst_limit && arena->burst_limit <= arena->end));
    if (!sound) panic_fatal("an arena is damaged: used by two threads at once, after its end, or written over");
}
#else
static void check_invariants(const struct arena *arena) { (void)arena; }
#endif

void slots_refresh(struct arena *arena) { slots_refresh_inline(arena); }

void slots_settle(struct arena *arena) {
    check_invariants(arena);
    if (LIKELY(arena->burst_limit == NULL)) return;
    char *cursor = arena->head.cursor;
    char *limit = arena->burst_limit;
    arena->burst_limit = NULL;
    if (arena->clear == ARENA_CLEAR_ON_RESET) {
        if (cursor < limit) clear_bytes(cursor, (size_t)(limit - cursor));
    } else {
        if (limit > arena->dirty) arena->dirty = limit;
        if (arena->clear == ARENA_CLEAR_ON_HANDOUT && arena->ready > cursor) arena->ready = cursor;
    }
    if (limit > arena->used_end) arena->used_end = limit; /* it was lent, and never in use: no peak */
    if (arena->watched) slots_hide(arena, cursor, limit);
    slots_refresh(arena);
}

struct refusal slots_refusal(const struct arena *arena) {
    if (arena == NULL) return (struct refusal){ARENA_EINVAL, "arena is NULL"};
    if (!slots_sealed(arena)) return (struct refusal){ARENA_OK, NULL};
    if (atomic_u8_load(&arena->idle, relaxed) != 0)
        return (struct refusal){ARENA_EINVAL, "the arena is back in its pool"};
    if (arena->part_of == PART_OF_CONCURRENT && !thread_state()->dropping)
        return (struct refusal){ARENA_EINVAL, "the gate is not held"};
    return (struct refusal){ARENA_EBUSY, "the arena is dropping its elements"};
}

int slots_none_status(const struct arena *arena) {
    int status = slots_refusal(arena).status;
    return status == ARENA_OK ? ARENA_EFULL : status;
}

_Noreturn void slots_panic_full(const struct arena *arena, const char *function, size_t count) {
    struct refusal refusal = slots_refusal(arena);
    if (refusal.status != ARENA_OK) panic_for(function, refusal);
    slots_panic_no_room(arena, function, count, slots_remaining(arena));
}

_Noreturn void slots_panic_no_room(const struct arena *arena, const char *function, size_t count, size_t free) {
    const char *label = arena->label == NULL ? "" : arena->label;
    panic(ARENA_EFULL, "%s: arena of %s%s%s is full: %zu wanted, %zu of %zu free", function, arena->type->name,
          label[0] == 0 ? "" : " ", label, count, free, slots_capacity(arena));
}
