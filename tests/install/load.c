/* SPDX-License-Identifier: MIT */
/* Loads the shared library with dlopen, uses it from threads, unloads it while one of them still has an arena cached, and
 * loads it again.
 *
 *     load LIBRARY [gone]
 *     load all LIBRARY...     all of them at the same time
 */
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arena/arena.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

static int (*pool_create)(const struct arena_type *, size_t, struct arena_pool **);
static int (*pool_destroy)(struct arena_pool *);
static int (*pool_checkout)(struct arena_pool *, struct arena **);
static void (*pool_return)(struct arena_pool *, struct arena *);
static void *(*try_alloc)(struct arena *, const void *);

static struct arena_pool *pool;
static sem_t used, unloaded;

static void check(int condition, const char *text) {
    if (condition) return;
    fprintf(stderr, "load: %s: %s\n", text, dlerror());
    exit(1);
}

static void find(void *library, const char *name, void *function) {
    void *symbol = dlsym(library, name);
    check(symbol != NULL, name);
    memcpy(function, &symbol, sizeof symbol); /* C has no cast from an object pointer to a function's */
}

static void *open_library(const char *path) {
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    check(library != NULL, path);
    find(library, "arena_pool_create", &pool_create);
    find(library, "arena_pool_destroy", &pool_destroy);
    find(library, "arena_pool_checkout", &pool_checkout);
    find(library, "arena_pool_return", &pool_return);
    find(library, "arena_try_alloc", &try_alloc);
    return library;
}

/* Returns an arena into this thread's cache, which is emptied when the thread ends: after the library was closed. */
static void *work(void *user) {
    (void)user;
    struct arena *arena;
    int64_t value = 7;
    check(pool_checkout(pool, &arena) == ARENA_OK, "checkout");
    int64_t *slot = (int64_t *)try_alloc(arena, &value);
    check(slot != NULL && *slot == 7, "alloc");
    pool_return(pool, arena);
    sem_post(&used);
    while (sem_wait(&unloaded) != 0) {}
    return NULL;
}

/* What the heap has given out; 0: not known. */
static size_t heap_bytes(void) {
#ifdef __GLIBC__
#if __GLIBC_PREREQ(2, 33)
    return mallinfo2().uordblks;
#endif
#endif
    return 0;
}

/* A plugin that comes and goes leaves nothing of the thread that loads it. */
static void come_and_go(const char *path) {
    enum { ROUNDS = 40 };
    size_t before = 0;
    for (int round = 0; round < 2 * ROUNDS; round++) {
        if (round == ROUNDS) before = heap_bytes();
        void *library = open_library(path);
        const struct arena_type *(*type_bytes)(void);
        int (*create)(const struct arena_type *, size_t, struct arena **);
        void (*destroy)(struct arena *);
        find(library, "arena_type_bytes", &type_bytes);
        find(library, "arena_create", &create);
        find(library, "arena_destroy", &destroy);
        struct arena *arena;
        check(create(type_bytes(), 1000000, &arena) == ARENA_OK, "create");
        destroy(arena);
        check(dlclose(library) == 0, "close");
    }
    check(heap_bytes() < before + ROUNDS * (size_t)1024, "a plugin left memory behind");
}

/* Each of the copies is loaded beside the others, and has an arena in this thread's cache. */
static int use_all(char **paths) {
    const struct arena_type type = {.name = "int64_t", .size = sizeof(int64_t), .align = _Alignof(int64_t)};
    for (; *paths != NULL; paths++) {
        (void)open_library(*paths);
        struct arena *arena;
        check(pool_create(&type, 16, &pool) == ARENA_OK, "create");
        check(pool_checkout(pool, &arena) == ARENA_OK, "checkout");
        pool_return(pool, arena);
    }
    puts("all loaded");
    return 0;
}

int main(int argc, char **argv) {
    if (argc > 2 && strcmp(argv[1], "all") == 0) return use_all(argv + 2);
    check(argc == 2 || argc == 3, "usage: load LIBRARY [gone]");
    bool gone = argc == 3; /* what is unloaded is gone, and what it knew of the pool with it */
    sem_init(&used, 0, 0);
    sem_init(&unloaded, 0, 0);
    for (int round = 0; round < 3; round++) {
        void *library = open_library(argv[1]);
        const struct arena_type type = {.name = "int64_t", .size = sizeof(int64_t), .align = _Alignof(int64_t)};
        check(pool_create(&type, 16, &pool) == ARENA_OK, "create");
        pthread_t threads[2];
        for (int i = 0; i < 2; i++) check(pthread_create(&threads[i], NULL, work, NULL) == 0, "thread");
        for (int i = 0; i < 2; i++) {
            while (sem_wait(&used) != 0) {}
        }
        check(dlclose(library) == 0, "close");
        for (int i = 0; i < 2; i++) sem_post(&unloaded);
        for (int i = 0; i < 2; i++) check(pthread_join(threads[i], NULL) == 0, "join");
        if (gone) continue;
        library = open_library(argv[1]);
        check(pool_destroy(pool) == ARENA_OK, "destroy");
        check(dlclose(library) == 0, "close again");
    }
    if (gone) come_and_go(argv[1]);
    puts("loaded, used and unloaded");
    return 0;
}
