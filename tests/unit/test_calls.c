/* SPDX-License-Identifier: MIT */
/* What the platform layer asks of the system, which the model checker replaces and other tests see the effect of by chance:
 * the barrier on all processors, the clock of conditions, the time of a wait, the key of threads that end.  The calls come
 * here (linker --wrap). */
#include "platform/memory.h"
#include "platform/stack.h"
#include "platform/sync.h"
#include "runtime/thread.h"

#include "../shares.h"
#include "../support.h"

#include <arena/arena.h>

#include <linux/membarrier.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unwind.h>

/* --- the calls ------------------------------------------------------------------------------------------------------ */

static int barriers;         /* membarriers asked for */
static int barriers_refused; /* how many of the next ones fail */
static int barrier_error;
static long last_command;

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...) {
    va_list arguments;
    va_start(arguments, number);
    long words[5];
    for (int i = 0; i < 5; i++) words[i] = va_arg(arguments, long);
    va_end(arguments);
    if (number == SYS_membarrier) {
        barriers++;
        last_command = (int)words[0];
        if (barriers_refused > 0) {
            barriers_refused--;
            errno = barrier_error;
            return -1;
        }
    }
    return __real_syscall(number, words[0], words[1], words[2], words[3], words[4]);
}

static int flips;      /* changes of protection asked for */
static int flips_left; /* until one fails; negative: none does */
int __real_mprotect(void *start, size_t size, int protection);
int __wrap_mprotect(void *start, size_t size, int protection);
int __wrap_mprotect(void *start, size_t size, int protection) {
    flips++;
    if (flips_left == 0) return -1;
    if (flips_left > 0) flips_left--;
    return __real_mprotect(start, size, protection);
}

static int attributes_made; /* and not ended */
static bool no_attributes;
int __real_pthread_condattr_init(pthread_condattr_t *attributes);
int __wrap_pthread_condattr_init(pthread_condattr_t *attributes);
int __wrap_pthread_condattr_init(pthread_condattr_t *attributes) {
    if (no_attributes) return ENOMEM;
    attributes_made++;
    return __real_pthread_condattr_init(attributes);
}
int __real_pthread_condattr_destroy(pthread_condattr_t *attributes);
int __wrap_pthread_condattr_destroy(pthread_condattr_t *attributes);
int __wrap_pthread_condattr_destroy(pthread_condattr_t *attributes) {
    attributes_made--;
    return __real_pthread_condattr_destroy(attributes);
}

static bool no_clock;
static int last_clock = -1;
int __real_pthread_condattr_setclock(pthread_condattr_t *attributes, clockid_t clock);
int __wrap_pthread_condattr_setclock(pthread_condattr_t *attributes, clockid_t clock);
int __wrap_pthread_condattr_setclock(pthread_condattr_t *attributes, clockid_t clock) {
    if (no_clock) return EINVAL;
    last_clock = (int)clock;
    return __real_pthread_condattr_setclock(attributes, clock);
}

static struct share *writing; /* the thread in the middle of an allocation from it is done at the last of many waits */
enum { MANY = 100000 };

static int waits;
static int timed_waits;
static struct timespec last_until;
int __wrap_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex);
int __wrap_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex) {
    (void)condition;
    (void)mutex;
    waits++;
    return 0; /* a spurious wake-up */
}
int __wrap_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until);
int __wrap_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until) {
    (void)condition;
    (void)mutex;
    timed_waits++;
    last_until = *until;
    if (writing != NULL && timed_waits == MANY) share_commit(writing, atomic_ptr_load(&writing->claim, relaxed));
    return 0;
}

static int sleeps;
static struct timespec last_sleep;
int __wrap_nanosleep(const struct timespec *duration, struct timespec *rest);
int __wrap_nanosleep(const struct timespec *duration, struct timespec *rest) {
    (void)rest;
    sleeps++;
    last_sleep = *duration;
    if (writing != NULL && sleeps == MANY) share_commit(writing, atomic_ptr_load(&writing->claim, relaxed));
    return 0;
}

