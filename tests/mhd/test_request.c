/* SPDX-License-Identifier: MIT */
/* What a handler reads from a request, clones of it, and what arena_request_respond returns. */
#include "mhd/exchange.h"
#include "server.h"

#include <sys/mman.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: test\r\n\r\n"

static struct server server;
static struct client client;
static struct reply reply;

/* Handlers run on threads of the daemon: they record, the main thread asserts. */
static struct {
    char text[16][512];
    int status[16];
    const void *pointer[16];
} seen;

static void see(size_t index, const char *text) {
    snprintf(seen.text[index], sizeof seen.text[index], "%s", text == NULL ? "(null)" : text);
}

static void serve_once(enum mode mode, arena_mhd_handler *handler, const char *text, unsigned status) {
    memset(&seen, 0, sizeof seen);
    server_start(&server, mode, handler, NULL);
    client_connect(&client, server.port);
    client_exchange(&client, text, status, &reply);
    server_part(&server, &client);
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

static enum MHD_Result read_all(struct arena_request *request, void *user) {
    see(0, arena_request_method(request));
    see(1, arena_request_url(request));
    see(2, arena_request_version(request));
    see(3, arena_request_header(request, "content-TYPE"));
    see(4, arena_request_header(request, "X-Twice"));
    see(5, arena_request_header(request, "X-Missing"));
    see(6, arena_request_argument(request, "n"));
    see(7, arena_request_argument(request, "empty"));
    see(8, arena_request_argument(request, "flag"));
    see(9, arena_request_argument(request, "N"));
    see(10, arena_request_argument(request, "sp ace"));
    see(11, arena_request_argument(request, "cut"));
    size_t size = 99;
    see(12, arena_request_body(request, &size));
    seen.status[0] = (int)size;
    see(13, arena_request_header(request, "X-Empty"));
    see(14, arena_request_argument(request, "nul"));
    see(15, arena_request_argument(request, "blank"));
    seen.pointer[0] = arena_request_connection(request);
    seen.pointer[1] = arena_request_context(request);
    seen.status[1] = arena_context_status(arena_request_context(request));
    seen.status[2] = (int)request->exchange->fields->count[ARENA_FIELD_HEADER];
    seen.status[3] = (int)request->exchange->fields->count[ARENA_FIELD_ARGUMENT];
    return server_echo(request, user);
}

SERVER_TEST(method_url_headers_and_arguments_read_as_sent) {
    serve_once(SERVER_MODE(state), read_all,
               "gEt /a%20b%3Fc?n=10&n=20&empty=&flag&sp%20ace=x%26y&cut=a&blank=%20a%20 HTTP/1.1\r\n"
               "Host: test\r\n"
               "Content-Type: text/x\r\nX-Twice-More: no\r\nX-Twi: no\r\nX-Twice: first\r\n"
               "X-Twice: second\r\nX-Empty:\r\n\r\n",
               200);
    static const char *const expected[] = {"gEt", "/a b?c", "HTTP/1.1", "text/x", "first", "(null)", "10",     "",
                                           "",    "(null)", "x&y",      "a",      "",      "",       "(null)", " a "};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) assert_string_equal(seen.text[i], expected[i]);
    assert_int_equal(seen.status[0], 0);
    assert_non_null(seen.pointer[0]);
    assert_non_null(seen.pointer[1]);
    assert_int_equal(seen.status[1], ARENA_OK);
    assert_int_equal(seen.status[2], 7);
    assert_int_equal(seen.status[3], 7);
}

static enum MHD_Result read_lines(struct arena_request *request, void *user) {
    see(0, arena_request_method(request));
    see(1, arena_request_url(request));
    see(2, arena_request_version(request));
    see(3, arena_request_header(request, "X-Value"));
    see(4, arena_request_argument(request, "x"));
    return server_echo(request, user);
}

