/* SPDX-License-Identifier: MIT */
/* api/concurrent.c: capacity is exact, no slot is handed out twice or half written, acquire keeps everybody else out,
 * and a wait that a context ends takes nothing. */
#include "engine.h"
#include "platform/sync.h"
#include "runtime/thread.h"

#include <arena/arena.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { CAPACITY = 3 };

static const struct arena_type number_type = {"number", sizeof(unsigned), _Alignof(unsigned), NULL};
static struct arena_concurrent *arena;
static struct arena_context *context;
static struct arena *inner;
static unsigned *got[MODEL_THREADS + 1][CAPACITY + 1];
static unsigned count[MODEL_THREADS + 1];
static int status[MODEL_THREADS + 1];

static void setup(void) {
    model_check(arena_concurrent_create(&number_type, CAPACITY, &arena) == ARENA_OK);
    model_check(arena_context_with_cancel(NULL, &context) == ARENA_OK);
}
static void setup_held(void) {
    setup();
    model_check(arena_concurrent_acquire(arena, NULL, &inner) == ARENA_OK);
}
static void end_arena(void) {
    arena_concurrent_destroy(arena);
    arena_context_release(context);
}

static void note(unsigned *slot) {
    unsigned self = model_thread();
    if (!slot) return;
    *slot += 100 * self; /* a plain access: a slot of two threads is a race */
    got[self][count[self]++] = slot;
}
static void alloc(void) {
    unsigned value = model_thread();
    note(arena_concurrent_try_alloc(arena, &value));
}
static void alloc_two(void) {
    alloc();
    alloc();
}
static void alloc_zero(void) {
    unsigned *slot = arena_concurrent_try_alloc(arena, NULL);
    model_check(slot == NULL || *slot == 0);
    note(slot);
}
static void slab_two(void) {
    unsigned *slots = arena_concurrent_try_alloc_slab(arena, 2);
    if (!slots) return;
    model_check(slots[0] == 0 && slots[1] == 0);
    note(&slots[0]);
    note(&slots[1]);
}
static void fill(void) {
    model_check(arena_concurrent_acquire(arena, NULL, &inner) == ARENA_OK);
    size_t before = arena_used(inner);
    model_check(arena_concurrent_used(arena) == before);
    model_check(arena_concurrent_alloc_context(arena, NULL, NULL, &(void *){NULL}) == ARENA_EBUSY);
    unsigned value = model_thread();
    while (count[model_thread()] < CAPACITY - before) note(arena_alloc(inner, &value));
    model_check(arena_remaining(inner) == 0);
    model_check(arena_used(inner) == CAPACITY);
    arena_concurrent_release(arena);
}
static void reset(void) { arena_concurrent_reset(arena); }
/* What lies in the slots is left alone: the gate does not guard it against the reset. */
static void alloc_two_bare(void) {
    for (int i = 0; i < 2; i++) count[model_thread()] += arena_concurrent_try_alloc(arena, &(unsigned){7}) != NULL;
}
static void alloc_context(void) {
    void *slot;
    unsigned value = model_thread();
    status[model_thread()] = arena_concurrent_alloc_context(arena, context, &value, &slot);
    model_check((slot != NULL) == (status[model_thread()] == ARENA_OK));
    note(slot);
}
static void reset_context(void) { status[model_thread()] = arena_concurrent_reset_context(arena, context); }
static void acquire_context(void) {
    struct arena *mine;
    status[model_thread()] = arena_concurrent_acquire(arena, context, &mine);
    model_check((mine != NULL) == (status[model_thread()] == ARENA_OK));
    if (mine) arena_concurrent_release(arena);
}
static void cancel(void) { arena_context_cancel(context); }
static void count_slots(void) {
    size_t used = arena_concurrent_used(arena);
    model_check(used <= CAPACITY && arena_concurrent_remaining(arena) <= CAPACITY);
    model_check(arena_concurrent_cap(arena) == CAPACITY);
    model_outcome("%zu", used);
}
static const char *const outcomes_used[] = {"0", "1", "2", NULL};
static const char *const outcomes_used_one[] = {"0", "1", NULL};
static void acquire_release(void) {
    struct arena *mine;
    model_check(arena_concurrent_acquire(arena, NULL, &mine) == ARENA_OK);
    note(arena_try_alloc(mine, NULL));
    arena_concurrent_release(arena);
}

static void finish_acquired(void) {
    model_check(arena_concurrent_used(arena) <= 1);
    end_arena();
}

