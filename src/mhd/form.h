/* SPDX-License-Identifier: MIT */
/* The fields of a body of type application/x-www-form-urlencoded, decoded. */
#ifndef MHD_FORM_H
#define MHD_FORM_H

#include <arena/mhd.h>
#include <stddef.h>

struct form {
    size_t count;
    struct arena_field fields[];
};

/* In one block, for free().  NULL: no memory. */
struct form *form_decode(const char *body, size_t size_bytes);

#endif
