/* SPDX-License-Identifier: MIT */
/* Several daemons with one binding, several bindings in one process, and requests that are handled at the same time.  The
 * first daemon is the tests' server, in each of the thread modes; the second one is started as a program starts it. */
#include "server.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: test\r\n\r\n"

static struct server server;
static struct client client;
static struct client other;
static struct reply reply;

static struct MHD_Daemon *start_daemon(struct arena_mhd *mhd, uint16_t *port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, arena_mhd_access, mhd, MHD_OPTION_NOTIFY_COMPLETED,
        arena_mhd_completed, mhd, MHD_OPTION_SOCK_ADDR, (struct sockaddr *)(void *)&address, MHD_OPTION_END);
    assert_non_null(daemon);
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT);
    assert_non_null(info);
    *port = info->port;
    return daemon;
}

/* --- one binding -------------------------------------------------------------------------------------------------- */

SERVER_TEST(one_binding_serves_daemons_that_come_and_go) {
    uint16_t port;
    server_meet(&server, &client, SERVER_MODE(state), server_echo, NULL);
    client_exchange(&client, GET("/first"), 200, &reply);
    for (int i = 0; i < 2; i++) {
        struct MHD_Daemon *daemon = start_daemon(server.mhd, &port);
        client_connect(&other, port);
        for (int again = 0; again < 2; again++) {
            client_exchange(&other, GET("/second"), 200, &reply);
            assert_string_equal(reply.body, "GET /second ");
            client_exchange(&client, GET("/first"), 200, &reply);
            assert_string_equal(reply.body, "GET /first ");
        }
        client_send(&other, "POST /half HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\nonly this");
        MHD_stop_daemon(daemon);
        client_close(&other);
        client_exchange(&client, GET("/first"), 200, &reply);
    }
    struct MHD_Daemon *last = start_daemon(server.mhd, &port);
    client_close(&client);
    server_stop_daemon(&server);
    client_connect(&other, port);
    client_exchange(&other, GET("/last"), 200, &reply);
    client_close(&other);
    MHD_stop_daemon(last);
    server_destroy(&server);
    assert_int_equal(server.handled, 1 + 2 * 5 + 1);
    assert_int_equal(server.resets, server.handled);
}

static int inside; /* atomic: handlers that have begun */

/* Each waits for the other one. */
static enum MHD_Result meet(struct arena_request *request, void *user) {
    flag_add(&inside, 1);
    return flag_wait(&inside, 2) ? server_echo(request, user) : MHD_NO;
}

/* One request to the server, one to whoever listens at `port`. */
static void have_two_meet(uint16_t port) {
    client_connect(&client, server.port);
    client_connect(&other, port);
    client_send(&client, GET("/first"));
    client_send(&other, GET("/second"));
    client_receive(&client, &reply);
    assert_string_equal(reply.body, "GET /first ");
    client_receive(&other, &reply);
    assert_string_equal(reply.body, "GET /second ");
    client_close(&client);
    client_close(&other);
}

SERVER_TEST(two_daemons_handle_requests_at_the_same_time) {
    uint16_t port;
    flag_set(&inside, 0);
    server_start(&server, SERVER_MODE(state), meet, NULL);
    struct MHD_Daemon *daemon = start_daemon(server.mhd, &port);
    have_two_meet(port);
    MHD_stop_daemon(daemon);
    server_stop(&server);
}

SERVER_TEST_PER_CONNECTION(two_connections_are_handled_at_the_same_time) {
    flag_set(&inside, 0);
    server_start(&server, SERVER_MODE(state), meet, NULL);
    have_two_meet(server.port);
    server_stop(&server);
}

/* --- several bindings --------------------------------------------------------------------------------------------- */

/* What the second binding was given to pass on. */
static enum MHD_Result tell_user(struct arena_request *request, void *user) {
    struct arena *arena = NULL;
    if (strcmp(arena_request_url(request), "/forget") == 0) return MHD_YES;
    if (arena_request_extract(request, ARENA_TYPE(int), &arena) != ARENA_OK) return MHD_NO;
    return arena_request_respond(request, 200, NULL, user, strlen(user)) == ARENA_OK ? MHD_YES : MHD_NO;
}

static void post(struct client *to, size_t size, unsigned status) {
    char text[128];
    snprintf(text, sizeof text, "POST /p HTTP/1.1\r\nHost: test\r\nContent-Length: %zu\r\n\r\n", size);
    client_send(to, text);
    for (size_t i = 0; i < size; i++) client_send(to, "b");
    client_receive(to, &reply);
    assert_int_equal(reply.status, status);
}

/* Each has its own pool, handler, limit and answers, whichever was made first and whichever ends first. */
SERVER_TEST(bindings_share_nothing) {
    uint16_t port;
    char user[] = "the user of the second";
    const struct server_options options = {.body_limit_bytes = 5};
    server_start(&server, SERVER_MODE(state), server_echo, &options);
    GIVEN(arena_pool, pool, arena_pool_create(ARENA_TYPE(int), 10, &pool));
    GIVEN(arena_mhd, mhd, arena_mhd_create(pool, tell_user, user, &mhd));
    struct MHD_Daemon *daemon = start_daemon(mhd, &port);
    client_connect(&client, server.port);
    client_connect(&other, port);
    for (int i = 0; i < 2; i++) {
        client_exchange(&other, GET("/second"), 200, &reply);
        assert_string_equal(reply.body, user);
        client_exchange(&other, GET("/forget"), 500, &reply);
        post(&other, 6, 200);
        client_exchange(&client, GET("/first"), 200, &reply);
        assert_string_equal(reply.body, "GET /first ");
        post(&client, 5, 200);
        post(&client, 6, 413);
    }
    client_close(&other);
    MHD_stop_daemon(daemon);
    arena_mhd_destroy(mhd);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
    client_exchange(&client, GET("/first"), 200, &reply);
    post(&client, 6, 413);
    server_part(&server, &client);
    assert_int_equal(server.handled, 5);
}

int main(void) { return support_run("mhd daemons"); }
