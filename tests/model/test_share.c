/* SPDX-License-Identifier: MIT */
/* api/share.c by itself, with a mutex for the gate's permit: the owner of a chunk against whoever ends it.  Without the
 * gate's own steps, longer and three-threaded scenarios are in reach than in test_concurrent.c. */
#include "engine.h"
#include "platform/sync.h"
#include "runtime/thread.h"

#include "api/share.h"
#include "core/slots.h"

#include <arena/arena.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct pair {
    unsigned first, second;
};
static void drop(void *element, void *user);
static const struct arena_type type = {"pair", sizeof(struct pair), _Alignof(struct pair), drop};
static struct arena *slots;
static struct shares shares;
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

static void setup_options(size_t capacity, bool alone, const struct arena_options *options) {
    struct slots_plan plan;
    model_check(mutex_init(&permit));
    model_check(slots_plan(&type, capacity, options, &plan) == ARENA_OK);
    slots = slots_create(&plan, &type, SLOTS_OWNER_GATE, sizeof *slots);
    model_check(slots != NULL && shares_start(&shares, slots, alone));
    slots_seal(slots);
}
static void setup_capacity(size_t capacity, bool alone) { setup_options(capacity, alone, NULL); }
static void setup(void) { setup_capacity(12, false); }
static void setup_two(void) { setup_capacity(2, false); }
static void setup_cleared(void) {
    const struct arena_options options = {sizeof options, ARENA_CLEAR_ON_HANDOUT, 0};
    zeroed = true;
    setup_options(12, false, &options);
}
static void setup_alone(void) { setup_capacity(6, true); }

static void take(void);
/* The main thread's share, as if it had ended. */
static void setup_orphan(void) {
    setup();
    take();
    struct share *share = atomic_ptr_load(&shares.first, relaxed);
    atomic_u32_store(&share->owned, 0, release);
}

static bool take_from(bool any) {
    struct pair value = {model_thread() + 1, model_thread() + 1};
    void *slot = any ? shares_take_any(&shares, &value, 1, false) : shares_take(&shares, &value);
    if (slot == NULL) {
        mutex_lock(&permit);
        slot = shares_refill(&shares, &value, 1, false);
        mutex_unlock(&permit);
    }
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
    for (int i = 0; i < 3; i++)
        (void)take_from(true);
}
static void take_all(void) {
    while (take_from(false))
        ;
}
/* A slab of one, which is cleared before it counts as handed out. */
static void take_slab(void) {
    void *slab = shares_take_slab(&shares, 1);
    if (slab == NULL) {
        mutex_lock(&permit);
        slab = shares_refill(&shares, NULL, 1, false);
        mutex_unlock(&permit);
    }
    made[model_thread()] += slab != NULL;
}
static void signal_done(void) { atomic_u32_store(&done, 1, release); }
static void await_done(void) {
    while (!atomic_u32_load(&done, acquire))
        thread_spin();
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
static void reset(void) {
    mutex_lock(&permit);
    (void)shares_revoke(&shares);
    slots_reset(slots);
    model_check(slots_used(slots) == 0);
    mutex_unlock(&permit);
}
static void await_reset(void) {
    await_done();
    reset();
}
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
/* Comes to the gate so often that it is lent everything. */
static void take_alone(void) {
    take();
    mutex_lock(&permit);
    shares.streak = UINT32_MAX - 1;
    mutex_unlock(&permit);
    take();
    signal_done();
    take_two();
}
static void retire(void) {
    take();
    mutex_lock(&permit);
    shares_retire_mine(&shares);
    mutex_unlock(&permit);
    take();
}

static unsigned all_made(void) {
    unsigned all = 0;
    for (unsigned t = 0; t <= MODEL_THREADS; t++)
        all += made[t];
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
static void end_made_five(void) {
    model_check(all_made() == 5);
    end();
}
static void end_made_four(void) {
    model_check(all_made() == 4);
    end();
}

static const struct model_scenario scenarios[] = {
    {.name = "share.reset", .setup = setup, .threads = {take_signal_take, await_reset}, .finish = end},
    {.name = "share.reset.twice", .setup = setup, .threads = {take_signal_take, await_reset_twice}, .finish = end},
    {.name = "share.reset.epochs", .setup = setup, .threads = {take_signal_take, await_reset_lend_reset}, .finish = end},
    {.name = "share.reset.unsynchronised", .setup = setup, .threads = {take_three, reset}, .finish = end},
    {.name = "share.reset.slab", .setup = setup_cleared, .threads = {take_signal_take_slabs, await_reset}, .finish = end},
    {.name = "share.reset.any", .setup = setup, .threads = {take_any_three, reset}, .finish = end},
    {.name = "share.reset.three", .setup = setup, .threads = {take_two, take_two, reset}, .finish = end, .slow = true},
    {.name = "share.reset.reset",
     .setup = setup,
     .threads = {take_signal_take, await_reset, await_reset},
     .finish = end,
     .slow = true},
    {.name = "share.exhaust", .setup = setup_two, .threads = {take_two, take}, .finish = end_full},
    {.name = "share.steal", .setup = setup, .threads = {take_signal_take, await_take_all}, .finish = end_full, .slow = true},
    {.name = "share.steal.last",
     .setup = setup_two,
     .threads = {take_all, take_all},
     .finish = end_full},
    {.name = "share.adopt", .setup = setup, .threads = {take_signal, await_take_two}, .finish = end_made_four},
    {.name = "share.adopt.two", .setup = setup_orphan, .threads = {take_two, take_two}, .finish = end_made_five},
    {.name = "share.adopt.reset",
     .setup = setup,
     .threads = {take_signal, await_take_two, reset},
     .finish = end,
     .slow = true},
    {.name = "share.count", .setup = setup, .threads = {take_two, count}, .finish = end},
    {.name = "share.retire", .setup = setup, .threads = {retire, reset}, .finish = end},
    {.name = "share.alone", .setup = setup_alone, .threads = {take_alone, take}, .finish = end_made_five},
    {.name = "share.alone.reset", .setup = setup_alone, .threads = {take_alone, await_reset}, .finish = end},
};

int main(int argc, char **argv) { return model_main(argc, argv, scenarios, COUNT(scenarios)); }
