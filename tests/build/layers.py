# SPDX-License-Identifier: MIT
"""Fails when a source file includes what its layer may not see.

    layers.py SRC_DIR

A file of src/LAYER includes its own layer, the layers listed below, public headers and the system's.  What src/mhd takes
from lower layers must be whole in headers: there must be no .c file, in any of the layer's folders, behind it, but for
platform/sync.h, of which it may use the atomics, which are macros.  tests/build/exports.py and the linker see to the rest:
libarena-mhd is linked with libarena's exported symbols alone.
"""
import pathlib
import re
import sys

BELOW = {
    "base": set(),
    "platform": {"base"},
    "runtime": {"base", "platform"},
    "core": {"base", "platform", "runtime"},
    "sync": {"base", "platform", "runtime"},
    "api": {"base", "platform", "runtime", "core", "sync"},
    "mhd": {"base", "platform"},
}
HEADER_ONLY = {"base/arith.h", "base/compiler.h", "base/locking.h", "base/race.h", "platform/sync.h", "platform/posix/timespec.h"}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]', re.MULTILINE)


def complaint(layer, kind, name, root):
    top = name.split("/")[0]
    if kind == '"':
        if "/" not in name or not (root / name).is_file():
            return "names no file of src/ by its path from there"
        if top != layer and top not in BELOW[layer]:
            return f"src/{layer} must not see src/{top}"
        if layer == "mhd" and top != "mhd" and name not in HEADER_ONLY:
            return "src/mhd may use header-only parts of base and platform"
        if name.endswith(".c"):
            return "is no header"
    elif (root / name).is_file():
        return 'is private: write it in ""'
    elif name == "arena/mhd.h" and layer != "mhd":
        return "libarena knows nothing of libmicrohttpd"
    elif name == "microhttpd.h" and layer != "mhd":
        return "libarena knows nothing of libmicrohttpd"
    return None


def main():
    root = pathlib.Path(sys.argv[1])
    failures = 0
    files = 0
    for path in sorted(root.rglob("*.[ch]")):
        layer = path.relative_to(root).parts[0]
        files += 1
        if layer not in BELOW:
            print(f"{path}: in no layer")
            failures += 1
            continue
        for kind, name in INCLUDE.findall(path.read_text(encoding="utf-8")):
            reason = complaint(layer, kind, name, root)
            if reason:
                print(f"{path}: {name}: {reason}")
                failures += 1
    print(f"{files} files, {failures} wrong")
    sys.exit(failures > 0 or files == 0)


main()
