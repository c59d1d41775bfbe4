/* SPDX-License-Identifier: MIT */
/* Requests that can be mistaken: refused, with the connection, or taken where the program is lenient. */
#include "server.h"

#define GET "GET /x HTTP/1.1\r\n"
#define HOST "Host: test\r\n"
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct server server;
static struct client client;
static struct reply reply;

/* A request, byte for byte. */
struct bytes {
    const char *text;
    size_t length;
};
#define BYTES(text)                                                                                                    \
    { text, sizeof(text) - 1 }

/* false: libmicrohttpd 1.0 closed the connection without an answer. */
static bool ask(const struct bytes *bytes) {
    client_connect(&client, server.port);
    assert_true(client_try_send(&client, bytes->text, bytes->length));
    if (client_try_receive(&client, &reply)) return true;
    if (MHD_get_version()[0] == '0') fail_msg("no answer to: %s", bytes->text);
    client_close(&client);
    return false;
}

/* In both ways: with the target as it was sent known, and not. */
static void serve(void **state, uint32_t flags, void (*run)(void)) {
    const struct arena_mhd_options hooks = {.flags = flags};
    for (int knows_targets = 0; knows_targets < 2; knows_targets++) {
        const struct server_options options = {.hooks = &hooks, .knows_targets = knows_targets != 0};
        server_start(&server, SERVER_MODE(state), server_echo, &options);
        run();
        server_stop(&server);
    }
}

