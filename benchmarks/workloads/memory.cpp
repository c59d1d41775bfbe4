/* SPDX-License-Identifier: MIT */
/* Memory pressure, told as page faults and peak memory: the Go project tells it as the collector's work.
 *
 * Each contender runs in a process of its own (--memory=NAME): 200 rounds of 100,000 values of 32 bytes, all alive
 * together, all taken back at the round's end.  One line of JSON: faults, peak resident bytes beyond the start's, and
 * nanoseconds per value.
 */
#include "../contenders/mallocs.hpp"
#include "../harness/bench.hpp"
#include "../harness/team.hpp"
#include "../harness/yardstick.hpp"

#include <arena/arena.h>

#include <sys/resource.h>

ARENA_DEFINE(memory_item, item32)

namespace {

constexpr size_t rounds = 200, values = 100000;

template <class Put, class Reset> int measure(const char *name, Put put, Reset reset) {
    std::vector<item32 *> at(values, nullptr);
    rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    int64_t start = wall_now();
    bool right = true;
    for (size_t round = 0; round < rounds; round++) {
        for (size_t i = 0; i < values; i++) at[i] = put(value_of<item32>::make(static_cast<int64_t>(round + i)));
        for (size_t i = 0; i < values; i += 997) right = right && at[i]->a == static_cast<int64_t>(round + i);
        reset(at);
    }
    int64_t ns = wall_now() - start;
    getrusage(RUSAGE_SELF, &after);
    std::printf("{\"name\": \"%s\", \"right\": %s, \"minor_faults\": %ld, \"major_faults\": %ld, "
                "\"peak_bytes\": %ld, \"ns_per_value\": %.3f}\n",
                name, right ? "true" : "false", after.ru_minflt - before.ru_minflt, after.ru_majflt - before.ru_majflt,
                (after.ru_maxrss - before.ru_maxrss) * 1024,
                static_cast<double>(ns) / static_cast<double>(rounds * values));
    return right ? 0 : 1;
}

int measure_malloc(const char *name, const malloc_calls &calls) {
    return measure(
        name,
        [&](const item32 &v) {
            auto *slot = static_cast<item32 *>(calls.allocate(sizeof v));
            *slot = v;
            return slot;
        },
        [&](std::vector<item32 *> &at) {
            for (auto *slot : at) calls.release(slot);
        });
}

int measure_arena(const char *name, arena_clear clear, bool trim, bool anew) {
    arena_options options{};
    options.struct_size = sizeof options;
    options.clear = clear;
    struct memory_item *arena = must(memory_item_create_with(values, &options), "no arena");
    return measure(
        name, [&](const item32 &v) { return memory_item_alloc(arena, v); },
        [&](std::vector<item32 *> &) {
            memory_item_reset(arena);
            if (trim) memory_item_trim(arena);
            if (!anew) return;
            memory_item_destroy(arena);
            arena = must(memory_item_create_with(values, &options), "no arena");
        });
}

int measure_yardstick(const char *name) {
    yardstick *y = yardstick_create(values * sizeof(item32));
    return measure(
        name,
        [&](const item32 &v) {
            auto *slot = static_cast<item32 *>(yardstick_take(y, sizeof v));
            *slot = v;
            return slot;
        },
        [&](std::vector<item32 *> &) { yardstick_reset<true>(y); });
}

} // namespace

/* "list": the names, a line each. */
int bench_memory(const char *wanted) {
    const std::string name = wanted;
    if (name == "list") {
        std::puts("Yz\nlibarena-reset\nlibarena-handout\nlibarena-reset-and-trim\nlibarena-new-each-round\nmalloc");
        for (auto allocator : {"mimalloc", "jemalloc", "tcmalloc"})
            if (mallocs_load(allocator)) std::puts(allocator);
        return 0;
    }
    if (name == "Yz") return measure_yardstick(wanted);
    if (name == "libarena-reset") return measure_arena(wanted, ARENA_CLEAR_ON_RESET, false, false);
    if (name == "libarena-handout") return measure_arena(wanted, ARENA_CLEAR_ON_HANDOUT, false, false);
    if (name == "libarena-reset-and-trim") return measure_arena(wanted, ARENA_CLEAR_ON_RESET, true, false);
    if (name == "libarena-new-each-round") return measure_arena(wanted, ARENA_CLEAR_ON_RESET, false, true);
    if (!mallocs_load(name)) return 1;
    return measure_malloc(wanted, mallocs_calls(name));
}
