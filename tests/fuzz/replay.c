/* SPDX-License-Identifier: MIT */
/* Runs a harness over inputs, without libFuzzer: those of the committed corpus, FILE.hex (corpus.py says what is in it), or
 * what libFuzzer left, one file for each. */
#include "fuzz.h"

#include "base/poison.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_BYTES = 1 << 16 };

static size_t inputs;

static void run(const uint8_t *data, size_t size_bytes) {
    /* In a block of its own size, so that reading past the end is seen. */
    uint8_t *copy = malloc(size_bytes == 0 ? 1 : size_bytes);
    CHECK(copy != NULL);
    memcpy(copy, data, size_bytes);
    (void)LLVMFuzzerTestOneInput(copy, size_bytes);
    free(copy);
    inputs++;
}

static uint8_t digit(char character) {
    static const char digits[] = "0123456789abcdef";
    const char *at = character == '\0' ? NULL : strchr(digits, character);
    CHECK(at != NULL);
    return (uint8_t)(at - digits);
}

static void run_line(const char *line) {
    static uint8_t data[MOST_BYTES];
    const char *name_end = strchr(line, ' ');
    const char *at = name_end == NULL ? line : name_end + 1;
    size_t size_bytes = 0;
    for (; *at != '\n'; at += 2) {
        CHECK(size_bytes < sizeof data);
        data[size_bytes++] = (uint8_t)(digit(at[0]) << 4 | digit(at[1]));
    }
    run(data, size_bytes);
}

static void replay(const char *path) {
    static char line[2 * MOST_BYTES + 256];
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    const char *ending = strrchr(path, '.');
    if (ending != NULL && strcmp(ending, ".hex") == 0) {
        while (fgets(line, sizeof line, file) != NULL) run_line(line);
    } else {
        run((const uint8_t *)line, fread(line, 1, MOST_BYTES, file));
    }
    (void)fclose(file);
}

int main(int count, char **arguments) {
#ifdef ARENA_NO_POISON
    CHECK(!poison_active());
#endif
    for (int i = 1; i < count; i++) replay(arguments[i]);
    (void)printf("%zu inputs\n", inputs);
    return inputs == 0; /* a corpus that is not there tests nothing */
}
