/* SPDX-License-Identifier: MIT */
/* The tracer of count.h, and a malloc and a mutex that count.
 *
 * The child announces itself with PTRACE_TRACEME and stops.  For instructions, the parent steps it from there to its
 * next stop: what lies between is run(), and the two raise() calls around it, which cost the same each time.  For
 * system calls, every thread of the child says through shared memory whether it is in its steady state, and the parent
 * reads that while the thread is stopped at the call.
 */
#define _GNU_SOURCE

#include "count.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Shared with the child: which of its threads are in their steady state. */
struct steady {
    atomic_int thread; /* 0: the entry is free */
    atomic_int inside;
};
static struct steady *steady_table;
static _Thread_local struct steady *steady_mine;

static void steady_share(void) {
    if (steady_table != NULL) return;
    void *memory =
        mmap(NULL, sizeof(struct steady) * COUNT_THREADS, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) abort();
    steady_table = memory;
}

void steady_begin(void) {
    steady_share();
    if (steady_mine == NULL) {
        int self = (int)syscall(SYS_gettid);
        for (int i = 0; i < COUNT_THREADS && steady_mine == NULL; i++) {
            int none = 0;
            if (atomic_compare_exchange_strong(&steady_table[i].thread, &none, self)) steady_mine = &steady_table[i];
        }
        if (steady_mine == NULL) abort();
    }
    atomic_store(&steady_mine->inside, 1);
}

void steady_end(void) { atomic_store(&steady_mine->inside, 0); }

/* --- the heap and the locks, counted ---------------------------------------------------------------------------- */

#ifdef __GLIBC__
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t align, size_t size);

static atomic_long allocations;
static atomic_long locks;

static void count_one(atomic_long *what) {
    if (steady_mine != NULL && atomic_load(&steady_mine->inside) != 0) atomic_fetch_add(what, 1);
}
static void count_allocation(void) { count_one(&allocations); }

/* They take the place of the C library's for the whole process, libarena included. */
void *malloc(size_t size) {
    count_allocation();
    return __libc_malloc(size);
}
void *calloc(size_t count, size_t size) {
    count_allocation();
    return __libc_calloc(count, size);
}
void *realloc(void *old, size_t size) {
    count_allocation();
    return __libc_realloc(old, size);
}
void *aligned_alloc(size_t align, size_t size) {
    count_allocation();
    return __libc_memalign(align, size);
}
int posix_memalign(void **out, size_t align, size_t size) {
    count_allocation();
    *out = __libc_memalign(align, size);
    return *out == NULL ? ENOMEM : 0;
}

int pthread_mutex_lock(pthread_mutex_t *mutex) {
    static int (*_Atomic next)(pthread_mutex_t * mutex);
    int (*lock)(pthread_mutex_t * mutex) = atomic_load(&next);
    if (lock == NULL) {
        void *found = dlsym(RTLD_NEXT, "pthread_mutex_lock");
        memcpy(&lock, &found, sizeof lock);
        atomic_store(&next, lock);
    }
    count_one(&locks);
    return lock(mutex);
}

long count_allocations(void) { return atomic_load(&allocations); }
long count_locks(void) { return atomic_load(&locks); }
#else
long count_allocations(void) { return 0; }
long count_locks(void) { return 0; }
#endif

/* --- the child -------------------------------------------------------------------------------------------------- */

enum { WARM_UP = 50 };

static _Noreturn void child_run(const struct path *path, size_t times) {
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) _exit(77);
    steady_mine = NULL;
    path->prepare();
    path->run(WARM_UP);
    raise(SIGSTOP);
    path->run(times);
    raise(SIGSTOP);
    _exit(0);
}

/* Starts the child and waits for its first stop.  0, or COUNT_... */
static long child_start(const struct path *path, size_t times, pid_t *child) {
    int status;
    *child = fork();
    if (*child < 0) return COUNT_REFUSED;
    if (*child == 0) child_run(path, times);
    if (waitpid(*child, &status, __WALL) != *child) return COUNT_BROKEN;
    if (WIFEXITED(status)) return WEXITSTATUS(status) == 77 ? COUNT_REFUSED : COUNT_BROKEN;
    return WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP ? 0 : COUNT_BROKEN;
}

/* Waits for every thread that was traced: the end of a process is told only after that of all its threads was taken, and
 * the process may have joined a thread, and stopped, before the thread's end was. */
static void child_end(pid_t child) {
    kill(child, SIGKILL);
    while (waitpid(-1, NULL, __WALL) > 0) {}
}

long count_instructions(const struct path *path, size_t times) {
    pid_t child;
    int status;
    long count = child_start(path, times, &child);
    if (count == COUNT_REFUSED) return count;
    while (count >= 0) {
        if (ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) != 0) {
            count = errno == EIO ? COUNT_REFUSED : COUNT_BROKEN; /* EIO: this processor cannot step */
            break;
        }
        if (waitpid(child, &status, __WALL) != child || !WIFSTOPPED(status)) {
            count = COUNT_BROKEN;
            break;
        }
        if (WSTOPSIG(status) == SIGSTOP) break;
        if (WSTOPSIG(status) != SIGTRAP) {
            count = COUNT_BROKEN;
            break;
        }
        count++;
    }
    child_end(child);
    return count;
}

/* Is this thread, stopped, in its steady state? */
static bool steady_inside(pid_t thread) {
    for (int i = 0; i < COUNT_THREADS; i++) {
        if (atomic_load(&steady_table[i].thread) == thread) return atomic_load(&steady_table[i].inside) != 0;
    }
    return false;
}

/* 1 where the thread, stopped on its way into or out of a system call, goes in, in its steady state. */
static long steady_call(pid_t thread, long *last) {
    struct __ptrace_syscall_info info;
    if (!steady_inside(thread)) return 0;
    if (ptrace(PTRACE_GET_SYSCALL_INFO, thread, (void *)sizeof info, &info) <= 0) return 0;
    if (info.op != PTRACE_SYSCALL_INFO_ENTRY) return 0;
    *last = (long)info.entry.nr;
    return 1;
}

static bool resume(pid_t thread, int signal_number) {
    return ptrace(PTRACE_SYSCALL, thread, NULL, (long)signal_number) == 0 || errno == ESRCH;
}

long count_system_calls(const struct path *path, size_t times, long *last) {
    pid_t child;
    int status;
    steady_share();
    for (int i = 0; i < COUNT_THREADS; i++) atomic_store(&steady_table[i].thread, 0);
    long count = child_start(path, times, &child);
    if (count == COUNT_REFUSED) return count;
    long wanted = PTRACE_O_TRACECLONE | PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL;
    if (count == 0 && ptrace(PTRACE_SETOPTIONS, child, NULL, wanted) != 0) count = COUNT_REFUSED;
    bool running = count == 0 && resume(child, 0);
    while (running) {
        pid_t thread = waitpid(-1, &status, __WALL);
        if (thread < 0 || (thread == child && !WIFSTOPPED(status))) {
            count = COUNT_BROKEN; /* the child ends only after its second stop */
            break;
        }
        if (!WIFSTOPPED(status)) continue; /* another thread has ended */
        int stop = WSTOPSIG(status);
        if (stop == SIGSTOP && thread == child) break;
        if (stop == (SIGTRAP | 0x80)) count += steady_call(thread, last);
        /* A new thread's first stop and the notice of it are the tracer's own; other signals are the child's. */
        bool own = stop == (SIGTRAP | 0x80) || stop == SIGTRAP || stop == SIGSTOP;
        running = resume(thread, own ? 0 : stop);
    }
    child_end(child);
    return count;
}
