/* SPDX-License-Identifier: MIT */
/* arena-http-server: the routes, and one request from its head to its end.  Begin reading with `begin`, `handle` and
 * `completed`, which libarena-mhd calls in this order. */
#include "service.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "call.h"
#include "files.h"
#include "json.h"
#include "metrics.h"
#include "number.h"
#include "park.h"

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

enum {
    MIB = 1024 * 1024,
    ARENA_BYTES =
        (SERVICE_LARGE_MAX_MIB + 1) * MIB, /* a bound for a request, its body included: it grows as it is used */
    COUNT_MOST = 100000000,
    WAIT_MOST_MS = 60000,
    READ_TIMEOUT_S = 30,
    WRITE_TIMEOUT_S = 30,
};

/* The fields of a query and of a form, in the request's arena: a vector for ARENA_TRY_PUSH. */
struct fields {
    struct arena_field *data;
    size_t len, cap;
    size_t most; /* that a request may have */
};

struct service {
    struct service_options options;
    struct arena_pool *pool; /* of byte arenas: libarena-mhd takes one for each request */
    struct arena_mhd *mhd;
    struct park park;
    struct metrics metrics;
};

/* --- JSON ------------------------------------------------------------------------------------------------------ */

/* How many fields there are, how many more there could be and, under `name`, what was asked for.  Takes `value` over.
 * NULL: `error` says why. */
static json_t *json_document(struct arena_request *request, const struct fields *fields, const char *name,
                             json_t *value, json_error_t *error) {
    if (value == NULL) return NULL;
    return json_pack_ex(error, 0, "{s:s, s:s, s:I, s:I, s:o}", "path", arena_request_url(request), "method",
                        arena_request_method(request), "used", (json_int_t)fields->len, "remaining",
                        (json_int_t)(fields->most - fields->len), name, value);
}

static json_t *json_fields(const struct fields *fields, json_error_t *error) {
    json_t *array = json_array();
    for (size_t i = 0; array != NULL && i < fields->len; i++) {
        const struct arena_field *field = &fields->data[i];
        const char *value = field->value == NULL ? "" : field->value;
        json_t *object = json_pack_ex(error, 0, "{s:s%, s:s%}", "key", field->name, field->name_bytes, "value", value,
                                      field->value_bytes);
        if (object == NULL || json_array_append_new(array, object) != 0) return NULL;
    }
    return array;
}

/* The document as text with a newline after it, where it will be sent from. */
static enum MHD_Result answer_document(struct arena_request *request, const json_t *document,
                                       const json_error_t *error) {
    if (document == NULL && json_error_code(error) == json_error_invalid_utf8)
        return call_answer(request, MHD_HTTP_BAD_REQUEST, CONTENT_TEXT, "a field is not valid UTF-8\n");
    size_t size_bytes = document == NULL ? 0 : json_dumpb(document, NULL, 0, JSON_COMPACT);
    char *text = size_bytes == 0 ? NULL : arena_bytes_try_alloc_raw(call_arena(request), size_bytes + 2, 0);
    if (text == NULL || json_dumpb(document, text, size_bytes, JSON_COMPACT) != size_bytes)
        return call_answer(request, MHD_HTTP_OK, CONTENT_JSON, NULL);
    memcpy(text + size_bytes, "\n", 2);
    return call_answer(request, MHD_HTTP_OK, CONTENT_JSON, text);
}

/* --- Fields ---------------------------------------------------------------------------------------------------- */

/* false: there are too many, or they do not fit the arena. */
static bool collect_fields(struct arena_request *request, struct fields *fields) {
    static const int kinds[] = {ARENA_FIELD_ARGUMENT, ARENA_FIELD_FORM};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct arena_field field;
        for (size_t cursor = 0; arena_request_next_field(request, kinds[i], &cursor, &field);) {
            if (field.name_bytes == 0 && field.value == NULL) continue; /* nothing between two '&' */
            struct arena_field *slot = fields->len == fields->most ? NULL : ARENA_TRY_PUSH(call_arena(request), fields);
            if (slot == NULL) return false;
            *slot = field;
        }
    }
    return true;
}