/* Slots are distinct, and as many as fit. */
static void check_slots(unsigned wanted) {
    unsigned all = 0;
    unsigned *seen[CAPACITY];
    for (unsigned t = 1; t <= MODEL_THREADS; t++)
        for (unsigned i = 0; i < count[t]; i++) {
            model_check(all < CAPACITY);
            for (unsigned k = 0; k < all; k++) model_check(seen[k] != got[t][i]);
            seen[all++] = got[t][i];
        }
    model_check(all == wanted);
    model_check(arena_concurrent_used(arena) == wanted);
    model_check(arena_concurrent_remaining(arena) == CAPACITY - wanted);
}
static void finish_full(void) {
    check_slots(CAPACITY);
    model_check(arena_concurrent_try_alloc(arena, NULL) == NULL);
    end_arena();
}
static void finish_two(void) {
    check_slots(2);
    end_arena();
}
/* A slab of two and two single ones in three slots. */
static void finish_slab(void) {
    check_slots(count[1] == 2 ? 3 : 2);
    model_outcome("%u %u", count[1], count[2]);
    end_arena();
}
static const char *const outcomes_slab[] = {"2 1", "0 2", NULL};
static void finish_reset(void) {
    size_t used = arena_concurrent_used(arena);
    model_check(used <= count[2]);
    model_outcome("%zu", used);
    for (; used < CAPACITY; used++) {
        unsigned *slot = arena_concurrent_alloc(arena, NULL);
        model_check(slot != NULL && *slot == 0);
    }
    model_check(arena_concurrent_try_alloc(arena, NULL) == NULL);
    end_arena();
}
static const char *const outcomes_reset[] = {"0", "1", "2", NULL};
static void finish_context(void) {
    for (unsigned t = 1; t <= MODEL_THREADS; t++) model_check(status[t] == ARENA_OK || status[t] == ARENA_ECANCELED);
    model_check(arena_concurrent_used(arena) == count[1] + count[2] + count[3]);
    model_outcome("%d", status[2]);
    end_arena();
}
static const char *const outcomes_context[] = {"0", "-4", NULL};
static void finish_held(void) {
    model_check(status[2] == ARENA_ECANCELED);
    model_check(arena_used(inner) == 0);
    end_arena();
}
static void release_main(void) {
    arena_concurrent_release(arena);
    finish_held();
}

/* --- chunks: capacities at which a thread is lent several slots at a time ---------------------------------------------- */

struct pair {
    unsigned first, second;
};
static void drop_pair(void *element, void *user);
static const struct arena_type pair_type = {"pair", sizeof(struct pair), _Alignof(struct pair), drop_pair};
static unsigned dropped, made[MODEL_THREADS + 1];
static struct atomic_u32 done;

