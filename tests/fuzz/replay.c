/* SPDX-License-Identifier: MIT */
/* Runs a harness over files: the committed corpus, without libFuzzer.  Arguments: files and directories. */
#include "fuzz.h"

#include "base/poison.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static size_t files;

static void replay_file(const char *path) {
    static uint8_t data[1 << 16];
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL);
    size_t size = fread(data, 1, sizeof data, file);
    (void)fclose(file);
    /* In a block of its own size, so that reading past the end is seen. */
    uint8_t *copy = malloc(size + 1);
    CHECK(copy != NULL);
    for (size_t i = 0; i < size; i++) copy[i] = data[i];
    (void)LLVMFuzzerTestOneInput(copy, size);
    free(copy);
    files++;
}

static void replay(const char *path) {
    struct stat status;
    if (stat(path, &status) != 0) {
        perror(path);
        exit(1);
    }
    if (!S_ISDIR(status.st_mode)) {
        replay_file(path);
        return;
    }
    DIR *directory = opendir(path);
    CHECK(directory != NULL);
    const struct dirent *entry;
    while ((entry = readdir(directory)) != NULL) {
        char name[4096];
        if (entry->d_name[0] == '.') continue;
        int length = snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        CHECK(length > 0 && (size_t)length < sizeof name);
        replay(name);
    }
    (void)closedir(directory);
}

int main(int count, char **arguments) {
#ifdef ARENA_NO_POISON
    CHECK(!poison_active());
#endif
    for (int i = 1; i < count; i++) replay(arguments[i]);
    (void)printf("%zu files\n", files);
    return files == 0; /* a corpus that is not there tests nothing */
}
