/* SPDX-License-Identifier: MIT */
/* See create.h.
 *
 * To make a byte arena, use a little of it and end it costs little more than the malloc and free in it: the plan is
 * read field by field where it lies (a copy in wide loads would wait for the stores before it), and the struct and the
 * first bytes of a byte arena are cleared by one memset.  A thread keeps one byte arena that it ended, and one of
 * elements, for the next that it makes like them: to take memory and give it back costs as much as all the rest, and of
 * the struct most is as it has to be.  What was used is cleared as the arena ends, while it is in the cache, so that a
 * byte arena is made and ended by two functions that call nothing (create.h).
 */
#include "core/create.h"

#include "base/arith.h"
#include "base/poison.h"
#include "core/bytes.h"
#include "core/type.h"
#include "core/type_set.h"
#include "platform/memory.h"
#include "runtime/thread.h"

/* No options struct is larger. */
#define MOST_OPTION_BYTES ((size_t)4096)
/* Larger elements are copied by memcpy. */
#define MOST_WORDS ((size_t)8)
/* From here on slots begin a cache line: what a small scope used lies in as few as it can, and memset is quicker. */
#define LINE_FROM_BYTES ((size_t)512)
#define LINE_BYTES ((size_t)64)
/* An arena behind a gate has all zero memory from the start: from here on the system's, which costs nothing. */
#define GATE_PAGES_FROM ((size_t)16 << 10)
/* What a new byte arena has cleared, together with its struct, for the first blocks. */
#define FIRST_CLEAR_BYTES ((size_t)1 << 10)
#define RETAIN_BYTES ((size_t)1 << 20)
/* First blocks, the struct included, for a byte arena that needs more than there is in an ordinary one. */
static const size_t larger_bytes[] = {((size_t)4 << 10) - 32, ((size_t)8 << 10) - 32, ((size_t)16 << 10) - 32};
enum {
    LARGER_SIZES = sizeof larger_bytes / sizeof larger_bytes[0],
    FIRST_AROUND = sizeof(struct arena) + BYTES_AROUND_FIRST
};
_Static_assert(BYTES_FIRST_BYTES - FIRST_AROUND >= FIRST_CLEAR_BYTES, "what is cleared at first has room");
/* A thread keeps an arena of elements of which no more was used, with no more address space; see backing_hold, too. */
#define KEPT_USED_BYTES ((size_t)4 << 10)
#define KEPT_MOST_BYTES (sizeof(void *) < 8 ? (size_t)0 : (size_t)((uint64_t)1 << 35))
/* Less than this is not worth a call. */
#define RETAIN_LEAST ((size_t)16 << 10)

/* --- the plan ----------------------------------------------------------------------------------------------------- */

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

/* One by one: a compiler that clears a struct as a whole does it with a string instruction, which takes as long as all
 * else that is done for a plan. */
static void plan_defaults(struct slots_plan *plan) {
    plan->usual = false;
    plan->clear = ARENA_CLEAR_ON_RESET;
    plan->flags = 0;
    plan->drop_user = NULL;
    plan->retain_bytes = RETAIN_BYTES;
    plan->block_bytes = 0;
    plan->source.take = NULL;
    plan->source.give = NULL;
    plan->source.user = NULL;
    plan->label = NULL;
}

static NOINLINE bool plan_options(const struct arena_options *options, struct slots_plan *plan) {
    struct arena_options known;
    if (!slots_options_read(options, &known, sizeof known) || known.clear > ARENA_CLEAR_NEVER) return false;
    if ((known.flags & ~(uint32_t)(ARENA_HUGE_PAGES | ARENA_PREFAULT | ARENA_GATE_ONLY)) != 0) return false;
    if (known.source != NULL && known.source->take == NULL) return false;
    plan->clear = known.clear;
    plan->flags = known.flags;
    plan->drop_user = known.drop_user;
    if (known.retain_bytes != 0) plan->retain_bytes = known.retain_bytes;
    plan->block_bytes = known.block_bytes;
    if (known.source != NULL) plan->source = *known.source;
    /* Where nothing would come of what is given back, each peak would cost its memory again. */
    bool in_vain = known.source != NULL && (known.source->give == NULL || known.source->give == bytes_give_to_parent);
    if (in_vain && known.retain_bytes == 0) plan->retain_bytes = SIZE_MAX;
    plan->label = known.label;
    return true;
}

