/* SPDX-License-Identifier: MIT */
/* libarena: the descriptor that stands for a type parameter. */
#ifndef ARENA_TYPE_H
#define ARENA_TYPE_H

#include <arena/base.h>

ARENA_BEGIN_DECLS

/* Two types are the same when name, size and align are.  Functions that take a descriptor copy what they keep, the
 * name's text included: it need not outlive the call. */
struct arena_type {
    const char *name; /* not NULL; part of the identity */
    size_t size;      /* bytes of one element, > 0; the slot stride is size rounded up to align */
    size_t align;     /* bytes, a power of two */
    /* NULL, or the destructor: runs once per live element at reset and destroy, last to first, before clearing.  Must
     * not exit, throw, panic or touch its arena.  `user` is the arena's drop_user (struct arena_options). */
    void (*drop)(void *element, void *user);
    uint32_t flags;    /* 0; what is not understood is ARENA_EINVAL */
    uint32_t reserved; /* 0 */
};

/* sizeof(struct arena_type) in bytes, for bindings that check their own declaration. */
ARENA_API size_t arena_type_size(void);
/* The alignment of struct arena_type in bytes, for the same. */
ARENA_API size_t arena_type_align(void);
/* Where the field of that name lies in struct arena_type, in bytes, for the same.  SIZE_MAX: it has no such field, or
 * `field` is NULL. */
ARENA_API size_t arena_type_offset(const char *field);

/* Do both describe the same type?  NULL equals nothing. */
ARENA_API bool arena_type_equal(const struct arena_type *left, const struct arena_type *right);

ARENA_END_DECLS

/* ARENA_TYPE(T): a const struct arena_type * for T, named as written (_Bool, which is what other macros make of bool,
 * is named "bool").  Valid to the end of the enclosing block; in C++ and at file scope always.  T: a complete,
 * assignable object type (trivially copyable in C++).
 * ARENA_TYPE_NAMED(T, "name"): the same, with a name that is given. */
#define ARENA_TYPE(T) ARENA_TYPE_NAMED(T, ARENA_NAME_OF_(#T))
#ifdef __cplusplus
#define ARENA_TYPE_NAMED(T, name)                                                                                      \
    ([]() noexcept -> const struct arena_type * {                                                                      \
        static constexpr struct arena_type arena_type_of_ = {name, sizeof(T), alignof(T), nullptr, 0, 0};              \
        return &arena_type_of_;                                                                                        \
    }())
#else
#define ARENA_TYPE_NAMED(T, name) (&(const struct arena_type){name, sizeof(T), _Alignof(T), NULL, 0, 0})
#endif
#if defined(__GNUC__) && !defined(__cplusplus)
#define ARENA_NAME_OF_(text) (__builtin_strcmp(text, "_Bool") == 0 ? "bool" : (text))
#else
#define ARENA_NAME_OF_(text) text
#endif

#endif
