/* SPDX-License-Identifier: MIT */
/* A program may call its variables what it likes, at file scope too, and use every macro under warnings that it chose for
 * its own code.  headers.sh compiles this, in C and in C++. */
#include <arena/arena.h>

static struct arena *arena;
static int action, burst, call, capacity, context, count, data, handle, head, limit, none, options, out, parent, pool,
    raw, slab, slot, status, type, user, value, values;

static void forget(int *number) { *number = 0; }

struct pair {
    int left, right;
};

ARENA_DEFINE(int_arena, int)
ARENA_DEFINE_DROP(kept_arena, int, forget)

/* What a macro is given may be any expression, and what it gives may stand in any: also beside another on one line. */
static int in_expressions(int which) {
    struct int_arena *arenas[2] = {int_arena_create(9), int_arena_create(9)};
    struct int_arena_pool *pools[2] = {int_arena_pool_create(1), int_arena_pool_create(1)};
    struct arena *mixed[2];
    if (arena_create(arena_type_any(), 9, &mixed[0]) != ARENA_OK) return 1;
    if (arena_create(arena_type_any(), 9, &mixed[1]) != ARENA_OK) return 1;
    struct pair two = {1, which};
    struct arena_any *kept = ARENA_ANY_ALLOC(which ? mixed[0] : mixed[1], struct pair, which ? two : two);
    int sum = ARENA_ANY_GET(which ? kept : NULL, struct pair)->right;
    if (ARENA_TYPE(struct pair)->size != ARENA_TYPE(int)->size * 2) sum++;
    struct int_arena_slab few = ARENA_SLAB_WITH(int_arena, which ? arenas[0] : arenas[1], which ? 1 : 2, which & 1);
    sum += ARENA_TRY_SLAB_WITH(int_arena, which ? arenas[0] : arenas[1], which ? &few : NULL, 3, 4) ? few.data[1] : 0;
    ARENA_POOL_SCOPE_OF(int_arena, which ? pools[0] : pools[1], outer)
        ARENA_POOL_SCOPE_OF(int_arena, pools[0], inner) {
            sum += outer != inner;
        }
    struct arena_pool *raw_pool = int_arena_pool_raw(pools[1]);
    ARENA_POOL_SCOPE(raw_pool, outer)
        ARENA_POOL_SCOPE(raw_pool, inner) sum += outer != inner;
    for (int i = 0; i < 2; i++) {
        int_arena_destroy(arenas[i]);
        sum += int_arena_pool_destroy(pools[i]);
        arena_destroy(mixed[i]);
    }
    return sum;
}

struct vector {
    int *data;
    size_t len, cap;
};

/* The compiler knows that a panic does not return. */
static int answer(int which) {
    if (which == 0) return 42;
    arena_panic("no such answer");
}

int main(void) {
    int sum = action + burst + call + capacity + context + count + data + handle + head + limit + none + options + out +
              parent + pool + raw + slab + slot + status + type + user + value + values + (arena != NULL);
    struct int_arena *ints = int_arena_create(4);
    struct int_arena_slab few = ARENA_SLAB_WITH(int_arena, ints, 1, 2);
    if (!ARENA_TRY_SLAB_WITH(int_arena, ints, &few, 3)) sum++;
    int_arena_destroy(ints);
    struct kept_arena_concurrent *shared = kept_arena_concurrent_create(1);
    struct kept_arena_slab one;
    if (ARENA_SLAB_WITH_CONTEXT(kept_arena, shared, NULL, &one, 4) != ARENA_OK) sum++;
    kept_arena_concurrent_destroy(shared);
    struct kept_arena_pool *scratches = kept_arena_pool_create(1);
    ARENA_POOL_SCOPE_OF(kept_arena, scratches, scratch) sum += *kept_arena_alloc(scratch, 1);
    ARENA_POOL_SCOPE(kept_arena_pool_raw(scratches), scratch)
        if (arena_try_alloc(scratch, NULL) == NULL) sum++;
    if (kept_arena_pool_destroy(scratches) != ARENA_OK) sum++;
    struct arena *mixed;
    if (arena_create(arena_type_any(), 1, &mixed) != ARENA_OK) return 1;
    if (ARENA_ANY_GET(ARENA_ANY_ALLOC(mixed, int, 5), int) == NULL) sum++;
    arena_destroy(mixed);
    struct arena_bytes *bytes = arena_bytes_create(SIZE_MAX);
    ARENA_SCRATCH(arena_bytes, bytes) {
        struct vector vector = {NULL, 0, 0};
        *ARENA_PUSH(bytes, &vector) = *ARENA_NEW(bytes, int);
        if (ARENA_TRY_PUSH(bytes, &vector) == NULL) sum++;
        if (ARENA_TRY_NEW_ARRAY(bytes, int, 4) == NULL) sum++;
    }
    arena_bytes_destroy(bytes);
    return sum + in_expressions(sum + 1) + answer(0);
}
