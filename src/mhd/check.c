/* SPDX-License-Identifier: MIT */
/* Most of it is asked of the copied fields.  What libmicrohttpd's C strings hide is asked of where they lie.
 *
 * libmicrohttpd parses a head where it was received, in one block that begins with the method; it puts NUL bytes over
 * the separators, and decodes the target's escapes in place, towards the front. MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE
 * tells the block's length.  Where method, URL and version lie in such a block in this order, three things can be told:
 *
 *   The method.  Nothing but blanks is between the end of the C string and the target.
 *
 *   The path.  It has P bytes as sent; decoded, it and its NUL take D + 1, D <= P.  Behind them lies the rest of what
 * was sent, which has no NUL byte.  So where there is one between the end of the C string and P, the string ended
 * early.
 *
 *   Headers (version 0.9 only; 1.0 looks for these itself).  The next name begins behind the line break that ends the
 *   value before it, one or two bytes on.  Where it does not, the value was longer than the C string says; or the line
 *   was folded, because then libmicrohttpd moves the name. */
#include "mhd/check.h"

#include <string.h>

/* --- characters --------------------------------------------------------------------------------------------------- */

static bool is_alphanumeric(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* RFC 9110, 5.6.2. */
static bool is_token(const char *text, size_t length) {
    if (length == 0) return false;
    for (size_t i = 0; i < length; i++) {
        if (!is_alphanumeric(text[i]) && (text[i] == '\0' || strchr("!#$%&'*+-.^_`|~", text[i]) == NULL)) return false;
    }
    return true;
}

/* Neither blanks and controls, nor one of those. */
static bool is_plain(const char *text, size_t length, const char *without) {
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)text[i] <= ' ' || text[i] == '\x7f' || strchr(without, text[i]) != NULL) return false;
    }
    return true;
}

static bool is_number(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9') return false;
    }
    return length > 0;
}

/* --- NUL bytes ---------------------------------------------------------------------------------------------------- */

static bool is_version_0(void) { return strncmp(MHD_get_version(), "0.", 2) == 0; }

/* Addresses of one block, which the pointers of several strings are only where libmicrohttpd works as it does. */
static uintptr_t at(const char *pointer) { return (uintptr_t)pointer; }

