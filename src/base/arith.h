/* Every computation that turns sizes, counts and alignments into bytes and addresses: pure functions that cannot
 * overflow.  Each has its contract in ACSL, for proof with Frama-C; 64- and 32-bit alike. */
#ifndef BASE_ARITH_H
#define BASE_ARITH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The largest block: the difference of two pointers into it must fit a ptrdiff_t. */
#define ARITH_MAX_BYTES ((size_t)PTRDIFF_MAX)

/*@ assigns \nothing;
    ensures \result != 0 <==> (\exists integer k; 0 <= k < 64 && value == (1 << k)); */
static inline bool arith_is_power_of_two(size_t value) {
    return value != 0 && (value & (value - 1)) == 0;
}

/*@ requires \valid(sum);
    assigns *sum;
    ensures \result != 0 <==> a + b <= SIZE_MAX;
    ensures \result != 0 ==> *sum == a + b; */
static inline bool arith_add(size_t a, size_t b, size_t *sum) {
    if (a > SIZE_MAX - b) return false;
    *sum = a + b;
    return true;
}

/*@ requires \valid(product);
    assigns *product;
    ensures \result != 0 <==> a * b <= SIZE_MAX;
    ensures \result != 0 ==> *product == a * b; */
static inline bool arith_mul(size_t a, size_t b, size_t *product) {
    if (b != 0 && a > SIZE_MAX / b) return false;
    *product = a * b;
    return true;
}

/* The least multiple of `align` that is not below `value`.
   `align` is a power of two; the modulo compiles to a mask where it is known, and is not hot elsewhere. */
/*@ requires align > 0 && \valid(rounded);
    assigns *rounded;
    ensures \result != 0 ==> *rounded >= value && *rounded - value < align && *rounded % align == 0; */
static inline bool arith_round_up(size_t value, size_t align, size_t *rounded) {
    size_t rest = value % align;
    if (rest == 0) {
        *rounded = value;
        return true;
    }
    return arith_add(value, align - rest, rounded);
}

/* How many bytes after `address` the next multiple of `align` lies. */
/*@ requires align > 0;
    assigns \nothing;
    ensures \result < align && (address + \result) % align == 0; */
static inline size_t arith_padding(uintptr_t address, size_t align) {
    size_t rest = (size_t)(address % align);
    return rest == 0 ? 0 : align - rest;
}

/* The stride of slots of `size` bytes aligned to `align`, and the bytes that `capacity` of them take.  false: no such
 * block can exist. */
/*@ requires size > 0 && align > 0 && \valid(stride) && \valid(bytes) && \separated(stride, bytes);
    assigns *stride, *bytes;
    ensures \result != 0 ==> *stride >= size && *stride - size < align && *stride % align == 0;
    ensures \result != 0 ==> *bytes == capacity * *stride && *bytes <= ARITH_MAX_BYTES; */
static inline bool arith_slots(size_t size, size_t align, size_t capacity, size_t *stride, size_t *bytes) {
    return arith_round_up(size, align, stride) && arith_mul(capacity, *stride, bytes) && *bytes <= ARITH_MAX_BYTES;
}

/* Do `count` slots of `stride` bytes fit into `room` bytes?  Division, so that nothing can overflow. */
/*@ requires stride > 0;
    assigns \nothing;
    ensures \result != 0 <==> count * stride <= room; */
static inline bool arith_fits(size_t count, size_t stride, size_t room) {
    return count <= room / stride;
}

/* The sum of a time and a duration, held at the ends of the range. */
/*@ assigns \nothing;
    ensures \result == \max(INT64_MIN, \min(INT64_MAX, time_ns + duration_ns)); */
static inline int64_t arith_time_add(int64_t time_ns, int64_t duration_ns) {
    if (duration_ns > 0 && time_ns > INT64_MAX - duration_ns) return INT64_MAX;
    if (duration_ns < 0 && time_ns < INT64_MIN - duration_ns) return INT64_MIN;
    return time_ns + duration_ns;
}

#endif
