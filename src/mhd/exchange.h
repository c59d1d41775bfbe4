/* SPDX-License-Identifier: MIT */
/* struct exchange: one HTTP request on its way through the binding, from the first call of the access handler to the
 * last reference; and struct arena_request, the face of it that a handler sees.
 *
 * References: one for the request itself, given up when it completes; one for each response whose body may lie in the
 * arena, given up by its free callback; one for each arena_request_retain.  Whoever gives up the last one ends the
 * exchange, on whatever thread that is: the arena goes back to the pool, which resets it, and everything is freed.
 * That happens once because a count reaches 0 once, and nobody who holds no reference may take one.
 *
 * Threads: `fields`, `key`, `bucket`, `pool` and `registry` never change.  `body`, `arena` and the original's context
 * change before the handler runs only, on the daemon's thread, and whoever gets the request gets it from the handler;
 * `handled` is the daemon's thread's own.  The count is what orders everybody's last use before the end. */
#ifndef MHD_EXCHANGE_H
#define MHD_EXCHANGE_H

#include "mhd/body.h"
#include "mhd/fields.h"
#include "mhd/registry.h"
#include "platform/sync.h"

#include <arena/mhd.h>
#include <stdbool.h>

struct arena_request {
    struct exchange *exchange;
    struct arena_context *context; /* owned; NULL until the exchange is equipped */
    struct arena_request *next;    /* the next clone */
};

struct exchange {
    struct arena_request original;
    struct arena_request *clones; /* guarded by bucket->lock */

    struct atomic_u64 references;
    struct atomic_u64 retains;    /* the references among them that came from arena_request_retain */
    struct atomic_ptr connection; /* NULL once complete */
    struct atomic_u32 answered;   /* 1: arena_request_respond or the binding has queued a response, or is about to */
    bool handled;                 /* the handler has been called, or refused */

    struct fields *fields;
    struct body body;
    struct arena *arena; /* NULL until the exchange is equipped */

    struct arena_pool *pool;
    struct registry *registry;
    struct registry_bucket *bucket;
    const struct MHD_Connection *key; /* the connection, to compare with alone: it may be gone */
    struct exchange *next;            /* in the bucket; guarded by bucket->lock, as is previous */
    struct exchange *previous;
};

/* Begins an exchange, with the request's reference, and registers it.  Takes the fields over, also when it fails.
 * NULL: no memory. */
struct exchange *exchange_open(struct registry *registry, struct arena_pool *pool, struct MHD_Connection *connection,
                               struct fields *fields, size_t body_limit_bytes);

/* Gives it an arena of the pool and the context that carries it.  ARENA_OK, ARENA_EFULL, ARENA_ENOMEM. */
int exchange_equip(struct exchange *exchange);

/* The request is over: takes it out of the registry, ends its context and gives up its reference.  For an exchange that
 * was found in the registry, on the thread of its connection: so it happens once. */
void exchange_complete(struct exchange *exchange);

void exchange_retain(struct exchange *exchange);
void exchange_release(struct exchange *exchange);

#endif
