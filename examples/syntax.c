/* SPDX-License-Identifier: MIT */
/* A parser's nodes and strings: lists in brackets, of nodes of two sizes with names that are copied, all in one byte arena. */
#include <arena/arena.h>

#include <ctype.h>
#include <stdio.h>

struct node {
    const char *name; /* NULL: a list */
};
struct list {
    struct node node;
    struct node **data;
    size_t len, cap;
};

/* NULL after a mistake, or where the input costs too much: what was made so far goes with the arena. */
static struct node *parse(struct arena_bytes *arena, const char **at) {
    while (isspace((unsigned char)**at)) (*at)++;
    if (**at != '(') {
        const char *from = *at;
        while (isalnum((unsigned char)**at)) (*at)++;
        struct node *leaf = *at == from ? NULL : ARENA_TRY_NEW(arena, struct node);
        if (leaf == NULL) return NULL;
        leaf->name = arena_bytes_try_strndup(arena, from, (size_t)(*at - from));
        return leaf->name == NULL ? NULL : leaf;
    }
    (*at)++;
    struct list *list = ARENA_TRY_NEW(arena, struct list); /* zeroed: an empty vector, no name */
    while (list != NULL && **at != ')') {
        struct node *child = parse(arena, at);
        struct node **place =
            child == NULL ? NULL : ARENA_TRY_PUSH(arena, list); /* any struct with data, len and cap */
        if (place == NULL) return NULL;
        *place = child;
        while (isspace((unsigned char)**at)) (*at)++;
    }
    (*at)++;
    return &list->node;
}

int main(void) {
    const char *inputs[] = {"(define area (times width height))", "(define ?)", "((((((((((a))))))))))"};
    struct arena_bytes *arena = arena_bytes_create(450); /* no input may cost more */
    if (arena == NULL) return 1;
    for (int i = 0; i < 3; i++) {
        const char *at = inputs[i];
        const struct node *tree = parse(arena, &at);
        if (tree == NULL)
            printf("%s: wrong, or too large\n", inputs[i]);
        else
            printf("%s: %zu children, the first is %s\n", inputs[i], ((const struct list *)tree)->len,
                   ((const struct list *)tree)->data[0]->name);
        arena_bytes_reset(arena); /* nodes, names and lists */
    }
    arena_bytes_destroy(arena);
    return 0;
}
