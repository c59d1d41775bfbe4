/* SPDX-License-Identifier: MIT */
/* Blocks of any size, M1 to M7: the same template for every contender.
 *
 *   M1    mixed 8 to 256 bytes (W4s's sizes), the first word stored; 1,000 per reset
 *   M2    a tree: 500 nodes of four types, every field written, each with a name that is copied; then reset
 *   M3    a document as of JSON: 40 objects of 8 members, keys and texts copied, some members arrays; then reset
 *   M4    100 texts, each put together from 16 pieces of 1 to 24 bytes, in memory that grows; then reset
 *   M5    a mark, two blocks, a rewind (or what comes nearest); M5n: such a scope with another one inside
 *   M6    two blocks, then a reset by a call
 *   M7    an arena's whole life: made, 900 bytes taken and filled, ended
 *   push  an array of 1,000,000 ints that grows one by one, in memory of its own
 *
 * A contender is a class with static members, of which those for M5, M7 and push are only there where it has them:
 *
 *   using handle                               a pointer, so that what it points to is reloaded as in a program
 *   handle make(size_bytes); void drop(handle)     room for that much, alignment and headers aside, between two resets
 *   void *take(handle, size, align)            one block
 *   char *text(handle, const char *from)       a copy
 *   void reset(handle)
 *   using string; string begin(handle); void append(handle, string &, const char *, size_t); char *end(handle, string &)
 *   template <class Use> void scope(handle, v), nested(handle, v), two(handle, v)
 *   void life(size_bytes)                      M7
 *   int64_t push(count)                        the last value plus the count
 */
#ifndef BENCH_MIXED_HPP
#define BENCH_MIXED_HPP

#include "bench.hpp"
#include "scope.hpp"
#include "single.hpp"

#include <cstring>

/* --- what is built ------------------------------------------------------------------------------------------------- */

constexpr size_t mixed_blocks = 1000, tree_nodes = 500, document_objects = 40, texts_count = 100, text_pieces = 16;

/* Numbers in a fixed random order, and names of 3 to 20 bytes. */
struct mixed_script {
    std::vector<uint32_t> kinds, words;
    std::vector<std::string> names;
    mixed_script() {
        uint64_t state = 88172645463325252u;
        auto next = [&state] {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            return static_cast<uint32_t>(state >> 33);
        };
        for (size_t i = 0; i < 4096; i++) kinds.push_back(next() % 4), words.push_back(next());
        for (size_t i = 0; i < 64; i++) {
            std::string name;
            for (size_t length = 3 + next() % 18; name.size() < length;) name += static_cast<char>('a' + next() % 26);
            names.push_back(name);
        }
    }
    const char *name(size_t i) const { return names[words[i % 4096] % 64].c_str(); }
};
inline const mixed_script &script() {
    static const mixed_script made;
    return made;
}

struct tree_node {
    tree_node *next;
    const char *name;
    uint32_t kind, line;
};
struct tree_unary {
    tree_node head;
    tree_node *operand;
};
struct tree_binary {
    tree_node head;
    tree_node *left, *right;
};
struct tree_call {
    tree_node head;
    tree_node *callee, *arguments;
    int64_t count, column;
};

template <class A, class N> BENCH_INLINE N *tree_new(typename A::handle h, uint32_t kind, size_t i, tree_node *next) {
    auto *node = static_cast<N *>(A::take(h, sizeof(N), alignof(N)));
    auto *head = reinterpret_cast<tree_node *>(node);
    head->next = next;
    head->name = A::text(h, script().name(i));
    head->kind = kind;
    head->line = static_cast<uint32_t>(i);
    return node;
}

