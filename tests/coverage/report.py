"""Prints branch and MC/DC coverage of the library's layers from what `llvm-cov export` wrote.

usage: report.py [--strict] ROOT COVERAGE.json...

Several files, of several builds, count together: what one of them covers is covered.
"""

import json
import os
import sys

LAYERS = ("base", "platform", "core", "sync", "api")


def read_unreached(path):
    """{(file, text of the line): reason}"""
    found = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            if line.strip() and not line.startswith("#"):
                name, text, reason = (part.strip() for part in line.split(" | ", 2))
                found[name, text] = reason
    return found


def collect(root, data, sources, branches, decisions):
    for entry in data["files"]:
        # The build maps the source's root to /libarena, or to /libarena/build where it goes by way of the build's.
        path = entry["filename"].replace("/libarena/build/", root + "/").replace("/libarena/", root + "/")
        name = os.path.relpath(path, root)
        if not name.startswith(tuple(f"src/{layer}/" for layer in LAYERS)):
            continue
        if name not in sources:
            with open(os.path.join(root, name), encoding="utf-8") as file:
                sources[name] = file.read().splitlines()
        for branch in entry.get("branches", []):
            counts = branches.setdefault((name, *branch[:4]), [0, 0])
            counts[0] += branch[4]
            counts[1] += branch[5]
        for record in entry.get("mcdc_records", []):
            key = (name, *record[:4])
            conditions = record[-1]
            before = decisions.get(key, [False] * len(conditions))
            decisions[key] = [a or b for a, b in zip(before, conditions)]


def main():
    arguments = sys.argv[1:]
    strict = "--strict" in arguments
    if strict:
        arguments.remove("--strict")
    root, *paths = arguments
    unreached = read_unreached(os.path.join(root, "tests/coverage/unreached.txt"))
    used = set()

    # A function that several objects contain has been covered where any of them was.
    branches = {}  # (file, line, column, end line, end column) -> [taken, not taken]
    decisions = {}  # the same -> conditions covered
    sources = {}
    for path in paths:
        with open(path, encoding="utf-8") as file:
            collect(root, json.load(file)["data"][0], sources, branches, decisions)

    total = {"branch": [0, 0], "mcdc": [0, 0]}
    excused = missing = 0
    report = []

    def missed(name, line, what):
        nonlocal excused, missing
        text = sources[name][line - 1].strip()
        if (name, text) in unreached:
            used.add((name, text))
            excused += 1
            return True
        missing += 1
        report.append(f"{name}:{line}: {what}: {text}")
        return False

    print(f"{'file':32} {'branches':>16} {'MC/DC':>16}")
    for name in sorted(sources):
        branch = [0, 0]
        mcdc = [0, 0]
        for key, counts in sorted(branches.items()):
            if key[0] != name:
                continue
            for count, side in zip(counts, ("never true", "never false")):
                branch[1] += 1
                if count != 0 or missed(name, key[1], side):
                    branch[0] += 1
        for key, conditions in sorted(decisions.items()):
            if key[0] != name:
                continue
            for number, covered in enumerate(conditions):
                mcdc[1] += 1
                if covered or missed(name, key[1], f"condition {number + 1} alone never decided"):
                    mcdc[0] += 1
        for kind, counts in (("branch", branch), ("mcdc", mcdc)):
            total[kind][0] += counts[0]
            total[kind][1] += counts[1]
        print(f"{name:32} {show(branch):>16} {show(mcdc):>16}")
    print(f"{'all':32} {show(total['branch']):>16} {show(total['mcdc']):>16}")
    print(f"{excused} of these are excused by tests/coverage/unreached.txt; {missing} are missing")
    for line in report:
        print(line)
    for name, text in sorted(set(unreached) - used):
        print(f"tests/coverage/unreached.txt: reached after all, or gone: {name} | {text}")
    return 1 if strict and missing else 0


def show(counts):
    if counts[1] == 0:
        return "-"
    return f"{counts[0]}/{counts[1]} {100 * counts[0] / counts[1]:.0f} %"


sys.exit(main())
