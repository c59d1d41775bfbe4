/* SPDX-License-Identifier: MIT */
/* api/share.c by itself, with a mutex for the gate's permit: the owner of a chunk against whoever ends it.  Without the
 * gate's own steps, longer and three-threaded scenarios are in reach than in test_concurrent.c. */
#include "engine.h"
#include "platform/sync.h"
#include "runtime/thread.h"

#include "api/share.h"
#include "core/create.h"
#include "sync/cancel.h"

#include <arena/arena.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct pair {
    unsigned first, second;
};
static void drop(void *element, void *user);
static const struct arena_type type = {"pair", sizeof(struct pair), _Alignof(struct pair), drop};
static struct arena *slots;
static struct share_set shares;
static struct mutex permit;
static struct atomic_u32 done;
static bool zeroed; /* elements may be as they were handed out */
static unsigned dropped, made[MODEL_THREADS + 1];

/* Reads every live element, as a whole. */
static void drop(void *element, void *user) {
    (void)user;
    const struct pair *pair = element;
    model_check((zeroed || pair->first != 0) && pair->first == pair->second);
    dropped++;
}

static void setup_type(const struct arena_type *of, size_t capacity, const struct arena_options *options) {
    struct slots_plan plan;
    model_check(mutex_init(&permit));
    model_check(slots_plan(of, capacity, options, &plan) == ARENA_OK);
    slots = slots_create(&plan, of, PART_OF_CONCURRENT, sizeof *slots, NULL);
    model_check(slots != NULL && shares_start(&shares, slots, false));
    slots_close(slots, CLOSED_BEHIND_GATE);
}
static void setup_options(size_t capacity, const struct arena_options *options) {
    setup_type(&type, capacity, options);
}
static void setup_capacity(size_t capacity) { setup_options(capacity, NULL); }
static void setup(void) { setup_capacity(12); }
static void setup_two(void) { setup_capacity(2); }
static void setup_cleared(void) {
    const struct arena_options options = {sizeof options, ARENA_CLEAR_ON_HANDOUT, 0};
    zeroed = true;
    setup_options(12, &options);
}

static void take(void);
/* The main thread's share, as if it had ended. */
static void setup_orphan(void) {
    setup();
    take();
    struct share *share = atomic_ptr_load(&shares.first, relaxed);
    atomic_u32_store(&share->owned, 0, release);
}

/* As api/concurrent.c does. */
static void *refill(const void *values, size_t count) {
    void *slab;
    shares_mend_mine(&shares);
    mutex_lock(&permit);
    while ((slab = shares_refill(&shares, values, count, false)) == NULL && shares_could_fit(&shares, count))
        model_check(shares_revoke(&shares, NULL) == ARENA_OK);
    mutex_unlock(&permit);
    return slab;
}
static bool take_from(bool any) {
    struct pair value = {model_thread() + 1, model_thread() + 1};
    void *slot = any ? shares_take_any(&shares, &value, 1, false) : shares_take(&shares, &value);
    if (slot == NULL) slot = refill(&value, 1);
    made[model_thread()] += slot != NULL;
    return slot != NULL;
}
static void take(void) { (void)take_from(false); }
static void take_two(void) {
    take();
    take();
}
static void take_three(void) {
    take_two();
    take();
}
static void take_any_three(void) {
    for (int i = 0; i < 3; i++) (void)take_from(true);
}
static void take_all(void) {
    while (take_from(false))
        ;
}
/* A slab of one, which is cleared before it counts as handed out. */
static void take_slab(void) {
    void *slab = shares_take_slab(&shares, 1);
    if (slab == NULL) slab = refill(NULL, 1);
    made[model_thread()] += slab != NULL;
}
static void signal_done(void) { atomic_u32_store(&done, 1, release); }
static void await_done(void) {
    while (!atomic_u32_load(&done, acquire)) thread_spin();
}
static void take_signal_take(void) {
    take();
    signal_done();
    take_two();
}
static void take_signal_take_slabs(void) {
    take();
    signal_done();
    take_slab();
    take_slab();
}
static void take_signal(void) {
    take_two();
    signal_done();
}
static void reset_all(void) {
    model_check(shares.active == 0);
    slots_reset(slots);
    shares_note_freed(&shares);
    model_check(slots_used(slots) == 0);
}
static void reset(void) {
    mutex_lock(&permit);
    model_check(shares_revoke(&shares, NULL) == ARENA_OK);
    reset_all();
    mutex_unlock(&permit);
}
static void try_reset(void) {
    mutex_lock(&permit);
    bool all = shares_try_revoke(&shares);
    if (all) reset_all();
    mutex_unlock(&permit);
    model_outcome("%d", all);
}
static const char *const outcomes_try[] = {"0", "1", NULL};
static void await_reset(void) {
    await_done();
    reset();
}
static void await_try_reset(void) {
    await_done();
    try_reset();
}

