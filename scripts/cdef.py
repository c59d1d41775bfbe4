# SPDX-License-Identifier: MIT
"""Writes the declarations of public headers for foreign-function interfaces: constants, structs, enums and functions, no
macros, inline functions or attributes; above each function what arena.api.json says of it.

    cdef.py --header arena/arena.h --api arena.api.json --dir DIR [--after arena/arena.h] [--borrow 'enum MHD_Result']...
            OUTPUT -- CC...

The compiler preprocesses the header; what comes from files of arena/ is kept, but for the files that the header named by
--after includes too (their declarations are in another output).  --borrow also keeps the named type of a header outside.
"""
import argparse
import json
import os
import re
import subprocess
import sys

HEAD = """\
/* The declarations of <%s> for foreign-function interfaces; arena.api.json has the same for programs.
 *
 * As C it comes after <stddef.h>, <stdint.h> and <stdbool.h>%s.  It may be read once: LuaJIT, say, with
 *     if not pcall(ffi.sizeof, "struct %s") then ffi.cdef(text) end
 *
 * Above each function:
 *   Waits             it may wait for another thread: let other threads of the interpreter run meanwhile.  The others
 *                     return at once: call them without letting go of the interpreter's lock (PyDLL, not CDLL), which
 *                     then guards what one thread may use at a time
 *   NULL is legal     for these parameters, and for no other pointer
 *   Takes             the library has it afterwards: the caller must not use it any more
 *   Gives             the caller has *out afterwards, and has to give it back
 *   the statuses      that it returns beside ARENA_OK; after each of them nothing has changed, and *out is NULL
 *   May panic         which ends the process: call the other spelling, from finalizers above all
 *
 * No callback is needed but for what is one by its nature: drop, source, the panic handler, cleanups.  These must return:
 * an exception, a throw, a goroutine's panic must not leave them.  Of arena_pool_execute and arena_protect bindings
 * make no use: what leaves a callback of another language there, leaves the arena out or ends the process.  Instead:
 * arena_pool_checkout, the language's own `finally`, and arena_pool_return_checked.
 *
 * Handles, gates and scopes: one that belongs to a thread belongs to that of the operating system.  Tasks that move
 * between threads (goroutines, virtual threads, coroutines) take arenas by arena_pool_checkout, not by scopes, and a gate
 * by a permit, not by arena_concurrent_acquire.
 */
"""


def run(command, *arguments, text):
    return subprocess.run([*command, "-std=c11", "-E", *arguments, "-x", "c", "-"], input=text, check=True, text=True,
                          stdout=subprocess.PIPE).stdout


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


def is_own(name):
    return "arena" in os.path.dirname(name).split(os.sep)[-2:]


def closing(text, start, opening, closer):
    """Behind what closes the bracket at `start`."""
    depth = 0
    for at in range(start, len(text)):
        depth += {opening: 1, closer: -1}.get(text[at], 0)
        if depth == 0:
            return at + 1
    sys.exit(f"cdef.py: not closed: {text[start:start + 200]}")


def strip_attributes(text):
    """Removes __attribute__((...)), whatever parentheses it contains."""
    while (start := text.find("__attribute__")) >= 0:
        text = text[:start] + text[closing(text, text.index("(", start), "(", ")"):]
    return text


def strip_definitions(text):
    """Removes what has a body: each inline function has an exported twin.  And what takes a va_list, which only C has."""
    kept, start, at = [], 0, 0
    while at < len(text):
        if text[at] == ";":
            kept.append(text[start:at + 1])
            start = at + 1
        elif text[at] == "{":
            is_function = text[start:at].rstrip().endswith(")")
            at = closing(text, at, "{", "}")
            if is_function:
                start = at
            continue
        at += 1
    if text[start:].strip():
        sys.exit(f"cdef.py: not a declaration: {text[start:].strip()[:200]}")
    kept = [declaration for declaration in kept if not re.search(r"\bva_list\b", declaration)]
    return [" ".join(declaration.split()).replace(" ;", ";") for declaration in kept]


def declarations_of(text):
    """Each on one line, but for the members of structs and enums, which have one each.  Without what is private."""
    text = re.sub(r"\b(__extension__|_Noreturn)\b", "", strip_attributes(text))
    text = re.sub(r"\b_Bool\b", "bool", text)
    private = re.compile(r";|(_Static_assert|static|inline|extern inline)\b|.*\b(struct|union|enum) arena_private_\w+ ?[{;]")
    return [laid_out(declaration) for declaration in strip_definitions(text) if not private.match(declaration)]


