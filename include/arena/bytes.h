/* SPDX-License-Identifier: MIT */
/* libarena: struct arena_bytes, blocks of any size and alignment in one arena.
 *
 *   struct arena_bytes *arena = arena_bytes_create(SIZE_MAX);
 *   struct node *node = ARENA_NEW(arena, struct node);
 *   node->name = arena_bytes_strdup(arena, "root");
 *   ARENA_SCRATCH(arena_bytes, arena) { ... }
 *   arena_bytes_destroy(arena);
 *
 * It grows: the capacity (SIZE_MAX: no limit) bounds what is handed out, alignment padding included, and is no
 * reservation.  The arena takes more memory as it needs it, and nothing that was handed out moves.  After a reset it
 * keeps at most one block of memory.  A thread keeps one small arena that it destroyed, or one as large as that needed
 * (up to 16 KiB), for the next one that it makes, until it ends; and a process keeps 4 MiB or little more of what arenas
 * that were destroyed had grown to, unless its address space is limited (RLIMIT_AS).
 *
 * There is no room where the block would pass the capacity, or no object can be so large (ARENA_EFULL), or where the
 * system or the source has no memory (ARENA_ENOMEM).  The plain spellings panic then, the try_ ones return NULL, and
 * nothing has changed.
 *
 * `align` is 0 (max_align_t's) or a power of two up to at least 65,536; another one panics (try_: NULL), always.  A
 * block of size 0 takes nothing and never fails: its address is aligned, not NULL, may be that of a later block, and it
 * does not grow in place.
 *
 * A memory checker (AddressSanitizer, Valgrind) sees an access before or behind a block, between neighbours too.
 *
 * Of a byte arena every function of the typed face exists with the prefix arena_bytes: create, create_with, create_in,
 * create_on, destroy, raw, from_raw, used, remaining, cap (in bytes), reset, trim, mark, rewind, rewind_end, owns,
 * get_stats, inject, extract, and all of struct arena_bytes_pool; and of struct arena_bytes_concurrent what knows
 * nothing of elements: concurrent_create, create_with, destroy, raw, from_raw, used, remaining, cap, get_stats, reset,
 * reset_context, trim, acquire (a struct arena_bytes), try_acquire, release, permits.  They are inline; a binding calls
 * what is behind them, with arena_type_bytes() for the type: arena_create, arena_pool_create and so on.  Used as a
 * struct arena it hands out one byte by arena_alloc, and n bytes as a slab of n; arena_at returns NULL, and a burst
 * panics.
 *
 * Thread safety: as struct arena, one thread at a time.
 */
#ifndef ARENA_BYTES_H
#define ARENA_BYTES_H

#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <arena/concurrent.h>
#include <arena/pool.h>
#include <arena/typed.h>

ARENA_BEGIN_DECLS

struct arena_bytes;

/* --- Blocks ------------------------------------------------------------------------------------------------------- */

/* Hands out a block of `size` bytes, zeroed but with ARENA_CLEAR_NEVER.  Never NULL: panics where there is no room.
 * Inline in C and C++; the exported function is the same for bindings. */
ARENA_API void *arena_bytes_alloc(struct arena_bytes *arena, size_t size, size_t align);
/* The same; NULL where there is no room. */
ARENA_API void *arena_bytes_try_alloc(struct arena_bytes *arena, size_t size, size_t align);
/* As arena_bytes_alloc, a block whose contents are not specified: for what the caller writes at once.  It spares large
 * blocks the clearing; small ones are as quick by arena_bytes_alloc, which is inline. */
ARENA_API void *arena_bytes_alloc_raw(struct arena_bytes *arena, size_t size, size_t align);
/* The same; NULL where there is no room. */
ARENA_API void *arena_bytes_try_alloc_raw(struct arena_bytes *arena, size_t size, size_t align);
/* Puts a block into *out, or returns a status: ARENA_EFULL; ARENA_ENOMEM; ARENA_EINVAL: arena or out is NULL, align is
 * no power of two, or the arena is back in its pool; ARENA_EBUSY: it is running cleanups. */
