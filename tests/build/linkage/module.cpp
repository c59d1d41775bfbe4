// SPDX-License-Identifier: MIT
// A module that exports functions which use the typed face, defined in the module itself.
module;
#include <arena/arena.h>
export module numbers;

struct item {
    int number;
    double weight;
};

inline void drop_item(item *dropped) { dropped->number = 0; }

ARENA_DEFINE(ints, int)
ARENA_DEFINE_DROP(items, item, drop_item)

export inline int *put(ints *arena, int value) { return ints_alloc(arena, value); }
export inline ints *make(size_t capacity) { return ints_create(capacity); }
export inline void end(ints *arena) { ints_destroy(arena); }
export inline int two(ints *arena) { return ARENA_SLAB_WITH(ints, arena, 1, 2).data[1]; }
export inline double weigh(double weight) {
    items *arena = items_create(2);
    double found = items_alloc(arena, item{1, weight})->weight;
    items_destroy(arena);
    return found;
}
