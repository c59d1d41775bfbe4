/* SPDX-License-Identifier: MIT */
/* Elements that own something: the arena ends each of them, last to first, when it is reset or destroyed. */
#include <arena/arena.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct name {
    char *text; /* from malloc */
};

static void name_drop(struct name *name) {
    printf("free %s\n", name->text);
    free(name->text);
}
ARENA_DEFINE_DROP(names, struct name, name_drop)

static int add(struct names *arena, const char *text) {
    struct name *name = names_try_alloc_zero(arena);
    if (name == NULL) return ARENA_EFULL;
    name->text = (char *)malloc(strlen(text) + 1);
    if (name->text == NULL) return ARENA_ENOMEM; /* the slot stays, with NULL in it: drop has to bear that */
    strcpy(name->text, text);
    return ARENA_OK;
}

int main(void) {
    struct names *arena = names_create(10);
    if (arena == NULL || add(arena, "Ada") != ARENA_OK || add(arena, "Grace") != ARENA_OK) return 1;
    names_reset(arena);
    if (add(arena, "Barbara") != ARENA_OK) return 1;
    names_destroy(arena);
    return 0;
}
