/* arena-http-server: one request, from its arenas to its answer.
 *
 * Who owns what.  The arena of fields belongs to the request: libarena-mhd gives it back when the request is over.
 * The arena of text is checked out here, and injected into the request, so that everything below finds both arenas in
 * the request.  It must outlive the request, because the answer is sent from where it lies in that arena, and a
 * response ends after its request.  So the response gets it: its free callback puts it back into its pool.
 *
 * libmicrohttpd decodes percent-escapes by itself and lets malformed ones pass.  Therefore its decoder is replaced by
 * one that changes nothing (service_unescape), and path, query and body are decoded here, by the same code.
 */
#include "service.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <jansson.h>

#include "census.h"
#include "form.h"
#include "text.h"

/* Decoded; both texts lie in the request's arena of text and end with a zero byte. */
struct field {
    const char *key;
    size_t key_size_bytes;
    const char *value;
    size_t value_size_bytes;
};

ARENA_DEFINE(field_arena, struct field)

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

/* One request that is being answered. */
struct exchange {
    struct arena_request *request;
    struct field_arena *fields;
    struct text_arena *text;
    const struct field *first; /* of field_arena_used(fields) fields, one after the other */
};

struct answer {
    unsigned status;
    const char *content_type;
    const char *body;   /* static, or in the arena of text */
    size_t size_bytes;
    const char *allow;  /* the Allow header, or NULL */
    bool in_text_arena; /* where the body is */
};

/* Lent by the pool of texts to a response; lies in the very arena it names. */
struct text_loan {
    struct text_arena_pool *pool;
    struct text_arena *arena;
};

#define CONTENT_JSON "application/json"
#define CONTENT_TEXT "text/plain; charset=utf-8"

/* --- Answers --------------------------------------------------------------------------------------------------- */

static struct answer answer_static(unsigned status, const char *body) {
    return (struct answer){.status = status, .content_type = CONTENT_TEXT, .body = body, .size_bytes = strlen(body)};
}

/* No room left for text: what the request holds is larger than what was foreseen for one request. */
static struct answer answer_no_room(void) {
    return answer_static(MHD_HTTP_CONTENT_TOO_LARGE, "the request does not fit its arena\n");
}

/* `body` as text_format made it. */
static struct answer answer_text(unsigned status, const char *content_type, const char *body) {
    if (body == NULL) return answer_no_room();
    return (struct answer){.status = status,
                           .content_type = content_type,
                           .body = body,
                           .size_bytes = strlen(body),
                           .in_text_arena = true};
}

static struct answer answer_not_allowed(const char *allow) {
    struct answer answer = answer_static(MHD_HTTP_METHOD_NOT_ALLOWED, "this path has no such method\n");
    answer.allow = allow;
    return answer;
}

static void text_loan_end(void *user) {
    /* Copied out first: the return clears the memory that the loan lies in. */
    struct text_loan loan = *(struct text_loan *)user;
    text_arena_pool_return(loan.pool, loan.arena);
}

/* Queues a response that owns the arena of text.  The arena goes back even when this fails. */
static enum MHD_Result queue_with_text(struct exchange *exchange, struct text_arena_pool *pool,
                                       const struct answer *answer) {
    struct text_loan *loan = text_alloc(exchange->text, sizeof(*loan));
    if (loan == NULL) {
        text_arena_pool_return(pool, exchange->text);
        return MHD_NO;
    }
    *loan = (struct text_loan){pool, exchange->text};
    /* libmicrohttpd only reads the body; its parameter is not const for older callers' sake. */
    struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback_cls(
        answer->size_bytes, (void *)(uintptr_t)answer->body, text_loan_end, loan);
    if (response == NULL) {
        text_loan_end(loan);
        return MHD_NO;
    }
    bool headers = MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->content_type) == MHD_YES;
    if (headers && answer->allow != NULL)
        headers = MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, answer->allow) == MHD_YES;
    enum MHD_Result result = MHD_NO;
    if (headers)
        result = MHD_queue_response(arena_request_connection(exchange->request), answer->status, response);
    MHD_destroy_response(response);
    return result;
}

