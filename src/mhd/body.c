/* SPDX-License-Identifier: MIT */
/* Growth doubles, capped by the limit and by what was announced: at most twice what has arrived is in use. */
#include "mhd/body.h"

#include "base/arith.h"

#include <stdlib.h>
#include <string.h>

enum {
    FIRST_CAPACITY_BYTES = 4096,
    SMALL_SHARE = 32 /* of what a body may come to: a block up to that is a small one */
};

/* relaxed, both: a count to decide by, which orders nothing. */
static bool budget_take(struct body_budget *budget, size_t bytes) {
    if (budget == NULL) return true;
    uint64_t used = atomic_u64_load(&budget->used, relaxed);
    do {
        if (bytes > budget->most - used) return false;
    } while (!atomic_u64_cas(&budget->used, &used, used + bytes, relaxed));
    return true;
}

static void budget_give(struct body_budget *budget, size_t bytes) {
    if (budget != NULL && bytes > 0) (void)atomic_u64_add(&budget->used, UINT64_MAX - bytes + 1, relaxed);
}

void body_begin(struct body *body, size_t limit_bytes, struct body_budget *budget) {
    memset(body, 0, sizeof *body);
    body->state = BODY_KEPT;
    body->announced = SIZE_MAX;
    body->budget = budget;
    body_set_limit(body, limit_bytes);
}

void body_set_limit(struct body *body, size_t limit_bytes) {
    body->limit = limit_bytes < ARITH_MAX_BYTES ? limit_bytes : ARITH_MAX_BYTES - 1; /* there is room for the NUL */
}

void body_announce(struct body *body, uint64_t bytes) { body->announced = bytes < SIZE_MAX ? (size_t)bytes : SIZE_MAX; }

void body_use_arena(struct body *body, struct arena_bytes *arena) { body->arena = arena; }

void body_end(struct body *body) {
    if (body->arena == NULL) {
        free(body->data);
        budget_give(body->budget, body->capacity);
    }
    body->data = NULL;
    body->capacity = 0;
}

/* What was kept so far does not count against the draining. */
void body_refuse(struct body *body, enum body_state state) {
    body_end(body);
    body->state = state;
    body->length = 0;
}

static bool resize_in_arena(struct body *body, size_t capacity) {
    char *data = body->data == NULL
                     ? arena_bytes_try_alloc_raw(body->arena, capacity + 1, 1)
                     : arena_bytes_try_realloc(body->arena, body->data, body->capacity + 1, capacity + 1, 1);
    if (data == NULL) return false;
    body->data = data;
    body->capacity = capacity;
    return true;
}

static bool resize(struct body *body, size_t capacity) {
    size_t more = capacity - body->capacity;
    if (!budget_take(body->budget, more)) return false;
    char *data = realloc(body->data, capacity + 1);
    if (data == NULL) {
        budget_give(body->budget, more);
        return false;
    }
    body->data = data;
    body->capacity = capacity;
    return true;
}

static bool grow_in_place(struct body *body, size_t capacity) {
    if (body->data == NULL || !arena_bytes_resize(body->arena, body->data, body->capacity + 1, capacity + 1))
        return false;
    body->capacity = capacity;
    return true;
}

/* The next step of doubling. */
static size_t next_capacity(const struct body *body, size_t needed, size_t most) {
    size_t capacity = body->capacity > most / 2 ? most : body->capacity * 2;
    if (capacity < FIRST_CAPACITY_BYTES && FIRST_CAPACITY_BYTES <= most) capacity = FIRST_CAPACITY_BYTES;
    return capacity < needed ? needed : capacity;
}

/* What a block moves out of is lost in an arena.  So one that is no small one moves once: to where there is room for
 * all that the body may come to, or for what the arena has left.  Memory is used as it is written. */
static bool grow_in_arena(struct body *body, size_t needed, size_t most) {
    if (most > arena_bytes_cap(body->arena)) most = arena_bytes_cap(body->arena);
    size_t capacity = next_capacity(body, needed, most);
    if (grow_in_place(body, capacity)) return true;
    bool moves_once = body->announced != SIZE_MAX || body->capacity > most / SMALL_SHARE;
    if (moves_once && capacity < most) capacity = most;
    if (resize_in_arena(body, capacity)) return true;
    size_t left = arena_bytes_remaining(body->arena);
    if (left > needed + 1 && left <= capacity && resize_in_arena(body, left - 1)) return true;
    return needed < capacity && resize_in_arena(body, needed);
}

/* needed is at most the limit, and more than the capacity. */
static bool grow(struct body *body, size_t needed) {
    size_t most = body->limit < body->announced ? body->limit : body->announced;
    if (body->arena != NULL) return grow_in_arena(body, needed, most);
    size_t capacity = next_capacity(body, needed, most);
    return resize(body, capacity) || (needed < capacity && body->budget != NULL && resize(body, needed));
}

static bool drain(struct body *body, size_t size_bytes) {
    if (size_bytes > BODY_DRAIN_BYTES - body->drained) return false;
    body->drained += size_bytes;
    return true;
}

/* Is there no room for that piece, or none needed any more?  Then *go_on says whether it is worth reading on. */
static bool refused(struct body *body, size_t size_bytes, bool *go_on) {
    if (body->state != BODY_KEPT) {
        *go_on = drain(body, size_bytes);
        return true;
    }
    if (size_bytes <= body->limit - body->length) return false;
    size_t beyond = size_bytes - (body->limit - body->length); /* as body_hopeless counts */
    body_refuse(body, BODY_TOO_LONG);
    *go_on = drain(body, beyond);
    return true;
}

bool body_take(struct body *body, const char *data, size_t size_bytes) {
    bool go_on;
    if (refused(body, size_bytes, &go_on)) return go_on;
    if (size_bytes > body->capacity - body->length && !grow(body, body->length + size_bytes)) {
        body_refuse(body, body->arena == NULL ? BODY_NO_MEMORY : BODY_TOO_LONG);
        return drain(body, size_bytes);
    }
    if (size_bytes == 0) return true;
    memcpy(body->data + body->length, data, size_bytes);
    body->length += size_bytes;
    body->data[body->length] = '\0';
    return true;
}

bool body_count(struct body *body, size_t size_bytes) {
    bool go_on;
    if (refused(body, size_bytes, &go_on)) return go_on;
    body->length += size_bytes;
    return true;
}

void body_close(struct body *body) {
    if (body->arena == NULL || body->data == NULL || body->capacity == body->length) return;
    /* Nothing else has come from the arena, so this cannot fail. */
    (void)arena_bytes_resize(body->arena, body->data, body->capacity + 1, body->length + 1);
    body->capacity = body->length;
}

const void *body_data(const struct body *body) { return body->data == NULL ? "" : body->data; }

bool body_hopeless(uint64_t announced_bytes, size_t limit_bytes) {
    return announced_bytes > limit_bytes && announced_bytes - limit_bytes > BODY_DRAIN_BYTES;
}
