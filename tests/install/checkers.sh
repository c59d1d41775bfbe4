#!/bin/sh
# SPDX-License-Identifier: MIT
# The ordinary installed library, shared and static, in a program under a memory checker: the read of a slot that a reset
# took back is reported, and nothing else is.
#
#   checkers.sh BUILD_DIR LIBDIR VALGRIND      (VALGRIND: the program; empty where the library knows nothing of it)
#
# shellcheck disable=SC2046,SC2086 # the words of pkg-config's answers are arguments
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
valgrind=$3

reports() { # WHAT TEXT COMMAND...
    what=$1
    text=$2
    shift 2
    if "$@" >report 2>&1; then
        fail "$what: not reported"
    elif grep -q "$text" report; then
        echo "ok: $what, reported"
    else
        cat report >&2
        fail "$what: failed without '$text'"
    fi
    expect "$what, without the mistake" 10 "$("$@" right 2>&1 || echo "exit status $?")"
}

for compiler in ${TEST_COMPILERS:-${CC:-cc}}; do
    have "$compiler" || continue
    echo 'int main(void) { return 0; }' >empty.c
    "$compiler" -fsanitize=address empty.c -o empty 2>/dev/null || continue
    "$compiler" -g -fsanitize=address "$here/use-after-reset.c" $(pkg-config --cflags --libs arena) -o shared
    "$compiler" -g -fsanitize=address "$here/use-after-reset.c" $(pkg-config --cflags arena) "$stage$libdir/libarena.a" \
        -pthread -o static
    reports "$compiler, AddressSanitizer, shared" use-after-poison ./shared
    reports "$compiler, AddressSanitizer, static" use-after-poison ./static
done

if [ -n "$valgrind" ]; then
    "${CC:-cc}" -g "$here/use-after-reset.c" $(pkg-config --cflags --libs arena) -o shared
    "${CC:-cc}" -g "$here/use-after-reset.c" $(pkg-config --cflags arena) "$stage$libdir/libarena.a" -pthread -o static
    for kind in shared static; do
        if "$valgrind" --quiet "./$kind" right 2>&1 | grep -q 'Illegal opcode'; then
            echo "skipped: Valgrind does not know an instruction of the library, $kind"
            continue
        fi
        reports "Valgrind, $kind" 'Invalid read of size 4' "$valgrind" --quiet --error-exitcode=99 "./$kind"
    done
fi

[ "$failed" -eq 0 ]
