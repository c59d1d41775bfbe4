/* What mutants (mutate.py) showed that the other tests leave out. */
#include "core/slots.h"
#include "core/type.h"

#include <arena/arena.h>

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

/* --- core ----------------------------------------------------------------------------------------------------------- */

/* The key of a type is a hash, and a poor one would still be right: but extract would compare names, and the set of mixed
 * types would be a list. */
static void keys_tell_types_apart(void **state) {
    (void)state;
    for (size_t length = 1; length <= 20; length++) {
        char name[21] = {0};
        memset(name, 'a', length);
        const struct arena_type type = {name, 8, 8, NULL};
        char moved[24] = {0};
        memcpy(moved + 3, name, length);
        const struct arena_type same = {moved + 3, 8, 8, NULL};
        uint64_t key = type_key(&type);
        assert_true(type_key(&same) == key);
        for (size_t at = 0; at < length; at++) {
            name[at] = 'b';
            assert_true(type_key(&type) != key);
            name[at] = 'a';
        }
        const struct arena_type larger = {name, 16, 8, NULL};
        const struct arena_type aligned = {name, 8, 16, NULL};
        assert_true(type_key(&larger) != key && type_key(&aligned) != key);
        assert_true(type_key(&larger) != type_key(&aligned));
    }
    /* As spread as numbers drawn by chance: of 1024 types, few share the lower 12 bits of their key. */
    static unsigned char taken[4096];
    unsigned shared = 0;
    for (unsigned i = 0; i < 1024; i++) {
        char name[5] = {'t', (char)('a' + i % 26), (char)('a' + i / 26 % 26), (char)('a' + i / 676), '\0'};
        const struct arena_type type = {name, 1 + i % 3, 1, NULL};
        shared += taken[type_key(&type) & 4095]++ != 0;
    }
    assert_true(shared < 256);
}

static void copies_of_types_are_whole_in_any_memory(void **state) {
    (void)state;
    static const struct arena_type type = {"name", 3, 1, free};
    char *block = malloc(type_copy_bytes(&type) + 1);
    assert_non_null(block);
    memset(block, 'x', type_copy_bytes(&type) + 1);
    const struct arena_type *copy = type_copy(block, &type);
    assert_string_equal(copy->name, "name");
    assert_true(copy->name != type.name && type_same(copy, &type) && copy->drop == free);
    assert_int_equal(block[type_copy_bytes(&type)], 'x');
    free(block);
}

/* --- what panics say ------------------------------------------------------------------------------------------------ */

static char said[256];

static void hear(const char *message, void *user) {
    (void)user;
    (void)snprintf(said, sizeof said, "%s", message);
}

static void alloc_one(void *arena) { (void)arena_alloc(arena, NULL); }
static void alloc_slab(void *arena) { (void)arena_alloc_slab(arena, 5); }
static void alloc_slab_with(void *arena) { (void)arena_alloc_slab_with(arena, NULL, 6); }
static void reset(void *arena) { arena_reset(arena); }
static void trim(void *arena) { arena_trim(arena); }
static void destroy(void *arena) { arena_destroy(arena); }
static void concurrent_one(void *arena) { (void)arena_concurrent_alloc(arena, NULL); }
static void concurrent_slab(void *arena) { (void)arena_concurrent_alloc_slab(arena, 5); }
static void concurrent_slab_with(void *arena) { (void)arena_concurrent_alloc_slab_with(arena, NULL, 6); }
static void concurrent_reset(void *arena) { arena_concurrent_reset(arena); }
static void alloc_any(void *arena) { (void)arena_alloc_any(arena, ARENA_TYPE(int), NULL); }
static void concurrent_any(void *arena) { (void)arena_concurrent_alloc_any(arena, ARENA_TYPE(int), NULL); }

static void expect(void (*action)(void *arena), void *arena, const char *message) {
    said[0] = '\0';
    assert_int_equal(arena_protect(action, arena), ARENA_EPANIC);
    assert_string_equal(said, message);
}

