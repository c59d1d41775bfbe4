/* SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include "base/poison.h"
#include "core/slots.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fuzz_wrong(const char *file, int line, const char *condition) {
    (void)fprintf(stderr, "%s:%d: not so: %s\n", file, line, condition);
    abort();
}

bool bytes_are_zero(const void *start, size_t size_bytes) {
    const unsigned char *bytes = start;
    for (size_t i = 0; i < size_bytes; i++) {
        if (bytes[i] != 0) return false;
    }
    return true;
}

/* --- input -------------------------------------------------------------------------------------------------------- */

size_t input_size(struct input *input, size_t unit, size_t near) {
    /* clang-format off */
    static const size_t borders[] = {
        0, 1, 2, 3, 4, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 127, 128, 255, 256, 257, 1000, 4095, 4096,
        4097, 8192, 65535, 65536, (size_t)1 << 20, (size_t)1 << 31, UINT32_MAX, PTRDIFF_MAX, SIZE_MAX,
    };
    /* clang-format on */
    enum { BORDERS = sizeof borders / sizeof borders[0] };
    size_t choice = input_below(input, BORDERS + 6);
    size_t border;
    if (choice < BORDERS) {
        border = borders[choice];
    } else if (choice < BORDERS + 3) {
        border = near;
    } else if (choice == BORDERS + 3) {
        border = unit == 0 ? 0 : SIZE_MAX / unit;
    } else if (choice == BORDERS + 4) {
        border = unit == 0 ? 0 : PTRDIFF_MAX / unit;
    } else {
        border = input_byte(input);
    }
    size_t beside = input_below(input, 5);
    return beside == 1 ? border - 1 : beside == 2 ? border + 1 : border;
}

static const size_t small_sizes[] = {1,  2,  3,  4,  5,  7,  8,  9,  12,  16,  20,  24,  31, 32,
                                     33, 40, 48, 56, 63, 64, 65, 72, 100, 128, 200, 255, 256};

struct arena_type input_small_type(struct input *input) {
    size_t size = small_sizes[input_below(input, sizeof small_sizes / sizeof small_sizes[0])];
    size_t flags = input_byte(input);
    return (struct arena_type){"small", size, (size_t)1 << (flags % 7), (flags & 128) != 0 ? model_drop : NULL};
}

struct arena_type input_type(struct input *input, bool *valid) {
    /* clang-format off */
    static const size_t sizes[] = {257, 1000, 4095, 4096, 4097, 65535, 65536, 65537, (size_t)1 << 20, 0, (size_t)1 << 31,
                                   PTRDIFF_MAX, (size_t)PTRDIFF_MAX + 1, SIZE_MAX};
    static const size_t aligns[] = {128, 256, 4096, 8192, 65536, (size_t)1 << 17, (size_t)1 << 21, 0, 3, 24, 4097,
                                    SIZE_MAX / 2 + 1, SIZE_MAX};
    /* clang-format on */
    struct arena_type type = input_small_type(input);
    type.name = "any size";
    size_t choice = input_below(input, 8 * sizeof sizes / sizeof sizes[0]);
    if (choice < sizeof sizes / sizeof sizes[0]) type.size = sizes[choice];
    choice = input_below(input, 4 * sizeof aligns / sizeof aligns[0]);
    if (choice < sizeof aligns / sizeof aligns[0]) type.align = aligns[choice];
    *valid = type.size != 0 && type.align != 0;
    for (size_t bit = 1; bit != 0 && bit < type.align; bit *= 2) {
        if ((type.align & bit) != 0) *valid = false;
    }
    return type;
}

/* --- the model ---------------------------------------------------------------------------------------------------- */

static struct model *models; /* those of types with a drop */

void model_start(struct model *model, const struct arena *arena, const struct arena_type *type, size_t capacity,
                 uint32_t clear, bool packed) {
    *model = (struct model){.type = *type, .capacity = capacity, .clear = clear, .packed = packed, .base = arena->base};
    model->stride = type->size + (type->align - type->size % type->align) % type->align;
    model->bound = MODEL_BYTES / model->stride;
    if (model->bound > MODEL_SLOTS) model->bound = MODEL_SLOTS;
    if (model->bound > capacity) model->bound = capacity;
    model->live = calloc(model->bound + 1, 1);
    model->copy = malloc(model->bound * model->stride + 1);
    CHECK(model->live != NULL && model->copy != NULL);
    CHECK(capacity == 0 || (uintptr_t)model->base % type->align == 0);
    model->outer = models;
    models = model;
}

void model_end(struct model *model) {
    struct model **link = &models;
    while (*link != model) link = &(*link)->outer;
    *link = model->outer;
    free(model->live);
    free(model->copy);
}

