/* SPDX-License-Identifier: MIT */
#include "call.h"

#include <string.h>

#include "number.h"

struct arena_bytes *call_arena(struct arena_request *request) {
    struct arena *arena = NULL;
    if (arena_request_extract(request, arena_type_bytes(), &arena) != ARENA_OK) return NULL;
    return arena_bytes_from_raw(arena);
}

enum MHD_Result call_answer(struct arena_request *request, unsigned status, const char *content_type,
                            const char *text) {
    if (text == NULL) {
        status = MHD_HTTP_CONTENT_TOO_LARGE;
        text = "the request does not fit its arena\n";
        content_type = CONTENT_TEXT;
    }
    return arena_request_respond(request, status, content_type, text, strlen(text)) == ARENA_OK ? MHD_YES : MHD_NO;
}

bool call_number(struct arena_request *request, const char *name, int64_t least, int64_t most, int64_t fallback,
                 int64_t *number) {
    const char *text = arena_request_argument(request, name);
    *number = fallback;
    if (text == NULL) return true;
    return number_read(text, number) == NUMBER && *number >= least && *number <= most;
}
