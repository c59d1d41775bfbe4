/* SPDX-License-Identifier: MIT */
/* How requests live and die, with a real client, in all four thread modes: whatever way a request ends, its arena is
 * reset once and is back in the pool (server_stop asserts that). */
#include "server.h"

#include <sys/socket.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: test\r\n\r\n"

static struct server server;
static struct client client;
static struct reply reply;

/* --- ordinary ends ------------------------------------------------------------------------------------------------ */

SERVER_TEST(completion_comes_before_the_last_byte_is_let_go) {
    server_meet(&server, &client, SERVER_MODE(state), server_echo, NULL);
    client_exchange(&client, GET("/one"), 200, &reply);
    assert_string_equal(reply.body, "GET /one ");
    server_expect_journal(&server, "HhCcR");
    assert_int_equal(flag_get(&server.last_termination), MHD_REQUEST_TERMINATED_COMPLETED_OK);
    server_part(&server, &client);
}

SERVER_TEST(keep_alive_survives_answers) {
    server_meet(&server, &client, SERVER_MODE(state), server_echo, NULL);
    for (int i = 0; i < 5; i++) {
        client_exchange(&client, GET("/again"), 200, &reply);
        assert_false(reply.close);
        client_exchange(&client, "POST /post HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello", 200, &reply);
        assert_false(reply.close);
        assert_string_equal(reply.body, "POST /post hello");
    }
    server_part(&server, &client);
    assert_int_equal(server.handled, 10);
    assert_int_equal(server.resets, 10);
    assert_int_equal(server.completed, 10);
}

SERVER_TEST(pipelined_requests_come_one_after_the_other) {
    server_meet(&server, &client, SERVER_MODE(state), server_echo, NULL);
    client_send(&client, GET("/1") "POST /2 HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\nabc" GET("/3"));
    client_receive(&client, &reply);
    assert_string_equal(reply.body, "GET /1 ");
    client_receive(&client, &reply);
    assert_string_equal(reply.body, "POST /2 abc");
    client_receive(&client, &reply);
    assert_string_equal(reply.body, "GET /3 ");
    server_expect_journal(&server, "HhCcRHhCcRHhCcR");
    server_part(&server, &client);
}

SERVER_TEST(a_body_sent_in_pieces_arrives_whole) {
    server_meet(&server, &client, SERVER_MODE(state), server_echo, NULL);
    client_send(&client, "POST /p HTTP/1.1\r\nHost: test\r\nContent-Length: 9\r\n\r\nab");
    AWAIT(flag_get(&server.uploads) >= 1);
    client_send(&client, "cd");
    AWAIT(flag_get(&server.uploads) >= 2);
    assert_int_equal(flag_get(&server.handled), 0);
    client_send(&client, "efghi");
    client_receive(&client, &reply);
    assert_string_equal(reply.body, "POST /p abcdefghi");
    client_exchange(&client,
                    "POST /c HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n",
                    200, &reply);
    assert_string_equal(reply.body, "POST /c abcdefg");
    assert_false(reply.close);
    server_part(&server, &client);
}

SERVER_TEST(a_client_that_expects_100_gets_it) {
    server_meet(&server, &client, SERVER_MODE(state), server_echo, NULL);
    client_exchange(&client, "POST /e HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n", 100,
                    &reply);
    client_exchange(&client, "ok", 200, &reply);
    assert_string_equal(reply.body, "POST /e ok");
    server_part(&server, &client);
}

SERVER_TEST(head_sends_no_body) {
    server_meet(&server, &client, SERVER_MODE(state), server_echo, NULL);
    client_send(&client, "HEAD /h HTTP/1.1\r\nHost: test\r\n\r\n" GET("/after"));
    server_expect_journal(&server, "HhCcRHhCcR");
    assert_true(client_try_receive_head(&client, &reply));
    assert_int_equal(reply.status, 200);
    assert_non_null(strstr(reply.head, "Content-Length: 8\r\n")); /* of the body that GET would bring: "HEAD /h " */
    client_receive(&client, &reply);
    assert_string_equal(reply.body, "GET /after ");
    server_part(&server, &client);
}

