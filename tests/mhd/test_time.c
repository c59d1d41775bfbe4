/* SPDX-License-Identifier: MIT */
/* Time: clients that send or read slowly, or not at all, lose their connection and give the arena back, in every thread
 * mode; others do not.  Nothing here measures: a slow client that was not cut off would go on for minutes. */
#include "mhd/exchange.h"
#include "server.h"

#include <sys/socket.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: test\r\n\r\n"
#define POST(headers) "POST /p HTTP/1.1\r\nHost: test\r\n" headers "\r\n"
#define NS_PER_MS INT64_C(1000000)

enum { LONG_CELLS = SERVER_ARENA_CELLS, STEPS = 600, STEP_MS = 50, MOST_CLIENTS = 8 };

static struct server server;
static struct client client;
static struct client clients[MOST_CLIENTS];
static size_t client_count;
static struct reply reply;

static int told; /* atomic: requests that completed, but those to /no */
static int told_in_time;
static int begun;

static enum MHD_Result begin(struct arena_request *request, void *user) {
    flag_add(&begun, 1);
    return strcmp(arena_request_url(request), "/no") == 0 ? MHD_NO : MHD_YES;
}

static void completed(struct arena_request *request, unsigned status, enum MHD_RequestTerminationCode termination,
                      void *user) {
    if (strcmp(arena_request_url(request), "/no") == 0) return;
    if (termination != MHD_REQUEST_TERMINATED_TIMEOUT_REACHED) flag_add(&told_in_time, 1);
    flag_add(&told, 1);
}

static void start_unless(void **state, arena_mhd_handler *handler, const struct arena_mhd_options *times,
                         bool unwatched) {
    if (!server_limits_silence(SERVER_MODE(state))) skip();
    struct arena_mhd_options options = *times;
    options.begin = begin;
    options.completed = completed;
    const struct server_options with = {.hooks = &options, .max_arenas = MOST_CLIENTS, .takes_no_watch = unwatched};
    flag_set(&told, 0);
    flag_set(&told_in_time, 0);
    flag_set(&begun, 0);
    client_count = 0;
    server_start(&server, SERVER_MODE(state), handler, &with);
}

static void start(void **state, arena_mhd_handler *handler, const struct arena_mhd_options *times) {
    start_unless(state, handler, times, false);
    client_connect(&client, server.port);
}

static void stop(void) {
    client_close(&client);
    for (size_t i = 0; i < client_count; i++) client_close(&clients[i]);
    server_stop(&server);
}

/* One more, beside the first. */
static struct client *add_client(const char *text) {
    assert_true(client_count < MOST_CLIENTS);
    struct client *added = &clients[client_count++];
    client_connect(added, server.port);
    client_send(added, text);
    return added;
}

