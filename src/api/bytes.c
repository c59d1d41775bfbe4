/* SPDX-License-Identifier: MIT */
/* The public functions of byte arenas: arguments checked, then core/bytes.h.
 *
 * Each function has one body, which says why it could not be done; the plain spelling panics with that, try_ forgets
 * it, and _checked returns it. */
#define ARENA_BYTES_IN_LIBRARY /* the inline functions are compiled here, for languages that cannot read C headers */
#include <arena/bytes.h>

#include "base/arith.h"
#include "base/compiler.h"
#include "base/poison.h"
#include "core/bytes.h"
#include "core/slots.h"
#include "platform/memory.h"
#include "runtime/panic.h"

#include <limits.h>
#include <stdio.h>

static const struct refusal none = {ARENA_OK, NULL};
static const struct refusal bad_align = {ARENA_EINVAL, "the alignment is no power of two"};

static struct arena *raw(const struct arena_bytes *bytes) { return (struct arena *)(uintptr_t)bytes; }

/* Says why there is no block, and ends the caller. */
static COLD _Noreturn void panic_none(const struct arena_bytes *bytes, const char *function, struct refusal refusal,
                                      size_t size) {
    const struct arena *arena = raw(bytes);
    if (refusal.status != ARENA_EFULL) panic_for(function, refusal);
    slots_panic_full(arena, function, size);
}

/* --- blocks ------------------------------------------------------------------------------------------------------- */

static inline bool valid_align(size_t *align) {
    if (*align == 0) *align = _Alignof(max_align_t);
    return (*align & (*align - 1)) == 0;
}

/* What a block is for. */
enum use {
    USE_ZEROED, /* by the policy */
    USE_RAW,    /* the caller fills it */
    USE_VECTOR, /* the caller fills it, and it is likely to grow */
};

static struct refusal take(struct arena_bytes *bytes, size_t size, size_t align, enum use use, void **block) {
    struct arena *arena = raw(bytes);
    *block = NULL;
    struct refusal refusal = slots_refusal(arena);
    if (UNLIKELY(refusal.status != ARENA_OK)) return refusal;
    if (UNLIKELY(!valid_align(&align))) return bad_align;
    slots_settle(arena);
    if (UNLIKELY(size == 0)) {
        *block = bytes_take_nothing(arena, align);
        return none;
    }
    *block = use == USE_ZEROED ? bytes_take_zeroed(arena, size, align)
             : use == USE_RAW  ? bytes_take_raw(arena, size, align)
                               : bytes_take_vector(arena, size, align);
    if (LIKELY(*block != NULL)) return none;
    if (bytes_refusal(arena, size, align) == ARENA_EFULL) return (struct refusal){ARENA_EFULL, "the arena is full"};
    return (struct refusal){ARENA_ENOMEM, "no memory"};
}

/* The window, and then the rest. */
static inline void *take_or_panic(struct arena_bytes *bytes, const char *function, size_t size, size_t align,
                                  enum use use) {
    void *block;
    struct refusal refusal = take(bytes, size, align, use, &block);
    if (UNLIKELY(refusal.status != ARENA_OK)) panic_none(bytes, function, refusal, size);
    return block;
}

static inline void *try_take(struct arena_bytes *bytes, size_t size, size_t align, enum use use) {
    void *block;
    (void)take(bytes, size, align, use, &block);
    return block;
}

void *arena_bytes_alloc_slow(struct arena_bytes *bytes, size_t size, size_t align) {
    return take_or_panic(bytes, "arena_bytes_alloc", size, align, USE_ZEROED);
}

void *arena_bytes_try_alloc_slow(struct arena_bytes *bytes, size_t size, size_t align) {
    return try_take(bytes, size, align, USE_ZEROED);
}

/* The window first, which is zero by the policy: what is written at once may come out of it as well. */
static inline struct refusal take_quickly(struct arena_bytes *bytes, size_t size, size_t align, enum use use,
                                          void **block) {
    return LIKELY(arena_bytes_take_(bytes, size, align, block)) ? none : take(bytes, size, align, use, block);
}

