/* SPDX-License-Identifier: MIT */
/* The yardstick: a hand-written bump allocator behind a pointer, fully inlined.  Y starts again by moving one pointer;
 * Yz also clears what was used, as libarena does by default.  Every ratio of the report is to one of the two.
 */
#ifndef BENCH_YARDSTICK_HPP
#define BENCH_YARDSTICK_HPP

#include "bench.hpp"

#include <cstring>

#include <sys/mman.h>

struct yardstick {
    char *cur, *end;
    char *base;
};

inline yardstick *yardstick_create(size_t size_bytes) {
    auto *y = static_cast<yardstick *>(aligned_alloc(64, 64));
    if (y == nullptr) bench_die("no memory");
    void *memory = mmap(nullptr, size_bytes + 64, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) bench_die("no memory");
    y->base = y->cur = static_cast<char *>(memory);
    y->end = y->base + size_bytes;
    return y;
}

inline void yardstick_destroy(yardstick *y) {
    munmap(y->base, static_cast<size_t>(y->end - y->base) + 64);
    free(y);
}

BENCH_INLINE void *yardstick_take(yardstick *y, size_t size_bytes) {
    char *slot = y->cur;
    if (__builtin_expect(static_cast<size_t>(y->end - slot) < size_bytes, 0)) bench_die("the yardstick is full");
    y->cur = slot + size_bytes;
    return slot;
}

BENCH_INLINE void *yardstick_take_aligned(yardstick *y, size_t size_bytes, size_t align) {
    const uintptr_t at = (reinterpret_cast<uintptr_t>(y->cur) + align - 1) & ~static_cast<uintptr_t>(align - 1);
    if (__builtin_expect(at + size_bytes > reinterpret_cast<uintptr_t>(y->end), 0)) bench_die("the yardstick is full");
    y->cur = reinterpret_cast<char *>(at + size_bytes);
    return reinterpret_cast<void *>(at);
}

template <bool Zero> BENCH_INLINE void yardstick_reset(yardstick *y) {
    if (Zero) std::memset(y->base, 0, static_cast<size_t>(y->cur - y->base));
    y->cur = y->base;
}

#endif
