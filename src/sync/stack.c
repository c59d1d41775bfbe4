/* SPDX-License-Identifier: MIT */
/* See stack.h. */
#include "sync/stack.h"

#include "platform/memory.h"

#define INDEX_MASK (((uint64_t)1 << STACK_INDEX_BITS) - 1)
#define TAG_ONE ((uint64_t)1 << STACK_INDEX_BITS)

/* --- the table ---------------------------------------------------------------------------------------------------- */

/* Where number `index` lies: the segment, and the place in it.  Segment s holds 64 << s numbers. */
static unsigned place(uint32_t index, uint32_t *offset) {
    uint32_t at = index - 1;
    unsigned segment = 0;
    uint32_t size = STACK_FIRST_SEGMENT;
    while (at >= size) {
        at -= size;
        size *= 2;
        segment++;
    }
    *offset = at;
    return segment;
}

struct stack_node *stack_table_at(struct stack_table *table, uint32_t index) {
    uint32_t offset;
    unsigned segment = place(index, &offset);
    /* relaxed: a thread that has the number got it, through a stack's head, a link or the lock, after the segment was
     * there.
     */
    return (struct stack_node *)atomic_ptr_load(&table->segments[segment], relaxed) + offset;
}

struct stack_node *stack_table_add(struct stack_table *table) {
    uint32_t offset;
    uint32_t index = table->count + 1;
    unsigned segment = place(index, &offset);
    if (segment >= STACK_SEGMENTS) return NULL;
    if (atomic_ptr_load(&table->segments[segment], relaxed) == NULL) {
        void *nodes = memory_alloc(sizeof(struct stack_node) * ((size_t)STACK_FIRST_SEGMENT << segment));
        if (nodes == NULL) return NULL;
        atomic_ptr_store(&table->segments[segment], nodes, relaxed);
    }
    table->count = index;
    struct stack_node *node = stack_table_at(table, index);
    node->index = index;
    return node;
}

void stack_table_finish(struct stack_table *table) {
    for (unsigned i = 0; i < STACK_SEGMENTS; i++) memory_free(atomic_ptr_load(&table->segments[i], relaxed));
}

/* --- the stack ---------------------------------------------------------------------------------------------------- */

void stack_push(struct stack *stack, struct stack_node *node) {
    uint64_t head = atomic_u64_load(&stack->head, relaxed);
    uint64_t next;
    do {
        /* release: a bulk pop that comes by a stale head follows this link; the node it leads to has to be there. */
        atomic_u32_store(&node->next, (uint32_t)(head & INDEX_MASK), release);
        next = (head & ~INDEX_MASK) | node->index;
        /* release: the link, the item and what it points to are there for the thread that pops it.  Later pushes and
         * pops are read-modify-writes, so they carry this release on. */
    } while (!atomic_u64_cas(&stack->head, &head, next, release));
}

size_t stack_pop(struct stack *stack, struct stack_table *table, struct stack_node **nodes, size_t most) {
    /* acquire: partner is stack_push.  A swap that fails reads relaxed, so the head is read again. */
    for (;;) {
        uint64_t head = atomic_u64_load(&stack->head, acquire);
        uint32_t index = (uint32_t)(head & INDEX_MASK);
        size_t count = 0;
        while (index != 0 && count < most) {
            nodes[count] = stack_table_at(table, index);
            /* If somebody changes the link meanwhile, the tag has moved and the swap fails; acquire: partner is the
             * store in stack_push, without which the node it leads to might not be there yet. */
            index = atomic_u32_load(&nodes[count]->next, acquire);
            count++;
        }
        if (count == 0) return 0;
        uint64_t next = ((head & ~INDEX_MASK) + TAG_ONE) | index;
        /* relaxed: the tag makes every value of the head unique, so the swap reads the store that the load above read.
         */
        if (atomic_u64_cas(&stack->head, &head, next, relaxed)) return count;
    }
}

size_t stack_count(const struct stack *stack, struct stack_table *table) {
    size_t count = 0;
    /* relaxed: the caller sees to it that every push came before. */
    uint32_t index = (uint32_t)(atomic_u64_load(&stack->head, relaxed) & INDEX_MASK);
    for (; index != 0; count++) index = atomic_u32_load(&stack_table_at(table, index)->next, relaxed);
    return count;
}
