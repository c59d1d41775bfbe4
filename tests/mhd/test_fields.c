/* SPDX-License-Identifier: MIT */
/* The copy of a request line and its fields, of lists that no real request has: libmicrohttpd's is replaced by the test's
 * (linker --wrap). */
#include "../support.h"

#include "mhd/fields.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct listed {
    enum MHD_ValueKind kind;
    const char *name;
    size_t name_length;
    const char *value;
    size_t value_length;
};

static const struct listed *list;
static size_t list_length;
static const struct listed *list_later; /* once they were measured: NULL: the same */
static size_t list_later_length;
static int looks;

int __wrap_MHD_get_connection_values_n(struct MHD_Connection *connection, enum MHD_ValueKind kind,
                                       MHD_KeyValueIteratorN iterator, void *user);
int __wrap_MHD_get_connection_values_n(struct MHD_Connection *connection, enum MHD_ValueKind kind,
                                       MHD_KeyValueIteratorN iterator, void *user) {
    (void)connection;
    bool later = ++looks > FIELDS_KINDS && list_later != NULL; /* the first ones measure */
    const struct listed *items = later ? list_later : list;
    size_t length = later ? list_later_length : list_length;
    int told = 0;
    for (size_t i = 0; i < length; i++) {
        const struct listed *item = &items[i];
        if (item->kind != kind) continue;
        told++;
        if (iterator(user, kind, item->name, item->name_length, item->value, item->value_length) != MHD_YES) break;
    }
    return told;
}

static struct fields *copy_of(const struct listed *items, size_t length) {
    list = items;
    list_length = length;
    list_later = NULL;
    looks = 0;
    return fields_copy(NULL, "GET", "/url", "HTTP/1.1");
}

TEST(texts_that_are_missing_are_empty) {
    list_length = 0;
    list_later = NULL;
    struct fields *fields = fields_copy(NULL, NULL, NULL, NULL);
    assert_non_null(fields);
    assert_string_equal(fields->method, "");
    assert_string_equal(fields->url, "");
    assert_string_equal(fields->version, "");
    fields_free(fields);
    /* Whatever length is said of them. */
    static const struct listed items[] = {
        {MHD_HEADER_KIND, NULL, SIZE_MAX, "value", 5},
        {MHD_HEADER_KIND, "name", 4, NULL, SIZE_MAX},
        {MHD_GET_ARGUMENT_KIND, NULL, SIZE_MAX, NULL, SIZE_MAX},
    };
    fields = copy_of(items, COUNT(items));
    assert_non_null(fields);
    assert_int_equal(fields->count[ARENA_FIELD_HEADER], 2);
    assert_int_equal(fields->count[ARENA_FIELD_ARGUMENT], 1);
    assert_string_equal(fields_header(fields, ""), "value");
    assert_string_equal(fields_header(fields, "name"), "");
    assert_string_equal(fields_argument(fields, ""), "");
    assert_int_equal(fields->of[ARENA_FIELD_HEADER][0].name_bytes, 0);
    assert_int_equal(fields->of[ARENA_FIELD_ARGUMENT][0].name_bytes, 0);
    fields_free(fields);
}

TEST(sizes_that_overflow_are_refused) {
    static const struct listed long_name[] = {{MHD_HEADER_KIND, "n", SIZE_MAX, "v", 1}};
    static const struct listed long_value[] = {{MHD_HEADER_KIND, "n", 1, "v", SIZE_MAX}};
    static const struct listed halves[] = {{MHD_HEADER_KIND, "n", SIZE_MAX / 2, "v", SIZE_MAX / 2},
                                           {MHD_HEADER_KIND, "n", 1, "v", 1}};
    static const struct listed longest[] = {{MHD_HEADER_KIND, "n", SIZE_MAX - 100, "v", 1}}; /* without the array */
    assert_null(copy_of(long_name, COUNT(long_name)));
    assert_null(copy_of(long_value, COUNT(long_value)));
    assert_null(copy_of(halves, COUNT(halves)));
    assert_null(copy_of(longest, COUNT(longest)));
}

/* The block has room for what was measured. */
TEST(a_list_that_grows_between_the_passes_is_cut) {
    static const struct listed measured[] = {
        {MHD_HEADER_KIND, "header", 6, "first", 5},
        {MHD_GET_ARGUMENT_KIND, "argument", 8, "first", 5},
    };
    static const struct listed later[] = {
        {MHD_HEADER_KIND, "header", 6, "first", 5},      {MHD_HEADER_KIND, "second", 6, "more", 4},
        {MHD_HEADER_KIND, "third", 5, "more", 4},        {MHD_GET_ARGUMENT_KIND, "argument", 8, "first", 5},
        {MHD_GET_ARGUMENT_KIND, "second", 6, "more", 4}, {MHD_GET_ARGUMENT_KIND, "third", 5, "more", 4},
    };
    list = measured;
    list_length = COUNT(measured);
    list_later = later;
    list_later_length = COUNT(later);
    looks = 0;
    struct fields *fields = fields_copy(NULL, "GET", "/url", "HTTP/1.1");
    assert_non_null(fields);
    assert_int_equal(looks, 2 * FIELDS_KINDS);
    assert_int_equal(fields->count[ARENA_FIELD_HEADER], 1);
    assert_int_equal(fields->count[ARENA_FIELD_ARGUMENT], 1);
    assert_string_equal(fields_header(fields, "header"), "first");
    assert_null(fields_header(fields, "second"));
    assert_string_equal(fields_argument(fields, "argument"), "first");
    assert_null(fields_argument(fields, "second"));
    assert_string_equal(fields->method, "GET");
    assert_string_equal(fields->version, "HTTP/1.1");
    fields_free(fields);
}

