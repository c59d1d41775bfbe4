/* SPDX-License-Identifier: MIT */
/* Requests that outlive the handler: suspended, upgraded, answered by responses that are shared.  The arena is reset
 * once, at the last release, on whatever thread that is. */
#include "server.h"

#include <sys/socket.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: test\r\n\r\n"

static struct server server;
static struct client client;
static struct client other;
static struct reply reply;

/* --- suspended ---------------------------------------------------------------------------------------------------- */

static struct arena_request *suspended;
static int is_suspended; /* atomic: how many were */

static enum MHD_Result suspend(struct arena_request *request, void *user) {
    suspended = arena_request_retain(request);
    MHD_suspend_connection(arena_request_connection(request));
    flag_add(&is_suspended, 1);
    return MHD_YES;
}

static void start_suspending(enum mode mode) {
    flag_set(&is_suspended, 0);
    server_start(&server, mode, suspend, NULL);
    client_connect(&client, server.port);
}

/* What a worker does with a request, and what it saw. */
static struct {
    int context_status;
    int respond_status[2];
} worked;

static void answer(struct worker *self) {
    struct arena_request *request = self->user;
    struct MHD_Connection *connection = arena_request_connection(request);
    worked.context_status = arena_context_status(arena_request_context(request));
    char *text = server_text(request, "from a worker");
    worked.respond_status[0] = arena_request_respond(request, 200, "text/plain", text, strlen(text));
    worked.respond_status[1] = arena_request_respond(request, 200, "text/plain", text, strlen(text));
    MHD_resume_connection(connection);
    arena_request_release(request);
}

SERVER_TEST_SUSPENDING(a_suspended_request_is_answered_by_a_worker) {
    start_suspending(SERVER_MODE(state));
    for (int i = 0; i < 3; i++) {
        client_send(&client, GET("/later"));
        AWAIT(flag_get(&is_suspended) == i + 1);
        worker_run(answer, suspended, 0);
        client_receive(&client, &reply);
        assert_int_equal(reply.status, 200);
        assert_string_equal(reply.body, "from a worker");
        assert_false(reply.close);
        assert_int_equal(worked.context_status, ARENA_OK);
        assert_int_equal(worked.respond_status[0], ARENA_OK);
        assert_int_equal(worked.respond_status[1], ARENA_EBUSY);
    }
    server_expect_journal(&server, "HhCcRHhCcRHhCcR");
    server_part(&server, &client);
}

static struct worker quick;

/* The worker may be done before the handler returns. */
static enum MHD_Result suspend_and_start_worker(struct arena_request *request, void *user) {
    MHD_suspend_connection(arena_request_connection(request));
    quick = worker_run(answer, arena_request_retain(request), 0);
    return MHD_YES;
}

SERVER_TEST_SUSPENDING(a_worker_may_answer_before_the_handler_returns) {
    server_meet(&server, &client, SERVER_MODE(state), suspend_and_start_worker, NULL);
    for (int i = 0; i < 3; i++) {
        client_exchange(&client, GET("/soon"), 200, &reply);
        assert_string_equal(reply.body, "from a worker");
    }
    server_part(&server, &client);
    assert_int_equal(server.handled, 3);
    assert_int_equal(server.resets, 3);
}

static void resume_only(struct worker *self) {
    struct arena_request *request = self->user;
    MHD_resume_connection(arena_request_connection(request));
    arena_request_release(request);
}

SERVER_TEST_SUSPENDING(a_request_resumed_without_an_answer_is_answered_500) {
    start_suspending(SERVER_MODE(state));
    client_send(&client, GET("/never"));
    AWAIT(flag_get(&is_suspended) == 1);
    worker_run(resume_only, suspended, 0);
    client_receive(&client, &reply);
    assert_int_equal(reply.status, 500);
    server_part(&server, &client);
    assert_int_equal(server.handled, 1);
}

/* Whoever holds it, and whatever was made of it: the answer does not wait, and the handler is not asked again. */
SERVER_TEST_SUSPENDING(a_request_resumed_without_an_answer_is_answered_while_it_is_held) {
    start_suspending(SERVER_MODE(state));
    client_send(&client, GET("/never"));
    AWAIT(flag_get(&is_suspended) == 1);
    GIVEN(arena_request, clone, arena_request_inject(suspended, NULL, &clone));
    MHD_resume_connection(arena_request_connection(clone));
    client_receive(&client, &reply);
    assert_int_equal(reply.status, 500);
    AWAIT(flag_get(&server.completed) == 1);
    assert_string_equal(arena_request_url(clone), "/never");
    arena_request_release(suspended);
    server_part(&server, &client);
    assert_int_equal(server.handled, 1);
    assert_int_equal(server.accesses, 3);
}

