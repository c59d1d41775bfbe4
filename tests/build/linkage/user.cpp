// SPDX-License-Identifier: MIT
// A program that imports module.cpp.
import numbers;

int main() {
    auto *arena = make(4);
    int sum = *put(arena, 5) + two(arena);
    end(arena);
    return sum == 7 && weigh(2.5) == 2.5 ? 0 : 1;
}
