/* SPDX-License-Identifier: MIT */
/* arena_mhd_drain, and the recipe of docs/http.md for stopping a daemon with suspended requests. */
#include "server.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: test\r\n\r\n"
#define NS_PER_MS INT64_C(1000000)

static struct server server;
static struct client client;
static struct client late;
static struct reply reply;

static int statuses[2]; /* atomic */

static struct arena_context *timeout_ms(int64_t timeout_ms) {
    GIVEN(arena_context, context, arena_context_with_timeout(NULL, timeout_ms * NS_PER_MS, &context));
    return context;
}

static int drain_for_ms(int64_t time_ms) {
    struct arena_context *context = timeout_ms(time_ms);
    int status = arena_mhd_drain(server.mhd, context);
    arena_context_release(context);
    return status;
}

SERVER_TEST(an_idle_server_drains_at_once_and_takes_no_more) {
    server_meet(&server, &client, SERVER_MODE(state), server_echo, NULL);
    client_exchange(&client, GET("/x"), 200, &reply); /* it stays open, and counts as nothing */
    AWAIT(flag_get(&server.completed) == 1);
    assert_int_equal(arena_mhd_drain(NULL, NULL), ARENA_EINVAL);
    assert_int_equal(arena_mhd_drain(server.mhd, NULL), ARENA_OK);
    client_exchange(&client, GET("/x"), 503, &reply);
    assert_string_equal(reply.body, "The server is about to stop.\n");
    assert_non_null(strstr(reply.head, "Retry-After: 1\r\n"));
    assert_true(reply.close);
    assert_true(client_sees_end(&client));
    client_close(&client);
    AWAIT(flag_get(&server.completed) == 2);
    assert_int_equal(arena_mhd_drain(server.mhd, NULL), ARENA_OK); /* again */
    server_stop(&server);
    assert_int_equal(server.handled, 1);
}

/* --- requests under way ------------------------------------------------------------------------------------------- */

static int reached; /* atomics */
static int go;

static enum MHD_Result wait_and_echo(struct arena_request *request, void *user) {
    flag_set(&reached, 1);
    flag_wait(&go, 1);
    return server_echo(request, user);
}

static void drain_on_a_thread(struct worker *self) { self->status = arena_mhd_drain(server.mhd, self->user); }

/* Those whose headers are there: it gets its answer, which closes its connection. */
SERVER_TEST(it_waits_for_a_request_that_is_open) {
    struct worker drainer;
    flag_set(&reached, 0);
    flag_set(&go, 0);
    server_meet(&server, &client, SERVER_MODE(state), wait_and_echo, NULL);
    client_send(&client, GET("/x"));
    AWAIT(flag_get(&reached) == 1);
    assert_int_equal(drain_for_ms(20), ARENA_ETIMEDOUT);
    worker_start(&drainer, drain_on_a_thread, NULL, 0);
    sleep_ms(20);
    assert_int_equal(flag_get(&drainer.finished), 0);
    flag_set(&go, 1);
    client_receive(&client, &reply);
    assert_int_equal(reply.status, 200);
    assert_true(reply.close);
    assert_true(client_sees_end(&client));
    worker_join(&drainer);
    assert_int_equal(drainer.status, ARENA_OK);
    server_part(&server, &client);
}

SERVER_TEST(a_context_that_ends_ends_the_wait_alone) {
    flag_set(&reached, 0);
    flag_set(&go, 0);
    server_meet(&server, &client, SERVER_MODE(state), wait_and_echo, NULL);
    client_send(&client, GET("/x"));
    AWAIT(flag_get(&reached) == 1);
    GIVEN(arena_context, context, arena_context_with_cancel(NULL, &context));
    struct worker drainer;
    worker_start(&drainer, drain_on_a_thread, context, 0);
    sleep_ms(20);
    arena_context_cancel(context);
    worker_join(&drainer);
    assert_int_equal(drainer.status, ARENA_ECANCELED);
    assert_int_equal(arena_mhd_drain(server.mhd, context), ARENA_ECANCELED); /* it had ended already */
    arena_context_release(context);
    flag_set(&go, 1);
    client_receive(&client, &reply);
    assert_int_equal(reply.status, 200);
    client_connect(&late, server.port);
    client_exchange(&late, GET("/x"), 503, &reply); /* the draining goes on */
    client_close(&late);
    client_close(&client);
    AWAIT(flag_get(&server.completed) == 2);
    assert_int_equal(arena_mhd_drain(server.mhd, NULL), ARENA_OK);
    server_stop(&server);
}

/* Its head was sent before, and promised that the connection goes on. */
static enum MHD_Result answer_at_length(struct arena_request *request, void *user) {
    struct arena *arena = server_arena(request);
    struct cell *cells = arena == NULL ? NULL : arena_try_alloc_slab(arena, SERVER_ARENA_CELLS);
    if (cells == NULL) return MHD_NO;
    return arena_request_respond(request, 200, NULL, cells, SERVER_ARENA_CELLS * sizeof *cells) == ARENA_OK ? MHD_YES
                                                                                                            : MHD_NO;
}

