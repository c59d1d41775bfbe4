/* SPDX-License-Identifier: MIT */
/* A page that arrives late: whoever touches it stands still in the middle, as at a page fault that takes seconds, or
 * leaves by siglongjmp.  There is one at a time.  A page without rights stands for it: the access ends in a signal handler,
 * which waits until late_end, and gives up after LATE_GIVES_UP_MS. */
#ifndef TESTS_LATE_H
#define TESTS_LATE_H

#include <setjmp.h>
#include <stdbool.h>

enum { LATE_GIVES_UP_MS = 20000 };

void late_begin(void *page); /* takes it away */
void late_await(void);       /* until somebody stands still before it */
bool late_stands(void);      /* does it stand there still? */
void late_end(void);         /* brings it back, and the one who stands there goes on */

extern _Thread_local sigjmp_buf *late_way_out; /* not NULL: this thread leaves instead of waiting */

#endif
