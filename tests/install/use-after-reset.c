/* SPDX-License-Identifier: MIT */
/* Built with AddressSanitizer, or run under Valgrind, and linked with the ordinary library: reads a slot that a reset
 * took back.  With an argument it does not. */
#include <arena/arena.h>

#include <stdio.h>

ARENA_DEFINE(int_arena, int)

int main(int argc, char **argv) {
    (void)argv;
    struct int_arena *arena = int_arena_create(4);
    volatile int *first = int_arena_alloc(arena, 10);
    int kept = *first;
    if (argc == 1) {
        int_arena_reset(arena);
        kept += *first;
        if (kept == 12345) printf("never\n"); /* Valgrind reports a value when it matters */
    }
    int_arena_destroy(arena);
    printf("%d\n", kept);
    return 0;
}
