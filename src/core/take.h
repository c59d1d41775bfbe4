/* SPDX-License-Identifier: MIT */
/* Handing out slots where that is quick: what hot functions inline.  Part of slots.h, which includes it. */
#ifndef CORE_TAKE_H
#define CORE_TAKE_H

/* Copies one element into a slot; what the slot has behind the element is cleared. */
void slots_copy_general(const struct arena *arena, char *slot, const void *value);

#define SLOTS_INT 255   /* of arena.words: an element is 4 bytes */
#define SLOTS_BYTES 128 /* in arena.pieces: single bytes */

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

/* One element of an arena whose `words` is not 0; the common sizes first, each without a loop.  Calls nothing. */
HOT_INLINE void slots_copy_fast(char *slot, const void *value, unsigned words) {
    if (LIKELY(words == 1)) {
        slots_copy_word(slot, value, 0);
    } else if (words == 4) {
        slots_copy_4_words(slot, value);
    } else if (words == SLOTS_INT) {
        memcpy(slot, value, 4);
    } else {
        for (size_t at = 0; at < words; at++) slots_copy_word(slot, value, at);
    }
}

static inline void slots_copy_one(const struct arena *arena, char *slot, const void *value) {
    if (LIKELY(arena->words != 0)) {
        slots_copy_fast(slot, value, arena->words);
    } else {
        slots_copy_general(arena, slot, value);
    }
}

/* One element out of the window, for values copied as words.  NULL: take the slow path, which knows the reason. Nothing
 * here calls a function, so that the callers need no frame. */
HOT_INLINE void *slots_take(struct arena *arena, const void *value) {
    if (UNLIKELY(arena == NULL)) return NULL;
    char *slot = arena->head.cursor;
    unsigned words = arena->words;
    if (UNLIKELY(slot == arena->head.limit) || UNLIKELY(value == NULL)) return NULL;
    if (LIKELY(words == 1)) {
        arena->head.cursor = slot + 8;
        slots_copy_word(slot, value, 0);
        return slot;
    }
    if (LIKELY(words == 4)) {
        arena->head.cursor = slot + 32;
        slots_copy_4_words(slot, value);
        return slot;
    }
    if (UNLIKELY(words == 0)) return NULL;
    arena->head.cursor = slot + arena->stride;
    slots_copy_fast(slot, value, words);
    return slot;
}

/* Each piece as narrow as it may have been stored, as for words. */
static inline void slots_copy_pieces(char *slot, const char *value, unsigned pieces) {
    if (pieces < SLOTS_BYTES) {
        for (size_t at = 0; at < pieces; at++) {
            uint32_t piece;
            memcpy(&piece, value + 4 * at, sizeof piece);
            OPAQUE(piece);
            memcpy(slot + 4 * at, &piece, sizeof piece);
        }
    } else {
        for (size_t at = 0; at < pieces - SLOTS_BYTES; at++) {
            unsigned piece = (unsigned char)value[at];
            OPAQUE(piece); /* or the loop becomes a call */
            slot[at] = (char)piece;
        }
    }
}

/* As slots_take, for small elements that are no words: the first thing that its slow path tries. */
static inline void *slots_take_pieces(struct arena *arena, const void *value) {
    if (arena == NULL || value == NULL || arena->pieces == 0) return NULL;
    char *slot = arena->head.cursor;
    if (slot == arena->head.limit) return NULL;
    arena->head.cursor = slot + arena->stride;
    slots_copy_pieces(slot, value, arena->pieces);
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
    if (UNLIKELY(!arena->packed)) return NULL;
    char *slab = arena->head.cursor;
    arena->head.cursor = past;
    return memcpy(slab, values, (size_t)(past - slab));
}

#endif
