/* SPDX-License-Identifier: MIT */
/* The arena of slots: see slots.h for its invariants.
 *
 * Small arenas are one block of the heap, the slots behind the struct, so that making one is one allocation; large ones
 * have their slots in pages of their own, which cost memory only as they are touched.  A block of the heap holds anything
 * at first: it is cleared as it is handed out, so that a large capacity costs nothing until it is used.
 *
 * What is resident.  A slab may be handed out and never touched, and nobody tells.  So whoever takes back clears what is
 * known to be in memory (below `touched`), and asks the system about the rest (clear_touched): what was not touched stays
 * out.  What was used beyond retain_bytes goes back to the system after CALM_RESETS generations that did not need it.
 */
#include "core/slots.h"

#include "base/arith.h"
#include "base/poison.h"
#include "core/bytes.h"
#include "core/clear.h"
#include "core/type.h"
#include "core/type_set.h"
#include "platform/memory.h"
#include "platform/sync.h"
#include "runtime/panic.h"
#include "runtime/thread.h"

/* Clearing on hand-out: how far ahead, and behind slabs up to which size. */
#define AHEAD_BYTES ((size_t)4 << 10)
#define AHEAD_SLAB_BYTES ((size_t)1 << 10)
/* A peak goes back after so many generations without one; within twice as many, since they are counted in lots. */
#define CALM_RESETS 12

/* Puts the runs in order, the highest first.  There are at most as many as threads. */
static void sort_runs(struct arena *arena) {
    struct run *sorted = NULL;
    while (arena->runs != NULL) {
        struct run *run = arena->runs;
        arena->runs = run->next;
        struct run **link = &sorted;
        while (*link != NULL && (*link)->from > run->from) link = &(*link)->next;
        run->next = *link;
        *link = run;
    }
    arena->runs = sorted;
}

/* Drops the live elements down to `from`, down the addresses.  The arena is sealed meanwhile: a drop must not touch it.  Nor
 * is it left by cancellation, though it may close files and print. */
