/* SPDX-License-Identifier: MIT */
/* struct arena_concurrent, with and without chunks, used by threads that take turns: every operation in every spelling,
 * contexts that have ended, the gate acquired and released, threads that end.
 *
 * At each moment one thread runs, so that the model knows what each operation has to answer.  Slots lie wherever the
 * chunks put them; a slab has to be found where a run of free slots is left, and with ARENA_GATE_ONLY whenever there are as
 * many free ones.
 */
#include "fuzz.h"

#include "core/slots.h"

#include <stdlib.h>
#include <string.h>

static struct arena_concurrent *arena;
static struct model model;
static struct input *input;
static unsigned thread;                   /* whose turn it is */
static unsigned holder;                   /* who has acquired the gate; TURN_THREADS: nobody */
static struct arena *inside;              /* of the holder */
static struct arena_context *contexts[3]; /* live, cancelled, timed out */

/* What an operation with a context answers before it looks at the arena. */
static int refusal(size_t context) {
    if (holder == thread) return ARENA_EBUSY;
    return context == 2 ? ARENA_ECANCELED : context == 3 ? ARENA_ETIMEDOUT : ARENA_OK;
}
static struct arena_context *context_of(size_t choice) { return choice == 0 ? NULL : contexts[choice - 1]; }

static struct arena_permit permit; /* that is out; arena NULL: none is */

/* What a checked spelling, or one that does not wait, answers while the gate is taken. */
static int taken(void) { return holder != TURN_THREADS || permit.arena != NULL ? ARENA_EBUSY : ARENA_OK; }
static bool waits(void) { return permit.arena != NULL || (holder != TURN_THREADS && holder != thread); }

/* The arena reads values before it looks for room: where there is none, they have to be there all the same, unless there are
 * more than it has slots. */
static const void *values_of(size_t count) {
    static const unsigned char read_in_vain[MODEL_BYTES] = {1};
    if ((count <= model.capacity || count == 1) && !model_fits(&model, count)) return read_in_vain;
    return model_values(&model, count);
}

struct call {
    int kind; /* 0 one element, 1 a slab, 2 a slab of values, 3 reset, 4 trim, 5 release, 6 destroy */
    const void *values;
    size_t count;
    void *result;
};

static void plain(void *user) {
    struct call *call = user;
    switch (call->kind) {
    case 0:
        call->result = arena_concurrent_alloc(arena, call->values);
        break;
    case 1:
        call->result = arena_concurrent_alloc_slab(arena, call->count);
        break;
    case 2:
        call->result = arena_concurrent_alloc_slab_with(arena, call->values, call->count);
        break;
    case 3:
        arena_concurrent_reset(arena);
        break;
    case 4:
        arena_concurrent_trim(arena);
        break;
    case 5:
        arena_concurrent_release(arena);
        break;
    default:
        arena_concurrent_destroy(arena);
        break;
    }
}

static void try_plain(void *user) {
    struct call *call = user;
    call->result = call->kind == 0   ? arena_concurrent_try_alloc(arena, call->values)
                   : call->kind == 1 ? arena_concurrent_try_alloc_slab(arena, call->count)
                                     : arena_concurrent_try_alloc_slab_with(arena, call->values, call->count);
}

static int with_context(struct call *call, struct arena_context *context) {
    call->result = call;
    return call->kind == 0 ? arena_concurrent_alloc_context(arena, context, call->values, &call->result)
           : call->kind == 1
               ? arena_concurrent_alloc_slab_context(arena, context, call->count, &call->result)
               : arena_concurrent_alloc_slab_with_context(arena, context, call->values, call->count, &call->result);
}

static void allocate(void) {
    size_t choice = input_byte(input);
    struct call call = {.kind = (int)(choice % 3), .count = 1};
    size_t spelling = (choice >> 2) % 3;
    bool zero = (choice & 128) != 0 || call.kind == 1;
    size_t context = input_below(input, 4);
    if (call.kind != 0) call.count = input_size(input, model.stride, model.capacity - model.used);
    bool fits = model_fits(&model, call.count);
    if (!zero) call.values = values_of(call.count);
    if (spelling == 2) {
        int refused = refusal(context);
        if (taken() != ARENA_OK && refused == ARENA_OK) return; /* would wait */
        int status = with_context(&call, context_of(context));
        CHECK(status == (refused != ARENA_OK ? refused : fits ? ARENA_OK : ARENA_EFULL));
        CHECK((status == ARENA_OK) == (call.result != NULL));
        if (status != ARENA_OK) return;
    } else {
        if (waits()) return;
        bool panicked = panics(spelling == 0 ? plain : try_plain, &call);
        CHECK(panicked == (holder == thread || (spelling == 0 && !fits)));
        if (panicked) return;
        CHECK((call.result != NULL) == fits);
        if (!fits) return;
    }
    enum model_contents contents = !zero                                                ? MODEL_VALUES
                                   : model.clear == ARENA_CLEAR_NEVER && call.kind == 1 ? MODEL_UNKNOWN
                                                                                        : MODEL_ZERO;
    model_take(&model, call.result, call.count, contents, call.values);
}

