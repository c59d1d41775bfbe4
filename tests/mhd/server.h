/* SPDX-License-Identifier: MIT */
/* A server with the binding, in each of libmicrohttpd's four thread modes, that keeps a journal of what happened.
 *
 * The pool's elements count when they are dropped, so a handler that allocates one makes the reset of its arena
 * visible.  The journal has one letter for each event, in the order they happened:
 *   H  the handler was called        h  it returned
 *   C  libmicrohttpd reported completion      c  arena_mhd_completed returned
 *   R  an arena with an element in it was reset
 */
#ifndef TESTS_MHD_SERVER_H
#define TESTS_MHD_SERVER_H

#include "../support.h"
#include "client.h"

#include <arena/arena.h>
#include <arena/mhd.h>

enum mode { MODE_INTERNAL_THREAD, MODE_THREAD_POOL, MODE_THREAD_PER_CONNECTION, MODE_EXTERNAL, MODE_COUNT };

/* What the pool's arenas hold. */
struct cell {
    char text[256];
};

extern const struct arena_type server_cell_type;

enum { SERVER_ARENA_CELLS = 16384, SERVER_JOURNAL_BYTES = 256 };

struct server_options {
    size_t max_arenas;
    size_t byte_arenas; /* not 0: the pool has byte arenas of that capacity, instead of cells */
    size_t body_limit_bytes;
    size_t connection_memory_bytes;                                         /* 0: libmicrohttpd's default */
    void *(*uri_log)(void *user, const char *uri, struct MHD_Connection *); /* NULL: none */
    bool knows_targets;                                                     /* its URI-log callback is arena_mhd_uri */
    const struct arena_mhd_options
        *hooks;            /* the rest of the binding's options; its body limit counts where this has none */
    bool takes_no_watch;   /* its policy does not take the connections of the binding's own */
    bool loses_completion; /* the completed callback is not passed on, as if libmicrohttpd had not called it */
};

struct server {
    enum mode mode;
    struct server_options options;
    struct MHD_Daemon *daemon;
    struct arena_pool *pool;
    struct arena_mhd *mhd;
    uint16_t port;
    struct worker poller; /* of MODE_EXTERNAL */
    pthread_t starter;

    arena_mhd_handler *handler;
    void *user; /* for the handler; it gets the server */

    int accesses; /* atomics, as for flag_get: calls of the access handler, with upload data, and so on */
    int watches;  /* those for a connection of the binding's own, which do not count otherwise */
    int outside;  /* such connections that were made by the thread that started the server */
    int uploads;
    int handled;
    int completed;
    int null_completed; /* those with *req_cls NULL */
    int last_termination;
    int resets; /* arenas reset with one element in them; one more element counts as one more */

    pthread_mutex_t journal_lock;
    size_t journal_length;
    char journal[SERVER_JOURNAL_BYTES];
};

/* One server at a time: elements find it to report to. */
void server_start(struct server *server, enum mode mode, arena_mhd_handler *handler,
                  const struct server_options *options);
/* Stops the daemon, destroys the binding, and then the pool, which says whether every arena is back. */
void server_stop(struct server *server);
/* The same with a client: it connects to the server that has started, and closes its connection before the end. */
void server_meet(struct server *server, struct client *client, enum mode mode, arena_mhd_handler *handler,
                 const struct server_options *options);
void server_part(struct server *server, struct client *client);
/* The first part of server_stop. */
void server_stop_daemon(struct server *server);
void server_destroy(struct server *server); /* the second */

/* Can the binding limit how long a connection is silent?  libmicrohttpd 1.0 does not listen, with a thread for each. */
bool server_limits_silence(enum mode mode);
/* Does the binding add a connection of its own to watch others by? */
bool server_is_watched(enum mode mode);

/* From any thread. */
void server_note(struct server *server, char event);
/* The journal so far, in a buffer of the caller's. */
const char *server_journal(struct server *server, char journal[SERVER_JOURNAL_BYTES]);

/* The journal becomes the one expected, within a minute. */
void server_expect_journal(struct server *server, const char *expected);

/* In a handler, which gets the server as `user`: the request's arena; NULL: none. */
struct arena *server_arena(struct arena_request *request);
/* An element of it with that text. */
char *server_text(struct arena_request *request, const char *text);

/* A handler that answers 200 with "METHOD URL BODY" from the arena. */
enum MHD_Result server_echo(struct arena_request *request, void *server);

/* Cases, as TEST of support.h, that run once in each mode, in those that can suspend, or in one: `SERVER_MODE(state)`. */
#define SERVER_TEST(name) SERVER_TEST_IN(name, MODE_COUNT, true)
#define SERVER_TEST_SUSPENDING(name) SERVER_TEST_IN(name, MODE_COUNT, false)
#define SERVER_TEST_PER_CONNECTION(name) SERVER_TEST_IN(name, MODE_THREAD_PER_CONNECTION, true)
#define SERVER_TEST_IN(name, mode, blocks)                                                                             \
    static void name(void **state);                                                                                    \
    __attribute__((constructor)) static void name##_is_added(void) {                                                   \
        server_add(__LINE__, #name, name, mode, blocks);                                                               \
    }                                                                                                                  \
    static void name(void **state)
/* Adds a case in one mode, or with MODE_COUNT in all that there are; with `blocks` in the one that cannot suspend too. */
void server_add(int line, const char *name, void (*function)(void **state), enum mode mode, bool blocks);
/* For main, where tests mostly wait: the four modes at a time, each in a process of its own. */
#define SERVER_RUN(name) (server_fork() ? support_run(name) : server_wait())
bool server_fork(void); /* true: in each of the processes; false: in the one that waits for them */
int server_wait(void);
#define SERVER_MODE(state) (*(enum mode *)*(state))

#endif
