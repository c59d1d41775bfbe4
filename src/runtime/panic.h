/* SPDX-License-Identifier: MIT */
/* Raising a panic from inside the library, and who sees it. */
#ifndef RUNTIME_PANIC_H
#define RUNTIME_PANIC_H

#include "base/compiler.h"

struct arena_panic_handler;

/* `status` says which kind of panic it is, as struct arena_panic_info reports it: ARENA_EFULL for no room, ARENA_ENOMEM
 * for no memory, ARENA_EINVAL for misuse, ARENA_EBUSY for what is held or dropping.  Takes a printf format; the text is
 * cut at 255 bytes. */
_Noreturn void panic(int status, const char *format, ...) COLD PRINTF_LIKE(2, 3);

/* The same, with the text as it is. */
_Noreturn void panic_raise(int status, const char *message) COLD;

/* Why a call cannot be done: what its checked spelling returns, and what its plain one panics with.  {ARENA_OK, NULL}:
 * it can. */
struct refusal {
    int status;
    const char *why;
};

/* "function: why". */
_Noreturn void panic_for(const char *function, struct refusal refusal) COLD;

/* For what the program cannot go on from, such as damaged memory: aborts, inside arena_protect too, once the handler
 * has seen it. */
_Noreturn void panic_fatal(const char *message) COLD;

/* Says on standard error what a program should know and could not find out; nothing else happens. */
void panic_notice(const char *message) COLD;

/* Exchanges the handler for *other; {NULL, NULL} is the default one. */
void panic_swap_handler(struct arena_panic_handler *other);

#endif
