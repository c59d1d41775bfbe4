/* SPDX-License-Identifier: MIT */
/* As browsers read one: parts between '&', empty ones skipped; a name up to the first '='; '+' is a blank; an escape
 * that is none stays as it is. */
#include "mhd/form.h"

#include "base/arith.h"

#include <stdlib.h>
#include <string.h>

static int hex_digit(char digit) {
    if (digit >= '0' && digit <= '9') return digit - '0';
    if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
    return -1;
}

/* The length of what is between from and end; written at `to`, if that is not NULL. */
static size_t decode(const char *from, const char *end, char *to) {
    size_t length = 0;
    while (from != end) {
        char byte = *from++;
        int high = byte == '%' && end - from >= 2 ? hex_digit(from[0]) : -1;
        int low = high >= 0 ? hex_digit(from[1]) : -1;
        if (low >= 0) {
            byte = (char)(high << 4 | low);
            from += 2;
        } else if (byte == '+') {
            byte = ' ';
        }
        if (to != NULL) to[length] = byte;
        length++;
    }
    return length;
}

static const char *find(const char *from, const char *end, char byte) {
    const char *found = from == end ? NULL : memchr(from, byte, (size_t)(end - from));
    return found == NULL ? end : found;
}

/* One field, as it was sent. */
struct raw {
    const char *name;
    const char *equals; /* the end of the name */
    const char *stop;   /* the end of the value; == equals where there is none */
};

/* The next one at or behind `from`.  false: there is none. */
static bool next_raw(const char *from, const char *end, struct raw *out) {
    while (from != end && *from == '&') from++;
    if (from == end) return false;
    const char *stop = find(from, end, '&');
    *out = (struct raw){from, find(from, stop, '='), stop};
    return true;
}

char *form_decode(const char *body, size_t size_bytes) {
    size_t bytes;
    if (!arith_add(size_bytes, 1, &bytes)) return NULL; /* of the last NUL, which needs a place of its own */
    char *decoded = calloc(1, bytes);
    if (decoded == NULL) return NULL;
    const char *end = body + size_bytes;
    struct raw raw;
    for (const char *from = body; next_raw(from, end, &raw); from = raw.stop) {
        (void)decode(raw.name, raw.equals, decoded + (raw.name - body));
        if (raw.equals != raw.stop) (void)decode(raw.equals + 1, raw.stop, decoded + (raw.equals + 1 - body));
    }
    return decoded;
}

bool form_next(const char *body, size_t size_bytes, const char *decoded, size_t *cursor, struct arena_field *out) {
    struct raw raw;
    if (*cursor > size_bytes || !next_raw(body + *cursor, body + size_bytes, &raw)) return false;
    *cursor = (size_t)(raw.stop - body);
    out->name = decoded + (raw.name - body);
    out->name_bytes = decode(raw.name, raw.equals, NULL);
    bool has_value = raw.equals != raw.stop;
    out->value = has_value ? decoded + (raw.equals + 1 - body) : NULL;
    out->value_bytes = has_value ? decode(raw.equals + 1, raw.stop, NULL) : 0;
    return true;
}