/* --- waits that end ---------------------------------------------------------------------------------------------------- */

static struct cancel_node node;
static void setup_node(void) {
    setup();
    model_check(cancel_start(&node, NULL, INT64_MAX));
}
static const int64_t times[] = {1000, 2000, 0};
static void setup_deadline(void) {
    setup();
    model_check(cancel_start(&node, NULL, 2000));
}
static void cancel(void) { cancel_trigger(&node); }
static void unlock_permit(void *mutex) { mutex_unlock(mutex); }
/* Whatever ends the wait: what is not ended is as it was, and the next who comes gets the rest. */
static int reset_under_node(void) {
    int status;
    mutex_lock(&permit);
    CLEANUP_PUSH(unlock_permit, &permit);
    status = shares_revoke(&shares, &node);
    if (status == ARENA_OK) reset_all();
    CLEANUP_POP(1);
    return status;
}
static void await_reset_under_node(void) {
    await_done();
    int status = reset_under_node();
    model_check(status == ARENA_OK || status == ARENA_ECANCELED || status == ARENA_ETIMEDOUT);
    model_outcome("%d", status);
}
static void await_reset_under_node_again(void) {
    await_reset_under_node();
    reset();
}
static void await_reset_under_node_take_all(void) {
    await_reset_under_node();
    take_all();
}
static const char *const outcomes_cancelled[] = {"0", "-4", NULL};
static const char *const outcomes_deadline[] = {"0", "-5", NULL};
static void kill_reset(void) { model_cancel(2); }

/* An allocation that its thread left by longjmp, out of a signal handler. */
static void leave_claim(void) {
    char *slot, *past;
    struct share *mine = shares_mine(&shares);
    if (mine == NULL || !share_claim(&shares, mine, sizeof(struct pair), &slot, &past)) return;
    *(struct pair *)(void *)slot = (struct pair){77, 78};
}
static void take_leave_end(void) {
    take();
    signal_done();
    leave_claim();
}
static void take_leave_take(void) {
    take_leave_end();
    take();
}
/* Is what is free zero, whoever left something there? */
static void take_zeros(void) {
    mutex_lock(&permit);
    model_check(shares_revoke(&shares, NULL) == ARENA_OK);
    struct pair *pairs = shares_refill(&shares, NULL, 8, false);
    mutex_unlock(&permit);
    for (unsigned i = 0; pairs != NULL && i < 8; i++) {
        model_check(pairs[i].first == 0 && pairs[i].second == 0);
        pairs[i] = (struct pair){9, 9};
    }
    made[model_thread()] += pairs != NULL ? 8 : 0;
}
static void await_take_zeros(void) {
    await_done();
    take_zeros();
}
/* The thread comes back, to the gate, which another one holds that waits for its allocation: that one sees what is cleared. */
static void take_leave_refill(void) {
    take_leave_end();
    void *slab = refill(NULL, 1);
    made[model_thread()] += slab != NULL;
}
static void take_await_look(void) {
    take(); /* so that what comes is ordered by nothing else */
    await_done();
    mutex_lock(&permit);
    model_check(shares_revoke(&shares, NULL) == ARENA_OK);
    for (const struct run *run = slots->runs; run != NULL; run = run->next)
        for (const char *at = run->from; at != run->to; at += sizeof(struct pair))
            model_check(((const struct pair *)(const void *)at)->first == 0);
    mutex_unlock(&permit);
}

/* --- what a slab could fit in -------------------------------------------------------------------------------------------- */