def laid_out(declaration):
    if "{" not in declaration:
        return declaration
    head, _, rest = declaration.partition("{")
    members, _, tail = rest.rpartition("}")
    separator = "," if head.strip().startswith("enum") else ";"
    members = [member.strip() for member in members.split(separator) if member.strip()]
    body = f"{separator}\n    ".join(members) + ("" if separator == "," else ";")
    return f"{head.strip()} {{\n    {body}\n}}{tail.strip()}"


def macros(command, directories, header):
    """{name: text} of the header's macros that stand for one thing."""
    includes = f"#include <{header}>\n"
    text = run(command, *directories, "-dM", text=includes)
    names = re.findall(r"^#define (ARENA_[A-Z_]+[A-Z])(?= |$)", text, flags=re.MULTILINE)
    uses = "".join(f'arena_macro "{name}" {name};\n' for name in sorted(set(names)))
    lines = run(command, *directories, "-P", text=includes + uses)
    return dict(re.findall(r'arena_macro "(\w+)"\s+([^;]*);', lines))


def constant(text):
    """The value of an integer constant, or None."""
    text = re.sub(r"\(\s*(?:size_t|u?int\d+_t|unsigned(?: \w+)*|long(?: \w+)*|int)\s*\)", "", text)
    text = re.sub(r"\b(0[xX][0-9a-fA-F]+|\d+)[uUlL]*\b", r"\1", text)
    if not re.fullmatch(r"[0-9a-fA-FxX()|&<>+*~ \t-]+", text):
        return None
    return eval(text, {"__builtins__": {}})  # numbers and operators only


def constants(command, directories, header, after):
    known = macros(command, directories, after) if after else {}
    numbers, remarks = [], []
    for name, text in macros(command, directories, header).items():
        value = constant(text) if name not in known else None
        if value is None:
            continue
        if value > 0x7FFFFFFF:
            remarks.append(f"/* {name} is (size_t)-1. */")
        else:
            numbers.append(f"    {name} = {value}")
    return (["enum {\n" + ",\n".join(numbers) + "\n};"] if numbers else []) + remarks


def safe_twin(name, api):
    """What to call instead of a function that may panic, or None."""
    twins = [name + "_checked"]
    if name.startswith("arena_concurrent_"):
        twins.append(name.replace("_try_", "_") + "_context")
    return next((twin for twin in twins if twin in api), None)


def remark(name, api, declaration):
    """The comment above a function."""
    function = api[name]
    parameters = declaration[declaration.index(name):]
    sentences = ["Waits" if function["blocks"] else "Returns at once"]
    if "*" in parameters:
        sentences.append("NULL is legal: " + (", ".join(function["nullable"]) or "none"))
    given = [parameter for parameter in function["transfers"] if parameter == "out"]
    taken = [parameter for parameter in function["transfers"] if parameter != "out"]
    if taken:
        sentences.append("Takes " + ", ".join(taken))
    if given:
        sentences.append("Gives *out")
    if len(function["statuses"]) > 1:
        sentences.append(", ".join(function["statuses"][1:]))
    if (twin := safe_twin(name, api)) is not None:
        sentences.append(f"May panic: {twin} does not")
    return f"/* {'.  '.join(sentences)}. */\n"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--header", required=True)
    parser.add_argument("--api", required=True)
    parser.add_argument("--dir", action="append", default=[])
    parser.add_argument("--after")
    parser.add_argument("--borrow", action="append", default=[])
    parser.add_argument("output")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()

    with open(options.api, encoding="utf-8") as file:
        api = json.load(file)["functions"]
    directories = [argument for directory in options.dir for argument in ("-I", directory)]
    lines = list(by_file(run(options.command, *directories, text=f"#include <{options.header}>\n")))
    skipped = set()
    if options.after:
        skipped = {name for name, _ in by_file(run(options.command, *directories, text=f"#include <{options.after}>\n"))}
    everything = strip_attributes("\n".join(line for _, line in lines))
    declarations = constants(options.command, directories, options.header, options.after)
    for name in options.borrow:
        match = re.search(re.escape(name) + r"\b(\s*\{[^}]*\})?[^;{()]*;", everything)
        if match is None:
            sys.exit(f"cdef.py: no {name}")
        declarations += declarations_of(match.group(0))
    declarations += declarations_of("\n".join(line for name, line in lines if is_own(name) and name not in skipped))

    with open(options.output, "w", encoding="utf-8") as out:
        after = f", and after the declarations of <{options.after}>" if options.after else ""
        first = re.search(r"^struct (\w+) \{", "\n".join(declarations), flags=re.MULTILINE)
        out.write(HEAD % (options.header, after, first.group(1)))
        for declaration in declarations:
            function = re.match(r"[^(){}]*?\b(arena_\w+)\(", declaration)
            if function and not declaration.startswith("typedef"):
                out.write(remark(function.group(1), api, declaration))
            out.write(declaration + "\n")


main()
