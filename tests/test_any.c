/* SPDX-License-Identifier: MIT */
/* Arenas of mixed values: what a slot holds, how it is read back, what does not fit, and whose drop runs. */
#include "support.h"

#include <arena/arena.h>

static struct arena *make(size_t capacity) {
    GIVEN(arena, arena, arena_create(arena_type_any(), capacity, &arena));
    return arena;
}

struct largest {
    char bytes[ARENA_ANY_MAX];
};
struct too_large {
    char bytes[ARENA_ANY_MAX + 1];
};

TEST(each_slot_holds_a_value_with_its_type) {
    struct arena *arena = make(5);
    struct arena_any *number = ARENA_ANY_ALLOC(arena, int, 123);
    struct arena_any *text = ARENA_ANY_ALLOC(arena, const char *, "hello");
    struct arena_any *real = ARENA_ANY_ALLOC(arena, double, 2.5);
    struct arena_any *flag = ARENA_ANY_ALLOC(arena, bool, true);
    struct largest value;
    memset(&value, 'z', sizeof value);
    struct arena_any *large = ARENA_ANY_ALLOC(arena, struct largest, value);
    assert_int_equal(*ARENA_ANY_GET(number, int), 123);
    assert_string_equal(*ARENA_ANY_GET(text, const char *), "hello");
    assert_true(*ARENA_ANY_GET(real, double) == 2.5);
    assert_true(*ARENA_ANY_GET(flag, bool));
    assert_memory_equal(ARENA_ANY_GET(large, struct largest), &value, sizeof value);
    assert_string_equal(arena_any_type(flag)->name, "bool");
    assert_string_equal(arena_any_type(text)->name, "const char *");
    assert_int_equal(arena_any_type(large)->size, ARENA_ANY_MAX);
    assert_int_equal(arena_used(arena), 5);
    *ARENA_ANY_GET(number, int) = 124; /* it is the value, not a copy */
    assert_int_equal(*ARENA_ANY_GET(number, int), 124);
    arena_destroy(arena);
}

static int evaluations;

static int count_evaluation(void) { return ++evaluations; }

/* `value`, and that it was asked for. */
#define COUNTED(value) ((void)count_evaluation(), (value))

TEST(arguments_are_evaluated_once) {
    struct arena *arena = make(1);
    struct arena_any *slot = ARENA_ANY_ALLOC(COUNTED(arena), int, COUNTED(5));
    assert_int_equal(evaluations, 2);
    assert_int_equal(*ARENA_ANY_GET(COUNTED(slot), int), 5);
    assert_int_equal(evaluations, 3);
    arena_destroy(arena);
}

TEST(another_type_reads_as_null) {
    struct arena *arena = make(2);
    struct arena_any *slot = ARENA_ANY_ALLOC(arena, float, 1.0F);
    assert_null(ARENA_ANY_GET(slot, int32_t));
    assert_null(ARENA_ANY_GET(slot, double));
    const struct arena_type other_align = {"float", sizeof(float), 1, NULL};
    const struct arena_type other_size = {"float", 8, _Alignof(float), NULL};
    assert_null(arena_any_get(slot, &other_align));
    assert_null(arena_any_get(slot, &other_size));
    assert_null(arena_any_get(slot, NULL));
    const struct arena_type nameless = {NULL, sizeof(float), _Alignof(float), NULL};
    assert_null(arena_any_get(slot, &nameless));
    assert_null(arena_any_get(NULL, ARENA_TYPE(float)));
    assert_null(arena_any_type(NULL));
    assert_non_null(ARENA_ANY_GET(slot, float));
    arena_destroy(arena);
}

TEST(zeroed_slots_hold_nothing) {
    struct arena *arena = make(4);
    struct arena_any *slot = arena_alloc(arena, NULL);
    assert_null(arena_any_type(slot));
    assert_null(ARENA_ANY_GET(slot, int));
    slot = arena_alloc_slab(arena, 1);
    assert_null(arena_any_type(slot));
    struct arena_any *zero = arena_alloc_any(arena, ARENA_TYPE(int), NULL);
    assert_int_equal(*ARENA_ANY_GET(zero, int), 0); /* a zeroed value has a type */
    arena_reset(arena);
    ARENA_ANY_ALLOC(arena, int, -1);
    arena_reset(arena);
    struct arena_any *again = arena_try_alloc_any(arena, ARENA_TYPE(double), NULL);
    assert_true(*ARENA_ANY_GET(again, double) == 0.0);
    arena_destroy(arena);
}

