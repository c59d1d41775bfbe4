/* SPDX-License-Identifier: MIT */
/* libarena: the typed face.  ARENA_DEFINE(prefix, T) gives one element type what generics give Go: every function of
 * single.h, concurrent.h and pool.h as prefix_..., checked by the compiler, values passed by value, nothing to cast.
 * (For ..._type_of there is prefix_type, for the scopes of a pool ARENA_POOL_SCOPE_OF; mixed values have no one type.)
 *
 * To read what it makes, look into arena/typed/: single.h, concurrent.h, pool.h.  To step through it in a debugger,
 * include arena/template.h instead.  Both are made from these files.
 *
 * Thread safety, ownership and failures are those of the functions behind it.  A create returns NULL where the
 * function behind it fails (no memory, or too large).  The inline functions do not look for a NULL arena: undefined.
 *
 * Every inline function has an exported, type-erased counterpart, so that no binding needs a C compiler:
 *
 *   prefix_type                        a struct arena_type of the binding's own
 *   prefix_alloc, try_alloc            arena_alloc, arena_try_alloc
 *   prefix_alloc_from, try_alloc_from  the same
 *   prefix_alloc_zero, try_alloc_zero  the same with value NULL
 *   prefix_alloc_slab...               arena_alloc_slab, arena_try_alloc_slab and their _with forms
 *   prefix_slab_at                     a bounds check, then base + index x stride
 *   prefix_burst_begin, put, end       arena_burst_begin, arena_burst_put, arena_burst_end
 *   prefix_mark, rewind, rewind_end    arena_get_mark, arena_rewind, arena_rewind_end
 *   prefix_raw, prefix_from_raw        the handle itself; arena_type_equal on arena_type_of
 *   prefix_concurrent_X                arena_concurrent_X
 *   prefix_pool_X                      arena_pool_X
 *   ARENA_POOL_SCOPE...                arena_pool_scope_enter, arena_pool_scope_leave
 *   prefix_inject, prefix_extract      arena_inject, arena_extract
 */
#ifndef ARENA_TYPED_H
#define ARENA_TYPED_H

#include <string.h>

#include <arena/concurrent.h>
#include <arena/pool.h>
#include <arena/typed/macros.h>

#ifdef __cplusplus
extern "C++" { /* also where a program includes this inside extern "C" */
#include <initializer_list>
}
#endif

/* ARENA_DEFINE(prefix, T): at file scope, no semicolon.  T: a complete, assignable object type (trivially copyable in
 * C++); not _Atomic, without a flexible array member, and not `struct prefix` itself, which is the arena.  Its name is
 * T as it is written (_Bool, which is what other macros make of bool, is named "bool").
 * ARENA_DEFINE_NAMED(prefix, T, "name"): the same with a name that is given, where a program's own macro comes between
 * and T arrives expanded.
 * ARENA_DEFINE_DROP(prefix, T, drop): the same with a destructor, drop(T *element).
 * ARENA_DEFINE_DROP_WITH(prefix, T, drop): the same with a destructor, drop(T *element, void *user); user is the
 * arena's drop_user. */
