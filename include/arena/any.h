/* SPDX-License-Identifier: MIT */
/* libarena: arenas of mixed values.  Each slot holds one value of any type, with its type.
 *
 * Thread safety: that of the arena.
 */
#ifndef ARENA_ANY_H
#define ARENA_ANY_H

#include <arena/single.h>

ARENA_BEGIN_DECLS

enum { ARENA_ANY_MAX = 32 }; /* bytes of the largest value a slot holds */

struct arena_any; /* one slot */

/* The type to create such an arena with.  Static.  It has a drop of its own: ARENA_CLEAR_NEVER is refused. */
ARENA_API const struct arena_type *arena_type_any(void);

/* Puts one value of `type` into the next slot; NULL: a zeroed one.  The arena keeps one copy of each distinct
 * descriptor until it is destroyed.  The value's own drop runs at reset.
 * Panics, and changes nothing: full, larger than ARENA_ANY_MAX, aligned above max_align_t, no valid type, an arena of
 * another type, or no memory for the descriptor. */
ARENA_API ARENA_NONNULL struct arena_any *arena_alloc_any(struct arena *arena, const struct arena_type *type,
                                                          const void *value);
/* As arena_alloc_any; NULL, and nothing has changed, where that panics. */
ARENA_API struct arena_any *arena_try_alloc_any(struct arena *arena, const struct arena_type *type, const void *value);

/* As arena_alloc_any with a status; *out is NULL, and nothing has changed, after a failure.
 * ARENA_EINVAL: out is NULL, or the arena or the type cannot be used; ARENA_EFULL: no room; ARENA_ENOMEM: no memory for
 * the descriptor; ARENA_EBUSY: the arena is dropping its elements. */
ARENA_API ARENA_NODISCARD int arena_alloc_any_checked(struct arena *arena, const struct arena_type *type,
                                                      const void *value, struct arena_any **out);

/* The value in a slot, or NULL when it holds another type, or none (a zeroed slot), or an argument is NULL. */
ARENA_API void *arena_any_get(struct arena_any *slot, const struct arena_type *type);

/* The type of the value in a slot, valid until the arena is destroyed; NULL for a zeroed slot and for NULL. */
ARENA_API const struct arena_type *arena_any_type(const struct arena_any *slot);

/* ARENA_ANY_MAX, for bindings. */
ARENA_API size_t arena_any_max(void);
/* Bytes of one slot, for bindings. */
ARENA_API size_t arena_any_slot_size(void);

ARENA_END_DECLS

/* ARENA_ANY_ALLOC(arena, T, value): arena_alloc_any with the descriptor made from T.
 * ARENA_ANY_GET(slot, T): arena_any_get with it; a T *. */
#ifdef __cplusplus
extern "C++" { /* also where a program includes this inside extern "C" */
template <class T>
static inline struct arena_any *arena_any_alloc_value_(struct arena *arena, const struct arena_type *type,
                                                       const T &value) {
#if defined(__GNUC__)
    static_assert(__is_trivially_copyable(T), "values are copied as bytes");
#endif
    return arena_alloc_any(arena, type, &value);
}
}
#define ARENA_ANY_ALLOC(arena, T, ...)                                                                                 \
    (arena_any_alloc_value_<T>((arena), ARENA_TYPE_NAMED(T, ARENA_NAME_OF_(#T)), (__VA_ARGS__)))
#define ARENA_ANY_GET(slot, T) (static_cast<T *>(arena_any_get((slot), ARENA_TYPE_NAMED(T, ARENA_NAME_OF_(#T)))))
#else
#define ARENA_ANY_ALLOC(arena, T, ...)                                                                                 \
    (arena_alloc_any((arena), ARENA_TYPE_NAMED(T, ARENA_NAME_OF_(#T)), &(T[1]){(__VA_ARGS__)}))
#define ARENA_ANY_GET(slot, T) ((T *)arena_any_get((slot), ARENA_TYPE_NAMED(T, ARENA_NAME_OF_(#T))))
#endif

#endif