ARENA_API ARENA_NODISCARD int arena_bytes_alloc_checked(struct arena_bytes *arena, size_t size, size_t align,
                                                        void **out);

/* Hands out a copy of from[0 .. size); NULL: zeroed, whatever the policy.  Panics where there is no room. */
ARENA_API void *arena_bytes_memdup(struct arena_bytes *arena, const void *from, size_t size, size_t align);
/* The same; NULL where there is no room. */
ARENA_API void *arena_bytes_try_memdup(struct arena_bytes *arena, const void *from, size_t size, size_t align);

/* Changes the size of a block where it lies; what it grows by is zero.  The newest block grows and shrinks; another one
 * shrinks, and nothing is gained.  A wrong old_size is undefined.  false, and nothing has changed: it cannot grow, it
 * lies below a living mark, or block is NULL. */
ARENA_API bool arena_bytes_resize(struct arena_bytes *arena, void *block, size_t old_size, size_t new_size);
/* The block with its first min(old_size, new_size) bytes, in place where resize can and the address is aligned so, else
 * as a copy (the old one stays as it was); what it grew by is zero.  block NULL: as alloc.  new_size 0: an empty
 * block. */
ARENA_API void *arena_bytes_realloc(struct arena_bytes *arena, void *block, size_t old_size, size_t new_size,
                                    size_t align);
/* The same; NULL where there is no room. */
ARENA_API void *arena_bytes_try_realloc(struct arena_bytes *arena, void *block, size_t old_size, size_t new_size,
                                        size_t align);

/* --- Text --------------------------------------------------------------------------------------------------------- */

/* A copy of a text, with a NUL behind.  NULL of NULL.  Panics where there is no room. */
ARENA_API char *arena_bytes_strdup(struct arena_bytes *arena, const char *text);
/* A copy of a text's first `most` bytes at the most, with a NUL behind.  NULL of NULL.  Panics where there is no
 * room. */
ARENA_API char *arena_bytes_strndup(struct arena_bytes *arena, const char *text, size_t most);
/* As arena_bytes_strdup; NULL where there is no room, too. */
ARENA_API char *arena_bytes_try_strdup(struct arena_bytes *arena, const char *text);
/* As arena_bytes_strndup; NULL where there is no room, too. */
ARENA_API char *arena_bytes_try_strndup(struct arena_bytes *arena, const char *text, size_t most);

#if defined(__GNUC__)
#define ARENA_PRINTF_(text, first) __attribute__((__format__(__printf__, text, first)))
#else
#define ARENA_PRINTF_(text, first)
#endif

/* What printf would print, with a NUL behind, formatted once where it fits.  Arguments may lie in the arena.  An
 * encoding error panics with ARENA_EINVAL (try_: NULL). */
ARENA_API char *arena_bytes_printf(struct arena_bytes *arena, const char *format, ...) ARENA_PRINTF_(2, 3);
/* As arena_bytes_printf, with the arguments in a list. */
ARENA_API char *arena_bytes_vprintf(struct arena_bytes *arena, const char *format, va_list arguments)
    ARENA_PRINTF_(2, 0);
/* As arena_bytes_printf; NULL where there is no room, or for an encoding error. */
ARENA_API char *arena_bytes_try_printf(struct arena_bytes *arena, const char *format, ...) ARENA_PRINTF_(2, 3);
/* As arena_bytes_vprintf; NULL where there is no room, or for an encoding error. */
ARENA_API char *arena_bytes_try_vprintf(struct arena_bytes *arena, const char *format, va_list arguments)
    ARENA_PRINTF_(2, 0);

/* --- Cleanups ----------------------------------------------------------------------------------------------------- */

/* Lies in the arena, where it takes its own size and a link.  Both fields may be set later; run NULL cancels. */
struct arena_cleanup {
    void (*run)(void *user);
    void *user;
};

