/* SPDX-License-Identifier: MIT */
/* Contexts: cancellation, deadlines, the order of causes, what they carry, and how long they live. */
#include "support.h"

#include <arena/arena.h>

static struct arena_context *child_of(struct arena_context *parent) {
    GIVEN(arena_context, child, arena_context_with_cancel(parent, &child));
    assert_non_null(child);
    return child;
}

static struct arena_context *deadline_of(struct arena_context *parent, int64_t deadline_ns) {
    GIVEN(arena_context, child, arena_context_with_deadline(parent, deadline_ns, &child));
    assert_non_null(child);
    return child;
}

static struct arena_context *timeout_of(struct arena_context *parent, int64_t timeout_ns) {
    GIVEN(arena_context, child, arena_context_with_timeout(parent, timeout_ns, &child));
    assert_non_null(child);
    return child;
}

static struct arena_context *carrying(struct arena_context *parent, struct arena *arena) {
    GIVEN(arena_context, child, arena_inject(parent, arena, &child));
    assert_non_null(child);
    return child;
}

static struct arena *make(const struct arena_type *type) {
    GIVEN(arena, arena, arena_create(type, 1, &arena));
    return arena;
}

/* `child`, whose parent's own handle is given up: the child alone holds it. */
static struct arena_context *alone(struct arena_context *child, struct arena_context *parent) {
    arena_context_release(parent);
    return child;
}

/* The status of extracting `type`; checks that *out is NULL exactly after a failure. */
static int extract(struct arena_context *context, const struct arena_type *type, struct arena **found) {
    int anything = 0;
    *found = (struct arena *)(void *)&anything;
    int status = arena_extract(context, type, found);
    if (status == ARENA_OK) {
        assert_non_null(*found);
    } else {
        assert_null(*found);
    }
    return status;
}

enum { HOUR_S = 3600 };
static const int64_t hour_ns = (int64_t)HOUR_S * 1000000000;

/* --- background --------------------------------------------------------------------------------------------------- */

TEST(background_never_ends) {
    struct arena_context *background = arena_context_background();
    assert_non_null(background);
    assert_ptr_equal(arena_context_background(), background);
    arena_context_cancel(background);
    assert_int_equal(arena_context_status(background), ARENA_OK);
    for (int i = 0; i < 10; i++) arena_context_release(background);
    assert_ptr_equal(arena_context_retain(background), background);
    assert_int_equal(arena_context_status(background), ARENA_OK);
    struct arena *found = NULL;
    assert_int_equal(extract(background, ARENA_TYPE(int), &found), ARENA_ENOARENA);
    struct arena_context *child = child_of(background);
    arena_context_cancel(child);
    assert_int_equal(arena_context_status(background), ARENA_OK);
    arena_context_release(child);
}

TEST(null_means_the_background) {
    arena_context_cancel(NULL);
    assert_int_equal(arena_context_status(NULL), ARENA_OK);
    arena_context_release(NULL);
    struct arena_context *retained = arena_context_retain(NULL);
    assert_null(retained);
    assert_int_equal(arena_context_status(retained), ARENA_OK);
    struct arena *found = NULL;
    assert_int_equal(extract(NULL, ARENA_TYPE(int), &found), ARENA_ENOARENA);
    struct arena_context *contexts[] = {child_of(NULL), deadline_of(NULL, INT64_MAX), timeout_of(NULL, hour_ns),
                                        carrying(NULL, NULL)};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(arena_context_status(contexts[i]), ARENA_OK);
        arena_context_release(contexts[i]);
    }
}

TEST(missing_out_is_invalid) {
    assert_int_equal(arena_context_with_cancel(NULL, NULL), ARENA_EINVAL);
    assert_int_equal(arena_context_with_timeout(NULL, 1, NULL), ARENA_EINVAL);
    assert_int_equal(arena_context_with_deadline(NULL, 1, NULL), ARENA_EINVAL);
    assert_int_equal(arena_inject(NULL, NULL, NULL), ARENA_EINVAL);
    assert_int_equal(arena_extract(NULL, ARENA_TYPE(int), NULL), ARENA_EINVAL);
    struct arena *found = NULL;
    assert_int_equal(extract(NULL, NULL, &found), ARENA_EINVAL);
}

