#!/bin/sh
# SPDX-License-Identifier: MIT
# The same source, built in two places, gives the same libraries, byte for byte; with debug information too.
#
#   reproducible.sh SOURCE_DIR
set -eu
source=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
for place in "$work/one" "$work/second/place"; do
    mkdir -p "$place/libarena"
    (cd "$source" && tar cf - VERSION meson.build meson_options.txt include src scripts) | tar xf - -C "$place/libarena"
    meson setup "$place/libarena/build" "$place/libarena" --buildtype=debugoptimized -Dtests=false -Dexamples=false \
        -Ddocs=false >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
    meson compile -C "$place/libarena/build" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
    rm -rf "${place:?}/libarena/src"
done
for library in "$work/one/libarena/build/src"/libarena*.so.*.*.* "$work/one/libarena/build/src"/libarena*.a; do
    name=$(basename "$library")
    case $name in *-internal.a) continue ;; esac # not installed, and refers to its objects by name
    [ -f "$library" ] || continue
    if cmp "$library" "$work/second/place/libarena/build/src/$name"; then
        echo "ok: $name"
    else
        failed=1
    fi
    if grep -q "$work" "$library"; then
        echo "$name: contains the place it was built in"
        failed=1
    fi
done
[ $failed -eq 0 ]
