/* SPDX-License-Identifier: MIT */
/* A right program under MemorySanitizer, which knows nothing of what the library does: it was compiled without.  What the
 * program is given counts as written all the same. */
#include <arena/arena.h>

#include <stdio.h>
#include <string.h>

struct item {
    char tag; /* with padding behind it */
    int64_t numbers[5];
};

static int drops;
static void drop_item(struct item *item) { drops += item->tag == 0 ? 1 : item->numbers[4] != 0; }

ARENA_DEFINE(ints, int)
ARENA_DEFINE_DROP(items, struct item, drop_item)

static void action(struct ints *arena, void *user) { *(int *)user += *ints_alloc_zero(arena); }

static int typed(void) {
    struct ints *arena = ints_create(40);
    struct ints_concurrent *shared = ints_concurrent_create(40);
    struct ints_pool *pool = ints_pool_create(40);
    if (arena == NULL || shared == NULL || pool == NULL) return 1;
    int sum = *ints_alloc_zero(arena) + *ints_alloc_slab(arena, 7).data;
    sum += *ints_alloc_slab_with(arena, NULL, 3).data;
    struct ints_slab slab;
    if (!ints_try_alloc_slab(arena, 2, &slab) || slab.data == NULL) return 1;
    struct ints_burst burst = ints_burst_begin(arena);
    int *put = ints_burst_put(&burst, 0);
    if (put == NULL) return 1;
    sum += *put;
    ints_burst_end(arena, &burst);
    struct arena_mark mark = ints_mark(arena);
    for (int i = 0; i < 3; i++) {
        ARENA_SCRATCH(ints, arena) sum += *ints_alloc_zero(arena);
        sum += *ints_alloc_slab(arena, 5).data;
        ints_rewind(arena, mark);
    }
    struct arena_stats stats = {.struct_size = sizeof stats};
    if (ints_get_stats(arena, &stats) != ARENA_OK || stats.used_bytes == 0 || ints_at(arena, 0) == NULL) return 1;
    struct arena_context *context = NULL;
    struct ints *found = NULL;
    if (ints_inject(NULL, arena, &context) != ARENA_OK || ints_extract(context, &found) != ARENA_OK) return 1;
    if (found != arena) return 1;
    arena_context_release(context);
    if (ints_concurrent_alloc_slab_context(shared, NULL, 4, &slab) != ARENA_OK || slab.data == NULL) return 1;
    sum += slab.data[3] + *ints_concurrent_alloc_zero(shared);
    if (ints_concurrent_acquire(shared, NULL, &found) != ARENA_OK || found == NULL) return 1;
    sum += *ints_try_alloc_zero(found);
    ints_concurrent_release(shared);
    if (ints_pool_execute(pool, action, &sum) != ARENA_OK) return 1;
    ARENA_POOL_SCOPE_OF(ints, pool, scratch) sum += *ints_alloc_zero(scratch);
    if (ints_pool_checkout(pool, &found) != ARENA_OK || found == NULL) return 1;
    sum += *ints_alloc_slab(found, 1).data;
    ints_pool_return(pool, found);
    ints_destroy(arena);
    ints_concurrent_destroy(shared);
    return ints_pool_destroy(pool) + sum;
}

/* Scratch scopes with more in them than inline code takes back, and with destructors. */
static int scratches(void) {
    struct items *arena = items_create(1000);
    int sum = 0;
    for (int i = 0; i < 3; i++) {
        ARENA_SCRATCH(items, arena) {
            sum += items_alloc_slab(arena, 100).data[99].tag;
            ARENA_SCRATCH(items, arena) sum += items_alloc_zero(arena)->tag;
        }
    }
    items_destroy(arena);
    return sum;
}

static int slots(size_t capacity, uint32_t clear) {
    struct arena_options options = {.struct_size = sizeof options, .clear = clear};
    struct items *arena = items_create_with(capacity, &options);
    int sum = 0;
    for (int round = 0; round < 3; round++) {
        sum += items_alloc_zero(arena)->tag + items_alloc_slab(arena, 3).data[2].tag;
        sum += items_alloc_slab_with(arena, NULL, 2).data[1].tag;
        struct item item = {0, {0}};
        sum += items_alloc(arena, item)->tag + items_alloc_from(arena, &item)->tag;
        items_reset(arena);
    }
    items_destroy(arena);
    return sum;
}

static int mixed(void) {
    struct arena *arena = NULL;
    if (arena_create(arena_type_any(), 10, &arena) != ARENA_OK) return 1;
    struct arena_any *slot = ARENA_ANY_ALLOC(arena, int, 5);
    int *number = ARENA_ANY_GET(slot, int);
    int sum = number == NULL ? 1 : *number - 5;
    slot = arena_alloc_any(arena, ARENA_TYPE(int64_t), NULL);
    sum += (int)*ARENA_ANY_GET(slot, int64_t);
    arena_destroy(arena);
    return sum;
}

static void raise_it(void *user) {
    (void)user;
    arena_panic("a reason");
}

