/* SPDX-License-Identifier: MIT */
/* The first program: an arena of four integers, and a pool of arenas for scratch work. */
#include <arena/arena.h>

#include <stdio.h>

ARENA_DEFINE(int_arena, int) /* struct int_arena, and its functions */

static void add_up(struct int_arena *scratch, void *user) {
    struct int_arena_slab terms = ARENA_SLAB_WITH(int_arena, scratch, 1, 2, 3, 4);
    for (size_t i = 0; i < terms.len; i++) *(int *)user += *int_arena_slab_at(terms, i);
} /* here the scratch arena is reset, and goes back to the pool */

int main(void) {
    struct int_arena *arena = int_arena_create(4); /* room for four */
    if (arena == NULL) return 1;

    int *first = int_arena_alloc(arena, 10);
    int *second = int_arena_alloc(arena, 20);
    printf("%d %d\n", *first, *second);

    struct int_arena_slab slab = int_arena_alloc_slab(arena, 2); /* two in a row, zeroed */
    printf("%zu in a slab: %d %d\n", slab.len, slab.data[0], slab.data[1]);
    printf("used %zu, remaining %zu\n", int_arena_used(arena), int_arena_remaining(arena));
    if (int_arena_try_alloc(arena, 50) == NULL) printf("no fifth\n");

    int_arena_reset(arena); /* all gone: first, second and slab must not be used any more */
    int *next = int_arena_alloc(arena, 30);
    printf("%d, %s\n", *next, next == first ? "in the first slot again" : "elsewhere");
    int_arena_destroy(arena);

    struct int_arena_pool *pool = int_arena_pool_create(256);
    int sum = 0;
    if (pool == NULL || int_arena_pool_execute(pool, add_up, &sum) != ARENA_OK) return 1;
    printf("sum %d\n", sum);
    return int_arena_pool_destroy(pool);
}
