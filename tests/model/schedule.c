/* SPDX-License-Identifier: MIT */
/* Threads and whose turn it is: the scheduler of the model checker, with its sleep sets (engine.c), and how threads start,
 * unwind and end. */
#undef _FORTIFY_SOURCE /* longjmp goes from stack to stack */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unwind.h>

void thread_exit_hook(struct thread_state *state) __attribute__((weak)); /* a program need not have one */

/* --- the scheduler ------------------------------------------------------------------------------------------------ */

unsigned times_left(void) {
    unsigned count = 0;
    if (engine->scenario->times)
        while (engine->scenario->times[engine->time_index + 1 + count]) count++;
    return count;
}

/* The listed time, counted from the one after now, that reaches the deadline; -1: none. */
int time_reaching(int64_t deadline) {
    unsigned left = times_left();
    for (unsigned i = 0; i < left; i++)
        if (engine->scenario->times[engine->time_index + 1 + i] >= deadline) return (int)i;
    return -1;
}

bool spin_changed(const struct watch *watch, uint64_t floor) {
    const struct object *object = &engine->objects[watch->object];
    for (unsigned i = object->count; i-- > 0 && object->stores[i]->stamp > watch->stamp;)
        if (object->stores[i]->sequence > floor) return true;
    return false;
}

unsigned spin_options(const struct thread *thread) {
    uint64_t floor = thread->restricted ? thread->floor : 0;
    unsigned options = 0;
    for (unsigned i = 0; i < thread->watch_count; i++) options += spin_changed(&thread->watches[i], floor);
    options += thread->watch_any && engine->writes - thread->own_writes != thread->spin_seen;
    options += thread->watch_clock && times_left() > 0;
    return options;
}

static bool thread_enabled(const struct thread *thread) {
    if (thread->finished) return false;
    const struct pending *pending = &thread->pending;
    switch (pending->kind) {
    case OP_LOCK:
        return engine->objects[pending->object].owner < 0;
    case OP_WAKE:
        return engine->objects[pending->object2].owner < 0 &&
               (thread->signalled || thread->forced || thread_cancelled(thread) || engine->spurious_left > 0 ||
                engine->now >= thread->deadline || time_reaching(thread->deadline) >= 0);
    case OP_SPIN:
        return thread->forced || (pending->cancellable && thread_cancelled(thread)) || spin_options(thread) > 0;
    default:
        return true;
    }
}

/* Whatever others do before or after it comes to the same. */
static bool pending_immediate(const struct pending *pending) {
    return pending->kind == OP_START || pending->kind == OP_UNLOCK ||
           (pending->kind == OP_STORE && pending->order != MODEL_ORDER_seq_cst);
}

/* With nothing else to run, time passes: the earliest deadline, then a spin that saw nothing new. */
static struct thread *schedule_force(void) {
    struct thread *found = NULL;
    for (unsigned i = 1; i < engine->thread_count; i++) {
        struct thread *thread = &engine->threads[i];
        if (!thread->finished && thread->pending.kind == OP_WAKE && !engine->scenario->patient &&
            thread->deadline != INT64_MAX && engine->objects[thread->pending.object2].owner < 0 &&
            (!found || thread->deadline < found->deadline))
            found = thread;
    }
    for (unsigned i = 1; !found && i < engine->thread_count; i++) {
        struct thread *thread = &engine->threads[i];
        if (!thread->finished && thread->pending.kind == OP_SPIN && thread->fruitless < FRUITLESS_SPINS &&
            (!found || thread->fruitless < found->fruitless))
            found = thread;
    }
    if (found) {
        found->forced = true;
        return found;
    }
    char text[400] = "";
    bool spins = false;
    for (unsigned i = 1; i < engine->thread_count; i++) {
        struct thread *thread = &engine->threads[i];
        if (thread->finished) continue;
        spins |= thread->pending.kind == OP_SPIN;
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "; T%u at %s", i, thread->pending.site);
    }
    model_fail("%s%s", spins ? "livelock" : "deadlock", text);
}

