/* SPDX-License-Identifier: MIT */
/* What is checked after each failure: the status is the one that the header promises, the result is NULL, and what the
 * failed call worked on is as it was.  What is checked at the end of each part: every element was dropped once, every
 * permit is back.  Calls that only lose speed (a thread without a cache, a waiter without a record) show no failure;
 * what they do must be right all the same.
 */
#include "scenario.h"

#include <arena/arena.h>

#include "core/slots.h"
#include "inject.h"

#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) wrong(__LINE__, #condition);                                                                 \
    } while (0)

static _Noreturn void wrong(int line, const char *condition) {
    (void)fprintf(stderr, "scenario.c:%d: not so: %s (first failure injected: %s)\n", line, condition,
                  inject_first() == NULL ? "none" : inject_first());
    _exit(1);
}

static char panic_message[160]; /* the last one */

/* Runs `call`, an int status, until it succeeds: a failure has to be `refusal`, twice in a row while the failures go on,
 * and has to leave `unchanged` true.  The retry finds resources. */
#define UNTIL_OK(call, refusal, unchanged)                                                                             \
    do {                                                                                                               \
        int status_ = (call);                                                                                          \
        for (int round_ = 0; status_ != ARENA_OK && round_ < 2; round_++) {                                            \
            CHECK(status_ == (refusal));                                                                               \
            CHECK(inject_failures() != 0);                                                                             \
            CHECK(unchanged);                                                                                          \
            status_ = (call);                                                                                          \
        }                                                                                                              \
        if (status_ == ARENA_OK) break;                                                                                \
        CHECK(unchanged);                                                                                              \
        inject_pause();                                                                                                \
        CHECK((call) == ARENA_OK);                                                                                     \
        inject_resume();                                                                                               \
    } while (0)

/* A create function's out: never left as it was, NULL exactly after a failure. */
#define CREATE(call, out) (*(out) = (void *)&poison, created((call), (out)))
static char poison;
static int created(int status, const void *out) {
    void *made;
    memcpy(&made, out, sizeof made);
    CHECK(made != &poison);
    CHECK((status == ARENA_OK) == (made != NULL));
    return status;
}

/* --- what an arena is like ---------------------------------------------------------------------------------------- */

struct picture {
    struct arena arena;
    uint64_t hash; /* of what is live */
};

static uint64_t hash_bytes(const void *start, size_t size_bytes) {
    const unsigned char *bytes = start;
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < size_bytes; i++) hash = (hash ^ bytes[i]) * 1099511628211u;
    return hash;
}

static struct picture picture_of(const struct arena *arena) {
    struct picture picture = {.hash = hash_bytes(arena->base, (size_t)(arena->head.cursor - arena->base))};
    memcpy(&picture.arena, arena, sizeof picture.arena);
    picture.arena.kinds = NULL; /* may have grown: nothing to see from outside */
    return picture;
}

static bool is_like(const struct arena *arena, const struct picture *picture) {
    struct picture now = picture_of(arena);
    return now.hash == picture->hash && memcmp(&now.arena, &picture->arena, sizeof now.arena) == 0;
}

static bool all_zero(const void *start, size_t size_bytes) {
    const unsigned char *bytes = start;
    for (size_t i = 0; i < size_bytes; i++) {
        if (bytes[i] != 0) return false;
    }
    return true;
}

/* --- single-owner arenas ------------------------------------------------------------------------------------------ */

struct wide {
    alignas(64) uint64_t words[9];
};
struct counted {
    uint32_t number;
};
static atomic_long live_counted;

static void drop_counted(void *element, void *user) {
    (void)user;
    const struct counted *counted = element;
    CHECK(counted->number == 0 || counted->number == 77);
    live_counted--;
}

static const struct arena_type int_type = {"int", sizeof(int), alignof(int), NULL};
static const struct arena_type wide_type = {"struct wide", sizeof(struct wide), 64, NULL};
static const struct arena_type page_type = {"page", 100, 4096, NULL};
static const struct arena_type counted_type = {"struct counted", sizeof(struct counted), alignof(struct counted),
                                               drop_counted};

