/* SPDX-License-Identifier: MIT */
/* What an arena says of itself.  Nothing here changes it. */
#include "core/slots.h"

void slots_stats(const struct arena *arena, struct arena_stats *stats) {
    size_t highest = arena->prior_bytes + (size_t)(slots_highest(arena) - arena->base) - arena->zone_bytes;
    stats->used_bytes = slots_used_bytes(arena);
    stats->peak_bytes = highest > arena->peak_bytes ? highest : arena->peak_bytes;
    stats->touched_bytes = slots_touched_bytes(arena);
    stats->reserved_bytes = arena->spare != NULL ? arena->spare->memory_bytes : 0;
    stats->blocks = 0;
    for (const struct block *at = arena->block; at != NULL; at = at->older) {
        stats->reserved_bytes += at->memory_bytes;
        if (at == arena->block || at->cursor != at->base) stats->blocks++; /* home may be empty beside a larger one */
    }
    stats->resets = arena->resets;
}

bool slots_owns(const struct arena *arena, const char *address) {
    if (address >= arena->base && address < arena->head.cursor) {
        for (const struct run *run = arena->runs; run != NULL; run = run->next) {
            if (address >= run->from && address < run->to) return false;
        }
        return true;
    }
    for (const struct block *at = arena->block->older; at != NULL; at = at->older) {
        if (address >= at->base && address < at->cursor) return true;
    }
    return false;
}
