/* SPDX-License-Identifier: MIT */
/* What the library asks of the system for pages: the calls are recorded, answered at the worst possible place, or
 * refused.  In a quiet process a kernel gives an arena more than it asked for, and says yes to everything.
 */
#include "core/backing.h"
#include "platform/memory.h"
#include "platform/sync.h"

#include "../support.h"

#include <arena/arena.h>

#include <sys/mman.h>
#include <sys/resource.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

enum { MIB = 1 << 20, MOST_CALLS = 64 };

static struct {
    size_t misalign; /* mappings start one page past a multiple of this; 0: where the kernel likes */
    enum { EMPTY, FULL, FULL_TO_THE_LAST_PAGE } full; /* nothing can be mapped, but for single pages */
    char *next;  /* the next mappings go here, one right behind the other; NULL: see above */
    int refused; /* this advice fails ... */
    int error;   /* ... with this */
    bool stuck;  /* no mapping goes but single pages, and so many */
    int goes;
    bool locked;  /* what is mapped and may be touched is in memory at once */
    bool fixed;   /* no right is given */
    int unlocked; /* munlock calls, */
    bool unlocks; /* which fail, or end the refusal of advice */
    char *start;  /* of the last mapping */
    size_t size;
    int protection;
    int flags;
    long mappings; /* made and not ended, from end to end */
    struct {
        char *start;
        size_t size;
        int advice;
    } calls[MOST_CALLS];
    size_t count;
} seen;

/* Under the name that -D_FILE_OFFSET_BITS=64 gives it: where off_t would have 32 bits otherwise that is another
 * function. */
#ifdef __GLIBC__
#define REAL_MMAP __real_mmap64
#else
#define REAL_MMAP __real_mmap
#endif
void *REAL_MMAP(void *start, size_t size, int protection, int flags, int file, off_t offset);
void *__wrap_mmap(void *start, size_t size, int protection, int flags, int file, off_t offset);
int __real_munmap(void *start, size_t size);
int __wrap_munmap(void *start, size_t size);
int __real_madvise(void *start, size_t size, int advice);
int __wrap_madvise(void *start, size_t size, int advice);

/* What lies beside the mapping cannot be touched, and stays so. */
static void *worst_place(size_t size) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *room = REAL_MMAP(NULL, size + 3 * seen.misalign, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED) return MAP_FAILED;
    char *start = room + (seen.misalign - (uintptr_t)room % seen.misalign) + page;
    return mprotect(start, size, PROT_READ | PROT_WRITE) == 0 ? start : MAP_FAILED;
}

void *__wrap_mmap(void *start, size_t size, int protection, int flags, int file, off_t offset) {
    if (seen.full == FULL_TO_THE_LAST_PAGE || (seen.full == FULL && size > (size_t)sysconf(_SC_PAGESIZE))) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    if (seen.next != NULL) {
        start = seen.next;
        flags |= MAP_FIXED;
        seen.next += size;
    }
    void *made = seen.misalign != 0 ? worst_place(size) : REAL_MMAP(start, size, protection, flags, file, offset);
    if (made == MAP_FAILED) return made;
    seen.mappings++;
    seen.start = made;
    seen.size = size;
    seen.protection = protection;
    seen.flags = flags;
    return made;
}

#ifdef __GLIBC__
void *__wrap_mmap64(void *start, size_t size, int protection, int flags, int file, off_t offset);
void *__wrap_mmap64(void *start, size_t size, int protection, int flags, int file, off_t offset) {
    return __wrap_mmap(start, size, protection, flags, file, offset);
}
#endif

int __wrap_munmap(void *start, size_t size) {
    if (seen.stuck && size > (size_t)sysconf(_SC_PAGESIZE) && seen.goes-- <= 0) {
        errno = ENOMEM;
        return -1;
    }
    if (start != seen.start || size == seen.size) seen.mappings--;
    return __real_munmap(start, size);
}

