# SPDX-License-Identifier: MIT
"""The generated declarations as cffi reads them: every function is found in the library, and a few do their work.

    test_cffi.py API CDEF LIBARENA [CDEF_MHD LIBARENA_MHD]
"""
import json
import os
import re
import resource
import signal
import sys
import unittest

from cffi import FFI

API, *ARGUMENTS = sys.argv[1:]
del sys.argv[1:]


def opened(cdefs, library):
    ffi = FFI()
    for cdef in cdefs:
        with open(cdef, encoding="utf-8") as file:
            ffi.cdef(file.read())
    return ffi, ffi.dlopen(library)


ffi, lib = opened(ARGUMENTS[:1], ARGUMENTS[1])


def made(create, *arguments, kind="struct arena *"):
    out = ffi.new(kind + "[1]")
    status = create(*arguments, out)
    assert status == lib.ARENA_OK, ffi.string(lib.arena_strerror(status))
    return out[0]


class Declarations(unittest.TestCase):
    def functions(self, path):
        with open(path, encoding="utf-8") as file:
            text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.DOTALL)
            names = re.findall(r"^[^{}/]*?\b(arena_\w+)\(", text, flags=re.MULTILINE)
        self.assertGreater(len(names), 10)
        return names

    def test_each_function_has_a_remark(self):
        for path in ARGUMENTS[::2]:
            with open(path, encoding="utf-8") as file:
                lines = file.read().split("\n")
            for above, line in zip(lines, lines[1:]):
                if line.endswith(");") and re.match(r"\w", line) and not line.startswith("typedef"):
                    self.assertRegex(above, r"^/\* (Waits|Returns at once)\..*\*/$", line)

    def test_every_function_is_in_the_library(self):
        for name in self.functions(ARGUMENTS[0]):
            self.assertTrue(callable(getattr(lib, name)), name)

    def test_every_function_of_the_binding_is_in_its_library(self):
        if len(ARGUMENTS) < 4:
            self.skipTest("built without the HTTP binding")
        both, mhd = opened([ARGUMENTS[0], ARGUMENTS[2]], ARGUMENTS[3])
        for name in self.functions(ARGUMENTS[2]):
            if name != "arena_mhd_handler":
                self.assertTrue(callable(getattr(mhd, name)), name)
        self.assert_sizes(ARGUMENTS[2], both, mhd)
        self.assertEqual([mhd.MHD_NO, mhd.MHD_YES, mhd.MHD_REQUEST_TERMINATED_COMPLETED_OK], [0, 1, 0])
        self.assertEqual(mhd.arena_mhd_create(ffi.NULL, ffi.NULL, ffi.NULL, ffi.NULL), lib.ARENA_EINVAL)

    def assert_sizes(self, cdef, ffi, lib):
        """Each struct that programs lay out has a function that says its size."""
        with open(cdef, encoding="utf-8") as file:
            tags = re.findall(r"^struct (arena_\w+) \{", file.read(), flags=re.MULTILINE)
        self.assertGreater(len(tags), 0)
        for tag in tags:
            if tag != "arena_head":
                self.assertEqual(getattr(lib, tag + "_size")(), ffi.sizeof("struct " + tag), tag)

    def test_layouts_are_the_library_s(self):
        self.assert_sizes(ARGUMENTS[0], ffi, lib)
        self.assertEqual(ffi.alignof("struct arena_type"), lib.arena_type_align())
        for field, description in ffi.typeof("struct arena_type").fields:
            self.assertEqual(lib.arena_type_offset(field.encode()), description.offset, field)
        self.assertEqual(ffi.sizeof("struct arena_head"), 4 * ffi.sizeof("void *"))
        self.assertEqual(lib.ARENA_ANY_MAX, lib.arena_any_max())
        self.assertEqual([lib.ARENA_VERSION, lib.ARENA_VERSION_MAJOR], [lib.arena_version(), lib.arena_version() >> 16])
        self.assertEqual([lib.ARENA_EINVAL, lib.ARENA_EPANIC, lib.ARENA_GATE_ONLY], [-1, -8, 4])


