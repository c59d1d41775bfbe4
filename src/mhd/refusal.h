/* SPDX-License-Identifier: MIT */
/* The answers that the binding gives by itself.
 *
 * They are made in advance and shared by all connections: when one is needed, memory may have run out. */
#ifndef MHD_REFUSAL_H
#define MHD_REFUSAL_H

#include <microhttpd.h>
#include <stdbool.h>

enum refusal {
    REFUSAL_TOO_LARGE,   /* 413: the body exceeds the limit */
    REFUSAL_INTERNAL,    /* 500: the handler did not answer */
    REFUSAL_UNAVAILABLE, /* 503: no arena left, or no memory */
    REFUSAL_COUNT
};

struct refusals {
    struct MHD_Response *responses[REFUSAL_COUNT];
};

bool refusals_make(struct refusals *refusals); /* false: no memory; nothing was made */
void refusals_free(struct refusals *refusals);

/* MHD_NO: libmicrohttpd takes no response now. */
enum MHD_Result refusals_queue(const struct refusals *refusals, enum refusal refusal,
                               struct MHD_Connection *connection);

#endif