int __wrap_madvise(void *start, size_t size, int advice) {
    if (seen.count < MOST_CALLS) {
        seen.calls[seen.count].start = start;
        seen.calls[seen.count].size = size;
        seen.calls[seen.count++].advice = advice;
    }
    if (seen.error != 0 && advice == seen.refused) {
        errno = seen.error;
        return -1;
    }
    return __real_madvise(start, size, advice);
}

int __real_mincore(void *start, size_t size, unsigned char *touched);
int __wrap_mincore(void *start, size_t size, unsigned char *touched);
int __wrap_mincore(void *start, size_t size, unsigned char *touched) {
    if (!seen.locked) return __real_mincore(start, size, touched);
    memset(touched, 1, size / (size_t)sysconf(_SC_PAGESIZE));
    return 0;
}

int __real_mprotect(void *start, size_t size, int protection);
int __wrap_mprotect(void *start, size_t size, int protection);
int __wrap_mprotect(void *start, size_t size, int protection) {
    if (seen.fixed) return -1;
    seen.protection = protection;
    return __real_mprotect(start, size, protection);
}

int __real_munlock(const void *start, size_t size);
int __wrap_munlock(const void *start, size_t size);
int __wrap_munlock(const void *start, size_t size) {
    seen.unlocked++;
    if (seen.error != 0 && !seen.unlocks) return -1;
    seen.error = 0;
    return __real_munlock(start, size);
}

static void limit_addresses(rlim_t bytes) {
    const struct rlimit limit = {bytes, RLIM_INFINITY};
    assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
}

/* With a limit on address space, whatever it is, no mapping is kept for the next arena. */
static void begin(void) {
    limit_addresses((rlim_t)1 << (sizeof(rlim_t) * 8 - 2));
    memset(&seen, 0, sizeof seen);
}

static struct arena *make(const struct arena_type *type, size_t capacity, uint32_t clear, uint32_t flags) {
    struct arena_options options = {sizeof options, clear, flags};
    GIVEN(arena, arena, arena_create_with(type, capacity, &options, &arena));
    return arena;
}

static long faults(void) {
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return usage.ru_minflt + usage.ru_majflt;
}

static bool is_zero(const char *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0) return false;
    }
    return true;
}

/* --- tests -------------------------------------------------------------------------------------------------------- */

/* Rounding the address up to the alignment costs the most here. */
TEST(every_slot_lies_in_the_mapping_wherever_it_starts) {
    (void)state;
    begin();
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (size_t align = 2 * page; align <= 4 * (size_t)MIB; align *= 2) {
        const struct arena_type type = {"aligned", align, align, NULL};
        seen.misalign = align;
        struct arena *arena = make(&type, 3, ARENA_CLEAR_ON_RESET, align < 128 * 1024 ? ARENA_PREFAULT : 0);
        assert_int_equal(seen.mappings, 1);
        for (int i = 0; i < 3; i++) {
            char *slot = arena_alloc(arena, NULL);
            assert_int_equal((uintptr_t)slot % align, 0);
            assert_true(slot >= seen.start && slot + align <= seen.start + seen.size);
            slot[0] = slot[align - 1] = 1;
        }
        arena_destroy(arena);
        assert_int_equal(seen.mappings, 0);
    }
}

/* A child's slots are its own; and what is reserved is neither counted nor touched before it is used, whatever the system
 * says of promising more than it has. */
