/* SPDX-License-Identifier: MIT */
/* What the tests of the pool share. */
#ifndef TESTS_POOL_H
#define TESTS_POOL_H

#include "support.h"

#include <arena/arena.h>

static inline struct arena_pool *make(const struct arena_type *type, size_t capacity) {
    struct arena_pool *pool = NULL;
    assert_int_equal(arena_pool_create(type, capacity, &pool), ARENA_OK);
    assert_non_null(pool);
    return pool;
}

static inline struct arena_pool *make_limited(size_t max_arenas) {
    struct arena_pool_options options = {.struct_size = sizeof options, .max_arenas = max_arenas};
    struct arena_pool *pool = NULL;
    assert_int_equal(arena_pool_create_with(ARENA_TYPE(int), 4, &options, &pool), ARENA_OK);
    return pool;
}

static inline struct arena *check_out(struct arena_pool *pool) {
    struct arena *arena = NULL;
    assert_int_equal(arena_pool_checkout(pool, &arena), ARENA_OK);
    assert_non_null(arena);
    return arena;
}

static inline struct arena_pool_stats stats_of(const struct arena_pool *pool) {
    struct arena_pool_stats stats = {.struct_size = sizeof stats};
    assert_int_equal(arena_pool_get_stats(pool, &stats), ARENA_OK);
    return stats;
}

/* Elements are ints; their drop writes them down.  One thread at a time drops, and is joined before the log is read. */
enum { LOG_SIZE = 64 };
static int log_entries[LOG_SIZE];
static int log_count; /* atomic */

static inline void note_drop(void *element, void *user) {
    int place = flag_add(&log_count, 1) - 1;
    if (place < LOG_SIZE) log_entries[place] = *(int *)element;
}

static const struct arena_type noted = {"noted", sizeof(int), _Alignof(int), note_drop};

static inline void log_clear(void) { flag_set(&log_count, 0); }

static inline void do_nothing(struct arena *arena, void *user) {
    (void)arena;
    if (user != NULL) ++*(int *)user;
}

struct visit {
    struct arena_pool *pool;
    struct arena *seen;
    size_t used;
    size_t capacity;
    bool zero;
    int calls;
};

static inline void visit(struct arena *arena, void *user) {
    struct visit *visit = user;
    visit->calls++;
    visit->seen = arena;
    visit->used = arena_used(arena);
    visit->capacity = arena_cap(arena);
    char *slab = arena_alloc_slab(arena, visit->capacity);
    visit->zero = all_zero(slab, visit->capacity * arena_type_of(arena)->size);
    memset(slab, 0xff, visit->capacity * arena_type_of(arena)->size);
}

struct nesting {
    struct arena_pool *pool;
    struct arena *outer;
    int depth;
    int wrong;
};

#endif
