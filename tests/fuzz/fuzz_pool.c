/* SPDX-License-Identifier: MIT */
/* struct arena_pool, with and without a limit, used by threads that take turns: checkouts, returns from any thread,
 * nested scopes, panics through them, trims, threads that end with arenas in their caches and out.
 *
 * The model is an array of the arenas that are out, each with the model of what was handed out of it.
 */
#include "fuzz.h"

#include "core/slots.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_OUT = 40, MOST_NESTED = 4 };

static struct out {
    struct arena *arena; /* NULL: a free place */
    struct model model;
    bool scope; /* given back by leaving */
} outs[MOST_OUT];
static size_t out_count;
static bool trimmed_scopes; /* there was a trim inside of a scope, and none outside of all since then */

static struct arena_pool *pool;
static struct arena_type type;
static size_t capacity;
static size_t limit; /* 0: none */
static uint32_t clear_policy;
static struct input *input;
static unsigned nested;
static struct arena_context *ended[2]; /* cancelled, timed out */

/* An arena came out of the pool: it must be empty, like new, and nobody else's. */
static struct out *came_out(struct arena *arena, bool scope) {
    CHECK(arena != NULL);
    struct out *place = NULL;
    for (size_t i = 0; i < MOST_OUT; i++) {
        CHECK(outs[i].arena != arena);
        if (outs[i].arena == NULL) place = &outs[i];
    }
    CHECK(place != NULL);
    CHECK(arena_used(arena) == 0 && arena_cap(arena) == capacity);
    place->arena = arena;
    place->scope = scope;
    model_start(&place->model, arena, &type, capacity, clear_policy, true);
    out_count++;
    CHECK(limit == 0 || out_count <= limit);
    return place;
}

static void goes_back(struct out *out) {
    model_check(&out->model);
    model_drops_begin(&out->model);
}

static void went_back(struct out *out) {
    model_drops_end(&out->model);
    if (!out->scope || !trimmed_scopes) model_reset(&out->model); /* else it may have been freed */
    model_end(&out->model);
    out->arena = NULL;
    out_count--;
}

static bool is_full(void) { return limit != 0 && out_count == limit; }
static bool too_many(void) { return out_count == MOST_OUT; }

static struct out *pick(void) {
    size_t start = input_below(input, MOST_OUT);
    for (size_t i = 0; i < MOST_OUT; i++) {
        struct out *out = &outs[(start + i) % MOST_OUT];
        if (out->arena != NULL) return out;
    }
    return NULL;
}

static void checkout(void) {
    if (too_many()) return;
    struct arena *arena = (struct arena *)(void *)&type;
    size_t choice = input_below(input, 4);
    int status;
    int expected = is_full() ? ARENA_EFULL : ARENA_OK;
    if (choice < 2) {
        status = arena_pool_checkout(pool, &arena);
    } else if (input_below(input, 2) == 0) {
        status = arena_pool_checkout_context(pool, ended[choice - 2], &arena);
        expected = choice == 2 ? ARENA_ECANCELED : ARENA_ETIMEDOUT;
    } else {
        if (is_full()) return; /* would wait */
        status = arena_pool_checkout_context(pool, NULL, &arena);
    }
    CHECK(status == expected && (status == ARENA_OK) == (arena != NULL));
    if (arena != NULL) (void)came_out(arena, false);
}

static void give_back(void) {
    struct out *out = pick();
    if (out == NULL || out->scope) return;
    goes_back(out);
    arena_pool_return(pool, out->arena);
    went_back(out);
}

static void use(void) {
    struct out *out = pick();
    if (out == NULL) return;
    for (size_t i = 1 + input_below(input, 4); i != 0; i--) model_operate(&out->model, out->arena, input, true);
}

static void step(void);

/* The action of an execute: some steps, nested ones among them, then a way out. */
static void action(struct arena *arena, void *user) {
    (void)user;
    struct out *out = came_out(arena, true);
    nested++;
    for (size_t i = input_below(input, 4); i != 0; i--) step();
    model_operate(&out->model, arena, input, true);
    nested--;
    goes_back(out);
}

/* The scope that was entered last is left first, so that its place is the last one with `scope`: it is told by the mark
 * that goes_back has left. */
static void scope_went_back(const struct arena *arena) {
    for (size_t i = 0; i < MOST_OUT; i++) {
        if (outs[i].arena == arena) went_back(&outs[i]);
    }
}

struct nesting {
    struct arena *arena;
    bool panic;
    int status;
};

static void noted_action(struct arena *arena, void *user) {
    struct nesting *nesting = user;
    nesting->arena = arena;
    action(arena, NULL);
    if (nesting->panic) arena_panic("on purpose");
}

static void run_nesting(void *user) {
    struct nesting *nesting = user;
    nesting->status = arena_pool_execute(pool, noted_action, nesting);
}

