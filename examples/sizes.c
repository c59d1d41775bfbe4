/* SPDX-License-Identifier: MIT */
/* Choosing sizes: reserve for the worst case.  What is not touched costs nothing. */
#include <arena/arena.h>

#include <stdio.h>

ARENA_DEFINE(longs, int64_t)

int main(void) {
    struct longs *arena = longs_create((size_t)1 << 30); /* 8 GiB of addresses, in microseconds */
    if (arena == NULL) return 1;
    size_t most = 0;
    for (size_t round = 1; round <= 3; round++) {
        for (size_t i = 0; i < round * 1000; i++) longs_alloc(arena, 1);
        if (longs_used(arena) > most) most = longs_used(arena);
        longs_reset(arena);
    }
    printf("room for %zu, at most %zu in use\n", longs_cap(arena), most);
    longs_trim(arena); /* what the busy hour touched goes back to the system now */
    longs_destroy(arena);
    return 0;
}