TEST(every_alignment_up_to_max_align_is_kept) {
    struct arena *arena = make(30);
    char bytes[ARENA_ANY_MAX];
    memset(bytes, 0x3c, sizeof bytes);
    for (size_t align = 1; align <= _Alignof(max_align_t); align *= 2) {
        for (size_t size = align; size <= ARENA_ANY_MAX; size *= 2) {
            const struct arena_type type = {"aligned", size, align, NULL};
            struct arena_any *slot = arena_alloc_any(arena, &type, bytes);
            void *value = arena_any_get(slot, &type);
            assert_non_null(value);
            assert_true(((uintptr_t)value & (align - 1)) == 0);
            assert_memory_equal(value, bytes, size);
        }
    }
    arena_destroy(arena);
}

TEST(limits_have_functions_for_bindings) {
    assert_int_equal(arena_any_max(), ARENA_ANY_MAX);
    assert_int_equal(ARENA_ANY_MAX, 32);
    struct arena *arena = make(2);
    char *first = (char *)ARENA_ANY_ALLOC(arena, int, 1);
    char *second = (char *)ARENA_ANY_ALLOC(arena, int, 1);
    assert_int_equal(second - first, arena_any_slot_size());
    assert_int_equal(arena_type_of(arena)->size, arena_any_slot_size());
    arena_destroy(arena);
}

/* --- what does not fit -------------------------------------------------------------------------------------------- */

struct request {
    struct arena *arena;
    const struct arena_type *type;
};

static const char zeros[128];

static void do_alloc(void *user) {
    struct request *request = user;
    arena_alloc_any(request->arena, request->type, zeros);
}

static void refused(struct arena *arena, const struct arena_type *type, int status) {
    struct request request = {arena, type};
    size_t used = arena_used(arena);
    assert_null(arena_try_alloc_any(arena, type, zeros));
    assert_null(arena_try_alloc_any(arena, type, NULL));
    assert_panics(do_alloc, &request, "arena_alloc_any");
    struct arena_any *out = (struct arena_any *)&request;
    assert_int_equal(arena_alloc_any_checked(arena, type, NULL, &out), status);
    assert_null(out);
    assert_int_equal(arena_alloc_any_checked(arena, type, NULL, NULL), ARENA_EINVAL);
    assert_int_equal(arena_used(arena), used);
}

TEST(values_that_do_not_fit_are_refused) {
    struct arena *arena = make(3);
    struct arena_any *kept = ARENA_ANY_ALLOC(arena, int, 5);
    const size_t over = 2 * _Alignof(max_align_t);
    const struct arena_type over_aligned = {"over-aligned", 1, over, NULL};
    const struct arena_type no_size = {"no size", 0, 1, NULL};
    const struct arena_type no_align = {"no align", 1, 0, NULL};
    const struct arena_type odd_align = {"odd align", 3, 3, NULL};
    const struct arena_type no_name = {NULL, 1, 1, NULL};
    const struct arena_type giant = {"giant", SIZE_MAX, 1, NULL};
    refused(arena, ARENA_TYPE(struct too_large), ARENA_EINVAL);
    refused(arena, &giant, ARENA_EINVAL);
    refused(arena, &over_aligned, ARENA_EINVAL);
    refused(arena, &no_size, ARENA_EINVAL);
    refused(arena, &no_align, ARENA_EINVAL);
    refused(arena, &odd_align, ARENA_EINVAL);
    refused(arena, &no_name, ARENA_EINVAL);
    refused(arena, NULL, ARENA_EINVAL);
    assert_int_equal(*ARENA_ANY_GET(kept, int), 5);
    ARENA_ANY_ALLOC(arena, int, 6);
    ARENA_ANY_ALLOC(arena, int, 7);
    refused(arena, ARENA_TYPE(int), ARENA_EFULL);
    refused(arena, ARENA_TYPE(long), ARENA_EFULL);
    arena_destroy(arena);
}

