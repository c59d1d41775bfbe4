/* SPDX-License-Identifier: MIT */
/* Answers: headers, bodies that come from a callback or a file, and long ones; what is owed at their end. */
#include "server.h"

#include <fcntl.h>
#include <sys/stat.h>

#define REQUEST(method, path) method " " path " HTTP/1.1\r\nHost: test\r\n\r\n"
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { LONG_BYTES = 300000 };

static struct server server;
static struct client client;
static struct reply reply;

static int statuses[16]; /* of what the handler called; atomic */

static enum MHD_Result yes_if(int status) { return status == ARENA_OK ? MHD_YES : MHD_NO; }

static char byte_at(uint64_t offset) { return (char)(offset * 31 + offset / 251); }

static uint32_t sum_of(uint64_t first, size_t size) {
    uint32_t sum = 0;
    for (size_t i = 0; i < size; i++) sum += (unsigned char)byte_at(first + i);
    return sum;
}

static void serve_once(void **state, arena_mhd_handler *handler, const char *text, unsigned status) {
    server_meet(&server, &client, SERVER_MODE(state), handler, NULL);
    client_exchange(&client, text, status, &reply);
    server_part(&server, &client);
}

/* --- headers ------------------------------------------------------------------------------------------------------ */

static enum MHD_Result answer_with_headers(struct arena_request *request, void *user) {
    static const char *const refused[][2] = {
        {"", "v"},
        {"a b", "v"},
        {"a:", "v"},
        {"X-A", "a\r\nX-B: b"},
        {"X-A", "a\nb"},
        {"X-A", "a\rb"},
        {"X-A", ""},
        {"Content-Length", "1"},
        {"transfer-ENCODING", "chunked"},
        {"TE", "trailers"},
        {"Trailer", "x"},
        {"Connection", "close"},
        {"Keep-Alive", "x"},
        {"Upgrade", "x"},
        {"Date", "x"},
    };
    for (size_t i = 0; i < COUNT(refused); i++) {
        if (arena_request_add_header(request, refused[i][0], refused[i][1]) != ARENA_EINVAL) return MHD_NO;
    }
    if (arena_request_add_header(NULL, "X-A", "a") != ARENA_EINVAL) return MHD_NO;
    if (arena_request_add_header(request, NULL, "a") != ARENA_EINVAL) return MHD_NO;
    if (arena_request_add_header(request, "X-A", NULL) != ARENA_EINVAL) return MHD_NO;
    char location[] = "/there";
    if (arena_request_add_header(request, "Location", location) != ARENA_OK) return MHD_NO;
    location[1] = 'w'; /* it was copied */
    if (arena_request_add_header(request, "Set-Cookie", "a=1; Path=/") != ARENA_OK) return MHD_NO;
    if (arena_request_add_header(request, "Set-Cookie", "b=2") != ARENA_OK) return MHD_NO;
    flag_set(&statuses[0], arena_request_respond(request, 42, NULL, NULL, 0)); /* which keeps them */
    enum MHD_Result result = yes_if(arena_request_respond(request, 302, NULL, NULL, 0));
    flag_set(&statuses[1], arena_request_add_header(request, "X-Late", "1"));
    return result;
}

SERVER_TEST(headers_are_sent_in_order) {
    serve_once(state, answer_with_headers, REQUEST("GET", "/x"), 302);
    const char *first = strstr(reply.head, "\r\nSet-Cookie: a=1; Path=/\r\n");
    const char *second = strstr(reply.head, "\r\nSet-Cookie: b=2\r\n");
    assert_non_null(strstr(reply.head, "\r\nLocation: /there\r\n"));
    assert_non_null(first);
    assert_non_null(second);
    assert_true(first < second);
    assert_null(strstr(reply.head, "X-A"));
    assert_null(strstr(reply.head, "X-Late"));
    assert_int_equal(flag_get(&statuses[0]), ARENA_EINVAL);
    assert_int_equal(flag_get(&statuses[1]), ARENA_EBUSY);
}

static enum MHD_Result add_and_forget(struct arena_request *request, void *user) {
    flag_set(&statuses[0], arena_request_add_header(request, "X-Own", "1"));
    return MHD_YES;
}

SERVER_TEST(answers_of_the_bindings_own_have_none_of_them) {
    serve_once(state, add_and_forget, REQUEST("GET", "/x"), 500);
    assert_int_equal(flag_get(&statuses[0]), ARENA_OK);
    assert_null(strstr(reply.head, "X-Own"));
}

