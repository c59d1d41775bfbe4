/* SPDX-License-Identifier: MIT */
/* One request, answered with and without an arena:  http-compare bare|arena
 *
 * Both answer GET /<anything> with a body of 30 numbered lines that they make for each request.  bare: a plain handler
 * of libmicrohttpd, 30 mallocs, the body copied into the response.  arena: libarena-mhd, the lines and the body in the
 * request's arena, the body sent from there.  Prints its port, and serves until its standard input ends.
 */
#include <arena/mhd.h>
#include <arena/typed.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINES = 30, LINE_BYTES = 48 };

struct line {
    char text[LINE_BYTES];
};

ARENA_DEFINE(lines, struct line)

static size_t line_write(struct line *line, int number, const char *url) {
    int length = snprintf(line->text, sizeof line->text, "%02d %.40s\n", number, url);
    return (size_t)length < sizeof line->text ? (size_t)length : sizeof line->text - 1;
}

/* Joins the lines into `body`; its length. */
static size_t lines_join(struct line *const *each, const size_t *lengths, char *body) {
    size_t at = 0;
    for (int i = 0; i < LINES; i++) {
        memcpy(body + at, each[i]->text, lengths[i]);
        at += lengths[i];
    }
    return at;
}

static enum MHD_Result handle_bare(void *user, struct MHD_Connection *connection, const char *url, const char *method,
                                   const char *version, const char *upload_data, size_t *upload_data_size,
                                   void **request) {
    static int begun;
    (void)user, (void)method, (void)version, (void)upload_data;
    if (*request == NULL) {
        *request = &begun;
        return MHD_YES;
    }
    if (*upload_data_size != 0) {
        *upload_data_size = 0;
        return MHD_YES;
    }
    struct line *each[LINES];
    size_t lengths[LINES];
    char body[LINES * LINE_BYTES];
    for (int i = 0; i < LINES; i++) {
        each[i] = malloc(sizeof *each[i]);
        if (each[i] == NULL) abort();
        lengths[i] = line_write(each[i], i, url);
    }
    size_t size = lines_join(each, lengths, body);
    for (int i = 0; i < LINES; i++) free(each[i]);
    struct MHD_Response *response = MHD_create_response_from_buffer(size, body, MHD_RESPMEM_MUST_COPY);
    enum MHD_Result result = MHD_queue_response(connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result handle_arena(struct arena_request *request, void *user) {
    (void)user;
    struct arena *raw;
    if (arena_request_extract(request, lines_type(), &raw) != ARENA_OK) return MHD_NO;
    struct lines *arena = lines_from_raw(raw);
    const char *url = arena_request_url(request);
    struct line *each[LINES];
    size_t lengths[LINES];
    for (int i = 0; i < LINES; i++) {
        each[i] = lines_alloc_zero(arena);
        lengths[i] = line_write(each[i], i, url);
    }
    char *body = lines_alloc_slab(arena, LINES).data[0].text;
    size_t size = lines_join(each, lengths, body);
    return arena_request_respond(request, MHD_HTTP_OK, NULL, body, size) == ARENA_OK ? MHD_YES : MHD_NO;
}

int main(int argc, char **argv) {
    const unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD;
    struct sockaddr_in loopback = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct lines_pool *pool = lines_pool_create(2 * LINES);
    struct arena_mhd *mhd = NULL;
    struct MHD_Daemon *daemon;
    if (pool == NULL || argc != 2) return 2;
    if (strcmp(argv[1], "arena") == 0) {
        if (arena_mhd_create(lines_pool_raw(pool), handle_arena, NULL, &mhd) != ARENA_OK) return 1;
        daemon = MHD_start_daemon(flags, 0, NULL, NULL, arena_mhd_access, mhd, MHD_OPTION_SOCK_ADDR, &loopback,
                                  MHD_OPTION_NOTIFY_COMPLETED, arena_mhd_completed, mhd, MHD_OPTION_END);
    } else {
        daemon =
            MHD_start_daemon(flags, 0, NULL, NULL, handle_bare, NULL, MHD_OPTION_SOCK_ADDR, &loopback, MHD_OPTION_END);
    }
    if (daemon == NULL) return 1;
    printf("%u\n", (unsigned)MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    fflush(stdout);
    char unused[64];
    while (read(STDIN_FILENO, unused, sizeof unused) > 0) {}
    MHD_stop_daemon(daemon);
    arena_mhd_destroy(mhd);
    return lines_pool_destroy(pool) == ARENA_OK ? 0 : 1;
}