static void fill(void) {
    if (taken() != ARENA_OK) return;
    for (size_t i = input_byte(input); i != 0; i--) {
        const void *value = (i & 1) != 0 ? values_of(1) : NULL;
        void *slot = arena_concurrent_try_alloc(arena, value);
        CHECK((slot != NULL) == (model.used < model.capacity));
        if (slot == NULL) return;
        model_take(&model, slot, 1, value == NULL ? MODEL_ZERO : MODEL_VALUES, value);
    }
}

static void reset(void) {
    size_t context = input_below(input, 5);
    if (context == 4) {
        if (waits()) return;
        if (holder != thread) model_drops_begin(&model);
        struct call call = {.kind = 3};
        bool panicked = panics(plain, &call);
        CHECK(panicked == (holder == thread));
        if (panicked) return;
    } else {
        int refused = refusal(context);
        if (taken() != ARENA_OK && refused == ARENA_OK) return;
        if (refused == ARENA_OK) model_drops_begin(&model);
        CHECK(arena_concurrent_reset_context(arena, context_of(context)) == refused);
        if (refused != ARENA_OK) return;
    }
    model_drops_end(&model);
    model_reset(&model);
}

static void acquire(void) {
    size_t context = input_below(input, 4);
    int refused = refusal(context);
    struct arena *out = (struct arena *)(void *)&model;
    if (input_below(input, 4) == 0) { /* which does not wait */
        refused = taken();
        CHECK(arena_concurrent_try_acquire(arena, &out) == refused);
    } else {
        if (taken() != ARENA_OK && refused == ARENA_OK) return;
        CHECK(arena_concurrent_acquire(arena, context_of(context), &out) == refused);
    }
    CHECK((out != NULL) == (refused == ARENA_OK));
    if (out == NULL) return;
    holder = thread;
    inside = out;
    model_check_counts(&model, arena_used(inside), arena_remaining(inside), arena_cap(inside));
}

/* Any thread may take one, and any other give it back. */
static void take_permit(void) {
    size_t context = input_below(input, 5);
    int refused = context == 4 ? taken() : refusal(context);
    if (context != 4 && taken() != ARENA_OK && refused == ARENA_OK) return;
    struct arena_permit out = {(struct arena *)(void *)&model, 1};
    CHECK((context == 4 ? arena_concurrent_try_acquire_permit(arena, &out)
                        : arena_concurrent_acquire_permit(arena, context_of(context), &out)) == refused);
    CHECK((out.arena != NULL) == (refused == ARENA_OK));
    if (out.arena == NULL) return;
    permit = out;
    inside = out.arena;
    model_check_counts(&model, arena_used(inside), arena_remaining(inside), arena_cap(inside));
}

static void release_permit(void) {
    struct arena_permit wrong = {permit.arena, permit.ticket + 1 + input_below(input, 3)};
    CHECK(arena_concurrent_release_permit(arena, &wrong) == ARENA_EINVAL);
    const struct arena_permit copy = permit;
    permit = (struct arena_permit){NULL, 0};
    CHECK(arena_concurrent_release_permit(arena, &copy) == ARENA_OK);
    CHECK(arena_concurrent_release_permit(arena, &copy) == ARENA_EINVAL);
}

