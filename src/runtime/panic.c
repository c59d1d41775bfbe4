/* SPDX-License-Identifier: MIT */
/* Panics: the handler, and the unwinding of scopes.
 *
 * A panic calls the handler, leaves the scopes begun since the innermost protected action (runtime/protect.h), and ends
 * that.  Where there is none, or the thread is in a place that cannot be left (a drop function, an unwinding panic, the
 * handler), it aborts.
 *
 * Locking: handler_mutex guards the handler and its closure, which are read together; it is held during no call.
 * All else is the thread's own.
 */
#include "runtime/panic.h"

#include <arena/base.h>

#include "platform/sync.h"
#include "runtime/protect.h"
#include "runtime/scope.h"
#include "runtime/thread.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct mutex handler_mutex = MUTEX_INIT;
static struct arena_panic_handler handler;

static void write_line(const char *what, const char *message) {
    char line[320];
    int length = snprintf(line, sizeof line, "libarena: %s: %s\n", what, message);
    if (length <= 0) return;
    size_t size = (size_t)length < sizeof line ? (size_t)length : sizeof line - 1;
    line[size - 1] = '\n';
    ssize_t written = write(STDERR_FILENO, line, size);
    (void)written; /* there is nobody left to tell */
}

/* Has the handler see the message.  The default one has nothing to say of what a program catches. */
static void tell(struct thread_state *state, const char *message, bool caught) {
    if (state->handling) {
        write_line("panic", message);
        abort();
    }
    mutex_lock(&handler_mutex);
    struct arena_panic_handler now = handler;
    mutex_unlock(&handler_mutex);

    state->handling = true;
    if (now.handler != NULL) {
        now.handler(message, now.user);
    } else if (!caught) {
        write_line("panic", message);
    }
    state->handling = false;
}

void panic_notice(const char *message) { write_line("notice", message); }

void panic_fatal(const char *message) {
    (void)thread_hold_cancel();
    tell(thread_state(), message, false);
    abort();
}

void panic_raise(int status, const char *message) {
    struct thread_state *state = thread_state();
    int cancel = thread_hold_cancel(); /* the handler prints, and scopes are half left */
    bool stuck = state->handling || state->unwinding || state->dropping;
    bool protected = state->frames != NULL;
    struct protect_frame *frame =
        stuck || !protected ? NULL : protect_innermost(state, (uintptr_t)__builtin_frame_address(0));
    tell(state, message, frame != NULL);
    if (frame == NULL) {
        if (protected && !stuck) {
            write_line("the arena_protect around the panic is gone",
                       "a longjmp left it, or stacks were switched without arena_fiber_switch");
        }
        abort();
    }
    protect_note(frame, status, message); /* now: it may lie in an arena of one of the scopes */
    state->unwinding = true;
    scope_unwind(state, protect_era(frame));
    state->unwinding = false;
    thread_release_cancel(cancel);
    protect_end(frame);
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

void panic_swap_handler(struct arena_panic_handler *other) {
    mutex_lock(&handler_mutex);
    struct arena_panic_handler before = handler;
    handler.handler = other->handler;
    handler.user = other->handler == NULL ? NULL : other->user;
    mutex_unlock(&handler_mutex);
    *other = before;
}