/* Registers run(user).  The library calls it when the arena is rewound past here, reset, returned to its pool or
 * destroyed: newest first, on the thread that does it, before memory is cleared.  It must not allocate from the arena,
 * panic or exit.  run may be NULL. Panics where there is no room. */
ARENA_API struct arena_cleanup *arena_bytes_defer(struct arena_bytes *arena, void (*run)(void *user), void *user);
/* The same; NULL where there is no room. */
ARENA_API struct arena_cleanup *arena_bytes_try_defer(struct arena_bytes *arena, void (*run)(void *user), void *user);

/* --- The whole arena ---------------------------------------------------------------------------------------------- */

/* Changes the capacity; of an arena of a pool for as long as it is out.  false, and nothing has changed: it is less than
 * what is used, more than a fixed arena holds, or the arena is NULL, or from acquire. */
ARENA_API bool arena_bytes_set_cap(struct arena_bytes *arena, size_t capacity);

/* A source (struct arena_source) that takes its memory out of `parent`, for a child arena.  What the child gives back
 * is free again only where it is the parent's newest block.  A reset or rewind of the parent takes the child's memory
 * away, and runs none of its cleanups and drops. */
ARENA_API struct arena_source arena_bytes_source(struct arena_bytes *parent);

/* --- Buffers: text or bytes that grow in an arena --------------------------------------------------------------------
 *
 * A buffer begins as {0} with its arena set.  data[0 .. len) is what was appended, cap what there is room for.  The
 * plain spellings panic where there is no room.  **A buffer begun before a mark moves when it grows after
 * it, and goes with the next rewind to that mark.**
 */
struct arena_buffer {
    char *data;
    size_t len;
    size_t cap;
    struct arena_bytes *arena;
};

/* Appends data[0 .. size_bytes), which may lie in the buffer itself. */
ARENA_API void arena_buffer_append(struct arena_buffer *buffer, const void *data, size_t size_bytes);
/* Appends one byte. */
ARENA_API void arena_buffer_append_byte(struct arena_buffer *buffer, unsigned char byte);
/* Appends a text without its NUL; NULL appends nothing. */
ARENA_API void arena_buffer_append_text(struct arena_buffer *buffer, const char *text);
/* Appends what printf would print, without a NUL, but there has to be room for one.  Arguments may lie in the arena. */
ARENA_API void arena_buffer_printf(struct arena_buffer *buffer, const char *format, ...) ARENA_PRINTF_(2, 3);
/* As arena_buffer_printf, with the arguments in a list. */
ARENA_API void arena_buffer_vprintf(struct arena_buffer *buffer, const char *format, va_list arguments)
    ARENA_PRINTF_(2, 0);
/* Makes room for `more` bytes at least. */
ARENA_API void arena_buffer_reserve(struct arena_buffer *buffer, size_t more);
/* Sets the length to 0; the room stays. */
ARENA_API void arena_buffer_clear(struct arena_buffer *buffer);
/* The data with a NUL behind, which is not counted.  When it is empty "", not to be written to, also where there is no
 * room.  Valid until the next call that appends. */
ARENA_API char *arena_buffer_text(struct arena_buffer *buffer);
/* As arena_buffer_append; false, and nothing has changed, where there is no room. */
ARENA_API bool arena_buffer_try_append(struct arena_buffer *buffer, const void *data, size_t size_bytes);
/* As arena_buffer_append_byte; false, and nothing has changed, where there is no room. */
ARENA_API bool arena_buffer_try_append_byte(struct arena_buffer *buffer, unsigned char byte);
/* As arena_buffer_append_text; false, and nothing has changed, where there is no room. */
ARENA_API bool arena_buffer_try_append_text(struct arena_buffer *buffer, const char *text);
/* As arena_buffer_printf; false, and nothing has changed, where there is no room. */
ARENA_API bool arena_buffer_try_printf(struct arena_buffer *buffer, const char *format, ...) ARENA_PRINTF_(2, 3);
/* As arena_buffer_vprintf; false, and nothing has changed, where there is no room. */
ARENA_API bool arena_buffer_try_vprintf(struct arena_buffer *buffer, const char *format, va_list arguments)
    ARENA_PRINTF_(2, 0);
