/* SPDX-License-Identifier: MIT */
#include "form.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *form_strerror(enum form_status status) {
    switch (status) {
    case FORM_OK: return "is in order";
    case FORM_PERCENT: return "has a '%' that is not followed by two hexadecimal digits";
    case FORM_ZERO: return "holds a zero byte";
    case FORM_NUMBER: return "is not a whole number";
    case FORM_TOO_LARGE: return "does not fit 64 bits";
    }
    return "is not in order";
}

bool form_next(const char **cursor, const char *end, struct form_pair *pair) {
    const char *start = *cursor;
    while (start != end && *start == '&') start++;
    if (start == end) {
        *cursor = end;
        return false;
    }
    const char *stop = memchr(start, '&', (size_t)(end - start));
    if (stop == NULL) stop = end;
    const char *equals = memchr(start, '=', (size_t)(stop - start));
    pair->key = start;
    pair->key_size_bytes = (size_t)((equals == NULL ? stop : equals) - start);
    pair->value = equals == NULL ? stop : equals + 1;
    pair->value_size_bytes = (size_t)(stop - pair->value);
    *cursor = stop;
    return true;
}

/* The value of a hexadecimal digit, or -1.  isxdigit would ask the locale. */
static int hex_digit(char digit) {
    if (digit >= '0' && digit <= '9') return digit - '0';
    if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
    return -1;
}

enum form_status form_unescape(char *text, size_t *size_bytes) {
    size_t read = 0;
    size_t written = 0;
    while (read < *size_bytes) {
        char byte = text[read++];
        if (byte == '+') {
            byte = ' ';
        } else if (byte == '%') {
            int high = read < *size_bytes ? hex_digit(text[read]) : -1;
            int low = high >= 0 && read + 1 < *size_bytes ? hex_digit(text[read + 1]) : -1;
            if (low < 0) return FORM_PERCENT;
            byte = (char)(high << 4 | low);
            read += 2;
        }
        if (byte == '\0') return FORM_ZERO;
        text[written++] = byte;
    }
    *size_bytes = written;
    return FORM_OK;
}

enum form_status form_number(const char *text, int64_t *number) {
    /* strtoll alone would also take leading space and trailing text. */
    const char *digits = text + (*text == '-' || *text == '+');
    if (*digits == '\0' || digits[strspn(digits, "0123456789")] != '\0') return FORM_NUMBER;
    errno = 0;
    long long value = strtoll(text, NULL, 10);
    if (errno == ERANGE) return FORM_TOO_LARGE;
    *number = value;
    return FORM_OK;
}
