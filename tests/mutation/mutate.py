"""Changes one small thing at a time in the layers core, sync and api, and sees whether a test notices.

usage: mutate.py [--sample N] [--seed N] [--file PART] [--report FILE] [ROOT]

A mutant flips an operator, weakens a memory order, turns a constant, or deletes a statement.  It is caught when it does
not pass the tests of its file (the quick ones first), hangs, or is refused by the compiler's warnings of a debug build.
A mutant that is equivalent, because no program can tell it from the original, stands in equivalent.txt with the reason:

    FILE | LINE BEFORE | LINE AFTER | REASON

Without --sample all mutants are run: a night's work.
"""

import argparse
import os
import random
import re
import sys
import time

from tree import Failed, Tree

# By how much each is worth first.
SINGLE = ["fuzz arena", "unit arena", "unit burst", "unit any", "unit typed", "fuzz arena, poisoned", "fuzz concurrent",
          "fuzz pool", "unit pool", "unit concurrent", "unit type", "fail"]
GATE = ["model gate", "model cancel", "fuzz pool", "unit concurrent", "unit pool", "unit context", "model concurrent", "fail"]
SHARED = ["fuzz concurrent", "fuzz pool", "model share", "model concurrent", "model pool", "unit concurrent", "unit pool",
          "unit scope", "fuzz concurrent, poisoned", "fail"]
TESTS_OF = {
    "src/core/": SINGLE,
    "src/core/any": ["fuzz arena", "unit any", "fail", "fuzz arena, poisoned"],
    "src/sync/gate": GATE,
    "src/sync/waiter": GATE,
    "src/sync/cancel": ["model cancel", "fuzz context", "unit context", "model gate", "unit concurrent", "fail"],
    "src/sync/stack": ["model stack", "fuzz pool", "model pool", "unit pool", "fail"],
    "src/api/": SHARED,
    "src/api/context": ["fuzz context", "unit context", "model cancel", "fail"],
    "src/api/pool": ["fuzz pool", "model pool", "unit pool", "unit scope", "unit ways_out", "fail",
                     "fuzz pool, poisoned"],
    "src/api/locals": ["fuzz pool", "model pool", "unit pool", "model share", "unit scope", "unit ways_out", "fail"],
}

SWAPS = [
    (r"==", ["!="]), (r"!=", ["=="]),
    (r"(?<![<>-])<(?![<=])", ["<="]), (r"<=", ["<"]), (r"(?<![->])>(?![>=])", [">="]), (r">=", [">"]),
    (r"&&", ["||"]), (r"\|\|", ["&&"]),
    (r"(?<=[\w)\]] )\+(?= [\w(])", ["-"]), (r"(?<=[\w)\]] )-(?= [\w(])", ["+"]),
    (r"\+\+", ["--"]), (r"--", ["++"]), (r"\+=", ["-="]), (r"-=", ["+="]),
    (r"\btrue\b", ["false"]), (r"\bfalse\b", ["true"]),
    (r"\b(?:acquire|release|acq_rel)(?=\))", ["relaxed"]),
]
STATEMENT = re.compile(r"^\s+(?!return\b|break\b|continue\b|goto\b|else\b|struct \w+ |const |static |size_t |bool |char |int |"
                       r"uint\d+_t |int64_t |void |unsigned |enum )[\w*(].*;\s*$")


def code_lines(text):
    """(number, line) of the lines that hold code: neither comment nor preprocessor."""
    inside = False
    for number, line in enumerate(text.splitlines()):
        stripped = line.strip()
        if inside:
            inside = "*/" not in stripped
            continue
        if stripped.startswith("/*"):
            inside = "*/" not in stripped
            continue
        if not stripped or stripped.startswith(("#", "//")):
            continue
        yield number, line


def mutants_of(name, text):
    """(line number, line before, line after)"""
    lines = text.splitlines()
    for number, line in code_lines(text):
        code = line.split("/*")[0]
        strings = [match.span() for match in re.finditer(r'"(?:[^"\\]|\\.)*"', code)]
        for pattern, replacements in SWAPS:
            for match in re.finditer(pattern, code):
                if any(start <= match.start() < end for start, end in strings):
                    continue
                for replacement in replacements:
                    yield number, line, line[:match.start()] + replacement + line[match.end():]
        previous = lines[number - 1].rstrip() if number else ""
        if STATEMENT.match(code.rstrip()) and previous.endswith(("{", ";", "}", "*/")):
            indent = line[:len(line) - len(line.lstrip())]
            yield number, line, indent + ";"


def tests_of(name):
    best = max((part for part in TESTS_OF if name.startswith(part)), key=len)
    return TESTS_OF[best]


def read_equivalent(path):
    found = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            if line.strip() and not line.startswith("#"):
                name, before, after, reason = (part.strip() for part in line.split(" | ", 3))
                found[name, before, after] = reason
    return found


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser()
    parser.add_argument("--sample", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--file", default="")
    parser.add_argument("--report")
    parser.add_argument("root", nargs="?", default=os.path.join(here, "../.."))
    options = parser.parse_args()
    tree = Tree(os.path.abspath(options.root))
    equivalent = read_equivalent(os.path.join(here, "equivalent.txt"))

    mutants = []
    for layer in ("core", "sync", "api"):
        folder = os.path.join(tree.original, "src", layer)
        for file in sorted(os.listdir(folder)):
            name = f"src/{layer}/{file}"
            if file.endswith((".c", ".h")) and options.file in name:
                mutants += [(name, *mutant) for mutant in mutants_of(name, tree.read(name))]
    excused = [mutant for mutant in mutants if (mutant[0], mutant[2].strip(), mutant[3].strip()) in equivalent]
    mutants = [mutant for mutant in mutants if mutant not in excused]
    total = len(mutants)
    if options.sample is not None and options.sample < total:
        mutants = random.Random(options.seed).sample(mutants, options.sample)

    out = open(options.report, "w", encoding="utf-8") if options.report else sys.stdout
    caught = survived = refused = 0
    started = time.monotonic()
    for name, number, before, after in mutants:
        lines = tree.read(name).splitlines()
        lines[number] = after
        tree.write(name, "\n".join(lines) + "\n")
        verdict = None
        try:
            for test in tests_of(name):
                found = tree.run(test, 120)
                if found is not None:
                    verdict = f"caught by {test}: {found}"
                    break
        except Failed:
            verdict = "refused by the compiler"
        tree.restore(name)
        refused += verdict == "refused by the compiler"
        if verdict is None:
            survived += 1
            verdict = "SURVIVED"
        elif not verdict.startswith("refused"):
            caught += 1
        print(f"{name}:{number + 1}: {before.strip()}  ->  {after.strip()}\n    {verdict}", file=out, flush=True)
    tried = caught + survived
    share = 100 * caught / tried if tried else 0
    print(f"{total} mutants, {len(excused)} more are equivalent; {len(mutants)} tried: {refused} do not compile, "
          f"{caught} caught, {survived} survived: {share:.1f} % of {tried}; {time.monotonic() - started:.0f} s", file=out)
    return 0 if share >= 95 else 1


sys.exit(main())
