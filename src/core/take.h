/* SPDX-License-Identifier: MIT */
/* Handing out slots and taking all back, where that is quick: what hot functions inline.  Part of slots.h, which
 * includes it. */
#ifndef CORE_TAKE_H
#define CORE_TAKE_H

/* Word by word: a wide load from what the caller has just stored in narrower pieces would stall for the store buffer,
 * so the compiler must not make wide loads of these. */
HOT_INLINE void slots_copy_word(char *slot, const void *value, size_t at) {
    uint64_t word;
    memcpy(&word, (const char *)value + 8 * at, sizeof word);
    OPAQUE(word);
    memcpy(slot + 8 * at, &word, sizeof word);
}

HOT_INLINE void slots_copy_4_words(char *slot, const void *value) {
    slots_copy_word(slot, value, 0);
    slots_copy_word(slot, value, 1);
    slots_copy_word(slot, value, 2);
    slots_copy_word(slot, value, 3);
}

HOT_INLINE bool slots_copies_words(enum copy_way way) { return way <= COPY_WORDS; }
static inline bool slots_copies_parts(enum copy_way way) { return way == COPY_HALVES || way == COPY_BYTES; }

/* One element that is copied as words; the common sizes first, each without a loop.  Calls nothing. */
HOT_INLINE void slots_copy_words(char *slot, const void *value, enum copy_way way, size_t size) {
    if (LIKELY(way == COPY_WORD)) {
        slots_copy_word(slot, value, 0);
    } else if (way == COPY_4_WORDS) {
        slots_copy_4_words(slot, value);
    } else {
        for (size_t at = 0; at < size / 8; at++) slots_copy_word(slot, value, at);
    }
}

/* One that is copied as halves of words or as bytes: each as narrow as it may have been stored, as for words. */
static inline void slots_copy_parts(char *slot, const char *value, enum copy_way way, size_t size) {
    if (way == COPY_HALVES) {
        for (size_t at = 0; at < size; at += 4) {
            uint32_t half;
            memcpy(&half, value + at, sizeof half);
            OPAQUE(half);
            memcpy(slot + at, &half, sizeof half);
        }
    } else {
        for (size_t at = 0; at < size; at++) {
            unsigned byte = (unsigned char)value[at];
            OPAQUE(byte); /* or the loop becomes a call */
            slot[at] = (char)byte;
        }
    }
}

/* One of any size; what the slot has behind the element is cleared. */
void slots_copy_general(const struct arena *arena, char *slot, const void *value);

static inline void slots_copy_one(const struct arena *arena, char *slot, const void *value) {
    enum copy_way way = (enum copy_way)arena->copy;
    if (LIKELY(slots_copies_words(way))) {
        slots_copy_words(slot, value, way, arena->stride);
    } else {
        slots_copy_general(arena, slot, value);
    }
}

/* One element out of the window, for values copied as words.  NULL: take the slow path, which knows the reason. Nothing
 * here calls a function, so that the callers need no frame. */
HOT_INLINE void *slots_take(struct arena *arena, const void *value) {
    if (UNLIKELY(arena == NULL)) return NULL;
    char *slot = arena->head.cursor;
    enum copy_way way = (enum copy_way)arena->copy;
    if (UNLIKELY(slot == arena->head.limit) || UNLIKELY(value == NULL)) return NULL;
    if (LIKELY(way == COPY_WORD)) {
        arena->head.cursor = slot + 8;
        slots_copy_word(slot, value, 0);
        return slot;
    }
    if (LIKELY(way == COPY_4_WORDS)) {
        arena->head.cursor = slot + 32;
        slots_copy_4_words(slot, value);
        return slot;
    }
    if (UNLIKELY(!slots_copies_words(way))) return NULL;
    arena->head.cursor = slot + arena->stride;
    slots_copy_words(slot, value, way, arena->stride);
    return slot;
}

/* As slots_take, for small elements that are no words: the first thing that its slow path tries. */
static inline void *slots_take_parts(struct arena *arena, const void *value) {
    if (arena == NULL || value == NULL || !slots_copies_parts((enum copy_way)arena->copy)) return NULL;
    char *slot = arena->head.cursor;
    if (slot == arena->head.limit) return NULL;
    arena->head.cursor = slot + arena->stride;
    slots_copy_parts(slot, value, (enum copy_way)arena->copy, arena->stride);
    return slot;
}

/* Where the window would begin after `count` slots; false: take the slow path. */
HOT_INLINE bool slots_in_window(const struct arena *arena, size_t count, char **past) {
    if (UNLIKELY(arena == NULL)) return false;
    if (UNLIKELY(count > arena->capacity)) return false; /* so the product cannot overflow */
    size_t bytes = count * arena->stride;
    if (UNLIKELY(bytes > (size_t)(arena->head.limit - arena->head.cursor))) return false;
    *past = arena->head.cursor + bytes;
    return true;
}

/* A slab out of the window, where it needs no clearing; NULL: take the slow path. */
HOT_INLINE void *slots_take_window(struct arena *arena, size_t count) {
    char *past;
    if (UNLIKELY(!slots_in_window(arena, count, &past)) || UNLIKELY(past > arena->ready)) return NULL;
    char *slab = arena->head.cursor;
    arena->head.cursor = past;
    return slab;
}

/* The same for one that is written over whole. */
HOT_INLINE void *slots_take_window_with(struct arena *arena, const void *values, size_t count) {
    char *past;
    if (UNLIKELY(!slots_in_window(arena, count, &past)) || UNLIKELY(values == NULL)) return NULL;
    if (UNLIKELY(arena->copy == COPY_PADDED)) return NULL;
    char *slab = arena->head.cursor;
    arena->head.cursor = past;
    return memcpy(slab, values, (size_t)(past - slab));
}

/* Clears [from, to), if that is little, in wide stores that may run past the end (what lies there is free): up to a
 * step without looking how much.  false: it is not little. */
HOT_INLINE bool slots_clear_little(char *from, const char *to) {
    if (LIKELY((uintptr_t)to <= (uintptr_t)from + SLOTS_CLEAR_STEP)) {
        if (LIKELY(to != from)) memset(from, 0, SLOTS_CLEAR_STEP);
    } else {
        if ((size_t)(to - from) > CLEAR_INLINE_BYTES) return false;
        for (char *at = from; at < to; at += SLOTS_CLEAR_STEP) memset(at, 0, SLOTS_CLEAR_STEP);
    }
    return true;
}

/* Takes every element back where that is quick.  head.limit stays as it is, or (`closes`) the window is closed.  false:
 * nothing was done. */
HOT_INLINE bool slots_reset_quick(struct arena *arena, bool closes) {
    char *cursor = arena->head.cursor;
    char *base = arena->base;
    if (UNLIKELY(arena->reset_work != 0) || UNLIKELY(!slots_clear_little(base, cursor))) return false;
    if (UNLIKELY(cursor > arena->head.peak)) arena->head.peak = cursor;
    arena->head.cursor = base;
    if (UNLIKELY(arena->head.floor != base)) arena->head.floor = base;
    arena->resets++;
    if (closes) arena->head.limit = base;
    return true;
}

static inline void slots_reset(struct arena *arena) {
    if (LIKELY(slots_reset_quick(arena, false))) {
        arena->head.limit = UNLIKELY(arena->closed != 0) ? arena->base : arena->fresh_limit;
    } else {
        slots_reset_slow(arena);
    }
}

#endif
