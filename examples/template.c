/* SPDX-License-Identifier: MIT */
/* The typed face as a template to include: a debugger steps through its lines, and an editor shows them. */
#include <arena/arena.h>

#include <stdio.h>

struct point {
    int x, y;
};
#define ARENA_PREFIX points
#define ARENA_T struct point
#define ARENA_WITHOUT_CONCURRENT
#include <arena/template.h> /* as ARENA_DEFINE(points, struct point), less struct points_concurrent */

int main(void) {
    struct points *arena = points_create(10);
    if (arena == NULL) return 1;
    const struct point *point = points_alloc(arena, (struct point){3, 4});
    printf("%d, %d: one of %zu\n", point->x, point->y, points_used(arena));
    points_destroy(arena);
    return 0;
}
