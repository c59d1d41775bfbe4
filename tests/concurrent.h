/* SPDX-License-Identifier: MIT */
/* What the tests of the concurrent arena share. */
#ifndef TESTS_CONCURRENT_H
#define TESTS_CONCURRENT_H

#include "support.h"

#include <arena/arena.h>

#define BOTH_KINDS(flags) for (uint32_t flags = 0; flags <= ARENA_GATE_ONLY; flags += ARENA_GATE_ONLY)

static inline struct arena_concurrent *make_of(const struct arena_type *type, size_t capacity, uint32_t clear,
                                               uint32_t flags) {
    struct arena_options options = {sizeof options, clear, flags};
    struct arena_concurrent *arena = NULL;
    assert_int_equal(arena_concurrent_create_with(type, capacity, &options, &arena), ARENA_OK);
    assert_non_null(arena);
    return arena;
}

static inline struct arena_concurrent *make(size_t capacity, uint32_t flags) {
    return make_of(ARENA_TYPE(int64_t), capacity, ARENA_CLEAR_ON_RESET, flags);
}

static inline struct arena *hold(struct arena_concurrent *arena) {
    struct arena *held = NULL;
    assert_int_equal(arena_concurrent_acquire(arena, NULL, &held), ARENA_OK);
    assert_non_null(held);
    return held;
}

static inline struct arena_context *cancellable(struct arena_context *parent) {
    struct arena_context *context = NULL;
    assert_int_equal(arena_context_with_cancel(parent, &context), ARENA_OK);
    return context;
}

struct request {
    struct arena_concurrent *arena;
    size_t count;
};

static inline void do_alloc(void *user) { arena_concurrent_alloc(((struct request *)user)->arena, NULL); }
static inline void do_try_alloc(void *user) { arena_concurrent_try_alloc(((struct request *)user)->arena, NULL); }
static inline void do_slab(void *user) {
    struct request *request = user;
    arena_concurrent_alloc_slab(request->arena, request->count);
}
static inline void do_try_slab(void *user) {
    struct request *request = user;
    arena_concurrent_try_alloc_slab(request->arena, request->count);
}
static inline void do_slab_with(void *user) {
    struct request *request = user;
    arena_concurrent_alloc_slab_with(request->arena, NULL, request->count);
}
static inline void do_try_slab_with(void *user) {
    struct request *request = user;
    arena_concurrent_try_alloc_slab_with(request->arena, NULL, request->count);
}
static inline void do_reset(void *user) { arena_concurrent_reset(((struct request *)user)->arena); }
static inline void do_trim(void *user) { arena_concurrent_trim(((struct request *)user)->arena); }
static inline void do_release(void *user) { arena_concurrent_release(((struct request *)user)->arena); }
static inline void do_destroy(void *user) { arena_concurrent_destroy(((struct request *)user)->arena); }

static inline int64_t stamp_of(unsigned thread, size_t index) {
    return (int64_t)(thread + 1) * 1000000000 + (int64_t)index;
}

#endif
