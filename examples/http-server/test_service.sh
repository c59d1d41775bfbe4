#!/bin/bash
# SPDX-License-Identifier: MIT
# arena-http-server, from the outside: every path and status code, the command line, and the way it ends, with curl.
#
#   test_service.sh SERVICE MODE
#
# Exit status: 0, 1 for a failure (each is printed), 77 to skip where there is no curl.

set -u
export LC_ALL=C

service=$1
mode=$2
command -v curl >/dev/null || exit 77

work=$(mktemp -d) || exit 1
pid=''
# shellcheck disable=SC2317 # reached through the trap
clean_up() {
    [ -n "$pid" ] && kill -KILL "$pid" 2>/dev/null
    rm -rf "$work"
}
trap clean_up EXIT
failed=0

fail() {
    failed=1
    printf 'FAILED: %s\n' "$1"
}

# start OPTION...: sets pid and url.
start() {
    : >"$work/log" # read before the service has opened it
    "$service" --port 0 --mode "$mode" "$@" >"$work/log" 2>"$work/err" &
    pid=$!
    url=''
    for ((i = 0; i < 600; i++)); do
        url=$(awk '$1 == "listening" { print $3 }' "$work/log")
        [ -n "$url" ] && break
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.05
    done
    if [ -z "$url" ]; then
        fail "the service did not start"
        cat "$work/log" "$work/err"
        exit 1
    fi
    url=${url%/}
}

# stop SIGNAL: ends the service and checks how it went.
stop() {
    kill -"$1" "$pid"
    wait "$pid"
    local status=$?
    pid=''
    [ "$status" -eq 0 ] || fail "exit status $status after SIG$1"
    grep -q '^arenas back  *all$' "$work/log" || fail "not all arenas came back after SIG$1"
    [ -s "$work/err" ] && fail "standard error: $(cat "$work/err")"
}

# expect STATUS BODY CURL-ARGUMENT... TARGET: the answer to TARGET, without the newline at its end.
expect() {
    local want_status=$1 want_body=$2 got
    shift 2
    got=$(curl --silent --path-as-is --globoff --max-time 30 --write-out '\n%{http_code}' "${@:1:$#-1}" "$url${*: -1}")
    local status=${got##*$'\n'} body=${got%$'\n'*}
    body=${body%$'\n'}
    [ "$status" = "$want_status" ] || fail "${*}: status $status, expected $want_status"
    [ "$body" = "$want_body" ] || fail "${*}: body '$body', expected '$want_body'"
}

# expect_header LINE CURL-ARGUMENT... TARGET: the head has this line.
expect_header() {
    local line=$1
    shift
    curl --silent --include --max-time 30 "${@:1:$#-1}" "$url${*: -1}" | tr -d '\r' | grep -qix -- "$line" ||
        fail "${*}: no header '$line'"
}

# send TEXT: the status of the answer to this raw request.
send() {
    exec 3<>"/dev/tcp/127.0.0.1/${url##*:}"
    printf '%b' "$1" >&3
    read -r -t 30 -u 3 _ status _
    exec 3>&-
    echo "$status"
}

document() { # PATH METHOD USED REMAINING REST
    printf '{"path":"%s","method":"%s","used":%s,"remaining":%s,%s}' "$@"
}

form='Content-Type: application/x-www-form-urlencoded'

mkdir "$work/files"
start --fields 4 --files "$work/files" --drain 1 --log

# /parse, from the query
expect 200 "$(document /parse GET 0 4 '"fields":[]')" /parse
expect 200 "$(document /parse GET 0 4 '"fields":[]')" '/parse?&&'
expect 200 "$(document /parse GET 1 3 '"fields":[{"key":"a","value":"1"}]')" '/parse?a=1'
expect 200 "$(document /parse GET 2 2 '"fields":[{"key":"a","value":"1"},{"key":"a","value":"2"}]')" '/parse?a=1&&a=2&'
expect 200 "$(document /parse GET 2 2 '"fields":[{"key":"a","value":""},{"key":"b","value":""}]')" '/parse?a&b='
expect 200 "$(document /parse GET 1 3 '"fields":[{"key":"","value":"v"}]')" '/parse?=v'
expect 200 "$(document /parse GET 1 3 '"fields":[{"key":"a b","value":"c+d=%&\"\\"}]')" '/parse?a+b=c%2bd=%25%26%22%5C'
expect 200 "$(document /parse GET 1 3 '"fields":[{"key":"k","value":"\u0001\n\u001F"}]')" '/parse?k=%01%0a%1F'
expect 200 "$(document /parse GET 1 3 '"fields":[{"key":"é","value":"€😀"}]')" '/parse?%C3%A9=%E2%82%AC%F0%9F%98%80'
expect 200 "$(document /parse GET 4 0 '"fields":[{"key":"1","value":""},{"key":"2","value":""},{"key":"3","value":""},{"key":"4","value":""}]')" '/parse?1&2&3&4'
expect 200 "$(document /parse GET 1 3 '"fields":[{"key":"a","value":"1"}]')" '/p%61rse?a=1'
expect 413 'more than 4 fields' '/parse?1&2&3&4&5'
expect 200 "$(document /parse GET 1 3 '"fields":[{"key":"a","value":"%4"}]')" '/parse?a=%4'
expect 400 'The request is malformed.' '/parse?a=1%002'
expect 400 'The request is malformed.' '/parse%00/../healthz'
expect 400 '{"error":"the request is malformed"}' --header 'Accept: application/json' '/parse%00'
expect 400 'a field is not valid UTF-8' '/parse?a=%ff'
expect_header 'Content-Type: application/json' '/parse?a=1'

