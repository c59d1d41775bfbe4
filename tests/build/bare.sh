#!/bin/sh
# SPDX-License-Identifier: MIT
# A bare machine: without dpkg-architecture, and with a C library that has no <features.h>, the build is configured, and
# what it installs without options is where pkg-config and the run-time linker look.
#
#   bare.sh SOURCE_DIR CC...
set -eu
source=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# The compiler refuses a file that includes <features.h> itself.
mkdir "$work/bin"
printf '#!/bin/sh\nexit 127\n' >"$work/bin/dpkg-architecture"
chmod +x "$work/bin/dpkg-architecture"
cat >"$work/cc" <<END
#!/bin/sh
for argument in "\$@"; do
    case \$argument in
    *.c) if grep -q '#include <features.h>' "\$argument"; then echo 'features.h: No such file' >&2; exit 1; fi ;;
    esac
done
exec $* "\$@"
END
chmod +x "$work/cc"
PATH=$work/bin:$PATH CC=$work/cc meson setup "$work/build" "$source" -Dtests=false -Dexamples=false >"$work/log" 2>&1 || {
    cat "$work/log"
    exit 1
}
libdir=$(meson introspect "$work/build" --buildoptions |
    python3 -c 'import json, sys; print({o["name"]: o["value"] for o in json.load(sys.stdin)}["libdir"])')
if [ "$libdir" != lib ]; then echo "FAILED: the libraries go to $libdir"; failed=1; fi
if command -v pkg-config >"$work/log"; then
    case :$(pkg-config --variable=pc_path pkg-config): in
    *:/usr/local/$libdir/pkgconfig:*) ;;
    *) echo "skipped: this pkg-config does not look into /usr/local/$libdir/pkgconfig" ;;
    esac
fi
exit $failed
