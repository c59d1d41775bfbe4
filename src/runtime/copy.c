/* SPDX-License-Identifier: MIT */
/* See copy.h. */
#include "runtime/copy.h"

#include <arena/base.h>

#include "runtime/panic.h"

const char copy_here = 0;

void copy_panic(const char *function) { panic_for(function, (struct refusal){ARENA_EINVAL, COPY_REFUSAL}); }
