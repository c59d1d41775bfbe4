/* SPDX-License-Identifier: MIT */
/* A lock-free stack of numbered nodes (Treiber, 1986), with a tag against ABA.
 *
 * Nodes live in a table that grows by segments and never shrinks or moves while it lives: a thread that lost a race may
 * still read the link of a node that is long gone from the stack.  A head is one 64-bit word: the node's number (1 and
 * up; 0 is the empty stack) in the low STACK_INDEX_BITS, and a tag above that every removal advances, a bulk removal
 * too.  A stale head would have to be held over 2^40 removals to be taken for a new one.
 *
 * Who may do what: push and pop, any thread at any time.  stack_table_add: one thread at a time (the caller's lock).
 * A node's item belongs to the thread that took the node off the stack.
 */
#ifndef SYNC_STACK_H
#define SYNC_STACK_H

#include "platform/sync.h"

#include <stddef.h>

#define STACK_INDEX_BITS 24
#define STACK_SEGMENTS 18 /* of 64, 128, ... nodes */
#define STACK_FIRST_SEGMENT 64u

struct stack_node {
    struct atomic_u32 next; /* the number of the node below, while in a stack */
    uint32_t index;
    void *item; /* the user's */
};

struct stack_table {
    struct atomic_ptr segments[STACK_SEGMENTS];
    uint32_t count; /* nodes made; guarded by the caller's lock */
};

struct stack {
    struct atomic_u64 head;
};

/* A zeroed table and a zeroed stack are empty. */

/* Makes a node; NULL: no memory, or no numbers left. */
struct stack_node *stack_table_add(struct stack_table *table);
/* The node of a number that stack_table_add has given out. */
struct stack_node *stack_table_at(struct stack_table *table, uint32_t index);
/* Frees all nodes.  No stack of this table may be used any more. */
void stack_table_finish(struct stack_table *table);

void stack_push(struct stack *stack, struct stack_node *node);

/* How many nodes are in it.  Nobody may push or pop meanwhile. */
size_t stack_count(const struct stack *stack, struct stack_table *table);

/* Takes up to `most` nodes off the top, and puts them into nodes[]; how many. */
size_t stack_pop(struct stack *stack, struct stack_table *table, struct stack_node **nodes, size_t most);

#endif
