/* SPDX-License-Identifier: MIT */
/* What the files of the model checker share.  engine.c says how it works. */
#ifndef MODEL_INTERNAL_H
#define MODEL_INTERNAL_H

#define MODEL_ENGINE 1
#include "engine.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

#include "platform/sync.h"
#include "platform/wrap.h"
#include "runtime/thread.h"

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
    bool followed;        /* a read-modify-write read it, and comes right behind it */
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
    bool writes, cancellable;
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
    bool started, finished, asleep, restricted, signalled, forced, cancelled, uncancellable;
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
    bool random, sleeping;
    int tracing; /* 1: a failure is played back, from where the threads start; 2: from the start */
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

/* Static variables are put back before each execution; this one never changes once set. */
extern struct engine *engine;

/* --- engine.c: the search ----------------------------------------------------------------------------------------- */

extern const char *const order_names[8];

/* Any of 0 ... count - 1; the search takes each in turn. */
unsigned engine_choose(unsigned count);
/* One line about what the running thread did, when a failure is played back. */
void engine_trace(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Ends this execution. */
_Noreturn void engine_end(enum end how);
/* Ends the program: a table of the checker's own is full. */
_Noreturn void engine_limit(const char *what);
/* The order of the operation at `site`, weaker where --weaken says so. */
int engine_order(const char *site, int order);

/* --- schedule.c: threads -------------------------------------------------------------------------------------------- */

/* Before a visible operation: returns the running thread when it is its turn to do the operation. */
struct thread *schedule_step(const struct pending *pending);
/* After it. */
void schedule_done(struct thread *self);

/* A new store of `object`: those that sleep before a load of it may read it. */
void schedule_wake_readers(unsigned object, const struct store *store, int order);

enum wake { WAKE_LOCK = 1, WAKE_CONDITION = 2, WAKE_CLOCK = 4, WAKE_HEAVY = 8, WAKE_LIGHT = 16, WAKE_TOTAL = 32 };

/* Those that sleep before an operation that depends on what has just been done. */
void schedule_wake(unsigned what, unsigned object);

/* Is it time for this thread to unwind, at a cancellation point? */
static inline bool thread_cancelled(const struct thread *thread) { return thread->cancelled && !thread->uncancellable; }

void thread_main(void);
void thread_switch(struct thread *from, struct thread *to);
void thread_exit_run(struct thread *self);
_Noreturn void thread_unwind(struct thread *self);

/* Listed times after now; and which of them, counted from the next, reaches the deadline, or -1. */
unsigned times_left(void);
int time_reaching(int64_t deadline);

/* Is there a store of the watched object after the one that was read, later in execution than `floor`? */
bool spin_changed(const struct watch *watch, uint64_t floor);
/* In how many ways the spinning thread can go on. */
unsigned spin_options(const struct thread *thread);

/* --- atomics.c: objects and views ------------------------------------------------------------------------------------ */

struct view *view_new(unsigned objects);
/* `into` has room for every object.  clocks: happens-before too, not only what may be read. */
void view_join(struct view *into, const struct view *from, bool clocks);
/* What the thread has done so far, for another to join; what it does from now on is not in it. */
struct view *thread_publish(struct thread *thread);
/* The number of the object at an address, made when it is first met. */
unsigned object_at(const volatile void *pointer, unsigned size, enum object_kind kind);
/* Notes what a thread read, in case it spins. */
void atomics_watch(struct thread *self, unsigned object, uint32_t stamp);

/* --- memory.c: plain memory ------------------------------------------------------------------------------------------ */

enum access { PLAIN_READ, PLAIN_WRITE, ATOMIC_READ, ATOMIC_WRITE };

/* Fails where the memory is not there. */
void memory_check(uintptr_t address, size_t size, enum access access, const char *site);
/* And where the access races with an earlier one. */
void memory_access(uintptr_t address, size_t size, enum access access, const char *site);
struct granule *granule_find(uintptr_t address, bool make);
void leak_check(void);

#endif
