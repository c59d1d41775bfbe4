/* SPDX-License-Identifier: MIT */
/* See locals.h.  Here too: what happens when a thread ends. */
#include "runtime/locals.h"

#include "platform/memory.h"
#include "runtime/fiber.h"
#include "runtime/waiter.h"

#include <string.h>

/* How long a visitor waits for a thread: so many looks, and then so many pauses. */
enum { VISIT_SPINS = 200, VISIT_PAUSES = 500 };

struct thread_record {
    struct thread_state *state;
    uint32_t bytes; /* of state->locals, which the thread itself may hide */
    struct thread_record *next;
    struct thread_record *previous;
};

static struct {
    struct mutex mutex;
    struct thread_record *threads;
    uint32_t *free; /* indices to be reused; room for all that were given out */
    uint32_t free_count;
    uint32_t indices; /* given out so far */
    uint32_t free_room;
} registry = {.mutex = MUTEX_INIT};

/* --- keepers ------------------------------------------------------------------------------------------------------ */

#define MOST_INDICES (LOCAL_NONE / 2 / (uint32_t)sizeof(struct local)) /* half: a table may be twice as long */

/* An index, with room kept for its return.  false: no memory, or no indices left. */
static bool take_index(uint32_t *index) REQUIRES(&registry.mutex) {
    if (registry.free_count != 0) {
        *index = registry.free[--registry.free_count];
        return true;
    }
    if (registry.indices == MOST_INDICES) return false;
    if (registry.indices == registry.free_room) {
        uint32_t room = registry.free_room == 0 ? 16 : registry.free_room * 2;
        uint32_t *larger = memory_alloc(sizeof *larger * room);
        if (larger == NULL) return false;
        memory_free(registry.free); /* empty */
        registry.free = larger;
        registry.free_room = room;
    }
    *index = registry.indices++;
    return true;
}

void locals_none(struct local_keeper *keeper) {
    atomic_u32_init(&keeper->offset, LOCAL_NONE);
    keeper->home = LOCAL_NONE;
    keeper->asked = 0;
    keeper->blank = NULL;
    keeper->flush = NULL;
}

bool locals_join(struct local_keeper *keeper, void (*flush)(struct local_keeper *keeper, struct local *local)) {
    locals_none(keeper);
    mutex_lock(&registry.mutex);
    uint32_t index;
    bool joined = take_index(&index);
    if (joined) {
        keeper->home = index * (uint32_t)sizeof(struct local);
        keeper->flush = flush;
        atomic_u32_init(&keeper->offset, keeper->home);
    }
    mutex_unlock(&registry.mutex);
    return joined;
}

/* The entry that a thread has for a keeper, or NULL.  The mutex is held, or it is the calling thread's. */
static struct local *entry_of(const struct thread_record *record, const struct local_keeper *keeper) {
    if (record == NULL || keeper->home >= record->bytes) return NULL;
    struct local *local = locals_at(record->state, keeper->home);
    return local->keeper == keeper ? local : NULL;
}

/* The calling thread's own; NULL at its end, too. */
static struct local *entry_of_mine(const struct thread_state *state, const struct local_keeper *keeper) {
    return state->exiting ? NULL : entry_of(state->record, keeper);
}

bool locals_leave(struct local_keeper *keeper, bool (*may_leave)(struct local_keeper *keeper)) {
    mutex_lock(&registry.mutex);
    bool leaves = may_leave == NULL || may_leave(keeper);
    if (leaves) {
        for (struct thread_record *at = registry.threads; at != NULL; at = at->next) {
            struct local *local = entry_of(at, keeper);
            if (local != NULL) memset(local, 0, sizeof *local);
        }
        if (locals_joined(keeper)) registry.free[registry.free_count++] = keeper->home / (uint32_t)sizeof(struct local);
    }
    mutex_unlock(&registry.mutex);
    return leaves;
}

void locals_lock(void) ACQUIRES(&registry.mutex) { mutex_lock(&registry.mutex); }
void locals_unlock(void) RELEASES(&registry.mutex) { mutex_unlock(&registry.mutex); }

/* --- visits ------------------------------------------------------------------------------------------------------- */

/* Is the thread outside of its bracket, now or soon?  After the heavy barrier. */
static bool is_out(struct thread_state *state) {
    for (int looks = 0; looks < VISIT_SPINS + VISIT_PAUSES; looks++) {
        /* acquire: what it did inside is seen; partner: locals_exit */
        if (atomic_u8_load(&state->busy, acquire) == 0) return true;
        if (looks < VISIT_SPINS) {
            thread_spin();
        } else {
            thread_pause();
        }
    }
    return false;
}

/* Nobody is asked any more: threads find their entries again. */
static void reopen(struct local_keeper *keeper) REQUIRES(&registry.mutex) {
    if (keeper->asked == 0) atomic_u32_store(&keeper->offset, keeper->home, release); /* partner: locals_find */
}

