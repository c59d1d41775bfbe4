/* SPDX-License-Identifier: MIT */
/* The arena of slots: see slots.h for its invariants.
 *
 * Small arenas are one heap block, the slots behind the struct, so that making one is one allocation; large ones have
 * their slots in pages of their own, which cost memory only as they are touched.
 */
#include "core/slots.h"

#include "base/arith.h"
#include "base/poison.h"
#include "core/clear.h"
#include "core/type.h"
#include "core/type_set.h"
#include "platform/memory.h"
#include "platform/sync.h"
#include "runtime/panic.h"
#include "runtime/thread.h"

/* No options struct is larger. */
#define MOST_OPTION_BYTES ((size_t)4096)
/* Larger elements are copied by memcpy. */
#define MOST_WORDS ((size_t)8)
/* Clearing on hand-out: how far ahead, and behind slabs up to which size. */
#define AHEAD_BYTES ((size_t)4 << 10)
#define AHEAD_SLAB_BYTES ((size_t)1 << 10)
/* From here on slots begin a cache line: what a small scope uses lies in as few as it can, and memset is quicker. */
#define LINE_FROM_BYTES ((size_t)512)
#define LINE_BYTES ((size_t)64)
/* From here on slots are mapped. */
#define MAP_FROM_BYTES ((size_t)64 << 10)

bool slots_options_read(const void *options, void *known, size_t known_size) {
    memset(known, 0, known_size);
    if (options == NULL) return true;
    size_t size;
    memcpy(&size, options, sizeof size);
    if (size < sizeof size || size > MOST_OPTION_BYTES) return false; /* never set, rather than from a far future */
    const unsigned char *bytes = options;
    for (size_t i = known_size; i < size; i++) {
        if (bytes[i] != 0) return false;
    }
    memcpy(known, options, size < known_size ? size : known_size);
    return true;
}

int slots_plan(const struct arena_type *type, size_t capacity, const struct arena_options *options,
               struct slots_plan *plan) {
    struct arena_options known;
    if (!type_valid(type) || !slots_options_read(options, &known, sizeof known)) return ARENA_EINVAL;
    if (known.clear > ARENA_CLEAR_NEVER) return ARENA_EINVAL;
    if ((known.flags & ~(uint32_t)(ARENA_HUGE_PAGES | ARENA_PREFAULT | ARENA_GATE_ONLY)) != 0) return ARENA_EINVAL;
    if (known.clear == ARENA_CLEAR_NEVER && type->drop != NULL) return ARENA_EINVAL;
    plan->clear = known.clear;
    plan->flags = known.flags;
    plan->drop_user = known.drop_user;
    if (!arith_slots(type->size, type->align, capacity, &plan->stride, &plan->bytes)) return ARENA_ENOMEM;
    return ARENA_OK;
}

bool slots_possible(const struct slots_plan *plan) {
    if (plan->bytes < MAP_FROM_BYTES) return true;
    void *memory = pages_reserve(plan->bytes);
    if (memory == NULL) return false;
    pages_release(memory, plan->bytes);
    return true;
}

/* --- memory ----------------------------------------------------------------------------------------------------- */

/* The slots of a mapped arena: aligned pages.  false: no memory. */
static bool map_slots(struct arena *arena, const struct slots_plan *plan, size_t align) {
    size_t page = pages_size();
    bool huge = (plan->flags & ARENA_HUGE_PAGES) != 0 && plan->bytes >= PAGES_HUGE_BYTES;
    if (huge && align < PAGES_HUGE_BYTES) align = PAGES_HUGE_BYTES;
    size_t bytes;
    if (!arith_round_up(plan->bytes == 0 ? 1 : plan->bytes, page, &bytes)) return false;
    if (align > page && !arith_add(bytes, align - page, &bytes)) return false;
    if (arena->watched && !arith_add(bytes, page, &bytes))
        return false; /* for what a checker shall see behind the end */
    if (bytes > ARITH_MAX_BYTES) return false;
    void *memory = pages_reserve(bytes);
    if (memory == NULL) return false;
    char *base = (char *)memory + arith_padding((uintptr_t)memory, align);
    if (huge) pages_huge(base, plan->bytes);
    if ((plan->flags & ARENA_PREFAULT) != 0 && plan->bytes != 0 && !pages_prefault(memory, bytes)) {
        pages_release(memory, bytes);
        return false;
    }
    arena->mapped = true;
    arena->memory = memory;
    arena->memory_bytes = bytes;
    arena->base = base;
    return true;
}

