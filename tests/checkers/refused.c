/* SPDX-License-Identifier: MIT */
/* Mistakes that the compiler must refuse: refused.py compares the lines that have an error with those marked `refused`,
 * or `refused by` compilers that it names. */
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

void right(void);
void right(void) {
    double_arena_alloc(NULL_OF(double_arena), 1.0);
    double_arena_pool_execute(NULL_OF(double_arena_pool), take_double, NULL);
}

void wrong_handle(void);
void wrong_handle(void) {
    double_arena_alloc(NULL_OF(int_arena), 1.0);                              /* refused */
    double_arena_try_alloc_zero(NULL_OF(int_arena));                          /* refused */
    double_arena_reset(NULL_OF(int_arena));                                   /* refused */
    double_arena_destroy(NULL_OF(int_arena));                                 /* refused */
    double_arena_alloc_slab(NULL_OF(int_arena), 1);                           /* refused */
    double_arena_trim(NULL_OF(int_arena));                                    /* refused */
    double_arena_used(NULL_OF(int_arena));                                    /* refused */
    double_arena_remaining(NULL_OF(int_arena));                               /* refused */
    double_arena_cap(NULL_OF(int_arena));                                     /* refused */
    double_arena_from_raw(NULL_OF(arena_concurrent));                         /* refused */
    double_arena_create_with(1, NULL_OF(arena_pool_options));                 /* refused */
    arena_alloc(NULL_OF(int_arena), NULL);                                    /* refused */
    int_arena_alloc(NULL_OF(int_arena_concurrent), 1);                        /* refused */
    double_arena_concurrent_alloc(NULL_OF(int_arena_concurrent), 1.0);        /* refused */
    double_arena_concurrent_release(NULL_OF(int_arena_concurrent));           /* refused */
    double_arena_concurrent_reset(NULL_OF(int_arena_concurrent));             /* refused */
    double_arena_concurrent_destroy(NULL_OF(int_arena_concurrent));           /* refused */
    int_arena_pool_execute(NULL_OF(int_arena_pool), take_double, NULL);       /* refused */
    double_arena_pool_return(NULL_OF(double_arena_pool), NULL_OF(int_arena)); /* refused */
    double_arena_pool_trim(NULL_OF(int_arena_pool));                          /* refused */
    double_arena_pool_destroy(NULL_OF(int_arena_pool));                       /* refused */
    ARENA_POOL_SCOPE_OF(int_arena, NULL_OF(double_arena_pool), scratch) {     /* refused */
        int_arena_reset(scratch);
    }
}

void wrong_element(void);
void wrong_element(void) {
    int *pointer = double_arena_alloc(NULL_OF(double_arena), 1.0);                  /* refused */
    double_arena_alloc_from(NULL_OF(double_arena), (const int *)0);                 /* refused */
    int_arena_alloc_slab_with(NULL_OF(int_arena), (const double *)0, 1);            /* refused */
    struct int_arena_slab slab = double_arena_alloc_slab(NULL_OF(double_arena), 1); /* refused */
    struct int_arena_slab other = {(double *)0, 1};                                 /* refused */
    struct double_arena_burst burst = int_arena_burst_begin(NULL_OF(int_arena));    /* refused */
    struct int_arena_burst ints = int_arena_burst_begin(NULL_OF(int_arena));
    double_arena_burst_put(&ints, 1.0);                                   /* refused */
    int_arena_burst_end(NULL_OF(double_arena), &ints);                    /* refused */
    double_arena_slab_at(int_arena_alloc_slab(NULL_OF(int_arena), 1), 0); /* refused */
    ARENA_ANY_GET(int_arena_alloc(NULL_OF(int_arena), 1), int);           /* refused */
    (void)pointer;
    (void)slab;
    (void)other;
    (void)burst;
}

void wrong_place(void);
void wrong_place(void) {
    int *slot;
    struct int_arena *arena;
    struct int_arena_slab slab;
    struct arena_context *context;
    struct double_arena *doubles = NULL_OF(double_arena);
    struct double_arena_concurrent *shared = NULL_OF(double_arena_concurrent);
    double_arena_inject(NULL, NULL_OF(int_arena), &context);                      /* refused */
    double_arena_extract(NULL, &arena);                                           /* refused */
    (void)double_arena_try_alloc_slab(doubles, 1, &slab);                         /* refused */
    (void)double_arena_try_alloc_slab_with(doubles, NULL, 1, &slab);              /* refused */
    double_arena_pool_checkout(NULL_OF(double_arena_pool), &arena);               /* refused */
    double_arena_pool_checkout_context(NULL_OF(double_arena_pool), NULL, &arena); /* refused */
    double_arena_concurrent_acquire(shared, NULL, &arena);                        /* refused */
    double_arena_concurrent_alloc_context(shared, NULL, 1.0, &slot);              /* refused */
    double_arena_concurrent_alloc_slab_context(shared, NULL, 1, &slab);           /* refused */
}

/* A destructor of other elements, one that forgets its second argument, and one that has none. */
static void drop_double(double *element) { *element = 0; }
static void drop_plain(int *element) { *element = 0; }
static void drop_with(int *element, void *user) { *element = user != NULL; }
ARENA_DEFINE_DROP(dropped_double, int, drop_double)    /* refused */
ARENA_DEFINE_DROP_WITH(dropped_plain, int, drop_plain) /* refused */
ARENA_DEFINE_DROP(dropped_with, int, drop_with)        /* refused */

/* Elements that would not lie one behind the other: a slot's stride is 64, what `data + 1` steps over is 4. */
typedef int aligned_number __attribute__((aligned(64)));
ARENA_DEFINE(aligned_arena, aligned_number) /* refused */

/* The prefix is the element's own tag: an element would pass for an arena. */
struct point {
    int x, y;
};
ARENA_DEFINE(point, struct point) /* refused */

/* What lies behind the struct is in the next element. */
struct flexible {
    int count;
    char data[]; /* refused by g++ */
};
ARENA_DEFINE(flexibles, struct flexible) /* refused */

/* Elements are copied as bytes: these count their copies. */
#ifdef __cplusplus
struct counted {
    counted(const counted &other) : copies(other.copies + 1) {}
    counted &operator=(const counted &other) {
        copies = other.copies + 1;
        return *this;
    }
    int copies;
};
struct counted_too : counted {};
ARENA_DEFINE(counted_arena, counted) /* refused */
void mixed(struct arena *arena, const counted_too &value);
void mixed(struct arena *arena, const counted_too &value) { ARENA_ANY_ALLOC(arena, counted_too, value); } /* refused */
#endif
