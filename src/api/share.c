/* SPDX-License-Identifier: MIT */
/* See share.h. */
#include "api/share.h"

#include "base/arith.h"
#include "base/race.h"
#include "platform/memory.h"

/* The most a thread is lent at a time; and no more than its part of what is left, so that the last slots do not pile up
 * in one thread's chunk. */
#define CHUNK_BYTES ((size_t)64 << 10)
#define CHUNK_PARTS 4
/* A share has cache lines of its own; two, because processors fetch them in pairs. */
#define SHARE_ALIGN ((size_t)128)
#define QUIESCE_SPINS 200
/* A revocation costs as much as some hundred turns at the gate. */
#define ALONE_AFTER 1000u

/* --- life --------------------------------------------------------------------------------------------------------- */

/* A thread ends: its share waits for another one. */
static void orphan(struct local_owner *owner, struct local *local) {
    (void)owner;
    struct share *share = local->hot;
    atomic_u32_store(&share->owned, 0, release); /* partner: adopt */
}

bool shares_start(struct shares *shares, struct arena *slots, bool alone) {
    shares->slots = slots;
    shares->alone = alone;
    shares->owner.offset = LOCAL_NONE;
    /* A thread's own chunk orders nothing, so a race detector would not see what gates order for programs under it. */
    if (slots->watched || race_watched() || !barrier_available()) return true;
    if (!locals_join(&shares->owner, orphan)) return false;
    slots->plain = slots->quick = false; /* there may be runs */
    return true;
}

struct share *shares_finish(struct shares *shares) {
    if (!shares_enabled(shares)) return NULL;
    (void)shares_revoke(shares); /* what a chunk has left is not live */
    (void)locals_leave(&shares->owner, NULL);
    return atomic_ptr_load(&shares->first, relaxed);
}

void shares_free(struct share *first) {
    while (first != NULL) {
        struct share *next = first->next;
        memory_free(first->block);
        first = next;
    }
}

static struct share *make(struct shares *shares) {
    char *block = memory_alloc(sizeof(struct share) + SHARE_ALIGN);
    if (block == NULL) return NULL;
    struct share *share = (struct share *)(void *)(block + arith_padding((uintptr_t)block, SHARE_ALIGN));
    share->block = block;
    share->stride = shares->slots->stride;
    share->words = shares->slots->words;
    share->clears = shares->slots->clear != ARENA_CLEAR_ON_RESET;
    share->clears_slabs = shares->slots->clear == ARENA_CLEAR_ON_HANDOUT;
    share->most = shares->slots->capacity;
    atomic_u32_init(&share->owned, 1);
    share->spare.next = shares->slots->runs;
    shares->slots->runs = &share->spare;
    share->next = atomic_ptr_load(&shares->first, relaxed);
    atomic_ptr_store(&shares->first, share, release); /* partner: shares_unused_bytes, which walks without the permit */
    shares->count++;
    return share;
}

/* --- ending chunks ------------------------------------------------------------------------------------------------ */

/* What the chunk has left is free; nobody allocates from it. */
static void end_chunk(struct shares *shares, struct share *share) {
    if (!share->active) return;
    char *commit = atomic_ptr_load(&share->commit, relaxed);
    char *limit = atomic_ptr_load(&share->limit, relaxed);
    atomic_ptr_store(&share->limit, commit, relaxed); /* the owner finds no room, or an epoch that has moved */
    slots_return(shares->slots, commit, limit, &share->spare);
    share->active = false;
    shares->active--;
}

/* Waits until the owner of the share is not in the middle of an allocation; after the heavy barrier. */
static void quiesce(struct share *share) {
    for (int spins = 0;; spins++) {
        /* acquire: the last slot is written; partner is shares_take.  The claim needs no order: the barrier gave it. */
        const void *commit = atomic_ptr_load(&share->commit, acquire);
        if (commit == atomic_ptr_load(&share->claim, relaxed)) break;
        if (spins < QUIESCE_SPINS) {
            thread_spin();
        } else {
            thread_pause();
        }
    }
}

void shares_retire_mine(struct shares *shares) {
    struct share *share = shares_mine(shares);
    if (share != NULL) end_chunk(shares, share);
}

bool shares_revoke(struct shares *shares) {
    shares_retire_mine(shares);
    if (shares->active == 0) return false;
    uint32_t epoch = atomic_u32_load(&shares->epoch, relaxed);
    atomic_u32_store(&shares->epoch, epoch + 1, relaxed); /* partner: shares_take, through the barriers */
    barrier_heavy();
    for (struct share *share = atomic_ptr_load(&shares->first, relaxed); share != NULL; share = share->next) {
        if (!share->active) continue;
        quiesce(share);
        end_chunk(shares, share);
    }
    return true;
}

/* --- allocating --------------------------------------------------------------------------------------------------- */