/* Whatever others would take out of them. */
SERVER_TEST(what_has_a_meaning_to_others_reads_as_sent) {
    static const struct {
        const char *text;
        const char *seen[5];
    } rows[] = {
        {"GET /a;b=c//d/../e/?x=a;b,c HTTP/1.1\r\nHost: t\r\nX-Value: \"a, b\"; c=\"d\"\r\n\r\n",
         {"GET", "/a;b=c//d/../e/", "HTTP/1.1", "\"a, b\"; c=\"d\"", "a;b,c"}},
        {"DELETE /%23%25/?x=%23%26+%2B HTTP/1.0\r\nHost: t\r\nX_Value: no\r\nX-Value: %41+\r\n\r\n",
         {"DELETE", "/#%/", "HTTP/1.0", "%41+", "#& +"}},
        {"OPTIONS * HTTP/1.1\r\nHost: t\r\nCookie: x=1; X-Value=2\r\n\r\n",
         {"OPTIONS", "*", "HTTP/1.1", "(null)", "(null)"}},
    };
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        serve_once(SERVER_MODE(state), read_lines, rows[row].text, 200);
        for (size_t i = 0; i < 5; i++) assert_string_equal(seen.text[i], rows[row].seen[i]);
    }
}

/* A length that was announced, whatever the method. */
SERVER_TEST(any_method_may_bring_a_body) {
    static const char *const methods[] = {"GET", "DELETE", "OPTIONS", "PATCH", "X-OWN"};
    server_meet(&server, &client, SERVER_MODE(state), server_echo, NULL);
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        char text[128];
        snprintf(text, sizeof text, "%s /x HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\nbody", methods[i]);
        client_exchange(&client, text, 200, &reply);
        snprintf(text, sizeof text, "%s /x body", methods[i]);
        assert_string_equal(reply.body, text);
    }
    server_part(&server, &client);
}

static enum MHD_Result read_binary(struct arena_request *request, void *user) {
    size_t size = 0;
    const char *body = arena_request_body(request, &size);
    struct arena *arena = server_arena(request);
    char *copy = size > sizeof(struct cell) || arena == NULL ? NULL : arena_try_alloc(arena, NULL);
    if (copy == NULL) return MHD_NO;
    memcpy(copy, body, size);
    return arena_request_respond(request, 200, NULL, copy, size) == ARENA_OK ? MHD_YES : MHD_NO;
}

SERVER_TEST(bytes_of_any_value_make_a_body) {
    static const char head[] = "POST /x HTTP/1.1\r\nHost: test\r\nContent-Length: 256\r\n\r\n";
    char text[sizeof head - 1 + 256];
    memcpy(text, head, sizeof head - 1);
    for (int i = 0; i < 256; i++) text[sizeof head - 1 + (size_t)i] = (char)i;
    server_meet(&server, &client, SERVER_MODE(state), read_binary, NULL);
    assert_true(client_try_send(&client, text, sizeof text));
    client_receive(&client, &reply);
    server_part(&server, &client);
    assert_int_equal(reply.body_bytes, 256);
    assert_memory_equal(reply.body, text + sizeof head - 1, 256);
}

/* --- clones ------------------------------------------------------------------------------------------------------- */

static enum MHD_Result use_clones(struct arena_request *request, void *user) {
    struct arena *extra = NULL;
    struct arena *found = NULL;
    struct arena_request *child = NULL;
    struct arena_request *hidden = NULL;
    if (arena_create(ARENA_TYPE(double), 2, &extra) != ARENA_OK) return MHD_NO;
    seen.status[0] = arena_request_inject(request, extra, &child);
    seen.status[1] = arena_request_extract(child, ARENA_TYPE(double), &found);
    seen.pointer[0] = found;
    seen.pointer[1] = extra;
    seen.status[2] = arena_request_extract(child, &server_cell_type, &found); /* still carries the pool's */
    seen.pointer[2] = found;
    seen.pointer[3] = server_arena(request);
    seen.status[3] = arena_request_extract(request, ARENA_TYPE(double), &found); /* the original is as it was */
    seen.pointer[4] = found;
    seen.status[4] = arena_request_inject(child, NULL, &hidden);
    seen.status[5] = arena_request_extract(hidden, &server_cell_type, &found);
    seen.status[9] = arena_request_extract(hidden, ARENA_TYPE(double), &found);
    see(0, arena_request_method(child));
    see(1, arena_request_url(child));
    see(2, arena_request_version(child));
    see(3, arena_request_header(child, "host"));
    see(4, arena_request_argument(child, "n"));
    size_t size = 0;
    see(5, arena_request_body(child, &size));
    seen.status[6] = size == 4 && arena_request_body(child, NULL) == arena_request_body(request, NULL);
    seen.status[7] = arena_request_connection(child) == arena_request_connection(request);
    seen.status[8] =
        arena_extract(arena_request_context(child), ARENA_TYPE(double), &found) == ARENA_OK && found == extra;
    arena_destroy(extra);
    return server_echo(child, user); /* a clone answers for its request */
}

