# SPDX-License-Identifier: MIT
"""Changes one small thing at a time in the layers core, sync and api, or others, and sees whether a test notices.

mutate.py [--since COMMIT] [--sample N] [--seed N] [--layers NAME,...] [--file PART] [--line PATTERN] [--jobs N]
          [--report FILE] [--again REPORT] [--quick | --within SECONDS | --ask TEST...] [ROOT]
packages: those of the tests, clang-19, libclang-rt-19-dev

A mutant flips an operator, negates a condition, weakens a memory order, turns a constant, or deletes a statement.  It is
caught when one of the tests of its file fails or hangs.  The report says which, and whether it is one of the quick ones.

About one mutant of twelve survives because no program can tell it from the original: a constant of speed alone, a short cut
whose long way does the same, one byte more of memory.  There is no list of them.  There was one, with a reason for each of
238, by the text of their lines; it had to be mended with every edit, and whoever edits has other things to explain.  So
every survivor counts, what has to be caught is less than all, and --since takes the mutants of the lines that were changed
since a commit: few, and they are shown to the one who knows.  Each of them that survives wants a test, simpler code, or a
glance.

Without --sample all mutants are run: a night's work.  --file and --line take those of some files and lines alone.  --again
runs those that survived in an earlier report; --quick leaves the slow tests out, --within also the quick ones that take
longer: a first sieve, for --again to go through; --ask, which may stand several times, asks these tests alone.  The exit
status is 0 when at least 85 % are caught in each layer; with --since it is 0 always.
"""

import argparse
import collections
import os
import random
import re
import subprocess
import sys
import threading
import time

from tree import Failed, Skipped, Tree

# The tests of each part, those first that notice most in the least time: the quick ones, which `./dev test` runs; then the
# slow ones, which are asked where no quick one noticed.
UNITS = ["arena", "burst", "any", "typed", "type", "head", "unit pages", "places", "scope", "ways_out", "status", "misuse",
         "unit create", "unit reset", "unit runs", "unit take", "unit window", "unit type", "unit platform", "unit panic", "unit poison"]
POOL = ["pool", "pool_limits", "pool_threads"]
PATHS = ["steady state", "instructions"]
GUARDED = {name: f"corpus of {name}, guarded" for name in ("arena", "pool", "concurrent", "context")}
CORE = [*UNITS, GUARDED["arena"], "corpus of arena", "model share", "model pool", GUARDED["pool"], GUARDED["concurrent"], *POOL,
        *PATHS, "fail once", "poisoning", "concurrent"]
SYNC = ["unit gate", "unit stack", "unit cancel", "unit panic", "unit concurrent", "model gate", "model stack", "model cancel",
        "scope", "misuse", "status", GUARDED["context"],
        "model pool", "model concurrent", GUARDED["pool"], GUARDED["concurrent"], *POOL, "context", *PATHS, "fail once",
        "gate", "waits", "permit", "concurrent", "hand-over"]
API = ["misuse", "status", "any", "scope", "ways_out", "unit share", "unit concurrent", "unit panic",
       "unit platform", "model share", "model pool", GUARDED["pool"],
       GUARDED["concurrent"], "pool in C++", "model concurrent", *POOL, "context", *PATHS, "fail once", "gate",
       "waits", "permit", "concurrent", "hand-over", "poisoning"]
MHD = ["mhd body", "mhd fields", "model mhd"]
MHD += [f"mhd {name}" for name in ("exchange", "daemons", "refusal", "registry", "request", "memory", "lifecycle", "stress")]
KEPT = ["address: unit locals", "address: pool_threads", "address: gate", "address: concurrent"]  # what ends is freed, and nothing is written past
POISONED = ["address: corpus of arena", "address: corpus of pool", "address: corpus of concurrent", "address: burst",
            "address: any", "address: context"]
