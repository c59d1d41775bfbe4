/* SPDX-License-Identifier: MIT */
/* How memory is cleared, by size.  The figures are ratios to "touch everything, then memset", see docs/performance.md.
 *
 *   up to a few KiB    memset: it fits the first-level cache.
 *   up to FAR_BYTES    memset in pieces from the far end: what was touched last is still in the cache, and what is
 *                      cleared last is what the next generation uses first.  Small pieces up to the size of a
 *                      second-level cache; above, larger ones, because going down in small steps defeats the
 *                      prefetchers.
 *   above              non-temporal stores, where there are any: the block is larger than the last-level cache, so to
 *                      read the lines in only to overwrite them would be wasted.
 */
#include "core/clear.h"

#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#define SMALL_PIECE_BYTES ((size_t)24 << 10) /* three quarters of the smallest first-level cache in use */
#define LARGE_BYTES ((size_t)1 << 20)
#define LARGE_PIECE_BYTES ((size_t)256 << 10)
#define FAR_BYTES ((size_t)32 << 20)

static void clear_backward(char *start, size_t size_bytes) {
    size_t piece_bytes = size_bytes < LARGE_BYTES ? SMALL_PIECE_BYTES : LARGE_PIECE_BYTES;
    while (size_bytes > piece_bytes) {
        size_bytes -= piece_bytes;
        memset(start + size_bytes, 0, piece_bytes);
    }
    memset(start, 0, size_bytes);
}

#if defined(__SSE2__)
/* Streams whole lines; the ragged ends go the ordinary way. */
static void clear_far(char *start, size_t size_bytes) {
    size_t head = (size_t)(-(uintptr_t)start & 63);
    memset(start, 0, head);
    start += head;
    size_bytes -= head;
    size_t streamed = size_bytes & ~(size_t)63;
    const __m128i zero = _mm_setzero_si128();
    for (char *line = start; line != start + streamed; line += 64) {
        __m128i *to = (__m128i *)(void *)line;
        _mm_stream_si128(to, zero);
        _mm_stream_si128(to + 1, zero);
        _mm_stream_si128(to + 2, zero);
        _mm_stream_si128(to + 3, zero);
    }
    _mm_sfence(); /* streamed stores are weakly ordered: whoever is handed this arena next must see them */
    memset(start + streamed, 0, size_bytes - streamed);
}
#else
static void clear_far(char *start, size_t size_bytes) { clear_backward(start, size_bytes); }
#endif

void clear_bytes(void *start, size_t size_bytes) {
    if (size_bytes <= CLEAR_NEAR_BYTES) {
        memset(start, 0, size_bytes);
    } else if (size_bytes < FAR_BYTES) {
        clear_backward(start, size_bytes);
    } else {
        clear_far(start, size_bytes);
    }
}
