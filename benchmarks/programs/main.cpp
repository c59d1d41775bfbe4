/* SPDX-License-Identifier: MIT */
/* M8 to M10: real programs on each contender's memory, and what stays resident.
 *
 *   programs list                 each PROGRAM:CONTENDER, a line each
 *   programs PROGRAM:CONTENDER    runs it in this process; one line of JSON
 *
 * M8, nanoseconds of a run (the median; the thread's processor time) and the most that was resident of the program's data
 * (anonymous pages) beyond the start, in the first eight runs:
 *   lua       a state with its libraries, and a short script     json-1K, json-2M   a document read (Jansson), a member found
 *   zlib      4 KiB deflated                                     pcre2              a pattern compiled, a text searched
 *   ast       100 KB of source text to a tree of 16 node types   push               an array of 1,000,000 ints, one by one
 * M9:
 *   peak      64 MiB used once, then 32 generations of 4 KiB: what is resident then, and ns for such a generation
 *   flat      the generations alone
 *   peak5     a peak in every fifth generation; nanoseconds of the five
 * M10, threads that take 1 MiB out of a pool, touch it, and give it back, 16 of them at a time:
 *   pool-long-T, pool-short-T     T threads that stay, T that come and go: what is resident in the end
 */
#include "memory.hpp"

#include "ast.hpp"

#include <algorithm>
#include <condition_variable>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

#include <time.h>
#include <unistd.h>

#if BENCH_HAVE_LUA
#include <lua.hpp>
#endif
#if BENCH_HAVE_ZLIB
#include <zlib.h>
#endif
#if BENCH_HAVE_PCRE2
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#endif
#if BENCH_HAVE_JANSSON
#include <jansson.h>
#endif

namespace {

/* --- measuring ------------------------------------------------------------------------------------------------------- */

size_t resident_at_start;
/* Of this process, without what is mapped from files: code comes in at any time. */
size_t resident_bytes() {
    std::ifstream file("/proc/self/smaps_rollup");
    for (std::string line; std::getline(file, line);)
        if (line.compare(0, 10, "Anonymous:") == 0) return strtoul(line.c_str() + 10, nullptr, 10) * 1024;
    return 0;
}
void measure_begin() { resident_at_start = resident_bytes(); }
size_t grown() {
    const size_t now = resident_bytes();
    return now > resident_at_start ? now - resident_at_start : 0;
}
/* Where a program has the most in use: the most of several runs, when none is timed. */
bool looking;
size_t most_bytes;
void note_most() {
    if (looking && grown() > most_bytes) most_bytes = grown();
}
double thread_ns() {
    timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}
/* The median of runs, as many as fit into 50 ms, at least 5. */
template <class F> double typical(F run) {
    std::vector<double> times;
    const double begun = thread_ns();
    while (times.size() < 5 || thread_ns() - begun < 5e7) {
        const double start = thread_ns();
        run();
        times.push_back(thread_ns() - start);
    }
    std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2), times.end());
    return times[times.size() / 2];
}

struct answer {
    bool right;
    double ns;
    size_t bytes; /* M8: the most; M9, M10: what stays */
};

/* `run` is a run of the program, true where its result is right. */
template <class M, class F> answer measured(F run) {
    measure_begin();
    M::begin();
    bool right = true;
    auto again = [&] {
        right = run() && right;
        M::reset();
    };
    looking = true;
    for (int i = 0; i < 8; i++) again();
    looking = false;
    double ns = typical(again);
    return {right, ns, most_bytes};
}

/* --- the programs ---------------------------------------------------------------------------------------------------- */

/* Each library on a contender: the peers' functions of their libraries' shapes, on M::take and so on.  libarena has them. */

