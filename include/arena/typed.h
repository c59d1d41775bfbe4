/* SPDX-License-Identifier: MIT */
/* libarena: the typed face.  ARENA_DEFINE(prefix, T) gives one element type what generics give Go: every function of
 * single.h, concurrent.h and pool.h as prefix_..., checked by the compiler, values passed by value, nothing to cast.
 * (For ..._type_of there is prefix_type, for the scopes of a pool ARENA_POOL_SCOPE_OF; mixed values have no one type.)
 *
 * Thread safety, ownership and failures are those of the functions behind it.  A create returns NULL where the
 * function behind it fails (no memory, or too large).  The inline functions do not look for a NULL arena: undefined.
 *
 * Every inline function has an exported, type-erased counterpart, so that no binding needs a C compiler:
 *
 *   prefix_type                        a struct arena_type of the binding's own
 *   prefix_alloc, try_alloc            arena_alloc, arena_try_alloc
 *   prefix_alloc_zero, try_alloc_zero  the same with value NULL
 *   prefix_alloc_slab...               arena_alloc_slab, arena_try_alloc_slab and their _with forms
 *   prefix_slab_at                     a bounds check, then base + index x stride
 *   prefix_burst_begin, put, end       arena_burst_begin, arena_burst_put, arena_burst_end
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

#ifdef __cplusplus
extern "C++" { /* also where a program includes this inside extern "C" */
#include <initializer_list>
}
#endif

/* ARENA_DEFINE(prefix, T): at file scope, no semicolon.  T: a complete, assignable object type (trivially copyable in
 * C++), named as written; not _Atomic and without a flexible array member, which gcc refuses to clear the padding of.
 * ARENA_DEFINE_DROP: with a destructor, drop(T *element). */
#define ARENA_DEFINE(prefix, T)                                                                                        \
    ARENA_QUIET_BEGIN_                                                                                                 \
    ARENA_DEFINE_TYPE_(prefix, T, #T, NULL)                                                                            \
    ARENA_DEFINE_ALL_(prefix)                                                                                          \
    ARENA_QUIET_END_
#define ARENA_DEFINE_DROP(prefix, T, drop)                                                                             \
    ARENA_QUIET_BEGIN_                                                                                                 \
    ARENA_INLINE void prefix##_drop_(void *arena_element_, void *arena_user_) {                                        \
        (void)arena_user_;                                                                                             \
        drop((T *)arena_element_);                                                                                     \
    }                                                                                                                  \
    ARENA_DEFINE_TYPE_(prefix, T, #T, prefix##_drop_)                                                                  \
    ARENA_DEFINE_ALL_(prefix)                                                                                          \
    ARENA_QUIET_END_

/* ARENA_SLAB_WITH(prefix, arena, values...): a slab of these values, each evaluated once.
 * ARENA_TRY_SLAB_WITH(prefix, arena, &slab, values...): false, and slab {NULL, 0}, when they do not fit.
 * ARENA_SLAB_WITH_CONTEXT(prefix, arena, context, &slab, values...): for prefix_concurrent handles; a status.
 * The first two take prefix_concurrent as a prefix too. */
#ifdef __cplusplus
#define ARENA_SLAB_WITH(prefix, arena, ...)                                                                            \
    prefix##_alloc_slab_list_((arena), std::initializer_list<prefix##_element>{__VA_ARGS__})
#define ARENA_TRY_SLAB_WITH(prefix, arena, slab, ...)                                                                  \
    prefix##_try_alloc_slab_list_((arena), (slab), std::initializer_list<prefix##_element>{__VA_ARGS__})
#define ARENA_SLAB_WITH_CONTEXT(prefix, arena, context, slab, ...)                                                     \
    prefix##_concurrent_alloc_slab_list_context_((arena), (context), (slab),                                           \
                                                 std::initializer_list<prefix##_element>{__VA_ARGS__})
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

/* Stores a value into a slot, and zero into its padding, which an assignment may leave as it was: with
 * ARENA_CLEAR_ON_HANDOUT that is what the slot held in an earlier life.  gcc can clear the padding itself.  Others take the
 * assignment for a write of the whole and may drop a memset before it; clang keeps most of what no field covers where the
 * value is in registers by then, so it inlines these functions first.  To make sure of all of it would cost it, for every
 * struct, four times what the allocation does. */
#if defined(__has_builtin)
#if __has_builtin(__builtin_clear_padding)
#define ARENA_STORE_(T, slot, value) (*(T *)(void *)(slot) = (value), __builtin_clear_padding((T *)(void *)(slot)))
#endif
#endif
#ifndef ARENA_STORE_
#define ARENA_STORE_(T, slot, value) (memset((void *)(slot), 0, sizeof(T)), (void)(*(T *)(void *)(slot) = (value)))
#endif
#if defined(__clang__)
#define ARENA_STORING static inline __attribute__((always_inline, unused))
#else
#define ARENA_STORING ARENA_INLINE
#endif

ARENA_BEGIN_DECLS
/* The panic of inline code that is given an index past the end of a slab of `len` elements. */
ARENA_API ARENA_NORETURN void arena_panic_slab_bounds(size_t index, size_t len);
/* The panic of inline code that is given a raw handle of another type. */
ARENA_API ARENA_NORETURN void arena_panic_type(const char *expected, const struct arena_type *found);
ARENA_END_DECLS

/* A program's variables may be called `arena`, or as any other parameter below, also at file scope and with -Wshadow;
 * and a C++ program may frown on the casts of C, which these macros are made of. */
#if defined(__GNUC__)
#if !defined(__cplusplus)
#define ARENA_QUIET_CASTS_
#elif defined(__clang__)
#define ARENA_QUIET_CASTS_ _Pragma("GCC diagnostic ignored \"-Wold-style-cast\"")
#else
#define ARENA_QUIET_CASTS_                                                                                             \
    _Pragma("GCC diagnostic ignored \"-Wold-style-cast\"") _Pragma("GCC diagnostic ignored \"-Wuseless-cast\"")
#endif
#define ARENA_QUIET_BEGIN_                                                                                             \
    _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wshadow\"") ARENA_QUIET_CASTS_
