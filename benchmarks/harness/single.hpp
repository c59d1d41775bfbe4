/* SPDX-License-Identifier: MIT */
/* Workloads of one thread, W1 to W5s, and the Go project's own: the same template for every contender.
 *
 * A contender is a class with static members, for one element type T:
 *
 *   using handle                      a pointer, so that what it points to is reloaded as in a program
 *   static constexpr bool mixed       can slabs of different sizes follow each other?
 *   handle make(count, slab)          room for `count` elements, in slabs of `slab` elements each
 *   auto begin(handle), end(handle, session)      what lives in registers over a run of puts; mostly the handle itself
 *   T *put(session, i, value)         the i-th allocation since the reset, with its value stored
 *   T *slab(handle, i, count)         the i-th slab since the reset, not yet written
 *   void reset(handle, n)             take all n allocations back
 *   void drop(handle)
 *
 * The loops are not inlined into the timing loop, so that each contender's is compiled alone.
 */
#ifndef BENCH_SINGLE_HPP
#define BENCH_SINGLE_HPP

#include "bench.hpp"

/* What most contenders share: no session but the handle. */
template <class Handle> struct plain_session {
    using handle = Handle;
    static constexpr bool mixed = true;
    static BENCH_INLINE Handle begin(Handle h) { return h; }
    static BENCH_INLINE void end(Handle, Handle &) {}
};

/* Sizes of W4s, in words of 8 bytes: 8 to 256 bytes, each as often as the others, in a fixed random order. */
inline const std::vector<uint32_t> &mixed_words() {
    static const std::vector<uint32_t> words = [] {
        std::vector<uint32_t> w(1000);
        uint64_t state = 88172645463325252u;
        for (auto &word : w) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            word = 1 + static_cast<uint32_t>((state >> 33) % 32);
        }
        return w;
    }();
    return words;
}

template <class A, class T> BENCH_NOINLINE void put_epoch(typename A::handle h, size_t n, int64_t seed) {
    {
        auto session = A::begin(h);
        for (size_t i = 0; i < n; i++) keep(A::put(session, i, value_of<T>::make(seed + static_cast<int64_t>(i))));
        A::end(h, session);
    }
    A::reset(h, n);
}

template <class A> BENCH_NOINLINE void slab_epoch(typename A::handle h, size_t slabs, size_t count, int64_t seed) {
    for (size_t i = 0; i < slabs; i++) {
        int64_t *slab = A::slab(h, i, count);
        for (size_t j = 0; j < count; j++) slab[j] = seed + static_cast<int64_t>(j);
        keep(slab);
    }
    A::reset(h, slabs);
}

template <class A>
BENCH_NOINLINE void mixed_epoch(typename A::handle h, const uint32_t *words, size_t n, int64_t seed) {
    for (size_t i = 0; i < n; i++) {
        int64_t *slab = A::slab(h, i, words[i]);
        slab[0] = seed + static_cast<int64_t>(i);
        keep(slab);
    }
    A::reset(h, n);
}

/* One untimed epoch whose values are all read back at its end. */
template <class A, class T> bool put_right(typename A::handle h, size_t n, int64_t seed) {
    std::vector<T *> at(n);
    {
        auto session = A::begin(h);
        for (size_t i = 0; i < n; i++) at[i] = A::put(session, i, value_of<T>::make(seed + static_cast<int64_t>(i)));
        A::end(h, session);
    }
    bool right = true;
    for (size_t i = 0; i < n; i++)
        right = right && at[i] != nullptr &&
                value_of<T>::sum(*at[i]) == value_of<T>::sum(value_of<T>::make(seed + static_cast<int64_t>(i)));
    A::reset(h, n);
    return right;
}

