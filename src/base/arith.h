/* SPDX-License-Identifier: MIT */
/* Every computation that turns sizes, counts and alignments into bytes and addresses: pure functions that cannot
 * overflow.  Each has its contract in ACSL, which tests/proof proves with Frama-C, for 64 and for 32 bits. */
#ifndef BASE_ARITH_H
#define BASE_ARITH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The largest block: the difference of two pointers into it must fit a ptrdiff_t. */
#define ARITH_MAX_BYTES ((size_t)PTRDIFF_MAX)

/* What the provers do not find by themselves: a multiple leaves no rest, and a number is its multiple and its rest. */
/*@ lemma multiple_leaves_no_rest: \forall integer n, k; n > 0 && k >= 0 ==> (n * k) % n == 0;
    lemma parts: \forall integer a, n; n > 0 && a >= 0 ==> a == n * (a / n) + a % n;
    lemma quotient_below: \forall integer a, b, n; n > 0 && a >= 0 && b >= 0 ==> (a <= b / n <==> a * n <= b); */

/*@ requires \valid(sum);
    assigns *sum;
    ensures \result != 0 <==> a + b <= SIZE_MAX;
    ensures \result != 0 ==> *sum == a + b;
    ensures \result == 0 ==> *sum == \old(*sum); */
static inline bool arith_add(size_t a, size_t b, size_t *sum) {
    if (a > SIZE_MAX - b) return false;
    *sum = a + b;
    return true;
}

/*@ requires \valid(product);
    assigns *product;
    ensures \result != 0 <==> a * b <= SIZE_MAX;
    ensures \result != 0 ==> *product == a * b;
    ensures \result == 0 ==> *product == \old(*product); */
static inline bool arith_mul(size_t a, size_t b, size_t *product) {
    if (b != 0 && a > SIZE_MAX / b) return false;
    *product = a * b;
    return true;
}

/* The least multiple of `align` that is not below `value`; false, and *rounded as it was, where a size_t cannot hold
   it. `align` is a power of two; the modulo compiles to a mask where it is known, and is not hot elsewhere. */
/*@ requires align > 0 && \valid(rounded);
    assigns *rounded;
    ensures \result != 0 <==> value % align == 0 || value - value % align + align <= SIZE_MAX;
    ensures \result != 0 ==> value <= *rounded < value + align && *rounded % align == 0;
    ensures \result == 0 ==> *rounded == \old(*rounded); */
static inline bool arith_round_up(size_t value, size_t align, size_t *rounded) {
    size_t rest = value % align;
    if (rest == 0) {
        *rounded = value;
        return true;
    }
    //@ assert value + (align - rest) == align * (value / align + 1);
    //@ assert (value + (align - rest)) % align == 0;
    return arith_add(value, align - rest, rounded);
}

/* How many bytes after `address` the next multiple of `align` lies. */
/*@ requires align > 0;
    assigns \nothing;
    ensures \result < align && (address + \result) % align == 0; */
static inline size_t arith_padding(uintptr_t address, size_t align) {
    size_t rest = (size_t)(address % align);
    //@ assert address + (align - rest) == align * (address / align + 1);
    //@ assert (address + (align - rest)) % align == 0;
    return rest == 0 ? 0 : align - rest;
}

/* The stride of slots of `size` bytes aligned to `align`, and the bytes that `capacity` of them take.  false: no such
 * block can exist. */
/*@ requires size > 0 && align > 0 && \valid(stride) && \valid(bytes) && \separated(stride, bytes);
    assigns *stride, *bytes;
    ensures \result != 0 ==> size <= *stride < size + align && *stride % align == 0;
    ensures \result != 0 ==> *bytes == capacity * *stride && *bytes <= ARITH_MAX_BYTES;
    ensures \result == 0 ==> (size % align != 0 && size - size % align + align > SIZE_MAX) ||
                             (size <= *stride < size + align && *stride % align == 0 &&
                              capacity * *stride > ARITH_MAX_BYTES); */
static inline bool arith_slots(size_t size, size_t align, size_t capacity, size_t *stride, size_t *bytes) {
    return arith_round_up(size, align, stride) && arith_mul(capacity, *stride, bytes) && *bytes <= ARITH_MAX_BYTES;
}

/* Do `count` slots of `stride` bytes fit into `room` bytes?  Division, so that nothing can overflow. */
/*@ requires stride > 0;
    assigns \nothing;
    ensures \result != 0 <==> count * stride <= room; */
static inline bool arith_fits(size_t count, size_t stride, size_t room) { return count <= room / stride; }

/* The sum of a time and a duration, held at the ends of the range. */
/*@ assigns \nothing;
    ensures \result == \max(INT64_MIN, \min(INT64_MAX, time_ns + duration_ns)); */
static inline int64_t arith_time_add(int64_t time_ns, int64_t duration_ns) {
    if (duration_ns > 0 && time_ns > INT64_MAX - duration_ns) return INT64_MAX;
    if (duration_ns < 0 && time_ns < INT64_MIN - duration_ns) return INT64_MIN;
    return time_ns + duration_ns;
}

#endif
