/* SPDX-License-Identifier: MIT */
/* What the system answers seldom or never, and waits in which the other threads' steps come just where they are wanted.
 *
 * The static library is linked so that its calls go through the wrappers below.  An answer of the system that the
 * library asks for once in a process is changed in a process of its own.  A thread that is to sleep calls `asleep` in
 * its stead: what happens there happens while it waits.
 */
#include "base/arith.h"
#include "base/poison.h"
#include "core/clear.h"
#include "platform/memory.h"
#include "platform/sync.h"
#include "sync/gate.h"

#include "../shares.h"
#include "../support.h"

#include <arena/arena.h>

#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

enum { GIVES_UP_S = 60 };

/* --- the wrappers --------------------------------------------------------------------------------------------------- */

long __real_sysconf(int name);
long __wrap_sysconf(int name);
long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
int __real_pthread_once(pthread_once_t *once, void (*routine)(void));
int __wrap_pthread_once(pthread_once_t *once, void (*routine)(void));
int __real_clock_gettime(clockid_t clock, struct timespec *time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *time);
int __real_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex);
int __wrap_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex);

enum { AS_IT_IS = 1000000 };
static long processors = AS_IT_IS;
static long page = AS_IT_IS;

long __wrap_sysconf(int name) {
    if (name == _SC_NPROCESSORS_ONLN && processors != AS_IT_IS) return processors;
    if (name == _SC_PAGESIZE && page != AS_IT_IS) return page;
    return __real_sysconf(name);
}

/* A byte for each page of that size, where the system's own would run past the caller's map. */
int __real_mincore(void *start, size_t size, unsigned char *touched);
int __wrap_mincore(void *start, size_t size, unsigned char *touched);
int __wrap_mincore(void *start, size_t size, unsigned char *touched) {
    size_t step = (size_t)__real_sysconf(_SC_PAGESIZE);
    if (page == AS_IT_IS || (size_t)page <= step) return __real_mincore(start, size, touched);
    unsigned char one;
    memset(touched, 0, (size + (size_t)page - 1) / (size_t)page);
    for (size_t at = 0; at < size; at += step) {
        if (__real_mincore((char *)start + at, step, &one) != 0) return -1;
        touched[at / (size_t)page] |= one;
    }
    return 0;
}

static enum { MEMBARRIER_AS_IT_IS, MEMBARRIER_OTHER_KINDS, MEMBARRIER_SHORT_OF_MEMORY, MEMBARRIER_REFUSED } membarrier;
static int barriers;

long __wrap_syscall(long number, ...) {
    va_list arguments;
    va_start(arguments, number);
    long a = va_arg(arguments, long);
    long b = va_arg(arguments, long);
    long c = va_arg(arguments, long);
    va_end(arguments);
#ifdef SYS_membarrier
    enum { QUERY = 0, GLOBAL = 1 << 0, PRIVATE_EXPEDITED = 1 << 3 };
    if (number == SYS_membarrier && (int)a == QUERY && membarrier == MEMBARRIER_OTHER_KINDS) return GLOBAL;
    if (number == SYS_membarrier && (int)a == PRIVATE_EXPEDITED && ++barriers == 1 &&
        membarrier == MEMBARRIER_SHORT_OF_MEMORY) {
        errno = ENOMEM;
        return -1;
    }
    if (number == SYS_membarrier && (int)a == PRIVATE_EXPEDITED && membarrier == MEMBARRIER_REFUSED) {
        errno = EPERM;
        return -1;
    }
#endif
    return __real_syscall(number, (long)(int)a, (long)(int)b, (long)(int)c);
}

static bool no_changes; /* of a page's protection */

int __real_mprotect(void *start, size_t size, int protection);
int __wrap_mprotect(void *start, size_t size, int protection);
int __wrap_mprotect(void *start, size_t size, int protection) {
    return no_changes ? -1 : __real_mprotect(start, size, protection);
}

static bool no_pages;

