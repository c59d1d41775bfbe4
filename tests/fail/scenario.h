/* SPDX-License-Identifier: MIT */
/* A walk over the whole API in which every call that can fail for want of resources is retried after it failed. */
#ifndef TESTS_FAIL_SCENARIO_H
#define TESTS_FAIL_SCENARIO_H

/* Runs the walk on a thread of its own, and on others that it starts.  Where something is wrong it says so on standard
 * error and ends the process with status 1. */
void scenario_run(void);

#endif
