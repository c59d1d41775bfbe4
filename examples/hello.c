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

ARENA_DEFINE(text, char)

static enum MHD_Result hello(struct arena_request *request, void *user) {
    (void)user;
    struct arena *raw;
    if (arena_request_extract(request, text_type(), &raw) != ARENA_OK) return MHD_NO;
    const char *name = arena_request_argument(request, "name");
    if (name == NULL) name = "you";
    size_t size = (size_t)snprintf(NULL, 0, "hello, %s\n", name);
    struct text_slab answer;
    if (!text_try_alloc_slab(text_from_raw(raw), size + 1, &answer)) {
        return arena_request_respond(request, 413, "text/plain", "too long\n", 9) == ARENA_OK ? MHD_YES : MHD_NO;
    }
    (void)snprintf(answer.data, answer.len, "hello, %s\n", name);
    return arena_request_respond(request, 200, "text/plain", answer.data, size) == ARENA_OK ? MHD_YES : MHD_NO;
}

int main(int argc, char **argv) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argc > 1 ? argv[1] : "0"))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK); /* for this machine alone */
    struct text_pool *pool = text_pool_create(4096);
    struct arena_mhd *mhd;
    if (pool == NULL || arena_mhd_create(text_pool_raw(pool), hello, NULL, &mhd) != ARENA_OK) return 1;
    /* clang-format off */
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_ITC, 0, NULL, NULL, arena_mhd_access, mhd,
        MHD_OPTION_NOTIFY_COMPLETED, arena_mhd_completed, mhd,
        MHD_OPTION_URI_LOG_CALLBACK, arena_mhd_uri, mhd,
        MHD_OPTION_SOCK_ADDR, &address,
        MHD_OPTION_CONNECTION_TIMEOUT, 15u, /* seconds without a byte */
        MHD_OPTION_CONNECTION_LIMIT, 100u,
        MHD_OPTION_END);
    /* clang-format on */
    if (daemon == NULL) return 1;
    (void)getchar(); /* until Enter, or the end of the input */
    MHD_stop_daemon(daemon);
    arena_mhd_destroy(mhd);
    return text_pool_destroy(pool); /* ARENA_EBUSY would mean that an arena was lost */
}
