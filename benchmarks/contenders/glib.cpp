/* SPDX-License-Identifier: MIT */
/* GLib's slice allocator.  The program keeps its pointers, in the order it got them, to free them at reset. */
#include "../harness/contend.hpp"
#include "../harness/scope.hpp"
#include "../harness/single.hpp"

#include <glib.h>

namespace {

struct slices {
    void **kept;
    size_t size_bytes;
};

template <class T> struct gslice : plain_session<slices *> {
    static constexpr bool mixed = false;
    static slices *make(size_t count, size_t slab) {
        return new slices{static_cast<void **>(calloc(count, sizeof(void *))), slab * sizeof(T)};
    }
    static BENCH_INLINE T *put(slices *s, size_t i, const T &value) {
        T *slot = static_cast<T *>(g_slice_alloc(sizeof(T)));
        *slot = value;
        s->kept[i] = slot;
        return slot;
    }
    static BENCH_INLINE T *slab(slices *s, size_t i, size_t count) {
        T *slot = static_cast<T *>(g_slice_alloc(count * sizeof(T)));
        s->kept[i] = slot;
        return slot;
    }
    static BENCH_INLINE void reset(slices *s, size_t n) {
        for (size_t i = 0; i < n; i++) g_slice_free1(s->size_bytes, s->kept[i]);
    }
    static void drop(slices *s) {
        free(s->kept);
        delete s;
    }
};

struct gslice_scope : scope_unshared {
    using local = void *;
    static local begin(shared *) { return nullptr; }
    static void end(local) {}
    template <class Use> static BENCH_INLINE void scope(local, int64_t v) {
        auto *value = static_cast<int64_t *>(g_slice_alloc(8));
        auto *slab = static_cast<int64_t *>(g_slice_alloc(32));
        scope_fill<Use>(value, slab, v);
        g_slice_free1(32, slab);
        g_slice_free1(8, value);
    }
};

void add() {
    add_puts<gslice>("GSlice");
    add_slabs<gslice>("GSlice");
    add_scopes<gslice_scope>("GSlice");
}
BENCH_REGISTER(add);

} // namespace
