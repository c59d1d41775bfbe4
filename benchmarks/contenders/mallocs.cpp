/* SPDX-License-Identifier: MIT */
/* malloc of glibc, mimalloc, jemalloc and tcmalloc, and mimalloc's heaps.  The program keeps its pointers, in the order
 * it got them, to free them at reset; a heap of mimalloc is destroyed whole.
 */
#include "mallocs.hpp"

#include "../harness/contend.hpp"
#include "../harness/mixed.hpp"
#include "../harness/scope.hpp"
#include "../harness/single.hpp"

#include <dlfcn.h>

malloc_calls glibc_calls = {malloc, free, calloc}, mimalloc_calls, jemalloc_calls, tcmalloc_calls;
mimalloc_heap_calls mimalloc_heap;

namespace {

template <class F> bool look_up(void *library, const char *name, F *&function) {
    function = reinterpret_cast<F *>(dlsym(library, name));
    return function != nullptr;
}

bool load(malloc_calls &calls, const char *file, const char *allocate, const char *release, const char *zeroed,
          void *&library) {
    library = dlopen(file, RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
    if (library == nullptr) {
        std::fprintf(stderr, "benchmark: %s is left out: %s\n", file, dlerror());
        return false;
    }
    return look_up(library, allocate, calls.allocate) && look_up(library, release, calls.release) &&
           look_up(library, zeroed, calls.zeroed);
}

bool load_mimalloc() {
    void *library;
    return load(mimalloc_calls, "libmimalloc.so.2", "mi_malloc", "mi_free", "mi_calloc", library) &&
           look_up(library, "mi_heap_new", mimalloc_heap.create) &&
           look_up(library, "mi_heap_destroy", mimalloc_heap.destroy) &&
           look_up(library, "mi_heap_malloc", mimalloc_heap.allocate);
}
bool load_jemalloc() {
    void *library;
    return load(jemalloc_calls, "libjemalloc.so.2", "malloc", "free", "calloc", library);
}
bool load_tcmalloc() {
    void *library;
    return load(tcmalloc_calls, "libtcmalloc_minimal.so.4", "tc_malloc", "tc_free", "tc_calloc", library);
}

} // namespace

bool mallocs_load(const std::string &name) {
    static const bool mimalloc = BENCH_HAVE_MIMALLOC && load_mimalloc();
    static const bool jemalloc = BENCH_HAVE_JEMALLOC && load_jemalloc();
    static const bool tcmalloc = BENCH_HAVE_TCMALLOC && load_tcmalloc();
    if (name == "mimalloc") return mimalloc;
    if (name == "jemalloc") return jemalloc;
    if (name == "tcmalloc") return tcmalloc;
    return name == "malloc";
}

namespace {

template <class T, malloc_calls &Calls> struct mallocs : plain_session<void **> {
    static void **make(size_t count, size_t slab) {
        return must(static_cast<void **>(calloc(count / slab, sizeof(void *))), "no memory");
    }
    static BENCH_INLINE T *put(void **kept, size_t i, const T &value) {
        T *slot = static_cast<T *>(Calls.allocate(sizeof(T)));
        *slot = value;
        kept[i] = slot;
        return slot;
    }
    static BENCH_INLINE T *slab(void **kept, size_t i, size_t count) {
        T *slot = static_cast<T *>(Calls.allocate(count * sizeof(T)));
        kept[i] = slot;
        return slot;
    }
    static BENCH_INLINE void reset(void **kept, size_t n) {
        for (size_t i = 0; i < n; i++) Calls.release(kept[i]);
    }
    static void drop(void **kept) { free(kept); }
};
/* W4s asks for 32 elements each, and for as many pieces as it has. */
template <class T> using glibc_mallocs = mallocs<T, glibc_calls>;
template <class T> using mimalloc_mallocs = mallocs<T, mimalloc_calls>;
template <class T> using jemalloc_mallocs = mallocs<T, jemalloc_calls>;
template <class T> using tcmalloc_mallocs = mallocs<T, tcmalloc_calls>;

struct heap_holder {
    void *heap;
};
template <class T> struct heaps : plain_session<heap_holder *> {
    static heap_holder *make(size_t, size_t) { return new heap_holder{mimalloc_heap.create()}; }
    static BENCH_INLINE T *put(heap_holder *h, size_t, const T &value) {
        T *slot = static_cast<T *>(mimalloc_heap.allocate(h->heap, sizeof(T)));
        *slot = value;
        return slot;
    }
    static BENCH_INLINE T *slab(heap_holder *h, size_t, size_t count) {
        return static_cast<T *>(mimalloc_heap.allocate(h->heap, count * sizeof(T)));
    }
    static BENCH_INLINE void reset(heap_holder *h, size_t) {
        mimalloc_heap.destroy(h->heap);
        h->heap = mimalloc_heap.create();
    }
    static void drop(heap_holder *h) {
        mimalloc_heap.destroy(h->heap);
        delete h;
    }
};

template <malloc_calls &Calls> struct malloc_scope : scope_unshared {
    using local = void *;
    static local begin(shared *) { return nullptr; }
    static void end(local) {}
    template <class Use> static BENCH_INLINE void scope(local, int64_t v) {
        auto *value = static_cast<int64_t *>(Calls.allocate(8));
        auto *slab = static_cast<int64_t *>(Calls.allocate(32));
        scope_fill<Use>(value, slab, v);
        Calls.release(slab);
        Calls.release(value);
    }
};
struct heap_scope : scope_unshared {
    using local = void *;
    static local begin(shared *) { return nullptr; }
    static void end(local) {}
    template <class Use> static BENCH_INLINE void scope(local, int64_t v) {
        void *heap = mimalloc_heap.create();
        auto *value = static_cast<int64_t *>(mimalloc_heap.allocate(heap, 8));
        auto *slab = static_cast<int64_t *>(mimalloc_heap.allocate(heap, 32));
        scope_fill<Use>(value, slab, v);
        mimalloc_heap.destroy(heap);
    }
};

template <malloc_calls &Calls> struct malloc_contended {
    struct shared {};
    using local = void **;
    static constexpr bool own_reset = true;
    static shared *make(size_t) { return nullptr; }
    static void drop(shared *) {}
    static local begin(shared *, unsigned, size_t count) {
        return must(static_cast<void **>(calloc(count, sizeof(void *))), "no memory");
    }
    static void end(local kept) { free(kept); }
    static BENCH_INLINE int64_t *slab(local kept, size_t i, size_t count) {
        auto *slot = static_cast<int64_t *>(Calls.allocate(count * 8));
        kept[i] = slot;
        return slot;
    }
    static BENCH_INLINE int64_t *put(local kept, size_t i, int64_t v) {
        int64_t *slot = slab(kept, i, 1);
        *slot = v;
        return slot;
    }
    static void reset_own(local kept, size_t n) {
        for (size_t i = 0; i < n; i++) Calls.release(kept[i]);
    }
    static void reset_all(shared *) {}
};

template <template <class> class A, malloc_calls &Calls> void add_malloc(const std::string &name) {
    if (!mallocs_load(name)) return;
    add_puts<A>(name);
    add_slabs<A>(name);
    add_batches<A>(name);
    add_scopes<malloc_scope<Calls>>(name);
    add_contended<malloc_contended<Calls>>(name);
}

/* Blocks of any size: what was handed out is kept in a list, as a program has to know what it frees. */
struct kept_blocks {
    void **at;
    size_t count;
};
template <malloc_calls &Calls>
struct malloc_blocks : copied_text<malloc_blocks<Calls>, kept_blocks *>,
                       copied_strings<malloc_blocks<Calls>, kept_blocks *> {
    using handle = kept_blocks *;
    static handle make(size_t) { return new kept_blocks{new void *[65536], 0}; }
    static BENCH_INLINE void *take(handle k, size_t size, size_t) { return k->at[k->count++] = Calls.allocate(size); }
    static BENCH_INLINE void reset(handle k) {
        for (size_t i = 0; i < k->count; i++) Calls.release(k->at[i]);
        k->count = 0;
    }
    static void drop(handle k) {
        delete[] k->at;
        delete k;
    }
    template <class Use> static BENCH_INLINE void two(handle, int64_t v) { scope<Use>(nullptr, v); }
    template <class Use> static BENCH_INLINE void scope(handle, int64_t v) {
        auto *value = static_cast<int64_t *>(Calls.allocate(8));
        auto *slab = static_cast<int64_t *>(Calls.allocate(32));
        scope_fill<Use>(value, slab, v);
        Calls.release(slab);
        Calls.release(value);
    }
    template <class Use> static BENCH_INLINE void nested(handle, int64_t v) {
        auto *value = static_cast<int64_t *>(Calls.allocate(8));
        auto *slab = static_cast<int64_t *>(Calls.allocate(32));
        scope_fill<Use>(value, slab, v);
        scope<Use>(nullptr, v);
        Calls.release(slab);
        Calls.release(value);
    }
};
template <malloc_calls &Calls> void malloc_life(size_t size) {
    void *block = Calls.allocate(size);
    life_use(block, size);
    Calls.release(block);
}
template <malloc_calls &Calls> void add_malloc_blocks(const std::string &name) {
    if (!mallocs_load(name)) return;
    add_mixed<malloc_blocks<Calls>>(name);
    add_marks<malloc_blocks<Calls>>(name);
    add_resets<malloc_blocks<Calls>>(name);
    add_life(name, malloc_life<Calls>);
}
/* A struct that others see, as that of ARENA_PUSH. */
int64_t realloc_push(int64_t count) {
    struct {
        int *data;
        size_t len, cap;
    } vector = {nullptr, 0, 0};
    keep(&vector);
    for (int64_t i = 0; i < count; i++) {
        if (vector.len == vector.cap) {
            vector.cap = vector.cap == 0 ? 4 : vector.cap * 2;
            vector.data = must(static_cast<int *>(realloc(vector.data, vector.cap * sizeof(int))), "no memory");
        }
        vector.data[vector.len++] = static_cast<int>(i);
        keep(vector.data);
    }
    int64_t sum = vector.data[vector.len - 1] + static_cast<int64_t>(vector.len);
    free(vector.data);
    return sum;
}
int64_t vector_push(int64_t count) {
    std::vector<int> vector;
    for (int64_t i = 0; i < count; i++) {
        vector.push_back(static_cast<int>(i));
        keep(vector.data());
    }
    return vector.back() + static_cast<int64_t>(vector.size());
}

void add() {
    add_malloc<glibc_mallocs, glibc_calls>("malloc");
    add_malloc<mimalloc_mallocs, mimalloc_calls>("mimalloc");
    add_malloc<jemalloc_mallocs, jemalloc_calls>("jemalloc");
    add_malloc<tcmalloc_mallocs, tcmalloc_calls>("tcmalloc");
    if (mallocs_load("mimalloc")) {
        add_puts<heaps>("mimalloc-heap");
        add_slabs<heaps>("mimalloc-heap");
        add_scopes<heap_scope>("mimalloc-heap");
    }
    add_malloc_blocks<glibc_calls>("malloc");
    add_malloc_blocks<mimalloc_calls>("mimalloc");
    add_malloc_blocks<jemalloc_calls>("jemalloc");
    add_malloc_blocks<tcmalloc_calls>("tcmalloc");
    add_push("realloc", realloc_push);
    add_push("std-vector", vector_push);
}
BENCH_REGISTER(add);

} // namespace
