/* SPDX-License-Identifier: MIT */
/* libarena: a part of the typed face, which arena/template.h and arena/bytes.h include and ARENA_DEFINE is made of:
 * what struct arena does whatever its elements.  What a function does, and how it fails, arena/single.h says of its
 * namesake. */

/* --- the handle --------------------------------------------------------------------------------------------------- */

/* The handle as the erased functions take it: the same pointer under another tag. */
ARENA_INLINE ARENA_ARENA_ *ARENA_F(raw)(const struct ARENA_PREFIX *arena) { return (ARENA_ARENA_ *)(uintptr_t)arena; }

/* And back; panics where it is an arena of another type.  NULL stays NULL. */
ARENA_INLINE struct ARENA_PREFIX *ARENA_F(from_raw)(ARENA_ARENA_ *arena) {
    if (arena != NULL && !arena_type_equal(arena_type_of(arena), ARENA_F(type)()))
        arena_panic_type(ARENA_F(type)()->name, arena_type_of(arena));
    return (struct ARENA_PREFIX *)(void *)arena;
}

/* NULL: out of memory, too large, or options that are not understood. */
ARENA_INLINE ARENA_NODISCARD struct ARENA_PREFIX *ARENA_F(create_with)(size_t capacity,
                                                                       const struct arena_options *options) {
    ARENA_ARENA_ *arena = NULL;
    (void)!arena_create_with(ARENA_F(type)(), capacity, options, &arena);
    return (struct ARENA_PREFIX *)(void *)arena;
}

ARENA_INLINE ARENA_NODISCARD struct ARENA_PREFIX *ARENA_F(create)(size_t capacity) {
    return ARENA_F(create_with)(capacity, NULL);
}

/* An arena in the caller's memory, its handle included.  NULL: not even the handle fits, or options that are not
 * understood. */
ARENA_INLINE ARENA_NODISCARD struct ARENA_PREFIX *ARENA_F(create_in)(void *memory, size_t size_bytes,
                                                                     const struct arena_options *options) {
    ARENA_ARENA_ *arena = NULL;
    (void)!arena_create_in(ARENA_F(type)(), memory, size_bytes, options, &arena);
    return (struct ARENA_PREFIX *)(void *)arena;
}

/* What create_in takes for `count` elements, in bytes. */
ARENA_INLINE size_t ARENA_F(in_bytes)(size_t count, const struct arena_options *options) {
    return arena_in_bytes(ARENA_F(type)(), count, options);
}

ARENA_INLINE void ARENA_F(destroy)(struct ARENA_PREFIX *arena) { arena_destroy(ARENA_F(raw)(arena)); }

ARENA_INLINE void ARENA_F(reset)(struct ARENA_PREFIX *arena) { arena_reset(ARENA_F(raw)(arena)); }

ARENA_INLINE void ARENA_F(trim)(struct ARENA_PREFIX *arena) { arena_trim(ARENA_F(raw)(arena)); }

ARENA_INLINE size_t ARENA_F(used)(const struct ARENA_PREFIX *arena) { return arena_used(ARENA_F(raw)(arena)); }

ARENA_INLINE size_t ARENA_F(remaining)(const struct ARENA_PREFIX *arena) {
    return arena_remaining(ARENA_F(raw)(arena));
}

ARENA_INLINE size_t ARENA_F(cap)(const struct ARENA_PREFIX *arena) { return arena_cap(ARENA_F(raw)(arena)); }

ARENA_INLINE bool ARENA_F(owns)(const struct ARENA_PREFIX *arena, const void *address) {
    return arena_owns(ARENA_F(raw)(arena), address);
}

ARENA_INLINE ARENA_NODISCARD int ARENA_F(get_stats)(const struct ARENA_PREFIX *arena, struct arena_stats *out) {
    return arena_get_stats(ARENA_F(raw)(arena), out);
}

ARENA_INLINE ARENA_NODISCARD int ARENA_F(destroy_checked)(struct ARENA_PREFIX *arena) {
    return arena_destroy_checked(ARENA_F(raw)(arena));
}

ARENA_INLINE ARENA_NODISCARD int ARENA_F(reset_checked)(struct ARENA_PREFIX *arena) {
    return arena_reset_checked(ARENA_F(raw)(arena));
}

ARENA_INLINE ARENA_NODISCARD int ARENA_F(trim_checked)(struct ARENA_PREFIX *arena) {
    return arena_trim_checked(ARENA_F(raw)(arena));
}

/* --- marks -------------------------------------------------------------------------------------------------------- */

/* As arena_get_mark. */
ARENA_INLINE struct arena_mark ARENA_F(mark)(struct ARENA_PREFIX *arena) {
    struct arena_mark mark ARENA_WRITTEN_BY_LIBRARY_;
    arena_get_mark(ARENA_F(raw)(arena), &mark);
    return mark;
}

/* As arena_rewind. */
ARENA_INLINE void ARENA_F(rewind)(struct ARENA_PREFIX *arena, struct arena_mark mark) {
    arena_rewind(ARENA_F(raw)(arena), &mark);
}

/* As arena_rewind_end. */
ARENA_INLINE void ARENA_F(rewind_end)(struct ARENA_PREFIX *arena, struct arena_mark mark) {
    arena_rewind_end(ARENA_F(raw)(arena), &mark);
}

ARENA_INLINE ARENA_NODISCARD int ARENA_F(rewind_checked)(struct ARENA_PREFIX *arena, struct arena_mark mark) {
    return arena_rewind_checked(ARENA_F(raw)(arena), &mark);
}

ARENA_INLINE ARENA_NODISCARD int ARENA_F(rewind_end_checked)(struct ARENA_PREFIX *arena, struct arena_mark mark) {
    return arena_rewind_end_checked(ARENA_F(raw)(arena), &mark);
}

/* --- contexts ----------------------------------------------------------------------------------------------------- */

ARENA_INLINE ARENA_NODISCARD int ARENA_F(inject)(struct arena_context *parent, struct ARENA_PREFIX *arena,
                                                 struct arena_context **out) {
    return arena_inject(parent, ARENA_F(raw)(arena), out);
}

ARENA_INLINE ARENA_NODISCARD int ARENA_F(extract)(struct arena_context *context, struct ARENA_PREFIX **out) {
    ARENA_ARENA_ *arena = NULL;
    int status = arena_extract(context, ARENA_F(type)(), out == NULL ? NULL : &arena);
    if (out != NULL) *out = (struct ARENA_PREFIX *)(void *)arena;
    return status;
}