# /parse, from the body
expect 200 "$(document /parse POST 0 4 '"fields":[]')" --request POST /parse
expect 200 "$(document /parse POST 1 3 '"fields":[{"key":"a","value":"1"}]')" --data 'a=1' /parse
expect 200 "$(document /parse POST 2 2 '"fields":[{"key":"q","value":"1"},{"key":"b","value":"2 +"}]')" --data 'b=2+%2B' '/parse?q=1'
expect 200 "$(document /parse POST 1 3 '"fields":[{"key":"a","value":"1"}]')" --header "$form; charset=UTF-8" --data 'a=1' /parse
expect 200 "$(document /parse POST 1 3 '"fields":[{"key":"a","value":"1"}]')" --header 'Transfer-Encoding: chunked' --data 'a=1' /parse
long=$(printf '%060000d' 0)
expect 200 "$(document /parse POST 1 3 "\"fields\":[{\"key\":\"long\",\"value\":\"$long\"}]")" --data "long=$long" /parse
expect 413 'more than 4 fields' --data 'b&c&d&e' '/parse?a'
expect 200 "$(document /parse POST 1 3 '"fields":[{"key":"b","value":"%1\u0000"}]')" --data 'b=%1%00' /parse
expect 400 'a field is not valid UTF-8' --data 'b=%C3%28' /parse
expect 415 'the body must be application/x-www-form-urlencoded' --header 'Content-Type: application/json' --data '{}' /parse
expect 415 'the body must be application/x-www-form-urlencoded' --header 'Content-Type: application/x-www-form-urlencodedx' --data 'a' /parse
head -c 70000 /dev/zero | tr '\0' x >"$work/large"
status=$(curl --silent --max-time 30 --output /dev/null --write-out '%{http_code}' --data "@$work/large" "$url/parse")
[ "$status" = 413 ] || fail "a body beyond the limit: status $status, expected 413"

