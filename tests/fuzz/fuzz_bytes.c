/* SPDX-License-Identifier: MIT */
/* Byte arenas: blocks of every size and alignment, changed, moved and taken back, marks and scratch scopes, cleanups,
 * buffers, resets, trims and capacities, in every kind of memory.
 *
 * The model is the list of what was handed out, oldest first, with what it should contain; marks and scratch scopes are
 * lengths of that list.  Where a block lies is the library's business: what is checked is that blocks keep their contents,
 * that what is promised to be zero is, that counts agree, and that nothing is refused for which there is room.
 */
#include "fuzz.h"

#include <arena/bytes.h>

#include "base/poison.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_BLOCKS = 400, MOST_MARKS = 24, MOST_NESTED = 6, PLACE_BYTES = 6000, MOST_BYTES = 1 << 20 };

enum kind { CONTENTS, CLEANUP, OTHER };

struct entry {
    char *at;
    size_t size;
    uint8_t seed;
    enum kind kind;
    bool cancelled; /* a cleanup */
    bool loose;     /* was longer once, and what it gave is not free */
};

struct place {
    struct arena_mark mark;
    size_t count; /* of entries below it */
    size_t used;
    bool scratch;
};

static struct {
    struct arena_bytes *arena;
    uint32_t clear;
    bool fixed; /* does not grow; with a checker, zones count as used */
    size_t capacity;
    size_t handed; /* since the last reset: not too much to look at */
    struct entry entries[MOST_BLOCKS];
    size_t count;
    struct place places[MOST_MARKS]; /* those that live, outermost first */
    size_t depth;
    struct place stale; /* one that was void once */
    bool running;       /* cleanups may run, down to run_from */
    size_t run_next;
    size_t run_from;
    uint8_t seed;
} model;

/* --- contents ----------------------------------------------------------------------------------------------------- */

static void write_entry(struct entry *entry) {
    entry->seed = ++model.seed;
    for (size_t i = 0; i < entry->size; i++) entry->at[i] = (char)(entry->seed + i * 7);
}

static void check_contents(const struct entry *entry, const char *at, size_t size) {
    for (size_t i = 0; i < size; i++) CHECK(at[i] == (char)(entry->seed + i * 7));
}

static void check_all(void) {
    for (size_t i = 0; i < model.count; i++) {
        const struct entry *entry = &model.entries[i];
        if (entry->kind == CONTENTS) check_contents(entry, entry->at, entry->size);
        if (entry->size != 0) CHECK(arena_bytes_owns(model.arena, entry->at));
    }
}

static void check_counts(void) {
    size_t used = arena_bytes_used(model.arena);
    CHECK(arena_bytes_cap(model.arena) == model.capacity && used <= model.capacity);
    CHECK(arena_bytes_remaining(model.arena) == model.capacity - used);
    struct arena_stats stats = {.struct_size = sizeof stats};
    CHECK(arena_bytes_get_stats(model.arena, &stats) == ARENA_OK);
    CHECK(stats.used_bytes == used && stats.peak_bytes >= used && stats.blocks >= 1);
}

/* Is it the last of what takes room? */
static bool is_last(size_t index) {
    for (size_t i = index + 1; i < model.count; i++) {
        if (model.entries[i].size != 0) return false;
    }
    return true;
}
static size_t floor_count(void) { return model.depth == 0 ? 0 : model.places[model.depth - 1].count; }

static void add(char *at, size_t size, enum kind kind) {
    model.entries[model.count] = (struct entry){at, size, 0, kind, false, false};
    if (kind == CONTENTS) write_entry(&model.entries[model.count]);
    model.count++;
    model.handed += size;
}

/* A call asked for `size` bytes at `align`, when `before` were used: was what it did right? */
static void check_taken(const char *at, size_t size, size_t align, size_t before) {
    size_t used = arena_bytes_used(model.arena);
    size_t left = model.capacity - before;
    bool valid = (align & (align - 1)) == 0;
    if (align == 0) align = alignof(max_align_t);
    if (at == NULL) {
        CHECK(used == before);
        size_t most = align - 1 + (model.fixed ? 48 : 0);
        bool memory = size > MOST_BYTES; /* as the system likes */
        CHECK(!valid || memory || (size != 0 && (size > left || most > left - size)));
        return;
    }
    CHECK(valid && (uintptr_t)at % align == 0);
    CHECK(size == 0 ? used == before : size <= left && used - before >= size);
    if (!model.fixed) CHECK(used - before - size < align);
}

