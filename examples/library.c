/* SPDX-License-Identifier: MIT */
/* Handing an arena to another library: one that takes an allocator, of the shape that zlib's has, and one that is made of
 * libarena itself. */
#include <arena/adapter.h>
#include <arena/arena.h>

#include <stdio.h>

/* As in <zlib.h>; with the real one it is z_stream. */
struct stream {
    void *(*zalloc)(void *opaque, unsigned items, unsigned size);
    void (*zfree)(void *opaque, void *address);
    void *opaque;
    int *window;
};
static int stream_begin(struct stream *stream) {
    stream->window = stream->zalloc(stream->opaque, 1000, sizeof *stream->window);
    return stream->window == NULL ? -1 : 0;
}

/* A library that wants an arena of its own, which it resets as it likes, is given a child. */
static void work(struct arena_bytes *own) {
    for (int round = 0; round < 100; round++) {
        (void)arena_bytes_alloc(own, 1000, 8);
        arena_bytes_reset(own);
    }
}

int main(void) {
    struct arena_bytes *arena = arena_bytes_create(SIZE_MAX);
    if (arena == NULL) return 1;
    struct stream stream = {arena_adapter_zlib_alloc, arena_adapter_zlib_free, arena, NULL}; /* that is all */
    if (stream_begin(&stream) != 0) return 1;
    printf("the library's memory is the arena's: %s\n", arena_bytes_owns(arena, stream.window) ? "yes" : "no");

    struct arena_source source = arena_bytes_source(arena);
    struct arena_options options = {.struct_size = sizeof options, .source = &source};
    struct arena_bytes *child = arena_bytes_create_with(SIZE_MAX, &options);
    if (child == NULL) return 1;
    work(child);
    arena_bytes_destroy(child);
    arena_bytes_reset(arena); /* the stream and its window are gone, and must not be used or ended any more */
    printf("%zu bytes in use\n", arena_bytes_used(arena));
    arena_bytes_destroy(arena);
    return 0;
}
