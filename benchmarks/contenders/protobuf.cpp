/* SPDX-License-Identifier: MIT */
/* Arena of protobuf for C++, on an initial block of the right size; it is safe to share between threads. */
#include "../harness/contend.hpp"
#include "../harness/mixed.hpp"
#include "../harness/scope.hpp"
#include "../harness/single.hpp"

#include <google/protobuf/arena.h>

namespace {

using google::protobuf::Arena;
using google::protobuf::ArenaOptions;

struct block_arena {
    static ArenaOptions options(std::vector<char> &block) {
        ArenaOptions o;
        o.initial_block = block.data();
        o.initial_block_size = block.size();
        return o;
    }
    explicit block_arena(size_t size_bytes) : block(size_bytes), arena(options(block)) {}
    std::vector<char> block;
    Arena arena;
};

template <class T> struct proto : plain_session<block_arena *> {
    static block_arena *make(size_t count, size_t) { return new block_arena(count * sizeof(T) + 4096); }
    static BENCH_INLINE T *put(block_arena *b, size_t, const T &value) {
        T *slot = Arena::CreateArray<T>(&b->arena, 1);
        *slot = value;
        return slot;
    }
    static BENCH_INLINE T *slab(block_arena *b, size_t, size_t count) {
        return Arena::CreateArray<T>(&b->arena, count);
    }
    static BENCH_INLINE void reset(block_arena *b, size_t) { b->arena.Reset(); }
    static void drop(block_arena *b) { delete b; }
};

/* An arena of the frame for each scope, on a buffer of the frame. */
struct proto_scope : scope_unshared {
    using local = void *;
    static local begin(shared *) { return nullptr; }
    static void end(local) {}
    template <class Use> static BENCH_INLINE void scope(local, int64_t v) {
        alignas(8) char buffer[512];
        ArenaOptions o;
        o.initial_block = buffer;
        o.initial_block_size = sizeof buffer;
        Arena arena(o);
        auto *value = Arena::CreateArray<int64_t>(&arena, 1);
        auto *slab = Arena::CreateArray<int64_t>(&arena, 4);
        scope_fill<Use>(value, slab, v);
    }
};

struct proto_shared {
    using shared = block_arena;
    using local = block_arena *;
    static constexpr bool own_reset = false;
    static shared *make(size_t count) { return new block_arena(count * 8 + 4096); }
    static void drop(shared *s) { delete s; }
    static local begin(shared *s, unsigned, size_t) { return s; }
    static void end(local) {}
    static BENCH_INLINE int64_t *put(local s, size_t, int64_t v) {
        int64_t *slot = Arena::CreateArray<int64_t>(&s->arena, 1);
        *slot = v;
        return slot;
    }
    static BENCH_INLINE int64_t *slab(local s, size_t, size_t count) {
        return Arena::CreateArray<int64_t>(&s->arena, count);
    }
    static void reset_own(local, size_t) {}
    static void reset_all(shared *s) { s->arena.Reset(); }
};

/* Blocks of any size.  The arena aligns to 8. */
struct proto_blocks : copied_text<proto_blocks, block_arena *>,
                      copied_strings<proto_blocks, block_arena *>,
                      blocks_and_reset<proto_blocks, block_arena *> {
    using handle = block_arena *;
    static handle make(size_t size_bytes) { return new block_arena(size_bytes); }
    static BENCH_INLINE void *take(handle b, size_t size, size_t) { return Arena::CreateArray<char>(&b->arena, size); }
    static BENCH_INLINE void reset(handle b) { b->arena.Reset(); }
    static void drop(handle b) { delete b; }
};
void proto_life(size_t size) {
    Arena arena;
    life_use(Arena::CreateArray<char>(&arena, size), size);
}

void add() {
    add_puts<proto>("protobuf-Arena");
    add_slabs<proto>("protobuf-Arena");
    add_batches<proto>("protobuf-Arena");
    add_scopes<proto_scope>("protobuf-Arena");
    add_contended<proto_shared>("protobuf-Arena");
    add_mixed<proto_blocks>("protobuf-Arena");
    add_resets<proto_blocks>("protobuf-Arena");
    add_life("protobuf-Arena", proto_life);
}
BENCH_REGISTER(add);

} // namespace
