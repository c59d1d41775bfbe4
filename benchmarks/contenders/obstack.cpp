/* SPDX-License-Identifier: MIT */
/* glibc's obstack. */
#include "../harness/mixed.hpp"
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

/* Blocks of any size, texts as growing objects.  An obstack aligns to 16. */
struct obstack_blocks : blocks_and_reset<obstack_blocks, stack *> {
    using handle = stack *;
    struct string {};
    static handle make(size_t size_bytes) { return obstacks<char>::make(size_bytes, 1); }
    static BENCH_INLINE void *take(handle s, size_t size, size_t) {
        return obstack_alloc(&s->o, static_cast<int>(size));
    }
    static BENCH_INLINE char *text(handle s, const char *from) {
        return static_cast<char *>(obstack_copy0(&s->o, from, static_cast<int>(std::strlen(from))));
    }
    static BENCH_INLINE void reset(handle s) { obstacks<char>::reset(s, 0); }
    static void drop(handle s) { obstacks<char>::drop(s); }
    static BENCH_INLINE string begin(handle) { return {}; }
    static BENCH_INLINE void append(handle s, string &, const char *from, size_t length) {
        obstack_grow(&s->o, from, static_cast<int>(length));
    }
    static BENCH_INLINE char *end(handle s, string &) {
        obstack_1grow(&s->o, '\0');
        return static_cast<char *>(obstack_finish(&s->o));
    }
    template <class Use> static BENCH_INLINE void scope(handle s, int64_t v) {
        auto *value = static_cast<int64_t *>(obstack_alloc(&s->o, 8));
        scope_fill<Use>(value, static_cast<int64_t *>(obstack_alloc(&s->o, 32)), v);
        obstack_free(&s->o, value);
    }
    template <class Use> static BENCH_INLINE void nested(handle s, int64_t v) {
        auto *value = static_cast<int64_t *>(obstack_alloc(&s->o, 8));
        scope_fill<Use>(value, static_cast<int64_t *>(obstack_alloc(&s->o, 32)), v);
        scope<Use>(s, v);
        obstack_free(&s->o, value);
    }
};
void obstack_life(size_t size) {
    struct obstack o;
    obstack_init(&o);
    life_use(obstack_alloc(&o, static_cast<int>(size)), size);
    obstack_free(&o, nullptr);
}
int64_t obstack_push(int64_t count) {
    struct obstack o;
    obstack_init(&o);
    for (int64_t i = 0; i < count; i++) {
        obstack_int_grow(&o, static_cast<int>(i));
        keep(&o);
    }
    const int64_t size = static_cast<int64_t>(obstack_object_size(&o)) / static_cast<int64_t>(sizeof(int));
    int64_t sum = static_cast<int *>(obstack_finish(&o))[count - 1] + size;
    obstack_free(&o, nullptr);
    return sum;
}

void add() {
    add_puts<obstacks>("obstack");
    add_slabs<obstacks>("obstack");
    add_batches<obstacks>("obstack");
    add_scopes<obstack_scope>("obstack");
    add_mixed<obstack_blocks>("obstack");
    add_marks<obstack_blocks>("obstack");
    add_resets<obstack_blocks>("obstack");
    add_life("obstack", obstack_life);
    add_push("obstack", obstack_push);
}
BENCH_REGISTER(add);

} // namespace
