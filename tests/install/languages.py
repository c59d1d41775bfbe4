# SPDX-License-Identifier: MIT
"""The code of docs/languages.md runs as it stands: run by languages.sh, in a directory where pkg-config and the run-time
linker find the installed library.

    languages.py DOCUMENT

Each block is a program, told by its language; one whose tools are missing is left out, and said so.
"""
import glob
import os
import re
import shutil
import subprocess
import sys


def run(*command):
    return subprocess.run(command, check=False).returncode == 0


def missing(*programs):
    return next((program for program in programs if shutil.which(program) is None), None)


def python(path):
    with open(path, encoding="utf-8") as file:
        uses_cffi = "from cffi" in file.read()
    if uses_cffi and subprocess.run([sys.executable, "-c", "import cffi"], check=False, stderr=subprocess.DEVNULL).returncode:
        return "cffi"
    return run(sys.executable, "-W", "error", path)


def lua(path):
    return missing("luajit") or run("luajit", path)


def ruby(path):
    return missing("ruby") or run("ruby", "-W:no-experimental", path)


def rust(path):
    folders = os.environ["LD_LIBRARY_PATH"].split(":")
    libraries = [argument for folder in folders for argument in ("-L", folder)]
    return missing("rustc") or (run("rustc", "--edition=2021", "-D", "warnings", *libraries, "-o", "rust_program", path) and
                                run("./rust_program"))


def go(path):
    os.environ.update(CGO_ENABLED="1", GOCACHE=os.path.abspath("go-cache"), GO111MODULE="off", GOTOOLCHAIN="local")
    return missing("go", "gcc") or run("go", "run", path)


def java(path):
    homes = [os.environ.get("JAVA_HOME", "/usr")] + glob.glob("/usr/lib/jvm/*")
    for program in [shutil.which("java"), *(os.path.join(home, "bin", "java") for home in homes)]:
        if program and os.path.exists(program):
            text = subprocess.run([program, "-version"], check=False, text=True, stderr=subprocess.PIPE).stderr
            version = re.search(r'version "(\d+)', text)
            if version and int(version.group(1)) >= 22:
                return run(program, "--enable-native-access=ALL-UNNAMED", path)
    return "Java 22"


def javascript(path):
    if missing("node") or not run("node", "-e", "try { require('koffi') } catch { process.exit(1) }"):
        return "koffi"
    return run("node", path)


def csharp(path):
    return missing("mcs", "mono") or (run("mcs", "-out:program.exe", path) and run("mono", "program.exe"))


LANGUAGES = {
    "csharp": (csharp, "cs"),
    "go": (go, "go"),
    "java": (java, "java"),
    "javascript": (javascript, "js"),
    "lua": (lua, "lua"),
    "python": (python, "py"),
    "ruby": (ruby, "rb"),
    "rust": (rust, "rs"),
}


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        found = re.findall(r"^```([^\n]+)\n(.*?)^```$", file.read(), flags=re.MULTILINE | re.DOTALL)
    ran, failed = [], []
    for number, (kind, text) in enumerate(found, 1):
        execute, ending = LANGUAGES[kind]
        path = f"block{number}.{ending}"
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        result = execute(path)
        title = f"block {number}, {kind}"
        if isinstance(result, str):
            print(f"left out: {title}: no {result}")
        else:
            print("ran:" if result else "FAILED:", title)
            (ran if result else failed).append(kind)
    sys.exit(bool(failed) or "python" not in ran)


main()
