/* SPDX-License-Identifier: MIT */
/* Several thousand requests over several connections, with clients that hang up, stall, pipeline and send too much;
 * afterwards every arena is back and the binding holds no more memory than before. */
#include "heap.h"
#include "server.h"

enum { CLIENTS = 6, QUEUE = 64, LIMIT_BYTES = 20000, LARGE_CELLS = 4096 };

static struct server server;

/* --- suspended requests, answered by one thread ------------------------------------------------------------------- */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct arena_request *items[QUEUE];
    size_t count;
    bool end;
} later = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static bool answer_later(struct arena_request *request) {
    pthread_mutex_lock(&later.lock);
    bool room = later.count < QUEUE;
    if (room) {
        later.items[later.count++] = arena_request_retain(request);
        MHD_suspend_connection(arena_request_connection(request));
        pthread_cond_signal(&later.changed);
    }
    pthread_mutex_unlock(&later.lock);
    return room;
}

static void answer_suspended(struct worker *self) {
    pthread_mutex_lock(&later.lock);
    for (;;) {
        while (later.count == 0 && !later.end) pthread_cond_wait(&later.changed, &later.lock);
        if (later.count == 0) break;
        struct arena_request *request = later.items[--later.count];
        pthread_mutex_unlock(&later.lock);
        struct MHD_Connection *connection = arena_request_connection(request);
        (void)server_echo(request, &server);
        MHD_resume_connection(connection);
        arena_request_release(request);
        pthread_mutex_lock(&later.lock);
    }
    pthread_mutex_unlock(&later.lock);
}

/* --- the handler -------------------------------------------------------------------------------------------------- */

static int elements; /* atomic: that handlers have allocated */

static enum MHD_Result handle(struct arena_request *request, void *user) {
    const char *url = arena_request_url(request);
    flag_add(&elements, 1);
    if (strcmp(url, "/large") == 0) {
        flag_add(&elements, LARGE_CELLS - 1);
        char *all = arena_try_alloc_slab(server_arena(request), LARGE_CELLS);
        if (all == NULL) return MHD_NO;
        memset(all, 'l', LARGE_CELLS * sizeof(struct cell));
        return arena_request_respond(request, 200, NULL, all, LARGE_CELLS * sizeof(struct cell)) == ARENA_OK ? MHD_YES
                                                                                                             : MHD_NO;
    }
    if (strcmp(url, "/later") == 0 && server.mode != MODE_THREAD_PER_CONNECTION && answer_later(request)) {
        return MHD_YES;
    }
    if (strcmp(url, "/panic") == 0) {
        (void)server_text(request, url);
        arena_panic("as asked");
    }
    enum MHD_Result result = server_echo(request, user);
    return strcmp(url, "/no") == 0 ? MHD_NO : result;
}

/* --- the clients -------------------------------------------------------------------------------------------------- */

struct visitor {
    struct client client;
    struct reply reply;
    uint32_t random;
    size_t requests;
    size_t wrong;
};

static struct visitor visitors[CLIENTS];

static uint32_t next_random(struct visitor *visitor) {
    visitor->random ^= visitor->random << 13;
    visitor->random ^= visitor->random >> 17;
    visitor->random ^= visitor->random << 5;
    return visitor->random;
}

static bool say(struct visitor *visitor, const char *text) {
    return client_try_send(&visitor->client, text, strlen(text));
}

static bool hear(struct visitor *visitor, unsigned status, const char *body) {
    return client_try_receive(&visitor->client, &visitor->reply) && visitor->reply.status == status &&
           (body == NULL || strcmp(visitor->reply.body, body) == 0);
}

