/* SPDX-License-Identifier: MIT */
/* A burst: a loop that does nothing but append keeps the arena's window in registers. */
#include <arena/arena.h>

#include <stdio.h>

ARENA_DEFINE(ints, int)

int main(void) {
    struct ints *arena = ints_create(1000);
    if (arena == NULL) return 1;
    struct ints_burst burst = ints_burst_begin(arena); /* until its end only the burst allocates from this arena */
    int n = 0;
    while (ints_burst_put(&burst, n * n) != NULL) n++;
    ints_burst_end(arena, &burst); /* from here on they count as handed out */
    printf("%d squares, %zu used\n", n, ints_used(arena));
    ints_destroy(arena);
    return 0;
}
