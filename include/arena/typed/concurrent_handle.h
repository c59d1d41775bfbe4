/* SPDX-License-Identifier: MIT */
/* libarena: a part of the typed face, which arena/template.h includes and ARENA_DEFINE is made of, and arena/bytes.h
 * for byte arenas: the handle of struct arena_concurrent, and all that knows nothing of elements.  What a function
 * does, and how it fails, arena/concurrent.h says of its namesake. */

/* --- the handle --------------------------------------------------------------------------------------------------- */

/* The handle as the erased functions take it: the same pointer under another tag. */
ARENA_INLINE struct arena_concurrent *ARENA_F(concurrent_raw)(const struct ARENA_CONCURRENT *arena) {
    return (struct arena_concurrent *)(uintptr_t)arena;
}

/* And back; panics where it is an arena of another type.  NULL stays NULL. */
ARENA_INLINE struct ARENA_CONCURRENT *ARENA_F(concurrent_from_raw)(struct arena_concurrent *arena) {
    if (arena != NULL && !arena_type_equal(arena_concurrent_type_of(arena), ARENA_F(type)()))
        arena_panic_type(ARENA_F(type)()->name, arena_concurrent_type_of(arena));
    return (struct ARENA_CONCURRENT *)(void *)arena;
}

/* NULL: out of memory, too large, or options that are not understood. */
ARENA_INLINE ARENA_NODISCARD struct ARENA_CONCURRENT *
ARENA_F(concurrent_create_with)(size_t capacity, const struct arena_options *options) {
    struct arena_concurrent *arena = NULL;
    (void)!arena_concurrent_create_with(ARENA_F(type)(), capacity, options, &arena);
    return (struct ARENA_CONCURRENT *)(void *)arena;
}

ARENA_INLINE ARENA_NODISCARD struct ARENA_CONCURRENT *ARENA_F(concurrent_create)(size_t capacity) {
    return ARENA_F(concurrent_create_with)(capacity, NULL);
}

ARENA_INLINE void ARENA_F(concurrent_destroy)(struct ARENA_CONCURRENT *arena) {
    arena_concurrent_destroy(ARENA_F(concurrent_raw)(arena));
}

ARENA_INLINE ARENA_NODISCARD int ARENA_F(concurrent_destroy_checked)(struct ARENA_CONCURRENT *arena) {
    return arena_concurrent_destroy_checked(ARENA_F(concurrent_raw)(arena));
}

ARENA_INLINE void ARENA_F(concurrent_reset)(struct ARENA_CONCURRENT *arena) {
    arena_concurrent_reset(ARENA_F(concurrent_raw)(arena));
}

ARENA_INLINE void ARENA_F(concurrent_trim)(struct ARENA_CONCURRENT *arena) {
    arena_concurrent_trim(ARENA_F(concurrent_raw)(arena));
}

ARENA_INLINE ARENA_NODISCARD int ARENA_F(concurrent_trim_checked)(struct ARENA_CONCURRENT *arena) {
    return arena_concurrent_trim_checked(ARENA_F(concurrent_raw)(arena));
}

ARENA_INLINE size_t ARENA_F(concurrent_used)(const struct ARENA_CONCURRENT *arena) {
    return arena_concurrent_used(ARENA_F(concurrent_raw)(arena));
}

ARENA_INLINE size_t ARENA_F(concurrent_remaining)(const struct ARENA_CONCURRENT *arena) {
    return arena_concurrent_remaining(ARENA_F(concurrent_raw)(arena));
}

ARENA_INLINE size_t ARENA_F(concurrent_cap)(const struct ARENA_CONCURRENT *arena) {
    return arena_concurrent_cap(ARENA_F(concurrent_raw)(arena));
}

ARENA_INLINE ARENA_NODISCARD int ARENA_F(concurrent_get_stats)(const struct ARENA_CONCURRENT *arena,
                                                               struct arena_stats *out) {
    return arena_concurrent_get_stats(ARENA_F(concurrent_raw)(arena), out);
}

ARENA_INLINE ARENA_NODISCARD int ARENA_F(concurrent_reset_context)(struct ARENA_CONCURRENT *arena,
                                                                   struct arena_context *context) {
    return arena_concurrent_reset_context(ARENA_F(concurrent_raw)(arena), context);
}

/* --- the gate ----------------------------------------------------------------------------------------------------- */

ARENA_INLINE ARENA_NODISCARD int ARENA_F(concurrent_acquire)(struct ARENA_CONCURRENT *arena,
                                                             struct arena_context *context, struct ARENA_PREFIX **out) {
    ARENA_ARENA_ *handle = NULL;
    int status = arena_concurrent_acquire(ARENA_F(concurrent_raw)(arena), context, out == NULL ? NULL : &handle);
    if (out != NULL) *out = (struct ARENA_PREFIX *)(void *)handle;
    return status;
}

ARENA_INLINE ARENA_NODISCARD int ARENA_F(concurrent_try_acquire)(struct ARENA_CONCURRENT *arena,
                                                                 struct ARENA_PREFIX **out) {
    ARENA_ARENA_ *handle = NULL;
    int status = arena_concurrent_try_acquire(ARENA_F(concurrent_raw)(arena), out == NULL ? NULL : &handle);
    if (out != NULL) *out = (struct ARENA_PREFIX *)(void *)handle;
    return status;
}

ARENA_INLINE void ARENA_F(concurrent_release)(struct ARENA_CONCURRENT *arena) {
    arena_concurrent_release(ARENA_F(concurrent_raw)(arena));
}

ARENA_INLINE ARENA_NODISCARD int ARENA_F(concurrent_release_checked)(struct ARENA_CONCURRENT *arena) {
    return arena_concurrent_release_checked(ARENA_F(concurrent_raw)(arena));
}

/* The arena of a permit is a raw one: prefix_from_raw(permit.arena). */
ARENA_INLINE ARENA_NODISCARD int ARENA_F(concurrent_acquire_permit)(struct ARENA_CONCURRENT *arena,
                                                                    struct arena_context *context,
                                                                    struct arena_permit *out) {
    return arena_concurrent_acquire_permit(ARENA_F(concurrent_raw)(arena), context, out);
}

ARENA_INLINE ARENA_NODISCARD int ARENA_F(concurrent_try_acquire_permit)(struct ARENA_CONCURRENT *arena,
                                                                        struct arena_permit *out) {
    return arena_concurrent_try_acquire_permit(ARENA_F(concurrent_raw)(arena), out);
}

ARENA_INLINE ARENA_NODISCARD int ARENA_F(concurrent_release_permit)(struct ARENA_CONCURRENT *arena,
                                                                    const struct arena_permit *permit) {
    return arena_concurrent_release_permit(ARENA_F(concurrent_raw)(arena), permit);
}
