#!/bin/sh
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
"$@" -r -nostdlib -o "$object" -Wl,--whole-archive "$archive" -Wl,--no-whole-archive
"$objcopy" --localize-hidden "$object"
rm -f "$output"
"$ar" rcsD "$output" "$object"
rm -f "$object"