bool model_too_much(const struct model *model, size_t count) {
    return count <= model->capacity - model->used && count > model->bound - (model->packed ? model->used : 0);
}

bool model_fits(const struct model *model, size_t count) {
    if (count > model->capacity - model->used) return false;
    if (model->packed || model->joined || count == 0) return true;
    size_t run = 0;
    for (size_t i = 0; i < model->capacity; i++) {
        run = model->live[i] != 0 ? 0 : run + 1;
        if (run == count) return true;
    }
    return false;
}

static void write_pattern(struct model *model, unsigned char *to, size_t size_bytes) {
    uint32_t state = ++model->stamp * 2654435761u + 1;
    for (size_t i = 0; i < size_bytes; i++) {
        to[i] = (unsigned char)(state >> 24);
        state = state * 1664525u + 1013904223u;
    }
}

const void *model_values(struct model *model, size_t count) {
    static unsigned char values[MODEL_BYTES];
    static const unsigned char never_read[1] = {1};
    if (count > model->capacity - model->used || model_too_much(model, count)) return never_read;
    write_pattern(model, values, count * model->type.size);
    return values;
}

void model_take(struct model *model, void *slots, size_t count, enum model_contents contents, const void *values) {
    CHECK(slots != NULL);
    if (count == 0) return;
    size_t offset = (size_t)((char *)slots - model->base);
    size_t index = offset / model->stride;
    CHECK((char *)slots >= model->base && offset % model->stride == 0);
    CHECK(count <= model->capacity && index <= model->capacity - count);
    CHECK(!model->packed || index == model->used);
    CHECK(index + count <= model->bound);
    CHECK((uintptr_t)slots % model->type.align == 0);
    unsigned char *at = slots;
    size_t size = model->type.size;
    for (size_t i = 0; i < count; i++, at += model->stride) {
        CHECK(model->live[index + i] == 0);
        model->live[index + i] = 1;
        if (contents == MODEL_ZERO) CHECK(bytes_are_zero(at, model->stride));
        if (contents == MODEL_VALUES) CHECK(memcmp(at, (const unsigned char *)values + i * size, size) == 0);
        /* A writer fills its element; what lies behind it stays as the library left it. */
        write_pattern(model, at, size);
        memcpy(model->copy + (index + i) * model->stride, at, model->stride);
    }
    model->used += count;
}

void model_check(const struct model *model) {
    for (size_t i = 0; i < model->bound; i++) {
        if (model->packed && i >= model->used) break;
        if (model->live[i] == 0) continue;
        CHECK(memcmp(model->copy + i * model->stride, model->base + i * model->stride, model->stride) == 0);
    }
}

void model_check_counts(const struct model *model, size_t used, size_t remaining, size_t capacity) {
    CHECK(capacity == model->capacity);
    CHECK(used == model->used);
    CHECK(remaining == model->capacity - model->used);
}

/* --- drops and resets --------------------------------------------------------------------------------------------- */

static bool is_turn_of(struct model *model, const char *element) {
    if (!model->dropping) return false;
    size_t next = model->drop_next;
    while (next != 0 && model->live[next - 1] == 0) next--;
    if (next == 0 || element != model->base + (next - 1) * model->stride) return false;
    CHECK(memcmp(element, model->copy + (next - 1) * model->stride, model->stride) == 0); /* not cleared before */
    model->drop_next = next - 1;
    return true;
}

void model_drop(void *element, void *user) {
    (void)user;
    for (struct model *at = models; at != NULL; at = at->outer) {
        if (is_turn_of(at, element)) return;
    }
    fuzz_wrong(__FILE__, __LINE__, "an element is dropped once, last to first");
}

void model_drops_begin(struct model *model) {
    model->dropping = model->type.drop != NULL;
    model->drop_next = model->bound;
}

void model_drops_end(struct model *model) {
    if (!model->dropping) return;
    while (model->drop_next != 0 && model->live[model->drop_next - 1] == 0) model->drop_next--;
    CHECK(model->drop_next == 0); /* none was left out */
    model->dropping = false;
}

/* Where a memory checker is watching, what was taken back must not even be read. */
#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif
#ifdef WITH_ASAN
int __asan_address_is_poisoned(const volatile void *address);
static bool forbidden(const void *address) { return __asan_address_is_poisoned(address) != 0; }
#else
static bool forbidden(const void *address) {
    (void)address; /* Valgrind tells by itself */
    return true;
}
#endif

/* AddressSanitizer marks eight bytes at a time: a group that reaches past the arena's end may be open. */
static bool closed(const struct model *model, const char *address) {
    uintptr_t group_end = ((uintptr_t)address | 7) + 1;
    return !poison_active() || group_end > (uintptr_t)(model->base + model->capacity * model->stride) ||
           forbidden(address);
}

