#!/bin/sh
# SPDX-License-Identifier: MIT
# The code of README.md, against the installed library.
#
#   readme.sh BUILD_DIR LIBDIR README MHD
#
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

python3 "$here/readme.py" "$3" "$4"
