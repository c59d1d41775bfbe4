/* SPDX-License-Identifier: MIT */
/* The tree of contexts: children, deadlines that have passed or never come, cancellations, references, and the arenas
 * they carry.  The model is an array. */
#include "fuzz.h"

#include <string.h>

enum { CONTEXTS = 48, TYPES = 5 };

struct node {
    struct arena_context *context; /* NULL: no reference is left here */
    int parent;                    /* -1: the background */
    int status;
    unsigned references; /* the harness's */
    bool passed;         /* its deadline, its own or one from above, has passed */
    bool carries;
    int arena; /* -1: it hides what is above */
};

static struct node nodes[CONTEXTS];
static int count;

static const struct arena_type types[TYPES] = {
    {"int", 4, 4, NULL}, {"float", 4, 4, NULL}, {"int", 8, 4, NULL}, {"int", 4, 8, NULL}, {"other", 1, 1, NULL},
};
static struct arena *arenas[TYPES];

/* A context that the harness has a reference to; -1: the background. */
static int pick(struct input *input) {
    if (count == 0) return -1;
    int at = (int)input_below(input, (size_t)count + 1) - 1;
    return at >= 0 && nodes[at].context == NULL ? -1 : at;
}

static struct arena_context *context_at(int at, struct input *input) {
    if (at >= 0) return nodes[at].context;
    return input_below(input, 2) == 0 ? NULL : arena_context_background();
}

static int status_of(int at) { return at < 0 ? ARENA_OK : nodes[at].status; }
static bool passed(int at) { return at >= 0 && nodes[at].passed; }

static void add(struct input *input) {
    if (count == CONTEXTS) return;
    int parent = pick(input);
    struct arena_context *above = context_at(parent, input);
    struct node node = {.parent = parent, .references = 1, .status = status_of(parent), .passed = passed(parent)};
    int status;
    static const int64_t never[] = {INT64_MAX, INT64_MAX - 1, INT64_MAX / 2, (int64_t)1 << 60};
    static const int64_t gone[] = {0, -1, INT64_MIN, INT64_MIN + 1, -1000000000};
    switch (input_below(input, 6)) {
    case 0:
        status = arena_context_with_cancel(above, &node.context);
        break;
    case 1:
        status = arena_context_with_timeout(above, never[input_below(input, 4)], &node.context);
        break;
    case 2:
        status = arena_context_with_deadline(above, never[input_below(input, 4)], &node.context);
        break;
    case 3:
        status = arena_context_with_timeout(above, gone[input_below(input, 5)], &node.context);
        node.passed = true;
        break;
    case 4:
        status = arena_context_with_deadline(above, arena_clock_now() - (int64_t)input_byte(input), &node.context);
        node.passed = true;
        break;
    default:
        node.carries = true;
        node.arena = (int)input_below(input, TYPES + 1) - 1;
        status = arena_inject(above, node.arena < 0 ? NULL : arenas[node.arena], &node.context);
        break;
    }
    CHECK(status == ARENA_OK && node.context != NULL);
    if (node.status == ARENA_OK && node.passed) node.status = ARENA_ETIMEDOUT;
    nodes[count++] = node;
}

static bool is_below(int at, int top) {
    while (at >= 0 && at != top) at = nodes[at].parent;
    return at == top;
}

static void cancel(int top, struct input *input) {
    arena_context_cancel(context_at(top, input));
    if (top < 0) return;
    for (int i = 0; i < count; i++) {
        if (is_below(i, top) && nodes[i].status == ARENA_OK) nodes[i].status = ARENA_ECANCELED;
    }
}

static void release(int at) {
    arena_context_release(nodes[at].context);
    if (--nodes[at].references == 0) nodes[at].context = NULL;
}

static void extract(int at, struct input *input) {
    size_t type = input_below(input, TYPES);
    struct arena_type asked = types[type];
    char name[8];
    (void)strcpy(name, asked.name); /* the text counts, not where it lies */
    asked.name = name;
    struct arena *found = (struct arena *)(void *)&asked;
    int status = arena_extract(context_at(at, input), &asked, &found);
    for (; at >= 0; at = nodes[at].parent) {
        if (!nodes[at].carries) continue;
        if (nodes[at].arena < 0) break;
        if (nodes[at].arena == (int)type) {
            CHECK(status == ARENA_OK && found == arenas[type]);
            return;
        }
    }
    CHECK(status == ARENA_ENOARENA && found == NULL);
}

static void refused(struct input *input) {
    struct arena_context *out = NULL;
    struct arena *arena;
    struct arena_type bad = {NULL, 4, 4, NULL};
    CHECK(arena_context_with_cancel(NULL, NULL) == ARENA_EINVAL);
    CHECK(arena_inject(out, arenas[0], NULL) == ARENA_EINVAL);
    CHECK(arena_extract(context_at(pick(input), input), &bad, &arena) == ARENA_EINVAL && arena == NULL);
    CHECK(arena_extract(NULL, &types[0], NULL) == ARENA_EINVAL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct input input = {data, data + size};
    if (size > 1024) return 0;
    count = 0;
    for (int i = 0; i < TYPES; i++) {
        if (arenas[i] == NULL) CHECK(arena_create(&types[i], 1, &arenas[i]) == ARENA_OK);
    }
    while (input_left(&input)) {
        switch (input_below(&input, 8)) {
        case 0:
        case 1:
            add(&input);
            break;
        case 2:
            cancel(pick(&input), &input);
            break;
        case 3: {
            int at = pick(&input);
            CHECK(arena_context_retain(at < 0 ? NULL : nodes[at].context) == (at < 0 ? NULL : nodes[at].context));
            if (at >= 0) nodes[at].references++;
            break;
        }
        case 4: {
            int at = pick(&input);
            if (at >= 0) release(at);
            break;
        }
        case 5:
        case 6:
            extract(pick(&input), &input);
            break;
        default:
            refused(&input);
            break;
        }
        for (int i = 0; i < count; i++) {
            if (nodes[i].context != NULL) CHECK(arena_context_status(nodes[i].context) == nodes[i].status);
        }
        CHECK(arena_context_status(NULL) == ARENA_OK);
    }
    /* In any order. */
    bool forwards = count % 2 == 0;
    for (int i = 0; i < count; i++) {
        int at = forwards ? i : count - 1 - i;
        while (nodes[at].context != NULL) release(at);
    }
    return 0;
}