QUICK = {
    "src/base/": ["unit arith", "status", *CORE],
    "src/base/poison": ["unit poison", "unit race", "poisoning", GUARDED["arena"], *CORE],
    "src/base/race": ["unit window", "unit race", "hand-over", "model share", *CORE],
    "src/platform/": ["unit calls", "unit platform", "status", "unit sync", "scope", "ways_out", "misuse", "context", *CORE,
                      "scope with exceptions", "ways_out with exceptions", "ways_out in C++", "pool in C++"],
    "src/platform/posix/barrier": ["unit platform, other systems"],
    "src/platform/posix/pages": ["unit platform, other systems"],
    "src/mhd/": MHD,
    "src/core/": CORE,
    "src/core/any": ["any", "misuse", "unit take", GUARDED["arena"], "status", "fail once", "concurrent", "poisoning"],
    "src/core/type_set": ["any", "misuse", "unit take", GUARDED["arena"], "status", "fail once", "concurrent", "poisoning"],
    "src/api/any": ["any", "misuse", "unit take", GUARDED["arena"], "status", "fail once", "concurrent", "poisoning"],
    "src/core/burst": ["burst", "typed", "misuse", GUARDED["arena"], "corpus of arena", "unit reset", *PATHS, "fail once",
                       "poisoning"],
    "src/sync/": SYNC,
    "src/sync/cancel": ["model cancel", GUARDED["context"], "unit cancel", "context", *SYNC],
    "src/sync/stack": ["model stack", "unit stack", "model pool", GUARDED["pool"], *POOL, *PATHS, "fail once"],
    "src/api/": API,
    "src/api/context": [GUARDED["context"], "unit context", "unit type", "context", "misuse", "status", "model cancel", "fail once",
                        "hand-over"],
    "src/api/pool": [GUARDED["pool"], "misuse", "status", "scope", "ways_out", "model pool", *API],
    "src/runtime/": ["unit panic", "unit waiter", "status", "scope", "ways_out", *API],
    "src/runtime/locals": ["unit locals", "model pool", "model share", GUARDED["pool"], "scope", "ways_out", *API],
}
SLOW = {
    "src/base/": ["address: unit window", "thread: unit window", "gcc-thread: unit window", "bare: unit window", "fail", *POISONED],
    "src/platform/": ["fail", "address: status", "thread: status", "address: unit platform", "thread: pool", "thread: concurrent"],
    "src/platform/posix/barrier": [],
    "src/platform/posix/pages": ["address: unit platform, other systems"],
    "src/mhd/": [f"address: {test}" for test in MHD if test.startswith("mhd ")],
    "src/core/": ["fail", *POISONED, "thread: pool", "thread: misuse"],
    "src/runtime/": ["fail", *KEPT, "address: status", "thread: status", "thread: pool", "thread: concurrent"],
    "src/sync/": ["fail", *KEPT, "thread: pool", "thread: concurrent", "saturation"],
    "src/api/": ["fail", *KEPT, "thread: pool", "thread: concurrent", "saturation", *POISONED],
}

SWAPS = [
    (r"==", "!="), (r"!=", "=="),
    (r"(?<![<>-])<(?![<=])", "<="), (r"<=", "<"), (r"(?<![->])>(?![>=])", ">="), (r">=", ">"),
    (r"&&", "||"), (r"\|\|", "&&"),
    (r"(?<=[\w)\]] )\+(?= [\w(])", "-"), (r"(?<=[\w)\]] )-(?= [\w(])", "+"),
    (r"\+\+", "--"), (r"--", "++"), (r"\+=", "-="), (r"-=", "+="),
    (r"(?<![\w)] )~", ""), (r"!(?=[\w(])", ""),
    (r"\btrue\b", "false"), (r"\bfalse\b", "true"),
    (r"\b0\b", "1"), (r"\b1\b", "0"), (r"\b1\b", "2"),
    (r"\b(?:acquire|release|acq_rel)(?=\))", "relaxed"),
]
CONDITION = re.compile(r"\b(if|while) \(")
STATEMENT = re.compile(r"^\s+(?!\(void\)\w+;|return\b|break\b|continue\b|goto\b|else\b|struct \w+ |const |static |size_t |bool |char |int |"
                       r"uint\d+_t |int64_t |void |unsigned |enum )[\w*(].*;\s*$")


