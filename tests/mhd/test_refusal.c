/* SPDX-License-Identifier: MIT */
/* What the binding answers by itself: 413, 500 and 503, in all four thread modes, and what each costs. */
#include "server.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: test\r\n\r\n"
#define POST(headers) "POST /p HTTP/1.1\r\nHost: test\r\n" headers "\r\n"

static struct server server;
static struct client client;
static struct reply reply;

/* Each says what it is about, as plain text. */
static void check_text(const char *text) {
    assert_non_null(strstr(reply.head, "Content-Type: text/plain; charset=utf-8\r\n"));
    assert_string_equal(reply.body, text);
    assert_int_equal(reply.body_bytes, strlen(text));
}

/* --- 503 ---------------------------------------------------------------------------------------------------------- */

SERVER_TEST(an_exhausted_pool_answers_503_at_once) {
    const struct server_options options = {.max_arenas = 1, .body_limit_bytes = 3};
    server_start(&server, SERVER_MODE(state), server_echo, &options);
    GIVEN(arena, last, arena_pool_checkout(server.pool, &last));
    client_connect(&client, server.port);
    for (int i = 0; i < 3; i++) client_exchange(&client, GET("/busy"), 503, &reply);
    check_text("The server is too busy to answer this request.\n");
    client_exchange(&client, POST("Content-Length: 3\r\n") "abc", 503, &reply);
    assert_false(reply.close);
    client_exchange(&client, POST("Content-Length: 4\r\n") "abcd", 413, &reply); /* which no arena would change */
    assert_int_equal(flag_get(&server.handled), 0);
    arena_pool_return(server.pool, last);
    client_exchange(&client, GET("/free"), 200, &reply);
    server_part(&server, &client);
    assert_int_equal(server.handled, 1);
}

/* Slow clients cannot exhaust the pool. */
SERVER_TEST(a_request_that_is_still_arriving_holds_no_arena) {
    static const struct {
        const char *begin;
        const char *end;
        int accesses; /* that show that the beginning has arrived */
    } rows[] = {
        {POST("Content-Length: 4\r\n") "sl", "ow", 2},
        {POST("Transfer-Encoding: chunked\r\n") "2\r\nsl\r\n", "2\r\now\r\n0\r\n\r\n", 2},
        {POST("Expect: 100-continue\r\nContent-Length: 4\r\n"), "slow", 1},
    };
    const struct server_options options = {.max_arenas = 1};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        server_start(&server, SERVER_MODE(state), server_echo, &options);
        struct client slow;
        client_connect(&slow, server.port);
        client_send(&slow, rows[i].begin);
        AWAIT(flag_get(&server.accesses) == rows[i].accesses);
        client_connect(&client, server.port);
        client_exchange(&client, GET("/fast"), 200, &reply);
        client_close(&client);
        AWAIT(flag_get(&server.resets) == 1);
        client_send(&slow, rows[i].end);
        do client_receive(&slow, &reply);
        while (reply.status == 100);
        assert_int_equal(reply.status, 200);
        assert_string_equal(reply.body, "POST /p slow");
        client_close(&slow);
        server_stop(&server);
    }
}

/* --- 500 ---------------------------------------------------------------------------------------------------------- */

static enum MHD_Result forget(struct arena_request *request, void *user) {
    (void)server_text(request, "not sent");
    return MHD_YES;
}

SERVER_TEST(a_handler_that_does_not_answer_is_answered_500) {
    server_meet(&server, &client, SERVER_MODE(state), forget, NULL);
    for (int i = 0; i < 2; i++) {
        client_exchange(&client, GET("/forgotten"), 500, &reply);
        check_text("The server failed to answer this request.\n");
        assert_false(reply.close);
    }
    server_part(&server, &client);
    assert_int_equal(server.handled, 2);
    assert_int_equal(server.resets, 2);
    assert_int_equal(server.accesses, 4); /* libmicrohttpd was not kept waiting */
}

static struct arena_request *forgotten;

static enum MHD_Result retain_and_forget(struct arena_request *request, void *user) {
    forgotten = arena_request_retain(request);
    return forget(request, user);
}

/* Nobody else can answer what is not suspended, whoever holds it. */
SERVER_TEST(a_request_that_is_held_and_not_answered_is_answered_500_at_once) {
    server_meet(&server, &client, SERVER_MODE(state), retain_and_forget, NULL);
    for (int i = 1; i <= 2; i++) {
        client_exchange(&client, GET("/held"), 500, &reply);
        assert_int_equal(flag_get(&server.resets), i - 1);
        arena_request_release(forgotten);
        AWAIT(flag_get(&server.resets) == i);
    }
    server_part(&server, &client);
    assert_int_equal(server.handled, 2);
    assert_int_equal(server.accesses, 4);
}