TEST(arenas_of_other_types_are_refused) {
    const struct arena_type same_size = {"int", arena_any_slot_size(), arena_type_any()->align, NULL};
    GIVEN(arena, arena, arena_create(&same_size, 3, &arena));
    refused(arena, ARENA_TYPE(int), ARENA_EINVAL);
    arena_destroy(arena);
    struct request request = {NULL, ARENA_TYPE(int)};
    assert_panics(do_alloc, &request, "arena_alloc_any");
    assert_null(arena_try_alloc_any(NULL, ARENA_TYPE(int), zeros));
}

/* --- descriptors -------------------------------------------------------------------------------------------------- */

TEST(descriptors_are_copied_and_shared) {
    struct arena *arena = make(3);
    char name[] = "short-lived";
    struct arena_type type = {name, 4, 4, NULL};
    struct arena_any *first = arena_alloc_any(arena, &type, zeros);
    char other_name[] = "short-lived";
    struct arena_type other = {other_name, 4, 4, NULL};
    struct arena_any *second = arena_alloc_any(arena, &other, zeros);
    memset(name, 'x', sizeof name - 1);
    memset(&type, 0x7f, sizeof type);
    assert_string_equal(arena_any_type(first)->name, "short-lived");
    assert_ptr_equal(arena_any_type(first), arena_any_type(second)); /* one copy of each distinct descriptor */
    assert_non_null(arena_any_get(first, &other));
    arena_destroy(arena);
}

TEST(descriptors_outlive_resets_and_trims) {
    struct arena *arena = make(3);
    struct arena_any *slot = ARENA_ANY_ALLOC(arena, int, 1);
    const struct arena_type *type = arena_any_type(slot);
    arena_reset(arena);
    arena_trim(arena);
    for (int i = 0; i < 3; i++) ARENA_ANY_ALLOC(arena, long, 1L);
    arena_reset(arena);
    assert_string_equal(type->name, "int");
    slot = ARENA_ANY_ALLOC(arena, int, 1);
    assert_ptr_equal(arena_any_type(slot), type);
    arena_destroy(arena);
}

/* Nor do they end with a return to the pool, or a reset behind a gate. */
TEST(descriptors_outlive_generations_of_the_other_handles) {
    GIVEN(arena_pool, pool, arena_pool_create(arena_type_any(), 3, &pool));
    GIVEN(arena, arena, arena_pool_checkout(pool, &arena));
    const struct arena_type *type = arena_any_type(ARENA_ANY_ALLOC(arena, int, 1));
    arena_pool_return(pool, arena);
    assert_int_equal(arena_pool_checkout(pool, &arena), ARENA_OK);
    ARENA_ANY_ALLOC(arena, long, 1L);
    assert_string_equal(type->name, "int");
    assert_ptr_equal(arena_any_type(ARENA_ANY_ALLOC(arena, int, 1)), type);
    arena_pool_return(pool, arena);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);

    GIVEN(arena_concurrent, concurrent, arena_concurrent_create(arena_type_any(), 3, &concurrent));
    type = arena_any_type(arena_concurrent_alloc_any(concurrent, ARENA_TYPE(int), NULL));
    arena_concurrent_reset(concurrent);
    assert_string_equal(type->name, "int");
    assert_non_null(arena_concurrent_alloc_any(concurrent, ARENA_TYPE(long), NULL));
    assert_string_equal(type->name, "int");
    assert_ptr_equal(arena_any_type(arena_concurrent_alloc_any(concurrent, ARENA_TYPE(int), NULL)), type);
    arena_concurrent_destroy(concurrent);
}

