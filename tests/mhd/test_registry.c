/* SPDX-License-Identifier: MIT */
/* Calls that libmicrohttpd makes seldom or in other versions only, made by hand: completion without a request, with
 * something foreign in *req_cls, twice, or never.  And the options of arena_mhd_create_with.
 *
 * The connection is NULL: nothing can be asked of it and nothing queued on it, and the life of the request is the
 * same. */
#include "server.h"

#include "mhd/exchange.h"
#include "mhd/registry.h"

#include <sys/mman.h>

static struct arena_pool *pool;
static struct arena_mhd *mhd;
static int handled;

static struct arena_request *retained;

static enum MHD_Result count(struct arena_request *request, void *user) {
    struct arena *arena = NULL;
    if (user != NULL) return MHD_NO; /* what was given */
    if (arena_request_extract(request, ARENA_TYPE(int), &arena) != ARENA_OK) return MHD_NO;
    if (arena_try_alloc(arena, NULL) == NULL) return MHD_NO;
    handled++;
    return MHD_YES;
}

static enum MHD_Result retain(struct arena_request *request, void *user) {
    retained = arena_request_retain(request);
    return count(request, user);
}

static enum MHD_Result say_no(struct arena_request *request, void *user) {
    (void)count(request, user);
    return MHD_NO;
}

static enum MHD_Result panic(struct arena_request *request, void *user) {
    (void)count(request, user);
    arena_panic("no connection");
}

static enum MHD_Result say_neither(struct arena_request *request, void *user) {
    (void)count(request, user);
    return (enum MHD_Result)2;
}

static enum MHD_Result retain_and_say_no(struct arena_request *request, void *user) {
    retained = arena_request_retain(request);
    return say_no(request, user);
}

static struct arena_context *kept;

static enum MHD_Result keep_context(struct arena_request *request, void *user) {
    kept = arena_context_retain(arena_request_context(request));
    return count(request, user);
}

static enum MHD_Result clone_and_say_no(struct arena_request *request, void *user) {
    struct arena_request *clone = NULL;
    if (arena_request_inject(request, NULL, &clone) != ARENA_OK) return MHD_YES;
    return say_no(request, user);
}

static void begin(arena_mhd_handler *handler) {
    handled = 0;
    assert_int_equal(arena_pool_create(ARENA_TYPE(int), 10, &pool), ARENA_OK);
    assert_int_equal(arena_mhd_create(pool, handler, NULL, &mhd), ARENA_OK);
}

