#!/bin/sh
# SPDX-License-Identifier: MIT
# Fuzzes each handle against its model for a while, with libFuzzer: once with AddressSanitizer and the library's
# poisoning, once without poisoning, with guard pages (guard.c).  Starts from the committed corpus.  Fails at the first
# difference; what shows it is left in the output directory.
#
# usage: tests/fuzz/run.sh [-s seconds] [-o output directory] [-m] [harness...]
#   -s  seconds for each harness and variant (default 60)
#   -m  writes what was found, minimised, back into the corpus
# harnesses: arena bytes concurrent context pool (default: all)
# packages: python3 clang-19 libclang-rt-19-dev
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
seconds=60
merge=false
out=
while getopts s:o:m option; do
    case $option in
    s) seconds=$OPTARG ;;
    o) out=$OPTARG ;;
    m) merge=true ;;
    *) exit 2 ;;
    esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || set -- arena bytes concurrent context pool
if ! command -v clang-19 >/dev/null; then
    echo "skipped: clang-19 is not installed"
    exit 77
fi
[ -n "$out" ] || out=$(mktemp -d)
mkdir -p "$out"
. "$root/tests/tools/sources.sh"
library_made_headers "$out/include"

build() { # harness variant
    case $2 in
    poison) flags='-fsanitize=fuzzer,address,undefined' platform="$(library_memory_sources)" ;;
    guard) flags='-fsanitize=fuzzer,undefined -DARENA_NO_POISON' platform="$here/guard.c" ;;
    esac
    # shellcheck disable=SC2086,SC2046 # lists of words
    clang-19 -std=c11 $library_flags -g -O1 -fno-omit-frame-pointer $flags -fno-sanitize-recover=undefined \
        -I"$out/include" -I"$here" "$here/fuzz.c" "$here/fuzz_$1.c" $(library_sources_without_memory) $platform \
        -o "$out/$1-$2" -lpthread
}

failed=0
for harness; do
    python3 "$here/corpus.py" unpack "$here/corpus/$harness.hex" "$out/committed/$harness"
    for variant in poison guard; do
        build "$harness" "$variant"
        mkdir -p "$out/corpus/$harness"
        log="$out/$harness-$variant.log"
        if (cd "$out" && "./$harness-$variant" -max_total_time="$seconds" -max_len=512 -timeout=25 -rss_limit_mb=4096 \
            -artifact_prefix="$out/$harness-$variant-" "$out/corpus/$harness" "$out/committed/$harness") >"$log" 2>&1; then
            echo "$harness, $variant: $(grep '^Done' "$log")"
        else
            echo "$harness, $variant: FAILED, see $log"
            grep -E 'not so|ERROR|runtime error|Test unit' "$log" || true
            failed=1
        fi
    done
    if $merge; then
        mkdir -p "$out/merged/$harness"
        "$out/$harness-guard" -set_cover_merge=1 "$out/merged/$harness" "$out/committed/$harness" "$out/corpus/$harness" \
            >"$out/$harness-merge.log" 2>&1
        python3 "$here/corpus.py" pack "$out/merged/$harness" "$here/corpus/$harness.hex"
    fi
done
exit $failed
