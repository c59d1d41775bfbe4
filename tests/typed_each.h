/* SPDX-License-Identifier: MIT */
/* What ARENA_DEFINE promises of every element type, for the one that PREFIX and ELEMENT name: test_typed_each.c includes
 * this once for each, with DROPS for those that have a destructor.  An element has no padding, so that it is compared byte by byte. */

#define P(name) EACH_JOIN(PREFIX, name)
#define EACH_JOIN(prefix, name) EACH_JOIN_(prefix, name)
#define EACH_JOIN_(prefix, name) prefix##_##name

#ifdef DROPS
enum { P(drops) = true };
static void P(note)(ELEMENT *element) {
    each_dropped++;
    each_dropped_last = element;
}
#else
enum { P(drops) = false };
#endif

#if defined(EACH_TEMPLATE)
#define ARENA_PREFIX PREFIX
#define ARENA_T ELEMENT
#ifdef DROPS
#define ARENA_DROP P(note)
#endif
#include <arena/template.h>
#elif defined(DROPS)
EACH_DEFINE_DROP(PREFIX, ELEMENT, P(note))
#else
EACH_DEFINE(PREFIX, ELEMENT)
#endif

static ELEMENT P(value)(unsigned char number) {
    ELEMENT value;
    memset(&value, number, sizeof value);
    return value;
}

static bool P(is)(const ELEMENT *slot, unsigned char number) {
    ELEMENT expected = P(value)(number);
    return memcmp(slot, &expected, sizeof expected) == 0;
}

/* A slab of `len` such elements at `data`. */
static bool P(are)(struct P(slab) slab, const ELEMENT *data, size_t len, unsigned char number) {
    if (slab.data != data || slab.len != len) return false;
    for (size_t i = 0; i < len; i++) {
        if (P(slab_at)(slab, i) != data + i || !P(is)(data + i, number)) return false;
    }
    return true;
}

/* --- single-owner ------------------------------------------------------------------------------------------------- */

static void P(overfill_alloc)(void *arena) { P(alloc)((struct PREFIX *)arena, P(value)(1)); }
static void P(overfill_zero)(void *arena) { P(alloc_zero)((struct PREFIX *)arena); }
static void P(overfill_slab)(void *arena) { P(alloc_slab)((struct PREFIX *)arena, 1); }
static void P(overfill_with)(void *arena) {
    ELEMENT value = P(value)(1);
    P(alloc_slab_with)((struct PREFIX *)arena, &value, 1);
}
static void P(overfill_from)(void *arena) {
    ELEMENT value = P(value)(1);
    P(alloc_from)((struct PREFIX *)arena, &value);
}

/* A burst that is left closes the window: the next inline function finds no room, and asks the library. */
static void P(close_window)(struct PREFIX *arena, bool closes) {
    if (closes) (void)P(burst_begin)(arena);
}

/* Fills an empty arena of EACH_CAPACITY in every way there is; its first element.  `never`: its slabs are whatever was
 * there. */
static ELEMENT *P(fill)(struct PREFIX *arena, bool closes, bool never) {
    struct P(slab) slab;
    ELEMENT values[2] = {P(value)(7), P(value)(7)};
    P(close_window)(arena, closes);
    ELEMENT *base = P(alloc)(arena, P(value)(1));
    assert_int_equal((uintptr_t)base % P(type)()->align, 0);
    assert_true(P(is)(base, 1));
    P(close_window)(arena, closes);
    assert_ptr_equal(P(try_alloc)(arena, P(value)(2)), base + 1);
    assert_true(P(is)(base + 1, 2));
    P(close_window)(arena, closes);
    assert_ptr_equal(P(alloc_zero)(arena), base + 2);
    assert_true(P(is)(base + 2, 0));
    P(close_window)(arena, closes);
    assert_ptr_equal(P(try_alloc_zero)(arena), base + 3);
    assert_true(P(is)(base + 3, 0));
    assert_int_equal(P(used)(arena), 4);
    assert_int_equal(P(remaining)(arena), EACH_CAPACITY - 4);
    assert_int_equal(P(cap)(arena), EACH_CAPACITY);
    P(close_window)(arena, closes);
    slab = P(alloc_slab)(arena, 2);
    if (never) memset(slab.data, 0, 2 * sizeof(ELEMENT));
    assert_true(P(are)(slab, base + 4, 2, 0));
    P(close_window)(arena, closes);
    assert_true(P(try_alloc_slab)(arena, 2, &slab));
    if (never) memset(slab.data, 0, 2 * sizeof(ELEMENT));
    assert_true(P(are)(slab, base + 6, 2, 0));
    P(close_window)(arena, closes);
    assert_true(P(are)(P(alloc_slab_with)(arena, values, 2), base + 8, 2, 7));
    P(close_window)(arena, closes);
    assert_true(P(try_alloc_slab_with)(arena, values, 1, &slab) && P(are)(slab, base + 10, 1, 7));
    P(close_window)(arena, closes);
    assert_true(P(are)(P(alloc_slab_with)(arena, NULL, 1), base + 11, 1, 0)); /* whatever the policy */
    P(close_window)(arena, closes);
    assert_true(P(try_alloc_slab_with)(arena, NULL, 2, &slab) && P(are)(slab, base + 12, 2, 0));
    struct P(burst) burst = P(burst_begin)(arena);
    for (int i = 14; i < EACH_CAPACITY; i++) {
        assert_ptr_equal(P(burst_put)(&burst, P(value)((unsigned char)i)), base + i);
    }
    assert_null(P(burst_put)(&burst, P(value)(1)));
    P(burst_end)(arena, &burst);
    for (int i = 14; i < EACH_CAPACITY; i++) assert_true(P(is)(base + i, (unsigned char)i));

    assert_null(P(try_alloc)(arena, P(value)(1)));
    assert_null(P(try_alloc_zero)(arena));
    slab.data = base;
    slab.len = 5;
    assert_false(P(try_alloc_slab)(arena, 1, &slab));
    assert_true(slab.data == NULL && slab.len == 0);
    slab.len = 5;
    assert_false(P(try_alloc_slab_with)(arena, values, 1, &slab));
    assert_true(slab.data == NULL && slab.len == 0);
    assert_panics(P(overfill_alloc), arena, "arena_alloc");
    assert_panics(P(overfill_zero), arena, "arena_alloc");
    assert_panics(P(overfill_slab), arena, "arena_alloc_slab");
    assert_panics(P(overfill_with), arena, "arena_alloc_slab_with");
    assert_true(P(try_alloc_slab)(arena, 0, &slab) && slab.data != NULL && slab.len == 0);
    assert_true(P(try_alloc_slab_with)(arena, values, 0, &slab) && slab.data != NULL && slab.len == 0);
    assert_true(P(is)(base, 1) && P(is)(base + 1, 2) && P(is)(base + 10, 7));
    assert_int_equal(P(used)(arena), EACH_CAPACITY);
    assert_int_equal(P(remaining)(arena), 0);
    memset(base, 0xee, EACH_CAPACITY * sizeof(ELEMENT)); /* what the next generation must not see */
    return base;
}

