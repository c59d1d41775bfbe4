/* SPDX-License-Identifier: MIT */
/* Wakes the binding about once a second while a request is open whose deadline libmicrohttpd cannot be made to hold by
 * itself (see registry_watch), so that registry_sweep runs also on a server that nobody else asks.
 *
 * libmicrohttpd has no timers but one: it closes a connection on which nothing moved for so many seconds, and tells of
 * it.  So the binding gives it a connection of its own, whose other end is the binding too: a pair of sockets, on which
 * one request is begun and never ended.  A second later that has timed out, on the thread that runs the daemon; the
 * overdue are swept, and the next one is made if there is still somebody to watch.  The program's handler and hooks do
 * not see these requests; what the program itself installs in the daemon does (docs/http.md).
 *
 * No such connection is made where the daemon has a thread per connection, or in version 1.0 any thread of its own;
 * where it speaks TLS, cannot be woken (no MHD_USE_ITC), has as many connections as it may, or does not take them from
 * the program's policy.  Then the next request sweeps, as it does anyway. */
#ifndef MHD_WATCH_H
#define MHD_WATCH_H

#include "mhd/lock.h"

#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>

struct arena_mhd;

struct watch {
    struct lock lock;
    int far;            /* the binding's end; -1: no connection is out */
    uint32_t serial;    /* of the one that is out */
    int64_t started_ns; /* when that, or the last one before, was made */
};

bool watch_init(struct watch *watch); /* false: no resources */
/* The daemons have stopped. */
void watch_destroy(struct watch *watch);

/* Somebody is watched: makes a connection to the daemon of this one, unless one is out.  On the thread of this one
 * alone: with external polling libmicrohttpd takes none from others. */
void watch_wake(struct watch *watch, struct MHD_Connection *connection, int64_t now_ns);

/* Is this connection one of these?  Then its callbacks are for the next two alone. */
bool watch_is(struct watch *watch, struct MHD_Connection *connection);
enum MHD_Result watch_access(struct watch *watch, struct MHD_Connection *connection, void **req_cls);
void watch_completed(struct arena_mhd *mhd, struct MHD_Connection *connection,
                     enum MHD_RequestTerminationCode termination);

#endif
