#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes a static library of one object, in which every symbol that is not public is local.
#
#   merge-objects.sh OUTPUT ARCHIVE OBJCOPY AR CC...
set -eu
output=$1
archive=$2
objcopy=$3
ar=$4
shift 4
object=${output%.a}.o
# Of objects that also hold what link-time optimisation wants, the machine code.
"$@" -fno-lto -r -nostdlib -o "$object" -Wl,--whole-archive "$archive" -Wl,--no-whole-archive
"$objcopy" --wildcard --remove-section=".gnu.lto_*" --remove-section=".gnu.debuglto_*" --remove-section=.llvm.lto "$object"
"$objcopy" --localize-hidden "$object"
# But what lives in a section group has to stay visible to the linker: it keeps one group of each name, the program's
# perhaps, and a local reference into the one it drops would be left dangling.  gcc's reference to the unwinder's personality
# routine is of that kind, and so are the functions that fetch the program counter on 32-bit x86.
"$objcopy" --wildcard --globalize-symbol='DW.ref.*' --weaken-symbol='DW.ref.*' \
    --globalize-symbol='__x86.get_pc_thunk.*' --weaken-symbol='__x86.get_pc_thunk.*' "$object"
rm -f "$output"
"$ar" rcsD "$output" "$object"
rm -f "$object"
