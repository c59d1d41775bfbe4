/* SPDX-License-Identifier: MIT */
/* struct arena_mhd: made, drained, destroyed. */
#include "mhd/binding.h"
#include "mhd/callback.h"
#include "mhd/exchange.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NS_PER_S INT64_C(1000000000)

enum {
    DEFAULT_BODY_LIMIT_BYTES = 1024 * 1024,
    DEFAULT_TOTAL_BODY_BYTES = 64 * 1024 * 1024,
    DEFAULT_READ_TIMEOUT_S = 30,
    DEFAULT_WRITE_TIMEOUT_S = 60,
    MOST_OPTION_BYTES = 65536, /* a longer struct was never meant */
    DRAIN_LOOK_NS = 5 * 1000 * 1000
};

/* --- options ------------------------------------------------------------------------------------------------------ */

/* A caller built against another version passes a shorter or a longer struct.  false: it is no struct of options, or
 * asks for what this version does not know. */
static bool read_options(const struct arena_mhd_options *options, struct arena_mhd_options *known) {
    memset(known, 0, sizeof *known);
    if (options == NULL) return true;
    size_t size = options->struct_size;
    if (size < sizeof size || size > MOST_OPTION_BYTES) return false;
    const unsigned char *bytes = (const unsigned char *)options;
    for (size_t i = sizeof *known; i < size; i++) {
        if (bytes[i] != 0) return false;
    }
    memcpy(known, options, size < sizeof *known ? size : sizeof *known);
    return (known->flags & ~(uint32_t)ARENA_MHD_LENIENT) == 0 && known->read_timeout_ns >= 0 &&
           known->write_timeout_ns >= 0 && known->context_timeout_ns >= 0;
}

static void fill_in_defaults(struct arena_mhd_options *options) {
    if (options->body_limit_bytes == 0) options->body_limit_bytes = DEFAULT_BODY_LIMIT_BYTES;
    if (options->total_body_bytes == 0) options->total_body_bytes = DEFAULT_TOTAL_BODY_BYTES;
    if (options->read_timeout_ns == 0) options->read_timeout_ns = DEFAULT_READ_TIMEOUT_S * NS_PER_S;
    if (options->write_timeout_ns == 0) options->write_timeout_ns = DEFAULT_WRITE_TIMEOUT_S * NS_PER_S;
    if (options->context_timeout_ns == 0) options->context_timeout_ns = INT64_MAX;
}

size_t arena_mhd_options_size(void) { return sizeof(struct arena_mhd_options); }

/* --- life --------------------------------------------------------------------------------------------------------- */

static int create(struct arena_pool *pool, arena_mhd_handler *handler, void *user,
                  const struct arena_mhd_options *options, struct arena_mhd **out) {
    if (out == NULL) return ARENA_EINVAL;
    *out = NULL;
    struct arena_mhd_options known;
    if (pool == NULL || handler == NULL || !read_options(options, &known)) return ARENA_EINVAL;
    fill_in_defaults(&known);
    struct arena_mhd *mhd = calloc(1, sizeof *mhd);
    if (mhd == NULL) return ARENA_ENOMEM;
    mhd->pool = pool;
    mhd->has_bytes = arena_type_equal(arena_pool_type_of(pool), arena_type_bytes());
    mhd->handler = handler;
    mhd->user = user;
    mhd->options = known;
    mhd->budget.most = known.total_body_bytes;
    atomic_u64_init(&mhd->budget.used, 0);
    atomic_u32_init(&mhd->draining, 0);
    atomic_u64_init(&mhd->swept_ns, 0);
    if (!registry_init(&mhd->registry)) {
        free(mhd);
        return ARENA_ENOMEM;
    }
    if (!watch_init(&mhd->watch)) {
        registry_destroy(&mhd->registry);
        free(mhd);
        return ARENA_ENOMEM;
    }
    if (!refusals_make(&mhd->refusals)) {
        watch_destroy(&mhd->watch);
        registry_destroy(&mhd->registry);
        free(mhd);
        return ARENA_ENOMEM;
    }
    *out = mhd;
    return ARENA_OK;
}

int arena_mhd_create_with(struct arena_pool *pool, arena_mhd_handler *handler, void *user,
                          const struct arena_mhd_options *options, struct arena_mhd **out) {
    return create(pool, handler, user, options, out);
}

int arena_mhd_create(struct arena_pool *pool, arena_mhd_handler *handler, void *user, struct arena_mhd **out) {
    return create(pool, handler, user, NULL, out);
}

/* The daemons have stopped: an exchange that is not open is one somebody retained and did not release (or a daemon that
 * still sends), and so is an open one with more than the request's own reference. */
static bool in_use(struct registry *registry) {
    uint64_t open = 0;
    for (struct exchange *exchange = NULL; (exchange = registry_next(registry, exchange)) != NULL;) {
        /* relaxed: to give up the last one, in exchange_complete, puts what the others did before the end. */
        if (atomic_u64_load(&exchange->references, relaxed) != 1) return true;
        open++;
    }
    return atomic_u64_load(&registry->live, acquire) != open; /* acquire: see exchange_end */
}

static int destroy(struct arena_mhd *mhd) {
    if (mhd == NULL) return ARENA_OK;
    if (in_use(&mhd->registry)) return ARENA_EBUSY;
    struct exchange *exchange;
    while ((exchange = registry_next(&mhd->registry, NULL)) != NULL) {
        exchange_complete(exchange, NULL, MHD_REQUEST_TERMINATED_DAEMON_SHUTDOWN);
    }
    refusals_free(&mhd->refusals);
    watch_destroy(&mhd->watch);
    registry_destroy(&mhd->registry);
    free(mhd);
    return ARENA_OK;
}

int arena_mhd_destroy_checked(struct arena_mhd *mhd) { return destroy(mhd); }

void arena_mhd_destroy(struct arena_mhd *mhd) {
    if (destroy(mhd) != ARENA_OK) {
        arena_panic_with(ARENA_EBUSY, "arena_mhd_destroy: a request is still retained, or a daemon still runs");
    }
}

/* --- draining ----------------------------------------------------------------------------------------------------- */

/* A request that begins looks at `draining` once it stands in the registry, under a lock that registry_busy takes: so
 * either it is seen here, or it sees that it comes too late.
 *
 * The wait looks again and again: a context of libarena wakes nobody but libarena's own, and requests that end should
 * not pay for a wait that happens once in a server's life. */
int arena_mhd_drain(struct arena_mhd *mhd, struct arena_context *context) {
    if (mhd == NULL) return ARENA_EINVAL;
    if (callback_inside(mhd)) return ARENA_EBUSY;
    atomic_u32_store(&mhd->draining, 1, relaxed); /* ordered, where that matters, by the lock of registry_busy */
    const struct timespec pause = {0, DRAIN_LOOK_NS};
    while (registry_busy(&mhd->registry)) {
        int status = arena_context_status(context);
        if (status != ARENA_OK) return status;
        (void)nanosleep(&pause, NULL);
    }
    return ARENA_OK;
}
