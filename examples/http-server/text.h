/* SPDX-License-Identifier: MIT */
/* arena-http-server: memory for text, out of a request's arena.
 *
 * Text has no element type: the JSON tree, the JSON text that is sent and what is said to clients all come in any size.
 * So they live in an arena of 16-byte blocks; nothing in it is freed one by one.
 *
 * Jansson, which makes the JSON, has one pair of allocation functions per process and passes no argument to them: the
 * arena to take from is therefore a thread-local, set for as long as a JSON text is built.
 *
 * Thread safety: an arena is used by one thread at a time; text_json_setup is called once, before the others.
 */
#ifndef TEXT_H
#define TEXT_H

#include <stddef.h>

#include <arena/arena.h>

struct text_block {
    _Alignas(max_align_t) unsigned char bytes[sizeof(max_align_t) > 16 ? sizeof(max_align_t) : 16];
};

ARENA_DEFINE(text_arena, struct text_block)

/* The number of blocks that hold so many bytes. */
size_t text_blocks(size_t size_bytes);

/* Memory for any object of that size, also for 0 bytes.  NULL: the arena is full. */
void *text_alloc(struct text_arena *arena, size_t size_bytes);

/* As printf.  NULL: the arena is full. */
char *text_format(struct text_arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Makes Jansson allocate through text_json_begin's arena. */
void text_json_setup(void);

/* Between begin and end what this thread does with Jansson takes its memory from `arena`, and Jansson's objects end
 * with the arena.  Outside of the two Jansson has no memory. */
void text_json_begin(struct text_arena *arena);
void text_json_end(void);

/* A whole number: a sign, digits, and nothing else. */
enum text_number { TEXT_NUMBER, TEXT_NO_NUMBER, TEXT_TOO_LARGE };
enum text_number text_number(const char *text, int64_t *number);

#endif