static void *quick_or_panic(struct arena_bytes *bytes, const char *function, size_t size, size_t align, enum use use) {
    void *block;
    if (LIKELY(arena_bytes_take_(bytes, size, align, &block))) return block;
    return take_or_panic(bytes, function, size, align, use);
}

static void *try_quickly(struct arena_bytes *bytes, size_t size, size_t align, enum use use) {
    void *block;
    (void)take_quickly(bytes, size, align, use, &block);
    return block;
}

void *arena_bytes_alloc_raw(struct arena_bytes *bytes, size_t size, size_t align) {
    return quick_or_panic(bytes, "arena_bytes_alloc_raw", size, align, USE_RAW);
}

void *arena_bytes_try_alloc_raw(struct arena_bytes *bytes, size_t size, size_t align) {
    return try_quickly(bytes, size, align, USE_RAW);
}

int arena_bytes_alloc_checked(struct arena_bytes *bytes, size_t size, size_t align, void **out) {
    if (out == NULL) return ARENA_EINVAL;
    poison_written(out, sizeof *out);
    return take_quickly(bytes, size, align, USE_ZEROED, out).status;
}

static inline void *fill(void *block, const void *from, size_t size) {
    if (block == NULL || size == 0) return block;
    return from == NULL ? memset(block, 0, size) : memcpy(block, from, size);
}

/* A block that is to be zeroed comes zeroed, but with ARENA_CLEAR_NEVER. */
static bool zeroed_by_policy(const struct arena_bytes *bytes, const void *from) {
    return from == NULL && bytes != NULL && raw(bytes)->clear != ARENA_CLEAR_NEVER;
}

void *arena_bytes_memdup(struct arena_bytes *bytes, const void *from, size_t size, size_t align) {
    static const char function[] = "arena_bytes_memdup";
    if (zeroed_by_policy(bytes, from)) return quick_or_panic(bytes, function, size, align, USE_ZEROED);
    return fill(quick_or_panic(bytes, function, size, align, USE_RAW), from, size);
}

void *arena_bytes_try_memdup(struct arena_bytes *bytes, const void *from, size_t size, size_t align) {
    if (zeroed_by_policy(bytes, from)) return try_quickly(bytes, size, align, USE_ZEROED);
    return fill(try_quickly(bytes, size, align, USE_RAW), from, size);
}

static bool resize(struct arena_bytes *bytes, void *block, size_t old_size, size_t new_size, bool zeroed) {
    if (bytes == NULL || block == NULL) return false;
    slots_settle(raw(bytes));
    return bytes_resize(raw(bytes), block, old_size, new_size, zeroed);
}

bool arena_bytes_resize(struct arena_bytes *bytes, void *block, size_t old_size, size_t new_size) {
    return resize(bytes, block, old_size, new_size, true);
}

/* In place, or a copy in *result. */
static struct refusal change(struct arena_bytes *bytes, void *block, size_t old_size, size_t new_size, size_t align,
                             void **result) {
    if (!valid_align(&align)) {
        *result = NULL;
        return bad_align;
    }
    if (block == NULL) return take_quickly(bytes, new_size, align, USE_ZEROED, result);
    bool aligned = ((uintptr_t)block & (align - 1)) == 0;
    if (aligned && new_size != 0 && arena_bytes_resize(bytes, block, old_size, new_size)) {
        *result = block;
        return none;
    }
    struct refusal refusal = take_quickly(bytes, new_size, align, USE_RAW, result);
    if (refusal.status != ARENA_OK) return refusal;
    size_t kept = old_size < new_size ? old_size : new_size;
    if (kept != 0) memcpy(*result, block, kept);
    if (new_size > kept) memset((char *)*result + kept, 0, new_size - kept);
    return none;
}

void *arena_bytes_realloc(struct arena_bytes *bytes, void *block, size_t old_size, size_t new_size, size_t align) {
    void *result;
    struct refusal refusal = change(bytes, block, old_size, new_size, align, &result);
    if (refusal.status != ARENA_OK) panic_none(bytes, "arena_bytes_realloc", refusal, new_size);
    return result;
}