/* --- choices ------------------------------------------------------------------------------------------------------ */

static size_t choose_size(struct input *input) {
    static const size_t large[] = {
        100,  127,  128,   255,   256, 257, 500,   1000,         2000,         3300,     4096,           5000,
        8192, 9000, 20000, 70000, 300, 600, 65536, SIZE_MAX / 2, SIZE_MAX - 1, SIZE_MAX, SIZE_MAX - 4095};
    uint8_t choice = input_byte(input);
    size_t size = choice < 192 ? choice % 80 : large[choice % (sizeof large / sizeof large[0])];
    return size < MOST_BYTES && model.handed + size > MOST_BYTES ? 0 : size;
}
static size_t choose_align(struct input *input) {
    static const size_t table[] = {0, 1, 1, 8, 16, 2, 4, 32, 64, 128, 1024, 4096, 65536, 3, 1, 8};
    return table[input_below(input, 16)];
}

/* --- what takes room ----------------------------------------------------------------------------------------------- */

static void take(struct input *input, int way) {
    size_t size = choose_size(input);
    size_t align = choose_align(input);
    size_t before = arena_bytes_used(model.arena);
    static const char from[70000] = "something to copy";
    char *at = NULL;
    switch (way) {
    case 0:
        at = arena_bytes_try_alloc(model.arena, size, align);
        if (at != NULL && model.clear != ARENA_CLEAR_NEVER) CHECK(bytes_are_zero(at, size));
        break;
    case 1:
        at = arena_bytes_try_alloc_raw(model.arena, size, align);
        break;
    case 2:
        at = arena_bytes_try_memdup(model.arena, NULL, size, align);
        if (at != NULL) CHECK(bytes_are_zero(at, size));
        break;
    default:
        if (size > sizeof from) return;
        at = arena_bytes_try_memdup(model.arena, from, size, align);
        if (at != NULL) CHECK(memcmp(at, from, size) == 0);
        break;
    }
    check_taken(at, size, align, before);
    if (at != NULL) add(at, size, CONTENTS);
}

static void constant_sizes(void) {
    size_t before = arena_bytes_used(model.arena);
    char *at = arena_bytes_try_alloc(model.arena, 24, 8);
    check_taken(at, 24, 8, before);
    if (at == NULL) return;
    if (model.clear != ARENA_CLEAR_NEVER) CHECK(bytes_are_zero(at, 24));
    add(at, 24, CONTENTS);
}

static void print(struct input *input) {
    size_t size = choose_size(input) % 9000;
    static char text[9000];
    memset(text, 'x', size);
    text[size] = 0;
    size_t before = arena_bytes_used(model.arena);
    const char *argument = arena_bytes_try_strdup(model.arena, text);
    if (argument == NULL) {
        check_taken(NULL, size + 1, 1, before);
        argument = text;
    } else {
        add((char *)(uintptr_t)argument, size + 1, OTHER);
    }
    before = arena_bytes_used(model.arena);
    char *at = arena_bytes_try_printf(model.arena, "%s", argument);
    check_taken(at, size + 1, 1, before);
    if (at == NULL) return;
    CHECK(strcmp(at, text) == 0 && strcmp(argument, text) == 0);
    add(at, size + 1, CONTENTS);
}

static void take_one(void) {
    char *at = arena_bytes_try_alloc(model.arena, 1, 1);
    if (at != NULL) add(at, 1, CONTENTS);
}