#if BENCH_HAVE_LUA
/* glue peer lua */
template <class M> void *lua_from(void *, void *block, size_t old_size, size_t size) {
    if (size == 0) return M::give(block), nullptr;
    if (block == nullptr) return M::take(size, alignof(max_align_t));
    return M::change(block, old_size, size);
}
template <class M> lua_State *lua_on() { return lua_newstate(lua_from<M>, nullptr); }
/* end of glue */
template <> lua_State *lua_on<from_malloc>() { return luaL_newstate(); }
/* glue libarena lua */
template <> lua_State *lua_on<from_libarena<0>>() { return lua_newstate(arena_adapter_lua, from_libarena<0>::arena); }
/* end of glue */
template <> lua_State *lua_on<from_libarena<2>>() { return lua_newstate(arena_adapter_lua, from_libarena<2>::arena); }

const char lua_script[] = "local t = {} for i = 1, 100 do t[i] = {name = 'n' .. i, value = i * i} end "
                          "table.sort(t, function(a, b) return a.value > b.value end) "
                          "local s = {} for i, v in ipairs(t) do s[#s + 1] = v.name .. '=' .. v.value end "
                          "return #table.concat(s, ',')";
template <class M> bool lua_run() {
    lua_State *lua = lua_on<M>();
    luaL_openlibs(lua);
    bool right = luaL_dostring(lua, lua_script) == LUA_OK && lua_tointeger(lua, -1) > 500;
    note_most();
    if (!M::is_arena) lua_close(lua);
    return right;
}
#endif

#if BENCH_HAVE_ZLIB
/* glue peer zlib */
template <class M> void *zlib_take(void *, unsigned items, unsigned size) { return M::take(size_t{items} * size, 16); }
template <class M> void zlib_give(void *, void *block) { M::give(block); }
template <class M> void zlib_on(z_stream &z) { z.zalloc = zlib_take<M>, z.zfree = zlib_give<M>; }
/* end of glue */
template <> void zlib_on<from_malloc>(z_stream &) {}
/* glue libarena zlib */
void zlib_on_arena(z_stream &z, arena_bytes *arena) {
    z.zalloc = arena_adapter_zlib_alloc, z.zfree = arena_adapter_zlib_free, z.opaque = arena;
}
/* end of glue */
template <> void zlib_on<from_libarena<0>>(z_stream &z) { zlib_on_arena(z, from_libarena<0>::arena); }
template <> void zlib_on<from_libarena<2>>(z_stream &z) { zlib_on_arena(z, from_libarena<2>::arena); }

template <class M> bool zlib_run() {
    static unsigned char out[8192];
    z_stream z{};
    zlib_on<M>(z);
    if (deflateInit(&z, 6) != Z_OK) return false;
    z.next_in = reinterpret_cast<unsigned char *>(const_cast<char *>(ast_source().data()));
    z.avail_in = 4096;
    z.next_out = out;
    z.avail_out = sizeof out;
    bool right = deflate(&z, Z_FINISH) == Z_STREAM_END && z.total_out < 2048;
    note_most();
    if (!M::is_arena) deflateEnd(&z);
    return right;
}
#endif

#if BENCH_HAVE_PCRE2
/* glue peer pcre2 */
template <class M> void *pcre2_take(size_t size, void *) { return M::take(size, 16); }
template <class M> void pcre2_give(void *block, void *) { M::give(block); }
template <class M> pcre2_general_context *pcre2_on() {
    return pcre2_general_context_create(pcre2_take<M>, pcre2_give<M>, nullptr);
}
/* end of glue */
template <> pcre2_general_context *pcre2_on<from_malloc>() { return nullptr; }
/* glue libarena pcre2 */
pcre2_general_context *pcre2_on_arena(arena_bytes *arena) {
    return pcre2_general_context_create(arena_adapter_pcre2_malloc, arena_adapter_pcre2_free, arena);
}
/* end of glue */
template <> pcre2_general_context *pcre2_on<from_libarena<0>>() { return pcre2_on_arena(from_libarena<0>::arena); }
template <> pcre2_general_context *pcre2_on<from_libarena<2>>() { return pcre2_on_arena(from_libarena<2>::arena); }