static struct thread *schedule_pick(struct thread *self) {
    struct thread *candidates[THREADS];
    unsigned count = 0;
    bool any = false;
    if (!self->finished && pending_immediate(&self->pending)) return self;
    for (unsigned i = 1; i < engine->thread_count; i++)
        if (!engine->threads[i].finished && pending_immediate(&engine->threads[i].pending)) return &engine->threads[i];
    if (engine->chosen) self = engine->chosen;
    bool self_enabled = thread_enabled(self);
    if (self_enabled) {
        any = true;
        if (!self->asleep) candidates[count++] = self;
    }
    bool may_preempt = !engine->chosen || !self_enabled || self->pending.kind == OP_SPIN || engine->bound == 0 ||
                       engine->preemptions < (unsigned)engine->bound;
    for (unsigned i = 1; i < engine->thread_count; i++) {
        struct thread *thread = &engine->threads[i];
        if (thread == self || !thread_enabled(thread)) continue;
        any = true;
        if (!thread->asleep && may_preempt) candidates[count++] = thread;
    }
    if (count == 0) {
        if (any) engine_end(END_REDUNDANT);
        return schedule_force();
    }
    unsigned chosen = engine_choose(count);
    for (unsigned i = 0; i < chosen && engine->sleeping; i++) {
        candidates[i]->asleep = true;
        candidates[i]->restricted = true;
        candidates[i]->floor = engine->sequence;
    }
    if (engine->bound > 0 && engine->chosen && self_enabled && candidates[chosen] != self &&
        self->pending.kind != OP_SPIN)
        engine->preemptions++;
    engine->chosen = candidates[chosen];
    return candidates[chosen];
}

void thread_switch(struct thread *from, struct thread *to) {
    if (from == to) return;
    from->stack_low = (uintptr_t)__builtin_frame_address(0);
    if (_setjmp(from->context)) return;
    engine->current = to;
    if (to->started) _longjmp(to->context, 1);
    to->started = true;
    setcontext(&to->start);
}

/* Before a visible operation: returns when it is this thread's turn to do it. */
struct thread *schedule_step(const struct pending *pending) {
    struct thread *self = engine->current;
    engine->running = false;
    if (engine->parallel) {
        self->pending = *pending;
        thread_switch(self, schedule_pick(self));
        self->asleep = false;
        if (++engine->steps > STEPS) model_fail("livelock: more than %d steps", STEPS);
    }
    return self;
}

void schedule_done(struct thread *self) {
    self->restricted = false;
    self->forced = false;
    self->pending.kind = OP_NONE;
    engine->running = true;
}

/* A new store of `object`: those that sleep before a load of it may read it. */
void schedule_wake_readers(unsigned object, const struct store *store, int order) {
    for (unsigned i = 1; i < engine->thread_count; i++) {
        struct thread *thread = &engine->threads[i];
        if (!thread->asleep) continue;
        const struct pending *pending = &thread->pending;
        if (pending->kind == OP_SPIN) {
            if (spin_options(thread) > 0) thread->asleep = false;
        } else if ((pending->kind == OP_LOAD || pending->kind == OP_RMW) && pending->object == object) {
            if (store->stamp >= thread->view->stamps[object]) thread->asleep = false;
        } else if (pending->kind == OP_STORE && pending->object == object && order == MODEL_ORDER_seq_cst) {
            thread->asleep = false;
            thread->restricted = false;
        }
    }
}