static void end(void) {
    arena_mhd_destroy(mhd);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

static enum MHD_Result call(void **req_cls) {
    size_t size = 0;
    return arena_mhd_access(mhd, NULL, "/simulated", "GET", "HTTP/1.1", NULL, &size, req_cls);
}

static void upload(void **req_cls, const char *text) {
    size_t size = strlen(text);
    assert_int_equal(arena_mhd_access(mhd, NULL, "/simulated", "PUT", "HTTP/1.1", text, &size, req_cls), MHD_YES);
    assert_int_equal(size, 0); /* all of it was taken */
}

static void complete(void **req_cls) { arena_mhd_completed(mhd, NULL, req_cls, MHD_REQUEST_TERMINATED_COMPLETED_OK); }

/* --- completion --------------------------------------------------------------------------------------------------- */

static pthread_t handled_on;

static enum MHD_Result look_at_the_thread(struct arena_request *request, void *user) {
    handled_on = pthread_self();
    return count(request, user);
}

/* On the thread that calls, which is one of the daemon's; or, with external polling, the caller's. */
TEST(a_handler_runs_on_the_thread_of_its_daemon) {
    begin(look_at_the_thread);
    void *req_cls = NULL;
    memset(&handled_on, 0, sizeof handled_on);
    for (int i = 0; i < 2; i++) assert_int_equal(call(&req_cls), MHD_YES);
    assert_true(pthread_equal(handled_on, pthread_self()));
    complete(&req_cls);
    end();
}

TEST(completion_without_a_request_does_nothing) {
    begin(count);
    void *none = NULL;
    complete(&none);
    arena_mhd_completed(mhd, NULL, NULL, MHD_REQUEST_TERMINATED_WITH_ERROR);
    arena_mhd_completed(NULL, NULL, &none, MHD_REQUEST_TERMINATED_WITH_ERROR);
    assert_int_equal(handled, 0);
    end();
}

TEST(completion_of_something_foreign_does_nothing) {
    begin(count);
    char record[] = "of a URI-log callback";
    void *foreign = record;
    complete(&foreign);
    assert_ptr_equal(foreign, record);
    assert_string_equal(record, "of a URI-log callback");
    foreign = (void *)(uintptr_t)1; /* not even memory */
    complete(&foreign);
    end();
}

TEST(a_first_call_with_something_foreign_begins_a_request) {
    begin(count);
    char record[] = "of a URI-log callback";
    void *req_cls = record;
    assert_int_equal(call(&req_cls), MHD_YES);
    assert_ptr_not_equal(req_cls, record);
    assert_int_equal(handled, 0);
    assert_int_equal(call(&req_cls), MHD_YES);
    assert_int_equal(handled, 1);
    complete(&req_cls);
    end();
}

TEST(completion_twice_counts_once) {
    begin(retain);
    void *req_cls = NULL;
    assert_int_equal(call(&req_cls), MHD_YES);
    assert_int_equal(call(&req_cls), MHD_YES);
    void *again = req_cls;
    complete(&req_cls);
    complete(&again); /* alive still, but complete */
    assert_int_equal(arena_pool_destroy(pool), ARENA_EBUSY);
    assert_string_equal(arena_request_url(retained), "/simulated");
    arena_request_release(retained);
    end();
}

TEST(completion_after_the_end_does_nothing) {
    begin(count);
    void *req_cls = NULL;
    assert_int_equal(call(&req_cls), MHD_YES);
    void *stale = req_cls;
    complete(&req_cls);
    complete(&stale); /* freed: known by its absence, not by looking */
    end();
}

TEST(a_request_of_another_binding_is_foreign) {
    begin(count);
    GIVEN(arena_mhd, second, arena_mhd_create(pool, count, NULL, &second));
    void *req_cls = NULL;
    assert_int_equal(call(&req_cls), MHD_YES);
    void *copy = req_cls;
    arena_mhd_completed(second, NULL, &copy, MHD_REQUEST_TERMINATED_COMPLETED_OK);
    assert_ptr_equal(copy, req_cls);
    arena_mhd_destroy(second);
    assert_int_equal(call(&req_cls), MHD_YES);
    complete(&req_cls);
    assert_int_equal(handled, 1);
    end();
}

/* --- for a program that a race detector watches, and the binding is not ------------------------------------------- */

static const void *told_of; /* libarena tells of its own objects, too, where it is linked statically */
static int told_releases;
static int told_acquires;

void __wrap___tsan_release(void *object);
void __wrap___tsan_release(void *object) {
    if (object == told_of) told_releases++;
}
void __wrap___tsan_acquire(void *object);
void __wrap___tsan_acquire(void *object) {
    if (object == told_of) told_acquires++;
}

TEST(every_release_is_told_and_the_last_sees_them) {
    begin(retain);
    void *req_cls = NULL;
    assert_int_equal(call(&req_cls), MHD_YES);
    assert_int_equal(call(&req_cls), MHD_YES);
    told_of = req_cls;
    told_releases = told_acquires = 0;
    complete(&req_cls);
    assert_int_equal(told_releases, 1);
    assert_int_equal(told_acquires, 0);
    arena_request_release(retained);
    assert_int_equal(told_releases, 2);
    assert_int_equal(told_acquires, 1);
    end();
}

/* --- ends of every kind ------------------------------------------------------------------------------------------- */

TEST(the_handler_runs_once_whatever_is_called) {
    begin(count);
    void *req_cls = NULL;
    for (int i = 0; i < 5; i++) (void)call(&req_cls);
    assert_int_equal(handled, 1);
    complete(&req_cls);
    end();
}

TEST(all_but_yes_of_the_handler_is_no) {
    arena_mhd_handler *const handlers[] = {say_no, say_neither, clone_and_say_no, retain_and_say_no};
    retained = NULL;
    for (int i = 0; i < 4; i++) {
        begin(handlers[i]);
        void *req_cls = NULL;
        assert_int_equal(call(&req_cls), MHD_YES);
        assert_int_equal(call(&req_cls), MHD_NO);
        arena_mhd_completed(mhd, NULL, &req_cls, MHD_REQUEST_TERMINATED_WITH_ERROR);
        arena_request_release(retained);
        end();
    }
}

TEST(a_panic_with_nothing_to_answer_on_says_no) {
    panics_record();
    begin(panic);
    void *req_cls = NULL;
    assert_int_equal(call(&req_cls), MHD_YES);
    assert_int_equal(call(&req_cls), MHD_NO);
    assert_int_equal(panic_count(), 1);
    assert_int_equal(arena_pool_destroy(pool), ARENA_EBUSY);
    arena_mhd_completed(mhd, NULL, &req_cls, MHD_REQUEST_TERMINATED_WITH_ERROR);
    end();
    arena_set_panic_handler(NULL, NULL);
}

TEST(completion_with_any_code_gives_the_arena_back) {
    static const enum MHD_RequestTerminationCode codes[] = {
        MHD_REQUEST_TERMINATED_COMPLETED_OK,    MHD_REQUEST_TERMINATED_WITH_ERROR,
        MHD_REQUEST_TERMINATED_TIMEOUT_REACHED, MHD_REQUEST_TERMINATED_DAEMON_SHUTDOWN,
        MHD_REQUEST_TERMINATED_READ_ERROR,      MHD_REQUEST_TERMINATED_CLIENT_ABORT,
    };
    handled = 0;
    struct arena_pool_options one = {.struct_size = sizeof one, .max_arenas = 1}; /* arena, for one request at a time */
    assert_int_equal(arena_pool_create_with(ARENA_TYPE(int), 10, &one, &pool), ARENA_OK);
    assert_int_equal(arena_mhd_create(pool, keep_context, NULL, &mhd), ARENA_OK);
    for (size_t calls = 1; calls <= 2; calls++) {
        for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
            void *req_cls = NULL;
            for (size_t made = 0; made < calls; made++) {
                assert_int_equal(call(&req_cls), MHD_YES);
                if (i % 2 == 0 && made == 0) upload(&req_cls, "body");
            }
            assert_int_equal(handled, calls == 2 ? (int)i + 1 : 0);
            arena_mhd_completed(mhd, NULL, &req_cls, codes[i]);
            assert_null(req_cls);
            if (calls == 1) continue;
            assert_int_equal(arena_context_status(kept), ARENA_ECANCELED);
            arena_context_release(kept);
        }
    }
    end();
    begin(retain); /* for those who hold it, too */
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        void *req_cls = NULL;
        for (int made = 0; made < 2; made++) assert_int_equal(call(&req_cls), MHD_YES);
        arena_mhd_completed(mhd, NULL, &req_cls, codes[i]);
        assert_int_equal(arena_context_status(arena_request_context(retained)), ARENA_ECANCELED);
        GIVEN(arena, arena, arena_request_extract(retained, ARENA_TYPE(int), &arena));
        assert_int_equal(arena_used(arena), 1);
        arena_request_release(retained);
    }
    end();
}

