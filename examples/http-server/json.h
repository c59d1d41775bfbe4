/* SPDX-License-Identifier: MIT */
/* arena-http-server: JSON in a request's arena.
 *
 * Jansson, which makes the JSON, has one pair of allocation functions per process and passes no argument to them: the
 * arena to take from is therefore a thread-local, set for as long as a JSON text is built.
 *
 * Thread safety: an arena is used by one thread at a time; json_setup is called once, before the others.
 */
#ifndef JSON_H
#define JSON_H

#include <arena/arena.h>

/* Makes Jansson allocate through json_begin's arena. */
void json_setup(void);

/* Between begin and end what this thread does with Jansson takes its memory from `arena`, and Jansson's objects end
 * with the arena.  Outside of the two Jansson has no memory. */
void json_begin(struct arena_bytes *arena);
void json_end(void);

#endif
