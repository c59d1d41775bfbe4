#!/bin/sh
# SPDX-License-Identifier: MIT
# Panics jump by the one name that ThreadSanitizer watches, also where a distribution's flags fortify: src/runtime/protect.c
# says why.
#
#   longjmp.sh NM SOURCE_DIR BUILD_INCLUDE_DIR COMPILER...
set -eu

nm=$1
source_dir=$2
build_include=$3
shift 3

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$@" -std=c11 -O2 -D_FORTIFY_SOURCE=2 -D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE -I"$source_dir/src" \
    -I"$source_dir/include" -I"$build_include" -c "$source_dir/src/runtime/protect.c" -o "$work/protect.o"
found=$("$nm" --undefined-only "$work/protect.o" | awk '$2 ~ /longjmp/ { print $2 }')
if [ "$found" != longjmp ]; then
    echo "longjmp.sh: protect.c jumps by: $found" >&2
    exit 1
fi
