#!/bin/sh
# SPDX-License-Identifier: MIT
# The examples, and the code of the documents, against the installed library.
#
#   documents.sh BUILD_DIR LIBDIR EXAMPLES_DIR MHD DOCUMENT...
#
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
shift 2

python3 "$here/documents.py" "$@"
