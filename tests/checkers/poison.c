/* SPDX-License-Identifier: MIT */
/* A program that is watched by a memory checker and links the ordinary library: poison.sh builds and runs it.
 *
 *   poison fine    uses what was handed out, every way there is; writes "fine"
 *   poison bad N   touches bytes that were not handed out, or were taken back, one function for each case, and goes on
 *                  after each report; before each it writes "case NAME" to standard error, in the end "case none".
 *                  N: the first, second ... part of the cases, from 0: AddressSanitizer ends a program at its 25th report
 *   poison kept    ends with texts of malloc's that arenas lead to, small and large ones, in blocks and chunks
 *   poison lost    the same, but for the texts of one arena that was reset
 *   poison unset   decides by what a slab of an arena that is never cleared holds before anything was written there */
#define _DEFAULT_SOURCE
#include <arena/arena.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

ARENA_DEFINE(long_arena, int64_t)
ARENA_DEFINE(byte_arena, unsigned char)

static void must(int condition, const char *what) {
    if (condition) return;
    fprintf(stderr, "poison.c: %s\n", what);
    exit(2);
}

static struct arena *make(size_t capacity, uint32_t clear) {
    struct arena_options options = {sizeof options, clear, 0};
    struct arena *arena = NULL;
    must(arena_create_with(ARENA_TYPE(int64_t), capacity, &options, &arena) == ARENA_OK, "no arena");
    return arena;
}

static volatile int64_t seen;

/* --- what was not handed out, or was taken back ------------------------------------------------------------------- */

static void read_next_slot(void) {
    struct arena *arena = make(100, 0);
    int64_t *slot = arena_alloc(arena, NULL);
    seen = slot[1];
}

static void write_next_slot(void) {
    struct arena *arena = make(100, 0);
    int64_t *slot = arena_try_alloc(arena, NULL);
    slot[1] = 1;
}

static void read_next_slot_of_a_large_arena(void) {
    struct arena *arena = make(4000000, 0);
    int64_t *slot = arena_alloc(arena, NULL);
    seen = slot[1];
}

static void write_far_slot(void) {
    struct arena *arena = make(10000, 0);
    int64_t *slot = arena_try_alloc(arena, NULL);
    slot[9999] = 1;
}

static void write_past_the_capacity(void) {
    struct arena *arena = make(3, 0);
    int64_t *slab = arena_alloc_slab(arena, 3);
    slab[3] = 1;
}

/* The slots end where a page ends, or anywhere else. */
static void write_past_every_capacity_around_a_page(void) {
    for (size_t capacity = 480; capacity < 520; capacity++) {
        struct arena *arena = make(capacity, 0);
        int64_t *slab = arena_alloc_slab(arena, capacity);
        slab[capacity] = 1;
    }
}

/* The slots are pages of their own; they end inside the last one. */
static void write_past_a_large_capacity(void) {
    struct arena *arena = make(10001, 0);
    int64_t *slab = arena_alloc_slab(arena, 10001);
    slab[10001] = 1;
}

/* They end where the last page does. */
static void write_past_a_capacity_of_whole_pages(void) {
    struct arena *arena = make(16384, 0);
    int64_t *slab = arena_alloc_slab(arena, 16384);
    slab[16384] = 1;
}

static void write_before_the_first_slot(void) {
    struct arena *arena = make(3, 0);
    char *slab = arena_alloc_slab(arena, 3);
    slab[-1] = 1;
}

static void write_past_a_slab(void) {
    struct arena *arena = make(100, 0);
    int64_t *slab = arena_alloc_slab(arena, 10);
    slab[10] = 1;
}

static void write_past_a_copied_slab(void) {
    static const int64_t values[3] = {1, 2, 3};
    struct arena *arena = make(100, ARENA_CLEAR_NEVER);
    int64_t *slab = arena_alloc_slab_with(arena, values, 3);
    slab[3] = 1;
}

static void read_through_a_slab_of_zero(void) {
    struct arena *arena = make(100, 0);
    int64_t *slab = arena_alloc_slab(arena, 0);
    seen = *slab;
}

static void read_after_reset(void) {
    struct arena *arena = make(100, 0);
    int64_t *slot = arena_alloc(arena, NULL);
    arena_reset(arena);
    seen = *slot;
}

static void write_after_reset(void) {
    struct arena *arena = make(100, 0);
    int64_t *slab = arena_alloc_slab(arena, 50);
    arena_reset(arena);
    slab[49] = 1;
}

