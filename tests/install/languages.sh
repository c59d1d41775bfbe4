#!/bin/sh
# SPDX-License-Identifier: MIT
# The code of docs/languages.md, against the installed library.
#
#   languages.sh BUILD_DIR LIBDIR DOCUMENT
#
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

python3 "$here/languages.py" "$3"