TEST(pages_are_private_and_not_promised) {
    (void)state;
    begin();
    for (uint32_t flags = 0; flags <= (ARENA_HUGE_PAGES | ARENA_PREFAULT); flags++) {
        struct arena *arena = make(ARENA_TYPE(char), MIB, ARENA_CLEAR_ON_RESET, flags);
        assert_int_equal(seen.protection, PROT_READ | PROT_WRITE);
        assert_int_equal(seen.flags, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
        arena_destroy(arena);
    }
    /* Options alone give an arena of nothing a page, which goes with it. */
    begin();
    arena_destroy(make(ARENA_TYPE(char), 0, ARENA_CLEAR_ON_RESET, ARENA_PREFAULT));
    arena_destroy(make(ARENA_TYPE(char), 0, ARENA_CLEAR_ON_RESET, ARENA_HUGE_PAGES));
    assert_int_equal(seen.mappings, 0);
}

TEST(huge_pages_are_asked_for_where_one_fits) {
    (void)state;
    begin();
    const size_t huge = 2 * (size_t)MIB;
    seen.misalign = huge;
    struct arena *arena = make(ARENA_TYPE(char), 2 * huge, ARENA_CLEAR_ON_RESET, ARENA_HUGE_PAGES);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.calls[0].advice, MADV_HUGEPAGE);
    char *slots = arena_alloc_slab(arena, 2 * huge);
    assert_int_equal((uintptr_t)slots % huge, 0);
    assert_ptr_equal(seen.calls[0].start, slots);
    assert_true(seen.calls[0].size >= 2 * huge && slots + seen.calls[0].size <= seen.start + seen.size);
    slots[2 * huge - 1] = 1;
    arena_destroy(arena);

    /* Slots that ask for a page begin a huge page all the same. */
    seen.count = 0;
    const struct arena_type paged = {"paged", 4096, 4096, NULL};
    arena = make(&paged, 2 * huge / 4096, ARENA_CLEAR_ON_RESET, ARENA_HUGE_PAGES);
    assert_int_equal(seen.count, 1);
    assert_int_equal((uintptr_t)seen.calls[0].start % huge, 0);
    assert_ptr_equal(seen.calls[0].start, arena_alloc(arena, NULL));
    arena_destroy(arena);

    seen.count = 0;
    arena_destroy(make(ARENA_TYPE(char), 2 * huge, ARENA_CLEAR_ON_RESET, 0));
    assert_int_equal(seen.count, 0);

    seen.refused = MADV_HUGEPAGE; /* a kernel without them: nothing is lost */
    seen.error = EINVAL;
    arena_destroy(make(ARENA_TYPE(char), 2 * huge, ARENA_CLEAR_ON_RESET, ARENA_HUGE_PAGES));
}

TEST(no_memory_to_prefault_is_no_arena) {
    (void)state;
    begin();
    seen.refused = MADV_POPULATE_WRITE;
    seen.error = ENOMEM;
    struct arena_options options = {sizeof options, ARENA_CLEAR_ON_RESET, ARENA_PREFAULT};
    struct arena *arena = (struct arena *)(void *)&options;
    assert_int_equal(arena_create_with(ARENA_TYPE(char), MIB, &options, &arena), ARENA_ENOMEM);
    assert_null(arena);
    assert_int_equal(seen.mappings, 0);

    seen.error = EINVAL; /* an older kernel does not know the advice */
    arena = make(ARENA_TYPE(char), MIB, ARENA_CLEAR_ON_RESET, ARENA_PREFAULT);
    char *slots = arena_alloc_slab(arena, MIB);
    assert_true(is_zero(slots, MIB));
    long before = faults();
    memset(slots, 1, MIB); /* each page has memory of its own: to have read it would not do */
    assert_true(faults() - before < MIB / sysconf(_SC_PAGESIZE) / 2);
    arena_destroy(arena);
}

/* Such a mapping is longer than its slots: all of it has to be given back. */
TEST(no_memory_to_prefault_aligned_slots_keeps_no_page) {
    (void)state;
    begin();
    const struct arena_type type = {"aligned", 1 << 16, 1 << 16, NULL};
    seen.refused = MADV_POPULATE_WRITE;
    seen.error = ENOMEM;
    struct arena_options options = {sizeof options, ARENA_CLEAR_ON_RESET, ARENA_PREFAULT};
    struct arena *arena;
    assert_int_equal(arena_create_with(&type, 3, &options, &arena), ARENA_ENOMEM);
    assert_int_equal(seen.mappings, 0);
}