static void count_answer(struct service *service, unsigned status) {
    atomic_ullong *counter = status < 400   ? &service->answered_ok
                             : status < 500 ? &service->answered_refused
                                            : &service->answered_failed;
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* Sends the answer, and gives the arena of text away in any case. */
static enum MHD_Result send_answer(struct service *service, struct exchange *exchange, const struct answer *answer) {
    enum MHD_Result result;
    if (answer->in_text_arena || answer->allow != NULL) {
        result = queue_with_text(exchange, service->text_pool, answer);
    } else {
        text_arena_pool_return(service->text_pool, exchange->text);
        result = arena_request_respond(exchange->request, answer->status, answer->content_type, answer->body,
                                       answer->size_bytes) == ARENA_OK
                     ? MHD_YES
                     : MHD_NO;
    }
    if (result == MHD_YES) count_answer(service, answer->status);
    return result;
}

/* --- Fields ---------------------------------------------------------------------------------------------------- */

/* Decodes one text into the arena of text.  Without room for it *decoded is NULL. */
static enum form_status decode(struct exchange *exchange, const char *escaped, size_t escaped_size_bytes,
                               const char **decoded, size_t *decoded_size_bytes) {
    char *text = text_copy(exchange->text, escaped, escaped_size_bytes);
    *decoded = text;
    *decoded_size_bytes = escaped_size_bytes;
    if (text == NULL) return FORM_OK;
    enum form_status status = form_unescape(text, decoded_size_bytes);
    if (status == FORM_OK) text[*decoded_size_bytes] = '\0';
    return status;
}

/* Decodes a pair into the next field.  False: *answer says why not. */
static bool add_field(struct exchange *exchange, const struct form_pair *pair, struct answer *answer) {
    struct field field;
    enum form_status status =
        decode(exchange, pair->key, pair->key_size_bytes, &field.key, &field.key_size_bytes);
    if (status == FORM_OK)
        status = decode(exchange, pair->value, pair->value_size_bytes, &field.value, &field.value_size_bytes);
    if (status != FORM_OK) {
        *answer = answer_text(MHD_HTTP_BAD_REQUEST, CONTENT_TEXT,
                              text_format(exchange->text, "field %zu %s\n",
                                          field_arena_used(exchange->fields) + 1, form_strerror(status)));
        return false;
    }
    if (field.key == NULL || field.value == NULL) {
        *answer = answer_no_room();
        return false;
    }
    const struct field *slot = field_arena_try_alloc(exchange->fields, field);
    if (slot == NULL) {
        *answer = answer_text(MHD_HTTP_CONTENT_TOO_LARGE, CONTENT_TEXT,
                              text_format(exchange->text, "more than %zu fields\n", field_arena_cap(exchange->fields)));
        return false;
    }
    if (exchange->first == NULL) exchange->first = slot;
    return true;
}

struct query_walk {
    struct exchange *exchange;
    struct answer *answer;
    bool failed;
};

static enum MHD_Result add_query_argument(void *user, enum MHD_ValueKind kind, const char *key, size_t key_size_bytes,
                                          const char *value, size_t value_size_bytes) {
    struct query_walk *walk = user;
    (void)kind;
    if (key_size_bytes == 0 && value == NULL) return MHD_YES; /* nothing between two '&' */
    struct form_pair pair = {key, key_size_bytes, value, value_size_bytes};
    walk->failed = !add_field(walk->exchange, &pair, walk->answer);
    return walk->failed ? MHD_NO : MHD_YES;
}

static bool add_query(struct exchange *exchange, struct answer *answer) {
    struct query_walk walk = {exchange, answer, false};
    MHD_get_connection_values_n(arena_request_connection(exchange->request), MHD_GET_ARGUMENT_KIND,
                                add_query_argument, &walk);
    return !walk.failed;
}

/* Is this the media type of forms?  A body without a type is taken for one. */
static bool is_form(const char *content_type) {
    static const char form[] = MHD_HTTP_POST_ENCODING_FORM_URLENCODED;
    if (content_type == NULL) return true;
    if (strncasecmp(content_type, form, sizeof(form) - 1) != 0) return false;
    char next = content_type[sizeof(form) - 1];
    return next == '\0' || next == ';' || next == ' ' || next == '\t';
}

static bool add_body(struct exchange *exchange, struct answer *answer) {
    size_t size_bytes;
    const char *body = arena_request_body(exchange->request, &size_bytes);
    if (size_bytes == 0) return true;
    if (!is_form(arena_request_header(exchange->request, MHD_HTTP_HEADER_CONTENT_TYPE))) {
        *answer = answer_static(MHD_HTTP_UNSUPPORTED_MEDIA_TYPE,
                                "the body must be " MHD_HTTP_POST_ENCODING_FORM_URLENCODED "\n");
        return false;
    }
    const char *cursor = body;
    struct form_pair pair;
    while (form_next(&cursor, body + size_bytes, &pair))
        if (!add_field(exchange, &pair, answer)) return false;
    return true;
}

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
    if (!add_query(exchange, &answer) || !add_body(exchange, &answer)) return answer;
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
    if (!add_query(exchange, &answer) || !sum_fields(exchange, &sum, &answer)) return answer;
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
    enum form_status status = decode(exchange, url, strlen(url), &path, &path_size_bytes);
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
    return send_answer(service, &exchange, &answer);
}

/* Room for the text of any request that libmicrohttpd and the binding let through.  Reserved, not used: an arena
 * takes memory as it is touched. */
static size_t text_capacity(size_t fields) {
    /* A field costs Jansson two strings and a hash table, and twice a place in the table of what is being written. */
    const size_t per_field_bytes = 2048;
    /* A byte is copied when it is decoded, again for Jansson, and is written as up to six ("\u0001"). */
    const size_t per_byte_bytes = 16;
    return text_blocks(64 * 1024 + fields * per_field_bytes +
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
        service_destroy(service);
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
