# SPDX-License-Identifier: MIT
"""The inline path compiles to the expected handful of instructions:  inline.py INCLUDE_DIR... -- COMPILER...

Compiles one allocation with each compiler at -O2, and counts what runs when there is room: from the function's label to
its return, without the branch to the part that is out of line.  A struct made in registers does not go through the stack.
Then the light barrier: it keeps the compiler from moving or merging what is on its two sides, and costs no instruction.  And
what clears past the caches is in order before it returns, which a processor shows once in a very long while.
Exits 1 when a count is above its limit, 77 when no compiler was for a processor that is known here.
"""

import re
import subprocess
import sys

PROGRAM = """
#include <arena/arena.h>
struct item { int64_t a, b, c, d; };
ARENA_DEFINE(i64, int64_t)
ARENA_DEFINE(items, struct item)
int64_t *alloc_one(struct i64 *arena, int64_t value) { return i64_alloc(arena, value); }
int64_t *try_alloc_one(struct i64 *arena, int64_t value) { return i64_try_alloc(arena, value); }
int64_t *alloc_zero(struct i64 *arena) { return i64_alloc_zero(arena); }
struct item *alloc_item(struct items *arena, int64_t a, int64_t b, int64_t c) {
    return items_try_alloc(arena, (struct item){a, b, c, a});
}
int64_t *alloc_few(struct i64 *arena, int64_t a, int64_t b, int64_t c) {
    return ARENA_SLAB_WITH(i64, arena, a, b, c, 7).data;
}
"""

# Load cursor and limit, compare, branch, advance, store the cursor, store the value, return it.
LIMITS = {
    "x86_64": {"alloc_one": 8, "try_alloc_one": 8, "alloc_zero": 8},
    "aarch64": {"alloc_one": 9, "try_alloc_one": 9, "alloc_zero": 9},
}

# Two stores to one place: without a barrier in between the first is dead.  The model checker sees what goes wrong when the
# barrier is not called; it has one of its own, so it does not see what this one is.
BARRIER = """
#include "platform/sync.h"
void bare(int *to) { *to = 1; *to = 2; }
void ordered(int *to) { *to = 1; barrier_light(); *to = 2; }
void kept(volatile int *to) { *to = 1; *to = 2; }
"""

# A buffer of the frame stays in registers, in C++ too: what it has no room for gets a copy.  No function gets its address.
BUFFER = """
#include <arena/arena.h>
#define PUT_ALL(name, length)                                                                                      \\
    void name(struct arena_bytes *arena, const char *text, const unsigned char *lengths, void (*use)(char *)) {    \\
        struct arena_buffer buffer = {NULL, 0, 0, arena};                                                          \\
        for (size_t i = 0; lengths[i] != 0; i++) arena_buffer_append(&buffer, text, length);                       \\
        use(arena_buffer_text(&buffer));                                                                           \\
    }
PUT_ALL(put_all, lengths[i])
PUT_ALL(put_some, lengths[i] / 2)
PUT_ALL(put_eight, 8)
"""

# Stores that pass the caches wait for no other: a fence has to follow the last of them.
CLEAR = """
#include "core/clear.c"
"""

# A value that is made in registers is stored from there.  Through the stack it would be stored in words and loaded again in
# wide pieces, which waits until the words have left the store buffer: ten times what the allocation costs.
WIDE_LOAD = {
    "x86_64": r"v?mov\w+\s+[-\w]*\(%[re]sp\), %[xyz]mm",
    "aarch64": r"ldu?[rp]\s+q.*\[sp",
}


def hot_path(assembly, function):
    """The instructions from the label on, following jumps that are always taken, until the return."""
    lines = assembly.splitlines()
    labels = {match.group(1): index for index, line in enumerate(lines)
              for match in [re.match(r"([.\w$]+):", line)] if match}
    found, index = [], labels[function] + 1
    while len(found) < 100 and index < len(lines):
        text = re.sub(r"(#|//|@).*", "", lines[index]).strip()
        index += 1
        if not text or text.startswith(".") or re.match(r"[.\w$]+:", text):
            continue
        words = text.split()
        if words[0] in ("endbr64", "bti"):
            continue
        if words[0] in ("jmp", "b") and words[-1] in labels:
            index = labels[words[-1]] + 1
            found.append(text)
            continue
        found.append(text)
        if words[0] in ("ret", "retq"):
            return found
    return found


