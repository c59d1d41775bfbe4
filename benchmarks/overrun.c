/* SPDX-License-Identifier: MIT */
/* How late a deadline is: one thread acquires a concurrent arena under a context, beside 16 that allocate from it all the
 * time.  Of the calls that their deadline ended, how long after it they returned: in chunks, with ARENA_GATE_ONLY, and,
 * for comparison, of a thread that only sleeps until then, beside the same 16.  In turns, so that the machine's other work
 * meets all three.
 *
 *     overrun [rounds] [deadline in ns]
 */
#include <arena/arena.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum way { CHUNKS, GATE_ONLY, ASLEEP, WAYS };
enum { THREADS = 16, CALLS = 100, CAPACITY = 1 << 22, PAUSE_NS = 200000 };

static const char *const names[] = {"chunks", "gate only", "asleep"};
static struct arena_concurrent *arena;
static atomic_bool stop;

static void *allocate(void *unused) {
    (void)unused;
    const int64_t value = 1;
    while (!atomic_load_explicit(&stop, memory_order_relaxed)) (void)arena_concurrent_try_alloc(arena, &value);
    return NULL;
}

static void sleep_until(int64_t when_ns) {
    const struct timespec when = {when_ns / 1000000000, when_ns % 1000000000};
    (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL);
}

/* One call; how late it was, or -1: it was in time. */
static int64_t call(enum way way, int64_t deadline_ns) {
    struct arena_context *context;
    struct arena *held;
    if (arena_context_with_deadline(NULL, deadline_ns, &context) != ARENA_OK) abort();
    int status = ARENA_ETIMEDOUT;
    if (way == ASLEEP) {
        sleep_until(deadline_ns);
    } else {
        status = arena_concurrent_acquire(arena, context, &held);
    }
    int64_t late_ns = arena_clock_now() - deadline_ns;
    if (status == ARENA_OK) {
        arena_reset(held);
        arena_concurrent_release(arena);
        late_ns = -1;
    }
    arena_context_release(context);
    return late_ns;
}

struct results {
    int64_t *late_ns;
    size_t count;
    size_t in_time;
};

static void round_of(enum way way, int64_t deadline_ns, struct results *results) {
    const struct arena_options options = {.struct_size = sizeof options,
                                          .flags = way == GATE_ONLY ? ARENA_GATE_ONLY : 0};
    pthread_t threads[THREADS];
    if (arena_concurrent_create_with(ARENA_TYPE(int64_t), CAPACITY, &options, &arena) != ARENA_OK) abort();
    atomic_store(&stop, false);
    for (int i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, allocate, NULL) != 0) abort();
    }
    for (int i = 0; i < CALLS; i++) {
        int64_t late_ns = call(way, arena_clock_now() + deadline_ns);
        if (late_ns < 0) {
            results->in_time++;
        } else {
            results->late_ns[results->count++] = late_ns;
        }
        sleep_until(arena_clock_now() + PAUSE_NS);
    }
    atomic_store(&stop, true);
    for (int i = 0; i < THREADS; i++) (void)pthread_join(threads[i], NULL);
    arena_concurrent_destroy(arena);
}

static int compare(const void *left, const void *right) {
    int64_t a = *(const int64_t *)left;
    int64_t b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

int main(int argc, char **argv) {
    const int rounds = argc > 1 ? atoi(argv[1]) : 20;
    const int64_t deadline_ns = argc > 2 ? atoll(argv[2]) : 1000000;
    struct results results[WAYS] = {{0}};
    for (int way = 0; way < WAYS; way++) {
        results[way].late_ns = calloc((size_t)rounds * CALLS, sizeof(int64_t));
        if (results[way].late_ns == NULL) abort();
    }
    for (int round = 0; round < rounds; round++) {
        for (int way = 0; way < WAYS; way++) round_of((enum way)way, deadline_ns, &results[way]);
    }
    printf("deadline %lld us; of the calls that it ended, us late:\n", (long long)deadline_ns / 1000);
    for (int way = 0; way < WAYS; way++) {
        const struct results *of = &results[way];
        qsort(of->late_ns, of->count, sizeof *of->late_ns, compare);
        printf("%-10s %6zu in time, %6zu ended", names[way], of->in_time, of->count);
        if (of->count != 0) {
            printf(": median %.0f, p90 %.0f, p99 %.0f, most %.0f", (double)of->late_ns[of->count / 2] / 1e3,
                   (double)of->late_ns[of->count * 9 / 10] / 1e3, (double)of->late_ns[of->count * 99 / 100] / 1e3,
                   (double)of->late_ns[of->count - 1] / 1e3);
        }
        printf("\n");
        free(of->late_ns);
    }
    return 0;
}
