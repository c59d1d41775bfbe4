/* SPDX-License-Identifier: MIT */
/* What is asked of the stack's unwinder beside _Unwind_Backtrace(), whose step ends the walk by _URC_END_OF_STACK.
 *
 * Contract
 *   unwind_stack(context)     The stack pointer in the frame that a step of the walk is at.
 *   unwind_function_at(code)  Where the function begins that returns to `code`, as _Unwind_GetRegionStart() says of its
 *                             frame; 0: nobody knows.
 */
#ifndef PLATFORM_UNWIND_H
#define PLATFORM_UNWIND_H

#include <stdint.h>
#include <unwind.h>

uintptr_t unwind_stack(struct _Unwind_Context *context);
uintptr_t unwind_function_at(uintptr_t code);

#endif