/* --- cancellation ------------------------------------------------------------------------------------------------- */

TEST(cancel_ends_a_context_for_good) {
    struct arena_context *context = child_of(NULL);
    assert_int_equal(arena_context_status(context), ARENA_OK);
    arena_context_cancel(context);
    assert_int_equal(arena_context_status(context), ARENA_ECANCELED);
    arena_context_cancel(context);
    assert_int_equal(arena_context_status(context), ARENA_ECANCELED);
    arena_context_release(context);
}

TEST(cancel_reaches_everything_below_and_nothing_above) {
    struct arena_context *root = child_of(NULL);
    struct arena_context *left = child_of(root);
    struct arena_context *right = carrying(root, NULL);
    struct arena_context *timed = timeout_of(left, hour_ns);
    struct arena_context *carrier = alone(carrying(timed, NULL), timed);
    struct arena_context *leaf = alone(child_of(carrier), carrier);
    struct arena_context *right_leaf = deadline_of(right, INT64_MAX);
    arena_context_cancel(left);
    assert_int_equal(arena_context_status(root), ARENA_OK);
    assert_int_equal(arena_context_status(left), ARENA_ECANCELED);
    assert_int_equal(arena_context_status(leaf), ARENA_ECANCELED);
    assert_int_equal(arena_context_status(right), ARENA_OK);
    assert_int_equal(arena_context_status(right_leaf), ARENA_OK);
    arena_context_cancel(root);
    assert_int_equal(arena_context_status(root), ARENA_ECANCELED);
    assert_int_equal(arena_context_status(right), ARENA_ECANCELED);
    assert_int_equal(arena_context_status(right_leaf), ARENA_ECANCELED);
    arena_context_release(right_leaf);
    arena_context_release(right);
    arena_context_release(left);
    arena_context_release(root);
    assert_int_equal(arena_context_status(leaf), ARENA_ECANCELED);
    arena_context_release(leaf);
}

TEST(every_kind_of_context_can_be_cancelled) {
    struct arena_context *contexts[] = {child_of(NULL), deadline_of(NULL, INT64_MAX), timeout_of(NULL, hour_ns),
                                        carrying(NULL, NULL)};
    for (size_t i = 0; i < 4; i++) {
        arena_context_cancel(contexts[i]);
        assert_int_equal(arena_context_status(contexts[i]), ARENA_ECANCELED);
        arena_context_release(contexts[i]);
    }
}

TEST(child_of_an_ended_context_has_ended) {
    struct arena_context *cancelled = child_of(NULL);
    arena_context_cancel(cancelled);
    struct arena_context *expired = timeout_of(NULL, 0);
    struct arena_context *children[] = {child_of(cancelled), timeout_of(cancelled, hour_ns), carrying(cancelled, NULL),
                                        child_of(expired),   timeout_of(expired, hour_ns),   carrying(expired, NULL)};
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(arena_context_status(children[i]), i < 3 ? ARENA_ECANCELED : ARENA_ETIMEDOUT);
        arena_context_release(children[i]);
    }
    struct arena_context *late = timeout_of(cancelled, -1); /* its own deadline has passed too, and comes second */
    assert_int_equal(arena_context_status(late), ARENA_ECANCELED);
    arena_context_release(late);
    arena_context_release(cancelled);
    arena_context_release(expired);
}

/* --- deadlines ---------------------------------------------------------------------------------------------------- */

TEST(clock_is_monotonic) {
    int64_t before = arena_clock_now();
    assert_true(before >= 0);
    for (int i = 0; i < 1000; i++) {
        int64_t now = arena_clock_now();
        assert_true(now >= before);
        before = now;
    }
    sleep_ms(2);
    assert_true(arena_clock_now() - before >= 1000000); /* nanoseconds */
}

TEST(timeouts_of_zero_or_less_have_passed) {
    static const int64_t timeouts[] = {0, -1, -1000000000, INT64_MIN + 1, INT64_MIN};
    for (size_t i = 0; i < sizeof timeouts / sizeof timeouts[0]; i++) {
        struct arena_context *context = timeout_of(NULL, timeouts[i]);
        assert_int_equal(arena_context_status(context), ARENA_ETIMEDOUT);
        arena_context_release(context);
    }
}

