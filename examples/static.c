/* SPDX-License-Identifier: MIT */
/* Static memory without malloc: a byte arena in an array, and one that begins on the stack and grows only if it has to. */
#include <arena/arena.h>

#include <stdio.h>

static unsigned char memory[ARENA_IN_BYTES(1, 1, 4000)]; /* 4,000 bytes to hand out, and the handle */

static size_t total(const char *const *names, size_t count) {
    unsigned char stack[1024];
    struct arena_bytes *scratch = arena_bytes_create_on(stack, sizeof stack, SIZE_MAX, NULL);
    if (scratch == NULL) return 0;
    struct arena_buffer all = {.arena = scratch};
    for (size_t i = 0; i < count; i++) arena_buffer_append_text(&all, names[i]);
    size_t length = all.len;
    arena_bytes_destroy(scratch); /* frees what did not fit on the stack; here there was no call of malloc */
    return length;
}

int main(void) {
    struct arena_bytes *arena = arena_bytes_create_in(memory, sizeof memory, NULL);
    if (arena == NULL) return 1;
    const char **names = ARENA_NEW_ARRAY(arena, const char *, 3);
    for (int i = 0; i < 3; i++) names[i] = arena_bytes_printf(arena, "sensor %d", i);
    printf("%s, %s, %s: %zu letters\n", names[0], names[1], names[2], total(names, 3));
    while (arena_bytes_try_alloc(arena, 100, 8) != NULL) continue;
    printf("full, and nothing was taken from anywhere: %s\n", arena_bytes_owns(arena, names) ? "yes" : "no");
    arena_bytes_destroy(arena); /* the array is the program's again */
    return 0;
}