# /sum
expect 200 "$(document /sum GET 2 2 '"sum":30')" '/sum?n=10&n=20'
expect 200 "$(document /sum GET 3 1 '"sum":-2')" '/sum?n=-5&n=%2B3&other=x'
expect 200 "$(document /sum GET 1 3 '"sum":7')" '/sum?%6e=007'
expect 200 "$(document /sum GET 2 2 '"sum":9223372036854775807')" '/sum?n=9223372036854775806&n=1'
expect 400 'n is missing, as in /sum?n=10&n=20' /sum
expect 400 'n is missing, as in /sum?n=10&n=20' '/sum?m=1'
expect 400 'n number 1 is not a whole number' '/sum?n'
expect 400 'n number 1 is not a whole number' '/sum?n='
expect 400 'n number 2 is not a whole number' '/sum?n=1&n=1.5'
expect 400 'n number 1 is not a whole number' '/sum?n=1x'
expect 400 'n number 1 is not a whole number' '/sum?n=%201'
expect 400 'n number 1 does not fit 64 bits' '/sum?n=9223372036854775808'
expect 400 'the sum does not fit 64 bits' '/sum?n=9223372036854775807&n=1'
expect 400 'the sum does not fit 64 bits' '/sum?n=-9223372036854775808&n=-1'
expect 400 'n number 1 is not a whole number' '/sum?n=%1'
expect 413 'more than 4 fields' '/sum?n=1&n=2&n=3&n=4&n=5'

# The others
expect 200 'ok' /healthz
expect 404 'no such path; there are /parse, /sum and /healthz' /
expect 404 'no such path; there are /parse, /sum and /healthz' /parse/
expect 404 'no such path; there are /parse, /sum and /healthz' --data 'a=1' /nowhere
for method in PUT DELETE PATCH OPTIONS; do
    expect 405 'this path has no such method' --request $method /parse
    expect_header 'Allow: GET, HEAD, POST' --request $method /parse
done
expect 405 'this path has no such method' --data 'n=1' /sum
expect_header 'Allow: GET, HEAD' --data 'n=1' /sum
expect 405 'this path has no such method' --request POST /healthz
expect 200 '' --head --output /dev/null /healthz
expect_header 'Content-Length: 2' --head /healthz
[ "$(send 'GET /healthz HTTP/1.0\r\n\r\n')" = 200 ] || fail "HTTP/1.0 without a Host header"
[ "$(send 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n')" = 200 ] || fail "pipelined requests"

# What begin refuses goes out before the body
got=$(curl --silent --max-time 30 --header 'Expect: 100-continue' --data 'a=1' --write-out '%{http_code}' --output /dev/null "$url/nowhere")
[ "$got" = 404 ] || fail "an early answer: $got"
expect 204 '' --request OPTIONS --request-target '*' ''
expect_header 'Allow: GET, HEAD, POST, PUT' --request OPTIONS --request-target '*' ''
expect 200 'ok' --proxy "$url" /healthz

# Files
head -c 3000000 /dev/urandom >"$work/upload"
expect 201 '' --upload-file "$work/upload" /files/some.bin
curl --silent --max-time 30 --output "$work/download" "$url/files/some.bin" && cmp -s "$work/upload" "$work/download" ||
    fail 'a file that came back is another one'
tag=$(curl --silent --head --max-time 30 "$url/files/some.bin" | tr -d '\r' | awk 'tolower($1) == "etag:" { print $2 }')
expect 304 '' --header "If-None-Match: $tag" /files/some.bin
expect 404 'no such file' /files/other.bin
for name in '' .hidden ../log a/b '%2e%2e'; do
    expect 404 'no such path; there are /parse, /sum and /healthz' "/files/$name"
done
expect 405 'this path has no such method' --request DELETE /files/some.bin
expect_header 'Allow: GET, HEAD, PUT' --request DELETE /files/some.bin
[ "$(find "$work/files" -type f | wc -l)" = 1 ] || fail 'parts of files were left'

# Streams, long answers, waits
[ "$(curl --silent --max-time 30 "$url/count?to=20000" | awk '{ sum += $1 } END { print NR, sum }')" = '20000 200010000' ] ||
    fail '/count'
