/* SPDX-License-Identifier: MIT */
/* libarena-mhd: one arena per HTTP request of libmicrohttpd.  Link with -larena-mhd.
 *
 *   struct arena_mhd *mhd;
 *   arena_mhd_create(pool, handler, user, &mhd);
 *   daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_ITC, 0, NULL, NULL, arena_mhd_access, mhd,
 *                             MHD_OPTION_NOTIFY_COMPLETED, arena_mhd_completed, mhd,
 *                             MHD_OPTION_URI_LOG_CALLBACK, arena_mhd_uri, mhd,
 *                             MHD_OPTION_SOCK_ADDR, address,              (loopback, unless other machines may connect)
 *                             MHD_OPTION_CONNECTION_TIMEOUT, 15u,         (for idle clients, and heads sent slowly)
 *                             MHD_OPTION_CONNECTION_LIMIT, 1000u,
 *                             MHD_OPTION_PER_IP_CONNECTION_LIMIT, 100u,
 *                             MHD_OPTION_END);
 *   ...
 *   arena_mhd_drain(mhd, context);
 *   MHD_stop_daemon(daemon);
 *   arena_mhd_destroy(mhd);
 *
 * The handler is called once a request is whole, with an arena of the pool in the request's context.  The arena goes
 * back to the pool, reset, exactly once, whatever way the request ends: when the request has completed, the last
 * response that points into it is gone, and the last retain is released; on whatever thread that is.
 *
 * What the binding answers by itself, as plain text unless the program's `refuse` has other words:
 *   400   the request can be mistaken for another one, or for two; the connection closes (below)
 *   413   the body exceeds the limit.  Where the binding reads it to its end the connection survives; a body that is
 *         much longer (by 16 MiB), or one the client asked about first (Expect: 100-continue), is not read, and costs
 *         the connection
 *   500   the handler returned MHD_YES, but neither queued a response (an interim one, 1xx, is none) nor suspended the
 *         connection; the connection was resumed with no response queued; or a panic ended the handler (below).  Where
 *         the program did not take a piece of a streamed body, the connection closes too
 *   503   the pool has no arena left, bodies hold all they may, or memory has run out: at once, without waiting for any
 *         of them; or the server drains, then the connection closes.  With Retry-After
 *
 * What is 400: a NUL byte in the target, a header or an argument; and, unless ARENA_MHD_LENIENT, what RFC 9112 forbids
 * and lets requests be smuggled: several or unparsable Content-Length, Content-Length beside Transfer-Encoding, a
 * transfer coding other than chunked, one in HTTP/1.0, no Host in HTTP/1.1, several or a malformed one, names that are
 * no tokens (with blanks, empty), a bare CR in a value, obsolete folding, a target that is none.  As far as
 * libmicrohttpd lets the binding see it; docs/http.md has the table of what it does not.
 *
 * Time: options read_timeout_ns, write_timeout_ns and context_timeout_ns.  At their end the connection closes without
 * an answer, within a second; progress does not prolong them.  They hold in every thread mode; for what libmicrohttpd
 * reads and writes without telling, the binding adds a connection of its own to the daemon, one at a time, for a second
 * each (docs/http.md has more; MHD_USE_ITC is needed where the daemon has threads).  What they do not cover: the head
 * of a request (MHD_OPTION_CONNECTION_TIMEOUT does), connections while they are suspended or once they are upgraded,
 * and responses of the handler's own making that a client takes slowly from a server without other requests.
 *
 * Panics: what the program gave runs inside arena_protect.  A handler, begin or piece that panics is answered 500 and
 * the server goes on; if it had queued a response already, the connection is closed instead; if the handler had
 * suspended the connection, that is resumed, unless the request is retained: then its holder has to answer and
 * resume.  A read that panics has failed.  As everywhere, a panic must not leave a C++ frame with a destructor to
 * run.
 *
 * libmicrohttpd's *req_cls belongs to the binding.  What another URI-log callback than arena_mhd_uri puts there is left
 * alone, and not seen again.
 *
 * Thread safety: struct arena_mhd serves one or more daemons in any thread mode.  Of the functions on a request (a
 * clone is the same request), add_header, next_part and those that respond may be called by one thread at a time, the
 * others by any at once.
 */
#ifndef ARENA_MHD_H
#define ARENA_MHD_H

