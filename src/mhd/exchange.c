/* SPDX-License-Identifier: MIT */
/* The life of a request, from exchange_open to its last reference.  See exchange.h. */
#include "mhd/exchange.h"

#include "base/arith.h"
#include "base/race.h"
#include "mhd/callback.h"

#include <stdlib.h>
#include <string.h>

struct exchange *exchange_open(struct arena_mhd *mhd, struct MHD_Connection *connection, const char *target) {
    size_t target_bytes = target == NULL ? 0 : strlen(target);
    size_t size_bytes;
    if (!arith_add(sizeof(struct exchange), target_bytes, &size_bytes) || !arith_add(size_bytes, 1, &size_bytes)) {
        return NULL;
    }
    struct exchange *exchange = malloc(size_bytes);
    if (exchange == NULL) return NULL;
    memset(exchange, 0, sizeof *exchange);
    exchange->original.exchange = exchange;
    atomic_u64_init(&exchange->references, 1);
    atomic_u64_init(&exchange->retains, 0);
    atomic_ptr_init(&exchange->connection, connection);
    atomic_u32_init(&exchange->answered, 0);
    atomic_u32_init(&exchange->overdue, 0);
    atomic_ptr_init(&exchange->user, NULL);
    atomic_ptr_init(&exchange->form, NULL);
    exchange->stage = STAGE_NEW;
    exchange->context_deadline_ns = DEADLINE_NEVER;
    deadline_begin(&exchange->deadline, NULL);
    exchange->mhd = mhd;
    exchange->bucket = registry_bucket(&mhd->registry, connection);
    exchange->key = connection;
    if (target_bytes > 0) memcpy(exchange->target, target, target_bytes);
    exchange->target[target_bytes] = '\0';
    exchange->body_limit = mhd->options.body_limit_bytes;
    body_begin(&exchange->body, mhd->options.body_limit_bytes, &mhd->budget);
    /* relaxed: the thread that looks at the count, at the end, has waited for the daemon to stop. */
    (void)atomic_u64_add(&mhd->registry.live, 1, relaxed);
    registry_add(exchange);
    return exchange;
}

void exchange_begin(struct exchange *exchange, struct fields *fields) {
    exchange->fields = fields;
    exchange->stage = STAGE_BODY;
    registry_begin(exchange);
}

/* A context that carries the arena and has the request's deadline, if there is one. */
static int make_context(struct exchange *exchange) {
    struct arena_context *background = arena_context_background();
    if (exchange->context_deadline_ns == DEADLINE_NEVER) {
        return arena_inject(background, exchange->arena, &exchange->original.context);
    }
    struct arena_context *parent;
    int status = arena_context_with_deadline(background, exchange->context_deadline_ns, &parent);
    if (status != ARENA_OK) return status;
    status = arena_inject(parent, exchange->arena, &exchange->original.context);
    arena_context_release(parent); /* the child has its own reference */
    return status;
}

int exchange_take_arena(struct exchange *exchange) {
    if (exchange->arena != NULL) return ARENA_OK;
    int status = arena_pool_checkout(exchange->mhd->pool, &exchange->arena);
    /* Claimed, so that nobody else returns it.  That cannot fail: the arena is out, and nobody else has claimed it. */
    if (status == ARENA_OK) (void)!arena_pool_claim(exchange->arena);
    return status;
}

void exchange_give_arena(struct exchange *exchange) {
    arena_pool_return_claimed(exchange->arena);
    exchange->arena = NULL;
}

int exchange_equip(struct exchange *exchange) {
    int status = exchange_take_arena(exchange);
    if (status != ARENA_OK) return status;
    status = make_context(exchange);
    if (status != ARENA_OK) {
        body_refuse(&exchange->body, BODY_NO_MEMORY); /* what came of it may lie in the arena */
        exchange_give_arena(exchange);
    }
    return status;
}

void exchange_add_owned(struct exchange *exchange, struct owned *owned) {
    lock_enter(&exchange->bucket->lock);
    owned->next = exchange->owned;
    exchange->owned = owned;
    lock_leave(&exchange->bucket->lock);
}

static struct overdue watch(struct exchange *exchange, struct MHD_Connection *connection, bool answered) {
    const union MHD_ConnectionInfo *info =
        connection == NULL ? NULL : MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (info == NULL || exchange->deadline.at_ns == DEADLINE_NEVER)
        return registry_watch(exchange, &(struct overdue){0});
    int fd = info->connect_fd;
    const struct overdue overdue = {exchange->deadline.at_ns, fd, answered, answered ? 0 : registry_socket_cookie(fd)};
    return registry_watch(exchange, &overdue);
}

