/* SPDX-License-Identifier: MIT */
/* An arena as the concurrent one has it behind its gate, without the gate: for tests of what is inside. */
#ifndef TESTS_SHARES_H
#define TESTS_SHARES_H

#include "api/share.h"
#include "core/create.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* A sealed arena of 1000 words of 8 bytes, of which threads are lent chunks.  Skips the test where they are not, because a
 * memory checker is watching. */
static inline struct arena *shares_begin_words(struct share_set *shares) {
    static const struct arena_type type = {"word", 8, 8, NULL};
    const struct slots_plan plan = {.stride = 8, .bytes = 8000};
    struct arena *arena = slots_create(&plan, &type, PART_OF_CONCURRENT, sizeof *arena, NULL);
    assert_non_null(arena);
    slots_close(arena, CLOSED_BEHIND_GATE);
    *shares = (struct share_set){0};
    assert_true(shares_start(shares, arena, false));
    if (!shares_enabled(shares)) {
        slots_destroy(arena);
        skip();
    }
    return arena;
}

static inline void *shares_be_lent(void *shares) { return shares_refill(shares, NULL, 1, false); }

/* The share of another thread, which was lent a chunk, took one word of it, and is in the middle of the next: until
 * somebody commits that in its stead. */
static inline struct share *shares_leave_in_the_middle(struct share_set *shares) {
    pthread_t thread;
    void *word = NULL;
    assert_int_equal(pthread_create(&thread, NULL, shares_be_lent, shares), 0);
    assert_int_equal(pthread_join(thread, &word), 0);
    assert_non_null(word);
    struct share *share = atomic_ptr_load(&shares->first, relaxed);
    char *commit = atomic_ptr_load(&share->commit, relaxed);
    atomic_ptr_store(&share->claim, commit + 8, relaxed);
    return share;
}

static inline void shares_end_words(struct share_set *shares) {
    struct arena *arena = shares->slots;
    struct share *left = shares_finish(shares);
    slots_destroy(arena);
    shares_free(left);
}

#endif
