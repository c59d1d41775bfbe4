/* SPDX-License-Identifier: MIT */
/* Where stacks lie.
 *
 * Contract
 *   stack_holds(one, other)  Are both addresses on the stack that the system gave the calling thread?  false also where
 *                            nobody knows.  Stacks that a program switches to by itself, and those of signal handlers,
 *                            are others.  Slow; may allocate.
 *   stack_of_signals()       Is this the stack that the thread has for signal handlers (sigaltstack)?
 */
#ifndef PLATFORM_STACK_H
#define PLATFORM_STACK_H

#include <stdbool.h>
#include <stdint.h>

bool stack_holds(uintptr_t one, uintptr_t other);
bool stack_of_signals(void);

#endif