static void read_after_reset_and_reuse(void) {
    struct arena *arena = make(100, 0);
    int64_t *slab = arena_alloc_slab(arena, 50);
    arena_reset(arena);
    arena_alloc(arena, NULL);
    seen = slab[1];
}

static void read_after_reset_clear_on_handout(void) {
    struct arena *arena = make(100, ARENA_CLEAR_ON_HANDOUT);
    int64_t *slot = arena_alloc(arena, NULL);
    arena_reset(arena);
    seen = *slot;
}

static void read_after_reset_clear_never(void) {
    struct arena *arena = make(100, ARENA_CLEAR_NEVER);
    int64_t *slot = arena_alloc(arena, NULL);
    arena_reset(arena);
    seen = *slot;
}

static void read_after_reset_and_trim(void) {
    struct arena *arena = make(1000000, 0);
    int64_t *slab = arena_alloc_slab(arena, 1000000);
    memset(slab, 1, 8000000);
    arena_reset(arena);
    arena_trim(arena);
    seen = slab[999];
}

static void read_next_slot_of_the_typed_face(void) {
    struct long_arena *arena = long_arena_create(100);
    int64_t *slot = long_arena_alloc(arena, 5); /* the inline path */
    seen = slot[1];
}

static void read_after_typed_reset(void) {
    struct long_arena *arena = long_arena_create(100);
    int64_t *slot = long_arena_try_alloc(arena, 5);
    long_arena_reset(arena);
    seen = *slot;
}

static void read_behind_a_closed_burst(void) {
    struct long_arena *arena = long_arena_create(100);
    struct long_arena_burst burst = long_arena_burst_begin(arena);
    int64_t *slot = long_arena_burst_put(&burst, 1);
    long_arena_burst_end(arena, &burst);
    seen = slot[1];
}

static void read_what_an_open_burst_left(void) {
    struct long_arena *arena = long_arena_create(100);
    struct long_arena_burst burst = long_arena_burst_begin(arena);
    long_arena_burst_put(&burst, 1);
    int64_t *slot = long_arena_burst_put(&burst, 1);
    long_arena_alloc(arena, 2); /* takes the burst's slots back, and uses the first */
    seen = *slot;
}

static void read_what_an_open_burst_left_clear_on_handout(void) {
    struct arena *arena = make(100, ARENA_CLEAR_ON_HANDOUT);
    struct arena_burst burst;
    arena_burst_begin(arena, &burst);
    arena_burst_put(&burst, NULL);
    int64_t *slot = arena_burst_put(&burst, NULL);
    arena_alloc(arena, NULL); /* as above */
    seen = *slot;
}

static void read_any_after_reset(void) {
    struct arena *arena = NULL;
    must(arena_create(arena_type_any(), 4, &arena) == ARENA_OK, "no arena");
    struct arena_any *slot = ARENA_ANY_ALLOC(arena, int64_t, 5);
    int64_t *value = ARENA_ANY_GET(slot, int64_t);
    arena_reset(arena);
    seen = *value;
}

static struct arena_concurrent *make_concurrent(uint32_t flags) {
    struct arena_options options = {sizeof options, 0, flags};
    struct arena_concurrent *arena = NULL;
    must(arena_concurrent_create_with(ARENA_TYPE(int64_t), 1000, &options, &arena) == ARENA_OK, "no arena");
    return arena;
}

static void read_next_slot_of_a_concurrent_arena(void) {
    int64_t *slot = arena_concurrent_alloc(make_concurrent(0), NULL);
    seen = slot[1];
}

static void write_next_slot_behind_the_gate(void) {
    int64_t *slot = arena_concurrent_alloc(make_concurrent(ARENA_GATE_ONLY), NULL);
    slot[1] = 1;
}

static void read_after_concurrent_reset(void) {
    struct arena_concurrent *arena = make_concurrent(0);
    int64_t *slot = arena_concurrent_alloc(arena, NULL);
    arena_concurrent_reset(arena);
    seen = *slot;
}

static void write_past_a_concurrent_slab(void) {
    int64_t *slab = arena_concurrent_alloc_slab(make_concurrent(0), 7);
    slab[7] = 1;
}

static void read_next_slot_of_an_acquired_arena(void) {
    struct arena *held = NULL;
    must(arena_concurrent_acquire(make_concurrent(0), NULL, &held) == ARENA_OK, "no gate");
    int64_t *slot = arena_alloc(held, NULL);
    seen = slot[1];
}