/* Fills an empty arena in several ways, and takes all back. */
static void exercise(struct arena *arena) {
    const struct arena_type *type = arena_type_of(arena);
    size_t capacity = arena_cap(arena);
    unsigned char value[sizeof(struct wide)] = {77};
    CHECK(arena_used(arena) == 0 && type->size <= sizeof value + 16);
    for (int generation = 0; generation < 2; generation++) {
        long before = live_counted;
        size_t used = 0;
        if (capacity > 8) {
            unsigned char *slab = arena_try_alloc_slab(arena, 3);
            CHECK(slab != NULL && all_zero(slab, 3 * type->size));
            void *one = arena_try_alloc(arena, NULL);
            CHECK(one != NULL && all_zero(one, type->size));
            struct arena_burst burst;
            arena_burst_begin(arena, &burst);
            CHECK(type->size > sizeof value || arena_burst_put(&burst, value) != NULL);
            arena_burst_end(arena, &burst);
            used = type->size > sizeof value ? 4 : 5;
        }
        while (used < capacity && used < 40) {
            unsigned char *slot =
                type->size > sizeof value ? arena_try_alloc(arena, NULL) : arena_try_alloc(arena, value);
            CHECK(slot != NULL && (uintptr_t)slot % type->align == 0);
            slot[0] = 77;
            used++;
        }
        CHECK(arena_used(arena) == used && arena_remaining(arena) == capacity - used);
        if (type->drop != NULL) live_counted += (long)used;
        arena_trim(arena);
        CHECK(arena_used(arena) == used);
        arena_reset(arena);
        CHECK(live_counted == before);
        arena_trim(arena);
    }
}

static void single_arenas(void) {
    static const struct arena_options options[] = {
        {sizeof(struct arena_options), 0, 0},
        {sizeof(struct arena_options), ARENA_CLEAR_ON_HANDOUT, 0},
        {sizeof(struct arena_options), 0, ARENA_PREFAULT},
        {sizeof(struct arena_options), 0, ARENA_HUGE_PAGES},
        {sizeof(struct arena_options), ARENA_CLEAR_ON_HANDOUT, ARENA_HUGE_PAGES | ARENA_PREFAULT},
    };
    static const struct arena_type *const types[] = {&int_type, &wide_type, &page_type, &counted_type};
    static const size_t capacities[] = {0, 1, 60, (size_t)3 << 18};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        for (size_t j = 0; j < sizeof capacities / sizeof capacities[0]; j++) {
            const struct arena_options *with = &options[(i + j) % (sizeof options / sizeof options[0])];
            /* Nothing is worth prefaulting gigabytes. */
            if ((with->flags & ARENA_PREFAULT) != 0 && j == 3 && types[i]->size > 4) with = &options[1];
            struct arena *arena;
            UNTIL_OK(CREATE(arena_create_with(types[i], capacities[j], with, &arena), &arena), ARENA_ENOMEM, true);
            exercise(arena);
            arena_destroy(arena);
        }
    }
}

/* --- byte arenas -------------------------------------------------------------------------------------------------- */

static long cleaned;
static void clean(void *user) {
    CHECK(*(char *)user == 7);
    cleaned++;
}

enum take { TAKE_ALLOC, TAKE_RAW, TAKE_REALLOC, TAKE_PRINTF, TAKE_DEFER, TAKE_PUSH, TAKE_APPEND, TAKES };

struct grown {
    struct arena_bytes *arena;
    char *block;
    size_t size;
    struct {
        uint64_t *data;
        size_t len, cap;
    } vector;
    struct arena_buffer buffer;
};

