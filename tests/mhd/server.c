/* SPDX-License-Identifier: MIT */
/* See server.h. */
#include "server.h"

#include <arpa/inet.h>
#include <netinet/in.h>

void server_add(int line, const char *name, void (*function)(void **state), enum mode only, bool blocks) {
    static enum mode modes[MODE_COUNT] = {MODE_INTERNAL_THREAD, MODE_THREAD_POOL, MODE_THREAD_PER_CONNECTION,
                                          MODE_EXTERNAL};
    static const char *const labels[MODE_COUNT] = {"internal thread", "thread pool", "thread per connection",
                                                   "external polling"};
    for (size_t i = 0; i < MODE_COUNT; i++) {
        if (only != MODE_COUNT && only != modes[i]) continue;
        if (!blocks && modes[i] == MODE_THREAD_PER_CONNECTION) continue;
        char *label = NULL;
        if (asprintf(&label, "%s, %s", name, labels[i]) < 0) abort();
        support_add(line, label, function, &modes[i]);
    }
}

enum { POLL_MS = 10, POOL_THREADS = 4 };

/* Where dropped elements report. */
static struct server *current;

static void drop_cell(void *element, void *user) {
    if (current == NULL) return;
    flag_add(&current->resets, 1);
    server_note(current, 'R');
}

const struct arena_type server_cell_type = {"struct cell", sizeof(struct cell), _Alignof(struct cell), drop_cell};

void server_note(struct server *server, char event) {
    pthread_mutex_lock(&server->journal_lock);
    if (server->journal_length < sizeof server->journal - 1) server->journal[server->journal_length++] = event;
    pthread_mutex_unlock(&server->journal_lock);
}

const char *server_journal(struct server *server, char journal[SERVER_JOURNAL_BYTES]) {
    pthread_mutex_lock(&server->journal_lock);
    memcpy(journal, server->journal, server->journal_length);
    journal[server->journal_length] = '\0';
    pthread_mutex_unlock(&server->journal_lock);
    return journal;
}

void server_expect_journal(struct server *server, const char *expected) {
    char journal[SERVER_JOURNAL_BYTES];
    for (unsigned waited_ms = 0; strlen(server_journal(server, journal)) < strlen(expected); waited_ms++) {
        if (waited_ms > 60000) break;
        sleep_ms(1);
    }
    assert_string_equal(journal, expected);
}

bool server_limits_silence(enum mode mode) { return mode != MODE_THREAD_PER_CONNECTION || MHD_get_version()[0] == '0'; }

bool server_is_watched(enum mode mode) {
    return mode == MODE_EXTERNAL || (mode != MODE_THREAD_PER_CONNECTION && MHD_get_version()[0] == '0');
}

/* --- callbacks ---------------------------------------------------------------------------------------------------- */

/* A connection that the binding gave to libmicrohttpd, which is no part of what the tests count: see mhd/watch.h. */
static bool is_the_bindings(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    return info != NULL && info->client_addr->sa_family == AF_UNSPEC;
}

static enum MHD_Result on_access(void *user, struct MHD_Connection *connection, const char *url, const char *method,
                                 const char *version, const char *upload_data, size_t *upload_data_size,
                                 void **req_cls) {
    struct server *server = user;
    if (is_the_bindings(connection)) {
        flag_add(&server->watches, 1);
        return arena_mhd_access(server->mhd, connection, url, method, version, upload_data, upload_data_size, req_cls);
    }
    flag_add(&server->accesses, 1);
    bool upload = *upload_data_size != 0;
    enum MHD_Result result =
        arena_mhd_access(server->mhd, connection, url, method, version, upload_data, upload_data_size, req_cls);
    if (upload) flag_add(&server->uploads, 1);
    return result;
}

static void on_completed(void *user, struct MHD_Connection *connection, void **req_cls,
                         enum MHD_RequestTerminationCode termination) {
    struct server *server = user;
    if (is_the_bindings(connection)) {
        arena_mhd_completed(server->mhd, connection, req_cls, termination);
        return;
    }
    server_note(server, 'C');
    if (*req_cls == NULL) flag_add(&server->null_completed, 1);
    flag_set(&server->last_termination, (int)termination);
    if (!server->options.loses_completion) arena_mhd_completed(server->mhd, connection, req_cls, termination);
    server_note(server, 'c');
    flag_add(&server->completed, 1);
}

