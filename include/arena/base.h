/* SPDX-License-Identifier: MIT */
/* libarena: status codes, version, panics, coroutines.  Included by every other header.
 *
 * Thread safety: every function here may be called from any thread.  No function of libarena is async-signal-safe.
 */
#ifndef ARENA_BASE_H
#define ARENA_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <arena/version.h>

#if defined(__GNUC__)
#define ARENA_API __attribute__((visibility("default")))
#define ARENA_LIKELY(condition) __builtin_expect(!!(condition), 1)
/* No C++ exception comes out: a panic is none. */
#define ARENA_NOTHROW __attribute__((nothrow))
#define ARENA_NORETURN __attribute__((noreturn))
#else
#define ARENA_API
#define ARENA_LIKELY(condition) (condition)
#define ARENA_NOTHROW
#ifdef __cplusplus
#define ARENA_NORETURN [[noreturn]]
#else
#define ARENA_NORETURN _Noreturn
#endif
#endif

/* Statuses, which a caller that loses them takes for success; and pointers that are never NULL. */
#if defined(__GNUC__)
#define ARENA_NODISCARD __attribute__((warn_unused_result))
#define ARENA_NONNULL __attribute__((returns_nonnull))
#else
#define ARENA_NODISCARD
#define ARENA_NONNULL
#endif

#if defined(__GNUC__)
#define ARENA_COLD __attribute__((cold))
#define ARENA_CONST __attribute__((const)) /* the same result each time: a compiler may ask once */
#define ARENA_IS_CONSTANT(value) __builtin_constant_p(value)
#else
#define ARENA_COLD
#define ARENA_CONST
#define ARENA_IS_CONSTANT(value) 0
#endif

/* For functions so short that the jump through the procedure linkage table would be a good part of their cost. */
#if defined(__has_attribute)
#if __has_attribute(noplt)
#define ARENA_NO_PLT __attribute__((noplt))
#endif
#endif
#ifndef ARENA_NO_PLT
#define ARENA_NO_PLT
#endif

/* Inline functions of the headers, and those that are called seldom and stay out of line.
 *
 * They have external linkage, so that inline functions of a program that have it too may call them, and C++ modules
 * export what does.  In C++ that is what `inline` means.  In C it means that no file emits them: gcc and clang put them
 * into every caller, and they have no address.  A program that wants their addresses defines ARENA_STATIC_INLINE before
 * it includes any of these headers: then they are static, as they are for other compilers. */
#if defined(__cplusplus)
#if __cplusplus >= 201703L
#define ARENA_INLINE [[maybe_unused]] inline
#else
#define ARENA_INLINE inline
#endif
#elif defined(__GNUC__) && !defined(ARENA_STATIC_INLINE)
#define ARENA_INLINE extern inline __attribute__((always_inline, gnu_inline))
#elif defined(__GNUC__)
#define ARENA_INLINE static inline __attribute__((unused))
#else
#define ARENA_INLINE static inline
#endif
#if defined(__cplusplus) && defined(__GNUC__)
#define ARENA_OUT_OF_LINE ARENA_INLINE __attribute__((cold, noinline))
#elif defined(__GNUC__)
#define ARENA_OUT_OF_LINE static __attribute__((cold, noinline, unused))
#else
#define ARENA_OUT_OF_LINE ARENA_INLINE
#endif

#define ARENA_CONCAT_(a, b) a##b
#define ARENA_CONCAT(a, b) ARENA_CONCAT_(a, b)

/* Behind a variable that the library fills: MemorySanitizer sees nothing of what a library does that was compiled
 * without it. */
#if defined(__has_feature)
#if __has_feature(memory_sanitizer)
#ifdef __cplusplus
#define ARENA_WRITTEN_BY_LIBRARY_ = {}
#else
#define ARENA_WRITTEN_BY_LIBRARY_ = {0}
#endif
#endif
#endif
#ifndef ARENA_WRITTEN_BY_LIBRARY_
#define ARENA_WRITTEN_BY_LIBRARY_
#endif

/* ARENA_ARENA_: struct arena, where a macro or template writes it into a program.  In C++ the global one, whatever else
 * is called so there (libarena::arena, after `using namespace libarena`). */
#ifdef __cplusplus
#define ARENA_BEGIN_DECLS extern "C" {
#define ARENA_END_DECLS }
#define ARENA_ALIGNOF(T) alignof(T)
#define ARENA_ARENA_ struct ::arena
#else
#define ARENA_BEGIN_DECLS
#define ARENA_END_DECLS
#define ARENA_ALIGNOF(T) _Alignof(T)
#define ARENA_ARENA_ struct arena
#endif

ARENA_BEGIN_DECLS

/* What a function that can fail in several ways returns: 0, or one of the negative values.  errno has no part in it,
 * and any function may change it. */
enum arena_status {
    ARENA_OK = 0,
    ARENA_EINVAL = -1,    /* a NULL argument, size 0, an alignment that is no power of two, an unknown option */
    ARENA_ENOMEM = -2,    /* no memory, or size x capacity overflows or does not fit the address space */
    ARENA_EFULL = -3,     /* the arena has no room, or the pool is at its limit */
    ARENA_ECANCELED = -4, /* the context was cancelled */
    ARENA_ETIMEDOUT = -5, /* the context's deadline has passed */
    ARENA_ENOARENA = -6,  /* the context carries no arena of that type */
    ARENA_EBUSY = -7,     /* the caller holds the gate already; or arenas of the pool are still out */
    ARENA_EPANIC = -8     /* a panic ended the protected action */
};

