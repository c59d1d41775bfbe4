/* SPDX-License-Identifier: MIT */
/* The checker checked: programs whose outcomes under the C11 memory model are known, and small concurrent mistakes that
 * it must find.  Each program must show exactly the outcomes listed, no fewer and no more.
 */
#include "engine.h"
#include "platform/sync.h"
#include "runtime/thread.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct atomic_u32 x, y, z;
static uint32_t a, b, c, d, plain;

static uint32_t get(struct atomic_u32 *object) { return atomic_u32_load(object, relaxed); }

/* --- message passing ---------------------------------------------------------------------------------------------- */

static void mp_write_relaxed(void) {
    atomic_u32_store(&x, 1, relaxed);
    atomic_u32_store(&y, 1, relaxed);
}
static void mp_write_release(void) {
    atomic_u32_store(&x, 1, relaxed);
    atomic_u32_store(&y, 1, release);
}
static void mp_read_relaxed(void) {
    a = atomic_u32_load(&y, relaxed);
    b = atomic_u32_load(&x, relaxed);
}
static void mp_read_acquire(void) {
    a = atomic_u32_load(&y, acquire);
    b = atomic_u32_load(&x, relaxed);
}
static void outcome_ab(void) { model_outcome("%u %u", a, b); }
static const char *const mp_weak[] = {"0 0", "0 1", "1 0", "1 1", NULL};
static const char *const mp_strong[] = {"0 0", "0 1", "1 1", NULL};

/* The same with plain data: a race or none. */
static void mp_plain_write_relaxed(void) {
    plain = 1;
    atomic_u32_store(&y, 1, relaxed);
}
static void mp_plain_write_release(void) {
    plain = 1;
    atomic_u32_store(&y, 1, release);
}
static void mp_plain_read_relaxed(void) {
    if (atomic_u32_load(&y, relaxed)) a = plain;
}
static void mp_plain_read_acquire(void) {
    if (atomic_u32_load(&y, acquire)) {
        a = plain;
        model_check(a == 1);
    }
}
static void mp_plain_await_acquire(void) {
    while (!atomic_u32_load(&y, acquire)) thread_spin();
    a = plain;
    model_check(a == 1);
}

/* --- store buffering ---------------------------------------------------------------------------------------------- */

static void sb_left(void) {
    atomic_u32_store(&x, 1, release);
    a = atomic_u32_load(&y, acquire);
}
static void sb_right(void) {
    atomic_u32_store(&y, 1, release);
    b = atomic_u32_load(&x, acquire);
}
static void sb_left_total(void) {
    atomic_u32_store(&x, 1, seq_cst);
    a = atomic_u32_load(&y, seq_cst);
}
static void sb_right_total(void) {
    atomic_u32_store(&y, 1, seq_cst);
    b = atomic_u32_load(&x, seq_cst);
}
static void sb_left_light(void) {
    atomic_u32_store(&x, 1, relaxed);
    barrier_light();
    a = atomic_u32_load(&y, relaxed);
}
static void sb_right_light(void) {
    atomic_u32_store(&y, 1, relaxed);
    barrier_light();
    b = atomic_u32_load(&x, relaxed);
}
static void sb_right_heavy(void) {
    atomic_u32_store(&y, 1, relaxed);
    barrier_heavy();
    b = atomic_u32_load(&x, relaxed);
}
static void sb_right_nothing(void) {
    atomic_u32_store(&y, 1, relaxed);
    b = atomic_u32_load(&x, relaxed);
}
static const char *const sb_weak[] = {"0 0", "0 1", "1 0", "1 1", NULL};
static const char *const sb_strong[] = {"0 1", "1 0", "1 1", NULL};

/* --- coherence ---------------------------------------------------------------------------------------------------- */

static void corr_write(void) {
    atomic_u32_store(&x, 1, relaxed);
    atomic_u32_store(&x, 2, relaxed);
}
static void corr_read(void) {
    a = atomic_u32_load(&x, relaxed);
    b = atomic_u32_load(&x, relaxed);
}
static const char *const corr[] = {"0 0", "0 1", "0 2", "1 1", "1 2", "2 2", NULL};

