#!/bin/sh
# SPDX-License-Identifier: MIT
# Compiles each public header alone, first and twice, in C11, C++17 and C++20; then names.c,
# a program that uses their macros.
#
#   headers.sh INCLUDE_DIR BUILD_INCLUDE_DIR HEADER...
set -eu
include=$1
generated=$2
shift 2
warnings='-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wundef -Wcast-align -Wwrite-strings -Werror'
compiled=0
failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# compile COMPILER LANGUAGE STANDARD
compile() {
    command -v "$1" >"$work/which" 2>&1 || { echo "skipped: $1 is not installed"; return 0; }
    for header in "$@"; do
        case $header in *.h) ;; *) continue ;; esac
        printf '#include <arena/%s>\n#include <arena/%s>\nint main(void);\nint main(void) { return 0; }\n' \
            "$header" "$header" >"$work/alone"
        # shellcheck disable=SC2086 # several words
        if "$1" -x "$2" "-std=$3" $warnings -I"$include" -I"$generated" -c -o "$work/alone.o" "$work/alone"; then
            compiled=$((compiled + 1))
        else
            echo "$header does not compile alone: $1 -std=$3" >&2
            failed=$((failed + 1))
        fi
    done
    # Programs wrap the headers of C libraries so, needed or not.
    if [ "$2" = c++ ]; then
        printf 'extern "C" {\n#include <arena/arena.h>\n}\nARENA_DEFINE(ints, int)\n' >"$work/wrapped"
        # shellcheck disable=SC2086 # several words
        if "$1" -x "$2" "-std=$3" $warnings -I"$include" -I"$generated" -c -o "$work/wrapped.o" "$work/wrapped"; then
            compiled=$((compiled + 1))
        else
            echo "arena.h does not compile inside extern \"C\": $1 -std=$3" >&2
            failed=$((failed + 1))
        fi
    fi
    case $1 in
    g++) more='-Wold-style-cast -Wuseless-cast' ;;
    *++*) more=-Wold-style-cast ;;
    *) more=-Wc++-compat ;;
    esac
    # shellcheck disable=SC2086 # several words
    if "$1" -x "$2" "-std=$3" $warnings $more -I"$include" -I"$generated" -c -o "$work/names.o" "$(dirname "$0")/names.c"; then
        compiled=$((compiled + 1))
    else
        echo "names.c does not compile: $1 -std=$3" >&2
        failed=$((failed + 1))
    fi
}

for compiler in ${TEST_COMPILERS:-${CC:-cc}}; do compile "$compiler" c c11 "$@"; done
for compiler in ${TEST_COMPILERS_CPP:-${CXX:-c++}}; do
    compile "$compiler" c++ c++17 "$@"
    compile "$compiler" c++ c++20 "$@"
done
# A version in which each part is another number.
mkdir "$work/arena"
sed 's/@MAJOR@/2/; s/@MINOR@/3/; s/@PATCH@/4/; s/@VERSION@/2.3.4/' "$include/arena/version.h.in" >"$work/arena/version.h"
printf '#include <arena/base.h>\n%s\n' '_Static_assert(ARENA_VERSION == 0x020304, "major << 16 | minor << 8 | patch");' >"$work/version.c"
if ! "${CC:-cc}" -std=c11 -I"$work" -I"$include" -fsyntax-only "$work/version.c"; then failed=$((failed + 1)); fi

echo "$compiled compilations, $failed failed"
[ "$compiled" -gt 0 ] && [ "$failed" -eq 0 ]
