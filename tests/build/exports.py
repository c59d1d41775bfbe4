# SPDX-License-Identifier: MIT
"""Fails unless a shared library exports exactly what its headers declare and its symbol map names.

    exports.py --nm NM --readelf READELF --library LIB --soname NAME --node NODE --map MAP [--needs NAME]... HEADER...

And unless it needs at run time nothing but libc, pthreads, the compiler's runtime and the libraries named.
"""
import argparse
import re
import subprocess
import sys

# By their names in glibc and in musl.
SYSTEM = r"(libc|libpthread|libgcc_s|libatomic|libc\.musl-\w+|ld-(linux|musl)[-\w]*)\.so(\.\d+)*"


def declared(paths):
    names = []
    for path in paths:
        with open(path, encoding="utf-8") as file:
            text = re.sub(r"/\*.*?\*/", " ", file.read(), flags=re.DOTALL)
        text = re.sub(r"^[ \t]*#(?:.*\\\n)*.*", "", text, flags=re.MULTILINE)
        for declaration in re.findall(r"\bARENA_API\b([^;]*);", text):
            names.append(re.search(r"(\w+)\s*\(", declaration).group(1))
    return names


def mapped(path, node):
    with open(path, encoding="utf-8") as file:
        text = re.sub(r"#.*", "", file.read())
    match = re.fullmatch(r"\s*(\w+\.\d+)\s*\{\s*global:(.*?)local:\s*\*;\s*\};\s*", text, flags=re.DOTALL)
    if match is None or match.group(1) != node:
        sys.exit(f"{path}: expected one node {node}, with a global list and `local: *;`")
    return [name.strip() for name in match.group(2).split(";") if name.strip()]


def exported(nm, library, node):
    """The dynamic symbols that are defined, without the node's own."""
    lines = subprocess.run([nm, "--dynamic", "--defined-only", "--extern-only", "--with-symbol-versions", library],
                           check=True, text=True, stdout=subprocess.PIPE).stdout.splitlines()
    names = []
    for line in lines:
        kind, symbol = line.split()[-2:]
        if symbol.split("@")[0] == node:
            continue
        name, _, version = symbol.partition("@@")
        if kind != "T" or version != node:
            sys.exit(f"{library}: {line}: not a function of version {node}")
        names.append(name)
    return names


def main():
    parser = argparse.ArgumentParser()
    for name in ("nm", "readelf", "library", "soname", "node", "map"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--needs", action="append", default=[])
    parser.add_argument("headers", nargs="+")
    options = parser.parse_args()

    lists = {
        "declared in the headers": declared(options.headers),
        "named in the map": mapped(options.map, options.node),
        "exported by the library": exported(options.nm, options.library, options.node),
    }
    failed = False
    everything = set().union(*lists.values())
    for where, names in lists.items():
        for name in sorted(everything.difference(names)):
            print(f"{name} is not {where}")
            failed = True
        for name in sorted(name for name in set(names) if names.count(name) > 1):
            print(f"{name} is {where} more than once")
            failed = True
        if any(not re.fullmatch(r"arena_\w+", name) for name in names):
            print(f"{where}: a name that does not begin with arena_, or a pattern")
            failed = True
    dynamic = subprocess.run([options.readelf, "--dynamic", "--wide", options.library], check=True, text=True,
                             stdout=subprocess.PIPE).stdout
    if f"Library soname: [{options.soname}]" not in dynamic:
        print(f"SONAME is not {options.soname}")
        failed = True
    # A program's function of the same name must not take the place of the library's inside of it.
    relocations = subprocess.run([options.readelf, "--relocs", "--wide", options.library], check=True, text=True,
                                 stdout=subprocess.PIPE).stdout
    for name in sorted(set(re.findall(r"\b(\w+)(?:@|\s|$)", relocations)) & set(lists["exported by the library"])):
        print(f"{name} is called by the library as one that a program may replace")
        failed = True
    for needed in re.findall(r"Shared library: \[([^\]]+)\]", dynamic):
        print("needs", needed)
        if not re.fullmatch(SYSTEM, needed) and needed.split(".so")[0] not in options.needs:
            print(f"{needed} is not to be needed")
            failed = True
    print(len(everything), "symbols")
    sys.exit(failed or not everything)


main()