void *shares_take_any(const struct shares *shares, const void *values, size_t count, bool raw) {
    struct share *share = shares_mine(shares);
    char *slot;
    char *past;
    if (share == NULL || count > shares->slots->capacity) return NULL; /* so the product cannot overflow */
    if (!share_claim(shares, share, count * share->stride, &slot, &past)) return NULL;
    slots_fill(shares->slots, slot, values, count, share->clears && !raw);
    share_commit(share, past);
    return slot;
}

/* --- lending chunks ----------------------------------------------------------------------------------------------- */

/* A share that a thread left behind, with the chunk it had. */
static struct share *adopt(struct shares *shares) {
    for (struct share *share = atomic_ptr_load(&shares->first, relaxed); share != NULL; share = share->next) {
        if (atomic_u32_load(&share->owned, acquire) != 0) continue; /* partner: orphan; sees all that the thread did */
        atomic_u32_store(&share->owned, 1, relaxed);
        return share;
    }
    return NULL;
}

/* This thread's share, found or made; NULL: no memory, or the thread is past its end. */
static struct share *join(struct shares *shares) {
    struct thread_state *state = thread_state();
    struct local *local = locals_find(state, &shares->owner);
    if (local == NULL) local = locals_make(state, &shares->owner);
    if (local == NULL) return NULL;
    if (local->hot == NULL) local->hot = adopt(shares);
    if (local->hot == NULL) local->hot = make(shares);
    if (local->hot == NULL) local->owner = NULL; /* an entry without a share is none */
    return local->hot;
}

/* The size of the next chunk, in slots: a multiple of what is wanted now, so that nothing of it is left over when more
 * of the same come. */
static size_t chunk_size(const struct shares *shares, size_t count) {
    size_t stride = shares->slots->stride;
    size_t most = CHUNK_BYTES / stride;
    size_t part = (size_t)(shares->slots->end - shares->slots->head.cursor) / stride / CHUNK_PARTS / shares->count;
    if (most > part) most = part;
    return most < count ? count : most - most % count;
}

/* A chunk of at least `count` slots. */
static bool lend(struct shares *shares, struct share *share, size_t count, char **from, char **to) {
    struct arena *slots = shares->slots;
    if (count == 1) {
        if (slots_lend_run(slots, &share->spare, from, to)) return true;
        return slots_lend_any(slots, shares->alone ? SIZE_MAX : chunk_size(shares, 1), from, to);
    }
    /* With slots in the spare there is no place for what a new chunk may have left. */
    if (share->spare.from != share->spare.to) return false;
    if (!arith_fits(count, slots->stride, (size_t)(slots->end - slots->head.cursor))) return false;
    return slots_lend(slots, shares->alone ? SIZE_MAX : chunk_size(shares, count), from, to);
}

/* What the arena itself has, and no chunk with it. */
static void *take_unlent(struct shares *shares, const void *values, size_t count, bool raw) {
    shares->slots->sealed = false;
    void *slab = raw ? slots_take_slab(shares->slots, count) : slots_take_slab_with(shares->slots, values, count);
    slots_seal(shares->slots);
    return slab;
}

/* Has this thread come ALONE_AFTER times in a row, so that nobody else seems to be there? */
static bool stays_alone(struct shares *shares, struct share *share) {
    if (shares->last != share) {
        shares->last = share;
        shares->streak = 0;
    }
    return ++shares->streak > ALONE_AFTER;
}

void *shares_refill(struct shares *shares, const void *values, size_t count, bool raw) {
    struct share *share = join(shares);
    if (share != NULL) end_chunk(shares, share);
    bool lends = share != NULL && count <= CHUNK_BYTES / shares->slots->stride / CHUNK_PARTS + 1;
    if (shares->alone && lends) lends = stays_alone(shares, share);
    for (;;) {
        char *from;
        char *to;
        if (lends && lend(shares, share, count, &from, &to)) {
            char *past = from + count * shares->slots->stride;
            slots_fill(shares->slots, from, values, count, share->clears && !raw);
            share->epoch = atomic_u32_load(&shares->epoch, relaxed); /* under the permit it does not move */
            atomic_ptr_store(&share->limit, to, relaxed);
            atomic_ptr_store(&share->claim, past, relaxed);
            atomic_ptr_store(&share->commit, past, relaxed); /* a revoker has all this from the gate */
            share->active = true;
            shares->active++;
            return from;
        }
        void *slab = take_unlent(shares, values, count, raw);
        if (slab != NULL || !shares_revoke(shares)) return slab;
    }
}

size_t shares_unused_bytes(const struct shares *shares) {
    size_t bytes = 0;
    for (const struct share *share = atomic_ptr_load(&shares->first, acquire); share != NULL; share = share->next) {
        const char *commit = atomic_ptr_load(&share->commit, relaxed);
        const char *limit = atomic_ptr_load(&share->limit, relaxed);
        if (commit < limit) bytes += (size_t)(limit - commit);
    }
    return bytes;
}
