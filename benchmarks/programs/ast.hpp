/* SPDX-License-Identifier: MIT */
/* The front of a compiler: source text of a small language, and its tree of 16 types of nodes, with names that are copied and
 * lists that grow.
 */
#ifndef BENCH_PROGRAMS_AST_HPP
#define BENCH_PROGRAMS_AST_HPP

#include "../harness/bench.hpp"

#include <cctype>
#include <cstring>

enum class kind : uint8_t {
    number,
    name,
    string,
    add,
    subtract,
    multiply,
    divide,
    negate,
    call,
    index,
    assign,
    let,
    block,
    branch,
    loop,
    function
};

struct node {
    enum kind kind;
    uint32_t offset;
};
struct node_list {
    node **data;
    size_t len, cap;
};
struct number_node : node {
    double value;
};
struct name_node : node { /* name, string */
    char *text;
    size_t length;
};
struct binary_node : node { /* add to divide, index, assign */
    node *left, *right;
};
struct negate_node : node {
    node *operand;
};
struct call_node : node {
    node *callee;
    node_list arguments;
};
struct let_node : node {
    name_node *name;
    node *value;
};
struct block_node : node {
    node_list statements;
};
struct branch_node : node {
    node *condition, *then, *otherwise;
};
struct loop_node : node {
    node *condition, *body;
};
struct function_node : node {
    name_node *name;
    node_list parameters;
    node *body;
};

/* Some 100 KB of source text. */
inline const std::string &ast_source() {
    static const std::string text = [] {
        std::string s;
        for (int i = 0; i < 400; i++) {
            const std::string n = std::to_string(i);
            s += "fn function_" + n + "(first, second, third_" + n +
                 ") {\n"
                 "  let total = first * (second + " +
                 n + ") - -third_" + n +
                 " / 2;\n"
                 "  while total - limit[" +
                 n +
                 "] {\n"
                 "    if compare(total, first, \"a text in the source\") { total = total + step(1, 2, 3, 4, 5); }\n"
                 "    else { total = total - table[first + second]; print(\"done\", total); }\n"
                 "  }\n"
                 "  report(total);\n}\n";
        }
        return s;
    }();
    return text;
}

template <class A> class ast_parser {
public:
    explicit ast_parser(const std::string &source) : begin_(source.c_str()), at_(begin_) {}
    node *program() {
        auto *block = make<block_node>(kind::block);
        for (skip(); *at_ != '\0'; skip()) push(block->statements, statement());
        return block;
    }
    size_t nodes = 0;

private:
    template <class N> N *make(kind k) {
        auto *made = static_cast<N *>(A::take(sizeof(N), alignof(N)));
        memset(static_cast<void *>(made), 0, sizeof(N));
        made->kind = k;
        made->offset = static_cast<uint32_t>(at_ - begin_);
        nodes++;
        return made;
    }
    static void push(node_list &list, node *item) {
        if (list.len == list.cap) {
            const size_t cap = list.cap == 0 ? 4 : list.cap * 2;
            list.data = static_cast<node **>(
                list.cap == 0 ? A::take(cap * sizeof(node *), alignof(node *))
                              : A::change(list.data, list.cap * sizeof(node *), cap * sizeof(node *)));
            list.cap = cap;
        }
        list.data[list.len++] = item;
    }
    void skip() {
        while (isspace(static_cast<unsigned char>(*at_))) at_++;
    }
    bool accept(char c) {
        skip();
        if (*at_ != c) return false;
        at_++;
        return true;
    }
    void expect(char c) {
        if (!accept(c)) bench_die("the source has a mistake");
    }
    bool word(const char *w) {
        skip();
        const size_t length = strlen(w);
        if (strncmp(at_, w, length) != 0 || isalnum(static_cast<unsigned char>(at_[length])) || at_[length] == '_')
            return false;
        at_ += length;
        return true;
    }
    name_node *text(kind k, const char *from, size_t length) {
        auto *made = make<name_node>(k);
        made->text = static_cast<char *>(A::take(length + 1, 1));
        memcpy(made->text, from, length);
        made->text[length] = '\0';
        made->length = length;
        return made;
    }
    name_node *name() {
        skip();
        const char *from = at_;
        while (isalnum(static_cast<unsigned char>(*at_)) || *at_ == '_') at_++;
        if (at_ == from) bench_die("the source has a mistake");
        return text(kind::name, from, static_cast<size_t>(at_ - from));
    }
    node *binary(kind k, node *left, node *right) {
        auto *made = make<binary_node>(k);
        made->left = left;
        made->right = right;
        return made;
    }
    node *primary() {
        skip();
        node *made;
        if (accept('(')) {
            made = expression();
            expect(')');
        } else if (accept('-')) {
            auto *negate = make<negate_node>(kind::negate);
            negate->operand = primary();
            return negate;
        } else if (isdigit(static_cast<unsigned char>(*at_))) {
            auto *number = make<number_node>(kind::number);
            for (; isdigit(static_cast<unsigned char>(*at_)); at_++) number->value = number->value * 10 + (*at_ - '0');
            return number;
        } else if (accept('"')) {
            const char *from = at_;
            while (*at_ != '"') at_++;
            made = text(kind::string, from, static_cast<size_t>(at_ - from));
            at_++;
        } else {
            made = name();
        }
        for (;;) {
            if (accept('(')) {
                auto *call = make<call_node>(kind::call);
                call->callee = made;
                if (!accept(')')) {
                    do push(call->arguments, expression());
                    while (accept(','));
                    expect(')');
                }
                made = call;
            } else if (accept('[')) {
                made = binary(kind::index, made, expression());
                expect(']');
            } else {
                return made;
            }
        }
    }
    node *product() {
        node *left = primary();
        for (;;) {
            if (accept('*'))
                left = binary(kind::multiply, left, primary());
            else if (accept('/'))
                left = binary(kind::divide, left, primary());
            else
                return left;
        }
    }
    node *expression() {
        node *left = product();
        for (;;) {
            if (accept('+'))
                left = binary(kind::add, left, product());
            else if (accept('-'))
                left = binary(kind::subtract, left, product());
            else
                return left;
        }
    }
    node *block() {
        auto *made = make<block_node>(kind::block);
        expect('{');
        while (!accept('}')) push(made->statements, statement());
        return made;
    }
    node *statement() {
        if (word("fn")) {
            auto *function = make<function_node>(kind::function);
            function->name = name();
            expect('(');
            do push(function->parameters, name());
            while (accept(','));
            expect(')');
            function->body = block();
            return function;
        }
        if (word("while")) {
            auto *loop = make<loop_node>(kind::loop);
            loop->condition = expression();
            loop->body = block();
            return loop;
        }
        if (word("if")) {
            auto *branch = make<branch_node>(kind::branch);
            branch->condition = expression();
            branch->then = block();
            if (word("else")) branch->otherwise = block();
            return branch;
        }
        node *made;
        if (word("let")) {
            auto *let = make<let_node>(kind::let);
            let->name = name();
            expect('=');
            let->value = expression();
            made = let;
        } else {
            made = expression();
            if (accept('=')) made = binary(kind::assign, made, expression());
        }
        expect(';');
        return made;
    }

    const char *begin_, *at_;
};

#endif
