/* SPDX-License-Identifier: MIT */
/* Growth doubles, capped by the limit: at most twice what has arrived is in use. */
#include "mhd/body.h"

#include "base/arith.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY_BYTES = 4096 };

void body_begin(struct body *body, size_t limit_bytes) {
    memset(body, 0, sizeof *body);
    body->state = BODY_KEPT;
    body->limit = limit_bytes < ARITH_MAX_BYTES ? limit_bytes : ARITH_MAX_BYTES - 1; /* there is room for the NUL */
}

void body_end(struct body *body) {
    free(body->data);
    body->data = NULL;
}

/* What was kept so far does not count against the draining. */
static void refuse(struct body *body, enum body_state state) {
    body_end(body);
    body->state = state;
    body->length = 0;
    body->capacity = 0;
}

/* needed is at most the limit. */
static bool grow(struct body *body, size_t needed) {
    size_t capacity = body->capacity > body->limit / 2 ? body->limit : body->capacity * 2;
    if (capacity < needed) capacity = needed;
    if (capacity < FIRST_CAPACITY_BYTES && FIRST_CAPACITY_BYTES <= body->limit) capacity = FIRST_CAPACITY_BYTES;
    char *data = realloc(body->data, capacity + 1);
    if (data == NULL) return false;
    body->data = data;
    body->capacity = capacity;
    return true;
}

static bool drain(struct body *body, size_t size_bytes) {
    if (size_bytes > BODY_DRAIN_BYTES - body->drained) return false;
    body->drained += size_bytes;
    return true;
}

bool body_take(struct body *body, const char *data, size_t size_bytes) {
    if (body->state != BODY_KEPT) return drain(body, size_bytes);
    if (size_bytes > body->limit - body->length) {
        size_t beyond = size_bytes - (body->limit - body->length); /* as body_hopeless counts */
        refuse(body, BODY_TOO_LONG);
        return drain(body, beyond);
    }
    if (size_bytes > body->capacity - body->length && !grow(body, body->length + size_bytes)) {
        refuse(body, BODY_NO_MEMORY);
        return drain(body, size_bytes);
    }
    if (size_bytes == 0) return true;
    memcpy(body->data + body->length, data, size_bytes);
    body->length += size_bytes;
    body->data[body->length] = '\0';
    return true;
}

const void *body_data(const struct body *body) { return body->data == NULL ? "" : body->data; }

bool body_hopeless(uint64_t announced_bytes, size_t limit_bytes) {
    return announced_bytes > limit_bytes && announced_bytes - limit_bytes > BODY_DRAIN_BYTES;
}
