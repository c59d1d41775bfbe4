/* SPDX-License-Identifier: MIT */
/* Panics, as programs raise, see and catch them. */
#include "runtime/panic.h"

#include <arena/base.h>

void arena_panic(const char *message) { panic_raise(ARENA_EPANIC, message == NULL ? "panic" : message); }

void arena_set_panic_handler(void (*handler)(const char *message, void *user), void *user) {
    panic_set_handler(handler, user);
}

int arena_protect(void (*action)(void *user), void *user) {
    return action == NULL ? ARENA_EINVAL : panic_protect(action, user);
}
