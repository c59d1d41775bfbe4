/* SPDX-License-Identifier: MIT */
/* The general-purpose allocators, each by its own entry points.
 *
 * mimalloc, jemalloc and tcmalloc replace malloc for the whole program when they are linked, and only one of them can.
 * So none is linked: each is loaded into its own scope (RTLD_LOCAL), bound to itself (RTLD_DEEPBIND), and called
 * through pointers looked up once, which costs what a call into any shared library does.
 */
#ifndef BENCH_MALLOCS_HPP
#define BENCH_MALLOCS_HPP

#include "../harness/bench.hpp"

#include <string>

struct malloc_calls {
    void *(*allocate)(size_t);
    void (*release)(void *);
    void *(*zeroed)(size_t, size_t);
};

struct mimalloc_heap_calls {
    void *(*create)(void);
    void (*destroy)(void *);
    void *(*allocate)(void *, size_t);
};

extern malloc_calls glibc_calls, mimalloc_calls, jemalloc_calls, tcmalloc_calls;
extern mimalloc_heap_calls mimalloc_heap;

/* Loads the library if need be.  false: it is not here, or not what it was at configure time. */
bool mallocs_load(const std::string &name);

inline const malloc_calls &mallocs_calls(const std::string &name) {
    if (name == "mimalloc") return mimalloc_calls;
    if (name == "jemalloc") return jemalloc_calls;
    if (name == "tcmalloc") return tcmalloc_calls;
    return glibc_calls;
}

#endif