void *arena_bytes_try_realloc(struct arena_bytes *bytes, void *block, size_t old_size, size_t new_size, size_t align) {
    void *result;
    (void)change(bytes, block, old_size, new_size, align, &result);
    return result;
}

/* --- text --------------------------------------------------------------------------------------------------------- */

static char *end_text(char *block, const char *text, size_t length) {
    if (block == NULL) return NULL;
    if (length != 0) memcpy(block, text, length);
    block[length] = 0;
    return block;
}

char *arena_bytes_strndup(struct arena_bytes *bytes, const char *text, size_t most) {
    if (text == NULL) return NULL;
    size_t length = strnlen(text, most);
    return end_text(quick_or_panic(bytes, "arena_bytes_strndup", length + 1, 1, USE_RAW), text, length);
}

char *arena_bytes_try_strndup(struct arena_bytes *bytes, const char *text, size_t most) {
    if (text == NULL) return NULL;
    size_t length = strnlen(text, most);
    return end_text(try_quickly(bytes, length + 1, 1, USE_RAW), text, length);
}

char *arena_bytes_strdup_slow(struct arena_bytes *bytes, const char *text, size_t length) {
    return end_text(take_or_panic(bytes, "arena_bytes_strdup", length + 1, 1, USE_RAW), text, length);
}

char *arena_bytes_try_strdup(struct arena_bytes *bytes, const char *text) {
    if (text == NULL) return NULL;
    size_t length = strlen(text);
    return end_text(try_quickly(bytes, length + 1, 1, USE_RAW), text, length);
}

/* Formats into the free memory behind the cursor, unless a memory checker is watching: a text that fits is in place
 * then. */
PRINTF_LIKE(2, 0)
static struct refusal format_text(struct arena_bytes *bytes, const char *format, va_list arguments, char **text) {
    *text = NULL;
    struct arena *arena = raw(bytes);
    struct refusal refusal = slots_refusal(arena);
    if (refusal.status != ARENA_OK) return refusal;
    slots_settle(arena);
    size_t room = 0;
    char *at = bytes_free_room(arena, &room);
    if (room > INT_MAX) room = INT_MAX;
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(room == 0 ? NULL : at, room, format, arguments);
    if (length >= 0 && (size_t)length < room) {
        *text = bytes_take(arena, (size_t)length + 1, 1);
    } else {
        bytes_forget_room(arena, room);
        if (length < 0) {
            refusal = (struct refusal){ARENA_EINVAL, "the text cannot be formatted"};
        } else {
            void *block;
            refusal = take(bytes, (size_t)length + 1, 1, USE_RAW, &block);
            *text = block;
            if (block != NULL) (void)vsnprintf(block, (size_t)length + 1, format, again);
        }
    }
    va_end(again);
    return refusal;
}

char *arena_bytes_vprintf(struct arena_bytes *bytes, const char *format, va_list arguments) {
    char *text;
    struct refusal refusal = format_text(bytes, format, arguments, &text);
    if (refusal.status != ARENA_OK) panic_none(bytes, "arena_bytes_printf", refusal, 1);
    return text;
}

char *arena_bytes_try_vprintf(struct arena_bytes *bytes, const char *format, va_list arguments) {
    char *text;
    (void)format_text(bytes, format, arguments, &text);
    return text;
}

char *arena_bytes_printf(struct arena_bytes *bytes, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char *text = arena_bytes_vprintf(bytes, format, arguments);
    va_end(arguments);
    return text;
}

char *arena_bytes_try_printf(struct arena_bytes *bytes, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char *text = arena_bytes_try_vprintf(bytes, format, arguments);
    va_end(arguments);
    return text;
}

/* --- cleanups, the whole arena ------------------------------------------------------------------------------------ */