/* The slots of such an arena may lie anywhere in its mapping: here they lie at its end. */
TEST(prefault_reaches_the_last_slot_wherever_it_lies) {
    (void)state;
    begin();
    const struct arena_type type = {"aligned", 1 << 16, 1 << 16, NULL};
    seen.misalign = type.align;
    struct arena *arena = make(&type, 3, ARENA_CLEAR_ON_RESET, ARENA_PREFAULT);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.calls[0].advice, MADV_POPULATE_WRITE);
    char *slots = arena_alloc_slab(arena, 3);
    assert_true(seen.calls[0].start <= slots && slots + 3 * type.size <= seen.calls[0].start + seen.calls[0].size);
    arena_destroy(arena);

    begin(); /* with huge pages too, which are asked for first */
    arena = make(ARENA_TYPE(char), 2 * (size_t)MIB, ARENA_CLEAR_ON_RESET, ARENA_PREFAULT | ARENA_HUGE_PAGES);
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.calls[0].advice, MADV_HUGEPAGE);
    assert_int_equal(seen.calls[1].advice, MADV_POPULATE_WRITE);
    arena_destroy(arena);
}

TEST(a_pool_asks_whether_its_arenas_can_be_had) {
    (void)state;
    (void)barrier_available(); /* which a pool asks for, and which may keep a page of its own */
    begin();
    GIVEN(arena_pool, pool, arena_pool_create(ARENA_TYPE(char), MIB + 1, &pool));
    assert_int_equal(seen.mappings, 0); /* none was made yet, and the question has left none, to its last page */
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
    seen.full = FULL;
    pool = (struct arena_pool *)(void *)&pool;
    assert_int_equal(arena_pool_create(ARENA_TYPE(char), MIB, &pool), ARENA_ENOMEM);
    assert_null(pool);
}

/* What was asked for with an arena's options is asked for behind a gate and in a pool too. */
TEST(options_hold_for_every_handle) {
    (void)state;
    begin();
    struct arena_options options = {sizeof options, ARENA_CLEAR_ON_RESET, ARENA_PREFAULT | ARENA_HUGE_PAGES};
    struct arena_pool_options pool_options = {.struct_size = sizeof pool_options, .arena_options = &options};
    GIVEN(arena_concurrent, concurrent,
          arena_concurrent_create_with(ARENA_TYPE(char), 2 * (size_t)MIB, &options, &concurrent));
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.calls[0].advice, MADV_HUGEPAGE);
    assert_int_equal(seen.calls[1].advice, MADV_POPULATE_WRITE);
    arena_concurrent_destroy(concurrent);

    begin();
    GIVEN(arena_pool, pool, arena_pool_create_with(ARENA_TYPE(char), 2 * (size_t)MIB, &pool_options, &pool));
    GIVEN(arena, arena, arena_pool_checkout(pool, &arena));
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.calls[0].advice, MADV_HUGEPAGE);
    assert_int_equal(seen.calls[1].advice, MADV_POPULATE_WRITE);
    arena_pool_return(pool, arena);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
    assert_int_equal(seen.mappings, 0);
}

static void drop_nothing(void *element, void *user) { (void)element, (void)user; }

/* An empty arena of MIB bytes, of which one page is used then. */
static void trim_keeps_a_page(struct arena *arena) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    memset(arena_alloc_slab(arena, MIB), 1, MIB);
    arena_reset(arena);
    char *slots = arena_alloc_slab(arena, page);
    arena_trim(arena);
    assert_int_equal(seen.count, 1);
    assert_ptr_equal(seen.calls[0].start, slots + page);
    assert_ptr_equal(seen.calls[0].start + seen.calls[0].size, slots + MIB);
}

TEST(arenas_of_others_are_trimmed_alike) {
    (void)state;
    begin();
    GIVEN(arena_pool, pool, arena_pool_create(ARENA_TYPE(char), MIB, &pool));
    GIVEN(arena, arena, arena_pool_checkout(pool, &arena));
    trim_keeps_a_page(arena);
    arena_pool_return(pool, arena);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);

    begin();
    GIVEN(arena_concurrent, concurrent, arena_concurrent_create(ARENA_TYPE(char), MIB, &concurrent));
    assert_int_equal(arena_concurrent_acquire(concurrent, NULL, &arena), ARENA_OK);
    trim_keeps_a_page(arena);
    arena_concurrent_release(concurrent);
    arena_concurrent_destroy(concurrent);

    begin(); /* and those whose elements have a destructor */
    const struct arena_type dropped = {"dropped", 1, 1, drop_nothing};
    arena = make(&dropped, MIB, ARENA_CLEAR_ON_RESET, 0);
    trim_keeps_a_page(arena);
    arena_destroy(arena);
}

