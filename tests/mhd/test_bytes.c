/* SPDX-License-Identifier: MIT */
/* Bodies that lie in the request's arena: with a pool of byte arenas, which then bounds all memory of requests. */
#include "mhd/exchange.h"
#include "server.h"

#define HEAD(headers) "POST /p HTTP/1.1\r\nHost: test\r\n" headers "\r\n"
#define NS_PER_MS INT64_C(1000000)

enum { ARENA_BYTES = 100000 };

static struct server server;
static struct client client;
static struct reply reply;

static int lies_in_arena; /* of the last one; atomics */
static int body_bytes;

static struct arena_bytes *arena_of(struct arena_request *request) {
    struct arena *arena = NULL;
    return arena_request_extract(request, arena_type_bytes(), &arena) == ARENA_OK ? arena_bytes_from_raw(arena) : NULL;
}

/* Answers what it got, from where it lies, and uses the arena besides. */
static enum MHD_Result send_back(struct arena_request *request, void *user) {
    size_t size;
    const char *body = arena_request_body(request, &size);
    struct arena_bytes *arena = arena_of(request);
    if (arena == NULL || body[size] != '\0' || arena_bytes_try_strdup(arena, "beside it") == NULL) return MHD_NO;
    flag_set(&lies_in_arena,
             size > 0 && arena_owns(arena_bytes_raw(arena), body) && arena_owns(arena_bytes_raw(arena), body + size));
    flag_set(&body_bytes, (int)size);
    return arena_request_respond(request, 200, NULL, body, size) == ARENA_OK ? MHD_YES : MHD_NO;
}

static char filler[1 << 20];

static void start(void **state, const struct arena_mhd_options *hooks) {
    const struct server_options options = {.byte_arenas = ARENA_BYTES, .max_arenas = 1, .hooks = hooks};
    memset(filler, 'f', sizeof filler);
    server_meet(&server, &client, SERVER_MODE(state), send_back, &options);
}

static void stop(void) { server_part(&server, &client); /* which says whether every arena is back */ }

static size_t arenas_out(void) {
    struct arena_pool_stats stats = {.struct_size = sizeof stats};
    assert_int_equal(arena_pool_get_stats(server.pool, &stats), ARENA_OK);
    return stats.out;
}

static void post(size_t size, unsigned status) {
    char head[128];
    snprintf(head, sizeof head, HEAD("Content-Length: %zu\r\n"), size);
    client_send(&client, head);
    assert_true(client_try_send(&client, filler, size));
    client_receive(&client, &reply);
    assert_int_equal(reply.status, status);
    if (status != 200) return;
    assert_int_equal(reply.body_bytes, size);
    assert_int_equal(reply.body_sum, (uint32_t)size * 'f');
}

static void post_chunked(size_t size, unsigned status) {
    client_send(&client, HEAD("Transfer-Encoding: chunked\r\n"));
    for (size_t left = size; left > 0;) {
        char head[32];
        size_t piece = left < 1000 ? left : 1000;
        snprintf(head, sizeof head, "%zx\r\n", piece);
        client_send(&client, head);
        assert_true(client_try_send(&client, filler, piece));
        client_send(&client, "\r\n");
        left -= piece;
    }
    client_send(&client, "0\r\n\r\n");
    client_receive(&client, &reply);
    assert_int_equal(reply.status, status);
    if (status == 200) assert_int_equal(reply.body_sum, (uint32_t)size * 'f');
}

SERVER_TEST(a_body_lies_in_the_requests_arena) {
    start(state, NULL);
    static const size_t sizes[] = {1, 5000, 90000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        post(sizes[i], 200);
        AWAIT(arenas_out() == 0);
        assert_int_equal(flag_get(&lies_in_arena), 1);
        assert_int_equal(flag_get(&body_bytes), sizes[i]);
        assert_int_equal(atomic_u64_load(&server.mhd->budget.used, relaxed), 0); /* which is for others */
    }
    post(0, 200);
    assert_int_equal(flag_get(&body_bytes), 0);
    AWAIT(arenas_out() == 0);
    post_chunked(30000, 200);
    assert_int_equal(flag_get(&lies_in_arena), 1);
    stop();
    start(state, NULL);
    post_chunked(80000, 200); /* in an arena that has not grown yet */
    assert_int_equal(flag_get(&lies_in_arena), 1);
    stop();
}