/* Whoever looks finds it there, as good as new: no request keeps it, and nor does the binding. */
SERVER_TEST(the_arena_is_back_in_the_pool_once_its_request_is_over) {
    const struct server_options options = {.max_arenas = 1};
    server_meet(&server, &client, SERVER_MODE(state), server_echo, &options);
    for (int i = 0; i < 3; i++) {
        client_exchange(&client, GET("/one"), 200, &reply);
        struct arena *arena = NULL;
        AWAIT(arena_pool_checkout(server.pool, &arena) == ARENA_OK);
        assert_int_equal(arena_used(arena), 0);
        arena_pool_return(server.pool, arena);
    }
    server_part(&server, &client);
}

/* libmicrohttpd 1.0 answers by itself, 0.9 calls the handler. */
SERVER_TEST(a_request_without_host_leaves_nothing_behind) {
    server_meet(&server, &client, SERVER_MODE(state), server_echo, NULL);
    client_send(&client, "GET /hostless HTTP/1.1\r\n\r\n");
    client_receive(&client, &reply);
    assert_true(reply.status == 200 || reply.status == 400);
    server_part(&server, &client);
    assert_int_equal(server.handled, reply.status == 200);
    assert_int_equal(server.resets, server.handled);
}

/* --- the handler says no ------------------------------------------------------------------------------------------ */

static enum MHD_Result refuse(struct arena_request *request, void *user) {
    (void)server_text(request, "never sent");
    return MHD_NO;
}

SERVER_TEST(a_handler_that_says_no_closes_the_connection) {
    server_meet(&server, &client, SERVER_MODE(state), refuse, NULL);
    client_send(&client, GET("/no"));
    assert_true(client_sees_end(&client));
    server_expect_journal(&server, "HhCRc");
    assert_int_equal(flag_get(&server.last_termination), MHD_REQUEST_TERMINATED_WITH_ERROR);
    server_part(&server, &client);
}

static enum MHD_Result respond_and_refuse(struct arena_request *request, void *user) {
    (void)server_echo(request, user);
    return MHD_NO;
}

SERVER_TEST(a_handler_that_says_no_after_answering_closes_the_connection) {
    server_meet(&server, &client, SERVER_MODE(state), respond_and_refuse, NULL);
    client_send(&client, GET("/no"));
    assert_true(client_sees_end(&client));
    server_expect_journal(&server, "HhCcR");
    server_part(&server, &client);
}

/* --- the client leaves -------------------------------------------------------------------------------------------- */

SERVER_TEST(half_a_request_runs_nothing) {
    static const char *const halves[] = {"GET /half", "GET /half HTTP/1.1\r\nHost: te", "POST", "\r\n"};
    server_start(&server, SERVER_MODE(state), server_echo, NULL);
    for (size_t i = 0; i < sizeof halves / sizeof *halves; i++) {
        client_connect(&client, server.port);
        client_send(&client, halves[i]);
        client_close(&client);
    }
    client_connect(&client, server.port);
    client_exchange(&client, GET("/whole"), 200, &reply);
    server_part(&server, &client);
    assert_int_equal(server.handled, 1);
    assert_int_equal(server.resets, 1);
}

SERVER_TEST(a_client_that_leaves_mid_upload_is_forgotten) {
    server_start(&server, SERVER_MODE(state), server_echo, NULL);
    for (int i = 0; i < 4; i++) {
        client_connect(&client, server.port);
        client_send(&client, "POST /up HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\nonly this");
        AWAIT(flag_get(&server.uploads) == i + 1);
        if (i % 2 == 0) {
            client_close(&client);
        } else {
            client_abort(&client);
        }
        AWAIT(flag_get(&server.completed) == i + 1);
        if (i % 2 == 0) assert_int_equal(flag_get(&server.last_termination), MHD_REQUEST_TERMINATED_CLIENT_ABORT);
    }
    server_stop(&server);
    assert_int_equal(server.handled, 0);
    assert_int_equal(server.null_completed, 0);
}

