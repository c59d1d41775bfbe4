/* SPDX-License-Identifier: MIT */
/* The functions on struct arena_request: what a handler reads, clones, retains and answers. */
#include "mhd/exchange.h"

#include <stdlib.h>
#include <string.h>

int arena_request_inject(struct arena_request *request, struct arena *arena, struct arena_request **out) {
    if (out == NULL) return ARENA_EINVAL;
    *out = NULL;
    if (request == NULL) return ARENA_EINVAL;
    struct arena_request *clone = calloc(1, sizeof *clone);
    if (clone == NULL) return ARENA_ENOMEM;
    int status = arena_inject(request->context, arena, &clone->context);
    if (status != ARENA_OK) {
        free(clone);
        return status;
    }
    struct exchange *exchange = request->exchange;
    clone->exchange = exchange;
    lock_enter(&exchange->bucket->lock);
    clone->next = exchange->clones;
    exchange->clones = clone;
    lock_leave(&exchange->bucket->lock);
    *out = clone;
    return ARENA_OK;
}

int arena_request_extract(struct arena_request *request, const struct arena_type *type, struct arena **out) {
    if (out == NULL) return ARENA_EINVAL;
    *out = NULL;
    if (request == NULL) return ARENA_EINVAL;
    return arena_extract(request->context, type, out);
}

/* acquire: pairs with exchange_complete; who sees the connection gone sees the context ended as well. */
static struct MHD_Connection *connection_of(struct exchange *exchange) {
    return atomic_ptr_load(&exchange->connection, acquire);
}

struct MHD_Connection *arena_request_connection(struct arena_request *request) {
    return request == NULL ? NULL : connection_of(request->exchange);
}

const char *arena_request_method(struct arena_request *request) {
    return request == NULL ? NULL : request->exchange->fields->method;
}

const char *arena_request_url(struct arena_request *request) {
    return request == NULL ? NULL : request->exchange->fields->url;
}

const char *arena_request_version(struct arena_request *request) {
    return request == NULL ? NULL : request->exchange->fields->version;
}

const char *arena_request_header(struct arena_request *request, const char *name) {
    return request == NULL || name == NULL ? NULL : fields_header(request->exchange->fields, name);
}

const char *arena_request_argument(struct arena_request *request, const char *name) {
    return request == NULL || name == NULL ? NULL : fields_argument(request->exchange->fields, name);
}

const void *arena_request_body(struct arena_request *request, size_t *size_bytes) {
    if (size_bytes != NULL) *size_bytes = request == NULL ? 0 : request->exchange->body.length;
    return request == NULL ? NULL : body_data(&request->exchange->body);
}

struct arena_context *arena_request_context(struct arena_request *request) {
    return request == NULL ? NULL : request->context;
}

struct arena_request *arena_request_retain(struct arena_request *request) {
    if (request == NULL) return NULL;
    (void)atomic_u64_add(&request->exchange->retains, 1, relaxed); /* a count to check by; orders nothing */
    exchange_retain(request->exchange);
    return request;
}

void arena_request_release(struct arena_request *request) {
    if (request == NULL) return;
    struct exchange *exchange = request->exchange;
    if (atomic_u64_add(&exchange->retains, UINT64_MAX, relaxed) == 0) {
        (void)atomic_u64_add(&exchange->retains, 1, relaxed);
        arena_panic("arena_request_release: released more often than retained");
    }
    exchange_release(exchange);
}

/* --- the answer --------------------------------------------------------------------------------------------------- */

/* 1xx is not an answer: after 100 and 102 libmicrohttpd waits for another response, and 101 needs one made for an
 * upgrade. */
static bool status_valid(unsigned status) {
    unsigned code = status & ~(unsigned)MHD_ICY_FLAG;
    return code >= 200 && code <= 999;
}

/* What MHD_add_response_header refuses; checked here so that its failure can only mean that memory ran out. */
static bool header_value_valid(const char *value) { return value[0] != '\0' && strpbrk(value, "\r\n") == NULL; }

/* libmicrohttpd takes a pointer to non-const and does not write through it. */
static void *writable(const void *body) {
    union {
        const void *given;
        void *taken;
    } pointer = {body};
    return pointer.taken;
}

static void response_free(void *user) { exchange_release(user); }

/* A response that holds a reference; NULL: no memory. */
static struct MHD_Response *response_make(struct exchange *exchange, const char *content_type, const void *body,
                                          size_t size_bytes) {
    exchange_retain(exchange);
    struct MHD_Response *response =
        MHD_create_response_from_buffer_with_free_callback_cls(size_bytes, writable(body), response_free, exchange);
    if (response == NULL) {
        exchange_release(exchange); /* the callback of a response that was not made does not run */
        return NULL;
    }
    if (content_type != NULL &&
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type) != MHD_YES) {
        MHD_destroy_response(response);
        return NULL;
    }
    return response;
}

/* answered is 1, and the caller's to set back. */
static int respond(struct exchange *exchange, struct MHD_Connection *connection, unsigned status,
                   const char *content_type, const void *body, size_t size_bytes) {
    struct MHD_Response *response = response_make(exchange, content_type, body, size_bytes);
    if (response == NULL) return ARENA_ENOMEM;
    enum MHD_Result queued = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response); /* the daemon has its own reference */
    return queued == MHD_YES ? ARENA_OK : ARENA_EBUSY;
}

int arena_request_respond(struct arena_request *request, unsigned status, const char *content_type, const void *body,
                          size_t size_bytes) {
    if (request == NULL || !status_valid(status) || (body == NULL && size_bytes > 0) ||
        (content_type != NULL && !header_value_valid(content_type))) {
        return ARENA_EINVAL;
    }
    struct exchange *exchange = request->exchange;
    struct MHD_Connection *connection = connection_of(exchange);
    if (connection == NULL) return ARENA_ECANCELED;
    /* relaxed: the flag says who queues; what the answer consists of is handed over by libmicrohttpd's locks. */
    uint32_t unanswered = 0;
    if (!atomic_u32_cas(&exchange->answered, &unanswered, 1, relaxed)) return ARENA_EBUSY;
    int result = respond(exchange, connection, status, content_type, body == NULL ? "" : body, size_bytes);
    if (result != ARENA_OK) atomic_u32_store(&exchange->answered, 0, relaxed);
    return result;
}
