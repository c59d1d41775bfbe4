/* SPDX-License-Identifier: MIT */
/* Included before everything else in each file the model checker runs: memory, copying and the ways to fail go to
 * engine.c.  The headers come first, so that only uses are renamed and not the declarations. */
#ifndef MODEL_PLATFORM_WRAP_H
#define MODEL_PLATFORM_WRAP_H

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void *model_malloc(size_t size);
void *model_calloc(size_t count, size_t size);
void *model_realloc(void *block, size_t size);
void *model_aligned_alloc(size_t align, size_t size);
int model_posix_memalign(void **out, size_t align, size_t size);
void model_free(void *block);
void *model_mmap(void *address, size_t size, int protection, int flags, int file, long offset);
int model_munmap(void *address, size_t size);
int model_mprotect(void *address, size_t size, int protection);
int model_madvise(void *address, size_t size, int advice);
void *model_memcpy(void *to, const void *from, size_t size);
void *model_memmove(void *to, const void *from, size_t size);
void *model_memset(void *to, int byte, size_t size);
int model_memcmp(const void *a, const void *b, size_t size);
_Noreturn void model_abort(void);
_Noreturn void model_assert_fail(const char *expression, const char *file, unsigned line, const char *function);

#ifndef MODEL_ENGINE /* which uses the real ones */
#define malloc model_malloc
#define calloc model_calloc
#define realloc model_realloc
#define aligned_alloc model_aligned_alloc
#define posix_memalign model_posix_memalign
#define free model_free
#define mmap model_mmap
#define munmap model_munmap
#define mprotect model_mprotect
#define madvise model_madvise
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#define memcpy model_memcpy
#define memmove model_memmove
#define memset model_memset
#define memcmp model_memcmp
#define abort model_abort
#define __assert_fail model_assert_fail
#endif

#endif
