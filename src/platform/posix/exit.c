/* SPDX-License-Identifier: MIT */
/* platform/exit.h on one process-wide pthread_key. */
#include "platform/exit.h"

#include <pthread.h>

static pthread_key_t key;
static bool key_made;

/* A copy inside a plugin that is unloaded: threads that end later must not come back to it. */
__attribute__((destructor)) static void delete_key(void) {
    if (!key_made) return;
    key_made = false;
    (void)pthread_key_delete(key);
}

static void make_key(void) { key_made = pthread_key_create(&key, exit_hook) == 0; }

bool exit_arm(void *state) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (pthread_once(&once, make_key) != 0 || !key_made) return false;
    return pthread_setspecific(key, state) == 0;
}