void model_reset(struct model *model) {
    for (size_t i = 0; i < model->bound; i++) {
        if (model->live[i] == 0) {
            if (model->packed) break;
            continue;
        }
        const char *slot = model->base + i * model->stride;
        if (poison_active()) {
            CHECK(closed(model, slot) && closed(model, slot + model->stride - 1));
        } else if (model->clear == ARENA_CLEAR_ON_RESET) {
            CHECK(bytes_are_zero(slot, model->stride));
        }
    }
    memset(model->live, 0, model->bound);
    model->used = 0;
}

/* --- operations on a struct arena ----------------------------------------------------------------------------------- */

struct plain_call {
    struct arena *arena;
    const void *values;
    size_t count;
    int kind;
    void *result;
};

static void call_plain(void *user) {
    struct plain_call *call = user;
    call->result = call->kind == 0   ? arena_alloc(call->arena, call->values)
                   : call->kind == 1 ? arena_alloc_slab(call->arena, call->count)
                                     : arena_alloc_slab_with(call->arena, call->values, call->count);
}

/* One allocation, in the plain or the try_ spelling: kind 0 one element, 1 a slab, 2 a slab of values. */
static void allocate(struct model *model, struct arena *arena, struct input *input) {
    size_t choice = input_byte(input);
    struct plain_call call = {.arena = arena, .kind = (int)(choice % 3), .count = 1};
    bool plain = (choice & 64) != 0;
    bool zero = (choice & 128) != 0 || call.kind == 1;
    if (call.kind != 0) call.count = input_size(input, model->stride, model->capacity - model->used);
    bool fits = call.count <= model->capacity - model->used;
    if (fits && model_too_much(model, call.count)) return;
    if (!zero) call.values = model_values(model, call.count);
    if (plain) {
        bool panicked = panics(call_plain, &call);
        CHECK(panicked == !fits);
    } else {
        call.result = call.kind == 0   ? arena_try_alloc(arena, call.values)
                      : call.kind == 1 ? arena_try_alloc_slab(arena, call.count)
                                       : arena_try_alloc_slab_with(arena, call.values, call.count);
    }
    CHECK((call.result != NULL) == fits);
    if (!fits) return;
    enum model_contents contents = !zero                                                 ? MODEL_VALUES
                                   : model->clear == ARENA_CLEAR_NEVER && call.kind == 1 ? MODEL_UNKNOWN
                                                                                         : MODEL_ZERO;
    model_take(model, call.result, call.count, contents, call.values);
}

/* What the inline code of a typed face does. */
static void allocate_inline(struct model *model, struct arena *arena) {
    if (model_too_much(model, 1)) return;
    const void *value = model_values(model, 1);
    struct arena_head *head = (struct arena_head *)(void *)arena;
    char *slot = head->cursor;
    if (slot != head->limit) {
        head->cursor = slot + model->stride;
        memcpy(slot, value, model->type.size);
        memset(slot + model->type.size, 0, model->stride - model->type.size);
    } else {
        slot = arena_try_alloc(arena, value);
    }
    CHECK((slot != NULL) == (model->used < model->capacity));
    if (slot != NULL) model_take(model, slot, 1, MODEL_VALUES, value);
}

/* A burst of up to 31 elements, ended or left. */
static void burst(struct model *model, struct arena *arena, struct input *input) {
    size_t choice = input_byte(input);
    struct arena_burst burst;
    arena_burst_begin(arena, &burst);
    size_t count = choice % 32;
    bool left = (choice & 32) != 0;
    const char *first = NULL;
    for (size_t i = 0; i < count && !model_too_much(model, left ? i + 1 : 1); i++) {
        const void *value = (choice & 64) != 0 ? NULL : model_values(model, 1);
        char *slot = arena_burst_put(&burst, value);
        size_t used = left ? model->used + i : model->used;
        CHECK((slot != NULL) == (used < model->capacity));
        if (slot == NULL) break;
        if (left) {
            if (first == NULL) first = slot;
            CHECK(slot == first + i * model->stride);
            memset(slot, 255, model->type.size);
        } else {
            model_take(model, slot, 1, value == NULL ? MODEL_ZERO : MODEL_VALUES, value);
        }
    }
    if (!left) {
        arena_burst_end(arena, &burst);
    } else if (input_below(input, 2) != 0) {
        struct arena_burst again; /* ends the one that was left */
        arena_burst_begin(arena, &again);
        arena_burst_end(arena, &again);
    } else {
        arena_trim(arena);
    }
    /* What a burst that was left has written is not live; whoever gets the slots next looks whether they are clear. */
}

