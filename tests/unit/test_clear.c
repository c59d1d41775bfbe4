/* SPDX-License-Identifier: MIT */
/* Clearing: all of what is asked and nothing else. */
#include "core/clear.h"

#include "../support.h"

#include <arena/arena.h>

/* All of it and nothing else, whatever the size, which decides the way, and wherever it begins and ends. */
TEST(clears_exactly_what_is_asked) {
    enum { ROOM = 128 };
    static const size_t sizes[] = {0, 1, 63, CLEAR_NEAR_BYTES, CLEAR_NEAR_BYTES + 1, (size_t)1 << 20, (size_t)32 << 20};
    static const size_t odd[] = {0, 1, 8, 24, 56, 63, 64};
    enum { SIZES = sizeof sizes / sizeof sizes[0], ODD = sizeof odd / sizeof odd[0] };
    size_t most = sizes[SIZES - 1] + 2 * ROOM + ROOM;
    unsigned char *memory = aligned_alloc(64, most);
    assert_non_null(memory);
    memset(memory, 'x', most);
    for (size_t s = 0; s < SIZES; s++) {
        for (size_t o = 0; o < ODD; o++) {
            unsigned char *start = memory + ROOM + odd[o];
            size_t size = sizes[s] + odd[ODD - 1 - o] / 3;
            clear_bytes(start, size);
            assert_int_equal(start[-1], 'x');
            assert_int_equal(start[size], 'x');
            assert_true(memcmp(memory, memory + 1, ROOM - 1) == 0 &&
                        memcmp(start + size, start + size + 1, ROOM / 2) == 0);
            assert_true(all_zero(start, size));
            memset(start, 'x', size);
        }
    }
    free(memory);
}

int main(void) { return support_run("clear"); }
