/* SPDX-License-Identifier: MIT */
/* arena-http-server: how many different arenas a pool has made, told from the addresses of those it handed out.
 *
 * Thread safety: any thread, without locks.
 */
#ifndef CENSUS_H
#define CENSUS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum { CENSUS_MAX = 16384 }; /* a power of two; what comes after so many is no longer counted */

/* Begins zeroed.  A slot holds an address from the moment it is claimed, and never changes again. */
struct census {
    _Atomic(uintptr_t) seen[CENSUS_MAX];
    atomic_size_t count;
};

void census_note(struct census *census, const void *arena);
size_t census_count(struct census *census);

#endif
