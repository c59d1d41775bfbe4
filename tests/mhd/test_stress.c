/* SPDX-License-Identifier: MIT */
/* Thousands of requests over several connections, with clients that hang up, stall, pipeline, send too much, wait
 * (suspended), and upgrade and talk on; afterwards every arena is back and the binding holds no more memory than before.
 *
 *   test_mhd_stress                                               some thousand in each thread mode
 *   test_mhd_stress SECONDS pool|internal|per-connection|external     so long in one mode, for ./dev soak: memory and
 *             descriptors stay as they are after the first of several phases.  Prints "sessions NAME NUMBER" for run.sh. */
#include "heap.h"
#include "server.h"

#include <dirent.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

enum {
    CLIENTS = 6,
    TALKERS = 4, /* threads that answer suspended requests and serve upgraded connections */
    QUEUE = 256,
    LIMIT_BYTES = 20000,
    LARGE_CELLS = 1024,
    PHASES = 6,
    WARM_ARENAS = 128,
    GROWTH_MAX_KIB = 8192 /* threads that come and go leave stacks and heaps behind, which libc keeps */
};

static struct server server;
static int elements; /* atomic, as are those below: that handlers have allocated */
static int upgrades; /* responses to upgrades, which heap.c sees the end of alone */
static int sessions_begun;
static int sessions_ended;
static int sessions_refused;
static long seconds; /* of ./dev soak; 0: a test */

/* --- what waits for a thread -------------------------------------------------------------------------------------- */

struct session {
    struct arena_request *request;
    struct MHD_UpgradeResponseHandle *handle; /* NULL: a suspended request */
    int socket;
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct session items[QUEUE];
    size_t count;
    bool end;
} queue = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static bool enqueue(struct arena_request *request, struct MHD_UpgradeResponseHandle *handle, int socket) {
    pthread_mutex_lock(&queue.lock);
    bool room = queue.count < QUEUE;
    if (room) {
        queue.items[queue.count++] = (struct session){arena_request_retain(request), handle, socket};
        /* Before a thread can take it: it resumes what is suspended. */
        if (handle == NULL) MHD_suspend_connection(arena_request_connection(request));
        pthread_cond_signal(&queue.changed);
    }
    pthread_mutex_unlock(&queue.lock);
    return room;
}

static bool send_all(int socket, const char *bytes, size_t size) {
    while (size > 0) {
        struct pollfd ready = {socket, POLLOUT, 0};
        if (poll(&ready, 1, 10000) <= 0) return false;
        ssize_t sent = send(socket, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && (errno == EAGAIN || errno == EINTR)) continue;
        if (sent <= 0) return false;
        bytes += sent;
        size -= (size_t)sent;
    }
    return true;
}