/* Every node points to the one before it: a list that is a tree, too. */
template <class A> BENCH_NOINLINE tree_node *tree_build(typename A::handle h) {
    tree_node *last = nullptr;
    for (size_t i = 0; i < tree_nodes; i++) {
        switch (script().kinds[i]) {
        case 0:
            last = tree_new<A, tree_node>(h, 0, i, last);
            break;
        case 1: {
            auto *node = tree_new<A, tree_unary>(h, 1, i, last);
            node->operand = last;
            last = &node->head;
            break;
        }
        case 2: {
            auto *node = tree_new<A, tree_binary>(h, 2, i, last);
            node->left = node->right = last;
            last = &node->head;
            break;
        }
        default: {
            auto *node = tree_new<A, tree_call>(h, 3, i, last);
            node->callee = node->arguments = last;
            node->count = static_cast<int64_t>(i);
            node->column = 7;
            last = &node->head;
        }
        }
        keep(last);
    }
    return last;
}
inline bool tree_right(const tree_node *node) {
    for (size_t i = tree_nodes; i-- > 0; node = node->next)
        if (node == nullptr || node->line != i || node->kind != script().kinds[i] ||
            std::strcmp(node->name, script().name(i)) != 0)
            return false;
    return node == nullptr;
}

struct document_value {
    uint32_t tag, count;
    union {
        double number;
        const char *text;
        document_value *items;
    };
};
struct document_member {
    const char *key;
    document_value value;
};
constexpr size_t document_members = 8;

template <class A> BENCH_NOINLINE document_member **document_build(typename A::handle h) {
    auto **objects = static_cast<document_member **>(
        A::take(h, document_objects * sizeof(document_member *), alignof(document_member *)));
    for (size_t i = 0; i < document_objects; i++) {
        auto *members = static_cast<document_member *>(
            A::take(h, document_members * sizeof(document_member), alignof(document_member)));
        objects[i] = members;
        for (size_t j = 0; j < document_members; j++) {
            const size_t at = i * document_members + j;
            document_member *member = &members[j];
            member->key = A::text(h, script().name(j));
            member->value.tag = script().kinds[at];
            member->value.count = 1;
            if (member->value.tag == 0) {
                member->value.count = 4;
                member->value.items =
                    static_cast<document_value *>(A::take(h, 4 * sizeof(document_value), alignof(document_value)));
                for (uint32_t k = 0; k < 4; k++) {
                    member->value.items[k].tag = 1;
                    member->value.items[k].count = 1;
                    member->value.items[k].number = k;
                }
            } else if (member->value.tag == 1) {
                member->value.number = static_cast<double>(at);
            } else {
                member->value.text = A::text(h, script().name(at));
            }
        }
        keep(members);
    }
    return objects;
}
inline bool document_right(document_member *const *objects) {
    for (size_t at = 0; at < document_objects * document_members; at++) {
        const document_member &member = objects[at / document_members][at % document_members];
        if (std::strcmp(member.key, script().name(at % document_members)) != 0) return false;
        if (member.value.tag != script().kinds[at]) return false;
        if (member.value.tag == 0 && member.value.items[3].number != 3) return false;
        if (member.value.tag == 1 && member.value.number != static_cast<double>(at)) return false;
        if (member.value.tag > 1 && std::strcmp(member.value.text, script().name(at)) != 0) return false;
    }
    return true;
}

/* Pieces of texts: the first 1 to 24 bytes of this. */
inline const char *piece_text() { return "the quick brown fox jumps over the lazy dog"; }
inline size_t piece_length(size_t i) { return 1 + script().words[i % 4096] % 24; }

template <class A> BENCH_NOINLINE size_t texts_build(typename A::handle h) {
    size_t right = 0;
    for (size_t i = 0; i < texts_count; i++) {
        auto string = A::begin(h);
        for (size_t j = 0; j < text_pieces; j++) A::append(h, string, piece_text(), piece_length(i * text_pieces + j));
        char *text = A::end(h, string);
        keep(text);
        right += static_cast<unsigned char>(text[0]);
    }
    return right;
}
template <class A> bool texts_right(typename A::handle h) {
    for (size_t i = 0; i < texts_count; i++) {
        std::string expected;
        auto string = A::begin(h);
        for (size_t j = 0; j < text_pieces; j++) {
            const size_t length = piece_length(i * text_pieces + j);
            expected.append(piece_text(), length);
            A::append(h, string, piece_text(), length);
        }
        if (expected != A::end(h, string)) return false;
    }
    return true;
}

