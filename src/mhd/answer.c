/* SPDX-License-Identifier: MIT */
/* The answer: headers that wait for it, and the three functions that queue it.
 *
 * A body that is long is sent piece by piece, from a callback of libmicrohttpd, wherever it comes from: each piece is
 * an occasion to look at the deadline.  So a client that takes its answer slowly is found out while it does, which
 * libmicrohttpd, that counts silence alone, would not do.  A short body goes out with its head in one call of the
 * system. */
#include "mhd/answer.h"

#include "mhd/callback.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SHORT_BODY_BYTES = 16 * 1024, /* fits the smallest send buffer there is, an empty one */
    PIECE_BYTES = 32 * 1024,
    WAKE_EVERY_NS = 500 * 1000 * 1000
};

/* --- headers ------------------------------------------------------------------------------------------------------ */

static bool is_token(const char *text) {
    static const char letters[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    return text[0] != '\0' && text[strspn(text, letters)] == '\0';
}

/* What MHD_add_response_header refuses; checked here so that its failure can only mean that memory ran out. */
static bool is_value(const char *value) { return value[0] != '\0' && strpbrk(value, "\r\n") == NULL; }

static bool is_the_servers(const char *name) {
    static const char *const names[] = {
        MHD_HTTP_HEADER_CONTENT_LENGTH,
        MHD_HTTP_HEADER_TRANSFER_ENCODING,
        MHD_HTTP_HEADER_TE,
        MHD_HTTP_HEADER_TRAILER,
        MHD_HTTP_HEADER_CONNECTION,
        "Keep-Alive",
        MHD_HTTP_HEADER_UPGRADE,
        MHD_HTTP_HEADER_DATE,
    };
    size_t length = strlen(name);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (fields_equal_caseless(name, length, names[i])) return true;
    }
    return false;
}

/* acquire: as in request.c. */
static struct MHD_Connection *connection_of(struct exchange *exchange) {
    return atomic_ptr_load(&exchange->connection, acquire);
}

int arena_request_add_header(struct arena_request *request, const char *name, const char *value) {
    if (request == NULL || name == NULL || value == NULL) return ARENA_EINVAL;
    if (!is_token(name) || !is_value(value) || is_the_servers(name)) return ARENA_EINVAL;
    struct exchange *exchange = request->exchange;
    if (connection_of(exchange) == NULL) return ARENA_ECANCELED;
    if (atomic_u32_load(&exchange->answered, relaxed) != 0) return ARENA_EBUSY; /* by this thread, or never */
    size_t name_size = strlen(name) + 1;
    size_t value_size = strlen(value) + 1;
    if (value_size > SIZE_MAX / 4 || name_size > SIZE_MAX / 4) return ARENA_ENOMEM;
    struct header *header = malloc(sizeof *header + name_size + value_size);
    if (header == NULL) return ARENA_ENOMEM;
    memcpy(header->name, name, name_size);
    header->value = memcpy(header->name + name_size, value, value_size);
    header->next = NULL;
    struct header **last = &exchange->headers;
    while (*last != NULL) last = &(*last)->next;
    *last = header;
    return ARENA_OK;
}

static bool add_headers(const struct exchange *exchange, struct MHD_Response *response, const char *content_type) {
    if (content_type != NULL &&
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type) != MHD_YES) {
        return false;
    }
    for (const struct header *header = exchange->headers; header != NULL; header = header->next) {
        if (MHD_add_response_header(response, header->name, header->value) != MHD_YES) return false;
    }
    /* relaxed: nothing hangs on it; a thread that was told by other means that it has begun sees it. */
    return atomic_u32_load(&exchange->mhd->draining, relaxed) == 0 ||
           MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close") == MHD_YES;
}

/* --- bodies ------------------------------------------------------------------------------------------------------- */

struct read_call {
    const struct source *source;
    uint64_t offset;
    char *to;
    size_t most;
    int64_t result;
};

static void call_read(void *user) {
    struct read_call *call = user;
    call->result = call->source->read(call->source->user, call->offset, call->to, call->most);
}

static void call_end(void *user) {
    struct source *source = user;
    source->end(source->user);
}

static int64_t read_memory(void *user, uint64_t offset, char *to, size_t most) {
    const struct source *source = user;
    uint64_t left = (uint64_t)source->size_bytes - offset;
    size_t piece = most < left ? most : (size_t)left;
    memcpy(to, source->memory + offset, piece);
    return (int64_t)piece;
}

