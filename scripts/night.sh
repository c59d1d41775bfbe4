#!/bin/bash
# SPDX-License-Identifier: MIT
# Everything that there is to check, one step after the other, and a table at the end: ./dev night.
#
#   night.sh FOLDER [--short] [STEP]...
#
# FOLDER takes a log for each step.  --short bounds each step, so that all of it can be tried out in half an hour or so
# on a quiet machine: a step that is not done by then is cut off, which is neither a success nor a failure.  Steps, all
# of them by default:
#
#   tests check address-gcc address-clang thread-gcc thread-clang valgrind model orders fail fuzz prove analyse coverage
#   planted mutants cross abi soak bench
#
# A step that fails does not keep the next from running.  Exit status: 0, 1 when a step failed, 2 for a wrong command line.
set -u
exec </dev/null
export LC_ALL=C

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
all=(tests check address-gcc address-clang thread-gcc thread-clang valgrind model orders fail fuzz prove analyse coverage
    planted mutants cross abi soak bench)
usage() {
    echo "usage: night.sh FOLDER [--short] [STEP]...; steps: ${all[*]}" >&2
    exit 2
}

[ $# -ge 1 ] || usage
folder=$1
shift
short=false
if [ "${1-}" = --short ]; then
    short=true
    shift
fi
steps=("$@")
[ $# -gt 0 ] || steps=("${all[@]}")
for step in "${steps[@]}"; do
    case " ${all[*]} " in *" $step "*) ;; *) usage ;; esac
done
mkdir -p "$folder" || exit 1
folder=$(cd "$folder" && pwd)

# pick LONG SHORT: the one that is asked for.
pick() { if $short; then echo "$2"; else echo "$1"; fi; }

command_of() {
    case $1 in
    tests) if $short; then ./dev test; else ./dev test --setup all --no-suite slow; fi ;;
    check) ./dev check ;;
    address-gcc) ./dev sanitize address ;;
    address-clang) CC=clang-19 ./dev sanitize address ;;
    thread-gcc) ./dev sanitize thread ;;
    thread-clang) CC=clang-19 ./dev sanitize thread ;;
    valgrind) ./dev valgrind ;;
    model) if $short; then ./dev test --verbose --suite model; else ./dev test --verbose --setup all 'model *, all'; fi ;;
    orders) ./dev test --verbose --setup all 'model orders' ;;
    fail) ./dev test --verbose --setup all fail ;;
    fuzz) ./dev fuzz -s "$(pick 900 10)" -o "$folder/fuzz" ;;
    prove) ./dev prove ;;
    analyse) ./dev analyse ;;
    coverage) ./dev coverage ;;
    # The two parts of ./dev mutate, apart.
    planted) ./dev install && python3 -B tests/mutation/planted.py ;;
    mutants)
        ./dev install || return
        if $short; then python3 -B tests/mutation/mutate.py --sample 10; else python3 -B tests/mutation/mutate.py; fi
        ;;
    cross) ./dev cross ;;
    abi) ./dev abi ;;
    soak) ./dev soak "$(pick 600 12)" ;;
    bench) ./dev bench "$(pick full quick)" ;;
    esac
}

# The figure of a step's log that can be quoted.
quote() {
    local log=$1
    case $2 in
    tests | address-* | thread-* | valgrind | cross) awk '
        /^(Ok|Expected Fail): /{ ok += $NF } /^(Fail|Unexpected Pass|Timeout): /{ bad += $NF } /^Skipped: /{ skipped += $NF }
        END { printf "%d passed, %d failed, %d skipped", ok, bad, skipped }' "$log" ;;
    check) echo "$(grep -c 'warning:' "$log") warnings" ;;
    model) awk '
        /^(Ok|Expected Fail): /{ ok += $NF } /^(Fail|Unexpected Pass|Timeout): /{ bad += $NF }
        / exhaustive/{ whole++ } / cut off/{ cut++ } / bounded/{ bounded++ }
        END { printf "%d programs passed, %d failed; %d scenarios to the end, %d bounded, %d cut off", ok, bad, whole, bounded, cut }' "$log" ;;
    orders) grep 'rows: ' "$log" ;;
    fail) awk '/places$/{ sub(/.*\] */, ""); places = places (places == "" ? "" : " and ") $0 } END { print places }' "$log" ;;
    fuzz) awk '/^seed /{ seed = $2 + 0 } /Done [0-9]+ runs/{ for (i = 1; i < NF; i++) if ($i == "Done") runs += $(i + 1); done++ } /FAILED/{ failed++ }
        END { printf "%d runs in %d fuzzers, %d failed; seed %d", runs, done, failed, seed }' "$log" ;;
    prove) awk '/goals proved/{ goals = goals $0 ", " } / holds \(/{ holds++ } / fails \(/{ fails++ }
        END { printf "%smodels: %d hold, %d planted mistakes found", goals, holds, fails }' "$log" ;;
    analyse) grep ' findings in ' "$log" | sed 's/ in [0-9]* files//' | paste -s -d , | sed 's/,/, /g' ;;
    coverage) sed -n 's/^coverage: //p' "$log" ;;
    mutants) sed -n '/^[0-9]* mutants/,$p' "$log" | paste -s -d ';' | sed 's/;/; /g' ;;
    planted) awk '
        /^caught/{ caught++ } /^MISSED/{ missed++ } /^[0-9]+ planted/{ said = $0 }
        END { if (said == "") said = sprintf("%d times caught, %d missed", caught, missed); print said }' "$log" ;;
    soak) grep '^soak:' "$log" | tail -n 1 ;;
    abi) grep '^lib' "$log" | paste -s -d ';' | sed 's/;/; /' ;;
    *) grep -v '^ *$' "$log" | tail -n 1 ;;
    esac
}

# A step that --short leaves running for longer than this is cut off.
limit_s=$(pick 36000 300)
failed=0
table=()
for step in "${steps[@]}"; do
    log=$folder/$step.log
    printf '\n=== %s (%s)\n' "$step" "$log"
    started=$SECONDS
    # timeout ends a command, with all that it has started.
    export -f command_of pick
    short=$short folder=$folder timeout --kill-after=30 "$limit_s" bash -c "command_of $step" >"$log" 2>&1
    status=$?
    case $status in
    0) verdict=ok ;;
    124 | 137) if $short; then verdict='cut off'; else verdict=FAILED; fi ;;
    77) verdict=skipped ;;
    *) verdict=FAILED ;;
    esac
    if [ "$verdict" = FAILED ]; then
        failed=$((failed + 1))
        tail -n 30 "$log"
    fi
    table+=("$(printf '%-14s %-8s %6d s  %s' "$step" "$verdict" $((SECONDS - started)) "$(quote "$log" "$step" | cut -c 1-150)")")
    printf '%s\n' "${table[-1]}"
done

printf '\n=== Summary, %s, %d s\n' "$(git describe --always --dirty 2>/dev/null || cat VERSION)" "$SECONDS"
printf '%s\n' "${table[@]}"
[ "$failed" -eq 0 ] || printf '%d failed; the logs are in %s\n' "$failed" "$folder"
[ "$failed" -eq 0 ]