/* Takes more, in some way.  ARENA_ENOMEM: there was nothing. */
static int take_more(struct grown *grown, enum take way, size_t size) {
    static const char text[64] = "0123456789";
    void *block = NULL;
    switch (way) {
    case TAKE_ALLOC: {
        int status = arena_bytes_alloc_checked(grown->arena, size, 64, &block);
        CHECK((block == NULL) == (status != ARENA_OK));
        CHECK(block == NULL || all_zero(block, size));
        return status;
    }
    case TAKE_RAW:
        block = arena_bytes_try_alloc_raw(grown->arena, size, 4096);
        break;
    case TAKE_REALLOC:
        block = arena_bytes_try_realloc(grown->arena, grown->block, grown->size, grown->size + size, 1);
        if (block == NULL) break;
        CHECK(*(char *)block == 7 && all_zero((char *)block + grown->size, size));
        grown->block = block;
        grown->size += size;
        break;
    case TAKE_PRINTF:
        block = arena_bytes_try_printf(grown->arena, "%*s", (int)size, text);
        CHECK(block == NULL || strlen(block) == (size < 10 ? 10 : size));
        break;
    case TAKE_DEFER:
        block = arena_bytes_try_defer(grown->arena, clean, grown->block);
        break;
    case TAKE_PUSH:
        for (size_t i = 0; i < size / 8; i++) {
            block = ARENA_TRY_PUSH(grown->arena, &grown->vector);
            if (block == NULL) break;
            grown->vector.data[grown->vector.len - 1] = grown->vector.len;
        }
        for (size_t i = 0; i < grown->vector.len; i++) CHECK(grown->vector.data[i] == i + 1);
        break;
    default:
        if (arena_buffer_try_append(&grown->buffer, text, sizeof text)) block = grown->buffer.data;
        for (size_t i = 0; i < grown->buffer.len; i += sizeof text)
            CHECK(memcmp(grown->buffer.data + i, text, 10) == 0);
        break;
    }
    return block == NULL ? ARENA_ENOMEM : ARENA_OK;
}

/* Grows in every way through several blocks of memory, and is taken back by marks, resets and its end. */
static void byte_arena(const struct arena_options *options, size_t capacity) {
    struct arena *arena;
    UNTIL_OK(CREATE(arena_create_with(arena_type_bytes(), capacity, options, &arena), &arena), ARENA_ENOMEM, true);
    struct grown grown = {.arena = arena_bytes_from_raw(arena)};
    for (int generation = 0; generation < 2; generation++) {
        grown = (struct grown){.arena = grown.arena, .buffer = {.arena = grown.arena}, .size = 8};
        UNTIL_OK((grown.block = arena_bytes_try_memdup(grown.arena, "\7......", 8, 1)) == NULL ? ARENA_ENOMEM
                                                                                               : ARENA_OK,
                 ARENA_ENOMEM, arena_used(arena) == 0);
        long deferred = 0;
        long before = cleaned;
        struct arena_mark mark;
        size_t marked = 0;
        for (int i = 0; i < 3 * TAKES; i++) {
            enum take way = (enum take)(i % TAKES);
            size_t size = 300 + (size_t)i * 150;
            if (i == 2 * TAKES) {
                arena_get_mark(arena, &mark);
                marked = arena_used(arena);
            }
            struct picture picture = picture_of(arena);
            size_t used = arena_used(arena);
            if (way == TAKE_PUSH || way == TAKE_PRINTF) { /* these change what is free, or succeed in part */
                UNTIL_OK(take_more(&grown, way, size), ARENA_ENOMEM, arena_used(arena) >= used);
            } else {
                UNTIL_OK(take_more(&grown, way, size), ARENA_ENOMEM, is_like(arena, &picture));
            }
            CHECK(*grown.block == 7);
            if (way == TAKE_DEFER && i < 2 * TAKES) deferred++;
        }
        arena_rewind(arena, &mark);
        CHECK(arena_used(arena) == marked && cleaned == before + 1);
        arena_trim(arena);
        if (generation == 1) break;
        arena_reset(arena);
        CHECK(arena_used(arena) == 0 && cleaned == before + 1 + deferred);
    }
    arena_destroy(arena);
}

/* A long text for which there is no room but its own takes some memory meanwhile. */
static void exact_text(void) {
    static const char own[] = "own";
    enum { WIDTH = 1000, CAPACITY = sizeof own - 1 + WIDTH + 1 };
    static char memory[CAPACITY + 2000];
    struct arena_bytes *arena = arena_bytes_create_in(memory, sizeof memory, NULL);
    CHECK(arena != NULL);
    if (arena_bytes_set_cap(arena, CAPACITY)) {
        struct arena_buffer buffer = {.arena = arena};
        CHECK(arena_buffer_try_append(&buffer, own, sizeof own - 1) && arena_buffer_try_text(&buffer) != NULL);
        struct arena_buffer before = buffer;
        UNTIL_OK(arena_buffer_try_printf(&buffer, "%*s", WIDTH, buffer.data) ? ARENA_OK : ARENA_ENOMEM, ARENA_ENOMEM,
                 memcmp(&buffer, &before, sizeof buffer) == 0 && strcmp(buffer.data, own) == 0);
        CHECK(buffer.len == CAPACITY - 1 && strcmp(buffer.data + buffer.len - 3, own) == 0);
    }
    arena_bytes_destroy(arena);
}

