/* SPDX-License-Identifier: MIT */
/* Can a request be mistaken: for another one, or for two?
 *
 * A proxy, a cache or a filter in front of the server reads the same bytes.  Where RFC 9112 leaves no doubt what they
 * mean, both read the same; where it forbids something, they may not, and a second request hides in the first, or a
 * path behind another.  libmicrohttpd takes most of it. */
#ifndef MHD_CHECK_H
#define MHD_CHECK_H

#include "mhd/fields.h"

#include <stdbool.h>

/* What the daemon's thread has in hand in the first call of the access handler, besides the copied fields. */
struct check_head {
    struct MHD_Connection *connection;
    const char *method; /* libmicrohttpd's own, in the connection's memory */
    const char *url;
    const char *version;
    const char *target; /* as it was sent; NULL: not known */
};

/* Does nothing in the target, a header or an argument hide behind a NUL byte? */
bool check_zeros(const struct check_head *head, const struct fields *fields);

/* What RFC 9112 forbids, all but the target. */
bool check_framing(const struct check_head *head, const struct fields *fields);

/* Makes fields->url the path of the target.  false: it is no target. */
bool check_target(const struct check_head *head, struct fields *fields);

#endif