/* Full slabs (count != 0) or those of W4s: first and last word of each are read back. */
template <class A> bool slab_right(typename A::handle h, size_t n, size_t count, int64_t seed) {
    std::vector<int64_t *> at(n);
    for (size_t i = 0; i < n; i++) {
        size_t words = count != 0 ? count : mixed_words()[i];
        at[i] = A::slab(h, i, words);
        at[i][words - 1] = -1;
        at[i][0] = seed + static_cast<int64_t>(i);
    }
    bool right = true;
    for (size_t i = 0; i < n; i++) {
        size_t words = count != 0 ? count : mixed_words()[i];
        right = right && at[i][0] == seed + static_cast<int64_t>(i) && (words == 1 || at[i][words - 1] == -1);
    }
    A::reset(h, n);
    return right;
}

template <class A, class T> void run_put(benchmark::State &state, size_t n) {
    auto h = A::make(n, 1);
    bench_verify(state, put_right<A, T>(h, n, 7));
    int64_t seed = 1;
    for (auto _ : state) put_epoch<A, T>(h, n, seed++);
    state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * static_cast<int64_t>(n));
    bench_verify(state, put_right<A, T>(h, n, 11));
    A::drop(h);
}

template <class A> void run_slab(benchmark::State &state, size_t slabs, size_t count) {
    auto h = A::make(slabs * count, count);
    bench_verify(state, slab_right<A>(h, slabs, count, 7));
    int64_t seed = 1;
    for (auto _ : state) slab_epoch<A>(h, slabs, count, seed++);
    state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * static_cast<int64_t>(slabs));
    bench_verify(state, slab_right<A>(h, slabs, count, 11));
    A::drop(h);
}

template <class A> void run_mixed(benchmark::State &state) {
    const auto &words = mixed_words();
    auto h = A::make(words.size() * 32, 32);
    bench_verify(state, slab_right<A>(h, words.size(), 0, 7));
    int64_t seed = 1;
    for (auto _ : state) mixed_epoch<A>(h, words.data(), words.size(), seed++);
    state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * static_cast<int64_t>(words.size()));
    bench_verify(state, slab_right<A>(h, words.size(), 0, 11));
    A::drop(h);
}

/* W1, W2, W5s: what stores single values.  A is a template over the element type. */
template <template <class> class A> void add_puts(const std::string &name) {
    bench_add("W1/" + name, [](benchmark::State &s) { run_put<A<int64_t>, int64_t>(s, 1000000); });
    bench_add("W2/" + name, [](benchmark::State &s) { run_put<A<int64_t>, int64_t>(s, 1024); });
    bench_add("W5s/" + name, [](benchmark::State &s) { run_put<A<item32>, item32>(s, 1000); });
    /* The Go project's reset-heavy reuse, and its repeated batches, which double as the growth of the cost. */
    bench_add("reuse/" + name, [](benchmark::State &s) { run_put<A<int64_t>, int64_t>(s, 16); });
}

template <template <class> class A> void add_batches(const std::string &name) {
    const size_t last = bench_full() ? size_t{1} << 27 : size_t{1} << 20;
    for (size_t n = 1024; n <= last; n *= bench_full() ? size_t{4} : size_t{32}) {
        bench_add("batch/" + name + "/" + std::to_string(n),
                  [n](benchmark::State &s) { run_put<A<int64_t>, int64_t>(s, n); });
        if (bench_full() && n == size_t{1} << 26)
            bench_add("batch/" + name + "/" + std::to_string(n * 2),
                      [n](benchmark::State &s) { run_put<A<int64_t>, int64_t>(s, n * 2); });
    }
}

/* W3, W4s and the Go project's heap slice against slab. */
template <template <class> class A> void add_slabs(const std::string &name) {
    bench_add("W3/" + name, [](benchmark::State &s) { run_slab<A<int64_t>>(s, 1024, 64); });
    if constexpr (A<int64_t>::mixed) bench_add("W4s/" + name, [](benchmark::State &s) { run_mixed<A<int64_t>>(s); });
    for (size_t count : {size_t{4}, size_t{16}, size_t{256}, size_t{1024}})
        bench_add("slab/" + name + "/" + std::to_string(count),
                  [count](benchmark::State &s) { run_slab<A<int64_t>>(s, 4096 / count, count); });
}

#endif
