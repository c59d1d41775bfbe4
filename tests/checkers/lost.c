/* SPDX-License-Identifier: MIT */
/* A status that nobody looks at is a warning, whatever else is on: refused.py makes it an error. */
#include <arena/arena.h>

int use(struct arena_pool *pool, struct arena_concurrent *shared, void (*body)(void *));
int use(struct arena_pool *pool, struct arena_concurrent *shared, void (*body)(void *)) {
    struct arena *arena = NULL;
    int status = arena_create(ARENA_TYPE(int), 1, &arena);
    status |= arena_pool_execute(pool, NULL, NULL);
    status |= arena_protect(body, NULL);
    status |= arena_pool_destroy(pool);
    status |= arena_concurrent_acquire(shared, NULL, &arena);

    arena_create(ARENA_TYPE(int), 1, &arena);       /* refused */
    arena_pool_execute(pool, NULL, NULL);           /* refused */
    arena_protect(body, NULL);                      /* refused */
    arena_pool_destroy(pool);                       /* refused */
    arena_concurrent_acquire(shared, NULL, &arena); /* refused */
    return status;
}
