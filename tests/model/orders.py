#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Weakens each memory order of the library in turn and tells which scenario of the model checker fails.

usage: orders.py --source ROOT [--check TABLE | --write TABLE] [--only TEXT] PROGRAM...

A site is one atomic operation or barrier in the source.  The programs name those they reach (--sites) and run with one
weakened (--weaken); the library is not compiled again.  Weaker is: acquire and release become relaxed, acq_rel becomes
acquire and, on its own, release, and a barrier is left out.  A weakening that no scenario notices needs a reason in
REASONS below; so does a site that no scenario reaches, unless it is relaxed as it is.  The exit status is 1 where one is missing, or a reason is given
for what a scenario does notice, or the table is out of date.
"""

import argparse
import os
import re
import subprocess
import sys

# By file, function and operation, and what it is weakened to where that matters: why no scenario can fail.
REASONS = {}

WEAKER = {"acquire": ["relaxed"], "release": ["relaxed"], "acq_rel": ["acquire", "release"], "seq_cst": ["acq_rel"]}
SITE = re.compile(r"^site (.*?):(\d+): (.*) \[(\w+)\] \d+$")
OPERATION = re.compile(r"\batomic_(?:u8|u32|u64|ptr)_(?:load|mine|store|cas|add|sub|or|and|swap)\(|\bbarrier_(?:light|heavy)\(\)")


broken = {}  # scenarios that fail without any weakening, by program


class Site:
    def __init__(self, path, line, text, order):
        self.path, self.line, self.text, self.order = path, line, text, order
        self.function = ""

    def key(self):
        return (self.path, self.function, self.text)

    def weaker(self):
        return ["nothing"] if self.text.startswith("barrier") else WEAKER.get(self.order, [])


def run(command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


def library_path(path):
    at = path.rfind("src/")
    return path[at:] if at >= 0 else None


def functions_of(root, path):
    """The function that each line is in."""
    names, current = [""], ""
    with open(os.path.join(root, path), encoding="utf-8") as source:
        for line in source:
            found = re.match(r"^[A-Za-z_][^=;]*?\b\**(\w+)\([^;]*(?:$|\{)", line)
            if found and not line.startswith(("#", " ", "/")):
                current = found.group(1)
            names.append(current)
    return names


def sites_reached(root, programs):
    """The sites that scenarios come to, each with the programs that do.  A scenario that fails as it is takes no part."""
    sites, reached = {}, {}
    for program in programs:
        for line in run([program, "--slow", "--runs", "5000", "--sites"]).stdout.splitlines():
            failing = re.match(r"^(\S+) .*; FAILED:", line)
            if failing:
                broken.setdefault(program, []).append(failing.group(1))
            found = SITE.match(line)
            path = found and library_path(found.group(1))
            if not path:
                continue
            key = (path, int(found.group(2)), found.group(3))
            sites.setdefault(key, Site(*key, found.group(4)))
            reached.setdefault(key, []).append(program)
    functions = {path: functions_of(root, path) for path in {site.path for site in sites.values()}}
    for site in sites.values():
        site.function = functions[site.path][site.line]
    return [(sites[key], reached[key]) for key in sorted(sites)]


def is_relaxed(source, start):
    """Is the operation relaxed whose call begins here?"""
    depth, at = 1, source.index("(", start) + 1
    while depth:
        depth += {"(": 1, ")": -1}.get(source[at], 0)
        at += 1
    return source.startswith("atomic_u8_mine", start) or source[start:at].endswith("relaxed)")


def operations_in_source(root, without):
    """(path, line) of every operation written in the library that is not relaxed, but for these folders."""
    for folder, _, files in sorted(os.walk(os.path.join(root, "src"))):
        for name in sorted(files):
            path = os.path.relpath(os.path.join(folder, name), root)
            if not name.endswith((".c", ".h")) or path.startswith(without):
                continue
            with open(os.path.join(root, path), encoding="utf-8") as source:
                text = re.sub(r"/\*.*?\*/", lambda comment: "\n" * comment.group().count("\n"), source.read(), flags=re.S)
                for found in OPERATION.finditer(text):
                    if not is_relaxed(text, found.start()):
                        yield path, text.count("\n", 0, found.start()) + 1


def weaken(programs, site, order, seconds):
    """The scenario that fails and how, or None."""
    text = f"{site.path}:{site.line}: {site.text}"
    to = "relaxed" if order == "nothing" else order
    folder = os.path.basename(site.path)[:-2]
    programs = sorted(programs, key=lambda program: not program.endswith(folder))
    for extra in [[], ["--slow-only"]]:
        for program in programs:
            exclude = [word for name in broken.get(program, []) for word in ("--except", name)]
            done = run([program, *extra, *exclude, "--seconds", str(seconds), "--weaken", text, to])
            found = re.search(r"^caught by (\S+): (.*)$", done.stdout, re.M)
            if found:
                failure = re.sub(r"; T\d+ at.*| \(offset.*?\)|: \S*$| by T\d+| of T\d+", "", found.group(2))
                return found.group(1), re.sub(r"\S+:\d+: ", "", failure).strip().rstrip(":")
            if done.returncode not in (0, 3):
                sys.exit(f"{program}: {done.stdout[-2000:]}")
    return None


def reason_for(site, order):
    for key in [(*site.key(), order), site.key()]:
        if key in REASONS:
            return REASONS[key]
    return None


def unbuilt(programs):
    """The folder of the binding, where libmicrohttpd is not there."""
    return [] if any(os.path.basename(program) == "model-mhd" for program in programs) else ["src/mhd"]


def table(root, programs, only, seconds):
    rows, wrong = [], []
    reached = sites_reached(root, programs)
    lines = {(site.path, site.line) for site, _ in reached}
    for site, by in reached:
        if only and only not in f"{site.path}:{site.line}: {site.text}":
            continue
        name = f"`{site.text}`"
        if not site.weaker():
            rows.append((site.path, site.function, name, "", "", "relaxed already"))
            continue
        for order in site.weaker():
            caught = weaken(by, site, order, seconds)
            reason = reason_for(site, order)
            if caught:
                rows.append((site.path, site.function, name, order, caught[0], caught[1]))
                if reason:
                    wrong.append(f"{site.key()} to {order}: there is a reason, yet {caught[0]} fails")
            else:
                rows.append((site.path, site.function, name, order, "none", reason or "?"))
                if not reason:
                    wrong.append(f"{site.path}:{site.line} ({site.function}) {site.text} to {order}: nothing fails")
            print(*rows[-1], sep=" | ", flush=True)
    for path, line in [] if only else operations_in_source(root, ("src/platform", *unbuilt(programs))):
        # An operation that spans lines is reported on one of them.
        if not any((path, near) in lines for near in range(line, line + 4)):
            wrong.append(f"{path}:{line}: no scenario comes here")
    return rows, wrong


HEAD = """# The memory orders, and what fails without each

