/* SPDX-License-Identifier: MIT */
/* Mutexes, conditions, the virtual clock, spinning and the barriers of the model checker. */
#include "internal.h"

#include <inttypes.h>

/* --- mutexes ------------------------------------------------------------------------------------------------------ */

bool mutex_init(struct mutex *mutex) {
    engine->running = false;
    memory_access((uintptr_t)mutex, sizeof *mutex, PLAIN_WRITE, "mutex_init");
    mutex->live = 0;
    object_at(mutex, 8, OBJECT_MUTEX);
    engine->running = true;
    return true;
}

void mutex_destroy(struct mutex *mutex) {
    engine->running = false;
    unsigned index = object_at(mutex, 8, OBJECT_MUTEX);
    if (engine->objects[index].owner >= 0) model_fail("a mutex that is held is destroyed");
    for (unsigned i = 1; i < engine->thread_count; i++) {
        const struct thread *thread = &engine->threads[i];
        if (!thread->finished && ((thread->pending.kind == OP_LOCK && thread->pending.object == index) ||
                                  (thread->pending.kind == OP_WAKE && thread->pending.object2 == index)))
            model_fail("a mutex that T%u waits for is destroyed", i);
    }
    memory_access((uintptr_t)mutex, sizeof *mutex, PLAIN_WRITE, "mutex_destroy");
    engine->running = true;
}

static void mutex_take(struct thread *self, unsigned index) {
    struct object *object = &engine->objects[index];
    object->owner = (int)(self - engine->threads);
    view_join(self->view, object->released, true);
    schedule_wake(WAKE_LOCK, index);
}

static void mutex_give(struct thread *self, unsigned index) {
    struct object *object = &engine->objects[index];
    if (object->owner != (int)(self - engine->threads))
        model_fail("a mutex is unlocked by a thread that does not hold it");
    object->owner = -1;
    object->released = thread_publish(self);
    engine->writes++;
    self->own_writes++;
    schedule_wake_readers(OBJECTS, NULL, 0);
}

void model_mutex_lock(struct mutex *mutex, const char *site) {
    engine->running = false;
    unsigned index = object_at(mutex, 8, OBJECT_MUTEX);
    if (engine->objects[index].owner == (int)(engine->current - engine->threads))
        model_fail("a mutex is locked again by the thread that holds it: %s", site);
    struct thread *self = schedule_step(&(struct pending){.kind = OP_LOCK, .object = (uint16_t)index, .site = site});
    memory_access((uintptr_t)mutex, 8, ATOMIC_WRITE, site);
    if (engine->objects[index].owner >= 0) model_fail("a mutex is held that nobody can unlock: %s", site);
    mutex_take(self, index);
    self->watch_any = true;
    engine_trace("%s", site);
    schedule_done(self);
}

void model_mutex_unlock(struct mutex *mutex, const char *site) {
    engine->running = false;
    unsigned index = object_at(mutex, 8, OBJECT_MUTEX);
    struct thread *self = schedule_step(&(struct pending){.kind = OP_UNLOCK, .object = (uint16_t)index, .site = site});
    memory_access((uintptr_t)mutex, 8, ATOMIC_WRITE, site);
    mutex_give(self, index);
    engine_trace("%s", site);
    schedule_done(self);
}

/* --- conditions --------------------------------------------------------------------------------------------------- */

bool condition_init(struct condition *condition) {
    engine->running = false;
    memory_access((uintptr_t)condition, sizeof *condition, PLAIN_WRITE, "condition_init");
    condition->live = 0;
    object_at(condition, 8, OBJECT_CONDITION);
    engine->running = true;
    return true;
}