struct P(access) {
    struct P(slab) slab;
    size_t index;
};

static void P(access_slab)(void *user) {
    struct P(access) *access = (struct P(access) *)user;
    (void)P(slab_at)(access->slab, access->index);
}

static void P(check_bounds)(struct PREFIX *arena) {
    static const size_t outside[] = {2, 3, (size_t)1 << 31, SIZE_MAX / sizeof(ELEMENT), SIZE_MAX - 1, SIZE_MAX};
    struct P(access) access = {P(alloc_slab)(arena, 2), 0};
    char text[80];
    struct P(access) empty = {P(alloc_slab)(arena, 0), 0}; /* it points somewhere, and has nothing all the same */
    assert_panics(P(access_slab), &empty, "length 0");
    for (access.index = 0; access.index < 2; access.index++) P(access_slab)(&access);
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++) {
        access.index = outside[i];
        snprintf(text, sizeof text, "slab index %zu is past its length 2", outside[i]);
        assert_panics(P(access_slab), &access, text);
        if (sizeof(size_t) < 8) continue;
        access.index = (size_t)((uint64_t)outside[i] << 32); /* nothing, in 32 bits */
        if (access.index >= 2) assert_panics(P(access_slab), &access, "length 2");
    }
}

struct P(closing) {
    struct PREFIX *arena;
    struct P(burst) burst;
};

static void P(put_more)(void *user) {
    struct P(closing) *closing = (struct P(closing) *)user;
    (void)P(burst_put)(&closing->burst, P(value)(1));
}
static void P(end_again)(void *user) {
    struct P(closing) *closing = (struct P(closing) *)user;
    P(burst_end)(closing->arena, &closing->burst);
}

static void P(check_ended_burst)(struct PREFIX *arena) {
    struct P(closing) closing = {arena, P(burst_begin)(arena)};
    assert_non_null(P(burst_put)(&closing.burst, P(value)(1)));
    P(burst_end)(arena, &closing.burst);
    assert_panics(P(put_more), &closing, "the burst is not open");
    assert_panics(P(end_again), &closing, "arena_burst_end");
    assert_int_equal(P(used)(arena), 1);
}