#include <arena/context.h>
#include <arena/pool.h>

#include <microhttpd.h>

ARENA_BEGIN_DECLS

struct arena_mhd;
struct arena_request;

/* Answers one request: by arena_request_respond and its kin, or by MHD's own calls on arena_request_connection.  Called
 * once for each, on a thread of the daemon (external polling: the caller's).  It ends by returning or by a panic, no
 * other way.
 *
 * Not MHD_YES: the connection is closed.  One that is suspended is resumed to that end, unless the request is retained:
 * then its holder has to answer and resume.  MHD_YES with no response queued is for a connection that the
 * handler has suspended (MHD_suspend_connection; not with a thread per connection): retain the request, let any thread
 * answer it, then MHD_resume_connection, then release.
 *
 * For an upgrade, pass the request to MHD_create_response_for_upgrade, retain it in the upgrade handler, and release it
 * when the session ends.  Not sooner: for a client that leaves before it has its answer, libmicrohttpd calls no upgrade
 * handler, and nothing would release the request.  With a thread per connection libmicrohttpd reports completion, which
 * ends the context, when the session begins. */
typedef enum MHD_Result arena_mhd_handler(struct arena_request *request, void *user);

/* Flags of arena_mhd_options. */
enum {
    ARENA_MHD_LENIENT = 1 /* takes what RFC 9112 forbids as libmicrohttpd does; NUL bytes are refused all the same */
};

/* Begins with its own size; fields that are 0 are the defaults.  What is not understood is ARENA_EINVAL, a negative
 * time too.  `user` is the handler's. */
struct arena_mhd_options {
    size_t struct_size; /* sizeof(struct arena_mhd_options) */
    /* A longer request body is answered 413; 0: 1 MiB.  With a pool of byte arenas (arena_type_bytes) the body lies in
     * the request's arena, which is checked out at its first byte: 413 where it does not fit.  With other pools it lies
     * in memory of the binding's own. */
    size_t body_limit_bytes;

    /* Called when the headers are known, and the body and the arena are not there (the context carries nothing).
     * Answers at once, or prepares: arena_request_set_body_limit, arena_request_stream_body, arena_request_set_user.
     * MHD_YES goes on; otherwise the connection closes.  Where a body is announced an answer goes out before it,
     * instead of 100 Continue if the client asked, and costs the connection.  It must not suspend the connection. */
    enum MHD_Result (*begin)(struct arena_request *request, void *user);
    /* Once for every request whose head was read, also for those that the binding answered, when it is over and before
     * the arena goes.  `status`: of the answer that was queued, 0 if none was.  A request that a timeout of the binding
     * ended has MHD_REQUEST_TERMINATED_TIMEOUT_REACHED.  It may only read the request.  Not called for what
     * libmicrohttpd answers by itself, nor where there was no memory to remember the request by. */
    void (*completed)(struct arena_request *request, unsigned status, enum MHD_RequestTerminationCode termination,
                      void *user);
    /* Other words for an answer of the binding's own.  *content_type and *body are what it would say, and may be
     * replaced by texts with a NUL behind that are static or live until completed. */
    void (*refuse)(struct arena_request *request, unsigned status, const char **content_type, const char **body,
                   void *user);
    /* What collected bodies may hold at a time, all together, where no byte arena holds them; beyond it 503; 0: 64
     * MiB. */
    size_t total_body_bytes;

    int64_t read_timeout_ns;    /* from the headers to the end of the body; 0: 30 s */
    int64_t write_timeout_ns;   /* from the answer being queued to its last byte; 0: 60 s */
    int64_t context_timeout_ns; /* from the headers to the end: the deadline of the request's context; 0: none */
    uint32_t flags;             /* ARENA_MHD_LENIENT */
};

/* sizeof(struct arena_mhd_options), in bytes, for bindings that check their own declaration. */
ARENA_API size_t arena_mhd_options_size(void);

/* Binds a pool, which must outlive it, to a handler.  ARENA_EINVAL: pool, handler or out is NULL, options not
 * understood.  ARENA_ENOMEM: no memory. */
ARENA_API ARENA_NODISCARD int arena_mhd_create(struct arena_pool *pool, arena_mhd_handler *handler, void *user,
                                               struct arena_mhd **out);
