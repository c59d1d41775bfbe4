/* SPDX-License-Identifier: MIT */
/* libarena: struct arena_concurrent: one arena shared by threads behind a semaphore gate.
 *
 * Thread safety: every function but create and destroy may be called from any thread, beside any other.  destroy must
 * be the last call; while the gate is held or waited for, it panics.  The gate guards the operation, copying the value
 * in included, not what is later read and written through the pointers.
 *
 * Capacity is exact: exactly `capacity` single allocations succeed, whatever the threads do.  A slab fits where a
 * contiguous run is free.  Threads take slots in chunks, so partly used chunks may leave runs of free slots between
 * live ones; with ARENA_GATE_ONLY, or one thread, a slab fits whenever count <= remaining.  With ARENA_GATE_ONLY every
 * operation takes the gate: there are no chunks, and membarrier(2) is never called.
 *
 * Waiting: nobody starves.  After 1 ms of waiting, hand-over is first come, first served.  Every wait is a POSIX
 * cancellation point that loses no permit.  A call may wait for the gate, and, where it needs what other threads'
 * chunks hold (acquire, reset, trim, a slab, the last slots), for allocations that those are in the middle of.  A
 * context that ends, ends both in time; it is looked at once more after the last wait.  A thread that is stopped in the
 * middle of an allocation (a page fault that takes seconds, a debugger) delays threads that wait without a context,
 * and no others.
 *
 * A concurrent arena belongs to the copy of the library that made it.  Where a process has two (a static one in a
 * plugin beside the shared one), one that is handed to the other is ARENA_EINVAL in every function that returns a
 * status, and a panic in the others, counts and try_ included.
 *
 * Values are read before anything is taken: a thread whose value faults, or has to be fetched, keeps no other
 * waiting, and may leave by siglongjmp.  An allocation that is left by longjmp at another place is finished when its
 * thread next calls any allocation or reset of the arena, or ends; a thread that waits for it without a context reports
 * it on standard error after 10 s.
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

/* Makes an arena of `capacity` elements for threads to share; 0 is legal.  The caller owns *out, and ends it with
 * arena_concurrent_destroy.  Statuses as for arena_create; *out is NULL after a failure. */
ARENA_API ARENA_NODISCARD int arena_concurrent_create(const struct arena_type *type, size_t capacity,
                                                      struct arena_concurrent **out);
/* As arena_concurrent_create, with options; NULL: the defaults.  What is not understood of them is ARENA_EINVAL. */
ARENA_API ARENA_NODISCARD int arena_concurrent_create_with(const struct arena_type *type, size_t capacity,
                                                           const struct arena_options *options,
                                                           struct arena_concurrent **out);
/* Drops what is live, gives all memory back and ends the handle.  NULL is legal.  The last call on the arena; panics,
 * and changes nothing, while its gate is held or waited for. */
ARENA_API void arena_concurrent_destroy(struct arena_concurrent *arena);
/* As arena_concurrent_destroy, but a status instead of a panic: ARENA_OK, or ARENA_EBUSY, and nothing has changed,
 * while its gate is held or waited for, a permit is out, or the arena drops its elements. */
ARENA_API ARENA_NODISCARD int arena_concurrent_destroy_checked(struct arena_concurrent *arena);

/* Hands out one element, copied from `value`; NULL: a zeroed one.  It is valid until the next reset.  Never NULL:
 * panics, and changes nothing, where the arena is full or the caller holds the gate.  May wait for the gate. */
ARENA_API ARENA_NONNULL ARENA_NO_PLT void *arena_concurrent_alloc(struct arena_concurrent *arena, const void *value);
/* As arena_concurrent_alloc; NULL, and nothing has changed, where the arena is full.  It may wait for the gate, too. */
ARENA_API ARENA_NO_PLT void *arena_concurrent_try_alloc(struct arena_concurrent *arena, const void *value);
/* Hands out `count` contiguous elements, zeroed; 0 takes nothing and returns a pointer that is not NULL.  Panics, and
 * changes nothing, where no run of so many is free or the caller holds the gate.  May wait for the gate. */