static int64_t *escaped;

static void let_escape(struct arena *arena, void *user) {
    (void)user;
    escaped = arena_alloc(arena, NULL);
}

static struct arena_pool *make_pool(void) {
    struct arena_pool *pool = NULL;
    must(arena_pool_create(ARENA_TYPE(int64_t), 100, &pool) == ARENA_OK, "no pool");
    return pool;
}

static void read_what_escaped_from_execute(void) {
    must(arena_pool_execute(make_pool(), let_escape, NULL) == ARENA_OK, "no execute");
    seen = *escaped;
}

static void write_what_was_returned(void) {
    struct arena_pool *pool = make_pool();
    struct arena *arena = NULL;
    must(arena_pool_checkout(pool, &arena) == ARENA_OK, "no checkout");
    int64_t *slot = arena_alloc(arena, NULL);
    arena_pool_return(pool, arena);
    *slot = 1;
}

static void read_what_escaped_from_a_block(void) {
    ARENA_POOL_SCOPE(make_pool(), scratch) {
        let_escape(scratch, NULL);
    }
    seen = *escaped;
}

/* --- blocks of byte arenas --------------------------------------------------------------------------------------------- */

static struct arena_bytes *make_bytes(size_t capacity, uint32_t clear) {
    struct arena_options options = {sizeof options, clear, 0};
    struct arena_bytes *arena = arena_bytes_create_with(capacity, &options);
    must(arena != NULL, "no arena");
    return arena;
}

static void write_past_a_block(void) {
    char *block = arena_bytes_alloc(make_bytes(1000, 0), 10, 1);
    block[10] = 1;
}
static void write_before_a_block(void) {
    char *block = arena_bytes_alloc(make_bytes(1000, 0), 10, 8);
    block[-1] = 1;
}
/* Neither is the newest, and nothing aligns them. */
static void write_between_neighbours(void) {
    struct arena_bytes *arena = make_bytes(1000, ARENA_CLEAR_NEVER);
    char *first = arena_bytes_alloc(arena, 13, 1);
    (void)arena_bytes_alloc(arena, 13, 1);
    first[13] = 1;
}
static void read_before_a_neighbour(void) {
    struct arena_bytes *arena = make_bytes(SIZE_MAX, ARENA_CLEAR_ON_HANDOUT);
    (void)arena_bytes_alloc(arena, 13, 1);
    const char *second = arena_bytes_alloc(arena, 13, 1);
    seen = second[-1];
}
static void write_past_a_block_of_its_own_memory(void) {
    struct arena_bytes *arena = make_bytes(SIZE_MAX, 0);
    (void)arena_bytes_alloc(arena, 10, 1);
    char *block = arena_bytes_alloc(arena, 3000001, 1);
    block[3000001] = 1;
}
static void write_past_the_last_byte_of_the_capacity(void) {
    char *block = arena_bytes_alloc(make_bytes(77, 0), 77, 1);
    block[77] = 1;
}
static void write_past_a_block_in_own_memory(void) {
    static char memory[2000];
    struct arena_bytes *arena = arena_bytes_create_in(memory, sizeof memory, NULL);
    must(arena != NULL, "no arena");
    char *block = arena_bytes_alloc(arena, 21, 1);
    block[21] = 1;
}
static void write_past_a_concurrent_block(void) {
    struct arena_bytes_concurrent *arena = arena_bytes_concurrent_create(100000);
    must(arena != NULL, "no arena");
    char *block = arena_bytes_concurrent_alloc(arena, 21, 1);
    (void)arena_bytes_concurrent_alloc(arena, 21, 1);
    block[21] = 1;
}
static void read_through_an_empty_block(void) {
    const char *block = arena_bytes_alloc(make_bytes(1000, 0), 0, 8);
    seen = *block;
}
static void write_past_a_text(void) {
    char *text = arena_bytes_printf(make_bytes(1000, 0), "%d", 12345);
    text[6] = 1;
}
static void read_after_a_rewind(void) {
    struct arena_bytes *arena = make_bytes(SIZE_MAX, 0);
    (void)arena_bytes_alloc(arena, 10, 1);
    struct arena_mark mark = arena_bytes_mark(arena);
    const char *block = arena_bytes_alloc(arena, 50, 1);
    arena_bytes_rewind(arena, mark);
    seen = block[49];
}
static void read_after_a_scratch_scope(void) {
    struct arena_bytes *arena = make_bytes(SIZE_MAX, ARENA_CLEAR_ON_HANDOUT);
    const char *block = NULL;
    ARENA_SCRATCH(arena_bytes, arena) {
        block = arena_bytes_alloc(arena, 50, 1);
    }
    seen = block[0];
}
static void read_after_a_shrink(void) {
    struct arena_bytes *arena = make_bytes(1000, 0);
    char *block = arena_bytes_alloc(arena, 100, 1);
    must(arena_bytes_resize(arena, block, 100, 40), "not the newest");
    seen = block[40];
}
static void read_after_a_shrink_of_an_inner_block(void) {
    struct arena_bytes *arena = make_bytes(1000, ARENA_CLEAR_NEVER);
    char *block = arena_bytes_alloc(arena, 100, 1);
    (void)arena_bytes_alloc(arena, 1, 1);
    must(arena_bytes_resize(arena, block, 100, 40), "a shrink fails");
    seen = block[40];
}
static void read_after_a_reset_of_bytes(void) {
    struct arena_bytes *arena = make_bytes(SIZE_MAX, 0);
    char *block = arena_bytes_alloc(arena, 100, 1);
    arena_bytes_reset(arena);
    (void)arena_bytes_alloc(arena, 10, 1);
    seen = block[99];
}
static void write_what_was_returned_of_bytes(void) {
    struct arena_bytes_pool *pool = arena_bytes_pool_create(SIZE_MAX);
    struct arena_bytes *arena = NULL;
    must(pool != NULL && arena_bytes_pool_checkout(pool, &arena) == ARENA_OK, "no arena");
    char *block = arena_bytes_alloc(arena, 100, 1);
    arena_bytes_pool_return(pool, arena);
    block[0] = 1;
}

