#!/bin/sh
# SPDX-License-Identifier: MIT
# The declarations for foreign-function interfaces are C, behind the three headers that they name and nothing else.
#
#   cdef.sh CDEF... -- CC...
#
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
printf '#include <%s.h>\n' stddef stdint stdbool >"$folder/cdef.c"
while [ "$1" != -- ]; do
    cat "$1" >>"$folder/cdef.c"
    shift
done
shift
"$@" -std=c11 -Wall -Wextra -Wpedantic -Wstrict-prototypes -Werror -c -o "$folder/cdef.o" "$folder/cdef.c"
