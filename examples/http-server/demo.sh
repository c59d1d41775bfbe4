#!/bin/bash
# SPDX-License-Identifier: MIT
# arena-http-server: shows the service at work, and checks what it shows.
#
#   demo.sh [OPTION]... SERVICE [SERVICE OPTION]...
#
#   --seconds N     how long wrk drives the service (6)
#   --requests N    how many requests ab sends (20000)
#   --growth KIB    how much the service's memory may grow under the load (8192)
#
# SERVICE is the program arena-http-server.  It is started on a free port of 127.0.0.1, asked a few things with curl,
# driven by wrk (mixed GET and POST, every answer compared) and by ab (POST, a fixed number of requests), beside
# clients that hang up in the middle of a request; by h2load, siege and slowhttptest where they are installed; made to
# answer many long answers at once to slow clients, with its memory before, at and after that; and ended by SIGTERM while
# an upload is still going on and a request waits.
# Needs: curl, wrk, ab, awk.  Exit status: 0 if everything held, 1 if not (it says what), 2 for a wrong command line.

set -u
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
seconds=6
requests=20000
growth_kib=8192
fields=64
wrk_connections=16
ab_connections=8

usage() {
    echo "usage: demo.sh [--seconds N] [--requests N] [--growth KIB] SERVICE [SERVICE OPTION]..." >&2
    exit 2
}

while [ $# -gt 0 ]; do
    case $1 in
    --seconds | --requests | --growth)
        [[ ${2-} =~ ^[1-9][0-9]*$ ]] || usage
        case $1 in
        --seconds) seconds=$2 ;;
        --requests) requests=$2 ;;
        --growth) growth_kib=$2 ;;
        esac
        shift 2
        ;;
    -*) usage ;;
    *) break ;;
    esac
