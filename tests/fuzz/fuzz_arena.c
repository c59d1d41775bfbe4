/* SPDX-License-Identifier: MIT */
/* struct arena: every type, capacity and option there is, single values, slabs, bursts, the inline path, resets and
 * trims; and arenas of mixed values. */
#include "fuzz.h"

#include "core/slots.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

/* --- one type ----------------------------------------------------------------------------------------------------- */

/* What arena_create_with has to answer; ARENA_EFULL: OK or ENOMEM, as the system likes. */
static int expected_status(const struct arena_type *type, bool valid, size_t capacity,
                           const struct arena_options *options) {
    if (!valid || options->struct_size < sizeof(size_t) || options->clear > ARENA_CLEAR_NEVER ||
        (options->flags & ~7u) != 0 || (options->clear == ARENA_CLEAR_NEVER && type->drop != NULL)) {
        return ARENA_EINVAL;
    }
    size_t padding = (type->align - type->size % type->align) % type->align;
    if (type->size > SIZE_MAX - padding) return ARENA_ENOMEM;
    size_t stride = type->size + padding;
    if (capacity != 0 && stride > PTRDIFF_MAX / capacity) return ARENA_ENOMEM;
    if (type->align > ((size_t)1 << 24) || stride * capacity > ((size_t)1 << 29)) return ARENA_EFULL;
    return ARENA_OK;
}

static void one_type(struct input *input) {
    bool valid;
    struct arena_type type = input_type(input, &valid);
    size_t capacity = input_size(input, type.size, type.size == 0 ? 0 : MODEL_BYTES / type.size);
    struct arena_options options = {sizeof options, 0, 0};
    uint8_t choice = input_byte(input);
    options.clear = choice % 3;
    options.flags = (choice & 16) != 0 ? choice >> 5 : 0;
    if (choice == 255) options.struct_size = input_byte(input) % sizeof options; /* a caller of an older version */
    if (choice == 254) options.flags = 8;
    if (choice == 253) options.clear = 3;
    struct arena_options seen = {0};
    memcpy(&seen, &options, options.struct_size < sizeof(size_t) ? sizeof(size_t) : options.struct_size);

    /* The library copies what it keeps: descriptor and options are gone after the call. */
    struct arena_type *gone = malloc(sizeof *gone);
    CHECK(gone != NULL);
    *gone = type;
    struct arena *arena = (struct arena *)(void *)&type;
    /* To touch all of a large arena takes long. */
    int expected = expected_status(&type, valid, capacity, &seen);
    if (expected == ARENA_EFULL ||
        (expected == ARENA_OK && (capacity > 4 * MODEL_BYTES / type.size || capacity > 4 * MODEL_BYTES / type.align))) {
        seen.flags = options.flags = 0;
    }
    int status = arena_create_with(gone, capacity, &options, &arena);
    free(gone);
    CHECK(status == expected || (expected == ARENA_EFULL && (status == ARENA_OK || status == ARENA_ENOMEM)));
    CHECK((status == ARENA_OK) == (arena != NULL));
    if (arena == NULL) return;

    struct model model;
    model_start(&model, arena, &type, capacity, seen.clear, true);
    model_check_counts(&model, arena_used(arena), arena_remaining(arena), arena_cap(arena));
    while (input_left(input)) model_operate(&model, arena, input, true);
    model_check(&model);
    model_drops_begin(&model);
    arena_destroy(arena);
    model_drops_end(&model);
    model_end(&model);
}

/* --- mixed values ------------------------------------------------------------------------------------------------- */

enum { MIXED_SLOTS = 80 };

static struct {
    struct arena_any *slot;
    struct arena_type type; /* name NULL: a zeroed slot */
    unsigned char value[ARENA_ANY_MAX];
} mixed[MIXED_SLOTS];
static size_t mixed_used;
static size_t mixed_next; /* the slot after the next one to be dropped; 0 while nothing may be dropped */

static void drop_mixed(void *element, void *user) {
    (void)user;
    for (;;) {
        CHECK(mixed_next != 0);
        mixed_next--;
        if (mixed[mixed_next].type.name != NULL && mixed[mixed_next].type.drop != NULL) break;
    }
    CHECK(memcmp(element, mixed[mixed_next].value, mixed[mixed_next].type.size) == 0);
}