/* As arena_buffer_reserve; false, and nothing has changed, where there is no room. */
ARENA_API bool arena_buffer_try_reserve(struct arena_buffer *buffer, size_t more);
/* As arena_buffer_text; NULL, and nothing has changed, where there is no room. */
ARENA_API char *arena_buffer_try_text(struct arena_buffer *buffer);

/* --- Vectors ------------------------------------------------------------------------------------------------------ */

/* For ARENA_PUSH: makes room for one more element behind `len`, where *cap have room already.  Returns the data, which
 * it moves where they cannot grow in place, and makes *cap larger.  NULL: there is no room, and nothing has changed. */
ARENA_API void *arena_bytes_try_grow(struct arena_bytes *arena, void *data, size_t len, size_t *cap, size_t size,
                                     size_t align);
/* As arena_bytes_try_grow; panics where there is no room. */
ARENA_API ARENA_NONNULL void *arena_bytes_grow(struct arena_bytes *arena, void *data, size_t len, size_t *cap,
                                               size_t size, size_t align);

/* --- Blocks for threads to share -------------------------------------------------------------------------------------
 *
 * A concurrent byte arena.  Its capacity is reserved when it is made, and does not grow; alignment padding counts.  As
 * in every concurrent arena threads take memory in chunks.  An allocation fails only where no free run of its size and
 * alignment is left once all chunks are taken back; with ARENA_GATE_ONLY, or one thread, all that is free lies in one
 * piece. */
struct arena_bytes_concurrent;

/* A block of `size` bytes, zeroed but with ARENA_CLEAR_NEVER; align as above; size 0 takes nothing.  Never NULL:
 * panics, and changes nothing, where there is no room, align is no power of two, or the caller holds the gate.  Any
 * thread; waits for the gate. */
ARENA_API void *arena_bytes_concurrent_alloc(struct arena_bytes_concurrent *arena, size_t size, size_t align);
/* As arena_bytes_concurrent_alloc; NULL, and nothing has changed, where there is no room or align is no power of two.
 * It waits, too. */
ARENA_API void *arena_bytes_concurrent_try_alloc(struct arena_bytes_concurrent *arena, size_t size, size_t align);
/* arena_bytes_concurrent_alloc under a context, which bounds the wait.  Statuses as for arena_concurrent_alloc_context,
 * also for size 0; ARENA_EINVAL also where align is no power of two. */
ARENA_API ARENA_NODISCARD int arena_bytes_concurrent_alloc_context(struct arena_bytes_concurrent *arena,
                                                                   struct arena_context *context, size_t size,
                                                                   size_t align, void **out);

/* sizeof(struct arena_cleanup) in bytes, for bindings that check their own declaration. */
ARENA_API size_t arena_cleanup_size(void);
/* sizeof(struct arena_buffer) in bytes, for bindings that check their own declaration. */
ARENA_API size_t arena_buffer_size(void);

/* For the inline form of arena_buffer_append: appends what the buffer has no room for.  Panics where there is no
 * room. */
ARENA_API ARENA_COLD void arena_buffer_append_slow(struct arena_buffer *buffer, const void *data, size_t size_bytes);
/* For the inline form of arena_buffer_text: the text of a buffer that is full.  Panics where there is no room. */
ARENA_API ARENA_COLD char *arena_buffer_text_slow(struct arena_buffer *buffer);
/* For the inline form of arena_bytes_strdup: copies what the window has no room for.  Panics where there is no room. */
ARENA_API ARENA_COLD char *arena_bytes_strdup_slow(struct arena_bytes *arena, const char *text, size_t length);
/* For the inline form of arena_bytes_alloc: hands out what the window has no room for.  Panics where there is no
 * room. */