/* Also where both fall into one bucket. */
TEST(completion_of_another_connection_does_nothing) {
    static struct registry any; /* the numbers of buckets are the same in each */
    uintptr_t address = 4096;
    while (registry_bucket(&any, (struct MHD_Connection *)address) != registry_bucket(&any, NULL)) address += 64;
    begin(count);
    void *req_cls = NULL;
    assert_int_equal(call(&req_cls), MHD_YES);
    void *copy = req_cls;
    arena_mhd_completed(mhd, (struct MHD_Connection *)address, &copy, MHD_REQUEST_TERMINATED_COMPLETED_OK);
    assert_ptr_equal(copy, req_cls);
    assert_int_equal(call(&req_cls), MHD_YES); /* it is still there */
    assert_int_equal(handled, 1);
    complete(&req_cls);
    end();
}

static enum MHD_Result clone_twice(struct arena_request *request, void *user) {
    struct arena *chars;
    struct arena *found = NULL;
    struct arena_request *once = NULL;
    struct arena_request *twice = NULL;
    if (arena_create(ARENA_TYPE(char), 1, &chars) != ARENA_OK) return MHD_NO;
    if (arena_request_inject(request, chars, &once) != ARENA_OK) return MHD_NO;
    if (arena_request_inject(request, NULL, &twice) != ARENA_OK) return MHD_NO;
    if (arena_request_extract(once, ARENA_TYPE(char), &found) == ARENA_OK && found == chars) handled++;
    if (arena_request_inject(once, NULL, &twice) != ARENA_OK) return MHD_NO;
    if (arena_request_extract(twice, ARENA_TYPE(int), &found) == ARENA_ENOARENA) handled++;
    struct arena *ints;
    if (arena_create(ARENA_TYPE(int), 1, &ints) != ARENA_OK) return MHD_NO;
    if (arena_request_extract(twice, ARENA_TYPE(char), &found) == ARENA_ENOARENA) handled++;
    if (arena_request_inject(request, ints, &once) != ARENA_OK) return MHD_NO;
    if (arena_request_inject(once, chars, &twice) != ARENA_OK) return MHD_NO;
    if (arena_request_extract(twice, ARENA_TYPE(int), &found) == ARENA_OK && found == ints) handled++;
    if (arena_request_inject(request, ints, &once) != ARENA_OK) return MHD_NO;
    if (arena_request_extract(once, ARENA_TYPE(char), &found) == ARENA_ENOARENA) handled++; /* which another one has */
    arena_destroy(chars);
    arena_destroy(ints);
    return MHD_YES;
}