/* The version of the library that runs: major << 16 | minor << 8 | patch.  ARENA_VERSION is the one compiled against.
 */
ARENA_API uint32_t arena_version(void);

/* What a status means, in English, without a full stop.  Never NULL, also for a number that is no status.  Static. */
ARENA_API ARENA_NONNULL const char *arena_strerror(int status);

/* Panics.
 *
 * A panic is what a plain allocation raises when it cannot do its work, and what misuse that can be seen raises.  The
 * handler sees every panic first.  Then, inside arena_protect, the innermost protected action ends; outside, the
 * process aborts.
 *
 * Undefined: a panic that leaves a frame between pthread_cleanup_push and its pop, or a frame with a C++ destructor
 * to run.  A panic raised by `drop`, or while another one unwinds, or by the handler, aborts.
 *
 * A longjmp past arena_protect ends its protection (Lua and libpng do that).  The next panic sees that it is gone, and
 * ends the protected action outside of it; where there is none, it aborts, and says so.  It finds out by unwinding the
 * stack: where code without unwind tables stands between, it sees only what was written over and what lies deeper than
 * the panic itself.  Scopes that the longjmp left stay open, for an outer panic or the thread's end to leave.
 */

/* Who sees panics. */
struct arena_panic_handler {
    void (*handler)(const char *message, void *user); /* must return; `message` is valid during the call alone */
    void *user;
};

/* sizeof(struct arena_panic_handler). */
ARENA_API size_t arena_panic_handler_size(void);

/* Sets the process-wide handler.  NULL restores the default, which writes one line to standard error for each panic
 * that no arena_protect catches. */
ARENA_API void arena_set_panic_handler(void (*handler)(const char *message, void *user), void *user);

/* Exchanges the process-wide handler for *handler, in one step, so that a library can put back the one it found.
 * {NULL, NULL} is the default.  NULL: nothing happens. */
ARENA_API void arena_swap_panic_handler(struct arena_panic_handler *handler);

/* Why a panic was raised. */
struct arena_panic_info {
    int status;        /* ARENA_EFULL: no room.  ARENA_ENOMEM.  ARENA_EINVAL: misuse.  ARENA_EBUSY: held, or dropping.
                          ARENA_EPANIC: arena_panic.  ARENA_OK: there was none */
    char message[252]; /* cut where it is longer */
};

/* sizeof(struct arena_panic_info). */
ARENA_API size_t arena_panic_info_size(void);

/* Runs action(user).  ARENA_OK when it returned; ARENA_EPANIC when a panic ended it, after every execute and pool
 * scope begun inside it was left: arenas reset and back in their pools, innermost first.  A gate taken by acquire
 * stays the caller's.  ARENA_EINVAL when action is NULL.  Nests. */
ARENA_API ARENA_NODISCARD int arena_protect(void (*action)(void *user), void *user);

/* The same, and *out says why: the panic's status and message, or {ARENA_OK, ""} where none ended the action.  NULL:
 * not wanted. */
ARENA_API ARENA_NODISCARD int arena_protect_with(void (*action)(void *user), void *user, struct arena_panic_info *out);

/* Raises a panic of status ARENA_EPANIC.  NULL reads "panic". */
ARENA_API ARENA_NORETURN void arena_panic(const char *message);

/* Raises a panic with a status of the caller's: for libraries on top of this one, whose own functions panic for the
 * same reasons.  A status that is no failure is raised as ARENA_EPANIC. */
ARENA_API ARENA_NORETURN void arena_panic_with(int status, const char *message);

/* Coroutines.
 *
 * Pool scopes and protected actions belong to a thread, in the order in which they were begun.  A program that switches
 * stacks by itself (makecontext, a library of coroutines, green threads) mixes that order up, unless it says so before
 * each switch: scopes and protected actions then belong to the fiber.  C++20's coroutines have no stack of their own
 * and need none of this, as long as no scope or arena_protect stands around a suspension.
 *
 * A fiber may go on on another thread.  A gate that is held stays with its thread.  A fiber must switch to another one
 * before its function returns.
 */

/* A stack that a program switches to.  Zero at first; the contents are the library's.  It stays where it is, and lives
 * while it runs: until another one was switched to, or its thread has ended. */
struct arena_fiber {
    void *words[2];
};

/* sizeof(struct arena_fiber). */
ARENA_API size_t arena_fiber_size(void);

/* Says that the stack of `to` is going to run instead of that of `from`, which runs now; called just before the switch.
 * NULL is the thread itself, on the stack it was started with.  A thread that is on that stack may also give it an
 * arena_fiber of its own, as `from`, and return to it by that.  Panics with ARENA_EINVAL, and nothing changes, when
 * `from` does not run, or `to` does (on any thread), or from a drop function or a panic's handler.  Takes no lock. */
ARENA_API void arena_fiber_switch(struct arena_fiber *from, struct arena_fiber *to);

/* Gives up a fiber that does not run and will not run again: the scopes that it is inside of are left, innermost first,
 * and their arenas go back to their pools; what it checked out stays out.  The fiber is zero afterwards.  Any thread
 * may do this.  A fiber that is outside of all scopes needs no end.  NULL is legal.  Panics with ARENA_EINVAL, and
 * nothing changes, when the fiber runs. */
ARENA_API void arena_fiber_end(struct arena_fiber *fiber);

ARENA_END_DECLS

#endif