/* They lie side by side. */
TEST(headers_are_no_arguments) {
    static const struct listed items[] = {
        {MHD_GET_ARGUMENT_KIND, "name", 4, "of the argument", 15},
        {MHD_HEADER_KIND, "Host", 4, "of the header", 13},
    };
    struct fields *fields = copy_of(items, COUNT(items));
    assert_non_null(fields);
    assert_string_equal(fields_header(fields, "host"), "of the header");
    assert_null(fields_header(fields, "name"));
    assert_string_equal(fields_argument(fields, "name"), "of the argument");
    assert_null(fields_argument(fields, "Host"));
    fields_free(fields);
    const struct arena_field both[] = {{"one", 3, "1", 1}, {"two", 3, "2", 1}};
    const struct fields first = {.of = {both, both}, .count = {1, 1}};
    assert_string_equal(fields_header(&first, "one"), "1");
    assert_null(fields_header(&first, "two"));
    assert_string_equal(fields_argument(&first, "one"), "1");
    assert_null(fields_argument(&first, "two"));
}

/* Empty or not. */
TEST(the_first_of_several_is_found) {
    const struct arena_field several[] = {
        {"name", 4, "", 0}, {"name", 4, "1", 1}, {"other", 5, "2", 1}, {"other", 5, "", 0}};
    const struct fields fields = {.of = {several, several}, .count = {4, 4}};
    assert_string_equal(fields_header(&fields, "name"), "");
    assert_string_equal(fields_argument(&fields, "name"), "");
    assert_string_equal(fields_header(&fields, "other"), "2");
    assert_string_equal(fields_argument(&fields, "other"), "2");
}

/* By all of its length, a NUL inside included. */
TEST(a_longer_name_is_another_one) {
    static char name[65536 + 4 + 1];
    memset(name, 'x', sizeof name - 1);
    memcpy(name, "name", 4);
    static const size_t lengths[] = {5, 256 + 4, 65536 + 4};
    for (int nul = 0; nul < 2; nul++) {
        name[4] = nul ? '\0' : 'x';
        for (size_t i = 0; i < COUNT(lengths); i++) {
            const struct listed items[] = {
                {MHD_HEADER_KIND, name, lengths[i], "1", 1},
                {MHD_GET_ARGUMENT_KIND, name, lengths[i], "1", 1},
            };
            struct fields *fields = copy_of(items, COUNT(items));
            assert_non_null(fields);
            assert_int_equal(fields->of[ARENA_FIELD_HEADER][0].name_bytes, lengths[i]);
            assert_null(fields_header(fields, "name"));
            assert_null(fields_argument(fields, "name"));
            fields_free(fields);
        }
    }
}

/* Each byte of them, whatever its value. */
TEST(texts_of_any_length_are_copied_whole) {
    static char texts[5][70001];
    for (size_t i = 0; i < COUNT(texts); i++) {
        for (size_t at = 0; at < sizeof texts[i] - 1; at++) texts[i][at] = (char)(1 + (at + i) % 255);
    }
    const struct listed items[] = {
        {MHD_HEADER_KIND, "name", 4, texts[3], sizeof texts[3] - 1},
        {MHD_GET_ARGUMENT_KIND, "name", 4, texts[4], sizeof texts[4] - 1},
    };
    list = items;
    list_length = COUNT(items);
    list_later = NULL;
    looks = 0;
    struct fields *fields = fields_copy(NULL, texts[0], texts[1], texts[2]);
    assert_non_null(fields);
    assert_string_equal(fields->method, texts[0]);
    assert_string_equal(fields->url, texts[1]);
    assert_string_equal(fields->version, texts[2]);
    assert_string_equal(fields_header(fields, "name"), texts[3]);
    assert_string_equal(fields_argument(fields, "name"), texts[4]);
    fields_free(fields);
}

TEST(however_many_there_are_the_last_is_found) {
    enum { MANY = 70000 };
    static struct listed items[2 * MANY];
    for (size_t i = 0; i < COUNT(items); i++) {
        enum MHD_ValueKind kind = i < MANY ? MHD_HEADER_KIND : MHD_GET_ARGUMENT_KIND;
        items[i] = (struct listed){kind, "other", 5, "1", 1};
    }
    items[MANY - 1].name = items[2 * MANY - 1].name = "final";
    struct fields *fields = copy_of(items, COUNT(items));
    assert_non_null(fields);
    assert_int_equal(fields->count[ARENA_FIELD_HEADER], MANY);
    assert_int_equal(fields->count[ARENA_FIELD_ARGUMENT], MANY);
    assert_string_equal(fields_header(fields, "final"), "1");
    assert_string_equal(fields_argument(fields, "final"), "1");
    fields_free(fields);
}

TEST(names_of_headers_are_the_same_in_either_case) {
    for (int code = 1; code < 256; code++) { /* ASCII letters alone */
        char name[] = {'x', (char)code, '\0'};
        const struct arena_field field = {name, 2, "found", 5};
        const struct fields fields = {.of = {&field, &field}, .count = {1, 1}};
        for (int other = 1; other < 256; other++) {
            char asked[] = {'x', (char)other, '\0'};
            bool letter = (code >= 'a' && code <= 'z') || (code >= 'A' && code <= 'Z');
            bool same = other == code || (letter && other == (code ^ ('a' ^ 'A')));
            assert_int_equal(fields_header(&fields, asked) != NULL, same);
            assert_int_equal(fields_argument(&fields, asked) != NULL, other == code);
        }
    }
}

int main(void) { return support_run("mhd fields"); }
