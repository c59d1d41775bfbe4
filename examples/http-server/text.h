/* SPDX-License-Identifier: MIT */
/* arena-http-server: JSON in a request's arena, and numbers.
 *
 * Jansson, which makes the JSON, has one pair of allocation functions per process and passes no argument to them: the
 * arena to take from is therefore a thread-local, set for as long as a JSON text is built.
 *
 * Thread safety: an arena is used by one thread at a time; text_json_setup is called once, before the others.
 */
#ifndef TEXT_H
#define TEXT_H

#include <arena/arena.h>
#include <arena/bytes.h>

/* Makes Jansson allocate through text_json_begin's arena. */
void text_json_setup(void);

/* Between begin and end what this thread does with Jansson takes its memory from `arena`, and Jansson's objects end
 * with the arena.  Outside of the two Jansson has no memory. */
void text_json_begin(struct arena_bytes *arena);
void text_json_end(void);

/* A whole number: a sign, digits, and nothing else. */
enum text_number { TEXT_NUMBER, TEXT_NO_NUMBER, TEXT_TOO_LARGE };
enum text_number text_number(const char *text, int64_t *number);

#endif
