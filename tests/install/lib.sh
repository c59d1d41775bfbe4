# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2034
# Sourced by the scripts here: installs the build into a scratch directory and compiles programs against it, found by
# pkg-config alone, in a directory that has nothing else.
#
#   . lib.sh BUILD_DIR LIBDIR       (relative to the prefix of the build, or absolute)
#
# Leaves the working directory there; $stage is the installed tree.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$1
libdir=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
stage=$work/stage
DESTDIR=$stage meson install -C "$build" --no-rebuild --quiet >"$work/install.log" 2>&1 || {
    cat "$work/install.log" >&2
    exit 1
}
PKG_CONFIG_SYSROOT_DIR=$stage
PKG_CONFIG_PATH=$stage$libdir/pkgconfig
LD_LIBRARY_PATH=$stage$libdir
export PKG_CONFIG_SYSROOT_DIR PKG_CONFIG_PATH LD_LIBRARY_PATH
mkdir "$work/program"
cd "$work/program"

failed=0

fail() {
    echo "FAILED: $*" >&2
    failed=$((failed + 1))
}

# expect WHAT EXPECTED FOUND
expect() {
    if [ "$2" = "$3" ]; then
        echo "ok: $1"
    else
        fail "$1: expected '$2', got '$3'"
    fi
}

have() {
    command -v "$1" >/dev/null || { echo "skipped: $1 is not installed"; return 1; }
}