static bool refuses_page(int protection, int flags) {
    return no_pages && protection == PROT_READ && (flags & MAP_ANONYMOUS) != 0;
}
void *__real_mmap(void *start, size_t size, int protection, int flags, int file, off_t offset);
void *__wrap_mmap(void *start, size_t size, int protection, int flags, int file, off_t offset);
void *__wrap_mmap(void *start, size_t size, int protection, int flags, int file, off_t offset) {
    if (refuses_page(protection, flags)) return MAP_FAILED;
    return __real_mmap(start, size, protection, flags, file, offset);
}
#ifdef __GLIBC__
/* The name that -D_FILE_OFFSET_BITS=64 gives it.  Where off_t would have 32 bits otherwise it is another function. */
void *__real_mmap64(void *start, size_t size, int protection, int flags, int file, off_t offset);
void *__wrap_mmap64(void *start, size_t size, int protection, int flags, int file, off_t offset);
void *__wrap_mmap64(void *start, size_t size, int protection, int flags, int file, off_t offset) {
    if (refuses_page(protection, flags)) return MAP_FAILED;
    return __real_mmap64(start, size, protection, flags, file, offset);
}
#endif

static bool no_once;

int __wrap_pthread_once(pthread_once_t *once, void (*routine)(void)) {
    return no_once ? EINVAL : __real_pthread_once(once, routine);
}

static bool no_clock;
static _Thread_local clockid_t asked_clock;
static atomic_long stopped_s;                /* the clock stands still there, where that is not 0 */
static _Thread_local void (*at_clock)(void); /* called at each look at the clock */

int __wrap_clock_gettime(clockid_t clock, struct timespec *time) {
    if (at_clock != NULL) at_clock();
    asked_clock = clock;
    if (no_clock) return -1;
    if (stopped_s == 0) return __real_clock_gettime(clock, time);
    *time = (struct timespec){(time_t)stopped_s, 0};
    return 0;
}

static _Thread_local void (*asleep)(void); /* once */

int __wrap_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex) {
    void (*step)(void) = asleep;
    if (step == NULL) return __real_pthread_cond_wait(condition, mutex);
    asleep = NULL;
    (void)pthread_mutex_unlock(mutex);
    step();
    (void)pthread_mutex_lock(mutex);
    return 0;
}

/* --- what the system answers ---------------------------------------------------------------------------------------- */

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                      \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

