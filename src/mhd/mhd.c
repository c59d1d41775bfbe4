/* SPDX-License-Identifier: MIT */
/* struct arena_mhd and the two callbacks for libmicrohttpd.
 *
 * The access handler of libmicrohttpd is called several times for each request.  What each call means here:
 *
 *   the first           The headers are known.  What must last is copied, the exchange is opened.  No response is
 *                       queued, because one queued here costs the connection; but for a body that is announced so long
 *                       that it is not worth reading, and when there is no memory to remember the request by.
 *   with upload data    The piece is taken or thrown away, always as a whole.  Nothing can be queued.
 *   the one after that  The request is whole.  An arena is checked out, the handler runs, once.
 *   any after that      The request was suspended, and resumed with no response: 500.
 *
 * The arena is checked out as late as that so that slow clients cannot exhaust the pool by sending slowly.
 *
 * The connection pointer is used inside the callbacks, and by the functions on a request until it completes. */
#include "mhd/exchange.h"
#include "mhd/refusal.h"

#include <stdlib.h>
#include <string.h>

enum { DEFAULT_BODY_LIMIT_BYTES = 1024 * 1024 };

struct arena_mhd {
    struct arena_pool *pool;
    arena_mhd_handler *handler;
    void *user;
    size_t body_limit_bytes;
    struct refusals refusals;
    struct registry registry;
};

static int create(struct arena_pool *pool, arena_mhd_handler *handler, void *user, size_t body_limit_bytes,
                  struct arena_mhd **out) {
    if (out == NULL) return ARENA_EINVAL;
    *out = NULL;
    if (pool == NULL || handler == NULL) return ARENA_EINVAL;
    struct arena_mhd *mhd = calloc(1, sizeof *mhd);
    if (mhd == NULL) return ARENA_ENOMEM;
    mhd->pool = pool;
    mhd->handler = handler;
    mhd->user = user;
    mhd->body_limit_bytes = body_limit_bytes;
    if (!registry_init(&mhd->registry)) {
        free(mhd);
        return ARENA_ENOMEM;
    }
    if (!refusals_make(&mhd->refusals)) {
        registry_destroy(&mhd->registry);
        free(mhd);
        return ARENA_ENOMEM;
    }
    *out = mhd;
    return ARENA_OK;
}

int arena_mhd_create(struct arena_pool *pool, arena_mhd_handler *handler, void *user, struct arena_mhd **out) {
    return create(pool, handler, user, DEFAULT_BODY_LIMIT_BYTES, out);
}

/* A caller built against another version passes a shorter or a longer struct.  false: it is no struct of options, or
 * asks for what this version does not know. */
static bool read_options(const struct arena_mhd_options *options, struct arena_mhd_options *known) {
    memset(known, 0, sizeof *known);
    if (options == NULL) return true;
    size_t size = options->struct_size;
    if (size < sizeof size) return false;
    const unsigned char *bytes = (const unsigned char *)options;
    for (size_t i = sizeof *known; i < size; i++) {
        if (bytes[i] != 0) return false;
    }
    memcpy(known, options, size < sizeof *known ? size : sizeof *known);
    return true;
}

size_t arena_mhd_options_size(void) { return sizeof(struct arena_mhd_options); }

int arena_mhd_create_with(struct arena_pool *pool, arena_mhd_handler *handler, void *user,
                          const struct arena_mhd_options *options, struct arena_mhd **out) {
    struct arena_mhd_options known;
    if (!read_options(options, &known)) {
        if (out != NULL) *out = NULL;
        return ARENA_EINVAL;
    }
    return create(pool, handler, user,
                  known.body_limit_bytes == 0 ? (size_t)DEFAULT_BODY_LIMIT_BYTES : known.body_limit_bytes, out);
}

/* The daemons have stopped: an exchange that is not open is one somebody retained and did not release (or a daemon that
 * still sends), and so is an open one with more than the request's own reference. */