int slots_plan(const struct arena_type *type, size_t capacity, const struct arena_options *options,
               struct slots_plan *plan) {
    if (!type_valid(type)) return ARENA_EINVAL;
    plan_defaults(plan);
    plan->of_bytes = type_same(type, &bytes_type);
    if (options != NULL && !plan_options(options, plan)) return ARENA_EINVAL;
    bool drops = type->drop != NULL;
    if (drops && (plan->of_bytes || plan->clear == ARENA_CLEAR_NEVER)) return ARENA_EINVAL; /* bytes are no elements */
    if (plan->of_bytes) { /* it grows as far as memory does */
        plan->stride = 1;
        plan->bytes = capacity;
        return ARENA_OK;
    }
    plan->usual = options == NULL && !drops;
    return arith_slots(type->size, type->align, capacity, &plan->stride, &plan->bytes) ? ARENA_OK : ARENA_ENOMEM;
}

bool slots_possible(const struct slots_plan *plan) {
    if (plan->of_bytes || plan->source.take != NULL || plan->bytes < BACKING_PAGES_FROM) return true;
    void *memory = pages_reserve(plan->bytes);
    if (memory == NULL) return false;
    (void)pages_release(memory, plan->bytes);
    return true;
}

/* --- the layout --------------------------------------------------------------------------------------------------- */

/* Where the memory of an arena lies: the struct, what a pool or a gate and a label add to it, padding, slots. */
struct layout {
    bool watched;
    bool apart;           /* the slots have pages of their own */
    enum backing backing; /* of the struct, and of the slots where they lie behind it */
    size_t align;         /* of the first slot */
    size_t header_bytes;  /* of the struct, what a pool or a gate adds, and the label */
    size_t room_bytes;    /* of all slots; a byte arena's capacity */
    size_t behind_bytes;  /* of the slots behind the struct */
    size_t block_bytes;   /* of the block with the struct */
};

/* Where the slots of an arena begin. */
HOT_INLINE size_t slots_align(const struct slots_plan *plan, size_t room_bytes, const struct arena_type *type) {
    size_t align = room_bytes < LINE_FROM_BYTES && !plan->of_bytes ? SLOTS_BLOCK_ALIGN : LINE_BYTES;
    return align < type->align ? type->align : align;
}

HOT_INLINE size_t label_bytes(const struct slots_plan *plan) {
    return plan->label == NULL ? 0 : strlen(plan->label) + 1;
}

/* Of the block with the struct, and (`slots_bytes`) room for slots; false: too much.  A header is of what lies in memory,
 * and an alignment half of all that a size can be at the most. */
HOT_INLINE bool block_bytes(size_t header_bytes, size_t align, size_t slots_bytes, bool watched, size_t *bytes) {
    size_t around = header_bytes + (watched ? POISON_REDZONE_BYTES : 0) + SLOTS_CLEAR_STEP + align;
    return arith_add(around, slots_bytes, bytes) && *bytes <= ARITH_MAX_BYTES;
}

bool slots_in_bytes(const struct slots_plan *plan, const struct arena_type *type, size_t header_bytes, size_t *bytes) {
    /* Where the slots begin is decided by what there is room for, which may be more than what is asked here. */
    size_t align = type->align < LINE_BYTES ? LINE_BYTES : type->align;
    return block_bytes(header_bytes + label_bytes(plan) + _Alignof(max_align_t), align, plan->bytes, false, bytes);
}

/* What fits into memory that was handed in.  false: not even the struct does. */
static bool lay_out_place(const struct slots_plan *plan, const struct slots_place *place, struct layout *layout) {
    size_t least;
    if (!block_bytes(layout->header_bytes, layout->align, 0, layout->watched, &least) || least > place->bytes)
        return false;
    size_t room = place->bytes - least;
    if (!plan->of_bytes) {
        if (layout->room_bytes > room) layout->room_bytes = room - room % plan->stride;
        room = layout->room_bytes;
    }
    layout->backing = BACKING_CALLER;
    layout->behind_bytes = room;
    layout->block_bytes = place->bytes;
    return true;
}

