/* SPDX-License-Identifier: MIT */
/* What Clang's thread-safety analysis is told: who takes which mutex, and who has to hold it.  tests/analyse/run.sh
 * asks for it with ANALYSE_LOCKS; in every other build these are nothing.
 *
 * Fields cannot be annotated: clang 19 does not find a sibling member's mutex in C.  The comments say what each guards.
 */
#ifndef BASE_LOCKING_H
#define BASE_LOCKING_H

#if defined(ANALYSE_LOCKS) && defined(__clang__)
#define LOCKING(attribute) __attribute__((attribute))
#else
#define LOCKING(attribute)
#endif

#define IS_A_MUTEX LOCKING(capability("mutex"))
#define ACQUIRES(mutex) LOCKING(acquire_capability(mutex))
#define RELEASES(mutex) LOCKING(release_capability(mutex))
#define REQUIRES(mutex) LOCKING(requires_capability(mutex))
#define EXCLUDES(mutex) LOCKING(locks_excluded(mutex))
/* For what the analysis cannot follow; a comment says why. */
#define UNCHECKED_LOCKING LOCKING(no_thread_safety_analysis)

#endif
