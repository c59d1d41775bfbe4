/* SPDX-License-Identifier: MIT */
/* Time: clients that send or read slowly, or not at all, lose their connection and give the arena back, in every thread
 * mode; others do not.  Nothing here measures: a slow client that was not cut off would go on for minutes. */
#include "mhd/exchange.h"
#include "server.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: test\r\n\r\n"
#define POST(headers) "POST /p HTTP/1.1\r\nHost: test\r\n" headers "\r\n"
#define NS_PER_MS INT64_C(1000000)

enum { LONG_CELLS = SERVER_ARENA_CELLS, SLOW_STEPS = 1200, STEP_MS = 50 };

static struct server server;
static struct client client;
static struct reply reply;

static int told; /* terminations of completed requests, the last; atomic, -1 at first */
static int told_count;

static void completed(struct arena_request *request, unsigned status, enum MHD_RequestTerminationCode termination,
                      void *user) {
    flag_set(&told, (int)termination);
    flag_add(&told_count, 1);
}

static void start(void **state, arena_mhd_handler *handler, const struct arena_mhd_options *times) {
    if (!server_limits_silence(SERVER_MODE(state))) skip();
    struct arena_mhd_options options = *times;
    options.completed = completed;
    const struct server_options with = {.hooks = &options, .max_arenas = 1};
    flag_set(&told, -1);
    flag_set(&told_count, 0);
    server_start(&server, SERVER_MODE(state), handler, &with);
    client_connect(&client, server.port);
}

static void stop(void) {
    client_close(&client);
    server_stop(&server);
}

