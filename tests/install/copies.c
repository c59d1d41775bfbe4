/* SPDX-License-Identifier: MIT */
/* Two copies of the library in one process: a static one in a plugin beside the shared one that this program is linked
 * with.  What one has made and is handed to the other is diagnosed in every call: a status, or a panic.
 *
 *     copies PLUGIN
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arena/arena.h>

/* The other copy's functions: what a plugin would call. */
/* clang-format off: it never comes to an end here */
#define FUNCTIONS(X)                                                                                                   \
    X(arena_pool_create)                                                                                               \
    X(arena_pool_destroy)                                                                                              \
    X(arena_pool_execute)                                                                                              \
    X(arena_pool_execute_context)                                                                                      \
    X(arena_pool_checkout)                                                                                             \
    X(arena_pool_checkout_context)                                                                                     \
    X(arena_pool_return)                                                                                               \
    X(arena_pool_return_checked)                                                                                       \
    X(arena_pool_trim)                                                                                                 \
    X(arena_pool_get_stats)                                                                                            \
    X(arena_pool_arena_cap)                                                                                            \
    X(arena_pool_type_of)                                                                                              \
    X(arena_pool_scope_enter)                                                                                          \
    X(arena_pool_scope_enter_context)                                                                                  \
    X(arena_pool_scope_arena)                                                                                          \
    X(arena_pool_scope_leave)                                                                                          \
    X(arena_pool_scope_leave_checked)                                                                                  \
    X(arena_concurrent_create)                                                                                         \
    X(arena_concurrent_destroy)                                                                                        \
    X(arena_concurrent_destroy_checked)                                                                                \
    X(arena_concurrent_alloc)                                                                                          \
    X(arena_concurrent_try_alloc)                                                                                      \
    X(arena_concurrent_alloc_slab)                                                                                     \
    X(arena_concurrent_try_alloc_slab)                                                                                 \
    X(arena_concurrent_alloc_slab_with)                                                                                \
    X(arena_concurrent_try_alloc_slab_with)                                                                            \
    X(arena_concurrent_alloc_context)                                                                                  \
    X(arena_concurrent_alloc_slab_context)                                                                             \
    X(arena_concurrent_alloc_slab_with_context)                                                                        \
    X(arena_concurrent_alloc_any)                                                                                      \
    X(arena_concurrent_try_alloc_any)                                                                                  \
    X(arena_concurrent_alloc_any_context)                                                                              \
    X(arena_concurrent_reset)                                                                                          \
    X(arena_concurrent_reset_context)                                                                                  \
    X(arena_concurrent_trim)                                                                                           \
    X(arena_concurrent_trim_checked)                                                                                   \
    X(arena_concurrent_cap)                                                                                            \
    X(arena_concurrent_used)                                                                                           \
    X(arena_concurrent_remaining)                                                                                      \
    X(arena_concurrent_type_of)                                                                                        \
    X(arena_concurrent_acquire)                                                                                        \
    X(arena_concurrent_try_acquire)                                                                                    \
    X(arena_concurrent_release)                                                                                        \
    X(arena_concurrent_release_checked)                                                                                \
    X(arena_concurrent_acquire_permit)                                                                                 \
    X(arena_concurrent_try_acquire_permit)                                                                             \
    X(arena_concurrent_release_permit)                                                                                 \
    X(arena_context_with_cancel)                                                                                       \
    X(arena_context_with_timeout)                                                                                      \
    X(arena_context_with_deadline)                                                                                     \
    X(arena_context_cancel)                                                                                            \
    X(arena_context_status)                                                                                            \
    X(arena_context_retain)                                                                                            \
    X(arena_context_release)                                                                                           \
    X(arena_inject)                                                                                                    \
    X(arena_extract)                                                                                                   \
    X(arena_protect_with)
/* clang-format on */
#define MEMBER(name) __typeof__(name) *name;
static struct { FUNCTIONS(MEMBER) } other;

static const struct arena_type type = {.name = "int", .size = sizeof(int), .align = _Alignof(int)};
static const struct arena_type word = {.name = "word", .size = 8, .align = 8};
static struct arena_pool *pool;
static struct arena_concurrent *concurrent, *gated;
static struct arena_context *context;
static struct arena_pool_scope scope;
static struct arena *lent;

static int wrong;

