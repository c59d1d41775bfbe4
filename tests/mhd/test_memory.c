/* SPDX-License-Identifier: MIT */
/* Memory runs out: every allocation of the binding and of libarena below it, and every call to libmicrohttpd that needs
 * memory, fails in turn, once and from then on.  Nothing leaks, nothing is lost, and the next request is served. */
#include "heap.h"
#include "server.h"

#include "mhd/exchange.h"

static struct server server;
static struct client client;
static struct reply reply;

/* --- creation ----------------------------------------------------------------------------------------------------- */

static enum MHD_Result unused_handler(struct arena_request *request, void *user) {
    (void)request;
    return MHD_NO;
}

TEST(creation_fails_cleanly_wherever_memory_runs_out) {
    GIVEN(arena_pool, pool, arena_pool_create(ARENA_TYPE(int), 10, &pool));
    for (int persistent = 0; persistent <= 1; persistent++) {
        long before = heap_live_blocks();
        long nth = 0;
        long failed;
        do {
            struct arena_mhd *mhd = (struct arena_mhd *)&server;
            heap_fail(++nth, persistent);
            int status = arena_mhd_create(pool, unused_handler, NULL, &mhd);
            failed = heap_fail_end();
            if (failed > 0) {
                assert_int_equal(status, ARENA_ENOMEM);
                assert_null(mhd);
            } else {
                assert_int_equal(status, ARENA_OK);
                arena_mhd_destroy(mhd);
            }
            assert_int_equal(heap_live_blocks(), before);
        } while (failed > 0);
        assert_true(nth > 60); /* the struct, the locks, the answers and their headers were all reached */
    }
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

/* --- requests ----------------------------------------------------------------------------------------------------- */

static int statuses[3]; /* of inject, respond, and respond again where that failed; atomic */

static enum MHD_Result use_everything(struct arena_request *request, void *user) {
    struct arena_request *clone = request;
    for (int i = 0; i < 3; i++) { /* several: all of them end with the request */
        struct arena_request *next = NULL;
        int injected = arena_request_inject(clone, NULL, &next);
        if (injected == ARENA_OK) {
            clone = next;
        } else {
            flag_set(&statuses[0], injected);
            if (next != NULL) abort();
        }
    }
    size_t size;
    const char *body = arena_request_body(clone, &size);
    char *text = server_text(request, body);
    if (text == NULL) return MHD_NO;
    struct arena_field field;
    size_t cursor = 0;
    bool has_form = arena_request_next_field(clone, ARENA_FIELD_FORM, &cursor, &field);
    if (has_form && field.name_bytes != 5000) abort();
    int added = arena_request_add_header(clone, "X-Some", "1");
    if (added == ARENA_ENOMEM) added = arena_request_add_header(clone, "X-Some", "1");
    flag_set(&statuses[0], added);
    int responded = arena_request_respond(clone, 200, "text/plain", text, strlen(text));
    flag_set(&statuses[1], responded);
    if (responded != ARENA_OK) {
        responded = arena_request_respond(clone, 200, "text/plain", text, strlen(text));
        flag_set(&statuses[2], responded);
    }
    return responded == ARENA_OK ? MHD_YES : MHD_NO;
}

static char request_text[6144];

static void make_request(void) {
    int length = snprintf(request_text, sizeof request_text,
                          "POST /x?n=1 HTTP/1.1\r\nHost: test\r\nContent-Length: 5000\r\n"
                          "Content-Type: application/x-www-form-urlencoded\r\n\r\n");
    memset(request_text + length, 'b', 5000);
    request_text[length + 5000] = '\0';
}

static bool acceptable(int status) { return status == ARENA_OK || status == ARENA_ENOMEM || status == ARENA_EBUSY; }

/* One request with the n-th call failing, one without.  Whether any did. */
static bool request_with_failure(long nth, bool persistent) {
    client_connect(&client, server.port);
    flag_set(&statuses[0], ARENA_OK);
    flag_set(&statuses[1], ARENA_OK);
    flag_set(&statuses[2], ARENA_OK);
    int before = flag_get(&server.completed);
    heap_fail(nth, persistent);
    bool answered = client_try_send(&client, request_text, strlen(request_text)) && client_try_receive(&client, &reply);
    AWAIT(flag_get(&server.completed) == before + 1);
    bool failed = heap_fail_end() > 0;
    if (answered) assert_true(reply.status == 200 || (failed && reply.status == 503));
    if (!failed || !persistent) assert_true(answered); /* that memory ran out is an answer, too */
    if (answered && reply.status == 200) assert_int_equal(reply.body_sum, (uint32_t)(255 * 'b')); /* it fills a cell */
    if (!persistent) assert_int_equal(flag_get(&statuses[2]), ARENA_OK); /* the next call succeeds */
    assert_true(acceptable(flag_get(&statuses[0])));
    assert_true(acceptable(flag_get(&statuses[1])));
    client_close(&client);
    client_connect(&client, server.port);
    client_exchange(&client, request_text, 200, &reply);
    client_close(&client);
    AWAIT(flag_get(&server.completed) == before + 2);
    return failed;
}

static void serve_with_failures(enum mode mode, bool persistent) {
    server_start(&server, mode, use_everything, NULL);
    long nth = 0;
    while (request_with_failure(++nth, persistent)) {}
    server_stop(&server);
    /* fields, exchange, body twice, clone, context twice, response, header, queue; and the arena while none is idle */
    assert_true(nth > 9);
}

SERVER_TEST(requests_fail_cleanly_wherever_memory_runs_out) {
    make_request();
    serve_with_failures(SERVER_MODE(state), false); /* what libarena keeps for good is there after the first time */
    long before = heap_live_blocks();
    serve_with_failures(SERVER_MODE(state), false);
    serve_with_failures(SERVER_MODE(state), true);
    assert_int_equal(heap_live_blocks(), before);
}

/* The piece for which there was no memory is thrown away like those that follow it. */
TEST(a_piece_without_memory_counts_as_drained) {
    static const char piece[1];
    for (size_t more = 0; more < 2; more++) {
        struct body body;
        body_begin(&body, SIZE_MAX, NULL);
        heap_fail(1, true);
        bool goes_on = body_take(&body, piece, BODY_DRAIN_BYTES + more); /* of which nothing is read */
        assert_int_equal(heap_fail_end(), 1);
        assert_int_equal(body.state, BODY_NO_MEMORY);
        assert_int_equal(goes_on, more == 0);
        body_end(&body);
    }
}

/* Or the handler would get one with a hole. */
TEST(a_body_that_found_no_memory_once_stays_refused) {
    static const char piece[64];
    struct body body;
    body_begin(&body, sizeof piece, NULL);
    heap_fail(1, false);
    for (size_t i = 0; i < 4; i++) { /* for the same reason, however long it becomes */
        assert_true(body_take(&body, piece, sizeof piece / 2));
        assert_int_equal(body.state, BODY_NO_MEMORY);
        assert_int_equal(body.length, 0);
    }
    assert_int_equal(heap_fail_end(), 1);
    assert_null(body.data);
    body_end(&body);
}

/* What was kept before is freed with it. */
TEST(a_body_that_cannot_grow_leaves_nothing) {
    static const char piece[8192];
    struct body body;
    long before = heap_live_blocks();
    body_begin(&body, SIZE_MAX, NULL);
    assert_true(body_take(&body, piece, 1));
    assert_int_equal(heap_live_blocks(), before + 1);
    heap_fail(1, true);
    assert_true(body_take(&body, piece, sizeof piece));
    assert_int_equal(heap_fail_end(), 1);
    assert_int_equal(body.state, BODY_NO_MEMORY);
    assert_int_equal(heap_live_blocks(), before);
    body_end(&body);
}

/* --- fields that change while they are copied --------------------------------------------------------------------- */

static int passes; /* of the next request, up to here; atomic */

/* The second time that it is asked for the headers there is one more. */
int __real_MHD_get_connection_values_n(struct MHD_Connection *connection, enum MHD_ValueKind kind,
                                       MHD_KeyValueIteratorN iterator, void *user);
int __wrap_MHD_get_connection_values_n(struct MHD_Connection *connection, enum MHD_ValueKind kind,
                                       MHD_KeyValueIteratorN iterator, void *user);
int __wrap_MHD_get_connection_values_n(struct MHD_Connection *connection, enum MHD_ValueKind kind,
                                       MHD_KeyValueIteratorN iterator, void *user) {
    int count = __real_MHD_get_connection_values_n(connection, kind, iterator, user);
    if (kind == MHD_HEADER_KIND && flag_add(&passes, 1) == 2) (void)iterator(user, kind, "Late", 4, "1", 1);
    return count;
}

static enum MHD_Result look_for_the_late_one(struct arena_request *request, void *user) {
    const char *argument = arena_request_argument(request, "n");
    bool right = argument != NULL && strcmp(argument, "5") == 0 && arena_request_header(request, "Late") == NULL;
    return right ? server_echo(request, user) : MHD_NO;
}

SERVER_TEST(a_field_too_many_is_left_out) {
    server_meet(&server, &client, SERVER_MODE(state), look_for_the_late_one, NULL);
    flag_set(&passes, 0);
    client_exchange(&client, "GET /x?n=5 HTTP/1.1\r\nHost: test\r\n\r\n", 200, &reply);
    server_part(&server, &client);
    /* A third looks for what hides between them, but where libmicrohttpd does. */
    assert_int_equal(flag_get(&passes), MHD_get_version()[0] == '0' ? 3 : 2);
}

/* --- completion --------------------------------------------------------------------------------------------------- */

static struct arena_request *watched; /* set and read on the daemon's threads, one after the other */
static int connected_at_cancel;       /* atomic; -1: not cancelled yet */
static int respond_at_cancel;         /* atomic */
static int live_at_return;            /* atomic; -1: its arena is not back */

/* The end of a request comes here first (linker --wrap): what it holds is to be looked at meanwhile. */
void __real_arena_context_cancel(struct arena_context *context);
void __wrap_arena_context_cancel(struct arena_context *context);
void __wrap_arena_context_cancel(struct arena_context *context) {
    if (watched != NULL) {
        flag_set(&connected_at_cancel, arena_request_connection(watched) != NULL);
        flag_set(&respond_at_cancel, arena_request_respond(watched, 200, NULL, NULL, 0));
    }
    __real_arena_context_cancel(context);
}

void __real_arena_pool_return_claimed(struct arena *arena);
void __wrap_arena_pool_return_claimed(struct arena *arena);
void __wrap_arena_pool_return_claimed(struct arena *arena) {
    if (watched != NULL)
        flag_set(&live_at_return, (int)atomic_u64_load(&watched->exchange->mhd->registry.live, relaxed));
    __real_arena_pool_return_claimed(arena);
}

static enum MHD_Result be_watched(struct arena_request *request, void *user) {
    watched = request;
    return server_echo(request, user);
}

/* Who sees the connection gone may rely on the context having ended; who sees no request live, on all arenas being back. */
SERVER_TEST(a_request_ends_in_order) {
    flag_set(&connected_at_cancel, -1);
    flag_set(&live_at_return, -1);
    server_meet(&server, &client, SERVER_MODE(state), be_watched, NULL);
    client_exchange(&client, "GET /x HTTP/1.1\r\nHost: test\r\n\r\n", 200, &reply);
    client_close(&client);
    AWAIT(flag_get(&server.completed) == 1);
    server_stop(&server);
    watched = NULL;
    assert_int_equal(flag_get(&connected_at_cancel), 1);
    assert_int_equal(flag_get(&live_at_return), 1);
}

static enum MHD_Result be_watched_and_forget(struct arena_request *request, void *user) {
    watched = request;
    return MHD_YES;
}

/* Whoever has answered, the handler or the binding: libmicrohttpd is not asked to take another one. */
SERVER_TEST(one_answer_is_queued_for_each_request) {
    static const struct {
        arena_mhd_handler *handler;
        unsigned status;
    } rows[] = {{be_watched, 200}, {be_watched_and_forget, 500}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        flag_set(&respond_at_cancel, ARENA_OK);
        server_meet(&server, &client, SERVER_MODE(state), rows[i].handler, NULL);
        long before = heap_queue_calls();
        client_exchange(&client, "GET /x HTTP/1.1\r\nHost: test\r\n\r\n", rows[i].status, &reply);
        client_close(&client);
        AWAIT(flag_get(&server.completed) == 1);
        server_stop(&server);
        watched = NULL;
        assert_int_equal(flag_get(&respond_at_cancel), ARENA_EBUSY);
        assert_int_equal(heap_queue_calls(), before + 1);
    }
}

int main(void) { return support_run("mhd memory"); }