SERVER_TEST_SUSPENDING(a_client_that_leaves_while_suspended_is_noticed_on_resume) {
    start_suspending(SERVER_MODE(state));
    client_send(&client, GET("/gone"));
    AWAIT(flag_get(&is_suspended) == 1);
    client_abort(&client);
    worker_run(answer, suspended, 0);
    server_expect_journal(&server, "HhCcR");
    server_stop(&server);
}

SERVER_TEST_SUSPENDING(a_suspended_request_does_not_block_the_others) {
    start_suspending(SERVER_MODE(state));
    client_send(&client, GET("/first"));
    AWAIT(flag_get(&is_suspended) == 1);
    struct arena_request *first = suspended;
    client_connect(&other, server.port);
    client_send(&other, GET("/second"));
    AWAIT(flag_get(&is_suspended) == 2);
    struct arena_request *second = suspended;
    assert_ptr_not_equal(server_arena(first), server_arena(second)); /* each has its own */
    assert_int_equal(arena_used(server_arena(first)), 0);
    assert_non_null(server_text(second, "of the second alone"));
    assert_int_equal(arena_used(server_arena(first)), 0);
    worker_run(answer, second, 0);
    client_receive(&other, &reply);
    assert_int_equal(reply.status, 200);
    worker_run(answer, first, 0);
    client_receive(&client, &reply);
    assert_int_equal(reply.status, 200);
    client_close(&other);
    server_part(&server, &client);
}

static struct MHD_Connection *waiting; /* written before is_suspended */

static enum MHD_Result suspend_unheld(struct arena_request *request, void *user) {
    waiting = arena_request_connection(request);
    arena_context_cancel(arena_request_context(request)); /* which ends no request */
    MHD_suspend_connection(waiting);
    flag_add(&is_suspended, 1);
    return MHD_YES;
}

static void answer_by_hand(struct worker *self) {
    static char text[] = "by hand";
    struct MHD_Response *response = MHD_create_response_from_buffer(sizeof text - 1, text, MHD_RESPMEM_PERSISTENT);
    self->status = response != NULL && MHD_queue_response(self->user, 202, response) == MHD_YES;
    MHD_destroy_response(response);
    MHD_resume_connection(self->user);
}

/* With libmicrohttpd's own calls a worker needs the connection alone, which lives while it is suspended. */
SERVER_TEST_SUSPENDING(a_suspended_connection_is_answered_by_hand) {
    flag_set(&is_suspended, 0);
    server_meet(&server, &client, SERVER_MODE(state), suspend_unheld, NULL);
    for (int i = 1; i <= 2; i++) {
        client_send(&client, GET("/later"));
        AWAIT(flag_get(&is_suspended) == i);
        struct worker worker = worker_run(answer_by_hand, waiting, 0);
        assert_true(worker.status);
        client_receive(&client, &reply);
        assert_int_equal(reply.status, 202);
        assert_string_equal(reply.body, "by hand");
    }
    server_part(&server, &client);
    assert_int_equal(server.handled, 2);
    assert_int_equal(server.accesses, 4);
}

/* The request completes, the worker releases it long after, and that is when the arena goes back. */
static void answer_and_keep(struct worker *self) {
    struct arena_request *request = self->user;
    struct MHD_Connection *connection = arena_request_connection(request);
    char *text = server_text(request, "kept");
    worked.respond_status[0] = arena_request_respond(request, 200, NULL, text, strlen(text));
    MHD_resume_connection(connection);
    if (!flag_wait(&self->go, 1)) return;
    arena_request_release(request);
}

SERVER_TEST_SUSPENDING(the_last_release_resets_the_arena_on_its_own_thread) {
    start_suspending(SERVER_MODE(state));
    client_send(&client, GET("/kept"));
    AWAIT(flag_get(&is_suspended) == 1);
    struct worker worker;
    worker_start(&worker, answer_and_keep, suspended, 0);
    client_receive(&client, &reply);
    assert_string_equal(reply.body, "kept");
    client_close(&client);
    server_expect_journal(&server, "HhCc");
    server_stop_daemon(&server);
    assert_int_equal(server.resets, 0);
    flag_set(&worker.go, 1);
    worker_join(&worker);
    assert_int_equal(server.resets, 1);
    server_destroy(&server);
}

static enum MHD_Result suspend_and_say_no(struct arena_request *request, void *user) {
    (void)server_text(request, "not sent");
    arena_request_release(arena_request_retain(request)); /* nobody holds it any more */
    MHD_suspend_connection(arena_request_connection(request));
    return MHD_NO;
}

static enum MHD_Result answer_suspend_and_say_no(struct arena_request *request, void *user) {
    (void)server_echo(request, user); /* an answer holds it, and is nobody */
    MHD_suspend_connection(arena_request_connection(request));
    return MHD_NO;
}