TEST(thousands_of_types_are_told_apart) {
    size_t count = support_rounds(3000, 400);
    struct arena *arena = make(count);
    struct arena_any **slots = calloc(count, sizeof(struct arena_any *));
    const struct arena_type **kept = calloc(count, sizeof(struct arena_type *));
    assert_true(slots != NULL && kept != NULL);
    char name[32];
    for (size_t i = 0; i < count; i++) {
        snprintf(name, sizeof name, "type %zu", i);
        const struct arena_type type = {name, sizeof i, _Alignof(size_t), NULL};
        slots[i] = arena_alloc_any(arena, &type, &i);
    }
    for (size_t i = 0; i < count; i++) {
        snprintf(name, sizeof name, "type %zu", i);
        assert_string_equal(arena_any_type(slots[i])->name, name);
        const struct arena_type type = {name, sizeof i, _Alignof(size_t), NULL};
        size_t *value = arena_any_get(slots[i], &type);
        assert_non_null(value);
        assert_int_equal(*value, i);
        snprintf(name, sizeof name, "type %zu", i + 1);
        assert_null(arena_any_get(slots[i], &type));
    }
    /* None was lost while the set of them grew: there is still one copy of each. */
    for (size_t i = 0; i < count; i++) kept[i] = arena_any_type(slots[i]);
    arena_reset(arena);
    for (size_t i = 0; i < count; i++) {
        snprintf(name, sizeof name, "type %zu", i);
        const struct arena_type type = {name, sizeof i, _Alignof(size_t), NULL};
        assert_ptr_equal(arena_any_type(arena_alloc_any(arena, &type, &i)), kept[i]);
    }
    free(kept);
    free(slots);
    arena_destroy(arena);
}

/* --- drops -------------------------------------------------------------------------------------------------------- */

static int order[16];
static size_t order_count;

static void drop_first_kind(void *value, void *user) {
    if (order_count < 16) order[order_count] = 100 + *(int *)value;
    order_count++;
}

static void drop_second_kind(void *value, void *user) {
    if (order_count < 16) order[order_count] = 200 + *(int *)value;
    order_count++;
}

TEST(each_value_s_own_drop_runs_last_to_first) {
    /* The first two are the same type by name, size and align; yet each value has its own destructor. */
    const struct arena_type first = {"counted", sizeof(int), _Alignof(int), drop_first_kind};
    const struct arena_type second = {"counted", sizeof(int), _Alignof(int), drop_second_kind};
    const struct arena_type none = {"counted", sizeof(int), _Alignof(int), NULL};
    struct arena *arena = make(8);
    for (int round = 0; round < 2; round++) {
        int value = 1;
        struct arena_any *slot = arena_alloc_any(arena, &first, &value);
        value = 2;
        arena_alloc_any(arena, &second, &value);
        value = 3;
        arena_alloc_any(arena, &none, &value);
        arena_alloc(arena, NULL);
        value = 4;
        arena_alloc_any(arena, &first, &value);
        assert_int_equal(*(int *)arena_any_get(slot, &second), 1);
        assert_int_equal(*(int *)arena_any_get(slot, &none), 1);
        order_count = 0;
        arena_reset(arena);
        assert_int_equal(order_count, 3);
        assert_int_equal(order[0], 104);
        assert_int_equal(order[1], 202);
        assert_int_equal(order[2], 101);
        arena_reset(arena);
        assert_int_equal(order_count, 3);
    }
    int value = 9;
    arena_alloc_any(arena, &second, &value);
    order_count = 0;
    arena_destroy(arena);
    assert_int_equal(order_count, 1);
    assert_int_equal(order[0], 209);
}