/* One visit; false: not what was expected.  *again: the connection can be used again. */
static bool visit(struct visitor *visitor, bool *again) {
    static const char too_long[LIMIT_BYTES + 100];
    *again = true;
    switch (next_random(visitor) % 12) {
    case 0:
        return say(visitor, "POST /post HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nhel") && say(visitor, "lo") &&
               hear(visitor, 200, "POST /post hello");
    case 1:
        return say(visitor, "GET /1 HTTP/1.1\r\nHost: t\r\n\r\nGET /2 HTTP/1.1\r\nHost: t\r\n\r\n") &&
               hear(visitor, 200, "GET /1 ") && hear(visitor, 200, "GET /2 ");
    case 2:
        return say(visitor, "PUT /c HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n") &&
               say(visitor, "2\r\nde\r\n0\r\n\r\n") && hear(visitor, 200, "PUT /c abcde");
    case 3:
        return say(visitor, "POST /long HTTP/1.1\r\nHost: t\r\nContent-Length: 20100\r\n\r\n") &&
               client_try_send(&visitor->client, too_long, sizeof too_long) && hear(visitor, 413, NULL);
    case 4:
        return say(visitor, "GET /later HTTP/1.1\r\nHost: t\r\n\r\n") && hear(visitor, 200, "GET /later ");
    case 5:
        return say(visitor, "GET /panic HTTP/1.1\r\nHost: t\r\n\r\n") && hear(visitor, 500, NULL);
    case 6:
        return say(visitor, "GET /large HTTP/1.1\r\nHost: t\r\n\r\n") && hear(visitor, 200, NULL) &&
               visitor->reply.body_sum == (uint32_t)(LARGE_CELLS * sizeof(struct cell) * 'l');
    case 7:
        *again = false;
        return say(visitor, "GET /large HTTP/1.1\r\nHost: t\r\n\r\n") && client_try_skip(&visitor->client);
    case 8:
        *again = false;
        return say(visitor, "POST /gone HTTP/1.1\r\nHost: t\r\nContent-Length: 10000\r\n\r\nnot all");
    case 9:
        *again = false;
        return say(visitor, "GET /half HTTP/1.1\r\nHos");
    case 10:
        *again = false;
        return say(visitor, "GET /no HTTP/1.1\r\nHost: t\r\n\r\n") && client_sees_end(&visitor->client);
    default:
        return say(visitor, "GET /plain HTTP/1.1\r\nHost: t\r\n\r\n") && hear(visitor, 200, "GET /plain ");
    }
}

static void visit_often(struct worker *self) {
    struct visitor *visitor = &visitors[self->index];
    visitor->random = self->index * 2654435761u + 12345u;
    visitor->client.fd = -1;
    size_t visits = *(size_t *)self->user;
    for (size_t i = 0; i < visits; i++) {
        if (visitor->client.fd < 0 && !client_try_connect(&visitor->client, server.port)) {
            visitor->wrong++;
            continue;
        }
        bool again;
        visitor->requests++;
        if (!visit(visitor, &again)) {
            visitor->wrong++;
            again = false;
        }
        if (!again && i % 2 == 0) {
            client_abort(&visitor->client);
        } else if (!again) {
            client_close(&visitor->client);
        }
    }
    client_close(&visitor->client);
}

static void ignore_panic(const char *message, void *user) { (void)message; }

/* --- the test ----------------------------------------------------------------------------------------------------- */

static unsigned connections(void) {
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(server.daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
    return info == NULL ? 0 : info->num_connections;
}

static void rush(size_t visits) {
    struct worker workers[CLIENTS];
    memset(visitors, 0, sizeof visitors);
    for (unsigned i = 0; i < CLIENTS; i++) worker_start(&workers[i], visit_often, &visits, i);
    workers_join(workers, CLIENTS);
    for (size_t i = 0; i < CLIENTS; i++) {
        assert_int_equal(visitors[i].wrong, 0);
        assert_int_equal(visitors[i].requests, visits);
    }
}

SERVER_TEST(nothing_is_lost_under_a_rush_of_clients) {
    const struct server_options options = {.body_limit_bytes = LIMIT_BYTES};
    arena_set_panic_handler(ignore_panic, NULL);
    flag_set(&elements, 0);
    later.end = false;
    server_start(&server, SERVER_MODE(state), handle, &options);
    struct worker answerer;
    worker_start(&answerer, answer_suspended, NULL, 0);
    long idle_blocks = heap_live_blocks();

    for (int round = 0; round < 3; round++) {
        rush(support_rounds(250, 40));
        AWAIT(flag_get(&server.resets) == flag_get(&elements));
        AWAIT(connections() == 0);
        AWAIT(heap_live_blocks() == idle_blocks);
    }

    pthread_mutex_lock(&later.lock);
    later.end = true;
    pthread_cond_signal(&later.changed);
    pthread_mutex_unlock(&later.lock);
    worker_join(&answerer);
    assert_true(flag_get(&server.handled) > 0);
    server_stop(&server);
    assert_int_equal(server.resets, elements);
    arena_set_panic_handler(NULL, NULL);
}

int main(void) { return support_run("mhd stress"); }
