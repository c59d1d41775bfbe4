/* SPDX-License-Identifier: MIT */
/* See backing.h.
 *
 * Two lists of ranges.  `kept` has a few that wait for an arena of the same size: KEPT_MOST of them, those that were
 * given back last with BACKING_KEEP_MOST bytes of memory in all, older ones with BACKING_KEEP_FEW each; and none where
 * the address space was limited (`ulimit -v`) when the last range was mapped, because there they would stand in the
 * program's way.
 *
 * `stuck` has those that the system would not take back, since to unmap a range in the middle of others can exceed the
 * number of mappings.  They are used again, and go as soon as they can: each range that does go makes room for another
 * attempt.  There may be as many as there are mappings, so they must hold no memory: the first page of one of them (a
 * trunk) is the list of STUCK_LEAVES others, which have no page at all.
 */
#include "core/backing.h"

#include "base/compiler.h"
#include "base/locking.h"
#include "platform/memory.h"
#include "platform/sync.h"

#include <string.h>

#define KEPT_MOST 8
#define STUCK_LEAVES 160

/* In the first page of a stuck range, which it describes too. */
struct stuck {
    struct stuck *next;
    struct span own;
    size_t count;
    struct span leaves[STUCK_LEAVES];
};
_Static_assert(sizeof(struct stuck) <= 4096, "no page is smaller");

static struct mutex mutex = MUTEX_INIT; /* guards what follows */
static struct span kept[KEPT_MOST];
static unsigned kept_count;
static size_t held_bytes; /* by backing_hold */
static struct stuck *stuck;
static size_t stuck_turn; /* which leaf is tried next */
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

void *backing_take_zeroed(const struct arena_source *source, size_t bytes) {
    if (source->take == NULL) return memory_alloc(bytes);
    void *memory = source->take(bytes, _Alignof(max_align_t), source->user);
    return memory == NULL ? NULL : memset(memory, 0, bytes);
}

void backing_give_zeroed(const struct arena_source *source, void *memory, size_t bytes) {
    if (memory != NULL) backing_give(source, memory, bytes, _Alignof(max_align_t));
}

/* --- ranges ------------------------------------------------------------------------------------------------------- */

static void make_stuck(char *memory, size_t bytes) REQUIRES(&mutex) {
    struct span span = {memory, bytes, 0};
    if (!pages_discard(memory, bytes)) span.dirty_bytes = bytes;
    if (stuck != NULL && stuck->count < STUCK_LEAVES) {
        stuck->leaves[stuck->count++] = span;
        return;
    }
    struct stuck *trunk = (struct stuck *)(void *)memory;
    if (span.dirty_bytes < sizeof *trunk) span.dirty_bytes = sizeof *trunk;
    trunk->next = stuck;
    trunk->own = span;
    trunk->count = 0;
    stuck = trunk;
}

/* One attempt to give a leaf back. */
static bool retry_leaf(struct stuck *trunk, size_t at) REQUIRES(&mutex) {
    if (!pages_release(trunk->leaves[at].memory, trunk->leaves[at].bytes)) return false;
    trunk->leaves[at] = trunk->leaves[--trunk->count];
    return true;
}

/* The same for a trunk without leaves. */
static bool retry_trunk(struct stuck **link) REQUIRES(&mutex) {
    struct stuck *trunk = *link;
    struct stuck *next = trunk->next;
    if (!pages_release(trunk->own.memory, trunk->own.bytes)) return false;
    *link = next;
    return true;
}

/* A range has gone: others may follow, each in its turn, until one may not. */
static void retry_some(void) REQUIRES(&mutex) {
    bool gone = true;
    while (gone && stuck != NULL) {
        gone = stuck->count == 0 ? retry_trunk(&stuck) : retry_leaf(stuck, stuck_turn++ % stuck->count);
    }
}

/* One attempt for each. */
static void retry_all(void) REQUIRES(&mutex) {
    for (struct stuck **link = &stuck; *link != NULL;) {
        for (size_t at = (*link)->count; at-- > 0;) (void)retry_leaf(*link, at);
        if ((*link)->count != 0 || !retry_trunk(link)) link = &(*link)->next;
    }
}

/* To the system, or onto the list of those that it does not take. */
static void give_back(char *memory, size_t bytes) REQUIRES(&mutex) {
    if (!pages_release(memory, bytes)) {
        make_stuck(memory, bytes);
    } else if (UNLIKELY(stuck != NULL)) {
        retry_some();
    }
}

