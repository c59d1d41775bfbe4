/* SPDX-License-Identifier: MIT */
/* Waits end: how long a caller is away whose context ends while another thread stands still in the middle of an
 * allocation.  The other thread stands before a value whose page arrives late. */
#include "measure.h"

#include <time.h>

#define BOTH_KINDS(flags) for (uint32_t flags = 0; flags <= ARENA_GATE_ONLY; flags += ARENA_GATE_ONLY)

static const struct arena_type block = {"block", LATE_BYTES, 8, NULL};
enum { CAPACITY = 1000 };

struct scene {
    struct arena_concurrent *arena;
    struct worker slow; /* allocates the late value */
    const void *late;
};

static void allocate_late(struct worker *self) {
    const struct scene *scene = self->user;
    void *first = arena_concurrent_try_alloc(scene->arena, NULL); /* from then on it may have a chunk of its own */
    self->pointer = first == NULL ? NULL : arena_concurrent_try_alloc(scene->arena, scene->late);
}

static void scene_begin(struct scene *scene, uint32_t flags) {
    const struct arena_options options = {.struct_size = sizeof options, .flags = flags};
    assert_int_equal(arena_concurrent_create_with(&block, CAPACITY, &options, &scene->arena), ARENA_OK);
    scene->late = late_begin();
    worker_start(&scene->slow, allocate_late, scene, 0);
    late_await();
}

/* The value arrives; the allocation comes to its end, and everything works. */
static void scene_end(struct scene *scene) {
    assert_true(late_stands()); /* all that was asked for above came back before */
    late_arrive();
    worker_join(&scene->slow);
    const char *value = scene->slow.pointer;
    assert_non_null(value);
    assert_true(value[0] == 'v' && value[LATE_BYTES - 1] == 'v');
    struct arena *held;
    assert_int_equal(arena_concurrent_acquire(scene->arena, NULL, &held), ARENA_OK);
    assert_int_equal(arena_used(held), 2);
    assert_int_equal(arena_remaining(held), CAPACITY - 2);
    arena_concurrent_release(scene->arena);
    arena_concurrent_destroy(scene->arena);
    late_end();
}

/* Each call that waits for others, with a context. */
static int acquire(struct scene *scene, struct arena_context *context) {
    struct arena *held;
    int status = arena_concurrent_acquire(scene->arena, context, &held);
    if (status == ARENA_OK) arena_concurrent_release(scene->arena);
    return status;
}
static int reset(struct scene *scene, struct arena_context *context) {
    return arena_concurrent_reset_context(scene->arena, context);
}
/* More than any chunk holds: others' have to be taken back for it. */
static int take_all(struct scene *scene, struct arena_context *context) {
    void *slab;
    return arena_concurrent_alloc_slab_context(scene->arena, context, CAPACITY - 3, &slab);
}

static int (*const calls[])(struct scene *scene, struct arena_context *context) = {acquire, reset, take_all};
enum { CALLS = sizeof calls / sizeof calls[0] };

static void a_deadline_ends_the_wait_for_a_half_done_allocation(void **state) {
    BOTH_KINDS(flags) {
        for (int i = 0; i < CALLS; i++) {
            struct scene scene;
            scene_begin(&scene, flags);
            struct arena_context *context;
            assert_int_equal(arena_context_with_timeout(NULL, 50000000, &context), ARENA_OK);
            int64_t before_ns = arena_clock_now();
            assert_int_equal(calls[i](&scene, context), ARENA_ETIMEDOUT);
            int64_t away_ms = (arena_clock_now() - before_ns) / 1000000;
            assert_true(away_ms >= 49 && away_ms < LATE_GIVES_UP_S * 1000 / 4);
            arena_context_release(context);
            scene_end(&scene);
        }
    }
}

struct waiting {
    struct scene *scene;
    struct arena_context *context;
    int call;
};

static void wait_for_it(struct worker *self) {
    struct waiting *waiting = self->user;
    self->status = calls[waiting->call](waiting->scene, waiting->context);
}

static void a_cancellation_ends_the_wait_for_a_half_done_allocation(void **state) {
    BOTH_KINDS(flags) {
        for (int i = 0; i < CALLS; i++) {
            struct scene scene;
            scene_begin(&scene, flags);
            struct waiting waiting = {&scene, NULL, i};
            assert_int_equal(arena_context_with_cancel(NULL, &waiting.context), ARENA_OK);
            struct worker worker;
            worker_start(&worker, wait_for_it, &waiting, 0);
            sleep_ms(30); /* it waits by then, as a rule */
            assert_false(flag_get(&worker.finished));
            arena_context_cancel(waiting.context);
            worker_join(&worker);
            assert_int_equal(worker.status, ARENA_ECANCELED);
            arena_context_release(waiting.context);
            scene_end(&scene);
        }
    }
}

/* Without a context, by pthread_cancel: the wait is a cancellation point, and the gate usable afterwards. */
static void a_thread_that_waits_for_a_half_done_allocation_can_be_cancelled(void **state) {
    if (!support_cancellable()) skip();
    BOTH_KINDS(flags) {
        struct scene scene;
        scene_begin(&scene, flags);
        struct waiting waiting = {&scene, NULL, 0};
        struct worker worker;
        worker_start(&worker, wait_for_it, &waiting, 0);
        sleep_ms(30);
        assert_false(flag_get(&worker.finished));
        assert_int_equal(pthread_cancel(worker.thread), 0);
        worker_join(&worker);
        assert_true(worker.cancelled);
        scene_end(&scene);
    }
}

/* The thread that waits with a context does not stop the others: they allocate, from chunks and through the gate. */
static void others_allocate_meanwhile(void **state) {
    struct scene scene;
    scene_begin(&scene, 0);
    void *mine = arena_concurrent_try_alloc(scene.arena, NULL);
    assert_non_null(mine);
    struct arena_context *context;
    assert_int_equal(arena_context_with_timeout(NULL, 20000000, &context), ARENA_OK);
    assert_int_equal(acquire(&scene, context), ARENA_ETIMEDOUT);
    for (int i = 0; i < 10; i++) assert_non_null(arena_concurrent_try_alloc(scene.arena, NULL));
    assert_true(late_stands());
    late_arrive();
    worker_join(&scene.slow);
    assert_non_null(scene.slow.pointer);
    assert_int_equal(arena_concurrent_used(scene.arena), 13);
    arena_context_release(context);
    arena_concurrent_destroy(scene.arena);
    late_end();
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_deadline_ends_the_wait_for_a_half_done_allocation),
        cmocka_unit_test(a_cancellation_ends_the_wait_for_a_half_done_allocation),
        cmocka_unit_test(a_thread_that_waits_for_a_half_done_allocation_can_be_cancelled),
        cmocka_unit_test(others_allocate_meanwhile),
    };
    return support_run("waits", tests);
}
