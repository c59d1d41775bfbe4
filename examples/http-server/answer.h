/* SPDX-License-Identifier: MIT */
/* arena-http-server: what is answered, and how it is sent. */
#ifndef ANSWER_H
#define ANSWER_H

#include "exchange.h"

#define CONTENT_JSON "application/json"
#define CONTENT_TEXT "text/plain; charset=utf-8"

struct answer {
    unsigned status;
    const char *content_type;
    const char *body; /* static, or in the arena of text */
    size_t size_bytes;
    const char *allow;  /* the Allow header, or NULL */
    bool in_text_arena; /* where the body is */
};

/* A static text. */
struct answer answer_static(unsigned status, const char *body);

/* A text as text_format makes it; NULL reads as answer_no_room. */
struct answer answer_text(unsigned status, const char *content_type, const char *body);

/* 413: what the request holds is larger than what was foreseen for one request. */
struct answer answer_no_room(void);

/* 405, with the methods that the path has. */
struct answer answer_not_allowed(const char *allow);

/* Queues the answer.  Takes the exchange's arena of text over in any case, and puts it back into its pool: now, or
 * where the answer lies in it once that is sent.  MHD_NO: the answer could not be queued. */
enum MHD_Result answer_send(struct exchange *exchange, struct text_arena_pool *text_pool, const struct answer *answer);

#endif
