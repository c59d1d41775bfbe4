#!/bin/sh
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

[ "$failed" -eq 0 ]