void condition_destroy(struct condition *condition) {
    engine->running = false;
    unsigned index = object_at(condition, 8, OBJECT_CONDITION);
    for (unsigned i = 1; i < engine->thread_count; i++)
        if (!engine->threads[i].finished && engine->threads[i].pending.kind == OP_WAKE &&
            engine->threads[i].pending.object == index)
            model_fail("a condition that T%u waits on is destroyed", i);
    memory_access((uintptr_t)condition, sizeof *condition, PLAIN_WRITE, "condition_destroy");
    engine->running = true;
}

void model_condition_signal(struct condition *condition, const char *site) {
    engine->running = false;
    unsigned index = object_at(condition, 8, OBJECT_CONDITION);
    struct thread *self = schedule_step(&(struct pending){.kind = OP_SIGNAL, .object = (uint16_t)index, .site = site});
    memory_access((uintptr_t)condition, 8, ATOMIC_WRITE, site);
    struct thread *waiters[THREADS];
    unsigned count = 0;
    for (unsigned i = 1; i < engine->thread_count; i++) {
        struct thread *thread = &engine->threads[i];
        if (!thread->finished && thread->pending.kind == OP_WAKE && thread->pending.object == index &&
            !thread->signalled)
            waiters[count++] = thread;
    }
    if (count) {
        struct thread *woken = waiters[engine_choose(count)];
        woken->signalled = true;
        engine_trace("%s: wakes T%u", site, (unsigned)(woken - engine->threads));
    } else {
        engine_trace("%s: nobody waits", site);
    }
    schedule_wake(WAKE_CONDITION, index);
    schedule_done(self);
}

static void clock_advance(int64_t now) {
    if (now <= engine->now) return;
    engine->now = now;
    while (times_left() > 0 && engine->scenario->times[engine->time_index + 1] <= now) engine->time_index++;
}

void model_condition_wait(struct condition *condition, struct mutex *mutex, int64_t deadline_ns, const char *site) {
    engine->running = false;
    if (!engine->parallel) model_fail("deadlock: the main thread waits alone: %s", site);
    unsigned index = object_at(condition, 8, OBJECT_CONDITION);
    unsigned lock = object_at(mutex, 8, OBJECT_MUTEX);
    struct thread *self = schedule_step(
        &(struct pending){.kind = OP_WAIT, .object = (uint16_t)index, .object2 = (uint16_t)lock, .site = site});
    memory_access((uintptr_t)condition, 8, ATOMIC_WRITE, site);
    memory_access((uintptr_t)mutex, 8, ATOMIC_WRITE, site);
    mutex_give(self, lock);
    self->signalled = false;
    self->deadline = deadline_ns;
    schedule_wake(WAKE_CONDITION, index);
    engine_trace("%s: waits", site);
    self->restricted = false;

    schedule_step(
        &(struct pending){.kind = OP_WAKE, .object = (uint16_t)index, .object2 = (uint16_t)lock, .site = site});
    const char *why = "signalled";
    bool cancelled = thread_cancelled(self) && (!self->signalled || engine_choose(2) == 0);
    if (cancelled) {
        why = "cancelled";
    } else if (!self->signalled && engine->now < self->deadline) {
        int reached = time_reaching(self->deadline);
        if (self->forced && reached < 0 && engine->spurious_left == 0) {
            clock_advance(self->deadline);
            why = "its deadline passes, with nothing else to run";
        } else if (engine_choose((engine->spurious_left > 0 ? 1u : 0u) + (reached >= 0 ? 1u : 0u)) == 0 &&
                   engine->spurious_left > 0) {
            engine->spurious_left--;
            why = "without a signal";
        } else {
            clock_advance(engine->scenario->times[engine->time_index + 1 + (unsigned)reached]);
            why = "its deadline passes";
        }
        schedule_wake(WAKE_CLOCK, 0);
    } else if (!self->signalled) {
        why = "its deadline has passed";
    }
    schedule_wake(WAKE_CONDITION, index);
    memory_access((uintptr_t)mutex, 8, ATOMIC_WRITE, site);
    mutex_take(self, lock);
    self->watch_any = true;
    engine_trace("%s: wakes, %s", site, why);
    schedule_done(self);
    if (cancelled) thread_unwind(self);
}