/* --- what was handed out ------------------------------------------------------------------------------------------ */

static void fill(void *memory, size_t size_bytes) { memset(memory, 0x5a, size_bytes); }

static char *fill_block(struct arena_bytes *arena, size_t size_bytes) {
    char *block = arena_bytes_alloc(arena, size_bytes, 1);
    fill(block, size_bytes);
    return block;
}

static void use_single(uint32_t clear) {
    struct arena *arena = make(5000, clear);
    for (int round = 0; round < 4; round++) {
        static const int64_t values[3] = {1, 2, 3};
        for (int i = 0; i < 1000; i++) {
            fill(arena_alloc(arena, values), 8);
            fill(arena_try_alloc(arena, NULL), 8);
            fill(arena_alloc_slab(arena, 1), 8);
        }
        fill(arena_alloc_slab(arena, 500), 500 * 8);
        fill(arena_alloc_slab_with(arena, values, 3), 3 * 8);
        if (round == 1) arena_trim(arena);
        fill(arena_alloc_slab(arena, arena_remaining(arena)), 1497 * 8);
        must(arena_try_alloc(arena, NULL) == NULL, "not full");
        arena_reset(arena);
        if (round == 2) arena_trim(arena);
    }
    arena_destroy(arena);
}

/* Larger than what is marked from the beginning. */
static void use_large(void) {
    struct arena *arena = make(4000000, 0);
    for (int round = 0; round < 2; round++) {
        fill(arena_alloc(arena, NULL), 8);
        fill(arena_alloc_slab(arena, 3999999), (size_t)3999999 * 8);
        arena_reset(arena);
    }
    arena_destroy(arena);
}

static void use_typed(void) {
    struct long_arena *arena = long_arena_create(3000);
    for (int round = 0; round < 3; round++) {
        int64_t *before = NULL;
        for (int i = 0; i < 1000; i++) {
            int64_t *slot = i % 2 ? long_arena_alloc(arena, i) : long_arena_alloc_zero(arena);
            must(*slot == (i % 2 ? i : 0), "wrong value");
            if (before != NULL) *before = 7; /* handed out earlier: still ours */
            before = slot;
        }
        struct long_arena_burst burst = long_arena_burst_begin(arena);
        for (int i = 0; i < 1000; i++) fill(long_arena_burst_put(&burst, i), 8);
        long_arena_burst_end(arena, &burst);
        struct long_arena_slab slab = ARENA_SLAB_WITH(long_arena, arena, 1, 2, 3);
        fill(slab.data, slab.len * 8);
        if (round == 1) (void)long_arena_burst_begin(arena); /* and left */
        if (round == 2) fill(long_arena_alloc(arena, 1), 8);
        long_arena_reset(arena);
    }
    long_arena_destroy(arena);
}

