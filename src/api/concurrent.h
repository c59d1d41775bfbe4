/* SPDX-License-Identifier: MIT */
/* The insides of struct arena_concurrent, for api/concurrent.c (operations) and api/acquire.c (the whole arena): who
 * locks what stands at the top of concurrent.c. */
#ifndef API_CONCURRENT_H
#define API_CONCURRENT_H

#include <arena/concurrent.h>

#include "api/share.h"
#include "core/slots.h"
#include "runtime/copy.h"
#include "runtime/panic.h"
#include "sync/gate.h"

struct arena_concurrent {
    struct arena slots; /* first: its block holds the slots of small arenas */
    struct gate gate;
    struct atomic_u64 used_bytes;
    struct atomic_u64 ticket; /* api/acquire.c: of the permit that is out; 0: none is */
    struct copy_stamp stamp;
    bool keeps;    /* ARENA_CLEAR_NEVER: slabs are whatever was there */
    char line[64]; /* what every allocation reads does not share a cache line with what slow ones write */
    struct share_set shares;
};

static inline void concurrent_note_used(struct arena_concurrent *arena) {
    atomic_u64_store(&arena->used_bytes, slots_used_bytes(&arena->slots), relaxed); /* a count, which orders nothing */
}

/* Takes the permit, waiting for it until `node` ends.  ARENA_OK, or a status with nothing taken. */
static inline int concurrent_enter(struct arena_concurrent *arena, struct cancel_node *node) {
    if (UNLIKELY(!copy_is_here(&arena->stamp))) return ARENA_EINVAL;
    if (UNLIKELY(gate_held_by_me(&arena->gate))) return ARENA_EBUSY;
    shares_mend_mine(&arena->shares);
    return gate_enter(&arena->gate, node);
}

static inline void concurrent_leave(struct arena_concurrent *arena) {
    concurrent_note_used(arena);
    gate_leave(&arena->gate);
}

/* Why concurrent_enter refused this thread, which waits for no context. */
static inline struct refusal concurrent_refusal(const struct arena_concurrent *arena) {
    if (arena == NULL) return (struct refusal){ARENA_EINVAL, "arena is NULL"};
    if (!copy_is_here(&arena->stamp)) return (struct refusal){ARENA_EINVAL, COPY_REFUSAL};
    return (struct refusal){ARENA_EBUSY, "the calling thread holds the gate"};
}

/* Ends every chunk for the thread that has the permit: what was left of them is free, and used_bytes says
 * so.  Waits for allocations under way until `node` ends.  ARENA_OK, or why it ended, with the permit put back.  A
 * cancellation point where it waits; it puts the permit back then, too. */
int concurrent_take_back(struct arena_concurrent *arena, struct cancel_node *node);

#endif