/* Those that sleep before an operation that depends on what has just been done. */
void schedule_wake(unsigned what, unsigned object) {
    for (unsigned i = 1; i < engine->thread_count; i++) {
        struct thread *thread = &engine->threads[i];
        if (!thread->asleep) continue;
        const struct pending *pending = &thread->pending;
        bool depends = false;
        switch (pending->kind) {
        case OP_LOCK:
            depends = (what & WAKE_LOCK) && pending->object == object;
            break;
        case OP_WAKE:
            depends = ((what & WAKE_LOCK) && pending->object2 == object) ||
                      ((what & WAKE_CONDITION) && pending->object == object) ||
                      ((what & WAKE_CLOCK) && thread->deadline != INT64_MAX);
            break;
        case OP_WAIT:
        case OP_SIGNAL:
            depends = (what & WAKE_CONDITION) && pending->object == object;
            break;
        case OP_CANCEL:
            depends = (what & WAKE_CONDITION) != 0;
            break;
        case OP_CLOCK:
            depends = (what & WAKE_CLOCK) != 0;
            break;
        case OP_SPIN:
            depends = (what & WAKE_CLOCK) && thread->watch_clock;
            break;
        case OP_LIGHT:
            depends = (what & WAKE_HEAVY) != 0;
            break;
        case OP_HEAVY:
            depends = (what & (WAKE_HEAVY | WAKE_LIGHT)) != 0;
            break;
        case OP_STORE:
        case OP_RMW:
            depends = (what & WAKE_TOTAL) && pending->object == object && pending->order == MODEL_ORDER_seq_cst;
            break;
        default:
            break;
        }
        if (depends) {
            thread->asleep = false;
            thread->restricted = false;
        }
    }
}

/* --- threads ------------------------------------------------------------------------------------------------------ */

struct thread_state *thread_state(void) {
    return &engine->current->state;
}

bool thread_exit_arm(struct thread_state *state) {
    if (state != thread_state()) model_fail("thread_exit_arm with another thread's state");
    if (state->exited) return false;
    state->armed = true;
    return true;
}

void thread_exit_run(struct thread *self) {
    if (!self->state.armed) return;
    if (thread_exit_hook) thread_exit_hook(&self->state);
    self->state.armed = false;
    self->state.exited = true;
}

static _Noreturn void thread_end(struct thread *self) {
    thread_exit_run(self);
    engine->running = false;
    engine_trace("ends");
    self->finished = true;
    self->pending.kind = OP_NONE;
    for (unsigned i = 1; i < engine->thread_count; i++)
        if (!engine->threads[i].finished) {
            thread_switch(self, schedule_pick(self));
            abort(); /* a finished thread is never picked */
        }
    thread_switch(self, &engine->threads[0]);
    abort();
}

void thread_main(void) {
    struct thread *self = engine->current;
    engine->running = true;
    self->body();
    thread_end(self);
}

static _Unwind_Reason_Code unwind_stop(int version, _Unwind_Action actions, _Unwind_Exception_Class class,
                                       struct _Unwind_Exception *exception, struct _Unwind_Context *context,
                                       void *thread) {
    (void)version, (void)class, (void)exception;
    if ((actions & _UA_END_OF_STACK) || _Unwind_GetRegionStart(context) == (_Unwind_Ptr)(uintptr_t)thread_main)
        thread_end(thread);
    return _URC_NO_REASON;
}

_Noreturn void thread_unwind(struct thread *self) {
    static struct _Unwind_Exception exceptions[THREADS];
    self->cancelled = false;
    _Unwind_ForcedUnwind(&exceptions[self - engine->threads], unwind_stop, self);
    fprintf(stderr, "model: a cancelled thread cannot be unwound\n");
    abort();
}

int thread_hold_cancel(void) {
    int before = engine->current->uncancellable;
    engine->current->uncancellable = true;
    return before;
}

void thread_release_cancel(int before) { engine->current->uncancellable = before != 0; }

void model_cancel(unsigned thread) {
    struct thread *self = schedule_step(&(struct pending){.kind = OP_CANCEL, .site = "cancel"});
    struct thread *target = &engine->threads[thread];
    if (!target->finished) target->cancelled = true;
    if (target->pending.kind == OP_WAKE || target->pending.kind == OP_SPIN) target->asleep = target->restricted = false;
    engine_trace("cancels T%u", thread);
    schedule_done(self);
}

unsigned model_thread(void) { return (unsigned)(engine->current - engine->threads); }
