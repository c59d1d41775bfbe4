/* SPDX-License-Identifier: MIT */
/* Byte arenas as other libraries' allocators: what the functions promise by themselves, and the libraries that are installed
 * at work (the build defines HAVE_... for each). */
#define _GNU_SOURCE

#include "support.h"

#include <arena/arena.h>

#ifdef HAVE_EXPAT
#include <expat.h>
#endif
#ifdef HAVE_JANSSON
#include <jansson.h>
#endif
#ifdef HAVE_LUA
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#endif
#ifdef HAVE_NGHTTP2
#include <nghttp2/nghttp2.h>
#endif
#ifdef HAVE_PCRE2
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#endif
#ifdef HAVE_PNG
#include <png.h>
#endif
#ifdef HAVE_YYJSON
#include <yyjson.h>
#endif
#ifdef HAVE_ZLIB
#include <zlib.h>
#endif

/* What the allocators of each library do, in one order of arguments. */
struct adapter {
    void *(*take)(void *arena, size_t size);
    void *(*change)(void *arena, void *block, size_t old_size, size_t size); /* or NULL */
    void (*give)(void *arena, void *block, size_t size);
    size_t header_bytes;
};

static void *lua_take(void *arena, size_t size) { return arena_adapter_lua(arena, NULL, 7, size); }
static void lua_give(void *arena, void *block, size_t size) { assert_null(arena_adapter_lua(arena, block, size, 0)); }
static void yyjson_give(void *arena, void *block, size_t size) { arena_adapter_yyjson_free(arena, block); }
static void *zlib_take(void *arena, size_t size) {
    /* The largest that its arguments can ask for has to be as good as any other. */
    return size > UINT_MAX ? arena_adapter_zlib_alloc(arena, UINT_MAX, UINT_MAX)
                           : arena_adapter_zlib_alloc(arena, 1, (unsigned)size);
}
static void zlib_give(void *arena, void *block, size_t size) { arena_adapter_zlib_free(arena, block); }
static void *pcre2_take(void *arena, size_t size) { return arena_adapter_pcre2_malloc(size, arena); }
static void pcre2_give(void *arena, void *block, size_t size) { arena_adapter_pcre2_free(block, arena); }
static void *nghttp2_take(void *arena, size_t size) { return arena_adapter_nghttp2_malloc(size, arena); }
static void *nghttp2_change(void *arena, void *block, size_t old_size, size_t size) {
    return arena_adapter_nghttp2_realloc(block, size, arena);
}
static void nghttp2_give(void *arena, void *block, size_t size) { arena_adapter_nghttp2_free(block, arena); }
static void png_give(void *arena, void *block, size_t size) { arena_adapter_png_free(arena, block); }

static const struct adapter adapters[] = {
    {lua_take, arena_adapter_lua, lua_give, 0},
    {arena_adapter_yyjson_malloc, arena_adapter_yyjson_realloc, yyjson_give, ARENA_ADAPTER_HEADER_BYTES},
    {zlib_take, NULL, zlib_give, ARENA_ADAPTER_HEADER_BYTES},
    {pcre2_take, NULL, pcre2_give, ARENA_ADAPTER_HEADER_BYTES},
    {nghttp2_take, nghttp2_change, nghttp2_give, ARENA_ADAPTER_HEADER_BYTES},
    {arena_adapter_png_malloc, NULL, png_give, ARENA_ADAPTER_HEADER_BYTES},
};
#define EACH_ADAPTER(adapter)                                                                                          \
    for (const struct adapter *adapter = adapters; adapter < adapters + sizeof adapters / sizeof *adapters; adapter++)

static struct arena_bytes *make(size_t capacity) {
    struct arena_bytes *arena = arena_bytes_create(capacity);
    assert_non_null(arena);
    return arena;
}

static bool all_are(const unsigned char *at, size_t size, int value) {
    for (size_t i = 0; i < size; i++) {
        if (at[i] != value) return false;
    }
    return true;
}

