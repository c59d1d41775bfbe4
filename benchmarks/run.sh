#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs the benchmarks and writes the report.
#
#   benchmarks/run.sh BUILD_DIR [quick|full] [OUT_DIR]
#
# BUILD_DIR is configured (release, -Dbenchmarks=true) if it is not yet, and brought up to date.  quick takes some
# four minutes on two cores, full about half an hour.  OUT_DIR, by default BUILD_DIR/benchmarks/report-LENGTH, gets
# report.html, which is self-contained, the plots as SVG, and what was measured as JSON.
#
# BENCH_ONLY="W2 W7" in the environment runs these groups alone.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
source_dir=$(dirname "$here")
build=${1:?usage: benchmarks/run.sh BUILD_DIR [quick|full] [OUT_DIR]}
length=${2:-quick}
case $length in quick | full) ;; *) echo "run.sh: quick or full, not '$length'" >&2; exit 2 ;; esac

if [ ! -f "$build/build.ninja" ]; then
    meson setup "$build" "$source_dir" --buildtype=release -Dbenchmarks=true
fi
if [ ! -f "$build/benchmarks/arena-bench" ]; then
    meson configure "$build" -Dbenchmarks=true
fi
meson compile -C "$build" arena-bench arena-programs
meson compile -C "$build" http-compare 2>/dev/null || true # not there without libmicrohttpd
build=$(cd "$build" && pwd)
bench=$build/benchmarks/arena-bench
out=${3:-$build/benchmarks/report-$length}
mkdir -p "$out"
out=$(cd "$out" && pwd)
rm -f "$out"/*.json "$out"/memory.jsonl "$out"/programs.jsonl "$out"/*.svg "$out"/report.html

export BENCH_LENGTH="$length"
exec 3>&2 # where the benchmark shows its progress
# Groups that are run together, so that their contenders interleave: name, filter, repetitions, seconds each at least.
if [ "$length" = quick ]; then
    groups='W1:W1:7:0.01 W2:W2:15:0.005 W5s:W5s:15:0.005 W3:W3:9:0.01 W4s:W4s:15:0.005 reuse:reuse:9:0.004
slab:slab:7:0.004 batch:batch:7:0.004 W6:W6:7:0.001 W6reset:W6reset:7:0.001 W6slab:W6slab:7:0.001
W7:W7|pools:9:0.002 W8:W8:7:0.003 calls:create|extract:7:0.005
M:M1|M2|M3|M4|M5|M5n|M6|M7|push:9:0.004'
else
    groups='W1:W1:15:0.05 W2:W2:31:0.05 W5s:W5s:31:0.05 W3:W3:31:0.05 W4s:W4s:31:0.05 reuse:reuse:15:0.05
slab:slab:15:0.05 batch:batch:3:0.05 W6:W6:7:0.02 W6reset:W6reset:7:0.02 W6slab:W6slab:7:0.02
W7:W7|pools:9:0.01 W8:W8:7:0.02 calls:create|extract:15:0.05
M:M1|M2|M3|M4|M5|M5n|M6|M7|push:31:0.02'
fi

total=3
for group in $groups; do total=$((total + 1)); done
number=0
begun=$(date +%s)
cut -d ' ' -f 1 /proc/loadavg >"$out/load-at-start.txt" 2>/dev/null || true
for group in $groups; do
    number=$((number + 1))
    name=${group%%:*}
    rest=${group#*:}
    filter=${rest%%:*}
    rest=${rest#*:}
    repetitions=${rest%%:*}
    seconds=${rest#*:}
    case " ${BENCH_ONLY:-$name} " in *" $name "*) ;; *) continue ;; esac
    count=$("$bench" --benchmark_list_tests=true --benchmark_filter="^($filter)/" | wc -l)
    printf '[%2d/%d] %-8s %4d benchmarks x %2d ' "$number" "$total" "$name" "$count" "$repetitions" >&2
    start=$(date +%s)
    BENCH_EXPECTED=$((count * (repetitions + 1))) "$bench" --benchmark_filter="^($filter)/" \
        --benchmark_repetitions="$repetitions" --benchmark_min_time="$seconds" \
        --benchmark_enable_random_interleaving=true --benchmark_out="$out/$name.json" \
        --benchmark_out_format=json >"$out/console.txt" 2>&1 || { cat "$out/console.txt" >&2; exit 1; }
    now=$(date +%s)
    printf '%4d s, %d s in all\n' $((now - start)) $((now - begun)) >&2
done

case " ${BENCH_ONLY:-memory} " in *" memory "*)
    printf '[%2d/%d] memory   each contender in a process of its own\n' $((total - 2)) "$total" >&2
    "$bench" --memory=list | while read -r name; do
        for repetition in 1 2 3; do "$bench" --memory="$name" || true; done
    done >"$out/memory.jsonl" ;;
esac
rm -f "$out/console.txt"

case " ${BENCH_ONLY:-programs} " in *" programs "*)
    printf '[%2d/%d] programs real ones, each on each contender, in processes of their own\n' $((total - 1)) "$total" >&2
    programs=$build/benchmarks/arena-programs
    for repetition in 1 2 3 4 5 6 7 8 9; do
        [ "$length" = full ] || [ "$repetition" -le 5 ] || break
        "$programs" list | while read -r name; do
            case $repetition:$name in [4-9]:pool-*) continue ;; esac
            "$programs" "$name" || true
        done
    done >"$out/programs.jsonl" ;;
esac

http=$build/benchmarks/http-compare
case " ${BENCH_ONLY:-http} " in *" http "*)
    if [ -x "$http" ] && command -v wrk >/dev/null; then
        printf '[%2d/%d] http     a request with and without an arena\n' "$total" "$total" >&2
        if [ "$length" = quick ]; then
            python3 -B "$here/http/compare.py" "$http" 7 1 100000 "$out/http.json"
        else
            python3 -B "$here/http/compare.py" "$http" 15 3 1000000 "$out/http.json"
        fi
    else
        echo "run.sh: the HTTP comparison is left out: it needs libmicrohttpd and wrk" >&2
    fi ;;
esac

python3 -B "$here/report" "$out" "$source_dir"
echo "$out/report.html"