static struct arena_request *kept;

static enum MHD_Result keep(struct arena_request *request, void *user) {
    kept = arena_request_retain(request);
    return server_echo(request, user);
}

SERVER_TEST(a_request_that_is_over_takes_none) {
    server_meet(&server, &client, SERVER_MODE(state), keep, NULL);
    client_exchange(&client, REQUEST("GET", "/x"), 200, &reply);
    client_close(&client);
    AWAIT(flag_get(&server.completed) == 1);
    assert_int_equal(arena_request_add_header(kept, "X-Late", "1"), ARENA_ECANCELED);
    arena_request_release(kept);
    server_stop(&server);
}

/* --- streams ------------------------------------------------------------------------------------------------------ */

static struct stream {
    int64_t size_bytes; /* told */
    int64_t length;     /* there is */
    int64_t fails_at;   /* 0: nowhere */
    int64_t result;     /* of the read that fails */
    bool panics;
    unsigned status; /* 0: 200 */
    int reads;       /* atomics */
    int ends;
} stream;

static int64_t read_stream(void *user, uint64_t offset, char *to, size_t most) {
    struct stream *self = user;
    flag_add(&self->reads, 1);
    if (self->panics) arena_panic("read");
    if (self->fails_at != 0 && offset >= (uint64_t)self->fails_at) return self->result < 0 ? -1 : (int64_t)most + 1;
    uint64_t left = (uint64_t)self->length - offset;
    size_t size = most < left ? most : (size_t)left;
    if (size > 7000) size = 7000;
    for (size_t i = 0; i < size; i++) to[i] = byte_at(offset + i);
    return (int64_t)size;
}

static void end_stream(void *user) {
    struct stream *self = user;
    flag_add(&self->ends, 1);
}

static enum MHD_Result answer_by_stream(struct arena_request *request, void *user) {
    (void)server_text(request, "counts when it is reset");
    unsigned status = stream.status == 0 ? 200 : stream.status;
    return yes_if(arena_request_respond_stream(request, status, "text/plain", stream.size_bytes, read_stream,
                                               end_stream, &stream));
}

static void start_stream(void **state, struct stream what) {
    stream = what;
    server_meet(&server, &client, SERVER_MODE(state), answer_by_stream, NULL);
}

static void end_once(void) {
    client_close(&client);
    AWAIT(flag_get(&server.resets) == 1);
    assert_int_equal(flag_get(&stream.ends), 1);
    server_stop(&server);
    assert_int_equal(flag_get(&stream.ends), 1);
}

SERVER_TEST(a_stream_of_known_size_is_sent_whole) {
    start_stream(state, (struct stream){.size_bytes = LONG_BYTES, .length = LONG_BYTES});
    client_exchange(&client, REQUEST("GET", "/x"), 200, &reply);
    assert_non_null(strstr(reply.head, "Content-Length: 300000\r\n"));
    assert_int_equal(reply.body_bytes, LONG_BYTES);
    assert_int_equal(reply.body_sum, sum_of(0, LONG_BYTES));
    assert_false(reply.close);
    end_once();
}

SERVER_TEST(an_empty_stream_is_an_answer) {
    start_stream(state, (struct stream){.size_bytes = 0});
    client_exchange(&client, REQUEST("GET", "/x"), 200, &reply);
    assert_int_equal(reply.body_bytes, 0);
    assert_int_equal(flag_get(&stream.reads), 0);
    end_once();
}

static char everything[LONG_BYTES + 65536];

/* All that comes until the text, or the end. */
static size_t receive_until(const char *text) {
    size_t length = 0;
    while (length < sizeof everything - 1) {
        ssize_t got = read(client.fd, everything + length, sizeof everything - 1 - length);
        if (got <= 0) break;
        length += (size_t)got;
        everything[length] = '\0';
        size_t end = strlen(text);
        if (end > 0 && length >= end && memcmp(everything + length - end, text, end) == 0) break;
    }
    return length;
}