HOT_INLINE bool lay_out(const struct slots_plan *plan, enum part_of part_of, struct layout *layout) {
    size_t from = part_of == PART_OF_CONCURRENT ? GATE_PAGES_FROM : BACKING_PAGES_FROM;
    bool own = plan->source.take != NULL;
    layout->backing = own ? BACKING_SOURCE : BACKING_HEAP;
    layout->behind_bytes = layout->room_bytes;
    if (plan->of_bytes && part_of != PART_OF_CONCURRENT) {
        layout->behind_bytes = bytes_first_block(plan, layout->header_bytes, layout->watched);
    } else if (!own) {
        layout->apart = layout->room_bytes >= from || layout->align > BACKING_PAGES_FROM ||
                        (plan->flags & (ARENA_HUGE_PAGES | ARENA_PREFAULT)) != 0;
        if (layout->apart) layout->behind_bytes = 0;
    }
    return block_bytes(layout->header_bytes, layout->apart ? 0 : layout->align, layout->behind_bytes, layout->watched,
                       &layout->block_bytes) &&
           (!(own && plan->of_bytes) || arith_round_up(layout->block_bytes, BLOCKS_ALIGN, &layout->block_bytes));
}

/* --- memory ------------------------------------------------------------------------------------------------------- */

/* Of a source see blocks.h. */
HOT_INLINE size_t memory_align(const struct slots_plan *plan) {
    return plan->of_bytes && plan->source.take != NULL ? BLOCKS_ALIGN : _Alignof(max_align_t);
}

HOT_INLINE void *take_block(const struct slots_plan *plan, size_t bytes) {
    if (UNLIKELY(plan->source.take != NULL)) {
        return plan->source.take(bytes, memory_align(plan), plan->source.user);
    }
    return memory_take(bytes);
}

/* The slots of an arena that has pages of its own.  false: no memory. */
static bool map_slots(struct arena *arena, const struct slots_plan *plan, const struct layout *layout, bool fresh) {
    size_t page = pages_size();
    size_t room = layout->room_bytes;
    size_t align = layout->align;
    bool huge = (plan->flags & ARENA_HUGE_PAGES) != 0 && room >= PAGES_HUGE_BYTES;
    bool advised = (plan->flags & (ARENA_HUGE_PAGES | ARENA_PREFAULT)) != 0;
    if (huge && align < PAGES_HUGE_BYTES) align = PAGES_HUGE_BYTES;
    if (room > ARITH_MAX_BYTES) return false; /* so no sum overflows: slots as large as their alignment are less */
    size_t bytes = room + SLOTS_CLEAR_STEP;
    bytes += slots_padding(bytes, page);
    if (align > page) bytes += align - page;
    if (layout->watched) bytes += page; /* for what a checker shall see behind the end */
    if (bytes > ARITH_MAX_BYTES) return false;
    struct span span;
    bool scarce;
    if (!backing_map(bytes, fresh || layout->watched || advised ? 0 : BACKING_KEEP_FEW, &span, &scarce)) return false;
    char *base = span.memory + slots_padding((uintptr_t)span.memory, align);
    if (huge) pages_huge(base, room);
    if ((plan->flags & ARENA_PREFAULT) != 0 && room != 0 && !pages_prefault(span.memory, bytes)) {
        backing_unmap(&span, 0, 0);
        return false;
    }
    struct block *home = &arena->home;
    home->backing = BACKING_PAGES;
    home->memory = span.memory;
    home->memory_bytes = bytes;
    arena->base = base;
    arena->end = base + room;
    arena->used_end = arena->dirty = arena->touched = base;
    char *dirty = span.memory + span.dirty_bytes;
    if (dirty > arena->end) { /* what lies behind the end is another arena's next, and nobody would know of it */
        memset(arena->end, 0, (size_t)(dirty - arena->end));
        dirty = arena->end;
    }
    if (dirty > base) arena->dirty = arena->used_end = dirty;
    arena->ready = arena->dirty == base || plan->clear == ARENA_CLEAR_NEVER ? arena->end : base;
    arena->advised = advised;
    if (plan->usual && !scarce && bytes <= KEPT_MOST_BYTES) arena->keeps = KEEPS_ELEMENTS;
    if ((plan->flags & ARENA_PREFAULT) != 0) arena->touched = arena->used_end = arena->end;
    return true;
}

/* The slots behind the struct.  Anything may be in that memory: cleared are the struct, what may be handed out at once,
 * and, behind a gate, all of it. */