TEST(blocks_are_aligned_and_the_newest_is_freed) {
    EACH_ADAPTER(adapter) {
        struct arena_bytes *arena = make(1000);
        assert_non_null(arena_bytes_alloc(arena, 1, 1));
        unsigned char *first = adapter->take(arena, 10);
        assert_non_null(first);
        assert_int_equal((uintptr_t)first % ARENA_ALIGNOF(max_align_t), 0);
        memset(first, 1, 10);
        size_t used = arena_bytes_used(arena);
        unsigned char *second = adapter->take(arena, 100);
        assert_non_null(second);
        assert_int_equal((uintptr_t)second % ARENA_ALIGNOF(max_align_t), 0);
        memset(second, 2, 100);
        size_t most = arena_bytes_used(arena);
        assert_true(most >= used + 100 + adapter->header_bytes);
        adapter->give(arena, first, 10); /* an older one: nothing is gained */
        assert_int_equal(arena_bytes_used(arena), most);
        adapter->give(arena, second, 100);
        assert_true(arena_bytes_used(arena) < used + 16);
        adapter->give(arena, NULL, 0);
        const void *again = adapter->take(arena, 100);
        assert_true(again == second || support_checked()); /* a checker keeps its distance */
        arena_bytes_destroy(arena);
    }
}

TEST(what_does_not_fit_is_no_block) {
    EACH_ADAPTER(adapter) {
        struct arena_bytes *arena = make(200);
        unsigned char *block = adapter->take(arena, 50);
        assert_non_null(block);
        memset(block, 3, 50);
        size_t used = arena_bytes_used(arena);
        static const size_t sizes[] = {201, SIZE_MAX - 20, SIZE_MAX - 15, SIZE_MAX - 1, SIZE_MAX};
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            assert_null(adapter->take(arena, sizes[i]));
            if (adapter->change != NULL) assert_null(adapter->change(arena, block, 50, sizes[i]));
            assert_null(adapter->take(NULL, sizes[i]));
        }
        assert_null(adapter->take(NULL, 1));
        assert_int_equal(arena_bytes_used(arena), used);
        assert_true(all_are(block, 50, 3));
        arena_bytes_destroy(arena);
    }
    struct arena_bytes *arena = make(200);
    assert_null(arena_adapter_nghttp2_calloc(SIZE_MAX / 2, 3, arena));
    assert_null(arena_adapter_nghttp2_calloc(SIZE_MAX, 1, arena));
    assert_int_equal(arena_bytes_used(arena), 0);
    arena_bytes_destroy(arena);
}

TEST(blocks_change_their_size) {
    EACH_ADAPTER(adapter) {
        if (adapter->change == NULL) continue;
        struct arena_bytes *arena = make(1000);
        unsigned char *block = adapter->change(arena, NULL, 0, 30);
        assert_non_null(block);
        memset(block, 4, 30);
        assert_ptr_equal(adapter->change(arena, block, 30, 60), block); /* the newest grows where it is */
        assert_true(all_are(block, 30, 4));
        memset(block, 5, 60);
        size_t used = arena_bytes_used(arena);
        assert_ptr_equal(adapter->change(arena, block, 60, 20), block);
        assert_int_equal(arena_bytes_used(arena), used - 40);
        unsigned char *other = adapter->take(arena, 8);
        memset(other, 6, 8);
        unsigned char *moved = adapter->change(arena, block, 20, 40);
        assert_ptr_not_equal(moved, block);
        assert_true(all_are(moved, 20, 5));
        memset(moved, 7, 40);
        assert_true(all_are(other, 8, 6));
        assert_ptr_equal(adapter->change(arena, other, 8, 4), other); /* an inner one shrinks where it is */
        used = arena_bytes_used(arena);
        adapter->give(arena, moved, 40); /* whose size was kept */
        assert_true(arena_bytes_used(arena) <= used - 40 - adapter->header_bytes);
        arena_bytes_destroy(arena);
    }
}