static void forget_question(struct local_keeper *keeper, struct local *local) REQUIRES(&registry.mutex) {
    if (local->asked) keeper->asked--;
    local->asked = false;
}

void locals_visit(struct local_keeper *keeper,
                  void (*visit)(struct local_keeper *keeper, struct local *local, void *user), void *user) {
    if (!locals_joined(keeper)) return;
    mutex_lock(&registry.mutex);
    atomic_u32_store(&keeper->offset, LOCAL_NONE, relaxed); /* partner: locals_find, through the barriers */
    bool ordered = barrier_heavy();
    for (struct thread_record *at = registry.threads; at != NULL; at = at->next) {
        struct local *local = entry_of(at, keeper);
        if (local == NULL) continue;
        if (at->state == thread_state() || (ordered && is_out(at->state))) {
            forget_question(keeper, local);
            visit(keeper, local, user);
        } else if (!local->asked) {
            local->asked = true;
            keeper->asked++;
        }
    }
    reopen(keeper);
    mutex_unlock(&registry.mutex);
}

struct locals_pass locals_open(struct thread_state *state, struct local_keeper *keeper) UNCHECKED_LOCKING {
    struct locals_pass pass = {NULL, false, false};
    locals_enter(state);
    /* acquire: as in locals_find */
    if (atomic_u32_load(&keeper->offset, acquire) == keeper->home) {
        pass.local = entry_of_mine(state, keeper);
        return pass;
    }
    locals_exit(state);
    mutex_lock(&registry.mutex);
    pass.locked = true;
    pass.local = entry_of_mine(state, keeper);
    if (pass.local != NULL && pass.local->asked) {
        forget_question(keeper, pass.local);
        keeper->flush(keeper, pass.local);
        pass.answered = true;
        reopen(keeper);
    }
    return pass;
}

void locals_close(struct thread_state *state, const struct locals_pass *pass) UNCHECKED_LOCKING {
    if (pass->locked) {
        mutex_unlock(&registry.mutex);
    } else {
        locals_exit(state);
    }
}

/* --- threads ------------------------------------------------------------------------------------------------------ */

/* A table with room at `offset`; the mutex is held.  false: no memory. */
static bool grow(struct thread_state *state, uint32_t offset) REQUIRES(&registry.mutex) {
    uint32_t bytes = state->local_bytes == 0 ? 8 * (uint32_t)sizeof(struct local) : state->local_bytes;
    while (bytes <= offset) bytes *= 2;
    struct local *larger = memory_alloc(bytes);
    if (larger == NULL) return false;
    if (state->local_bytes != 0) memcpy(larger, state->locals, state->local_bytes);
    memory_free(state->locals);
    state->locals = larger;
    state->local_bytes = bytes;
    state->record->bytes = bytes;
    return true;
}

static bool make_record(struct thread_state *state) REQUIRES(&registry.mutex) {
    struct thread_record *record = memory_alloc(sizeof *record);
    if (record == NULL) return false;
    record->state = state;
    record->next = registry.threads;
    if (record->next != NULL) record->next->previous = record;
    registry.threads = record;
    state->record = record;
    return true;
}

struct local *locals_make(struct thread_state *state, struct local_keeper *keeper) {
    if (state->exiting || state->exited || !thread_exit_arm(state)) return NULL;
    struct local *local = NULL;
    mutex_lock(&registry.mutex);
    if ((state->record != NULL || make_record(state)) &&
        (keeper->home < state->local_bytes || grow(state, keeper->home))) {
        local = locals_at(state, keeper->home);
        local->keeper = keeper;
        local->at_hand = keeper->blank;
    }
    mutex_unlock(&registry.mutex);
    return local;
}

/* From here on the thread itself finds no entries, so that it keeps nothing more; other threads find them until they
 * are handed back under the mutex. */
void thread_exit_hook(struct thread_state *state) {
    struct thread_record *record = state->record;
    state->exiting = true;
    state->keeps = THREAD_KEEPS_NOTHING;
    state->local_bytes = 0;
    locals_exit(state);        /* where a cancellation left the bracket */
    fiber_leave_thread(state); /* scopes that a longjmp left behind; and, where nothing unwinds frames, all others */
    if (record != NULL) {
        mutex_lock(&registry.mutex);
        for (uint32_t i = 0; i < record->bytes / sizeof(struct local); i++) {
            struct local *local = &state->locals[i];
            struct local_keeper *keeper = local->keeper;
            if (keeper == NULL) continue;
            keeper->flush(keeper, local);
            if (local->asked) {
                forget_question(keeper, local);
                reopen(keeper);
            }
        }
        if (record->previous != NULL) {
            record->previous->next = record->next;
        } else {
            registry.threads = record->next;
        }
        if (record->next != NULL) record->next->previous = record->previous;
        mutex_unlock(&registry.mutex);
    }
    memory_free(record);
    memory_free(state->locals);
    thread_end_kept(state);
    state->record = NULL;
    state->locals = NULL;
    waiter_recycle(state);
    state->exiting = false;
    state->armed = false;
    state->exited = true;
}
