/* SPDX-License-Identifier: MIT */
/* The smallest functions that a shared library can offer for the same work: Y behind a call.  What libarena's exported
 * functions are to be held against where a call costs more than Y itself.
 */
#ifndef BENCH_FLOOR_H
#define BENCH_FLOOR_H

#ifdef __cplusplus
extern "C" {
#endif

struct floor_y {
    char *cur, *end;
    char *base;
};

void *floor_put8(struct floor_y *y, const void *value);
void *floor_put32(struct floor_y *y, const void *value);
/* A scope's beginning and end, of one scratch arena per thread. */
struct floor_y *floor_scope_enter(void);
void floor_scope_leave(struct floor_y *y);

#ifdef __cplusplus
}
#endif

#endif