void exchange_watch_body(struct exchange *exchange, struct MHD_Connection *connection) {
    (void)watch(exchange, connection, false);
    if (connection != NULL) watch_wake(&exchange->mhd->watch, connection, arena_clock_now());
}

struct overdue exchange_watch_answer(struct exchange *exchange, struct MHD_Connection *connection) {
    return watch(exchange, connection, true);
}

bool exchange_is_answered(struct exchange *exchange, struct MHD_Connection *connection) {
    if (atomic_u32_load(&exchange->answered, relaxed) != 0) return true;
    return connection != NULL && MHD_get_connection_info(connection, MHD_CONNECTION_INFO_HTTP_STATUS) != NULL;
}

struct completed_call {
    struct exchange *exchange;
    unsigned status;
    enum MHD_RequestTerminationCode termination;
};

static void call_completed(void *user) {
    struct completed_call *call = user;
    struct arena_mhd *mhd = call->exchange->mhd;
    mhd->options.completed(&call->exchange->original, call->status, call->termination, mhd->user);
}

/* The status of the response: that of the binding's, or `own`, that of one which the handler queued by libmicrohttpd's
 * own calls. */
static unsigned status_of(struct exchange *exchange, const union MHD_ConnectionInfo *own) {
    if (exchange->status != 0) return exchange->status;
    return own == NULL ? 0 : own->http_status & ~(unsigned)MHD_ICY_FLAG;
}

static void tell_completed(struct exchange *exchange, const union MHD_ConnectionInfo *own,
                           enum MHD_RequestTerminationCode termination) {
    if (exchange->stage == STAGE_NEW || exchange->mhd->options.completed == NULL) return;
    struct completed_call call = {exchange, status_of(exchange, own), termination};
    /* relaxed: written by this thread, or under the lock of the bucket that registry_find took since. */
    if (atomic_u32_load(&exchange->overdue, relaxed) != 0) call.termination = MHD_REQUEST_TERMINATED_TIMEOUT_REACHED;
    (void)callback_run(exchange->mhd, call_completed, &call);
}

void exchange_complete(struct exchange *exchange, struct MHD_Connection *alive,
                       enum MHD_RequestTerminationCode termination) {
    /* A connection that was upgraded has no response any more, and no time limit. */
    const union MHD_ConnectionInfo *own =
        alive == NULL ? NULL : MHD_get_connection_info(alive, MHD_CONNECTION_INFO_HTTP_STATUS);
    tell_completed(exchange, own, termination);
    registry_remove(exchange);
    if (own != NULL && termination == MHD_REQUEST_TERMINATED_COMPLETED_OK) deadline_end(&exchange->deadline, alive);
    if (exchange->original.context != NULL) arena_context_cancel(exchange->original.context);
    /* release: pairs with the acquire of connection_of in request.c. */
    atomic_ptr_store(&exchange->connection, NULL, release);
    exchange_release(exchange);
}

/* relaxed: the caller holds a reference, so the count cannot reach 0 meanwhile. */
void exchange_retain(struct exchange *exchange) { (void)atomic_u64_add(&exchange->references, 1, relaxed); }

static void free_headers(struct header *header) {
    while (header != NULL) {
        struct header *next = header->next;
        free(header);
        header = next;
    }
}

static void exchange_end(struct exchange *exchange) {
    struct arena_mhd *mhd = exchange->mhd;
    for (struct arena_request *clone = exchange->clones; clone != NULL;) {
        struct arena_request *next = clone->next;
        arena_context_release(clone->context);
        free(clone);
        clone = next;
    }
    if (exchange->original.context != NULL) arena_context_release(exchange->original.context);
    for (struct owned *owned = exchange->owned; owned != NULL;) {
        struct owned *next = owned->next;
        arena_pool_return_claimed(owned->arena);
        free(owned);
        owned = next;
    }
    body_end(&exchange->body);
    arena_pool_return_claimed(exchange->arena);
    free_headers(exchange->headers);
    free(atomic_ptr_load(&exchange->form, relaxed)); /* nobody else is left */
    free(exchange->parts);
    fields_free(exchange->fields);
    free(exchange);
    /* Last of all: arena_mhd_destroy, and then arena_pool_destroy, may run as soon as this is seen.  release: pairs
     * with the acquire in arena_mhd_destroy; without it the pool could seem to miss the arena. */
    (void)atomic_u64_add(&mhd->registry.live, UINT64_MAX, release);
}

void exchange_release(struct exchange *exchange) {
    race_release(exchange);
    /* acq_rel: each release pairs with the last one, so that what every holder did comes before the end. */
    if (atomic_u64_add(&exchange->references, UINT64_MAX, acq_rel) != 1) return;
    race_acquire(exchange);
    exchange_end(exchange);
}
