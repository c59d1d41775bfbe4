/* SPDX-License-Identifier: MIT */
/* What the program does around the handler: begin, the pieces of a body, completed, refuse; fields, and a pointer of its
 * own. */
#include "mhd/binding.h"
#include "server.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: test\r\n\r\n"
#define POST(headers) "POST /p HTTP/1.1\r\nHost: test\r\n" headers "\r\n"
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct server server;
static struct client client;
static struct reply reply;

static int outside[3]; /* statuses of what belongs into begin; atomic */

static enum MHD_Result yes_if(int status) { return status == ARENA_OK ? MHD_YES : MHD_NO; }

/* --- what the hooks of these tests do: by the path ---------------------------------------------------------------- */

static struct {
    int begun; /* atomics */
    int pieces;
    int piece_bytes;
    int piece_sum;
    int completed;
    int statuses[16]; /* of each completed one */
    int terminations[16];
    int refused;
    int users; /* requests that were completed with the pointer that begin gave them */
} events;

static int take_piece(struct arena_request *request, const void *data, size_t size_bytes, void *user) {
    int number = flag_add(&events.pieces, 1);
    flag_add(&events.piece_bytes, (int)size_bytes);
    for (size_t i = 0; i < size_bytes; i++) flag_add(&events.piece_sum, ((const unsigned char *)data)[i]);
    if (user != &events || arena_request_user(request) != &events) return ARENA_EINVAL;
    if (strcmp(arena_request_url(request), "/piece-panic") == 0) arena_panic("piece");
    return strcmp(arena_request_url(request), "/piece-fails") == 0 && number == 2 ? ARENA_EFULL : ARENA_OK;
}

static enum MHD_Result begin(struct arena_request *request, void *user) {
    const char *url = arena_request_url(request);
    struct arena *arena = NULL;
    flag_add(&events.begun, 1);
    if (user != &server || arena_request_extract(request, &server_cell_type, &arena) != ARENA_ENOARENA) return MHD_NO;
    if (arena_request_user(request) != NULL) return MHD_NO;
    arena_request_set_user(request, &events);
    if (strcmp(url, "/denied") == 0) {
        if (arena_request_add_header(request, "WWW-Authenticate", "Basic") != ARENA_OK) return MHD_NO;
        return yes_if(arena_request_respond(request, 401, "text/plain", "denied", 6));
    }
    if (strcmp(url, "/no") == 0) return MHD_NO;
    if (strcmp(url, "/panic") == 0) arena_panic("begin");
    if (strcmp(url, "/suspend") == 0) MHD_suspend_connection(arena_request_connection(request));
    if (strcmp(url, "/none") == 0) return yes_if(arena_request_set_body_limit(request, 0));
    if (strcmp(url, "/large") == 0) return yes_if(arena_request_set_body_limit(request, 3000000));
    if (strncmp(url, "/piece", 6) == 0) {
        if (arena_request_set_body_limit(request, 5000000) != ARENA_OK) return MHD_NO;
        return yes_if(arena_request_stream_body(request, take_piece, &events));
    }
    return MHD_YES;
}

static void completed(struct arena_request *request, unsigned status, enum MHD_RequestTerminationCode termination,
                      void *user) {
    int number = flag_add(&events.completed, 1);
    if (number <= (int)COUNT(events.statuses)) {
        flag_set(&events.statuses[number - 1], (int)status);
        flag_set(&events.terminations[number - 1], (int)termination);
    }
    if (arena_request_user(request) == &events) flag_add(&events.users, 1);
    (void)user;
    (void)server_text(request, "before the arena goes"); /* where there is one */
}

static void refuse(struct arena_request *request, unsigned status, const char **content_type, const char **body,
                   void *user) {
    flag_add(&events.refused, 1);
    if (arena_request_header(request, "Plain") != NULL) return;
    if (arena_request_header(request, "Refuse-Panic") != NULL) arena_panic("refuse");
    *content_type = "application/json";
    *body = status == 400 ? "{\"error\":400}" : "{\"error\":\"other\"}";
}

