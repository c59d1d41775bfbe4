/* SPDX-License-Identifier: MIT */
/* libarena: struct arena_context: cancellation, a deadline, and the arenas it carries.  Reference-counted.
 *
 * Thread safety: every function may be called from any thread, on the same context too, as long as the caller holds a
 * reference (or somebody does for as long as the call takes).
 *
 * Ownership: every function with an `out` hands over one reference, ended by arena_context_release.  A context retains
 * its parent.  It never owns the arenas it carries.
 *
 * NULL means the background context wherever a context is taken.  What a context carries and its deadline never
 * change.  A child ends when its parent does, or earlier; a parent never sees a child's end.
 */
#ifndef ARENA_CONTEXT_H
#define ARENA_CONTEXT_H

#include <arena/single.h>

ARENA_BEGIN_DECLS

struct arena_context;

/* Never ends, carries nothing, immortal: retain and release do nothing to it, cancel does not either. */
ARENA_API struct arena_context *arena_context_background(void);

/* A child of `parent`.  deadline_ns is a time of arena_clock_now; a timeout of 0 or less has passed; sums saturate, and
 * INT64_MAX never comes.  The child's deadline is the earlier of its own and its parent's.  Below a context that has
 * ended it has ended too, for the same cause.
 * ARENA_EINVAL: out is NULL.  ARENA_ENOMEM: no memory. */
ARENA_API int arena_context_with_cancel(struct arena_context *parent, struct arena_context **out);
ARENA_API int arena_context_with_timeout(struct arena_context *parent, int64_t timeout_ns, struct arena_context **out);
ARENA_API int arena_context_with_deadline(struct arena_context *parent, int64_t deadline_ns,
                                          struct arena_context **out);

/* Ends the context and all below it with ARENA_ECANCELED (or ARENA_ETIMEDOUT where the deadline has passed already),
 * and wakes whoever waits under them.  Again: does nothing.  The background stays. */
ARENA_API void arena_context_cancel(struct arena_context *context);

/* ARENA_OK while it has not ended, else ARENA_ECANCELED or ARENA_ETIMEDOUT: the first cause, which stays. */
ARENA_API int arena_context_status(struct arena_context *context);

/* One reference more (returns its argument), one fewer.  The count saturates: a context retained 2^31 times lives
 * for ever. */
ARENA_API struct arena_context *arena_context_retain(struct arena_context *context);
ARENA_API void arena_context_release(struct arena_context *context);

/* A child of `parent` that carries `arena` (not owned: it must outlive every use through the context).  A NULL arena
 * hides the arenas of every type above it.  ARENA_EINVAL: out is NULL.  ARENA_ENOMEM: no memory. */
ARENA_API int arena_inject(struct arena_context *parent, struct arena *arena, struct arena_context **out);

/* The nearest arena of exactly that type, also after the context ended.  ARENA_ENOARENA: none, or hidden.
 * ARENA_EINVAL: type or out is NULL.  *out is NULL after a failure. */
ARENA_API int arena_extract(struct arena_context *context, const struct arena_type *type, struct arena **out);

/* Monotonic nanoseconds: the clock of deadlines. */
ARENA_API int64_t arena_clock_now(void);

ARENA_END_DECLS

#endif
