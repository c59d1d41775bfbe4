# SPDX-License-Identifier: MIT
"""arena.api.json says something of each exported function, and scripts/api.py finds what is wrong in its table.

    test_api.py API SOURCE_ROOT
"""
import glob
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = sys.argv.pop(2)
API = sys.argv.pop(1)
SCRIPT = os.path.join(ROOT, "scripts", "api.py")
TABLE = os.path.join(ROOT, "include", "arena", "api.table")
HEADERS = sorted(glob.glob(os.path.join(ROOT, "include", "arena", "*.h")))


def read(*parts):
    with open(os.path.join(*parts), encoding="utf-8") as file:
        return file.read()


def exported():
    maps = read(ROOT, "src", "libarena.map") + read(ROOT, "src", "mhd", "libarena-mhd.map")
    return set(re.findall(r"^\s*(arena_\w+);$", maps, flags=re.MULTILINE))


class Written(unittest.TestCase):
    def setUp(self):
        self.functions = json.loads(read(API))["functions"]

    def test_each_exported_function_is_there(self):
        self.assertEqual(set(self.functions), exported())

    def test_each_has_the_four_members(self):
        for name, function in self.functions.items():
            kinds = {key: type(value) for key, value in function.items()}
            self.assertEqual(kinds, {"nullable": list, "blocks": bool, "transfers": list, "statuses": list}, name)

    def test_a_few_that_are_known(self):
        expected = {
            "arena_create_with": (["options"], False, ["out"], ["ARENA_OK", "ARENA_EINVAL", "ARENA_ENOMEM"]),
            "arena_destroy": (["arena"], False, ["arena"], []),
            "arena_try_alloc": (["value"], False, [], []),
            "arena_pool_return": (["pool", "arena"], False, ["arena"], []),
            "arena_concurrent_reset": ([], True, [], []),
            "arena_inject": (["parent", "arena"], False, ["out"], ["ARENA_OK", "ARENA_EINVAL", "ARENA_ENOMEM"]),
            "arena_request_body": (["request", "size_bytes"], False, [], []),
        }
        for name, members in expected.items():
            function = self.functions[name]
            found = tuple(function[key] for key in ("nullable", "blocks", "transfers", "statuses"))
            self.assertEqual(found, members, name)


class Comments(unittest.TestCase):
    def test_statuses_that_a_function_s_comment_names_are_said(self):
        functions = json.loads(read(API))["functions"]
        seen = 0
        for header in HEADERS:
            above = re.findall(r"/\*((?:(?!\*/).)*)\*/\s*ARENA_API\b[^;(]*?\b(arena_\w+)\(", read(header), re.DOTALL)
            for comment, name in above:
                comment = re.sub(r"but for\s[\s*]*ARENA_\w+", "", comment)
                said = set(functions[name]["statuses"])
                if said:
                    named = set(re.findall(r"\bARENA_E[A-Z]+\b", comment))
                    self.assertLessEqual(named, said, name)
                    seen += len(named)
        self.assertGreater(seen, 50)


class Guide(unittest.TestCase):
    def test_functions_that_the_guide_names_exist(self):
        named = set(re.findall(r"`(arena_[a-z_]+)(?:\([^`]*\))?`", read(ROOT, "docs", "languages.md")))
        self.assertGreater(len(named), 20)
        self.assertEqual(named - exported(), set())


class Table(unittest.TestCase):
    def complaint(self, change):
        """What api.py says of the table with a change made; "" when it has nothing to say."""
        with tempfile.TemporaryDirectory() as folder:
            table, output = os.path.join(folder, "table"), os.path.join(folder, "json")
            text = change(read(TABLE))
            with open(table, "w", encoding="utf-8") as file:
                file.write(text)
            ran = subprocess.run([sys.executable, SCRIPT, "--table", table, output, *HEADERS], check=False, text=True,
                                 stderr=subprocess.PIPE)
            self.assertEqual(ran.returncode == 0, os.path.exists(output))
            return ran.stderr

    def line(self, name, text):
        return lambda table: re.sub(rf"^{name} .*$", text, table, flags=re.MULTILINE)

    def test_as_it_stands(self):
        self.assertEqual(self.complaint(lambda table: table), "")

    def test_mistakes(self):
        for line, complaint in (
            ("", "no line for arena_create"),
            ("arena_create - out - EINVAL\narena_creates - out - EINVAL", "no header declares arena_creates"),
            ("arena_create - out - EINVAL\narena_create - out - EINVAL", "arena_create is there twice"),
            ("arena_create capacity out - EINVAL", "`capacity` is no pointer"),
            ("arena_create options out - EINVAL", "`options` is no pointer"),
            ("arena_create - ouch - EINVAL", "`ouch` is none of its parameters"),
            ("arena_create - out sleeps EINVAL", "column of waits"),
            ("arena_create - out - EINVALID", "no status ARENA_EINVALID"),
            ("arena_create - out - -", "no status is named"),
            ("arena_create - out", "expected a name and four columns"),
        ):
            self.assertIn(complaint, self.complaint(self.line("arena_create", line)))
        self.assertIn("it has none", self.complaint(self.line("arena_reset", "arena_reset - - - EBUSY")))


if __name__ == "__main__":
    unittest.main()
