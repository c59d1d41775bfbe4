#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs a program under Valgrind.  Where it is compiled to instructions that Valgrind does not know, nothing that it says
# is to be trusted: it is skipped, with the reason.  So it is with -march=native, on a machine with AVX-512.
#
#   valgrind.sh VALGRIND [OPTION]... PROGRAM [ARGUMENT]...
valgrind=$1
shift
log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
"$valgrind" --sigill-diagnostics=yes "$@" 2>"$log" || status=$?
cat "$log" >&2
if [ $status -ne 0 ] && grep -q 'valgrind: Unrecognised instruction' "$log"; then
    echo 'skipped: the program has an instruction that Valgrind does not know (-march=native with AVX-512?)'
    exit 77
fi
exit $status
