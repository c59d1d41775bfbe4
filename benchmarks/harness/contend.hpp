/* SPDX-License-Identifier: MIT */
/* W6: T threads, one shared arena, one int64 each.  A round makes 2^20 allocations, shared out evenly, in an arena of
 * exactly that capacity.  "W6" times the allocations alone; "W6reset" the round with its reset, or with its frees by
 * the threads that allocated, as one would pay them.
 *
 * A contender is a class with:
 *   using shared; shared *make(size_t count); void drop(shared *)
 *   using local = a pointer; local begin(shared *, unsigned id, size_t count); void end(local)    on the thread itself
 *   int64_t *put(local, size_t i, int64_t v)
 *   int64_t *slab(local, size_t i, size_t count)
 *   static constexpr bool own_reset     true: every thread takes its own back (reset_own); false: one does (reset_all)
 *   void reset_own(local, size_t n), void reset_all(shared *)
 */
#ifndef BENCH_CONTEND_HPP
#define BENCH_CONTEND_HPP

#include "bench.hpp"
#include "team.hpp"

enum class contend_time { alone, with_reset };

template <class A> BENCH_NOINLINE void contend_epoch(typename A::local local, size_t n, int64_t seed) {
    for (size_t i = 0; i < n; i++) keep(A::put(local, i, seed + static_cast<int64_t>(i)));
}
template <class A>
BENCH_NOINLINE void contend_slab_epoch(typename A::local local, size_t n, size_t count, int64_t seed) {
    for (size_t i = 0; i < n; i++) {
        int64_t *slab = A::slab(local, i, count);
        for (size_t j = 0; j < count; j++) slab[j] = seed + static_cast<int64_t>(j);
        keep(slab);
    }
}

/* One thread's part, read back: every slot still holds what its thread stored, so no two threads got the same. */
template <class A>
int64_t contend_checked(typename A::local local, std::vector<int64_t *> &at, size_t n, size_t count, int64_t seed) {
    at.resize(n);
    for (size_t i = 0; i < n; i++) {
        at[i] = count == 0 ? A::put(local, i, 0) : A::slab(local, i, count);
        for (size_t j = 0; j < (count == 0 ? 1 : count); j++) at[i][j] = seed + static_cast<int64_t>(i + j);
    }
    return 0;
}
inline bool contend_read(const std::vector<int64_t *> &at, size_t count, int64_t seed) {
    for (size_t i = 0; i < at.size(); i++)
        for (size_t j = 0; j < (count == 0 ? 1 : count); j++)
            if (at[i][j] != seed + static_cast<int64_t>(i + j)) return false;
    return true;
}

/* count 0: single values; else slabs of `count`. */
template <class A> void run_contended(benchmark::State &state, unsigned threads, size_t count, contend_time what) {
    const size_t total = count == 0 ? size_t{1} << 20 : (size_t{1} << 20) / 64;
    const size_t each = total / threads;
    auto *shared = A::make(count == 0 ? total : total * count);
    bool right = true;
    {
        team workers(threads);
        std::vector<typename A::local> locals(threads);
        auto reset = [&] {
            if (!A::own_reset) A::reset_all(shared);
        };
        std::vector<std::vector<int64_t *>> at(threads);
        auto check = [&] {
            workers.round([&](unsigned id) {
                contend_checked<A>(locals[id], at[id], each, count, static_cast<int64_t>(id) << 40);
            });
            for (unsigned id = 0; id < threads; id++)
                right = right && contend_read(at[id], count, static_cast<int64_t>(id) << 40);
            if (A::own_reset) workers.round([&](unsigned id) { A::reset_own(locals[id], each); });
            reset();
        };
        workers.round([&](unsigned id) { locals[id] = A::begin(shared, id, each); });
        check();
        auto round = [&] {
            int64_t ns = workers.round([&](unsigned id) {
                if (count == 0)
                    contend_epoch<A>(locals[id], each, 1);
                else
                    contend_slab_epoch<A>(locals[id], each, count, 1);
                if (what == contend_time::with_reset && A::own_reset) A::reset_own(locals[id], each);
            });
            if (what != contend_time::with_reset && A::own_reset)
                workers.round([&](unsigned id) { A::reset_own(locals[id], each); });
            int64_t start = wall_now();
            reset();
            if (what == contend_time::with_reset && !A::own_reset) ns += wall_now() - start;
            return ns;
        };
        for (auto _ : state) state.SetIterationTime(static_cast<double>(typical_round(round)) * 1e-9);
        check();
        workers.round([&](unsigned id) { A::end(locals[id]); });
    }
    state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * static_cast<int64_t>(each * threads));
    bench_verify(state, right);
    A::drop(shared);
}

/* `alone`: contenders that only make sense with one thread, such as Y. */
template <class A> void add_contended(const std::string &name, bool alone = false) {
    std::vector<unsigned> counts = {1, 2, 4, 8};
    if (bench_full()) counts = {1, 2, 4, 8, 16, 32, 64};
    if (alone) counts = {1};
    for (unsigned threads : counts) {
        auto suffix = name + "/" + std::to_string(threads);
        bench_add("W6/" + suffix, [threads](benchmark::State &s) {
            run_contended<A>(s, threads, 0, contend_time::alone);
        })->UseManualTime();
        if (threads > 8) continue;
        if (bench_full() || threads <= 2)
            bench_add("W6reset/" + suffix, [threads](benchmark::State &s) {
                run_contended<A>(s, threads, 0, contend_time::with_reset);
            })->UseManualTime();
        if (bench_full() || threads <= 2)
            bench_add("W6slab/" + suffix, [threads](benchmark::State &s) {
                run_contended<A>(s, threads, 4, contend_time::with_reset);
            })->UseManualTime();
    }
}

#endif