static const struct arena_mhd_options hooks = {.begin = begin, .completed = completed};
static const struct arena_mhd_options all_hooks = {.begin = begin, .completed = completed, .refuse = refuse};

static enum MHD_Result handle(struct arena_request *request, void *user) {
    flag_set(&outside[0], arena_request_set_body_limit(request, 1));
    flag_set(&outside[1], arena_request_stream_body(request, take_piece, NULL));
    const char *url = arena_request_url(request);
    if (strcmp(url, "/forgets") == 0) return MHD_YES;
    if (strcmp(url, "/says-no") == 0) return MHD_NO;
    if (strcmp(url, "/own") == 0) {
        static char text[] = "own";
        struct MHD_Response *response = MHD_create_response_from_buffer(3, text, MHD_RESPMEM_PERSISTENT);
        if (response == NULL) return MHD_NO;
        enum MHD_Result queued = MHD_queue_response(arena_request_connection(request), 418, response);
        MHD_destroy_response(response);
        return queued;
    }
    return server_echo(request, user);
}

static void start(void **state, const struct arena_mhd_options *options) {
    const struct server_options with = {.hooks = options, .max_arenas = 2};
    memset(&events, 0, sizeof events);
    server_meet(&server, &client, SERVER_MODE(state), handle, &with);
}

static void reconnect(void) {
    client_close(&client);
    client_connect(&client, server.port);
}

static void stop(void) { server_part(&server, &client); }

/* --- begin -------------------------------------------------------------------------------------------------------- */

SERVER_TEST(an_answer_of_begin_goes_out_before_the_body) {
    static const char *const requests[] = {
        "POST /denied HTTP/1.1\r\nHost: test\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n",
        "POST /denied HTTP/1.1\r\nHost: test\r\nContent-Length: 1000000\r\n\r\n",
        "POST /denied HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n",
    };
    start(state, &hooks);
    for (size_t i = 0; i < COUNT(requests); i++) {
        client_exchange(&client, requests[i], 401, &reply); /* not 100 */
        assert_non_null(strstr(reply.head, "WWW-Authenticate: Basic\r\n"));
        assert_string_equal(reply.body, "denied");
        assert_true(client_sees_end(&client));
        reconnect();
    }
    stop();
    assert_int_equal(server.handled, 0);
    assert_int_equal(events.begun, 3);
    assert_int_equal(events.completed, 3);
}

SERVER_TEST(without_a_body_it_does_not_cost_the_connection) {
    start(state, &hooks);
    for (int i = 0; i < 3; i++) {
        client_exchange(&client, GET("/denied"), 401, &reply);
        assert_false(reply.close);
        client_exchange(&client, GET("/x"), 200, &reply);
        client_exchange(&client, POST("Content-Length: 0\r\n"), 200, &reply);
    }
    stop();
    assert_int_equal(events.begun, 9);
    assert_int_equal(server.handled, 6);
}

SERVER_TEST(begin_may_close_the_connection) {
    static const char *const requests[] = {GET("/no"), GET("/suspend"),
                                           "POST /no HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\nbody",
                                           "POST /suspend HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\nbody"};
    start(state, &hooks);
    for (size_t i = 0; i < COUNT(requests); i++) {
        if (SERVER_MODE(state) == MODE_THREAD_PER_CONNECTION && strstr(requests[i], "suspend") != NULL) continue;
        client_send(&client, requests[i]);
        assert_true(client_sees_end(&client));
        reconnect();
    }
    stop();
    assert_int_equal(server.handled, 0);
}

SERVER_TEST(a_panic_in_begin_is_500) {
    panics_record();
    start(state, &hooks);
    client_exchange(&client, GET("/panic"), 500, &reply);
    client_exchange(&client, "POST /panic HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\n", 500, &reply);
    assert_true(client_sees_end(&client));
    stop();
    assert_int_equal(server.handled, 0);
    arena_set_panic_handler(NULL, NULL);
}

static char filler[4000000];

