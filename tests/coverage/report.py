# SPDX-License-Identifier: MIT
"""Prints branch and MC/DC coverage of the library's layers from what `llvm-cov export` wrote.

usage: report.py [--strict] ROOT COVERAGE.json...

Several files, of several builds, count together: what one of them reaches is reached.  A function that several objects
contain, an inline one say, counts once.  A condition inside a macro (LIKELY and the like) belongs to the line that uses
the macro: so this reads the records of functions, not those of files, which put all of them at the macro's definition.

With --strict, 1 is returned where something is neither reached nor explained, and where unreached.txt is not exact.
"""

import json
import os
import sys

LAYERS = ("base", "platform", "runtime", "core", "sync", "api")
# A count that is computed as a difference is this where it came out below 0.
NEGATIVE = 1 << 62
# Kinds of regions in the export.
EXPANSION = 1
MCDC_BRANCH = 6


def read_unreached(path):
    """{(file, text of the line): (how many outcomes, reason)}"""
    found = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            if line.strip() and not line.startswith("#"):
                name, count, rest = line.split(" | ", 2)
                text, reason = rest.rsplit(" | ", 1)
                key = name.strip(), text.strip()
                if key in found:
                    sys.exit(f"{path}: twice: {name} | {text}")
                found[key] = int(count), reason.strip()
    return found


class Coverage:
    def __init__(self, root):
        self.root = root
        self.branches = {}  # place -> [true, false]
        self.decisions = {}  # place -> [condition alone decided]
        self.sources = {}

    def name_of(self, path):
        """The file's name below the root, or None where it is not one of the layers'."""
        # The build maps the source's root to /libarena, or to /libarena/build where it goes by way of the build's.
        for prefix in ("/libarena/build/", "/libarena/"):
            if path.startswith(prefix):
                path = os.path.join(self.root, path[len(prefix):])
                break
        name = os.path.relpath(path, self.root)
        if not name.startswith(tuple(f"src/{layer}/" for layer in LAYERS)):
            return None
        if name not in self.sources:
            with open(os.path.join(self.root, name), encoding="utf-8") as file:
                self.sources[name] = file.read().splitlines()
        return name

    def read(self, path):
        with open(path, encoding="utf-8") as file:
            data = json.load(file)["data"][0]
        for entry in data["files"]:
            self.name_of(entry["filename"])
        for function in data["functions"]:
            name = self.name_of(function["filenames"][0])
            if name is not None:
                self.add(name, function)

    def add(self, name, function):
        where = {region[6]: region for region in function["regions"] if region[7] == EXPANSION}

        def site(file_id):
            """Where in the function's own file the macro is used."""
            region = where[file_id]
            return tuple(region[:4]) if region[5] == 0 else site(region[5])

        seen = {}

        def place(span, file_id):
            """(file, span in it, what tells it from others of the same span)"""
            span = tuple(span)
            outer = span if file_id == 0 else site(file_id)
            detail = function["name"].split(":")[-1], span, seen.setdefault((outer, span), 0)
            seen[outer, span] += 1
            return name, *outer, detail

        for branch in function["branches"]:
            counts = self.branches.setdefault(place(branch[:4], branch[6]), [0, 0])
            for side in (0, 1):
                if branch[4 + side] < NEGATIVE:
                    counts[side] += branch[4 + side]

        # A decision's record does not say which use of a macro it lies in; but they come in order.
        first, *_, last = function["regions"][0][:3]
        records = function["mcdc_records"]
        own = [record for record in records if first <= record[0] and record[2] <= last]
        macros = []
        for branch in function["branches"]:
            if branch[8] == MCDC_BRANCH and branch[6] != 0 and branch[6] not in macros:
                line, column = site(branch[6])[:2]
                if not any(tuple(record[:2]) <= (line, column) <= tuple(record[2:4]) for record in own):
                    macros.append(branch[6])
        if len(own) + len(macros) != len(records):
            sys.exit(f"{name}: the decisions of {function['name']} cannot be placed")
        seen.clear()
        for record in records:
            conditions = record[-1]
            at = place(record[:4], 0 if record in own else macros.pop(0))
            before = self.decisions.get(at, [False] * len(conditions))
            self.decisions[at] = [a or b for a, b in zip(before, conditions)]


def main():
    arguments = sys.argv[1:]
    strict = "--strict" in arguments
    if strict:
        arguments.remove("--strict")
    root, *paths = arguments
    unreached = read_unreached(os.path.join(root, "tests/coverage/unreached.txt"))
    coverage = Coverage(root)
    for path in paths:
        coverage.read(path)

    files = {name: {"branch": [0, 0], "mcdc": [0, 0]} for name in coverage.sources}
    missed = {}  # (file, text of the line) -> [(line, kind, what)]

    def count(at, kind, reached, what):
        name, line = at[:2]
        files[name][kind][0] += 1
        if not reached:
            text = coverage.sources[name][line - 1].strip()
            missed.setdefault((name, text), []).append((line, kind, what))

    for at, counts in coverage.branches.items():
        for side, reached in zip(("true", "false"), counts):
            count(at, "branch", reached != 0, f"never {side}")
    for at, conditions in coverage.decisions.items():
        for number, reached in enumerate(conditions):
            count(at, "mcdc", reached, f"condition {number + 1} alone never decides")

    missing = []
    inexact = []
    explained = {"branch": 0, "mcdc": 0}
    for (name, text), outcomes in sorted(missed.items()):
        wanted = unreached.get((name, text), (0, ""))[0]
        if len(outcomes) <= wanted:
            for _, kind, _ in outcomes:
                explained[kind] += 1
            if len(outcomes) < wanted:
                inexact.append(f"{name}: {wanted - len(outcomes)} of {wanted} reached after all: {text}")
            continue
        for line, kind, what in sorted(outcomes):
            missing.append(f"{name}:{line}: {what}: {text}")
            files[name][kind][1] += 1
    for name, text in sorted(set(unreached) - set(missed)):
        inexact.append(f"{name}: reached after all, or gone: {text}")

    print(f"{'file':32} {'branches':>16} {'MC/DC':>16}")
    total = {"branch": [0, 0], "mcdc": [0, 0]}
    for name in sorted(files):
        counts = files[name]
        if counts["branch"][0] != 0:
            print(f"{name:32} {show(counts['branch']):>16} {show(counts['mcdc']):>16}")
        for kind in total:
            for i in (0, 1):
                total[kind][i] += counts[kind][i]
    for line in missing:
        print(line)
    for line in inexact:
        print(f"tests/coverage/unreached.txt: {line}")
    (branches, branches_missing), (conditions, conditions_missing) = total["branch"], total["mcdc"]
    print(
        f"coverage: {branches - branches_missing} of {branches} branches, "
        f"{conditions - conditions_missing} of {conditions} MC/DC conditions, "
        f"{explained['branch'] + explained['mcdc']} explained"
    )
    return 1 if strict and (missing or inexact) else 0


def show(counts):
    count, missing = counts
    return f"{count - missing}/{count} {100 * (count - missing) / count:.0f} %" if count != 0 else "-"


sys.exit(main())
