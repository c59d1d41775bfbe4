/* SPDX-License-Identifier: MIT */
/* Type descriptors: what ARENA_TYPE writes into them, when two are the same, and that every handle keeps a copy. */
#include "support.h"

#include <arena/arena.h>

struct sample {
    char letter;
    double number;
};

struct page {
    _Alignas(4096) char bytes[5000];
};

TEST(type_macro_describes_the_type) {
    const struct arena_type *type = ARENA_TYPE(struct sample);
    assert_string_equal(type->name, "struct sample");
    assert_int_equal(type->size, sizeof(struct sample));
    assert_int_equal(type->align, _Alignof(struct sample));
    assert_null((void *)(uintptr_t)type->drop);
    assert_string_equal(ARENA_TYPE(unsigned long)->name, "unsigned long");
    assert_int_equal(ARENA_TYPE(char)->size, 1);
    assert_int_equal(ARENA_TYPE(char)->align, 1);
    assert_int_equal(ARENA_TYPE(max_align_t)->align, _Alignof(max_align_t));
    assert_int_equal(ARENA_TYPE(struct page)->align, 4096);
    assert_int_equal(ARENA_TYPE(struct page)->size, sizeof(struct page));
}

#define ALIAS int

TEST(name_is_the_text_as_written) {
    assert_string_equal(ARENA_TYPE(bool)->name, "bool");  /* a macro for _Bool in C11 */
    assert_string_equal(ARENA_TYPE(_Bool)->name, "bool"); /* what a program's own macro makes of it */
    assert_string_equal(ARENA_TYPE_NAMED(_Bool, "flag")->name, "flag");
    assert_string_equal(ARENA_TYPE(ALIAS)->name, "ALIAS");
    assert_int_equal(ARENA_TYPE(ALIAS)->size, sizeof(int));
    assert_string_equal(ARENA_TYPE(int32_t)->name, "int32_t");
}

TEST(descriptor_lives_to_the_end_of_its_block) {
    const struct arena_type *types[3];
    types[0] = ARENA_TYPE(int);
    types[1] = ARENA_TYPE(long);
    types[2] = ARENA_TYPE(int);
    for (int i = 0; i < 3; i++) assert_string_equal(types[i]->name, i == 1 ? "long" : "int");
}

static const struct arena_type *const at_file_scope = ARENA_TYPE(struct sample);

TEST(descriptor_at_file_scope_lives_for_ever) {
    assert_string_equal(at_file_scope->name, "struct sample");
    assert_true(arena_type_equal(at_file_scope, ARENA_TYPE(struct sample)));
}

static void drop_nothing(void *element, void *user) { (void)element, (void)user; }

TEST(same_means_name_size_and_align) {
    const struct arena_type type = {"thing", 8, 4, NULL};
    char spelled[] = "thing";
    const struct arena_type same = {spelled, 8, 4, drop_nothing};
    const struct arena_type name = {"thinG", 8, 4, NULL};
    const struct arena_type prefix = {"thin", 8, 4, NULL};
    const struct arena_type longer = {"things", 8, 4, NULL};
    const struct arena_type size = {"thing", 12, 4, NULL};
    const struct arena_type align = {"thing", 8, 8, NULL};
    assert_true(arena_type_equal(&type, &type));
    assert_true(arena_type_equal(&type, &same));
    assert_true(arena_type_equal(&same, &type));
    assert_false(arena_type_equal(&type, &name));
    assert_false(arena_type_equal(&type, &prefix));
    assert_false(arena_type_equal(&type, &longer));
    assert_false(arena_type_equal(&type, &size));
    assert_false(arena_type_equal(&type, &align));
    assert_false(arena_type_equal(&type, NULL));
    assert_false(arena_type_equal(NULL, &type));
    assert_false(arena_type_equal(NULL, NULL));
    /* Names are told apart to their last letter, however long they are. */
    char long_name[1000];
    char other_name[sizeof long_name];
    memset(long_name, 'n', sizeof long_name);
    for (size_t length = 1; length < sizeof long_name; length += length < 70 ? 1 : 97) {
        memcpy(other_name, long_name, sizeof long_name);
        other_name[length - 1] = 'm';
        other_name[length] = long_name[length] = '\0';
        const struct arena_type left = {long_name, 8, 4, NULL};
        const struct arena_type right = {other_name, 8, 4, NULL};
        assert_false(arena_type_equal(&left, &right));
        other_name[length - 1] = 'n';
        assert_true(arena_type_equal(&left, &right));
        long_name[length] = 'n';
    }
    /* What describes no type is not the same as anything, itself included. */
    const struct arena_type none[] = {
        {NULL, 4, 4, NULL}, {type.name, 0, type.align, NULL}, {type.name, type.size, 3, NULL}};
    const struct arena_type like = {"t", 4, 4, NULL};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        assert_false(arena_type_equal(&none[i], &none[i]));
        assert_false(arena_type_equal(&like, &none[i]));
        assert_false(arena_type_equal(&none[i], &like));
    }
}

TEST(float_is_not_int32) {
    assert_false(arena_type_equal(ARENA_TYPE(float), ARENA_TYPE(int32_t)));
    struct arena *arena = NULL;
    struct arena *found = NULL;
    assert_int_equal(arena_create(ARENA_TYPE(float), 1, &arena), ARENA_OK);
    GIVEN(arena_context, context, arena_inject(NULL, arena, &context));
    assert_int_equal(arena_extract(context, ARENA_TYPE(int32_t), &found), ARENA_ENOARENA);
    assert_int_equal(arena_extract(context, ARENA_TYPE(float), &found), ARENA_OK);
    assert_ptr_equal(found, arena);
    arena_context_release(context);
    arena_destroy(arena);
}

