/* SPDX-License-Identifier: MIT */
/* sync/stack.c: nothing lost, nothing twice, what was put in is seen by whoever takes it out, and no ABA. */
#include "engine.h"
#include "platform/sync.h"
#include "runtime/thread.h"
#include "sync/stack.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { NODES = 4 };

static struct stack_table table;
static struct stack stack, other;
static struct stack_node *nodes[NODES];
static unsigned items[NODES];            /* plain: who has the node has its item */
static unsigned seen[MODEL_THREADS + 1]; /* nodes a thread took, as bits */
static struct mutex mutex;
static struct stack_node *late; /* made while others work */

static void setup_nodes(void) {
    model_check(mutex_init(&mutex));
    for (unsigned i = 0; i < NODES; i++) {
        nodes[i] = stack_table_add(&table);
        model_check(nodes[i] != NULL && nodes[i] == stack_table_at(&table, nodes[i]->index));
        nodes[i]->item = &items[i];
    }
}
static void setup_three(void) {
    setup_nodes();
    for (unsigned i = 3; i-- > 0;) stack_push(&stack, nodes[i]);
}
static void setup_two(void) {
    setup_nodes();
    stack_push(&stack, nodes[1]);
    stack_push(&stack, nodes[0]);
}

static void note(struct stack_node *node) {
    unsigned index = (unsigned)((unsigned *)node->item - items);
    unsigned bit = 1u << index;
    model_check(index < NODES && (seen[model_thread()] & bit) == 0);
    seen[model_thread()] |= bit;
    items[index]++;
}
static struct stack_node *pop_one(struct stack *from) {
    struct stack_node *node;
    return stack_pop(from, &table, &node, 1) == 1 ? node : NULL;
}
static void take(size_t most) {
    struct stack_node *taken[NODES];
    size_t count = stack_pop(&stack, &table, taken, most);
    for (size_t i = 0; i < count; i++) note(taken[i]);
}

static void pop(void) { take(1); }
static void pop_two(void) { take(2); }
static void pop_all(void) { take(NODES); }
static void push_item(unsigned index) {
    items[index] = 10;
    stack_push(&stack, nodes[index]);
}
static void push_third(void) { push_item(2); }
static void push_fourth(void) { push_item(3); }
static void push_both(void) {
    push_item(2);
    push_item(3);
}

/* Takes two, puts the first back: without a tag, a pop that began before takes the second again. */
static void pop_pop_push(void) {
    struct stack_node *first = pop_one(&stack);
    pop();
    if (first) stack_push(&stack, first);
}
static void bulk_push(void) {
    struct stack_node *taken[NODES];
    size_t count = stack_pop(&stack, &table, taken, 2);
    if (count == 2) note(taken[1]);
    if (count > 0) stack_push(&stack, taken[0]);
}

/* One item travels: push after pop hands on what was written between. */
static void pop_write_push(void) {
    struct stack_node *node = pop_one(&stack);
    if (!node) return;
    *(unsigned *)node->item += 1;
    stack_push(&stack, node);
}
static void setup_one(void) {
    setup_nodes();
    stack_push(&stack, nodes[0]);
}

/* Between two stacks, as a pool's arenas go between its store and its spare nodes. */
static void move_over(void) {
    struct stack_node *node = pop_one(&stack);
    if (!node) return;
    *(unsigned *)node->item += 1;
    stack_push(&other, node);
}
static void move_back(void) {
    struct stack_node *node = pop_one(&other);
    if (!node) return;
    *(unsigned *)node->item += 1;
    stack_push(&stack, node);
}

/* A node of a new segment: its pages are there for whoever pops it. */
static void setup_segment(void) {
    setup_nodes();
    while (table.count < STACK_FIRST_SEGMENT) model_check(stack_table_add(&table) != NULL);
}
static void push_new(void) {
    mutex_lock(&mutex);
    late = stack_table_add(&table);
    mutex_unlock(&mutex);
    model_check(late != NULL && late->index == STACK_FIRST_SEGMENT + 1);
    late->item = &items[0];
    items[0] = 7;
    stack_push(&stack, late);
}
static void pop_new(void) {
    struct stack_node *node = pop_one(&stack);
    if (node) {
        model_check(*(unsigned *)node->item == 7);
        model_outcome("taken");
    } else {
        model_outcome("not yet");
    }
}
static const char *const outcomes_new[] = {"not yet", "taken", NULL};

/* A stale head leads to a link that by now leads to a node of a new segment. */
static void setup_segment_bulk(void) {
    setup_segment();
    stack_push(&stack, nodes[0]);
}
static void pop_new_push(void) {
    struct stack_node *node = pop_one(&stack);
    mutex_lock(&mutex);
    late = stack_table_add(&table);
    mutex_unlock(&mutex);
    late->item = &items[1];
    stack_push(&stack, late);
    if (node) stack_push(&stack, node);
}

static void drain(unsigned expected) {
    struct stack_node *node;
    unsigned left = 0;
    while ((node = pop_one(&stack)) != NULL || (node = pop_one(&other)) != NULL) {
        note(node);
        model_check(++left <= NODES);
    }
    unsigned all = 0;
    for (unsigned t = 0; t <= MODEL_THREADS; t++) {
        model_check((all & seen[t]) == 0);
        all |= seen[t];
    }
    model_check(all == expected);
    stack_table_finish(&table);
}
static void finish_two(void) { drain(3); }
static void finish_three(void) { drain(7); }
static void finish_four(void) { drain(15); }
static void finish_one(void) { drain(1); }
/* Who pops while there is something left comes away with something. */
static void finish_two_popped(void) {
    model_check(stack_count(&stack, &table) == 0);
    drain(3);
}
static void finish_three_popped(void) {
    model_check(stack_count(&stack, &table) == 0);
    drain(7);
}
static void finish_segment(void) { stack_table_finish(&table); }

/* A scenario is a line or two. */
/* clang-format off */
static const struct model_scenario scenarios[] = {
    {"stack.pop-pop", setup_two, {pop, pop}, finish_two_popped},
    {"stack.push-pop", setup_two, {push_third, pop}, finish_three},
    {"stack.push-push", setup_two, {push_third, push_fourth}, finish_four},
    {"stack.push-push-pop", setup_two, {push_both, pop_all}, finish_four},
    {"stack.aba", setup_three, {pop, pop_pop_push}, finish_three},
    {"stack.aba.bulk", setup_three, {pop_two, pop_pop_push}, finish_three},
    {"stack.aba.bulk-bulk", setup_three, {pop, bulk_push}, finish_three},
    {"stack.travel", setup_one, {pop_write_push, pop_write_push, pop_write_push}, finish_one},
    {"stack.two-stacks", setup_two, {move_over, move_back}, finish_two},
    {"stack.two-stacks.three", setup_two, {move_over, move_back, pop}, finish_two, .slow = true},
    {"stack.segment", setup_segment, {push_new, pop_new}, finish_segment, .outcomes = outcomes_new},
    {"stack.segment.bulk", setup_segment_bulk, {pop_new_push, pop_two}, finish_two},
    {"stack.pop.three", setup_three, {pop, pop, pop}, finish_three_popped},
    {"stack.push-pop.three", setup_two, {push_third, pop, pop_two}, finish_three},
    {"stack.aba.three", setup_three, {pop, pop_pop_push, push_fourth}, finish_four, .slow = true},
};
/* clang-format on */

int main(int argc, char **argv) { return model_main(argc, argv, scenarios, COUNT(scenarios)); }
