#!/bin/sh
# SPDX-License-Identifier: MIT
# Checks the model of the gate with Spin, and that each planted mistake is noticed.  Prints one line for
# each run; fails when one of them says otherwise than it should.
#
# usage: tests/promela/run.sh
# packages: spin gcc
set -eu

here=$(cd "$(dirname "$0")" && pwd)
if ! command -v spin >/dev/null; then
    echo "skipped: spin is not installed"
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
failed=0

# check holds|fails name model "spin defines" "gcc flags" "pan flags"
check() {
    expected=$1 name=$2 model=$3
    rm -f pan* ./*.trail
    # shellcheck disable=SC2086 # lists of words
    spin $4 -a "$here/$model" >spin.log 2>&1 || { cat spin.log; exit 1; }
    # shellcheck disable=SC2086
    gcc -O2 -w -DMEMLIM=6144 $5 -o pan pan.c
    # shellcheck disable=SC2086
    ./pan -m1000000 $6 >pan.log 2>&1 || true
    if ! grep -q 'errors: [0-9]' pan.log ||
        grep -q 'max search depth too small\|out of memory\|memory exhausted\|error: search depth' pan.log; then
        cat pan.log
        echo "$name: the search was cut off"
        failed=1
        return
    fi
    errors=$(sed -n 's/.*errors: \([0-9]*\).*/\1/p' pan.log)
    states=$(sed -n 's/ *\([0-9.e+]*\) states, stored.*/\1/p' pan.log)
    if [ "$errors" = 0 ]; then found=holds; else found=fails; fi
    printf '%-60s %s (%s states)\n' "$name" "$found" "$states"
    if [ "$found" != "$expected" ]; then
        grep -v 'unreached\|\.pml:' pan.log
        failed=1
    fi
}

safety='-DSAFETY -DCOLLAPSE'
live='-DNFAIR=6 -DCOLLAPSE'

check holds 'gate: 3 waiters' gate.pml '' "$safety" ''
check holds 'gate: 3 waiters, 2 cancellers' gate.pml '-DCANCELLERS=2' "$safety" ''
check holds 'gate: 3 waiters, a canceller, a timer' gate.pml '-DCANCELLERS=1 -DTIMERS=1' "$safety" ''
check holds 'gate: 3 waiters, a timer, a thread cancelled' gate.pml '-DTIMERS=1 -DKILLS=1' "$safety" ''
check holds 'gate: 2 waiters twice, 2 cancellers, a timer' gate.pml \
    '-DWAITERS=2 -DROUNDS=2 -DCANCELLERS=2 -DTIMERS=1' "$safety" ''
check holds 'gate: 3 waiters twice' gate.pml '-DROUNDS=2' "$safety" ''
check holds 'gate: 2 permits, 3 waiters twice' gate.pml '-DPERMITS=2 -DROUNDS=2' "$safety" ''
check holds 'gate: 2 permits given back, 3 waiters' gate.pml '-DPERMITS=2 -DHELD=2 -DLATE=2' "$safety" ''
check holds 'gate: 2 permits given back, 2 waiters, 2 cancellers' gate.pml \
    '-DWAITERS=2 -DPERMITS=2 -DHELD=2 -DLATE=2 -DCANCELLERS=2' "$safety" ''
check holds 'gate: 2 permits, one never given back, a canceller' gate.pml \
    '-DPERMITS=2 -DHELD=2 -DLATE=1 -DCANCELLERS=1' "$safety" ''
check holds 'gate: every wait ends, others enter for ever' gate.pml '-DROUNDS=0 -DFAIR' "$live" '-a -f -N ends'
check holds 'gate: every wait ends, 2 permits' gate.pml '-DROUNDS=0 -DFAIR -DPERMITS=2' "$live" \
    '-a -f -N ends'
check holds 'gate: a cancelled wait ends, nobody gives back' gate.pml '-DHELD=1 -DCANCELLERS=2 -DFAIR' "$live" \
    '-a -f -N cancelled_end'
check fails 'planted: a woken waiter does not wake the next' gate.pml \
    '-DPERMITS=2 -DHELD=2 -DLATE=2 -DNO_CHAIN' "$safety" ''
check fails 'planted: a grant that loses is not passed on' gate.pml '-DCANCELLERS=2 -DKILLS=1 -DNO_PASS_ON' "$safety" ''
check fails 'planted: a cancelled waiter leaves its mark' gate.pml '-DCANCELLERS=2 -DKEEP_MARK' "$safety" ''
check fails 'planted: no hand-over' gate.pml '-DROUNDS=0 -DFAIR -DNO_HANDOFF' "$live" '-a -f -N ends'
exit $failed
