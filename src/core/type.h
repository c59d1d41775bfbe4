/* Descriptors: checking them, comparing them, keeping a copy. */
#ifndef CORE_TYPE_H
#define CORE_TYPE_H

#include <arena/type.h>

#include <string.h>

static inline bool type_valid(const struct arena_type *type) {
    return type != NULL && type->name != NULL && type->size != 0 && type->align != 0 &&
           (type->align & (type->align - 1)) == 0;
}

static inline bool type_same(const struct arena_type *left, const struct arena_type *right) {
    return left == right || (left->size == right->size && left->align == right->align &&
                             (left->name == right->name || strcmp(left->name, right->name) == 0));
}

/* Equal for types that are the same.  FNV-1a over the name (Fowler, Noll and Vo), then size and alignment. */
static inline uint32_t type_hash(const struct arena_type *type) {
    uint32_t hash = 2166136261u;
    for (const char *at = type->name; *at != 0; at++) hash = (hash ^ (unsigned char)*at) * 16777619u;
    return (hash ^ (uint32_t)type->size) * 16777619u ^ (uint32_t)type->align;
}

/* Equal for types that are the same, and cheap: the first letters of the name, mixed with size and alignment. */
static inline uint64_t type_key(const struct arena_type *type) {
    uint64_t key = 0;
    for (int i = 0; i < 8 && type->name[i] != 0; i++) key = key << 8 | (unsigned char)type->name[i];
    return key + type->size * UINT64_C(0x9e3779b97f4a7c15) + type->align;
}

/* Bytes that a copy takes: the descriptor, then the text of its name. */
static inline size_t type_copy_bytes(const struct arena_type *type) { return sizeof *type + strlen(type->name) + 1; }

/* Makes a copy in `block`, which has room for it and is aligned for a descriptor. */
static inline struct arena_type *type_copy(void *block, const struct arena_type *type) {
    struct arena_type *copy = block;
    char *name = (char *)(copy + 1);
    *copy = *type;
    memcpy(name, type->name, strlen(type->name) + 1);
    copy->name = name;
    return copy;
}

#endif
