/* SPDX-License-Identifier: MIT */
/* LLVM's BumpPtrAllocator, reset.  It keeps its first slab alone over a reset. */
#include "../harness/mixed.hpp"
#include "../harness/scope.hpp"
#include "../harness/single.hpp"

#include <llvm/Support/Allocator.h>

namespace {

template <class T> struct bump : plain_session<llvm::BumpPtrAllocator *> {
    using bumper = llvm::BumpPtrAllocator;
    static bumper *make(size_t, size_t) { return new bumper; }
    static BENCH_INLINE T *put(bumper *b, size_t, const T &value) {
        T *slot = static_cast<T *>(b->Allocate(sizeof(T), alignof(T)));
        *slot = value;
        return slot;
    }
    static BENCH_INLINE T *slab(bumper *b, size_t, size_t count) {
        return static_cast<T *>(b->Allocate(count * sizeof(T), alignof(T)));
    }
    static BENCH_INLINE void reset(bumper *b, size_t) { b->Reset(); }
    static void drop(bumper *b) { delete b; }
};

struct bump_scope : scope_unshared {
    using local = llvm::BumpPtrAllocator *;
    static local begin(shared *) { return new llvm::BumpPtrAllocator; }
    static void end(local b) { delete b; }
    template <class Use> static BENCH_INLINE void scope(local b, int64_t v) {
        auto *value = static_cast<int64_t *>(b->Allocate(8, 8));
        auto *slab = static_cast<int64_t *>(b->Allocate(32, 8));
        scope_fill<Use>(value, slab, v);
        b->Reset();
    }
};

/* Blocks of any size. */
struct bump_blocks : copied_text<bump_blocks, llvm::BumpPtrAllocator *>,
                     copied_strings<bump_blocks, llvm::BumpPtrAllocator *>,
                     blocks_and_reset<bump_blocks, llvm::BumpPtrAllocator *> {
    using handle = llvm::BumpPtrAllocator *;
    static handle make(size_t) { return new llvm::BumpPtrAllocator; }
    static BENCH_INLINE void *take(handle b, size_t size, size_t align) { return b->Allocate(size, align); }
    static BENCH_INLINE void reset(handle b) { b->Reset(); }
    static void drop(handle b) { delete b; }
};
void bump_life(size_t size) {
    llvm::BumpPtrAllocator bump;
    life_use(bump.Allocate(size, 8), size);
}

void add() {
    add_puts<bump>("LLVM-Bump");
    add_slabs<bump>("LLVM-Bump");
    add_batches<bump>("LLVM-Bump");
    add_scopes<bump_scope>("LLVM-Bump");
    add_mixed<bump_blocks>("LLVM-Bump");
    add_resets<bump_blocks>("LLVM-Bump");
    add_life("LLVM-Bump", bump_life);
}
BENCH_REGISTER(add);

} // namespace
