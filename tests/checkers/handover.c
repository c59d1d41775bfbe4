/* SPDX-License-Identifier: MIT */
/* A program that is built with ThreadSanitizer and links the ordinary library: handover.sh builds and runs it.  Plain
 * memory goes from thread to thread through the library; no other synchronisation orders the accesses.
 *
 *   handover CASE   writes "fine" when it ends; a report means that the library hands over invisibly
 *   handover race   the control: two threads, one slot, nothing between them; this must be reported */
#include <arena/arena.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 4, ROUNDS = 3000 };

static void must(int condition, const char *what) {
    if (condition) return;
    fprintf(stderr, "handover.c: %s\n", what);
    exit(2);
}

static void on_threads(size_t count, void *(*body)(void *), void *user) {
    pthread_t threads[THREADS * 2];
    for (size_t i = 0; i < count; i++) must(pthread_create(&threads[i], NULL, body, user) == 0, "no thread");
    for (size_t i = 0; i < count; i++) must(pthread_join(threads[i], NULL) == 0, "no join");
}

/* A flag that tells when, and orders nothing. */
static atomic_int turn;

static void wait_for(int value) {
    while (atomic_load_explicit(&turn, memory_order_relaxed) != value) {
        struct timespec pause = {0, 20000};
        nanosleep(&pause, NULL);
    }
}

static void tell(int value) { atomic_store_explicit(&turn, value, memory_order_relaxed); }

static struct arena_concurrent *make_concurrent(size_t capacity, uint32_t flags) {
    struct arena_options options = {sizeof options, 0, flags};
    struct arena_concurrent *arena = NULL;
    must(arena_concurrent_create_with(ARENA_TYPE(int64_t), capacity, &options, &arena) == ARENA_OK, "no arena");
    return arena;
}

/* --- the gate guards plain memory --------------------------------------------------------------------------------- */

static int64_t guarded;

static void *count_under_the_gate(void *user) {
    struct arena_concurrent *arena = user;
    for (int i = 0; i < ROUNDS; i++) {
        struct arena *held = NULL;
        must(arena_concurrent_acquire(arena, NULL, &held) == ARENA_OK, "no gate");
        guarded++;
        int64_t *slot = arena_alloc(held, NULL);
        *slot = guarded;
        if (arena_remaining(held) == 0) arena_reset(held);
        arena_concurrent_release(arena);
    }
    return NULL;
}

static void gate(uint32_t flags) {
    struct arena_concurrent *arena = make_concurrent(7, flags);
    guarded = 0;
    on_threads(THREADS, count_under_the_gate, arena);
    must(guarded == THREADS * ROUNDS, "the gate does not exclude");
    arena_concurrent_destroy(arena);
}

static void gate_with_chunks(void) { gate(0); }
static void gate_alone(void) { gate(ARENA_GATE_ONLY); }

/* --- what an operation published, acquire sees -------------------------------------------------------------------- */

static int64_t *written;

static void *write_then_operate(void *user) {
    struct arena_concurrent *arena = user;
    for (int i = 0; i < ROUNDS / 10; i++) {
        wait_for(2 * i);
        int64_t *slot = arena_concurrent_alloc(arena, NULL);
        *slot = i;
        written = slot;
        arena_concurrent_alloc(arena, NULL); /* the next operation publishes what came before it */
        tell(2 * i + 1);
    }
    return NULL;
}

static void *acquire_then_read(void *user) {
    struct arena_concurrent *arena = user;
    for (int i = 0; i < ROUNDS / 10; i++) {
        wait_for(2 * i + 1);
        struct arena *held = NULL;
        must(arena_concurrent_acquire(arena, NULL, &held) == ARENA_OK, "no gate");
        must(*written == i, "the write is not there");
        written = NULL;
        arena_reset(held);
        int64_t *slab = arena_alloc_slab(held, 4);
        slab[0] = slab[3] = -1;
        arena_reset(held);
        arena_concurrent_release(arena);
        tell(2 * i + 2);
    }
    return NULL;
}

static void *operate(void *user) {
    static atomic_int roles;
    return atomic_fetch_add_explicit(&roles, 1, memory_order_relaxed) % 2 == 0 ? write_then_operate(user)
                                                                               : acquire_then_read(user);
}

static void published(uint32_t flags) {
    struct arena_concurrent *arena = make_concurrent(100, flags);
    tell(0);
    on_threads(2, operate, arena);
    arena_concurrent_destroy(arena);
}