static int specifics;
static bool no_specifics;
/* clang links ThreadSanitizer into the program, so its runtime calls this one, too, when it has done with a thread. */
#if defined(__has_attribute)
#if __has_attribute(disable_sanitizer_instrumentation)
#define NO_INSTRUMENTATION __attribute__((disable_sanitizer_instrumentation))
#endif
#endif
#ifndef NO_INSTRUMENTATION
#define NO_INSTRUMENTATION
#endif
int __real_pthread_setspecific(pthread_key_t key, const void *value);
NO_INSTRUMENTATION int __wrap_pthread_setspecific(pthread_key_t key, const void *value);
int __wrap_pthread_setspecific(pthread_key_t key, const void *value) {
    specifics++;
    if (no_specifics) return ENOMEM;
    return __real_pthread_setspecific(key, value);
}

static size_t last_bytes;
static _Thread_local bool no_memory;
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size) {
    last_bytes = count * size;
    if (no_memory) return NULL;
    return __real_calloc(count, size);
}

static bool no_unwinding;
_Unwind_Reason_Code __real__Unwind_Backtrace(_Unwind_Trace_Fn step, void *argument);
_Unwind_Reason_Code __wrap__Unwind_Backtrace(_Unwind_Trace_Fn step, void *argument);
_Unwind_Reason_Code __wrap__Unwind_Backtrace(_Unwind_Trace_Fn step, void *argument) {
    return no_unwinding ? _URC_END_OF_STACK : __real__Unwind_Backtrace(step, argument);
}

static bool no_stack; /* nobody knows where it lies */
int __real_pthread_getattr_np(pthread_t thread, pthread_attr_t *attributes);
int __wrap_pthread_getattr_np(pthread_t thread, pthread_attr_t *attributes);
int __wrap_pthread_getattr_np(pthread_t thread, pthread_attr_t *attributes) {
    return no_stack ? ENOMEM : __real_pthread_getattr_np(thread, attributes);
}

static int refusal; /* what advice is refused with; EINVAL is an old kernel, which knows no advice to populate */
int __real_madvise(void *start, size_t size, int advice);
int __wrap_madvise(void *start, size_t size, int advice);
int __wrap_madvise(void *start, size_t size, int advice) {
    if (refusal == 0) return __real_madvise(start, size, advice);
    errno = refusal;
    return -1;
}

/* --- the tests ------------------------------------------------------------------------------------------------------ */

static void *use_gated(void *user) {
    struct arena_concurrent *arena = user;
    for (int i = 0; i < 3000; i++) (void)arena_concurrent_try_alloc(arena, NULL);
    return NULL;
}

/* ARENA_GATE_ONLY is for those who want none, and nothing asked of the system. */
TEST(gate_only_never_asks_for_a_barrier) {
    const struct arena_options options = {.struct_size = sizeof options, .flags = ARENA_GATE_ONLY};
    barriers = 0;
    GIVEN(arena_concurrent, arena, arena_concurrent_create_with(ARENA_TYPE(int), 5000, &options, &arena));
    (void)use_gated(arena);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, use_gated, arena), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(arena_concurrent_used(arena), 5000);
    arena_concurrent_reset(arena);
    GIVEN(arena, held, arena_concurrent_acquire(arena, NULL, &held));
    arena_concurrent_release(arena);
    arena_concurrent_destroy(arena);
    assert_int_equal(barriers, 0);
}

TEST(the_heavy_barrier_asks_the_kernel) {
    long supported = __real_syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);
    bool wanted = supported > 0 && (supported & MEMBARRIER_CMD_PRIVATE_EXPEDITED) != 0;
    assert_int_equal(barrier_available(), wanted);
    assert_int_equal(barrier_available(), wanted);
    if (!wanted) return;
    barriers = flips = 0;
    flips_left = -1;
    assert_true(barrier_heavy());
    assert_true(barriers == 1 && flips == 0);
    assert_int_equal(last_command, MEMBARRIER_CMD_PRIVATE_EXPEDITED);
}

static bool refused_barrier(int error, int refused, int flips_granted) {
    barriers = flips = 0;
    barrier_error = error;
    barriers_refused = refused;
    flips_left = flips_granted;
    bool reached = barrier_heavy();
    barriers_refused = 0;
    flips_left = -1;
    return reached;
}

