/* SPDX-License-Identifier: MIT */
/* What each thread holds of a concurrent arena: a chunk of slots that it hands out without the gate.
 *
 * A thread that finds its chunk used up takes the gate, as every slow operation does, and is lent another.  From then
 * on it allocates with plain stores.  Whoever needs the whole arena (acquire, reset, a slab that does not fit
 * elsewhere, a thread that finds nothing left) revokes: it holds the gate's permit, bumps the epoch, runs the heavy
 * barrier, and ends each chunk once its thread is not in the middle of an allocation.  What the chunks had left is free
 * again.
 *
 * One allocation by the thread that a share is of (no locked instruction, three plain stores):
 *     read the value, or its first and last byte: a page that faults or comes late is met with nothing begun
 *     slot = commit;  slot != limit or slow
 *     claim = slot + stride
 *     barrier_light
 *     epoch == share->epoch, or claim = slot and slow
 *     copy the value into slot
 *     commit = slot + stride (release)
 * and the revoker:
 *     epoch = epoch + 1
 *     barrier_heavy
 *     for each chunk: once commit (acquire) == claim, take [commit, limit) back; limit = commit
 * A block of a byte arena claims the padding before it, too, and leaves that as it is.
 * The barriers leave two cases: the thread saw the new epoch and touches no slot, or the revoker sees its claim and
 * leaves the chunk alone until the slot is written.  A thread that read commit and limit long ago does no harm: it sees
 * the epoch moved, and every write to its chunk comes after one more epoch.  The asymmetric barrier is that of
 * userspace-rcu.
 *
 * The wait for a thread ends with the context of the one that waits, or its cancellation.  Nothing has to be undone
 * then: what was ended is free, and a chunk whose thread is still in the middle stays active, of an epoch that has
 * passed.  That thread commits, finds the epoch moved, and brings the rest back at the gate; or the next thread that
 * revokes ends it, and needs no barrier of its own, since the barrier before made every claim of that epoch visible.
 * So a thread that revokes waits for chunks of passed epochs first, and takes the present ones from their threads only
 * when those are done: if it tries again and again beside a thread that is stopped, it disturbs no other one.
 *
 * An allocation that its own thread left by longjmp (out of a signal handler) would never commit.  That thread mends
 * its share when it next comes: to the gate, to its chunk, or to its end.
 *
 * Invariants
 *   a share is active when it has a chunk; else commit == limit.  Of a chunk of a passed epoch nothing is handed out
 *   but what its thread was in the middle of
 *   only its thread writes claim and commit, and both are equal but for the middle of an allocation; only the thread
 *   that holds the permit writes limit, epoch, active, spare, and the epoch of all
 *   a share with slots left in its chunk has an empty spare: refill takes the share's own spare first, and only a
 *   revocation, which ends the chunk, fills it.  So one spare is enough to hold what a chunk had left.
 *   of a byte arena the spare may be too short for the block that is wanted: then it is moved into an extra run, which
 *   is nobody's, and there are as many of those as were needed between two resets.  The padding before a block counts
 *   as used.
 *   every free slot is in exactly one chunk, or in a spare or an extra run, or above the cursor of the arena: capacity
 *   is exact.
 *   a chunk begins with a slot that is handed out: what it has left never lies next to what another one has left below
 *   it.  So the longest run that all chunks together could give is known without ending any (shares_could_fit).
 *   Between two resets nothing becomes free, so that it only gets shorter (longest_bytes).
 *
 * A thread that ends leaves its share as it is; a new thread adopts it.  There are as many shares as there were threads
 * at one time.  With ARENA_GATE_ONLY there are none, and neither light nor heavy barriers.
 */
#ifndef API_SHARE_H
#define API_SHARE_H

#include "core/slots.h"
#include "platform/sync.h"
#include "runtime/locals.h"
#include "runtime/thread.h"
#include "sync/cancel.h"

/* No page is smaller. */
#define SHARE_TOUCH_BYTES ((size_t)4096)

