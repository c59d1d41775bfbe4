/* SPDX-License-Identifier: MIT */
/* Seconds are rounded up: a connection closes up to one of them late, and never early.
 *
 * libmicrohttpd counts from the last time that something moved.  A number that replaces 0 counts from now, so a number
 * that changes is set by way of 0: what was read or computed meanwhile does not shorten it. */
#include "mhd/deadline.h"

enum { MOST_S = 4000000 }; /* libmicrohttpd 0.9.75 multiplies by 1000 in 32 bits */

#define NS_PER_S INT64_C(1000000000)

static unsigned seconds(int64_t left_ns) {
    if (left_ns <= NS_PER_S) return 1;
    int64_t rounded = left_ns / NS_PER_S + (left_ns % NS_PER_S != 0);
    return rounded < MOST_S ? (unsigned)rounded : MOST_S;
}

static unsigned limit_of(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_TIMEOUT);
    return info == NULL ? 0 : info->connection_timeout;
}

static void set(struct deadline *deadline, struct MHD_Connection *connection, unsigned value_s) {
    if (connection == NULL || deadline->set_s == value_s) return;
    if (deadline->set_s != 0 && value_s != 0) {
        (void)MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, 0U);
    }
    (void)MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, value_s);
    deadline->set_s = value_s;
    deadline->deaf = limit_of(connection) != value_s;
}

void deadline_begin(struct deadline *deadline, struct MHD_Connection *connection) {
    deadline->at_ns = DEADLINE_NEVER;
    deadline->usual_s = deadline->set_s = connection == NULL ? 0 : limit_of(connection);
    deadline->deaf = false;
}

void deadline_set(struct deadline *deadline, struct MHD_Connection *connection, int64_t at_ns, int64_t now_ns) {
    deadline->at_ns = at_ns;
    unsigned wanted = at_ns == DEADLINE_NEVER ? deadline->usual_s : seconds(at_ns - now_ns);
    if (deadline->usual_s != 0 && deadline->usual_s < wanted) wanted = deadline->usual_s;
    set(deadline, connection, wanted);
}

void deadline_end(struct deadline *deadline, struct MHD_Connection *connection) {
    set(deadline, connection, deadline->usual_s);
}