SERVER_TEST(a_clone_carries_its_arena_and_reads_the_same) {
    serve_once(SERVER_MODE(state), use_clones, "POST /clone?n=5 HTTP/1.1\r\nHost: me\r\nContent-Length: 4\r\n\r\nbody",
               200);
    assert_int_equal(seen.status[0], ARENA_OK);
    assert_int_equal(seen.status[1], ARENA_OK);
    assert_ptr_equal(seen.pointer[0], seen.pointer[1]);
    assert_int_equal(seen.status[2], ARENA_OK);
    assert_ptr_equal(seen.pointer[2], seen.pointer[3]);
    assert_non_null(seen.pointer[3]);
    assert_int_equal(seen.status[3], ARENA_ENOARENA);
    assert_null(seen.pointer[4]);
    assert_int_equal(seen.status[4], ARENA_OK);
    assert_int_equal(seen.status[5], ARENA_ENOARENA);
    static const char *const expected[] = {"POST", "/clone", "HTTP/1.1", "me", "5", "body"};
    for (size_t i = 0; i < 6; i++) assert_string_equal(seen.text[i], expected[i]);
    assert_true(seen.status[6]);
    assert_true(seen.status[7]);
    assert_true(seen.status[8]);
    assert_int_equal(seen.status[9], ARENA_ENOARENA); /* hidden, of whatever type */
    assert_string_equal(reply.body, "POST /clone body");
    assert_int_equal(server.resets, 1);
}

/* What a handler cancels is the work that waits for the context: the request is not over. */
static enum MHD_Result cancel_and_go_on(struct arena_request *request, void *user) {
    struct arena_request *clone = NULL;
    struct arena_request *later = NULL;
    seen.status[0] = arena_request_inject(request, NULL, &clone);
    arena_context_cancel(arena_request_context(request));
    seen.status[1] = arena_context_status(arena_request_context(clone));
    seen.status[2] = server_arena(request) != NULL;
    seen.status[3] = arena_request_inject(request, server_arena(request), &later);
    seen.status[4] = server_arena(later) == server_arena(request);
    seen.pointer[0] = arena_request_connection(request);
    seen.pointer[1] = arena_request_connection(clone);
    see(0, arena_request_header(later, "Host"));
    seen.pointer[2] = arena_request_body(clone, NULL);
    bool clone_answers = strcmp(arena_request_url(request), "/clone") == 0;
    if (!clone_answers) return server_echo(request, user);
    return arena_request_respond(clone, 200, NULL, "clone", 5) == ARENA_OK ? MHD_YES : MHD_NO;
}

SERVER_TEST(a_request_whose_context_was_cancelled_goes_on) {
    static const char *const requests[] = {GET("/original"), GET("/clone")};
    static const char *const answers[] = {"GET /original ", "clone"};
    for (size_t i = 0; i < 2; i++) {
        serve_once(SERVER_MODE(state), cancel_and_go_on, requests[i], 200);
        assert_string_equal(reply.body, answers[i]);
        assert_int_equal(seen.status[0], ARENA_OK);
        assert_int_equal(seen.status[1], ARENA_ECANCELED);
        assert_true(seen.status[2]);
        assert_int_equal(seen.status[3], ARENA_OK);
        assert_true(seen.status[4]);
        assert_non_null(seen.pointer[0]);
        assert_ptr_equal(seen.pointer[1], seen.pointer[0]);
        assert_string_equal(seen.text[0], "test");
        assert_non_null(seen.pointer[2]); /* of nothing, too */
    }
}

