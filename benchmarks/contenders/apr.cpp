/* SPDX-License-Identifier: MIT */
/* Pools of the Apache Portable Runtime: one pool, cleared, and a pool of its own for each scope, as per request. */
#include "../harness/scope.hpp"
#include "../harness/single.hpp"

#include <apr_general.h>
#include <apr_pools.h>

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

void add() {
    add_puts<apr>("APR-pool");
    add_slabs<apr>("APR-pool");
    add_batches<apr>("APR-pool");
    add_scopes<apr_scope>("APR-pool");
    add_scopes<apr_subpool_scope>("APR-subpool");
}
BENCH_REGISTER(add);

} // namespace