ARENA_API ARENA_NOTHROW ARENA_COLD void *arena_bytes_alloc_slow(struct arena_bytes *arena, size_t size, size_t align);
/* For the inline form of arena_bytes_try_alloc: as arena_bytes_alloc_slow; NULL where there is no room. */
ARENA_API ARENA_NOTHROW ARENA_COLD void *arena_bytes_try_alloc_slow(struct arena_bytes *arena, size_t size,
                                                                    size_t align);

ARENA_END_DECLS

/* --- The inline path --------------------------------------------------------------------------------------------- */

#if !defined(ARENA_BYTES_IN_LIBRARY)
#if defined(__cplusplus)
#define ARENA_TWIN_ inline
#if defined(__GNUC__)
#define ARENA_INSIDE_TWIN_ inline __attribute__((always_inline))
#else
#define ARENA_INSIDE_TWIN_ inline
#endif
#define ARENA_BUFFER_TWIN_ ARENA_INSIDE_TWIN_
#elif defined(__GNUC__)
#define ARENA_TWIN_ extern inline __attribute__((gnu_inline))
#define ARENA_INSIDE_TWIN_ extern inline __attribute__((always_inline, gnu_inline))
#define ARENA_BUFFER_TWIN_ ARENA_INSIDE_TWIN_
#endif
#else
#define ARENA_TWIN_
#define ARENA_BUFFER_TWIN_
#define ARENA_INSIDE_TWIN_ static inline
#endif

#ifdef __cplusplus
#define ARENA_CAST_(T, pointer) static_cast<T *>(pointer)
#else
#define ARENA_CAST_(T, pointer) ((T *)(pointer))
#endif

ARENA_QUIET_BEGIN_
#if defined(ARENA_TWIN_)
ARENA_BEGIN_DECLS

/* The window begins at the cursor and is zero (but with ARENA_CLEAR_NEVER).  A block of a size that the compiler knows
 * needs one comparison: no address is so high that a small sum could wrap, but where addresses have 32 bits, of which a
 * stack may be the last ones. */
ARENA_INSIDE_TWIN_ bool arena_bytes_take_(struct arena_bytes *arena, size_t size, size_t align, void **block) {
#if defined(ARENA_BYTES_IN_LIBRARY)
    if (arena == NULL) return false;
#endif
    struct arena_head *head = ARENA_HEAD_(arena);
    char *cursor = head->cursor;
    if (align == 0) align = ARENA_ALIGNOF(max_align_t);
    if ((align & (align - 1)) != 0) return false;
    uintptr_t at = ((uintptr_t)cursor + (align - 1)) & ~(uintptr_t)(align - 1);
    if (sizeof at > 4 && ARENA_IS_CONSTANT(size) && ARENA_IS_CONSTANT(align) && size != 0 && size <= 65536 &&
        align <= 65536) {
        if (!ARENA_LIKELY(at + size <= (uintptr_t)head->limit)) return false;
    } else {
        size_t room = (size_t)(head->limit - cursor);
        size_t padding = (size_t)(at - (uintptr_t)cursor);
        if (!ARENA_LIKELY(size != 0 && size <= room && padding <= room - size)) return false;
    }
    head->cursor = (char *)(at + size);
    *block = (void *)at;
    return true;
}

ARENA_TWIN_ void *arena_bytes_alloc(struct arena_bytes *arena, size_t size, size_t align) {
    void *block;
    return ARENA_LIKELY(arena_bytes_take_(arena, size, align, &block)) ? block
                                                                       : arena_bytes_alloc_slow(arena, size, align);
}
ARENA_TWIN_ void *arena_bytes_try_alloc(struct arena_bytes *arena, size_t size, size_t align) {
    void *block;
    return ARENA_LIKELY(arena_bytes_take_(arena, size, align, &block)) ? block
                                                                       : arena_bytes_try_alloc_slow(arena, size, align);
}

