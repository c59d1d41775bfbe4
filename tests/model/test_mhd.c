/* SPDX-License-Identifier: MIT */
/* src/mhd: the last of those who let a request go ends it, once and with all that the others did in view, on whatever
 * thread; whoever sees the connection gone sees the context ended; and what is seen to be over is over.
 *
 * libarena and libmicrohttpd are stand-ins, whose state is plain: what is not ordered is a race. */
#include "engine.h"
#include "mhd/exchange.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* --- libarena ----------------------------------------------------------------------------------------------------- */

struct arena {
    bool out;
    unsigned used; /* by a request, until the arena is returned */
};
struct arena_pool {
    struct arena arenas[2];
};
struct arena_context {
    bool ended;
};

static struct arena_pool pool;
static struct arena_context background;
static bool panics;    /* what a handler does */
static bool too_early; /* the binding may be destroyed while a request is retained, and then panics */

int arena_pool_checkout(struct arena_pool *from, struct arena **out) {
    for (size_t i = 0; i < COUNT(from->arenas); i++) {
        if (from->arenas[i].out) continue;
        from->arenas[i].out = true;
        *out = &from->arenas[i];
        return ARENA_OK;
    }
    return ARENA_EFULL;
}
int arena_pool_claim(struct arena *arena) {
    model_check(arena->out);
    return ARENA_OK;
}
void arena_pool_return_claimed(struct arena *arena) {
    if (!arena) return;
    model_check(arena == &pool.arenas[0] || arena == &pool.arenas[1]);
    model_check(arena->out);
    arena->used = 0;
    arena->out = false;
}
/* Of another type: bodies lie in memory of the binding's own. */
const struct arena_type *arena_pool_type_of(const struct arena_pool *from) {
    (void)from;
    return NULL;
}
const struct arena_type *arena_type_bytes(void) { return NULL; }
bool arena_type_equal(const struct arena_type *left, const struct arena_type *right) {
    (void)left;
    (void)right;
    return false;
}
const struct arena_type *arena_type_of(const struct arena *arena) {
    (void)arena;
    return NULL;
}
void arena_panic_type(const char *expected, const struct arena_type *found) {
    (void)found;
    model_fail("panic: not a %s", expected);
    model_skip();
}
void *arena_bytes_try_alloc_raw(struct arena_bytes *arena, size_t size, size_t align) {
    (void)arena;
    (void)size;
    (void)align;
    return NULL;
}
void *arena_bytes_try_realloc(struct arena_bytes *arena, void *block, size_t old_size, size_t new_size, size_t align) {
    (void)arena;
    (void)block;
    (void)old_size;
    (void)new_size;
    (void)align;
    return NULL;
}
bool arena_bytes_resize(struct arena_bytes *arena, void *block, size_t old_size, size_t new_size) {
    (void)arena;
    (void)block;
    (void)old_size;
    (void)new_size;
    return false;
}
size_t arena_remaining(const struct arena *arena) {
    (void)arena;
    return 0;
}
size_t arena_cap(const struct arena *arena) {
    (void)arena;
    return 0;
}
struct arena_context *arena_context_background(void) {
    return &background;
}
int arena_inject(struct arena_context *parent, struct arena *arena, struct arena_context **out) {
    (void)arena;
    struct arena_context *context = calloc(1, sizeof *context);
    model_check(parent != NULL && context != NULL);
    *out = context;
    return ARENA_OK;
}
int arena_extract(struct arena_context *context, const struct arena_type *type, struct arena **out) {
    (void)context;
    (void)type;
    *out = NULL;
    return ARENA_ENOARENA;
}
int arena_context_with_deadline(struct arena_context *parent, int64_t deadline_ns, struct arena_context **out) {
    (void)deadline_ns;
    return arena_inject(parent, NULL, out);
}
int arena_context_status(struct arena_context *context) { return context->ended ? ARENA_ECANCELED : ARENA_OK; }
int64_t arena_clock_now(void) { return 0; }
void arena_context_cancel(struct arena_context *context) { context->ended = true; }
void arena_context_release(struct arena_context *context) { free(context); }
void arena_panic_with(int status, const char *message) {
    (void)status;
    if (!too_early) model_fail("panic: %s", message);
    model_skip();
}
int arena_protect(void (*action)(void *user), void *user) {
    action(user);
    return panics ? ARENA_EPANIC : ARENA_OK;
}