TEST(cleared_memory_is_clear_whatever_the_policy) {
    struct arena_options options = OPTIONS(ARENA_CLEAR_NEVER, 0);
    struct arena_bytes *arena = arena_bytes_create_with(1000, &options);
    assert_non_null(arena);
    memset(arena_adapter_nghttp2_malloc(500, arena), 0x55, 500);
    arena_bytes_reset(arena);
    unsigned char *block = arena_adapter_nghttp2_calloc(20, 20, arena);
    assert_true(all_zero(block, 400));
    memset(block, 1, 400);
    assert_ptr_equal(arena_adapter_nghttp2_realloc(block, 0, arena), block);
    unsigned char *empty = arena_adapter_yyjson_malloc(arena, 0);
    assert_non_null(empty);
    assert_ptr_not_equal(empty, block); /* the headers keep them apart */
    arena_bytes_destroy(arena);
}

/* --- the libraries ------------------------------------------------------------------------------------------------ */

#ifdef HAVE_LUA
TEST(lua_runs_in_an_arena) {
    struct arena_bytes *arena = make((size_t)64 << 20);
    for (int round = 0; round < 2; round++) {
        lua_State *lua = lua_newstate(arena_adapter_lua, arena);
        assert_non_null(lua);
        luaL_openlibs(lua);
        assert_int_equal(luaL_dostring(lua, "local t = {} for i = 1, 1000 do t[i] = i .. 'x' end "
                                            "collectgarbage() local s = table.concat(t) return #s, s:sub(1, 6)"),
                         LUA_OK);
        assert_int_equal(lua_tointeger(lua, 1), 3893);
        assert_string_equal(lua_tostring(lua, 2), "1x2x3x");
        lua_settop(lua, 0);
        /* What has no room is Lua's own error, and the state lives on. */
        assert_true(arena_bytes_set_cap(arena, arena_bytes_used(arena) + ((size_t)1 << 20)));
        assert_int_equal(luaL_dostring(lua, "return ('x'):rep(10000000)"), 1);
        assert_string_equal(lua_tostring(lua, -1), "not enough memory");
        lua_settop(lua, 0);
        assert_int_equal(luaL_dostring(lua, "return 6 * 7"), LUA_OK);
        assert_int_equal(lua_tointeger(lua, 1), 42);
        if (round == 0) lua_close(lua); /* the other time the reset is its end */
        arena_bytes_reset(arena);
        assert_true(arena_bytes_set_cap(arena, (size_t)64 << 20));
    }
    arena_bytes_destroy(arena);
}
#endif

#ifdef HAVE_YYJSON
TEST(yyjson_reads_and_writes_in_an_arena) {
    struct arena_bytes *arena = make(SIZE_MAX);
    const yyjson_alc allocator = {arena_adapter_yyjson_malloc, arena_adapter_yyjson_realloc, arena_adapter_yyjson_free,
                                  arena};
    static char text[] = "{\"name\":\"arena\",\"list\":[1,2,3]}";
    yyjson_doc *document = yyjson_read_opts(text, strlen(text), 0, &allocator, NULL);
    assert_non_null(document);
    assert_true(arena_bytes_used(arena) != 0);
    yyjson_val *root = yyjson_doc_get_root(document);
    assert_string_equal(yyjson_get_str(yyjson_obj_get(root, "name")), "arena");
    assert_int_equal(yyjson_arr_size(yyjson_obj_get(root, "list")), 3);
    char *written = yyjson_write_opts(document, 0, &allocator, NULL, NULL);
    assert_string_equal(written, text);
    assert_true(arena_bytes_owns(arena, written));
    yyjson_doc_free(document);
    arena_bytes_destroy(arena);
}
#endif