/* Slots are what their types say: never to be cleared they cannot be, and cleared late they still hold nothing. */
TEST(clearing_policies_of_mixed_values) {
    const struct arena_type type = {"counted", sizeof(int), _Alignof(int), drop_first_kind};
    struct arena_options options = {sizeof options, ARENA_CLEAR_NEVER, 0};
    struct arena *arena = make(1);
    struct arena *none = arena;
    assert_int_equal(arena_create_with(arena_type_any(), 4, &options, &none), ARENA_EINVAL);
    assert_null(none);
    arena_destroy(arena);
    options.clear = ARENA_CLEAR_ON_HANDOUT;
    assert_int_equal(arena_create_with(arena_type_any(), 4, &options, &arena), ARENA_OK);
    for (int round = 0; round < 3; round++) {
        for (int value = 0; value < 4; value++) assert_non_null(arena_alloc_any(arena, &type, &value));
        order_count = 0;
        arena_reset(arena);
        assert_int_equal(order_count, 4);
        struct arena_any *slot = arena_alloc(arena, NULL);
        assert_null(arena_any_type(slot));
        assert_null(arena_any_type(arena_alloc_slab(arena, 1)));
        struct arena_any *zero = arena_alloc_any(arena, &type, NULL);
        assert_int_equal(*(int *)arena_any_get(zero, &type), 0);
        order_count = 0;
        arena_reset(arena);
        assert_int_equal(order_count, 1); /* of what holds nothing, nothing is dropped */
    }
    arena_destroy(arena);
}

static void sum_up(void *value, void *user) { *(int *)user += *(int *)value; }

TEST(a_value_s_drop_is_given_the_arena_s_user) {
    (void)state;
    int sum = 0;
    const struct arena_type type = {"summed", sizeof(int), _Alignof(int), sum_up};
    struct arena_options options = {.struct_size = sizeof options, .drop_user = &sum};
    GIVEN(arena, arena, arena_create_with(arena_type_any(), 2, &options, &arena));
    arena_alloc_any(arena, &type, &(int){1});
    arena_alloc_any(arena, &type, &(int){10});
    arena_destroy(arena);
    assert_int_equal(sum, 11);
}

TEST(refused_values_are_not_dropped) {
    const struct arena_type type = {"counted", sizeof(int), _Alignof(int), drop_first_kind};
    struct arena *arena = make(1);
    int value = 1;
    arena_alloc_any(arena, &type, &value);
    assert_null(arena_try_alloc_any(arena, &type, &value));
    order_count = 0;
    arena_destroy(arena);
    assert_int_equal(order_count, 1);
}

/* A source with so many pieces of memory. */
struct pieces {
    int left;
    int out;
};
static void *take_piece(size_t bytes, size_t align, void *user) {
    struct pieces *pieces = user;
    void *memory = NULL;
    if (pieces->left == 0 || posix_memalign(&memory, align, bytes) != 0) return NULL;
    memset(memory, 0x5a, bytes);
    pieces->left--;
    pieces->out++;
    return memory;
}
static void give_piece(void *memory, size_t bytes, size_t align, void *user) {
    (void)align;
    memset(memory, 0x5a, bytes);
    ((struct pieces *)user)->out--;
    free(memory);
}

TEST(descriptors_come_from_the_arena_s_source) {
    enum { KINDS = 40 };
    char names[KINDS][12];
    for (int most = 1; most < KINDS + 20; most++) {
        struct pieces pieces = {most, 0};
        struct arena_source source = {take_piece, give_piece, &pieces};
        struct arena_options options = OPTIONS(ARENA_CLEAR_ON_RESET, 0);
        options.source = &source;
        GIVEN(arena, arena, arena_create_with(arena_type_any(), KINDS, &options, &arena));
        int kind = 0;
        for (; kind < KINDS; kind++) {
            const struct arena_type type = {names[kind], sizeof(int), _Alignof(int), NULL};
            (void)snprintf(names[kind], sizeof names[kind], "%d", kind);
            struct arena_any *slot = NULL;
            int status = arena_alloc_any_checked(arena, &type, &kind, &slot);
            if (status == ARENA_OK) continue;
            assert_int_equal(status, ARENA_ENOMEM);
            break;
        }
        assert_true(kind < most && (kind == KINDS || pieces.left == 0));
        assert_int_equal(arena_used(arena), kind);
        for (int i = 0; i < kind; i++) {
            const struct arena_type type = {names[i], sizeof(int), _Alignof(int), NULL};
            assert_int_equal(*(int *)arena_any_get(arena_at(arena, (size_t)i), &type), i);
        }
        arena_destroy(arena);
        assert_int_equal(pieces.out, 0);
    }
}

/* --- the other handles -------------------------------------------------------------------------------------------- */

