/* SPDX-License-Identifier: MIT */
/* Panics, as programs raise, see and catch them; and coroutines, which have protected actions of their own. */
#include "runtime/panic.h"

#include <arena/base.h>

#include "base/poison.h"
#include "runtime/fiber.h"
#include "runtime/protect.h"
#include "runtime/thread.h"

void arena_panic(const char *message) { arena_panic_with(ARENA_EPANIC, message); }

void arena_panic_with(int status, const char *message) {
    bool known = status < ARENA_OK && status >= ARENA_EPANIC;
    panic_raise(known ? status : ARENA_EPANIC, message == NULL ? "panic" : message);
}

void arena_set_panic_handler(void (*handler)(const char *message, void *user), void *user) {
    struct arena_panic_handler set = {handler, user};
    panic_swap_handler(&set);
}

void arena_swap_panic_handler(struct arena_panic_handler *handler) {
    if (handler != NULL) panic_swap_handler(handler);
}

int arena_protect_with(void (*action)(void *user), void *user, struct arena_panic_info *out) {
    if (out != NULL) {
        poison_written(out, sizeof *out);
        *out = (struct arena_panic_info){ARENA_OK, ""};
    }
    return action == NULL ? ARENA_EINVAL : protect_run(action, user, out);
}

int arena_protect(void (*action)(void *user), void *user) {
    return action == NULL ? ARENA_EINVAL : protect_run(action, user, NULL);
}

void arena_fiber_switch(struct arena_fiber *from, struct arena_fiber *to) {
    const char *refusal = fiber_switch(thread_state(), from, to);
    if (refusal != NULL) panic(ARENA_EINVAL, "arena_fiber_switch: %s", refusal);
}

void arena_fiber_end(struct arena_fiber *fiber) {
    const char *refusal = fiber == NULL ? NULL : fiber_end(thread_state(), fiber);
    if (refusal != NULL) panic(ARENA_EINVAL, "arena_fiber_end: %s", refusal);
}
