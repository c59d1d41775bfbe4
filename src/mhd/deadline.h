/* SPDX-License-Identifier: MIT */
/* Until when a connection may go on with what it does.
 *
 * libmicrohttpd closes a connection on which nothing moved for a number of seconds; that is the only clock it has, in
 * any thread mode.  The binding makes a deadline of it: whenever it is called for a connection that moved (a piece of a
 * body, a piece of an answer), it sets that number to what is left.  A daemon's own shorter limit on silence stays.
 *
 * One thread at a time: the connection's, or, while it is suspended, the one that answers it. */
#ifndef MHD_DEADLINE_H
#define MHD_DEADLINE_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>

#define DEADLINE_NEVER INT64_MAX

struct deadline {
    int64_t at_ns;    /* a time of arena_clock_now */
    unsigned usual_s; /* what the connection had; 0: no limit */
    unsigned set_s;   /* what it was told to have */
    bool deaf;        /* it did not listen: libmicrohttpd 1.0, with a thread per connection or while suspended */
};

/* connection may be NULL everywhere: nothing is set then. */
void deadline_begin(struct deadline *deadline, struct MHD_Connection *connection);

/* A new deadline, or again what is left to it. */
void deadline_set(struct deadline *deadline, struct MHD_Connection *connection, int64_t at_ns, int64_t now_ns);
static inline bool deadline_passed(const struct deadline *deadline, int64_t now_ns) {
    return now_ns >= deadline->at_ns;
}

/* The connection has again what it had, for its next request. */
void deadline_end(struct deadline *deadline, struct MHD_Connection *connection);

/* now_ns + timeout_ns, or never. */
static inline int64_t deadline_after(int64_t now_ns, int64_t timeout_ns) {
    return timeout_ns > DEADLINE_NEVER - now_ns ? DEADLINE_NEVER : now_ns + timeout_ns;
}

#endif