static void panics_say_what_was_wanted_and_what_is_free(void **state) {
    (void)state;
    arena_set_panic_handler(hear, NULL);
    struct arena *arena;
    struct arena *mixed;
    struct arena_concurrent *concurrent;
    struct arena_concurrent *concurrent_mixed;
    assert_int_equal(arena_create(ARENA_TYPE(int), 4, &arena), ARENA_OK);
    assert_int_equal(arena_create(arena_type_any(), 1, &mixed), ARENA_OK);
    assert_int_equal(arena_concurrent_create(ARENA_TYPE(int), 4, &concurrent), ARENA_OK);
    assert_int_equal(arena_concurrent_create(arena_type_any(), 1, &concurrent_mixed), ARENA_OK);
    assert_non_null(arena_alloc_slab(arena, 3));
    assert_non_null(arena_concurrent_alloc_slab(concurrent, 3));
    expect(alloc_slab, arena, "arena_alloc_slab: arena of int is full: 5 wanted, 1 of 4 free");
    expect(alloc_slab_with, arena, "arena_alloc_slab_with: arena of int is full: 6 wanted, 1 of 4 free");
    expect(concurrent_slab, concurrent, "arena_concurrent_alloc_slab: arena of int is full: 5 wanted, 1 of 4 free");
    expect(concurrent_slab_with, concurrent, "arena_concurrent_alloc_slab_with: arena of int is full: 6 wanted, 1 of 4 free");
    assert_non_null(arena_alloc(arena, NULL));
    assert_non_null(arena_concurrent_alloc(concurrent, NULL));
    assert_non_null(arena_alloc_any(mixed, ARENA_TYPE(int), NULL));
    assert_non_null(arena_concurrent_alloc_any(concurrent_mixed, ARENA_TYPE(int), NULL));
    expect(alloc_one, arena, "arena_alloc: arena of int is full: 1 wanted, 0 of 4 free");
    expect(concurrent_one, concurrent, "arena_concurrent_alloc: arena of int is full: 1 wanted, 0 of 4 free");
    expect(alloc_any, mixed, "arena_alloc_any: arena of any is full: 1 wanted, 0 of 1 free");
    expect(concurrent_any, concurrent_mixed, "arena_concurrent_alloc_any: arena of any is full: 1 wanted, 0 of 1 free");
    expect(alloc_any, arena, "arena_alloc_any: the arena is not one of mixed values");
    expect(concurrent_any, concurrent, "arena_concurrent_alloc_any: the arena is not one of mixed values");
    expect(alloc_one, NULL, "arena_alloc: arena is NULL");
    expect(alloc_slab, NULL, "arena_alloc_slab: arena is NULL");
    expect(reset, NULL, "arena_reset: arena is NULL");
    expect(trim, NULL, "arena_trim: arena is NULL");
    expect(concurrent_one, NULL, "arena_concurrent_alloc: arena is NULL");
    expect(concurrent_reset, NULL, "arena_concurrent_reset: arena is NULL");
    arena_destroy(arena);
    arena_destroy(mixed);
    arena_concurrent_destroy(concurrent);
    arena_concurrent_destroy(concurrent_mixed);
}

static void panics_say_whose_arena_it_is(void **state) {
    (void)state;
    arena_set_panic_handler(hear, NULL);
    struct arena_pool *pool;
    struct arena_concurrent *concurrent;
    struct arena *pooled;
    struct arena *held;
    assert_int_equal(arena_pool_create(ARENA_TYPE(int), 4, &pool), ARENA_OK);
    assert_int_equal(arena_pool_checkout(pool, &pooled), ARENA_OK);
    expect(destroy, pooled, "arena_destroy: the arena belongs to a pool");
    arena_pool_return(pool, pooled);
    expect(alloc_one, pooled, "arena_alloc: the arena is back in its pool");
    expect(reset, pooled, "arena_reset: the arena is back in its pool");
    expect(trim, pooled, "arena_trim: the arena is back in its pool");
    assert_int_equal(arena_concurrent_create(ARENA_TYPE(int), 4, &concurrent), ARENA_OK);
    assert_int_equal(arena_concurrent_acquire(concurrent, NULL, &held), ARENA_OK);
    expect(destroy, held, "arena_destroy: the arena belongs to a concurrent arena");
    expect(concurrent_one, concurrent, "arena_concurrent_alloc: the calling thread holds the gate");
    expect(concurrent_reset, concurrent, "arena_concurrent_reset: the calling thread holds the gate");
    arena_concurrent_release(concurrent);
    expect(alloc_slab, held, "arena_alloc_slab: the gate is not held");
    expect(reset, held, "arena_reset: the gate is not held");
    arena_concurrent_destroy(concurrent);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

/* --- pages ---------------------------------------------------------------------------------------------------------- */

#define MIB ((size_t)1 << 20)

static struct arena *make(size_t bytes, uint32_t clear, uint32_t flags) {
    struct arena_options options = {sizeof options, clear, flags};
    struct arena *arena;
    assert_int_equal(arena_create_with(ARENA_TYPE(char), bytes, &options, &arena), ARENA_OK);
    return arena;
}

/* How many pages of [start, start + bytes) are in memory.  start lies on a page. */
static size_t pages_in_memory(void *start, size_t bytes) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    unsigned char *in_memory = malloc(bytes / page);
    assert_non_null(in_memory);
    assert_int_equal(mincore(start, bytes, in_memory), 0);
    size_t count = 0;
    for (size_t i = 0; i < bytes / page; i++) count += in_memory[i] & 1;
    free(in_memory);
    return count;
}

