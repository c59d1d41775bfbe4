/* SPDX-License-Identifier: MIT */
/* A byte arena for threads: each puts texts of its own into it, and one reads them all in the end. */
#include <arena/arena.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

struct line {
    struct line *next;
    char text[];
};
struct writer {
    struct arena_bytes_concurrent *arena;
    int number;
    struct line *lines;
};

static void *write_lines(void *user) {
    struct writer *writer = user;
    for (int i = 0; i < 100; i++) {
        char text[40];
        int length = snprintf(text, sizeof text, "writer %d, line %d", writer->number, i);
        struct line *line =
            arena_bytes_concurrent_try_alloc(writer->arena, sizeof *line + (size_t)length + 1, _Alignof(struct line));
        if (line == NULL) break; /* full */
        line->next = writer->lines;
        memcpy(line->text, text, (size_t)length + 1);
        writer->lines = line;
    }
    return NULL;
}

int main(void) {
    struct arena_bytes_concurrent *arena = arena_bytes_concurrent_create(1 << 20); /* reserved, and does not grow */
    if (arena == NULL) return 1;
    pthread_t threads[2];
    struct writer writers[2] = {{arena, 0, NULL}, {arena, 1, NULL}};
    for (int i = 0; i < 2; i++) {
        if (pthread_create(&threads[i], NULL, write_lines, &writers[i]) != 0) return 1;
    }
    for (int i = 0; i < 2; i++) (void)pthread_join(threads[i], NULL);

    struct arena_bytes *inside; /* the whole of it, with all that byte arenas have */
    if (arena_bytes_concurrent_acquire(arena, NULL, &inside) != ARENA_OK) return 1;
    puts(arena_bytes_printf(inside, "%s; %s", writers[0].lines->text, writers[1].lines->text));
    arena_bytes_concurrent_release(arena);
    arena_bytes_concurrent_destroy(arena);
    return 0;
}
