/* SPDX-License-Identifier: MIT */
/* See share.h. */
#include "api/share.h"

#include "base/arith.h"
#include "base/race.h"
#include "core/bytes.h"
#include "runtime/panic.h"
#include "runtime/waiter.h"

#include <arena/base.h>

/* The most a thread is lent at a time; and no more than its part of what is left, so that the last slots do not pile up
 * in one thread's chunk. */
#define CHUNK_BYTES ((size_t)64 << 10)
#define CHUNK_PARTS 4
/* A share has cache lines of its own; two, because processors fetch them in pairs. */
#define SHARE_ALIGN ((size_t)128)
#define SHARE_BYTES (sizeof(struct share) + SHARE_ALIGN)
/* A thread that waits for another's allocation looks this often in a row, then sleeps between two looks: longer each
 * time, up to PAUSE_MOST_NS.
 */
#define QUIET_SPINS 200
#define PAUSE_FIRST_NS ((int64_t)20000)
#define PAUSE_MOST_NS ((int64_t)1000000)
/* After so long it says what it waits for. */
#define NOTICE_AFTER_NS ((int64_t)10000000000)

/* --- life --------------------------------------------------------------------------------------------------------- */

/* Finishes an allocation that the share's own thread left by longjmp: its slots were not handed out, and are zero
 * again.
 */
static void mend(struct share *share) {
    char *commit = atomic_ptr_load(&share->commit, relaxed); /* both are this thread's own */
    const char *claim = atomic_ptr_load(&share->claim, relaxed);
    if (LIKELY(claim == commit)) return;
    memset(commit, 0, (size_t)(claim - commit));
    atomic_ptr_store(&share->claim, commit, release); /* partner: is_quiet; the slots are clear before */
}

void shares_mend_mine(const struct share_set *shares) {
    struct share *share = shares_mine(shares);
    if (share != NULL) mend(share);
}

/* A thread ends: its share waits for another one. */
static void orphan(struct local_keeper *keeper, struct local *local) {
    (void)keeper;
    struct share *share = local->at_hand;
    mend(share);
    atomic_u32_store(&share->owned, 0, release); /* partner: adopt */
}

bool shares_start(struct share_set *shares, struct arena *slots, bool gate_only) {
    shares->slots = slots;
    locals_none(&shares->keeper);
    shares->longest_bytes = SIZE_MAX;
    /* A thread's own chunk orders nothing, so a race detector would not see what gates order for programs under it. */
    if (gate_only || slots->watched || race_watched() || !barrier_available()) return true;
    if (!locals_join(&shares->keeper, orphan)) return false;
    slots->reset_work |= WORK_RUNS;
    return true;
}

static void end_chunk(struct share_set *shares, struct share *share);

/* Nobody is in the middle of an allocation: neither barriers nor waits. */
struct share *shares_finish(struct share_set *shares) {
    if (!shares_enabled(shares)) return NULL;
    struct share *first = atomic_ptr_load(&shares->first, relaxed);
    for (struct share *share = first; share != NULL; share = share->next)
        end_chunk(shares, share); /* what is left is not live */
    (void)locals_leave(&shares->keeper, NULL);
    if (shares->extras != NULL) shares->slots->runs = NULL; /* byte arenas drop nothing: nobody asks what is live */
    while (shares->extras != NULL) {
        struct extra_run *extra = shares->extras;
        shares->extras = extra->next;
        backing_give_zeroed(&shares->slots->source, extra, sizeof *extra);
    }
    return first;
}

void shares_free(struct share *first) {
    while (first != NULL) {
        struct share *next = first->next;
        struct arena_source source = first->source;
        backing_give_zeroed(&source, first->block, SHARE_BYTES);
        first = next;
    }
}

