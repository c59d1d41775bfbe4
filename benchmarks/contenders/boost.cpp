/* SPDX-License-Identifier: MIT */
/* Boost.Pool: pieces of one size.  Taken back all at once with purge_memory, or one by one with free; both are here. */
#include "../harness/scope.hpp"
#include "../harness/single.hpp"

#include <boost/pool/pool.hpp>

namespace {

template <class T, bool Purge> struct boost_pool : plain_session<boost::pool<> *> {
    static constexpr bool mixed = false;
    static boost::pool<> *make(size_t count, size_t slab) {
        return new boost::pool<>(slab * sizeof(T), count / slab < 65536 ? count / slab + 1 : 65536);
    }
    static BENCH_INLINE T *put(boost::pool<> *pool, size_t, const T &value) {
        T *slot = static_cast<T *>(pool->malloc());
        *slot = value;
        return slot;
    }
    static BENCH_INLINE T *slab(boost::pool<> *pool, size_t, size_t) { return static_cast<T *>(pool->malloc()); }
    static BENCH_INLINE void reset(boost::pool<> *pool, size_t) { pool->purge_memory(); }
    static void drop(boost::pool<> *pool) { delete pool; }
};
template <class T> using boost_purge = boost_pool<T, true>;

struct boost_scope : scope_unshared {
    struct pools {
        boost::pool<> values{8}, slabs{32};
    };
    using local = pools *;
    static local begin(shared *) { return new pools; }
    static void end(local p) { delete p; }
    template <class Use> static BENCH_INLINE void scope(local p, int64_t v) {
        auto *value = static_cast<int64_t *>(p->values.malloc());
        auto *slab = static_cast<int64_t *>(p->slabs.malloc());
        scope_fill<Use>(value, slab, v);
        p->slabs.free(slab);
        p->values.free(value);
    }
};

void add() {
    add_puts<boost_purge>("Boost-pool");
    add_slabs<boost_purge>("Boost-pool");
    add_scopes<boost_scope>("Boost-pool");
}
BENCH_REGISTER(add);

} // namespace