/* Its wait status. */
static int in_a_process(void (*body)(void)) {
    (void)fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        (void)alarm(GIVES_UP_S);
        body();
        exit(0);
    }
    int status = -1;
    assert_true(child > 0 && waitpid(child, &status, 0) == child);
    return status;
}
static void succeeds(void (*body)(void)) { assert_int_equal(in_a_process(body), 0); }
static void aborts(void (*body)(void)) {
    int status = in_a_process(body);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

/* A gate of a machine with one processor: nobody spins, and a wait ends all the same. */
static void wait_in_vain(void) {
    CHECK(thread_processors() == 1);
    struct gate gate;
    struct cancel_node node;
    CHECK(gate_init(&gate, 1) && cancel_start(&node, NULL, clock_now() + 1000000));
    CHECK(gate_enter(&gate, NULL) == ARENA_OK);
    CHECK(gate_enter(&gate, &node) == ARENA_ETIMEDOUT);
    gate_leave(&gate);
    CHECK(gate_idle(&gate));
    cancel_finish(&node);
    gate_finish(&gate);
}

TEST(one_processor) {
    (void)state;
    processors = 1;
    succeeds(wait_in_vain);
    processors = -1; /* it does not know: one */
    succeeds(wait_in_vain);
    processors = 0;
    succeeds(wait_in_vain);
    processors = AS_IT_IS;
}

static void count_processors(void) {
    processors = 3;
    CHECK(thread_processors() == 3);
    processors = 5; /* asked for once: who waits does not make a system call for it */
    CHECK(thread_processors() == 3);
}

TEST(more_processors) {
    (void)state;
    succeeds(count_processors);
}

/* A thread that cannot be told of its end keeps nothing. */
static void borrow_and_wait(void) {
    struct arena_pool *pool;
    struct arena *arena;
    struct arena *again;
    bool once = no_once;
    no_once = false; /* a pool asks for the barrier */
    CHECK(arena_pool_create(ARENA_TYPE(int), 10, &pool) == ARENA_OK);
    no_once = once;
    CHECK(arena_pool_checkout(pool, &arena) == ARENA_OK);
    CHECK(arena_try_alloc(arena, &(int){1}) != NULL);
    arena_pool_return(pool, arena);
    CHECK(arena_pool_checkout(pool, &again) == ARENA_OK && again == arena && arena_used(again) == 0);
    arena_pool_return(pool, again);
    CHECK(arena_pool_destroy(pool) == ARENA_OK);
    wait_in_vain();
}

static void look_at_the_clock(void) { (void)clock_now(); }
static void look_for_the_barrier(void) { (void)barrier_available(); }

/* POSIX does not let these fail as they are called here. */
TEST(what_never_fails) {
    (void)state;
    no_clock = true;
    aborts(look_at_the_clock);
    no_clock = false;
    no_once = true;
    processors = 1;
    succeeds(borrow_and_wait);
    processors = AS_IT_IS;
    if (in_a_process(look_for_the_barrier) != 0) aborts(look_for_the_barrier); /* where there is one to look for */
    no_once = false;
}

static void fill_and_reset(void) {
    struct arena_concurrent *arena;
    CHECK(arena_concurrent_create(ARENA_TYPE(int), 100, &arena) == ARENA_OK);
    for (int round = 0; round < 2; round++) {
        const int *first = arena_concurrent_try_alloc(arena, &(int){7});
        CHECK(first != NULL && *first == 7);
        for (int i = 1; i < 100; i++) CHECK(arena_concurrent_try_alloc(arena, &i) != NULL);
        CHECK(arena_concurrent_try_alloc(arena, NULL) == NULL && arena_concurrent_used(arena) == 100);
        arena_concurrent_reset(arena);
        CHECK(arena_concurrent_used(arena) == 0);
        const int *zero = arena_concurrent_try_alloc_slab(arena, 2);
        CHECK(zero != NULL && zero[0] == 0 && zero[1] == 0);
        arena_concurrent_reset(arena);
    }
    arena_concurrent_destroy(arena);
}

static void without_a_barrier(void) {
    CHECK(!barrier_available());
    fill_and_reset();
}

static void revoke_beside_one_that_stays(void) {
    CHECK(thread_processors() == 1);
    if (!barrier_available() || poison_active()) return;
    struct share_set shares;
    (void)shares_begin_words(&shares);
    CHECK(shares_refill(&shares, NULL, 1, false) != NULL);
    struct share *other = shares_leave_in_the_middle(&shares);
    barriers = 0;
    CHECK(!shares_try_revoke(&shares)); /* it is in the middle, and cannot go on before this thread sleeps */
    CHECK(barriers == 1);
    share_commit(other, atomic_ptr_load(&other->claim, relaxed));
    CHECK(shares_try_revoke(&shares));
    CHECK(slots_used(shares.slots) == 3);
    shares_end_words(&shares);
}

/* Nobody spins for a thread that has no processor to go on with. */
TEST(one_processor_looks_once) {
    processors = 1;
    succeeds(revoke_beside_one_that_stays);
    processors = AS_IT_IS;
}

static void fill_half(struct arena_concurrent *arena) {
    for (int i = 0; i < 50; i++) CHECK(arena_concurrent_try_alloc(arena, &i) != NULL);
}

static void *fill_and_revoke(void *user) {
    struct arena_concurrent *arena = user;
    fill_half(arena);
    barriers = 0;
    arena_concurrent_reset(arena); /* ends the main thread's chunk */
    CHECK((barriers != 0) == (barrier_available() && !poison_active()));
    CHECK(arena_concurrent_used(arena) == 0);
    return NULL;
}

static void with_a_barrier_that_fails(void) {
    struct arena_concurrent *arena;
    CHECK(arena_concurrent_create(ARENA_TYPE(int), 100000, &arena) == ARENA_OK);
    fill_half(arena);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, fill_and_revoke, arena) == 0 && pthread_join(thread, NULL) == 0);
    fill_half(arena);
    CHECK(arena_concurrent_used(arena) == 50);
    arena_concurrent_destroy(arena);
}

