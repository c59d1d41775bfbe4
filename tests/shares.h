/* SPDX-License-Identifier: MIT */
/* An arena as the concurrent one has it behind its gate, without the gate: for tests of what is inside. */
#ifndef TESTS_SHARES_H
#define TESTS_SHARES_H

#include "api/share.h"
#include "core/create.h"

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

static inline void shares_end_words(struct share_set *shares) {
    struct arena *arena = shares->slots;
    struct share *left = shares_finish(shares);
    slots_destroy(arena);
    shares_free(left);
}

#endif
