/* SPDX-License-Identifier: MIT */
/* The callbacks for libmicrohttpd.
 *
 * The access handler of libmicrohttpd is called several times for each request.  What each call means here:
 *
 *   the first           The headers are known.  What must last is copied, the exchange is opened, or found where the
 *                       URI callback opened it.  A response queued here costs the connection, so there is one only
 *                       where that is meant: for a request that can be mistaken; while the server drains; for a body
 *                       that is announced so long that it is not worth reading, or that the program's `begin` does not
 *                       want; and when there is no memory to remember the request by.
 *   with upload data    The piece is taken or thrown away, always as a whole.  Nothing can be queued.
 *   the one after that  The request is whole.  `begin` runs here where no body was announced, so that its answer does
 *                       not cost the connection.  An arena is checked out, the handler runs, once.
 *   any after that      The request was suspended, and resumed with no response: 500.
 *
 * The arena is checked out as late as that so that slow clients cannot exhaust the pool by sending slowly; but a byte
 * arena with the first piece of the body, which lies in it: then the pool bounds what bodies hold, and the time to send
 * one how long.
 *
 * The connection pointer is used inside the callbacks, and by the functions on a request until it completes. */
#include "mhd/answer.h"
#include "mhd/callback.h"
#include "mhd/check.h"
#include "mhd/exchange.h"
#include "mhd/refusal.h"

#include <string.h>
#include <sys/socket.h>

enum { SWEEP_EVERY_NS = 200 * 1000 * 1000 };

/* --- what the program says ---------------------------------------------------------------------------------------- */

static bool is_suspended(struct MHD_Connection *connection) {
    if (connection == NULL) return false;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_SUSPENDED);
    return info != NULL && info->suspended == MHD_YES;
}

static bool is_upgrade(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_HTTP_STATUS);
    return info != NULL && info->http_status == MHD_HTTP_SWITCHING_PROTOCOLS;
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

/* Too late for an answer: the connection closes without one. */
static enum MHD_Result give_up(struct exchange *exchange) {
    atomic_u32_store(&exchange->overdue, 1, relaxed); /* read by this thread, or under a lock that it takes since */
    return MHD_NO;
}

/* The handler returned MHD_YES.  It has answered, or it has suspended the connection, to be answered by somebody else.
 */
static enum MHD_Result after_handler(struct exchange *exchange, struct MHD_Connection *connection) {
    if (is_suspended(connection)) return MHD_YES; /* somebody else may be at it already */
    if (exchange->context_deadline_ns != DEADLINE_NEVER && arena_clock_now() >= exchange->context_deadline_ns) {
        return give_up(exchange);
    }
    if (atomic_u32_load(&exchange->answered, relaxed) != 0) return MHD_YES;
    if (exchange_is_answered(exchange, connection)) {
        answer_limit(exchange, connection); /* of a response of its own */
        if (!is_upgrade(connection)) (void)exchange_watch_answer(exchange, connection);
        return MHD_YES;
    }
    (void)refusal_answer(exchange, REFUSAL_INTERNAL, connection);
    return MHD_YES;
}

/* A panic ended the handler.  With a response queued already the client must not take it for whole: MHD_NO closes the
 * connection.  A suspended connection whose request is retained belongs to the thread that retained it, which will
 * answer and resume; otherwise nobody else would, and libmicrohttpd does not close a suspended connection. */
static enum MHD_Result after_panic(struct exchange *exchange, struct MHD_Connection *connection) {
    bool suspended = is_suspended(connection);
    if (suspended && atomic_u64_load(&exchange->retains, relaxed) != 0) return MHD_YES;
    bool answered = exchange_is_answered(exchange, connection);
    enum MHD_Result queued = answered ? MHD_NO : refusal_answer(exchange, REFUSAL_INTERNAL, connection);
    if (suspended) {
        MHD_resume_connection(connection);
        return MHD_YES;
    }
    return queued;
}

/* The handler said no: libmicrohttpd closes the connection; a suspended one only once it is resumed, and it stops no
 * daemon before that.  Where the request is retained, its holder has to resume the connection, as after a panic. */
static enum MHD_Result after_no(struct exchange *exchange, struct MHD_Connection *connection) {
    if (!is_suspended(connection)) return MHD_NO;
    if (atomic_u64_load(&exchange->retains, relaxed) != 0) return MHD_YES;
    MHD_resume_connection(connection);
    return MHD_NO;
}

