/* SPDX-License-Identifier: MIT */
/* Where the open exchanges are found: those that have begun and have not been told to be complete.
 *
 * libmicrohttpd hands an exchange back as *req_cls, but that alone cannot be trusted: a URI-log callback may have put
 * something else there, and a connection that dies while memory is short ends with no completed call at all.  So every
 * open exchange stands in a table, by its connection.  A connection has one open exchange at a time; one more is left
 * over from a dead connection whose memory came back as a new one.
 *
 * Locking: `first` of a bucket, and next, previous, begun and sweep of the exchanges in it, are guarded by the bucket's
 * lock, as is the list of clones of an exchange with that bucket.  No lock is held while anything else is called, so
 * there is no order among them. */
#ifndef MHD_REGISTRY_H
#define MHD_REGISTRY_H

#include "mhd/lock.h"
#include "platform/sync.h"

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct exchange;

/* A request that may go on past its deadline, because libmicrohttpd reads and writes on without calling the binding:
 * the lines between chunks, and trailers; the rest of an answer that it has been handed.
 *
 * A connection can die without a word while its request is read, when memory is short, and its descriptor then is
 * somebody else's; so the socket is told by its cookie, too.  One that has its answer cannot. */
struct overdue {
    int64_t at_ns;   /* 0: not such a request */
    int fd;          /* the connection's socket */
    bool answered;   /* it cannot die without a word any more */
    uint64_t cookie; /* else what the system calls that socket; 0: not known */
};

enum { REGISTRY_BUCKETS = 64 };

struct registry_bucket {
    struct lock lock;
    struct exchange *first;
};

struct registry {
    struct registry_bucket buckets[REGISTRY_BUCKETS];
    struct atomic_u32 watched; /* how many of the open ones registry_sweep looks for */
    struct atomic_u64 live;    /* exchanges that exist: the open ones, and those completed that somebody still needs */
};

bool registry_init(struct registry *registry); /* false: no resources */
void registry_destroy(struct registry *registry);

struct registry_bucket *registry_bucket(struct registry *registry, const struct MHD_Connection *connection);

/* Into its bucket, which exchange->bucket names, and out of it; once each. */
void registry_add(struct exchange *exchange);
void registry_remove(struct exchange *exchange);

/* The open exchange of the connection that `candidate`, which may be any pointer, points to; else NULL. */
struct exchange *registry_find(struct registry *registry, const struct MHD_Connection *connection,
                               const void *candidate);
/* An open exchange of the connection, or NULL. */
struct exchange *registry_left_over(struct registry *registry, const struct MHD_Connection *connection);
/* The exchange's headers are known.  A thread that asks registry_busy before does not see the exchange; then this
 * thread sees, after it, what that one did before it asked. */
void registry_begin(struct exchange *exchange);
/* Is one open whose headers are there? */
bool registry_busy(struct registry *registry);

/* From now on registry_sweep looks for it, with those values; at_ns 0: not any more.  The values before. */
struct overdue registry_watch(struct exchange *exchange, const struct overdue *overdue);
/* Does it look for any? */
bool registry_watches(struct registry *registry);
/* What the system calls a socket, for ever; 0: it does not say. */
uint64_t registry_socket_cookie(int fd);
/* Shuts the sockets of those that are overdue; their own threads then end them. */
void registry_sweep(struct registry *registry, int64_t now_ns);

/* Any open exchange after `previous` (NULL: the first), in no order.  For when nothing else happens. */
struct exchange *registry_next(struct registry *registry, const struct exchange *previous);

#endif
