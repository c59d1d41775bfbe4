# SPDX-License-Identifier: MIT
"""Writes the declarations of public headers for foreign-function interfaces: structs, enums and functions, no macros,
inline functions or attributes.

    cdef.py --header arena/arena.h --dir DIR [--borrow 'enum MHD_Result']... [--skip base.h]... OUTPUT -- CC...

The compiler preprocesses the header; what comes from files of arena/ is kept, but for the files named by --skip (their
declarations are in another output).  --borrow also keeps the named type of a header outside.
"""
import argparse
import os
import re
import subprocess
import sys


def preprocessed(command, include_dirs, header):
    arguments = [argument for directory in include_dirs for argument in ("-I", directory)]
    return subprocess.run(command + ["-std=c11", "-E", *arguments, "-x", "c", "-"], input=f"#include <{header}>\n",
                          check=True, text=True, stdout=subprocess.PIPE).stdout


def by_file(text):
    """Yields (file, line) for each line of preprocessor output."""
    marker = re.compile(r'#\s*(?:line\s+)?\d+\s+"([^"]*)"')
    name = ""
    for line in text.splitlines():
        match = marker.match(line)
        if match:
            name = match.group(1)
        elif not line.lstrip().startswith("#"):
            yield name, line


def strip_attributes(text):
    """Removes __attribute__((...)), whatever parentheses it contains."""
    while (start := text.find("__attribute__")) >= 0:
        end = text.index("(", start)
        depth = 0
        while True:
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
            if depth == 0:
                break
        text = text[:start] + text[end:]
    return text


def tidy(text):
    text = strip_attributes(text)
    text = re.sub(r"\b(__extension__|_Noreturn)\b", "", text)
    text = re.sub(r"\b_Bool\b", "bool", text)
    text = re.sub(r"[ \t]+", " ", text)
    text = re.sub(r" ?\n\s*", "\n", text).strip()
    declarations = []
    depth, current = 0, ""
    for character in text:
        depth += {"{": 1, "}": -1}.get(character, 0)
        current += character
        if character == ";" and depth == 0:
            declarations.append(current.strip())
            current = ""
    if current.strip():
        sys.exit(f"cdef.py: not a declaration: {current.strip()[:200]}")
    for declaration in declarations:
        if re.search(r"\b(static|inline|_Static_assert)\b", declaration) or ")\n{" in declaration:
            sys.exit(f"cdef.py: more than a declaration: {declaration[:200]}")
    return [laid_out(declaration) for declaration in declarations]


def laid_out(declaration):
    """On one line, but for the members of structs and enums, which have one each."""
    if "{" not in declaration:
        return re.sub(r"\s+", " ", declaration)
    head, _, rest = declaration.partition("{")
    members, _, tail = rest.rpartition("}")
    body = "".join(f"    {member}\n" for member in members.strip().split("\n"))
    return f"{head.strip()} {{\n{body}}}{tail.strip()}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--header", required=True)
    parser.add_argument("--dir", action="append", default=[])
    parser.add_argument("--borrow", action="append", default=[])
    parser.add_argument("--skip", action="append", default=[])
    parser.add_argument("output")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()

    lines = list(by_file(preprocessed(options.command, options.dir, options.header)))
    own = [line for name, line in lines
           if os.path.basename(os.path.dirname(name)) == "arena" and os.path.basename(name) not in options.skip]
    everything = strip_attributes("\n".join(line for _, line in lines))
    borrowed = []
    for name in options.borrow:
        match = re.search(re.escape(name) + r"\b(\s*\{[^}]*\})?[^;{()]*;", everything)
        if match is None:
            sys.exit(f"cdef.py: no {name}")
        borrowed += tidy(match.group(0))

    with open(options.output, "w", encoding="utf-8") as out:
        out.write(f"/* The declarations of <{options.header}> for foreign-function interfaces. */\n")
        for declaration in borrowed + tidy("\n".join(own)):
            out.write(declaration + "\n")


main()
