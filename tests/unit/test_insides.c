/* SPDX-License-Identifier: MIT */
/* What no program reaches through the public functions in a test's time, but code inside the library could: the ends of
 * the arithmetic, the clock's conversion, lists and queues with more in them than a test has threads. */
#include "api/context.h"
#include "runtime/locals.h"
#include "base/arith.h"
#include "base/poison.h"
#include "core/slots.h"
#include "core/type.h"
#include "runtime/panic.h"
#include "platform/posix/timespec.h"
#include "sync/gate.h"
#include "sync/stack.h"

#include "../shares.h"

#include <arena/arena.h>

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wchar.h>

#include <cmocka.h>

static void quiet(const char *message, void *user) {
    (void)message;
    (void)user;
}

static bool panics(void (*body)(void *user), void *user) { return arena_protect(body, user) == ARENA_EPANIC; }

/* --- base and platform ---------------------------------------------------------------------------------------------- */

static void arithmetic_holds_at_its_ends(void **state) {
    (void)state;
    size_t result = 7;
    assert_true(arith_mul(SIZE_MAX, 0, &result) && result == 0);
    assert_true(arith_mul(SIZE_MAX, 1, &result) && result == SIZE_MAX);
    assert_false(arith_mul(SIZE_MAX / 2 + 1, 2, &result));
    assert_int_equal(result, SIZE_MAX);
    assert_true(arith_add(SIZE_MAX - 1, 1, &result) && result == SIZE_MAX);
    assert_false(arith_add(SIZE_MAX, 1, &result));
    assert_false(arith_round_up(SIZE_MAX, 2, &result));
    size_t stride = 0;
    assert_true(arith_slots(1, 1, PTRDIFF_MAX, &stride, &result) && stride == 1 && result == PTRDIFF_MAX);
    assert_false(arith_slots(1, 1, (size_t)PTRDIFF_MAX + 1, &stride, &result));
    assert_true(arith_time_add(INT64_MAX, 1) == INT64_MAX);
    assert_true(arith_time_add(INT64_MIN, -1) == INT64_MIN);
    assert_true(arith_time_add(INT64_MAX, -1) == INT64_MAX - 1);
    assert_true(arith_time_add(INT64_MIN, 1) == INT64_MIN + 1);
    assert_true(arith_time_add(5, 0) == 5);
}

static char told[64];

static void note(const char *message, void *user) {
    (void)user;
    (void)strncpy(told, message, sizeof told - 1);
}

static void say_what_no_text_holds(void *user) { panic("%ls: not to be had", (const wchar_t *)user); }

/* What cannot be put into the message is left as it stands in the format. */
static void messages_that_cannot_be_made(void **state) {
    (void)state;
    static wchar_t none[] = {WCHAR_MAX, 0};
    arena_set_panic_handler(note, NULL);
    assert_true(panics(say_what_no_text_holds, none));
    arena_set_panic_handler(quiet, NULL);
    assert_string_equal(told, "%ls: not to be had");
}