/* Sends back what comes, through an element of the request's arena, until the client ends it. */
static void talk(struct session *session) {
    char *text = server_text(session->request, "");
    if (text != NULL) flag_add(&elements, 1);
    while (text != NULL) {
        struct pollfd ready = {session->socket, POLLIN, 0};
        if (poll(&ready, 1, 10000) <= 0) break;
        ssize_t got = recv(session->socket, text, sizeof(struct cell), MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
        if (got <= 0 || !send_all(session->socket, text, (size_t)got)) break;
    }
}

static void end_session(struct session *session) {
    if (session->handle == NULL) {
        struct MHD_Connection *connection = arena_request_connection(session->request);
        (void)server_echo(session->request, &server);
        MHD_resume_connection(connection);
        arena_request_release(session->request);
        return;
    }
    talk(session);
    /* Both orders are right. */
    bool release_first = flag_add(&sessions_ended, 1) % 2 == 0;
    if (release_first) arena_request_release(session->request);
    MHD_upgrade_action(session->handle, MHD_UPGRADE_ACTION_CLOSE);
    if (!release_first) arena_request_release(session->request);
}

static void serve_queue(struct worker *self) {
    pthread_mutex_lock(&queue.lock);
    for (;;) {
        while (queue.count == 0 && !queue.end) pthread_cond_wait(&queue.changed, &queue.lock);
        if (queue.count == 0) break;
        struct session session = queue.items[--queue.count];
        pthread_mutex_unlock(&queue.lock);
        end_session(&session);
        pthread_mutex_lock(&queue.lock);
    }
    pthread_mutex_unlock(&queue.lock);
}

/* --- the handler -------------------------------------------------------------------------------------------------- */

static void begin_session(void *user, struct MHD_Connection *connection, void *req_cls, const char *extra,
                          size_t extra_size, MHD_socket socket, struct MHD_UpgradeResponseHandle *handle) {
    flag_add(&sessions_begun, 1); /* the clients wait for the answer before they talk on: nothing is `extra` */
    if (enqueue(user, handle, socket)) return;
    flag_add(&sessions_refused, 1);
    flag_add(&sessions_ended, 1);
    MHD_upgrade_action(handle, MHD_UPGRADE_ACTION_CLOSE);
}

static enum MHD_Result upgrade(struct arena_request *request) {
    struct MHD_Response *response = MHD_create_response_for_upgrade(begin_session, request);
    enum MHD_Result result = MHD_NO;
    if (response != NULL && MHD_add_response_header(response, "Upgrade", "echo") == MHD_YES)
        result = MHD_queue_response(arena_request_connection(request), 101, response);
    if (response != NULL) flag_add(&upgrades, 1);
    if (response != NULL) MHD_destroy_response(response);
    return result;
}

static enum MHD_Result handle(struct arena_request *request, void *user) {
    const char *url = arena_request_url(request);
    if (strcmp(url, "/up") == 0) return upgrade(request);
    if (strcmp(url, "/large") == 0) {
        char *all = arena_try_alloc_slab(server_arena(request), LARGE_CELLS);
        if (all == NULL) return MHD_NO;
        flag_add(&elements, LARGE_CELLS);
        memset(all, 'l', LARGE_CELLS * sizeof(struct cell));
        return arena_request_respond(request, 200, NULL, all, LARGE_CELLS * sizeof(struct cell)) == ARENA_OK ? MHD_YES
                                                                                                             : MHD_NO;
    }
    flag_add(&elements, 1);
    if (strcmp(url, "/later") == 0 && server.mode != MODE_THREAD_PER_CONNECTION && enqueue(request, NULL, -1)) {
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
    uint64_t answered, upgraded, left, wrong, echoed_bytes;
};

static struct visitor visitors[CLIENTS];

static uint32_t below(struct visitor *visitor, uint32_t limit) {
    visitor->random ^= visitor->random << 13;
    visitor->random ^= visitor->random >> 17;
    visitor->random ^= visitor->random << 5;
    return visitor->random % limit;
}

static bool say(struct visitor *visitor, const char *text) {
    return client_try_send(&visitor->client, text, strlen(text));
}

static bool hear(struct visitor *visitor, unsigned status, const char *body) {
    bool right = client_try_receive(&visitor->client, &visitor->reply) && visitor->reply.status == status &&
                 (body == NULL || strcmp(visitor->reply.body, body) == 0);
    visitor->answered += right;
    return right;
}

/* Talks on after an upgrade: what comes back is what was sent. */
static bool echo(struct visitor *visitor, unsigned rounds) {
    char sent[2000], got[2000];
    for (unsigned round = 0; round < rounds; round++) {
        size_t size = 1 + below(visitor, sizeof sent);
        for (size_t i = 0; i < size; i++) sent[i] = (char)below(visitor, 256);
        if (!client_try_send(&visitor->client, sent, size)) return false;
        for (size_t filled = 0; filled < size;) {
            ssize_t piece = recv(visitor->client.fd, got + filled, size - filled, 0);
            if (piece < 0 && errno == EINTR) continue;
            if (piece <= 0) return false;
            filled += (size_t)piece;
        }
        if (memcmp(sent, got, size) != 0) return false;
        visitor->echoed_bytes += size;
        if (seconds != 0 && below(visitor, 20) == 0) sleep_ms(below(visitor, 50));
    }
    return true;
}

/* A visit after which the connection can be used again; false: not what was expected. */
static bool visit_and_stay(struct visitor *visitor) {
    static const char too_long[LIMIT_BYTES + 100];
    switch (below(visitor, 8)) {
    case 0:
        return say(visitor, "POST /post HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nhel") && say(visitor, "lo") &&
               hear(visitor, 200, "POST /post hello");
    case 1:
        return say(visitor, "GET /1 HTTP/1.1\r\nHost: t\r\n\r\nGET /later HTTP/1.1\r\nHost: t\r\n\r\n"
                            "GET /3 HTTP/1.1\r\nHost: t\r\n\r\n") &&
               hear(visitor, 200, "GET /1 ") && hear(visitor, 200, "GET /later ") && hear(visitor, 200, "GET /3 ");
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
    default:
        return say(visitor, "GET /plain HTTP/1.1\r\nHost: t\r\n\r\n") && hear(visitor, 200, "GET /plain ");
    }
}

/* One after which it cannot, because the client leaves, or is about to. */
static bool visit_and_leave(struct visitor *visitor) {
    static const char up[] = "GET /up HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";
    /* No upgrade with a thread per connection: libmicrohttpd 0.9.75 may free the connection while MHD_upgrade_action is
     * closing it, which then writes to it; a program without libarena shows the same.  test_exchange.c upgrades there,
     * one connection at a time. */
    uint32_t kind = below(visitor, server.mode == MODE_THREAD_PER_CONNECTION ? 5 : 9);
    visitor->left++;
    switch (kind) {
    case 0:
        return say(visitor, "GET /large HTTP/1.1\r\nHost: t\r\n\r\n") && client_try_skip(&visitor->client);
    case 1:
        return say(visitor, "POST /gone HTTP/1.1\r\nHost: t\r\nContent-Length: 10000\r\n\r\nnot all");
    case 2:
        return say(visitor, "GET /half HTTP/1.1\r\nHos");
    case 3:
        return say(visitor, "GET /no HTTP/1.1\r\nHost: t\r\n\r\n") && client_sees_end(&visitor->client);
    case 4:
        return say(visitor, "GET /later HTTP/1.1\r\nHost: t\r\n\r\n");
    case 5:
        return say(visitor, up); /* and leaves before the session begins */
    default:
        break;
    }
    if (!say(visitor, up) || !hear(visitor, 101, NULL)) return false;
    visitor->upgraded++;
    if (kind == 6) return echo(visitor, 1 + below(visitor, seconds == 0 ? 2 : 20));
    if (kind == 7) return say(visitor, "what is sent back to nobody");
    sleep_ms(below(visitor, seconds == 0 ? 2 : 20)); /* silence */
    return true;
}

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void visit_often(struct worker *self) {
    struct visitor *visitor = &visitors[self->index];
    visitor->client.fd = -1;
    const int64_t end_ms = now_ms() + seconds * 1000 / PHASES;
    const size_t visits = support_rounds(200, 40);
    for (size_t i = 0; seconds == 0 ? i < visits : now_ms() < end_ms; i++) {
        if (visitor->client.fd < 0 && !client_try_connect(&visitor->client, server.port)) {
            visitor->wrong++;
            sleep_ms(100);
            continue;
        }
        bool stays = below(visitor, 3) != 0;
        bool right = stays ? visit_and_stay(visitor) : visit_and_leave(visitor);
        visitor->wrong += !right;
        if (right && stays) continue;
        if (below(visitor, 2) == 0) {
            client_abort(&visitor->client);
        } else {
            client_close(&visitor->client);
        }
    }
    client_close(&visitor->client);
}

/* --- the test ----------------------------------------------------------------------------------------------------- */

static void ignore_panic(const char *message, void *user) {}

static unsigned connections(void) {
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(server.daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
    return info == NULL ? 0 : info->num_connections;
}

static size_t open_files(void) {
    DIR *directory = opendir("/proc/self/fd");
    assert_non_null(directory);
    size_t count = 0;
    while (readdir(directory) != NULL) count++;
    closedir(directory);
    return count;
}

/* An upgraded connection is one of libmicrohttpd's until the application has closed it. */
static bool all_is_over(void) {
    return connections() == 0 && flag_get(&sessions_begun) == flag_get(&sessions_ended) &&
           flag_get(&server.resets) == flag_get(&elements);
}

/* The pool keeps the memory that its arenas once used: no leak, but how much it is follows how many requests there once
 * were at a time.  So more arenas than that are used up to the most in the beginning. */
static void warm_arenas(void) {
    struct arena *arenas[WARM_ARENAS];
    for (size_t i = 0; i < WARM_ARENAS; i++) {
        assert_int_equal(arena_pool_checkout(server.pool, &arenas[i]), ARENA_OK);
        assert_non_null(arena_try_alloc_slab(arenas[i], LARGE_CELLS + 1));
        flag_add(&elements, LARGE_CELLS + 1);
    }
    for (size_t i = 0; i < WARM_ARENAS; i++) arena_pool_return(server.pool, arenas[i]);
}

SERVER_TEST(nothing_is_lost_under_a_rush_of_clients) {
    const struct server_options options = {.body_limit_bytes = LIMIT_BYTES};
    arena_set_panic_handler(ignore_panic, NULL);
    flag_set(&elements, 0);
    queue.end = false;
    memset(visitors, 0, sizeof visitors);
    for (unsigned i = 0; i < CLIENTS; i++) visitors[i].random = (i + 1) * 2654435761u;
    server_start(&server, SERVER_MODE(state), handle, &options);
    static struct worker talkers[TALKERS], workers[CLIENTS];
    for (unsigned i = 0; i < TALKERS; i++) worker_start(&talkers[i], serve_queue, NULL, i);
    if (seconds != 0) warm_arenas();
    const long idle_blocks = heap_live_blocks() + flag_get(&upgrades);
    const size_t idle_files = open_files();
    size_t warm_kib = 0, most_kib = 0;

    for (unsigned phase = 0; phase < (seconds == 0 ? 3 : PHASES); phase++) {
        for (unsigned i = 0; i < CLIENTS; i++) worker_start(&workers[i], visit_often, NULL, i);
        workers_join(workers, CLIENTS);
        AWAIT(all_is_over());
        AWAIT(heap_live_blocks() + flag_get(&upgrades) == idle_blocks);
        AWAIT(open_files() == idle_files);
        size_t kib = support_resident_bytes() / 1024;
        if (phase == 0) warm_kib = kib;
        if (kib > most_kib) most_kib = kib;
    }

    pthread_mutex_lock(&queue.lock);
    queue.end = true;
    pthread_cond_broadcast(&queue.changed);
    pthread_mutex_unlock(&queue.lock);
    workers_join(talkers, TALKERS);
    server_stop(&server); /* the pool's destroy succeeds: every arena is back */
    arena_set_panic_handler(NULL, NULL);
    struct visitor sum = {.wrong = (uint64_t)flag_get(&sessions_refused)};
    for (unsigned i = 0; i < CLIENTS; i++) {
        sum.answered += visitors[i].answered;
        sum.upgraded += visitors[i].upgraded;
        sum.left += visitors[i].left;
        sum.wrong += visitors[i].wrong;
        sum.echoed_bytes += visitors[i].echoed_bytes;
    }
    printf("sessions answered %" PRIu64 "\nsessions upgraded %" PRIu64 "\nsessions left %" PRIu64
           "\nsessions wrong %" PRIu64 "\nsessions echoed_bytes %" PRIu64 "\nsessions warm_kib %zu\n"
           "sessions most_kib %zu\nsessions not_reset %d\n",
           sum.answered, sum.upgraded, sum.left, sum.wrong, sum.echoed_bytes, warm_kib, most_kib,
           elements - server.resets);
    assert_int_equal(sum.wrong, 0);
    assert_int_equal(server.resets, elements);
    assert_true(server.handled > 0 && sum.left > 0);
    assert_true((sum.upgraded > 0) == (server.mode != MODE_THREAD_PER_CONNECTION));
    if (seconds != 0) assert_true(most_kib <= warm_kib + GROWTH_MAX_KIB);
}

int main(int argc, char **argv) {
    static const char *const names[MODE_COUNT][2] = {{"internal", "*, internal thread"},
                                                     {"pool", "*, thread pool"},
                                                     {"per-connection", "*, thread per connection"},
                                                     {"external", "*, external polling"}};
    seconds = argc == 3 ? strtol(argv[1], NULL, 10) : 0;
    for (size_t i = 0; i < MODE_COUNT && argc == 3; i++) {
        if (strcmp(argv[2], names[i][0]) == 0) cmocka_set_test_filter(names[i][1]);
    }
    return support_run("mhd stress");
}