ARENA_TWIN_ char *arena_bytes_strdup(struct arena_bytes *arena, const char *text) {
    if (text == NULL) return NULL;
    size_t length = strlen(text);
    void *block;
    if (!ARENA_LIKELY(arena_bytes_take_(arena, length + 1, 1, &block))) {
        return arena_bytes_strdup_slow(arena, text, length);
    }
    memcpy(block, text, length + 1);
    return ARENA_CAST_(char, block);
}

/* What a buffer that is the newest block takes of the window at a time, or more. */
#define ARENA_BUFFER_STEP_ 64

/* Begins a buffer at the cursor, or makes it longer where it ends there, by `size` bytes at least.  false: the library
 * has to. */
ARENA_INSIDE_TWIN_ bool arena_buffer_extend_(struct arena_buffer *buffer, size_t size) {
    if (buffer->arena == NULL || size == 0) return false;
    struct arena_head *head = ARENA_HEAD_(buffer->arena);
    char *cursor = head->cursor;
    char *data = buffer->cap == 0 ? cursor : buffer->data;
    size_t room = (size_t)(head->limit - cursor);
    if (size > room || data < head->floor || data + buffer->cap != cursor) return false;
    size_t most = room < ARENA_BUFFER_STEP_ ? room : ARENA_BUFFER_STEP_;
    if (size < most) size = most;
    head->cursor = cursor + size;
    buffer->data = data;
    buffer->cap += size;
    return true;
}

ARENA_BUFFER_TWIN_ void arena_buffer_append(struct arena_buffer *buffer, const void *data, size_t size_bytes) {
    if (ARENA_LIKELY(size_bytes - 1 < buffer->cap - buffer->len) || arena_buffer_extend_(buffer, size_bytes)) {
        memcpy(buffer->data + buffer->len, data, size_bytes);
        buffer->len += size_bytes;
    } else {
        struct arena_buffer moved = *buffer; /* so that `buffer` need not lie in memory */
        arena_buffer_append_slow(&moved, data, size_bytes);
        *buffer = moved;
    }
}
ARENA_BUFFER_TWIN_ void arena_buffer_append_byte(struct arena_buffer *buffer, unsigned char byte) {
    if (ARENA_LIKELY(buffer->len < buffer->cap) || arena_buffer_extend_(buffer, 1)) {
        buffer->data[buffer->len++] = (char)byte;
    } else {
        struct arena_buffer moved = *buffer;
        arena_buffer_append_slow(&moved, &byte, 1);
        *buffer = moved;
    }
}
ARENA_BUFFER_TWIN_ void arena_buffer_append_text(struct arena_buffer *buffer, const char *text) {
    if (text != NULL) arena_buffer_append(buffer, text, strlen(text));
}

ARENA_BUFFER_TWIN_ char *arena_buffer_text(struct arena_buffer *buffer) {
    if (!ARENA_LIKELY(buffer->len < buffer->cap) && !arena_buffer_extend_(buffer, 1)) {
        struct arena_buffer moved = *buffer;
        char *text = arena_buffer_text_slow(&moved);
        *buffer = moved;
        return text;
    }
    buffer->data[buffer->len] = 0;
    return buffer->data;
}

ARENA_END_DECLS
#endif

/* --- Values, arrays, vectors ------------------------------------------------------------------------------------- */

#define ARENA_NEW_BYTES_ 256