/* An error of the library itself ends the process. */
static void locks_misused_end_the_process(void **state) {
    (void)state;
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

static void times_become_timespecs(void **state) {
    (void)state;
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

/* --- core ----------------------------------------------------------------------------------------------------------- */

static void arenas_that_no_address_space_holds(void **state) {
    (void)state;
    static const struct arena_type type = {"aligned", 1, SIZE_MAX / 2 + 1, NULL};
    struct arena *arena = (struct arena *)(void *)&arena;
    assert_int_equal(arena_create(&type, 0, &arena), ARENA_ENOMEM);
    assert_null(arena);
    /* Bytes that fit, until they are rounded up to whole pages. */
    static const struct arena_type bytes = {"byte", 1, 1, NULL};
    assert_int_equal(arena_create(&bytes, PTRDIFF_MAX, &arena), ARENA_ENOMEM);
    assert_null(arena);
    /* Half of all addresses for the sake of the alignment: 2 GiB, which may be there, or 2^63. */
    static const struct arena_type page = {"page", 4096, SIZE_MAX / 4 + 1, NULL};
    int status = arena_create(&page, 1, &arena);
    assert_int_equal(status, sizeof(size_t) == 4 && status == ARENA_OK ? ARENA_OK : ARENA_ENOMEM);
    assert_int_equal(arena == NULL, status != ARENA_OK);
    arena_destroy(arena);
}

/* slots_plan lets no such size through: what maps memory does not rely on it. */
static void sizes_that_no_plan_has(void **state) {
    (void)state;
    static const struct arena_type byte = {"byte", 1, 1, NULL};
    static const struct arena_type far = {"far", 1, (size_t)1 << 20, NULL};
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    struct slots_plan plan = {.stride = 1, .bytes = SIZE_MAX}; /* no whole pages */
    assert_null(slots_create(&plan, &byte, SLOTS_OWNER_USER, sizeof(struct arena)));
    plan.bytes = SIZE_MAX - page + 1; /* whole pages; with a checker one more */
    assert_null(slots_create(&plan, &byte, SLOTS_OWNER_USER, sizeof(struct arena)));
    assert_null(slots_create(&plan, &far, SLOTS_OWNER_USER, sizeof(struct arena)));
    plan.bytes = 1;
    const size_t header = SIZE_MAX - 8 - (poison_active() ? POISON_REDZONE_BYTES : 0);
    assert_null(slots_create(&plan, &byte, SLOTS_OWNER_USER, header));
}

/* What share.h lends goes back in any order; what is free at the end of the used part is not a run. */
static void lent_ranges_come_back_in_any_order(void **state) {
    (void)state;
    static const struct arena_type type = {"word", 8, 8, NULL};
    const struct slots_plan plan = {.stride = 8, .bytes = 80};
    struct arena *arena = slots_create(&plan, &type, SLOTS_OWNER_GATE, sizeof *arena);
    assert_non_null(arena);
    slots_seal(arena);
    char *from[3];
    char *to[3];
    struct run runs[4] = {{0}};
    for (int i = 0; i < 3; i++) {
        runs[i].next = &runs[i + 1];
        assert_true(slots_lend(arena, 3, &from[i], &to[i]));
    }
    arena->runs = &runs[0];
    assert_int_equal(slots_remaining(arena), 1);
    slots_return(arena, from[1], from[1], &runs[1]); /* nothing */
    assert_int_equal(slots_remaining(arena), 1);
    slots_return(arena, from[0], to[0], &runs[0]);
    slots_return(arena, from[1] + 8, to[1], &runs[1]);
    assert_int_equal(slots_remaining(arena), 6);
    assert_ptr_equal(arena->head.cursor, to[2]);
    slots_return(arena, from[2], to[2], &runs[2]); /* and with it the run below */
    assert_int_equal(slots_remaining(arena), 9);
    assert_ptr_equal(arena->head.cursor, from[1] + 8);
    assert_ptr_equal(arena->head.limit, arena->head.cursor); /* it stays sealed */
    slots_return(arena, from[1], from[1] + 8, &runs[1]); /* and the one below that */
    assert_int_equal(slots_remaining(arena), 10);
    assert_ptr_equal(arena->head.cursor, arena->base);
    assert_int_equal(arena->gap_bytes, 0);
    assert_false(slots_lend_run(arena, &runs[0], &from[0], &to[0]));
    slots_destroy(arena);
}

/* --- damage, which debug builds find -------------------------------------------------------------------------------- */

static void nothing(struct arena *arena) { (void)arena; }
static void cursor_below(struct arena *arena) { arena->head.cursor = arena->base - arena->stride; }
static void cursor_above(struct arena *arena) { arena->head.cursor = arena->end + arena->stride; }
static void cursor_inside_a_slot(struct arena *arena) { arena->head.cursor++; }
static void limit_elsewhere(struct arena *arena) { arena->head.limit = arena->head.cursor + arena->stride; }
static void limit_at_cursor(struct arena *arena) { arena->head.limit = arena->head.cursor; }
static void no_stride(struct arena *arena) { arena->stride = 0; }
static void other_capacity(struct arena *arena) { arena->capacity++; }
static void gaps_too_large(struct arena *arena) { arena->gap_bytes = (size_t)(arena->head.cursor - arena->base) + 1; }
static void burst_below(struct arena *arena) { arena->burst_limit = arena->base; }
static void burst_above(struct arena *arena) { arena->burst_limit = arena->end + 1; }
static void burst_open(struct arena *arena) { arena->burst_limit = arena->head.limit = arena->head.cursor; }

/* Does a process that damages an arena so find out at the next call? */
static bool found(void (*damage)(struct arena *arena)) {
    pid_t child = fork();
    if (child == 0) {
        struct arena *arena;
        if (arena_create(ARENA_TYPE(int), 8, &arena) != ARENA_OK) exit(1);
        (void)arena_alloc_slab(arena, 3);
        damage(arena);
        slots_settle(arena);
        exit(0);
    }
    int status = -1;
    assert_true(child > 0 && waitpid(child, &status, 0) == child);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT) return true;
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return false;
}

static void damage_is_found(void **state) {
    (void)state;
    static void (*const sound[])(struct arena *arena) = {nothing, limit_at_cursor, burst_open};
    static void (*const damages[])(struct arena *arena) = {
        cursor_below,   cursor_above,   cursor_inside_a_slot, limit_elsewhere, no_stride,
        other_capacity, gaps_too_large, burst_below,          burst_above,
    };
    for (size_t i = 0; i < sizeof sound / sizeof sound[0]; i++) assert_false(found(sound[i]));
#ifdef NDEBUG
    (void)damages;
#else
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) assert_true(found(damages[i]));
#endif
}