def compile_to_text(command, includes, program, language=("c", "c11")):
    flags = ["-x", language[0], "-std=" + language[1], "-D_POSIX_C_SOURCE=200809L", "-O2", "-S", "-o", "-", "-"]
    return subprocess.run(command + ["-I" + include for include in includes] + flags, input=program, text=True,
                          capture_output=True, check=True).stdout


def check_barrier(compiler, includes):
    assembly = compile_to_text(compiler.split(), includes, BARRIER)
    bare, ordered, kept = (len(hot_path(assembly, function)) for function in ("bare", "ordered", "kept"))
    right = bare < ordered == kept
    print("%-28s %-8s %-14s %2d instructions, %d without, %d wanted%s" % (compiler, "", "barrier_light", ordered, bare, kept,
                                                                         "" if right else ": not so"))
    return right


def check_clear(compiler, includes):
    lines = compile_to_text(compiler.split(), includes, CLEAR).splitlines()
    streams = [index for index, line in enumerate(lines) if re.match(r"\s+v?movnt", line)]
    fences = [index for index, line in enumerate(lines) if re.match(r"\s+sfence", line)]
    right = not streams or (bool(fences) and fences[-1] > streams[-1])
    print("%-28s %-8s %-14s %2d streaming stores, %d fences%s" % (compiler, "", "clear_bytes", len(streams), len(fences),
                                                                 "" if right else ": not so"))
    return right


def check_buffer(compiler, includes):
    right = True
    for language in ("c", "c11"), ("c++", "c++17"):
        try:
            assembly = compile_to_text(compiler.split(), includes, BUFFER, language)
        except subprocess.CalledProcessError:
            if language[0] == "c":
                raise
            continue  # it has no C++
        apart = re.findall(r"^(\w*arena_buffer_\w+[.\w]*):", assembly, re.MULTILINE)
        print("%-28s %-8s %-14s %2d parts of its functions apart%s" % (compiler, language[0], "put_all", len(apart),
                                                                       ": not so" if apart else ""))
        right = right and not apart
    return right


def check(compiler, includes):
    command = compiler.split()
    target = subprocess.run(command + ["-dumpmachine"], capture_output=True, text=True, check=True).stdout
    processor = target.split("-")[0]
    if processor not in LIMITS:
        print("%s: no limits for %s" % (compiler, processor))
        return None
    assembly = compile_to_text(command, includes, PROGRAM)
    right = True
    for function, limit in LIMITS[processor].items():
        found = hot_path(assembly, function)
        held = len(found) <= limit and found[-1].split()[0].startswith("ret")
        print("%-28s %-8s %-14s %2d instructions, at most %d%s" % (compiler, processor, function, len(found), limit,
                                                                  "" if held else ": TOO MANY"))
        if not held:
            print("    " + "\n    ".join(found))
        right = right and held
    for function in ("alloc_item", "alloc_few"):
        wide = [text for text in hot_path(assembly, function) if re.match(WIDE_LOAD[processor], text)]
        print("%-28s %-8s %-14s %2d wide loads from the stack%s" % (compiler, processor, function, len(wide),
                                                                   ": not so" if wide else ""))
        right = right and not wide
    right = check_clear(compiler, includes) and right
    right = check_buffer(compiler, includes) and right
    return check_barrier(compiler, includes) and right


def main(arguments):
    split = arguments.index("--")
    results = [check(compiler, arguments[:split]) for compiler in arguments[split + 1:]]
    known = [result for result in results if result is not None]
    if not known:
        return 77
    return 0 if all(known) else 1


sys.exit(main(sys.argv[1:]))