/* Zeroed whatever the policy. */
ARENA_INLINE void *arena_bytes_new_(struct arena_bytes *arena, size_t size, size_t align) {
    if (!ARENA_IS_CONSTANT(size) || size > ARENA_NEW_BYTES_) return arena_bytes_memdup(arena, NULL, size, align);
    return memset(arena_bytes_alloc(arena, size, align), 0, size);
}
ARENA_INLINE void *arena_bytes_try_new_(struct arena_bytes *arena, size_t size, size_t align) {
    if (!ARENA_IS_CONSTANT(size) || size > ARENA_NEW_BYTES_) return arena_bytes_try_memdup(arena, NULL, size, align);
    void *block = arena_bytes_try_alloc(arena, size, align);
    return block == NULL ? NULL : memset(block, 0, size);
}
/* The sum of `head` and count x size, or SIZE_MAX, which fits no arena. */
ARENA_INLINE size_t arena_bytes_sum_(size_t head, size_t count, size_t size) {
    return size != 0 && count > (SIZE_MAX - head) / size ? SIZE_MAX : head + count * size;
}
ARENA_INLINE size_t arena_bytes_flex_(size_t least, size_t head, size_t count, size_t size) {
    size_t sum = arena_bytes_sum_(head, count, size);
    return sum < least ? least : sum;
}
ARENA_QUIET_END_

/* ARENA_NEW(arena, T): a zeroed T out of a byte arena, as a T *.  T without commas outside of parentheses.  Panics
 * where there is no room.
 * ARENA_TRY_NEW(arena, T): the same; NULL where there is no room.
 * ARENA_NEW_ARRAY(arena, T, count): `count` zeroed ones, one behind the other.  A size that overflows is no room.
 * ARENA_TRY_NEW_ARRAY(arena, T, count): the same; NULL where there is no room.
 * ARENA_NEW_FLEX(arena, T, member, count): a zeroed struct T whose flexible array `member` has `count` elements.
 * ARENA_TRY_NEW_FLEX(arena, T, member, count): the same; NULL where there is no room. */
#define ARENA_NEW(arena, T) ARENA_CAST_(T, arena_bytes_new_((arena), sizeof(T), ARENA_ALIGNOF(T)))
#define ARENA_TRY_NEW(arena, T) ARENA_CAST_(T, arena_bytes_try_new_((arena), sizeof(T), ARENA_ALIGNOF(T)))
#define ARENA_NEW_ARRAY(arena, T, count)                                                                               \
    ARENA_CAST_(T, arena_bytes_new_((arena), arena_bytes_sum_(0, (count), sizeof(T)), ARENA_ALIGNOF(T)))
#define ARENA_TRY_NEW_ARRAY(arena, T, count)                                                                           \
    ARENA_CAST_(T, arena_bytes_try_new_((arena), arena_bytes_sum_(0, (count), sizeof(T)), ARENA_ALIGNOF(T)))
#define ARENA_FLEX_BYTES_(T, member, count)                                                                            \
    arena_bytes_flex_(sizeof(T), offsetof(T, member), (count), sizeof(ARENA_CAST_(T, ARENA_NO_OBJECT_)->member[0]))
#ifdef __cplusplus
#define ARENA_NO_OBJECT_ static_cast<void *>(nullptr)
#else
#define ARENA_NO_OBJECT_ NULL
#endif
#define ARENA_NEW_FLEX(arena, T, member, count)                                                                        \
    ARENA_CAST_(T, arena_bytes_new_((arena), ARENA_FLEX_BYTES_(T, member, count), ARENA_ALIGNOF(T)))
#define ARENA_TRY_NEW_FLEX(arena, T, member, count)                                                                    \
    ARENA_CAST_(T, arena_bytes_try_new_((arena), ARENA_FLEX_BYTES_(T, member, count), ARENA_ALIGNOF(T)))

/* ARENA_PUSH(arena, &vector): a pointer to one more zeroed element of any struct { T *data; size_t len, cap; ... },
 * with data NULL and cap 0 at first, or from this arena.  It grows in place where it can, doubling, or by what still
 * fits.  **A vector begun before a mark moves when it grows after it, and goes with the next rewind to that mark.**
 * Panics where there is no room.  (gcc, clang, C++; arguments are evaluated once.)
 * ARENA_TRY_PUSH(arena, &vector): the same; NULL, and nothing has changed, where there is no room. */