static enum MHD_Result on_request(struct arena_request *request, void *user) {
    struct server *server = user;
    server_note(server, 'H');
    flag_add(&server->handled, 1);
    enum MHD_Result result = server->handler(request, server);
    server_note(server, 'h');
    return result;
}

static void *no_uri_log(void *user, const char *uri, struct MHD_Connection *connection) {
    (void)uri;
    (void)connection;
    return NULL;
}

static void *bound_uri_log(void *user, const char *uri, struct MHD_Connection *connection) {
    struct server *server = user;
    return arena_mhd_uri(server->mhd, uri, connection);
}

static enum MHD_Result takes(void *user, const struct sockaddr *address, socklen_t size) {
    struct server *server = user;
    if (address->sa_family != AF_UNSPEC) return MHD_YES;
    if (pthread_equal(pthread_self(), server->starter)) flag_add(&server->outside, 1);
    return server->options.takes_no_watch ? MHD_NO : MHD_YES;
}

static void poll_daemon(struct worker *self) {
    struct server *server = self->user;
    while (flag_get(&self->go) == 0) (void)MHD_run_wait(server->daemon, POLL_MS);
}

/* --- life --------------------------------------------------------------------------------------------------------- */

static struct MHD_Daemon *start_daemon(struct server *server) {
    unsigned flags = MHD_ALLOW_UPGRADE;
    switch (server->mode) {
    case MODE_INTERNAL_THREAD:
        flags |= MHD_USE_INTERNAL_POLLING_THREAD | MHD_ALLOW_SUSPEND_RESUME;
        break;
    case MODE_THREAD_POOL:
        flags |= MHD_USE_INTERNAL_POLLING_THREAD | MHD_ALLOW_SUSPEND_RESUME;
        break;
    case MODE_THREAD_PER_CONNECTION:
        flags |= MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_ITC;
        break;
    default:
        flags |= MHD_ALLOW_SUSPEND_RESUME;
        break;
    }
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct MHD_OptionItem items[4];
    size_t count = 0;
    if (server->mode == MODE_THREAD_POOL) {
        items[count++] = (struct MHD_OptionItem){MHD_OPTION_THREAD_POOL_SIZE, POOL_THREADS, NULL};
    }
    if (server->options.connection_memory_bytes != 0) {
        items[count++] = (struct MHD_OptionItem){MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                                                 (intptr_t)server->options.connection_memory_bytes, NULL};
    }
    items[count] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    void *(*uri_log)(void *user, const char *uri, struct MHD_Connection *) =
        server->options.knows_targets ? bound_uri_log : no_uri_log;
    if (server->options.uri_log != NULL) uri_log = server->options.uri_log;
    return MHD_start_daemon(flags, 0, takes, server, on_access, server, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
                            server, MHD_OPTION_SOCK_ADDR, (struct sockaddr *)(void *)&address,
                            MHD_OPTION_URI_LOG_CALLBACK, uri_log, server, MHD_OPTION_ARRAY, items, MHD_OPTION_END);
}

void server_start(struct server *server, enum mode mode, arena_mhd_handler *handler,
                  const struct server_options *options) {
    memset(server, 0, sizeof *server);
    server->mode = mode;
    server->starter = pthread_self();
    server->handler = handler;
    server->last_termination = -1;
    if (options != NULL) server->options = *options;
    assert_int_equal(pthread_mutex_init(&server->journal_lock, NULL), 0);
    current = server;
    const struct arena_pool_options pool_options = {.struct_size = sizeof pool_options,
                                                    .max_arenas = server->options.max_arenas};
    const struct arena_type *type = server->options.byte_arenas == 0 ? &server_cell_type : arena_type_bytes();
    size_t capacity = server->options.byte_arenas == 0 ? (size_t)SERVER_ARENA_CELLS : server->options.byte_arenas;
    assert_int_equal(arena_pool_create_with(type, capacity, &pool_options, &server->pool), ARENA_OK);
    struct arena_mhd_options mhd_options = {0};
    if (server->options.hooks != NULL) mhd_options = *server->options.hooks;
    mhd_options.struct_size = sizeof mhd_options;
    if (mhd_options.body_limit_bytes == 0) mhd_options.body_limit_bytes = server->options.body_limit_bytes;
    assert_int_equal(arena_mhd_create_with(server->pool, on_request, server, &mhd_options, &server->mhd), ARENA_OK);
    server->daemon = start_daemon(server);
    assert_non_null(server->daemon);
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT);
    assert_non_null(info);
    server->port = info->port;
    if (mode == MODE_EXTERNAL) worker_start(&server->poller, poll_daemon, server, 0);
}

