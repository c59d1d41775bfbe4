/* SPDX-License-Identifier: MIT */
/* The heap part of platform/memory.h, on libc. */
#include "platform/memory.h"

#include <stdlib.h>

void *memory_take(size_t size_bytes) { return malloc(size_bytes); }
void *memory_alloc(size_t size_bytes) { return calloc(1, size_bytes); }
void memory_free(void *block) { free(block); }
