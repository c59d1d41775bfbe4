/* SPDX-License-Identifier: MIT */
/* struct arena_context: a cancellation node (sync/cancel.h), a reference count, and at most one arena.
 *
 * Each context points to the nearest carrier at or above it.  A carrier keeps the keys of the NEAR carriers next to it,
 * itself first, in one array, so that extract follows a pointer once in NEAR injections, not at each.  It keeps its own
 * copy of the arena's type, so that a search that passes the arena does not touch it: it may be gone.
 *
 * Locking: the lists of the tree are sync/cancel.c's.  references is atomic; all else never changes.  A context holds a
 * reference to its parent, so that ends happen bottom-up; release walks up in a loop.
 */
#include "api/context.h"

#include "base/arith.h"
#include "base/poison.h"
#include "base/race.h"
#include "core/slots.h"
#include "core/type.h"
#include "platform/memory.h"
#include "runtime/copy.h"
#include "runtime/panic.h"
#include "sync/cancel.h"

#define NEAR 8

/* One arena that is carried, and where to look on from it. */
struct carrier {
    uint64_t keys[NEAR];              /* type_key of near[i] */
    const struct carrier *near[NEAR]; /* itself, and those above it, nearest first */
    uint32_t near_count;              /* 0: a NULL arena, which hides all that is above */
    const struct carrier *beyond;     /* the one above the last of near; NULL: none */
    struct arena *arena;
    const struct arena_type *type; /* a copy, behind this struct */
};

struct arena_context {
    struct copy_stamp stamp;
    struct cancel_node node;
    struct atomic_u32 references;  /* REFERENCES_STUCK and above: for ever */
    struct arena_context *parent;  /* NULL: the background */
    const struct carrier *carrier; /* the nearest at or above, or NULL */
};

#define REFERENCES_STUCK ((uint32_t)1 << 31)

static struct arena_context background = {.stamp = {&copy_here}};

struct arena_context *arena_context_background(void) {
    return &background;
}

static bool is_background(const struct arena_context *context) { return context == NULL || context == &background; }

bool context_usable(const struct arena_context *context) {
    return is_background(context) || copy_is_here(&context->stamp);
}

/* For the calls that have no status. */
static inline void look_at_copy(const struct arena_context *context, const char *function) {
    if (UNLIKELY(!context_usable(context))) copy_panic(function);
}

struct cancel_node *context_node(struct arena_context *context) {
    return is_background(context) ? NULL : &context->node;
}

static struct arena_context *retain(struct arena_context *context) {
    if (is_background(context)) return context;
    uint32_t references = atomic_u32_load(&context->references, relaxed);
    while (references < REFERENCES_STUCK) {
        /* relaxed: the caller has a reference, which keeps the count above 0 */
        if (atomic_u32_cas(&context->references, &references, references + 1, relaxed)) break;
    }
    return context;
}

/* Gives one reference back.  Was it the last one? */
static bool drop_reference(struct arena_context *context) {
    uint32_t references = atomic_u32_load(&context->references, relaxed);
    race_release(context); /* the detector sees the mutex in it, which the last one destroys */
    do {
        if (references >= REFERENCES_STUCK) return false;
        if (UNLIKELY(references == 0)) panic(ARENA_EINVAL, "arena_context_release: the context was released already");
        /* release: what this thread did with the context comes before its end; acquire: so does what the others did. */
    } while (!atomic_u32_cas(&context->references, &references, references - 1, acq_rel));
    if (references != 1) return false;
    race_acquire(context);
    return true;
}

static void release(struct arena_context *context) {
    while (!is_background(context) && drop_reference(context)) {
        struct arena_context *parent = context->parent;
        cancel_finish(&context->node);
        memory_free(context);
        context = parent;
    }
}