static struct arena_type mixed_type(struct input *input) {
    static const char names[][8] = {"a", "b", "int", "double", "c", "dd", "eee", "ffff"};
    uint8_t choice = input_byte(input);
    struct arena_type type = {names[choice % 8], 1 + (choice >> 3), (size_t)1 << (choice % 5), NULL};
    if ((choice & 64) != 0) type.drop = drop_mixed;
    if (choice == 250) type.size = ARENA_ANY_MAX + 1;
    if (choice == 251) type.size = 0;
    if (choice == 252) type.align = 2 * alignof(max_align_t);
    if (choice == 253) type.name = NULL;
    if (choice == 254) type.size = SIZE_MAX;
    return type;
}

static bool same(const struct arena_type *left, const struct arena_type *right) {
    return left->size == right->size && left->align == right->align && strcmp(left->name, right->name) == 0;
}

struct any_call {
    struct arena *arena;
    const struct arena_type *type;
    const void *value;
    struct arena_any *slot;
};
static void call_any(void *user) {
    struct any_call *call = user;
    call->slot = arena_alloc_any(call->arena, call->type, call->value);
}

static void mixed_put(struct arena *arena, size_t capacity, struct input *input) {
    struct arena_type type = mixed_type(input);
    uint8_t choice = input_byte(input);
    bool valid =
        type.name != NULL && type.size != 0 && type.size <= ARENA_ANY_MAX && type.align <= alignof(max_align_t);
    unsigned char value[ARENA_ANY_MAX];
    memset(value, choice, sizeof value);
    value[0] = (unsigned char)mixed_used;
    struct any_call call = {arena, &type, (choice & 1) != 0 ? value : NULL, NULL};
    if (call.value == NULL) memset(value, 0, sizeof value);
    bool fits = valid && mixed_used < capacity;
    if ((choice & 2) != 0) {
        CHECK(panics(call_any, &call) == !fits);
    } else {
        call.slot = arena_try_alloc_any(arena, &type, call.value);
    }
    CHECK((call.slot != NULL) == fits);
    if (!fits) return;
    mixed[mixed_used].slot = call.slot;
    mixed[mixed_used].type = type;
    memcpy(mixed[mixed_used].value, value, sizeof value);
    mixed_used++;
}

static void mixed_zeroed(struct arena *arena, size_t capacity) {
    struct arena_any *slot = arena_try_alloc(arena, NULL);
    CHECK((slot != NULL) == (mixed_used < capacity));
    if (slot == NULL) return;
    mixed[mixed_used].slot = slot;
    mixed[mixed_used].type = (struct arena_type){NULL, 0, 0, NULL};
    mixed_used++;
}

static void mixed_look(struct input *input) {
    struct arena_type asked = mixed_type(input);
    for (size_t i = 0; i < mixed_used; i++) {
        const struct arena_type *type = &mixed[i].type;
        const struct arena_type *found = arena_any_type(mixed[i].slot);
        CHECK((found == NULL) == (type->name == NULL));
        void *value = arena_any_get(mixed[i].slot, &asked);
        bool is_it = type->name != NULL && asked.name != NULL && same(type, &asked);
        CHECK((value != NULL) == is_it);
        if (found == NULL) continue;
        CHECK(same(found, type) && found->drop == type->drop && found->name != type->name);
        value = arena_any_get(mixed[i].slot, type);
        CHECK(value != NULL && (uintptr_t)value % type->align == 0);
        CHECK(memcmp(value, mixed[i].value, type->size) == 0);
    }
}

static void mixed_values(struct input *input) {
    size_t capacity = input_below(input, MIXED_SLOTS);
    struct arena_options options = {sizeof options,
                                    input_below(input, 2) == 0 ? ARENA_CLEAR_ON_RESET : ARENA_CLEAR_ON_HANDOUT, 0};
    struct arena *arena;
    CHECK(arena_create_with(arena_type_any(), capacity, &options, &arena) == ARENA_OK);
    mixed_used = 0;
    while (input_left(input)) {
        switch (input_below(input, 8)) {
        case 0:
            mixed_zeroed(arena, capacity);
            break;
        case 1:
            mixed_next = mixed_used;
            arena_reset(arena);
            for (; mixed_next != 0; mixed_next--) CHECK(mixed[mixed_next - 1].type.drop == NULL);
            mixed_used = 0;
            break;
        case 2:
            mixed_look(input);
            break;
        default:
            mixed_put(arena, capacity, input);
            break;
        }
        CHECK(arena_used(arena) == mixed_used && arena_remaining(arena) == capacity - mixed_used);
    }
    mixed_next = mixed_used;
    arena_destroy(arena);
    for (; mixed_next != 0; mixed_next--) CHECK(mixed[mixed_next - 1].type.drop == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct input input = {data, data + size};
    if (size > 4096) return 0;
    if (input_below(&input, 4) == 0) {
        mixed_values(&input);
    } else {
        one_type(&input);
    }
    return 0;
}