TEST(deadlines_in_the_past_have_passed) {
    const int64_t deadlines[] = {arena_clock_now(), arena_clock_now() - 1, 0, -1, INT64_MIN};
    for (size_t i = 0; i < sizeof deadlines / sizeof deadlines[0]; i++) {
        struct arena_context *context = deadline_of(NULL, deadlines[i]);
        assert_int_equal(arena_context_status(context), ARENA_ETIMEDOUT);
        arena_context_release(context);
    }
}

TEST(sums_saturate) {
    static const int64_t timeouts[] = {INT64_MAX, INT64_MAX - 1, INT64_MAX / 2, INT64_MAX - 1000000000};
    for (size_t i = 0; i < sizeof timeouts / sizeof timeouts[0]; i++) {
        struct arena_context *context = timeout_of(NULL, timeouts[i]);
        assert_int_equal(arena_context_status(context), ARENA_OK);
        struct arena_context *child = timeout_of(context, INT64_MAX);
        assert_int_equal(arena_context_status(child), ARENA_OK);
        arena_context_release(child);
        arena_context_release(context);
        context = deadline_of(NULL, timeouts[i]);
        assert_int_equal(arena_context_status(context), ARENA_OK);
        arena_context_release(context);
    }
}

TEST(deadline_ends_a_context_and_not_before) {
    int64_t deadline = arena_clock_now() + 5000000;
    struct arena_context *context = deadline_of(NULL, deadline);
    struct arena_context *between = child_of(context);
    struct arena_context *below = alone(child_of(between), between);
    int status;
    int64_t seen;
    do {
        status = arena_context_status(below);
        seen = arena_clock_now();
        assert_true(status == ARENA_OK || seen >= deadline);
    } while (status == ARENA_OK && seen < deadline + 60000000000);
    assert_int_equal(status, ARENA_ETIMEDOUT);
    assert_int_equal(arena_context_status(context), ARENA_ETIMEDOUT);
    arena_context_release(below);
    arena_context_release(context);
}

TEST(timeout_ends_a_context_and_not_before) {
    for (int64_t timeout_ns = 100000; timeout_ns <= 3200000; timeout_ns *= 2) {
        int64_t earliest = arena_clock_now() + timeout_ns;
        struct arena_context *context = timeout_of(NULL, timeout_ns);
        AWAIT(arena_context_status(context) != ARENA_OK);
        assert_int_equal(arena_context_status(context), ARENA_ETIMEDOUT);
        assert_true(arena_clock_now() >= earliest);
        arena_context_release(context);
    }
}

TEST(earlier_of_own_and_parents_deadline_counts) {
    struct arena_context *parent = timeout_of(NULL, 3000000);
    struct arena_context *child = timeout_of(parent, hour_ns);
    struct arena_context *early = timeout_of(parent, 0);
    assert_int_equal(arena_context_status(early), ARENA_ETIMEDOUT);
    AWAIT(arena_context_status(child) == ARENA_ETIMEDOUT);
    assert_int_equal(arena_context_status(parent), ARENA_ETIMEDOUT);
    arena_context_release(early);
    arena_context_release(child);
    arena_context_release(parent);
}

TEST(parent_does_not_see_a_childs_end) {
    struct arena_context *parent = timeout_of(NULL, hour_ns);
    struct arena_context *child = timeout_of(parent, 0);
    struct arena_context *sibling = child_of(parent);
    assert_int_equal(arena_context_status(child), ARENA_ETIMEDOUT);
    arena_context_cancel(child);
    assert_int_equal(arena_context_status(parent), ARENA_OK);
    assert_int_equal(arena_context_status(sibling), ARENA_OK);
    arena_context_release(sibling);
    arena_context_release(child);
    arena_context_release(parent);
}

