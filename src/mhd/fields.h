/* SPDX-License-Identifier: MIT */
/* What a request line and its headers said: a copy, in one block of memory.
 *
 * libmicrohttpd keeps all of it in the connection's memory, which is recycled before the request has been told to be
 * complete.  The copy is taken in the first call of the access handler and never changes, so any thread may read it. */
#ifndef MHD_FIELDS_H
#define MHD_FIELDS_H

#include <microhttpd.h>
#include <stddef.h>

struct field {
    const char *name;
    const char *value;  /* "" where there was none */
    size_t name_length; /* a name with a NUL inside equals no C string */
};

struct fields {
    const char *method;
    const char *url;
    const char *version;
    const struct field *headers; /* in the order of the request */
    size_t header_count;
    const struct field *arguments; /* of the query, decoded; in the order of the request */
    size_t argument_count;
};

/* NULL: no memory.  A NULL text is copied as ""; a NULL connection has no headers and no arguments. */
struct fields *fields_copy(struct MHD_Connection *connection, const char *method, const char *url, const char *version);
void fields_free(struct fields *fields);

/* The value of the first one so named, or NULL.  The names of headers are compared without case (ASCII). */
const char *fields_header(const struct fields *fields, const char *name);
const char *fields_argument(const struct fields *fields, const char *name);

#endif
