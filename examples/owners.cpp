/* SPDX-License-Identifier: MIT */
/* C++: owners that end what they own, objects with destructors, and exceptions for statuses. */
#include <arena/arena.hpp>

#include <cstdio>
#include <string>

struct word {
    std::string text;
    explicit word(const char *from) : text(from) {}
    ~word() { std::printf("bye %s\n", text.c_str()); }
};

static std::size_t letters(libarena::pool<word> &pool) {
    auto scratch = pool.enter(); /* goes back to the pool at the end of the block, or by an exception */
    std::size_t sum = 0;
    for (const char *text : {"one", "two", "three"}) sum += scratch.emplace(text)->text.size();
    return sum;
}

int main() {
    try {
        auto pool = libarena::pool<word>::create(3);
        std::printf("%zu letters\n", letters(pool));
        auto arena = libarena::arena<word>::create(1);
        arena.emplace("first");
        arena.emplace("second"); /* does not fit */
    } catch (const libarena::error &failure) {
        std::printf("%s\n", failure.what());
    }
}