static void buffer(struct input *input) {
    struct arena_buffer it = {.arena = model.arena};
    size_t length = 0;
    static char expected[20000];
    for (size_t rounds = input_below(input, 12); rounds != 0; rounds--) {
        size_t before = arena_bytes_used(model.arena);
        struct arena_buffer was = it;
        bool done = true;
        size_t more = 0;
        if (length > 4000) break;
        switch (input_below(input, 4)) {
        case 0:
            more = input_below(input, 100);
            memset(expected + length, (int)more, more);
            done = arena_buffer_try_append(&it, expected + length, more);
            break;
        case 1: /* itself */
            more = length;
            memcpy(expected + length, expected, more);
            done = arena_buffer_try_append(&it, it.data, more);
            break;
        case 2:
            more = 3;
            memcpy(expected + length, "17 ", 3);
            done = arena_buffer_try_printf(&it, "%d ", 17);
            break;
        default:
            take_one(); /* now it has to move */
            continue;
        }
        if (done) {
            length += more;
        } else {
            CHECK(memcmp(&was, &it, sizeof it) == 0 && arena_bytes_used(model.arena) == before);
            CHECK(length + more + 2 > model.capacity - before || model.fixed); /* not even moved */
        }
        CHECK(it.len == length && it.len <= it.cap);
        if (length != 0) CHECK(memcmp(it.data, expected, length) == 0);
    }
    if (it.cap != 0) add(it.data, it.cap, OTHER);
    take_one();
}

/* --- what changes a block ------------------------------------------------------------------------------------------ */

static void change(struct input *input, bool moves) {
    if (model.count == 0) return;
    uint8_t choice = input_byte(input);
    size_t index = (choice & 128) != 0 ? model.count - 1 : choice % model.count;
    struct entry *entry = &model.entries[index];
    if (entry->kind != CONTENTS) return;
    size_t size = choose_size(input);
    size_t align = moves ? choose_align(input) : 1;
    size_t before = arena_bytes_used(model.arena);
    size_t left = model.capacity - before;
    char *at = entry->at;
    if (moves) {
        at = arena_bytes_try_realloc(model.arena, entry->at, entry->size, size, align);
    } else if (!arena_bytes_resize(model.arena, entry->at, entry->size, size)) {
        at = NULL;
    }
    if (at == NULL) {
        CHECK(arena_bytes_used(model.arena) == before);
        CHECK(moves || size > entry->size);
        check_contents(entry, entry->at, entry->size);
        if (moves) check_taken(NULL, size, align, before);
        return;
    }
    size_t kept = size < entry->size ? size : entry->size;
    check_contents(entry, at, kept);
    if (size > kept) CHECK(bytes_are_zero(at + kept, size - kept));
    bool in_place = !moves || (at == entry->at && entry->size != 0 && size != 0);
    if (!in_place) {
        check_taken(at, size, align, before);
        add(at, size, CONTENTS);
        return;
    }
    if (size > entry->size) {
        CHECK(entry->size != 0); /* an empty block never grows in place */
        CHECK(index >= floor_count() && is_last(index) && !entry->loose && size - entry->size <= left);
        CHECK(arena_bytes_used(model.arena) == before + (size - entry->size));
    } else { /* where a later one has shrunk to nothing, what lies between them decides */
        size_t gained = before - arena_bytes_used(model.arena);
        bool last = index >= floor_count() && is_last(index) && !entry->loose;
        if (gained == 0 && size < entry->size) entry->loose = true;
        CHECK(gained == (last ? entry->size - size : 0) || (last && index + 1 < model.count && gained == 0));
    }
    model.handed += size - kept;
    entry->size = size;
    write_entry(entry);
}

/* --- cleanups ------------------------------------------------------------------------------------------------------ */

static void run_cleanup(void *user) {
    size_t index = (size_t)(uintptr_t)user;
    CHECK(model.running);
    while (model.run_next > model.run_from) {
        const struct entry *entry = &model.entries[--model.run_next];
        if (entry->kind == CLEANUP && !entry->cancelled) break;
    }
    CHECK(model.run_next == index && index >= model.run_from);
    check_all(); /* memory is as it was */
    CHECK(arena_bytes_try_alloc(model.arena, 1, 1) == NULL);
    CHECK(arena_reset_checked(arena_bytes_raw(model.arena)) == ARENA_EBUSY);
}