static void published_with_chunks(void) { published(0); }
static void published_by_the_gate(void) { published(ARENA_GATE_ONLY); }

/* --- copying the value in is part of the operation ---------------------------------------------------------------- */

struct wide {
    int64_t words[32];
};

static atomic_uintptr_t copied;

static void *copy_in(void *user) {
    struct arena_concurrent *arena = user;
    for (int i = 0; i < ROUNDS / 10; i++) {
        struct wide value;
        for (int k = 0; k < 32; k++) value.words[k] = i;
        wait_for(2 * i);
        atomic_store_explicit(&copied, (uintptr_t)arena_concurrent_alloc(arena, &value), memory_order_relaxed);
        tell(2 * i + 1);
    }
    return NULL;
}

static void *acquire_and_look(void *user) {
    struct arena_concurrent *arena = user;
    for (int i = 0; i < ROUNDS / 10; i++) {
        wait_for(2 * i + 1);
        struct arena *held = NULL;
        must(arena_concurrent_acquire(arena, NULL, &held) == ARENA_OK, "no gate");
        struct wide *slot = (struct wide *)atomic_load_explicit(&copied, memory_order_relaxed);
        for (int k = 0; k < 32; k++) must(slot->words[k] == i, "the value is not there");
        memset(slot, 0xff, sizeof *slot);
        if (i % 3 == 2) arena_reset(held);
        arena_concurrent_release(arena);
        tell(2 * i + 2);
    }
    return NULL;
}

static void *copy_or_look(void *user) {
    static atomic_int roles;
    return atomic_fetch_add_explicit(&roles, 1, memory_order_relaxed) % 2 == 0 ? copy_in(user) : acquire_and_look(user);
}

static void copied_value(uint32_t flags) {
    struct arena_options options = {sizeof options, 0, flags};
    struct arena_concurrent *arena = NULL;
    must(arena_concurrent_create_with(ARENA_TYPE(struct wide), 100, &options, &arena) == ARENA_OK, "no arena");
    tell(0);
    on_threads(2, copy_or_look, arena);
    arena_concurrent_destroy(arena);
}

static void copied_with_chunks(void) { copied_value(0); }
static void copied_behind_the_gate(void) { copied_value(ARENA_GATE_ONLY); }

/* --- slots go from thread to thread through the pool -------------------------------------------------------------- */

static void use(struct arena *arena, void *user) {
    (void)user;
    int64_t *slab = arena_alloc_slab(arena, 20);
    for (int i = 0; i < 20; i++) slab[i]++;
}

static void *use_pool(void *user) {
    struct arena_pool *pool = user;
    for (int i = 0; i < ROUNDS / 10; i++) {
        struct arena *arenas[10]; /* more than a cache holds: they go around */
        for (int k = 0; k < 10; k++) {
            must(arena_pool_checkout(pool, &arenas[k]) == ARENA_OK, "no arena");
            use(arenas[k], NULL);
        }
        must(arena_pool_execute(pool, use, NULL) == ARENA_OK, "no execute");
        for (int k = 0; k < 10; k++) arena_pool_return(pool, arenas[k]);
    }
    return NULL;
}

static void pool(void) {
    struct arena_pool *made = NULL;
    must(arena_pool_create(ARENA_TYPE(int64_t), 40, &made) == ARENA_OK, "no pool");
    for (int i = 0; i < 5; i++) on_threads(THREADS, use_pool, made); /* ended threads' arenas go around too */
    must(arena_pool_destroy(made) == ARENA_OK, "arenas out");
}

static void *use_limited_pool(void *user) {
    for (int i = 0; i < ROUNDS / 10; i++) {
        struct arena *arena = NULL;
        must(arena_pool_checkout_context(user, NULL, &arena) == ARENA_OK, "no arena");
        use(arena, NULL);
        arena_pool_return(user, arena);
    }
    return NULL;
}

static void pool_with_a_limit(void) {
    struct arena_pool_options options = {.struct_size = sizeof options, .max_arenas = 2};
    struct arena_pool *made = NULL;
    must(arena_pool_create_with(ARENA_TYPE(int64_t), 40, &options, &made) == ARENA_OK, "no pool");
    on_threads(THREADS, use_limited_pool, made);
    must(arena_pool_destroy(made) == ARENA_OK, "arenas out");
}