ARENA_API ARENA_NONNULL ARENA_NO_PLT void *arena_concurrent_alloc_slab(struct arena_concurrent *arena, size_t count);
/* As arena_concurrent_alloc_slab; NULL, and nothing has changed, where no run of so many is free.  It may wait, too. */
ARENA_API ARENA_NO_PLT void *arena_concurrent_try_alloc_slab(struct arena_concurrent *arena, size_t count);
/* As arena_concurrent_alloc_slab, copied from values[0 .. count), which lie `size` bytes apart; NULL: zeroed ones. */
ARENA_API ARENA_NONNULL void *arena_concurrent_alloc_slab_with(struct arena_concurrent *arena, const void *values,
                                                               size_t count);
/* As arena_concurrent_alloc_slab_with; NULL, and nothing has changed, where no run of so many is free.  It may wait,
 * too. */
ARENA_API void *arena_concurrent_try_alloc_slab_with(struct arena_concurrent *arena, const void *values, size_t count);
/* arena_alloc_any in a concurrent arena of arena_type_any(): panics where that does, and where the caller holds the
 * gate. May wait for the gate. */
ARENA_API ARENA_NONNULL struct arena_any *arena_concurrent_alloc_any(struct arena_concurrent *arena,
                                                                     const struct arena_type *type, const void *value);
/* As arena_concurrent_alloc_any; NULL, and nothing has changed, where that panics for want of room or of memory, or for
 * what it was given.  It may wait, too. */
ARENA_API struct arena_any *arena_concurrent_try_alloc_any(struct arena_concurrent *arena,
                                                           const struct arena_type *type, const void *value);

/* Takes every element back, as arena_reset does; drops go down the addresses of the live slots.  Waits for the gate and
 * for allocations under way.  Panics where the caller holds the gate. */
ARENA_API void arena_concurrent_reset(struct arena_concurrent *arena);
/* Gives memory that was touched and is not in use back to the system.  Waits for the gate.  Panics where the caller
 * holds the gate. */
ARENA_API void arena_concurrent_trim(struct arena_concurrent *arena);
/* As arena_concurrent_trim, but a status instead of a panic: ARENA_OK; ARENA_EBUSY: the caller holds the gate;
 * ARENA_EINVAL: arena is NULL.  It waits, too. */
ARENA_API ARENA_NODISCARD int arena_concurrent_trim_checked(struct arena_concurrent *arena);

/* How many elements are handed out.  Never waits: beside operations of other threads, or a held gate, it is an estimate
 * between 0 and the capacity, which may be off by what is under way in either direction; when all is quiet it is exact.
 * To the thread that acquired the arena it is exact; what a permit's holder takes counts once the permit is released,
 * and it asks arena_used(permit.arena). */
ARENA_API size_t arena_concurrent_used(const struct arena_concurrent *arena);
/* How many elements can still be handed out one by one: cap - used, an estimate as that is. */
ARENA_API size_t arena_concurrent_remaining(const struct arena_concurrent *arena);
/* How many elements the arena holds in all. */
ARENA_API size_t arena_concurrent_cap(const struct arena_concurrent *arena);
/* As arena_get_stats, with what every thread was handed out in used_bytes; the chunks that threads were lent count
 * whole in peak_bytes.  Waits for the gate.  ARENA_OK; ARENA_EINVAL: arena or out is NULL, or struct_size has no room
 * for itself; ARENA_EBUSY: the caller holds the gate, and has the arena itself to ask. */
ARENA_API ARENA_NODISCARD int arena_concurrent_get_stats(const struct arena_concurrent *arena, struct arena_stats *out);
/* The arena's own copy of its type; valid until the arena is destroyed.  NULL for NULL. */
ARENA_API const struct arena_type *arena_concurrent_type_of(const struct arena_concurrent *arena);

/* arena_concurrent_alloc under a context, which bounds the wait.  0, or, with nothing taken and *out NULL:
 * ARENA_ECANCELED, ARENA_ETIMEDOUT: the context has ended, before or during the wait, or by the time of the grant;
 * ARENA_EFULL: no room; ARENA_EBUSY: the caller holds the gate; ARENA_EINVAL: arena or out is NULL. */
ARENA_API ARENA_NODISCARD int arena_concurrent_alloc_context(struct arena_concurrent *arena,
                                                             struct arena_context *context, const void *value,
                                                             void **out);
/* arena_concurrent_alloc_slab under a context; statuses as for arena_concurrent_alloc_context, also for a count of 0.
 */
ARENA_API ARENA_NODISCARD int arena_concurrent_alloc_slab_context(struct arena_concurrent *arena,
                                                                  struct arena_context *context, size_t count,
                                                                  void **out);