static struct share *make(struct share_set *shares) {
    char *block = backing_take_zeroed(&shares->slots->source, SHARE_BYTES);
    if (block == NULL) return NULL;
    struct share *share = (struct share *)(void *)(block + arith_padding((uintptr_t)block, SHARE_ALIGN));
    share->block = block;
    share->source = shares->slots->source;
    share->stride = shares->slots->stride;
    share->copy = shares->slots->copy;
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
static void end_chunk(struct share_set *shares, struct share *share) {
    if (!share->active) return;
    char *commit = atomic_ptr_load(&share->commit, relaxed);
    char *limit = atomic_ptr_load(&share->limit, relaxed);
    atomic_ptr_store(&share->limit, commit, relaxed); /* its thread finds no room, or an epoch that has moved */
    slots_return(shares->slots, commit, limit, &share->spare);
    share->active = false;
    shares->active--;
}

void shares_retire_mine(struct share_set *shares) {
    struct share *share = shares_mine(shares);
    if (share != NULL) end_chunk(shares, share);
}

/* Is its thread between two allocations?  Of a chunk of a passed epoch: then it stays so. */
static bool is_quiet(const struct share *share) {
    /* acquire: the last slot is written; partner is share_commit.  The barrier has made the claim visible; acquire for
     * one that mend took back. */
    const void *commit = atomic_ptr_load(&share->commit, acquire);
    return commit == atomic_ptr_load(&share->claim, acquire);
}

/* Ends the chunks of passed epochs whose owners are quiet.  false: some are not. */
static bool end_passed(struct share_set *shares) {
    uint32_t epoch = atomic_u32_load(&shares->epoch, relaxed);
    bool all = true;
    for (struct share *share = atomic_ptr_load(&shares->first, relaxed); share != NULL; share = share->next) {
        if (!share->active || share->epoch == epoch) continue;
        if (is_quiet(share)) {
            end_chunk(shares, share);
        } else {
            all = false;
        }
    }
    return all;
}

/* From now on no chunk is of the present epoch. */
static void pass_epoch(struct share_set *shares) {
    uint32_t epoch = atomic_u32_load(&shares->epoch, relaxed);
    atomic_u32_store(&shares->epoch, epoch + 1, relaxed); /* partner: share_claim, through the barriers */
    if (!barrier_heavy()) panic_fatal("the system refuses membarrier(2) by now, and no other way reaches all threads");
    shares->fresh = false;
}

/* Does what can be done now.  Are all chunks ended? */
static bool revoke_now(struct share_set *shares) {
    if (!end_passed(shares)) return false;
    if (!shares->fresh) return true;
    pass_epoch(shares);
    return end_passed(shares);
}

/* A thread in the middle of an allocation on another processor takes a moment. */
bool shares_try_revoke(struct share_set *shares) {
    shares_retire_mine(shares);
    if (shares->active == 0) return true;
    int spins = thread_processors() == 1 ? 0 : QUIET_SPINS;
    while (!revoke_now(shares)) {
        if (spins-- == 0) return false;
        thread_spin();
    }
    return true;
}

struct revoke_wait {
    struct cancel_node *node;
    struct waiter *waiter; /* NULL: no memory for one */
};

static void end_wait(void *argument) {
    const struct revoke_wait *wait = argument;
    if (wait->waiter != NULL) cancel_unregister(wait->node, wait->waiter);
}

/* Owners do not signal: they would have to look for waiting threads at every allocation. */
static void pause_for(const struct revoke_wait *wait, int64_t pause_ns) {
    int64_t now = clock_now();
    int64_t until = arith_time_add(now, pause_ns);
    int64_t deadline_ns = cancel_deadline(wait->node);
    if (deadline_ns < until) until = deadline_ns;
    if (wait->waiter != NULL) {
        waiter_wait(wait->waiter, until);
    } else {
        thread_sleep(until - now);
    }
}

/* Waits for owners that take longer than a moment. */
static int revoke_waiting(struct share_set *shares, struct cancel_node *node) {
    struct revoke_wait wait = {node, waiter_mine(thread_state())};
    if (wait.waiter != NULL) {
        waiter_prepare(wait.waiter);
        int status = cancel_register(node, wait.waiter);
        if (status != ARENA_OK) return status;
    }
    int64_t pause_ns = PAUSE_FIRST_NS;
    int64_t notice_ns = arith_time_add(clock_now(), NOTICE_AFTER_NS);
    CLEANUP_PUSH(end_wait, &wait);
    while (cancel_status(node) == ARENA_OK && !revoke_now(shares)) {
        thread_spin();
        pause_for(&wait, pause_ns);
        if (pause_ns < PAUSE_MOST_NS) pause_ns *= 2;
        if (clock_now() < notice_ns) continue;
        notice_ns = INT64_MAX;
        panic_notice("waiting for an allocation of a concurrent arena that another thread does not finish; "
                     "it was stopped, or left by longjmp");
    }
    CLEANUP_POP(1);
    return ARENA_OK;
}

int shares_revoke(struct share_set *shares, struct cancel_node *node) {
    if (!shares_try_revoke(shares)) {
        int status = revoke_waiting(shares, node);
        if (status != ARENA_OK) return status;
    }
    return cancel_status(node);
}

/* --- allocating --------------------------------------------------------------------------------------------------- */

void *shares_take_any(const struct share_set *shares, const void *values, size_t count, bool raw) {
    struct share *share = shares_mine(shares);
    char *slot;
    char *past;
    if (share == NULL || count > shares->slots->capacity) return NULL; /* so the product cannot overflow */
    mend(share);
    if (!share_claim(shares, share, count * share->stride, &slot, &past)) return NULL;
    slots_fill(shares->slots, slot, values, count, share->clears && !raw);
    share_commit(share, past);
    return slot;
}

void *shares_take_block(const struct share_set *shares, size_t size, size_t align, bool raw) {
    struct share *share = shares_mine(shares);
    char *at;
    char *past;
    if (share == NULL) return NULL;
    mend(share);
    size_t padding = arith_padding((uintptr_t)atomic_ptr_load(&share->commit, relaxed), align); /* this thread's own */
    size_t bytes;
    if (!arith_add(padding, size, &bytes) || !share_claim(shares, share, bytes, &at, &past)) return NULL;
    char *block = at + padding;
    slots_fill(shares->slots, block, NULL, size, share->clears && !raw);
    share_commit(share, past);
    return block;
}

/* --- lending chunks ----------------------------------------------------------------------------------------------- */

/* A share that a thread left behind, with the chunk it had. */
static struct share *adopt(struct share_set *shares) {
    for (struct share *share = atomic_ptr_load(&shares->first, relaxed); share != NULL; share = share->next) {
        if (atomic_u32_load(&share->owned, acquire) != 0) continue; /* partner: orphan; sees all that the thread did */
        atomic_u32_store(&share->owned, 1, relaxed);
        return share;
    }
    return NULL;
}

/* This thread's share, found or made; NULL: no memory, or the thread is past its end. */
static struct share *join(struct share_set *shares) {
    struct thread_state *state = thread_state();
    struct local *local = locals_find(state, &shares->keeper);
    if (local == NULL) local = locals_make(state, &shares->keeper);
    if (local == NULL) return NULL;
    if (local->at_hand == NULL) local->at_hand = adopt(shares);
    if (local->at_hand == NULL) local->at_hand = make(shares);
    if (local->at_hand == NULL) local->keeper = NULL; /* an entry without a share is none */
    return local->at_hand;
}

/* The size of the next chunk, in slots: a multiple of what is wanted now, so that nothing of it is left over when more
 * of the same come. */
static size_t chunk_size(const struct share_set *shares, size_t count) {
    size_t stride = shares->slots->stride;
    size_t most = CHUNK_BYTES / stride;
    size_t part = (size_t)(shares->slots->end - shares->slots->head.cursor) / stride / CHUNK_PARTS / shares->count;
    if (most > part) most = part;
    return most < count ? count : most - most % count;
}

/* A chunk of at least `count` slots. */
static bool lend(struct share_set *shares, struct share *share, size_t count, char **from, char **to) {
    struct arena *slots = shares->slots;
    if (count == 1) {
        if (slots_lend_run(slots, &share->spare, from, to)) return true;
        return slots_lend_any(slots, chunk_size(shares, 1), from, to);
    }
    /* With slots in the spare there is no place for what a new chunk may have left. */
    if (share->spare.from != share->spare.to) return false;
    return slots_lend(slots, chunk_size(shares, count), from, to);
}

/* What the arena itself has, and no chunk with it. */
static void *take_unlent(struct share_set *shares, const void *values, size_t count, bool raw) {
    slots_enter(shares->slots);
    void *slab = raw ? slots_take_slab(shares->slots, count) : slots_take_slab_with(shares->slots, values, count);
    slots_leave(shares->slots);
    return slab;
}

/* From now on the share's thread hands out [past, to) without the permit. */
static void start_chunk(struct share_set *shares, struct share *share, char *past, char *to) {
    share->epoch = atomic_u32_load(&shares->epoch, relaxed); /* under the permit it does not move */
    atomic_ptr_store(&share->limit, to, relaxed);
    atomic_ptr_store(&share->claim, past, relaxed);
    atomic_ptr_store(&share->commit, past, relaxed); /* a revoker has all this from the gate */
    share->active = true;
    shares->active++;
    shares->fresh = true;
}

void *shares_refill(struct share_set *shares, const void *values, size_t count, bool raw) {
    size_t stride = shares->slots->stride;
    if (!arith_fits(count, stride, shares->longest_bytes)) return NULL; /* and the caller keeps its chunk */
    struct share *share = join(shares);
    if (share != NULL) end_chunk(shares, share);
    bool lends = share != NULL && count <= CHUNK_BYTES / stride / CHUNK_PARTS + 1;
    char *from;
    char *to;
    if (!lends || !lend(shares, share, count, &from, &to)) return take_unlent(shares, values, count, raw);
    slots_fill(shares->slots, from, values, count, share->clears && !raw);
    start_chunk(shares, share, from + count * stride, to);
    return from;
}

/* Moves what is in the share's spare to an extra run.  false: no memory. */
static bool set_aside(struct share_set *shares, struct share *share) {
    struct extra_run *extra = shares->next_extra;
    while (extra != NULL && extra->run.from != extra->run.to) extra = extra->next;
    if (extra == NULL) {
        extra = backing_take_zeroed(&shares->slots->source, sizeof *extra);
        if (extra == NULL) return false;
        extra->run.next = shares->slots->runs;
        shares->slots->runs = &extra->run;
        extra->next = shares->extras;
        shares->extras = extra;
        shares->next_extra = NULL; /* the others are full */
    } else {
        shares->next_extra = extra->next;
    }
    extra->run.from = share->spare.from;
    extra->run.to = share->spare.to;
    share->spare.from = share->spare.to = NULL;
    return true;
}

/* A chunk that begins with room for the block: the share's spare, what is above the cursor, or a run; the spare is
 * empty then. */
static bool lend_for_block(struct share_set *shares, struct share *share, size_t size, size_t align, char **from,
                           char **to) {
    struct arena *slots = shares->slots;
    struct run *spare = &share->spare;
    if (spare->from != spare->to) {
        if (slots_fits(spare->from, spare->to, size, align)) return slots_lend_run(slots, spare, from, to);
        if (!set_aside(shares, share)) return false;
    }
    const char *cursor = slots->head.cursor;
    if (slots_fits(cursor, slots->end, size, align)) {
        size_t bytes = arith_padding((uintptr_t)cursor, align) + size;
        size_t step = size + arith_padding(size, align); /* what one more of the same takes */
        size_t most = chunk_size(shares, 1);
        if (most > bytes && step != 0) bytes += (most - bytes) / step * step; /* a block is never empty here */
        return slots_lend(slots, bytes, from, to);
    }
    for (struct run *run = slots->runs; run != NULL; run = run->next) {
        if (run->from == run->to || !slots_fits(run->from, run->to, size, align)) continue;
        return slots_lend_run(slots, run, from, to);
    }
    return false;
}

/* What the arena itself has, and no chunk with it. */
static void *take_unlent_block(struct share_set *shares, size_t size, size_t align, bool raw) {
    slots_enter(shares->slots);
    void *block = raw ? bytes_take(shares->slots, size, align) : bytes_take_zeroed(shares->slots, size, align);
    slots_leave(shares->slots);
    return block;
}

void *shares_refill_block(struct share_set *shares, size_t size, size_t align, bool raw) {
    if (size > shares->longest_bytes) return NULL; /* and the caller keeps its chunk */
    struct share *share = join(shares);
    if (share != NULL) end_chunk(shares, share);
    size_t most = CHUNK_BYTES / CHUNK_PARTS;
    bool lends = share != NULL && align <= most && size <= most;
    char *from;
    char *to;
    if (!lends || !lend_for_block(shares, share, size, align, &from, &to)) {
        return take_unlent_block(shares, size, align, raw);
    }
    char *block = from + arith_padding((uintptr_t)from, align);
    slots_fill(shares->slots, block, NULL, size, share->clears && !raw);
    start_chunk(shares, share, block + size, to);
    return block;
}

/* Does what was not to be had without ending chunks fit into the free slots at the end, or into what one chunk has left,
 * as they would be if every chunk were ended? */
static bool could_fit(struct share_set *shares, size_t bytes, size_t align) {
    const struct arena *slots = shares->slots;
    const char *top = slots->head.cursor; /* where the free slots at the end would begin */
    size_t longest = 0;
    bool fits = false;
    for (const struct run *run = slots->runs; run != NULL; run = run->next) { /* too short, or it had been taken */
        if ((size_t)(run->to - run->from) > longest) longest = (size_t)(run->to - run->from);
    }
    for (const struct share *share = atomic_ptr_load(&shares->first, relaxed); share != NULL; share = share->next) {
        if (!share->active) continue;
        const char *commit = atomic_ptr_load(&share->commit, relaxed); /* meanwhile it may go up, and never down */
        const char *limit = atomic_ptr_load(&share->limit, relaxed);
        if (limit == slots->head.cursor) {
            top = commit;
        } else {
            if ((size_t)(limit - commit) > longest) longest = (size_t)(limit - commit);
            fits = fits || slots_fits(commit, limit, bytes, align);
        }
    }
    if ((size_t)(slots->end - top) > longest) longest = (size_t)(slots->end - top);
    shares->longest_bytes = longest;
    return shares->active != 0 && (fits || slots_fits(top, slots->end, bytes, align));
}

bool shares_could_fit(struct share_set *shares, size_t count) {
    size_t bytes;
    if (!arith_mul(count, shares->slots->stride, &bytes)) bytes = SIZE_MAX;
    return could_fit(shares, bytes, 1);
}

bool shares_could_fit_block(struct share_set *shares, size_t size, size_t align) {
    return could_fit(shares, size, align);
}

size_t shares_unused_bytes(const struct share_set *shares) {
    size_t bytes = 0;
    for (const struct share *share = atomic_ptr_load(&shares->first, acquire); share != NULL; share = share->next) {
        const char *commit = atomic_ptr_load(&share->commit, relaxed);
        const char *limit = atomic_ptr_load(&share->limit, relaxed);
        if (commit < limit) bytes += (size_t)(limit - commit);
    }
    return bytes;
}
