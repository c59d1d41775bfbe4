# SPDX-License-Identifier: MIT
"""The typed face makes mistakes of type errors, in C++ always, in C under -Werror=incompatible-pointer-types; and a lost
status is a warning.  Each compiler that is here reports the marked lines of refused.c and lost.c, and no others.

    refused.py INCLUDE_DIR BUILD_INCLUDE_DIR
"""
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
C = ["-std=c11", "-Werror=incompatible-pointer-types"]
CPP = ["-x", "c++", "-std=c++17"]
LOST = ["-std=c11", "-Werror=unused-result"]
CHECKS = (
    ("refused.c", C, ("gcc", "clang", "clang-19")),
    ("refused.c", CPP, ("g++", "clang++", "clang++-19")),
    ("lost.c", LOST, ("gcc", "clang", "clang-19")),
)


def marked(text, compiler):
    lines = set()
    for number, line in enumerate(text.splitlines(), 1):
        mark = re.search(r"/\* refused(?: by (.*))? \*/", line)
        if mark and (mark.group(1) is None or compiler.removesuffix("-19") in re.split(", | and ", mark.group(1))):
            lines.add(number)
    return lines


def main():
    includes = ["-I" + folder for folder in sys.argv[1:3]]
    failed = compiled = 0
    for name, flags, compilers in CHECKS:
        path = os.path.join(HERE, name)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        if flags is not CPP:
            text = re.sub(r"^#ifdef __cplusplus\n.*?^#(?:else|endif)$", lambda part: "\n" * part.group().count("\n"), text,
                          flags=re.MULTILINE | re.DOTALL)
        for compiler in compilers:
            if shutil.which(compiler) is None:
                print(f"skipped: {compiler} is not installed")
                continue
            # Each mistake at the line that is marked: all of them, and where a macro is used, not where it is defined.
            every = ["-ferror-limit=0"] if "clang" in compiler else ["-ftrack-macro-expansion=0"]
            report = subprocess.run([compiler, *flags, *every, *includes, "-S", path, "-o", os.devnull], check=False,
                                    env={**os.environ, "LC_ALL": "C"}, text=True, stderr=subprocess.PIPE).stderr
            found = re.findall(rf"{re.escape(name)}:(\d+):\d+: (?:.*error:|.*required from here|.*requested here)", report)
            compiled += 1
            wanted = marked(text, compiler)
            for number in sorted(wanted ^ set(map(int, found))):
                what = "accepts a mistake" if number in wanted else "refuses what is right"
                print(f"FAILED: {compiler} {what}, {name}:{number}: {text.splitlines()[number - 1].strip()}")
                failed += 1
    print(f"{compiled} compilations, {failed} failed")
    return failed > 0 or compiled == 0


sys.exit(main())