/* More than the library lends to a burst at once, than a slab of a few has, and than 16 bits count. */
static void P(each_many)(void) {
    size_t count = sizeof(ELEMENT) <= 16 ? 70000 : 280000 / sizeof(ELEMENT);
    struct PREFIX *arena = P(create)(3 * count);
    ELEMENT *values = (ELEMENT *)malloc(count * sizeof *values);
    struct P(slab) slab;
    assert_non_null(values);
    memset(values, 9, count * sizeof *values);
    struct P(burst) burst = P(burst_begin)(arena);
    ELEMENT *base = P(burst_put)(&burst, P(value)(0));
    for (size_t i = 1; i < count; i++) {
        if (P(burst_put)(&burst, P(value)((unsigned char)i)) != base + i) fail();
    }
    P(burst_end)(arena, &burst);
    for (size_t i = 0; i < count; i++) {
        if (!P(is)(base + i, (unsigned char)i)) fail();
    }
    slab = P(alloc_slab)(arena, count);
    assert_true(slab.data == base + count && slab.len == count && all_zero(slab.data, count * sizeof *values));
    assert_int_equal(P(used)(arena), 2 * count);
    P(reset)(arena);
    slab = P(alloc_slab_with)(arena, values, count);
    assert_true(slab.data == base && slab.len == count && memcmp(slab.data, values, count * sizeof *values) == 0);
    assert_true(P(try_alloc_slab_with)(arena, values, count, &slab));
    assert_true(slab.data == base + count && slab.len == count &&
                memcmp(slab.data, values, count * sizeof *values) == 0);
    assert_true(P(try_alloc_slab)(arena, count, &slab));
    assert_true(slab.data == base + 2 * count && slab.len == count && all_zero(slab.data, count * sizeof *values));
    assert_false(P(try_alloc_slab)(arena, count, &slab));
    assert_int_equal(P(remaining)(arena), 0);
    free(values);
    P(destroy)(arena);
}

/* Ten elements at `data`, each with its place for a number. */
static bool P(count_up)(struct P(slab) slab, const ELEMENT *data) {
    if (slab.data != data || slab.len != 10) return false;
    for (size_t i = 0; i < 10; i++) {
        if (!P(is)(data + i, (unsigned char)i)) return false;
    }
    return true;
}

#define TEN_VALUES                                                                                                     \
    P(value)                                                                                                           \
    (0), P(value)(1), P(value)(2), P(value)(3), P(value)(4), P(value)(5), P(value)(6), P(value)(7), P(value)(8),       \
        P(value)(9)

static void P(each_list)(void) {
    struct P(slab) slab;
    struct PREFIX *arena = P(create)(23);
    slab = EACH_SLAB_WITH(PREFIX, arena, P(value)(1));
    ELEMENT *base = slab.data;
    assert_true(P(are)(slab, base, 1, 1));
    P(close_window)(arena, true);
    assert_true(P(count_up)(EACH_SLAB_WITH(PREFIX, arena, TEN_VALUES), base + 1));
    P(close_window)(arena, true);
    assert_true(EACH_TRY_SLAB_WITH(PREFIX, arena, &slab, TEN_VALUES) && P(count_up)(slab, base + 11));
    assert_false(EACH_TRY_SLAB_WITH(PREFIX, arena, &slab, TEN_VALUES));
    assert_true(slab.data == NULL && slab.len == 0);
    assert_true(EACH_TRY_SLAB_WITH(PREFIX, arena, &slab, P(value)(2), P(value)(2)) && P(are)(slab, base + 21, 2, 2));
    assert_false(EACH_TRY_SLAB_WITH(PREFIX, arena, &slab, P(value)(2)));
    P(destroy)(arena);

    struct P(concurrent) *shared = P(concurrent_create)(32);
    slab = EACH_SLAB_WITH(P(concurrent), shared, P(value)(1));
    base = slab.data;
    assert_true(P(are)(slab, base, 1, 1));
    assert_true(P(count_up)(EACH_SLAB_WITH(P(concurrent), shared, TEN_VALUES), base + 1));
    assert_true(EACH_TRY_SLAB_WITH(P(concurrent), shared, &slab, TEN_VALUES) && P(count_up)(slab, base + 11));
    assert_int_equal(EACH_SLAB_WITH_CONTEXT(PREFIX, shared, NULL, &slab, TEN_VALUES), ARENA_OK);
    assert_true(P(count_up)(slab, base + 21));
    assert_false(EACH_TRY_SLAB_WITH(P(concurrent), shared, &slab, P(value)(2), P(value)(2)));
    assert_true(slab.data == NULL && slab.len == 0);
    assert_int_equal(EACH_SLAB_WITH_CONTEXT(PREFIX, shared, NULL, &slab, P(value)(2), P(value)(2)), ARENA_EFULL);
    assert_true(slab.data == NULL && slab.len == 0);
    assert_int_equal(EACH_SLAB_WITH_CONTEXT(PREFIX, shared, NULL, &slab, P(value)(2)), ARENA_OK);
    assert_true(P(are)(slab, base + 31, 1, 2));
    P(concurrent_destroy)(shared);
}

#undef TEN_VALUES

static void P(take_other)(void *raw) { (void)P(from_raw)((struct arena *)raw); }
static void P(take_other_concurrent)(void *raw) { (void)P(concurrent_from_raw)((struct arena_concurrent *)raw); }
static void P(take_other_pool)(void *raw) { (void)P(pool_from_raw)((struct arena_pool *)raw); }

