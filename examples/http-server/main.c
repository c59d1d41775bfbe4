/* SPDX-License-Identifier: MIT */
/* arena-http-server: an HTTP service that keeps each request in arenas.
 *
 * Serves until SIGINT or SIGTERM.  Then it takes no more requests, waits for those that are open, answers those that wait
 * for something, stops libmicrohttpd, checks that every arena came back to its pool, and says what was done.  Exit status: 0, or 1 when it could not serve or an arena is missing, or 2 for a wrong command line.
 *
 * The signals are blocked in all threads, and the main thread waits for them.  So no handler ever runs: nothing in
 * libarena or libmicrohttpd may be called from one.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "options.h"
#include "service.h"

/* What a server on the internet has to set of libmicrohttpd's own limits: docs/http.md says why. */
enum {
    CONNECTION_TIMEOUT_S = 15,           /* of silence: heads that do not come, connections that are kept for nothing */
    CONNECTION_MEMORY_BYTES = 32 * 1024, /* of each connection; a head must fit a half */
    CONNECTIONS_MAX = 1000,
    CONNECTIONS_PER_IP_MAX = 900, /* of one address; behind a proxy, which is one, as many as there are */
    THREAD_STACK_BYTES = 256 * 1024,
    LAST_ANSWERS_S = 1,
    EXTERNAL_WAIT_MS = 50
};

union address {
    struct sockaddr any;
    struct sockaddr_in ip4;
    struct sockaddr_in6 ip6;
};

static bool address_parse(const struct options *options, union address *address) {
    memset(address, 0, sizeof(*address));
    if (inet_pton(AF_INET, options->address, &address->ip4.sin_addr) == 1) {
        address->ip4.sin_family = AF_INET;
        address->ip4.sin_port = htons(options->port);
        return true;
    }
    if (inet_pton(AF_INET6, options->address, &address->ip6.sin6_addr) == 1) {
        address->ip6.sin6_family = AF_INET6;
        address->ip6.sin6_port = htons(options->port);
        return true;
    }
    fprintf(stderr, "arena-http-server: '%s' is not a numeric IPv4 or IPv6 address\n", options->address);
    return false;
}

/* SIGINT and SIGTERM wait until they are asked for; a client that left is an error of the write, not a signal. */
static void signals_setup(sigset_t *stops) {
    struct sigaction action = {.sa_handler = SIG_DFL};
    /* A shell starts background jobs with SIGINT ignored, and an ignored signal might never become pending. */
    sigaction(SIGINT, &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
    sigemptyset(stops);
    sigaddset(stops, SIGINT);
    sigaddset(stops, SIGTERM);
    pthread_sigmask(SIG_BLOCK, stops, NULL);
}

/* poll and select rather than epoll, with which libmicrohttpd 0.9.75 overlooks a client that leaves in the middle of a
 * request's head, and keeps its connection until the timeout.  ITC wakes threads that must stop; without it one whose
 * connections are all taken would sleep on until one of them times out. */
static unsigned daemon_flags(enum options_mode mode) {
    switch (mode) {
    case OPTIONS_MODE_POOL:
    case OPTIONS_MODE_INTERNAL:
        return MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_ALLOW_SUSPEND_RESUME;
    case OPTIONS_MODE_PER_CONNECTION:
        return MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_ITC;
    case OPTIONS_MODE_EXTERNAL:
        break;
    }
    return MHD_ALLOW_SUSPEND_RESUME;
}

static struct MHD_Daemon *daemon_start(const struct options *options, const union address *address,
                                       struct service *service) {
    unsigned flags = daemon_flags(options->mode);
    struct arena_mhd *mhd = service_mhd(service);
    if (address->any.sa_family == AF_INET6) flags |= MHD_USE_IPv6;
    const struct MHD_OptionItem pool[] = {
        {MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)options->threads, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    return MHD_start_daemon(flags, options->port, NULL, NULL, arena_mhd_access, mhd, MHD_OPTION_NOTIFY_COMPLETED,
                            arena_mhd_completed, mhd, MHD_OPTION_URI_LOG_CALLBACK, arena_mhd_uri, mhd,
                            MHD_OPTION_SOCK_ADDR, &address->any, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                            (size_t)CONNECTION_MEMORY_BYTES, MHD_OPTION_CONNECTION_TIMEOUT,
                            (unsigned)CONNECTION_TIMEOUT_S, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
                            MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)CONNECTIONS_PER_IP_MAX,
                            MHD_OPTION_THREAD_STACK_SIZE, (size_t)THREAD_STACK_BYTES, MHD_OPTION_ARRAY,
                            options->mode == OPTIONS_MODE_POOL ? pool : pool + 1, MHD_OPTION_END);
}

/* The port that the daemon got, 0 if that cannot be told. */
static unsigned daemon_port(struct MHD_Daemon *daemon) {
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_LISTEN_FD);
    union address bound;
    socklen_t size = sizeof(bound);
    if (info == NULL || getsockname(info->listen_fd, &bound.any, &size) != 0) return 0;
    return ntohs(bound.any.sa_family == AF_INET6 ? bound.ip6.sin6_port : bound.ip4.sin_port);
}

