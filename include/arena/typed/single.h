/* SPDX-License-Identifier: MIT */
/* libarena: a part of the typed face, which arena/template.h includes and ARENA_DEFINE is made of: struct arena.  What
 * a function does, and how it fails, arena/single.h says of its namesake. */

/* `len` elements that lie one behind the other; {NULL, 0}: there was no room. */
struct ARENA_SLAB {
    ARENA_ELEMENT *data;
    size_t len;
};

ARENA_INLINE struct ARENA_SLAB ARENA_PRIVATE_F(slab_of)(void *data, size_t count) {
    struct ARENA_SLAB slab;
    slab.data = (ARENA_ELEMENT *)data;
    slab.len = data == NULL ? 0 : count;
    return slab;
}

/* Element `index` of a slab; panics past its end. */
ARENA_INLINE ARENA_ELEMENT *ARENA_F(slab_at)(struct ARENA_SLAB slab, size_t index) {
    if (!ARENA_LIKELY(index < slab.len)) arena_panic_slab_bounds(index, slab.len);
    return slab.data + index;
}

/* --- single slots: the inline path -------------------------------------------------------------------------------- */

/* The window holds whole slots, so it has room for one exactly when it is not empty.  Without room a value that fits
 * into registers goes to a function out of line, so that the inline path needs no frame and no address of the value.  A
 * larger one stays where it is: clang would keep in memory what is passed on, and load in wide pieces what was just
 * stored in narrow ones; the library hands out a zeroed slot for it. */
ARENA_OUT_OF_LINE ARENA_ELEMENT *ARENA_PRIVATE_F(alloc_slow)(struct ARENA_PREFIX *arena, ARENA_ELEMENT value) {
    return (ARENA_ELEMENT *)arena_alloc(ARENA_F(raw)(arena), &value);
}

ARENA_OUT_OF_LINE ARENA_ELEMENT *ARENA_PRIVATE_F(try_alloc_slow)(struct ARENA_PREFIX *arena, ARENA_ELEMENT value) {
    return (ARENA_ELEMENT *)arena_try_alloc(ARENA_F(raw)(arena), &value);
}

ARENA_STORING_ ARENA_ELEMENT *ARENA_F(alloc)(struct ARENA_PREFIX *arena, ARENA_ELEMENT value) {
    struct arena_head *head = (struct arena_head *)(void *)arena;
    char *slot = head->cursor;
    if (ARENA_LIKELY(slot != head->limit)) {
        head->cursor = slot + sizeof(ARENA_ELEMENT);
    } else if (sizeof(ARENA_ELEMENT) <= ARENA_IN_REGISTERS_BYTES_) {
        return ARENA_PRIVATE_F(alloc_slow)(arena, value);
    } else {
        slot = (char *)arena_alloc(ARENA_F(raw)(arena), NULL);
    }
    ARENA_STORE_(ARENA_ELEMENT, slot, value);
    return (ARENA_ELEMENT *)(void *)slot;
}

ARENA_STORING_ ARENA_ELEMENT *ARENA_F(try_alloc)(struct ARENA_PREFIX *arena, ARENA_ELEMENT value) {
    struct arena_head *head = (struct arena_head *)(void *)arena;
    char *slot = head->cursor;
    if (ARENA_LIKELY(slot != head->limit)) {
        head->cursor = slot + sizeof(ARENA_ELEMENT);
    } else if (sizeof(ARENA_ELEMENT) <= ARENA_IN_REGISTERS_BYTES_) {
        return ARENA_PRIVATE_F(try_alloc_slow)(arena, value);
    } else {
        slot = (char *)arena_try_alloc(ARENA_F(raw)(arena), NULL);
        if (slot == NULL) return NULL;
    }
    ARENA_STORE_(ARENA_ELEMENT, slot, value);
    return (ARENA_ELEMENT *)(void *)slot;
}

/* As alloc, with an element that is zero. */
ARENA_INLINE ARENA_ELEMENT *ARENA_F(alloc_zero)(struct ARENA_PREFIX *arena) {
    struct arena_head *head = (struct arena_head *)(void *)arena;
    char *slot = head->cursor;
    if (ARENA_LIKELY(slot != head->limit)) {
        head->cursor = slot + sizeof(ARENA_ELEMENT);
        return (ARENA_ELEMENT *)memset((void *)slot, 0, sizeof(ARENA_ELEMENT));
    }
    return (ARENA_ELEMENT *)arena_alloc(ARENA_F(raw)(arena), NULL);
}

/* As try_alloc, with an element that is zero. */
ARENA_INLINE ARENA_ELEMENT *ARENA_F(try_alloc_zero)(struct ARENA_PREFIX *arena) {
    struct arena_head *head = (struct arena_head *)(void *)arena;
    char *slot = head->cursor;
    if (ARENA_LIKELY(slot != head->limit)) {
        head->cursor = slot + sizeof(ARENA_ELEMENT);
        return (ARENA_ELEMENT *)memset((void *)slot, 0, sizeof(ARENA_ELEMENT));
    }
    return (ARENA_ELEMENT *)arena_try_alloc(ARENA_F(raw)(arena), NULL);
}

