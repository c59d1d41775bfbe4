# SPDX-License-Identifier: MIT
"""Asks man for each exported function and each documented macro, and looks for its prototype in what it shows.

    manuals.py MAN_DIR SCRIPT --map MAP... --header HEADER...

MAN_DIR: the folder that has man3; SCRIPT: scripts/manual.py.  Without a `man` the pages are looked for by their names.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys

parser = argparse.ArgumentParser()
parser.add_argument("man_dir")
parser.add_argument("script")
parser.add_argument("--map", action="append", required=True)
parser.add_argument("--header", action="append", required=True)
options = parser.parse_args()


def text_of(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def man(*arguments):
    environment = dict(os.environ, MANWIDTH="120", MANPAGER="cat", PAGER="cat", LC_ALL="C.UTF-8")
    return subprocess.run(["man", "-M", options.man_dir, *arguments], env=environment, text=True, check=False,
                          capture_output=True).stdout


def pages(names):
    """The path of each name's page: where man finds it."""
    if shutil.which("man"):
        found = man("-w", "3", *names)
        return {re.sub(r"\.3(\.\w+)?$", "", os.path.basename(path)): path for path in found.split()}
    print("skipped: man is not installed; the pages are looked for by their names")
    paths = {name: os.path.join(options.man_dir, "man3", name + ".3") for name in names}
    return {name: path for name, path in paths.items() if os.path.exists(path)}


functions = {name for path in options.map for name in re.findall(r"^\s*(\w+);$", text_of(path), flags=re.MULTILINE)}
# A macro that is named in a comment with its arguments is meant for programs.
headers = "".join(text_of(path) for path in options.header)
macros = {name for name in re.findall(r"^ ?[/ ]\* (ARENA_\w+)\(", headers, flags=re.MULTILINE)
          if not name.endswith("_") and re.search(rf"^[ \t]*#[ \t]*define {name}\(", headers, flags=re.MULTILINE)}
names = sorted(functions | macros)
found = pages(names)
failed = 0
for name in names:
    if name not in found:
        print(f"{name}: man has no page")
    elif not re.search(r"\.SH SYNOPSIS.*\b" + name + r"\(.*\.SH DESCRIPTION", text_of(found[name]), flags=re.DOTALL):
        print(f"{name}: its page lacks its prototype")
    else:
        continue
    failed += 1
if shutil.which("man") and "void *arena_alloc(struct arena *arena, const void *value);" not in man("3", "arena_alloc"):
    print("man does not show arena_alloc(3)")
    failed += 1
print(f"{len(functions)} functions, {len(macros)} macros, {failed} wrong")
checked = subprocess.run([sys.executable, options.script, "--check", *options.header], check=False)
sys.exit(bool(failed or not functions or not macros or checked.returncode))
