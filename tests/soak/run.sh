#!/bin/bash
# SPDX-License-Identifier: MIT
# The example service under load for as long as asked, in each thread mode of libmicrohttpd: ./dev soak.
#
#   run.sh [--seconds N] [--growth KIB] [--out FOLDER] BUILD [MODE]...
#
#   --seconds N    how long for each mode, at least 12 (60)
#   --growth KIB   how much memory may grow after the warm-up (8192)
#   --out FOLDER   where logs stay (a temporary folder, removed at the end unless something failed)
#
# BUILD is a build directory; MODE is pool, internal, per-connection or external (all).  The service is driven in phases,
# the first of which warms up: by wrk with the demo's requests, and beside it by clients.c, most of whose clients hang up
# in the middle of something, stall, pipeline or talk nonsense.  After each phase memory, threads and file descriptors
# are looked at.  It is ended by SIGTERM in the middle of an upload.  At the same time tests/mhd/test_stress.c runs the
# server of the tests, which upgrades and suspends.  Prints a line for each phase and a table; exit status: 0 if
# everything held, 1 if not, 2 for a wrong command line.
# packages: those of the build, curl, wrk

set -u
export LC_ALL=C

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
seconds=60 growth_kib=8192 out='' fields=64 phases=6 wrk_connections=8
usage() {
    echo 'usage: run.sh [--seconds N] [--growth KIB] [--out FOLDER] BUILD [pool|internal|per-connection|external]...' >&2
    exit 2
}
while [ $# -gt 0 ]; do
    case $1 in
    --seconds | --growth)
        [[ ${2-} =~ ^[1-9][0-9]{0,6}$ ]] || usage
        if [ "$1" = --seconds ]; then seconds=$2; else growth_kib=$2; fi
        shift 2
        ;;
    --out)
        [ -n "${2-}" ] || usage
        out=$2
        shift 2
        ;;
    -*) usage ;;
    *) break ;;
    esac
done
[ $# -ge 1 ] || usage
[ "$seconds" -ge $((2 * phases)) ] || usage
build=$1
shift
modes=("$@")
[ $# -gt 0 ] || modes=(pool internal per-connection external)
for mode in "${modes[@]}"; do
    case $mode in pool | internal | per-connection | external) ;; *) usage ;; esac
done
service=$build/examples/http-server/arena-http-server
clients=$build/tests/soak/soak-clients
sessions=$build/tests/mhd/test_mhd_stress
for program in "$service" "$clients" "$sessions"; do
    [ -x "$program" ] && continue
    echo "run.sh: no program $program" >&2
    exit 2
done
for tool in curl wrk awk; do
    command -v "$tool" >/dev/null && continue
    echo "run.sh: $tool is missing; on Debian: apt install curl wrk" >&2
    exit 2
done

keep=true
if [ -z "$out" ]; then
    keep=false
    out=$(mktemp -d) || exit 1
fi
mkdir -p "$out"
service_pid='' sessions_pid=''
# shellcheck disable=SC2317 # reached through the trap
clean_up() {
    [ -n "$service_pid" ] && kill -KILL "$service_pid" 2>/dev/null
    [ -n "$sessions_pid" ] && kill -KILL "$sessions_pid" 2>/dev/null
    if ! $keep; then rm -rf "$out"; fi
}
trap clean_up EXIT
trap 'exit 1' INT TERM

failures=()
# check WHAT CONDITION...: CONDITION is a command; WHAT is said if it fails.
check() {
    local what=$1
    shift
    "$@" || failures+=("$mode: $what")
}
# shellcheck disable=SC2317 # these are called by check
at_least() { [ "${1:-0}" -ge "$2" ]; }
# shellcheck disable=SC2317
at_most() { [ -n "$1" ] && [ "$1" -le "$2" ]; }

memory_kib() { awk '$1 == "VmRSS:" { print $2 }' "/proc/$service_pid/status" 2>/dev/null; }
files_open() { find "/proc/$service_pid/fd" -mindepth 1 2>/dev/null | wc -l; }
threads() { find "/proc/$service_pid/task" -mindepth 1 -maxdepth 1 2>/dev/null | wc -l; }
# figure FILE KIND NAME: the sum of the lines "KIND NAME NUMBER".
figure() { awk -v kind="$2" -v name="$3" '$1 == kind && $2 == name { sum += $3 } END { printf "%d", sum }' "$1"; }
reported() { awk -v start="$1" -v place="$2" 'index($0, start) == 1 { gsub(/[(,)]/, ""); print $place }' "$out/service-$mode.log"; }