/* Exactly the pages behind the last element that may have been touched, so that they come back as zeros: other advice would leave them for a while. */
TEST(trim_discards_the_whole_pages_behind_what_lives) {
    (void)state;
    begin();
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    struct arena *arena = make(ARENA_TYPE(char), MIB, ARENA_CLEAR_ON_RESET, 0);
    memset(arena_alloc_slab(arena, MIB), 1, MIB);
    arena_reset(arena);
    char *slots = arena_alloc_slab(arena, page + 1);
    arena_trim(arena);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.calls[0].advice, MADV_DONTNEED);
    assert_ptr_equal(seen.calls[0].start, slots + 2 * page);
    assert_ptr_equal(seen.calls[0].start + seen.calls[0].size, slots + MIB);
    (void)arena_alloc_slab(arena, page - 1); /* up to a page's end: the next one is free */
    arena_trim(arena);
    assert_int_equal(seen.count, 1); /* nothing was touched since */
    (void)arena_alloc_slab(arena, arena_remaining(arena));
    arena_trim(arena);
    assert_int_equal(seen.count, 1); /* nothing to give */
    arena_destroy(arena);
}

/* What a thread was lent and has not used is free memory too. */
TEST(trim_discards_what_threads_were_lent) {
    (void)state;
    begin();
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    GIVEN(arena_concurrent, arena, arena_concurrent_create(ARENA_TYPE(char), MIB, &arena));
    char *first = arena_concurrent_alloc(arena, NULL);
    arena_concurrent_trim(arena);
    assert_int_equal(seen.count, 1);
    assert_ptr_equal(seen.calls[0].start, first + page);
    assert_true(seen.calls[0].size > 0 && seen.calls[0].start + seen.calls[0].size <= first + MIB);
    arena_concurrent_destroy(arena);
}

TEST(what_could_not_be_discarded_is_still_cleared) {
    (void)state;
    begin();
    struct arena *arena = make(ARENA_TYPE(char), MIB, ARENA_CLEAR_ON_HANDOUT, 0);
    memset(arena_alloc_slab(arena, MIB), 1, MIB);
    arena_reset(arena);
    seen.refused = MADV_DONTNEED;
    seen.error = ENOMEM;
    arena_trim(arena);
    assert_int_equal(seen.count, 1);
    assert_true(is_zero(arena_alloc_slab(arena, MIB), MIB));
    arena_destroy(arena);
}

/* The same where a reset asks the system what was touched. */
TEST(what_a_reset_could_not_discard_is_cleared) {
    (void)state;
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (int refuses = 0; refuses < 2; refuses++) {
        begin();
        struct arena *arena = make(ARENA_TYPE(char), MIB, ARENA_CLEAR_ON_RESET, 0);
        if (refuses) {
            seen.refused = MADV_DONTNEED;
            seen.error = ENOMEM;
        }
        char *slots = arena_alloc_slab(arena, MIB);
        slots[20 * page] = slots[200 * page] = 1;
        arena_reset(arena);
        assert_true(seen.count > 0);
        assert_true(is_zero(arena_alloc_slab(arena, MIB), MIB));
        arena_destroy(arena);
    }
}

/* A page that the program has locked is not discarded, so it is unlocked for that. */
TEST(locked_pages_are_discarded_all_the_same) {
    (void)state;
    begin();
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *pages = pages_reserve(3 * page);
    for (int unlocks = 0; unlocks < 2; unlocks++) {
        memset(pages, 1, 3 * page);
        seen.refused = MADV_DONTNEED;
        seen.error = EINVAL;
        seen.unlocks = unlocks;
        seen.unlocked = 0;
        assert_int_equal(pages_discard(pages, 2 * page), unlocks);
        assert_int_equal(seen.unlocked, 1);
        assert_int_equal(is_zero(pages, 2 * page), unlocks);
        assert_int_equal(pages[2 * page], 1);
        assert_int_equal(seen.error, unlocks ? 0 : EINVAL);
    }
    seen.error = ENOMEM;
    seen.unlocked = 0;
    assert_false(pages_discard(pages, page));
    assert_int_equal(seen.unlocked, 0);
    seen.error = 0;
    assert_true(pages_release(pages, 3 * page));
}

