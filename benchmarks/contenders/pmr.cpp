/* SPDX-License-Identifier: MIT */
/* std::pmr::monotonic_buffer_resource on one buffer of the right size; shared, behind a mutex. */
#include "../harness/contend.hpp"
#include "../harness/mixed.hpp"
#include "../harness/scope.hpp"
#include "../harness/single.hpp"

#include <memory_resource>
#include <mutex>
#include <string>

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

/* Blocks of any size; texts as std::pmr::string. */
struct monotonic_blocks : copied_text<monotonic_blocks, resource *>, blocks_and_reset<monotonic_blocks, resource *> {
    using handle = resource *;
    using string = std::pmr::string;
    static handle make(size_t size_bytes) { return new resource(size_bytes); }
    static BENCH_INLINE void *take(handle r, size_t size, size_t align) { return r->memory.allocate(size, align); }
    static BENCH_INLINE void reset(handle r) { r->memory.release(); }
    static void drop(handle r) { delete r; }
    static BENCH_INLINE string begin(handle r) { return string(&r->memory); }
    static BENCH_INLINE void append(handle, string &s, const char *from, size_t length) { s.append(from, length); }
    static BENCH_INLINE char *end(handle, string &s) { return s.data(); }
    /* On a buffer of the frame for each scope. */
    template <class Use> static BENCH_INLINE void scope(handle, int64_t v) {
        alignas(8) char buffer[256];
        std::pmr::monotonic_buffer_resource memory(buffer, sizeof buffer);
        scope_blocks<Use>([&](size_t size) { return memory.allocate(size, 8); }, v);
    }
    template <class Use> static BENCH_INLINE void nested(handle, int64_t v) {
        alignas(8) char buffer[256];
        std::pmr::monotonic_buffer_resource memory(buffer, sizeof buffer);
        scope_blocks<Use>([&](size_t size) { return memory.allocate(size, 8); }, v);
        scope<Use>(nullptr, v);
    }
};
void monotonic_life(size_t size) {
    std::pmr::monotonic_buffer_resource memory;
    life_use(memory.allocate(size, 8), size);
}
int64_t monotonic_push(int64_t count) {
    std::pmr::monotonic_buffer_resource memory;
    std::pmr::vector<int> vector(&memory);
    for (int64_t i = 0; i < count; i++) {
        vector.push_back(static_cast<int>(i));
        keep(vector.data());
    }
    return vector.back() + static_cast<int64_t>(vector.size());
}

void add() {
    add_puts<monotonic>("std-pmr");
    add_slabs<monotonic>("std-pmr");
    add_batches<monotonic>("std-pmr");
    add_scopes<monotonic_scope>("std-pmr");
    add_contended<monotonic_shared>("std-pmr-mutex");
    add_mixed<monotonic_blocks>("std-pmr");
    add_marks<monotonic_blocks>("std-pmr");
    add_resets<monotonic_blocks>("std-pmr");
    add_life("std-pmr", monotonic_life);
    add_push("std-pmr", monotonic_push);
}
BENCH_REGISTER(add);

} // namespace
