/* SPDX-License-Identifier: MIT */
/* libarena: struct arena_concurrent: one arena shared by threads behind a semaphore gate.
 *
 * Thread safety: every function but create and destroy may be called from any thread, beside any other.  destroy must
 * be the last call; while the gate is held or waited for, it panics.  The gate guards the operation, copying the value
 * in included, not what is later read and written through the pointers.
 *
 * Capacity is exact: exactly `capacity` single allocations succeed, whatever the threads do.  A slab fits where a
 * contiguous run is free.  Threads take slots in chunks, so partly used chunks may leave runs of free slots between
 * live ones; with ARENA_GATE_ONLY, or one thread, a slab fits whenever count <= remaining.
 *
 * Waiting: nobody starves.  After 1 ms of waiting, hand-over is first come, first served.  Every wait is a POSIX
 * cancellation point that loses no permit.
 *
 * From the thread that holds the gate (arena_concurrent_acquire): functions that return a status give ARENA_EBUSY, also
 * under a context that has ended; the other allocations and resets panic, try_ ones included; counts work.
 */
#ifndef ARENA_CONCURRENT_H
#define ARENA_CONCURRENT_H

#include <arena/any.h>
#include <arena/context.h>

ARENA_BEGIN_DECLS

struct arena_concurrent;

/* As arena_create and arena_create_with. */
ARENA_API int arena_concurrent_create(const struct arena_type *type, size_t capacity, struct arena_concurrent **out);
ARENA_API int arena_concurrent_create_with(const struct arena_type *type, size_t capacity,
                                           const struct arena_options *options, struct arena_concurrent **out);
ARENA_API void arena_concurrent_destroy(struct arena_concurrent *arena);

/* As for struct arena. */
ARENA_API ARENA_HOT void *arena_concurrent_alloc(struct arena_concurrent *arena, const void *value);
ARENA_API ARENA_HOT void *arena_concurrent_try_alloc(struct arena_concurrent *arena, const void *value);
ARENA_API ARENA_HOT void *arena_concurrent_alloc_slab(struct arena_concurrent *arena, size_t count);
ARENA_API ARENA_HOT void *arena_concurrent_try_alloc_slab(struct arena_concurrent *arena, size_t count);
ARENA_API void *arena_concurrent_alloc_slab_with(struct arena_concurrent *arena, const void *values, size_t count);
ARENA_API void *arena_concurrent_try_alloc_slab_with(struct arena_concurrent *arena, const void *values, size_t count);
ARENA_API struct arena_any *arena_concurrent_alloc_any(struct arena_concurrent *arena, const struct arena_type *type,
                                                       const void *value);
ARENA_API struct arena_any *arena_concurrent_try_alloc_any(struct arena_concurrent *arena,
                                                           const struct arena_type *type, const void *value);

/* Drops go down the addresses of the live slots. */
ARENA_API void arena_concurrent_reset(struct arena_concurrent *arena);
ARENA_API void arena_concurrent_trim(struct arena_concurrent *arena);

/* In elements.  They never wait: beside operations of other threads, or a held gate, they are estimates between 0 and the
 * capacity, which may be off by what is under way in either direction; when all is quiet they are exact. */
ARENA_API size_t arena_concurrent_used(const struct arena_concurrent *arena);
ARENA_API size_t arena_concurrent_remaining(const struct arena_concurrent *arena);
ARENA_API size_t arena_concurrent_cap(const struct arena_concurrent *arena);
ARENA_API const struct arena_type *arena_concurrent_type_of(const struct arena_concurrent *arena);

/* The same under a context.  0, or, with nothing taken and *out NULL:
 * ARENA_ECANCELED, ARENA_ETIMEDOUT: the context has ended, before or during the wait, or by the time of the grant;
 * ARENA_EFULL: no room; ARENA_EBUSY: the caller holds the gate; ARENA_EINVAL: arena or out is NULL. */
ARENA_API int arena_concurrent_alloc_context(struct arena_concurrent *arena, struct arena_context *context,
                                             const void *value, void **out);
ARENA_API int arena_concurrent_alloc_slab_context(struct arena_concurrent *arena, struct arena_context *context,
                                                  size_t count, void **out);
ARENA_API int arena_concurrent_alloc_slab_with_context(struct arena_concurrent *arena, struct arena_context *context,
                                                       const void *values, size_t count, void **out);
ARENA_API int arena_concurrent_reset_context(struct arena_concurrent *arena, struct arena_context *context);

/* Takes the gate and hands out the arena behind it, for as many operations as the caller likes; every other
 * allocation and reset, of every thread, waits until the same thread calls release (another thread's panics).  The
 * handle is valid until then; it cannot be destroyed.  Statuses as above. */
ARENA_API int arena_concurrent_acquire(struct arena_concurrent *arena, struct arena_context *context,
                                       struct arena **out);
ARENA_API void arena_concurrent_release(struct arena_concurrent *arena);

ARENA_END_DECLS

#endif
