#!/bin/sh
# SPDX-License-Identifier: MIT
# The typed face makes mistakes of type errors: in C++ always, in C under -Werror=incompatible-pointer-types.
#
#   refused.sh SOURCE INCLUDE_DIR BUILD_INCLUDE_DIR
set -u
source=$1
include=$2
generated=$3
last=49
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
checks=0
failed=0

# check COMPILER FLAG...
check() {
    command -v "$1" >/dev/null 2>&1 || { echo "skipped: $1 is not installed"; return 0; }
    number=0
    while [ $number -le $last ]; do
        checks=$((checks + 1))
        "$@" -I"$include" -I"$generated" -DREFUSE=$number -fsyntax-only "$source" >"$work/log" 2>&1
        status=$?
        if [ $number -eq 0 ] && [ $status -ne 0 ]; then
            echo "FAILED: $1 refuses what is right" >&2
            cat "$work/log" >&2
            failed=$((failed + 1))
        elif [ $number -ne 0 ] && [ $status -eq 0 ]; then
            echo "FAILED: $1 accepts mistake $number" >&2
            failed=$((failed + 1))
        fi
        number=$((number + 1))
    done
}

# A lost status is a warning, whatever else is on.
lost() {
    command -v "$1" >/dev/null 2>&1 || return 0
    for call in 'arena_create(ARENA_TYPE(int), 1, &arena)' 'arena_pool_execute(pool, action, 0)' \
        'arena_protect(protected, 0)' 'arena_pool_destroy(pool)' 'arena_concurrent_acquire(shared, 0, &arena)'; do
        for use in "$call" "status = $call"; do
            checks=$((checks + 1))
            cat >"$work/lost.c" <<END
#include <arena/arena.h>
int use(struct arena_pool *pool, struct arena_concurrent *shared, void (*action)(struct arena *, void *), void (*protected)(void *));
int use(struct arena_pool *pool, struct arena_concurrent *shared, void (*action)(struct arena *, void *), void (*protected)(void *)) {
    struct arena *arena = 0;
    int status = pool != 0 && shared != 0 && action != 0 && protected != 0 && arena == 0;
    $use;
    return status;
}
END
            "$1" -std=c11 -Werror=unused-result -I"$include" -I"$generated" -S "$work/lost.c" -o /dev/null >"$work/log" 2>&1
            status=$?
            [ $((status == 0)) = "$([ "$use" = "$call" ] && echo 0 || echo 1)" ] && continue
            echo "FAILED: $1 on: $use" >&2
            cat "$work/log" >&2
            failed=$((failed + 1))
        done
    done
}

for compiler in gcc clang; do lost $compiler; done
for compiler in gcc clang clang-19; do check $compiler -std=c11 -Werror=incompatible-pointer-types; done
for compiler in g++ clang++ clang++-19; do check $compiler -x c++ -std=c++17; done
echo "$checks checks, $failed failed"
[ $checks -gt 0 ] && [ $failed -eq 0 ]
