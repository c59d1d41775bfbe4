/* SPDX-License-Identifier: MIT */
/* The system's layer as it is, without wrappers: pages, the barrier, pauses, locks and times.  Compiled a second time with
 * the files for other systems in place of those for this one. */
#include "core/slots.h"
#include "platform/memory.h"
#include "platform/posix/timespec.h"
#include "platform/sync.h"
#include "runtime/thread.h"

#include "../support.h"

#include <arena/arena.h>

#include <sys/mman.h>

/* Every page of the range, and nothing behind it. */
TEST(prefault_stays_in_the_range) {
    const size_t page = pages_size();
    char *start = pages_reserve(4 * page);
    assert_non_null(start);
    assert_int_equal(mprotect(start + 3 * page, page, PROT_NONE), 0);
    assert_true(pages_prefault(start, 3 * page));
    for (size_t i = 0; i < 3 * page; i++) assert_int_equal(start[i], 0);
    pages_release(start, 4 * page);
}

TEST(what_is_discarded_reads_zero) {
    const size_t page = pages_size();
    char *start = pages_reserve(4 * page);
    assert_non_null(start);
    memset(start, 1, 4 * page);
    assert_true(pages_discard(start + page, 2 * page));
    for (size_t i = 0; i < 4 * page; i++) assert_int_equal(start[i], i < page || i >= 3 * page);
    start[page] = 2;
    assert_int_equal(start[page], 2);
    pages_release(start, 4 * page);
}

/* What a child writes or gives back is its own. */
TEST(pages_are_not_shared_with_a_child) {
    const size_t page = pages_size();
    char *start = pages_reserve(2 * page);
    assert_non_null(start);
    memset(start, 1, 2 * page);
    assert_true(pages_discard(start + page, page));
    start[page] = 1;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        bool inherited = start[0] == 1 && start[page] == 1;
        start[0] = start[page] = 2;
        _exit(inherited && pages_discard(start, page) ? 0 : 1);
    }
    int wait_status = -1;
    assert_int_equal(waitpid(child, &wait_status, 0), child);
    assert_int_equal(wait_status, 0);
    assert_int_equal(start[0], 1);
    assert_int_equal(start[page], 1);
    pages_release(start, 2 * page);
}

/* Without one, barrier_heavy must not be called. */
TEST(a_barrier_that_is_there_can_be_had) {
    if (barrier_available()) barrier_heavy();
}

static void *pause_when_cancelled(void *reached) {
    (void)pthread_cancel(pthread_self());
    thread_pause();
    *(bool *)reached = true;
    pthread_testcancel();
    return NULL;
}

