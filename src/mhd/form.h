/* SPDX-License-Identifier: MIT */
/* The fields of a body of type application/x-www-form-urlencoded, decoded.
 *
 * No text grows by that, and each has room for its NUL where '=' or '&' was: so the decoded texts lie where they lie in
 * the body, in a copy of it, and the body itself tells where that is.  A table of the fields could be many times as
 * large as the body. */
#ifndef MHD_FORM_H
#define MHD_FORM_H

#include <arena/mhd.h>
#include <stdbool.h>
#include <stddef.h>

/* The copy, for free().  NULL: no memory. */
char *form_decode(const char *body, size_t size_bytes);

/* The next field of that body; *cursor is 0 at first.  false: there is none. */
bool form_next(const char *body, size_t size_bytes, const char *decoded, size_t *cursor, struct arena_field *out);

#endif
