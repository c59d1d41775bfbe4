// SPDX-License-Identifier: MIT
// The C++ face: objects in arenas, which end in the order opposite to that in which they were made.
#include <arena/arena.hpp>

#include <cstdio>
#include <stdexcept>
#include <string>

struct row {
    explicit row(std::string text) : name(std::move(text)) {
        if (name.empty()) throw std::invalid_argument("a row without a name");
    }
    ~row() { std::printf("end of %s\n", name.c_str()); }
    row(row &&) = default;
    std::string name;
};

static void answer(libarena::pool<row> &pool) {
    auto rows = pool.enter(); // an arena, until the end of this function
    rows.emplace("first");
    row *second = rows.emplace("second");
    std::printf("%zu rows, the last is %s\n", rows.used(), second->name.c_str());
    rows.emplace(""); // throws: nothing was made, and the other rows end on the way out
}

int main() {
    auto pool = libarena::pool<row>::create(100);
    try {
        answer(pool);
    } catch (const std::invalid_argument &refused) {
        std::printf("%s\n", refused.what());
    }
    auto few = libarena::arena<int>::create(2);
    few.alloc_slab(2);
    try {
        few.emplace(1);
    } catch (const std::bad_alloc &full) {
        std::printf("%s\n", full.what());
    }
    return 0;
}