/* For values too large to pass: copied from *value; NULL: a zeroed slot. */
ARENA_INLINE ARENA_ELEMENT *ARENA_F(alloc_from)(struct ARENA_PREFIX *arena, const ARENA_ELEMENT *value) {
    struct arena_head *head = (struct arena_head *)(void *)arena;
    char *slot = head->cursor;
    if (ARENA_LIKELY(slot != head->limit && value != NULL)) {
        head->cursor = slot + sizeof(ARENA_ELEMENT);
        return (ARENA_ELEMENT *)memcpy((void *)slot, (const void *)value, sizeof(ARENA_ELEMENT));
    }
    return (ARENA_ELEMENT *)arena_alloc(ARENA_F(raw)(arena), value);
}

/* As alloc_from; NULL, and nothing has changed, where the arena is full. */
ARENA_INLINE ARENA_ELEMENT *ARENA_F(try_alloc_from)(struct ARENA_PREFIX *arena, const ARENA_ELEMENT *value) {
    struct arena_head *head = (struct arena_head *)(void *)arena;
    char *slot = head->cursor;
    if (ARENA_LIKELY(slot != head->limit && value != NULL)) {
        head->cursor = slot + sizeof(ARENA_ELEMENT);
        return (ARENA_ELEMENT *)memcpy((void *)slot, (const void *)value, sizeof(ARENA_ELEMENT));
    }
    return (ARENA_ELEMENT *)arena_try_alloc(ARENA_F(raw)(arena), value);
}

/* *out is NULL after a failure. */
ARENA_INLINE ARENA_NODISCARD int ARENA_F(alloc_checked)(struct ARENA_PREFIX *arena, ARENA_ELEMENT value,
                                                        ARENA_ELEMENT **out) {
    void *slot = NULL;
    int status = arena_alloc_checked(ARENA_F(raw)(arena), &value, out == NULL ? NULL : &slot);
    if (out != NULL) *out = (ARENA_ELEMENT *)slot;
    return status;
}

/* --- slabs -------------------------------------------------------------------------------------------------------- */

/* Slabs of a few elements whose number the compiler knows are as good as single slots: inline, and copied one by one,
 * so that values made in registers are stored from there.  As for single slots, the library hands out zeroed ones where
 * the window has no room, and the address of the values is passed to nobody. */
ARENA_INLINE bool ARENA_PRIVATE_F(few)(size_t count) {
    return ARENA_IS_CONSTANT(count) && count != 0 && count <= ARENA_FEW_BYTES_ / sizeof(ARENA_ELEMENT);
}

ARENA_INLINE bool ARENA_PRIVATE_F(take_few)(struct ARENA_PREFIX *arena, size_t count, ARENA_ELEMENT **slab) {
    struct arena_head *head = (struct arena_head *)(void *)arena;
    *slab = (ARENA_ELEMENT *)(void *)head->cursor;
    if (!ARENA_LIKELY((size_t)(head->limit - head->cursor) >= count * sizeof(ARENA_ELEMENT))) return false;
    head->cursor += count * sizeof(ARENA_ELEMENT);
    return true;
}

ARENA_INLINE void ARENA_PRIVATE_F(copy_few)(ARENA_ELEMENT *to, const ARENA_ELEMENT *from, size_t count) {
    if (count > ARENA_UNROLLED_) {
        memcpy((void *)to, (const void *)from, count * sizeof(ARENA_ELEMENT));
        return;
    }
    ARENA_UNROLL_
    for (size_t i = 0; i < count; i++) ARENA_STORE_(ARENA_ELEMENT, to + i, from[i]);
}

ARENA_INLINE struct ARENA_SLAB ARENA_F(alloc_slab)(struct ARENA_PREFIX *arena, size_t count) {
    ARENA_ELEMENT *few;
    if (!ARENA_PRIVATE_F(few)(count) || !ARENA_PRIVATE_F(take_few)(arena, count, &few))
        return ARENA_PRIVATE_F(slab_of)(arena_alloc_slab(ARENA_F(raw)(arena), count), count);
    return ARENA_PRIVATE_F(slab_of)(memset((void *)few, 0, count * sizeof(ARENA_ELEMENT)), count);
}

/* False, and *slab is {NULL, 0}: there is no room. */
ARENA_INLINE bool ARENA_F(try_alloc_slab)(struct ARENA_PREFIX *arena, size_t count, struct ARENA_SLAB *slab) {
    ARENA_ELEMENT *few;
    if (!ARENA_PRIVATE_F(few)(count) || !ARENA_PRIVATE_F(take_few)(arena, count, &few)) {
        *slab = ARENA_PRIVATE_F(slab_of)(arena_try_alloc_slab(ARENA_F(raw)(arena), count), count);
    } else {
        *slab = ARENA_PRIVATE_F(slab_of)(memset((void *)few, 0, count * sizeof(ARENA_ELEMENT)), count);
    }
    return slab->data != NULL;
}