class Nulls(unittest.TestCase):
    """Every function with NULL for each pointer and 0 for each number does what arena.api.json says of it."""

    def setUp(self):
        with open(API, encoding="utf-8") as file:
            self.api = json.load(file)["functions"]

    def outcome(self, call):
        """What a child that calls it ends with: (signal, result as a number)."""
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            os.close(2)
            result = call()
            os.write(writer, str(int(result) if isinstance(result, (int, bool)) else 0).encode())
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as pipe:
            text = pipe.read()
        _, status = os.waitpid(child, 0)
        return (os.WTERMSIG(status), None) if os.WIFSIGNALED(status) else (0, int(text))

    def sweep(self, ffi, lib, names):
        called = 0
        for name in names:
            said = self.api[name]
            function = getattr(lib, name)
            kinds = ffi.typeof(function).args
            pointers = [kind for kind in kinds if kind.kind in ("pointer", "function")]
            arguments = [ffi.NULL if kind in pointers else ffi.cast(kind, 0) for kind in kinds]
            nothing = any(parameter in said["nullable"] for parameter in said["transfers"])  # to give back, or to end
            if nothing or len(said["nullable"]) == len(pointers) and not name.startswith("arena_panic"):
                expected = (0, 0) if said["statuses"] else (0, None)
            elif said["statuses"]:
                expected = (0, lib.ARENA_EINVAL)
            elif name + "_checked" in self.api:
                expected = (signal.SIGABRT, None)
            else:
                continue
            found = self.outcome(lambda: function(*arguments))
            self.assertEqual(found if expected[1] is not None else (found[0], None), expected, name)
            called += 1
        self.assertGreater(called, len(names) // 2)

    def test_libarena(self):
        self.sweep(ffi, lib, [name for name in self.api if not re.match("arena_(mhd|request|field|part)_|.*printf$", name)])

    def test_the_binding(self):
        if len(ARGUMENTS) < 4:
            self.skipTest("built without the HTTP binding")
        ffi, mhd = opened([ARGUMENTS[0], ARGUMENTS[2]], ARGUMENTS[3])
        self.sweep(ffi, mhd, [name for name in self.api if re.match("arena_(mhd|request|field|part)_", name)])


class Use(unittest.TestCase):
    def setUp(self):
        self.name = ffi.new("char[]", b"int")
        self.type = ffi.new("struct arena_type *", [self.name, ffi.sizeof("int"), ffi.alignof("int"), ffi.NULL])

    def test_truth_values_are_no_numbers(self):
        other = ffi.new("struct arena_type *", [self.name, 1, 1, ffi.NULL])
        self.assertIs(lib.arena_type_equal(self.type, self.type), True)
        self.assertIs(lib.arena_type_equal(self.type, other), False)

    def test_arena(self):
        arena = made(lib.arena_create, self.type, 4)
        first = ffi.cast("int *", lib.arena_try_alloc(arena, ffi.new("int *", 10)))
        second = ffi.cast("int *", lib.arena_try_alloc(arena, ffi.new("int *", 20)))
        self.assertEqual((first[0], second[0]), (10, 20))
        slab = ffi.cast("int *", lib.arena_try_alloc_slab(arena, 2))
        self.assertEqual((slab[0], slab[1]), (0, 0))
        self.assertEqual(lib.arena_try_alloc(arena, ffi.NULL), ffi.NULL)
        lib.arena_reset(arena)
        self.assertEqual(lib.arena_remaining(arena), 4)
        self.assertEqual(ffi.cast("int *", lib.arena_try_alloc(arena, ffi.new("int *", 30))), first)
        lib.arena_destroy(arena)

    def test_options(self):
        options = ffi.new("struct arena_options *", [ffi.sizeof("struct arena_options"), lib.ARENA_CLEAR_ON_HANDOUT, 0])
        arena = made(lib.arena_create_with, self.type, 4, options)
        self.assertEqual(lib.arena_cap(arena), 4)
        lib.arena_destroy(arena)

    def test_callbacks(self):
        pool = made(lib.arena_pool_create, self.type, 8, kind="struct arena_pool *")
        seen = []

        @ffi.callback("void(struct arena *, void *)")
        def action(arena, _user):
            seen.append(lib.arena_cap(arena))

        self.assertEqual(lib.arena_pool_execute(pool, action, ffi.NULL), lib.ARENA_OK)
        self.assertEqual(seen, [8])
        self.assertEqual(lib.arena_pool_destroy(pool), lib.ARENA_OK)

    def test_context_carries_an_arena(self):
        arena = made(lib.arena_create, self.type, 1)
        context = made(lib.arena_inject, ffi.NULL, arena, kind="struct arena_context *")
        self.assertEqual(made(lib.arena_extract, context, self.type), arena)
        lib.arena_context_release(context)
        lib.arena_destroy(arena)


if __name__ == "__main__":
    unittest.main()