TEST(first_cause_stays) {
    /* Cancelled first: the deadline that passes later changes nothing. */
    int64_t deadline = arena_clock_now() + 20000000;
    struct arena_context *context = deadline_of(NULL, deadline);
    arena_context_cancel(context);
    bool in_time = arena_clock_now() < deadline;
    AWAIT(arena_clock_now() > deadline);
    if (in_time) assert_int_equal(arena_context_status(context), ARENA_ECANCELED);
    arena_context_release(context);
    /* The deadline first, though nobody looked in between. */
    context = timeout_of(NULL, 0);
    arena_context_cancel(context);
    assert_int_equal(arena_context_status(context), ARENA_ETIMEDOUT);
    arena_context_release(context);
    context = timeout_of(NULL, 1000000);
    int64_t after = arena_clock_now() + 1000000;
    AWAIT(arena_clock_now() > after);
    arena_context_cancel(context);
    assert_int_equal(arena_context_status(context), ARENA_ETIMEDOUT);
    arena_context_release(context);
}

/* --- what contexts carry ------------------------------------------------------------------------------------------ */

TEST(extract_of_none_or_another_type_fails) {
    struct arena *arena = make(ARENA_TYPE(int));
    struct arena_context *plain = child_of(NULL);
    struct arena_context *context = carrying(plain, arena);
    struct arena *found = NULL;
    const struct arena_type renamed = {"integer", sizeof(int), _Alignof(int), NULL};
    const struct arena_type larger = {"int", sizeof(int) * 2, _Alignof(int), NULL};
    const struct arena_type tighter = {"int", sizeof(int), _Alignof(int) * 2, NULL};
    assert_int_equal(extract(plain, ARENA_TYPE(int), &found), ARENA_ENOARENA); /* inject left the parent as it was */
    assert_int_equal(extract(context, ARENA_TYPE(char *), &found), ARENA_ENOARENA);
    assert_int_equal(extract(context, ARENA_TYPE(float), &found), ARENA_ENOARENA);
    assert_int_equal(extract(context, &renamed, &found), ARENA_ENOARENA);
    assert_int_equal(extract(context, &larger, &found), ARENA_ENOARENA);
    assert_int_equal(extract(context, &tighter, &found), ARENA_ENOARENA);
    arena_context_release(context);
    arena_context_release(plain);
    arena_destroy(arena);
}

static void drop_nothing(void *element, void *user) { (void)element, (void)user; }

/* A destructor is no part of what makes two types the same. */
TEST(extract_does_not_look_at_the_drop) {
    const struct arena_type dropped = {"int", sizeof(int), _Alignof(int), drop_nothing};
    struct arena *plain = make(ARENA_TYPE(int));
    struct arena *dropping = make(&dropped);
    struct arena_context *first = carrying(NULL, plain);
    struct arena_context *second = carrying(first, dropping);
    GIVEN(arena, found, extract(first, &dropped, &found));
    assert_ptr_equal(found, plain);
    assert_int_equal(extract(second, ARENA_TYPE(int), &found), ARENA_OK);
    assert_ptr_equal(found, dropping);
    arena_context_release(second);
    arena_context_release(first);
    arena_destroy(dropping);
    arena_destroy(plain);
}

TEST(null_arena_hides_every_type_above) {
    struct arena *ints = make(ARENA_TYPE(int));
    struct arena *doubles = make(ARENA_TYPE(double));
    struct arena *chars = make(ARENA_TYPE(char));
    struct arena_context *first = carrying(NULL, ints);
    struct arena_context *second = carrying(first, doubles);
    struct arena_context *hidden = carrying(second, NULL);
    struct arena_context *below = child_of(hidden);
    struct arena_context *nearer = carrying(below, chars);
    GIVEN(arena, found, extract(second, ARENA_TYPE(int), &found));
    assert_int_equal(extract(hidden, ARENA_TYPE(int), &found), ARENA_ENOARENA);
    assert_int_equal(extract(hidden, ARENA_TYPE(double), &found), ARENA_ENOARENA);
    assert_int_equal(extract(below, ARENA_TYPE(double), &found), ARENA_ENOARENA);
    assert_int_equal(extract(nearer, ARENA_TYPE(char), &found), ARENA_OK);
    assert_ptr_equal(found, chars);
    assert_int_equal(extract(nearer, ARENA_TYPE(int), &found), ARENA_ENOARENA);
    arena_context_release(nearer);
    arena_context_release(below);
    arena_context_release(hidden);
    arena_context_release(second);
    arena_context_release(first);
    arena_destroy(chars);
    arena_destroy(doubles);
    arena_destroy(ints);
}

