/* SPDX-License-Identifier: MIT */
/* Samba's talloc: a talloc_pool whose children are freed at reset. */
#include "../harness/mixed.hpp"
#include "../harness/scope.hpp"
#include "../harness/single.hpp"

extern "C" {
#include <talloc.h>
}

namespace {

/* talloc keeps a header of about 96 bytes by each piece; past this size its pool overflows into malloc. */
void *new_pool(size_t count, size_t size_bytes) {
    size_t wanted = count * (size_bytes + 128) + 4096;
    const size_t most = size_t{1} << 28;
    return must(static_cast<void *>(talloc_pool(nullptr, wanted < most ? wanted : most)), "talloc pool");
}

template <class T> struct tallocs : plain_session<void *> {
    static void *make(size_t count, size_t slab) { return new_pool(count / slab + 1, slab * sizeof(T)); }
    static BENCH_INLINE T *put(void *pool, size_t, const T &value) {
        T *slot = static_cast<T *>(talloc_size(pool, sizeof(T)));
        *slot = value;
        return slot;
    }
    static BENCH_INLINE T *slab(void *pool, size_t, size_t count) {
        return static_cast<T *>(talloc_size(pool, count * sizeof(T)));
    }
    static BENCH_INLINE void reset(void *pool, size_t) { talloc_free_children(pool); }
    static void drop(void *pool) { talloc_free(pool); }
};

struct talloc_scope : scope_unshared {
    using local = void *;
    static local begin(shared *) { return new_pool(16, 64); }
    static void end(local pool) { talloc_free(pool); }
    template <class Use> static BENCH_INLINE void scope(local pool, int64_t v) {
        auto *value = static_cast<int64_t *>(talloc_size(pool, 8));
        auto *slab = static_cast<int64_t *>(talloc_size(pool, 32));
        scope_fill<Use>(value, slab, v);
        talloc_free_children(pool);
    }
};

/* Blocks of any size: children of a pool, with talloc's own texts. */
struct talloc_blocks : blocks_and_reset<talloc_blocks, void *> {
    using handle = void *;
    using string = char *;
    static handle make(size_t size_bytes) { return new_pool(size_bytes / 64, 64); }
    static BENCH_INLINE void *take(handle pool, size_t size, size_t) { return talloc_size(pool, size); }
    static BENCH_INLINE char *text(handle pool, const char *from) { return talloc_strdup(pool, from); }
    static BENCH_INLINE void reset(handle pool) { talloc_free_children(pool); }
    static void drop(handle pool) { talloc_free(pool); }
    static BENCH_INLINE string begin(handle pool) { return talloc_strdup(pool, ""); }
    static BENCH_INLINE void append(handle, string &s, const char *from, size_t length) {
        s = talloc_strndup_append_buffer(s, from, length);
    }
    static BENCH_INLINE char *end(handle, string &s) { return s; }
    template <class Use> static BENCH_INLINE void scope(handle pool, int64_t v) {
        void *context = talloc_new(pool);
        scope_blocks<Use>([&](size_t size) { return talloc_size(context, size); }, v);
        talloc_free(context);
    }
    template <class Use> static BENCH_INLINE void nested(handle pool, int64_t v) {
        void *context = talloc_new(pool);
        scope_blocks<Use>([&](size_t size) { return talloc_size(context, size); }, v);
        scope<Use>(context, v);
        talloc_free(context);
    }
};
void talloc_life(size_t size) {
    void *pool = talloc_pool(nullptr, 2048);
    life_use(talloc_size(pool, size), size);
    talloc_free(pool);
}

void add() {
    add_puts<tallocs>("talloc");
    add_slabs<tallocs>("talloc");
    add_scopes<talloc_scope>("talloc");
    add_mixed<talloc_blocks>("talloc");
    add_marks<talloc_blocks>("talloc");
    add_resets<talloc_blocks>("talloc");
    add_life("talloc-pool", talloc_life);
}
BENCH_REGISTER(add);

} // namespace
