#!/bin/sh
# SPDX-License-Identifier: MIT
# mandoc finds nothing to complain of.
#
#   mandoc.sh MANDOC MAN3_DIR
exec "$1" -T lint -W warning "$2"/*.3