struct share {
    /* its thread's, at every allocation */
    struct atomic_ptr commit;
    struct atomic_ptr claim;
    struct atomic_ptr limit;
    size_t stride;
    uint32_t epoch;
    uint8_t copy;      /* arena.copy */
    bool clears;       /* free slots may not be zero */
    bool clears_slabs; /* and slabs of them have to be */
    size_t most;       /* slots: the arena's capacity */
    /* under the permit */
    bool active;
    struct atomic_u32 owned; /* a living thread has it */
    struct run spare;
    struct share *next;
    void *block;                /* to be given back */
    struct arena_source source; /* the arena's, which ends first */
};

struct extra_run {
    struct run run;
    struct extra_run *next;
};

struct share_set {
    struct local_keeper keeper; /* not joined: the arena has no shares, and every operation takes the gate */
    struct atomic_u32 epoch;
    struct arena *slots;
    struct atomic_ptr first; /* of the list of shares, which only grows */
    uint32_t count;
    uint32_t active;              /* shares that are */
    bool fresh;                   /* some may be of the present epoch */
    struct extra_run *extras;     /* runs that no share's spare has room for: see below */
    struct extra_run *next_extra; /* those before it were used since something was freed last */
    size_t longest_bytes;         /* no run of free slots is longer, chunks included; SIZE_MAX: not known */
};

static inline bool shares_enabled(const struct share_set *shares) { return locals_joined(&shares->keeper); }

/* Starts with shares or, where the caller asks for none, or the system, a memory checker or a race detector forbids
 * them, without.  false: no memory. */
bool shares_start(struct share_set *shares, struct arena *slots, bool gate_only);

/* Ends the shares of an arena that nobody uses any more, and which still has its slots; the result is freed by
 * shares_free after them. */
struct share *shares_finish(struct share_set *shares);
void shares_free(struct share *first);

/* Before the calling thread waits for the gate: finishes what it left by longjmp, for which the thread that holds the
 * gate may be waiting. */
void shares_mend_mine(const struct share_set *shares);

/* All of these under the gate's permit. */

/* `count` > 0 contiguous elements, from a new chunk of the calling thread's where they are few, else from the arena;
 * NULL: there is no such run of free slots outside of chunks.  A values of NULL hands out zeroed ones, or, with `raw`,
 * whatever was there. */
void *shares_refill(struct share_set *shares, const void *values, size_t count, bool raw);
/* Would there be such a run if every chunk were ended?  Ends none. */
bool shares_could_fit(struct share_set *shares, size_t count);
/* The same for a block of a byte arena, of size > 0 bytes at a multiple of align, a power of two. */
void *shares_refill_block(struct share_set *shares, size_t size, size_t align, bool raw);
bool shares_could_fit_block(struct share_set *shares, size_t size, size_t align);
/* Slots that were handed out may be free again. */
static inline void shares_note_freed(struct share_set *shares) {
    shares->longest_bytes = SIZE_MAX;
    shares->next_extra = shares->extras;
}
/* Ends the calling thread's own chunk, so that what is left of it is next to what follows it. */
void shares_retire_mine(struct share_set *shares);
/* Ends every chunk, waiting for allocations under way until `node` ends.  ARENA_OK, or cancel_status(node), also where
 * that is found after all are ended.  A cancellation point where it waits.  Whatever the end, see above. */
int shares_revoke(struct share_set *shares, struct cancel_node *node);
/* Ends every chunk, if that takes no more than a moment.  false: some are left. */
bool shares_try_revoke(struct share_set *shares);

/* Slots in chunks that are not handed out, in bytes; any thread, without the permit; may lag behind. */
size_t shares_unused_bytes(const struct share_set *shares);

/* As shares_refill_block, from the calling thread's chunk as it is and without the permit; NULL: take the gate. */
void *shares_take_block(const struct share_set *shares, size_t size, size_t align, bool raw);
/* As shares_refill, from the calling thread's chunk as it is and without the permit; NULL: take the gate. */
void *shares_take_any(const struct share_set *shares, const void *values, size_t count, bool raw);

/* Reads one byte of each page of [from, from + bytes): what faults, or has to be fetched, is fetched now. */
static inline void share_touch(const void *from, size_t bytes) {
    const volatile char *at = from;
    for (size_t i = 0; i < bytes; i += SHARE_TOUCH_BYTES) (void)at[i];
    (void)at[bytes - 1];
}

