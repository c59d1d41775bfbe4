/* SPDX-License-Identifier: MIT */
/* The typed face in C: the ways to make one, names of types, lists of values.  What each function promises is in
 * typed_each.h. */
#include "support.h"

#include <arena/arena.h>

struct point {
    char tag; /* with padding behind it */
    double x;
    int y;
};

static int dropped[32];
static size_t dropped_count;

static void drop_point(struct point *point) {
    if (dropped_count < 32) dropped[dropped_count] = point->y;
    dropped_count++;
}

ARENA_DEFINE(int_arena, int)
ARENA_DEFINE(double_arena, double)
ARENA_DEFINE(flag_arena, bool)
static void drop_flag(bool *element) { (void)element; }
ARENA_DEFINE_DROP(dropped_flag_arena, bool, drop_flag)
ARENA_DEFINE(text_arena, const char *)
ARENA_DEFINE_DROP(point_arena, struct point, drop_point)

struct pair {
    int first, second; /* aligned to less than its size */
};
ARENA_DEFINE(pair_arena, struct pair)

typedef int number;
ARENA_DEFINE(number_arena, number)

typedef int type; /* as the macro calls something of its own */
ARENA_DEFINE(type_arena, type)

/* A program's own macro in between: what is a macro itself arrives expanded. */
#define DEFINE_THROUGH(prefix, T) ARENA_DEFINE(prefix, T)
#define ALIAS int
DEFINE_THROUGH(wrapped_flag_arena, bool)
DEFINE_THROUGH(wrapped_alias_arena, ALIAS)
ARENA_DEFINE_NAMED(named_arena, ALIAS, "ALIAS")

static void drop_into(int *element, void *user) { *(int *)user += *element; }
ARENA_DEFINE_DROP_WITH(summed_arena, int, drop_into)

/* Parts: what a header that wants less asks for, and what is added later. */
ARENA_DEFINE_ARENA(part_arena, int)
ARENA_DEFINE_ARENA_NAMED(named_part_arena, ALIAS, "ALIAS")
ARENA_DEFINE_ARENA_DROP(dropped_part_arena, bool, drop_flag)
ARENA_DEFINE_ARENA_DROP_WITH(summed_part_arena, int, drop_into)
ARENA_DEFINE_CONCURRENT(part_arena)
ARENA_DEFINE_POOL(summed_part_arena)

/* The template, with all that it takes. */
#define ARENA_PREFIX template_arena
#define ARENA_T int
#define ARENA_NAME "a number"
#define ARENA_DROP_WITH drop_into
#define ARENA_WITHOUT_CONCURRENT
#define ARENA_WITHOUT_POOL
#include <arena/template.h>

/* --- single-owner ------------------------------------------------------------------------------------------------- */

/* Slabs whose number of elements the compiler knows, from the window and past its end. */
TEST(slabs_of_a_few_fit_exactly) {
    struct int_arena *arena = int_arena_create(7);
    struct int_arena_slab slab;
    struct int_arena_slab none;
    for (int round = 0; round < 2; round++) {
        assert_true(ARENA_TRY_SLAB_WITH(int_arena, arena, &slab, 1, 2, round));
        assert_true(slab.len == 3 && slab.data[0] == 1 && slab.data[1] == 2 && slab.data[2] == round);
        assert_false(ARENA_TRY_SLAB_WITH(int_arena, arena, &none, 1, 2, 3, 4, 5));
        assert_true(none.data == NULL && none.len == 0);
        assert_false(int_arena_try_alloc_slab(arena, 5, &none));
        assert_true(none.data == NULL && none.len == 0);
        assert_int_equal(int_arena_used(arena), 3);
        assert_true(int_arena_try_alloc_slab(arena, 3, &none));
        assert_true(none.len == 3 && none.data == slab.data + 3 && all_zero(none.data, 3 * sizeof(int)));
        slab = ARENA_SLAB_WITH(int_arena, arena, 9);
        assert_true(slab.data == none.data + 3 && *slab.data == 9);
        assert_false(ARENA_TRY_SLAB_WITH(int_arena, arena, &none, 1));
        assert_int_equal(int_arena_remaining(arena), 0);
        int_arena_reset(arena);
    }
    int_arena_destroy(arena);
}

