/* A program may call its variables what it likes, at file scope too, and use every macro under warnings that it chose for
 * its own code.  headers.sh compiles this, in C and in C++. */
#include <arena/arena.h>

static struct arena *arena;
static int action, burst, call, capacity, context, count, data, handle, head, limit, none, options, out, parent, pool, raw,
    slab, slot, status, type, user, value, values;

static void forget(int *number) { *number = 0; }

ARENA_DEFINE(int_arena, int)
ARENA_DEFINE_DROP(kept_arena, int, forget)

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
    ARENA_POOL_SCOPE(kept_arena_pool_raw(scratches), scratch) if (arena_try_alloc(scratch, NULL) == NULL) sum++;
    if (kept_arena_pool_destroy(scratches) != ARENA_OK) sum++;
    struct arena *mixed;
    if (arena_create(arena_type_any(), 1, &mixed) != ARENA_OK) return 1;
    if (ARENA_ANY_GET(ARENA_ANY_ALLOC(mixed, int, 5), int) == NULL) sum++;
    arena_destroy(mixed);
    return sum;
}