/* What a system refuses once it was granted: a change of protection does it too, where that interrupts. */
TEST(a_barrier_that_is_refused_is_had_otherwise_or_not_at_all) {
    if (!barrier_available()) skip();
    bool other = refused_barrier(EPERM, 1, -1);
    assert_int_equal(barriers, 1);
    assert_int_equal(flips, other ? 2 : 0);
    for (int granted = 0; granted < 2; granted++) {
        assert_false(refused_barrier(ENOSYS, 1, granted));
        assert_int_equal(barriers, 1);
    }
    assert_true(refused_barrier(ENOMEM, 50, 0)); /* short of memory, for a while */
    assert_int_equal(barriers, 51);
    assert_int_equal(last_command, MEMBARRIER_CMD_PRIVATE_EXPEDITED);
    assert_int_equal(refused_barrier(EPERM, 1, -1), other); /* half a change does no harm to the next */
    print_message("[          ] %s\n", other ? "by a change of protection" : "there is no other way");
}

TEST(conditions_go_by_the_clock_of_deadlines) {
    struct condition condition;
    struct mutex mutex;
    assert_true(condition_init(&condition) && mutex_init(&mutex));
    assert_int_equal(last_clock, CLOCK_MONOTONIC);
    assert_int_equal(attributes_made, 0);
    mutex_lock(&mutex);
    condition_wait_until(&condition, &mutex, INT64_C(1234567890123));
    assert_true(timed_waits == 1 && waits == 0);
    assert_true(last_until.tv_sec == 1234 && last_until.tv_nsec == 567890123);
    condition_wait_until(&condition, &mutex, INT64_MAX);
    assert_true(timed_waits == 1 && waits == 1);
    condition_wait(&condition, &mutex);
    assert_true(timed_waits == 1 && waits == 2);
    mutex_unlock(&mutex);
    condition_destroy(&condition);
    mutex_destroy(&mutex);

    struct timespec before;
    struct timespec after;
    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &before), 0);
    int64_t now = clock_now();
    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &after), 0);
    assert_true((int64_t)before.tv_sec * 1000000000 + before.tv_nsec <= now);
    assert_true(now <= (int64_t)after.tv_sec * 1000000000 + after.tv_nsec);
}

TEST(conditions_that_cannot_be_had) {
    struct condition condition;
    no_attributes = true;
    assert_false(condition_init(&condition));
    no_attributes = false;
    no_clock = true;
    assert_false(condition_init(&condition));
    no_clock = false;
    assert_int_equal(attributes_made, 0);
}

TEST(sleeps_are_as_long_as_asked) {
    sleeps = 0;
    thread_sleep(INT64_C(2000000001));
    assert_true(sleeps == 1 && last_sleep.tv_sec == 2 && last_sleep.tv_nsec == 1);
    thread_pause();
    assert_true(sleeps == 2 && last_sleep.tv_sec == 0 && last_sleep.tv_nsec > 0);
}

TEST(cancellation_is_as_it_was) {
    int was = -1;
    int outer = thread_hold_cancel();
    assert_int_equal(outer, PTHREAD_CANCEL_ENABLE);
    int inner = thread_hold_cancel();
    assert_int_equal(inner, PTHREAD_CANCEL_DISABLE);
    thread_release_cancel(inner);
    assert_int_equal(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &was), 0);
    assert_int_equal(was, PTHREAD_CANCEL_DISABLE);
    thread_pause();
    assert_int_equal(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &was), 0);
    assert_int_equal(was, PTHREAD_CANCEL_DISABLE);
    thread_release_cancel(outer);
    assert_int_equal(pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &was), 0);
    assert_int_equal(was, PTHREAD_CANCEL_ENABLE);
}

TEST(blocks_are_as_large_as_asked) {
    void *block = memory_alloc(1000);
    assert_non_null(block);
    assert_int_equal(last_bytes, 1000);
    memory_free(block);
}

