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

#include "base/arith.h"
#include "base/compiler.h"
#include "platform/memory.h"

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
    _mm_sfence(); /* streamed stores are weakly ordered: the thread that has the arena next must see them */
    memset(start + streamed, 0, size_bytes - streamed);
}
#else
static void clear_far(char *start, size_t size_bytes) { clear_backward(start, size_bytes); }
#endif

NOINLINE void clear_bytes(void *start, size_t size_bytes) {
    if (size_bytes <= CLEAR_NEAR_BYTES) {
        memset(start, 0, size_bytes);
    } else if (size_bytes < FAR_BYTES) {
        clear_backward(start, size_bytes);
    } else {
        clear_far(start, size_bytes);
    }
}

/* --- memory of which nobody knows what was touched ---------------------------------------------------------------- */

#define ASKED_PAGES ((size_t)4096)

/* Zeroes whole pages, of which `map` says which are in memory.  What is not is discarded, not left alone: it may lie in
 * the swap.  Where little is in memory, all is discarded in one call.  How many pages from the first on are in memory
 * now. */
static size_t clear_pages(char *start, size_t count, size_t page, const unsigned char *map) {
    size_t present = 0;
    size_t first = 0;
    for (size_t i = 0; i < count; i++) present += map[i] & 1u;
    while (first < count && (map[first] & 1u) != 0) first++;
    if (present < count / 8 && pages_discard(start, count * page)) return 0;
    for (size_t from = 0, to; from < count; from = to) {
        for (to = from + 1; to < count && ((map[to] ^ map[from]) & 1u) == 0; to++) {}
        char *at = start + from * page;
        if ((map[from] & 1u) != 0 || !pages_discard(at, (to - from) * page)) clear_bytes(at, (to - from) * page);
    }
    return first;
}

char *clear_touched(char *start, size_t size_bytes) {
    char *end = start + size_bytes;
    if (size_bytes < CLEAR_ASK_BYTES) {
        clear_bytes(start, size_bytes);
        return end;
    }
    size_t page = pages_size();
    size_t head = arith_padding((uintptr_t)start, page);
    if (size_bytes < head + page) {
        clear_bytes(start, size_bytes);
        return end;
    }
    memset(start, 0, head);
    start += head;
    char *present = start;
    for (size_t pages = (size_t)(end - start) / page; pages != 0;) {
        unsigned char map[ASKED_PAGES];
        size_t count = pages < ASKED_PAGES ? pages : ASKED_PAGES;
        size_t first = count;
        if (pages_touched(start, count * page, map)) {
            first = clear_pages(start, count, page, map);
        } else {
            clear_bytes(start, count * page);
        }
        if (present == start) present += first * page;
        start += count * page;
        pages -= count;
    }
    memset(start, 0, (size_t)(end - start));
    return present == start ? end : present;
}