/* Marks what a mapping has behind the last slot. */
static void poison_tail(const struct arena *arena, void (*mark)(const void *start, size_t size_bytes)) {
    mark(arena->end, (size_t)((char *)arena->memory + arena->memory_bytes - arena->end));
}

/* Marks slots as not to be touched. */
static void poison_slots(struct arena *arena, char *from, char *to) {
    poison_set(from, (size_t)(to - from));
    if (to > arena->poison_end) arena->poison_end = to;
}

static uint8_t words_of(size_t size, size_t stride) {
    if (size == 4 && stride == 4) return SLOTS_INT;
    return size == stride && size % 8 == 0 && size <= MOST_WORDS * 8 ? (uint8_t)(size / 8) : 0;
}

static uint8_t pieces_of(size_t size, size_t stride) {
    if (size != stride || size % 8 == 0 || size > MOST_WORDS * 8) return 0;
    if (size % 4 == 0) return (uint8_t)(size / 4);
    return size < 8 ? (uint8_t)(SLOTS_BYTES | size) : 0;
}

struct arena *slots_create(const struct slots_plan *plan, const struct arena_type *type, enum slots_owner owner,
                           size_t header_bytes) {
    size_t align = plan->bytes < LINE_FROM_BYTES ? SLOTS_BLOCK_ALIGN : LINE_BYTES;
    if (align < type->align) align = type->align;
    bool watched = poison_active();
    bool mapped = plan->bytes >= MAP_FROM_BYTES || align > MAP_FROM_BYTES ||
                  (plan->flags & (ARENA_HUGE_PAGES | ARENA_PREFAULT)) != 0;
    size_t block_bytes = header_bytes;
    if (!mapped) {
        /* Neither sum can overflow: each term is far below SIZE_MAX, but for the header, which is the library's own. */
        if (watched) block_bytes += POISON_REDZONE_BYTES;
        if (!arith_add(block_bytes, align + plan->bytes + SLOTS_CLEAR_STEP, &block_bytes)) return NULL;
    }
    struct arena *arena = memory_alloc(block_bytes);
    if (arena == NULL) return NULL;
    arena->watched = watched;
    if (mapped) {
        if (!map_slots(arena, plan, align)) {
            memory_free(arena);
            return NULL;
        }
    } else {
        char *after = (char *)arena + header_bytes + (watched ? POISON_REDZONE_BYTES : 0);
        arena->base = after + arith_padding((uintptr_t)after, align);
        if (watched) poison_set((char *)arena + header_bytes, (size_t)(arena->base - ((char *)arena + header_bytes)));
    }
    arena->stride = plan->stride;
    arena->capacity = plan->bytes / plan->stride;
    arena->words = words_of(type->size, plan->stride);
    arena->pieces = pieces_of(type->size, plan->stride);
    arena->packed = type->size == plan->stride;
    arena->clear = (uint8_t)plan->clear;
    arena->owner = (uint8_t)owner;
    arena->plain = arena->quick = type->drop == NULL && !watched && plan->clear == ARENA_CLEAR_ON_RESET;
    arena->end = arena->base + plan->bytes;
    arena->dirty = arena->base;
    arena->ready = arena->end;
    arena->type = type;
    arena->drop_user = plan->drop_user;
    arena->head.cursor = arena->base;
    arena->fresh_limit = watched ? arena->base : arena->end;
    arena->head.limit = arena->fresh_limit;
    arena->poison_end = arena->base;
    if (watched && !mapped) poison_slots(arena, arena->base, (char *)arena + block_bytes);
    if (watched && mapped) {
        poison_tail(arena, poison_set);
        poison_slots(arena, arena->base,
                     plan->bytes < POISON_BOUND_BYTES ? arena->end : arena->base + POISON_BOUND_BYTES);
    }
    return arena;
}

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

/* Drops every live element, down the addresses.  The arena is sealed meanwhile: a drop must not touch it.  Nor is it
 * left by cancellation, though it may close files and print. */
