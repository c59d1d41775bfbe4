/* SPDX-License-Identifier: MIT */
/* The file that emits the inline functions; and what they make of it. */
#include "face.h"

#ifndef __cplusplus
extern inline int *put(struct ints *arena, int value);
extern inline void add_item(struct items *arena, void *user);
extern inline int everything(int number);
#endif

int two(struct ints *arena);

int main(void) {
    struct ints *arena = ints_create(3);
    int sum = *put(arena, 1) + two(arena) + everything(1);
    ints_destroy(arena);
    return sum == 1 + (2 + 4 * 10 + 7) + (4 * 1 + 7) ? 0 : 1;
}
