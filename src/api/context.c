/* struct arena_context: a cancellation node (sync/cancel.h), a reference count, and at most one arena.
 *
 * Each context points to the nearest one at or above it that carries something, so that extract visits carriers only.
 * A carrier keeps its own copy of the arena's type: to look past an arena is no use of it.
 *
 * Locking: the lists of the tree are sync/cancel.c's.  references is atomic; all else never changes.  A context holds a
 * reference to its parent, so that ends happen bottom-up; release walks up in a loop.
 */
#include "api/context.h"

#include "base/arith.h"
#include "base/race.h"
#include "core/slots.h"
#include "core/type.h"
#include "platform/memory.h"
#include "platform/panic.h"
#include "sync/cancel.h"

struct arena_context {
    struct cancel_node node;
    struct atomic_u32 references; /* REFERENCES_STUCK and above: for ever */
    struct arena_context *parent; /* NULL: the background */
    const struct arena_context *carrier; /* the nearest at or above that carries, or NULL */
    const struct arena_context *next_carrier; /* of a carrier: the next one above it */
    struct arena *arena; /* of a carrier: NULL hides what is above */
    struct arena_type *type;
    uint32_t type_hash;
};

#define REFERENCES_STUCK ((uint32_t)1 << 31)

static struct arena_context background;

struct arena_context *arena_context_background(void) { return &background; }

static bool is_background(const struct arena_context *context) { return context == NULL || context == &background; }

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
    race_release(context);
    do {
        if (references >= REFERENCES_STUCK) return false;
        if (UNLIKELY(references == 0)) panic("arena_context_release: the context was released already");
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
    struct arena_context *context = memory_alloc(sizeof *context + extra_bytes);
    if (context == NULL) return ARENA_ENOMEM;
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

void arena_context_cancel(struct arena_context *context) { cancel_trigger(context_node(context)); }

int arena_context_status(struct arena_context *context) { return cancel_status(context_node(context)); }

struct arena_context *arena_context_retain(struct arena_context *context) { return retain(context); }

void arena_context_release(struct arena_context *context) { release(context); }

int64_t arena_clock_now(void) { return clock_now(); }

/* --- the arenas it carries ---------------------------------------------------------------------------------------- */

int arena_inject(struct arena_context *parent, struct arena *arena, struct arena_context **out) {
    if (out == NULL) return ARENA_EINVAL;
    *out = NULL;
    struct arena_context *context;
    int status = make(parent, INT64_MAX, arena == NULL ? 0 : type_copy_bytes(arena->type), &context);
    if (status != ARENA_OK) return status;
    context->next_carrier = context->carrier;
    context->carrier = context;
    context->arena = arena;
    if (arena != NULL) {
        context->type = type_copy(context + 1, arena->type);
        context->type_hash = type_hash(arena->type);
    }
    *out = context;
    return ARENA_OK;
}

int arena_extract(struct arena_context *context, const struct arena_type *type, struct arena **out) {
    if (out == NULL) return ARENA_EINVAL;
    *out = NULL;
    if (!type_valid(type)) return ARENA_EINVAL;
    if (is_background(context)) return ARENA_ENOARENA;
    uint32_t hash = type_hash(type);
    for (const struct arena_context *at = context->carrier; at != NULL && at->arena != NULL; at = at->next_carrier) {
        if (at->type_hash == hash && type_same(at->type, type)) {
            *out = at->arena;
            return ARENA_OK;
        }
    }
    return ARENA_ENOARENA;
}
