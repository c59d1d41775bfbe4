/* SPDX-License-Identifier: MIT */
#include "inject.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

static enum inject_mode mode;
static unsigned first_to_fail;
static bool old_kernel;
static atomic_int paused;
static _Thread_local bool here;
static _Atomic(pthread_key_t) library_key;
static atomic_bool library_key_made;
static atomic_uint calls;
static atomic_uint failures;
static _Atomic(const char *) first;
static atomic_long blocks;
static atomic_long mappings;
static atomic_uint mapped;
static atomic_long mutexes;
static atomic_long conditions;

void inject_arm(enum inject_mode new_mode, unsigned at) {
    mode = new_mode;
    first_to_fail = at;
    calls = 0;
    failures = 0;
    first = NULL;
}

void inject_thread(void) { here = true; }
void inject_pause(void) { paused++; }
void inject_resume(void) { paused--; }
unsigned inject_calls(void) { return calls; }
unsigned inject_mapped(void) { return mapped; }
unsigned inject_failures(void) { return failures; }
const char *inject_first(void) { return first; }
void inject_old_kernel(bool old) { old_kernel = old; }

struct inject_live inject_live(void) {
    return (struct inject_live){blocks, mappings, mutexes, conditions};
}

/* Is this call to fail? */
static bool fails(const char *function) {
    if (mode == INJECT_NEVER || paused != 0 || !here) return false;
    unsigned number = ++calls;
    if (mode == INJECT_ONCE ? number != first_to_fail : number < first_to_fail) return false;
    const char *none = NULL;
    (void)atomic_compare_exchange_strong(&first, &none, function);
    failures++;
    return true;
}

/* --- the heap ----------------------------------------------------------------------------------------------------- */

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__wrap_realloc(void *block, size_t size);
void *__real_aligned_alloc(size_t align, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size);
void __real_free(void *block);
void __wrap_free(void *block);

static void *made_block(void *block) {
    if (block != NULL) blocks++;
    return block;
}

static void *no_memory(void) {
    errno = ENOMEM;
    return NULL;
}

void *__wrap_malloc(size_t size) { return fails("malloc") ? no_memory() : made_block(__real_malloc(size)); }
void *__wrap_calloc(size_t count, size_t size) {
    return fails("calloc") ? no_memory() : made_block(__real_calloc(count, size));
}
void *__wrap_realloc(void *block, size_t size) {
    if (fails("realloc")) return no_memory();
    void *larger = __real_realloc(block, size);
    return block == NULL ? made_block(larger) : larger;
}
void *__wrap_aligned_alloc(size_t align, size_t size) {
    return fails("aligned_alloc") ? no_memory() : made_block(__real_aligned_alloc(align, size));
}
void __wrap_free(void *block) {
    if (block != NULL) blocks--;
    __real_free(block);
}

/* --- pages -------------------------------------------------------------------------------------------------------- */

void *__real_mmap(void *start, size_t size, int protection, int flags, int file, off_t offset);
void *__wrap_mmap(void *start, size_t size, int protection, int flags, int file, off_t offset);
#ifdef __GLIBC__
/* The same function, under the name that -D_FILE_OFFSET_BITS=64 gives it. */
void *__real_mmap64(void *start, size_t size, int protection, int flags, int file, off_t offset);
void *__wrap_mmap64(void *start, size_t size, int protection, int flags, int file, off_t offset);
#endif
int __real_munmap(void *start, size_t size);
int __wrap_munmap(void *start, size_t size);
int __real_madvise(void *start, size_t size, int advice);
int __wrap_madvise(void *start, size_t size, int advice);

static void *made_mapping(void *made, int flags) {
    if (made == MAP_FAILED || (flags & MAP_FIXED) != 0) return made;
    mappings++;
    mapped++;
    return made;
}

static void *no_pages(void) {
    errno = ENOMEM;
    return MAP_FAILED;
}

void *__wrap_mmap(void *start, size_t size, int protection, int flags, int file, off_t offset) {
    return fails("mmap") ? no_pages() : made_mapping(__real_mmap(start, size, protection, flags, file, offset), flags);
}

#ifdef __GLIBC__
void *__wrap_mmap64(void *start, size_t size, int protection, int flags, int file, off_t offset) {
    return fails("mmap") ? no_pages()
                         : made_mapping(__real_mmap64(start, size, protection, flags, file, offset), flags);
}
#endif

