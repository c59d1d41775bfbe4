/* SPDX-License-Identifier: MIT */
/* Marks: places to rewind to.  See slots.h for the floor.
 *
 * A mark that a call took (struct arena_mark) has a number.  A rewind to it makes the numbers after it void, of which the
 * arena remembers one range: the last, or what it makes with the one before.  A block of memory knows which marks are older than
 * its use.  So of marks that are used though they are void, those above the cursor and those in that range are always found,
 * and so are those in a block that was free in between, or lies where one did.
 *
 * A scratch scope that inline code entered says no more than where it began, and what the floor was: that is enough, because
 * its block of memory is found by address.
 */
#ifndef CORE_MARK_H
#define CORE_MARK_H

#include "core/slots.h"

void mark_take(struct arena *arena, struct arena_mark *mark);
/* Is it one that the arena can be taken back to? */
bool mark_valid(const struct arena *arena, const struct arena_mark *mark);
/* Takes back what was handed out since.  `ends`: the mark too. */
void mark_rewind(struct arena *arena, const struct arena_mark *mark, bool ends);

/* No mark that was taken so far can be used any more. */
void mark_end_all(struct arena *arena);

struct arena_scratch mark_enter_scratch(struct arena *arena);
void mark_leave_scratch(struct arena *arena, const struct arena_scratch *scratch);

#endif
