/* SPDX-License-Identifier: MIT */
/* Panics: the handler, protected actions, and the unwinding of scopes.
 *
 * A protected action is a setjmp in a frame of panic_protect; the frames of a thread form a chain, innermost first.  A
 * panic calls the handler, leaves the scopes begun since the innermost frame, and jumps there.  Where there is no
 * frame, or the thread is in a place that cannot be left (a drop function, an unwinding panic, the handler), it aborts.
 *
 * setjmp and longjmp by these names: ThreadSanitizer watches no _longjmp, and its record of a thread's calls would grow
 * with each panic until the program crashes.  Neither glibc nor musl saves the signal mask in them.  A fortified
 * longjmp has another name again, so it is not for this file.
 *
 * Locking: handler_mutex guards the handler and its closure, which are read together; it is held during no call.
 * All else is the thread's own.
 */
#undef _FORTIFY_SOURCE

#include "runtime/panic.h"

#include <arena/base.h>

#include "platform/sync.h"
#include "runtime/scope.h"
#include "runtime/thread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct protect_frame {
    jmp_buf jump;
    struct protect_frame *outer;
    struct thread_state *state;
    uint64_t era; /* scopes of this era and later ones were begun inside */
};

typedef void panic_handler(const char *message, void *user);

static struct mutex handler_mutex = MUTEX_INIT;
static panic_handler *handler;
static void *handler_user;

static void write_line(const char *what, const char *message) {
    char line[320];
    int length = snprintf(line, sizeof line, "libarena: %s: %s\n", what, message);
    if (length <= 0) return;
    size_t size = (size_t)length < sizeof line ? (size_t)length : sizeof line - 1;
    line[size - 1] = '\n';
    ssize_t written = write(STDERR_FILENO, line, size);
    (void)written; /* there is nobody left to tell */
}

/* Has the handler see the message. */
static void tell(struct thread_state *state, const char *message) {
    if (state->handling) {
        write_line("panic", message);
        abort();
    }
    mutex_lock(&handler_mutex);
    panic_handler *call = handler;
    void *user = handler_user;
    mutex_unlock(&handler_mutex);

    state->handling = true;
    if (call != NULL) {
        call(message, user);
    } else {
        write_line("panic", message);
    }
    state->handling = false;
}

void panic_notice(const char *message) { write_line("notice", message); }

void panic_fatal(const char *message) {
    (void)thread_hold_cancel();
    tell(thread_state(), message);
    abort();
}

void panic_raise(int status, const char *message) {
    (void)status;
    struct thread_state *state = thread_state();
    int cancel = thread_hold_cancel(); /* the handler prints, and scopes are half left */
    tell(state, message);
    struct protect_frame *frame = state->frames;
    if (frame == NULL || state->unwinding || state->dropping) abort();
    state->unwinding = true;
    scope_unwind(state, frame->era);
    state->unwinding = false;
    thread_release_cancel(cancel);
    longjmp(frame->jump, 1);
}

void panic(int status, const char *format, ...) {
    char message[256];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    panic_raise(status, length < 0 ? format : message);
}

void panic_for(const char *function, struct refusal refusal) { panic(refusal.status, "%s: %s", function, refusal.why); }

void panic_set_handler(void (*new_handler)(const char *message, void *user), void *user) {
    mutex_lock(&handler_mutex);
    handler = new_handler;
    handler_user = new_handler == NULL ? NULL : user;
    mutex_unlock(&handler_mutex);
}

/* Runs on every way out: return, panic, pthread_exit, cancellation, a C++ exception.  Idempotent. */
static void frame_pop(void *argument) {
    struct protect_frame *frame = argument;
    if (frame->state == NULL) return;
    frame->state->frames = frame->outer;
    frame->state = NULL;
}

/* glibc without forced unwinding through this attribute, or musl without exceptions, would each need only one of the
 * two ways below; having both keeps the code the same. */
int panic_protect(void (*action)(void *user), void *user) {
    struct thread_state *state = thread_state();
    CLEANUP(frame_pop) struct protect_frame frame;
    volatile int status = ARENA_OK;
    frame.outer = state->frames;
    frame.state = state;
    frame.era = ++state->era;
    state->frames = &frame;
    CLEANUP_PUSH(frame_pop, &frame);
    if (setjmp(frame.jump) == 0) {
        action(user);
    } else {
        status = ARENA_EPANIC;
    }
    CLEANUP_POP(1);
    return status;
}