done
[ $# -ge 1 ] || usage
service=$1
shift

if [ ! -x "$service" ]; then
    echo "demo.sh: no program $service" >&2
    exit 2
fi
for tool in curl wrk ab awk; do
    command -v "$tool" >/dev/null && continue
    echo "demo.sh: $tool is missing; on Debian: apt install curl wrk apache2-utils" >&2
    exit 2
done

bold='' green='' red='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR-}" ]; then
    bold=$'\e[1m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
fi

work=$(mktemp -d) || exit 1
service_pid=''
hangup_pid=''
# shellcheck disable=SC2317 # reached through the trap
clean_up() {
    [ -n "$hangup_pid" ] && kill "$hangup_pid" 2>/dev/null
    [ -n "$service_pid" ] && kill -KILL "$service_pid" 2>/dev/null
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 1' INT TERM

failures=()
# check WHAT CONDITION...: CONDITION is a command; WHAT is said if it fails.
check() {
    local what=$1
    shift
    "$@" || failures+=("$what")
}

title() { printf '\n%s%s%s\n' "$bold" "$1" "$plain"; }
row() { printf '  %-26s %s\n' "$1" "$2"; }
service_memory_kib() { awk '$1 == "VmRSS:" { print $2 }' "/proc/$service_pid/status" 2>/dev/null; }

# --- Start

: >"$work/service.log" # read before the service has opened it
mkdir "$work/files"
"$service" --port 0 --fields "$fields" --files "$work/files" --drain 1 "$@" >"$work/service.log" 2>"$work/service.err" &
service_pid=$!
address=''
for ((i = 0; i < 200; i++)); do
    address=$(awk '$1 == "listening" { print $3 }' "$work/service.log")
    [ -n "$address" ] && break
    kill -0 "$service_pid" 2>/dev/null || break
    sleep 0.05
done
if [ -z "$address" ]; then
    echo "demo.sh: the service did not start" >&2
    cat "$work/service.err" >&2
    exit 1
fi
port=${address##*:}
port=${port%/}
title "arena-http-server at $address"
row "process" "$service_pid"

# --- Sample answers

samples=0
# sample STATUS BODY CURL-ARGUMENT... PATH: asks, shows, and compares.
sample() {
    local status=$1 body=$2 got
    shift 2
    got=$(curl --silent --max-time 10 --write-out '\n%{http_code}' "${@:1:$#-1}" "${address%/}${*: -1}")
    samples=$((samples + 1))
    local got_status=${got##*$'\n'} got_body=${got%$'\n'*}
    got_body=${got_body%$'\n'}
    local options='' option target=${*: -1}
    for option in "${@:1:$#-1}"; do
        case $option in
        *[!-[:alnum:]]*) options+=" '$option'" ;;
        *) options+=" $option" ;;
        esac
    done
    [ ${#target} -le 60 ] || target="${target:0:24}…${target: -8}"
    printf "\n  \$ curl%s '%s%s'\n  %s %s\n" "$options" "${address%/}" "$target" "$got_status" "$got_body"
    check "curl $target: expected $status $body" [ "$got_status $got_body" = "$status $body" ]
}

title "Sample answers"
sample 200 'ok' /healthz
sample 200 '{"path":"/parse","method":"GET","used":2,"remaining":62,"fields":[{"key":"name","value":"Ada Lovelace"},{"key":"year","value":"1843"}]}' \
    '/parse?name=Ada+Lovelace&year=1843'
sample 200 '{"path":"/parse","method":"POST","used":3,"remaining":61,"fields":[{"key":"page","value":"2"},{"key":"drink","value":"café"},{"key":"note","value":"a&b \"c\""}]}' \
    --data 'drink=caf%C3%A9&note=a%26b+%22c%22' '/parse?page=2'
sample 200 '{"path":"/sum","method":"GET","used":2,"remaining":62,"sum":30}' '/sum?n=10&n=20'
sample 400 'n number 2 is not a whole number' '/sum?n=10&n=ten'
sample 400 'The request is malformed.' --path-as-is '/public%00/../secret'
sample 404 'no such path; there are /parse, /sum and /healthz' /nowhere
sample 405 'this path has no such method' --request DELETE /sum
sample 413 "more than $fields fields" "/parse?$(printf 'f%d&' {0..64})"
printf 'some text\n' >"$work/upload"
sample 201 '' --upload-file "$work/upload" /files/some.txt
sample 200 'some text' /files/some.txt
sample 200 "$(printf '        1\n        2\n        3')" '/count?to=3'
samples_ok=7

# --- Load

# begin_upload DESCRIPTOR: sends the head and a part of the body.  It waits for "100 Continue" in between: then the
# request has surely begun, and must be accounted for.
begin_upload() {
    printf 'POST /parse HTTP/1.1\r\nHost: demo\r\nExpect: 100-continue\r\nContent-Length: 1000\r\n\r\n' >&"$1"
    read -r -t 5 -u "$1" _
    printf 'key=only+a+part' >&"$1"
}

# Clients that leave: in the request line, in the head, in the body, without reading the answer, and after reading a
# part of it.  Goes on until it is ended; one line on standard output for each client that left.
hang_up() {
    trap 'exit 0' TERM
    while :; do
        for way in line head body answer part; do
            exec 3<>"/dev/tcp/127.0.0.1/$port" || exit 1
            case $way in
            line) printf 'GET /par' >&3 ;;
            head) printf 'GET /parse?a=1 HTTP/1.1\r\nHost: demo\r\nAcc' >&3 ;;
            body) begin_upload 3 ;;
            answer) printf 'GET /sum?n=1 HTTP/1.1\r\nHost: demo\r\n\r\n' >&3 ;;
            part)
                printf 'GET /parse?a=1 HTTP/1.1\r\nHost: demo\r\n\r\n' >&3
                read -r -t 5 -N 20 -u 3 _
                ;;
            esac
            exec 3>&-
            echo "$way"
        done
        sleep 0.02
    done
} 2>/dev/null

title "Load"
memory_before_kib=$(service_memory_kib)
hang_up >"$work/hangups" &
hangup_pid=$!

