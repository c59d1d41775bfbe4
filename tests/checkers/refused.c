/* SPDX-License-Identifier: MIT */
/* Mistakes that the compiler must refuse: refused.sh compiles this with each value of REFUSE. */
#include <arena/arena.h>

#ifdef __cplusplus
#define NULL_OF(type) static_cast<struct type *>(nullptr)
#else
#define NULL_OF(type) ((struct type *)0)
#endif

ARENA_DEFINE(int_arena, int)
ARENA_DEFINE(double_arena, double)

static void take_double(struct double_arena *arena, void *user) {
    (void)arena;
    (void)user;
}

void refused(void);
void refused(void) {
#if REFUSE == 0 /* no mistake: this must compile */
    double_arena_alloc(NULL_OF(double_arena), 1.0);
    double_arena_pool_execute(NULL_OF(double_arena_pool), take_double, NULL);
#elif REFUSE == 1
    double_arena_alloc(NULL_OF(int_arena), 1.0);
#elif REFUSE == 2
    double_arena_try_alloc_zero(NULL_OF(int_arena));
#elif REFUSE == 3
    double_arena_reset(NULL_OF(int_arena));
#elif REFUSE == 4
    double_arena_destroy(NULL_OF(int_arena));
#elif REFUSE == 5
    double_arena_alloc_slab(NULL_OF(int_arena), 1);
#elif REFUSE == 6
    int *pointer = double_arena_alloc(NULL_OF(double_arena), 1.0);
    (void)pointer;
#elif REFUSE == 7
    struct int_arena_slab slab = double_arena_alloc_slab(NULL_OF(double_arena), 1);
    (void)slab;
#elif REFUSE == 8
    double_arena_concurrent_alloc(NULL_OF(int_arena_concurrent), 1.0);
#elif REFUSE == 9
    int_arena_alloc(NULL_OF(int_arena_concurrent), 1);
#elif REFUSE == 10
    int_arena_pool_execute(NULL_OF(int_arena_pool), take_double, NULL);
#elif REFUSE == 11
    double_arena_pool_return(NULL_OF(double_arena_pool), NULL_OF(int_arena));
#elif REFUSE == 12
    struct arena_context *context;
    double_arena_inject(NULL, NULL_OF(int_arena), &context);
#elif REFUSE == 13
    struct int_arena *found;
    double_arena_extract(NULL, &found);
#elif REFUSE == 14
    arena_alloc(NULL_OF(int_arena), NULL);
#elif REFUSE == 15
    int_arena_alloc_slab_with(NULL_OF(int_arena), (const double *)0, 1);
#elif REFUSE == 16
    struct double_arena_burst burst = int_arena_burst_begin(NULL_OF(int_arena));
    (void)burst;
#elif REFUSE == 19
    ARENA_POOL_SCOPE_OF(int_arena, NULL_OF(double_arena_pool), scratch) int_arena_reset(scratch);
#elif REFUSE == 23
    double_arena_trim(NULL_OF(int_arena));
#elif REFUSE == 24
    double_arena_used(NULL_OF(int_arena));
#elif REFUSE == 25
    double_arena_remaining(NULL_OF(int_arena));
#elif REFUSE == 26
    double_arena_cap(NULL_OF(int_arena));
#elif REFUSE == 27
    struct int_arena_slab slab;
    (void)double_arena_try_alloc_slab(NULL_OF(double_arena), 1, &slab);
#elif REFUSE == 28
    struct int_arena_slab slab;
    (void)double_arena_try_alloc_slab_with(NULL_OF(double_arena), NULL, 1, &slab);
#elif REFUSE == 29
    struct int_arena_burst burst = int_arena_burst_begin(NULL_OF(int_arena));
    double_arena_burst_put(&burst, 1.0);
#elif REFUSE == 30
    struct int_arena_burst burst = int_arena_burst_begin(NULL_OF(int_arena));
    int_arena_burst_end(NULL_OF(double_arena), &burst);
#elif REFUSE == 31
    struct int_arena *out;
    double_arena_pool_checkout(NULL_OF(double_arena_pool), &out);
#elif REFUSE == 32
    struct int_arena *out;
    double_arena_pool_checkout_context(NULL_OF(double_arena_pool), NULL, &out);
#elif REFUSE == 33
    struct int_arena *out;
    double_arena_concurrent_acquire(NULL_OF(double_arena_concurrent), NULL, &out);
#elif REFUSE == 34
    int *out;
    double_arena_concurrent_alloc_context(NULL_OF(double_arena_concurrent), NULL, 1.0, &out);
#elif REFUSE == 35
    struct int_arena_slab slab;
    double_arena_concurrent_alloc_slab_context(NULL_OF(double_arena_concurrent), NULL, 1, &slab);
#elif REFUSE == 36
    double_arena_concurrent_release(NULL_OF(int_arena_concurrent));
#elif REFUSE == 37
    double_arena_concurrent_reset(NULL_OF(int_arena_concurrent));
#elif REFUSE == 38
    double_arena_pool_trim(NULL_OF(int_arena_pool));
#elif REFUSE == 39
    double_arena_pool_destroy(NULL_OF(int_arena_pool));
#elif REFUSE == 40
    double_arena_from_raw(NULL_OF(arena_concurrent));
#elif REFUSE == 41
    double_arena_create_with(1, NULL_OF(arena_pool_options));
#elif REFUSE == 42
    struct int_arena_slab slab = {(double *)0, 1};
    (void)slab;
#elif REFUSE == 43
    double_arena_slab_at(int_arena_alloc_slab(NULL_OF(int_arena), 1), 0);
#elif REFUSE == 44
    double_arena_concurrent_destroy(NULL_OF(int_arena_concurrent));
#elif REFUSE == 49
    double_arena_alloc_from(NULL_OF(double_arena), (const int *)0);
#elif REFUSE == 21
    ARENA_ANY_GET(int_arena_alloc(NULL_OF(int_arena), 1), int); /* no slot of mixed values */
#endif
}