static void cleanups_begin(size_t from) {
    model.running = true;
    model.run_next = model.count;
    model.run_from = from;
}
static void cleanups_end(void) {
    model.running = false;
    while (model.run_next > model.run_from) {
        const struct entry *entry = &model.entries[--model.run_next];
        CHECK(entry->kind != CLEANUP || entry->cancelled);
    }
    for (size_t i = model.run_from; i < model.count; i++) model.handed -= model.entries[i].size;
    model.count = model.run_from;
}

static void defer(struct input *input) {
    size_t before = arena_bytes_used(model.arena);
    struct arena_cleanup *cleanup = arena_bytes_try_defer(model.arena, run_cleanup, (void *)(uintptr_t)model.count);
    size_t size = sizeof *cleanup + sizeof(void *);
    check_taken((char *)cleanup, size, alignof(struct arena_cleanup), before);
    if (cleanup == NULL) return;
    add((char *)cleanup, size, CLEANUP);
    if (input_below(input, 4) != 0) return;
    cleanup->run = NULL;
    model.entries[model.count - 1].cancelled = true;
}

/* --- marks --------------------------------------------------------------------------------------------------------- */

static void take_mark(void) {
    if (model.depth == MOST_MARKS) return;
    struct place *place = &model.places[model.depth++];
    *place = (struct place){.count = model.count, .used = arena_bytes_used(model.arena)};
    place->mark = arena_bytes_mark(model.arena);
}

static void forget_places(size_t depth) {
    if (depth < model.depth && !model.places[model.depth - 1].scratch) model.stale = model.places[model.depth - 1];
    model.depth = depth;
}

static void back_to(size_t index, bool ends) {
    struct place *place = &model.places[index];
    cleanups_begin(place->count);
    int status = ends ? arena_bytes_rewind_end_checked(model.arena, place->mark)
                      : arena_bytes_rewind_checked(model.arena, place->mark);
    CHECK(status == ARENA_OK);
    cleanups_end();
    CHECK(arena_bytes_used(model.arena) == place->used);
    forget_places(ends ? index : index + 1);
    check_all();
}

/* Those that the innermost scratch scope does not keep. */
static void rewind_some(struct input *input, bool ends) {
    size_t from = model.depth;
    while (from > 0 && !model.places[from - 1].scratch) from--;
    if (from == model.depth) return;
    back_to(from + input_below(input, model.depth - from), ends);
}

/* It is above the cursor where more was in use than is now; the zones that lie between blocks under a checker count as used
 * for neither, but move the cursor. */
static void use_stale(void) {
    if (poison_active()) return;
    if (model.stale.mark.serial == 0 || model.stale.used <= arena_bytes_used(model.arena)) return;
    CHECK(arena_bytes_rewind_checked(model.arena, model.stale.mark) == ARENA_EINVAL);
}

/* --- the whole ----------------------------------------------------------------------------------------------------- */

static void operate(struct input *input, unsigned nested);

static void scratch(struct input *input, unsigned nested) {
    if (nested == MOST_NESTED || model.depth == MOST_MARKS) return;
    size_t depth = model.depth;
    size_t count = model.count;
    size_t used = arena_bytes_used(model.arena);
    ARENA_SCRATCH(arena_bytes, model.arena) {
        model.places[model.depth++] = (struct place){.count = count, .used = used, .scratch = true};
        for (size_t i = input_below(input, 16); i != 0 && input_left(input); i--) operate(input, nested + 1);
        cleanups_begin(count);
        if (input_below(input, 2) != 0) break;
    }
    cleanups_end();
    forget_places(depth);
    CHECK(arena_bytes_used(model.arena) == used);
    check_all();
}

static void reset(void) {
    cleanups_begin(0);
    struct arena_mark mark = {0};
    if (model.depth != 0) mark = model.places[model.depth - 1].mark;
    arena_bytes_reset(model.arena);
    cleanups_end();
    model.depth = 0;
    CHECK(arena_bytes_used(model.arena) == 0);
    CHECK(arena_bytes_rewind_checked(model.arena, mark) == ARENA_EINVAL); /* from before, or zero */
    model.stale.mark.serial = 0;
}

