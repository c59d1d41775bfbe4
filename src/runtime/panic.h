/* SPDX-License-Identifier: MIT */
/* Raising a panic from inside the library. */
#ifndef RUNTIME_PANIC_H
#define RUNTIME_PANIC_H

#include "base/compiler.h"

/* Takes a printf format; the text is cut at 255 bytes. */
_Noreturn void panic(const char *format, ...) COLD PRINTF_LIKE(1, 2);

/* Why a call cannot be done: what its checked spelling returns, and what its plain one panics with.  {ARENA_OK, NULL}:
 * it can. */
struct refusal {
    int status;
    const char *why;
};

/* "function: why". */
_Noreturn void panic_for(const char *function, struct refusal refusal) COLD;

/* For what cannot be gone on from, such as damaged memory: aborts, inside arena_protect too, once the handler has seen
 * it. */
_Noreturn void panic_fatal(const char *message) COLD;

#endif
