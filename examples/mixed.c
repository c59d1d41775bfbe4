/* SPDX-License-Identifier: MIT */
/* Mixed values: each slot holds one value of any type, of up to 32 bytes, and knows which. */
#include <arena/arena.h>

#include <stdio.h>

int main(void) {
    struct arena *row;
    if (arena_create(arena_type_any(), 4, &row) != ARENA_OK) return 1;
    struct arena_any *cells[] = {ARENA_ANY_ALLOC(row, int, 123), ARENA_ANY_ALLOC(row, double, 0.5)};
    for (int i = 0; i < 2; i++) {
        const int *whole = ARENA_ANY_GET(cells[i], int); /* NULL where it holds another type */
        const double *fraction = ARENA_ANY_GET(cells[i], double);
        if (whole != NULL) printf("int %d\n", *whole);
        if (fraction != NULL) printf("double %g\n", *fraction);
    }
    arena_destroy(row);
    return 0;
}
