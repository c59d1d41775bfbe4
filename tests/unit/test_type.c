/* SPDX-License-Identifier: MIT */
/* Type descriptors: their keys and copies. */
#include "core/slots.h"
#include "core/type.h"

#include "../support.h"

#include <arena/arena.h>

/* The key of a type is a hash, and a poor one would still be right: but extract would compare names, and the set of
 * mixed types would be a list. */
TEST(keys_tell_types_apart) {
    for (size_t length = 1; length <= 20; length++) {
        char name[21] = {0};
        memset(name, 'a', length);
        const struct arena_type type = {name, 8, 8, NULL};
        char moved[24] = {0};
        memcpy(moved + 3, name, length);
        const struct arena_type same = {moved + 3, 8, 8, NULL};
        uint64_t key = type_key(&type);
        assert_true(type_key(&same) == key);
        for (size_t at = 0; at < length; at++) {
            name[at] = 'b';
            assert_true(type_key(&type) != key);
            name[at] = 'a';
        }
        const struct arena_type larger = {name, 16, 8, NULL};
        const struct arena_type aligned = {name, 8, 16, NULL};
        assert_true(type_key(&larger) != key && type_key(&aligned) != key);
        assert_true(type_key(&larger) != type_key(&aligned));
    }
    /* As spread as numbers drawn by chance: of 1024 types, few share the lower 12 bits of their key. */
    static unsigned char taken[4096];
    unsigned shared = 0;
    for (unsigned i = 0; i < 1024; i++) {
        char name[5] = {'t', (char)('a' + i % 26), (char)('a' + i / 26 % 26), (char)('a' + i / 676), '\0'};
        const struct arena_type type = {name, 1 + i % 3, 1, NULL};
        shared += taken[type_key(&type) & 4095]++ != 0;
    }
    assert_true(shared < 256);
}

static void drop_nothing(void *element, void *user) { (void)element, (void)user; }

TEST(copies_of_types_are_whole_in_any_memory) {
    static const struct arena_type type = {"name", 3, 1, drop_nothing};
    char *block = malloc(type_copy_bytes(&type) + 1);
    assert_non_null(block);
    memset(block, 'x', type_copy_bytes(&type) + 1);
    const struct arena_type *copy = type_copy(block, &type);
    assert_string_equal(copy->name, "name");
    assert_true(copy->name != type.name && type_same(copy, &type) && copy->drop == drop_nothing);
    assert_int_equal(block[type_copy_bytes(&type)], 'x');
    free(block);
}

/* The hash of types is for speed: two of the same hash are told apart. */
TEST(types_with_the_same_key_are_not_the_same) {
    char names[2][9] = {"aaaaaaaa", "aaaaaaaa"};
    const struct arena_type one = {names[0], 8, 2, NULL};
    const struct arena_type other = {names[1], 8, 1, NULL};
    int at = 0;
    for (; at < 8; at++) { /* which letter adds 1 depends on the byte order */
        names[1][at] = 'b';
        if (type_key(&one) == type_key(&other)) break;
        names[1][at] = 'a';
    }
    assert_true(at < 8);
    struct arena *arena;
    struct arena *found_arena;
    assert_int_equal(arena_create(&one, 1, &arena), ARENA_OK);
    GIVEN(arena_context, context, arena_inject(NULL, arena, &context));
    assert_int_equal(arena_extract(context, &other, &found_arena), ARENA_ENOARENA);
    assert_int_equal(arena_extract(context, &one, &found_arena), ARENA_OK);
    assert_ptr_equal(found_arena, arena);
    /* The arena may be gone by the time that one looks past it: something else is where its type was. */
    *(struct arena_type *)(uintptr_t)arena->type = other;
    assert_int_equal(arena_extract(context, &other, &found_arena), ARENA_ENOARENA);
    arena_context_release(context);
    arena_destroy(arena);
}

int main(void) { return support_run("type"); }
