# SPDX-License-Identifier: MIT
"""libarena from Python's ctypes, with no C compiler and no header: the quick start of the Go package's README first, then
each handle.

    test_ctypes.py LIBARENA API

What waits lets go of the interpreter's lock, the rest keeps it: arena.api.json says which.
"""
import ctypes
import json
import sys
import threading
import unittest
from ctypes import POINTER, byref, c_bool, c_char_p, c_double, c_int, c_int64, c_size_t, c_uint32, c_void_p, sizeof

LIBRARY = sys.argv.pop(1)
with open(sys.argv.pop(1), encoding="utf-8") as api_file:
    API = json.load(api_file)["functions"]
keeps_lock, lets_go = ctypes.PyDLL(LIBRARY), ctypes.CDLL(LIBRARY)


class Functions:
    """The library's functions, once they are declared."""


lib = Functions()

OK, EINVAL, ENOMEM, EFULL, ECANCELED, ETIMEDOUT, ENOARENA, EBUSY, EPANIC = range(0, -9, -1)


class Type(ctypes.Structure):
    _fields_ = [("name", c_char_p), ("size", c_size_t), ("align", c_size_t), ("drop", c_void_p),
                ("flags", c_uint32), ("reserved", c_uint32)]


class Options(ctypes.Structure):
    _fields_ = [("struct_size", c_size_t), ("clear", c_uint32), ("flags", c_uint32), ("retain_bytes", c_size_t),
                ("block_bytes", c_size_t), ("source", c_void_p), ("label", c_char_p), ("drop_user", c_void_p)]


class Burst(ctypes.Structure):
    _fields_ = [("cursor", c_void_p), ("limit", c_void_p), ("arena", c_void_p)]


class Scope(ctypes.Structure):
    _fields_ = [("arena", c_void_p)]


ACTION = ctypes.CFUNCTYPE(None, c_void_p)
POOL_ACTION = ctypes.CFUNCTYPE(None, c_void_p, c_void_p)
HANDLER = ctypes.CFUNCTYPE(None, c_char_p, c_void_p)
DROP = ctypes.CFUNCTYPE(None, c_void_p, c_void_p)
OUT = POINTER(c_void_p)


def declare(result, names, *arguments):
    for name in names.split():
        function = (lets_go if API[name]["blocks"] else keeps_lock)[name]
        function.restype = result
        function.argtypes = arguments
        setattr(lib, name, function)


declare(c_uint32, "arena_version")
declare(c_char_p, "arena_strerror", c_int)
declare(c_size_t, "arena_type_size arena_type_align arena_any_max arena_any_slot_size")
declare(c_bool, "arena_type_equal", POINTER(Type), POINTER(Type))
declare(None, "arena_set_panic_handler", HANDLER, c_void_p)
declare(c_int, "arena_protect", ACTION, c_void_p)
declare(c_int, "arena_create arena_concurrent_create arena_pool_create", POINTER(Type), c_size_t, OUT)
declare(c_int, "arena_create_with", POINTER(Type), c_size_t, POINTER(Options), OUT)
declare(None, "arena_destroy arena_reset arena_concurrent_destroy", c_void_p)
declare(c_void_p, "arena_alloc arena_try_alloc arena_concurrent_try_alloc", c_void_p, c_void_p)
declare(c_void_p, "arena_try_alloc_slab", c_void_p, c_size_t)
declare(c_size_t, "arena_used arena_remaining arena_concurrent_used arena_concurrent_remaining", c_void_p)
declare(POINTER(Type), "arena_pool_type_of", c_void_p)
declare(POINTER(Type), "arena_type_any")
declare(c_void_p, "arena_try_alloc_any", c_void_p, POINTER(Type), c_void_p)
declare(c_void_p, "arena_any_get", c_void_p, POINTER(Type))
declare(POINTER(Type), "arena_any_type", c_void_p)
declare(None, "arena_burst_begin", c_void_p, POINTER(Burst))
declare(c_void_p, "arena_burst_put", POINTER(Burst), c_void_p)
declare(None, "arena_burst_end", c_void_p, POINTER(Burst))
declare(c_int, "arena_concurrent_alloc_context", c_void_p, c_void_p, c_void_p, OUT)
declare(c_int, "arena_concurrent_acquire", c_void_p, c_void_p, OUT)
declare(None, "arena_concurrent_release", c_void_p)
declare(c_int, "arena_concurrent_try_acquire", c_void_p, OUT)
declare(c_int, "arena_concurrent_alloc_any_context", c_void_p, c_void_p, POINTER(Type), c_void_p, OUT)
declare(c_int, "arena_reset_checked arena_destroy_checked arena_concurrent_release_checked", c_void_p)
declare(c_int, "arena_concurrent_trim_checked arena_concurrent_destroy_checked", c_void_p)
declare(c_int, "arena_pool_return_checked", c_void_p, c_void_p)
declare(c_int, "arena_pool_scope_leave_checked", POINTER(Scope))
declare(c_int, "arena_pool_destroy", c_void_p)
declare(c_int, "arena_pool_execute", c_void_p, POOL_ACTION, c_void_p)
declare(c_int, "arena_pool_checkout", c_void_p, OUT)
declare(c_int, "arena_pool_checkout_context", c_void_p, c_void_p, OUT)
declare(None, "arena_pool_return", c_void_p, c_void_p)
declare(None, "arena_pool_trim", c_void_p)
declare(c_size_t, "arena_pool_arena_cap", c_void_p)
declare(c_int, "arena_pool_scope_enter", c_void_p, POINTER(Scope))
declare(c_void_p, "arena_context_background")
declare(c_int, "arena_context_with_cancel", c_void_p, OUT)
declare(c_int, "arena_context_with_deadline", c_void_p, c_int64, OUT)
declare(None, "arena_context_cancel arena_context_release", c_void_p)
declare(c_int, "arena_context_status", c_void_p)
declare(c_void_p, "arena_context_retain", c_void_p)
declare(c_int, "arena_inject", c_void_p, c_void_p, OUT)
declare(c_int, "arena_extract", c_void_p, POINTER(Type), OUT)
declare(c_int64, "arena_clock_now")

