/* SPDX-License-Identifier: MIT */
#include "text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

static _Thread_local struct arena_bytes *json_arena;

static void *json_alloc(size_t size_bytes) {
    return json_arena == NULL ? NULL : arena_bytes_try_alloc_raw(json_arena, size_bytes, 0);
}

/* The reset takes everything back at once. */
static void json_free(void *memory) { (void)memory; }

void text_json_setup(void) {
    /* The seed of Jansson's hash tables is drawn here, so that no request pays for reading the random device. */
    json_object_seed(0);
    json_set_alloc_funcs(json_alloc, json_free);
}

void text_json_begin(struct arena_bytes *arena) { json_arena = arena; }

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
