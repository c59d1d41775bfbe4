/* SPDX-License-Identifier: MIT */
/* arena-http-server: whole numbers as text. */
#ifndef NUMBER_H
#define NUMBER_H

#include <stdint.h>

enum number_kind { NUMBER, NUMBER_NONE, NUMBER_TOO_LARGE };

/* A sign, digits, and nothing else.  *number changes only where it is one. */
enum number_kind number_read(const char *text, int64_t *number);

#endif
