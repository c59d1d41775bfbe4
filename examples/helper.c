/* SPDX-License-Identifier: MIT */
/* Scratch memory in a helper: it is given one arena, for its result, and works in the same one. */
#include <arena/arena.h>

#include <stdio.h>
#include <string.h>

/* The words of a text in reverse order.  Nothing but the result is left in the arena. */
static char *reversed(struct arena_bytes *arena, const char *text) {
    size_t size = strlen(text) + 1;
    char *result = arena_bytes_alloc(arena, size, 1); /* first what stays */
    ARENA_SCRATCH(arena_bytes, arena) {               /* and then what goes at the end of this block */
        char *copy = arena_bytes_strdup(arena, text);
        struct {
            char **data;
            size_t len, cap;
        } words = {0};
        for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " ")) *ARENA_PUSH(arena, &words) = word;
        char *at = result;
        for (size_t i = words.len; i-- > 0;)
            at += snprintf(at, size - (size_t)(at - result), "%s%s", words.data[i], i > 0 ? " " : "");
    }
    return result;
}

int main(void) {
    struct arena_bytes *arena = arena_bytes_create(SIZE_MAX);
    if (arena == NULL) return 1;
    const char *first = reversed(arena, "one two three");
    const char *second = reversed(arena, "what is left is the result");
    printf("%s; %s\n", first, second);
    printf("%zu bytes in use\n", arena_bytes_used(arena));
    arena_bytes_destroy(arena);
    return 0;
}