HOT_INLINE void place_slots(struct arena *arena, const struct slots_plan *plan, const struct layout *layout,
                            enum part_of part_of) {
    char *after = (char *)arena + layout->header_bytes;
    if (layout->watched) after += POISON_REDZONE_BYTES;
    char *base = after + slots_padding((uintptr_t)after, layout->align);
    char *end = base + layout->behind_bytes;
    char *clear_to = (char *)arena + layout->header_bytes;
    char *ready = plan->clear == ARENA_CLEAR_NEVER ? end : base;
    if (part_of == PART_OF_CONCURRENT) {
        clear_to = (char *)arena + layout->block_bytes;
        ready = end;
    } else if (plan->of_bytes && plan->clear != ARENA_CLEAR_NEVER && !layout->watched) {
        ready = layout->behind_bytes < FIRST_CLEAR_BYTES ? end : base + FIRST_CLEAR_BYTES;
        clear_to = ready;
    }
    memset(arena, 0, (size_t)(clear_to - (char *)arena));
    arena->home.backing = layout->backing;
    arena->home.memory = (char *)arena;
    arena->home.memory_bytes = layout->block_bytes;
    arena->base = arena->used_end = arena->touched = base;
    arena->end = end;
    arena->dirty = part_of == PART_OF_CONCURRENT ? base : end;
    arena->ready = ready;
    arena->keeps = plan->usual ? KEEPS_ELEMENTS : KEEPS_NOT;
}

HOT_INLINE enum copy_way copy_way_of(size_t size, size_t stride) {
    if (size != stride) return COPY_PADDED;
    if (size > MOST_WORDS * 8) return COPY_WHOLE;
    if (size % 8 == 0) return size == 8 ? COPY_WORD : size == 32 ? COPY_4_WORDS : COPY_WORDS;
    return size % 4 == 0 ? COPY_HALVES : size < 8 ? COPY_BYTES : COPY_WHOLE;
}

HOT_INLINE void set_up(struct arena *arena, const struct slots_plan *plan, const struct arena_type *type,
                       enum part_of part_of) {
    arena->stride = plan->stride;
    arena->copy = (uint8_t)copy_way_of(type->size, plan->stride);
    arena->clear = (uint8_t)plan->clear;
    arena->part_of = (uint8_t)part_of;
    arena->bytes = plan->of_bytes;
    arena->zeroes = plan->of_bytes && plan->clear != ARENA_CLEAR_NEVER;
    arena->closed = arena->watched ? CLOSED_FOR_CHECKER : 0;
    arena->reset_work = (uint8_t)((type->drop != NULL ? WORK_DROP : 0) | (arena->watched ? WORK_CHECKER : 0));
    arena->type = type;
    arena->drop_user = plan->drop_user;
    arena->retain_bytes = plan->retain_bytes < RETAIN_LEAST ? RETAIN_LEAST : plan->retain_bytes;
    if ((plan->flags & ARENA_PREFAULT) != 0) arena->retain_bytes = SIZE_MAX; /* no later access is to fault */
    if (UNLIKELY(plan->source.take != NULL)) arena->source = plan->source;
    arena->head.cursor = arena->head.peak = arena->head.floor = arena->floor = arena->base;
    arena->poison_end = arena->rooted = arena->base;
}

/* With room for `room_bytes` of slots.  Inlined into callers that know some of the arguments. */
HOT_INLINE struct arena *create(const struct slots_plan *plan, size_t room_bytes, const struct arena_type *type,
                                enum part_of part_of, size_t header_bytes, const struct slots_place *place,
                                bool watched) {
    struct layout layout = {
        .watched = watched,
        .align = slots_align(plan, room_bytes, type),
        .header_bytes = header_bytes + label_bytes(plan),
        .room_bytes = room_bytes,
    };
    if (place != NULL ? !lay_out_place(plan, place, &layout) : !lay_out(plan, part_of, &layout)) return NULL;
    struct arena *arena = place != NULL ? (struct arena *)(void *)place->memory : take_block(plan, layout.block_bytes);
    if (arena == NULL) return NULL;
    if (layout.apart) {
        memset(arena, 0, layout.header_bytes);
        if (!map_slots(arena, plan, &layout, part_of == PART_OF_CONCURRENT)) {
            struct arena_source source = plan->source;
            backing_give(&source, arena, layout.block_bytes, _Alignof(max_align_t));
            return NULL;
        }
    } else {
        place_slots(arena, plan, &layout, part_of);
    }
    arena->home.memory_align = (uint32_t)memory_align(plan);
    arena->watched = watched;
    arena->header_bytes = layout.header_bytes;
    arena->block = &arena->home;
    set_up(arena, plan, type, part_of);
    arena->bound = arena->end;
    if (plan->of_bytes) {
        bytes_start(arena, plan, place);
    } else {
        arena->capacity = layout.room_bytes / plan->stride;
    }
    if (watched || part_of != PART_OF_NOTHING) arena->keeps = KEEPS_NOT;
    slots_refresh_inline(arena);
    arena->fresh_limit = arena->head.limit;
    if (UNLIKELY(watched)) slots_hide_all(arena);
    if (UNLIKELY(plan->label != NULL)) {
        char *label = (char *)arena + header_bytes;
        arena->label = memcpy(label, plan->label, layout.header_bytes - header_bytes);
    }
    return arena;
}