/* Answers with all the arena: four mebibytes, far more than the two sockets can hold. */
static enum MHD_Result download(struct arena_request *request, void *user) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(arena_request_connection(request), MHD_CONNECTION_INFO_CONNECTION_FD);
    if (info == NULL) return MHD_NO;
    const int send_bytes = 64 * 1024;
    if (setsockopt(info->connect_fd, SOL_SOCKET, SO_SNDBUF, &send_bytes, sizeof send_bytes) != 0) return MHD_NO;
    char *all = arena_try_alloc_slab(server_arena(request), SERVER_ARENA_CELLS);
    if (all == NULL) return MHD_NO;
    size_t size = SERVER_ARENA_CELLS * sizeof(struct cell);
    memset(all, 'd', size);
    return arena_request_respond(request, 200, NULL, all, size) == ARENA_OK ? MHD_YES : MHD_NO;
}

SERVER_TEST(a_large_body_is_sent_from_the_arena) {
    server_meet(&server, &client, SERVER_MODE(state), download, NULL);
    for (int i = 0; i < 2; i++) {
        client_exchange(&client, GET("/down"), 200, &reply);
        assert_int_equal(reply.body_bytes, SERVER_ARENA_CELLS * sizeof(struct cell));
        assert_int_equal(reply.body_sum, (uint32_t)(reply.body_bytes * 'd'));
    }
    server_part(&server, &client);
    assert_int_equal(server.resets, 2 * SERVER_ARENA_CELLS);
}

SERVER_TEST(a_client_that_leaves_mid_download_gets_its_arena_reset) {
    server_meet(&server, &client, SERVER_MODE(state), download, NULL);
    client_send(&client, GET("/down"));
    assert_true(client_try_skip(&client));
    client_abort(&client);
    AWAIT(flag_get(&server.completed) == 1);
    AWAIT(flag_get(&server.resets) == SERVER_ARENA_CELLS);
    assert_int_equal(flag_get(&server.last_termination), MHD_REQUEST_TERMINATED_WITH_ERROR);
    char journal[SERVER_JOURNAL_BYTES];
    server_journal(&server, journal);
    journal[5] = '\0';
    assert_string_equal(journal, "HhCcR");
    server_stop(&server);
}

/* --- the daemon gives up ------------------------------------------------------------------------------------------ */

/* A header that does not fit the connection's memory. */
static enum MHD_Result respond_with_huge_header(struct arena_request *request, void *user) {
    static char type[16384];
    memset(type, 't', sizeof type - 1);
    char *text = server_text(request, "body");
    return arena_request_respond(request, 200, type, text, 4) == ARENA_OK ? MHD_YES : MHD_NO;
}

SERVER_TEST(response_headers_that_do_not_fit_end_the_request) {
    const struct server_options options = {.connection_memory_bytes = 4096};
    server_meet(&server, &client, SERVER_MODE(state), respond_with_huge_header, &options);
    client_send(&client, GET("/big"));
    assert_true(client_sees_end(&client));
    server_expect_journal(&server, "HhCcR");
    assert_int_equal(flag_get(&server.last_termination), MHD_REQUEST_TERMINATED_WITH_ERROR);
    server_part(&server, &client);
}

SERVER_TEST(request_headers_that_do_not_fit_run_nothing) {
    const struct server_options options = {.connection_memory_bytes = 2048};
    server_meet(&server, &client, SERVER_MODE(state), server_echo, &options);
    static char filler[4096];
    memset(filler, 'x', sizeof filler - 1);
    client_send(&client, "GET /big HTTP/1.1\r\nHost: test\r\nX: ");
    (void)client_try_send(&client, filler, strlen(filler));
    (void)client_try_send(&client, "\r\n\r\n", 4);
    if (client_try_receive(&client, &reply)) assert_true(reply.status >= 400);
    server_part(&server, &client);
    assert_int_equal(server.handled, 0);
}