static struct arena_pool *scratch;

static enum MHD_Result panic_in_scope(struct arena_request *request, void *user) {
    (void)server_text(request, "not sent");
    ARENA_POOL_SCOPE(scratch, arena) {
        (void)arena_alloc(arena, NULL);
        arena_panic("the handler's own");
    }
    return MHD_YES;
}

SERVER_TEST(a_handler_that_panics_is_answered_500) {
    panics_record();
    assert_int_equal(arena_pool_create(ARENA_TYPE(int), 4, &scratch), ARENA_OK);
    server_meet(&server, &client, SERVER_MODE(state), panic_in_scope, NULL);
    for (int i = 0; i < 2; i++) {
        client_exchange(&client, GET("/panic"), 500, &reply);
        assert_false(reply.close);
    }
    server_part(&server, &client);
    assert_int_equal(panic_count(), 2);
    assert_int_equal(server.resets, 2);
    assert_int_equal(arena_pool_destroy(scratch), ARENA_OK);
    arena_set_panic_handler(NULL, NULL);
}

static enum MHD_Result answer_and_panic(struct arena_request *request, void *user) {
    (void)server_echo(request, user);
    arena_panic("after the answer");
}

SERVER_TEST(a_panic_after_the_answer_closes_the_connection) {
    panics_record();
    server_meet(&server, &client, SERVER_MODE(state), answer_and_panic, NULL);
    client_send(&client, GET("/panic"));
    assert_true(client_sees_end(&client));
    server_part(&server, &client);
    assert_int_equal(server.resets, 1);
    arena_set_panic_handler(NULL, NULL);
}

static enum MHD_Result queue_and_panic(struct arena_request *request, void *user) {
    static char text[] = "by hand";
    struct MHD_Response *response = MHD_create_response_from_buffer(sizeof text - 1, text, MHD_RESPMEM_PERSISTENT);
    if (response != NULL) {
        (void)MHD_queue_response(arena_request_connection(request), 200, response);
        MHD_destroy_response(response);
    }
    arena_panic("after an answer of its own");
}

SERVER_TEST(a_panic_after_an_answer_of_its_own_closes_the_connection) {
    panics_record();
    server_meet(&server, &client, SERVER_MODE(state), queue_and_panic, NULL);
    client_send(&client, GET("/panic"));
    assert_true(client_sees_end(&client));
    server_part(&server, &client);
    assert_int_equal(panic_count(), 1);
    arena_set_panic_handler(NULL, NULL);
}

static enum MHD_Result suspend_and_panic(struct arena_request *request, void *user) {
    struct arena_request *clone = NULL; /* which holds nothing */
    (void)!arena_request_inject(request, NULL, &clone);
    arena_request_release(arena_request_retain(request)); /* and is not held any more */
    (void)server_text(request, "not sent");
    MHD_suspend_connection(arena_request_connection(request));
    arena_panic("suspended");
}

SERVER_TEST_SUSPENDING(a_panic_of_a_suspended_request_that_nobody_holds_is_answered_500) {
    panics_record();
    server_meet(&server, &client, SERVER_MODE(state), suspend_and_panic, NULL);
    client_exchange(&client, GET("/panic"), 500, &reply);
    client_exchange(&client, GET("/panic"), 500, &reply);
    server_part(&server, &client);
    assert_int_equal(server.resets, 2);
    arena_set_panic_handler(NULL, NULL);
}

/* The answer was whole when it was queued, and a suspended connection cannot be closed. */
static enum MHD_Result suspend_answer_and_panic(struct arena_request *request, void *user) {
    MHD_suspend_connection(arena_request_connection(request));
    return answer_and_panic(request, user);
}

SERVER_TEST_SUSPENDING(a_panic_after_the_answer_of_a_suspended_request_resumes_it) {
    panics_record();
    server_meet(&server, &client, SERVER_MODE(state), suspend_answer_and_panic, NULL);
    client_exchange(&client, GET("/panic"), 200, &reply);
    server_part(&server, &client);
    assert_int_equal(server.resets, 1);
    arena_set_panic_handler(NULL, NULL);
}

static struct arena_request *held;
static int panicked;

static enum MHD_Result retain_suspend_and_panic(struct arena_request *request, void *user) {
    held = arena_request_retain(request);
    MHD_suspend_connection(arena_request_connection(request));
    flag_add(&panicked, 1);
    arena_panic("somebody else has it");
}

