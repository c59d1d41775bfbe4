/* SPDX-License-Identifier: MIT */
/* glibc's obstack. */
#include "../harness/scope.hpp"
#include "../harness/single.hpp"

#include <cstring>

#include <obstack.h>

#define obstack_chunk_alloc malloc
#define obstack_chunk_free free

namespace {

struct stack {
    struct obstack o;
    void *base;
};

template <class T> struct obstacks : plain_session<stack *> {
    static stack *make(size_t count, size_t) {
        auto *s = new stack;
        const size_t wanted = count * sizeof(T) + 4096, most = size_t{1} << 30;
        obstack_begin(&s->o, static_cast<int>(wanted < most ? wanted : most));
        s->base = obstack_alloc(&s->o, 1);
        return s;
    }
    static BENCH_INLINE T *put(stack *s, size_t, const T &value) {
        T *slot = static_cast<T *>(obstack_alloc(&s->o, sizeof(T)));
        *slot = value;
        return slot;
    }
    static BENCH_INLINE T *slab(stack *s, size_t, size_t count) {
        return static_cast<T *>(obstack_alloc(&s->o, static_cast<int>(count * sizeof(T))));
    }
    static BENCH_INLINE void reset(stack *s, size_t) {
        obstack_free(&s->o, s->base);
        s->base = obstack_alloc(&s->o, 1);
    }
    static void drop(stack *s) {
        obstack_free(&s->o, nullptr);
        delete s;
    }
};

struct obstack_scope : scope_unshared {
    using local = stack *;
    static local begin(shared *) { return obstacks<int64_t>::make(512, 1); }
    static void end(local s) { obstacks<int64_t>::drop(s); }
    template <class Use> static BENCH_INLINE void scope(local s, int64_t v) {
        auto *value = static_cast<int64_t *>(obstack_alloc(&s->o, 8));
        auto *slab = static_cast<int64_t *>(obstack_alloc(&s->o, 32));
        scope_fill<Use>(value, slab, v);
        obstack_free(&s->o, value);
    }
};

void add() {
    add_puts<obstacks>("obstack");
    add_slabs<obstacks>("obstack");
    add_batches<obstacks>("obstack");
    add_scopes<obstack_scope>("obstack");
}
BENCH_REGISTER(add);

} // namespace
