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

static enum MHD_Result measure_field(void *user, enum MHD_ValueKind kind, const char *name, size_t name_bytes,
                                     const char *value, size_t value_bytes) {
    struct measure *measure = user;
    measure->count++;
    measure_text(measure, name == NULL ? 0 : name_bytes);
    (void)kind;
    if (value != NULL) measure_text(measure, value_bytes);
    return MHD_YES;
}

struct copy {
    struct arena_field *next;
    struct arena_field *end;
    char *text;
};

static const char *copy_text(struct copy *copy, const char *text, size_t length) {
    char *result = copy->text;
    if (length > 0) memcpy(result, text, length);
    result[length] = '\0';
    copy->text += length + 1;
    return result;
}

/* The blanks at its end belong to no value of a header. */
static size_t value_length(enum MHD_ValueKind kind, const char *value, size_t length) {
    if (value == NULL) return 0;
    if (kind != MHD_HEADER_KIND) return length;
    while (length > 0 && (value[length - 1] == ' ' || value[length - 1] == '\t')) length--;
    return length;
}

static enum MHD_Result copy_field(void *user, enum MHD_ValueKind kind, const char *name, size_t name_bytes,
                                  const char *value, size_t value_bytes) {
    struct copy *copy = user;
    if (copy->next == copy->end) return MHD_NO;
    struct arena_field *field = copy->next++;
    field->name_bytes = name == NULL ? 0 : name_bytes;
    field->name = copy_text(copy, name, field->name_bytes);
    field->value_bytes = value_length(kind, value, value_bytes);
    field->value = value == NULL ? NULL : copy_text(copy, value, field->value_bytes);
    return MHD_YES;
}

static const enum MHD_ValueKind kinds[FIELDS_KINDS] = {
    [ARENA_FIELD_HEADER] = MHD_HEADER_KIND,
    [ARENA_FIELD_ARGUMENT] = MHD_GET_ARGUMENT_KIND,
    [ARENA_FIELD_COOKIE] = MHD_COOKIE_KIND,
};

struct fields *fields_copy(struct MHD_Connection *connection, const char *method, const char *url,
                           const char *version) {
    size_t method_length = method == NULL ? 0 : strlen(method);
    size_t url_length = url == NULL ? 0 : strlen(url);
    size_t version_length = version == NULL ? 0 : strlen(version);

    struct measure measure = {0, 0, false};
    measure_text(&measure, method_length);
    measure_text(&measure, url_length);
    measure_text(&measure, version_length);
    size_t end[FIELDS_KINDS];
    for (size_t i = 0; i < FIELDS_KINDS; i++) {
        (void)MHD_get_connection_values_n(connection, kinds[i], measure_field, &measure);
        end[i] = measure.count;
    }

    size_t array_bytes;
    size_t size_bytes;
    if (measure.overflow || !arith_mul(measure.count, sizeof(struct arena_field), &array_bytes) ||
        !arith_add(sizeof(struct fields), array_bytes, &size_bytes) ||
        !arith_add(size_bytes, measure.text_bytes, &size_bytes)) {
        return NULL;
    }
    struct fields *fields = malloc(size_bytes);
    if (fields == NULL) return NULL;

    struct arena_field *array = (struct arena_field *)(void *)(fields + 1);
    struct copy copy = {array, array, (char *)(array + measure.count)};
    fields->method = copy_text(&copy, method, method_length);
    fields->url = copy_text(&copy, url, url_length);
    fields->version = copy_text(&copy, version, version_length);
    for (size_t i = 0; i < FIELDS_KINDS; i++) {
        const struct arena_field *first = copy.next;
        copy.end = array + end[i];
        (void)MHD_get_connection_values_n(connection, kinds[i], copy_field, &copy);
        fields->of[i] = first;
        fields->count[i] = (size_t)(copy.next - first);
    }
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

bool fields_equal_caseless(const char *text, size_t length, const char *word) {
    return strlen(word) == length && equal_caseless(text, word, length);
}

const struct arena_field *fields_find(const struct fields *fields, enum arena_field_kind kind, const char *name) {
    size_t length = strlen(name);
    for (size_t i = 0; i < fields->count[kind]; i++) {
        const struct arena_field *field = &fields->of[kind][i];
        if (field->name_bytes != length) continue;
        if (kind == ARENA_FIELD_HEADER ? equal_caseless(field->name, name, length)
                                       : memcmp(field->name, name, length) == 0) {
            return field;
        }
    }
    return NULL;
}

static const char *value_of(const struct arena_field *field) {
    if (field == NULL) return NULL;
    return field->value == NULL ? "" : field->value;
}

const char *fields_header(const struct fields *fields, const char *name) {
    return value_of(fields_find(fields, ARENA_FIELD_HEADER, name));
}

const char *fields_argument(const struct fields *fields, const char *name) {
    return value_of(fields_find(fields, ARENA_FIELD_ARGUMENT, name));
}