SERVER_TEST_SUSPENDING(a_handler_that_suspends_and_says_no_closes_the_connection) {
    static const struct {
        arena_mhd_handler *handler;
        const char *journal;
    } rows[] = {{suspend_and_say_no, "HhCRc"}, {answer_suspend_and_say_no, "HhCcR"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        server_meet(&server, &client, SERVER_MODE(state), rows[i].handler, NULL);
        client_send(&client, GET("/x"));
        assert_true(client_sees_end(&client));
        server_expect_journal(&server, rows[i].journal);
        server_part(&server, &client);
    }
}

static enum MHD_Result retain_suspend_and_say_no(struct arena_request *request, void *user) {
    (void)suspend(request, user);
    return MHD_NO;
}

/* What the worker that has the request makes of it is its end. */
static void hand_on_and_say_no(enum mode mode, void (*then)(struct worker *self), unsigned status) {
    flag_set(&is_suspended, 0);
    server_start(&server, mode, retain_suspend_and_say_no, NULL);
    client_connect(&client, server.port);
    client_send(&client, GET("/later"));
    AWAIT(flag_get(&is_suspended) == 1);
    worker_run(then, suspended, 0);
    client_receive(&client, &reply);
    assert_int_equal(reply.status, status);
}

SERVER_TEST_SUSPENDING(a_handler_that_hands_on_and_says_no_leaves_it_to_them) {
    hand_on_and_say_no(SERVER_MODE(state), answer, 200);
    server_expect_journal(&server, "HhCcR");
    server_part(&server, &client);
}

/* They have it, and have not answered: no other end is right, whatever the handler said. */
SERVER_TEST_SUSPENDING(a_handler_that_hands_on_and_says_no_is_answered_500_without_them) {
    hand_on_and_say_no(SERVER_MODE(state), resume_only, 500);
    server_part(&server, &client);
    assert_int_equal(server.handled, 1);
}

/* --- one response on two connections ------------------------------------------------------------------------------ */

static struct MHD_Response *shared;

static void shared_free(void *user) {
    server_note(&server, 'F');
    arena_request_release(user);
}

/* The first request makes the response, in its own arena; the second one queues it once more. */
static enum MHD_Result respond_shared(struct arena_request *request, void *user) {
    if (strcmp(arena_request_url(request), "/make") == 0) {
        size_t cells = SERVER_ARENA_CELLS / 2;
        char *text = arena_try_alloc_slab(server_arena(request), cells);
        if (text == NULL) return MHD_NO;
        memset(text, 's', cells * sizeof(struct cell));
        shared = MHD_create_response_from_buffer_with_free_callback_cls(cells * sizeof(struct cell), text, shared_free,
                                                                        arena_request_retain(request));
        if (shared == NULL) return MHD_NO;
    }
    enum MHD_Result result = MHD_queue_response(arena_request_connection(request), 200, shared);
    if (strcmp(arena_request_url(request), "/make") != 0) MHD_destroy_response(shared);
    return result;
}

SERVER_TEST(a_response_on_two_connections_outlives_each_request) {
    server_meet(&server, &client, SERVER_MODE(state), respond_shared, NULL);
    client_exchange(&client, GET("/make"), 200, &reply);
    uint32_t sum = reply.body_sum;
    AWAIT(flag_get(&server.completed) == 1); /* the request whose arena holds the body is over */
    client_connect(&other, server.port);
    client_exchange(&other, GET("/use"), 200, &reply);
    assert_int_equal(reply.body_bytes, SERVER_ARENA_CELLS / 2 * sizeof(struct cell));
    assert_int_equal(reply.body_sum, sum);
    assert_int_equal(sum, (uint32_t)(reply.body_bytes * 's'));
    AWAIT(flag_get(&server.resets) == SERVER_ARENA_CELLS / 2);
    char journal[SERVER_JOURNAL_BYTES];
    server_journal(&server, journal);
    journal[10] = '\0';
    assert_string_equal(journal, "HhCcHhCcFR");
    client_close(&client);
    client_close(&other);
    server_stop(&server);
}

/* --- upgraded ----------------------------------------------------------------------------------------------------- */

static struct {
    struct arena_request *request;
    struct MHD_UpgradeResponseHandle *handle;
    int socket;
    char *text;
    int begun; /* atomic */
} session;

static void begin_session(void *user, struct MHD_Connection *connection, void *req_cls, const char *extra,
                          size_t extra_size, MHD_socket socket, struct MHD_UpgradeResponseHandle *handle) {
    (void)connection;
    (void)req_cls;
    (void)extra;
    (void)extra_size;
    session.request = arena_request_retain(user);
    session.handle = handle;
    session.socket = socket;
    flag_set(&session.begun, 1);
}

static enum MHD_Result upgrade(struct arena_request *request, void *user) {
    session.text = server_text(request, "from the arena of the session");
    struct MHD_Response *response = MHD_create_response_for_upgrade(begin_session, request);
    if (response == NULL) return MHD_NO;
    enum MHD_Result result = MHD_NO;
    if (MHD_add_response_header(response, "Upgrade", "test") == MHD_YES) {
        result = MHD_queue_response(arena_request_connection(request), 101, response);
    }
    MHD_destroy_response(response);
    return result;
}

static void begin_upgrade(enum mode mode) {
    memset(&session, 0, sizeof session);
    server_start(&server, mode, upgrade, NULL);
    client_connect(&client, server.port);
    client_exchange(&client, "GET /up?n=3 HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\n", 101,
                    &reply);
    AWAIT(flag_get(&session.begun) == 1);
}

/* What a session does on its own thread. */
static void talk(struct worker *self) {
    const char *text = session.text;
    self->status = send(session.socket, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text);
    self->pointer = strcmp(arena_request_argument(session.request, "n"), "3") == 0 ? self : NULL;
    arena_request_release(session.request);
    MHD_upgrade_action(session.handle, MHD_UPGRADE_ACTION_CLOSE);
}

SERVER_TEST(an_upgraded_session_keeps_its_arena_until_released) {
    begin_upgrade(SERVER_MODE(state));
    if (server.mode == MODE_THREAD_PER_CONNECTION) {
        server_expect_journal(&server, "HhCc"); /* completed long before the session ends */
    } else {
        server_expect_journal(&server, "Hh");
    }
    assert_int_equal(flag_get(&server.resets), 0);
    struct worker worker;
    worker_start(&worker, talk, NULL, 0);
    char got[64] = {0};
    size_t length = 0;
    while (length < strlen("from the arena of the session")) {
        ssize_t piece = recv(client.fd, got + length, sizeof got - 1 - length, 0);
        assert_true(piece > 0);
        length += (size_t)piece;
    }
    assert_string_equal(got, "from the arena of the session");
    assert_true(client_sees_end(&client));
    worker_join(&worker);
    assert_true(worker.status);
    assert_non_null(worker.pointer);
    server_expect_journal(&server, server.mode == MODE_THREAD_PER_CONNECTION ? "HhCcR" : "HhCRc");
    server_part(&server, &client);
}

SERVER_TEST(a_session_that_is_closed_keeps_its_arena_until_released) {
    begin_upgrade(SERVER_MODE(state));
    if (server.mode != MODE_THREAD_PER_CONNECTION) {
        assert_int_equal(arena_context_status(arena_request_context(session.request)), ARENA_OK);
        assert_non_null(arena_request_connection(session.request));
    }
    MHD_upgrade_action(session.handle, MHD_UPGRADE_ACTION_CLOSE);
    server_expect_journal(&server, "HhCc");
    assert_int_equal(arena_context_status(arena_request_context(session.request)), ARENA_ECANCELED);
    assert_null(arena_request_connection(session.request));
    assert_int_equal(flag_get(&server.last_termination), MHD_REQUEST_TERMINATED_COMPLETED_OK);
    assert_string_equal(session.text, "from the arena of the session");
    assert_string_equal(arena_request_url(session.request), "/up");
    arena_request_release(session.request);
    server_expect_journal(&server, "HhCcR");
    server_part(&server, &client);
}

SERVER_TEST(a_session_that_the_client_leaves_is_closed_by_the_application) {
    begin_upgrade(SERVER_MODE(state));
    client_abort(&client);
    assert_int_equal(flag_get(&server.resets), 0);
    MHD_upgrade_action(session.handle, MHD_UPGRADE_ACTION_CLOSE);
    arena_request_release(session.request);
    server_stop(&server);
    assert_int_equal(server.resets, 1);
    assert_int_equal(server.completed, 1);
}

static int client_is_gone; /* atomic, as is the next */
static int handler_waits;

static enum MHD_Result upgrade_for_nobody(struct arena_request *request, void *user) {
    flag_set(&handler_waits, 1);
    (void)flag_wait(&client_is_gone, 1);
    return upgrade(request, user);
}

/* libmicrohttpd calls no upgrade handler then: a request retained before would stay for ever. */
SERVER_TEST(a_client_that_leaves_before_its_session_begins_leaves_nothing) {
    memset(&session, 0, sizeof session);
    flag_set(&client_is_gone, 0);
    flag_set(&handler_waits, 0);
    server_meet(&server, &client, SERVER_MODE(state), upgrade_for_nobody, NULL);
    client_send(&client, "GET /up HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\n");
    AWAIT(flag_get(&handler_waits) == 1);
    client_abort(&client);
    flag_set(&client_is_gone, 1);
    server_expect_journal(&server, "HhCRc");
    assert_int_equal(flag_get(&session.begun), 0);
    server_stop(&server);
}

int main(void) { return support_run("mhd exchanges"); }