static void send_body(const char *path, size_t size, unsigned status) {
    char head[256];
    snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nHost: test\r\nContent-Length: %zu\r\n\r\n", path, size);
    memset(filler, 'f', sizeof filler);
    client_send(&client, head);
    assert_true(client_try_send(&client, filler, size));
    client_receive(&client, &reply);
    assert_int_equal(reply.status, status);
}

SERVER_TEST(begin_sets_the_limit_of_a_body) {
    start(state, &hooks);
    send_body("/none", 0, 200);
    send_body("/none", 1, 413);
    send_body("/large", 3000000, 200);
    send_body("/large", 3000001, 413);
    send_body("/x", 1 << 20, 200);
    send_body("/x", (1 << 20) + 1, 413);
    stop();
    assert_int_equal(flag_get(&outside[0]), ARENA_EINVAL);
    assert_int_equal(flag_get(&outside[1]), ARENA_EINVAL);
    assert_int_equal(arena_request_set_body_limit(NULL, 1), ARENA_EINVAL);
    assert_int_equal(arena_request_stream_body(NULL, take_piece, NULL), ARENA_EINVAL);
}

/* --- pieces ------------------------------------------------------------------------------------------------------- */

SERVER_TEST(a_streamed_body_is_handed_out_as_it_comes) {
    start(state, &hooks);
    send_body("/pieces", 3000000, 200);
    assert_string_equal(reply.body, "POST /pieces "); /* nothing was collected */
    assert_int_equal(flag_get(&events.piece_bytes), 3000000);
    assert_int_equal(flag_get(&events.piece_sum), 3000000 * 'f');
    assert_true(flag_get(&events.pieces) > 1);
    client_exchange(&client,
                    "POST /pieces HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
                    200, &reply);
    assert_int_equal(flag_get(&events.piece_bytes), 3000005);
    stop();
}

SERVER_TEST(the_limit_holds_for_streamed_bodies) {
    start(state, &hooks);
    client_send(&client, "POST /pieces HTTP/1.1\r\nHost: test\r\nContent-Length: 5000001\r\n\r\n");
    for (size_t left = 5000001; left > 0;) {
        size_t piece = left < sizeof filler ? left : sizeof filler;
        assert_true(client_try_send(&client, filler, piece));
        left -= piece;
    }
    client_receive(&client, &reply);
    assert_int_equal(reply.status, 413);
    assert_true(flag_get(&events.piece_bytes) <= 5000000);
    stop();
    assert_int_equal(server.handled, 0);
}

SERVER_TEST(a_piece_that_is_not_taken_is_500_and_closed) {
    static const char *const paths[] = {"/piece-fails", "/piece-panic"};
    panics_record();
    for (size_t i = 0; i < COUNT(paths); i++) {
        start(state, &hooks);
        send_body(paths[i], 1000000, 500);
        assert_true(reply.close);
        assert_true(client_sees_end(&client));
        assert_int_equal(flag_get(&events.pieces), i == 0 ? 2 : 1); /* the last one */
        stop();
        assert_int_equal(server.handled, 0);
    }
    arena_set_panic_handler(NULL, NULL);
}

/* --- completed ---------------------------------------------------------------------------------------------------- */

