/* SPDX-License-Identifier: MIT */
/* W8: a byte slab of the size given, one byte touched per cache line, reset with zeroing; and the Go project's large
 * repeated buffers.
 *
 * "way-..." are ways to clear at reset, by hand, on the same touched memory; the bar is the best of them at each size.
 * "ahead-16K" clears 16 KiB ahead of the user instead: what a reset in O(1) can gain.  libarena-handout takes the whole
 * slab at once, libarena-handout-16K takes it in pieces of 16 KiB, as a program that allocates many things does.
 */
#include "../contenders/mallocs.hpp"
#include "../harness/bench.hpp"

#include <arena/arena.h>

#include <cstring>

#include <sys/mman.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

ARENA_DEFINE(bench_byte, uint8_t)

namespace {

constexpr size_t piece = 16384;
constexpr size_t huge = size_t{2} << 20;

BENCH_INLINE void touch(char *from, size_t size_bytes) {
    for (size_t i = 0; i < size_bytes; i += 64) from[i] = 1;
    keep(from);
}

bool all_zero(const char *from, size_t size_bytes) {
    for (size_t i = 0; i < size_bytes; i++)
        if (from[i] != 0) return false;
    return true;
}

/* Memory of a way: aligned to a huge page, with huge pages asked for or refused. */
struct region {
    char *mapped, *base;
    size_t mapped_bytes;
    region(size_t size_bytes, int advice) {
        mapped_bytes = size_bytes + 2 * huge;
        void *m = mmap(nullptr, mapped_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (m == MAP_FAILED) bench_die("no memory");
        mapped = static_cast<char *>(m);
        base = reinterpret_cast<char *>((reinterpret_cast<uintptr_t>(mapped) + huge - 1) & ~(huge - 1));
        if (advice >= 0) madvise(base, size_bytes, advice);
    }
    ~region() { munmap(mapped, mapped_bytes); }
    region(const region &) = delete;
};

void stream_zero(char *to, size_t size_bytes) {
#if defined(__SSE2__)
    const __m128i zero = _mm_setzero_si128();
    for (size_t i = 0; i < size_bytes; i += 64) {
        _mm_stream_si128(reinterpret_cast<__m128i *>(to + i), zero);
        _mm_stream_si128(reinterpret_cast<__m128i *>(to + i + 16), zero);
        _mm_stream_si128(reinterpret_cast<__m128i *>(to + i + 32), zero);
        _mm_stream_si128(reinterpret_cast<__m128i *>(to + i + 48), zero);
    }
    _mm_sfence();
#else
    memset(to, 0, size_bytes);
#endif
}

/* --- ways to clear: touch(), then clear() ------------------------------------------------------------------------- */

struct way_none {
    static constexpr int advice = -1;
    static constexpr bool zeroes = false;
    static void clear(char *, size_t) {}
};
struct way_memset {
    static constexpr int advice = -1;
    static constexpr bool zeroes = true;
    static void clear(char *base, size_t size_bytes) { memset(base, 0, size_bytes); }
};
struct way_backward : way_memset {
    static void clear(char *base, size_t size_bytes) {
        while (size_bytes > 0) {
            size_t step = size_bytes < piece ? size_bytes : piece;
            size_bytes -= step;
            memset(base + size_bytes, 0, step);
        }
    }
};
struct way_stream : way_memset {
    static void clear(char *base, size_t size_bytes) { stream_zero(base, size_bytes); }
};
/* As Go's runtime clears: with non-temporal stores from 32 MiB. */
struct way_go : way_memset {
    static void clear(char *base, size_t size_bytes) {
        if (size_bytes < (size_t{32} << 20))
            memset(base, 0, size_bytes);
        else
            stream_zero(base, size_bytes);
    }
};
struct way_dontneed {
    static constexpr int advice = MADV_NOHUGEPAGE;
    static constexpr bool zeroes = true;
    static void clear(char *base, size_t size_bytes) { madvise(base, size_bytes, MADV_DONTNEED); }
};
struct way_dontneed_huge : way_dontneed {
    static constexpr int advice = MADV_HUGEPAGE;
};
struct way_memset_huge : way_memset {
    static constexpr int advice = MADV_HUGEPAGE;
};

void finish(benchmark::State &state, size_t size_bytes) {
    /* An operation is one cache line touched and cleared, so that the sizes compare. */
    state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * static_cast<int64_t>((size_bytes + 63) / 64));
    state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) * static_cast<int64_t>(size_bytes));
}

template <class Way> void run_way(benchmark::State &state, size_t size_bytes) {
    region memory(size_bytes, Way::advice);
    touch(memory.base, size_bytes);
    Way::clear(memory.base, size_bytes);
    for (auto _ : state) {
        touch(memory.base, size_bytes);
        Way::clear(memory.base, size_bytes);
        keep(memory.base);
    }
    finish(state, size_bytes);
    if (Way::zeroes) bench_verify(state, all_zero(memory.base, size_bytes));
}