static void use_bytes(void) {
    struct byte_arena *arena = byte_arena_create(100);
    struct byte_arena_burst burst = byte_arena_burst_begin(arena);
    for (int i = 0; i < 10; i++) fill(byte_arena_burst_put(&burst, 1), 1);
    byte_arena_burst_end(arena, &burst);
    for (int i = 0; i < 10; i++) fill(byte_arena_alloc(arena, 1), 1);
    fill(byte_arena_alloc_slab(arena, 80).data, 80);
    byte_arena_destroy(arena);
}

static void use_concurrent(uint32_t flags) {
    struct arena_concurrent *arena = make_concurrent(flags);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 300; i++) fill(arena_concurrent_alloc(arena, NULL), 8);
        fill(arena_concurrent_alloc_slab(arena, 100), 800);
        struct arena *held = NULL;
        must(arena_concurrent_acquire(arena, NULL, &held) == ARENA_OK, "no gate");
        fill(long_arena_alloc(long_arena_from_raw(held), 1), 8); /* inline, where its window is open */
        while (arena_remaining(held) > 100) fill(arena_alloc(held, NULL), 8);
        arena_concurrent_release(arena);
        for (int i = 0; i < 100; i++) fill(arena_concurrent_try_alloc(arena, NULL), 8);
        arena_concurrent_reset(arena);
        arena_concurrent_trim(arena);
    }
    arena_concurrent_destroy(arena);
}

static void fill_arena(struct arena *arena, void *user) {
    (void)user;
    fill(long_arena_alloc(long_arena_from_raw(arena), 1), 8);
    fill(arena_alloc_slab(arena, 99), 99 * 8);
}

static void use_pool(void) {
    struct arena_pool *pool = make_pool();
    for (int round = 0; round < 5; round++) {
        must(arena_pool_execute(pool, fill_arena, NULL) == ARENA_OK, "no execute");
        struct arena *first = NULL;
        struct arena *second = NULL;
        must(arena_pool_checkout(pool, &first) == ARENA_OK && arena_pool_checkout(pool, &second) == ARENA_OK, "none");
        fill_arena(first, NULL);
        fill_arena(second, NULL);
        arena_pool_return(pool, first);
        if (round == 3) arena_pool_trim(pool);
        arena_pool_return(pool, second);
    }
    must(arena_pool_destroy(pool) == ARENA_OK, "arenas out");
}

/* What an arena lay on may be used for something else once it is destroyed. */
static void use_memory_of_destroyed_arenas(void) {
    for (int round = 0; round < 50; round++) {
        struct arena *arena = make(100 + (size_t)round * 100, 0);
        arena_alloc(arena, NULL);
        arena_destroy(arena);
        size_t size_bytes = 1000 + (size_t)round * 800;
        void *memory = malloc(size_bytes);
        must(memory != NULL, "no memory");
        fill(memory, size_bytes);
        free(memory);
    }
    /* Pages: the system gives the same ones again. */
    for (int round = 0; round < 10; round++) {
        size_t size_bytes = ((size_t)round + 1) << 21;
        struct arena *arena = make(size_bytes / 8, 0);
        arena_alloc(arena, NULL);
        if (round % 2 != 0) { /* of a large one more is marked as it is taken back than was at first */
            arena_alloc_slab(arena, arena_remaining(arena));
            arena_reset(arena);
        }
        arena_destroy(arena);
        void *memory = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        must(memory != MAP_FAILED, "no pages");
        fill(memory, size_bytes);
        munmap(memory, size_bytes);
    }
}