/* arena_concurrent_alloc_slab_with under a context; statuses as for arena_concurrent_alloc_context. */
ARENA_API ARENA_NODISCARD int arena_concurrent_alloc_slab_with_context(struct arena_concurrent *arena,
                                                                       struct arena_context *context,
                                                                       const void *values, size_t count, void **out);
/* arena_concurrent_alloc_any under a context.  Statuses as for arena_concurrent_alloc_context; ARENA_EINVAL also for
 * what arena_alloc_any panics for; ARENA_ENOMEM: no memory for the descriptor. */
ARENA_API ARENA_NODISCARD int arena_concurrent_alloc_any_context(struct arena_concurrent *arena,
                                                                 struct arena_context *context,
                                                                 const struct arena_type *type, const void *value,
                                                                 struct arena_any **out);
/* arena_concurrent_reset under a context.  A call that fails takes nothing back.  Statuses as for
 * arena_concurrent_alloc_context, but for ARENA_EFULL. */
ARENA_API ARENA_NODISCARD int arena_concurrent_reset_context(struct arena_concurrent *arena,
                                                             struct arena_context *context);

/* Takes the gate and hands out the arena behind it, for as many operations as the caller likes; every other
 * allocation and reset, of every thread, waits until the same thread calls release (another thread's panics).  The
 * handle is valid until then; it cannot be destroyed.  Statuses as for arena_concurrent_alloc_context, but for
 * ARENA_EFULL. */
ARENA_API ARENA_NODISCARD int arena_concurrent_acquire(struct arena_concurrent *arena, struct arena_context *context,
                                                       struct arena **out);
/* As arena_concurrent_acquire without a wait: ARENA_EBUSY at once where the gate is not free, or would be only after
 * waiting for an allocation under way. */
ARENA_API ARENA_NODISCARD int arena_concurrent_try_acquire(struct arena_concurrent *arena, struct arena **out);
/* Gives the gate, which this thread took by arena_concurrent_acquire, to the next waiter; the handle is void, and so
 * are all marks on it.  Panics where this thread does not hold it. */
ARENA_API void arena_concurrent_release(struct arena_concurrent *arena);
/* As arena_concurrent_release, but a status instead of a panic: ARENA_OK, or, with nothing changed, ARENA_EINVAL: arena
 * is NULL, or this thread does not hold its gate; ARENA_EBUSY: the arena drops its elements. */
ARENA_API ARENA_NODISCARD int arena_concurrent_release_checked(struct arena_concurrent *arena);

/* The gate, taken by no thread: for tasks that move between threads (goroutines, virtual threads, coroutines).  While a
 * permit is out every allocation and reset waits, those of the thread that took it too: one works through
 * `permit.arena`, which belongs to one task at a time.  Counts work; destroying panics. */
struct arena_permit {
    struct arena *arena; /* the arena behind the gate; NULL: no permit */
    uint64_t ticket;     /* unlike that of any other permit of the process */
};

/* Takes a permit, waiting until the context ends.  Statuses as for arena_concurrent_acquire: ARENA_EBUSY where
 * this thread holds the gate by that function; *out is {NULL, 0} after a failure. */
ARENA_API ARENA_NODISCARD int arena_concurrent_acquire_permit(struct arena_concurrent *arena,
                                                              struct arena_context *context, struct arena_permit *out);
/* As arena_concurrent_acquire_permit without a wait: ARENA_EBUSY where arena_concurrent_try_acquire says so. */
ARENA_API ARENA_NODISCARD int arena_concurrent_try_acquire_permit(struct arena_concurrent *arena,
                                                                  struct arena_permit *out);
/* Gives a permit back, from any thread; permit->arena is void then.  ARENA_EINVAL, and nothing has changed: arena or
 * permit is NULL, or the permit is none, is another arena's, or was released already.  ARENA_EBUSY: the arena drops its
 * elements.  The permit is read, not written; a copy is as good. */
ARENA_API ARENA_NODISCARD int arena_concurrent_release_permit(struct arena_concurrent *arena,
                                                              const struct arena_permit *permit);
/* sizeof(struct arena_permit) in bytes, for bindings that check their own declaration. */
ARENA_API size_t arena_permit_size(void);

ARENA_END_DECLS

#endif
