#!/bin/sh
# SPDX-License-Identifier: MIT
# libarena as a subproject of somebody's Meson project, found under the names `arena` and `arena-mhd`, by the wrap file
# that README.md has, from a repository.
#
#   subproject.sh SOURCE_DIR MHD LIBRARY      (MHD: true where libmicrohttpd is here; LIBRARY: shared or static)
set -eu
command -v git >/dev/null || { echo 'skipped: git is not installed'; exit 77; }
source=$1
mhd=$2
library=$3
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir -p project/subprojects
cp "$here/use.c" project/use.c

# What a subproject needs, as it is here, committed or not.
mkdir repository
(cd "$source" && tar cf - VERSION CHANGELOG.md LICENSE meson.build meson_options.txt include man src scripts) | tar xf - -C repository
git -C repository init --quiet
git -C repository add --all
git -C repository -c user.name=test -c user.email=test@example.org commit --quiet --message 'as it is'
sed -n '/^```ini$/,/^```$/p' "$source/README.md" | sed "/^\`/d; s|^url = .*|url = file://$work/repository|" \
    >project/subprojects/libarena.wrap
grep -q '^revision = ' project/subprojects/libarena.wrap || { echo 'README.md has no wrap file'; exit 1; }

cat >project/meson.build <<'END'
project('user', 'c', default_options: ['c_std=c11'])
executable('use', 'use.c', dependencies: dependency('arena'))
END
binding=disabled
if [ "$mhd" = true ]; then
    binding=enabled
    cp "$here/use-mhd.c" project/use-mhd.c
    echo "executable('use-mhd', 'use-mhd.c', dependencies: dependency('arena-mhd'))" >>project/meson.build
fi
# Without optimisation: that is not the question here.
meson setup build project --wrap-mode=forcefallback "-Dlibarena:default_library=$library" "-Dlibarena:mhd=$binding" \
    -Dlibarena:optimization=0 >log 2>&1 || { cat log; exit 1; }
meson compile -C build >log 2>&1 || { cat log; exit 1; }
found=$(build/use)
[ "$found" = '10 20 30 40 1 0 60 1 success' ] || { echo "$library: $found"; exit 1; }
if [ "$mhd" = true ]; then
    found=$(build/use-mhd)
    [ "$found" = 0 ] || { echo "$library, HTTP: $found"; exit 1; }
fi
if [ -e build/subprojects/libarena/tests ]; then
    echo "$library: a subproject builds no tests"
    exit 1
fi