static void inside_or_release(void) {
    if (holder != thread && permit.arena == NULL) {
        struct call call = {.kind = 5};
        if (input_below(input, 2) == 0) {
            CHECK(panics(plain, &call));
        } else {
            CHECK(arena_concurrent_release_checked(arena) == ARENA_EINVAL);
        }
        return;
    }
    if (input_below(input, 4) != 0) {
        /* Slots may come out of any free run. */
        size_t count = input_below(input, 40);
        size_t kind = input_below(input, 4);
        if (kind == 0) {
            model_drops_begin(&model);
            arena_reset(inside);
            model_drops_end(&model);
            model_reset(&model);
        }
        bool fits = model_fits(&model, count);
        void *slab = arena_try_alloc_slab(inside, count);
        CHECK((slab != NULL) == fits);
        if (fits) model_take(&model, slab, count, model.clear == ARENA_CLEAR_NEVER ? MODEL_UNKNOWN : MODEL_ZERO, NULL);
        while (kind == 1) { /* to the last slot */
            const void *value = model_values(&model, 1);
            void *slot = arena_try_alloc(inside, value);
            CHECK((slot != NULL) == (model.used < model.capacity));
            if (slot == NULL) break;
            model_take(&model, slot, 1, MODEL_VALUES, value);
        }
        if (kind == 2) arena_trim(inside);
        model_check_counts(&model, arena_used(inside), arena_remaining(inside), arena_cap(inside));
        return;
    }
    if (permit.arena != NULL) {
        release_permit();
        return;
    }
    if (input_below(input, 2) == 0) {
        arena_concurrent_release(arena);
    } else {
        CHECK(arena_concurrent_release_checked(arena) == ARENA_OK);
    }
    holder = TURN_THREADS;
}

static void others(void) {
    bool checked = input_below(input, 2) == 0;
    struct call call = {.kind = input_below(input, 2) == 0 ? 4 : 6};
    if (call.kind == 4) {
        if (waits()) return;
        if (checked) {
            CHECK(arena_concurrent_trim_checked(arena) == taken());
        } else {
            CHECK(panics(plain, &call) == (holder == thread));
        }
    } else if (taken() != ARENA_OK) { /* destroy while the gate is held */
        CHECK(checked ? arena_concurrent_destroy_checked(arena) == ARENA_EBUSY : panics(plain, &call));
    }
    model_check(&model);
}

static void one_turn(void *user) {
    (void)user;
    switch (input_below(input, 11)) {
    case 0:
    case 1:
    case 2:
    case 3:
        allocate();
        break;
    case 4:
        fill();
        break;
    case 5:
        reset();
        break;
    case 6:
        acquire();
        break;
    case 7:
    case 8:
        inside_or_release();
        break;
    case 9:
        take_permit();
        break;
    default:
        others();
        break;
    }
    /* Beside a holder they may lag. */
    if (waits()) return;
    model_check_counts(&model, arena_concurrent_used(arena), arena_concurrent_remaining(arena),
                       arena_concurrent_cap(arena));
}

static void release_at_last(void *user) {
    (void)user;
    arena_concurrent_release(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct input at = {data, data + size};
    if (size > 1024) return 0;
    input = &at;
    if (contexts[0] == NULL) {
        CHECK(arena_context_with_cancel(NULL, &contexts[0]) == ARENA_OK);
        CHECK(arena_context_with_cancel(NULL, &contexts[1]) == ARENA_OK);
        arena_context_cancel(contexts[1]);
        CHECK(arena_context_with_timeout(NULL, 0, &contexts[2]) == ARENA_OK);
    }
    struct arena_type type = input_small_type(input);
    size_t capacity = input_byte(input);
    uint8_t choice = input_byte(input);
    if ((choice & 1) != 0) capacity = capacity * 7 + 1;
    struct arena_options options = {sizeof options, (choice >> 1) % 3, (choice & 16) != 0 ? ARENA_GATE_ONLY : 0};
    if (options.clear == ARENA_CLEAR_NEVER) type.drop = NULL;
    CHECK(arena_concurrent_create_with(&type, capacity, &options, &arena) == ARENA_OK);
    model_start(&model, (struct arena *)(void *)arena, &type, capacity, options.clear, false);
    model.joined = options.flags == ARENA_GATE_ONLY;
    holder = TURN_THREADS;
    permit = (struct arena_permit){NULL, 0};
    while (input_left(input)) {
        thread = (unsigned)input_below(input, TURN_THREADS);
        if (input_below(input, 16) == 15 && thread != holder) turn_end(thread);
        turn_run(thread, one_turn, NULL);
    }
    if (holder != TURN_THREADS) turn_run(holder, release_at_last, NULL);
    if (permit.arena != NULL) release_permit();
    model_check(&model);
    model_drops_begin(&model);
    arena_concurrent_destroy(arena);
    model_drops_end(&model);
    model_end(&model);
    return 0;
}