/* Every page of the range, and none behind it. */
TEST(old_kernels_are_given_a_touch_for_each_page) {
    enum { PAGES = 5 };
    const size_t page = pages_size();
    unsigned char in_memory[PAGES + 1];
    char *start = pages_reserve((PAGES + 1) * page);
    assert_non_null(start);
    refusal = EINVAL;
    bool done = pages_prefault(start, PAGES * page);
    refusal = 0;
    assert_true(done);
    assert_int_equal(mincore(start, (PAGES + 1) * page, in_memory), 0);
    for (size_t i = 0; i < PAGES; i++) assert_int_equal(in_memory[i] & 1, 1);
    assert_int_equal(in_memory[PAGES] & 1, 0);
    for (size_t i = 0; i < PAGES * page; i++) assert_int_equal(start[i], 0);
    pages_release(start, (PAGES + 1) * page);
}

/* Any other refusal says that there are no such pages: to touch them would end the process. */
TEST(pages_that_cannot_be_had_are_not_touched) {
    static const int refusals[] = {ENOMEM, EFAULT, EAGAIN};
    const size_t page = pages_size();
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        unsigned char in_memory = 0;
        char *start = pages_reserve(page);
        assert_non_null(start);
        refusal = refusals[i];
        bool done = pages_prefault(start, page);
        refusal = 0;
        assert_false(done);
        assert_int_equal(mincore(start, page, &in_memory), 0);
        assert_int_equal(in_memory & 1, 0);
        pages_release(start, page);
    }
}

static enum { NOT_LOOKED_AT, NEVER_ARMED, ARMED } ending;
static pthread_key_t own_key; /* NEVER_ARMED: another library's; ARMED: given back, and libarena's got its number */

/* Runs when the destructors without a priority have, the library's among them. */
__attribute__((destructor(101))) static void look_at_the_end(void) {
    if (ending == NEVER_ARMED && __real_pthread_setspecific(own_key, &ending) != 0) _exit(1);
    if (ending != ARMED) return;
    pthread_key_t next;
    if (pthread_key_create(&next, NULL) != 0) _exit(2);
#ifdef __GLIBC__ /* which gives away the lowest number that is free */
    if (next != own_key) _exit(3);
#endif
    thread_state()->armed = false;
    if (thread_exit_arm(thread_state()) || thread_state()->armed) _exit(4);
    if (pthread_getspecific(next) != NULL) _exit(5);
}

/* As in a plugin that is unloaded: its key is gone if it had one, others' are as they were, and nothing is armed. */
TEST(the_key_ends_with_the_library) {
    for (int armed = 0; armed < 2; armed++) {
        pid_t child = fork();
        if (child == 0) {
            if (pthread_key_create(&own_key, NULL) != 0) _exit(10);
            if (armed && (pthread_key_delete(own_key) != 0 || !thread_exit_arm(thread_state()))) _exit(11);
            ending = armed ? ARMED : NEVER_ARMED;
            exit(0);
        }
        int status = -1;
        assert_true(child > 0 && waitpid(child, &status, 0) == child);
        assert_int_equal(status, 0);
    }
}

TEST(threads_are_armed_once) {
    specifics = 0;
    no_specifics = true; /* then it is not armed, and the next call tries again */
    assert_false(thread_exit_arm(thread_state()));
    assert_false(thread_state()->armed);
    assert_false(thread_exit_arm(thread_state()));
    assert_int_equal(specifics, 2);
    no_specifics = false;
    specifics = 0;
    assert_true(thread_exit_arm(thread_state()));
    assert_true(thread_state()->armed);
    assert_int_equal(specifics, 1);
    assert_true(thread_exit_arm(thread_state()));
    assert_int_equal(specifics, 1);
}

/* However long a thread is in the middle of an allocation, whoever revokes its chunk waits. */
TEST(a_revocation_waits_for_who_is_in_the_middle) {
    struct share_set shares;
    struct arena *arena = shares_begin_words(&shares);
    writing = shares_leave_in_the_middle(&shares);
    char *commit = atomic_ptr_load(&writing->commit, relaxed);
    timed_waits = 0;
    assert_int_equal(shares_revoke(&shares, NULL), ARENA_OK);
    assert_true(timed_waits >= MANY);
    assert_ptr_equal(atomic_ptr_load(&writing->commit, relaxed), commit + 8);
    assert_int_equal(slots_used(arena), 2);
    writing = NULL;
    shares_end_words(&shares);
}

