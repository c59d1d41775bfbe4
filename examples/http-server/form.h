/* SPDX-License-Identifier: MIT */
/* arena-http-server: form-encoded text (application/x-www-form-urlencoded) and the numbers in it.
 *
 * Nothing here allocates: pairs are slices of the text they were found in, and unescaping works in place, because it
 * never makes a text longer.  Thread safety: any thread, on texts of its own.
 */
#ifndef FORM_H
#define FORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum form_status {
    FORM_OK = 0,
    FORM_PERCENT,  /* a '%' without two hexadecimal digits after it */
    FORM_ZERO,     /* a zero byte, escaped or not */
    FORM_NUMBER,   /* not a whole number */
    FORM_TOO_LARGE /* a whole number that does not fit int64_t */
};

/* What a status means, as the end of a sentence whose subject is a field.  Static. */
const char *form_strerror(enum form_status status);

/* One `key=value`, still escaped.  Without a '=' the value is empty. */
struct form_pair {
    const char *key;
    size_t key_size_bytes;
    const char *value;
    size_t value_size_bytes;
};

/* The next pair of [*cursor, end), whose '&'-separated parts may be empty: those are skipped.  False at the end. */
bool form_next(const char **cursor, const char *end, struct form_pair *pair);

/* Turns '+' into a space and %XX into its byte, in place.  FORM_PERCENT and FORM_ZERO leave the text half done. */
enum form_status form_unescape(char *text, size_t *size_bytes);

/* A decimal number with an optional sign, and nothing else around it; `text` ends with a zero byte. */
enum form_status form_number(const char *text, int64_t *number);

#endif
