/* SPDX-License-Identifier: MIT */
/* Two passes of the same reader: the first one counts, the second one fills in, and ends the texts once all of them are
 * found. */
#include "mhd/parts.h"

#include "mhd/fields.h"

#include <stdlib.h>
#include <string.h>

enum { BOUNDARY_MOST = 70 };

struct text {
    char *start; /* NULL: none */
    size_t length;
};

static bool is_blank(char byte) { return byte == ' ' || byte == '\t'; }

static bool is_token(char byte) {
    static const char others[] = "!#$%&'*+-.^_`|~";
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte != '\0' && strchr(others, byte) != NULL);
}

static bool equals(struct text text, const char *word) {
    return text.start != NULL && fields_equal_caseless(text.start, text.length, word);
}

/* --- parameters: `; name=value; name="value"` -------------------------------------------------------------------- */

static char *skip_blanks(char *at, const char *end) {
    while (at != end && is_blank(*at)) at++;
    return at;
}

static char *read_token(char *at, const char *end, struct text *out) {
    out->start = at;
    while (at != end && is_token(*at)) at++;
    out->length = (size_t)(at - out->start);
    return out->length == 0 ? NULL : at;
}

/* Between quotation marks; a backslash before one of them, or before another backslash, stands for nothing. */
static char *read_quoted(char *at, const char *end, struct text *out) {
    out->start = ++at;
    while (at != end && *at != '"') {
        if (*at == '\\' && end - at >= 2 && (at[1] == '"' || at[1] == '\\')) at++;
        at++;
    }
    out->length = (size_t)(at - out->start);
    return at == end ? NULL : at + 1;
}

/* The next parameter.  What is behind it; NULL: it is malformed. */
static char *read_parameter(char *at, const char *end, struct text *name, struct text *value) {
    at = skip_blanks(at, end);
    if (at == end || *at != ';') return NULL;
    at = read_token(skip_blanks(at + 1, end), end, name);
    if (at == NULL || at == end || *at != '=') return NULL;
    at++;
    return at != end && *at == '"' ? read_quoted(at, end, value) : read_token(at, end, value);
}

/* Is that all of it?  A semicolon with nothing behind it is taken, as some clients send one. */
static bool is_over(char *at, const char *end) {
    at = skip_blanks(at, end);
    return at == end || (*at == ';' && skip_blanks(at + 1, end) == end);
}

/* The boundary of a type; NULL: none, several, or one that is none. */
static bool read_boundary(const char *type, char boundary[BOUNDARY_MOST + 5], size_t *length) {
    char copy[512];
    size_t type_length = strlen(type);
    if (type_length >= sizeof copy) return false;
    memcpy(copy, type, type_length + 1);
    const char *end = copy + type_length;
    char *at = copy + strcspn(copy, "; \t");
    struct text found = {NULL, 0};
    while (!is_over(at, end)) {
        struct text name;
        struct text value;
        at = read_parameter(at, end, &name, &value);
        if (at == NULL) return false;
        if (!equals(name, "boundary")) continue;
        if (found.start != NULL) return false;
        found = value;
    }
    if (found.start == NULL || found.length == 0 || found.length > BOUNDARY_MOST) return false;
    if (is_blank(found.start[found.length - 1]) || memchr(found.start, '\\', found.length) != NULL) return false;
    static const char before[] = {'\r', '\n', '-', '-'};
    memcpy(boundary, before, sizeof before);
    memcpy(boundary + sizeof before, found.start, found.length);
    *length = sizeof before + found.length;
    return true;
}

/* --- parts -------------------------------------------------------------------------------------------------------- */

struct reader {
    char *at;
    char *end;
    const char *delimiter; /* the line break before it included */
    size_t delimiter_length;
};

struct part {
    struct text name;
    struct text file_name;
    struct text type;
    struct text data;
};

/* Behind a delimiter: a line break, and there is a part; or "--", and that is all.  NULL: neither. */
static char *read_delimiter_end(const struct reader *reader, char *at, bool *last) {
    *last = reader->end - at >= 2 && at[0] == '-' && at[1] == '-';
    if (*last) at += 2;
    at = skip_blanks(at, reader->end);
    if (*last && at == reader->end) return at;
    if (reader->end - at < 2 || at[0] != '\r' || at[1] != '\n') return NULL;
    at += 2;
    return *last && at != reader->end ? NULL : at;
}

/* The next line, without its line break.  What is behind that; NULL: it has none, or a byte that no line has. */
static char *read_line(const struct reader *reader, char *at, struct text *out) {
    out->start = at;
    while (at != reader->end && *at != '\r') {
        if (*at == '\n' || *at == '\0') return NULL;
        at++;
    }
    out->length = (size_t)(at - out->start);
    return reader->end - at >= 2 && at[1] == '\n' ? at + 2 : NULL;
}