/* --- slabs -------------------------------------------------------------------------------------------------------- */

static int evaluations;

static int next_value(void) { return ++evaluations; }

/* `value`, and that it was asked for. */
#define COUNTED(value) ((void)next_value(), (value))

TEST(arguments_are_evaluated_once) {
    struct int_arena *arena = int_arena_create(8);
    struct int_arena_concurrent *concurrent = int_arena_concurrent_create(8);
    struct int_arena_slab slab;
    GIVEN(arena_context, context, arena_context_with_cancel(NULL, &context));
    evaluations = 0;
    slab = ARENA_SLAB_WITH(int_arena, COUNTED(arena), COUNTED(1), COUNTED(2), COUNTED(3));
    assert_int_equal(evaluations, 4);
    assert_true(slab.len == 3 && slab.data[0] == 1 && slab.data[1] == 2 && slab.data[2] == 3);
    evaluations = 2;
    assert_true(ARENA_TRY_SLAB_WITH(int_arena, COUNTED(arena), COUNTED(&slab), COUNTED(1)));
    assert_int_equal(evaluations, 5);
    assert_int_equal(
        ARENA_SLAB_WITH_CONTEXT(int_arena, COUNTED(concurrent), COUNTED(context), COUNTED(&slab), COUNTED(1)),
        ARENA_OK);
    assert_int_equal(evaluations, 9);
    arena_context_release(context);
    int_arena_concurrent_destroy(concurrent);
    int_arena_destroy(arena);
    struct int_arena_pool *pool = int_arena_pool_create(8);
    evaluations = 0;
    ARENA_POOL_SCOPE_OF(int_arena, COUNTED(pool), scratch) assert_int_equal(int_arena_used(scratch), 0);
    assert_int_equal(evaluations, 1);
    assert_int_equal(int_arena_pool_destroy(pool), ARENA_OK);
}

/* Counts that the compiler knows, and whose bytes are a few modulo what a size_t holds. */
TEST(constant_counts_that_wrap_do_not_fit) {
    struct int_arena *arena = int_arena_create(20);
    struct int_arena_slab slab;
    assert_false(int_arena_try_alloc_slab(arena, SIZE_MAX / sizeof(int) + 1, &slab));
    assert_false(int_arena_try_alloc_slab(arena, SIZE_MAX / sizeof(int) + 3, &slab));
    assert_null(slab.data);
    assert_int_equal(slab.len, 0);
    volatile size_t most = SIZE_MAX; /* of a constant gcc warns, which is right */
    assert_false(int_arena_try_alloc_slab(arena, most, &slab));
    assert_false(int_arena_try_alloc_slab_with(arena, NULL, SIZE_MAX / sizeof(int) + 3, &slab));
    assert_int_equal(int_arena_used(arena), 0);
    assert_int_equal(int_arena_remaining(arena), 20);
    int_arena_destroy(arena);
}

/* --- types -------------------------------------------------------------------------------------------------------- */

TEST(type_is_named_as_written) {
    assert_string_equal(int_arena_type()->name, "int");
    assert_string_equal(flag_arena_type()->name, "bool");
    assert_string_equal(dropped_flag_arena_type()->name, "bool");
    assert_string_equal(wrapped_flag_arena_type()->name, "bool");
    assert_string_equal(wrapped_alias_arena_type()->name, "int");
    assert_string_equal(named_arena_type()->name, "ALIAS");
    assert_string_equal(named_part_arena_type()->name, "ALIAS");
    assert_string_equal(template_arena_type()->name, "a number");
    assert_string_equal(text_arena_type()->name, "const char *");
    assert_string_equal(number_arena_type()->name, "number");
    assert_string_equal(type_arena_type()->name, "type");
    assert_int_equal(type_arena_type()->size, sizeof(int));
    assert_string_equal(point_arena_type()->name, "struct point");
    assert_int_equal(point_arena_type()->size, sizeof(struct point));
    assert_int_equal(point_arena_type()->align, _Alignof(struct point));
    assert_true(point_arena_type()->drop != NULL);
    assert_true(arena_type_equal(int_arena_type(), ARENA_TYPE(int)));
    assert_true(arena_type_equal(pair_arena_type(), ARENA_TYPE(struct pair)));
    assert_false(arena_type_equal(int_arena_type(), number_arena_type()));
    int_arena_element element = 5;
    assert_int_equal(sizeof element, sizeof(int));
}

