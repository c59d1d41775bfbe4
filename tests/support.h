/* SPDX-License-Identifier: MIT */
/* What the behaviour tests share: threads that record and a main thread that asserts, waiting that ends, programs that
 * are expected to abort, recorded panics, and a watchdog.
 *
 * A program is `TEST(what_holds) { ... }` for each case, and a main that returns support_run("name").  That starts the
 * watchdog: a program that hangs writes the stacks of its threads to standard error and aborts.
 */
#ifndef TESTS_SUPPORT_H
#define TESTS_SUPPORT_H

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

/* Each test is given a state, each drop and action a user pointer, and few look at it. */
#pragma GCC diagnostic ignored "-Wunused-parameter"

#ifdef __cplusplus
extern "C" {
#endif

#include <cmocka.h>

/* --- cases -------------------------------------------------------------------------------------------------------- */

/* A case: `TEST(what_holds) { ... }`.  It is added before main begins. */
#define TEST(name)                                                                                                     \
    static void name(void **state);                                                                                    \
    __attribute__((constructor)) static void name##_is_added(void) { support_add(__LINE__, #name, name, NULL); }       \
    static void name(void **state)

/* Adds a case, in the order of the lines; *state is `given` in it. */
void support_add(int line, const char *name, void (*function)(void **state), void *given);

/* Starts the watchdog and runs all cases: how many failed. */
int support_run(const char *group);

/* --- environment -------------------------------------------------------------------------------------------------- */

/* Is a memory checker watching (AddressSanitizer or Valgrind)?  Then memory that was taken back must not be read. */
bool support_checked(void);
/* Is anything at work that makes every access slow or the address space small: the above, ThreadSanitizer, an emulator
 * (the build sets ARENA_TESTS_EMULATED)? */
bool support_slow(void);

/* Can threads be cancelled through frames of this program and of a library built like it?  AddressSanitizer leaves the
 * marks of frames that a cancellation unwinds on the stack, and stumbles over them later. */
bool support_cancellable(void);

/* Rounds of thread-local destructors that a program can run code in.  Of ThreadSanitizer's threads nothing is left in the
 * last, in which the library may have to tidy up after the one before. */
int support_destructor_rounds(void);

/* `many` as a rule, `few` where support_slow(). */
size_t support_rounds(size_t many, size_t few);

/* Bytes of this process that are in memory. */
size_t support_resident_bytes(void);

/* Is every byte zero? */
bool all_zero(const void *memory, size_t size_bytes);

/* A handle of that struct, made by a function with a trailing out: `GIVEN(arena, ints, arena_create(type, 4, &ints));`. */
#define GIVEN(tag, name, call)                                                                                         \
    struct tag *name = NULL;                                                                                           \
    assert_int_equal(call, ARENA_OK)

/* The defaults but for these two: `struct arena_options options = OPTIONS(clear, flags);`, in C and in C++ (which warns of
 * fields without an initializer). */
#define OPTIONS(clear, flags)                                                                                          \
    { sizeof(struct arena_options), (clear), (flags), 0, 0, NULL, NULL, NULL }

/* Does inline code clear the padding of what it stores?  See ARENA_STORE_ of the typed face. */
#if defined(__has_builtin)
#if __has_builtin(__builtin_clear_padding)
#define PADDING_IS_CLEARED 1
#endif
#endif
#ifndef PADDING_IS_CLEARED
#define PADDING_IS_CLEARED 0
#endif

/* --- threads ------------------------------------------------------------------------------------------------------ */

/* A thread and what it records for the main thread to look at after worker_join. */
struct worker {
    pthread_t thread;
    void (*body)(struct worker *self);
    void *user;
    unsigned index;
    int tid;      /* of the kernel; atomic, 0 until it runs */
    int finished; /* atomic: the body has returned */
    int go;       /* atomic: for the body to wait on */
    int reached;  /* atomic: for the body to say where it is */
    int status;
    size_t count;
    void *pointer;
    bool cancelled; /* ended by pthread_cancel */
};

/* Starts body(worker) on a thread.  Everything but `body`, `user` and `index` starts as zero. */
void worker_start(struct worker *worker, void (*body)(struct worker *self), void *user, unsigned index);
/* Waits for its end. */
void worker_join(struct worker *worker);
void workers_join(struct worker *workers, size_t count);
struct worker worker_run(void (*body)(struct worker *self), void *user, unsigned index); /* starts one and waits */

/* Waits until the worker sleeps in the kernel and has not run for some 20 ms: it waits for somebody.  False when it
 * ended instead. */
bool worker_asleep(struct worker *worker);
bool workers_asleep(struct worker *workers, size_t count); /* all of them */

/* Atomic flags that threads wait for.  flag_wait gives up after a minute, and says so. */
void flag_set(int *flag, int value);
int flag_get(const int *flag);
int flag_add(int *flag, int operand); /* the new value */
bool flag_wait(const int *flag, int at_least);
void sleep_ms(unsigned milliseconds);

/* Waits for a condition, on the main thread; fails the test when it never comes. */
#define AWAIT(condition)                                                                                               \
    do {                                                                                                               \
        unsigned waited_ms_ = 0;                                                                                       \
        while (!(condition)) {                                                                                         \
            if (++waited_ms_ > 60000) {                                                                                \
                print_error("never: %s\n", #condition);                                                                \
                _fail(__FILE__, __LINE__);                                                                             \
            }                                                                                                          \
            sleep_ms(1);                                                                                               \
        }                                                                                                              \
    } while (0)

/* --- panics ------------------------------------------------------------------------------------------------------- */

/* Installs a handler that keeps the message of the thread's last panic, and counts. */
void panics_record(void);
const char *panic_message(void); /* of this thread's last one; "" when there was none */
int panic_count(void);           /* of the process, since panics_record */

/* Runs body(user) under arena_protect: true when it panicked with a message that contains `text`. */
bool panics_with(void (*body)(void *user), void *user, const char *text);
#define assert_panics(body, user, text)                                                                                \
    do {                                                                                                               \
        if (!panics_with((body), (user), (text))) {                                                                    \
            print_error("expected a panic with \"%s\", last: \"%s\"\n", (text), panic_message());                      \
            _fail(__FILE__, __LINE__);                                                                                 \
        }                                                                                                              \
    } while (0)

/* --- processes ---------------------------------------------------------------------------------------------------- */

/* What became of a child process. */
struct child {
    int wait_status;
    size_t length;
    char output[16384]; /* what it wrote to standard error (and output, for programs); ends with a NUL */
};

/* Runs body(user) in a forked child, which exits with 0 when the body returns. */
void child_run(struct child *child, void (*body)(void *user), void *user);
/* Runs a program; argv ends with NULL.  Exits with 127 when it cannot be started. */
void child_execute(struct child *child, const char *const argv[]);

bool child_exited(const struct child *child, int code);
bool child_aborted(const struct child *child);

#define assert_aborts(body, user, text)                                                                                \
    do {                                                                                                               \
        static struct child child_;                                                                                    \
        child_run(&child_, (body), (user));                                                                            \
        if (!child_aborted(&child_) || strstr(child_.output, (text)) == NULL) {                                        \
            print_error("expected an abort with \"%s\"; wait status %#x, wrote: %s\n", (text),                         \
                        (unsigned)child_.wait_status, child_.output);                                                  \
            _fail(__FILE__, __LINE__);                                                                                 \
        }                                                                                                              \
    } while (0)

#define assert_child_succeeds(body, user)                                                                              \
    do {                                                                                                               \
        static struct child child_;                                                                                    \
        child_run(&child_, (body), (user));                                                                            \
        if (!child_exited(&child_, 0)) {                                                                               \
            print_error("child failed; wait status %#x, wrote: %s\n", (unsigned)child_.wait_status, child_.output);    \
            _fail(__FILE__, __LINE__);                                                                                 \
        }                                                                                                              \
    } while (0)

/* In a child, where a CMocka assertion would run on: says what failed and exits with 1. */
#define child_check(condition)                                                                                         \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                            \
            _exit(1);                                                                                                  \
        }                                                                                                              \
    } while (0)

#ifdef __cplusplus
}
#endif

#endif
