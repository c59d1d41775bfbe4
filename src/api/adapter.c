/* SPDX-License-Identifier: MIT */
/* Byte arenas as other libraries' allocators.
 *
 * Lua tells the size of what it gives back.  For the others a header lies before each block and holds its size, which
 * the library asked for; so a block that is the newest is given back, and its growth is in place. */
#include <arena/adapter.h>
#include <arena/bytes.h>

#include "base/arith.h"
#include "base/compiler.h"

#include <string.h>

#define ALIGN _Alignof(max_align_t)

struct header {
    _Alignas(max_align_t) size_t size_bytes; /* of the block behind it */
};
_Static_assert(sizeof(struct header) <= ARENA_ADAPTER_HEADER_BYTES, "the header has no room");
_Static_assert(ARENA_ADAPTER_HEADER_BYTES % ALIGN == 0, "a block behind the header would not be aligned");

static struct header *header_of(void *block) { return (void *)((char *)block - ARENA_ADAPTER_HEADER_BYTES); }

/* Makes memory for a header and a block a block. */
static void *start(void *memory, size_t size) {
    if (memory == NULL) return NULL;
    ((struct header *)memory)->size_bytes = size;
    return (char *)memory + ARENA_ADAPTER_HEADER_BYTES;
}

static void *take(void *arena, size_t size) {
    size_t bytes;
    if (!arith_add(size, ARENA_ADAPTER_HEADER_BYTES, &bytes)) return NULL;
    return start(arena_bytes_try_alloc_raw(arena, bytes, ALIGN), size);
}

static void *take_zeroed(void *arena, size_t count, size_t size) {
    size_t bytes;
    if (!arith_mul(count, size, &size) || !arith_add(size, ARENA_ADAPTER_HEADER_BYTES, &bytes)) return NULL;
    return start(arena_bytes_try_memdup(arena, NULL, bytes, ALIGN), size);
}

static void give(void *arena, void *block) {
    if (block == NULL) return;
    struct header *header = header_of(block);
    (void)arena_bytes_resize(arena, header, ARENA_ADAPTER_HEADER_BYTES + header->size_bytes, 0);
}

static void *change(void *arena, void *block, size_t size) {
    if (block == NULL) return take(arena, size);
    struct header *header = header_of(block);
    size_t bytes;
    if (!arith_add(size, ARENA_ADAPTER_HEADER_BYTES, &bytes)) return NULL;
    size_t old_bytes = ARENA_ADAPTER_HEADER_BYTES + header->size_bytes;
    return start(arena_bytes_try_realloc(arena, header, old_bytes, bytes, ALIGN), size);
}

void *arena_adapter_lua(void *arena, void *block, size_t old_size, size_t new_size) {
    if (new_size == 0) {
        (void)arena_bytes_resize(arena, block, old_size, 0);
        return NULL;
    }
    if (block == NULL) return arena_bytes_try_alloc_raw(arena, new_size, ALIGN);
    return arena_bytes_try_realloc(arena, block, old_size, new_size, ALIGN);
}

void *arena_adapter_yyjson_malloc(void *arena, size_t size) { return take(arena, size); }
void *arena_adapter_yyjson_realloc(void *arena, void *block, size_t old_size, size_t size) {
    (void)old_size;
    return change(arena, block, size);
}
void arena_adapter_yyjson_free(void *arena, void *block) { give(arena, block); }

void *arena_adapter_zlib_alloc(void *arena, unsigned items, unsigned size) {
    size_t bytes;
    return arith_mul(items, size, &bytes) ? take(arena, bytes) : NULL;
}
void arena_adapter_zlib_free(void *arena, void *block) { give(arena, block); }

void *arena_adapter_pcre2_malloc(size_t size, void *arena) { return take(arena, size); }
void arena_adapter_pcre2_free(void *block, void *arena) { give(arena, block); }

void *arena_adapter_nghttp2_malloc(size_t size, void *arena) { return take(arena, size); }
void arena_adapter_nghttp2_free(void *block, void *arena) { give(arena, block); }
void *arena_adapter_nghttp2_calloc(size_t count, size_t size, void *arena) { return take_zeroed(arena, count, size); }
void *arena_adapter_nghttp2_realloc(void *block, size_t size, void *arena) { return change(arena, block, size); }

void *arena_adapter_png_malloc(void *arena, size_t size) { return take(arena, size); }
void arena_adapter_png_free(void *arena, void *block) { give(arena, block); }
