/* SPDX-License-Identifier: MIT */
/* Waits of the concurrent arena that have something slow in them: pages that arrive late, or never (late.h). */
#define _GNU_SOURCE

#include "late.h"
#include "support.h"

#include <arena/arena.h>

#include <sys/mman.h>

#define BOTH_KINDS(flags) for (uint32_t flags = 0; flags <= ARENA_GATE_ONLY; flags += ARENA_GATE_ONLY)

enum { CAPACITY = 1 << 16 };

static size_t page_bytes;

/* --- threads ------------------------------------------------------------------------------------------------------- */

static struct arena_concurrent *make(const struct arena_type *type, size_t capacity, uint32_t flags) {
    struct arena_options options = OPTIONS(ARENA_CLEAR_ON_RESET, flags);
    GIVEN(arena_concurrent, arena, arena_concurrent_create_with(type, capacity, &options, &arena));
    return arena;
}

static struct arena_context *timeout_ms(unsigned milliseconds) {
    GIVEN(arena_context, context, arena_context_with_timeout(NULL, (int64_t)milliseconds * 1000000, &context));
    return context;
}

/* Takes slots until the next one lies at the beginning of a page, which is sent away by the test; then takes that one. */
static void take_up_to_a_page(struct worker *self) {
    struct arena_concurrent *arena = self->user;
    char *slot;
    do {
        slot = arena_concurrent_try_alloc(arena, &(int64_t){7});
        self->count++;
    } while (((uintptr_t)slot + 8) % page_bytes != 0);
    self->pointer = slot + 8;
    flag_set(&self->reached, 1);
    if (!flag_wait(&self->go, 1)) return;
    int64_t *there = arena_concurrent_try_alloc(arena, &(int64_t){77});
    self->count++;
    if (there != self->pointer || *there != 77) self->status = 1;
    flag_set(&self->reached, 2);
    (void)flag_wait(&self->go, 2);
}

/* Has the worker come to the middle of an allocation. */
static void begin_half(struct worker *worker, struct arena_concurrent *arena) {
    worker_start(worker, take_up_to_a_page, arena, 0);
    AWAIT(flag_get(&worker->reached) == 1);
    late_begin(worker->pointer);
    flag_set(&worker->go, 1);
    late_await();
}

static void end_half(struct worker *worker) {
    late_end();
    AWAIT(flag_get(&worker->reached) == 2);
    flag_set(&worker->go, 2);
    worker_join(worker);
    assert_int_equal(worker->status, 0);
}

/* --- contexts that end --------------------------------------------------------------------------------------------- */

enum way { ACQUIRE, PERMIT, RESET, SLAB, WAYS };

static int operate(struct arena_concurrent *arena, struct arena_context *context, enum way way) {
    struct arena *held = NULL;
    struct arena_permit permit;
    void *slab = NULL;
    int status;
    switch (way) {
    case ACQUIRE:
        status = arena_concurrent_acquire(arena, context, &held);
        if ((held != NULL) != (status == ARENA_OK)) return 1;
        if (status == ARENA_OK) arena_concurrent_release(arena);
        return status;
    case PERMIT:
        status = arena_concurrent_acquire_permit(arena, context, &permit);
        if ((permit.arena != NULL) != (status == ARENA_OK)) return 1;
        return status == ARENA_OK ? arena_concurrent_release_permit(arena, &permit) : status;
    case RESET:
        return arena_concurrent_reset_context(arena, context);
    default: /* it is there, but for what lies in chunks */
        status = arena_concurrent_alloc_slab_context(arena, context, CAPACITY - page_bytes / 4, &slab);
        return (slab != NULL) == (status == ARENA_OK) ? status : 1;
    }
}

struct wait {
    struct arena_concurrent *arena;
    struct arena_context *context;
    enum way way;
};

static void operate_there(struct worker *self) {
    struct wait *wait = self->user;
    self->status = operate(wait->arena, wait->context, wait->way);
    flag_set(&self->reached, 1);
}

