/* SPDX-License-Identifier: MIT */
/* Contexts: the count of references at its ends. */
#include "api/context.h"
#include "platform/sync.h"
#include "sync/cancel.h"

#include "../support.h"

#include <arena/arena.h>

static void release(void *context) { arena_context_release(context); }

/* test_saturation.c counts all the way; here the count, which follows the node, is put just below the end. */
TEST(references_saturate) {
    GIVEN(arena_context, context, arena_context_with_cancel(NULL, &context));
    struct atomic_u32 *references = (struct atomic_u32 *)(void *)(context_node(context) + 1);
    assert_int_equal(atomic_u32_load(references, relaxed), 1);
    assert_ptr_equal(arena_context_retain(context), context);
    assert_int_equal(atomic_u32_load(references, relaxed), 2);
    arena_context_release(context);
    assert_int_equal(atomic_u32_load(references, relaxed), 1);
    const uint32_t stuck = (uint32_t)1 << 31;
    atomic_u32_store(references, stuck - 1, relaxed);
    for (int i = 0; i < 3; i++) {
        (void)arena_context_retain(context);
        assert_int_equal(atomic_u32_load(references, relaxed), stuck);
    }
    arena_context_release(context);
    assert_int_equal(atomic_u32_load(references, relaxed), stuck);
    atomic_u32_store(references, stuck - 1, relaxed);
    arena_context_release(context);
    assert_int_equal(atomic_u32_load(references, relaxed), stuck - 2);
    atomic_u32_store(references, 0, relaxed); /* released, and its memory not yet something else */
    assert_panics(release, context, "arena_context_release");
    atomic_u32_store(references, 1, relaxed);
    arena_context_release(context);
}

int main(void) { return support_run("context"); }
