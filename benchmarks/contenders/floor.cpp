/* SPDX-License-Identifier: MIT */
/* The floors behind a call: the smallest shared-library functions that do the work (harness/floor.h). */
#include "../harness/floor.h"

#include "../harness/contend.hpp"
#include "../harness/scope.hpp"
#include "../harness/single.hpp"

#include <cstring>

namespace {

template <class T> BENCH_INLINE void *floor_put(floor_y *y, const T *value) {
    return sizeof(T) == 8 ? floor_put8(y, value) : floor_put32(y, value);
}

template <class T> struct called : plain_session<floor_y *> {
    static floor_y *make(size_t count, size_t) {
        auto *y = new floor_y;
        y->base = y->cur = must(static_cast<char *>(calloc(count, sizeof(T))), "no memory");
        y->end = y->base + count * sizeof(T);
        return y;
    }
    static BENCH_INLINE T *put(floor_y *y, size_t, T value) { return static_cast<T *>(floor_put(y, &value)); }
    static BENCH_INLINE void reset(floor_y *y, size_t) { y->cur = y->base; }
    static void drop(floor_y *y) {
        free(y->base);
        delete y;
    }
};

struct called_scope : scope_unshared {
    using local = void *;
    static local begin(shared *) { return nullptr; }
    static void end(local) {}
    template <class Use> static BENCH_INLINE void scope(local, int64_t v) {
        floor_y *y = floor_scope_enter();
        auto *value = reinterpret_cast<int64_t *>(y->cur);
        y->cur += 8;
        auto *slab = reinterpret_cast<int64_t *>(y->cur);
        y->cur += 32;
        scope_fill<Use>(value, slab, v);
        floor_scope_leave(y);
    }
};

/* One thread, for W6: the call alone. */
struct called_contended {
    using shared = floor_y;
    using local = floor_y *;
    static constexpr bool own_reset = false;
    static shared *make(size_t count) { return called<int64_t>::make(count, 1); }
    static void drop(shared *y) { called<int64_t>::drop(y); }
    static local begin(shared *y, unsigned, size_t) { return y; }
    static void end(local) {}
    static BENCH_INLINE int64_t *put(local y, size_t, int64_t v) { return static_cast<int64_t *>(floor_put8(y, &v)); }
    static BENCH_INLINE int64_t *slab(local y, size_t, size_t count) {
        auto *slot = reinterpret_cast<int64_t *>(y->cur);
        y->cur += count * 8;
        return slot;
    }
    static void reset_own(local, size_t) {}
    static void reset_all(shared *y) { y->cur = y->base; }
};

void add() {
    bench_add("W1/floor-call", [](benchmark::State &s) { run_put<called<int64_t>, int64_t>(s, 1000000); });
    bench_add("W2/floor-call", [](benchmark::State &s) { run_put<called<int64_t>, int64_t>(s, 1024); });
    bench_add("W5s/floor-call", [](benchmark::State &s) { run_put<called<item32>, item32>(s, 1000); });
    add_scopes<called_scope>("floor-call");
    bench_add("W6/floor-call/1", [](benchmark::State &s) {
        run_contended<called_contended>(s, 1, 0, contend_time::alone);
    })->UseManualTime();
}
BENCH_REGISTER(add);

} // namespace
