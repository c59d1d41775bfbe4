# SPDX-License-Identifier: MIT
"""A copy of the source tree that is changed, built and tested: shared by planted.py and mutate.py."""

import json
import os
import resource
import shutil
import subprocess
import tempfile
import time

# The tests are those of Meson, by their names there.  Before a colon stands the build where it is not the plain one, which
# is what `./dev test` builds: "address: corpus of arena".
SANITIZED = ["--buildtype=debugoptimized", "-Db_lundef=false"]
CLANG = {"CC": "clang-19", "CXX": "clang++-19"}
BUILDS = {
    "plain": ([], {}),
    "address": (["-Db_sanitize=address,undefined", *SANITIZED], CLANG),
    "thread": (["-Db_sanitize=thread", *SANITIZED], CLANG),
    "gcc-thread": (["-Db_sanitize=thread", *SANITIZED], {}),
    "bare": (["-Dvalgrind=disabled"], {}),
}
OPTIONS = {
    "ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
    "MALLOC_PERTURB_": "95",
}
TELLING = ("not so", "FAIL", "race", "ERROR", "goals", "error: ")


class Failed(Exception):
    """The changed tree does not compile."""


class Skipped(Exception):
    """The test cannot be run here; why is what it says."""


def limit_child():
    """No dump of what crashes; and where a change eats all memory, the kernel ends the test and nothing else."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write("1000")


class Tree:
    def __init__(self, root, jobs=None):
        self.work = tempfile.mkdtemp(prefix="libarena-mutation-")
        self.root = os.path.join(self.work, "tree")
        self.original = root
        self.jobs = jobs
        self.tests = {}  # by build and name: what to make, and the command
        shutil.copytree(root, self.root, ignore=shutil.ignore_patterns(".git", "build", "build-*"), symlinks=True)
        # tests/build is no build directory
        shutil.copytree(os.path.join(root, "tests/build"), os.path.join(self.root, "tests/build"), dirs_exist_ok=True)

    def remove(self):
        shutil.rmtree(self.work, ignore_errors=True)

    def read(self, name):
        with open(os.path.join(self.original, name), encoding="utf-8") as file:
            return file.read()

    def write(self, name, text):
        with open(os.path.join(self.root, name), "w", encoding="utf-8") as file:
            file.write(text)

    def restore(self, name):
        self.write(name, self.read(name))

    def setup(self, build):
        options, variables = BUILDS[build]
        directory = os.path.join(self.work, build)
        subprocess.run(
            ["meson", "setup", directory, self.root, "-Dexamples=false", *options],
            check=True, env={**os.environ, **variables}, stdout=subprocess.DEVNULL,
        )

        def introspect(what):
            with open(os.path.join(directory, f"meson-info/intro-{what}.json"), encoding="utf-8") as file:
                return json.load(file)

        files = {target["id"]: target["filename"] for target in introspect("targets")}
        for test in introspect("tests"):
            targets = [os.path.relpath(path, directory) for target in test["depends"] for path in files[target]]
            self.tests[build, test["name"]] = (targets, test["cmd"], test["env"], test["workdir"] or directory, test["suite"])

    def find(self, test):
        build, separator, name = test.rpartition(": ")
        build = build if separator else "plain"
        if not os.path.exists(os.path.join(self.work, build)):
            self.setup(build)
        return build, self.tests[build, name]

    def is_quick(self, test):
        """Does `./dev test` run it?"""
        if ": " in test:
            return False
        suites = self.find(test)[1][4]
        return not any(suite.endswith(("long", "slow")) for suite in suites)

    def make(self, build, targets):
        """Raises Failed where the compiler refuses."""
        if not targets:
            return
        command = ["ninja", "-C", os.path.join(self.work, build), *targets]
        if self.jobs is not None:
            command += ["-j", str(self.jobs)]
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if result.returncode != 0:
            raise Failed(result.stdout.decode(errors="replace"))

    def run(self, test, timeout_s=300):
        """None when the test passes; else how it failed, in a few words.  Raises Failed and Skipped."""
        build, (targets, command, variables, directory, _) = self.find(test)
        self.make(build, targets)
        # A group of its own, so that what hangs ends with all its children.
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   cwd=directory, env={**os.environ, **OPTIONS, **variables}, start_new_session=True,
                                   preexec_fn=limit_child)
        waited = 0.0
        while True:
            before = time.monotonic()
            try:
                output = process.communicate(timeout=0.5)[0].decode(errors="replace")
                break
            except subprocess.TimeoutExpired:
                waited += min(time.monotonic() - before, 1.0)  # who was stopped for a while did not hang
            if waited > timeout_s:
                os.killpg(process.pid, 9)
                process.communicate()
                return "hangs"
        if process.returncode == 0:
            return None
        lines = [line for line in output.splitlines() if line.strip()]
        if process.returncode == 77:  # Meson's number for it
            raise Skipped(lines[-1].strip() if lines else "it does not say why")
        wanted = [line for line in lines if any(word in line for word in TELLING)]
        return (wanted or lines or [f"ends with status {process.returncode}"])[0].strip()[:160]

    def measure(self, test):
        """The seconds that the test takes on what the tree is now; it must pass."""
        build, (targets, _, _, _, _) = self.find(test)
        self.make(build, targets)
        started = time.monotonic()
        found = self.run(test)
        if found is not None:
            raise SystemExit(f"{test} fails on the unchanged tree: {found}")
        return time.monotonic() - started