/* An arena is checked out here and returned there; the flag orders nothing, so the arena itself is handed over with the
 * gate of a concurrent arena. */
struct exchange {
    struct arena_pool *pool;
    struct arena_concurrent *gate;
    struct arena *arena; /* guarded by the gate */
};

static void *exchange_arenas(void *user) {
    struct exchange *exchange = user;
    for (int i = 0; i < ROUNDS / 3; i++) {
        struct arena *held = NULL;
        must(arena_concurrent_acquire(exchange->gate, NULL, &held) == ARENA_OK, "no gate");
        struct arena *other = exchange->arena;
        must(arena_pool_checkout(exchange->pool, &exchange->arena) == ARENA_OK, "no arena");
        use(exchange->arena, NULL);
        arena_concurrent_release(exchange->gate);
        if (other == NULL) continue;
        use(other, NULL);
        arena_pool_return(exchange->pool, other);
    }
    return NULL;
}

static void returned_by_another_thread(void) {
    struct exchange exchange = {NULL, make_concurrent(1, 0), NULL};
    must(arena_pool_create(ARENA_TYPE(int64_t), 40, &exchange.pool) == ARENA_OK, "no pool");
    on_threads(THREADS, exchange_arenas, &exchange);
    arena_pool_return(exchange.pool, exchange.arena);
    must(arena_pool_destroy(exchange.pool) == ARENA_OK, "arenas out");
    arena_concurrent_destroy(exchange.gate);
}

/* Arenas that several threads left in the shared store, and that another one takes out of it at once.  Each has its entry of
 * the pool early, so that no lock orders what comes later. */
enum { OVERFLOW = 17 }; /* one more than a cache holds: half of them go to the store */

static void *leave_by_ending(void *user) {
    struct arena *arena = NULL;
    wait_for(1);
    must(arena_pool_checkout(user, &arena) == ARENA_OK, "no arena");
    use(arena, NULL);
    tell(2);
    wait_for(3);
    arena_pool_return(user, arena);
    return NULL;
}

static void *leave_by_overflow(void *user) {
    struct arena *arenas[OVERFLOW];
    wait_for(2);
    for (int i = 0; i < OVERFLOW; i++) {
        must(arena_pool_checkout(user, &arenas[i]) == ARENA_OK, "no arena");
        use(arenas[i], NULL);
    }
    for (int i = 0; i < OVERFLOW; i++) arena_pool_return(user, arenas[i]);
    tell(3);
    wait_for(5);
    return NULL;
}

static void *take_what_was_left(void *user) {
    struct arena *arenas[4];
    must(arena_pool_checkout(user, &arenas[0]) == ARENA_OK, "no arena");
    tell(1);
    wait_for(4);
    for (int i = 1; i < 4; i++) {
        must(arena_pool_checkout(user, &arenas[i]) == ARENA_OK, "no arena");
        use(arenas[i], NULL);
    }
    for (int i = 0; i < 4; i++) arena_pool_return(user, arenas[i]);
    tell(5);
    return NULL;
}

static void left_by_several_threads(void) {
    static void *(*const bodies[])(void *) = {take_what_was_left, leave_by_overflow, leave_by_ending};
    struct arena_pool *made = NULL;
    pthread_t threads[3];
    must(arena_pool_create(ARENA_TYPE(int64_t), 40, &made) == ARENA_OK, "no pool");
    for (int i = 0; i < 3; i++) must(pthread_create(&threads[i], NULL, bodies[i], made) == 0, "no thread");
    must(pthread_join(threads[2], NULL) == 0, "no join"); /* its arena lies above those of the overflow */
    tell(4);
    for (int i = 0; i < 2; i++) must(pthread_join(threads[i], NULL) == 0, "no join");
    must(arena_pool_destroy(made) == ARENA_OK, "arenas out");
}

/* --- contexts die on the thread that lets go last ----------------------------------------------------------------- */

static void *release_context(void *user) {
    struct arena_context *context = user;
    struct arena_context *child = NULL;
    for (int i = 0; i < ROUNDS / 10; i++) {
        must(arena_context_with_cancel(context, &child) == ARENA_OK, "no context");
        arena_context_cancel(child);
        arena_context_release(child);
    }
    arena_context_cancel(context);
    arena_context_release(context);
    return NULL;
}