/* The same with options; NULL: the defaults. */
ARENA_API ARENA_NODISCARD int arena_mhd_create_with(struct arena_pool *pool, arena_mhd_handler *handler, void *user,
                                                    const struct arena_mhd_options *options, struct arena_mhd **out);

/* Ends the binding, after MHD_stop_daemon on every daemon that it serves: finds the requests that never completed, and
 * takes their arenas back.  NULL is legal.  Panics, and changes nothing, while a request is still retained. */
ARENA_API void arena_mhd_destroy(struct arena_mhd *mhd);
/* As arena_mhd_destroy, but a status instead of a panic: ARENA_EBUSY, and nothing changed, while a request is still
 * retained. */
ARENA_API ARENA_NODISCARD int arena_mhd_destroy_checked(struct arena_mhd *mhd);

/* Drains: from now on every new request is answered 503 and its connection closed, and answers that are under way close
 * theirs.  Waits until no request is open.  ARENA_OK: none is.  ARENA_ECANCELED, ARENA_ETIMEDOUT: the context
 * ended first; that ends the wait (within some 10 ms), not the draining.  ARENA_EBUSY: called from a handler or hook of
 * this binding; nothing has begun.  ARENA_EINVAL: mhd is NULL.  Any thread, several at once; with external polling not
 * the one that polls, unless its context has ended.  docs/http.md has the recipe for stopping with suspended requests.
 */
ARENA_API ARENA_NODISCARD int arena_mhd_drain(struct arena_mhd *mhd, struct arena_context *context);

/* The access handler for MHD_start_daemon, with the struct arena_mhd as its closure: libmicrohttpd calls it, not the
 * program. */
ARENA_API enum MHD_Result arena_mhd_access(void *mhd, struct MHD_Connection *connection, const char *url,
                                           const char *method, const char *version, const char *upload_data,
                                           size_t *upload_data_size, void **req_cls);
/* The callback for MHD_OPTION_NOTIFY_COMPLETED, with the struct arena_mhd as its closure: libmicrohttpd calls it, not
 * the program. */
ARENA_API void arena_mhd_completed(void *mhd, struct MHD_Connection *connection, void **req_cls,
                                   enum MHD_RequestTerminationCode termination);
/* For MHD_OPTION_URI_LOG_CALLBACK, with the struct arena_mhd as closure: remembers the target as it was sent. */
ARENA_API void *arena_mhd_uri(void *mhd, const char *uri, struct MHD_Connection *connection);

/* Makes a new request that carries `arena` in its context; the original stays as it was, and all else reads the same
 * from both.  It lives and ends with its request; the caller does not release it (unless retained).  A NULL arena hides
 * those of every type.
 * ARENA_EINVAL: request or out is NULL.  ARENA_ENOMEM: no memory.  *out is NULL after a failure. */
ARENA_API ARENA_NODISCARD int arena_request_inject(struct arena_request *request, struct arena *arena,
                                                   struct arena_request **out);
/* arena_extract on the request's context, with its statuses; ARENA_EINVAL when request is NULL. */
ARENA_API ARENA_NODISCARD int arena_request_extract(struct arena_request *request, const struct arena_type *type,
                                                    struct arena **out);

/* What follows is valid while the request lives, on any thread, but for the connection. */

/* The connection that the request came by; NULL once the request has completed. */
ARENA_API struct MHD_Connection *arena_request_connection(struct arena_request *request);
/* The method as it was sent: "GET". */
ARENA_API const char *arena_request_method(struct arena_request *request);
/* The path, decoded, without the query; of an absolute target (http://host/path) its path too; "*" of OPTIONS *. */
ARENA_API const char *arena_request_url(struct arena_request *request);
/* The version as it was sent: "HTTP/1.1". */
ARENA_API const char *arena_request_version(struct arena_request *request);
/* The target as it was sent, query included; NULL unless the daemon has arena_mhd_uri. */
ARENA_API const char *arena_request_target(struct arena_request *request);
/* The value of the header so named, without case; of several the first.  NULL: not there. */
ARENA_API const char *arena_request_header(struct arena_request *request, const char *name);
/* The value of the argument so named, decoded; of several the first.  One without a value reads "".  NULL: not there.
 */
