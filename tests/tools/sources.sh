# SPDX-License-Identifier: MIT
# Sourced by the scripts that compile the library themselves, because they need a compiler or flags that the build does
# not have.  Wants $root, the root of the source tree.

library_flags="-D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE -fexceptions -I$root/include -I$root/src"

# The sources of libarena on Linux, but for those that give memory.
library_sources_without_memory() {
    ls "$root"/src/base/*.c "$root"/src/core/*.c "$root"/src/sync/*.c "$root"/src/api/*.c "$root"/src/runtime/*.c \
        "$root"/src/platform/posix/sync.c "$root"/src/platform/posix/exit.c "$root"/src/platform/linux/barrier.c \
        "$root"/src/platform/linux/stack.c "$root"/src/platform/posix/unwind.c
}
library_memory_sources() { ls "$root"/src/platform/posix/heap.c "$root"/src/platform/linux/pages.c; }

# Writes what the build makes of the headers, arena/version.h and arena/typed/macros.h, below the directory $1, which then
# has to be on the include path.
library_made_headers() {
    version=$(cat "$root/VERSION")
    mkdir -p "$1/arena/typed"
    sed -e "s/@MAJOR@/$(echo "$version" | cut -d. -f1)/" -e "s/@MINOR@/$(echo "$version" | cut -d. -f2)/" \
        -e "s/@PATCH@/$(echo "$version" | cut -d. -f3)/" -e "s/@VERSION@/$version/" \
        "$root/include/arena/version.h.in" >"$1/arena/version.h"
    python3 -B "$root/scripts/typed.py" "$1/arena/typed/macros.h" "$root"/include/arena/typed/*.h
}
