#!/bin/sh
# SPDX-License-Identifier: MIT
# The installed libraries in somebody's CMake project, by find_package(arena CONFIG).
#
#   cmake.sh BUILD_DIR LIBDIR PREFIX MHD      (MHD: true where the binding is built)
#
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
prefix=$3
mhd=$4

cat >CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.13)
project(user C)
find_package(arena 1.0 CONFIG REQUIRED)
add_executable(shared use.c)
target_link_libraries(shared PRIVATE arena::arena)
add_executable(static use.c)
target_link_libraries(static PRIVATE arena::static)
END
cp "$here/use.c" "$here/use-mhd.c" .
if [ "$mhd" = true ]; then
    cat >>CMakeLists.txt <<'END'
find_package(arena CONFIG REQUIRED COMPONENTS mhd)
add_executable(http use-mhd.c)
target_link_libraries(http PRIVATE arena::mhd)
END
fi
cmake -S . -B build -DCMAKE_PREFIX_PATH="$stage$prefix" >log 2>&1 && cmake --build build >>log 2>&1 || { cat log; exit 1; }
printed='10 20 30 40 1 0 60 1 success'
expect 'shared' "$printed" "$(build/shared)"
expect 'static' "$printed" "$(build/static)"
[ "$mhd" != true ] || expect 'HTTP' 0 "$(build/http)"

# What is not there is said.
refuses() { # WHAT ARGUMENT...
    what=$1
    shift
    mkdir -p "$what"
    printf 'cmake_minimum_required(VERSION 3.13)\nproject(user C)\nfind_package(arena %s)\n' "$*" >"$what/CMakeLists.txt"
    if cmake -S "$what" -B "$what/build" -DCMAKE_PREFIX_PATH="$stage$prefix" >"$what.log" 2>&1; then
        fail "$what: found"
    elif grep -q arena-config "$what.log"; then
        echo "ok: $what, refused"
    else
        cat "$what.log"
        fail "$what: refused for another reason"
    fi
}
refuses 'another-version' 99.0 CONFIG REQUIRED
refuses 'a-part-that-does-not-exist' CONFIG REQUIRED COMPONENTS nonsense

[ "$failed" -eq 0 ]
