/* SPDX-License-Identifier: MIT */
/* libarena: struct arena_context: cancellation, a deadline, and the arenas it carries.  Reference-counted.
 *
 * Thread safety: every function may be called from any thread, on the same context too, as long as the caller holds a
 * reference (or somebody does for as long as the call takes).
 *
 * Ownership: every function with an `out` hands over one reference, ended by arena_context_release.  A context retains
 * its parent.  It never owns the arenas it carries.
 *
 * A context belongs to the copy of the library that made it, as a pool does (pool.h): handed to another copy, it is
 * ARENA_EINVAL, or a panic in cancel, retain and release.
 *
 * NULL means the background context wherever a context is taken.  What a context carries and its deadline never
 * change.  A child ends when its parent does, or earlier; a parent never sees a child's end.
 */
#ifndef ARENA_CONTEXT_H
#define ARENA_CONTEXT_H

#include <arena/single.h>

ARENA_BEGIN_DECLS

struct arena_context;

/* The background context, which never ends and carries nothing.  retain, release and cancel do nothing to it. */
ARENA_API ARENA_NONNULL struct arena_context *arena_context_background(void);

/* Makes a child of `parent` that can be cancelled.  It ends with its parent, or earlier; below a context that has ended
 * it has ended too, for the same cause.  The caller owns one reference in *out. ARENA_EINVAL: out is NULL.
 * ARENA_ENOMEM: no memory.  *out is NULL after a failure. */
ARENA_API ARENA_NODISCARD int arena_context_with_cancel(struct arena_context *parent, struct arena_context **out);
/* As arena_context_with_cancel; the child also ends timeout_ns nanoseconds from now, or at its parent's deadline where
 * that is earlier.  0 or less has passed already; sums saturate. */
ARENA_API ARENA_NODISCARD int arena_context_with_timeout(struct arena_context *parent, int64_t timeout_ns,
                                                         struct arena_context **out);
/* As arena_context_with_cancel; the child also ends at deadline_ns, a time of arena_clock_now, or at its parent's
 * deadline where that is earlier.  INT64_MAX never comes. */
ARENA_API ARENA_NODISCARD int arena_context_with_deadline(struct arena_context *parent, int64_t deadline_ns,
                                                          struct arena_context **out);

/* Ends the context and all below it with ARENA_ECANCELED (or ARENA_ETIMEDOUT where the deadline has passed already),
 * and wakes the threads that wait under them.  A second call does nothing, and does
 * not look at what is below.  The background stays. */
ARENA_API void arena_context_cancel(struct arena_context *context);

/* ARENA_OK while it has not ended, else ARENA_ECANCELED or ARENA_ETIMEDOUT: the first cause, which stays. */
ARENA_API ARENA_NODISCARD int arena_context_status(struct arena_context *context);

/* Takes one more reference, and returns its argument.  The count saturates: a context retained 2^31 times lives for
 * ever. */
ARENA_API struct arena_context *arena_context_retain(struct arena_context *context);
/* Gives one reference back; the last one ends the handle, and gives back the context's own reference to its parent.
 * NULL is legal. */
ARENA_API void arena_context_release(struct arena_context *context);

/* Makes a child of `parent` that carries `arena` (not owned: it must outlive every use through the context).  A NULL
 * arena hides the arenas of every type above it.  ARENA_EINVAL: out is NULL.  ARENA_ENOMEM: no memory. */
ARENA_API ARENA_NODISCARD int arena_inject(struct arena_context *parent, struct arena *arena,
                                           struct arena_context **out);

/* Finds the nearest arena of exactly that type, from the context upwards, also after the context ended. ARENA_ENOARENA:
 * none, or hidden. ARENA_EINVAL: type or out is NULL.  *out is NULL after a failure. */
ARENA_API ARENA_NODISCARD int arena_extract(struct arena_context *context, const struct arena_type *type,
                                            struct arena **out);

/* The time now in nanoseconds, by the monotonic clock that deadlines are times of. */
ARENA_API int64_t arena_clock_now(void);

ARENA_END_DECLS

#endif