def code_lines(text):
    """(number, line) of the lines that hold code: neither comment nor preprocessor, nor checks of debug builds."""
    inside = debug = False
    for number, line in enumerate(text.splitlines()):
        stripped = line.strip()
        if stripped == "#ifndef NDEBUG":
            debug = True
        elif stripped.startswith(("#else", "#endif")):
            debug = False
        if inside:
            inside = "*/" not in stripped
            continue
        if stripped.startswith("/*"):
            inside = "*/" not in stripped
            continue
        if debug or not stripped or stripped.startswith(("#", "//", "_Static_assert")):
            continue
        yield number, line


def condition_end(code, start):
    """Where the parenthesis closes that was opened just before `start`; None: on another line."""
    depth = 1
    for at in range(start, len(code)):
        depth += {"(": 1, ")": -1}.get(code[at], 0)
        if depth == 0:
            return at
    return None


def mutants_of(text):
    """(line number, line before, line after)"""
    lines = text.splitlines()
    for number, line in code_lines(text):
        code = line.split("/*")[0]
        strings = [match.span() for match in re.finditer(r'"(?:[^"\\]|\\.)*"', code)]
        for pattern, replacement in SWAPS:
            for match in re.finditer(pattern, code):
                if not any(start <= match.start() < end for start, end in strings):
                    yield number, line, line[:match.start()] + replacement + line[match.end():]
        for match in CONDITION.finditer(code):
            end = condition_end(code, match.end())
            # Others have an operator that is flipped.
            if end is not None and not re.search(r"[<>=!]|&&|\|\|", code[match.end():end].replace("->", ".")):
                yield number, line, line[:match.end()] + "!(" + line[match.end():end] + ")" + line[end:]
        previous = lines[number - 1].rstrip() if number else ""
        if STATEMENT.match(code.rstrip()) and previous.endswith(("{", ";", "}", "*/")):
            indent = line[:len(line) - len(line.lstrip())]
            yield number, line, indent + ";"


def tests_of(name, options):
    """The tests to be asked about a file, by the verdict of a mutant that one of them catches."""
    def best(table):
        return list(dict.fromkeys(table[max((part for part in table if name.startswith(part)), key=len)]))

    if options.ask:
        return {"slow": options.ask}
    if options.quick or options.within is not None:
        return {"quick": best(QUICK)}
    return {"quick": best(QUICK), "slow": best(SLOW)}


