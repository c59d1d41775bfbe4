/* SPDX-License-Identifier: MIT */
/* What the harnesses share: reading choices out of the input, sizes from a boundary table, threads that take turns, and
 * the model of an arena that they compare the library with.
 *
 * A harness is one function, LLVMFuzzerTestOneInput.  It interprets its input as a sequence of operations, does each in
 * the library and in the model, and aborts where they differ.  What is random in a run is in the input alone.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <arena/arena.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Says what is not so, and aborts.  On in every build. */
#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) fuzz_wrong(__FILE__, __LINE__, #condition);                                                  \
    } while (0)
_Noreturn void fuzz_wrong(const char *file, int line, const char *condition);

/* --- input -------------------------------------------------------------------------------------------------------- */

struct input {
    const uint8_t *at;
    const uint8_t *end;
};

static inline bool input_left(const struct input *input) { return input->at != input->end; }
/* The next byte; 0 past the end. */
static inline uint8_t input_byte(struct input *input) { return input->at == input->end ? 0 : *input->at++; }
/* A number below `bound`. */
static inline size_t input_below(struct input *input, size_t bound) { return input_byte(input) % bound; }

/* A size around one of the borders: small ones, powers of two, the ends of 16, 31, 32 and 63 bits, SIZE_MAX, the
 * borders of `unit` (how many of it fit into SIZE_MAX and PTRDIFF_MAX), and `near`: each, one less and one more. */
size_t input_size(struct input *input, size_t unit, size_t near);

/* A type from a table: sizes and alignments around the borders of the ways of copying, clearing and mapping.  Sometimes
 * one that is not valid: *valid says. */
struct arena_type input_type(struct input *input, bool *valid);
/* The same without the extremes, for harnesses that are about something else; size <= 256, align <= 64. */
struct arena_type input_small_type(struct input *input);

/* --- the model ---------------------------------------------------------------------------------------------------- */

#define MODEL_BYTES ((size_t)1 << 19) /* what is handed out of one arena and looked at */
#define MODEL_SLOTS ((size_t)1 << 16)

/* What has been handed out of an arena since the last reset, and what it should contain. */
struct model {
    struct arena_type type; /* its drop, where there is one, is model_drop */
    size_t stride;
    size_t capacity;
    size_t used;
    uint32_t clear;
    bool packed;      /* slots are handed out in order */
    bool joined;      /* the free ones are in one piece, wherever it lies */
    bool dropping;    /* between model_drops_begin and model_drops_end */
    size_t drop_next; /* the slot after the one whose turn it is */
    char *base;
    uint8_t *live;       /* by slot: 1 when handed out */
    unsigned char *copy; /* by byte: what live slots contain */
    uint32_t stamp;      /* of the next pattern to be written */
    size_t bound;        /* slots that the arrays have room for */
    struct model *outer; /* of the list of all models, for model_drop */
};

/* Starts the model of an empty arena that has just been made. */
void model_start(struct model *model, const struct arena *arena, const struct arena_type *type, size_t capacity,
                 uint32_t clear, bool packed);
void model_end(struct model *model);

/* Is it too much to look at? */
bool model_too_much(const struct model *model, size_t count);
/* Must a run of `count` slots be found? */
bool model_fits(const struct model *model, size_t count);

enum model_contents {
    MODEL_ZERO,   /* all bytes */
    MODEL_VALUES, /* copies of `values`, `size` bytes apart */
    MODEL_UNKNOWN
};
/* `count` slots were handed out at `slots`: checks place and contents, and writes a pattern of its own into them. */
void model_take(struct model *model, void *slots, size_t count, enum model_contents contents, const void *values);
/* Values for `count` elements, in the model's own buffer; one byte, where they must not be read because nothing fits. */
const void *model_values(struct model *model, size_t count);

/* Is every live slot as it was left, and do the counts agree? */
void model_check(const struct model *model);
void model_check_counts(const struct model *model, size_t used, size_t remaining, size_t capacity);

/* Around a reset or destroy of the arena: that each live element is dropped once, last to first. */
void model_drops_begin(struct model *model);
void model_drops_end(struct model *model);
/* After a reset: nothing is live; what was, reads zero or is out of bounds to a memory checker, as promised. */
void model_reset(struct model *model);

/* The drop function of types that have one: the element must be the next one to go of some model that is dropping. */
void model_drop(void *element, void *user);

/* One operation on a struct arena out of those that every owner of one may do, checked against the model.  reset: resets
 * are among them. */
void model_operate(struct model *model, struct arena *arena, struct input *input, bool reset);

bool bytes_are_zero(const void *start, size_t size_bytes);

/* --- panics ------------------------------------------------------------------------------------------------------- */

/* Runs body(user) under arena_protect without the message.  Did it panic? */
bool panics(void (*body)(void *user), void *user);

/* --- threads that take turns ---------------------------------------------------------------------------------------- */

#define TURN_THREADS 4

/* Runs body(user) on thread number `thread` (0: the caller's) and waits for it.  Threads start when they are first
 * needed. */
void turn_run(unsigned thread, void (*body)(void *user), void *user);
/* Ends a thread; its next turn has a new one. */
void turn_end(unsigned thread);
void turn_end_all(void);

#endif