/* What is said not to fit does not, once all chunks are ended; what is said to fit does, if nobody took of it. */
static void ask_slab(size_t count) {
    shares_mend_mine(&shares);
    mutex_lock(&permit);
    void *slab = shares_refill(&shares, NULL, count, false);
    if (slab == NULL) {
        bool could = shares_could_fit(&shares, count);
        model_check(shares_revoke(&shares, NULL) == ARENA_OK);
        shares_note_freed(&shares);
        slab = shares_refill(&shares, NULL, count, false);
        model_check(could || slab == NULL);
        model_outcome("%d %d", could, slab != NULL);
    }
    mutex_unlock(&permit);
    if (slab != NULL) {
        struct pair *pairs = slab;
        for (size_t i = 0; i < count; i++) pairs[i] = (struct pair){9, 9};
        made[model_thread()] += (unsigned)count;
    }
}
static void await_ask_slab(void) {
    await_done();
    ask_slab(10);
}
static const char *const outcomes_ask[] = {"0 0", "1 0", "1 1", NULL};

static void await_reset_twice(void) {
    await_done();
    reset();
    reset();
}
/* Between two revocations a chunk is lent, and left by a thread that ends: the second one moves the epoch, too. */
static void await_reset_lend_reset(void) {
    await_done();
    reset();
    take();
    thread_exit_hook(thread_state());
    reset();
}
static void await_take_all(void) {
    await_done();
    take_all();
}
static void await_take_two(void) {
    await_done();
    take_two();
}
/* Whatever it makes of numbers that change meanwhile, it reads nothing that is not there. */
static void count(void) {
    (void)shares_unused_bytes(&shares);
    (void)shares_unused_bytes(&shares);
}
static void retire(void) {
    take();
    mutex_lock(&permit);
    shares_retire_mine(&shares);
    mutex_unlock(&permit);
    take();
}

/* --- blocks of a byte arena ---------------------------------------------------------------------------------------------- */

static struct {
    unsigned char *at;
    size_t size;
} blocks[MODEL_THREADS + 1][4];
static size_t blocks_made[MODEL_THREADS + 1];

static void setup_blocks(void) { setup_type(arena_type_bytes(), 24, NULL); }
static void setup_blocks_few(void) { setup_type(arena_type_bytes(), 8, NULL); }

static void keep_block(unsigned char *block, size_t size, size_t align) {
    unsigned me = model_thread();
    model_check(((uintptr_t)block & (align - 1)) == 0);
    for (size_t i = 0; i < size; i++) {
        model_check(block[i] == 0);
        block[i] = (unsigned char)(me + 1);
    }
    blocks[me][blocks_made[me]].at = block;
    blocks[me][blocks_made[me]++].size = size;
}
static void take_block(size_t size, size_t align) {
    unsigned char *block = shares_take_block(&shares, size, align, false);
    if (block == NULL) {
        shares_mend_mine(&shares);
        mutex_lock(&permit);
        while ((block = shares_refill_block(&shares, size, align, false)) == NULL &&
               shares_could_fit_block(&shares, size, align))
            model_check(shares_revoke(&shares, NULL) == ARENA_OK);
        mutex_unlock(&permit);
    }
    if (block != NULL) keep_block(block, size, align);
}
static void take_blocks_signal_take(void) {
    take_block(1, 1);
    signal_done();
    take_block(1, 2);
    take_block(1, 1);
}
/* What the other thread has left is needed. */
static void await_take_large_block(void) {
    await_done();
    take_block(20, 2);
    take_block(1, 1);
}
static void take_all_bytes(void) {
    while (blocks_made[model_thread()] < COUNT(blocks[0])) {
        size_t before = blocks_made[model_thread()];
        take_block(before == 0 ? 2 : 1, 1);
        if (blocks_made[model_thread()] == before) break;
    }
}
static size_t end_blocks_bytes(void) {
    size_t bytes = 0;
    for (unsigned t = 0; t <= MODEL_THREADS; t++) {
        for (size_t b = 0; b < blocks_made[t]; b++) {
            for (size_t i = 0; i < blocks[t][b].size; i++) model_check(blocks[t][b].at[i] == t + 1);
            bytes += blocks[t][b].size;
        }
    }
    model_check(bytes <= slots_used(slots) - shares_unused_bytes(&shares));
    struct share *first = shares_finish(&shares);
    slots_destroy(slots);
    shares_free(first);
    return bytes;
}
static void end_blocks(void) { (void)end_blocks_bytes(); }
/* Nothing is lost to padding, so each gets what it wants. */
static void end_blocks_full(void) { model_check(end_blocks_bytes() == 8); }