/* --- libmicrohttpd ------------------------------------------------------------------------------------------------ */

struct MHD_Response {
    MHD_ContentReaderFreeCallback let_go;
    void *user;
};

static struct MHD_Response *queued;
static bool queue_full;
static union MHD_ConnectionInfo suspension;
static bool form; /* the request's body is one */

const char *MHD_lookup_connection_value(struct MHD_Connection *connection, enum MHD_ValueKind kind, const char *key) {
    (void)connection;
    (void)kind;
    (void)key;
    return NULL;
}
int MHD_get_connection_values_n(struct MHD_Connection *connection, enum MHD_ValueKind kind,
                                MHD_KeyValueIteratorN iterator, void *user) {
    (void)connection;
    if (kind != MHD_HEADER_KIND) return 0;
    (void)iterator(user, kind, MHD_HTTP_HEADER_HOST, 4, "model", 5);
    static const char type[] = MHD_HTTP_POST_ENCODING_FORM_URLENCODED;
    if (form) (void)iterator(user, kind, MHD_HTTP_HEADER_CONTENT_TYPE, 12, type, sizeof type - 1);
    return form ? 2 : 1;
}
const union MHD_ConnectionInfo *MHD_get_connection_info(struct MHD_Connection *connection,
                                                        enum MHD_ConnectionInfoType type, ...) {
    (void)connection;
    return type == MHD_CONNECTION_INFO_CONNECTION_SUSPENDED ? &suspension : NULL;
}
enum MHD_Result MHD_set_connection_option(struct MHD_Connection *connection, enum MHD_CONNECTION_OPTION option, ...) {
    (void)connection;
    (void)option;
    return MHD_YES;
}
/* Of the connections, none is known by an address, and the daemon is not known: nothing is watched. */
const union MHD_DaemonInfo *MHD_get_daemon_info(struct MHD_Daemon *daemon, enum MHD_DaemonInfoType type, ...) {
    (void)daemon;
    (void)type;
    return NULL;
}
enum MHD_Result MHD_add_connection(struct MHD_Daemon *daemon, MHD_socket socket, const struct sockaddr *address,
                                   socklen_t size) {
    (void)daemon;
    (void)socket;
    (void)address;
    (void)size;
    return MHD_NO;
}
const char *MHD_get_version(void) { return "1.0.1"; }
void MHD_resume_connection(struct MHD_Connection *connection) { (void)connection; }
struct MHD_Response *MHD_create_response_from_buffer(size_t size, void *buffer, enum MHD_ResponseMemoryMode mode) {
    (void)size;
    (void)buffer;
    (void)mode;
    return calloc(1, sizeof(struct MHD_Response));
}
struct MHD_Response *MHD_create_response_from_buffer_with_free_callback_cls(size_t size, void *buffer,
                                                                            MHD_ContentReaderFreeCallback let_go,
                                                                            void *user) {
    struct MHD_Response *response = MHD_create_response_from_buffer(size, buffer, MHD_RESPMEM_PERSISTENT);
    response->let_go = let_go;
    response->user = user;
    return response;
}
struct MHD_Response *MHD_create_response_from_callback(uint64_t size, size_t block_size,
                                                       MHD_ContentReaderCallback reader, void *user,
                                                       MHD_ContentReaderFreeCallback let_go) {
    (void)block_size;
    (void)reader;
    return MHD_create_response_from_buffer_with_free_callback_cls((size_t)size, NULL, let_go, user);
}
enum MHD_Result MHD_set_response_options(struct MHD_Response *response, enum MHD_ResponseFlags flags, ...) {
    (void)response;
    (void)flags;
    return MHD_YES;
}
enum MHD_Result MHD_add_response_header(struct MHD_Response *response, const char *header, const char *content) {
    (void)response;
    (void)header;
    (void)content;
    return MHD_YES;
}
enum MHD_Result MHD_queue_response(struct MHD_Connection *connection, unsigned status, struct MHD_Response *response) {
    (void)connection;
    (void)status;
    if (queue_full) return MHD_NO;
    if (response->let_go) queued = response; /* the others are the binding's own, and stay */
    return MHD_YES;
}
static void let_go(struct MHD_Response *response) {
    if (response->let_go) response->let_go(response->user);
    free(response);
}
void MHD_destroy_response(struct MHD_Response *response) {
    if (response != queued) /* else the daemon has a reference */
        let_go(response);
}

