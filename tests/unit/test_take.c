/* SPDX-License-Identifier: MIT */
/* Handing out: nothing beside a value or behind a slab is touched. */
#include "core/create.h"
#include "core/slots.h"

#include "../support.h"

#include <arena/arena.h>

#include <sys/mman.h>

/* A value may be the last thing before what must not be touched. */
TEST(nothing_behind_a_value_is_read) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(pages != MAP_FAILED);
    assert_int_equal(mprotect(pages + page, page, PROT_NONE), 0);
    memset(pages, 'v', page);
    for (size_t size = 1; size <= 80; size++) {
        for (size_t align = 1; align <= 16; align *= 16) {
            const struct arena_type type = {"value", size, align, NULL};
            GIVEN(arena, arena, arena_create(&type, 6, &arena));
            const char *value = pages + page - size;
            const char *three = pages + page - 3 * size;
            struct arena_burst burst;
            const char *slots[6];
            slots[0] = arena_alloc(arena, value);
            slots[1] = arena_alloc_slab_with(arena, value, 1);
            slots[2] = arena_alloc_slab_with(arena, three, 3);
            slots[3] = slots[2] + 2 * arena->stride;
            arena_burst_begin(arena, &burst);
            slots[4] = arena_burst_put(&burst, value);
            arena_burst_end(arena, &burst);
            assert_int_equal(arena_used(arena), 6);
            GIVEN(arena, mixed, arena_create(arena_type_any(), 1, &mixed));
            bool fits = size <= ARENA_ANY_MAX && align <= _Alignof(max_align_t);
            slots[5] = fits ? arena_any_get(arena_alloc_any(mixed, &type, value), &type) : slots[4];
            for (int i = 0; i < 6; i++) assert_memory_equal(slots[i], value, size);
            arena_destroy(mixed);
            arena_destroy(arena);
        }
    }
    assert_int_equal(munmap(pages, 2 * page), 0);
}

/* Small slabs that are cleared as they are handed out fit up to the last byte, and nothing is written behind it. */
TEST(small_slabs_fit_up_to_the_end) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t pages = ((size_t)128 << 10) / page;
    const struct arena_options options = {sizeof options, ARENA_CLEAR_ON_HANDOUT, 0};
    GIVEN(arena, arena, arena_create_with(ARENA_TYPE(char), pages * page, &options, &arena));
    if (arena->watched) {
        arena_destroy(arena);
        skip(); /* the window is closed then */
    }
    char *end = arena->end;
    assert_int_equal(mprotect(end - page, page, PROT_NONE), 0); /* from here on it is a page shorter */
    arena->end = arena->bound = arena->fresh_limit = arena->head.limit = end - page;
    size_t size = arena->capacity = (size_t)(arena->end - arena->base);
    memset(arena_alloc_slab(arena, size), 'x', size);
    for (size_t room = 0; room <= 80; room++) {
        for (size_t count = 1; count <= 96; count++) {
            arena_reset(arena);
            arena->head.cursor += size - room;
            memset(arena->head.cursor, 'x', room);
            char *slab = arena_try_alloc_slab(arena, count);
            assert_true((slab != NULL) == (count <= room));
            assert_true(slab == NULL || all_zero(slab, count));
            assert_int_equal(arena->head.cursor - arena->base, size - room + (slab != NULL ? count : 0));
        }
    }
    assert_int_equal(mprotect(arena->end, page, PROT_READ | PROT_WRITE), 0);
    arena->end = arena->bound = arena->fresh_limit = arena->head.limit = end;
    arena->capacity = pages * page;
    arena_destroy(arena);
}

/* Or an arena that is full would grow with each new type that it is asked for. */
TEST(a_full_arena_keeps_no_descriptor_of_what_it_refuses) {
    GIVEN(arena, arena, arena_create(arena_type_any(), 0, &arena));
    assert_null(arena_try_alloc_any(arena, ARENA_TYPE(int), NULL));
    assert_null(arena->kinds);
    arena_destroy(arena);
}

int main(void) { return support_run("take"); }