/* Where the program locks what it will map, a range is taken without rights, which are given when it is unlocked. */
TEST(ranges_are_not_in_memory_where_all_is_locked) {
    (void)state;
    begin();
    seen.locked = true;
    GIVEN(arena, arena, arena_create(ARENA_TYPE(char), MIB, &arena));
    assert_int_equal(seen.unlocked, 1);
    assert_int_equal(seen.protection, PROT_READ | PROT_WRITE);
    memset(arena_alloc_slab(arena, MIB), 1, MIB);
    arena_destroy(arena);
    assert_int_equal(seen.mappings, 0);

    for (int refusal = 0; refusal < 3; refusal++) {
        begin();
        seen.locked = true;
        seen.fixed = refusal == 0;
        seen.full = refusal == 1 ? FULL : refusal == 2 ? FULL_TO_THE_LAST_PAGE : EMPTY;
        arena = (struct arena *)(void *)&arena;
        assert_int_equal(arena_create(ARENA_TYPE(char), MIB, &arena), ARENA_ENOMEM);
        assert_null(arena);
        assert_int_equal(seen.mappings, 0);
    }
    seen.full = EMPTY;
}

/* A byte arena that finds no more pages is as it was; and where addresses are short a vector takes no more of them than it
 * needs. */
TEST(blocks_of_pages_that_cannot_be_had) {
    (void)state;
    begin();
    struct arena_bytes *arena = arena_bytes_create(SIZE_MAX);
    assert_non_null(arena);
    void *out = NULL;
    seen.full = FULL;
    assert_int_equal(arena_bytes_alloc_checked(arena, MIB, 8, &out), ARENA_ENOMEM);
    assert_int_equal(arena_bytes_used(arena), 0);
    seen.full = EMPTY;
    struct {
        int *data;
        size_t len, cap;
    } vector = {NULL, 0, 0};
    for (int i = 0; i < 100000; i++) *ARENA_PUSH(arena, &vector) = i;
    for (int i = 0; i < 100000; i++) assert_int_equal(vector.data[i], i);
    struct arena_stats stats = {.struct_size = sizeof stats};
    assert_int_equal(arena_bytes_get_stats(arena, &stats), ARENA_OK);
    assert_true(stats.reserved_bytes < 4 * (size_t)MIB);
    arena_bytes_destroy(arena);
    assert_int_equal(seen.mappings, 0);
}

/* --- ranges that wait ------------------------------------------------------------------------------------------------ */

enum { RANGE = 8 << 12, WAITING = 330 };

static struct span spans[WAITING];

static void map_all(void) {
    for (int i = 0; i < WAITING; i++) {
        assert_true(backing_map(RANGE, 0, &spans[i], NULL));
        assert_true(is_zero(spans[i].memory, RANGE));
        memset(spans[i].memory, 1, RANGE);
    }
}
static void unmap_all(void) {
    for (int i = 0; i < WAITING; i++) backing_unmap(&spans[i], RANGE, 0);
}
static size_t in_memory(void) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t count = 0;
    for (int i = 0; i < WAITING; i++) {
        unsigned char touched[RANGE / 4096];
        if (mincore(spans[i].memory, RANGE, touched) != 0) continue; /* it is gone */
        for (size_t at = 0; at < RANGE / page; at++) count += touched[at] & 1;
    }
    return count;
}

/* A range that the system does not take back costs no memory but now and then a page; it is the next of its size, or
 * goes as soon as others do. */
