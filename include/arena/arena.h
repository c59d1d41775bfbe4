/* SPDX-License-Identifier: MIT */
/* libarena: everything but the HTTP binding, which is <arena/mhd.h>.
 *
 *   struct arena             single.h      one owner, equal slots of one type           one thread at a time
 *   struct arena_concurrent  concurrent.h  shared behind a gate                         any thread
 *   struct arena_pool        pool.h        isolated arenas per scope                    any thread
 *   struct arena_context     context.h     cancellation, deadline, the arenas it bears  any thread
 *   struct arena_bytes       bytes.h       one owner, blocks of any size                one thread at a time
 *   arena_adapter_...        adapter.h     byte arenas as other libraries' allocators           as its arena
 *   struct arena_any         any.h         one slot of mixed values                     as its arena
 *   ARENA_DEFINE             typed.h       all of it for one type, checked by the compiler
 *
 * Conventions.  Handles are opaque.  A function that can fail in one way returns a pointer or NULL; in several ways,
 * an int status (base.h) and a trailing `out`, which is NULL after a failure.  Counts are in elements, sizes in bytes,
 * times in nanoseconds.  A failed call changes nothing.
 */
#ifndef ARENA_ARENA_H
#define ARENA_ARENA_H

#include <arena/adapter.h>
#include <arena/any.h>
#include <arena/base.h>
#include <arena/bytes.h>
#include <arena/concurrent.h>
#include <arena/context.h>
#include <arena/pool.h>
#include <arena/single.h>
#include <arena/type.h>
#include <arena/typed.h>

#endif