static bool lends_chunks(void) { return barrier_available() && !poison_active(); }
/* Is there another way? */
static bool barrier_flips(void) { return barrier_heavy(); }

TEST(other_membarriers) {
    (void)state;
    membarrier = MEMBARRIER_OTHER_KINDS;
    succeeds(without_a_barrier);
    membarrier = MEMBARRIER_SHORT_OF_MEMORY;
    succeeds(with_a_barrier_that_fails);
    no_changes = true;
    succeeds(with_a_barrier_that_fails);
    membarrier = MEMBARRIER_REFUSED;
    no_pages = true; /* nor one whose protection could be changed, from the start */
    int without_a_page = in_a_process(with_a_barrier_that_fails);
    no_pages = false;
    if (lends_chunks()) aborts(with_a_barrier_that_fails); /* and says why */
    no_changes = false;
    if (lends_chunks() && barrier_flips()) succeeds(with_a_barrier_that_fails);
    if (lends_chunks()) assert_true(WIFSIGNALED(without_a_page) && WTERMSIG(without_a_page) == SIGABRT);
    membarrier = MEMBARRIER_AS_IT_IS;
}

/* --- waits whose steps are told -------------------------------------------------------------------------------------- */

static struct gate gate;
static pthread_t second;
static int second_status;

static void *be_second(void *user) {
    (void)user;
    second_status = gate_enter(&gate, NULL);
    return NULL;
}

static void yield(void) { (void)nanosleep(&(struct timespec){0, 1000000}, NULL); }

/* Another thread comes, and waits behind this one. */
static void second_comes(void) {
    CHECK(pthread_create(&second, NULL, be_second, NULL) == 0);
    for (bool queued = false; !queued; yield()) {
        mutex_lock(&gate.mutex);
        queued = gate.first != NULL && gate.first->gate_next != NULL;
        mutex_unlock(&gate.mutex);
    }
}

static void second_leaves(void) {
    CHECK(pthread_join(second, NULL) == 0 && second_status == ARENA_OK);
    gate_leave(&gate);
}

static void begin(uint32_t permits) {
    (void)alarm(GIVES_UP_S);
    CHECK(gate_init(&gate, permits));
    for (uint32_t i = 0; i < permits; i++) CHECK(gate_try_enter(&gate));
    stopped_s = 1000; /* nobody has waited long */
}

static void finish(void) {
    stopped_s = 0;
    assert_true(gate_idle(&gate));
    gate_finish(&gate);
    (void)alarm(0);
}

/* It saw that somebody waits, and then the queue emptied. */
TEST(leaving_finds_nobody) {
    (void)state;
    begin(1);
    gate_leave_waking(&gate);
    finish();
}

static void one_permit_comes(void) {
    second_comes();
    gate_leave(&gate);
}

/* Who was woken takes the one permit there is, and has none to pass on. */
TEST(woken_with_one_permit) {
    (void)state;
    begin(1);
    asleep = one_permit_comes;
    assert_int_equal(gate_enter(&gate, NULL), ARENA_OK);
    gate_leave(&gate);
    second_leaves();
    finish();
}

static void two_permits_come(void) {
    second_comes();
    gate_leave(&gate);
    gate_leave_waking(&gate); /* as one that saw the word before the first: somebody is on the way */
}

/* Who was woken finds two permits: takes one, and wakes the next for the other. */
TEST(woken_with_two_permits) {
    (void)state;
    begin(2);
    asleep = two_permits_come;
    assert_int_equal(gate_enter(&gate, NULL), ARENA_OK);
    second_leaves();
    gate_leave(&gate);
    finish();
}

/* When this thread is in the queue and asks whether its time is over. */
static void permit_comes_too_late(void) {
    if (gate.first == NULL) return;
    at_clock = NULL;
    second_comes();
    gate_leave(&gate);
    stopped_s += 10; /* and now it is */
}