/* A child of `parent`; extra_bytes follow the struct. */
static int make(struct arena_context *parent, int64_t deadline_ns, size_t extra_bytes, struct arena_context **out) {
    if (!context_usable(parent)) return ARENA_EINVAL;
    struct arena_context *context = memory_alloc(sizeof *context + extra_bytes);
    if (context == NULL) return ARENA_ENOMEM;
    copy_stamp(&context->stamp);
    if (!cancel_start(&context->node, context_node(parent), deadline_ns)) {
        memory_free(context);
        return ARENA_ENOMEM;
    }
    if (!is_background(parent)) {
        context->parent = retain(parent);
        context->carrier = parent->carrier;
    }
    atomic_u32_init(&context->references, 1);
    *out = context;
    return ARENA_OK;
}

static int with_deadline(struct arena_context *parent, int64_t deadline_ns, struct arena_context **out) {
    if (out == NULL) return ARENA_EINVAL;
    poison_written(out, sizeof *out);
    *out = NULL;
    return make(parent, deadline_ns, 0, out);
}

int arena_context_with_cancel(struct arena_context *parent, struct arena_context **out) {
    return with_deadline(parent, INT64_MAX, out);
}

int arena_context_with_timeout(struct arena_context *parent, int64_t timeout_ns, struct arena_context **out) {
    return with_deadline(parent, arith_time_add(clock_now(), timeout_ns), out);
}

int arena_context_with_deadline(struct arena_context *parent, int64_t deadline_ns, struct arena_context **out) {
    return with_deadline(parent, deadline_ns, out);
}

void arena_context_cancel(struct arena_context *context) {
    look_at_copy(context, "arena_context_cancel");
    cancel_trigger(context_node(context));
}

int arena_context_status(struct arena_context *context) {
    return context_usable(context) ? cancel_status(context_node(context)) : ARENA_EINVAL;
}

struct arena_context *arena_context_retain(struct arena_context *context) {
    look_at_copy(context, "arena_context_retain");
    return retain(context);
}

void arena_context_release(struct arena_context *context) {
    look_at_copy(context, "arena_context_release");
    release(context);
}

int64_t arena_clock_now(void) { return clock_now(); }

/* --- the arenas it carries ---------------------------------------------------------------------------------------- */

/* Puts `carrier` in front of those that `above` knows. */
static void carrier_start(struct carrier *carrier, const struct carrier *above, struct arena *arena) {
    carrier->arena = arena;
    if (arena == NULL) return;
    carrier->type = type_copy(carrier + 1, arena->type);
    carrier->keys[0] = type_key(arena->type);
    carrier->near[0] = carrier;
    uint32_t count = above == NULL ? 0 : above->near_count;
    if (count == NEAR) carrier->beyond = above->near[--count]; /* which knows those that lie further up */
    for (uint32_t i = 0; i < count; i++) {
        carrier->keys[i + 1] = above->keys[i];
        carrier->near[i + 1] = above->near[i];
    }
    carrier->near_count = count + 1;
}

int arena_inject(struct arena_context *parent, struct arena *arena, struct arena_context **out) {
    if (out == NULL) return ARENA_EINVAL;
    poison_written(out, sizeof *out);
    *out = NULL;
    struct arena_context *context;
    size_t bytes = sizeof(struct carrier) + (arena == NULL ? 0 : type_copy_bytes(arena->type));
    int status = make(parent, INT64_MAX, bytes, &context);
    if (status != ARENA_OK) return status;
    struct carrier *carrier = (struct carrier *)(void *)(context + 1);
    carrier_start(carrier, context->carrier, arena);
    context->carrier = carrier;
    *out = context;
    return ARENA_OK;
}

int arena_extract(struct arena_context *context, const struct arena_type *type, struct arena **out) {
    if (out == NULL) return ARENA_EINVAL;
    poison_written(out, sizeof *out);
    *out = NULL;
    if (!type_valid(type) || !context_usable(context)) return ARENA_EINVAL;
    if (is_background(context)) return ARENA_ENOARENA;
    uint64_t key = type_key(type);
    for (const struct carrier *from = context->carrier; from != NULL; from = from->beyond) {
        for (uint32_t i = 0; i < from->near_count; i++) {
            if (from->keys[i] == key && type_same(from->near[i]->type, type)) {
                *out = from->near[i]->arena;
                return ARENA_OK;
            }
        }
    }
    return ARENA_ENOARENA;
}