static void expect_timeout(void) {
    AWAIT(flag_get(&told_count) == 1);
    assert_int_equal(flag_get(&told), MHD_REQUEST_TERMINATED_TIMEOUT_REACHED);
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

static const struct arena_mhd_options short_read = {.read_timeout_ns = 1000 * NS_PER_MS};

static void an_upload_that_stops_is_cut_off(void **state) {
    static const char *const begins[] = {
        POST("Content-Length: 1000\r\n") "some",
        POST("Content-Length: 1000\r\n"),
        POST("Transfer-Encoding: chunked\r\n") "4\r\nsome\r\n",
        POST("Transfer-Encoding: chunked\r\n"),
        POST("Content-Length: 1000\r\nExpect: 100-continue\r\n"),
    };
    struct client clients[5];
    start(state, server_echo, &short_read);
    for (size_t i = 0; i < 5; i++) {
        client_connect(&clients[i], server.port);
        client_send(&clients[i], begins[i]);
    }
    for (size_t i = 0; i < 5; i++) {
        if (i == 4) (void)client_try_receive_head(&clients[i], &reply); /* 100 */
        assert_true(client_sees_end(&clients[i]));                      /* without an answer */
        client_close(&clients[i]);
    }
    AWAIT(flag_get(&told_count) == 5);
    assert_int_equal(flag_get(&told), MHD_REQUEST_TERMINATED_TIMEOUT_REACHED);
    stop();
    assert_int_equal(server.handled, 0);
}

/* Sends bytes, one by one, until nobody takes them.  Whether that came before all were sent. */
static bool trickle(struct client *slow, const char *byte) {
    for (size_t i = 0; i < SLOW_STEPS; i++) {
        if (!client_try_send(slow, byte, strlen(byte)) || flag_get(&told_count) > 0) return true;
        sleep_ms(STEP_MS);
    }
    return false;
}

static void an_upload_that_trickles_in_is_cut_off(void **state) {
    start(state, server_echo, &short_read);
    client_send(&client, POST("Content-Length: 100000\r\n"));
    assert_true(trickle(&client, "x"));
    expect_timeout();
    stop();
    start(state, server_echo, &short_read);
    client_send(&client, POST("Transfer-Encoding: chunked\r\n"));
    assert_true(trickle(&client, "1\r\nx\r\n"));
    expect_timeout();
    stop();
    assert_int_equal(server.handled, 0);
}

static void *serve_others(void *user) {
    for (struct client other; flag_get(&told_count) == 0; client_close(&other)) {
        static struct reply unused;
        if (!client_try_connect(&other, server.port)) break;
        (void)(client_try_send(&other, GET("/no"), strlen(GET("/no"))) && client_try_receive(&other, &unused));
        sleep_ms(STEP_MS);
    }
    return user;
}

static enum MHD_Result begin_nothing(struct arena_request *request, void *user) {
    return strcmp(arena_request_url(request), "/no") == 0 ? MHD_NO : MHD_YES;
}

static void completed_but_others(struct arena_request *request, unsigned status,
                                 enum MHD_RequestTerminationCode termination, void *user) {
    if (strcmp(arena_request_url(request), "/no") != 0) completed(request, status, termination, user);
}

/* What libmicrohttpd reads between and behind chunks without telling: whoever comes next cuts it off. */
static void trailers_that_trickle_in_are_cut_off_by_other_requests(void **state) {
    static const char *const begins[] = {
        POST("Transfer-Encoding: chunked\r\n") "1\r\nx\r\n0\r\nX-Trailer: ",
        POST("Transfer-Encoding: chunked\r\n") "1;",
    };
    for (size_t i = 0; i < 2; i++) {
        pthread_t others;
        struct arena_mhd_options options = short_read;
        options.begin = begin_nothing;
        options.completed = completed_but_others;
        const struct server_options with = {.hooks = &options, .max_arenas = 1};
        flag_set(&told, -1);
        flag_set(&told_count, 0);
        server_start(&server, SERVER_MODE(state), server_echo, &with);
        client_connect(&client, server.port);
        client_send(&client, begins[i]);
        assert_int_equal(pthread_create(&others, NULL, serve_others, NULL), 0);
        assert_true(trickle(&client, "x"));
        assert_int_equal(pthread_join(others, NULL), 0);
        expect_timeout();
        stop();
    }
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

static const struct arena_mhd_options short_write = {.write_timeout_ns = 1000 * NS_PER_MS};

/* All of the arena: more than sockets take on. */
static enum MHD_Result answer_all(struct arena_request *request, void *user) {
    struct arena *arena = server_arena(request);
    struct cell *cells = arena == NULL ? NULL : arena_try_alloc_slab(arena, LONG_CELLS - 1);
    if (cells == NULL || server_text(request, "counts when it is reset") == NULL) return MHD_NO;
    size_t size = (LONG_CELLS - 1) * sizeof *cells;
    return arena_request_respond(request, 200, NULL, cells, size) == ARENA_OK ? MHD_YES : MHD_NO;
}

static void an_answer_that_is_not_read_is_cut_off(void **state) {
    start(state, answer_all, &short_write);
    client_send(&client, GET("/x"));
    AWAIT(flag_get(&server.resets) > 0); /* and somebody else may have the arena */
    expect_timeout();
    stop();
}

static int64_t read_for_ever(void *user, uint64_t offset, char *to, size_t most) {
    memset(to, 's', most);
    return (int64_t)most;
}

static enum MHD_Result answer_for_ever(struct arena_request *request, void *user) {
    if (strcmp(arena_request_url(request), "/chunked") == 0) {
        return arena_request_respond_stream(request, 200, NULL, -1, read_for_ever, NULL, NULL) == ARENA_OK ? MHD_YES
                                                                                                           : MHD_NO;
    }
    return arena_request_respond_stream(request, 200, NULL, INT64_C(1) << 40, read_for_ever, NULL, NULL) == ARENA_OK
               ? MHD_YES
               : MHD_NO;
}

/* Reads some, pauses, reads some more, until the end.  Whether that came. */
static bool read_slowly(size_t most) {
    static char bytes[65536];
    for (size_t i = 0; i < SLOW_STEPS; i++) {
        ssize_t got = read(client.fd, bytes, most);
        if (got <= 0) return true;
        sleep_ms(STEP_MS);
        if (flag_get(&told_count) > 0) return true;
    }
    return false;
}

static void an_answer_that_is_read_slowly_is_cut_off(void **state) {
    static const size_t rates[] = {1, 4096, 65536};
    for (size_t i = 0; i < 3; i++) {
        start(state, answer_for_ever, &short_write);
        client_send(&client, i == 1 ? GET("/chunked") : GET("/x"));
        assert_true(read_slowly(rates[i]));
        expect_timeout();
        stop();
    }
}

static void one_that_is_read_fast_is_sent_whole(void **state) {
    start(state, answer_all, &short_write);
    for (int i = 0; i < 3; i++) {
        client_exchange(&client, GET("/x"), 200, &reply);
        assert_int_equal(reply.body_bytes, (LONG_CELLS - 1) * sizeof(struct cell));
    }
    stop();
}

static enum MHD_Result answer_by_itself(struct arena_request *request, void *user) {
    static char body[8 << 20];
    struct MHD_Response *response = MHD_create_response_from_buffer(sizeof body, body, MHD_RESPMEM_PERSISTENT);
    if (response == NULL) return MHD_NO;
    (void)server_text(request, "counts when it is reset");
    enum MHD_Result queued = MHD_queue_response(arena_request_connection(request), 200, response);
    MHD_destroy_response(response);
    return queued;
}

/* Of the handler's own making: silence alone is limited. */
static void a_response_of_its_own_that_is_not_read_is_cut_off(void **state) {
    start(state, answer_by_itself, &short_write);
    client_send(&client, GET("/x"));
    AWAIT(flag_get(&server.resets) > 0);
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

static void the_context_has_a_deadline_and_what_comes_later_is_not_sent(void **state) {
    start(state, wait_for_the_deadline, &short_request);
    client_send(&client, GET("/x"));
    assert_true(client_sees_end(&client));
    expect_timeout();
    assert_int_equal(flag_get(&ended_by), ARENA_ETIMEDOUT);
    stop();
}

static void it_holds_for_uploads_and_answers_too(void **state) {
    start(state, answer_for_ever, &short_request);
    client_send(&client, GET("/x"));
    assert_true(read_slowly(65536));
    expect_timeout();
    stop();
    start(state, server_echo, &short_request);
    client_send(&client, POST("Content-Length: 100000\r\n"));
    assert_true(trickle(&client, "x"));
    expect_timeout();
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

static void a_suspended_request_has_all_the_time(void **state) {
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

static int usual_s[4]; /* atomics: the connection's limit on silence when each request began */

static enum MHD_Result look_at_the_limit(struct arena_request *request, void *user) {
    int number = flag_get(&server.handled) - 1;
    if (number < 4) flag_set(&usual_s[number], (int)request->exchange->deadline.usual_s);
    return server_echo(request, user);
}

static void the_connection_has_its_own_limit_again_for_the_next_request(void **state) {
    start(state, look_at_the_limit, &(struct arena_mhd_options){.flags = 0});
    client_exchange(&client, GET("/x"), 200, &reply);
    client_exchange(&client, POST("Content-Length: 4\r\n") "body", 200, &reply);
    client_exchange(&client, GET("/x"), 200, &reply);
    client_exchange(&client, POST("Content-Length: 4\r\n") "body", 200, &reply);
    for (size_t i = 0; i < 4; i++) assert_int_equal(flag_get(&usual_s[i]), 0);
    stop();
}

static void times_without_end_are_none(void **state) {
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

int main(void) {
    const struct CMUnitTest tests[] = {
        SERVER_TEST(an_upload_that_stops_is_cut_off),
        SERVER_TEST(an_upload_that_trickles_in_is_cut_off),
        SERVER_TEST(trailers_that_trickle_in_are_cut_off_by_other_requests),
        SERVER_TEST(an_answer_that_is_not_read_is_cut_off),
        SERVER_TEST(an_answer_that_is_read_slowly_is_cut_off),
        SERVER_TEST(one_that_is_read_fast_is_sent_whole),
        SERVER_TEST(a_response_of_its_own_that_is_not_read_is_cut_off),
        SERVER_TEST(the_context_has_a_deadline_and_what_comes_later_is_not_sent),
        SERVER_TEST(it_holds_for_uploads_and_answers_too),
        SERVER_TEST_SUSPENDING(a_suspended_request_has_all_the_time),
        SERVER_TEST(the_connection_has_its_own_limit_again_for_the_next_request),
        SERVER_TEST(times_without_end_are_none),
    };
    return support_run("mhd time", tests);
}
