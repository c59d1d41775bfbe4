/* SPDX-License-Identifier: MIT */
/* A library whose allocator has no user pointer, as that of Expat, Jansson, cJSON and libxml2: it works in the arena
 * that the thread has set, and on the heap where none is. */
#include <arena/adapter.h>
#include <arena/arena.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As in <cJSON.h>, and in other libraries under other names. */
struct hooks {
    void *(*allocate)(size_t size);
    void *(*reallocate)(void *block, size_t size);
    void (*release)(void *block);
};
static struct hooks hooks = {malloc, realloc, free};
static char *spell(const char *text) {
    char *spelt = NULL;
    size_t length = 0;
    for (; *text != 0; text++) {
        char *grown = hooks.reallocate(spelt, length + 3);
        if (grown == NULL) {
            if (spelt != NULL) hooks.release(spelt);
            return NULL;
        }
        spelt = grown;
        spelt[length++] = *text;
        spelt[length++] = '.';
        spelt[length] = 0;
    }
    return spelt;
}

static _Thread_local struct arena_bytes *current; /* NULL: the heap */
static void *take(size_t size) { return current == NULL ? malloc(size) : arena_adapter_nghttp2_malloc(size, current); }
static void *change(void *block, size_t size) {
    return current == NULL ? realloc(block, size) : arena_adapter_nghttp2_realloc(block, size, current);
}
static void give(void *block) { current == NULL ? free(block) : arena_adapter_nghttp2_free(block, current); }

int main(void) {
    struct arena_bytes *arena = arena_bytes_create(1000);
    if (arena == NULL) return 1;
    hooks = (struct hooks){take, change, give}; /* once, for all threads */

    char *heap = spell("heap");
    current = arena; /* from here on this thread's, for as long as one request lasts, say */
    char *text = spell("arena");
    char long_text[600] = "";
    char *none = spell(memset(long_text, 'x', sizeof long_text - 1));
    current = NULL;
    if (heap == NULL || text == NULL) return 1;

    printf("%s %s: in the arena: %s\n", heap, text, arena_bytes_owns(arena, text) ? "yes" : "no");
    printf("too long for it: %s\n", none == NULL ? "NULL" : "fits");
    hooks.release(heap);
    arena_bytes_destroy(arena); /* text with it */
    return 0;
}
