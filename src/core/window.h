/* SPDX-License-Identifier: MIT */
/* Opening and closing the window: what others inline.  Part of slots.h, which includes it; see window.c. */
#ifndef CORE_WINDOW_H
#define CORE_WINDOW_H

/* Closes the window for a reason, and opens it where there is no other one. */
static inline void slots_close(struct arena *arena, enum closed_for reason) {
    arena->closed |= (uint8_t)reason;
    arena->head.limit = arena->head.cursor;
}
static inline void slots_open(struct arena *arena, enum closed_for reason) {
    arena->closed &= (uint8_t)~reason;
    if (LIKELY(arena->head.cursor == arena->base)) {
        arena->head.limit = arena->fresh_limit;
    } else {
        slots_refresh(arena);
    }
}

/* The gate's holder works on the arena itself: calls hand out, the window stays closed. */
static inline void slots_enter(struct arena *arena) { arena->closed &= (uint8_t)~CLOSED_BEHIND_GATE; }
static inline void slots_leave(struct arena *arena) { slots_close(arena, CLOSED_BEHIND_GATE); }

static inline bool slots_sealed(const struct arena *arena) { return (arena->closed & CLOSED_TO_ALL) != 0; }

/* slots_refresh, for the code that makes an arena. */
HOT_INLINE void slots_refresh_inline(struct arena *arena) {
    unsigned closed = arena->closed & ~(unsigned)CLOSED_FOR_BURST;
    unsigned work = arena->reset_work & ~(unsigned)(WORK_BURST | WORK_CLEANUPS | WORK_BLOCKS);
    bool reaches_floor = (work & WORK_OF_REWIND) == 0 && arena->part_of != PART_OF_CONCURRENT;
    arena->floor = slots_floor(arena);
    if (arena->burst_limit != NULL) {
        closed |= CLOSED_FOR_BURST;
        work |= WORK_BURST;
        reaches_floor = false;
    }
    if (arena->cleanups != NULL) {
        work |= WORK_CLEANUPS;
        reaches_floor = reaches_floor && !slots_has_cleanup_above(arena, arena->floor);
    }
    if (arena->block != &arena->home && (arena->prior_bytes != 0 || arena->block->older != &arena->home)) {
        work |= WORK_BLOCKS;
    }
    arena->closed = (uint8_t)closed;
    arena->reset_work = (uint8_t)work;
    char *cursor = arena->head.cursor;
    char *limit = arena->bound;
    if (arena->zeroes && arena->ready < limit) limit = arena->ready;
    if (limit < cursor) limit = cursor;
    arena->head.limit = closed != 0 ? cursor : limit;
    if (arena->bytes) arena->fresh_limit = arena->watched ? arena->base : limit;
    arena->head.floor = reaches_floor ? arena->floor : SLOTS_NO_FLOOR;
}

#endif