static void byte_arenas(void) {
    exact_text();
    static const struct arena_options options[] = {
        {sizeof(struct arena_options), ARENA_CLEAR_ON_RESET, 0},
        {sizeof(struct arena_options), ARENA_CLEAR_ON_HANDOUT, 0, ARENA_RETAIN_NONE, 100},
        {sizeof(struct arena_options), ARENA_CLEAR_ON_RESET, 0, 0, 100000},
    };
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        cleaned = 0;
        byte_arena(&options[i], i == 1 ? (size_t)8 << 20 : SIZE_MAX);
        CHECK(cleaned == 2 * 3);
    }
}

/* A thread keeps what arenas needed that have ended; where there is no memory for it, the next is made like the first. */
static void kept_arenas(void) {
    enum { PIECE = 500 };
    for (size_t needed = 1000; needed < 20000; needed *= 3) {
        struct arena *arena;
        UNTIL_OK(CREATE(arena_create(arena_type_bytes(), SIZE_MAX, &arena), &arena), ARENA_ENOMEM, true);
        struct arena_bytes *bytes = arena_bytes_from_raw(arena);
        while (arena_used(arena) < needed) {
            size_t used = arena_used(arena);
            void *block;
            UNTIL_OK(CREATE(arena_bytes_alloc_checked(bytes, PIECE, 1, &block), &block), ARENA_ENOMEM,
                     arena_used(arena) == used);
            CHECK(all_zero(block, PIECE));
            memset(block, 7, PIECE);
        }
        arena_destroy(arena);
    }
}

/* --- mixed values ------------------------------------------------------------------------------------------------- */

enum { KINDS = 20 };
static struct arena_type kinds[KINDS];

static void name_kinds(void) {
    static char names[KINDS][8];
    for (int i = 0; i < KINDS; i++) {
        names[i][0] = (char)('a' + i);
        kinds[i] = (struct arena_type){names[i], (size_t)(i + 1), 1, i % 3 == 0 ? drop_counted : NULL};
        if (i % 3 == 0) kinds[i].size = sizeof(struct counted);
    }
}

struct put {
    struct arena *arena;
    const struct arena_type *type;
    const void *value;
    struct arena_any *slot;
};
static void put_any(void *user) {
    struct put *put = user;
    put->slot = arena_alloc_any(put->arena, put->type, put->value);
}

/* The three spellings in turn, as one status. */
static int put_status(struct put *put, int spelling) {
    put->slot = NULL;
    if (spelling == 2) {
        int status = arena_alloc_any_checked(put->arena, put->type, put->value, &put->slot);
        CHECK(status == (put->slot != NULL ? ARENA_OK : ARENA_ENOMEM));
        return put->slot == NULL ? ARENA_EPANIC : ARENA_OK;
    }
    if (spelling == 1) {
        int status = arena_protect(put_any, put);
        CHECK((status == ARENA_OK) == (put->slot != NULL));
        if (status == ARENA_EPANIC)
            CHECK(strstr(panic_message, "no memory for the descriptor") != NULL); /* it is not full */
        return status;
    }
    put->slot = arena_try_alloc_any(put->arena, put->type, put->value);
    return put->slot == NULL ? ARENA_EPANIC : ARENA_OK;
}

