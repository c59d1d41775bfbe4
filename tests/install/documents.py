# SPDX-License-Identifier: MIT
"""The C code of the documents is that of the examples, and does what they say: run by documents.sh, in a directory where
pkg-config finds the installed library.

    documents.py EXAMPLES_DIR MHD DOCUMENT...      (MHD: true where the HTTP binding is installed)

A block ```c NAME.c (```cpp NAME.cpp) is an excerpt of EXAMPLES_DIR/NAME.c: the same lines, one after the other, and nothing else; ...  alone
on a line stands for lines that are left out.  One that begins with #include is the whole program, and is compiled as it is
printed.  A block ```text after it is what the program prints.  There are no other C or C++ blocks.
"""
import os
import re
import shutil
import subprocess
import sys

STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror"]
COMPILERS = [(name, "-std=c11") for name in os.environ.get("TEST_COMPILERS", os.environ.get("CC", "cc")).split()]
COMPILERS_CPP = [(name, "-std=c++17") for name in os.environ.get("TEST_COMPILERS_CPP", os.environ.get("CXX", "c++")).split()]


def text_of(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def blocks(document):
    """Yields (words behind the fence, text)."""
    for kind, text in re.findall(r"^```([^\n]*)\n(.*?)^```$", text_of(document), flags=re.MULTILINE | re.DOTALL):
        yield kind.split(), text


def pkg_config(*arguments):
    return subprocess.run(["pkg-config", *arguments], check=True, text=True, stdout=subprocess.PIPE).stdout.split()


def compiled(compiler, path, program):
    package = "arena-mhd" if "arena/mhd.h" in text_of(path) else "arena"
    subprocess.run([*compiler, *STRICT, path, *pkg_config("--cflags", "--libs", package), "-pthread", "-o", program], check=True)


def is_excerpt(text, whole):
    """Each piece between lines of three dots is there, in this order."""
    at = 0
    for piece in re.split(r"^ *\.\.\.\n", text, flags=re.MULTILINE):
        at = whole.find(piece, at)
        if at < 0 or (at > 0 and whole[at - 1] != "\n"):
            return False
        at += len(piece)
    return True


def main():
    examples, mhd, documents = sys.argv[1], sys.argv[2] == "true", sys.argv[3:]
    failed = 0
    printed = {}
    for name in sorted(name for name in os.listdir(examples) if name.endswith((".c", ".cpp"))):
        path = os.path.join(examples, name)
        if "arena/mhd.h" in text_of(path) and not mhd:
            print(f"skipped: {name}: the HTTP binding is not built")
            continue
        compilers = [compiler for compiler in (COMPILERS if name.endswith(".c") else COMPILERS_CPP) if shutil.which(compiler[0])]
        if not compilers:
            print(f"skipped: {name}: no compiler")
            continue
        for compiler in compilers:
            compiled(compiler, path, "./program")
        run = subprocess.run(["./program"], check=False, text=True, stdin=subprocess.DEVNULL, capture_output=True)
        printed[name] = run.stdout
        if run.returncode != 0:
            print(f"{name}: exit status {run.returncode}")
            failed += 1

    shown = set()
    for document in documents:
        where = os.path.basename(document)
        last = None
        for kind, text in blocks(document):
            if kind[:1] in (["c"], ["cpp"]):
                last = kind[1] if len(kind) > 1 else None
                if last is None or not os.path.exists(os.path.join(examples, last)):
                    print(f"{where}: a C block that is of no example: {text[:60]!r}")
                    failed += 1
                    continue
                shown.add(last)
                if not is_excerpt(text, text_of(os.path.join(examples, last))):
                    print(f"{where}: {last}: has other lines")
                    failed += 1
                if text.startswith("#include") and last in printed and last.endswith(".c"):
                    for suffix, compiler in ((".c", COMPILERS[0]), (".cpp", COMPILERS_CPP[0])):
                        if shutil.which(compiler[0]) and (suffix == ".c" or where == "README.md"):
                            with open("printed" + suffix, "w", encoding="utf-8") as file:
                                file.write(text)
                            compiled(compiler, "printed" + suffix, "./as-printed")
            elif kind == ["text"] and last in printed and text != printed[last]:
                print(f"{where}: {last} prints something else:\n{printed[last]}")
                failed += 1
    for name in sorted(set(printed) - shown):
        print(f"{name} is shown nowhere")
        failed += 1
    print(f"{len(printed)} examples run, {len(shown)} shown, {failed} wrong")
    sys.exit(failed > 0 or not shown)


main()