TEST(half_done_allocations_keep_no_context_waiting) {
    BOTH_KINDS(flags) {
        for (int way = 0; way < WAYS; way++) {
            if (way == SLAB && page_bytes > 16384) continue; /* then it fits above the chunk */
            struct arena_concurrent *arena = make(ARENA_TYPE(int64_t), CAPACITY, flags);
            struct worker half;
            begin_half(&half, arena);
            size_t used = half.count;
            bool beside = flags == 0 && !support_checked(); /* there are chunks */
            struct arena_context *timed = timeout_ms(20);
            assert_int_equal(operate(arena, timed, (enum way)way), ARENA_ETIMEDOUT);
            assert_int_equal(operate(arena, timed, (enum way)way), ARENA_ETIMEDOUT);
            arena_context_release(timed);

            struct wait wait = {arena, NULL, (enum way)way};
            assert_int_equal(arena_context_with_cancel(NULL, &wait.context), ARENA_OK);
            struct worker waiter;
            worker_start(&waiter, operate_there, &wait, 0);
            sleep_ms(10);
            assert_int_equal(flag_get(&waiter.reached), 0);
            arena_context_cancel(wait.context);
            worker_join(&waiter);
            assert_int_equal(waiter.status, ARENA_ECANCELED);
            arena_context_release(wait.context);

            struct arena *held = NULL;
            assert_int_equal(arena_concurrent_try_acquire(arena, &held), ARENA_EBUSY);
            assert_null(held);
            if (beside) { /* what ended in vain kept nothing */
                int64_t *mine = arena_concurrent_try_alloc(arena, &(int64_t){5});
                assert_true(mine != NULL && *mine == 5);
                used++;
            }
            end_half(&half);
            assert_int_equal(arena_concurrent_used(arena), used + 1);
            assert_int_equal(arena_concurrent_try_acquire(arena, &held), ARENA_OK);
            assert_int_equal(arena_used(held), used + 1);
            assert_int_equal(arena_remaining(held), CAPACITY - used - 1);
            arena_concurrent_release(arena);
            bool fits = way != SLAB || !beside; /* the slot above the chunk is in its way */
            assert_int_equal(operate(arena, NULL, (enum way)way), fits ? ARENA_OK : ARENA_EFULL);
            arena_concurrent_destroy(arena);
        }
    }
}

/* A thread that is cancelled while it waits for an allocation under way leaves the gate, and what it has taken back. */
TEST(killed_while_they_wait_for_an_allocation) {
    if (!support_cancellable()) skip();
    for (int way = 0; way < WAYS; way++) {
        if (way == SLAB && page_bytes > 16384) continue;
        struct arena_concurrent *arena = make(ARENA_TYPE(int64_t), CAPACITY, 0);
        struct worker half;
        begin_half(&half, arena);
        struct wait wait = {arena, NULL, (enum way)way};
        struct worker waiter;
        worker_start(&waiter, operate_there, &wait, 0);
        sleep_ms(10);
        assert_int_equal(pthread_cancel(waiter.thread), 0);
        worker_join(&waiter);
        assert_true(waiter.cancelled);
        if (!support_checked()) assert_non_null(arena_concurrent_try_alloc(arena, &(int64_t){5}));
        end_half(&half);
        size_t used = half.count + (support_checked() ? 0 : 1);
        assert_int_equal(arena_concurrent_used(arena), used);
        for (; used < CAPACITY; used++) assert_non_null(arena_concurrent_try_alloc(arena, NULL));
        assert_null(arena_concurrent_try_alloc(arena, NULL));
        arena_concurrent_destroy(arena);
    }
}

/* --- values that come late ----------------------------------------------------------------------------------------- */

struct late {
    struct arena_concurrent *arena;
    const char *value; /* ends where the page that is away ends, or begins before it */
    size_t size;
    int spelling;
};

enum { SPELLINGS = 5 };

