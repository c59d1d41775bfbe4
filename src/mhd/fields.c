/* SPDX-License-Identifier: MIT */
/* Two passes over libmicrohttpd's list: one adds up, one copies.  The second is held to what the first has found. */
#include "mhd/fields.h"

#include "base/arith.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct measure {
    size_t count;
    size_t text_bytes;
    bool overflow;
};

static void measure_text(struct measure *measure, size_t length) {
    if (!arith_add(length, 1, &length) || !arith_add(measure->text_bytes, length, &measure->text_bytes)) {
        measure->overflow = true;
    }
}

static enum MHD_Result measure_field(void *user, enum MHD_ValueKind kind, const char *name, size_t name_length,
                                     const char *value, size_t value_length) {
    struct measure *measure = user;
    (void)kind;
    measure->count++;
    measure_text(measure, name == NULL ? 0 : name_length);
    measure_text(measure, value == NULL ? 0 : value_length);
    return MHD_YES;
}

struct copy {
    struct field *next;
    struct field *end;
    char *text;
};

static const char *copy_text(struct copy *copy, const char *text, size_t length) {
    char *result = copy->text;
    if (length > 0) memcpy(result, text, length);
    result[length] = '\0';
    copy->text += length + 1;
    return result;
}

static enum MHD_Result copy_field(void *user, enum MHD_ValueKind kind, const char *name, size_t name_length,
                                  const char *value, size_t value_length) {
    struct copy *copy = user;
    (void)kind;
    if (copy->next == copy->end) return MHD_NO;
    struct field *field = copy->next++;
    field->name_length = name == NULL ? 0 : name_length;
    field->name = copy_text(copy, name, field->name_length);
    field->value = copy_text(copy, value, value == NULL ? 0 : value_length);
    return MHD_YES;
}

struct fields *fields_copy(struct MHD_Connection *connection, const char *method, const char *url,
                           const char *version) {
    size_t method_length = method == NULL ? 0 : strlen(method);
    size_t url_length = url == NULL ? 0 : strlen(url);
    size_t version_length = version == NULL ? 0 : strlen(version);

    struct measure measure = {0, 0, false};
    measure_text(&measure, method_length);
    measure_text(&measure, url_length);
    measure_text(&measure, version_length);
    (void)MHD_get_connection_values_n(connection, MHD_HEADER_KIND, measure_field, &measure);
    size_t header_count = measure.count;
    (void)MHD_get_connection_values_n(connection, MHD_GET_ARGUMENT_KIND, measure_field, &measure);

    size_t array_bytes;
    size_t size_bytes;
    if (measure.overflow || !arith_mul(measure.count, sizeof(struct field), &array_bytes) ||
        !arith_add(sizeof(struct fields), array_bytes, &size_bytes) ||
        !arith_add(size_bytes, measure.text_bytes, &size_bytes)) {
        return NULL;
    }
    struct fields *fields = malloc(size_bytes);
    if (fields == NULL) return NULL;

    struct field *array = (struct field *)(void *)(fields + 1);
    struct copy copy = {array, array + header_count, (char *)(array + measure.count)};
    fields->method = copy_text(&copy, method, method_length);
    fields->url = copy_text(&copy, url, url_length);
    fields->version = copy_text(&copy, version, version_length);
    (void)MHD_get_connection_values_n(connection, MHD_HEADER_KIND, copy_field, &copy);
    fields->headers = array;
    fields->header_count = header_count;
    copy.end = array + measure.count;
    (void)MHD_get_connection_values_n(connection, MHD_GET_ARGUMENT_KIND, copy_field, &copy);
    fields->arguments = array + header_count;
    fields->argument_count = measure.count - header_count;
    return fields;
}

void fields_free(struct fields *fields) { free(fields); }

/* Not tolower, which follows the locale: a Turkish one would not find "Content-Identifier". */
static unsigned char lower(char character) {
    unsigned char code = (unsigned char)character;
    return code >= 'A' && code <= 'Z' ? (unsigned char)(code + ('a' - 'A')) : code;
}

static bool equal_caseless(const char *left, const char *right, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (lower(left[i]) != lower(right[i])) return false;
    }
    return true;
}

const char *fields_header(const struct fields *fields, const char *name) {
    size_t length = strlen(name);
    for (size_t i = 0; i < fields->header_count; i++) {
        const struct field *field = &fields->headers[i];
        if (field->name_length == length && equal_caseless(field->name, name, length)) return field->value;
    }
    return NULL;
}

const char *fields_argument(const struct fields *fields, const char *name) {
    size_t length = strlen(name);
    for (size_t i = 0; i < fields->argument_count; i++) {
        const struct field *field = &fields->arguments[i];
        if (field->name_length == length && memcmp(field->name, name, length) == 0) return field->value;
    }
    return NULL;
}