static int64_t read_file(void *user, uint64_t offset, char *to, size_t most) {
    const struct source *source = user;
    ssize_t got;
    do {
        got = pread(source->fd, to, most, (off_t)(source->first + offset));
    } while (got < 0 && errno == EINTR);
    return got;
}

static void close_file(void *user) {
    const struct source *source = user;
    (void)close(source->fd);
}

/* The longest time that the client has now. */
static int64_t write_deadline(const struct exchange *exchange, int64_t now_ns) {
    int64_t deadline_ns = deadline_after(now_ns, exchange->mhd->options.write_timeout_ns);
    return deadline_ns < exchange->context_deadline_ns ? deadline_ns : exchange->context_deadline_ns;
}

void answer_limit(struct exchange *exchange, struct MHD_Connection *connection) {
    int64_t now_ns = arena_clock_now();
    deadline_set(&exchange->deadline, connection, write_deadline(exchange, now_ns), now_ns);
}

/* Is there time left?  Then the connection may be silent for so long, and the watch is awake. */
static bool is_in_time(struct exchange *exchange) {
    int64_t now_ns = arena_clock_now();
    struct MHD_Connection *connection = connection_of(exchange);
    if (deadline_passed(&exchange->deadline, now_ns)) {
        atomic_u32_store(&exchange->overdue, 1, relaxed); /* read by this thread */
        return false;
    }
    deadline_set(&exchange->deadline, connection, exchange->deadline.at_ns, now_ns);
    if (exchange->deadline.at_ns != DEADLINE_NEVER && now_ns >= exchange->wake_ns) {
        exchange->wake_ns = now_ns + WAKE_EVERY_NS; /* not with each piece: all answers share the watch's lock */
        watch_wake(&exchange->mhd->watch, connection, now_ns);
    }
    return true;
}

