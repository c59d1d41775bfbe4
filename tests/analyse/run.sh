#!/bin/sh
# SPDX-License-Identifier: MIT
# Static analysis of the library, the binding and the example: gcc -fanalyzer, Clang's analyser (what scan-build runs),
# Clang's thread-safety analysis, clang-tidy (.clang-tidy) and cppcheck.  Every finding is a failure: it is mended, or
# explained beside the code.  And format: all of the tree is as clang-format 14 has it (.clang-format).
#
#   tests/analyse/run.sh [gcc|clang|locks|tidy|cppcheck|format]...
#
# A tool that is not installed is a failure too, but for one that is not asked for by name: that is skipped, and said so.
#
# shellcheck disable=SC2086,SC2154,SC2317 # lists of words; from sources.sh; functions called by name
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
# shellcheck source=../tools/sources.sh
. "$root/tests/tools/sources.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
library_made_headers "$work/include"

# What the build passes where the headers are installed; see src/meson.build.
flags="-std=c11 $library_flags -I$work/include -DARENA_TLS_INITIAL_EXEC"
exists() {
    echo "#include <$1>" | cc -E -x c - >/dev/null 2>&1
}
exists valgrind/memcheck.h && flags="$flags -DHAVE_VALGRIND"
sources="$(library_sources_without_memory) $(library_memory_sources)"
sources="$sources $root/src/platform/posix/pages.c $root/src/platform/posix/barrier.c $root/src/platform/posix/stack.c"
sources="$sources $root/src/platform/arm/unwind.c"
exists microhttpd.h && sources="$sources $(ls "$root"/src/mhd/*.c)"
exists microhttpd.h && exists jansson.h && sources="$sources $(find "$root/examples/http-server" -name '*.c' ! -name 'test_*')"

# No file of the libraries is forgotten.
for source in $(find "$root/src" -name '*.c'); do
    case " $(echo $sources) " in
    *" $source "*) ;;
    *)
        case $source in "$root"/src/mhd/*) exists microhttpd.h || continue ;; esac
        echo "analyse: $source is not looked at" >&2
        exit 1
        ;;
    esac
done

{
    run_gcc() {
        for source in $sources; do
            gcc $flags -O2 -fanalyzer -fno-diagnostics-show-caret -Wall -Wextra -c "$source" -o "$work/object" 2>&1 || true
        done
    }
    run_clang() {
        # security.insecureAPI wants functions that no C library here has; alpha.* are checkers under development.
        for source in $sources; do
            clang-19 --analyze $flags -Xclang -analyzer-output=text \
                -Xclang -analyzer-checker=core,deadcode,nullability,optin.portability,optin.taint,security,unix \
                -Xclang -analyzer-checker=alpha.core.BoolAssignment,alpha.core.CastSize,alpha.unix.PthreadLock \
                -Xclang -analyzer-disable-checker=security.insecureAPI.DeprecatedOrUnsafeBufferHandling \
                "$source" -o "$work/report" 2>&1 || true
        done
    }
    run_locks() { # base/locking.h
        for source in $sources; do
            clang-19 -fsyntax-only $flags -DANALYSE_LOCKS -Wthread-safety -Wthread-safety-beta -Wno-gcc-compat "$source" 2>&1 || true
        done
    }
    run_tidy() {
        clang-tidy-19 --quiet $sources -- $flags 2>"$work/messages" || true
        grep -v "^\[.*Processing file\|warnings\? generated\|warnings treated as errors\|^Suppressed\|^Use -" "$work/messages" || true
    }
    run_format() { # other versions lay out a few things otherwise
        (cd "$root" && find $formatted -name '*.[ch]' -o -name '*.cpp' -o -name '*.hpp') | while read -r file; do
            (cd "$root" && clang-format-14 --dry-run "$file" 2>&1 | sed -n '/ warning: /p')
        done
    }
    run_cppcheck() {
        # ctu: its pass over several files knows neither what does not return nor what is written through a pointer.
        cppcheck --quiet --enable=warning,performance,portability --inline-suppr --std=c11 \
            --library="$here/cppcheck.cfg" --suppress=ctunullpointer --suppress=ctuuninitvar -DARENA_TLS_INITIAL_EXEC -D_DEFAULT_SOURCE \
            -I"$root/include" -I"$root/src" -I"$work/include" $sources 2>&1 || true
    }
}

formatted='benchmarks examples include src tests'

failed=0
analyse() {
    name=$1
    program=$2
    wanted=$3
    if ! command -v "$program" >/dev/null; then
        echo "$name: $program is not installed"
        [ "$wanted" = all ] || failed=1
        return
    fi
    "run_$name" >"$work/$name"
    findings=$(grep -cE '(warning|error|performance|portability):' "$work/$name" || true)
    if [ -s "$work/$name" ]; then
        cat "$work/$name"
        failed=1
    fi
    echo "$name: $findings findings in $(echo $sources | wc -w) files"
}

if [ $# -eq 0 ]; then
    analyse gcc gcc all
    analyse clang clang-19 all
    analyse locks clang-19 all
    analyse tidy clang-tidy-19 all
    analyse cppcheck cppcheck all
    analyse format clang-format-14 all
fi
for name in "$@"; do
    case $name in
    gcc) analyse gcc gcc named ;;
    clang) analyse clang clang-19 named ;;
    locks) analyse locks clang-19 named ;;
    tidy) analyse tidy clang-tidy-19 named ;;
    cppcheck) analyse cppcheck cppcheck named ;;
    format) analyse format clang-format-14 named ;;
    *)
        echo "analyse: $name is not gcc, clang, locks, tidy, cppcheck or format" >&2
        exit 2
        ;;
    esac
done
exit $failed