/* The deadline passes when the waiter has just been woken: it passes the wake-up on. */
TEST(woken_at_the_deadline) {
    (void)state;
    begin(1);
    struct cancel_node node;
    assert_true(cancel_start(&node, NULL, (stopped_s + 5) * (int64_t)1000000000));
    at_clock = permit_comes_too_late;
    assert_int_equal(gate_enter(&gate, &node), ARENA_ETIMEDOUT);
    assert_null(at_clock);
    second_leaves();
    cancel_finish(&node);
    finish();
}

/* Pages of 16 and 64 KiB are common on other processors: what is given back there are whole ones of those. */
TEST(larger_pages) {
    (void)state;
    for (page = 1 << 14; page <= 1 << 16; page *= 4) {
        const size_t bytes = (size_t)1 << 20;
        assert_int_equal(pages_size(), page);
        GIVEN(arena, arena, arena_create(ARENA_TYPE(char), bytes, &arena));
        char *slots = memset(arena_alloc_slab(arena, bytes), 1, bytes);
        arena_reset(arena);
        assert_ptr_equal(memset(arena_alloc_slab(arena, 5000), 1, 5000), slots);
        arena_trim(arena);
        assert_int_equal(slots[4999], 1);
        assert_int_equal(*(char *)arena_alloc_slab(arena, bytes - 5000), 0);
        arena_destroy(arena);
    }
    page = AS_IT_IS;
}

/* A range that is long enough to be asked about, and has no whole page. */
TEST(ranges_without_a_whole_page) {
    (void)state;
    page = 1 << 16;
    char *pages = pages_reserve(3 * (size_t)page);
    assert_non_null(pages);
    char *start = pages + arith_padding((uintptr_t)pages, (size_t)page) + 1;
    memset(start - 1, 1, CLEAR_ASK_BYTES + 2);
    assert_ptr_equal(clear_touched(start, CLEAR_ASK_BYTES), start + CLEAR_ASK_BYTES);
    assert_true(start[-1] == 1 && start[CLEAR_ASK_BYTES] == 1);
    assert_true(all_zero(start, CLEAR_ASK_BYTES));
    assert_true(pages_release(pages, 3 * (size_t)page));
    page = AS_IT_IS;
}

static int looks;
static void time_is_over_at_the_second_look(void) {
    if (++looks == 2) stopped_s += 10;
}

/* A context that ends just before its place in a pool is taken has ended: and the place is free again. */
TEST(a_place_is_not_taken_too_late) {
    (void)state;
    const struct arena_pool_options options = {.struct_size = sizeof options, .max_arenas = 1};
    GIVEN(arena_pool, pool, arena_pool_create_with(ARENA_TYPE(int), 4, &options, &pool));
    stopped_s = 1000;
    GIVEN(arena_context, context, arena_context_with_deadline(NULL, INT64_C(1005000000000), &context));
    looks = 0;
    at_clock = time_is_over_at_the_second_look;
    struct arena *arena = (struct arena *)(void *)&looks;
    int status = arena_pool_checkout_context(pool, context, &arena);
    at_clock = NULL;
    stopped_s = 0;
    assert_int_equal(looks, 2);
    assert_int_equal(status, ARENA_ETIMEDOUT);
    assert_null(arena);
    struct arena_pool_stats stats = {.struct_size = sizeof stats};
    assert_int_equal(arena_pool_get_stats(pool, &stats), ARENA_OK);
    assert_true(stats.out == 0 && stats.waits == 0);
    assert_int_equal(arena_pool_checkout(pool, &arena), ARENA_OK);
    arena_pool_return(pool, arena);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
    arena_context_release(context);
}

/* Not a coarse one, which would hand a gate over late, nor one that steps when somebody sets the time. */
TEST(the_clock_is_the_monotonic_one) {
    (void)state;
    asked_clock = CLOCK_REALTIME;
    (void)clock_now();
    assert_int_equal(asked_clock, CLOCK_MONOTONIC);
}

int main(void) { return support_run("sync"); }