/* --- misuse --------------------------------------------------------------------------------------------------------- */

/* Ranges that come back in any order, listed in any order, are one range in the end. */
static void free_runs_below_the_cursor_join_it(void **state) {
    (void)state;
    static const int orders[][3] = {{0, 1, 2}, {1, 0, 2}, {0, 2, 1}, {2, 0, 1}, {1, 2, 0}, {2, 1, 0}};
    for (size_t back = 0; back < 6; back++) {
        for (size_t listed = 0; listed < 6; listed++) {
            struct slots_plan plan;
            assert_int_equal(slots_plan(ARENA_TYPE(int), 30, NULL, &plan), ARENA_OK);
            struct arena *arena = slots_create(&plan, ARENA_TYPE(int), SLOTS_OWNER_GATE, sizeof *arena);
            assert_non_null(arena);
            struct run runs[3];
            memset(runs, 0, sizeof runs);
            for (int i = 0; i < 3; i++) {
                struct run *run = &runs[orders[listed][i]];
                run->next = arena->runs;
                arena->runs = run;
            }
            char *from[3];
            char *to[3];
            for (int i = 0; i < 3; i++) assert_true(slots_lend(arena, 10, &from[i], &to[i]));
            assert_int_equal(slots_remaining(arena), 0);
            for (int i = 0; i < 3; i++) {
                int which = orders[back][i];
                slots_return(arena, from[which], to[which], &runs[which]);
                assert_int_equal(slots_remaining(arena), 10 * (i + 1));
            }
            assert_ptr_equal(arena->head.cursor, arena->base);
            assert_ptr_equal(arena->head.limit, arena->base);
            assert_int_equal(arena->gap_bytes, 0);
            assert_non_null(slots_take_slab(arena, 30));
            slots_seal(arena); /* as whoever has it behind a gate does */
            slots_destroy(arena);
        }
    }
}

