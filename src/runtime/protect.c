/* SPDX-License-Identifier: MIT */
/* Protected actions.
 *
 * A protected action is a setjmp in a frame of protect_run.  The frames of a thread (of a fiber, see runtime/fiber.h)
 * form a chain, in which a frame returns before those outside of it.  But the program's own longjmp may leave frames
 * without a word, and then the chain leads to memory that other functions use.  So the code here does not trust the
 * chain:
 *
 *   - It is held by its outermost frame.  Frames that were left are the innermost ones, so a walk from the outermost
 *     one never needs to read through one of them.
 *   - A frame's links bear a seal.  Links whose seal is broken were written over, so the frame is gone.
 *   - Before a frame is entered into a chain, and before a panic ends one, the stack is asked (see "which frames
 * live"): when a new frame is the innermost, all that are outside of it live.
 *
 * setjmp and longjmp by these names: ThreadSanitizer watches no _longjmp, and its record of a thread's calls would grow
 * with each panic until the program crashes.  Neither glibc nor musl saves the signal mask in them.  A fortified
 * longjmp has another name again, so it is not for this file.
 *
 * No clean-up handler (pthread_cleanup_push) for the ways out that do not return: a longjmp would leave it behind in a
 * C library that keeps a list of them.  Exceptions unwind the frame, and so do with glibc a thread's exit and its
 * cancellation.  Where they do not (musl), the frame is left like by a longjmp.
 *
 * Locking: none; a chain is its thread's own.
 */
#undef _FORTIFY_SOURCE

#include "runtime/protect.h"

#include <arena/base.h>

#include "base/compiler.h"
#include "platform/stack.h"
#include "platform/unwind.h"
#include "runtime/thread.h"

#include <setjmp.h>
#include <stdio.h>

#ifdef HAVE_VALGRIND
#include <valgrind/memcheck.h>
#else
#define VALGRIND_DISABLE_ERROR_REPORTING ((void)0)
#define VALGRIND_ENABLE_ERROR_REPORTING ((void)0)
#define VALGRIND_MAKE_MEM_DEFINED(start, size_bytes) ((void)0)
#endif

struct links {
    struct protect_frame *outer;     /* NULL: it is the outermost */
    struct protect_frame *inner;     /* NULL: it is the innermost */
    struct protect_frame *innermost; /* of the chain; the outermost frame's alone */
    uintptr_t place;                 /* where its function's frame is; AddressSanitizer keeps variables elsewhere */
    uintptr_t code;                  /* where its function is while the action runs */
    uint64_t era;
    uintptr_t seal;
};

struct protect_frame {
    struct links links;
    struct arena_panic_info *info;
    jmp_buf jump;
};

/* --- the chain ---------------------------------------------------------------------------------------------------- */

static uintptr_t seal_of(const struct protect_frame *frame, const struct links *links) {
    return ~(uintptr_t)frame ^ (uintptr_t)links->outer ^ (uintptr_t)links->inner << 1 ^
           (uintptr_t)links->innermost << 2 ^ links->place << 3 ^ links->code << 4 ^ (uintptr_t)links->era << 5;
}

static void seal(struct protect_frame *frame) { frame->links.seal = seal_of(frame, &frame->links); }

/* The links of a frame that may be gone: whose memory a checker has good reasons to hold for another's, and the next
 * call may write over.  false, and nothing in them: it is. */
static UNWATCHED bool look(const struct protect_frame *frame, struct links *links) {
    if (frame != NULL) {
        VALGRIND_DISABLE_ERROR_REPORTING; /* it reports what lies below the stack pointer */
        *links = frame->links;
        VALGRIND_ENABLE_ERROR_REPORTING;
        VALGRIND_MAKE_MEM_DEFINED(links, sizeof *links);
        if (links->seal == seal_of(frame, links)) return true;
    }
    *links = (struct links){.outer = NULL};
    return false;
}

/* Makes `last` the innermost; NULL: the chain is empty. */
static void cut(struct thread_state *state, struct protect_frame *last) {
    if (last == NULL) {
        state->frames = NULL;
        return;
    }
    last->links.inner = NULL;
    seal(last);
    state->frames->links.innermost = last;
    seal(state->frames);
}

static void push(struct thread_state *state, struct protect_frame *frame) {
    struct protect_frame *outer = state->frames == NULL ? NULL : protect_innermost(state, (uintptr_t)(frame + 1));
    frame->links.outer = outer;
    frame->links.innermost = NULL;
    frame->links.era = ++state->era;
    if (outer == NULL) {
        state->frames = frame;
    } else {
        outer->links.inner = frame;
        seal(outer);
    }
    cut(state, frame);
}

/* On every way out of protect_run but a longjmp.  The thread may be another one by now.  Frames of coroutines that
 * nobody announced may return in any order: so only what is in the chain is taken from it. */
static NOINLINE void pop(struct protect_frame *frame) {
    struct thread_state *state = thread_state();
    struct links links;
    struct protect_frame *at = state->frames;
    bool known = look(at, &links);
    if (known && LIKELY(links.innermost == frame)) at = frame;
    while (known && at != frame) {
        at = links.inner;
        known = look(at, &links);
    }
    if (known) cut(state, frame->links.outer);
    frame->links.seal = 0;
}