TEST(concurrent_arenas_hold_mixed_values) {
    const struct arena_type type = {"counted", sizeof(int), _Alignof(int), drop_first_kind};
    GIVEN(arena_concurrent, arena, arena_concurrent_create(arena_type_any(), 2, &arena));
    int value = 3;
    struct arena_any *slot = arena_concurrent_alloc_any(arena, &type, &value);
    assert_int_equal(*(int *)arena_any_get(slot, &type), 3);
    assert_null(arena_concurrent_try_alloc_any(arena, ARENA_TYPE(struct too_large), NULL));
    assert_int_equal(arena_concurrent_used(arena), 1);
    assert_non_null(arena_concurrent_try_alloc_any(arena, ARENA_TYPE(int), &value));
    assert_null(arena_concurrent_try_alloc_any(arena, ARENA_TYPE(int), &value));
    order_count = 0;
    arena_concurrent_reset(arena);
    assert_int_equal(order_count, 1);
    GIVEN(arena, held, arena_concurrent_acquire(arena, NULL, &held));
    assert_non_null(arena_alloc_any(held, &type, &value));
    arena_concurrent_release(arena);
    GIVEN(arena_context, context, arena_context_with_cancel(NULL, &context));
    assert_int_equal(arena_concurrent_reset_context(arena, context), ARENA_OK);
    assert_int_equal(order_count, 2);
    assert_int_equal(arena_concurrent_used(arena), 0);
    assert_non_null(arena_concurrent_try_alloc_any(arena, &type, &value));
    arena_context_cancel(context);
    assert_int_equal(arena_concurrent_reset_context(arena, context), ARENA_ECANCELED);
    arena_context_release(context);
    assert_int_equal(order_count, 2);
    arena_concurrent_destroy(arena);
    assert_int_equal(order_count, 3);
}

/* One that finds the arena full, or is refused, leaves it behind its gate, for those too who had it before. */
TEST(refused_mixed_values_leave_the_gate_closed) {
    struct arena_concurrent *arena = NULL;
    assert_int_equal(arena_concurrent_create(arena_type_any(), 1, &arena), ARENA_OK);
    GIVEN(arena, held, arena_concurrent_acquire(arena, NULL, &held));
    arena_concurrent_release(arena);
    assert_non_null(arena_concurrent_try_alloc_any(arena, ARENA_TYPE(int), NULL));
    assert_null(arena_concurrent_try_alloc_any(arena, ARENA_TYPE(int), NULL));
    arena_concurrent_reset(arena);
    assert_null(arena_try_alloc_any(held, ARENA_TYPE(int), NULL));
    assert_null(arena_try_alloc(held, NULL));
    assert_non_null(arena_concurrent_try_alloc_any(arena, ARENA_TYPE(int), NULL));
    arena_concurrent_destroy(arena);
}

static void take_a_zeroed_slot_and_stay(struct worker *self) {
    self->pointer = arena_concurrent_try_alloc(self->user, NULL);
    flag_set(&self->reached, 1);
    flag_wait(&self->go, 1);
}

/* Whatever another thread that is still there has been lent. */
static void try_an_int_beside_others(void *user) { arena_concurrent_try_alloc_any(user, ARENA_TYPE(int), NULL); }
static void put_an_int_beside_others(void *user) { arena_concurrent_alloc_any(user, ARENA_TYPE(int), NULL); }

/* Told, as by any other allocation, also by the one that tries. */
TEST(holders_of_the_gate_put_no_mixed_values_beside_it) {
    struct arena_concurrent *arena = NULL;
    assert_int_equal(arena_concurrent_create(arena_type_any(), 2, &arena), ARENA_OK);
    GIVEN(arena, held, arena_concurrent_acquire(arena, NULL, &held));
    assert_panics(try_an_int_beside_others, arena, "arena_concurrent_try_alloc_any: the calling thread holds the gate");
    assert_panics(put_an_int_beside_others, arena, "arena_concurrent_alloc_any: the calling thread holds the gate");
    assert_int_equal(arena_used(held), 0);
    for (int i = 0; i < 2; i++) (void)arena_alloc_any(held, ARENA_TYPE(int), NULL);
    assert_panics(try_an_int_beside_others, arena, "the calling thread holds the gate"); /* full or not */
    arena_concurrent_release(arena);
    assert_null(arena_concurrent_try_alloc_any(arena, ARENA_TYPE(int), NULL));
    arena_concurrent_destroy(arena);
}

