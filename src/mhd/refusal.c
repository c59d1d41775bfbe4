/* SPDX-License-Identifier: MIT */
/* What each refusal says, and how it is sent.  See refusal.h. */
#include "mhd/refusal.h"

#include "mhd/answer.h"
#include "mhd/callback.h"
#include "mhd/exchange.h"

#include <stddef.h>
#include <string.h>

static const struct {
    unsigned status;
    bool closes;
    const char *text;
} answers[REFUSAL_COUNT] = {
    [REFUSAL_MISTAKABLE] = {400, true, "The request is malformed.\n"},
    [REFUSAL_TOO_LARGE] = {413, false, "The request body is too large.\n"},
    [REFUSAL_INTERNAL] = {500, false, "The server failed to answer this request.\n"},
    [REFUSAL_BROKEN] = {500, true, "The server failed to answer this request.\n"},
    [REFUSAL_UNAVAILABLE] = {503, false, "The server is too busy to answer this request.\n"},
    [REFUSAL_DRAINING] = {503, true, "The server is about to stop.\n"},
};

static const char plain_text[] = "text/plain; charset=utf-8";

/* libmicrohttpd takes a pointer to non-const and does not write through it (MHD_RESPMEM_PERSISTENT). */
static void *writable(const char *text) {
    union {
        const char *given;
        void *taken;
    } pointer = {text};
    return pointer.taken;
}

static bool add(struct MHD_Response *response, const char *name, const char *value) {
    return MHD_add_response_header(response, name, value) == MHD_YES;
}

static struct MHD_Response *make(enum refusal refusal, const char *content_type, const char *text) {
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(text), writable(text), MHD_RESPMEM_PERSISTENT);
    if (response == NULL) return NULL;
    bool unavailable = answers[refusal].status == 503;
    if ((content_type != NULL && !add(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type)) ||
        (answers[refusal].closes && !add(response, MHD_HTTP_HEADER_CONNECTION, "close")) ||
        (unavailable && !add(response, MHD_HTTP_HEADER_RETRY_AFTER, "1"))) {
        MHD_destroy_response(response);
        return NULL;
    }
    return response;
}

bool refusals_make(struct refusals *refusals) {
    for (int i = 0; i < REFUSAL_COUNT; i++) {
        refusals->responses[i] = make((enum refusal)i, plain_text, answers[i].text);
        if (refusals->responses[i] == NULL) {
            while (i-- > 0) MHD_destroy_response(refusals->responses[i]);
            return false;
        }
    }
    return true;
}

void refusals_free(struct refusals *refusals) {
    for (int i = 0; i < REFUSAL_COUNT; i++) MHD_destroy_response(refusals->responses[i]);
}

enum MHD_Result refusals_queue(const struct refusals *refusals, enum refusal refusal,
                               struct MHD_Connection *connection) {
    return MHD_queue_response(connection, answers[refusal].status, refusals->responses[refusal]);
}

struct refuse_call {
    struct exchange *exchange;
    unsigned status;
    const char *content_type;
    const char *body;
};

static void call_refuse(void *user) {
    struct refuse_call *call = user;
    struct arena_mhd *mhd = call->exchange->mhd;
    mhd->options.refuse(&call->exchange->original, call->status, &call->content_type, &call->body, mhd->user);
}

/* NULL: it has none, or there is no memory for them. */
static struct MHD_Response *in_other_words(struct exchange *exchange, enum refusal refusal) {
    const struct arena_mhd *mhd = exchange->mhd;
    struct refuse_call call = {exchange, answers[refusal].status, plain_text, answers[refusal].text};
    if (mhd->options.refuse == NULL || !callback_run(mhd, call_refuse, &call) || call.body == NULL) return NULL;
    if (call.content_type == plain_text && call.body == answers[refusal].text) return NULL;
    return make(refusal, call.content_type, call.body);
}

enum MHD_Result refusal_answer(struct exchange *exchange, enum refusal refusal, struct MHD_Connection *connection) {
    /* Marked first, so that the program's words cannot be an answer.  relaxed: a flag that says which thread queues;
     * libmicrohttpd's own locks order the queueing. */
    atomic_u32_store(&exchange->answered, 1, relaxed);
    const struct arena_mhd *mhd = exchange->mhd;
    struct MHD_Response *other = in_other_words(exchange, refusal);
    answer_limit(exchange, connection);
    enum MHD_Result queued;
    if (other != NULL) {
        queued = MHD_queue_response(connection, answers[refusal].status, other);
        MHD_destroy_response(other);
    } else {
        queued = refusals_queue(&mhd->refusals, refusal, connection);
    }
    if (queued == MHD_YES) exchange->status = answers[refusal].status;
    return queued;
}