struct bad_burst {
    struct arena *arena;
    struct arena_burst *burst;
};
static void begin(void *user) {
    const struct bad_burst *bad = user;
    arena_burst_begin(bad->arena, bad->burst);
}
static void end(void *user) {
    const struct bad_burst *bad = user;
    arena_burst_end(bad->arena, bad->burst);
}
static void put(void *user) { (void)arena_burst_put(((const struct bad_burst *)user)->burst, NULL); }
static void more(void *user) {
    const struct bad_burst *bad = user;
    char *limit;
    (void)arena_burst_more(bad->arena, NULL, &limit);
}

static void bursts_that_are_not_open(void **state) {
    (void)state;
    struct arena *arena;
    assert_int_equal(arena_create(ARENA_TYPE(int), 8, &arena), ARENA_OK);
    struct arena_burst burst;
    struct bad_burst no_arena = {NULL, &burst};
    struct bad_burst no_burst = {arena, NULL};
    struct bad_burst both = {arena, &burst};
    assert_true(panics(begin, &no_arena));
    assert_true(panics(begin, &no_burst));
    assert_true(panics(put, &no_burst));
    assert_true(panics(more, &no_arena));
    assert_true(panics(more, &both));
    assert_true(panics(end, &no_burst));
    arena_burst_begin(arena, &burst);
    assert_true(panics(end, &no_arena));
    assert_true(panics(more, &both)); /* at another place than where it is */
    assert_non_null(arena_burst_put(&burst, NULL));
    struct arena_burst stale = burst;
    stale.limit = NULL;
    struct bad_burst wrong_limit = {arena, &stale};
    assert_true(panics(end, &wrong_limit));
    arena_burst_end(arena, &burst);
    assert_true(panics(put, &both));
    assert_true(panics(end, &both));
    arena_burst_begin(arena, &burst);
    struct arena_burst early = burst;
    arena_reset(arena); /* ends it */
    struct bad_burst too_late = {arena, &early};
    assert_true(panics(put, &too_late));
    assert_true(panics(end, &too_late));
    arena_burst_begin(arena, &burst);
    early = burst;
    arena_trim(arena); /* ends it too: what it wrote would be discarded */
    assert_true(panics(put, &too_late));
    assert_true(panics(end, &too_late));
    arena_destroy(arena);
}

static void from_another_type(void *user) {
    (void)user;
    arena_panic_type("int", NULL);
}

static void put_any_nowhere(void *user) { (void)arena_concurrent_alloc_any(user, ARENA_TYPE(int), NULL); }
static void release_nothing(void *user) {
    (void)user;
    arena_concurrent_release(NULL);
}

static void handles_that_are_null_or_others(void **state) {
    (void)state;
    struct arena_concurrent *ints;
    struct arena_concurrent *mixed;
    assert_int_equal(arena_concurrent_create(ARENA_TYPE(int), 1, &ints), ARENA_OK);
    assert_int_equal(arena_concurrent_create(arena_type_any(), 1, &mixed), ARENA_OK);
    assert_true(panics(from_another_type, NULL));
    assert_true(panics(release_nothing, NULL));
    assert_null(arena_concurrent_try_alloc_any(NULL, ARENA_TYPE(int), NULL));
    assert_null(arena_concurrent_try_alloc_any(ints, ARENA_TYPE(int), NULL));
    assert_true(panics(put_any_nowhere, NULL));
    assert_true(panics(put_any_nowhere, ints));
    assert_non_null(arena_concurrent_alloc_any(mixed, ARENA_TYPE(int), NULL));
    assert_true(panics(put_any_nowhere, mixed)); /* full */
    arena_pool_trim(NULL);
    arena_pool_scope_leave(NULL);
    arena_concurrent_destroy(ints);
    arena_concurrent_destroy(mixed);
}

static void put_any_sealed(void *user) { (void)arena_alloc_any(user, ARENA_TYPE(int), NULL); }