/* The same type again and again, between others of its name: always the nearest of exactly that type, however far. */
TEST(nearest_of_many_of_one_type_is_found) {
    enum { DEPTH = 40 };
    const struct arena_type wanted = {"number", 4, 4, NULL};
    const struct arena_type namesakes[] = {{"number", 8, 4, NULL}, {"number", 4, 2, NULL}};
    struct arena *arenas[DEPTH];
    struct arena_context *contexts[DEPTH];
    for (int apart = 0; apart <= 20; apart++) { /* 0: the upper half is full of them, the lower has none */
        struct arena *nearest = NULL;
        for (int i = 0; i < DEPTH; i++) {
            bool is_wanted = apart == 0 ? i < DEPTH / 2 : i % apart == 0;
            arenas[i] = make(is_wanted ? &wanted : &namesakes[i % 2]);
            contexts[i] = carrying(i == 0 ? NULL : contexts[i - 1], arenas[i]);
            if (is_wanted) nearest = arenas[i];
            GIVEN(arena, found, extract(contexts[i], &wanted, &found));
            assert_ptr_equal(found, nearest);
        }
        for (int i = 0; i < DEPTH; i++) {
            arena_context_release(contexts[i]);
            arena_destroy(arenas[i]);
        }
    }
}

TEST(extract_reaches_through_many_injections) {
    enum { DEPTH = 64 };
    char names[DEPTH][16];
    struct arena *arenas[DEPTH];
    struct arena_context *contexts[DEPTH];
    struct arena_context *parent = NULL;
    for (int i = 0; i < DEPTH; i++) {
        snprintf(names[i], sizeof names[i], "type %d", i);
        arenas[i] = make(&(const struct arena_type){names[i], 4, 4, NULL});
        contexts[i] = carrying(parent, arenas[i]);
        parent = i % 2 ? contexts[i] : child_of(contexts[i]); /* with links between that carry nothing */
        if (i % 2 == 0) {
            arena_context_release(contexts[i]);
            contexts[i] = parent;
        }
    }
    for (int depth = 0; depth < DEPTH; depth++) {
        for (int i = 0; i < DEPTH; i++) {
            struct arena *found = NULL;
            const struct arena_type type = {names[i], 4, 4, NULL};
            assert_int_equal(extract(contexts[depth], &type, &found), i <= depth ? ARENA_OK : ARENA_ENOARENA);
            if (i <= depth) assert_ptr_equal(found, arenas[i]);
        }
    }
    struct arena_context *hidden = carrying(parent, NULL); /* the far ones too */
    struct arena_context *below = carrying(hidden, arenas[DEPTH - 1]);
    for (int i = 0; i < DEPTH - 1; i++) {
        struct arena *found = NULL;
        const struct arena_type type = {names[i], 4, 4, NULL};
        assert_int_equal(extract(hidden, &type, &found), ARENA_ENOARENA);
        assert_int_equal(extract(below, &type, &found), ARENA_ENOARENA);
    }
    arena_context_release(below);
    arena_context_release(hidden);
    for (int i = 0; i < DEPTH; i++) {
        arena_context_release(contexts[i]);
        arena_destroy(arenas[i]);
    }
}

TEST(ended_contexts_still_carry) {
    struct arena *arena = make(ARENA_TYPE(int));
    struct arena_context *root = child_of(NULL);
    struct arena_context *context = carrying(root, arena);
    struct arena_context *expired = timeout_of(context, 0);
    arena_context_cancel(root);
    assert_int_equal(arena_context_status(context), ARENA_ECANCELED);
    GIVEN(arena, found, extract(context, ARENA_TYPE(int), &found));
    assert_ptr_equal(found, arena);
    assert_int_equal(extract(expired, ARENA_TYPE(int), &found), ARENA_OK);
    assert_ptr_equal(found, arena);
    arena_context_release(expired);
    arena_context_release(context);
    arena_context_release(root);
    arena_destroy(arena);
}

