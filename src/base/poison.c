/* SPDX-License-Identifier: MIT */
/* Asks which memory checker is there, and tells it.  See poison.h. */
#include "base/poison.h"

#ifdef HAVE_VALGRIND
#include <valgrind/memcheck.h>
#endif

void __asan_poison_memory_region(const volatile void *start, size_t size_bytes) __attribute__((weak));
void __asan_unpoison_memory_region(const volatile void *start, size_t size_bytes) __attribute__((weak));

void __msan_poison(const volatile void *start, size_t size_bytes) __attribute__((weak));
void __lsan_register_root_region(const void *start, size_t size_bytes) __attribute__((weak));
void __lsan_unregister_root_region(const void *start, size_t size_bytes) __attribute__((weak));

static bool on_valgrind(void) {
#ifdef HAVE_VALGRIND
    return RUNNING_ON_VALGRIND != 0;
#else
    return false;
#endif
}

bool poison_active(void) {
#ifdef ARENA_NO_POISON /* a build of tests/fuzz: marks would hide the library's own mistakes from the memory checker   \
                        */
    return false;
#endif
    return (__asan_poison_memory_region != NULL && __asan_unpoison_memory_region != NULL) || __msan_unpoison != NULL ||
           __lsan_register_root_region != NULL || on_valgrind();
}

void poison_set(const void *start, size_t size_bytes) {
    if (__asan_poison_memory_region != NULL) __asan_poison_memory_region(start, size_bytes);
    if (__msan_poison != NULL) __msan_poison(start, size_bytes);
#ifdef HAVE_VALGRIND
    VALGRIND_MAKE_MEM_NOACCESS(start, size_bytes);
#endif
}

void poison_clear(const void *start, size_t size_bytes) {
    if (__asan_unpoison_memory_region != NULL) __asan_unpoison_memory_region(start, size_bytes);
    if (__msan_unpoison != NULL) __msan_unpoison(start, size_bytes);
#ifdef HAVE_VALGRIND
    VALGRIND_MAKE_MEM_DEFINED(start, size_bytes);
#endif
}

void poison_clear_undefined(const void *start, size_t size_bytes) {
    if (__asan_unpoison_memory_region != NULL) __asan_unpoison_memory_region(start, size_bytes);
    poison_written(start, size_bytes); /* it would take values and texts that the library puts there for unwritten */
#ifdef HAVE_VALGRIND
    VALGRIND_MAKE_MEM_UNDEFINED(start, size_bytes);
#endif
}

void poison_root(const void *start, const void *end) {
    if (__lsan_register_root_region == NULL) return;
    __lsan_register_root_region(start, (size_t)((const char *)end - (const char *)start));
}

void poison_unroot(const void *start, const void *end) {
    if (__lsan_unregister_root_region == NULL) return;
    __lsan_unregister_root_region(start, (size_t)((const char *)end - (const char *)start));
}
