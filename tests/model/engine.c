/* The model checker.
 *
 * Threads     Each runs on a stack of its own (ucontext, then setjmp and longjmp) and comes here before every visible
 *             operation.  It leaves the operation in `pending` and asks the scheduler, which lets one thread do its
 *             pending operation and go on to its next.
 * Choices     Everything that is not determined - which thread, which store a load reads, where a store comes in the
 *             modification order, whether a wait wakes early, what the clock says - is a number from choose().  The
 *             numbers of one execution are the trail; the search takes the last that can be raised and runs again.
 * Memory      Each atomic object has its stores in modification order, by timestamp.  Each thread has a view: the oldest
 *             store it may still read, per object; and a vector clock.  A release store carries both, an acquire load
 *             joins them.  A store may come before others in modification order as long as the thread has not seen
 *             those, and never between a read-modify-write and what it read.  This is C11 as repaired in RC11, where
 *             the program order and reads-from have no cycle: no load buffering.
 * Reduction   In this semantics an operation of another thread changes what a load can do only by giving it one more
 *             store to read.  So plain stores and unlocks go first, without alternative; and a thread whose load was
 *             tried at a node sleeps in the node's later branches until a new store comes, and then reads only newer
 *             ones (sleep sets on transitions that include the store read).  Each execution graph is run to the end
 *             once; `redundant` counts those given up because every thread that could go sleeps.
 * Races       Plain accesses (__tsan_ callbacks below) and atomic ones leave the clock of their thread with each byte;
 *             two that conflict and are not ordered by happens-before fail the execution.
 * Memory use  The program's heap is a region handed out in order and never again within an execution, so that each
 *             access outside a live block shows.
 */
#undef _FORTIFY_SOURCE
#define _GNU_SOURCE 1
#define MODEL_ENGINE 1
#include "engine.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

#include "platform/sync.h"
#include "platform/thread.h"
#include "platform/wrap.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum {
    THREADS = MODEL_THREADS + 1,
    OBJECTS = 1024,
    STORES = 1 << 14,
    TRAIL = 1 << 14,
    WATCHES = 32,
    STEPS = 20000,          /* in one execution: more is a livelock */
    FRUITLESS_SPINS = 3000, /* with nothing else to run: more is a livelock */
    STACK_BYTES = 1 << 18,
    HEAP_BYTES = 1 << 26,
    HEAP_GRAIN = 16,
    BLOCKS = 1 << 14,
    GRANULES = 1 << 15, /* of 8 bytes */
    VIEW_BYTES = 1 << 25,
    TICK = 1 << 16, /* between timestamps, so that stores fit in between */
    OUTCOMES = 128,
    OUTCOME_BYTES = 96,
    SITES = 2048,
};

enum kind {
    OP_START,
    OP_LOAD,
    OP_STORE,
    OP_RMW,
    OP_LOCK,
    OP_UNLOCK,
    OP_WAIT,
    OP_WAKE,
    OP_SIGNAL,
    OP_CANCEL,
    OP_CLOCK,
    OP_SPIN,
    OP_LIGHT,
    OP_HEAVY,
    OP_NONE,
};

struct view {
    uint32_t count; /* objects past it: 0 */
    uint32_t clock[THREADS];
    uint32_t stamps[]; /* by object */
};

struct store {
    uint64_t value;
    uint64_t sequence; /* in order of execution, over all objects */
    uint32_t stamp;    /* place in the modification order of the object */
    uint16_t thread;
    bool followed; /* a read-modify-write read it, and comes right behind it */
    struct view *message; /* what an acquire load of it joins; NULL: nothing */
};

enum object_kind { OBJECT_ATOMIC, OBJECT_MUTEX, OBJECT_CONDITION };

struct object {
    uintptr_t address;
    enum object_kind kind;
    unsigned size;
    uint32_t count; /* atomic: stores, in modification order */
    uint32_t capacity;
    struct store **stores;
    uint32_t total_stamp;  /* seq_cst operations so far came no later than this store */
    int owner;             /* mutex: who holds it, or -1 */
    struct view *released; /* mutex: by the last unlock */
};

struct watch {
    uint16_t object;
    uint32_t stamp;
};

struct pending {
    enum kind kind;
    int order;
    uint16_t object;  /* atomic, condition */
    uint16_t object2; /* the mutex */
    bool writes;
    const char *site;
};

struct thread {
    jmp_buf context;
    ucontext_t start;
    void (*body)(void);
    uintptr_t stack_low; /* while it does not run: nothing below belongs to a live frame */
    struct thread_state state;
    struct pending pending;
    struct view *view;
    struct view *light; /* the view at the last light barrier, or NULL */
    uint64_t floor;     /* restricted: the pending load reads only stores after this sequence number */
    uint64_t spin_seen;
    uint64_t own_writes;
    int64_t deadline;
    uint32_t fruitless;
    unsigned fail_allocation;
    uint16_t watch_count;
    uint16_t waits_on; /* condition, while pending is OP_WAKE */
    bool started, finished, asleep, restricted, signalled, forced, cancelled;
    bool watch_any, watch_clock;
    struct watch watches[WATCHES];
};

struct granule {
    uintptr_t key;
    uint32_t generation;
    uint16_t object[2]; /* 1 + the atomic object at each half */
    uint16_t plain_read[THREADS][8], plain_write[THREADS][8], atomic_read[THREADS][8], atomic_write[THREADS][8];
};

struct block {
    uintptr_t start;
    size_t size;
    bool live, reached;
    const char *freed_at;
};

struct choice {
    uint16_t chosen, count;
};

struct site {
    const char *text;
    int order;
    uint64_t hits;
};

enum end { END_DONE = 1, END_REDUNDANT, END_SKIPPED, END_FAILED };

struct engine {
    /* the search */
    const struct model_scenario *scenario;
    struct choice trail[TRAIL];
    unsigned length, depth;
    bool random, tracing, sleeping;
    uint64_t random_state;
    int bound;
    char failure[512];
    uintptr_t plain_at; /* where the last plain access is in the program; 0 while it does something else */
    char outcomes[OUTCOMES][OUTCOME_BYTES];
    unsigned outcome_count;
    struct site sites[SITES];
    unsigned site_count;
    bool collect_sites;
    const char *weaken; /* part of a site's text */
    int weaken_to;
    bool weakened;

    /* one execution */
    jmp_buf driver;
    bool running;  /* between the start and the end of an execution, and not in here */
    bool parallel; /* the threads are running */
    unsigned steps, preemptions;
    struct thread threads[THREADS];
    struct thread *current, *chosen; /* by the last choice among threads */
    unsigned thread_count;
    uint64_t sequence, writes;
    struct view *heavy, *total;
    int64_t now;
    unsigned time_index;
    unsigned spurious_left;
    struct object objects[OBJECTS];
    unsigned object_count;
    struct store stores[STORES];
    unsigned store_count;
    char *views;
    size_t views_used;
    struct granule *granules;
    uint32_t generation;
    uint32_t granule_used[GRANULES];
    unsigned granule_count;
    struct block blocks[BLOCKS];
    unsigned block_count;

    /* the process */
    char *heap;
    uint32_t *heap_map; /* 1 + block, per grain */
    size_t heap_used;
    char *stacks;
    char *image; /* of the static variables */
};

void thread_exit_hook(struct thread_state *state) __attribute__((weak)); /* a program need not have one */

static struct engine *engine; /* static variables are put back before each execution; this one stays as it is */

extern char __data_start[], _end[];

_Static_assert((HEAP_GRAIN & (HEAP_GRAIN - 1)) == 0, "a power of two");

static void *engine_map(size_t size) {
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        perror("model: mmap");
        exit(2);
    }
    return memory;
}

/* --- ends and traces ---------------------------------------------------------------------------------------------- */

static _Noreturn void engine_end(enum end how) {
    engine->running = false;
    longjmp(engine->driver, (int)how);
}

_Noreturn void model_fail(const char *format, ...) {
    engine->running = false;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(engine->failure, sizeof engine->failure, format, arguments);
    va_end(arguments);
    engine_end(END_FAILED);
}

_Noreturn static void engine_limit(const char *what) {
    fprintf(stderr, "model: more %s than the engine has room for\n", what);
    exit(2);
}

