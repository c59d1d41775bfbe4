/* SPDX-License-Identifier: MIT */
/* What every benchmark shares: the escape that defeats dead-code elimination, the counting of operations, and the
 * one place where a benchmark that reads back wrong values is failed instead of timed.
 *
 * Names are "<workload>/<contender>[/<parameter>]"; report.py groups by the first part, compares within it, and reads
 * the parameter as a size, a count or a number of threads.  The cost of one operation is 1 / items_per_second.
 */
#ifndef BENCH_BENCH_HPP
#define BENCH_BENCH_HPP

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#define BENCH_INLINE inline __attribute__((always_inline))
#define BENCH_NOINLINE __attribute__((noinline))

/* The compiler must assume that `pointer` is used, and all memory that has escaped is read and written. */
template <class T> BENCH_INLINE void keep(T *pointer) { __asm__ volatile("" : : "r"(pointer) : "memory"); }

[[noreturn]] inline void bench_die(const char *what) {
    std::fprintf(stderr, "benchmark: %s\n", what);
    std::abort();
}

template <class T> BENCH_INLINE T *must(T *pointer, const char *what) {
    if (__builtin_expect(pointer == nullptr, 0)) bench_die(what);
    return pointer;
}

/* The 32-byte value of W5s. */
struct item32 {
    int64_t a, b, c, d;
};

/* The value that belongs to a number, and back: what verification compares. */
template <class T> struct value_of;
template <> struct value_of<int64_t> {
    static BENCH_INLINE int64_t make(int64_t i) { return i; }
    static BENCH_INLINE int64_t sum(const int64_t &v) { return v; }
};
template <> struct value_of<item32> {
    static BENCH_INLINE item32 make(int64_t i) { return {i, i + 1, i + 2, i + 3}; }
    static BENCH_INLINE int64_t sum(const item32 &v) { return v.a + (v.b - 1) + (v.c - 2) + (v.d - 3); }
};

/* quick (the default) or full: how far the sweeps go. */
bool bench_full();

void bench_progress();

/* A contender's registration runs at start-up, in the order of the link; main sorts nothing. */
struct registrar {
    explicit registrar(void (*run)());
};
#define BENCH_REGISTER(function) static registrar function##_registrar(function)

/* Single-threaded benchmarks are timed by the thread's processor time: time that another process had the core is not
 * the contender's.  Those of several threads are timed by the wall (team.hpp). */
template <class F> benchmark::internal::Benchmark *bench_add(const std::string &name, F function) {
    return benchmark::RegisterBenchmark(name.c_str(), [function](benchmark::State &state) {
        function(state);
        bench_progress();
    });
}

inline void bench_verify(benchmark::State &state, bool right) {
    if (!right) state.SkipWithError("the values read back are not those that were stored");
}

#endif
