/* SPDX-License-Identifier: MIT */
/* platform/unwind.h: the unwinder of most machines tells. */
#include "platform/unwind.h"

uintptr_t unwind_stack(struct _Unwind_Context *context) { return (uintptr_t)_Unwind_GetCFA(context); }

uintptr_t unwind_function_at(uintptr_t code) { return (uintptr_t)_Unwind_FindEnclosingFunction((void *)code); }