static void load(void *plugin) {
#define LOAD(name)                                                                                                     \
    do {                                                                                                               \
        void *symbol = dlsym(plugin, #name);                                                                           \
        if (symbol == NULL || symbol == dlsym(RTLD_DEFAULT, #name)) {                                                  \
            printf("%s is not the plugin's own\n", #name);                                                             \
            exit(1);                                                                                                   \
        }                                                                                                              \
        memcpy(&other.name, &symbol, sizeof symbol);                                                                   \
    } while (0);
    FUNCTIONS(LOAD)
}

#define REFUSED(call)                                                                                                  \
    do {                                                                                                               \
        int status = (call);                                                                                           \
        if (status == ARENA_EINVAL) break;                                                                             \
        printf("%s: %d\n", #call, status);                                                                             \
        wrong++;                                                                                                       \
    } while (0)

static int returned;
static const int values[2] = {1, 2};

/* The calls that have no status, by number. */
static void call_that_panics(int number) {
    switch (number) {
    case 0:
        other.arena_pool_return(pool, lent);
        break;
    case 1:
        other.arena_pool_trim(pool);
        break;
    case 2:
        (void)other.arena_pool_arena_cap(pool);
        break;
    case 3:
        (void)other.arena_pool_type_of(pool);
        break;
    case 4:
        (void)other.arena_pool_scope_arena(pool, &scope);
        break;
    case 5:
        other.arena_pool_scope_leave(&scope);
        break;
    case 6:
        other.arena_concurrent_destroy(concurrent);
        break;
    case 7:
        (void)other.arena_concurrent_alloc(concurrent, values);
        break;
    case 8:
        (void)other.arena_concurrent_try_alloc(concurrent, values);
        break;
    case 9:
        (void)other.arena_concurrent_alloc_slab(concurrent, 2);
        break;
    case 10:
        (void)other.arena_concurrent_try_alloc_slab(concurrent, 2);
        break;
    case 11:
        (void)other.arena_concurrent_alloc_slab_with(concurrent, values, 2);
        break;
    case 12:
        (void)other.arena_concurrent_try_alloc_slab_with(concurrent, values, 2);
        break;
    case 13:
        (void)other.arena_concurrent_alloc_any(concurrent, &type, values);
        break;
    case 14:
        (void)other.arena_concurrent_try_alloc_any(concurrent, &type, values);
        break;
    case 15:
        other.arena_concurrent_reset(concurrent);
        break;
    case 16:
        other.arena_concurrent_trim(concurrent);
        break;
    case 17:
        (void)other.arena_concurrent_cap(concurrent);
        break;
    case 18:
        (void)other.arena_concurrent_used(concurrent);
        break;
    case 19:
        (void)other.arena_concurrent_remaining(concurrent);
        break;
    case 20:
        (void)other.arena_concurrent_type_of(concurrent);
        break;
    case 21:
        other.arena_concurrent_release(concurrent);
        break;
    case 22:
        other.arena_context_cancel(context);
        break;
    case 23:
        (void)other.arena_concurrent_alloc(gated, values);
        break;
    case 24:
        (void)other.arena_context_retain(context);
        break;
    default:
        other.arena_context_release(context);
        break;
    }
}
enum { CALLS = 26 };

static void panicking(void *user) {
    call_that_panics(*(int *)user);
    returned = 1;
}

static void do_nothing(struct arena *arena, void *user) {
    (void)arena;
    (void)user;
}

static void look_at_statuses(void) {
    struct arena *arena;
    struct arena_pool_scope entered;
    struct arena_pool_stats stats = {.struct_size = sizeof stats};
    struct arena_permit permit;
    struct arena_context *child;
    struct arena_any *any;
    void *slot;
    REFUSED(other.arena_pool_execute(pool, do_nothing, NULL));
    REFUSED(other.arena_pool_execute_context(pool, NULL, do_nothing, NULL));
    REFUSED(other.arena_pool_checkout(pool, &arena));
    REFUSED(other.arena_pool_checkout_context(pool, NULL, &arena));
    REFUSED(other.arena_pool_return_checked(pool, lent));
    REFUSED(other.arena_pool_get_stats(pool, &stats));
    REFUSED(other.arena_pool_scope_enter(pool, &entered));
    REFUSED(other.arena_pool_scope_enter_context(pool, NULL, &entered));
    REFUSED(other.arena_pool_scope_leave_checked(&scope));
    REFUSED(other.arena_pool_destroy(pool));
    REFUSED(other.arena_concurrent_alloc_context(concurrent, NULL, values, &slot));
    REFUSED(other.arena_concurrent_alloc_slab_context(concurrent, NULL, 2, &slot));
    REFUSED(other.arena_concurrent_alloc_slab_with_context(concurrent, NULL, values, 2, &slot));
    REFUSED(other.arena_concurrent_alloc_any_context(concurrent, NULL, &type, values, &any));
    REFUSED(other.arena_concurrent_reset_context(concurrent, NULL));
    REFUSED(other.arena_concurrent_trim_checked(concurrent));
    REFUSED(other.arena_concurrent_acquire(concurrent, NULL, &arena));
    REFUSED(other.arena_concurrent_try_acquire(concurrent, &arena));
    REFUSED(other.arena_concurrent_release_checked(concurrent));
    REFUSED(other.arena_concurrent_acquire_permit(concurrent, NULL, &permit));
    REFUSED(other.arena_concurrent_try_acquire_permit(concurrent, &permit));
    permit = (struct arena_permit){lent, 1};
    REFUSED(other.arena_concurrent_release_permit(concurrent, &permit));
    REFUSED(other.arena_concurrent_destroy_checked(concurrent));
    REFUSED(other.arena_context_with_cancel(context, &child));
    REFUSED(other.arena_context_with_timeout(context, 1, &child));
    REFUSED(other.arena_context_with_deadline(context, 1, &child));
    REFUSED(other.arena_context_status(context));
    REFUSED(other.arena_inject(context, lent, &child));
    REFUSED(other.arena_extract(context, &type, &arena));
    /* The other copy's own, under a foreign context. */
    struct arena_pool *own_pool;
    struct arena_concurrent *own;
    if (other.arena_pool_create(&type, 4, &own_pool) != ARENA_OK ||
        other.arena_concurrent_create(&type, 4, &own) != ARENA_OK)
        exit(2);
    REFUSED(other.arena_pool_checkout_context(own_pool, context, &arena));
    REFUSED(other.arena_pool_execute_context(own_pool, context, do_nothing, NULL));
    REFUSED(other.arena_pool_scope_enter_context(own_pool, context, &entered));
    REFUSED(other.arena_concurrent_alloc_context(own, context, values, &slot));
    REFUSED(other.arena_concurrent_alloc_any_context(own, context, &type, values, &any));
    REFUSED(other.arena_concurrent_reset_context(own, context));
    REFUSED(other.arena_concurrent_acquire(own, context, &arena));
    REFUSED(other.arena_pool_return_checked(own_pool, lent)); /* and with what is out of a pool of ours */
    other.arena_concurrent_destroy(own);
    if (other.arena_pool_destroy(own_pool) != ARENA_OK) exit(2);
}

/* The other copy has entries of the same numbers in its tables. */
static void use_other(struct arena_pool **own, struct arena_concurrent **own_concurrent) {
    struct arena *arena;
    if (other.arena_pool_create(&type, 1000, own) != ARENA_OK) exit(2);
    if (other.arena_concurrent_create(&type, 100000, own_concurrent) != ARENA_OK) exit(2);
    if (other.arena_pool_checkout(*own, &arena) != ARENA_OK) exit(2);
    other.arena_pool_return(*own, arena);
    if (other.arena_pool_execute(*own, do_nothing, NULL) != ARENA_OK) exit(2);
    if (other.arena_concurrent_alloc(*own_concurrent, values) == NULL) exit(2);
}

int main(int argc, char **argv) {
    if (argc != 2) return 1;
    void *plugin = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    if (plugin == NULL) {
        puts(dlerror());
        return 1;
    }
    load(plugin);
    struct arena_pool *own;
    struct arena_concurrent *own_concurrent;
    use_other(&own, &own_concurrent);
    if (arena_pool_create(&type, 4, &pool) != ARENA_OK ||
        arena_concurrent_create(&type, 100000, &concurrent) != ARENA_OK)
        return 2;
    const struct arena_options options = {.struct_size = sizeof options, .flags = ARENA_GATE_ONLY};
    if (arena_concurrent_create_with(&word, 4, &options, &gated) != ARENA_OK) return 2;
    if (arena_context_with_cancel(NULL, &context) != ARENA_OK) return 2;
    if (arena_pool_checkout(pool, &lent) != ARENA_OK || arena_pool_scope_enter(pool, &scope) != ARENA_OK) return 2;
    if (arena_concurrent_try_alloc(concurrent, values) == NULL) return 2;

    look_at_statuses();
    for (int number = 0; number < CALLS; number++) {
        struct arena_panic_info info;
        returned = 0;
        /* The plugin's own arena_protect_with: a panic is that of the copy that raises it. */
        if (other.arena_protect_with(panicking, &number, &info) == ARENA_EPANIC && info.status == ARENA_EINVAL &&
            strstr(info.message, "another copy of the library") != NULL)
            continue;
        printf("call %d: %s\n", number, returned ? "no panic" : info.message);
        wrong++;
    }

    /* Nothing has changed. */
    if (arena_concurrent_used(concurrent) != 1 || arena_context_status(context) != ARENA_OK) wrong++;
    arena_pool_scope_leave(&scope);
    arena_pool_return(pool, lent);
    arena_context_release(context);
    if (arena_concurrent_used(gated) != 0) wrong++;
    arena_concurrent_destroy(gated);
    arena_concurrent_destroy(concurrent);
    if (arena_pool_destroy(pool) != ARENA_OK) wrong++;
    other.arena_concurrent_destroy(own_concurrent);
    if (other.arena_pool_destroy(own) != ARENA_OK) wrong++;
    puts(wrong == 0 ? "each knows its own" : "wrong");
    return wrong != 0;
}
