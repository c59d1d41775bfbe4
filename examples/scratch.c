/* SPDX-License-Identifier: MIT */
/* Scratch memory: the median of some numbers needs a sorted copy, and the caller's numbers stay as they are. */
#include <arena/arena.h>

#include <stdio.h>
#include <stdlib.h>

ARENA_DEFINE(doubles, double)

static int ascending(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* The median of count > 0 numbers. */
static double median(struct doubles_pool *pool, const double *numbers, size_t count) {
    double result = 0;
    ARENA_POOL_SCOPE_OF(doubles, pool, scratch) {
        struct doubles_slab copy = doubles_alloc_slab_with(scratch, numbers, count);
        qsort(copy.data, copy.len, sizeof *copy.data, ascending);
        result = copy.data[count / 2];
    } /* the copy is gone: by the end of the block, by return, by break, and by a panic */
    return result;
}

int main(void) {
    struct doubles_pool *pool = doubles_pool_create(1 << 20); /* room for a million in each arena */
    if (pool == NULL) return 1;
    const double numbers[] = {7, 1, 9, 3, 5};
    printf("median %g\n", median(pool, numbers, 5));
    printf("still %g first\n", numbers[0]);
    return doubles_pool_destroy(pool); /* ARENA_OK is 0 */
}
