/* SPDX-License-Identifier: MIT */
/* platform/exit.h on one process-wide pthread_key.
 *
 * Who locks what: `making` guards key and key_made.  Each thread takes it once, when it arms.
 */
#include "platform/exit.h"

#include <pthread.h>

static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;
static pthread_key_t key;
static bool key_made;
static bool unloaded;

/* A copy inside a plugin that is unloaded: threads that end later must not come back to it. */
__attribute__((destructor)) static void delete_key(void) {
    unloaded = true;
    if (!key_made) return;
    key_made = false;
    (void)pthread_key_delete(key);
}

bool exit_arm(void *state, void (*hook)(void *state)) {
    (void)pthread_mutex_lock(&making);
    if (!key_made && !unloaded) key_made = pthread_key_create(&key, hook) == 0;
    bool made = key_made;
    (void)pthread_mutex_unlock(&making);
    return made && pthread_setspecific(key, state) == 0;
}
