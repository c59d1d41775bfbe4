/* SPDX-License-Identifier: MIT */
/* Sharing: threads put what they find into one arena, and the main thread reads it when they are done. */
#include <arena/arena.h>

#include <pthread.h>
#include <stdio.h>

ARENA_DEFINE(primes, unsigned)

static struct primes_concurrent *found;
static _Atomic unsigned next = 2;

static void *search(void *user) {
    (void)user;
    for (unsigned n; (n = next++) < 1000;) {
        unsigned d = 2;
        while (d * d <= n && n % d != 0) d++;
        if (d * d > n && primes_concurrent_try_alloc(found, n) == NULL) break; /* full */
    }
    return NULL;
}

int main(void) {
    found = primes_concurrent_create(1000);
    if (found == NULL) return 1;
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        if (pthread_create(&threads[i], NULL, search, NULL) != 0) return 1;
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);

    /* The arena itself, for as long as this thread holds it: nobody else gets in. */
    struct primes *inside;
    if (primes_concurrent_acquire(found, NULL, &inside) != ARENA_OK) return 1;
    printf("%zu primes below 1000\n", primes_used(inside));
    primes_concurrent_release(found);
    primes_concurrent_destroy(found);
    return 0;
}