#define ARENA_DEFINE(prefix, T) ARENA_DEFINE_ALL_(prefix, T, ARENA_NAME_OF_(#T), NULL)
#define ARENA_DEFINE_NAMED(prefix, T, name) ARENA_DEFINE_ALL_(prefix, T, name, NULL)
#define ARENA_DEFINE_DROP(prefix, T, drop_function)                                                                    \
    ARENA_DROP_CALLER_(prefix, T, drop_function)                                                                       \
    ARENA_DEFINE_ALL_(prefix, T, ARENA_NAME_OF_(#T), ARENA_PRIVATE(prefix, drop))
#define ARENA_DEFINE_DROP_WITH(prefix, T, drop_function)                                                               \
    ARENA_DROP_WITH_CALLER_(prefix, T, drop_function)                                                                  \
    ARENA_DEFINE_ALL_(prefix, T, ARENA_NAME_OF_(#T), ARENA_PRIVATE(prefix, drop))

/* For headers that want less: ARENA_DEFINE_ARENA(prefix, T) and its like make the single-owner arena alone;
 * ARENA_DEFINE_CONCURRENT(prefix) and ARENA_DEFINE_POOL(prefix) (in typed/macros.h) add the others to it, in the same
 * file or another. */
#define ARENA_DEFINE_ARENA(prefix, T) ARENA_DEFINE_ARENA_(prefix, T, ARENA_NAME_OF_(#T), NULL)
#define ARENA_DEFINE_ARENA_NAMED(prefix, T, name) ARENA_DEFINE_ARENA_(prefix, T, name, NULL)
#define ARENA_DEFINE_ARENA_DROP(prefix, T, drop_function)                                                              \
    ARENA_DROP_CALLER_(prefix, T, drop_function)                                                                       \
    ARENA_DEFINE_ARENA_(prefix, T, ARENA_NAME_OF_(#T), ARENA_PRIVATE(prefix, drop))
#define ARENA_DEFINE_ARENA_DROP_WITH(prefix, T, drop_function)                                                         \
    ARENA_DROP_WITH_CALLER_(prefix, T, drop_function)                                                                  \
    ARENA_DEFINE_ARENA_(prefix, T, ARENA_NAME_OF_(#T), ARENA_PRIVATE(prefix, drop))

/* ARENA_SLAB_WITH(prefix, arena, values...): a slab of these values, each evaluated once.
 * ARENA_TRY_SLAB_WITH(prefix, arena, &slab, values...): false, and slab {NULL, 0}, when they do not fit.
 * ARENA_SLAB_WITH_CONTEXT(prefix, arena, context, &slab, values...): for prefix_concurrent handles; a status.
 * The first two take prefix_concurrent as a prefix too. */
#ifdef __cplusplus
#define ARENA_LIST_(prefix, ...)                                                                                       \
    std::initializer_list<prefix##_element> { __VA_ARGS__ }
#define ARENA_SLAB_WITH(prefix, arena, ...)                                                                            \
    arena_slab_with_list_(prefix##_alloc_slab_with, (arena), ARENA_LIST_(prefix, __VA_ARGS__))
#define ARENA_TRY_SLAB_WITH(prefix, arena, slab, ...)                                                                  \
    arena_try_slab_with_list_(prefix##_try_alloc_slab_with, (arena), (slab), ARENA_LIST_(prefix, __VA_ARGS__))
#define ARENA_SLAB_WITH_CONTEXT(prefix, arena, context, slab, ...)                                                     \
    arena_slab_with_list_context_(prefix##_concurrent_alloc_slab_with_context, (arena), (context), (slab),             \
                                  ARENA_LIST_(prefix, __VA_ARGS__))
#else
/* `&`: an array that decays is what -Wc++-compat warns about. */
#define ARENA_VALUES_(prefix, ...) ((const prefix##_element *)&(prefix##_element[]){__VA_ARGS__})
#define ARENA_COUNT_(prefix, ...) (sizeof((prefix##_element[]){__VA_ARGS__}) / sizeof(prefix##_element))
#define ARENA_SLAB_WITH(prefix, arena, ...)                                                                            \
    prefix##_alloc_slab_with((arena), ARENA_VALUES_(prefix, __VA_ARGS__), ARENA_COUNT_(prefix, __VA_ARGS__))
#define ARENA_TRY_SLAB_WITH(prefix, arena, slab, ...)                                                                  \
    prefix##_try_alloc_slab_with((arena), ARENA_VALUES_(prefix, __VA_ARGS__), ARENA_COUNT_(prefix, __VA_ARGS__), (slab))
#define ARENA_SLAB_WITH_CONTEXT(prefix, arena, context, slab, ...)                                                     \
    prefix##_concurrent_alloc_slab_with_context((arena), (context), ARENA_VALUES_(prefix, __VA_ARGS__),                \
                                                ARENA_COUNT_(prefix, __VA_ARGS__), (slab))
#endif

/* ARENA_POOL_SCOPE_OF(prefix, pool, name) { ... }: ARENA_POOL_SCOPE with a typed pool and `struct prefix *name`. */
#if defined(__GNUC__)
#define ARENA_POOL_SCOPE_OF(prefix, pool, name)                                                                        \
    ARENA_POOL_SCOPE_AS_(prefix##_pool_raw(pool), struct prefix, name, ARENA_CONCAT(arena_scope_, __COUNTER__))
#endif

/* --- What follows is how it is made ------------------------------------------------------------------------------ */

/* In C++ all of it is C++'s own, also inside extern "C", and belongs to no module: then it may speak of struct arena.
 */
#ifdef __cplusplus
#define ARENA_FACE_BEGIN_ extern "C++" {
#define ARENA_FACE_END_ }
#else
#define ARENA_FACE_BEGIN_
#define ARENA_FACE_END_
#endif

#define ARENA_JOIN_(first, second) ARENA_JOIN_EXPANDED_(first, second)
#define ARENA_JOIN_EXPANDED_(first, second) first##second
#define ARENA_TEXT_(T) ARENA_TEXT_EXPANDED_(T)
#define ARENA_TEXT_EXPANDED_(T) #T

/* A function whose address is taken. */
#if defined(__cplusplus)
#define ARENA_CALLBACK_ ARENA_INLINE
#elif defined(__GNUC__)
#define ARENA_CALLBACK_ static __attribute__((unused))
#else
#define ARENA_CALLBACK_ static
#endif

/* The descriptor: an object of the function that hands it out; from C++17 on one beside it, because gcc emits none for
 * an inline function of a module. */
#if defined(__cplusplus) && __cplusplus >= 201703L
#define ARENA_DESCRIPTOR_OUTSIDE_(object, ...) inline constexpr struct arena_type object = {__VA_ARGS__};
#define ARENA_DESCRIPTOR_INSIDE_(object, ...)
#elif defined(__cplusplus)
#define ARENA_DESCRIPTOR_OUTSIDE_(object, ...)
#define ARENA_DESCRIPTOR_INSIDE_(object, ...) static constexpr struct arena_type object = {__VA_ARGS__};
#else
#define ARENA_DESCRIPTOR_OUTSIDE_(object, ...)
#define ARENA_DESCRIPTOR_INSIDE_(object, ...) static const struct arena_type object = {__VA_ARGS__};
#endif

/* What the arena calls, and what calls the program's destructor: that one has another type. */
#define ARENA_DROP_CALLER_(prefix, T, drop_function)                                                                   \
    ARENA_FACE_BEGIN_ ARENA_QUIET_CASTS_BEGIN_ ARENA_CALLBACK_ void ARENA_PRIVATE(prefix, drop)(void *arena_element_,  \
                                                                                                void *arena_user_) {   \
        (void)arena_user_;                                                                                             \
        drop_function((T *)arena_element_);                                                                            \
    }                                                                                                                  \
    ARENA_QUIET_END_ ARENA_FACE_END_
#define ARENA_DROP_WITH_CALLER_(prefix, T, drop_function)                                                              \
    ARENA_FACE_BEGIN_ ARENA_QUIET_CASTS_BEGIN_ ARENA_CALLBACK_ void ARENA_PRIVATE(prefix, drop)(void *arena_element_,  \
                                                                                                void *arena_user_) {   \
        drop_function((T *)arena_element_, arena_user_);                                                               \
    }                                                                                                                  \
    ARENA_QUIET_END_ ARENA_FACE_END_

/* Stores a value into a slot, and zero into its padding, which an assignment may leave as it was: with
 * ARENA_CLEAR_ON_HANDOUT that is what the slot held in an earlier life.  gcc can clear the padding itself.  Others take
 * the assignment for a write of the whole and may drop a memset before it; clang keeps most of what no field covers
 * where the value is in registers by then, so it inlines these functions first.  To make sure of all of it would cost
 * it, for every struct, four times what the allocation does. */
#if defined(__has_builtin)
#if __has_builtin(__builtin_clear_padding)
#define ARENA_STORE_(T, slot, value) (*(T *)(void *)(slot) = (value), __builtin_clear_padding((T *)(void *)(slot)))
#endif
#endif
#ifndef ARENA_STORE_
#define ARENA_STORE_(T, slot, value) (memset((void *)(slot), 0, sizeof(T)), (void)(*(T *)(void *)(slot) = (value)))
#endif
#if defined(__clang__)
#define ARENA_STORING_ ARENA_INLINE __attribute__((always_inline))
#else
#define ARENA_STORING_ ARENA_INLINE
#endif

/* Larger values are not passed on. */
#define ARENA_IN_REGISTERS_BYTES_ (2 * sizeof(void *))
/* Slabs of a few elements: so many bytes at most; and up to so many elements are copied one by one. */
#define ARENA_FEW_BYTES_ 64
#define ARENA_UNROLLED_ 8
#if defined(__GNUC__) && !defined(__clang__)
#define ARENA_UNROLL_ _Pragma("GCC unroll 8")
#else
#define ARENA_UNROLL_ /* clang does it unasked */
#endif

ARENA_BEGIN_DECLS
/* Panics: `index` is past a slab's end.  What the inline code calls. */
ARENA_API ARENA_NORETURN void arena_panic_slab_bounds(size_t index, size_t len);
/* Panics: a raw handle is of another type.  What the inline code calls. */
ARENA_API ARENA_NORETURN void arena_panic_type(const char *expected, const struct arena_type *found);
ARENA_END_DECLS

/* What an element type must not be.
 *   The arena itself: ARENA_DEFINE(point, struct point), where an element would pass for an arena.
 *   Aligned wider than its size, as a typedef may ask for (gcc, clang): the stride would be wider than sizeof, and no
 *   pointer to such elements steps by it.
 *   A struct with a flexible array member: the elements would overlap.  The compilers know it for one by refusing an
 * array. In C++, a type that is more than its bytes. */
#define ARENA_CHECK_ELEMENT_(T, handle, concurrent, pool)                                                              \
    ARENA_STATIC_ASSERT_(!ARENA_IS_ONE_OF_(T, handle, concurrent, pool),                                               \
                         "the prefix is the tag of the element type, which would pass for the arena: give the arena "  \
                         "a name of its own, as in ARENA_DEFINE(points, struct point)");                               \
    ARENA_STATIC_ASSERT_(sizeof(T) % ARENA_ALIGNOF(T) == 0, "elements lie one behind the other");                      \
    ARENA_REFUSE_FLEXIBLE_(T)                                                                                          \
    ARENA_CHECK_BYTES_(T)
#ifdef __cplusplus
#define ARENA_STATIC_ASSERT_ static_assert
#define ARENA_IS_ONE_OF_(T, handle, concurrent, pool)                                                                  \
    (arena_same_<T, handle>::value || arena_same_<T, concurrent>::value || arena_same_<T, pool>::value)
#else
#define ARENA_STATIC_ASSERT_ _Static_assert
#define ARENA_IS_ONE_OF_(T, handle, concurrent, pool)                                                                  \
    _Generic((T *)0, handle * : 1, concurrent * : 1, pool * : 1, default : 0)
#endif
#define ARENA_CHECK_NO_ARRAY_(T)                                                                                       \
    ARENA_STATIC_ASSERT_(sizeof(T[2]) == 2 * sizeof(T), "elements have no flexible array member");
#if defined(__clang__)
#define ARENA_REFUSE_FLEXIBLE_(T)                                                                                      \
    ARENA_PRAGMA_(clang diagnostic push)                                                                               \
    ARENA_PRAGMA_(clang diagnostic error "-Wflexible-array-extensions")                                                \
    ARENA_CHECK_NO_ARRAY_(T)                                                                                           \
    ARENA_PRAGMA_(clang diagnostic pop)
#elif defined(__GNUC__) && !defined(__cplusplus)
#define ARENA_REFUSE_FLEXIBLE_(T)                                                                                      \
    ARENA_PRAGMA_(GCC diagnostic push)                                                                                 \
    ARENA_PRAGMA_(GCC diagnostic error "-Wpedantic")                                                                   \
    ARENA_CHECK_NO_ARRAY_(T)                                                                                           \
    ARENA_PRAGMA_(GCC diagnostic pop)
#elif defined(__GNUC__)
#define ARENA_REFUSE_FLEXIBLE_(T) static_assert(sizeof(arena_pair_<T>) != 0, "elements have no flexible array member");
#else
#define ARENA_REFUSE_FLEXIBLE_(T) ARENA_CHECK_NO_ARRAY_(T)
#endif
#if defined(__cplusplus) && defined(__GNUC__)
#define ARENA_CHECK_BYTES_(T) static_assert(__is_trivially_copyable(T), "elements are copied as bytes");
#else
#define ARENA_CHECK_BYTES_(T)
#endif

/* A program's warnings are for its own code: its variables may be called `arena`, or as any other parameter here, and
 * it may frown on the casts of C, which this is full of.  clang is told to be quiet altogether; gcc has the pragma in
 * typed/macros.h, and for names, which come from the program, these.  Where a destructor is called it is the program's
 * own type that is looked at, so there casts alone are let through. */
#define ARENA_PRAGMA_(text) _Pragma(#text)
#if defined(__clang__)
#define ARENA_QUIET_BEGIN_                                                                                             \
    ARENA_PRAGMA_(clang diagnostic push)                                                                               \
    ARENA_PRAGMA_(clang diagnostic ignored "-Weverything")
#define ARENA_QUIET_CASTS_BEGIN_                                                                                       \
    ARENA_PRAGMA_(clang diagnostic push)                                                                               \
    ARENA_PRAGMA_(clang diagnostic ignored "-Wold-style-cast")
#define ARENA_QUIET_END_ ARENA_PRAGMA_(clang diagnostic pop)
#elif defined(__GNUC__)
#ifdef __cplusplus
#define ARENA_QUIET_CASTS_BEGIN_                                                                                       \
    ARENA_PRAGMA_(GCC diagnostic push)                                                                                 \
    ARENA_PRAGMA_(GCC diagnostic ignored "-Wold-style-cast")                                                           \
    ARENA_PRAGMA_(GCC diagnostic ignored "-Wuseless-cast")
#else
#define ARENA_QUIET_CASTS_BEGIN_ ARENA_PRAGMA_(GCC diagnostic push)
#endif
#define ARENA_QUIET_BEGIN_                                                                                             \
    ARENA_QUIET_CASTS_BEGIN_                                                                                           \
    ARENA_PRAGMA_(GCC diagnostic ignored "-Wshadow")
#define ARENA_QUIET_END_ ARENA_PRAGMA_(GCC diagnostic pop)
#else
#define ARENA_QUIET_BEGIN_
#define ARENA_QUIET_CASTS_BEGIN_
#define ARENA_QUIET_END_
#endif

/* C++ has no compound literals: the values of a slab arrive as an initializer_list. */
#ifdef __cplusplus
extern "C++" {
template <class Left, class Right> struct arena_same_ {
    enum { value = false };
};
template <class Type> struct arena_same_<Type, Type> {
    enum { value = true };
};
template <class Type> struct arena_pair_ { Type first, second; };
template <class Slab, class Handle, class Element>
ARENA_STORING_ Slab arena_slab_with_list_(Slab (*alloc)(Handle *, const Element *, size_t), Handle *arena,
                                          std::initializer_list<Element> values) {
    return alloc(arena, values.begin(), values.size());
}
template <class Slab, class Handle, class Element>
ARENA_STORING_ bool arena_try_slab_with_list_(bool (*alloc)(Handle *, const Element *, size_t, Slab *), Handle *arena,
                                              Slab *slab, std::initializer_list<Element> values) {
    return alloc(arena, values.begin(), values.size(), slab);
}
template <class Slab, class Handle, class Element>
ARENA_STORING_ int arena_slab_with_list_context_(int (*alloc)(Handle *, struct arena_context *, const Element *, size_t,
                                                              Slab *),
                                                 Handle *arena, struct arena_context *context, Slab *slab,
                                                 std::initializer_list<Element> values) {
    return alloc(arena, context, values.begin(), values.size(), slab);
}
}
#endif

#endif