template <class M> bool pcre2_run() {
    static const char pattern[] = "(\\w+)_(\\d+)\\((\\w+), ([^)]*)\\)";
    pcre2_general_context *general = pcre2_on<M>();
    pcre2_compile_context *compile = general == nullptr ? nullptr : pcre2_compile_context_create(general);
    pcre2_match_context *match = general == nullptr ? nullptr : pcre2_match_context_create(general);
    int error;
    size_t offset;
    auto *code =
        pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern), PCRE2_ZERO_TERMINATED, 0, &error, &offset, compile);
    auto *data = pcre2_match_data_create_from_pattern(code, general);
    int found = 0;
    for (size_t at = 0; at < 4096;) {
        if (pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(ast_source().data()), 4096, at, 0, data, match) != 5) break;
        found++;
        at = pcre2_get_ovector_pointer(data)[1];
    }
    note_most();
    if (!M::is_arena) {
        pcre2_match_data_free(data);
        pcre2_code_free(code);
    }
    return found > 5;
}
#endif

#if BENCH_HAVE_JANSSON
/* Jansson's allocator has no user pointer, is one for the program, and frees without a size: nothing is freed then, as with
 * the peers, which is cheaper than a header for each block. */
/* glue peer json */
template <class M> void *json_take(size_t size) { return M::take(size, 16); }
template <class M> void json_give(void *block) { M::give(block); }
template <class M> void json_on() { json_set_alloc_funcs(json_take<M>, json_give<M>); }
/* end of glue */
template <> void json_on<from_malloc>() {}
arena_bytes *json_arena;
/* glue libarena json */
void *json_take_arena(size_t size) { return arena_bytes_try_alloc_raw(json_arena, size, 0); }
void json_give_arena(void *) {}
void json_use_arena() { json_set_alloc_funcs(json_take_arena, json_give_arena); }
/* end of glue */
void json_on_arena(arena_bytes *arena) {
    json_arena = arena;
    json_use_arena();
}
template <> void json_on<from_libarena<0>>() { json_on_arena(from_libarena<0>::arena); }
template <> void json_on<from_libarena<2>>() { json_on_arena(from_libarena<2>::arena); }

std::string json_text(size_t objects) {
    std::string text = "[";
    for (size_t i = 0; i < objects; i++)
        text += std::string(i == 0 ? "" : ",") + "{\"identifier\":" + std::to_string(i) +
                ",\"name\":\"the name of number " + std::to_string(i) +
                "\",\"tags\":[\"one\",\"two\",\"three\"],\"position\":{\"x\":1.5,\"y\":-2.25},\"enabled\":true}";
    return text + "]";
}
template <class M> answer json_answer(size_t objects) {
    const std::string text = json_text(objects);
    bool set = false;
    return measured<M>([&] {
        if (!set) json_on<M>();
        set = true;
        json_t *document = json_loadb(text.data(), text.size(), 0, nullptr);
        json_t *last = json_array_get(document, objects - 1);
        bool right = json_integer_value(json_object_get(last, "identifier")) == static_cast<json_int_t>(objects - 1);
        note_most();
        if (!M::is_arena) json_decref(document);
        return right;
    });
}
#endif

template <class M> bool ast_run() {
    ast_parser<M> parser(ast_source());
    keep(parser.program());
    note_most();
    return parser.nodes > 15000;
}

/* An array that grows in memory of its own: made and ended with each run. */
template <class M> bool push_run() {
    int *data = nullptr;
    size_t len = 0, cap = 0;
    for (int i = 0; i < 1000000; i++) {
        if (len == cap) {
            data = static_cast<int *>(cap == 0 ? M::take(16, alignof(max_align_t)) : M::change(data, cap * 4, cap * 8));
            cap = cap == 0 ? 4 : cap * 2;
        }
        data[len++] = i;
        keep(data);
    }
    note_most();
    return data[999999] == 999999;
}
bool push_macro() {
    arena_bytes *arena = must(arena_bytes_create(SIZE_MAX), "no arena");
    struct {
        int *data;
        size_t len, cap;
    } vector = {nullptr, 0, 0};
    for (int i = 0; i < 1000000; i++) {
        *ARENA_PUSH(arena, &vector) = i;
        keep(vector.data);
    }
    note_most();
    bool right = vector.data[999999] == 999999;
    arena_bytes_destroy(arena);
    return right;
}

