/* SPDX-License-Identifier: MIT */
/* A program that has the functions of one checker alone: of MemorySanitizer, or (LEAKS) of LeakSanitizer without
 * AddressSanitizer.  Either is told what it wants to know. */
#include "base/poison.h"
#include "core/slots.h"

#include "../support.h"

#include <arena/arena.h>

static struct {
    const char *start;
    size_t size_bytes;
    int calls;
} last[2]; /* hidden or no longer a root, and the opposite */

static void note(int shown, const volatile void *start, size_t size_bytes) {
    last[shown].start = (const char *)(uintptr_t)start;
    last[shown].size_bytes = size_bytes;
    last[shown].calls++;
}

#ifdef LEAKS
void __lsan_register_root_region(const void *start, size_t size_bytes);
void __lsan_unregister_root_region(const void *start, size_t size_bytes);
void __lsan_register_root_region(const void *start, size_t size_bytes) { note(1, start, size_bytes); }
void __lsan_unregister_root_region(const void *start, size_t size_bytes) { note(0, start, size_bytes); }

/* What an arena in pages of its own has handed out is looked through for pointers, until it ends. */
TEST(memory_in_use_is_a_root) {
    GIVEN(arena, arena, arena_create(ARENA_TYPE(char), (size_t)1 << 20, &arena));
    assert_int_equal(last[1].calls, 0);
    const char *first = arena_alloc_slab(arena, 100);
    assert_ptr_equal(last[1].start, first);
    assert_true(last[1].size_bytes >= 100);
    (void)arena_alloc_slab(arena, 100000);
    assert_ptr_equal(last[1].start, first);
    assert_true(last[1].size_bytes >= 100100);
    const size_t size_bytes = last[1].size_bytes;
    arena_destroy(arena);
    assert_ptr_equal(last[0].start, first);
    assert_int_equal(last[0].size_bytes, size_bytes);
    assert_int_equal(last[0].calls, last[1].calls);
}
#else
void __msan_poison(const volatile void *start, size_t size_bytes);
void __msan_unpoison(const volatile void *start, size_t size_bytes);
void __msan_poison(const volatile void *start, size_t size_bytes) { note(0, start, size_bytes); }
void __msan_unpoison(const volatile void *start, size_t size_bytes) { note(1, start, size_bytes); }

/* What is free has nothing in it, and a zeroed slot is written. */
TEST(free_memory_was_not_written) {
    GIVEN(arena, arena, arena_create(ARENA_TYPE(char), 1000, &arena));
    assert_true(last[0].start <= arena->base && last[0].start + last[0].size_bytes >= arena->end);
    const char *first = arena_alloc_slab(arena, 100);
    assert_ptr_equal(last[1].start, first);
    assert_int_equal(last[1].size_bytes, 100);
    arena_reset(arena);
    assert_ptr_equal(last[0].start, first);
    assert_int_equal(last[0].size_bytes, 100);
    arena_destroy(arena);
    int calls = last[1].calls;
    GIVEN(arena, bytes, arena_create(arena_type_bytes(), 100, &bytes));
    assert_true(last[1].calls > calls); /* the variable, too */
    arena_destroy(bytes);
}
#endif

/* As under any checker every element is handed out by a call, which marks it. */
TEST(the_window_stays_closed) {
    assert_true(poison_active());
    GIVEN(arena, arena, arena_create(ARENA_TYPE(int), 10, &arena));
    for (int i = 0; i < 10; i++) {
        const struct arena_head *head = (const void *)arena;
        assert_ptr_equal(head->cursor, head->limit);
        assert_non_null(arena_try_alloc(arena, &i));
    }
    assert_null(arena_try_alloc(arena, NULL));
    arena_destroy(arena);
}

int main(void) { return support_run("checker"); }