/* Reads every live element, as a whole. */
static void drop_pair(void *element, void *user) {
    (void)user;
    const struct pair *pair = element;
    model_check(pair->first != 0 && pair->first == pair->second);
    dropped++;
}
static void setup_narrow(void) { model_check(arena_concurrent_create(&pair_type, 2, &arena) == ARENA_OK); }
static void setup_three(void) { model_check(arena_concurrent_create(&pair_type, 3, &arena) == ARENA_OK); }
static void setup_wide(void) { model_check(arena_concurrent_create(&pair_type, 8, &arena) == ARENA_OK); }
static void setup_gate_only(void) {
    struct arena_options options = {.struct_size = sizeof options, .flags = ARENA_GATE_ONLY};
    model_check(arena_concurrent_create_with(&number_type, CAPACITY, &options, &arena) == ARENA_OK);
    model_check(arena_context_with_cancel(NULL, &context) == ARENA_OK);
}
static bool make_pair(void) {
    if (arena_concurrent_try_alloc(arena, &(struct pair){3, 3}) == NULL) return false;
    made[model_thread()]++;
    return true;
}
static void make_one(void) { (void)make_pair(); }
static void make_two(void) {
    make_one();
    make_one();
}
static void make_three(void) {
    make_two();
    make_one();
}
static void make_all(void) {
    while (make_pair())
        ;
}
static void make_slab(void) {
    static const struct pair pairs[6] = {{1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}};
    if (arena_concurrent_try_alloc_slab_with(arena, pairs, 6) != NULL) made[model_thread()] += 6;
}
static void make_done(void) {
    make_two();
    atomic_u32_store(&done, 1, release);
}
static void await_done(void) {
    while (!atomic_u32_load(&done, acquire)) thread_spin();
}
static void make_done_make(void) {
    make_one();
    atomic_u32_store(&done, 1, release);
    make_two();
}
static void make_done_make_one(void) {
    make_one();
    atomic_u32_store(&done, 1, release);
    make_one();
}
static void await_make(void) {
    await_done();
    make_two();
}
static void await_destroy(void) {
    await_done();
    arena_concurrent_destroy(arena);
    model_check(dropped == 2);
}
static void await_reset(void) {
    await_done();
    reset();
}
static void await_reset_twice(void) {
    await_reset();
    reset();
}
static void await_make_all(void) {
    await_done();
    make_all();
}
/* Inside, the counts are exact and everything that counts is written. */
static void acquire_count(void) {
    model_check(arena_concurrent_acquire(arena, NULL, &inner) == ARENA_OK);
    size_t used = arena_used(inner);
    model_check(used <= 3);
    model_outcome("%zu", used);
    arena_reset(inner);
    model_check(dropped == used && arena_used(inner) == 0);
    arena_concurrent_release(arena);
}
static void await_acquire_count(void) {
    await_done();
    acquire_count();
}
static const char *const outcomes_acquired[] = {"1", "2", "3", NULL};
static const char *const outcomes_acquired_three[] = {"0", "1", "2", "3", NULL};
static void finish_made(void) {
    unsigned all = 0;
    for (unsigned t = 0; t <= MODEL_THREADS; t++) all += made[t];
    model_check(arena_concurrent_used(arena) == all - dropped);
    arena_concurrent_destroy(arena);
    model_check(dropped == all);
}
static void finish_made_full(void) {
    model_check(made[1] + made[2] == arena_concurrent_cap(arena));
    finish_made();
}
static void finish_made_slab(void) {
    /* The slab fits if it came first, or behind what the other had by then. */
    model_check(made[1] == 2 && (made[2] == 6 || made[2] == 0));
    model_outcome("%u", made[2]);
    finish_made();
}
static const char *const outcomes_slab_made[] = {"6", NULL};

/* --- waits for allocations under way, permits -------------------------------------------------------------------------- */

static void setup_wide_context(void) {
    setup_wide();
    model_check(arena_context_with_cancel(NULL, &context) == ARENA_OK);
}
static void await_acquire_context(void) {
    await_done();
    acquire_context();
    model_outcome("%d", status[model_thread()]);
}
static void await_reset_context(void) {
    await_done();
    reset_context();
    model_outcome("%d", status[model_thread()]);
}
static void await_try_acquire(void) {
    await_done();
    struct arena *mine;
    int answer = arena_concurrent_try_acquire(arena, &mine);
    model_check((mine != NULL) == (answer == ARENA_OK));
    if (mine) arena_concurrent_release(arena);
    model_outcome("%d", answer);
}
static const char *const outcomes_try[] = {"0", "-7", NULL};
static void kill_second(void) { model_cancel(2); }
static void end_context_made(void) {
    arena_context_release(context);
    finish_made();
}

static struct arena_permit permit;
static void setup_permit(void) {
    setup();
    model_check(arena_concurrent_acquire_permit(arena, NULL, &permit) == ARENA_OK);
}
static void release_permit(void) { status[model_thread()] = arena_concurrent_release_permit(arena, &permit); }
/* From another thread than took it; what was done under it is seen by who comes next. */
static void use_and_release_permit(void) {
    note(arena_try_alloc(permit.arena, NULL));
    release_permit();
}
static void acquire_and_release_permit(void) {
    struct arena_permit mine;
    model_check(arena_concurrent_acquire_permit(arena, NULL, &mine) == ARENA_OK);
    note(arena_try_alloc(mine.arena, NULL));
    model_check(arena_concurrent_release_permit(arena, &mine) == ARENA_OK);
    model_check(arena_concurrent_release_permit(arena, &mine) == ARENA_EINVAL);
}
static void finish_released_once(void) {
    model_check((status[1] == ARENA_OK) != (status[2] == ARENA_OK));
    model_check(status[1] + status[2] == ARENA_EINVAL);
    end_arena();
}

