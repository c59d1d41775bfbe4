/* SPDX-License-Identifier: MIT */
/* The functions on struct arena_request: what a handler reads, clones, retains and sets. */
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

/* acquire: pairs with exchange_complete; a thread that sees the connection gone sees the context ended as well. */
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

const char *arena_request_target(struct arena_request *request) {
    return request == NULL || request->exchange->target[0] == '\0' ? NULL : request->exchange->target;
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

static int release(struct arena_request *request) {
    if (request == NULL) return ARENA_OK;
    struct exchange *exchange = request->exchange;
    if (atomic_u64_add(&exchange->retains, UINT64_MAX, relaxed) == 0) {
        (void)atomic_u64_add(&exchange->retains, 1, relaxed);
        return ARENA_EINVAL;
    }
    exchange_release(exchange);
    return ARENA_OK;
}

int arena_request_release_checked(struct arena_request *request) { return release(request); }

void arena_request_release(struct arena_request *request) {
    if (release(request) != ARENA_OK) {
        arena_panic_with(ARENA_EINVAL, "arena_request_release: released more often than retained");
    }
}

/* --- fields ------------------------------------------------------------------------------------------------------- */

/* Is the body's type that one, whatever its parameters? */
static bool has_type(const struct fields *fields, const char *wanted) {
    const char *type = fields_header(fields, MHD_HTTP_HEADER_CONTENT_TYPE);
    return type != NULL && fields_equal_caseless(type, strcspn(type, "; \t"), wanted);
}

size_t arena_field_size(void) { return sizeof(struct arena_field); }

/* The first thread that asks decodes it; several may, and the first to be done wins.  NULL: no form, or no memory. */
static const char *form_of(struct exchange *exchange) {
    char *form = atomic_ptr_load(&exchange->form, acquire); /* pairs with the release below */
    if (form != NULL || !has_type(exchange->fields, MHD_HTTP_POST_ENCODING_FORM_URLENCODED)) return form;
    char *mine = form_decode(body_data(&exchange->body), exchange->body.length);
    if (mine == NULL) return NULL;
    struct lock *lock = &exchange->bucket->lock;
    lock_enter(lock);
    form = atomic_ptr_load(&exchange->form, relaxed);
    if (form == NULL) atomic_ptr_store(&exchange->form, mine, release);
    lock_leave(lock);
    if (form == NULL) return mine;
    free(mine);
    return form;
}

static bool next_of_form(struct exchange *exchange, size_t *cursor, struct arena_field *out) {
    const char *form = exchange->stage == STAGE_HANDLED ? form_of(exchange) : NULL;
    return form != NULL && form_next(body_data(&exchange->body), exchange->body.length, form, cursor, out);
}

bool arena_request_next_field(struct arena_request *request, int kind, size_t *cursor, struct arena_field *out) {
    if (request == NULL || cursor == NULL || out == NULL) return false;
    if (kind == ARENA_FIELD_FORM) return next_of_form(request->exchange, cursor, out);
    if (kind < 0 || kind >= FIELDS_KINDS) return false;
    const struct fields *fields = request->exchange->fields;
    if (*cursor >= fields->count[kind]) return false;
    *out = fields->of[kind][(*cursor)++];
    return true;
}

size_t arena_part_size(void) { return sizeof(struct arena_part); }

bool arena_request_next_part(struct arena_request *request, size_t *cursor, struct arena_part *out) {
    if (request == NULL || cursor == NULL || out == NULL) return false;
    struct exchange *exchange = request->exchange;
    if (exchange->stage != STAGE_HANDLED || !has_type(exchange->fields, MHD_HTTP_POST_ENCODING_MULTIPART_FORMDATA)) {
        return false;
    }
    if (exchange->parts == NULL && exchange->body.data != NULL) {
        const char *type = fields_header(exchange->fields, MHD_HTTP_HEADER_CONTENT_TYPE);
        exchange->parts = parts_read(type, exchange->body.data, exchange->body.length);
    }
    if (exchange->parts == NULL || *cursor >= exchange->parts->count) return false;
    *out = exchange->parts->of[(*cursor)++];
    return true;
}

/* --- what the program adds ---------------------------------------------------------------------------------------- */

/* release and acquire: what a thread put behind the pointer is there for the thread that gets it. */
void arena_request_set_user(struct arena_request *request, void *user) {
    if (request != NULL) atomic_ptr_store(&request->exchange->user, user, release);
}

void *arena_request_user(struct arena_request *request) {
    return request == NULL ? NULL : atomic_ptr_load(&request->exchange->user, acquire);
}

int arena_request_own(struct arena_request *request, struct arena *arena) {
    if (request == NULL || arena == NULL) return ARENA_EINVAL;
    struct exchange *exchange = request->exchange;
    struct owned *owned = malloc(sizeof *owned);
    if (owned == NULL) return ARENA_ENOMEM;
    int status = arena_pool_claim(arena);
    if (status != ARENA_OK) {
        free(owned);
        return status;
    }
    owned->arena = arena;
    exchange_add_owned(exchange, owned);
    return ARENA_OK;
}

int arena_request_set_body_limit(struct arena_request *request, size_t bytes) {
    if (request == NULL || request->exchange->stage != STAGE_BEGINNING) return ARENA_EINVAL;
    request->exchange->body_limit = bytes;
    body_set_limit(&request->exchange->body, bytes);
    return ARENA_OK;
}

int arena_request_stream_body(struct arena_request *request,
                              int (*piece)(struct arena_request *request, const void *data, size_t size_bytes,
                                           void *user),
                              void *user) {
    if (request == NULL || piece == NULL || request->exchange->stage != STAGE_BEGINNING) return ARENA_EINVAL;
    request->exchange->piece = piece;
    request->exchange->piece_user = user;
    return ARENA_OK;
}