/* `bytes` at *slot that the calling thread may write; true ends with share_commit. */
HOT_INLINE bool share_claim(const struct share_set *shares, struct share *share, size_t bytes, char **slot,
                            char **past) {
    *slot = atomic_ptr_load(&share->commit, relaxed);
    const char *limit = atomic_ptr_load(&share->limit, relaxed);
    if (UNLIKELY((size_t)(limit - *slot) < bytes)) return false;
    if (UNLIKELY(atomic_ptr_load(&share->claim, relaxed) != *slot)) return false; /* to be mended */
    *past = *slot + bytes;
    atomic_ptr_store(&share->claim, *past, relaxed); /* partner: is_quiet, through the barriers */
    barrier_light();
    if (LIKELY(atomic_u32_load(&shares->epoch, relaxed) == share->epoch)) return true;
    atomic_ptr_store(&share->claim, *slot, relaxed);
    return false;
}

HOT_INLINE void share_commit(struct share *share, char *past) {
    atomic_ptr_store(&share->commit, past, release); /* partner: is_quiet; the slot is written before */
}

/* The calling thread's share; NULL: it has none. */
HOT_INLINE struct share *shares_mine(const struct share_set *shares) {
    return locals_at_hand(thread_state(), &shares->keeper);
}

/* As slots_copy_word, before there is a slot. */
HOT_INLINE uint64_t share_read_word(const void *value, size_t at) {
    uint64_t word;
    memcpy(&word, (const char *)value + 8 * at, sizeof word);
    OPAQUE(word);
    return word;
}

/* One element from the calling thread's chunk, where it is copied as words, with no call; NULL: shares_take_any, then
 * the gate. */
HOT_INLINE void *shares_take(const struct share_set *shares, const void *value) {
    struct share *share = shares_mine(shares);
    if (UNLIKELY(share == NULL) || UNLIKELY(value == NULL)) return NULL;
    enum copy_way way = (enum copy_way)share->copy;
    char *slot;
    char *past;
    if (LIKELY(way == COPY_WORD)) {
        uint64_t word = share_read_word(value, 0);
        if (UNLIKELY(!share_claim(shares, share, 8, &slot, &past))) return NULL;
        memcpy(slot, &word, 8);
    } else {
        if (UNLIKELY(!slots_copies_words(way))) return NULL;
        size_t stride = share->stride;
        (void)*(const volatile char *)value;
        (void)((const volatile char *)value)[stride - 1];
        if (UNLIKELY(!share_claim(shares, share, stride, &slot, &past))) return NULL;
        slots_copy_words(slot, value, way, stride);
    }
    share_commit(share, past);
    return slot;
}

/* The same for a slab; what has to be cleared is cleared here where that is little. */
HOT_INLINE void *shares_take_slab(const struct share_set *shares, size_t count) {
    struct share *share = shares_mine(shares);
    /* An empty slab goes through the gate; with `most` the product cannot overflow. */
    if (UNLIKELY(share == NULL) || UNLIKELY(count - 1 >= share->most)) return NULL;
    size_t bytes = count * share->stride;
    if (UNLIKELY(share->clears_slabs) && (bytes > CLEAR_INLINE_BYTES || bytes % 8 != 0)) return NULL;
    char *slab;
    char *past;
    if (UNLIKELY(!share_claim(shares, share, bytes, &slab, &past))) return NULL;
    if (UNLIKELY(share->clears_slabs)) {
        char *at = slab;
        for (; past - at >= 16; at += 16) memset(at, 0, 16);
        if (at != past) memset(at, 0, 8);
    }
    share_commit(share, past);
    return slab;
}

/* The same for small elements that are no words. */
static inline void *shares_take_parts(const struct share_set *shares, const void *value) {
    enum copy_way way = (enum copy_way)shares->slots->copy;
    if (!slots_copies_parts(way) || value == NULL) return NULL;
    struct share *share = shares_mine(shares);
    char *slot;
    char *past;
    if (share == NULL) return NULL;
    share_touch(value, share->stride); /* small ones of other sizes have no padding */
    if (!share_claim(shares, share, share->stride, &slot, &past)) return NULL;
    slots_copy_parts(slot, value, way, share->stride);
    share_commit(share, past);
    return slot;
}

#endif