static void mixed_values(void) {
    static const unsigned char value[ARENA_ANY_MAX] = {77, 0, 0, 0, 5, 6, 7, 8, 9};
    struct arena *arena;
    struct arena_any *slots[2 * KINDS];
    UNTIL_OK(CREATE(arena_create(arena_type_any(), 2 * KINDS, &arena), &arena), ARENA_ENOMEM, true);
    for (int i = 0; i < 2 * KINDS; i++) {
        struct put put = {arena, &kinds[i % KINDS], value, NULL};
        struct picture before = picture_of(arena);
        UNTIL_OK(put_status(&put, i % 3), ARENA_EPANIC, is_like(arena, &before));
        slots[i] = put.slot;
        if (put.type->drop != NULL) live_counted++;
    }
    CHECK(arena_try_alloc_any(arena, &kinds[0], value) == NULL);
    for (int i = 0; i < 2 * KINDS; i++) {
        const struct arena_type *type = &kinds[i % KINDS];
        const void *held = arena_any_get(slots[i], type);
        CHECK(held != NULL && memcmp(held, value, type->size) == 0);
        CHECK(arena_any_get(slots[i], &kinds[(i + 1) % KINDS]) == NULL);
    }
    arena_reset(arena);
    CHECK(live_counted == 0);
    arena_destroy(arena);
}

/* --- contexts ----------------------------------------------------------------------------------------------------- */

static void contexts(void) {
    struct arena *ints;
    struct arena *wides;
    struct arena *found;
    UNTIL_OK(CREATE(arena_create(&int_type, 4, &ints), &ints), ARENA_ENOMEM, true);
    UNTIL_OK(CREATE(arena_create(&wide_type, 4, &wides), &wides), ARENA_ENOMEM, true);
    struct arena_context *top;
    struct arena_context *timed;
    struct arena_context *first;
    struct arena_context *second;
    struct arena_context *hidden;
    struct arena_context *last;
    UNTIL_OK(CREATE(arena_context_with_cancel(NULL, &top), &top), ARENA_ENOMEM, true);
    UNTIL_OK(CREATE(arena_context_with_timeout(top, INT64_MAX, &timed), &timed), ARENA_ENOMEM,
             arena_context_status(top) == ARENA_OK);
    UNTIL_OK(CREATE(arena_inject(timed, ints, &first), &first), ARENA_ENOMEM,
             arena_extract(timed, &int_type, &found) == ARENA_ENOARENA);
    UNTIL_OK(CREATE(arena_inject(first, wides, &second), &second), ARENA_ENOMEM,
             arena_extract(first, &wide_type, &found) == ARENA_ENOARENA && found == NULL);
    UNTIL_OK(CREATE(arena_inject(second, NULL, &hidden), &hidden), ARENA_ENOMEM,
             arena_extract(second, &int_type, &found) == ARENA_OK && found == ints);
    UNTIL_OK(CREATE(arena_context_with_deadline(second, arena_clock_now() - 1, &last), &last), ARENA_ENOMEM,
             arena_context_status(second) == ARENA_OK);
    CHECK(arena_context_status(last) == ARENA_ETIMEDOUT);
    CHECK(arena_extract(hidden, &int_type, &found) == ARENA_ENOARENA);
    CHECK(arena_extract(last, &wide_type, &found) == ARENA_OK && found == wides);
    arena_context_release(top); /* its children hold it */
    arena_context_cancel(timed);
    CHECK(arena_context_status(hidden) == ARENA_ECANCELED && arena_context_status(last) == ARENA_ETIMEDOUT);
    arena_context_release(arena_context_retain(hidden));
    arena_context_release(first);
    arena_context_release(timed);
    arena_context_release(last);
    arena_context_release(second);
    arena_context_release(hidden);
    arena_destroy(ints);
    arena_destroy(wides);
}

/* --- concurrent arenas -------------------------------------------------------------------------------------------- */

enum { WAIT_ENDS_NS = 2000000 };

struct visitor {
    struct arena_concurrent *arena;
    struct arena_context *context;
    int first;   /* status of a wait that the deadline ends */
    int second;  /* of one that a cancellation ends */
    void *third; /* of one that the release ends */
    atomic_int stage;
};

/* Meets a gate that is held until it has gone through its stages. */
static void *visit(void *user) {
    struct visitor *visitor = user;
    inject_thread();
    struct arena_context *timed;
    UNTIL_OK(CREATE(arena_context_with_timeout(NULL, WAIT_ENDS_NS, &timed), &timed), ARENA_ENOMEM, true);
    void *out;
    visitor->first = arena_concurrent_alloc_context(visitor->arena, timed, NULL, &out);
    arena_context_release(timed);
    visitor->stage = 1;
    visitor->second = arena_concurrent_reset_context(visitor->arena, visitor->context);
    visitor->stage = 2;
    visitor->third = arena_concurrent_try_alloc(visitor->arena, NULL);
    return NULL;
}

