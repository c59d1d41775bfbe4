/* SPDX-License-Identifier: MIT */
/* libarena-mhd: one arena per HTTP request of libmicrohttpd.  Link with -larena-mhd.
 *
 *   struct arena_mhd *mhd;
 *   arena_mhd_create(pool, handler, user, &mhd);
 *   daemon = MHD_start_daemon(flags, port, NULL, NULL, arena_mhd_access, mhd,
 *                             MHD_OPTION_NOTIFY_COMPLETED, arena_mhd_completed, mhd, MHD_OPTION_END);
 *   ...
 *   MHD_stop_daemon(daemon);
 *   arena_mhd_destroy(mhd);
 *
 * The handler is called once a request is whole, with an arena of the pool in the request's context.  The arena goes
 * back to the pool, reset, exactly once, whatever way the request ends: when the request has completed, the last
 * response that points into it is gone, and the last retain is released; on whatever thread that is.
 *
 * What the binding answers by itself, as plain text:
 *   413   the body exceeds the limit.  Read to its end the connection survives; a body that is much longer (by 16 MiB),
 *         or one the client asked about first (Expect: 100-continue), is not read, and costs the connection
 *   500   the handler returned MHD_YES, but neither queued a response (an interim one, 1xx, is none) nor suspended the
 *         connection; the connection was resumed with no response queued; or a panic ended the handler (below)
 *   503   the pool has no arena left, or memory has run out: at once, without waiting for either
 *
 * Panics: the handler runs inside arena_protect.  One that panics is answered 500 and the server goes on; if it had
 * queued a response already, the connection is closed instead; if it had suspended the connection, that is resumed,
 * unless the request is retained: then the one who holds it has to answer and resume.  As everywhere, a panic must not
 * leave a C++ frame with a destructor to run.
 *
 * libmicrohttpd's *req_cls belongs to the binding.  What a URI-log callback puts there is left alone, and not seen
 * again.
 *
 * Thread safety: struct arena_mhd serves one or more daemons in any thread mode.  Of the functions on a request (a
 * clone is the same request), respond may be called by one thread at a time, the others by any at once.
 */
#ifndef ARENA_MHD_H
#define ARENA_MHD_H

#include <arena/context.h>
#include <arena/pool.h>

#include <microhttpd.h>

ARENA_BEGIN_DECLS

struct arena_mhd;
struct arena_request;

/* Answers one request: by arena_request_respond, or by MHD's own calls on arena_request_connection.  Called once for
 * each, on a thread of the daemon (external polling: the caller's).  It ends by returning or by a panic, no other way.
 *
 * Not MHD_YES: the connection is closed.  One that is suspended is resumed to that end, unless the request is retained:
 * then the one who holds it has to answer and resume.  MHD_YES with no response queued is for a connection that the
 * handler has suspended (MHD_suspend_connection; not with a thread per connection): retain the request, let any thread
 * answer it, then MHD_resume_connection, then release.
 *
 * For an upgrade, pass the request to MHD_create_response_for_upgrade, retain it in the upgrade handler, and release it
 * when the session ends.  Not sooner: for a client that leaves before it has its answer, libmicrohttpd calls no upgrade
 * handler, and nothing would release the request.  With a thread per connection libmicrohttpd reports completion, which
 * ends the context, when the session begins. */
typedef enum MHD_Result arena_mhd_handler(struct arena_request *request, void *user);

/* Begins with its own size; fields that are 0 are the defaults.  What is not understood is ARENA_EINVAL. */
struct arena_mhd_options {
    size_t struct_size;      /* sizeof(struct arena_mhd_options) */
    size_t body_limit_bytes; /* a longer request body is answered 413; 0: 1 MiB */
};

/* sizeof(struct arena_mhd_options) in bytes, for bindings that check their own declaration. */
ARENA_API size_t arena_mhd_options_size(void);

/* Binds a pool, which must outlive it, to a handler.  ARENA_EINVAL: pool, handler or out is NULL, options not
 * understood.  ARENA_ENOMEM: no memory. */
ARENA_API int arena_mhd_create(struct arena_pool *pool, arena_mhd_handler *handler, void *user, struct arena_mhd **out);
/* As arena_mhd_create, with options; NULL: the defaults.  What is not understood of them is ARENA_EINVAL. */
ARENA_API int arena_mhd_create_with(struct arena_pool *pool, arena_mhd_handler *handler, void *user,
                                    const struct arena_mhd_options *options, struct arena_mhd **out);

