/* SPDX-License-Identifier: MIT */
/* An HTTP service: each request has an arena of a pool, which goes back when the answer is sent, whatever happens.
 *
 *     cc hello.c $(pkg-config --cflags --libs arena-mhd) && ./a.out 8080
 *     curl 'http://127.0.0.1:8080/?name=Ada' */
#include <arena/arena.h>
#include <arena/mhd.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

static enum MHD_Result hello(struct arena_request *request, void *user) {
    (void)user;
    struct arena_bytes *arena; /* in which the request's body lies, if it has one */
    if (arena_bytes_extract(arena_request_context(request), &arena) != ARENA_OK) return MHD_NO;
    const char *name = arena_request_argument(request, "name");
    const char *text = arena_bytes_try_printf(arena, "hello, %s\n", name == NULL ? "you" : name);
    return arena_request_answer(request, 200, "text/plain; charset=utf-8", text); /* NULL, no room: 500 */
}

int main(int argc, char **argv) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argc > 1 ? argv[1] : "0"))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK); /* for this machine alone */
    /* So that all requests, bodies included, hold at most 100 times 2 MiB; each grows as it is used. */
    const struct arena_pool_options most = {.struct_size = sizeof most, .max_arenas = 100};
    struct arena_bytes_pool *pool = arena_bytes_pool_create_with(2 * 1024 * 1024, &most);
    struct arena_mhd *mhd;
    if (pool == NULL || arena_mhd_create(arena_bytes_pool_raw(pool), hello, NULL, &mhd) != ARENA_OK) return 1;
    /* clang-format off */
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_ITC, 0, NULL, NULL, arena_mhd_access, mhd,
        MHD_OPTION_NOTIFY_COMPLETED, arena_mhd_completed, mhd,
        MHD_OPTION_URI_LOG_CALLBACK, arena_mhd_uri, mhd,
        MHD_OPTION_SOCK_ADDR, &address,
        MHD_OPTION_CONNECTION_TIMEOUT, 15u, /* seconds without a byte */
        MHD_OPTION_CONNECTION_LIMIT, 1000u,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, 100u,
        MHD_OPTION_END);
    /* clang-format on */
    if (daemon == NULL) return 1;
    (void)getchar(); /* until Enter, or the end of the input */
    MHD_stop_daemon(daemon);
    arena_mhd_destroy(mhd);
    return arena_bytes_pool_destroy(pool); /* ARENA_EBUSY would mean that an arena was lost */
}