static enum MHD_Result hold_a_clone(struct arena_request *request, void *user) {
    struct arena_request *clone = NULL;
    if (arena_request_inject(request, NULL, &clone) != ARENA_OK) return MHD_NO;
    for (int i = 0; i < 2; i++) {
        struct arena_request *held = arena_request_retain(clone);
        handled += held == clone;
        arena_request_release(held);
        handled += arena_context_status(arena_request_context(clone)) == ARENA_OK;
    }
    kept = arena_context_retain(arena_request_context(clone));
    return MHD_YES;
}

/* To hold a clone is to hold its request: the last release ends neither before its time. */
TEST(clones_end_with_their_request) {
    begin(hold_a_clone);
    void *req_cls = NULL;
    assert_int_equal(call(&req_cls), MHD_YES);
    assert_int_equal(call(&req_cls), MHD_YES);
    assert_int_equal(handled, 4);
    assert_int_equal(arena_context_status(kept), ARENA_OK);
    complete(&req_cls);
    assert_int_equal(arena_context_status(kept), ARENA_ECANCELED);
    arena_context_release(kept);
    end();
}

TEST(clones_of_clones_carry_what_those_do) {
    begin(clone_twice);
    void *req_cls = NULL;
    assert_int_equal(call(&req_cls), MHD_YES);
    assert_int_equal(call(&req_cls), MHD_YES);
    assert_int_equal(handled, 5);
    complete(&req_cls);
    end();
}

enum { MANY = 70000 };

static enum MHD_Result clone_often(struct arena_request *request, void *user) {
    struct arena *chars = NULL;
    struct arena *found = NULL;
    struct arena_request *first = NULL;
    struct arena_request *last = NULL;
    if (arena_create(ARENA_TYPE(char), 1, &chars) != ARENA_OK) return MHD_NO;
    int status = arena_request_inject(request, chars, &first);
    for (int i = 0; i < 1000 && status == ARENA_OK; i++) status = arena_request_inject(request, NULL, &last);
    if (status == ARENA_OK && arena_request_extract(first, ARENA_TYPE(char), &found) == ARENA_OK) handled++;
    if (status == ARENA_OK && arena_request_extract(last, ARENA_TYPE(int), &found) == ARENA_ENOARENA) handled++;
    arena_destroy(chars);
    return MHD_YES;
}

static enum MHD_Result retain_often(struct arena_request *request, void *user) {
    for (int i = 0; i < MANY; i++) retained = arena_request_retain(request);
    return MHD_YES;
}

/* As often as anybody likes. */
TEST(a_request_is_cloned_and_retained_without_limit) {
    begin(clone_often);
    void *req_cls = NULL;
    for (int i = 0; i < 2; i++) assert_int_equal(call(&req_cls), MHD_YES);
    assert_int_equal(handled, 2);
    complete(&req_cls);
    end();
    begin(retain_often);
    for (int i = 0; i < 2; i++) assert_int_equal(call(&req_cls), MHD_YES);
    complete(&req_cls);
    for (int i = 0; i < MANY; i++) {
        assert_string_equal(arena_request_url(retained), "/simulated");
        arena_request_release(retained);
    }
    end();
}

