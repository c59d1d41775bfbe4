# SPDX-License-Identifier: MIT
"""Makes include/arena/typed/macros.h out of the parts of the typed face beside it:  typed.py OUTPUT PART...

ARENA_DEFINE has to be a macro, because a macro cannot include; the parts are what a reader reads and a debugger steps
through (arena/template.h includes them).  Their text becomes macros, without comments: the names that the template puts
together are pasted from the macro's arguments instead.  Each macro holds all that it makes, rather than call others: what a
compiler says of a mistake names every macro on its way.
"""
import pathlib
import re
import sys

TYPE = ["prefix", "T", "name_text", "drop_function"]
MACROS = [
    ("ARENA_DEFINE_ALL_", TYPE, ["element", "handle", "single", "concurrent_handle", "concurrent", "pool"]),
    ("ARENA_DEFINE_ARENA_", TYPE, ["element", "handle", "single"]),
    ("ARENA_DEFINE_CONCURRENT", ["prefix"], ["concurrent_handle", "concurrent"]),
    ("ARENA_DEFINE_POOL", ["prefix"], ["pool"]),
]
NAMES = [
    (r"\bARENA_PRIVATE_F\((\w+)\)", r"arena_private_##prefix##_\1"),
    (r"\bARENA_F\((\w+)\)", r"prefix##_\1"),
    (r"\bARENA_ELEMENT\b", "prefix##_element"),
    (r"\bARENA_(SLAB|BURST|CONCURRENT|POOL)\b", lambda match: "prefix##_" + match.group(1).lower()),
    (r"\bARENA_PREFIX\b", "prefix"),
    (r"\bARENA_T\b", "T"),
    (r"\bARENA_NAME\b", "name_text"),
    (r"\bARENA_DROP_FUNCTION\b", "drop_function"),
]
HEAD = """/* SPDX-License-Identifier: MIT */
/* libarena: the parts of arena/typed/ as macros, for ARENA_DEFINE; made by scripts/typed.py.
 *
 * A system header to the compiler: what it says of a program's mistakes then ends at the program's line, and does not walk
 * on through these macros; and it knows that the private functions below, which have internal linkage, may be used by
 * inline functions that have not. */
#ifndef ARENA_TYPED_MACROS_H
#define ARENA_TYPED_MACROS_H
#if defined(__GNUC__)
#pragma GCC system_header
#endif

/* The name of a function that is no part of the interface. */
#define ARENA_PRIVATE(prefix, name) ARENA_PRIVATE_(prefix, _##name)
#define ARENA_PRIVATE_(prefix, _name) arena_private_##prefix##_name
"""


def part(path):
    """The lines of a part, as they stand in a macro."""
    text = re.sub(r"/\*.*?\*/", " ", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    if re.search(r"^\s*#", text, flags=re.MULTILINE):
        sys.exit(f"{path}: a part has no directives: a macro cannot have any")
    for pattern, replacement in NAMES:
        text = re.sub(pattern, replacement, text)
    return [line for line in (" ".join(line.split()) for line in text.splitlines()) if line]


def macro(name, parameters, lines):
    return " \\\n    ".join([f"#define {name}({', '.join(parameters)})", "ARENA_FACE_BEGIN_", "ARENA_QUIET_BEGIN_", *lines,
                              "ARENA_QUIET_END_", "ARENA_FACE_END_"])


def main():
    output, *paths = map(pathlib.Path, sys.argv[1:])
    parts = {path.stem: part(path) for path in paths}
    macros = [macro(name, parameters, [line for stem in stems for line in parts[stem]]) for name, parameters, stems in MACROS]
    output.write_text("\n\n".join([HEAD, *macros, "#endif\n"]), encoding="utf-8")


main()
