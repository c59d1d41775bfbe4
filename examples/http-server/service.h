/* SPDX-License-Identifier: MIT */
/* arena-http-server: the service, but for the daemon that it is served by (main.c). */
#ifndef SERVICE_H
#define SERVICE_H

#include <arena/mhd.h>

enum {
    SERVICE_FIELDS_MAX = 10000,         /* that --fields can ask for */
    SERVICE_BODY_MAX_BYTES = 64 * 1024, /* of a body that is collected */
    SERVICE_FILE_MAX_BYTES = 1 << 30,   /* of one that is streamed to disk */
    SERVICE_LARGE_MAX_MIB = 16,         /* of an answer made in the arena */
};

struct service;

struct service_options {
    size_t fields;      /* that a request may have */
    size_t arenas;      /* that may be out at a time: that many requests are answered at once */
    const char *folder; /* where files are, without a slash at its end; NULL: there are none */
    bool log;           /* a line on standard output for each request */
    bool suspends;      /* the daemon can suspend connections: it has no thread for each */
};

/* Statuses as for arena_mhd_create. */
int service_create(const struct service_options *options, struct service **out);
/* For MHD_start_daemon. */
struct arena_mhd *service_mhd(struct service *service);

/* Between the end of arena_mhd_drain and MHD_stop_daemon: answers what is suspended, and suspends no more. */
void service_stop(struct service *service);

struct service_figures {
    unsigned long long answered_ok; /* 2xx and 3xx */
    unsigned long long answered_refused;
    unsigned long long answered_failed;
    unsigned long long cut_short; /* over before there was an answer, or while it was sent */
    size_t arenas;                /* made so far */
};

void service_figures(struct service *service, struct service_figures *figures);

/* After MHD_stop_daemon.  ARENA_EBUSY: an arena is missing. */
int service_destroy(struct service *service);

#endif
