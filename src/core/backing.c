/* SPDX-License-Identifier: MIT */
/* See backing.h.
 *
 * Two lists of ranges.  `kept` has a few that wait for an arena of the same size: KEPT_MOST of them, with at most
 * KEPT_TOUCHED_BYTES of memory each, and none where the address space was limited (`ulimit -v`) when the last range was
 * mapped, because there they would stand in the program's way.  `stuck` has those that the system would not take back, since to unmap a range in the middle
 * of others can exceed the number of mappings; they hold no memory, and are used again, or go as soon as they can.  A stuck
 * range keeps its list entry in its own first page.
 */
#include "core/backing.h"

#include "base/locking.h"
#include "platform/memory.h"
#include "platform/sync.h"

#define KEPT_MOST 8
#define KEPT_TOUCHED_BYTES ((size_t)64 << 10)

struct stuck {
    struct stuck *next;
    size_t bytes;
    size_t dirty_bytes; /* from the start; all, where not even the contents went */
};

static struct mutex mutex = MUTEX_INIT; /* guards what follows */
static struct span kept[KEPT_MOST];
static unsigned kept_count;
static struct stuck *stuck;
static bool limited;

void *backing_take(const struct arena_source *source, size_t bytes, size_t align) {
    return source->take != NULL ? source->take(bytes, align, source->user) : memory_take(bytes);
}

void backing_give(const struct arena_source *source, void *memory, size_t bytes, size_t align) {
    if (source->take == NULL) {
        memory_free(memory);
    } else if (source->give != NULL) {
        source->give(memory, bytes, align, source->user);
    }
}

/* --- ranges ------------------------------------------------------------------------------------------------------- */

static void make_stuck(char *memory, size_t bytes) REQUIRES(&mutex) {
    size_t dirty = pages_discard(memory, bytes) ? sizeof(struct stuck) : bytes;
    struct stuck *entry = (struct stuck *)(void *)memory;
    entry->next = stuck;
    entry->bytes = bytes;
    entry->dirty_bytes = dirty;
    stuck = entry;
}

/* To the system, or onto the list of those that it does not take. */
static void give_back(char *memory, size_t bytes) REQUIRES(&mutex) {
    if (!pages_release(memory, bytes)) make_stuck(memory, bytes);
}

/* Some of the stuck ranges may go by now: one attempt each. */
static void retry_stuck(void) REQUIRES(&mutex) {
    struct stuck *left = stuck;
    stuck = NULL;
    while (left != NULL) {
        struct stuck *entry = left;
        left = entry->next;
        size_t bytes = entry->bytes;
        give_back((char *)entry, bytes);
    }
}

static void flush(void) REQUIRES(&mutex) {
    while (kept_count > 0) {
        kept_count--;
        give_back(kept[kept_count].memory, kept[kept_count].bytes);
    }
    retry_stuck();
}

/* The kept range of that size that was used last. */
static bool take_kept(size_t bytes, struct span *out) REQUIRES(&mutex) {
    for (unsigned i = kept_count; i-- > 0;) {
        if (kept[i].bytes != bytes) continue;
        *out = kept[i];
        kept_count--;
        for (; i < kept_count; i++) kept[i] = kept[i + 1];
        return true;
    }
    return false;
}

static bool take_stuck(size_t bytes, struct span *out) REQUIRES(&mutex) {
    for (struct stuck **link = &stuck; *link != NULL; link = &(*link)->next) {
        struct stuck *entry = *link;
        if (entry->bytes != bytes) continue;
        *link = entry->next;
        *out = (struct span){(char *)entry, bytes, entry->dirty_bytes};
        return true;
    }
    return false;
}

bool backing_map(size_t bytes, bool fresh, struct span *out) {
    mutex_lock(&mutex);
    bool found = !fresh && (take_kept(bytes, out) || take_stuck(bytes, out));
    if (!found) {
        limited = pages_limited();
        void *memory = pages_reserve(bytes);
        if (memory == NULL) {
            flush();
            memory = pages_reserve(bytes);
        }
        *out = (struct span){memory, bytes, 0};
        found = memory != NULL;
    }
    mutex_unlock(&mutex);
    return found;
}

void backing_unmap(const struct span *span, size_t touched_bytes, bool keeps) {
    struct span rest = *span;
    rest.dirty_bytes = touched_bytes > span->dirty_bytes ? touched_bytes : span->dirty_bytes;
    if (rest.dirty_bytes > span->bytes) rest.dirty_bytes = span->bytes;
    mutex_lock(&mutex);
    if (keeps && !limited &&
        (rest.dirty_bytes <= KEPT_TOUCHED_BYTES ||
         pages_discard(rest.memory + KEPT_TOUCHED_BYTES, rest.bytes - KEPT_TOUCHED_BYTES))) {
        if (rest.dirty_bytes > KEPT_TOUCHED_BYTES) rest.dirty_bytes = KEPT_TOUCHED_BYTES;
        if (kept_count == KEPT_MOST) {
            give_back(kept[0].memory, kept[0].bytes);
            kept_count--;
            for (unsigned i = 0; i < kept_count; i++) kept[i] = kept[i + 1];
        }
        kept[kept_count++] = rest;
    } else {
        give_back(rest.memory, rest.bytes);
    }
    mutex_unlock(&mutex);
}

#ifndef THREAD_STATE_MODEL /* the model checker's locks are gone by then */
/* A copy inside a plugin that is unloaded leaves no ranges behind. */
__attribute__((destructor)) static void finish(void) {
    mutex_lock(&mutex);
    flush();
    mutex_unlock(&mutex);
}
#endif
