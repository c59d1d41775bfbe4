#!/bin/sh
# SPDX-License-Identifier: MIT
# A program built with ThreadSanitizer links the ordinary library: it sees what the library hands from thread to thread,
# and still sees a race.  See handover.c.
#
#   handover.sh SOURCE INCLUDE_DIR BUILD_INCLUDE_DIR SHARED_LIBRARY STATIC_LIBRARY
#
# A library that is not there is -.
set -u
source=$1
include=$2
generated=$3
shared=$4
static=$5
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export TSAN_OPTIONS=halt_on_error=1
checks=0
failed=0

complain() {
    echo "FAILED: $*" >&2
    head -n 60 "$work/log" >&2
    failed=$((failed + 1))
}

for library in "$shared" "$static"; do
    [ "$library" = - ] && continue
    for compiler in ${TEST_COMPILERS:-${CC:-cc}}; do
        # A compiler without the sanitizer's runtime, or a machine that it does not run on, is passed over.
        echo 'int main(void) { return 0; }' >"$work/empty.c"
        "$compiler" -fsanitize=thread "$work/empty.c" -o "$work/empty" >"$work/log" 2>&1 || continue
        "$work/empty" >"$work/log" 2>&1 || continue
        case $library in
        *.a) link="$library -pthread" ;;
        *) link="$library -pthread -Wl,-rpath,$(dirname "$library")" ;;
        esac
        what="$compiler with $(basename "$library")"
        # shellcheck disable=SC2086 # several words
        if ! "$compiler" -std=c11 -g -O1 -D_POSIX_C_SOURCE=200809L -fsanitize=thread -I"$include" -I"$generated" \
            "$source" $link -o "$work/program" >"$work/log" 2>&1; then
            complain "$what does not link"
            continue
        fi
        for case in $("$work/program"); do
            checks=$((checks + 1))
            "$work/program" "$case" >"$work/log" 2>&1
            status=$?
            if [ "$case" = race ]; then
                grep -q 'data race' "$work/log" || complain "$what: a race is not reported"
            elif [ $status -ne 0 ] || [ "$(cat "$work/log")" != fine ]; then
                complain "$what: $case: status $status"
            fi
        done
    done
done
echo "$checks checks, $failed failed"
[ "$checks" -gt 0 ] && [ "$failed" -eq 0 ]