static void *revoke_without_memory(void *shares) {
    no_memory = true; /* nor is there a place to sleep at */
    int status = shares_revoke(shares, NULL);
    no_memory = false;
    return status == ARENA_OK ? shares : NULL;
}

static void *revoke_in_vain(void *shares) {
    struct cancel_node node;
    assert_true(cancel_start(&node, NULL, clock_now() + 1000000));
    no_memory = true;
    int status = shares_revoke(shares, &node);
    no_memory = false;
    cancel_finish(&node);
    return status == ARENA_ETIMEDOUT ? shares : NULL;
}

/* So does a thread that has no memory to wait in: it looks now and then, until it is done or its context ends. */
TEST(a_revocation_waits_without_memory) {
    struct share_set shares;
    struct arena *arena = shares_begin_words(&shares);
    pthread_t thread;
    void *result = NULL;
    struct share *share = shares_leave_in_the_middle(&shares);
    assert_int_equal(pthread_create(&thread, NULL, revoke_in_vain, &shares), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_ptr_equal(result, &shares);
    assert_true(share->active);
    writing = share;
    sleeps = 0;
    assert_int_equal(pthread_create(&thread, NULL, revoke_without_memory, &shares), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_ptr_equal(result, &shares);
    assert_true(sleeps >= MANY && !share->active);
    assert_int_equal(slots_used(arena), 2);
    writing = NULL;
    shares_end_words(&shares);
}

static void *take_900(void *arena) { return arena_bytes_concurrent_try_alloc(arena, 900, 1); }

/* What a chunk has left stays where it is, if there is no memory to note it elsewhere, and is had later. */
TEST(rests_that_cannot_be_set_aside_are_not_lost) {
    enum { CAPACITY = 1 << 20, LARGE = 15000 };
    struct arena_bytes_concurrent *arena = arena_bytes_concurrent_create(CAPACITY);
    assert_non_null(arena);
    for (int again = 0; again < 2; again++) {
        size_t used = 0;
        assert_non_null(take_900(arena));
        pthread_t thread;
        void *block = NULL;
        assert_int_equal(pthread_create(&thread, NULL, take_900, arena), 0); /* whose chunk lies above */
        assert_int_equal(pthread_join(thread, &block), 0);
        assert_non_null(block);
        for (int i = 0; i < 66; i++) assert_non_null(take_900(arena));
        used += 68 * 900;
        no_memory = true;
        char *large = arena_bytes_concurrent_try_alloc(arena, LARGE, 1);
        no_memory = false;
        assert_true(large != NULL && all_zero(large, LARGE));
        memset(large, 1, LARGE);
        used += LARGE;
        assert_int_equal(arena_bytes_concurrent_used(arena), used);
        for (; arena_bytes_concurrent_try_alloc(arena, 1, 1) != NULL; used++) {}
        assert_int_equal(used, CAPACITY);
        arena_bytes_concurrent_reset(arena);
    }
    arena_bytes_concurrent_destroy(arena);
}

TEST(who_does_not_know_its_stack_gives_nothing_up) {
    static int elsewhere;
    const uintptr_t one = (uintptr_t)__builtin_frame_address(0); /* a checker keeps variables elsewhere */
    const uintptr_t other = (uintptr_t)&elsewhere;
    assert_true(stack_holds(one, one));
    assert_false(stack_holds(one, other));
    assert_false(stack_holds(other, one));
    no_stack = true;
    bool holds = stack_holds(one, one);
    no_stack = false;
    assert_false(holds);
    assert_false(stack_of_signals());
}

static void panic_inside(void *text) { arena_panic(text); }
static void panic_inside_and_outside(void *text) {
    if (arena_protect(panic_inside, text) == ARENA_EPANIC) arena_panic(text);
}

/* Where nothing can be unwound at all, the actions that are outside of a new one live. */
TEST(actions_nest_where_nothing_can_be_unwound) {
    static char text[] = "outside";
    struct arena_panic_info info;
    no_unwinding = true;
    int status = arena_protect_with(panic_inside_and_outside, text, &info);
    no_unwinding = false;
    assert_int_equal(status, ARENA_EPANIC);
    assert_string_equal(info.message, text);
}

/* --- trims that cannot reach a thread ----------------------------------------------------------------------------------- */

static struct arena_pool *trimmed;
static struct atomic_u32 step;
static void await_step(uint32_t at_least) {
    while (atomic_u32_load(&step, acquire) < at_least) (void)sched_yield();
}
static void next_step(void) { (void)atomic_u32_add(&step, 1, acq_rel); }

static size_t idle_arenas(void) {
    struct arena_pool_stats stats = {.struct_size = sizeof stats};
    assert_int_equal(arena_pool_get_stats(trimmed, &stats), ARENA_OK);
    return stats.idle;
}

enum answer {
    BY_TAKING,
    AFTER_A_CALL,
    BY_RETURNING,
    BY_LEAVING_A_SCOPE,
    BY_PARKING_A_SCOPE,
    BY_ENDING,
    LATER,
    ANSWERS
};
static enum answer way;
static struct arena *left_out;

static void *borrow_once(void *pool) {
    struct arena *arena;
    if (arena_pool_checkout(pool, &arena) != ARENA_OK) return NULL;
    arena_pool_return(pool, arena);
    return pool;
}

/* Two arenas are idle in its cache, one is its scope's and one is checked out, when the trim comes. */
static void *keep_and_answer(void *user) {
    struct arena *arenas[3] = {NULL, NULL, NULL};
    struct arena_pool_scope scope;
    bool fine = true;
    for (int i = 0; i < 3; i++) fine &= arena_pool_checkout(trimmed, &arenas[i]) == ARENA_OK;
    fine &= arena_pool_scope_enter(trimmed, &scope) == ARENA_OK;
    for (int i = 0; i < 2; i++) arena_pool_return(trimmed, arenas[i]);
    left_out = arenas[2];
    if (way == AFTER_A_CALL) locals_enter(thread_state()); /* it is in the middle of one, for long */
    next_step();
    await_step(2);
    struct arena *other = NULL;
    struct arena_burst burst;
    struct arena_fiber self = {{NULL, NULL}};
    struct arena_fiber fiber = {{NULL, NULL}};
    switch (way) {
    case AFTER_A_CALL:
    case BY_TAKING: /* begins with the end of the bracket */
        fine &= arena_pool_checkout(trimmed, &other) == ARENA_OK;
        break;
    case BY_RETURNING:
        arena_pool_return(trimmed, arenas[2]);
        break;
    case BY_LEAVING_A_SCOPE:
        arena_burst_begin(scope.arena, &burst); /* so that there is more to do than to clear */
        arena_pool_scope_leave(&scope);
        break;
    case BY_PARKING_A_SCOPE:
        arena_fiber_switch(&self, &fiber);
        arena_fiber_switch(&fiber, &self);
        break;
    default:
        break;
    }
    next_step();
    await_step(4);
    if (way == BY_ENDING || way == LATER) return fine ? user : NULL; /* with its scope open */
    if (other != NULL) arena_pool_return(trimmed, other);
    if (way != BY_RETURNING) arena_pool_return(trimmed, arenas[2]);
    if (way != BY_LEAVING_A_SCOPE) arena_pool_scope_leave(&scope);
    if (way == BY_PARKING_A_SCOPE) arena_fiber_switch(&self, NULL);
    return fine ? user : NULL;
}

/* The thread is asked, and frees what is idle in its cache when it comes to the pool by a slow way, whichever. */
TEST(trims_that_do_not_reach_a_thread_are_answered) {
    if (!barrier_available()) skip();
    for (int at = 0; at < ANSWERS; at++) {
        way = (enum answer)at;
        assert_int_equal(arena_pool_create(ARENA_TYPE(int), 4, &trimmed), ARENA_OK);
        atomic_u32_store(&step, 0, release);
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, keep_and_answer, trimmed), 0);
        await_step(1);
        struct arena *mine;
        assert_int_equal(arena_pool_checkout(trimmed, &mine), ARENA_OK);
        arena_pool_return(trimmed, mine);
        assert_int_equal(idle_arenas(), 3);
        for (int asked = 0; asked < 2; asked++) {
            barrier_error = EPERM;
            barriers_refused = way != AFTER_A_CALL;
            flips_left = way == AFTER_A_CALL ? -1 : 0;
            arena_pool_trim(trimmed);
            barriers_refused = 0;
            flips_left = -1;
            assert_int_equal(idle_arenas(), 2); /* this thread's own is free */
        }
        pthread_t third; /* which has nothing in a cache, and one for a while */
        void *fine = NULL;
        assert_int_equal(pthread_create(&third, NULL, borrow_once, trimmed), 0);
        assert_int_equal(pthread_join(third, &fine), 0);
        assert_ptr_equal(fine, trimmed);
        assert_int_equal(arena_pool_checkout(trimmed, &mine), ARENA_OK); /* and is not asked */
        arena_pool_return(trimmed, mine);
        if (way == LATER) { /* once more, and now it is reached */
            arena_pool_trim(trimmed);
            assert_int_equal(idle_arenas(), 0);
        }
        next_step();
        await_step(3);
        /* This thread's; and what goes into the cache after the answer; or all of it, which the thread leaves behind. */
        size_t left = way == BY_RETURNING ? 2 : way == BY_ENDING ? 3 : way == LATER ? 0 : 1;
        assert_int_equal(idle_arenas(), left);
        next_step();
        void *result = NULL;
        assert_int_equal(pthread_join(thread, &result), 0);
        assert_ptr_equal(result, trimmed);
        arena_pool_trim(trimmed);
        assert_int_equal(idle_arenas(), 0);
        if (way == BY_ENDING || way == LATER) arena_pool_return(trimmed, left_out);
        assert_int_equal(arena_pool_destroy(trimmed), ARENA_OK);
    }
}