static void execute(void) {
    if (nested == MOST_NESTED || too_many()) return;
    bool full = is_full();
    struct nesting nesting = {.panic = input_below(input, 3) == 0};
    bool panicked = panics(run_nesting, &nesting);
    CHECK(panicked == (nesting.panic && !full));
    if (!panicked) CHECK(nesting.status == (full ? ARENA_EFULL : ARENA_OK));
    CHECK((nesting.arena == NULL) == full);
    if (nesting.arena != NULL) scope_went_back(nesting.arena);
}

static void scope_body(void *user) {
    bool *ran = user;
    ARENA_POOL_SCOPE(pool, arena) {
        *ran = true;
        struct out *out = came_out(arena, true);
        nested++;
        for (size_t i = input_below(input, 3); i != 0; i--) step();
        nested--;
        goes_back(out);
        break;
    }
}

static void scope(void) {
    if (nested == MOST_NESTED || too_many()) return;
    bool full = is_full();
    bool ran = false;
    if (input_below(input, 2) == 0) {
        const struct arena *before[MOST_OUT];
        for (size_t i = 0; i < MOST_OUT; i++) before[i] = outs[i].arena;
        CHECK(panics(scope_body, &ran) == full && ran == !full);
        if (!ran) return;
        /* The block went through steps that took and gave back others; what is marked as going is the block's. */
        for (size_t i = 0; i < MOST_OUT; i++) {
            if (outs[i].arena != NULL && outs[i].scope && outs[i].arena != before[i]) went_back(&outs[i]);
        }
        return;
    }
    struct arena_pool_scope entered;
    CHECK(arena_pool_scope_enter(pool, &entered) == (full ? ARENA_EFULL : ARENA_OK));
    CHECK((entered.arena == NULL) == full);
    struct out *out = full ? NULL : came_out(entered.arena, true);
    if (out != NULL) {
        nested++;
        step();
        nested--;
        goes_back(out);
    }
    arena_pool_scope_leave(&entered);
    if (out != NULL) went_back(out);
    CHECK(entered.arena == NULL);
    arena_pool_scope_leave(&entered); /* again: nothing */
}

static void wrong_return(void *user) { arena_pool_return(pool, user); }
static void wrong_destroy(void *user) { arena_destroy(user); }

static void misuse(void) {
    const struct out *out = pick();
    if (out == NULL) {
        arena_pool_return(pool, NULL);
        return;
    }
    CHECK(arena_pool_destroy(pool) == ARENA_EBUSY);
    CHECK(panics(wrong_destroy, out->arena));
    if (out->scope) CHECK(panics(wrong_return, out->arena));
}

static void step(void) {
    switch (input_below(input, 12)) {
    case 0:
    case 1:
    case 2:
        checkout();
        break;
    case 3:
    case 4:
        give_back();
        break;
    case 5:
    case 6:
        use();
        break;
    case 7:
    case 8:
        execute();
        break;
    case 9:
        scope();
        break;
    case 10:
        trimmed_scopes = nested != 0;
        arena_pool_trim(pool);
        break;
    default:
        misuse();
        break;
    }
    CHECK(arena_pool_arena_cap(pool) == capacity);
}

static void one_turn(void *user) {
    (void)user;
    for (size_t i = 1 + input_below(input, 4); i != 0; i--) step();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct input at = {data, data + size};
    if (size > 1024) return 0;
    input = &at;
    if (ended[0] == NULL) {
        CHECK(arena_context_with_cancel(NULL, &ended[0]) == ARENA_OK);
        arena_context_cancel(ended[0]);
        CHECK(arena_context_with_timeout(NULL, -1, &ended[1]) == ARENA_OK);
    }
    type = input_small_type(input);
    capacity = input_byte(input);
    uint8_t choice = input_byte(input);
    if ((choice & 128) != 0) capacity = 70000 / type.size; /* mapped */
    clear_policy = choice % 3;
    if (clear_policy == ARENA_CLEAR_NEVER) type.drop = NULL;
    static const size_t limits[] = {0, 0, 1, 2, 5, MOST_OUT, SIZE_MAX, 17};
    limit = limits[(choice >> 3) % 8];
    struct arena_options arena_options = {sizeof arena_options, clear_policy, 0};
    struct arena_pool_options options = {
        .struct_size = sizeof options, .max_arenas = limit, .arena_options = &arena_options};
    CHECK(arena_pool_create_with(&type, capacity, &options, &pool) == ARENA_OK);
    out_count = 0;
    nested = 0;
    trimmed_scopes = false;
    while (input_left(input)) {
        unsigned thread = (unsigned)input_below(input, TURN_THREADS);
        if (input_below(input, 8) == 7) turn_end(thread);
        turn_run(thread, one_turn, NULL);
    }
    for (struct out *out; (out = pick()) != NULL;) {
        CHECK(arena_pool_destroy(pool) == ARENA_EBUSY);
        goes_back(out);
        arena_pool_return(pool, out->arena);
        went_back(out);
    }
    CHECK(arena_pool_destroy(pool) == ARENA_OK);
    return 0;
}