static void *take_late(const struct late *late) {
    void *slot = NULL;
    switch (late->spelling) {
    case 0:
        return arena_concurrent_alloc(late->arena, late->value);
    case 1:
        return arena_concurrent_try_alloc(late->arena, late->value);
    case 2:
        return arena_concurrent_try_alloc_slab_with(late->arena, late->value, 1);
    case 3:
        return arena_concurrent_alloc_slab_with_context(late->arena, NULL, late->value, 3, &slot) == ARENA_OK ? slot
                                                                                                              : NULL;
    default:
        return arena_concurrent_alloc_context(late->arena, NULL, late->value, &slot) == ARENA_OK ? slot : NULL;
    }
}

static void take_late_there(struct worker *self) {
    const struct late *late = self->user;
    if (arena_concurrent_try_alloc(late->arena, NULL) == NULL) self->status = 1; /* a chunk, too */
    const char *slot = take_late(late);
    if (slot == NULL || memcmp(slot, late->value, late->size) != 0) self->status = 2;
}

static void take_late_and_leave(struct worker *self) {
    const struct late *late = self->user;
    if (arena_concurrent_try_alloc(late->arena, NULL) == NULL) self->status = 1;
    sigjmp_buf out;
    late_way_out = &out;
    if (sigsetjmp(out, 1) == 0) {
        (void)take_late(late);
        self->status = 2;
    }
    late_way_out = NULL;
    flag_set(&self->reached, 1);
    if (!flag_wait(&self->go, 1)) return;
    if (arena_concurrent_try_alloc(late->arena, NULL) == NULL) self->status = 3;
}

static const size_t sizes[] = {1, 4, 8, 12, 16, 24, 32, 64, 72, 200};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