int __wrap_munmap(void *start, size_t size) {
    mappings--;
    return __real_munmap(start, size);
}

int __wrap_madvise(void *start, size_t size, int advice) {
    if (old_kernel && advice >= MADV_POPULATE_READ) {
        errno = EINVAL;
        return -1;
    }
    if (fails("madvise")) {
        errno = ENOMEM;
        return -1;
    }
    return __real_madvise(start, size, advice);
}

/* --- threads ------------------------------------------------------------------------------------------------------ */

int __real_pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes);
int __wrap_pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes);
int __real_pthread_mutex_destroy(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_destroy(pthread_mutex_t *mutex);
int __real_pthread_cond_init(pthread_cond_t *condition, const pthread_condattr_t *attributes);
int __wrap_pthread_cond_init(pthread_cond_t *condition, const pthread_condattr_t *attributes);
int __real_pthread_cond_destroy(pthread_cond_t *condition);
int __wrap_pthread_cond_destroy(pthread_cond_t *condition);
int __real_pthread_condattr_init(pthread_condattr_t *attributes);
int __wrap_pthread_condattr_init(pthread_condattr_t *attributes);
int __real_pthread_condattr_setclock(pthread_condattr_t *attributes, clockid_t clock);
int __wrap_pthread_condattr_setclock(pthread_condattr_t *attributes, clockid_t clock);
int __real_pthread_key_create(pthread_key_t *key, void (*destructor)(void *value));
int __wrap_pthread_key_create(pthread_key_t *key, void (*destructor)(void *value));
int __real_pthread_setspecific(pthread_key_t key, const void *value);
int __wrap_pthread_setspecific(pthread_key_t key, const void *value);
long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

static int made(int error, atomic_long *live) {
    if (error == 0) ++*live;
    return error;
}

int __wrap_pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes) {
    return fails("pthread_mutex_init") ? EAGAIN : made(__real_pthread_mutex_init(mutex, attributes), &mutexes);
}
int __wrap_pthread_mutex_destroy(pthread_mutex_t *mutex) {
    mutexes--;
    return __real_pthread_mutex_destroy(mutex);
}
int __wrap_pthread_cond_init(pthread_cond_t *condition, const pthread_condattr_t *attributes) {
    return fails("pthread_cond_init") ? EAGAIN : made(__real_pthread_cond_init(condition, attributes), &conditions);
}
int __wrap_pthread_cond_destroy(pthread_cond_t *condition) {
    conditions--;
    return __real_pthread_cond_destroy(condition);
}
int __wrap_pthread_condattr_init(pthread_condattr_t *attributes) {
    return fails("pthread_condattr_init") ? ENOMEM : __real_pthread_condattr_init(attributes);
}
int __wrap_pthread_condattr_setclock(pthread_condattr_t *attributes, clockid_t clock) {
    return fails("pthread_condattr_setclock") ? EINVAL : __real_pthread_condattr_setclock(attributes, clock);
}
int __wrap_pthread_key_create(pthread_key_t *key, void (*destructor)(void *value)) {
    if (fails("pthread_key_create")) return EAGAIN;
    int error = __real_pthread_key_create(key, destructor);
    if (error == 0 && here) {
        library_key = *key;
        library_key_made = true;
    }
    return error;
}
int __wrap_pthread_setspecific(pthread_key_t key, const void *value) {
    bool library = library_key_made && key == library_key;
    return library && fails("pthread_setspecific") ? ENOMEM : __real_pthread_setspecific(key, value);
}

/* membarrier: its commands 0 (what is there?) and those that register may fail; a barrier that was registered may not. */
long __wrap_syscall(long number, ...) {
    va_list arguments;
    va_start(arguments, number);
    long a = va_arg(arguments, long);
    long b = va_arg(arguments, long);
    long c = va_arg(arguments, long);
    va_end(arguments);
#ifdef SYS_membarrier
    enum { PRIVATE_EXPEDITED = 1 << 3 };
    if (number == SYS_membarrier && (int)a != PRIVATE_EXPEDITED && fails("membarrier")) {
        errno = ENOSYS;
        return -1;
    }
#endif
    return __real_syscall(number, (long)(int)a, (long)(int)b, (long)(int)c);
}
