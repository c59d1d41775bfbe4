/* SPDX-License-Identifier: MIT */
/* A thread ends inside a pool's action, in a program that has clean-ups of its own and is compiled with -fexceptions: so it
 * brings its own reference to the unwinder's personality routine, which must not displace the library's. */
#include <arena/arena.h>

#include <pthread.h>
#include <stdio.h>

static void cleanup(int *value) { printf("cleanup %d\n", *value); }

static void action(struct arena *arena, void *user) {
    __attribute__((cleanup(cleanup))) int value = (int)arena_cap(arena);
    (void)user;
    if (value == 3) pthread_exit(NULL);
}

static void *run(void *pool) {
    (void)!arena_pool_execute(pool, action, NULL);
    return NULL;
}

int main(void) {
    struct arena_pool *pool;
    pthread_t thread;
    if (arena_pool_create(ARENA_TYPE(int), 3, &pool) != ARENA_OK) return 1;
    if (pthread_create(&thread, NULL, run, pool) != 0 || pthread_join(thread, NULL) != 0) return 1;
    printf("destroyed: %s\n", arena_strerror(arena_pool_destroy(pool)));
    return 0;
}