/* Two writers, two readers: the readers agree on the order of the writes. */
static void corr2_one(void) { atomic_u32_store(&x, 1, relaxed); }
static void corr2_two(void) { atomic_u32_store(&x, 2, relaxed); }
static void corr2_read(void) {
    c = atomic_u32_load(&x, relaxed);
    d = atomic_u32_load(&x, relaxed);
}
static void corr2_finish(void) {
    model_check(!(a == 1 && b == 2 && c == 2 && d == 1));
    model_check(!(a == 2 && b == 1 && c == 1 && d == 2));
    model_check(!(a != 0 && b == 0) && !(c != 0 && d == 0));
    model_outcome("%u %u %u %u", a, b, c, d);
}

/* A thread reads its own write, or one that came after it. */
static void cowr_left(void) {
    atomic_u32_store(&x, 1, relaxed);
    a = atomic_u32_load(&x, relaxed);
}
static void cowr_right(void) { atomic_u32_store(&x, 2, relaxed); }
static void cowr_finish(void) { model_outcome("%u, at last %u", a, get(&x)); }
static const char *const cowr[] = {"1, at last 1", "1, at last 2", "2, at last 2", NULL};

/* --- independent reads of independent writes ----------------------------------------------------------------------- */

static void iriw_x(void) { atomic_u32_store(&x, 1, release); }
static void iriw_y(void) { atomic_u32_store(&y, 1, release); }
static void iriw_xy(void) {
    a = atomic_u32_load(&x, acquire);
    b = atomic_u32_load(&y, acquire);
}
static void iriw_yx(void) {
    c = atomic_u32_load(&y, acquire);
    d = atomic_u32_load(&x, acquire);
}
static void iriw_x_total(void) { atomic_u32_store(&x, 1, seq_cst); }
static void iriw_y_total(void) { atomic_u32_store(&y, 1, seq_cst); }
static void iriw_xy_total(void) {
    a = atomic_u32_load(&x, seq_cst);
    b = atomic_u32_load(&y, seq_cst);
}
static void iriw_yx_total(void) {
    c = atomic_u32_load(&y, seq_cst);
    d = atomic_u32_load(&x, seq_cst);
}
static void iriw_finish(void) { model_outcome("%u%u %u%u", a, b, c, d); }
static const char *const iriw_weak[] = {"00 00", "00 01", "00 10", "00 11", "01 00", "01 01", "01 10", "01 11", "10 00",
                                        "10 01", "10 10", "10 11", "11 00", "11 01", "11 10", "11 11", NULL};
static const char *const iriw_strong[] = {"00 00", "00 01", "00 10", "00 11", "01 00", "01 01", "01 10", "01 11",
                                          "10 00", "10 01", "10 11", "11 00", "11 01", "11 10", "11 11", NULL};

/* --- two writes to each of two objects ----------------------------------------------------------------------------- */

static void w22_left(void) {
    atomic_u32_store(&x, 1, release);
    atomic_u32_store(&y, 2, release);
}
static void w22_right(void) {
    atomic_u32_store(&y, 1, release);
    atomic_u32_store(&x, 2, release);
}
static void w22_left_total(void) {
    atomic_u32_store(&x, 1, seq_cst);
    atomic_u32_store(&y, 2, seq_cst);
}
static void w22_right_total(void) {
    atomic_u32_store(&y, 1, seq_cst);
    atomic_u32_store(&x, 2, seq_cst);
}
static void outcome_xy(void) { model_outcome("%u %u", get(&x), get(&y)); }
static const char *const w22_weak[] = {"1 1", "1 2", "2 1", "2 2", NULL};
static const char *const w22_strong[] = {"1 2", "2 1", "2 2", NULL};

/* --- release sequences --------------------------------------------------------------------------------------------- */

static void sequence_head(void) {
    plain = 7;
    atomic_u32_store(&x, 1, release);
}
static void sequence_relaxed_rmw(void) { (void)atomic_u32_add(&x, 1, relaxed); }
static void sequence_relaxed_store(void) {
    if (atomic_u32_load(&x, relaxed) == 1) atomic_u32_store(&x, 2, relaxed);
}
static void sequence_read(void) {
    if (atomic_u32_load(&x, acquire) == 2) a = plain;
}

/* --- load buffering: what this checker does not produce, though C11 allows "1 1" ------------------------------------ */

static void lb_left(void) {
    a = atomic_u32_load(&x, relaxed);
    atomic_u32_store(&y, 1, relaxed);
}
static void lb_right(void) {
    b = atomic_u32_load(&y, relaxed);
    atomic_u32_store(&x, 1, relaxed);
}
static const char *const lb[] = {"0 0", "0 1", "1 0", NULL};

