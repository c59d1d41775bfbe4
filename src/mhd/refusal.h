/* SPDX-License-Identifier: MIT */
/* The answers that the binding gives by itself.
 *
 * They are made in advance and shared by all connections: when one is needed, memory may have run out. */
#ifndef MHD_REFUSAL_H
#define MHD_REFUSAL_H

#include <arena/mhd.h>
#include <stdbool.h>

enum refusal {
    REFUSAL_MISTAKABLE,  /* 400 */
    REFUSAL_TOO_LARGE,   /* 413: the body exceeds the limit */
    REFUSAL_INTERNAL,    /* 500: the handler did not answer */
    REFUSAL_BROKEN,      /* 500: a piece of the body was not taken; the connection closes */
    REFUSAL_UNAVAILABLE, /* 503: no arena left, no room for bodies, or no memory */
    REFUSAL_DRAINING,    /* 503: the server stops; the connection closes */
    REFUSAL_COUNT
};

struct exchange;

struct refusals {
    struct MHD_Response *responses[REFUSAL_COUNT];
};

bool refusals_make(struct refusals *refusals); /* false: no memory; nothing was made */
void refusals_free(struct refusals *refusals);

/* Without a request that the program could be asked about.  MHD_NO: libmicrohttpd takes no response now. */
enum MHD_Result refusals_queue(const struct refusals *refusals, enum refusal refusal,
                               struct MHD_Connection *connection);

/* In the program's words, where it has any and there is memory for them. */
enum MHD_Result refusal_answer(struct exchange *exchange, enum refusal refusal, struct MHD_Connection *connection);

#endif
