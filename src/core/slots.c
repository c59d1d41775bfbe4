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

/* No options struct is larger. */
#define MOST_OPTION_BYTES ((size_t)4096)
/* Larger elements are copied by memcpy. */
#define MOST_WORDS ((size_t)8)
/* Clearing on hand-out: how far ahead, and behind slabs up to which size. */
#define AHEAD_BYTES ((size_t)4 << 10)
#define AHEAD_SLAB_BYTES ((size_t)1 << 10)
/* From here on slots begin a cache line: what a small scope used lies in as few as it can, and memset is quicker. */
#define LINE_FROM_BYTES ((size_t)512)
#define LINE_BYTES ((size_t)64)
/* An arena behind a gate has all zero memory from the start: from here on the system's, which costs nothing. */
#define GATE_PAGES_FROM ((size_t)16 << 10)
/* A peak goes back after so many generations without one; within twice as many, since they are counted in lots. */
#define CALM_RESETS 12
#define RETAIN_BYTES ((size_t)1 << 20)
/* Less than this is not worth a call. */
#define RETAIN_LEAST ((size_t)16 << 10)

bool slots_options_read(const void *options, void *known, size_t known_size) {
    memset(known, 0, known_size);
    if (options == NULL) return true;
    size_t size;
    memcpy(&size, options, sizeof size);
    if (size < sizeof size || size > MOST_OPTION_BYTES) return false; /* not a size: it was never set */
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
    if (known.source != NULL && known.source->take == NULL) return ARENA_EINVAL;
    *plan = (struct slots_plan){
        .clear = known.clear,
        .flags = known.flags,
        .of_bytes = type_same(type, &bytes_type),
        .drop_user = known.drop_user,
        .retain_bytes = known.retain_bytes == 0 ? RETAIN_BYTES : known.retain_bytes,
        .block_bytes = known.block_bytes,
        .label = known.label,
    };
    if (known.source != NULL) plan->source = *known.source;
    if (plan->of_bytes) { /* it grows as far as memory does */
        plan->stride = 1;
        plan->bytes = capacity;
        return ARENA_OK;
    }
    if (!arith_slots(type->size, type->align, capacity, &plan->stride, &plan->bytes)) return ARENA_ENOMEM;
    return ARENA_OK;
}

bool slots_possible(const struct slots_plan *plan) {
    if (plan->of_bytes || plan->source.take != NULL || plan->bytes < BACKING_PAGES_FROM) return true;
    void *memory = pages_reserve(plan->bytes);
    if (memory == NULL) return false;
    (void)pages_release(memory, plan->bytes);
    return true;
}

/* --- memory ----------------------------------------------------------------------------------------------------- */

/* The slots of an arena that has pages of its own.  false: no memory. */
static bool map_slots(struct arena *arena, const struct slots_plan *plan, size_t align, bool fresh) {
    size_t page = pages_size();
    bool huge = (plan->flags & ARENA_HUGE_PAGES) != 0 && plan->bytes >= PAGES_HUGE_BYTES;
    bool advised = (plan->flags & (ARENA_HUGE_PAGES | ARENA_PREFAULT)) != 0;
    if (huge && align < PAGES_HUGE_BYTES) align = PAGES_HUGE_BYTES;
    size_t bytes;
    if (!arith_add(plan->bytes, SLOTS_CLEAR_STEP, &bytes) || !arith_round_up(bytes, page, &bytes)) return false;
    if (align > page && !arith_add(bytes, align - page, &bytes)) return false;
    if (arena->watched && !arith_add(bytes, page, &bytes))
        return false; /* for what a checker shall see behind the end */
    if (bytes > ARITH_MAX_BYTES) return false;
    struct span span;
    if (!backing_map(bytes, fresh || arena->watched || advised, &span)) return false;
    char *base = span.memory + arith_padding((uintptr_t)span.memory, align);
    if (huge) pages_huge(base, plan->bytes);
    if ((plan->flags & ARENA_PREFAULT) != 0 && plan->bytes != 0 && !pages_prefault(span.memory, bytes)) {
        backing_unmap(&span, 0, false);
        return false;
    }
    struct block *home = &arena->home;
    home->backing = BACKING_PAGES;
    home->memory = span.memory;
    home->memory_bytes = bytes;
    arena->base = base;
    arena->end = base + plan->bytes;
    arena->used_end = arena->dirty = base;
    if (span.dirty_bytes != 0) {
        arena->dirty = arena->used_end = span.memory + span.dirty_bytes;
        if (arena->dirty > arena->end) arena->dirty = arena->used_end = arena->end;
    }
    arena->advised = advised;
    if ((plan->flags & ARENA_PREFAULT) != 0) arena->touched = arena->used_end = arena->end;
    return true;
}