void model_operate(struct model *model, struct arena *arena, struct input *input, bool reset) {
    switch (input_below(input, 10)) {
    case 0:
    case 1:
    case 2:
    case 3:
        allocate(model, arena, input);
        break;
    case 4:
        allocate_inline(model, arena);
        break;
    case 5:
        burst(model, arena, input);
        break;
    case 6:
        if (!reset) break;
        model_drops_begin(model);
        arena_reset(arena);
        model_drops_end(model);
        model_reset(model);
        break;
    case 7:
        arena_trim(arena);
        break;
    case 8: /* many at once, to get to the end */
        for (size_t i = input_byte(input); i != 0 && !model_too_much(model, 1); i--) {
            const void *value = (i & 1) != 0 ? model_values(model, 1) : NULL;
            void *slot = arena_try_alloc(arena, value);
            CHECK((slot != NULL) == (model->used < model->capacity));
            if (slot == NULL) break;
            model_take(model, slot, 1, value == NULL ? MODEL_ZERO : MODEL_VALUES, value);
        }
        break;
    default:
        model_check(model);
        break;
    }
    model_check_counts(model, arena_used(arena), arena_remaining(arena), arena_cap(arena));
    const struct arena_type *type = arena_type_of(arena);
    CHECK(type->size == model->type.size && type->align == model->type.align && type->drop == model->type.drop &&
          strcmp(type->name, model->type.name) == 0);
    if (model->packed && model->used < model->bound) CHECK(closed(model, model->base + model->used * model->stride));
}

/* --- panics ------------------------------------------------------------------------------------------------------- */

static void ignore(const char *message, void *user) {
    (void)user;
    CHECK(message[0] != 0);
}

bool panics(void (*body)(void *user), void *user) {
    arena_set_panic_handler(ignore, NULL);
    int status = arena_protect(body, user);
    CHECK(status == ARENA_OK || status == ARENA_EPANIC);
    return status == ARENA_EPANIC;
}

/* --- threads that take turns ---------------------------------------------------------------------------------------- */

struct turn {
    pthread_t thread;
    bool running;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    void (*body)(void *user); /* NULL: none to run */
    void *user;
    bool done;
    bool end;
};
static struct turn turns[TURN_THREADS];

static void *take_turns(void *argument) {
    struct turn *turn = argument;
    (void)pthread_mutex_lock(&turn->mutex);
    while (!turn->end) {
        if (turn->body == NULL) {
            (void)pthread_cond_wait(&turn->changed, &turn->mutex);
            continue;
        }
        void (*body)(void *user) = turn->body;
        (void)pthread_mutex_unlock(&turn->mutex);
        body(turn->user);
        (void)pthread_mutex_lock(&turn->mutex);
        turn->body = NULL;
        turn->done = true;
        (void)pthread_cond_broadcast(&turn->changed);
    }
    (void)pthread_mutex_unlock(&turn->mutex);
    return NULL;
}

void turn_run(unsigned thread, void (*body)(void *user), void *user) {
    if (thread == 0) {
        body(user);
        return;
    }
    struct turn *turn = &turns[thread % TURN_THREADS];
    if (!turn->running) {
        static bool registered;
        /* A leak checker that looks while they live may miss what only they know. */
        if (!registered) registered = atexit(turn_end_all) == 0;
        *turn = (struct turn){.running = true};
        CHECK(pthread_mutex_init(&turn->mutex, NULL) == 0 && pthread_cond_init(&turn->changed, NULL) == 0);
        CHECK(pthread_create(&turn->thread, NULL, take_turns, turn) == 0);
    }
    (void)pthread_mutex_lock(&turn->mutex);
    turn->body = body;
    turn->user = user;
    turn->done = false;
    (void)pthread_cond_broadcast(&turn->changed);
    while (!turn->done) (void)pthread_cond_wait(&turn->changed, &turn->mutex);
    (void)pthread_mutex_unlock(&turn->mutex);
}

void turn_end(unsigned thread) {
    struct turn *turn = &turns[thread % TURN_THREADS];
    if (!turn->running) return; /* number 0 never is */
    (void)pthread_mutex_lock(&turn->mutex);
    turn->end = true;
    (void)pthread_cond_broadcast(&turn->changed);
    (void)pthread_mutex_unlock(&turn->mutex);
    CHECK(pthread_join(turn->thread, NULL) == 0);
    (void)pthread_cond_destroy(&turn->changed);
    (void)pthread_mutex_destroy(&turn->mutex);
    turn->running = false;
}

void turn_end_all(void) {
    for (unsigned i = 1; i < TURN_THREADS; i++) turn_end(i);
}