#if defined(__GNUC__)
#ifdef __cplusplus
#define ARENA_SAME_(pointer, value) static_cast<__typeof__(pointer)>(value)
#else
#define ARENA_SAME_(pointer, value) ((__typeof__(pointer))(value))
#endif
#define ARENA_PUSH(arena, vector) ARENA_PUSH_(arena, vector, arena_bytes_grow, ARENA_CONCAT(arena_vector_, __COUNTER__))
#define ARENA_TRY_PUSH(arena, vector)                                                                                  \
    ARENA_PUSH_(arena, vector, arena_bytes_try_grow, ARENA_CONCAT(arena_vector_, __COUNTER__))
#define ARENA_PUSH_(arena, vector, grow, it)                                                                           \
    __extension__({                                                                                                    \
        __typeof__(vector) it = (vector);                                                                              \
        struct arena_bytes *ARENA_CONCAT(it, _in) = (arena);                                                           \
        bool ARENA_CONCAT(it, _ok) = true;                                                                             \
        if (!ARENA_LIKELY(it->len < it->cap)) {                                                                        \
            __typeof__(it->cap) ARENA_CONCAT(it, _cap) = it->cap; /* so that the vector need not lie in memory */      \
            void *ARENA_CONCAT(it, _data) = grow(ARENA_CONCAT(it, _in), ARENA_CAST_(void, it->data), it->len,          \
                                                 &ARENA_CONCAT(it, _cap), sizeof *it->data, __alignof__(*it->data));   \
            if (ARENA_CONCAT(it, _data) == NULL) {                                                                     \
                ARENA_CONCAT(it, _ok) = false;                                                                         \
            } else {                                                                                                   \
                it->data = ARENA_SAME_(it->data, ARENA_CONCAT(it, _data));                                             \
                it->cap = ARENA_CONCAT(it, _cap);                                                                      \
            }                                                                                                          \
        }                                                                                                              \
        ARENA_CONCAT(it, _ok)                                                                                          \
        ? ARENA_SAME_(it->data, memset(ARENA_CAST_(void, it->data + it->len++), 0, sizeof *it->data))                  \
        : ARENA_SAME_(it->data, NULL);                                                                                 \
    })
#endif

/* --- The typed face of byte arenas ------------------------------------------------------------------------------- */

#define ARENA_PREFIX arena_bytes
#define ARENA_F(name) ARENA_JOIN_(ARENA_PREFIX, _##name)
#define ARENA_PRIVATE_F(name) ARENA_PRIVATE(ARENA_PREFIX, name)
#define ARENA_CONCURRENT ARENA_F(concurrent)
#define ARENA_POOL ARENA_F(pool)
struct arena_bytes_pool;

ARENA_FACE_BEGIN_
ARENA_QUIET_BEGIN_
/* The type of byte arenas, as arena_type_bytes gives it. */
ARENA_INLINE const struct arena_type *arena_bytes_type(void) { return arena_type_bytes(); }
#include <arena/typed/concurrent_handle.h>
#include <arena/typed/handle.h>
#include <arena/typed/pool.h>

/* A byte arena that begins in the caller's memory and takes more where that is used up.  NULL: not even the handle
 * fits. */
ARENA_INLINE struct arena_bytes *arena_bytes_create_on(void *memory, size_t size_bytes, size_t capacity,
                                                       const struct arena_options *options) {
    struct arena *arena = NULL;
    (void)!arena_create_on(arena_type_bytes(), memory, size_bytes, capacity, options, &arena);
    return ARENA_CAST_(struct arena_bytes, ARENA_CAST_(void, arena));
}
ARENA_QUIET_END_
ARENA_FACE_END_

#undef ARENA_PREFIX
#undef ARENA_F
#undef ARENA_PRIVATE_F
#undef ARENA_CONCURRENT
#undef ARENA_POOL

#endif
