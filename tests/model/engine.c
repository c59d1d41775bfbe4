/* SPDX-License-Identifier: MIT */
/* The model checker: the search, and how all of it works.
 *
 * Files       engine.c the search; schedule.c threads; atomics.c the memory model; locks.c mutexes, conditions, time;
 *             memory.c plain memory.
 * Threads     Each runs on a stack of its own (ucontext, then setjmp and longjmp) and comes here before every visible
 *             operation.  It leaves the operation in `pending` and asks the scheduler, which lets one thread do its
 *             pending operation and go on to its next.
 * Choices     Everything that is not determined - which thread, which store a load reads, where a store comes in the
 *             modification order, whether a wait wakes early, what the clock says - is a number from choose().  The
 *             numbers of one execution are the trail; the search takes the last that can be raised and runs again.
 * Memory      Each atomic object has its stores in modification order, by timestamp.  Each thread has a view: the oldest
 *             store it may still read, per object; and a vector clock.  A release store carries both, an acquire load
 *             joins them.  A store may come before others in modification order as long as the thread has not seen
 *             those, and never between a read-modify-write and what it read.  This is C11 as repaired in RC11, where
 *             the program order and reads-from have no cycle: no load buffering.
 * Reduction   In this semantics an operation of another thread changes what a load can do only by giving it one more
 *             store to read.  So plain stores and unlocks go first, without alternative; and a thread whose load was
 *             tried at a node sleeps in the node's later branches until a new store comes, and then reads only newer
 *             ones (sleep sets on transitions that include the store read).  Each execution graph is run to the end
 *             once; `redundant` counts those given up because every thread that could go sleeps.
 * Races       Plain accesses (__tsan_ callbacks in memory.c) and atomic ones leave the clock of their thread with each byte;
 *             two that conflict and are not ordered by happens-before fail the execution.
 * Memory use  The program's heap is a region handed out in order and never again within an execution, so that each
 *             access outside a live block shows.
 */
#undef _FORTIFY_SOURCE /* longjmp goes from stack to stack */
#include "internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

struct engine *engine;

extern char __data_start[], _end[];

const char *const order_names[8] = {"relaxed", "acquire", "release", "acq_rel", "", "", "", "seq_cst"};

static void *engine_map(size_t size) {
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        perror("model: mmap");
        exit(2);
    }
    return memory;
}

/* --- ends and traces ---------------------------------------------------------------------------------------------- */

_Noreturn void engine_end(enum end how) {
    engine->running = false;
    longjmp(engine->driver, (int)how);
}

_Noreturn void model_fail(const char *format, ...) {
    engine->running = false;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(engine->failure, sizeof engine->failure, format, arguments);
    va_end(arguments);
    engine_end(END_FAILED);
}

_Noreturn void engine_limit(const char *what) {
    fprintf(stderr, "model: more %s than the engine has room for\n", what);
    exit(2);
}

void engine_trace(const char *format, ...) __attribute__((format(printf, 1, 2)));
void engine_trace(const char *format, ...) {
    if (!engine->tracing || (engine->tracing < 2 && engine->steps == 0 && engine->current == engine->threads)) return;
    va_list arguments;
    va_start(arguments, format);
    printf("    %4u  T%u  ", engine->steps, (unsigned)(engine->current - engine->threads));
    vprintf(format, arguments);
    putchar('\n');
    va_end(arguments);
}

/* --- choices ------------------------------------------------------------------------------------------------------ */

unsigned engine_choose(unsigned count) {
    if (count <= 1) return 0;
    if (engine->depth == TRAIL) engine_limit("choices");
    struct choice *choice = &engine->trail[engine->depth];
    if (engine->depth++ < engine->length) {
        if (choice->count != count) {
            fprintf(stderr, "model: the program under test is not deterministic (choice %u of %s)\n", engine->depth,
                    engine->scenario->name);
            exit(2);
        }
        return choice->chosen;
    }
    engine->length = engine->depth;
    choice->count = (uint16_t)count;
    choice->chosen = 0;
    if (engine->random) {
        uint64_t x = engine->random_state;
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        engine->random_state = x;
        choice->chosen = (uint16_t)((x >> 20) % count);
    }
    return choice->chosen;
}

static bool choose_next(void) {
    while (engine->length > 0) {
        struct choice *last = &engine->trail[engine->length - 1];
        if (++last->chosen < last->count) return true;
        engine->length--;
    }
    return false;
}

/* --- sites -------------------------------------------------------------------------------------------------------- */

