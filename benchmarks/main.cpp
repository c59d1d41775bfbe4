/* SPDX-License-Identifier: MIT */
/* Registers every contender, runs Google Benchmark, and tells the report what it ran on.
 *
 * The allocators that replace malloc are loaded with dlopen (contenders/mallocs.cpp), and some of them need more room
 * for thread-locals than the loader keeps in reserve: the program starts itself again with that room asked for.
 *
 * BENCH_LENGTH=full in the environment: the long sweeps.  --memory=NAME: one contender of memory.cpp, in this process.
 */
#include "harness/bench.hpp"

#include <cstring>

#include <unistd.h>

#include <arena/version.h>

bool bench_full() {
    static const bool full = [] {
        const char *length = getenv("BENCH_LENGTH");
        return length != nullptr && strcmp(length, "full") == 0;
    }();
    return full;
}

namespace {

std::vector<void (*)()> &registrations() {
    static std::vector<void (*)()> list;
    return list;
}

void want_room_for_thread_locals(char **argv) {
    const char *name = "GLIBC_TUNABLES";
    if (getenv(name) != nullptr) return;
    setenv(name, "glibc.rtld.optional_static_tls=65536", 1);
    execv("/proc/self/exe", argv);
}

} // namespace

/* Progress, for a person at a terminal, which run.sh gives as file 3: some BENCH_EXPECTED runs are to come. */
void bench_progress() {
    static const long expected = getenv("BENCH_EXPECTED") != nullptr ? atol(getenv("BENCH_EXPECTED")) : 0;
    static const bool shown = expected > 0 && isatty(3);
    static long runs, last = -1;
    if (!shown) return;
    long percent = ++runs * 100 / expected;
    if (percent > 99) percent = 99;
    if (percent == last) return;
    last = percent;
    dprintf(3, "%2ld %%\b\b\b\b", percent);
}

registrar::registrar(void (*run)()) { registrations().push_back(run); }

int bench_memory(const char *name); /* workloads/memory.cpp */

int main(int argc, char **argv) {
    want_room_for_thread_locals(argv);
    if (argc > 1 && strncmp(argv[1], "--memory=", 9) == 0) return bench_memory(argv[1] + 9);
    for (auto run : registrations()) run();
    benchmark::AddCustomContext("compiler", BENCH_COMPILER);
    benchmark::AddCustomContext("flags", BENCH_FLAGS);
    benchmark::AddCustomContext("library_build", BENCH_LIBRARY_BUILD);
    benchmark::AddCustomContext("contenders", BENCH_CONTENDERS);
    benchmark::AddCustomContext("left_out", BENCH_LEFT_OUT);
    benchmark::AddCustomContext("libarena", ARENA_VERSION_STRING);
    benchmark::AddCustomContext("length", bench_full() ? "full" : "quick");
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    return 0;
}