static void try_an_int_there(struct worker *self) {
    self->pointer = arena_concurrent_try_alloc_any(self->user, ARENA_TYPE(int), &(int){5});
}
static void put_an_int_there(struct worker *self) {
    self->pointer = arena_concurrent_alloc_any(self->user, ARENA_TYPE(int), &(int){6});
}

/* As every other allocation does, by either spelling. */
TEST(mixed_values_wait_for_a_gate_that_is_held) {
    for (uint32_t flags = 0; flags <= ARENA_GATE_ONLY; flags += ARENA_GATE_ONLY) {
        struct arena_options options = {sizeof options, 0, flags};
        struct arena_concurrent *arena = NULL;
        assert_int_equal(arena_concurrent_create_with(arena_type_any(), 3, &options, &arena), ARENA_OK);
        GIVEN(arena, held, arena_concurrent_acquire(arena, NULL, &held));
        struct worker workers[2];
        worker_start(&workers[0], try_an_int_there, arena, 0);
        worker_start(&workers[1], put_an_int_there, arena, 1);
        assert_true(workers_asleep(workers, 2));
        assert_int_equal(arena_used(held), 0);
        assert_non_null(arena_alloc_any(held, ARENA_TYPE(int), NULL));
        arena_concurrent_release(arena);
        workers_join(workers, 2);
        for (int i = 0; i < 2; i++) assert_int_equal(*(int *)arena_any_get(workers[i].pointer, ARENA_TYPE(int)), 5 + i);
        assert_int_equal(arena_concurrent_used(arena), 3);
        arena_concurrent_destroy(arena);
    }
}

TEST(concurrent_arenas_hold_mixed_values_to_the_last_slot) {
    for (size_t capacity = 4; capacity <= 100;
         capacity += 4) { /* of which a quarter is lent: one slot is left of it, or more */
        GIVEN(arena_concurrent, arena, arena_concurrent_create(arena_type_any(), capacity, &arena));
        struct worker worker;
        worker_start(&worker, take_a_zeroed_slot_and_stay, arena, 0);
        AWAIT(flag_get(&worker.reached));
        for (int i = 1; i < (int)capacity; i++) {
            struct arena_any *slot = arena_concurrent_try_alloc_any(arena, ARENA_TYPE(int), &i);
            assert_non_null(slot);
            assert_ptr_not_equal(slot, worker.pointer);
            assert_int_equal(*(int *)arena_any_get(slot, ARENA_TYPE(int)), i);
        }
        assert_null(arena_concurrent_try_alloc_any(arena, ARENA_TYPE(int), NULL));
        assert_int_equal(arena_concurrent_used(arena), capacity);
        flag_set(&worker.go, 1);
        worker_join(&worker);
        assert_null(arena_any_type(worker.pointer));
        arena_concurrent_destroy(arena);
    }
}

static void put_an_int(void *user) { arena_alloc_any(user, ARENA_TYPE(int), NULL); }