SERVER_TEST(every_request_is_told_to_be_over_once) {
    static const struct {
        const char *text;
        unsigned status; /* 0: the connection closes */
        int told;
    } rows[] = {
        {GET("/x"), 200, 200},
        {GET("/denied"), 401, 401},
        {GET("/own"), 418, 418},
        {GET("/forgets"), 500, 500},
        {GET("/says-no"), 0, 0},
        {GET("/no"), 0, 0},
        {"GET /x HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, 400},
        {POST("Content-Length: 1000000000000\r\n"), 413, 413},
        {"POST /none HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\n\r\nx", 413, 413},
    };
    start(state, &hooks);
    for (size_t i = 0; i < COUNT(rows); i++) {
        client_send(&client, rows[i].text);
        bool answered = client_try_receive(&client, &reply);
        assert_int_equal(answered ? reply.status : 0, rows[i].status);
        AWAIT(flag_get(&events.completed) == (int)i + 1);
        assert_int_equal(flag_get(&events.statuses[i]), rows[i].told);
        bool well = flag_get(&events.terminations[i]) == MHD_REQUEST_TERMINATED_COMPLETED_OK;
        assert_int_equal(well, rows[i].status != 0);
        reconnect();
    }
    struct arena *taken[2];
    for (size_t i = 0; i < 2; i++) assert_int_equal(arena_pool_checkout(server.pool, &taken[i]), ARENA_OK);
    client_exchange(&client, GET("/x"), 503, &reply);
    AWAIT(flag_get(&events.completed) == (int)COUNT(rows) + 1);
    assert_int_equal(flag_get(&events.statuses[COUNT(rows)]), 503);
    for (size_t i = 0; i < 2; i++) arena_pool_return(server.pool, taken[i]);
    client_send(&client, POST("Content-Length: 10\r\n") "abc");
    AWAIT(flag_get(&events.begun) == 10); /* all but what is 400 */
    stop();
    assert_int_equal(events.completed, COUNT(rows) + 2);
    assert_int_equal(events.statuses[COUNT(rows) + 1], 0);
    assert_int_not_equal(events.terminations[COUNT(rows) + 1], MHD_REQUEST_TERMINATED_COMPLETED_OK);
    assert_int_equal(events.users, events.begun);
}

/* --- refuse ------------------------------------------------------------------------------------------------------- */

SERVER_TEST(the_program_may_have_other_words) {
    start(state, &all_hooks);
    client_exchange(&client, GET("/forgets"), 500, &reply);
    assert_non_null(strstr(reply.head, "Content-Type: application/json\r\n"));
    assert_string_equal(reply.body, "{\"error\":\"other\"}");
    assert_false(reply.close);
    client_exchange(&client, "GET /forgets HTTP/1.1\r\nHost: test\r\nPlain: 1\r\n\r\n", 500, &reply);
    assert_string_equal(reply.body, "The server failed to answer this request.\n");
    panics_record();
    client_exchange(&client, "GET /forgets HTTP/1.1\r\nHost: test\r\nRefuse-Panic: 1\r\n\r\n", 500, &reply);
    assert_string_equal(reply.body, "The server failed to answer this request.\n");
    arena_set_panic_handler(NULL, NULL);
    client_exchange(&client, "GET /x HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, &reply);
    assert_string_equal(reply.body, "{\"error\":400}");
    assert_true(client_sees_end(&client));
    stop();
    assert_int_equal(events.refused, 4);
}

SERVER_TEST(unavailable_says_when_to_come_again) {
    static const struct arena_mhd_options *const options[] = {&hooks, &all_hooks};
    for (size_t i = 0; i < COUNT(options); i++) {
        start(state, options[i]);
        struct arena *taken[2];
        for (size_t j = 0; j < 2; j++) assert_int_equal(arena_pool_checkout(server.pool, &taken[j]), ARENA_OK);
        client_exchange(&client, GET("/x"), 503, &reply);
        assert_non_null(strstr(reply.head, "Retry-After: 1\r\n"));
        assert_false(reply.close);
        for (size_t j = 0; j < 2; j++) arena_pool_return(server.pool, taken[j]);
        stop();
    }
}

/* --- all bodies together ------------------------------------------------------------------------------------------ */

SERVER_TEST(bodies_hold_no_more_than_they_may_all_together) {
    const struct arena_mhd_options options = {.total_body_bytes = 100000, .completed = completed};
    start(state, &options);
    struct client slow;
    client_connect(&slow, server.port);
    memset(filler, 'f', sizeof filler);
    client_send(&slow, POST("Content-Length: 60000\r\n"));
    assert_true(client_try_send(&slow, filler, 59999));
    AWAIT(flag_get(&server.uploads) > 0);
    AWAIT(atomic_u64_load(&server.mhd->budget.used, relaxed) == 60000); /* all that was sent has arrived */
    send_body("/x", 90000, 503);
    assert_non_null(strstr(reply.head, "Retry-After: 1\r\n"));
    send_body("/x", 30000, 200);
    assert_true(client_try_send(&slow, filler, 1));
    client_receive(&slow, &reply);
    assert_int_equal(reply.status, 200);
    client_close(&slow);
    AWAIT(flag_get(&events.completed) == 3);
    send_body("/x", 100000, 200); /* what was held is given back, and all of it can be had */
    send_body("/x", 100001, 503);
    send_body("/x", 100000, 200);
    stop();
}

/* --- fields ------------------------------------------------------------------------------------------------------- */

static char seen[4096];
static int again; /* atomic: after the end of each kind it said so again */

static void write_fields(struct arena_request *request, int kind, char *to, size_t size) {
    size_t cursor = 0;
    struct arena_field field = {"unset", 5, "unset", 5};
    size_t length = strlen(to);
    while (arena_request_next_field(request, kind, &cursor, &field)) {
        length += (size_t)snprintf(to + length, size - length, "%s(%zu)=%s(%zu);", field.name, field.name_bytes,
                                   field.value == NULL ? "NULL" : field.value, field.value_bytes);
    }
    for (int i = 0; i < 3; i++) {
        if (!arena_request_next_field(request, kind, &cursor, &field)) flag_add(&again, 1);
    }
    snprintf(to + length, size - length, "\n");
}

static enum MHD_Result list_fields(struct arena_request *request, void *user) {
    char text[sizeof seen] = "";
    for (int kind = ARENA_FIELD_HEADER; kind <= ARENA_FIELD_FORM; kind++)
        write_fields(request, kind, text, sizeof text);
    struct arena_field field;
    size_t cursor = 0;
    if (arena_request_next_field(request, -1, &cursor, &field) ||
        arena_request_next_field(request, 4, &cursor, &field) || arena_request_next_field(NULL, 0, &cursor, &field) ||
        arena_request_next_field(request, 0, NULL, &field) || arena_request_next_field(request, 0, &cursor, NULL)) {
        return MHD_NO;
    }
    memcpy(seen, text, sizeof seen);
    return server_echo(request, user);
}

static void expect_fields(const char *request, const char *expected) {
    flag_set(&again, 0);
    client_exchange(&client, request, 200, &reply);
    assert_string_equal(seen, expected);
    assert_int_equal(flag_get(&again), 12);
}

SERVER_TEST(every_field_is_handed_out_in_order) {
    server_meet(&server, &client, SERVER_MODE(state), list_fields, NULL);
    expect_fields("GET /x?a=1&b&a=&%41=%42+c HTTP/1.1\r\nHost: t\r\nX: 1 \t\r\nx: 2\r\nCookie: k=v; n=w\r\n\r\n",
                  "Host(4)=t(1);X(1)=1(1);x(1)=2(1);Cookie(6)=k=v; n=w(8);\n"
                  "a(1)=1(1);b(1)=NULL(0);a(1)=(0);A(1)=B c(3);\n"
                  "k(1)=v(1);n(1)=w(1);\n\n");
    expect_fields("POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: 49\r\n"
                  "Content-Type: Application/x-www-form-urlencoded; charset=UTF-8\r\n\r\n"
                  "a=1&&b&a=&%41%42=c+d%2B&nul=a%00b&%zz=%4&=x&%e2=1",
                  "Host(4)=t(1);Content-Length(14)=49(2);"
                  "Content-Type(12)=Application/x-www-form-urlencoded; charset=UTF-8(48);\n\n\n"
                  "a(1)=1(1);b(1)=NULL(0);a(1)=(0);AB(2)=c d+(4);nul(3)=a(3);%zz(3)=%4(2);(0)=x(1);\xe2(1)=1(1);\n");
    expect_fields("POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\nContent-Type: text/plain\r\n\r\na=1",
                  "Host(4)=t(1);Content-Length(14)=3(1);Content-Type(12)=text/plain(10);\n\n\n\n");
    expect_fields("POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n"
                  "Content-Type: application/x-www-form-urlencoded\r\n\r\n",
                  "Host(4)=t(1);Content-Length(14)=0(1);"
                  "Content-Type(12)=application/x-www-form-urlencoded(33);\n\n\n\n");
    server_part(&server, &client);
    assert_int_equal(arena_field_size(), sizeof(struct arena_field));
}

static enum MHD_Result share_the_pointer(struct arena_request *request, void *user) {
    struct arena_request *clone = NULL;
    if (arena_request_inject(request, NULL, &clone) != ARENA_OK) return MHD_NO;
    if (arena_request_user(request) != NULL) return MHD_NO;
    arena_request_set_user(clone, &server);
    return arena_request_user(request) == &server ? server_echo(request, user) : MHD_NO;
}

SERVER_TEST(the_clones_of_a_request_share_its_pointer) {
    server_meet(&server, &client, SERVER_MODE(state), share_the_pointer, NULL);
    for (int i = 0; i < 2; i++) client_exchange(&client, GET("/x"), 200, &reply); /* NULL again for each request */
    server_part(&server, &client);
    arena_request_set_user(NULL, &server);
    assert_null(arena_request_user(NULL));
}

/* --- arenas that a request owns ----------------------------------------------------------------------------------- */

static struct arena_pool *scratch;
static int owning[8]; /* statuses; atomic */

static enum MHD_Result give_arenas(struct arena_request *request, void *user) {
    struct arena *arenas[2];
    struct arena_request *clone = NULL;
    struct arena *alone = NULL;
    for (size_t i = 0; i < 2; i++) {
        if (arena_pool_checkout(scratch, &arenas[i]) != ARENA_OK) return MHD_NO;
    }
    if (arena_request_inject(request, arenas[0], &clone) != ARENA_OK) return MHD_NO;
    if (arena_create(ARENA_TYPE(int), 1, &alone) != ARENA_OK) return MHD_NO;
    int i = 0;
    flag_set(&owning[i++], arena_request_own(request, arenas[0]));
    flag_set(&owning[i++], arena_request_own(clone, arenas[1]));   /* which is the same request */
    flag_set(&owning[i++], arena_request_own(request, arenas[0])); /* already */
    flag_set(&owning[i++], arena_request_own(request, server_arena(request)));
    flag_set(&owning[i++], arena_request_own(request, alone));
    flag_set(&owning[i++], arena_request_own(request, NULL));
    flag_set(&owning[i++], arena_pool_return_checked(scratch, arenas[0])); /* it is the request's to return */
    ARENA_POOL_SCOPE(scratch, scoped) {
        flag_set(&owning[i++], arena_request_own(request, scoped));
    }
    arena_destroy(alone);
    char *text = arena_alloc(arenas[0], NULL);
    *text = 'x'; /* sent from there */
    return yes_if(arena_request_respond(request, 200, NULL, text, 1));
}

SERVER_TEST(an_arena_that_a_request_owns_goes_back_with_it) {
    static const int expected[] = {ARENA_OK,     ARENA_OK,     ARENA_EINVAL, ARENA_EINVAL,
                                   ARENA_EINVAL, ARENA_EINVAL, ARENA_EINVAL, ARENA_EINVAL};
    assert_int_equal(arena_pool_create(ARENA_TYPE(char), 10, &scratch), ARENA_OK);
    server_meet(&server, &client, SERVER_MODE(state), give_arenas, NULL);
    for (int round = 0; round < 3; round++) {
        client_exchange(&client, GET("/x"), 200, &reply);
        assert_string_equal(reply.body, "x");
        for (size_t i = 0; i < COUNT(expected); i++) assert_int_equal(flag_get(&owning[i]), expected[i]);
    }
    server_part(&server, &client);
    assert_int_equal(arena_pool_destroy(scratch), ARENA_OK); /* all of them are back */
    assert_int_equal(arena_request_own(NULL, NULL), ARENA_EINVAL);
}

int main(void) { return support_run("mhd hooks"); }