static void P(each_raw)(void) {
    struct others *arena = others_create(1);
    struct others_concurrent *concurrent = others_concurrent_create(1);
    struct others_pool *pool = others_pool_create(1);
    assert_panics(P(take_other), others_raw(arena), "of struct other was given");
    assert_panics(P(take_other_concurrent), others_concurrent_raw(concurrent), "of struct other was given");
    assert_panics(P(take_other_pool), others_pool_raw(pool), "of struct other was given");
    assert_null(P(from_raw)(NULL));
    assert_null(P(concurrent_from_raw)(NULL));
    assert_null(P(pool_from_raw)(NULL));
    assert_int_equal(others_pool_destroy(pool), ARENA_OK);
    others_concurrent_destroy(concurrent);
    others_destroy(arena);
}

/* The spellings that copy from where a value lies, and those that return a status. */
static void P(each_other_spelling)(void) {
    ELEMENT value = P(value)(5);
    ELEMENT *slot = NULL;
    struct P(slab) slab;
    struct PREFIX *arena = P(create)(8);
    ELEMENT *base = P(alloc_from)(arena, &value);
    assert_true(P(is)(base, 5));
    P(close_window)(arena, true);
    assert_true(P(alloc_from)(arena, &value) == base + 1 && P(is)(base + 1, 5));
    assert_true(P(alloc_from)(arena, NULL) == base + 2 && P(is)(base + 2, 0));
    assert_true(P(try_alloc_from)(arena, &value) == base + 3 && P(is)(base + 3, 5));
    assert_true(P(try_alloc_from)(arena, NULL) == base + 4 && P(is)(base + 4, 0));
    assert_int_equal(P(alloc_checked)(arena, P(value)(6), &slot), ARENA_OK);
    assert_true(slot == base + 5 && P(is)(slot, 6));
    assert_int_equal(P(alloc_slab_checked)(arena, 1, &slab), ARENA_OK);
    assert_true(P(are)(slab, base + 6, 1, 0));
    assert_int_equal(P(alloc_slab_with_checked)(arena, &value, 1, &slab), ARENA_OK);
    assert_true(P(are)(slab, base + 7, 1, 5));
    assert_null(P(try_alloc_from)(arena, &value));
    assert_null(P(try_alloc_from)(arena, NULL));
    assert_panics(P(overfill_from), arena, "arena_alloc: arena of");
    assert_int_equal(P(alloc_checked)(arena, value, &slot), ARENA_EFULL);
    assert_null(slot);
    assert_int_equal(P(alloc_slab_checked)(arena, 1, &slab), ARENA_EFULL);
    assert_true(slab.data == NULL && slab.len == 0);
    slab.len = 5;
    assert_int_equal(P(alloc_slab_with_checked)(arena, &value, 1, &slab), ARENA_EFULL);
    assert_true(slab.data == NULL && slab.len == 0);
    assert_int_equal(P(alloc_checked)(arena, value, NULL), ARENA_EINVAL);
    assert_int_equal(P(trim_checked)(arena), ARENA_OK);
    each_dropped = 0;
    assert_int_equal(P(reset_checked)(arena), ARENA_OK);
    assert_int_equal(each_dropped, P(drops) ? 8 : 0);
    /* Marks, and what an arena says of itself. */
    assert_ptr_equal(P(alloc)(arena, P(value)(1)), base);
    struct arena_mark mark = P(mark)(arena);
    P(alloc_slab)(arena, 3);
    assert_ptr_equal(P(at)(arena, 3), base + 3);
    assert_null(P(at)(arena, 4));
    assert_true(P(owns)(arena, base + 3) && !P(owns)(arena, base + 4));
    struct arena_stats stats;
    stats.struct_size = sizeof stats;
    assert_int_equal(P(get_stats)(arena, &stats), ARENA_OK);
    assert_int_equal(stats.used_bytes, 4 * sizeof(ELEMENT));
    each_dropped = 0;
    P(rewind)(arena, mark);
    assert_int_equal(P(used)(arena), 1);
    EACH_SCRATCH_IN(arena) assert_ptr_equal(P(alloc)(arena, P(value)(2)), base + 1);
    assert_int_equal(P(used)(arena), 1);
    assert_int_equal(P(rewind_checked)(arena, mark), ARENA_OK);
    P(alloc_zero)(arena);
    assert_int_equal(P(rewind_end_checked)(arena, mark), ARENA_OK);
    assert_int_equal(P(rewind_checked)(arena, mark), ARENA_EINVAL);
    mark = P(mark)(arena);
    P(alloc_zero)(arena);
    P(rewind_end)(arena, mark);
    assert_int_equal(P(used)(arena), 1);
    assert_int_equal(each_dropped, P(drops) ? 6 : 0);
    P(reset)(arena);
    assert_int_equal(P(destroy_checked)(arena), ARENA_OK);
    assert_int_equal(P(destroy_checked)(NULL), ARENA_OK);

    size_t size_bytes = P(in_bytes)(2, NULL);
    if (support_checked()) size_bytes += 128 + alignof(ELEMENT); /* for its marks */
    void *memory = malloc(size_bytes);
    arena = P(create_in)(memory, size_bytes, NULL);
    assert_true(P(cap)(arena) >= 2);
    P(alloc)(arena, P(value)(1));
    P(destroy)(arena);
    assert_null(P(create_in)(memory, 1, NULL));
    free(memory);

    struct P(concurrent) *shared = P(concurrent_create)(2);
    slot = P(concurrent_alloc_from)(shared, &value);
    assert_true(P(is)(slot, 5));
    assert_true(P(concurrent_try_alloc_from)(shared, NULL) == slot + 1 && P(is)(slot + 1, 0));
    assert_null(P(concurrent_try_alloc_from)(shared, &value));
    struct PREFIX *held = NULL;
    struct PREFIX *none = arena;
    struct arena_permit permit;
    assert_int_equal(P(concurrent_try_acquire)(shared, &held), ARENA_OK);
    assert_int_equal(P(used)(held), 2);
    assert_int_equal(P(concurrent_try_acquire)(shared, &none), ARENA_EBUSY);
    assert_null(none);
    assert_int_equal(P(concurrent_trim_checked)(shared), ARENA_EBUSY);
    assert_int_equal(P(concurrent_destroy_checked)(shared), ARENA_EBUSY);
    assert_int_equal(P(concurrent_release_checked)(shared), ARENA_OK);
    assert_int_equal(P(concurrent_release_checked)(shared), ARENA_EINVAL);
    assert_int_equal(P(concurrent_trim_checked)(shared), ARENA_OK);
    assert_int_equal(P(concurrent_acquire_permit)(shared, NULL, &permit), ARENA_OK);
    P(reset)(P(from_raw)(permit.arena));
    assert_int_equal(P(concurrent_release_permit)(shared, &permit), ARENA_OK);
    assert_int_equal(P(concurrent_release_permit)(shared, &permit), ARENA_EINVAL);
    assert_int_equal(P(concurrent_try_acquire_permit)(shared, &permit), ARENA_OK);
    assert_int_equal(P(concurrent_release_permit)(shared, &permit), ARENA_OK);
    assert_int_equal(P(concurrent_used)(shared), 0);
    assert_int_equal(P(concurrent_destroy_checked)(shared), ARENA_OK);
}