static void run_drops(struct arena *arena) {
    void (*drop)(void *, void *) = arena->type->drop;
    struct thread_state *state = thread_state();
    bool was_dropping = state->dropping;
    bool was_sealed = arena->sealed;
    sort_runs(arena);
    const struct run *run = arena->runs;
    int cancel = thread_hold_cancel();
    slots_seal(arena);
    state->dropping = true; /* a panic from here on aborts */
    for (char *slot = arena->head.cursor; slot != arena->base;) {
        while (run != NULL && (run->from == run->to || run->to > slot)) run = run->next;
        if (run != NULL && run->to == slot) {
            slot = run->from;
            continue;
        }
        slot -= arena->stride;
        drop(slot, arena->drop_user);
    }
    state->dropping = was_dropping;
    arena->sealed = was_sealed;
    thread_release_cancel(cancel);
}

/* All slots are free: there are no gaps between live ones. */
static void forget_runs(struct arena *arena) {
    for (struct run *run = arena->runs; run != NULL; run = run->next) run->from = run->to = NULL;
    arena->gap_bytes = 0;
}

void slots_destroy(struct arena *arena) {
    slots_settle(arena);
    if (arena->type->drop != NULL) run_drops(arena);
    type_set_destroy(arena->kinds);
    if (arena->watched) {
        char *from = arena->mapped ? arena->base : (char *)&arena[1]; /* what aligns the slots is marked too */
        if (arena->mapped) poison_tail(arena, poison_clear);
        poison_clear(from, (size_t)(arena->poison_end - from)); /* what comes next at these addresses may be touched */
    }
    if (arena->mapped) pages_release(arena->memory, arena->memory_bytes);
    memory_free(arena);
}

/* --- checks of debug builds --------------------------------------------------------------------------------------- */

#ifndef NDEBUG
/* The invariants of slots.h, which a program breaks when it writes past the head it may see, uses an arena from two
 * threads at once, or after its end. */