SERVER_TEST(an_answer_under_way_closes_its_connection) {
    struct worker drainer;
    server_meet(&server, &client, SERVER_MODE(state), answer_at_length, NULL);
    client_send(&client, GET("/x"));
    AWAIT(flag_get(&server.handled) == 1);
    assert_int_equal(drain_for_ms(20), ARENA_ETIMEDOUT);
    worker_start(&drainer, drain_on_a_thread, NULL, 0);
    client_receive(&client, &reply);
    assert_int_equal(reply.body_bytes, SERVER_ARENA_CELLS * sizeof(struct cell));
    worker_join(&drainer);
    assert_int_equal(drainer.status, ARENA_OK);
    assert_true(client_sees_end(&client));
    server_part(&server, &client);
}

/* --- from inside -------------------------------------------------------------------------------------------------- */

static void drain_in_hook(struct arena_request *request, unsigned status, enum MHD_RequestTerminationCode termination,
                          void *user) {
    flag_set(&statuses[1], arena_mhd_drain(server.mhd, NULL));
}

static enum MHD_Result drain_in_handler(struct arena_request *request, void *user) {
    flag_set(&statuses[0], arena_mhd_drain(server.mhd, NULL));
    return server_echo(request, user);
}

SERVER_TEST(from_a_handler_or_hook_nothing_begins) {
    const struct arena_mhd_options hooks = {.completed = drain_in_hook};
    const struct server_options options = {.hooks = &hooks};
    server_meet(&server, &client, SERVER_MODE(state), drain_in_handler, &options);
    for (int i = 0; i < 2; i++) client_exchange(&client, GET("/x"), 200, &reply);
    server_part(&server, &client);
    for (int i = 0; i < 2; i++) assert_int_equal(flag_get(&statuses[i]), ARENA_EBUSY);
}

/* --- stopping with suspended requests ----------------------------------------------------------------------------- */

/* The recipe: who suspends does so under a lock, unless the server stops, and is on a list until somebody answers it. */
enum { WAITING_MOST = 64 };

static struct {
    pthread_mutex_t lock;
    bool stopping;
    struct arena_request *waiting[WAITING_MOST];
    size_t count;
} park = {PTHREAD_MUTEX_INITIALIZER, false, {NULL}, 0};

static enum MHD_Result park_request(struct arena_request *request, void *user) {
    pthread_mutex_lock(&park.lock);
    bool parked = !park.stopping && park.count < WAITING_MOST;
    if (parked) {
        park.waiting[park.count++] = arena_request_retain(request);
        MHD_suspend_connection(arena_request_connection(request));
    }
    pthread_mutex_unlock(&park.lock);
    if (parked) return MHD_YES;
    return arena_request_respond(request, 503, NULL, NULL, 0) == ARENA_OK ? MHD_YES : MHD_NO;
}

static void answer_parked(struct arena_request *request, unsigned status) {
    struct MHD_Connection *connection = arena_request_connection(request);
    (void)!arena_request_respond(request, status, NULL, NULL, 0);
    MHD_resume_connection(connection);
    arena_request_release(request);
}

static void stop_by_the_recipe(void) {
    (void)drain_for_ms(50);
    pthread_mutex_lock(&park.lock);
    park.stopping = true;
    for (size_t i = 0; i < park.count; i++) answer_parked(park.waiting[i], 503);
    park.count = 0;
    pthread_mutex_unlock(&park.lock);
    server_stop(&server);
}

static void ask_again_and_again(struct worker *self) {
    struct client asking;
    while (flag_get(&self->go) == 0) {
        if (!client_try_connect(&asking, server.port)) break;
        (void)client_try_send(&asking, GET("/x"), strlen(GET("/x")));
        self->count++;
        sleep_ms(1);
        client_close(&asking);
    }
}

SERVER_TEST_SUSPENDING(a_daemon_with_suspended_requests_stops_by_the_recipe) {
    for (int round = 0; round < 3; round++) {
        struct worker askers[2];
        park.stopping = false;
        server_meet(&server, &client, SERVER_MODE(state), park_request, NULL);
        client_send(&client, GET("/first"));
        AWAIT(flag_get(&server.handled) >= 1);
        for (unsigned i = 0; i < 2; i++) worker_start(&askers[i], ask_again_and_again, NULL, i);
        sleep_ms(30);
        stop_by_the_recipe(); /* libmicrohttpd aborts where a connection is suspended still */
        for (unsigned i = 0; i < 2; i++) flag_set(&askers[i].go, 1);
        workers_join(askers, 2);
        client_close(&client);
    }
}

int main(void) { return support_run("mhd draining"); }
