/* SPDX-License-Identifier: MIT */
/* arena-http-server: what is served.
 *
 *   GET, POST /parse        the query arguments and the form-encoded body, as JSON
 *   GET       /sum?n=1&n=2  the sum of the whole numbers given as n, as JSON
 *   GET       /healthz      ok
 *
 * A request that comes in has an arena of fields already, which libarena-mhd took out of the pool that the service is
 * bound to.  The service adds one for text (text.h) and answers out of the two.
 *
 * Thread safety: create, figures and destroy are called by one thread, while no daemon serves; the callbacks of
 * libmicrohttpd run on any thread.
 */
#ifndef SERVICE_H
#define SERVICE_H

#include <arena/mhd.h>

/* The largest head and body of a request.  Beyond the first libmicrohttpd answers 414 or 431, beyond the second
 * libarena-mhd answers 413. */
enum { SERVICE_HEAD_MAX_BYTES = 32 * 1024, SERVICE_BODY_MAX_BYTES = 64 * 1024 };

enum { SERVICE_FIELDS_MAX = 16 * 1024 };

struct service;

struct service_figures {
    unsigned long long answered_ok;      /* 2xx */
    unsigned long long answered_refused; /* 4xx */
    unsigned long long answered_failed;  /* 5xx */
    unsigned long long cut_short;        /* requests that did not complete: the client left, or the daemon stopped */
    size_t field_arenas;                 /* arenas made */
    size_t text_arenas;
};

/* A service whose requests hold up to `fields` fields, 1 to SERVICE_FIELDS_MAX.  Statuses as for arena_pool_create. */
int service_create(size_t fields, struct service **out);

/* The binding: closure of arena_mhd_access. */
struct arena_mhd *service_mhd(struct service *service);

/* For MHD_OPTION_NOTIFY_COMPLETED and MHD_OPTION_UNESCAPE_CALLBACK, with the service as closure of each. */
void service_completed(void *service, struct MHD_Connection *connection, void **req_cls,
                       enum MHD_RequestTerminationCode termination);
size_t service_unescape(void *service, struct MHD_Connection *connection, char *text);

void service_figures(struct service *service, struct service_figures *out);

/* After MHD_stop_daemon.  ARENA_EBUSY: an arena never came back, and the pools are left as they are. */
int service_destroy(struct service *service);

#endif
