/* SPDX-License-Identifier: MIT */
/* The concurrent arena, past its public face: its gate while somebody is on the way, its count beside a thread. */
#include "api/concurrent.h"
#include "core/slots.h"
#include "sync/gate.h"

#include "../support.h"

#include <arena/arena.h>

static void destroy_concurrent(void *arena) { arena_concurrent_destroy(arena); }

/* Every permit is free, for one that was woken and has yet to come: it is waited for all the same. */
TEST(a_gate_that_is_waited_for_is_not_destroyed) {
    GIVEN(arena_concurrent, arena, arena_concurrent_create(ARENA_TYPE(int), 4, &arena));
    /* The gate follows the arena inside: see api/concurrent.c. */
    struct {
        struct arena slots;
        struct gate gate;
    } *begins = (void *)arena;
    assert_true(gate_idle(&begins->gate));
    static const uint32_t marks[] = {GATE_WAITERS, GATE_WAITERS | GATE_WOKEN};
    panics_record();
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        (void)atomic_u32_or(&begins->gate.word, marks[i], relaxed);
        assert_int_equal(arena_protect(destroy_concurrent, arena), ARENA_EPANIC);
        (void)atomic_u32_and(&begins->gate.word, ~marks[i], relaxed);
        assert_true(gate_idle(&begins->gate));
        assert_non_null(arena_concurrent_try_alloc(arena, NULL));
    }
    arena_set_panic_handler(NULL, NULL);
    arena_concurrent_destroy(arena);
}

static void *take_one(void *arena) { return arena_concurrent_try_alloc(arena, NULL); }

/* The last free slots lie in the chunk of a thread that is in the middle of an allocation. */
TEST(mixed_values_wait_no_longer_than_their_context) {
    enum { CAPACITY = 100 };
    GIVEN(arena_concurrent, arena, arena_concurrent_create(arena_type_any(), CAPACITY, &arena));
    struct arena_any *slot = NULL;
    if (!shares_enabled(&arena->shares)) {
        arena_concurrent_destroy(arena);
        skip();
    }
    pthread_t thread;
    void *first = NULL;
    assert_int_equal(pthread_create(&thread, NULL, take_one, arena), 0);
    assert_int_equal(pthread_join(thread, &first), 0);
    assert_non_null(first);
    struct share *share = atomic_ptr_load(&arena->shares.first, relaxed);
    size_t used = arena_concurrent_used(arena);
    assert_true(share->active && used == 1);
    char *commit = atomic_ptr_load(&share->commit, relaxed);
    atomic_ptr_store(&share->claim, commit + share->stride, relaxed);
    int status;
    do {
        GIVEN(arena_context, context, arena_context_with_timeout(NULL, 1000000, &context));
        status = arena_concurrent_alloc_any_context(arena, context, ARENA_TYPE(int), NULL, &slot);
        arena_context_release(context);
    } while (status == ARENA_OK && slot != NULL && ++used < CAPACITY);
    assert_int_equal(status, ARENA_ETIMEDOUT);
    assert_null(slot);
    atomic_ptr_store(&share->claim, commit, relaxed); /* it left, and takes nothing */
    for (; arena_concurrent_try_alloc_any(arena, ARENA_TYPE(int), NULL) != NULL; used++) {}
    assert_int_equal(used, CAPACITY);
    arena_concurrent_destroy(arena);
}

/* A thread is between what it was lent and the count of that. */
TEST(counts_that_lag_behind) {
    GIVEN(arena_concurrent, arena, arena_concurrent_create(ARENA_TYPE(int64_t), 1000, &arena));
    assert_non_null(arena_concurrent_try_alloc(arena, NULL));
    assert_int_equal(arena_concurrent_used(arena), 1);
    /* used_bytes follows the gate: see api/concurrent.c. */
    struct {
        struct arena slots;
        struct gate gate;
        struct atomic_u64 used_bytes;
    } *begins = (void *)arena;
    struct atomic_u64 *used_bytes = &begins->used_bytes;
    const uint64_t before = atomic_u64_load(used_bytes, relaxed);
    assert_true(before >= 8 && before <= 8000 && before % 8 == 0);
    atomic_u64_store(used_bytes, 0, relaxed);
    assert_int_equal(arena_concurrent_used(arena), 0);
    atomic_u64_store(used_bytes, before, relaxed);
    assert_int_equal(arena_concurrent_used(arena), 1);
    arena_concurrent_destroy(arena);
}

int main(void) { return support_run("concurrent"); }
