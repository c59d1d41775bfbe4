#!/bin/sh
# SPDX-License-Identifier: MIT
# The installed shared library, loaded with dlopen.
#
#   load.sh BUILD_DIR LIBDIR
#
# shellcheck disable=SC2046,SC2086 # the words of pkg-config's answers are arguments
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

"${CC:-cc}" -Wall -Wextra -Werror "$here/load.c" $(pkg-config --cflags arena) -ldl -pthread
for library in "$stage$libdir"/libarena.so "$stage$libdir"/libarena.so.*.*.*; do
    expect "$(basename "$library")" 'loaded, used and unloaded' "$(./a.out "$library" 2>&1 || echo "exit status $?")"
done

# A copy inside a plugin is unloaded for good; threads that end later must not come back to it.
if [ -e "$stage$libdir/libarena.a" ]; then
    "${CC:-cc}" -shared -Wl,--whole-archive "$stage$libdir/libarena.a" -Wl,--no-whole-archive -pthread -o plugin.so
    expect 'a plugin' 'loaded, used and unloaded' "$(./a.out "$PWD/plugin.so" gone 2>&1 || echo "exit status $?")"
    # As many plugins as like may have one: what their threads keep does not come out of the loader's reserve.
    for number in $(seq 100); do cp plugin.so "plugin-$number.so"; done
    # Beside the shared library it is a library of its own, and knows what is not its own.
    "${CC:-cc}" -Wall -Wextra -Werror "$here/copies.c" -o copies $(pkg-config --cflags --libs arena) -ldl -pthread
    expect 'two copies' 'each knows its own' "$(LD_LIBRARY_PATH="$stage$libdir" ./copies "$PWD/plugin.so" 2>&1 || echo "exit status $?")"
    expect '100 plugins' 'all loaded' "$(./a.out all "$PWD"/plugin-*.so 2>&1 || echo "exit status $?")"
fi

[ "$failed" -eq 0 ]