/* More than the address space, less than what arithmetic refuses. */
static void sizes_that_only_the_system_refuses(void **state) {
    (void)state;
    if (sizeof(size_t) == 4) return; /* there the system may have that much */
    size_t bytes = (size_t)PTRDIFF_MAX / 2 + 1;
    struct arena *arena = (struct arena *)(void *)&arena;
    struct arena_concurrent *concurrent = (struct arena_concurrent *)(void *)&concurrent;
    struct arena_pool *pool = (struct arena_pool *)(void *)&pool;
    assert_int_equal(arena_create(ARENA_TYPE(char), bytes, &arena), ARENA_ENOMEM);
    assert_int_equal(arena_concurrent_create(ARENA_TYPE(char), bytes, &concurrent), ARENA_ENOMEM);
    assert_int_equal(arena_pool_create(ARENA_TYPE(char), bytes, &pool), ARENA_ENOMEM);
    assert_true(arena == NULL && concurrent == NULL && pool == NULL);
}

static void what_trim_gave_back_is_not_cleared_again(void **state) {
    (void)state;
    struct arena *arena = make(8 * MIB, ARENA_CLEAR_ON_HANDOUT, 0);
    char *slab = arena_alloc_slab(arena, 8 * MIB);
    memset(slab, 1, 8 * MIB);
    assert_true(pages_in_memory(slab, 8 * MIB) > 0);
    arena_reset(arena);
    arena_trim(arena);
    assert_int_equal(pages_in_memory(slab, 8 * MIB), 0);
    assert_ptr_equal(arena_alloc_slab(arena, 8 * MIB), slab);
    assert_int_equal(pages_in_memory(slab, 8 * MIB), 0);
    assert_int_equal(slab[0] | slab[8 * MIB - 1], 0);
    arena_destroy(arena);
}

#ifdef __linux__
/* Do the kernel's flags of the mapping that holds `address` have this one?  -1: it does not say. */
static int has_flag(const void *address, const char *flag) {
    FILE *file = fopen("/proc/self/smaps", "r");
    if (file == NULL) return -1;
    char line[512];
    bool inside = false;
    int found = -1;
    while (found < 0 && fgets(line, sizeof line, file) != NULL) {
        uintptr_t from;
        uintptr_t to;
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &from, &to) == 2) {
            inside = from <= (uintptr_t)address && (uintptr_t)address < to;
        } else if (inside && strncmp(line, "VmFlags:", 8) == 0) {
            found = strstr(line, flag) != NULL;
        }
    }
    (void)fclose(file);
    return found;
}

static void huge_pages_are_asked_for_and_can_be_had(void **state) {
    (void)state;
    struct arena *arena = make(16 * MIB, 0, ARENA_HUGE_PAGES);
    struct arena *plain = make(16 * MIB, 0, 0);
    struct arena *exact = make(2 * MIB, 0, ARENA_HUGE_PAGES);
    char *slab = arena_alloc_slab(arena, 16 * MIB);
    assert_int_equal((uintptr_t)slab % (2 * MIB), 0);
    assert_int_equal((uintptr_t)arena_alloc_slab(exact, 1) % (2 * MIB), 0);
    /* Where the kernel has none, it takes no such advice. */
    if (access("/sys/kernel/mm/transparent_hugepage/enabled", R_OK) == 0 && has_flag(slab, " ") == 1) {
        assert_int_equal(has_flag(slab, " hg"), 1);
        assert_int_equal(has_flag(slab + 16 * MIB - 1, " hg"), 1);
        assert_int_equal(has_flag(arena_alloc_slab(plain, 1), " hg"), 0);
    }
    arena_destroy(arena);
    arena_destroy(plain);
    arena_destroy(exact);
}
#endif

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_tell_types_apart),
        cmocka_unit_test(copies_of_types_are_whole_in_any_memory),
        cmocka_unit_test(panics_say_what_was_wanted_and_what_is_free),
        cmocka_unit_test(panics_say_whose_arena_it_is),
        cmocka_unit_test(sizes_that_only_the_system_refuses),
        cmocka_unit_test(what_trim_gave_back_is_not_cleared_again),
#ifdef __linux__
        cmocka_unit_test(huge_pages_are_asked_for_and_can_be_had),
#endif
    };
    return cmocka_run_group_tests_name("details", tests, NULL, NULL);
}
