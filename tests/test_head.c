/* SPDX-License-Identifier: MIT */
/* What programs are compiled with: the head of struct arena, which the inline path works on, the structs that callers fill
 * in, and the numbers they fill them with.  A change here breaks every program that was compiled before. */
#include "support.h"

#include <arena/arena.h>

TEST(the_head_is_four_words) {
    assert_int_equal(sizeof(struct arena_head), 4 * sizeof(char *));
    assert_int_equal(offsetof(struct arena_head, cursor), 0);
    assert_int_equal(offsetof(struct arena_head, limit), sizeof(char *));
    assert_int_equal(offsetof(struct arena_head, floor), 2 * sizeof(char *));
    assert_int_equal(offsetof(struct arena_head, peak), 3 * sizeof(char *));
}

/* What the library writes into the first two words of an arena is a window of whole free slots, and what inline code
 * takes out of it counts. */
TEST(an_arena_begins_with_its_head) {
    GIVEN(arena, arena, arena_create(ARENA_TYPE(int64_t), 8, &arena));
    int64_t first_value = 1;
    int64_t *first = arena_alloc(arena, &first_value);
    struct arena_head *head = (struct arena_head *)(void *)arena;
    assert_non_null(head->cursor);
    assert_true(head->cursor <= head->limit);
    if (support_checked()) {
        assert_ptr_equal(head->cursor, head->limit); /* closed, so that the library marks each slot */
    } else {
        assert_ptr_equal(head->cursor, first + 1);
        assert_ptr_equal(head->limit, first + 8);
        int64_t *second = (int64_t *)(void *)head->cursor;
        head->cursor += sizeof *second;
        *second = 2;
        assert_int_equal(arena_used(arena), 2);
        assert_int_equal(arena_remaining(arena), 6);
        int64_t third_value = 3;
        assert_ptr_equal(arena_alloc(arena, &third_value), first + 2);
    }
    arena_reset(arena);
    int64_t *again = arena_alloc(arena, NULL);
    assert_ptr_equal(again, first);
    assert_int_equal(*again, 0);
    arena_destroy(arena);
}

TEST(descriptors_keep_their_layout) {
    assert_int_equal(offsetof(struct arena_type, name), 0);
    assert_int_equal(offsetof(struct arena_type, size), sizeof(void *));
    assert_int_equal(offsetof(struct arena_type, align), sizeof(void *) + sizeof(size_t));
    assert_int_equal(offsetof(struct arena_type, drop), sizeof(void *) + 2 * sizeof(size_t));
    assert_int_equal(offsetof(struct arena_type, flags), 2 * sizeof(void *) + 2 * sizeof(size_t));
    assert_int_equal(sizeof(struct arena_type), 2 * sizeof(void *) + 2 * sizeof(size_t) + 2 * sizeof(uint32_t));
    assert_int_equal(arena_type_size(), sizeof(struct arena_type));
    assert_int_equal(arena_type_align(), _Alignof(struct arena_type));
}

TEST(options_begin_with_their_size) {
    assert_int_equal(offsetof(struct arena_options, struct_size), 0);
    assert_int_equal(offsetof(struct arena_options, clear), sizeof(size_t));
    assert_int_equal(offsetof(struct arena_options, flags), sizeof(size_t) + 4);
    assert_int_equal(offsetof(struct arena_options, retain_bytes), sizeof(size_t) + 8);
    assert_int_equal(offsetof(struct arena_options, block_bytes), 2 * sizeof(size_t) + 8);
    assert_int_equal(offsetof(struct arena_options, source), 3 * sizeof(size_t) + 8);
    assert_int_equal(offsetof(struct arena_options, label), 3 * sizeof(size_t) + sizeof(void *) + 8);
    assert_int_equal(offsetof(struct arena_options, drop_user), 3 * sizeof(size_t) + 2 * sizeof(void *) + 8);
    assert_int_equal(offsetof(struct arena_pool_options, struct_size), 0);
    assert_int_equal(offsetof(struct arena_pool_options, max_arenas), sizeof(size_t));
    assert_int_equal(offsetof(struct arena_pool_options, idle_bytes), 2 * sizeof(size_t));
    assert_int_equal(offsetof(struct arena_pool_options, arena_options), 3 * sizeof(size_t));
}

TEST(constants_keep_their_values) {
    assert_int_equal(ARENA_CLEAR_ON_RESET, 0);
    assert_int_equal(ARENA_CLEAR_ON_HANDOUT, 1);
    assert_int_equal(ARENA_CLEAR_NEVER, 2);
    assert_int_equal(ARENA_HUGE_PAGES, 1);
    assert_int_equal(ARENA_PREFAULT, 2);
    assert_int_equal(ARENA_GATE_ONLY, 4);
    assert_int_equal(ARENA_ANY_MAX, 32);
}

TEST(bursts_and_scopes_keep_their_layout) {
    assert_int_equal(offsetof(struct arena_burst, cursor), 0);
    assert_int_equal(offsetof(struct arena_burst, limit), sizeof(char *));
    assert_int_equal(offsetof(struct arena_burst, arena), 2 * sizeof(char *));
    assert_int_equal(sizeof(struct arena_burst), 3 * sizeof(char *));
    assert_int_equal(offsetof(struct arena_pool_scope, arena), 0);
    assert_int_equal(sizeof(struct arena_pool_scope), sizeof(void *));
}

int main(void) { return support_run("head"); }
