/* SPDX-License-Identifier: MIT */
// The typed face in C++17, where it is other code: lists of values, descriptors, lambdas.  What each function promises is
// in typed_each.h, which is compiled as C++, too.
#include "support.h"

#include <arena/arena.h>

#include <type_traits>

namespace {

struct Point {
    char tag;
    double x;
    int y;
};

int dropped[32];
size_t dropped_count;

void drop_point(Point *point) {
    if (dropped_count < 32) dropped[dropped_count] = point->y;
    dropped_count++;
}

#define ALIAS int

ARENA_DEFINE(int_arena, int)
ARENA_DEFINE(double_arena, double)
ARENA_DEFINE(flag_arena, bool)
ARENA_DEFINE_DROP(point_arena, Point, drop_point)

void drop_int(int *) {}
ARENA_DEFINE(alias_arena, ALIAS)
ARENA_DEFINE_DROP(dropped_alias_arena, ALIAS, drop_int)

// A handle of one type does not convert to another's.
static_assert(!std::is_convertible<int_arena *, double_arena *>::value, "typed handles are distinct");
static_assert(!std::is_convertible<int_arena *, struct arena *>::value, "typed handles are not the raw one");
static_assert(std::is_same<int_arena_element, int>::value, "element type");
static_assert(std::is_same<decltype(int_arena_alloc(nullptr, 1)), int *>::value, "typed result");
static_assert(std::is_same<decltype(int_arena_slab::data), int *>::value, "typed slab");

int evaluations;
int next_value() { return ++evaluations; }

// `value`, and that it was asked for.
#define COUNTED(value) (static_cast<void>(next_value()), (value))

TEST(arguments_are_evaluated_once) {
    int_arena *arena = int_arena_create(8);
    int_arena_concurrent *concurrent = int_arena_concurrent_create(8);
    struct arena_context *context = nullptr;
    int_arena_slab slab;
    assert_int_equal(arena_context_with_cancel(nullptr, &context), ARENA_OK);
    evaluations = 0;
    slab = ARENA_SLAB_WITH(int_arena, COUNTED(arena), next_value(), next_value()); // in order
    assert_int_equal(evaluations, 3);
    assert_int_equal(slab.data[1], slab.data[0] + 1);
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

    struct arena *mixed = nullptr;
    assert_int_equal(arena_create(arena_type_any(), 1, &mixed), ARENA_OK);
    evaluations = 0;
    struct arena_any *slot = ARENA_ANY_ALLOC(COUNTED(mixed), int, COUNTED(5));
    assert_int_equal(evaluations, 2);
    assert_int_equal(*ARENA_ANY_GET(COUNTED(slot), int), 5);
    assert_int_equal(evaluations, 3);
    arena_destroy(mixed);
}

TEST(slab_with_takes_structures) {
    point_arena *arena = point_arena_create(2);
    point_arena_slab slab = ARENA_SLAB_WITH(point_arena, arena, Point{'a', 1.0, 1}, {'b', 2.0, 2});
    assert_int_equal(slab.len, 2);
    assert_int_equal(slab.data[1].y, 2);
    point_arena_destroy(arena);
}

const struct arena_type *describe() { return ARENA_TYPE(Point); }

void describe_there(struct worker *worker) { worker->pointer = const_cast<struct arena_type *>(describe()); }

// One for all threads: it outlives the one that asked first.
TEST(descriptors_are_no_thread_s) {
    worker worker;
    worker = worker_run(describe_there, nullptr, 0);
    assert_ptr_equal(worker.pointer, describe());
}

TEST(type_is_named_as_written) {
    assert_string_equal(int_arena_type()->name, "int");
    assert_string_equal(flag_arena_type()->name, "bool");
    assert_string_equal(point_arena_type()->name, "Point");
    assert_string_equal(alias_arena_type()->name, "ALIAS");
    assert_string_equal(dropped_alias_arena_type()->name, "ALIAS");
    assert_string_equal(ARENA_TYPE(ALIAS)->name, "ALIAS");
    assert_string_equal(ARENA_TYPE(unsigned long)->name, "unsigned long");
    assert_int_equal(ARENA_TYPE(Point)->size, sizeof(Point));
    assert_int_equal(ARENA_TYPE(Point)->align, alignof(Point));
    assert_int_equal(ARENA_TYPE(long double)->align, alignof(long double));
    assert_true(arena_type_equal(ARENA_TYPE(int), int_arena_type()));
    // In C++ a descriptor is valid always: not to the end of the block alone.
    const struct arena_type *kept = nullptr;
    { kept = ARENA_TYPE(Point); }
    assert_string_equal(kept->name, "Point");
}

TEST(a_list_goes_with_its_context) {
    int_arena_concurrent *arena = int_arena_concurrent_create(8);
    struct arena_context *context = nullptr;
    int_arena_slab slab;
    assert_int_equal(arena_context_with_cancel(nullptr, &context), ARENA_OK);
    assert_int_equal(ARENA_SLAB_WITH_CONTEXT(int_arena, arena, context, &slab, 7, 8, 9), ARENA_OK);
    assert_true(slab.len == 3 && slab.data[2] == 9);
    arena_context_cancel(context);
    assert_int_equal(ARENA_SLAB_WITH_CONTEXT(int_arena, arena, context, &slab, 1), ARENA_ECANCELED);
    assert_true(slab.data == nullptr && slab.len == 0);
    arena_context_release(context);
    int_arena_concurrent_destroy(arena);
}

// A lambda without captures is an action.
TEST(pool_face) {
    int_arena_pool *pool = int_arena_pool_create(4);
    int sum = 0;
    assert_int_equal(
        int_arena_pool_execute(
            pool, [](int_arena *arena, void *user) { *static_cast<int *>(user) += *int_arena_alloc(arena, 5); }, &sum),
        ARENA_OK);
    ARENA_POOL_SCOPE_OF(int_arena, pool, scratch) sum += *int_arena_alloc(scratch, 1);
    ARENA_POOL_SCOPE(int_arena_pool_raw(pool), raw) sum += static_cast<int>(arena_cap(raw));
    assert_int_equal(sum, 10);
    assert_int_equal(int_arena_pool_destroy(pool), ARENA_OK);
}

TEST(mixed_values) {
    struct arena *arena = nullptr;
    assert_int_equal(arena_create(arena_type_any(), 4, &arena), ARENA_OK);
    struct arena_any *number = ARENA_ANY_ALLOC(arena, int, 123);
    struct arena_any *text = ARENA_ANY_ALLOC(arena, const char *, "hello");
    struct arena_any *point = ARENA_ANY_ALLOC(arena, Point, Point{'p', 1.5, 2});
    struct arena_any *alias = ARENA_ANY_ALLOC(arena, ALIAS, 5);
    assert_int_equal(*ARENA_ANY_GET(number, int), 123);
    assert_string_equal(*ARENA_ANY_GET(text, const char *), "hello");
    assert_int_equal(ARENA_ANY_GET(point, Point)->y, 2);
    assert_null(ARENA_ANY_GET(number, unsigned));
    assert_string_equal(arena_any_type(alias)->name, "ALIAS"); // the name is the text as written
    assert_int_equal(*ARENA_ANY_GET(alias, ALIAS), 5);
    assert_null(ARENA_ANY_GET(alias, int));
    arena_destroy(arena);
}

} // namespace

int main() { return support_run("typed face in C++"); }
