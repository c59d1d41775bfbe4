/* SPDX-License-Identifier: MIT */
/* Bodies of type multipart/form-data: what a well-formed one has, what is none, and that no body, however it is made up,
 * leads the reader outside it.  Then one through a server. */
#include "mhd/parts.h"
#include "server.h"

#define TYPE "multipart/form-data; boundary=bo-7"
#define FIELD(name) "Content-Disposition: form-data; name=\"" name "\"\r\n"

/* In a block of its own, so that a memory checker sees every byte beyond. */
static struct parts *read_parts(const char *type, const char *text, size_t size, char **body) {
    *body = malloc(size == 0 ? 1 : size);
    assert_non_null(*body);
    if (size > 0) memcpy(*body, text, size);
    return parts_read(type, *body, size);
}

static void expect_text(const char *text, size_t length, const char *expected) {
    if (expected == NULL) {
        assert_null(text);
        return;
    }
    assert_non_null(text);
    assert_int_equal(length, strlen(expected));
    assert_string_equal(text, expected); /* with its NUL */
}

static void expect_part(const struct arena_part *part, const char *name, const char *file, const char *type,
                        const char *data) {
    expect_text(part->name, part->name_bytes, name);
    expect_text(part->file_name, part->file_name_bytes, file);
    expect_text(part->content_type, part->content_type_bytes, type);
    expect_text(part->data, part->data_bytes, data);
}

static const char whole[] =
    "--bo-7\r\n" FIELD("a") "\r\none\r\n--bo-7 \t\r\n"
                            "content-disposition: FORM-DATA ; filename=\"x\\\"y.txt\"; name=b;size=3\r\n"
                            "X-Other: ignored\r\nContent-Type:  text/plain \r\n\r\n\r\n--bo-\r\n\r\n--bo-7\r\n" FIELD(
                                "") "\r\n\r\n--bo-7--\r\n";

TEST(a_body_has_its_parts_where_they_lie) {
    char *body;
    struct parts *parts =
        read_parts("Multipart/Form-Data ; x=\"a;\\\"\"; BOUNDARY=\"bo-7\"", whole, sizeof whole - 1, &body);
    assert_non_null(parts);
    assert_int_equal(parts->count, 3);
    expect_part(&parts->of[0], "a", NULL, NULL, "one");
    expect_part(&parts->of[1], "b", "x\"y.txt", "text/plain", "\r\n--bo-\r\n");
    expect_part(&parts->of[2], "", NULL, NULL, "");
    for (size_t i = 0; i < 3; i++) assert_in_range(parts->of[i].data, body, body + sizeof whole - 1);
    free(parts);
    free(body);
    static const char ends[] = "--bo-7\r\nContent-Disposition: form-data; name=\"a\"; \r\n\r\none\r\n--bo-7--";
    parts = read_parts(TYPE " ;", ends, sizeof ends - 1, &body); /* semicolons behind everything */
    assert_non_null(parts);
    assert_int_equal(parts->count, 1);
    expect_part(&parts->of[0], "a", NULL, NULL, "one");
    free(parts);
    free(body);
    parts = read_parts(TYPE, "--bo-7--", 8, &body);
    assert_non_null(parts);
    assert_int_equal(parts->count, 0);
    free(parts);
    free(body);
}