static struct refusal defer(struct arena_bytes *bytes, void (*run)(void *user), void *user,
                            struct arena_cleanup **out) {
    struct arena *arena = raw(bytes);
    *out = NULL;
    struct refusal refusal = slots_refusal(arena);
    if (refusal.status != ARENA_OK) return refusal;
    slots_settle(arena);
    *out = (struct arena_cleanup *)(void *)bytes_defer(arena, run, user);
    if (*out != NULL) return none;
    size_t size = sizeof(struct cleanup);
    return (struct refusal){bytes_refusal(arena, size, _Alignof(struct cleanup)), "no memory"};
}

struct arena_cleanup *arena_bytes_defer(struct arena_bytes *bytes, void (*run)(void *user), void *user) {
    struct arena_cleanup *cleanup;
    struct refusal refusal = defer(bytes, run, user, &cleanup);
    if (refusal.status != ARENA_OK) panic_none(bytes, "arena_bytes_defer", refusal, sizeof(struct cleanup));
    return cleanup;
}

struct arena_cleanup *arena_bytes_try_defer(struct arena_bytes *bytes, void (*run)(void *user), void *user) {
    struct arena_cleanup *cleanup;
    (void)defer(bytes, run, user, &cleanup);
    return cleanup;
}

bool arena_bytes_set_cap(struct arena_bytes *bytes, size_t capacity) {
    struct arena *arena = raw(bytes);
    if (slots_refusal(arena).status != ARENA_OK || arena->part_of == PART_OF_CONCURRENT) return false;
    slots_settle(arena);
    return bytes_set_cap(arena, capacity);
}

static void *take_from_parent(size_t size, size_t align, void *parent) {
    return arena_bytes_try_alloc_raw(parent, size, align);
}

struct arena_source arena_bytes_source(struct arena_bytes *parent) {
    return (struct arena_source){take_from_parent, bytes_give_to_parent, parent};
}

/* --- vectors and buffers ------------------------------------------------------------------------------------------ */

/* The next size of something that has `cap` and needs `need`: doubled, which is no overflow, since no object is larger
 * than half of all that a size can be. */
static size_t next_cap(size_t cap, size_t need, size_t size) {
    size_t least = size > 64 ? 1 : 64 / size;
    size_t wanted = cap * 2;
    if (wanted < least) wanted = least;
    return wanted < need ? need : wanted;
}

/* Makes room for `need` elements of what has *cap; the data, wherever they lie then.  Doubled, or by what the capacity
 * leaves, or by what is needed. */
static struct refusal grow(struct arena_bytes *bytes, void **data, size_t len, size_t *cap, size_t need, size_t size,
                           size_t align) {
    if (size == 0) return (struct refusal){ARENA_EINVAL, "its elements have no size"};
    if (need > SIZE_MAX / size) return (struct refusal){ARENA_EFULL, "the arena is full"};
    size_t left = bytes == NULL ? 0 : slots_remaining(raw(bytes)) / size;
    size_t wanted = next_cap(*cap, need, size);
    size_t most = left < wanted - *cap && left >= need - *cap ? *cap + left : wanted;
    size_t old_bytes = *cap * size;
    if (*data != NULL) { /* in place, unless memory and not the capacity ends it: then there is more elsewhere */
        if (resize(bytes, *data, old_bytes, most * size, false)) {
            *cap = most;
            return none;
        }
    }
    size_t tries[2] = {left < wanted && left >= need ? left : wanted, need};
    struct refusal refusal = none;
    for (int i = 0; i < 2; i++) {
        void *moved;
        refusal = take(bytes, tries[i] * size, align, USE_VECTOR, &moved);
        if (moved == NULL) continue;
        if (*data != NULL) memcpy(moved, *data, len * size);
        *data = moved;
        *cap = tries[i];
        return none;
    }
    if (*data == NULL || bytes == NULL) return refusal;
    size_t room; /* as far as the memory goes that it lies in */
    (void)bytes_free_room(raw(bytes), &room);
    most = *cap + room / size > need ? *cap + room / size : need;
    if (!resize(bytes, *data, old_bytes, most * size, false)) return refusal;
    *cap = most;
    return none;
}