typedef enum MHD_Result fields_handler(struct arena_request *request, const struct fields *fields);

static enum MHD_Result with_fields(const struct service *service, struct arena_request *request,
                                   fields_handler *handler) {
    struct fields fields = {.most = service->options.fields};
    if (collect_fields(request, &fields)) return handler(request, &fields);
    const char *text = fields.len < fields.most
                           ? NULL
                           : arena_bytes_try_printf(call_arena(request), "more than %zu fields\n", fields.most);
    return call_answer(request, MHD_HTTP_CONTENT_TOO_LARGE, CONTENT_TEXT, text);
}

/* --- Routes ---------------------------------------------------------------------------------------------------- */

static enum MHD_Result answer_parse(struct arena_request *request, const struct fields *fields) {
    json_error_t error = {0};
    json_begin(call_arena(request));
    json_t *array = json_fields(fields, &error);
    enum MHD_Result result = answer_document(request, json_document(request, fields, "fields", array, &error), &error);
    json_end();
    return result;
}

static enum MHD_Result route_parse(struct service *service, struct arena_request *request) {
    size_t size_bytes;
    size_t cursor = 0;
    struct arena_field field;
    (void)arena_request_body(request, &size_bytes);
    if (size_bytes > 0 && !arena_request_next_field(request, ARENA_FIELD_FORM, &cursor, &field))
        return call_answer(request, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, CONTENT_TEXT,
                           "the body must be " MHD_HTTP_POST_ENCODING_FORM_URLENCODED "\n");
    return with_fields(service, request, answer_parse);
}

/* Adds up the fields called n.  Where that cannot be, what there is to say. */
static const char *sum_fields(struct arena_bytes *arena, const struct fields *fields, int64_t *sum) {
    size_t numbers = 0;
    *sum = 0;
    for (size_t i = 0; i < fields->len; i++) {
        const struct arena_field *field = &fields->data[i];
        if (strcmp(field->name, "n") != 0) continue;
        numbers++;
        int64_t number = 0;
        enum number_kind kind = number_read(field->value == NULL ? "" : field->value, &number);
        if (kind == NUMBER_NONE) return arena_bytes_try_printf(arena, "n number %zu is not a whole number\n", numbers);
        if (kind == NUMBER_TOO_LARGE)
            return arena_bytes_try_printf(arena, "n number %zu does not fit 64 bits\n", numbers);
        if (__builtin_add_overflow(*sum, number, sum)) return "the sum does not fit 64 bits\n";
    }
    return numbers == 0 ? "n is missing, as in /sum?n=10&n=20\n" : NULL;
}

static enum MHD_Result answer_sum(struct arena_request *request, const struct fields *fields) {
    int64_t sum;
    const char *wrong = sum_fields(call_arena(request), fields, &sum);
    if (wrong != NULL) return call_answer(request, MHD_HTTP_BAD_REQUEST, CONTENT_TEXT, wrong);
    json_error_t error = {0};
    json_begin(call_arena(request));
    enum MHD_Result result =
        answer_document(request, json_document(request, fields, "sum", json_integer(sum), &error), &error);
    json_end();
    return result;
}

static enum MHD_Result route_sum(struct service *service, struct arena_request *request) {
    return with_fields(service, request, answer_sum);
}

static enum MHD_Result route_healthz(struct service *service, struct arena_request *request) {
    (void)service;
    return call_answer(request, MHD_HTTP_OK, CONTENT_TEXT, "ok");
}