TEST(what_is_not_well_formed_has_none) {
    static const char good[] = "--bo-7\r\n" FIELD("a") "\r\none\r\n--bo-7--";
    static const char *const types[] = {
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"\"",
        "multipart/form-data; boundary=\"bo-7",
        "multipart/form-data; boundary=\"bo-7 \"",
        "multipart/form-data; boundary=bo-7; boundary=bo-7",
        "multipart/form-data; boundary=bo-7; x",
        "multipart/form-data; boundary=bo-7;;",
        "multipart/form-data; ; boundary=bo-7",
        "multipart/form-data;",
        "multipart/form-data boundary=bo-7",
        "multipart/form-data; boundary=bo\\7",
        "multipart/form-data; boundary=bo-7, boundary=x",
        "multipart/form-data; boundary=12345678901234567890123456789012345678901234567890123456789012345678901",
    };
    static const char *const bodies[] = {
        "",
        "--",
        "--bo-7",
        "--bo-7\r\n",
        "\r\n--bo-7--",
        "text\r\n--bo-7--",
        "--bo-7-",
        "--bo-7x\r\n",
        "--bo-7--x",
        "--bo-7--\r\nmore",
        "--bo-7\n" FIELD("a") "\r\none\r\n--bo-7--", /* line breaks */
        "--bo-7\r\n" FIELD("a") "\r\none\n--bo-7--",
        "--bo-7\r\n" FIELD("a") "\r\none", /* no delimiter */
        "--bo-7\r\n" FIELD("a") "\r\none\r\n--bo-7",
        "--bo-7\r\n" FIELD("a") "\r\none\r\n--bo-78--\r\n--bo-7--",
        "--bo-7\r\n" FIELD("a") "\r\n--bo-7\r\n" FIELD("b") "\r\none\r\n--bo-7--", /* to some, not to others */
        "--bo-7\r\n" FIELD("a") "\r\none\n--bo-7\r\n" FIELD("b") "\r\ntwo\r\n--bo-7--",
        "--bo-7\r\n" FIELD("a") "\r\n\n--bo-7\r\n" FIELD("b") "\r\ntwo\r\n--bo-7--",
        "--bo-7\r\n" FIELD("a") "one\r\n--bo-7--", /* no empty line */
        "--bo-7\r\n\r\none\r\n--bo-7--",           /* no name */
        "--bo-7\r\nContent-Type: a/b\r\n\r\none\r\n--bo-7--",
        "--bo-7\r\n" FIELD("a") FIELD("a") "\r\none\r\n--bo-7--", /* twice */
        "--bo-7\r\n" FIELD("a\"; name=\"b") "\r\none\r\n--bo-7--",
        "--bo-7\r\n" FIELD("a\"; filename=\"x\"; filename=\"y") "\r\none\r\n--bo-7--",
        "--bo-7\r\nContent-Type: a/b\r\nContent-Type: a/b\r\n" FIELD("a") "\r\none\r\n--bo-7--",
        "--bo-7\r\nContent-Disposition: form-data;\r\n name=\"a\"\r\n\r\none\r\n--bo-7--", /* folded */
        "--bo-7\r\nContent-Disposition: form-data; name=\"a\r\n\r\none\r\n--bo-7--",
        "--bo-7\r\nContent-Disposition: form-data; name=\"a\\\"\r\n\r\none\r\n--bo-7--",
        "--bo-7\r\nContent-Disposition: form-data; name\r\n\r\none\r\n--bo-7--",
        "--bo-7\r\nContent-Disposition: form-data; name=a; ;\r\n\r\none\r\n--bo-7--",
        "--bo-7\r\nContent-Disposition: form-data;\r\n\r\none\r\n--bo-7--",
        "--bo-7\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\none\r\n--bo-7--",
        "--bo-7\r\nContent-Disposition : form-data; name=\"a\"\r\n\r\none\r\n--bo-7--",
        "--bo-7\r\n" FIELD("a\rb") "\r\none\r\n--bo-7--",
        "--bo-7\r\n" FIELD("a\nb") "\r\none\r\n--bo-7--",
    };
    char *body;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (read_parts(types[i], good, sizeof good - 1, &body) != NULL) fail_msg("%s", types[i]);
        free(body);
    }
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        size_t size = strlen(bodies[i]);
        if (read_parts(TYPE, bodies[i], size, &body) != NULL) fail_msg("%s", bodies[i]);
        assert_memory_equal(body, bodies[i], size); /* and is as it was */
        free(body);
    }
    static const char zero[] = "--bo-7\r\n" FIELD("a\0b") "\r\none\r\n--bo-7--";
    assert_null(read_parts(TYPE, zero, sizeof zero - 1, &body));
    free(body);
}

TEST(there_is_a_most_of_them) {
    static const char one[] = "--bo-7\r\n" FIELD("a") "\r\n\r\n";
    static char text[(PARTS_MOST + 1) * (sizeof one - 1) + 16];
    for (size_t count = PARTS_MOST; count <= PARTS_MOST + 1; count++) {
        for (size_t i = 0; i < count; i++) memcpy(text + i * (sizeof one - 1), one, sizeof one);
        memcpy(text + count * (sizeof one - 1), "--bo-7--", 8);
        char *body;
        struct parts *parts = read_parts(TYPE, text, count * (sizeof one - 1) + 8, &body);
        assert_int_equal(parts != NULL, count == PARTS_MOST);
        free(parts);
        free(body);
    }
}

