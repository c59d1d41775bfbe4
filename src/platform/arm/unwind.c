/* SPDX-License-Identifier: MIT */
/* platform/unwind.h for 32-bit ARM, whose unwinder says nothing of use as the frame's address while a stack is walked,
 * and has no call for a function's beginning.  Its table is looked into, as the exception handling ABI of the ARM
 * architecture (EHABI) describes it: an entry for each function, in the order of their addresses. */
#include "platform/unwind.h"

#include <stddef.h>

enum { STACK_POINTER = 13 };

uintptr_t unwind_stack(struct _Unwind_Context *context) { return _Unwind_GetGR(context, STACK_POINTER); }

struct entry {
    uint32_t function; /* how far from here, in the lower 31 bits */
    uint32_t how;      /* its frame is unwound */
};

/* The C library's, which the unwinder asks too: the table of the program or library with that code. */
/* NOLINTNEXTLINE(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
const struct entry *__gnu_Unwind_Find_exidx(uintptr_t code, int *entries);

static uintptr_t function_of(const struct entry *entry) {
    uint32_t offset = entry->function & UINT32_C(0x7fffffff);
    offset |= (offset & UINT32_C(0x40000000)) << 1; /* the sign */
    return (uintptr_t)&entry->function + offset;
}

uintptr_t unwind_function_at(uintptr_t code) {
    uintptr_t call = code - 2; /* within the instruction that calls: a function may end there */
    int entries = 0;
    const struct entry *table = __gnu_Unwind_Find_exidx(call, &entries);
    if (table == NULL || entries <= 0 || function_of(&table[0]) > call) return 0;
    int low = 0; /* begins at or before the call; what is at `high` does not */
    int high = entries;
    while (high - low > 1) {
        int middle = low + (high - low) / 2;
        if (function_of(&table[middle]) <= call) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return function_of(&table[low]);
}