static bool in_use(struct registry *registry) {
    uint64_t open = 0;
    for (struct exchange *exchange = NULL; (exchange = registry_next(registry, exchange)) != NULL;) {
        /* relaxed: to give up the last one, in exchange_complete, puts what the others did before the end. */
        if (atomic_u64_load(&exchange->references, relaxed) != 1) return true;
        open++;
    }
    return atomic_u64_load(&registry->live, acquire) != open; /* acquire: see exchange_end */
}

void arena_mhd_destroy(struct arena_mhd *mhd) {
    if (mhd == NULL) return;
    if (in_use(&mhd->registry)) {
        arena_panic("arena_mhd_destroy: a request is still retained, or a daemon still runs");
    }
    struct exchange *exchange;
    while ((exchange = registry_next(&mhd->registry, NULL)) != NULL) exchange_complete(exchange);
    refusals_free(&mhd->refusals);
    registry_destroy(&mhd->registry);
    free(mhd);
}

/* The value of Content-Length; 0 where there is none, or none that is a number (libmicrohttpd answers those). */
static uint64_t announced_bytes(struct MHD_Connection *connection) {
    const char *text = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    uint64_t value = 0;
    for (; text != NULL && *text >= '0' && *text <= '9'; text++) {
        uint64_t digit = (uint64_t)(*text - '0');
        if (value > (UINT64_MAX - digit) / 10) return UINT64_MAX;
        value = value * 10 + digit;
    }
    return value;
}

/* A client that asks first whether it should send is told before it does. */
static bool expects_continue(struct MHD_Connection *connection) {
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_EXPECT) != NULL;
}

static enum MHD_Result first_call(struct arena_mhd *mhd, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, void **req_cls) {
    struct exchange *left_over;
    while (connection != NULL && (left_over = registry_left_over(&mhd->registry, connection)) != NULL) {
        exchange_complete(left_over);
    }

    uint64_t announced = announced_bytes(connection);
    if (body_hopeless(announced, mhd->body_limit_bytes) ||
        (announced > mhd->body_limit_bytes && expects_continue(connection))) {
        return refusals_queue(&mhd->refusals, REFUSAL_TOO_LARGE, connection);
    }
    struct fields *fields = fields_copy(connection, method, url, version);
    struct exchange *exchange =
        fields == NULL ? NULL : exchange_open(&mhd->registry, mhd->pool, connection, fields, mhd->body_limit_bytes);
    if (exchange == NULL) return refusals_queue(&mhd->refusals, REFUSAL_UNAVAILABLE, connection);
    *req_cls = exchange;
    return MHD_YES;
}

static enum MHD_Result upload_call(struct exchange *exchange, const char *data, size_t *size_bytes) {
    bool go_on = body_take(&exchange->body, data, *size_bytes);
    *size_bytes = 0;
    return go_on ? MHD_YES : MHD_NO;
}

static enum MHD_Result refuse(struct arena_mhd *mhd, struct exchange *exchange, enum refusal refusal) {
    struct MHD_Connection *connection = atomic_ptr_load(&exchange->connection, relaxed); /* this thread's own */
    /* relaxed: a flag that says who queues; libmicrohttpd's own locks order the queueing. */
    atomic_u32_store(&exchange->answered, 1, relaxed);
    return refusals_queue(&mhd->refusals, refusal, connection);
}

static bool is_suspended(struct MHD_Connection *connection) {
    if (connection == NULL) return false;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_SUSPENDED);
    return info != NULL && info->suspended == MHD_YES;
}

struct handler_call {
    arena_mhd_handler *handler;
    void *user;
    struct arena_request *request;
    enum MHD_Result result;
};

static void call_handler(void *user) {
    struct handler_call *call = user;
    call->result = call->handler(call->request, call->user);
}

/* The handler returned MHD_YES.  It has answered, or it has suspended the connection, to be answered by somebody else.
 * Whether it queued a response of its own is not known here; but libmicrohttpd takes no second one. */
