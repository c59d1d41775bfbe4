# SPDX-License-Identifier: MIT
"""The code of README.md works as it stands: run by readme.sh, in a directory where pkg-config finds the installed library.

    readme.py README MHD      (MHD: true where the HTTP binding is installed)

The first C block is a program; the text block after it is what it prints.  `c file` is a piece of a file, `c fragment` of
a function, both after the declarations of the program; `mhd` behind it: needs the binding.
"""
import re
import shutil
import subprocess
import sys

STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Wno-unused-function", "-Werror"]
BEFORE = """#include <arena/arena.h>
#include <stdio.h>
#include <stdlib.h>
ARENA_DEFINE(int_arena, int)
"""


def blocks(path):
    with open(path, encoding="utf-8") as file:
        return re.findall(r"^```([^\n]*)\n(.*?)^```$", file.read(), flags=re.MULTILINE | re.DOTALL)


def pkg_config(*arguments):
    return subprocess.run(["pkg-config", *arguments], check=True, text=True, stdout=subprocess.PIPE).stdout.split()


def build(compiler, name, text, package, run):
    """Compiles and links; returns what the program printed."""
    with open(name, "w", encoding="utf-8") as file:
        file.write(text)
    action = ["-o", "program"] if run else ["-c", "-o", "piece.o"]
    libraries = pkg_config("--libs", package) if run else []
    subprocess.run([*compiler, *STRICT, name, *pkg_config("--cflags", package), *action, *libraries], check=True)
    if not run:
        return ""
    return subprocess.run(["./program"], check=True, text=True, stdout=subprocess.PIPE).stdout


def main():
    found = blocks(sys.argv[1])
    mhd = sys.argv[2] == "true"
    ran = {}

    program = next(text for kind, text in found if kind == "c")
    printed = next(text for kind, text in found if kind == "text")
    for compiler, standard, name in (
        ("cc", "-std=c11", "program.c"),
        ("gcc", "-std=c17", "program.c"),
        ("clang", "-std=c11", "program.c"),
        ("c++", "-std=c++17", "program.cpp"),
    ):
        if shutil.which(compiler):
            if build([compiler, standard], name, program, "arena", True) != printed:
                sys.exit(f"{compiler} {standard}: the program prints something else than README.md says")
            ran["program"] = ran.get("program", 0) + 1

    for kind, text in found:
        words = kind.split()
        if not words or words == ["c"] or words[0] != "c":
            continue
        if "mhd" in words and not mhd:
            continue
        if words[0] == "c" and "file" in words:
            build(["cc", "-std=c11"], "piece.c", BEFORE + text, "arena-mhd" if "mhd" in words else "arena", False)
        elif words[0] == "c" and "fragment" in words:
            body = f"static int fragment(void) {{\n{text}\nreturn 0;\n}}\nint main(void) {{ return fragment(); }}\n"
            build(["cc", "-std=c11"], "fragment.c", BEFORE + body, "arena", True)
        else:
            sys.exit(f"README.md: a block of kind '{kind}'")
        ran[kind] = ran.get(kind, 0) + 1

    print(", ".join(f"{count} {kind}" for kind, count in ran.items()))
    if ran.get("c fragment", 0) < 2:
        sys.exit("README.md: blocks are missing")


main()