struct arena *slots_create(const struct slots_plan *plan, const struct arena_type *type, enum part_of part_of,
                           size_t header_bytes, const struct slots_place *place) {
    bool watched = poison_active();
    size_t zoned_bytes;
    if (UNLIKELY(watched) && plan->of_bytes && part_of == PART_OF_CONCURRENT &&
        bytes_zoned(plan->bytes, &zoned_bytes)) {
        struct arena *arena = create(plan, zoned_bytes, type, part_of, header_bytes, place, watched);
        if (arena != NULL) return arena;
    }
    if (LIKELY(!watched) && part_of == PART_OF_NOTHING && place == NULL && plan->source.take == NULL) {
        return create(plan, plan->bytes, type, PART_OF_NOTHING, header_bytes, NULL, false);
    }
    return create(plan, plan->bytes, type, part_of, header_bytes, place, watched);
}

static struct arena *create_watched_bytes(size_t capacity) {
    const struct slots_plan plan = {.stride = 1, .bytes = capacity, .of_bytes = true, .retain_bytes = RETAIN_BYTES};
    return slots_create(&plan, &bytes_type, PART_OF_NOTHING, sizeof(struct arena), NULL);
}

/* first_bytes: of the first block; 0: as it is by default. */
static NOINLINE struct arena *create_bytes(size_t capacity, size_t first_bytes) {
    const struct slots_plan plan = {
        .stride = 1, .bytes = capacity, .of_bytes = true, .retain_bytes = RETAIN_BYTES, .block_bytes = first_bytes};
    return create(&plan, capacity, &bytes_type, PART_OF_NOTHING, sizeof(struct arena), NULL, false);
}

struct arena *slots_create_bytes(size_t capacity) {
    if (UNLIKELY(poison_active())) return create_watched_bytes(capacity);
    bool larger = thread_state()->keeps == THREAD_KEEPS_LARGER;
    struct arena *arena = create_bytes(capacity, larger ? larger_bytes[0] - FIRST_AROUND : 0);
    if (LIKELY(arena != NULL) && arena->home.memory_bytes >= BYTES_FIRST_BYTES) arena->keeps = KEEPS_BYTES;
    return arena;
}

/* --- what a thread keeps ------------------------------------------------------------------------------------------ */

/* Of an arena that holds nothing more. */
static void free_home(struct arena *arena) {
    const struct block *home = &arena->home;
    struct arena_source source = arena->source;
    if (home->backing == BACKING_PAGES) {
        struct span span = {home->memory, home->memory_bytes, 0};
        size_t keep_bytes = arena->watched || arena->advised ? 0 : BACKING_KEEP_FEW;
        if (arena->held) backing_let_go(home->memory_bytes);
        backing_unmap(&span, (size_t)(slots_touched_end(arena) - home->memory), keep_bytes);
        backing_give(&source, arena, arena->header_bytes + SLOTS_CLEAR_STEP, _Alignof(max_align_t));
    } else if (home->backing != BACKING_CALLER) {
        backing_give(&source, arena, home->memory_bytes, home->memory_align);
    }
}

void slots_end_kept(struct thread_kept *kept) { free_home(slots_of_kept(kept)); }

struct arena *slots_create_kept(const struct arena_type *type, size_t capacity) {
    struct thread_state *state = thread_state();
    struct thread_kept *kept = state->kept[KEPT_ELEMENTS];
    if (kept == NULL || !type_valid(type) || type->drop != NULL) return NULL;
    struct arena *arena = slots_of_kept(kept);
    if (arena->capacity != capacity || !type_same(arena->type, type)) return NULL;
    state->kept[KEPT_ELEMENTS] = NULL;
    char *used_end = slots_touched_end(arena);
    slots_forget_past(arena);
    arena->used_end = used_end;
    arena->head.limit = arena->bound;
    return arena;
}

/* Of arenas of elements a thread keeps the last: the next one can only be like that.  false: the thread ends, or it
 * would be too much. */