expect_header 'Transfer-Encoding: chunked' '/count?to=3'
[ "$(curl --silent --max-time 30 "$url/large?mib=9" | wc -c)" = 9437184 ] || fail '/large'
expect 400 'mib is a number from 1 to 16' '/large?mib=17'
expect 200 'waited' '/wait?ms=20'

# Figures
metrics=$(curl --silent --max-time 30 "$url/metrics")
for line in 'http_requests_total{code="413"} [1-9]' 'arena_pool_arenas_out{pool="requests"} 1' 'http_request_duration_seconds_count [1-9]' \
    'arena_pool_refusals_total{pool="requests"} 0'; do
    grep -q "^$line" <<<"$metrics" || fail "/metrics has no line $line"
done

# Several requests on one connection
got=$(curl --silent --max-time 30 --write-out '%{num_connects}' -o /dev/null "$url/healthz" -o /dev/null "$url/sum?n=1" \
    -o /dev/null "$url/parse?a=%z" -o /dev/null "$url/nowhere")
[ "$got" = 1000 ] || fail "connections are not kept alive: $got"

# Ended in the middle of an upload
exec 4<>"/dev/tcp/127.0.0.1/${url##*:}"
printf 'POST /parse HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n' >&4
read -r -t 30 -u 4 _ status _
[ "$status" = 100 ] || fail "Expect: 100-continue: $status"
printf 'a=1' >&4
# and while another one waits: it gets its answer
curl --silent --max-time 30 --output /dev/null --write-out '%{http_code}' "$url/wait?ms=50000" >"$work/waited" &
waiting=$!
for ((i = 0; i < 600; i++)); do
    curl --silent --max-time 30 "$url/metrics" | grep -q '^arena_pool_arenas_out{pool="requests"} 2' && break
    sleep 0.05
done
stop TERM
wait "$waiting"
[ "$(cat "$work/waited")" = 503 ] || fail "a request that waits at the end: $(cat "$work/waited")"
grep -q '^127.0.0.1 GET /parse?a=1 200 [0-9.]*$' "$work/log" || fail 'no line of the log for /parse?a=1'
grep -q '^127.0.0.1 - - 400 [0-9.]*$' "$work/log" || fail 'no line of the log for a request that was refused'
exec 4>&-
[ "$(awk '/^requests cut short/ { print $4 }' "$work/log")" -ge 1 ] || fail "the upload was not cut short"

# Another capacity, the other signal
start --fields 1 --drain 1
expect 200 "$(document /parse GET 1 0 '"fields":[{"key":"a","value":"1"}]')" '/parse?a=1'
expect 413 'more than 1 fields' '/parse?a=1&b'

# The port is taken
"$service" --port "${url##*:}" --mode "$mode" >"$work/second" 2>&1 && fail "two services on one port"
grep -q 'cannot listen' "$work/second" || fail "a taken port: $(cat "$work/second")"
stop INT
grep -q '^requests answered   2 (1 with 2xx, 1 with 4xx, 0 with 5xx)$' "$work/log" || fail "report: $(cat "$work/log")"
grep -q '^arenas made  *[1-9][0-9]*$' "$work/log" || fail "report: $(cat "$work/log")"

# The command line
"$service" --help | grep -q '^Usage: arena-http-server' || fail "--help"
"$service" --version | grep -q '^arena-http-server (libarena [0-9.]*)$' || fail "--version"
for wrong in '--arenas 0' '--drain -1' '--port 65536' '--port x' '--port -1' '--fields 0' '--mode none' '--threads 1' '--address nowhere' '--unknown' 'extra'; do
    # shellcheck disable=SC2086 # an option and its value
    "$service" $wrong >"$work/wrong" 2>&1
    status=$?
    [ "$status" -eq 2 ] || fail "$wrong: exit status $status"
    [ -s "$work/wrong" ] || fail "$wrong: nothing was said"
done

exit $failed