static enum MHD_Result run_handler(struct exchange *exchange, struct MHD_Connection *connection) {
    struct arena_mhd *mhd = exchange->mhd;
    struct handler_call call = {mhd->handler, mhd->user, &exchange->original, MHD_NO};
    answer_limit(exchange, connection); /* for an answer that this thread does not get to see */
    if (!callback_run(mhd, call_handler, &call)) return after_panic(exchange, connection);
    return call.result == MHD_YES ? after_handler(exchange, connection) : after_no(exchange, connection);
}

/* Runs the program's `begin`.  true: the request goes on; else *result is what libmicrohttpd gets. */
static bool run_begin(struct exchange *exchange, struct MHD_Connection *connection, enum MHD_Result *result) {
    struct arena_mhd *mhd = exchange->mhd;
    if (mhd->options.begin == NULL) return true;
    struct handler_call call = {mhd->options.begin, mhd->user, &exchange->original, MHD_NO};
    exchange->stage = STAGE_BEGINNING;
    bool ran = callback_run(mhd, call_handler, &call);
    exchange->stage = STAGE_BODY;
    if (!ran) {
        *result = after_panic(exchange, connection);
    } else if (is_suspended(connection)) { /* which it must not do: nobody could tell the next call from the last */
        MHD_resume_connection(connection);
        *result = MHD_NO;
    } else if (call.result != MHD_YES) {
        *result = MHD_NO;
    } else if (exchange_is_answered(exchange, connection)) {
        *result = MHD_YES;
    } else {
        return true;
    }
    exchange->stage = STAGE_HANDLED;
    return false;
}

/* --- the first call ----------------------------------------------------------------------------------------------- */

/* The value of Content-Length; 0 where there is none, or none that is a number. */
static uint64_t announced_bytes(const struct fields *fields) {
    const char *text = fields_header(fields, MHD_HTTP_HEADER_CONTENT_LENGTH);
    uint64_t value = 0;
    for (; text != NULL && *text >= '0' && *text <= '9'; text++) {
        uint64_t digit = (uint64_t)(*text - '0');
        if (value > (UINT64_MAX - digit) / 10) return UINT64_MAX;
        value = value * 10 + digit;
    }
    return value;
}

static bool is_chunked(const struct fields *fields) {
    return fields_header(fields, MHD_HTTP_HEADER_TRANSFER_ENCODING) != NULL;
}

/* A client that asks first whether it should send is told before it does. */
static bool expects_continue(const struct fields *fields) {
    return fields_header(fields, MHD_HTTP_HEADER_EXPECT) != NULL;
}

/* Opens the exchange of a request whose headers are there, or finds it where arena_mhd_uri opened it.  What else is
 * open for this connection is left over from a dead one.  NULL: no memory. */
static struct exchange *open_exchange(struct arena_mhd *mhd, struct MHD_Connection *connection) {
    struct exchange *found;
    while (connection != NULL && (found = registry_left_over(&mhd->registry, connection)) != NULL) {
        if (found->stage == STAGE_NEW) return found;
        exchange_complete(found, NULL, MHD_REQUEST_TERMINATED_WITH_ERROR);
    }
    return exchange_open(mhd, connection, NULL);
}

static void sweep(struct arena_mhd *mhd, int64_t now_ns) {
    uint64_t swept_ns = atomic_u64_load(&mhd->swept_ns, relaxed); /* it only says which thread looks */
    if ((uint64_t)now_ns - swept_ns < SWEEP_EVERY_NS) return;
    if (atomic_u64_cas(&mhd->swept_ns, &swept_ns, (uint64_t)now_ns, relaxed)) registry_sweep(&mhd->registry, now_ns);
}

static void set_deadlines(struct exchange *exchange, struct MHD_Connection *connection, bool has_body) {
    const struct arena_mhd_options *options = &exchange->mhd->options;
    int64_t now_ns = arena_clock_now();
    sweep(exchange->mhd, now_ns);
    deadline_begin(&exchange->deadline, connection);
    exchange->context_deadline_ns = deadline_after(now_ns, options->context_timeout_ns);
    int64_t read_ns = deadline_after(now_ns, options->read_timeout_ns);
    if (exchange->context_deadline_ns < read_ns) read_ns = exchange->context_deadline_ns;
    if (has_body) {
        deadline_set(&exchange->deadline, connection, read_ns, now_ns);
    } else {
        exchange->deadline.at_ns = read_ns; /* the next call comes at once */
    }
}