/* Cleared a piece ahead of the user; the reset is nothing. */
void run_ahead(benchmark::State &state, size_t size_bytes) {
    region memory(size_bytes, -1);
    touch(memory.base, size_bytes);
    for (auto _ : state)
        for (size_t at = 0; at < size_bytes; at += piece) {
            size_t step = size_bytes - at < piece ? size_bytes - at : piece;
            memset(memory.base + at, 0, step);
            touch(memory.base + at, step);
        }
    finish(state, size_bytes);
}

void run_arena(benchmark::State &state, size_t size_bytes, size_t taken_bytes, arena_clear clear, uint32_t flags) {
    arena_options options{};
    options.struct_size = sizeof options;
    options.clear = clear;
    options.flags = flags;
    struct bench_byte *arena = must(bench_byte_create_with(size_bytes, &options), "no arena");
    bool right = true;
    for (int i = 0; i < 2; i++) { /* the second slab is memory that was written */
        auto *slab = reinterpret_cast<char *>(bench_byte_alloc_slab(arena, size_bytes).data);
        right = right && (clear == ARENA_CLEAR_NEVER || all_zero(slab, size_bytes));
        touch(slab, size_bytes);
        bench_byte_reset(arena);
    }
    for (auto _ : state) {
        for (size_t at = 0; at < size_bytes; at += taken_bytes) {
            size_t step = size_bytes - at < taken_bytes ? size_bytes - at : taken_bytes;
            touch(reinterpret_cast<char *>(bench_byte_alloc_slab(arena, step).data), step);
        }
        bench_byte_reset(arena);
    }
    finish(state, size_bytes);
    auto *slab = reinterpret_cast<char *>(bench_byte_alloc_slab(arena, size_bytes).data);
    bench_verify(state, right && (clear == ARENA_CLEAR_NEVER || all_zero(slab, size_bytes)));
    bench_byte_destroy(arena);
}

/* The Go project's large repeated buffers: calloc and free of each allocator. */
void run_calloc(benchmark::State &state, size_t size_bytes, const malloc_calls &calls) {
    for (auto _ : state) {
        auto *buffer = must(static_cast<char *>(calls.zeroed(1, size_bytes)), "no memory");
        touch(buffer, size_bytes);
        calls.release(buffer);
    }
    finish(state, size_bytes);
}

void add() {
    const size_t last = bench_full() ? size_t{1} << 30 : size_t{64} << 20;
    for (size_t size = 4096; size <= last; size *= 4) {
        auto at = "/" + std::to_string(size);
        bench_add("W8/touch-only" + at, [size](benchmark::State &s) { run_way<way_none>(s, size); });
        bench_add("W8/way-memset" + at, [size](benchmark::State &s) { run_way<way_memset>(s, size); });
        bench_add("W8/way-memset-backward" + at, [size](benchmark::State &s) { run_way<way_backward>(s, size); });
        bench_add("W8/way-non-temporal" + at, [size](benchmark::State &s) { run_way<way_stream>(s, size); });
        bench_add("W8/way-as-Go-clears" + at, [size](benchmark::State &s) { run_way<way_go>(s, size); });
        bench_add("W8/way-DONTNEED" + at, [size](benchmark::State &s) { run_way<way_dontneed>(s, size); });
        if (size >= huge) {
            bench_add("W8/way-DONTNEED-huge" + at,
                      [size](benchmark::State &s) { run_way<way_dontneed_huge>(s, size); });
            bench_add("W8/way-memset-huge" + at, [size](benchmark::State &s) { run_way<way_memset_huge>(s, size); });
        }
        bench_add("W8/ahead-16K" + at, [size](benchmark::State &s) { run_ahead(s, size); });
        bench_add("W8/libarena-reset" + at,
                  [size](benchmark::State &s) { run_arena(s, size, size, ARENA_CLEAR_ON_RESET, 0); });
        bench_add("W8/libarena-handout" + at,
                  [size](benchmark::State &s) { run_arena(s, size, size, ARENA_CLEAR_ON_HANDOUT, 0); });
        bench_add("W8/libarena-handout-16K" + at,
                  [size](benchmark::State &s) { run_arena(s, size, piece, ARENA_CLEAR_ON_HANDOUT, 0); });
        bench_add("W8/libarena-never" + at,
                  [size](benchmark::State &s) { run_arena(s, size, size, ARENA_CLEAR_NEVER, 0); });
        if (size >= huge)
            bench_add("W8/libarena-reset-huge" + at, [size](benchmark::State &s) {
                run_arena(s, size, size, ARENA_CLEAR_ON_RESET, ARENA_HUGE_PAGES);
            });
        bench_add("W8/calloc" + at, [size](benchmark::State &s) { run_calloc(s, size, glibc_calls); });
        for (auto name : {"mimalloc", "jemalloc", "tcmalloc"})
            if (mallocs_load(name))
                bench_add(std::string("W8/") + name + "-calloc" + at,
                          [size, name](benchmark::State &s) { run_calloc(s, size, mallocs_calls(name)); });
    }
}
BENCH_REGISTER(add);

} // namespace