def changed_lines(root, since):
    """The lines of each file, counted from 0, that are not as they were in a commit."""
    diff = subprocess.run(["git", "-C", root, "diff", "--unified=0", "--no-color", "--no-ext-diff", since, "--", "src"],
                          check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout
    lines = collections.defaultdict(set)
    name = None
    for line in diff.splitlines():
        if line.startswith("+++ "):
            name = line[6:]
        hunk = re.match(r"@@ -\S+ \+(\d+)(?:,(\d+))? @@", line)
        if hunk:
            first, count = int(hunk[1]) - 1, int(hunk[2] or 1)
            lines[name].update(range(first, first + count))
    return lines


class Verdicts:
    """Counts by layer, and the lines of the report."""

    def __init__(self, out):
        self.out = out
        self.lock = threading.Lock()
        self.counts = {}

    def add(self, mutant, verdict, detail):
        name, number, before, after = mutant
        with self.lock:
            for layer in (name.split("/")[1], "all"):
                self.counts.setdefault(layer, collections.Counter())[verdict] += 1
            print(f"{verdict}: {name}:{number + 1}: {before.strip()}  ->  {after.strip()}\n    {detail}", file=self.out,
                  flush=True)

    def share(self, layer):
        counts = self.counts[layer]
        caught = counts["quick"] + counts["slow"]
        tried = caught + counts["SURVIVED"]
        percent = 100 * caught / tried if tried else 100
        quick = 100 * counts["quick"] / tried if tried else 100
        return percent, (f"{layer}: {tried} tried, {caught} caught ({percent:.1f} %), {counts['quick']} of them by the quick "
                         f"tests ({quick:.1f} %), {counts['SURVIVED']} survived; {counts['refused']} more do not compile")


def try_mutant(tree, limits, stages, mutant):
    """The verdict, and what shows it; `limits` has the tests that are asked."""
    name, number, _, after = mutant
    lines = tree.read(name).splitlines()
    lines[number] = after
    tree.write(name, "\n".join(lines) + "\n")
    try:
        for verdict, tests in stages.items():
            for test in (test for test in tests if test in limits):
                try:
                    found = tree.run(test, limits[test])
                    if found == "hangs":  # or the machine was busy: a mutant that is not even compiled was caught so
                        found = tree.run(test, 5 * limits[test])
                except Skipped:
                    continue  # it noticed nothing
                if found is not None:
                    return verdict, f"{test}: {found}"
    except Failed as failure:
        lines = [line for line in str(failure).splitlines() if "error" in line]
        return "refused", lines[0][:160] if lines else "does not link"
    finally:
        tree.restore(name)
    return "SURVIVED", "no test notices"


def read_mutants(tree, layers, part, pattern):
    for layer in layers:
        for folder, _, files in sorted(os.walk(os.path.join(tree.original, "src", layer))):
            for file in sorted(files):
                name = os.path.relpath(os.path.join(folder, file), tree.original)
                if file.endswith((".c", ".h")) and part in name:
                    for mutant in mutants_of(tree.read(name)):
                        if re.search(pattern, mutant[1]):
                            yield (name, *mutant)


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(usage=__doc__.replace("%", "%%"))
    parser.add_argument("--since", metavar="COMMIT")
    parser.add_argument("--sample", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--layers")  # core, sync and api; with --since all
    parser.add_argument("--file", default="")
    parser.add_argument("--line", default="")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--report")
    parser.add_argument("--again")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--within", type=float, metavar="SECONDS")
    parser.add_argument("--ask", action="append", metavar="TEST")
    parser.add_argument("root", nargs="?", default=os.path.join(here, "../.."))
    options = parser.parse_args()
    started = time.monotonic()
    trees = [Tree(os.path.abspath(options.root), jobs=1) for _ in range(options.jobs)]

    layers = ["core", "sync", "api"] if options.since is None else ["base", "platform", "runtime", "core", "sync", "api", "mhd"]
    if options.layers is not None:
        layers = options.layers.split(",")
    mutants = list(read_mutants(trees[0], layers, options.file, options.line))
    total = len(mutants)
    wanted = mutants
    if options.since is not None:
        changed = changed_lines(trees[0].original, options.since)
        wanted = [mutant for mutant in wanted if mutant[1] in changed[mutant[0]]]
    if options.again:
        with open(options.again, encoding="utf-8") as file:
            survivors = set(re.findall(r"^SURVIVED: (.*?):\d+: (.*)$", file.read(), re.MULTILINE))
        wanted = [m for m in wanted if (m[0], f"{m[2].strip()}  ->  {m[3].strip()}") in survivors]
    if options.sample is not None and options.sample < len(wanted):
        wanted = random.Random(options.seed).sample(wanted, options.sample)

    # What a test takes, with room for a busy machine; who takes longer hangs.
    files = {mutant[0] for mutant in wanted}
    stages = {name: tests_of(name, options) for name in files}
    names = {test for by_verdict in stages.values() for tests in by_verdict.values() for test in tests}
    limits = {}
    for test in sorted(names):
        try:
            seconds = trees[0].measure(test) if trees[0].is_quick(test) else None
        except Skipped:
            continue
        if seconds is None:
            limits[test] = 600
        elif options.within is None or seconds <= options.within:
            limits[test] = 10 + 5 * seconds
    out = open(options.report, "w", encoding="utf-8") if options.report else sys.stdout
    verdicts = Verdicts(out)
    queue = collections.deque(wanted)

    def work(tree):
        while True:
            try:
                mutant = queue.popleft()
            except IndexError:
                return
            verdicts.add(mutant, *try_mutant(tree, limits, stages[mutant[0]], mutant))

    threads = [threading.Thread(target=work, args=(tree,)) for tree in trees]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for tree in trees:
        tree.remove()

    drawn = f", drawn with seed {options.seed}" if options.sample is not None else ""
    shares = {layer: verdicts.share(layer) for layer in verdicts.counts}
    for _, line in shares.values():
        print(line, file=out)
    overall = f": {shares['all'][0]:.1f} % caught" if shares else ""
    print(f"{total} mutants; {len(wanted)} run{drawn}{overall}; {time.monotonic() - started:.0f} s", file=out)
    enough = all(percent >= 85 for percent, _ in shares.values())
    return 0 if enough or options.since is not None else 1


sys.exit(main())
