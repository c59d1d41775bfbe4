/* SPDX-License-Identifier: MIT */
#include "census.h"

/* Relaxed throughout: the addresses are compared and never followed, and a slot is claimed by the exchange alone. */
void census_note(struct census *census, const void *arena) {
    uintptr_t address = (uintptr_t)arena;
    uint64_t slot = (uint64_t)address * UINT64_C(0x9e3779b97f4a7c15) >> 32;
    for (size_t probe = 0; probe < CENSUS_MAX; probe++) {
        _Atomic(uintptr_t) *seen = &census->seen[(slot + probe) % CENSUS_MAX];
        uintptr_t found = atomic_load_explicit(seen, memory_order_relaxed);
        if (found == 0 && atomic_compare_exchange_strong_explicit(seen, &found, address, memory_order_relaxed,
                                                                  memory_order_relaxed)) {
            atomic_fetch_add_explicit(&census->count, 1, memory_order_relaxed);
            return;
        }
        if (found == address) return;
    }
}

size_t census_count(struct census *census) {
    return atomic_load_explicit(&census->count, memory_order_relaxed);
}
