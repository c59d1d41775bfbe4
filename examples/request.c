/* SPDX-License-Identifier: MIT */
/* Request memory: what a request needs lives until it is answered, and whoever works on it finds the arena in the context. */
#include <arena/arena.h>

#include <stdio.h>
#include <string.h>

ARENA_DEFINE(text, char)

/* Deep inside the service: no arena is passed, and nothing is freed. */
static const char *greeting(struct arena_context *context, const char *name) {
    struct text *arena;
    if (text_extract(context, &arena) != ARENA_OK) return "no arena";
    size_t size = strlen("hello, ") + strlen(name) + 1;
    struct text_slab slab;
    if (!text_try_alloc_slab(arena, size, &slab)) return "too long";
    (void)snprintf(slab.data, slab.len, "hello, %s", name);
    return slab.data;
}

static int serve(struct text_pool *pool, const char *name) {
    struct text *arena;
    int status = text_pool_checkout(pool, &arena);
    if (status != ARENA_OK) return status;
    struct arena_context *context;
    status = text_inject(NULL, arena, &context); /* NULL: no deadline, and nothing above it */
    if (status == ARENA_OK) {
        puts(greeting(context, name));
        arena_context_release(context);
    }
    text_pool_return(pool, arena); /* the request is over: all of its memory goes at once */
    return status;
}

int main(void) {
    struct text_pool *pool = text_pool_create(32);
    if (pool == NULL) return 1;
    if (serve(pool, "Ada") != ARENA_OK || serve(pool, "the whole of the analytical engine") != ARENA_OK) return 1;
    return text_pool_destroy(pool);
}
