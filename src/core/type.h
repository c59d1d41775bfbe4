/* SPDX-License-Identifier: MIT */
/* Descriptors: checking them, comparing them, keeping a copy. */
#ifndef CORE_TYPE_H
#define CORE_TYPE_H

#include <arena/type.h>

#include <string.h>

static inline bool type_valid(const struct arena_type *type) {
    return type != NULL && type->name != NULL && type->size != 0 && type->align != 0 &&
           (type->align & (type->align - 1)) == 0 && type->flags == 0 && type->reserved == 0;
}

static inline bool type_same(const struct arena_type *left, const struct arena_type *right) {
    return left == right || (left->size == right->size && left->align == right->align &&
                             (left->name == right->name || strcmp(left->name, right->name) == 0));
}

static inline uint64_t type_mix(uint64_t hash, uint64_t word) {
    hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15); /* 2^64 divided by the golden ratio: Knuth, volume 3 */
    return hash ^ hash >> 32;
}

/* `size` <= 8 bytes of text as one number: the same for the same text of the same size.  Overlapping loads, because a
 * copy of unknown size is a call. */
static inline uint64_t type_word(const char *text, size_t size) {
    if (size >= 4) {
        uint32_t first;
        uint32_t last;
        memcpy(&first, text, sizeof first);
        memcpy(&last, text + size - 4, sizeof last);
        return first | (uint64_t)last << 32;
    }
    if (size == 0) return 0;
    const unsigned char *bytes = (const unsigned char *)text;
    return bytes[0] | (uint64_t)bytes[size / 2] << 8 | (uint64_t)bytes[size - 1] << 16;
}

/* A hash of name, size and alignment: equal for types that are the same, hardly ever for others. */
static inline uint64_t type_key(const struct arena_type *type) {
    const char *name = type->name;
    size_t length = strlen(name);
    uint64_t hash = type_mix(length, type->size);
    for (; length > 8; length -= 8, name += 8) hash = type_mix(hash, type_word(name, 8));
    return type_mix(hash, type_word(name, length) + type->align);
}

/* Bytes that a copy takes: the descriptor, then the text of its name. */
static inline size_t type_copy_bytes(const struct arena_type *type) { return sizeof *type + strlen(type->name) + 1; }

/* Makes a copy in `block`, which has room for its `bytes` (type_copy_bytes) and is aligned for a descriptor. */
static inline struct arena_type *type_copy_of(void *block, const struct arena_type *type, size_t bytes) {
    struct arena_type *copy = block;
    char *name = (char *)(copy + 1);
    *copy = *type;
    memcpy(name, type->name, bytes - sizeof *type);
    copy->name = name;
    return copy;
}
static inline struct arena_type *type_copy(void *block, const struct arena_type *type) {
    return type_copy_of(block, type, type_copy_bytes(type));
}

#endif
