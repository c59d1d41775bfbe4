#!/bin/sh
# SPDX-License-Identifier: MIT
# Programs built against the installed libraries, shared and static, as C and as C++.
#
#   programs.sh BUILD_DIR LIBDIR MHD      (MHD: true where the binding is built)
#
# shellcheck disable=SC2046,SC2086 # the words of pkg-config's answers are arguments
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
mhd=$3
strict='-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror'
printed='10 20 30 40 1 0 60 1 success'

build_and_run() { # WHAT EXPECTED COMMAND...
    what=$1
    expected=$2
    shift 2
    if "$@"; then
        expect "$what" "$expected" "$(./a.out 2>&1 || echo "exit status $?")"
    else
        fail "$what: does not build: $*"
    fi
    rm -f a.out
}

cp "$here/use.c" use.c
cp "$here/use.c" use.cpp
cp "$here/use-mhd.c" use-mhd.c
cp "$here/use-mhd.c" use-mhd.cpp
unwound='cleanup 3
destroyed: success'

for compiler in ${TEST_COMPILERS:-${CC:-cc}}; do
    have "$compiler" || continue
    build_and_run "$compiler, shared" "$printed" \
        "$compiler" -std=c11 $strict use.c $(pkg-config --cflags --libs arena)
    build_and_run "$compiler, static" "$printed" \
        "$compiler" -std=c11 $strict -static use.c $(pkg-config --static --cflags --libs arena)
    build_and_run "$compiler, libarena alone static" "$printed" \
        "$compiler" -std=c11 $strict use.c $(pkg-config --cflags arena) "$stage$libdir/libarena.a" -pthread
    build_and_run "$compiler, shared, unwinding" "$unwound" \
        "$compiler" -std=c11 $strict -fexceptions "$here/unwind.c" $(pkg-config --cflags --libs arena) -pthread
    build_and_run "$compiler, libarena alone static, unwinding" "$unwound" \
        "$compiler" -std=c11 $strict -fexceptions "$here/unwind.c" $(pkg-config --cflags arena) "$stage$libdir/libarena.a" -pthread
    if [ "$mhd" = true ]; then
        build_and_run "$compiler, shared, HTTP" 0 \
            "$compiler" -std=c11 $strict use-mhd.c $(pkg-config --cflags --libs arena-mhd)
        build_and_run "$compiler, static, HTTP" 0 \
            "$compiler" -std=c11 $strict use-mhd.c $(pkg-config --cflags arena-mhd) \
            -Wl,-Bstatic $(pkg-config --libs-only-L arena-mhd) -larena-mhd -larena -Wl,-Bdynamic -lmicrohttpd -pthread
    fi
done
for compiler in ${TEST_COMPILERS_CPP:-${CXX:-c++}}; do
    have "$compiler" || continue
    for standard in c++11 c++17; do
        build_and_run "$compiler, shared, $standard" "$printed" \
            "$compiler" -std=$standard $strict use.cpp $(pkg-config --cflags --libs arena)
    done
    build_and_run "$compiler, static" "$printed" \
        "$compiler" -std=c++17 $strict -static use.cpp $(pkg-config --static --cflags --libs arena)
    if [ "$mhd" = true ]; then
        build_and_run "$compiler, shared, HTTP" 0 \
            "$compiler" -std=c++17 $strict use-mhd.cpp $(pkg-config --cflags --libs arena-mhd)
    fi
done

# What the files of pkg-config say.
expect 'version' "$(pkg-config --modversion arena)" "$(sed -n 's/.*ARENA_VERSION_STRING "\(.*\)".*/\1/p' \
    "$(pkg-config --variable=includedir arena)/arena/version.h")"
case " $(pkg-config --static --libs arena) " in *' -pthread '*) ;; *) fail 'arena.pc --static lacks -pthread' ;; esac
api=$(pkg-config --variable=api arena)
grep -q '^  "arena_alloc": {' "$api" || fail "arena.api.json is not at $api"
cdef=$(pkg-config --variable=cdef arena)
grep -q '^void \*arena_alloc(struct arena \*arena, const void \*value);$' "$cdef" || fail "arena.cdef.h is not at $cdef"
if [ "$mhd" = true ]; then
    expect 'version of the binding' "$(pkg-config --modversion arena)" "$(pkg-config --modversion arena-mhd)"
    case " $(pkg-config --static --libs arena-mhd) " in
    *' -larena-mhd '*' -larena '*' -lmicrohttpd '*) ;;
    *) fail "arena-mhd.pc --static: $(pkg-config --static --libs arena-mhd)" ;;
    esac
    # A program finds the binding by its own rpath, and the binding finds libarena, of which the program needs nothing.
    echo '#include <arena/mhd.h>
int main(void) { return arena_mhd_create(NULL, NULL, NULL, NULL) == ARENA_EINVAL ? 0 : 1; }' >alone.c
    "${CC:-cc}" alone.c $(pkg-config --cflags --libs arena-mhd) -Wl,--as-needed -Wl,-rpath,"$stage$libdir"
    case $libdir in
    /usr/lib* | /lib*) ;; # where the run-time linker looks by itself
    *) expect 'a library beside the other' 0 "$(env -u LD_LIBRARY_PATH ./a.out 2>&1; echo $?)" ;;
    esac
    cdef=$(pkg-config --variable=cdef arena-mhd)
    grep -q '^void arena_mhd_destroy(struct arena_mhd \*mhd);$' "$cdef" || fail "arena-mhd.cdef.h is not at $cdef"
elif [ -e "$(pkg-config --variable=includedir arena)/arena/mhd.h" ]; then
    fail 'arena/mhd.h is installed without the binding'
fi
for page in arena arena_pool arena_alloc arena_pool_checkout ARENA_TYPE ARENA_NEW_FLEX ARENA_DEFINE_DROP; do
    [ -n "$(find "$stage" -path "*/man3/$page.3*")" ] || fail "the manual page $page(3) is not installed"
done

[ "$failed" -eq 0 ]
