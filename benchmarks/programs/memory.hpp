/* SPDX-License-Identifier: MIT */
/* Where the programs have their memory from: one class for each contender, which has only static members, as a program has
 * one arena.
 *
 *   begin()                          once, first
 *   take(size, align), change(block, old_size, size), give(block)      give: where a block can be freed alone
 *   reset()                          all of it, after each run
 *   is_arena                         reset frees everything: what a library made need not be ended
 *
 * What stands between "glue NAME LIBRARY" and "end of glue" is what a program has to write to put the library on it; the
 * report counts its lines.  "all": what it needs for each of them.
 */
#ifndef BENCH_PROGRAMS_MEMORY_HPP
#define BENCH_PROGRAMS_MEMORY_HPP

#include "../harness/bench.hpp"

#include <cstring>
#include <memory_resource>

#include <arena/arena.h>

/* malloc: what was taken is kept in a list, which the programs that free by themselves do not use. */
struct from_malloc {
    static constexpr bool is_arena = false;
    static inline std::vector<void *> taken;
    static void begin() {}
    static void *take(size_t size, size_t) {
        taken.push_back(must(malloc(size), "no memory"));
        return taken.back();
    }
    static void *change(void *block, size_t, size_t size) {
        void *changed = must(realloc(block, size), "no memory");
        for (size_t i = taken.size(); i-- > 0;)
            if (taken[i] == block) {
                taken[i] = changed;
                break;
            }
        return changed;
    }
    static void reset() {
        for (void *block : taken) free(block);
        taken.clear();
    }
};

template <uint32_t Clear> struct from_libarena {
    static constexpr bool is_arena = true;
    static inline arena_bytes *arena;
    static void begin() {
        arena_options options{};
        options.struct_size = sizeof options;
        options.clear = Clear;
        arena = must(arena_bytes_create_with(SIZE_MAX, &options), "no arena");
    }
    static BENCH_INLINE void *take(size_t size, size_t align) { return arena_bytes_alloc_raw(arena, size, align); }
    static void *change(void *block, size_t old_size, size_t size) {
        return arena_bytes_realloc(arena, block, old_size, size, 0);
    }
    static void reset() { arena_bytes_reset(arena); }
};

/* A block of another size for those that only allocate. */
/* glue moved all */
template <class M> void *moved(void *block, size_t old_size, size_t size) {
    if (size <= old_size) return block;
    void *changed = M::take(size, alignof(max_align_t));
    if (old_size != 0) memcpy(changed, block, old_size);
    return changed;
}
/* end of glue */

struct from_pmr {
    static constexpr bool is_arena = true;
    static inline std::pmr::monotonic_buffer_resource memory;
    static void begin() {}
    /* glue std-pmr all */
    static void *take(size_t size, size_t align) { return memory.allocate(size, align); }
    static void *change(void *block, size_t old_size, size_t size) { return moved<from_pmr>(block, old_size, size); }
    static void give(void *) {}
    /* end of glue */
    static void reset() { memory.release(); }
};

#if BENCH_HAVE_APR
#include <apr_general.h>
#include <apr_pools.h>
struct from_apr {
    static constexpr bool is_arena = true;
    static inline apr_pool_t *pool;
    static void begin() {
        apr_initialize();
        apr_pool_create(&pool, nullptr);
    }
    /* glue APR-pool all */
    static void *take(size_t size, size_t) { return apr_palloc(pool, size); }
    static void *change(void *block, size_t old_size, size_t size) { return moved<from_apr>(block, old_size, size); }
    static void give(void *) {}
    /* end of glue */
    static void reset() { apr_pool_clear(pool); }
};
#endif

#if BENCH_HAVE_TALLOC
extern "C" {
#include <talloc.h>
}
struct from_talloc {
    static constexpr bool is_arena = true;
    static inline void *pool;
    static void begin() { pool = talloc_pool(nullptr, size_t{1} << 20); }
    /* glue talloc all */
    static void *take(size_t size, size_t) { return talloc_size(pool, size); }
    static void *change(void *block, size_t, size_t size) { return talloc_realloc_size(pool, block, size); }
    static void give(void *block) { talloc_free(block); }
    /* end of glue */
    static void reset() { talloc_free_children(pool); }
};
#endif

#if BENCH_HAVE_OBSTACK
#include <obstack.h>
#define obstack_chunk_alloc malloc
#define obstack_chunk_free free
struct from_obstack {
    static constexpr bool is_arena = true;
    static inline struct obstack stack;
    static inline void *first;
    static void begin() {
        obstack_init(&stack);
        first = obstack_alloc(&stack, 1);
    }
    /* glue obstack all */
    static void *take(size_t size, size_t) { return obstack_alloc(&stack, static_cast<int>(size)); }
    static void *change(void *block, size_t old_size, size_t size) {
        return moved<from_obstack>(block, old_size, size);
    }
    static void give(void *) {}
    /* end of glue */
    static void reset() {
        obstack_free(&stack, first);
        first = obstack_alloc(&stack, 1);
    }
};
#endif

#endif