static void trace(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void trace(const char *format, ...) {
    if (!engine->tracing)
        return;
    va_list arguments;
    va_start(arguments, format);
    printf("    %4u  T%u  ", engine->steps, (unsigned)(engine->current - engine->threads));
    vprintf(format, arguments);
    putchar('\n');
    va_end(arguments);
}

/* --- choices ------------------------------------------------------------------------------------------------------ */

static unsigned choose(unsigned count) {
    if (count <= 1)
        return 0;
    if (engine->depth == TRAIL)
        engine_limit("choices");
    struct choice *choice = &engine->trail[engine->depth];
    if (engine->depth++ < engine->length) {
        if (choice->count != count) {
            fprintf(stderr, "model: the program under test is not deterministic (choice %u of %s)\n", engine->depth,
                    engine->scenario->name);
            exit(2);
        }
        return choice->chosen;
    }
    engine->length = engine->depth;
    choice->count = (uint16_t)count;
    choice->chosen = 0;
    if (engine->random) {
        uint64_t x = engine->random_state;
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        engine->random_state = x;
        choice->chosen = (uint16_t)((x >> 20) % count);
    }
    return choice->chosen;
}

static bool choose_next(void) {
    while (engine->length > 0) {
        struct choice *last = &engine->trail[engine->length - 1];
        if (++last->chosen < last->count)
            return true;
        engine->length--;
    }
    return false;
}

/* --- views -------------------------------------------------------------------------------------------------------- */

static struct view *view_new(unsigned objects) {
    size_t size = sizeof(struct view) + objects * sizeof(uint32_t);
    size = (size + 15) & ~(size_t)15;
    if (engine->views_used + size > VIEW_BYTES)
        engine_limit("views");
    struct view *view = (struct view *)(void *)(engine->views + engine->views_used);
    engine->views_used += size;
    memset(view, 0, size);
    view->count = objects;
    return view;
}

static struct view *view_copy(const struct view *from) {
    unsigned count = from->count < engine->object_count ? from->count : engine->object_count;
    struct view *view = view_new(count);
    memcpy(view->clock, from->clock, sizeof view->clock);
    memcpy(view->stamps, from->stamps, count * sizeof view->stamps[0]);
    return view;
}

/* `into` has room for every object. */
static void view_join(struct view *into, const struct view *from, bool clocks) {
    if (!from)
        return;
    for (unsigned i = 0; clocks && i < THREADS; i++)
        if (from->clock[i] > into->clock[i])
            into->clock[i] = from->clock[i];
    for (unsigned i = 0; i < from->count; i++)
        if (from->stamps[i] > into->stamps[i])
            into->stamps[i] = from->stamps[i];
}

static uint32_t thread_clock(const struct thread *thread) { return thread->view->clock[thread - engine->threads]; }

/* What the thread has done so far, for another to join; what it does from now on is not in it. */
static struct view *thread_publish(struct thread *thread) {
    struct view *message = view_copy(thread->view);
    thread->view->clock[thread - engine->threads]++;
    if (thread_clock(thread) > UINT16_MAX)
        engine_limit("releases");
    return message;
}

/* --- plain memory: lifetime and races ----------------------------------------------------------------------------- */

enum access { PLAIN_READ, PLAIN_WRITE, ATOMIC_READ, ATOMIC_WRITE };

static struct granule *granule_find(uintptr_t address, bool make) {
    uintptr_t key = address >> 3;
    uint32_t slot = (uint32_t)((key * UINT64_C(0x9E3779B97F4A7C15)) >> 40) & (GRANULES - 1);
    for (;; slot = (slot + 1) & (GRANULES - 1)) {
        struct granule *granule = &engine->granules[slot];
        if (granule->generation != engine->generation) {
            if (!make)
                return NULL;
            if (engine->granule_count > GRANULES * 3 / 4)
                engine_limit("plain memory");
            memset(granule, 0, sizeof *granule);
            granule->generation = engine->generation;
            granule->key = key;
            engine->granule_used[engine->granule_count++] = slot;
            return granule;
        }
        if (granule->key == key)
            return granule;
    }
}

static bool in_heap(uintptr_t address) {
    return address >= (uintptr_t)engine->heap && address < (uintptr_t)engine->heap + HEAP_BYTES;
}

static struct block *block_of(uintptr_t address) {
    uint32_t block = engine->heap_map[(address - (uintptr_t)engine->heap) / HEAP_GRAIN];
    return block ? &engine->blocks[block - 1] : NULL;
}

static const char *const access_names[] = {"plain read", "plain write", "atomic read", "atomic write"};

static void memory_check(uintptr_t address, size_t size, enum access access, const char *site) {
    if (in_heap(address)) {
        struct block *block = block_of(address);
        if (!block || address < block->start || address + size > block->start + block->size)
            model_fail("%s of %zu bytes outside any block: %s", access_names[access], size, site ? site : "");
        if (!block->live)
            model_fail("%s of %zu bytes in freed memory (offset %zu in a block of %zu): %s", access_names[access],
                       size, (size_t)(address - block->start), block->size, site ? site : "");
        return;
    }
    uintptr_t stacks = (uintptr_t)engine->stacks;
    if (address >= stacks && address < stacks + THREADS * (size_t)STACK_BYTES) {
        struct thread *owner = &engine->threads[(address - stacks) / STACK_BYTES];
        if (owner == engine->current)
            return;
        if (owner->finished)
            model_fail("%s on the stack of T%u, which has ended: %s", access_names[access],
                       (unsigned)(owner - engine->threads), site ? site : "");
        if (address < owner->stack_low)
            model_fail("%s in a frame of T%u that has returned: %s", access_names[access],
                       (unsigned)(owner - engine->threads), site ? site : "");
    }
}

static void race(const struct granule *granule, unsigned byte, unsigned other, enum access before, enum access now,
                 const char *site) {
    uintptr_t address = (granule->key << 3) + byte;
    char where[64] = "";
    if (in_heap(address)) {
        struct block *block = block_of(address);
        if (block)
            snprintf(where, sizeof where, " (offset %zu in a block of %zu)", (size_t)(address - block->start),
                     block->size);
    }
    model_fail("data race: %s by T%u%s and %s by T%u before are not ordered: %s", access_names[now],
               (unsigned)(engine->current - engine->threads), where, access_names[before], other, site ? site : "");
}

static void granule_access(struct granule *granule, unsigned from, unsigned to, enum access access, const char *site) {
    unsigned self = (unsigned)(engine->current - engine->threads);
    const uint32_t *clock = engine->current->view->clock;
    for (unsigned t = 0; t < engine->thread_count; t++) {
        if (t == self)
            continue;
        for (unsigned b = from; b < to; b++) {
            if (granule->plain_write[t][b] > clock[t])
                race(granule, b, t, PLAIN_WRITE, access, site);
            if ((access == PLAIN_WRITE || access == ATOMIC_WRITE) && granule->plain_read[t][b] > clock[t])
                race(granule, b, t, PLAIN_READ, access, site);
            if (access <= PLAIN_WRITE && granule->atomic_write[t][b] > clock[t])
                race(granule, b, t, ATOMIC_WRITE, access, site);
            if (access == PLAIN_WRITE && granule->atomic_read[t][b] > clock[t])
                race(granule, b, t, ATOMIC_READ, access, site);
        }
    }
    uint16_t(*record)[8] = access == PLAIN_READ    ? granule->plain_read
                           : access == PLAIN_WRITE ? granule->plain_write
                           : access == ATOMIC_READ ? granule->atomic_read
                                                   : granule->atomic_write;
    /* Clocks start at 1, so that 0 is: never. */
    for (unsigned b = from; b < to; b++)
        record[self][b] = (uint16_t)clock[self];
    if (access == PLAIN_WRITE) {
        if (from < 4)
            granule->object[0] = 0;
        if (to > 4)
            granule->object[1] = 0;
    }
}

static void memory_access(uintptr_t address, size_t size, enum access access, const char *site) {
    if (size == 0)
        return;
    memory_check(address, size, access, site);
    for (uintptr_t at = address; at < address + size;) {
        uintptr_t end = (at | 7) + 1;
        if (end > address + size)
            end = address + size;
        granule_access(granule_find(at, true), (unsigned)(at & 7), (unsigned)((end - 1) & 7) + 1, access, site);
        at = end;
    }
}

/* A plain access of the program.  Its own frames are left alone while only the main thread exists. */
static void plain_access(const void *address, size_t size, enum access access, const char *site, void *caller) {
    if (!engine || !engine->running)
        return;
    engine->running = false;
    engine->plain_at = (uintptr_t)caller;
    memory_access((uintptr_t)address, size, access, site);
    engine->plain_at = 0;
    engine->running = true;
}

void model_plain_read(const void *address, size_t size_bytes) { plain_access(address, size_bytes, PLAIN_READ, NULL, __builtin_return_address(0)); }
void model_plain_write(const void *address, size_t size_bytes) {
    plain_access(address, size_bytes, PLAIN_WRITE, NULL, __builtin_return_address(0));
}

/* --- the scheduler ------------------------------------------------------------------------------------------------ */

static unsigned times_left(void) {
    unsigned count = 0;
    if (engine->scenario->times)
        while (engine->scenario->times[engine->time_index + 1 + count])
            count++;
    return count;
}

/* The listed time, counted from the one after now, that reaches the deadline; -1: none. */
static int time_reaching(int64_t deadline) {
    unsigned left = times_left();
    for (unsigned i = 0; i < left; i++)
        if (engine->scenario->times[engine->time_index + 1 + i] >= deadline)
            return (int)i;
    return -1;
}

static bool spin_changed(const struct watch *watch, uint64_t floor) {
    const struct object *object = &engine->objects[watch->object];
    for (unsigned i = object->count; i-- > 0 && object->stores[i]->stamp > watch->stamp;)
        if (object->stores[i]->sequence > floor)
            return true;
    return false;
}

static unsigned spin_options(const struct thread *thread) {
    uint64_t floor = thread->restricted ? thread->floor : 0;
    unsigned options = 0;
    for (unsigned i = 0; i < thread->watch_count; i++)
        options += spin_changed(&thread->watches[i], floor);
    options += thread->watch_any && engine->writes - thread->own_writes != thread->spin_seen;
    options += thread->watch_clock && times_left() > 0;
    return options;
}

static bool thread_enabled(const struct thread *thread) {
    if (thread->finished)
        return false;
    const struct pending *pending = &thread->pending;
    switch (pending->kind) {
    case OP_LOCK:
        return engine->objects[pending->object].owner < 0;
    case OP_WAKE:
        return engine->objects[pending->object2].owner < 0 &&
               (thread->signalled || thread->forced || thread->cancelled || engine->spurious_left > 0 || engine->now >= thread->deadline ||
                time_reaching(thread->deadline) >= 0);
    case OP_SPIN:
        return thread->forced || spin_options(thread) > 0;
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
        if (thread->finished)
            continue;
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
    if (!self->finished && pending_immediate(&self->pending))
        return self;
    for (unsigned i = 1; i < engine->thread_count; i++)
        if (!engine->threads[i].finished && pending_immediate(&engine->threads[i].pending))
            return &engine->threads[i];
    if (engine->chosen)
        self = engine->chosen;
    bool self_enabled = thread_enabled(self);
    if (self_enabled) {
        any = true;
        if (!self->asleep)
            candidates[count++] = self;
    }
    bool may_preempt = !engine->chosen || !self_enabled || self->pending.kind == OP_SPIN || engine->bound == 0 ||
                       engine->preemptions < (unsigned)engine->bound;
    for (unsigned i = 1; i < engine->thread_count; i++) {
        struct thread *thread = &engine->threads[i];
        if (thread == self || !thread_enabled(thread))
            continue;
        any = true;
        if (!thread->asleep && may_preempt)
            candidates[count++] = thread;
    }
    if (count == 0) {
        if (any)
            engine_end(END_REDUNDANT);
        return schedule_force();
    }
    unsigned chosen = choose(count);
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

static void thread_main(void);

static void thread_switch(struct thread *from, struct thread *to) {
    if (from == to)
        return;
    from->stack_low = (uintptr_t)__builtin_frame_address(0);
    if (_setjmp(from->context))
        return;
    engine->current = to;
    if (to->started)
        _longjmp(to->context, 1);
    to->started = true;
    setcontext(&to->start);
}

/* Before a visible operation: returns when it is this thread's turn to do it. */
static struct thread *schedule(const struct pending *pending) {
    struct thread *self = engine->current;
    engine->running = false;
    if (engine->parallel) {
        self->pending = *pending;
        thread_switch(self, schedule_pick(self));
        self->asleep = false;
        if (++engine->steps > STEPS)
            model_fail("livelock: more than %d steps", STEPS);
    }
    return self;
}

static void schedule_done(struct thread *self) {
    self->restricted = false;
    self->forced = false;
    self->pending.kind = OP_NONE;
    engine->running = true;
}

/* A new store of `object`: those that sleep before a load of it may read it. */
static void wake_readers(unsigned object, const struct store *store, int order) {
    for (unsigned i = 1; i < engine->thread_count; i++) {
        struct thread *thread = &engine->threads[i];
        if (!thread->asleep)
            continue;
        const struct pending *pending = &thread->pending;
        if (pending->kind == OP_SPIN) {
            if (spin_options(thread) > 0)
                thread->asleep = false;
        } else if ((pending->kind == OP_LOAD || pending->kind == OP_RMW) && pending->object == object) {
            if (store->stamp >= thread->view->stamps[object])
                thread->asleep = false;
        } else if (pending->kind == OP_STORE && pending->object == object && order == MODEL_ORDER_seq_cst) {
            thread->asleep = false;
            thread->restricted = false;
        }
    }
}

enum { WAKE_LOCK = 1, WAKE_CONDITION = 2, WAKE_CLOCK = 4, WAKE_HEAVY = 8, WAKE_LIGHT = 16, WAKE_TOTAL = 32 };

/* Those that sleep before an operation that depends on what has just been done. */
static void wake(unsigned what, unsigned object) {
    for (unsigned i = 1; i < engine->thread_count; i++) {
        struct thread *thread = &engine->threads[i];
        if (!thread->asleep)
            continue;
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

/* --- objects ------------------------------------------------------------------------------------------------------ */

static struct store *store_new(struct object *object, unsigned place) {
    if (engine->store_count == STORES)
        engine_limit("stores");
    struct store *store = &engine->stores[engine->store_count++];
    memset(store, 0, sizeof *store);
    if (object->count == object->capacity) {
        uint32_t capacity = object->capacity ? object->capacity * 2 : 8;
        struct store **stores = (struct store **)(void *)view_new(capacity * 2); /* of pointers, or smaller ones */
        if (object->count)
            memcpy(stores, object->stores, object->count * sizeof stores[0]);
        object->stores = stores;
        object->capacity = capacity;
    }
    memmove(object->stores + place + 1, object->stores + place, (object->count - place) * sizeof object->stores[0]);
    object->stores[place] = store;
    object->count++;
    return store;
}

static uint64_t memory_load(uintptr_t address, unsigned size) {
    if (size == 4)
        return *(uint32_t *)address;
    return *(uint64_t *)address;
}

static void memory_store(uintptr_t address, unsigned size, uint64_t value) {
    if (size == 4)
        *(uint32_t *)address = (uint32_t)value;
    else
        *(uint64_t *)address = value;
}

static unsigned object_at(const volatile void *pointer, unsigned size, enum object_kind kind) {
    uintptr_t address = (uintptr_t)pointer;
    memory_check(address, size, ATOMIC_READ, NULL);
    struct granule *granule = granule_find(address, true);
    uint16_t *slot = &granule->object[(address & 7) / 4];
    if (*slot)
        return *slot - 1u;
    if (engine->object_count == OBJECTS)
        engine_limit("atomic objects");
    struct object *object = &engine->objects[engine->object_count];
    memset(object, 0, sizeof *object);
    object->address = address;
    object->kind = kind;
    object->size = size;
    object->owner = -1;
    *slot = (uint16_t)++engine->object_count;
    if (kind == OBJECT_ATOMIC)
        store_new(object, 0)->value = memory_load(address, size);
    return *slot - 1u;
}

/* --- sites -------------------------------------------------------------------------------------------------------- */

static int site_order(const char *site, int order) {
    if (engine->weaken && strstr(site, engine->weaken)) {
        engine->weakened = true;
        order &= engine->weaken_to;
    }
    if (engine->collect_sites) {
        for (unsigned i = 0; i < engine->site_count; i++)
            if (engine->sites[i].text == site || strcmp(engine->sites[i].text, site) == 0) {
                engine->sites[i].hits++;
                return order;
            }
        if (engine->site_count < SITES)
            engine->sites[engine->site_count++] = (struct site){site, order, 1};
    }
    return order;
}

/* --- atomics ------------------------------------------------------------------------------------------------------ */

static const char *const order_names[] = {"relaxed", "acquire", "release", "acq_rel", "", "", "", "seq_cst"};

static void watch(struct thread *self, unsigned object, uint32_t stamp) {
    for (unsigned i = 0; i < self->watch_count; i++)
        if (self->watches[i].object == object) {
            self->watches[i].stamp = stamp;
            return;
        }
    if (self->watch_count == WATCHES)
        self->watch_any = true;
    else
        self->watches[self->watch_count++] = (struct watch){(uint16_t)object, stamp};
}

/* The stores the pending load may read, newest first.  For a read-modify-write that changes the object (expected NULL,
 * or what it reads is *expected): none that another has taken. */
static unsigned readable(const struct thread *self, unsigned index, int order, bool modifies, const uint64_t *expected,
                         unsigned places[]) {
    const struct object *object = &engine->objects[index];
    uint32_t oldest = self->view->stamps[index];
    if (order == MODEL_ORDER_seq_cst && object->total_stamp > oldest)
        oldest = object->total_stamp;
    unsigned count = 0;
    for (unsigned i = object->count; i-- > 0 && object->stores[i]->stamp >= oldest;) {
        const struct store *store = object->stores[i];
        if (self->restricted && store->sequence <= self->floor)
            continue;
        if (modifies && store->followed && (!expected || store->value == *expected))
            continue;
        places[count++] = i;
        if (count == 64)
            engine_limit("stores to read");
    }
    return count;
}

static unsigned read_place(const struct thread *self, unsigned index, int order, bool modifies,
                           const uint64_t *expected) {
    unsigned places[64];
    unsigned count = readable(self, index, order, modifies, expected, places);
    if (count == 0)
        engine_end(END_REDUNDANT);
    return places[choose(count)];
}

static void read_from(struct thread *self, unsigned index, const struct store *store, int order) {
    if (order & MODEL_ORDER_acquire)
        view_join(self->view, store->message, true);
    if (store->stamp > self->view->stamps[index])
        self->view->stamps[index] = store->stamp;
    watch(self, index, store->stamp);
}

static void order_total(struct thread *self, unsigned index, int order) {
    if (order != MODEL_ORDER_seq_cst)
        return;
    struct object *object = &engine->objects[index];
    if (self->view->stamps[index] > object->total_stamp)
        object->total_stamp = self->view->stamps[index];
    wake(WAKE_TOTAL, index);
}

/* Puts a store of the thread at `place` in the modification order. */
static struct store *write_at(struct thread *self, unsigned index, unsigned place, uint64_t value, int order,
                              const struct view *carried) {
    struct object *object = &engine->objects[index];
    uint32_t before = object->stores[place - 1]->stamp;
    uint32_t stamp = before + TICK;
    if (place < object->count) {
        stamp = before + (object->stores[place]->stamp - before) / 2;
        if (stamp == before)
            engine_limit("stores between two others");
    } else if (before > UINT32_MAX - TICK) {
        engine_limit("stores to one object");
    }
    struct store *store = store_new(object, place);
    store->value = value;
    store->stamp = stamp;
    store->sequence = ++engine->sequence;
    store->thread = (uint16_t)(self - engine->threads);
    self->view->stamps[index] = stamp;
    if (order & MODEL_ORDER_release) {
        store->message = thread_publish(self);
    } else if (carried) {
        store->message = view_new(engine->object_count);
    }
    if (carried)
        view_join(store->message, carried, true);
    if (store->message && store->message->count > index)
        store->message->stamps[index] = stamp;
    if (place + 1 == object->count)
        memory_store(object->address, object->size, value);
    engine->writes++;
    self->own_writes++;
    order_total(self, index, order);
    wake_readers(index, store, order);
    return store;
}

uint64_t model_atomic_load(const volatile void *address, unsigned size, int order, const char *site) {
    order = site_order(site, order);
    engine->running = false;
    unsigned index = object_at(address, size, OBJECT_ATOMIC);
    struct thread *self = schedule(
        &(struct pending){.kind = OP_LOAD, .order = order, .object = (uint16_t)index, .site = site});
    memory_access((uintptr_t)address, size, ATOMIC_READ, site);
    index = object_at(address, size, OBJECT_ATOMIC);
    const struct store *store = engine->objects[index].stores[read_place(self, index, order, false, NULL)];
    read_from(self, index, store, order);
    order_total(self, index, order);
    trace("%s (as %s) -> %#" PRIx64 "%s", site, order_names[order], store->value,
          store == engine->objects[index].stores[engine->objects[index].count - 1] ? "" : "   [an old value]");
    schedule_done(self);
    return store->value;
}

void model_atomic_store(volatile void *address, unsigned size, uint64_t value, int order, const char *site) {
    order = site_order(site, order);
    engine->running = false;
    unsigned index = object_at(address, size, OBJECT_ATOMIC);
    struct thread *self = schedule(
        &(struct pending){.kind = OP_STORE, .order = order, .object = (uint16_t)index, .writes = true, .site = site});
    memory_access((uintptr_t)address, size, ATOMIC_WRITE, site);
    index = object_at(address, size, OBJECT_ATOMIC);
    const struct object *object = &engine->objects[index];
    uint32_t oldest = self->view->stamps[index];
    if (order == MODEL_ORDER_seq_cst && object->total_stamp > oldest)
        oldest = object->total_stamp;
    unsigned places[64], count = 0;
    for (unsigned i = object->count; i-- > 0 && object->stores[i]->stamp >= oldest;)
        if (!object->stores[i]->followed) {
            places[count++] = i + 1;
            if (count == 64)
                engine_limit("places for a store");
        }
    unsigned place = places[choose(count)];
    bool last = place == object->count;
    write_at(self, index, place, value, order, NULL);
    trace("%s (as %s) <- %#" PRIx64 "%s", site, order_names[order], value, last ? "" : "   [before a later store]");
    schedule_done(self);
}

bool model_atomic_cas(volatile void *address, unsigned size, uint64_t *expected, uint64_t desired, int order,
                      const char *site) {
    order = site_order(site, order);
    engine->running = false;
    unsigned index = object_at(address, size, OBJECT_ATOMIC);
    struct thread *self = schedule(
        &(struct pending){.kind = OP_RMW, .order = order, .object = (uint16_t)index, .writes = true, .site = site});
    memory_access((uintptr_t)address, size, ATOMIC_READ, site);
    index = object_at(address, size, OBJECT_ATOMIC);
    unsigned place = read_place(self, index, order, true, expected);
    struct store *read = engine->objects[index].stores[place];
    bool done = read->value == *expected;
    trace("%s (as %s): expects %#" PRIx64 ", reads %#" PRIx64 ", %s %#" PRIx64, site,
          order_names[done ? order : MODEL_ORDER_relaxed], *expected, read->value, done ? "stores" : "does not store",
          desired);
    if (done) {
        memory_access((uintptr_t)address, size, ATOMIC_WRITE, site);
        read_from(self, index, read, order);
        read->followed = true;
        write_at(self, index, place + 1, desired, order, read->message);
        watch(self, index, self->view->stamps[index]);
    } else {
        read_from(self, index, read, MODEL_ORDER_relaxed);
        *expected = read->value;
    }
    schedule_done(self);
    return done;
}

uint64_t model_atomic_rmw(volatile void *address, unsigned size, int operation, uint64_t operand, int order,
                          const char *site) {
    order = site_order(site, order);
    engine->running = false;
    unsigned index = object_at(address, size, OBJECT_ATOMIC);
    struct thread *self = schedule(
        &(struct pending){.kind = OP_RMW, .order = order, .object = (uint16_t)index, .writes = true, .site = site});
    memory_access((uintptr_t)address, size, ATOMIC_WRITE, site);
    index = object_at(address, size, OBJECT_ATOMIC);
    unsigned place = read_place(self, index, order, true, NULL);
    struct store *read = engine->objects[index].stores[place];
    uint64_t before = read->value, after = operand;
    switch (operation) {
    case MODEL_RMW_add:
        after = before + operand;
        break;
    case MODEL_RMW_sub:
        after = before - operand;
        break;
    case MODEL_RMW_or:
        after = before | operand;
        break;
    case MODEL_RMW_and:
        after = before & operand;
        break;
    default:
        break;
    }
    if (size == 4)
        after = (uint32_t)after;
    trace("%s (as %s): reads %#" PRIx64 ", stores %#" PRIx64, site, order_names[order], before, after);
    read_from(self, index, read, order);
    read->followed = true;
    write_at(self, index, place + 1, after, order, read->message);
    watch(self, index, self->view->stamps[index]);
    schedule_done(self);
    return before;
}

/* Not atomic: a plain write, after which the object has this one store. */
void model_atomic_init(volatile void *address, unsigned size, uint64_t value) {
    engine->running = false;
    memory_access((uintptr_t)address, size, PLAIN_WRITE, "initialisation of an atomic object");
    memory_store((uintptr_t)address, size, value);
    engine->running = true;
}

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
    if (engine->objects[index].owner >= 0)
        model_fail("a mutex that is held is destroyed");
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
    wake(WAKE_LOCK, index);
}

static void mutex_give(struct thread *self, unsigned index) {
    struct object *object = &engine->objects[index];
    if (object->owner != (int)(self - engine->threads))
        model_fail("a mutex is unlocked by a thread that does not hold it");
    object->owner = -1;
    object->released = thread_publish(self);
    engine->writes++;
    self->own_writes++;
    wake_readers(OBJECTS, NULL, 0);
}

void model_mutex_lock(struct mutex *mutex, const char *site) {
    engine->running = false;
    unsigned index = object_at(mutex, 8, OBJECT_MUTEX);
    if (engine->objects[index].owner == (int)(engine->current - engine->threads))
        model_fail("a mutex is locked again by the thread that holds it: %s", site);
    struct thread *self = schedule(&(struct pending){.kind = OP_LOCK, .object = (uint16_t)index, .site = site});
    memory_access((uintptr_t)mutex, 8, ATOMIC_WRITE, site);
    if (engine->objects[index].owner >= 0)
        model_fail("a mutex is held that nobody can unlock: %s", site);
    mutex_take(self, index);
    self->watch_any = true;
    trace("%s", site);
    schedule_done(self);
}

void model_mutex_unlock(struct mutex *mutex, const char *site) {
    engine->running = false;
    unsigned index = object_at(mutex, 8, OBJECT_MUTEX);
    struct thread *self = schedule(&(struct pending){.kind = OP_UNLOCK, .object = (uint16_t)index, .site = site});
    memory_access((uintptr_t)mutex, 8, ATOMIC_WRITE, site);
    mutex_give(self, index);
    trace("%s", site);
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
    struct thread *self = schedule(&(struct pending){.kind = OP_SIGNAL, .object = (uint16_t)index, .site = site});
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
        struct thread *woken = waiters[choose(count)];
        woken->signalled = true;
        trace("%s: wakes T%u", site, (unsigned)(woken - engine->threads));
    } else {
        trace("%s: nobody waits", site);
    }
    wake(WAKE_CONDITION, index);
    schedule_done(self);
}

static _Noreturn void thread_unwind(struct thread *self);

static void clock_advance(int64_t now) {
    if (now <= engine->now)
        return;
    engine->now = now;
    while (times_left() > 0 && engine->scenario->times[engine->time_index + 1] <= now)
        engine->time_index++;
}

void model_condition_wait(struct condition *condition, struct mutex *mutex, int64_t deadline_ns, const char *site) {
    engine->running = false;
    if (!engine->parallel)
        model_fail("deadlock: the main thread waits alone: %s", site);
    unsigned index = object_at(condition, 8, OBJECT_CONDITION);
    unsigned lock = object_at(mutex, 8, OBJECT_MUTEX);
    struct thread *self = schedule(
        &(struct pending){.kind = OP_WAIT, .object = (uint16_t)index, .object2 = (uint16_t)lock, .site = site});
    memory_access((uintptr_t)condition, 8, ATOMIC_WRITE, site);
    memory_access((uintptr_t)mutex, 8, ATOMIC_WRITE, site);
    mutex_give(self, lock);
    self->signalled = false;
    self->deadline = deadline_ns;
    wake(WAKE_CONDITION, index);
    trace("%s: waits", site);
    self->restricted = false;

    schedule(&(struct pending){.kind = OP_WAKE, .object = (uint16_t)index, .object2 = (uint16_t)lock, .site = site});
    const char *why = "signalled";
    bool cancelled = self->cancelled && (!self->signalled || choose(2) == 0);
    if (cancelled) {
        why = "cancelled";
    } else if (!self->signalled && engine->now < self->deadline) {
        int reached = time_reaching(self->deadline);
        if (self->forced && reached < 0 && engine->spurious_left == 0) {
            clock_advance(self->deadline);
            why = "its deadline passes, with nothing else to run";
        } else if (choose((engine->spurious_left > 0 ? 1u : 0u) + (reached >= 0 ? 1u : 0u)) == 0 && engine->spurious_left > 0) {
            engine->spurious_left--;
            why = "without a signal";
        } else {
            clock_advance(engine->scenario->times[engine->time_index + 1 + (unsigned)reached]);
            why = "its deadline passes";
        }
        wake(WAKE_CLOCK, 0);
    } else if (!self->signalled) {
        why = "its deadline has passed";
    }
    wake(WAKE_CONDITION, index);
    memory_access((uintptr_t)mutex, 8, ATOMIC_WRITE, site);
    mutex_take(self, lock);
    self->watch_any = true;
    trace("%s: wakes, %s", site, why);
    schedule_done(self);
    if (cancelled)
        thread_unwind(self);
}

/* --- time, spinning, barriers ------------------------------------------------------------------------------------- */

int64_t model_clock_now(const char *site) {
    engine->running = false;
    struct thread *self = engine->current;
    if (times_left() > 0) {
        if (engine->parallel) {
            schedule(&(struct pending){.kind = OP_CLOCK, .site = site});
            self->watch_clock = true;
            unsigned step = choose(1 + times_left());
            if (step > 0)
                clock_advance(engine->scenario->times[engine->time_index + step]);
            wake(WAKE_CLOCK, 0);
        }
        trace("%s -> %" PRId64, site, engine->now);
    }
    schedule_done(self);
    return engine->now;
}

void model_thread_spin(const char *site) {
    engine->running = false;
    struct thread *self = engine->current;
    if (!engine->parallel) {
        if (++self->fruitless > FRUITLESS_SPINS)
            model_fail("livelock: the main thread spins alone: %s", site);
        engine->running = true;
        return;
    }
    if (self->watch_any)
        self->spin_seen = engine->writes - self->own_writes;
    schedule(&(struct pending){.kind = OP_SPIN, .site = site});
    unsigned options = spin_options(self);
    if (options == 0) {
        self->fruitless++;
        trace("%s: nothing new, and nothing else to run", site);
    } else {
        uint64_t floor = self->restricted ? self->floor : 0;
        self->fruitless = 0;
        unsigned chosen = choose(options);
        for (unsigned i = 0; i < self->watch_count; i++) {
            const struct watch *watched = &self->watches[i];
            if (!spin_changed(watched, floor) || chosen-- > 0)
                continue;
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
        trace("%s", site);
    }
    self->watch_count = 0;
    self->watch_any = false;
    self->watch_clock = false;
    schedule_done(self);
}

unsigned thread_processors(void) { return engine->scenario->processors ? engine->scenario->processors : 1; }

bool barrier_available(void) { return !engine->scenario->no_barrier; }

void model_barrier_light(const char *site) {
    if (site_order(site, MODEL_ORDER_seq_cst) != MODEL_ORDER_seq_cst)
        return;
    struct thread *self = schedule(&(struct pending){.kind = OP_LIGHT, .site = site});
    view_join(self->view, engine->heavy, false);
    if (!self->light)
        self->light = view_new(OBJECTS);
    view_join(self->light, self->view, false);
    wake(WAKE_LIGHT, 0);
    trace("%s", site);
    schedule_done(self);
}

void model_barrier_heavy(const char *site) {
    if (site_order(site, MODEL_ORDER_seq_cst) != MODEL_ORDER_seq_cst)
        return;
    struct thread *self = schedule(&(struct pending){.kind = OP_HEAVY, .site = site});
    for (unsigned i = 0; i < engine->thread_count; i++)
        view_join(self->view, engine->threads[i].light, false);
    view_join(self->view, engine->heavy, false);
    view_join(engine->heavy, self->view, false);
    wake(WAKE_HEAVY, 0);
    trace("%s", site);
    schedule_done(self);
}

/* --- threads ------------------------------------------------------------------------------------------------------ */

struct thread_state *thread_state(void) { return &engine->current->state; }

bool thread_exit_arm(struct thread_state *state) {
    if (state != thread_state())
        model_fail("thread_exit_arm with another thread's state");
    if (state->exited)
        return false;
    state->armed = true;
    return true;
}

static void thread_exit_run(struct thread *self) {
    if (!self->state.armed)
        return;
    if (thread_exit_hook)
        thread_exit_hook(&self->state);
    self->state.armed = false;
    self->state.exited = true;
}

static _Noreturn void thread_end(struct thread *self) {
    thread_exit_run(self);
    engine->running = false;
    trace("ends");
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

static void thread_main(void) {
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

static _Noreturn void thread_unwind(struct thread *self) {
    static struct _Unwind_Exception exceptions[THREADS];
    self->cancelled = false;
    _Unwind_ForcedUnwind(&exceptions[self - engine->threads], unwind_stop, self);
    fprintf(stderr, "model: a cancelled thread cannot be unwound\n");
    abort();
}

void model_cancel(unsigned thread) {
    struct thread *self = schedule(&(struct pending){.kind = OP_CANCEL, .site = "cancel"});
    struct thread *target = &engine->threads[thread];
    if (!target->finished)
        target->cancelled = true;
    if (target->pending.kind == OP_WAKE)
        target->asleep = target->restricted = false;
    trace("cancels T%u", thread);
    schedule_done(self);
}

unsigned model_thread(void) { return (unsigned)(engine->current - engine->threads); }

/* --- the heap of the program -------------------------------------------------------------------------------------- */

static void *heap_take(size_t size, size_t align, const char *what) {
    if (engine->current->fail_allocation && --engine->current->fail_allocation == 0) {
        trace("%s of %zu bytes fails", what, size);
        return NULL;
    }
    if (align < HEAP_GRAIN)
        align = HEAP_GRAIN;
    /* A free grain between blocks shows an access just past one. */
    size_t offset = (engine->heap_used + HEAP_GRAIN + align - 1) & ~(align - 1);
    size_t grains = (size + HEAP_GRAIN - 1) / HEAP_GRAIN;
    if (size > HEAP_BYTES / 2 || offset + grains * HEAP_GRAIN + HEAP_GRAIN > HEAP_BYTES)
        return NULL;
    if (engine->block_count == BLOCKS)
        engine_limit("allocations");
    struct block *block = &engine->blocks[engine->block_count++];
    *block = (struct block){.start = (uintptr_t)engine->heap + offset, .size = size, .live = true};
    for (size_t i = 0; i < grains; i++)
        engine->heap_map[offset / HEAP_GRAIN + i] = engine->block_count;
    engine->heap_used = offset + grains * HEAP_GRAIN;
    return engine->heap + offset;
}

static void *heap_allocate(size_t size, size_t align, int fill, const char *what) {
    if (!engine || !engine->running)
        return NULL;
    engine->running = false;
    char *memory = heap_take(size, align, what);
    if (memory && fill >= 0)
        memset(memory, fill, size);
    if (memory && fill == 0 && size <= 4096)
        memory_access((uintptr_t)memory, size, PLAIN_WRITE, what);
    engine->running = true;
    return memory;
}

static void heap_free(void *memory, const char *what) {
    if (!memory || !engine || !engine->running)
        return;
    engine->running = false;
    struct block *block = in_heap((uintptr_t)memory) ? block_of((uintptr_t)memory) : NULL;
    if (!block || block->start != (uintptr_t)memory)
        model_fail("%s of what is no block", what);
    if (!block->live)
        model_fail("%s of a block that is free already", what);
    uintptr_t end = block->start + block->size;
    if (block->size <= 4096) {
        memory_access(block->start, block->size, PLAIN_WRITE, what);
    } else {
        for (unsigned i = 0; i < engine->granule_count; i++) {
            struct granule *granule = &engine->granules[engine->granule_used[i]];
            uintptr_t address = granule->key << 3;
            if (address >= block->start && address < end)
                granule_access(granule, 0, 8, PLAIN_WRITE, what);
        }
    }
    block->live = false;
    engine->running = true;
}

void *model_malloc(size_t size) { return heap_allocate(size ? size : 1, 1, 0xA5, "malloc"); }
void *model_calloc(size_t count, size_t size) {
    if (size && count > SIZE_MAX / size)
        return NULL;
    return heap_allocate(count > 0 && size > 0 ? count * size : 1, 1, 0, "calloc");
}
void *model_realloc(void *block, size_t size) {
    if (!block)
        return model_malloc(size);
    size_t before = block_of((uintptr_t)block)->size;
    void *moved = model_malloc(size);
    if (!moved)
        return NULL;
    model_memcpy(moved, block, before < size ? before : size);
    heap_free(block, "realloc");
    return moved;
}
void *model_aligned_alloc(size_t align, size_t size) { return heap_allocate(size, align, 0xA5, "aligned_alloc"); }
int model_posix_memalign(void **out, size_t align, size_t size) {
    *out = heap_allocate(size, align, 0xA5, "posix_memalign");
    return *out ? 0 : ENOMEM;
}
void model_free(void *block) { heap_free(block, "free"); }

void *model_mmap(void *address, size_t size, int protection, int flags, int file, long offset) {
    (void)address, (void)protection, (void)flags, (void)file, (void)offset;
    void *memory = heap_allocate(size, 4096, -1, "mmap");
    if (!memory)
        return MAP_FAILED;
    memset(memory, 0, size);
    return memory;
}
int model_munmap(void *address, size_t size) {
    struct block *block = block_of((uintptr_t)address);
    if (block && (block->start != (uintptr_t)address || block->size != size)) {
        model_fail("munmap of a part of a mapping");
    }
    heap_free(address, "munmap");
    return 0;
}
int model_mprotect(void *address, size_t size, int protection) {
    (void)address, (void)size, (void)protection;
    return 0;
}
int model_madvise(void *address, size_t size, int advice) {
    if (advice == MADV_DONTNEED)
        model_memset(address, 0, size);
    return 0;
}

void *model_memcpy(void *to, const void *from, size_t size) {
    plain_access(from, size, PLAIN_READ, "memcpy", __builtin_return_address(0));
    plain_access(to, size, PLAIN_WRITE, "memcpy", __builtin_return_address(0));
    return memcpy(to, from, size);
}
void *model_memmove(void *to, const void *from, size_t size) {
    plain_access(from, size, PLAIN_READ, "memmove", __builtin_return_address(0));
    plain_access(to, size, PLAIN_WRITE, "memmove", __builtin_return_address(0));
    return memmove(to, from, size);
}
void *model_memset(void *to, int byte, size_t size) {
    plain_access(to, size, PLAIN_WRITE, "memset", __builtin_return_address(0));
    return memset(to, byte, size);
}
int model_memcmp(const void *a, const void *b, size_t size) {
    plain_access(a, size, PLAIN_READ, "memcmp", __builtin_return_address(0));
    plain_access(b, size, PLAIN_READ, "memcmp", __builtin_return_address(0));
    return memcmp(a, b, size);
}

_Noreturn void model_abort(void) {
    model_fail("abort was called");
}
_Noreturn void model_assert_fail(const char *expression, const char *file, unsigned line, const char *function) {
    model_fail("%s:%u: %s: assertion failed: %s", file, line, function, expression);
}

void model_fail_allocation(unsigned n) { engine->current->fail_allocation = n; }

size_t model_live_blocks(void) {
    size_t live = 0;
    for (unsigned i = 0; i < engine->block_count; i++)
        live += engine->blocks[i].live;
    return live;
}

/* Marks what the words of [from, to) point at, and what that points at. */
static void leak_mark(uintptr_t from, uintptr_t to) {
    for (from = (from + sizeof(void *) - 1) & ~(sizeof(void *) - 1); from + sizeof(void *) <= to;
         from += sizeof(void *)) {
        uintptr_t word = *(uintptr_t *)from;
        if (!in_heap(word))
            continue;
        struct block *block = block_of(word);
        if (block && block->live && !block->reached) {
            block->reached = true;
            leak_mark(block->start, block->start + block->size);
        }
    }
}

static void leak_check(void) {
    leak_mark((uintptr_t)__data_start, (uintptr_t)_end);
    for (unsigned i = 0; i < engine->block_count; i++)
        if (engine->blocks[i].live && !engine->blocks[i].reached)
            model_fail("leak: block %u, of %zu bytes, cannot be reached at the end", i, engine->blocks[i].size);
}

/* --- for scenarios ------------------------------------------------------------------------------------------------ */

void model_check_at(bool condition, const char *text, const char *file, int line) {
    if (!condition)
        model_fail("%s:%d: check failed: %s", file, line, text);
}

unsigned model_choose(unsigned count) {
    unsigned chosen = choose(count);
    if (count > 1)
        trace("the scenario takes %u of %u", chosen, count);
    return chosen;
}

_Noreturn void model_skip(void) { engine_end(END_SKIPPED); }

void model_outcome(const char *format, ...) {
    engine->running = false;
    char text[OUTCOME_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    trace("outcome: %s", text);
    unsigned i = 0;
    while (i < engine->outcome_count && strcmp(engine->outcomes[i], text) != 0)
        i++;
    if (i == OUTCOMES)
        engine_limit("outcomes");
    if (i == engine->outcome_count) {
        snprintf(engine->outcomes[i], OUTCOME_BYTES, "%s", text);
        engine->outcome_count++;
    }
    engine->running = true;
}

/* --- one execution ------------------------------------------------------------------------------------------------ */

static void execution_reset(void) {
    size_t image = (size_t)(_end - __data_start);
    if (!engine->image) {
        engine->image = engine_map(image);
        memcpy(engine->image, __data_start, image);
    } else {
        memcpy(__data_start, engine->image, image);
    }
    engine->depth = 0;
    engine->plain_at = 0;
    engine->steps = engine->preemptions = 0;
    engine->parallel = false;
    memset(engine->threads, 0, sizeof engine->threads);
    engine->sequence = engine->writes = 0;
    engine->time_index = 0;
    engine->now = engine->scenario->times ? engine->scenario->times[0] : 1000;
    engine->spurious_left = engine->scenario->spurious;
    engine->object_count = engine->store_count = 0;
    engine->views_used = 0;
    engine->heavy = view_new(OBJECTS);
    engine->generation++;
    engine->granule_count = 0;
    memset(engine->heap_map, 0, (engine->heap_used / HEAP_GRAIN + 1) * sizeof engine->heap_map[0]);
    engine->heap_used = 0;
    engine->block_count = 0;
    engine->thread_count = 1;
    engine->current = &engine->threads[0];
    engine->chosen = NULL;
    engine->current->view = view_new(OBJECTS);
    engine->current->view->clock[0] = 1;
    engine->current->started = true;
}

static void execution_threads(void) {
    struct thread *main_thread = &engine->threads[0];
    struct view *published = thread_publish(main_thread);
    while (engine->thread_count <= MODEL_THREADS && engine->scenario->threads[engine->thread_count - 1]) {
        unsigned i = engine->thread_count++;
        struct thread *thread = &engine->threads[i];
        thread->body = engine->scenario->threads[i - 1];
        thread->view = view_new(OBJECTS);
        view_join(thread->view, published, true);
        thread->view->clock[i] = 1;
        thread->pending = (struct pending){.kind = OP_START, .site = "start"};
        getcontext(&thread->start);
        thread->start.uc_stack.ss_sp = engine->stacks + i * (size_t)STACK_BYTES;
        thread->start.uc_stack.ss_size = STACK_BYTES;
        makecontext(&thread->start, thread_main, 0);
    }
    if (engine->thread_count == 1)
        return;
    engine->running = false;
    engine->parallel = true;
    thread_switch(main_thread, &engine->threads[1]);
    engine->parallel = false;
    for (unsigned i = 1; i < engine->thread_count; i++)
        view_join(main_thread->view, engine->threads[i].view, true);
}

static void execution_body(void) {
    engine->running = true;
    if (engine->scenario->setup)
        engine->scenario->setup();
    execution_threads();
    engine->running = true;
    if (engine->scenario->finish)
        engine->scenario->finish();
    thread_exit_run(&engine->threads[0]);
    engine->running = false;
    leak_check();
}

static enum end execution_run(void) {
    execution_reset();
    int how = setjmp(engine->driver);
    if (how == 0) {
        execution_body();
        return END_DONE;
    }
    return (enum end)how;
}

/* --- the search --------------------------------------------------------------------------------------------------- */

struct options {
    const char *only;
    const char *except[8];
    unsigned except_count;
    double seconds;
    int bound;
    uint64_t random;
    bool slow, list, sites, verbose;
};

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static bool outcomes_match(const struct model_scenario *scenario, bool complete) {
    bool match = true;
    for (unsigned i = 0; i < engine->outcome_count; i++) {
        unsigned k = 0;
        while (scenario->outcomes[k] && strcmp(scenario->outcomes[k], engine->outcomes[i]) != 0)
            k++;
        if (!scenario->outcomes[k]) {
            printf("    unexpected outcome: %s\n", engine->outcomes[i]);
            match = false;
        }
    }
    for (unsigned k = 0; complete && scenario->outcomes[k]; k++) {
        unsigned i = 0;
        while (i < engine->outcome_count && strcmp(scenario->outcomes[k], engine->outcomes[i]) != 0)
            i++;
        if (i == engine->outcome_count) {
            printf("    missing outcome: %s\n", scenario->outcomes[k]);
            match = false;
        }
    }
    return match;
}

/* Where the program was when a plain access failed. */
static void print_place(uintptr_t at) {
    extern char __executable_start[];
    uintptr_t start = (uintptr_t)__executable_start;
    char command[128], self[4096];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (at == 0 || length < 0)
        return;
    self[length] = '\0';
    if (setenv("MODEL_SELF", self, 1) != 0)
        return;
    snprintf(command, sizeof command, "addr2line -pfs -e \"$MODEL_SELF\" %#" PRIxPTR,
             (start < UINT32_MAX / 256 ? at : at - start) - 1);
    FILE *pipe = popen(command, "r");
    if (!pipe)
        return;
    char line[256];
    while (fgets(line, sizeof line, pipe))
        printf("    in %s", line);
    (void)pclose(pipe);
}

static bool search(const struct model_scenario *scenario, const struct options *options) {
    engine->scenario = scenario;
    engine->length = 0;
    engine->outcome_count = 0;
    engine->tracing = false;
    engine->bound = options->bound ? options->bound : scenario->bound;
    engine->random = options->random > 0;
    engine->sleeping = engine->bound == 0 && !engine->random;
    engine->random_state = UINT64_C(0x9E3779B97F4A7C15) ^ options->random;
    engine->weakened = false;
    uint64_t done = 0, redundant = 0, skipped = 0;
    unsigned deepest = 0;
    bool failed = false, cut = false;
    double start = seconds_now();
    for (uint64_t run = 1;; run++) {
        enum end how = execution_run();
        if (engine->steps > deepest)
            deepest = engine->steps;
        if (how == END_FAILED) {
            failed = true;
            break;
        }
        done += how == END_DONE;
        redundant += how == END_REDUNDANT;
        skipped += how == END_SKIPPED;
        if (engine->random) {
            engine->length = 0;
            if (run == options->random)
                break;
        } else if (!choose_next()) {
            break;
        }
        if ((run & 255) == 0 && options->seconds > 0 && seconds_now() - start > options->seconds) {
            cut = true;
            break;
        }
    }
    bool expected = scenario->expect ? failed && strstr(engine->failure, scenario->expect) : !failed;
    const char *coverage = engine->random ? "at random" : cut ? "cut off" : engine->bound ? "bounded" : "exhaustive";
    printf("%-40s %9" PRIu64 " executions, %" PRIu64 " redundant", scenario->name, done, redundant);
    if (skipped)
        printf(", %" PRIu64 " skipped", skipped);
    printf(", %u steps, %.2f s, %s", deepest, seconds_now() - start, coverage);
    if (failed && scenario->expect)
        printf("; found: %s", engine->failure);
    else if (failed)
        printf("; FAILED: %s", engine->failure);
    else if (scenario->expect)
        printf("; FAILED: did not find \"%s\"", scenario->expect);
    putchar('\n');
    if (!failed && scenario->outcomes && !outcomes_match(scenario, !cut && !engine->random))
        expected = false;
    if (failed && (!expected || options->verbose)) {
        char failure[sizeof engine->failure];
        memcpy(failure, engine->failure, sizeof failure);
        engine->length = engine->depth;
        engine->tracing = true;
        engine->random = false;
        execution_run();
        engine->tracing = false;
        if (strcmp(failure, engine->failure) != 0)
            printf("    (played back: %s)\n", engine->failure);
        printf("    %s\n", failure);
        print_place(engine->plain_at);
    }
    fflush(stdout);
    return expected;
}

static void usage(const char *program) {
    printf("usage: %s [options]\n"
           "  --only TEXT       scenarios whose name contains TEXT\n"
           "  --except NAME     but for this one; may be repeated\n"
           "  --slow            also the slow ones\n"
           "  --seconds N       at most N seconds each\n"
           "  --bound N         at most N preemptions, whatever the scenario says\n"
           "  --random N        N executions at random\n"
           "  --weaken TEXT TO  operations whose site contains TEXT have at most the order TO (relaxed, acquire,\n"
           "                    release); barriers are left out.  Exit status 0: a scenario fails, as it should\n"
           "  --sites           lists the operations met, with their orders\n"
           "  --list, --verbose\n",
           program);
}

static int order_named(const char *name) {
    for (int i = 0; i < 8; i++)
        if (strcmp(name, order_names[i]) == 0)
            return i;
    fprintf(stderr, "model: no such order: %s\n", name);
    exit(2);
}

static void engine_start(void) {
    engine = engine_map(sizeof *engine);
    engine->views = engine_map(VIEW_BYTES);
    engine->granules = engine_map(GRANULES * sizeof(struct granule));
    engine->heap = engine_map(HEAP_BYTES);
    engine->heap_map = engine_map((HEAP_BYTES / HEAP_GRAIN + 1) * sizeof engine->heap_map[0]);
    engine->stacks = engine_map(THREADS * (size_t)STACK_BYTES);
}

static bool wanted(const struct model_scenario *scenario, const struct options *options) {
    for (unsigned i = 0; i < options->except_count; i++)
        if (strcmp(scenario->name, options->except[i]) == 0)
            return false;
    return (!options->only || strstr(scenario->name, options->only)) && (!scenario->slow || options->slow);
}

int model_main(int argc, char **argv, const struct model_scenario *scenarios, size_t count) {
    struct options options = {0};
    engine_start();
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--slow") == 0) {
            options.slow = true;
        } else if (strcmp(argv[i], "--list") == 0) {
            options.list = true;
        } else if (strcmp(argv[i], "--verbose") == 0) {
            options.verbose = true;
        } else if (strcmp(argv[i], "--sites") == 0) {
            options.sites = engine->collect_sites = true;
        } else if (strcmp(argv[i], "--only") == 0) {
            options.only = value, i++;
        } else if (strcmp(argv[i], "--except") == 0 && options.except_count < COUNT(options.except)) {
            options.except[options.except_count++] = value, i++;
        } else if (strcmp(argv[i], "--seconds") == 0) {
            options.seconds = atof(value), i++;
        } else if (strcmp(argv[i], "--bound") == 0) {
            options.bound = atoi(value), i++;
        } else if (strcmp(argv[i], "--random") == 0) {
            options.random = (uint64_t)atoll(value), i++;
        } else if (strcmp(argv[i], "--weaken") == 0 && i + 2 < argc) {
            engine->weaken = value;
            engine->weaken_to = order_named(argv[i + 2]);
            i += 2;
        } else {
            usage(argv[0]);
            return strcmp(argv[i], "--help") == 0 ? 0 : 2;
        }
    }
    unsigned failures = 0, ran = 0;
    bool weakened = false;
    for (size_t i = 0; i < count; i++) {
        if (!wanted(&scenarios[i], &options))
            continue;
        if (engine->weaken && scenarios[i].expect)
            continue;
        if (options.list) {
            puts(scenarios[i].name);
            continue;
        }
        ran++;
        bool ok = search(&scenarios[i], &options);
        weakened |= engine->weakened;
        if (!ok) {
            failures++;
            if (engine->weaken) {
                printf("caught by %s: %s\n", scenarios[i].name, engine->failure);
                return 0;
            }
        }
    }
    if (options.sites)
        for (unsigned i = 0; i < engine->site_count; i++)
            printf("site %s [%s] %" PRIu64 "\n", engine->sites[i].text, order_names[engine->sites[i].order],
                   engine->sites[i].hits);
    if (engine->weaken) {
        puts(weakened ? "not caught" : "not reached");
        return 3;
    }
    if (ran == 0 && !options.list) {
        puts("no such scenario");
        return 2;
    }
    return failures ? 1 : 0;
}

/* --- what -fsanitize=thread makes of plain accesses --------------------------------------------------------------- */

#define TSAN_CALLBACK(size)                                                                                            \
    void __tsan_read##size(void *address);                                                                             \
    void __tsan_read##size(void *address) { plain_access(address, size, PLAIN_READ, NULL, __builtin_return_address(0)); }                           \
    void __tsan_write##size(void *address);                                                                            \
    void __tsan_write##size(void *address) { plain_access(address, size, PLAIN_WRITE, NULL, __builtin_return_address(0)); }                         \
    void __tsan_unaligned_read##size(void *address);                                                                   \
    void __tsan_unaligned_read##size(void *address) { plain_access(address, size, PLAIN_READ, NULL, __builtin_return_address(0)); }                 \
    void __tsan_unaligned_write##size(void *address);                                                                  \
    void __tsan_unaligned_write##size(void *address) { plain_access(address, size, PLAIN_WRITE, NULL, __builtin_return_address(0)); }               \
    void __tsan_volatile_read##size(void *address);                                                                    \
    void __tsan_volatile_read##size(void *address) { plain_access(address, size, PLAIN_READ, NULL, __builtin_return_address(0)); }                  \
    void __tsan_volatile_write##size(void *address);                                                                   \
    void __tsan_volatile_write##size(void *address) { plain_access(address, size, PLAIN_WRITE, NULL, __builtin_return_address(0)); }
TSAN_CALLBACK(1)
TSAN_CALLBACK(2)
TSAN_CALLBACK(4)
TSAN_CALLBACK(8)
TSAN_CALLBACK(16)

void __tsan_read_range(void *address, unsigned long size);
void __tsan_read_range(void *address, unsigned long size) { plain_access(address, size, PLAIN_READ, NULL, __builtin_return_address(0)); }
void __tsan_write_range(void *address, unsigned long size);
void __tsan_write_range(void *address, unsigned long size) { plain_access(address, size, PLAIN_WRITE, NULL, __builtin_return_address(0)); }
void *__tsan_memcpy(void *to, const void *from, size_t size);
void *__tsan_memcpy(void *to, const void *from, size_t size) { return model_memcpy(to, from, size); }
void *__tsan_memmove(void *to, const void *from, size_t size);
void *__tsan_memmove(void *to, const void *from, size_t size) { return model_memmove(to, from, size); }
void *__tsan_memset(void *to, int byte, size_t size);
void *__tsan_memset(void *to, int byte, size_t size) { return model_memset(to, byte, size); }
void __tsan_init(void);
void __tsan_init(void) {}
void __tsan_func_entry(void *caller);
void __tsan_func_entry(void *caller) { (void)caller; }
void __tsan_func_exit(void);
void __tsan_func_exit(void) {}