/* Variables that the library fills, of each kind. */
static int outs(void) {
    struct arena *arena, *other;
    struct arena_pool *pool;
    struct arena_concurrent *shared;
    struct arena_context *context, *child;
    struct arena_permit permit;
    struct arena_pool_scope scope;
    struct arena_burst burst;
    struct arena_mark mark;
    struct arena_panic_info info;
    struct arena_stats stats = {.struct_size = sizeof stats};
    struct arena_pool_stats pool_stats;
    struct arena_any *any;
    void *out;
    int sum = arena_create(ARENA_TYPE(int), 10, &arena) + (arena == NULL);
    sum += arena_alloc_checked(arena, NULL, &out) + *(int *)out;
    sum += arena_alloc_slab_checked(arena, 3, &out) + ((int *)out)[2];
    sum += arena_get_mark_checked(arena, &mark) + arena_rewind_checked(arena, &mark);
    sum += arena_burst_begin_checked(arena, &burst) + (burst.cursor == NULL) + arena_burst_end_checked(arena, &burst);
    sum += arena_get_stats(arena, &stats) + (stats.used_bytes == 0);
    sum += arena_context_with_cancel(NULL, &context) + arena_inject(context, arena, &child);
    sum += arena_extract(child, ARENA_TYPE(int), &other) + (other != arena);
    sum += arena_concurrent_create(ARENA_TYPE(int), 10, &shared);
    sum += arena_concurrent_alloc_context(shared, context, NULL, &out) + *(int *)out;
    sum += arena_concurrent_acquire(shared, context, &other) + (other == NULL);
    arena_concurrent_release(shared);
    sum += arena_concurrent_acquire_permit(shared, context, &permit) + (permit.arena == NULL || permit.ticket == 0);
    sum += arena_concurrent_release_permit(shared, &permit);
    sum += arena_pool_create(ARENA_TYPE(int), 10, &pool) + arena_pool_scope_enter(pool, &scope) + (scope.arena == NULL);
    arena_pool_scope_leave(&scope);
    sum += arena_pool_checkout(pool, &other) + (other == NULL);
    pool_stats.struct_size = sizeof pool_stats;
    sum += arena_pool_get_stats(pool, &pool_stats) + (pool_stats.out != 1);
    arena_pool_return(pool, other);
    sum += arena_protect_with(raise_it, NULL, &info) - ARENA_EPANIC + info.status - ARENA_EPANIC;
    sum += strcmp(info.message, "a reason");
    sum += arena_create(arena_type_any(), 1, &other) + arena_alloc_any_checked(other, ARENA_TYPE(int), NULL, &any);
    sum += *ARENA_ANY_GET(any, int);
    arena_destroy(other);
    arena_destroy(arena);
    arena_concurrent_destroy(shared);
    arena_context_release(child);
    arena_context_release(context);
    return sum + arena_pool_destroy(pool);
}

/* Values, texts and blocks that the library writes, where nothing is cleared. */
static int uncleared(void) {
    struct arena_options options = {.struct_size = sizeof options, .clear = ARENA_CLEAR_NEVER};
    struct ints *numbers = ints_create_with(10, &options);
    struct ints_concurrent *shared = ints_concurrent_create_with(10, &options);
    struct arena_bytes *bytes = arena_bytes_create_with(SIZE_MAX, &options);
    if (numbers == NULL || shared == NULL || bytes == NULL) return 1;
    const int values[3] = {0, 0, 0};
    int *number = arena_alloc(ints_raw(numbers), values);
    int sum = *number + *ints_alloc(numbers, 0) + ints_alloc_slab_with(numbers, values, 3).data[2];
    sum += *ints_concurrent_alloc(shared, 0) + ints_concurrent_alloc_slab_with(shared, values, 3).data[2];
    sum += (int)strlen(arena_bytes_strdup(bytes, "text")) - 4;
    sum += (int)strlen(arena_bytes_strndup(bytes, "text", 2)) - 2;
    sum += (int)strlen(arena_bytes_printf(bytes, "%d", 12)) - 2;
    sum += *(int *)arena_bytes_memdup(bytes, values, sizeof values, 0);
    int *grown = arena_bytes_realloc(bytes, arena_bytes_memdup(bytes, values, 4, 4), 4, 400, 4);
    sum += grown[0] + grown[99];
    struct arena_buffer buffer = {.arena = bytes};
    for (int i = 0; i < 100; i++) arena_buffer_append(&buffer, "ab", 2);
    arena_buffer_printf(&buffer, "%d", 12);
    sum += (int)strlen(arena_buffer_text(&buffer)) - 202;
    struct arena_cleanup *cleanup = arena_bytes_defer(bytes, NULL, NULL);
    sum += cleanup->run != NULL;
    ints_destroy(numbers);
    ints_concurrent_destroy(shared);
    arena_bytes_destroy(bytes);
    return sum;
}

int main(void) {
    int sum = typed() + scratches() + mixed() + outs() + uncleared();
    for (uint32_t clear = ARENA_CLEAR_ON_RESET; clear <= ARENA_CLEAR_ON_HANDOUT; clear++)
        sum += slots(20, clear) + slots(20000, clear);
    printf("%d drops\n", drops);
    return sum == 0 && drops != 0 ? 0 : 1;
}