/* --- respond ------------------------------------------------------------------------------------------------------ */

static enum MHD_Result respond_badly(struct arena_request *request, void *user) {
    static const unsigned bad_status[] = {0, 99, 100, 101, 102, 199, 1000, 65536 + 200, 0x7fffffff, UINT_MAX};
    for (size_t i = 0; i < sizeof bad_status / sizeof *bad_status; i++) {
        seen.status[0] += arena_request_respond(request, bad_status[i], NULL, "", 0) == ARENA_EINVAL;
    }
    seen.status[7] = arena_request_respond(request, 200, NULL, NULL, 1);
    seen.status[8] = arena_request_respond(request, 200, "", "x", 1);
    seen.status[9] = arena_request_respond(request, 200, "text/plain\r\nSet-Cookie: x", "x", 1);
    seen.status[10] = arena_request_respond(NULL, 200, NULL, "x", 1);
    seen.status[11] = arena_request_respond(request, 200, "text/plain\nSet-Cookie: x", "x", 1);
    seen.status[12] = arena_request_respond(request, 200, "text/plain\rSet-Cookie: x", "x", 1);
    enum MHD_Result result = server_echo(request, user);
    seen.status[13] = arena_request_respond(request, 201, NULL, "twice", 5);
    return result;
}

SERVER_TEST(bad_answers_are_refused_and_a_good_one_still_goes) {
    serve_once(SERVER_MODE(state), respond_badly, GET("/x"), 200);
    assert_int_equal(seen.status[0], 10);
    for (size_t i = 7; i <= 12; i++) assert_int_equal(seen.status[i], ARENA_EINVAL);
    assert_int_equal(seen.status[13], ARENA_EBUSY);
    assert_string_equal(reply.body, "GET /x ");
}

static enum MHD_Result respond_empty(struct arena_request *request, void *user) {
    return arena_request_respond(request, 204, NULL, NULL, 0) == ARENA_OK ? MHD_YES : MHD_NO;
}

SERVER_TEST(an_answer_needs_no_body_and_no_type) {
    serve_once(SERVER_MODE(state), respond_empty, GET("/x"), 204);
    assert_int_equal(reply.body_bytes, 0);
    assert_null(strstr(reply.head, "Content-Type"));
}

/* The path is the status. */
static enum MHD_Result respond_as_asked(struct arena_request *request, void *user) {
    unsigned status = (unsigned)strtoul(arena_request_url(request) + 1, NULL, 10);
    return arena_request_respond(request, status, "text/x-empty", NULL, 0) == ARENA_OK ? MHD_YES : MHD_NO;
}

/* Those that nobody has defined, too. */
SERVER_TEST(any_status_is_sent) {
    server_meet(&server, &client, SERVER_MODE(state), respond_as_asked, NULL);
    for (unsigned status = 200; status <= 999; status++) {
        char text[64];
        snprintf(text, sizeof text, "GET /%u HTTP/1.1\r\nHost: test\r\n\r\n", status);
        client_exchange(&client, text, status, &reply);
        assert_non_null(strstr(reply.head, "Content-Type: text/x-empty\r\n")); /* of a body of nothing, too */
        assert_false(reply.close);
    }
    server_part(&server, &client);
}

/* Whose answers have no body.  The path is the status. */
static enum MHD_Result respond_too_much(struct arena_request *request, void *user) {
    unsigned status = (unsigned)strtoul(arena_request_url(request) + 1, NULL, 10);
    char *text = server_text(request, "not to be sent");
    return arena_request_respond(request, status, NULL, text, strlen(text)) == ARENA_OK ? MHD_YES : MHD_NO;
}