printf '  wrk: %d connections, %d s, GET and POST, clients hanging up beside it ...\n' "$wrk_connections" "$seconds"
timeout $((seconds + 15)) wrk --threads 2 --connections "$wrk_connections" --duration "${seconds}s" --timeout 10s \
    --script "$here/load.lua" "$address" -- "$fields" >"$work/wrk" 2>&1
wrk_status=$?

printf '  ab:  %d connections, %d POST requests, clients hanging up beside it ...\n' "$ab_connections" "$requests"
printf 'name=Ada+Lovelace&born=1815&city=London&text=caf%%C3%%A9' >"$work/body"
timeout 40 ab -q -k -n "$requests" -c "$ab_connections" -s 10 -p "$work/body" \
    -T application/x-www-form-urlencoded -e "$work/ab.csv" "${address}parse?page=2" >"$work/ab" 2>&1
ab_status=$?

memory_after_kib=$(service_memory_kib)

# Others, each with its own idea of a connection; what they say of failures is what counts.
clients_ok=0
others=()
# other NAME REQUESTS FAILURES: what came out of one of them.
other() {
    others+=("$(printf '%-14s %8s requests, %s failed' "$1" "$2" "$3")")
    clients_ok=$((clients_ok + ${2:-0}))
    check "$1: ${3:-no} failures" [ "${3:-none}" = 0 ]
}
if command -v h2load >/dev/null; then
    printf '  h2load: 8 connections, 5000 requests, HTTP/1.1 ...\n'
    timeout 40 h2load --h1 -n 5000 -c 8 "${address}sum?n=1&n=2" >"$work/h2load" 2>&1
    other h2load "$(awk '$1 == "status" && $2 == "codes:" { print $3 }' "$work/h2load")" \
        "$(awk '$1 == "requests:" { print $10 + $12 + $14 }' "$work/h2load")"
fi
if command -v siege >/dev/null; then
    printf '  siege: 8 clients, 100 requests each ...\n'
    printf 'verbose = false\njson_output = false\nlogging = false\nshow-logfile = false\n' >"$work/siegerc"
    HOME=$work timeout 40 siege --rc="$work/siegerc" -b -c 8 -r 100 "${address}sum?n=1&n=2" >"$work/siege" 2>&1
    other siege "$(awk '$1 == "Successful" { print $3 }' "$work/siege")" "$(awk '$1 == "Failed" { print $3 }' "$work/siege")"
fi
if command -v slowhttptest >/dev/null; then
    for kind in H B X; do
        target=$([ $kind = B ] && echo parse || echo 'large?mib=1')
        printf '  slowhttptest -%s: 50 connections, 4 s ...\n' $kind
        timeout 40 slowhttptest -$kind -c 50 -r 50 -l 4 -i 1 -p 2 -s 100000 -u "$address$target" >"$work/slow" 2>&1
        available=$(grep -c 'service available: *.*YES' "$work/slow")
        others+=("$(printf '%-14s %s' "slowhttptest -$kind" "$([ "$available" -gt 0 ] && echo 'the service stays available')")")
        check "slowhttptest -$kind: the service was not available" [ "$available" -gt 0 ]
    done
fi
kill "$hangup_pid" 2>/dev/null
wait "$hangup_pid" 2>/dev/null
hangup_pid=''
# --- A peak: clients that take long answers slowly

peak_clients=16
peak_mib=16
printf '  peak: %d clients take %d MiB each, slowly ...\n' $peak_clients $peak_mib
curls=()
for ((i = 0; i < peak_clients; i++)); do
    curl --silent --max-time 60 --limit-rate 6M --output /dev/null --write-out '%{size_download}\n' \
        "${address}large?mib=$peak_mib" >>"$work/peak" &
    curls+=($!)
done
memory_peak_kib=0
for ((i = 0; i < 20; i++)); do
    kib=$(service_memory_kib)
    [ "${kib:-0}" -le "$memory_peak_kib" ] || memory_peak_kib=$kib
    sleep 0.1
