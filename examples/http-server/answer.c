/* SPDX-License-Identifier: MIT */
/* Who owns what.  The arena of fields belongs to the request: libarena-mhd gives it back when the request is over.  The
 * arena of text was checked out of the service's pool and injected into the request.  It must outlive the request,
 * because the answer is sent from where it lies in that arena, and a response ends after its request.  So the response
 * gets it: its free callback puts it back into its pool. */
#include "answer.h"

#include <string.h>

struct answer answer_static(unsigned status, const char *body) {
    return (struct answer){.status = status, .content_type = CONTENT_TEXT, .body = body, .size_bytes = strlen(body)};
}

struct answer answer_no_room(void) {
    return answer_static(MHD_HTTP_CONTENT_TOO_LARGE, "the request does not fit its arena\n");
}

struct answer answer_text(unsigned status, const char *content_type, const char *body) {
    if (body == NULL) return answer_no_room();
    return (struct answer){.status = status,
                           .content_type = content_type,
                           .body = body,
                           .size_bytes = strlen(body),
                           .in_text_arena = true};
}

struct answer answer_not_allowed(const char *allow) {
    struct answer answer = answer_static(MHD_HTTP_METHOD_NOT_ALLOWED, "this path has no such method\n");
    answer.allow = allow;
    return answer;
}

/* Lent by the pool of texts to a response; lies in the very arena it names. */
struct text_loan {
    struct text_arena_pool *pool;
    struct text_arena *arena;
};

static void text_loan_end(void *user) {
    /* Copied out first: the return takes back the memory that the loan lies in. */
    struct text_loan loan = *(struct text_loan *)user;
    text_arena_pool_return(loan.pool, loan.arena);
}

/* Queues a response that owns the arena of text.  The arena goes back even when this fails. */
static enum MHD_Result queue_with_text(struct exchange *exchange, struct text_arena_pool *text_pool,
                                       const struct answer *answer) {
    struct text_loan *loan = text_alloc(exchange->text, sizeof(*loan));
    if (loan == NULL) {
        text_arena_pool_return(text_pool, exchange->text);
        return MHD_NO;
    }
    *loan = (struct text_loan){text_pool, exchange->text};
    /* libmicrohttpd only reads the body; its parameter is not const for older callers' sake. */
    struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback_cls(
        answer->size_bytes, (void *)(uintptr_t)answer->body, text_loan_end, loan);
    if (response == NULL) {
        text_loan_end(loan);
        return MHD_NO;
    }
    bool headers = MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->content_type) == MHD_YES;
    if (headers && answer->allow != NULL)
        headers = MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, answer->allow) == MHD_YES;
    enum MHD_Result result = MHD_NO;
    if (headers)
        result = MHD_queue_response(arena_request_connection(exchange->request), answer->status, response);
    MHD_destroy_response(response);
    return result;
}

enum MHD_Result answer_send(struct exchange *exchange, struct text_arena_pool *text_pool, const struct answer *answer) {
    if (answer->in_text_arena || answer->allow != NULL) return queue_with_text(exchange, text_pool, answer);
    text_arena_pool_return(text_pool, exchange->text);
    int status = arena_request_respond(exchange->request, answer->status, answer->content_type, answer->body,
                                       answer->size_bytes);
    return status == ARENA_OK ? MHD_YES : MHD_NO;
}
