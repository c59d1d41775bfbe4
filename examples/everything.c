/* SPDX-License-Identifier: MIT */
/* One byte arena for a whole job: structures, texts, a vector, scratch memory, and what has to be ended with it. */
#include <arena/arena.h>

#include <stdio.h>

struct report {
    const char *title;
    const char **data; /* a vector: any struct with data, len and cap */
    size_t len, cap;
};

static void goodbye(void *user) { printf("end of %s\n", ((const struct report *)user)->title); }

int main(void) {
    struct arena_bytes *arena = arena_bytes_create(SIZE_MAX); /* grows; a capacity would be its limit */
    if (arena == NULL) return 1;

    struct report *report = ARENA_NEW(arena, struct report); /* zeroed */
    report->title = arena_bytes_printf(arena, "report %d", 7);
    arena_bytes_defer(arena, goodbye, report); /* called when the arena is reset or destroyed */
    for (const char *name = "abc"; *name != 0; name++)
        *ARENA_PUSH(arena, report) = arena_bytes_printf(arena, "%c%c", *name, *name);

    ARENA_SCRATCH(arena_bytes, arena) { /* what this block allocates goes at its end */
        struct arena_buffer line = {NULL, 0, 0, arena};
        for (size_t i = 0; i < report->len; i++) arena_buffer_printf(&line, " %s", report->data[i]);
        printf("%s:%s\n", report->title, arena_buffer_text(&line));
    }

    arena_bytes_destroy(arena); /* everything at once */
    return 0;
}