/* Three pages, the one in the middle to be sent away. */
static char *map_value(void) {
    char *pages = mmap(NULL, 3 * page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(pages, MAP_FAILED);
    memset(pages, 0x5a, 3 * page_bytes);
    return pages;
}

TEST(values_that_come_late_keep_nobody_waiting) {
    char *pages = map_value();
    BOTH_KINDS(flags) {
        for (size_t i = 0; i < SIZES * SPELLINGS; i++) {
            struct arena_type type = {"late", sizes[i % SIZES], 1, NULL, 0, 0};
            struct arena_concurrent *arena = make(&type, CAPACITY, flags);
            struct late late = {arena, pages + page_bytes - (i % 2 == 0 ? 0 : type.size / 2), type.size,
                                (int)(i / SIZES)};
            late_begin(pages + page_bytes);
            struct worker worker;
            worker_start(&worker, take_late_there, &late, 0);
            late_await();
            GIVEN(arena, held, arena_concurrent_try_acquire(arena, &held));
            assert_int_equal(arena_used(held), 1);
            arena_concurrent_release(arena);
            arena_concurrent_reset(arena); /* without a context: nothing to wait for */
            void *all = arena_concurrent_alloc_slab(arena, CAPACITY - 3);
            assert_non_null(all);
            late_end();
            worker_join(&worker);
            assert_int_equal(worker.status, 0);
            assert_int_equal(arena_concurrent_used(arena), CAPACITY - 3 + (late.spelling == 3 ? 3 : 1));
            arena_concurrent_destroy(arena);
        }
    }
    assert_int_equal(munmap(pages, 3 * page_bytes), 0);
}

TEST(values_that_fault_may_be_left_by_siglongjmp) {
    char *pages = map_value();
    BOTH_KINDS(flags) {
        for (size_t i = 0; i < SIZES * SPELLINGS; i++) {
            struct arena_type type = {"gone", sizes[i % SIZES], 1, NULL, 0, 0};
            struct arena_concurrent *arena = make(&type, 1000, flags);
            struct late late = {arena, pages + page_bytes, type.size, (int)(i / SIZES)};
            late_begin(pages + page_bytes);
            struct worker worker;
            worker_start(&worker, take_late_and_leave, &late, 0);
            AWAIT(flag_get(&worker.reached));
            assert_int_equal(arena_concurrent_used(arena), 1);
            for (int n = 1; n < 999; n++) assert_non_null(arena_concurrent_try_alloc(arena, NULL));
            flag_set(&worker.go, 1);
            worker_join(&worker);
            assert_int_equal(worker.status, 0);
            assert_int_equal(arena_concurrent_used(arena), 1000);
            arena_concurrent_reset(arena);
            assert_int_equal(arena_concurrent_used(arena), 0);
            arena_concurrent_destroy(arena);
            late_end();
        }
    }
    assert_int_equal(munmap(pages, 3 * page_bytes), 0);
}

/* --- allocations that are left in the middle ------------------------------------------------------------------------ */

/* Where the arena's own memory faults, and where an asynchronous signal comes just then. */
static void leave_half(struct worker *self) {
    struct arena_concurrent *arena = self->user;
    char *slot;
    do {
        slot = arena_concurrent_try_alloc(arena, &(int64_t){7});
        self->count++;
    } while (((uintptr_t)slot + 8) % page_bytes != 0);
    self->pointer = slot + 8;
    flag_set(&self->reached, 1);
    if (!flag_wait(&self->go, 1)) return;
    sigjmp_buf out;
    late_way_out = &out;
    if (sigsetjmp(out, 1) == 0) {
        (void)arena_concurrent_try_alloc(arena, &(int64_t){77});
        self->status = 1;
    }
    late_way_out = NULL;
    flag_set(&self->reached, 2);
    if (!flag_wait(&self->go, 2)) return;
    if (self->index == 1) { /* comes again, by its chunk */
        if (arena_concurrent_try_alloc(arena, NULL) == NULL) self->status = 2;
        self->count++;
    } else if (self->index == 2) { /* by the gate */
        arena_concurrent_reset(arena);
        self->count = 0;
    } /* or ends */
}

TEST(allocations_left_in_the_middle_are_finished_by_their_thread) {
    if (support_checked()) skip(); /* no chunks; and the gate would stay held */
    for (unsigned how = 0; how < 3; how++) {
        struct arena_concurrent *arena = make(ARENA_TYPE(int64_t), CAPACITY, 0);
        struct worker worker;
        worker_start(&worker, leave_half, arena, how);
        AWAIT(flag_get(&worker.reached) == 1);
        late_begin(worker.pointer);
        flag_set(&worker.go, 1);
        AWAIT(flag_get(&worker.reached) == 2);
        late_end();
        struct arena_context *timed = timeout_ms(20);
        assert_int_equal(operate(arena, timed, ACQUIRE), ARENA_ETIMEDOUT);
        arena_context_release(timed);
        struct wait wait = {arena, NULL, ACQUIRE};
        struct worker waiter;
        worker_start(&waiter, operate_there, &wait, 0);
        sleep_ms(5);
        flag_set(&worker.go, 2);
        worker_join(&worker);
        worker_join(&waiter);
        assert_int_equal(worker.status, 0);
        assert_int_equal(waiter.status, ARENA_OK);
        assert_int_equal(arena_concurrent_used(arena), worker.count);
        for (size_t used = worker.count; used < CAPACITY; used++) {
            const int64_t *slot = arena_concurrent_try_alloc(arena, NULL);
            assert_true(slot != NULL && *slot == 0);
        }
        arena_concurrent_destroy(arena);
    }
}

/* destroy waits for nobody: it is the last call. */
TEST(arenas_with_allocations_left_in_the_middle_can_be_destroyed) {
    if (support_checked()) skip();
    struct arena_concurrent *arena = make(ARENA_TYPE(int64_t), CAPACITY, 0);
    struct worker worker;
    worker_start(&worker, leave_half, arena, 0);
    AWAIT(flag_get(&worker.reached) == 1);
    late_begin(worker.pointer);
    flag_set(&worker.go, 1);
    AWAIT(flag_get(&worker.reached) == 2);
    late_end();
    arena_concurrent_destroy(arena);
    flag_set(&worker.go, 2);
    worker_join(&worker);
}

int main(void) {
    page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    return support_run("waits");
}
