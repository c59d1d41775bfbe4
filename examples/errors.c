/* SPDX-License-Identifier: MIT */
/* Errors: NULL or a status where the caller can go on, a panic where it cannot, and a place where a panic ends. */
#include <arena/arena.h>

#include <stdio.h>

ARENA_DEFINE(ints, int)

static void no_bound(void *user) {
    struct ints_pool *pool = (struct ints_pool *)user;
    ARENA_POOL_SCOPE_OF(ints, pool, scratch) {
        for (;;) ints_alloc(scratch, 1); /* panics when the arena is full */
    }
}

int main(void) {
    struct ints *arena = ints_create(2);
    struct ints_pool *pool = ints_pool_create(100);
    if (arena == NULL || pool == NULL) return 1;

    while (ints_try_alloc(arena, 7) != NULL) continue;
    printf("%zu fit, and the next is NULL\n", ints_used(arena));

    struct arena *none;
    int status = arena_create(ARENA_TYPE(int), SIZE_MAX, &none);
    printf("%d: %s\n", status, arena_strerror(status));

    status = arena_protect(no_bound, pool); /* without it the process would end, with a line on standard error */
    printf("%d: %s\n", status, arena_strerror(status));

    ints_destroy(arena);
    return ints_pool_destroy(pool); /* ARENA_OK: the scope's arena is back, though a panic left the scope */
}