static enum MHD_Result route_metrics(struct service *service, struct arena_request *request) {
    const struct metrics_pool pools[] = {{"requests", service->pool}};
    const char *text = metrics_text(&service->metrics, pools, 1, call_arena(request));
    return call_answer(request, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", text);
}

enum { COUNT_LINE_BYTES = 10 };

/* The lines from 1 to *user, each of ten bytes: so any part of them can be said without a state. */
static int64_t read_count(void *user, uint64_t offset, char *to, size_t most) {
    const int64_t *last = user;
    uint64_t end = (uint64_t)*last * COUNT_LINE_BYTES;
    size_t length = 0;
    while (length < most && offset < end) {
        char line[32];
        snprintf(line, sizeof(line), "%9llu\n", (unsigned long long)(offset / COUNT_LINE_BYTES) + 1);
        size_t at = offset % COUNT_LINE_BYTES;
        size_t piece = COUNT_LINE_BYTES - at < most - length ? COUNT_LINE_BYTES - at : most - length;
        memcpy(to + length, line + at, piece);
        length += piece;
        offset += piece;
    }
    return (int64_t)length;
}

/* Chunked, of a length that is not told: what it needs lies in the request's arena, which lives as long as the answer. */
static enum MHD_Result route_count(struct service *service, struct arena_request *request) {
    (void)service;
    int64_t number;
    if (!call_number(request, "to", 0, COUNT_MOST, 10, &number))
        return call_answer(request, MHD_HTTP_BAD_REQUEST, CONTENT_TEXT, "to is a number up to 100000000\n");
    int64_t *last = arena_bytes_try_alloc_raw(call_arena(request), sizeof(*last), 0);
    if (last == NULL) return call_answer(request, MHD_HTTP_OK, CONTENT_TEXT, NULL);
    *last = number;
    int status = arena_request_respond_stream(request, MHD_HTTP_OK, CONTENT_TEXT, -1, read_count, NULL, last);
    return status == ARENA_OK ? MHD_YES : MHD_NO;
}

/* As large as asked for, made in the arena and sent from there. */
static enum MHD_Result route_large(struct service *service, struct arena_request *request) {
    (void)service;
    int64_t mib;
    if (!call_number(request, "mib", 1, SERVICE_LARGE_MAX_MIB, 1, &mib))
        return call_answer(request, MHD_HTTP_BAD_REQUEST, CONTENT_TEXT, "mib is a number from 1 to 16\n");
    size_t size_bytes = (size_t)mib * MIB;
    char *body = arena_bytes_try_alloc_raw(call_arena(request), size_bytes, 0);
    if (body == NULL) return call_answer(request, MHD_HTTP_OK, CONTENT_TEXT, NULL);
    memset(body, 'x', size_bytes);
    int status = arena_request_respond(request, MHD_HTTP_OK, "application/octet-stream", body, size_bytes);
    return status == ARENA_OK ? MHD_YES : MHD_NO;
}

static enum MHD_Result route_wait(struct service *service, struct arena_request *request) {
    int64_t wait_ms;
    if (!call_number(request, "ms", 0, WAIT_MOST_MS, 100, &wait_ms))
        return call_answer(request, MHD_HTTP_BAD_REQUEST, CONTENT_TEXT, "ms is a number up to 60000\n");
    return park_answer(&service->park, request, wait_ms * NS_PER_MS);
}

static enum MHD_Result route_file(struct service *service, struct arena_request *request) {
    const struct call *call = arena_request_user(request);
    if (call != NULL && call->upload != NULL) return upload_answer(request, call->upload);
    return files_answer(request, service->options.folder, files_name(arena_request_url(request)));
}

enum { GET = 1, POST = 2, PUT = 4 };

static const struct route {
    const char *path; /* NULL: a file */
    unsigned methods;
    const char *allow;
    enum MHD_Result (*answer)(struct service *service, struct arena_request *request);
} routes[] = {
    {"/parse", GET | POST, "GET, HEAD, POST", route_parse},
    {"/sum", GET, "GET, HEAD", route_sum},
    {"/healthz", GET, "GET, HEAD", route_healthz},
    {"/metrics", GET, "GET, HEAD", route_metrics},
    {"/count", GET, "GET, HEAD", route_count},
    {"/large", GET, "GET, HEAD", route_large},
    {"/wait", GET, "GET, HEAD", route_wait},
    {NULL, GET | PUT, "GET, HEAD, PUT", route_file},
};

static const struct route *find_route(const struct service *service, const char *url) {
    bool is_file = service->options.folder != NULL && files_name(url) != NULL;
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
        if (routes[i].path == NULL ? is_file : strcmp(routes[i].path, url) == 0) return &routes[i];
    return NULL;
}

static bool has_method(const struct route *route, const char *method) {
    if (strcmp(method, MHD_HTTP_METHOD_GET) == 0 || strcmp(method, MHD_HTTP_METHOD_HEAD) == 0)
        return (route->methods & GET) != 0;
    if (strcmp(method, MHD_HTTP_METHOD_POST) == 0) return (route->methods & POST) != 0;
    return strcmp(method, MHD_HTTP_METHOD_PUT) == 0 && (route->methods & PUT) != 0;
}

/* --- One request ----------------------------------------------------------------------------------------------- */

static enum MHD_Result refuse_method(struct arena_request *request, const char *allow, unsigned status) {
    if (arena_request_add_header(request, MHD_HTTP_HEADER_ALLOW, allow) != ARENA_OK) return MHD_NO;
    return call_answer(request, status, CONTENT_TEXT,
                       status == MHD_HTTP_METHOD_NOT_ALLOWED ? "this path has no such method\n" : "");
}

/* The head is there: what can be refused is refused before its body comes. */
static enum MHD_Result begin(struct arena_request *request, void *user) {
    struct service *service = user;
    struct call *call = calloc(1, sizeof(*call));
    if (call == NULL) return MHD_NO;
    call->started_ns = arena_clock_now();
    arena_request_set_user(request, call);
    const char *url = arena_request_url(request);
    const char *method = arena_request_method(request);
    if (strcmp(url, "*") == 0) return refuse_method(request, "GET, HEAD, POST, PUT", MHD_HTTP_NO_CONTENT);
    const struct route *route = find_route(service, url);
    if (route == NULL)
        return call_answer(request, MHD_HTTP_NOT_FOUND, CONTENT_TEXT,
                           "no such path; there are /parse, /sum and /healthz\n");
    if (!has_method(route, method)) return refuse_method(request, route->allow, MHD_HTTP_METHOD_NOT_ALLOWED);
    if (strcmp(method, MHD_HTTP_METHOD_PUT) != 0) return MHD_YES;
    call->upload = upload_begin(request, service->options.folder, files_name(url));
    if (call->upload != NULL) return MHD_YES;
    return call_answer(request, MHD_HTTP_INTERNAL_SERVER_ERROR, CONTENT_TEXT, "the file cannot be written\n");
}

/* All of the request is there, and its arena. */
static enum MHD_Result handle(struct arena_request *request, void *user) {
    struct service *service = user;
    const struct route *route = find_route(service, arena_request_url(request));
    return route == NULL ? MHD_NO : route->answer(service, request); /* `begin` has found one */
}

/* A JSON API answers JSON. */
static void refuse(struct arena_request *request, unsigned status, const char **content_type, const char **body,
                   void *user) {
    (void)user;
    const char *accepted = arena_request_header(request, MHD_HTTP_HEADER_ACCEPT);
    if (accepted == NULL || strstr(accepted, CONTENT_JSON) == NULL) return;
    *content_type = CONTENT_JSON;
    switch (status) {
    case MHD_HTTP_BAD_REQUEST:
        *body = "{\"error\":\"the request is malformed\"}\n";
        break;
    case MHD_HTTP_CONTENT_TOO_LARGE:
        *body = "{\"error\":\"the request body is too large\"}\n";
        break;
    case MHD_HTTP_SERVICE_UNAVAILABLE:
        *body = "{\"error\":\"the server is too busy\"}\n";
        break;
    default:
        *body = "{\"error\":\"the server failed\"}\n";
        break;
    }
}

/* One line of the access log: client, method, target, status, milliseconds.  Bytes that a terminal or a reader of lines
 * could mistake are not in a method or a target that the binding took. */
static void log_request(struct arena_request *request, unsigned status, bool whole, int64_t duration_ns) {
    char address[INET6_ADDRSTRLEN] = "-";
    struct MHD_Connection *connection = arena_request_connection(request);
    const union MHD_ConnectionInfo *info =
        connection == NULL ? NULL : MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (info != NULL && info->client_addr->sa_family == AF_INET) {
        const struct sockaddr_in *ip4 = (const struct sockaddr_in *)(const void *)info->client_addr;
        (void)inet_ntop(AF_INET, &ip4->sin_addr, address, sizeof(address));
    } else if (info != NULL && info->client_addr->sa_family == AF_INET6) {
        const struct sockaddr_in6 *ip6 = (const struct sockaddr_in6 *)(const void *)info->client_addr;
        (void)inet_ntop(AF_INET6, &ip6->sin6_addr, address, sizeof(address));
    }
    const char *target = arena_request_target(request);
    const char *path = status == MHD_HTTP_BAD_REQUEST || target == NULL ? "-" : target;
    printf("%s %s %s %u %.3f%s\n", address, status == MHD_HTTP_BAD_REQUEST ? "-" : arena_request_method(request), path,
           status, (double)duration_ns / 1e6, whole ? "" : " cut short");
}

/* It is over, whatever way: also where libarena-mhd answered by itself, and `begin` was not called. */
static void completed(struct arena_request *request, unsigned status, enum MHD_RequestTerminationCode termination,
                      void *user) {
    struct service *service = user;
    struct call *call = arena_request_user(request);
    int64_t duration_ns = call == NULL ? 0 : arena_clock_now() - call->started_ns;
    bool whole = status != 0 && termination == MHD_REQUEST_TERMINATED_COMPLETED_OK;
    metrics_note(&service->metrics, status, whole, duration_ns);
    if (service->options.log) log_request(request, status, whole, duration_ns);
    if (call == NULL) return;
    upload_end(call->upload);
    free(call);
}

/* --- Life ------------------------------------------------------------------------------------------------------ */

/* What is not in limits here libmicrohttpd has to limit: see daemon_start in main.c. */
static int bind_pool(struct service *service) {
    const struct arena_mhd_options options = {
        .struct_size = sizeof(options),
        .body_limit_bytes = SERVICE_BODY_MAX_BYTES,
        .begin = begin,
        .completed = completed,
        .refuse = refuse,
        .read_timeout_ns = READ_TIMEOUT_S * NS_PER_S,
        .write_timeout_ns = WRITE_TIMEOUT_S * NS_PER_S,
    };
    return arena_mhd_create_with(service->pool, handle, service, &options, &service->mhd);
}

/* Before there was a request: nothing is out of the pool. */
static void free_service(struct service *service) {
    if (service->pool != NULL && arena_pool_destroy(service->pool) != ARENA_OK) abort();
    free(service);
}

int service_create(const struct service_options *options, struct service **out) {
    *out = NULL;
    struct service *service = calloc(1, sizeof(*service));
    if (service == NULL) return ARENA_ENOMEM;
    service->options = *options;
    json_setup();
    const struct arena_pool_options limit = {.struct_size = sizeof(limit), .max_arenas = options->arenas};
    int status = arena_pool_create_with(arena_type_bytes(), ARENA_BYTES, &limit, &service->pool);
    if (status == ARENA_OK) status = bind_pool(service);
    if (status == ARENA_OK && !park_start(&service->park, options->suspends)) {
        arena_mhd_destroy(service->mhd);
        status = ARENA_ENOMEM;
    }
    if (status != ARENA_OK) {
        free_service(service);
        return status;
    }
    *out = service;
    return ARENA_OK;
}

struct arena_mhd *service_mhd(struct service *service) {
    return service->mhd;
}

void service_stop(struct service *service) { park_stop(&service->park); }

static size_t arenas_made(const struct arena_pool *pool) {
    struct arena_pool_stats stats = {.struct_size = sizeof(stats)};
    return arena_pool_get_stats(pool, &stats) == ARENA_OK ? stats.made : 0;
}

void service_figures(struct service *service, struct service_figures *figures) {
    const struct metrics *metrics = &service->metrics;
    *figures = (struct service_figures){
        .answered_ok = metrics_hundred(metrics, 200) + metrics_hundred(metrics, 300),
        .answered_refused = metrics_hundred(metrics, 400),
        .answered_failed = metrics_hundred(metrics, 500),
        .cut_short = atomic_load_explicit(&metrics->cut_short, memory_order_relaxed),
        .arenas = arenas_made(service->pool),
    };
}

int service_destroy(struct service *service) {
    park_destroy(&service->park);
    arena_mhd_destroy(service->mhd);
    int status = arena_pool_destroy(service->pool);
    free(service);
    return status;
}