/* --- requests ----------------------------------------------------------------------------------------------------- */

static struct arena_mhd *mhd;
static struct MHD_Connection *connections[2]; /* addresses alone */
static void *req_cls[2];                      /* libmicrohttpd's *req_cls */
static struct arena_request *request;
static bool retains, answers, says_no, destroyed;

static enum MHD_Result handle(struct arena_request *given, void *user) {
    (void)user;
    request = given;
    if (retains) arena_request_retain(given);
    if (answers) model_check(arena_request_respond(given, 200, NULL, NULL, 0) == ARENA_OK);
    return says_no ? MHD_NO : MHD_YES;
}

static void call(unsigned index) {
    size_t size = 0;
    model_check(arena_mhd_access(mhd, connections[index], "/", "GET", "HTTP/1.1", NULL, &size, &req_cls[index]) ==
                MHD_YES);
}
static void complete(unsigned index) {
    arena_mhd_completed(mhd, connections[index], &req_cls[index], MHD_REQUEST_TERMINATED_COMPLETED_OK);
}

static void setup(void) {
    if (!connections[0]) connections[0] = (struct MHD_Connection *)4096;
    model_check(arena_mhd_create(&pool, handle, NULL, &mhd) == ARENA_OK);
}
static void setup_open(void) {
    setup();
    call(0);
    call(0);
}
static void setup_retained(void) {
    retains = true;
    setup_open();
}
static void setup_completed(void) {
    setup_retained();
    complete(0);
}
static void setup_retained_twice(void) {
    setup_retained();
    arena_request_retain(request);
}
static void setup_suspended(void) {
    suspension.suspended = MHD_YES;
    setup_open();
}
static void setup_answered(void) {
    answers = true;
    setup_open();
}

static void complete_first(void) { complete(0); }
static void use_and_release(void) {
    pool.arenas[0].used++;
    arena_request_release(request);
}
static void look_and_release(void) {
    model_check(pool.arenas[0].out);
    arena_request_release(request);
}
static void let_response_go(void) { let_go(queued); }
static void look_at_connection(void) {
    if (arena_request_connection(request)) {
        model_outcome("open");
    } else {
        model_check(arena_request_context(request)->ended);
        model_outcome("complete");
    }
}
static const char *const outcomes_connection[] = {"complete", "open", NULL};
static void add_header(void) {
    if (arena_request_add_header(request, "Name", "value") != ARENA_ECANCELED) { /* it has been answered */
        model_outcome("open");
    } else {
        model_check(arena_request_context(request)->ended);
        model_outcome("complete");
    }
}

/* What the program hangs on a request: what lies behind it is there for who gets it. */
static unsigned behind;
static void set_user(void) {
    behind = 1;
    arena_request_set_user(request, &behind);
}
static void get_user(void) {
    const unsigned *user = arena_request_user(request);
    model_check(user == NULL || *user == 1);
}

/* Two ask for the form at a time, and one decodes it for both. */
static void setup_form(void) {
    form = retains = true;
    setup();
    call(0);
    size_t size = 1;
    model_check(arena_mhd_access(mhd, connections[0], "/", "GET", "HTTP/1.1", "n", &size, &req_cls[0]) == MHD_YES);
    call(0);
}
static void read_form(void) {
    size_t cursor = 0;
    struct arena_field field;
    model_check(arena_request_next_field(request, ARENA_FIELD_FORM, &cursor, &field) && field.name[0] == 'n');
}

static void inject(void) {
    struct arena_request *clone;
    model_check(arena_request_inject(request, NULL, &clone) == ARENA_OK);
}

/* The pool is destroyed next. */
static void destroy(void) {
    arena_mhd_destroy(mhd);
    for (size_t i = 0; i < COUNT(pool.arenas); i++) model_check(!pool.arenas[i].out && pool.arenas[i].used == 0);
    destroyed = true;
}
static void destroy_early(void) {
    too_early = true;
    destroy();
}
static void finish(void) {
    if (!destroyed) destroy();
}
static void finish_release(void) {
    arena_request_release(request);
    finish();
}
static void finish_clones(void) {
    complete(0);
    finish_release();
}

/* --- two connections in one bucket -------------------------------------------------------------------------------- */

