/* SPDX-License-Identifier: MIT */
/* What the objects linked into the test program allocate: counted, and made to fail.
 *
 * The program is linked with --wrap for each function in question (see meson.build): calls from the objects that are
 * linked into it statically come here, those of shared libraries do not.  So the binding, and libarena where that is
 * linked statically, are watched, and libmicrohttpd's own calls are not; what the binding asks of libmicrohttpd fails
 * as if libmicrohttpd had run out of memory. */
#ifndef TESTS_MHD_HEAP_H
#define TESTS_MHD_HEAP_H

#include <stdbool.h>
#include <stddef.h>

/* Blocks that were allocated and not freed, and mutexes and responses that were made and not destroyed. */
long heap_live_blocks(void);

/* From now on the n-th call (from 1), of any thread, fails; with `and_all_after`, every one after it too. */
void heap_fail(long nth, bool and_all_after);
/* Nothing fails any more; how many calls failed since heap_fail. */
long heap_fail_end(void);

/* How often MHD_queue_response was called. */
long heap_queue_calls(void);

#endif