static bool keep_elements(struct arena *arena) {
    struct thread_state *state = thread_state();
    struct thread_kept *before = state->kept[KEPT_ELEMENTS];
    if (UNLIKELY(before == &arena->kept)) panic(ARENA_EINVAL, "the arena was destroyed already");
    if (UNLIKELY(!thread_may_keep(state))) return false;
    if ((size_t)(slots_touched_end(arena) - arena->base) > KEPT_USED_BYTES) return false;
    if (UNLIKELY(before != NULL)) before->end(before);
    state->kept[KEPT_ELEMENTS] = NULL;
    if (arena->home.backing == BACKING_PAGES && !arena->held) { /* once: later lives find it so */
        arena->held = backing_hold(arena->home.memory, arena->home.memory_bytes);
        if (!arena->held) return false;
    }
    slots_keep(state, KEPT_ELEMENTS, arena);
    slots_clear_ended(arena);
    return true;
}

/* Of byte arenas the first: they are all alike.  false: the thread has one, or ends. */
static bool keep_bytes(struct arena *arena) {
    struct thread_state *state = thread_state();
    if (UNLIKELY(state->kept[KEPT_BYTES] == &arena->kept)) panic(ARENA_EINVAL, "the arena was destroyed already");
    return thread_may_keep(state) && slots_keep_bytes(arena);
}

/* The first block that would have done; 0: an ordinary one, or one that would be large. */
static size_t first_for(size_t need_bytes) {
    if (need_bytes <= BYTES_FIRST_BYTES - FIRST_AROUND) return 0;
    for (size_t i = 0; i < LARGER_SIZES; i++) {
        if (need_bytes <= larger_bytes[i] - FIRST_AROUND) return larger_bytes[i] - FIRST_AROUND;
    }
    return 0;
}

/* Of one that grew and has ended: as it began, if that would have done, or if it needed a lot; else, in its place, a new
 * one whose first block would have done, so that lives that are alike come to need no other.  false: as before. */
static NOINLINE bool keep_grown(struct arena *arena) {
    struct thread_state *state = thread_state();
    if (state->kept[KEPT_BYTES] != NULL || !thread_may_keep(state)) return false;
    size_t first_bytes = first_for(arena->peak_bytes);
    if (first_bytes > (size_t)(arena->end - arena->base)) {
        free_home(arena);
        arena = create_bytes(SIZE_MAX, first_bytes);
        if (arena == NULL) return true;
    } else {
        arena->dirty = arena->end; /* a trim may have had it lower */
        arena->ready = arena->base + FIRST_CLEAR_BYTES;
        memset(arena->base, 0, FIRST_CLEAR_BYTES);
        arena->reset_work = 0;
    }
    arena->keeps = KEEPS_BYTES;
    slots_keep(state, KEPT_BYTES, arena);
    return true;
}

/* A thread that has several at a time keeps no more than one.  The next ones that it makes begin as large as the last
 * that it could not keep would have had to, where that is little. */
static void note_need(const struct arena *arena) {
    struct thread_state *state = thread_state();
    bool larger = first_for(arena->peak_bytes) == larger_bytes[0] - FIRST_AROUND;
    if (state->keeps != THREAD_KEEPS_NOTHING) state->keeps = larger ? THREAD_KEEPS_LARGER : THREAD_KEEPS;
}

/* --- the end ------------------------------------------------------------------------------------------------------ */

#ifndef THREAD_STATE_MODEL
/* A copy inside a plugin that is unloaded leaves none behind, of the thread that unloads it. */
__attribute__((destructor)) static void drop_kept(void) { thread_end_kept(thread_state()); }
#endif

void slots_destroy(struct arena *arena) {
    if (LIKELY(arena->reset_work == 0) && arena->block == &arena->home && arena->spare == NULL) {
        /* There is nothing but this block: an arena of mixed values has a drop. */
        if (arena->keeps == KEEPS_ELEMENTS && keep_elements(arena)) return;
    } else {
        slots_settle(arena);
        if (arena->type->drop != NULL) slots_drop_down_to(arena, arena->base);
        if (arena->bytes) bytes_finish(arena);
        type_set_destroy(arena->kinds, &arena->source);
        if (arena->watched) slots_show_all(arena);
    }
    if (arena->keeps == KEEPS_BYTES && keep_bytes(arena)) return;
    if (arena->keeps >= KEEPS_BYTES) {
        slots_note_high(arena);
        if (arena->keeps == KEEPS_GROWN && keep_grown(arena)) return;
        note_need(arena);
    }
    free_home(arena);
}