static void contexts(void) {
    for (int i = 0; i < 20; i++) {
        struct arena_context *context = NULL;
        must(arena_context_with_cancel(NULL, &context) == ARENA_OK, "no context");
        for (int k = 1; k < THREADS; k++) arena_context_retain(context);
        on_threads(THREADS, release_context, context);
    }
}

/* The detector sees the context's mutex: its destruction by the last comes after what the others did with it. */
static void *use_or_end(void *user) {
    static atomic_int roles;
    if (atomic_fetch_add_explicit(&roles, 1, memory_order_relaxed) % 2 == 0) {
        arena_context_cancel(user);
        arena_context_release(user);
        tell(1);
    } else {
        wait_for(1);
        arena_context_release(user);
    }
    return NULL;
}

static void last_release(void) {
    for (int i = 0; i < 50; i++) {
        struct arena_context *context = NULL;
        must(arena_context_with_cancel(NULL, &context) == ARENA_OK, "no context");
        arena_context_retain(context);
        tell(0);
        on_threads(2, use_or_end, context);
    }
}

/* --- who sees that a context has ended sees what came before its end ---------------------------------------------- */

static int64_t reason;

static void *give_a_reason(void *user) {
    reason = 7;
    arena_context_cancel(user);
    return NULL;
}

static void *ask_for_the_reason(void *user) {
    struct timespec pause = {0, 20000};
    while (arena_context_status(user) == ARENA_OK) nanosleep(&pause, NULL);
    must(reason == 7, "no reason");
    return NULL;
}

static void *give_or_ask(void *user) {
    struct arena_context **contexts = user;
    static atomic_int roles;
    return atomic_fetch_add_explicit(&roles, 1, memory_order_relaxed) % 2 == 0 ? give_a_reason(contexts[0])
                                                                               : ask_for_the_reason(contexts[1]);
}

static void reasons(void) {
    for (int i = 0; i < 50; i++) {
        struct arena_context *contexts[2];
        must(arena_context_with_cancel(NULL, &contexts[0]) == ARENA_OK, "no context");
        must(arena_context_with_cancel(contexts[0], &contexts[1]) == ARENA_OK, "no context");
        on_threads(2, give_or_ask, contexts);
        arena_context_release(contexts[1]);
        arena_context_release(contexts[0]);
    }
}

/* --- the detector's record of a thread's calls goes back with a panic: it would be full after some 65,000 --------- */

static void say_nothing(const char *message, void *user) {
    (void)message;
    (void)user;
}

static void panic_below(void *user) {
    int *depth = user;
    if (--*depth == 0) arena_panic("enough");
    panic_below(user);
    ++*depth; /* so that the call above is one */
}

static void many_panics(void) {
    arena_set_panic_handler(say_nothing, NULL);
    for (int i = 0; i < 50000; i++) {
        int depth = 5;
        must(arena_protect(panic_below, &depth) == ARENA_EPANIC, "no panic");
    }
    arena_set_panic_handler(NULL, NULL);
}

/* --- the control -------------------------------------------------------------------------------------------------- */

static int64_t *shared_slot;

static void *write_shared(void *user) {
    (void)user;
    for (int i = 0; i < ROUNDS; i++) ++*shared_slot;
    return NULL;
}

static void race(void) {
    shared_slot = arena_concurrent_alloc(make_concurrent(4, 0), NULL);
    on_threads(2, write_shared, NULL);
}

static const struct {
    const char *name;
    void (*run)(void);
} cases[] = {
#define CASE(name)                                                                                                     \
    { #name, name }
    CASE(gate_with_chunks),
    CASE(gate_alone),
    CASE(published_with_chunks),
    CASE(published_by_the_gate),
    CASE(copied_with_chunks),
    CASE(copied_behind_the_gate),
    CASE(pool),
    CASE(pool_with_a_limit),
    CASE(returned_by_another_thread),
    CASE(left_by_several_threads),
    CASE(contexts),
    CASE(last_release),
    CASE(reasons),
    CASE(many_panics),
    CASE(race),
};

int main(int argc, char **argv) {
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (argc == 1) puts(cases[i].name);
        if (argc != 2 || strcmp(argv[1], cases[i].name) != 0) continue;
        alarm(120); /* a detector that crashes hangs */
        cases[i].run();
        puts("fine");
        return 0;
    }
    return argc == 1 ? 0 : 2;
}
