/* SPDX-License-Identifier: MIT */
/* See support.h. */
#define _GNU_SOURCE /* gettid through syscall, dladdr of the backtrace */

#include "support.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#ifdef __GLIBC__
#include <execinfo.h>
#endif

#include <arena/base.h>

/* --- environment -------------------------------------------------------------------------------------------------- */

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif
#ifndef WITH_ASAN
#define WITH_ASAN 0
#endif

#if defined(__SANITIZE_THREAD__)
#define WITH_SLOW_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define WITH_SLOW_SANITIZER 1
#endif
#endif
#ifndef WITH_SLOW_SANITIZER
#define WITH_SLOW_SANITIZER 0
#endif

static bool on_valgrind(void) {
    const char *preload = getenv("LD_PRELOAD");
    return preload != NULL && strstr(preload, "vgpreload") != NULL;
}

bool support_checked(void) { return WITH_ASAN || on_valgrind(); }

/* Under qemu, which takes memory for each page of a large mapping, and comments on a program that aborts. */
static bool emulated(void) { return getenv("ARENA_TESTS_EMULATED") != NULL; }

bool support_slow(void) { return support_checked() || WITH_SLOW_SANITIZER || emulated(); }

bool support_cancellable(void) { return !WITH_ASAN; }

int support_destructor_rounds(void) { return PTHREAD_DESTRUCTOR_ITERATIONS - (WITH_SLOW_SANITIZER ? 2 : 0); }

size_t support_rounds(size_t many, size_t few) { return support_slow() ? few : many; }

size_t support_resident_bytes(void) {
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL) return 0;
    size_t total = 0;
    size_t resident = 0;
    int fields = fscanf(file, "%zu %zu", &total, &resident);
    fclose(file);
    return fields == 2 ? resident * (size_t)sysconf(_SC_PAGESIZE) : 0;
}

bool all_zero(const void *memory, size_t size_bytes) {
    const unsigned char *bytes = memory;
    return size_bytes == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size_bytes - 1) == 0);
}

/* --- watchdog ----------------------------------------------------------------------------------------------------- */

static void say(const char *text) {
    ssize_t written = write(STDERR_FILENO, text, strlen(text));
    (void)written;
}

static void print_stack(int signal_number) {
    (void)signal_number;
#ifdef __GLIBC__
    void *frames[64];
    int depth = backtrace(frames, 64);
    say("--- a thread\n");
    backtrace_symbols_fd(frames, depth, STDERR_FILENO);
#endif
}

/* The process is lost already, so it does not matter that opendir is not async-signal-safe: the second alarm, which
 * has no handler, ends it where this hangs. */
static void watchdog_bites(int signal_number) {
    (void)signal_number;
    signal(SIGALRM, SIG_DFL);
    alarm(5);
    say("watchdog: the test program hangs\n");
    print_stack(0);
    long self = syscall(SYS_gettid);
    DIR *tasks = opendir("/proc/self/task");
    for (struct dirent *entry = NULL; tasks != NULL && (entry = readdir(tasks)) != NULL;) {
        long tid = strtol(entry->d_name, NULL, 10);
        if (tid <= 0 || tid == self) continue;
        syscall(SYS_tgkill, (long)getpid(), tid, (long)SIGUSR2);
        sleep_ms(50);
    }
    signal(SIGABRT, SIG_DFL);
    abort();
}

static void start_watchdog(void) {
    const char *text = getenv("ARENA_TEST_TIMEOUT_S");
    unsigned seconds = text == NULL ? 0 : (unsigned)strtoul(text, NULL, 10);
    if (seconds == 0) seconds = support_slow() ? 600 : 240;
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGUSR2, print_stack);
    signal(SIGALRM, watchdog_bites);
    alarm(seconds);
}

/* --- cases -------------------------------------------------------------------------------------------------------- */

enum { MOST_CASES = 256 };
static struct CMUnitTest cases[MOST_CASES];
static int case_lines[MOST_CASES];
static size_t case_count;

void support_add(int line, const char *name, void (*function)(void **state), void *given) {
    if (case_count == MOST_CASES) abort();
    size_t at = case_count++;
    for (; at > 0 && case_lines[at - 1] > line; at--) { /* a compiler may turn the order of constructors round */
        cases[at] = cases[at - 1];
        case_lines[at] = case_lines[at - 1];
    }
    cases[at] = (struct CMUnitTest){name, function, NULL, NULL, given};
    case_lines[at] = line;
}

int support_run(const char *group) {
    start_watchdog();
    return _cmocka_run_group_tests(group, cases, case_count, NULL, NULL);
}

/* --- threads ------------------------------------------------------------------------------------------------------ */

void sleep_ms(unsigned milliseconds) {
    struct timespec duration = {(time_t)(milliseconds / 1000), (long)(milliseconds % 1000) * 1000000L};
    nanosleep(&duration, NULL);
}

void flag_set(int *flag, int value) { __atomic_store_n(flag, value, __ATOMIC_RELEASE); }

int flag_get(const int *flag) { return __atomic_load_n(flag, __ATOMIC_ACQUIRE); }

int flag_add(int *flag, int operand) { return __atomic_add_fetch(flag, operand, __ATOMIC_ACQ_REL); }

bool flag_wait(const int *flag, int at_least) {
    for (unsigned waited = 0; flag_get(flag) < at_least; waited++) {
        if (waited > 120000) return false;
        struct timespec half = {0, 500000L};
        nanosleep(&half, NULL);
    }
    return true;
}

static void *worker_main(void *argument) {
    struct worker *worker = argument;
    flag_set(&worker->tid, (int)syscall(SYS_gettid));
    worker->body(worker);
    flag_set(&worker->finished, 1);
    return NULL;
}