static void mixed_values_of_sealed_arenas(void **state) {
    (void)state;
    struct arena_pool *pool;
    struct arena *arena;
    assert_int_equal(arena_pool_create(arena_type_any(), 4, &pool), ARENA_OK);
    assert_int_equal(arena_pool_checkout(pool, &arena), ARENA_OK);
    arena_pool_return(pool, arena);
    assert_null(arena_try_alloc_any(arena, ARENA_TYPE(int), NULL));
    assert_true(panics(put_any_sealed, arena));
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

/* --- sync ----------------------------------------------------------------------------------------------------------- */

static void node_numbers_run_out(void **state) {
    (void)state;
    struct stack_table *table = calloc(1, sizeof *table);
    assert_non_null(table);
    for (unsigned i = 0; i < STACK_SEGMENTS; i++) table->count += STACK_FIRST_SEGMENT << i; /* as if all were made */
    assert_null(stack_table_add(table));
    free(table);
}

/* Several waiters under one context, of which the middle one leaves. */
static void waiters_leave_in_any_order(void **state) {
    (void)state;
    struct cancel_node node;
    static struct waiter waiters[4];
    assert_true(cancel_start(&node, NULL, INT64_MAX));
    static const int orders[][4] = {{0, 1, 2, 3}, {3, 2, 1, 0}, {1, 3, 0, 2}};
    for (size_t i = 0; i < 3; i++) {
        for (int j = 0; j < 4; j++) assert_int_equal(cancel_register(&node, &waiters[j]), ARENA_OK);
        for (int j = 0; j < 4; j++) {
            cancel_unregister(&node, &waiters[orders[i][j]]);
            cancel_unregister(&node, &waiters[orders[i][j]]); /* again: nothing */
        }
        assert_null(node.waiters);
    }
    cancel_trigger(NULL);
    assert_int_equal(cancel_register(NULL, &waiters[0]), ARENA_OK);
    cancel_unregister(NULL, &waiters[0]);
    cancel_finish(&node);
}

/* A thread that waits once more after its end must not do so with a record that another may have by then. */
static void recycled_record_is_not_the_thread_s_any_more(void **state) {
    (void)state;
    struct thread_state *mine = thread_state();
    struct waiter *record = waiter_mine(mine);
    assert_non_null(record);
    assert_ptr_equal(waiter_mine(mine), record);
    waiter_recycle(mine);
    assert_null(mine->waiter);
    assert_ptr_equal(waiter_mine(mine), record); /* from the list, for whoever comes first */
    waiter_recycle(mine);
    waiter_recycle(mine); /* without one: nothing */
}

static void flush_nothing(struct local_owner *owner, struct local *local) {
    (void)owner;
    (void)local;
}

/* Else the tables of long-lived threads would grow with every pool that comes and goes. */
static void indices_of_ended_owners_are_used_again(void **state) {
    (void)state;
    struct local_owner owners[40];
    for (int i = 0; i < 40; i++) assert_true(locals_join(&owners[i], flush_nothing));
    for (int i = 0; i < 40; i++) {
        for (int j = 0; j < i; j++) assert_true(owners[i].offset != owners[j].offset);
    }
    uint32_t first = owners[7].offset;
    uint32_t second = owners[31].offset;
    assert_true(locals_leave(&owners[7], NULL));
    assert_true(locals_leave(&owners[31], NULL));
    assert_true(locals_join(&owners[7], flush_nothing));
    assert_true(locals_join(&owners[31], flush_nothing));
    assert_int_equal(owners[31].offset, first);
    assert_int_equal(owners[7].offset, second);
    for (int i = 0; i < 40; i++) assert_true(locals_leave(&owners[i], NULL));
}

/* --- gate ----------------------------------------------------------------------------------------------------------- */

enum { HAMMERS = 2, BLOWS = 200000, WAITS = 5000 };

static struct gate hammered;
static uint64_t inside; /* guarded by the gate */

static void *hammer(void *user) {
    uint64_t *entered = user;
    for (int i = 0; i < BLOWS; i++) {
        if (!gate_try_enter(&hammered)) continue;
        inside++;
        ++*entered;
        gate_leave(&hammered);
    }
    return NULL;
}

/* The word changes all the time under those who wait. */
static void a_gate_under_the_hammer(void **state) {
    (void)state;
    pthread_t threads[HAMMERS];
    uint64_t entered[HAMMERS] = {0};
    uint64_t sum = WAITS;
    inside = 0;
    assert_true(gate_init(&hammered, 1));
    for (int i = 0; i < HAMMERS; i++) assert_int_equal(pthread_create(&threads[i], NULL, hammer, &entered[i]), 0);
    for (int i = 0; i < WAITS; i++) {
        assert_int_equal(gate_enter(&hammered, NULL), ARENA_OK);
        inside++;
        gate_leave(&hammered);
    }
    for (int i = 0; i < HAMMERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        sum += entered[i];
    }
    assert_int_equal(inside, sum);
    assert_true(gate_idle(&hammered));
    gate_finish(&hammered);
}

/* --- concurrent arena --------------------------------------------------------------------------------------------- */

/* A revocation begins just when the owner of a chunk has claimed a slot: the owner lets go of it. */
static void a_claim_beside_a_revocation_is_given_up(void **state) {
    (void)state;
    struct shares shares;
    struct arena *arena = shares_begin_words(&shares);
    static const uint64_t value[4] = {7}; /* the compiler does not know that one is read */
    assert_non_null(shares_refill(&shares, value, 1, false));
    assert_non_null(shares_take(&shares, value));
    const struct share *mine = shares_mine(&shares);
    assert_non_null(mine);
    uint32_t epoch = atomic_u32_load(&shares.epoch, relaxed);
    atomic_u32_store(&shares.epoch, epoch + 1, relaxed);
    assert_null(shares_take(&shares, value));
    assert_null(shares_take_any(&shares, NULL, 2, false));
    assert_ptr_equal(atomic_ptr_load(&mine->claim, relaxed), atomic_ptr_load(&mine->commit, relaxed));
    (void)shares_revoke(&shares);
    assert_int_equal(shares_unused_bytes(&shares), 0);
    assert_int_equal(slots_used(arena), 2);
    shares_end_words(&shares);
}

/* A thread is between what it was lent and the count of that. */
static void counts_that_lag_behind(void **state) {
    (void)state;
    struct arena_concurrent *arena;
    assert_int_equal(arena_concurrent_create(ARENA_TYPE(int64_t), 1000, &arena), ARENA_OK);
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

/* Owners of a table's entries, as many as there can be. */
static void indices_run_out(void **state) {
    (void)state;
    struct local_owner owner;
    uint64_t count = 0;
    while (locals_join(&owner, NULL)) count++;
    assert_int_equal(count, UINT32_MAX / 2 / sizeof(struct local));
    assert_true(locals_leave(&owner, NULL));
    assert_true(locals_join(&owner, NULL));
    assert_false(locals_join(&owner, NULL));
    struct arena_pool *pool;
    assert_int_equal(arena_pool_create(ARENA_TYPE(int), 1, &pool), ARENA_ENOMEM);
    assert_null(pool);
    const struct arena_pool_options limited = {sizeof limited, 1, NULL}; /* needs none */
    assert_int_equal(arena_pool_create_with(ARENA_TYPE(int), 1, &limited, &pool), ARENA_OK);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
    assert_true(locals_leave(&owner, NULL));
    assert_int_equal(arena_pool_create(ARENA_TYPE(int), 1, &pool), ARENA_OK);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

/* --- context -------------------------------------------------------------------------------------------------------- */

static void release(void *user) { arena_context_release(user); }

static void references_end_at_neither_end(void **state) {
    (void)state;
    struct arena_context *context;
    assert_int_equal(arena_context_with_cancel(NULL, &context), ARENA_OK);
    /* The count follows the node: see api/context.c. */
    struct atomic_u32 *references = (struct atomic_u32 *)(void *)(context_node(context) + 1);
    assert_int_equal(atomic_u32_load(references, relaxed), 1);
    (void)arena_context_retain(context);
    assert_int_equal(atomic_u32_load(references, relaxed), 2);
    arena_context_release(context);
    /* As if retained 2^31 times: it stays for ever. */
    const uint32_t stuck = (uint32_t)1 << 31;
    atomic_u32_store(references, stuck - 1, relaxed);
    for (int i = 0; i < 3; i++) (void)arena_context_retain(context);
    assert_int_equal(atomic_u32_load(references, relaxed), stuck);
    for (int i = 0; i < 3; i++) arena_context_release(context);
    assert_int_equal(atomic_u32_load(references, relaxed), stuck);
    atomic_u32_store(references, 0, relaxed); /* released, and its memory not yet something else */
    assert_true(panics(release, context));
    atomic_u32_store(references, 1, relaxed);
    arena_context_release(context);
}

/* The hash of types is for speed: two of the same hash are told apart. */
static void types_with_the_same_key_are_not_the_same(void **state) {
    (void)state;
    char names[2][9] = {"aaaaaaaa", "aaaaaaaa"};
    const struct arena_type one = {names[0], 8, 2, NULL};
    const struct arena_type other = {names[1], 8, 1, NULL};
    int at = 0;
    for (; at < 8; at++) { /* which letter adds 1 depends on the byte order */
        names[1][at] = 'b';
        if (type_key(&one) == type_key(&other)) break;
        names[1][at] = 'a';
    }
    assert_true(at < 8);
    struct arena *arena;
    struct arena *found_arena;
    struct arena_context *context;
    assert_int_equal(arena_create(&one, 1, &arena), ARENA_OK);
    assert_int_equal(arena_inject(NULL, arena, &context), ARENA_OK);
    assert_int_equal(arena_extract(context, &other, &found_arena), ARENA_ENOARENA);
    assert_int_equal(arena_extract(context, &one, &found_arena), ARENA_OK);
    assert_ptr_equal(found_arena, arena);
    /* The arena may be gone by the time that one looks past it: something else is where its type was. */
    *(struct arena_type *)(uintptr_t)arena->type = other;
    assert_int_equal(arena_extract(context, &other, &found_arena), ARENA_ENOARENA);
    arena_context_release(context);
    arena_destroy(arena);
}

int main(int argument_count, char **arguments) {
    (void)arguments;
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(arithmetic_holds_at_its_ends),
        cmocka_unit_test(messages_that_cannot_be_made),
        cmocka_unit_test(locks_misused_end_the_process),
        cmocka_unit_test(times_become_timespecs),
        cmocka_unit_test(arenas_that_no_address_space_holds),
        cmocka_unit_test(sizes_that_no_plan_has),
        cmocka_unit_test(lent_ranges_come_back_in_any_order),
        cmocka_unit_test(free_runs_below_the_cursor_join_it),
        cmocka_unit_test(damage_is_found),
        cmocka_unit_test(bursts_that_are_not_open),
        cmocka_unit_test(handles_that_are_null_or_others),
        cmocka_unit_test(mixed_values_of_sealed_arenas),
        cmocka_unit_test(node_numbers_run_out),
        cmocka_unit_test(waiters_leave_in_any_order),
        cmocka_unit_test(recycled_record_is_not_the_thread_s_any_more),
        cmocka_unit_test(indices_of_ended_owners_are_used_again),
        cmocka_unit_test(a_gate_under_the_hammer),
        cmocka_unit_test(a_claim_beside_a_revocation_is_given_up),
        cmocka_unit_test(counts_that_lag_behind),
        cmocka_unit_test(references_end_at_neither_end),
        cmocka_unit_test(types_with_the_same_key_are_not_the_same),
    };
    static const struct CMUnitTest long_tests[] = {cmocka_unit_test(indices_run_out)};
    arena_set_panic_handler(quiet, NULL);
    if (argument_count > 1) return cmocka_run_group_tests_name("insides, long", long_tests, NULL, NULL);
    return cmocka_run_group_tests_name("insides", tests, NULL, NULL);
}