void *arena_bytes_try_grow(struct arena_bytes *bytes, void *data, size_t len, size_t *cap, size_t size, size_t align) {
    return grow(bytes, &data, len, cap, len + 1, size, align).status == ARENA_OK ? data : NULL;
}

void *arena_bytes_grow(struct arena_bytes *bytes, void *data, size_t len, size_t *cap, size_t size, size_t align) {
    struct refusal refusal = grow(bytes, &data, len, cap, len + 1, size, align);
    if (refusal.status != ARENA_OK) panic_none(bytes, "ARENA_PUSH", refusal, (len + 1) * size);
    return data;
}

static struct refusal reserve(struct arena_buffer *buffer, size_t more) {
    if (buffer == NULL) return (struct refusal){ARENA_EINVAL, "buffer is NULL"};
    if (more <= buffer->cap - buffer->len) return none;
    if (more > SIZE_MAX - buffer->len) return (struct refusal){ARENA_EFULL, "the arena is full"};
    void *data = buffer->data;
    struct refusal refusal = grow(buffer->arena, &data, buffer->len, &buffer->cap, buffer->len + more, 1, 1);
    buffer->data = data;
    return refusal;
}

/* What was appended from the buffer itself is still where it was when the buffer has moved. */
static struct refusal append(struct arena_buffer *buffer, const void *data, size_t size_bytes) {
    struct refusal refusal = reserve(buffer, size_bytes);
    if (refusal.status != ARENA_OK || size_bytes == 0) return refusal;
    memmove(buffer->data + buffer->len, data, size_bytes);
    buffer->len += size_bytes;
    return none;
}

/* Where a buffer's data lie, or would begin; *behind is what it may grow into where it is, and what may be written to
 * before it does. */
static char *data_of(const struct arena_buffer *buffer, size_t *behind) {
    struct arena *arena = raw(buffer->arena);
    *behind = 0;
    if (slots_refusal(arena).status != ARENA_OK) return buffer->data;
    slots_settle(arena);
    size_t room;
    char *cursor = bytes_free_room(arena, &room);
    if (buffer->cap == 0 || bytes_newest(arena, buffer->data, buffer->cap)) *behind = room;
    return buffer->cap == 0 ? cursor : buffer->data;
}

/* A text for which there is no more room than it takes, the NUL included.  It is formatted elsewhere: the buffer's own
 * text, as an argument, would lose its NUL first. */
PRINTF_LIKE(3, 0)
static struct refusal append_exactly(struct arena_buffer *buffer, size_t length, const char *format,
                                     va_list arguments) {
    char few[512];
    char *text = length < sizeof few ? few : memory_take(length + 1);
    if (text == NULL) return (struct refusal){ARENA_ENOMEM, "no memory"};
    (void)vsnprintf(text, length + 1, format, arguments);
    struct refusal refusal = reserve(buffer, length + 1);
    if (refusal.status == ARENA_OK) memcpy(buffer->data + buffer->len, text, length + 1);
    if (text != few) memory_free(text);
    return refusal;
}

/* Formats into what the buffer has and what is free behind it, as format_text does. */
PRINTF_LIKE(2, 0)
static struct refusal append_format(struct arena_buffer *buffer, const char *format, va_list arguments) {
    if (buffer == NULL) return (struct refusal){ARENA_EINVAL, "buffer is NULL"};
    struct arena *arena = raw(buffer->arena);
    size_t behind;
    char *data = data_of(buffer, &behind);
    /* One byte further than it belongs, so that the buffer's own text, as an argument, keeps its NUL. */
    size_t own = buffer->cap - buffer->len;
    size_t room = own + behind == 0 ? 0 : own + behind - 1 > INT_MAX ? INT_MAX : own + behind - 1;
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(room == 0 ? NULL : data + buffer->len + 1, room, format, arguments);
    struct refusal refusal = none;
    size_t shift = 1;
    if (length >= 0 && (size_t)length < room) {
        if ((size_t)length + 2 > own) {
            size_t cap = next_cap(buffer->cap, buffer->len + (size_t)length + 2, 1);
            if (cap > buffer->cap + behind) cap = buffer->cap + behind;
            bytes_take_room(arena, cap - buffer->cap);
            buffer->data = data;
            buffer->cap = cap;
        }
    } else if (length < 0) {
        bytes_forget_room(arena, behind);
        refusal = (struct refusal){ARENA_EINVAL, "the text cannot be formatted"};
    } else {
        bytes_forget_room(arena, behind);
        refusal = reserve(buffer, (size_t)length + 2);
        if (refusal.status == ARENA_OK) {
            (void)vsnprintf(buffer->data + buffer->len + 1, (size_t)length + 1, format, again);
        } else {
            shift = 0;
            refusal = append_exactly(buffer, (size_t)length, format, again);
        }
    }
    va_end(again);
    if (refusal.status != ARENA_OK) return refusal;
    char *at = buffer->data + buffer->len;
    if (shift != 0) memmove(at, at + shift, (size_t)length + 1);
    buffer->len += (size_t)length;
    return none;
}