TEST(ranges_that_do_not_go_are_used_again) {
    (void)state;
    begin();
    for (int refuses = 0; refuses < 2; refuses++) {
        map_all();
        assert_int_equal(seen.mappings, WAITING);
        seen.stuck = true;
        seen.goes = 0;
        seen.refused = MADV_DONTNEED;
        seen.error = refuses ? ENOMEM : 0;
        unmap_all();
        assert_int_equal(seen.mappings, WAITING);
        if (!refuses) assert_true(in_memory() <= WAITING / 100);
        seen.error = 0;
        struct span span;
        assert_true(backing_map(RANGE / 2, 1, &span, NULL)); /* of another size: a new one */
        assert_int_equal(seen.mappings, WAITING + 1);
        seen.goes = 1;
        backing_unmap(&span, 0, 0); /* it goes, and after it none */
        assert_int_equal(seen.mappings, WAITING);
        seen.goes = 0;
        for (int i = 0; i < WAITING; i++) {
            assert_true(backing_map(RANGE, 1, &spans[i], NULL));
            assert_true(is_zero(spans[i].memory + spans[i].dirty_bytes, RANGE - spans[i].dirty_bytes));
            for (int before = 0; before < i; before++) assert_ptr_not_equal(spans[i].memory, spans[before].memory);
            memset(spans[i].memory, 1, RANGE);
        }
        assert_int_equal(seen.mappings, WAITING);
        assert_true(backing_map(RANGE, 1, &span, NULL)); /* no more are waiting */
        assert_int_equal(seen.mappings, WAITING + 1);
        unmap_all();
        seen.goes = 5; /* some go with it, until one does not */
        backing_unmap(&span, 0, 0);
        assert_int_equal(seen.mappings, WAITING - 4);
        seen.goes = INT_MAX;
        assert_true(backing_map(RANGE / 2, 1, &span, NULL));
        backing_unmap(&span, 0, 0); /* all of them */
        assert_int_equal(seen.mappings, 0);
        seen.stuck = false;
    }
}

/* Where there are no addresses left, what waits goes first. */
TEST(ranges_that_wait_go_where_addresses_are_short) {
    (void)state;
    begin();
    map_all();
    seen.stuck = true;
    unmap_all();
    struct span span;
    seen.full = FULL;
    static const int goes[] = {0, 1, 6, 200, INT_MAX}; /* the last ones of a list, and some lists */
    for (size_t i = 0; i < sizeof goes / sizeof goes[0]; i++) {
        long before = seen.mappings;
        seen.goes = goes[i];
        assert_false(backing_map(RANGE / 2, 1, &span, NULL));
        assert_int_equal(seen.mappings, goes[i] < before ? before - goes[i] : 0);
    }
    seen.full = EMPTY;
    seen.stuck = false;
}

/* A few ranges are kept as they are, without what they have in memory beyond their keeper's measure. */
TEST(ranges_are_kept_for_the_next_of_their_size) {
    (void)state;
    begin();
    limit_addresses(RLIM_INFINITY);
    struct span first;
    struct span span;
    bool scarce = true;
    assert_true(backing_map(4 * RANGE, 0, &first, &scarce));
    assert_false(scarce);
    memset(first.memory, 1, 4 * RANGE);
    backing_unmap(&first, 4 * RANGE, RANGE);
    assert_int_equal(seen.mappings, 1);
    assert_int_equal(seen.count, 1);
    assert_true(backing_map(4 * RANGE, RANGE / 2, &span, NULL));
    assert_ptr_equal(span.memory, first.memory);
    assert_int_equal(span.dirty_bytes, RANGE / 2);
    assert_true(is_zero(span.memory + RANGE / 2, 4 * RANGE - RANGE / 2));
    seen.refused = MADV_DONTNEED; /* then it is not kept */
    seen.error = ENOMEM;
    memset(span.memory, 1, 4 * RANGE);
    backing_unmap(&span, 4 * RANGE, RANGE);
    assert_int_equal(seen.mappings, 0);
    seen.error = 0;
}

/* The same where a byte arena would give back by itself what a rewind, a reset or a trim took back, and where no mapping goes
 * either: the next arena gets it as it is. */