void worker_start(struct worker *worker, void (*body)(struct worker *self), void *user, unsigned index) {
    memset(worker, 0, sizeof *worker);
    worker->body = body;
    worker->user = user;
    worker->index = index;
    int error = pthread_create(&worker->thread, NULL, worker_main, worker);
    if (error != 0) fail_msg("pthread_create: %s", strerror(error));
}

void worker_join(struct worker *worker) {
    void *result = NULL;
    int error = pthread_join(worker->thread, &result);
    if (error != 0) fail_msg("pthread_join: %s", strerror(error));
    worker->cancelled = result == PTHREAD_CANCELED;
}

void workers_join(struct worker *workers, size_t count) {
    for (size_t i = 0; i < count; i++) worker_join(&workers[i]);
}

struct worker worker_run(void (*body)(struct worker *self), void *user, unsigned index) {
    struct worker worker;
    worker_start(&worker, body, user, index);
    worker_join(&worker);
    return worker;
}

/* State and number of voluntary context switches of one thread of this process. */
static bool task_sample(int tid, char *state, unsigned long *switches) {
    char path[64];
    char line[256];
    snprintf(path, sizeof path, "/proc/self/task/%d/status", tid);
    FILE *file = fopen(path, "r");
    if (file == NULL) return false;
    *state = '?';
    *switches = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "State:", 6) == 0) sscanf(line + 6, " %c", state);
        if (strncmp(line, "voluntary_ctxt_switches:", 24) == 0) *switches = strtoul(line + 24, NULL, 10);
    }
    fclose(file);
    return true;
}

bool worker_asleep(struct worker *worker) { return workers_asleep(worker, 1); }

bool workers_asleep(struct worker *workers, size_t count) {
    unsigned still = 0;
    unsigned long before = ULONG_MAX;
    for (unsigned waited_ms = 0; waited_ms < 60000; waited_ms++) {
        bool asleep = true;
        unsigned long switches = 0;
        for (size_t i = 0; i < count; i++) {
            if (flag_get(&workers[i].finished)) return false;
            int tid = flag_get(&workers[i].tid);
            char state = '?';
            unsigned long own = 0;
            asleep = tid != 0 && task_sample(tid, &state, &own) && state == 'S' && asleep;
            switches += own;
        }
        still = asleep && switches == before ? still + 1 : 0;
        before = switches;
        if (still >= 20) return true;
        sleep_ms(1);
    }
    fail_msg("a thread never came to rest");
    return false;
}

/* --- panics ------------------------------------------------------------------------------------------------------- */

static _Thread_local char last_message[1024];
static int panics;

static void record_panic(const char *message, void *user) {
    snprintf(last_message, sizeof last_message, "%s", message);
    flag_add(&panics, 1);
}

void panics_record(void) {
    flag_set(&panics, 0);
    last_message[0] = '\0';
    arena_set_panic_handler(record_panic, NULL);
}

const char *panic_message(void) { return last_message; }

int panic_count(void) { return flag_get(&panics); }

bool panics_with(void (*body)(void *user), void *user, const char *text) {
    panics_record();
    int status = arena_protect(body, user);
    bool once = panic_count() == 1;
    arena_set_panic_handler(NULL, NULL);
    return status == ARENA_EPANIC && once && strstr(last_message, text) != NULL;
}

/* --- processes ---------------------------------------------------------------------------------------------------- */

/* In the child: signals as in a fresh process (CMocka catches some), no core files, a watchdog of its own. */
static void child_prepare(int output) {
    static const int signals[] = {SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGSYS};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) signal(signals[i], SIG_DFL);
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    dup2(output, STDERR_FILENO);
    alarm(120);
}

static void child_read(struct child *child, int input, pid_t pid) {
    child->length = 0;
    for (;;) {
        size_t room = sizeof child->output - 1 - child->length;
        char excess[512];
        ssize_t got = room > 0 ? read(input, child->output + child->length, room) : read(input, excess, sizeof excess);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        if (room > 0) child->length += (size_t)got;
    }
    child->output[child->length] = '\0';
    char *comment = emulated() ? strstr(child->output, "qemu: uncaught target signal") : NULL;
    if (comment != NULL) *comment = '\0';
    close(input);
    while (waitpid(pid, &child->wait_status, 0) < 0 && errno == EINTR) continue;
}

void child_run(struct child *child, void (*body)(void *user), void *user) {
    int ends[2];
    if (pipe(ends) != 0) fail_msg("pipe: %s", strerror(errno));
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0) fail_msg("fork: %s", strerror(errno));
    if (pid == 0) {
        close(ends[0]);
        child_prepare(ends[1]);
        close(ends[1]);
        body(user);
        _exit(0);
    }
    close(ends[1]);
    child_read(child, ends[0], pid);
}

void child_execute(struct child *child, const char *const argv[]) {
    int ends[2];
    if (pipe(ends) != 0) fail_msg("pipe: %s", strerror(errno));
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0) fail_msg("fork: %s", strerror(errno));
    if (pid == 0) {
        close(ends[0]);
        child_prepare(ends[1]);
        dup2(ends[1], STDOUT_FILENO);
        close(ends[1]);
        union {
            const char *const *in;
            char *const *out;
        } arguments = {argv};
        execvp(argv[0], arguments.out);
        _exit(127);
    }
    close(ends[1]);
    child_read(child, ends[0], pid);
}

bool child_exited(const struct child *child, int code) {
    return WIFEXITED(child->wait_status) && WEXITSTATUS(child->wait_status) == code;
}

bool child_aborted(const struct child *child) {
    return WIFSIGNALED(child->wait_status) && WTERMSIG(child->wait_status) == SIGABRT;
}