static void decide_by_an_unset_slab(void) {
    struct arena *arena = make(100, ARENA_CLEAR_NEVER);
    const volatile int64_t *slab = arena_alloc_slab(arena, 10);
    if (slab[9] == 77) seen = 1;
    slab = arena_alloc_slab(arena, 1);
    if (*slab == 77) seen = 1; /* two reports: a slab of one is no single slot */
    const volatile int64_t *zeros = arena_alloc_slab_with(arena, NULL, 10);
    if (zeros[9] == 77) seen = 1; /* was set */
    zeros = arena_alloc(arena, NULL);
    if (*zeros == 77) seen = 1;
    arena_destroy(arena);
    /* So is what the other policies hand out, fresh from the system too. */
    static const size_t capacities[] = {100, 100000};
    for (uint32_t clear = ARENA_CLEAR_ON_RESET; clear <= ARENA_CLEAR_ON_HANDOUT; clear++) {
        for (size_t i = 0; i < sizeof capacities / sizeof capacities[0]; i++) {
            arena = make(capacities[i], clear);
            for (int round = 0; round < 2; round++) {
                zeros = arena_alloc_slab(arena, 10);
                if (zeros[9] == 77) seen = 1;
                zeros = arena_alloc(arena, NULL);
                if (*zeros == 77) seen = 1;
                arena_reset(arena);
            }
            arena_destroy(arena);
        }
    }
}

/* Each way to a block, its first byte and its last, and the memory that was behind one. */
static void use_blocks(struct arena_bytes *arena) {
    for (int round = 0; round < 3; round++) {
        char *first = NULL;
        for (size_t size = 1; size < 6000; size = size * 2 + 3) {
            first = arena_bytes_alloc(arena, size, (size_t)1 << size % 7);
            fill(first, size);
            fill(arena_bytes_memdup(arena, first, size, 1), size);
        }
        must(arena_bytes_resize(arena, fill_block(arena, 100), 100, 100), "no newest block");
        char *newest = fill_block(arena, 100);
        must(arena_bytes_resize(arena, newest, 100, 30) && arena_bytes_resize(arena, newest, 30, 90),
             "no newest block");
        fill(newest, 90);
        struct arena_mark mark = arena_bytes_mark(arena);
        fill(arena_bytes_realloc(arena, newest, 90, 300, 1), 300);
        fill(newest, 90); /* stays as it was */
        ARENA_SCRATCH(arena_bytes, arena) {
            fill_block(arena, 500);
        }
        arena_bytes_rewind_end(arena, mark);
        fill(newest, 90);
        struct arena_buffer buffer = {NULL, 0, 0, arena};
        struct {
            int64_t *data;
            size_t len, cap;
        } vector = {NULL, 0, 0};
        for (int i = 0; i < 100; i++) {
            arena_buffer_printf(&buffer, "%s%d", i % 2 == 0 ? "" : "piece", i);
            *ARENA_PUSH(arena, &vector) = i;
        }
        fill(buffer.data, buffer.cap);
        fill(vector.data, vector.cap * sizeof *vector.data);
        struct arena_cleanup *cleanup = arena_bytes_defer(arena, NULL, NULL);
        fill(&cleanup->user, sizeof cleanup->user);
        fill(first, 1);
        arena_bytes_reset(arena);
        if (round == 1) arena_bytes_trim(arena);
    }
    arena_bytes_destroy(arena);
}

static void use_byte_arenas(void) {
    static char memory[200000];
    for (uint32_t clear = ARENA_CLEAR_ON_RESET; clear <= ARENA_CLEAR_NEVER; clear++) {
        struct arena_options options = {sizeof options, clear, 0};
        use_blocks(make_bytes(SIZE_MAX, clear));
        use_blocks(make_bytes(100000, clear));
        struct arena_bytes *inside = arena_bytes_create_in(memory, sizeof memory, &options);
        must(inside != NULL, "no arena");
        use_blocks(inside);
        fill(memory, sizeof memory); /* the caller's again */
    }
    char *all = arena_bytes_alloc(make_bytes(77, 0), 77, 1);
    fill(all, 77); /* the capacity is what it is without a checker */
}

static void use_everything(void) {
    for (uint32_t clear = ARENA_CLEAR_ON_RESET; clear <= ARENA_CLEAR_NEVER; clear++) use_single(clear);
    use_typed();
    use_bytes();
    use_byte_arenas();
    use_large();
    use_concurrent(0);
    use_concurrent(ARENA_GATE_ONLY);
    use_pool();
    use_memory_of_destroyed_arenas();
    puts("fine");
}

