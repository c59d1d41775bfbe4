/* SPDX-License-Identifier: MIT */
/* A program that has ThreadSanitizer's functions, and the library is not built with it: every hand-over is told, and no
 * thread allocates without the gate.  Of AddressSanitizer's it has one alone, which is as good as none. */
#include "base/poison.h"
#include "base/race.h"

#include "../support.h"

#include <arena/arena.h>

#include <stdatomic.h>

void __asan_poison_memory_region(const volatile void *start, size_t size_bytes);

static atomic_int acquires;
static atomic_int releases;
static atomic_int poisons;
/* Of the only thread there is then. */
static void (*on_release)(void *object);
static void (*on_acquire)(void *object);

void __tsan_acquire(void *object) {
    acquires++;
    if (on_acquire != NULL) on_acquire(object);
}
void __tsan_release(void *object) {
    releases++;
    if (on_release != NULL) on_release(object);
}
void __asan_poison_memory_region(const volatile void *start, size_t size_bytes) {
    (void)start;
    (void)size_bytes;
    poisons++;
}

enum { EACH = 100 };

static void *allocate(void *arena) {
    for (int i = 0; i < EACH; i++) {
        int releases_before = releases;
        int acquires_before = acquires;
        if (arena_concurrent_try_alloc(arena, &i) == NULL) return arena;
        if (releases == releases_before || acquires == acquires_before) return arena;
    }
    return NULL;
}

static struct arena_context *ending; /* about to be cancelled */
static bool ended_untold;

static void look_for_the_end(void *object) {
    (void)object;
    if (arena_context_status(ending) != ARENA_OK) ended_untold = true;
}

/* Before anybody can see that a context has ended, it is told what came before the cancellation. */
TEST(cancellations_are_told_first) {
    GIVEN(arena_context, parent, arena_context_with_cancel(NULL, &parent));
    GIVEN(arena_context, child, arena_context_with_cancel(parent, &child));
    int releases_before = releases;
    ending = child;
    on_release = look_for_the_end;
    arena_context_cancel(parent);
    on_release = NULL;
    assert_true(releases - releases_before >= 2); /* of each of the two */
    assert_false(ended_untold);
    assert_int_equal(arena_context_status(child), ARENA_ECANCELED);
    arena_context_release(child);
    arena_context_release(parent);
}

TEST(every_allocation_is_told) {
    assert_true(race_watched());
    GIVEN(arena_concurrent, arena, arena_concurrent_create(ARENA_TYPE(int), 3 * EACH, &arena));
    pthread_t thread;
    void *failed;
    assert_int_equal(pthread_create(&thread, NULL, allocate, arena), 0);
    assert_null(allocate(arena));
    assert_int_equal(pthread_join(thread, &failed), 0);
    assert_null(failed);
    assert_int_equal(arena_concurrent_used(arena), 2 * EACH);
    arena_concurrent_destroy(arena);
}

/* What another thread could have before it is told of, it may have untold. */
static struct {
    struct arena_pool *pool;
    struct arena *returned;
    int told_of_arena;
    int told;  /* of all */
    int early; /* somebody could have had it */
} giving;

/* The arena that somebody could have now, or NULL; nothing of it is told. */
static struct arena *to_be_had(void) {
    struct arena *other = NULL;
    void (*release)(void *object) = on_release;
    void (*acquire)(void *object) = on_acquire;
    on_release = on_acquire = NULL;
    if (arena_pool_checkout(giving.pool, &other) == ARENA_OK) arena_pool_return(giving.pool, other);
    on_release = release;
    on_acquire = acquire;
    return other;
}

static void look_for_arena(void *object) {
    giving.told++;
    if (object != giving.returned) return;
    giving.told_of_arena++;
    giving.early += to_be_had() == giving.returned;
}

static void look_for_permit(void *object) {
    (void)object;
    giving.told++;
    giving.early += to_be_had() != NULL;
}

