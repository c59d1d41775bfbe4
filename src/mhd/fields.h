/* SPDX-License-Identifier: MIT */
/* What a request line and its headers said: a copy, in one block of memory.
 *
 * libmicrohttpd keeps all of it in the connection's memory, which is recycled before the request has been told to be
 * complete.  The copy is taken in the first call of the access handler and never changes, so any thread may read it.
 * Blanks behind a header's value, which libmicrohttpd 0.9 leaves there, are no part of it. */
#ifndef MHD_FIELDS_H
#define MHD_FIELDS_H

#include <arena/mhd.h>
#include <stdbool.h>
#include <stddef.h>

enum { FIELDS_KINDS = ARENA_FIELD_COOKIE + 1 }; /* those that the head has */

struct fields {
    const char *method;
    const char *url;
    const char *version;
    const struct arena_field *of[FIELDS_KINDS]; /* by kind, in the order of the request */
    size_t count[FIELDS_KINDS];
};

/* NULL: no memory.  A NULL text is copied as ""; a NULL connection has no fields. */
struct fields *fields_copy(struct MHD_Connection *connection, const char *method, const char *url, const char *version);
void fields_free(struct fields *fields);

/* The first one so named, or NULL.  The names of headers are compared without case (ASCII); a name with a NUL inside
 * equals none. */
const struct arena_field *fields_find(const struct fields *fields, enum arena_field_kind kind, const char *name);

/* Its value, "" where it has none. */
const char *fields_header(const struct fields *fields, const char *name);
const char *fields_argument(const struct fields *fields, const char *name);

/* Is the text, of that length, that word, without case (ASCII)? */
bool fields_equal_caseless(const char *text, size_t length, const char *word);

#endif