static void start(pthread_t *thread, void *(*body)(void *user), void *user) {
    inject_pause();
    CHECK(pthread_create(thread, NULL, body, user) == 0);
    inject_resume();
}

static int acquire(struct arena_concurrent *arena, struct arena **out) {
    return CREATE(arena_concurrent_acquire(arena, NULL, out), out);
}

struct concurrent_put {
    struct arena_concurrent *arena;
    const struct arena_type *type;
    const void *value;
    struct arena_any *slot;
};
static void put_concurrent_any(void *user) {
    struct concurrent_put *put = user;
    put->slot = arena_concurrent_alloc_any(put->arena, put->type, put->value);
}

static void concurrent_arena(const struct arena_options *options, size_t capacity) {
    struct arena_concurrent *arena;
    UNTIL_OK(CREATE(arena_concurrent_create_with(&counted_type, capacity, options, &arena), &arena), ARENA_ENOMEM,
             true);
    static const struct counted value = {77};
    void *out;
    CHECK(arena_concurrent_try_alloc(arena, &value) != NULL);
    CHECK(arena_concurrent_alloc_slab_context(arena, NULL, 2, &out) == ARENA_OK && out != NULL);
    live_counted += 3;

    struct arena *inside;
    UNTIL_OK(acquire(arena, &inside), ARENA_ENOMEM, arena_concurrent_used(arena) == 3);
    CHECK(arena_used(inside) == 3);
    struct visitor visitor = {.arena = arena};
    UNTIL_OK(CREATE(arena_context_with_cancel(NULL, &visitor.context), &visitor.context), ARENA_ENOMEM,
             arena_concurrent_used(arena) == 3);
    pthread_t thread;
    start(&thread, visit, &visitor);
    while (visitor.stage < 1) (void)usleep(100);
    arena_context_cancel(visitor.context);
    while (visitor.stage < 2) (void)usleep(100);
    CHECK(arena_try_alloc(inside, &value) != NULL);
    live_counted++;
    arena_concurrent_release(arena);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(visitor.first == ARENA_ETIMEDOUT && visitor.second == ARENA_ECANCELED && visitor.third != NULL);
    live_counted++;
    arena_context_release(visitor.context);
    CHECK(arena_concurrent_used(arena) == 5 && arena_concurrent_remaining(arena) == capacity - 5);
    /* Exactly as many as there is room for, whatever failed. */
    for (size_t i = 5; i < capacity; i++) {
        CHECK(arena_concurrent_alloc_context(arena, NULL, &value, &out) == ARENA_OK);
        live_counted++;
    }
    CHECK(arena_concurrent_alloc_context(arena, NULL, &value, &out) == ARENA_EFULL && out == NULL);
    arena_concurrent_reset(arena);
    CHECK(live_counted == 0);
    CHECK(arena_concurrent_try_alloc_slab_with(arena, NULL, capacity) != NULL);
    live_counted += (long)capacity;
    arena_concurrent_trim(arena);
    arena_concurrent_destroy(arena);
    CHECK(live_counted == 0);
}

static int put_concurrent(struct concurrent_put *put) {
    put->slot = arena_concurrent_try_alloc_any(put->arena, put->type, put->value);
    return put->slot == NULL ? ARENA_EPANIC : ARENA_OK;
}

static void concurrent_mixed(void) {
    struct arena_concurrent *arena;
    UNTIL_OK(CREATE(arena_concurrent_create(arena_type_any(), 2 * KINDS, &arena), &arena), ARENA_ENOMEM, true);
    static const unsigned char value[ARENA_ANY_MAX] = {77, 0, 0, 0, 3};
    for (int i = 0; i < 2 * KINDS; i++) {
        struct concurrent_put put = {arena, &kinds[i % KINDS], value, NULL};
        size_t used = arena_concurrent_used(arena);
        if (i % 2 == 0) {
            UNTIL_OK(put_concurrent(&put), ARENA_EPANIC, arena_concurrent_used(arena) == used);
        } else {
            UNTIL_OK(arena_protect(put_concurrent_any, &put), ARENA_EPANIC,
                     arena_concurrent_used(arena) == used &&
                         strstr(panic_message, "no memory for the descriptor") != NULL); /* it is not full */
        }
        CHECK(memcmp(arena_any_get(put.slot, put.type), value, put.type->size) == 0);
        if (put.type->drop != NULL) live_counted++;
    }
    CHECK(arena_concurrent_remaining(arena) == 0);
    arena_concurrent_destroy(arena);
    CHECK(live_counted == 0);
}