ARENA_API const char *arena_request_argument(struct arena_request *request, const char *name);
/* The body, and its length in *size_bytes, which may be NULL.  Never NULL, also when the body is empty or was streamed;
 * a NUL that is not counted follows it. */
ARENA_API const void *arena_request_body(struct arena_request *request, size_t *size_bytes);
/* The request's own reference: retain it to keep it longer (the arena it carries lives as long as the request).
 * Cancelled when the request completes.  NULL, which is the background, in begin. */
ARENA_API struct arena_context *arena_request_context(struct arena_request *request);

/* One name and value; a NUL that is not counted follows each. */
struct arena_field {
    const char *name;
    size_t name_bytes;
    const char *value; /* NULL: there was none at all, as in "?name" */
    size_t value_bytes;
};

enum arena_field_kind {
    ARENA_FIELD_HEADER,
    ARENA_FIELD_ARGUMENT, /* of the query, decoded */
    ARENA_FIELD_COOKIE,
    ARENA_FIELD_FORM /* of a body of type application/x-www-form-urlencoded, decoded; it may hold NUL bytes */
};

/* sizeof(struct arena_field), in bytes, for bindings that check their own declaration. */
ARENA_API size_t arena_field_size(void);

/* Hands out the next field of that kind, in the order they came; *cursor is 0 at first.  false, with
 * *out unchanged: there is no other one, also when called again; the kind is not known; an argument is NULL; or there
 * is no memory for a form.  Trailers are not among the fields. */
ARENA_API bool arena_request_next_field(struct arena_request *request, int kind, size_t *cursor,
                                        struct arena_field *out);

/* One part of a body of type multipart/form-data: a field or a file of a form.  A NUL that is not counted follows each
 * text, and the data. */
struct arena_part {
    const char *name;
    size_t name_bytes;
    const char *file_name; /* as the client has it, which is no path to open; NULL: a field, no file */
    size_t file_name_bytes;
    const char *content_type; /* NULL: the part has none */
    size_t content_type_bytes;
    const char *data; /* in the request's body; it may hold NUL bytes */
    size_t data_bytes;
};

/* sizeof(struct arena_part), in bytes, for bindings that check their own declaration. */
ARENA_API size_t arena_part_size(void);

/* Hands out the next part, in the order they came; *cursor is 0 at first.  Nothing is copied: the first call writes the
 * NULs into the body, over what stood between the parts, so that arena_request_body is of no use afterwards.  false:
 * there is none any more (*out is unchanged), again and again; and none at all where the body is of another type, was
 * streamed, is not well formed in whatever part of it (RFC 7578; stricter than the RFC where two readers could differ),
 * has more than 1000 parts, or memory has run out; and for a NULL argument.  One thread at a time. */
ARENA_API bool arena_request_next_part(struct arena_request *request, size_t *cursor, struct arena_part *out);

/* Gives the request an arena that is out of a pool: it goes back, reset, when the request ends (the last response that
 * may point into it is gone, and the last retain is released).  Nobody else may return it any more.
 * ARENA_EINVAL: request or arena is NULL, or the arena is not out of a pool, a scope's, or a request's already (as its
 * own is).  ARENA_ENOMEM: no memory; the arena stays the caller's. */
ARENA_API ARENA_NODISCARD int arena_request_own(struct arena_request *request, struct arena *arena);

/* A pointer of the program's own, NULL at first; the clones of a request share it. */
ARENA_API void arena_request_set_user(struct arena_request *request, void *user);
/* The pointer that arena_request_set_user set last; NULL where it was never called. */
ARENA_API void *arena_request_user(struct arena_request *request);

/* In `begin` only, elsewhere ARENA_EINVAL (and when request is NULL): the limit for this request's body, also for one
 * that is streamed.  0: no body at all. */
ARENA_API ARENA_NODISCARD int arena_request_set_body_limit(struct arena_request *request, size_t bytes);
/* In `begin` only, elsewhere ARENA_EINVAL (and when request or piece is NULL): the body is handed to piece(request,
 * data, size_bytes, user) as it arrives, on the daemon's thread, instead of being collected.  A piece that does not
 * return ARENA_OK is the last; the request is answered 500, without the handler, and the connection closes. */
ARENA_API ARENA_NODISCARD int arena_request_stream_body(struct arena_request *request,
                                                        int (*piece)(struct arena_request *request, const void *data,
                                                                     size_t size_bytes, void *user),
                                                        void *user);

