/* SPDX-License-Identifier: MIT */
/* A program as a user writes it, with names of its own that libarena has inside: compiled as C and as C++. */
#include <arena/arena.h>

#include <stdio.h>

ARENA_DEFINE(int_arena, int)

int mutex_lock(void);
int mutex_lock(void) { return 30; }
int thread_state(void);
int thread_state(void) { return 0; }

static void twice(struct arena *arena, void *user) { *(size_t *)user = arena_cap(arena); }

int main(void) {
    struct int_arena *arena = int_arena_create(4);
    int *first = int_arena_alloc(arena, 10);
    int *second = int_arena_alloc(arena, 20);
    printf("%d %d", *first, *second);
    int_arena_reset(arena);
    printf(" %d", *int_arena_alloc(arena, mutex_lock() + thread_state()));
    int_arena_destroy(arena);

    struct int_arena_concurrent *shared = int_arena_concurrent_create(1);
    printf(" %d", *int_arena_concurrent_alloc(shared, 40));
    printf(" %d", int_arena_concurrent_try_alloc(shared, 50) == NULL);
    int_arena_concurrent_destroy(shared);

    struct int_arena_pool *pool = int_arena_pool_create(60);
    size_t capacity = 0;
    int status = arena_pool_execute(int_arena_pool_raw(pool), twice, &capacity);
    printf(" %d %d %d", status, (int)capacity, arena_version() == ARENA_VERSION);
    printf(" %s\n", arena_strerror(int_arena_pool_destroy(pool)));
    return 0;
}