/* --- what contenders share ------------------------------------------------------------------------------------------ */

/* Texts for those that have nothing that grows: doubling, and a copy each time, as their callers do it. */
struct copied_string {
    char *data;
    size_t len, cap;
};
template <class A, class Handle> struct copied_strings {
    using string = copied_string;
    static BENCH_INLINE string begin(Handle) { return {nullptr, 0, 0}; }
    static BENCH_INLINE void append(Handle h, string &s, const char *from, size_t length) {
        if (s.cap - s.len <= length) {
            size_t cap = s.cap == 0 ? 64 : s.cap * 2;
            char *data = static_cast<char *>(A::take(h, cap, 1));
            if (s.len != 0) std::memcpy(data, s.data, s.len);
            s.data = data;
            s.cap = cap;
        }
        std::memcpy(s.data + s.len, from, length);
        s.len += length;
    }
    static BENCH_INLINE char *end(Handle, string &s) {
        s.data[s.len] = '\0';
        return s.data;
    }
};
template <class A, class Handle> struct copied_text {
    static BENCH_INLINE char *text(Handle h, const char *from) {
        const size_t size = std::strlen(from) + 1;
        return static_cast<char *>(std::memcpy(A::take(h, size, 1), from, size));
    }
};

/* --- the loops ------------------------------------------------------------------------------------------------------- */

template <class A> BENCH_NOINLINE void blocks_epoch(typename A::handle h, const uint32_t *words, int64_t seed) {
    for (size_t i = 0; i < mixed_blocks; i++) {
        auto *block = static_cast<int64_t *>(A::take(h, words[i] * sizeof(int64_t), alignof(int64_t)));
        block[0] = seed + static_cast<int64_t>(i);
        keep(block);
    }
    A::reset(h);
}
template <class A> bool blocks_right(typename A::handle h) {
    std::vector<int64_t *> at;
    for (size_t i = 0; i < mixed_blocks; i++) {
        const uint32_t words = mixed_words()[i];
        at.push_back(static_cast<int64_t *>(A::take(h, words * sizeof(int64_t), alignof(int64_t))));
        at[i][words - 1] = -1;
        at[i][0] = static_cast<int64_t>(i);
    }
    bool right = true;
    for (size_t i = 0; i < mixed_blocks; i++)
        right = right && at[i][0] == static_cast<int64_t>(i) &&
                (mixed_words()[i] == 1 || at[i][mixed_words()[i] - 1] == -1);
    A::reset(h);
    return right;
}

/* `work` is one epoch with its reset; `right` one that is read back. */
template <class A, class Work, class Right>
void run_mixed_epochs(benchmark::State &state, size_t items, Work work, Right right) {
    auto h = A::make(size_t{1} << 20);
    bool good = right(h);
    A::reset(h);
    for (auto _ : state) work(h);
    state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * static_cast<int64_t>(items));
    good = good && right(h);
    A::reset(h);
    bench_verify(state, good);
    A::drop(h);
}

template <class A> void add_mixed(const std::string &name) {
    using handle = typename A::handle;
    bench_add("M1/" + name, [](benchmark::State &s) {
        int64_t seed = 1;
        run_mixed_epochs<A>(
            s, mixed_blocks, [&](handle h) { blocks_epoch<A>(h, mixed_words().data(), seed++); },
            [](handle h) { return blocks_right<A>(h); });
    });
    bench_add("M2/" + name, [](benchmark::State &s) {
        run_mixed_epochs<A>(
            s, tree_nodes, [](handle h) { keep(tree_build<A>(h)), A::reset(h); },
            [](handle h) { return tree_right(tree_build<A>(h)); });
    });
    bench_add("M3/" + name, [](benchmark::State &s) {
        run_mixed_epochs<A>(
            s, document_objects * document_members, [](handle h) { keep(document_build<A>(h)), A::reset(h); },
            [](handle h) { return document_right(document_build<A>(h)); });
    });
    bench_add("M4/" + name, [](benchmark::State &s) {
        run_mixed_epochs<A>(
            s, texts_count,
            [](handle h) {
                size_t sum = texts_build<A>(h);
                keep(&sum);
                A::reset(h);
            },
            [](handle h) { return texts_right<A>(h); });
    });
}

