/* SPDX-License-Identifier: MIT */
/* arena-http-server: the paths, and one request from its arenas to its answer. */
#include "service.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "answer.h"
#include "census.h"
#include "exchange.h"
#include "fields.h"
#include "form.h"
#include "text.h"

struct service {
    struct field_arena_pool *field_pool;
    struct text_arena_pool *text_pool;
    struct arena_mhd *mhd;
    atomic_ullong answered_ok;
    atomic_ullong answered_refused;
    atomic_ullong answered_failed;
    atomic_ullong cut_short;
    struct census field_arenas;
    struct census text_arenas;
};

/* --- JSON ------------------------------------------------------------------------------------------------------ */

/* The arena's figures and, under `name`, what was asked for.  Takes `value` over.  NULL: `error` says why. */
static json_t *json_document(struct exchange *exchange, const char *path, const char *name, json_t *value,
                             json_error_t *error) {
    if (value == NULL) return NULL;
    return json_pack_ex(error, 0, "{s:s, s:s, s:I, s:I, s:o}", "path", path, "method",
                        arena_request_method(exchange->request), "used",
                        (json_int_t)field_arena_used(exchange->fields), "remaining",
                        (json_int_t)field_arena_remaining(exchange->fields), name, value);
}

static json_t *json_fields(struct exchange *exchange, json_error_t *error) {
    json_t *array = json_array();
    for (size_t i = 0; array != NULL && i < field_arena_used(exchange->fields); i++) {
        const struct field *field = &exchange->first[i];
        json_t *object = json_pack_ex(error, 0, "{s:s%, s:s%}", "key", field->key, field->key_size_bytes, "value",
                                      field->value, field->value_size_bytes);
        if (object == NULL || json_array_append_new(array, object) != 0) return NULL;
    }
    return array;
}

/* The document as text with a newline after it, where it will be sent from. */
static struct answer answer_document(struct exchange *exchange, const json_t *document, const json_error_t *error) {
    if (document == NULL) {
        if (json_error_code(error) == json_error_invalid_utf8)
            return answer_static(MHD_HTTP_BAD_REQUEST, "a field is not valid UTF-8\n");
        return answer_no_room();
    }
    size_t size_bytes = json_dumpb(document, NULL, 0, JSON_COMPACT);
    char *text = size_bytes == 0 ? NULL : text_alloc(exchange->text, size_bytes + 2);
    if (text == NULL || json_dumpb(document, text, size_bytes, JSON_COMPACT) != size_bytes) return answer_no_room();
    memcpy(text + size_bytes, "\n", 2);
    return answer_text(MHD_HTTP_OK, CONTENT_JSON, text);
}

/* --- Paths ----------------------------------------------------------------------------------------------------- */

static struct answer answer_parse(struct exchange *exchange) {
    struct answer answer;
    if (!fields_add_query(exchange, &answer) || !fields_add_body(exchange, &answer)) return answer;
    json_error_t error = {0};
    text_json_begin(exchange->text);
    json_t *fields = json_fields(exchange, &error);
    answer = answer_document(exchange, json_document(exchange, "/parse", "fields", fields, &error), &error);
    text_json_end();
    return answer;
}

/* Adds up the fields called n.  False: *answer says why not. */
static bool sum_fields(struct exchange *exchange, int64_t *sum, struct answer *answer) {
    size_t numbers = 0;
    *sum = 0;
    for (size_t i = 0; i < field_arena_used(exchange->fields); i++) {
        const struct field *field = &exchange->first[i];
        if (strcmp(field->key, "n") != 0) continue;
        numbers++;
        int64_t number;
        enum form_status status = form_number(field->value, &number);
        if (status != FORM_OK) {
            *answer = answer_text(MHD_HTTP_BAD_REQUEST, CONTENT_TEXT,
                                  text_format(exchange->text, "n number %zu %s\n", numbers, form_strerror(status)));
            return false;
        }
        if (__builtin_add_overflow(*sum, number, sum)) {
            *answer = answer_static(MHD_HTTP_BAD_REQUEST, "the sum does not fit 64 bits\n");
            return false;
        }
    }
    if (numbers == 0) *answer = answer_static(MHD_HTTP_BAD_REQUEST, "n is missing, as in /sum?n=10&n=20\n");
    return numbers != 0;
}

