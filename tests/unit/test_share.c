/* SPDX-License-Identifier: MIT */
/* What threads of a concurrent arena are lent: chunks, how large they are, and how they are taken back. */
#include "api/share.h"
#include "core/create.h"

#include "../shares.h"
#include "../support.h"

#include <arena/arena.h>

/* Numbers of 8 bytes, with shares of them; NULL: a memory checker is watching, and nobody is lent anything. */
static struct arena *make_shared(struct share_set *shares, size_t capacity, bool gate_only) {
    static const struct arena_type type = {"number", 8, 8, NULL};
    const struct slots_plan plan = {.stride = 8, .bytes = 8 * capacity};
    struct arena *arena = slots_create(&plan, &type, PART_OF_CONCURRENT, sizeof *arena, NULL);
    assert_non_null(arena);
    slots_close(arena, CLOSED_BEHIND_GATE);
    memset(shares, 0, sizeof *shares);
    assert_true(shares_start(shares, arena, gate_only));
    if (shares_enabled(shares)) return arena;
    slots_destroy(arena);
    return NULL;
}

static void end_shared(struct share_set *shares) {
    struct share *left = shares_finish(shares);
    slots_destroy(shares->slots);
    shares_free(left);
}

/* A slab by the slow path, and how many slots the calling thread was lent for it, its own among them. */
static size_t lent_with(struct share_set *shares, size_t count) {
    size_t before = slots_remaining(shares->slots) + shares_unused_bytes(shares) / 8;
    assert_non_null(shares_refill(shares, NULL, count, false));
    assert_int_equal(slots_remaining(shares->slots) + shares_unused_bytes(shares) / 8, before - count);
    const struct share *mine = shares_mine(shares);
    assert_non_null(mine);
    const char *commit = atomic_ptr_load(&mine->commit, relaxed);
    const char *limit = atomic_ptr_load(&mine->limit, relaxed);
    return mine->active ? (size_t)(limit - commit) / 8 + count : 0;
}

struct lending {
    struct share_set *shares;
    size_t count;
    size_t lent;
};

static void *lend_there(void *argument) {
    struct lending *lending = argument;
    lending->lent = lent_with(lending->shares, lending->count);
    return NULL;
}

static size_t lent_elsewhere(struct share_set *shares, size_t count) {
    struct lending lending = {shares, count, 0};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, lend_there, &lending), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    return lending.lent;
}

/* Threads that come one after the other use one share: there are as many as there were threads at one time. */
TEST(shares_of_ended_threads_are_used_again) {
    struct share_set shares;
    if (make_shared(&shares, 100000, false) == NULL) skip();
    for (int i = 0; i < 5; i++) (void)lent_elsewhere(&shares, 1);
    assert_int_equal(shares.count, 1);
    (void)lent_with(&shares, 1);
    (void)lent_elsewhere(&shares, 1);
    assert_int_equal(shares.count, 2);
    end_shared(&shares);
}

/* A chunk holds a whole number of what was wanted, as often as it goes into 64 KiB and into the thread's part of a quarter
 * of what is free. */
TEST(chunks_hold_what_is_wanted_many_times) {
    struct share_set shares;
    for (size_t count = 1; count <= 9; count++) {
        if (make_shared(&shares, 100000, false) == NULL) skip();
        assert_int_equal(lent_with(&shares, count), 8192 - 8192 % count);
        end_shared(&shares);
        (void)make_shared(&shares, 10000, false);
        size_t first = lent_with(&shares, count);
        assert_int_equal(first, 2500 - 2500 % count);
        size_t part = (10000 - first) / 4 / 2;
        assert_int_equal(lent_elsewhere(&shares, count), part - part % count);
        end_shared(&shares);
    }
}

/* With ARENA_GATE_ONLY nobody is lent anything, and the system is not asked for its barrier. */
TEST(behind_the_gate_nobody_is_lent_anything) {
    struct share_set shares;
    assert_null(make_shared(&shares, 1000, true));
    assert_null(shares_mine(&shares));
}

/* Also after revocations, which move the epoch on. */
TEST(a_chunk_is_handed_out_to_its_end_without_the_gate) {
    struct share_set shares;
    struct arena *arena = make_shared(&shares, 10000, false);
    if (arena == NULL) skip();
    for (int round = 0; round < 3; round++) {
        size_t lent = lent_with(&shares, 1);
        assert_true(lent > 1);
        for (size_t i = 1; i < lent; i++) assert_non_null(shares_take_any(&shares, NULL, 1, false));
        assert_null(shares_take_any(&shares, NULL, 1, false));
        assert_true(lent_elsewhere(&shares, 1) > 1);
        assert_int_equal(shares_revoke(&shares, NULL), ARENA_OK);
    }
    assert_null(shares_refill(&shares, NULL, 10000, false));
    assert_true(slots_sealed(arena)); /* whoever had the arena before has it no more */
    end_shared(&shares);
}

