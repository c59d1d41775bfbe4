/* SPDX-License-Identifier: MIT */
#include "mhd/registry.h"

#include "mhd/exchange.h"

#include <stdint.h>

bool registry_init(struct registry *registry) {
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
    lock_leave(&bucket->lock);
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