#ifdef HAVE_ZLIB
TEST(zlib_packs_in_an_arena) {
    struct arena_bytes *arena = make(SIZE_MAX);
    static unsigned char text[20000], packed[20000], again[20000];
    for (size_t i = 0; i < sizeof text; i++) text[i] = (unsigned char)(i % 251);
    z_stream stream;
    memset(&stream, 0, sizeof stream);
    stream.zalloc = arena_adapter_zlib_alloc;
    stream.zfree = arena_adapter_zlib_free;
    stream.opaque = arena;
    assert_int_equal(deflateInit(&stream, Z_BEST_COMPRESSION), Z_OK);
    assert_true(arena_bytes_used(arena) > 100000);
    stream.next_in = text;
    stream.avail_in = sizeof text;
    stream.next_out = packed;
    stream.avail_out = sizeof packed;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    uInt length = (uInt)stream.total_out;
    assert_true(length < sizeof text / 10);
    assert_int_equal(deflateEnd(&stream), Z_OK);
    arena_bytes_reset(arena);
    assert_int_equal(inflateInit(&stream), Z_OK);
    stream.next_in = packed;
    stream.avail_in = length;
    stream.next_out = again;
    stream.avail_out = sizeof again;
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    assert_memory_equal(again, text, sizeof text);
    assert_int_equal(inflateEnd(&stream), Z_OK);
    arena_bytes_reset(arena);
    assert_true(arena_bytes_set_cap(arena, 1000));
    assert_int_equal(deflateInit(&stream, Z_BEST_COMPRESSION), Z_MEM_ERROR);
    arena_bytes_destroy(arena);
}
#endif

#ifdef HAVE_PCRE2
TEST(pcre2_matches_in_an_arena) {
    struct arena_bytes *arena = make(SIZE_MAX);
    pcre2_general_context *general =
        pcre2_general_context_create(arena_adapter_pcre2_malloc, arena_adapter_pcre2_free, arena);
    assert_non_null(general);
    pcre2_compile_context *compile = pcre2_compile_context_create(general);
    assert_non_null(compile);
    int error;
    PCRE2_SIZE offset;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR) "(\\w+)@(\\w+)", PCRE2_ZERO_TERMINATED, 0, &error, &offset, compile);
    assert_non_null(code);
    pcre2_match_data *match = pcre2_match_data_create_from_pattern(code, general);
    assert_non_null(match);
    assert_int_equal(pcre2_match(code, (PCRE2_SPTR) "to you@there", PCRE2_ZERO_TERMINATED, 0, 0, match, NULL), 3);
    assert_int_equal(pcre2_get_ovector_pointer(match)[2], 3);
    assert_int_equal(pcre2_get_ovector_pointer(match)[3], 6);
    assert_true(arena_bytes_owns(arena, match) && arena_bytes_owns(arena, code));
    pcre2_match_data_free(match);
    pcre2_code_free(code);
    pcre2_compile_context_free(compile);
    pcre2_general_context_free(general);
    arena_bytes_destroy(arena);
}
#endif