/* The value of Content-Disposition. */
static bool read_disposition(char *at, const char *end, struct part *part) {
    struct text kind;
    at = read_token(at, end, &kind);
    if (at == NULL || !equals(kind, "form-data") || part->name.start != NULL) return false;
    while (!is_over(at, end)) {
        struct text name;
        struct text value;
        at = read_parameter(at, end, &name, &value);
        if (at == NULL) return false;
        struct text *to = equals(name, "name") ? &part->name : equals(name, "filename") ? &part->file_name : NULL;
        if (to == NULL) continue;
        if (to->start != NULL) return false;
        *to = value;
    }
    return part->name.start != NULL;
}

static bool read_header(struct text line, struct part *part) {
    const char *end = line.start + line.length;
    struct text name;
    char *at = read_token(line.start, end, &name);
    if (at == NULL || at == end || *at != ':') return false; /* a folded line begins with a blank */
    at = skip_blanks(at + 1, end);
    if (equals(name, "content-disposition")) return read_disposition(at, end, part);
    if (!equals(name, "content-type")) return true;
    if (part->type.start != NULL) return false;
    while (end != at && is_blank(end[-1])) end--;
    part->type = (struct text){at, (size_t)(end - at)};
    return true;
}

/* Does a line that begins there begin as a delimiter does? */
static bool is_boundary(const struct reader *reader, const char *at) {
    size_t length = reader->delimiter_length - 2;
    return (size_t)(reader->end - at) >= length && memcmp(at, reader->delimiter + 2, length) == 0;
}

/* Up to the next delimiter.  One that begins behind another line break, or at once, is one to some readers, and is
 * data to others: that is malformed. */
static bool read_data(struct reader *reader, struct text *data) {
    data->start = reader->at;
    if (is_boundary(reader, reader->at)) return false;
    for (char *at = reader->at; (at = memchr(at, '\n', (size_t)(reader->end - at))) != NULL;) {
        at++;
        if (!is_boundary(reader, at)) continue;
        if (at - data->start < 2 || at[-2] != '\r') return false;
        data->length = (size_t)(at - 2 - data->start);
        reader->at = at + (reader->delimiter_length - 2);
        return true;
    }
    return false;
}

static bool read_part(struct reader *reader, struct part *part) {
    memset(part, 0, sizeof *part);
    for (;;) {
        struct text line;
        reader->at = read_line(reader, reader->at, &line);
        if (reader->at == NULL) return false;
        if (line.length == 0) break;
        if (!read_header(line, part)) return false;
    }
    return part->name.start != NULL && read_data(reader, &part->data);
}

static const char *end_text(struct text text, size_t *length) {
    *length = text.length;
    if (text.start == NULL) return NULL;
    text.start[text.length] = '\0';
    return text.start;
}

static struct text unescape(struct text text) {
    char *to = text.start;
    for (size_t i = 0; i < text.length; i++) {
        bool escape =
            text.start[i] == '\\' && i + 1 < text.length && (text.start[i + 1] == '"' || text.start[i + 1] == '\\');
        *to++ = text.start[escape ? ++i : i];
    }
    return (struct text){text.start, (size_t)(to - text.start)};
}

static void fill_in(const struct part *part, struct arena_part *out) {
    out->name = end_text(unescape(part->name), &out->name_bytes);
    out->file_name = part->file_name.start == NULL ? NULL : end_text(unescape(part->file_name), &out->file_name_bytes);
    out->content_type = end_text(part->type, &out->content_type_bytes);
    out->data = end_text(part->data, &out->data_bytes);
}

/* Reads all of it; with `parts`, fills them in.  How many there are; SIZE_MAX: it is not well formed. */
static size_t read_all(struct reader reader, struct parts *parts) {
    size_t count = 0;
    bool last = false;
    if (!is_boundary(&reader, reader.at)) return SIZE_MAX; /* no line break before the first one */
    reader.at += reader.delimiter_length - 2;
    for (;;) {
        struct part part;
        reader.at = read_delimiter_end(&reader, reader.at, &last);
        if (reader.at == NULL) return SIZE_MAX;
        if (last) return count;
        if (count == PARTS_MOST || !read_part(&reader, &part)) return SIZE_MAX;
        if (parts != NULL) fill_in(&part, &parts->of[count]);
        count++;
    }
}

struct parts *parts_read(const char *type, char *body, size_t size_bytes) {
    char delimiter[BOUNDARY_MOST + 5];
    struct reader reader = {body, body + size_bytes, delimiter, 0};
    if (!read_boundary(type, delimiter, &reader.delimiter_length)) return NULL;
    size_t count = read_all(reader, NULL);
    if (count == SIZE_MAX) return NULL;
    struct parts *parts = calloc(1, sizeof *parts + count * sizeof(struct arena_part));
    if (parts == NULL) return NULL;
    parts->count = count;
    (void)read_all(reader, parts);
    return parts;
}
