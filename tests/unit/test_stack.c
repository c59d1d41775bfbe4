/* SPDX-License-Identifier: MIT */
/* The lock-free stack: tags, and tables of nodes from the first to the last. */
#include "sync/stack.h"

#include "../support.h"

#include <arena/arena.h>

/* As many nodes as a pool may want, each in a place of its own that never moves. */
TEST(tables_of_nodes_grow) {
    enum { COUNT = 20000 };
    static struct stack_node *nodes[COUNT + 1];
    struct stack_table *table = calloc(1, sizeof *table);
    assert_non_null(table);
    for (uint32_t i = 1; i <= COUNT; i++) {
        nodes[i] = stack_table_add(table);
        assert_true(nodes[i] != NULL && nodes[i]->index == i && nodes[i]->item == NULL);
        nodes[i]->item = nodes[i];
    }
    for (uint32_t i = 1; i <= COUNT; i++) {
        assert_ptr_equal(stack_table_at(table, i), nodes[i]);
        assert_true(nodes[i]->index == i && nodes[i]->item == nodes[i]);
    }
    static struct stack stack;
    for (uint32_t i = 1; i <= COUNT; i++) stack_push(&stack, nodes[i]);
    assert_int_equal(stack_count(&stack, table), COUNT);
    struct stack_node *popped[8];
    for (uint32_t top = COUNT; top > 0; top -= 8) {
        assert_int_equal(stack_pop(&stack, table, popped, 8), 8);
        for (uint32_t i = 0; i < 8; i++) assert_ptr_equal(popped[i], nodes[top - i]);
    }
    assert_int_equal(stack_pop(&stack, table, popped, 8), 0);
    assert_int_equal(stack_count(&stack, table), 0);
    stack_push(&stack, nodes[3]);
    stack_push(&stack, nodes[5]);
    assert_int_equal(stack_pop(&stack, table, popped, 8), 2);
    stack_table_finish(table);
    free(table);
}

/* A head that a thread read 2^39 removals ago is no new one: none of the tag's bits is left out, and none spills over. */
TEST(tags_of_stacks_count_to_the_end) {
    struct stack_table *table = calloc(1, sizeof *table);
    assert_non_null(table);
    struct stack_node *node = stack_table_add(table);
    assert_non_null(node);
    for (unsigned bit = 0; bit <= 64 - STACK_INDEX_BITS; bit++) {
        struct stack stack;
        uint64_t tag = ((uint64_t)1 << bit) - 1;
        atomic_u64_init(&stack.head, tag << STACK_INDEX_BITS);
        stack_push(&stack, node);
        struct stack_node *popped = NULL;
        assert_int_equal(stack_pop(&stack, table, &popped, 1), 1);
        assert_ptr_equal(popped, node);
        assert_true(atomic_u64_load(&stack.head, relaxed) == (tag + 1) << STACK_INDEX_BITS);
    }
    stack_table_finish(table);
    free(table);
}

/* The last segment is used to its end, and freed. */
TEST(tables_of_nodes_are_full_when_every_segment_is) {
    struct stack_table *table = calloc(1, sizeof *table);
    assert_non_null(table);
    table->count = STACK_FIRST_SEGMENT * ((1u << (STACK_SEGMENTS - 1)) - 1); /* as if the others were full */
    uint32_t last = STACK_FIRST_SEGMENT * ((1u << STACK_SEGMENTS) - 1);
    struct stack_node *first = stack_table_add(table);
    assert_non_null(first);
    table->count = last - 1;
    struct stack_node *node = stack_table_add(table);
    assert_true(node != NULL && node->index == last && node - first == (long)(last - first->index));
    assert_null(stack_table_add(table));
    assert_int_equal(table->count, last);
    stack_table_finish(table);
    free(table);
}

int main(void) { return support_run("stack"); }