/* --- pools -------------------------------------------------------------------------------------------------------- */

enum { OUT_AT_ONCE = 70 }; /* more than the first segment of nodes holds */

static int checkout(struct arena_pool *pool, struct arena **out) { return CREATE(arena_pool_checkout(pool, out), out); }

static int checkout_waiting(struct arena_pool *pool, struct arena_context *context, struct arena **out) {
    return CREATE(arena_pool_checkout_context(pool, context, out), out);
}

struct guest {
    struct arena_pool *pool;
    struct arena *given;
    struct arena *kept;
};

/* Gives back what another thread checked out, leaves something out for it, and ends with a full cache. */
static void *be_guest(void *user) {
    struct guest *guest = user;
    inject_thread();
    struct arena *arenas[24];
    for (int i = 0; i < 24; i++) UNTIL_OK(checkout(guest->pool, &arenas[i]), ARENA_ENOMEM, true);
    for (int i = 0; i < 24; i++) exercise(arenas[i]);
    arena_pool_return(guest->pool, guest->given);
    for (int i = 0; i < 23; i++) arena_pool_return(guest->pool, arenas[i]);
    guest->kept = arenas[23];
    return NULL;
}

static int depth;
static void nested(struct arena *arena, void *user) {
    struct arena_pool *pool = user;
    int mine = ++depth;
    exercise(arena);
    if (mine < 3)
        UNTIL_OK(arena_pool_execute(pool, nested, pool), ARENA_ENOMEM, depth == mine && arena_used(arena) == 0);
}

static void panicking(struct arena *arena, void *user) {
    (void)user;
    (void)arena_alloc(arena, NULL);
    live_counted++;
    arena_panic("on purpose");
}

static int reached; /* of scoped: the block ran */

static void scoped(void *user) {
    struct arena_pool *pool = user;
    ARENA_POOL_SCOPE(pool, arena) {
        exercise(arena);
        reached = 1;
        int status = arena_pool_execute(pool, panicking, NULL); /* panics; or has no arena */
        CHECK(status == ARENA_ENOMEM);
        arena_panic("no arena for the inner scope");
    }
}

static int scoped_status(struct arena_pool *pool) {
    reached = 0;
    CHECK(arena_protect(scoped, pool) == ARENA_EPANIC);
    return reached == 0 ? ARENA_EPANIC : ARENA_OK;
}

static int entered(struct arena_pool *pool, struct arena_pool_scope *scope) {
    int status = arena_pool_scope_enter(pool, scope);
    CHECK((status == ARENA_OK) == (scope->arena != NULL));
    return status;
}

static void pool_without_limit(void) {
    struct arena_pool *pool;
    UNTIL_OK(CREATE(arena_pool_create(&counted_type, 50, &pool), &pool), ARENA_ENOMEM, true);
    struct arena *arenas[OUT_AT_ONCE];
    for (int i = 0; i < OUT_AT_ONCE; i++) {
        UNTIL_OK(i % 2 == 0 ? checkout(pool, &arenas[i]) : checkout_waiting(pool, NULL, &arenas[i]), ARENA_ENOMEM,
                 true);
    }
    CHECK(arena_pool_destroy(pool) == ARENA_EBUSY);
    struct guest guest = {pool, arenas[0], NULL};
    pthread_t thread;
    start(&thread, be_guest, &guest);
    CHECK(pthread_join(thread, NULL) == 0);
    for (int i = 1; i < OUT_AT_ONCE; i++) {
        if (i % 16 == 0) exercise(arenas[i]);
        arena_pool_return(pool, arenas[i]);
    }
    CHECK(arena_pool_destroy(pool) == ARENA_EBUSY);
    arena_pool_return(pool, guest.kept);
    depth = 0;
    UNTIL_OK(arena_pool_execute(pool, nested, pool), ARENA_ENOMEM, depth == 0);
    arena_pool_trim(pool);
    UNTIL_OK(scoped_status(pool), ARENA_EPANIC, true);
    struct arena_pool_scope scope;
    UNTIL_OK(entered(pool, &scope), ARENA_ENOMEM, true);
    arena_pool_scope_leave(&scope);
    CHECK(live_counted == 0);
    CHECK(arena_pool_destroy(pool) == ARENA_OK);
}

