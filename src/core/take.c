/* SPDX-License-Identifier: MIT */
/* Handing out by a call: what the window did not have, slabs, and values of any size.
 *
 * The inline path is take.h.  A take moves the cursor first, and fills afterwards: what it hands out has the contents
 * of before until then, so nothing here calls the program in between.
 */
#include "core/slots.h"

#include "base/arith.h"
#include "base/poison.h"
#include "core/bytes.h"
#include "core/clear.h"

void slots_copy_general(const struct arena *arena, char *slot, const void *value) {
    size_t size = arena->type->size;
    memcpy(slot, value, size);
    if (UNLIKELY(size != arena->stride)) memset(slot + size, 0, arena->stride - size);
}

void slots_fill(const struct arena *arena, char *slab, const void *values, size_t count, bool clears) {
    size_t size = arena->type->size;
    if (values == NULL) {
        if (clears) clear_bytes(slab, count * arena->stride);
    } else if (count == 1) {
        slots_copy_one(arena, slab, values);
    } else if (size == arena->stride) {
        memcpy(slab, values, count * size);
    } else {
        const char *from = values;
        char *past = slab + count * arena->stride;
        for (char *slot = slab; slot != past; slot += arena->stride, from += size) {
            slots_copy_general(arena, slot, from);
        }
    }
}

/* Takes `count` slots, whose contents are still those of before; NULL when there is no room. */
static char *take_raw(struct arena *arena, size_t count) {
    slots_settle(arena);
    if (slots_sealed(arena)) return NULL;
    if (arena->bytes && count != 0) return bytes_take(arena, count, 1);
    char *slab = arena->head.cursor;
    if (!arith_fits(count, arena->stride, (size_t)(arena->bound - slab))) {
        size_t bytes;
        return arith_mul(count, arena->stride, &bytes) ? slots_take_run(arena, bytes, 1) : NULL;
    }
    char *past = slab + count * arena->stride;
    arena->head.cursor = past;
    if (past > arena->head.limit) arena->head.limit = past;
    if (arena->watched) {
        slots_show(arena, slab, past);
        slots_show_to_leak_checker(arena, past);
    }
    return slab;
}

void *slots_take_slow(struct arena *arena, const void *value) {
    char *slot = take_raw(arena, 1);
    if (slot == NULL) return NULL;
    if (value != NULL) {
        slots_copy_one(arena, slot, value);
    } else {
        slots_zero_slot(arena, slot);
    }
    return slot;
}

void *slots_take_slab(struct arena *arena, size_t count) {
    char *slab = take_raw(arena, count);
    if (slab == NULL) return NULL;
    if (arena->clear != ARENA_CLEAR_NEVER) slots_clear_for_handout(arena, slab, slab + count * arena->stride);
    if (arena->zeroes) slots_refresh(arena);
    return slab;
}

void *slots_take_slab_with(struct arena *arena, const void *values, size_t count) {
    char *slab = take_raw(arena, count);
    if (slab == NULL || count == 0) return slab;
    if (values == NULL) {
        slots_clear_for_handout(arena, slab, slab + count * arena->stride);
        if (arena->watched) poison_clear(slab, count * arena->stride); /* zeros count as written, whatever the policy */
    } else {
        slots_fill(arena, slab, values, count, false);
    }
    return slab;
}
