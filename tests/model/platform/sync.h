/* SPDX-License-Identifier: MIT */
/* The platform/sync.h of the model checker: same names and contract as src/platform/sync.h, and first on the include
 * path, so that the library's concurrent sources compile unmodified against it.
 *
 * Every operation is a call into engine.c, which decides which thread goes next and which store a load reads.  It is
 * told the place in the source and the text of the operation, for its traces and so that a single memory order can be
 * weakened at run time (README.md).
 *
 *   atomics     C11 without load buffering: a load reads any store that is not older than what the thread has seen.
 *   mutex       Checked: no recursion, no unlock by another thread, no destruction while held.
 *   condition   May wake without a signal, as often as the scenario allows.  A deadline fires when the explored schedule
 *               says so, or when nothing else can happen.
 *   clock       Virtual: reads as one of the times the scenario lists, and never goes back.
 *   barriers    Sequentially consistent fences, but a light one is not ordered with another light one.
 */
#ifndef PLATFORM_SYNC_H
#define PLATFORM_SYNC_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* --- atomics ---------------------------------------------------------------------------------------------------- */

enum model_order {
    MODEL_ORDER_relaxed = 0,
    MODEL_ORDER_acquire = 1,
    MODEL_ORDER_release = 2,
    MODEL_ORDER_acq_rel = 3,
    MODEL_ORDER_seq_cst = 7,
};

enum model_rmw {
    MODEL_RMW_add,
    MODEL_RMW_sub,
    MODEL_RMW_or,
    MODEL_RMW_and,
    MODEL_RMW_swap,
};

/* `address` is cast from a const object where the source has one; only stores write. */
uint64_t model_atomic_load(const volatile void *address, unsigned size, int order, const char *site);
void model_atomic_store(volatile void *address, unsigned size, uint64_t value, int order, const char *site);
bool model_atomic_cas(volatile void *address, unsigned size, uint64_t *expected, uint64_t desired, int order,
                      const char *site);
uint64_t model_atomic_rmw(volatile void *address, unsigned size, int operation, uint64_t operand, int order,
                          const char *site);
void model_atomic_init(volatile void *address, unsigned size, uint64_t value);

/* Four bytes: the smallest that the checker follows. */
struct atomic_u8 {
    uint32_t value;
};
struct atomic_u32 {
    uint32_t value;
};
struct atomic_u64 {
    _Alignas(8) uint64_t value;
};
struct atomic_ptr {
    void *value;
};

#define ATOMIC_INIT(initial)                                                                                           \
    { initial }
#define atomic_u32_init(object, initial) model_atomic_init(&(object)->value, 4, (initial))
#define atomic_u64_init(object, initial) model_atomic_init(&(object)->value, 8, (initial))
#define atomic_ptr_init(object, initial) model_atomic_init(&(object)->value, sizeof(void *), (uintptr_t)(initial))

#define MODEL_TEXT_(x) #x
#define MODEL_TEXT(x) MODEL_TEXT_(x)
#define MODEL_SITE(operation) __FILE__ ":" MODEL_TEXT(__LINE__) ": " operation