/* --- read-modify-writes -------------------------------------------------------------------------------------------- */

static void add_twice(void) {
    (void)atomic_u32_add(&x, 1, relaxed);
    (void)atomic_u32_add(&x, 1, relaxed);
}
static void add_finish(void) { model_outcome("%u", get(&x)); }
static const char *const four[] = {"4", NULL};

static void cas_left(void) {
    uint32_t none = 0;
    if (!atomic_u32_cas(&x, &none, 1, relaxed)) a = none;
}
static void cas_right(void) {
    uint32_t none = 0;
    if (!atomic_u32_cas(&x, &none, 2, relaxed)) b = none;
}
static void cas_finish(void) { model_outcome("%u %u %u", get(&x), a, b); }
static const char *const cas[] = {"1 0 1", "2 2 0", NULL};

/* A store may come before or after what a read-modify-write read and wrote, never between. */
static void between_store(void) { atomic_u32_store(&x, 10, relaxed); }
static void between_add(void) { a = atomic_u32_add(&x, 1, relaxed); }
static void between_finish(void) { model_outcome("%u %u", a, get(&x)); }
static const char *const between[] = {"0 10", "10 11", NULL};

/* --- barriers: message passing the other way about ----------------------------------------------------------------- */

/* The owner says that it is inside; the revoker closes and looks.  At most one of them goes on. */
static void owner(void) {
    atomic_u32_store(&x, 1, relaxed);
    barrier_light();
    if (atomic_u32_load(&y, acquire) == 0) plain++;
    atomic_u32_store(&x, 0, release);
}
static void owner_bare(void) {
    atomic_u32_store(&x, 1, relaxed);
    if (atomic_u32_load(&y, acquire) == 0) plain++;
    atomic_u32_store(&x, 0, release);
}
static void revoker(void) {
    atomic_u32_store(&y, 1, relaxed);
    barrier_heavy();
    while (atomic_u32_load(&x, acquire) != 0) thread_spin();
    plain++;
}
static void revoker_bare(void) {
    atomic_u32_store(&y, 1, relaxed);
    while (atomic_u32_load(&x, acquire) != 0) thread_spin();
    plain++;
}

/* --- mutual exclusion ----------------------------------------------------------------------------------------------- */

static void peterson(struct atomic_u32 *mine, struct atomic_u32 *other, uint32_t self) {
    atomic_u32_store(mine, 1, release);
    atomic_u32_store(&z, self, release);
    while (atomic_u32_load(other, acquire) && atomic_u32_load(&z, acquire) == self) thread_spin();
    plain++;
    atomic_u32_store(mine, 0, release);
}
static void peterson_left(void) { peterson(&x, &y, 1); }
static void peterson_right(void) { peterson(&y, &x, 2); }
static void peterson_total(struct atomic_u32 *mine, struct atomic_u32 *other, uint32_t self) {
    atomic_u32_store(mine, 1, seq_cst);
    atomic_u32_store(&z, self, seq_cst);
    while (atomic_u32_load(other, seq_cst) && atomic_u32_load(&z, seq_cst) == self) thread_spin();
    plain++;
    atomic_u32_store(mine, 0, seq_cst);
}
static void peterson_left_total(void) { peterson_total(&x, &y, 1); }
static void peterson_right_total(void) { peterson_total(&y, &x, 2); }
static void plain_is_two(void) { model_check(plain == 2); }

static void spin_lock(int release_order) {
    uint32_t free = 0;
    while (!atomic_u32_cas(&x, &free, 1, acquire)) {
        free = 0;
        thread_spin();
    }
    plain++;
    if (release_order) {
        atomic_u32_store(&x, 0, release);
    } else {
        atomic_u32_store(&x, 0, relaxed);
    }
}
static void spin_lock_release(void) { spin_lock(1); }
static void spin_lock_relaxed(void) { spin_lock(0); }

/* --- mutexes and conditions ----------------------------------------------------------------------------------------- */

static struct mutex mutex, mutex2;
static struct condition condition;