ARENA_INLINE struct ARENA_SLAB ARENA_F(alloc_slab_with)(struct ARENA_PREFIX *arena, const ARENA_ELEMENT *values,
                                                        size_t count) {
    ARENA_ELEMENT *few;
    if (!ARENA_PRIVATE_F(few)(count) || values == NULL)
        return ARENA_PRIVATE_F(slab_of)(arena_alloc_slab_with(ARENA_F(raw)(arena), values, count), count);
    if (!ARENA_PRIVATE_F(take_few)(arena, count, &few))
        few = (ARENA_ELEMENT *)arena_alloc_slab_with(ARENA_F(raw)(arena), NULL, count);
    ARENA_PRIVATE_F(copy_few)(few, values, count);
    return ARENA_PRIVATE_F(slab_of)(few, count);
}

/* False, and *slab is {NULL, 0}: there is no room. */
ARENA_INLINE bool ARENA_F(try_alloc_slab_with)(struct ARENA_PREFIX *arena, const ARENA_ELEMENT *values, size_t count,
                                               struct ARENA_SLAB *slab) {
    ARENA_ELEMENT *few;
    if (!ARENA_PRIVATE_F(few)(count) || values == NULL) {
        few = (ARENA_ELEMENT *)arena_try_alloc_slab_with(ARENA_F(raw)(arena), values, count);
    } else {
        if (!ARENA_PRIVATE_F(take_few)(arena, count, &few))
            few = (ARENA_ELEMENT *)arena_try_alloc_slab_with(ARENA_F(raw)(arena), NULL, count);
        if (few != NULL) ARENA_PRIVATE_F(copy_few)(few, values, count);
    }
    *slab = ARENA_PRIVATE_F(slab_of)(few, count);
    return few != NULL;
}

/* *out is {NULL, 0} after a failure. */
ARENA_INLINE ARENA_NODISCARD int ARENA_F(alloc_slab_checked)(struct ARENA_PREFIX *arena, size_t count,
                                                             struct ARENA_SLAB *out) {
    void *data = NULL;
    int status = arena_alloc_slab_checked(ARENA_F(raw)(arena), count, out == NULL ? NULL : &data);
    if (out != NULL) *out = ARENA_PRIVATE_F(slab_of)(data, count);
    return status;
}

ARENA_INLINE ARENA_NODISCARD int ARENA_F(alloc_slab_with_checked)(struct ARENA_PREFIX *arena,
                                                                  const ARENA_ELEMENT *values, size_t count,
                                                                  struct ARENA_SLAB *out) {
    void *data = NULL;
    int status = arena_alloc_slab_with_checked(ARENA_F(raw)(arena), values, count, out == NULL ? NULL : &data);
    if (out != NULL) *out = ARENA_PRIVATE_F(slab_of)(data, count);
    return status;
}

/* --- bursts ------------------------------------------------------------------------------------------------------- */

struct ARENA_BURST {
    char *cursor;
    char *limit;
    ARENA_ARENA_ *arena;
};

ARENA_INLINE struct ARENA_BURST ARENA_F(burst_begin)(struct ARENA_PREFIX *arena) {
    struct arena_burst raw ARENA_WRITTEN_BY_LIBRARY_;
    struct ARENA_BURST burst;
    arena_burst_begin(ARENA_F(raw)(arena), &raw);
    burst.cursor = raw.cursor;
    burst.limit = raw.limit;
    burst.arena = raw.arena;
    return burst;
}

/* The refill goes through locals of its own: were the address of `burst` to escape, its window would leave the
 * registers at every memory clobber. */
ARENA_STORING_ ARENA_ELEMENT *ARENA_F(burst_put)(struct ARENA_BURST *burst, ARENA_ELEMENT value) {
    char *slot = burst->cursor;
    if (!ARENA_LIKELY(slot != burst->limit)) {
        char *limit ARENA_WRITTEN_BY_LIBRARY_;
        slot = arena_burst_more(burst->arena, slot, &limit);
        burst->cursor = slot;
        burst->limit = limit;
        if (slot == limit) return NULL;
    }
    burst->cursor = slot + sizeof(ARENA_ELEMENT);
    ARENA_STORE_(ARENA_ELEMENT, slot, value);
    return (ARENA_ELEMENT *)(void *)slot;
}

ARENA_INLINE void ARENA_F(burst_end)(struct ARENA_PREFIX *arena, struct ARENA_BURST *burst) {
    struct arena_burst raw;
    raw.cursor = burst->cursor;
    raw.limit = burst->limit;
    raw.arena = burst->arena;
    arena_burst_end(ARENA_F(raw)(arena), &raw);
    burst->cursor = burst->limit = NULL;
    burst->arena = NULL;
}

ARENA_INLINE ARENA_ELEMENT *ARENA_F(at)(const struct ARENA_PREFIX *arena, size_t index) {
    return (ARENA_ELEMENT *)arena_at(ARENA_F(raw)(arena), index);
}
