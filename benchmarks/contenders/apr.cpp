/* SPDX-License-Identifier: MIT */
/* Pools of the Apache Portable Runtime: one pool, cleared, and a pool of its own for each scope, as per request. */
#include "../harness/mixed.hpp"
#include "../harness/scope.hpp"
#include "../harness/single.hpp"

#include <apr_general.h>
#include <apr_pools.h>
#include <apr_strings.h>
#include <apr_tables.h>

namespace {

apr_pool_t *root() {
    static apr_pool_t *const pool = [] {
        apr_initialize();
        apr_pool_t *made = nullptr;
        apr_pool_create(&made, nullptr);
        return must(made, "APR pool");
    }();
    return pool;
}

/* A pool with its own allocator, so that threads share nothing. */
apr_pool_t *own_pool() {
    (void)root();
    apr_allocator_t *allocator = nullptr;
    apr_allocator_create(&allocator);
    apr_pool_t *pool = nullptr;
    apr_pool_create_ex(&pool, nullptr, nullptr, allocator);
    apr_allocator_owner_set(allocator, pool);
    return must(pool, "APR pool");
}

template <class T> struct apr : plain_session<apr_pool_t *> {
    static apr_pool_t *make(size_t, size_t) { return own_pool(); }
    static BENCH_INLINE T *put(apr_pool_t *pool, size_t, const T &value) {
        T *slot = static_cast<T *>(apr_palloc(pool, sizeof(T)));
        *slot = value;
        return slot;
    }
    static BENCH_INLINE T *slab(apr_pool_t *pool, size_t, size_t count) {
        return static_cast<T *>(apr_palloc(pool, count * sizeof(T)));
    }
    static BENCH_INLINE void reset(apr_pool_t *pool, size_t) { apr_pool_clear(pool); }
    static void drop(apr_pool_t *pool) { apr_pool_destroy(pool); }
};

/* The cheapest use: one pool per thread, cleared after each scope. */
struct apr_scope : scope_unshared {
    using local = apr_pool_t *;
    static local begin(shared *) { return own_pool(); }
    static void end(local pool) { apr_pool_destroy(pool); }
    template <class Use> static BENCH_INLINE void scope(local pool, int64_t v) {
        auto *value = static_cast<int64_t *>(apr_palloc(pool, 8));
        auto *slab = static_cast<int64_t *>(apr_palloc(pool, 32));
        scope_fill<Use>(value, slab, v);
        apr_pool_clear(pool);
    }
};
/* The usual one: a sub-pool for each scope. */
struct apr_subpool_scope : apr_scope {
    template <class Use> static BENCH_INLINE void scope(local parent, int64_t v) {
        apr_pool_t *pool = nullptr;
        apr_pool_create(&pool, parent);
        auto *value = static_cast<int64_t *>(apr_palloc(pool, 8));
        auto *slab = static_cast<int64_t *>(apr_palloc(pool, 32));
        scope_fill<Use>(value, slab, v);
        apr_pool_destroy(pool);
    }
};

/* Blocks of any size.  APR aligns to 8. */
struct apr_blocks : copied_strings<apr_blocks, apr_pool_t *>, blocks_and_reset<apr_blocks, apr_pool_t *> {
    using handle = apr_pool_t *;
    static handle make(size_t) { return own_pool(); }
    static BENCH_INLINE void *take(handle pool, size_t size, size_t) { return apr_palloc(pool, size); }
    static BENCH_INLINE char *text(handle pool, const char *from) { return apr_pstrdup(pool, from); }
    static BENCH_INLINE void reset(handle pool) { apr_pool_clear(pool); }
    static void drop(handle pool) { apr_pool_destroy(pool); }
};
/* A pool that is cleared after each scope, with one of its own inside, which a clear ends. */
struct apr_cleared : apr_blocks {
    template <class Use> static BENCH_INLINE void scope(handle pool, int64_t v) { two<Use>(pool, v); }
    template <class Use> static BENCH_INLINE void nested(handle pool, int64_t v) {
        apr_pool_t *inner = nullptr;
        scope_blocks<Use>([&](size_t size) { return apr_palloc(pool, size); }, v);
        apr_pool_create(&inner, pool);
        scope_blocks<Use>([&](size_t size) { return apr_palloc(inner, size); }, v);
        apr_pool_destroy(inner);
        apr_pool_clear(pool);
    }
};
/* A sub-pool for each scope. */
struct apr_sub : apr_blocks {
    template <class Use> static BENCH_INLINE void scope(handle parent, int64_t v) {
        apr_pool_t *pool = nullptr;
        apr_pool_create(&pool, parent);
        scope_blocks<Use>([&](size_t size) { return apr_palloc(pool, size); }, v);
        apr_pool_destroy(pool);
    }
    template <class Use> static BENCH_INLINE void nested(handle parent, int64_t v) {
        apr_pool_t *pool = nullptr;
        apr_pool_create(&pool, parent);
        scope_blocks<Use>([&](size_t size) { return apr_palloc(pool, size); }, v);
        scope<Use>(pool, v);
        apr_pool_destroy(pool);
    }
};
void apr_life(size_t size) {
    apr_pool_t *pool = nullptr;
    apr_pool_create(&pool, root());
    life_use(apr_palloc(pool, size), size);
    apr_pool_destroy(pool);
}
int64_t apr_push(int64_t count) {
    apr_pool_t *pool = own_pool();
    apr_array_header_t *array = apr_array_make(pool, 4, sizeof(int));
    for (int64_t i = 0; i < count; i++) APR_ARRAY_PUSH(array, int) = static_cast<int>(i);
    int64_t sum = APR_ARRAY_IDX(array, count - 1, int) + array->nelts;
    apr_pool_destroy(pool);
    return sum;
}

void add() {
    add_puts<apr>("APR-pool");
    add_slabs<apr>("APR-pool");
    add_batches<apr>("APR-pool");
    add_scopes<apr_scope>("APR-pool");
    add_scopes<apr_subpool_scope>("APR-subpool");
    add_mixed<apr_blocks>("APR-pool");
    add_marks<apr_cleared>("APR-pool");
    add_marks<apr_sub>("APR-subpool");
    add_resets<apr_blocks>("APR-pool");
    add_life("APR-subpool", apr_life);
    add_push("APR-array", apr_push);
}
BENCH_REGISTER(add);

} // namespace