static void locks_setup(void) {
    (void)mutex_init(&mutex);
    (void)mutex_init(&mutex2);
    (void)condition_init(&condition);
}
static void locked_increment(void) {
    mutex_lock(&mutex);
    plain++;
    mutex_unlock(&mutex);
}
static void unlocked_increment(void) { plain++; }
static void lock_1_2(void) {
    mutex_lock(&mutex);
    mutex_lock(&mutex2);
    mutex_unlock(&mutex2);
    mutex_unlock(&mutex);
}
static void lock_2_1(void) {
    mutex_lock(&mutex2);
    mutex_lock(&mutex);
    mutex_unlock(&mutex);
    mutex_unlock(&mutex2);
}
static void wait_properly(void) {
    mutex_lock(&mutex);
    while (!plain) condition_wait(&condition, &mutex);
    mutex_unlock(&mutex);
}
static void wait_once(void) {
    mutex_lock(&mutex);
    if (!plain) condition_wait(&condition, &mutex);
    model_check(plain);
    mutex_unlock(&mutex);
}
static void notify_properly(void) {
    mutex_lock(&mutex);
    plain = 1;
    condition_signal(&condition);
    mutex_unlock(&mutex);
}
/* The flag is looked at outside the mutex, so the signal may come before the wait. */
static void wait_lossy(void) {
    while (!atomic_u32_load(&x, acquire)) {
        mutex_lock(&mutex);
        condition_wait(&condition, &mutex);
        mutex_unlock(&mutex);
    }
}
static void notify_lossy(void) {
    atomic_u32_store(&x, 1, release);
    condition_signal(&condition);
}

/* --- time ----------------------------------------------------------------------------------------------------------- */

static const int64_t times[] = {1000, 2000, 3000, 0};
static void clock_read(void) {
    a = (uint32_t)clock_now();
    b = (uint32_t)clock_now();
}
static const char *const clock_outcomes[] = {"1000 1000", "1000 2000", "1000 3000", "2000 2000",
                                             "2000 3000", "3000 3000", NULL};
static void wait_until_2000(void) {
    mutex_lock(&mutex);
    while (!plain && (a = (uint32_t)clock_now()) < 2000) condition_wait_until(&condition, &mutex, 2000);
    b = plain;
    mutex_unlock(&mutex);
}
static void deadline_finish(void) { model_outcome("%s", b ? "signalled" : "late"); }
static const char *const deadline_outcomes[] = {"late", "signalled", NULL};
static const char *const late[] = {"late", NULL};
static void nothing(void) {}

/* --- a stack without a tag ------------------------------------------------------------------------------------------ */

/* Nodes 1 … 3; 0 is the end. */
static struct atomic_u32 stack_next[4];
static struct atomic_u32 stack_head;
static uint32_t taken[8], taken_count;
static struct mutex taken_mutex;

static uint32_t aba_pop(void) {
    uint32_t head = atomic_u32_load(&stack_head, acquire);
    for (;;) {
        if (head == 0) return 0;
        uint32_t below = atomic_u32_load(&stack_next[head], relaxed);
        if (atomic_u32_cas(&stack_head, &head, below, acq_rel)) return head;
    }
}
static void aba_push(uint32_t node) {
    uint32_t head = atomic_u32_load(&stack_head, relaxed);
    do {
        atomic_u32_store(&stack_next[node], head, relaxed);
    } while (!atomic_u32_cas(&stack_head, &head, node, release));
}
static void aba_setup(void) {
    (void)mutex_init(&taken_mutex);
    for (uint32_t node = 3; node > 0; node--) aba_push(node);
}
static void aba_take(uint32_t node) {
    mutex_lock(&taken_mutex);
    taken[taken_count++] = node;
    mutex_unlock(&taken_mutex);
}
static void aba_one(void) { aba_take(aba_pop()); }
static void aba_two(void) {
    uint32_t first = aba_pop();
    aba_take(aba_pop());
    aba_push(first);
}
static void aba_finish(void) {
    uint32_t node;
    while ((node = aba_pop()) != 0) {
        taken[taken_count++] = node;
        model_check(taken_count <= 3);
    }
    for (uint32_t i = 0; i < taken_count; i++)
        for (uint32_t k = 0; k < i; k++) model_check(taken[i] == 0 || taken[i] != taken[k]);
}

/* --- memory --------------------------------------------------------------------------------------------------------- */

struct node {
    struct atomic_u32 count;
    uint32_t value;
};
static struct node *node;
static struct atomic_ptr shared;