static enum MHD_Result after_handler(struct arena_mhd *mhd, struct exchange *exchange,
                                     struct MHD_Connection *connection) {
    if (atomic_u32_load(&exchange->answered, relaxed) != 0 || is_suspended(connection)) return MHD_YES;
    (void)refuse(mhd, exchange, REFUSAL_INTERNAL);
    return MHD_YES;
}

/* A panic ended the handler.  With a response queued already the client must not take it for whole: MHD_NO closes the
 * connection.  A suspended connection whose request is retained belongs to the one who retained it, who will answer
 * and resume; otherwise nobody else would, and libmicrohttpd does not close a suspended connection. */
static enum MHD_Result after_panic(struct arena_mhd *mhd, struct exchange *exchange,
                                   struct MHD_Connection *connection) {
    bool suspended = is_suspended(connection);
    if (suspended && atomic_u64_load(&exchange->retains, relaxed) != 0) return MHD_YES;
    enum MHD_Result queued = refuse(mhd, exchange, REFUSAL_INTERNAL);
    if (suspended) {
        MHD_resume_connection(connection);
        return MHD_YES;
    }
    return queued; /* MHD_NO: there was one already */
}

/* The handler said no: libmicrohttpd closes the connection, but a suspended one once it is resumed only, and stops no
 * daemon before.  If somebody holds the request it is theirs, as after a panic. */
static enum MHD_Result after_no(struct exchange *exchange, struct MHD_Connection *connection) {
    if (!is_suspended(connection)) return MHD_NO;
    if (atomic_u64_load(&exchange->retains, relaxed) != 0) return MHD_YES;
    MHD_resume_connection(connection);
    return MHD_NO;
}

static enum MHD_Result run_handler(struct arena_mhd *mhd, struct exchange *exchange) {
    struct MHD_Connection *connection = atomic_ptr_load(&exchange->connection, relaxed); /* this thread's own */
    struct handler_call call = {mhd->handler, mhd->user, &exchange->original, MHD_NO};
    if (arena_protect(call_handler, &call) != ARENA_OK) return after_panic(mhd, exchange, connection);
    return call.result == MHD_YES ? after_handler(mhd, exchange, connection) : after_no(exchange, connection);
}

static enum MHD_Result whole_call(struct arena_mhd *mhd, struct exchange *exchange) {
    if (exchange->handled) return refuse(mhd, exchange, REFUSAL_INTERNAL);
    exchange->handled = true;
    switch (exchange->body.state) {
    case BODY_TOO_LONG: return refuse(mhd, exchange, REFUSAL_TOO_LARGE);
    case BODY_NO_MEMORY: return refuse(mhd, exchange, REFUSAL_UNAVAILABLE);
    case BODY_KEPT: break;
    }
    if (exchange_equip(exchange) != ARENA_OK) return refuse(mhd, exchange, REFUSAL_UNAVAILABLE);
    return run_handler(mhd, exchange);
}

enum MHD_Result arena_mhd_access(void *mhd, struct MHD_Connection *connection, const char *url, const char *method,
                                 const char *version, const char *upload_data, size_t *upload_data_size,
                                 void **req_cls) {
    struct arena_mhd *self = mhd;
    if (self == NULL || upload_data_size == NULL || req_cls == NULL) return MHD_NO;
    struct exchange *exchange = registry_find(&self->registry, connection, *req_cls);
    if (exchange == NULL) return first_call(self, connection, url, method, version, req_cls);
    if (*upload_data_size != 0) return upload_call(exchange, upload_data, upload_data_size);
    return whole_call(self, exchange);
}

void arena_mhd_completed(void *mhd, struct MHD_Connection *connection, void **req_cls,
                         enum MHD_RequestTerminationCode termination) {
    struct arena_mhd *self = mhd;
    (void)termination; /* whatever way it ended */
    if (self == NULL || req_cls == NULL) return;
    struct exchange *exchange = registry_find(&self->registry, connection, *req_cls);
    if (exchange == NULL) return;
    *req_cls = NULL;
    exchange_complete(exchange);
}
