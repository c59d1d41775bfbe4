/* SPDX-License-Identifier: MIT */
/* libarena: a part of the typed face, which arena/template.h includes and ARENA_DEFINE is made of: the element type and
 * its descriptor. */

/* The element type, and its handle: declared here, so that the check below sees the program's own type of that name. */
typedef ARENA_T ARENA_ELEMENT;
struct ARENA_PREFIX;
struct ARENA_CONCURRENT;
struct ARENA_POOL;
ARENA_CHECK_ELEMENT_(ARENA_ELEMENT, struct ARENA_PREFIX, struct ARENA_CONCURRENT, struct ARENA_POOL)

/* The descriptor of the element type.  Static. */
ARENA_DESCRIPTOR_OUTSIDE_(ARENA_PRIVATE_F(descriptor), ARENA_NAME, sizeof(ARENA_ELEMENT), ARENA_ALIGNOF(ARENA_ELEMENT),
                          ARENA_DROP_FUNCTION, 0, 0)
ARENA_INLINE const struct arena_type *ARENA_F(type)(void) {
    ARENA_DESCRIPTOR_INSIDE_(ARENA_PRIVATE_F(descriptor), ARENA_NAME, sizeof(ARENA_ELEMENT),
                             ARENA_ALIGNOF(ARENA_ELEMENT), ARENA_DROP_FUNCTION, 0, 0)
    return &ARENA_PRIVATE_F(descriptor);
}
