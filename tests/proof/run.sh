#!/bin/sh
# SPDX-License-Identifier: MIT
# Proves the contracts of src/base/arith.h with Frama-C WP: that each function does what its contract says and that no
# operation in it can overflow, unsigned ones included, for 64 and for 32 bits.  Prints goals proved / goals for each
# machine, and fails unless all of them are.  Exits with 77 where the tools are missing.
#
# usage: tests/proof/run.sh [source root]
# packages: frama-c-base z3 cvc4 why3
set -eu

root=$(cd "${1:-$(dirname "$0")/../..}" && pwd)
for tool in frama-c why3 z3 cvc4; do
    if ! command -v "$tool" >/dev/null; then
        echo "skipped: $tool is not installed"
        exit 77
    fi
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export WHY3CONFIG="$work/why3.conf"
why3 config detect >"$work/why3.log" 2>&1 || { cat "$work/why3.log"; exit 1; }

failed=0
for machine in x86_64 x86_32; do
    log="$work/$machine.log"
    if ! frama-c -machdep "$machine" -cpp-extra-args="-I$root/src" -wp -wp-rte -warn-unsigned-overflow \
        -wp-prover z3,cvc4 -wp-timeout 60 "$root/tests/proof/arith.c" -then -report >"$log" 2>&1; then
        cat "$log"
        failed=1
        continue
    fi
    proved=$(sed -n 's/.*Proved goals: *\([0-9]*\) *\/ *\([0-9]*\).*/\1/p' "$log" | tail -1)
    goals=$(sed -n 's/.*Proved goals: *\([0-9]*\) *\/ *\([0-9]*\).*/\2/p' "$log" | tail -1)
    # A contract that no function of the file has would prove nothing: each function must be among the goals.
    for function in $(sed -n 's/^static inline .*[ *]\(arith_[a-z_]*\)(.*/\1/p' "$root/src/base/arith.h"); do
        if ! grep -q "Goal typed_${function}_ensures" "$log"; then
            echo "$machine: $function has no contract that was proved"
            failed=1
        fi
    done
    echo "$machine: ${proved:-0} / ${goals:-0} goals proved"
    if [ -z "$proved" ] || [ "$proved" -eq 0 ] || [ "$proved" != "$goals" ]; then
        grep -A3 -E 'Failed|Timeout|Unknown|Unsuccess' "$log" | grep -v ': Valid' || tail -20 "$log"
        failed=1
    fi
done
exit "$failed"
