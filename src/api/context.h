/* SPDX-License-Identifier: MIT */
/* The insides of struct arena_context that the other handles need. */
#ifndef API_CONTEXT_H
#define API_CONTEXT_H

#include <arena/context.h>

#include <stdbool.h>

struct cancel_node;

/* Not one that another copy of the library made (runtime/copy.h). */
bool context_usable(const struct arena_context *context);

/* The node that ends with the context; NULL for the background. */
struct cancel_node *context_node(struct arena_context *context);

#endif