static unsigned all_made(void) {
    unsigned all = 0;
    for (unsigned t = 0; t <= MODEL_THREADS; t++) all += made[t];
    return all;
}
static void end(void) {
    size_t used = slots_used(slots) - shares_unused_bytes(&shares) / sizeof(struct pair);
    model_check(used == all_made() - dropped);
    struct share *first = shares_finish(&shares);
    slots_destroy(slots);
    shares_free(first);
    model_check(dropped == all_made());
}
static void end_full(void) {
    model_check(all_made() == slots_capacity(slots));
    end();
}
/* Slots that were handed out as zeros were not written to. */
static void end_zeroed(void) {
    zeroed = true;
    end();
}
static void end_made_five(void) {
    model_check(all_made() == 5);
    end();
}
static void end_made_four(void) {
    model_check(all_made() == 4);
    end();
}

/* A scenario is a line or two. */
/* clang-format off */
static const struct model_scenario scenarios[] = {
    {"share.reset", setup, {take_signal_take, await_reset}, end},
    {"share.reset.twice", setup, {take_signal_take, await_reset_twice}, end},
    {"share.reset.epochs", setup, {take_signal_take, await_reset_lend_reset}, end},
    {"share.reset.unsynchronised", setup, {take_three, reset}, end},
    {"share.reset.slab", setup_cleared, {take_signal_take_slabs, await_reset}, end},
    {"share.reset.any", setup, {take_any_three, reset}, end},
    {"share.reset.three", setup, {take_two, take_two, reset}, end, .slow = true},
    {"share.reset.reset", setup, {take_signal_take, await_reset, await_reset}, end, .slow = true},
    {"share.exhaust", setup_two, {take_two, take}, end_full},
    {"share.steal", setup, {take_signal_take, await_take_all}, end_full, .slow = true},
    {"share.steal.last", setup_two, {take_all, take_all}, end_full},
    {"share.adopt", setup, {take_signal, await_take_two}, end_made_four},
    {"share.adopt.two", setup_orphan, {take_two, take_two}, end_made_five},
    {"share.adopt.reset", setup, {take_signal, await_take_two, reset}, end, .slow = true},
    {"share.try", setup, {take_signal_take, await_try_reset}, end, .outcomes = outcomes_try},
    {"share.try.twice", setup, {take_signal_take, await_try_reset, await_reset}, end, .slow = true},
    {"share.cancel", setup_node, {take_signal_take, await_reset_under_node, cancel}, end,
     .outcomes = outcomes_cancelled},
    {"share.cancel.again", setup_node, {take_signal_take, await_reset_under_node_again, cancel}, end, .slow = true},
    {"share.cancel.steal", setup_node, {take_signal_take, await_reset_under_node_take_all, cancel}, end, .slow = true},
    {"share.deadline", setup_deadline, {take_signal_take, await_reset_under_node}, end, .times = times,
     .outcomes = outcomes_deadline},
    {"share.killed", setup_node, {take_signal_take, await_reset_under_node, kill_reset}, end},
    {"share.left.end", setup, {take_leave_end, await_take_zeros}, end},
    {"share.left.gate", setup, {take_leave_refill, take_await_look}, end_zeroed},
    {"share.left.take", setup, {take_leave_take, await_reset}, end, .slow = true},
    {"share.fit", setup, {take_signal_take, await_ask_slab}, end, .outcomes = outcomes_ask},
    {"share.count", setup, {take_two, count}, end},
    {"share.block", setup_blocks, {take_blocks_signal_take, await_take_large_block}, end_blocks},
    {"share.block.last", setup_blocks_few, {take_all_bytes, take_all_bytes}, end_blocks_full},
    {"share.retire", setup, {retire, reset}, end},
};
/* clang-format on */

int main(int argc, char **argv) { return model_main(argc, argv, scenarios, COUNT(scenarios)); }
