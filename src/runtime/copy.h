/* SPDX-License-Identifier: MIT */
/* Which copy of the library made something.
 *
 * A process may have several copies, a static one in a plugin beside the shared one, and each is a library of its own:
 * its threads' tables, its scopes, its numbers.  What was made by one and is handed to another must be told from its
 * own.  So each such object bears the address of a variable that every copy has for itself, and the slow paths look at
 * it.  Hot paths need not: what they find in this copy's tables names what it is of, and a foreign object is in none of
 * them.
 */
#ifndef RUNTIME_COPY_H
#define RUNTIME_COPY_H

#include "base/compiler.h"

#include <stdbool.h>

struct copy_stamp {
    const void *copy;
};

extern const char copy_here __attribute__((visibility("hidden")));

static inline void copy_stamp(struct copy_stamp *stamp) { stamp->copy = &copy_here; }
static inline bool copy_is_here(const struct copy_stamp *stamp) { return stamp->copy == &copy_here; }

/* What is said of it.  copy_panic: in a call that has no status. */
#define COPY_REFUSAL "it was made by another copy of the library in this process"
_Noreturn void copy_panic(const char *function) COLD;

#endif