static void set_cap(struct input *input) {
    size_t capacity = choose_size(input);
    if ((capacity & 1) != 0) capacity = arena_bytes_used(model.arena) + capacity / 4;
    size_t used = arena_bytes_used(model.arena);
    if (arena_bytes_set_cap(model.arena, capacity)) {
        CHECK(capacity >= used);
        model.capacity = capacity;
    } else {
        CHECK(capacity < used || model.fixed);
    }
}

static void operate(struct input *input, unsigned nested) {
    if (model.count + 16 > MOST_BLOCKS && nested == 0) reset();
    if (model.count + 16 > MOST_BLOCKS) return;
    switch (input_below(input, 24)) {
    case 0:
    case 1:
    case 2:
        take(input, 0);
        break;
    case 3:
        constant_sizes();
        break;
    case 4:
        take(input, 1);
        break;
    case 5:
        take(input, 2);
        break;
    case 6:
        take(input, 3);
        break;
    case 7:
        print(input);
        break;
    case 8:
        buffer(input);
        break;
    case 9:
    case 10:
        change(input, false);
        break;
    case 11:
        change(input, true);
        break;
    case 12:
        defer(input);
        break;
    case 13:
        take_mark();
        break;
    case 14:
        rewind_some(input, false);
        break;
    case 15:
        rewind_some(input, true);
        break;
    case 16:
    case 17:
    case 18:
        scratch(input, nested);
        break;
    case 19:
        use_stale();
        break;
    case 20:
        arena_bytes_trim(model.arena);
        break;
    case 21:
        set_cap(input);
        break;
    default:
        if (nested == 0) reset();
        break;
    }
    check_counts();
}

static void *source_take(size_t bytes, size_t align, void *user) {
    long *taken = user;
    void *memory;
    if (bytes > ((size_t)1 << 28) ||
        posix_memalign(&memory, align < sizeof(void *) ? sizeof(void *) : align, bytes) != 0)
        return NULL;
    memset(memory, 0xa5, bytes);
    ++*taken;
    return memory;
}
static void source_give(void *memory, size_t bytes, size_t align, void *user) {
    (void)align;
    if (bytes != 0) ((char *)memory)[bytes - 1] = 1;
    --*(long *)user;
    free(memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct input input = {data, data + size};
    if (size > 4096) return 0;
    long taken = 0;
    struct arena_source source = {source_take, source_give, &taken};
    struct arena_options options = {sizeof options, 0, 0};
    uint8_t choice = input_byte(&input);
    options.clear = choice % 3;
    if ((choice & 16) != 0) options.retain_bytes = ARENA_RETAIN_NONE;
    if ((choice & 32) != 0) options.block_bytes = 1 + choose_size(&input) % 20000;
    if ((choice & 64) != 0) options.source = &source;
    size_t capacity = (choice & 128) != 0 ? SIZE_MAX : 200 + (size_t)100 * input_byte(&input);
    memset(&model, 0, sizeof model);
    model.clear = options.clear;
    char *memory = malloc(PLACE_BYTES);
    CHECK(memory != NULL);
    memset(memory, 0xa5, PLACE_BYTES);
    size_t shift = input_below(&input, 16);
    struct arena *arena = NULL;
    switch (input_below(&input, 4)) {
    case 0:
        model.fixed = true;
        CHECK(arena_create_in(arena_type_bytes(), memory + shift, PLACE_BYTES - shift, &options, &arena) == ARENA_OK);
        break;
    case 1:
        CHECK(arena_create_on(arena_type_bytes(), memory + shift, PLACE_BYTES - shift, capacity, &options, &arena) ==
              ARENA_OK);
        break;
    default:
        CHECK(arena_create_with(arena_type_bytes(), capacity, &options, &arena) == ARENA_OK);
        break;
    }
    model.arena = arena_bytes_from_raw(arena);
    model.capacity = arena_cap(arena);
    CHECK(model.fixed || model.capacity == capacity);
    while (input_left(&input)) operate(&input, 0);
    check_all();
    cleanups_begin(0);
    arena_bytes_destroy(model.arena);
    cleanups_end();
    CHECK(taken == 0);
    free(memory);
    return 0;
}