SERVER_TEST(a_body_is_left_out_where_the_status_has_none) {
    static const char *const requests[] = {GET("/204"), GET("/304")};
    server_meet(&server, &client, SERVER_MODE(state), respond_too_much, NULL);
    for (size_t i = 0; i < 4; i++) {
        client_send(&client, requests[i % 2]);
        assert_true(client_try_receive_head(&client, &reply)); /* and the next answer begins right behind it */
        assert_int_equal(reply.status, strtoul(requests[i % 2] + 5, NULL, 10));
    }
    server_part(&server, &client);
    assert_int_equal(server.resets, 4);
}

static enum MHD_Result respond_nothing(struct arena_request *request, void *user) {
    return arena_request_respond(request, 200, ";x=\"\t, y\"", "", 0) == ARENA_OK ? MHD_YES : MHD_NO;
}

/* Nor does it matter what its type says. */
SERVER_TEST(a_body_of_nothing_may_have_an_address) {
    serve_once(SERVER_MODE(state), respond_nothing, GET("/x"), 200);
    assert_int_equal(reply.body_bytes, 0);
    assert_non_null(strstr(reply.head, "Content-Type: ;x=\"\t, y\"\r\n"));
}

/* What a handler answers is its own affair: no status costs the connection. */
SERVER_TEST(answers_keep_the_connection) {
    static const char *const requests[] = {GET("/200"), GET("/304"), GET("/404"),
                                           GET("/413"), GET("/500"), GET("/503")};
    server_meet(&server, &client, SERVER_MODE(state), respond_as_asked, NULL);
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        client_exchange(&client, requests[i], (unsigned)strtoul(requests[i] + 5, NULL, 10), &reply);
        assert_false(reply.close);
    }
    server_part(&server, &client);
}

/* More than 32 bits count; nobody wrote any of it, so it takes no memory. */
static const size_t huge_bytes = sizeof(size_t) > 4 ? ((size_t)1 << 16 << 16) + 5 : 5;
static void *huge;

static enum MHD_Result respond_huge(struct arena_request *request, void *user) {
    return arena_request_respond(request, 200, "text/x-huge", huge, huge_bytes) == ARENA_OK ? MHD_YES : MHD_NO;
}

SERVER_TEST(a_body_may_be_longer_than_four_gibibytes) {
    if (sizeof(size_t) == 4 || support_checked()) skip(); /* a memory checker looks at each byte that is to be sent */
    huge = mmap(NULL, huge_bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (huge == MAP_FAILED) skip();
    server_meet(&server, &client, SERVER_MODE(state), respond_huge, NULL);
    client_send(&client, GET("/x"));
    assert_true(client_try_receive_head(&client, &reply));
    assert_non_null(strstr(reply.head, "Content-Length: 4294967301\r\n"));
    assert_non_null(strstr(reply.head, "Content-Type: text/x-huge\r\n"));
    client_abort(&client); /* that much is enough */
    AWAIT(flag_get(&server.completed) == 1);
    server_stop(&server);
    assert_int_equal(munmap(huge, huge_bytes), 0);
}

/* Nor any other flag of libmicrohttpd's. */
static enum MHD_Result respond_icy(struct arena_request *request, void *user) {
    seen.status[0] = arena_request_respond(request, 200 | MHD_ICY_FLAG, NULL, NULL, 0);
    seen.status[1] = arena_request_respond(request, 200 | UINT32_C(0x40000000), NULL, NULL, 0);
    return arena_request_respond(request, 200, NULL, NULL, 0) == ARENA_OK ? MHD_YES : MHD_NO;
}

SERVER_TEST(an_icy_status_is_none) {
    serve_once(SERVER_MODE(state), respond_icy, GET("/x"), 200);
    for (size_t i = 0; i < 2; i++) assert_int_equal(seen.status[i], ARENA_EINVAL);
}

static enum MHD_Result respond_static(struct arena_request *request, void *user) {
    static const char text[] = "static text";
    return arena_request_respond(request, 404, "text/x-test", text, sizeof text - 1) == ARENA_OK ? MHD_YES : MHD_NO;
}

SERVER_TEST(static_memory_is_sent_with_its_type_and_status) {
    serve_once(SERVER_MODE(state), respond_static, GET("/x"), 404);
    assert_string_equal(reply.body, "static text");
    assert_non_null(strstr(reply.head, "Content-Type: text/x-test\r\n"));
}

/* No copy is made: what is written there before it is sent, after respond, is sent.  The path is the size. */
static enum MHD_Result respond_then_write(struct arena_request *request, void *user) {
    static char elsewhere[20000];
    size_t size = (size_t)strtoul(arena_request_url(request) + 2, NULL, 10);
    char *text = arena_request_url(request)[1] == 's'
                     ? elsewhere
                     : arena_try_alloc_slab(server_arena(request), size / sizeof(struct cell) + 1);
    if (text == NULL || size > sizeof elsewhere) return MHD_NO;
    memset(text, 'b', size);
    if (arena_request_respond(request, 200, "text/plain", text, size) != ARENA_OK) return MHD_NO;
    memset(text, 'a', size);
    return MHD_YES;
}

SERVER_TEST(an_answer_is_sent_from_where_it_lies) {
    static const char *const requests[] = {GET("/a1"), GET("/a300"), GET("/a20000"),
                                           GET("/s1"), GET("/s300"), GET("/s20000")};
    server_meet(&server, &client, SERVER_MODE(state), respond_then_write, NULL);
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        client_exchange(&client, requests[i], 200, &reply);
        assert_int_equal(reply.body_bytes, strtoul(requests[i] + 6, NULL, 10));
        assert_int_equal(reply.body_sum, (uint32_t)(reply.body_bytes * 'a'));
    }
    server_part(&server, &client);
}