static const struct bytes mistakable[] = {
    BYTES("POST /x HTTP/1.1\r\n" HOST "Content-Length: 4\r\nContent-Length: 4\r\n\r\nbody"),
    BYTES("POST /x HTTP/1.1\r\n" HOST "Content-Length: 4\r\nContent-Length: 5\r\n\r\nbody"),
    BYTES("POST /x HTTP/1.1\r\n" HOST "Content-Length: 4\r\nContent-Length: x\r\n\r\nbody"),
    BYTES("POST /x HTTP/1.1\r\n" HOST "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    BYTES("POST /x HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: x\r\n\r\n0\r\n\r\n"),
    BYTES("POST /x HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    BYTES("POST /x HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\n"),
    BYTES("POST /x HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    BYTES("POST /x HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
    BYTES("POST /x HTTP/1.1\r\n" HOST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
    BYTES("POST /x HTTP/1.1\r\n" HOST "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"),
    BYTES("POST /x HTTP/1.1\r\n" HOST "Transfer-Encoding: identity\r\n\r\n"),
    BYTES("POST /x HTTP/1.1\r\n" HOST "Transfer-Encoding:\r\n\r\n"),
    BYTES("POST /x HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked \r\n\r\n0\r\n\r\n"),
    BYTES("POST /x HTTP/1.1\r\n" HOST "Transfer-Encoding: \x0b"
          "chunked\r\n\r\n0\r\n\r\n"),
    BYTES("GET  /x HTTP/1.1\r\n" HOST "\r\n"),
    BYTES(GET " X: y\r\n" HOST "\r\n"),
    BYTES("POST /x HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    BYTES(GET "\r\n"),
    BYTES(GET HOST HOST "\r\n"),
    BYTES("GET /x HTTP/1.0\r\n" HOST HOST "\r\n"),
    BYTES(GET "Host: a b\r\n\r\n"),
    BYTES(GET "Host: a/b\r\n\r\n"),
    BYTES(GET "Host: a@b\r\n\r\n"),
    BYTES(GET "Host: a, b\r\n\r\n"),
    BYTES(GET HOST "Content-Length : 4\r\n\r\nbody"),
    BYTES(GET HOST "X-Some: a\r\n X: b\r\n\r\n"),
    BYTES(GET HOST "X Some: a\r\n\r\n"),
    BYTES(GET HOST "X\tSome: a\r\n\r\n"),
    BYTES(GET HOST ": a\r\n\r\n"),
    BYTES(GET HOST "X(some): a\r\n\r\n"),
    BYTES(GET HOST "X-Some: a\rb\r\n\r\n"),
    BYTES(GET HOST "X-Some: a\r\n folded\r\n\r\n"),
    BYTES(GET HOST "X-Some: a\r\n\tfolded\r\nX-Other: b\r\n\r\n"),
    BYTES("GET x HTTP/1.1\r\n" HOST "\r\n"),
    BYTES("GET * HTTP/1.1\r\n" HOST "\r\n"),
    BYTES("GET ftp://test/x HTTP/1.1\r\n" HOST "\r\n"),
    BYTES("GET http:///x HTTP/1.1\r\n" HOST "\r\n"),
    BYTES("GET http://user@test/x HTTP/1.1\r\n" HOST "\r\n"),
    BYTES("G{T /x HTTP/1.1\r\n" HOST "\r\n"),
};

static const struct bytes with_zeros[] = {
    BYTES("GET /public%00/../secret HTTP/1.1\r\n" HOST "\r\n"),
    BYTES("GET /public%00 HTTP/1.1\r\n" HOST "\r\n"),
    BYTES("GET /%00 HTTP/1.1\r\n" HOST "\r\n"),
    BYTES("GET /%41%42%43%00%44 HTTP/1.1\r\n" HOST "\r\n"),
    BYTES("GET /public%00/../secret?a=b HTTP/1.1\r\n" HOST "\r\n"),
    BYTES("GET /public%00? HTTP/1.1\r\n" HOST "\r\n"),
    BYTES("GET /x?a=1%002 HTTP/1.1\r\n" HOST "\r\n"),
    BYTES("GET /x?a%00b=1 HTTP/1.1\r\n" HOST "\r\n"),
    BYTES("GET /x?a=1&b=%00 HTTP/1.1\r\n" HOST "\r\n"),
    BYTES("G\0T /x HTTP/1.1\r\n" HOST "\r\n"),
    BYTES(GET HOST "X-Some: a\0b\r\n\r\n"),
    BYTES(GET HOST "X-Some: \0b\r\nX-Other: c\r\n\r\n"),
    BYTES(GET "Host: test\0.evil\r\n\r\n"),
    BYTES("GET http://test/public%00/../secret HTTP/1.1\r\n" HOST "\r\n"),
};

/* libmicrohttpd 1.0 takes blanks from behind a value, and unfolds. */
static bool is_mended(const struct bytes *bytes) {
    static const char *const parts[] = {"chunked \r\n", "\r\n ", "\r\n\t"};
    bool found = false;
    for (size_t i = 0; i < COUNT(parts); i++) found = found || strstr(bytes->text, parts[i]) != NULL;
    return found && MHD_get_version()[0] != '0';
}

static void refuse_all(const struct bytes *requests, size_t count) {
    int before = flag_get(&server.handled);
    for (size_t i = 0; i < count; i++) {
        if (is_mended(&requests[i])) continue;
        if (!ask(&requests[i])) continue;
        bool old = MHD_get_version()[0] == '0'; /* 1.0 answers some by itself, some of them with 301 */
        if (old ? reply.status != 400 : reply.status < 300) fail_msg("%u to: %s", reply.status, requests[i].text);
        assert_true(reply.close);
        if (old) assert_string_equal(reply.body, "The request is malformed.\n");
        assert_true(client_sees_end(&client));
        client_close(&client);
    }
    assert_int_equal(flag_get(&server.handled), before);
}

static void refuse_mistakable(void) { refuse_all(mistakable, COUNT(mistakable)); }
static void refuse_zeros(void) { refuse_all(with_zeros, COUNT(with_zeros)); }

SERVER_TEST(a_request_that_can_be_mistaken_is_400_and_closed) { serve(state, 0, refuse_mistakable); }

SERVER_TEST(a_nul_byte_is_400_for_the_lenient_too) {
    serve(state, 0, refuse_zeros);
    serve(state, ARENA_MHD_LENIENT, refuse_zeros);
}

/* What hides behind the request is not read as one. */
SERVER_TEST(nothing_is_smuggled) {
    static const struct bytes two[] = {
        BYTES("POST /x HTTP/1.1\r\n" HOST "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" GET HOST
              "\r\n"),
        BYTES("POST /x HTTP/1.1\r\n" HOST "Content-Length: 60\r\nContent-Length: 0\r\n\r\n" GET HOST "\r\n"),
        BYTES("POST /x HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\nX: y\r\n\r\n" GET HOST "\r\n"),
    };
    server_start(&server, SERVER_MODE(state), server_echo, NULL);
    for (size_t i = 0; i < COUNT(two); i++) {
        assert_true(ask(&two[i]));
        assert_int_equal(reply.status, 400);
        assert_true(client_sees_end(&client));
        client_close(&client);
    }
    server_stop(&server);
    assert_int_equal(server.handled, 0);
}

static void take_leniently(void) {
    static const struct bytes requests[] = {
        BYTES("POST /x HTTP/1.1\r\n" HOST "Content-Length: 4\r\nContent-Length: 4\r\n\r\nbody"),
        BYTES("POST /x HTTP/1.1\r\n" HOST "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        BYTES(GET HOST HOST "\r\n"),
        BYTES(GET HOST "X Some: a\r\n\r\n"),
        BYTES("GET * HTTP/1.1\r\n" HOST "\r\n"),
        BYTES("GET   /x HTTP/1.1\r\n" HOST "\r\n"),
    };
    for (size_t i = 0; i < COUNT(requests); i++) {
        assert_true(ask(&requests[i]));
        assert_int_equal(reply.status, 200);
        client_close(&client);
    }
}

SERVER_TEST(a_lenient_program_gets_what_libmicrohttpd_takes) {
    if (MHD_get_version()[0] != '0') skip(); /* 1.0 takes less of it */
    serve(state, ARENA_MHD_LENIENT, take_leniently);
}

/* --- what is sound ------------------------------------------------------------------------------------------------ */

static void take_sound(void) {
    static const struct {
        struct bytes bytes;
        const char *echo;
    } rows[] = {
        {BYTES(GET HOST "\r\n"), "GET /x "},
        {BYTES(GET "host:test\r\n\r\n"), "GET /x "},
        {BYTES(GET "Host: \t test:80 \t \r\n\r\n"), "GET /x "},
        {BYTES(GET "Host:\r\n\r\n"), "GET /x "},
        {BYTES(GET "Host: [::1]:8080\r\n\r\n"), "GET /x "},
        {BYTES("GET /x HTTP/1.0\r\n\r\n"), "GET /x "},
        {BYTES("GET /x HTTP/1.1\nHost: test\n\n"), "GET /x "},
        {BYTES("POST /x HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\nbody"), "POST /x body"},
        {BYTES("POST /x HTTP/1.1\r\n" HOST "Transfer-Encoding: Chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"), "POST /x body"},
        {BYTES("GET /%41%20%2f%25?a=%41&&b HTTP/1.1\r\n" HOST "\r\n"), "GET /A /% "},
        {BYTES("GET /%41%42%43%44%45%46 HTTP/1.1\r\n" HOST "\r\n"), "GET /ABCDEF "},
        {BYTES("GET /%41%42%43%44%45%46? HTTP/1.1\r\n" HOST "\r\n"), "GET /ABCDEF "},
        {BYTES("GET /%41%42%43%44%45%46?? HTTP/1.1\r\n" HOST "\r\n"), "GET /ABCDEF "},
        {BYTES("GET /%41%42%43%44%45%46?&& HTTP/1.1\r\n" HOST "\r\n"), "GET /ABCDEF "},
        {BYTES("GET /%41?%42=%43 HTTP/1.1\r\n" HOST "Cookie: a=b; c=d\r\nX-Empty:\r\n\r\n"), "GET /A "},
        {BYTES("GET /x%0 HTTP/1.1\r\n" HOST "\r\n"), "GET /x%0 "},
        {BYTES("GET http://test/x?y HTTP/1.1\r\n" HOST "\r\n"), "GET /x "},
        {BYTES("GET HTTP://test:80/a%20b HTTP/1.1\r\n" HOST "\r\n"), "GET /a b "},
        {BYTES("GET https://test HTTP/1.1\r\n" HOST "\r\n"), "GET / "},
        {BYTES("GET http://test?y HTTP/1.1\r\n" HOST "\r\n"), "GET / "},
        {BYTES("OPTIONS * HTTP/1.1\r\n" HOST "\r\n"), "OPTIONS * "},
        {BYTES("OPTIONS http://test HTTP/1.1\r\n" HOST "\r\n"), "OPTIONS / "},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_true(ask(&rows[i].bytes));
        if (reply.status != 200) fail_msg("%u to: %s", reply.status, rows[i].bytes.text);
        assert_string_equal(reply.body, rows[i].echo);
        client_close(&client);
    }
}

SERVER_TEST(a_sound_request_is_taken_and_its_url_is_the_path) {
    serve(state, 0, take_sound);
    serve(state, ARENA_MHD_LENIENT, take_sound);
}

/* --- the target --------------------------------------------------------------------------------------------------- */

static enum MHD_Result echo_target(struct arena_request *request, void *user) {
    (void)user;
    const char *target = arena_request_target(request);
    char *text = server_text(request, target == NULL ? "unknown" : target);
    if (text == NULL) return MHD_NO;
    return arena_request_respond(request, 200, NULL, text, strlen(text)) == ARENA_OK ? MHD_YES : MHD_NO;
}

SERVER_TEST(the_target_reads_as_it_was_sent) {
    static const char *const targets[] = {"/a%20b/../c?x=%41&y", "http://test/x?y", "/"};
    for (int knows_targets = 0; knows_targets < 2; knows_targets++) {
        const struct server_options options = {.knows_targets = knows_targets != 0};
        server_meet(&server, &client, SERVER_MODE(state), echo_target, &options);
        for (size_t i = 0; i < COUNT(targets); i++) { /* on one connection */
            char text[256];
            snprintf(text, sizeof text, "GET %s HTTP/1.1\r\n" HOST "\r\n", targets[i]);
            client_exchange(&client, text, 200, &reply);
            assert_string_equal(reply.body, knows_targets ? targets[i] : "unknown");
        }
        /* One whose headers never come leaves nothing. */
        client_send(&client, "GET /unfinished HTTP/1.1\r\nHost:");
        server_part(&server, &client);
    }
}

/* An escape in the authority, a blank, a raw NUL byte. */
SERVER_TEST(what_only_the_target_as_sent_tells_is_refused_where_it_is_known) {
    static const struct bytes requests[] = {
        BYTES("GET http://te%2Fst/x HTTP/1.1\r\n" HOST "\r\n"),
        BYTES("GET /a b HTTP/1.1\r\n" HOST "\r\n"),
        BYTES("GET /a#b HTTP/1.1\r\n" HOST "\r\n"),
        BYTES("GET /public\0/../secret HTTP/1.1\r\n" HOST "\r\n"),
        BYTES("GET /x?a=b\0&c=d HTTP/1.1\r\n" HOST "\r\n"),
    };
    const struct server_options options = {.knows_targets = true};
    server_start(&server, SERVER_MODE(state), server_echo, &options);
    refuse_all(requests, COUNT(requests));
    server_stop(&server);
}

int main(void) { return support_run("mhd checks"); }