static void P(each_single)(void) {
    size_t live = P(drops) ? EACH_CAPACITY : 0;
    for (uint32_t clear = ARENA_CLEAR_ON_RESET; clear <= ARENA_CLEAR_NEVER; clear++) {
        struct arena_options options = OPTIONS(clear, 0);
        struct PREFIX *arena = P(create_with)(EACH_CAPACITY, &options);
        if (clear == ARENA_CLEAR_NEVER && P(drops)) {
            assert_null(arena);
            continue;
        }
        for (int round = 0; round < 4; round++) {
            ELEMENT *base = P(fill)(arena, round % 2 != 0, clear == ARENA_CLEAR_NEVER);
            each_dropped = 0;
            P(reset)(arena);
            assert_int_equal(each_dropped, live);
            if (P(drops)) assert_ptr_equal(each_dropped_last, base);
            assert_int_equal(P(used)(arena), 0);
        }
        P(alloc)(arena, P(value)(1));
        each_dropped = 0;
        P(destroy)(arena);
        assert_int_equal(each_dropped, P(drops) ? 1 : 0);
    }
    struct PREFIX *arena = P(create)(EACH_CAPACITY);
    (void)P(fill)(arena, false, false);
    P(trim)(arena);
    assert_int_equal(P(used)(arena), EACH_CAPACITY);
    assert_ptr_equal(P(from_raw)(P(raw)(arena)), arena);
    assert_true(arena_type_equal(arena_type_of(P(raw)(arena)), P(type)()));
    assert_true(arena_type_of(P(raw)(arena))->drop == P(type)()->drop);
    assert_int_equal(P(type)()->size, sizeof(ELEMENT));
    assert_int_equal(P(type)()->align, alignof(ELEMENT));
    assert_true((P(type)()->drop != NULL) == P(drops));
    P(reset)(arena);
    P(check_ended_burst)(arena);
    P(check_bounds)(arena);
    P(destroy)(arena);
    P(destroy)(NULL);
    struct arena_options options = OPTIONS(ARENA_CLEAR_NEVER + 1, 0);
    assert_null(P(create_with)(1, &options));
    assert_null(P(create)(SIZE_MAX));
    assert_null(P(create)(SIZE_MAX / sizeof(ELEMENT) + (sizeof(ELEMENT) > 1)));
    arena = P(create)(0);
    assert_non_null(arena);
    assert_null(P(try_alloc)(arena, P(value)(1)));
    P(destroy)(arena);
}

/* --- concurrent --------------------------------------------------------------------------------------------------- */

static void P(overfill_shared)(void *arena) { P(concurrent_alloc)((struct P(concurrent) *)arena, P(value)(1)); }
static void P(overfill_shared_zero)(void *arena) { P(concurrent_alloc_zero)((struct P(concurrent) *)arena); }
static void P(overfill_shared_slab)(void *arena) { P(concurrent_alloc_slab)((struct P(concurrent) *)arena, 1); }
static void P(overfill_shared_with)(void *arena) {
    ELEMENT value = P(value)(1);
    P(concurrent_alloc_slab_with)((struct P(concurrent) *)arena, &value, 1);
}

