/* SPDX-License-Identifier: MIT */
/* The typed face in C: every function it makes, and what the compiler and the bounds check refuse. */
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

static void quick_start(void **state) {
    struct int_arena *arena = int_arena_create(4);
    assert_non_null(arena);
    int *first = int_arena_alloc(arena, 10);
    int *second = int_arena_try_alloc(arena, 20);
    assert_int_equal(*first, 10);
    assert_int_equal(*second, 20);
    assert_ptr_equal(second, first + 1);
    struct int_arena_slab slab = int_arena_alloc_slab(arena, 1);
    assert_int_equal(slab.len, 1);
    assert_int_equal(slab.data[0], 0);
    struct int_arena_slab more = ARENA_SLAB_WITH(int_arena, arena, 30);
    assert_int_equal(more.len, 1);
    assert_int_equal(more.data[0], 30);
    *int_arena_slab_at(slab, 0) = 7;
    assert_int_equal(first[2], 7);
    assert_null(int_arena_try_alloc(arena, 1));
    int_arena_reset(arena);
    assert_ptr_equal(int_arena_alloc(arena, 30), first);
    int_arena_destroy(arena);
}

/* Slabs whose number of elements the compiler knows, from the window and past its end. */
static void slabs_of_a_few_fit_exactly(void **state) {
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

static void alloc_when_full(void *user) { int_arena_alloc(user, 1); }
static void alloc_zero_when_full(void *user) { int_arena_alloc_zero(user); }
static void alloc_slab_when_full(void *user) { int_arena_alloc_slab(user, 2); }
static void slab_with_when_full(void *user) { ARENA_SLAB_WITH(int_arena, (struct int_arena *)user, 1, 2); }

static void plain_spellings_panic_when_full(void **state) {
    struct int_arena *arena = int_arena_create(2);
    int_arena_alloc(arena, 5);
    assert_panics(alloc_slab_when_full, arena, "arena_alloc_slab"); /* there is room for one */
    assert_panics(slab_with_when_full, arena, "arena_alloc_slab_with");
    int_arena_alloc(arena, 6);
    assert_panics(alloc_when_full, arena, "arena_alloc");
    assert_panics(alloc_zero_when_full, arena, "arena_alloc");
    assert_panics(alloc_slab_when_full, arena, "arena_alloc_slab");
    assert_panics(slab_with_when_full, arena, "arena_alloc_slab_with");
    assert_int_equal(int_arena_used(arena), 2);
    int_arena_destroy(arena);
}

/* --- slabs -------------------------------------------------------------------------------------------------------- */

static int evaluations;

static int next_value(void) { return ++evaluations; }

static struct int_arena *same(struct int_arena *arena) {
    evaluations += 100;
    return arena;
}

static void slab_values_are_evaluated_once_in_order(void **state) {
    struct int_arena *arena = int_arena_create(10);
    evaluations = 0;
    struct int_arena_slab slab = ARENA_SLAB_WITH(int_arena, same(arena), 7, 8, 9);
    assert_int_equal(evaluations, 100);
    assert_int_equal(slab.len, 3);
    static const int expected[] = {7, 8, 9};
    assert_memory_equal(slab.data, expected, sizeof expected);
    evaluations = 0;
    slab = ARENA_SLAB_WITH(int_arena, arena, next_value(), next_value(), next_value(), next_value());
    assert_int_equal(evaluations, 4);
    assert_int_equal(slab.len, 4);
    assert_int_equal(slab.data[0] + slab.data[1] + slab.data[2] + slab.data[3], 10);
    evaluations = 0;
    assert_true(ARENA_TRY_SLAB_WITH(int_arena, same(arena), &slab, 5));
    assert_int_equal(evaluations, 100);
    assert_int_equal(slab.len, 1);
    assert_int_equal(slab.data[0], 5);
    evaluations = 0;
    assert_true(ARENA_TRY_SLAB_WITH(int_arena, arena, &slab, next_value()));
    assert_int_equal(evaluations, 1);
    assert_int_equal(slab.data[0], 1);
    int_arena_destroy(arena);
}

/* `value`, and that it was asked for. */
#define COUNTED(value) ((void)next_value(), (value))

static void arguments_are_evaluated_once(void **state) {
    struct int_arena *arena = int_arena_create(8);
    struct int_arena_concurrent *concurrent = int_arena_concurrent_create(8);
    struct arena_context *context = NULL;
    struct int_arena_slab slab;
    assert_int_equal(arena_context_with_cancel(NULL, &context), ARENA_OK);
    evaluations = 0;
    slab = ARENA_SLAB_WITH(int_arena, COUNTED(arena), COUNTED(1));
    assert_int_equal(evaluations, 2);
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

/* After a burst that was left the window is closed, and the library is asked.  (Under a memory checker it always is.) */
static void values_arrive_without_a_window(void **state) {
    struct point_arena *points = point_arena_create(2);
    const struct point value = {'a', 1.5, 7};
    (void)point_arena_burst_begin(points);
    assert_int_equal(point_arena_alloc(points, value)->y, 7);
    (void)point_arena_burst_begin(points);
    assert_int_equal(point_arena_try_alloc(points, value)->y, 7);
    point_arena_destroy(points);

    static const int expected[] = {4, 5, 6};
    struct int_arena *arena = int_arena_create(6);
    struct int_arena_slab slab;
    (void)int_arena_burst_begin(arena);
    assert_int_equal(*int_arena_alloc(arena, 3), 3);
    (void)int_arena_burst_begin(arena);
    slab = ARENA_SLAB_WITH(int_arena, arena, 4, 5, 6);
    assert_memory_equal(slab.data, expected, sizeof expected);
    int_arena_reset(arena);
    (void)int_arena_burst_begin(arena);
    assert_true(ARENA_TRY_SLAB_WITH(int_arena, arena, &slab, 4, 5, 6));
    assert_memory_equal(slab.data, expected, sizeof expected);
    int_arena_destroy(arena);
}

/* Counts that the compiler knows, and whose bytes are a few modulo what a size_t holds. */
static void constant_counts_that_wrap_do_not_fit(void **state) {
    struct int_arena *arena = int_arena_create(20);
    struct int_arena_slab slab;
    assert_false(int_arena_try_alloc_slab(arena, SIZE_MAX / sizeof(int) + 1, &slab));
    assert_false(int_arena_try_alloc_slab(arena, SIZE_MAX / sizeof(int) + 3, &slab));
    assert_null(slab.data);
    assert_int_equal(slab.len, 0);
    assert_false(int_arena_try_alloc_slab(arena, SIZE_MAX, &slab));
    assert_false(int_arena_try_alloc_slab_with(arena, NULL, SIZE_MAX / sizeof(int) + 3, &slab));
    assert_int_equal(int_arena_used(arena), 0);
    assert_int_equal(int_arena_remaining(arena), 20);
    int_arena_destroy(arena);
}

static void slab_of_zero(void **state) {
    struct int_arena *arena = int_arena_create(0);
    struct int_arena_slab slab = int_arena_alloc_slab(arena, 0);
    assert_non_null(slab.data);
    assert_int_equal(slab.len, 0);
    slab.data = NULL;
    assert_true(int_arena_try_alloc_slab(arena, 0, &slab));
    assert_non_null(slab.data);
    assert_int_equal(slab.len, 0);
    slab.data = NULL;
    const int none = 5;
    assert_true(int_arena_try_alloc_slab_with(arena, &none, 0, &slab));
    assert_non_null(slab.data);
    assert_int_equal(slab.len, 0);
    assert_non_null(int_arena_alloc_slab_with(arena, NULL, 0).data);
    int_arena_destroy(arena);
}

struct access {
    struct int_arena_slab slab;
    size_t index;
};

static void access_slab(void *user) {
    struct access *access = user;
    *int_arena_slab_at(access->slab, access->index) = 1;
}

static void slab_access_is_bounds_checked(void **state) {
    struct int_arena *arena = int_arena_create(5);
    struct access access = {int_arena_alloc_slab(arena, 3), 0};
    int *next = int_arena_alloc(arena, 99);
    for (access.index = 0; access.index < 3; access.index++) {
        assert_int_equal(arena_protect(access_slab, &access), ARENA_OK);
    }
    static const size_t outside[] = {3, 4, (size_t)1 << 31, SIZE_MAX / sizeof(int) + 1, SIZE_MAX - 1, SIZE_MAX};
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++) {
        access.index = outside[i];
        assert_panics(access_slab, &access, "length 3");
    }
    access.slab = (struct int_arena_slab){NULL, 0};
    access.index = 0;
    assert_panics(access_slab, &access, "0");
    access.slab = int_arena_alloc_slab(arena, 0); /* it points somewhere, and has nothing all the same */
    assert_non_null(access.slab.data);
    assert_panics(access_slab, &access, "length 0");
    assert_int_equal(*next, 99);
    int_arena_destroy(arena);
}

/* --- types -------------------------------------------------------------------------------------------------------- */

static void type_is_named_as_written(void **state) {
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

static void raw_is_the_same_handle(void **state) {
    struct int_arena *arena = int_arena_create(3);
    struct arena *raw = int_arena_raw(arena);
    assert_ptr_equal(raw, arena);
    assert_int_equal(*int_arena_alloc(arena, 1), 1);
    assert_int_equal(arena_used(raw), 1);
    assert_non_null(arena_alloc(raw, NULL));
    assert_int_equal(int_arena_used(arena), 2);
    assert_ptr_equal(int_arena_from_raw(raw), arena);
    assert_true(arena_type_equal(arena_type_of(raw), int_arena_type()));
    assert_null(int_arena_from_raw(NULL));
    int_arena_destroy(arena);
}

static void as_double(void *user) { double_arena_from_raw(user); }
static void as_number(void *user) { number_arena_from_raw(user); }

static void from_raw_of_another_type_panics(void **state) {
    struct int_arena *arena = int_arena_create(3);
    assert_panics(as_double, int_arena_raw(arena), "of int was given");
    assert_panics(as_double, int_arena_raw(arena), "of double is wanted");
    assert_panics(as_number, int_arena_raw(arena), "number");
    int_arena_destroy(arena);
}

static void drop_is_typed(void **state) {
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

static void drop_is_given_the_arenas_user(void **state) {
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
static void parts_make_a_whole(void **state) {
    (void)state;
    struct part_arena_concurrent *shared = part_arena_concurrent_create(2);
    struct part_arena *held = NULL;
    assert_int_equal(part_arena_concurrent_acquire(shared, NULL, &held), ARENA_OK);
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

/* --- concurrent --------------------------------------------------------------------------------------------------- */

static void concurrent_alloc_when_full(void *user) { int_arena_concurrent_alloc(user, 1); }
static void concurrent_zero_when_full(void *user) { int_arena_concurrent_alloc_zero(user); }
static void concurrent_slab_when_full(void *user) { int_arena_concurrent_alloc_slab(user, 1); }
static void concurrent_slab_with_when_full(void *user) {
    ARENA_SLAB_WITH(int_arena_concurrent, (struct int_arena_concurrent *)user, 1);
}

static void plain_concurrent_spellings_panic_when_full(void **state) {
    struct int_arena_concurrent *arena = int_arena_concurrent_create(1);
    int_arena_concurrent_alloc(arena, 5);
    assert_panics(concurrent_alloc_when_full, arena, "arena_concurrent_alloc");
    assert_panics(concurrent_zero_when_full, arena, "arena_concurrent_alloc");
    assert_panics(concurrent_slab_when_full, arena, "arena_concurrent_alloc_slab");
    assert_panics(concurrent_slab_with_when_full, arena, "arena_concurrent_alloc_slab_with");
    struct int_arena_slab slab = {(int *)(void *)arena, 77};
    assert_false(int_arena_concurrent_try_alloc_slab(arena, 1, &slab));
    assert_true(slab.data == NULL && slab.len == 0);
    assert_int_equal(int_arena_concurrent_used(arena), 1);
    int_arena_concurrent_destroy(arena);
}

/* Every operation gives `refusal`, and leaves nothing in what it should have filled. */
static void refused_under_a_context(struct int_arena_concurrent *arena, struct arena_context *context, int refusal) {
    static int anything;
    static const int values[] = {5, 6};
    int *slot = &anything;
    struct int_arena *held = (struct int_arena *)(void *)&anything;
    struct int_arena_slab slabs[3];
    for (int i = 0; i < 3; i++) slabs[i] = (struct int_arena_slab){&anything, 1};
    assert_int_equal(int_arena_concurrent_alloc_context(arena, context, 4, &slot), refusal);
    assert_int_equal(int_arena_concurrent_alloc_slab_context(arena, context, 1, &slabs[0]), refusal);
    assert_int_equal(int_arena_concurrent_alloc_slab_with_context(arena, context, values, 2, &slabs[1]), refusal);
    assert_int_equal(ARENA_SLAB_WITH_CONTEXT(int_arena, arena, context, &slabs[2], 1, 2), refusal);
    assert_int_equal(int_arena_concurrent_reset_context(arena, context), refusal);
    assert_int_equal(int_arena_concurrent_acquire(arena, context, &held), refusal);
    assert_null(slot);
    assert_null(held);
    for (int i = 0; i < 3; i++) assert_true(slabs[i].data == NULL && slabs[i].len == 0);
}

static void hold_and_stay(struct worker *self) {
    struct int_arena *held = NULL;
    self->status = int_arena_concurrent_acquire(self->user, NULL, &held);
    flag_set(&self->reached, 1);
    if (!flag_wait(&self->go, 1)) self->status = 1;
    int_arena_concurrent_release(self->user);
}

/* The context goes along: it ends each wait. */
static void concurrent_face_waits_under_its_context(void **state) {
    struct int_arena_concurrent *arena = int_arena_concurrent_create(8);
    struct worker holder;
    worker_start(&holder, hold_and_stay, arena, 0);
    AWAIT(flag_get(&holder.reached));
    for (int operation = 0; operation < 5; operation++) {
        struct arena_context *soon = NULL;
        int *slot;
        struct int_arena_slab slab;
        struct int_arena *held;
        int status = ARENA_OK;
        assert_int_equal(arena_context_with_timeout(NULL, 3000000, &soon), ARENA_OK);
        switch (operation) {
        case 0:
            status = int_arena_concurrent_alloc_context(arena, soon, 4, &slot);
            break;
        case 1:
            status = int_arena_concurrent_alloc_slab_context(arena, soon, 2, &slab);
            break;
        case 2:
            status = ARENA_SLAB_WITH_CONTEXT(int_arena, arena, soon, &slab, 1, 2);
            break;
        case 3:
            status = int_arena_concurrent_reset_context(arena, soon);
            break;
        default:
            status = int_arena_concurrent_acquire(arena, soon, &held);
            break;
        }
        assert_int_equal(status, ARENA_ETIMEDOUT);
        arena_context_release(soon);
    }
    flag_set(&holder.go, 1);
    worker_join(&holder);
    assert_int_equal(holder.status, ARENA_OK);
    assert_int_equal(int_arena_concurrent_used(arena), 0);
    int_arena_concurrent_destroy(arena);
}

static void concurrent_face_under_a_context(void **state) {
    struct int_arena_concurrent *arena = int_arena_concurrent_create(8);
    struct arena_context *context = NULL;
    assert_int_equal(arena_context_with_cancel(NULL, &context), ARENA_OK);
    static const int values[] = {5, 6};
    int *slot = NULL;
    struct int_arena_slab slab;
    assert_int_equal(int_arena_concurrent_alloc_context(arena, context, 4, &slot), ARENA_OK);
    assert_int_equal(*slot, 4);
    assert_int_equal(int_arena_concurrent_alloc_slab_context(arena, context, 2, &slab), ARENA_OK);
    assert_int_equal(slab.len, 2);
    assert_int_equal(int_arena_concurrent_alloc_slab_with_context(arena, context, values, 2, &slab), ARENA_OK);
    assert_int_equal(slab.data[1], 6);
    assert_int_equal(ARENA_SLAB_WITH_CONTEXT(int_arena, arena, context, &slab, 7, 8, 9), ARENA_OK);
    assert_int_equal(slab.len, 3);
    assert_int_equal(slab.data[2], 9);
    assert_int_equal(int_arena_concurrent_used(arena), 8);
    assert_int_equal(int_arena_concurrent_alloc_context(arena, context, 4, &slot), ARENA_EFULL);
    assert_null(slot);
    assert_int_equal(int_arena_concurrent_alloc_slab_context(arena, context, 1, &slab), ARENA_EFULL);
    assert_null(slab.data);
    assert_int_equal(slab.len, 0);
    slab.data = (int *)(uintptr_t)values;
    slab.len = 1;
    assert_int_equal(int_arena_concurrent_alloc_slab_with_context(arena, context, values, 1, &slab), ARENA_EFULL);
    assert_null(slab.data);
    assert_int_equal(slab.len, 0);
    assert_int_equal(int_arena_concurrent_alloc_context(arena, context, 4, NULL), ARENA_EINVAL);
    assert_int_equal(int_arena_concurrent_alloc_slab_context(arena, context, 1, NULL), ARENA_EINVAL);
    assert_int_equal(int_arena_concurrent_alloc_slab_with_context(arena, context, values, 1, NULL), ARENA_EINVAL);
    assert_int_equal(int_arena_concurrent_acquire(arena, context, NULL), ARENA_EINVAL);
    assert_int_equal(int_arena_concurrent_reset_context(arena, context), ARENA_OK);
    struct int_arena *held = NULL;
    assert_int_equal(int_arena_concurrent_acquire(arena, context, &held), ARENA_OK);
    assert_int_equal(*int_arena_alloc(held, 12), 12);
    refused_under_a_context(arena, context, ARENA_EBUSY);
    int_arena_concurrent_release(arena);
    refused_under_a_context(NULL, context, ARENA_EINVAL);
    arena_context_cancel(context);
    refused_under_a_context(arena, context, ARENA_ECANCELED);
    assert_int_equal(int_arena_concurrent_used(arena), 1);
    arena_context_release(context);
    int_arena_concurrent_destroy(arena);
}

/* --- pool and context --------------------------------------------------------------------------------------------- */

static void sum_three(struct int_arena *arena, void *user) {
    struct int_arena_slab slab = ARENA_SLAB_WITH(int_arena, arena, 1, 2, 3);
    int *sum = user;
    for (size_t i = 0; i < slab.len; i++) *sum += *int_arena_slab_at(slab, i);
    *sum += (int)int_arena_used(arena) * 100;
}

static void pool_face(void **state) {
    struct arena_pool_options options = {.struct_size = sizeof options, .max_arenas = 1};
    for (int with = 0; with < 2; with++) {
        struct int_arena_pool *pool = with ? int_arena_pool_create_with(4, &options) : int_arena_pool_create(4);
        int sum = 0;
        assert_int_equal(int_arena_pool_execute(pool, sum_three, &sum), ARENA_OK);
        assert_int_equal(sum, 306);
        assert_int_equal(int_arena_pool_execute(pool, NULL, &sum), ARENA_EINVAL);
        struct int_arena *arena = NULL;
        assert_int_equal(int_arena_pool_checkout(pool, &arena), ARENA_OK);
        assert_int_equal(int_arena_used(arena), 0);
        assert_int_equal(int_arena_cap(arena), 4);
        assert_int_equal(int_arena_pool_destroy(pool), ARENA_EBUSY);
        if (with) { /* at its limit */
            struct int_arena *none = arena;
            assert_int_equal(int_arena_pool_checkout(pool, &none), ARENA_EFULL);
            assert_null(none);
            assert_int_equal(int_arena_pool_execute(pool, sum_three, &sum), ARENA_EFULL);
            assert_int_equal(sum, 306);
        }
        int_arena_pool_return(pool, arena);
        assert_int_equal(int_arena_pool_checkout_context(pool, NULL, &arena), ARENA_OK);
        if (with) { /* the context goes along: it ends the wait */
            struct arena_context *soon = NULL;
            struct int_arena *none = arena;
            assert_int_equal(arena_context_with_timeout(NULL, 3000000, &soon), ARENA_OK);
            assert_int_equal(int_arena_pool_checkout_context(pool, soon, &none), ARENA_ETIMEDOUT);
            assert_null(none);
            arena_context_release(soon);
        }
        int_arena_pool_return(pool, arena);
        int_arena_pool_return(pool, NULL);
        struct arena_context *ended = NULL;
        assert_int_equal(arena_context_with_cancel(NULL, &ended), ARENA_OK);
        arena_context_cancel(ended);
        assert_int_equal(int_arena_pool_checkout_context(pool, ended, &arena), ARENA_ECANCELED);
        assert_null(arena);
        arena = (struct int_arena *)(void *)pool;
        assert_int_equal(int_arena_pool_checkout_context(NULL, NULL, &arena), ARENA_EINVAL);
        assert_null(arena);
        arena = (struct int_arena *)(void *)pool;
        assert_int_equal(int_arena_pool_checkout(NULL, &arena), ARENA_EINVAL);
        assert_null(arena);
        arena_context_release(ended);
        int_arena_pool_trim(pool);
        int loops = 0;
        ARENA_POOL_SCOPE_OF(int_arena, pool, scratch) {
            assert_int_equal(*int_arena_alloc(scratch, 3), 3);
            loops++;
        }
        assert_int_equal(loops, 1);
        assert_int_equal(int_arena_pool_checkout(pool, NULL), ARENA_EINVAL);
        assert_int_equal(int_arena_pool_checkout_context(pool, NULL, NULL), ARENA_EINVAL);
        assert_int_equal(int_arena_pool_destroy(pool), ARENA_OK);
    }
}

static void context_face(void **state) {
    struct int_arena *arena = int_arena_create(1);
    struct double_arena *other = double_arena_create(1);
    struct arena_context *context = NULL;
    struct arena_context *child = NULL;
    struct int_arena *found = arena;
    assert_int_equal(int_arena_extract(NULL, &found), ARENA_ENOARENA);
    assert_null(found);
    assert_int_equal(int_arena_inject(NULL, arena, NULL), ARENA_EINVAL);
    assert_int_equal(int_arena_inject(NULL, arena, &context), ARENA_OK);
    assert_int_equal(double_arena_inject(context, other, &child), ARENA_OK);
    assert_int_equal(int_arena_extract(child, NULL), ARENA_EINVAL);
    assert_int_equal(int_arena_extract(child, &found), ARENA_OK);
    assert_ptr_equal(found, arena);
    struct double_arena *double_found = NULL;
    assert_int_equal(double_arena_extract(child, &double_found), ARENA_OK);
    assert_ptr_equal(double_found, other);
    assert_int_equal(double_arena_extract(context, &double_found), ARENA_ENOARENA);
    assert_null(double_found);
    struct arena_context *hidden = NULL;
    assert_int_equal(int_arena_inject(child, NULL, &hidden), ARENA_OK);
    assert_int_equal(int_arena_extract(hidden, &found), ARENA_ENOARENA);
    arena_context_release(hidden);
    arena_context_release(child);
    arena_context_release(context);
    double_arena_destroy(other);
    int_arena_destroy(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quick_start),
        cmocka_unit_test(slabs_of_a_few_fit_exactly),
        cmocka_unit_test(plain_spellings_panic_when_full),
        cmocka_unit_test(slab_values_are_evaluated_once_in_order),
        cmocka_unit_test(arguments_are_evaluated_once),
        cmocka_unit_test(values_arrive_without_a_window),
        cmocka_unit_test(constant_counts_that_wrap_do_not_fit),
        cmocka_unit_test(slab_of_zero),
        cmocka_unit_test(slab_access_is_bounds_checked),
        cmocka_unit_test(type_is_named_as_written),
        cmocka_unit_test(raw_is_the_same_handle),
        cmocka_unit_test(from_raw_of_another_type_panics),
        cmocka_unit_test(drop_is_typed),
        cmocka_unit_test(drop_is_given_the_arenas_user),
        cmocka_unit_test(parts_make_a_whole),
        cmocka_unit_test(plain_concurrent_spellings_panic_when_full),
        cmocka_unit_test(concurrent_face_under_a_context),
        cmocka_unit_test(concurrent_face_waits_under_its_context),
        cmocka_unit_test(pool_face),
        cmocka_unit_test(context_face),
    };
    return support_run("typed face", tests);
}
