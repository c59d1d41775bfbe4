/* SPDX-License-Identifier: MIT */
/* Memory of one's own: an arena in a static array takes nothing from anywhere, and what fits is known beforehand. */
#include <arena/arena.h>

#include <stdio.h>

ARENA_DEFINE(samples, uint16_t)

static unsigned char memory[ARENA_IN_BYTES(sizeof(uint16_t), _Alignof(uint16_t), 1000)];

int main(void) {
    struct samples *arena = samples_create_in(memory, sizeof memory, NULL);
    if (arena == NULL) return 1;
    printf("room for a thousand: %s\n", samples_cap(arena) >= 1000 ? "yes" : "no");

    samples_alloc(arena, 7);
    struct arena_stats stats = {.struct_size = sizeof stats};
    if (arena_get_stats(samples_raw(arena), &stats) != ARENA_OK) return 1;
    printf("%zu bytes in use, %zu at most\n", stats.used_bytes, stats.peak_bytes);
    samples_destroy(arena); /* the array is the program's again */
    return 0;
}
