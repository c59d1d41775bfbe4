/* SPDX-License-Identifier: MIT */
/* arena-http-server: what happened so far, for /metrics (Prometheus' text format) and for the last words.
 *
 * Thread safety: any thread, without locks. */
#ifndef METRICS_H
#define METRICS_H

#include <arena/arena.h>
#include <arena/bytes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { METRICS_STATUSES = 600, METRICS_BOUNDS = 6 };

/* Begins zeroed. */
struct metrics {
    atomic_ullong by_status[METRICS_STATUSES]; /* answers, by status; 0: there was none */
    atomic_ullong cut_short;                   /* of them, those that the client did not get whole */
    atomic_ullong within[METRICS_BOUNDS];      /* how long they took, by the bounds in metrics.c */
    atomic_ullong duration_us;
    atomic_ullong count;
};

void metrics_note(struct metrics *metrics, unsigned status, bool whole, int64_t duration_ns);

/* The answers with a status from `first` on, a hundred of them. */
unsigned long long metrics_hundred(const struct metrics *metrics, unsigned first);

/* A pool and what it is called. */
struct metrics_pool {
    const char *name;
    const struct arena_pool *pool;
};

/* All of it as text.  NULL: the arena is full. */
const char *metrics_text(const struct metrics *metrics, const struct metrics_pool *pools, size_t pool_count,
                         struct arena_bytes *arena);

#endif
