#!/bin/sh
# SPDX-License-Identifier: MIT
# Compares the binary interface of libarena (and libarena-mhd) with the baseline in this directory: symbols with their
# versions, parameters, and the layout of the types that the headers define; describe.py writes them as text.  (The four
# frozen words of struct arena, which no function names, are tests/test_head.c's.)  Fails on any difference; with
# --update, writes the baseline anew, which is to be a decision.
#
# usage: tests/abi/run.sh [--update]
# packages: abigail-tools, python3, and those of the build
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
if ! command -v abidw >/dev/null; then
    echo "skipped: abidw is not installed"
    exit 77
fi
# The baseline is of one machine; another has other sizes.
if [ "$(uname -m)" != x86_64 ]; then
    echo "skipped: the baseline is of x86_64"
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
meson setup "$work/build" "$root" --buildtype=debug -Dexamples=false -Dtests=false >"$work/setup.log" ||
    { tail "$work/setup.log"; exit 1; }
ninja -C "$work/build" >"$work/ninja.log" || { tail "$work/ninja.log"; exit 1; }

status=0
for name in arena arena-mhd; do
    library=$(find "$work/build/src" -maxdepth 1 -type f -name "lib$name.so.*")
    if [ -z "$library" ]; then
        echo "lib$name: not built here"
        continue
    fi
    # What the public headers do not say is no part of the interface; places in the source tree are none either.
    abidw --no-show-locs --no-corpus-path --no-comp-dir-path --headers-dir "$root/include" --drop-private-types \
        --out-file "$work/$name.abi" "$library"
    python3 "$here/describe.py" "$work/$name.abi" "$root/include" >"$work/$name.txt"
    if [ "${1:-}" = --update ]; then
        cp "$work/$name.txt" "$here/$name.txt"
    fi
    if diff -U 0 "$here/$name.txt" "$work/$name.txt" >"$work/$name.diff"; then
        echo "lib$name: as in the baseline, $(grep -c '  LIBARENA' "$here/$name.txt") symbols"
    else
        cat "$work/$name.diff"
        gone=$(grep -c '^-[^-]' "$work/$name.diff" || true)
        echo "lib$name: not as in the baseline; $gone lines gone or changed (0: it has only grown)"
        status=1
    fi
done
exit $status