static struct atomic_u32 stage;

static void *take_a_slot_and_stay(void *shares) {
    void *slot = shares_refill(shares, NULL, 1, false);
    atomic_u32_store(&stage, 1, release);
    while (atomic_u32_load(&stage, acquire) != 2) (void)sched_yield();
    return slot;
}

/* A slab that cannot fit ends nobody's chunk, however often it is asked for. */
TEST(what_cannot_fit_asks_for_no_barrier) {
    struct share_set shares;
    (void)shares_begin_words(&shares);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, take_a_slot_and_stay, &shares), 0);
    while (atomic_u32_load(&stage, acquire) != 1) (void)sched_yield();
    assert_non_null(shares_refill(&shares, NULL, 1, false));
    const struct share *mine = shares_mine(&shares);
    barriers = 0;
    static const size_t counts[] = {1001, SIZE_MAX, 1000, 999, 1001};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        assert_null(shares_refill(&shares, NULL, counts[i], false));
        assert_false(shares_could_fit(&shares, counts[i]));
        if (i == 0) assert_non_null(shares_refill(&shares, NULL, 1, false)); /* its own chunk was in the way, perhaps */
    }
    assert_int_equal(barriers, 0);
    assert_int_equal(shares.active, 2);
    assert_true(mine->active);
    size_t fits = (1000 - 2) - 250; /* above the first thread's chunk, which is a quarter, and what was taken */
    while (shares_could_fit(&shares, fits + 1)) fits++;
    while (!shares_could_fit(&shares, fits)) fits--;
    assert_int_equal(barriers, 0);
    assert_int_equal(shares_revoke(&shares, NULL), ARENA_OK);
    assert_int_equal(barriers, 1);
    shares_note_freed(&shares);
    assert_null(shares_refill(&shares, NULL, fits + 1, false));
    assert_non_null(shares_refill(&shares, NULL, fits, false));
    atomic_u32_store(&stage, 2, release);
    void *slot = NULL;
    assert_int_equal(pthread_join(thread, &slot), 0);
    assert_non_null(slot);
    shares_end_words(&shares);
}

int main(void) { return support_run("calls"); }