SERVER_TEST(a_stream_of_unknown_size_is_chunked) {
    start_stream(state, (struct stream){.size_bytes = -1, .length = LONG_BYTES});
    client_send(&client, REQUEST("GET", "/x"));
    size_t length = receive_until("\r\n0\r\n\r\n");
    everything[length] = '\0';
    assert_non_null(strstr(everything, "Transfer-Encoding: chunked\r\n"));
    const char *chunk = strstr(everything, "\r\n\r\n") + 4;
    uint64_t offset = 0;
    for (;;) {
        char *data;
        size_t size = strtoull(chunk, &data, 16);
        if (size == 0) break;
        for (size_t i = 0; i < size; i++) assert_int_equal(data[2 + i], byte_at(offset + i));
        offset += size;
        chunk = data + 2 + size + 2;
    }
    assert_int_equal(offset, LONG_BYTES);
    client_send(&client, REQUEST("HEAD", "/x")); /* the connection goes on */
    assert_true(client_try_receive_head(&client, &reply));
    client_close(&client);
    AWAIT(flag_get(&stream.ends) == 2);
    server_stop(&server);
}

SERVER_TEST(to_http_1_0_it_ends_with_the_connection) {
    start_stream(state, (struct stream){.size_bytes = -1, .length = 10000});
    client_send(&client, "GET /x HTTP/1.0\r\n\r\n");
    size_t length = receive_until("");
    const char *body = strstr(everything, "\r\n\r\n") + 4;
    assert_int_equal(length - (size_t)(body - everything), 10000);
    end_once();
}

/* Nothing follows the head, not even the end of no chunks: the client would take it for the next answer. */
SERVER_TEST(to_head_and_where_nothing_is_sent_it_is_not_read) {
    static const struct {
        const char *request;
        unsigned status;
        int64_t size_bytes;
    } cases[] = {
        {"HEAD /x HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n", 200, LONG_BYTES},
        {"HEAD /x HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n", 200, -1},
        {"GET /x HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n", 304, -1},
        {REQUEST("HEAD", "/x"), 200, -1},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        start_stream(
            state, (struct stream){.size_bytes = cases[i].size_bytes, .length = LONG_BYTES, .status = cases[i].status});
        client_send(&client, cases[i].request);
        size_t length = receive_until("");
        assert_ptr_equal(strstr(everything, "\r\n\r\n") + 4, everything + length);
        assert_int_equal(strtoul(everything + strlen("HTTP/1.1 "), NULL, 10), cases[i].status);
        assert_int_equal(flag_get(&stream.reads), 0);
        end_once();
    }
}

SERVER_TEST(a_stream_that_goes_wrong_closes_the_connection) {
    const struct stream wrong[] = {
        {.size_bytes = LONG_BYTES, .length = LONG_BYTES, .fails_at = 1, .result = -1},
        {.size_bytes = LONG_BYTES, .length = LONG_BYTES, .fails_at = 100000, .result = 1}, /* more than was asked for */
        {.size_bytes = LONG_BYTES, .length = LONG_BYTES - 1},
        {.size_bytes = LONG_BYTES, .length = LONG_BYTES, .panics = true},
        {.size_bytes = -1, .length = LONG_BYTES, .fails_at = 1, .result = -1},
    };
    panics_record();
    for (size_t i = 0; i < COUNT(wrong); i++) {
        start_stream(state, wrong[i]);
        client_send(&client, REQUEST("GET", "/x"));
        size_t length = receive_until("\r\n0\r\n\r\n");
        everything[length] = '\0';
        const char *body = strstr(everything, "\r\n\r\n") + 4;
        assert_true(length - (size_t)(body - everything) < LONG_BYTES);
        assert_true(client_sees_end(&client));
        end_once();
        assert_int_not_equal(flag_get(&server.last_termination), MHD_REQUEST_TERMINATED_COMPLETED_OK);
    }
    arena_set_panic_handler(NULL, NULL);
}

SERVER_TEST(a_client_that_leaves_ends_it) {
    start_stream(state, (struct stream){.size_bytes = INT64_C(1) << 40, .length = INT64_C(1) << 40});
    client_send(&client, REQUEST("GET", "/x"));
    assert_true(client_try_skip(&client));
    client_abort(&client);
    end_once();
}

SERVER_TEST(the_end_of_the_daemon_ends_it) {
    start_stream(state, (struct stream){.size_bytes = INT64_C(1) << 40, .length = INT64_C(1) << 40});
    client_send(&client, REQUEST("GET", "/x"));
    assert_true(client_try_skip(&client));
    server_stop_daemon(&server);
    assert_int_equal(flag_get(&stream.ends), 1);
    client_close(&client);
    server_destroy(&server);
}

