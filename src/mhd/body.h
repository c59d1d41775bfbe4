/* SPDX-License-Identifier: MIT */
/* The body of a request, collected piece by piece: in the request's byte arena, or in memory of the binding's own.
 *
 * No more than the limit is ever kept, and memory is used as the body arrives, not as it was announced: a client that
 * announces much and sends little costs little.  In an arena the block is made in one piece where the length was
 * announced, and else moves once at most when it is no small one any more, since what a block moves out of is lost
 * there; elsewhere it doubles.  All bodies elsewhere hold no more than their budget together.  Once a body is known to
 * be refused, the rest is read and thrown away, so that the client gets to read the answer and the connection survives;
 * up to BODY_DRAIN_BYTES of it.  One thread at a time; the budget is everybody's. */
#ifndef MHD_BODY_H
#define MHD_BODY_H

#include "platform/sync.h"

#include <arena/bytes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BODY_DRAIN_BYTES = 16 * 1024 * 1024 };

enum body_state {
    BODY_KEPT,      /* all that has come so far is here, or was counted */
    BODY_TOO_LONG,  /* it exceeds the limit, or does not fit its arena; nothing is kept */
    BODY_NO_MEMORY, /* memory or the budget ran out; nothing is kept */
    BODY_UNWANTED   /* the program's `piece` wants no more */
};

/* What the blocks of all bodies hold; used <= most, always. */
struct body_budget {
    struct atomic_u64 used;
    uint64_t most;
};

struct body {
    enum body_state state;
    char *data; /* NULL while nothing is kept */
    size_t length;
    size_t capacity; /* without the NUL; so much of the budget is this body's */
    size_t limit;
    size_t announced;           /* the block becomes no larger where that is enough; SIZE_MAX: not known */
    size_t drained;             /* bytes thrown away; of a body that is too long, those beyond the limit */
    struct body_budget *budget; /* NULL: without bounds */
    struct arena_bytes *arena;  /* where the block lies; NULL: in memory of its own, within the budget */
};

void body_begin(struct body *body, size_t limit_bytes, struct body_budget *budget);
void body_end(struct body *body);

/* Before the first piece. */
void body_use_arena(struct body *body, struct arena_bytes *arena);
void body_set_limit(struct body *body, size_t limit_bytes);
void body_announce(struct body *body, uint64_t bytes);

/* Takes the next piece.  false: so much had to be thrown away that the connection is better closed. */
bool body_take(struct body *body, const char *data, size_t size_bytes);
/* The same for a piece that somebody else takes, while the state stays BODY_KEPT. */
bool body_count(struct body *body, size_t size_bytes);
/* It is whole: what its block has too much of is the arena's again. */
void body_close(struct body *body);
/* Nothing of it is wanted any more. */
void body_refuse(struct body *body, enum body_state state);

/* Never NULL; length bytes and a NUL after them.  "" where the pieces were counted alone. */
const void *body_data(const struct body *body);

/* Is a body of that many bytes, as announced by the client, not even worth draining? */
bool body_hopeless(uint64_t announced_bytes, size_t limit_bytes);

#endif