Made by `orders.py`: every atomic operation of the library, weakened on its own, and the first scenario of the model
checker that fails then. `nothing` as the weaker order means that the barrier was left out.

| file | function | operation | weakened to | scenario | failure, or why there is none |
|---|---|---|---|---|---|
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", required=True)
    parser.add_argument("--check")
    parser.add_argument("--write")
    parser.add_argument("--only")
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("programs", nargs="+")
    options = parser.parse_args()
    programs = [program for program in options.programs if "litmus" not in program]
    rows, wrong = table(options.source, programs, options.only, options.seconds)
    text = HEAD + "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |\n" for row in rows)
    if options.write:
        with open(options.write, "w", encoding="utf-8") as out:
            out.write(text)
    if options.check:
        with open(options.check, encoding="utf-8") as committed:
            skipped = tuple("| " + folder for folder in unbuilt(programs))
            before = {tuple(line.split(" | ")[:4]) for line in committed
                      if line.startswith("| src/") and not line.startswith(skipped)}
        now = {tuple(line.split(" | ")[:4]) for line in text.splitlines() if line.startswith("| src/")}
        wrong += [f"not in {options.check}: {' | '.join(row)}" for row in sorted(now - before)]
        if not options.only:
            wrong += [f"no longer so: {' | '.join(row)}" for row in sorted(before - now)]
    wrong += [f"{os.path.basename(program)}: {' '.join(names)} fails as it is" for program, names in broken.items()]
    for line in wrong:
        print("WRONG:", line)
    caught = sum(row[4] not in ("", "none") for row in rows)
    print(f"{len(rows)} rows: {caught} weakenings fail a scenario, {sum(row[4] == 'none' for row in rows)} do not")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
