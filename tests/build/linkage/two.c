/* SPDX-License-Identifier: MIT */
/* A file that uses the inline functions and emits none. */
#include "face.h"

int two(struct ints *arena);
int two(struct ints *arena) { return *put(arena, 2) + everything(10); }