/* A burst makes an arena quick again, but none that may have free runs. */
TEST(a_burst_behind_the_gate_hides_no_runs) {
    enum { CAPACITY = 24 };
    for (int left = 0; left < 2; left++) {
        struct share_set shares;
        struct arena *arena = make_shared(&shares, CAPACITY, false);
        if (arena == NULL) skip();
        assert_true(lent_with(&shares, 1) > 1);
        (void)lent_elsewhere(&shares, 1);
        assert_int_equal(shares_revoke(&shares, NULL), ARENA_OK);
        assert_true(arena->gap_bytes != 0);
        slots_open(arena, CLOSED_BEHIND_GATE);
        struct arena_burst burst;
        arena_burst_begin(arena, &burst);
        if (left == 0) arena_burst_end(arena, &burst);
        arena_reset(arena);
        assert_int_equal(slots_used(arena), 0);
        assert_int_equal(slots_remaining(arena), CAPACITY);
        slots_close(arena, CLOSED_BEHIND_GATE);
        end_shared(&shares);
    }
}

/* What a thread wrote half of and left by longjmp is neither handed out nor in the way, whatever it asks for next. */
TEST(what_was_left_half_done_is_zero_again) {
    struct share_set shares;
    (void)shares_begin_words(&shares);
    assert_non_null(shares_refill(&shares, NULL, 1, false));
    struct share *share = shares_mine(&shares);
    uint64_t *commit = atomic_ptr_load(&share->commit, relaxed);
    static const uint64_t value[4] = {7}; /* the compiler does not know that one is read */
    for (int way = 0; way < 2; way++) {
        commit[0] = commit[1] = 13;
        atomic_ptr_store(&share->claim, commit + 2, relaxed);
        assert_null(way == 0 ? shares_take_slab(&shares, 2) : shares_take(&shares, value));
        uint64_t *taken = shares_take_any(&shares, NULL, 2, false);
        assert_true(taken == commit && taken[0] == 0 && taken[1] == 0);
        commit = taken + 2;
    }
    shares_end_words(&shares);
}

/* A context that has ended by the time somebody has to be waited for ends the call, and loses nothing. */
TEST(an_ended_context_waits_for_nobody) {
    struct share_set shares;
    struct arena *arena = shares_begin_words(&shares);
    struct share *share = shares_leave_in_the_middle(&shares);
    struct cancel_node node;
    assert_true(cancel_start(&node, NULL, INT64_MAX));
    cancel_trigger(&node);
    assert_int_equal(shares_revoke(&shares, &node), ARENA_ECANCELED);
    assert_true(share->active);
    share_commit(share, atomic_ptr_load(&share->claim, relaxed));
    assert_int_equal(shares_revoke(&shares, &node), ARENA_ECANCELED); /* also where nobody is in the way */
    assert_false(share->active);
    assert_int_equal(slots_used(arena), 2);
    cancel_finish(&node);
    shares_end_words(&shares);
}

/* A revocation begins just when the owner of a chunk has claimed a slot: the owner lets go of it. */
TEST(a_claim_beside_a_revocation_is_given_up) {
    struct share_set shares;
    struct arena *arena = shares_begin_words(&shares);
    static const uint64_t value[4] = {7}; /* the compiler does not know that one is read */
    assert_non_null(shares_refill(&shares, value, 1, false));
    assert_non_null(shares_take(&shares, value));
    const struct share *mine = shares_mine(&shares);
    assert_non_null(mine);
    uint32_t epoch = atomic_u32_load(&shares.epoch, relaxed);
    atomic_u32_store(&shares.epoch, epoch + 1, relaxed);
    assert_null(shares_take(&shares, value));
    assert_null(shares_take_any(&shares, NULL, 2, false));
    assert_ptr_equal(atomic_ptr_load(&mine->claim, relaxed), atomic_ptr_load(&mine->commit, relaxed));
    assert_int_equal(shares_revoke(&shares, NULL), ARENA_OK);
    assert_int_equal(shares_unused_bytes(&shares), 0);
    assert_int_equal(slots_used(arena), 2);
    shares_end_words(&shares);
}

int main(void) { return support_run("share"); }
