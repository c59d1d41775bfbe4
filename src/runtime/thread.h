/* SPDX-License-Identifier: MIT */
/* What libarena keeps per thread, and the call at a thread's end.
 *
 * Contract
 *   thread_state()     This thread's state: zero when the thread begins, its address unlike that of every other living
 *                      thread.  At most 104 bytes: the library's thread-locals are initial-exec, and a library loaded
 *                      with dlopen has to fit into what the loader keeps in reserve.
 *   thread_exit_arm()  Has thread_exit_hook run when this thread ends (by return, pthread_exit or cancellation), after
 *                      its frames are gone.  Once armed, again is free.  false: no resources; nothing is armed.
 *                      One pthread_key serves the whole process, whatever the number of pools.
 *   After the hook ran, state->exited is true: destructors of other thread-locals may still call the library, which
 *   then keeps nothing for this thread.  It may arm again: then the hook runs once more, unless no round of destructors
 *   is left.
 */
#ifndef RUNTIME_THREAD_H
#define RUNTIME_THREAD_H

#include "platform/sync.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena_fiber;
struct local;
struct scope;
struct protect_frame;
struct waiter;
struct thread_record;

/* What a thread keeps of what ended on it, for the next that is like it: one of each kind. */
enum { KEPT_BYTES, KEPT_ELEMENTS, KEPT_KINDS };
struct thread_kept {
    void (*end)(struct thread_kept *kept);
};

/* Armed, and not at its end yet: what ends may be kept. */
enum thread_keeps {
    THREAD_KEEPS_NOTHING,
    THREAD_KEEPS,
    THREAD_KEEPS_LARGER, /* core/create.c: byte arenas begin with a larger block */
};

struct thread_state {
    struct local *locals;         /* runtime/locals.h: the thread's share of pools and concurrent arenas, by index */
    uint32_t local_bytes;         /* of locals */
    uint32_t number;              /* sync/gate.c: unlike that of any other thread, living or not; 0: none yet */
    struct atomic_u8 busy;        /* runtime/locals.h: a call is inside of its bracket */
    bool armed;                   /* the exit hook will run */
    bool exiting;                 /* the exit hook is running */
    bool exited;                  /* the exit hook has run */
    uint8_t keeps;                /* enum thread_keeps */
    bool unwinding;               /* runtime/panic.c: a panic is leaving scopes */
    bool handling;                /* runtime/panic.c: the handler is running */
    bool dropping;                /* core/reset.c, core/cleanup.c: drop functions or cleanups are running */
    struct scope *scopes;         /* runtime/scope.h: the innermost scope of what runs */
    uint64_t era;                 /* protected actions begun so far: what scopes begun now are numbered with */
    struct protect_frame *frames; /* runtime/protect.c: the outermost protected action of what runs */
    struct arena_fiber *fiber;    /* runtime/fiber.h: what runs; NULL: the thread itself */
    void *own[2];                 /* runtime/fiber.h: the scopes and frames of the thread itself while a fiber runs */
    struct waiter *waiter;        /* runtime/waiter.c: the record this thread waits with, once it has waited */
    struct thread_record *record; /* runtime/locals.c: what other threads may find of this one */
    struct thread_kept *kept[KEPT_KINDS]; /* core/create.c: arenas */
};

#ifndef THREAD_STATE_MODEL
_Static_assert(sizeof(struct thread_state) <= 104, "initial-exec thread-locals have to stay small");

/* Initial-exec keeps the address one load away; the build turns it off where the C library cannot load such a library
 * at run time (musl). */
#ifdef ARENA_TLS_INITIAL_EXEC
#define THREAD_TLS_MODEL __attribute__((tls_model("initial-exec")))
#else
#define THREAD_TLS_MODEL
#endif
extern _Thread_local struct thread_state thread_state_tls THREAD_TLS_MODEL;
static inline struct thread_state *thread_state(void) { return &thread_state_tls; }
#else
struct thread_state *thread_state(void); /* the model checker's threads share one real thread */
#endif

bool thread_exit_arm(struct thread_state *state);

/* May this thread keep what ends?  Once it may, until its end. */
static inline bool thread_may_keep(struct thread_state *state) {
    if (state->keeps == THREAD_KEEPS_NOTHING && !state->exiting && !state->exited && thread_exit_arm(state))
        state->keeps = THREAD_KEEPS;
    return state->keeps != THREAD_KEEPS_NOTHING;
}
/* Ends what it keeps. */
static inline void thread_end_kept(struct thread_state *state) {
    for (int kind = 0; kind < KEPT_KINDS; kind++) {
        struct thread_kept *kept = state->kept[kind];
        state->kept[kind] = NULL;
        if (kept != NULL) kept->end(kept);
    }
}

/* What runs at the end of an armed thread: in runtime/locals.c.  Leaves it exited and no longer armed. */
void thread_exit_hook(struct thread_state *state);

#endif
