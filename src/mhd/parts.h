/* SPDX-License-Identifier: MIT */
/* The parts of a body of type multipart/form-data (RFC 7578), where they lie in it: nothing is copied.
 *
 * The whole body is looked at first, and has parts only if all of it is well formed; then NULs are written behind the
 * texts, over the quotation marks and line breaks that ended them.  What another reader of the same bytes could take
 * for something else is not well formed: a boundary twice in the type, text before the first delimiter or behind the
 * last one, a delimiter with more than blanks behind, a folded line, one with a bare CR, LF or NUL, a part with no or
 * two names. */
#ifndef MHD_PARTS_H
#define MHD_PARTS_H

#include <arena/mhd.h>
#include <stddef.h>

enum { PARTS_MOST = 1000 };

struct parts {
    size_t count;
    struct arena_part of[];
};

/* In one block, for free(); type: of the body.  NULL: it is not well formed (and unchanged), has more than PARTS_MOST
 * parts, or there is no memory. */
struct parts *parts_read(const char *type, char *body, size_t size_bytes);

#endif