TEST(bytes_that_could_not_be_discarded_are_still_cleared) {
    (void)state;
    for (uint32_t clear = ARENA_CLEAR_ON_RESET; clear <= ARENA_CLEAR_ON_HANDOUT; clear++) {
        begin();
        seen.refused = MADV_DONTNEED;
        seen.error = ENOMEM;
        seen.stuck = true;
        for (int life = 0; life < 3; life++) {
            struct arena_options options = {
                .struct_size = sizeof options, .clear = clear, .retain_bytes = ARENA_RETAIN_NONE};
            struct arena_bytes *arena = arena_bytes_create_with(SIZE_MAX, &options);
            assert_non_null(arena);
            for (int generation = 0; generation < 70;
                 generation++) { /* a peak, and so many small ones that it would go */
                struct arena_mark mark = arena_bytes_mark(arena);
                size_t size = generation % 35 == 0 ? MIB : 5000;
                char *block = arena_bytes_alloc(arena, size, 1);
                assert_true(is_zero(block, size));
                memset(block, 1, size);
                if (generation % 2 == 0) arena_bytes_rewind(arena, mark);
                if (generation % 7 == 0) arena_bytes_trim(arena);
                arena_bytes_reset(arena);
            }
            char *all = arena_bytes_alloc(arena, 2 * (size_t)MIB, 1);
            assert_true(is_zero(all, 2 * (size_t)MIB));
            memset(all, 1, 2 * (size_t)MIB);
            arena_bytes_destroy(arena);
        }
    }
    seen.stuck = false;
}

/* Of an arena that begins in the caller's memory, which may be a file, a peak gives back what came beside that, and no page
 * of its own. */
TEST(a_peak_leaves_the_callers_memory_alone) {
    (void)state;
    static char memory[MIB];
    begin();
    struct arena_options options = {.struct_size = sizeof options, .retain_bytes = ARENA_RETAIN_NONE};
    struct arena_bytes *arena = arena_bytes_create_on(memory, sizeof memory, SIZE_MAX, &options);
    assert_non_null(arena);
    for (int rewinds = 0; rewinds < 2; rewinds++) {
        for (int generation = 0; generation < 30; generation++) {
            struct arena_mark mark = arena_bytes_mark(arena);
            (void)arena_bytes_alloc(arena, MIB / 2, 1);
            if (generation == 0) (void)arena_bytes_alloc(arena, 8 * (size_t)MIB, 1);
            if (rewinds != 0) {
                arena_bytes_rewind_end(arena, mark);
            } else {
                arena_bytes_reset(arena);
            }
        }
        struct arena_stats stats = {.struct_size = sizeof stats};
        assert_int_equal(arena_bytes_get_stats(arena, &stats), ARENA_OK);
        assert_true(stats.reserved_bytes <= sizeof memory);
    }
    for (size_t i = 0; i < seen.count; i++) {
        assert_true(seen.calls[i].start >= memory + sizeof memory ||
                    seen.calls[i].start + seen.calls[i].size <= memory);
    }
    arena_bytes_destroy(arena);
}

/* A slab that ends where the mapping does, so short that it is cleared by one wide store: that must not go past it. */
TEST(clearing_the_last_slot_stays_in_the_mapping) {
    (void)state;
    begin();
    seen.misalign = 2 * (size_t)MIB; /* something that cannot be touched lies behind */
    struct arena *arena = make(ARENA_TYPE(int64_t), MIB / 8, ARENA_CLEAR_ON_HANDOUT, 0);
    for (int generation = 0; generation < 2; generation++) {
        int64_t *slots = arena_alloc_slab(arena, MIB / 8 - 1);
        slots[0] = slots[MIB / 8 - 2] = 5;
        int64_t *last = arena_alloc_slab(arena, 1);
        assert_ptr_equal(last, slots + MIB / 8 - 1);
        assert_true(*last == 0);
        *last = 5;
        arena_reset(arena);
    }
    arena_destroy(arena);
}

int main(void) { return support_run("pages"); }