static enum MHD_Result stream_wrongly(struct arena_request *request, void *user) {
    int i = 0;
    flag_set(&statuses[i++], arena_request_respond_stream(NULL, 200, NULL, 1, read_stream, end_stream, &stream));
    flag_set(&statuses[i++], arena_request_respond_stream(request, 199, NULL, 1, read_stream, end_stream, &stream));
    flag_set(&statuses[i++], arena_request_respond_stream(request, 200, "", 1, read_stream, end_stream, &stream));
    flag_set(&statuses[i++], arena_request_respond_stream(request, 200, NULL, -2, read_stream, end_stream, &stream));
    flag_set(&statuses[i++], arena_request_respond_stream(request, 200, NULL, 1, NULL, end_stream, &stream));
    enum MHD_Result result = server_echo(request, user);
    flag_set(&statuses[i++], arena_request_respond_stream(request, 200, NULL, 1, read_stream, end_stream, &stream));
    return result;
}

SERVER_TEST(a_stream_that_was_not_queued_is_not_ended) {
    stream = (struct stream){.length = 1};
    serve_once(state, stream_wrongly, REQUEST("GET", "/x"), 200);
    for (size_t i = 0; i < 5; i++) assert_int_equal(flag_get(&statuses[i]), ARENA_EINVAL);
    assert_int_equal(flag_get(&statuses[5]), ARENA_EBUSY);
    assert_int_equal(flag_get(&stream.ends), 0);
}

static enum MHD_Result stream_without_end(struct arena_request *request, void *user) {
    return yes_if(arena_request_respond_stream(request, 200, NULL, 100, read_stream, NULL, &stream));
}

SERVER_TEST(a_stream_need_not_be_told_of_its_end) {
    stream = (struct stream){.length = 100};
    serve_once(state, stream_without_end, REQUEST("GET", "/x"), 200);
    assert_int_equal(reply.body_sum, sum_of(0, 100));
}

/* --- files -------------------------------------------------------------------------------------------------------- */

static char file_name[] = "/tmp/arena-answer-XXXXXX";
static int file; /* the descriptor that the handler hands out */
static struct {
    uint64_t offset;
    uint64_t size_bytes;
} part;

static bool is_open(int fd) { return fcntl(fd, F_GETFD) >= 0; }

static void make_file(void) {
    strcpy(file_name + strlen(file_name) - 6, "XXXXXX");
    int fd = mkstemp(file_name);
    assert_true(fd >= 0);
    for (uint64_t at = 0; at < LONG_BYTES; at++) everything[at] = byte_at(at);
    assert_int_equal(write(fd, everything, LONG_BYTES), LONG_BYTES);
    file = fd;
}

static enum MHD_Result answer_by_file(struct arena_request *request, void *user) {
    int status = arena_request_respond_file(request, 200, "text/plain", file, part.offset, part.size_bytes);
    flag_set(&statuses[0], status);
    return status == ARENA_OK ? MHD_YES : server_echo(request, user);
}

SERVER_TEST(a_part_of_a_file_is_sent) {
    static const struct {
        uint64_t offset;
        size_t size_bytes;
    } rows[] = {{0, LONG_BYTES}, {1, LONG_BYTES - 1}, {100000, 5}, {LONG_BYTES, 0}, {0, 0}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        make_file();
        part.offset = rows[i].offset;
        part.size_bytes = rows[i].size_bytes;
        serve_once(state, answer_by_file, REQUEST("GET", "/x"), 200);
        assert_int_equal(flag_get(&statuses[0]), ARENA_OK);
        assert_int_equal(reply.body_bytes, rows[i].size_bytes);
        assert_int_equal(reply.body_sum, sum_of(rows[i].offset, rows[i].size_bytes));
        assert_false(is_open(file));
        unlink(file_name);
    }
}

SERVER_TEST(what_is_no_part_of_a_file_stays_the_callers) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    make_file();
    int whole = file;
    int folder = open("/tmp", O_RDONLY);
    const struct {
        int fd;
        uint64_t offset;
        uint64_t size_bytes;
    } rows[] = {
        {whole, 0, LONG_BYTES + 1},
        {whole, LONG_BYTES + 1, 0},
        {whole, 1, LONG_BYTES},
        {whole, 1, UINT64_MAX},
        {whole, UINT64_MAX, 2},
        {ends[0], 0, 0},
        {folder, 0, 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        file = rows[i].fd;
        part.offset = rows[i].offset;
        part.size_bytes = rows[i].size_bytes;
        serve_once(state, answer_by_file, REQUEST("GET", "/x"), 200);
        assert_string_equal(reply.body, "GET /x ");
        assert_int_equal(flag_get(&statuses[0]), ARENA_EINVAL);
        assert_true(is_open(file));
    }
    file = -1;
    serve_once(state, answer_by_file, REQUEST("GET", "/x"), 200);
    assert_int_equal(flag_get(&statuses[0]), ARENA_EINVAL);
    close(whole);
    close(ends[0]);
    close(ends[1]);
    close(folder);
    unlink(file_name);
}