TEST(hand_overs_are_told_before_they_are_made) {
    for (size_t limit = 1; limit <= 2; limit++) {
        struct arena_pool_options options = {.struct_size = sizeof options, .max_arenas = limit};
        assert_int_equal(arena_pool_create_with(ARENA_TYPE(int), 4, &options, &giving.pool), ARENA_OK);
        assert_int_equal(arena_pool_checkout(giving.pool, &giving.returned), ARENA_OK);
        giving.told = giving.told_of_arena = giving.early = 0;
        on_release = limit == 1 ? look_for_permit : look_for_arena;
        arena_pool_return(giving.pool, giving.returned);
        on_release = NULL;
        assert_true(giving.told >= 2); /* of the arena, and of its place */
        if (limit == 2) assert_int_equal(giving.told_of_arena, 1);
        assert_int_equal(giving.early, 0);
        assert_int_equal(arena_pool_destroy(giving.pool), ARENA_OK);
    }
}

/* And what is taken, after: before, somebody else may still hold it. */
TEST(hand_overs_are_told_after_they_are_taken) {
    struct arena_pool_options options = {.struct_size = sizeof options, .max_arenas = 1};
    assert_int_equal(arena_pool_create_with(ARENA_TYPE(int), 4, &options, &giving.pool), ARENA_OK);
    giving.told = giving.early = 0;
    for (int round = 0; round < 2; round++) { /* the arena is made, and found */
        on_acquire = look_for_permit;
        assert_int_equal(arena_pool_checkout(giving.pool, &giving.returned), ARENA_OK);
        on_acquire = NULL;
        arena_pool_return(giving.pool, giving.returned);
    }
    assert_true(giving.told >= 3);
    assert_int_equal(giving.early, 0);
    assert_int_equal(arena_pool_destroy(giving.pool), ARENA_OK);
}

static void *take_there(void *pool) {
    struct arena *arena = NULL;
    if (arena_pool_checkout(pool, &arena) == ARENA_OK) arena_pool_return(pool, arena);
    return arena;
}

/* What one thread gives back is there for all, since the bracket around a cache tells nobody of it. */
TEST(threads_keep_no_arenas) {
    GIVEN(arena_pool, pool, arena_pool_create(ARENA_TYPE(int), 4, &pool));
    void *arena = take_there(pool);
    pthread_t thread;
    void *there = NULL;
    assert_int_equal(pthread_create(&thread, NULL, take_there, pool), 0);
    assert_int_equal(pthread_join(thread, &there), 0);
    assert_true(arena != NULL && there == arena);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

TEST(half_a_checker_is_none) {
    const int before = poisons;
    GIVEN(arena, arena, arena_create(ARENA_TYPE(int), 10, &arena));
    for (int i = 0; i < 10; i++) assert_non_null(arena_try_alloc(arena, &i));
    assert_null(arena_try_alloc(arena, NULL));
    arena_reset(arena);
    arena_destroy(arena);
    assert_int_equal(poison_active(), support_checked()); /* by Valgrind */
    if (!poison_active()) assert_int_equal(poisons, before);
}

/* Such an arena is cleared as those of one owner are, and stays behind its gate all the same. */
TEST(a_reset_behind_the_gate_opens_nothing) {
    struct arena *inside;
    const int value = 5;
    GIVEN(arena_concurrent, concurrent, arena_concurrent_create(ARENA_TYPE(int), 2000, &concurrent));
    for (size_t count = 1; count <= 2000; count *= 2000) { /* the short way, and the other */
        assert_int_equal(arena_concurrent_acquire(concurrent, NULL, &inside), ARENA_OK);
        (void)arena_alloc_slab(inside, count);
        arena_concurrent_release(concurrent);
        arena_concurrent_reset(concurrent);
        assert_null(arena_try_alloc(inside, &value));
        assert_null(arena_concurrent_try_alloc_slab(concurrent, 2001)); /* nor does what is refused */
        assert_null(arena_try_alloc(inside, &value));
    }
    arena_concurrent_destroy(concurrent);
}

int main(void) { return support_run("race"); }
