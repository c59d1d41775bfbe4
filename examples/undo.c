/* SPDX-License-Identifier: MIT */
/* Taking back a part: each attempt allocates in the same arena, and what it allocated goes when the attempt is over. */
#include <arena/arena.h>

#include <stdio.h>

ARENA_DEFINE(moves, char)

/* Can `sum` be paid with coins of 5 and 3?  The coins are left in the arena. */
static bool pay(struct moves *arena, int sum) {
    if (sum == 0) return true;
    const int coins[] = {5, 3};
    for (int i = 0; i < 2; i++) {
        if (coins[i] > sum) continue;
        struct arena_mark mark = moves_mark(arena);
        moves_alloc(arena, (char)('0' + coins[i]));
        if (pay(arena, sum - coins[i])) return true;
        moves_rewind_end(arena, mark); /* this coin, and all that was tried after it, is taken back */
    }
    return false;
}

int main(void) {
    struct moves *arena = moves_create(100);
    if (arena == NULL) return 1;
    for (int sum = 7; sum <= 9; sum++) {
        ARENA_SCRATCH(moves, arena) { /* the same as a block: whatever it allocates goes at its end */
            bool paid = pay(arena, sum);
            printf("%d: %s, %zu coins\n", sum, paid ? "yes" : "no", moves_used(arena));
        }
    }
    printf("%zu left\n", moves_used(arena));
    moves_destroy(arena);
    return 0;
}