static void P(fill_shared)(struct P(concurrent) * arena, struct arena_context *context, bool never) {
    struct P(slab) slab;
    ELEMENT values[2] = {P(value)(7), P(value)(7)};
    ELEMENT *slot = NULL;
    ELEMENT *base = P(concurrent_alloc)(arena, P(value)(1));
    assert_int_equal((uintptr_t)base % P(type)()->align, 0);
    assert_true(P(is)(base, 1));
    assert_ptr_equal(P(concurrent_try_alloc)(arena, P(value)(2)), base + 1);
    assert_true(P(is)(base + 1, 2));
    assert_ptr_equal(P(concurrent_alloc_zero)(arena), base + 2);
    assert_true(P(is)(base + 2, 0));
    assert_ptr_equal(P(concurrent_try_alloc_zero)(arena), base + 3);
    assert_true(P(is)(base + 3, 0));
    assert_int_equal(P(concurrent_used)(arena), 4);
    assert_int_equal(P(concurrent_remaining)(arena), EACH_CAPACITY - 4);
    assert_int_equal(P(concurrent_cap)(arena), EACH_CAPACITY);
    slab = P(concurrent_alloc_slab)(arena, 1);
    if (never) memset(slab.data, 0, sizeof(ELEMENT));
    assert_true(P(are)(slab, base + 4, 1, 0));
    assert_true(P(concurrent_try_alloc_slab)(arena, 1, &slab));
    if (never) memset(slab.data, 0, sizeof(ELEMENT));
    assert_true(P(are)(slab, base + 5, 1, 0));
    assert_true(P(are)(P(concurrent_alloc_slab_with)(arena, values, 2), base + 6, 2, 7));
    assert_true(P(concurrent_try_alloc_slab_with)(arena, values, 1, &slab) && P(are)(slab, base + 8, 1, 7));
    assert_true(P(concurrent_try_alloc_slab_with)(arena, NULL, 1, &slab) && P(are)(slab, base + 9, 1, 0));
    assert_int_equal(P(concurrent_alloc_context)(arena, context, P(value)(3), &slot), ARENA_OK);
    assert_true(slot == base + 10 && P(is)(slot, 3));
    assert_int_equal(P(concurrent_alloc_slab_context)(arena, context, 1, &slab), ARENA_OK);
    if (never) memset(slab.data, 0, sizeof(ELEMENT));
    assert_true(P(are)(slab, base + 11, 1, 0));
    assert_int_equal(P(concurrent_alloc_slab_with_context)(arena, context, values, 1, &slab), ARENA_OK);
    assert_true(P(are)(slab, base + 12, 1, 7));
    struct PREFIX *held = NULL;
    assert_int_equal(P(concurrent_acquire)(arena, context, &held), ARENA_OK);
    assert_ptr_equal(P(alloc)(held, P(value)(13)), base + 13);
    struct P(burst) burst = P(burst_begin)(held);
    for (int i = 14; i < EACH_CAPACITY; i++) {
        assert_ptr_equal(P(burst_put)(&burst, P(value)((unsigned char)i)), base + i);
    }
    P(burst_end)(held, &burst);
    assert_int_equal(P(used)(held), EACH_CAPACITY);
    assert_int_equal(P(concurrent_alloc_context)(arena, context, P(value)(3), &slot), ARENA_EBUSY);
    assert_null(slot);
    assert_int_equal(P(concurrent_reset_context)(arena, context), ARENA_EBUSY);
    P(concurrent_release)(arena);

    assert_int_equal(P(concurrent_alloc_context)(arena, context, P(value)(3), NULL), ARENA_EINVAL);
    assert_int_equal(P(concurrent_alloc_slab_context)(arena, context, 1, NULL), ARENA_EINVAL);
    assert_int_equal(P(concurrent_alloc_slab_with_context)(arena, context, values, 1, NULL), ARENA_EINVAL);
    assert_int_equal(P(concurrent_acquire)(arena, context, NULL), ARENA_EINVAL);
    assert_null(P(concurrent_try_alloc)(arena, P(value)(1)));
    assert_null(P(concurrent_try_alloc_zero)(arena));
    slab.len = 5;
    assert_false(P(concurrent_try_alloc_slab)(arena, 1, &slab));
    assert_true(slab.data == NULL && slab.len == 0);
    slab.len = 5;
    assert_false(P(concurrent_try_alloc_slab_with)(arena, values, 1, &slab));
    assert_true(slab.data == NULL && slab.len == 0);
    slot = base;
    assert_int_equal(P(concurrent_alloc_context)(arena, context, P(value)(3), &slot), ARENA_EFULL);
    assert_null(slot);
    slab.len = 5;
    assert_int_equal(P(concurrent_alloc_slab_context)(arena, context, 1, &slab), ARENA_EFULL);
    assert_true(slab.data == NULL && slab.len == 0);
    slab.len = 5;
    assert_int_equal(P(concurrent_alloc_slab_with_context)(arena, context, values, 1, &slab), ARENA_EFULL);
    assert_true(slab.data == NULL && slab.len == 0);
    assert_panics(P(overfill_shared), arena, "arena_concurrent_alloc");
    assert_panics(P(overfill_shared_zero), arena, "arena_concurrent_alloc");
    assert_panics(P(overfill_shared_slab), arena, "arena_concurrent_alloc_slab");
    assert_panics(P(overfill_shared_with), arena, "arena_concurrent_alloc_slab_with");
    P(concurrent_trim)(arena);
    assert_int_equal(P(concurrent_used)(arena), EACH_CAPACITY);
    assert_int_equal(P(concurrent_remaining)(arena), 0);
    for (int i = 13; i < EACH_CAPACITY; i++) assert_true(P(is)(base + i, (unsigned char)i));
    memset(base, 0xee, EACH_CAPACITY * sizeof(ELEMENT));
}

