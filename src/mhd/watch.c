/* SPDX-License-Identifier: MIT */
/* A connection of the binding's own is known by the address that it was given to libmicrohttpd with: of no family, as
 * none that was accepted can have, with the binding and a serial number in it.
 *
 * Locking: the lock guards all of struct watch, and is not held while anything else is called.  A thread that watches a
 * request counts it first and looks here then; one that has closed the last connection says so here first and looks at
 * the count then.  So one of them makes the next. */
#include "mhd/watch.h"

#include "mhd/binding.h"

#include <arena/context.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define NS_PER_S INT64_C(1000000000)

enum {
    TICK_S = 1,
    LOST_S = 5, /* libmicrohttpd has closed it, and did not tell */
    MARK_BYTES = sizeof(uintptr_t) + sizeof(uint32_t)
};

bool watch_init(struct watch *watch) {
    *watch = (struct watch){.far = -1};
    return lock_init(&watch->lock);
}

void watch_destroy(struct watch *watch) {
    if (watch->far >= 0) (void)close(watch->far);
    lock_destroy(&watch->lock);
}

static void write_mark(struct sockaddr *address, const struct watch *watch, uint32_t serial) {
    _Static_assert(MARK_BYTES <= sizeof address->sa_data, "fits an address");
    memset(address, 0, sizeof *address);
    address->sa_family = AF_UNSPEC;
    uintptr_t mark = (uintptr_t)watch;
    memcpy(address->sa_data, &mark, sizeof mark);
    memcpy(address->sa_data + sizeof mark, &serial, sizeof serial);
}

static bool has_mark(struct watch *watch, struct MHD_Connection *connection, uint32_t *serial) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (info == NULL || info->client_addr == NULL || info->client_addr->sa_family != AF_UNSPEC) return false;
    uintptr_t mark;
    memcpy(&mark, info->client_addr->sa_data, sizeof mark);
    memcpy(serial, info->client_addr->sa_data + sizeof mark, sizeof *serial);
    return mark == (uintptr_t)watch;
}

bool watch_is(struct watch *watch, struct MHD_Connection *connection) {
    uint32_t serial;
    return connection != NULL && has_mark(watch, connection, &serial);
}

/* Can that daemon be given a connection?  The thread that calls is then the one that runs the daemon.  With a thread
 * per connection it is not: there one that comes while the daemon stops is put on a list that is no longer looked at.
 * Nor may it be with version 1.0, which names the daemon of the whole pool, and that gives the connection to any thread
 * of it. */
static bool takes_connections(struct MHD_Daemon *daemon) {
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_FLAGS);
    if (info == NULL) return false;
    unsigned flags = (unsigned)info->flags;
    if ((flags & MHD_USE_TLS) != 0) return false;
    if ((flags & MHD_USE_THREAD_PER_CONNECTION) == MHD_USE_THREAD_PER_CONNECTION) return false;
    if ((flags & MHD_USE_INTERNAL_POLLING_THREAD) == 0) return true;
    return (flags & MHD_USE_ITC) != 0 && MHD_get_version()[0] == '0';
}

/* A pair of sockets with the head of a request on its way; false: there is none. */
static bool make_pair(int ends[2]) {
    static const char head[] = "POST /libarena-mhd/watch HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\n";
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) return false;
    if (send(ends[0], head, sizeof head - 1, MSG_NOSIGNAL) == (ssize_t)(sizeof head - 1)) return true;
    (void)close(ends[0]);
    (void)close(ends[1]);
    return false;
}

/* Is there none, or one that never ends?  And none was tried a moment ago: it may have been turned away. */
static bool is_needed(const struct watch *watch, int64_t now_ns) {
    int64_t age_ns = now_ns - watch->started_ns;
    return age_ns >= (watch->far < 0 ? TICK_S : LOST_S) * NS_PER_S;
}

/* Takes the far end over, where it is needed. */
static bool take(struct watch *watch, int far, int64_t now_ns, uint32_t *serial) {
    lock_enter(&watch->lock);
    bool needed = is_needed(watch, now_ns);
    if (needed) {
        if (watch->far >= 0) (void)close(watch->far);
        watch->far = far;
        watch->started_ns = now_ns;
        *serial = ++watch->serial;
    }
    lock_leave(&watch->lock);
    return needed;
}

static void forget(struct watch *watch, uint32_t serial) {
    lock_enter(&watch->lock);
    if (watch->far >= 0 && watch->serial == serial) {
        (void)close(watch->far);
        watch->far = -1;
    }
    lock_leave(&watch->lock);
}

static void start(struct watch *watch, struct MHD_Daemon *daemon, int64_t now_ns) {
    int ends[2];
    if (!takes_connections(daemon) || !make_pair(ends)) return;
    uint32_t serial = 0;
    if (!take(watch, ends[0], now_ns, &serial)) { /* another thread was faster */
        (void)close(ends[0]);
        (void)close(ends[1]);
        return;
    }
    struct sockaddr address;
    write_mark(&address, watch, serial);
    if (MHD_add_connection(daemon, ends[1], &address, sizeof address) != MHD_YES) forget(watch, serial);
}

void watch_wake(struct watch *watch, struct MHD_Connection *connection, int64_t now_ns) {
    lock_enter(&watch->lock);
    bool needed = is_needed(watch, now_ns);
    lock_leave(&watch->lock);
    const union MHD_ConnectionInfo *info =
        needed ? MHD_get_connection_info(connection, MHD_CONNECTION_INFO_DAEMON) : NULL;
    if (info != NULL) start(watch, info->daemon, now_ns);
}

/* The head of its request has been read: from now on it is silent. */
enum MHD_Result watch_access(struct watch *watch, struct MHD_Connection *connection, void **req_cls) {
    *req_cls = watch; /* no exchange: registry_find finds none */
    return MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, (unsigned)TICK_S);
}

void watch_completed(struct arena_mhd *mhd, struct MHD_Connection *connection,
                     enum MHD_RequestTerminationCode termination) {
    uint32_t serial;
    struct watch *watch = &mhd->watch;
    if (!has_mark(watch, connection, &serial)) return;
    forget(watch, serial);
    if (termination != MHD_REQUEST_TERMINATED_TIMEOUT_REACHED) return; /* the daemon stops */
    int64_t now_ns = arena_clock_now();
    registry_sweep(&mhd->registry, now_ns);
    if (registry_watches(&mhd->registry)) watch_wake(watch, connection, now_ns);
}