/* A type that is long, and not in ASCII. */
static enum MHD_Result respond_with_long_type(struct arena_request *request, void *user) {
    char type[5000] = "text/x-\xc3\xa9; x=";
    memset(type + strlen(type), 'y', sizeof type - 1 - strlen(type));
    type[sizeof type - 1] = '\0';
    return arena_request_respond(request, 200, type, "x", 1) == ARENA_OK ? MHD_YES : MHD_NO;
}

SERVER_TEST(any_type_in_one_line_is_sent) {
    serve_once(SERVER_MODE(state), respond_with_long_type, GET("/x"), 200);
    const char *type = strstr(reply.head, "Content-Type: text/x-\xc3\xa9; x=y");
    assert_non_null(type);
    assert_int_equal(strcspn(type, "\r"), strlen("Content-Type: ") + 4999);
}

/* A response of the handler's own, as libmicrohttpd has it. */
static enum MHD_Result respond_by_hand(struct arena_request *request, void *user) {
    static char text[] = "by hand";
    struct MHD_Response *response = MHD_create_response_from_buffer(sizeof text - 1, text, MHD_RESPMEM_PERSISTENT);
    if (response == NULL) return MHD_NO;
    enum MHD_Result result = MHD_queue_response(arena_request_connection(request), 202, response);
    MHD_destroy_response(response);
    seen.status[0] = arena_request_respond(request, 200, NULL, "x", 1);
    return result;
}

SERVER_TEST(a_handler_may_queue_its_own_response) {
    serve_once(SERVER_MODE(state), respond_by_hand, GET("/x"), 202);
    assert_string_equal(reply.body, "by hand");
    assert_int_equal(seen.status[0], ARENA_EBUSY);
}

/* libmicrohttpd takes an interim answer and asks for another; the handler is not called a second time. */
static enum MHD_Result respond_interim(struct arena_request *request, void *user) {
    (void)request;
    static char none[1];
    struct MHD_Response *response = MHD_create_response_from_buffer(0, none, MHD_RESPMEM_PERSISTENT);
    if (response == NULL) return MHD_NO;
    enum MHD_Result result = MHD_queue_response(arena_request_connection(request), 102, response);
    MHD_destroy_response(response);
    return result;
}

SERVER_TEST(an_interim_answer_is_not_an_answer) {
    server_meet(&server, &client, SERVER_MODE(state), respond_interim, NULL);
    client_exchange(&client, GET("/x"), 102, &reply);
    client_receive(&client, &reply);
    assert_int_equal(reply.status, 500);
    server_part(&server, &client);
    assert_int_equal(server.handled, 1);
}

