/* SPDX-License-Identifier: MIT */
/* See heap.h. */
#include "heap.h"

#include <errno.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

static atomic_long live_blocks;
static atomic_long countdown; /* the call that makes it 0 fails, and those after it where all_after says so */
static atomic_bool armed;
static atomic_bool all_after;
static atomic_long failures;
static atomic_long queue_calls;

long heap_live_blocks(void) { return atomic_load(&live_blocks); }
long heap_queue_calls(void) { return atomic_load(&queue_calls); }

void heap_fail(long nth, bool and_all_after) {
    atomic_store(&countdown, nth);
    atomic_store(&all_after, and_all_after);
    atomic_store(&failures, 0);
    atomic_store(&armed, true);
}

long heap_fail_end(void) {
    atomic_store(&armed, false);
    return atomic_load(&failures);
}

static bool fails(void) {
    if (!atomic_load(&armed)) return false;
    long left = atomic_fetch_sub(&countdown, 1) - 1;
    if (left > 0 || (left < 0 && !atomic_load(&all_after))) return false;
    atomic_fetch_add(&failures, 1);
    return true;
}

static void *counted(void *block) {
    if (block != NULL) atomic_fetch_add(&live_blocks, 1);
    return block;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void __real_free(void *block);
void *__real_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset);
int __real_pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes);
int __real_pthread_mutex_destroy(pthread_mutex_t *mutex);
struct MHD_Response *__real_MHD_create_response_from_buffer(size_t size, void *buffer,
                                                            enum MHD_ResponseMemoryMode mode);
struct MHD_Response *__real_MHD_create_response_from_buffer_with_free_callback_cls(size_t size, void *buffer,
                                                                                   MHD_ContentReaderFreeCallback free,
                                                                                   void *user);
struct MHD_Response *__real_MHD_create_response_from_callback(uint64_t size, size_t block_size,
                                                              MHD_ContentReaderCallback reader, void *user,
                                                              MHD_ContentReaderFreeCallback free);
void __real_MHD_destroy_response(struct MHD_Response *response);
enum MHD_Result __real_MHD_add_response_header(struct MHD_Response *response, const char *name, const char *value);
enum MHD_Result __real_MHD_queue_response(struct MHD_Connection *connection, unsigned status,
                                          struct MHD_Response *response);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
void __wrap_free(void *block);
void *__wrap_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset);
int __wrap_pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes);
int __wrap_pthread_mutex_destroy(pthread_mutex_t *mutex);
struct MHD_Response *__wrap_MHD_create_response_from_buffer(size_t size, void *buffer,
                                                            enum MHD_ResponseMemoryMode mode);
struct MHD_Response *__wrap_MHD_create_response_from_buffer_with_free_callback_cls(size_t size, void *buffer,
                                                                                   MHD_ContentReaderFreeCallback free,
                                                                                   void *user);
struct MHD_Response *__wrap_MHD_create_response_from_callback(uint64_t size, size_t block_size,
                                                              MHD_ContentReaderCallback reader, void *user,
                                                              MHD_ContentReaderFreeCallback free);
void __wrap_MHD_destroy_response(struct MHD_Response *response);
enum MHD_Result __wrap_MHD_add_response_header(struct MHD_Response *response, const char *name, const char *value);
enum MHD_Result __wrap_MHD_queue_response(struct MHD_Connection *connection, unsigned status,
                                          struct MHD_Response *response);

void *__wrap_malloc(size_t size) { return fails() ? NULL : counted(__real_malloc(size)); }

void *__wrap_calloc(size_t count, size_t size) { return fails() ? NULL : counted(__real_calloc(count, size)); }

void *__wrap_realloc(void *block, size_t size) {
    if (fails()) return NULL;
    void *result = __real_realloc(block, size);
    return block == NULL ? counted(result) : result;
}

void __wrap_free(void *block) {
    if (block != NULL) atomic_fetch_sub(&live_blocks, 1);
    __real_free(block);
}

void *__wrap_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset) {
    return fails() ? MAP_FAILED : __real_mmap(address, length, protection, flags, fd, offset);
}

int __wrap_pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes) {
    if (fails()) return ENOMEM;
    atomic_fetch_add(&live_blocks, 1);
    return __real_pthread_mutex_init(mutex, attributes);
}

int __wrap_pthread_mutex_destroy(pthread_mutex_t *mutex) {
    atomic_fetch_sub(&live_blocks, 1);
    return __real_pthread_mutex_destroy(mutex);
}

struct MHD_Response *__wrap_MHD_create_response_from_buffer(size_t size, void *buffer,
                                                            enum MHD_ResponseMemoryMode mode) {
    return fails() ? NULL : counted(__real_MHD_create_response_from_buffer(size, buffer, mode));
}

struct MHD_Response *__wrap_MHD_create_response_from_buffer_with_free_callback_cls(size_t size, void *buffer,
                                                                                   MHD_ContentReaderFreeCallback free,
                                                                                   void *user) {
    if (fails()) return NULL;
    return counted(__real_MHD_create_response_from_buffer_with_free_callback_cls(size, buffer, free, user));
}

struct MHD_Response *__wrap_MHD_create_response_from_callback(uint64_t size, size_t block_size,
                                                              MHD_ContentReaderCallback reader, void *user,
                                                              MHD_ContentReaderFreeCallback free) {
    if (fails()) return NULL;
    return counted(__real_MHD_create_response_from_callback(size, block_size, reader, user, free));
}

void __wrap_MHD_destroy_response(struct MHD_Response *response) {
    atomic_fetch_sub(&live_blocks, 1);
    __real_MHD_destroy_response(response);
}

enum MHD_Result __wrap_MHD_add_response_header(struct MHD_Response *response, const char *name, const char *value) {
    return fails() ? MHD_NO : __real_MHD_add_response_header(response, name, value);
}

enum MHD_Result __wrap_MHD_queue_response(struct MHD_Connection *connection, unsigned status,
                                          struct MHD_Response *response) {
    atomic_fetch_add(&queue_calls, 1);
    return fails() ? MHD_NO : __real_MHD_queue_response(connection, status, response);
}