/* The slots behind the struct, in a block of which anything may be left. */
static void place_slots(struct arena *arena, const struct slots_plan *plan, size_t align, bool dirty) {
    char *after = (char *)arena + arena->header_bytes;
    if (arena->watched) after += POISON_REDZONE_BYTES;
    arena->base = after + arith_padding((uintptr_t)after, align);
    arena->end = arena->base + plan->bytes;
    arena->used_end = arena->base;
    arena->dirty = dirty ? arena->end : arena->base;
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

/* Where the slots of an arena begin. */
static size_t slots_align(const struct slots_plan *plan, const struct arena_type *type) {
    size_t align = plan->bytes < LINE_FROM_BYTES && !plan->of_bytes ? SLOTS_BLOCK_ALIGN : LINE_BYTES;
    return align < type->align ? type->align : align;
}

static size_t label_bytes(const struct slots_plan *plan) { return plan->label == NULL ? 0 : strlen(plan->label) + 1; }

/* Of the block with the struct, and (`slots_bytes`) room for slots; false: too much. */
static bool block_bytes(size_t header_bytes, size_t align, size_t slots_bytes, bool watched, size_t *bytes) {
    if (watched) header_bytes += POISON_REDZONE_BYTES;
    return arith_add(header_bytes, SLOTS_CLEAR_STEP, bytes) && arith_add(*bytes, align, bytes) &&
           arith_add(*bytes, slots_bytes, bytes) && *bytes <= ARITH_MAX_BYTES;
}

bool slots_in_bytes(const struct slots_plan *plan, const struct arena_type *type, size_t header_bytes, size_t *bytes) {
    /* Where the slots begin is decided by what there is room for, which may be more than what is asked here. */
    size_t align = type->align < LINE_BYTES ? LINE_BYTES : type->align;
    return block_bytes(header_bytes + label_bytes(plan) + _Alignof(max_align_t), align, plan->bytes, false, bytes);
}

/* How an arena comes to its memory. */
struct layout {
    enum backing backing; /* of the struct, and of the slots where they lie behind it */
    bool apart;           /* the slots have pages of their own */
    size_t align;
    size_t slots_bytes; /* behind the struct */
    size_t bytes;       /* of the block */
};

/* What fits into memory that was handed in.  false: not even the struct does. */
static bool lay_out_place(struct slots_plan *plan, size_t header_bytes, bool watched, const struct slots_place *place,
                          struct layout *layout) {
    size_t least;
    if (!block_bytes(header_bytes, layout->align, 0, watched, &least) || least > place->bytes) return false;
    size_t room = place->bytes - least;
    if (!plan->of_bytes) {
        if (plan->bytes > room) plan->bytes = room - room % plan->stride;
        room = plan->bytes;
    }
    layout->backing = BACKING_CALLER;
    layout->slots_bytes = room;
    layout->bytes = place->bytes;
    return true;
}

static bool lay_out(const struct slots_plan *plan, enum slots_owner owner, size_t header_bytes, bool watched,
                    struct layout *layout) {
    size_t from = owner == SLOTS_OWNER_GATE ? GATE_PAGES_FROM : BACKING_PAGES_FROM;
    bool own = plan->source.take != NULL;
    layout->backing = own ? BACKING_SOURCE : BACKING_HEAP;
    layout->slots_bytes = plan->bytes;
    if (plan->of_bytes && owner != SLOTS_OWNER_GATE) {
        layout->slots_bytes = bytes_first_block(plan, header_bytes);
    } else if (!own) {
        layout->apart = plan->bytes >= from || layout->align > BACKING_PAGES_FROM ||
                        (plan->flags & (ARENA_HUGE_PAGES | ARENA_PREFAULT)) != 0;
    }
    if (layout->apart) layout->slots_bytes = 0;
    return block_bytes(header_bytes, layout->apart ? 0 : layout->align, layout->slots_bytes, watched, &layout->bytes);
}

static void *take_header(const struct layout *layout, const struct slots_plan *plan, enum slots_owner owner,
                         size_t header_bytes, const struct slots_place *place) {
    if (place != NULL) {
        memset(place->memory, 0, header_bytes);
        return place->memory;
    }
    char *memory = backing_take(&plan->source, layout->bytes, _Alignof(max_align_t));
    if (memory == NULL) return NULL;
    /* Behind a gate all that is free is zero. */
    memset(memory, 0, owner == SLOTS_OWNER_GATE ? layout->bytes : header_bytes);
    return memory;
}

static void set_up(struct arena *arena, const struct slots_plan *plan, const struct arena_type *type,
                   enum slots_owner owner) {
    arena->stride = plan->stride;
    arena->words = words_of(type->size, plan->stride);
    arena->pieces = pieces_of(type->size, plan->stride);
    arena->packed = type->size == plan->stride;
    arena->clear = (uint8_t)plan->clear;
    arena->owner = (uint8_t)owner;
    arena->bytes = plan->of_bytes;
    arena->zeroes = plan->of_bytes && plan->clear != ARENA_CLEAR_NEVER;
    arena->plain = type->drop == NULL && !arena->watched;
    arena->type = type;
    arena->drop_user = plan->drop_user;
    arena->retain_bytes = plan->retain_bytes < RETAIN_LEAST ? RETAIN_LEAST : plan->retain_bytes;
    if ((plan->flags & ARENA_PREFAULT) != 0) arena->retain_bytes = SIZE_MAX; /* no later access is to fault */
    arena->source = plan->source;
    arena->void_low = 1; /* and void_high is 0: none */
}

/* The state of an arena with nothing in it, whose memory is there. */
static void start(struct arena *arena) {
    arena->touched = arena->touched == NULL ? arena->base : arena->touched;
    arena->ready = arena->dirty == arena->base || arena->clear == ARENA_CLEAR_NEVER ? arena->end : arena->base;
    arena->head.cursor = arena->head.peak = arena->head.floor = arena->floor = arena->base;
    arena->poison_end = arena->rooted = arena->base;
    arena->quick = arena->plain;
    slots_open_window(arena);
    arena->fresh_limit = arena->head.limit;
    if (!arena->watched) return;
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

/* With room for `room_bytes` of slots. */
static struct arena *create(const struct slots_plan *wanted, size_t room_bytes, const struct arena_type *type,
                            enum slots_owner owner, size_t header_bytes, const struct slots_place *place) {
    struct slots_plan plan = *wanted;
    plan.bytes = room_bytes;
    struct layout layout = {.align = slots_align(&plan, type)};
    bool watched = poison_active();
    header_bytes += label_bytes(&plan);
    if (place != NULL ? !lay_out_place(&plan, header_bytes, watched, place, &layout)
                      : !lay_out(&plan, owner, header_bytes, watched, &layout)) {
        return NULL;
    }
    struct arena *arena = take_header(&layout, &plan, owner, header_bytes, place);
    if (arena == NULL) return NULL;
    arena->watched = watched;
    arena->header_bytes = header_bytes;
    arena->block = &arena->home;
    if (layout.apart) {
        if (!map_slots(arena, &plan, layout.align, owner == SLOTS_OWNER_GATE)) {
            backing_give(&plan.source, arena, layout.bytes, _Alignof(max_align_t));
            return NULL;
        }
    } else {
        arena->home.backing = layout.backing;
        arena->home.memory = (char *)arena;
        arena->home.memory_bytes = layout.bytes;
        struct slots_plan behind = plan;
        behind.bytes = layout.slots_bytes;
        place_slots(arena, &behind, layout.align, owner != SLOTS_OWNER_GATE);
    }
    arena->home.memory_align = _Alignof(max_align_t);
    set_up(arena, &plan, type, owner);
    arena->capacity = plan.bytes / plan.stride;
    arena->bound = arena->end;
    if (plan.of_bytes) bytes_start(arena, wanted, place);
    start(arena);
    if (plan.label != NULL) {
        char *label = (char *)arena + header_bytes - label_bytes(&plan);
        arena->label = memcpy(label, plan.label, label_bytes(&plan));
    }
    return arena;
}

struct arena *slots_create(const struct slots_plan *plan, const struct arena_type *type, enum slots_owner owner,
                           size_t header_bytes, const struct slots_place *place) {
    size_t zoned_bytes;
    if (plan->of_bytes && owner == SLOTS_OWNER_GATE && poison_active() && bytes_zoned(plan->bytes, &zoned_bytes)) {
        struct arena *arena = create(plan, zoned_bytes, type, owner, header_bytes, place);
        if (arena != NULL) return arena;
    }
    return create(plan, plan->bytes, type, owner, header_bytes, place);
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

/* Drops the live elements down to `from`, down the addresses.  The arena is sealed meanwhile: a drop must not touch it.  Nor
 * is it left by cancellation, though it may close files and print. */
void slots_drop_down_to(struct arena *arena, char *from) {
    void (*drop)(void *, void *) = arena->type->drop;
    struct thread_state *state = thread_state();
    bool was_dropping = state->dropping;
    bool was_sealed = arena->sealed;
    sort_runs(arena);
    const struct run *run = arena->runs;
    int cancel = thread_hold_cancel();
    slots_seal(arena);
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
    arena->sealed = was_sealed;
    thread_release_cancel(cancel);
}

void slots_forget_runs(struct arena *arena) {
    for (struct run *run = arena->runs; run != NULL; run = run->next) run->from = run->to = NULL;
    arena->gap_bytes = 0;
}

/* Makes what comes next at these addresses free to be touched. */
static void show_all(struct arena *arena) {
    char *from = arena->base;
    char *to = arena->home.memory + arena->home.memory_bytes;
    if (arena->home.backing != BACKING_PAGES) {
        from = (char *)arena + arena->header_bytes; /* what aligns the slots is marked too */
    } else {
        poison_clear(arena->end, (size_t)(to - arena->end));
        to = arena->poison_end;
    }
    poison_clear(from, (size_t)(to - from));
}

void slots_destroy(struct arena *arena) {
    slots_settle(arena);
    if (arena->type->drop != NULL) slots_drop_down_to(arena, arena->base);
    if (arena->bytes) bytes_finish(arena);
    type_set_destroy(arena->kinds);
    if (arena->watched) {
        show_all(arena);
        if (arena->rooted != arena->base) poison_unroot(arena->base, arena->rooted);
    }
    const struct block *home = &arena->home;
    struct arena_source source = arena->source;
    if (home->backing == BACKING_PAGES) {
        struct span span = {home->memory, home->memory_bytes, 0};
        bool keeps = !arena->watched && !arena->advised;
        backing_unmap(&span, (size_t)(slots_touched_end(arena) - home->memory), keeps);
        backing_give(&source, arena, arena->header_bytes + SLOTS_CLEAR_STEP, _Alignof(max_align_t));
    } else if (home->backing != BACKING_CALLER) {
        backing_give(&source, arena, home->memory_bytes, home->memory_align);
    }
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

void slots_open_window(struct arena *arena) {
    char *cursor = arena->head.cursor;
    char *limit = arena->bound;
    if (arena->zeroes && arena->ready < limit) limit = arena->ready;
    bool closed = arena->sealed || arena->watched || arena->burst_limit != NULL || limit < cursor;
    arena->head.limit = closed ? cursor : limit;
    if (arena->bytes) arena->fresh_limit = arena->watched ? arena->base : limit > cursor ? limit : cursor;
    arena->floor = slots_floor(arena);
    bool quick = arena->plain && arena->burst_limit == NULL && !arena->excess && arena->owner != SLOTS_OWNER_GATE &&
                 (arena->cleanups == NULL || !bytes_is_above(arena, arena->cleanups, arena->floor));
    arena->head.floor = quick ? arena->floor : SLOTS_NO_FLOOR;
}

void slots_refresh_quick(struct arena *arena) {
    bool one_block = arena->block == &arena->home || (arena->prior_bytes == 0 && arena->block->older == &arena->home);
    arena->quick = arena->plain && !arena->excess && one_block && arena->cleanups == NULL &&
                   arena->burst_limit == NULL && (arena->owner != SLOTS_OWNER_GATE || arena->quick);
}

void slots_settle(struct arena *arena) {
    check_invariants(arena);
    if (LIKELY(arena->burst_limit == NULL)) return;
    char *cursor = arena->head.cursor;
    char *limit = arena->burst_limit;
    arena->burst_limit = NULL;
    slots_refresh_quick(arena);
    if (arena->clear == ARENA_CLEAR_ON_RESET) {
        clear_range(cursor, limit);
    } else {
        if (limit > arena->dirty) arena->dirty = limit;
        if (arena->clear == ARENA_CLEAR_ON_HANDOUT && arena->ready > cursor) arena->ready = cursor;
    }
    if (limit > arena->head.peak) arena->head.peak = limit;
    if (arena->watched) slots_hide(arena, cursor, limit);
    slots_open_window(arena);
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
    keep += arith_padding((uintptr_t)keep, page);
    char *to = arena->used_end;
    if (arena->block->backing == BACKING_PAGES) {
        to += arith_padding((uintptr_t)to, page);
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

void slots_end_generation(struct arena *arena, size_t used_bytes, bool all) {
    if (used_bytes > arena->need_bytes) arena->need_bytes = used_bytes;
    arena->high_bytes = 0;
    arena->head.peak = arena->head.cursor;
    enum backing backing = arena->block->backing;
    if (arena->retain_bytes == SIZE_MAX || backing == BACKING_CALLER || (backing == BACKING_SOURCE && !arena->grows))
        return;
    arena->excess = excess_bytes(arena) > arena->retain_bytes;
    if (!arena->excess || ++arena->calm < CALM_RESETS) return;
    if (arena->bytes) bytes_give_back(arena, arena->need_bytes, all);
    size_t keep_bytes = arena->need_bytes > arena->retain_bytes ? arena->need_bytes : arena->retain_bytes;
    if (arena->block->backing != BACKING_SOURCE && keep_bytes < (size_t)(arena->used_end - arena->base)) {
        give_back_from(arena, arena->base + keep_bytes);
    }
    arena->excess = excess_bytes(arena) > arena->retain_bytes;
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
    slots_refresh_quick(arena);
    slots_open_window(arena);
}

void slots_trim(struct arena *arena) {
    slots_settle(arena);
    if (arena->bytes) bytes_drop_spare(arena);
    if (arena->block->backing == BACKING_SOURCE || arena->block->backing == BACKING_CALLER) return;
    arena->used_end = slots_touched_end(arena);
    give_back_from(arena, arena->head.cursor);
    arena->head.peak = arena->head.cursor;
    arena->excess = false;
    slots_refresh_quick(arena);
    slots_open_window(arena);
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
        char *slab = run->from + arith_padding((uintptr_t)run->from, align);
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
    if (arena->sealed) return NULL;
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
    if (arena->zeroes) slots_open_window(arena);
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
    if (!arena->sealed) return (struct refusal){ARENA_OK, NULL};
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
