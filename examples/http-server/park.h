/* SPDX-License-Identifier: MIT */
/* arena-http-server: requests that wait without a thread of theirs, and how they are stopped.
 *
 * Locking: `lock` guards all of it.  Who suspends a connection does so under the lock, and only while nobody stops; who
 * stops first says so under the lock, and then resumes all that are there.  So when park_stop has returned no connection
 * is suspended, and none will be: MHD_stop_daemon, which aborts otherwise, may follow. */
#ifndef PARK_H
#define PARK_H

#include <pthread.h>

#include "call.h"

struct parked {
    struct parked *next; /* by the time that it is due */
    struct arena_request *request;
    int64_t due_ns;
};

struct park {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    struct parked *first;
    bool stopping;
    bool suspends; /* else the handler's own thread waits */
};

bool park_start(struct park *park, bool suspends); /* false: no resources */
/* Answers everybody that waits. */
void park_stop(struct park *park);
void park_destroy(struct park *park);

/* Answers the request in so long. */
enum MHD_Result park_answer(struct park *park, struct arena_request *request, int64_t wait_ns);

#endif