/* A thread that pauses holds permits, and waits for others. */
TEST(a_pause_is_no_cancellation_point) {
    bool reached = false;
    pthread_t thread;
    void *result = NULL;
    assert_int_equal(pthread_create(&thread, NULL, pause_when_cancelled, &reached), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_true(reached);
    assert_ptr_equal(result, PTHREAD_CANCELED);
}

/* An error of the library itself ends the process. */
TEST(locks_misused_end_the_process) {
    pid_t child = fork();
    if (child == 0) {
        pthread_mutexattr_t checked;
        struct mutex mutex;
        (void)pthread_mutexattr_init(&checked);
        (void)pthread_mutexattr_settype(&checked, PTHREAD_MUTEX_ERRORCHECK);
        (void)pthread_mutex_init(&mutex.handle, &checked);
        mutex_lock(&mutex);
        mutex_unlock(&mutex);
        mutex_unlock(&mutex);
        exit(0);
    }
    int status = -1;
    assert_true(child > 0 && waitpid(child, &status, 0) == child);
    assert_true(status != 0); /* aborted, or ThreadSanitizer found it first */
}

TEST(times_become_timespecs) {
    struct timespec time = sync_timespec(-1);
    assert_true(time.tv_sec == 0 && time.tv_nsec == 0);
    time = sync_timespec(0);
    assert_true(time.tv_sec == 0 && time.tv_nsec == 0);
    time = sync_timespec(1);
    assert_true(time.tv_sec == 0 && time.tv_nsec == 1);
    time = sync_timespec(999999999);
    assert_true(time.tv_sec == 0 && time.tv_nsec == 999999999);
    time = sync_timespec(1000000000);
    assert_true(time.tv_sec == 1 && time.tv_nsec == 0);
    time = sync_timespec(INT64_MAX);
    assert_true(time.tv_sec == (sizeof(time_t) == 4 ? INT32_MAX : INT64_MAX / 1000000000) && time.tv_nsec < 1000000000);
}

#define MIB ((size_t)1 << 20)

static struct arena *make(size_t bytes, uint32_t clear, uint32_t flags) {
    struct arena_options options = {sizeof options, clear, flags};
    GIVEN(arena, arena, arena_create_with(ARENA_TYPE(char), bytes, &options, &arena));
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
TEST(sizes_that_only_the_system_refuses) {
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

/* Emulators keep advice about pages from the kernel. */
static bool advice_arrives(void) { return getenv("ARENA_TESTS_EMULATED") == NULL; }

TEST(prefault_takes_every_page) {
    if (!advice_arrives()) skip();
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t sizes[] = {1, page, page + 1, 10 * page};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct arena *arena = make(sizes[i], 0, ARENA_PREFAULT);
        size_t pages = (sizes[i] + page - 1) / page;
        assert_int_equal(pages_in_memory(arena->base, pages * page), pages);
        arena_destroy(arena);
    }
}

TEST(what_trim_gave_back_is_not_cleared_again) {
    for (uint32_t clear = ARENA_CLEAR_ON_HANDOUT; clear <= ARENA_CLEAR_NEVER; clear++) {
        struct arena *arena = make(8 * MIB, clear, 0);
        char *slab = arena_alloc_slab(arena, 8 * MIB);
        memset(slab, 1, 8 * MIB);
        assert_true(pages_in_memory(slab, 8 * MIB) > 0);
        arena_reset(arena);
        arena_trim(arena);
        assert_int_equal(pages_in_memory(slab, 8 * MIB), 0);
        assert_ptr_equal(arena_alloc_slab_with(arena, NULL, 8 * MIB), slab);
        assert_int_equal(pages_in_memory(slab, 8 * MIB), 0);
        assert_int_equal(slab[0] | slab[8 * MIB - 1], 0);
        arena_destroy(arena);
    }
}

/* Nobody wrote to it, but it was touched, and is not used. */
TEST(trim_gives_back_what_was_touched_at_creation) {
    if (!advice_arrives()) skip();
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (uint32_t clear = ARENA_CLEAR_ON_RESET; clear <= ARENA_CLEAR_NEVER; clear++) {
        struct arena *arena = make(MIB, clear, ARENA_PREFAULT);
        assert_int_equal(pages_in_memory(arena->base, MIB), MIB / page);
        (void)arena_alloc(arena, NULL);
        arena_trim(arena);
        assert_int_equal(pages_in_memory(arena->base, MIB), 1);
        arena_destroy(arena);
    }
}

/* What a thread was lent and has not used is free memory, too. */
TEST(trim_gives_back_chunks) {
    if (!advice_arrives()) skip();
    enum { CAPACITY = 1 << 17 };
    GIVEN(arena_concurrent, arena, arena_concurrent_create(ARENA_TYPE(int64_t), CAPACITY, &arena));
    int64_t *slab = arena_concurrent_alloc_slab(arena, CAPACITY);
    memset(slab, 1, MIB);
    arena_concurrent_reset(arena);
    assert_ptr_equal(arena_concurrent_alloc(arena, NULL), slab);
    assert_true(pages_in_memory(slab, MIB) > 1);
    arena_concurrent_trim(arena);
    assert_int_equal(pages_in_memory(slab, MIB), 1);
    assert_int_equal(arena_concurrent_used(arena), 1);
    assert_ptr_equal(arena_concurrent_alloc(arena, NULL), slab + 1);
    arena_concurrent_destroy(arena);
}

#if defined(__linux__) && !defined(ELSEWHERE) /* without the files for Linux nobody asks for them */
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

/* At both ends of more than a 32-bit number of bytes.  Here, as Linux alone reserves what it does not have. */
TEST(trim_reaches_to_the_end_of_a_huge_arena) {
    if (sizeof(size_t) < 8 || support_slow()) skip();
    const size_t bytes = (size_t)(UINT64_C(6) << 30);
    struct arena *arena = make(bytes, ARENA_CLEAR_ON_HANDOUT, 0);
    char *slab = arena_alloc_slab(arena, bytes);
    memset(slab, 1, MIB);
    memset(slab + bytes - MIB, 1, MIB);
    arena_reset(arena);
    arena_trim(arena);
    assert_int_equal(pages_in_memory(slab, MIB), 0);
    assert_int_equal(pages_in_memory(slab + bytes - MIB, MIB), 0);
    arena_destroy(arena);
}

TEST(huge_pages_are_asked_for_and_can_be_had) {
    if (!advice_arrives()) skip();
    struct arena *arena = make(16 * MIB, 0, ARENA_HUGE_PAGES);
    struct arena *plain = make(16 * MIB, 0, 0);
    struct arena *exact = make(2 * MIB, 0, ARENA_HUGE_PAGES);
    struct arena *ragged = make(5 * MIB + 1, ARENA_CLEAR_ON_HANDOUT, ARENA_HUGE_PAGES);
    char *slab = arena_alloc_slab(arena, 16 * MIB);
    assert_int_equal((uintptr_t)slab % (2 * MIB), 0);
    assert_int_equal((uintptr_t)arena_alloc_slab(exact, 1) % (2 * MIB), 0);
    assert_int_equal((uintptr_t)arena_alloc_slab(ragged, 1) % (2 * MIB), 0);
    /* Where the kernel has none, it takes no such advice. */
    if (access("/sys/kernel/mm/transparent_hugepage/enabled", R_OK) == 0 && has_flag(slab, " ") == 1) {
        assert_int_equal(has_flag(slab, " hg"), 1);
        assert_int_equal(has_flag(slab + 16 * MIB - 1, " hg"), 1);
        assert_int_equal(has_flag(arena_alloc_slab(plain, 1), " hg"), 0);
    }
    arena_destroy(arena);
    arena_destroy(plain);
    arena_destroy(exact);
    arena_destroy(ragged);
}
#endif

int main(void) { return support_run("platform"); }