TEST(bindings_can_check_the_layout) {
    assert_int_equal(arena_type_size(), sizeof(struct arena_type));
    assert_int_equal(arena_type_offset("name"), offsetof(struct arena_type, name));
    assert_int_equal(arena_type_offset("drop"), offsetof(struct arena_type, drop));
    assert_int_equal(arena_type_offset("reserved"), offsetof(struct arena_type, reserved));
    assert_int_equal(arena_type_offset("drops"), SIZE_MAX);
    assert_int_equal(arena_type_offset(""), SIZE_MAX);
    assert_int_equal(arena_type_offset(NULL), SIZE_MAX);
    assert_int_equal(arena_type_align(), _Alignof(struct arena_type));
}

/* A descriptor in memory that is scribbled over once the handle exists. */
struct borrowed {
    char name[16];
    struct arena_type type;
};

static void borrow(struct borrowed *borrowed) {
    strcpy(borrowed->name, "short-lived");
    borrowed->type = (struct arena_type){borrowed->name, 12, 4, drop_nothing};
}

static void scribble(struct borrowed *borrowed) { memset(borrowed, 'x', sizeof *borrowed); }

static void check_copy(const struct arena_type *copy, const struct borrowed *borrowed) {
    assert_non_null(copy);
    assert_ptr_not_equal(copy, &borrowed->type);
    assert_string_equal(copy->name, "short-lived");
    assert_int_equal(copy->size, 12);
    assert_int_equal(copy->align, 4);
    assert_true(copy->drop == drop_nothing);
}

TEST(arena_keeps_its_own_copy) {
    struct borrowed borrowed;
    borrow(&borrowed);
    GIVEN(arena, arena, arena_create(&borrowed.type, 3, &arena));
    scribble(&borrowed);
    check_copy(arena_type_of(arena), &borrowed);
    arena_alloc(arena, NULL);
    arena_reset(arena);
    check_copy(arena_type_of(arena), &borrowed);
    arena_destroy(arena);
}

TEST(concurrent_arena_keeps_its_own_copy) {
    struct borrowed borrowed;
    borrow(&borrowed);
    GIVEN(arena_concurrent, arena, arena_concurrent_create(&borrowed.type, 3, &arena));
    scribble(&borrowed);
    check_copy(arena_concurrent_type_of(arena), &borrowed);
    GIVEN(arena, held, arena_concurrent_acquire(arena, NULL, &held));
    check_copy(arena_type_of(held), &borrowed);
    arena_concurrent_release(arena);
    arena_concurrent_destroy(arena);
}

TEST(pool_keeps_its_own_copy) {
    struct borrowed borrowed;
    borrow(&borrowed);
    GIVEN(arena_pool, pool, arena_pool_create(&borrowed.type, 3, &pool));
    scribble(&borrowed);
    check_copy(arena_pool_type_of(pool), &borrowed);
    GIVEN(arena, arena, arena_pool_checkout(pool, &arena));
    check_copy(arena_type_of(arena), &borrowed);
    arena_pool_return(pool, arena);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

TEST(pool_keeps_its_own_copy_of_options) {
    struct arena_options arena_options = {sizeof arena_options, ARENA_CLEAR_ON_HANDOUT, 0};
    struct arena_pool_options options = {
        .struct_size = sizeof options, .max_arenas = 1, .arena_options = &arena_options};
    GIVEN(arena_pool, pool, arena_pool_create_with(ARENA_TYPE(int), 3, &options, &pool));
    memset(&arena_options, 0xff, sizeof arena_options);
    memset(&options, 0xff, sizeof options);
    struct arena *arena = NULL;
    struct arena *second = NULL;
    assert_int_equal(arena_pool_checkout(pool, &arena), ARENA_OK);
    assert_int_equal(arena_pool_checkout(pool, &second), ARENA_EFULL);
    arena_pool_return(pool, arena);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

TEST(long_names_are_kept_whole) {
    static char name[5000];
    memset(name, 'n', sizeof name - 1);
    const struct arena_type type = {name, 1, 1, NULL};
    GIVEN(arena, arena, arena_create(&type, 1, &arena));
    assert_string_equal(arena_type_of(arena)->name, name);
    assert_true(arena_type_of(arena)->name != name);
    arena_destroy(arena);
}

TEST(empty_name_is_a_name) {
    const struct arena_type type = {"", 1, 1, NULL};
    GIVEN(arena, arena, arena_create(&type, 1, &arena));
    assert_true(arena_type_equal(arena_type_of(arena), &type));
    GIVEN(arena_context, context, arena_inject(NULL, arena, &context));
    GIVEN(arena, found, arena_extract(context, &type, &found));
    assert_ptr_equal(found, arena);
    arena_context_release(context);
    arena_destroy(arena);
}

TEST(type_of_nothing_is_nothing) {
    assert_null(arena_type_of(NULL));
    assert_null(arena_concurrent_type_of(NULL));
    assert_null(arena_pool_type_of(NULL));
}

int main(void) { return support_run("type descriptors"); }