/* NULL: *refusal says why.  An empty text needs no room of the arena's. */
static char *text_of(struct arena_buffer *buffer, struct refusal *refusal) {
    static const char empty[1] = "";
    *refusal = reserve(buffer, 1);
    if (refusal->status == ARENA_OK) {
        buffer->data[buffer->len] = 0;
        return buffer->data;
    }
    if (refusal->status == ARENA_EINVAL || buffer->len != 0) return NULL;
    *refusal = none;
    return (char *)(uintptr_t)empty;
}

/* Panics where a call on the buffer was refused or found no room. */
static inline void must(struct arena_buffer *buffer, const char *function, struct refusal refusal, size_t size) {
    if (UNLIKELY(refusal.status != ARENA_OK))
        panic_none(buffer == NULL ? NULL : buffer->arena, function, refusal, size);
}

void arena_buffer_append_slow(struct arena_buffer *buffer, const void *data, size_t size_bytes) {
    must(buffer, "arena_buffer_append", append(buffer, data, size_bytes), size_bytes);
}

bool arena_buffer_try_append(struct arena_buffer *buffer, const void *data, size_t size_bytes) {
    return append(buffer, data, size_bytes).status == ARENA_OK;
}

bool arena_buffer_try_append_byte(struct arena_buffer *buffer, unsigned char byte) {
    return append(buffer, &byte, 1).status == ARENA_OK;
}

bool arena_buffer_try_append_text(struct arena_buffer *buffer, const char *text) {
    return append(buffer, text, text == NULL ? 0 : strlen(text)).status == ARENA_OK;
}

void arena_buffer_vprintf(struct arena_buffer *buffer, const char *format, va_list arguments) {
    must(buffer, "arena_buffer_printf", append_format(buffer, format, arguments), 1);
}

bool arena_buffer_try_vprintf(struct arena_buffer *buffer, const char *format, va_list arguments) {
    return append_format(buffer, format, arguments).status == ARENA_OK;
}

void arena_buffer_printf(struct arena_buffer *buffer, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    arena_buffer_vprintf(buffer, format, arguments);
    va_end(arguments);
}

bool arena_buffer_try_printf(struct arena_buffer *buffer, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    bool done = arena_buffer_try_vprintf(buffer, format, arguments);
    va_end(arguments);
    return done;
}

void arena_buffer_reserve(struct arena_buffer *buffer, size_t more) {
    must(buffer, "arena_buffer_reserve", reserve(buffer, more), more);
}

bool arena_buffer_try_reserve(struct arena_buffer *buffer, size_t more) {
    return reserve(buffer, more).status == ARENA_OK;
}

void arena_buffer_clear(struct arena_buffer *buffer) {
    if (buffer != NULL) buffer->len = 0;
}

char *arena_buffer_text_slow(struct arena_buffer *buffer) {
    struct refusal refusal;
    char *text = text_of(buffer, &refusal);
    must(buffer, "arena_buffer_text", refusal, 1);
    return text;
}

char *arena_buffer_try_text(struct arena_buffer *buffer) {
    struct refusal refusal;
    return text_of(buffer, &refusal);
}