done
wait "${curls[@]}"
peak_answered=$(grep -c "^$((peak_mib * 1048576))\$" "$work/peak")
# Memory comes back as requests that need less go by.
timeout 20 ab -q -k -n 2000 -c 4 "${address}healthz" >"$work/ab-after" 2>&1
after_peak_ok=$(awk -F ': *' '$1 == "Complete requests" { print $2 + 0 }' "$work/ab-after")
sleep 0.5
memory_end_kib=$(service_memory_kib)
metrics=$(curl --silent --max-time 10 "${address}metrics")
alive=no
curl --silent --fail --max-time 10 --output /dev/null "${address}healthz" && alive=yes

# --- End: SIGTERM in the middle of an upload

if [ $alive = yes ]; then
    exec 4<>"/dev/tcp/127.0.0.1/$port"
    begin_upload 4
    curl --silent --max-time 30 --output /dev/null --write-out '%{http_code}' "${address}wait?ms=60000" >"$work/waited" &
    waiting=$!
    sleep 0.3
fi
kill -TERM "$service_pid" 2>/dev/null
for ((i = 0; i < 200; i++)); do
    kill -0 "$service_pid" 2>/dev/null || break
    sleep 0.05
done
ended=yes
if kill -0 "$service_pid" 2>/dev/null; then
    ended=no
    kill -KILL "$service_pid"
fi
wait "$service_pid" 2>/dev/null
service_status=$?
service_pid=''
[ $alive = yes ] && wait "$waiting"
[ $alive = yes ] && exec 4>&-

# --- Results

wrk_result() { awk -v name="$1" '$1 == "load" && $2 == name { print $3 }' "$work/wrk"; }
ab_result() { awk -F ': *' -v name="$1" '$1 == name { print $2 + 0; found = 1 } END { if (!found) print 0 }' "$work/ab"; }
ab_percentile() { awk -F , -v percent="$1" '$1 == percent { printf "%.2f", $2 }' "$work/ab.csv" 2>/dev/null; }
milliseconds() { awk -v us="${1:-0}" 'BEGIN { printf "%.2f", us / 1000 }'; }
mebibytes() { awk -v kib="${1:-0}" 'BEGIN { printf "%.1f MiB", kib / 1024 }'; }
reported() { awk -v start="$1" -v place="$2" 'index($0, start) == 1 { gsub(/[(,)]/, ""); print $place }' "$work/service.log"; }

wrk_answered=$(wrk_result answered)
wrk_wrong=$(wrk_result wrong)
wrk_lost=$(wrk_result lost)
ab_answered=$(ab_result "Complete requests")
ab_failed=$(($(ab_result "Failed requests") + $(ab_result "Non-2xx responses")))
ab_kept=$(ab_result "Keep-Alive requests")
lost=$((${wrk_lost:-1} + ${wrk_wrong:-1} + requests - ab_answered + ab_failed))
hangups=$(wc -l <"$work/hangups")
uploads_left=$(grep -c body "$work/hangups")
served_ok=$(reported 'requests answered' 4)
served_failed=$(reported 'requests answered' 10)
cut_short=$(reported 'requests cut short' 4)
arenas_made=$(reported 'arenas made' 3)
arenas_back=$(reported 'arenas back' 3)
# What the clients saw answered, and the service need not have: nothing.  What it may have answered beyond that: one
# request for each of wrk's connections at the end of its time, the clients that hung up, and ab's and this script's.
seen_ok=$((samples_ok + ${wrk_answered:-0} + ab_answered + clients_ok + peak_answered + after_peak_ok + 2))
served_ok_most=$((seen_ok + wrk_connections + ab_connections + hangups + 1000))

title "Results"
printf '  %-26s %14s %14s\n' '' 'wrk, mixed' 'ab, POST'
printf '  %-26s %14s %14s\n' 'requests answered' "${wrk_answered:--}" "$ab_answered"
printf '  %-26s %14s %14.0f\n' 'requests per second' "$(wrk_result per_second)" "$(ab_result 'Requests per second')"
for percent in 50 90 99; do
    printf '  %-26s %14s %14s\n' "latency, ${percent}% within, ms" "$(milliseconds "$(wrk_result p${percent}_us)")" \
        "$(ab_percentile $percent)"