void server_stop_daemon(struct server *server) {
    if (server->mode == MODE_EXTERNAL) {
        flag_set(&server->poller.go, 1);
        worker_join(&server->poller);
    }
    MHD_stop_daemon(server->daemon);
    server->daemon = NULL;
}

void server_destroy(struct server *server) {
    arena_mhd_destroy(server->mhd);
    server->mhd = NULL;
    assert_int_equal(arena_pool_destroy(server->pool), ARENA_OK);
    server->pool = NULL;
    current = NULL;
    pthread_mutex_destroy(&server->journal_lock);
}

void server_stop(struct server *server) {
    server_stop_daemon(server);
    server_destroy(server);
}

void server_meet(struct server *server, struct client *client, enum mode mode, arena_mhd_handler *handler,
                 const struct server_options *options) {
    server_start(server, mode, handler, options);
    client_connect(client, server->port);
}

void server_part(struct server *server, struct client *client) {
    client_close(client);
    server_stop(server);
}

/* --- handlers ----------------------------------------------------------------------------------------------------- */

struct arena *server_arena(struct arena_request *request) {
    struct arena *arena = NULL;
    (void)!arena_request_extract(request, &server_cell_type, &arena);
    return arena;
}

char *server_text(struct arena_request *request, const char *text) {
    struct arena *arena = server_arena(request);
    struct cell cell = {{0}};
    snprintf(cell.text, sizeof cell.text, "%s", text);
    struct cell *kept = arena == NULL ? NULL : arena_try_alloc(arena, &cell);
    return kept == NULL ? NULL : kept->text;
}

enum MHD_Result server_echo(struct arena_request *request, void *user) {
    size_t size;
    const char *body = arena_request_body(request, &size);
    char line[sizeof(struct cell)];
    snprintf(line, sizeof line, "%s %s %.*s", arena_request_method(request), arena_request_url(request),
             (int)(size < 128 ? size : 128), body);
    char *text = server_text(request, line);
    if (text == NULL) return MHD_NO;
    return arena_request_respond(request, 200, "text/plain", text, strlen(text)) == ARENA_OK ? MHD_YES : MHD_NO;
}

/* --- all modes at a time ------------------------------------------------------------------------------------------ */

static struct {
    pid_t process;
    FILE *output;
} children[MODE_COUNT];

bool server_fork(void) {
    static const char *const tests[MODE_COUNT] = {"*, internal thread", "*, thread pool", "*, thread per connection",
                                                  "*, external polling"};
    for (size_t i = 0; i < MODE_COUNT; i++) {
        children[i].output = tmpfile();
        if (children[i].output == NULL) abort();
        children[i].process = fork();
        if (children[i].process < 0) abort();
        if (children[i].process > 0) continue;
        if (dup2(fileno(children[i].output), 1) < 0 || dup2(1, 2) < 0) abort();
        cmocka_set_test_filter(tests[i]);
        return true;
    }
    return false;
}

int server_wait(void) {
    int failures = 0;
    for (size_t i = 0; i < MODE_COUNT; i++) {
        int status;
        if (waitpid(children[i].process, &status, 0) < 0 || status != 0) failures++;
        rewind(children[i].output);
        for (int byte; (byte = getc(children[i].output)) != EOF;) putchar(byte);
        (void)fclose(children[i].output);
    }
    return failures;
}
