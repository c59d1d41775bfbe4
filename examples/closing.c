/* SPDX-License-Identifier: MIT */
/* Closing files at the end of a request: whoever opens one says so to the arena, and whatever way the request ends, it is
 * closed. */
#include <arena/arena.h>

#include <stdio.h>

static void close_file(void *user) {
    puts("closed");
    (void)fclose((FILE *)user);
}

/* A file that lives as long as what is in the arena now; NULL: it cannot be had. */
static FILE *open_in(struct arena_bytes *arena) {
    struct arena_cleanup *cleanup = arena_bytes_try_defer(arena, NULL, NULL); /* room first: then nothing can fail */
    FILE *file = cleanup == NULL ? NULL : tmpfile();
    if (file != NULL) *cleanup = (struct arena_cleanup){close_file, file};
    return file;
}

static void serve(struct arena_bytes *arena, void *user) {
    FILE *file = open_in(arena);
    if (file == NULL || fputs((const char *)user, file) == EOF) return;
    if (ftell(file) > 10) arena_panic("too much for this request"); /* nobody else has to think of the file */
    printf("%ld bytes\n", ftell(file));
}

struct request {
    struct arena_bytes_pool *pool;
    char *text;
};
static void run(void *user) {
    struct request *request = (struct request *)user;
    (void)!arena_bytes_pool_execute(request->pool, serve, request->text);
}

int main(void) {
    char small[] = "short", large[] = "much too long";
    struct arena_bytes_pool *pool = arena_bytes_pool_create(SIZE_MAX);
    if (pool == NULL) return 1;
    puts(arena_strerror(arena_protect(run, &(struct request){pool, small})));
    puts(arena_strerror(arena_protect(run, &(struct request){pool, large})));
    return arena_bytes_pool_destroy(pool);
}