/* A destructor of other elements. */
#if REFUSE == 22
static void drop_double(double *element) { *element = 0; }
ARENA_DEFINE_DROP(dropped_arena, int, drop_double)
#endif

/* Elements that would not lie one behind the other: a slot's stride is 64, what `data + 1` steps over is 4. */
#if REFUSE == 17 && defined(__GNUC__)
typedef int aligned_number __attribute__((aligned(64)));
ARENA_DEFINE(aligned_arena, aligned_number)
#elif REFUSE == 17
#error "no such type here"
#endif

/* The prefix is the element's own tag: an element would pass for an arena. */
#if REFUSE == 45
struct point {
    int x, y;
};
ARENA_DEFINE(point, struct point)
#endif

/* What lies behind the struct is in the next element. */
#if REFUSE == 46 && defined(__GNUC__)
struct flexible {
    int count;
    char data[];
};
ARENA_DEFINE(flexibles, struct flexible)
#elif REFUSE == 46
#error "no such type here"
#endif

/* A destructor that forgets its second argument, and one that has none. */
#if REFUSE == 47
static void drop_plain(int *element) { *element = 0; }
ARENA_DEFINE_DROP_WITH(dropped_arena, int, drop_plain)
#elif REFUSE == 48
static void drop_with(int *element, void *user) { *element = user != 0; }
ARENA_DEFINE_DROP(dropped_arena, int, drop_with)
#endif

/* Elements are copied as bytes: this one counts its copies. */
#if (REFUSE == 18 || REFUSE == 20) && defined(__cplusplus) && defined(__GNUC__)
struct counted {
    counted(const counted &other) : copies(other.copies + 1) {}
    counted &operator=(const counted &other) {
        copies = other.copies + 1;
        return *this;
    }
    int copies;
};
#if REFUSE == 18
ARENA_DEFINE(counted_arena, counted)
#else
void refused(struct arena *arena, const counted &value);
void refused(struct arena *arena, const counted &value) { ARENA_ANY_ALLOC(arena, counted, value); }
#endif
#elif REFUSE == 18 || REFUSE == 20
#error "no such type here"
#endif
