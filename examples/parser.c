/* SPDX-License-Identifier: MIT */
/* A parser's nodes: they point to each other, live as long as the tree, and are never freed one by one. */
#include <arena/arena.h>

#include <stdio.h>

struct node {
    char operation; /* '+', '*', or a digit */
    struct node *left, *right;
};
ARENA_DEFINE(nodes, struct node)

static struct node *chain(struct nodes *arena, const char **at, char operation);

static struct node *digit(struct nodes *arena, const char **at) {
    if (**at < '0' || **at > '9') return NULL; /* what was made so far stays in the arena, and goes with it */
    return nodes_try_alloc(arena, (struct node){*(*at)++, NULL, NULL});
}

/* sum: product {'+' product}; product: digit {'*' digit}. */
static struct node *chain(struct nodes *arena, const char **at, char operation) {
    struct node *left = operation == '+' ? chain(arena, at, '*') : digit(arena, at);
    while (left != NULL && **at == operation) {
        (*at)++;
        struct node *right = operation == '+' ? chain(arena, at, '*') : digit(arena, at);
        left = right == NULL ? NULL : nodes_try_alloc(arena, (struct node){operation, left, right});
    }
    return left;
}

static int value(const struct node *node) {
    if (node->left == NULL) return node->operation - '0';
    int left = value(node->left), right = value(node->right);
    return node->operation == '+' ? left + right : left * right;
}

int main(void) {
    struct nodes *arena = nodes_create(1000); /* a longer input is refused: none can eat all memory */
    if (arena == NULL) return 1;
    const char *inputs[] = {"1+2*3", "4*5+6*7", "1+*2"};
    for (int i = 0; i < 3; i++) {
        const char *at = inputs[i];
        const struct node *tree = chain(arena, &at, '+');
        if (tree == NULL || *at != '\0')
            printf("%s: wrong at \"%s\"\n", inputs[i], at);
        else
            printf("%s = %d, in %zu nodes\n", inputs[i], value(tree), nodes_used(arena));
        nodes_reset(arena); /* the whole tree, or what there is of it */
    }
    nodes_destroy(arena);
    return 0;
}
