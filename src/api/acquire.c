/* SPDX-License-Identifier: MIT */
/* The whole of a concurrent arena, for as many operations as the caller likes: by a thread (acquire), or by the task
 * that has a permit, on any thread.
 *
 * Both keep the gate's permit, end all chunks, and open the arena's window for inline code.  acquire notes the thread
 * as the gate's holder, so that a call of the same thread is refused instead of waiting for itself.  A permit has a
 * ticket instead, which no other permit of the process had or will have, so that a release refuses a stale one.
 *
 * Invariant: the ticket is 0 but while a permit is out; then the gate has no holder.
 * Who locks what: the ticket is set by the thread that holds the gate's permit and taken away, by compare and swap, by
 * the one release that succeeds, which then holds it.
 */
#include "api/concurrent.h"
#include "api/context.h"
#include "base/poison.h"
#include "core/mark.h"

static const char function_release[] = "arena_concurrent_release";

/* Opens the arena for the thread that holds the gate's permit and has ended all chunks. */
static struct arena *open_slots(struct arena_concurrent *arena) {
    slots_open(&arena->slots, CLOSED_BEHIND_GATE);
    return &arena->slots;
}

/* Closes it and puts the gate's permit back. */
static void close_slots(struct arena_concurrent *arena) {
    slots_settle(&arena->slots);
    mark_end_all(&arena->slots);
    slots_close(&arena->slots, CLOSED_BEHIND_GATE);
    shares_note_freed(&arena->shares); /* it may have been reset */
    concurrent_leave(arena);
}

/* Takes the gate and ends all chunks, waiting until the context ends. */
static int take(struct arena_concurrent *arena, struct arena_context *context) {
    if (arena == NULL || !context_usable(context)) return ARENA_EINVAL;
    struct cancel_node *node = context_node(context);
    int status = concurrent_enter(arena, node);
    return status == ARENA_OK ? concurrent_take_back(arena, node) : status;
}

/* The same without a wait; ARENA_EBUSY where there would be one. */
static int try_take(struct arena_concurrent *arena) {
    if (arena == NULL || !copy_is_here(&arena->stamp)) return ARENA_EINVAL;
    if (gate_held_by_me(&arena->gate)) return ARENA_EBUSY;
    shares_mend_mine(&arena->shares);
    if (!gate_try_enter(&arena->gate)) return ARENA_EBUSY;
    if (shares_try_revoke(&arena->shares)) {
        concurrent_note_used(arena);
        return ARENA_OK;
    }
    concurrent_leave(arena);
    return ARENA_EBUSY;
}

/* --- by a thread -------------------------------------------------------------------------------------------------- */

static int hand_to_thread(struct arena_concurrent *arena, int status, struct arena **out) {
    if (status != ARENA_OK) return status;
    gate_set_holder(&arena->gate);
    *out = open_slots(arena);
    return ARENA_OK;
}

int arena_concurrent_acquire(struct arena_concurrent *arena, struct arena_context *context, struct arena **out) {
    if (out == NULL) return ARENA_EINVAL;
    poison_written(out, sizeof *out);
    *out = NULL;
    return hand_to_thread(arena, take(arena, context), out);
}

int arena_concurrent_try_acquire(struct arena_concurrent *arena, struct arena **out) {
    if (out == NULL) return ARENA_EINVAL;
    poison_written(out, sizeof *out);
    *out = NULL;
    return hand_to_thread(arena, try_take(arena), out);
}

static struct refusal release_refusal(const struct arena_concurrent *arena) {
    if (arena == NULL) return (struct refusal){ARENA_EINVAL, "arena is NULL"};
    if (!copy_is_here(&arena->stamp)) return (struct refusal){ARENA_EINVAL, COPY_REFUSAL};
    if (!gate_held_by_me(&arena->gate)) {
        return (struct refusal){ARENA_EINVAL, "the calling thread does not hold the gate"};
    }
    if (slots_sealed(&arena->slots)) return (struct refusal){ARENA_EBUSY, "the arena is dropping its elements"};
    return (struct refusal){ARENA_OK, NULL};
}

static inline void release(struct arena_concurrent *arena) {
    gate_clear_holder(&arena->gate);
    close_slots(arena);
}

void arena_concurrent_release(struct arena_concurrent *arena) {
    struct refusal refusal = release_refusal(arena);
    if (UNLIKELY(refusal.status != ARENA_OK)) panic_for(function_release, refusal);
    release(arena);
}

int arena_concurrent_release_checked(struct arena_concurrent *arena) {
    struct refusal refusal = release_refusal(arena);
    if (refusal.status == ARENA_OK) release(arena);
    return refusal.status;
}

/* --- by a permit -------------------------------------------------------------------------------------------------- */

static int hand_to_permit(struct arena_concurrent *arena, int status, struct arena_permit *out) {
    static struct atomic_u64 tickets = ATOMIC_INIT(0);
    if (status != ARENA_OK) return status;
    uint64_t ticket = atomic_u64_add(&tickets, 1, relaxed) + 1; /* relaxed: only to differ */
    *out = (struct arena_permit){open_slots(arena), ticket};
    /* relaxed: the thread that releases the permit was given the ticket, and all else, by the thread that took it. */
    atomic_u64_store(&arena->ticket, ticket, relaxed);
    return ARENA_OK;
}

int arena_concurrent_acquire_permit(struct arena_concurrent *arena, struct arena_context *context,
                                    struct arena_permit *out) {
    if (out == NULL) return ARENA_EINVAL;
    poison_written(out, sizeof *out);
    *out = (struct arena_permit){NULL, 0};
    return hand_to_permit(arena, take(arena, context), out);
}

int arena_concurrent_try_acquire_permit(struct arena_concurrent *arena, struct arena_permit *out) {
    if (out == NULL) return ARENA_EINVAL;
    poison_written(out, sizeof *out);
    *out = (struct arena_permit){NULL, 0};
    return hand_to_permit(arena, try_take(arena), out);
}

int arena_concurrent_release_permit(struct arena_concurrent *arena, const struct arena_permit *permit) {
    if (arena == NULL || !copy_is_here(&arena->stamp)) return ARENA_EINVAL;
    if (permit == NULL || permit->arena != &arena->slots || permit->ticket == 0) return ARENA_EINVAL;
    uint64_t ticket = permit->ticket;
    /* relaxed: one of several releases of a permit succeeds.  What was done under the permit came to this thread with
     * it. */
    if (!atomic_u64_cas(&arena->ticket, &ticket, 0, relaxed)) return ARENA_EINVAL;
    if (slots_sealed(&arena->slots)) { /* from inside a drop */
        atomic_u64_store(&arena->ticket, permit->ticket, relaxed);
        return ARENA_EBUSY;
    }
    close_slots(arena);
    return ARENA_OK;
}