#ifdef HAVE_NGHTTP2
TEST(nghttp2_talks_in_an_arena) {
    struct arena_bytes *arena = make(SIZE_MAX);
    nghttp2_mem memory = {arena, arena_adapter_nghttp2_malloc, arena_adapter_nghttp2_free, arena_adapter_nghttp2_calloc,
                          arena_adapter_nghttp2_realloc};
    nghttp2_session_callbacks *callbacks = NULL;
    assert_int_equal(nghttp2_session_callbacks_new(&callbacks), 0);
    nghttp2_session *client = NULL;
    nghttp2_session *server = NULL;
    assert_int_equal(nghttp2_session_client_new3(&client, callbacks, NULL, NULL, &memory), 0);
    assert_int_equal(nghttp2_session_server_new3(&server, callbacks, NULL, NULL, &memory), 0);
    assert_true(arena_bytes_owns(arena, client));
    assert_int_equal(nghttp2_submit_settings(client, NGHTTP2_FLAG_NONE, NULL, 0), 0);
    static char names[4][16] = {":method", ":scheme", ":path", ":authority"};
    static char values[4][16] = {"GET", "https", "/", "example.org"};
    nghttp2_nv fields[4];
    for (int i = 0; i < 4; i++) {
        fields[i] = (nghttp2_nv){(uint8_t *)names[i], (uint8_t *)values[i], strlen(names[i]), strlen(values[i]), 0};
    }
    assert_true(nghttp2_submit_request(client, NULL, fields, 4, NULL, NULL) > 0);
    const uint8_t *data;
    ssize_t length;
    while ((length = nghttp2_session_mem_send(client, &data)) > 0) {
        assert_int_equal(nghttp2_session_mem_recv(server, data, (size_t)length), length);
    }
    assert_int_equal(length, 0);
    assert_int_equal(nghttp2_session_get_last_proc_stream_id(server), 1);
    nghttp2_session_del(client);
    nghttp2_session_del(server);
    nghttp2_session_callbacks_del(callbacks);
    arena_bytes_destroy(arena);
}
#endif

#ifdef HAVE_PNG
static png_voidp png_take(png_structp png, png_alloc_size_t size) {
    return arena_adapter_png_malloc(png_get_mem_ptr(png), size);
}
static void png_give_back(png_structp png, png_voidp block) { arena_adapter_png_free(png_get_mem_ptr(png), block); }

static size_t png_length;
static void png_count(png_structp png, png_bytep data, size_t length) { png_length += length; }
static void png_flush_nothing(png_structp png) { (void)png; }