static void pool_with_limit(void) {
    enum { LIMIT = 3 };
    static const struct arena_options arenas_with = {sizeof arenas_with, ARENA_CLEAR_ON_HANDOUT, 0};
    static const struct arena_pool_options options = {
        .struct_size = sizeof options, .max_arenas = LIMIT, .arena_options = &arenas_with};
    struct arena_pool *pool;
    UNTIL_OK(CREATE(arena_pool_create_with(&wide_type, (size_t)1 << 12, &options, &pool), &pool), ARENA_ENOMEM, true);
    struct arena *arenas[LIMIT + 1];
    struct arena_context *open;
    UNTIL_OK(CREATE(arena_context_with_cancel(NULL, &open), &open), ARENA_ENOMEM, true);
    for (int round = 0; round < 2; round++) {
        /* A failed checkout gives its permit back, with a context and without: the limit is met exactly. */
        UNTIL_OK(checkout(pool, &arenas[0]), ARENA_ENOMEM, true);
        for (int i = 1; i < LIMIT; i++) {
            UNTIL_OK(checkout_waiting(pool, i == 1 ? open : NULL, &arenas[i]), ARENA_ENOMEM, true);
        }
        CHECK(checkout(pool, &arenas[LIMIT]) == ARENA_EFULL);
        struct arena_context *timed;
        UNTIL_OK(CREATE(arena_context_with_timeout(NULL, WAIT_ENDS_NS, &timed), &timed), ARENA_ENOMEM, true);
        CHECK(checkout_waiting(pool, timed, &arenas[LIMIT]) == ARENA_ETIMEDOUT);
        arena_context_release(timed);
        for (int i = 0; i < LIMIT; i++) {
            exercise(arenas[i]);
            arena_pool_return(pool, arenas[i]);
        }
        arena_pool_trim(pool);
    }
    arena_context_release(open);
    CHECK(arena_pool_destroy(pool) == ARENA_OK);
}

static void fill(struct arena *arena, void *user) {
    (void)user;
    while (arena_try_alloc(arena, NULL) != NULL) live_counted++;
}

/* More than a thread's first table has room for. */
static void many_pools(void) {
    enum { MANY = 18 };
    struct arena_pool *pools[MANY];
    inject_pause();
    for (int i = 0; i < MANY; i++) CHECK(arena_pool_create(&counted_type, 4, &pools[i]) == ARENA_OK);
    inject_resume();
    for (int i = 0; i < MANY; i++) UNTIL_OK(arena_pool_execute(pools[i], fill, NULL), ARENA_ENOMEM, live_counted == 0);
    CHECK(live_counted == 0);
    for (int i = 0; i < MANY; i++) CHECK(arena_pool_destroy(pools[i]) == ARENA_OK);
}

/* --- the walk ----------------------------------------------------------------------------------------------------- */

static void note_panic(const char *message, void *user) {
    (void)user;
    (void)snprintf(panic_message, sizeof panic_message, "%s", message);
}

static void *walk(void *user) {
    static const struct arena_options gate_only = {sizeof gate_only, 0, ARENA_GATE_ONLY};
    (void)user;
    inject_thread();
    name_kinds();
    single_arenas();
    byte_arenas();
    kept_arenas();
    mixed_values();
    contexts();
    concurrent_arena(&gate_only, 64);
    concurrent_arena(NULL, 5000);
    concurrent_mixed();
    pool_without_limit();
    pool_with_limit();
    many_pools();
    return NULL;
}

void scenario_run(void) {
    pthread_t thread;
    arena_set_panic_handler(note_panic, NULL);
    CHECK(pthread_create(&thread, NULL, walk, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    arena_set_panic_handler(NULL, NULL);
}