TEST(drop_is_typed) {
    struct point_arena *arena = point_arena_create(4);
    dropped_count = 0;
    for (int i = 1; i <= 3; i++) point_arena_alloc(arena, (struct point){'x', 0.0, i});
    point_arena_alloc_slab(arena, 1);
    point_arena_reset(arena);
    assert_int_equal(dropped_count, 4);
    static const int expected[] = {0, 3, 2, 1};
    assert_memory_equal(dropped, expected, sizeof expected);
    point_arena_alloc(arena, (struct point){'y', 0.0, 9});
    point_arena_destroy(arena);
    assert_int_equal(dropped_count, 5);
    assert_int_equal(dropped[4], 9);
}

TEST(drop_is_given_the_arenas_user) {
    (void)state;
    int sum = 0;
    struct arena_options options = {.struct_size = sizeof options, .drop_user = &sum};
    struct summed_arena *arena = summed_arena_create_with(4, &options);
    summed_arena_alloc(arena, 1);
    summed_arena_alloc(arena, 10);
    summed_arena_reset(arena);
    assert_int_equal(sum, 11);
    summed_arena_alloc(arena, 100);
    summed_arena_destroy(arena);
    assert_int_equal(sum, 111);
    struct template_arena *other = template_arena_create_with(1, &options);
    template_arena_alloc(other, 1000);
    template_arena_destroy(other);
    assert_int_equal(sum, 1111);
}

/* Parts of one prefix, made one after the other, are one face. */
TEST(parts_make_a_whole) {
    (void)state;
    struct part_arena_concurrent *shared = part_arena_concurrent_create(2);
    GIVEN(part_arena, held, part_arena_concurrent_acquire(shared, NULL, &held));
    assert_int_equal(*part_arena_alloc(held, 5), 5);
    part_arena_concurrent_release(shared);
    assert_int_equal(part_arena_concurrent_used(shared), 1);
    part_arena_concurrent_destroy(shared);

    int sum = 0;
    struct arena_options slots = {.struct_size = sizeof slots, .drop_user = &sum};
    struct arena_pool_options options = {.struct_size = sizeof options, .arena_options = &slots};
    struct summed_part_arena_pool *pool = summed_part_arena_pool_create_with(2, &options);
    ARENA_POOL_SCOPE_OF(summed_part_arena, pool, scratch) assert_int_equal(*summed_part_arena_alloc(scratch, 7), 7);
    assert_int_equal(sum, 7);
    assert_int_equal(summed_part_arena_pool_destroy(pool), ARENA_OK);
    assert_true(dropped_part_arena_type()->drop != NULL);
}

/* Each type has its own place in a context. */
TEST(arenas_of_two_types_are_found_apart) {
    struct int_arena *arena = int_arena_create(1);
    struct double_arena *other = double_arena_create(1);
    GIVEN(arena_context, context, int_arena_inject(NULL, arena, &context));
    GIVEN(arena_context, child, double_arena_inject(context, other, &child));
    GIVEN(int_arena, found, int_arena_extract(child, &found));
    assert_ptr_equal(found, arena);
    GIVEN(double_arena, double_found, double_arena_extract(child, &double_found));
    assert_ptr_equal(double_found, other);
    assert_int_equal(double_arena_extract(context, &double_found), ARENA_ENOARENA);
    arena_context_release(child);
    arena_context_release(context);
    double_arena_destroy(other);
    int_arena_destroy(arena);
}

int main(void) { return support_run("typed face"); }
