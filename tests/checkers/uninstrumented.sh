#!/bin/sh
# SPDX-License-Identifier: MIT
# MemorySanitizer has nothing to say of a right program that links the ordinary library.
#
#   uninstrumented.sh SOURCE INCLUDE_DIR BUILD_INCLUDE_DIR SHARED_LIBRARY
set -u
source=$1
includes="-I$2 -I$3"
library=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
programs=0
failed=0

echo 'int main(void) { return 0; }' >"$work/probe.c"
for compiler in clang clang-19; do
    "$compiler" -fsanitize=memory "$work/probe.c" -o "$work/probe" >"$work/log" 2>&1 && "$work/probe" || continue
    for level in -O0 -O2; do
        programs=$((programs + 1))
        # shellcheck disable=SC2086 # several words
        if "$compiler" -std=c11 -g $level -fsanitize=memory $includes "$source" -o "$work/program" "$library" \
            -Wl,-rpath,"$(dirname "$library")" -pthread && "$work/program" >"$work/log" 2>&1; then
            continue
        fi
        echo "FAILED: $compiler $level" >&2
        cat "$work/log" >&2
        failed=$((failed + 1))
    done
done
echo "$programs programs, $failed failed"
[ $programs -gt 0 ] || exit 77
[ $failed -eq 0 ]