/* For upgraded and suspended requests, and for responses of the handler's own that point into the arena (release in
 * their free callback): what the request holds, its arena and clones included, stays until arena_request_release.
 * Returns its argument.  NULL is legal. */
ARENA_API struct arena_request *arena_request_retain(struct arena_request *request);
/* Takes one arena_request_retain back; from any thread.  NULL is legal.  Panics when nothing is retained. */
ARENA_API void arena_request_release(struct arena_request *request);
/* As arena_request_release, but a status instead of a panic: ARENA_EINVAL when nothing is retained. */
ARENA_API ARENA_NODISCARD int arena_request_release_checked(struct arena_request *request);

/* Adds a header to the answer to come, copied; several of the same name are sent in order.  It stays after a respond
 * that failed; answers of the binding's own do not have it.
 * ARENA_EINVAL: request, name or value is NULL, the name is no token, the value is empty or has CR or LF, or the header
 * is the server's: Content-Length, Transfer-Encoding, TE, Trailer, Connection, Keep-Alive, Upgrade, Date.
 * ARENA_ENOMEM: no memory.  ARENA_EBUSY: after a respond that succeeded.  ARENA_ECANCELED: the request has completed.
 */
ARENA_API ARENA_NODISCARD int arena_request_add_header(struct arena_request *request, const char *name,
                                                       const char *value);

/* The three that respond.  From the handler's or begin's thread until it returns; after that while the connection is
 * suspended, from any.  content_type may be NULL.  To HEAD, and for a status that has no body, the body is not sent.
 * ARENA_EINVAL: request NULL, a status outside 200 to 999, a content type that is empty or has a line break, and below.
 * ARENA_ENOMEM: no memory.  ARENA_EBUSY: a response was queued already, or the connection takes none now.
 * ARENA_ECANCELED: the request has completed.  After a failure the next call may succeed. */

/* Queues a response whose body is sent from where it lies, in the arena or in static memory; the arena lives until the
 * last byte is sent.  body may be NULL when size_bytes is 0, else that is ARENA_EINVAL. */
ARENA_API ARENA_NODISCARD int arena_request_respond(struct arena_request *request, unsigned status,
                                                    const char *content_type, const void *body, size_t size_bytes);

/* As arena_request_respond, with a text that has a NUL behind it, for the last line of a handler: MHD_YES; or MHD_NO,
 * which closes the connection, where arena_request_respond fails.  A NULL text, as arena_bytes_try_printf gives where
 * there is no room, is answered 500: MHD_YES with no response queued (in begin: MHD_NO). */
ARENA_API ARENA_NODISCARD enum MHD_Result arena_request_answer(struct arena_request *request, unsigned status,
                                                               const char *content_type, const char *text);

/* Queues a response whose body comes from read(user, offset, to, most), called on the connection's thread as the client
 * takes it: the bytes it put at `to`, which begin at `offset`; 0 at the end; -1 when it failed.  It must not wait long:
 * meanwhile an event loop serves nobody.  size_bytes: of the whole body; -1: not known, then it is sent chunked (to
 * HTTP/1.0: to the end of the connection).  Where read fails, hands out more than it was asked for, or ends before
 * size_bytes, the connection closes; so it does behind an answer to HEAD, or 304, of a size that is not known.  To HEAD
 * read is not called.  end(user) (or NULL) is called once after a success,
 * on whatever thread, when the response is gone; after a failure it is not.  The request's arena lives until then.
 * ARENA_EINVAL also: read is NULL, size_bytes below -1. */
ARENA_API ARENA_NODISCARD int
arena_request_respond_stream(struct arena_request *request, unsigned status, const char *content_type,
                             int64_t size_bytes, int64_t (*read)(void *user, uint64_t offset, char *to, size_t most),
                             void (*end)(void *user), void *user);

/* Queues a response whose body is that part of a regular file.  After a success the descriptor is the library's, which
 * closes it; after a failure it stays the caller's.  ARENA_EINVAL also: not a regular file, or beyond its end. */
ARENA_API ARENA_NODISCARD int arena_request_respond_file(struct arena_request *request, unsigned status,
                                                         const char *content_type, int fd, uint64_t offset,
                                                         uint64_t size_bytes);

ARENA_END_DECLS

#endif