/* --- M9: peaks ------------------------------------------------------------------------------------------------------- */

constexpr size_t peak_bytes = size_t{64} << 20, use_bytes = 4096;

template <class M> void use(size_t size_bytes) {
    for (size_t at = 0; at < size_bytes; at += use_bytes) memset(M::take(use_bytes, 16), 1, use_bytes);
    M::reset();
}
template <class M> answer peak_answer(bool with_peak) {
    M::begin();
    measure_begin();
    if (with_peak) use<M>(peak_bytes);
    for (int i = 0; i < 32; i++) use<M>(use_bytes);
    const size_t stays = grown();
    double ns = typical([] {
                    for (int i = 0; i < 100; i++) use<M>(use_bytes);
                }) /
                100;
    return {true, ns, stays};
}
template <class M> answer every_fifth() {
    M::begin();
    measure_begin();
    double ns = typical([] {
        use<M>(peak_bytes);
        for (int i = 0; i < 4; i++) use<M>(use_bytes);
    });
    return {true, ns, grown()};
}
template <size_t Retain> struct retained : from_libarena<0> {
    static void begin() {
        arena_options options{};
        options.struct_size = sizeof options;
        options.retain_bytes = Retain;
        arena = must(arena_bytes_create_with(SIZE_MAX, &options), "no arena");
    }
};

/* --- M10: pools ------------------------------------------------------------------------------------------------------- */

constexpr size_t out_at_a_time = 16, out_bytes = size_t{1} << 20;

/* At most 16 run at a time: who comes later waits. */
class turnstile {
public:
    void enter() {
        std::unique_lock<std::mutex> lock(mutex_);
        go_.wait(lock, [this] { return inside_ < out_at_a_time; });
        inside_++;
    }
    void leave() {
        std::lock_guard<std::mutex> lock(mutex_);
        inside_--;
        go_.notify_one();
    }

private:
    std::mutex mutex_;
    std::condition_variable go_;
    size_t inside_ = 0;
};

/* `scope` takes, touches and gives back.  The threads' stacks are resident too, and counted by the row of no memory at all. */
template <class Scope> answer threads_answer(size_t threads, bool short_lived, Scope scope) {
    turnstile gate;
    auto once = [&] {
        gate.enter();
        scope();
        gate.leave();
    };
    measure_begin();
    size_t stays = 0;
    const double start = thread_ns();
    if (short_lived) {
        std::vector<std::thread> wave;
        for (size_t made = 0; made < threads; made += wave.size(), wave.clear()) {
            for (size_t i = made; i < threads && wave.size() < out_at_a_time; i++) wave.emplace_back(once);
            const size_t size = wave.size();
            for (auto &thread : wave) thread.join();
            wave.resize(size);
        }
        stays = grown();
    } else {
        std::vector<std::thread> team;
        std::mutex mutex;
        std::condition_variable all;
        size_t done = 0;
        bool end = false;
        for (size_t i = 0; i < threads; i++)
            team.emplace_back([&] {
                for (int round = 0; round < 4; round++) once();
                std::unique_lock<std::mutex> lock(mutex);
                done++;
                all.notify_all();
                all.wait(lock, [&] { return end; });
            });
        {
            std::unique_lock<std::mutex> lock(mutex);
            all.wait(lock, [&] { return done == threads; });
            stays = grown();
            end = true;
            all.notify_all();
        }
        for (auto &thread : team) thread.join();
    }
    return {true, (thread_ns() - start) / static_cast<double>(threads), stays};
}
answer pool_answer(size_t threads, bool short_lived) {
    arena_bytes_pool *pool = must(arena_bytes_pool_create(SIZE_MAX), "no pool");
    answer got = threads_answer(threads, short_lived, [pool] {
        arena_bytes *arena;
        if (arena_bytes_pool_checkout(pool, &arena) != ARENA_OK) bench_die("no arena in the pool");
        for (size_t at = 0; at < out_bytes; at += use_bytes)
            memset(arena_bytes_alloc(arena, use_bytes, 16), 1, use_bytes);
        arena_bytes_pool_return(pool, arena);
    });
    got.right = arena_bytes_pool_destroy(pool) == ARENA_OK;
    return got;
}
void malloc_scope() {
    void *blocks[out_bytes / use_bytes];
    for (auto &block : blocks) memset(block = must(malloc(use_bytes), "no memory"), 1, use_bytes);
    for (auto &block : blocks) free(block);
}