SERVER_TEST(what_does_not_fit_its_arena_is_413) {
    start(state, NULL);
    post(ARENA_BYTES + 1, 413);
    assert_false(reply.close);
    assert_int_equal(arenas_out(), 0); /* at once */
    post_chunked(ARENA_BYTES + 1, 413);
    assert_int_equal(arenas_out(), 0);
    post(1000, 200); /* and the arena was given back */
    stop();
    assert_int_equal(server.handled, 1);
}

/* As it would bound the bodies of others, too. */
SERVER_TEST(the_pool_bounds_the_bodies_that_arrive) {
    start(state, NULL);
    struct client slow;
    client_connect(&slow, server.port);
    client_send(&slow, HEAD("Content-Length: 10\r\n"));
    AWAIT(flag_get(&server.accesses) == 1);
    post(10, 200); /* before its first byte it has none */
    AWAIT(arenas_out() == 0);
    client_send(&slow, "12345");
    AWAIT(arenas_out() == 1);
    post(10, 503);
    client_exchange(&client, "GET /x HTTP/1.1\r\nHost: test\r\n\r\n", 503, &reply);
    client_send(&slow, "67890");
    client_receive(&slow, &reply);
    assert_string_equal(reply.body, "1234567890");
    client_close(&slow);
    AWAIT(arenas_out() == 0);
    post(10, 200);
    stop();
}

SERVER_TEST(a_client_that_leaves_gives_it_back) {
    const struct arena_mhd_options short_read = {.read_timeout_ns = 1000 * NS_PER_MS};
    start(state, &short_read);
    struct client slow;
    int ways = server_limits_silence(SERVER_MODE(state)) ? 2 : 1;
    for (int leaves = 0; leaves < ways; leaves++) { /* or is cut off */
        client_connect(&slow, server.port);
        client_send(&slow, HEAD("Content-Length: 10\r\n") "12345");
        AWAIT(arenas_out() == 1);
        if (leaves > 0) assert_true(client_sees_end(&slow));
        client_close(&slow);
        AWAIT(arenas_out() == 0);
        post(10, 200);
        AWAIT(arenas_out() == 0);
    }
    stop();
}

enum { CROWD = 120, MIB = 1024 * 1024, CONNECTION_BYTES = 128 * 1024 };

static int refused; /* atomic: by the binding, with 503 */

static void count_refused(struct arena_request *request, unsigned status, enum MHD_RequestTerminationCode termination,
                          void *user) {
    if (status == 503) flag_add(&refused, 1);
}

/* Each client sends all but a byte of a mebibyte, which all but a few are refused: how much more memory is there? */
static size_t crowd_in(enum mode mode, const struct server_options *options) {
    static struct client crowd[CROWD];
    memset(filler, 'f', sizeof filler);
    flag_set(&refused, 0);
    server_start(&server, mode, send_back, options);
    size_t before = support_resident_bytes();
    for (size_t i = 0; i < CROWD; i++) {
        client_connect(&crowd[i], server.port);
        client_send(&crowd[i], HEAD("Content-Length: 1048576\r\n"));
        assert_true(client_try_send(&crowd[i], filler, MIB - 1));
    }
    AWAIT(flag_get(&server.uploads) > CROWD * 16); /* they arrive */
    size_t most = 0;
    for (int i = 0; i < 20; i++) {
        size_t now = support_resident_bytes();
        if (now > most) most = now;
        sleep_ms(10);
    }
    for (size_t i = 0; i < CROWD; i++) {
        (void)client_try_send(&crowd[i], "f", 1);
        if (client_try_receive(&crowd[i], &reply)) assert_true(reply.status == 200 || reply.status == 503);
        client_close(&crowd[i]);
    }
    AWAIT(flag_get(&server.completed) == CROWD);
    assert_true(flag_get(&refused) > 0);
    server_stop(&server);
    return most > before ? most - before : 0;
}

/* A pool of eight, or a budget of eight mebibytes, and 120 bodies of one: memory follows the bound, not the clients. */
SERVER_TEST(memory_follows_the_bound) {
    if (support_slow()) skip(); /* memory is counted */
    const struct arena_mhd_options in_all = {
        .completed = count_refused, .total_body_bytes = 8 * MIB, .body_limit_bytes = 2 * MIB};
    const struct server_options bytes = {.byte_arenas = 2 * MIB, .max_arenas = 8, .hooks = &in_all};
    const struct server_options others = {.hooks = &in_all};
    const size_t bound = 2 * 8 * MIB + CROWD * CONNECTION_BYTES; /* a quarter of what they send */
    assert_in_range(crowd_in(SERVER_MODE(state), &bytes), 0, bound);
    assert_in_range(crowd_in(SERVER_MODE(state), &others), 0, bound);
}

int main(void) { return support_run("mhd bytes"); }
