#!/bin/sh
# SPDX-License-Identifier: MIT
# Fuzzes each handle against its model, with libFuzzer: once with AddressSanitizer and the library's poisoning, once without
# poisoning, with guard pages (guard.c).  Starts from the committed corpus.  Where there is a difference, a fuzzer ends, and
# the last lines say what it said, what the input was, and how to see it again; all of it is left in the output directory.
#
# usage: tests/fuzz/run.sh [-s seconds | -f] [-r seed] [-j jobs] [-o output directory] [-m] [harness...]
#   -s  seconds for each harness and variant (default 60)
#   -f  a fixed number of inputs for each instead, and seed 1: the same ones every time, whatever the machine
#   -r  the seed of what is random (default: any; it is printed)
#   -j  so many fuzzers at a time (default 1)
#   -m  writes what was found, minimised, back into the corpus
# harnesses: arena bytes concurrent context pool (default: all)
# packages: python3 clang-19 libclang-rt-19-dev
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
seconds=60
fixed=false
seed=
jobs=1
merge=false
out=
while getopts s:fr:j:o:m option; do
    case $option in
    s) seconds=$OPTARG ;;
    f) fixed=true ;;
    r) seed=$OPTARG ;;
    j) jobs=$OPTARG ;;
    o) out=$OPTARG ;;
    m) merge=true ;;
    *) exit 2 ;;
    esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || set -- bytes pool arena concurrent context
if ! command -v clang-19 >/dev/null; then
    echo "skipped: clang-19 is not installed"
    exit 77
fi
if $fixed; then
    : "${seed:=1}"
else
    : "${seed:=$(od -An -N3 -tu4 /dev/urandom | tr -d ' ')}"
fi
[ -n "$out" ] || out=$(mktemp -d)
mkdir -p "$out"
out=$(cd "$out" && pwd)
corpus=$out/corpus
! $fixed || corpus=$out/fixed
rm -rf "$out/taken" "$out/fixed" "$out"/*.failed # of an earlier run
mkdir "$out/taken"
. "$root/tests/tools/sources.sh"
library_made_headers "$out/include"
# The fuzzer takes addresses that it sees compared into its inputs: where they change, so do these.
same_addresses=
! setarch -R true 2>/dev/null || same_addresses='setarch -R'

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

# What takes about a quarter of a minute on an idle core.
runs_of() {
    case $1-$2 in
    arena-*) echo 14000 ;;
    bytes-*) echo 7500 ;;
    concurrent-*) echo 20000 ;;
    context-poison) echo 300000 ;;
    context-guard) echo 60000 ;;
    pool-*) echo 12000 ;;
    esac
}

# A unit that takes 100 seconds hangs, however busy the machine is.
fuzz() { # harness variant
    length="-max_total_time=$seconds"
    ! $fixed || length="-runs=$(runs_of "$1" "$2")"
    # shellcheck disable=SC2086 # lists of words
    (cd "$out" && exec $same_addresses "./$1-$2" -seed="$seed" $length -reload=0 -max_len=512 -timeout=100 \
        -rss_limit_mb=4096 -artifact_prefix="$out/$1-$2-" "$corpus/$1-$2" "$out/committed/$1")
}

# What a failed fuzzer leaves to the last lines: short enough for all of it to be among the last 30.
report() { # harness variant
    log="$out/$1-$2.log"
    echo "=== $1, $2, what failed ($log has all of it):"
    if [ ! -x "$out/$1-$2" ]; then
        tail -n 20 "$log"
        return
    fi
    grep -E 'not so|ERROR|ALARM|runtime error|^libarena:' "$log" | cut -c 1-200 | head -n 5 || true
    # The first stack, but for what every one ends and begins with.
    sed -n '/^ *#0 /,/^ *$/p' "$log" | sed -n '/^ *#[0-9]/!d; /fuzzer::\|__sanitizer_\|nptl\/\|signal\/\|libc\.so/d
        s/0x[0-9a-f]* //; s/(BuildId.*//; p' | cut -c 1-160 | head -n 14
    artifact=$(sed -n 's/.*Test unit written to //p' "$log" | head -n 1)
    if [ -n "$artifact" ]; then
        echo "The input, $(wc -c <"$artifact") bytes: with this line in tests/fuzz/corpus/$1.hex each run begins with it, and"
        echo "the test 'corpus of $1' has it too."
        echo "regression-NAME $(od -An -v -tx1 "$artifact" | tr -d ' \n')"
    fi
    [ -n "$artifact" ] || tail -n 5 "$log"
    again="-s $seconds"
    ! $fixed || again=-f
    echo "Again: ./dev fuzz $again -r $seed $1"
}

one() { # harness variant
    log="$out/$1-$2.log"
    mkdir -p "$corpus/$1-$2"
    rm -f "$out/$1-$2"
    if build "$1" "$2" >"$log" 2>&1 && fuzz "$1" "$2" >"$log" 2>&1 </dev/null; then
        echo "$1, $2: $(grep '^Done' "$log")"
    else
        echo "$1, $2: FAILED, exit status $?"
        report "$1" "$2" >"$out/$1-$2.failed"
    fi
}

# Takes what nobody has taken.
work() { # harness...
    for harness; do
        for variant in poison guard; do
            mkdir "$out/taken/$harness-$variant" 2>/dev/null || continue
            one "$harness" "$variant"
        done
    done
}

echo "seed $seed, in $out"
for harness; do
    python3 -B "$here/corpus.py" unpack "$here/corpus/$harness.hex" "$out/committed/$harness"
done
workers=
trap 'kill 0' INT # what runs in the background does not get it
while [ "$jobs" -gt 0 ]; do
    work "$@" &
    workers="$workers $!"
    jobs=$((jobs - 1))
done
failed=0
for worker in $workers; do wait "$worker" || failed=1; done
if $merge; then
    for harness; do
        mkdir -p "$out/merged/$harness"
        "$out/$harness-guard" -set_cover_merge=1 "$out/merged/$harness" "$out/committed/$harness" \
            "$corpus/$harness-poison" "$corpus/$harness-guard" >"$out/$harness-merge.log" 2>&1
        python3 -B "$here/corpus.py" pack "$out/merged/$harness" "$here/corpus/$harness.hex"
    done
fi
for report in "$out"/*.failed; do
    [ -e "$report" ] || continue
    cat "$report"
    failed=1
done
exit $failed
