/* SPDX-License-Identifier: MIT */
#include "number.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum number_kind number_read(const char *text, int64_t *number) {
    /* strtoll alone would also take leading space and trailing text. */
    const char *digits = text + (*text == '-' || *text == '+');
    if (*digits == '\0' || digits[strspn(digits, "0123456789")] != '\0') return NUMBER_NONE;
    errno = 0;
    long long value = strtoll(text, NULL, 10);
    if (errno == ERANGE) return NUMBER_TOO_LARGE;
    *number = value;
    return NUMBER;
}
