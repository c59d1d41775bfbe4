/* SPDX-License-Identifier: MIT */
/* struct arena_mhd: what all requests of a binding share.
 *
 * All but the atomics, and the registry and the watch, which have locks, never changes after arena_mhd_create. */
#ifndef MHD_BINDING_H
#define MHD_BINDING_H

#include "mhd/body.h"
#include "mhd/refusal.h"
#include "mhd/registry.h"
#include "mhd/watch.h"
#include "platform/sync.h"

#include <arena/mhd.h>

struct arena_mhd {
    struct arena_pool *pool;
    bool has_bytes; /* its arenas are byte arenas: bodies lie in them */
    arena_mhd_handler *handler;
    void *user;
    struct arena_mhd_options options; /* each of them set: the defaults are filled in */
    struct refusals refusals;
    struct registry registry;
    struct watch watch;
    struct body_budget budget;
    struct atomic_u32 draining; /* 1: set before the registry is looked at (see registry_begin) */
    struct atomic_u64 swept_ns; /* when overdue requests were looked for last */
};

#endif