static void node_setup(void) {
    node = malloc(sizeof *node);
    atomic_u32_init(&node->count, 2);
    node->value = 0;
}
static void node_read(void) { a = node->value; }
static void node_use_release(void) {
    node->value++;
    (void)atomic_u32_sub(&node->count, 1, release);
}
static void node_use_drop(void) {
    struct node *mine = node;
    model_check(mine->value == 0);
    if (atomic_u32_sub(&mine->count, 1, acq_rel) == 1) free(mine);
}
/* The last to go frees without having seen that the other is done. */
static void node_use_drop_relaxed(void) {
    struct node *mine = node;
    model_check(mine->value == 0);
    if (atomic_u32_sub(&mine->count, 1, relaxed) == 1) free(mine);
}
static void node_wait_free(void) {
    while (atomic_u32_load(&node->count, acquire) != 1) thread_spin();
    free(node);
}
static void node_free(void) { free(node); }
static void node_publish_relaxed(void) {
    struct node *made = malloc(sizeof *made);
    made->value = 5;
    atomic_ptr_store(&shared, made, relaxed);
}
static void node_publish_release(void) {
    struct node *made = malloc(sizeof *made);
    made->value = 5;
    atomic_ptr_store(&shared, made, release);
}
static void node_follow(void) {
    struct node *found = atomic_ptr_load(&shared, acquire);
    if (found) model_check(found->value == 5);
}
static void node_lose(void) {
    struct node *made = malloc(sizeof *made);
    made->value = 1;
}
static void node_overrun(void) {
    uint32_t *made = malloc(3 * sizeof *made);
    made[model_choose(4)] = 1;
    free(made);
}

/* --- progress ------------------------------------------------------------------------------------------------------- */

static void wait_for_x(void) {
    while (atomic_u32_load(&x, relaxed) == 0) thread_spin();
}
static void set_x(void) { atomic_u32_store(&x, 1, relaxed); }
static void bounded_spin(void) {
    for (int i = 0; i < 5 && atomic_u32_load(&x, relaxed) == 0; i++) thread_spin();
    a = 1;
}

/* --- thread-locals and the exit hook -------------------------------------------------------------------------------- */

void thread_exit_hook(struct thread_state *state) {
    model_check(state == thread_state() && !state->exited);
    (void)atomic_u32_add(&x, 1, relaxed);
}
static void exit_thread(void) {
    model_check(thread_state()->era == 0);
    thread_state()->era = model_thread();
    (void)atomic_u32_load(&y, relaxed);
    model_check(thread_state()->era == model_thread());
    if (model_choose(2)) (void)thread_exit_arm(thread_state());
}
static void exit_finish(void) { model_outcome("%u", get(&x)); }
static const char *const exits[] = {"0", "1", "2", NULL};