/* After MHD_stop_daemon on every daemon it serves.  Finds the requests that never completed and takes their arenas
 * back.  NULL is legal.  Panics, and changes nothing, while a request is still retained. */
ARENA_API void arena_mhd_destroy(struct arena_mhd *mhd);

/* The access handler for MHD_start_daemon, with the struct arena_mhd as its closure: libmicrohttpd calls it, not the
 * program. */
ARENA_API enum MHD_Result arena_mhd_access(void *mhd, struct MHD_Connection *connection, const char *url,
                                           const char *method, const char *version, const char *upload_data,
                                           size_t *upload_data_size, void **req_cls);
/* The callback for MHD_OPTION_NOTIFY_COMPLETED, with the struct arena_mhd as its closure: libmicrohttpd calls it, not
 * the program. */
ARENA_API void arena_mhd_completed(void *mhd, struct MHD_Connection *connection, void **req_cls,
                                   enum MHD_RequestTerminationCode termination);

/* A new request that carries `arena` in its context; the original stays as it was, and all else reads the same from
 * both.  It lives and ends with its request; the caller does not release it (unless retained).  A NULL arena hides
 * those of every type.
 * ARENA_EINVAL: request or out is NULL.  ARENA_ENOMEM: no memory.  *out is NULL after a failure. */
ARENA_API int arena_request_inject(struct arena_request *request, struct arena *arena, struct arena_request **out);
/* arena_extract on the request's context, with its statuses; ARENA_EINVAL when request is NULL. */
ARENA_API int arena_request_extract(struct arena_request *request, const struct arena_type *type, struct arena **out);

/* libmicrohttpd's connection; NULL once the request has completed. */
ARENA_API struct MHD_Connection *arena_request_connection(struct arena_request *request);
/* The method, "GET" say, as the client sent it.  Valid while the request lives, on any thread. */
ARENA_API const char *arena_request_method(struct arena_request *request);
/* The path, decoded, without the query.  Valid while the request lives, on any thread. */
ARENA_API const char *arena_request_url(struct arena_request *request);
/* The version, "HTTP/1.1" say.  Valid while the request lives, on any thread. */
ARENA_API const char *arena_request_version(struct arena_request *request);
/* The value of the header of that name, which is matched without case; of several, the first.  NULL: not there.  Valid
 * while the request lives, on any thread. */
ARENA_API const char *arena_request_header(struct arena_request *request, const char *name);
/* The value of the query's argument of that name, decoded; of several, the first.  One without a value reads "", one
 * with a NUL byte ends there.  NULL: not there.  Valid while the request lives, on any thread. */
ARENA_API const char *arena_request_argument(struct arena_request *request, const char *name);
/* The body, and its size in *size_bytes, which may be NULL.  Not NULL, also when the body is empty; a NUL that is not
 * counted follows it.  Valid while the request lives, on any thread. */
ARENA_API const void *arena_request_body(struct arena_request *request, size_t *size_bytes);
/* The request's context.  The reference is the request's own: retain it to keep it longer (the arena it carries lives
 * as long as the request). Cancelled when the request completes. */
ARENA_API struct arena_context *arena_request_context(struct arena_request *request);

/* For upgraded and suspended requests, and for responses of the handler's own that point into the arena (release in
 * their free callback): what the request holds, its arena and clones included, stays until arena_request_release.
 * Returns its argument.  NULL is legal. */
ARENA_API struct arena_request *arena_request_retain(struct arena_request *request);
/* Takes one arena_request_retain back; from any thread.  NULL is legal.  Panics when nothing is retained. */
ARENA_API void arena_request_release(struct arena_request *request);

/* Queues a response whose body is sent from where it lies, in the arena or in static memory, without copying; the
 * arena lives until the last byte is sent.  content_type may be NULL; body may be NULL when size_bytes is 0.
 * From the handler's thread until it returns; after that while the connection is suspended, from any.
 * ARENA_EINVAL: request NULL, body NULL with a size, a status outside 200 to 999, or a content type that is empty or
 * has a line break.  ARENA_ENOMEM: no memory.  ARENA_EBUSY: a response was queued already, or the connection takes none
 * now.  ARENA_ECANCELED: the request has completed.  After a failure the next call may succeed. */
ARENA_API int arena_request_respond(struct arena_request *request, unsigned status, const char *content_type,
                                    const void *body, size_t size_bytes);

ARENA_END_DECLS

#endif