static void setup_bucket(void) {
    static struct registry any; /* the numbers of buckets are the same in each */
    uintptr_t address = 4096;
    connections[0] = (struct MHD_Connection *)address;
    do {
        address += 64;
        connections[1] = (struct MHD_Connection *)address;
    } while (registry_bucket(&any, connections[0]) != registry_bucket(&any, connections[1]));
    setup();
}
static void setup_bucket_open(void) {
    setup_bucket();
    call(0);
    call(1);
}
static void begin_first(void) { call(0); }
static void begin_second(void) { call(1); }
static void complete_second(void) { complete(1); }
static void finish_bucket(void) {
    complete(0);
    complete(1);
    model_check(req_cls[0] == NULL && req_cls[1] == NULL);
    finish();
}

/* --- what one thread does ----------------------------------------------------------------------------------------- */

static void respond_in_vain(void) {
    queue_full = true;
    model_check(arena_request_respond(request, 200, NULL, NULL, 0) == ARENA_EBUSY);
    queue_full = false;
    model_check(arena_request_respond(request, 200, NULL, NULL, 0) == ARENA_OK);
    complete(0);
    let_go(queued);
}
/* Resumed without an answer, or ended by a panic while suspended, held by somebody or not. */
static void be_refused(void) {
    call(0);
    complete(0);
    panics = true;
    suspension.suspended = MHD_YES;
    for (int i = 0; i < 2; i++) {
        retains = i == 1;
        call(0);
        call(0);
        if (retains) arena_request_release(request);
        complete(0);
    }
}
/* Suspended and held by somebody, who answers it: what the handler says does not end it. */
static void say_no(void) {
    suspension.suspended = MHD_YES;
    retains = says_no = true;
    call(0);
    call(0);
    arena_request_release(request);
    complete(0);
}
/* The request was lost half way, with no completed call: the connection's next one ends it, a whole one or not. */
static void lose_and_begin(void) {
    for (unsigned calls = 1; calls <= 2; calls++) {
        for (unsigned i = 0; i < calls; i++) call(0);
        req_cls[0] = NULL;
        call(0);
        struct exchange *exchange = req_cls[0];
        model_check(atomic_u64_load(&exchange->mhd->registry.live, relaxed) == 1);
        complete(0);
    }
}
/* One of them has nothing to release. */
static void release(void) { arena_request_release(request); }

/* A scenario is a line or two. */
/* clang-format off */
static const struct model_scenario scenarios[] = {
    {"mhd.last-release", setup_retained, {complete_first, use_and_release}, finish},
    {"mhd.last-release.two", setup_retained_twice, {look_and_release, look_and_release}, finish},
    {"mhd.last-release.three", setup_retained_twice, {complete_first, look_and_release, look_and_release}, finish},
    {"mhd.response", setup_answered, {complete_first, let_response_go}, finish},
    {"mhd.connection", setup_retained, {complete_first, look_at_connection}, finish_release,
     .outcomes = outcomes_connection},
    {"mhd.connection.header", setup_retained, {complete_first, add_header}, finish_release,
     .outcomes = outcomes_connection},
    {"mhd.user", setup_retained, {set_user, get_user}, finish_clones},
    {"mhd.form", setup_form, {read_form, read_form}, finish_clones},
    {"mhd.clones", setup_retained, {inject, inject}, finish_clones},
    {"mhd.bucket.begin", setup_bucket, {begin_first, begin_second}, finish_bucket},
    {"mhd.bucket.complete", setup_bucket_open, {complete_first, complete_second}, finish_bucket},
    {"mhd.bucket.both", setup_bucket_open, {complete_first, begin_second}, finish_bucket},
    {"mhd.destroy", setup_completed, {use_and_release, destroy_early}, finish},
    {"mhd.destroy.open", setup_retained, {use_and_release, destroy_early}, finish},
    {"mhd.release-too-often", setup_retained, {release, release}, .expect = "panic: arena_request_release"},
    {"mhd.respond", setup_suspended, {respond_in_vain}, finish},
    {"mhd.lost", setup, {lose_and_begin}, finish},
    {"mhd.no", setup, {say_no}, finish},
    {"mhd.refused", setup_open, {be_refused}, finish},
};
/* clang-format on */

int main(int argc, char **argv) { return model_main(argc, argv, scenarios, COUNT(scenarios)); }
