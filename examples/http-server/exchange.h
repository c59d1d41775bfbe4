/* SPDX-License-Identifier: MIT */
/* arena-http-server: one request that is being answered, and what it is answered out of.
 *
 * Thread safety: an exchange belongs to the thread that answers it.
 */
#ifndef EXCHANGE_H
#define EXCHANGE_H

#include <arena/mhd.h>

#include "text.h"

/* Decoded; both texts lie in the request's arena of text and end with a zero byte. */
struct field {
    const char *key;
    size_t key_size_bytes;
    const char *value;
    size_t value_size_bytes;
};

ARENA_DEFINE(field_arena, struct field)

struct exchange {
    struct arena_request *request; /* carries both arenas */
    struct field_arena *fields;
    struct text_arena *text;
    const struct field *first; /* of field_arena_used(fields) fields, one after the other */
};

#endif