static void check_invariants(const struct arena *arena) {
    const char *cursor = arena->head.cursor;
    bool sound = arena->base <= cursor && cursor <= arena->end && arena->stride != 0 &&
                 (size_t)(arena->end - arena->base) == arena->capacity * arena->stride &&
                 (size_t)(cursor - arena->base) % arena->stride == 0 &&
                 (arena->head.limit == cursor || arena->head.limit == arena->end) &&
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

/* What is about to be handed out must be zero: [from, to).  Behind a small slab as much again is cleared as this
 * generation used, up to AHEAD_BYTES, so that the next ones find it done: to clear each by itself takes longer than all
 * the rest of handing it out, and its length is a branch that nothing foresees. */
static void clear_for_handout(struct arena *arena, char *from, char *to) {
    if (arena->clear != ARENA_CLEAR_ON_HANDOUT || arena->owner == SLOTS_OWNER_GATE) {
        if (arena->clear != ARENA_CLEAR_ON_RESET) clear_range(from, to < arena->dirty ? to : arena->dirty);
        return;
    }
    if (to <= arena->ready) return;
    size_t ahead = (size_t)(to - arena->base);
    if (ahead > AHEAD_BYTES) ahead = AHEAD_BYTES;
    if (arena->watched || (size_t)(to - from) > AHEAD_SLAB_BYTES) ahead = 0;
    if (from < arena->ready) from = arena->ready;
    if (to < arena->dirty && ahead < (size_t)(arena->dirty - to)) {
        arena->ready = to + ahead;
        clear_range(from, arena->ready);
    } else {
        arena->ready = arena->end;
        clear_range(from, arena->dirty);
    }
}

/* What lies below `to` may have been written to. */
static void mark_dirty(struct arena *arena, char *to) {
    if (to > arena->dirty) arena->dirty = to;
    if (arena->clear == ARENA_CLEAR_ON_HANDOUT) arena->ready = arena->base;
}

void slots_settle(struct arena *arena) {
    check_invariants(arena);
    if (LIKELY(arena->burst_limit == NULL)) return;
    char *limit = arena->burst_limit;
    arena->burst_limit = NULL;
    arena->quick = arena->plain;
    if (arena->clear == ARENA_CLEAR_ON_RESET) {
        clear_range(arena->head.cursor, limit);
    } else {
        mark_dirty(arena, limit);
    }
    if (arena->watched) poison_slots(arena, arena->head.cursor, limit);
    if (!arena->sealed && !arena->watched) arena->head.limit = arena->end;
}

void slots_reset_slow(struct arena *arena) {
    slots_settle(arena);
    char *cursor = arena->head.cursor;
    if (UNLIKELY(arena->type->drop != NULL)) run_drops(arena);
    if (arena->clear == ARENA_CLEAR_ON_RESET) {
        clear_range(arena->base, cursor);
    } else {
        mark_dirty(arena, cursor);
    }
    if (cursor > arena->dirty) arena->dirty = cursor; /* for slots_touched_bytes, with every policy */
    if (arena->gap_bytes != 0) forget_runs(arena);
    arena->head.cursor = arena->base;
    arena->head.limit = arena->sealed ? arena->base : arena->fresh_limit;
    if (arena->watched) poison_slots(arena, arena->base, cursor);
}

void slots_trim(struct arena *arena) {
    slots_settle(arena);
    if (!arena->mapped) return;
    size_t page = pages_size();
    char *from = arena->head.cursor + arith_padding((uintptr_t)arena->head.cursor, page);
    char *to = (char *)arena->memory + arena->memory_bytes;
    if (from >= to || !pages_discard(from, (size_t)(to - from))) return;
    if (from < arena->dirty) arena->dirty = from;
}

size_t slots_touched_bytes(const struct arena *arena) {
    size_t all = (size_t)(arena->end - arena->base);
    size_t noted = (size_t)(arena->dirty - arena->base) + CLEAR_NEAR_BYTES; /* quick resets note nothing */
    return arena->mapped && noted < all ? noted : all;
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

/* Takes `count` slots out of a run. */
static char *take_from_runs(struct arena *arena, size_t count) {
    for (struct run *run = arena->runs; run != NULL; run = run->next) {
        char *slab = run->from;
        if (slab == run->to || !arith_fits(count, arena->stride, (size_t)(run->to - slab))) continue;
        run->from = slab + count * arena->stride;
        arena->gap_bytes -= count * arena->stride;
        return slab;
    }
    return NULL;
}

/* Takes `count` slots, whose contents are still those of before; NULL when there is no room. */
static char *take_raw(struct arena *arena, size_t count) {
    slots_settle(arena);
    if (arena->sealed) return NULL;
    char *slab = arena->head.cursor;
    if (!arith_fits(count, arena->stride, (size_t)(arena->end - slab))) {
        return arena->gap_bytes == 0 ? NULL : take_from_runs(arena, count);
    }
    char *past = slab + count * arena->stride;
    arena->head.cursor = past;
    if (arena->watched) {
        arena->head.limit = past;
        if (arena->clear == ARENA_CLEAR_NEVER) {
            poison_clear_undefined(slab, (size_t)(past - slab));
        } else {
            poison_clear(slab, (size_t)(past - slab));
        }
    }
    return slab;
}

void *slots_take_slow(struct arena *arena, const void *value) {
    char *slot = take_raw(arena, 1);
    if (slot == NULL) return NULL;
    if (value != NULL) {
        slots_copy_one(arena, slot, value);
    } else if (arena->clear != ARENA_CLEAR_ON_RESET) {
        memset(slot, 0, arena->stride);
    }
    return slot;
}

void *slots_take_slab(struct arena *arena, size_t count) {
    char *slab = take_raw(arena, count);
    if (slab == NULL) return NULL;
    if (arena->clear == ARENA_CLEAR_ON_HANDOUT) clear_for_handout(arena, slab, slab + count * arena->stride);
    return slab;
}

void *slots_take_slab_with(struct arena *arena, const void *values, size_t count) {
    char *slab = take_raw(arena, count);
    if (slab == NULL || count == 0) return slab;
    if (values == NULL) {
        clear_for_handout(arena, slab, slab + count * arena->stride);
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

void slots_return(struct arena *arena, char *from, char *to, struct run *run) {
    if (from == to) return;
    if (to != arena->head.cursor) {
        run->from = from;
        run->to = to;
        arena->gap_bytes += (size_t)(to - from);
        return;
    }
    /* The cursor goes down, and takes with it the runs that then end there. */
    arena->head.cursor = from;
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
    arena->head.limit = arena->head.cursor;
}

struct refusal slots_refusal(const struct arena *arena) {
    if (arena == NULL) return (struct refusal){ARENA_EINVAL, "arena is NULL"};
    if (!arena->sealed) return (struct refusal){ARENA_OK, NULL};
    if (atomic_u8_load(&arena->idle, relaxed) != 0) return (struct refusal){ARENA_EINVAL, "the arena is back in its pool"};
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
    panic(ARENA_EFULL, "%s: arena of %s is full: %zu wanted, %zu of %zu free", function, arena->type->name, count,
          slots_remaining(arena), slots_capacity(arena));
}
