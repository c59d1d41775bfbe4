/* platform/thread.h on one process-wide pthread_key. */
#include "platform/thread.h"

#include "platform/sync.h"

#include <pthread.h>
#include <stdlib.h>

_Thread_local struct thread_state thread_state_tls THREAD_TLS_MODEL;

static pthread_key_t key;
static bool key_made;

static void thread_ending(void *state) { thread_exit_hook(state); }

/* A copy inside a plugin that is unloaded: threads that end later must not come back to it. */
__attribute__((destructor)) static void delete_key(void) {
    if (!key_made) return;
    key_made = false;
    (void)pthread_key_delete(key);
}

static void make_key(void) { key_made = pthread_key_create(&key, thread_ending) == 0; }

bool thread_exit_arm(struct thread_state *state) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (state->armed) return true;
    if (pthread_once(&once, make_key) != 0 || !key_made) return false;
    state->armed = pthread_setspecific(key, state) == 0;
    return state->armed;
}
