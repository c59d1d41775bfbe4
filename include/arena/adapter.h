/* SPDX-License-Identifier: MIT */
/* libarena: what gives other libraries their memory out of a byte arena.
 *
 *   lua_State *lua = lua_newstate(arena_adapter_lua, arena);
 *
 * Each function has the shape that its library asks for, and its user pointer is a struct arena_bytes; another library
 * that asks for the same shape may have it too.  Where there is no user pointer, docs/guide.md shows what to do.  No
 * other library's header is included, and none is linked.  A block is aligned for max_align_t, and its contents are not
 * specified.  NULL, and nothing has changed: there is no room or no memory, the arena is NULL, or it may not be changed
 * now; nothing panics.
 *
 * What is freed is used again where it is the newest block, and else with the arena's next reset or rewind.  So this is
 * for what lives as long as a request or a file, and not for an interpreter that runs for days.  A library's object
 * goes with the arena's memory: end it before a reset or rewind that takes it, or do not touch it afterwards.  Where a
 * library's realloc or free does not tell the size, it lies in a header of ARENA_ADAPTER_HEADER_BYTES before the block,
 * which counts as used.
 *
 * Thread safety: as struct arena_bytes, one thread at a time: so is the library's object.
 */
#ifndef ARENA_ADAPTER_H
#define ARENA_ADAPTER_H

#include <stddef.h>

#include <arena/base.h>

ARENA_BEGIN_DECLS

#define ARENA_ADAPTER_HEADER_BYTES 16

/* A lua_Alloc.  block NULL: a new block, whatever old_size says.  new_size 0: frees the block; NULL.  Otherwise the
 * block with what it held, in place where it is the newest or shrinks, which never fails. */
ARENA_API void *arena_adapter_lua(void *arena, void *block, size_t old_size, size_t new_size);

/* For a yyjson_alc {malloc, realloc, free, arena}.  A block of `size` bytes; 0 is legal, and no NULL. */
ARENA_API void *arena_adapter_yyjson_malloc(void *arena, size_t size);
/* The block of old_size bytes with `size` bytes and what it held, in place where it is the newest or shrinks.  block
 * NULL: a new one. */
ARENA_API void *arena_adapter_yyjson_realloc(void *arena, void *block, size_t old_size, size_t size);
/* Frees a block from these two; NULL is legal. */
ARENA_API void arena_adapter_yyjson_free(void *arena, void *block);

/* For z_stream.zalloc, with the arena as opaque: a block of `items` times `size` bytes. */
ARENA_API void *arena_adapter_zlib_alloc(void *arena, unsigned items, unsigned size);
/* For z_stream.zfree: frees such a block; NULL is legal. */
ARENA_API void arena_adapter_zlib_free(void *arena, void *block);

/* For pcre2_general_context_create(malloc, free, arena): a block of `size` bytes. */
ARENA_API void *arena_adapter_pcre2_malloc(size_t size, void *arena);
/* Frees such a block; NULL is legal. */
ARENA_API void arena_adapter_pcre2_free(void *block, void *arena);

/* For an nghttp2_mem {arena, malloc, free, calloc, realloc}.  A block of `size` bytes; 0 is legal, and no NULL. */
ARENA_API void *arena_adapter_nghttp2_malloc(size_t size, void *arena);
/* Frees a block from any of these; NULL is legal. */
ARENA_API void arena_adapter_nghttp2_free(void *block, void *arena);
/* A block of `count` times `size` bytes, all zero. */
ARENA_API void *arena_adapter_nghttp2_calloc(size_t count, size_t size, void *arena);
/* The block with `size` bytes and what it held, in place where it is the newest or shrinks.  block NULL: a new one.
 * size 0: a block of no bytes, and no NULL. */
ARENA_API void *arena_adapter_nghttp2_realloc(void *block, size_t size, void *arena);

/* For libpng, whose functions are given the png_struct: that knows the arena as its mem_ptr, and only libpng can say
 * it.  So a program has two functions of its own, and hands them to png_create_read_struct_2(..., arena, take, give):
 *
 *   static png_voidp take(png_structp png, png_alloc_size_t size) {
 *       return arena_adapter_png_malloc(png_get_mem_ptr(png), size);
 *   }
 *   static void give(png_structp png, png_voidp block) { arena_adapter_png_free(png_get_mem_ptr(png), block); }
 *
 * A block of `size` bytes. */
ARENA_API void *arena_adapter_png_malloc(void *arena, size_t size);
/* Frees such a block; NULL is legal. */
ARENA_API void arena_adapter_png_free(void *arena, void *block);

ARENA_END_DECLS

#endif