static enum MHD_Result answer_by_shrinking_file(struct arena_request *request, void *user) {
    enum MHD_Result result = answer_by_file(request, user);
    return truncate(file_name, 20000) == 0 ? result : MHD_NO;
}

SERVER_TEST(a_file_that_shrinks_closes_the_connection) {
    make_file();
    part.offset = 0;
    part.size_bytes = LONG_BYTES;
    server_meet(&server, &client, SERVER_MODE(state), answer_by_shrinking_file, NULL);
    client_send(&client, REQUEST("GET", "/x"));
    assert_false(client_try_receive(&client, &reply));
    server_part(&server, &client);
    assert_false(is_open(file));
    unlink(file_name);
}

/* --- long bodies -------------------------------------------------------------------------------------------------- */

/* From the arena: all of it, whether it goes out at once or in pieces. */
static size_t long_bytes;

static enum MHD_Result answer_at_length(struct arena_request *request, void *user) {
    struct arena *arena = server_arena(request);
    char *body = arena == NULL ? NULL : arena_try_alloc_slab(arena, long_bytes / sizeof(struct cell) + 1);
    if (body == NULL) return MHD_NO;
    for (size_t i = 0; i < long_bytes; i++) body[i] = byte_at(i);
    return yes_if(arena_request_respond(request, 200, NULL, body, long_bytes));
}

SERVER_TEST(a_body_of_any_length_is_sent_whole) {
    static const size_t lengths[] = {0, 1, 16383, 16384, 16385, 32768, 32769, 1 << 20, 3000001};
    server_meet(&server, &client, SERVER_MODE(state), answer_at_length, NULL);
    for (size_t i = 0; i < COUNT(lengths); i++) {
        long_bytes = lengths[i];
        client_exchange(&client, REQUEST("GET", "/x"), 200, &reply);
        assert_int_equal(reply.body_bytes, lengths[i]);
        assert_int_equal(reply.body_sum, sum_of(0, lengths[i]));
        client_send(&client, REQUEST("HEAD", "/x"));
        assert_true(client_try_receive_head(&client, &reply));
        char line[64];
        snprintf(line, sizeof line, "Content-Length: %zu\r\n", lengths[i]);
        assert_non_null(strstr(reply.head, line));
    }
    server_part(&server, &client);
}

static enum MHD_Result answer_in_a_line(struct arena_request *request, void *user) {
    if (arena_request_answer(NULL, 200, NULL, "nobody's") != MHD_NO) return MHD_NO;
    if (arena_request_answer(request, 100, NULL, "no answer") != MHD_NO) return MHD_NO;
    const char *text = strcmp(arena_request_url(request), "/text") == 0 ? server_text(request, "said") : NULL;
    enum MHD_Result result = arena_request_answer(request, 202, "text/x-said", text);
    if (text != NULL && arena_request_answer(request, 200, NULL, "again") != MHD_NO) return MHD_NO;
    return result;
}

static enum MHD_Result begin_with_nothing(struct arena_request *request, void *user) {
    return arena_request_answer(request, 200, NULL, NULL);
}

SERVER_TEST(a_text_is_answered_in_a_line) {
    serve_once(state, answer_in_a_line, REQUEST("GET", "/text"), 202);
    assert_string_equal(reply.body, "said");
    assert_non_null(strstr(reply.head, "Content-Type: text/x-said\r\n"));
    serve_once(state, answer_in_a_line, REQUEST("GET", "/no-room"), 500);
    const struct arena_mhd_options hooks = {.begin = begin_with_nothing};
    const struct server_options options = {.hooks = &hooks};
    server_meet(&server, &client, SERVER_MODE(state), answer_in_a_line, &options);
    client_send(&client, REQUEST("GET", "/text"));
    assert_true(client_sees_end(&client));
    server_part(&server, &client);
}

int main(void) { return support_run("mhd answers"); }