static bool is_sound(const struct check_head *head, struct fields *fields, bool lenient) {
    if (head->connection == NULL) return true; /* of which nothing can be asked */
    if (!check_zeros(head, fields)) return false;
    bool sound = check_target(head, fields); /* which also finds the path */
    return lenient || (sound && check_framing(head, fields));
}

/* An answer without the rest of the request. */
static enum MHD_Result refuse_unread(struct exchange *exchange, enum refusal refusal,
                                     struct MHD_Connection *connection) {
    exchange->stage = STAGE_HANDLED;
    return refusal_answer(exchange, refusal, connection);
}

static enum MHD_Result first_call(struct arena_mhd *mhd, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, void **req_cls) {
    struct exchange *exchange = open_exchange(mhd, connection);
    struct fields *fields = exchange == NULL ? NULL : fields_copy(connection, method, url, version);
    if (fields == NULL) {
        if (exchange != NULL) exchange_complete(exchange, NULL, MHD_REQUEST_TERMINATED_WITH_ERROR);
        *req_cls = NULL;
        return refusals_queue(&mhd->refusals, REFUSAL_UNAVAILABLE, connection);
    }
    *req_cls = exchange;
    const struct check_head head = {connection, method, url, version,
                                    exchange->target[0] == '\0' ? NULL : exchange->target};
    bool sound = is_sound(&head, fields, (mhd->options.flags & ARENA_MHD_LENIENT) != 0);
    exchange_begin(exchange, fields);
    uint64_t announced = announced_bytes(fields);
    bool chunked = is_chunked(fields);
    bool expects = expects_continue(fields);
    bool early = announced != 0 || chunked || expects; /* there is something before the next call */
    set_deadlines(exchange, connection, early);
    if (!sound) return refuse_unread(exchange, REFUSAL_MISTAKABLE, connection);
    /* relaxed: the lock of the bucket, which exchange_begin took, says what arena_mhd_drain did before it looked. */
    if (atomic_u32_load(&mhd->draining, relaxed) != 0) return refuse_unread(exchange, REFUSAL_DRAINING, connection);

    enum MHD_Result result;
    if (early && !run_begin(exchange, connection, &result)) return result;
    if (body_hopeless(announced, exchange->body_limit) || (announced > exchange->body_limit && expects)) {
        return refuse_unread(exchange, REFUSAL_TOO_LARGE, connection);
    }
    if (!chunked) body_announce(&exchange->body, announced);
    /* libmicrohttpd does not call the binding for what stands between chunks and behind them. */
    if (chunked || exchange->deadline.deaf) exchange_watch_body(exchange, connection);
    if (!early) exchange->begin_later = true;
    return MHD_YES;
}

/* --- the others --------------------------------------------------------------------------------------------------- */

struct piece_call {
    struct exchange *exchange;
    const char *data;
    size_t size_bytes;
    int status;
};

static void call_piece(void *user) {
    struct piece_call *call = user;
    struct exchange *exchange = call->exchange;
    call->status = exchange->piece(&exchange->original, call->data, call->size_bytes, exchange->piece_user);
}

/* false: so much had to be thrown away that the connection is better closed. */
static bool stream_piece(struct exchange *exchange, const char *data, size_t size_bytes) {
    if (!body_count(&exchange->body, size_bytes)) return false;
    if (exchange->body.state != BODY_KEPT) return true;
    struct piece_call call = {exchange, data, size_bytes, ARENA_EPANIC};
    if (!callback_run(exchange->mhd, call_piece, &call) || call.status != ARENA_OK) {
        body_refuse(&exchange->body, BODY_UNWANTED);
    }
    return true;
}

/* The first piece of a body that lies in the request's arena: from now on it has one. */
static bool collect_in_arena(struct exchange *exchange, const char *data, size_t size_bytes) {
    struct body *body = &exchange->body;
    if (exchange->arena == NULL && body->state == BODY_KEPT) {
        if (exchange_take_arena(exchange) == ARENA_OK) {
            body_use_arena(body, arena_bytes_from_raw(exchange->arena));
        } else {
            body_refuse(body, BODY_NO_MEMORY);
        }
    }
    bool go_on = body_take(body, data, size_bytes);
    if (body->state != BODY_KEPT) exchange_give_arena(exchange); /* others may have it meanwhile */
    return go_on;
}

static bool collect(struct exchange *exchange, const char *data, size_t size_bytes) {
    if (exchange->piece != NULL) return stream_piece(exchange, data, size_bytes);
    if (exchange->mhd->has_bytes) return collect_in_arena(exchange, data, size_bytes);
    return body_take(&exchange->body, data, size_bytes);
}

