#!/bin/sh
# SPDX-License-Identifier: MIT
# Branch and MC/DC coverage of the library's layers by the tests, with clang-19: one line for each source file, then each
# branch and condition that no test reached and nothing explains, then a summary.  Three builds count together: an
# ordinary one, one with AddressSanitizer, where the code that serves memory checkers runs, and one with ThreadSanitizer;
# and some tests under Valgrind.  What cannot be reached is in unreached.txt, with the reason, and is counted.
# With --strict, fails when anything else is left out, when unreached.txt explains what is reached or is not there, and
# when a test fails.
#
# usage: tests/coverage/run.sh [--strict] [build directory]
# packages: clang-19 libclang-rt-19-dev llvm-19
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
strict=
if [ "${1:-}" = --strict ]; then
    strict=--strict
    shift
fi
build=${1:-$root/build-coverage}
for tool in clang-19 llvm-profdata-19 llvm-cov-19; do
    if ! command -v "$tool" >/dev/null; then
        echo "skipped: $tool is not installed"
        exit 77
    fi
done

mkdir -p "$build"
build=$(cd "$build" && pwd)
rm -rf "$build/raw"
mkdir -p "$build/raw"
clang-19 -O1 -fPIC -c "$root/tests/coverage/flush.c" -o "$build/flush.o"
failed=false

# run_tests LOG [ARGUMENT]...: of meson test.
run_tests() {
    log=$1
    shift
    meson test --no-rebuild --timeout-multiplier 5 "$@" >"$build/$log" 2>&1 && return
    failed=true
    grep -E '^ *[0-9]+/[0-9]+ .*(FAIL|TIMEOUT|ERROR)' "$build/$log" || tail -20 "$build/$log"
}

# cover SANITIZER: builds, and runs the tests.
cover() {
    directory=$build/$1
    # Counters are atomic: with plain ones threads would lose some, and a count that is a difference of two go wrong.
    compile='-fprofile-instr-generate -fcoverage-mapping -fcoverage-mcdc -fprofile-update=atomic'
    compile="$compile -gdwarf-4" # Valgrind does not read clang's newer kind
    link="['-fprofile-instr-generate','-Wl,--wrap=abort','$build/flush.o']"
    if [ ! -f "$directory/build.ninja" ]; then
        CC=clang-19 CXX=clang++-19 meson setup "$directory" "$root" --buildtype=debug -Db_sanitize="$1" -Db_lundef=false \
            -Dmhd=disabled -Dexamples=false -Dc_args="$compile" -Dc_link_args="$link" -Dcpp_link_args="$link" \
            >"$build/setup.log" 2>&1 || { tail -20 "$build/setup.log"; exit 1; }
    fi
    ninja -C "$directory" >"$build/ninja.log" 2>&1 || { tail -30 "$build/ninja.log"; exit 1; }
    # %m merges the runs of one binary into one file.
    LLVM_PROFILE_FILE="$build/raw/$1-%m-%p.profraw"
    export LLVM_PROFILE_FILE
    run_tests "$1.log" -C "$directory" --no-suite package --no-suite slow --no-suite model
    [ "$1" = none ] || return 0
    run_tests long.log -C "$directory" --setup all fail 'unit locals, long'
    if command -v valgrind >/dev/null; then run_tests valgrind.log -C "$directory" --setup valgrind burst 'unit reset' 'unit runs' 'unit take'; fi
}

for sanitizer in none address thread; do cover $sanitizer; done

# Of all builds together: a condition decides alone where it differs between two runs, which may be of two builds.
# Inline functions of headers, which several programs compile each in its own way, do not fit together: they are not
# looked at, and merge.log names them.
find "$build/raw" -name '*.profraw' >"$build/raw.list"
llvm-profdata-19 merge -sparse -failure-mode=all -f "$build/raw.list" -o "$build/all.profdata" 2>"$build/merge.log" ||
    { tail -20 "$build/merge.log"; exit 1; }
for sanitizer in none address thread; do
    directory=$build/$sanitizer
    objects=
    for object in "$directory"/tests/fail/test_fail "$directory"/tests/unit/test_* "$directory"/tests/fuzz/replay_*; do
        if [ -f "$object" ] && [ -x "$object" ]; then objects="$objects -object $object"; fi
    done
    # shellcheck disable=SC2086 # a list of words
    llvm-cov-19 export -instr-profile "$build/all.profdata" \
        "$(find "$directory/src" -maxdepth 1 -type f -name 'libarena.so.*')" $objects \
        >"$build/coverage-$sanitizer.json" 2>"$build/export.log" || { head -5 "$build/export.log"; exit 1; }
done
python3 "$root/tests/coverage/report.py" $strict "$root" "$build"/coverage-none.json "$build"/coverage-address.json \
    "$build"/coverage-thread.json
if [ -n "$strict" ] && $failed; then
    echo 'coverage: tests failed'
    exit 1
fi
