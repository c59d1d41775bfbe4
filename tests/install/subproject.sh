#!/bin/sh
# libarena as a subproject of somebody's Meson project, shared and static, found under the name `arena`.
#
#   subproject.sh SOURCE_DIR
set -eu
source=$1
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir -p project/subprojects
ln -s "$source" project/subprojects/libarena
cp "$here/use.c" project/use.c
cat >project/subprojects/libarena.wrap <<'END'
[wrap-file]
directory = libarena

[provide]
dependency_names = arena, arena-mhd
END
cat >project/meson.build <<'END'
project('user', 'c', default_options: ['c_std=c11'])
executable('use', 'use.c', dependencies: dependency('arena'))
END
for library in shared static; do
    meson setup "$library" project --wrap-mode=forcefallback "-Dlibarena:default_library=$library" \
        -Dlibarena:mhd=disabled >log 2>&1 || { cat log; exit 1; }
    meson compile -C "$library" >log 2>&1 || { cat log; exit 1; }
    found=$("./$library/use")
    [ "$found" = '10 20 30 40 1 0 60 1 success' ] || { echo "$library: $found"; exit 1; }
    if [ -e "$library/subprojects/libarena/tests" ]; then
        echo "$library: a subproject builds no tests"
        exit 1
    fi
    echo "ok: $library"
done
