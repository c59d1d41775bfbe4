/* SPDX-License-Identifier: MIT */
/* What is done once per arena or request and not once per element: creating arenas of any capacity, and finding an
 * arena in a context.
 */
#include "../harness/bench.hpp"

#include <arena/arena.h>

#include <sys/mman.h>

namespace {

/* Bytes of this process in memory now. */
long resident_bytes() {
    FILE *file = fopen("/proc/self/statm", "r");
    long total = 0, resident = 0;
    if (file == nullptr) return 0;
    if (fscanf(file, "%ld %ld", &total, &resident) != 2) resident = 0;
    fclose(file);
    return resident * 4096;
}

void run_create(benchmark::State &state, size_t size_bytes) {
    const arena_type type = {"byte", 1, 1, nullptr};
    struct arena *arena;
    long before = resident_bytes();
    if (arena_create(&type, size_bytes, &arena) != ARENA_OK) {
        state.SkipWithError("this system does not reserve that much");
        return;
    }
    *static_cast<char *>(arena_alloc(arena, nullptr)) = 1;
    state.counters["resident_bytes"] = static_cast<double>(resident_bytes() - before);
    bench_verify(state, arena_cap(arena) == size_bytes && arena_used(arena) == 1);
    arena_destroy(arena);
    for (auto _ : state) {
        (void)!arena_create(&type, size_bytes, &arena);
        keep(arena);
        arena_destroy(arena);
    }
    state.SetItemsProcessed(static_cast<int64_t>(state.iterations()));
}

/* The floor: the system calls alone. */
void run_mmap(benchmark::State &state, size_t size_bytes) {
    for (auto _ : state) {
        void *memory = mmap(nullptr, size_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        keep(memory);
        munmap(memory, size_bytes);
    }
    state.SetItemsProcessed(static_cast<int64_t>(state.iterations()));
}

/* The arena looked for was injected first; `depth` others, each of a type of its own, lie above it. */
void run_extract(benchmark::State &state, size_t depth) {
    std::vector<std::string> names;
    for (size_t i = 0; i <= depth; i++) names.push_back("type_number_" + std::to_string(i));
    std::vector<struct arena *> arenas(depth + 1);
    struct arena_context *context = nullptr;
    const arena_type wanted = {names[0].c_str(), 8, 8, nullptr};
    for (size_t i = 0; i <= depth; i++) {
        arena_type type = {names[i].c_str(), 8, 8, nullptr};
        struct arena_context *child;
        if (arena_create(&type, 1, &arenas[i]) != ARENA_OK || arena_inject(context, arenas[i], &child) != ARENA_OK)
            bench_die("no context");
        arena_context_release(context);
        context = child;
    }
    struct arena *found = nullptr;
    for (auto _ : state) {
        (void)!arena_extract(context, &wanted, &found);
        keep(found);
    }
    state.SetItemsProcessed(static_cast<int64_t>(state.iterations()));
    bench_verify(state, found == arenas[0]);
    arena_context_release(context);
    for (auto *arena : arenas) arena_destroy(arena);
}

/* The same with the wanted arena injected last. */
void run_extract_near(benchmark::State &state) { run_extract(state, 0); }

void add() {
    for (int bits : {10, 20, 30, 40}) {
        size_t size = size_t{1} << bits;
        bench_add("create/libarena/" + std::to_string(size), [size](benchmark::State &s) { run_create(s, size); });
        bench_add("create/floor-mmap/" + std::to_string(size), [size](benchmark::State &s) { run_mmap(s, size); });
    }
    bench_add("extract/libarena/1", run_extract_near);
    for (size_t depth : {size_t{4}, size_t{16}, size_t{64}, size_t{256}})
        bench_add("extract/libarena/" + std::to_string(depth), [depth](benchmark::State &s) { run_extract(s, depth); });
}
BENCH_REGISTER(add);

} // namespace
