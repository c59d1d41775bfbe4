/* SPDX-License-Identifier: MIT */
#include "mhd/exchange.h"

#include "base/race.h"

#include <stdlib.h>
#include <string.h>

struct exchange *exchange_open(struct registry *registry, struct arena_pool *pool, struct MHD_Connection *connection,
                               struct fields *fields, size_t body_limit_bytes) {
    struct exchange *exchange = calloc(1, sizeof *exchange);
    if (exchange == NULL) {
        fields_free(fields);
        return NULL;
    }
    exchange->original.exchange = exchange;
    atomic_u64_init(&exchange->references, 1);
    atomic_u64_init(&exchange->retains, 0);
    atomic_ptr_init(&exchange->connection, connection);
    atomic_u32_init(&exchange->answered, 0);
    exchange->fields = fields;
    body_begin(&exchange->body, body_limit_bytes);
    exchange->pool = pool;
    exchange->registry = registry;
    exchange->bucket = registry_bucket(registry, connection);
    exchange->key = connection;
    /* relaxed: whoever looks at the count, at the end, has waited for the daemon to stop. */
    (void)atomic_u64_add(&registry->live, 1, relaxed);
    registry_add(exchange);
    return exchange;
}

int exchange_equip(struct exchange *exchange) {
    int status = arena_pool_checkout(exchange->pool, &exchange->arena);
    if (status != ARENA_OK) return status;
    status = arena_inject(arena_context_background(), exchange->arena, &exchange->original.context);
    if (status != ARENA_OK) {
        arena_pool_return(exchange->pool, exchange->arena);
        exchange->arena = NULL;
    }
    return status;
}

void exchange_complete(struct exchange *exchange) {
    registry_remove(exchange);
    if (exchange->original.context != NULL) arena_context_cancel(exchange->original.context);
    /* release: pairs with the acquire of connection_of in request.c. */
    atomic_ptr_store(&exchange->connection, NULL, release);
    exchange_release(exchange);
}

/* relaxed: the caller holds a reference, so the count cannot reach 0 meanwhile. */
void exchange_retain(struct exchange *exchange) { (void)atomic_u64_add(&exchange->references, 1, relaxed); }

static void exchange_end(struct exchange *exchange) {
    struct registry *registry = exchange->registry;
    for (struct arena_request *clone = exchange->clones; clone != NULL;) {
        struct arena_request *next = clone->next;
        arena_context_release(clone->context);
        free(clone);
        clone = next;
    }
    if (exchange->original.context != NULL) arena_context_release(exchange->original.context);
    arena_pool_return(exchange->pool, exchange->arena);
    body_end(&exchange->body);
    fields_free(exchange->fields);
    free(exchange);
    /* Last of all: arena_mhd_destroy, and then arena_pool_destroy, may run as soon as this is seen.  release: pairs
     * with the acquire in arena_mhd_destroy; without it the pool could seem to miss the arena. */
    (void)atomic_u64_add(&registry->live, UINT64_MAX, release);
}

void exchange_release(struct exchange *exchange) {
    race_release(exchange);
    /* acq_rel: each release pairs with the last one, so that what every holder did comes before the end. */
    if (atomic_u64_add(&exchange->references, UINT64_MAX, acq_rel) != 1) return;
    race_acquire(exchange);
    exchange_end(exchange);
}
