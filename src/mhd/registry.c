/* SPDX-License-Identifier: MIT */
/* The table of open exchanges, and the sweep of those that are overdue.  See registry.h. */
#include "mhd/registry.h"

#include "mhd/exchange.h"

#include <sys/socket.h>

bool registry_init(struct registry *registry) {
    atomic_u32_init(&registry->watched, 0);
    atomic_u64_init(&registry->live, 0);
    for (size_t i = 0; i < REGISTRY_BUCKETS; i++) {
        registry->buckets[i].first = NULL;
        if (!lock_init(&registry->buckets[i].lock)) {
            while (i-- > 0) lock_destroy(&registry->buckets[i].lock);
            return false;
        }
    }
    return true;
}

void registry_destroy(struct registry *registry) {
    for (size_t i = 0; i < REGISTRY_BUCKETS; i++) lock_destroy(&registry->buckets[i].lock);
}

struct registry_bucket *registry_bucket(struct registry *registry, const struct MHD_Connection *connection) {
    /* Multiplied by 2^64 over the golden ratio, the upper bits of an address spread well, whatever its alignment. */
    uint64_t hash = (uint64_t)(uintptr_t)connection * UINT64_C(0x9E3779B97F4A7C15);
    return &registry->buckets[(hash >> 32) % REGISTRY_BUCKETS];
}

void registry_add(struct exchange *exchange) {
    struct registry_bucket *bucket = exchange->bucket;
    lock_enter(&bucket->lock);
    exchange->previous = NULL;
    exchange->next = bucket->first;
    if (bucket->first != NULL) bucket->first->previous = exchange;
    bucket->first = exchange;
    lock_leave(&bucket->lock);
}

void registry_remove(struct exchange *exchange) {
    struct registry_bucket *bucket = exchange->bucket;
    lock_enter(&bucket->lock);
    if (exchange->next != NULL) exchange->next->previous = exchange->previous;
    if (exchange->previous != NULL) {
        exchange->previous->next = exchange->next;
    } else {
        bucket->first = exchange->next;
    }
    bool watched = exchange->sweep.at_ns != 0;
    lock_leave(&bucket->lock);
    if (watched) (void)atomic_u32_sub(&exchange->mhd->registry.watched, 1, relaxed);
}

struct exchange *registry_find(struct registry *registry, const struct MHD_Connection *connection,
                               const void *candidate) {
    if (candidate == NULL) return NULL;
    struct registry_bucket *bucket = registry_bucket(registry, connection);
    lock_enter(&bucket->lock);
    struct exchange *exchange = bucket->first;
    while (exchange != NULL && (exchange != candidate || exchange->key != connection)) exchange = exchange->next;
    lock_leave(&bucket->lock);
    return exchange;
}

struct exchange *registry_left_over(struct registry *registry, const struct MHD_Connection *connection) {
    struct registry_bucket *bucket = registry_bucket(registry, connection);
    lock_enter(&bucket->lock);
    struct exchange *exchange = bucket->first;
    while (exchange != NULL && exchange->key != connection) exchange = exchange->next;
    lock_leave(&bucket->lock);
    return exchange;
}

void registry_begin(struct exchange *exchange) {
    lock_enter(&exchange->bucket->lock);
    exchange->begun = true;
    lock_leave(&exchange->bucket->lock);
}

bool registry_busy(struct registry *registry) {
    for (size_t i = 0; i < REGISTRY_BUCKETS; i++) {
        struct registry_bucket *bucket = &registry->buckets[i];
        lock_enter(&bucket->lock);
        const struct exchange *exchange = bucket->first;
        while (exchange != NULL && !exchange->begun) exchange = exchange->next;
        lock_leave(&bucket->lock);
        if (exchange != NULL) return true;
    }
    return false;
}

/* relaxed, in all of these: a hint whether to look at all. */
struct overdue registry_watch(struct exchange *exchange, const struct overdue *overdue) {
    struct registry *registry = &exchange->mhd->registry;
    lock_enter(&exchange->bucket->lock);
    const struct overdue before = exchange->sweep;
    exchange->sweep = *overdue;
    lock_leave(&exchange->bucket->lock);
    if (before.at_ns == 0 && overdue->at_ns != 0) (void)atomic_u32_add(&registry->watched, 1, relaxed);
    if (before.at_ns != 0 && overdue->at_ns == 0) (void)atomic_u32_sub(&registry->watched, 1, relaxed);
    return before;
}

bool registry_watches(struct registry *registry) { return atomic_u32_load(&registry->watched, relaxed) != 0; }

/* Is it still the socket it was? */
static bool is_same_socket(const struct overdue *overdue) {
    return overdue->answered || (overdue->cookie != 0 && registry_socket_cookie(overdue->fd) == overdue->cookie);
}

uint64_t registry_socket_cookie(int fd) {
#ifdef SO_COOKIE
    uint64_t cookie = 0;
    socklen_t size = sizeof cookie;
    return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0 ? cookie : 0;
#else
    (void)fd;
    return 0;
#endif
}

/* While the lock is held the exchange is open, so libmicrohttpd has not closed its socket: it does so after the request
 * was told to be complete. */
static void sweep_bucket(struct registry_bucket *bucket, int64_t now_ns) {
    lock_enter(&bucket->lock);
    for (struct exchange *exchange = bucket->first; exchange != NULL; exchange = exchange->next) {
        if (exchange->sweep.at_ns == 0 || now_ns < exchange->sweep.at_ns || !is_same_socket(&exchange->sweep)) continue;
        atomic_u32_store(&exchange->overdue, 1, relaxed); /* read by the thread that takes this lock later */
        (void)shutdown(exchange->sweep.fd, SHUT_RDWR);
    }
    lock_leave(&bucket->lock);
}

void registry_sweep(struct registry *registry, int64_t now_ns) {
    if (!registry_watches(registry)) return;
    for (size_t i = 0; i < REGISTRY_BUCKETS; i++) sweep_bucket(&registry->buckets[i], now_ns);
}

struct exchange *registry_next(struct registry *registry, const struct exchange *previous) {
    struct registry_bucket *bucket = registry->buckets;
    if (previous != NULL) {
        if (previous->next != NULL) return previous->next;
        bucket = previous->bucket + 1;
    }
    for (; bucket < registry->buckets + REGISTRY_BUCKETS; bucket++) {
        if (bucket->first != NULL) return bucket->first;
    }
    return NULL;
}
