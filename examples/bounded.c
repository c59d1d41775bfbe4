/* SPDX-License-Identifier: MIT */
/* A limit per request: each may use so much memory and no more, and a privileged one is given more for its time. */
#include <arena/arena.h>

#include <stdio.h>

static const char *answer(struct arena_bytes *arena, int lines) {
    struct arena_buffer page = {.arena = arena};
    for (int i = 0; i < lines; i++) {
        if (!arena_buffer_try_printf(&page, "line %d of a page\n", i)) return "413 too large";
    }
    return arena_buffer_try_text(&page) == NULL ? "413 too large" : "200";
}

int main(void) {
    struct arena_bytes_pool *pool = arena_bytes_pool_create(4096); /* of each of its arenas; nothing is reserved */
    if (pool == NULL) return 1;
    for (int lines = 10; lines <= 1000; lines *= 10) {
        ARENA_POOL_SCOPE_OF(arena_bytes, pool, arena) {
            printf("%d lines: %s\n", lines, answer(arena, lines));
        }
    }
    struct arena_bytes *arena = arena_bytes_create(4096);
    if (arena == NULL || !arena_bytes_set_cap(arena, 1 << 20)) return 1; /* at any time, up and down to what is used */
    printf("with more room: %s\n", answer(arena, 1000));
    arena_bytes_destroy(arena);
    return arena_bytes_pool_destroy(pool);
}