TEST(panics_say_what_is_wrong) {
    GIVEN(arena, arena, arena_create(arena_type_any(), 1, &arena));
    put_an_int(arena);
    assert_panics(put_an_int, arena, "is full: 1 wanted, 0 of 1 free");
    arena_destroy(arena);
    GIVEN(arena_concurrent, concurrent, arena_concurrent_create(arena_type_any(), 1, &concurrent));
    put_an_int_beside_others(concurrent);
    assert_panics(put_an_int_beside_others, concurrent, "is full: 1 wanted, 0 of 1 free");
    arena_concurrent_destroy(concurrent);
    assert_int_equal(arena_concurrent_create(ARENA_TYPE(int), 1, &concurrent), ARENA_OK);
    assert_panics(put_an_int_beside_others, concurrent, "the arena is not one of mixed values");
    assert_null(arena_concurrent_try_alloc_any(concurrent, ARENA_TYPE(int), NULL));
    arena_concurrent_destroy(concurrent);
    assert_panics(put_an_int_beside_others, NULL, "arena is NULL");
    assert_null(arena_concurrent_try_alloc_any(NULL, ARENA_TYPE(int), NULL));
    GIVEN(arena_pool, pool, arena_pool_create(arena_type_any(), 2, &pool));
    assert_int_equal(arena_pool_checkout(pool, &arena), ARENA_OK);
    put_an_int(arena);
    arena_pool_return(pool, arena);
    assert_panics(put_an_int, arena, "back in its pool"); /* though there is room */
    assert_null(arena_try_alloc_any(arena, ARENA_TYPE(int), NULL));
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

/* A value is put next to what the thread was lent, not behind it: with one thread a slab fits wherever as much is free. */
TEST(mixed_values_leave_the_rest_in_one_piece) {
    enum { CAPACITY = 1000 };
    int value = 7;
    GIVEN(arena_concurrent, arena, arena_concurrent_create(arena_type_any(), CAPACITY, &arena));
    char *first = arena_concurrent_try_alloc(arena, NULL); /* with a chunk */
    char *second = (char *)arena_concurrent_try_alloc_any(arena, ARENA_TYPE(int), &value);
    assert_ptr_equal(second, first + arena_any_slot_size());
    assert_ptr_equal(arena_concurrent_try_alloc_slab(arena, CAPACITY - 2), second + arena_any_slot_size());
    arena_concurrent_destroy(arena);
}

static void take_one_slot(struct worker *worker) {
    (void)!arena_concurrent_try_alloc((struct arena_concurrent *)worker->user, NULL);
}

/* Free slots below a mark are not used. */
TEST(mixed_values_above_a_mark_are_full_like_others) {
    enum { CAPACITY = 1000 };
    GIVEN(arena_concurrent, arena, arena_concurrent_create(arena_type_any(), CAPACITY, &arena));
    assert_non_null(arena_concurrent_try_alloc(arena, NULL));
    (void)worker_run(take_one_slot, arena, 0);
    struct arena *inside = NULL;
    assert_int_equal(arena_concurrent_acquire(arena, NULL, &inside), ARENA_OK);
    struct arena_mark mark;
    arena_get_mark(inside, &mark);
    struct arena_any *slot = NULL;
    int status;
    do status = arena_alloc_any_checked(inside, ARENA_TYPE(int), &(int){1}, &slot);
    while (status == ARENA_OK);
    assert_int_equal(status, ARENA_EFULL);
    assert_null(arena_try_alloc_any(inside, ARENA_TYPE(int), &(int){1}));
    arena_rewind_end(inside, &mark);
    size_t used = arena_used(inside);
    for (; used < CAPACITY; used++) assert_non_null(arena_try_alloc_any(inside, ARENA_TYPE(int), &(int){1}));
    arena_concurrent_release(arena);
    arena_concurrent_destroy(arena);
}

static void put_mixed(struct arena *arena, void *user) {
    int *total = user;
    struct largest value;
    memset(&value, 'z', sizeof value);
    struct arena_any *large = ARENA_ANY_ALLOC(arena, struct largest, value);
    if (memcmp(ARENA_ANY_GET(large, struct largest), &value, sizeof value) != 0) return;
    struct arena_any *slot = ARENA_ANY_ALLOC(arena, int, 5);
    const struct arena_type type = {"counted", sizeof(int), _Alignof(int), drop_first_kind};
    arena_alloc_any(arena, &type, ARENA_ANY_GET(slot, int));
    *total += (int)arena_used(arena);
}

TEST(pools_hold_mixed_values) {
    GIVEN(arena_pool, pool, arena_pool_create(arena_type_any(), 4, &pool));
    order_count = 0;
    int total = 0;
    for (int i = 0; i < 5; i++) assert_int_equal(arena_pool_execute(pool, put_mixed, &total), ARENA_OK);
    assert_int_equal(total, 15);
    assert_int_equal(order_count, 5);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

int main(void) { return support_run("mixed values"); }