/* With all that was made of them. */
TEST(cloned_requests_that_never_complete_are_found_at_the_end) {
    begin(clone_twice);
    for (int i = 0; i < 3; i++) {
        void *req_cls = NULL;
        for (int made = 0; made < 2; made++) assert_int_equal(call(&req_cls), MHD_YES);
    }
    assert_int_equal(arena_pool_destroy(pool), ARENA_EBUSY);
    end();
}

/* And are over then. */
TEST(requests_that_never_complete_end_with_the_binding) {
    begin(keep_context);
    void *req_cls = NULL;
    assert_int_equal(call(&req_cls), MHD_YES);
    assert_int_equal(call(&req_cls), MHD_YES);
    assert_int_equal(arena_context_status(kept), ARENA_OK);
    end();
    assert_int_equal(arena_context_status(kept), ARENA_ECANCELED);
    arena_context_release(kept);
}

TEST(many_open_requests_are_told_apart) {
    begin(count);
    void *open[300] = {NULL};
    for (int i = 0; i < 300; i++) assert_int_equal(call(&open[i]), MHD_YES);
    for (int i = 0; i < 300; i += 2) assert_int_equal(call(&open[i]), MHD_YES);
    assert_int_equal(handled, 150);
    /* From the middle of every list, then from the ends. */
    for (int part = 0; part < 3; part++) {
        for (int i = 0; i < 300; i++) {
            if (i % 3 != (part + 1) % 3) continue;
            void *copy = open[i];
            complete(&open[i]);
            assert_null(open[i]);
            complete(&copy);
        }
    }
    end();
}

/* Whatever was in its memory. */
TEST(a_registry_begins_empty) {
    static struct registry registry;
    memset(&registry, 0xff, sizeof registry);
    assert_true(registry_init(&registry));
    assert_int_equal(atomic_u64_load(&registry.live, relaxed), 0);
    assert_null(registry_next(&registry, NULL));
    registry_destroy(&registry);
}

/* Or all requests would wait for one lock. */
TEST(connections_spread_over_the_buckets) {
    static struct registry registry;
    for (uintptr_t stride = 16; stride <= 65536; stride *= 2) {
        bool used[REGISTRY_BUCKETS] = {false};
        size_t buckets = 0;
        for (uintptr_t i = 1; i <= 4 * REGISTRY_BUCKETS; i++) {
            const struct MHD_Connection *connection = (const struct MHD_Connection *)(i * stride);
            bool *at = &used[registry_bucket(&registry, connection) - registry.buckets];
            buckets += !*at;
            *at = true;
        }
        assert_true(buckets >= REGISTRY_BUCKETS / 2);
    }
}

TEST(every_open_exchange_is_gone_through_once) {
    static struct registry registry;
    static struct exchange *exchanges[2 * REGISTRY_BUCKETS];
    assert_true(registry_init(&registry));
    for (size_t i = 0; i < 2 * REGISTRY_BUCKETS; i++) {
        exchanges[i] = calloc(1, sizeof *exchanges[i]);
        assert_non_null(exchanges[i]);
        exchanges[i]->bucket = &registry.buckets[i / 2];
        registry_add(exchanges[i]);
    }
    size_t seen = 0;
    for (struct exchange *exchange = NULL; (exchange = registry_next(&registry, exchange)) != NULL; seen++) {
        assert_null(exchange->fields);
        exchange->fields = (struct fields *)&seen; /* as a mark */
    }
    assert_int_equal(seen, 2 * REGISTRY_BUCKETS);
    for (size_t i = 0; i < 2 * REGISTRY_BUCKETS; i++) {
        registry_remove(exchanges[i]);
        free(exchanges[i]);
    }
    assert_null(registry_next(&registry, NULL));
    registry_destroy(&registry);
}

