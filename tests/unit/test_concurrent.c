/* SPDX-License-Identifier: MIT */
/* The concurrent arena, past its public face: its gate while somebody is on the way, its count beside a thread. */
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
