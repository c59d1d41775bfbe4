/* SPDX-License-Identifier: MIT */
/* libarena: a part of the typed face, which arena/template.h includes and ARENA_DEFINE is made of: the allocations of
 * struct arena_concurrent; concurrent_handle.h has the rest of it.  What a function does, and how it fails,
 * arena/concurrent.h says of its namesake. */

/* So that ARENA_SLAB_WITH and its like take the prefix of these functions too. */
typedef ARENA_ELEMENT ARENA_F(concurrent_element);

/* --- allocation --------------------------------------------------------------------------------------------------- */

ARENA_INLINE ARENA_ELEMENT *ARENA_F(concurrent_alloc)(struct ARENA_CONCURRENT *arena, ARENA_ELEMENT value) {
    return (ARENA_ELEMENT *)arena_concurrent_alloc(ARENA_F(concurrent_raw)(arena), &value);
}

ARENA_INLINE ARENA_ELEMENT *ARENA_F(concurrent_try_alloc)(struct ARENA_CONCURRENT *arena, ARENA_ELEMENT value) {
    return (ARENA_ELEMENT *)arena_concurrent_try_alloc(ARENA_F(concurrent_raw)(arena), &value);
}

/* As concurrent_alloc, with an element that is zero. */
ARENA_INLINE ARENA_ELEMENT *ARENA_F(concurrent_alloc_zero)(struct ARENA_CONCURRENT *arena) {
    return (ARENA_ELEMENT *)arena_concurrent_alloc(ARENA_F(concurrent_raw)(arena), NULL);
}

/* As concurrent_try_alloc, with an element that is zero. */
ARENA_INLINE ARENA_ELEMENT *ARENA_F(concurrent_try_alloc_zero)(struct ARENA_CONCURRENT *arena) {
    return (ARENA_ELEMENT *)arena_concurrent_try_alloc(ARENA_F(concurrent_raw)(arena), NULL);
}

/* For values too large to pass: copied from *value; NULL: a zeroed slot. */
ARENA_INLINE ARENA_ELEMENT *ARENA_F(concurrent_alloc_from)(struct ARENA_CONCURRENT *arena, const ARENA_ELEMENT *value) {
    return (ARENA_ELEMENT *)arena_concurrent_alloc(ARENA_F(concurrent_raw)(arena), value);
}

/* As concurrent_alloc_from; NULL, and nothing has changed, where the arena is full. */
ARENA_INLINE ARENA_ELEMENT *ARENA_F(concurrent_try_alloc_from)(struct ARENA_CONCURRENT *arena,
                                                               const ARENA_ELEMENT *value) {
    return (ARENA_ELEMENT *)arena_concurrent_try_alloc(ARENA_F(concurrent_raw)(arena), value);
}

ARENA_INLINE struct ARENA_SLAB ARENA_F(concurrent_alloc_slab)(struct ARENA_CONCURRENT *arena, size_t count) {
    return ARENA_PRIVATE_F(slab_of)(arena_concurrent_alloc_slab(ARENA_F(concurrent_raw)(arena), count), count);
}

ARENA_INLINE bool ARENA_F(concurrent_try_alloc_slab)(struct ARENA_CONCURRENT *arena, size_t count,
                                                     struct ARENA_SLAB *slab) {
    *slab = ARENA_PRIVATE_F(slab_of)(arena_concurrent_try_alloc_slab(ARENA_F(concurrent_raw)(arena), count), count);
    return slab->data != NULL;
}

ARENA_INLINE struct ARENA_SLAB ARENA_F(concurrent_alloc_slab_with)(struct ARENA_CONCURRENT *arena,
                                                                   const ARENA_ELEMENT *values, size_t count) {
    void *data = arena_concurrent_alloc_slab_with(ARENA_F(concurrent_raw)(arena), values, count);
    return ARENA_PRIVATE_F(slab_of)(data, count);
}

ARENA_INLINE bool ARENA_F(concurrent_try_alloc_slab_with)(struct ARENA_CONCURRENT *arena, const ARENA_ELEMENT *values,
                                                          size_t count, struct ARENA_SLAB *slab) {
    void *data = arena_concurrent_try_alloc_slab_with(ARENA_F(concurrent_raw)(arena), values, count);
    *slab = ARENA_PRIVATE_F(slab_of)(data, count);
    return data != NULL;
}

/* --- under a context ---------------------------------------------------------------------------------------------- */

ARENA_INLINE ARENA_NODISCARD int ARENA_F(concurrent_alloc_context)(struct ARENA_CONCURRENT *arena,
                                                                   struct arena_context *context, ARENA_ELEMENT value,
                                                                   ARENA_ELEMENT **out) {
    void *slot = NULL;
    int status =
        arena_concurrent_alloc_context(ARENA_F(concurrent_raw)(arena), context, &value, out == NULL ? NULL : &slot);
    if (out != NULL) *out = (ARENA_ELEMENT *)slot;
    return status;
}

ARENA_INLINE ARENA_NODISCARD int ARENA_F(concurrent_alloc_slab_context)(struct ARENA_CONCURRENT *arena,
                                                                        struct arena_context *context, size_t count,
                                                                        struct ARENA_SLAB *out) {
    void *data = NULL;
    int status =
        arena_concurrent_alloc_slab_context(ARENA_F(concurrent_raw)(arena), context, count, out == NULL ? NULL : &data);
    if (out != NULL) *out = ARENA_PRIVATE_F(slab_of)(data, count);
    return status;
}

ARENA_INLINE ARENA_NODISCARD int ARENA_F(concurrent_alloc_slab_with_context)(struct ARENA_CONCURRENT *arena,
                                                                             struct arena_context *context,
                                                                             const ARENA_ELEMENT *values, size_t count,
                                                                             struct ARENA_SLAB *out) {
    void *data = NULL;
    int status = arena_concurrent_alloc_slab_with_context(ARENA_F(concurrent_raw)(arena), context, values, count,
                                                          out == NULL ? NULL : &data);
    if (out != NULL) *out = ARENA_PRIVATE_F(slab_of)(data, count);
    return status;
}