SERVER_TEST(a_malformed_chunk_ends_the_request) {
    server_meet(&server, &client, SERVER_MODE(state), server_echo, NULL);
    client_send(&client, "POST /c HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"
                         "3\r\nabc\r\nnonsense\r\n");
    if (client_try_receive(&client, &reply)) assert_int_equal(reply.status, 400);
    client_close(&client);
    AWAIT(flag_get(&server.completed) == 1);
    server_stop(&server);
    assert_int_equal(server.handled, 0);
}

SERVER_TEST(the_daemon_stops_mid_upload) {
    server_meet(&server, &client, SERVER_MODE(state), server_echo, NULL);
    client_send(&client, "POST /up HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\nonly this");
    AWAIT(flag_get(&server.uploads) == 1);
    server_stop_daemon(&server);
    assert_int_equal(server.completed, 1);
    if (server.mode == MODE_THREAD_PER_CONNECTION) {
        assert_true(server.last_termination == MHD_REQUEST_TERMINATED_CLIENT_ABORT ||
                    server.last_termination == MHD_REQUEST_TERMINATED_DAEMON_SHUTDOWN);
    } else {
        assert_int_equal(server.last_termination, MHD_REQUEST_TERMINATED_DAEMON_SHUTDOWN);
    }
    server_destroy(&server);
    client_close(&client);
    assert_int_equal(server.handled, 0);
}

SERVER_TEST(the_daemon_stops_mid_download) {
    server_meet(&server, &client, SERVER_MODE(state), download, NULL);
    client_send(&client, GET("/down"));
    assert_true(client_try_skip(&client));
    server_stop_daemon(&server);
    assert_int_equal(server.completed, 1);
    assert_int_equal(server.resets, SERVER_ARENA_CELLS);
    server_destroy(&server);
    client_close(&client);
}

SERVER_TEST(requests_that_never_complete_are_found_at_the_end) {
    const struct server_options options = {.loses_completion = true};
    server_start(&server, SERVER_MODE(state), server_echo, &options);
    struct client others[3];
    for (size_t i = 0; i < 3; i++) {
        client_connect(&others[i], server.port);
        client_exchange(&others[i], GET("/lost"), 200, &reply);
    }
    client_connect(&client, server.port);
    client_send(&client, "POST /up HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\nonly this");
    AWAIT(flag_get(&server.uploads) == 1);
    server_stop_daemon(&server);
    assert_int_equal(server.resets, 0);
    assert_int_equal(arena_pool_destroy(server.pool), ARENA_EBUSY);
    server_destroy(&server);
    assert_int_equal(server.resets, 3);
    for (size_t i = 0; i < 3; i++) client_close(&others[i]);
    client_close(&client);
}

/* --- the URI-log callback, which puts something of its own into *req_cls ------------------------------------------ */

static void *log_uri(void *user, const char *uri, struct MHD_Connection *connection) {
    (void)uri;
    (void)connection;
    static char record[] = "not a request of the binding's";
    return record;
}

SERVER_TEST(a_uri_log_callback_does_no_harm) {
    const struct server_options options = {.uri_log = log_uri};
    server_meet(&server, &client, SERVER_MODE(state), server_echo, &options);
    client_exchange(&client, GET("/logged"), 200, &reply);
    client_exchange(&client, GET("/logged"), 200, &reply);
    client_close(&client);
    AWAIT(flag_get(&server.completed) >= 2);
    int before = flag_get(&server.completed);
    client_connect(&client, server.port);
    client_send(&client, "GET /half HTTP/1.1\r\nHost");
    client_close(&client);
    AWAIT(flag_get(&server.completed) == before + 1); /* of the logger's record */
    client_connect(&client, server.port);
    client_exchange(&client, "POST /long HTTP/1.1\r\nHost: test\r\nContent-Length: 1000000000\r\n\r\n", 413, &reply);
    client_close(&client);
    AWAIT(flag_get(&server.completed) == before + 2); /* and again: no request was begun */
    server_stop(&server);
    assert_int_equal(server.null_completed, 0);
    assert_int_equal(server.handled, 2);
    assert_int_equal(server.resets, 2);
}