void slots_drop_down_to(struct arena *arena, char *from) {
    void (*drop)(void *, void *) = arena->type->drop;
    struct thread_state *state = thread_state();
    bool was_dropping = state->dropping;
    uint8_t was_closed = arena->closed;
    sort_runs(arena);
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

void slots_forget_runs(struct arena *arena) {
    for (struct run *run = arena->runs; run != NULL; run = run->next) run->from = run->to = NULL;
    arena->gap_bytes = 0;
}

/* --- checks of debug builds --------------------------------------------------------------------------------------- */

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

/* --- clearing --------------------------------------------------------------------------------------------------- */

static void clear_range(char *from, const char *to) {
    if (from < to) clear_bytes(from, (size_t)(to - from));
}

/* Zeroes memory that a program has had: what it did not touch stays as it was. */
static void clear_used(struct arena *arena, char *from, char *to) {
    char *known = arena->touched < to ? arena->touched : to;
    if (from < known) clear_bytes(from, (size_t)(known - from));
    if (known < from) known = from;
    if (known == to) return;
    char *present = clear_touched(known, (size_t)(to - known));
    if (known <= arena->touched) arena->touched = present;
}

/* Behind a small slab as much again is cleared as this generation used, up to AHEAD_BYTES, so that the next ones find it
 * done: to clear each by itself takes longer than all the rest of handing it out, and its length is a branch that nothing
 * foresees. */
void slots_clear_for_handout(struct arena *arena, char *from, char *to) {
    if (arena->owner == SLOTS_OWNER_GATE) {
        if (arena->clear != ARENA_CLEAR_ON_RESET && from < arena->dirty) {
            clear_used(arena, from, to < arena->dirty ? to : arena->dirty);
        }
        return;
    }
    if (arena->clear == ARENA_CLEAR_NEVER) {
        if (from < arena->dirty) clear_used(arena, from, to < arena->dirty ? to : arena->dirty);
        return;
    }
    if (to <= arena->ready) return;
    size_t ahead = (size_t)(to - arena->base);
    if (ahead > AHEAD_BYTES) ahead = AHEAD_BYTES;
    if (arena->watched || (size_t)(to - from) > AHEAD_SLAB_BYTES) ahead = 0;
    if (from < arena->ready) from = arena->ready;
    if (to < arena->dirty && ahead < (size_t)(arena->dirty - to)) {
        arena->ready = to + ahead;
        clear_used(arena, from, arena->ready);
    } else {
        arena->ready = arena->end;
        if (from < arena->dirty) clear_used(arena, from, arena->dirty);
    }
}

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

void slots_refresh(struct arena *arena) { slots_refresh_inline(arena); }

void slots_settle(struct arena *arena) {
    check_invariants(arena);
    if (LIKELY(arena->burst_limit == NULL)) return;
    char *cursor = arena->head.cursor;
    char *limit = arena->burst_limit;
    arena->burst_limit = NULL;
    if (arena->clear == ARENA_CLEAR_ON_RESET) {
        clear_range(cursor, limit);
    } else {
        if (limit > arena->dirty) arena->dirty = limit;
        if (arena->clear == ARENA_CLEAR_ON_HANDOUT && arena->ready > cursor) arena->ready = cursor;
    }
    if (limit > arena->head.peak) arena->head.peak = limit;
    if (arena->watched) slots_hide(arena, cursor, limit);
    slots_refresh(arena);
}

void slots_take_back(struct arena *arena, char *from, char *to) {
    if (arena->watched && arena->bytes) poison_clear(from, (size_t)(to - from)); /* the zones between the blocks */
    if (arena->clear == ARENA_CLEAR_ON_RESET) {
        if (from < to) clear_used(arena, from, to);
        if (arena->ready < to && arena->owner != SLOTS_OWNER_GATE)
            arena->ready = arena->ready < from ? arena->ready : to;
        if (arena->dirty <= to && arena->ready >= arena->dirty && arena->owner != SLOTS_OWNER_GATE)
            arena->ready = arena->end;
    } else {
        if (to > arena->dirty) arena->dirty = to;
        if (arena->clear == ARENA_CLEAR_ON_HANDOUT && arena->ready > from) arena->ready = from;
    }
    if (arena->watched) slots_hide(arena, from, to);
}

/* Gives pages back from `keep` on, but for what is in use. */
static void give_back_from(struct arena *arena, char *keep) {
    size_t page = pages_size();
    if (keep < arena->head.cursor) keep = arena->head.cursor; /* a checker's zones are no part of what was needed */
    keep += slots_padding((uintptr_t)keep, page);
    char *to = arena->used_end;
    if (arena->block->backing == BACKING_PAGES) {
        to += slots_padding((uintptr_t)to, page);
    } else {
        to -= (uintptr_t)to % page; /* of the last page the rest is not this arena's */
    }
    if (keep >= to || !pages_discard(keep, (size_t)(to - keep))) return;
    arena->used_end = keep;
    if (arena->touched > keep) arena->touched = keep;
    if (arena->dirty > keep && to >= arena->dirty) arena->dirty = keep;
}

/* What may be in memory and could go. */
static size_t excess_bytes(const struct arena *arena) {
    size_t bytes = (size_t)(arena->used_end - arena->base);
    return arena->spare == NULL ? bytes : bytes + (size_t)(arena->spare->used_end - arena->spare->base);
}

/* Is there more in memory than is to be retained? */
static bool note_excess(struct arena *arena) {
    arena->reset_work &= (uint8_t)~WORK_EXCESS;
    if (excess_bytes(arena) <= arena->retain_bytes) return false;
    arena->reset_work |= WORK_EXCESS;
    return true;
}

void slots_end_generation(struct arena *arena, size_t used_bytes, bool all) {
    if (used_bytes > arena->need_bytes) arena->need_bytes = used_bytes;
    arena->high_bytes = 0;
    arena->head.peak = arena->head.cursor;
    enum backing backing = arena->block->backing;
    if (arena->retain_bytes == SIZE_MAX || backing == BACKING_CALLER || (backing == BACKING_SOURCE && !arena->grows))
        return;
    if (!note_excess(arena) || ++arena->calm < CALM_RESETS) return;
    if (arena->bytes) bytes_give_back(arena, arena->need_bytes, all);
    size_t keep_bytes = arena->need_bytes > arena->retain_bytes ? arena->need_bytes : arena->retain_bytes;
    if (arena->block->backing != BACKING_SOURCE && keep_bytes < (size_t)(arena->used_end - arena->base)) {
        give_back_from(arena, arena->base + keep_bytes);
    }
    (void)note_excess(arena);
    arena->calm = 0;
    arena->need_bytes = 0;
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

void slots_trim(struct arena *arena) {
    slots_settle(arena);
    if (arena->bytes) bytes_drop_spare(arena);
    if (arena->block->backing == BACKING_SOURCE || arena->block->backing == BACKING_CALLER) return;
    arena->used_end = slots_touched_end(arena);
    give_back_from(arena, arena->head.cursor);
    arena->head.peak = arena->head.cursor;
    arena->reset_work &= (uint8_t)~WORK_EXCESS;
    slots_refresh(arena);
}

/* --- handing out ------------------------------------------------------------------------------------------------ */

void slots_copy_general(const struct arena *arena, char *slot, const void *value) {
    size_t size = arena->type->size;
    memcpy(slot, value, size);
    if (UNLIKELY(size != arena->stride)) memset(slot + size, 0, arena->stride - size);
}

void slots_fill(const struct arena *arena, char *slab, const void *values, size_t count, bool clears) {
    size_t size = arena->type->size;
    if (values == NULL) {
        if (clears) clear_bytes(slab, count * arena->stride);
    } else if (count == 1) {
        slots_copy_one(arena, slab, values);
    } else if (size == arena->stride) {
        memcpy(slab, values, count * size);
    } else {
        const char *from = values;
        char *past = slab + count * arena->stride;
        for (char *slot = slab; slot != past; slot += arena->stride, from += size) {
            slots_copy_general(arena, slot, from);
        }
    }
}

char *slots_take_run(struct arena *arena, size_t bytes, size_t align) {
    if (arena->gap_bytes == 0 || arena->mark_depth != 0) return NULL;
    for (struct run *run = arena->runs; run != NULL; run = run->next) {
        if (run->from == run->to || !slots_fits(run->from, run->to, bytes, align)) continue;
        char *slab = run->from + slots_padding((uintptr_t)run->from, align);
        arena->gap_bytes -= (size_t)(slab + bytes - run->from);
        run->from = slab + bytes;
        return slab;
    }
    return NULL;
}

/* A leak checker looks at what it is told of, all of it: so it is told of as much as is in use, or twice that. */
void slots_show_to_leak_checker(struct arena *arena, char *to) {
    if (to <= arena->rooted || arena->home.backing != BACKING_PAGES || arena->grows) return;
    size_t bytes = (size_t)(to - arena->base) * 2;
    if (bytes > (size_t)(arena->end - arena->base)) bytes = (size_t)(arena->end - arena->base);
    if (arena->rooted != arena->base) poison_unroot(arena->base, arena->rooted);
    arena->rooted = arena->base + bytes;
    poison_root(arena->base, arena->rooted);
}

/* Takes `count` slots, whose contents are still those of before; NULL when there is no room. */
static char *take_raw(struct arena *arena, size_t count) {
    slots_settle(arena);
    if (slots_sealed(arena)) return NULL;
    if (arena->bytes && count != 0) return bytes_take(arena, count, 1);
    char *slab = arena->head.cursor;
    if (!arith_fits(count, arena->stride, (size_t)(arena->bound - slab))) {
        size_t bytes;
        return arith_mul(count, arena->stride, &bytes) ? slots_take_run(arena, bytes, 1) : NULL;
    }
    char *past = slab + count * arena->stride;
    arena->head.cursor = past;
    if (past > arena->head.limit) arena->head.limit = past;
    if (arena->watched) {
        slots_show(arena, slab, past);
        slots_show_to_leak_checker(arena, past);
    }
    return slab;
}

void *slots_take_slow(struct arena *arena, const void *value) {
    char *slot = take_raw(arena, 1);
    if (slot == NULL) return NULL;
    if (value != NULL) {
        slots_copy_one(arena, slot, value);
    } else {
        slots_zero_slot(arena, slot);
    }
    return slot;
}

void *slots_take_slab(struct arena *arena, size_t count) {
    char *slab = take_raw(arena, count);
    if (slab == NULL) return NULL;
    if (arena->clear != ARENA_CLEAR_NEVER) slots_clear_for_handout(arena, slab, slab + count * arena->stride);
    if (arena->zeroes) slots_refresh(arena);
    return slab;
}

void *slots_take_slab_with(struct arena *arena, const void *values, size_t count) {
    char *slab = take_raw(arena, count);
    if (slab == NULL || count == 0) return slab;
    if (values == NULL) {
        slots_clear_for_handout(arena, slab, slab + count * arena->stride);
        if (arena->watched) poison_clear(slab, count * arena->stride); /* zeros count as written, whatever the policy */
    } else {
        slots_fill(arena, slab, values, count, false);
    }
    return slab;
}

/* --- lending ------------------------------------------------------------------------------------------------------ */

bool slots_lend_run(struct arena *arena, struct run *run, char **from, char **to) {
    if (run->from == run->to) return false;
    *from = run->from;
    *to = run->to;
    arena->gap_bytes -= (size_t)(run->to - run->from);
    run->from = run->to = NULL;
    return true;
}

bool slots_lend(struct arena *arena, size_t most, char **from, char **to) {
    size_t room = (size_t)(arena->end - arena->head.cursor) / arena->stride;
    if (room == 0) return false;
    *from = arena->head.cursor;
    *to = *from + (room < most ? room : most) * arena->stride;
    arena->head.cursor = arena->head.limit = *to;
    return true;
}

bool slots_lend_any(struct arena *arena, size_t most, char **from, char **to) {
    if (slots_lend(arena, most, from, to)) return true;
    if (arena->gap_bytes == 0) return false;
    struct run *run = arena->runs;
    while (!slots_lend_run(arena, run, from, to)) run = run->next;
    return true;
}

void slots_absorb_runs(struct arena *arena) {
    for (struct run *at = arena->runs; at != NULL && arena->gap_bytes != 0;) {
        if (at->from != at->to && at->to == arena->head.cursor) {
            char *lower;
            char *upper;
            (void)slots_lend_run(arena, at, &lower, &upper);
            arena->head.cursor = lower;
            at = arena->runs;
        } else {
            at = at->next;
        }
    }
}

void slots_return(struct arena *arena, char *from, char *to, struct run *run) {
    if (from == to) return;
    if (to != arena->head.cursor) {
        run->from = from;
        run->to = to;
        arena->gap_bytes += (size_t)(to - from);
        return;
    }
    if (to > arena->head.peak) arena->head.peak = to;
    arena->head.cursor = from;
    slots_absorb_runs(arena);
    arena->head.limit = arena->head.cursor;
}

/* --- what there is ------------------------------------------------------------------------------------------------ */

/* Of a block: what may be resident. */
static size_t resident_bytes(const struct block *block, const char *used_end) {
    return block->backing == BACKING_CALLER ? 0 : (size_t)(used_end - block->memory);
}

size_t slots_touched_bytes(const struct arena *arena) {
    size_t bytes = resident_bytes(arena->block, slots_touched_end(arena));
    for (const struct block *at = arena->block->older; at != NULL; at = at->older)
        bytes += resident_bytes(at, at->used_end);
    if (arena->spare != NULL) bytes += resident_bytes(arena->spare, arena->spare->used_end);
    return bytes;
}

void slots_stats(const struct arena *arena, struct arena_stats *stats) {
    size_t highest = arena->prior_bytes + (size_t)(slots_highest(arena) - arena->base) - arena->zone_bytes;
    stats->used_bytes = slots_used_bytes(arena);
    stats->peak_bytes = highest > arena->peak_bytes ? highest : arena->peak_bytes;
    stats->touched_bytes = slots_touched_bytes(arena);
    stats->reserved_bytes = arena->spare != NULL ? arena->spare->memory_bytes : 0;
    stats->blocks = 0;
    for (const struct block *at = arena->block; at != NULL; at = at->older) {
        stats->reserved_bytes += at->memory_bytes;
        if (at == arena->block || at->cursor != at->base) stats->blocks++; /* home may be empty beside a larger one */
    }
    stats->resets = arena->resets;
}

bool slots_owns(const struct arena *arena, const char *address) {
    if (address >= arena->base && address < arena->head.cursor) {
        for (const struct run *run = arena->runs; run != NULL; run = run->next) {
            if (address >= run->from && address < run->to) return false;
        }
        return true;
    }
    for (const struct block *at = arena->block->older; at != NULL; at = at->older) {
        if (address >= at->base && address < at->cursor) return true;
    }
    return false;
}

struct refusal slots_refusal(const struct arena *arena) {
    if (arena == NULL) return (struct refusal){ARENA_EINVAL, "arena is NULL"};
    if (!slots_sealed(arena)) return (struct refusal){ARENA_OK, NULL};
    if (atomic_u8_load(&arena->idle, relaxed) != 0)
        return (struct refusal){ARENA_EINVAL, "the arena is back in its pool"};
    if (arena->owner == SLOTS_OWNER_GATE && !thread_state()->dropping)
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
    const char *label = arena->label == NULL ? "" : arena->label;
    panic(ARENA_EFULL, "%s: arena of %s%s%s is full: %zu wanted, %zu of %zu free", function, arena->type->name,
          label[0] == 0 ? "" : " ", label, count, slots_remaining(arena), slots_capacity(arena));
}