uint64_t protect_last_era(const struct protect_frame *outermost) {
    uint64_t era = 0;
    struct links links;
    for (bool known = look(outermost, &links); known; known = look(links.inner, &links)) era = links.era;
    return era;
}

/* --- which frames live --------------------------------------------------------------------------------------------
 *
 * The stack is unwound from here outwards, and the first frame of the chain that is met there is the innermost one that
 * lives.  A frame that is passed over, at a place that belongs to another function, is gone.  So is one in the part of
 * the stack where a new frame is about to be, and one that lies deeper than the library's own calls, on the same stack.
 * Where the stack cannot be unwound that far (through code without unwind tables), or the frame lies on another one, it
 * lives: none is given up on a guess. */

#define STEPS_MOST 10000 /* of a recursion that deep, the rest is not looked at */

/* What unwinding found out.  The walk has passed over the stack in [from, to). */
struct walk {
    const struct thread_state *state;
    struct protect_frame *met;
    uintptr_t top; /* the caller's: in the frame of the function that ends there, none of the chain lives yet */
    uintptr_t from;
    uintptr_t to;
    uintptr_t low;      /* where the frame begins that is looked at next; it ends where the one outside begins */
    uintptr_t function; /* whose frame it is */
    unsigned steps;
};

static bool within(uintptr_t address, uintptr_t low, uintptr_t high) { return address >= low && address < high; }

/* The frame of the chain that lies in [low, high), a part of the stack that belongs to `function`. */
static struct protect_frame *frame_in(const struct thread_state *state, uintptr_t low, uintptr_t high,
                                      uintptr_t function) {
    struct links links;
    struct protect_frame *at = state->frames;
    for (bool known = look(at, &links); known; at = links.inner, known = look(at, &links)) {
        if (!within(links.place, low, high) && !within((uintptr_t)at, low, high)) continue;
        if (unwind_function_at(links.code) == function) return at;
    }
    return NULL;
}

static _Unwind_Reason_Code walk_step(struct _Unwind_Context *context, void *argument) {
    struct walk *walk = argument;
    uintptr_t low = unwind_stack(context);
    if (walk->steps == 0) {
        walk->from = low;
        walk->to = low;
    } else if (low > walk->low) {
        if (!within(walk->top - 1, walk->low, low)) walk->met = frame_in(walk->state, walk->low, low, walk->function);
        if (walk->to == walk->low) walk->to = low; /* unless it has gone on to another stack meanwhile */
    }
    walk->low = low;
    walk->function = (uintptr_t)_Unwind_GetRegionStart(context);
    return walk->met != NULL || ++walk->steps == STEPS_MOST ? _URC_END_OF_STACK : _URC_NO_REASON;
}

/* Is a frame at this place, which was not met, gone for certain?  A fiber has one stack. */
static bool gone(uintptr_t place, const struct walk *walk) {
    if (place >= walk->from) return place < walk->to;
    if (stack_of_signals()) return false;
    return walk->state->fiber != NULL || stack_holds(place, walk->from);
}

NOINLINE struct protect_frame *protect_innermost(struct thread_state *state, uintptr_t top) {
    struct walk walk = {.state = state, .top = top};
    (void)_Unwind_Backtrace(walk_step, &walk);
    struct protect_frame *last = walk.met;
    if (last == NULL) {
        if (walk.steps == 0) walk.from = (uintptr_t)__builtin_frame_address(0);
        if (walk.to < top) walk.to = top;
        struct links links;
        struct protect_frame *at = state->frames;
        for (bool known = look(at, &links); known && !gone(links.place, &walk); known = look(at, &links)) {
            last = at;
            at = links.inner;
        }
    }
    cut(state, last);
    return last;
}

/* --- running and ending ------------------------------------------------------------------------------------------- */

/* A function of its own, which sees where it was called from. */
static NOINLINE void call(struct protect_frame *frame, void (*action)(void *user), void *user) {
    frame->links.code = (uintptr_t)__builtin_return_address(0);
    seal(frame);
    action(user);
}

/* Unwatched: AddressSanitizer may keep the variables of others elsewhere, and a frame's address is to be its place. */
UNWATCHED int protect_run(void (*action)(void *user), void *user, struct arena_panic_info *info) {
    CLEANUP(pop) struct protect_frame frame;
    volatile int status = ARENA_OK;
    frame.links.place = (uintptr_t)__builtin_frame_address(0);
    frame.links.code = 0;
    frame.info = info;
    push(thread_state(), &frame);
    if (setjmp(frame.jump) == 0) {
        call(&frame, action, user);
    } else {
        status = ARENA_EPANIC;
    }
    return status;
}

uint64_t protect_era(const struct protect_frame *frame) { return frame->links.era; }

void protect_note(struct protect_frame *frame, int status, const char *message) {
    if (frame->info == NULL) return;
    frame->info->status = status;
    (void)snprintf(frame->info->message, sizeof frame->info->message, "%s", message);
}

void protect_end(struct protect_frame *frame) { longjmp(frame->jump, 1); }
