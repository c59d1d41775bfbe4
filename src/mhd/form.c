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

/* Writes what is between from and end at `to`, and a NUL; the length. */
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
        to[length++] = byte;
    }
    to[length] = '\0';
    return length;
}

static const char *find(const char *from, const char *end, char byte) {
    const char *found = from == end ? NULL : memchr(from, byte, (size_t)(end - from));
    return found == NULL ? end : found;
}

static size_t count_parts(const char *body, const char *end) {
    size_t count = 0;
    while (body != end) {
        const char *stop = find(body, end, '&');
        if (stop != body) count++;
        body = stop == end ? end : stop + 1;
    }
    return count;
}

struct form *form_decode(const char *body, size_t size_bytes) {
    const char *end = body + size_bytes;
    size_t count = count_parts(body, end);
    size_t bytes;
    size_t array_bytes;
    /* No text grows; each of two has a NUL. */
    if (!arith_mul(count, sizeof(struct arena_field) + 2, &array_bytes) ||
        !arith_add(array_bytes, sizeof(struct form), &bytes) || !arith_add(bytes, size_bytes, &bytes)) {
        return NULL;
    }
    struct form *form = malloc(bytes);
    if (form == NULL) return NULL;
    form->count = count;
    char *text = (char *)(form->fields + count);
    struct arena_field *field = form->fields;
    while (field != form->fields + count) {
        const char *stop = find(body, end, '&');
        if (stop != body) {
            const char *equals = find(body, stop, '=');
            field->name = text;
            field->name_bytes = decode(body, equals, text);
            text += field->name_bytes + 1;
            field->value = equals == stop ? NULL : text;
            field->value_bytes = equals == stop ? 0 : decode(equals + 1, stop, text);
            if (field->value != NULL) text += field->value_bytes + 1;
            field++;
        }
        body = stop == end ? end : stop + 1;
    }
    return form;
}