TEST(contexts_do_not_own_arenas) {
    struct arena *arena = make(ARENA_TYPE(int));
    struct arena_context *context = carrying(NULL, arena);
    arena_context_release(context);
    assert_non_null(arena_try_alloc(arena, NULL));
    arena_destroy(arena);
}

/* --- lifetime ----------------------------------------------------------------------------------------------------- */

TEST(child_outlives_its_parents_handles) {
    struct arena *arena = make(ARENA_TYPE(int));
    struct arena_context *root = child_of(NULL);
    struct arena_context *middle = carrying(root, arena);
    struct arena_context *leaf = child_of(middle);
    arena_context_release(middle);
    arena_context_retain(root);
    arena_context_release(root);
    GIVEN(arena, found, extract(leaf, ARENA_TYPE(int), &found));
    assert_ptr_equal(found, arena);
    arena_context_cancel(root);
    assert_int_equal(arena_context_status(leaf), ARENA_ECANCELED);
    arena_context_release(root);
    assert_int_equal(extract(leaf, ARENA_TYPE(int), &found), ARENA_OK);
    arena_context_release(leaf);
    arena_destroy(arena);
}

/* --- depth and width ---------------------------------------------------------------------------------------------- */

struct deep {
    size_t depth;
    struct arena *arena;
    bool wrong;
};

static int add_level(struct arena_context *parent, size_t level, struct arena_context **out) {
    if (level % 3 == 1) return arena_context_with_timeout(parent, hour_ns, out);
    return arena_context_with_cancel(parent, out);
}

static void *live_deep(void *user) {
    struct deep *deep = user;
    struct arena_context *root = NULL;
    if (arena_inject(NULL, deep->arena, &root) != ARENA_OK) {
        deep->wrong = true;
        return NULL;
    }
    for (int round = 0; round < 2; round++) {
        struct arena_context *leaf = arena_context_retain(root);
        struct arena_context *middle = NULL;
        for (size_t i = 0; i < deep->depth; i++) {
            struct arena_context *child = NULL;
            if (add_level(leaf, i, &child) != ARENA_OK) deep->wrong = true;
            arena_context_release(leaf); /* the child alone holds it now */
            leaf = child;
            if (i == deep->depth / 2) middle = arena_context_retain(leaf);
        }
        struct arena *found = NULL;
        if (arena_context_status(leaf) != ARENA_OK) deep->wrong = true;
        if (arena_extract(leaf, ARENA_TYPE(int), &found) != ARENA_OK || found != deep->arena) deep->wrong = true;
        if (round == 0) {
            arena_context_cancel(middle);
            if (arena_context_status(leaf) != ARENA_ECANCELED) deep->wrong = true;
            if (arena_context_status(root) != ARENA_OK) deep->wrong = true;
            arena_context_release(middle);
            arena_context_release(leaf); /* the whole chain goes */
        } else {
            arena_context_release(leaf); /* the lower half goes */
            arena_context_cancel(root);
            if (arena_context_status(middle) != ARENA_ECANCELED) deep->wrong = true;
            arena_context_release(root);
            arena_context_release(middle); /* the rest */
        }
    }
    return NULL;
}

TEST(a_million_levels_live_on_a_small_stack) {
    struct deep deep = {support_rounds(1000000, 50000), make(ARENA_TYPE(int)), false};
    pthread_attr_t attributes;
    pthread_t thread;
    assert_int_equal(pthread_attr_init(&attributes), 0);
    size_t stack = support_slow() ? 512 * 1024 : 64 * 1024;
    if (stack < (size_t)PTHREAD_STACK_MIN) stack = (size_t)PTHREAD_STACK_MIN;
    assert_int_equal(pthread_attr_setstacksize(&attributes, stack), 0);
    assert_int_equal(pthread_create(&thread, &attributes, live_deep, &deep), 0);
    pthread_attr_destroy(&attributes);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_false(deep.wrong);
    arena_destroy(deep.arena);
}

