/* SPDX-License-Identifier: MIT */
#include "json.h"

#include <jansson.h>

static _Thread_local struct arena_bytes *json_arena;

static void *json_alloc(size_t size_bytes) {
    return json_arena == NULL ? NULL : arena_bytes_try_alloc_raw(json_arena, size_bytes, 0);
}

/* The reset takes everything back at once. */
static void json_free(void *memory) { (void)memory; }

void json_setup(void) {
    /* The seed of Jansson's hash tables is drawn here, so that no request pays for reading the random device. */
    json_object_seed(0);
    json_set_alloc_funcs(json_alloc, json_free);
}

void json_begin(struct arena_bytes *arena) { json_arena = arena; }

void json_end(void) { json_arena = NULL; }