SERVER_TEST_SUSPENDING(a_panic_of_a_suspended_request_that_somebody_holds_leaves_it_to_them) {
    panics_record();
    flag_set(&panicked, 0);
    server_meet(&server, &client, SERVER_MODE(state), retain_suspend_and_panic, NULL);
    client_send(&client, GET("/panic"));
    AWAIT(panic_count() == 1 && flag_get(&panicked) == 1);
    struct MHD_Connection *connection = arena_request_connection(held);
    assert_int_equal(arena_request_respond(held, 200, NULL, "held", 4), ARENA_OK);
    MHD_resume_connection(connection);
    arena_request_release(held);
    client_receive(&client, &reply);
    assert_int_equal(reply.status, 200);
    client_send(&client, GET("/panic")); /* and where they have no answer either */
    AWAIT(panic_count() == 2 && flag_get(&panicked) == 2);
    MHD_resume_connection(arena_request_connection(held));
    arena_request_release(held);
    client_receive(&client, &reply);
    assert_int_equal(reply.status, 500);
    server_part(&server, &client);
    assert_int_equal(server.handled, 2);
    arena_set_panic_handler(NULL, NULL);
}

static enum MHD_Result retain_and_panic(struct arena_request *request, void *user) {
    (void)server_text(request, "not sent");
    held = arena_request_retain(request);
    flag_add(&panicked, 1);
    arena_panic("held, and not suspended");
}

/* Who holds a request that is not suspended cannot be waited for. */
SERVER_TEST(a_panic_of_a_request_that_somebody_holds_is_answered_500) {
    panics_record();
    flag_set(&panicked, 0);
    server_meet(&server, &client, SERVER_MODE(state), retain_and_panic, NULL);
    for (int i = 1; i <= 2; i++) {
        client_exchange(&client, GET("/panic"), 500, &reply);
        AWAIT(flag_get(&panicked) == i);
        arena_request_release(held);
    }
    server_part(&server, &client);
    assert_int_equal(server.resets, 2);
    assert_int_equal(server.accesses, 4); /* at once */
    arena_set_panic_handler(NULL, NULL);
}

/* --- 413 ---------------------------------------------------------------------------------------------------------- */

enum { LIMIT_BYTES = 10000 };

static char filler[1 << 20];

static void send_filler(size_t size) {
    while (size > 0) {
        size_t piece = size < sizeof filler ? size : sizeof filler;
        assert_true(client_try_send(&client, filler, piece));
        size -= piece;
    }
}

static void start_limited(enum mode mode) {
    const struct server_options options = {.body_limit_bytes = LIMIT_BYTES};
    memset(filler, 'f', sizeof filler);
    server_start(&server, mode, server_echo, &options);
    client_connect(&client, server.port);
}

static void post_filler(size_t size, unsigned status) {
    char head[128];
    snprintf(head, sizeof head, POST("Content-Length: %zu\r\n"), size);
    client_send(&client, head);
    send_filler(size);
    client_receive(&client, &reply);
    assert_int_equal(reply.status, status);
    if (status == 413) check_text("The request body is too large.\n");
}

SERVER_TEST(a_body_up_to_the_limit_is_taken_and_no_longer_one) {
    start_limited(SERVER_MODE(state));
    post_filler(LIMIT_BYTES, 200);
    post_filler(LIMIT_BYTES + 1, 413);
    assert_false(reply.close);
    post_filler(LIMIT_BYTES - 1, 200);
    post_filler(3 * sizeof filler, 413); /* read to its end, so the connection goes on */
    post_filler(0, 200);
    server_part(&server, &client);
    assert_int_equal(server.handled, 3);
    assert_int_equal(server.resets, 3);
}

static void send_chunk(size_t size) {
    char head[32];
    snprintf(head, sizeof head, "%zx\r\n", size);
    client_send(&client, head);
    send_filler(size);
    client_send(&client, "\r\n");
}

SERVER_TEST(a_chunked_body_over_the_limit_is_413) {
    start_limited(SERVER_MODE(state));
    client_send(&client, POST("Transfer-Encoding: chunked\r\n"));
    for (int i = 0; i < 20; i++) send_chunk(LIMIT_BYTES / 10);
    client_exchange(&client, "0\r\n\r\n", 413, &reply);
    assert_false(reply.close);
    post_filler(1, 200);
    server_part(&server, &client);
    assert_int_equal(server.handled, 1);
}