static void expect_timeouts(size_t count) {
    AWAIT((size_t)flag_get(&told) == count);
    assert_int_equal(flag_get(&told_in_time), 0);
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

/* Not a whole number of seconds: who is looked for every second is found the second time. */
static const struct arena_mhd_options short_read = {.read_timeout_ns = 1500 * NS_PER_MS};

SERVER_TEST(an_upload_that_stops_is_cut_off) {
    static const char *const begins[] = {
        POST("Content-Length: 1000\r\n") "some",
        POST("Content-Length: 1000\r\n"),
        POST("Transfer-Encoding: chunked\r\n") "4\r\nsome\r\n",
        POST("Transfer-Encoding: chunked\r\n"),
        POST("Content-Length: 1000\r\nExpect: 100-continue\r\n"),
    };
    start(state, server_echo, &short_read);
    for (size_t i = 0; i < 5; i++) (void)add_client(begins[i]);
    for (size_t i = 0; i < 5; i++) {
        if (i == 4) (void)client_try_receive_head(&clients[i], &reply); /* 100 */
        assert_true(client_sees_end(&clients[i]));                      /* without an answer */
    }
    expect_timeouts(5);
    stop();
    assert_int_equal(server.handled, 0);
}

/* Uploads of which something comes again and again, and which of it is told to the binding. */
static const struct {
    const char *begin;
    const char *more;
} slow_uploads[] = {
    {POST("Content-Length: 100000\r\n"), "x"},
    {POST("Transfer-Encoding: chunked\r\n"), "1\r\nx\r\n"},
    {POST("Transfer-Encoding: chunked\r\n") "1\r\nx\r\n0\r\nX-Trailer: ", "x"}, /* nothing */
    {POST("Transfer-Encoding: chunked\r\n") "1;", "x"},                         /* nothing */
};

/* Until no client is left, or for a minute. */
static void trickle(size_t first, size_t count) {
    for (size_t i = 0; i < count; i++) (void)add_client(slow_uploads[first + i].begin);
    size_t step = 0;
    for (; step < STEPS && (size_t)flag_get(&told) < count; step++) {
        for (size_t i = 0; i < count; i++) {
            const char *more = slow_uploads[first + i].more;
            (void)client_try_send(&clients[i], more, strlen(more));
        }
        sleep_ms(STEP_MS);
    }
    assert_true(step < STEPS); /* they were cut off, and did not give up */
    expect_timeouts(count);
}

SERVER_TEST(uploads_that_trickle_in_are_cut_off) {
    bool is_watched = server_is_watched(SERVER_MODE(state));
    start_unless(state, server_echo, &short_read, false);
    trickle(0, is_watched ? 4 : 2);
    assert_int_equal(flag_get(&begun), is_watched ? 4 : 2); /* the program sees these alone */
    int watches = flag_get(&server.watches);
    assert_true(is_watched ? watches > 0 : watches == 0);
    sleep_ms(1500);
    assert_in_range(flag_get(&server.watches), watches, watches + 1); /* nobody is left to be watched */
    stop();
    assert_int_equal(server.handled, 0);
}

static void *serve_others(void *user) {
    for (struct client other; flag_get(&told) < 2; client_close(&other)) {
        static struct reply unused;
        if (!client_try_connect(&other, server.port)) break;
        (void)(client_try_send(&other, GET("/no"), strlen(GET("/no"))) && client_try_receive(&other, &unused));
        sleep_ms(STEP_MS);
    }
    return user;
}

SERVER_TEST(those_that_cannot_be_watched_by_other_requests) {
    pthread_t others;
    start_unless(state, server_echo, &short_read, true);
    assert_int_equal(pthread_create(&others, NULL, serve_others, NULL), 0);
    trickle(2, 2);
    assert_int_equal(pthread_join(others, NULL), 0);
    assert_int_equal(flag_get(&server.watches), 0);
    stop();
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

static const struct arena_mhd_options short_write = {.write_timeout_ns = 1000 * NS_PER_MS};

static int64_t read_for_ever(void *user, uint64_t offset, char *to, size_t most) {
    memset(to, 's', most);
    return (int64_t)most;
}

/* All of the arena: more than sockets take on. */
static enum MHD_Result answer_all(struct arena_request *request) {
    struct arena *arena = server_arena(request);
    struct cell *cells = arena == NULL ? NULL : arena_try_alloc_slab(arena, LONG_CELLS - 1);
    if (cells == NULL) return MHD_NO;
    size_t size = (LONG_CELLS - 1) * sizeof *cells;
    return arena_request_respond(request, 200, NULL, cells, size) == ARENA_OK ? MHD_YES : MHD_NO;
}

static enum MHD_Result answer_by_itself(struct arena_request *request) {
    static char body[8 << 20];
    struct MHD_Response *response = MHD_create_response_from_buffer(sizeof body, body, MHD_RESPMEM_PERSISTENT);
    if (response == NULL) return MHD_NO;
    enum MHD_Result queued = MHD_queue_response(arena_request_connection(request), 200, response);
    MHD_destroy_response(response);
    return queued;
}

static enum MHD_Result answer_long(struct arena_request *request, void *user) {
    const char *url = arena_request_url(request);
    if (server_text(request, "counts when it is reset") == NULL) return MHD_NO;
    if (strcmp(url, "/all") == 0) return answer_all(request);
    if (strcmp(url, "/own") == 0) return answer_by_itself(request);
    int64_t size_bytes = strcmp(url, "/chunked") == 0 ? -1 : INT64_C(1) << 40;
    int status = arena_request_respond_stream(request, 200, NULL, size_bytes, read_for_ever, NULL, NULL);
    return status == ARENA_OK ? MHD_YES : MHD_NO;
}

/* Each reads so much, pauses, and reads again, until all are cut off, or for a minute. */
static void read_slowly(const size_t *bytes) {
    static char unused[65536];
    size_t step = 0;
    for (; step < STEPS && (size_t)flag_get(&told) < client_count; step++) {
        for (size_t i = 0; i < client_count; i++) {
            if (bytes[i] > 0) (void)recv(clients[i].fd, unused, bytes[i], MSG_DONTWAIT);
        }
        sleep_ms(STEP_MS);
    }
    assert_true(step < STEPS);
    expect_timeouts(client_count);
}

SERVER_TEST(answers_that_are_not_read_or_slowly_are_cut_off) {
    static const size_t rates[] = {0, 0, 1, 4096, 65536};
    start_unless(state, answer_long, &short_write, false);
    (void)add_client(GET("/all"));
    (void)add_client(GET("/own"));
    (void)add_client(GET("/for-ever"));
    (void)add_client(GET("/chunked"));
    (void)add_client(GET("/for-ever"));
    read_slowly(rates);
    AWAIT(flag_get(&server.resets) >= 5); /* and others may have their arenas */
    stop();
}

SERVER_TEST(one_that_is_read_fast_is_sent_whole) {
    start(state, answer_long, &short_write);
    for (int i = 0; i < 3; i++) {
        client_exchange(&client, GET("/all"), 200, &reply);
        assert_int_equal(reply.body_bytes, (LONG_CELLS - 1) * sizeof(struct cell));
    }
    stop();
}

/* --- the request's deadline --------------------------------------------------------------------------------------- */

static const struct arena_mhd_options short_request = {.context_timeout_ns = 1000 * NS_PER_MS};

static int ended_by; /* the context's status; atomic */

static enum MHD_Result wait_for_the_deadline(struct arena_request *request, void *user) {
    for (int i = 0; i < 60000 && arena_context_status(arena_request_context(request)) == ARENA_OK; i++) sleep_ms(1);
    flag_set(&ended_by, arena_context_status(arena_request_context(request)));
    return server_echo(request, user);
}

SERVER_TEST(the_context_has_a_deadline_and_what_comes_later_is_not_sent) {
    start(state, wait_for_the_deadline, &short_request);
    client_send(&client, GET("/x"));
    assert_true(client_sees_end(&client));
    expect_timeouts(1);
    assert_int_equal(flag_get(&ended_by), ARENA_ETIMEDOUT);
    stop();
}

SERVER_TEST(it_holds_for_answers_too) {
    static const size_t rates[] = {65536, 0};
    start_unless(state, answer_long, &short_request, false);
    (void)add_client(GET("/for-ever"));
    (void)add_client(POST("Content-Length: 100000\r\n") "some");
    read_slowly(rates);
    stop();
}

/* --- what has no limit -------------------------------------------------------------------------------------------- */

static struct arena_request *suspended; /* handed to the main thread through `is_suspended` */
static int is_suspended;                /* atomic */

static enum MHD_Result suspend(struct arena_request *request, void *user) {
    suspended = arena_request_retain(request);
    MHD_suspend_connection(arena_request_connection(request));
    flag_set(&is_suspended, 1);
    return MHD_YES;
}

SERVER_TEST_SUSPENDING(a_suspended_request_has_all_the_time) {
    const struct arena_mhd_options shortest = {.read_timeout_ns = 1, .write_timeout_ns = 1000 * NS_PER_MS};
    struct arena_mhd_options options = shortest;
    options.read_timeout_ns = 1000 * NS_PER_MS;
    flag_set(&is_suspended, 0);
    start(state, suspend, &options);
    client_send(&client, GET("/x"));
    AWAIT(flag_get(&is_suspended) == 1);
    sleep_ms(2500);
    struct MHD_Connection *connection = arena_request_connection(suspended);
    assert_non_null(connection);
    assert_int_equal(arena_request_respond(suspended, 200, NULL, "late", 4), ARENA_OK);
    MHD_resume_connection(connection);
    arena_request_release(suspended);
    client_receive(&client, &reply);
    assert_string_equal(reply.body, "late");
    stop();
}

/* libmicrohttpd takes a connection with external polling from the thread that polls alone, and loses one that comes
 * while it stops; so the binding does not make its own where a program's thread answers. */
SERVER_TEST_SUSPENDING(a_thread_of_the_programs_that_answers_makes_no_connection) {
    static char body[8 << 20]; /* more than sockets take on */
    flag_set(&is_suspended, 0);
    start(state, suspend, &short_write);
    client_send(&client, GET("/x"));
    AWAIT(flag_get(&is_suspended) == 1);
    struct MHD_Connection *connection = arena_request_connection(suspended);
    assert_non_null(connection);
    assert_int_equal(arena_request_respond(suspended, 200, NULL, body, sizeof body), ARENA_OK);
    MHD_resume_connection(connection);
    arena_request_release(suspended);
    if (server_is_watched(SERVER_MODE(state))) AWAIT(flag_get(&server.watches) > 0); /* nevertheless */
    assert_int_equal(flag_get(&server.outside), 0);
    expect_timeouts(1);
    stop();
}

static int usual_s[4]; /* atomics: the connection's limit on silence when each request began */

static enum MHD_Result look_at_the_limit(struct arena_request *request, void *user) {
    int number = flag_get(&server.handled) - 1;
    if (number < 4) flag_set(&usual_s[number], (int)request->exchange->deadline.usual_s);
    return server_echo(request, user);
}

SERVER_TEST(the_connection_has_its_own_limit_again_for_the_next_request) {
    start(state, look_at_the_limit, &(struct arena_mhd_options){.flags = 0});
    client_exchange(&client, GET("/x"), 200, &reply);
    client_exchange(&client, POST("Content-Length: 4\r\n") "body", 200, &reply);
    client_exchange(&client, GET("/x"), 200, &reply);
    client_exchange(&client, POST("Content-Length: 4\r\n") "body", 200, &reply);
    for (size_t i = 0; i < 4; i++) assert_int_equal(flag_get(&usual_s[i]), 0);
    stop();
}

SERVER_TEST(times_without_end_are_none) {
    const struct arena_mhd_options endless = {
        .read_timeout_ns = INT64_MAX, .write_timeout_ns = INT64_MAX, .context_timeout_ns = INT64_MAX};
    const struct arena_mhd_options years = {.read_timeout_ns = INT64_C(1) << 60, .write_timeout_ns = INT64_C(1) << 60};
    const struct arena_mhd_options *const both[] = {&endless, &years};
    for (size_t i = 0; i < 2; i++) {
        start(state, server_echo, both[i]);
        client_exchange(&client, POST("Content-Length: 4\r\n") "body", 200, &reply);
        client_exchange(&client, GET("/x"), 200, &reply);
        stop();
    }
}

int main(void) { return SERVER_RUN("mhd time"); }
