/* SPDX-License-Identifier: MIT */
/* A growing buffer: what is read comes in pieces, and nobody knows how much it will be. */
#include <arena/arena.h>

#include <stdio.h>

/* All of a file, with a NUL behind; NULL where it does not fit or cannot be read. */
static const char *contents(struct arena_bytes *arena, FILE *file, size_t *size_bytes) {
    struct arena_buffer buffer = {.arena = arena};
    do {
        if (!arena_buffer_try_reserve(&buffer, 16)) return NULL; /* room for that much at least */
        buffer.len += fread(buffer.data + buffer.len, 1, buffer.cap - buffer.len, file);
    } while (!feof(file) && !ferror(file));
    *size_bytes = buffer.len;
    return ferror(file) ? NULL : arena_buffer_try_text(&buffer);
}

int main(void) {
    struct arena_bytes *arena = arena_bytes_create(1000);
    FILE *file = tmpfile();
    if (arena == NULL || file == NULL) return 1;
    for (int i = 0; i < 20; i++) (void)fprintf(file, "line %d\n", i);
    rewind(file);
    size_t size = 0;
    const char *text = contents(arena, file, &size);
    if (text == NULL) return 1;
    printf("%zu bytes, the first line is \"%.6s\"\n", size, text);

    struct arena_buffer line = {.arena = arena}; /* another one, with text put together */
    arena_buffer_append_text(&line, "squares:");
    for (int i = 1; i <= 5; i++) arena_buffer_printf(&line, " %d", i * i);
    puts(arena_buffer_text(&line));
    (void)fclose(file);
    arena_bytes_destroy(arena);
    return 0;
}
