"""A copy of the source tree that is changed, built and tested: shared by planted.py and mutate.py."""

import os
import shutil
import subprocess
import tempfile

# What each test is: (build, target to make, arguments).  Builds: plain, and address (AddressSanitizer, clang-19).
CORPUS = "@ROOT@/tests/fuzz/corpus/"
TESTS = {
    **{
        f"model {name}": ("plain", f"tests/model/model-{name}", ["--seconds", "20"])
        for name in ("gate", "stack", "cancel", "pool", "share", "concurrent")
    },
    **{
        f"unit {name}": ("plain", f"tests/test_{name}", [])
        for name in ("any", "arena", "burst", "concurrent", "context", "pool", "scope", "status", "type", "typed",
                     "ways_out")
    },
    **{
        f"fuzz {name}": ("plain", f"tests/fuzz/guarded_{name}", [CORPUS + name])
        for name in ("arena", "concurrent", "context", "pool")
    },
    **{
        f"fuzz {name}, poisoned": ("address", f"tests/fuzz/replay_{name}", [CORPUS + name])
        for name in ("arena", "concurrent", "context", "pool")
    },
    "fail": ("plain", "tests/fail/test_fail", []),
    "proof": (None, "tests/proof/run.sh", ["@ROOT@"]),
}

BUILDS = {
    "plain": ([], {}),
    "address": (["-Db_sanitize=address", "-Db_lundef=false"], {"CC": "clang-19", "CXX": "clang++-19"}),
}


class Failed(Exception):
    """The changed tree does not compile."""


class Tree:
    def __init__(self, root, work=None):
        self.work = work or tempfile.mkdtemp(prefix="libarena-mutation-")
        self.root = os.path.join(self.work, "tree")
        self.original = root
        if not os.path.isdir(self.root):
            shutil.copytree(root, self.root, ignore=shutil.ignore_patterns(".git", "build*"), symlinks=True)
            # tests/build is no build directory
            shutil.copytree(os.path.join(root, "tests/build"), os.path.join(self.root, "tests/build"), dirs_exist_ok=True)

    def path(self, name):
        return os.path.join(self.root, name)

    def read(self, name):
        with open(os.path.join(self.original, name), encoding="utf-8") as file:
            return file.read()

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def restore(self, name):
        self.write(name, self.read(name))

    def make(self, build, targets):
        """Raises Failed where the compiler refuses."""
        options, variables = BUILDS[build]
        directory = os.path.join(self.work, build)
        environment = {**os.environ, **variables}
        if not os.path.exists(os.path.join(directory, "build.ninja")):
            subprocess.run(
                ["meson", "setup", directory, self.root, "--buildtype=debugoptimized", "-Dmhd=disabled", "-Dexamples=false",
                 *options],
                check=True, env=environment, stdout=subprocess.DEVNULL,
            )
        result = subprocess.run(["ninja", "-C", directory, *targets], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                check=False)
        if result.returncode != 0:
            raise Failed(result.stdout.decode(errors="replace"))
        return directory

    def run(self, test, timeout_s=180):
        """None when the test passes; else how it failed, in a few words."""
        build, target, arguments = TESTS[test]
        directory = self.root if build is None else self.make(build, [target])
        arguments = [argument.replace("@ROOT@", self.root) for argument in arguments]
        environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=1", "MALLOC_PERTURB_": "95"}
        # A group of its own, so that what hangs ends with all its children.
        process = subprocess.Popen([os.path.join(directory, target), *arguments], stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, env=environment, start_new_session=True)
        try:
            output = process.communicate(timeout=timeout_s)[0].decode(errors="replace")
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.communicate()
            return "hangs"
        if process.returncode == 0:
            return None
        lines = [line for line in output.splitlines() if line.strip()]
        wanted = [line for line in lines if any(word in line for word in ("not so", "FAIL", "race", "ERROR", "goals"))]
        return (wanted or lines or [f"ends with status {process.returncode}"])[0].strip()[:160]