TEST(libpng_writes_in_an_arena) {
    struct arena_bytes *arena = make(SIZE_MAX);
    png_structp png =
        png_create_write_struct_2(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL, arena, png_take, png_give_back);
    assert_non_null(png);
    assert_true(arena_bytes_owns(arena, png));
    png_infop info = png_create_info_struct(png);
    assert_non_null(info);
    png_set_write_fn(png, NULL, png_count, png_flush_nothing);
    png_set_IHDR(png, info, 64, 64, 8, PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    png_byte row[64];
    memset(row, 0x7f, sizeof row);
    for (int y = 0; y < 64; y++) png_write_row(png, row);
    png_write_end(png, info);
    assert_true(png_length > 60);
    assert_true(arena_bytes_used(arena) > 100000); /* zlib's, which goes through libpng */
    png_destroy_write_struct(&png, &info);
    arena_bytes_destroy(arena);
}
#endif

#ifdef HAVE_PCRE2
/* Machine code lies in memory of PCRE2's own, so the code is freed, by a cleanup; what that frees in the arena is
 * nothing. */
static int codes_freed;
static void end_code(void *code) {
    pcre2_code_free((pcre2_code *)code);
    codes_freed++;
}
TEST(a_cleanup_ends_what_has_more_than_memory) {
    struct arena_bytes *arena = make(SIZE_MAX);
    for (int round = 1; round <= 100; round++) {
        pcre2_general_context *general =
            pcre2_general_context_create(arena_adapter_pcre2_malloc, arena_adapter_pcre2_free, arena);
        pcre2_compile_context *compile = pcre2_compile_context_create(general);
        int error;
        PCRE2_SIZE offset;
        pcre2_code *code = pcre2_compile((PCRE2_SPTR) "a+b", PCRE2_ZERO_TERMINATED, 0, &error, &offset, compile);
        assert_non_null(code);
        arena_bytes_defer(arena, end_code, code);
        (void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE); /* where there is one for this processor */
        pcre2_match_data *match = pcre2_match_data_create_from_pattern(code, general);
        assert_int_equal(pcre2_match(code, (PCRE2_SPTR) "xaab", 4, 0, 0, match, NULL), 1);
        arena_bytes_reset(arena);
        assert_int_equal(codes_freed, round);
        assert_int_equal(arena_bytes_used(arena), 0);
    }
    arena_bytes_destroy(arena);
}
#endif

/* --- libraries without a user pointer: as in docs/guide.md --------------------------------------------------------- */

#if defined(HAVE_EXPAT) || defined(HAVE_JANSSON)
static _Thread_local struct arena_bytes *current;
static void *current_take(size_t size) {
    return current == NULL ? malloc(size) : arena_adapter_nghttp2_malloc(size, current);
}
static void current_give(void *block) { current == NULL ? free(block) : arena_adapter_nghttp2_free(block, current); }
#endif

#ifdef HAVE_EXPAT
static void *current_change(void *block, size_t size) {
    return current == NULL ? realloc(block, size) : arena_adapter_nghttp2_realloc(block, size, current);
}
static void count_element(void *user, const XML_Char *name, const XML_Char **attributes) {
    *(int *)user += strcmp(name, "entry") == 0 && strcmp(attributes[0], "name") == 0;
}

TEST(expat_parses_in_an_arena) {
    static const XML_Memory_Handling_Suite suite = {current_take, current_change, current_give};
    struct arena_bytes *arena = make(SIZE_MAX);
    for (size_t room = 1000;;
         room *= 2) { /* until it is enough: each time it says what is missing, and loses nothing */
        assert_true(arena_bytes_set_cap(arena, room));
        current = arena;
        enum XML_Error error = XML_ERROR_NO_MEMORY;
        int entries = 0;
        XML_Parser parser = XML_ParserCreate_MM(NULL, &suite, NULL);
        if (parser != NULL) {
            assert_true(arena_bytes_owns(arena, parser));
            XML_SetUserData(parser, &entries);
            XML_SetElementHandler(parser, count_element, NULL);
            static const char part[] = "<entry name='a' value='b &amp; c'>text</entry>\n";
            bool right = XML_Parse(parser, "<list>", 6, 0) == XML_STATUS_OK;
            for (int i = 0; right && i < 1000; i++) {
                right = XML_Parse(parser, part, sizeof part - 1, 0) == XML_STATUS_OK;
            }
            right = right && XML_Parse(parser, "</list>", 7, 1) == XML_STATUS_OK;
            error = right ? XML_ERROR_NONE : XML_GetErrorCode(parser);
        }
        current = NULL;
        arena_bytes_reset(arena); /* the end of the parser */
        if (error == XML_ERROR_NONE) {
            assert_int_equal(entries, 1000);
            break;
        }
        assert_int_equal(error, XML_ERROR_NO_MEMORY);
        assert_true(room < (size_t)1 << 20);
    }
    arena_bytes_destroy(arena);
}
#endif

#ifdef HAVE_JANSSON
TEST(jansson_reads_in_an_arena) {
    json_set_alloc_funcs(current_take, current_give);
    json_t *before = json_string("of the heap");
    struct arena_bytes *arena = make(100000);
    for (int round = 0; round < 3; round++) {
        current = arena;
        json_error_t error;
        json_t *document = json_loads("{\"name\": \"arena\", \"list\": [1, 2, 3]}", 0, &error);
        assert_non_null(document);
        assert_true(arena_bytes_owns(arena, document));
        assert_string_equal(json_string_value(json_object_get(document, "name")), "arena");
        char *text = json_dumps(document, JSON_COMPACT);
        assert_string_equal(text, "{\"name\":\"arena\",\"list\":[1,2,3]}");
        if (round == 0) json_decref(document);
        assert_true(arena_bytes_set_cap(arena, arena_bytes_used(arena)));
        assert_null(json_loads("[1, 2, 3]", 0, &error));
        current = NULL;
        arena_bytes_reset(arena);
        assert_true(arena_bytes_set_cap(arena, 100000));
    }
    arena_bytes_destroy(arena);
    assert_string_equal(json_string_value(before), "of the heap");
    json_decref(before);
    json_set_alloc_funcs(malloc, free);
}
#endif

int main(void) { return support_run("adapter"); }
