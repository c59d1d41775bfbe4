/* SPDX-License-Identifier: MIT */
/* A program of the HTTP binding as a user writes it, with names of its own that the binding has inside: it starts, answers
 * nobody, and stops. */
#include <arena/arena.h>
#include <arena/mhd.h>

#include <stdio.h>

int body_end(void);
int body_end(void) { return 1; }
int registry_next(void);
int registry_next(void) { return -1; }

static enum MHD_Result answer(struct arena_request *request, void *user) {
    (void)user;
    return arena_request_respond(request, 200, "text/plain", "ok", 2) == ARENA_OK ? MHD_YES : MHD_NO;
}

int main(void) {
    struct arena_pool *pool;
    struct arena_mhd *mhd;
    if (arena_pool_create(ARENA_TYPE(char), 4096, &pool) != ARENA_OK) return 1;
    if (arena_mhd_create(pool, answer, NULL, &mhd) != ARENA_OK) return 1;
    struct MHD_Daemon *daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, arena_mhd_access, mhd,
                                                 MHD_OPTION_NOTIFY_COMPLETED, arena_mhd_completed, mhd, MHD_OPTION_END);
    if (daemon == NULL) return 1;
    MHD_stop_daemon(daemon);
    arena_mhd_destroy(mhd);
    printf("%d\n", arena_pool_destroy(pool) + body_end() + registry_next());
    return 0;
}