SERVER_TEST(a_body_without_end_is_cut_off) {
    start_limited(SERVER_MODE(state));
    client_send(&client, POST("Transfer-Encoding: chunked\r\n"));
    char head[32];
    snprintf(head, sizeof head, "%zx\r\n", sizeof filler);
    bool alive = true;
    for (int i = 0; i < 256 && alive; i++) {
        alive = client_try_send(&client, head, strlen(head)) && client_try_send(&client, filler, sizeof filler) &&
                client_try_send(&client, "\r\n", 2);
    }
    assert_false(alive);
    client_close(&client);
    AWAIT(flag_get(&server.completed) == 1);
    server_stop(&server);
    assert_int_equal(server.handled, 0);
}

SERVER_TEST(a_body_announced_far_too_long_is_refused_unread) {
    static const char *const announcements[] = {
        POST("Content-Length: 1000000000000\r\n"),
        POST("Content-Length: 999999999999\r\n"),
        POST("Content-Length: 16787217\r\n"), /* the limit, 16 MiB and one byte more */
        POST("Content-Length: 18446744073709551614\r\n"),
        POST("Content-Length: 0001000000000000\r\n"),
        POST("Content-Length: 10001\r\nExpect: 100-continue\r\n"),
        POST("Content-Length: 10001\r\nExpect: 100-Continue\r\n"), /* whatever its case */
        "PUT /p HTTP/1.1\r\nHost: test\r\nContent-Length: 10001\r\nExpect: 100-continue\r\n\r\n",
        "PATCH /p HTTP/1.1\r\nHost: test\r\nContent-Length: 10001\r\nExpect: 100-continue\r\n\r\n",
        "GET /p HTTP/1.1\r\nHost: test\r\nContent-Length: 1000000000000\r\n\r\n",
    };
    start_limited(SERVER_MODE(state));
    client_close(&client);
    for (size_t i = 0; i < sizeof announcements / sizeof *announcements; i++) {
        client_connect(&client, server.port);
        client_exchange(&client, announcements[i], 413, &reply);
        assert_true(client_sees_end(&client));
        client_close(&client);
    }
    server_stop(&server);
    assert_int_equal(server.handled, 0);
    assert_int_equal(server.uploads, 0);
}

/* One byte more, and it would not be read at all. */
SERVER_TEST(a_body_longer_by_16_mebibytes_is_read_to_its_end) {
    start_limited(SERVER_MODE(state));
    post_filler(LIMIT_BYTES + 16 * sizeof filler, 413);
    assert_false(reply.close);
    post_filler(1, 200);
    server_part(&server, &client);
}

SERVER_TEST(a_body_that_just_fits_is_asked_for) {
    start_limited(SERVER_MODE(state));
    client_exchange(&client, POST("Content-Length: 10000\r\nExpect: 100-continue\r\n"), 100, &reply);
    send_filler(LIMIT_BYTES);
    client_receive(&client, &reply);
    assert_int_equal(reply.status, 200);
    server_part(&server, &client);
}

/* Of the largest numbers there are, too, each is what it says. */
SERVER_TEST(a_limit_near_the_largest_number_is_exact) {
    const struct server_options options = {.body_limit_bytes = SIZE_MAX - 4};
    if (sizeof(size_t) < sizeof(uint64_t)) skip();
    server_meet(&server, &client, SERVER_MODE(state), server_echo, &options);
    client_exchange(&client, POST("Content-Length: 18446744073709551611\r\nExpect: 100-continue\r\n"), 100, &reply);
    client_close(&client);
    client_connect(&client, server.port);
    client_exchange(&client, POST("Content-Length: 18446744073709551612\r\nExpect: 100-continue\r\n"), 413, &reply);
    server_part(&server, &client);
}

SERVER_TEST(a_limit_of_any_magnitude_is_exact) {
    static const unsigned bits[] = {16, 26, 31, 32, 33, 48, 62};
    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++) {
        if (bits[i] >= sizeof(size_t) * CHAR_BIT) break;
        const struct server_options options = {.body_limit_bytes = (size_t)1 << bits[i]};
        server_start(&server, SERVER_MODE(state), server_echo, &options);
        for (size_t more = 0; more <= 1; more++) {
            char head[128];
            snprintf(head, sizeof head, POST("Content-Length: %zu\r\nExpect: 100-continue\r\n"),
                     options.body_limit_bytes + more);
            client_connect(&client, server.port);
            client_exchange(&client, head, more == 0 ? 100 : 413, &reply);
            client_close(&client);
        }
        server_stop(&server);
    }
}

int main(void) { return support_run("mhd refusals"); }