/* --- after completion --------------------------------------------------------------------------------------------- */

static struct arena_request *kept;
static struct arena_request *kept_clone;

static enum MHD_Result keep(struct arena_request *request, void *user) {
    kept = arena_request_retain(request);
    kept_clone = NULL;
    (void)!arena_request_inject(request, NULL, &kept_clone);
    return server_echo(request, user);
}

SERVER_TEST(a_retained_request_reads_the_same_after_it_completed) {
    server_meet(&server, &client, SERVER_MODE(state), keep, NULL);
    client_exchange(&client, "POST /kept?n=7 HTTP/1.1\r\nHost: me\r\nContent-Length: 4\r\n\r\nbody", 200, &reply);
    struct arena_request *first[] = {kept, kept_clone};
    /* The connection's memory is used again. */
    client_exchange(&client, "PUT /xxxx?m=8 HTTP/1.1\r\nHost: no\r\nContent-Length: 4\r\n\r\nXXXX", 200, &reply);
    AWAIT(flag_get(&server.completed) == 2);
    arena_request_release(kept);
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(arena_request_method(first[i]), "POST");
        assert_string_equal(arena_request_url(first[i]), "/kept");
        assert_string_equal(arena_request_version(first[i]), "HTTP/1.1");
        assert_string_equal(arena_request_header(first[i], "Host"), "me");
        assert_string_equal(arena_request_argument(first[i], "n"), "7");
        size_t size = 0;
        assert_memory_equal(arena_request_body(first[i], &size), "body", 4);
        assert_int_equal(size, 4);
        assert_null(arena_request_connection(first[i]));
        assert_int_equal(arena_context_status(arena_request_context(first[i])), ARENA_ECANCELED);
        assert_int_equal(arena_request_respond(first[i], 200, NULL, "late", 4), ARENA_ECANCELED);
    }
    GIVEN(arena, arena, arena_request_extract(first[0], &server_cell_type, &arena));
    assert_int_equal(arena_used(arena), 1);
    struct arena_request *late = NULL; /* a clone can still be had, of a clone that hides it too */
    assert_int_equal(arena_request_inject(first[1], arena, &late), ARENA_OK);
    GIVEN(arena, found, arena_request_extract(late, &server_cell_type, &found));
    assert_ptr_equal(found, arena);
    assert_int_equal(arena_context_status(arena_request_context(late)), ARENA_ECANCELED);
    AWAIT(flag_get(&server.resets) == 1); /* the second one's */
    arena_request_release(first[0]);
    assert_int_equal(flag_get(&server.resets), 2);
    server_part(&server, &client);
}

/* --- misuse ------------------------------------------------------------------------------------------------------- */

TEST(null_is_answered_not_followed) {
    struct arena_request *request = (struct arena_request *)&server;
    struct arena *arena = (struct arena *)&server;
    size_t size = 1;
    assert_int_equal(arena_request_inject(NULL, NULL, &request), ARENA_EINVAL);
    assert_null(request);
    assert_int_equal(arena_request_inject(NULL, NULL, NULL), ARENA_EINVAL);
    assert_int_equal(arena_request_extract(NULL, &server_cell_type, &arena), ARENA_EINVAL);
    assert_null(arena);
    assert_int_equal(arena_request_extract(NULL, &server_cell_type, NULL), ARENA_EINVAL);
    assert_null(arena_request_connection(NULL));
    assert_null(arena_request_method(NULL));
    assert_null(arena_request_url(NULL));
    assert_null(arena_request_version(NULL));
    assert_null(arena_request_header(NULL, "Host"));
    assert_null(arena_request_argument(NULL, "n"));
    assert_null(arena_request_body(NULL, &size));
    assert_int_equal(size, 0);
    assert_null(arena_request_body(NULL, NULL));
    assert_null(arena_request_context(NULL));
    assert_null(arena_request_retain(NULL));
    arena_request_release(NULL);
}