/* Scopes, a thousand a time; the first and the last of them are read back. */
#define BENCH_SCOPES(function)                                                                                         \
    template <class A, class Use> BENCH_NOINLINE void function##_epoch(typename A::handle h, int64_t seed) {           \
        for (int64_t i = 0; i < 1000; i++) {                                                                           \
            A::template function<Use>(h, seed + i);                                                                    \
            keep(h); /* the window has been in memory, as in a program */                                              \
        }                                                                                                              \
    }                                                                                                                  \
    template <class A> void run_##function(benchmark::State &state, int64_t pairs) {                                   \
        auto h = A::make(4096);                                                                                        \
        auto right = [&] {                                                                                             \
            scope_check::sum = 0;                                                                                      \
            function##_epoch<A, scope_check>(h, 3);                                                                    \
            return scope_check::sum == pairs * (5 * (1000 * 3 + 499500) + 10 * 1000);                                  \
        };                                                                                                             \
        bool good = right();                                                                                           \
        int64_t seed = 1;                                                                                              \
        for (auto _ : state) function##_epoch<A, scope_use>(h, seed++);                                                \
        state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * 1000);                                      \
        bench_verify(state, good &&right());                                                                           \
        A::drop(h);                                                                                                    \
    }
BENCH_SCOPES(scope)
BENCH_SCOPES(nested)
BENCH_SCOPES(two)

/* Two blocks, filled, of which `take` gives each: what every scope holds. */
template <class Use, class Take> BENCH_INLINE void scope_blocks(Take take, int64_t v) {
    auto *value = static_cast<int64_t *>(take(sizeof(int64_t)));
    scope_fill<Use>(value, static_cast<int64_t *>(take(4 * sizeof(int64_t))), v);
}
/* M6, the same for all. */
template <class A, class Handle> struct blocks_and_reset {
    template <class Use> static BENCH_INLINE void two(Handle h, int64_t v) {
        scope_blocks<Use>([&](size_t size) { return A::take(h, size, alignof(int64_t)); }, v);
        A::reset(h);
    }
};

template <class A> void add_marks(const std::string &name) {
    bench_add("M5/" + name, [](benchmark::State &s) { run_scope<A>(s, 1); });
    bench_add("M5n/" + name, [](benchmark::State &s) { run_nested<A>(s, 2); });
}
template <class A> void add_resets(const std::string &name) {
    bench_add("M6/" + name, [](benchmark::State &s) { run_two<A>(s, 1); });
}

/* M7.  `life` makes, takes so many bytes, gives them to live_use, and ends. */
constexpr size_t life_bytes = 900;
/* All fill by the same call: a compiler that sees the size of some takes a string instruction, which is slower. */
BENCH_INLINE void life_fill(void *block, int byte, size_t size_bytes) {
    __asm__("" : "+r"(size_bytes));
    std::memset(must(block, "no block"), byte, size_bytes);
    keep(block);
}
BENCH_INLINE void life_use(void *block, size_t size_bytes) { life_fill(block, 1, size_bytes); }
template <class Life> void add_life(const std::string &name, Life life) {
    bench_add("M7/" + name, [life](benchmark::State &state) {
        for (auto _ : state) life(life_bytes);
        state.SetItemsProcessed(static_cast<int64_t>(state.iterations()));
    });
}

constexpr int64_t push_count = 1000000;
template <class Push> void add_push(const std::string &name, Push push) {
    bench_add("push/" + name, [push](benchmark::State &state) {
        bool right = true;
        for (auto _ : state) right = push(push_count) == 2 * push_count - 1 && right;
        state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * push_count);
        bench_verify(state, right);
    });
}

#endif