/* The length of the head, or 0 where method, URL and version do not lie in it as expected. */
static size_t head_bytes(const struct check_head *head) {
    if (head->connection == NULL || head->method == NULL || head->url == NULL || head->version == NULL) return 0;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(head->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    if (info == NULL) return 0;
    bool in_order = at(head->method) < at(head->url) && at(head->url) < at(head->version) &&
                    at(head->version) - at(head->method) < info->header_size;
    return in_order ? info->header_size : 0;
}

static enum MHD_Result take_name(void *user, enum MHD_ValueKind kind, const char *name, size_t name_bytes,
                                 const char *value, size_t value_bytes) {
    const char **first = user;
    (void)kind;
    (void)name_bytes;
    (void)value;
    (void)value_bytes;
    *first = name;
    return MHD_NO;
}

/* What is between the method's NUL and the target. */
static size_t gap_bytes(const struct check_head *head) {
    return at(head->url) - at(head->method) - strlen(head->method) - 1;
}

static bool method_is_whole(const struct check_head *head) {
    const char *gap = head->method + strlen(head->method) + 1;
    for (size_t i = gap_bytes(head); i > 0; i--) {
        if (gap[i - 1] != ' ') return false;
    }
    return true;
}

static bool path_is_whole(const struct check_head *head) {
    size_t target_bytes = at(head->version) - at(head->url) - 1; /* as sent, query included */
    if (head->target != NULL && is_version_0() && strlen(head->target) != target_bytes) return false;
    size_t length = strlen(head->url);
    if (length >= target_bytes) return true;
    const char *query = NULL;
    (void)MHD_get_connection_values_n(head->connection, MHD_GET_ARGUMENT_KIND, take_name, &query);
    /* Without arguments the last byte may have been the question mark. */
    bool has_query = query != NULL && at(query) > at(head->url) && at(query) < at(head->version);
    size_t path_bytes = has_query ? at(query) - at(head->url) - 1 : target_bytes - 1;
    return path_bytes <= length + 1 || memchr(head->url + length + 1, '\0', path_bytes - length - 1) == NULL;
}

struct walk {
    uintptr_t end; /* of the value before, or 0 */
    bool broken;
};

static bool is_line_break(uintptr_t end, uintptr_t next) { return next - end == 1 || next - end == 2; }

static enum MHD_Result walk_header(void *user, enum MHD_ValueKind kind, const char *name, size_t name_bytes,
                                   const char *value, size_t value_bytes) {
    struct walk *walk = user;
    (void)kind;
    walk->broken = (walk->end != 0 && !is_line_break(walk->end, at(name))) || at(value) <= at(name) + name_bytes;
    walk->end = at(value) + value_bytes;
    return walk->broken ? MHD_NO : MHD_YES;
}

static bool headers_are_whole(const struct check_head *head, size_t bytes) {
    if (!is_version_0()) return true;
    struct walk walk = {0, false};
    (void)MHD_get_connection_values_n(head->connection, MHD_HEADER_KIND, walk_header, &walk);
    uintptr_t end = at(head->method) + bytes; /* behind the empty line */
    return !walk.broken && (walk.end == 0 || (end - walk.end >= 2 && end - walk.end <= 4));
}

static bool has_zero(const struct arena_field *field) {
    return memchr(field->name, '\0', field->name_bytes) != NULL ||
           (field->value != NULL && memchr(field->value, '\0', field->value_bytes) != NULL);
}

bool check_zeros(const struct check_head *head, const struct fields *fields) {
    size_t bytes = head_bytes(head);
    if (bytes != 0 && (!method_is_whole(head) || !path_is_whole(head) || !headers_are_whole(head, bytes))) return false;
    for (size_t kind = 0; kind < FIELDS_KINDS; kind++) {
        for (size_t i = 0; i < fields->count[kind]; i++) {
            if (has_zero(&fields->of[kind][i])) return false;
        }
    }
    return true;
}

/* --- framing ------------------------------------------------------------------------------------------------------ */

static bool host_is_sound(const struct arena_field *host) {
    return is_plain(host->value, host->value_bytes, "/?#@\\,<>\"");
}

/* As libmicrohttpd reads it: 0.9 waits for ever where there is a blank behind the word. */
static bool is_chunked(const struct check_head *head) {
    const char *coding =
        MHD_lookup_connection_value(head->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_TRANSFER_ENCODING);
    return coding != NULL && fields_equal_caseless(coding, strlen(coding), "chunked");
}

bool check_framing(const struct check_head *head, const struct fields *fields) {
    if (head_bytes(head) != 0 && gap_bytes(head) > 0) return false;
    unsigned hosts = 0;
    unsigned lengths = 0;
    unsigned codings = 0;
    for (size_t i = 0; i < fields->count[ARENA_FIELD_HEADER]; i++) {
        const struct arena_field *field = &fields->of[ARENA_FIELD_HEADER][i];
        if (!is_token(field->name, field->name_bytes) || field->value == NULL) return false;
        if (memchr(field->value, '\r', field->value_bytes) != NULL) return false;
        if (fields_equal_caseless(field->name, field->name_bytes, MHD_HTTP_HEADER_HOST)) {
            hosts++;
            if (!host_is_sound(field)) return false;
        } else if (fields_equal_caseless(field->name, field->name_bytes, MHD_HTTP_HEADER_CONTENT_LENGTH)) {
            lengths++;
            if (!is_number(field->value, field->value_bytes)) return false;
        } else if (fields_equal_caseless(field->name, field->name_bytes, MHD_HTTP_HEADER_TRANSFER_ENCODING)) {
            codings++;
            if (!is_chunked(head)) return false;
        }
    }
    bool old = strcmp(fields->version, MHD_HTTP_VERSION_1_0) == 0;
    if (hosts > 1 || (hosts == 0 && !old)) return false;
    return lengths + codings <= 1 && (codings == 0 || !old);
}

/* --- the target --------------------------------------------------------------------------------------------------- */

/* Behind "http://" or "https://", or NULL. */
static const char *after_scheme(const char *url) {
    size_t length = strcspn(url, ":");
    bool http = fields_equal_caseless(url, length, "http") || fields_equal_caseless(url, length, "https");
    return http && strncmp(url + length, "://", 3) == 0 ? url + length + 3 : NULL;
}

/* An escape in the authority, decoded by now, could look like the beginning of the path. */
static bool authority_is_sound(const char *authority, const char *target) {
    size_t length = strcspn(authority, "/");
    if (length == 0 || !is_plain(authority, length, "?#@\\,<>\"")) return false;
    const char *sent = target == NULL ? NULL : after_scheme(target);
    return sent == NULL || memchr(sent, '%', strcspn(sent, "/?")) == NULL;
}

bool check_target(const struct check_head *head, struct fields *fields) {
    const char *sent = head->target == NULL ? fields->url : head->target;
    if (!is_token(fields->method, strlen(fields->method))) return false;
    if (head->target != NULL && !is_plain(sent, strlen(sent), "#")) return false;
    if (fields->url[0] == '/') return true;
    if (strcmp(fields->url, "*") == 0) return strcmp(fields->method, MHD_HTTP_METHOD_OPTIONS) == 0;
    if (strcmp(fields->method, MHD_HTTP_METHOD_CONNECT) == 0) return is_plain(sent, strlen(sent), "/?#@\\");
    const char *authority = after_scheme(fields->url);
    if (authority == NULL || !authority_is_sound(authority, head->target)) return false;
    const char *path = strchr(authority, '/');
    fields->url = path == NULL ? "/" : path;
    return true;
}