/* A scenario is a line or two. */
/* clang-format off */
static const struct model_scenario scenarios[] = {
    {"concurrent.capacity", setup, {alloc_two, alloc}, finish_full},
    {"concurrent.capacity.four", setup, {alloc_two, alloc_two}, finish_full, .slow = true},
    {"concurrent.capacity.gate-only", setup_gate_only, {alloc_two, alloc}, finish_full},
    {"concurrent.capacity.no-barrier", setup, {alloc_two, alloc}, finish_full, .no_barrier = true},
    {"concurrent.chunk.acquire", setup_wide, {make_done_make, await_acquire_count}, finish_made,
     .outcomes = outcomes_acquired},
    {"concurrent.chunk.acquire.unsynchronised", setup_wide, {make_three, acquire_count}, finish_made,
     .outcomes = outcomes_acquired_three, .slow = true},
    {"concurrent.chunk.context.acquire", setup_wide_context, {make_done_make_one, await_acquire_context, cancel},
     end_context_made, .outcomes = outcomes_context, .slow = true},
    {"concurrent.chunk.context.reset", setup_wide_context, {make_done_make_one, await_reset_context, cancel},
     end_context_made, .outcomes = outcomes_context, .slow = true},
    {"concurrent.chunk.try", setup_wide, {make_done_make, await_try_acquire}, finish_made, .outcomes = outcomes_try},
    {"concurrent.chunk.killed", setup_wide, {make_done_make_one, await_reset, kill_second}, finish_made, .slow = true},
    {"concurrent.permit.once", setup_permit, {release_permit, release_permit}, finish_released_once},
    {"concurrent.permit.handed-on", setup_permit, {use_and_release_permit, alloc_two}, finish_full},
    {"concurrent.permit.permit", setup, {acquire_and_release_permit, acquire_and_release_permit}, finish_two},
    {"concurrent.chunk.reset", setup_wide, {make_done_make, await_reset}, finish_made},
    {"concurrent.chunk.reset.unsynchronised", setup_wide, {make_three, reset}, finish_made, .slow = true},
    {"concurrent.chunk.steal", setup_narrow, {make_done_make, await_make_all}, finish_made_full, .slow = true},
    {"concurrent.chunk.steal.unsynchronised", setup_narrow, {make_one, make_all}, finish_made_full, .slow = true},
    {"concurrent.chunk.steal.several", setup_three, {make_done_make_one, await_make_all}, finish_made_full,
     .slow = true},
    {"concurrent.chunk.slab", setup_wide, {make_two, make_slab}, finish_made_slab, .outcomes = outcomes_slab_made},
    {"concurrent.chunk.adopt", setup_wide, {make_done, await_make}, finish_made},
    {"concurrent.chunk.exit-destroy", setup_wide, {make_done, await_destroy}},
    {"concurrent.chunk.exit-destroy.reset", setup_wide, {make_done, await_make, await_reset}, finish_made,
     .slow = true},
    {"concurrent.chunk.reset.twice", setup_wide, {make_done_make_one, await_reset_twice}, finish_made, .slow = true},
    {"concurrent.chunk.reset.reset", setup_wide, {make_one, reset, reset}, finish_made, .slow = true},
    {"concurrent.capacity.three", setup, {alloc, alloc, alloc_zero}, finish_full, .slow = true},
    {"concurrent.slab", setup, {slab_two, alloc_two}, finish_slab, .outcomes = outcomes_slab},
    {"concurrent.acquire", setup, {fill, alloc}, finish_full},
    {"concurrent.acquire.acquire", setup, {acquire_release, acquire_release}, finish_two},
    {"concurrent.acquire.reset", setup, {reset, acquire_release}, finish_acquired},
    {"concurrent.reset", setup, {reset, alloc_two_bare}, finish_reset, .outcomes = outcomes_reset},
    {"concurrent.counts", setup, {alloc_two, count_slots}, finish_two, .outcomes = outcomes_used},
    /* What the holder does is none of a stranger's business. */
    {"concurrent.counts.acquire", setup, {acquire_release, count_slots}, finish_acquired,
     .outcomes = outcomes_used_one},
    {"concurrent.context.cancel", setup, {cancel, alloc_context}, finish_context, .outcomes = outcomes_context},
    {"concurrent.context.wait", setup, {alloc, alloc_context, cancel}, finish_context, .outcomes = outcomes_context,
     .slow = true},
    {"concurrent.context.held", setup_held, {cancel, alloc_context}, release_main},
    {"concurrent.context.held.acquire", setup_held, {cancel, acquire_context}, release_main},
    {"concurrent.context.held.reset", setup_held, {cancel, reset_context}, release_main},
};
/* clang-format on */

int main(int argc, char **argv) { return model_main(argc, argv, scenarios, COUNT(scenarios)); }