int engine_order(const char *site, int order) {
    if (engine->weaken && strstr(site, engine->weaken)) {
        engine->weakened = true;
        order &= engine->weaken_to;
    }
    if (engine->collect_sites) {
        for (unsigned i = 0; i < engine->site_count; i++)
            if (engine->sites[i].text == site || strcmp(engine->sites[i].text, site) == 0) {
                engine->sites[i].hits++;
                return order;
            }
        if (engine->site_count < SITES) engine->sites[engine->site_count++] = (struct site){site, order, 1};
    }
    return order;
}

/* --- for scenarios ------------------------------------------------------------------------------------------------ */

void model_check_at(bool condition, const char *text, const char *file, int line) {
    if (!condition) model_fail("%s:%d: check failed: %s", file, line, text);
}

unsigned model_choose(unsigned count) {
    unsigned chosen = engine_choose(count);
    if (count > 1) engine_trace("the scenario takes %u of %u", chosen, count);
    return chosen;
}

_Noreturn void model_skip(void) { engine_end(END_SKIPPED); }

void model_outcome(const char *format, ...) {
    engine->running = false;
    char text[OUTCOME_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    engine_trace("outcome: %s", text);
    unsigned i = 0;
    while (i < engine->outcome_count && strcmp(engine->outcomes[i], text) != 0) i++;
    if (i == OUTCOMES) engine_limit("outcomes");
    if (i == engine->outcome_count) {
        snprintf(engine->outcomes[i], OUTCOME_BYTES, "%s", text);
        engine->outcome_count++;
    }
    engine->running = true;
}

/* --- one execution ------------------------------------------------------------------------------------------------ */

static void execution_reset(void) {
    size_t image = (size_t)(_end - __data_start);
    if (!engine->image) {
        engine->image = engine_map(image);
        memcpy(engine->image, __data_start, image);
    } else {
        memcpy(__data_start, engine->image, image);
    }
    engine->depth = 0;
    engine->plain_at = 0;
    engine->steps = engine->preemptions = 0;
    engine->parallel = false;
    memset(engine->threads, 0, sizeof engine->threads);
    engine->sequence = engine->writes = 0;
    engine->time_index = 0;
    engine->now = engine->scenario->times ? engine->scenario->times[0] : 1000;
    engine->spurious_left = engine->scenario->spurious;
    engine->object_count = engine->store_count = 0;
    engine->views_used = 0;
    engine->heavy = view_new(OBJECTS);
    engine->generation++;
    engine->granule_count = 0;
    memset(engine->heap_map, 0, (engine->heap_used / HEAP_GRAIN + 1) * sizeof engine->heap_map[0]);
    engine->heap_used = 0;
    engine->block_count = 0;
    engine->thread_count = 1;
    engine->current = &engine->threads[0];
    engine->chosen = NULL;
    engine->current->view = view_new(OBJECTS);
    engine->current->view->clock[0] = 1;
    engine->current->started = true;
}

static void execution_threads(void) {
    struct thread *main_thread = &engine->threads[0];
    struct view *published = thread_publish(main_thread);
    while (engine->thread_count <= MODEL_THREADS && engine->scenario->threads[engine->thread_count - 1]) {
        unsigned i = engine->thread_count++;
        struct thread *thread = &engine->threads[i];
        thread->body = engine->scenario->threads[i - 1];
        thread->view = view_new(OBJECTS);
        view_join(thread->view, published, true);
        thread->view->clock[i] = 1;
        thread->pending = (struct pending){.kind = OP_START, .site = "start"};
        getcontext(&thread->start);
        thread->start.uc_stack.ss_sp = engine->stacks + i * (size_t)STACK_BYTES;
        thread->start.uc_stack.ss_size = STACK_BYTES;
        makecontext(&thread->start, thread_main, 0);
    }
    if (engine->thread_count == 1) return;
    engine->running = false;
    engine->parallel = true;
    thread_switch(main_thread, &engine->threads[1]);
    engine->parallel = false;
    for (unsigned i = 1; i < engine->thread_count; i++) view_join(main_thread->view, engine->threads[i].view, true);
}

static void execution_body(void) {
    engine->running = true;
    if (engine->scenario->setup) engine->scenario->setup();
    execution_threads();
    engine->running = true;
    if (engine->scenario->finish) engine->scenario->finish();
    thread_exit_run(&engine->threads[0]);
    engine->running = false;
    leak_check();
}

static enum end execution_run(void) {
    execution_reset();
    int how = setjmp(engine->driver);
    if (how == 0) {
        execution_body();
        return END_DONE;
    }
    return (enum end)how;
}

/* --- the search --------------------------------------------------------------------------------------------------- */

struct options {
    const char *only;
    const char *except[8];
    unsigned except_count;
    double seconds;
    int bound;
    uint64_t random, runs;
    bool slow, slow_only, list, sites, verbose;
};

/* Of processor time: on a busy machine as much is searched as on an idle one. */
static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static bool outcomes_match(const struct model_scenario *scenario, bool complete) {
    bool match = true;
    for (unsigned i = 0; i < engine->outcome_count; i++) {
        unsigned k = 0;
        while (scenario->outcomes[k] && strcmp(scenario->outcomes[k], engine->outcomes[i]) != 0) k++;
        if (!scenario->outcomes[k]) {
            printf("    unexpected outcome: %s\n", engine->outcomes[i]);
            match = false;
        }
    }
    for (unsigned k = 0; complete && scenario->outcomes[k]; k++) {
        unsigned i = 0;
        while (i < engine->outcome_count && strcmp(scenario->outcomes[k], engine->outcomes[i]) != 0) i++;
        if (i == engine->outcome_count) {
            printf("    missing outcome: %s\n", scenario->outcomes[k]);
            match = false;
        }
    }
    return match;
}

/* Where the program was when a plain access failed. */
static void print_place(uintptr_t at) {
    extern char __executable_start[];
    uintptr_t start = (uintptr_t)__executable_start;
    char command[128], self[4096];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (at == 0 || length < 0) return;
    self[length] = '\0';
    if (setenv("MODEL_SELF", self, 1) != 0) return;
    snprintf(command, sizeof command, "addr2line -pfs -e \"$MODEL_SELF\" %#" PRIxPTR,
             (start < UINT32_MAX / 256 ? at : at - start) - 1);
    FILE *pipe = popen(command, "r");
    if (!pipe) return;
    char line[256];
    while (fgets(line, sizeof line, pipe)) printf("    in %s", line);
    (void)pclose(pipe);
}

static bool search(const struct model_scenario *scenario, const struct options *options) {
    engine->scenario = scenario;
    engine->length = 0;
    engine->outcome_count = 0;
    engine->tracing = 0;
    engine->bound = options->bound ? options->bound : scenario->bound;
    engine->random = options->random > 0;
    engine->sleeping = engine->bound == 0 && !engine->random;
    engine->random_state = UINT64_C(0x9E3779B97F4A7C15) ^ options->random;
    engine->weakened = false;
    uint64_t done = 0, redundant = 0, skipped = 0;
    unsigned deepest = 0;
    bool failed = false, cut = false;
    double start = seconds_now();
    for (uint64_t run = 1;; run++) {
        enum end how = execution_run();
        if (engine->steps > deepest) deepest = engine->steps;
        if (how == END_FAILED) {
            failed = true;
            break;
        }
        done += how == END_DONE;
        redundant += how == END_REDUNDANT;
        skipped += how == END_SKIPPED;
        if (engine->random) {
            engine->length = 0;
            if (run == options->random) break;
        } else if (!choose_next()) {
            break;
        }
        cut = run == options->runs ||
              ((run & 255) == 0 && options->seconds > 0 && seconds_now() - start > options->seconds);
        if (cut) break;
    }
    bool expected = scenario->expect ? failed && strstr(engine->failure, scenario->expect) : !failed;
    const char *coverage = engine->random ? "at random" : cut ? "cut off" : engine->bound ? "bounded" : "exhaustive";
    printf("%-40s %9" PRIu64 " executions, %" PRIu64 " redundant", scenario->name, done, redundant);
    if (skipped) printf(", %" PRIu64 " skipped", skipped);
    printf(", %u steps, %.2f s, %s", deepest, seconds_now() - start, coverage);
    if (failed && scenario->expect)
        printf("; found: %s", engine->failure);
    else if (failed)
        printf("; FAILED: %s", engine->failure);
    else if (scenario->expect)
        printf("; FAILED: did not find \"%s\"", scenario->expect);
    putchar('\n');
    if (!failed && scenario->outcomes && !outcomes_match(scenario, !cut && !engine->random)) expected = false;
    if (failed && (!expected || options->verbose)) {
        char failure[sizeof engine->failure];
        memcpy(failure, engine->failure, sizeof failure);
        engine->length = engine->depth;
        engine->tracing = options->verbose ? 2 : 1;
        engine->random = false;
        execution_run();
        engine->tracing = 0;
        if (strcmp(failure, engine->failure) != 0) printf("    (played back: %s)\n", engine->failure);
        printf("    %s\n", failure);
        print_place(engine->plain_at);
    }
    fflush(stdout);
    return expected;
}

static void usage(const char *program) {
    printf("usage: %s [options]\n"
           "  --only TEXT       scenarios whose name contains TEXT\n"
           "  --except NAME     but for this one; may be repeated\n"
           "  --slow            also the slow ones; --slow-only: no others\n"
           "  --runs N          at most N executions each, the redundant ones among them\n"
           "  --seconds N       at most N seconds of processor time each\n"
           "  --bound N         at most N preemptions, whatever the scenario says\n"
           "  --random N        N executions at random\n"
           "  --weaken TEXT TO  operations whose site contains TEXT have at most the order TO (relaxed, acquire,\n"
           "                    release); barriers are left out.  Exit status 0: a scenario fails, as it should\n"
           "  --sites           lists the operations met, with their orders\n"
           "  --list, --verbose\n",
           program);
}

static int order_named(const char *name) {
    for (int i = 0; i < 8; i++)
        if (strcmp(name, order_names[i]) == 0) return i;
    fprintf(stderr, "model: no such order: %s\n", name);
    exit(2);
}

static void engine_start(void) {
    engine = engine_map(sizeof *engine);
    engine->views = engine_map(VIEW_BYTES);
    engine->granules = engine_map(GRANULES * sizeof(struct granule));
    engine->heap = engine_map(HEAP_BYTES);
    engine->heap_map = engine_map((HEAP_BYTES / HEAP_GRAIN + 1) * sizeof engine->heap_map[0]);
    engine->stacks = engine_map(THREADS * (size_t)STACK_BYTES);
}

static bool wanted(const struct model_scenario *scenario, const struct options *options) {
    for (unsigned i = 0; i < options->except_count; i++)
        if (strcmp(scenario->name, options->except[i]) == 0) return false;
    return (!options->only || strstr(scenario->name, options->only)) &&
           (scenario->slow ? options->slow : !options->slow_only);
}

int model_main(int argc, char **argv, const struct model_scenario *scenarios, size_t count) {
    struct options options = {0};
    engine_start();
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--slow") == 0) {
            options.slow = true;
        } else if (strcmp(argv[i], "--slow-only") == 0) {
            options.slow = options.slow_only = true;
        } else if (strcmp(argv[i], "--list") == 0) {
            options.list = true;
        } else if (strcmp(argv[i], "--verbose") == 0) {
            options.verbose = true;
        } else if (strcmp(argv[i], "--sites") == 0) {
            options.sites = engine->collect_sites = true;
        } else if (strcmp(argv[i], "--only") == 0) {
            options.only = value, i++;
        } else if (strcmp(argv[i], "--except") == 0 && options.except_count < COUNT(options.except)) {
            options.except[options.except_count++] = value, i++;
        } else if (strcmp(argv[i], "--seconds") == 0) {
            options.seconds = atof(value), i++;
        } else if (strcmp(argv[i], "--bound") == 0) {
            options.bound = atoi(value), i++;
        } else if (strcmp(argv[i], "--random") == 0) {
            options.random = (uint64_t)atoll(value), i++;
        } else if (strcmp(argv[i], "--runs") == 0) {
            options.runs = (uint64_t)atoll(value), i++;
        } else if (strcmp(argv[i], "--weaken") == 0 && i + 2 < argc) {
            engine->weaken = value;
            engine->weaken_to = order_named(argv[i + 2]);
            i += 2;
        } else {
            usage(argv[0]);
            return strcmp(argv[i], "--help") == 0 ? 0 : 2;
        }
    }
    unsigned failures = 0, ran = 0;
    bool weakened = false;
    for (size_t i = 0; i < count; i++) {
        if (!wanted(&scenarios[i], &options)) continue;
        if (engine->weaken && scenarios[i].expect) continue;
        if (options.list) {
            puts(scenarios[i].name);
            continue;
        }
        ran++;
        bool ok = search(&scenarios[i], &options);
        weakened |= engine->weakened;
        if (!ok) {
            failures++;
            if (engine->weaken) {
                printf("caught by %s: %s\n", scenarios[i].name, engine->failure);
                return 0;
            }
        }
    }
    if (options.sites)
        for (unsigned i = 0; i < engine->site_count; i++)
            printf("site %s [%s] %" PRIu64 "\n", engine->sites[i].text, order_names[engine->sites[i].order],
                   engine->sites[i].hits);
    if (engine->weaken) {
        puts(weakened ? "not caught" : "not reached");
        return 3;
    }
    if (ran == 0 && !options.list && !options.slow_only) {
        puts("no such scenario");
        return 2;
    }
    return failures ? 1 : 0;
}
