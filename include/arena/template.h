/* SPDX-License-Identifier: MIT */
/* libarena: what ARENA_DEFINE makes, as a template to include: code that a debugger steps through and an editor shows.
 * May be included any number of times.  Before, a program defines
 *
 * - ARENA_PREFIX: the prefix of all names, points below;
 * - ARENA_T: the element type;
 * - ARENA_NAME, or not: the type's name, a string; without it, ARENA_T as it is written once macros are expanded;
 * - ARENA_DROP, or not: a destructor, void point_drop(struct point *element);
 * - ARENA_DROP_WITH, or not: one with the arena's drop_user, void point_drop(struct point *element, void *user);
 * - ARENA_WITHOUT_CONCURRENT, or not: leaves out struct points_concurrent;
 * - ARENA_WITHOUT_POOL, or not: leaves out struct points_pool;
 *
 * and finds all of these undefined afterwards.
 *
 * arena/typed.h says what there is then. */
#include <arena/typed.h>

#if !defined(ARENA_PREFIX) || !defined(ARENA_T)
#error "define ARENA_PREFIX and ARENA_T before arena/template.h is included"
#endif
#if defined(ARENA_DROP) && defined(ARENA_DROP_WITH)
#error "either ARENA_DROP or ARENA_DROP_WITH"
#endif

#define ARENA_F(name) ARENA_JOIN_(ARENA_PREFIX, _##name)
#define ARENA_PRIVATE_F(name) ARENA_PRIVATE(ARENA_PREFIX, name)
#define ARENA_ELEMENT ARENA_F(element)
#define ARENA_SLAB ARENA_F(slab)
#define ARENA_BURST ARENA_F(burst)
#define ARENA_CONCURRENT ARENA_F(concurrent)
#define ARENA_POOL ARENA_F(pool)
#ifndef ARENA_NAME
#define ARENA_NAME ARENA_NAME_OF_(ARENA_TEXT_(ARENA_T))
#endif

#if defined(ARENA_DROP)
ARENA_DROP_CALLER_(ARENA_PREFIX, ARENA_T, ARENA_DROP)
#define ARENA_DROP_FUNCTION ARENA_PRIVATE_F(drop)
#elif defined(ARENA_DROP_WITH)
ARENA_DROP_WITH_CALLER_(ARENA_PREFIX, ARENA_T, ARENA_DROP_WITH)
#define ARENA_DROP_FUNCTION ARENA_PRIVATE_F(drop)
#else
#define ARENA_DROP_FUNCTION NULL
#endif

ARENA_FACE_BEGIN_
ARENA_QUIET_BEGIN_

#include <arena/typed/element.h>
#include <arena/typed/handle.h>
#include <arena/typed/single.h>
#ifndef ARENA_WITHOUT_CONCURRENT
#include <arena/typed/concurrent_handle.h>

#include <arena/typed/concurrent.h> /* needs the handle */
#endif
#ifndef ARENA_WITHOUT_POOL
#include <arena/typed/pool.h>
#endif

ARENA_QUIET_END_
ARENA_FACE_END_

#undef ARENA_F
#undef ARENA_PRIVATE_F
#undef ARENA_ELEMENT
#undef ARENA_SLAB
#undef ARENA_BURST
#undef ARENA_CONCURRENT
#undef ARENA_POOL
#undef ARENA_DROP_FUNCTION
#undef ARENA_PREFIX
#undef ARENA_T
#undef ARENA_NAME
#undef ARENA_DROP
#undef ARENA_DROP_WITH
#undef ARENA_WITHOUT_CONCURRENT
#undef ARENA_WITHOUT_POOL