static struct answer answer_sum(struct exchange *exchange) {
    struct answer answer;
    int64_t sum;
    if (!fields_add_query(exchange, &answer) || !sum_fields(exchange, &sum, &answer)) return answer;
    json_error_t error = {0};
    text_json_begin(exchange->text);
    answer = answer_document(exchange, json_document(exchange, "/sum", "sum", json_integer(sum), &error), &error);
    text_json_end();
    return answer;
}

static struct answer answer_healthz(struct exchange *exchange) {
    (void)exchange;
    return answer_static(MHD_HTTP_OK, "ok");
}

/* HEAD is GET, of whose answer libmicrohttpd sends the head alone. */
static const struct route {
    const char *path;
    struct answer (*answer)(struct exchange *exchange);
    bool post; /* beside GET and HEAD */
} routes[] = {
    {"/parse", answer_parse, true},
    {"/sum", answer_sum, false},
    {"/healthz", answer_healthz, false},
};

static struct answer answer_request(struct exchange *exchange) {
    const char *url = arena_request_url(exchange->request);
    const char *path;
    size_t path_size_bytes;
    enum form_status status = fields_decode(exchange, url, strlen(url), &path, &path_size_bytes);
    if (status != FORM_OK)
        return answer_text(MHD_HTTP_BAD_REQUEST, CONTENT_TEXT,
                           text_format(exchange->text, "the path %s\n", form_strerror(status)));
    if (path == NULL) return answer_no_room();
    const char *method = arena_request_method(exchange->request);
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (strcmp(path, routes[i].path) != 0) continue;
        if (strcmp(method, MHD_HTTP_METHOD_GET) == 0 || strcmp(method, MHD_HTTP_METHOD_HEAD) == 0 ||
            (routes[i].post && strcmp(method, MHD_HTTP_METHOD_POST) == 0))
            return routes[i].answer(exchange);
        return answer_not_allowed(routes[i].post ? "GET, HEAD, POST" : "GET, HEAD");
    }
    return answer_static(MHD_HTTP_NOT_FOUND, "no such path; there are /parse, /sum and /healthz\n");
}

/* --- The service ----------------------------------------------------------------------------------------------- */