/* Nothing is done under a context that has ended. */
static void P(refuse_shared)(struct P(concurrent) * arena, struct arena_context *ended) {
    ELEMENT value = P(value)(1);
    ELEMENT *slot = &value;
    struct P(slab) slab = {&value, 1};
    struct PREFIX *held = (struct PREFIX *)(void *)&value;
    P(concurrent_alloc)(arena, value);
    assert_int_equal(P(concurrent_alloc_context)(arena, ended, value, &slot), ARENA_ECANCELED);
    assert_null(slot);
    assert_int_equal(P(concurrent_alloc_slab_context)(arena, ended, 1, &slab), ARENA_ECANCELED);
    assert_true(slab.data == NULL && slab.len == 0);
    slab.len = 1;
    assert_int_equal(P(concurrent_alloc_slab_with_context)(arena, ended, &value, 1, &slab), ARENA_ECANCELED);
    assert_true(slab.data == NULL && slab.len == 0);
    assert_int_equal(P(concurrent_acquire)(arena, ended, &held), ARENA_ECANCELED);
    assert_null(held);
    assert_int_equal(P(concurrent_reset_context)(arena, ended), ARENA_ECANCELED);
    assert_int_equal(P(concurrent_used)(arena), 1);
}

static void P(each_concurrent)(void) {
    size_t live = P(drops) ? EACH_CAPACITY : 0;
    struct arena_context *context = NULL;
    assert_int_equal(arena_context_with_cancel(NULL, &context), ARENA_OK);
    for (uint32_t clear = ARENA_CLEAR_ON_RESET; clear <= ARENA_CLEAR_NEVER; clear++) {
        struct arena_options options = OPTIONS(clear, ARENA_GATE_ONLY);
        struct P(concurrent) *arena = P(concurrent_create_with)(EACH_CAPACITY, &options);
        if (clear == ARENA_CLEAR_NEVER && P(drops)) {
            assert_null(arena);
            continue;
        }
        for (int round = 0; round < 3; round++) {
            P(fill_shared)(arena, context, clear == ARENA_CLEAR_NEVER);
            each_dropped = 0;
            if (round % 2 == 0) {
                P(concurrent_reset)(arena);
            } else {
                assert_int_equal(P(concurrent_reset_context)(arena, context), ARENA_OK);
            }
            assert_int_equal(each_dropped, live);
            assert_int_equal(P(concurrent_used)(arena), 0);
            assert_int_equal(P(concurrent_remaining)(arena), EACH_CAPACITY);
        }
        P(concurrent_destroy)(arena);
    }
    struct P(concurrent) *arena = P(concurrent_create)(EACH_CAPACITY);
    assert_ptr_equal(P(concurrent_from_raw)(P(concurrent_raw)(arena)), arena);
    arena_context_cancel(context);
    P(refuse_shared)(arena, context);
    arena_context_release(context);
    P(concurrent_destroy)(arena);
    P(concurrent_destroy)(NULL);
    assert_null(P(concurrent_create)(SIZE_MAX));
    arena = P(concurrent_create)(0);
    assert_non_null(arena);
    P(concurrent_destroy)(arena);
}

/* --- pool and context --------------------------------------------------------------------------------------------- */

static void P(fill_scratch)(struct PREFIX *arena, void *user) {
    (void)P(fill)(arena, false, false);
    ++*(int *)user;
}