done
printf '  %-26s %14s %14s\n' 'requests lost or wrong' "$((${wrk_lost:-0} + ${wrk_wrong:-0}))" \
    "$((requests - ab_answered + ab_failed))"
echo
row 'requests lost' "$lost"
row 'clients that hung up' "$hangups ($uploads_left in the middle of an upload)"
row 'answered by the service' "${served_ok:--} with 2xx"
row 'requests cut short' "${cut_short:--}"
row 'arenas made' "${arenas_made:--}"
row 'memory before the load' "$(mebibytes "$memory_before_kib")"
row 'memory after the load' "$(mebibytes "$memory_after_kib")"
row 'memory at the peak' "$(mebibytes "$memory_peak_kib") ($peak_answered answers of $peak_mib MiB)"
row 'memory after the peak' "$(mebibytes "$memory_end_kib")"
row 'shutdown on SIGTERM' "exit status $service_status, arenas back: ${arenas_back:--}, who waited got $(cat "$work/waited" 2>/dev/null)"
for line in "${others[@]}"; do row 'also' "$line"; done

title "From /metrics"
grep -v '^#' <<<"$metrics" | sed 's/^/  /'

# shellcheck disable=SC2317 # these are called by check
at_least() { [ "${1:-0}" -ge "$2" ]; }
# shellcheck disable=SC2317
at_most() { [ -n "$1" ] && [ "$1" -le "$2" ]; }
# The connections at a time, and what the threads keep at hand, bound the arenas; not the requests.
arenas_most=$((4 * (wrk_connections + ab_connections + 8)))
check "wrk failed (exit status $wrk_status)" [ "$wrk_status" -eq 0 ]
check "ab failed (exit status $ab_status)" [ "$ab_status" -eq 0 ]
check "requests were lost or answered wrongly: $lost" [ "$lost" -eq 0 ]
check "wrk got fewer than 1000 answers" at_least "$wrk_answered" 1000
check "ab's connections were not kept alive" [ "$ab_kept" -eq "$requests" ]
check "fewer than 10 clients hung up" at_least "$hangups" 10
check "after the load the service did not answer" [ "$alive" = yes ]
check "the service answered fewer requests than its clients saw ($seen_ok)" at_least "$served_ok" "$seen_ok"
check "the service answered more requests than were sent ($served_ok_most)" at_most "$served_ok" "$served_ok_most"
check "requests failed with 5xx" [ "${served_failed:-2}" -le 1 ] # the one that waited at the end
check "who waited at the end was not answered" [ "$(cat "$work/waited" 2>/dev/null)" = 503 ]
check "long answers were lost: $peak_answered of $peak_clients" [ "$peak_answered" -eq $peak_clients ]
check "at the peak there was not as much as was sent" at_least "$memory_peak_kib" $((peak_clients * peak_mib * 1024 / 2))
check "of the peak more than 48 MiB stayed" at_most "$((memory_end_kib - memory_before_kib))" 49152
check "fewer requests were cut short than uploads were left" at_least "$cut_short" "$((uploads_left + 1))"
check "more than $arenas_most arenas were made" at_most "$arenas_made" "$arenas_most"
check "memory grew by more than $growth_kib KiB" at_most "$((memory_after_kib - memory_before_kib))" "$growth_kib"
check "the service did not end within 10 s of SIGTERM" [ "$ended" = yes ]
check "the service ended with exit status $service_status" [ "$service_status" -eq 0 ]
check "not all arenas came back" [ "$arenas_back" = all ]
check "the service wrote to standard error" [ ! -s "$work/service.err" ]

echo
if [ ${#failures[@]} -eq 0 ]; then
    printf '%sAll of it held.%s\n' "$green" "$plain"
    exit 0
fi
printf '%sThis did not hold:%s\n' "$red" "$plain"
printf '  - %s\n' "${failures[@]}"
for log in service.log service.err wrk ab h2load siege slow; do
    [ -s "$work/$log" ] || continue
    printf '\n--- %s\n' "$log"
    tail -n 30 "$work/$log"
done
exit 1