TEST(a_parent_may_have_a_hundred_thousand_children) {
    size_t count = support_rounds(100000, 10000);
    struct arena_context *parent = child_of(NULL);
    struct arena_context **children = calloc(count, sizeof(struct arena_context *));
    assert_non_null(children);
    for (size_t i = 0; i < count; i++) children[i] = child_of(parent);
    for (size_t i = 0; i < count; i += 2) { /* every second one goes, from the middle */
        arena_context_release(children[i]);
        children[i] = NULL;
    }
    arena_context_cancel(parent);
    for (size_t i = 1; i < count; i += 2) assert_int_equal(arena_context_status(children[i]), ARENA_ECANCELED);
    for (size_t i = count - 1; i < count; i -= 2) arena_context_release(children[i]);
    free(children);
    arena_context_release(parent);
}

/* --- threads ------------------------------------------------------------------------------------------------------ */

enum { KEPT = 400 };

struct adder {
    struct arena_context *root;
    struct arena_context *kept[KEPT];
    size_t count;
};

static void add_children_until_cancelled(struct worker *self) {
    struct adder *adder = self->user;
    for (;;) {
        struct arena_context *child = NULL;
        struct arena_context *grandchild = NULL;
        if (arena_context_with_timeout(adder->root, hour_ns, &child) != ARENA_OK) self->status = 1;
        if (arena_context_with_cancel(child, &grandchild) != ARENA_OK) self->status = 1;
        flag_set(&self->reached, 1);
        bool ended = arena_context_status(grandchild) != ARENA_OK;
        if (ended && arena_context_status(adder->root) != ARENA_ECANCELED) self->status = 2;
        arena_context_release(child);
        adder->kept[adder->count++] = grandchild;
        if (ended) return;
        if (adder->count == KEPT) {
            for (size_t i = 0; i < KEPT / 2; i++) {
                arena_context_release(adder->kept[--adder->count]);
            }
        }
    }
}

TEST(cancel_beside_adding_children_misses_none) {
    enum { THREADS = 4 };
    static struct adder adders[THREADS];
    struct worker workers[THREADS];
    size_t rounds = support_rounds(150, 20);
    for (size_t round = 0; round < rounds; round++) {
        struct arena_context *root = child_of(NULL);
        for (unsigned i = 0; i < THREADS; i++) {
            memset(&adders[i], 0, sizeof adders[i]);
            adders[i].root = root;
            worker_start(&workers[i], add_children_until_cancelled, &adders[i], i);
        }
        for (unsigned i = 0; i < THREADS; i++) AWAIT(flag_get(&workers[i].reached));
        arena_context_cancel(root);
        workers_join(workers, THREADS);
        for (unsigned i = 0; i < THREADS; i++) {
            assert_int_equal(workers[i].status, 0);
            for (size_t k = 0; k < adders[i].count; k++) {
                assert_int_equal(arena_context_status(adders[i].kept[k]), ARENA_ECANCELED);
                arena_context_release(adders[i].kept[k]);
            }
        }
        arena_context_release(root);
    }
}

static void make_and_drop_children(struct worker *self) {
    struct arena_context *parent = self->user;
    size_t rounds = support_rounds(5000, 300);
    for (size_t i = 0; i < rounds; i++) {
        struct arena_context *child = NULL;
        if (arena_context_with_cancel(parent, &child) != ARENA_OK) self->status = 1;
        if (arena_context_status(child) != ARENA_OK) self->status = 2;
        arena_context_retain(parent);
        if (i % 3 == 0) arena_context_cancel(child);
        arena_context_release(child);
        arena_context_release(parent);
    }
    arena_context_release(parent);
}

TEST(children_come_and_go_on_many_threads) {
    enum { THREADS = 8 };
    struct worker workers[THREADS];
    struct arena_context *parent = child_of(NULL);
    for (unsigned i = 0; i < THREADS; i++) {
        worker_start(&workers[i], make_and_drop_children, arena_context_retain(parent), i);
    }
    arena_context_release(parent); /* the threads hold it */
    workers_join(workers, THREADS);
    for (unsigned i = 0; i < THREADS; i++) assert_int_equal(workers[i].status, 0);
}

int main(void) { return support_run("contexts"); }