static void flush(void) REQUIRES(&mutex) {
    while (kept_count > 0) {
        kept_count--;
        give_back(kept[kept_count].memory, kept[kept_count].bytes);
    }
    retry_all();
}

/* Gives the pages back that a range has in memory beyond `bytes`.  false: the system would not. */
static bool shrink(struct span *span, size_t bytes) {
    if (span->dirty_bytes <= bytes) return true;
    if (!pages_discard(span->memory + bytes, span->bytes - bytes)) return false;
    span->dirty_bytes = bytes;
    return true;
}

static struct span remove_kept(unsigned at) REQUIRES(&mutex) {
    struct span span = kept[at];
    kept_count--;
    for (; at < kept_count; at++) kept[at] = kept[at + 1];
    return span;
}

/* The kept range of that size that was used last. */
static bool take_kept(size_t bytes, size_t dirty_bytes, struct span *out) REQUIRES(&mutex) {
    for (unsigned i = kept_count; i-- > 0;) {
        if (kept[i].bytes != bytes) continue;
        *out = remove_kept(i);
        (void)shrink(out, dirty_bytes);
        return true;
    }
    return false;
}

static void keep(struct span span) REQUIRES(&mutex) {
    size_t in_memory = span.dirty_bytes;
    if (kept_count == KEPT_MOST) {
        struct span oldest = remove_kept(0);
        give_back(oldest.memory, oldest.bytes);
    }
    for (unsigned i = kept_count; i-- > 0;) {
        in_memory += kept[i].dirty_bytes;
        if (in_memory > BACKING_KEEP_MOST) (void)shrink(&kept[i], BACKING_KEEP_FEW);
    }
    kept[kept_count++] = span;
}

static bool take_stuck(size_t bytes, struct span *out) REQUIRES(&mutex) {
    for (struct stuck **link = &stuck; *link != NULL; link = &(*link)->next) {
        struct stuck *trunk = *link;
        for (size_t at = trunk->count; at-- > 0;) {
            if (trunk->leaves[at].bytes != bytes) continue;
            *out = trunk->leaves[at];
            trunk->leaves[at] = trunk->leaves[--trunk->count];
            return true;
        }
        if (trunk->count != 0 || trunk->own.bytes != bytes) continue;
        *out = trunk->own;
        *link = trunk->next;
        return true;
    }
    return false;
}

bool backing_map(size_t bytes, size_t dirty_bytes, struct span *out, bool *scarce) {
    mutex_lock(&mutex);
    bool found = dirty_bytes != 0 && (take_kept(bytes, dirty_bytes, out) || take_stuck(bytes, out));
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
    if (scarce != NULL) *scarce = limited;
    mutex_unlock(&mutex);
    return found;
}

void backing_unmap(const struct span *span, size_t touched_bytes, size_t keep_bytes) {
    struct span rest = *span;
    rest.dirty_bytes = touched_bytes > span->dirty_bytes ? touched_bytes : span->dirty_bytes;
    mutex_lock(&mutex);
    if (keep_bytes != 0 && !limited && shrink(&rest, keep_bytes)) {
        keep(rest);
    } else {
        give_back(rest.memory, rest.bytes);
    }
    mutex_unlock(&mutex);
}

/* Systems map from the top of the address space down, or from a third of it up. */
static size_t hold_most(const char *memory) {
    size_t part = 1;
    for (size_t address = (uintptr_t)memory; address >= 8; address /= 2) part *= 2;
    return part;
}

bool backing_hold(const char *memory, size_t bytes) {
    mutex_lock(&mutex);
    bool fits = held_bytes + bytes <= hold_most(memory); /* neither comes near SIZE_MAX */
    if (fits) held_bytes += bytes;
    mutex_unlock(&mutex);
    return fits;
}

void backing_let_go(size_t bytes) {
    mutex_lock(&mutex);
    held_bytes -= bytes;
    mutex_unlock(&mutex);
}

#ifndef THREAD_STATE_MODEL /* the model checker's locks are gone by then */
/* A copy inside a plugin that is unloaded leaves no ranges behind; this runs after the destructors that give some
 * back. */
__attribute__((destructor(101))) static void finish(void) {
    mutex_lock(&mutex);
    flush();
    mutex_unlock(&mutex);
}
#endif