/* A scenario is a line or two. */
/* clang-format off */
static const struct model_scenario scenarios[] = {
    {"mp.relaxed", NULL, {mp_write_relaxed, mp_read_relaxed}, outcome_ab, .outcomes = mp_weak},
    {"mp.release-relaxed", NULL, {mp_write_release, mp_read_relaxed}, outcome_ab, .outcomes = mp_weak},
    {"mp.relaxed-acquire", NULL, {mp_write_relaxed, mp_read_acquire}, outcome_ab, .outcomes = mp_weak},
    {"mp.release-acquire", NULL, {mp_write_release, mp_read_acquire}, outcome_ab, .outcomes = mp_strong},
    {"mp.plain.relaxed-acquire", NULL, {mp_plain_write_relaxed, mp_plain_read_acquire}, .expect = "data race"},
    {"mp.plain.release-relaxed", NULL, {mp_plain_write_release, mp_plain_read_relaxed}, .expect = "data race"},
    {"mp.plain.release-acquire", NULL, {mp_plain_write_release, mp_plain_read_acquire}},
    {"mp.plain.await", NULL, {mp_plain_await_acquire, mp_plain_write_release}},
    {"sb.release-acquire", NULL, {sb_left, sb_right}, outcome_ab, .outcomes = sb_weak},
    {"sb.seq_cst", NULL, {sb_left_total, sb_right_total}, outcome_ab, .outcomes = sb_strong},
    {"sb.light-heavy", NULL, {sb_left_light, sb_right_heavy}, outcome_ab, .outcomes = sb_strong},
    {"sb.light-light", NULL, {sb_left_light, sb_right_light}, outcome_ab, .outcomes = sb_weak},
    {"sb.light-nothing", NULL, {sb_left_light, sb_right_nothing}, outcome_ab, .outcomes = sb_weak},
    {"corr", NULL, {corr_write, corr_read}, outcome_ab, .outcomes = corr},
    {"corr.two-writers", NULL, {corr2_one, corr2_two, corr_read, corr2_read}, corr2_finish},
    {"cowr", NULL, {cowr_left, cowr_right}, cowr_finish, .outcomes = cowr},
    {"iriw.release-acquire", NULL, {iriw_x, iriw_y, iriw_xy, iriw_yx}, iriw_finish, .outcomes = iriw_weak},
    {"iriw.seq_cst", NULL, {iriw_x_total, iriw_y_total, iriw_xy_total, iriw_yx_total}, iriw_finish,
     .outcomes = iriw_strong},
    {"2+2w.release", NULL, {w22_left, w22_right}, outcome_xy, .outcomes = w22_weak},
    {"2+2w.seq_cst", NULL, {w22_left_total, w22_right_total}, outcome_xy, .outcomes = w22_strong},
    {"sequence.rmw", NULL, {sequence_head, sequence_relaxed_rmw, sequence_read}},
    {"sequence.store", NULL, {sequence_head, sequence_relaxed_store, sequence_read}, .expect = "data race"},
    {"lb.not-produced", NULL, {lb_left, lb_right}, outcome_ab, .outcomes = lb},
    {"rmw.add", NULL, {add_twice, add_twice}, add_finish, .outcomes = four},
    {"rmw.cas", NULL, {cas_left, cas_right}, cas_finish, .outcomes = cas},
    {"rmw.between", NULL, {between_store, between_add}, between_finish, .outcomes = between},
    {"barrier.owner-revoker", NULL, {owner, revoker}},
    {"barrier.no-light", NULL, {owner_bare, revoker}, .expect = "data race"},
    {"barrier.no-heavy", NULL, {owner, revoker_bare}, .expect = "data race"},
    {"peterson.release-acquire", NULL, {peterson_left, peterson_right}, .expect = "data race"},
    {"peterson.seq_cst", NULL, {peterson_left_total, peterson_right_total}, plain_is_two},
    {"spin-lock", NULL, {spin_lock_release, spin_lock_release}, plain_is_two},
    {"spin-lock.relaxed", NULL, {spin_lock_relaxed, spin_lock_relaxed}, .expect = "data race"},
    {"mutex", locks_setup, {locked_increment, locked_increment}, plain_is_two},
    {"mutex.forgotten", locks_setup, {locked_increment, unlocked_increment}, .expect = "data race"},
    {"mutex.order", locks_setup, {lock_1_2, lock_2_1}, .expect = "deadlock"},
    {"condition", locks_setup, {wait_properly, notify_properly}, .spurious = 2},
    {"condition.without-loop", locks_setup, {wait_once, notify_properly}, .spurious = 1, .expect = "check failed"},
    {"condition.lost-wake-up", locks_setup, {wait_lossy, notify_lossy}, .spurious = 1, .expect = "deadlock"},
    {"clock", NULL, {clock_read}, outcome_ab, .times = times, .outcomes = clock_outcomes},
    {"deadline", locks_setup, {wait_until_2000, notify_properly}, deadline_finish, .times = times,
     .outcomes = deadline_outcomes},
    {"deadline.alone", locks_setup, {wait_until_2000, nothing}, deadline_finish, .outcomes = late},
    {"stack.aba", aba_setup, {aba_one, aba_two}, aba_finish, .expect = "check failed"},
    {"memory.count", node_setup, {node_use_drop, node_use_drop}},
    {"memory.count.relaxed", node_setup, {node_use_drop_relaxed, node_use_drop_relaxed}, .expect = "data race"},
    {"memory.count.await", node_setup, {node_use_release, node_wait_free}},
    {"memory.freed", node_setup, {node_read, node_free}, .expect = "free"},
    {"memory.publish", NULL, {node_publish_release, node_follow}},
    {"memory.publish.relaxed", NULL, {node_publish_relaxed, node_follow}, .expect = "data race"},
    {"memory.leak", NULL, {node_lose}, .expect = "leak"},
    {"memory.overrun", NULL, {node_overrun}, .expect = "outside any block"},
    {"progress", NULL, {wait_for_x, set_x}},
    {"progress.none", NULL, {wait_for_x, nothing}, .expect = "livelock"},
    {"progress.bounded", NULL, {bounded_spin, nothing}},
    {"thread-exit", NULL, {exit_thread, exit_thread}, exit_finish, .outcomes = exits},
};
/* clang-format on */

int main(int argc, char **argv) { return model_main(argc, argv, scenarios, COUNT(scenarios)); }