static void P(each_pool)(void) {
    size_t live = P(drops) ? EACH_CAPACITY : 0;
    struct arena_options slots = OPTIONS(ARENA_CLEAR_ON_HANDOUT, 0);
    struct arena_pool_options options = {sizeof options, 1, 0, &slots};
    struct P(pool) *pool = P(pool_create_with)(EACH_CAPACITY, &options);
    int runs = 0;
    assert_int_equal(P(pool_arena_cap)(pool), EACH_CAPACITY);
    assert_int_equal(P(pool_arena_cap)(NULL), 0);
    each_dropped = 0;
    assert_int_equal(P(pool_execute)(pool, P(fill_scratch), &runs), ARENA_OK);
    assert_int_equal(P(pool_execute)(pool, P(fill_scratch), &runs), ARENA_OK);
    assert_int_equal(runs, 2);
    assert_int_equal(each_dropped, 2 * live);
    assert_int_equal(P(pool_execute)(pool, NULL, &runs), ARENA_EINVAL);
    struct PREFIX *arena = NULL;
    assert_int_equal(P(pool_checkout)(pool, &arena), ARENA_OK);
    assert_int_equal(P(pool_execute)(pool, P(fill_scratch), &runs), ARENA_EFULL); /* at its limit */
    struct PREFIX *none = arena;
    assert_int_equal(P(pool_checkout)(pool, &none), ARENA_EFULL);
    assert_null(none);
    assert_int_equal(P(pool_destroy)(pool), ARENA_EBUSY);
    (void)P(fill)(arena, true, false);
    P(pool_return)(pool, arena);
    struct arena_context *ended = NULL;
    assert_int_equal(arena_context_with_timeout(NULL, 0, &ended), ARENA_OK);
    none = arena;
    assert_int_equal(P(pool_checkout_context)(pool, ended, &none), ARENA_ETIMEDOUT);
    assert_null(none);
    arena_context_release(ended);
    assert_int_equal(P(pool_checkout_context)(pool, NULL, &arena), ARENA_OK);
    (void)P(fill)(arena, false, false);
    P(pool_return)(pool, arena);
    P(pool_return)(pool, NULL);
    assert_int_equal(P(pool_checkout)(pool, NULL), ARENA_EINVAL);
    assert_int_equal(P(pool_checkout_context)(pool, NULL, NULL), ARENA_EINVAL);
    runs = 0;
    assert_int_equal(P(pool_execute_context)(pool, NULL, P(fill_scratch), &runs), ARENA_OK);
    assert_int_equal(P(pool_execute_context)(pool, NULL, NULL, &runs), ARENA_EINVAL);
    assert_int_equal(runs, 1);
    struct arena_pool_scope scope;
    assert_int_equal(P(pool_scope_enter)(pool, &scope), ARENA_OK);
    P(alloc)(P(from_raw)(scope.arena), P(value)(1));
    arena_pool_scope_leave(&scope);
    assert_int_equal(P(pool_scope_enter_context)(pool, NULL, &scope), ARENA_OK);
    assert_int_equal(P(used)(P(from_raw)(scope.arena)), 0);
    arena_pool_scope_leave(&scope);
    assert_int_equal(P(pool_checkout)(pool, &arena), ARENA_OK);
    assert_ptr_equal(P(pool_of)(arena), pool);
    struct arena_pool_stats stats;
    stats.struct_size = sizeof stats;
    assert_int_equal(P(pool_get_stats)(pool, &stats), ARENA_OK);
    assert_int_equal(stats.out, 1);
    assert_int_equal(P(pool_return_checked)(pool, arena), ARENA_OK);
    assert_int_equal(P(pool_return_checked)(pool, arena), ARENA_EINVAL);
    assert_int_equal(P(pool_checkout)(pool, &arena), ARENA_OK);
    assert_int_equal(P(pool_claim)(arena), ARENA_OK);
    assert_int_equal(P(pool_return_checked)(pool, arena), ARENA_EINVAL);
    P(pool_return_claimed)(arena);
    P(pool_trim)(pool);
    assert_ptr_equal(P(pool_from_raw)(P(pool_raw)(pool)), pool);
    assert_int_equal(P(pool_destroy)(pool), ARENA_OK);
    assert_int_equal(P(pool_destroy)(NULL), ARENA_OK);
    assert_null(P(pool_create)(SIZE_MAX));
    pool = P(pool_create)(0);
    assert_non_null(pool);
    assert_int_equal(P(pool_destroy)(pool), ARENA_OK);
}

static void P(each_context)(void) {
    struct PREFIX *arena = P(create)(1);
    struct arena_context *context = NULL;
    struct arena_context *child = NULL;
    struct PREFIX *found = arena;
    assert_int_equal(P(extract)(NULL, &found), ARENA_ENOARENA);
    assert_null(found);
    assert_int_equal(P(inject)(NULL, arena, NULL), ARENA_EINVAL);
    assert_int_equal(P(inject)(NULL, arena, &context), ARENA_OK);
    assert_int_equal(P(extract)(context, &found), ARENA_OK);
    assert_ptr_equal(found, arena);
    assert_int_equal(P(extract)(context, NULL), ARENA_EINVAL);
    assert_int_equal(P(inject)(context, NULL, &child), ARENA_OK); /* hides it */
    assert_int_equal(P(extract)(child, &found), ARENA_ENOARENA);
    assert_null(found);
    arena_context_cancel(context);
    assert_int_equal(arena_context_status(child), ARENA_ECANCELED);
    arena_context_release(child);
    arena_context_release(context);
    P(destroy)(arena);
}

EACH_TEST(P(each)) {
    P(each_single)();
    P(each_other_spelling)();
    P(each_many)();
    P(each_list)();
    P(each_raw)();
    P(each_concurrent)();
    P(each_pool)();
    P(each_context)();
}

#undef DROPS
#undef ELEMENT
#undef PREFIX
#undef EACH_JOIN_
#undef EACH_JOIN
#undef P