TEST(what_was_taken_out_can_be_put_in_again) {
    static struct registry registry;
    assert_true(registry_init(&registry));
    static struct exchange first;
    static struct exchange second;
    first.bucket = second.bucket = registry_bucket(&registry, NULL);
    for (int i = 0; i < 2; i++) {
        registry_add(&first);
        registry_add(&second);
        assert_ptr_equal(registry_next(&registry, &second), &first);
        registry_remove(&first);
        assert_ptr_equal(registry_find(&registry, NULL, &second), &second);
        assert_null(registry_find(&registry, NULL, &first));
        registry_remove(&second);
        assert_null(registry_next(&registry, NULL));
        registry_add(&first); /* alone */
        registry_remove(&first);
        assert_null(registry_next(&registry, NULL));
    }
    registry_destroy(&registry);
}

static void destroy(void *user) { arena_mhd_destroy(mhd); }

/* It is found among others, before it and behind it. */
TEST(destroying_while_one_of_several_is_retained_panics) {
    panics_record();
    begin(retain);
    void *open[3] = {NULL};
    for (int i = 0; i < 3; i++) assert_int_equal(call(&open[i]), MHD_YES);
    assert_int_equal(call(&open[1]), MHD_YES); /* the others have not come as far as the handler */
    assert_panics(destroy, NULL, "arena_mhd_destroy");
    arena_request_release(retained);
    for (int i = 0; i < 3; i++) {
        if (i != 1) { /* it goes on */
            assert_int_equal(call(&open[i]), MHD_YES);
            arena_request_release(retained);
        }
        complete(&open[i]);
        assert_null(open[i]); /* it was there still */
    }
    assert_int_equal(handled, 3);
    void *next = NULL; /* and so does the binding */
    for (int i = 0; i < 2; i++) assert_int_equal(call(&next), MHD_YES);
    assert_int_equal(handled, 4);
    complete(&next);
    arena_request_release(retained);
    end();
    arena_set_panic_handler(NULL, NULL);
}

/* --- arguments ---------------------------------------------------------------------------------------------------- */

TEST(access_without_its_arguments_says_no) {
    begin(count);
    size_t size = 0;
    void *req_cls = NULL;
    assert_int_equal(arena_mhd_access(NULL, NULL, "/", "GET", "HTTP/1.1", NULL, &size, &req_cls), MHD_NO);
    assert_int_equal(arena_mhd_access(mhd, NULL, "/", "GET", "HTTP/1.1", NULL, NULL, &req_cls), MHD_NO);
    assert_int_equal(arena_mhd_access(mhd, NULL, "/", "GET", "HTTP/1.1", NULL, &size, NULL), MHD_NO);
    end();
}

