#!/bin/sh
# SPDX-License-Identifier: MIT
# The typed face in inline functions with external linkage, in C and C++, and in a C++20 module: it compiles without a
# warning, links from two files, and runs; 77 where there is no compiler.
#
#   linkage.sh SOURCE_DIR INCLUDE_DIR BUILD_INCLUDE_DIR LIBRARY
set -eu
source=$1
library=$4
includes="-I$2 -I$3"
directory=$(dirname "$library")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
programs=0
failed=0
# What `everything` warns of must be the library's, not that the test is written in C99.
quiet='-Wno-declaration-after-statement -Wno-padded -Wno-c++98-compat -Wno-pre-c11-compat -Wno-unsafe-buffer-usage
    -Wno-c++98-compat-pedantic -Wno-old-style-cast -Wno-zero-as-null-pointer-constant -Wno-missing-prototypes
    -Wno-unknown-warning-option'

# finish NAME OBJECT...: links and runs
finish() {
    name=$1
    shift
    if "$@" -L"$directory" -larena -Wl,-rpath,"$directory" -pthread && "$work/program"; then
        programs=$((programs + 1))
    else
        echo "FAILED: $name" >&2
        failed=$((failed + 1))
    fi
}

# two_files COMPILER FLAG...
two_files() {
    command -v "$1" >"$work/which" 2>&1 || { echo "skipped: $1 is not installed"; return 0; }
    case $1 in clang*) every=-Weverything ;; *) every='-Wshadow -Wconversion' ;; esac
    for level in -O0 -O2; do
        # shellcheck disable=SC2086 # several words
        finish "$* $level" "$@" $level -Wall -Wextra -Wpedantic $every $quiet -Werror $includes "$source/one.c" "$source/two.c" \
            -o "$work/program"
    done
}

# module COMPILER FLAG...: as gcc makes one, and as clang does
module() {
    command -v "$1" >"$work/which" 2>&1 || { echo "skipped: $1 is not installed"; return 0; }
    rm -f "$work"/*.o "$work/numbers.pcm"
    case $1 in
    clang*)
        # shellcheck disable=SC2086 # several words
        "$@" -Wall -Wextra -Werror $includes --precompile -x c++-module "$source/module.cpp" -o "$work/numbers.pcm" &&
            "$@" -c "$work/numbers.pcm" -o "$work/module.o" &&
            finish "$* (module)" "$@" -fmodule-file=numbers="$work/numbers.pcm" "$source/user.cpp" "$work/module.o" -o "$work/program"
        ;;
    *)
        (cd "$work" && "$@" -Wall -Wextra -Werror $includes -c "$source/module.cpp" -o module.o &&
            "$@" -c "$source/user.cpp" -o user.o)
        finish "$* (module)" "$1" "$work/module.o" "$work/user.o" -o "$work/program"
        ;;
    esac
}

for compiler in ${TEST_COMPILERS:-${CC:-cc}}; do two_files $compiler -std=c11; done
for compiler in ${TEST_COMPILERS_CPP:-${CXX:-c++}}; do two_files $compiler -x c++ -std=c++17; done
# Modules: gcc since 11, clang since 16.  They are slow to make.
[ -n "${TEST_COMPILERS-}" ] || { echo "$programs programs, $failed failed"; exit $failed; }
if echo 'export module probe;' >"$work/probe.cpp" && (cd "$work" && g++ -std=c++20 -fmodules-ts -c probe.cpp) >"$work/log" 2>&1; then
    module g++ -std=c++20 -fmodules-ts
fi
for compiler in clang++-16 clang++-19; do module $compiler -std=c++20 -pthread; done

echo "$programs programs, $failed failed"
[ $((programs + failed)) -gt 0 ] || exit 77
[ $failed -eq 0 ]