# Waits until the service has no more connections than when it was idle: it may first have to notice that a client left.
settle() {
    local i
    for ((i = 0; i < 600; i++)); do
        [ "$(files_open)" -le "$idle_files" ] && [ "$(threads)" -le "$idle_threads" ] && return
        sleep 0.05
    done
}

start_service() {
    local i
    : >"$out/service-$mode.log"
    "$service" --port 0 --fields "$fields" --mode "$mode" >"$out/service-$mode.log" 2>"$out/service-$mode.err" &
    service_pid=$!
    address=''
    for ((i = 0; i < 600; i++)); do
        address=$(awk '$1 == "listening" { print $3 }' "$out/service-$mode.log")
        [ -n "$address" ] && break
        kill -0 "$service_pid" 2>/dev/null || break
        sleep 0.05
    done
    [ -n "$address" ] && curl --silent --fail --max-time 10 --output /dev/null "${address}healthz"
}

# run_phase NUMBER: the load of one phase.  The first begins with as many clients at a time as there will never be: the
# pools keep their arenas, with the memory that these once used, and how much that is would else depend on how many
# clients happen to be there at a time.
run_phase() {
    local port=${address##*:} phase_seconds=$((seconds / phases)) wrk_pid crowd=0
    [ "$1" -gt 0 ] || crowd=250
    timeout $((phase_seconds + 30)) wrk --threads 1 --connections "$wrk_connections" --duration "${phase_seconds}s" \
        --timeout 30s --script "$root/examples/http-server/load.lua" "$address" -- "$fields" >"$out/wrk" 2>&1 &
    wrk_pid=$!
    timeout $((phase_seconds + 90)) "$clients" "${port%/}" "$phase_seconds" "$fields" "$1" $crowd \
        >"$out/clients" 2>>"$out/clients-$mode.err"
    check "phase $1: soak-clients failed, exit status $?" [ $? -eq 0 ]
    wait "$wrk_pid"
    check "phase $1: wrk failed, exit status $?" [ $? -eq 0 ]
    cat "$out/clients" >>"$out/clients-$mode.log"
    cat "$out/wrk" >>"$out/wrk-$mode.log"
}

# Ends the service by SIGTERM while an upload is going on and another client says nothing.
stop_service() {
    local port=${address##*:} i
    ended=no
    if exec 3<>"/dev/tcp/127.0.0.1/${port%/}" 4<>"/dev/tcp/127.0.0.1/${port%/}"; then
        printf 'POST /parse HTTP/1.1\r\nHost: soak\r\nExpect: 100-continue\r\nContent-Length: 1000\r\n\r\n' >&3
        read -r -t 10 -u 3 _
        printf 'key=only+a+part' >&3
        printf 'GET /pa' >&4
    fi 2>/dev/null
    kill -TERM "$service_pid" 2>/dev/null
    for ((i = 0; i < 600; i++)); do
        kill -0 "$service_pid" 2>/dev/null || { ended=yes; break; }
        sleep 0.05
    done
    [ $ended = yes ] || kill -KILL "$service_pid"
    wait "$service_pid" 2>/dev/null
    service_status=$?
    service_pid=''
    exec 3>&- 4>&-
}

total_answered=0 total_wrong=0 growth_most=0 lost=0
table=()
soak() {
    local phase warm_kib=0 most_kib=0 kib files most_files=0 answered refused wrong wrk_answered wrk_bad nonsense left
    rm -f "$out"/{clients,wrk}-"$mode".{log,err}
    : >"$out/clients-$mode.log"
    if ! start_service; then
        failures+=("$mode: the service did not start")
        return
    fi
    ARENA_TEST_TIMEOUT_S=$((2 * seconds + 300)) "$sessions" "$seconds" "$mode" >"$out/sessions-$mode.log" 2>&1 &
    sessions_pid=$!
    idle_files=$(files_open) idle_threads=$(threads)
    # The connection of the first request is still one of these, perhaps: with the listening socket alone they are fewer.
    for ((phase = 0; phase < phases; phase++)); do
        run_phase $phase
        settle
        kib=$(memory_kib) files=$(files_open)
        [ $phase -gt 0 ] || warm_kib=$kib
        [ "${kib:-0}" -le "$most_kib" ] || most_kib=$kib
        [ "$files" -le "$most_files" ] || most_files=$files
        printf '%-15s phase %d: %6s KiB, %2d descriptors, %2d threads\n' "$mode" $phase "${kib:--}" "$files" "$(threads)"
        check "phase $phase: $(threads) threads, idle $idle_threads" at_most "$(threads)" "$idle_threads"
    done
    wait "$sessions_pid"
    check "test_mhd_stress failed, exit status $?" [ $? -eq 0 ]
    sessions_pid=''
    stop_service

    answered=$(figure "$out/clients-$mode.log" clients answered)
    refused=$(figure "$out/clients-$mode.log" clients refused)
    wrk_answered=$(figure "$out/wrk-$mode.log" load answered)
    wrk_bad=$(($(figure "$out/wrk-$mode.log" load wrong) + $(figure "$out/wrk-$mode.log" load lost)))
    wrong=$(($(figure "$out/clients-$mode.log" clients wrong) + wrk_bad + $(figure "$out/sessions-$mode.log" sessions wrong)))
    nonsense=$(awk '$2 ~ /noise|nonsense|endless/ { sum += $3 } END { printf "%d", sum }' "$out/clients-$mode.log")
    left=$(awk '$2 ~ /^left/ { sum += $3 } END { printf "%d", sum }' "$out/clients-$mode.log" "$out/sessions-$mode.log")
    local upgraded
    upgraded=$(figure "$out/sessions-$mode.log" sessions upgraded)
    local session_growth=$(($(figure "$out/sessions-$mode.log" sessions most_kib) - $(figure "$out/sessions-$mode.log" sessions warm_kib)))
    check "$wrong requests were answered wrongly or not at all" [ "$wrong" -eq 0 ]
    check 'hardly anything was answered' at_least $((answered + wrk_answered)) $((10 * seconds))
    [ "$mode" = per-connection ] || check 'no client was upgraded' at_least "$upgraded" 1
    check "memory grew from $warm_kib to $most_kib KiB" at_most $((most_kib - warm_kib)) "$growth_kib"
    check "file descriptors grew from $idle_files to $most_files" at_most "$most_files" "$idle_files"
    check 'the service answered fewer requests than its clients saw' at_least \
        "$(reported 'requests answered' 4)" $((answered + wrk_answered))
    check 'requests failed with 5xx' [ "$(reported 'requests answered' 10)" = 0 ]
    check 'the service did not end within 30 s of SIGTERM' [ "$ended" = yes ]
    check "the service ended with exit status $service_status" [ "$service_status" -eq 0 ]
    check 'not all arenas came back' [ "$(reported 'arenas back' 3)" = all ]
    check 'the service wrote to standard error' [ ! -s "$out/service-$mode.err" ]
    [ "$(reported 'arenas back' 3)" = all ] || lost=$((lost + 1))
    total_answered=$((total_answered + answered + refused + wrk_answered + $(figure "$out/sessions-$mode.log" sessions answered)))
    total_wrong=$((total_wrong + wrong))
    [ $((most_kib - warm_kib)) -le "$growth_most" ] || growth_most=$((most_kib - warm_kib))
    [ $session_growth -le "$growth_most" ] || growth_most=$session_growth
    table+=("$(printf '%-15s %9d %9d %6d %8d %8d %8d %7d %7d %7d %4d %4d' "$mode" $((answered + wrk_answered)) "$refused" \
        "$wrong" "$left" "$nonsense" "$upgraded" "$warm_kib" $((most_kib - warm_kib)) $session_growth "$idle_files" \
        "$most_files")")
}

for mode in "${modes[@]}"; do soak; done

printf '\n%-15s %9s %9s %6s %8s %8s %8s %7s %7s %7s %4s %4s\n' mode 2xx 4xx wrong left nonsense upgraded 'KiB' grown \
    'grown/s' fds most
[ ${#table[@]} -eq 0 ] || printf '%s\n' "${table[@]}"
printf '(2xx, 4xx: answers compared; left: clients that hung up; KiB: after the warm-up; grown: the most after it, of the\n'
printf 'service, and of the server of the sessions; fds: file descriptors idle, and the most after a phase)\n\n'
printf 'soak: %d modes of %d s, %d answers, %d wrong, arenas lost in %d modes, memory grew by at most %d KiB\n' \
    "${#modes[@]}" "$seconds" "$total_answered" "$total_wrong" $lost "$growth_most"
if [ ${#failures[@]} -gt 0 ]; then
    printf 'This did not hold:\n'
    printf '  - %s\n' "${failures[@]}"
    for mode in "${modes[@]}"; do
        for log in service-"$mode".err clients-"$mode".err sessions-"$mode".log; do
            [ -s "$out/$log" ] || continue
            printf '\n--- %s\n' "$log"
            tail -n 20 "$out/$log"
        done
    done
    keep=true
    echo "The logs are in $out"
    exit 1
fi