static enum MHD_Result read_null_names(struct arena_request *request, void *user) {
    see(0, arena_request_header(request, NULL));
    see(1, arena_request_argument(request, NULL));
    struct arena *arena = (struct arena *)&server;
    seen.status[0] = arena_request_extract(request, NULL, &arena);
    seen.pointer[0] = arena;
    seen.status[1] = arena_request_inject(request, NULL, NULL);
    seen.status[2] = arena_request_extract(request, &server_cell_type, NULL);
    return server_echo(request, user);
}

SERVER_TEST(null_names_are_not_there) {
    serve_once(SERVER_MODE(state), read_null_names, GET("/x?a=b"), 200);
    assert_string_equal(seen.text[0], "(null)");
    assert_string_equal(seen.text[1], "(null)");
    assert_int_equal(seen.status[0], ARENA_EINVAL);
    assert_null(seen.pointer[0]);
    assert_int_equal(seen.status[1], ARENA_EINVAL);
    assert_int_equal(seen.status[2], ARENA_EINVAL);
}

static void release(void *user) { arena_request_release(user); }

static enum MHD_Result release_too_often(struct arena_request *request, void *user) {
    arena_request_release(arena_request_retain(request));
    if (arena_request_release_checked(arena_request_retain(request)) != ARENA_OK) return MHD_NO;
    if (arena_request_release_checked(NULL) != ARENA_OK) return MHD_NO;
    if (arena_request_release_checked(request) != ARENA_EINVAL) return MHD_NO;
    for (int i = 0; i < 3; i++) seen.status[i] = arena_protect(release, request);
    arena_request_release(request); /* panics: 500 */
    return MHD_YES;
}

SERVER_TEST(releasing_more_often_than_retained_panics) {
    panics_record();
    serve_once(SERVER_MODE(state), release_too_often, GET("/x"), 500);
    assert_int_equal(panic_count(), 4);
    for (int i = 0; i < 3; i++) assert_int_equal(seen.status[i], ARENA_EPANIC);
    arena_set_panic_handler(NULL, NULL);
}

/* However many hold it. */
static enum MHD_Result answer_what_many_hold(struct arena_request *request, void *user) {
    for (int i = 0; i < 3; i++) (void)arena_request_retain(request);
    enum MHD_Result result = server_echo(request, user);
    for (int i = 0; i < 3; i++) arena_request_release(request);
    return result;
}

SERVER_TEST(a_request_that_many_hold_is_answered) {
    serve_once(SERVER_MODE(state), answer_what_many_hold, GET("/x"), 200);
    assert_string_equal(reply.body, "GET /x ");
    assert_int_equal(server.resets, 1);
}

/* The answer that is under way refers to the request, too; that is not the handler's to release. */
static enum MHD_Result release_what_an_answer_holds(struct arena_request *request, void *user) {
    enum MHD_Result result = server_echo(request, user);
    seen.status[0] = arena_protect(release, request);
    return result;
}

SERVER_TEST(releasing_what_an_answer_holds_panics) {
    panics_record();
    serve_once(SERVER_MODE(state), release_what_an_answer_holds, GET("/x"), 200);
    assert_int_equal(seen.status[0], ARENA_EPANIC);
    assert_int_equal(server.resets, 1);
    arena_set_panic_handler(NULL, NULL);
}

static void destroy_while_retained(void *user) { arena_mhd_destroy(server.mhd); }

SERVER_TEST(destroying_the_binding_while_a_request_is_retained_panics) {
    panics_record();
    server_meet(&server, &client, SERVER_MODE(state), keep, NULL);
    client_exchange(&client, GET("/kept"), 200, &reply);
    client_close(&client);
    server_stop_daemon(&server);
    assert_panics(destroy_while_retained, NULL, "arena_mhd_destroy");
    assert_int_equal(arena_mhd_destroy_checked(server.mhd), ARENA_EBUSY);
    assert_int_equal(arena_mhd_destroy_checked(NULL), ARENA_OK);
    assert_string_equal(arena_request_url(kept), "/kept"); /* nothing has changed */
    arena_request_release(kept_clone);                     /* a clone's reference is its request's */
    server_destroy(&server);
    arena_set_panic_handler(NULL, NULL);
}

int main(void) { return support_run("mhd requests"); }
