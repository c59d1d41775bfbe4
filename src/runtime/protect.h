/* SPDX-License-Identifier: MIT */
/* Protected actions: the frames that a panic may end, and which of them still live. */
#ifndef RUNTIME_PROTECT_H
#define RUNTIME_PROTECT_H

#include <stdint.h>

struct arena_panic_info;
struct protect_frame;
struct thread_state;

/* Runs action(user).  ARENA_OK, or ARENA_EPANIC after a panic that ended it.  `info` may be NULL. */
int protect_run(void (*action)(void *user), void *user, struct arena_panic_info *info);

/* The innermost frame that lives; those inside it, which a longjmp left, are forgotten.  NULL: there is none.  The
 * stack from here to `top` is the caller's. */
struct protect_frame *protect_innermost(struct thread_state *state, uintptr_t top);

/* Scopes of this era and later ones were begun inside the frame. */
uint64_t protect_era(const struct protect_frame *frame);

/* What the frame's caller is told of the panic. */
void protect_note(struct protect_frame *frame, int status, const char *message);

/* Has the frame's protect_run return ARENA_EPANIC. */
_Noreturn void protect_end(struct protect_frame *frame);

/* An era that is not below that of any frame in the chain which `outermost` begins; 0 for none. */
uint64_t protect_last_era(const struct protect_frame *outermost);

#endif
