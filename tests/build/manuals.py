# SPDX-License-Identifier: MIT
"""Fails unless the manual pages name each function of the symbol maps, in their synopses, and nothing that is not there.

    manuals.py --map MAP... --page PAGE...
"""
import argparse
import re
import sys

parser = argparse.ArgumentParser()
parser.add_argument("--map", action="append", required=True)
parser.add_argument("--page", action="append", required=True)
options = parser.parse_args()


def text_of(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


exported = {name for path in options.map for name in re.findall(r"^\s*(\w+);$", text_of(path), flags=re.MULTILINE)}
described = set()
for page in options.page:
    synopsis = re.search(r"^\.Sh SYNOPSIS\n(.*?)^\.Sh ", text_of(page), flags=re.MULTILINE | re.DOTALL)
    if synopsis is None:
        sys.exit(f"{page}: no synopsis")
    described.update(re.findall(r"^\.F[no] (\w+)", synopsis.group(1), flags=re.MULTILINE))
functions = {name for name in described if name.startswith("arena_")} - {"arena_mhd_handler"}
for name in sorted(exported - functions):
    print(f"{name} is in no manual page")
for name in sorted(functions - exported):
    print(f"{name} is described, and not exported")
print(len(functions), "functions")
sys.exit(exported != functions)