/* Returns the signal that ended it. */
static int serve(struct MHD_Daemon *daemon, enum options_mode mode, const sigset_t *stops) {
    const struct timespec at_once = {0, 0};
    int stop = 0;
    if (mode != OPTIONS_MODE_EXTERNAL) {
        sigwait(stops, &stop);
        return stop;
    }
    do {
        MHD_run_wait(daemon, EXTERNAL_WAIT_MS);
        stop = sigtimedwait(stops, NULL, &at_once);
    } while (stop < 0);
    return stop;
}

/* Until no request is open, or the time is over.  With external polling somebody has to go on serving them. */
static void drain(struct MHD_Daemon *daemon, enum options_mode mode, struct service *service, unsigned seconds) {
    struct arena_context *context;
    if (arena_context_with_timeout(NULL, (int64_t)seconds * 1000000000, &context) != ARENA_OK) return;
    if (mode != OPTIONS_MODE_EXTERNAL) {
        (void)!arena_mhd_drain(service_mhd(service), context);
        arena_context_release(context);
        return;
    }
    struct arena_context *at_once; /* has ended: a look, without a wait */
    if (arena_context_with_timeout(context, 0, &at_once) == ARENA_OK) {
        while (arena_mhd_drain(service_mhd(service), at_once) != ARENA_OK && arena_context_status(context) == ARENA_OK)
            MHD_run_wait(daemon, EXTERNAL_WAIT_MS);
        arena_context_release(at_once);
    }
    arena_context_release(context);
}

/* In this order: no more requests; those that are open; those that wait, and the time to send what they are answered; the
 * daemon, which must have none that waits. */
static void stop_serving(struct MHD_Daemon *daemon, const struct options *options, struct service *service) {
    drain(daemon, options->mode, service, options->drain_s);
    service_stop(service);
    drain(daemon, options->mode, service, LAST_ANSWERS_S);
    MHD_stop_daemon(daemon);
}

static void report(const struct service_figures *figures) {
    printf("requests answered   %llu (%llu with 2xx, %llu with 4xx, %llu with 5xx)\n"
           "requests cut short  %llu\n"
           "arenas made         %zu\n",
           figures->answered_ok + figures->answered_refused + figures->answered_failed, figures->answered_ok,
           figures->answered_refused, figures->answered_failed, figures->cut_short, figures->arenas);
}

static int run(const struct options *options, const union address *address, struct service *service,
               const sigset_t *stops) {
    struct MHD_Daemon *daemon = daemon_start(options, address, service);
    if (daemon == NULL) {
        fprintf(stderr, "arena-http-server: cannot listen on %s port %u: %s\n", options->address,
                (unsigned)options->port, strerror(errno));
        return 1;
    }
    bool ip6 = address->any.sa_family == AF_INET6;
    printf("listening on http://%s%s%s:%u/ (mode %s)\n", ip6 ? "[" : "", options->address, ip6 ? "]" : "",
           daemon_port(daemon), options_mode_name(options->mode));
    fflush(stdout);
    int stop = serve(daemon, options->mode, stops);
    printf("stopping: %s\n", strsignal(stop));
    fflush(stdout);
    stop_serving(daemon, options, service);
    return 0;
}

int main(int argc, char **argv) {
    struct options options;
    switch (options_parse(argc, argv, &options)) {
    case OPTIONS_RUN:
        break;
    case OPTIONS_DONE:
        return 0;
    case OPTIONS_WRONG:
        return 2;
    }
    union address address;
    if (!address_parse(&options, &address)) return 2;
    sigset_t stops;
    signals_setup(&stops); /* before there is a second thread, which would get them otherwise */
    struct service *service;
    const struct service_options what = {
        .fields = options.fields,
        .arenas = options.arenas,
        .folder = options.folder,
        .log = options.log,
        .suspends = options.mode != OPTIONS_MODE_PER_CONNECTION,
    };
    int status = service_create(&what, &service);
    if (status != ARENA_OK) {
        fprintf(stderr, "arena-http-server: %s\n", arena_strerror(status));
        return 1;
    }
    int result = run(&options, &address, service, &stops);
    struct service_figures figures;
    service_figures(service, &figures);
    status = service_destroy(service);
    if (result == 0) report(&figures);
    if (result == 0 || status != ARENA_OK)
        printf("arenas back         %s\n", status == ARENA_OK ? "all" : arena_strerror(status));
    return status == ARENA_OK ? result : 1;
}