/* Pieces of bodies in any order, whole ones with bytes changed, and any beginning of one: a memory checker looks on, and
 * what is found lies in the body, in order, and ends in NULs. */
TEST(no_body_leads_outside_it) {
    static const char *const pieces[] = {"--bo-7",
                                         "--",
                                         "\r\n",
                                         "\r",
                                         "\n",
                                         FIELD("a"),
                                         "Content-Type: a/b\r\n",
                                         ";",
                                         "name=\"",
                                         "\"",
                                         "\\",
                                         " ",
                                         "filename=\"f\"",
                                         "data",
                                         "\r\n--bo-7\r\n"};
    uint32_t random = 7;
    size_t found = 0;
    const size_t rounds = support_rounds(20000, 2000);
    for (size_t round = 0; round < rounds; round++) {
        char text[1024];
        size_t size = 0;
        if (round % 2 == 0) {
            size = sizeof whole - 1 - (round % 3 == 0 ? round / 6 % sizeof whole : 0);
            memcpy(text, whole, size);
            for (size_t i = round % 5; i > 0 && size > 0; i--) {
                random = random * 1664525 + 1013904223;
                text[(random >> 8) % size] = whole[(random >> 20) % (sizeof whole - 1)];
            }
        } else {
            for (size_t i = 0; i < 20; i++) {
                random = random * 1664525 + 1013904223;
                const char *piece = pieces[(random >> 16) % (sizeof pieces / sizeof *pieces)];
                memcpy(text + size, piece, strlen(piece));
                size += strlen(piece);
            }
        }
        char *body;
        struct parts *parts = read_parts(TYPE, text, size, &body);
        const char *last = body;
        for (size_t i = 0; parts != NULL && i < parts->count; i++) {
            const struct arena_part *part = &parts->of[i];
            assert_true(part->name > last && part->name + part->name_bytes < part->data);
            assert_int_equal(part->name[part->name_bytes], 0);
            assert_true(part->data + part->data_bytes < body + size);
            assert_int_equal(part->data[part->data_bytes], 0);
            last = part->data + part->data_bytes;
            found++;
        }
        free(parts);
        free(body);
    }
    assert_true(found > rounds / 20);
}

static struct server server;
static struct client client;
static struct reply reply;

static enum MHD_Result list_parts(struct arena_request *request, void *user) {
    char line[sizeof(struct cell)] = "";
    struct arena_part part;
    size_t cursor = 0;
    while (arena_request_next_part(request, &cursor, &part)) {
        snprintf(line + strlen(line), sizeof line - strlen(line), "%s(%s)=%zu:%s ", part.name,
                 part.file_name == NULL ? "-" : part.file_name, part.data_bytes, part.data);
    }
    if (arena_request_next_part(request, &cursor, &part)) return MHD_NO;
    char *text = server_text(request, line);
    return arena_request_respond(request, 200, NULL, text, strlen(text)) == ARENA_OK ? MHD_YES : MHD_NO;
}

TEST(a_request_hands_them_out) {
    server_start(&server, MODE_INTERNAL_THREAD, list_parts, NULL);
    client_connect(&client, server.port);
    char text[2048];
    snprintf(text, sizeof text,
             "POST /p HTTP/1.1\r\nHost: test\r\nContent-Type: " TYPE "\r\nContent-Length: %zu\r\n\r\n%s",
             sizeof whole - 1, whole);
    client_exchange(&client, text, 200, &reply);
    assert_string_equal(reply.body, "a(-)=3:one b(x\"y.txt)=9:\r\n--bo-\r\n (-)=0: ");
    snprintf(text, sizeof text,
             "POST /p HTTP/1.1\r\nHost: test\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n%s",
             sizeof whole - 1, whole);
    client_exchange(&client, text, 200, &reply);
    assert_string_equal(reply.body, "");
    client_exchange(&client, "POST /p HTTP/1.1\r\nHost: test\r\nContent-Type: " TYPE "\r\nContent-Length: 0\r\n\r\n",
                    200, &reply);
    assert_string_equal(reply.body, "");
    size_t cursor = 0;
    struct arena_part part;
    assert_false(arena_request_next_part(NULL, &cursor, &part));
    assert_int_equal(arena_part_size(), sizeof part);
    server_part(&server, &client);
}

int main(void) { return support_run("mhd parts"); }
