# SPDX-License-Identifier: MIT
"""Fails when a source file includes, or an object needs, what its layer may not see.

    layers.py SRC_DIR [NM ARCHIVE MAP]...

A file of src/LAYER includes its own layer, the layers listed below, public headers and the system's.  What src/mhd takes
from lower layers must be whole in headers: there must be no .c file, in any of the layer's folders, behind it, but for
platform/sync.h, of which it may use the atomics, which are macros.

An object's name begins with its layer: it needs symbols of that and of the layers below alone, and the functions that a
symbol map exports are defined in api (or mhd), nowhere else.
"""
import pathlib
import re
import subprocess
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


def symbols(nm, archive):
    """Yields (object, kind, symbol) for each global symbol of an archive; kind U: needed, else defined."""
    lines = subprocess.run([nm, "--print-file-name", "--extern-only", archive], check=True, text=True,
                           stdout=subprocess.PIPE).stdout.splitlines()
    for line in lines:
        match = re.match(r".*[:/](\w+)\.c\.o:\s*[0-9a-f]*\s+(\w) (\w+)$", line)
        if match:
            yield match.groups()


def wrong_symbols(nm, archive, map_path):
    text = re.sub(r"#.*", "", pathlib.Path(map_path).read_text(encoding="utf-8"))
    exported = set(re.findall(r"^\s*(\w+);$", text, flags=re.MULTILINE))
    found = list(symbols(nm, archive))
    home = {symbol: item for item, kind, symbol in found if kind not in "Uwv"}
    public = {item.split("_")[0] for item in home.values()} & {"api", "mhd"}
    for symbol in sorted(exported - set(home)):
        yield f"{symbol}: exported, and defined in no object"
    for symbol, item in home.items():
        if symbol in exported and item.split("_")[0] not in public:
            yield f"{item}: {symbol}: a public function is defined in src/{' or src/'.join(sorted(public))}"
    for item, kind, symbol in found:
        layer, other = item.split("_")[0], home.get(symbol, item).split("_")[0]
        if layer not in BELOW:
            yield f"{item}: in no layer"
        elif kind == "U" and other != layer and other not in BELOW[layer]:
            yield f"{item}: {symbol}: src/{layer} must not need src/{other}"
    if not found or not public:
        yield f"{archive}: no symbols"


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
    rest = sys.argv[2:]
    for nm, archive, map_path in zip(rest[0::3], rest[1::3], rest[2::3]):
        for reason in wrong_symbols(nm, archive, map_path):
            print(reason)
            failures += 1
    print(f"{files} files, {failures} wrong")
    sys.exit(failures > 0 or files == 0)


main()
