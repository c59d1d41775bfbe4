/* SPDX-License-Identifier: MIT */
/* Y behind a call: sizes are constants, arguments are not looked at, and when there is no room it crashes. */
#include "floor.h"

#include <stdint.h>
#include <stdlib.h>

void *floor_put8(struct floor_y *y, const void *value) {
    char *slot = y->cur;
    if (__builtin_expect(y->end - slot < 8, 0)) abort();
    y->cur = slot + 8;
    *(uint64_t *)(void *)slot = *(const uint64_t *)value;
    return slot;
}

void *floor_put32(struct floor_y *y, const void *value) {
    char *slot = y->cur;
    if (__builtin_expect(y->end - slot < 32, 0)) abort();
    y->cur = slot + 32;
    uint64_t *to = (uint64_t *)(void *)slot;
    const uint64_t *from = value;
    to[0] = from[0];
    to[1] = from[1];
    to[2] = from[2];
    to[3] = from[3];
    return slot;
}

static _Thread_local char scratch_memory[512] __attribute__((aligned(64)));
static _Thread_local struct floor_y scratch __attribute__((tls_model("initial-exec")));

struct floor_y *floor_scope_enter(void) {
    struct floor_y *y = &scratch;
    if (__builtin_expect(y->base == NULL, 0)) {
        y->base = y->cur = scratch_memory;
        y->end = scratch_memory + sizeof scratch_memory;
    }
    return y;
}

void floor_scope_leave(struct floor_y *y) {
    for (uint64_t *at = (uint64_t *)(void *)y->base; (char *)at < y->cur; at++) *at = 0;
    y->cur = y->base;
}