/* libmicrohttpd's content reader, on the connection's thread. */
static ssize_t read_piece(void *user, uint64_t offset, char *to, size_t most) {
    struct exchange *exchange = user;
    const struct source *source = &exchange->source;
    if (!is_in_time(exchange)) return MHD_CONTENT_READER_END_WITH_ERROR;
    if (most > SSIZE_MAX) most = SSIZE_MAX;
    struct read_call call = {source, offset, to, most, -1};
    bool sized = source->size_bytes >= 0;
    if (sized && offset >= (uint64_t)source->size_bytes) return MHD_CONTENT_READER_END_OF_STREAM;
    if (!callback_run(exchange->mhd, call_read, &call) || call.result < 0 || (uint64_t)call.result > most) {
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    if (call.result == 0) return sized ? MHD_CONTENT_READER_END_WITH_ERROR : MHD_CONTENT_READER_END_OF_STREAM;
    return is_in_time(exchange) ? (ssize_t)call.result : MHD_CONTENT_READER_END_WITH_ERROR;
}

static void response_free(void *user) {
    struct exchange *exchange = user;
    struct source *source = &exchange->source;
    if (source->queued && source->end != NULL) (void)callback_run(exchange->mhd, call_end, source);
    exchange_release(exchange);
}

/* libmicrohttpd takes a pointer to non-const and does not write through it. */
static void *writable(const void *body) {
    union {
        const void *given;
        void *taken;
    } pointer = {body};
    return pointer.taken;
}

/* A response that holds a reference; NULL: no memory. */
static struct MHD_Response *response_make(struct exchange *exchange) {
    const struct source *source = &exchange->source;
    uint64_t size_bytes = source->size_bytes < 0 ? MHD_SIZE_UNKNOWN : (uint64_t)source->size_bytes;
    exchange_retain(exchange);
    struct MHD_Response *response =
        source->read == NULL
            ? MHD_create_response_from_buffer_with_free_callback_cls((size_t)size_bytes, writable(source->memory),
                                                                     response_free, exchange)
            : MHD_create_response_from_callback(size_bytes, PIECE_BYTES, read_piece, exchange, response_free);
    if (response == NULL) exchange_release(exchange); /* the callback of a response that was not made does not run */
    return response;
}

/* libmicrohttpd 0.9 ends the chunks of a body that it does not send, and the client takes the five bytes for the
 * beginning of the next answer.  So such an answer goes without chunks, and the connection closes behind it. */
static void avoid_chunks(const struct exchange *exchange, unsigned status, struct MHD_Response *response) {
    const char *method = exchange->fields->method;
    bool sends_body = status != MHD_HTTP_NOT_MODIFIED && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0;
    if (exchange->source.size_bytes >= 0 || sends_body) return;
    (void)MHD_set_response_options(response, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
}

/* --- queueing ----------------------------------------------------------------------------------------------------- */

/* 1xx is not an answer: after 100 and 102 libmicrohttpd waits for another response, and 101 needs one made for an
 * upgrade.  Above 999 are libmicrohttpd's flags. */
static bool is_status(unsigned status) { return status >= 200 && status <= 999; }

/* answered is 1, and the caller's to set back. */
static int queue(struct exchange *exchange, struct MHD_Connection *connection, unsigned status,
                 const char *content_type) {
    struct MHD_Response *response = response_make(exchange);
    if (response == NULL) return ARENA_ENOMEM;
    avoid_chunks(exchange, status, response);
    if (!add_headers(exchange, response, content_type)) {
        MHD_destroy_response(response);
        return ARENA_ENOMEM;
    }
    const int64_t before_ns = exchange->deadline.at_ns;
    answer_limit(exchange, connection);
    const struct overdue watched = exchange_watch_answer(exchange, connection);
    exchange->status = status; /* libmicrohttpd may tell of the end before it returns */
    exchange->source.queued = true;
    if (MHD_queue_response(connection, status, response) != MHD_YES) {
        exchange->source.queued = false;
        exchange->status = 0;
        registry_watch(exchange, &watched);
        deadline_set(&exchange->deadline, connection, before_ns, arena_clock_now());
        MHD_destroy_response(response);
        return ARENA_EBUSY;
    }
    MHD_destroy_response(response); /* the daemon has its own reference */
    return ARENA_OK;
}

static int respond(struct arena_request *request, unsigned status, const char *content_type,
                   const struct source *source) {
    if (request == NULL || !is_status(status) || (content_type != NULL && !is_value(content_type))) {
        return ARENA_EINVAL;
    }
    struct exchange *exchange = request->exchange;
    struct MHD_Connection *connection = connection_of(exchange);
    if (connection == NULL) return ARENA_ECANCELED;
    /* relaxed: the flag says which thread queues; what the answer consists of is handed over by libmicrohttpd's
     * locks. */
    uint32_t unanswered = 0;
    if (!atomic_u32_cas(&exchange->answered, &unanswered, 1, relaxed)) return ARENA_EBUSY;
    exchange->source = *source;
    int result = queue(exchange, connection, status, content_type);
    if (result != ARENA_OK) atomic_u32_store(&exchange->answered, 0, relaxed);
    return result;
}

int arena_request_respond(struct arena_request *request, unsigned status, const char *content_type, const void *body,
                          size_t size_bytes) {
    if (request == NULL || (body == NULL && size_bytes > 0) || (uint64_t)size_bytes > INT64_MAX) return ARENA_EINVAL;
    struct source source = {.memory = body == NULL ? "" : body, .size_bytes = (int64_t)size_bytes};
    if (size_bytes > SHORT_BODY_BYTES) {
        source.read = read_memory;
        source.user = &request->exchange->source;
    }
    return respond(request, status, content_type, &source);
}

enum MHD_Result arena_request_answer(struct arena_request *request, unsigned status, const char *content_type,
                                     const char *text) {
    if (request == NULL) return MHD_NO;
    if (text == NULL) return request->exchange->stage == STAGE_BEGINNING ? MHD_NO : MHD_YES;
    return arena_request_respond(request, status, content_type, text, strlen(text)) == ARENA_OK ? MHD_YES : MHD_NO;
}

int arena_request_respond_stream(struct arena_request *request, unsigned status, const char *content_type,
                                 int64_t size_bytes,
                                 int64_t (*read)(void *user, uint64_t offset, char *to, size_t most),
                                 void (*end)(void *user), void *user) {
    if (read == NULL || size_bytes < -1) return ARENA_EINVAL;
    const struct source source = {.read = read, .end = end, .user = user, .size_bytes = size_bytes};
    return respond(request, status, content_type, &source);
}

/* Is that part of a file there? */
static bool is_part_of_file(int fd, uint64_t offset, uint64_t size_bytes) {
    struct stat status;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return false;
    uint64_t length = (uint64_t)status.st_size;
    return offset <= length && size_bytes <= length - offset;
}

int arena_request_respond_file(struct arena_request *request, unsigned status, const char *content_type, int fd,
                               uint64_t offset, uint64_t size_bytes) {
    if (request == NULL || !is_part_of_file(fd, offset, size_bytes)) return ARENA_EINVAL;
    const struct source source = {.read = read_file,
                                  .end = close_file,
                                  .user = &request->exchange->source,
                                  .size_bytes = (int64_t)size_bytes,
                                  .fd = fd,
                                  .first = offset};
    return respond(request, status, content_type, &source);
}
