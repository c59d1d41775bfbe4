/* SPDX-License-Identifier: MIT */
/* What a context per request costs a server's threads: each makes a child, cancels and releases it, again and again; all
 * of one root, each of a root of its own, or of none.
 *
 * For 1 to 16 threads: wall-clock time over the operations of all threads, and processor time of one operation; medians
 * of interleaved rounds.  Between two operations each thread does some work of its own, as a request would.
 *
 *     contexts [operations per round] [work between two, in ns]
 */
#include <arena/arena.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum kind { ONE_ROOT, ROOT_EACH, NO_ROOT, KINDS };
enum { MOST_THREADS = 16, ROUNDS = 9 };

static const char *const names[] = {"one root", "a root each", "no root"};
static long operations = 200000;
static long work_ns = 0;

static int64_t clock_of(clockid_t clock) {
    struct timespec now;
    if (clock_gettime(clock, &now) != 0) abort();
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void work(void) {
    if (work_ns == 0) return;
    for (int64_t until = clock_of(CLOCK_MONOTONIC) + work_ns; clock_of(CLOCK_MONOTONIC) < until;) {}
}

struct runner {
    pthread_t thread;
    pthread_barrier_t *barrier;
    struct arena_context *root;
    enum kind kind;
    long count;
    int64_t cpu_ns;
};

static void must(int status) {
    if (status != ARENA_OK) abort();
}

static void *run(void *argument) {
    struct runner *self = argument;
    struct arena_context *parent = self->kind == ONE_ROOT ? self->root : NULL;
    if (self->kind == ROOT_EACH) must(arena_context_with_cancel(NULL, &parent));
    pthread_barrier_wait(self->barrier);
    int64_t began = clock_of(CLOCK_THREAD_CPUTIME_ID);
    for (long i = 0; i < self->count; i++) {
        struct arena_context *child;
        must(arena_context_with_cancel(parent, &child));
        work();
        arena_context_cancel(child);
        arena_context_release(child);
    }
    self->cpu_ns = clock_of(CLOCK_THREAD_CPUTIME_ID) - began;
    pthread_barrier_wait(self->barrier);
    if (self->kind == ROOT_EACH) arena_context_release(parent);
    return NULL;
}

struct cost {
    double wall_ns, cpu_ns;
};

static struct cost measure(enum kind kind, int threads) {
    struct runner runners[MOST_THREADS];
    pthread_barrier_t barrier;
    struct arena_context *root;
    must(arena_context_with_cancel(NULL, &root));
    if (pthread_barrier_init(&barrier, NULL, (unsigned)threads + 1) != 0) abort();
    long each = operations / threads;
    for (int i = 0; i < threads; i++) {
        runners[i] = (struct runner){.barrier = &barrier, .root = root, .kind = kind, .count = each};
        if (pthread_create(&runners[i].thread, NULL, run, &runners[i]) != 0) abort();
    }
    pthread_barrier_wait(&barrier);
    int64_t began = clock_of(CLOCK_MONOTONIC);
    pthread_barrier_wait(&barrier);
    struct cost cost = {.wall_ns = (double)(clock_of(CLOCK_MONOTONIC) - began) / (double)(each * threads)};
    for (int i = 0; i < threads; i++) {
        if (pthread_join(runners[i].thread, NULL) != 0) abort();
        cost.cpu_ns += (double)runners[i].cpu_ns / (double)(each * threads);
    }
    (void)pthread_barrier_destroy(&barrier);
    arena_context_release(root);
    return cost;
}

static int compare(const void *left, const void *right) {
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a > b) - (a < b);
}

int main(int argc, char **argv) {
    if (argc > 1) operations = strtol(argv[1], NULL, 10);
    if (argc > 2) work_ns = strtol(argv[2], NULL, 10);
    printf("threads %*s wall ns   cpu ns\n", 12, "");
    for (int threads = 1; threads <= MOST_THREADS; threads *= 2) {
        double wall[KINDS][ROUNDS];
        double cpu[KINDS][ROUNDS];
        for (int round = 0; round < ROUNDS; round++) {
            for (int kind = 0; kind < KINDS; kind++) {
                struct cost cost = measure((enum kind)kind, threads);
                wall[kind][round] = cost.wall_ns;
                cpu[kind][round] = cost.cpu_ns;
            }
        }
        for (int kind = 0; kind < KINDS; kind++) {
            qsort(wall[kind], ROUNDS, sizeof wall[kind][0], compare);
            qsort(cpu[kind], ROUNDS, sizeof cpu[kind][0], compare);
            printf("%7d %-12s %8.1f %8.1f\n", threads, names[kind], wall[kind][ROUNDS / 2], cpu[kind][ROUNDS / 2]);
        }
    }
    return 0;
}
