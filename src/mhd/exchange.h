/* SPDX-License-Identifier: MIT */
/* struct exchange: one HTTP request on its way through the binding, from the first call of a callback to the last
 * reference; and struct arena_request, the face of it that a handler sees.
 *
 * References: one for the request itself, given up when it completes; one for each response whose body may lie in the
 * arena, given up by its free callback; one for each arena_request_retain.  The thread that gives up the last one ends
 * the exchange: the arena goes back to the pool, which resets it, and everything is freed.
 * That happens once because a count reaches 0 once, and nobody who holds no reference may take one.
 *
 * Threads: `key`, `bucket`, `mhd` and `target` never change.  `fields`, `body`, `arena`, `piece` and the original's
 * context change before the handler runs only, on the daemon's thread, and any other thread that uses the request has
 * it from the handler; `stage` is the daemon's thread's own.  What belongs to the answer belongs to the thread that
 * made `answered` 1; libmicrohttpd's locks hand it over to the thread that sends.  The count of references orders every
 * thread's last use before the end. */
#ifndef MHD_EXCHANGE_H
#define MHD_EXCHANGE_H

#include "mhd/binding.h"
#include "mhd/body.h"
#include "mhd/deadline.h"
#include "mhd/fields.h"
#include "mhd/form.h"
#include "mhd/parts.h"
#include "mhd/registry.h"
#include "platform/sync.h"

#include <arena/mhd.h>
#include <stdbool.h>

struct arena_request {
    struct exchange *exchange;
    struct arena_context *context; /* owned; NULL until the exchange is equipped */
    struct arena_request *next;    /* the next clone */
};

enum stage {
    STAGE_NEW,       /* the target is known, the headers are not */
    STAGE_BEGINNING, /* `begin` runs */
    STAGE_BODY,      /* the body is arriving, if there is one */
    STAGE_HANDLED    /* the handler has been called, or the request was answered without it */
};

/* Where an answer that is sent piece by piece comes from.  read(user, ...) as in arena_request_respond_stream. */
struct source {
    int64_t (*read)(void *user, uint64_t offset, char *to, size_t most);
    void (*end)(void *user); /* or NULL */
    void *user;
    int64_t size_bytes; /* -1: not known */
    const char *memory; /* of respond: the body */
    int fd;             /* of respond_file */
    uint64_t first;     /* where in the file */
    bool queued;        /* from then on `end` is owed */
};

/* An arena that the program gave the request. */
struct owned {
    struct owned *next;
    struct arena *arena; /* claimed */
};

/* A header of the answer to come.  Name and value, each with its NUL, lie behind it. */
struct header {
    struct header *next;
    const char *value;
    char name[];
};

struct exchange {
    struct arena_request original;
    struct arena_request *clones; /* guarded by bucket->lock, as is `owned` */
    struct owned *owned;

    struct atomic_u64 references;
    struct atomic_u64 retains;    /* the references among them that came from arena_request_retain */
    struct atomic_ptr connection; /* NULL once complete */
    struct atomic_u32 answered;   /* 1: a response is queued, or is about to be */
    struct atomic_u32 overdue;    /* 1: it was ended because a deadline had passed */
    struct atomic_ptr user;       /* the program's */
    struct atomic_ptr form;       /* of form_decode, made when it is asked for */
    struct parts *parts;          /* the same; by one thread at a time */
    enum stage stage;
    bool begin_later; /* `begin` runs once the request is whole: no body was announced */

    struct fields *fields; /* NULL while STAGE_NEW */
    struct body body;
    size_t body_limit;   /* as it was asked for; the body's own may be lower */
    struct arena *arena; /* claimed; NULL until the exchange is equipped */
    int (*piece)(struct arena_request *request, const void *data, size_t size_bytes, void *user); /* NULL: collect */
    void *piece_user;

    struct deadline deadline;    /* of what is under way */
    int64_t context_deadline_ns; /* of all of it */
    int64_t wake_ns;             /* when a piece of the answer wakes the watch next */
    unsigned status;             /* of the answer; 0: none, or one of the handler's own making */
    struct header *headers;      /* to be sent, in order */
    struct source source;

    struct arena_mhd *mhd;
    struct registry_bucket *bucket;
    const struct MHD_Connection *key; /* the connection, to compare with alone: it may be gone */
    struct exchange *next;            /* in the bucket; guarded by bucket->lock, as is what follows */
    struct exchange *previous;
    bool begun;           /* not STAGE_NEW */
    struct overdue sweep; /* see registry_sweep */
    char target[];        /* as it was sent; "" where not known */
};

/* Begins an exchange, with the request's reference, and registers it.  target may be NULL.  NULL: no memory. */
struct exchange *exchange_open(struct arena_mhd *mhd, struct MHD_Connection *connection, const char *target);

/* The headers are known.  Takes the fields over. */
void exchange_begin(struct exchange *exchange, struct fields *fields);

/* Gives it an arena of the pool, where it has none.  ARENA_OK, ARENA_EFULL, ARENA_ENOMEM. */
int exchange_take_arena(struct exchange *exchange);
/* Gives that back, before a handler has seen it. */
void exchange_give_arena(struct exchange *exchange);
/* Gives it an arena, where it has none, and the context that carries it.  Statuses as above. */
int exchange_equip(struct exchange *exchange);

/* The request is over: tells the program, takes it out of the registry, ends its context and gives up its reference.
 * For an exchange that was found in the registry, on the thread of its connection: so it happens once.  alive: the
 * connection; NULL where it is gone. */
void exchange_complete(struct exchange *exchange, struct MHD_Connection *alive,
                       enum MHD_RequestTerminationCode termination);

void exchange_retain(struct exchange *exchange);
void exchange_release(struct exchange *exchange);

/* Notes one more arena, to be returned when the exchange ends. */
void exchange_add_owned(struct exchange *exchange, struct owned *owned);

/* Notes the present deadline, of the body or of the answer, in the registry.  Where libmicrohttpd does not end the
 * exchange by then, the next request or the watch cuts it off.  An upload wakes the watch.  An answer does not, because
 * any thread may queue one: its first piece does, on the connection's thread.  exchange_watch_answer returns what was
 * noted before. */
void exchange_watch_body(struct exchange *exchange, struct MHD_Connection *connection);
struct overdue exchange_watch_answer(struct exchange *exchange, struct MHD_Connection *connection);

/* Has a response been queued, by the binding or by the handler itself? */
bool exchange_is_answered(struct exchange *exchange, struct MHD_Connection *connection);

#endif