static enum MHD_Result upload_call(struct exchange *exchange, struct MHD_Connection *connection, const char *data,
                                   size_t *size_bytes) {
    int64_t now_ns = arena_clock_now();
    if (deadline_passed(&exchange->deadline, now_ns)) return give_up(exchange);
    bool go_on = collect(exchange, data, *size_bytes);
    *size_bytes = 0;
    if (!go_on) return MHD_NO;
    deadline_set(&exchange->deadline, connection, exchange->deadline.at_ns, now_ns);
    return MHD_YES;
}

static enum MHD_Result whole_call(struct exchange *exchange, struct MHD_Connection *connection) {
    if (exchange->stage == STAGE_HANDLED) return refusal_answer(exchange, REFUSAL_INTERNAL, connection);
    if (is_chunked(exchange->fields) || exchange->deadline.deaf) (void)registry_watch(exchange, &(struct overdue){0});
    if (deadline_passed(&exchange->deadline, arena_clock_now())) return give_up(exchange);
    enum MHD_Result result;
    if (exchange->begin_later && !run_begin(exchange, connection, &result)) return result;
    exchange->stage = STAGE_HANDLED;
    switch (exchange->body.state) {
    case BODY_TOO_LONG:
        return refusal_answer(exchange, REFUSAL_TOO_LARGE, connection);
    case BODY_NO_MEMORY:
        return refusal_answer(exchange, REFUSAL_UNAVAILABLE, connection);
    case BODY_UNWANTED:
        return refusal_answer(exchange, REFUSAL_BROKEN, connection);
    case BODY_KEPT:
        break;
    }
    if (exchange->piece != NULL) exchange->body.length = 0; /* of which nothing was kept */
    body_close(&exchange->body);
    if (exchange_equip(exchange) != ARENA_OK) return refusal_answer(exchange, REFUSAL_UNAVAILABLE, connection);
    return run_handler(exchange, connection);
}

enum MHD_Result arena_mhd_access(void *mhd, struct MHD_Connection *connection, const char *url, const char *method,
                                 const char *version, const char *upload_data, size_t *upload_data_size,
                                 void **req_cls) {
    struct arena_mhd *self = mhd;
    if (self == NULL || upload_data_size == NULL || req_cls == NULL) return MHD_NO;
    struct exchange *exchange = registry_find(&self->registry, connection, *req_cls);
    if (exchange == NULL || exchange->stage == STAGE_NEW) {
        if (watch_is(&self->watch, connection)) return watch_access(&self->watch, connection, req_cls);
        return first_call(self, connection, url, method, version, req_cls);
    }
    if (*upload_data_size != 0) return upload_call(exchange, connection, upload_data, upload_data_size);
    return whole_call(exchange, connection);
}

/* The answer went out while the server drains, and said nothing of an end: libmicrohttpd sees one, as if the client had
 * sent it.  What has been queued in the socket is sent. */
static void end_connection(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *answer = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_HTTP_STATUS);
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (answer != NULL && info != NULL) (void)shutdown(info->connect_fd, SHUT_RD); /* not one that was upgraded */
}

void arena_mhd_completed(void *mhd, struct MHD_Connection *connection, void **req_cls,
                         enum MHD_RequestTerminationCode termination) {
    struct arena_mhd *self = mhd;
    if (self == NULL || req_cls == NULL) return;
    struct exchange *exchange = registry_find(&self->registry, connection, *req_cls);
    if (exchange == NULL) {
        if (connection != NULL && *req_cls == &self->watch) watch_completed(self, connection, termination);
        return;
    }
    *req_cls = NULL;
    /* relaxed: a client that is not told of the draining by this answer is told by the next one. */
    bool ends = termination == MHD_REQUEST_TERMINATED_COMPLETED_OK && connection != NULL &&
                atomic_u32_load(&self->draining, relaxed) != 0;
    exchange_complete(exchange, connection, termination);
    if (ends) end_connection(connection);
}

void *arena_mhd_uri(void *mhd, const char *uri, struct MHD_Connection *connection) {
    struct arena_mhd *self = mhd;
    if (self == NULL || connection == NULL || watch_is(&self->watch, connection)) return NULL;
    struct exchange *left_over;
    while ((left_over = registry_left_over(&self->registry, connection)) != NULL) {
        exchange_complete(left_over, NULL, MHD_REQUEST_TERMINATED_WITH_ERROR);
    }
    return exchange_open(self, connection, uri);
}
