/* SPDX-License-Identifier: MIT */
/* See locals.h.  Here too: what happens when a thread ends. */
#include "runtime/locals.h"

#include "base/locking.h"
#include "platform/memory.h"
#include "platform/sync.h"
#include "runtime/fiber.h"
#include "runtime/waiter.h"

#include <string.h>

struct thread_record {
    struct thread_state *state;
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

/* --- owners ------------------------------------------------------------------------------------------------------- */

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

bool locals_join(struct local_owner *owner, void (*flush)(struct local_owner *owner, struct local *local)) {
    mutex_lock(&registry.mutex);
    uint32_t index;
    bool joined = take_index(&index);
    if (joined) {
        owner->offset = index * (uint32_t)sizeof(struct local);
        owner->flush = flush;
    }
    mutex_unlock(&registry.mutex);
    return joined;
}

/* The entry that a thread has for an owner, or NULL; the mutex is held. */
static struct local *entry_of(const struct thread_record *record, const struct local_owner *owner)
    REQUIRES(&registry.mutex) {
    return locals_find(record->state, owner);
}

bool locals_leave(struct local_owner *owner, bool (*may_leave)(struct local_owner *owner, uint64_t kept)) {
    mutex_lock(&registry.mutex);
    uint64_t kept = 0;
    for (struct thread_record *at = registry.threads; at != NULL; at = at->next) {
        const struct local *local = entry_of(at, owner);
        if (local != NULL) kept += local->count;
    }
    bool leaves = may_leave == NULL || may_leave(owner, kept);
    if (leaves) {
        for (struct thread_record *at = registry.threads; at != NULL; at = at->next) {
            struct local *local = entry_of(at, owner);
            if (local != NULL) memset(local, 0, sizeof *local);
        }
        if (owner->offset != LOCAL_NONE)
            registry.free[registry.free_count++] = owner->offset / (uint32_t)sizeof(struct local);
    }
    mutex_unlock(&registry.mutex);
    return leaves;
}

void locals_lock(void) ACQUIRES(&registry.mutex) { mutex_lock(&registry.mutex); }
void locals_unlock(void) RELEASES(&registry.mutex) { mutex_unlock(&registry.mutex); }

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

struct local *locals_make(struct thread_state *state, struct local_owner *owner) {
    if (state->exited || !thread_exit_arm(state)) return NULL;
    struct local *local = NULL;
    mutex_lock(&registry.mutex);
    if ((state->record != NULL || make_record(state)) &&
        (owner->offset < state->local_bytes || grow(state, owner->offset))) {
        local = locals_at(state, owner->offset);
        local->owner = owner;
    }
    mutex_unlock(&registry.mutex);
    return local;
}

void thread_exit_hook(struct thread_state *state) {
    state->exiting = true;
    fiber_leave_thread(state); /* scopes that a longjmp left behind; and, where nothing unwinds frames, all others */
    mutex_lock(&registry.mutex);
    for (uint32_t i = 0; i < state->local_bytes / sizeof(struct local); i++) {
        struct local *local = &state->locals[i];
        if (local->owner != NULL) local->owner->flush(local->owner, local);
    }
    struct thread_record *record = state->record;
    if (record != NULL) {
        if (record->previous != NULL) {
            record->previous->next = record->next;
        } else {
            registry.threads = record->next;
        }
        if (record->next != NULL) record->next->previous = record->previous;
    }
    mutex_unlock(&registry.mutex);
    memory_free(record);
    memory_free(state->locals);
    state->record = NULL;
    state->locals = NULL;
    state->local_bytes = 0;
    waiter_recycle(state);
    state->exiting = false;
    state->armed = false;
    state->exited = true;
}