/* --- time, spinning, barriers ------------------------------------------------------------------------------------- */

int64_t model_clock_now(const char *site) {
    engine->running = false;
    struct thread *self = engine->current;
    if (times_left() > 0) {
        if (engine->parallel) {
            schedule_step(&(struct pending){.kind = OP_CLOCK, .site = site});
            self->watch_clock = true;
            unsigned step = engine_choose(1 + times_left());
            if (step > 0) clock_advance(engine->scenario->times[engine->time_index + step]);
            schedule_wake(WAKE_CLOCK, 0);
        }
        engine_trace("%s -> %" PRId64, site, engine->now);
    }
    schedule_done(self);
    return engine->now;
}

void model_thread_spin(bool cancellable, const char *site) {
    engine->running = false;
    struct thread *self = engine->current;
    if (!engine->parallel) {
        if (++self->fruitless > FRUITLESS_SPINS) model_fail("livelock: the main thread spins alone: %s", site);
        engine->running = true;
        return;
    }
    if (self->watch_any) self->spin_seen = engine->writes - self->own_writes;
    schedule_step(&(struct pending){.kind = OP_SPIN, .cancellable = cancellable, .site = site});
    unsigned options = spin_options(self);
    bool cancelled = cancellable && thread_cancelled(self) && (options == 0 || engine_choose(2) == 0);
    if (cancelled) {
        engine_trace("%s: cancelled", site);
    } else if (options == 0) {
        self->fruitless++;
        engine_trace("%s: nothing new, and nothing else to run", site);
    } else {
        uint64_t floor = self->restricted ? self->floor : 0;
        self->fruitless = 0;
        unsigned chosen = engine_choose(options);
        for (unsigned i = 0; i < self->watch_count; i++) {
            const struct watch *watched = &self->watches[i];
            if (!spin_changed(watched, floor) || chosen-- > 0) continue;
            /* What another thread wrote is seen in the end. */
            const struct object *object = &engine->objects[watched->object];
            for (unsigned k = 0; k < object->count; k++)
                if (object->stores[k]->stamp > watched->stamp) {
                    if (object->stores[k]->stamp > self->view->stamps[watched->object])
                        self->view->stamps[watched->object] = object->stores[k]->stamp;
                    break;
                }
            break;
        }
        engine_trace("%s", site);
    }
    self->watch_count = 0;
    self->watch_any = false;
    self->watch_clock = false;
    schedule_done(self);
    if (cancelled) thread_unwind(self);
}

unsigned thread_processors(void) { return engine->scenario->processors ? engine->scenario->processors : 1; }

bool barrier_available(void) { return !engine->scenario->no_barrier; }

void model_barrier_light(const char *site) {
    if (engine_order(site, MODEL_ORDER_seq_cst) != MODEL_ORDER_seq_cst) return;
    struct thread *self = schedule_step(&(struct pending){.kind = OP_LIGHT, .site = site});
    view_join(self->view, engine->heavy, false);
    if (!self->light) self->light = view_new(OBJECTS);
    view_join(self->light, self->view, false);
    schedule_wake(WAKE_LIGHT, 0);
    engine_trace("%s", site);
    schedule_done(self);
}

void model_barrier_heavy(const char *site) {
    if (engine_order(site, MODEL_ORDER_seq_cst) != MODEL_ORDER_seq_cst) return;
    struct thread *self = schedule_step(&(struct pending){.kind = OP_HEAVY, .site = site});
    for (unsigned i = 0; i < engine->thread_count; i++) view_join(self->view, engine->threads[i].light, false);
    view_join(self->view, engine->heavy, false);
    view_join(engine->heavy, self->view, false);
    schedule_wake(WAKE_HEAVY, 0);
    engine_trace("%s", site);
    schedule_done(self);
}