static const struct {
    const char *name;
    void (*run)(void);
} cases[] = {
#define CASE(name)                                                                                                     \
    { #name, name }
    CASE(read_next_slot),
    CASE(write_next_slot),
    CASE(read_next_slot_of_a_large_arena),
    CASE(write_far_slot),
    CASE(write_past_the_capacity),
    CASE(write_past_every_capacity_around_a_page),
    CASE(write_past_a_large_capacity),
    CASE(write_past_a_capacity_of_whole_pages),
    CASE(write_before_the_first_slot),
    CASE(write_past_a_slab),
    CASE(write_past_a_copied_slab),
    CASE(read_through_a_slab_of_zero),
    CASE(read_after_reset),
    CASE(write_after_reset),
    CASE(read_after_reset_and_reuse),
    CASE(read_after_reset_clear_on_handout),
    CASE(read_after_reset_clear_never),
    CASE(read_after_reset_and_trim),
    CASE(read_next_slot_of_the_typed_face),
    CASE(read_after_typed_reset),
    CASE(read_behind_a_closed_burst),
    CASE(read_what_an_open_burst_left),
    CASE(read_what_an_open_burst_left_clear_on_handout),
    CASE(read_any_after_reset),
    CASE(read_next_slot_of_a_concurrent_arena),
    CASE(write_next_slot_behind_the_gate),
    CASE(read_after_concurrent_reset),
    CASE(write_past_a_concurrent_slab),
    CASE(read_next_slot_of_an_acquired_arena),
    CASE(read_what_escaped_from_execute),
    CASE(write_what_was_returned),
    CASE(read_what_escaped_from_a_block),
    CASE(write_past_a_block),
    CASE(write_before_a_block),
    CASE(write_between_neighbours),
    CASE(read_before_a_neighbour),
    CASE(write_past_a_block_of_its_own_memory),
    CASE(write_past_the_last_byte_of_the_capacity),
    CASE(write_past_a_block_in_own_memory),
    CASE(write_past_a_concurrent_block),
    CASE(read_through_an_empty_block),
    CASE(write_past_a_text),
    CASE(read_after_a_rewind),
    CASE(read_after_a_scratch_scope),
    CASE(read_after_a_shrink),
    CASE(read_after_a_shrink_of_an_inner_block),
    CASE(read_after_a_reset_of_bytes),
    CASE(write_what_was_returned_of_bytes),
};

enum { PART = 15 };

/* --- what arenas lead to ------------------------------------------------------------------------------------------ */

struct name {
    char *text;
};

ARENA_DEFINE(name_arena, struct name)

static struct {
    struct name_arena *own, *lent;
    struct name_arena_pool *pool;
    struct name_arena_concurrent *shared;
    struct arena_bytes *bytes;
} names[2];

static char *text_of(size_t i) {
    char *text = malloc(64 + i % 64);
    must(text != NULL, "no text");
    strcpy(text, "a name");
    return text;
}

/* Arenas of a few KiB, of the heap, and of some hundred, of pages. */
static void keep_names(void) {
    for (size_t k = 0; k < 2; k++) {
        const size_t count = k == 0 ? 100 : 20000;
        names[k].own = name_arena_create(count);
        names[k].pool = name_arena_pool_create(count);
        names[k].shared = name_arena_concurrent_create(count);
        names[k].bytes = arena_bytes_create(SIZE_MAX);
        must(name_arena_pool_checkout(names[k].pool, &names[k].lent) == ARENA_OK, "no arena");
        for (size_t i = 0; i < count; i++) {
            name_arena_alloc(names[k].own, (struct name){text_of(i)});
            name_arena_alloc(names[k].lent, (struct name){text_of(i)});
            name_arena_concurrent_alloc(names[k].shared, (struct name){text_of(i)});
            ARENA_NEW(names[k].bytes, struct name)->text = text_of(i);
        }
        struct name *large = ARENA_NEW_ARRAY(names[k].bytes, struct name, 1 << 17); /* a block of its own */
        large[1 << 16].text = text_of(0);
    }
}

int main(int argc, char **argv) {
    if (argc == 2 && (strcmp(argv[1], "kept") == 0 || strcmp(argv[1], "lost") == 0)) {
        keep_names();
        if (strcmp(argv[1], "lost") == 0) name_arena_reset(names[1].own);
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "fine") == 0) {
        use_everything();
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "unset") == 0) {
        decide_by_an_unset_slab();
        return 0;
    }
    if (argc != 3 || strcmp(argv[1], "bad") != 0) return 2;
    size_t first = (size_t)atoi(argv[2]) * PART;
    for (size_t i = first; i < first + PART && i < sizeof cases / sizeof cases[0]; i++) {
        fprintf(stderr, "case %s\n", cases[i].name);
        cases[i].run();
    }
    fputs("case none\n", stderr);
    return 0;
}
