/* SPDX-License-Identifier: MIT */
/* std::pmr::monotonic_buffer_resource on one buffer of the right size; shared, behind a mutex. */
#include "../harness/contend.hpp"
#include "../harness/scope.hpp"
#include "../harness/single.hpp"

#include <memory_resource>
#include <mutex>

namespace {

struct resource {
    explicit resource(size_t size_bytes) : buffer(size_bytes), memory(buffer.data(), buffer.size()) {}
    std::vector<char> buffer;
    std::pmr::monotonic_buffer_resource memory;
};

template <class T> struct monotonic : plain_session<resource *> {
    static resource *make(size_t count, size_t) { return new resource(count * sizeof(T) + 64); }
    static BENCH_INLINE T *put(resource *r, size_t, const T &value) {
        T *slot = static_cast<T *>(r->memory.allocate(sizeof(T), alignof(T)));
        *slot = value;
        return slot;
    }
    static BENCH_INLINE T *slab(resource *r, size_t, size_t count) {
        return static_cast<T *>(r->memory.allocate(count * sizeof(T), alignof(T)));
    }
    static BENCH_INLINE void reset(resource *r, size_t) { r->memory.release(); }
    static void drop(resource *r) { delete r; }
};

/* A resource on a buffer of the frame, made anew for each scope. */
struct monotonic_scope : scope_unshared {
    using local = void *;
    static local begin(shared *) { return nullptr; }
    static void end(local) {}
    template <class Use> static BENCH_INLINE void scope(local, int64_t v) {
        alignas(8) char buffer[256];
        std::pmr::monotonic_buffer_resource memory(buffer, sizeof buffer);
        auto *value = static_cast<int64_t *>(memory.allocate(8, 8));
        auto *slab = static_cast<int64_t *>(memory.allocate(32, 8));
        scope_fill<Use>(value, slab, v);
    }
};

struct monotonic_shared {
    struct shared : resource {
        using resource::resource;
        alignas(64) std::mutex mutex;
    };
    using local = shared *;
    static constexpr bool own_reset = false;
    static shared *make(size_t count) { return new shared(count * 8 + 64); }
    static void drop(shared *s) { delete s; }
    static local begin(shared *s, unsigned, size_t) { return s; }
    static void end(local) {}
    static BENCH_INLINE int64_t *slab(local s, size_t, size_t count) {
        std::lock_guard<std::mutex> lock(s->mutex);
        return static_cast<int64_t *>(s->memory.allocate(count * 8, 8));
    }
    static BENCH_INLINE int64_t *put(local s, size_t i, int64_t v) {
        int64_t *slot = slab(s, i, 1);
        *slot = v;
        return slot;
    }
    static void reset_own(local, size_t) {}
    static void reset_all(shared *s) { s->memory.release(); }
};

void add() {
    add_puts<monotonic>("std-pmr");
    add_slabs<monotonic>("std-pmr");
    add_batches<monotonic>("std-pmr");
    add_scopes<monotonic_scope>("std-pmr");
    add_contended<monotonic_shared>("std-pmr-mutex");
}
BENCH_REGISTER(add);

} // namespace
