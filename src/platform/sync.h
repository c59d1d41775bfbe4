/* SPDX-License-Identifier: MIT */
/* Atomics, locks, conditions, thread identity, clock, and the asymmetric barrier: everything through which one thread
 * of libarena sees another.
 *
 * No other file of the library uses <stdatomic.h>, <pthread.h> or the clock.  So the same source runs on C11 and
 * pthreads, on the model checker of tests/model (which puts its own platform/sync.h first on the include path), and
 * with injected yields.
 *
 * Contract
 *   atomics     Each operation names its order; there are no fences (ThreadSanitizer does not see them), but for the
 *               two barriers below.  `order` is one of relaxed, acquire, release, acq_rel.
 *   mutex       Not recursive.  lock and unlock cannot fail for a mutex that mutex_init made.
 *   condition   One waiter each (glibc bug 25847 loses signals of a shared one).  May wake without a signal.
 *               condition_wait and condition_wait_until are cancellation points: a cancelled thread holds the mutex
 *               again when its clean-up runs.
 *   clock       Monotonic nanoseconds since some start, >= 0.  INT64_MAX as a deadline: never.
 *   barriers    What the thread that has some data does around barrier_light() and what the revoker does around
 *               barrier_heavy() are ordered as if both were sequentially consistent fences.  light costs nothing,
 *               heavy microseconds.  Only where barrier_available(): false where the kernel lacks membarrier(2).  heavy
 *               is false, and nothing is ordered, where the system has come to refuse it and there is no other way.
 *               The technique is that of userspace-rcu's sys-membarrier flavour.
 */
#ifndef PLATFORM_SYNC_H
#define PLATFORM_SYNC_H

#include "base/locking.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* --- atomics ---------------------------------------------------------------------------------------------------- */

struct atomic_u8 {
    _Atomic(uint8_t) value;
};
struct atomic_u32 {
    _Atomic(uint32_t) value;
};
struct atomic_u64 {
    _Atomic(uint64_t) value;
};
struct atomic_ptr {
    _Atomic(void *) value;
};

/* Static initialisers; init functions are not atomic. */
#define ATOMIC_INIT(initial)                                                                                           \
    { initial }
#define atomic_u32_init(object, initial) atomic_init(&(object)->value, (initial))
#define atomic_u64_init(object, initial) atomic_init(&(object)->value, (initial))
#define atomic_ptr_init(object, initial) atomic_init(&(object)->value, (initial))

#define atomic_u8_load(object, order) atomic_load_explicit(&(object)->value, memory_order_##order)
#define atomic_u32_load(object, order) atomic_load_explicit(&(object)->value, memory_order_##order)
#define atomic_u64_load(object, order) atomic_load_explicit(&(object)->value, memory_order_##order)
#define atomic_ptr_load(object, order) atomic_load_explicit(&(object)->value, memory_order_##order)

#define atomic_u8_store(object, desired, order) atomic_store_explicit(&(object)->value, (desired), memory_order_##order)
#define atomic_u32_store(object, desired, order)                                                                       \
    atomic_store_explicit(&(object)->value, (desired), memory_order_##order)
#define atomic_u64_store(object, desired, order)                                                                       \
    atomic_store_explicit(&(object)->value, (desired), memory_order_##order)
#define atomic_ptr_store(object, desired, order)                                                                       \
    atomic_store_explicit(&(object)->value, (desired), memory_order_##order)

/* A load by the only thread that may store meanwhile: of what it wrote itself, or took over.  The compiler may fold it
 * into the comparison, which it does to no atomic load. */
static inline uint8_t atomic_u8_mine(const struct atomic_u8 *object) {
    return *(const unsigned char *)(const void *)object;
}

/* Compare and swap, strong: true when *object was *expected and is now desired; else *expected is what it was, read
 * relaxed. */
#define atomic_u32_cas(object, expected, desired, order)                                                               \
    atomic_compare_exchange_strong_explicit(&(object)->value, (expected), (desired), memory_order_##order,             \
                                            memory_order_relaxed)
#define atomic_u64_cas(object, expected, desired, order)                                                               \
    atomic_compare_exchange_strong_explicit(&(object)->value, (expected), (desired), memory_order_##order,             \
                                            memory_order_relaxed)

/* The value before. */
#define atomic_u32_add(object, operand, order)                                                                         \
    atomic_fetch_add_explicit(&(object)->value, (operand), memory_order_##order)
#define atomic_u32_sub(object, operand, order)                                                                         \
    atomic_fetch_sub_explicit(&(object)->value, (operand), memory_order_##order)
#define atomic_u32_or(object, operand, order)                                                                          \
    atomic_fetch_or_explicit(&(object)->value, (operand), memory_order_##order)
#define atomic_u32_and(object, operand, order)                                                                         \
    atomic_fetch_and_explicit(&(object)->value, (operand), memory_order_##order)
#define atomic_u64_add(object, operand, order)                                                                         \
    atomic_fetch_add_explicit(&(object)->value, (operand), memory_order_##order)

/* --- locks and conditions --------------------------------------------------------------------------------------- */

struct IS_A_MUTEX mutex {
    pthread_mutex_t handle;
};
struct condition {
    pthread_cond_t handle;
};

#define MUTEX_INIT                                                                                                     \
    { PTHREAD_MUTEX_INITIALIZER } /* static initialiser */

bool mutex_init(struct mutex *mutex); /* false: no resources */
void mutex_destroy(struct mutex *mutex);
void mutex_lock(struct mutex *mutex) ACQUIRES(mutex);
void mutex_unlock(struct mutex *mutex) RELEASES(mutex);

bool condition_init(struct condition *condition); /* false: no resources */
void condition_destroy(struct condition *condition);
void condition_signal(struct condition *condition);
void condition_wait(struct condition *condition, struct mutex *mutex) REQUIRES(mutex);
/* deadline_ns: a time of clock_now. */
void condition_wait_until(struct condition *condition, struct mutex *mutex, int64_t deadline_ns) REQUIRES(mutex);

/* Code to run when the frame is left by cancellation or pthread_exit, or at the pop: as pthread_cleanup_push and
 * pthread_cleanup_pop(run), in one block. */
#define CLEANUP_PUSH(function, argument) pthread_cleanup_push(function, argument)
#define CLEANUP_POP(run) pthread_cleanup_pop(run)

/* --- threads and time ------------------------------------------------------------------------------------------- */

int64_t clock_now(void);

void thread_sleep(int64_t duration_ns); /* a cancellation point */

/* Between these two the thread cannot be cancelled: around code of the user that may be a cancellation point where
 * leaving would lose something.  release takes what hold returned. */
int thread_hold_cancel(void);
void thread_release_cancel(int before);

/* Gives other threads time to finish a step, those of lower priority too.  Not a cancellation point. */
void thread_pause(void);

/* A hint to the processor in a loop that waits for another thread; called between the steps of every spin. */
static inline void thread_spin(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) || (defined(__arm__) && __ARM_ARCH >= 7)
    __asm__ volatile("yield" ::: "memory");
#else
    __asm__ volatile("" ::: "memory");
#endif
}

/* How many threads can run at once; at least 1.  With 1, spinning is pointless. */
unsigned thread_processors(void);

/* --- the asymmetric barrier ------------------------------------------------------------------------------------- */

bool barrier_available(void);

static inline void barrier_light(void) { atomic_signal_fence(memory_order_seq_cst); }

bool barrier_heavy(void);

#endif
