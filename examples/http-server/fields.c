/* SPDX-License-Identifier: MIT */
/* libmicrohttpd decodes percent-escapes by itself and lets malformed ones pass.  Therefore its decoder is replaced by
 * one that changes nothing (service_unescape), and path, query and body are decoded here, by the same code. */
#include "fields.h"

#include <string.h>
#include <strings.h>

enum form_status fields_decode(struct exchange *exchange, const char *escaped, size_t escaped_size_bytes,
                               const char **decoded, size_t *decoded_size_bytes) {
    char *text = text_copy(exchange->text, escaped, escaped_size_bytes);
    *decoded = text;
    *decoded_size_bytes = escaped_size_bytes;
    if (text == NULL) return FORM_OK;
    enum form_status status = form_unescape(text, decoded_size_bytes);
    if (status == FORM_OK) text[*decoded_size_bytes] = '\0';
    return status;
}

/* Decodes a pair into the next field.  False: *answer says why not. */
static bool add_field(struct exchange *exchange, const struct form_pair *pair, struct answer *answer) {
    struct field field;
    enum form_status status =
        fields_decode(exchange, pair->key, pair->key_size_bytes, &field.key, &field.key_size_bytes);
    if (status == FORM_OK)
        status = fields_decode(exchange, pair->value, pair->value_size_bytes, &field.value, &field.value_size_bytes);
    if (status != FORM_OK) {
        *answer = answer_text(MHD_HTTP_BAD_REQUEST, CONTENT_TEXT,
                              text_format(exchange->text, "field %zu %s\n",
                                          field_arena_used(exchange->fields) + 1, form_strerror(status)));
        return false;
    }
    if (field.key == NULL || field.value == NULL) {
        *answer = answer_no_room();
        return false;
    }
    const struct field *slot = field_arena_try_alloc(exchange->fields, field);
    if (slot == NULL) {
        *answer = answer_text(MHD_HTTP_CONTENT_TOO_LARGE, CONTENT_TEXT,
                              text_format(exchange->text, "more than %zu fields\n", field_arena_cap(exchange->fields)));
        return false;
    }
    if (exchange->first == NULL) exchange->first = slot;
    return true;
}

struct query_walk {
    struct exchange *exchange;
    struct answer *answer;
    bool failed;
};

static enum MHD_Result add_query_argument(void *user, enum MHD_ValueKind kind, const char *key, size_t key_size_bytes,
                                          const char *value, size_t value_size_bytes) {
    struct query_walk *walk = user;
    (void)kind;
    if (key_size_bytes == 0 && value == NULL) return MHD_YES; /* nothing between two '&' */
    struct form_pair pair = {key, key_size_bytes, value, value_size_bytes};
    walk->failed = !add_field(walk->exchange, &pair, walk->answer);
    return walk->failed ? MHD_NO : MHD_YES;
}

bool fields_add_query(struct exchange *exchange, struct answer *answer) {
    struct query_walk walk = {exchange, answer, false};
    MHD_get_connection_values_n(arena_request_connection(exchange->request), MHD_GET_ARGUMENT_KIND,
                                add_query_argument, &walk);
    return !walk.failed;
}

/* Is this the media type of forms?  A body without a type is taken for one. */
static bool is_form(const char *content_type) {
    static const char form[] = MHD_HTTP_POST_ENCODING_FORM_URLENCODED;
    if (content_type == NULL) return true;
    if (strncasecmp(content_type, form, sizeof(form) - 1) != 0) return false;
    char next = content_type[sizeof(form) - 1];
    return next == '\0' || next == ';' || next == ' ' || next == '\t';
}

bool fields_add_body(struct exchange *exchange, struct answer *answer) {
    size_t size_bytes;
    const char *body = arena_request_body(exchange->request, &size_bytes);
    if (size_bytes == 0) return true;
    if (!is_form(arena_request_header(exchange->request, MHD_HTTP_HEADER_CONTENT_TYPE))) {
        *answer = answer_static(MHD_HTTP_UNSUPPORTED_MEDIA_TYPE,
                                "the body must be " MHD_HTTP_POST_ENCODING_FORM_URLENCODED "\n");
        return false;
    }
    const char *cursor = body;
    struct form_pair pair;
    while (form_next(&cursor, body + size_bytes, &pair))
        if (!add_field(exchange, &pair, answer)) return false;
    return true;
}