/* --- which there are -------------------------------------------------------------------------------------------------- */

std::map<std::string, std::function<answer()>> &programs() {
    static std::map<std::string, std::function<answer()>> all;
    return all;
}
template <class M> void add_programs(const std::string &name) {
    auto &all = programs();
#if BENCH_HAVE_LUA
    all["lua:" + name] = [] { return measured<M>(lua_run<M>); };
#endif
#if BENCH_HAVE_ZLIB
    all["zlib:" + name] = [] { return measured<M>(zlib_run<M>); };
#endif
#if BENCH_HAVE_PCRE2
    all["pcre2:" + name] = [] { return measured<M>(pcre2_run<M>); };
#endif
#if BENCH_HAVE_JANSSON
    all["json-1K:" + name] = [] { return json_answer<M>(9); };
    all["json-2M:" + name] = [] { return json_answer<M>(18000); };
#endif
    all["ast:" + name] = [] { return measured<M>(ast_run<M>); };
}
template <class M> void add_peaks(const std::string &name) {
    auto &all = programs();
    all["peak:" + name] = [] { return peak_answer<M>(true); };
    all["flat:" + name] = [] { return peak_answer<M>(false); };
    all["peak5:" + name] = [] { return every_fifth<M>(); };
}
template <class M> void add_all(const std::string &name) {
    add_programs<M>(name);
    add_peaks<M>(name);
    programs()["push:" + name] = [] { return measured<M>(push_run<M>); };
}
void add_every() {
    auto &all = programs();
    add_all<from_malloc>("malloc");
    add_all<from_pmr>("std-pmr");
#if BENCH_HAVE_APR
    add_all<from_apr>("APR-pool");
#endif
#if BENCH_HAVE_TALLOC
    add_all<from_talloc>("talloc");
#endif
#if BENCH_HAVE_OBSTACK
    add_all<from_obstack>("obstack");
#endif
    add_programs<from_libarena<ARENA_CLEAR_ON_RESET>>("libarena");
    add_programs<from_libarena<ARENA_CLEAR_NEVER>>("libarena-never");
    add_peaks<retained<0>>("libarena");
    add_peaks<retained<ARENA_RETAIN_ALL>>("libarena-retain-all");
    add_peaks<retained<ARENA_RETAIN_NONE>>("libarena-retain-none");
    all["push:libarena"] = [] { return measured<retained<0>>(push_macro); };
    for (size_t threads : {1, 16, 100, 1000})
        for (bool short_lived : {false, true}) {
            const std::string program =
                std::string(short_lived ? "pool-short-" : "pool-long-") + std::to_string(threads);
            all[program + ":libarena"] = [=] { return pool_answer(threads, short_lived); };
            all[program + ":malloc"] = [=] { return threads_answer(threads, short_lived, malloc_scope); };
            all[program + ":floor-threads"] = [=] { return threads_answer(threads, short_lived, [] {}); };
        }
}

} // namespace

int main(int argc, char **argv) {
    add_every();
    const std::string wanted = argc > 1 ? argv[1] : "list";
    if (wanted == "list") {
        for (auto &program : programs()) std::puts(program.first.c_str());
        return 0;
    }
    auto found = programs().find(wanted);
    if (found == programs().end()) {
        std::fprintf(stderr, "programs: no %s\n", wanted.c_str());
        return 2;
    }
    answer got = found->second();
    const size_t colon = wanted.find(':');
    std::printf("{\"program\": \"%s\", \"contender\": \"%s\", \"right\": %s, \"ns\": %.1f, \"bytes\": %zu}\n",
                wanted.substr(0, colon).c_str(), wanted.substr(colon + 1).c_str(), got.right ? "true" : "false", got.ns,
                got.bytes);
    return got.right ? 0 : 1;
}
