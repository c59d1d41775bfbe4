/* SPDX-License-Identifier: MIT */
/* Inline functions with external linkage, in a header that two files include: they use every part of the typed face. */
#include <arena/arena.h>

struct item {
    int number;
    long words[20];
};

static inline void drop_item(struct item *item) { item->number = 0; }

ARENA_DEFINE(ints, int)
ARENA_DEFINE_DROP(items, struct item, drop_item)

inline int *put(struct ints *arena, int value) { return ints_alloc(arena, value); }

inline void add_item(struct items *arena, void *user) { *(int *)user += items_alloc_zero(arena)->number + 1; }

inline int everything(int number) {
    struct items *arena = items_create(10);
    struct item item = {number, {0}};
    struct items_slab slab = ARENA_SLAB_WITH(items, arena, item);
    int sum = slab.data[0].number + items_alloc(arena, item)->number + items_alloc_from(arena, &item)->number;
    struct items_burst burst = items_burst_begin(arena);
    sum += items_burst_put(&burst, item)->number;
    items_burst_end(arena, &burst);
    struct arena_mark mark = items_mark(arena);
    sum += items_alloc_zero(arena)->number;
    items_rewind_end(arena, mark);
    ARENA_SCRATCH(items, arena) sum += items_alloc_zero(arena)->number;
    struct arena_context *context = NULL;
    struct items *found = NULL;
    sum += items_inject(NULL, arena, &context) + items_extract(context, &found) + (int)items_used(found);
    arena_context_release(context);
    items_destroy(arena);
    struct items_pool *pool = items_pool_create(3);
    ARENA_POOL_SCOPE_OF(items, pool, scratch) sum += items_try_alloc_zero(scratch)->number;
    sum += items_pool_execute(pool, add_item, &sum) + items_pool_destroy(pool);
    struct items_concurrent *shared = items_concurrent_create(3);
    sum += ARENA_SLAB_WITH_CONTEXT(items, shared, NULL, &slab, item, item) + (int)items_concurrent_used(shared);
    items_concurrent_destroy(shared);
    return sum;
}
