/* SPDX-License-Identifier: MIT */
/* Debugging with checkers: a pointer from before a reset.  Without a checker it reads zero; under Valgrind, or compiled
 * with -fsanitize=address, the read is reported with the line it is on. */
#include <arena/arena.h>

#include <stdio.h>

ARENA_DEFINE(ints, int)

int main(void) {
    struct ints *arena = ints_create(4);
    if (arena == NULL) return 1;
    int *answer = ints_alloc(arena, 42);
    ints_reset(arena);
    printf("%d\n", *answer); /* the mistake */
    ints_destroy(arena);
    return 0;
}
