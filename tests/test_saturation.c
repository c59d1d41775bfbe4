/* SPDX-License-Identifier: MIT */
/* A reference count that reaches its end stays there: the context lives for ever, instead of dying under its users.
 * Some 2^32 calls: not among the quick tests. */
#include "support.h"

#include <arena/arena.h>

TEST(context_retained_too_often_lives_for_ever) {
    if (support_slow()) skip();
    GIVEN(arena, arena, arena_create(ARENA_TYPE(int), 1, &arena));
    GIVEN(arena_context, root, arena_context_with_cancel(NULL, &root));
    GIVEN(arena_context, context, arena_inject(root, arena, &context));
    const uint64_t many = UINT64_C(1) << 31;
    for (uint64_t i = 0; i < many + 10; i++) arena_context_retain(context);
    assert_int_equal(arena_context_status(context), ARENA_OK);
    for (uint64_t i = 0; i < many + 20; i++) arena_context_release(context);
    /* Released more often than retained: were it dead, its memory would be something else by now. */
    struct arena_context *others[64];
    for (size_t i = 0; i < 64; i++) assert_int_equal(arena_context_with_timeout(NULL, 0, &others[i]), ARENA_OK);
    assert_int_equal(arena_context_status(context), ARENA_OK);
    GIVEN(arena, found, arena_extract(context, ARENA_TYPE(int), &found));
    assert_ptr_equal(found, arena);
    arena_context_cancel(root);
    assert_int_equal(arena_context_status(context), ARENA_ECANCELED);
    for (size_t i = 0; i < 64; i++) arena_context_release(others[i]);
    arena_context_release(root);
    arena_destroy(arena);
}

int main(void) { return support_run("saturation"); }
