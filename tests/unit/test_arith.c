/* SPDX-License-Identifier: MIT */
/* Arithmetic on sizes and times. tests/proof proves the first for all numbers, where its tools are there. */
#include "base/arith.h"

#include "../support.h"

#include <arena/arena.h>

/* tests/proof proves it for all numbers, where its tools are there; here are the small ones, and the ends. */
TEST(arithmetic_is_what_it_says) {
    static const size_t ends[] = {0, 1, 2, 3, 7, SIZE_MAX / 2, SIZE_MAX / 2 + 1, SIZE_MAX - 1, SIZE_MAX};
    enum { ENDS = sizeof ends / sizeof ends[0] };
    for (size_t i = 0; i < ENDS; i++) {
        for (size_t k = 0; k < ENDS; k++) {
            size_t a = ends[i];
            size_t b = ends[k];
            size_t result = 77;
            assert_int_equal(arith_add(a, b, &result), a + b >= a);
            assert_true(result == (a + b >= a ? a + b : 77));
            bool fits = a == 0 || a * b / a == b;
            result = 77;
            assert_int_equal(arith_mul(a, b, &result), fits);
            assert_true(result == (fits ? a * b : 77));
            if (b != 0) assert_int_equal(arith_fits(a, b, SIZE_MAX), fits);
        }
    }
    for (size_t align = 1; align <= 64; align *= 2) {
        for (size_t value = 0; value < 200; value++) {
            size_t wanted = value;
            while (wanted % align != 0) wanted++;
            size_t rounded = 77;
            assert_true(arith_round_up(value, align, &rounded) && rounded == wanted);
            assert_int_equal(arith_padding(value, align), wanted - value);
            rounded = 77;
            size_t large = SIZE_MAX - value;
            bool fits = large % align == 0 || SIZE_MAX - large >= align - large % align;
            assert_int_equal(arith_round_up(large, align, &rounded), fits);
            assert_true(fits ? rounded >= large && rounded - large < align && rounded % align == 0 : rounded == 77);
        }
    }
    for (size_t count = 0; count < 12; count++) {
        for (size_t stride = 1; stride < 12; stride++) {
            for (size_t room = 0; room < 150; room++)
                assert_int_equal(arith_fits(count, stride, room), count * stride <= room);
            size_t slots_stride;
            size_t bytes;
            assert_true(arith_slots(stride, 4, count, &slots_stride, &bytes));
            assert_true(slots_stride == (stride + 3) / 4 * 4 && bytes == count * slots_stride);
        }
    }
    size_t stride;
    size_t bytes;
    assert_true(arith_slots(1, 1, PTRDIFF_MAX, &stride, &bytes) && bytes == PTRDIFF_MAX);
    assert_false(arith_slots(1, 1, (size_t)PTRDIFF_MAX + 1, &stride, &bytes));
    assert_false(arith_slots(16, 1, SIZE_MAX / 16 + 1, &stride, &bytes));
    assert_false(arith_slots(SIZE_MAX, 2, 1, &stride, &bytes));
    static const int64_t times[] = {INT64_MIN, INT64_MIN + 1, -1, 0, 1, INT64_MAX - 1, INT64_MAX};
    for (size_t i = 0; i < 7; i++) {
        for (size_t k = 0; k < 7; k++) {
            double exact = (double)times[i] + (double)times[k];
            int64_t sum = arith_time_add(times[i], times[k]);
            if (exact >= 18e18) assert_true(sum == INT64_MAX);
            if (exact <= -18e18) assert_true(sum == INT64_MIN);
            if (times[i] == 0) assert_true(sum == times[k]);
            if (times[i] == -1 && times[k] != INT64_MIN) assert_true(sum == times[k] - 1);
            if (times[i] == 1 && times[k] != INT64_MAX) assert_true(sum == times[k] + 1);
        }
    }
    assert_true(arith_time_add(INT64_MAX, 1) == INT64_MAX && arith_time_add(1, INT64_MAX) == INT64_MAX);
    assert_true(arith_time_add(INT64_MIN, -1) == INT64_MIN && arith_time_add(-1, INT64_MIN) == INT64_MIN);
}

int main(void) { return support_run("arith"); }
