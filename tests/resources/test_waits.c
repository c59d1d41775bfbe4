/* SPDX-License-Identifier: MIT */
/* How long a caller with a deadline is away, while another thread stands still for seconds.  (What each call leaves
 * behind, without a look at the clock, is in ../test_waits.c.) */
#include "../late.h"
#include "measure.h"

#include <sys/mman.h>

#define BOTH_KINDS(flags) for (uint32_t flags = 0; flags <= ARENA_GATE_ONLY; flags += ARENA_GATE_ONLY)

enum { CAPACITY = 1 << 16, DEADLINE_MS = 50 };

static size_t page_bytes;

static struct arena_concurrent *make(uint32_t flags) {
    const struct arena_options options = {.struct_size = sizeof options, .flags = flags};
    GIVEN(arena_concurrent, arena, arena_concurrent_create_with(ARENA_TYPE(int64_t), CAPACITY, &options, &arena));
    return arena;
}

/* Each call that waits for others, with a context. */
static int acquire(struct arena_concurrent *arena, struct arena_context *context) {
    struct arena *held;
    int status = arena_concurrent_acquire(arena, context, &held);
    if (status == ARENA_OK) arena_concurrent_release(arena);
    return status;
}
static int take_all(struct arena_concurrent *arena, struct arena_context *context) {
    void *slab;
    return arena_concurrent_alloc_slab_context(arena, context, CAPACITY - page_bytes / 4, &slab);
}
static int (*const calls[])(struct arena_concurrent *arena, struct arena_context *context) = {
    acquire,
    arena_concurrent_reset_context,
    take_all,
};

/* The longest that one of the calls is away, whose deadline is in DEADLINE_MS; all of them have `wanted`. */
static int64_t longest_away_ms(struct arena_concurrent *arena, int wanted) {
    int64_t longest_ns = 0;
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        GIVEN(arena_context, context, arena_context_with_timeout(NULL, DEADLINE_MS * INT64_C(1000000), &context));
        int64_t before_ns = arena_clock_now();
        int status = calls[i](arena, context);
        int64_t away_ns = arena_clock_now() - before_ns;
        assert_int_equal(status, wanted);
        if (away_ns > longest_ns) longest_ns = away_ns;
        arena_context_release(context);
    }
    return longest_ns / 1000000;
}

/* --- beside an allocation under way ------------------------------------------------------------------------------- */

struct half {
    struct arena_concurrent *arena;
    char *slot; /* at the beginning of a page, and handed out next */
};

static void come_to_a_page(struct worker *self) {
    struct half *half = self->user;
    do {
        half->slot = (char *)arena_concurrent_try_alloc(half->arena, &(int64_t){7}) + 8;
    } while ((uintptr_t)half->slot % page_bytes != 0);
    flag_set(&self->reached, 1);
    (void)flag_wait(&self->go, 1);
    self->pointer = arena_concurrent_try_alloc(half->arena, &(int64_t){8});
}

TEST(beside_an_allocation_under_way) {
    BOTH_KINDS(flags) {
        struct half half = {make(flags), NULL};
        struct worker worker;
        worker_start(&worker, come_to_a_page, &half, 0);
        AWAIT(flag_get(&worker.reached));
        late_begin(half.slot);
        flag_set(&worker.go, 1);
        late_await();
        int64_t away_ms = longest_away_ms(half.arena, ARENA_ETIMEDOUT);
        assert_true(late_stands());
        late_end();
        worker_join(&worker);
        assert_ptr_equal(worker.pointer, half.slot);
        assert_true(DEADLINE_MS - 1 <= away_ms && away_ms < LATE_GIVES_UP_MS / 8);
        arena_concurrent_destroy(half.arena);
    }
}

/* --- beside a value that comes late ------------------------------------------------------------------------------- */

struct slow {
    struct arena_concurrent *arena;
    const void *value;
};

static void take_the_value(struct worker *self) {
    const struct slow *slow = self->user;
    self->pointer = arena_concurrent_try_alloc(slow->arena, slow->value);
}

/* Who waits for its own value holds nothing. */
TEST(beside_a_value_that_comes_late) {
    void *page = mmap(NULL, page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(page != MAP_FAILED);
    BOTH_KINDS(flags) {
        struct slow slow = {make(flags), page};
        struct worker worker;
        late_begin(page);
        worker_start(&worker, take_the_value, &slow, 0);
        late_await();
        int64_t away_ms = longest_away_ms(slow.arena, ARENA_OK);
        assert_true(late_stands());
        late_end();
        worker_join(&worker);
        assert_non_null(worker.pointer);
        assert_true(away_ms < LATE_GIVES_UP_MS / 8);
        arena_concurrent_destroy(slow.arena);
    }
    assert_int_equal(munmap(page, page_bytes), 0);
}

int main(void) {
    if (!measure_start()) return 77;
    page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    return support_run("waits");
}
