#!/bin/sh
# SPDX-License-Identifier: MIT
# A program built with AddressSanitizer, or run under Valgrind, links the ordinary library: each touch of a byte that
# was not handed out, or was taken back, is reported, and nothing else.  See poison.c.
#
#   poison.sh SOURCE INCLUDE_DIR BUILD_INCLUDE_DIR SHARED_LIBRARY STATIC_LIBRARY VALGRIND
#
# What is not there is -.
set -u
source=$1
include=$2
generated=$3
shared=$4
static=$5
valgrind=$6
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
checks=0
failed=0

complain() {
    echo "FAILED: $*" >&2
    failed=$((failed + 1))
}

# compile COMPILER LIBRARY FLAG...: into $work/program.
compile() {
    compiler=$1
    library=$2
    shift 2
    case $library in
    *.a) link="$library -pthread" ;;
    *) link="$library -Wl,-rpath,$(dirname "$library")" ;;
    esac
    # shellcheck disable=SC2086 # several words
    "$compiler" -std=c11 -g -O1 "$@" -I"$include" -I"$generated" "$source" $link -o "$work/program" >"$work/log" 2>&1
}

# expect WHAT REPORT COMMAND...: nothing is reported of the good uses, and something of each bad one.
expect() {
    what=$1
    report=$2
    shift 2
    checks=$((checks + 1))
    if ! "$@" "$work/program" fine >"$work/log" 2>&1 || [ "$(cat "$work/log")" != fine ]; then
        complain "$what: what was handed out is reported"
        head -n 40 "$work/log" >&2
    fi
    for part in 0 1 2 3; do
        "$@" "$work/program" bad $part >"$work/log.$part" 2>&1
        [ "$(tail -n 1 "$work/log.$part")" = 'case none' ] || complain "$what: ended before the last case of part $part"
    done
    cat "$work"/log.? >"$work/log"
    for case in $(sed -n 's/^case //p' "$work/log"); do
        [ "$case" = none ] && continue
        checks=$((checks + 1))
        sed -n "/^case $case\$/,/^case /p" "$work/log" >"$work/report"
        if ! grep -Eq "$report" "$work/report"; then
            complain "$what: $case is not reported"
        elif ! grep -Eq "(#[0-9]+ 0x[0-9a-f]+ in|(at|by) 0x[0-9A-F]+:) $case" "$work/report"; then
            complain "$what: $case is reported elsewhere"
            head -n 40 "$work/report" >&2
        fi
    done
}

for library in "$shared" "$static"; do
    [ "$library" = - ] && continue
    for compiler in ${TEST_COMPILERS:-${CC:-cc}}; do
        # A compiler without the sanitizer's runtime is passed over.
        echo 'int main(void) { return 0; }' >"$work/empty.c"
        "$compiler" -fsanitize=address "$work/empty.c" -o "$work/empty" >"$work/log" 2>&1 || continue
        if compile "$compiler" "$library" -fsanitize=address -fsanitize-recover=address; then
            expect "$compiler with $(basename "$library")" use-after-poison \
                env ASAN_OPTIONS=detect_leaks=0:halt_on_error=0
            # What arenas lead to is not lost; what a reset forgot is.  (Under a debugger nobody looks.)
            if env ASAN_OPTIONS=detect_leaks=1 "$work/program" lost >"$work/log" 2>&1 ||
                grep -q 'does not work under ptrace' "$work/log"; then
                echo "skipped: LeakSanitizer sees nothing here"
            else
                checks=$((checks + 1))
                grep -Eq 'leaked in (199..|20000) allocation' "$work/log" || complain "$compiler: what a reset forgot is not all reported"
                env ASAN_OPTIONS=detect_leaks=1 "$work/program" kept >"$work/log" 2>&1 || {
                    complain "$compiler with $(basename "$library"): what arenas lead to is reported as lost"
                    tail -n 20 "$work/log" >&2
                }
            fi
        else
            complain "$compiler -fsanitize=address does not link $(basename "$library")"
            cat "$work/log" >&2
        fi
    done
    # Slow: of both libraries among the long tests.
    if [ "$valgrind" != - ] && { [ "$library" = "$shared" ] || [ "$shared" = - ] || [ -n "${TEST_COMPILERS-}" ]; }; then
        compile "${CC:-cc}" "$library"
        if "$valgrind" --quiet "$work/program" unset 2>&1 | grep -q 'Illegal opcode'; then
            echo "skipped: Valgrind does not know an instruction of $(basename "$library")"
            continue
        fi
        expect "Valgrind with $(basename "$library")" 'Invalid (read|write)' "$valgrind" --quiet --leak-check=no
        checks=$((checks + 1))
        "$valgrind" --quiet --leak-check=no "$work/program" unset >"$work/log" 2>&1
        if [ "$(grep -c 'depends on uninitialised' "$work/log")" != 2 ]; then
            complain "Valgrind with $(basename "$library"): what nobody wrote is to be reported, and nothing else"
            cat "$work/log" >&2
        fi
    fi
done
echo "$checks checks, $failed failed"
[ "$checks" -gt 0 ] && [ "$failed" -eq 0 ]
