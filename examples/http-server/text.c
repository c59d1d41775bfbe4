/* SPDX-License-Identifier: MIT */
#include "text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

static _Thread_local struct text_arena *json_arena;

size_t text_blocks(size_t size_bytes) {
    size_t blocks = size_bytes / sizeof(struct text_block) + (size_bytes % sizeof(struct text_block) != 0);
    return blocks == 0 ? 1 : blocks;
}

void *text_alloc(struct text_arena *arena, size_t size_bytes) {
    struct text_arena_slab slab;
    return text_arena_try_alloc_slab(arena, text_blocks(size_bytes), &slab) ? slab.data : NULL;
}

char *text_format(struct text_arena *arena, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *text = length < 0 ? NULL : text_alloc(arena, (size_t)length + 1);
    if (text == NULL) return NULL;
    va_start(arguments, format);
    vsnprintf(text, (size_t)length + 1, format, arguments);
    va_end(arguments);
    return text;
}

static void *json_alloc(size_t size_bytes) { return json_arena == NULL ? NULL : text_alloc(json_arena, size_bytes); }

/* The reset takes everything back at once. */
static void json_free(void *memory) { (void)memory; }

void text_json_setup(void) {
    /* The seed of Jansson's hash tables is drawn here, so that no request pays for reading the random device. */
    json_object_seed(0);
    json_set_alloc_funcs(json_alloc, json_free);
}

void text_json_begin(struct text_arena *arena) { json_arena = arena; }

void text_json_end(void) { json_arena = NULL; }

enum text_number text_number(const char *text, int64_t *number) {
    /* strtoll alone would also take leading space and trailing text. */
    const char *digits = text + (*text == '-' || *text == '+');
    if (*digits == '\0' || digits[strspn(digits, "0123456789")] != '\0') return TEXT_NO_NUMBER;
    errno = 0;
    long long value = strtoll(text, NULL, 10);
    if (errno == ERANGE) return TEXT_TOO_LARGE;
    *number = value;
    return TEXT_NUMBER;
}
