/* SPDX-License-Identifier: MIT */
/* Blocks of any size: a structure, its texts, and a vector, in one byte arena, which grows as it is needed. */
#include <arena/arena.h>
#include <arena/bytes.h>

#include <stdio.h>

struct person {
    const char *name;
    struct {
        const char **data;
        size_t len, cap;
    } friends;
};

static struct person *make(struct arena_bytes *arena, int number) {
    struct person *person = ARENA_NEW(arena, struct person); /* zeroed, and aligned as it has to be */
    person->name = arena_bytes_printf(arena, "person %d", number);
    for (int i = 1; i < number; i++) *ARENA_PUSH(arena, &person->friends) = arena_bytes_printf(arena, "friend %d", i);
    return person;
}

int main(void) {
    struct arena_bytes *arena = arena_bytes_create(SIZE_MAX); /* no limit; a few KiB to begin with */
    if (arena == NULL) return 1;
    const struct person *person = make(arena, 4);
    printf("%s has %zu friends, the last is %s\n", person->name, person->friends.len, person->friends.data[2]);

    size_t before = arena_bytes_used(arena);
    ARENA_SCRATCH(arena_bytes, arena) { /* what it allocates goes at its end */
        struct arena_buffer line = {.arena = arena};
        for (size_t i = 0; i < person->friends.len; i++) arena_buffer_printf(&line, "[%s]", person->friends.data[i]);
        puts(arena_buffer_text(&line));
    }
    printf("%s\n", arena_bytes_used(arena) == before ? "nothing is left of the line" : "a leak");
    arena_bytes_destroy(arena);
    return 0;
}
