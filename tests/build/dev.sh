#!/bin/sh
# SPDX-License-Identifier: MIT
# ./dev on a project of one program: the compiler and flags that are asked for are used, also where there is a build
# already; what nobody reads is not printed; what a program skips inside is counted; and packages that cannot be installed
# stop nothing.
#
#   dev.sh SOURCE_DIR
set -eu
source=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir scripts fake
cp "$source/dev" .
cp "$source/scripts/skipped.py" scripts/
cat >meson.build <<'END'
project('one', 'c')
test('one', executable('one', 'one.c'))
END
cat >one.c <<'END'
#include <stdio.h>
#ifdef ASKED_FOR
#define NAME "with"
#else
#define NAME "without"
#endif
int main(void) {
    puts("[  SKIPPED ] a_case\n[  SKIPPED ] 1 test(s), listed below:\n[  SKIPPED ] a_case");
    puts("compiled " NAME " the flag");
    return 0;
}
END
# Nothing is installed, and nobody is root.
printf '#!/bin/sh\necho 1000\n' >fake/id
printf '#!/bin/sh\nexit 1\n' >fake/dpkg-query
cp fake/dpkg-query fake/apt-get
printf '#!/bin/sh\nexit 1\n' >fake/sudo
chmod +x fake/*
PATH=$work/fake:$PATH
unset CC CXX CFLAGS CXXFLAGS BUILD_DIR || true
failed=0

# says WHAT TEXT: the last run's output has a line with it; lacks: it has none.
says() {
    grep -q -e "$2" log || { echo "FAILED: $1: it does not say '$2'"; cat log; failed=1; }
}
lacks() {
    if grep -q -e "$2" log; then echo "FAILED: $1: it says '$2'"; cat log; failed=1; fi
}
run() {
    "$@" >log 2>&1 || { echo "FAILED: $*: exit status $?"; cat log; failed=1; }
}

run ./dev test
says 'first' '^dev: going on without these'
says 'first' '^Ok: *1'
says 'first' '^Skipped inside of programs: 1$'
says 'first' 'one: a_case$'
lacks 'first' 'Build targets in project'
run ./dev test
lacks 'again' 'no work to do'
lacks 'again' 'anew'

run env CFLAGS=-DASKED_FOR ./dev test
says 'flags' 'anew'
says 'flags' '^Ok: *1'
build/one | grep -q 'compiled with the flag' || { echo 'FAILED: CFLAGS of a build that was there are not used'; failed=1; }
run ./dev test
lacks 'flags that are not named' 'anew'

# Another compiler, among the long tests.
if [ -z "${TEST_COMPILERS-}" ]; then
    :
elif command -v clang >log 2>&1; then
    run env CC=clang ./dev test
    grep -q 'command = clang' build-clang/build.ninja || { echo 'FAILED: CC=clang is not used'; failed=1; }
    run env CC=clang BUILD_DIR=build ./dev test
    says 'compiler' 'anew'
    grep -q 'command = clang' build/build.ninja || { echo 'FAILED: CC=clang in BUILD_DIR is not used'; failed=1; }
else
    echo 'skipped: clang is not installed'
fi

echo 'int main(void) { return wrong; }' >one.c
if ./dev test >log 2>&1; then echo 'FAILED: what does not compile succeeds'; failed=1; fi
says 'a mistake' "wrong"
exit $failed
