/* SPDX-License-Identifier: MIT */
/* Relaxed throughout: counts, which order nothing. */
#include "metrics.h"

enum { BOUND_FIRST_US = 100 };

static void add(atomic_ullong *counter, unsigned long long more) {
    atomic_fetch_add_explicit(counter, more, memory_order_relaxed);
}

static unsigned long long get(const atomic_ullong *counter) {
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void metrics_note(struct metrics *metrics, unsigned status, bool whole, int64_t duration_ns) {
    unsigned long long duration_us = duration_ns < 0 ? 0 : (unsigned long long)duration_ns / 1000;
    add(&metrics->by_status[status < METRICS_STATUSES ? status : 0], 1);
    if (!whole) add(&metrics->cut_short, 1);
    unsigned long long bound_us = BOUND_FIRST_US;
    for (size_t i = 0; i < METRICS_BOUNDS; i++, bound_us *= 10)
        if (duration_us <= bound_us) add(&metrics->within[i], 1);
    add(&metrics->duration_us, duration_us);
    add(&metrics->count, 1);
}

unsigned long long metrics_hundred(const struct metrics *metrics, unsigned first) {
    unsigned long long sum = 0;
    for (unsigned status = first; status < first + 100; status++) sum += get(&metrics->by_status[status]);
    return sum;
}

/* Where it does not fit any more, `fits` becomes false. */
struct text {
    struct arena_buffer buffer;
    bool fits;
};

#define SAY(text, ...) ((text)->fits = (text)->fits && arena_buffer_try_printf(&(text)->buffer, __VA_ARGS__))

static void say_requests(struct text *text, const struct metrics *metrics) {
    SAY(text, "# HELP http_requests_total Requests that are over, by the status of their answer (0: there was none).\n"
              "# TYPE http_requests_total counter\n");
    for (unsigned status = 0; status < METRICS_STATUSES; status++) {
        unsigned long long count = get(&metrics->by_status[status]);
        if (count > 0) SAY(text, "http_requests_total{code=\"%u\"} %llu\n", status, count);
    }
    SAY(text,
        "# HELP http_requests_cut_short_total Requests whose client did not get the whole answer.\n"
        "# TYPE http_requests_cut_short_total counter\nhttp_requests_cut_short_total %llu\n",
        get(&metrics->cut_short));
    SAY(text, "# HELP http_request_duration_seconds From the head to the last byte.\n"
              "# TYPE http_request_duration_seconds histogram\n");
    double bound_s = (double)BOUND_FIRST_US / 1e6;
    for (size_t i = 0; i < METRICS_BOUNDS; i++) {
        SAY(text, "http_request_duration_seconds_bucket{le=\"%g\"} %llu\n", bound_s, get(&metrics->within[i]));
        bound_s *= 10;
    }
    unsigned long long count = get(&metrics->count);
    SAY(text, "http_request_duration_seconds_bucket{le=\"+Inf\"} %llu\n", count);
    SAY(text, "http_request_duration_seconds_sum %.6f\nhttp_request_duration_seconds_count %llu\n",
        (double)get(&metrics->duration_us) / 1e6, count);
}

static void say_one(struct text *text, const char *name, const char *kind, const char *help,
                    const struct metrics_pool *pools, const unsigned long long *values, size_t count) {
    SAY(text, "# HELP arena_pool_%s %s\n# TYPE arena_pool_%s %s\n", name, help, name, kind);
    for (size_t i = 0; i < count; i++) SAY(text, "arena_pool_%s{pool=\"%s\"} %llu\n", name, pools[i].name, values[i]);
}

enum { POOLS_MAX = 4 };

static void say_pools(struct text *text, const struct metrics_pool *pools, size_t count) {
    struct arena_pool_stats stats[POOLS_MAX];
    unsigned long long values[POOLS_MAX] = {0};
    if (count > POOLS_MAX) count = POOLS_MAX;
    for (size_t i = 0; i < count; i++) {
        stats[i] = (struct arena_pool_stats){.struct_size = sizeof(stats[i])};
        (void)!arena_pool_get_stats(pools[i].pool, &stats[i]); /* zero where it cannot be told */
    }
#define SAY_ONE(field, name, kind, help)                                                                               \
    do {                                                                                                               \
        for (size_t i = 0; i < count; i++) values[i] = stats[i].field;                                                 \
        say_one(text, name, kind, help, pools, values, count);                                                         \
    } while (0)
    SAY_ONE(out, "arenas_out", "gauge", "Arenas that are checked out.");
    SAY_ONE(peak_out, "arenas_out_peak", "gauge", "The most that were out at a time.");
    SAY_ONE(idle, "arenas_idle", "gauge", "Arenas that wait for the next request.");
    SAY_ONE(idle_bytes, "idle_bytes", "gauge", "Memory that idle arenas hold, at most.");
    SAY_ONE(made, "arenas_made_total", "counter", "Arenas that were made.");
    SAY_ONE(refusals, "refusals_total", "counter", "Arenas that were asked for and not to be had.");
#undef SAY_ONE
}

const char *metrics_text(const struct metrics *metrics, const struct metrics_pool *pools, size_t pool_count,
                         struct arena_bytes *arena) {
    struct text text = {{.arena = arena}, true};
    say_requests(&text, metrics);
    say_pools(&text, pools, pool_count);
    return text.fits ? arena_buffer_try_text(&text.buffer) : NULL;
}
