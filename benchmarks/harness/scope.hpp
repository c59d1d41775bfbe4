/* SPDX-License-Identifier: MIT */
/* W7: one scope.  Get a scratch arena, one value and a slab of four, reset, give back.
 *
 * A contender is a class with:
 *   using shared = ...;  shared *make(); void drop(shared *)      what all threads use; made once
 *   using local = a pointer; local begin(shared *); void end(local)     what one thread prepares once
 *   static void scope(local, int64_t v)    one scope: stores v, and v+1 .. v+4 into the slab, and gives both to use()
 *
 * use() takes the pointers where the scope ends; in the checked run it reads them back.
 */
#ifndef BENCH_SCOPE_HPP
#define BENCH_SCOPE_HPP

#include "bench.hpp"
#include "team.hpp"

struct scope_use {
    static BENCH_INLINE void take(int64_t *value, int64_t *slab) {
        keep(value);
        keep(slab);
    }
};
struct scope_check {
    static inline thread_local int64_t sum;
    static BENCH_INLINE void take(int64_t *value, int64_t *slab) {
        keep(value);
        keep(slab);
        sum += *value + slab[0] + slab[1] + slab[2] + slab[3];
    }
};

template <class Use> BENCH_INLINE void scope_fill(int64_t *value, int64_t *slab, int64_t v) {
    *value = v;
    for (int64_t i = 0; i < 4; i++) slab[i] = v + 1 + i;
    Use::take(value, slab);
}

template <class A, class Use> BENCH_NOINLINE void scope_epoch(typename A::local local, size_t n, int64_t seed) {
    for (size_t i = 0; i < n; i++) A::template scope<Use>(local, seed + static_cast<int64_t>(i));
}

template <class A> bool scope_right(typename A::local local) {
    int64_t expected = 0;
    for (int64_t i = 0; i < 100; i++) expected += 5 * (i + 3) + 10;
    scope_check::sum = 0;
    scope_epoch<A, scope_check>(local, 100, 3);
    return scope_check::sum == expected;
}

/* The cost of a scope to the thread that runs it: the wall time of a round over the scopes of one thread. */
template <class A> void run_scopes(benchmark::State &state, unsigned threads) {
    const size_t per_round = 100000;
    auto *shared = A::make();
    std::atomic<unsigned> wrong{0};
    {
        team workers(threads);
        std::vector<typename A::local> locals(threads);
        workers.round([&](unsigned id) {
            locals[id] = A::begin(shared);
            if (!scope_right<A>(locals[id])) wrong.fetch_add(1);
        });
        int64_t seed = 1;
        for (auto _ : state) {
            int64_t ns = typical_round([&] {
                return workers.round([&](unsigned id) { scope_epoch<A, scope_use>(locals[id], per_round, seed); });
            });
            state.SetIterationTime(static_cast<double>(ns) * 1e-9);
            seed++;
        }
        workers.round([&](unsigned id) {
            if (!scope_right<A>(locals[id])) wrong.fetch_add(1);
            A::end(locals[id]);
        });
    }
    state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * static_cast<int64_t>(per_round));
    bench_verify(state, wrong.load() == 0);
    A::drop(shared);
}

template <class A> void add_scopes(const std::string &name) {
    std::vector<unsigned> counts = {1, 2};
    if (bench_full()) counts = {1, 2, 4, 8, 16, 32, 64};
    for (unsigned threads : counts)
        bench_add("W7/" + name + "/" + std::to_string(threads), [threads](benchmark::State &s) {
            run_scopes<A>(s, threads);
        })->UseManualTime();
}

/* What contenders without shared parts derive from. */
struct scope_unshared {
    struct shared {};
    static shared *make() { return nullptr; }
    static void drop(shared *) {}
};

#endif