#define ARENA_QUIET_END_ _Pragma("GCC diagnostic pop")
#else
#define ARENA_QUIET_BEGIN_
#define ARENA_QUIET_END_
#endif

/* T may be called anything, also `type`: no name of these functions may come between it and its meaning. */
#define ARENA_DEFINE_TYPE_(prefix, T, name_text, drop_function)                                                        \
    typedef T prefix##_element;                                                                                        \
    ARENA_CHECK_ELEMENT_(prefix##_element)                                                                             \
    ARENA_INLINE const struct arena_type *prefix##_type(void) {                                                        \
        static const struct arena_type type = {name_text, sizeof(prefix##_element), ARENA_ALIGNOF(prefix##_element),   \
                                               drop_function, 0, 0};                                                         \
        return &type;                                                                                                  \
    }
/* A typedef may ask for a wider alignment than its size (gcc, clang).  The stride would be wider than sizeof then, and no
 * pointer to such elements steps by it. */
#ifdef __cplusplus
#define ARENA_CHECK_STRIDE_(T) static_assert(sizeof(T) % alignof(T) == 0, "elements lie one behind the other");
#else
#define ARENA_CHECK_STRIDE_(T) _Static_assert(sizeof(T) % _Alignof(T) == 0, "elements lie one behind the other");
#endif
#if defined(__cplusplus) && defined(__GNUC__)
#define ARENA_CHECK_ELEMENT_(T)                                                                                        \
    ARENA_CHECK_STRIDE_(T)                                                                                             \
    static_assert(__is_trivially_copyable(T), "elements are copied as bytes");
#else
#define ARENA_CHECK_ELEMENT_(T) ARENA_CHECK_STRIDE_(T)
#endif

#define ARENA_DEFINE_ALL_(prefix)                                                                                      \
    struct prefix;                                                                                                     \
    struct prefix##_concurrent;                                                                                        \
    struct prefix##_pool;                                                                                              \
    struct prefix##_slab {                                                                                             \
        prefix##_element *data;                                                                                        \
        size_t len;                                                                                                    \
    };                                                                                                                 \
    ARENA_DEFINE_HANDLE_(prefix, prefix, arena)                                                                        \
    ARENA_DEFINE_HANDLE_(prefix, prefix##_concurrent, arena_concurrent)                                                \
    ARENA_DEFINE_HANDLE_(prefix, prefix##_pool, arena_pool)                                                            \
    ARENA_DEFINE_CREATE_(prefix, prefix, arena, struct arena_options)                                                  \
    ARENA_DEFINE_CREATE_(prefix, prefix##_concurrent, arena_concurrent, struct arena_options)                          \
    ARENA_DEFINE_CREATE_(prefix, prefix##_pool, arena_pool, struct arena_pool_options)                                 \
    ARENA_DEFINE_SLOTS_(prefix)                                                                                        \
    ARENA_DEFINE_BURST_(prefix)                                                                                        \
    ARENA_DEFINE_SMALL_SLABS_(prefix)                                                                                  \
    ARENA_DEFINE_NO_SMALL_SLABS_(prefix, prefix##_concurrent)                                                          \
    ARENA_DEFINE_SLABS_(prefix, prefix, arena)                                                                         \
    ARENA_DEFINE_SLAB_LISTS_(prefix, prefix)                                                                           \
    ARENA_DEFINE_CONCURRENT_SLOTS_(prefix)                                                                             \
    ARENA_DEFINE_SLABS_(prefix, prefix##_concurrent, arena_concurrent)                                                 \
    ARENA_DEFINE_SLAB_LISTS_(prefix, prefix##_concurrent)                                                              \
    ARENA_DEFINE_CONCURRENT_CONTEXT_(prefix)                                                                           \
    ARENA_DEFINE_CONCURRENT_LIST_(prefix)                                                                              \
    ARENA_DEFINE_POOL_(prefix)                                                                                         \
    ARENA_DEFINE_CONTEXT_(prefix)

/* The handle, typed and raw; `tag` is the typed handle's tag, `raw` that of the handle behind it. */
#define ARENA_DEFINE_HANDLE_(prefix, tag, raw)                                                                         \
    ARENA_INLINE struct raw *tag##_raw(const struct tag *handle) { return (struct raw *)(uintptr_t)handle; }           \
    ARENA_INLINE struct tag *tag##_from_raw(struct raw *handle) {                                                      \
        if (handle != NULL && !arena_type_equal(raw##_type_of(handle), prefix##_type()))                               \
            arena_panic_type(prefix##_type()->name, raw##_type_of(handle));                                            \
        return (struct tag *)(void *)handle;                                                                           \
    }

#define ARENA_DEFINE_CREATE_(prefix, tag, raw, options_type)                                                           \
    ARENA_INLINE struct tag *tag##_create_with(size_t capacity, const options_type *options) {                         \
        struct raw *handle;                                                                                            \
        (void)raw##_create_with(prefix##_type(), capacity, options, &handle);                                          \
        return (struct tag *)(void *)handle;                                                                           \
    }                                                                                                                  \
    ARENA_INLINE struct tag *tag##_create(size_t capacity) { return tag##_create_with(capacity, NULL); }

/* Single slots of the single-owner arena: the inline path.  The window holds whole slots, so it has room for one
 * exactly when it is not empty.  Without room a value that fits into registers goes to a function out of line, so that the
 * inline path needs no frame and no address of the value.  A larger one stays where it is: clang would keep in memory what
 * is passed on, and load in wide pieces what was just stored in narrow ones; the library hands out a zeroed slot for it. */
#define ARENA_IN_REGISTERS_BYTES_ (2 * sizeof(void *))
#define ARENA_DEFINE_SLOTS_(prefix)                                                                                    \
    ARENA_INLINE void prefix##_destroy(struct prefix *arena) { arena_destroy(prefix##_raw(arena)); }                   \
    ARENA_OUT_OF_LINE prefix##_element *prefix##_alloc_slow_(struct prefix *arena, prefix##_element value) {           \
        return (prefix##_element *)arena_alloc(prefix##_raw(arena), &value);                                           \
    }                                                                                                                  \
    ARENA_OUT_OF_LINE prefix##_element *prefix##_try_alloc_slow_(struct prefix *arena, prefix##_element value) {       \
        return (prefix##_element *)arena_try_alloc(prefix##_raw(arena), &value);                                       \
    }                                                                                                                  \
    ARENA_STORING prefix##_element *prefix##_alloc(struct prefix *arena, prefix##_element value) {                     \
        struct arena_head *head = (struct arena_head *)(void *)arena;                                                  \
        char *slot = head->cursor;                                                                                     \
        if (ARENA_LIKELY(slot != head->limit)) {                                                                       \
            head->cursor = slot + sizeof(prefix##_element);                                                            \
        } else if (sizeof(prefix##_element) <= ARENA_IN_REGISTERS_BYTES_) {                                            \
            return prefix##_alloc_slow_(arena, value);                                                                 \
        } else {                                                                                                       \
            slot = (char *)arena_alloc(prefix##_raw(arena), NULL);                                                     \
        }                                                                                                              \
        ARENA_STORE_(prefix##_element, slot, value);                                                                   \
        return (prefix##_element *)(void *)slot;                                                                       \
    }                                                                                                                  \
    ARENA_STORING prefix##_element *prefix##_try_alloc(struct prefix *arena, prefix##_element value) {                 \
        struct arena_head *head = (struct arena_head *)(void *)arena;                                                  \
        char *slot = head->cursor;                                                                                     \
        if (ARENA_LIKELY(slot != head->limit)) {                                                                       \
            head->cursor = slot + sizeof(prefix##_element);                                                            \
        } else if (sizeof(prefix##_element) <= ARENA_IN_REGISTERS_BYTES_) {                                            \
            return prefix##_try_alloc_slow_(arena, value);                                                             \
        } else {                                                                                                       \
            slot = (char *)arena_try_alloc(prefix##_raw(arena), NULL);                                                 \
            if (slot == NULL) return NULL;                                                                             \
        }                                                                                                              \
        ARENA_STORE_(prefix##_element, slot, value);                                                                   \
        return (prefix##_element *)(void *)slot;                                                                       \
    }                                                                                                                  \
    ARENA_INLINE prefix##_element *prefix##_alloc_zero(struct prefix *arena) {                                         \
        struct arena_head *head = (struct arena_head *)(void *)arena;                                                  \
        char *slot = head->cursor;                                                                                     \
        if (ARENA_LIKELY(slot != head->limit)) {                                                                       \
            head->cursor = slot + sizeof(prefix##_element);                                                            \
            return (prefix##_element *)memset((void *)slot, 0, sizeof(prefix##_element));                              \
        }                                                                                                              \
        return (prefix##_element *)arena_alloc(prefix##_raw(arena), NULL);                                             \
    }                                                                                                                  \
    ARENA_INLINE prefix##_element *prefix##_try_alloc_zero(struct prefix *arena) {                                     \
        struct arena_head *head = (struct arena_head *)(void *)arena;                                                  \
        char *slot = head->cursor;                                                                                     \
        if (ARENA_LIKELY(slot != head->limit)) {                                                                       \
            head->cursor = slot + sizeof(prefix##_element);                                                            \
            return (prefix##_element *)memset((void *)slot, 0, sizeof(prefix##_element));                              \
        }                                                                                                              \
        return (prefix##_element *)arena_try_alloc(prefix##_raw(arena), NULL);                                         \
    }

/* The refill goes through locals of its own: were the address of `burst` to escape, its window would leave the
 * registers at every memory clobber. */
#define ARENA_DEFINE_BURST_(prefix)                                                                                    \
    struct prefix##_burst {                                                                                            \
        char *cursor;                                                                                                  \
        char *limit;                                                                                                   \
        struct arena *arena;                                                                                           \
    };                                                                                                                 \
    ARENA_INLINE struct prefix##_burst prefix##_burst_begin(struct prefix *arena) {                                    \
        struct arena_burst raw;                                                                                        \
        struct prefix##_burst burst;                                                                                   \
        arena_burst_begin(prefix##_raw(arena), &raw);                                                                  \
        burst.cursor = raw.cursor;                                                                                     \
        burst.limit = raw.limit;                                                                                       \
        burst.arena = raw.arena;                                                                                       \
        return burst;                                                                                                  \
    }                                                                                                                  \
    ARENA_STORING prefix##_element *prefix##_burst_put(struct prefix##_burst *burst, prefix##_element value) {         \
        if (!ARENA_LIKELY(burst->cursor != burst->limit)) {                                                            \
            char *limit;                                                                                               \
            burst->cursor = arena_burst_more(burst->arena, burst->cursor, &limit);                                     \
            burst->limit = limit;                                                                                      \
            if (burst->cursor == limit) return NULL;                                                                   \
        }                                                                                                              \
        prefix##_element *slot = (prefix##_element *)(void *)burst->cursor;                                            \
        burst->cursor += sizeof(prefix##_element);                                                                     \
        ARENA_STORE_(prefix##_element, slot, value);                                                                   \
        return slot;                                                                                                   \
    }                                                                                                                  \
    ARENA_INLINE void prefix##_burst_end(struct prefix *arena, struct prefix##_burst *burst) {                         \
        struct arena_burst raw;                                                                                        \
        raw.cursor = burst->cursor;                                                                                    \
        raw.limit = burst->limit;                                                                                      \
        raw.arena = burst->arena;                                                                                      \
        arena_burst_end(prefix##_raw(arena), &raw);                                                                    \
        burst->cursor = burst->limit = NULL;                                                                           \
        burst->arena = NULL;                                                                                           \
    }                                                                                                                  \
    ARENA_INLINE prefix##_element *prefix##_slab_at(struct prefix##_slab slab, size_t index) {                         \
        if (!ARENA_LIKELY(index < slab.len)) arena_panic_slab_bounds(index, slab.len);                                 \
        return slab.data + index;                                                                                      \
    }

/* Slabs of a few elements whose number the compiler knows are as good as single slots: inline, and copied one by one, so
 * that values made in registers are stored from there.  As for single slots, the library hands out zeroed ones where the
 * window has no room, and the address of the values is passed to nobody. */
#define ARENA_UNROLLED_ 8
#if defined(__GNUC__) && !defined(__clang__)
#define ARENA_UNROLL_ _Pragma("GCC unroll 8")
#else
#define ARENA_UNROLL_ /* clang does it unasked */
#endif
#define ARENA_DEFINE_SMALL_SLABS_(prefix)                                                                              \
    ARENA_INLINE bool prefix##_few_(size_t count) {                                                                    \
        return ARENA_IS_CONSTANT(count) && count != 0 && count <= 64 / sizeof(prefix##_element);                       \
    }                                                                                                                  \
    ARENA_INLINE bool prefix##_take_few_(struct prefix *arena, size_t count, prefix##_element **slab) {                \
        struct arena_head *head = (struct arena_head *)(void *)arena;                                                  \
        *slab = (prefix##_element *)(void *)head->cursor;                                                              \
        if (!ARENA_LIKELY((size_t)(head->limit - head->cursor) >= count * sizeof(prefix##_element))) return false;     \
        head->cursor += count * sizeof(prefix##_element);                                                              \
        return true;                                                                                                   \
    }                                                                                                                  \
    ARENA_INLINE void prefix##_copy_few_(prefix##_element *to, const prefix##_element *from, size_t count) {           \
        if (count > ARENA_UNROLLED_) {                                                                                 \
            memcpy((void *)to, (const void *)from, count * sizeof(prefix##_element));                                  \
            return;                                                                                                    \
        }                                                                                                              \
        ARENA_UNROLL_                                                                                                  \
        for (size_t i = 0; i < count; i++) ARENA_STORE_(prefix##_element, to + i, from[i]);                            \
    }
#define ARENA_DEFINE_NO_SMALL_SLABS_(prefix, tag)                                                                      \
    ARENA_INLINE bool tag##_few_(size_t count) {                                                                       \
        (void)count;                                                                                                   \
        return false;                                                                                                  \
    }                                                                                                                  \
    ARENA_INLINE bool tag##_take_few_(struct tag *arena, size_t count, prefix##_element **slab) {                      \
        (void)arena;                                                                                                   \
        (void)count;                                                                                                   \
        *slab = NULL;                                                                                                  \
        return false;                                                                                                  \
    }

/* The elements of a slab, by either spelling: `alloc` is alloc, which panics, or try_alloc, which gives NULL. */
#define ARENA_DEFINE_SLAB_SPELLING_(prefix, tag, rawtag, alloc)                                                        \
    ARENA_INLINE prefix##_element *tag##_##alloc##_zeroed_(struct tag *arena, size_t count) {                          \
        prefix##_element *few;                                                                                         \
        if (!tag##_few_(count) || !tag##_take_few_(arena, count, &few))                                                \
            return (prefix##_element *)rawtag##_##alloc##_slab(tag##_raw(arena), count);                               \
        return (prefix##_element *)memset((void *)few, 0, count * sizeof(prefix##_element));                           \
    }                                                                                                                  \
    ARENA_INLINE prefix##_element *tag##_##alloc##_copied_(struct tag *arena, const prefix##_element *values,          \
                                                           size_t count) {                                             \
        prefix##_element *few;                                                                                         \
        if (!tag##_few_(count) || values == NULL)                                                                      \
            return (prefix##_element *)rawtag##_##alloc##_slab_with(tag##_raw(arena), values, count);                  \
        if (!tag##_take_few_(arena, count, &few)) {                                                                    \
            few = (prefix##_element *)rawtag##_##alloc##_slab_with(tag##_raw(arena), NULL, count);                     \
            if (few == NULL) return NULL;                                                                              \
        }                                                                                                              \
        prefix##_copy_few_(few, values, count);                                                                        \
        return few;                                                                                                    \
    }

/* What struct arena and struct arena_concurrent have alike. */
#define ARENA_DEFINE_SLABS_(prefix, tag, rawtag)                                                                       \
    ARENA_INLINE struct prefix##_slab tag##_slab_of_(void *data, size_t count) {                                       \
        struct prefix##_slab slab;                                                                                     \
        slab.data = (prefix##_element *)data;                                                                          \
        slab.len = data == NULL ? 0 : count;                                                                           \
        return slab;                                                                                                   \
    }                                                                                                                  \
    ARENA_DEFINE_SLAB_SPELLING_(prefix, tag, rawtag, alloc)                                                            \
    ARENA_DEFINE_SLAB_SPELLING_(prefix, tag, rawtag, try_alloc)                                                        \
    ARENA_INLINE struct prefix##_slab tag##_alloc_slab(struct tag *arena, size_t count) {                              \
        return tag##_slab_of_(tag##_alloc_zeroed_(arena, count), count);                                               \
    }                                                                                                                  \
    ARENA_INLINE struct prefix##_slab tag##_alloc_slab_with(struct tag *arena, const prefix##_element *values,         \
                                                            size_t count) {                                            \
        return tag##_slab_of_(tag##_alloc_copied_(arena, values, count), count);                                       \
    }                                                                                                                  \
    ARENA_INLINE bool tag##_try_alloc_slab(struct tag *arena, size_t count, struct prefix##_slab *slab) {              \
        *slab = tag##_slab_of_(tag##_try_alloc_zeroed_(arena, count), count);                                          \
        return slab->data != NULL;                                                                                     \
    }                                                                                                                  \
    ARENA_INLINE bool tag##_try_alloc_slab_with(struct tag *arena, const prefix##_element *values, size_t count,       \
                                                struct prefix##_slab *slab) {                                          \
        *slab = tag##_slab_of_(tag##_try_alloc_copied_(arena, values, count), count);                                  \
        return slab->data != NULL;                                                                                     \
    }                                                                                                                  \
    ARENA_INLINE void tag##_reset(struct tag *arena) { rawtag##_reset(tag##_raw(arena)); }                             \
    ARENA_INLINE void tag##_trim(struct tag *arena) { rawtag##_trim(tag##_raw(arena)); }                               \
    ARENA_INLINE size_t tag##_used(const struct tag *arena) { return rawtag##_used(tag##_raw(arena)); }                \
    ARENA_INLINE size_t tag##_remaining(const struct tag *arena) { return rawtag##_remaining(tag##_raw(arena)); }      \
    ARENA_INLINE size_t tag##_cap(const struct tag *arena) { return rawtag##_cap(tag##_raw(arena)); }

#define ARENA_DEFINE_CONCURRENT_SLOTS_(prefix)                                                                         \
    typedef prefix##_element prefix##_concurrent_element;                                                              \
    ARENA_INLINE void prefix##_concurrent_destroy(struct prefix##_concurrent *arena) {                                 \
        arena_concurrent_destroy(prefix##_concurrent_raw(arena));                                                      \
    }                                                                                                                  \
    ARENA_INLINE prefix##_element *prefix##_concurrent_alloc(struct prefix##_concurrent *arena,                        \
                                                             prefix##_element value) {                                 \
        return (prefix##_element *)arena_concurrent_alloc(prefix##_concurrent_raw(arena), &value);                     \
    }                                                                                                                  \
    ARENA_INLINE prefix##_element *prefix##_concurrent_try_alloc(struct prefix##_concurrent *arena,                    \
                                                                 prefix##_element value) {                             \
        return (prefix##_element *)arena_concurrent_try_alloc(prefix##_concurrent_raw(arena), &value);                 \
    }                                                                                                                  \
    ARENA_INLINE prefix##_element *prefix##_concurrent_alloc_zero(struct prefix##_concurrent *arena) {                 \
        return (prefix##_element *)arena_concurrent_alloc(prefix##_concurrent_raw(arena), NULL);                       \
    }                                                                                                                  \
    ARENA_INLINE prefix##_element *prefix##_concurrent_try_alloc_zero(struct prefix##_concurrent *arena) {             \
        return (prefix##_element *)arena_concurrent_try_alloc(prefix##_concurrent_raw(arena), NULL);                   \
    }

#define ARENA_DEFINE_CONCURRENT_CONTEXT_(prefix)                                                                       \
    ARENA_INLINE int prefix##_concurrent_alloc_context(struct prefix##_concurrent *arena,                              \
                                                       struct arena_context *context, prefix##_element value,          \
                                                       prefix##_element **out) {                                       \
        void *slot = NULL;                                                                                             \
        int status = arena_concurrent_alloc_context(prefix##_concurrent_raw(arena), context, &value,                   \
                                                    out == NULL ? NULL : &slot);                                       \
        if (out != NULL) *out = (prefix##_element *)slot;                                                              \
        return status;                                                                                                 \
    }                                                                                                                  \
    ARENA_INLINE int prefix##_concurrent_alloc_slab_context(struct prefix##_concurrent *arena,                         \
                                                            struct arena_context *context, size_t count,               \
                                                            struct prefix##_slab *out) {                               \
        void *data = NULL;                                                                                             \
        int status = arena_concurrent_alloc_slab_context(prefix##_concurrent_raw(arena), context, count,               \
                                                         out == NULL ? NULL : &data);                                  \
        if (out != NULL) *out = prefix##_slab_of_(data, count);                                                        \
        return status;                                                                                                 \
    }                                                                                                                  \
    ARENA_INLINE int prefix##_concurrent_alloc_slab_with_context(                                                      \
        struct prefix##_concurrent *arena, struct arena_context *context, const prefix##_element *values,              \
        size_t count, struct prefix##_slab *out) {                                                                     \
        void *data = NULL;                                                                                             \
        int status = arena_concurrent_alloc_slab_with_context(prefix##_concurrent_raw(arena), context, values, count,  \
                                                              out == NULL ? NULL : &data);                             \
        if (out != NULL) *out = prefix##_slab_of_(data, count);                                                        \
        return status;                                                                                                 \
    }                                                                                                                  \
    ARENA_INLINE int prefix##_concurrent_reset_context(struct prefix##_concurrent *arena,                              \
                                                       struct arena_context *context) {                                \
        return arena_concurrent_reset_context(prefix##_concurrent_raw(arena), context);                                \
    }                                                                                                                  \
    ARENA_INLINE int prefix##_concurrent_acquire(struct prefix##_concurrent *arena, struct arena_context *context,     \
                                                 struct prefix **out) {                                                \
        struct arena *handle = NULL;                                                                                   \
        int status =                                                                                                   \
            arena_concurrent_acquire(prefix##_concurrent_raw(arena), context, out == NULL ? NULL : &handle);           \
        if (out != NULL) *out = (struct prefix *)(void *)handle;                                                       \
        return status;                                                                                                 \
    }                                                                                                                  \
    ARENA_INLINE void prefix##_concurrent_release(struct prefix##_concurrent *arena) {                                 \
        arena_concurrent_release(prefix##_concurrent_raw(arena));                                                      \
    }

/* The action goes through a trampoline: calling it through a cast function pointer would be undefined. */
#define ARENA_DEFINE_POOL_(prefix)                                                                                     \
    struct prefix##_pool_action_ {                                                                                     \
        void (*action)(struct prefix *arena, void *user);                                                              \
        void *user;                                                                                                    \
    };                                                                                                                 \
    ARENA_INLINE void prefix##_pool_run_(struct arena *arena, void *user) {                                            \
        const struct prefix##_pool_action_ *call = (const struct prefix##_pool_action_ *)user;                         \
        call->action((struct prefix *)(void *)arena, call->user);                                                      \
    }                                                                                                                  \
    ARENA_INLINE int prefix##_pool_destroy(struct prefix##_pool *pool) {                                               \
        return arena_pool_destroy(prefix##_pool_raw(pool));                                                            \
    }                                                                                                                  \
    ARENA_INLINE int prefix##_pool_execute(struct prefix##_pool *pool,                                                 \
                                           void (*action)(struct prefix *arena, void *user), void *user) {             \
        struct prefix##_pool_action_ call;                                                                             \
        call.action = action;                                                                                          \
        call.user = user;                                                                                              \
        return arena_pool_execute(prefix##_pool_raw(pool), action == NULL ? NULL : prefix##_pool_run_, &call);         \
    }                                                                                                                  \
    ARENA_INLINE int prefix##_pool_checkout_context(struct prefix##_pool *pool, struct arena_context *context,         \
                                                    struct prefix **out) {                                             \
        struct arena *handle = NULL;                                                                                   \
        int status = arena_pool_checkout_context(prefix##_pool_raw(pool), context, out == NULL ? NULL : &handle);      \
        if (out != NULL) *out = (struct prefix *)(void *)handle;                                                       \
        return status;                                                                                                 \
    }                                                                                                                  \
    ARENA_INLINE int prefix##_pool_checkout(struct prefix##_pool *pool, struct prefix **out) {                         \
        struct arena *handle = NULL;                                                                                   \
        int status = arena_pool_checkout(prefix##_pool_raw(pool), out == NULL ? NULL : &handle);                       \
        if (out != NULL) *out = (struct prefix *)(void *)handle;                                                       \
        return status;                                                                                                 \
    }                                                                                                                  \
    ARENA_INLINE void prefix##_pool_return(struct prefix##_pool *pool, struct prefix *arena) {                         \
        arena_pool_return(prefix##_pool_raw(pool), prefix##_raw(arena));                                               \
    }                                                                                                                  \
    ARENA_INLINE void prefix##_pool_trim(struct prefix##_pool *pool) { arena_pool_trim(prefix##_pool_raw(pool)); }     \
    ARENA_INLINE size_t prefix##_pool_arena_cap(const struct prefix##_pool *pool) {                                    \
        return arena_pool_arena_cap(prefix##_pool_raw(pool));                                                          \
    }

#define ARENA_DEFINE_CONTEXT_(prefix)                                                                                  \
    ARENA_INLINE int prefix##_inject(struct arena_context *parent, struct prefix *arena, struct arena_context **out) { \
        return arena_inject(parent, prefix##_raw(arena), out);                                                         \
    }                                                                                                                  \
    ARENA_INLINE int prefix##_extract(struct arena_context *context, struct prefix **out) {                            \
        struct arena *handle = NULL;                                                                                   \
        int status = arena_extract(context, prefix##_type(), out == NULL ? NULL : &handle);                            \
        if (out != NULL) *out = (struct prefix *)(void *)handle;                                                       \
        return status;                                                                                                 \
    }

/* C++ has no compound literals: the values arrive as an initializer_list. */
#ifdef __cplusplus
#define ARENA_DEFINE_SLAB_LISTS_(prefix, tag)                                                                          \
    ARENA_INLINE struct prefix##_slab tag##_alloc_slab_list_(struct tag *arena,                                        \
                                                             std::initializer_list<prefix##_element> values) {         \
        return tag##_alloc_slab_with(arena, values.begin(), values.size());                                            \
    }                                                                                                                  \
    ARENA_INLINE bool tag##_try_alloc_slab_list_(struct tag *arena, struct prefix##_slab *slab,                        \
                                                 std::initializer_list<prefix##_element> values) {                     \
        return tag##_try_alloc_slab_with(arena, values.begin(), values.size(), slab);                                  \
    }
#define ARENA_DEFINE_CONCURRENT_LIST_(prefix)                                                                          \
    ARENA_INLINE int prefix##_concurrent_alloc_slab_list_context_(                                                     \
        struct prefix##_concurrent *arena, struct arena_context *context, struct prefix##_slab *slab,                  \
        std::initializer_list<prefix##_element> values) {                                                              \
        return prefix##_concurrent_alloc_slab_with_context(arena, context, values.begin(), values.size(), slab);       \
    }
#else
#define ARENA_DEFINE_SLAB_LISTS_(prefix, tag)
#define ARENA_DEFINE_CONCURRENT_LIST_(prefix)
#endif

#endif