static struct arena_context *lost; /* of the first request; used on the connection's thread, one after the other */
static struct arena_request *lost_and_held;
static bool holds_the_lost_one;
static int lost_status;

static enum MHD_Result look_at_the_lost_one(struct arena_request *request, void *user) {
    if (lost == NULL) {
        lost = arena_context_retain(arena_request_context(request));
        if (holds_the_lost_one) lost_and_held = arena_request_retain(request);
    } else {
        flag_set(&lost_status, arena_context_status(lost));
    }
    return server_echo(request, user);
}

SERVER_TEST(a_lost_request_is_over_once_the_next_begins) {
    const struct server_options options = {.loses_completion = true};
    for (int held = 0; held < 2; held++) { /* by somebody else, or not */
        lost = NULL;
        lost_and_held = NULL;
        holds_the_lost_one = held == 1;
        flag_set(&lost_status, ARENA_OK);
        server_meet(&server, &client, SERVER_MODE(state), look_at_the_lost_one, &options);
        for (int i = 0; i < 2; i++) client_exchange(&client, GET("/lost"), 200, &reply);
        client_close(&client);
        server_stop_daemon(&server);
        assert_int_equal(flag_get(&lost_status), ARENA_ECANCELED);
        assert_null(arena_request_connection(lost_and_held));
        arena_request_release(lost_and_held);
        server_destroy(&server);
        arena_context_release(lost);
    }
}

/* The next request on the same connection shows that the one before it is over, whatever *req_cls has. */
SERVER_TEST(a_lost_request_is_found_by_the_next_on_its_connection) {
    for (int logged = 0; logged < 2; logged++) {
        const struct server_options options = {
            .max_arenas = 1, .loses_completion = true, .uri_log = logged ? log_uri : NULL};
        server_meet(&server, &client, SERVER_MODE(state), server_echo, &options);
        for (int i = 0; i < 5; i++) client_exchange(&client, GET("/lost"), 200, &reply);
        server_part(&server, &client);
        assert_int_equal(server.resets, 5);
    }
}

SERVER_TEST(a_lost_request_is_over_once_the_next_is_refused) {
    const struct server_options options = {.loses_completion = true};
    server_meet(&server, &client, SERVER_MODE(state), server_echo, &options);
    client_exchange(&client, GET("/lost"), 200, &reply);
    assert_int_equal(flag_get(&server.resets), 0);
    client_exchange(&client, "POST /long HTTP/1.1\r\nHost: test\r\nContent-Length: 1000000000\r\n\r\n", 413, &reply);
    assert_int_equal(flag_get(&server.resets), 1);
    server_part(&server, &client);
}

/* --- the client leaves while the handler runs --------------------------------------------------------------------- */

static int in_handler;
static int go_on;

static enum MHD_Result wait_then_download(struct arena_request *request, void *user) {
    flag_set(&in_handler, 1);
    if (!flag_wait(&go_on, 1)) return MHD_NO;
    return download(request, user);
}

SERVER_TEST(a_client_that_leaves_while_the_handler_runs_costs_nothing) {
    flag_set(&in_handler, 0);
    flag_set(&go_on, 0);
    server_meet(&server, &client, SERVER_MODE(state), wait_then_download, NULL);
    client_send(&client, GET("/gone"));
    AWAIT(flag_get(&in_handler) == 1);
    client_abort(&client);
    flag_set(&go_on, 1);
    AWAIT(flag_get(&server.completed) == 1);
    server_stop(&server);
    assert_int_equal(server.resets, SERVER_ARENA_CELLS);
}

int main(void) { return support_run("mhd lifecycle"); }