TEST(create_refuses_what_it_does_not_understand) {
    assert_int_equal(arena_pool_create(ARENA_TYPE(int), 10, &pool), ARENA_OK);
    mhd = (struct arena_mhd *)&pool;
    assert_int_equal(arena_mhd_create(NULL, count, NULL, &mhd), ARENA_EINVAL);
    assert_null(mhd);
    mhd = (struct arena_mhd *)&pool;
    assert_int_equal(arena_mhd_create(pool, NULL, NULL, &mhd), ARENA_EINVAL);
    assert_null(mhd);
    assert_int_equal(arena_mhd_create(pool, count, NULL, NULL), ARENA_EINVAL);

    struct {
        struct arena_mhd_options known;
        size_t later[512]; /* fields of a version to come */
    } options = {{.struct_size = 0}, {0}};
    for (; options.known.struct_size < sizeof(size_t); options.known.struct_size++) { /* not even the size */
        mhd = (struct arena_mhd *)&pool;
        assert_int_equal(arena_mhd_create_with(pool, count, NULL, &options.known, &mhd), ARENA_EINVAL);
        assert_null(mhd);
        assert_int_equal(arena_mhd_create_with(pool, count, NULL, &options.known, NULL), ARENA_EINVAL);
    }
    options.known.struct_size = sizeof options;
    unsigned char *later = (unsigned char *)options.later;
    for (size_t i = 0; i < sizeof options.later; i++) {
        later[i] = 1;
        mhd = (struct arena_mhd *)&pool;
        assert_int_equal(arena_mhd_create_with(pool, count, NULL, &options.known, &mhd), ARENA_EINVAL);
        assert_null(mhd);
        later[i] = 0;
    }
    assert_int_equal(arena_mhd_create_with(pool, count, NULL, &options.known, &mhd), ARENA_OK);
    arena_mhd_destroy(mhd);
    for (size_t more = 1; more < sizeof(size_t); more++) { /* whatever the last field's size */
        options.known.struct_size = sizeof options.known + more;
        assert_int_equal(arena_mhd_create_with(pool, count, NULL, &options.known, &mhd), ARENA_OK);
        arena_mhd_destroy(mhd);
    }
    /* Nor what no version's struct can be. */
    static const size_t sizes[] = {65537, 1 << 20, SIZE_MAX / 2, SIZE_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        options.known.struct_size = sizes[i];
        assert_int_equal(arena_mhd_create_with(pool, count, NULL, &options.known, &mhd), ARENA_EINVAL);
    }
    const struct arena_mhd_options unknown[] = {
        {.struct_size = sizeof *unknown, .flags = 2},
        {.struct_size = sizeof *unknown, .flags = UINT32_C(1) << 31},
        {.struct_size = sizeof *unknown, .read_timeout_ns = -1},
        {.struct_size = sizeof *unknown, .write_timeout_ns = -1},
        {.struct_size = sizeof *unknown, .context_timeout_ns = INT64_MIN},
    };
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        assert_int_equal(arena_mhd_create_with(pool, count, NULL, &unknown[i], &mhd), ARENA_EINVAL);
    }
    /* Of an earlier version's struct, no more is read than there is. */
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(pages != MAP_FAILED);
    assert_int_equal(mprotect(pages + page, page, PROT_NONE), 0);
    struct arena_mhd_options *earlier = (struct arena_mhd_options *)(void *)(pages + page - sizeof(size_t));
    earlier->struct_size = sizeof earlier->struct_size;
    assert_int_equal(arena_mhd_create_with(pool, count, NULL, earlier, &mhd), ARENA_OK);
    arena_mhd_destroy(mhd);
    assert_int_equal(munmap(pages, 2 * page), 0);
    assert_int_equal(arena_mhd_create_with(pool, count, NULL, NULL, &mhd), ARENA_OK);
    arena_mhd_destroy(mhd);
    arena_mhd_destroy(NULL);
    assert_int_equal(arena_pool_destroy(pool), ARENA_OK);
}

/* What a call leaves behind where the next one has its variables. */
static void leave_ones(void) {
    volatile unsigned char used[4096];
    for (size_t i = 0; i < sizeof used; i++) used[i] = 0xff;
}

static void upload_whole(size_t size) {
    char *body = calloc(1, size + 1);
    assert_non_null(body);
    void *req_cls = NULL;
    assert_int_equal(call(&req_cls), MHD_YES);
    memset(body, 'b', size);
    upload(&req_cls, body);
    (void)call(&req_cls);
    complete(&req_cls);
    free(body);
}

/* A caller of a version to come, who asks for nothing that this one does not know. */
TEST(a_longer_struct_of_options_is_read_as_far_as_it_is_known) {
    const struct {
        struct arena_mhd_options known;
        size_t later[2];
    } options = {{.struct_size = sizeof options, .body_limit_bytes = 3}, {0, 0}};
    begin(count);
    arena_mhd_destroy(mhd);
    assert_int_equal(arena_mhd_create_with(pool, count, NULL, &options.known, &mhd), ARENA_OK);
    upload_whole(4);
    assert_int_equal(handled, 0);
    upload_whole(3);
    assert_int_equal(handled, 1);
    end();
}

TEST(the_limit_is_one_mebibyte_where_no_option_says_so) {
    const size_t limit = 1024 * 1024;
    const struct arena_mhd_options earlier = {.struct_size = sizeof earlier.struct_size,
                                              .body_limit_bytes = 10}; /* the limit is not part of it */
    const struct arena_mhd_options zero = {.struct_size = sizeof zero};
    const struct arena_mhd_options *const options[] = {NULL, &earlier, &zero};
    const size_t kinds = sizeof options / sizeof *options;
    for (size_t i = 0; i <= kinds; i++) { /* the last: as arena_mhd_create makes it */
        begin(count);
        if (i < kinds) {
            arena_mhd_destroy(mhd);
            leave_ones();
            assert_int_equal(arena_mhd_create_with(pool, count, NULL, options[i], &mhd), ARENA_OK);
        }
        upload_whole(limit + 1);
        assert_int_equal(handled, 0);
        upload_whole(limit);
        assert_int_equal(handled, 1);
        end();
    }
}

int main(void) { return support_run("mhd registry"); }
