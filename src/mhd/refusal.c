/* SPDX-License-Identifier: MIT */
#include "mhd/refusal.h"

#include <stddef.h>
#include <string.h>

static const struct {
    unsigned status;
    const char *text;
} answers[REFUSAL_COUNT] = {
    [REFUSAL_TOO_LARGE] = {413, "The request body is too large.\n"},
    [REFUSAL_INTERNAL] = {500, "The server failed to answer this request.\n"},
    [REFUSAL_UNAVAILABLE] = {503, "The server is too busy to answer this request.\n"},
};

/* libmicrohttpd takes a pointer to non-const and does not write through it (MHD_RESPMEM_PERSISTENT). */
static void *writable(const char *text) {
    union {
        const char *given;
        void *taken;
    } pointer = {text};
    return pointer.taken;
}

static struct MHD_Response *make(const char *text) {
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(text), writable(text), MHD_RESPMEM_PERSISTENT);
    if (response == NULL) return NULL;
    if (MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "text/plain; charset=utf-8") != MHD_YES) {
        MHD_destroy_response(response);
        return NULL;
    }
    return response;
}

bool refusals_make(struct refusals *refusals) {
    for (int i = 0; i < REFUSAL_COUNT; i++) {
        refusals->responses[i] = make(answers[i].text);
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
