/* SPDX-License-Identifier: MIT */
/* Limits: no more than two arenas are out at a time, and nobody waits for one longer than it is worth. */
#include <arena/arena.h>

#include <stdio.h>

ARENA_DEFINE(bytes, unsigned char)

int main(void) {
    struct arena_pool_options options = {.struct_size = sizeof options, .max_arenas = 2};
    struct bytes_pool *pool = bytes_pool_create_with(1 << 16, &options);
    if (pool == NULL) return 1;

    struct bytes *first, *second, *third;
    if (bytes_pool_checkout(pool, &first) != ARENA_OK || bytes_pool_checkout(pool, &second) != ARENA_OK) return 1;
    printf("at once: %s\n", arena_strerror(bytes_pool_checkout(pool, &third)));

    struct arena_context *context;
    if (arena_context_with_timeout(NULL, 20 * 1000 * 1000, &context) != ARENA_OK) return 1; /* 20 ms, in nanoseconds */
    printf("in time: %s\n", arena_strerror(bytes_pool_checkout_context(pool, context, &third)));
    arena_context_release(context);

    bytes_pool_return(pool, first);
    printf("after a return: %s\n", arena_strerror(bytes_pool_checkout(pool, &third)));
    bytes_pool_return(pool, second);
    bytes_pool_return(pool, third);
    return bytes_pool_destroy(pool);
}
