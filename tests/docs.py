# SPDX-License-Identifier: MIT
"""Every test that docs/misuse.md and tests/README.md name exists, and every file that a document links to:  python3 tests/docs.py [SOURCE_ROOT]"""

import glob
import os
import re
import sys

root = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")


def cases(*patterns):
    names = set()
    for pattern in patterns:
        for path in glob.glob(os.path.join(root, "tests", pattern)):
            with open(path, encoding="utf-8") as file:
                text = file.read()
            names.update(re.findall(r"^(?:SERVER_|WAY_)?TEST\w*\((\w+)", text, re.M))
            names.update(prefix + "_each" for prefix in re.findall(r"^#define PREFIX (\w+)", text, re.M))
            names.update(re.findall(r"^static void (\w+)\(void(?: \*\*state)?\)", text, re.M))
    return names


def check(document, folders):
    """The last column of its tables: names like arena/null_arena_is_diagnosed."""
    with open(os.path.join(root, *document.split("/")), encoding="utf-8") as file:
        columns = [line.rstrip(" |\n").rsplit("|", 1)[-1] for line in file if line.startswith("|")]
    named = sorted(set(re.findall(r"\b([a-z_]+)/([a-z_0-9]{4,})\b(?![./])", "\n".join(columns))))
    missing = []
    for group, name in named:
        folder = folders.get(group)
        found = cases(folder) if folder else cases("test_%s.c" % group, "test_%s.cpp" % group)
        if name not in found:
            missing.append("%s/%s" % (group, name))
    if not named or missing:
        sys.exit("%s names tests that do not exist: %s" % (document, ", ".join(missing) or "none named at all"))
    return named


FOLDERS = {"mhd": "mhd/test_*.c", "fail": "fail/test_*.c", "unit": "unit/test_*.c", "resources": "resources/test_*.c",
           "checkers": "checkers/poison.c"}
named = check("docs/misuse.md", FOLDERS) + check("tests/README.md", FOLDERS)

broken = []
documents = [path for pattern in ("*.md", "docs/*.md", "tests/*.md", "tests/*/*.md", "benchmarks/*.md", "examples/*/*.md")
             for path in glob.glob(os.path.join(root, pattern))]
for path in documents:
    with open(path, encoding="utf-8") as file:
        text = re.sub(r"```.*?```|`[^`\n]*`", "", file.read(), flags=re.S)
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if "://" not in target and not os.path.exists(os.path.join(os.path.dirname(path), target)):
            broken.append("%s: %s" % (os.path.relpath(path, root), target))
if not documents or broken:
    sys.exit("links to what does not exist: %s" % (", ".join(broken) or "no documents at all"))
print("%d tests named, all there; %d documents" % (len(named), len(documents)))