static void count_answer(struct service *service, unsigned status) {
    atomic_ullong *counter = status < 400   ? &service->answered_ok
                             : status < 500 ? &service->answered_refused
                                            : &service->answered_failed;
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* Called by libarena-mhd once a request is whole. */
static enum MHD_Result handle(struct arena_request *request, void *user) {
    struct service *service = user;
    static const char no_memory[] = "no memory for another request\n";
    struct exchange exchange = {0};
    struct arena_request *with_text = NULL;
    if (text_arena_pool_checkout(service->text_pool, &exchange.text) != ARENA_OK ||
        arena_request_inject(request, text_arena_raw(exchange.text), &with_text) != ARENA_OK) {
        text_arena_pool_return(service->text_pool, exchange.text);
        if (arena_request_respond(request, MHD_HTTP_SERVICE_UNAVAILABLE, CONTENT_TEXT, no_memory,
                                  sizeof(no_memory) - 1) != ARENA_OK)
            return MHD_NO;
        count_answer(service, MHD_HTTP_SERVICE_UNAVAILABLE);
        return MHD_YES;
    }
    exchange.request = with_text;
    /* The binding has put an arena of the service's own pool into every request. */
    if (field_arena_extract(arena_request_context(with_text), &exchange.fields) != ARENA_OK)
        arena_panic("arena-http-server: a request without its arena");
    census_note(&service->text_arenas, exchange.text);
    census_note(&service->field_arenas, exchange.fields);
    struct answer answer = answer_request(&exchange);
    enum MHD_Result result = answer_send(&exchange, service->text_pool, &answer);
    if (result == MHD_YES) count_answer(service, answer.status);
    return result;
}

/* Room for the text of any request that libmicrohttpd and the binding let through.  Reserved, not used: an arena
 * takes memory as it is touched. */
static size_t text_capacity(size_t fields) {
    /* A field costs Jansson two strings and a hash table, and twice a place in the table of what is being written. */
    const size_t per_field_bytes = 2048;
    /* A byte is copied when it is decoded, again for Jansson, and is written as up to six ("\u0001"). */
    const size_t per_byte_bytes = 16;
    return text_blocks((size_t)64 * 1024 + fields * per_field_bytes +
                       per_byte_bytes * (SERVICE_HEAD_MAX_BYTES + SERVICE_BODY_MAX_BYTES));
}

int service_create(size_t fields, struct service **out) {
    *out = NULL;
    if (fields == 0 || fields > SERVICE_FIELDS_MAX) return ARENA_EINVAL;
    struct service *service = calloc(1, sizeof(*service));
    if (service == NULL) return ARENA_ENOMEM;
    text_json_setup();
    /* Text is overwritten as it is handed out, so a reset need not clear it: O(1). */
    const struct arena_options text_options = {.struct_size = sizeof(text_options), .clear = ARENA_CLEAR_ON_HANDOUT};
    const struct arena_pool_options text_pool_options = {.struct_size = sizeof(text_pool_options),
                                                         .arena_options = &text_options};
    const struct arena_mhd_options mhd_options = {.struct_size = sizeof(mhd_options),
                                                  .body_limit_bytes = SERVICE_BODY_MAX_BYTES};
    service->field_pool = field_arena_pool_create(fields);
    service->text_pool = text_arena_pool_create_with(text_capacity(fields), &text_pool_options);
    int status = ARENA_ENOMEM;
    if (service->field_pool != NULL && service->text_pool != NULL)
        status = arena_mhd_create_with(field_arena_pool_raw(service->field_pool), handle, service, &mhd_options,
                                       &service->mhd);
    if (status != ARENA_OK) {
        /* No arena is out yet, so neither pool is busy. */
        (void)field_arena_pool_destroy(service->field_pool);
        (void)text_arena_pool_destroy(service->text_pool);
        free(service);
        return status;
    }
    *out = service;
    return ARENA_OK;
}

struct arena_mhd *service_mhd(struct service *service) {
    return service->mhd;
}

void service_completed(void *user, struct MHD_Connection *connection, void **req_cls,
                       enum MHD_RequestTerminationCode termination) {
    struct service *service = user;
    if (termination != MHD_REQUEST_TERMINATED_COMPLETED_OK)
        atomic_fetch_add_explicit(&service->cut_short, 1, memory_order_relaxed);
    arena_mhd_completed(service->mhd, connection, req_cls, termination);
}

size_t service_unescape(void *user, struct MHD_Connection *connection, char *text) {
    (void)user;
    (void)connection;
    return strlen(text);
}

void service_figures(struct service *service, struct service_figures *out) {
    out->answered_ok = atomic_load_explicit(&service->answered_ok, memory_order_relaxed);
    out->answered_refused = atomic_load_explicit(&service->answered_refused, memory_order_relaxed);
    out->answered_failed = atomic_load_explicit(&service->answered_failed, memory_order_relaxed);
    out->cut_short = atomic_load_explicit(&service->cut_short, memory_order_relaxed);
    out->field_arenas = census_count(&service->field_arenas);
    out->text_arenas = census_count(&service->text_arenas);
}

int service_destroy(struct service *service) {
    arena_mhd_destroy(service->mhd);
    service->mhd = NULL;
    int status = field_arena_pool_destroy(service->field_pool);
    if (status != ARENA_OK) return status;
    service->field_pool = NULL;
    status = text_arena_pool_destroy(service->text_pool);
    if (status != ARENA_OK) return status;
    free(service);
    return ARENA_OK;
}
