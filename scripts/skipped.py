# SPDX-License-Identifier: MIT
"""Prints what test programs skipped inside: Meson counts whole programs.

    skipped.py BUILD_DIR      after `meson test`; nothing where nothing was skipped

Told by CMocka's and unittest's lines, and by lines of scripts that begin with "skipped: ".
"""
import glob
import json
import os
import re
import sys

SKIPPED = re.compile(r"^(?:\[  SKIPPED \] (\w+)|(\w+) \(.*\) ?\.\.\. skipped .*|skipped: (.*))$", re.MULTILINE)


def main():
    logs = glob.glob(os.path.join(sys.argv[1], "meson-logs", "testlog*.json"))
    if not logs:
        return
    total = 0
    lines = []
    with open(max(logs, key=os.path.getmtime), encoding="utf-8") as log:
        for line in log:
            test = json.loads(line)
            if test["result"] == "SKIP":
                continue  # as a whole: Meson has counted it
            text = test.get("stdout", "") + "\n" + test.get("stderr", "")
            names = sorted({next(filter(None, match)) for match in SKIPPED.findall(text)})
            if names:
                total += len(names)
                lines.append(f"  {test['name'].split(' / ')[-1]}: {', '.join(names)}")
    if total:
        print(f"Skipped inside of programs: {total}", *lines, sep="\n")


main()