#define atomic_u8_load(object, order)                                                                                  \
    ((uint8_t)model_atomic_load(&(object)->value, 4, MODEL_ORDER_##order, MODEL_SITE("load " #object " " #order)))
#define atomic_u8_mine(object) atomic_u8_load(object, relaxed)
#define atomic_u32_load(object, order)                                                                                 \
    ((uint32_t)model_atomic_load(&(object)->value, 4, MODEL_ORDER_##order, MODEL_SITE("load " #object " " #order)))
#define atomic_u64_load(object, order)                                                                                 \
    model_atomic_load(&(object)->value, 8, MODEL_ORDER_##order, MODEL_SITE("load " #object " " #order))
#define atomic_ptr_load(object, order)                                                                                 \
    ((void *)(uintptr_t)model_atomic_load(&(object)->value, sizeof(void *), MODEL_ORDER_##order,                       \
                                          MODEL_SITE("load " #object " " #order)))

#define atomic_u8_store(object, desired, order)                                                                        \
    model_atomic_store(&(object)->value, 4, (desired), MODEL_ORDER_##order, MODEL_SITE("store " #object " " #order))
#define atomic_u32_store(object, desired, order)                                                                       \
    model_atomic_store(&(object)->value, 4, (desired), MODEL_ORDER_##order, MODEL_SITE("store " #object " " #order))
#define atomic_u64_store(object, desired, order)                                                                       \
    model_atomic_store(&(object)->value, 8, (desired), MODEL_ORDER_##order, MODEL_SITE("store " #object " " #order))
#define atomic_ptr_store(object, desired, order)                                                                       \
    model_atomic_store(&(object)->value, sizeof(void *), (uintptr_t)(desired), MODEL_ORDER_##order,                    \
                       MODEL_SITE("store " #object " " #order))

static inline bool model_cas_u32(struct atomic_u32 *object, uint32_t *expected, uint32_t desired, int order,
                                 const char *site) {
    uint64_t seen = *expected;
    bool done = model_atomic_cas(&object->value, 4, &seen, desired, order, site);
    if (!done) *expected = (uint32_t)seen;
    return done;
}
static inline bool model_cas_u64(struct atomic_u64 *object, uint64_t *expected, uint64_t desired, int order,
                                 const char *site) {
    uint64_t seen = *expected;
    bool done = model_atomic_cas(&object->value, 8, &seen, desired, order, site);
    if (!done) *expected = seen;
    return done;
}
static inline bool model_cas_ptr(struct atomic_ptr *object, void **expected, void *desired, int order,
                                 const char *site) {
    uint64_t seen = (uintptr_t)*expected;
    bool done = model_atomic_cas(&object->value, sizeof(void *), &seen, (uintptr_t)desired, order, site);
    if (!done) *expected = (void *)(uintptr_t)seen;
    return done;
}
#define atomic_u32_cas(object, expected, desired, order)                                                               \
    model_cas_u32((object), (expected), (desired), MODEL_ORDER_##order, MODEL_SITE("cas " #object " " #order))
#define atomic_u64_cas(object, expected, desired, order)                                                               \
    model_cas_u64((object), (expected), (desired), MODEL_ORDER_##order, MODEL_SITE("cas " #object " " #order))
#define atomic_ptr_cas(object, expected, desired, order)                                                               \
    model_cas_ptr((object), (expected), (desired), MODEL_ORDER_##order, MODEL_SITE("cas " #object " " #order))

#define MODEL_RMW_U32(name, object, operand, order)                                                                    \
    ((uint32_t)model_atomic_rmw(&(object)->value, 4, MODEL_RMW_##name, (operand), MODEL_ORDER_##order,                 \
                                MODEL_SITE(#name " " #object " " #order)))
#define MODEL_RMW_U64(name, object, operand, order)                                                                    \
    model_atomic_rmw(&(object)->value, 8, MODEL_RMW_##name, (operand), MODEL_ORDER_##order,                            \
                     MODEL_SITE(#name " " #object " " #order))
#define atomic_u32_add(object, operand, order) MODEL_RMW_U32(add, object, operand, order)
#define atomic_u32_sub(object, operand, order) MODEL_RMW_U32(sub, object, operand, order)
#define atomic_u32_or(object, operand, order) MODEL_RMW_U32(or, object, operand, order)
#define atomic_u32_and(object, operand, order) MODEL_RMW_U32(and, object, operand, order)
#define atomic_u32_swap(object, operand, order) MODEL_RMW_U32(swap, object, operand, order)
#define atomic_u64_add(object, operand, order) MODEL_RMW_U64(add, object, operand, order)
#define atomic_u64_sub(object, operand, order) MODEL_RMW_U64(sub, object, operand, order)
#define atomic_u64_or(object, operand, order) MODEL_RMW_U64(or, object, operand, order)
#define atomic_u64_and(object, operand, order) MODEL_RMW_U64(and, object, operand, order)
#define atomic_u64_swap(object, operand, order) MODEL_RMW_U64(swap, object, operand, order)
#define atomic_ptr_swap(object, operand, order)                                                                        \
    ((void *)(uintptr_t)model_atomic_rmw(&(object)->value, sizeof(void *), MODEL_RMW_swap, (uintptr_t)(operand),       \
                                         MODEL_ORDER_##order, MODEL_SITE("swap " #object " " #order)))

/* --- locks and conditions --------------------------------------------------------------------------------------- */

struct mutex {
    uint64_t live; /* the engine keeps the rest by address */
};
struct condition {
    uint64_t live;
};

#define MUTEX_INIT                                                                                                     \
    { 0 }

bool mutex_init(struct mutex *mutex);
void mutex_destroy(struct mutex *mutex);
void model_mutex_lock(struct mutex *mutex, const char *site);
void model_mutex_unlock(struct mutex *mutex, const char *site);
#define mutex_lock(mutex) model_mutex_lock((mutex), MODEL_SITE("lock " #mutex))
#define mutex_unlock(mutex) model_mutex_unlock((mutex), MODEL_SITE("unlock " #mutex))

bool condition_init(struct condition *condition);
void condition_destroy(struct condition *condition);
void model_condition_signal(struct condition *condition, const char *site);
void model_condition_wait(struct condition *condition, struct mutex *mutex, int64_t deadline_ns, const char *site);
#define condition_signal(condition) model_condition_signal((condition), MODEL_SITE("signal " #condition))
#define condition_wait(condition, mutex)                                                                               \
    model_condition_wait((condition), (mutex), INT64_MAX, MODEL_SITE("wait " #condition))
#define condition_wait_until(condition, mutex, deadline_ns)                                                            \
    model_condition_wait((condition), (mutex), (deadline_ns), MODEL_SITE("wait_until " #condition))

#define CLEANUP_PUSH(function, argument) pthread_cleanup_push(function, argument)
#define CLEANUP_POP(run) pthread_cleanup_pop(run)

/* --- threads and time ------------------------------------------------------------------------------------------- */

int64_t model_clock_now(const char *site);
void model_thread_spin(bool cancellable, const char *site);
#define clock_now() model_clock_now(MODEL_SITE("clock_now"))
#define thread_spin() model_thread_spin(false, MODEL_SITE("spin"))
#define thread_pause() model_thread_spin(false, MODEL_SITE("pause"))
#define thread_sleep(duration_ns) ((void)(duration_ns), model_thread_spin(true, MODEL_SITE("sleep")))

int thread_hold_cancel(void);
void thread_release_cancel(int before);

unsigned thread_processors(void);

/* --- the asymmetric barrier ------------------------------------------------------------------------------------- */

bool barrier_available(void);
void model_barrier_light(const char *site);
void model_barrier_heavy(const char *site);
#define barrier_light() model_barrier_light(MODEL_SITE("barrier_light"))
static inline bool model_barrier_had(const char *site) {
    model_barrier_heavy(site);
    return true;
}
#define barrier_heavy() model_barrier_had(MODEL_SITE("barrier_heavy"))

#endif
