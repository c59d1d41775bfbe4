#!/bin/sh
# Branch and MC/DC coverage of the library's layers by the tests, with clang-19: one line for each source file, and each
# branch and condition that no test reached.  Three builds count together: an ordinary one, one with AddressSanitizer,
# where the code that serves memory checkers runs, and one with ThreadSanitizer.  What cannot be reached is in
# unreached.txt, with the reason, and is counted.  With --strict, fails when anything else is left out.
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
clang-19 -O1 -fPIC -c "$root/tests/coverage/flush.c" -o "$build/flush.o"

run_tests() { # sanitizer
    meson test -C "$build/$1" --no-rebuild --timeout-multiplier 5 --no-suite package --no-suite slow --no-suite model \
        >"$build/$1.log" 2>&1 || grep -E '^ *[0-9]+/[0-9]+ .*(FAIL|TIMEOUT)' "$build/$1.log" || true
    [ "$1" != thread ] || return 0 # forks after threads
    meson test -C "$build/$1" --no-rebuild --timeout-multiplier 5 --setup all fail >"$build/$1-fail.log" 2>&1 ||
        grep -E '^ *[0-9]+/[0-9]+ .*(FAIL|TIMEOUT)' "$build/$1-fail.log" || true
}

# The tests under a sanitizer, or none; writes coverage-SANITIZER.json.
cover() {
    directory=$build/$1
    atomic= # counters that race would be reported
    [ "$1" != thread ] || atomic=' -fprofile-update=atomic'
    if [ ! -f "$directory/build.ninja" ]; then
        CC=clang-19 CXX=clang++-19 meson setup "$directory" "$root" --buildtype=debug -Db_sanitize="$1" -Db_lundef=false \
            -Dmhd=disabled -Dexamples=false -Dc_args="-fprofile-instr-generate -fcoverage-mapping -fcoverage-mcdc$atomic" \
            -Dc_link_args="['-fprofile-instr-generate','-Wl,--wrap=abort','$build/flush.o']" >"$build/setup.log" 2>&1 ||
            { tail -20 "$build/setup.log"; exit 1; }
    fi
    ninja -C "$directory" >"$build/ninja.log" 2>&1 || { tail -30 "$build/ninja.log"; exit 1; }
    rm -rf "$build/raw"
    mkdir -p "$build/raw"
    # %m merges the runs of one binary into one file.
    LLVM_PROFILE_FILE="$build/raw/%m-%p.profraw"
    export LLVM_PROFILE_FILE
    run_tests "$1"
    find "$build/raw" -name '*.profraw' >"$build/raw.list"
    llvm-profdata-19 merge -sparse -failure-mode=all -f "$build/raw.list" -o "$build/$1.profdata"
    objects=
    for object in "$directory"/tests/fail/test_fail "$directory"/tests/coverage/test_inside "$directory"/tests/fuzz/replay_*; do
        if [ -f "$object" ] && [ -x "$object" ]; then objects="$objects -object $object"; fi
    done
    # shellcheck disable=SC2086 # a list of words
    llvm-cov-19 export -instr-profile "$build/$1.profdata" \
        "$(find "$directory/src" -maxdepth 1 -type f -name 'libarena.so.*')" $objects \
        >"$build/coverage-$1.json" 2>"$build/export.log" || { head -5 "$build/export.log"; exit 1; }
}

for sanitizer in none address thread; do cover $sanitizer; done
python3 "$root/tests/coverage/report.py" $strict "$root" "$build"/coverage-none.json "$build"/coverage-address.json \
    "$build"/coverage-thread.json