INT = Type(b"int", sizeof(c_int), ctypes.alignment(c_int), None)
DOUBLE = Type(b"double", sizeof(c_double), ctypes.alignment(c_double), None)


def made(create, *arguments):
    """The handle that a function with a trailing out makes."""
    out = c_void_p()
    status = create(*arguments, byref(out))
    assert status == OK, (create.__name__, lib.arena_strerror(status))
    assert out.value is not None
    return out


def value_at(address, kind=c_int):
    return kind.from_address(address).value


def put(arena, number):
    return lib.arena_try_alloc(arena, byref(c_int(number)))


class QuickStart(unittest.TestCase):
    """What the Go package's README does."""

    def test_quick_start(self):
        arena = made(lib.arena_create, byref(INT), 4)
        self.addCleanup(lib.arena_destroy, arena)
        first = lib.arena_alloc(arena, byref(c_int(10)))
        second = lib.arena_alloc(arena, byref(c_int(20)))
        self.assertEqual((value_at(first), value_at(second)), (10, 20))
        lib.arena_reset(arena)
        following = lib.arena_alloc(arena, byref(c_int(30)))
        self.assertEqual(value_at(following), 30)
        self.assertEqual(following, first)

    def test_slab(self):
        arena = made(lib.arena_create, byref(INT), 8)
        self.addCleanup(lib.arena_destroy, arena)
        address = lib.arena_try_alloc_slab(arena, 3)
        slab = (c_int * 3).from_address(address)
        self.assertEqual(list(slab), [0, 0, 0])
        slab[:] = [10, 20, 30]
        self.assertEqual(put(arena, 40), address + 3 * sizeof(c_int))
        self.assertEqual(list(slab), [10, 20, 30])
        self.assertIsNone(lib.arena_try_alloc_slab(arena, 5))
        self.assertEqual(lib.arena_used(arena), 4)

    def test_mixed_values(self):
        arena = made(lib.arena_create, lib.arena_type_any(), 4)
        self.addCleanup(lib.arena_destroy, arena)
        number = lib.arena_try_alloc_any(arena, byref(INT), byref(c_int(123)))
        real = lib.arena_try_alloc_any(arena, byref(DOUBLE), byref(c_double(2.5)))
        self.assertEqual(value_at(lib.arena_any_get(number, byref(INT))), 123)
        self.assertEqual(value_at(lib.arena_any_get(real, byref(DOUBLE)), c_double), 2.5)
        self.assertIsNone(lib.arena_any_get(number, byref(DOUBLE)))
        self.assertEqual(lib.arena_any_type(real).contents.name, b"double")
        large = Type(b"large", lib.arena_any_max() + 1, 1, None)
        self.assertIsNone(lib.arena_try_alloc_any(arena, byref(large), None))

    def test_shared_by_workers(self):
        arena = made(lib.arena_concurrent_create, byref(INT), 800)
        self.addCleanup(lib.arena_concurrent_destroy, arena)
        addresses = [[] for _ in range(8)]

        def work(worker):
            for i in range(100):
                address = lib.arena_concurrent_try_alloc(arena, byref(c_int(worker * 100 + i)))
                addresses[worker].append(address)

        threads = [threading.Thread(target=work, args=(worker,)) for worker in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found = sorted(value_at(address) for one in addresses for address in one)
        self.assertEqual(found, list(range(800)))
        self.assertIsNone(lib.arena_concurrent_try_alloc(arena, None))
        self.assertEqual(lib.arena_concurrent_remaining(arena), 0)

    def test_pool_executes(self):
        pool = made(lib.arena_pool_create, byref(INT), 256)
        seen = []

        @POOL_ACTION
        def action(arena, _user):
            seen.append((lib.arena_used(arena), value_at(put(arena, 123))))

        for _ in range(3):
            self.assertEqual(lib.arena_pool_execute(pool, action, None), OK)
        self.assertEqual(seen, [(0, 123)] * 3)
        self.assertEqual(lib.arena_pool_destroy(pool), OK)

    def test_inject_and_extract(self):
        arena = made(lib.arena_create, byref(INT), 128)
        self.addCleanup(lib.arena_destroy, arena)
        context = made(lib.arena_inject, None, arena)
        self.addCleanup(lib.arena_context_release, context)
        self.assertEqual(made(lib.arena_extract, context, byref(INT)).value, arena.value)
        out = c_void_p(1)
        self.assertEqual(lib.arena_extract(context, byref(DOUBLE), byref(out)), ENOARENA)
        self.assertIsNone(out.value)
        hidden = made(lib.arena_inject, context, None)
        self.addCleanup(lib.arena_context_release, hidden)
        self.assertEqual(lib.arena_extract(hidden, byref(INT), byref(out)), ENOARENA)


class Constants(unittest.TestCase):
    def test_have_function_twins(self):
        self.assertEqual(lib.arena_version() >> 16, int(LIBRARY.rsplit(".so.", 1)[1].split(".")[0]))
        self.assertEqual(lib.arena_type_size(), sizeof(Type))
        self.assertEqual(lib.arena_type_align(), ctypes.alignment(Type))
        self.assertEqual(lib.arena_any_max(), 32)
        self.assertGreater(lib.arena_any_slot_size(), 32)
        self.assertTrue(lib.arena_type_equal(byref(INT), byref(Type(b"int", INT.size, INT.align, None))))
        self.assertFalse(lib.arena_type_equal(byref(INT), byref(DOUBLE)))
        texts = {lib.arena_strerror(status) for status in range(0, -9, -1)}
        self.assertEqual(len(texts), 9)
        self.assertTrue(lib.arena_strerror(12345))


class Single(unittest.TestCase):
    def test_statuses(self):
        out = c_void_p(1)
        self.assertEqual(lib.arena_create(byref(Type(b"odd", 4, 3, None)), 4, byref(out)), EINVAL)
        self.assertIsNone(out.value)
        self.assertEqual(lib.arena_create(byref(INT), 2**64 - 1, byref(out)), ENOMEM)
        self.assertEqual(lib.arena_create(byref(INT), 1, None), EINVAL)
        unknown = Options(sizeof(Options), 77, 0)
        self.assertEqual(lib.arena_create_with(byref(INT), 1, byref(unknown), byref(out)), EINVAL)

    def test_burst(self):
        arena = made(lib.arena_create, byref(INT), 10)
        self.addCleanup(lib.arena_destroy, arena)
        burst = Burst()
        lib.arena_burst_begin(arena, byref(burst))
        addresses = [lib.arena_burst_put(byref(burst), byref(c_int(i))) for i in range(11)]
        lib.arena_burst_end(arena, byref(burst))
        self.assertIsNone(addresses.pop())
        self.assertEqual([value_at(address) for address in addresses], list(range(10)))
        self.assertEqual(lib.arena_used(arena), 10)

    def test_drops_run_last_to_first(self):
        dropped = []
        drop = DROP(lambda element, user: dropped.append(value_at(element)))
        kind = Type(b"int", INT.size, INT.align, ctypes.cast(drop, c_void_p))
        arena = made(lib.arena_create, byref(kind), 4)
        for number in (1, 2, 3):
            put(arena, number)
        lib.arena_reset(arena)
        self.assertEqual(dropped, [3, 2, 1])
        put(arena, 4)
        lib.arena_destroy(arena)
        self.assertEqual(dropped, [3, 2, 1, 4])


class Threads(unittest.TestCase):
    """Two threads of Python's on one single-owner arena: the interpreter's lock guards it, if calls keep that."""

    def together(self, *bodies):
        threads = [threading.Thread(target=body) for body in bodies]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def test_no_slot_is_handed_out_twice(self):
        arena = made(lib.arena_create, byref(INT), 40_000)
        self.addCleanup(lib.arena_destroy, arena)
        addresses = []

        def work():
            for _ in range(20_000):
                addresses.append(put(arena, 1))

        self.together(work, work)
        self.assertEqual(len(set(addresses)), 40_000)
        self.assertEqual(lib.arena_remaining(arena), 0)

    def test_a_reset_is_done_before_the_next_allocation(self):
        size = 64 << 20
        arena = made(lib.arena_create, byref(Type(b"char", 1, 1, None)), size + (1 << 20))
        self.addCleanup(lib.arena_destroy, arena)
        ctypes.memset(lib.arena_try_alloc_slab(arena, size), 1, size)
        begun, done = threading.Event(), threading.Event()

        def allocate():
            while not done.is_set():
                lib.arena_try_alloc(arena, b"x")
                begun.set()

        def reset():
            begun.wait()
            lib.arena_reset(arena)
            done.set()

        self.together(allocate, reset)
        lib.arena_reset(arena)  # clears what the arena knows of
        slab = lib.arena_try_alloc_slab(arena, size + (1 << 20))
        self.assertEqual(ctypes.string_at(slab, size + (1 << 20)).find(b"x"), -1)


class Concurrent(unittest.TestCase):
    def setUp(self):
        self.arena = made(lib.arena_concurrent_create, byref(INT), 4)
        self.addCleanup(lib.arena_concurrent_destroy, self.arena)

    def test_cancel_wakes_who_waits_for_the_gate(self):
        context = made(lib.arena_context_with_cancel, None)
        self.addCleanup(lib.arena_context_release, context)
        behind = made(lib.arena_concurrent_acquire, self.arena, None)
        self.assertIsNotNone(put(behind, 5))
        out = c_void_p()
        self.assertEqual(lib.arena_concurrent_alloc_context(self.arena, None, None, byref(out)), EBUSY)
        statuses = []

        def wait():
            slot = c_void_p()
            statuses.append(lib.arena_concurrent_alloc_context(self.arena, context, None, byref(slot)))

        thread = threading.Thread(target=wait)
        thread.start()
        lib.arena_context_cancel(context)
        thread.join()
        self.assertEqual(statuses, [ECANCELED])
        lib.arena_concurrent_release(self.arena)
        self.assertEqual(lib.arena_concurrent_used(self.arena), 1)


class Pool(unittest.TestCase):
    def test_checkout_and_return(self):
        pool = made(lib.arena_pool_create, byref(INT), 16)
        first = made(lib.arena_pool_checkout, pool)
        second = made(lib.arena_pool_checkout_context, pool, None)
        self.assertNotEqual(first.value, second.value)
        put(first, 1)
        self.assertEqual(lib.arena_pool_destroy(pool), EBUSY)
        lib.arena_pool_return(pool, first)
        thread = threading.Thread(target=lib.arena_pool_return, args=(pool, second))
        thread.start()
        thread.join()
        again = made(lib.arena_pool_checkout, pool)
        self.assertEqual(lib.arena_used(again), 0)
        lib.arena_pool_return(pool, again)
        lib.arena_pool_trim(pool)
        self.assertEqual(lib.arena_pool_arena_cap(pool), 16)
        self.assertEqual(lib.arena_pool_type_of(pool).contents.name, b"int")
        self.assertEqual(lib.arena_pool_destroy(pool), OK)


class Context(unittest.TestCase):
    def test_a_child_ends_with_its_parent(self):
        parent = made(lib.arena_context_with_cancel, lib.arena_context_background())
        child = made(lib.arena_context_with_deadline, parent, lib.arena_clock_now() + 3600 * 10**9)
        self.assertEqual(lib.arena_context_retain(child), child.value)
        lib.arena_context_release(child)
        self.assertEqual(lib.arena_context_status(child), OK)
        lib.arena_context_cancel(parent)
        self.assertEqual(lib.arena_context_status(child), ECANCELED)
        self.assertEqual(lib.arena_context_status(None), OK)
        lib.arena_context_release(parent)
        lib.arena_context_release(child)


class Misuse(unittest.TestCase):
    """What would end the process by a panic is a status, and the handles can be used on."""

    def elsewhere(self, function, *arguments):
        """What the function gives on another thread."""
        results = []
        thread = threading.Thread(target=lambda: results.append(function(*arguments)))
        thread.start()
        thread.join()
        return results[0]

    def test_arenas_of_pools(self):
        pool, other = (made(lib.arena_pool_create, byref(INT), 4) for _ in range(2))
        arena = made(lib.arena_pool_checkout, pool)
        self.assertEqual(lib.arena_pool_return_checked(other, arena), EINVAL)
        self.assertEqual(lib.arena_destroy_checked(arena), EBUSY)
        self.assertIsNotNone(put(arena, 1))
        self.assertEqual(lib.arena_pool_return_checked(pool, arena), OK)
        self.assertEqual(lib.arena_pool_return_checked(pool, arena), EINVAL)
        self.assertEqual(lib.arena_pool_return_checked(pool, None), OK)
        self.assertEqual(lib.arena_reset_checked(arena), EINVAL)
        self.assertEqual(lib.arena_destroy_checked(arena), EBUSY)
        scope = Scope()
        self.assertEqual(lib.arena_pool_scope_enter(pool, byref(scope)), OK)
        self.assertEqual(lib.arena_pool_return_checked(pool, scope.arena), EINVAL)
        self.assertEqual(self.elsewhere(lib.arena_pool_scope_leave_checked, byref(scope)), EINVAL)
        self.assertEqual(lib.arena_pool_scope_leave_checked(byref(scope)), OK)
        self.assertEqual(lib.arena_pool_scope_leave_checked(byref(scope)), OK)
        self.assertEqual([lib.arena_pool_destroy(pool), lib.arena_pool_destroy(other)], [OK, OK])

    def test_gates(self):
        shared = made(lib.arena_concurrent_create, lib.arena_type_any(), 4)
        self.assertEqual(lib.arena_concurrent_release_checked(shared), EINVAL)
        held = made(lib.arena_concurrent_acquire, shared, None)
        out = c_void_p()
        number = byref(c_int(5))
        self.assertEqual(lib.arena_concurrent_alloc_any_context(shared, None, byref(INT), number, byref(out)), EBUSY)
        self.assertEqual(lib.arena_concurrent_try_acquire(shared, byref(out)), EBUSY)
        self.assertEqual(lib.arena_concurrent_trim_checked(shared), EBUSY)
        self.assertEqual(lib.arena_concurrent_destroy_checked(shared), EBUSY)
        self.assertEqual(lib.arena_destroy_checked(held), EBUSY)
        self.assertEqual(self.elsewhere(lib.arena_concurrent_release_checked, shared), EINVAL)
        self.assertEqual(lib.arena_concurrent_release_checked(shared), OK)
        self.assertEqual(lib.arena_reset_checked(held), EINVAL)
        slot = made(lib.arena_concurrent_alloc_any_context, shared, None, byref(INT), number)
        self.assertEqual(value_at(lib.arena_any_get(slot, byref(INT))), 5)
        self.assertEqual(lib.arena_concurrent_alloc_any_context(shared, None, None, None, byref(out)), EINVAL)
        self.assertEqual(lib.arena_concurrent_destroy_checked(shared), OK)


class Panics(unittest.TestCase):
    """An allocation that panics through frames of Python's would be undefined; the action here is libarena's own."""

    def test_protect_catches_a_panic(self):
        arena = made(lib.arena_create, byref(INT), 0)
        messages = []
        handler = HANDLER(lambda message, _user: messages.append(message))
        lib.arena_set_panic_handler(handler, None)
        action = ctypes.cast(lib.arena_concurrent_release, ACTION)  # panics: the caller does not hold the gate
        concurrent = made(lib.arena_concurrent_create, byref(INT), 1)
        status = lib.arena_protect(action, concurrent)
        lib.arena_set_panic_handler(HANDLER(), None)
        self.assertEqual(status, EPANIC)
        self.assertEqual(len(messages), 1)
        lib.arena_concurrent_destroy(concurrent)
        lib.arena_destroy(arena)


if __name__ == "__main__":
    unittest.main()
